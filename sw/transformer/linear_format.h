// SPDX-License-Identifier: Apache-2.0
// In which formats linear layers compute (docs/transformers.md, section 2).
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "sw/transformer/transformer.h"

namespace npugen {

enum class LinearFormat : uint8_t { kBf16, kFp8, kMxFp8, kInt8 };
/// "bf16", "fp8", "mxfp8", "int8".
std::string_view LinearFormatName(LinearFormat format);
std::optional<LinearFormat> LinearFormatOf(std::string_view name);

/// Formats of the linear layers of each block.
using LinearFormats = std::vector<std::array<LinearFormat, kLinearLayers>>;
/// The same one for all of them.
LinearFormats UniformFormats(const TransformerConfig& config, LinearFormat format);

}  // namespace npugen

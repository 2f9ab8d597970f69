// SPDX-License-Identifier: Apache-2.0
// Names of formats of linear layers.
#include "sw/transformer/linear_format.h"

#include <algorithm>

namespace npugen {
namespace {

constexpr std::string_view kLinearFormatNames[] = {"bf16", "fp8", "mxfp8", "int8"};

}  // namespace

std::string_view LinearFormatName(LinearFormat format) {
  return kLinearFormatNames[static_cast<size_t>(format)];
}

std::optional<LinearFormat> LinearFormatOf(std::string_view name) {
  const auto found = std::find(std::begin(kLinearFormatNames), std::end(kLinearFormatNames), name);
  if (found == std::end(kLinearFormatNames)) return std::nullopt;
  return static_cast<LinearFormat>(found - std::begin(kLinearFormatNames));
}

LinearFormats UniformFormats(const TransformerConfig& config, LinearFormat format) {
  std::array<LinearFormat, kLinearLayers> block;
  block.fill(format);
  return LinearFormats(config.layers, block);
}

}  // namespace npugen

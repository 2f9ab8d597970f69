// SPDX-License-Identifier: Apache-2.0
// Reads networks of bits from ONNX files (docs/onnx.md).
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "generator/support/diagnostic.h"
#include "sw/model/model.h"

namespace npugen {

/// The network in `bytes`, the contents of an .onnx file called `name`. Batch normalizations and
/// scales become integer thresholds, exactly. Nothing in the file is trusted. Operators that are
/// not known are listed at once; other errors name the first node (M13x, M108, M111).
Result<Model> ReadOnnx(std::span<const uint8_t> bytes, const std::string& name);

/// The network in the file at `path`.
Result<Model> LoadOnnx(const std::string& path);

}  // namespace npugen

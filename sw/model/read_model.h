// SPDX-License-Identifier: Apache-2.0
// The way from a file to a network, whatever the file's format.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "generator/support/diagnostic.h"
#include "sw/model/model.h"

namespace npugen {

/// The network in the file at `path`: TensorFlow Lite (by its identifier, or .tflite), a packed-bit
/// network (.json, or text that begins with a brace; docs/packed_bits.md), ONNX (.onnx;
/// docs/onnx.md). Files of other formats are refused (M109); otherwise errors are those of the
/// format's reader.
Result<Model> ReadModel(const std::string& path);
/// The network in `bytes`, the contents of the file at `path`.
Result<Model> ReadModelBytes(const std::vector<uint8_t>& bytes, const std::string& path);

}  // namespace npugen

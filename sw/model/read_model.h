// The way from a file to a network, whatever the file's format.
#pragma once

#include <string>

#include "generator/support/diagnostic.h"
#include "sw/model/model.h"

namespace npugen {

/// The network in the file at `path`: TensorFlow Lite (by its identifier, or .tflite), a packed-bit
/// network (.json, or text that begins with a brace; docs/packed_bits.md), ONNX (.onnx;
/// docs/onnx.md). Files of other formats are refused (M109); otherwise errors are those of the
/// format's reader.
Result<Model> ReadModel(const std::string& path);

}  // namespace npugen

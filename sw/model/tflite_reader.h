// SPDX-License-Identifier: Apache-2.0
// Reads int8 TensorFlow Lite files; whatever the file, the answer is a checked model or a list of
// errors.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "generator/support/diagnostic.h"
#include "sw/model/model.h"

namespace npugen {

/// The network in `bytes`, the contents of a .tflite file called `name`. Files come from anywhere:
/// nothing in them is trusted, and time and memory are bounded by a small multiple of their size.
/// All operators that are not supported are listed at once (codes M2xx); other errors are M1xx.
Result<Model> ReadTflite(std::span<const uint8_t> bytes, const std::string& name);

/// The network in the file at `path`; its name is the file's without folders.
Result<Model> LoadTflite(const std::string& path);

}  // namespace npugen

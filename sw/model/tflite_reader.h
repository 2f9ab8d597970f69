// SPDX-License-Identifier: Apache-2.0
// Reads int8 TensorFlow Lite files; whatever the file, the answer is a checked model or a list of
// errors.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "generator/support/diagnostic.h"
#include "sw/model/model.h"

namespace npugen {

/// The network in `bytes`, the contents of a .tflite file called `name`. Files come from anywhere:
/// nothing in them is trusted, and time and memory are bounded by a small multiple of their size.
/// All operators that are not supported are listed at once (codes M2xx); other errors are M1xx.
Result<Model> ReadTflite(std::span<const uint8_t> bytes, const std::string& name);

/// An operator of a file, supported or not.
struct SurveyedOperator {
  int32_t index = 0;           ///< position in the file
  std::string name;            ///< in the schema; of custom ones with their own name
  std::vector<int32_t> shape;  ///< of the first output
  uint64_t macs = 0;           ///< multiply-accumulates of products and recurrent layers
  bool folded = false;         ///< its result is known, or part of another operator
  Diagnostics refusals;        ///< every reason why it is not supported; empty: it is
};

/// A file as it is, whatever is refused.
struct TfliteSurvey {
  std::vector<SurveyedOperator> operators;  ///< all of the file
  Diagnostics others;                       ///< what is refused of the model as a whole
  Model model;  ///< operators without refusals; others may be missing between them
};

/// What there is in a file. Errors: the file is damaged, or a program for another NPU.
Result<TfliteSurvey> SurveyTflite(std::span<const uint8_t> bytes, const std::string& name);

/// The network in the file at `path`; its name is the file's without folders.
Result<Model> LoadTflite(const std::string& path);

}  // namespace npugen

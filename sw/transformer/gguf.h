// SPDX-License-Identifier: Apache-2.0
// GGUF files as they are: keys with values, and tensors by name.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "generator/support/diagnostic.h"
#include "sw/transformer/tensor_table.h"

namespace npugen {

/// A value of a key. Views are of the file's bytes.
struct GgufValue {
  enum class Kind : uint8_t { kWhole, kReal, kTruth, kText, kList };
  Kind kind = Kind::kWhole;
  int64_t whole = 0;  ///< kWhole; unsigned numbers of 2^63 and more are refused
  double real = 0;
  bool truth = false;
  std::string_view text;
  // Of a list:
  Kind element = Kind::kWhole;
  std::vector<std::string_view> texts;
  std::vector<double> numbers;  ///< of kWhole and kReal
};

struct Gguf {
  std::map<std::string, GgufValue, std::less<>> values;
  TensorTable tensors;
};

/// Everything in the file but what its tensors mean. Errors: M140, M141, M143, M144.
Result<Gguf> ParseGguf(std::span<const uint8_t> bytes, const std::string& file);

}  // namespace npugen

// SPDX-License-Identifier: Apache-2.0
// Sampling in the order of operations that decides which token it is.
#include "sw/transformer/sampling.h"

#include <algorithm>
#include <vector>

#include "sw/numerics/vector.h"

namespace npugen {

using numerics::Fp32;
using numerics::IsLess;

uint64_t SamplingNoise::Next() {
  state_ += 0x9e3779b97f4a7c15;
  uint64_t x = state_;
  x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
  x = (x ^ x >> 27) * 0x94d049bb133111eb;
  return x ^ x >> 31;
}

std::optional<uint32_t> NextToken(std::span<const Fp32> logits, const Sampling& sampling,
                                  SamplingNoise& noise) {
  if (logits.empty() || std::any_of(logits.begin(), logits.end(), numerics::IsNaN)) return {};
  if (numerics::IsZero(sampling.temperature)) {
    const auto largest = std::max_element(logits.begin(), logits.end(), IsLess);
    return static_cast<uint32_t>(largest - logits.begin());
  }
  struct Choice {
    Fp32 value;  ///< logit, then running sum
    uint32_t token;
  };
  std::vector<Choice> choices;
  choices.reserve(logits.size());
  for (uint32_t token = 0; token < logits.size(); ++token) {
    choices.push_back({numerics::Divide(logits[token], sampling.temperature), token});
  }
  // Divisions of infinities by an infinite temperature are the only ones that are no numbers.
  if (std::any_of(choices.begin(), choices.end(),
                  [](const Choice& choice) { return numerics::IsNaN(choice.value); })) {
    return {};
  }
  std::sort(choices.begin(), choices.end(), [](const Choice& a, const Choice& b) {
    return numerics::IsEqual(a.value, b.value) ? a.token < b.token : IsLess(b.value, a.value);
  });
  if (sampling.top_k > 0 && sampling.top_k < choices.size()) choices.resize(sampling.top_k);
  const Fp32 largest = choices.front().value;
  Fp32 sum = 0;
  for (Choice& choice : choices) {
    // Of equal infinities the difference would be no number.
    const Fp32 below =
        numerics::IsEqual(choice.value, largest) ? 0 : numerics::Subtract(choice.value, largest);
    sum = numerics::Add(sum, numerics::Exponential(below));
    choice.value = sum;
  }
  if (IsLess(sampling.top_p, numerics::kFp32One)) {
    const Fp32 share = numerics::Multiply(sampling.top_p, sum);
    const auto last = std::find_if(choices.begin(), choices.end(), [share](const Choice& choice) {
      return !IsLess(choice.value, share);
    });
    if (last != choices.end()) choices.erase(last + 1, choices.end());
  }
  const Fp32 uniform =
      numerics::Multiply(numerics::FromInteger(static_cast<int32_t>(noise.Next() >> 40)),
                         numerics::PowerOfTwo(numerics::FromInteger(-24)));
  const Fp32 drawn = numerics::Multiply(uniform, choices.back().value);
  const auto next = std::find_if(choices.begin(), choices.end() - 1, [drawn](const Choice& choice) {
    return IsLess(drawn, choice.value);
  });
  return next->token;
}

}  // namespace npugen

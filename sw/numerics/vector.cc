// SPDX-License-Identifier: Apache-2.0
// Programs in the order of operations that decides their bits.
#include "sw/numerics/vector.h"

#include <algorithm>
#include <array>

namespace npugen::numerics {

Fp32 Exponential(Fp32 x) {
  constexpr Fp32 kLog2OfE = 0x3fb8aa3b;
  constexpr Fp32 kFirst = 0x3f318000, kSecond = 0xb95e8083;  // ln 2 in two parts
  constexpr std::array<Fp32, 6> kPolynomial = {0x3f800000, 0x3f800000, 0x3f000000,
                                               0x3e2aaaab, 0x3d2aaaab, 0x3c088889};
  constexpr Fp32 kLowest = 0xc2a00000, kHighest = 0x42b00000;  // -80, 88
  if (IsNaN(x)) return kFp32NaN;
  if (IsLess(x, kLowest)) return 0;
  if (IsLess(kHighest, x)) return kFp32Infinity;
  const Fp32 n = RoundToWhole(Multiply(x, kLog2OfE));
  const Fp32 rest = Subtract(Subtract(x, Multiply(n, kFirst)), Multiply(n, kSecond));
  Fp32 result = kPolynomial.back();
  for (size_t i = kPolynomial.size() - 1; i > 0; --i) {
    result = Add(Multiply(result, rest), kPolynomial[i - 1]);
  }
  return Multiply(result, PowerOfTwo(n));
}

void PartialSums::Add(Fp32 x) {
  partial_[next_] = numerics::Add(partial_[next_], x);
  next_ = (next_ + 1) % 16;
}

Fp32 PartialSums::Total() const {
  std::array<Fp32, 16> sums;
  std::copy(std::begin(partial_), std::end(partial_), sums.begin());
  for (size_t half = 8; half > 0; half /= 2) {
    for (size_t i = 0; i < half; ++i) sums[i] = numerics::Add(sums[i], sums[i + half]);
  }
  return sums[0];
}

Fp32 SumOf(std::span<const Fp32> values) {
  PartialSums sums;
  for (const Fp32 value : values) sums.Add(value);
  return sums.Total();
}

Fp32 StepOfSgd(Fp32 weight, Fp32 gradient, Fp32 rate) {
  return Subtract(weight, Multiply(rate, gradient));
}

Fp32 StepOfMomentum(Fp32 weight, Fp32 gradient, Fp32 rate, Fp32 decay, Fp32& moment) {
  moment = Add(Multiply(decay, moment), gradient);
  return Subtract(weight, Multiply(rate, moment));
}

void AdamWCorrection::Advance(const AdamW& constants) {
  power1 = Multiply(power1, constants.beta1);
  power2 = Multiply(power2, constants.beta2);
  first = Divide(kFp32One, Subtract(kFp32One, power1));
  second = Divide(kFp32One, Subtract(kFp32One, power2));
}

Fp32 StepOfAdamW(Fp32 weight, Fp32 gradient, const AdamW& constants,
                 const AdamWCorrection& correction, Fp32& moment1, Fp32& moment2) {
  const Fp32 rest1 = Subtract(kFp32One, constants.beta1);
  const Fp32 rest2 = Subtract(kFp32One, constants.beta2);
  moment1 = Add(Multiply(constants.beta1, moment1), Multiply(rest1, gradient));
  moment2 = Add(Multiply(constants.beta2, moment2), Multiply(rest2, Multiply(gradient, gradient)));
  const Fp32 decayed =
      Subtract(weight, Multiply(Multiply(constants.rate, constants.weight_decay), weight));
  const Fp32 root = SquareRoot(Multiply(moment2, correction.second));
  const Fp32 direction = Divide(Multiply(moment1, correction.first), Add(root, constants.epsilon));
  return Subtract(decayed, Multiply(constants.rate, direction));
}

void DelayedScale::Update(ScaleSource source, Fp32 largest, int32_t margin, bool keep_unused) {
  if (history.empty()) return;
  const Fp32 last = history.front();
  Fp32 amax = last;
  if (source == ScaleSource::kMaximum) {
    for (const Fp32 magnitude : history) amax = Maximum(amax, magnitude);
  }
  if (!keep_unused || !IsZero(last)) {
    std::rotate(history.begin(), history.begin() + 1, history.end());
    history.back() = last;
    history.front() = 0;
  }
  if (IsFinite(amax) && IsLess(0, amax)) {
    const Fp32 target = Multiply(largest, PowerOfTwo(FromInteger(-margin)));
    scale = Divide(target, amax);
    if (IsInfinite(scale)) scale = kFp32Largest;
  }
  inverse = Divide(kFp32One, scale);
}

namespace {
constexpr size_t kMaskedWords = 32;
constexpr size_t kMaskBytes = 4;
}  // namespace

std::vector<uint8_t> ZeroesRemoved(std::span<const uint16_t> words) {
  std::vector<uint8_t> bytes;
  for (size_t first = 0; first < words.size(); first += kMaskedWords) {
    const auto block = words.subspan(first, std::min(kMaskedWords, words.size() - first));
    uint32_t mask = 0;
    for (size_t i = 0; i < block.size(); ++i) mask |= block[i] != 0 ? 1u << i : 0;
    for (size_t i = 0; i < kMaskBytes; ++i) bytes.push_back(static_cast<uint8_t>(mask >> 8 * i));
    for (const uint16_t word : block) {
      if (word == 0) continue;
      bytes.push_back(static_cast<uint8_t>(word));
      bytes.push_back(static_cast<uint8_t>(word >> 8));
    }
  }
  return bytes;
}

std::vector<uint16_t> ZeroesRestored(std::span<const uint8_t> bytes, size_t count) {
  std::vector<uint16_t> words;
  size_t at = 0;
  while (words.size() < count && bytes.size() - at >= kMaskBytes) {
    uint32_t mask = 0;
    for (size_t i = 0; i < kMaskBytes; ++i) mask |= uint32_t{bytes[at + i]} << 8 * i;
    at += kMaskBytes;
    for (size_t i = 0; i < kMaskedWords && words.size() < count; ++i) {
      if ((mask >> i & 1) == 0) {
        words.push_back(0);
        continue;
      }
      if (bytes.size() - at < 2) return words;
      words.push_back(static_cast<uint16_t>(bytes[at] | bytes[at + 1] << 8));
      at += 2;
    }
  }
  return words;
}

}  // namespace npugen::numerics

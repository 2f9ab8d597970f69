// SPDX-License-Identifier: Apache-2.0
// What programs of the vector unit compute: exponentials, sums, optimizers, scales.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "sw/numerics/fp32.h"

namespace npugen::numerics {

/// e^x: 0 below -80, infinity above 88, else a polynomial of degree 5 in what is left of x after
/// whole powers of two.
Fp32 Exponential(Fp32 x);

/// The sum in 16 partial ones, element i in number i % 16, which are added up by halves.
class PartialSums {
 public:
  /// Adds the next element.
  void Add(Fp32 x);
  Fp32 Total() const;

 private:
  Fp32 partial_[16] = {};
  uint32_t next_ = 0;
};
Fp32 SumOf(std::span<const Fp32> values);

/// w - rate * gradient.
Fp32 StepOfSgd(Fp32 weight, Fp32 gradient, Fp32 rate);
/// moment = decay * moment + gradient; w - rate * moment.
Fp32 StepOfMomentum(Fp32 weight, Fp32 gradient, Fp32 rate, Fp32 decay, Fp32& moment);

/// Constants of AdamW.
struct AdamW {
  Fp32 rate, beta1, beta2, epsilon, weight_decay;
};
/// What corrects AdamW's moments in a step, and the powers that it comes from: 1 before the first.
struct AdamWCorrection {
  Fp32 power1 = kFp32One, power2 = kFp32One;
  Fp32 first = 0, second = 0;  ///< 1 / (1 - beta^step)

  void Advance(const AdamW& constants);
};
Fp32 StepOfAdamW(Fp32 weight, Fp32 gradient, const AdamW& constants,
                 const AdamWCorrection& correction, Fp32& moment1, Fp32& moment2);

/// Which magnitude of the history a scale follows.
enum class ScaleSource : uint8_t { kMaximum, kMostRecent };

/// Delayed scaling of FP8, TransformerEngine's recipe: history[0] takes the magnitudes of a step.
struct DelayedScale {
  std::vector<Fp32> history;
  Fp32 scale = kFp32One;
  Fp32 inverse = kFp32One;

  /// The update between steps. `largest` is that of the format; margin: powers of two below it.
  /// With `keep_unused` the history stays where history[0] is 0.
  void Update(ScaleSource source, Fp32 largest, int32_t margin, bool keep_unused);
};

/// Blocks of 32 words of 16 bits: a mask of those that are not 0, and these, little endian.
std::vector<uint8_t> ZeroesRemoved(std::span<const uint16_t> words);
/// The first `count` words of what ZeroesRemoved() made; fewer where the bytes end.
std::vector<uint16_t> ZeroesRestored(std::span<const uint8_t> bytes, size_t count);

}  // namespace npugen::numerics

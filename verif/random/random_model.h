// SPDX-License-Identifier: Apache-2.0
// Small random networks with awkward shapes, the same for the same seed on every machine.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "sw/model/model.h"

namespace npugen::testing {

/// Reproducible random numbers (splitmix64).
class RandomSource {
 public:
  explicit RandomSource(uint64_t seed) : state_(seed) {}
  uint64_t Next();
  /// Uniform in low..high, both included.
  int32_t Integer(int32_t low, int32_t high);
  /// Uniform in [low, high).
  double Real(double low, double high);
  /// True with probability 1 / `one_in`.
  bool Chance(int32_t one_in) { return Integer(1, one_in) == 1; }
  /// One of the list.
  int32_t Pick(const std::vector<int32_t>& values);

 private:
  uint64_t state_;
};

/// Kinds 0 to kDrawnOperators - 1 are those of TFLite files: random ones of them can be made.
inline constexpr int32_t kDrawnOperators = static_cast<int32_t>(OperatorType::kBinaryConv2d);

/// A network in every form that tests need.
struct RandomModel {
  std::string name;             ///< such as "conv_2d_17"
  Model model;                  ///< as assembled, not as read
  std::vector<uint8_t> tflite;  ///< the file
};

/// One operator of kind `type`; its output scale is such that results use much of the int8 range
/// (sometimes too much: saturation is wanted as well). All are accepted by the reader.
RandomModel MakeRandomOperator(OperatorType type, uint64_t seed);

/// The same with images of up to 40 x 40 and up to 130 channels, as layers of networks have.
RandomModel MakeLargeRandomOperator(OperatorType type, uint64_t seed);

/// A chain of 3 to 9 operators with residual additions, often closed by a fully connected layer and
/// softmax.
RandomModel MakeRandomNetwork(uint64_t seed);

/// A chain of up to 8 operators of any kind but ARG_MAX and ARG_MIN; every tensor that no operator
/// reads is an output.
RandomModel MakeRandomMixedNetwork(uint64_t seed);

/// A stem and up to five blocks as networks for small machines have them: inverted residuals,
/// squeeze-excite, necks that resize and concatenate, pyramids of pools; functions (hard-swish,
/// logistic, x * logistic(x), relu6, leaky relu ...) are often operators of their own. Images of up
/// to 72 x 72, mostly a few million multiplications; what no operator reads is an output.
RandomModel MakeRandomBlockNetwork(uint64_t seed);

/// One random tensor's bytes for each input of `model`: full range, or all the same, or near zero.
std::vector<std::vector<uint8_t>> MakeRandomInputs(const Model& model, uint64_t seed);

}  // namespace npugen::testing

// SPDX-License-Identifier: Apache-2.0
// How random operators are drawn: one entry for each row of the operator table.
#pragma once

#include <cmath>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "sw/model/quantization.h"
#include "verif/random/random_model.h"
#include "verif/random/tflite_writer.h"

namespace npugen::testing {

inline constexpr double kStandardDeviation = 74.0;  // of uniform int8

/// A network under construction, with random shapes, scales and weights.
class Drawer {
 public:
  Drawer(const std::string& name, uint64_t seed, bool large_images)
      : random(seed), writer(name), large(large_images) {}

  RandomSource random;
  TfliteWriter writer;
  const bool large;

  /// Adds an operator on tensor `input` and gives its (first) output; nothing if it cannot follow
  /// here.
  std::optional<int32_t> Append(OperatorType type, int32_t input);

  /// Sizes of images and numbers of channels.
  /// Sizes of images and numbers of channels.
  int32_t Side() { return large ? random.Integer(7, 40) : random.Integer(1, 13); }
  int32_t Channels();
  float Scale();
  int32_t ZeroPoint();
  npugen::Activation Fused();
  Padding AnyPadding() { return random.Chance(2) ? Padding::kSame : Padding::kValid; }
  std::vector<int8_t> RandomWeights(int64_t count);
  /// One scale, or one per channel with a factor of up to 8 between them.
  std::vector<float> FilterScales(int32_t channels, bool per_channel);
  /// A scale that maps sums of `taps` products to about a third of the int8 range, more or less.
  float OutputScale(float input_scale, const std::vector<float>& filter_scales, int64_t taps);
  int32_t Bias(int32_t channels, int64_t taps);
  const Tensor& At(int32_t tensor) { return writer.model().tensors[tensor]; }
  /// Window, stride and dilation along one dimension of `size`, such that a VALID window fits.
  void Window(int32_t size, int32_t& filter, int32_t& stride, int32_t& dilation);
  /// A tensor with the quantization of another one.
  int32_t Like(const Tensor& tensor, std::vector<int32_t> shape);
  int32_t List(const std::vector<int32_t>& values);
  float Around(double scale) { return static_cast<float>(scale * random.Real(0.4, 2.0)); }
  int32_t AnyAxis(const Tensor& in);
  /// A second operand of `shape` or one that broadcasts to it: an input or a constant.
  int32_t SecondOperand(std::vector<int32_t> shape, float scale, int32_t zero_point);
  int32_t Constant(const std::vector<int32_t>& shape, float scale, int32_t zero_point);
};

/// How an operator is drawn.
struct OperatorDraw {
  /// Appends the operator on tensor `input`, which is `in`; as Drawer::Append.
  std::optional<int32_t> (*append)(Drawer& draw, int32_t input, const Tensor& in);
  bool needs_image = false;  ///< of rank 4
  /// Brings the shape of the input of a network of this operator alone into a legal form.
  void (*fit)(std::vector<int32_t>& shape) = nullptr;
  /// Changes that operator once it is complete.
  void (*finish)(Drawer& draw, const Operator& op) = nullptr;
  bool least_zero_point = false;  ///< its input's zero point has to be -128
};

#define NPUGEN_OPERATOR(kind, ...) extern const OperatorDraw k##kind##Draw;
#define NPUGEN_HOST_OPERATOR(...)
#include "sw/model/operators.def"
#undef NPUGEN_OPERATOR

const OperatorDraw& DrawOf(OperatorType type);

}  // namespace npugen::testing

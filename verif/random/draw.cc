// SPDX-License-Identifier: Apache-2.0
// What all random operators share.
#include "verif/random/draw.h"

#include <algorithm>

namespace npugen::testing {
namespace {

const std::vector<int32_t> kChannels = {1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 24, 31, 33};
const std::vector<int32_t> kManyChannels = {3, 8, 16, 20, 24, 32, 40, 48, 64, 96, 130};

constexpr const OperatorDraw* kDraws[] = {
#define NPUGEN_OPERATOR(kind, ...) &k##kind##Draw,
#define NPUGEN_HOST_OPERATOR(...)
#include "sw/model/operators.def"
#undef NPUGEN_OPERATOR
};

std::optional<int32_t> Nothing(Drawer&, int32_t, const Tensor&) { return std::nullopt; }

}  // namespace

const OperatorDraw& DrawOf(OperatorType type) { return *kDraws[static_cast<size_t>(type)]; }

// Not of TFLite.
const OperatorDraw kBinaryConv2dDraw = {Nothing};
const OperatorDraw kThermometerDraw = {Nothing};
// tests/support/stateful_network.h has networks of it.
const OperatorDraw kSvdfDraw = {Nothing};

std::optional<int32_t> Drawer::Append(OperatorType type, int32_t input) {
  const Tensor in = At(input);
  const OperatorDraw& draw = DrawOf(type);
  if (draw.needs_image && in.shape.size() != 4) return std::nullopt;
  if (in.shape.empty()) return std::nullopt;
  return draw.append(*this, input, in);
}

int32_t Drawer::Channels() { return random.Pick(large ? kManyChannels : kChannels); }

float Drawer::Scale() {
  return static_cast<float>(std::exp(random.Real(std::log(0.004), std::log(0.5))));
}

int32_t Drawer::ZeroPoint() {
  return random.Chance(3) ? random.Pick({-128, 127, 0, -1}) : random.Integer(-128, 127);
}

npugen::Activation Drawer::Fused() {
  return random.Chance(2) ? npugen::Activation::kNone
                          : static_cast<npugen::Activation>(random.Integer(1, 3));
}

std::vector<int8_t> Drawer::RandomWeights(int64_t count) {
  std::vector<int8_t> values(count);
  for (int8_t& value : values) value = static_cast<int8_t>(random.Integer(-127, 127));
  return values;
}

std::vector<float> Drawer::FilterScales(int32_t channels, bool per_channel) {
  std::vector<float> scales(per_channel ? channels : 1);
  const double base = std::exp(random.Real(std::log(0.0005), std::log(0.02)));
  for (float& scale : scales) scale = static_cast<float>(base * std::exp(random.Real(0.0, 2.0)));
  return scales;
}

float Drawer::OutputScale(float input_scale, const std::vector<float>& filter_scales,
                          int64_t taps) {
  const double largest = *std::max_element(filter_scales.begin(), filter_scales.end());
  const double spread = input_scale * largest * kStandardDeviation * kStandardDeviation *
                        std::sqrt(static_cast<double>(taps));
  return static_cast<float>(spread / random.Real(10.0, 90.0));
}

int32_t Drawer::Bias(int32_t channels, int64_t taps) {
  if (random.Chance(5)) return -1;
  const auto limit = static_cast<int32_t>(8000.0 * std::sqrt(static_cast<double>(taps)));
  std::vector<int32_t> values(channels);
  for (int32_t& value : values) value = random.Integer(-limit, limit);
  return writer.Integers({channels}, values);
}

void Drawer::Window(int32_t size, int32_t& filter, int32_t& stride, int32_t& dilation) {
  filter = random.Integer(1, std::min(size, 5));
  stride = random.Pick({1, 1, 1, 2, 2, 3});
  dilation = stride == 1 && random.Chance(4) && (filter - 1) * 2 + 1 <= size ? 2 : 1;
}

int32_t Drawer::Like(const Tensor& tensor, std::vector<int32_t> shape) {
  return writer.Activation(std::move(shape), tensor.scale(), tensor.zero_point());
}

int32_t Drawer::List(const std::vector<int32_t>& values) {
  return writer.Integers({static_cast<int32_t>(values.size())}, values);
}

int32_t Drawer::AnyAxis(const Tensor& in) {
  return random.Integer(0, static_cast<int32_t>(in.shape.size()) - 1);
}

int32_t Drawer::SecondOperand(std::vector<int32_t> shape, float scale, int32_t zero_point) {
  if (random.Chance(3)) {
    for (int32_t& size : shape) size = random.Chance(2) ? 1 : size;
    if (random.Chance(2)) shape.erase(shape.begin(), shape.end() - 1);
  }
  if (!random.Chance(3)) return writer.Input(shape, scale, zero_point);
  return Constant(shape, scale, zero_point);
}

int32_t Drawer::Constant(const std::vector<int32_t>& shape, float scale, int32_t zero_point) {
  int64_t count = 1;
  for (int32_t size : shape) count *= size;
  const int32_t tensor = writer.Weights(shape, RandomWeights(count), {scale});
  writer.model().tensors[tensor].zero_points = {zero_point};
  return tensor;
}

}  // namespace npugen::testing

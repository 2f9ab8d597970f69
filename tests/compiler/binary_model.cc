// SPDX-License-Identifier: Apache-2.0
// Random networks of bits.
#include "tests/compiler/binary_model.h"

#include <fmt/format.h>

#include <algorithm>

#include "sw/model/bit_model.h"

namespace npugen::testing {
namespace {

class Builder {
 public:
  explicit Builder(RandomSource* random) : random_(*random) { model_.name = "binary"; }

  /// Layers of values, most with residuals, of one plane, two or none.
  Model RunValues() {
    int32_t data = Add(TensorType::kInt8, {1, 2 * random_.Integer(1, 5), 2 * random_.Integer(1, 5),
                                           random_.Integer(1, 2)});
    model_.inputs = {data};
    ThermometerOptions options;
    options.levels = 8 * random_.Integer(1, 2);
    for (int32_t i = 0; i < options.levels; ++i) options.list.push_back(random_.Integer(-99, 99));
    std::vector<int32_t> shape = model_.tensors[data].shape;
    shape[3] *= options.levels;
    const int32_t bits = Add(TensorType::kBits, shape);
    Append(OperatorType::kThermometer, {data}, bits, options);
    data = bits;
    std::vector<int32_t> values;
    const int32_t layers = random_.Integer(1, 4);
    for (int32_t i = 0; i < layers; ++i) {
      data = Values(data, values, i + 1 == layers);
      values.push_back(data);
    }
    model_.outputs = {data};
    return std::move(model_);
  }

  Model Run() {
    int32_t data = Input();
    const int32_t layers = random_.Integer(0, 3);
    for (int32_t i = 0; i < layers; ++i) {
      const Tensor& in = model_.tensors[data];
      if (random_.Chance(3) && in.shape[1] > 1 && in.shape[2] > 1) {
        data = Pool(data);
      } else {
        data = Convolution(data, TensorType::kBits);
      }
    }
    const TensorType last[] = {TensorType::kInt32, TensorType::kInt8, TensorType::kBits};
    data = Convolution(data, last[random_.Integer(0, 2)]);
    model_.outputs = {data};
    return std::move(model_);
  }

 private:
  int32_t Add(TensorType type, std::vector<int32_t> shape, int32_t planes = 1) {
    Tensor tensor;
    tensor.name = fmt::format("t{}", model_.tensors.size());
    tensor.type = type;
    tensor.shape = std::move(shape);
    tensor.planes = planes;
    if (type == TensorType::kInt8) {
      tensor.scales = {0.5f};
      tensor.zero_points = {random_.Integer(-128, 127)};
    }
    return AppendTensor(&model_, std::move(tensor));
  }

  void Append(OperatorType type, std::vector<int32_t> inputs, int32_t output,
              OperatorOptions options) {
    AppendOperator(&model_, type, std::move(inputs), output, std::move(options));
  }

  int32_t Input() {
    const int32_t h = random_.Integer(1, 9), w = random_.Integer(1, 9);
    const int32_t c = random_.Integer(1, 3), n = random_.Chance(5) ? 2 : 1;
    const bool bytes = random_.Chance(3);
    const int32_t input = Add(bytes ? TensorType::kUint8 : TensorType::kInt8, {n, h, w, c});
    model_.inputs = {input};
    if (!bytes && random_.Chance(2)) return Convolution(input, TensorType::kBits);
    ThermometerOptions options;
    options.levels = random_.Integer(1, 20);
    options.first = bytes ? random_.Integer(0, 100) : random_.Integer(-100, 20);
    options.step = random_.Integer(1, 6);
    const int32_t output = Add(TensorType::kBits, {n, h, w, c * options.levels});
    Append(OperatorType::kThermometer, {input}, output, options);
    return output;
  }

  int32_t Pool(int32_t input) {
    const Tensor in = model_.tensors[input];
    PoolOptions options;
    options.padding = random_.Chance(2) ? Padding::kSame : Padding::kValid;
    options.filter_h = random_.Integer(1, std::min(3, in.shape[1]));
    options.filter_w = random_.Integer(1, std::min(3, in.shape[2]));
    options.stride_h = random_.Integer(1, 2);
    options.stride_w = random_.Integer(1, 2);
    const bool same = options.padding == Padding::kSame;
    const auto size = [&](int32_t in_size, int32_t filter, int32_t stride) {
      return same ? (in_size + stride - 1) / stride : (in_size - filter) / stride + 1;
    };
    const int32_t output = Add(TensorType::kBits,
                               {in.shape[0], size(in.shape[1], options.filter_h, options.stride_h),
                                size(in.shape[2], options.filter_w, options.stride_w), in.shape[3]},
                               in.planes);
    Append(OperatorType::kMaxPool2d, {input}, output, options);
    return output;
  }

  std::vector<int32_t> Numbers(int32_t count, int32_t least, int32_t most) {
    std::vector<int32_t> numbers;
    for (int32_t i = 0; i < count; ++i) {
      const bool extreme = random_.Chance(12);
      numbers.push_back(extreme ? (random_.Chance(2) ? least : most)
                                : random_.Integer(least / 16, most / 16));
    }
    return numbers;
  }

  int32_t Values(int32_t input, const std::vector<int32_t>& values, bool last) {
    const Tensor in = model_.tensors[input];
    BinaryConvOptions options;
    const int32_t kernel = random_.Chance(3) ? 1 : 3;
    const bool halves = in.shape[1] % 2 == 0 && in.shape[2] % 2 == 0 && random_.Chance(2);
    options.stride_h = options.stride_w = halves ? 2 : 1;
    options.pad_top = options.pad_left = kernel / 2;
    options.skip_outside = random_.Chance(2);
    const int32_t height = in.shape[1] / options.stride_h, width = in.shape[2] / options.stride_w;
    int32_t channels = 8 * random_.Integer(1, 5);
    std::vector<int32_t> fitting;
    for (int32_t value : values) {
      const std::vector<int32_t>& shape = model_.tensors[value].shape;
      const bool same = shape[1] == height && shape[2] == width;
      const bool twice = shape[1] == 2 * height && shape[2] == 2 * width;
      if (same || twice) fitting.push_back(value);
    }
    std::vector<int32_t> operands = {input, -1};
    if (!fitting.empty() && !random_.Chance(4)) {
      operands.push_back(fitting[random_.Integer(0, static_cast<int32_t>(fitting.size()) - 1)]);
      channels = model_.tensors[operands[2]].shape[3] * random_.Integer(1, 3);
    }
    const int32_t filter = Add(TensorType::kBits, {channels, kernel, kernel, in.shape[3]});
    Tensor& weights = model_.tensors[filter];
    weights.is_constant = true;
    weights.data.resize(weights.bytes());
    for (uint8_t& byte : weights.data) byte = static_cast<uint8_t>(random_.Integer(0, 255));
    operands[1] = filter;
    const int32_t spread = std::max(1, kernel * kernel * in.shape[3] / 3);
    if (in.planes == 2 && !random_.Chance(3)) {
      for (int32_t o = 0; o < channels; ++o) {
        options.gates.push_back(random_.Integer(-spread, spread));
      }
    }
    AffineOptions a;
    a.plane_weights[0] = random_.Integer(0, 255);
    a.plane_weights[1] = random_.Integer(0, 255);
    a.sum_shift = random_.Integer(0, 3);
    a.multipliers = Numbers(channels, INT16_MIN, INT16_MAX);
    a.biases = Numbers(channels, -(1 << 23), (1 << 23) - 1);
    a.shift = random_.Integer(4, 15);
    a.slopes = Numbers(channels, INT16_MIN, INT16_MAX);
    a.slope_shift = random_.Integer(0, 15);
    a.offsets = Numbers(channels, INT16_MIN, INT16_MAX);
    a.scales = Numbers(channels, INT16_MIN, INT16_MAX);
    a.scale_biases = Numbers(channels, -(1 << 23), (1 << 23) - 1);
    a.scale_shift = random_.Integer(0, 15);
    const int32_t codes = last && random_.Chance(2) ? 0 : random_.Chance(3) ? 1 : 3;
    for (int32_t i = 0; i < codes; ++i) {
      a.codes.push_back(i == 0 ? random_.Integer(-9000, 3000)
                               : a.codes[static_cast<size_t>(i) - 1] + random_.Integer(0, 9000));
    }
    options.affine = a;
    const int32_t output = Add(codes == 0 ? TensorType::kInt16 : TensorType::kBits,
                               {1, height, width, channels}, codes == 3 ? 2 : 1);
    model_.tensors[output].values = codes != 0;
    Append(OperatorType::kBinaryConv2d, operands, output, options);
    return output;
  }

  int32_t Convolution(int32_t input, TensorType type) {
    const Tensor in = model_.tensors[input];
    const bool bits = in.type == TensorType::kBits;
    BinaryConvOptions options;
    const bool whole = random_.Chance(4);  // as a fully connected layer
    const int32_t tallest = random_.Chance(4) ? 7 : 3;
    const int32_t kernel_h =
        whole ? in.shape[1] : random_.Integer(1, std::min(tallest, in.shape[1]));
    const int32_t kernel_w = whole ? in.shape[2] : random_.Integer(1, std::min(3, in.shape[2]));
    options.stride_h = random_.Integer(1, 2);
    options.stride_w = random_.Integer(1, 2);
    options.pad_top = whole ? 0 : random_.Integer(0, kernel_h - 1);
    options.pad_left = whole ? 0 : random_.Integer(0, kernel_w - 1);
    const int32_t below = whole ? 0 : random_.Integer(0, kernel_h - 1);
    const int32_t right = whole ? 0 : random_.Integer(0, kernel_w - 1);
    const int32_t channels = random_.Chance(2) ? random_.Integer(1, 9) : random_.Integer(10, 50);
    const int32_t depth = in.shape[3];
    options.skip_outside = bits && random_.Chance(2);
    const std::vector<int32_t> shape = {
        in.shape[0], (in.shape[1] + options.pad_top + below - kernel_h) / options.stride_h + 1,
        (in.shape[2] + options.pad_left + right - kernel_w) / options.stride_w + 1, channels};
    const int32_t filter =
        Add(bits ? TensorType::kBits : TensorType::kInt8, {channels, kernel_h, kernel_w, depth});
    Tensor& weights = model_.tensors[filter];
    weights.is_constant = true;
    if (!bits) weights.zero_points = {0};
    weights.data.resize(weights.bytes());
    for (uint8_t& byte : weights.data) byte = static_cast<uint8_t>(random_.Integer(0, 255));
    if (bits && depth % 8 != 0) {
      const size_t pixel = static_cast<size_t>((depth + 7) / 8);
      for (size_t i = pixel - 1; i < weights.data.size(); i += pixel) {
        weights.data[i] &= static_cast<uint8_t>((1 << depth % 8) - 1);
      }
    }
    const int32_t taps = kernel_h * kernel_w * depth;
    const int32_t spread = bits ? std::max(1, taps / 3) : 64 * taps;
    const bool three = type == TensorType::kBits && bits && random_.Chance(2);
    if (in.planes == 2 && !random_.Chance(3)) {
      for (int32_t o = 0; o < channels; ++o) {
        options.gates.push_back(random_.Integer(-spread, spread));
      }
    }
    const int32_t output = Add(type, shape, three ? 2 : 1);
    for (int32_t i = 0; type == TensorType::kBits && i < (three ? 3 : 1); ++i) {
      options.thresholds.emplace_back();
      for (int32_t o = 0; o < channels; ++o) {
        const int32_t above = i == 0 ? 0 : options.thresholds[i - 1][o];
        options.thresholds[i].push_back(i == 0 ? random_.Integer(-spread, spread)
                                               : above + random_.Integer(0, spread));
      }
    }
    for (int32_t o = 0; o < channels; ++o) {
      if (type == TensorType::kBits) {
        options.flip.push_back(random_.Chance(3) ? 1 : 0);
      } else {
        options.bias.push_back(random_.Integer(-1000, 1000));
        options.shifts.push_back(-random_.Integer(bits ? -2 : 6, bits ? 4 : 12));
        // Doubled sums (see PixelOf in sw/compiler/lower/binary.cc) take no odd multiplier.
        const bool doubled = depth % 2 != 0 && (options.skip_outside || !options.gates.empty());
        const int32_t multiplier = random_.Integer(1 << 30, 0x7fffffff);
        options.multipliers.push_back(doubled ? multiplier & ~1 : multiplier);
      }
    }
    if (type != TensorType::kInt8) options.multipliers.clear(), options.shifts.clear();
    Append(OperatorType::kBinaryConv2d, {input, filter}, output, options);
    return output;
  }

  RandomSource& random_;
  Model model_;
};

/// Most that a sum of the convolution can be either way.
int64_t Reach(const Model& model, const Operator& op) {
  const Tensor& input = model.tensors[op.inputs[0]];
  const Tensor& filter = model.tensors[op.inputs[1]];
  const int64_t taps = filter.elements() / filter.shape[0];
  return input.type == TensorType::kBits ? taps * (input.planes == 2 ? 3 : 1) : taps * 255 * 128;
}

int32_t ExtremeInteger(RandomSource* random) {
  switch (random->Integer(0, 4)) {
    case 0:
      return INT32_MIN + random->Integer(0, 300);
    case 1:
      return INT32_MAX - random->Integer(0, 300);
    case 2:
      return (1 << 30) + random->Integer(-300, 300);
    case 3:
      return -(1 << 30) + random->Integer(-300, 300);
    default:
      return random->Integer(INT32_MIN, INT32_MAX);
  }
}

}  // namespace

void MakeExtreme(Model* model, RandomSource* random) {
  for (Operator& op : model->operators) {
    auto* options = std::get_if<BinaryConvOptions>(&op.options);
    if (options == nullptr) continue;
    const int64_t reach = Reach(*model, op);
    const size_t channels = static_cast<size_t>(model->tensors[op.outputs[0]].shape[3]);
    // Channels that differ, or all alike, so that commands have a common scale.
    const bool alike = random->Chance(3);
    for (size_t o = 0; o < channels; ++o) {
      if (!random->Chance(3)) continue;
      if (!options->bias.empty()) {
        options->bias[o] = static_cast<int32_t>(
            std::clamp<int64_t>(ExtremeInteger(random), INT32_MIN + reach, INT32_MAX - reach));
      }
      if (!options->gates.empty()) options->gates[o] = ExtremeInteger(random);
      if (!options->multipliers.empty() && !alike) {
        options->multipliers[o] =
            random->Pick({0, 1, 2, 3, 255, 1 << 29, 1 << 30, INT32_MAX - 1, INT32_MAX});
        options->shifts[o] = random->Pick({-31, -30, -16, -1, 0, 1, 2, 7, 9, 10, 11, 29, 30});
      }
      std::vector<int32_t> thresholds;
      for (const auto& list : options->thresholds) {
        thresholds.push_back(random->Chance(2) ? ExtremeInteger(random) : list[o]);
      }
      std::sort(thresholds.begin(), thresholds.end());
      for (size_t i = 0; i < thresholds.size(); ++i) options->thresholds[i][o] = thresholds[i];
    }
    if (alike && !options->multipliers.empty()) {
      const int32_t multiplier = random->Pick({3, 1 << 30, INT32_MAX});
      const int32_t shift = random->Pick({-20, -5, 1, 5, 12});
      std::fill(options->multipliers.begin(), options->multipliers.end(), multiplier);
      std::fill(options->shifts.begin(), options->shifts.end(), shift);
    }
  }
}

Model RandomBinaryModel(RandomSource* random) { return Builder(random).Run(); }
Model RandomValuesModel(RandomSource* random) { return Builder(random).RunValues(); }

}  // namespace npugen::testing

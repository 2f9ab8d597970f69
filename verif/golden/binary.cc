// SPDX-License-Identifier: Apache-2.0
// Bits are unpacked to numbers first; after that these are ordinary convolutions and comparisons.
#include "verif/golden/binary.h"

#include <algorithm>
#include <cstring>

#include "sw/model/bits.h"
#include "sw/model/quantization.h"
#include "verif/golden/golden_model.h"
#include "verif/golden/kernels.h"

namespace npugen::golden {

int16_t ValueAt(const Tensor& tensor, const std::vector<uint8_t>& bytes, int64_t y, int64_t x,
                int64_t c) {
  int16_t value = 0;
  std::memcpy(&value, bytes.data() + PlaceOfValue(tensor, y, x, c), 2);
  return value;
}

namespace {

bool BitAt(const std::vector<uint8_t>& bytes, const BitPlace& place) {
  return place.byte < bytes.size() && (bytes[place.byte] >> place.shift & 1) != 0;
}

void SetCode(const Tensor& tensor, std::vector<uint8_t>& bytes, int64_t n, int64_t y, int64_t x,
             int64_t c, int32_t code) {
  for (int32_t plane = 0; plane < tensor.planes; ++plane) {
    if ((code >> (tensor.planes - 1 - plane) & 1) == 0) continue;
    const BitPlace place = PlaceOfBit(tensor, n, y, plane, x, c);
    bytes[place.byte] = static_cast<uint8_t>(bytes[place.byte] | 1 << place.shift);
  }
}

// One plane of a tensor of bits as +1 and -1, or bytes less their zero point; NHWC.
std::vector<int16_t> Numbers(const Tensor& tensor, const std::vector<uint8_t>& bytes,
                             int32_t plane) {
  std::vector<int16_t> numbers;
  numbers.reserve(static_cast<size_t>(tensor.elements()));
  if (tensor.type != TensorType::kBits) {
    for (uint8_t byte : bytes) {
      numbers.push_back(static_cast<int16_t>(static_cast<int8_t>(byte) - tensor.zero_point()));
    }
    return numbers;
  }
  for (int64_t n = 0; n < tensor.shape[0]; ++n) {
    for (int64_t y = 0; y < tensor.shape[1]; ++y) {
      for (int64_t x = 0; x < tensor.shape[2]; ++x) {
        for (int64_t c = 0; c < tensor.shape[3]; ++c) {
          numbers.push_back(BitAt(bytes, PlaceOfBit(tensor, n, y, plane, x, c)) ? 1 : -1);
        }
      }
    }
  }
  return numbers;
}

// Sums of products stay below 2^31: the readers see to that.
int32_t Dot(const int16_t* a, const int16_t* b, size_t count) {
  int32_t sum = 0;
  for (size_t i = 0; i < count; ++i) sum += int32_t{a[i]} * b[i];
  return sum;
}

// How many thresholds of channel `o` the sum reaches, counted from the other end if it is flipped.
int32_t CodeOf(const BinaryConvOptions& options, int64_t o, int32_t sum) {
  int32_t reached = 0;
  for (const std::vector<int32_t>& threshold : options.thresholds) {
    if (sum >= threshold[o]) ++reached;
  }
  const auto all = static_cast<int32_t>(options.thresholds.size());
  return options.flip[o] != 0 ? all - reached : reached;
}

int64_t Saturated(int64_t value) { return std::clamp<int64_t>(value, INT16_MIN, INT16_MAX); }

// (value + half) / 2^shift, rounded down.
int64_t RoundedShift(int64_t value, int32_t shift) {
  return (value + (shift == 0 ? 0 : int64_t{1} << (shift - 1))) >> shift;
}

// What a residual of the output's size, or of twice its height and width, adds to an output.
int64_t ResidualAt(const Tensor& tensor, const std::vector<uint8_t>& bytes, const Tensor& output,
                   int64_t y, int64_t x, int64_t o) {
  const int64_t c = o % tensor.shape[3];
  if (tensor.shape[1] == output.shape[1] && tensor.shape[2] == output.shape[2]) {
    return ValueAt(tensor, bytes, y, x, c);
  }
  int64_t sum = 0;
  for (int64_t i = 0; i < 4; ++i) {
    sum = Saturated(sum + ValueAt(tensor, bytes, 2 * y + i / 2, 2 * x + i % 2, c));
  }
  return sum / 4;
}

// The value of channel `o`.
int64_t AffineValue(const AffineOptions& a, int64_t o, int64_t first, int64_t second,
                    int64_t residual) {
  const int64_t t =
      Saturated((a.plane_weights[0] * first + a.plane_weights[1] * second) >> a.sum_shift);
  const int64_t u = Saturated((a.multipliers[o] * t + a.biases[o]) >> a.shift);
  const int64_t v = u < 0 ? Saturated(RoundedShift(a.slopes[o] * u, a.slope_shift)) : u;
  const int64_t w = Saturated(residual + v + a.offsets[o]);
  return Saturated((a.scales[o] * w + a.scale_biases[o]) >> a.scale_shift);
}

}  // namespace

int32_t CodeAt(const Tensor& tensor, const std::vector<uint8_t>& bytes, int64_t n, int64_t y,
               int64_t x, int64_t c) {
  int32_t code = 0;
  for (int32_t plane = 0; plane < tensor.planes; ++plane) {
    code = 2 * code + (BitAt(bytes, PlaceOfBit(tensor, n, y, plane, x, c)) ? 1 : 0);
  }
  return code;
}

std::vector<int16_t> BinaryWeights(const Tensor& filter) { return Numbers(filter, filter.data, 0); }

std::vector<uint8_t> BinaryConv(const Model& model, const Operator& op,
                                const std::vector<int16_t>& weights, const std::vector<uint8_t>& in,
                                const std::vector<uint8_t>* residual, Rounding rounding) {
  const auto& options = std::get<BinaryConvOptions>(op.options);
  const Tensor& input = model.tensors[op.inputs[0]];
  const Tensor& filter = model.tensors[op.inputs[1]];
  const Tensor& output = model.tensors[op.outputs[0]];
  const int64_t in_h = input.shape[1], in_w = input.shape[2], depth = input.shape[3];
  const int64_t out_h = output.shape[1], out_w = output.shape[2], out_c = output.shape[3];
  const int64_t filter_h = filter.shape[1], filter_w = filter.shape[2];
  const auto taps = static_cast<size_t>(filter_h * filter_w * depth);
  const bool bits = input.type == TensorType::kBits;
  const bool zero_outside = !bits || options.skip_outside;

  std::vector<std::vector<int16_t>> planes;
  for (int32_t plane = 0; plane < (bits ? input.planes : 1); ++plane) {
    planes.push_back(Numbers(input, in, plane));
  }
  std::vector<std::vector<int16_t>> windows(planes.size(), std::vector<int16_t>(taps));
  std::vector<uint8_t> out(output.bytes(), 0);
  for (int64_t n = 0; n < input.shape[0]; ++n) {
    for (int64_t y = 0; y < out_h; ++y) {
      for (int64_t x = 0; x < out_w; ++x) {
        for (size_t plane = 0; plane < planes.size(); ++plane) {
          int16_t* window = windows[plane].data();
          for (int64_t ky = 0; ky < filter_h; ++ky) {
            for (int64_t kx = 0; kx < filter_w; ++kx, window += depth) {
              const int64_t iy = y * options.stride_h - options.pad_top + ky;
              const int64_t ix = x * options.stride_w - options.pad_left + kx;
              if (iy < 0 || iy >= in_h || ix < 0 || ix >= in_w) {
                std::fill_n(window, depth, static_cast<int16_t>(zero_outside ? 0 : -1));
                continue;
              }
              std::copy_n(planes[plane].data() + ((n * in_h + iy) * in_w + ix) * depth, depth,
                          window);
            }
          }
        }
        for (int64_t o = 0; o < out_c; ++o) {
          const int16_t* row = weights.data() + static_cast<size_t>(o) * taps;
          int32_t sum = Dot(windows[0].data(), row, taps);
          int32_t upper = 0;
          if (planes.size() == 2) {
            const bool second = options.gates.empty() || sum > options.gates[o];
            upper = sum;
            sum = second ? Dot(windows[1].data(), row, taps) : 0;
          }
          if (options.affine) {
            const int64_t other = residual == nullptr ? 0
                                                      : ResidualAt(model.tensors[op.inputs[2]],
                                                                   *residual, output, y, x, o);
            const auto value =
                static_cast<int16_t>(AffineValue(*options.affine, o, upper, sum, other));
            std::memcpy(out.data() + PlaceOfValue(output, y, x, o), &value, 2);
            if (output.type != TensorType::kBits) continue;
            int32_t code = 0;
            for (int32_t threshold : options.affine->codes) code += value >= threshold ? 1 : 0;
            SetCode(output, out, n, y, x, o, code);
            continue;
          }
          sum += 2 * upper;
          if (output.type == TensorType::kBits) {
            SetCode(output, out, n, y, x, o, CodeOf(options, o, sum));
            continue;
          }
          const int64_t element = ((n * out_h + y) * out_w + x) * out_c + o;
          const int32_t biased = sum + (options.bias.empty() ? 0 : options.bias[o]);
          if (output.type == TensorType::kInt32) {
            std::memcpy(out.data() + 4 * element, &biased, 4);
            continue;
          }
          const int64_t value = MultiplyByQuantizedMultiplierExactly(biased, options.multipliers[o],
                                                                     options.shifts[o], rounding) +
                                output.zero_point();
          out[element] = static_cast<uint8_t>(std::clamp<int64_t>(value, -128, 127));
        }
      }
    }
  }
  return out;
}

std::vector<uint8_t> Thermometer(const Model& model, const Operator& op,
                                 const std::vector<uint8_t>& in) {
  const auto& options = std::get<ThermometerOptions>(op.options);
  const Tensor& input = model.tensors[op.inputs[0]];
  const Tensor& output = model.tensors[op.outputs[0]];
  std::vector<uint8_t> out(output.bytes(), 0);
  size_t element = 0;
  for (int64_t n = 0; n < input.shape[0]; ++n) {
    for (int64_t y = 0; y < input.shape[1]; ++y) {
      for (int64_t x = 0; x < input.shape[2]; ++x) {
        for (int64_t c = 0; c < input.shape[3]; ++c) {
          const uint8_t byte = in[element++];
          const int32_t value =
              input.type == TensorType::kUint8 ? int32_t{byte} : int32_t{static_cast<int8_t>(byte)};
          for (int32_t level = 0; level < options.levels; ++level) {
            if (value <= options.Level(level)) continue;
            SetCode(output, out, n, y, x, c * options.levels + level, 1);
          }
        }
      }
    }
  }
  return out;
}

std::vector<uint8_t> PoolCodes(const Model& model, const Operator& op,
                               const std::vector<uint8_t>& in) {
  const auto& options = std::get<PoolOptions>(op.options);
  const Tensor& input = model.tensors[op.inputs[0]];
  const Tensor& output = model.tensors[op.outputs[0]];
  const int64_t in_h = input.shape[1], in_w = input.shape[2];
  const int64_t pad_h = PaddingBefore(options.padding, input.shape[1], output.shape[1],
                                      options.filter_h, options.stride_h, 1);
  const int64_t pad_w = PaddingBefore(options.padding, input.shape[2], output.shape[2],
                                      options.filter_w, options.stride_w, 1);
  std::vector<uint8_t> out(output.bytes(), 0);
  for (int64_t n = 0; n < output.shape[0]; ++n) {
    for (int64_t y = 0; y < output.shape[1]; ++y) {
      for (int64_t x = 0; x < output.shape[2]; ++x) {
        for (int64_t c = 0; c < output.shape[3]; ++c) {
          int32_t largest = 0;
          for (int64_t ky = 0; ky < options.filter_h; ++ky) {
            for (int64_t kx = 0; kx < options.filter_w; ++kx) {
              const int64_t iy = y * options.stride_h - pad_h + ky;
              const int64_t ix = x * options.stride_w - pad_w + kx;
              if (iy < 0 || iy >= in_h || ix < 0 || ix >= in_w) continue;
              largest = std::max(largest, CodeAt(input, in, n, iy, ix, c));
            }
          }
          SetCode(output, out, n, y, x, c, largest);
        }
      }
    }
  }
  return out;
}

Kernel MakeBinaryConv2d(const Node& node) {
  return [node, weights = BinaryWeights(node.input(1))](const Run& run) {
    *run.outputs[0] = BinaryConv(node.model, node.op, weights, *run.inputs[0],
                                 run.inputs.size() > 2 ? run.inputs[2] : nullptr, node.rounding);
  };
}

Kernel MakeRoundedSums(const Node& node) {
  return [node](const Run& run) {
    const auto& options = std::get<RoundedSumsOptions>(node.op.options);
    const Tensor& input = node.input();
    const int64_t channels = input.shape[3];
    const int64_t pixels = int64_t{input.shape[1]} * input.shape[2];
    const auto* x = reinterpret_cast<const int16_t*>(run.inputs[0]->data());
    if (node.op.inputs.size() == 1) {
      auto* means = reinterpret_cast<int16_t*>(run.outputs[0]->data());
      for (int64_t c = 0; c < channels; ++c) {
        int64_t sum = 0;
        for (int64_t i = 0; i < pixels; ++i) sum += x[i * channels + c];
        means[c] = static_cast<int16_t>(Saturated(RoundedShift(sum, options.sum_shift)));
      }
      return;
    }
    const auto* weights = reinterpret_cast<const int16_t*>(node.input(1).data.data());
    auto* sums = reinterpret_cast<int32_t*>(run.outputs[0]->data());
    for (int64_t o = 0; o < node.output().shape[3]; ++o) {
      int64_t sum = options.bias[static_cast<size_t>(o)];
      for (int64_t i = 0; i < input.elements(); ++i) {
        sum +=
            RoundedShift(int64_t{x[i]} * weights[o * input.elements() + i], options.product_shift);
      }
      sums[o] = static_cast<int32_t>(sum);
    }
  };
}

Kernel MakeThermometer(const Node& node) {
  return [node](const Run& run) {
    *run.outputs[0] = Thermometer(node.model, node.op, *run.inputs[0]);
  };
}

}  // namespace npugen::golden

namespace npugen {

std::vector<int64_t> GatePasses(const Model& model, const Operator& op,
                                const TensorBytes& tensors) {
  if (op.type != OperatorType::kBinaryConv2d) return {};
  const auto& options = std::get<BinaryConvOptions>(op.options);
  if (options.gates.empty()) return {};
  // The first plane alone, as sums.
  Model part;
  part.tensors = {model.tensors[op.inputs[0]], model.tensors[op.inputs[1]],
                  model.tensors[op.outputs[0]]};
  const Tensor& two = model.tensors[op.inputs[0]];
  part.tensors[0].planes = 1;
  part.tensors[0].values = part.tensors[2].values = false;
  part.tensors[2].type = TensorType::kInt32;
  part.tensors[2].planes = 1;
  Operator first = op;
  first.inputs = {0, 1};
  first.outputs = {2};
  auto& plain = std::get<BinaryConvOptions>(first.options);
  plain.gates.clear();
  plain.thresholds.clear();
  plain.bias.clear();
  plain.affine.reset();
  const std::vector<uint8_t>& in = tensors[static_cast<size_t>(op.inputs[0])];
  const size_t row = part.tensors[0].bytes() / static_cast<size_t>(two.shape[0] * two.shape[1]);
  std::vector<uint8_t> upper;
  for (size_t at = 0; at < in.size(); at += static_cast<size_t>(two.bit_row_bytes())) {
    upper.insert(upper.end(), in.begin() + static_cast<std::ptrdiff_t>(at),
                 in.begin() + static_cast<std::ptrdiff_t>(at + row));
  }
  const std::vector<uint8_t> bytes = golden::BinaryConv(
      part, first, golden::BinaryWeights(part.tensors[1]), upper, nullptr, Rounding::kDouble);
  std::vector<int64_t> passes(options.gates.size(), 0);
  for (size_t i = 0; i < bytes.size() / 4; ++i) {
    int32_t sum = 0;
    std::memcpy(&sum, bytes.data() + 4 * i, 4);
    if (sum > options.gates[i % passes.size()]) ++passes[i % passes.size()];
  }
  return passes;
}

}  // namespace npugen

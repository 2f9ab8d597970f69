// SPDX-License-Identifier: Apache-2.0
// TFLM's int16 kernels, element by element.
#include "verif/golden/wide.h"

#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "sw/model/operators/rules.h"

namespace npugen::golden {
namespace {

std::vector<int16_t> WideValues(const Bytes& bytes) {
  std::vector<int16_t> values(bytes.size() / 2);
  std::memcpy(values.data(), bytes.data(), bytes.size());
  return values;
}

void Put(const std::vector<int16_t>& values, Bytes* bytes) {
  std::memcpy(bytes->data(), values.data(), bytes->size());
}

std::vector<int64_t> BiasOf(const Node& node, size_t channels) {
  std::vector<int64_t> bias(channels, 0);
  if (node.op.inputs[2] < 0) return bias;
  const Tensor& tensor = node.input(2);
  for (size_t c = 0; c < channels; ++c) {
    if (tensor.type == TensorType::kInt64) {
      std::memcpy(&bias[c], tensor.data.data() + 8 * c, 8);
    } else {
      int32_t value;
      std::memcpy(&value, tensor.data.data() + 4 * c, 4);
      bias[c] = value;
    }
  }
  return bias;
}

/// Strides and borders of a convolution; of a transposed one those of its output.
struct Form {
  bool transposed = false;
  bool depthwise = false;
  int64_t stride_h = 1, stride_w = 1, dilation_h = 1, dilation_w = 1, pad_h = 0, pad_w = 0;
  Activation activation = Activation::kNone;
};

Form FormOf(const Node& node) {
  const std::vector<int32_t>& in = node.input().shape;
  const std::vector<int32_t>& out = node.output().shape;
  const std::vector<int32_t>& filter = node.input(1).shape;
  Form form;
  if (node.op.type == OperatorType::kTransposeConv) {
    const auto& options = std::get<TransposeConvOptions>(node.op.options);
    form = {true, false, options.stride_h, options.stride_w, 1, 1, 0, 0, options.activation};
    form.pad_h = PaddingBefore(options.padding, out[1], in[1], filter[1], options.stride_h, 1);
    form.pad_w = PaddingBefore(options.padding, out[2], in[2], filter[2], options.stride_w, 1);
    return form;
  }
  const auto& options = std::get<ConvOptions>(node.op.options);
  form = {false,
          node.op.type == OperatorType::kDepthwiseConv2d,
          options.stride_h,
          options.stride_w,
          options.dilation_h,
          options.dilation_w,
          PaddingBefore(options.padding, in[1], out[1], filter[1], options.stride_h,
                        options.dilation_h),
          PaddingBefore(options.padding, in[2], out[2], filter[2], options.stride_w,
                        options.dilation_w),
          options.activation};
  return form;
}

/// Results of the sums of a product, channel by channel.
void Finish(const Node& node, Activation activation, std::vector<int64_t> sums, Bytes* out) {
  const std::vector<QuantizedMultiplier> factors = OutputMultipliers(node.model, node.op);
  const std::vector<int64_t> bias = BiasOf(node, factors.size());
  const bool narrow = node.op.inputs[2] >= 0 && node.input(2).type == TensorType::kInt32;
  const ActivationRange range = WideActivationRange(activation, node.output().scale());
  std::vector<int16_t> results(sums.size());
  for (size_t i = 0; i < sums.size(); ++i) {
    const size_t channel = i % factors.size();
    const int64_t sum = WrappingSum(sums[i], bias[channel]);
    results[i] = ClampWide(narrow ? node.Scale(static_cast<int32_t>(sum), factors[channel])
                                  : ScaleWide(sum, factors[channel]),
                           range);
  }
  Put(results, out);
}

/// Every input element is added to the outputs that it reaches.
Kernel Convolution(const Node& node) {
  const Form form = FormOf(node);
  return [node, form](const Run& run) {
    const std::vector<int16_t> in = WideValues(*run.inputs[0]);
    const auto* weights = reinterpret_cast<const int8_t*>(run.inputs[1]->data());
    const std::vector<int32_t>& shape = node.input().shape;
    const std::vector<int32_t>& out_shape = node.output().shape;
    const std::vector<int32_t>& filter = node.input(1).shape;
    const int64_t in_c = shape[3], out_c = out_shape[3];
    const int64_t depth = form.depthwise ? 1 : filter[3];
    std::vector<int64_t> sums(static_cast<size_t>(node.output().elements()), 0);
    /// Where a tap of an input position goes, or -1.
    const auto target = [](bool transposed, int64_t position, int64_t tap, int64_t stride,
                           int64_t dilation, int64_t pad, int64_t size) -> int64_t {
      int64_t to = position + pad - tap * dilation;
      if (transposed) {
        to = position * stride - pad + tap;
      } else if (to % stride != 0) {
        return -1;
      } else {
        to /= stride;
      }
      return to >= 0 && to < size ? to : -1;
    };
    size_t at = 0;
    for (int64_t n = 0; n < shape[0]; ++n) {
      for (int64_t y = 0; y < shape[1]; ++y) {
        for (int64_t x = 0; x < shape[2]; ++x) {
          for (int64_t c = 0; c < in_c; ++c, ++at) {
            for (int64_t ky = 0; ky < filter[1]; ++ky) {
              const int64_t oy = target(form.transposed, y, ky, form.stride_h, form.dilation_h,
                                        form.pad_h, out_shape[1]);
              if (oy < 0) continue;
              for (int64_t kx = 0; kx < filter[2]; ++kx) {
                const int64_t ox = target(form.transposed, x, kx, form.stride_w, form.dilation_w,
                                          form.pad_w, out_shape[2]);
                if (ox < 0) continue;
                int64_t* sum = &sums[static_cast<size_t>(
                    ((n * out_shape[1] + oy) * out_shape[2] + ox) * out_c)];
                const int64_t tap = ky * filter[2] + kx;
                if (form.depthwise) {
                  const int64_t multiplier = out_c / in_c;
                  for (int64_t f = c * multiplier; f < (c + 1) * multiplier; ++f) {
                    sum[f] += int64_t{in[at]} * weights[tap * out_c + f];
                  }
                  continue;
                }
                const int64_t filters = out_c / (in_c / depth);
                const int64_t group = c / depth;
                for (int64_t f = group * filters; f < (group + 1) * filters; ++f) {
                  sum[f] += int64_t{in[at]} *
                            weights[(f * filter[1] * filter[2] + tap) * depth + c % depth];
                }
              }
            }
          }
        }
      }
    }
    Finish(node, form.activation, std::move(sums), run.outputs[0]);
  };
}

Kernel FullyConnected(const Node& node) {
  return [node](const Run& run) {
    const std::vector<int16_t> in = WideValues(*run.inputs[0]);
    const auto* weights = reinterpret_cast<const int8_t*>(run.inputs[1]->data());
    const auto units = static_cast<size_t>(node.input(1).shape[0]);
    const auto depth = static_cast<size_t>(node.input(1).shape[1]);
    std::vector<int64_t> sums(in.size() / depth * units, 0);
    for (size_t i = 0; i < in.size(); ++i) {
      for (size_t u = 0; u < units; ++u) {
        sums[i / depth * units + u] += int64_t{in[i]} * weights[u * depth + i % depth];
      }
    }
    Finish(node, std::get<FullyConnectedOptions>(node.op.options).activation, std::move(sums),
           run.outputs[0]);
  };
}

Kernel BatchMatMul(const Node& node) {
  return [node](const Run& run) {
    const auto& options = std::get<BatchMatMulOptions>(node.op.options);
    const std::vector<int16_t> x = WideValues(*run.inputs[0]), y = WideValues(*run.inputs[1]);
    const auto batches = [](const Tensor& tensor) {
      return std::vector<int32_t>(tensor.shape.begin(), tensor.shape.end() - 2);
    };
    const std::vector<int32_t>& shape = node.output().shape;
    const int64_t rows = shape[shape.size() - 2], columns = shape.back();
    const std::vector<int32_t>& left = node.input().shape;
    const int64_t depth = options.adjoint_x ? left[left.size() - 2] : left.back();
    const QuantizedMultiplier factor = OutputMultipliers(node.model, node.op)[0];
    std::vector<int16_t> out(static_cast<size_t>(node.output().elements()));
    ForEachPair(
        batches(node.output()), batches(node.input()), batches(node.input(1)),
        [&](int64_t o, int64_t a, int64_t b) {
          for (int64_t i = 0; i < rows * columns; ++i) {
            const int64_t row = i / columns, column = i % columns;
            int64_t sum = 0;
            for (int64_t k = 0; k < depth; ++k) {
              const int64_t p = options.adjoint_x ? k * rows + row : row * depth + k;
              const int64_t q = options.adjoint_y ? column * depth + k : k * columns + column;
              sum += int64_t{x[static_cast<size_t>(a * rows * depth + p)]} *
                     y[static_cast<size_t>(b * depth * columns + q)];
            }
            out[static_cast<size_t>(o * rows * columns + i)] = ClampWide(ScaleWide(sum, factor));
          }
        });
    Put(out, run.outputs[0]);
  };
}

using Pair = std::function<int64_t(int32_t a, int32_t b)>;

/// The function of two operands that the operator is.
Pair PairOf(const Node& node) {
  const float s1 = node.input(0).scale(), s2 = node.input(1).scale(), so = node.output().scale();
  const auto both = [node](const AddMultipliers& factors, int32_t a, int32_t b, int32_t shift) {
    return std::pair(node.Scale(a * (1 << shift), factors.input1),
                     node.Scale(b * (1 << shift), factors.input2));
  };
  switch (node.op.type) {
    case OperatorType::kAdd:
      return [=, m = ComputeAddMultipliers(s1, s2, so, kWideAddLeftShift).value()](int32_t a,
                                                                                   int32_t b) {
        const auto [x, y] = both(m, a, b, kWideAddLeftShift);
        return node.Scale(x + y, m.output);
      };
    case OperatorType::kSub:
      return [=, m = ComputeSubMultipliers(s1, s2, so, kWideAddLeftShift).value()](int32_t a,
                                                                                   int32_t b) {
        const auto [x, y] = both(m, a, b, kWideAddLeftShift);
        return node.Scale(x - y, m.output);
      };
    case OperatorType::kSquaredDifference:
      return [=, m = ComputeSquaredDifferenceMultipliers(s1, s2, so, 0).value()](int32_t a,
                                                                                 int32_t b) {
        const auto [x, y] = both(m, a, b, 0);
        return node.Scale((x - y) * (x - y), m.output);
      };
    case OperatorType::kMul:
      return [=, m = MulMultiplier(s1, s2, so, true).value()](int32_t a, int32_t b) {
        return node.Scale(a * b, m);
      };
    case OperatorType::kMaximum:
      return [](int32_t a, int32_t b) { return std::max(a, b); };
    case OperatorType::kMinimum:
      return [](int32_t a, int32_t b) { return std::min(a, b); };
    default:  // PRELU
      return [=, m = ComputePreluMultipliers(s1, s2, so, true).value()](int32_t a, int32_t b) {
        return a >= 0 ? node.Scale(a, m.identity) : node.Scale(a * b, m.alpha);
      };
  }
}

Kernel TwoOperands(const Node& node) {
  Activation activation = Activation::kNone;
  if (const auto* options = std::get_if<AddOptions>(&node.op.options)) {
    activation = options->activation;
  }
  const ActivationRange range = WideActivationRange(activation, node.output().scale());
  return [node, function = PairOf(node), range](const Run& run) {
    const std::vector<int16_t> a = WideValues(*run.inputs[0]);
    std::vector<int16_t> b;
    if (node.input(1).type == TensorType::kInt8) {
      for (const uint8_t byte : *run.inputs[1]) b.push_back(static_cast<int8_t>(byte));
    } else {
      b = WideValues(*run.inputs[1]);
    }
    std::vector<int16_t> out(static_cast<size_t>(node.output().elements()));
    ForEachPair(node.output().shape, node.input(0).shape, node.input(1).shape,
                [&](int64_t o, int64_t p, int64_t q) {
                  out[static_cast<size_t>(o)] = ClampWide(
                      function(a[static_cast<size_t>(p)], b[static_cast<size_t>(q)]), range);
                });
    Put(out, run.outputs[0]);
  };
}

template <typename Function>
Kernel OneOperand(Function function) {
  return [function](const Run& run) {
    std::vector<int16_t> values = WideValues(*run.inputs[0]);
    for (int16_t& value : values) value = ClampWide(function(value));
    Put(values, run.outputs[0]);
  };
}

/// What lies between entries of a table of 512 steps.
int16_t Interpolated(const std::vector<int16_t>& table, int32_t value) {
  const auto index = static_cast<size_t>((value + 32768) / 128);
  const auto slope = static_cast<int16_t>(table[index + 1] - table[index]);
  const int32_t rest = (value + 32768) % 128;
  return static_cast<int16_t>(table[index] + ((slope * rest + 64) >> 7));
}

Kernel Softmax16(const Node& node) {
  const QuantizedMultiplier factor =
      WideSoftmaxFactor(std::get<SoftmaxOptions>(node.op.options).beta, node.input().scale())
          .value();
  return [node, factor, exponentials = WideExponentialTable(),
          reciprocals = WideReciprocalTable()](const Run& run) {
    std::vector<int16_t> values = WideValues(*run.inputs[0]);
    const auto depth = static_cast<size_t>(node.input().shape.back());
    for (size_t row = 0; row < values.size(); row += depth) {
      const auto begin = values.begin() + static_cast<std::ptrdiff_t>(row);
      const auto end = begin + static_cast<std::ptrdiff_t>(depth);
      const int32_t most = *std::max_element(begin, end);
      uint32_t sum = 0;
      for (auto value = begin; value != end; ++value) {
        const int64_t steps = int64_t{node.Scale(*value - most, factor)} + 32767;
        *value = Interpolated(exponentials,
                              static_cast<int32_t>(std::clamp<int64_t>(steps, -32768, 32767)));
        sum += static_cast<uint32_t>(static_cast<int32_t>(*value));
      }
      const int32_t bits = std::bit_width(sum);  // the sum is 2^(bits - 1) * (1 + x)
      const int64_t normal = (((int64_t{sum} << (31 - bits)) + (1 << 13)) >> 14) - 98304;
      const int64_t reciprocal = Interpolated(
          reciprocals, static_cast<int32_t>(std::clamp<int64_t>(normal, -32768, 32767)));
      for (auto value = begin; value != end; ++value) {
        const int64_t scaled = (*value * reciprocal + (int64_t{1} << (bits - 2))) >> (bits - 1);
        *value = static_cast<int16_t>(std::clamp<int64_t>(scaled, 0, 32767));
      }
    }
    Put(values, run.outputs[0]);
  };
}

/// From int8: as the one to int8, with other bits at the end.
Kernel Softmax8(const Node& node) {
  const SoftmaxParameters parameters =
      ComputeSoftmaxParameters(std::get<SoftmaxOptions>(node.op.options).beta, node.input().scale())
          .value();
  std::array<int32_t, 256> exponentials = {};  // by difference to the maximum, Q0.31
  for (int32_t difference = 0; difference <= 255 && -difference >= parameters.diff_min;
       ++difference) {
    const auto shifted =
        static_cast<int32_t>(static_cast<uint32_t>(-difference) << parameters.left_shift);
    exponentials[static_cast<size_t>(difference)] =
        ExpOnNegativeValues(DoublingHighMultiply(shifted, parameters.multiplier));
  }
  return [node, parameters, exponentials](const Run& run) {
    const int8_t* in = run.in();
    const auto depth = static_cast<size_t>(node.input().shape.back());
    std::vector<int16_t> out(run.inputs[0]->size());
    for (size_t row = 0; row < out.size(); row += depth) {
      const int32_t most = *std::max_element(in + row, in + row + depth);
      uint32_t sum = 0;
      for (size_t i = row; i < row + depth; ++i) {
        sum += static_cast<uint32_t>(
            RoundingShiftRight(exponentials[static_cast<size_t>(most - in[i])], 12));
      }
      const int32_t headroom = std::countl_zero(sum);
      const int32_t reciprocal =
          OneOverOnePlus(static_cast<int32_t>((sum << headroom) - (uint32_t{1} << 31)));
      for (size_t i = row; i < row + depth; ++i) {
        if (in[i] - most < parameters.diff_min) {
          out[i] = -32768;
          continue;
        }
        const int32_t product =
            DoublingHighMultiply(reciprocal, exponentials[static_cast<size_t>(most - in[i])]);
        out[i] = ClampWide(int64_t{RoundingShiftRight(product, 12 - headroom + 15)} - 32768);
      }
    }
    Put(out, run.outputs[0]);
  };
}

Kernel Pool(const Node& node, bool average) {
  return [node, average](const Run& run) {
    const auto& options = std::get<PoolOptions>(node.op.options);
    const std::vector<int16_t> in = WideValues(*run.inputs[0]);
    const std::vector<int32_t>& shape = node.input().shape;
    const std::vector<int32_t>& out_shape = node.output().shape;
    const int32_t pad_h = PaddingBefore(options.padding, shape[1], out_shape[1], options.filter_h,
                                        options.stride_h, 1);
    const int32_t pad_w = PaddingBefore(options.padding, shape[2], out_shape[2], options.filter_w,
                                        options.stride_w, 1);
    const ActivationRange range = WideActivationRange(options.activation, node.output().scale());
    std::vector<int16_t> out;
    for (int64_t n = 0; n < shape[0]; ++n) {
      for (int64_t y = 0; y < out_shape[1]; ++y) {
        const WindowSpan rows =
            PlaceWindow(y, options.stride_h, pad_h, options.filter_h, 1, shape[1]);
        for (int64_t x = 0; x < out_shape[2]; ++x) {
          const WindowSpan columns =
              PlaceWindow(x, options.stride_w, pad_w, options.filter_w, 1, shape[2]);
          for (int64_t c = 0; c < shape[3]; ++c) {
            int64_t sum = 0, most = INT16_MIN, count = 0;
            for (int64_t ky = rows.first; ky < rows.last; ++ky) {
              for (int64_t kx = columns.first; kx < columns.last; ++kx, ++count) {
                const int64_t value = in[static_cast<size_t>(
                    ((n * shape[1] + rows.start + ky) * shape[2] + columns.start + kx) * shape[3] +
                    c)];
                sum += value;
                most = std::max(most, value);
              }
            }
            const int64_t mean = (sum + (sum > 0 ? count / 2 : -(count / 2))) / count;
            out.push_back(ClampWide(average ? mean : most, range));
          }
        }
      }
    }
    Put(out, run.outputs[0]);
  };
}

Kernel Reduction(const Node& node) {
  return [node](const Run& run) {
    const std::vector<int16_t> in = WideValues(*run.inputs[0]);
    const std::vector<int32_t>& shape = node.input().shape;
    const std::vector<int32_t>& axes = std::get<ReduceOptions>(node.op.options).axes;
    const bool sums = node.op.type == OperatorType::kMean || node.op.type == OperatorType::kSum;
    const bool most = node.op.type == OperatorType::kReduceMax;
    std::vector<int64_t> results(static_cast<size_t>(node.output().elements()), sums   ? 0
                                                                                : most ? INT16_MIN
                                                                                       : INT16_MAX);
    for (size_t i = 0; i < in.size(); ++i) {
      int64_t rest = static_cast<int64_t>(i), place = 0, step = 1;
      for (auto d = static_cast<int32_t>(shape.size()); d-- > 0;) {
        const int64_t index = rest % shape[static_cast<size_t>(d)];
        rest /= shape[static_cast<size_t>(d)];
        if (std::find(axes.begin(), axes.end(), d) != axes.end()) continue;
        place += index * step;
        step *= shape[static_cast<size_t>(d)];
      }
      int64_t& result = results[static_cast<size_t>(place)];
      result = sums   ? result + in[i]
               : most ? std::max<int64_t>(result, in[i])
                      : std::min<int64_t>(result, in[i]);
    }
    const int64_t count = static_cast<int64_t>(in.size() / results.size());
    const float scale = node.input().scale(), scale_out = node.output().scale();
    const QuantizedMultiplier factor =
        node.op.type == OperatorType::kMean
            ? MeanMultiplier(scale, scale_out, count)
            : QuantizeMultiplier(static_cast<double>(scale) / static_cast<double>(scale_out));
    std::vector<int16_t> out;
    for (const int64_t result : results) {
      out.push_back(ClampWide(sums ? node.Scale(static_cast<int32_t>(result), factor) : result));
    }
    Put(out, run.outputs[0]);
  };
}

/// A kernel that moves bytes, for elements of two: the low bytes, then the high ones.
Kernel Planes(const Node& node, Kernel (*make)(const Node& node)) {
  return [kernel = make(node)](const Run& run) {
    std::vector<Bytes> inputs(run.inputs.size()), results[2];
    for (size_t plane = 0; plane < 2; ++plane) {
      Run part;
      for (size_t i = 0; i < inputs.size(); ++i) {
        inputs[i].clear();
        for (size_t b = plane; b < run.inputs[i]->size(); b += 2) {
          inputs[i].push_back((*run.inputs[i])[b]);
        }
        part.inputs.push_back(&inputs[i]);
      }
      for (const Bytes* output : run.outputs) results[plane].emplace_back(output->size() / 2);
      for (Bytes& output : results[plane]) part.outputs.push_back(&output);
      kernel(part);
    }
    for (size_t o = 0; o < run.outputs.size(); ++o) {
      for (size_t b = 0; b < run.outputs[o]->size(); ++b) {
        (*run.outputs[o])[b] = results[b % 2][o][b / 2];
      }
    }
  };
}

}  // namespace

int32_t ScaleWide(int64_t sum, const QuantizedMultiplier& factor) {
  const int64_t multiplier = std::min<int64_t>((int64_t{factor.multiplier} + 32768) >> 16, 32767);
  const int32_t shift = 15 - factor.shift;
  const uint64_t product =
      static_cast<uint64_t>(sum) * static_cast<uint64_t>(multiplier) + (uint64_t{1} << (shift - 1));
  return static_cast<int32_t>(static_cast<int64_t>(product) >> shift);
}

int16_t WideLogistic(int32_t value, const QuantizedMultiplier& factor) {
  const int32_t half = factor.shift > 0 ? 1 << (factor.shift - 1) : 0;
  const int32_t steps = (value * factor.multiplier + half) >> factor.shift;
  const int32_t magnitude = std::abs(steps);
  const auto entry = static_cast<size_t>(magnitude / 512);
  int32_t sigmoid = 0x7fff << 10;  // Q7.25
  if (entry < 255) {
    const std::vector<int32_t>& table = SigmoidTable();
    sigmoid = table[entry] * 512 + magnitude % 512 * (table[entry + 1] - table[entry]);
  }
  if (steps < 0) sigmoid = (1 << 25) - 1 - sigmoid;
  return static_cast<int16_t>((sigmoid + 512) >> 10);
}

int16_t WideTanh(int32_t value, const QuantizedMultiplier& factor) {
  const int32_t half = factor.shift > 0 ? 1 << (factor.shift - 1) : 0;
  const int32_t steps = (value * factor.multiplier + half) >> factor.shift;
  const int32_t magnitude = std::abs(steps);
  const auto entry = static_cast<size_t>(magnitude / 256);
  int32_t sigmoid = 0xffff * 256;  // Q8.24
  if (entry < 255) {
    const std::vector<int32_t>& table = SigmoidTable();
    sigmoid = table[entry] * 256 + magnitude % 256 * (table[entry + 1] - table[entry]);
  }
  const int32_t tanh = steps >= 0 ? sigmoid - (1 << 23) : (1 << 23) - 1 - sigmoid;
  return static_cast<int16_t>((tanh + 128) >> 8);
}

bool IsWide(const Node& node) {
  return RowOf(node.op.type).rules->wide && ComputesWide(node.model, node.op);
}

Kernel MakeWide(const Node& node, Kernel (*make)(const Node& node)) {
  const float scale = node.input().scale(), scale_out = node.output().scale();
  switch (node.op.type) {
    case OperatorType::kConv2d:
    case OperatorType::kDepthwiseConv2d:
    case OperatorType::kTransposeConv:
      return Convolution(node);
    case OperatorType::kFullyConnected:
      return FullyConnected(node);
    case OperatorType::kBatchMatMul:
      return BatchMatMul(node);
    case OperatorType::kAdd:
    case OperatorType::kSub:
    case OperatorType::kMul:
    case OperatorType::kSquaredDifference:
    case OperatorType::kMaximum:
    case OperatorType::kMinimum:
    case OperatorType::kPrelu:
      return TwoOperands(node);
    case OperatorType::kLogistic:
      return OneOperand([factor = ComputeWideSigmoidFactor(scale, false).value()](int32_t x) {
        return WideLogistic(x, factor);
      });
    case OperatorType::kTanh:
      return OneOperand([factor = ComputeWideSigmoidFactor(scale, true).value()](int32_t x) {
        return WideTanh(x, factor);
      });
    case OperatorType::kAbs:
      return OneOperand([node, scale, scale_out,
                         factor = UnaryMultiplier(scale, scale_out, true).value()](int32_t x) {
        return scale == scale_out ? std::abs(x) : node.Scale(std::abs(x), factor);
      });
    case OperatorType::kLeakyRelu: {
      const float alpha = std::get<LeakyReluOptions>(node.op.options).alpha;
      return OneOperand(
          [node, factors = ComputeLeakyReluMultipliers(alpha, scale, scale_out, true).value()](
              int32_t x) -> int64_t {
            if (x >= 0) return node.Scale(x, factors.identity);
            const int64_t scaled = node.Scale(x, factors.alpha);
            return factors.negative ? -scaled : scaled;
          });
    }
    case OperatorType::kSoftmax:
      return node.input().type == TensorType::kInt8 ? Softmax8(node) : Softmax16(node);
    case OperatorType::kMaxPool2d:
      return Pool(node, /*average=*/false);
    case OperatorType::kAveragePool2d:
      return Pool(node, /*average=*/true);
    case OperatorType::kMean:
    case OperatorType::kSum:
    case OperatorType::kReduceMax:
    case OperatorType::kReduceMin:
      return Reduction(node);
    default:
      return Planes(node, make);
  }
}

}  // namespace npugen::golden

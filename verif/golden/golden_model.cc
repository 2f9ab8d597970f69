// SPDX-License-Identifier: Apache-2.0
// Reference kernels in integer arithmetic; loops are arranged so that compilers vectorize them.
#include "verif/golden/golden_model.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>

#include "sw/model/quantization.h"
#include "verif/golden/binary.h"
#include "verif/golden/functions.h"
#include "verif/golden/moving.h"

namespace npugen {
namespace {

using golden::MultiplyByQuantizedMultiplier;

constexpr int64_t kMostActivationBytes = int64_t{1} << 32;
constexpr int64_t kDotBlock = 32768;  // 32768 * 255 * 128 < 2^31: no overflow within a block

// What an operator needs besides its options, computed once.
struct Layer {
  std::vector<int16_t> weights;                  // filter, widened
  std::vector<int32_t> bias;                     // one per output channel
  std::vector<QuantizedMultiplier> multipliers;  // one per output channel
  ActivationRange range;
  AddMultipliers add;          // ADD, SUB, ADD_N, SQUARED_DIFFERENCE
  QuantizedMultiplier factor;  // MUL, MEAN, SUM, QUANTIZE
  PreluMultipliers prelu;
  SoftmaxParameters softmax;
  golden::FunctionTable table;
};

const int8_t* AsInt8(const std::vector<uint8_t>& bytes) {
  return reinterpret_cast<const int8_t*>(bytes.data());
}
int8_t* AsInt8(std::vector<uint8_t>& bytes) { return reinterpret_cast<int8_t*>(bytes.data()); }

int8_t Clamp(int64_t value, const ActivationRange& range) {
  return static_cast<int8_t>(std::clamp<int64_t>(value, range.min, range.max));
}

int32_t DotBlock(const int16_t* a, const int16_t* b, int64_t count) {
  int32_t sum = 0;
  for (int64_t i = 0; i < count; ++i) sum += int32_t{a[i]} * b[i];
  return sum;
}

// Sum of products modulo 2^32.
uint32_t Dot(const int16_t* a, const int16_t* b, int64_t count) {
  uint32_t sum = 0;
  for (int64_t i = 0; i < count; i += kDotBlock) {
    sum += static_cast<uint32_t>(DotBlock(a + i, b + i, std::min(kDotBlock, count - i)));
  }
  return sum;
}

// Where a window lies along one dimension: positions start + tap * dilation for tap in [first,
// last).
struct WindowSpan {
  int64_t start;
  int64_t first;
  int64_t last;
};

WindowSpan PlaceWindow(int64_t output, int64_t stride, int64_t padding, int64_t filter,
                       int64_t dilation, int64_t size) {
  WindowSpan span;
  span.start = output * stride - padding;
  span.first = span.start < 0 ? (-span.start + dilation - 1) / dilation : 0;
  span.last = span.start >= size ? 0 : (size - 1 - span.start) / dilation + 1;
  span.last = std::min(span.last, filter);
  span.first = std::min(span.first, span.last);
  return span;
}

class Executor {
 public:
  Executor(const Model& model, Rounding rounding, TensorBytes& bytes)
      : model_(model), rounding_(rounding), bytes_(bytes) {}

  void Execute(const Operator& op, const Layer& layer) {
    if (golden::IsMoving(op.type)) {
      std::vector<const std::vector<uint8_t>*> inputs;
      for (int32_t tensor : op.inputs) inputs.push_back(&Bytes(tensor));
      for (size_t i = 0; i < op.outputs.size(); ++i) {
        bytes_[op.outputs[i]] = golden::Move(model_, op, i, inputs);
      }
      return;
    }
    const Tensor& input = model_.tensors[op.inputs[0]];
    const Tensor& output = model_.tensors[op.outputs[0]];
    const std::vector<uint8_t>& in = Bytes(op.inputs[0]);
    std::vector<uint8_t>& out = bytes_[op.outputs[0]];
    switch (op.type) {
      case OperatorType::kBinaryConv2d:
        out = golden::BinaryConv(model_, op, layer.weights, in, rounding_);
        return;
      case OperatorType::kThermometer:
        out = golden::Thermometer(model_, op, in);
        return;
      case OperatorType::kMaxPool2d:
        if (input.type != TensorType::kBits) break;
        out = golden::PoolCodes(model_, op, in);
        return;
      default:
        break;
    }
    out.resize(output.bytes());
    if (golden::IsFunction(op.type)) {
      for (size_t i = 0; i < in.size(); ++i) {
        out[i] = static_cast<uint8_t>(layer.table[static_cast<int8_t>(in[i]) + 128]);
      }
      return;
    }
    switch (op.type) {
      case OperatorType::kConv2d:
        Conv(op, layer, input, output, AsInt8(in), AsInt8(out));
        break;
      case OperatorType::kDepthwiseConv2d:
        Depthwise(op, layer, input, output, AsInt8(in), AsInt8(out));
        break;
      case OperatorType::kFullyConnected:
        FullyConnected(op, layer, input, output, AsInt8(in), AsInt8(out));
        break;
      case OperatorType::kTransposeConv:
        TransposeConv(op, layer, input, output, AsInt8(in), AsInt8(out));
        break;
      case OperatorType::kBatchMatMul:
        BatchMatMul(op, layer, AsInt8(in), AsInt8(Bytes(op.inputs[1])), AsInt8(out));
        break;
      case OperatorType::kAdd:
      case OperatorType::kSub:
      case OperatorType::kMul:
      case OperatorType::kMaximum:
      case OperatorType::kMinimum:
      case OperatorType::kSquaredDifference:
      case OperatorType::kPrelu:
        TwoOperands(op, layer, AsInt8(in), AsInt8(Bytes(op.inputs[1])), AsInt8(out));
        break;
      case OperatorType::kAddN:
        AddN(op, layer, AsInt8(out));
        break;
      case OperatorType::kMaxPool2d:
      case OperatorType::kAveragePool2d:
        Pool(op, layer, input, output, AsInt8(in), AsInt8(out));
        break;
      case OperatorType::kMean:
      case OperatorType::kSum:
      case OperatorType::kReduceMax:
      case OperatorType::kReduceMin:
        Reduce(op, layer, input, output, AsInt8(in), AsInt8(out));
        break;
      case OperatorType::kArgMax:
      case OperatorType::kArgMin:
        Arg(op, input, AsInt8(in), out.data());
        break;
      case OperatorType::kQuantize:
        Quantize(layer, input, output, in, out);
        break;
      case OperatorType::kReshape:
        out = in;
        break;
      case OperatorType::kSoftmax:
        Softmax(layer, input, AsInt8(in), AsInt8(out));
        break;
      case OperatorType::kResizeBilinear:
        ResizeBilinear(op, input, output, AsInt8(in), AsInt8(out));
        break;
      default:  // moving and functions, above
        break;
    }
  }

 private:
  const std::vector<uint8_t>& Bytes(int32_t tensor) const {
    const Tensor& t = model_.tensors[tensor];
    return t.is_constant ? t.data : bytes_[tensor];
  }
  int32_t Scale(int32_t x, const QuantizedMultiplier& factor) const {
    return MultiplyByQuantizedMultiplier(x, factor.multiplier, factor.shift, rounding_);
  }

  int8_t Requantize(uint32_t sum, int32_t channel, const Layer& layer, int32_t zero_point) const {
    const auto biased = static_cast<int32_t>(sum + static_cast<uint32_t>(layer.bias[channel]));
    const QuantizedMultiplier& factor = layer.multipliers[channel];
    return Clamp(
        int64_t{MultiplyByQuantizedMultiplier(biased, factor.multiplier, factor.shift, rounding_)} +
            zero_point,
        layer.range);
  }

  // Every window is gathered into a row (zero outside of the image), group by group, and multiplied
  // with each filter.
  void Conv(const Operator& op, const Layer& layer, const Tensor& input, const Tensor& output,
            const int8_t* in, int8_t* out) {
    const auto& options = std::get<ConvOptions>(op.options);
    const Tensor& filter = model_.tensors[op.inputs[1]];
    const int64_t in_h = input.shape[1], in_w = input.shape[2], in_c = input.shape[3];
    const int64_t out_h = output.shape[1], out_w = output.shape[2], out_c = output.shape[3];
    const int64_t filter_h = filter.shape[1], filter_w = filter.shape[2], depth = filter.shape[3];
    const int64_t groups = in_c / depth, group_filters = out_c / groups;
    const int64_t taps = filter_h * filter_w * depth;
    const int32_t pad_h = PaddingBefore(options.padding, input.shape[1], output.shape[1],
                                        filter.shape[1], options.stride_h, options.dilation_h);
    const int32_t pad_w = PaddingBefore(options.padding, input.shape[2], output.shape[2],
                                        filter.shape[2], options.stride_w, options.dilation_w);
    const int32_t zero_in = input.zero_point();
    const int32_t zero_out = output.zero_point();
    std::vector<int16_t> window(taps);
    for (int64_t n = 0; n < input.shape[0]; ++n) {
      for (int64_t y = 0; y < out_h; ++y) {
        const WindowSpan rows =
            PlaceWindow(y, options.stride_h, pad_h, filter_h, options.dilation_h, in_h);
        for (int64_t x = 0; x < out_w; ++x) {
          const WindowSpan columns =
              PlaceWindow(x, options.stride_w, pad_w, filter_w, options.dilation_w, in_w);
          for (int64_t g = 0; g < groups; ++g) {
            std::fill(window.begin(), window.end(), int16_t{0});
            for (int64_t ky = rows.first; ky < rows.last; ++ky) {
              for (int64_t kx = columns.first; kx < columns.last; ++kx) {
                const int64_t iy = rows.start + ky * options.dilation_h;
                const int64_t ix = columns.start + kx * options.dilation_w;
                const int8_t* source = in + ((n * in_h + iy) * in_w + ix) * in_c + g * depth;
                int16_t* target = window.data() + (ky * filter_w + kx) * depth;
                for (int64_t c = 0; c < depth; ++c)
                  target[c] = static_cast<int16_t>(source[c] - zero_in);
              }
            }
            for (int64_t f = g * group_filters; f < (g + 1) * group_filters; ++f) {
              const uint32_t sum = Dot(window.data(), layer.weights.data() + f * taps, taps);
              out[((n * out_h + y) * out_w + x) * out_c + f] =
                  Requantize(sum, static_cast<int32_t>(f), layer, zero_out);
            }
          }
        }
      }
    }
  }

  void Depthwise(const Operator& op, const Layer& layer, const Tensor& input, const Tensor& output,
                 const int8_t* in, int8_t* out) {
    const auto& options = std::get<ConvOptions>(op.options);
    const Tensor& filter = model_.tensors[op.inputs[1]];
    const int64_t in_h = input.shape[1], in_w = input.shape[2], in_c = input.shape[3];
    const int64_t out_h = output.shape[1], out_w = output.shape[2], out_c = output.shape[3];
    const int64_t filter_h = filter.shape[1], filter_w = filter.shape[2];
    const int64_t multiplier = out_c / in_c;
    const int32_t pad_h = PaddingBefore(options.padding, input.shape[1], output.shape[1],
                                        filter.shape[1], options.stride_h, options.dilation_h);
    const int32_t pad_w = PaddingBefore(options.padding, input.shape[2], output.shape[2],
                                        filter.shape[2], options.stride_w, options.dilation_w);
    const int32_t zero_in = input.zero_point();
    const int32_t zero_out = output.zero_point();
    std::vector<uint32_t> sums(out_c);
    for (int64_t n = 0; n < input.shape[0]; ++n) {
      for (int64_t y = 0; y < out_h; ++y) {
        const WindowSpan rows =
            PlaceWindow(y, options.stride_h, pad_h, filter_h, options.dilation_h, in_h);
        for (int64_t x = 0; x < out_w; ++x) {
          const WindowSpan columns =
              PlaceWindow(x, options.stride_w, pad_w, filter_w, options.dilation_w, in_w);
          std::fill(sums.begin(), sums.end(), 0u);
          for (int64_t ky = rows.first; ky < rows.last; ++ky) {
            for (int64_t kx = columns.first; kx < columns.last; ++kx) {
              const int64_t iy = rows.start + ky * options.dilation_h;
              const int64_t ix = columns.start + kx * options.dilation_w;
              const int8_t* source = in + ((n * in_h + iy) * in_w + ix) * in_c;
              const int16_t* weights = layer.weights.data() + (ky * filter_w + kx) * out_c;
              if (multiplier == 1) {
                for (int64_t c = 0; c < in_c; ++c) {
                  sums[c] += static_cast<uint32_t>((source[c] - zero_in) * weights[c]);
                }
                continue;
              }
              for (int64_t c = 0; c < in_c; ++c) {
                const int32_t value = source[c] - zero_in;
                for (int64_t m = c * multiplier; m < (c + 1) * multiplier; ++m) {
                  sums[m] += static_cast<uint32_t>(value * weights[m]);
                }
              }
            }
          }
          int8_t* target = out + ((n * out_h + y) * out_w + x) * out_c;
          for (int64_t c = 0; c < out_c; ++c) {
            target[c] = Requantize(sums[c], static_cast<int32_t>(c), layer, zero_out);
          }
        }
      }
    }
  }

  void FullyConnected(const Operator& op, const Layer& layer, const Tensor& input,
                      const Tensor& output, const int8_t* in, int8_t* out) {
    const Tensor& filter = model_.tensors[op.inputs[1]];
    const int64_t units = filter.shape[0], depth = filter.shape[1];
    const int64_t rows = input.elements() / depth;
    const int32_t zero_in = input.zero_point();
    const int32_t zero_out = output.zero_point();
    std::vector<int16_t> row(depth);
    for (int64_t r = 0; r < rows; ++r) {
      for (int64_t i = 0; i < depth; ++i)
        row[i] = static_cast<int16_t>(in[r * depth + i] - zero_in);
      for (int64_t u = 0; u < units; ++u) {
        const uint32_t sum = Dot(row.data(), layer.weights.data() + u * depth, depth);
        out[r * units + u] = Requantize(sum, static_cast<int32_t>(u), layer, zero_out);
      }
    }
  }

  // Every input element is added, times the filter, to the outputs that it reaches.
  void TransposeConv(const Operator& op, const Layer& layer, const Tensor& input,
                     const Tensor& output, const int8_t* in, int8_t* out) {
    const auto& options = std::get<TransposeConvOptions>(op.options);
    const Tensor& filter = model_.tensors[op.inputs[1]];
    const int64_t in_h = input.shape[1], in_w = input.shape[2], in_c = input.shape[3];
    const int64_t out_h = output.shape[1], out_w = output.shape[2], out_c = output.shape[3];
    const int64_t filter_h = filter.shape[1], filter_w = filter.shape[2];
    const int32_t pad_h = PaddingBefore(options.padding, output.shape[1], input.shape[1],
                                        filter.shape[1], options.stride_h, 1);
    const int32_t pad_w = PaddingBefore(options.padding, output.shape[2], input.shape[2],
                                        filter.shape[2], options.stride_w, 1);
    const int32_t zero_in = input.zero_point();
    std::vector<uint32_t> sums(output.elements(), 0);
    std::vector<int16_t> pixel(in_c);
    for (int64_t n = 0; n < input.shape[0]; ++n) {
      for (int64_t y = 0; y < in_h; ++y) {
        for (int64_t x = 0; x < in_w; ++x, in += in_c) {
          for (int64_t c = 0; c < in_c; ++c) pixel[c] = static_cast<int16_t>(in[c] - zero_in);
          const WindowSpan rows = PlaceWindow(y, options.stride_h, pad_h, filter_h, 1, out_h);
          const WindowSpan columns = PlaceWindow(x, options.stride_w, pad_w, filter_w, 1, out_w);
          for (int64_t ky = rows.first; ky < rows.last; ++ky) {
            for (int64_t kx = columns.first; kx < columns.last; ++kx) {
              uint32_t* target =
                  sums.data() +
                  ((n * out_h + rows.start + ky) * out_w + columns.start + kx) * out_c;
              for (int64_t f = 0; f < out_c; ++f) {
                const int64_t weights = ((f * filter_h + ky) * filter_w + kx) * in_c;
                target[f] += Dot(pixel.data(), layer.weights.data() + weights, in_c);
              }
            }
          }
        }
      }
    }
    for (size_t i = 0; i < sums.size(); ++i) {
      out[i] = Requantize(sums[i], static_cast<int32_t>(static_cast<int64_t>(i) % out_c), layer,
                          output.zero_point());
    }
  }

  void BatchMatMul(const Operator& op, const Layer& layer, const int8_t* first,
                   const int8_t* second, int8_t* out) {
    const auto& options = std::get<BatchMatMulOptions>(op.options);
    const Tensor& x = model_.tensors[op.inputs[0]];
    const Tensor& y = model_.tensors[op.inputs[1]];
    const Tensor& output = model_.tensors[op.outputs[0]];
    const size_t rank = output.shape.size();
    const int64_t rows = output.shape[rank - 2], columns = output.shape[rank - 1];
    const int64_t depth = options.adjoint_x ? x.shape[x.shape.size() - 2] : x.shape.back();
    const int64_t x_row = options.adjoint_x ? 1 : depth, x_step = options.adjoint_x ? rows : 1;
    const int64_t y_column = options.adjoint_y ? depth : 1;
    const int64_t y_step = options.adjoint_y ? 1 : columns;
    const auto batches = [](const Tensor& tensor) {
      return std::vector<int32_t>(tensor.shape.begin(), tensor.shape.end() - 2);
    };
    ForEachPair(batches(output), batches(x), batches(y), [&](int64_t o, int64_t a, int64_t b) {
      const int8_t* left = first + a * rows * depth;
      const int8_t* right = second + b * depth * columns;
      for (int64_t r = 0; r < rows; ++r) {
        for (int64_t c = 0; c < columns; ++c) {
          uint32_t sum = 0;
          for (int64_t k = 0; k < depth; ++k) {
            sum += static_cast<uint32_t>((left[r * x_row + k * x_step] - x.zero_point()) *
                                         (right[c * y_column + k * y_step] - y.zero_point()));
          }
          out[(o * rows + r) * columns + c] = Requantize(sum, 0, layer, output.zero_point());
        }
      }
    });
  }

  // Calls function(i, a, b) for each element of `shape`, with the elements of the two operands,
  // whose dimensions of size 1 are stretched.
  template <typename Function>
  static void ForEachPair(const std::vector<int32_t>& shape, const std::vector<int32_t>& first,
                          const std::vector<int32_t>& second, Function function) {
    const size_t rank = shape.size();
    const auto steps = [&](const std::vector<int32_t>& operand) {
      std::vector<int64_t> result(rank, 0);
      int64_t step = 1;
      for (size_t i = 1; i <= operand.size(); ++i) {
        const int32_t size = operand[operand.size() - i];
        if (size != 1) result[rank - i] = step;
        step *= size;
      }
      return result;
    };
    const std::vector<int64_t> first_steps = steps(first);
    const std::vector<int64_t> second_steps = steps(second);
    int64_t count = 1;
    for (int32_t size : shape) count *= size;
    std::vector<int32_t> position(rank, 0);
    int64_t a = 0, b = 0;
    for (int64_t i = 0; i < count; ++i) {
      function(i, a, b);
      for (size_t d = rank; d-- > 0;) {
        a += first_steps[d];
        b += second_steps[d];
        if (++position[d] < shape[d]) break;
        a -= first_steps[d] * shape[d];
        b -= second_steps[d] * shape[d];
        position[d] = 0;
      }
    }
  }

  void TwoOperands(const Operator& op, const Layer& layer, const int8_t* first,
                   const int8_t* second, int8_t* out) {
    const Tensor& x = model_.tensors[op.inputs[0]];
    const Tensor& y = model_.tensors[op.inputs[1]];
    const Tensor& output = model_.tensors[op.outputs[0]];
    const int32_t zero_x = x.zero_point();
    const int32_t zero_y = y.zero_point();
    const int64_t zero_out = output.zero_point();
    const auto apply = [&](auto function) {
      ForEachPair(output.shape, x.shape, y.shape, [&](int64_t i, int64_t a, int64_t b) {
        out[i] = Clamp(function(first[a], second[b]), layer.range);
      });
    };
    // Both operands with `bits` more bits, at the same scale.
    const auto aligned = [&](int32_t q, int32_t zero, const QuantizedMultiplier& factor,
                             int32_t bits) { return Scale((q - zero) * (1 << bits), factor); };
    switch (op.type) {
      case OperatorType::kAdd:
      case OperatorType::kSub: {
        const int32_t sign = op.type == OperatorType::kAdd ? 1 : -1;
        apply([&](int32_t p, int32_t q) {
          const int32_t sum = aligned(p, zero_x, layer.add.input1, kAddLeftShift) +
                              sign * aligned(q, zero_y, layer.add.input2, kAddLeftShift);
          return Scale(sum, layer.add.output) + zero_out;
        });
        break;
      }
      case OperatorType::kMul:
        apply([&](int32_t p, int32_t q) {
          return Scale((p - zero_x) * (q - zero_y), layer.factor) + zero_out;
        });
        break;
      case OperatorType::kMaximum:
        apply([](int32_t p, int32_t q) { return std::max(p, q); });
        break;
      case OperatorType::kMinimum:
        apply([](int32_t p, int32_t q) { return std::min(p, q); });
        break;
      case OperatorType::kSquaredDifference:
        apply([&](int32_t p, int32_t q) {
          const int32_t difference =
              aligned(p, zero_x, layer.add.input1, kSquaredDifferenceLeftShift) -
              aligned(q, zero_y, layer.add.input2, kSquaredDifferenceLeftShift);
          return Scale(difference * difference, layer.add.output) + zero_out;
        });
        break;
      default:  // PRELU
        apply([&](int32_t p, int32_t q) {
          const int32_t value = p - zero_x;
          return (value >= 0 ? Scale(value, layer.prelu.identity)
                             : Scale(value * (q - zero_y), layer.prelu.alpha)) +
                 zero_out;
        });
        break;
    }
  }

  void AddN(const Operator& op, const Layer& layer, int8_t* out) {
    const Tensor& output = model_.tensors[op.outputs[0]];
    const int32_t zero = model_.tensors[op.inputs[0]].zero_point();
    const int64_t count = output.elements();
    const auto scaled = [&](int32_t q) {
      return Scale((q - zero) * (1 << kAddLeftShift), layer.add.input1);
    };
    for (int64_t i = 0; i < count; ++i) {
      int32_t sum = scaled(0);  // one value 0 more, as TFLite has it
      for (int32_t tensor : op.inputs) sum += scaled(AsInt8(Bytes(tensor))[i]);
      out[i] = Clamp(int64_t{Scale(sum, layer.add.output)} + output.zero_point(), layer.range);
    }
  }

  template <typename From, typename To>
  void Requantize(const Layer& layer, const Tensor& input, const Tensor& output, const uint8_t* in,
                  uint8_t* out) {
    const int64_t count = input.elements();
    for (int64_t i = 0; i < count; ++i) {
      From value;
      std::memcpy(&value, in + i * sizeof(From), sizeof(From));
      const int64_t scaled =
          int64_t{Scale(value - input.zero_point(), layer.factor)} + output.zero_point();
      const auto result = static_cast<To>(std::clamp<int64_t>(
          scaled, std::numeric_limits<To>::min(), std::numeric_limits<To>::max()));
      std::memcpy(out + i * sizeof(To), &result, sizeof(To));
    }
  }
  template <typename From>
  void QuantizeFrom(const Layer& layer, const Tensor& input, const Tensor& output,
                    const uint8_t* in, uint8_t* out) {
    switch (output.type) {
      case TensorType::kUint8:
        return Requantize<From, uint8_t>(layer, input, output, in, out);
      case TensorType::kInt16:
        return Requantize<From, int16_t>(layer, input, output, in, out);
      case TensorType::kInt32:
        return Requantize<From, int32_t>(layer, input, output, in, out);
      default:
        return Requantize<From, int8_t>(layer, input, output, in, out);
    }
  }
  void Quantize(const Layer& layer, const Tensor& input, const Tensor& output,
                const std::vector<uint8_t>& in, std::vector<uint8_t>& out) {
    switch (input.type) {
      case TensorType::kUint8:
        return QuantizeFrom<uint8_t>(layer, input, output, in.data(), out.data());
      case TensorType::kInt16:
        return QuantizeFrom<int16_t>(layer, input, output, in.data(), out.data());
      case TensorType::kInt32:
        return QuantizeFrom<int32_t>(layer, input, output, in.data(), out.data());
      default:
        return QuantizeFrom<int8_t>(layer, input, output, in.data(), out.data());
    }
  }

  // Four neighbours in 1/1024 each way; halves are rounded away from zero.
  void ResizeBilinear(const Operator& op, const Tensor& input, const Tensor& output,
                      const int8_t* in, int8_t* out) {
    const auto& options = std::get<ResizeOptions>(op.options);
    const int64_t in_h = input.shape[1], in_w = input.shape[2], depth = input.shape[3];
    constexpr int64_t kOne = 1 << 10;
    for (int64_t n = 0; n < output.shape[0]; ++n, in += in_h * in_w * depth) {
      for (int32_t y = 0; y < output.shape[1]; ++y) {
        const BilinearSource row =
            ComputeBilinearSource(options, y, input.shape[1], output.shape[1]).value();
        for (int32_t x = 0; x < output.shape[2]; ++x, out += depth) {
          const BilinearSource column =
              ComputeBilinearSource(options, x, input.shape[2], output.shape[2]).value();
          const auto at = [&](int64_t iy, int64_t ix, int64_t c) -> int64_t {
            return in[(iy * in_w + ix) * depth + c];
          };
          for (int64_t c = 0; c < depth; ++c) {
            const int64_t upper = at(row.lower, column.lower, c) * (kOne - column.fraction) +
                                  at(row.lower, column.upper, c) * column.fraction;
            const int64_t lower = at(row.upper, column.lower, c) * (kOne - column.fraction) +
                                  at(row.upper, column.upper, c) * column.fraction;
            const int64_t sum = upper * (kOne - row.fraction) + lower * row.fraction;
            const int64_t half = kOne * kOne / 2;
            const int64_t rounded = rounding_ == Rounding::kSingle
                                        ? (sum + half) >> 20
                                        : (sum + (sum > 0 ? half : -half)) / (kOne * kOne);
            out[c] = static_cast<int8_t>(rounded);
          }
        }
      }
    }
  }

  void Pool(const Operator& op, const Layer& layer, const Tensor& input, const Tensor& output,
            const int8_t* in, int8_t* out) {
    const auto& options = std::get<PoolOptions>(op.options);
    const bool average = op.type == OperatorType::kAveragePool2d;
    const int64_t in_h = input.shape[1], in_w = input.shape[2], depth = input.shape[3];
    const int64_t out_h = output.shape[1], out_w = output.shape[2];
    const int32_t pad_h = PaddingBefore(options.padding, input.shape[1], output.shape[1],
                                        options.filter_h, options.stride_h, 1);
    const int32_t pad_w = PaddingBefore(options.padding, input.shape[2], output.shape[2],
                                        options.filter_w, options.stride_w, 1);
    std::vector<int64_t> values(depth);
    for (int64_t n = 0; n < input.shape[0]; ++n) {
      for (int64_t y = 0; y < out_h; ++y) {
        const WindowSpan rows = PlaceWindow(y, options.stride_h, pad_h, options.filter_h, 1, in_h);
        for (int64_t x = 0; x < out_w; ++x) {
          const WindowSpan columns =
              PlaceWindow(x, options.stride_w, pad_w, options.filter_w, 1, in_w);
          std::fill(values.begin(), values.end(), average ? 0 : -128);
          for (int64_t iy = rows.start + rows.first; iy < rows.start + rows.last; ++iy) {
            for (int64_t ix = columns.start + columns.first; ix < columns.start + columns.last;
                 ++ix) {
              const int8_t* source = in + ((n * in_h + iy) * in_w + ix) * depth;
              for (int64_t c = 0; c < depth; ++c) {
                values[c] =
                    average ? values[c] + source[c] : std::max<int64_t>(values[c], source[c]);
              }
            }
          }
          const int64_t count = (rows.last - rows.first) * (columns.last - columns.first);
          int8_t* target = out + ((n * out_h + y) * out_w + x) * depth;
          for (int64_t c = 0; c < depth; ++c) {
            int64_t value = values[c];
            // The mean over the cells inside of the image, halves away from zero.
            if (average)
              value = value > 0 ? (value + count / 2) / count : (value - count / 2) / count;
            target[c] = Clamp(value, layer.range);
          }
        }
      }
    }
  }

  // MEAN, SUM, REDUCE_MAX, REDUCE_MIN.
  void Reduce(const Operator& op, const Layer& layer, const Tensor& input, const Tensor& output,
              const int8_t* in, int8_t* out) {
    const auto& axes = std::get<ReduceOptions>(op.options).axes;
    const size_t rank = input.shape.size();
    // Steps in the output for a step in each dimension of the input; 0 along reduced ones.
    std::vector<int64_t> steps(rank, 0);
    int64_t step = 1;
    int64_t count = 1;
    for (size_t i = rank; i-- > 0;) {
      if (std::find(axes.begin(), axes.end(), static_cast<int32_t>(i)) != axes.end()) {
        count *= input.shape[i];
        continue;
      }
      steps[i] = step;
      step *= input.shape[i];
    }
    const bool max = op.type == OperatorType::kReduceMax;
    const bool min = op.type == OperatorType::kReduceMin;
    if (max || min) std::fill_n(out, output.elements(), max ? int8_t{-128} : int8_t{127});
    std::vector<uint32_t> sums(output.elements(), 0);
    std::vector<int32_t> position(rank, 0);
    int64_t target = 0;
    const int64_t elements = input.elements();
    for (int64_t i = 0; i < elements; ++i) {
      if (max) {
        out[target] = std::max(out[target], in[i]);
      } else if (min) {
        out[target] = std::min(out[target], in[i]);
      } else {
        sums[target] += static_cast<uint32_t>(int32_t{in[i]});
      }
      for (size_t d = rank; d-- > 0;) {  // the next position, last dimension fastest
        target += steps[d];
        if (++position[d] < input.shape[d]) break;
        target -= steps[d] * input.shape[d];
        position[d] = 0;
      }
    }
    if (max || min) return;
    const auto zero_sum = static_cast<uint32_t>(input.zero_point() * count);
    for (size_t i = 0; i < sums.size(); ++i) {
      const auto sum = static_cast<int32_t>(sums[i] - zero_sum);
      out[i] = Clamp(int64_t{Scale(sum, layer.factor)} + output.zero_point(), ActivationRange{});
    }
  }

  // The first of several equal extremes.
  void Arg(const Operator& op, const Tensor& input, const int8_t* in, uint8_t* out) {
    const bool max = op.type == OperatorType::kArgMax;
    const int32_t axis = std::get<AxisOptions>(op.options).axis;
    int64_t outer = 1, inner = 1;
    for (size_t d = 0; d < input.shape.size(); ++d) {
      if (static_cast<int32_t>(d) < axis) outer *= input.shape[d];
      if (static_cast<int32_t>(d) > axis) inner *= input.shape[d];
    }
    for (int64_t o = 0; o < outer; ++o) {
      for (int64_t i = 0; i < inner; ++i, out += sizeof(int32_t)) {
        const int8_t* line = in + o * input.shape[axis] * inner + i;
        int32_t best = 0;
        for (int32_t k = 1; k < input.shape[axis]; ++k) {
          const int8_t value = line[k * inner];
          if (max ? value > line[best * inner] : value < line[best * inner]) best = k;
        }
        std::memcpy(out, &best, sizeof(best));
      }
    }
  }

  void Softmax(const Layer& layer, const Tensor& input, const int8_t* in, int8_t* out) {
    constexpr int32_t kSumIntegerBits = 12;  // the sum is Q12.19
    constexpr int32_t kOutputBits = 8;
    const SoftmaxParameters& parameters = layer.softmax;
    // Exponentials of all differences to the maximum; 0 where they are left out.
    std::vector<int32_t> exponentials(256, 0);
    for (int32_t difference = 0; difference >= -255; --difference) {
      if (difference < parameters.diff_min) break;
      const auto shifted =
          static_cast<int32_t>(static_cast<uint32_t>(difference) << parameters.left_shift);
      exponentials[-difference] =
          golden::ExpOnNegativeValues(golden::DoublingHighMultiply(shifted, parameters.multiplier));
    }
    const int64_t depth = input.shape.back();
    const int64_t rows = input.elements() / depth;
    for (int64_t r = 0; r < rows; ++r, in += depth, out += depth) {
      const int32_t largest = *std::max_element(in, in + depth);
      uint32_t sum = 0;
      for (int64_t i = 0; i < depth; ++i) {
        if (in[i] - largest < parameters.diff_min) continue;
        sum += static_cast<uint32_t>(
            golden::RoundingShiftRight(exponentials[largest - in[i]], kSumIntegerBits));
      }
      const int32_t headroom = std::countl_zero(sum);
      const int32_t bits_over_unit = kSumIntegerBits - headroom;
      const auto fraction = static_cast<int32_t>((sum << headroom) - (uint32_t{1} << 31));
      const int32_t reciprocal = golden::OneOverOnePlus(fraction);
      for (int64_t i = 0; i < depth; ++i) {
        if (in[i] - largest < parameters.diff_min) {
          out[i] = -128;
          continue;
        }
        const int32_t product =
            golden::DoublingHighMultiply(reciprocal, exponentials[largest - in[i]]);
        const int32_t probability =
            golden::RoundingShiftRight(product, bits_over_unit + 31 - kOutputBits);
        out[i] = Clamp(int64_t{probability} - 128, ActivationRange{});
      }
    }
  }

  const Model& model_;
  const Rounding rounding_;
  TensorBytes& bytes_;
};

Layer Prepare(const Model& model, const Operator& op, Rounding rounding) {
  Layer layer;
  const Tensor& input = model.tensors[op.inputs[0]];
  const Tensor& output = model.tensors[op.outputs[0]];
  const float scale = input.scale();
  const float scale_out = output.scale();
  const auto scale2 = [&] { return model.tensors[op.inputs[1]].scale(); };
  const auto set_range = [&](Activation activation) {
    layer.range = ComputeActivationRange(activation, output.scale(), output.zero_point()).value();
  };
  const auto set_weights = [&] {
    const std::vector<uint8_t>& filter = model.tensors[op.inputs[1]].data;
    layer.weights.reserve(filter.size());
    for (uint8_t weight : filter) layer.weights.push_back(static_cast<int8_t>(weight));
    layer.multipliers = OutputMultipliers(model, op);
    layer.bias.assign(layer.multipliers.size(), 0);
    if (op.inputs[2] >= 0) {
      const std::vector<uint8_t>& bias = model.tensors[op.inputs[2]].data;
      std::memcpy(layer.bias.data(), bias.data(), bias.size());
    }
  };
  switch (op.type) {
    case OperatorType::kBinaryConv2d:
      layer.weights = golden::BinaryWeights(model.tensors[op.inputs[1]]);
      break;
    case OperatorType::kConv2d:
    case OperatorType::kDepthwiseConv2d:
      set_weights();
      set_range(std::get<ConvOptions>(op.options).activation);
      break;
    case OperatorType::kFullyConnected:
      set_weights();
      set_range(std::get<FullyConnectedOptions>(op.options).activation);
      break;
    case OperatorType::kTransposeConv:
      set_weights();
      set_range(std::get<TransposeConvOptions>(op.options).activation);
      break;
    case OperatorType::kBatchMatMul:
      layer.multipliers = OutputMultipliers(model, op);
      layer.bias = {0};
      break;
    case OperatorType::kAdd:
      layer.add = ComputeAddMultipliers(scale, scale2(), scale_out).value();
      set_range(std::get<AddOptions>(op.options).activation);
      break;
    case OperatorType::kSub:
      layer.add = ComputeSubMultipliers(scale, scale2(), scale_out).value();
      set_range(std::get<AddOptions>(op.options).activation);
      break;
    case OperatorType::kMul:
      layer.factor = MulMultiplier(scale, scale2(), scale_out).value();
      set_range(std::get<AddOptions>(op.options).activation);
      break;
    case OperatorType::kSquaredDifference:
      layer.add = ComputeSquaredDifferenceMultipliers(scale, scale2(), scale_out).value();
      break;
    case OperatorType::kAddN:
      layer.add = ComputeAddMultipliers(scale, scale, scale_out).value();
      break;
    case OperatorType::kPrelu:
      layer.prelu = ComputePreluMultipliers(scale, scale2(), scale_out).value();
      break;
    case OperatorType::kMaxPool2d:
      if (input.type == TensorType::kBits) break;
      [[fallthrough]];
    case OperatorType::kAveragePool2d:
      set_range(std::get<PoolOptions>(op.options).activation);
      break;
    case OperatorType::kMean: {
      int64_t count = 1;
      for (int32_t axis : std::get<ReduceOptions>(op.options).axes) count *= input.shape[axis];
      layer.factor = MeanMultiplier(scale, scale_out, count);
      break;
    }
    case OperatorType::kSum:
      layer.factor = QuantizeMultiplier(double{scale} / double{scale_out});
      break;
    case OperatorType::kQuantize:
      layer.factor = RescaleMultiplier(scale, scale_out, ValueBits(input.type)).value();
      break;
    case OperatorType::kSoftmax:
      layer.softmax =
          ComputeSoftmaxParameters(std::get<SoftmaxOptions>(op.options).beta, scale).value();
      break;
    default:
      if (golden::IsFunction(op.type)) layer.table = TabulateFunction(model, op, rounding);
      break;
  }
  return layer;
}

// Element `index` of a tensor's bytes; 0 beyond the end.
int32_t ValueAt(TensorType type, const std::vector<uint8_t>& bytes, size_t index) {
  const size_t size = ElementBytes(type);
  if ((index + 1) * size > bytes.size()) return 0;
  uint32_t bits = 0;
  std::memcpy(&bits, bytes.data() + index * size, size);
  switch (type) {
    case TensorType::kUint8:
      return static_cast<int32_t>(bits);
    case TensorType::kInt16:
      return static_cast<int16_t>(bits);
    case TensorType::kInt32:
      return static_cast<int32_t>(bits);
    default:
      return static_cast<int8_t>(bits);
  }
}

// The first difference and the number of differing bytes.
Mismatch CompareBytes(const Tensor& tensor, const std::vector<uint8_t>& want,
                      const std::vector<uint8_t>& have) {
  Mismatch mismatch;
  mismatch.elements = static_cast<int64_t>(want.size());
  const size_t size = ElementBytes(tensor.type);
  for (size_t i = 0; i < want.size(); ++i) {
    if (want.size() == have.size() && want[i] == have[i]) continue;
    if (mismatch.differing++ != 0) continue;
    mismatch.element = static_cast<int64_t>(i / size);
    mismatch.expected = ValueAt(tensor.type, want, i / size);
    mismatch.actual = ValueAt(tensor.type, have, i / size);
    int64_t rest = mismatch.element;
    mismatch.position.resize(tensor.shape.size());
    for (size_t d = tensor.shape.size(); d-- > 0; rest /= tensor.shape[d]) {
      mismatch.position[d] = static_cast<int32_t>(rest % tensor.shape[d]);
    }
  }
  return mismatch;
}

// The same for codes. The bits behind a pixel's last channel are compared, too: they must be 0.
Mismatch CompareCodes(const Tensor& tensor, const std::vector<uint8_t>& want,
                      const std::vector<uint8_t>& have) {
  Mismatch mismatch;
  mismatch.elements = tensor.elements();
  if (want == have) return mismatch;
  const std::vector<int32_t>& shape = tensor.shape;
  const int32_t stored = (shape[3] + 7) / 8 * 8;
  for (int32_t n = 0; n < shape[0]; ++n) {
    for (int32_t y = 0; y < shape[1]; ++y) {
      for (int32_t x = 0; x < shape[2]; ++x) {
        for (int32_t c = 0; c < stored; ++c) {
          const int32_t code = golden::CodeAt(tensor, want, n, y, x, c);
          const int32_t other = golden::CodeAt(tensor, have, n, y, x, c);
          const bool counts = want.size() == have.size() || c < shape[3];
          if (!counts || (want.size() == have.size() && code == other)) continue;
          if (mismatch.differing++ != 0) continue;
          mismatch.element =
              ((int64_t{n} * shape[1] + y) * shape[2] + x) * shape[3] + std::min(c, shape[3] - 1);
          mismatch.position = {n, y, x, c};
          mismatch.expected = code;
          mismatch.actual = other;
        }
      }
    }
  }
  return mismatch;
}

}  // namespace

struct GoldenModel::Prepared {
  Model model;
  Rounding rounding;
  std::vector<Layer> layers;
};

GoldenModel::GoldenModel(const Model& model, Rounding rounding)
    : prepared_(std::make_unique<Prepared>(Prepared{model, rounding, {}})) {
  for (const Operator& op : model.operators)
    prepared_->layers.push_back(Prepare(model, op, rounding));
}

GoldenModel::~GoldenModel() = default;
GoldenModel::GoldenModel(GoldenModel&&) noexcept = default;

Result<TensorBytes> GoldenModel::Run(const std::vector<std::vector<uint8_t>>& inputs) const {
  const Model& model = prepared_->model;
  const auto refuse = [&](DiagnosticCode code, std::string message) {
    Diagnostic error;
    error.code = code;
    error.location.file = model.name;
    error.message = std::move(message);
    return error;
  };
  if (inputs.size() != model.inputs.size()) {
    return refuse(DiagnosticCode::kModelInput,
                  fmt::format("{} inputs given, {} needed", inputs.size(), model.inputs.size()));
  }
  int64_t total = 0;
  for (const Tensor& tensor : model.tensors) total += tensor.is_constant ? 0 : tensor.bytes();
  if (total > kMostActivationBytes) {
    return refuse(DiagnosticCode::kModelTooLarge,
                  fmt::format("all tensors together have {} bytes, more than {}", total,
                              kMostActivationBytes));
  }
  TensorBytes bytes(model.tensors.size());
  for (size_t i = 0; i < inputs.size(); ++i) {
    const Tensor& tensor = model.tensors[model.inputs[i]];
    if (inputs[i].size() != tensor.bytes()) {
      return refuse(DiagnosticCode::kModelInput, fmt::format("input {} has {} bytes, {} needed", i,
                                                             inputs[i].size(), tensor.bytes()));
    }
    bytes[model.inputs[i]] = inputs[i];
  }
  Executor executor(model, prepared_->rounding, bytes);
  for (size_t i = 0; i < model.operators.size(); ++i)
    executor.Execute(model.operators[i], prepared_->layers[i]);
  return bytes;
}

Result<TensorBytes> RunGolden(const Model& model, const std::vector<std::vector<uint8_t>>& inputs,
                              Rounding rounding) {
  return GoldenModel(model, rounding).Run(inputs);
}

Comparison CompareTensors(const Model& model, const TensorBytes& expected,
                          const TensorBytes& actual) {
  Comparison result;
  const auto compare = [&](int32_t number, const Operator* op) {
    const std::vector<uint8_t>& have = actual[number];
    if (have.empty()) return;
    const Tensor& tensor = model.tensors[number];
    Mismatch mismatch = tensor.type == TensorType::kBits
                            ? CompareCodes(tensor, expected[number], have)
                            : CompareBytes(tensor, expected[number], have);
    ++result.tensors;
    result.elements += mismatch.elements;
    if (mismatch.differing == 0) return;
    ++result.differing_tensors;
    result.differing_elements += mismatch.differing;
    if (result.first) return;
    mismatch.tensor = number;
    mismatch.tensor_name = tensor.name;
    if (op != nullptr) {
      mismatch.operator_index = op->index;
      mismatch.operator_name = op->name;
    }
    result.first = std::move(mismatch);
  };
  for (int32_t tensor : model.inputs) compare(tensor, nullptr);
  for (const Operator& op : model.operators) {
    for (int32_t tensor : op.outputs) compare(tensor, &op);
  }
  return result;
}

std::string DescribeMismatch(const Mismatch& m) {
  return fmt::format(
      "operator {} {}, tensor {} \"{}\": element {} at [{}] is {} instead of {}; {} of {} elements "
      "differ",
      m.operator_index, m.operator_name, m.tensor, m.tensor_name, m.element,
      fmt::join(m.position, ","), m.actual, m.expected, m.differing, m.elements);
}

}  // namespace npugen

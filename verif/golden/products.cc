// SPDX-License-Identifier: Apache-2.0
// Convolutions and matrix products; loops are arranged so that compilers vectorize them.
#include <cstring>

#include "verif/golden/kernels.h"

namespace npugen::golden {
namespace {

constexpr int64_t kDotBlock = 32768;  // 32768 * 255 * 255 < 2^31: no overflow within a block

/// What a product needs besides its options, computed once.
struct Weighted {
  std::vector<int16_t> weights;                  ///< filter, widened
  std::vector<int32_t> bias;                     ///< one per output channel
  std::vector<QuantizedMultiplier> multipliers;  ///< one per output channel
  ActivationRange range;
  Rounding rounding;

  int8_t Requantize(uint32_t sum, int32_t channel, int32_t zero_point) const {
    const auto biased = static_cast<int32_t>(sum + static_cast<uint32_t>(bias[channel]));
    const QuantizedMultiplier& factor = multipliers[channel];
    return Clamp(
        int64_t{MultiplyByQuantizedMultiplier(biased, factor.multiplier, factor.shift, rounding)} +
            zero_point,
        range);
  }
};

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

// Every window is gathered into a row (zero outside of the image), group by group, and multiplied
// with each filter.
void Conv(const Node& node, const Weighted& layer, const int8_t* in, int8_t* out) {
  const Tensor& input = node.input();
  const Tensor& output = node.output();
  const auto& options = std::get<ConvOptions>(node.op.options);
  const Tensor& filter = node.input(1);
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
                layer.Requantize(sum, static_cast<int32_t>(f), zero_out);
          }
        }
      }
    }
  }
}

void Depthwise(const Node& node, const Weighted& layer, const int8_t* in, int8_t* out) {
  const Tensor& input = node.input();
  const Tensor& output = node.output();
  const auto& options = std::get<ConvOptions>(node.op.options);
  const Tensor& filter = node.input(1);
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
          target[c] = layer.Requantize(sums[c], static_cast<int32_t>(c), zero_out);
        }
      }
    }
  }
}

void FullyConnected(const Node& node, const Weighted& layer, const int8_t* in, int8_t* out) {
  const Tensor& input = node.input();
  const Tensor& output = node.output();
  const Tensor& filter = node.input(1);
  const int64_t units = filter.shape[0], depth = filter.shape[1];
  const int64_t rows = input.elements() / depth;
  const int32_t zero_in = input.zero_point();
  const int32_t zero_out = output.zero_point();
  std::vector<int16_t> row(depth);
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t i = 0; i < depth; ++i) row[i] = static_cast<int16_t>(in[r * depth + i] - zero_in);
    for (int64_t u = 0; u < units; ++u) {
      const uint32_t sum = Dot(row.data(), layer.weights.data() + u * depth, depth);
      out[r * units + u] = layer.Requantize(sum, static_cast<int32_t>(u), zero_out);
    }
  }
}

// Every input element is added, times the filter, to the outputs that it reaches.
void TransposeConv(const Node& node, const Weighted& layer, const int8_t* in, int8_t* out) {
  const Tensor& input = node.input();
  const Tensor& output = node.output();
  const auto& options = std::get<TransposeConvOptions>(node.op.options);
  const Tensor& filter = node.input(1);
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
                sums.data() + ((n * out_h + rows.start + ky) * out_w + columns.start + kx) * out_c;
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
    out[i] = layer.Requantize(sums[i], static_cast<int32_t>(static_cast<int64_t>(i) % out_c),
                              output.zero_point());
  }
}

void BatchMatMul(const Node& node, const Weighted& layer, const int8_t* first, const int8_t* second,
                 int8_t* out) {
  const auto& options = std::get<BatchMatMulOptions>(node.op.options);
  const Tensor& x = node.input(0);
  const Tensor& y = node.input(1);
  const Tensor& output = node.output();
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
        out[(o * rows + r) * columns + c] = layer.Requantize(sum, 0, output.zero_point());
      }
    }
  });
}

/// The kernel `function` of an operator with filter and bias.
template <typename Function>
Kernel WeightedKernel(const Node& node, Activation activation, Function function) {
  Weighted layer;
  const Bytes& filter = node.input(1).data;
  layer.weights.reserve(filter.size());
  if (node.input(1).type == TensorType::kInt16) {
    layer.weights.resize(filter.size() / sizeof(int16_t));
    std::memcpy(layer.weights.data(), filter.data(), filter.size());
  } else {
    for (uint8_t weight : filter) layer.weights.push_back(static_cast<int8_t>(weight));
  }
  layer.multipliers = OutputMultipliers(node.model, node.op);
  layer.bias.assign(layer.multipliers.size(), 0);
  if (node.op.inputs[2] >= 0) {
    const Bytes& bias = node.input(2).data;
    std::memcpy(layer.bias.data(), bias.data(), bias.size());
  }
  layer.range = RangeOf(node, activation);
  layer.rounding = node.rounding;
  return [node, layer = std::move(layer), function](const Run& run) {
    function(node, layer, run.in(), run.out());
  };
}

}  // namespace

Kernel MakeConv2d(const Node& node) {
  return WeightedKernel(node, std::get<ConvOptions>(node.op.options).activation, Conv);
}

Kernel MakeDepthwiseConv2d(const Node& node) {
  return WeightedKernel(node, std::get<ConvOptions>(node.op.options).activation, Depthwise);
}

Kernel MakeFullyConnected(const Node& node) {
  return WeightedKernel(node, std::get<FullyConnectedOptions>(node.op.options).activation,
                        FullyConnected);
}

Kernel MakeTransposeConv(const Node& node) {
  return WeightedKernel(node, std::get<TransposeConvOptions>(node.op.options).activation,
                        TransposeConv);
}

Kernel MakeBatchMatMul(const Node& node) {
  const Weighted layer{{}, {0}, OutputMultipliers(node.model, node.op), {}, node.rounding};
  return
      [node, layer](const Run& run) { BatchMatMul(node, layer, run.in(0), run.in(1), run.out()); };
}

}  // namespace npugen::golden

// SPDX-License-Identifier: Apache-2.0
// Pools and reductions.
#include <cstring>

#include "verif/golden/binary.h"
#include "verif/golden/kernels.h"

namespace npugen::golden {
namespace {

void Pool(const Node& node, bool average, const ActivationRange& range, const int8_t* in,
          int8_t* out) {
  const Tensor& input = node.input();
  const Tensor& output = node.output();
  const auto& options = std::get<PoolOptions>(node.op.options);
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
              values[c] = average ? values[c] + source[c] : std::max<int64_t>(values[c], source[c]);
            }
          }
        }
        const int64_t count = (rows.last - rows.first) * (columns.last - columns.first);
        int8_t* target = out + ((n * out_h + y) * out_w + x) * depth;
        for (int64_t c = 0; c < depth; ++c) {
          int64_t value = values[c];
          // The mean over the cells inside of the image, halves away from zero; of uint8, whose
          // sums are not negative, halves up.
          if (average && node.op.from_uint8) {
            value = (value + 128 * count + count / 2) / count - 128;
          } else if (average) {
            value = value > 0 ? (value + count / 2) / count : (value - count / 2) / count;
          }
          target[c] = Clamp(value, range);
        }
      }
    }
  }
}

Kernel PoolKernel(const Node& node, bool average) {
  const ActivationRange range = RangeOf(node, std::get<PoolOptions>(node.op.options).activation);
  return
      [node, average, range](const Run& run) { Pool(node, average, range, run.in(), run.out()); };
}

/// Calls function(target, i) for each element i of the input, `target` being the element of the
/// output that it is reduced to. The number of elements that become one.
template <typename Function>
int64_t ForEachReduced(const Node& node, Function function) {
  const Tensor& input = node.input();
  const auto& axes = std::get<ReduceOptions>(node.op.options).axes;
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
  std::vector<int32_t> position(rank, 0);
  int64_t target = 0;
  const int64_t elements = input.elements();
  for (int64_t i = 0; i < elements; ++i) {
    function(target, i);
    for (size_t d = rank; d-- > 0;) {  // the next position, last dimension fastest
      target += steps[d];
      if (++position[d] < input.shape[d]) break;
      target -= steps[d] * input.shape[d];
      position[d] = 0;
    }
  }
  return count;
}

/// MEAN and SUM.
Kernel SumsKernel(const Node& node, const QuantizedMultiplier& factor) {
  return [node, factor](const Run& run) {
    const Tensor& output = node.output();
    const int8_t* in = run.in();
    std::vector<uint32_t> sums(output.elements(), 0);
    const int64_t count = ForEachReduced(node, [&](int64_t target, int64_t i) {
      sums[target] += static_cast<uint32_t>(int32_t{in[i]});
    });
    const auto zero_sum = static_cast<uint32_t>(node.input().zero_point() * count);
    for (size_t i = 0; i < sums.size(); ++i) {
      const auto sum = static_cast<int32_t>(sums[i] - zero_sum);
      run.out()[i] = Clamp(int64_t{node.Scale(sum, factor)} + output.zero_point());
    }
  };
}

/// REDUCE_MAX and REDUCE_MIN.
Kernel ExtremeKernel(const Node& node, bool max) {
  return [node, max](const Run& run) {
    const int8_t* in = run.in();
    int8_t* out = run.out();
    std::fill_n(out, node.output().elements(), max ? int8_t{-128} : int8_t{127});
    ForEachReduced(node, [&](int64_t target, int64_t i) {
      out[target] = max ? std::max(out[target], in[i]) : std::min(out[target], in[i]);
    });
  };
}

// The first of several equal extremes.
void Arg(const Node& node, bool max, const int8_t* in, uint8_t* out) {
  const Tensor& input = node.input();
  const int32_t axis = std::get<AxisOptions>(node.op.options).axis;
  int64_t outer = 1, inner = 1;
  for (size_t d = 0; d < input.shape.size(); ++d) {
    if (static_cast<int32_t>(d) < axis) outer *= input.shape[d];
    if (static_cast<int32_t>(d) > axis) inner *= input.shape[d];
  }
  const size_t bytes = ElementBytes(node.output().type);  // int32 or int64
  for (int64_t o = 0; o < outer; ++o) {
    for (int64_t i = 0; i < inner; ++i, out += bytes) {
      const int8_t* line = in + o * input.shape[axis] * inner + i;
      int32_t best = 0;
      for (int32_t k = 1; k < input.shape[axis]; ++k) {
        const int8_t value = line[k * inner];
        if (max ? value > line[best * inner] : value < line[best * inner]) best = k;
      }
      const int64_t index = best;
      std::memcpy(out, &index, bytes);
    }
  }
}

Kernel ArgKernel(const Node& node, bool max) {
  return [node, max](const Run& run) { Arg(node, max, run.in(), run.outputs[0]->data()); };
}

}  // namespace

Kernel MakeMaxPool2d(const Node& node) {
  if (node.input().type != TensorType::kBits) return PoolKernel(node, /*average=*/false);
  return
      [node](const Run& run) { *run.outputs[0] = PoolCodes(node.model, node.op, *run.inputs[0]); };
}

Kernel MakeAveragePool2d(const Node& node) { return PoolKernel(node, /*average=*/true); }

Kernel MakeMean(const Node& node) {
  int64_t count = 1;
  for (int32_t axis : std::get<ReduceOptions>(node.op.options).axes) {
    count *= node.input().shape[axis];
  }
  return SumsKernel(node, MeanMultiplier(node.input().scale(), node.output().scale(), count));
}

Kernel MakeSum(const Node& node) {
  return SumsKernel(
      node, QuantizeMultiplier(double{node.input().scale()} / double{node.output().scale()}));
}

Kernel MakeReduceMax(const Node& node) { return ExtremeKernel(node, /*max=*/true); }
Kernel MakeReduceMin(const Node& node) { return ExtremeKernel(node, /*max=*/false); }
Kernel MakeArgMax(const Node& node) { return ArgKernel(node, /*max=*/true); }
Kernel MakeArgMin(const Node& node) { return ArgKernel(node, /*max=*/false); }

}  // namespace npugen::golden

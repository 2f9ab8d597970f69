// SPDX-License-Identifier: Apache-2.0
// Operators of several tensors, element by element.
#include "verif/golden/kernels.h"

namespace npugen::golden {
namespace {

/// function(p, q) of each pair of values of the two operands.
template <typename Function>
Kernel PairKernel(const Node& node, const ActivationRange& range, Function function) {
  return [node, range, function](const Run& run) {
    const int8_t* first = run.in(0);
    const int8_t* second = run.in(1);
    int8_t* out = run.out();
    ForEachPair(node.output().shape, node.input(0).shape, node.input(1).shape,
                [&](int64_t i, int64_t a, int64_t b) {
                  out[i] = Clamp(function(first[a], second[b]), range);
                });
  };
}

/// An operand with `bits` more bits, at the scale of the other one.
int32_t Aligned(const Node& node, size_t operand, int32_t q, const QuantizedMultiplier& factor,
                int32_t bits) {
  return node.Scale((q - node.input(operand).zero_point()) * (1 << bits), factor);
}

ActivationRange FusedRange(const Node& node) {
  return RangeOf(node, std::get<AddOptions>(node.op.options).activation);
}

/// ADD (sign 1) and SUB (-1).
Kernel SumKernel(const Node& node, const AddMultipliers& factors, int32_t sign) {
  return PairKernel(node, FusedRange(node), [=](int32_t p, int32_t q) -> int64_t {
    const int32_t sum = Aligned(node, 0, p, factors.input1, kAddLeftShift) +
                        sign * Aligned(node, 1, q, factors.input2, kAddLeftShift);
    return int64_t{node.Scale(sum, factors.output)} + node.output().zero_point();
  });
}

}  // namespace

Kernel MakeAdd(const Node& node) {
  return SumKernel(
      node,
      ComputeAddMultipliers(node.input(0).scale(), node.input(1).scale(), node.output().scale())
          .value(),
      1);
}

Kernel MakeSub(const Node& node) {
  // Of uint8: TensorFlow Lite's kernels/sub.cc, which divides in double.
  const auto factors = node.op.from_uint8 ? ComputeAddMultipliers : ComputeSubMultipliers;
  return SumKernel(
      node,
      factors(node.input(0).scale(), node.input(1).scale(), node.output().scale(), kAddLeftShift)
          .value(),
      -1);
}

Kernel MakeMul(const Node& node) {
  const QuantizedMultiplier factor =
      MulMultiplier(node.input(0).scale(), node.input(1).scale(), node.output().scale(),
                    /*wide=*/false, node.op.from_uint8)
          .value();
  const int32_t zero_x = node.input(0).zero_point();
  const int32_t zero_y = node.input(1).zero_point();
  return PairKernel(node, FusedRange(node), [=](int32_t p, int32_t q) -> int64_t {
    return int64_t{node.Scale((p - zero_x) * (q - zero_y), factor)} + node.output().zero_point();
  });
}

Kernel MakeMaximum(const Node& node) {
  return PairKernel(node, {}, [](int32_t p, int32_t q) { return std::max(p, q); });
}

Kernel MakeMinimum(const Node& node) {
  return PairKernel(node, {}, [](int32_t p, int32_t q) { return std::min(p, q); });
}

Kernel MakeSquaredDifference(const Node& node) {
  const AddMultipliers factors =
      ComputeSquaredDifferenceMultipliers(node.input(0).scale(), node.input(1).scale(),
                                          node.output().scale())
          .value();
  return PairKernel(node, {}, [=](int32_t p, int32_t q) -> int64_t {
    const int32_t difference = Aligned(node, 0, p, factors.input1, kSquaredDifferenceLeftShift) -
                               Aligned(node, 1, q, factors.input2, kSquaredDifferenceLeftShift);
    return int64_t{node.Scale(difference * difference, factors.output)} +
           node.output().zero_point();
  });
}

Kernel MakePrelu(const Node& node) {
  const PreluMultipliers factors =
      ComputePreluMultipliers(node.input(0).scale(), node.input(1).scale(), node.output().scale())
          .value();
  const int32_t zero_x = node.input(0).zero_point();
  const int32_t zero_y = node.input(1).zero_point();
  return PairKernel(node, {}, [=](int32_t p, int32_t q) -> int64_t {
    const int32_t value = p - zero_x;
    return int64_t{value >= 0 ? node.Scale(value, factors.identity)
                              : node.Scale(value * (q - zero_y), factors.alpha)} +
           node.output().zero_point();
  });
}

Kernel MakeAddN(const Node& node) {
  const float scale = node.input().scale();
  const AddMultipliers factors = ComputeAddMultipliers(scale, scale, node.output().scale()).value();
  return [node, factors](const Run& run) {
    const int32_t zero = node.input().zero_point();
    const int64_t count = node.output().elements();
    const auto scaled = [&](int32_t q) {
      return node.Scale((q - zero) * (1 << kAddLeftShift), factors.input1);
    };
    for (int64_t i = 0; i < count; ++i) {
      int32_t sum = scaled(0);  // one value 0 more, as TFLite has it
      for (size_t operand = 0; operand < run.inputs.size(); ++operand) {
        sum += scaled(run.in(operand)[i]);
      }
      run.out()[i] = Clamp(int64_t{node.Scale(sum, factors.output)} + node.output().zero_point());
    }
  };
}

}  // namespace npugen::golden

// SPDX-License-Identifier: Apache-2.0
// Each moved element's origin is a sum of one offset for each dimension of the output.
#include "verif/golden/moving.h"

#include <algorithm>

#include "sw/model/quantization.h"

namespace npugen::golden {
namespace {

using Bytes = std::vector<uint8_t>;
using Shape = std::vector<int32_t>;

constexpr int64_t kOutside = -1;

// By dimension of the output, by position in it: an offset in the input, or kOutside.
using Origins = std::vector<std::vector<int64_t>>;

Shape Steps(const Shape& shape) {
  Shape steps(shape.size(), 1);
  for (size_t d = shape.size(); d-- > 1;) steps[d - 1] = steps[d] * shape[d];
  return steps;
}

void GatherInto(const Bytes& in, const Origins& origins, size_t dimension, int64_t base,
                uint8_t fill, Bytes& out) {
  if (dimension == origins.size()) {
    out.push_back(base == kOutside ? fill : in[base]);
    return;
  }
  const bool last = dimension + 1 == origins.size();
  for (int64_t offset : origins[dimension]) {
    const bool outside = base == kOutside || offset == kOutside;
    if (last) {
      out.push_back(outside ? fill : in[base + offset]);
    } else {
      GatherInto(in, origins, dimension + 1, outside ? kOutside : base + offset, fill, out);
    }
  }
}

Bytes Gather(const Bytes& in, const Origins& origins, uint8_t fill = 0) {
  size_t count = 1;
  for (const std::vector<int64_t>& dimension : origins) count *= dimension.size();
  Bytes out;
  out.reserve(count);
  GatherInto(in, origins, 0, 0, fill, out);
  return out;
}

// `count` positions from `begin` on, `step` bytes each; those not in 0 .. size - 1 are outside.
std::vector<int64_t> Range(int64_t begin, int64_t stride, int64_t count, int64_t size,
                           int64_t step) {
  std::vector<int64_t> offsets(count, kOutside);
  for (int64_t i = 0; i < count; ++i) {
    const int64_t position = begin + i * stride;
    if (position >= 0 && position < size) offsets[i] = position * step;
  }
  return offsets;
}

Bytes Pad(const Bytes& in, const Shape& shape,
          const std::vector<std::pair<int32_t, int32_t>>& paddings, int8_t value) {
  const Shape steps = Steps(shape);
  Origins origins;
  for (size_t d = 0; d < shape.size(); ++d) {
    const auto& [before, after] = paddings[d];
    origins.push_back(
        Range(-int64_t{before}, 1, int64_t{before} + shape[d] + after, shape[d], steps[d]));
  }
  return Gather(in, origins, static_cast<uint8_t>(value));
}

Bytes MirrorPad(const Bytes& in, const Shape& shape, const MirrorPadOptions& options) {
  const Shape steps = Steps(shape);
  const int64_t edge = options.symmetric ? 1 : 0;
  Origins origins(shape.size());
  for (size_t d = 0; d < shape.size(); ++d) {
    const auto& [before, after] = options.paddings[d];
    for (int64_t i = -int64_t{before}; i < int64_t{shape[d]} + after; ++i) {
      int64_t position = i < 0 ? -i - edge : i;
      if (i >= shape[d]) position = 2 * (int64_t{shape[d]} - 1) + edge - i;
      origins[d].push_back(position * steps[d]);
    }
  }
  return Gather(in, origins);
}

Bytes Slice(const Bytes& in, const Shape& shape, const SliceOptions& options) {
  const Shape steps = Steps(shape);
  Origins origins;
  for (size_t d = 0; d < shape.size(); ++d) {
    origins.push_back(
        Range(options.begin[d], options.stride[d], options.size[d], shape[d], steps[d]));
  }
  return Gather(in, origins);
}

// Positions first .. first + count - 1 along `axis`, all of the other dimensions.
Bytes Part(const Bytes& in, const Shape& shape, int32_t axis, int32_t first, int32_t count) {
  SliceOptions options{Shape(shape.size(), 0), Shape(shape.size(), 1), shape};
  options.begin[axis] = first;
  options.size[axis] = count;
  return Slice(in, shape, options);
}

// All inputs' stretches behind an outer index, one input after the other.
Bytes Join(const Model& model, const Operator& op, const std::vector<const Bytes*>& inputs) {
  const int32_t axis = std::get<AxisOptions>(op.options).axis;
  const Shape& shape = model.tensors[op.inputs[0]].shape;
  int64_t outer = 1;
  for (int32_t d = 0; d < axis; ++d) outer *= shape[d];
  Bytes out;
  for (int64_t o = 0; o < outer; ++o) {
    for (const Bytes* input : inputs) {
      const auto stretch = static_cast<std::ptrdiff_t>(input->size()) / outer;
      out.insert(out.end(), input->begin() + o * stretch, input->begin() + (o + 1) * stretch);
    }
  }
  return out;
}

// Dimension d of `view` (a shape) walks along the input in steps of step[d].
Bytes Permute(const Bytes& in, const Shape& view, const Shape& steps) {
  Origins origins;
  for (size_t d = 0; d < view.size(); ++d) {
    origins.push_back(Range(0, 1, view[d], view[d], steps[d]));
  }
  return Gather(in, origins);
}

Bytes Transpose(const Bytes& in, const Shape& shape, const std::vector<int32_t>& permutation) {
  const Shape steps = Steps(shape);
  Shape view, view_steps;
  for (int32_t d : permutation) {
    view.push_back(shape[d]);
    view_steps.push_back(steps[d]);
  }
  return Permute(in, view, view_steps);
}

Bytes SpaceToDepth(const Bytes& in, const Shape& s, int32_t b) {
  return Transpose(in, {s[0], s[1] / b, b, s[2] / b, b, s[3]}, {0, 1, 3, 2, 4, 5});
}

Bytes DepthToSpace(const Bytes& in, const Shape& s, int32_t b) {
  return Transpose(in, {s[0], s[1], s[2], b, b, s[3] / (b * b)}, {0, 1, 3, 2, 4, 5});
}

// [batch, size 1, size 2 ..., rest] becomes [block 1, block 2 ..., batch, size 1 / block 1, ...].
Bytes SpaceToBatch(const Bytes& in, const Shape& shape, const BatchSpaceOptions& options) {
  const auto dimensions = static_cast<int32_t>(options.block.size());
  std::vector<std::pair<int32_t, int32_t>> paddings(shape.size());
  std::copy(options.borders.begin(), options.borders.end(), paddings.begin() + 1);
  const Bytes padded = Pad(in, shape, paddings, options.value);
  Shape view{shape[0]};
  std::vector<int32_t> blocks, cells;
  for (int32_t d = 1; d < static_cast<int32_t>(shape.size()); ++d) {
    const int32_t size = shape[d] + paddings[d].first + paddings[d].second;
    cells.push_back(static_cast<int32_t>(view.size()));
    if (d <= dimensions) {
      view.push_back(size / options.block[d - 1]);
      blocks.push_back(static_cast<int32_t>(view.size()));
      view.push_back(options.block[d - 1]);
    } else {
      view.push_back(size);
    }
  }
  std::vector<int32_t> permutation = blocks;
  permutation.push_back(0);
  permutation.insert(permutation.end(), cells.begin(), cells.end());
  return Transpose(padded, view, permutation);
}

// The inverse, then the crops.
Bytes BatchToSpace(const Bytes& in, const Shape& shape, const BatchSpaceOptions& options) {
  const auto dimensions = static_cast<int32_t>(options.block.size());
  int32_t blocks = 1;
  for (int32_t block : options.block) blocks *= block;
  Shape view = options.block;
  view.push_back(shape[0] / blocks);
  view.insert(view.end(), shape.begin() + 1, shape.end());
  std::vector<int32_t> permutation{dimensions};
  Shape whole{shape[0] / blocks};
  for (int32_t d = 1; d < static_cast<int32_t>(shape.size()); ++d) {
    permutation.push_back(dimensions + d);
    whole.push_back(shape[d]);
    if (d > dimensions) continue;
    permutation.push_back(d - 1);
    whole.back() *= options.block[d - 1];
  }
  SliceOptions crop{Shape(whole.size(), 0), Shape(whole.size(), 1), whole};
  for (int32_t d = 1; d <= dimensions; ++d) {
    const auto& [before, after] = options.borders[d - 1];
    crop.begin[d] = before;
    crop.size[d] -= before + after;
  }
  return Slice(Transpose(in, view, permutation), whole, crop);
}

Bytes ResizeNearest(const Bytes& in, const Shape& from, const Shape& to,
                    const ResizeOptions& options) {
  const Shape steps = Steps(from);
  Origins origins(4);
  for (size_t d = 0; d < 4; ++d) {
    for (int32_t i = 0; i < to[d]; ++i) {
      const bool resized = d == 1 || d == 2;
      origins[d].push_back(int64_t{steps[d]} *
                           (resized ? NearestSource(options, i, from[d], to[d]) : i));
    }
  }
  return Gather(in, origins);
}

}  // namespace

bool IsMoving(OperatorType type) {
  switch (type) {
    case OperatorType::kPad:
    case OperatorType::kMirrorPad:
    case OperatorType::kConcatenation:
    case OperatorType::kTranspose:
    case OperatorType::kReverse:
    case OperatorType::kSlice:
    case OperatorType::kSplit:
    case OperatorType::kPack:
    case OperatorType::kUnpack:
    case OperatorType::kSpaceToDepth:
    case OperatorType::kDepthToSpace:
    case OperatorType::kSpaceToBatch:
    case OperatorType::kBatchToSpace:
    case OperatorType::kResizeNearestNeighbor:
      return true;
    default:
      return false;
  }
}

std::vector<uint8_t> Move(const Model& model, const Operator& op, size_t output,
                          const std::vector<const std::vector<uint8_t>*>& inputs) {
  const Bytes& in = *inputs[0];
  const Shape& shape = model.tensors[op.inputs[0]].shape;
  const Tensor& result = model.tensors[op.outputs[output]];
  switch (op.type) {
    case OperatorType::kPad: {
      const auto& options = std::get<PadOptions>(op.options);
      return Pad(in, shape, options.paddings, options.value);
    }
    case OperatorType::kMirrorPad:
      return MirrorPad(in, shape, std::get<MirrorPadOptions>(op.options));
    case OperatorType::kConcatenation:
    case OperatorType::kPack:
      return Join(model, op, inputs);
    case OperatorType::kTranspose:
      return Transpose(in, shape, std::get<TransposeOptions>(op.options).permutation);
    case OperatorType::kReverse: {
      SliceOptions options{Shape(shape.size(), 0), Shape(shape.size(), 1), shape};
      for (int32_t axis : std::get<ReverseOptions>(op.options).axes) {
        options.begin[axis] = shape[axis] - 1;
        options.stride[axis] = -1;
      }
      return Slice(in, shape, options);
    }
    case OperatorType::kSlice:
      return Slice(in, shape, std::get<SliceOptions>(op.options));
    case OperatorType::kSplit: {
      const int32_t axis = std::get<AxisOptions>(op.options).axis;
      int32_t first = 0;
      for (size_t i = 0; i < output; ++i) first += model.tensors[op.outputs[i]].shape[axis];
      return Part(in, shape, axis, first, result.shape[axis]);
    }
    case OperatorType::kUnpack:
      return Part(in, shape, std::get<AxisOptions>(op.options).axis, static_cast<int32_t>(output),
                  1);
    case OperatorType::kSpaceToDepth:
      return SpaceToDepth(in, shape, std::get<BlockOptions>(op.options).block_size);
    case OperatorType::kDepthToSpace:
      return DepthToSpace(in, shape, std::get<BlockOptions>(op.options).block_size);
    case OperatorType::kSpaceToBatch:
      return SpaceToBatch(in, shape, std::get<BatchSpaceOptions>(op.options));
    case OperatorType::kBatchToSpace:
      return BatchToSpace(in, shape, std::get<BatchSpaceOptions>(op.options));
    case OperatorType::kResizeNearestNeighbor:
      return ResizeNearest(in, shape, result.shape, std::get<ResizeOptions>(op.options));
    default:
      return {};
  }
}

}  // namespace npugen::golden

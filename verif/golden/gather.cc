// SPDX-License-Identifier: Apache-2.0
// Walks over all positions of a result.
#include "verif/golden/gather.h"

namespace npugen::golden {
namespace {

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

// Dimension d of `view` (a shape) walks along the input in steps of step[d].
Bytes Permute(const Bytes& in, const Shape& view, const Shape& steps) {
  Origins origins;
  for (size_t d = 0; d < view.size(); ++d) {
    origins.push_back(Range(0, 1, view[d], view[d], steps[d]));
  }
  return Gather(in, origins);
}

}  // namespace

Shape Steps(const Shape& shape) {
  Shape steps(shape.size(), 1);
  for (size_t d = shape.size(); d-- > 1;) steps[d - 1] = steps[d] * shape[d];
  return steps;
}

Bytes Gather(const Bytes& in, const Origins& origins, uint8_t fill) {
  size_t count = 1;
  for (const std::vector<int64_t>& dimension : origins) count *= dimension.size();
  Bytes out;
  out.reserve(count);
  GatherInto(in, origins, 0, 0, fill, out);
  return out;
}

Bytes Padded(const Bytes& in, const Shape& shape,
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

Bytes Sliced(const Bytes& in, const Shape& shape, const SliceOptions& options) {
  const Shape steps = Steps(shape);
  Origins origins;
  for (size_t d = 0; d < shape.size(); ++d) {
    origins.push_back(
        Range(options.begin[d], options.stride[d], options.size[d], shape[d], steps[d]));
  }
  return Gather(in, origins);
}

Bytes Transposed(const Bytes& in, const Shape& shape, const std::vector<int32_t>& permutation) {
  const Shape steps = Steps(shape);
  Shape view, view_steps;
  for (int32_t d : permutation) {
    view.push_back(shape[d]);
    view_steps.push_back(steps[d]);
  }
  return Permute(in, view, view_steps);
}

}  // namespace npugen::golden

// SPDX-License-Identifier: Apache-2.0
// View arithmetic and boxes from views.
#include "sw/compiler/lower/view.h"

#include <algorithm>

#include "generator/support/check.h"

namespace npugen::compiler {

View DenseView(int32_t storage, const std::vector<int64_t>& shape, int64_t element_bytes) {
  View view{storage, 0, element_bytes, shape, std::vector<int64_t>(shape.size())};
  int64_t stride = element_bytes;
  for (size_t d = shape.size(); d-- > 0;) {
    view.strides[d] = stride;
    stride *= shape[d];
  }
  return view;
}

View Transposed(const View& view, const std::vector<int32_t>& permutation) {
  Check(permutation.size() == view.shape.size(), "a permutation has another rank than its tensor");
  View result = view;
  for (size_t d = 0; d < permutation.size(); ++d) {
    result.shape[d] = view.shape[permutation[d]];
    result.strides[d] = view.strides[permutation[d]];
  }
  return result;
}

View Sliced(const View& view, size_t dimension, int64_t begin, int64_t size, int64_t stride) {
  View result = view;
  result.offset += begin * view.strides[dimension];
  result.shape[dimension] = size;
  result.strides[dimension] *= stride;
  return result;
}

View Reversed(const View& view, size_t dimension) {
  return Sliced(view, dimension, view.shape[dimension] - 1, view.shape[dimension], -1);
}

View SplitDimension(const View& view, size_t dimension, int64_t inner) {
  Check(view.shape[dimension] % inner == 0, "a dimension is split unevenly");
  View result = view;
  const auto at = static_cast<std::ptrdiff_t>(dimension);
  result.shape[dimension] = inner;
  result.shape.insert(result.shape.begin() + at, view.shape[dimension] / inner);
  result.strides.insert(result.strides.begin() + at, view.strides[dimension] * inner);
  return result;
}

View WithDimension(const View& view, size_t dimension) {
  View result = view;
  const auto at = static_cast<std::ptrdiff_t>(dimension);
  result.shape.insert(result.shape.begin() + at, 1);
  result.strides.insert(result.strides.begin() + at, 0);
  return result;
}

View WithoutDimension(const View& view, size_t dimension) {
  Check(view.shape[dimension] == 1, "a dimension to drop is not 1");
  View result = view;
  const auto at = static_cast<std::ptrdiff_t>(dimension);
  result.shape.erase(result.shape.begin() + at);
  result.strides.erase(result.strides.begin() + at);
  return result;
}

View Broadcast(const View& view, const std::vector<int64_t>& shape) {
  View result = view;
  while (result.shape.size() < shape.size()) result = WithDimension(result, 0);
  for (size_t d = 0; d < shape.size(); ++d) {
    if (result.shape[d] == shape[d]) continue;
    Check(result.shape[d] == 1, "a dimension to broadcast is not 1");
    result.shape[d] = shape[d];
    result.strides[d] = 0;
  }
  return result;
}

Layer NewCopy(int32_t output, uint8_t fill) {
  Layer layer;
  layer.opcode = Opcode::kLoad;
  layer.output = output;
  layer.fill = fill;
  return layer;
}

namespace {

CopyBox BoxOf(const View& source, const View& target) {
  CopyBox box;
  box.in_offset = source.offset;
  box.out_offset = target.offset;
  if (target.element_bytes > 1) box.dimensions.push_back({target.element_bytes, 1, 1});
  for (size_t d = target.shape.size(); d-- > 0;) {
    box.dimensions.push_back({target.shape[d], source.strides[d], target.strides[d]});
  }
  return box;
}

bool IsEmpty(const View& view) {
  return std::any_of(view.shape.begin(), view.shape.end(), [](int64_t size) { return size == 0; });
}

}  // namespace

void AddCopy(Layer* copy, const View& source, const View& target) {
  Check(source.shape == target.shape && source.element_bytes == target.element_bytes,
        "a copy changes its shape");
  if (IsEmpty(target)) return;
  CopyBox box = BoxOf(source, target);
  const auto found = std::find(copy->inputs.begin(), copy->inputs.end(), source.storage);
  box.input = static_cast<int32_t>(found - copy->inputs.begin());
  if (found == copy->inputs.end()) copy->inputs.push_back(source.storage);
  copy->boxes.push_back(std::move(box));
}

void AddFill(Layer* copy, const View& target) {
  if (IsEmpty(target)) return;
  CopyBox box = BoxOf(target, target);
  box.input = -1;
  box.in_offset = 0;
  copy->boxes.push_back(std::move(box));
}

}  // namespace npugen::compiler

// SPDX-License-Identifier: Apache-2.0
// One function for each operator; all work on lists of int64 with a shape.
#include "sw/model/rewrite/fold_integers.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <optional>
#include <string>

#include "sw/model/operators/checker.h"
#include "sw/model/tflite_schema.h"

namespace npugen {
namespace {

constexpr int64_t kMostFoldedElements = int64_t{1} << 22;  // of all results

using Shape = std::vector<int32_t>;

/// A constant.
struct Values {
  Shape shape;
  std::vector<int64_t> values;
};
using Folded = std::optional<Values>;

int64_t Count(const Shape& shape) { return ElementCount(shape); }

/// What an operator is folded from.
struct Fold {
  const RawOperator& op;
  const Model& model;
  std::vector<Values> inputs;  ///< of those that are constants; empty without any

  int32_t Option(int field, int32_t otherwise) const {
    return op.options.Scalar<int32_t>(field, otherwise, "an operator's option");
  }
};

int32_t AxisOf(int64_t axis, size_t rank) {
  const auto count = static_cast<int64_t>(rank);
  if (axis < -count || axis >= count) return -1;
  return static_cast<int32_t>(axis < 0 ? axis + count : axis);
}

/// Elements before, along and behind an axis.
struct Split {
  int64_t outer = 1, size = 1, inner = 1;
};
Split SplitAt(const Shape& shape, int32_t axis) {
  Split split;
  for (int32_t d = 0; d < static_cast<int32_t>(shape.size()); ++d) {
    (d < axis ? split.outer : d == axis ? split.size : split.inner) *= shape[d];
  }
  return split;
}

int64_t Wrapped(uint64_t value) { return static_cast<int64_t>(value); }

/// Two operands, broadcast; the function may have no result.
Folded Elementwise(const Fold& fold, std::optional<int64_t> (*function)(int64_t, int64_t)) {
  if (fold.inputs.size() != 2) return std::nullopt;
  const Values& a = fold.inputs[0];
  const Values& b = fold.inputs[1];
  const auto shape = BroadcastShape(a.shape, b.shape);
  if (!shape) return std::nullopt;
  Values result{*shape, {}};
  const auto at = [&](const Values& operand, int64_t index) {
    int64_t place = 0, step = 1;
    for (size_t i = 1; i <= shape->size(); ++i) {
      const int64_t size = (*shape)[shape->size() - i];
      const int64_t position = index % size;
      index /= size;
      if (i > operand.shape.size()) continue;
      const int64_t own = operand.shape[operand.shape.size() - i];
      if (own != 1) place += position * step;
      step *= own;
    }
    return operand.values[static_cast<size_t>(place)];
  };
  for (int64_t i = 0; i < Count(*shape); ++i) {
    const std::optional<int64_t> value = function(at(a, i), at(b, i));
    if (!value) return std::nullopt;
    result.values.push_back(*value);
  }
  return result;
}

std::optional<int64_t> Plus(int64_t a, int64_t b) {
  return Wrapped(static_cast<uint64_t>(a) + static_cast<uint64_t>(b));
}
std::optional<int64_t> Minus(int64_t a, int64_t b) {
  return Wrapped(static_cast<uint64_t>(a) - static_cast<uint64_t>(b));
}
std::optional<int64_t> Times(int64_t a, int64_t b) {
  return Wrapped(static_cast<uint64_t>(a) * static_cast<uint64_t>(b));
}
std::optional<int64_t> Quotient(int64_t a, int64_t b) {
  if (b == 0 || b == -1) return b == 0 ? std::nullopt : Minus(0, a);
  return a / b;
}
std::optional<int64_t> FloorQuotient(int64_t a, int64_t b) {
  if (b == 0 || b == -1) return Quotient(a, b);
  return a / b - (a % b != 0 && (a < 0) != (b < 0) ? 1 : 0);
}
std::optional<int64_t> FloorRest(int64_t a, int64_t b) {
  const std::optional<int64_t> quotient = FloorQuotient(a, b);
  if (!quotient) return std::nullopt;
  return Minus(a, *Times(*quotient, b));
}
std::optional<int64_t> Larger(int64_t a, int64_t b) { return std::max(a, b); }
std::optional<int64_t> Smaller(int64_t a, int64_t b) { return std::min(a, b); }

/// The activation of an ADD, SUB, MUL or DIV is none.
bool NoActivation(const Fold& fold) {
  return fold.op.options.Scalar<int8_t>(tflite::AddField::kActivation, 0, "an activation") == 0;
}

Folded FoldAdd(const Fold& fold) {
  return NoActivation(fold) ? Elementwise(fold, Plus) : std::nullopt;
}
Folded FoldSub(const Fold& fold) {
  return NoActivation(fold) ? Elementwise(fold, Minus) : std::nullopt;
}
Folded FoldMul(const Fold& fold) {
  return NoActivation(fold) ? Elementwise(fold, Times) : std::nullopt;
}
Folded FoldDiv(const Fold& fold) {
  return NoActivation(fold) ? Elementwise(fold, Quotient) : std::nullopt;
}
Folded FoldFloorDiv(const Fold& fold) { return Elementwise(fold, FloorQuotient); }
Folded FoldFloorMod(const Fold& fold) { return Elementwise(fold, FloorRest); }
Folded FoldMaximum(const Fold& fold) { return Elementwise(fold, Larger); }
Folded FoldMinimum(const Fold& fold) { return Elementwise(fold, Smaller); }

/// The shape of any tensor of known shape.
Folded FoldShape(const Fold& fold) {
  if (fold.op.inputs.size() != 1 || fold.op.inputs[0] < 0) return std::nullopt;
  const Shape& shape = fold.model.tensors[fold.op.inputs[0]].shape;
  return Values{{static_cast<int32_t>(shape.size())}, {shape.begin(), shape.end()}};
}

Folded FoldRank(const Fold& fold) {
  if (fold.op.inputs.size() != 1 || fold.op.inputs[0] < 0) return std::nullopt;
  const auto rank = static_cast<int64_t>(fold.model.tensors[fold.op.inputs[0]].shape.size());
  return Values{{}, {rank}};
}

/// The values stay as they are; the output's type does the rest.
Folded FoldCast(const Fold& fold) {
  if (fold.inputs.size() != 1) return std::nullopt;
  return fold.inputs[0];
}

/// RESHAPE, SQUEEZE, EXPAND_DIMS: the shape is the output tensor's.
Folded FoldReshape(const Fold& fold) {
  if (fold.inputs.empty()) return std::nullopt;
  const Shape& shape = fold.model.tensors[fold.op.outputs[0]].shape;
  if (Count(shape) != static_cast<int64_t>(fold.inputs[0].values.size())) return std::nullopt;
  return Values{shape, fold.inputs[0].values};
}

Folded FoldPack(const Fold& fold) {
  if (fold.inputs.empty()) return std::nullopt;
  Shape shape = fold.inputs[0].shape;
  for (const Values& input : fold.inputs) {
    if (input.shape != shape) return std::nullopt;
  }
  const int32_t axis = AxisOf(fold.Option(tflite::PackField::kAxis, 0), shape.size() + 1);
  if (axis < 0) return std::nullopt;
  shape.insert(shape.begin() + axis, static_cast<int32_t>(fold.inputs.size()));
  const Split split = SplitAt(shape, axis);
  Values result{shape, {}};
  for (int64_t o = 0; o < split.outer; ++o) {
    for (const Values& input : fold.inputs) {
      const auto begin = input.values.begin() + o * split.inner;
      result.values.insert(result.values.end(), begin, begin + split.inner);
    }
  }
  return result;
}

Folded FoldConcatenation(const Fold& fold) {
  if (fold.inputs.empty()) return std::nullopt;
  Shape shape = fold.inputs[0].shape;
  const int32_t axis = AxisOf(fold.Option(tflite::ConcatenationField::kAxis, 0), shape.size());
  if (axis < 0) return std::nullopt;
  int64_t size = 0;
  for (const Values& input : fold.inputs) {
    Shape other = input.shape;
    if (other.size() != shape.size()) return std::nullopt;
    size += other[axis];
    other[axis] = shape[axis];
    if (other != shape) return std::nullopt;
  }
  const int64_t outer = SplitAt(shape, axis).outer;
  shape[axis] = static_cast<int32_t>(std::min<int64_t>(size, INT32_MAX));
  Values result{shape, {}};
  for (int64_t o = 0; o < outer; ++o) {
    for (const Values& input : fold.inputs) {
      const auto part = static_cast<int64_t>(input.values.size()) / outer;
      const auto begin = input.values.begin() + o * part;
      result.values.insert(result.values.end(), begin, begin + part);
    }
  }
  return result;
}

Folded FoldGather(const Fold& fold) {
  constexpr int kAxis = 0, kBatchDims = 1;
  if (fold.inputs.size() != 2 || fold.Option(kBatchDims, 0) != 0) return std::nullopt;
  const Values& from = fold.inputs[0];
  const Values& indices = fold.inputs[1];
  const int32_t axis = AxisOf(fold.Option(kAxis, 0), from.shape.size());
  if (axis < 0) return std::nullopt;
  const Split split = SplitAt(from.shape, axis);
  Shape shape(from.shape.begin(), from.shape.begin() + axis);
  shape.insert(shape.end(), indices.shape.begin(), indices.shape.end());
  shape.insert(shape.end(), from.shape.begin() + axis + 1, from.shape.end());
  if (Count(shape) > kMostFoldedElements) return std::nullopt;
  Values result{shape, {}};
  for (int64_t o = 0; o < split.outer; ++o) {
    for (const int64_t index : indices.values) {
      if (index < 0 || index >= split.size) return std::nullopt;
      const auto begin = from.values.begin() + (o * split.size + index) * split.inner;
      result.values.insert(result.values.end(), begin, begin + split.inner);
    }
  }
  return result;
}

/// Positions begin, begin + step ... of each dimension.
struct Range {
  int64_t begin, step, count;
};

Values TakeRanges(const Values& from, const std::vector<Range>& ranges, const Shape& shape) {
  Values result{shape, {}};
  int64_t count = 1;
  for (const Range& range : ranges) count *= range.count;
  for (int64_t i = 0; i < count; ++i) {
    int64_t rest = i, place = 0, step = 1;
    for (size_t d = ranges.size(); d-- > 0;) {
      place += (ranges[d].begin + rest % ranges[d].count * ranges[d].step) * step;
      rest /= ranges[d].count;
      step *= from.shape[d];
    }
    result.values.push_back(from.values[static_cast<size_t>(place)]);
  }
  return result;
}

Folded FoldStridedSlice(const Fold& fold) {
  using Field = tflite::StridedSliceField;
  if (fold.inputs.size() != 4 || fold.Option(Field::kEllipsisMask, 0) != 0 ||
      fold.Option(Field::kNewAxisMask, 0) != 0 ||
      fold.op.options.Scalar<uint8_t>(Field::kOffset, 0, "an option") != 0) {
    return std::nullopt;
  }
  const Values& from = fold.inputs[0];
  const size_t given = fold.inputs[1].values.size();
  if (given > from.shape.size() || fold.inputs[2].values.size() != given ||
      fold.inputs[3].values.size() != given) {
    return std::nullopt;
  }
  const auto begin_mask = static_cast<uint32_t>(fold.Option(Field::kBeginMask, 0));
  const auto end_mask = static_cast<uint32_t>(fold.Option(Field::kEndMask, 0));
  const auto shrink_mask = static_cast<uint32_t>(fold.Option(Field::kShrinkAxisMask, 0));
  std::vector<Range> ranges;
  Shape shape;
  for (size_t d = 0; d < from.shape.size(); ++d) {
    const int64_t size = from.shape[d];
    if (d >= given) {
      ranges.push_back({0, 1, size});
      shape.push_back(from.shape[d]);
      continue;
    }
    const uint32_t bit = 1u << d;
    const int64_t step = fold.inputs[3].values[d];
    if (step == 0 || step < -size - 1 || step > size + 1) return std::nullopt;
    const auto place = [&](int64_t index, int64_t least, int64_t most) {
      if (index < 0) index = *Plus(index, size);
      return std::clamp(index, least, most);
    };
    const int64_t least = step > 0 ? 0 : -1, most = step > 0 ? size : size - 1;
    const int64_t begin = (begin_mask & bit) != 0 ? (step > 0 ? 0 : size - 1)
                                                  : place(fold.inputs[1].values[d], least, most);
    if ((shrink_mask & bit) != 0) {
      if (begin < 0 || begin >= size) return std::nullopt;
      ranges.push_back({begin, 1, 1});
      continue;
    }
    const int64_t end = (end_mask & bit) != 0 ? (step > 0 ? size : -1)
                                              : place(fold.inputs[2].values[d], least, most);
    const int64_t count = (end - begin + step + (step > 0 ? -1 : 1)) / step;
    if (count <= 0) return std::nullopt;
    ranges.push_back({begin, step, count});
    shape.push_back(static_cast<int32_t>(count));
  }
  return TakeRanges(from, ranges, shape);
}

Folded FoldSlice(const Fold& fold) {
  if (fold.inputs.size() != 3) return std::nullopt;
  const Values& from = fold.inputs[0];
  if (fold.inputs[1].values.size() != from.shape.size() ||
      fold.inputs[2].values.size() != from.shape.size()) {
    return std::nullopt;
  }
  std::vector<Range> ranges;
  Shape shape;
  for (size_t d = 0; d < from.shape.size(); ++d) {
    const int64_t begin = fold.inputs[1].values[d], size = from.shape[d];
    if (begin < 0 || begin >= size) return std::nullopt;
    int64_t count = fold.inputs[2].values[d];
    if (count == -1) count = size - begin;
    if (count <= 0 || count > size - begin) return std::nullopt;
    ranges.push_back({begin, 1, count});
    shape.push_back(static_cast<int32_t>(count));
  }
  return TakeRanges(from, ranges, shape);
}

/// The product over all elements of a list.
Folded FoldReduceProd(const Fold& fold) {
  if (fold.inputs.size() != 2 || fold.inputs[0].shape.size() != 1 ||
      fold.inputs[1].values.size() != 1) {
    return std::nullopt;
  }
  if (AxisOf(fold.inputs[1].values[0], 1) != 0) return std::nullopt;
  int64_t product = 1;
  for (const int64_t value : fold.inputs[0].values) product = *Times(product, value);
  const bool keep =
      fold.op.options.Scalar<uint8_t>(tflite::ReducerField::kKeepDims, 0, "an option");
  return Values{keep ? Shape{1} : Shape{}, {product}};
}

Folded FoldRange(const Fold& fold) {
  if (fold.inputs.size() != 3) return std::nullopt;
  for (const Values& input : fold.inputs) {
    if (input.values.size() != 1) return std::nullopt;
  }
  const int64_t begin = fold.inputs[0].values[0], end = fold.inputs[1].values[0];
  const int64_t step = fold.inputs[2].values[0];
  if (step == 0) return std::nullopt;
  Values result{{}, {}};
  for (int64_t value = begin; step > 0 ? value < end : value > end; value += step) {
    result.values.push_back(value);
    if (static_cast<int64_t>(result.values.size()) > 4096) return std::nullopt;
    if (value > INT32_MAX || value < INT32_MIN || step > INT32_MAX || step < INT32_MIN) {
      return std::nullopt;
    }
  }
  if (result.values.empty()) return std::nullopt;
  result.shape = {static_cast<int32_t>(result.values.size())};
  return result;
}

Folded FoldFill(const Fold& fold) {
  if (fold.inputs.size() != 2 || fold.inputs[1].values.size() != 1) return std::nullopt;
  Shape shape;
  for (const int64_t size : fold.inputs[0].values) {
    if (size <= 0 || size > kMostFoldedElements) return std::nullopt;
    shape.push_back(static_cast<int32_t>(size));
  }
  if (shape.size() > 8 || Count(shape) > kMostFoldedElements) return std::nullopt;
  return Values{shape,
                std::vector<int64_t>(static_cast<size_t>(Count(shape)), fold.inputs[1].values[0])};
}

struct FoldRow {
  const char* name;
  Folded (*function)(const Fold& fold);
  bool any_input = false;  ///< the operands need not be constants
};
constexpr FoldRow kFolds[] = {
    {"SHAPE", FoldShape, true},
    {"RANK", FoldRank, true},
    {"CAST", FoldCast},
    {"RESHAPE", FoldReshape},
    {"SQUEEZE", FoldReshape},
    {"EXPAND_DIMS", FoldReshape},
    {"PACK", FoldPack},
    {"CONCATENATION", FoldConcatenation},
    {"GATHER", FoldGather},
    {"STRIDED_SLICE", FoldStridedSlice},
    {"SLICE", FoldSlice},
    {"REDUCE_PROD", FoldReduceProd},
    {"RANGE", FoldRange},
    {"FILL", FoldFill},
    {"ADD", FoldAdd},
    {"SUB", FoldSub},
    {"MUL", FoldMul},
    {"DIV", FoldDiv},
    {"FLOOR_DIV", FoldFloorDiv},
    {"FLOOR_MOD", FoldFloorMod},
    {"MAXIMUM", FoldMaximum},
    {"MINIMUM", FoldMinimum},
};

bool IsInteger(TensorType type) { return type == TensorType::kInt32 || type == TensorType::kInt64; }

/// A constant's values; nothing if it is no integer constant.
Folded ReadValues(const Tensor& tensor) {
  const size_t size = ElementBytes(tensor.type);
  if (!tensor.is_constant || !IsInteger(tensor.type) ||
      tensor.data.size() != static_cast<size_t>(tensor.elements()) * size) {
    return std::nullopt;
  }
  Values values{tensor.shape, std::vector<int64_t>(tensor.data.size() / size)};
  for (size_t i = 0; i < values.values.size(); ++i) {
    if (tensor.type == TensorType::kInt32) {
      int32_t value = 0;
      std::memcpy(&value, tensor.data.data() + i * size, size);
      values.values[i] = value;
    } else {
      std::memcpy(&values.values[i], tensor.data.data() + i * size, size);
    }
  }
  return values;
}

/// Makes a tensor a constant.
void WriteValues(const Values& values, Tensor* tensor) {
  const size_t size = ElementBytes(tensor->type);
  tensor->shape = values.shape;
  tensor->is_constant = true;
  tensor->scales.clear();
  tensor->zero_points.clear();
  tensor->data.resize(values.values.size() * size);
  for (size_t i = 0; i < values.values.size(); ++i) {
    const int64_t value = values.values[i];  // little endian: the low half is an int32
    std::memcpy(tensor->data.data() + i * size, &value, size);
  }
}

}  // namespace

bool FoldsIntegers(const std::string& name) {
  return std::any_of(std::begin(kFolds), std::end(kFolds),
                     [&](const FoldRow& row) { return name == row.name; });
}

void FoldIntegers(RawGraph graph) {
  Model& model = graph.model;
  int64_t budget = kMostFoldedElements;
  const auto fold_one = [&](const RawOperator& op) {
    const auto row = std::find_if(std::begin(kFolds), std::end(kFolds),
                                  [&](const FoldRow& r) { return op.name == r.name; });
    if (row == std::end(kFolds) || op.outputs.size() != 1 || op.outputs[0] < 0) return false;
    const int32_t number = op.outputs[0];
    if (!IsInteger(model.tensors[number].type) ||
        std::find(model.outputs.begin(), model.outputs.end(), number) != model.outputs.end()) {
      return false;
    }
    Fold fold{op, model, {}};
    for (const int32_t input : op.inputs) {
      if (input < 0 || !graph.problems[input].empty()) return false;
      if (row->any_input) continue;
      Folded values = ReadValues(model.tensors[input]);
      if (!values) return false;
      budget -= static_cast<int64_t>(values->values.size());
      if (budget < 0) return false;
      fold.inputs.push_back(std::move(*values));
    }
    const Folded result = row->function(fold);
    if (!result) return false;
    budget -= static_cast<int64_t>(result->values.size());
    if (budget < 0) return false;
    WriteValues(*result, &model.tensors[number]);
    graph.problems[number].clear();
    return true;
  };
  std::erase_if(graph.operators, fold_one);
}

}  // namespace npugen

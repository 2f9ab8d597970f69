// SPDX-License-Identifier: Apache-2.0
// Operators that only move elements: constant lists, shapes.
#include "sw/model/operators/moving.h"

#include <fmt/core.h>

#include <algorithm>
#include <limits>
#include <set>

#include "sw/model/operators/rules.h"

namespace npugen {
namespace {

void ReadMirrorPad(OptionReader& reader) {
  if (!reader.Expect(tflite::kOptionsMirrorPad, false)) return;
  const int8_t mode = reader.Code(tflite::MirrorPadField::kMode, "a mirror mode");
  if (mode != 0 && mode != 1) return reader.Refuse(fmt::format("mode {}", mode));
  reader.op.options = MirrorPadOptions{.paddings = {}, .symmetric = mode == 1};
}

void ReadConcatenation(OptionReader& reader) {
  using Field = tflite::ConcatenationField;
  if (!reader.Expect(tflite::kOptionsConcatenation, false)) return;
  if (reader.Activation(Field::kActivation) != Activation::kNone)
    return reader.Refuse("has a fused activation");
  reader.op.options = AxisOptions{.axis = reader.Number(Field::kAxis, 0)};
}

void ReadGather(OptionReader& reader) {
  using Field = tflite::GatherField;
  if (!reader.Expect(tflite::kOptionsGather, false)) return;
  reader.op.options = GatherOptions{.axis = reader.Number(Field::kAxis, 0),
                                    .batch_dims = reader.Number(Field::kBatchDims, 0),
                                    .indices = {}};
}

/// PACK and UNPACK: their tables have the same fields.
template <uint8_t kind>
void ReadPacked(OptionReader& reader) {
  if (!reader.Expect(kind, false)) return;
  reader.form.count = reader.Number(tflite::PackField::kCount, -1);
  reader.op.options = AxisOptions{.axis = reader.Number(tflite::PackField::kAxis, 0)};
}

void ReadSplit(OptionReader& reader) {
  if (!reader.Expect(reader.op.name == "SPLIT_V" ? tflite::kOptionsSplitV : tflite::kOptionsSplit,
                     false))
    return;
  reader.form.count = reader.Number(tflite::SplitField::kNumSplits, -1);
  reader.op.options = AxisOptions{};
}

void ReadSlice(OptionReader& reader) {
  using Field = tflite::StridedSliceField;
  reader.op.options = SliceOptions{};
  if (reader.op.name != "STRIDED_SLICE") return;
  if (!reader.Expect(tflite::kOptionsStridedSlice, false)) return;
  reader.form.begin_mask = static_cast<uint32_t>(reader.Number(Field::kBeginMask, 0));
  reader.form.end_mask = static_cast<uint32_t>(reader.Number(Field::kEndMask, 0));
  reader.form.shrink_mask = static_cast<uint32_t>(reader.Number(Field::kShrinkAxisMask, 0));
  if (reader.Number(Field::kEllipsisMask, 0) != 0 || reader.Number(Field::kNewAxisMask, 0) != 0) {
    return reader.Refuse("has an ellipsis or new axes");
  }
  if (reader.Flag(Field::kOffset)) reader.Refuse("has ends relative to the begins");
}

std::vector<int32_t> WithoutOnes(std::vector<int32_t> shape) {
  std::erase(shape, 1);
  return shape;
}

void CheckReshape(Checker& check) {
  if (!check.Operands(1, 2)) return;
  std::vector<int32_t> shape;
  const bool has_list = check.op.inputs[1] >= 0 && check.op.name != "SQUEEZE";
  if (has_list) shape = check.ConstantIntegers(1, check.op.name == "RESHAPE" ? "shape" : "axis");
  check.KeepInputs(1);
  switch (check.Input(0).type) {
    case TensorType::kUint8:
    case TensorType::kInt16:
    case TensorType::kInt32:
    case TensorType::kInt64:
      if (check.Output().type != check.Input(0).type) {
        check.Refuse(DiagnosticCode::kOperatorType,
                     fmt::format("input {} and output {} differ in type", check.InputText(0),
                                 check.OutputText()));
      }
      check.NotConstant(check.op.inputs[0], "input");
      break;
    default:
      check.Activation(check.op.inputs[0], "input");
      check.Activation(check.op.outputs[0], "output");
  }
  if (check.refused()) return;
  if (ElementCount(check.Input(0).shape) != ElementCount(check.Output().shape)) {
    check.Refuse(DiagnosticCode::kOperatorShape,
                 fmt::format("input {} and output {} differ in size", check.InputText(0),
                             check.OutputText()));
  } else if (check.op.name != "RESHAPE") {
    if (WithoutOnes(check.Input(0).shape) != WithoutOnes(check.Output().shape)) {
      check.Refuse(DiagnosticCode::kOperatorShape,
                   fmt::format("input {} and output {} differ in more than dimensions of size 1",
                               check.InputText(0), check.OutputText()));
    }
  } else if (has_list) {
    int stretched = 0;
    bool agrees = shape.size() == check.Output().shape.size();
    for (size_t i = 0; agrees && i < shape.size(); ++i) {
      if (shape[i] == -1) {
        ++stretched;
      } else {
        agrees = shape[i] == check.Output().shape[i];
      }
    }
    if (!agrees || stretched > 1) {
      check.Refuse(DiagnosticCode::kOperatorShape,
                   fmt::format("output {} is not of the requested shape {}", check.OutputText(),
                               ShapeText(shape)));
    }
  }
  check.SameQuantization();
}

/// The output's shape with `borders` around the input. `limit` says how large a border of a
/// dimension may be.
template <typename Limit>
void PaddedShape(Checker& check, const Borders& borders, Limit limit) {
  const std::vector<int32_t>& in = check.Input(0).shape;
  std::vector<int32_t> expected;
  for (size_t i = 0; i < in.size(); ++i) {
    const auto& [before, after] = borders[i];
    const int64_t size = int64_t{in[i]} + before + after;
    if (size > std::numeric_limits<int32_t>::max() || std::max(before, after) > limit(in[i])) {
      check.Refuse(DiagnosticCode::kOperatorShape,
                   fmt::format("dimension {} cannot be padded by {} and {}", i, before, after));
      return;
    }
    expected.push_back(static_cast<int32_t>(size));
  }
  check.OutputShape(expected);
}

void CheckPad(Checker& check) {
  const bool has_value = check.op.name == "PADV2";
  if (!(has_value ? check.Operands(3, 3) : check.Operands(2, 2))) return;
  auto& options = std::get<PadOptions>(check.op.options);
  check.Activation(check.op.inputs[0], "input");
  check.Activation(check.op.outputs[0], "output");
  options.paddings = check.ConstantBorders(1, "padding list", check.Input(0).shape.size());
  if (check.refused()) return;
  options.value = static_cast<int8_t>(check.Output().zero_point());
  if (has_value) {
    check.Operand(check.op.inputs[2], "value");
    if (check.refused()) return;
    check.SameQuantization(check.op.inputs[2], check.op.outputs[0]);
    if (check.wide) {
      check.Refuse(DiagnosticCode::kOperatorType, "pads INT16 with a given value",
                   "PAD, with zeros, is supported");
    }
    if (!check.Input(2).is_constant || check.Input(2).data.size() != 1) {
      check.Refuse(DiagnosticCode::kOperatorOperands,
                   fmt::format("value {} is not a constant of one element", check.InputText(2)));
      return;
    }
    options.value = static_cast<int8_t>(check.Input(2).data[0]);
  }
  check.KeepInputs(1);
  PaddedShape(check, options.paddings, [](int32_t) { return std::numeric_limits<int32_t>::max(); });
  check.SameQuantization();
}

void CheckMirrorPad(Checker& check) {
  if (!check.Operands(2, 2)) return;
  auto& options = std::get<MirrorPadOptions>(check.op.options);
  check.Activation(check.op.inputs[0], "input");
  check.Activation(check.op.outputs[0], "output");
  options.paddings = check.ConstantBorders(1, "padding list", check.Input(0).shape.size());
  check.KeepInputs(1);
  if (check.refused()) return;
  PaddedShape(check, options.paddings,
              [&](int32_t size) { return options.symmetric ? size : size - 1; });
  check.SameQuantization();
}

void CheckConcatenation(Checker& check) {
  if (!check.ManyOperands(1)) return;
  auto& options = std::get<AxisOptions>(check.op.options);
  check.OperandsOfOne();
  check.Activation(check.op.outputs[0], "output");
  if (check.refused()) return;
  std::vector<int32_t> expected = check.Input(0).shape;
  options.axis = check.Axis(options.axis, expected.size());
  if (check.refused()) return;
  int64_t size = 0;
  for (size_t i = 0; i < check.op.inputs.size(); ++i) {
    std::vector<int32_t> shape = check.Input(i).shape;
    if (shape.size() == expected.size()) {
      size += shape[options.axis];
      shape[options.axis] = expected[options.axis];
    }
    if (shape != expected) {
      check.Refuse(DiagnosticCode::kOperatorShape,
                   fmt::format("inputs {} and {} differ in more than dimension {}",
                               check.InputText(0), check.InputText(i), options.axis));
      return;
    }
  }
  expected[options.axis] =
      static_cast<int32_t>(std::min<int64_t>(size, std::numeric_limits<int32_t>::max()));
  // Other scales: values are brought to the output's, of int16 they are copied as they are.
  check.OutputShape(expected);
}

void CheckTranspose(Checker& check) {
  if (!check.Operands(2, 2)) return;
  auto& options = std::get<TransposeOptions>(check.op.options);
  check.Activation(check.op.inputs[0], "input");
  check.Activation(check.op.outputs[0], "output");
  const std::vector<int32_t> values = check.ConstantIntegers(1, "permutation");
  check.KeepInputs(1);
  if (check.refused()) return;
  const std::vector<int32_t>& in = check.Input(0).shape;
  std::vector<int32_t> expected;
  for (int32_t axis : values) {
    options.permutation.push_back(check.Axis(axis, in.size()));
    if (check.refused()) return;
    expected.push_back(in[options.permutation.back()]);
  }
  if (values.size() != in.size() ||
      std::set<int32_t>(options.permutation.begin(), options.permutation.end()).size() !=
          in.size()) {
    check.Refuse(DiagnosticCode::kOperatorShape,
                 fmt::format("{} does not name each dimension of input {} once", ShapeText(values),
                             check.InputText(0)));
    return;
  }
  check.OutputShape(expected);
  check.SameQuantization();
}

void CheckReverse(Checker& check) {
  if (!check.Operands(2, 2)) return;
  check.Activation(check.op.inputs[0], "input");
  check.Activation(check.op.outputs[0], "output");
  const std::vector<int32_t> values = check.ConstantIntegers(1, "axis list");
  check.KeepInputs(1);
  if (check.refused()) return;
  std::get<ReverseOptions>(check.op.options).axes = check.Axes(values);
  check.OutputShape(check.Input(0).shape);
  check.SameQuantization();
}

void CheckGather(Checker& check) {
  if (!check.Operands(2, 2)) return;
  auto& options = std::get<GatherOptions>(check.op.options);
  check.Activation(check.op.inputs[0], "input");
  check.Activation(check.op.outputs[0], "output");
  options.indices = check.ConstantIntegers(1, "index list");
  const std::vector<int32_t> list = check.Input(1).shape;
  check.KeepInputs(1);
  if (check.refused()) return;
  std::vector<int32_t> expected = check.Input(0).shape;
  options.axis = check.Axis(options.axis, expected.size());
  if (check.refused()) return;
  const auto rank = static_cast<int32_t>(list.size());
  if (options.batch_dims < 0) options.batch_dims += rank;
  const auto batches = static_cast<std::ptrdiff_t>(options.batch_dims);
  if (batches < 0 || batches > rank || batches > options.axis ||
      !std::equal(list.begin(), list.begin() + batches, expected.begin())) {
    check.Refuse(
        DiagnosticCode::kOperatorShape,
        fmt::format("{} batch dimensions do not fit indices {}, axis {} and input {}",
                    options.batch_dims, ShapeText(list), options.axis, check.InputText(0)));
    return;
  }
  const int32_t size = expected[options.axis];
  for (const int32_t index : options.indices) {
    if (index >= 0 && index < size) continue;
    check.Refuse(DiagnosticCode::kOperatorShape,
                 fmt::format("index {} is beyond dimension {} of input {}", index, options.axis,
                             check.InputText(0)));
    return;
  }
  const auto place = expected.erase(expected.begin() + options.axis);
  expected.insert(place, list.begin() + batches, list.end());
  check.OutputShape(expected);
  check.SameQuantization();
}

void AddRange(Checker& check, int64_t begin, int32_t stride, int64_t size) {
  auto& options = std::get<SliceOptions>(check.op.options);
  options.begin.push_back(static_cast<int32_t>(begin));
  options.stride.push_back(size == 1 ? 1 : stride);
  options.size.push_back(static_cast<int32_t>(size));
}

bool PlainRange(Checker& check, size_t dimension, int32_t begin, int32_t size) {
  const int64_t available = int64_t{check.Input(0).shape[dimension]} - begin;
  const int64_t taken = size == -1 ? available : size;
  if (begin < 0 || taken <= 0 || taken > available) return false;
  AddRange(check, begin, 1, taken);
  return true;
}

bool StridedRange(Checker& check, size_t dimension, int32_t begin, int32_t end, int32_t stride,
                  bool& dropped) {
  const int64_t size = check.Input(0).shape[dimension];
  const uint32_t bit = 1u << dimension;
  if (stride == 0) return false;
  const auto place = [&](int64_t index, bool open, int64_t open_index) {
    if (open)
      index = open_index;
    else if (index < 0)
      index += size;
    return stride > 0 ? std::clamp<int64_t>(index, 0, size)
                      : std::clamp<int64_t>(index, -1, size - 1);
  };
  const int64_t first = place(begin, check.form.begin_mask & bit, stride > 0 ? 0 : size - 1);
  dropped = (check.form.shrink_mask & bit) != 0;
  const int64_t last =
      dropped ? first + 1 : place(end, check.form.end_mask & bit, stride > 0 ? size : -1);
  const int64_t step = dropped ? 1 : stride;
  const int64_t count = (last - first + step + (step > 0 ? -1 : 1)) / step;
  if (first < 0 || first >= size || count <= 0) return false;
  AddRange(check, first, stride, count);
  return true;
}

void CheckSlice(Checker& check) {
  const bool strided = check.op.name == "STRIDED_SLICE";
  const size_t lists = strided ? 3 : 2;
  if (!check.Operands(1 + lists, 1 + lists)) return;
  check.Activation(check.op.inputs[0], "input");
  check.Activation(check.op.outputs[0], "output");
  const std::vector<int32_t> begin = check.ConstantIntegers(1, "list of begins");
  const std::vector<int32_t> end =
      check.ConstantIntegers(2, strided ? "list of ends" : "size list");
  std::vector<int32_t> stride(begin.size(), 1);
  if (strided) stride = check.ConstantIntegers(3, "list of strides");
  check.KeepInputs(1);
  if (check.refused()) return;
  const std::vector<int32_t>& in = check.Input(0).shape;
  if (begin.size() != in.size() || end.size() != in.size() || stride.size() != in.size()) {
    check.Refuse(DiagnosticCode::kOperatorShape,
                 fmt::format("{} begins, {} ends or sizes, {} strides are given for input {}",
                             begin.size(), end.size(), stride.size(), check.InputText(0)));
    return;
  }
  auto& options = std::get<SliceOptions>(check.op.options);
  options = {};
  std::vector<int32_t> expected;
  for (size_t i = 0; i < in.size(); ++i) {
    bool dropped = false;
    if (!(strided ? StridedRange(check, i, begin[i], end[i], stride[i], dropped)
                  : PlainRange(check, i, begin[i], end[i]))) {
      check.Refuse(
          DiagnosticCode::kOperatorShape,
          fmt::format("nothing, or more than there is, is taken of dimension {} of input {}", i,
                      check.InputText(0)));
      return;
    }
    if (!dropped) expected.push_back(options.size.back());
  }
  check.OutputShape(expected);
  check.SameQuantization();
}

void CheckSplit(Checker& check) {
  const bool sizes_given = check.op.name == "SPLIT_V";
  if (!check.ManyOutputs(sizes_given ? 3 : 2)) return;
  const int32_t axis = check.ConstantInteger(sizes_given ? 2 : 0, "axis");
  std::vector<int32_t> sizes;
  if (sizes_given) sizes = check.ConstantIntegers(1, "size list");
  check.op.inputs = {check.op.inputs[sizes_given ? 0 : 1]};
  check.Activation(check.op.inputs[0], "input");
  for (int32_t output : check.op.outputs) check.Activation(output, "output");
  if (check.refused()) return;
  check.Count(check.op.outputs.size());
  auto& options = std::get<AxisOptions>(check.op.options);
  const std::vector<int32_t>& in = check.Input(0).shape;
  options.axis = check.Axis(axis, in.size());
  if (check.refused()) return;
  const auto count = static_cast<int64_t>(check.op.outputs.size());
  const int32_t size = in[options.axis];
  if (!sizes_given) {
    if (size % count != 0) {
      check.Refuse(
          DiagnosticCode::kOperatorShape,
          fmt::format("input {} cannot be split into {} equal parts", check.InputText(0), count));
      return;
    }
    sizes.assign(count, static_cast<int32_t>(size / count));
  }
  int64_t total = 0;
  int open = 0;  // sizes of -1: what is left
  for (int32_t part : sizes) {
    if (part == -1) ++open;
    total += std::max(part, 0);
  }
  for (int32_t& part : sizes) {
    if (part == -1) part = static_cast<int32_t>(std::max<int64_t>(size - total, 0));
  }
  if (static_cast<int64_t>(sizes.size()) != count || open > 1 ||
      (open == 0 ? total != size : total >= size) ||
      std::any_of(sizes.begin(), sizes.end(), [](int32_t part) { return part <= 0; })) {
    check.Refuse(DiagnosticCode::kOperatorShape,
                 fmt::format("sizes {} do not split dimension {} of input {} into {} outputs",
                             ShapeText(sizes), options.axis, check.InputText(0), count));
    return;
  }
  for (size_t i = 0; i < sizes.size(); ++i) {
    std::vector<int32_t> expected = in;
    expected[options.axis] = sizes[i];
    check.ShapeOf(check.op.outputs[i], expected);  // the kernels do not look at scales
  }
}

void CheckTile(Checker& check) {
  if (!check.Operands(2, 2)) return;
  check.Activation(check.op.inputs[0], "input");
  check.Activation(check.op.outputs[0], "output");
  const std::vector<int32_t> multiples = check.ConstantIntegers(1, "list of multiples");
  check.KeepInputs(1);
  if (check.refused()) return;
  const std::vector<int32_t>& in = check.Input(0).shape;
  std::vector<int32_t> expected;
  for (size_t i = 0; i < multiples.size() && i < in.size(); ++i) {
    expected.push_back(static_cast<int32_t>(
        std::min<int64_t>(int64_t{in[i]} * multiples[i], std::numeric_limits<int32_t>::max())));
  }
  if (multiples.size() != in.size() ||
      std::any_of(multiples.begin(), multiples.end(), [](int32_t count) { return count < 1; })) {
    check.Refuse(DiagnosticCode::kOperatorShape,
                 fmt::format("{} does not say how often each dimension of input {} is repeated",
                             ShapeText(multiples), check.InputText(0)));
    return;
  }
  check.OutputShape(expected);
  check.SameQuantization();
}

void CheckPack(Checker& check) {
  if (!check.ManyOperands(1)) return;
  auto& options = std::get<AxisOptions>(check.op.options);
  check.OperandsOfOne();
  check.Activation(check.op.outputs[0], "output");
  if (check.refused()) return;
  check.Count(check.op.inputs.size());
  std::vector<int32_t> expected = check.Input(0).shape;
  options.axis = check.Axis(options.axis, expected.size() + 1);
  if (check.refused()) return;
  for (size_t i = 1; i < check.op.inputs.size(); ++i) {
    if (check.Input(i).shape != expected) {
      check.Refuse(
          DiagnosticCode::kOperatorShape,
          fmt::format("inputs {} and {} differ in shape", check.InputText(0), check.InputText(i)));
      return;
    }
  }
  expected.insert(expected.begin() + options.axis, static_cast<int32_t>(check.op.inputs.size()));
  check.OutputShape(expected);
  check.SameQuantization();
}

void CheckUnpack(Checker& check) {
  if (!check.ManyOutputs(1)) return;
  auto& options = std::get<AxisOptions>(check.op.options);
  check.Activation(check.op.inputs[0], "input");
  for (int32_t output : check.op.outputs) check.Activation(output, "output");
  if (check.refused()) return;
  check.Count(check.op.outputs.size());
  std::vector<int32_t> expected = check.Input(0).shape;
  options.axis = check.Axis(options.axis, expected.size());
  if (check.refused()) return;
  if (static_cast<size_t>(expected[options.axis]) != check.op.outputs.size()) {
    check.Refuse(DiagnosticCode::kOperatorShape,
                 fmt::format("input {} has no {} parts along dimension {}", check.InputText(0),
                             check.op.outputs.size(), options.axis));
    return;
  }
  expected.erase(expected.begin() + options.axis);
  for (int32_t output : check.op.outputs) check.ShapeOf(output, expected);
  check.SameQuantization();
}

}  // namespace

const OperatorRules kReshapeRules = {DefaultOptions<ReshapeOptions>, CheckReshape};
const OperatorRules kPadRules = {DefaultOptions<PadOptions>, CheckPad, nullptr, true};
const OperatorRules kMirrorPadRules = {ReadMirrorPad, CheckMirrorPad};
const OperatorRules kConcatenationRules = {ReadConcatenation, CheckConcatenation, ComputesPlain,
                                           true, true};
const OperatorRules kTransposeRules = {DefaultOptions<TransposeOptions>, CheckTranspose, nullptr,
                                       true};
const OperatorRules kReverseRules = {DefaultOptions<ReverseOptions>, CheckReverse, nullptr, true};
const OperatorRules kSliceRules = {ReadSlice, CheckSlice, nullptr, true};
const OperatorRules kGatherRules = {ReadGather, CheckGather};
const OperatorRules kTileRules = {DefaultOptions<NoOptions>, CheckTile, nullptr, true};
const OperatorRules kSplitRules = {ReadSplit, CheckSplit, nullptr, true};
const OperatorRules kPackRules = {ReadPacked<tflite::kOptionsPack>, CheckPack, ComputesPlain, true,
                                  true};
const OperatorRules kUnpackRules = {ReadPacked<tflite::kOptionsUnpack>, CheckUnpack, nullptr, true};

}  // namespace npugen

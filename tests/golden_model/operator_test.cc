// SPDX-License-Identifier: Apache-2.0
// Random operators of the golden model against real arithmetic, and movements against their
// inverses.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "sw/model/tflite_reader.h"
#include "verif/golden/golden_model.h"
#include "verif/random/random_model.h"
#include "verif/random/tflite_writer.h"

namespace npugen {
namespace {

using testing::MakeRandomInputs;
using testing::MakeRandomMixedNetwork;
using testing::MakeRandomOperator;
using testing::RandomModel;
using testing::TfliteWriter;
using Shape = std::vector<int32_t>;

Model Read(const std::vector<uint8_t>& bytes, const std::string& name) {
  Result<Model> model = ReadTflite(bytes, name);
  if (!model.ok()) {
    ADD_FAILURE() << FormatDiagnostic(model.errors()[0], false);
    return {};
  }
  return *model;
}

double ValueAt(const Model& model, const TensorBytes& run, int32_t tensor, int64_t element) {
  const Tensor& t = model.tensors[tensor];
  const std::vector<uint8_t>& bytes = t.is_constant ? t.data : run[tensor];
  int16_t half;
  int32_t word;
  switch (t.type) {
    case TensorType::kUint8:
      return bytes[element];
    case TensorType::kInt16:
      std::memcpy(&half, bytes.data() + 2 * element, 2);
      return half;
    case TensorType::kInt32:
      std::memcpy(&word, bytes.data() + 4 * element, 4);
      return word;
    default:
      return static_cast<int8_t>(bytes[element]);
  }
}

// The number that an element stands for.
double RealAt(const Model& model, const TensorBytes& run, int32_t tensor, int64_t element) {
  const Tensor& t = model.tensors[tensor];
  return (ValueAt(model, run, tensor, element) - t.zero_point()) * double{t.scale()};
}

std::pair<double, double> RangeOf(TensorType type) {
  switch (type) {
    case TensorType::kUint8:
      return {0, 255};
    case TensorType::kInt16:
      return {-32768, 32767};
    case TensorType::kInt32:
      return {INT32_MIN, INT32_MAX};
    default:
      return {-128, 127};
  }
}

// The element of an operand that is broadcast to `shape` which belongs to element `index` of it.
int64_t BroadcastElement(const Shape& shape, const Shape& operand, int64_t index) {
  int64_t element = 0, step = 1;
  for (size_t i = 1; i <= shape.size(); ++i) {
    const int32_t size = shape[shape.size() - i];
    if (i <= operand.size()) {
      const int32_t own = operand[operand.size() - i];
      element += (own == 1 ? 0 : index % size) * step;
      step *= own;
    }
    index /= size;
  }
  return element;
}

double RealFunction(const Operator& op, double x, double y) {
  switch (op.type) {
    case OperatorType::kAdd:
      return x + y;
    case OperatorType::kSub:
      return x - y;
    case OperatorType::kMul:
      return x * y;
    case OperatorType::kMaximum:
      return std::max(x, y);
    case OperatorType::kMinimum:
      return std::min(x, y);
    case OperatorType::kSquaredDifference:
      return (x - y) * (x - y);
    case OperatorType::kPrelu:
      return x >= 0 ? x : x * y;
    case OperatorType::kLogistic:
      return 1 / (1 + std::exp(-x));
    case OperatorType::kTanh:
      return std::tanh(x);
    case OperatorType::kHardSwish:
      return x * std::clamp(x + 3, 0.0, 6.0) / 6;
    case OperatorType::kElu:
      return x < 0 ? std::expm1(x) : x;
    case OperatorType::kLeakyRelu:
      return x >= 0 ? x : x * std::get<LeakyReluOptions>(op.options).alpha;
    case OperatorType::kRelu:
      return std::max(x, 0.0);
    case OperatorType::kAbs:
      return std::abs(x);
    case OperatorType::kRsqrt:
      return x == 0 ? 1e30 : 1 / std::sqrt(x);
    case OperatorType::kNeg:
      return -x;
    case OperatorType::kExp:
      return std::exp(x);
    case OperatorType::kLog:
      return x > 0 ? std::log(x) : -1e30;
    case OperatorType::kSqrt:
      return std::sqrt(x);
    default:  // QUANTIZE
      return x;
  }
}

class ElementwiseTest : public ::testing::TestWithParam<OperatorType> {};

TEST_P(ElementwiseTest, RandomOperatorsAreWithinAStepOfRealArithmetic) {
  int64_t compared = 0;
  for (uint64_t seed = 1; seed <= 60; ++seed) {
    const RandomModel random = MakeRandomOperator(GetParam(), seed);
    const Model model = Read(random.tflite, random.name);
    const auto run = RunGolden(model, MakeRandomInputs(model, seed));
    ASSERT_TRUE(run.ok());
    const Operator& op = model.operators[0];
    const Tensor& output = model.tensors[op.outputs[0]];
    const auto [least, most] = RangeOf(output.type);
    double low = least, high = most;
    if (const auto* add = std::get_if<AddOptions>(&op.options)) {
      const double zero = output.zero_point(), scale = output.scale();
      if (add->activation == Activation::kRelu || add->activation == Activation::kRelu6) {
        low = std::max(low, zero);
      }
      if (add->activation == Activation::kRelu6) high = std::min(high, zero + 6 / scale);
      if (add->activation == Activation::kReluN1To1) {
        low = std::max(low, zero - 1 / scale);
        high = std::min(high, zero + 1 / scale);
      }
    }
    for (int64_t i = 0; i < output.elements(); ++i) {
      const auto operand = [&](size_t k) {
        const Shape& shape = model.tensors[op.inputs[k]].shape;
        return RealAt(model, *run, op.inputs[k], BroadcastElement(output.shape, shape, i));
      };
      const double y = op.inputs.size() > 1 ? operand(1) : 0;
      const double real = RealFunction(op, operand(0), y) / output.scale() + output.zero_point();
      // Limits beyond the range are clipped to it.
      const double wanted = std::clamp(std::max(std::min(real, high), low), least, most);
      ASSERT_NEAR(ValueAt(model, *run, op.outputs[0], i), wanted, 1.6)
          << random.name << " element " << i;
      ++compared;
    }
  }
  EXPECT_GT(compared, 1'000);
}

INSTANTIATE_TEST_SUITE_P(Golden, ElementwiseTest,
                         ::testing::Values(OperatorType::kAdd, OperatorType::kSub,
                                           OperatorType::kMul, OperatorType::kMaximum,
                                           OperatorType::kMinimum, OperatorType::kSquaredDifference,
                                           OperatorType::kPrelu, OperatorType::kLogistic,
                                           OperatorType::kTanh, OperatorType::kHardSwish,
                                           OperatorType::kElu, OperatorType::kLeakyRelu,
                                           OperatorType::kRelu, OperatorType::kAbs,
                                           OperatorType::kRsqrt, OperatorType::kNeg,
                                           OperatorType::kExp, OperatorType::kLog,
                                           OperatorType::kSqrt, OperatorType::kQuantize),
                         [](const auto& info) { return std::string(OperatorName(info.param)); });

// A chain that leads back to where it began.
struct Loop {
  TfliteWriter writer;
  int32_t input;
  Shape shape;

  explicit Loop(Shape shape_in) : shape(std::move(shape_in)) {
    input = writer.Input(shape, 0.1f, 3);
  }
  int32_t Tensor(Shape tensor_shape) { return writer.Activation(std::move(tensor_shape), 0.1f, 3); }
  int32_t List(const Shape& values) {
    return writer.Integers({static_cast<int32_t>(values.size())}, values);
  }
  int32_t Pairs(const Shape& values) {
    return writer.Integers({static_cast<int32_t>(values.size() / 2), 2}, values);
  }
  void ExpectIdentity(int32_t output) {
    writer.Output(output);
    const Model model = Read(writer.Write(), "loop");
    const auto inputs = MakeRandomInputs(model, 1);
    const auto run = RunGolden(model, inputs);
    ASSERT_TRUE(run.ok());
    EXPECT_EQ((*run)[output], inputs[0]);
    // Nor is it the identity on the way.
    EXPECT_NE((*run)[model.operators[0].outputs[0]], inputs[0]);
  }
};

/// Values of inputs in other scales are those of the output, within a rounding.
TEST(MovementTest, JoinedInOtherScales) {
  TfliteWriter writer("joined");
  const int32_t first = writer.Input({3, 5}, 0.1f, 3), second = writer.Input({3, 80}, 0.037f, -77);
  const int32_t output = writer.Activation({3, 85}, 0.071f, 20);
  writer.Append(OperatorType::kConcatenation, {first, second}, {output}, AxisOptions{1});
  writer.Output(output);
  const Model model = Read(writer.Write(), "joined");
  const auto run = RunGolden(model, MakeRandomInputs(model, 2));
  ASSERT_TRUE(run.ok());
  for (int64_t i = 0; i < 3 * 85; ++i) {
    const int64_t row = i / 85, column = i % 85;
    const double real = column < 5 ? RealAt(model, *run, first, row * 5 + column)
                                   : RealAt(model, *run, second, row * 80 + column - 5);
    const double wanted = std::clamp(real / double{0.071f} + 20, -128.0, 127.0);
    ASSERT_NEAR(ValueAt(model, *run, output, i), wanted, 0.501) << i;
  }
}

TEST(MovementTest, Tiles) {
  TfliteWriter writer("tiled");
  const int32_t input = writer.Input({2, 3}, 0.1f, 3);
  const int32_t output = writer.Activation({4, 9}, 0.1f, 3);
  writer.Append(OperatorType::kTile, {input, writer.Integers({2}, {2, 3})}, {output});
  writer.Output(output);
  const Model model = Read(writer.Write(), "tiled");
  const auto run = RunGolden(model, {{1, 2, 3, 4, 5, 6}});
  ASSERT_TRUE(run.ok());
  const std::vector<uint8_t> rows[] = {{1, 2, 3, 1, 2, 3, 1, 2, 3}, {4, 5, 6, 4, 5, 6, 4, 5, 6}};
  for (int row = 0; row < 4; ++row) {
    const auto begin = (*run)[output].begin() + 9 * row;
    EXPECT_EQ(std::vector<uint8_t>(begin, begin + 9), rows[row % 2]) << row;
  }
}

TEST(MovementTest, BlocksAndBack) {
  Loop depth({2, 6, 9, 5});
  const int32_t deep = depth.Tensor({2, 2, 3, 45}), flat = depth.Tensor({2, 6, 9, 5});
  depth.writer.Append(OperatorType::kSpaceToDepth, {depth.input}, {deep}, BlockOptions{3});
  depth.writer.Append(OperatorType::kDepthToSpace, {deep}, {flat}, BlockOptions{3});
  depth.ExpectIdentity(flat);
  Loop batch({2, 5, 7, 3});
  const int32_t borders = batch.Pairs({1, 0, 2, 3}), block = batch.List({2, 3});
  const int32_t many = batch.Tensor({12, 3, 4, 3}), back = batch.Tensor({2, 5, 7, 3});
  batch.writer.Append(OperatorType::kSpaceToBatch, {batch.input, block, borders}, {many},
                      BatchSpaceOptions{});
  batch.writer.Append(OperatorType::kBatchToSpace, {many, block, borders}, {back},
                      BatchSpaceOptions{});
  batch.ExpectIdentity(back);
}

TEST(MovementTest, PartsAndTogether) {
  Loop split({3, 5, 2});
  const int32_t a = split.Tensor({3, 1, 2}), b = split.Tensor({3, 4, 2});
  const int32_t whole = split.Tensor({3, 5, 2});
  split.writer.Append(OperatorType::kSplit, {split.input, split.List({1, -1}), split.List({1})},
                      {a, b}, AxisOptions{}, "SPLIT_V");
  split.writer.Append(OperatorType::kConcatenation, {a, b}, {whole}, AxisOptions{1});
  split.ExpectIdentity(whole);
  Loop unpack({3, 4, 2});
  Shape parts;
  for (int i = 0; i < 4; ++i) parts.push_back(unpack.Tensor({3, 2}));
  const int32_t packed = unpack.Tensor({3, 4, 2});
  unpack.writer.Append(OperatorType::kUnpack, {unpack.input}, parts, AxisOptions{1});
  unpack.writer.Append(OperatorType::kPack, parts, {packed}, AxisOptions{-2});
  unpack.ExpectIdentity(packed);
}

TEST(MovementTest, OrderAndBorders) {
  Loop order({2, 3, 4, 5});
  const int32_t permuted = order.Tensor({5, 3, 2, 4}), reversed = order.Tensor({5, 3, 2, 4});
  const int32_t strided = order.Tensor({5, 3, 2, 4}), back = order.Tensor({2, 3, 4, 5});
  order.writer.Append(OperatorType::kTranspose, {order.input, order.List({3, 1, 0, 2})}, {permuted},
                      TransposeOptions{});
  order.writer.Append(OperatorType::kReverse, {permuted, order.List({0, 2})}, {reversed},
                      ReverseOptions{});
  order.writer.Append(
      OperatorType::kSlice,
      {reversed, order.List({4, 0, 1, 0}), order.List({-9, 3, -9, 4}), order.List({-1, 1, -1, 1})},
      {strided}, SliceOptions{}, "STRIDED_SLICE");
  order.writer.Append(OperatorType::kTranspose, {strided, order.List({2, 1, 3, 0})}, {back},
                      TransposeOptions{});
  order.ExpectIdentity(back);
  for (bool symmetric : {false, true}) {
    Loop border({3, 4});
    const int32_t larger = border.Tensor({6, 8}), cut = border.Tensor({3, 4});
    border.writer.Append(OperatorType::kMirrorPad, {border.input, border.Pairs({2, 1, 1, 3})},
                         {larger}, MirrorPadOptions{{}, symmetric});
    border.writer.Append(OperatorType::kSlice, {larger, border.List({2, 1}), border.List({3, 4})},
                         {cut}, SliceOptions{});
    border.ExpectIdentity(cut);
  }
}

TEST(MovementTest, MirrorsRepeatTheEdgeOnlyIfSymmetric) {
  for (bool symmetric : {false, true}) {
    Loop border({4});
    const int32_t larger = border.Tensor({9});
    border.writer.Append(OperatorType::kMirrorPad, {border.input, border.Pairs({3, 2})}, {larger},
                         MirrorPadOptions{{}, symmetric});
    border.writer.Output(larger);
    const auto run = RunGolden(Read(border.writer.Write(), "mirror"), {{1, 2, 3, 4}});
    ASSERT_TRUE(run.ok());
    EXPECT_EQ((*run)[larger], symmetric ? (std::vector<uint8_t>{3, 2, 1, 1, 2, 3, 4, 4, 3})
                                        : (std::vector<uint8_t>{4, 3, 2, 1, 2, 3, 4, 3, 2}));
  }
}

TEST(GoldenOperatorTest, AddNAddsOneZeroMore) {
  TfliteWriter writer;
  const int32_t a = writer.Input({1}, 0.5f, 10), b = writer.Input({1}, 0.5f, 10);
  const int32_t sum = writer.Activation({1}, 0.5f, 0);
  writer.Append(OperatorType::kAddN, {a, b}, {sum});
  writer.Output(sum);
  const auto run = RunGolden(Read(writer.Write(), "sum"), {{30}, {40}});
  ASSERT_TRUE(run.ok());
  EXPECT_EQ((*run)[sum], std::vector<uint8_t>{20 + 30 - 10});
}

TEST(GoldenOperatorTest, DifferencesOfWideTensorsAreInElements) {
  TfliteWriter writer;
  const int32_t in = writer.Input({2, 3}, 0.5f, 0), out = writer.Activation({2, 3}, 0.001f, 0);
  writer.model().tensors[out].type = TensorType::kInt16;
  writer.Append(OperatorType::kQuantize, {in}, {out});
  writer.Output(out);
  const Model model = Read(writer.Write(), "wide");
  const auto run = RunGolden(model, {{1, 2, 3, 4, 5, 6}});
  ASSERT_TRUE(run.ok());
  TensorBytes changed = *run;
  changed[out][9] ^= 0x80;  // the upper byte of element 4
  const Comparison comparison = CompareTensors(model, *run, changed);
  ASSERT_TRUE(comparison.first.has_value());
  EXPECT_EQ(comparison.first->element, 4);
  EXPECT_EQ(comparison.first->position, (std::vector<int32_t>{1, 1}));
  EXPECT_EQ(comparison.first->expected, 2500);
  EXPECT_EQ(comparison.first->actual, 2500 - 32768);
  EXPECT_EQ(comparison.first->operator_name, "QUANTIZE");
}

TEST(GoldenOperatorTest, MixedNetworksRunWithEitherRounding) {
  int64_t operators = 0;
  for (uint64_t seed = 0; seed < 300; ++seed) {
    const RandomModel random = MakeRandomMixedNetwork(seed);
    const Model model = Read(random.tflite, random.name);
    for (Rounding rounding : {Rounding::kDouble, Rounding::kSingle}) {
      const auto run = RunGolden(model, MakeRandomInputs(model, seed), rounding);
      ASSERT_TRUE(run.ok());
      for (const Operator& op : model.operators) {
        ++operators;
        for (int32_t output : op.outputs) {
          ASSERT_EQ((*run)[output].size(), model.tensors[output].bytes()) << random.name;
        }
      }
    }
  }
  EXPECT_GT(operators, 1'000);
}

}  // namespace
}  // namespace npugen

// SPDX-License-Identifier: Apache-2.0
// Kernels on int32 and float32 as they are: against the golden model, and what they refuse.
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "sw/driver/npu_host_plain.h"
#include "sw/model/operators/rules.h"
#include "tests/driver/step.h"
#include "verif/golden/golden_model.h"

namespace npugen::testing {
namespace {

using Shape = std::vector<int32_t>;

/// A network of one operator.
struct SingleOperator {
  Model model;

  int32_t Add(TensorType type, const Shape& shape, bool constant = false) {
    Tensor tensor;
    tensor.name = "t" + std::to_string(model.tensors.size());
    tensor.type = type;
    tensor.shape = shape;
    tensor.is_constant = constant;
    model.tensors.push_back(tensor);
    return static_cast<int32_t>(model.tensors.size()) - 1;
  }
  Diagnostics Set(OperatorType type, const std::vector<int32_t>& inputs, int32_t output,
                  OperatorOptions options = NoOptions{}) {
    Operator op;
    op.type = type;
    op.name = OperatorName(type);
    op.inputs = inputs;
    op.outputs = {output};
    op.options = std::move(options);
    for (const int32_t input : inputs) {
      if (!model.tensors[input].is_constant) model.inputs.push_back(input);
    }
    model.outputs = {output};
    const Diagnostics refused = CheckOperator(model, op, FileForm{});
    model.operators = {op};
    return refused;
  }
  Operator& op() { return model.operators[0]; }
};

/// Numbers that are seldom and those that are not.
class Numbers {
 public:
  explicit Numbers(uint64_t seed) : random_(seed) {}

  uint32_t Next(TensorType type) {
    static constexpr int32_t kInts[] = {0, 1, -1, 2, -2, 48, INT32_MIN, INT32_MAX, INT32_MIN + 1};
    static constexpr float kFloats[] = {
        0.0f,  -0.0f,  1.0f,           -1.0f,           127.5f,  -128.5f,  255.9f,    1e-45f,
        1e38f, -3e38f, 2.147483648e9f, -2.147483648e9f, 9.3e18f, INFINITY, -INFINITY, NAN};
    const uint64_t draw = random_();
    if (type == TensorType::kFloat32) {
      if (draw % 4 == 0) return std::bit_cast<uint32_t>(kFloats[random_() % std::size(kFloats)]);
      if (draw % 4 == 1) return static_cast<uint32_t>(random_());
      return std::bit_cast<uint32_t>(
          static_cast<float>(static_cast<int32_t>(random_() % 2001) - 1000) * 0.37f);
    }
    if (draw % 4 == 0) return static_cast<uint32_t>(kInts[random_() % std::size(kInts)]);
    if (draw % 4 == 1) return static_cast<uint32_t>(random_());
    return static_cast<uint32_t>(random_() % 201) - 100;
  }
  std::vector<uint8_t> Bytes(const Tensor& tensor) {
    std::vector<uint8_t> bytes(tensor.bytes());
    const size_t width = ElementBytes(tensor.type);
    for (size_t i = 0; i < bytes.size(); i += width) {
      const uint64_t value = width == 8 ? random_() : Next(tensor.type);
      std::memcpy(bytes.data() + i, &value, width);
    }
    return bytes;
  }
  uint64_t operator()() { return random_(); }

 private:
  std::mt19937_64 random_;
};

/// NaNs are one.
std::vector<uint8_t> Canonical(TensorType type, std::vector<uint8_t> bytes) {
  for (size_t i = 0; type == TensorType::kFloat32 && i < bytes.size(); i += 4) {
    float value;
    std::memcpy(&value, bytes.data() + i, 4);
    const uint32_t nan = 0x7fc00000;
    if (std::isnan(value)) std::memcpy(bytes.data() + i, &nan, 4);
  }
  return bytes;
}

/// The driver's kernel against the golden model.
void Compare(SingleOperator network, Numbers* numbers) {
  std::vector<std::vector<uint8_t>> inputs;
  for (Tensor& tensor : network.model.tensors) {
    if (tensor.is_constant) tensor.data = numbers->Bytes(tensor);
  }
  for (const int32_t input : network.model.inputs) {
    inputs.push_back(numbers->Bytes(network.model.tensors[input]));
  }
  const Result<TensorBytes> golden =
      GoldenModel(network.model, golden::Rounding::kDouble).Run(inputs);
  ASSERT_TRUE(golden.ok());
  TensorBytes tensors = *golden;
  Step step(network.model, network.op(), tensors);
  ASSERT_TRUE(step.Fits());
  step.Run();
  const int32_t output = network.op().outputs[0];
  const TensorType type = network.model.tensors[output].type;
  ASSERT_EQ(Canonical(type, step.Output(0)), Canonical(type, tensors[output])) << network.op().name;
}

constexpr OperatorType kTwoOperands[] = {OperatorType::kAdd,     OperatorType::kSub,
                                         OperatorType::kMul,     OperatorType::kSquaredDifference,
                                         OperatorType::kMaximum, OperatorType::kMinimum,
                                         OperatorType::kDiv,     OperatorType::kFloorDiv,
                                         OperatorType::kFloorMod};

OperatorOptions OptionsOf(OperatorType type, Activation activation) {
  const bool has = type == OperatorType::kAdd || type == OperatorType::kSub ||
                   type == OperatorType::kMul || type == OperatorType::kDiv;
  if (has) return AddOptions{activation};
  return NoOptions{};
}

TEST(PlainKernels, TwoOperandsEqualTheGoldenModel) {
  Numbers numbers(1);
  const std::vector<std::array<Shape, 3>> shapes = {
      {Shape{64}, Shape{64}, Shape{64}},
      {Shape{1, 1}, Shape{}, Shape{1, 1}},
      {Shape{2, 1, 3, 1, 5, 4}, Shape{7, 3, 2, 1, 4}, Shape{2, 7, 3, 2, 5, 4}},
      {Shape{1, 17}, Shape{4, 1}, Shape{4, 17}}};
  for (int round = 0; round < 40; ++round) {
    for (const OperatorType type : kTwoOperands) {
      for (const TensorType number : {TensorType::kInt32, TensorType::kFloat32}) {
        const bool integers_only =
            type == OperatorType::kFloorDiv || type == OperatorType::kFloorMod;
        const auto& [a, b, out] = shapes[numbers() % shapes.size()];
        SingleOperator network;
        const int32_t first = network.Add(number, a, numbers() % 5 == 0);
        const int32_t second =
            network.Add(number, b, !network.model.tensors[first].is_constant && numbers() % 3 == 0);
        const Diagnostics refused =
            network.Set(type, {first, second}, network.Add(number, out),
                        OptionsOf(type, static_cast<Activation>(numbers() % 4)));
        if (integers_only && number == TensorType::kFloat32) {
          EXPECT_FALSE(refused.empty());
          continue;
        }
        ASSERT_TRUE(refused.empty()) << refused[0].message;
        EXPECT_TRUE(RunsOnHost(network.model, network.op()));
        Compare(network, &numbers);
      }
    }
  }
}

TEST(PlainKernels, OneOperandEqualsTheGoldenModel) {
  Numbers numbers(2);
  for (const TensorType number : {TensorType::kInt32, TensorType::kFloat32}) {
    for (const OperatorType type : {OperatorType::kAbs, OperatorType::kNeg, OperatorType::kSqrt}) {
      SingleOperator network;
      const int32_t input = network.Add(number, {1000, 20});
      const Diagnostics refused = network.Set(type, {input}, network.Add(number, {1000, 20}));
      if (type == OperatorType::kSqrt && number == TensorType::kInt32) {
        EXPECT_FALSE(refused.empty());
        continue;
      }
      ASSERT_TRUE(refused.empty()) << refused[0].message;
      for (int round = 0; round < 10; ++round) Compare(network, &numbers);
    }
  }
}

/// Squares and their neighbours, and both parities of all exponents.
TEST(PlainKernels, RootsAreRounded) {
  npu_network_tensor row = {};
  row.type = NPU_ELEMENT_FLOAT32;
  row.rank = 1;
  row.shape[0] = 1;
  row.bytes = 4;
  const uint32_t options[] = {NPU_UNARY_SQRT};
  const auto check = [&](uint32_t bits) {
    uint32_t in = bits, out = 0;
    const npu_host_operand input = {&row, &in}, output = {&row, &out};
    npu_host_operator_run(NPU_HOST_UNARY, &input, &output, options, nullptr);
    ASSERT_EQ(out, std::bit_cast<uint32_t>(std::sqrt(std::bit_cast<float>(bits)))) << bits;
  };
  std::mt19937_64 random(3);
  for (uint32_t exponent = 0; exponent < 255; ++exponent) {
    for (int i = 0; i < 2000; ++i) {
      const auto bits = static_cast<uint32_t>(random());
      const uint32_t fraction = i < 20 ? static_cast<uint32_t>(i) : bits & 0x7fffff;
      check(exponent << 23 | fraction);
      check(exponent << 23 | (0x7fffff - fraction));
    }
  }
  for (uint32_t root = 1; root < 5000; ++root) {
    const auto square =
        std::bit_cast<uint32_t>(static_cast<float>(root) * static_cast<float>(root));
    for (const uint32_t bits : {square - 1, square, square + 1}) check(bits);
  }
  check(0x80000000);
  check(0x7f800000);
}

TEST(PlainKernels, CastsEqualTheGoldenModel) {
  constexpr TensorType kTypes[] = {TensorType::kInt8,  TensorType::kUint8, TensorType::kInt16,
                                   TensorType::kInt32, TensorType::kInt64, TensorType::kFloat32};
  Numbers numbers(4);
  for (const TensorType from : kTypes) {
    for (const TensorType to : kTypes) {
      SingleOperator network;
      const int32_t input = network.Add(from, {3, 1000});
      const Diagnostics refused =
          network.Set(OperatorType::kCast, {input}, network.Add(to, {3, 1000}));
      ASSERT_TRUE(refused.empty()) << refused[0].message;
      Compare(network, &numbers);
    }
  }
}

TEST(PlainKernels, JoinsEqualTheGoldenModel) {
  Numbers numbers(5);
  for (const TensorType number : {TensorType::kInt32, TensorType::kFloat32}) {
    SingleOperator network;
    const int32_t a = network.Add(number, {3, 2, 5}, true);
    const int32_t b = network.Add(number, {3, 4, 5});
    Diagnostics refused = network.Set(OperatorType::kConcatenation, {a, b, a},
                                      network.Add(number, {3, 8, 5}), AxisOptions{1});
    ASSERT_TRUE(refused.empty()) << refused[0].message;
    Compare(network, &numbers);
    for (int32_t axis = 0; axis < 3; ++axis) {
      SingleOperator pack;
      const int32_t first = pack.Add(number, {3, 4});
      const int32_t second = pack.Add(number, {3, 4}, true);
      Shape shape = {3, 4};
      shape.insert(shape.begin() + axis, 2);
      refused = pack.Set(OperatorType::kPack, {first, second}, pack.Add(number, shape),
                         AxisOptions{axis});
      ASSERT_TRUE(refused.empty()) << refused[0].message;
      Compare(pack, &numbers);
    }
  }
}

TEST(PlainKernels, EmptyTensors) {
  // Arithmetic refuses them; joins of nothing have one chunk, though the dimensions in front of
  // the axis are more than int32 holds.
  SingleOperator sum;
  const int32_t a = sum.Add(TensorType::kInt32, {3, 0}), b = sum.Add(TensorType::kInt32, {3, 1});
  EXPECT_FALSE(
      sum.Set(OperatorType::kAdd, {a, b}, sum.Add(TensorType::kInt32, {3, 0}), AddOptions{})
          .empty());
  SingleOperator join;
  const Shape nothing = {1 << 16, 1 << 16, 0};
  const int32_t first = join.Add(TensorType::kInt32, nothing);
  const int32_t second = join.Add(TensorType::kInt32, nothing);
  ASSERT_TRUE(join.Set(OperatorType::kConcatenation, {first, second},
                       join.Add(TensorType::kInt32, nothing), AxisOptions{2})
                  .empty());
  EXPECT_EQ(MakeHostStep(join.model, join.op()).options, std::vector<uint32_t>{1});
}

TEST(PlainKernels, GathersEqualTheGoldenModel) {
  Numbers numbers(6);
  for (int round = 0; round < 200; ++round) {
    SingleOperator network;
    constexpr TensorType kTypes[] = {TensorType::kInt8, TensorType::kInt16, TensorType::kInt32,
                                     TensorType::kFloat32};
    const TensorType number = kTypes[numbers() % 4];
    const Shape shape = {2, 3, 4, 5};
    const auto depth = static_cast<int32_t>(1 + numbers() % 4);
    const int32_t data = network.Add(number, shape);
    const bool constant = numbers() % 2 == 0;
    const int32_t indices = network.Add(TensorType::kInt32, {7, depth}, constant);
    Shape out = {7};
    out.insert(out.end(), shape.begin() + depth, shape.end());
    const Diagnostics refused =
        network.Set(OperatorType::kGatherNd, {data, indices}, network.Add(number, out));
    ASSERT_TRUE(refused.empty()) << refused[0].message;
    std::vector<uint8_t> values = numbers.Bytes(network.model.tensors[data]);
    std::vector<int32_t> places(static_cast<size_t>(7 * depth));
    for (size_t i = 0; i < places.size(); ++i) {
      const int32_t size = shape[i % static_cast<size_t>(depth)];
      places[i] = static_cast<int32_t>(numbers() % static_cast<uint64_t>(size));
      // Some are outside: by one, or far.
      if (numbers() % 16 == 0) places[i] = size;
      if (numbers() % 16 == 0) places[i] = numbers() % 2 == 0 ? -1 : INT32_MIN;
    }
    std::vector<uint8_t> bytes(places.size() * 4);
    std::memcpy(bytes.data(), places.data(), bytes.size());
    std::vector<std::vector<uint8_t>> inputs = {values};
    if (constant) {
      network.model.tensors[indices].data = bytes;
    } else {
      inputs.push_back(bytes);
    }
    const Result<TensorBytes> golden =
        GoldenModel(network.model, golden::Rounding::kDouble).Run(inputs);
    ASSERT_TRUE(golden.ok());
    Step step(network.model, network.op(), *golden);
    ASSERT_TRUE(step.Fits());
    step.Run();
    ASSERT_EQ(step.Output(0), (*golden)[network.op().outputs[0]]);
  }
}

// What the driver refuses, so that no kernel leaves its operands.

class RefusalTest : public ::testing::Test {
 protected:
  /// Whether it fits with `change` made to the step.
  template <typename Change>
  static bool FitsWith(SingleOperator& network, Change change) {
    TensorBytes tensors(network.model.tensors.size());
    for (size_t i = 0; i < tensors.size(); ++i) tensors[i].resize(network.model.tensors[i].bytes());
    Step step(network.model, network.op(), tensors);
    EXPECT_TRUE(step.Fits());
    change(step);
    return step.Fits();
  }
  /// Word `i` of the options becomes `value`.
  static bool FitsWithOption(SingleOperator& network, size_t i, int32_t value) {
    return FitsWith(network,
                    [&](Step& step) { step.step().options[i] = static_cast<uint32_t>(value); });
  }
};

TEST_F(RefusalTest, Arithmetic) {
  for (const TensorType number : {TensorType::kInt32, TensorType::kFloat32}) {
    SingleOperator network;
    const int32_t a = network.Add(number, {3, 4}), b = network.Add(number, {4});
    ASSERT_TRUE(network.Set(OperatorType::kMaximum, {a, b}, network.Add(number, {3, 4})).empty());
    const bool integers = number == TensorType::kInt32;
    EXPECT_TRUE(FitsWithOption(network, 0, NPU_ARITHMETIC_DIV));
    EXPECT_EQ(FitsWithOption(network, 0, NPU_ARITHMETIC_FLOOR_DIV), integers);
    EXPECT_EQ(FitsWithOption(network, 0, NPU_ARITHMETIC_FLOOR_MOD), integers);
    EXPECT_FALSE(FitsWithOption(network, 0, NPU_ARITHMETIC_FLOOR_MOD + 1));
    EXPECT_FALSE(FitsWithOption(network, 0, -1));
    for (size_t size = 1; size <= NPU_HOST_RANK; ++size) {
      EXPECT_FALSE(FitsWithOption(network, size, 0)) << "a size of 0";
      EXPECT_FALSE(FitsWithOption(network, size, 5)) << "more results than the output has";
    }
    EXPECT_FALSE(FitsWithOption(network, 2 * NPU_HOST_RANK, 2)) << "beyond the operand";
    EXPECT_FALSE(FitsWithOption(network, 2 * NPU_HOST_RANK, -1));
    EXPECT_FALSE(FitsWithOption(network, 3 * NPU_HOST_RANK, 2));
    EXPECT_FALSE(FitsWithOption(network, 3 * NPU_HOST_RANK - 1, 1)) << "b repeats";
    for (size_t operand = 0; operand < 3; ++operand) {
      EXPECT_FALSE(FitsWith(network, [&](Step& s) { s.row(operand).type = NPU_ELEMENT_INT8; }));
      EXPECT_FALSE(FitsWith(network, [&](Step& s) {
        s.row(operand).type = integers ? NPU_ELEMENT_FLOAT32 : NPU_ELEMENT_INT32;
      }));
      EXPECT_FALSE(FitsWith(network, [&](Step& s) { s.row(operand).shape[0] -= 1; }));
    }
    EXPECT_FALSE(FitsWith(network, [](Step& s) { s.SetThere(1, false); }));
    EXPECT_FALSE(FitsWith(network, [](Step& s) { s.step().options.pop_back(); }));
    EXPECT_FALSE(FitsWith(network, [](Step& s) { s.step().kind = NPU_HOST_UNARY; }));
    EXPECT_FALSE(FitsWith(network, [](Step& s) { s.step().kind = NPU_HOST_KINDS; }));
  }
}

TEST_F(RefusalTest, OneOperand) {
  for (const TensorType number : {TensorType::kInt32, TensorType::kFloat32}) {
    SingleOperator network;
    const int32_t a = network.Add(number, {12});
    ASSERT_TRUE(network.Set(OperatorType::kAbs, {a}, network.Add(number, {12})).empty());
    EXPECT_TRUE(FitsWithOption(network, 0, NPU_UNARY_NEG));
    EXPECT_EQ(FitsWithOption(network, 0, NPU_UNARY_SQRT), number == TensorType::kFloat32);
    EXPECT_FALSE(FitsWithOption(network, 0, NPU_UNARY_SQRT + 1));
    EXPECT_FALSE(FitsWithOption(network, 0, -1));
    for (size_t operand = 0; operand < 2; ++operand) {
      EXPECT_FALSE(FitsWith(network, [&](Step& s) { s.row(operand).type = NPU_ELEMENT_INT16; }));
      EXPECT_FALSE(FitsWith(network, [&](Step& s) { s.row(operand).shape[0] = 11; }));
    }
  }
}

TEST_F(RefusalTest, Casts) {
  SingleOperator network;
  const int32_t a = network.Add(TensorType::kUint8, {12});
  ASSERT_TRUE(
      network.Set(OperatorType::kCast, {a}, network.Add(TensorType::kFloat32, {12})).empty());
  for (size_t operand = 0; operand < 2; ++operand) {
    EXPECT_FALSE(FitsWith(network, [&](Step& s) { s.row(operand).type = NPU_ELEMENT_BITS; }));
    EXPECT_FALSE(FitsWith(network, [&](Step& s) { s.row(operand).shape[0] = 11; }));
  }
  EXPECT_FALSE(FitsWith(network, [](Step& s) { s.step().options.push_back(0); }));
}

TEST_F(RefusalTest, Joins) {
  SingleOperator network;
  const int32_t a = network.Add(TensorType::kInt32, {3, 4}),
                b = network.Add(TensorType::kInt32, {3, 2});
  ASSERT_TRUE(network
                  .Set(OperatorType::kConcatenation, {a, b},
                       network.Add(TensorType::kInt32, {3, 6}), AxisOptions{1})
                  .empty());
  EXPECT_TRUE(FitsWithOption(network, 0, 1));
  for (const int32_t chunks : {0, -1, 5, INT32_MIN}) {
    EXPECT_FALSE(FitsWithOption(network, 0, chunks)) << chunks;
  }
  for (size_t operand = 0; operand < 3; ++operand) {
    EXPECT_FALSE(FitsWith(network, [&](Step& s) { s.row(operand).type = NPU_ELEMENT_FLOAT32; }));
    EXPECT_FALSE(FitsWith(network, [&](Step& s) { s.row(operand).bytes += 12; }));
  }
  EXPECT_FALSE(FitsWith(network, [](Step& s) {
    for (size_t i = 0; i < 3; ++i) s.row(i).type = NPU_ELEMENT_BITS;
  }));
  EXPECT_FALSE(FitsWith(network, [](Step& s) { s.SetThere(1, false); }));
}

TEST_F(RefusalTest, Gathers) {
  SingleOperator network;
  const int32_t data = network.Add(TensorType::kInt8, {2, 3, 4});
  const int32_t indices = network.Add(TensorType::kInt32, {5, 2});
  ASSERT_TRUE(
      network.Set(OperatorType::kGatherNd, {data, indices}, network.Add(TensorType::kInt8, {5, 4}))
          .empty());
  constexpr size_t kRows = 0, kDepth = 1, kSize = 2, kSlice = kSize + NPU_HOST_RANK;
  for (const int32_t value : {0, -1, 4, 6, INT32_MAX}) {
    EXPECT_FALSE(FitsWithOption(network, kRows, value)) << value;
  }
  for (const int32_t value : {0, -1, 1, 3, 7}) {
    EXPECT_FALSE(FitsWithOption(network, kDepth, value)) << value;
  }
  for (const int32_t value : {0, -1, 1, 3, 5, INT32_MAX}) {
    EXPECT_FALSE(FitsWithOption(network, kSize, value)) << value;
    EXPECT_FALSE(FitsWithOption(network, kSlice, value)) << value;
  }
  EXPECT_FALSE(FitsWithOption(network, kSize + 5, 0));
  SingleOperator bytes;  // slices of 1, which would stand for a seventh size
  const int32_t places = bytes.Add(TensorType::kInt32, {5, 3});
  ASSERT_TRUE(bytes
                  .Set(OperatorType::kGatherNd, {bytes.Add(TensorType::kInt8, {2, 3, 4}), places},
                       bytes.Add(TensorType::kInt8, {5}))
                  .empty());
  EXPECT_FALSE(FitsWith(bytes, [](Step& s) {
    s.step().options[kDepth] = 7;
    s.row(1).shape[1] = 7;
  }));
  EXPECT_FALSE(FitsWith(network, [](Step& s) { s.row(0).bytes -= 1; }));
  EXPECT_FALSE(FitsWith(network, [](Step& s) { s.row(2).bytes -= 1; }));
  EXPECT_FALSE(FitsWith(network, [](Step& s) { s.row(0).type = NPU_ELEMENT_BITS; }));
  EXPECT_FALSE(FitsWith(network, [](Step& s) { s.row(1).type = NPU_ELEMENT_FLOAT32; }));
  EXPECT_FALSE(FitsWith(network, [](Step& s) { s.row(1).shape[0] = 4; }));
  EXPECT_FALSE(FitsWith(network, [](Step& s) { s.row(2).type = NPU_ELEMENT_UINT8; }));
}

}  // namespace
}  // namespace npugen::testing

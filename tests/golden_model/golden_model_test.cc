// SPDX-License-Identifier: Apache-2.0
// The golden model's interface: inputs, comparison of runs, agreement of its kernels with plain
// loops.
#include "verif/golden/golden_model.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "sw/model/quantization.h"
#include "sw/model/tflite_reader.h"
#include "verif/random/random_model.h"
#include "verif/random/tflite_writer.h"

namespace npugen {
namespace {

using testing::MakeRandomInputs;
using testing::MakeRandomNetwork;
using testing::MakeRandomOperator;
using testing::RandomModel;
using testing::TfliteWriter;

Model Read(const RandomModel& random) {
  Result<Model> model = ReadTflite(random.tflite, random.name);
  if (!model.ok()) {
    ADD_FAILURE() << FormatDiagnostic(model.errors()[0], false);
    return {};
  }
  return *model;
}

TEST(GoldenModelTest, RefusesInputsOfTheWrongNumberOrSize) {
  const Model model = Read(MakeRandomOperator(OperatorType::kSoftmax, 1));
  const auto inputs = MakeRandomInputs(model, 1);
  EXPECT_TRUE(RunGolden(model, inputs).ok());
  const auto none = RunGolden(model, {});
  ASSERT_FALSE(none.ok());
  EXPECT_EQ(none.errors()[0].code, DiagnosticCode::kModelInput);
  auto longer = inputs;
  longer[0].push_back(0);
  EXPECT_FALSE(RunGolden(model, longer).ok());
}

TEST(GoldenModelTest, RefusesAbsurdAmountsOfMemory) {
  TfliteWriter writer;
  const int32_t input = writer.Input({1, 1, 1, 1}, 0.1f, 0);
  int32_t last = input;
  for (int i = 0; i < 4; ++i) {
    const int32_t big = writer.Activation({1, 1, 1, 2000000000}, 0.1f, 0);
    writer.Pad(input, {{0, 0}, {0, 0}, {0, 0}, {0, 1999999999}}, big);
    last = big;
  }
  writer.Output(last);
  const Result<Model> model = ReadTflite(writer.Write(), "big");
  ASSERT_TRUE(model.ok()) << FormatDiagnostic(model.errors()[0], false);
  const auto run = RunGolden(*model, {{0}});
  ASSERT_FALSE(run.ok());
  EXPECT_EQ(run.errors()[0].code, DiagnosticCode::kModelTooLarge);
}

TEST(GoldenModelTest, ComparisonFindsTheFirstDifferenceInOrderOfExecution) {
  const Model model = Read(MakeRandomNetwork(3));
  const auto run = RunGolden(model, MakeRandomInputs(model, 5));
  ASSERT_TRUE(run.ok());
  EXPECT_TRUE(CompareTensors(model, *run, *run).equal());
  TensorBytes changed = *run;
  const Operator& op = model.operators[1];
  const int32_t tensor = op.outputs[0];
  const size_t element = changed[tensor].size() / 2;
  changed[tensor][element] ^= 1;
  changed[model.outputs[0]].back() ^= 2;
  const Comparison comparison = CompareTensors(model, *run, changed);
  EXPECT_EQ(comparison.differing_tensors, tensor == model.outputs[0] ? 1 : 2);
  EXPECT_EQ(comparison.differing_elements, 2);
  ASSERT_TRUE(comparison.first.has_value());
  EXPECT_EQ(comparison.first->tensor, tensor);
  EXPECT_EQ(comparison.first->operator_index, 1);
  EXPECT_EQ(comparison.first->element, static_cast<int64_t>(element));
  EXPECT_EQ(comparison.first->expected, static_cast<int8_t>((*run)[tensor][element]));
  EXPECT_EQ(comparison.first->actual, static_cast<int8_t>(changed[tensor][element]));
  changed[tensor].clear();  // not given back: not compared
  EXPECT_EQ(CompareTensors(model, *run, changed).differing_tensors,
            tensor == model.outputs[0] ? 0 : 1);
}

// A convolution as the formula has it, in floating point that is exact for these sizes.
int8_t PlainConv(const Model& model, const Operator& op, const TensorBytes& bytes, int n, int y,
                 int x, int c) {
  const auto& options = std::get<ConvOptions>(op.options);
  const Tensor& in = model.tensors[op.inputs[0]];
  const Tensor& filter = model.tensors[op.inputs[1]];
  const Tensor& out = model.tensors[op.outputs[0]];
  const bool depthwise = op.type == OperatorType::kDepthwiseConv2d;
  const int depth = depthwise ? 1 : filter.shape[3];
  const int total_h = std::max((out.shape[1] - 1) * options.stride_h +
                                   (filter.shape[1] - 1) * options.dilation_h + 1 - in.shape[1],
                               0);
  const int total_w = std::max((out.shape[2] - 1) * options.stride_w +
                                   (filter.shape[2] - 1) * options.dilation_w + 1 - in.shape[2],
                               0);
  const int top = options.padding == Padding::kSame ? total_h / 2 : 0;
  const int left = options.padding == Padding::kSame ? total_w / 2 : 0;
  double sum = 0;
  for (int ky = 0; ky < filter.shape[1]; ++ky) {
    for (int kx = 0; kx < filter.shape[2]; ++kx) {
      const int iy = y * options.stride_h - top + ky * options.dilation_h;
      const int ix = x * options.stride_w - left + kx * options.dilation_w;
      if (iy < 0 || iy >= in.shape[1] || ix < 0 || ix >= in.shape[2]) continue;
      for (int k = 0; k < depth; ++k) {
        const int group = depthwise ? c / options.depth_multiplier
                                    : c / (out.shape[3] / (in.shape[3] / depth)) * depth + k;
        const size_t i = ((size_t(n) * in.shape[1] + iy) * in.shape[2] + ix) * in.shape[3] + group;
        const size_t w =
            depthwise ? (size_t(ky) * filter.shape[2] + kx) * out.shape[3] + c
                      : ((size_t(c) * filter.shape[1] + ky) * filter.shape[2] + kx) * depth + k;
        sum += (int8_t(bytes[op.inputs[0]][i]) - in.zero_point()) * double(int8_t(filter.data[w]));
      }
    }
  }
  if (op.inputs[2] >= 0) {
    int32_t bias;
    memcpy(&bias, model.tensors[op.inputs[2]].data.data() + 4 * c, 4);
    sum += bias;
  }
  const QuantizedMultiplier q = OutputMultipliers(model, op)[c];
  const double high =
      std::floor(sum * std::ldexp(1.0, std::max(q.shift, 0)) * q.multiplier / 2147483648.0 + 0.5);
  const double scaled = high / std::ldexp(1.0, std::max(-q.shift, 0));
  const double rounded =
      std::copysign(std::floor(std::abs(scaled) + 0.5), scaled) + out.zero_point();
  const auto range = ComputeActivationRange(options.activation, out.scale(), out.zero_point());
  return static_cast<int8_t>(std::clamp<double>(rounded, range->min, range->max));
}

TEST(GoldenModelTest, ConvolutionsOfRandomShapesAgreeWithPlainLoops) {
  int64_t compared = 0;
  for (OperatorType type : {OperatorType::kConv2d, OperatorType::kDepthwiseConv2d}) {
    for (uint64_t seed = 1; seed <= 60; ++seed) {
      const Model model = Read(MakeRandomOperator(type, seed));
      const auto run = RunGolden(model, MakeRandomInputs(model, seed));
      ASSERT_TRUE(run.ok());
      const Operator& op = model.operators[0];
      const std::vector<int32_t>& shape = model.tensors[op.outputs[0]].shape;
      size_t i = 0;
      for (int n = 0; n < shape[0]; ++n) {
        for (int y = 0; y < shape[1]; ++y) {
          for (int x = 0; x < shape[2]; ++x) {
            for (int c = 0; c < shape[3]; ++c, ++i, ++compared) {
              ASSERT_EQ(int8_t((*run)[op.outputs[0]][i]), PlainConv(model, op, *run, n, y, x, c))
                  << model.name << " at " << n << "," << y << "," << x << "," << c;
            }
          }
        }
      }
    }
  }
  EXPECT_GT(compared, 40'000);
}

// A scale so coarse that only the maxima count: they share the probability.
TEST(GoldenModelTest, CoarseSoftmaxGivesAllToTheMaxima) {
  TfliteWriter writer;
  const int32_t input = writer.Input({1, 4}, 1000.0f, 0);
  const int32_t output = writer.Activation({1, 4}, 1.0f / 256.0f, -128);
  writer.Softmax(input, output);
  writer.Output(output);
  const Result<Model> model = ReadTflite(writer.Write(), "coarse");
  ASSERT_TRUE(model.ok());
  const auto run = RunGolden(*model, {{5, 4, 5, 0}});
  ASSERT_TRUE(run.ok());
  EXPECT_EQ((*run)[output], (std::vector<uint8_t>{0, 128, 0, 128}));
  const auto single = RunGolden(*model, {{5, 4, 6, 0}});
  EXPECT_EQ((*single)[output], (std::vector<uint8_t>{128, 128, 127, 128}));
}

TEST(GoldenModelTest, OneRoundingDiffersFromTwoButNotByMuch) {
  int64_t differing = 0;
  int64_t elements = 0;
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    const Model model = Read(MakeRandomOperator(OperatorType::kConv2d, seed));
    const auto inputs = MakeRandomInputs(model, seed);
    const auto twice = RunGolden(model, inputs, Rounding::kDouble);
    const auto once = RunGolden(model, inputs, Rounding::kSingle);
    const int32_t output = model.outputs[0];
    for (size_t i = 0; i < (*twice)[output].size(); ++i) {
      const int difference = int8_t((*twice)[output][i]) - int8_t((*once)[output][i]);
      EXPECT_LE(std::abs(difference), 1);
      differing += difference != 0;
      ++elements;
    }
  }
  EXPECT_GT(differing, 0);
  EXPECT_LT(differing, elements / 50);
}

TEST(GoldenModelTest, RandomOperatorsUseTheRangeOfInt8) {
  for (OperatorType type :
       {OperatorType::kConv2d, OperatorType::kDepthwiseConv2d, OperatorType::kFullyConnected,
        OperatorType::kAdd, OperatorType::kMean}) {
    std::vector<bool> seen(256, false);
    for (uint64_t seed = 1; seed <= 60; ++seed) {
      const Model model = Read(MakeRandomOperator(type, seed));
      const auto run = RunGolden(model, MakeRandomInputs(model, seed));
      ASSERT_TRUE(run.ok());
      for (uint8_t byte : (*run)[model.outputs[0]]) seen[byte] = true;
    }
    EXPECT_GT(std::count(seen.begin(), seen.end(), true), 200) << OperatorName(type);
  }
}

}  // namespace
}  // namespace npugen

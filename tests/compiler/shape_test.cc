// SPDX-License-Identifier: Apache-2.0
// Networks written by hand for corners of the compiler: tiling, splits, broadcasts, aliases,
// limits, refusals.
#include <gtest/gtest.h>

#include "sw/compiler/lower/lower.h"
#include "sw/model/tflite_reader.h"
#include "tests/compiler/harness.h"
#include "verif/random/random_model.h"
#include "verif/random/tflite_writer.h"

namespace npugen::testing {
namespace {

/// Reads the written file back, so that the model is a checked one, and compares with the golden
/// model.
std::string Check(const TfliteWriter& writer, const NpuConfig& config,
                  const CheckOptions& options = {}) {
  Result<Model> model = ReadTflite(writer.Write(), "test.tflite");
  if (!model) return ErrorText(model.errors());
  return CheckAgainstGolden(*model, config,
                            {MakeRandomInputs(*model, 1), MakeRandomInputs(*model, 2)}, options);
}

/// Codes of the errors, one after the other; or "ok".
std::string Codes(const TfliteWriter& writer, const NpuConfig& config,
                  std::string* text = nullptr) {
  Result<Model> model = ReadTflite(writer.Write(), "test.tflite");
  if (!model) return ErrorText(model.errors());
  const Result<Program> program = Compile(*model, config);
  if (program) return "ok";
  std::string codes;
  for (const Diagnostic& error : program.errors()) codes += std::string(CodeText(error.code)) + " ";
  if (text != nullptr) *text = ErrorText(program.errors());
  return codes;
}

TfliteWriter FullyConnected(int32_t rows, int32_t depth, int32_t units) {
  RandomSource random(5);
  TfliteWriter writer;
  const int32_t input = writer.Input({rows, depth}, 0.05f, 3);
  const int32_t filter =
      writer.Weights({units, depth}, RandomWeights(&random, int64_t{units} * depth), {0.01f});
  const int32_t output = writer.Activation({rows, units}, 0.01f * depth, -5);
  writer.FullyConnected(input, filter, -1, output);
  writer.Output(output);
  return writer;
}

TEST(Tiling, LargeMatrixProductOnEdge) {
  EXPECT_EQ(Check(FullyConnected(512, 512, 512), PresetConfig("edge")), "");
}

TEST(Tiling, LongSumsAreSplit) {
  // A group's weights are far larger than core memory: parts of the kernel pass by.
  NpuConfig config = ConfigOfShape({4, 4});
  config.core_memory_bytes = 1024;
  config = WithHash(config);
  EXPECT_EQ(Check(FullyConnected(1, 3001, 9), config), "");
  EXPECT_EQ(Check(FullyConnected(7, 1000, 5), config), "");
  EXPECT_EQ(Check(FullyConnected(40, 600, 6), config), "");
}

TEST(Tiling, ConvolutionThroughSmallMemory) {
  for (int32_t dilation : {1, 2}) {
    for (int32_t stride : {1, 2, 3}) {
      if (dilation > 1 && stride > 1) continue;
      RandomSource random(static_cast<uint64_t>(stride));
      TfliteWriter writer;
      const int32_t out = (24 + stride - 1) / stride;
      const int32_t input = writer.Input({2, 24, 24, 12}, 0.05f, -7);
      const int32_t filter =
          writer.Weights({20, 5, 3, 12}, RandomWeights(&random, 20 * 15 * 12), {0.01f});
      const int32_t middle = writer.Activation({2, out, out, 20}, 0.5f, 4);
      const int32_t depthwise =
          writer.Weights({1, 3, 5, 20}, RandomWeights(&random, 15 * 20), {0.02f});
      const int32_t output = writer.Activation({2, out, out, 20}, 0.4f, 4);
      ConvOptions options;
      options.stride_h = options.stride_w = stride;
      options.dilation_h = options.dilation_w = dilation;
      writer.Conv2d(input, filter, -1, middle, options);
      options.stride_h = options.stride_w = 1;
      const int32_t bias = writer.Integers({20}, std::vector<int32_t>(20, 100));
      writer.DepthwiseConv2d(middle, depthwise, bias, output, options);
      writer.Output(output);
      NpuConfig config = ConfigOfShape({4, 8});
      config.pe_memory_bytes = 8 * 1024;
      config.core_memory_bytes = 1024;
      EXPECT_EQ(Check(writer, WithHash(config)), "") << "stride " << stride;
    }
  }
}

TEST(Outputs, OfOperatorsInTheMiddleAndOfReshapesOfInputs) {
  TfliteWriter writer;
  const int32_t input = writer.Input({1, 4, 6, 3}, 0.1f, 0);
  const int32_t flat = writer.Activation({1, 72}, 0.1f, 0);
  const int32_t sum = writer.Activation({1, 72}, 0.3f, 5);
  const int32_t again = writer.Activation({1, 72}, 0.4f, -5);
  writer.Reshape(input, flat);
  writer.Add(flat, flat, sum);
  writer.Add(sum, flat, again);
  writer.Output(flat);
  writer.Output(sum);
  writer.Output(again);
  EXPECT_EQ(Check(writer, PresetConfig("edge")), "");
  EXPECT_EQ(Check(writer, PresetConfig("nano")), "");
}

TEST(Pools, GlobalAndLarge) {
  for (int32_t size : {1, 3, 20, 70}) {
    TfliteWriter writer;
    const int32_t input = writer.Input({1, size, size, 5}, 0.1f, 17);
    const int32_t average = writer.Activation({1, 1, 1, 5}, 0.1f, 17);
    const int32_t mean = writer.Activation({1, 5}, 0.07f, -9);
    const int32_t largest = writer.Activation({1, 1, 1, 5}, 0.1f, 17);
    PoolOptions options;
    options.filter_h = options.filter_w = size;
    writer.AveragePool2d(input, average, options);
    writer.MaxPool2d(input, largest, options);
    writer.Mean(input, {1, 2}, mean, false);
    writer.Output(average);
    writer.Output(mean);
    writer.Output(largest);
    EXPECT_EQ(Check(writer, PresetConfig("edge")), "") << size;
    EXPECT_EQ(Check(writer, ConfigOfShape({3, 5, 2, 4})), "") << size;
  }
}

/// The reader does not take broadcasts and constant operands yet; the compiler does.
TEST(Broadcasts, EqualTheSumOfFullTensors) {
  const std::vector<std::vector<int32_t>> shapes = {
      {1, 1, 1, 1}, {3}, {1, 1, 5, 1}, {1, 4, 1, 3}, {4, 5, 1}, {2, 1, 1, 3}, {1, 4, 5, 1}};
  for (const std::vector<int32_t>& shape : shapes) {
    for (bool constant : {false, true}) {
      for (int32_t memory : {64 * 1024, 1024}) {
        const auto sum = [](const std::vector<int32_t>& small) {
          TfliteWriter writer;
          const int32_t first = writer.Input({2, 4, 5, 3}, 0.1f, 4);
          const int32_t second = writer.Input(small, 0.2f, -3);
          const int32_t output = writer.Activation({2, 4, 5, 3}, 0.15f, 1);
          writer.Add(first, second, output);
          writer.Output(output);
          return writer.model();
        };
        Model model = sum(shape);
        const Model full_model = sum({2, 4, 5, 3});
        std::vector<std::vector<uint8_t>> inputs = MakeRandomInputs(model, 3);
        std::vector<uint8_t> full(2 * 4 * 5 * 3);
        const int32_t sizes[4] = {2, 4, 5, 3};
        for (size_t i = 0; i < full.size(); ++i) {
          size_t rest = i;
          size_t source = 0;
          size_t stride = 1;
          for (size_t d = 0; d < 4; ++d) {
            const size_t index = rest % sizes[3 - d];
            rest /= sizes[3 - d];
            const size_t own = d < shape.size() ? shape[shape.size() - 1 - d] : 1;
            if (own > 1) source += index * stride;
            stride *= own;
          }
          full[i] = inputs[1][source];
        }
        NpuConfig config = ConfigOfShape({4, 4, 1, 8});
        config.pe_memory_bytes = static_cast<uint32_t>(memory);
        config = WithHash(config);
        std::string error;
        const auto expected = RunOutputs(full_model, config, {inputs[0], full}, &error);
        if (constant) {
          Tensor& tensor = model.tensors[model.inputs[1]];
          tensor.is_constant = true;
          tensor.data = inputs[1];
          model.inputs.pop_back();
          inputs.pop_back();
        }
        const auto actual = RunOutputs(model, config, inputs, &error);
        EXPECT_EQ(error, "");
        EXPECT_EQ(actual, expected) << shape.size() << " " << shape[0] << " " << constant;
      }
    }
  }
}

/// A depthwise convolution, two pointwise ones, each tensor too large for PE memory.
TfliteWriter Pointwise() {
  RandomSource random(8);
  TfliteWriter writer;
  const int32_t input = writer.Input({2, 20, 16, 24}, 0.05f, -7);
  const int32_t depthwise = writer.Weights({1, 3, 3, 24}, RandomWeights(&random, 9 * 24), {0.02f});
  const int32_t first = writer.Activation({2, 20, 16, 24}, 0.2f, 4);
  writer.DepthwiseConv2d(input, depthwise, -1, first, ConvOptions{});
  const int32_t pointwise =
      writer.Weights({24, 1, 1, 24}, RandomWeights(&random, 24 * 24), {0.01f});
  const int32_t second = writer.Activation({2, 20, 16, 24}, 0.3f, 2);
  writer.Conv2d(first, pointwise, -1, second, ConvOptions{});
  const int32_t again = writer.Weights({24, 1, 1, 24}, RandomWeights(&random, 24 * 24), {0.01f});
  const int32_t third = writer.Activation({2, 20, 16, 24}, 0.4f, 1);
  writer.Conv2d(second, again, -1, third, ConvOptions{});
  writer.Output(third);
  return writer;
}

TEST(Broadcasts, ProductsWithAConstantOfEachChannel) {
  int32_t windows = 0;
  for (const char* preset : {"edge", "nano", "quad"}) {
    const NpuConfig config = PresetConfig(preset);
    for (const int32_t channels : {1, 3, 16, 24, 40}) {
      for (const bool first : {false, true}) {
        RandomSource random(static_cast<uint64_t>(channels + (first ? 100 : 0)));
        TfliteWriter writer;
        const int32_t input = writer.Input({2, 9, 11, channels}, 0.05f, random.Integer(-128, 127));
        const int32_t factors =
            writer.Weights({1, 1, channels}, RandomWeights(&random, channels), {0.02f});
        // Without its zero point a factor of some has 9 bits.
        writer.model().tensors[static_cast<size_t>(factors)].zero_points = {channels == 40 ? 9 : 0};
        const int32_t product = writer.Activation({2, 9, 11, channels}, 0.06f, -11);
        writer.Append(
            OperatorType::kMul,
            first ? std::vector<int32_t>{factors, input} : std::vector<int32_t>{input, factors},
            {product}, AddOptions{Activation::kRelu6});
        writer.Output(product);
        EXPECT_EQ(Check(writer, config), "") << preset << " " << channels << " " << first;
        Result<Model> model = ReadTflite(writer.Write(), "test.tflite");
        ASSERT_TRUE(model);
        const auto lowered = compiler::Lower(*model, config);
        ASSERT_TRUE(lowered);
        windows += lowered->layers[0].opcode == Opcode::kWindow;
      }
    }
  }
  EXPECT_GE(windows, 10);
}

TEST(Fusion, RowLocalLayersKeepTheirInputInTiles) {
  NpuConfig config = ConfigOfShape({8, 8});
  config.pe_memory_bytes = 8 * 1024;
  Result<Model> model = ReadTflite(Pointwise().Write(), "test.tflite");
  ASSERT_TRUE(model.ok());
  for (uint32_t pes : {1u, 2u, 3u}) {
    config.grid_x = pes;
    config = WithHash(config);
    const Result<Program> fused = Compile(*model, config);
    const Result<Program> kept = Compile(*model, config, {.keep_tensors = true});
    ASSERT_TRUE(fused.ok()) << ErrorText(fused.errors());
    ASSERT_TRUE(kept.ok());
    // Fewer tensors go to memory.
    EXPECT_LT(fused->scratch_bytes, kept->scratch_bytes);
    EXPECT_GT(kept->scratch_bytes, 0u);
    EXPECT_EQ(Check(Pointwise(), config, CheckOptions{.keep_tensors = false}), "");
    EXPECT_EQ(Check(Pointwise(), config), "");
  }
}

TEST(Fusion, NotWhenParametersWouldBeLoadedForEveryTile) {
  NpuConfig config = ConfigOfShape({8, 8});
  config.pe_memory_bytes = 8 * 1024;
  config.core_memory_bytes = 1024;
  config = WithHash(config);
  Result<Model> model = ReadTflite(Pointwise().Write(), "test.tflite");
  ASSERT_TRUE(model.ok());
  const Result<Program> program = Compile(*model, config);
  ASSERT_TRUE(program.ok());
  EXPECT_GE(program->scratch_bytes, 2u * 20 * 16 * 24);
}

TEST(Interleavings, ManySeedsGiveTheSameResult) {
  NpuConfig config = ConfigOfShape({4, 8});
  config.pe_memory_bytes = 4 * 1024;
  config.core_memory_bytes = 1024;
  config = WithHash(config);
  const TfliteWriter writer = FullyConnected(60, 100, 30);
  for (uint64_t seed = 0; seed < 40; ++seed) {
    ASSERT_EQ(Check(writer, config, CheckOptions{.seed = seed, .keep_tensors = false}), "") << seed;
  }
}

TEST(Refusals, NameEveryOperator) {
  TfliteWriter writer;
  // Rows of a softmax are not divided: PE memory cannot hold these.
  int32_t current = writer.Input({1, 2, 3000}, 0.1f, 0);
  for (int i = 0; i < 2; ++i) {
    const int32_t output = writer.Activation({1, 2, 3000}, 1.0f / 256, -128);
    writer.Softmax(current, output);
    current = output;
  }
  writer.Output(current);
  NpuConfig config = ConfigOfShape({4, 4});
  config.pe_memory_bytes = 1024;
  std::string text;
  EXPECT_EQ(Codes(writer, WithHash(config), &text), "C103 ") << text;
  EXPECT_NE(text.find("operator 0 SOFTMAX"), std::string::npos) << text;
  EXPECT_NE(text.find("also operators 1"), std::string::npos) << text;
}

TEST(Scaling, FarUpwards) {
  TfliteWriter writer;
  const int32_t input = writer.Input({1, 4, 4, 2}, 100.0f, 0);
  const int32_t filter = writer.Weights({2, 1, 1, 2}, {1, 2, 3, 4}, {100.0f});
  const int32_t output = writer.Activation({1, 4, 4, 2}, 1.0f, 0);
  writer.Conv2d(input, filter, -1, output, ConvOptions{});
  writer.Output(output);
  EXPECT_EQ(Check(writer, PresetConfig("edge")), "");
}

TEST(Refusals, SoftmaxTableLargerThanCoreMemory) {
  NpuConfig config = ConfigOfShape({1, 1});
  config.core_memory_bytes = 512;
  TfliteWriter writer;
  const int32_t input = writer.Input({1, 10}, 0.1f, 0);
  const int32_t output = writer.Activation({1, 10}, 1.0f / 256, -128);
  writer.Softmax(input, output);
  writer.Output(output);
  EXPECT_EQ(Codes(writer, WithHash(config)), "C104 ");
}

}  // namespace
}  // namespace npugen::testing

// SPDX-License-Identifier: Apache-2.0
// What the compiler leaves out: borders that convolutions read anyway, channels that carry nothing.
#include <gtest/gtest.h>

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "sw/compiler/lower/dead_channels.h"
#include "sw/compiler/lower/lower.h"
#include "sw/model/tflite_reader.h"
#include "tests/compiler/harness.h"
#include "verif/random/random_model.h"
#include "verif/random/tflite_writer.h"

namespace npugen::testing {
namespace {

Model ReadBack(const TfliteWriter& writer) {
  Result<Model> model = ReadTflite(writer.Write(), "test.tflite");
  EXPECT_TRUE(model.ok()) << (model.ok() ? "" : ErrorText(model.errors()));
  return model.ok() ? std::move(*model) : Model{};
}

/// With every tensor compared, and with outputs only.
void ExpectGolden(const Model& model, const NpuConfig& config, const std::string& name) {
  const std::vector<std::vector<std::vector<uint8_t>>> inputs = {MakeRandomInputs(model, 1),
                                                                 MakeRandomInputs(model, 2)};
  for (const bool keep : {true, false}) {
    EXPECT_EQ(CheckAgainstGolden(model, config, inputs, {.keep_tensors = keep}), "")
        << name << (keep ? ", all tensors" : "");
  }
}

size_t Layers(const Model& model, const NpuConfig& config) {
  const Result<compiler::LoweredModel> lowered = compiler::Lower(model, config);
  EXPECT_TRUE(lowered.ok());
  return lowered.ok() ? lowered->layers.size() : 0;
}

/// A network that grows by convolutions at its end.
class Chain {
 public:
  Chain(uint64_t seed, int32_t height, int32_t width, int32_t channels)
      : random(seed), height_(height), width_(width), channels_(channels) {
    zero_point_ = static_cast<int32_t>(random.Integer(-128, 127));
    current_ = writer.Input({1, height, width, channels}, 0.05f, zero_point_);
  }
  int32_t channels() const { return channels_; }

  /// By the zero point.
  void Pad(const std::vector<std::pair<int32_t, int32_t>>& paddings) {
    height_ += paddings[1].first + paddings[1].second;
    width_ += paddings[2].first + paddings[2].second;
    channels_ += paddings[3].first + paddings[3].second;
    const int32_t output = Activation(false);
    writer.Pad(current_, paddings, output);
    current_ = output;
  }
  /// `dead`: whether an output channel has no weights.
  void Convolve(int32_t outputs, int32_t kernel, int32_t stride, Padding padding,
                const std::function<bool(int32_t)>& dead, bool depthwise) {
    if (depthwise) outputs = channels_;
    const int32_t depth = depthwise ? 1 : channels_;
    const int64_t taps = int64_t{kernel} * kernel;
    std::vector<int8_t> weights = RandomWeights(&random, outputs * taps * depth);
    for (int64_t i = 0; i < static_cast<int64_t>(weights.size()); ++i) {
      const auto out = static_cast<int32_t>(depthwise ? i % outputs : i / (taps * depth));
      if (dead(out)) weights[static_cast<size_t>(i)] = 0;
    }
    std::vector<int32_t> bias;
    for (int32_t o = 0; o < outputs; ++o) {
      bias.push_back(static_cast<int32_t>(random.Integer(-3000, 3000)));
    }
    const std::vector<int32_t> shape = depthwise
                                           ? std::vector<int32_t>{1, kernel, kernel, outputs}
                                           : std::vector<int32_t>{outputs, kernel, kernel, depth};
    // A scale of their own, since those of the channels that are left must stay theirs.
    std::vector<float> scales;
    for (int32_t o = 0; o < outputs; ++o) {
      scales.push_back(0.001f * static_cast<float>(random.Integer(3, 20)));
    }
    const int32_t filter = writer.Weights(shape, weights, scales, depthwise ? 3 : 0);
    const bool same = padding == Padding::kSame;
    height_ = same ? (height_ + stride - 1) / stride : (height_ - kernel) / stride + 1;
    width_ = same ? (width_ + stride - 1) / stride : (width_ - kernel) / stride + 1;
    channels_ = outputs;
    const int32_t output = Activation(true);
    ConvOptions options;
    options.padding = padding;
    options.stride_h = options.stride_w = stride;
    const int32_t biases = writer.Integers({outputs}, bias);
    if (depthwise) {
      writer.DepthwiseConv2d(current_, filter, biases, output, options);
    } else {
      writer.Conv2d(current_, filter, biases, output, options);
    }
    current_ = output;
  }
  void Pool(bool largest, Padding padding) {
    PoolOptions options;
    options.padding = padding;
    options.filter_h = options.filter_w = 2;
    if (padding == Padding::kValid) {
      --height_;
      --width_;
    }
    const int32_t output = Activation(false);
    if (largest) {
      writer.MaxPool2d(current_, output, options);
    } else {
      writer.AveragePool2d(current_, output, options);
    }
    current_ = output;
  }
  void Output() { writer.Output(current_); }

  TfliteWriter writer;
  RandomSource random;

 private:
  int32_t Activation(bool new_scale) {
    if (new_scale) {
      zero_point_ = static_cast<int32_t>(random.Integer(-128, 127));
      scale_ = 0.02f * static_cast<float>(1 + random.Integer(0, 9));
    }
    return writer.Activation({1, height_, width_, channels_}, scale_, zero_point_);
  }

  int32_t height_, width_, channels_;
  int32_t zero_point_, current_;
  float scale_ = 0.05f;
};

bool None(int32_t) { return false; }

TEST(FoldedBorders, ConvolutionsReadBeyondTheImage) {
  const NpuConfig config = PresetConfig("edge");
  for (const bool depthwise : {false, true}) {
    for (const Padding padding : {Padding::kSame, Padding::kValid}) {
      for (uint64_t seed = 1; seed <= 12; ++seed) {
        Chain chain(seed, 6, 5, 3 + static_cast<int32_t>(seed % 3) * 7);
        const auto border = [&] { return static_cast<int32_t>(chain.random.Integer(0, 5)); };
        chain.Pad({{0, 0}, {border(), border()}, {border(), border()}, {0, 0}});
        if (seed % 3 == 0) chain.Pad({{0, 0}, {1, 0}, {0, 2}, {0, 0}});
        chain.Convolve(5, 3, 1 + static_cast<int32_t>(seed % 2), padding, None, depthwise);
        chain.Output();
        const Model model = ReadBack(chain.writer);
        EXPECT_EQ(Layers(model, config), 1u) << seed;
        ExpectGolden(model, config, std::to_string(seed));
        // Whole tiles may be border.
        NpuConfig small = ConfigOfShape({4, 4});
        small.pe_memory_bytes = 256;
        small.window_ports = 1 + seed % 4;
        ExpectGolden(model, WithHash(small), std::to_string(seed) + ", small");
      }
    }
  }
}

TEST(FoldedBorders, OthersStay) {
  const NpuConfig config = PresetConfig("edge");
  Chain channels(1, 4, 4, 3);
  channels.Pad({{0, 0}, {1, 1}, {1, 1}, {0, 2}});
  channels.Convolve(5, 3, 1, Padding::kValid, None, false);
  channels.Output();
  EXPECT_EQ(Layers(ReadBack(channels.writer), config), 2u) << "channels are no border";
  ExpectGolden(ReadBack(channels.writer), config, "channels");
  Chain pool(1, 4, 4, 3);
  pool.Pad({{0, 0}, {1, 1}, {1, 1}, {0, 0}});
  pool.Pool(false, Padding::kValid);
  pool.Output();
  EXPECT_EQ(Layers(ReadBack(pool.writer), config), 2u) << "averages count their borders";
  ExpectGolden(ReadBack(pool.writer), config, "pool");
  Chain output(1, 4, 4, 3);
  output.Pad({{0, 0}, {1, 1}, {1, 1}, {0, 0}});
  output.Output();
  output.Convolve(5, 3, 1, Padding::kValid, None, false);
  output.Output();
  EXPECT_EQ(Layers(ReadBack(output.writer), config), 2u) << "an output of the network";
  ExpectGolden(ReadBack(output.writer), config, "output");
}

TEST(FoldedBorders, AnotherValueStays) {
  const NpuConfig config = PresetConfig("edge");
  TfliteWriter writer;
  RandomSource random(4);
  const int32_t input = writer.Input({1, 4, 4, 3}, 0.05f, 5);
  const int32_t padded = writer.Activation({1, 6, 6, 3}, 0.05f, 5);
  PadOptions options;
  options.paddings = {{0, 0}, {1, 1}, {1, 1}, {0, 0}};
  const int32_t paddings = writer.Integers({4, 2}, {0, 0, 1, 1, 1, 1, 0, 0});
  Tensor value = writer.model().tensors[static_cast<size_t>(padded)];
  value.name = "value";
  value.shape = {1};
  value.is_constant = true;
  value.data = {7};
  writer.model().tensors.push_back(value);
  const auto constant = static_cast<int32_t>(writer.model().tensors.size()) - 1;
  writer.Append(OperatorType::kPad, {input, paddings, constant}, {padded}, options, "PADV2");
  const int32_t filter = writer.Weights({4, 3, 3, 3}, RandomWeights(&random, 108), {0.01f});
  const int32_t output = writer.Activation({1, 4, 4, 4}, 0.1f, -3);
  ConvOptions convolution;
  convolution.padding = Padding::kValid;
  writer.Conv2d(padded, filter, -1, output, convolution);
  writer.Output(output);
  EXPECT_EQ(Layers(ReadBack(writer), config), 2u);
  ExpectGolden(ReadBack(writer), config, "7 is not the zero point");
}

/// Channels of the activations that a model's operators write.
int64_t Channels(const Model& model) {
  int64_t channels = 0;
  for (const Operator& op : model.operators) channels += model.tensors[op.outputs[0]].shape.back();
  return channels;
}

TEST(DeadChannels, AreTakenOut) {
  int reduced = 0;
  for (uint64_t seed = 1; seed <= 60; ++seed) {
    Chain chain(seed, 7, 6, 4);
    RandomSource& random = chain.random;
    const int64_t depth = random.Integer(2, 5);
    for (int64_t layer = 0; layer < depth; ++layer) {
      const uint64_t share = 1 + static_cast<uint64_t>(random.Integer(0, 2));
      const uint64_t salt = static_cast<uint64_t>(random.Integer(0, 999));
      const auto dead = [&](int32_t channel) {
        return (static_cast<uint64_t>(channel) * 7919 + salt) / 3 % 4 < share;
      };
      switch (random.Integer(0, 3)) {
        case 0:
          chain.Convolve(0, 3, 1, Padding::kSame, dead, true);
          break;
        case 1:
          chain.Pool(random.Integer(0, 1) == 0, Padding::kSame);
          break;
        default:
          chain.Convolve(static_cast<int32_t>(random.Integer(1, 40)),
                         random.Integer(0, 1) == 0 ? 1 : 3, 1, Padding::kSame, dead, false);
      }
    }
    chain.Convolve(6, random.Integer(0, 1) == 0 ? 1 : 3, 1, Padding::kSame, None, false);
    chain.Output();
    const Model model = ReadBack(chain.writer);
    const std::optional<Model> living = compiler::WithoutDeadChannels(model, 1);
    if (living) {
      ++reduced;
      EXPECT_LT(Channels(*living), Channels(model)) << seed;
    }
    NpuConfig config = PresetConfig("edge");
    config.simd = 4;  // so that few channels must stay
    ExpectGolden(model, WithHash(config), std::to_string(seed));
  }
  EXPECT_GT(reduced, 20);
}

TEST(DeadChannels, StayWhereTheyAreSeen) {
  const auto first_half = [](int32_t channel) { return channel < 8; };
  // Outputs of the network.
  Chain output(1, 4, 4, 4);
  output.Convolve(16, 1, 1, Padding::kSame, first_half, false);
  output.Output();
  EXPECT_FALSE(compiler::WithoutDeadChannels(ReadBack(output.writer), 1));
  // A constant that is not the zero point ends at the border of a larger window.
  Chain border(1, 4, 4, 4);
  border.Convolve(16, 1, 1, Padding::kSame, first_half, false);
  border.Convolve(4, 3, 1, Padding::kSame, None, false);
  border.Output();
  EXPECT_FALSE(compiler::WithoutDeadChannels(ReadBack(border.writer), 1));
  // In windows that never reach the border, and by single weights, it counts.
  Chain inside(1, 4, 4, 4);
  inside.Convolve(16, 1, 1, Padding::kSame, first_half, false);
  inside.Convolve(4, 3, 1, Padding::kValid, None, false);
  inside.Output();
  const std::optional<Model> living = compiler::WithoutDeadChannels(ReadBack(inside.writer), 1);
  ASSERT_TRUE(living);
  EXPECT_EQ(living->tensors[living->operators[0].outputs[0]].shape[3], 8);
  const std::optional<Model> fewer = compiler::WithoutDeadChannels(ReadBack(inside.writer), 12);
  ASSERT_TRUE(fewer);
  EXPECT_EQ(fewer->tensors[fewer->operators[0].outputs[0]].shape[3], 12);
  ExpectGolden(ReadBack(inside.writer), PresetConfig("nano"), "inside");
  // Of channels that are all dead one stays.
  Chain all(1, 4, 4, 4);
  all.Convolve(
      16, 1, 1, Padding::kSame, [](int32_t) { return true; }, false);
  all.Convolve(4, 1, 1, Padding::kSame, None, false);
  all.Output();
  const std::optional<Model> one = compiler::WithoutDeadChannels(ReadBack(all.writer), 1);
  ASSERT_TRUE(one);
  EXPECT_EQ(one->tensors[one->operators[0].outputs[0]].shape[3], 1);
  ExpectGolden(ReadBack(all.writer), PresetConfig("nano"), "all");
}

}  // namespace
}  // namespace npugen::testing

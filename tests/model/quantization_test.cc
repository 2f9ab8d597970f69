// SPDX-License-Identifier: Apache-2.0
// TFLite's derived parameters: known values, limits, and properties.
#include "sw/model/quantization.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace npugen {
namespace {

TEST(QuantizationTest, MultipliersOfKnownFactors) {
  EXPECT_EQ(QuantizeMultiplier(0.0), (QuantizedMultiplier{0, 0}));
  EXPECT_EQ(QuantizeMultiplier(0.5), (QuantizedMultiplier{1 << 30, 0}));
  EXPECT_EQ(QuantizeMultiplier(1.0), (QuantizedMultiplier{1 << 30, 1}));
  EXPECT_EQ(QuantizeMultiplier(20.0), (QuantizedMultiplier{1342177280, 5}));
  EXPECT_EQ(QuantizeMultiplier(0.3), (QuantizedMultiplier{1288490189, -1}));
  // Rounds up to the next power of two.
  EXPECT_EQ(QuantizeMultiplier(1.0 - 0x1p-40), (QuantizedMultiplier{1 << 30, 1}));
  // The smallest that are kept, and what lies below.
  EXPECT_EQ(QuantizeMultiplier(0x1p-32), (QuantizedMultiplier{1 << 30, -31}));
  EXPECT_EQ(QuantizeMultiplier(0x1.fp-33), (QuantizedMultiplier{0, 0}));
}

TEST(QuantizationTest, FullyConnectedRoundsTheProductOfItsScalesToFloat) {
  const float input = 0.1f, filter = 0.3f, output = 0.7f;
  const std::vector<float> one = {filter};
  const std::vector<float> two = {filter, filter};
  const double exact = double(input) * double(filter) / double(output);
  EXPECT_EQ(ConvFactors(input, one, output, 2), (std::vector<double>{exact, exact}));
  EXPECT_EQ(FullyConnectedFactors(input, two, output, 2), (std::vector<double>{exact, exact}));
  const float product = input * filter;
  EXPECT_NE(double(product), double(input) * double(filter));
  EXPECT_EQ(FullyConnectedFactors(input, one, output, 1),
            (std::vector<double>{double(product) / double(output)}));
}

TEST(QuantizationTest, AddMultipliersHaveTheLargerScaleAtOneHalf) {
  const auto add = ComputeAddMultipliers(0.25f, 0.5f, 0.5f);
  ASSERT_TRUE(add.has_value());
  EXPECT_EQ(add->input1, (QuantizedMultiplier{1 << 30, -1}));
  EXPECT_EQ(add->input2, (QuantizedMultiplier{1 << 30, 0}));
  EXPECT_EQ(add->output, (QuantizedMultiplier{1 << 30, -18}));
  EXPECT_FALSE(ComputeAddMultipliers(1.0f, 1.0f, 1e-6f).has_value());  // enlarges
  EXPECT_FALSE(ComputeAddMultipliers(0.1f, 0.1f, 1e-40f).has_value());
  EXPECT_TRUE(ComputeAddMultipliers(1e-9f, 1.0f, 1.0f).has_value());
}

TEST(QuantizationTest, MeanFoldsTheCountIntoTheMultiplier) {
  const QuantizedMultiplier whole = QuantizeMultiplier(double(0.3f) / double(0.2f));
  const QuantizedMultiplier mean = MeanMultiplier(0.3f, 0.2f, 49);
  EXPECT_EQ(mean.multiplier, (int64_t{whole.multiplier} << 5) / 49);
  EXPECT_EQ(mean.shift, whole.shift - 5);
  EXPECT_EQ(MeanMultiplier(0.3f, 0.2f, 1), whole);
  // The shift is limited where the factor itself is tiny.
  const QuantizedMultiplier tiny = MeanMultiplier(1e-9f, 1.0f, 1024);
  EXPECT_GE(tiny.shift, -31);
}

TEST(QuantizationTest, SoftmaxParameters) {
  const auto parameters = ComputeSoftmaxParameters(1.0f, 0.0625f);  // 2^22
  ASSERT_TRUE(parameters.has_value());
  EXPECT_EQ(parameters->multiplier, 1 << 30);
  EXPECT_EQ(parameters->left_shift, 23);
  EXPECT_EQ(parameters->diff_min, -248);                        // 31 * 2^26 / 2^23
  const auto coarse = ComputeSoftmaxParameters(1.0f, 1000.0f);  // limited to 2^31 - 1
  ASSERT_TRUE(coarse.has_value());
  EXPECT_EQ(coarse->left_shift, 31);
  EXPECT_EQ(coarse->diff_min, 0);
  EXPECT_FALSE(ComputeSoftmaxParameters(1.0f, 1e-9f).has_value());
  EXPECT_FALSE(ComputeSoftmaxParameters(0.0f, 1.0f).has_value());
  EXPECT_FALSE(ComputeSoftmaxParameters(-1.0f, 1.0f).has_value());
}

TEST(QuantizationTest, ActivationRanges) {
  const auto range = [](Activation activation, float scale, int32_t zero_point) {
    const auto result = ComputeActivationRange(activation, scale, zero_point);
    return result ? std::pair(result->min, result->max) : std::pair(1000, 1000);
  };
  EXPECT_EQ(range(Activation::kNone, 0.1f, 5), std::pair(-128, 127));
  EXPECT_EQ(range(Activation::kRelu, 0.1f, 5), std::pair(5, 127));
  EXPECT_EQ(range(Activation::kRelu6, 0.1f, -20), std::pair(-20, 40));
  EXPECT_EQ(range(Activation::kRelu6, 0.01f, -128), std::pair(-128, 127));
  EXPECT_EQ(range(Activation::kReluN1To1, 0.02f, -100), std::pair(-128, -50));
  EXPECT_EQ(range(Activation::kReluN1To1, 0.4f, 0), std::pair(-3, 3));  // 2.5 rounds away from zero
  EXPECT_EQ(range(Activation::kRelu, 1e-30f, 0), std::pair(0, 127));
  EXPECT_EQ(range(Activation::kRelu6, 1e-30f, 0), std::pair(1000, 1000));
}

TEST(QuantizationTest, Windows) {
  EXPECT_EQ(WindowOutputSize(Padding::kSame, 7, 3, 2, 1), 4);
  EXPECT_EQ(WindowOutputSize(Padding::kValid, 7, 3, 2, 1), 3);
  EXPECT_EQ(WindowOutputSize(Padding::kValid, 7, 3, 1, 3), 1);
  EXPECT_EQ(WindowOutputSize(Padding::kValid, 6, 3, 1, 3), 0);
  EXPECT_EQ(WindowOutputSize(Padding::kValid, 1, INT32_MAX, 1, INT32_MAX), 0);
  EXPECT_EQ(WindowOutputSize(Padding::kSame, INT32_MAX, 1, INT32_MAX, 1), 1);
  EXPECT_EQ(PaddingBefore(Padding::kSame, 7, 4, 3, 2, 1), 1);
  EXPECT_EQ(PaddingBefore(Padding::kSame, 8, 4, 3, 2, 1), 0);  // one row in total, at the end
  EXPECT_EQ(PaddingBefore(Padding::kSame, 5, 5, 3, 1, 2), 2);
  EXPECT_EQ(PaddingBefore(Padding::kValid, 7, 5, 3, 1, 1), 0);
  EXPECT_EQ(PaddingBefore(Padding::kSame, 5, 2, 1, 3, 1), 0);
}

TEST(QuantizationTest, DifferencesAreFormedInFloat) {
  // 0.1f / 0.6f in float32 and in double differ in the last bits of the multiplier.
  const auto add = ComputeAddMultipliers(0.1f, 0.3f, 0.5f);
  const auto sub = ComputeSubMultipliers(0.1f, 0.3f, 0.5f);
  ASSERT_TRUE(add && sub);
  EXPECT_EQ(add->input2, (QuantizedMultiplier{1 << 30, 0}));
  EXPECT_EQ(sub->input2, (QuantizedMultiplier{1 << 30, 0}));
  EXPECT_NE(add->input1, sub->input1);
  EXPECT_EQ(sub->input1, QuantizeMultiplier(static_cast<double>(0.1f / 0.6f)));
  EXPECT_EQ(sub->input1.multiplier % 128, 0);  // a float32 has 24 bits
}

TEST(QuantizationTest, FactorsOfFunctions) {
  EXPECT_EQ(MulMultiplier(0.5f, 0.5f, 0.25f), (QuantizedMultiplier{1 << 30, 1}));
  EXPECT_FALSE(MulMultiplier(1.0f, 1.0f, 1.0f / 32768));  // 2^15: a product could overflow
  EXPECT_TRUE(MulMultiplier(1.0f, 1.0f, 1.0f / 8192));
  EXPECT_EQ(ValueBits(TensorType::kUint8), 8);
  EXPECT_EQ(ValueBits(TensorType::kInt32), 32);
  EXPECT_TRUE(RescaleMultiplier(1.0f, 1.0f / 8192, 16));
  EXPECT_FALSE(RescaleMultiplier(1.0f, 1.0f / 16384, 16));
  EXPECT_FALSE(RescaleMultiplier(1.0f, 1.0f, 32));
  EXPECT_TRUE(RescaleMultiplier(0.999f, 1.0f, 32));
  const auto leaky = ComputeLeakyReluMultipliers(-0.5f, 0.5f, 0.25f);
  ASSERT_TRUE(leaky.has_value());
  EXPECT_EQ(leaky->identity, (QuantizedMultiplier{1 << 30, 2}));
  EXPECT_EQ(leaky->alpha, (QuantizedMultiplier{1 << 30, 1}));
  EXPECT_TRUE(leaky->negative);
  EXPECT_EQ(RsqrtMultiplier(0.25f, 0.5f), (QuantizedMultiplier{1 << 30, 3}));  // 1 / 0.25
  EXPECT_EQ(Relu6Limit(0.1f, -20), 40);
  EXPECT_EQ(Relu6Limit(0.01f, -128), 127);
  EXPECT_EQ(Relu6Limit(std::numeric_limits<float>::denorm_min(), -128), 127);
}

TEST(QuantizationTest, SigmoidAndHardSwish) {
  const auto fine = ComputeSigmoidParameters(1.0f / 128);  // 2^20
  ASSERT_TRUE(fine.has_value());
  EXPECT_EQ(fine->input, (QuantizedMultiplier{1 << 30, 21}));
  EXPECT_EQ(fine->radius, 15 << 6);  // 15 * 2^27 / 2^21
  const auto coarse = ComputeSigmoidParameters(1000.0f);
  ASSERT_TRUE(coarse.has_value());
  EXPECT_EQ(coarse->radius, 0);
  EXPECT_FALSE(ComputeSigmoidParameters(1e-9f));
  // 3 / 128 is 128 * 256 on the scale of 3 / 32768: a factor of 2.
  const auto swish = ComputeHardSwishParameters(3.0f / 128, 3.0f / 128);
  ASSERT_TRUE(swish.has_value());
  EXPECT_EQ(swish->output_multiplier, 1 << 14);
  EXPECT_EQ(swish->output_exponent, -6);
  EXPECT_EQ(swish->reluish_multiplier, 1 << 14);
  EXPECT_EQ(swish->reluish_exponent, 2);
  EXPECT_FALSE(ComputeHardSwishParameters(1.0f, 1.0f / 256));
}

TEST(QuantizationTest, ResizedPositions) {
  const ResizeOptions plain, corners{true, false}, centers{false, true};
  const auto nearest = [](const ResizeOptions& options, int32_t from, int32_t to) {
    std::vector<int32_t> positions;
    for (int32_t i = 0; i < to; ++i) positions.push_back(NearestSource(options, i, from, to));
    return positions;
  };
  using List = std::vector<int32_t>;
  EXPECT_EQ(nearest(plain, 2, 4), (List{0, 0, 1, 1}));
  EXPECT_EQ(nearest(corners, 3, 5), (List{0, 1, 1, 2, 2}));  // halves away from zero
  EXPECT_EQ(nearest(centers, 4, 2), (List{1, 3}));
  EXPECT_EQ(nearest(plain, 1, 3), (List{0, 0, 0}));
  const auto middle = ComputeBilinearSource(corners, 1, 2, 3);
  ASSERT_TRUE(middle.has_value());
  EXPECT_EQ(middle->lower, 0);
  EXPECT_EQ(middle->upper, 1);
  EXPECT_EQ(middle->fraction, 512);
  const auto first = ComputeBilinearSource(centers, 0, 2, 4);  // a quarter before the first row
  ASSERT_TRUE(first.has_value());
  EXPECT_EQ(first->lower, 0);
  EXPECT_EQ(first->upper, 0);
  EXPECT_EQ(first->fraction, 0);
  EXPECT_FALSE(ComputeBilinearSource(plain, 1429, 100, 1430));
}

}  // namespace
}  // namespace npugen

// TFLite's derived parameters: known values, limits, and properties.
#include "sw/model/quantization.h"

#include <gtest/gtest.h>

#include <cmath>

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

}  // namespace
}  // namespace npugen

// SPDX-License-Identifier: Apache-2.0
// The golden trainer against traces of independent computations (NPUGEN_SHARED_FLOAT,
// NPUGEN_SHARED_MODELS): every tensor of the first step, weights after all of them.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/training/shared_digits.h"
#include "verif/golden/training.h"

namespace npugen::training {
namespace {

class GoldenTraining : public SharedDigits {
 protected:
  void Train(Digits* digits, int64_t steps) {
    for (int64_t step = 0; step < steps; ++step) digits->Step(step);
  }
};

TEST_F(GoldenTraining, PerceptronOfTheSharedTrace) {
  Digits digits = Perceptron();
  digits.Step(0);
  const auto& tensors = digits.trainer.tensors();
  ExpectCodes("mlp_train/step0_h", tensors.at("value 1"));
  ExpectCodes("mlp_train/step0_z", tensors.at("value 2"));
  ExpectCodes("mlp_train/step0_d", tensors.at("gradient of value 2"));
  ExpectCodes("mlp_train/step0_u", tensors.at("gradient of value 1"));
  ExpectCodes("mlp_train/step0_gW1", Turned(tensors.at("gradient of w1"), 32, 64));
  ExpectCodes("mlp_train/step0_gb1", tensors.at("gradient of b1"));
  ExpectCodes("mlp_train/step0_gW2", Turned(tensors.at("gradient of w2"), 10, 32));
  ExpectCodes("mlp_train/step0_gb2", tensors.at("gradient of b2"));
  for (int64_t step = 1; step < 200; ++step) digits.Step(step);
  const auto& weights = digits.trainer.weights();
  EXPECT_EQ(Turned(weights[0], 32, 64), Floats("mlp_train/final_W1"));
  EXPECT_EQ(weights[1], Floats("mlp_train/final_b1"));
  EXPECT_EQ(Turned(weights[2], 10, 32), Floats("mlp_train/final_W2"));
  EXPECT_EQ(weights[3], Floats("mlp_train/final_b2"));
  ExpectCodes("mlp_train/logits_test", digits.trainer.Forward(TestImages()));
}

TEST_F(GoldenTraining, ConvolutionsOfTheSharedTrace) {
  Digits digits = Convolutions();
  digits.Step(0);
  const auto& tensors = digits.trainer.tensors();
  ExpectCodes("cnn_train/step0_h1", tensors.at("value 1"));
  ExpectCodes("cnn_train/step0_p1", tensors.at("value 2"));
  ExpectCodes("cnn_train/step0_h2", tensors.at("value 3"));
  ExpectCodes("cnn_train/step0_p2", tensors.at("value 4"));
  ExpectCodes("cnn_train/step0_z", tensors.at("value 5"));
  ExpectCodes("cnn_train/step0_d", tensors.at("gradient of value 5"));
  ExpectCodes("cnn_train/step0_dp2", tensors.at("gradient of value 4"));
  ExpectCodes("cnn_train/step0_dz2", tensors.at("gradient of value 3"));
  ExpectCodes("cnn_train/step0_dp1", tensors.at("gradient of value 2"));
  ExpectCodes("cnn_train/step0_dz1", tensors.at("gradient of value 1"));
  for (int64_t i = 1; i <= 3; ++i) {
    ExpectCodes(fmt::format("cnn_train/step0_gW{}", i),
                tensors.at(fmt::format("gradient of w{}", i)));
    ExpectCodes(fmt::format("cnn_train/step0_gb{}", i),
                tensors.at(fmt::format("gradient of b{}", i)));
  }
  const auto expect_weights = [&](const std::string& name) {
    for (size_t i = 0; i < 3; ++i) {
      EXPECT_EQ(digits.trainer.weights()[2 * i],
                Floats(fmt::format("cnn_train/{}_W{}", name, i + 1)));
      EXPECT_EQ(digits.trainer.weights()[2 * i + 1],
                Floats(fmt::format("cnn_train/{}_b{}", name, i + 1)));
    }
  };
  expect_weights("after1");
  for (int64_t step = 1; step < 5; ++step) digits.Step(step);
  expect_weights("after5");
  for (int64_t step = 5; step < 180; ++step) digits.Step(step);
  expect_weights("final");
  ExpectCodes("cnn_train/logits_test", digits.trainer.Forward(TestImages()));
}

}  // namespace
}  // namespace npugen::training

// SPDX-License-Identifier: Apache-2.0
// The two digits networks of the shared training traces, with their data.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "tests/numerics/shared_float.h"
#include "tests/support/files.h"
#include "tests/training/training_networks.h"
#include "verif/golden/training.h"

namespace npugen::training {

/// A training: network, configuration and data of its steps.
struct Digits {
  Digits(Network made, const TrainingConfig& how, std::vector<uint8_t> all, std::vector<uint8_t> of)
      : network(std::make_unique<Network>(std::move(made))),
        config(how),
        images(std::move(all)),
        labels(std::move(of)),
        trainer(*network, how, 8) {}

  static constexpr int64_t kTrained = 1437, kPixels = 64, kClasses = 10;
  /// Of step `step`, in BF16.
  std::vector<uint16_t> Images(int64_t step) const {
    std::vector<uint16_t> codes;
    for (int64_t i = 0; i < config.batch; ++i) {
      const int64_t image = (step * config.batch + i) % kTrained;
      for (int64_t p = 0; p < kPixels; ++p)
        codes.push_back(Code(images[image * kPixels + p] / 16.f));
    }
    return codes;
  }
  std::vector<uint16_t> Targets(int64_t step) const {
    std::vector<uint16_t> codes;
    for (int64_t i = 0; i < config.batch; ++i) {
      const uint8_t label = labels[(step * config.batch + i) % kTrained];
      for (int64_t c = 0; c < kClasses; ++c) codes.push_back(Code(c == label ? 1.f : 0.f));
    }
    return codes;
  }
  void Step(int64_t step) { trainer.Step(Images(step), Targets(step)); }
  static uint16_t Code(float value) {
    return static_cast<uint16_t>(std::bit_cast<uint32_t>(value) >> 16);
  }

  std::unique_ptr<Network> network;
  TrainingConfig config;
  std::vector<uint8_t> images, labels;
  GoldenTrainer trainer;
};

class SharedDigits : public numerics::SharedFloat {
 protected:
  void SetUp() override {
    SharedFloat::SetUp();
    const char* given = std::getenv("NPUGEN_SHARED_MODELS");
    models_ = (given != nullptr ? given : npugen::testing::SourcePath("../shared/models"));
    models_ += "/digits";
    if (!folder_.empty() && !std::filesystem::exists(models_ + "/data/images.bin")) {
      GTEST_SKIP() << npugen::testing::kNoReference;
    }
  }

  Digits Perceptron() const {
    NetworkMaker maker({1, 1, 64}, 1);
    maker.Dense(32, true).Dense(10, false);
    SetParameter(&maker, 0, "w1", Turned(Floats(models_, "mlp_train/init_W1"), 64, 32));
    SetParameter(&maker, 1, "b1", Floats(models_, "mlp_train/init_b1"));
    SetParameter(&maker, 2, "w2", Turned(Floats(models_, "mlp_train/init_W2"), 32, 10));
    SetParameter(&maker, 3, "b2", Floats(models_, "mlp_train/init_b2"));
    TrainingConfig config;
    config.batch = 32;
    config.rate = 0.25f;
    return With(maker.network(), config);
  }
  Digits Convolutions() const {
    NetworkMaker maker({8, 8, 1}, 1);
    maker.Convolution(8, 3, 3, 1, 1, 1, 1, true).MaxPool(2, 2);
    maker.Convolution(16, 3, 3, 1, 1, 1, 1, true).MaxPool(2, 2).Dense(10, false);
    for (size_t i = 0; i < 3; ++i) {
      const std::string number = std::to_string(i + 1);
      SetParameter(&maker, 2 * i, "w" + number, Floats("cnn_train/init_W" + number));
      SetParameter(&maker, 2 * i + 1, "b" + number, Floats("cnn_train/init_b" + number));
    }
    TrainingConfig config;
    config.batch = 16;
    config.optimizer = Optimizer::kMomentum;
    config.momentum = 0.875f;
    config.rate = 0.0625f;
    return With(maker.network(), config);
  }
  std::vector<uint16_t> TestImages() const {
    std::vector<uint16_t> codes;
    const std::vector<uint8_t> images = npugen::testing::ReadBytes(models_ + "/data/images.bin");
    for (size_t i = Digits::kTrained * Digits::kPixels; i < images.size(); ++i) {
      codes.push_back(Digits::Code(images[i] / 16.f));
    }
    return codes;
  }

  static std::vector<float> Floats(const std::string& folder, const std::string& name) {
    return numerics::ReadElements<float>(folder + "/" + name + ".bin");
  }
  std::vector<float> Floats(const std::string& name) const { return Floats(folder_, name); }
  void ExpectCodes(const std::string& name, const std::vector<uint16_t>& codes) const {
    EXPECT_EQ(codes, Read<uint16_t>(name)) << name;
  }
  /// [rows][columns] as [columns][rows].
  template <typename T>
  static std::vector<T> Turned(const std::vector<T>& from, size_t rows, size_t columns) {
    std::vector<T> to(from.size());
    for (size_t r = 0; r < rows; ++r) {
      for (size_t c = 0; c < columns; ++c) to[c * rows + r] = from[r * columns + c];
    }
    return to;
  }

  std::string models_;

 private:
  static void SetParameter(NetworkMaker* maker, size_t number, const std::string& name,
                           std::vector<float> values) {
    Parameter& parameter = maker->network().parameters[number];
    parameter.name = name;
    ASSERT_EQ(parameter.initial.size(), values.size());
    parameter.initial = std::move(values);
  }
  Digits With(const Network& network, const TrainingConfig& config) const {
    return {network, config, npugen::testing::ReadBytes(models_ + "/data/images.bin"),
            npugen::testing::ReadBytes(models_ + "/data/labels.bin")};
  }
};

}  // namespace npugen::training

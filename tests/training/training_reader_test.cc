// SPDX-License-Identifier: Apache-2.0
// Networks and configurations from files: what is read, what is refused, what is written back.
#include <gtest/gtest.h>

#include <cstring>
#include <fstream>
#include <iterator>

#include "sw/training/config.h"
#include "tests/training/onnx_network.h"
#include "tests/training/shared_digits.h"
#include "tests/training/training_networks.h"

namespace npugen::training {
namespace {

Network ResidualNetwork() {
  NetworkMaker maker({8, 6, 3}, 5);
  maker.Convolution(6, 3, 3, 1, 1, 1, 1, true);
  maker.Convolution(6, 3, 3, 1, 1, 1, 1, false, false).Sum(1, 2, true);
  maker.MaxPool(2, 2).Convolution(5, 3, 2, 2, 1, 1, 0, true).Dense(7, true).Dense(4, false);
  return maker.network();
}

void ExpectSame(const Network& read, const Network& made) {
  EXPECT_EQ(read.input, made.input);
  ASSERT_EQ(read.layers.size(), made.layers.size());
  for (size_t i = 0; i < made.layers.size(); ++i) {
    SCOPED_TRACE(i);
    const Layer &a = read.layers[i], &b = made.layers[i];
    EXPECT_EQ(a.kind, b.kind);
    EXPECT_EQ(a.inputs, b.inputs);
    EXPECT_EQ(a.in, b.in);
    EXPECT_EQ(a.out, b.out);
    EXPECT_EQ(a.relu, b.relu);
    EXPECT_EQ(std::tie(a.kernel_h, a.kernel_w, a.stride_h, a.stride_w, a.pad_top, a.pad_left),
              std::tie(b.kernel_h, b.kernel_w, b.stride_h, b.stride_w, b.pad_top, b.pad_left));
    for (const auto& [x, y] : {std::pair(a.weights, b.weights), std::pair(a.bias, b.bias)}) {
      ASSERT_EQ(x < 0, y < 0);
      if (x < 0) continue;
      EXPECT_EQ(read.parameters[static_cast<size_t>(x)].initial,
                made.parameters[static_cast<size_t>(y)].initial);
    }
  }
}

TEST(TrainingReader, ReadsWhatWasWritten) {
  const Network made = ResidualNetwork();
  const std::vector<uint8_t> file = MakeOnnx(made);
  Result<Network> read = ReadTrainingNetwork(file, "residual.onnx");
  ASSERT_TRUE(read.ok()) << FormatDiagnostic(read.errors().front(), false);
  ExpectSame(*read, made);

  // Other weights come back.
  Network other = *read;
  std::vector<std::vector<float>> values;
  for (Parameter& parameter : other.parameters) {
    for (float& value : parameter.initial) value = value * 2 + 1;
    values.push_back(parameter.initial);
  }
  const Result<Network> again =
      ReadTrainingNetwork(WriteTrainingNetwork(file, *read, values), "residual.onnx");
  ASSERT_TRUE(again.ok());
  ExpectSame(*again, other);
}

TEST(TrainingReader, LayersThatNothingUsesAreRefused) {
  NetworkMaker maker({1, 1, 8}, 1);
  maker.Dense(5, true).From({0}).Dense(4, false);
  const Result<Network> read = ReadTrainingNetwork(MakeOnnx(maker.network()), "branch.onnx");
  ASSERT_FALSE(read.ok());
  EXPECT_NE(read.errors().front().message.find("is not part of it"), std::string::npos);
}

TEST(TrainingReader, DamagedFilesAreErrors) {
  const std::vector<uint8_t> file = MakeOnnx(ResidualNetwork());
  std::mt19937_64 random(9);
  int refused = 0;
  for (int i = 0; i < 3000; ++i) {
    std::vector<uint8_t> bad = file;
    const uint64_t changes = 1 + random() % 4;
    for (uint64_t c = 0; c < changes; ++c) {
      const size_t at = random() % bad.size();
      if (random() % 8 == 0) {
        bad.resize(at + 1);
      } else {
        bad[at] = static_cast<uint8_t>(random());
      }
    }
    refused += !ReadTrainingNetwork(bad, "bad.onnx").ok();
  }
  EXPECT_GT(refused, 300);
}

// docs/training.md holds the reference as it is printed.
TEST(TrainingReader, DocumentHasTheReference) {
  std::ifstream file(npugen::testing::SourcePath("docs/training.md"));
  const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  EXPECT_NE(text.find(TrainingConfigReference()), std::string::npos) << TrainingConfigReference();
}

TEST(TrainingReader, ConfigurationsAndTheirErrors) {
  const Result<TrainingConfig> read = ReadTrainingConfig(
      "loss: mean_squared_error\noptimizer: adamw\nbatch: 12\nlearning_rate: 0.5\n"
      "frozen: [a, b]\ndynamic_loss_scale: true\n",
      "t.yaml");
  ASSERT_TRUE(read.ok());
  EXPECT_EQ(read->loss, Loss::kMeanSquaredError);
  EXPECT_EQ(read->optimizer, Optimizer::kAdamW);
  EXPECT_EQ(read->batch, 12);
  EXPECT_EQ(read->rate, 0.5f);
  EXPECT_TRUE(read->dynamic_loss_scale);
  EXPECT_EQ(read->frozen, (std::vector<std::string>{"a", "b"}));

  const Result<TrainingConfig> bad = ReadTrainingConfig(
      "loss: squares\nlearning_rate: 0\nbatch: many\nbatch: 3\nbatches: 4\nfrozen: a\n", "t.yaml");
  ASSERT_FALSE(bad.ok());
  std::vector<std::pair<DiagnosticCode, int>> errors;
  for (const Diagnostic& error : bad.errors()) {
    errors.emplace_back(error.code, error.location.line);
  }
  EXPECT_EQ(errors,
            (std::vector<std::pair<DiagnosticCode, int>>{{DiagnosticCode::kSpecBadName, 1},
                                                         {DiagnosticCode::kSpecOutOfRange, 2},
                                                         {DiagnosticCode::kSpecWrongType, 3},
                                                         {DiagnosticCode::kSpecDuplicateKey, 4},
                                                         {DiagnosticCode::kSpecUnknownKey, 5},
                                                         {DiagnosticCode::kSpecWrongType, 6}}));
  Network network = ResidualNetwork();
  EXPECT_FALSE(Freeze(*read, "t.yaml", &network).ok());
  TrainingConfig how;
  how.frozen = {"layer1.weight"};
  EXPECT_TRUE(Freeze(how, "t.yaml", &network).ok());
  EXPECT_TRUE(network.parameters[0].frozen);
}

}  // namespace
}  // namespace npugen::training

// SPDX-License-Identifier: Apache-2.0
// Training on RTL through the driver: every tensor that of the golden trainer, and a training that
// was interrupted has the bits of one that was not.
#include <gtest/gtest.h>

#include <memory>
#include <random>

#include "tests/system/simulation.h"
#include "tests/training/shared_digits.h"
#include "tests/training/training_networks.h"
#include "verif/session/training_session.h"

namespace npugen::testing {
namespace {

using training::Network;
using training::NetworkMaker;
using training::TrainingConfig;

class TrainingTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { config_ = new NpuConfig(SpecConfig("edge_float")); }
  static void TearDownTestSuite() { delete config_; }

  struct Opened {
    std::unique_ptr<SimulatedNpu> npu;
    std::unique_ptr<TrainingSession> session;
  };
  /// A training on an NPU of its own.
  static Opened Open(const Network& network, const TrainingConfig& how) {
    TrainingSession::Options options;
    options.check = true;
    auto session = TrainingSession::Make(*config_, network, how, options);
    EXPECT_TRUE(session.ok()) << ErrorText(session);
    SimulationOptions simulation;
    simulation.memory_bytes = (*session)->MemoryBytes();
    Opened opened{MakeNpu(*config_, simulation), std::move(*session)};
    EXPECT_TRUE(opened.session->Open(*opened.npu).ok());
    return opened;
  }
  /// Images, of which a batch is infinite where it is asked for, and labels.
  static TrainingData Data(const Network& network, int64_t count, int64_t infinite = -1) {
    std::mt19937_64 random(7);
    std::normal_distribution<float> normal;
    TrainingData data;
    data.count = count;
    const int64_t outputs = network.output().channels;
    for (int64_t i = 0; i < count; ++i) {
      for (int64_t e = 0; e < network.input.elements(); ++e) {
        data.images.push_back(i == infinite ? uint16_t{0x7f80}
                                            : training::Digits::Code(normal(random)));
      }
      for (int64_t o = 0; o < outputs; ++o) {
        data.targets.push_back(training::Digits::Code(o == i % outputs ? 1 : 0));
      }
    }
    return data;
  }

  static NpuConfig* config_;
};
NpuConfig* TrainingTest::config_ = nullptr;

TEST_F(TrainingTest, GoesOnAsIfNothingHadHappened) {
  NetworkMaker maker({4, 4, 3}, 3);
  maker.Convolution(8, 3, 3, 1, 1, 1, 1, true).Convolution(8, 3, 3, 1, 1, 1, 1, true);
  maker.Sum(1, 2, true).MaxPool(2, 2).Convolution(5, 2, 2, 2, 1, 1, 0, true).Dense(6, false);
  const Network& network = maker.network();
  TrainingConfig how;
  how.batch = 4;
  how.optimizer = training::Optimizer::kAdamW;
  how.dynamic_loss_scale = true;
  how.loss_scale = 64;
  // Step 1 meets an infinite image: it is discarded, and the scale halved.
  const TrainingData data = Data(network, 20, 5);
  const Opened whole = Open(network, how);
  std::vector<uint8_t> checkpoint;
  for (int step = 0; step < 4; ++step) {
    const Result<TrainingStep> result = whole.session->Step(data);
    ASSERT_TRUE(result.ok()) << ErrorText(result);
    EXPECT_EQ(result->different, 0u) << step;
    EXPECT_EQ(result->discarded, step == 1);
    if (step == 1) checkpoint = WriteCheckpoint(whole.session->state(), 1);
  }
  EXPECT_EQ(whole.session->state().loss_scale, 32);
  EXPECT_EQ(whole.session->state().changes, 3);

  const Opened resumed = Open(network, how);
  Result<TrainingState> state = ReadCheckpoint(checkpoint, "checkpoint", 1);
  ASSERT_TRUE(state.ok());
  ASSERT_TRUE(resumed.session->Resume(std::move(*state)).ok());
  for (int step = 2; step < 4; ++step) {
    const Result<TrainingStep> result = resumed.session->Step(data);
    ASSERT_TRUE(result.ok()) << ErrorText(result);
    EXPECT_EQ(result->different, 0u) << step;
  }
  EXPECT_EQ(WriteCheckpoint(resumed.session->state(), 1),
            WriteCheckpoint(whole.session->state(), 1));
}

}  // namespace
}  // namespace npugen::testing

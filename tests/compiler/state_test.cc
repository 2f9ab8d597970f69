// SPDX-License-Identifier: Apache-2.0
// Networks that keep states from run to run, recurrent layers and activations of 16 bits: programs
// on the functional model and the C runtime equal the golden model.
#include <gtest/gtest.h>

#include <algorithm>

#include "sw/compiler/compile_network.h"
#include "sw/model/tflite_reader.h"
#include "tests/compiler/harness.h"
#include "tests/support/stateful_network.h"
#include "verif/random/random_model.h"
#include "verif/random/tflite_writer.h"

namespace npugen::testing {
namespace {

using Runs = std::vector<std::vector<std::vector<uint8_t>>>;

Runs MakeRuns(const Model& model, uint64_t seed, size_t count) {
  Runs runs;
  for (size_t i = 0; i < count; ++i) runs.push_back(MakeRandomInputs(model, seed * 100 + i));
  return runs;
}

int Copies(const Network& network) {
  return static_cast<int>(std::count_if(
      network.steps.begin(), network.steps.end(),
      [](const NetworkStep& step) { return step.on_host && step.kind == NPU_HOST_COPY; }));
}

/// 40 random networks on several NPUs, five runs each.
void CheckNetworks(std::vector<uint8_t> (*make)(uint64_t seed), uint64_t count) {
  const NpuConfig configs[] = {ConfigOfShape({8, 8}), ConfigOfShape({3, 5}),
                               GridOfShape({4, 4, 2}, 3), PresetConfig("nano")};
  for (uint64_t seed = 1; seed <= count; ++seed) {
    const Result<Model> model = ReadTflite(make(seed), "network");
    ASSERT_TRUE(model.ok()) << seed << ErrorText(model.errors());
    EXPECT_EQ(CheckNetworkRuns(*model, configs[seed % 4], MakeRuns(*model, seed, 5)), "") << seed;
  }
}

TEST(States, RandomStreamingNetworks) { CheckNetworks(MakeStreamingNetwork, 60); }
TEST(States, RandomSvdfNetworks) { CheckNetworks(MakeSvdfNetwork, 60); }
TEST(States, RandomLstmNetworks) { CheckNetworks(MakeLstmNetwork, 60); }
TEST(Wide, RandomNetworks) { CheckNetworks(MakeWideNetwork, 80); }
TEST(Wide, RandomOperators) { CheckNetworks(MakeWideOperator, 200); }

/// Rings are read and written where they stand: nothing is copied, and the whole network is one
/// program.
TEST(States, RingsAreWrittenInPlace) {
  for (uint64_t seed = 1; seed <= 30; ++seed) {
    const Result<Model> model = ReadTflite(MakeStreamingNetwork(seed), "ring");
    ASSERT_TRUE(model.ok()) << ErrorText(model.errors());
    ASSERT_FALSE(model->states.empty());
    for (const NpuConfig& config : {PresetConfig("edge"), PresetConfig("nano")}) {
      const Result<Network> network = CompileNetwork(*model, config);
      ASSERT_TRUE(network.ok()) << ErrorText(network.errors());
      EXPECT_EQ(network->steps.size(), 1u) << seed;
      EXPECT_EQ(Copies(*network), 0) << seed;
      EXPECT_EQ(network->states.size(), model->states.size());
      const Result<Network> read = npugen::ReadNetwork(WriteNetwork(*network));
      ASSERT_TRUE(read.ok());
      EXPECT_TRUE(*read == *network);
    }
  }
}

/// Variables in forms that are no rings.
class OddStates : public ::testing::Test {
 protected:
  static constexpr int32_t kResource = 13;

  int32_t Handle(const std::string& name) {
    const int32_t handle = writer_.Floats({});
    form_.tensor_type[handle] = kResource;
    form_.variables[handle] = name;
    writer_.Append(OperatorType::kReshape, {}, {handle}, NoOptions{}, "VAR_HANDLE");
    return handle;
  }
  int32_t Read(int32_t handle) {
    const int32_t value = writer_.Activation({1, 4}, 0.1f, 3);
    writer_.Append(OperatorType::kReshape, {handle}, {value}, NoOptions{}, "READ_VARIABLE");
    return value;
  }
  void Assign(int32_t handle, int32_t value) {
    writer_.Append(OperatorType::kReshape, {handle, value}, {}, NoOptions{}, "ASSIGN_VARIABLE");
  }
  int32_t Sum(int32_t a, int32_t b) {
    const int32_t sum = writer_.Activation({1, 4}, 0.1f, 3);
    writer_.Add(a, b, sum);
    return sum;
  }
  void Check(size_t states) {
    const Result<Model> model = ReadTflite(writer_.Write(form_), "odd");
    ASSERT_TRUE(model.ok()) << ErrorText(model.errors());
    EXPECT_EQ(model->states.size(), states);
    for (const NpuConfig& config : {ConfigOfShape({8, 8}), GridOfShape({4, 4}, 2)}) {
      EXPECT_EQ(CheckNetworkRuns(*model, config, MakeRuns(*model, 3, 6)), "");
    }
  }

  TfliteWriter writer_;
  TfliteForm form_;
  int32_t in_ = writer_.Input({1, 4}, 0.1f, 3);
};

TEST_F(OddStates, AccumulatorThatIsAnOutput) {
  const int32_t handle = Handle("sum");
  const int32_t sum = Sum(Read(handle), in_);
  Assign(handle, sum);
  writer_.Output(sum);
  Check(1);
}

TEST_F(OddStates, TheInputOfTheRunBefore) {
  const int32_t handle = Handle("input");
  writer_.Output(Sum(Read(handle), in_));
  Assign(handle, in_);
  Check(1);
}

TEST_F(OddStates, AValueThatWandersThroughTwoVariables) {
  const int32_t first = Handle("first"), second = Handle("second");
  const int32_t older = Read(second), old = Read(first);
  Assign(second, old);
  Assign(first, Sum(in_, old));
  writer_.Output(Sum(older, old));
  Check(2);
}

TEST_F(OddStates, ReadAfterItIsWritten) {
  const int32_t handle = Handle("twice");
  const int32_t sum = Sum(Read(handle), in_);
  Assign(handle, sum);
  const int32_t again = Sum(Read(handle), sum);
  Assign(handle, again);
  writer_.Output(Sum(Read(handle), in_));
  Check(1);
}

TEST_F(OddStates, ReadAgainAfterTheEnd) {
  const int32_t handle = Handle("late");
  const int32_t old = Read(handle);
  const int32_t sum = Sum(old, in_);
  Assign(handle, sum);
  // Reads the old value last.
  writer_.Output(Sum(Sum(Sum(sum, sum), in_), old));
  Check(1);
}

TEST_F(OddStates, TheStateItselfIsAnOutput) {
  const int32_t handle = Handle("shown");
  const int32_t old = Read(handle);
  Assign(handle, Sum(old, in_));
  writer_.Output(old);
  Check(1);
}

TEST_F(OddStates, NeverWrittenOrNeverRead) {
  const int32_t constant = Handle("constant"), unread = Handle("unread");
  const int32_t sum = Sum(Read(constant), in_);
  Assign(unread, sum);
  writer_.Output(sum);
  Check(0);
}

TEST_F(OddStates, AreRefusedWhereTheyCannotBe) {
  const int32_t handle = Handle("other scale");
  const int32_t old = Read(handle);
  const int32_t other = writer_.Activation({1, 4}, 0.2f, 3);
  writer_.Add(old, in_, other);
  Assign(handle, other);
  writer_.Output(other);
  const Result<Model> model = ReadTflite(writer_.Write(form_), "odd");
  ASSERT_FALSE(model.ok());
  EXPECT_NE(model.errors()[0].message.find("another type, size or scale"), std::string::npos);
}

/// Without permission the refusal has one line, with each kind once.
TEST(Wide, IsRefusedInOneMessage) {
  const Result<Model> model = ReadTflite(MakeWideNetwork(4), "wide");
  ASSERT_TRUE(model.ok()) << ErrorText(model.errors());
  const Result<Network> refused = CompileNetwork(*model, ConfigOfShape({8, 8}));
  ASSERT_FALSE(refused.ok());
  ASSERT_EQ(refused.errors().size(), 1u);
  EXPECT_NE(refused.errors()[0].message.find("1 SOFTMAX"), std::string::npos)
      << refused.errors()[0].message;
}

}  // namespace
}  // namespace npugen::testing

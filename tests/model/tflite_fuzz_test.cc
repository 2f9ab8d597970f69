// SPDX-License-Identifier: Apache-2.0
// Damaged files: the reader must answer, whatever it gets, and what it accepts must be safe to run.
#include <gtest/gtest.h>

#include <cstring>

#include "sw/model/tflite_reader.h"
#include "tests/support/files.h"
#include "tests/support/processes.h"
#include "tests/support/stateful_network.h"
#include "verif/golden/golden_model.h"
#include "verif/random/random_model.h"
#include "verif/random/tflite_writer.h"

namespace npugen {
namespace {

using testing::MakeRandomInputs;
using testing::MakeRandomMixedNetwork;
using testing::MakeRandomNetwork;
using testing::MakeRandomOperator;
using testing::RandomSource;
using testing::ReadBytes;
using testing::SourcePath;

constexpr std::vector<uint8_t> (*kStateful[])(uint64_t seed) = {
    testing::MakeStreamingNetwork, testing::MakeSvdfNetwork, testing::MakeLstmNetwork,
    testing::MakeWideOperator};

struct FuzzTally {
  int accepted = 0;
  int refused = 0;
};

// Reads `bytes`; checks that errors are complete, and runs what is accepted if it is small.
void ReadAndRun(const std::vector<uint8_t>& bytes, FuzzTally& tally) {
  const Result<Model> read = ReadTflite(bytes, "fuzz.tflite");
  if (!read.ok()) {
    ++tally.refused;
    ASSERT_FALSE(read.errors().empty());
    for (const Diagnostic& error : read.errors()) {
      ASSERT_EQ(ExitStatus(error.code), 4);
      ASSERT_FALSE(error.message.empty());
      ASSERT_EQ(error.location.file, "fuzz.tflite");
    }
    return;
  }
  ++tally.accepted;
  int64_t elements = 0;
  for (const Tensor& tensor : read->tensors) elements += tensor.elements();
  if (elements > 200'000) return;
  const auto run = RunGolden(*read, MakeRandomInputs(*read, 1));
  ASSERT_TRUE(run.ok());
  for (const Operator& op : read->operators) {
    for (int32_t output : op.outputs) {
      ASSERT_EQ((*run)[output].size(), read->tensors[output].bytes());
    }
  }
}

TEST(TfliteFuzzTest, EveryTruncationIsAnswered) {
  FuzzTally tally;
  std::vector<std::vector<uint8_t>> files;
  for (int type = 0; type < testing::kDrawnOperators; ++type) {
    files.push_back(MakeRandomOperator(static_cast<OperatorType>(type), 2).tflite);
  }
  for (uint64_t seed = 0; seed < 4; ++seed) files.push_back(MakeRandomNetwork(seed).tflite);
  files.push_back(ReadBytes(SourcePath("models/digits/digits_cnn_int8.tflite")));
  for (const std::vector<uint8_t>& file : files) {
    for (size_t size = 0; size < file.size(); ++size) {
      // A copy of exactly this size, so that a sanitizer sees every byte read beyond it.
      ReadAndRun(std::vector<uint8_t>(file.begin(), file.begin() + size), tally);
      if (HasFatalFailure()) FAIL() << "size " << size;
    }
  }
  std::printf("%d truncated files refused, %d accepted\n", tally.refused, tally.accepted);
  EXPECT_GT(tally.refused, 10'000);
  EXPECT_LT(tally.accepted, 30);  // only the padding at the end may be missing
}

TEST(TfliteFuzzTest, FlippedBitsAreAnswered) {
  FuzzTally tally;
  RandomSource random(7);
  std::vector<std::vector<uint8_t>> files;
  for (int type = 0; type < testing::kDrawnOperators; ++type) {
    files.push_back(MakeRandomOperator(static_cast<OperatorType>(type), 3).tflite);
  }
  for (uint64_t seed = 0; seed < 10; ++seed) files.push_back(MakeRandomNetwork(seed).tflite);
  for (uint64_t seed = 0; seed < 20; ++seed) {
    files.push_back(MakeRandomMixedNetwork(seed).tflite);
  }
  for (uint64_t seed = 0; seed < 10; ++seed) {
    for (const auto make : kStateful) files.push_back(make(seed));
  }
  for (int round = 0; round < 25'000; ++round) {
    std::vector<uint8_t> file = files[round % files.size()];
    const int flips = random.Integer(1, 4);
    for (int i = 0; i < flips; ++i) {
      file[random.Next() % file.size()] ^= static_cast<uint8_t>(1 << random.Integer(0, 7));
    }
    ReadAndRun(file, tally);
    if (HasFatalFailure()) FAIL() << "round " << round;
  }
  std::printf("%d files with flipped bits refused, %d accepted\n", tally.refused, tally.accepted);
  EXPECT_GT(tally.refused, 2'000);
  EXPECT_GT(tally.accepted, 1'000);
}

// The same of networks with states, and of int16.
TEST(TfliteFuzzTest, HostileWordsOfStatesAreAnswered) {
  constexpr uint32_t kHostile[] = {0u, 1u, 0x7fffffffu, 0xffffffffu, 0x10000u, 13u, 0x80000000u};
  FuzzTally tally;
  for (const auto make : kStateful) {
    const std::vector<uint8_t> original = make(4);
    for (size_t at = 0; at + 4 <= std::min<size_t>(original.size(), 4000); at += 4) {
      for (const uint32_t word : kHostile) {
        std::vector<uint8_t> file = original;
        std::memcpy(file.data() + at, &word, 4);
        ReadAndRun(file, tally);
        if (HasFatalFailure()) FAIL() << "byte " << at << ", word " << word;
      }
    }
  }
  std::printf("%d files with hostile words refused, %d accepted\n", tally.refused, tally.accepted);
}

// Words of the file replaced by values that are typical of hostile offsets, counts and sizes.
TEST(TfliteFuzzTest, HostileWordsAreAnswered) {
  constexpr uint32_t kHostile[] = {0u,          1u,          0x7fffffffu, 0x80000000u, 0xffffffffu,
                                   0xfffffffeu, 0x40000000u, 0x3fffffffu, 0x10000u,    0x7f800000u,
                                   0x7fc00000u, 0x80000001u, 0xff800000u, 4u};
  FuzzTally tally;
  for (int number = 0; number < testing::kDrawnOperators; ++number) {
    const auto type = static_cast<OperatorType>(number);
    std::vector<uint8_t> original = MakeRandomOperator(type, 4).tflite;
    if (original.size() > 4000) original = MakeRandomOperator(type, 5).tflite;
    for (size_t at = 0; at + 4 <= std::min<size_t>(original.size(), 3000); at += 4) {
      for (uint32_t word : kHostile) {
        std::vector<uint8_t> file = original;
        std::memcpy(file.data() + at, &word, 4);
        ReadAndRun(file, tally);
        if (HasFatalFailure()) FAIL() << OperatorName(type) << ", byte " << at << ", word " << word;
      }
    }
  }
  std::printf("%d files with hostile words refused, %d accepted\n", tally.refused, tally.accepted);
}

TEST(TfliteFuzzTest, RandomBytesAreAnswered) {
  RandomSource random(9);
  FuzzTally tally;
  for (int round = 0; round < 5'000; ++round) {
    std::vector<uint8_t> file(random.Integer(8, 400));
    for (uint8_t& byte : file) {
      byte =
          static_cast<uint8_t>(random.Chance(3) ? random.Integer(0, 255) : random.Integer(0, 16));
    }
    std::memcpy(file.data() + 4, "TFL3", 4);
    ReadAndRun(file, tally);
  }
  EXPECT_EQ(tally.accepted, 0);
}

// A file can name one large part very often: memory must not grow with the product, which is
// 3 GB here.
TEST(TfliteFuzzTest, SharedPartsDoNotMultiply) {
  testing::TfliteWriter writer;
  const int32_t input = writer.Input({1, 1000}, 0.1f, 0);
  const int32_t filter = writer.Weights({1000, 1000}, std::vector<int8_t>(1'000'000, 1), {0.1f});
  testing::TfliteForm form;
  int32_t last = input;
  for (int i = 0; i < 3'000; ++i) {
    const int32_t copy = writer.Weights({1000, 1000}, {}, {0.1f});
    writer.model().tensors[copy].is_constant = false;  // no buffer of its own, but the first one's
    form.buffer[copy] = 1;
    const int32_t output = writer.Activation({1, 1000}, 0.1f, 0);
    writer.FullyConnected(last, i == 0 ? filter : copy, -1, output);
    last = output;
  }
  writer.Output(last);
  const std::vector<uint8_t> file = writer.Write(form);
  const int64_t before = testing::PeakKilobytes();
  const Result<Model> read = ReadTflite(file, "fuzz.tflite");
  ASSERT_FALSE(read.ok());
  EXPECT_EQ(read.errors()[0].code, DiagnosticCode::kModelDamaged);
  EXPECT_LT(testing::PeakKilobytes() - before, 700'000);
}

}  // namespace
}  // namespace npugen

// SPDX-License-Identifier: Apache-2.0
// The program file: round trip, determinism, and files that were damaged or forged.
#include "sw/compiler/program.h"

#include <gtest/gtest.h>

#include "sw/compiler/program_format.h"
#include "sw/model/tflite_reader.h"
#include "tests/compiler/harness.h"
#include "tests/support/files.h"
#include "verif/random/random_model.h"

namespace npugen::testing {
namespace {

Program DigitsProgram(bool keep_tensors) {
  Result<Model> model = LoadTflite(SourcePath("models/digits/digits_cnn_int8.tflite"));
  EXPECT_TRUE(model.ok());
  Result<Program> program =
      Compile(*model, PresetConfig("edge"), CompileOptions{.keep_tensors = keep_tensors});
  EXPECT_TRUE(program.ok());
  return *program;
}

void SetWord(std::vector<uint8_t>* bytes, size_t offset, uint32_t value) {
  for (int i = 0; i < 4; ++i) (*bytes)[offset + i] = static_cast<uint8_t>(value >> 8 * i);
}

TEST(ProgramFile, RoundTrip) {
  for (bool keep_tensors : {false, true}) {
    const Program program = DigitsProgram(keep_tensors);
    const std::vector<uint8_t> bytes = WriteProgram(program);
    const Result<Program> read = ReadProgram(bytes);
    ASSERT_TRUE(read.ok()) << ErrorText(read.errors());
    EXPECT_TRUE(*read == program);
    EXPECT_EQ(WriteProgram(*read), bytes);
  }
}

TEST(ProgramFile, IsDeterministic) {
  EXPECT_EQ(WriteProgram(DigitsProgram(true)), WriteProgram(DigitsProgram(true)));
}

TEST(ProgramFile, TablesDescribeTheModel) {
  const Program program = DigitsProgram(true);
  ASSERT_EQ(program.inputs.size(), 1u);
  EXPECT_EQ(program.inputs[0].shape, (std::vector<int32_t>{1, 8, 8, 1}));
  EXPECT_EQ(program.inputs[0].bytes, 64u);
  ASSERT_EQ(program.outputs.size(), 1u);
  EXPECT_EQ(program.outputs[0].bytes, 10u);
  EXPECT_EQ(program.kept.size(), program.layers.size());
  uint64_t macs = 0;
  for (const ProgramLayer& layer : program.layers) macs += layer.macs;
  EXPECT_EQ(macs, 425088u);  // models/digits/README.md
  EXPECT_NE(program.cache_token, 0u);
  EXPECT_NE(program.cold_offset, program.warm_offset);
}

TEST(ProgramFile, TruncationIsRefused) {
  const std::vector<uint8_t> bytes = WriteProgram(DigitsProgram(false));
  for (size_t size = 0; size < bytes.size(); size += size < 2048 ? 1 : 997) {
    EXPECT_FALSE(ReadProgram(std::span(bytes).first(size)).ok()) << size;
  }
  std::vector<uint8_t> longer = bytes;
  longer.push_back(0);
  EXPECT_FALSE(ReadProgram(longer).ok());
}

TEST(ProgramFile, ForgedHeadersAreRefused) {
  const std::vector<uint8_t> good = WriteProgram(DigitsProgram(true));
  // Every header word but the hash, the token, the window sizes and the number of outputs must hold
  // exactly.
  for (size_t offset : {0, 4, 24, 28, 32, 56, 60, 64, 68, 72, 76, 80, 84, 88, 92}) {
    for (uint32_t value : {0xffffffffu, 0x80000000u, 0x7ffffff0u}) {
      std::vector<uint8_t> bad = good;
      SetWord(&bad, offset, value);
      EXPECT_FALSE(ReadProgram(bad).ok()) << "offset " << offset;
    }
  }
  for (size_t offset : {36, 40}) {
    for (uint32_t value : {1u, 0xfffffff0u, 0xffffffffu}) {
      std::vector<uint8_t> bad = good;
      SetWord(&bad, offset, value);
      EXPECT_FALSE(ReadProgram(bad).ok()) << "offset " << offset;
    }
  }
}

TEST(ProgramFile, RandomDamageNeverCrashes) {
  const std::vector<uint8_t> good = WriteProgram(DigitsProgram(true));
  RandomSource random(11);
  for (int i = 0; i < 3000; ++i) {
    std::vector<uint8_t> bad = good;
    const int changes = random.Integer(1, 8);
    for (int c = 0; c < changes; ++c) {
      bad[random.Integer(0, random.Chance(2) ? 2047 : 95)] = static_cast<uint8_t>(random.Next());
    }
    const Result<Program> read = ReadProgram(bad);
    if (read) WriteProgram(*read);
  }
}

}  // namespace
}  // namespace npugen::testing

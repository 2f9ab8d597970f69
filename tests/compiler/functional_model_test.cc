// SPDX-License-Identifier: Apache-2.0
// The functional model reports what the hardware reports, and shows missing barriers.
#include "verif/functional/functional_model.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <functional>
#include <limits>

#include "sw/model/tflite_reader.h"
#include "sw/stream/stream_check.h"
#include "tests/compiler/harness.h"
#include "tests/support/files.h"
#include "verif/functional/fixed_point.h"

namespace npugen::testing {
namespace {

std::vector<uint8_t> Stream(const NpuConfig& config, const std::vector<Command>& commands) {
  std::vector<uint32_t> words(8, 0);
  for (const Command& command : commands) {
    words.insert(words.end(), command.words().begin(), command.words().end());
  }
  words[0] = kStreamMagic;
  words[1] = kCommandSetVersion;
  words[2] = static_cast<uint32_t>(config.hash);
  words[3] = static_cast<uint32_t>(config.hash >> 32);
  words[4] = static_cast<uint32_t>(words.size() / 4);
  std::vector<uint8_t> bytes;
  for (uint32_t word : words) {
    for (int i = 0; i < 4; ++i) bytes.push_back(static_cast<uint8_t>(word >> 8 * i));
  }
  return bytes;
}

Command Make(Opcode opcode, uint32_t entries,
             const std::vector<std::pair<std::string, int64_t>>& fields) {
  Command command(opcode, entries, 7);
  for (const auto& [name, value] : fields) {
    const CommandField* field = FindField(opcode, name);
    EXPECT_TRUE(field != nullptr && command.Set(*field, value)) << name;
  }
  return command;
}

const Command kEndCommand(Opcode::kEnd, 1, 0);

struct Outcome {
  std::string error;
  FunctionalJobResult result;
};

Outcome RunStream(const NpuConfig& config, std::vector<uint8_t> program) {
  FunctionalModel npu(config);
  std::vector<uint8_t> data(256);
  for (size_t i = 0; i < data.size(); ++i) data[i] = static_cast<uint8_t>(i);
  std::vector<uint8_t> output(256);
  const std::array<FunctionalWindow, kWindowCount> windows = {
      FunctionalWindow{program, 0, true, false}, FunctionalWindow{{}, 0, true, true},
      FunctionalWindow{data, 0x4000, true, false}, FunctionalWindow{output, 0x8000, false, true}};
  Outcome outcome;
  outcome.result = npu.Run(windows, 0);
  outcome.error = std::string(AllHardwareErrors()[outcome.result.error_code].name);
  return outcome;
}

TEST(FunctionalModel, RefusesForeignStreams) {
  const NpuConfig config = ConfigOfShape({4, 4});
  const std::vector<uint8_t> good = Stream(config, {kEndCommand});
  EXPECT_EQ(RunStream(config, good).error, "None");
  const auto changed = [&](size_t offset) {
    std::vector<uint8_t> bytes = good;
    bytes[offset] ^= 0x41;
    return RunStream(config, bytes).error;
  };
  EXPECT_EQ(changed(0), "BadMagic");
  EXPECT_EQ(changed(4), "BadVersion");
  EXPECT_EQ(changed(8), "BadHash");
  EXPECT_EQ(changed(15), "BadHash");
  EXPECT_EQ(changed(32), "BadOpcode");
  EXPECT_EQ(changed(33), "BadLength");
}

TEST(FunctionalModel, ReportsBounds) {
  const NpuConfig config = ConfigOfShape({4, 4});
  const auto load = [](std::vector<std::pair<std::string, int64_t>> fields) {
    fields.push_back({"pe_mask", 1});
    return Make(Opcode::kLoad, 3, fields);
  };
  Outcome outcome = RunStream(
      config,
      Stream(config, {load({{"window", 2}, {"global_offset", 200}, {"size0", 57}}), kEndCommand}));
  EXPECT_EQ(outcome.error, "WindowBounds");
  EXPECT_EQ(outcome.result.error_address, 0x4000u + 200);
  EXPECT_EQ(outcome.result.error_tag, 7);
  EXPECT_EQ(
      RunStream(config, Stream(config, {load({{"window", 3}, {"size0", 1}}), kEndCommand})).error,
      "WindowBounds");
  EXPECT_EQ(RunStream(config,
                      Stream(config,
                             {load({{"window", 2}, {"local_address", 64 * 1024 - 1}, {"size0", 2}}),
                              kEndCommand}))
                .error,
            "LocalBounds");
  EXPECT_EQ(RunStream(config, Stream(config, {load({{"window", 2}}), kEndCommand})).error,
            "BadField");
}

TEST(FunctionalModel, ReportsDeadlock) {
  const NpuConfig config = ConfigOfShape({4, 4});
  const Command stuck = Make(Opcode::kLoad, 3,
                             {{"window", 2},
                              {"size0", 1},
                              {"pe_mask", 1},
                              {"wait0_en", 1},
                              {"wait0_id", 3},
                              {"wait0_count", 1}});
  const std::vector<uint8_t> bytes = Stream(config, {stuck, kEndCommand});
  EXPECT_EQ(RunStream(config, bytes).error, "Deadlock");
  EXPECT_FALSE(CheckStream(config, bytes, 0).problems.empty());
}

TEST(FunctionalModel, ArithmeticOfTheSpecification) {
  using functional::HighMultiply;
  using functional::MultiplyByQuantized;
  using functional::RoundingShift;
  // facts.md 9.1: scale 0.3 and scale 0.0123456.
  EXPECT_EQ(MultiplyByQuantized(-1998, 1288490189, -1), -600);
  EXPECT_EQ(MultiplyByQuantized(8, 1288490189, -1), 3);
  EXPECT_EQ(MultiplyByQuantized(1, 1288490189, -1), 1);
  EXPECT_EQ(MultiplyByQuantized(-1984, 1696766344, -6), -25);
  EXPECT_EQ(RoundingShift(-3, 1), -2);
  EXPECT_EQ(RoundingShift(3, 1), 2);
  EXPECT_EQ(RoundingShift(-1, 2), 0);
  constexpr int32_t kLowest = std::numeric_limits<int32_t>::min();
  EXPECT_EQ(HighMultiply(kLowest, kLowest), std::numeric_limits<int32_t>::max());
}

/// Rewrites the commands of a stream in place.
void EditStream(std::vector<uint8_t>* image, uint32_t offset,
                const std::function<void(uint8_t* command)>& edit) {
  for (size_t at = offset + 32; (*image)[at] != static_cast<uint8_t>(Opcode::kEnd);
       at += size_t{(*image)[at + 1]} * 16) {
    edit(image->data() + at);
  }
}

/// An `ahead` LOAD of what a STORE writes: its wait does not help, and some seed shows it.
TEST(FunctionalModel, LoadsAheadOfTheirSourceShow) {
  const NpuConfig config = PresetConfig("edge");
  for (const bool ahead : {false, true}) {
    Command store(Opcode::kStore, 3, 1);
    Command load(Opcode::kLoad, 3, 2);
    for (Command* command : {&store, &load}) {
      ASSERT_TRUE(command->Set(dma::window, 1) && command->Set(dma::pe_mask, 1) &&
                  command->Set(dma::size0, 64));
    }
    ASSERT_TRUE(store.Set(header::signal_en, 1) && store.Set(header::signal_id, 1));
    ASSERT_TRUE(load.Set(header::wait0_en, 1) && load.Set(header::wait0_id, 1) &&
                load.Set(header::wait0_count, 1) && load.Set(dma::local_address, 1024) &&
                load.Set(header::ahead, ahead));
    std::vector<uint32_t> words = {kStreamMagic,
                                   kCommandSetVersion,
                                   static_cast<uint32_t>(config.hash),
                                   static_cast<uint32_t>(config.hash >> 32),
                                   0,
                                   0,
                                   0,
                                   0};
    for (const Command& command : {store, load, Command(Opcode::kEnd, 1, 0)}) {
      words.insert(words.end(), command.words().begin(), command.words().end());
    }
    words[4] = static_cast<uint32_t>(words.size() / 4);
    int wrong = 0;
    for (uint64_t seed = 1; seed <= 100; ++seed) {
      std::vector<uint8_t> program(words.size() * 4);
      std::memcpy(program.data(), words.data(), program.size());
      std::vector<uint8_t> scratch(64);
      FunctionalModel npu(config);
      npu.Poison(seed);
      const FunctionalJobResult result =
          npu.Run({FunctionalWindow{program}, FunctionalWindow{scratch}, FunctionalWindow{},
                   FunctionalWindow{}},
                  0, FunctionalJobOptions{.seed = seed});
      ASSERT_TRUE(result.ok()) << result.detail;
      const std::span<const uint8_t> memory = npu.pe_memory(0);
      wrong += !std::equal(memory.begin(), memory.begin() + 64, memory.begin() + 1024);
    }
    EXPECT_EQ(wrong > 0, ahead);
  }
}

TEST(FunctionalModel, MissingBarriersShow) {
  Result<Model> model = LoadTflite(SourcePath("models/digits/digits_cnn_int8.tflite"));
  ASSERT_TRUE(model.ok());
  const NpuConfig config = PresetConfig("edge");
  Result<Program> program = Compile(*model, config);
  ASSERT_TRUE(program.ok());
  const std::vector<uint8_t> images = ReadBytes(SourcePath("models/digits/input.bin"));
  const std::vector<uint8_t> expected = ReadBytes(SourcePath("models/digits/golden_prob.bin"));
  int waits = 0;
  int shown = 0;
  // Each wait of the cold stream is removed in turn; some seed must then give a wrong result.
  const auto run = [&](const std::vector<uint8_t>& image_bytes) {
    for (uint64_t seed = 1; seed <= 200; ++seed) {
      std::vector<uint8_t> image = image_bytes;
      std::vector<uint8_t> input(images.begin(), images.begin() + program->input_bytes);
      std::vector<uint8_t> output(program->output_bytes);
      FunctionalModel npu(config);
      npu.Poison(seed);
      const FunctionalJobResult result =
          npu.Run({FunctionalWindow{image}, FunctionalWindow{}, FunctionalWindow{input},
                   FunctionalWindow{output}},
                  program->cold_offset, FunctionalJobOptions{.seed = seed});
      if (!result.ok() || !std::equal(output.begin(), output.end(), expected.begin())) return false;
    }
    return true;
  };
  EXPECT_TRUE(run(program->image));
  std::vector<uint8_t> image = program->image;
  EditStream(&image, program->cold_offset, [&](uint8_t* command) {
    for (int byte : {4, 5}) {
      if ((command[byte] & 0x40) == 0) continue;
      const uint8_t before = command[byte];
      command[byte] &= ~0x40;
      ++waits;
      const bool wrong = !run(image);
      EXPECT_TRUE(wrong) << "wait " << byte - 4 << " of the command with tag " << int{command[2]};
      shown += wrong;
      command[byte] = before;
    }
  });
  EXPECT_GE(waits, 5);
  EXPECT_EQ(shown, waits);
}

}  // namespace
}  // namespace npugen::testing

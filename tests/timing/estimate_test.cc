// SPDX-License-Identifier: Apache-2.0
// The performance model on its own: its sums, its limits, what must not change its result and what
// must.
#include "sw/timing/estimate.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <numeric>
#include <optional>

#include "generator/config/load.h"
#include "sw/compiler/compile_network.h"
#include "sw/compiler/compiler.h"
#include "sw/model/tflite_reader.h"
#include "sw/stream/stream_decoder.h"
#include "sw/timing/compute_plan.h"
#include "sw/timing/front_end.h"
#include "sw/timing/pe_timing.h"
#include "sw/timing/rough_estimate.h"
#include "tests/support/files.h"
#include "tests/support/random_spec.h"
#include "verif/random/published_networks.h"
#include "verif/random/random_model.h"
#include "verif/random/tflite_writer.h"
#include "verif/session/estimate_model.h"
#include "verif/session/stream_summary.h"

namespace npugen::testing {
namespace {

/// An awkward NPU: 3 lanes x 5, 2 cores, 3 PEs.
constexpr const char* kOddSpec =
    "npu: {grid: {x: 3, y: 1}, axi: {data_width: 32, address_width: 32, outstanding: 4}, "
    "command_queue: 2}\n"
    "pe: {memory: 64 KiB, banks: 4, bank_width: 8, cores: 2}\n"
    "core: {memory: 32 KiB, banks: 2, bank_width: 8, lanes: 3, accumulators: 7}\n"
    "lane: {simd: 5}\n"
    "controller: {instruction_memory: 64, parameter_buffer: 32, activation_buffer: 32}\n"
    "units: {postprocess_width: 4, lookup_ports: 2}\n";

NpuConfig Config(const std::string& name) {
  Result<NpuConfig> config = name == "odd" ? LoadSpecText(kOddSpec, "odd.yaml")
                                           : LoadSpec(SourcePath("specs/" + name + ".yaml"));
  EXPECT_TRUE(config.ok()) << name;
  return config ? *config : NpuConfig();
}

/// The program of a model; nothing when the compiler refuses it.
std::optional<Program> Compiled(const NpuConfig& config, const RandomModel& drawn) {
  const Result<Model> model = ReadTflite(drawn.tflite, drawn.name);
  if (!model) return std::nullopt;
  Result<Program> program = Compile(*model, config, {});
  if (!program) return std::nullopt;
  return std::move(*program);
}

uint64_t Sum(const std::vector<uint64_t>& values) {
  return std::accumulate(values.begin(), values.end(), uint64_t{0});
}

StreamEstimate Estimated(const NpuConfig& config, const Program& program, bool warm = false,
                         const EstimateOptions& options = {}) {
  const Result<StreamEstimate> estimate = EstimateStream(
      config, program.image, warm ? program.warm_offset : program.cold_offset, options);
  EXPECT_TRUE(estimate.ok()) << (estimate ? "" : estimate.errors().front().message);
  return estimate ? *estimate : StreamEstimate();
}

/// What holds for every program: causes add up, no layer is faster than its multiplications.
void ExpectSound(const NpuConfig& config, const Program& program) {
  uint64_t macs = 0;
  for (const ProgramLayer& layer : program.layers) macs += layer.macs;
  for (const bool warm : {false, true}) {
    const StreamEstimate estimate = Estimated(config, program, warm);
    EXPECT_EQ(Sum(estimate.trace), estimate.cycles);
    EXPECT_GT(estimate.commands, 0u);
    // Padding is multiplied too, so the bound is rough only from above.
    EXPECT_GE(estimate.cycles * config.macs_per_cycle(), macs);
    EXPECT_GT(estimate.bytes_read, 0u);
    EXPECT_LT(estimate.cycles, 100'000'000u);
  }
}

TEST(Estimate, CausesAddUpOnRandomNetworks) {
  for (const char* name : {"nano", "edge", "quad", "odd"}) {
    const NpuConfig config = Config(name);
    int done = 0;
    for (uint64_t seed = 1; seed <= 12; ++seed) {
      SCOPED_TRACE(std::string(name) + " " + std::to_string(seed));
      if (const auto program = Compiled(config, MakeRandomMixedNetwork(seed))) {
        ExpectSound(config, *program);
        ++done;
      }
    }
    EXPECT_GT(done, 6) << name;
  }
}

TEST(Estimate, EveryOperator) {
  const NpuConfig config = Config("edge");
  for (int type = 0; type <= static_cast<int>(OperatorType::kSoftmax); ++type) {
    const RandomModel drawn =
        MakeLargeRandomOperator(static_cast<OperatorType>(type), static_cast<uint64_t>(type) + 3);
    SCOPED_TRACE(drawn.name);
    if (const auto program = Compiled(config, drawn)) ExpectSound(config, *program);
  }
}

TEST(Estimate, RandomSpecs) {
  int done = 0;
  for (uint64_t seed = 1; done < 40 && seed < 400; ++seed) {
    RandomSource random(seed);
    const std::string text = SpecText(DrawSpec(&random, seed % 2 == 0));
    const Result<NpuConfig> config = LoadSpecText(text, "random.yaml");
    if (!config) continue;
    SCOPED_TRACE("spec " + std::to_string(seed) + "\n" + text);
    if (const auto program = Compiled(*config, MakeRandomNetwork(seed))) {
      ExpectSound(*config, *program);
      ++done;
    }
  }
  EXPECT_EQ(done, 40);
}

// Lanes with floating point, 40 of them, and results that leave 32 at a time.
TEST(Estimate, CausesAddUpBehindDeepLanes) {
  const Result<NpuConfig> config = LoadSpecText(
      "controller: {activation_buffer: 54936}\n"
      "core: {banks: 2, lanes: 29, memory: 1835008}\n"
      "lane: {simd: 2}\n"
      "npu: {axi: {outstanding: 64, watchdog: false}, command_queue: 2, grid: {x: 4, y: 5}}\n"
      "pe: {banks: 16, cores: 2, memory: 524288}\n"
      "units: {data_types: [int8, bf16, fp8_e4m3, fp8_e5m2], postprocess_width: 32, "
      "window_ports: 1, dma: {im2col: true, strides: true}}\n",
      "deep.yaml");
  ASSERT_TRUE(config.ok());
  const auto program = Compiled(*config, MakeRandomNetwork(363));
  ASSERT_TRUE(program);
  ExpectSound(*config, *program);
}

TEST(Estimate, EqualInputsGiveEqualResults) {
  const NpuConfig config = Config("quad");
  const auto program = Compiled(config, MakeRandomNetwork(5));
  ASSERT_TRUE(program);
  const StreamEstimate first = Estimated(config, *program), second = Estimated(config, *program);
  EXPECT_EQ(first.cycles, second.cycles);
  EXPECT_EQ(first.trace, second.trace);
  EXPECT_EQ(first.bytes_read, second.bytes_read);
  EXPECT_EQ(first.bytes_written, second.bytes_written);
}

TEST(Estimate, SlowerMemoryIsNeverFaster) {
  const NpuConfig config = Config("edge");
  for (uint64_t seed = 1; seed <= 6; ++seed) {
    const auto program = Compiled(config, MakeRandomNetwork(seed));
    if (!program) continue;
    uint64_t before = 0;
    for (const uint32_t latency : {1u, 10u, 50u, 200u, 1000u}) {
      EstimateOptions options;
      options.latency = latency;
      const uint64_t cycles = Estimated(config, *program, false, options).cycles;
      EXPECT_GE(cycles, before) << "seed " << seed << ", latency " << latency;
      before = cycles;
    }
  }
}

/// A 1 x 1 convolution of a 16 x 16 image.
std::optional<Program> Pointwise(const NpuConfig& config, int32_t in, int32_t out) {
  TfliteWriter writer("pointwise");
  const int32_t input = writer.Input({1, 16, 16, in}, 0.1f, 0);
  const std::vector<int8_t> weights(static_cast<size_t>(in * out), 3);
  const int32_t filter = writer.Weights({out, 1, 1, in}, weights, {0.01f}, 0);
  const int32_t output = writer.Activation({1, 16, 16, out}, 0.2f, 0);
  writer.Conv2d(input, filter, -1, output, ConvOptions());
  writer.Output(output);
  return Compiled(config, {"pointwise", writer.model(), writer.Write()});
}

TEST(Estimate, PointwiseConvolutionByHand) {
  // 256 positions, 64 input channels in 4 slices, 64 output channels in 4 groups: 4096 vectors, and
  // the array never waits for a slice (4 rows, 16 positions). Per tile no bubble; the records of a
  // group are read while the next group's first tile is computed.
  const NpuConfig config = Config("edge");
  const auto program = Pointwise(config, 64, 64);
  ASSERT_TRUE(program);
  const Result<JobReport> job = EstimateJob(config, *program, true);
  ASSERT_TRUE(job.ok());
  EXPECT_EQ(job->layers[0][timing::kCompute], 4096u);
  EXPECT_EQ(job->layers[0][timing::kActivationPort], 0u);
  EXPECT_LE(job->layers[0][timing::kWeightPort], 16u);
}

TEST(Estimate, MoreChannelsCostMore) {
  for (const char* name : {"nano", "edge", "quad", "odd"}) {
    const NpuConfig config = Config(name);
    uint64_t before = 0;
    for (const int32_t channels : {8, 24, 64, 128}) {
      const auto program = Pointwise(config, channels, channels);
      if (!program) continue;
      const uint64_t cycles = Estimated(config, *program).cycles;
      EXPECT_GT(cycles, before) << name << " " << channels;
      before = cycles;
    }
  }
}

TEST(Estimate, CachedParametersSaveTheirTransfer) {
  const NpuConfig config = Config("edge");
  const auto program = Pointwise(config, 64, 64);
  ASSERT_TRUE(program);
  ASSERT_NE(program->cache_token, 0u);
  const StreamEstimate cold = Estimated(config, *program), warm = Estimated(config, *program, true);
  EXPECT_LT(warm.cycles, cold.cycles);
  EXPECT_LE(warm.bytes_read + 64 * 64, cold.bytes_read);
  EXPECT_EQ(warm.bytes_written, 16u * 16 * 64);
}

/// What RoughCycles() says of a program's cold stream.
uint64_t Rough(const NpuConfig& config, const Program& program) {
  const DecodedStream stream = DecodeStream(config, program.image, program.cold_offset);
  CommandTimes times(config);
  std::vector<TimedCommand> commands;
  for (const Command& command : stream.commands) {
    const bool computes = In(command.opcode(), opcodes::kCompute);
    commands.push_back({&command, computes ? times.Cycles(command) : 0});
    if (!computes) continue;
    EXPECT_EQ(commands.back().cycles, CommandCycles(config, command));
  }
  return RoughCycles(config, commands);
}

TEST(Estimate, RoughCyclesAreNear) {
  for (const char* name : {"nano", "edge", "quad", "odd"}) {
    const NpuConfig config = Config(name);
    double ratio = 0;
    int done = 0;
    std::vector<RandomModel> models;
    for (uint64_t seed = 1; seed <= 8; ++seed) models.push_back(MakeRandomBlockNetwork(seed));
    models.push_back(MakeBottlenecks(14, 256, 64, 2, 1));
    for (const RandomModel& model : models) {
      const auto program = Compiled(config, model);
      if (!program) continue;
      const double exact = static_cast<double>(Estimated(config, *program).cycles);
      const double rough = static_cast<double>(Rough(config, *program));
      EXPECT_NEAR(rough / exact, 1, 0.2) << name << " " << model.name;
      ratio += rough / exact;
      ++done;
    }
    ASSERT_GT(done, 4) << name;
    EXPECT_NEAR(ratio / done, 1, 0.1) << name;
  }
}

TEST(Estimate, TilesDoNotReadWeightsAgainForNothing) {
  // The last stage of ResNet-50: its layers do not fit in PE memory together with the sum's second
  // operand, but each of them does, and weights take longer to read than anything else.
  const NpuConfig config = Config("edge");
  const auto program = Compiled(config, MakeBottlenecks(7, 2048, 512, 1, 1));
  ASSERT_TRUE(program);
  // 49 positions take 3 tiles of 16 and one that is as long as a slice takes to load.
  const uint64_t slices = (2048 + 9 * 512 + 2048) * 512 / 256;
  EXPECT_LE(Estimated(config, *program).cycles, slices * 52 * 108 / 100);
}

TEST(Estimate, WhatAGroupReadsLeavesRoomForTheSumBehindIt) {
  // The sum takes tiles of the convolution before it, so that this result never goes to memory,
  // though what the convolution reads would fit in PE memory.
  const NpuConfig config = Config("edge");
  const auto program = Compiled(config, MakeBottlenecks(28, 512, 128, 1, 1));
  ASSERT_TRUE(program);
  EXPECT_LE(Estimated(config, *program).bytes_written, uint64_t{28 * 28 * (512 + 2 * 128)});
}

TEST(Estimate, WeightsThatAreReadAgainNeedTheirRoomOnce) {
  // Tiles of a layer whose parameters core memory does not hold load them again.
  const NpuConfig config = Config("edge");
  const auto program = Compiled(config, MakeBottlenecks(28, 512, 128, 1, 1));
  ASSERT_TRUE(program);
  const StreamSummary summary = SummarizeStream(config, *program, /*warm=*/false);
  uint64_t loaded = 0, room = 0;
  for (const LayerTraffic& layer : summary.layers) {
    loaded += layer.parameter_bytes;
    room += layer.parameter_room;
  }
  // Weights, and 16 bytes of a record for each channel out.
  const uint64_t parameters = (2 * 512 + 9 * 128) * 128 + (512 + 2 * 128) * 16;
  EXPECT_GT(loaded, parameters) << "a plan that does not load them again proves nothing here";
  EXPECT_GE(room, parameters * 9 / 10);
  EXPECT_LE(room, parameters * 11 / 10);
}

TEST(Estimate, BadStreamsAreRefused) {
  const NpuConfig config = Config("nano");
  const auto program = Compiled(config, MakeRandomOperator(OperatorType::kConv2d, 1));
  ASSERT_TRUE(program);
  std::vector<uint8_t> image = program->image;
  const auto code = [&](const NpuConfig& npu, uint32_t offset) {
    const Result<StreamEstimate> estimate = EstimateStream(npu, image, offset);
    return estimate ? DiagnosticCode::kInternal : estimate.errors().front().code;
  };
  EXPECT_EQ(code(Config("edge"), program->cold_offset), DiagnosticCode::kProgramFile);
  EXPECT_EQ(code(config, static_cast<uint32_t>(image.size())), DiagnosticCode::kProgramFile);
  EXPECT_EQ(code(config, program->cold_offset + 16), DiagnosticCode::kProgramFile);
  // A wait that nothing satisfies.
  uint8_t* command = image.data() + program->cold_offset + 2 * kEntryBytes;
  command[4] = 0x40 | 1;  // wait0_en, barrier 1
  command[10] = 0x7f;     // a large count
  EXPECT_EQ(code(config, program->cold_offset), DiagnosticCode::kProgramFile);
}

TEST(Estimate, BanksAreThoseOfTheConfiguration) {
  for (const char* name : {"nano", "edge", "odd", "edge_tpu_v1"}) {
    const NpuConfig config = Config(name);
    const timing::BankMap banks(config);
    for (uint64_t address = 0; address < config.pe_memory_bytes; address += 13) {
      ASSERT_EQ(banks.Bank(address), config.pe_bank_of(address)) << name << " " << address;
    }
  }
}

TEST(Estimate, QueueHoldsItsMemoryAndTheWordAtItsOutput) {
  // As npu_command_queue: the command shown, the words of the memory, and one at its output.
  constexpr uint32_t kDepth = 2, kEntries = 3;
  timing::StreamCommand command;
  command.header.length = kEntries;
  timing::CommandQueue queue(kDepth, kEntries);
  uint32_t pushed = 0;
  uint64_t now = 0;
  for (; now < 40; ++now) {
    queue.Tick(now);
    if (!queue.ready()) continue;
    queue.Push(&command, now);
    ++pushed;
  }
  EXPECT_EQ(pushed, kEntries + kDepth * kEntries + 1);
  // Room is given in the cycle after an entry has left the memory, one entry in each cycle.
  queue.Take(now);
  EXPECT_FALSE(queue.Tick(now));
  for (uint32_t i = 0; i < kEntries; ++i) {
    ++now;
    EXPECT_EQ(queue.next(now), nullptr);
    EXPECT_TRUE(queue.Tick(now));
    EXPECT_EQ(queue.ready(), i != 0);
  }
  EXPECT_EQ(queue.next(now), nullptr);
  EXPECT_EQ(queue.next(now + 1), &command);
}

TEST(Estimate, VectorsAreFetchedAndWrittenOnce) {
  // 2 x 2 pooling of 200 positions in two groups: more vectors than are stepped through.
  const NpuConfig config = Config("edge");
  const timing::BankMap banks(config);
  ComputeFields f;
  f.act_base = 1000;
  f.out_w = 20;
  f.out_h = 10;
  f.positions = 200;
  f.groups = 2;
  f.group_step = f.group_channels = f.out_group_step = 16;
  f.channels = 32;
  f.x_step = 64;
  f.row_bytes = 1280;
  f.row_step = 2560;
  f.y_step = 2;
  f.in_h = 20;
  f.win_rows = f.win_cols = 2;
  f.win_row_step = 1280;
  f.win_col_step = 32;
  f.win_y_step = 1;
  f.out_base = 60000;
  f.out_x_step = 32;
  f.out_row_step = 640;
  const timing::ComputePlan plan = PlanCompute(config, banks, Opcode::kMaxPool, f);
  uint64_t fetches = 0, results = 0;
  for (uint64_t cycle = 0; cycle < plan.fixed_cycles + 100; ++cycle) {
    const timing::VectorAccesses::Step step = plan.accesses.At(cycle);
    if (step.fetch != timing::VectorAccesses::kNone) {
      EXPECT_EQ(step.fetch, fetches++);
    }
    if (step.result == timing::VectorAccesses::kNone) continue;
    EXPECT_EQ(step.result, results++);
    EXPECT_GE(fetches, 4 * results);
  }
  EXPECT_EQ(fetches, 4u * 400);
  EXPECT_EQ(results, 400u);
  // The window of the second group's position (3, 1): columns first, rows inside of them.
  const uint64_t vector = 200 + 23, corner = 1000 + 2560 + 16 + 3 * 64;
  const uint64_t offsets[] = {0, 1280, 32, 1280 + 32};
  for (uint64_t i = 0; i < 4; ++i) {
    const uint64_t address = corner + offsets[i];  // 8 bytes into a word, so in two of them
    EXPECT_EQ(
        FetchBanks(config, banks, plan, 4 * vector + i),
        uint64_t{1} << config.pe_bank_of(address) | uint64_t{1} << config.pe_bank_of(address + 16));
  }
  EXPECT_EQ(ResultBanks(config, banks, plan, vector),
            uint64_t{1} << config.pe_bank_of(60000 + 16 + 640 + 3 * 32));
}

TEST(Estimate, SlicesReadTheBanksOfTheirPositions) {
  const NpuConfig config = Config("edge");
  const timing::BankMap banks(config);
  const auto bank = [&](uint64_t address) { return uint64_t{1} << config.pe_bank_of(address); };
  std::vector<uint64_t> masks;
  // A 3 x 3 window over 4 rows of 11 positions of 16 channels, padding around them.
  ComputeFields f;
  f.act_base = 4096 - 176;
  f.y_start = -1;
  f.x_start = -16;
  f.out_w = 11;
  f.out_h = 4;
  f.positions = 44;
  f.x_step = f.out_x_step = 16;
  f.row_step = f.row_bytes = f.win_row_step = f.out_row_step = 176;
  f.y_step = f.win_y_step = f.win_new_cols = 1;
  f.in_h = 4;
  f.win_rows = f.win_cols = 3;
  f.win_col_step = f.group_channels = f.channels = 16;
  f.out_base = 8192;
  const timing::ComputePlan window = PlanCompute(config, banks, Opcode::kWindow, f);
  // The second tile: rows one below the other are in three banks, so a column is a cycle.
  timing::TileSlice tile;
  tile.first = 16;
  tile.size = 16;
  ReadBanks(config, banks, window, tile, &masks);
  // Its first position needs three columns; the one that begins a row has the left one, which is
  // padding, from the end of the row before, and fetches two.
  ASSERT_EQ(masks.size(), 3u + 5 + 2 + 9);
  const uint64_t corner = 4096 + 4 * 16;  // column 4 of the image's row 0
  for (uint64_t c = 0; c < 3; ++c) {
    const uint64_t address = corner + c * 16;
    EXPECT_EQ(masks[c], bank(address) | bank(address + 176) | bank(address + 352)) << c;
  }
  EXPECT_EQ(masks[3], bank(corner + 48) | bank(corner + 48 + 176) | bank(corner + 48 + 352));
  EXPECT_EQ(ChunkBanks(config, banks, window, 0, 16, 0), bank(8192 + 176 + 5 * 16));

  // Whole vectors: slice k0 = 1 of 64 channels is 16 bytes further on.
  ComputeFields dense = f;
  dense.act_base = 1000;
  dense.x_start = dense.y_start = 0;
  dense.k0_count = 4;
  dense.x_step = 64;
  dense.row_bytes = dense.row_step = 704;
  const timing::ComputePlan matmul = PlanCompute(config, banks, Opcode::kMatmul, dense);
  tile.slice = 1;
  ReadBanks(config, banks, matmul, tile, &masks);
  ASSERT_EQ(masks.size(), 16u);
  for (uint64_t p = 0; p < 16; ++p) {
    const uint64_t address = 1000 + 16 + (16 + p) / 11 * 704 + (16 + p) % 11 * 64;
    EXPECT_EQ(masks[p], bank(address) | bank(address + 16)) << p;
  }
}

/// Cycles of a WINDOW command of 8 groups of one position and 3 slices, whose rows of core memory
/// take longer than anything else. With `loads` a bus word for core memory asks in each cycle.
uint64_t PooledCycles(const NpuConfig& config, bool loads) {
  const timing::BankMap banks(config);
  const timing::Barriers barriers(config.barriers());
  ComputeFields f;
  f.drain = f.acc_init = 1;
  f.out_w = f.out_h = f.positions = 1;
  f.groups = 8;
  f.k1_count = 3;
  f.k1_step = 256;
  f.group_step = f.group_channels = 32;
  f.channels = 256;
  f.row_bytes = 768;
  f.in_h = f.win_rows = 3;
  f.win_cols = f.win_new_cols = f.win_y_step = 1;
  f.win_row_step = 768;
  f.out_base = 4096;
  f.out_group_step = 32;
  const timing::ComputePlan plan = PlanCompute(config, banks, Opcode::kWindow, f);
  EXPECT_EQ(plan.slice_rows, 4u);
  EXPECT_EQ(plan.record_rows, 9u);
  timing::PeTiming pe(config, banks, barriers);
  const HeaderFields header;
  pe.Start(&plan, &header, 0);
  uint64_t now = 0, word = 0;
  for (bool ended = false; !ended && now < 10000; ++now) {
    while (!ended && pe.next_event() <= now) ended = pe.Advance();
    if (ended || !loads) continue;
    if (pe.WriteCore(now, word / 2, 32)) ++word;  // two words to a row
  }
  uint64_t causes = 0;
  for (uint64_t cycles : pe.causes()) causes += cycles;
  EXPECT_EQ(causes, now);
  return now;
}

TEST(Estimate, WordsFromTheBusTakeTheRowPort) {
  const NpuConfig config = Config("edge_tpu_v2");
  // 8 groups of 3 * 4 rows of weights and 9 of records, and the way of the last result.
  const uint64_t alone = PooledCycles(config, false);
  EXPECT_GE(alone, 8u * 21);
  EXPECT_LE(alone, 8u * 21 + 24);
  // A whole row goes before the loader and before the records, in every second cycle in which they
  // ask.
  const uint64_t loaded = PooledCycles(config, true);
  EXPECT_GE(2 * loaded, 3 * alone);
  EXPECT_LE(loaded, 2u * alone);
}

TEST(Estimate, FollowedRowsAreLoadedAsTheyCome) {
  // 16 positions and 4 slices of 4 rows; row i is there from cycle 10 i on.
  const NpuConfig config = Config("edge");
  const timing::BankMap banks(config);
  timing::Barriers barriers(config.barriers());
  ComputeFields f;
  f.acc_init = f.drain = f.follow = 1;
  f.out_w = f.positions = 16;
  f.groups = f.in_h = 1;
  f.k0_count = 4;
  f.x_step = 64;
  f.row_bytes = 1024;
  f.channels = f.group_channels = f.out_x_step = 16;
  f.out_base = 8192;
  const timing::ComputePlan plan = PlanCompute(config, banks, Opcode::kMatmul, f);
  ASSERT_EQ(plan.slice_rows, 4u);
  HeaderFields header;
  header.wait1_en = 1;
  for (uint64_t row = 1; row < 16; ++row) barriers.Arrive(0, config.core_row_bytes(), 10 * row);
  timing::PeTiming pe(config, banks, barriers);
  pe.Start(&plan, &header, 0);
  uint64_t now = 0;
  for (;; ++now) {
    ASSERT_LT(now, 1000u);
    if (barriers.Update(now) && pe.starved()) pe.Wake(now);
    bool ended = false;
    while (!ended && pe.next_event() <= now) ended = pe.Advance();
    if (ended) break;
  }
  // The last row is seen in cycle 150, requested in the next one; its slice takes 16 cycles from
  // 152 on, then its results leave.
  const uint64_t last_result = 167 + timing::kCalibration.drain_delay + config.lane_stages + 15;
  EXPECT_EQ(now, last_result + timing::kCalibration.finish_after_result);
  // Slices wait from the end of the one before for the arrival of their last row: 30, 70, 110, 150;
  // the first one from the cycle on in which its vectors are ready.
  const uint64_t ready = 1 + timing::kCalibration.fetch_ahead;
  EXPECT_EQ(pe.causes()[timing::kCompute], 64u);
  EXPECT_EQ(pe.causes()[timing::kBarrier], (31u - ready) + 3 * (71u - 48));
}

TEST(Estimate, ReportHasTheShapeOfARun) {
  const NpuConfig config = Config("edge");
  const Result<Model> model = ReadTflite(MakeRandomNetwork(2).tflite, "network");
  ASSERT_TRUE(model.ok());
  const Result<Network> network = CompileNetwork(*model, config);
  ASSERT_TRUE(network.ok());
  const Result<RunReport> report = EstimateModel(config, *network, false);
  ASSERT_TRUE(report.ok());
  const nlohmann::json json = nlohmann::json::parse(RunReportJson(*report));
  EXPECT_EQ(json["estimated"], true);
  EXPECT_FALSE(json.contains("mismatches"));
  uint64_t cycles = json["other"]["cycles"];
  for (const nlohmann::json& layer : json["layers"]) {
    uint64_t causes = 0;
    for (const auto& [name, value] : layer["causes"].items()) causes += value.get<uint64_t>();
    EXPECT_EQ(causes, layer["cycles"]);
    cycles += layer["cycles"].get<uint64_t>();
  }
  EXPECT_EQ(cycles, json["cycles"]);
  EXPECT_EQ(json["cycles"], json["first"]["cycles"]);
  const std::string text = FormatRunReport(config, *report);
  EXPECT_NE(text.find("estimated"), std::string::npos);
  EXPECT_EQ(text.find("bit-exact"), std::string::npos);
}

/// Programs of models that take turns: one warm inference of each takes no longer than each alone
/// and cold, which needs no sharing at all. The compiler's own estimates, by which it chooses, are
/// not exact to a thousandth.
void ExpectSharingToPay(const NpuConfig& config, const std::vector<const Model*>& models) {
  const Result<std::vector<Program>> together = CompileTogether(models, config);
  ASSERT_TRUE(together.ok());
  bool shared = true;
  uint64_t turns = 0, alone = 0;
  for (size_t m = 0; m < models.size(); ++m) {
    shared = shared && (*together)[m].cache_token == (*together)[0].cache_token;
  }
  for (size_t m = 0; m < models.size(); ++m) {
    const Result<Program> one = Compile(*models[m], config, {});
    ASSERT_TRUE(one.ok());
    turns += Estimated(config, (*together)[m], shared).cycles;
    alone += Estimated(config, *one).cycles;
    if (!shared) {
      EXPECT_TRUE((*together)[m] == *one);
    }
  }
  EXPECT_LE(turns, alone + alone / 1000);
}

TEST(Estimate, SharingCoreMemoryIsChosenWhereItPays) {
  const Result<Model> digits = LoadTflite(SourcePath("models/digits/digits_cnn_int8.tflite"));
  ASSERT_TRUE(digits.ok());
  for (const char* spec : {"nano", "edge", "quad"}) {
    SCOPED_TRACE(spec);
    ExpectSharingToPay(Config(spec), {&*digits, &*digits, &*digits});
  }
  NpuConfig config = Config("nano");
  for (const uint32_t kibibytes : {4u, 8u, 16u, 32u, 64u}) {
    config.core_memory_bytes = kibibytes * 1024;
    config.hash = ConfigHash(config);
    for (uint64_t seed = 1; seed <= 12; ++seed) {
      SCOPED_TRACE(fmt::format("{} KiB, networks from {}", kibibytes, 3 * seed));
      std::vector<Model> models;
      for (uint64_t m = 0; m < 3; ++m) {
        const RandomModel drawn = MakeRandomNetwork(3 * seed + m);
        Result<Model> model = ReadTflite(drawn.tflite, drawn.name);
        ASSERT_TRUE(model.ok());
        if (Compile(*model, config)) models.push_back(std::move(*model));
      }
      if (models.size() == 3) ExpectSharingToPay(config, {&models[0], &models[1], &models[2]});
    }
  }
}

}  // namespace
}  // namespace npugen::testing

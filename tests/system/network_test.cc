// SPDX-License-Identifier: Apache-2.0
// Whole networks on verilated hardware: digits, random operators and networks on several core
// shapes.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <nlohmann/json.hpp>

#include "generator/config/load.h"
#include "sw/model/bit_model.h"
#include "sw/model/channel_order.h"
#include "sw/model/packed_reader.h"
#include "sw/model/read_model.h"
#include "sw/model/tflite_reader.h"
#include "tests/support/files.h"
#include "tests/support/packed_network.h"
#include "tests/support/stateful_network.h"
#include "tests/system/simulation.h"
#include "verif/golden/golden_model.h"
#include "verif/random/random_model.h"
#include "verif/session/run_model.h"

namespace npugen::testing {
namespace {

constexpr uint64_t kMemoryBytes = uint64_t{64} << 20;

/// A core shape to try, and how its bus behaves.
struct Shape {
  const char* name;
  const char* spec;  ///< YAML, or null: the spec file of this name
  uint32_t latency;
  double stalls;
  bool interleave;
};

const Shape kShapes[] = {
    {"nano", nullptr, 20, 0.0, false},
    {"odd", kOddSpec, 7, 0.3, true},
    {"one",
     "npu: {grid: {x: 1, y: 1}, axi: {data_width: 32, outstanding: 1}, command_queue: 1}\n"
     "pe: {memory: 16 KiB, banks: 2, bank_width: 4, cores: 1}\n"
     "core: {memory: 4 KiB, banks: 1, bank_width: 4, lanes: 1, accumulators: 2}\n"
     "lane: {simd: 1}\n"
     "controller: {instruction_memory: 32, parameter_buffer: 16, activation_buffer: 16}\n"
     "units: {postprocess_width: 1, lookup_ports: 1}\n",
     1, 0.1, false},
    {"wide",
     "npu: {grid: {x: 2, y: 2}, axi: {data_width: 256, address_width: 64, outstanding: 16}}\n"
     "pe: {memory: 128 KiB, banks: 8, bank_width: 32, cores: 2}\n"
     "core: {memory: 64 KiB, banks: 4, bank_width: 16, lanes: 16, accumulators: 32}\n"
     "lane: {simd: 8}\n"
     "controller: {instruction_memory: 256, parameter_buffer: 64, activation_buffer: 64}\n"
     "units: {postprocess_width: 16, lookup_ports: 4}\n",
     100, 0.05, true},
};

class NetworkTest : public ::testing::TestWithParam<Shape> {
 protected:
  static NpuConfig Config(const Shape& shape) {
    return shape.spec == nullptr ? SpecConfig(shape.name) : TextConfig(shape.name, shape.spec);
  }
  static SimulationOptions Options(const Shape& shape, uint64_t seed) {
    SimulationOptions options;
    options.memory_bytes = kMemoryBytes;
    options.latency = shape.latency;
    options.stalls = shape.stalls;
    options.stall_seed = seed;
    options.interleave = shape.interleave;
    if (seed % 3 == 0) {
      options.dram = seed % 2 == 0 ? "hbm2" : "hbm3";
      options.dram_channels = 2;
      options.cycle_fs = 5e6;
    }
    return options;
  }

  /// Compiles and runs one model; false when it does not fit the NPU.
  static bool RunOne(const Shape& shape, const NpuConfig& config, const RandomModel& random,
                     uint64_t seed) {
    const Result<Model> model = ReadTflite(random.tflite, random.name);
    EXPECT_TRUE(model.ok()) << ErrorText(model);
    if (!model) return false;
    const Result<CompiledModel> compiled = CompileForRun(*model, config);
    if (!compiled) return false;
    const std::unique_ptr<SimulatedNpu> npu = MakeNpu(config, Options(shape, seed));
    RunModelOptions run;
    run.repeat = 2;
    run.timeout_cycles = 20'000'000;
    const Result<RunReport> report =
        RunModel(config, *model, *compiled, *npu, MakeRandomInputs(*model, seed), run, nullptr);
    EXPECT_TRUE(report.ok()) << random.name << ": " << ErrorText(report);
    if (!report) return true;
    EXPECT_EQ(report->mismatches, 0u)
        << random.name << " seed " << seed << ": " << DescribeMismatch(*report->first_mismatch);
    EXPECT_EQ(npu->failed_accesses(), 0u);
    return true;
  }
};

TEST_P(NetworkTest, RandomOperators) {
  const NpuConfig config = Config(GetParam());
  uint32_t runs = 0;
  for (int type = 0; type <= static_cast<int>(OperatorType::kSoftmax); ++type) {
    for (uint64_t seed = 1; seed <= 6; ++seed) {
      runs += RunOne(GetParam(), config, MakeRandomOperator(static_cast<OperatorType>(type), seed),
                     seed);
    }
  }
  EXPECT_GE(runs, 48u) << "most operators fit";
}

TEST_P(NetworkTest, RandomNetworks) {
  const NpuConfig config = Config(GetParam());
  uint32_t runs = 0;
  for (uint64_t seed = 100; seed < 112; ++seed) {
    runs += RunOne(GetParam(), config, MakeRandomNetwork(seed), seed);
  }
  EXPECT_GE(runs, 6u);
}

/// Blocks of real networks whose functions are not fused; NPUGEN_BLOCKS is the number of them.
TEST_P(NetworkTest, RandomBlocks) {
  const NpuConfig config = Config(GetParam());
  const char* number = std::getenv("NPUGEN_BLOCKS");
  const uint64_t blocks = number != nullptr ? std::strtoull(number, nullptr, 10) : 4;
  uint64_t runs = 0;
  for (uint64_t seed = 1; seed <= blocks; ++seed) {
    runs += RunOne(GetParam(), config, MakeRandomBlockNetwork(seed), seed);
  }
  EXPECT_GE(runs, blocks / 2);
  std::printf("%s: %llu of %llu blocks fit\n", GetParam().name,
              static_cast<unsigned long long>(runs), static_cast<unsigned long long>(blocks));
}

/// Networks that keep states over four runs, and int16 on the NPU and on the host: all tensors.
TEST_P(NetworkTest, StatesAndSixteenBits) {
  const NpuConfig config = Config(GetParam());
  uint32_t runs = 0;
  for (const auto make : {MakeStreamingNetwork, MakeSvdfNetwork, MakeLstmNetwork, MakeWideNetwork,
                          MakeWideOperator}) {
    for (uint64_t seed = 1; seed <= 4; ++seed) {
      const Result<Model> model = ReadTflite(make(seed), "network");
      ASSERT_TRUE(model.ok()) << ErrorText(model);
      const Result<CompiledModel> compiled =
          CompileForRun(*model, config, {.host_operators = true});
      if (!compiled) continue;  // it does not fit
      std::vector<std::vector<uint8_t>> inputs(model->inputs.size());
      for (uint64_t filling = 0; filling < 4; ++filling) {
        const auto values = MakeRandomInputs(*model, seed * 10 + filling);
        for (size_t i = 0; i < inputs.size(); ++i) {
          inputs[i].insert(inputs[i].end(), values[i].begin(), values[i].end());
        }
      }
      const std::unique_ptr<SimulatedNpu> npu = MakeNpu(config, Options(GetParam(), seed));
      RunModelOptions run;
      run.timeout_cycles = 20'000'000;
      std::vector<std::vector<uint8_t>> outputs;
      const Result<RunReport> report =
          RunModel(config, *model, *compiled, *npu, inputs, run, &outputs);
      ASSERT_TRUE(report.ok()) << ErrorText(report);
      EXPECT_EQ(report->mismatches, 0u) << seed << DescribeMismatch(*report->first_mismatch);
      EXPECT_EQ(outputs[0].size(), 4 * model->tensors[model->outputs[0]].bytes());
      ++runs;
    }
  }
  EXPECT_GE(runs, 14u);
}

INSTANTIATE_TEST_SUITE_P(Shapes, NetworkTest, ::testing::ValuesIn(kShapes),
                         [](const auto& info) { return std::string(info.param.name); });

/// 20 images of the digits, cold and warm, polled and with interrupts, against the reference
/// results.
TEST(DigitsTest, ImagesOnNanoAreBitExact) {
  const NpuConfig config = SpecConfig("nano");
  const Result<Model> model = LoadTflite(SourcePath("models/digits/digits_cnn_int8.tflite"));
  ASSERT_TRUE(model.ok()) << ErrorText(model);
  const Result<CompiledModel> compiled = CompileForRun(*model, config);
  ASSERT_TRUE(compiled.ok()) << ErrorText(compiled);
  const std::vector<uint8_t> input = ReadBytes(SourcePath("models/digits/input.bin"));
  const std::vector<uint8_t> golden = ReadBytes(SourcePath("models/digits/golden_prob.bin"));
  SimulationOptions options;
  options.memory_bytes = kMemoryBytes;
  const std::unique_ptr<SimulatedNpu> npu = MakeNpu(config, options);
  const Result<std::unique_ptr<NpuHost>> host = NpuHost::Open(*npu, config);
  ASSERT_TRUE(host.ok()) << ErrorText(host);
  const Result<PlacedNetwork> placed = (*host)->Place(compiled->plain);
  ASSERT_TRUE(placed.ok()) << ErrorText(placed);
  for (size_t i = 0; i < 20; ++i) {
    NpuHost::JobOptions job;
    job.timeout_cycles = 1'000'000;
    job.poll = i % 2 == 1;
    const Result<NetworkReport> run =
        (*host)->Run(*placed,
                     {{input.begin() + static_cast<ptrdiff_t>(64 * i),
                       input.begin() + static_cast<ptrdiff_t>(64 * (i + 1))}},
                     job);
    ASSERT_TRUE(run.ok()) << ErrorText(run);
    ASSERT_EQ(run->jobs.size(), 1u);
    const JobReport* report = &run->jobs[0];
    const std::vector<uint8_t> output = (*host)->ReadOutputs(*placed)[0];
    EXPECT_TRUE(
        std::equal(output.begin(), output.end(), golden.begin() + static_cast<ptrdiff_t>(10 * i)))
        << "image " << i;

    // The trace port and the counters tell the same story.
    CauseCycles sums = report->other;
    for (const CauseCycles& layer : report->layers) {
      for (size_t cause = 0; cause < sums.size(); ++cause) sums[cause] += layer[cause];
    }
    uint64_t total = 0;
    for (size_t cause = 0; cause < sums.size(); ++cause) {
      const uint32_t counter = cause < NPU_CAUSE_COUNT ? report->counters.cause[cause] : 0;
      EXPECT_EQ(sums[cause], counter) << "cause " << cause;
      total += counter;
    }
    EXPECT_EQ(total, report->counters.cycles);
    EXPECT_EQ(report->counters.bytes_written, 10u);
  }
}

/// The same stream takes the same cycles: nothing depends on the host.
/// The first images of a network of bits, sums against the reference results. Returns the mean
/// cycles of an image but the first, when parameters are cached.
double CheckBitImages(const NpuConfig& config, const std::string& network, size_t images) {
  Result<Model> model =
      ReadModel(SourcePath(fmt::format("models/digits/{}/digits_{}.json", network, network)));
  EXPECT_TRUE(model.ok()) << ErrorText(model);
  if (!model) return 0;
  if (config.bnn_skip_window > 1) *model = OrderChannels(std::move(*model));
  const Result<CompiledModel> compiled = CompileForRun(*model, config);
  EXPECT_TRUE(compiled.ok()) << ErrorText(compiled);
  if (!compiled) return 0;
  const std::vector<uint8_t> pixels = DigitLevels(images);
  const std::vector<uint8_t> golden =
      ReadBytes(SourcePath(fmt::format("models/digits/{}/golden_sums.bin", network)));
  EXPECT_EQ(golden.size(), 360u * 40);
  SimulationOptions options;
  options.memory_bytes = kMemoryBytes;
  const std::unique_ptr<SimulatedNpu> npu = MakeNpu(config, options);
  const Result<std::unique_ptr<NpuHost>> host = NpuHost::Open(*npu, config);
  const Result<PlacedNetwork> placed = (*host)->Place(compiled->plain);
  double cycles = 0;
  for (size_t i = 0; i < images; ++i) {
    const auto image = pixels.begin() + static_cast<ptrdiff_t>(64 * i);
    NpuHost::JobOptions job;
    job.timeout_cycles = 1'000'000;
    const Result<NetworkReport> report = (*host)->Run(*placed, {{image, image + 64}}, job);
    EXPECT_TRUE(report.ok()) << ErrorText(report);
    if (!report) return 0;
    if (i > 0) cycles += static_cast<double>(report->cycles());
    const std::vector<uint8_t> output = (*host)->ReadOutputs(*placed)[0];
    EXPECT_TRUE(
        std::equal(output.begin(), output.end(), golden.begin() + static_cast<ptrdiff_t>(40 * i)))
        << "image " << i;
  }
  return cycles / static_cast<double>(images - 1);
}

TEST(BitDigitsTest, AllImagesOnEdge) {
  const NpuConfig config = SpecConfig("edge_bnn");
  const double binary = CheckBitImages(config, "bnn", 360);
  EXPECT_LE(binary, 1500);
  EXPECT_LE(CheckBitImages(config, "fracbnn", 360), 1.8 * binary);
}

/// Lanes that pick their own positions: the same sums in fewer cycles.
TEST(BitDigitsTest, SkipWindowOnEdge) {
  NpuConfig config = SpecConfig("edge_bnn");
  config.bnn_skip_window = 16;
  config.hash = ConfigHash(config);
  const double binary = CheckBitImages(config, "bnn", 2);
  EXPECT_LE(CheckBitImages(config, "fracbnn", 100), 1.45 * binary);
}

TEST(BitDigitsTest, ImagesOnNano) {
  NpuConfig config = SpecConfig("nano");
  config.bnn_enabled = 1;
  config.hash = ConfigHash(config);
  CheckBitImages(config, "bnn", 20);
  CheckBitImages(config, "fracbnn", 20);
}

/// Random networks of bits, also with int8 layers before, between and behind them, every tensor
/// compared, cold and warm, with pauses on the bus.
TEST(BitNetworksTest, PackedNetworksOnEdge) {
  NpuConfig config = SpecConfig("edge_bnn");
  config.bnn_skip_window = 16;
  config.hash = ConfigHash(config);
  for (uint64_t seed = 1; seed <= 30; ++seed) {
    const PackedNetwork network = MakePackedNetwork(seed);
    Result<Model> model = ReadPacked(network.json.dump(), network.weights, "net.json");
    ASSERT_TRUE(model.ok()) << ErrorText(model);
    *model = OrderChannels(std::move(*model));
    const Result<CompiledModel> compiled = CompileForRun(*model, config);
    ASSERT_TRUE(compiled.ok()) << "seed " << seed << ": " << ErrorText(compiled);
    SimulationOptions options;
    options.memory_bytes = kMemoryBytes;
    options.stalls = 0.2;
    options.stall_seed = seed;
    const std::unique_ptr<SimulatedNpu> npu = MakeNpu(config, options);
    RunModelOptions run;
    run.repeat = 2;
    run.timeout_cycles = 20'000'000;
    const Result<RunReport> report =
        RunModel(config, *model, *compiled, *npu, MakeRandomInputs(*model, seed), run, nullptr);
    ASSERT_TRUE(report.ok()) << "seed " << seed << ": " << ErrorText(report);
    EXPECT_EQ(report->mismatches, 0u)
        << "seed " << seed << ": " << DescribeMismatch(*report->first_mismatch);
  }
}

/// A kernel of 3x3 of 4,096 channels, over operands that are all +1 or all -1 (in two planes +3 or
/// -3), with gates open or shut: sums as large as they get.
TEST(BitNetworksTest, LargestSums) {
  NpuConfig config = SpecConfig("edge_bnn");
  config.core_memory_bytes *= 2;  // bits of a kernel are not cut
  config.hash = ConfigHash(config);
  constexpr int32_t kChannels = 4096, kOutputs = 20;
  for (const int32_t planes : {1, 2}) {
    Model model;
    model.name = "largest";
    const int32_t input = AppendTensor(&model, ByteTensor("input", 3, 3, 1, TensorType::kInt8, 0));
    model.inputs = {input};
    // Bits of the input's sign.
    const int32_t ones = AppendTensor(
        &model, ByteFilter("ones", {kChannels, 1, 1, 1}, std::vector<uint8_t>(kChannels, 1)));
    const int32_t bits = AppendTensor(&model, BitTensor("bits", 3, 3, kChannels, planes));
    BinaryConvOptions signs;
    signs.thresholds.assign(planes == 1 ? 1 : 3, std::vector<int32_t>(kChannels, 0));
    signs.flip.assign(kChannels, 0);
    AppendOperator(&model, OperatorType::kBinaryConv2d, {input, ones}, bits, signs);
    // Channel by channel all weights +1, all -1, or alternating.
    const int32_t filter =
        AppendTensor(&model, BitFilter("filter", {kOutputs, 3, 3, kChannels}, [](int64_t i) {
          const int64_t channel = i / (9 * kChannels);
          return channel % 3 == 0 || (channel % 3 == 2 && i % 2 == 0);
        }));
    Tensor sums = BitTensor("sums", 1, 1, kOutputs, 1);
    sums.type = TensorType::kInt32;
    const int32_t output = AppendTensor(&model, sums);
    BinaryConvOptions options;
    options.bias.assign(kOutputs, 0);
    if (planes == 2) {
      // Open, shut, and just not exceeded by the largest sum.
      for (int32_t o = 0; o < kOutputs; ++o) {
        options.gates.push_back(o % 4 == 0   ? INT32_MIN
                                : o % 4 == 1 ? INT32_MAX
                                : o % 4 == 2 ? 9 * kChannels
                                             : 9 * kChannels - 1);
      }
    }
    AppendOperator(&model, OperatorType::kBinaryConv2d, {bits, filter}, output, options);
    model.outputs = {output};
    const Result<CompiledModel> compiled = CompileForRun(model, config);
    ASSERT_TRUE(compiled.ok()) << ErrorText(compiled);
    SimulationOptions simulation;
    simulation.memory_bytes = kMemoryBytes;
    const std::unique_ptr<SimulatedNpu> npu = MakeNpu(config, simulation);
    for (const uint8_t value : {127, 128}) {
      const std::vector<std::vector<uint8_t>> inputs = {std::vector<uint8_t>(9, value)};
      RunModelOptions run;
      run.timeout_cycles = 20'000'000;
      const Result<RunReport> report =
          RunModel(config, model, *compiled, *npu, inputs, run, nullptr);
      ASSERT_TRUE(report.ok()) << ErrorText(report);
      EXPECT_EQ(report->mismatches, 0u) << DescribeMismatch(*report->first_mismatch);
      // Not only equal: what they must be.
      const Result<TensorBytes> golden = RunGolden(model, inputs);
      ASSERT_TRUE(golden.ok()) << ErrorText(golden);
      int32_t first = 0;
      std::memcpy(&first, (*golden)[static_cast<size_t>(output)].data(), sizeof first);
      EXPECT_EQ(std::abs(first), (planes == 2 ? 3 : 1) * 9 * kChannels);
    }
  }
}

TEST(DigitsTest, CyclesAreReproducible) {
  const NpuConfig config = SpecConfig("nano");
  const Result<Model> model = LoadTflite(SourcePath("models/digits/digits_cnn_int8.tflite"));
  ASSERT_TRUE(model.ok());
  const Result<CompiledModel> compiled = CompileForRun(*model, config);
  ASSERT_TRUE(compiled.ok());
  uint64_t cycles[2] = {};
  for (uint64_t& value : cycles) {
    SimulationOptions options;
    options.memory_bytes = kMemoryBytes;
    options.stalls = 0.2;
    options.stall_seed = 7;
    const std::unique_ptr<SimulatedNpu> npu = MakeNpu(config, options);
    const Result<RunReport> report = RunModel(
        config, *model, *compiled, *npu, MakeRandomInputs(*model, 1), RunModelOptions(), nullptr);
    ASSERT_TRUE(report.ok()) << ErrorText(report);
    EXPECT_EQ(report->mismatches, 0u);
    value = report->cycles;
  }
  EXPECT_EQ(cycles[0], cycles[1]);
}

/// What docs/run-json.md promises.
TEST(ReportTest, JsonHasTheDocumentedKeys) {
  const NpuConfig config = SpecConfig("nano");
  const Result<Model> model = LoadTflite(SourcePath("models/digits/digits_cnn_int8.tflite"));
  ASSERT_TRUE(model.ok());
  const Result<CompiledModel> compiled = CompileForRun(*model, config);
  ASSERT_TRUE(compiled.ok());
  SimulationOptions options;
  options.memory_bytes = kMemoryBytes;
  const std::unique_ptr<SimulatedNpu> npu = MakeNpu(config, options);
  RunModelOptions run;
  run.repeat = 2;
  const Result<RunReport> report =
      RunModel(config, *model, *compiled, *npu, MakeRandomInputs(*model, 1), run, nullptr);
  ASSERT_TRUE(report.ok()) << ErrorText(report);
  const nlohmann::json json = nlohmann::json::parse(RunReportJson(*report));
  EXPECT_EQ(json["spec"], "nano");
  EXPECT_EQ(json["config_hash"].get<std::string>().size(), 16u);
  EXPECT_EQ(json["model"], "digits_cnn_int8.tflite");
  ASSERT_EQ(json["layers"].size(), model->operators.size());
  uint64_t cycles = json["other"]["cycles"];
  for (const nlohmann::json& layer : json["layers"]) {
    for (const char* key : {"index", "op", "shape", "macs", "cycles", "utilization", "causes"}) {
      EXPECT_TRUE(layer.contains(key)) << key;
    }
    uint64_t sum = 0;
    for (const auto& [name, value] : layer["causes"].items()) sum += value.get<uint64_t>();
    EXPECT_EQ(sum, layer["cycles"]);
    cycles += sum;
    EXPECT_LE(layer["utilization"], 1.0);
  }
  EXPECT_EQ(json["cycles"], cycles);
  EXPECT_EQ(json["macs"], 425088);
  EXPECT_EQ(json["mismatches"], 0);
  EXPECT_TRUE(json["first_mismatch"].is_null());
  EXPECT_EQ(json["repetitions"], 2);
  for (const char* key :
       {"cycles_first", "utilization", "bytes_read", "bytes_written", "first", "cached", "sim_hz",
        "causes", "warm", "tensors_checked", "elements_checked"}) {
    EXPECT_TRUE(json.contains(key)) << key;
  }
}

/// A wrong golden value must show, with layer, element and dumps: here the model is changed after
/// compiling.
TEST(ReportTest, DifferencesAreFoundAndNamed) {
  const NpuConfig config = SpecConfig("nano");
  Result<Model> model = LoadTflite(SourcePath("models/digits/digits_cnn_int8.tflite"));
  ASSERT_TRUE(model.ok());
  const Result<CompiledModel> compiled = CompileForRun(*model, config);
  ASSERT_TRUE(compiled.ok());
  const Operator& changed = model->operators[4];
  Tensor& weights = model->tensors[static_cast<size_t>(changed.inputs[1])];
  for (uint8_t& weight : weights.data) weight ^= 0x40;
  SimulationOptions options;
  options.memory_bytes = kMemoryBytes;
  const std::unique_ptr<SimulatedNpu> npu = MakeNpu(config, options);
  RunModelOptions run;
  run.dump_folder = ::testing::TempDir() + "npugen_dump";
  const Result<RunReport> report =
      RunModel(config, *model, *compiled, *npu, MakeRandomInputs(*model, 1), run, nullptr);
  ASSERT_TRUE(report.ok()) << ErrorText(report);
  EXPECT_GT(report->mismatches, 0u);
  ASSERT_TRUE(report->first_mismatch.has_value());
  EXPECT_EQ(report->first_mismatch->operator_index, changed.index);
  EXPECT_EQ(report->first_mismatch->tensor, changed.outputs[0]);
  ASSERT_EQ(report->dumps.size(), 2u);
  const std::vector<uint8_t> expected = ReadBytes(report->dumps[0]);
  const std::vector<uint8_t> actual = ReadBytes(report->dumps[1]);
  const size_t element = static_cast<size_t>(report->first_mismatch->element);
  ASSERT_LT(element, expected.size());
  EXPECT_EQ(static_cast<int8_t>(expected[element]), report->first_mismatch->expected);
  EXPECT_EQ(static_cast<int8_t>(actual[element]), report->first_mismatch->actual);
}

}  // namespace
}  // namespace npugen::testing

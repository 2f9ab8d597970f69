// SPDX-License-Identifier: Apache-2.0
// The netlist of cells that Yosys makes of an NPU, behind the harness and driver of the RTL: every
// output as the golden model has it, and every job in the cycles that the RTL takes, from any
// power-up state.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <random>
#include <vector>

#include "generator/config/load.h"
#include "generator/support/cache.h"
#include "sw/compiler/compiler.h"
#include "sw/model/packed_reader.h"
#include "sw/model/tflite_reader.h"
#include "tests/support/files.h"
#include "tests/support/packed_network.h"
#include "tests/support/stream_job.h"
#include "tests/system/simulation.h"
#include "verif/golden/golden_model.h"
#include "verif/netlist/power.h"
#include "verif/random/float_product.h"
#include "verif/random/random_model.h"
#include "verif/sim/model_builder.h"

namespace npugen::testing {
namespace {

constexpr uint64_t kMemoryBytes = uint64_t{16} << 20;
constexpr uint64_t kTimeout = 5'000'000;
constexpr uint64_t kLongestJob = 40'000;  ///< cycles of what is run on netlists

struct Network {
  std::string name;
  Program program;
  std::vector<std::vector<uint8_t>> inputs, outputs;
};

struct NetlistCase {
  const char* name;
  const char* units;    ///< added to the units of the spec
  uint32_t stages;      ///< lane.stages
  bool timed;           ///< the netlist that --timing times: mapped for speed, buffered, sized
  bool floats = false;  ///< with floating-point formats
};

/// `nano` with floating-point formats.
NpuConfig FloatNano() {
  NpuConfig config = NanoWith("");
  config.float_formats = 1;
  config.lane_stages = 6;
  config.post_width = 4;
  config.hash = ConfigHash(config);
  return config;
}

std::string NetlistLibrary(const NpuConfig& config, bool timed) {
  ModelBuildOptions options;
  options.netlist = true;
  options.timed = timed;
  options.jobs = 1;
  const Result<BuiltModel> built = BuildConfigModel(config, options);
  EXPECT_TRUE(built.ok()) << ErrorText(built);
  return built ? built->library : "";
}

/// Cycles of one job after the other on one NPU; outputs are compared.
std::vector<uint64_t> RunAll(const NpuConfig& config, const std::string& library,
                             const std::vector<Network>& networks, uint64_t power_up_seed) {
  SimulationOptions options;
  options.memory_bytes = kMemoryBytes;
  options.latency = 10;
  options.power_up_seed = power_up_seed;
  std::vector<uint64_t> cycles;
  Result<std::unique_ptr<SimulatedNpu>> npu = SimulatedNpu::Open(library, options);
  EXPECT_TRUE(npu.ok()) << ErrorText(npu);
  if (!npu) return cycles;
  Result<std::unique_ptr<NpuHost>> host = NpuHost::Open(**npu, config);
  EXPECT_TRUE(host.ok()) << ErrorText(host);
  if (!host) return cycles;
  for (const Network& network : networks) {
    Result<PlacedProgram> placed = (*host)->Place(network.program);
    EXPECT_TRUE(placed.ok()) << ErrorText(placed);
    if (!placed) continue;
    NpuHost::JobOptions job;
    job.timeout_cycles = kTimeout;
    const Result<JobReport> report = (*host)->Run(*placed, network.inputs, job);
    EXPECT_TRUE(report.ok()) << network.name << ": " << ErrorText(report);
    if (!report) continue;
    for (size_t i = 0; i < network.outputs.size(); ++i) {
      EXPECT_EQ((*host)->ReadTensor(*placed, network.program.outputs[i]), network.outputs[i])
          << network.name << ", power-up seed " << power_up_seed;
    }
    cycles.push_back(report->counters.cycles);
  }
  return cycles;
}

class NetlistTest : public ::testing::TestWithParam<NetlistCase> {
 protected:
  NetlistTest() : config_(GetParam().floats ? FloatNano() : NanoWith(GetParam().units)) {
    config_.lane_stages = GetParam().stages;
  }

  /// Adds a network if it fits the NPU.
  void Add(const std::string& name, const Result<Model>& model) {
    ASSERT_TRUE(model.ok()) << name << ": " << ErrorText(model);
    const Result<Program> program = Compile(*model, config_);
    if (!program) return;
    Network network = {name, *program, MakeRandomInputs(*model, 1), {}};
    const Result<TensorBytes> golden = RunGolden(*model, network.inputs);
    ASSERT_TRUE(golden.ok()) << ErrorText(golden);
    for (const ProgramTensor& tensor : program->outputs) {
      network.outputs.push_back((*golden)[static_cast<size_t>(tensor.tensor)]);
    }
    networks_.push_back(std::move(network));
  }

  NpuConfig config_;
  std::vector<Network> networks_;
};

TEST_P(NetlistTest, JobsAreTheRtls) {
  for (int type = 0; type <= static_cast<int>(OperatorType::kSoftmax); ++type) {
    RandomModel random = MakeRandomOperator(static_cast<OperatorType>(type), 1);
    Add(random.name, ReadTflite(random.tflite, random.name));
  }
  for (uint64_t seed = 100; seed < 104; ++seed) {
    RandomModel random = MakeRandomMixedNetwork(seed);
    Add(random.name, ReadTflite(random.tflite, random.name));
  }
  for (uint64_t seed = 1; config_.bnn_enabled != 0 && seed <= 12; ++seed) {
    const PackedNetwork packed = MakePackedNetwork(seed);
    Add(fmt::format("bits_{}", seed), ReadPacked(packed.json.dump(), packed.weights, "net.json"));
  }
  Add("digits CNN", LoadTflite(SourcePath("models/digits/digits_cnn_int8.tflite")));
  const std::string netlist = NetlistLibrary(config_, GetParam().timed);
  const std::string library = ModelLibrary(config_, true);
  std::vector<uint64_t> rtl = RunAll(config_, library, networks_, 1);
  ASSERT_EQ(rtl.size(), networks_.size());
  for (size_t n = networks_.size(); n-- > 0;) {
    if (rtl[n] > kLongestJob) networks_.erase(networks_.begin() + static_cast<ptrdiff_t>(n));
  }
  ASSERT_GE(networks_.size(), 12u);
  // In the order of those that remain.
  rtl = RunAll(config_, library, networks_, 1);
  uint64_t cycles = 0;
  for (const uint64_t of_job : rtl) cycles += of_job;
  for (const uint64_t seed : {1u, 2u, 3u}) {
    EXPECT_EQ(RunAll(config_, netlist, networks_, seed), rtl) << "power-up seed " << seed;
  }
  std::printf("%s: %zu networks, %llu cycles, from three power-up states\n", GetParam().name,
              networks_.size(), static_cast<unsigned long long>(cycles));
}

/// Cycles of products of floating-point numbers in all formats, whose results are compared.
std::vector<uint64_t> RunProducts(const NpuConfig& config, const std::string& library,
                                  uint64_t power_up_seed) {
  SimulationOptions options;
  options.memory_bytes = kMemoryBytes;
  options.latency = 10;
  options.power_up_seed = power_up_seed;
  std::vector<uint64_t> cycles;
  Result<std::unique_ptr<SimulatedNpu>> npu = SimulatedNpu::Open(library, options);
  EXPECT_TRUE(npu.ok()) << ErrorText(npu);
  if (!npu) return cycles;
  std::mt19937_64 random(3);
  for (int64_t i = 0; i < 12; ++i) {
    FloatProduct product = {1 + i % 5 * 4, 1 + i % 4 * 3, 1 + i * 3,
                            1 + i % 3,     1 + i % 3,     1 + i % 4};
    if (i % 6 == 1) product.format_w = kFormatE5m2;  // E4M3 times E5M2
    const std::vector<uint16_t> a =
        RandomCodes(product.format_a, product.rows * product.depth, &random);
    const std::vector<uint16_t> w =
        RandomCodes(product.format_w, product.channels * product.depth, &random);
    const Result<FloatProductRun> run = RunFloatProduct(config, product, a, w, npu->get());
    EXPECT_TRUE(run.ok()) << ErrorText(run);
    if (!run) continue;
    EXPECT_EQ(run->out, FloatProductReference(config, product, a, w)) << i;
    cycles.push_back(run->cycles);
  }
  return cycles;
}

TEST(FloatNetlist, ProductsAreTheRtls) {
  const NpuConfig config = FloatNano();
  const std::vector<uint64_t> rtl = RunProducts(config, ModelLibrary(config, true), 1);
  ASSERT_EQ(rtl.size(), 12u);
  const std::string netlist = NetlistLibrary(config, /*timed=*/false);
  for (const uint64_t seed : {1u, 2u, 3u}) EXPECT_EQ(RunProducts(config, netlist, seed), rtl);
}

INSTANTIATE_TEST_SUITE_P(Small, NetlistTest,
                         ::testing::Values(NetlistCase{"plain", "", 1, false},
                                           NetlistCase{"bits", "bnn: {enabled: true}", 2, false},
                                           NetlistCase{"timed", "", 1, true},
                                           NetlistCase{"floats", "", 6, false, true}),
                         [](const auto& info) { return std::string(info.param.name); });

/// Energy of recorded cycles: every one follows from the one before on the netlist, and a sample
/// says what all cycles say.
TEST(NetlistPower, SamplesStandForAllCycles) {
  const NpuConfig config = NanoWith("");
  RandomModel random = MakeRandomMixedNetwork(101);
  const Result<Model> model = ReadTflite(random.tflite, random.name);
  ASSERT_TRUE(model.ok());
  const Result<Program> program = Compile(*model, config);
  ASSERT_TRUE(program.ok()) << ErrorText(program);
  SimulationOptions options;
  options.memory_bytes = kMemoryBytes;
  Result<std::unique_ptr<SimulatedNpu>> npu =
      SimulatedNpu::Open(NetlistLibrary(config, /*timed=*/true), options);
  ASSERT_TRUE(npu.ok()) << ErrorText(npu);
  Result<std::unique_ptr<NpuHost>> host = NpuHost::Open(**npu, config);
  ASSERT_TRUE(host.ok()) << ErrorText(host);
  Result<PlacedProgram> placed = (*host)->Place(*program);
  ASSERT_TRUE(placed.ok()) << ErrorText(placed);
  const npu_model_interface& interface = (*npu)->interface();
  ASSERT_EQ(interface.has_states, 1u);
  const Result<TechnologyLibrary> technology = LoadTechnology(kDefaultTechnology);
  ASSERT_TRUE(technology.ok());
  const Result<Cache> cache = Cache::Open(DefaultCacheFolder());
  ASSERT_TRUE(cache.ok());
  const auto record = [&](uint64_t least, uint64_t seed) {
    interface.record_states((*npu)->model(), least, seed);
    npu_forget_parameters(&(*host)->device());
    const Result<JobReport> report =
        (*host)->Run(*placed, MakeRandomInputs(*model, 1), NpuHost::JobOptions());
    EXPECT_TRUE(report.ok()) << ErrorText(report);
    npu_model_states states = {};
    interface.read_states((*npu)->model(), &states);
    RecordedStates job;
    job.bits.assign(states.bits, states.bits + 2 * states.count * states.state_bytes);
    job.count = states.count;
    job.cycles = states.cycles;
    job.state_bytes = states.state_bytes;
    return job;
  };
  const auto measure = [&](const RecordedStates& job) {
    return MeasurePower(config, *technology, {}, *cache, {job}, [](const std::string&) {});
  };
  const RecordedStates all = record(UINT64_MAX / 4, 1);
  EXPECT_EQ(all.count, all.cycles);
  const Result<PowerReport> whole = measure(all);
  ASSERT_TRUE(whole.ok()) << ErrorText(whole);
  EXPECT_EQ(whole->standard_error, 0);
  const double energy = whole->energy.total();
  EXPECT_GT(energy, 0);
  double parts = 0, modules = 0;
  for (const PowerPart& part : whole->parts) parts += part.energy.total();
  for (const PowerPart& module : whole->modules) modules += module.energy.total();
  EXPECT_NEAR(parts, energy, 1e-6 * energy);
  EXPECT_NEAR(modules, energy, 1e-6 * energy);
  for (const EnergyKind kind :
       {EnergyKind::kClock, EnergyKind::kRegisters, EnergyKind::kLogic, EnergyKind::kMemories}) {
    EXPECT_GT(whole->energy.by_kind[static_cast<size_t>(kind)], 0);
  }
  for (const uint64_t seed : {1u, 2u, 3u}) {
    RecordedStates some = record(all.cycles / 20, seed);
    EXPECT_GE(some.count, all.cycles / 20);
    EXPECT_LT(some.count, all.cycles / 10 + 1);
    EXPECT_EQ(some.cycles, all.cycles);
    const Result<PowerReport> sampled = measure(some);
    ASSERT_TRUE(sampled.ok()) << ErrorText(sampled);
    EXPECT_GT(sampled->standard_error, 0);
    EXPECT_NEAR(sampled->energy.total(), energy, 4 * sampled->standard_error * energy);
    // A bit of a register that does not follow.
    some.bits[some.state_bytes + some.state_bytes / 2] ^= 1;
    EXPECT_FALSE(measure(some).ok());
  }
}

}  // namespace
}  // namespace npugen::testing

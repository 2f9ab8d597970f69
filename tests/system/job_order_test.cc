// SPDX-License-Identifier: Apache-2.0
// State that outlives its command: unlike networks on one NPU in random order, between jobs that
// fail, are hostile or are reset in any cycle; and every network as the first job after power-up.
// NPUGEN_JOBS is the number of jobs on each NPU (`make test-jobs`: 10,000).
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <map>
#include <optional>
#include <span>

#include "generator/config/load.h"
#include "sw/compiler/compiler.h"
#include "sw/model/channel_order.h"
#include "sw/model/packed_reader.h"
#include "sw/model/tflite_reader.h"
#include "tests/support/packed_network.h"
#include "tests/system/simulation.h"
#include "verif/golden/golden_model.h"
#include "verif/random/random_model.h"

namespace npugen::testing {
namespace {

constexpr uint64_t kMemoryBytes = uint64_t{8} << 20;
constexpr uint64_t kLongestJob = 4000;  ///< cycles of a network here: many jobs in little time
constexpr uint64_t kTimeout = 200'000;
constexpr int kJobsOfAnNpu = 250;  ///< then comes one with another power-up state
constexpr int kInputs = 3;

/// `nano` with what the letters say.
struct Shape {
  const char* name;
  const char* units;  ///< added to the units of nano
};
const Shape kShapes[] = {
    {"plain", ""},
    {"bits", "bnn: {enabled: true}"},
    {"skip", "bnn: {enabled: true, skip_window: 4}"},
};

/// What a network leaves behind or begins with: state of the lanes passes from one to the other.
enum class Kind { kOther, kBeginsWithWindow, kEndsGated };

/// A network with its inputs and the outputs that they must give.
struct Network {
  std::string name;
  Kind kind = Kind::kOther;
  Program program;
  std::vector<std::vector<std::vector<uint8_t>>> inputs;   ///< by choice, then by input
  std::vector<std::vector<std::vector<uint8_t>>> outputs;  ///< by choice, then by output
  uint64_t cycles = 0;                                     ///< of the first job after power-up
};

/// What became of one job.
enum class Outcome { kRight, kWrong, kFailed };

/// An NPU with all networks in its memory.
class Bench {
 public:
  Bench(const NpuConfig& config, const std::string& library, const SimulationOptions& options,
        std::span<const Network> networks) {
    Result<std::unique_ptr<SimulatedNpu>> npu = SimulatedNpu::Open(library, options);
    EXPECT_TRUE(npu.ok()) << ErrorText(npu);
    npu_ = std::move(*npu);
    Result<std::unique_ptr<NpuHost>> host = NpuHost::Open(*npu_, config);
    EXPECT_TRUE(host.ok()) << ErrorText(host);
    host_ = std::move(*host);
    for (const Network& network : networks) {
      Result<PlacedProgram> placed = host_->Place(network.program);
      EXPECT_TRUE(placed.ok()) << ErrorText(placed);
      placed_.push_back(std::move(*placed));
    }
  }

  /// One job. Errors that leave the NPU unusable, and wrong outputs, are failures of the test.
  Outcome Run(const Network& network, size_t index, size_t choice, uint64_t timeout,
              uint64_t* cycles = nullptr) {
    NpuHost::JobOptions job;
    job.timeout_cycles = timeout;
    job.poll = choice == 0;
    const Result<JobReport> report = host_->Run(placed_[index], network.inputs[choice], job);
    EXPECT_EQ(npu_->failed_accesses(), 0u);
    if (!report) {
      // One error is the job's; a second one says that the reset after it did not end.
      EXPECT_EQ(report.errors().size(), 1u) << FormatDiagnostic(report.errors().back(), false);
      const DiagnosticCode code = report.errors().front().code;
      EXPECT_TRUE(code == DiagnosticCode::kHardwareError ||
                  code == DiagnosticCode::kHardwareTimeout)
          << ErrorText(report);
      return Outcome::kFailed;
    }
    if (cycles != nullptr) *cycles = report->counters.cycles;
    for (size_t i = 0; i < network.outputs[choice].size(); ++i) {
      if (host_->ReadTensor(placed_[index], network.program.outputs[i]) !=
          network.outputs[choice][i]) {
        return Outcome::kWrong;
      }
    }
    return Outcome::kRight;
  }

  /// The bytes of a network's command stream, the cold or the warm one.
  std::span<uint8_t> Stream(size_t index, bool warm) {
    const PlacedProgram& placed = placed_[index];
    const Program& program = placed.program;
    const size_t image = placed.bytes_at + placed.buffers.program.bytes - program.image.size();
    const uint32_t offset = warm ? program.warm_offset : program.cold_offset;
    uint32_t entries = 0;
    std::memcpy(&entries, program.image.data() + offset + 16, sizeof entries);
    return npu_->Memory().subspan(image + offset, size_t{entries} * 16);
  }

  SimulatedNpu& npu() { return *npu_; }
  npu_device& device() { return host_->device(); }
  const npu_buffers& buffers(size_t index) const { return placed_[index].buffers; }

 private:
  std::unique_ptr<SimulatedNpu> npu_;
  std::unique_ptr<NpuHost> host_;
  std::vector<PlacedProgram> placed_;
};

class JobOrderTest : public ::testing::TestWithParam<Shape> {
 protected:
  void SetUp() override {
    config_ = NanoWith(GetParam().units);
    library_ = ModelLibrary(config_, true);
    for (int type = 0; type <= static_cast<int>(OperatorType::kSoftmax); ++type) {
      const OperatorType operation = static_cast<OperatorType>(type);
      const bool window =
          operation == OperatorType::kAveragePool2d || operation == OperatorType::kDepthwiseConv2d;
      for (uint64_t seed = 1; seed <= (window ? 6 : 2); ++seed) {
        RandomModel random = MakeRandomOperator(operation, seed);
        Add(random.name, window ? Kind::kBeginsWithWindow : Kind::kOther,
            ReadTflite(random.tflite, random.name));
      }
    }
    for (uint64_t seed = 100; seed < 124; ++seed) {
      RandomModel random = MakeRandomMixedNetwork(seed);
      Add(random.name, Kind::kOther, ReadTflite(random.tflite, random.name));
    }
    for (uint64_t seed = 1; config_.bnn_enabled != 0 && seed <= 200; ++seed) {
      const PackedNetwork packed = MakePackedNetwork(seed);
      const bool gated = packed.json["layers"].back().contains("gate");
      if (!gated && seed > 20) continue;
      Result<Model> model = ReadPacked(packed.json.dump(), packed.weights, "net.json");
      ASSERT_TRUE(model.ok()) << ErrorText(model);
      *model = OrderChannels(std::move(*model));
      Add(fmt::format("bits_{}", seed), gated ? Kind::kEndsGated : Kind::kOther, model);
    }
    for (size_t i = 0; i < networks_.size(); ++i) kinds_[networks_[i].kind].push_back(i);
    ASSERT_EQ(kinds_.size(), config_.bnn_enabled != 0 ? 3u : 2u);
    ASSERT_GE(networks_.size(), 30u) << "most networks fit";
  }

  static SimulationOptions Options(uint64_t power_up_seed) {
    SimulationOptions options;
    options.memory_bytes = kMemoryBytes;
    options.latency = 10;
    options.power_up_seed = power_up_seed;
    return options;
  }

  /// Keeps a network if it fits this NPU and does not take long.
  void Add(const std::string& name, Kind kind, const Result<Model>& model) {
    ASSERT_TRUE(model.ok()) << ErrorText(model);
    const Result<Program> program = Compile(*model, config_);
    if (!program) return;
    Network network;
    network.name = name;
    network.kind = kind;
    network.program = *program;
    for (uint64_t choice = 0; choice < kInputs; ++choice) {
      network.inputs.push_back(MakeRandomInputs(*model, choice + 1));
      const Result<TensorBytes> golden = RunGolden(*model, network.inputs.back());
      ASSERT_TRUE(golden.ok()) << ErrorText(golden);
      network.outputs.emplace_back();
      for (const ProgramTensor& tensor : program->outputs) {
        network.outputs.back().push_back((*golden)[static_cast<size_t>(tensor.tensor)]);
      }
    }
    Bench bench(config_, library_, Options(0), {&network, 1});
    if (bench.Run(network, 0, 0, kLongestJob, &network.cycles) == Outcome::kFailed) return;
    networks_.push_back(std::move(network));
  }

  NpuConfig config_;
  std::string library_;
  std::vector<Network> networks_;
  std::map<Kind, std::vector<size_t>> kinds_;  ///< indices of networks
};

/// Right, and in the same cycles, whatever flip-flops and memories hold at first.
TEST_P(JobOrderTest, FirstJobAfterPowerUp) {
  for (uint64_t seed = 1; seed <= 16; ++seed) {
    for (const Network& network : networks_) {
      Bench bench(config_, library_, Options(seed), {&network, 1});
      uint64_t cycles = 0;
      EXPECT_EQ(bench.Run(network, 0, 0, kTimeout, &cycles), Outcome::kRight)
          << network.name << ", power-up seed " << seed;
      EXPECT_EQ(cycles, network.cycles) << network.name << ", power-up seed " << seed;
    }
  }
}

/// Breaks some words of a network's streams and gives what restores them.
class HostileStream {
 public:
  HostileStream(Bench& bench, size_t index, RandomSource& random) : bench_(bench), index_(index) {
    for (const bool warm : {false, true}) {
      const std::span<uint8_t> stream = bench.Stream(index, warm);
      saved_[warm].assign(stream.begin(), stream.end());
    }
    for (const bool warm : {false, true}) {
      const std::span<uint8_t> stream = bench.Stream(index, warm);
      // Mostly commands; now and then the header.
      const int32_t first = random.Chance(16) ? 0 : 8;
      for (int32_t count = random.Integer(1, 3); count > 0; --count) {
        const int32_t last = static_cast<int32_t>(stream.size() / 4) - 1;
        uint8_t* word = &stream[static_cast<size_t>(random.Integer(first, last)) * 4];
        uint32_t value = 0;
        std::memcpy(&value, word, sizeof value);
        value = random.Chance(3) ? static_cast<uint32_t>(random.Next())
                                 : value ^ uint32_t { 1 } << random.Integer(0, 31);
        std::memcpy(word, &value, sizeof value);
      }
    }
  }
  ~HostileStream() {
    for (const bool warm : {false, true}) {
      std::copy(saved_[warm].begin(), saved_[warm].end(), bench_.Stream(index_, warm).begin());
    }
    // It may have written to core memory.
    npu_forget_parameters(&bench_.device());
  }
  HostileStream(const HostileStream&) = delete;
  HostileStream& operator=(const HostileStream&) = delete;

 private:
  Bench& bench_;
  size_t index_;
  std::vector<uint8_t> saved_[2];
};

/// Bus errors somewhere in the memory that a job uses.
void AddBusErrors(Bench& bench, size_t index, RandomSource& random) {
  const npu_buffers& buffers = bench.buffers(index);
  const npu_buffer* const choices[] = {&buffers.program, &buffers.scratch, &buffers.input,
                                       &buffers.output};
  const npu_buffer& buffer = *choices[random.Integer(0, 3)];
  if (buffer.bytes == 0) return;
  const int32_t at = random.Integer(0, static_cast<int32_t>(buffer.bytes) - 1);
  bench.npu().AddErrorRange(buffer.address + static_cast<uint64_t>(at),
                            static_cast<uint64_t>(random.Integer(1, 64)));
}

TEST_P(JobOrderTest, RandomOrders) {
  const char* jobs_text = std::getenv("NPUGEN_JOBS");
  const int jobs = jobs_text != nullptr ? std::atoi(jobs_text) : 2000;
  ASSERT_GT(jobs, 0) << "NPUGEN_JOBS";
  RandomSource random(config_.hash + 1);
  std::optional<Bench> bench;
  std::map<std::string, int> counts;
  uint64_t cycles = 0;
  std::string history;  // what the NPU did before
  for (int job = 0; job < jobs; ++job) {
    if (job % kJobsOfAnNpu == 0) {
      SimulationOptions options = Options(random.Next() | 1);
      options.latency = static_cast<uint32_t>(random.Integer(1, 40));
      options.stalls = random.Chance(2) ? 0.1 : 0;
      options.stall_seed = random.Next();
      options.interleave = random.Chance(2);
      if (bench) cycles += bench->npu().Cycles();
      bench.emplace(config_, library_, options, networks_);
      history = "power-up";
    }
    // Kinds alike often: most pairs of networks are of no interest.
    const std::vector<size_t>& group =
        std::next(kinds_.begin(), random.Integer(0, static_cast<int32_t>(kinds_.size()) - 1))
            ->second;
    const size_t index =
        group[static_cast<size_t>(random.Integer(0, static_cast<int32_t>(group.size()) - 1))];
    const Network& network = networks_[index];
    const size_t choice = static_cast<size_t>(random.Integer(0, kInputs - 1));
    const int32_t kind = random.Integer(1, 20);
    std::string what = "good";
    Outcome outcome = Outcome::kRight;
    if (kind <= 3) {
      what = "hostile";
      const HostileStream hostile(*bench, index, random);
      bench->Run(network, index, choice, 10'000);  // anything but a dead NPU
    } else if (kind <= 5) {
      what = "bus error";
      AddBusErrors(*bench, index, random);
      outcome = bench->Run(network, index, choice, kTimeout);
      bench->npu().ClearErrors();
    } else if (kind <= 8) {
      what = "reset";
      const uint64_t timeout = static_cast<uint64_t>(
          random.Integer(1, static_cast<int32_t>(network.cycles + network.cycles / 4)));
      outcome = bench->Run(network, index, choice, timeout);
    } else {
      outcome = bench->Run(network, index, choice, kTimeout);
      EXPECT_NE(outcome, Outcome::kFailed) << network.name << " in job " << job;
    }
    EXPECT_NE(outcome, Outcome::kWrong)
        << "job " << job << ", " << what << ", " << network.name << " after " << history;
    ++counts[what + (what != "hostile" && outcome == Outcome::kFailed ? ", failed" : "")];
    if (history.size() > 200) history.erase(0, history.find(", ") + 2);
    history += fmt::format(", {} {}", what, network.name);
    if (kind == 20) bench->npu().interface().hardware_reset(bench->npu().model());
    if (HasFailure()) break;
  }
  std::string text = fmt::format("{} networks, {:.1f} million cycles;", networks_.size(),
                                 static_cast<double>(cycles + bench->npu().Cycles()) / 1e6);
  for (const auto& [what, count] : counts) text += fmt::format(" {}: {}", what, count);
  fmt::print("{}\n", text);
}

INSTANTIATE_TEST_SUITE_P(Shapes, JobOrderTest, ::testing::ValuesIn(kShapes),
                         [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace npugen::testing

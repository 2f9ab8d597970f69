// SPDX-License-Identifier: Apache-2.0
// TFLM's results on verilated hardware: all reference networks on `edge` and `quad`, all
// operator families on `edge`, and a third of them, in turn, on `nano` and on an odd shape.
#include <gtest/gtest.h>

#include <cstdlib>
#include <ctime>

#include "sw/compiler/compiler.h"
#include "sw/model/tflite_reader.h"
#include "tests/support/files.h"
#include "tests/support/reference.h"
#include "tests/support/reference_fill.h"
#include "tests/system/simulation.h"

namespace npugen::testing {
namespace {

constexpr uint64_t kJobCycles = 100'000'000;

/// An awkward NPU: 3 lanes x 5, 2 cores, 3 PEs.
constexpr const char* kOddSpec =
    "npu: {grid: {x: 3, y: 1}, axi: {data_width: 32, address_width: 32, outstanding: 4}, "
    "command_queue: 2}\n"
    "pe: {memory: 64 KiB, banks: 4, bank_width: 8, cores: 2}\n"
    "core: {memory: 32 KiB, banks: 2, bank_width: 8, lanes: 3, accumulators: 7}\n"
    "lane: {simd: 5}\n"
    "controller: {instruction_memory: 64, parameter_buffer: 32, activation_buffer: 32}\n"
    "units: {postprocess_width: 4, lookup_ports: 2}\n";

NpuConfig NamedConfig(const std::string& name) {
  return name == "odd" ? TextConfig(name, kOddSpec) : SpecConfig(name);
}

/// What runs of a model gave.
struct Totals {
  int runs = 0, tensors = 0, mismatches = 0;
  uint64_t cold_cycles = 0, warm_cycles = 0;
  uint64_t cold_read = 0, warm_read = 0, written = 0;
};

/// Runs a program on each of `runs` (cold first, then warm), on an NPU of its own.
void RunProgram(const NpuConfig& config, const Model& model, const Program& program,
                std::span<const ReferenceRun> runs, const std::string& where, Totals* totals) {
  SimulationOptions options;
  options.memory_bytes = (MemoryNeeded(program) + (uint64_t{1} << 20)) & ~uint64_t{4095};
  const std::unique_ptr<SimulatedNpu> npu = MakeNpu(config, options);
  const Result<std::unique_ptr<NpuHost>> host = NpuHost::Open(*npu, config);
  ASSERT_TRUE(host.ok()) << where << ErrorText(host);
  const Result<PlacedProgram> placed = (*host)->Place(program);
  ASSERT_TRUE(placed.ok()) << where << ErrorText(placed);
  for (const ReferenceRun& run : runs) {
    NpuHost::JobOptions job;
    job.timeout_cycles = kJobCycles;
    const Result<JobReport> report = (*host)->Run(*placed, run.inputs, job);
    ASSERT_TRUE(report.ok()) << where << run.name << ": " << ErrorText(report);
    ++totals->runs;
    for (size_t i = 0; i < program.outputs.size(); ++i) {
      const bool equal = (*host)->ReadTensor(*placed, program.outputs[i]) == run.outputs[i];
      EXPECT_TRUE(equal) << where << run.name << ": output " << i << " differs";
      totals->mismatches += equal ? 0 : 1;
      ++totals->tensors;
    }
    std::vector<std::vector<uint8_t>> kept(model.tensors.size());
    for (const ProgramTensor& tensor : program.kept) {
      kept[tensor.tensor] = (*host)->ReadTensor(*placed, tensor);
    }
    std::string first;
    const int different = CompareDigests(run, kept, &totals->tensors, &first);
    EXPECT_EQ(different, 0) << where << run.name << ": " << first << " differs";
    totals->mismatches += different;
    if (report->warm) {
      totals->warm_cycles = report->counters.cycles;
      totals->warm_read = report->counters.bytes_read;
    } else {
      totals->cold_cycles = report->counters.cycles;
      totals->cold_read = report->counters.bytes_read;
    }
    totals->written = report->counters.bytes_written;
  }
  EXPECT_TRUE(npu->Violations().empty()) << where << npu->Violations().front();
}

struct NetworkCase {
  const char* network;
  const char* spec;
  bool all_tensors;  ///< of all runs; else of the first one
  friend std::ostream& operator<<(std::ostream& out, const NetworkCase& test) {
    return out << test.network << " on " << test.spec;
  }
};

class Networks : public ::testing::TestWithParam<NetworkCase> {};

TEST_P(Networks, EqualTheReference) {
  const std::string folder = ReferenceFolder(GetParam().network);
  if (folder.empty()) GTEST_SKIP() << kNoReference;
  const NpuConfig config = NamedConfig(GetParam().spec);
  const ReferenceModel reference = ReadNetwork(folder, GetParam().network);
  const Result<Model> model = LoadTflite(reference.path);
  ASSERT_TRUE(model.ok()) << ErrorText(model);
  const Result<Program> plain = Compile(*model, config);
  const Result<Program> checking = Compile(*model, config, {.keep_tensors = true});
  ASSERT_TRUE(plain.ok()) << ErrorText(plain);
  ASSERT_TRUE(checking.ok()) << ErrorText(checking);
  Totals totals;
  const std::span<const ReferenceRun> runs(reference.runs);
  RunProgram(config, *model, *checking, GetParam().all_tensors ? runs : runs.first(1),
             "all tensors, ", &totals);
  ASSERT_GE(totals.tensors, static_cast<int>(model->operators.size()));
  RunProgram(config, *model, *plain, runs, "", &totals);
  std::printf(
      "%s on %s: %d runs, %d tensors compared, %d mismatches; %llu cycles cold, %llu with cached "
      "parameters; %llu bytes read cold, %llu cached, %llu written\n",
      GetParam().network, GetParam().spec, totals.runs, totals.tensors, totals.mismatches,
      static_cast<unsigned long long>(totals.cold_cycles),
      static_cast<unsigned long long>(totals.warm_cycles),
      static_cast<unsigned long long>(totals.cold_read),
      static_cast<unsigned long long>(totals.warm_read),
      static_cast<unsigned long long>(totals.written));
}

std::vector<NetworkCase> NetworkCases() {
  std::vector<NetworkCase> cases;
  for (const char* network : ReferenceNetworks()) {
    const std::string name = network;
    const bool large = name == "mobilenet_v2_224" || name == "hps_320x240";
    cases.push_back({network, "edge", !large});
    if (!large) cases.push_back({network, "quad", true});
  }
  return cases;
}

INSTANTIATE_TEST_SUITE_P(Shared, Networks, ::testing::ValuesIn(NetworkCases()),
                         [](const auto& info) {
                           return std::string(info.param.network) + "_" + info.param.spec;
                         });

/// Which third of the families runs on the small NPUs: NPUGEN_ROTATION, or the day of the year.
int Rotation() {
  if (const char* given = std::getenv("NPUGEN_ROTATION")) return std::atoi(given) % 3;
  const std::time_t now = std::time(nullptr);
  return std::gmtime(&now)->tm_yday % 3;
}

struct FamilyCase {
  ReferenceFamily family;
  int number;
  const char* spec;
  friend std::ostream& operator<<(std::ostream& out, const FamilyCase& test) {
    return out << test.family.name << " on " << test.spec;
  }
};

class Families : public ::testing::TestWithParam<FamilyCase> {};

TEST_P(Families, EqualTheReference) {
  const std::string folder = ReferenceFolder("ops");
  if (std::string(GetParam().spec) != "edge" && GetParam().number % 3 != Rotation()) {
    GTEST_SKIP() << "not in this rotation; NPUGEN_ROTATION=0..2 chooses";
  }
  const NpuConfig config = NamedConfig(GetParam().spec);
  Totals totals;
  int ran = 0;
  for (const ReferenceModel& reference : ReadFamily(folder, GetParam().family.name)) {
    Result<Model> model = LoadTflite(reference.path);
    ASSERT_TRUE(model.ok()) << reference.name << ": " << ErrorText(model);
    PadAsTheReferenceDid(*model);
    const Result<Program> plain = Compile(*model, config);
    EXPECT_TRUE(plain.ok()) << reference.name << ": " << ErrorText(plain);
    if (!plain) continue;
    RunProgram(config, *model, *plain, reference.runs, reference.name + ", ", &totals);
    ++ran;
    if (reference.runs[0].digests.empty()) continue;
    const Result<Program> checking = Compile(*model, config, {.keep_tensors = true});
    ASSERT_TRUE(checking.ok()) << reference.name << ": " << ErrorText(checking);
    RunProgram(config, *model, *checking, reference.runs, reference.name + ", all tensors, ",
               &totals);
  }
  EXPECT_EQ(ran, GetParam().family.cases);
  std::printf("%s on %s: %d models, %d runs, %d tensors compared, %d mismatches\n",
              GetParam().family.name, GetParam().spec, ran, totals.runs, totals.tensors,
              totals.mismatches);
}

std::vector<FamilyCase> FamilyCases() {
  std::vector<FamilyCase> cases;
  int number = 0;
  for (const ReferenceFamily& family : RequiredFamilies()) {
    if (family.on_host) continue;  // nothing for the NPU
    for (const char* spec : {"edge", "nano", "odd"}) cases.push_back({family, number, spec});
    ++number;
  }
  return cases;
}

INSTANTIATE_TEST_SUITE_P(Shared, Families, ::testing::ValuesIn(FamilyCases()),
                         [](const auto& info) {
                           return std::string(info.param.family.name) + "_" + info.param.spec;
                         });

}  // namespace
}  // namespace npugen::testing

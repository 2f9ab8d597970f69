// SPDX-License-Identifier: Apache-2.0
// Builds and opens simulation models for tests.
#include "tests/system/simulation.h"

#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "generator/config/load.h"
#include "generator/support/file.h"
#include "npu_registers.h"
#include "verif/sim/model_builder.h"

namespace npugen::testing {
namespace {

constexpr uint64_t kMostSpecBytes = 1 << 20;

template <typename T>
T Need(Result<T> result) {
  if (!result) {
    for (const Diagnostic& error : result.errors()) {
      std::fputs(FormatDiagnostic(error, false).c_str(), stderr);
    }
    std::exit(1);
  }
  return std::move(result.value());
}

/// Every test has a seed of its own, always the same.
uint64_t SeedOfTest() {
  const ::testing::TestInfo* test = ::testing::UnitTest::GetInstance()->current_test_info();
  if (test == nullptr) return kDefaultPowerUpSeed;
  uint64_t seed = 0xcbf29ce484222325;
  for (const std::string name : {test->test_suite_name(), test->name()}) {
    for (const char letter : name) seed = (seed ^ static_cast<uint8_t>(letter)) * 0x100000001b3;
  }
  return seed | 1;
}

}  // namespace

NpuConfig SpecConfig(const std::string& name) {
  return Need(LoadSpec(std::string(NPUGEN_SOURCE_DIR) + "/specs/" + name + ".yaml"));
}

NpuConfig TextConfig(const std::string& name, const std::string& yaml) {
  return Need(LoadSpecText(yaml, name + ".yaml"));
}

NpuConfig NanoWith(const std::string& units) {
  if (units.empty()) return SpecConfig("nano");
  std::string text =
      Need(ReadFileText(std::string(NPUGEN_SOURCE_DIR) + "/specs/nano.yaml", kMostSpecBytes));
  const std::string_view block = "\nunits:\n";
  text.insert(text.find(block) + block.size(), "  " + units + "\n");
  return TextConfig("nano_with_units", text);
}

std::string ModelLibrary(const NpuConfig& config, bool quick, bool waves) {
  ModelBuildOptions build;
  build.jobs = quick ? 2 : 1;
  build.quick = quick;
  build.waves = waves;
  return Need(BuildConfigModel(config, build)).library;
}

std::unique_ptr<SimulatedNpu> MakeNpu(const NpuConfig& config, const SimulationOptions& options,
                                      bool quick) {
  SimulationOptions seeded = options;
  if (options.power_up_seed == kDefaultPowerUpSeed) seeded.power_up_seed = SeedOfTest();
  return Need(SimulatedNpu::Open(ModelLibrary(config, quick, !options.waves.empty()), seeded));
}

}  // namespace npugen::testing

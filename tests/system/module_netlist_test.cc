// Netlists of unique modules against their RTL.
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>

#include "generator/emit/emit.h"
#include "generator/plan/plan.h"
#include "tests/system/simulation.h"
#include "verif/netlist/module_comparison.h"

namespace npugen::testing {
namespace {

FileSet Emission(const NpuConfig& config) {
  const Result<Plan> plan = MakePlan(config);
  EXPECT_TRUE(plan.ok()) << ErrorText(plan);
  if (!plan) return {};
  const Result<FileSet> files = Emit(*plan);
  EXPECT_TRUE(files.ok()) << ErrorText(files);
  return files ? *files : FileSet{};
}

uint64_t Cycles() {
  const char* text = std::getenv("NPUGEN_CYCLES");
  return text == nullptr ? 1000 : std::strtoull(text, nullptr, 10);
}

class Modules : public ::testing::TestWithParam<const char*> {};

TEST_P(Modules, NetlistsAreTheRtls) {
  const FileSet emission = Emission(SpecConfig(GetParam()));
  ModuleComparisonOptions options;
  options.cache_folder = NPUGEN_TEST_CACHE;
  options.cycles = Cycles();
  options.progress = [](const std::string& text) { std::printf("%s\n", text.c_str()); };
  const Result<std::vector<ModuleComparison>> result = CompareModules(emission, options);
  ASSERT_TRUE(result.ok()) << ErrorText(result);
  std::fputs(FormatComparisons(*result).c_str(), stdout);
  for (const ModuleComparison& module : *result) EXPECT_EQ(module.difference, "") << module.module;
}

INSTANTIATE_TEST_SUITE_P(Presets, Modules,
                         ::testing::Values("nano", "quad", "edge", "edge_bnn", "edge_tpu_v1",
                                           "edge_tpu_v2", "edge_tpu_v3"),
                         [](const auto& info) { return std::string(info.param); });

}  // namespace
}  // namespace npugen::testing

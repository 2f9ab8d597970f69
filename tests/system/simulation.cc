// Builds and opens simulation models for tests.
#include "tests/system/simulation.h"

#include <cstdio>
#include <cstdlib>

#include "generator/config/load.h"
#include "verif/sim/model_builder.h"

namespace npugen::testing {
namespace {

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

}  // namespace

NpuConfig SpecConfig(const std::string& name) {
  return Need(LoadSpec(std::string(NPUGEN_SOURCE_DIR) + "/specs/" + name + ".yaml"));
}

NpuConfig TextConfig(const std::string& name, const std::string& yaml) {
  return Need(LoadSpecText(yaml, name + ".yaml"));
}

std::unique_ptr<SimulatedNpu> MakeNpu(const NpuConfig& config, const SimulationOptions& options,
                                      bool quick) {
  ModelBuildOptions build;
  build.cache_folder = NPUGEN_TEST_CACHE;
  build.jobs = quick ? 2 : 1;
  build.quick = quick;
  build.waves = !options.waves.empty();
  const BuiltModel model = Need(BuildConfigModel(config, build));
  return Need(SimulatedNpu::Open(model.library, options));
}

}  // namespace npugen::testing

// Verilated NPUs for tests: built on demand into the build folder's cache.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "generator/config/npu_config.h"
#include "sw/runtime/npu_host.h"
#include "verif/sim/simulated_npu.h"

namespace npugen::testing {

/// The configuration of a spec of the repository, such as "nano". Ends the program if it is
/// refused.
NpuConfig SpecConfig(const std::string& name);

/// The configuration of a spec in text form. Ends the program if it is refused.
NpuConfig TextConfig(const std::string& name, const std::string& yaml);

/// A simulated NPU of this configuration, built if necessary (with `quick` for few cycles). Ends
/// the program if that fails.
std::unique_ptr<SimulatedNpu> MakeNpu(const NpuConfig& config, const SimulationOptions& options,
                                      bool quick = false);

/// The first error as text, or an empty text.
template <typename T>
std::string ErrorText(const Result<T>& result) {
  return result.ok() ? std::string() : FormatDiagnostic(result.errors().front(), false);
}

}  // namespace npugen::testing

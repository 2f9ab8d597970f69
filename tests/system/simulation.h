// SPDX-License-Identifier: Apache-2.0
// Verilated NPUs for tests: built on demand into the user's cache.
#pragma once

#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "generator/arch/command_set.h"
#include "generator/config/npu_config.h"
#include "sw/runtime/npu_host.h"
#include "tests/support/stream_job.h"
#include "verif/sim/simulated_npu.h"

namespace npugen::testing {

/// A spec whose sizes are no powers of two where they need not be: two PEs of two cores on a narrow
/// bus.
inline constexpr const char* kOddSpec =
    "npu: {grid: {x: 2, y: 1}, axi: {data_width: 32, address_width: 32, outstanding: 4}, "
    "command_queue: 2}\n"
    "pe: {memory: 32 KiB, banks: 4, bank_width: 8, cores: 2}\n"
    "core: {memory: 16 KiB, banks: 2, bank_width: 8, lanes: 3, accumulators: 5}\n"
    "lane: {simd: 5}\n"
    "controller: {instruction_memory: 64, parameter_buffer: 16, activation_buffer: 16}\n"
    "units: {postprocess_width: 2, lookup_ports: 1}\n";

/// The configuration of a spec of the repository, such as "nano". Ends the program if it is
/// refused.
NpuConfig SpecConfig(const std::string& name);

/// The configuration of a spec in text form. Ends the program if it is refused.
NpuConfig TextConfig(const std::string& name, const std::string& yaml);

/// `nano` with these lines in the units of its spec, such as "bnn: {enabled: true}"; without any it
/// is `nano` itself. Tests that ask for the same share models and netlists.
NpuConfig NanoWith(const std::string& units);

/// The library of the model of a configuration, built if necessary (with `quick` for few cycles).
/// Ends the program if that fails.
std::string ModelLibrary(const NpuConfig& config, bool quick = false, bool waves = false);

/// A simulated NPU of this configuration, built if necessary. Its state at power-up is random, with
/// a seed of the running test unless `options` have one. Ends the program if that fails.
std::unique_ptr<SimulatedNpu> MakeNpu(const NpuConfig& config, const SimulationOptions& options,
                                      bool quick = false);

/// The first error as text, or an empty text.
template <typename T>
std::string ErrorText(const Result<T>& result) {
  return result.ok() ? std::string() : FormatDiagnostic(result.errors().front(), false);
}

}  // namespace npugen::testing

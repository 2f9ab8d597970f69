// SPDX-License-Identifier: Apache-2.0
// Jobs of command streams that no compiler made, on a simulated NPU.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "generator/arch/command_set.h"
#include "generator/arch/register_map.h"
#include "generator/config/npu_config.h"
#include "generator/support/diagnostic.h"
#include "verif/random/float_product.h"
#include "verif/sim/simulated_npu.h"

namespace npugen::testing {

/// A window of the host's memory as its registers hold it.
struct JobWindow {
  uint64_t base = 0;
  uint32_t size = 0;   ///< bytes
  uint32_t flags = 0;  ///< 1: may be read, 2: may be written
};
using Windows = std::array<JobWindow, kWindowCount>;
/// Writes the registers of all windows.
void WriteWindows(const Windows& windows, SimulatedNpu* npu);
/// A stream of these commands, with its header.
std::vector<uint32_t> StreamWords(const NpuConfig& config, const std::vector<Command>& commands);

/// What a stream wrote.
struct StreamRun {
  std::vector<uint8_t> output;  ///< window 3
  uint64_t cycles = 0;          ///< from doorbell to interrupt
  uint64_t estimate = 0;        ///< the performance model's
};
/// Runs these commands with the contents of windows 1 and 2, which are read, and 3, which is
/// written. The windows stand one behind the other, from 64 KiB in the memory of `npu` on. Errors:
/// what does not fit, a job that fails.
Result<StreamRun> RunStream(const NpuConfig& config, const std::vector<Command>& commands,
                            const std::vector<uint8_t>& scratch, const std::vector<uint8_t>& input,
                            size_t output_bytes, SimulatedNpu* npu);

/// What a product of floating-point numbers gave.
struct FloatProductRun {
  std::vector<uint32_t> out;  ///< [rows][channels] codes
  uint64_t cycles = 0;        ///< from doorbell to interrupt
  uint64_t estimate = 0;      ///< the performance model's
};
/// Runs a product (`a`: [rows][depth], `w`: [channels][depth] codes) as RunStream() does.
Result<FloatProductRun> RunFloatProduct(const NpuConfig& config, const FloatProduct& product,
                                        const std::vector<uint16_t>& a,
                                        const std::vector<uint16_t>& w, SimulatedNpu* npu);

}  // namespace npugen::testing

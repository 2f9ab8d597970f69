// SPDX-License-Identifier: Apache-2.0
// What an emitted NPU takes of an FPGA, by Yosys' own flows.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "generator/config/npu_config.h"
#include "generator/support/diagnostic.h"
#include "generator/synth/design.h"
#include "generator/synth/synth.h"

namespace npugen {

enum class FpgaTarget : uint8_t { kXilinx, kEcp5, kIce40 };
/// `xilinx`, `ecp5`, `ice40`.
std::string FpgaName(FpgaTarget target);

/// Cells of one device family.
struct FpgaReport {
  FpgaTarget target = FpgaTarget::kXilinx;
  uint64_t luts = 0;      ///< of 4 inputs (ECP5, iCE40), of up to 6 (Xilinx)
  uint64_t lut_rams = 0;  ///< cells of distributed memory
  uint64_t flip_flops = 0;
  uint64_t carries = 0;  ///< cells of carry chains
  uint64_t dsps = 0;
  uint64_t block_rams = 0;  ///< of 36 Kib (Xilinx; two of 18 Kib count one), 18 Kib, 4 Kib
  std::map<std::string, uint64_t> cells;  ///< all of them, by type
  double seconds = 0;
  bool cached = false;
};

/// Counts the cells of a mapped design.
FpgaReport CountFpgaCells(const Design& design, FpgaTarget target);

/// Emits `config` and runs Yosys on each of its modules. Clock gates are left out, as FPGAs have
/// clock enables instead. Modules are not merged: what a flat run would share or drop at their
/// borders is counted. Errors as of Synthesize().
Result<FpgaReport> SynthesizeForFpga(const NpuConfig& config, FpgaTarget target,
                                     const SynthOptions& options);

std::string FormatFpga(const NpuConfig& config, const FpgaReport& report);
std::string FpgaJson(const NpuConfig& config, const FpgaReport& report);

}  // namespace npugen

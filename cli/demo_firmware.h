// SPDX-License-Identifier: Apache-2.0
// npugen demo --firmware: a RISC-V system around the NPU boots the emitted firmware example, which
// takes the network from flash, waits for the interrupt and prints class and cycles.
#pragma once

#include <cstdint>
#include <string>

#include "cli/report_flags.h"
#include "cli/simulate.h"
#include "generator/config/npu_config.h"

namespace npugen {

struct DemoFirmwareFlags {
  std::string data;  ///< folder with networks, images and results
  std::string elf;   ///< a program to boot in the place of the emitted example; empty: that
  std::string keep;  ///< folder in which firmware and flash image stay; empty: nowhere
  ReportFlags output;
  uint32_t images = 0;  ///< of each network; 0: kFirmwareImages
  BuildFlags build;
  SimulationFlags simulation;
};

/// Images of a network that the firmware classifies unless told.
inline constexpr uint32_t kFirmwareImages = 8;

/// Boots the firmware once for each network. Returns the exit status of the program.
int DemoFirmware(const NpuConfig& config, const DemoFirmwareFlags& flags);

}  // namespace npugen

// SPDX-License-Identifier: Apache-2.0
// Cuts a command stream into commands, with the checks of the dispatcher.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "generator/arch/command_set.h"
#include "generator/config/npu_config.h"

namespace npugen {

/// A stream as far as it could be decoded. When `error_code` is not 0 the commands before the
/// offending one are valid; the hardware would dispatch them before it reports the error.
struct DecodedStream {
  std::vector<Command> commands;
  uint8_t error_code = 0;
  uint32_t error_offset = 0;  ///< byte in the program window
  uint16_t error_tag = 0;
  /// The command that the dispatcher refuses, if it is one of a known opcode and length, and its
  /// entries that have gone to its queues before.
  std::optional<Command> refused;
  uint32_t refused_entries = 0;
  std::string detail;
  uint32_t bytes = 0;
};

/// Number of the row of AllHardwareErrors() with this name.
uint8_t ErrorCode(std::string_view name);

/// The count that wait `number` needs until nothing holds the command back any more: with `follow`,
/// wait 1 lasts to the last weight row.
int64_t WaitCount(const NpuConfig& config, const Command& command, int number);

DecodedStream DecodeStream(const NpuConfig& config, std::span<const uint8_t> program,
                           uint32_t offset);

}  // namespace npugen

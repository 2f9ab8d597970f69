// SPDX-License-Identifier: Apache-2.0
// The checks of docs/machine.md that a command's fields must pass, one definition for all who need
// it: the compiler's encoder, the stream checker and the functional model.
#pragma once

#include <optional>
#include <string>

#include "generator/arch/command_set.h"
#include "generator/config/npu_config.h"

namespace npugen {

/// Why hardware would end the job with BadField at this command, in words; none: it would not. What
/// depends on memory (bounds of addresses, shifts in parameter records) and on other commands
/// (barriers, opcode, length) is not looked at. Commands of the DMA and of the PEs; END and FENCE
/// have no fields.
std::optional<std::string> CheckCommandFields(const NpuConfig& config, const Command& command);

}  // namespace npugen

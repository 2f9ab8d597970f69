// SPDX-License-Identifier: Apache-2.0
// The checks of docs/machine.md that a command's fields must pass, one definition for all who need
// it: the compiler's encoder, the stream checker and the functional model.
#pragma once

#include <optional>
#include <string>

#include "generator/arch/command_set.h"
#include "generator/config/npu_config.h"

namespace npugen {

/// Why the dispatcher would end the job with BadField at this command, in words; none: it would
/// not. Bits that no field of the opcode uses are not 0. The pe_mask, opcode, length and barriers
/// are DecodeStream's.
std::optional<std::string> CheckDispatch(const NpuConfig& config, const Command& command);

/// Why the engine of a command that the dispatcher lets pass would end the job with BadField.
std::optional<std::string> CheckEngine(const NpuConfig& config, const Command& command);

/// Both, in this order. What depends on memory (bounds of addresses) and on other commands
/// (barriers) is not looked at.
std::optional<std::string> CheckCommandFields(const NpuConfig& config, const Command& command);

}  // namespace npugen

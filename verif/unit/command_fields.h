// SPDX-License-Identifier: Apache-2.0
// Commands in benches: fields by name, and ports that hold a command.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <string_view>

#include "generator/arch/command_set.h"

namespace npugen {

/// Sets a field that the command has to a value that fits it.
inline void SetField(Command* command, std::string_view field, int64_t value) {
  const CommandField* row = FindField(command->opcode(), field);
  ASSERT_TRUE(row != nullptr && command->Set(*row, value)) << field << " = " << value;
}

/// Drives a port of the type of the command's layout; words that the command lacks are 0.
template <typename Port>
void SetCommand(Port* port, const Command& command) {
  auto* words = reinterpret_cast<uint32_t*>(port);
  std::fill_n(words, sizeof(Port) / 4, 0u);
  std::copy_n(command.words().begin(), std::min(command.words().size(), sizeof(Port) / 4), words);
}

}  // namespace npugen

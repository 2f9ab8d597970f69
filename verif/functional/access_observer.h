// SPDX-License-Identifier: Apache-2.0
// What watches the memory accesses of the functional model.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "generator/arch/command_set.h"

namespace npugen {

/// Told of every byte that commands read and write, in the model's order. Memories are numbered: PE
/// memories first, then core memories (PE by PE), then the windows.
class AccessObserver {
 public:
  virtual ~AccessObserver() = default;
  /// What follows is done by `command` in queue `queue`: 0 LOAD, 1 STORE, 2 + p PE p.
  virtual void Begin(const Command& command, size_t queue) = 0;
  /// `weights`: hardware waits for the row's arrival if the command follows its LOAD.
  virtual void Read(size_t memory, int64_t address, bool weights) = 0;
  virtual void Write(size_t memory, int64_t address, uint8_t value) = 0;
  /// The command is at fault: what it does from now on is only what hardware may still do.
  virtual void Fault() = 0;
  /// docs/machine.md does not define what the command gives.
  virtual void Undefined(std::string_view why) = 0;
};

}  // namespace npugen

// SPDX-License-Identifier: Apache-2.0
// Stage 4: the order of commands in the stream and the barriers between engines.
#pragma once

#include <cstdint>
#include <vector>

#include "generator/config/npu_config.h"
#include "sw/compiler/encode/step.h"

namespace npugen::compiler {

/// Moves LOADs ahead of compute commands and STOREs that they do not depend on, as far as that does
/// not block the dispatcher. LOADs of parameters also go ahead of an exchange, LOADs that bring
/// PEs what others computed, up to `overtake` words for each cycle that the PEs compute since the
/// exchange before (`cycles` of steps). Program order stays a valid order of execution.
std::vector<Step> HoistLoads(const NpuConfig& config, std::vector<Step> steps, double overtake);

/// Moves LOADs of what the program never writes ahead of LOADs from scratch memory, which wait for
/// its own STOREs, where they touch nothing that steps in between do, of each run of `bytes` at
/// most. Their own order stays.
std::vector<Step> AdvanceConstants(std::vector<Step> steps, int64_t bytes);

/// Adds waits and signals: a step waits for the last step of each other engine that touches the
/// same memory, unless an earlier wait implies it. A LOAD that depends on more than two engines
/// gets LOADs of one entry in front, which only wait. LOADs whose source is never written by the
/// program may read ahead of their waits. A compute command that waits for its weights begins with
/// the first of them and follows the others. Since waits only name earlier steps, no stream can
/// deadlock.
std::vector<Step> AddBarriers(const NpuConfig& config, std::vector<Step> steps);

/// Header, commands and END as bytes.
std::vector<uint8_t> WriteStream(const NpuConfig& config, const std::vector<Step>& steps);

}  // namespace npugen::compiler

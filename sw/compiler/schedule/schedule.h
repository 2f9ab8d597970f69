// Stage 4: the order of commands in the stream and the barriers between engines.
#pragma once

#include <cstdint>
#include <vector>

#include "generator/config/npu_config.h"
#include "sw/compiler/schedule/step.h"

namespace npugen::compiler {

/// Barriers of the streams: each counts the completed commands of one engine.
inline constexpr uint32_t kLoadBarrier = 0;
inline constexpr uint32_t kComputeBarrier = 1;
inline constexpr uint32_t kStoreBarrier = 2;

/// Moves LOADs ahead of compute commands and STOREs that they do not depend on, as far as that does
/// not block the dispatcher. Program order stays a valid order of execution.
std::vector<Step> HoistLoads(const NpuConfig& config, std::vector<Step> steps);

/// Adds waits and signals: a step waits for the last step of each other engine that touches the
/// same memory, unless an earlier wait implies it. Since waits only name earlier steps, no stream
/// can deadlock.
void AddBarriers(std::vector<Step>* steps);

/// Header, commands and END as bytes.
std::vector<uint8_t> WriteStream(const NpuConfig& config, const std::vector<Step>& steps);

}  // namespace npugen::compiler

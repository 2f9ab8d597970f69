// SPDX-License-Identifier: Apache-2.0
// The timeline of a job in the Chrome trace-event format, which ui.perfetto.dev opens.
#pragma once

#include <string>

#include "generator/config/npu_config.h"
#include "sw/compiler/program.h"
#include "sw/runtime/timeline.h"
#include "verif/session/run_report.h"

namespace npugen {

/// The file that docs/trace.md describes. `timeline` is that of the last measured run in `report`,
/// which ran `program`: its stream says what the commands are, its layers what they are for. Equal
/// arguments give equal text.
std::string TraceJson(const NpuConfig& config, const Program& program, const RunReport& report,
                      const Timeline& timeline);

}  // namespace npugen

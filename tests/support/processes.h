// SPDX-License-Identifier: Apache-2.0
// Processes that go on, as /proc has them, and what this one takes.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <vector>

namespace npugen::testing {

/// The processes of a session (setsid()) that have not ended.
std::vector<pid_t> LiveProcesses(pid_t session);

/// The most memory that this process has had, in kilobytes.
int64_t PeakKilobytes();

}  // namespace npugen::testing

// SPDX-License-Identifier: Apache-2.0
// Processes that go on, as /proc has them.
#pragma once

#include <sys/types.h>

#include <vector>

namespace npugen::testing {

/// The processes of a session (setsid()) that have not ended.
std::vector<pid_t> LiveProcesses(pid_t session);

}  // namespace npugen::testing

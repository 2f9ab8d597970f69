// SPDX-License-Identifier: Apache-2.0
// Runs external tools without a shell.
#pragma once

#include <string>
#include <vector>

#include "generator/support/diagnostic.h"

namespace npugen {

/// Runs `arguments` (program first, found on PATH) in `folder`, with stdout and stderr into the
/// file `log`. Returns the exit status (128 + signal number when killed). Error: kToolMissing when
/// the program is not installed.
Result<int> RunProcess(const std::vector<std::string>& arguments, const std::string& folder,
                       const std::string& log);

}  // namespace npugen

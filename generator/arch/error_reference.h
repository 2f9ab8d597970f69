// SPDX-License-Identifier: Apache-2.0
// The list of all errors, of npugen and of the hardware, for docs/errors.md and the help.
#pragma once

#include <string>

namespace npugen {

/// All diagnostic codes, exit statuses and hardware errors as Markdown.
std::string ErrorReference();

/// The exit statuses of the program, one sentence of at most three lines, for the help.
std::string ExitStatusHelp();

}  // namespace npugen

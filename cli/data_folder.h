// SPDX-License-Identifier: Apache-2.0
// Where the specs and networks are that commands take by default.
#pragma once

#include <string>

namespace npugen {

/// A folder with `specs` and `models`: NPUGEN_DATA of the environment, ../share/npugen beside the
/// folder of the installed program, or the source tree that it was built from.
std::string DataFolder();

}  // namespace npugen

// SPDX-License-Identifier: Apache-2.0
// Model files as bytes.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "generator/support/diagnostic.h"

namespace npugen {

/// The contents of the file at `path`, or of standard input (kStandardStream): at most 2 GiB
/// (M108); errors of ReadFileBytes().
Result<std::vector<uint8_t>> ReadModelFile(const std::string& path);

}  // namespace npugen

// Model files as bytes.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "generator/support/diagnostic.h"

namespace npugen {

/// The contents of the file at `path`: at most 2 GiB (M108), U002 if it cannot be read.
Result<std::vector<uint8_t>> ReadModelFile(const std::string& path);

}  // namespace npugen

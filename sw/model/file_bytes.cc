// SPDX-License-Identifier: Apache-2.0
// Model files as bytes.
#include "sw/model/file_bytes.h"

#include <limits>

#include "generator/support/file.h"

namespace npugen {

Result<std::vector<uint8_t>> ReadModelFile(const std::string& path) {
  constexpr uint64_t kLargestFile = std::numeric_limits<int32_t>::max();
  Result<std::vector<uint8_t>> bytes = ReadFileBytes(path, kLargestFile);
  if (bytes && bytes->size() > kLargestFile) {
    return Diagnostic{DiagnosticCode::kModelTooLarge, SourceLocation{path},
                      "the file has more than 2 GiB", "at most 2 GiB can be addressed"};
  }
  return bytes;
}

}  // namespace npugen

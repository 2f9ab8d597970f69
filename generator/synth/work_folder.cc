// SPDX-License-Identifier: Apache-2.0
// Makes the folder in which tools work.
#include "generator/synth/work_folder.h"

#include <utility>

#include "generator/support/file.h"

namespace npugen {

namespace fs = std::filesystem;

WorkFolder::WorkFolder(fs::path path, std::optional<TemporaryFolder> temporary)
    : path_(std::move(path)), temporary_(std::move(temporary)) {}

Result<WorkFolder> WorkFolder::Make(const std::string& keep) {
  if (keep.empty()) {
    Result<TemporaryFolder> folder = TemporaryFolder::MakeInTemp("npugen-synth");
    if (!folder) return folder.errors();
    std::string path = folder->path();
    return WorkFolder(std::move(path), std::move(*folder));
  }
  std::error_code error;
  fs::create_directories(keep, error);
  if (error) return SystemError(DiagnosticCode::kFileWrite, keep, "made", error.value());
  return WorkFolder(fs::absolute(keep, error), std::nullopt);
}

}  // namespace npugen

// SPDX-License-Identifier: Apache-2.0
// Looks for the data of the program.
#include "cli/data_folder.h"

#include <cstdlib>
#include <filesystem>

namespace npugen {

std::string DataFolder() {
  const char* given = std::getenv("NPUGEN_DATA");
  if (given != nullptr && *given != '\0') return given;
  std::error_code error;
  const std::filesystem::path program = std::filesystem::read_symlink("/proc/self/exe", error);
  const std::filesystem::path shared = program.parent_path().parent_path() / "share" / "npugen";
  if (!error && std::filesystem::is_directory(shared / "specs", error)) return shared.string();
  return NPUGEN_SOURCE_DIR;
}

}  // namespace npugen

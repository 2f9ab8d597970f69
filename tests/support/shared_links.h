// SPDX-License-Identifier: Apache-2.0
// The shared reference data of copies, links and pods: NPUGEN_SHARED_LINKS, or ../shared/links
// beside the clone.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "tests/support/files.h"

namespace npugen::testing {

/// The folder of the data; empty if there is none, and kNoSharedLinks is what a test then says.
inline std::string SharedLinksFolder() {
  const char* given = std::getenv("NPUGEN_SHARED_LINKS");
  const std::string folder = given != nullptr ? given : SourcePath("../shared/links");
  return std::filesystem::exists(folder + "/README.md") ? folder : std::string();
}
inline constexpr const char* kNoSharedLinks =
    "the reference data of copies, memory, links and pods are not part of the project: "
    "NPUGEN_SHARED_LINKS names "
    "the folder that has them";

inline nlohmann::json SharedLinksJson(const std::string& name) {
  std::ifstream file(SharedLinksFolder() + "/" + name);
  return nlohmann::json::parse(file);
}

}  // namespace npugen::testing

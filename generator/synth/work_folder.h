// SPDX-License-Identifier: Apache-2.0
// The folder in which tools work: one that the user wants to keep, or one that disappears.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "generator/support/diagnostic.h"
#include "generator/support/temporary.h"

namespace npugen {

class WorkFolder {
 public:
  /// `keep`, which is made if it is missing; empty: a folder that disappears with its owner. Error:
  /// kFileWrite.
  static Result<WorkFolder> Make(const std::string& keep);
  const std::filesystem::path& path() const { return path_; }  ///< absolute
  /// Leaves the folder for the user to look into.
  void Keep() {
    if (temporary_) temporary_->Keep();
  }

 private:
  WorkFolder(std::filesystem::path path, std::optional<TemporaryFolder> temporary);
  std::filesystem::path path_;
  std::optional<TemporaryFolder> temporary_;
};

}  // namespace npugen

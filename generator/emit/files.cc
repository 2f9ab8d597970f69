// SPDX-License-Identifier: Apache-2.0
// Files in memory, and their way to the disk: all of them or none.
#include "generator/emit/files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <stdio.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>
#include <vector>

#include "generator/support/file.h"
#include "generator/support/temporary.h"
#include "generator/support/text.h"

namespace npugen {
namespace {

namespace fs = std::filesystem;

Diagnostic Refuse(const fs::path& path, std::string message, std::string hint) {
  return {DiagnosticCode::kFileWrite, {path.string(), 0, 0}, std::move(message), std::move(hint)};
}

/// The text of a file in the target folder, which may hold anything; nothing if it cannot be read.
std::string ReadAll(const fs::path& path) {
  constexpr uint64_t kMost = uint64_t{1} << 30;
  constexpr std::chrono::milliseconds kNoPatience(0);
  Result<std::string> text = ReadFileText(path.string(), kMost, kNoPatience);
  return text ? std::move(*text) : std::string();
}

/// What an earlier emission wrote: path -> hash. Nothing if the manifest is none of npugen's.
std::optional<std::map<std::string, std::string>> ReadManifest(const fs::path& folder) {
  const nlohmann::json manifest =
      nlohmann::json::parse(ReadAll(folder / kManifestName), nullptr, false);
  if (!manifest.is_object() || manifest.value("generator", nlohmann::json()) != "npugen" ||
      !manifest.contains("files") || !manifest["files"].is_array()) {
    return std::nullopt;
  }
  std::map<std::string, std::string> files;
  for (const nlohmann::json& file : manifest["files"]) {
    if (!file.is_object() || !file.contains("path") || !file["path"].is_string() ||
        !file.contains("fnv1a64") || !file["fnv1a64"].is_string()) {
      return std::nullopt;
    }
    files[file["path"]] = file["fnv1a64"];
  }
  return files;
}

/// Checks that `folder` may be replaced. Gives the earlier emission's files.
Result<std::map<std::string, std::string>> CheckTarget(const FileSet& files, const fs::path& folder,
                                                       bool force) {
  std::map<std::string, std::string> earlier;
  std::error_code error;
  if (!fs::exists(folder, error)) return earlier;
  if (!fs::is_directory(folder, error)) {
    return Refuse(folder, "it exists and is not a folder", "give another folder");
  }
  if (fs::equivalent(folder, fs::current_path(error), error)) {
    return Refuse(folder, "the current folder cannot be replaced", "give another folder");
  }
  const bool is_empty = fs::is_empty(folder, error);
  if (error) return Refuse(folder, fmt::format("cannot be read: {}", error.message()), "");
  if (is_empty) return earlier;

  const std::optional<std::map<std::string, std::string>> manifest = ReadManifest(folder);
  if (!manifest) {
    return Refuse(folder, "the folder has content that npugen did not write",
                  "give an empty or new folder");
  }
  for (const auto& [path, hash] : *manifest) {
    const fs::path file = folder / path;
    if (force || !fs::exists(file, error)) continue;
    if (fmt::format("{:016x}", Fnv1a64(ReadAll(file))) != hash) {
      return Refuse(file, "the file was edited since npugen wrote it",
                    "keep your edit elsewhere, or overwrite it with --force");
    }
  }
  for (const auto& [path, text] : files) {
    if (!force && path != kManifestName && !manifest->contains(path) &&
        fs::exists(folder / path, error)) {
      return Refuse(folder / path, "npugen did not write this file and would overwrite it",
                    "move it away, or overwrite it with --force");
    }
  }
  return *manifest;
}

/// Moves what npugen did not write from the replaced folder into the new one; false when something
/// stayed behind.
bool KeepOthers(const fs::path& from, const fs::path& to, const fs::path& relative,
                const std::map<std::string, std::string>& earlier) {
  std::error_code error;
  bool all = true;
  for (const fs::directory_entry& entry : fs::directory_iterator(from / relative, error)) {
    const fs::path path = relative / entry.path().filename();
    const std::string name = path.generic_string();
    if (name == kManifestName || earlier.contains(name)) continue;
    const auto inside = earlier.lower_bound(name + "/");
    const bool is_mixed = (inside != earlier.end() && inside->first.starts_with(name + "/")) ||
                          fs::is_directory(to / path, error);
    if (is_mixed) {
      all &= KeepOthers(from, to, path, earlier);
    } else {
      fs::create_directories((to / path).parent_path(), error);
      fs::rename(from / path, to / path, error);
      all &= !error;
    }
  }
  return all;
}

/// Puts the staged folder in the place of `target`, which always is the old one or the new one.
Status Replace(TemporaryFolder staged, const fs::path& target,
               const std::map<std::string, std::string>& earlier) {
  const auto refuse = [&target] {
    return SystemError(DiagnosticCode::kFileWrite, target.string(), "replaced", errno);
  };
  std::error_code error;
  if (!fs::exists(target, error)) {
    if (rename(staged.path().c_str(), target.c_str()) != 0) return refuse();
    staged.Keep();
    SyncFolder(target.parent_path().string());
    return Unit{};
  }
  // From here on the folder beside may hold the user's files, which no signal may remove.
  const std::string folder = staged.path();
  staged.Keep();
  if (renameat2(AT_FDCWD, folder.c_str(), AT_FDCWD, target.c_str(), RENAME_EXCHANGE) != 0) {
    // Some file systems cannot exchange: for a moment there is neither folder then.
    const bool cannot = errno == EINVAL || errno == ENOSYS;
    const std::string old = folder + ".old";
    if (!cannot || rename(target.c_str(), old.c_str()) != 0) {
      const Status status = refuse();
      fs::remove_all(folder, error);
      return status;
    }
    if (rename(folder.c_str(), target.c_str()) != 0) {
      const Status status = refuse();
      rename(old.c_str(), target.c_str());
      fs::remove_all(folder, error);
      return status;
    }
    rename(old.c_str(), folder.c_str());
  }
  if (!KeepOthers(folder, target, "", earlier)) {
    return Refuse(folder, "the replaced folder holds files that cannot be moved into the new one",
                  "move them, and remove it");
  }
  fs::remove_all(folder, error);
  SyncFolder(target.parent_path().string());
  return Unit{};
}

}  // namespace

Status WriteFolder(const FileSet& files, const std::string& folder, bool force) {
  std::error_code error;
  fs::path target = fs::absolute(folder, error).lexically_normal();
  if (folder.empty() || error) return Refuse(folder, "no folder is given", "");
  if (target.filename().empty()) target = target.parent_path();
  // A link is followed, so that it stays a link.
  if (fs::is_symlink(target, error)) target = fs::weakly_canonical(target, error);

  Result<std::map<std::string, std::string>> earlier = CheckTarget(files, target, force);
  if (!earlier) return earlier.errors();

  fs::create_directories(target.parent_path(), error);
  Result<TemporaryFolder> staged =
      TemporaryFolder::Make(target.parent_path().string(), target.filename().string() + ".new");
  if (!staged) {
    Diagnostics errors = staged.errors();
    errors[0].hint = "give a folder in which you may write";
    return errors;
  }
  // Temporary folders are private; the result is an ordinary one.
  fs::permissions(staged->path(),
                  fs::perms::group_read | fs::perms::group_exec | fs::perms::others_read |
                      fs::perms::others_exec,
                  fs::perm_options::add, error);
  for (const auto& [path, text] : files) {
    const fs::path file = fs::path(staged->path()) / path;
    fs::create_directories(file.parent_path(), error);
    if (Status status = WriteNewFile(file.string(), text); !status) return status;
  }
  // All files come to the disk at once: one by one they take ten times as long.
  const FileDescriptor folder_file(
      open(staged->path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder_file.ok() || syncfs(folder_file.number()) != 0) {
    return SystemError(DiagnosticCode::kFileWrite, target.string(), "brought to the disk", errno);
  }
  return Replace(std::move(*staged), target, *earlier);
}

}  // namespace npugen

// Files in memory, and their way to the disk: all of them or none.
#include "generator/emit/files.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <optional>
#include <vector>

#include "generator/support/text.h"

namespace npugen {
namespace {

namespace fs = std::filesystem;

Diagnostic Refuse(const fs::path& path, std::string message, std::string hint) {
  return {DiagnosticCode::kFileWrite, {path.string(), 0, 0}, std::move(message), std::move(hint)};
}

std::string ReadAll(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
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

Status WriteFile(const fs::path& path, const std::string& text) {
  std::error_code error;
  fs::create_directories(path.parent_path(), error);
  errno = 0;
  std::ofstream file(path, std::ios::binary);
  file << text;
  file.close();
  if (file.fail()) {
    return Refuse(path, fmt::format("cannot be written: {}", std::strerror(errno)), "");
  }
  return Unit{};
}

/// Moves what npugen did not write from the replaced folder into the new one.
void KeepOthers(const fs::path& from, const fs::path& to, const fs::path& relative,
                const std::map<std::string, std::string>& earlier) {
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(from / relative, error)) {
    const fs::path path = relative / entry.path().filename();
    const std::string name = path.generic_string();
    if (name == kManifestName || earlier.contains(name)) continue;
    const auto inside = earlier.lower_bound(name + "/");
    const bool is_mixed = (inside != earlier.end() && inside->first.starts_with(name + "/")) ||
                          fs::is_directory(to / path, error);
    if (is_mixed) {
      KeepOthers(from, to, path, earlier);
    } else {
      fs::create_directories((to / path).parent_path(), error);
      fs::rename(from / path, to / path, error);
    }
  }
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
  std::string staged = target.string() + ".new.XXXXXX";
  if (mkdtemp(staged.data()) == nullptr) {
    return Refuse(target.parent_path(), fmt::format("cannot be written: {}", std::strerror(errno)),
                  "give a folder in which you may write");
  }
  // Temporary folders are private; the result is an ordinary one.
  fs::permissions(staged,
                  fs::perms::group_read | fs::perms::group_exec | fs::perms::others_read |
                      fs::perms::others_exec,
                  fs::perm_options::add, error);
  for (const auto& [path, text] : files) {
    Status status = WriteFile(fs::path(staged) / path, text);
    if (!status) {
      fs::remove_all(staged, error);
      return status;
    }
  }

  const std::string old = staged + ".old";
  const bool replaces = fs::exists(target);
  if (replaces) fs::rename(target, old, error);
  if (!error) fs::rename(staged, target, error);
  if (error) {
    const std::string why = error.message();
    if (replaces && !fs::exists(target)) fs::rename(old, target, error);
    fs::remove_all(staged, error);
    return Refuse(target, fmt::format("cannot be replaced: {}", why), "");
  }
  if (replaces) {
    KeepOthers(old, target, "", *earlier);
    fs::remove_all(old, error);
  }
  return Unit{};
}

}  // namespace npugen

// SPDX-License-Identifier: Apache-2.0
// Key, mapping, entry in the cache.
#include "verif/netlist/mapped_netlist.h"

#include <fmt/format.h>

#include <filesystem>
#include <optional>
#include <utility>

#include "generator/support/file.h"
#include "generator/support/sha256.h"
#include "verif/netlist/netlist.h"

namespace npugen {
namespace {

namespace fs = std::filesystem;

constexpr const char* kMappings = "mappings";
constexpr const char* kNetlistName = "netlist.json";
constexpr uint64_t kLargestNetlist = uint64_t{1} << 33;

/// A digest of everything that decides the netlist; where the library lies does not.
std::string Key(const FileSet& emission, const LibraryFile& library) {
  std::string all;
  const auto add = [&all](std::string_view text) {
    all += fmt::format("{}:{}", text.size(), text);
  };
  const LibraryFile anywhere = {"", library.text, library.cells};
  for (const auto& [name, text] : MappingFiles(emission, anywhere, MappingResult::kNetlist)) {
    add(text);
  }
  add(library.text);
  for (const auto& [path, text] : emission) {
    if (path.ends_with(".sv")) add(text);
  }
  return Sha256(all).substr(0, 32);
}

}  // namespace

Result<std::string> MappedNetlist(const FileSet& emission, const LibraryFile& library,
                                  const Cache& cache, const std::string& folder,
                                  const std::function<void(const std::string&)>& progress) {
  const std::string key = Key(emission, library);
  const Result<std::optional<std::string>> found = cache.Find(kMappings, key);
  if (!found) return found.errors();
  if (*found) return ReadFileText((fs::path(**found) / kNetlistName).string(), kLargestNetlist);

  progress("mapping to cells with Yosys, which takes a minute or more");
  const fs::path mapping = fs::path(folder) / "mapping";
  const fs::path entry = fs::path(folder) / "mapping_entry";
  std::error_code error;
  fs::create_directories(mapping, error);
  fs::create_directories(entry, error);
  const FileSet script = MappingFiles(emission, library, MappingResult::kNetlist);
  if (Status status = MapToCells(emission, script, mapping.string()); !status) {
    return status.errors();
  }
  Result<std::string> text = ReadFileText((mapping / kNetlistName).string(), kLargestNetlist);
  if (!text) return text.errors();
  Result<std::string> compact = CompactNetlist(*text, "netlist.json of Yosys");
  if (!compact) return compact.errors();
  if (Status status = WriteNewFile((entry / kNetlistName).string(), *compact); !status) {
    return status.errors();
  }
  const Result<std::string> stored = cache.Store(kMappings, key, entry.string());
  if (!stored) return stored.errors();
  return compact;
}

}  // namespace npugen

// SPDX-License-Identifier: Apache-2.0
// Key, mapping, entry in the cache.
#include "verif/netlist/mapped_netlist.h"

#include <filesystem>
#include <optional>
#include <utility>

#include "generator/support/file.h"
#include "generator/synth/design.h"
#include "generator/synth/flat_netlist.h"
#include "verif/netlist/netlist.h"

namespace npugen {
namespace {

namespace fs = std::filesystem;

constexpr const char* kMappings = "mappings";
constexpr const char* kNetlistName = "netlist.json";
constexpr uint64_t kLargestNetlist = uint64_t{1} << 33;

}  // namespace

Result<std::string> MappedNetlist(const FileSet& emission, const TechnologyLibrary& technology,
                                  bool timed, const Cache& cache, const std::string& folder,
                                  const std::function<void(const std::string&)>& progress) {
  MappingOptions options;
  options.progress = progress;
  options.for_clock = timed;
  const std::string key = (timed ? "timed." : "") + MappingKey(emission, technology, options);
  const Result<std::optional<std::string>> found = cache.Find(kMappings, key);
  if (!found) return found.errors();
  if (*found) return ReadFileText((fs::path(**found) / kNetlistName).string(), kLargestNetlist);

  const fs::path mapping = fs::path(folder) / "mapping";
  const fs::path entry = fs::path(folder) / "mapping_entry";
  std::error_code error;
  fs::create_directories(mapping, error);
  fs::create_directories(entry, error);
  const Result<MappedDesign> mapped =
      MapDesign(emission, technology, &cache, mapping.string(), options);
  if (!mapped) return mapped.errors();
  Result<std::string> compact = [&]() -> Result<std::string> {
    if (!timed) return CompactNetlist(mapped->Json(), "netlist.json of Yosys");
    const Result<Design> design = ReadDesign(*mapped, &technology.library.cells);
    if (!design) return design.errors();
    Result<FlatNetlist> flat = Flatten(*design, technology);
    if (!flat) return flat.errors();
    AddBuffers(technology, &*flat);
    return FlatJson(*flat, *mapped);
  }();
  if (!compact) return compact.errors();
  if (Status status = WriteNewFile((entry / kNetlistName).string(), *compact); !status) {
    return status.errors();
  }
  const Result<std::string> stored = cache.Store(kMappings, key, entry.string());
  if (!stored) return stored.errors();
  return compact;
}

}  // namespace npugen

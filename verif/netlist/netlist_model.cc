// SPDX-License-Identifier: Apache-2.0
// Mapping, reading, compiling and printing, one after the other.
#include "verif/netlist/netlist_model.h"

#include <filesystem>

#include "generator/support/file.h"
#include "verif/netlist/compile_netlist.h"
#include "verif/netlist/netlist.h"

namespace npugen {
namespace {

namespace fs = std::filesystem;

}  // namespace

Status WriteNetlistModel(const FileSet& emission, const LibraryFile& library,
                         const std::string& folder,
                         const std::function<void(const std::string&)>& progress) {
  const fs::path mapping = fs::path(folder) / "mapping";
  std::error_code error;
  fs::create_directories(mapping, error);
  progress("mapping to cells with Yosys, which takes a minute or more");
  const FileSet script = MappingFiles(emission, library, MappingResult::kNetlist);
  if (Status status = MapToCells(emission, script, mapping.string()); !status) return status;

  progress("reading the netlist");
  Result<Netlist> netlist = [&]() -> Result<Netlist> {
    const Result<std::string> text =
        ReadFileText((mapping / "netlist.json").string(), uint64_t{1} << 32);
    if (!text) return text.errors();
    return ReadNetlist(*text, library.cells, "netlist.json of Yosys");
  }();
  if (!netlist) return netlist.errors();
  const Result<SimulationTable> table = CompileNetlist(*netlist);
  if (!table) return table.errors();

  const fs::path base = folder;
  const std::string table_name = "netlist.bin";
  if (Status status = WriteNewFile((base / table_name).string(), TableBytes(*table)); !status)
    return status;
  if (Status status = WriteNewFile((base / "Vnpu_top.h").string(), NetlistClassHeader(*netlist));
      !status) {
    return status;
  }
  const std::string include = (base.filename() / table_name).string();
  return WriteNewFile((base / "Vnpu_top.cc").string(), NetlistClassSource(*netlist, include));
}

}  // namespace npugen

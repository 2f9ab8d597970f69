// SPDX-License-Identifier: Apache-2.0
// Mapping, reading, compiling and printing, one after the other.
#include "verif/netlist/netlist_model.h"

#include <filesystem>

#include "generator/support/file.h"
#include "verif/netlist/compile_netlist.h"
#include "verif/netlist/mapped_netlist.h"
#include "verif/netlist/netlist.h"

namespace npugen {
namespace {

namespace fs = std::filesystem;

}  // namespace

Status WriteNetlistModel(const FileSet& emission, const TechnologyLibrary& technology, bool timed,
                         const Cache& cache, const std::string& folder,
                         const std::function<void(const std::string&)>& progress) {
  std::error_code error;
  fs::create_directories(folder, error);
  Result<Netlist> netlist = [&]() -> Result<Netlist> {
    const Result<std::string> text =
        MappedNetlist(emission, technology, timed, cache, folder, progress);
    if (!text) return text.errors();
    progress("reading the netlist");
    return ReadNetlist(*text, technology.library.cells, "netlist.json of Yosys");
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

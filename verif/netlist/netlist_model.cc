// Mapping, reading, compiling and printing, one after the other.
#include "verif/netlist/netlist_model.h"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string_view>

#include "verif/netlist/compile_netlist.h"
#include "verif/netlist/netlist.h"

namespace npugen {
namespace {

namespace fs = std::filesystem;

Diagnostic CannotWrite(const fs::path& path) {
  return {DiagnosticCode::kFileWrite, {path.string(), 0, 0}, "it cannot be written", ""};
}

Status WriteText(const fs::path& path, std::string_view text) {
  std::ofstream out(path, std::ios::binary);
  out << text;
  out.close();
  if (!out.fail()) return Unit{};
  return CannotWrite(path);
}

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
  Result<Netlist> netlist = [&] {
    std::ifstream in(mapping / "netlist.json", std::ios::binary);
    const std::string text{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
    return ReadNetlist(text, library.cells, "netlist.json of Yosys");
  }();
  if (!netlist) return netlist.errors();
  const Result<SimulationTable> table = CompileNetlist(*netlist);
  if (!table) return table.errors();

  const fs::path base = folder;
  const std::string table_name = "netlist.bin";
  if (Status status = WriteText(base / table_name, TableBytes(*table)); !status) return status;
  if (Status status = WriteText(base / "Vnpu_top.h", NetlistClassHeader(*netlist)); !status) {
    return status;
  }
  const std::string include = (base.filename() / table_name).string();
  return WriteText(base / "Vnpu_top.cc", NetlistClassSource(*netlist, include));
}

}  // namespace npugen

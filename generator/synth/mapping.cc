// SPDX-License-Identifier: Apache-2.0
// The script that Yosys gets, what stands in for the cells it does not know, and its run.
#include "generator/synth/mapping.h"

#include <fmt/format.h>

#include <cstdlib>
#include <filesystem>
#include <regex>
#include <sstream>

#include "generator/support/file.h"
#include "generator/support/process.h"

namespace npugen {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kLargestLiberty = uint64_t{1} << 30;
constexpr std::string_view kFullAdderFile = "rtl/npu_full_adder.sv";
/// The full adder of libraries that call it as OSU does; ABC finds none by itself.
constexpr const char* kFullAdderCell = "FAX1";
/// Takes the place of npu_full_adder.sv: a black box that remains one until it is mapped.
constexpr const char* kFullAdderBox = R"(
(* blackbox *)
module npu_full_adder #(parameter Width = 1) (
  input [Width-1:0] a_i, b_i, c_i, output [Width-1:0] sum_o, carry_o
);
endmodule
(* blackbox *)
module FAX1 (input A, B, C, output YC, YS);
endmodule
)";
constexpr const char* kFullAdderMap = R"(
module npu_full_adder #(parameter Width = 1) (
  input [Width-1:0] a_i, b_i, c_i, output [Width-1:0] sum_o, carry_o
);
  genvar i;
  generate for (i = 0; i < Width; i = i + 1) begin : gen_bit
    FAX1 adder (.A(a_i[i]), .B(b_i[i]), .C(c_i[i]), .YC(carry_o[i]), .YS(sum_o[i]));
  end endgenerate
endmodule
)";

/// Stands in for the latch of npu_clock_gate.sv, which dfflibmap does not map and for which some
/// libraries give no area: a flip-flop that holds the enable from the falling edge on.
constexpr const char* kLatchMap = R"(
module \$_DLATCH_N_ (input E, input D, output Q);
  \$_DFF_N_ enable (.C(E), .D(D), .Q(Q));
endmodule
)";

std::string Script(const std::string& sources, const std::string& liberty, bool full_adders,
                   MappingResult result) {
  const bool netlist = result == MappingResult::kNetlist;
  return fmt::format(
      "read_verilog -sv -DSYNTHESIS{0}\n"
      "{2}"
      "hierarchy -check -top npu_top\n"
      "{3}"
      "blackbox *npu_ram_1rw* *npu_ram_1r1w*\n"
      "tee -q -o memories.txt dump -m =*npu_ram_1rw* =*npu_ram_1r1w*\n"
      "synth -top npu_top -noalumacc\n"
      "{4}"
      "dfflibmap -liberty {1}\n"
      "abc -liberty {1} -script +strash;ifraig;dc2;dch,-f;amap,-m\n"
      "opt_clean\n"
      "{5}",
      sources, liberty, full_adders ? "read_verilog full_adder_box.v\n" : "",
      full_adders ? "techmap -map full_adder_map.v\n" : "",
      netlist ? "" : "techmap -map latch_map.v\n",
      netlist ? "write_json netlist.json\n" : "tee -q -o stat.json stat -json\n");
}

Diagnostic Failure(DiagnosticCode code, const fs::path& file, std::string message,
                   std::string hint) {
  return {code, {file.string(), 0, 0}, std::move(message), std::move(hint)};
}

}  // namespace

Result<LibraryFile> LoadLibrary(const std::string& path) {
  Result<std::string> text = ReadFileText(path, kLargestLiberty);
  if (!text || text->size() > kLargestLiberty) {
    return Failure(DiagnosticCode::kFileRead, path,
                   "the cell library: " + (text ? std::string("it has more than 1 GiB")
                                                : text.errors().front().message),
                   "install qflow-tech-osu018 (make setup), or name a liberty file with --liberty");
  }
  std::error_code code;
  LibraryFile library = {fs::absolute(path, code).string(), std::move(*text), {}};
  Result<CellLibrary> cells = ReadLiberty(library.text, path);
  if (!cells) return cells.errors();
  library.cells = std::move(*cells);
  return library;
}

FileSet MappingFiles(const FileSet& emission, const LibraryFile& library, MappingResult result) {
  const bool full_adders =
      emission.contains(std::string(kFullAdderFile)) && library.cells.contains(kFullAdderCell);
  std::string sources;
  const auto list = emission.find("filelist.f");
  std::istringstream lines(list == emission.end() ? "" : list->second);
  for (std::string line; std::getline(lines, line);) {
    if (full_adders && line == kFullAdderFile) continue;
    if (line.ends_with(".sv")) sources += " emission/" + line;
  }
  FileSet files;
  files["synth.ys"] = Script(sources, library.path, full_adders, result);
  if (full_adders) {
    files["full_adder_box.v"] = kFullAdderBox;
    files["full_adder_map.v"] = kFullAdderMap;
  }
  if (result == MappingResult::kStatistics) files["latch_map.v"] = kLatchMap;
  return files;
}

Status MapToCells(const FileSet& emission, const FileSet& files, const std::string& folder) {
  const fs::path path = folder;
  const Status written = WriteFolder(emission, (path / "emission").string(), true);
  if (!written) return written.errors();
  for (const auto& [name, text] : files) {
    if (Status script = WriteNewFile((path / name).string(), text); !script) return script;
  }
  const std::string log = (path / "yosys.log").string();
  const Result<int> status = RunProcess({"yosys", "-q", "-s", "synth.ys"}, folder, log);
  if (!status) return status.errors();
  if (*status != 0) {
    return Failure(DiagnosticCode::kToolFailed, log,
                   fmt::format("yosys ended with status {}", *status), "its log says why");
  }
  return Unit{};
}

std::map<std::string, std::map<std::string, uint64_t>> MemoryParameters(const std::string& text) {
  std::map<std::string, std::map<std::string, uint64_t>> result;
  static const std::regex kLine(R"((?:^|\n)\s*(?:module (\S+)|parameter \\(\w+) (\d+)))");
  std::string module;
  for (std::sregex_iterator it(text.begin(), text.end(), kLine), end; it != end; ++it) {
    if ((*it)[1].matched) {
      module = UnescapedName((*it)[1]);
    } else {
      result[module][(*it)[2]] = std::strtoull((*it)[3].str().c_str(), nullptr, 10);
    }
  }
  return result;
}

std::string UnescapedName(const std::string& name) {
  return name.starts_with('\\') ? name.substr(1) : name;
}

std::string RtlModuleName(const std::string& module) {
  static const std::regex kName(R"((npu_[a-z0-9_]+))");
  std::smatch match;
  return std::regex_search(module, match, kName) ? match[1].str() : module;
}

}  // namespace npugen

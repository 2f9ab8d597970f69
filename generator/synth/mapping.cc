// SPDX-License-Identifier: Apache-2.0
// The scripts that Yosys gets, what stands in for cells that it does not know, its runs.
#include "generator/synth/mapping.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <regex>
#include <sstream>
#include <thread>
#include <utility>
#include <vector>

#include "generator/plan/constraint_library.h"
#include "generator/support/file.h"
#include "generator/support/process.h"
#include "generator/support/sha256.h"

namespace npugen {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

/// Part of all keys: to be counted up when code of this folder changes what is mapped (scripts and
/// library are in the keys anyway).
constexpr uint64_t kRevision = 2;
constexpr const char* kUnits = "units";  ///< the kind of entries in the cache
constexpr const char* kUnitEntry = "unit.json";
constexpr uint64_t kLargestMapping = uint64_t{1} << 33;
constexpr std::string_view kFullAdderFile = "rtl/npu_full_adder.sv";
/// Takes the place of npu_full_adder.sv: a black box that remains one until it is mapped.
constexpr const char* kFullAdderBox = R"((* blackbox *)
module npu_full_adder #(parameter Width = 1) (
  input [Width-1:0] a_i, b_i, c_i, output [Width-1:0] sum_o, carry_o
);
endmodule
)";

std::string FullAdderMap(const FullAdderCell& adder) {
  return fmt::format(
      "module npu_full_adder #(parameter Width = 1) (\n"
      "  input [Width-1:0] a_i, b_i, c_i, output [Width-1:0] sum_o, carry_o\n"
      ");\n"
      "  genvar i;\n"
      "  generate for (i = 0; i < Width; i = i + 1) begin : gen_bit\n"
      "    {0} adder (.{1}(a_i[i]), .{2}(b_i[i]), .{3}(c_i[i]), .{4}(sum_o[i]), "
      ".{5}(carry_o[i]));\n"
      "  end endgenerate\n"
      "endmodule\n",
      adder.cell.name, adder.a, adder.b, adder.c, adder.sum, adder.carry);
}

/// The latch stays Yosys' own: simulation of netlists knows it, areas and timing put the cell of
/// the technology in its place.
std::string ClockGateMap(const TechnologyLibrary& technology) {
  const TechnologyCell& gate = *technology.technology.clock_and;
  const LibertyCell& cell = technology.library.cells.at(gate.name);
  return fmt::format(
      "module {0} (input clk_i, enable_i, output clk_o);\n"
      "  wire open;\n"
      "  \\$_DLATCH_N_ latch (.E(clk_i), .D(enable_i), .Q(open));\n"
      "  {1} gate (.{2}(clk_i), .{3}(open), .{4}(clk_o));\n"
      "endmodule\n",
      kInferredGate, gate.name, cell.inputs[0], cell.inputs[1], cell.functions[0].pin);
}

Diagnostic MappingFailure(DiagnosticCode code, const fs::path& file, std::string message,
                          std::string hint) {
  return {code, {file.string(), 0, 0}, std::move(message), std::move(hint)};
}

bool InfersGates(const TechnologyLibrary& technology, const MappingOptions& options) {
  return options.fpga.empty() && options.least_gate_bits > 0 && technology.technology.clock_and;
}

/// What Yosys is given to elaborate `emission`, besides the emission.
Result<FileSet> ElaborationFiles(const FileSet& emission, const TechnologyLibrary& technology,
                                 const MappingOptions& options) {
  const bool full_adders = options.fpga.empty() && emission.contains(std::string(kFullAdderFile)) &&
                           technology.technology.full_adder;
  std::string sources;
  const auto list = emission.find("filelist.f");
  std::istringstream lines(list == emission.end() ? "" : list->second);
  for (std::string line; std::getline(lines, line);) {
    if (full_adders && line == kFullAdderFile) continue;
    if (line.ends_with(".sv")) sources += " emission/" + line;
  }
  FileSet files;
  Result<std::string> script = FillTemplate(
      "synth/elaborate.ys",
      {{"SOURCES", sources},
       {"BLACK_BOXES", options.fpga.empty() ? "blackbox *npu_ram_1rw* *npu_ram_1r1w*" : ""},
       {"FULL_ADDER_BOX", full_adders ? "read_verilog full_adder_box.v" : ""}});
  if (!script) return script.errors();
  files["elaborate.ys"] = std::move(*script);
  if (full_adders) files["full_adder_box.v"] = kFullAdderBox;
  return files;
}

/// What Yosys is given to map a unit, besides the unit. With an empty path of the library the same
/// text as for any other.
Result<FileSet> UnitFiles(const TechnologyLibrary& technology, const std::string& liberty,
                          const MappingOptions& options) {
  const bool full_adders = technology.technology.full_adder.has_value();
  const bool gates = InfersGates(technology, options);
  const bool for_clock = options.for_clock;
  FileSet files;
  if (!options.fpga.empty()) {
    Result<std::string> script = FillTemplate(fmt::format("synth/{}.ys", options.fpga), {});
    if (!script) return script.errors();
    files["map.ys"] = std::move(*script);
    return files;
  }
  Result<std::string> words = FillTemplate("synth/words.ys", {});
  if (!words) return words.errors();
  Result<std::string> map =
      FillTemplate(for_clock ? "synth/map_timing.ys" : "synth/map_area.ys",
                   {{"LIBERTY", liberty},
                    {"FULL_ADDER_MAP", full_adders ? "techmap -map full_adder_map.v" : ""},
                    {"CLOCK_GATE_MAP", gates ? "techmap -map clock_gate_map.v" : ""}});
  if (!map) return map.errors();
  files["words.ys"] = std::move(*words);
  files["map.ys"] = std::move(*map);
  if (full_adders) files["full_adder_map.v"] = FullAdderMap(*technology.technology.full_adder);
  if (gates) files["clock_gate_map.v"] = ClockGateMap(technology);
  if (for_clock) {
    files["abc.constr"] =
        fmt::format("{}set_load {:g} [all_outputs]\n",
                    technology.technology.driving_cell.empty()
                        ? ""
                        : fmt::format("set_driving_cell {}\n", technology.technology.driving_cell),
                    technology.technology.output_load);
  }
  return files;
}

class Digest {
 public:
  void Add(std::string_view text) { all_ += fmt::format("{}:{}", text.size(), text); }
  void Add(const FileSet& files) {
    for (const auto& [name, text] : files) {
      Add(name);
      Add(text);
    }
  }
  std::string Text() const { return Sha256(all_).substr(0, 32); }

 private:
  std::string all_;
};

/// A module of `write_json` without what nobody reads: sources, directions of pins, the names of
/// nets that Yosys made.
json CompactModule(const json& module) {
  json compact;
  if (module.contains("parameter_default_values")) {
    compact["parameter_default_values"] = module["parameter_default_values"];
  }
  const json& attributes = module.at("attributes");
  if (attributes.contains("blackbox")) compact["attributes"]["blackbox"] = attributes["blackbox"];
  compact["ports"] = module.at("ports");
  compact["cells"] = json::object();
  for (const auto& [name, cell] : module.at("cells").items()) {
    compact["cells"][name] = {{"type", cell.at("type")}, {"connections", cell.at("connections")}};
  }
  compact["netnames"] = json::object();
  for (const auto& [name, net] : module.at("netnames").items()) {
    if (net.at("hide_name") == 0) compact["netnames"][name]["bits"] = net.at("bits");
  }
  return compact;
}

Result<json> ReadJson(const fs::path& path) {
  const Result<std::string> text = ReadFileText(path.string(), kLargestMapping);
  if (!text) return text.errors();
  json in = json::parse(*text, nullptr, false);
  if (in.is_object() && in.contains("modules") && in["modules"].is_object()) return in;
  return MappingFailure(DiagnosticCode::kToolFailed, path, "yosys left no netlist",
                        "its log says why");
}

/// Maps one unit in a folder of its own.
class UnitMapper {
 public:
  UnitMapper(const TechnologyLibrary& technology, const Cache* cache, const std::string& folder,
             const MappingOptions& options, FileSet files, const std::string& common_key)
      : technology_(technology),
        cache_(cache),
        folder_(folder),
        options_(options),
        files_(std::move(files)),
        common_key_(common_key) {}

  Result<MappedUnit> Map(const std::string& name, const UnitText& unit) const {
    Digest digest;
    digest.Add(common_key_);
    digest.Add(unit.text);
    const std::string key = digest.Text();
    if (cache_ != nullptr) {
      const Result<std::optional<std::string>> found = cache_->Find(kUnits, key);
      if (!found) return found.errors();
      if (*found) {
        std::optional<MappedUnit> mapped = ReadEntry(fs::path(**found) / kUnitEntry);
        if (mapped) return std::move(*mapped);
      }
    }
    Result<MappedUnit> mapped = Run(fs::path(folder_) / (RtlModuleName(name) + "." + key), unit);
    if (mapped && cache_ != nullptr) {
      if (Status stored = Store(key, *mapped); !stored) return stored.errors();
    }
    return mapped;
  }

 private:
  Result<MappedUnit> Run(const fs::path& folder, const UnitText& unit) const {
    const auto begin = std::chrono::steady_clock::now();
    const std::string path = folder.string();
    std::error_code error;
    fs::create_directories(folder, error);
    for (const auto& [name, text] : files_) {
      if (Status written = WriteNewFile((folder / name).string(), text); !written) {
        return written.errors();
      }
    }
    if (Status written = WriteNewFile((folder / "unit.il").string(), unit.text); !written) {
      return written.errors();
    }
    ClockGating gating;
    if (options_.fpga.empty()) {
      Status done =
          RunTool({"yosys", "-q", "-s", "words.ys"}, path, (folder / "words.log").string());
      if (!done) return done.errors();
      Result<std::string> words = ReadFileText((folder / "words.il").string(), kLargestMapping);
      if (!words) return words.errors();
      const Result<ClockGating> inferred =
          InferClockGates(InfersGates(technology_, options_) ? options_.least_gate_bits : 0,
                          &*words, (folder / "words.il").string());
      if (!inferred) return inferred.errors();
      gating = *inferred;
      if (Status written = WriteNewFile((folder / "gated.il").string(), *words); !written) {
        return written.errors();
      }
    }
    Status done = RunTool({"yosys", "-q", "-s", "map.ys"}, path, (folder / "map.log").string());
    if (!done) return done.errors();
    const Result<json> design = ReadJson(folder / "unit.json");
    if (!design) return design.errors();
    const auto module = (*design)["modules"].find(kUnitName);
    if (module == (*design)["modules"].end()) {
      return MappingFailure(DiagnosticCode::kToolFailed, folder / "unit.json",
                            "it lacks the module", "");
    }
    MappedUnit mapped;
    try {
      mapped.json = CompactModule(*module).dump();
    } catch (const json::exception& exception) {
      return MappingFailure(DiagnosticCode::kToolFailed, folder / "unit.json",
                            fmt::format("it is not understood: {}", exception.what()),
                            "npugen needs JSON as Yosys 0.23 writes it");
    }
    mapped.gating = gating;
    mapped.seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    return mapped;
  }

  static std::optional<MappedUnit> ReadEntry(const fs::path& path) {
    const Result<std::string> text = ReadFileText(path.string(), kLargestMapping);
    if (!text) return std::nullopt;
    // The first line describes, the rest is the module.
    const size_t end = text->find('\n');
    if (end == std::string::npos) return std::nullopt;
    const json about = json::parse(text->substr(0, end), nullptr, false);
    if (!about.is_object()) return std::nullopt;
    try {
      MappedUnit unit;
      unit.gating = {about.at("gates"), about.at("gated_bits"), about.at("enabled_bits")};
      unit.seconds = about.at("seconds");
      unit.json = text->substr(end + 1);
      return unit;
    } catch (const json::exception&) {
      return std::nullopt;
    }
  }

  Status Store(const std::string& key, const MappedUnit& unit) const {
    const Result<TemporaryFolder> work = cache_->Work();
    if (!work) return work.errors();
    const fs::path entry = fs::path(work->path()) / "entry";
    std::error_code error;
    fs::create_directory(entry, error);
    const json about = {{"gates", unit.gating.gates},
                        {"gated_bits", unit.gating.gated_bits},
                        {"enabled_bits", unit.gating.enabled_bits},
                        {"seconds", unit.seconds}};
    const std::string text = about.dump() + "\n" + unit.json;
    if (Status written = WriteNewFile((entry / kUnitEntry).string(), text); !written) {
      return written;
    }
    const Result<std::string> stored = cache_->Store(kUnits, key, entry.string());
    if (!stored) return stored.errors();
    return Unit{};
  }

  const TechnologyLibrary& technology_;
  const Cache* cache_;
  std::string folder_;
  const MappingOptions& options_;
  FileSet files_;
  std::string common_key_;
};

/// Everything but the unit that decides how a unit is mapped.
Result<std::string> CommonKey(const TechnologyLibrary& technology, const MappingOptions& options) {
  const Result<FileSet> files = UnitFiles(technology, "", options);
  if (!files) return files.errors();
  Digest digest;
  digest.Add(std::to_string(kRevision));
  digest.Add(*files);
  digest.Add(std::to_string(InfersGates(technology, options) ? options.least_gate_bits : 0));
  if (options.fpga.empty()) digest.Add(technology.library.text);
  return digest.Text();
}

}  // namespace

Result<std::string> FillTemplate(const std::string& name,
                                 const std::map<std::string, std::string>& values) {
  const std::string_view text = ConstraintText(name);
  std::string out;
  for (size_t at = 0; at < text.size();) {
    const size_t begin = text.find('@', at);
    const size_t end = begin == std::string_view::npos ? begin : text.find('@', begin + 1);
    if (end == std::string_view::npos) {
      out += text.substr(at);
      break;
    }
    const auto value = values.find(std::string(text.substr(begin + 1, end - begin - 1)));
    if (value == values.end()) {
      return MappingFailure(DiagnosticCode::kInternal, "constraints/" + name,
                            fmt::format("`{}` has no value", text.substr(begin, end - begin + 1)),
                            "report this");
    }
    out += text.substr(at, begin - at);
    out += value->second;
    at = end + 1;
  }
  if (out.empty()) {
    return MappingFailure(DiagnosticCode::kInternal, "constraints/" + name, "it is missing",
                          "report this");
  }
  return out;
}

Status RunTool(const std::vector<std::string>& arguments, const std::string& folder,
               const std::string& log) {
  const Result<int> status = RunProcess(arguments, folder, log);
  if (!status) return status.errors();
  if (*status == 0) return Unit{};
  // The first error is what Yosys and OpenSTA end with.
  std::string reason;
  if (const Result<std::string> text = ReadFileText(log, kLargestMapping)) {
    std::istringstream lines(*text);
    for (std::string line; std::getline(lines, line);) {
      const bool error = line.find("ERROR:") != std::string::npos || line.starts_with("Error");
      if (error && reason.empty()) reason = ": " + line;
    }
  }
  return MappingFailure(
      DiagnosticCode::kToolFailed, log,
      fmt::format("{} ended with status {}{}", arguments.front(), *status, reason),
      "this log says why");
}

std::string MappedDesign::Json() const {
  std::string text = "{\"creator\":\"npugen\",\"modules\":{";
  bool comma = false;
  const auto add = [&](const std::string& name, const std::string& module) {
    if (comma) text += ',';
    comma = true;
    text += json(name).dump() + ":" + module;
  };
  for (const auto& [name, unit] : units) add(name, unit.json);
  for (const auto& [name, module] : memories) add(name, module);
  return text + "}}";
}

std::string MappingKey(const FileSet& emission, const TechnologyLibrary& technology,
                       const MappingOptions& options) {
  Digest digest;
  if (const Result<FileSet> files = ElaborationFiles(emission, technology, options))
    digest.Add(*files);
  if (const Result<std::string> key = CommonKey(technology, options)) digest.Add(*key);
  for (const auto& [path, text] : emission) {
    if (path.ends_with(".sv") || path.ends_with(".svh")) digest.Add(text);
  }
  return digest.Text();
}

Result<MappedDesign> MapDesign(const FileSet& emission, const TechnologyLibrary& technology,
                               const Cache* cache, const std::string& folder,
                               const MappingOptions& options) {
  const fs::path path = folder;
  std::mutex mutex;
  const auto progress = [&options, &mutex](const std::string& text) {
    if (!options.progress) return;
    const std::lock_guard guard(mutex);
    options.progress(text);
  };
  progress("reading the design with Yosys");
  Result<FileSet> elaboration = ElaborationFiles(emission, technology, options);
  if (!elaboration) return elaboration.errors();
  if (Status written = WriteFolder(emission, (path / "emission").string(), true); !written) {
    return written.errors();
  }
  for (const auto& [name, text] : *elaboration) {
    if (Status written = WriteNewFile((path / name).string(), text); !written) {
      return written.errors();
    }
  }
  Status done =
      RunTool({"yosys", "-q", "-s", "elaborate.ys"}, folder, (path / "yosys.log").string());
  if (!done) return done.errors();
  const Result<std::string> design = ReadFileText((path / "design.il").string(), kLargestMapping);
  if (!design) return design.errors();
  const Result<std::string> boxes = ReadFileText((path / "boxes.il").string(), kLargestMapping);
  if (!boxes) return boxes.errors();
  const Result<std::map<std::string, UnitText>> units =
      SplitDesign(*design, *boxes, (path / "design.il").string());
  if (!units) return units.errors();

  MappedDesign result;
  const Result<json> black_boxes = ReadJson(path / "boxes.json");
  if (!black_boxes) return black_boxes.errors();
  for (const auto& [name, module] : (*black_boxes)["modules"].items()) {
    if (!options.fpga.empty() || !RtlModuleName(name).starts_with("npu_ram_1")) continue;
    try {
      result.memories[name] = CompactModule(module).dump();
    } catch (const json::exception& exception) {
      return MappingFailure(DiagnosticCode::kToolFailed, path / "boxes.json",
                            fmt::format("it is not understood: {}", exception.what()),
                            "npugen needs JSON as Yosys 0.23 writes it");
    }
  }

  Result<FileSet> files = UnitFiles(technology, technology.library.path, options);
  if (!files) return files.errors();
  const Result<std::string> key = CommonKey(technology, options);
  if (!key) return key.errors();
  const UnitMapper mapper(technology, cache, folder, options, std::move(*files), *key);

  // The largest first, so that no processor waits at the end.
  std::vector<const std::pair<const std::string, UnitText>*> order;
  for (const auto& unit : *units) order.push_back(&unit);
  std::stable_sort(order.begin(), order.end(), [](const auto* a, const auto* b) {
    return a->second.text.size() > b->second.text.size();
  });
  std::atomic<size_t> next = 0;
  size_t finished = 0;
  std::optional<Diagnostics> errors;
  const auto work = [&] {
    for (size_t i = next++; i < order.size(); i = next++) {
      {
        const std::lock_guard guard(mutex);
        if (errors) return;
      }
      const auto& [name, unit] = *order[i];
      Result<MappedUnit> mapped = mapper.Map(name, unit);
      const std::lock_guard guard(mutex);
      ++finished;
      if (mapped) {
        if (options.progress) {
          options.progress(fmt::format("{} of {} modules mapped: {}", finished, order.size(),
                                       RtlModuleName(name)));
        }
        result.units[UnescapedName(name)] = std::move(*mapped);
      } else if (!errors) {
        errors = mapped.errors();
      }
    }
  };
  const size_t jobs = options.jobs > 0 ? static_cast<size_t>(options.jobs)
                                       : std::max(1u, std::thread::hardware_concurrency());
  std::vector<std::thread> threads;
  for (size_t i = 1; i < std::min(jobs, order.size()); ++i) threads.emplace_back(work);
  work();
  for (std::thread& thread : threads) thread.join();
  if (errors) return *errors;
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

// SPDX-License-Identifier: Apache-2.0
// Writes netlist, libraries and constraints for OpenSTA, runs it, reads its paths.
#include "generator/synth/timing.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <iterator>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <sstream>
#include <utility>

#include "generator/emit/emit.h"
#include "generator/plan/plan.h"
#include "generator/support/cache.h"
#include "generator/support/file.h"
#include "generator/support/sha256.h"
#include "generator/support/temporary.h"
#include "generator/support/version.h"
#include "generator/synth/work_folder.h"

namespace npugen {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

constexpr size_t kTablePaths = 10;    ///< of the table for people
constexpr size_t kWorstPaths = 1000;  ///< of the report
constexpr size_t kBins = 20;
constexpr double kMargin = 0.05;   ///< of the period, as in constraints/sdc/npu.sdc
constexpr double kOutside = 0.30;  ///< likewise
constexpr uint64_t kLargestNetlist = uint64_t{1} << 33;
constexpr const char* kTimings = "timing";  ///< kind of entries in the cache
constexpr const char* kTimingEntry = "timing.json";
/// Of pins of memories, picofarads, and the slew of their outputs, nanoseconds.
constexpr double kMemorySlew = 0.15;

Diagnostic TimingFailure(DiagnosticCode code, const fs::path& file, std::string message,
                         std::string hint) {
  return {code, {file.string(), 0, 0}, std::move(message), std::move(hint)};
}

Status CheckTechnology(const Technology& technology) {
  const char* missing = !technology.buffer          ? "cells.buffer"
                        : !technology.inverter      ? "cells.inverter"
                        : !technology.latch         ? "cells.latch"
                        : technology.max_loads == 0 ? "timing"
                                                    : nullptr;
  if (missing == nullptr) return Unit{};
  return TimingFailure(
      DiagnosticCode::kTechnologyCell, technology.file,
      fmt::format("timing needs `{}`, which the technology does not name", missing),
      "constraints/tech/osu018.yaml is an example");
}

/// What holds of all ports in a technology; constraints/npu.sdc knows none.
std::string LibrarySdc(const Technology& technology) {
  std::string text;
  if (!technology.driving_cell.empty()) {
    // The clock comes from a tree.
    text += fmt::format(
        "foreach port [all_inputs] {{\n"
        "  if {{[get_full_name $port] != \"clk_i\"}} {{ set_driving_cell -lib_cell {} $port }}\n"
        "}}\n",
        technology.driving_cell);
  }
  text += fmt::format("set_load {:g} [all_outputs]\n", technology.output_load);
  text += fmt::format("set_clock_transition {:g} [get_clocks clk]\n", technology.input_transition);
  return text;
}

/// `c12/CLK`, `c12/addr_i_3` or the name of a port.
std::optional<uint32_t> CellOf(const std::string& pin, size_t cells) {
  if (pin.size() < 4 || pin[0] != 'c' || pin.find('/') == std::string::npos) return std::nullopt;
  char* end = nullptr;
  const unsigned long number = std::strtoul(pin.c_str() + 1, &end, 10);
  if (*end != '/' || number >= cells) return std::nullopt;
  return static_cast<uint32_t>(number);
}

json ReportJson(const TimingReport& report) {
  json out;
  out["technology"] = report.technology;
  out["clock_ns"] = report.clock_period;
  out["constrained_ns"] = report.constrained_period;
  out["registers_ns"] = report.register_period;
  out["worst_slack_ns"] = report.worst_slack;
  out["endpoints"] = report.endpoints;
  out["violated"] = report.violated;
  out["area_ge"] = report.area_ge;
  out["cells"] = report.cells;
  out["buffered_nets"] = report.buffers.nets;
  out["buffers"] = report.buffers.buffers;
  out["largest_loads"] = report.buffers.largest_loads;
  out["paths"] = json::array();
  for (const TimingPath& path : report.paths) {
    out["paths"].push_back({{"slack_ns", path.slack},
                            {"from", path.from},
                            {"from_module", path.from_module},
                            {"to", path.to},
                            {"to_module", path.to_module}});
  }
  out["histogram"] = {{"begin_ns", report.histogram_begin},
                      {"step_ns", report.histogram_step},
                      {"endpoints", report.histogram}};
  out["seconds"] = report.seconds;
  return out;
}

std::optional<TimingReport> ReadReport(const fs::path& path) {
  const Result<std::string> text = ReadFileText(path.string(), kLargestNetlist);
  if (!text) return std::nullopt;
  const json in = json::parse(*text, nullptr, false);
  if (!in.is_object()) return std::nullopt;
  try {
    TimingReport report;
    report.technology = in.at("technology");
    report.clock_period = in.at("clock_ns");
    report.constrained_period = in.at("constrained_ns");
    report.register_period = in.at("registers_ns");
    report.worst_slack = in.at("worst_slack_ns");
    report.endpoints = in.at("endpoints");
    report.violated = in.at("violated");
    report.area_ge = in.at("area_ge");
    report.cells = in.at("cells");
    report.buffers = {in.at("buffered_nets"), in.at("buffers"), in.at("largest_loads")};
    for (const json& row : in.at("paths")) {
      report.paths.push_back({row.at("slack_ns"), row.at("from"), row.at("from_module"),
                              row.at("to"), row.at("to_module")});
    }
    report.histogram_begin = in.at("histogram").at("begin_ns");
    report.histogram_step = in.at("histogram").at("step_ns");
    report.histogram = in.at("histogram").at("endpoints").get<std::vector<uint64_t>>();
    report.seconds = in.at("seconds");
    report.cached = true;
    return report;
  } catch (const json::exception&) {
    return std::nullopt;
  }
}

/// A digest of everything that decides a report; `mapping` is that of the mapping.
std::string TimingKey(const std::string& mapping, const FileSet& scripts,
                      const Technology& technology, const std::vector<MemoryMacro>& macros) {
  std::string all = mapping;
  for (const auto& [name, text] : scripts) all += fmt::format("{}:{}", text.size(), text);
  for (const MemoryMacro& macro : macros) {
    all += fmt::format(" {} {} {} {} {}", macro.shape.words, macro.shape.bits, macro.shape.ports,
                       macro.area, macro.access_time);
  }
  if (technology.memory) {
    const MemoryCoefficients& m = *technology.memory;
    all += fmt::format(" {} {} {} {} {} {} {} {}", m.bit_area, m.row_area, m.column_area,
                       m.fixed_area, m.access_time, m.setup_time, m.row_time, m.column_time);
  }
  all +=
      fmt::format(" {} {} {} {} {}", technology.max_loads, technology.buffer->name,
                  technology.inverter->name, technology.latch->cell.name, technology.latch->area);
  return Sha256(all).substr(0, 32);
}

}  // namespace

Result<std::vector<MemoryMacro>> LoadMacros(const std::string& path) {
  if (path.empty()) return std::vector<MemoryMacro>();
  const Result<std::string> text = ReadFileText(path, kLargestNetlist);
  if (!text) return text.errors();
  return ReadMacros(*text, path);
}

std::vector<MemoryCost> MemoryCosts(const FlatNetlist& netlist, const Design& design,
                                    const Technology& technology,
                                    const std::vector<MemoryMacro>& macros) {
  std::vector<MemoryCost> costs(netlist.types.size());
  for (size_t t = 0; t < costs.size(); ++t) {
    if (netlist.types[t].kind != FlatType::Kind::kMemory) continue;
    MemoryShape shape;
    for (const DesignMemory& memory : design.memories) {
      if (memory.type != netlist.types[t].box) continue;
      shape = {memory.words, memory.bits, memory.rtl == "npu_ram_1r1w" ? 2u : 1u};
    }
    costs[t] =
        ComposeMemory(macros, shape)
            .value_or(technology.memory ? ModelMemory(*technology.memory, shape) : MemoryCost());
  }
  return costs;
}

std::string MemoryLiberty(const FlatNetlist& netlist, const Design& design,
                          const Technology& technology, const std::vector<MemoryMacro>& macros) {
  std::string text =
      "library (npu_memories) {\n"
      "  delay_model : table_lookup;\n  time_unit : \"1ns\";\n  voltage_unit : \"1V\";\n"
      "  current_unit : \"1uA\";\n  pulling_resistance_unit : \"1kohm\";\n"
      "  leakage_power_unit : \"1nW\";\n  capacitive_load_unit (1,pf);\n"
      "  input_threshold_pct_rise : 50;\n  input_threshold_pct_fall : 50;\n"
      "  output_threshold_pct_rise : 50;\n  output_threshold_pct_fall : 50;\n"
      "  slew_lower_threshold_pct_rise : 20;\n  slew_lower_threshold_pct_fall : 20;\n"
      "  slew_upper_threshold_pct_rise : 80;\n  slew_upper_threshold_pct_fall : 80;\n";
  const auto back = std::back_inserter(text);
  const std::vector<MemoryCost> costs = MemoryCosts(netlist, design, technology, macros);
  for (size_t t = 0; t < costs.size(); ++t) {
    const FlatType& type = netlist.types[t];
    if (type.kind != FlatType::Kind::kMemory) continue;
    const MemoryCost& cost = costs[t];
    const double setup = technology.memory ? technology.memory->setup_time : 0;
    fmt::format_to(back, "  cell ({}) {{\n    area : 0;\n", type.name);
    for (size_t i = 0; i < type.pins.size(); ++i) {
      const std::string& pin = type.pins[i];
      if (type.outputs[i]) {
        fmt::format_to(back,
                       "    pin({}) {{ direction : output; max_capacitance : 1.0;\n"
                       "      timing() {{ related_pin : \"clk_i_0\"; timing_type : rising_edge;\n"
                       "        cell_rise(scalar) {{ values(\"{:.4f}\"); }}\n"
                       "        cell_fall(scalar) {{ values(\"{:.4f}\"); }}\n"
                       "        rise_transition(scalar) {{ values(\"{:.3f}\"); }}\n"
                       "        fall_transition(scalar) {{ values(\"{:.3f}\"); }} }} }}\n",
                       pin, cost.access_time, cost.access_time, kMemorySlew, kMemorySlew);
      } else if (pin == "clk_i_0") {
        fmt::format_to(back,
                       "    pin({}) {{ direction : input; capacitance : {}; clock : true; }}\n",
                       pin, kMemoryPinLoad);
      } else {
        fmt::format_to(back,
                       "    pin({}) {{ direction : input; capacitance : {};\n"
                       "      timing() {{ related_pin : \"clk_i_0\"; timing_type : setup_rising;\n"
                       "        rise_constraint(scalar) {{ values(\"{:.4f}\"); }}\n"
                       "        fall_constraint(scalar) {{ values(\"{:.4f}\"); }} }} }}\n",
                       pin, kMemoryPinLoad, setup, setup);
      }
    }
    text += "  }\n";
  }
  return text + "}\n";
}

Status ParseTiming(const std::string& output, const std::string& log, const FlatNetlist& netlist,
                   TimingReport* report) {
  std::istringstream lines(output);
  bool target = false;
  std::vector<double> slacks;
  const auto place = [&netlist](const std::string& pin, std::string* name, std::string* module) {
    const std::optional<uint32_t> cell = CellOf(pin, netlist.cells.size());
    *name = cell ? netlist.Path(*cell) : pin;
    if (!cell) return;
    *module = netlist.places[netlist.cells[*cell].place].rtl;
    if (netlist.types[netlist.cells[*cell].type].kind == FlatType::Kind::kMemory) {
      *name += '.' + pin.substr(pin.find('/') + 1);
    }
  };
  const auto is_latch = [&netlist](const std::optional<uint32_t>& cell) {
    return cell && netlist.types[netlist.cells[*cell].type].kind == FlatType::Kind::kLatch;
  };
  std::vector<TimingPath> paths;
  std::map<uint32_t, size_t> into_latch;    // path to it, by latch
  std::map<uint32_t, double> behind_latch;  // slack of the clock gate that it opens
  for (std::string line; std::getline(lines, line) && line != "CHECKS";) {
    std::istringstream words(line);
    std::string kind, from, to;
    double value = 0;
    words >> kind;
    if (kind == "PERIOD" && words >> from >> value) {
      (from == "registers" ? report->register_period : report->constrained_period) = value;
    } else if (kind == "TARGET" && words >> value >> report->worst_slack) {
      target = true;
    } else if (kind == "PATH" && words >> value >> from >> to) {
      const std::optional<uint32_t> first = CellOf(from, netlist.cells.size());
      const std::optional<uint32_t> last = CellOf(to, netlist.cells.size());
      if (is_latch(first)) {
        const auto [known, is_new] = behind_latch.try_emplace(*first, value);
        if (!is_new) known->second = std::min(known->second, value);
        continue;
      }
      if (is_latch(last)) into_latch[*last] = paths.size();
      TimingPath path;
      path.slack = value;
      place(from, &path.from, &path.from_module);
      place(to, &path.to, &path.to_module);
      paths.push_back(std::move(path));
    }
  }
  // A latch that borrows time has a slack of 0, whatever is left in front of its gate.
  for (const auto& [latch, slack] : behind_latch) {
    const auto path = into_latch.find(latch);
    if (path != into_latch.end() && paths[path->second].slack >= 0) {
      paths[path->second].slack = slack;
    }
  }
  for (const TimingPath& path : paths) slacks.push_back(path.slack);
  if (!target || slacks.empty() || report->register_period <= 0 ||
      report->constrained_period <= 0) {
    return TimingFailure(DiagnosticCode::kToolFailed, log, "OpenSTA reported no paths",
                         "this log says why");
  }
  std::stable_sort(paths.begin(), paths.end(),
                   [](const TimingPath& a, const TimingPath& b) { return a.slack < b.slack; });
  // One path for each pair of registers without the bits: ten bits of a sum say no more than one.
  const auto vector_name = [](const std::string& name) { return name.substr(0, name.find('[')); };
  std::set<std::pair<std::string, std::string>> shown;
  for (TimingPath& path : paths) {
    if (report->paths.size() >= kWorstPaths) break;
    if (shown.emplace(vector_name(path.from), vector_name(path.to)).second) {
      report->paths.push_back(std::move(path));
    }
  }
  report->endpoints = slacks.size();
  report->violated = static_cast<uint64_t>(
      std::count_if(slacks.begin(), slacks.end(), [](double slack) { return slack < 0; }));
  const auto [least, most] = std::minmax_element(slacks.begin(), slacks.end());
  report->worst_slack = *least;
  report->histogram_begin = *least;
  report->histogram_step = std::max((*most - *least) / kBins, 1e-6);
  report->histogram.assign(kBins, 0);
  for (const double slack : slacks) {
    const auto bin = static_cast<size_t>((slack - *least) / report->histogram_step);
    ++report->histogram[std::min(bin, kBins - 1)];
  }
  return Unit{};
}

Result<TimingReport> TimeDesign(const MappedDesign& mapped, const TechnologyLibrary& technology,
                                const std::vector<MemoryMacro>& macros, const FileSet& scripts,
                                const std::string& folder) {
  const Result<Design> design = ReadDesign(mapped, &technology.library.cells);
  if (!design) return design.errors();
  Result<FlatNetlist> netlist = Flatten(*design, technology);
  if (!netlist) return netlist.errors();
  TimingReport report;
  report.technology = technology.technology.title;
  report.buffers = AddBuffers(technology, &*netlist);
  report.area_ge = technology.GateEquivalents(netlist->Area());
  report.cells = netlist->cells.size();
  FileSet files = scripts;
  files["npu_top.v"] = FlatVerilog(*netlist, technology);
  files["netlist.json"] = FlatJson(*netlist, mapped);
  files["library.lib"] = technology.library.text;
  files["memories.lib"] = MemoryLiberty(*netlist, *design, technology.technology, macros);
  const fs::path path = folder;
  for (const auto& [name, text] : files) {
    if (Status written = WriteNewFile((path / name).string(), text); !written) {
      return written.errors();
    }
  }
  const std::string log = (path / "sta.log").string();
  Status done = RunTool({"sta", "-no_splash", "-exit", "timing.tcl"}, folder, log);
  if (!done) return done.errors();
  const Result<std::string> output = ReadFileText(log, kLargestNetlist);
  if (!output) return output.errors();
  if (Status parsed = ParseTiming(*output, log, *netlist, &report); !parsed) {
    return parsed.errors();
  }
  return report;
}

Result<FileSet> TimingScripts(const Technology& technology, const std::string& sdc, double period) {
  if (Status able = CheckTechnology(technology); !able) return able.errors();
  Result<std::string> script =
      FillTemplate("sta/timing.tcl", {{"LIBERTY", "library.lib"},
                                      {"MEMORIES", "read_liberty memories.lib"},
                                      {"PERIOD", fmt::format("{:.4f}", period)},
                                      {"MARGIN", fmt::format("{}", kMargin)},
                                      {"OUTSIDE", fmt::format("{}", kOutside)}});
  if (!script) return script.errors();
  FileSet files;
  files["timing.tcl"] = *script + "exit\n";
  files["npu.sdc"] = sdc;
  files["library.sdc"] = LibrarySdc(technology);
  return files;
}

Result<TimingReport> AnalyzeTiming(const NpuConfig& config, const SynthOptions& options) {
  const auto begin = std::chrono::steady_clock::now();
  const Result<TechnologyLibrary> technology = LoadTechnology(options.technology, options.liberty);
  if (!technology) return technology.errors();
  const Result<std::vector<MemoryMacro>> macros = LoadMacros(options.macros);
  if (!macros) return macros.errors();
  Result<Plan> plan = MakePlan(config);
  if (!plan) return plan.errors();
  Result<FileSet> files = Emit(*plan);
  if (!files) return files.errors();
  MappingOptions mapping = options.mapping;
  mapping.for_clock = true;
  const double period = 1e9 / static_cast<double>(config.clock_hz);
  const Result<FileSet> scripts =
      TimingScripts(technology->technology, files->at("constraints/npu.sdc"), period);
  if (!scripts) return scripts.errors();

  std::optional<Cache> cache;
  std::string key;
  if (!options.cache_folder.empty()) {
    Result<Cache> opened = Cache::Open(options.cache_folder);
    if (!opened) return opened.errors();
    cache = std::move(*opened);
    key = TimingKey(MappingKey(*files, *technology, mapping), *scripts, technology->technology,
                    *macros);
    const Result<std::optional<std::string>> entry = cache->Find(kTimings, key);
    if (!entry) return entry.errors();
    if (*entry) {
      if (std::optional<TimingReport> found = ReadReport(fs::path(**entry) / kTimingEntry)) {
        return *found;
      }
    }
  }
  Result<WorkFolder> work = WorkFolder::Make(
      options.keep_folder.empty() ? "" : (fs::path(options.keep_folder) / "timing").string());
  if (!work) return work.errors();
  const std::string folder = work->path().string();
  Result<TimingReport> report = [&]() -> Result<TimingReport> {
    Result<MappedDesign> mapped =
        MapDesign(*files, *technology, cache ? &*cache : nullptr, folder, mapping);
    if (!mapped) return mapped.errors();
    if (mapping.progress) mapping.progress("timing with OpenSTA");
    return TimeDesign(*mapped, *technology, *macros, *scripts, folder);
  }();
  if (!report) {
    work->Keep();
    return report.errors();
  }
  report->clock_period = period;
  report->seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  if (cache) {
    const Result<TemporaryFolder> entry_work = cache->Work();
    if (!entry_work) return entry_work.errors();
    const fs::path entry = fs::path(entry_work->path()) / "entry";
    std::error_code error;
    fs::create_directory(entry, error);
    Status written = WriteNewFile((entry / kTimingEntry).string(), ReportJson(*report).dump());
    if (!written) return written.errors();
    const Result<std::string> stored = cache->Store(kTimings, key, entry.string());
    if (!stored) return stored.errors();
  }
  return report;
}

std::string FormatTiming(const NpuConfig& config, const TimingReport& report) {
  const auto megahertz = [](double period) { return period > 0 ? 1000 / period : 0; };
  std::string text = fmt::format("\nTiming of {} ({}; buffered and sized, no wires; OpenSTA)\n\n",
                                 config.name, report.technology);
  text += fmt::format("{:<52} {:>8} {:>8}\n", "", "ns", "MHz");
  const auto line = [&](std::string_view name, double period) {
    text += fmt::format("{:<52} {:>8.3f} {:>8.1f}\n", name, period, megahertz(period));
  };
  line("clock of the spec", report.clock_period);
  line("worst path between registers", report.register_period);
  line("shortest period with the emitted constraints", report.constrained_period);
  text +=
      fmt::format("worst slack at the clock of the spec: {:.3f} ns; {} of {} endpoints are late\n",
                  report.worst_slack, report.violated, report.endpoints);
  text += fmt::format(
      "area of this netlist: {:.0f} GE without memories, {:.0f} GE per MAC; {} cells, of which {} "
      "buffers\nbehind {} nets with too many loads (the largest had {})\n\n",
      report.area_ge, report.area_ge / static_cast<double>(config.macs_per_cycle()), report.cells,
      report.buffers.buffers, report.buffers.nets, report.buffers.largest_loads);
  text += fmt::format("{:>8}  worst paths\n", "slack");
  const auto module = [](const std::string& name) {
    return name.empty() ? std::string() : fmt::format(" ({})", name);
  };
  for (size_t i = 0; i < std::min(report.paths.size(), kTablePaths); ++i) {
    const TimingPath& path = report.paths[i];
    text += fmt::format("{:>8.3f}  {}{}\n{:>8}  -> {}{}\n", path.slack, path.from,
                        module(path.from_module), "", path.to, module(path.to_module));
  }
  text += fmt::format("\n{:>19}  endpoints by slack\n", "ns");
  constexpr uint64_t kBar = 50;
  const uint64_t most = report.histogram.empty()
                            ? 1
                            : std::max<uint64_t>(1, *std::max_element(report.histogram.begin(),
                                                                      report.histogram.end()));
  for (size_t i = 0; i < report.histogram.size(); ++i) {
    const double from = report.histogram_begin + static_cast<double>(i) * report.histogram_step;
    text += fmt::format("{:>8.2f} ..{:>8.2f}  {:>7} {}\n", from, from + report.histogram_step,
                        report.histogram[i], std::string(report.histogram[i] * kBar / most, '#'));
  }
  return text;
}

std::string TimingJson(const NpuConfig& config, const TimingReport& report) {
  nlohmann::ordered_json out;
  out["npugen"] = kToolVersion;
  out["spec"] = config.name;
  out["config_hash"] = fmt::format("{:016x}", config.hash);
  const json members = ReportJson(report);
  for (const auto& [name, value] : members.items()) out[name] = value;
  return out.dump(2) + "\n";
}

}  // namespace npugen

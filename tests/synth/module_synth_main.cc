// SPDX-License-Identifier: Apache-2.0
// Area by module, and with --timing the worst paths, of SystemVerilog files by the flow of
// `npugen synth`: for modules that no preset has yet. The top is npu_top; its ports are clk_i, *_i
// and *_o.
//
//   module_synth [--timing] FILE.sv...
#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>

#include "generator/support/cache.h"
#include "generator/support/file.h"
#include "generator/synth/synth.h"
#include "generator/synth/timing.h"

namespace npugen {
namespace {

namespace fs = std::filesystem;

constexpr const char* kConstraints =
    "create_clock -name clk -period $npu_period [get_ports clk_i]\n"
    "set_clock_uncertainty [expr {$npu_margin * $npu_period}] [get_clocks clk]\n"
    "set_clock_gating_check -setup 0.0 -hold 0.0 [get_clocks clk]\n"
    "set_input_delay [expr {$npu_outside * $npu_period}] -clock clk [get_ports {*_i}]\n"
    "set_output_delay [expr {$npu_outside * $npu_period}] -clock clk [get_ports {*_o}]\n";
constexpr double kPeriod = 5.5;  // nanoseconds
constexpr size_t kShownPaths = 12;

int Fail(const Diagnostics& errors) {
  std::fputs(FormatDiagnostic(errors.front(), false).c_str(), stderr);
  return 1;
}

int Main(int argc, char** argv) {
  MappingOptions options;
  FileSet files;
  std::string list;
  for (int i = 1; i < argc; ++i) {
    if (std::string(argv[i]) == "--timing") {
      options.for_clock = true;
      continue;
    }
    const Result<std::string> text = ReadFileText(argv[i], uint64_t{1} << 24);
    if (!text.ok()) return Fail(text.errors());
    const std::string name = "rtl/" + fs::path(argv[i]).filename().string();
    files[name] = *text;
    if (name.ends_with(".sv")) list += name + "\n";
  }
  files["filelist.f"] = list;
  files["manifest.json"] = "{\"generator\": \"npugen\", \"files\": []}\n";

  const Result<TechnologyLibrary> technology = LoadTechnology(kDefaultTechnology);
  if (!technology.ok()) return Fail(technology.errors());
  const char* cached = std::getenv("NPUGEN_CACHE");
  const Result<Cache> cache = Cache::Open(cached != nullptr ? cached : "build/cache");
  if (!cache.ok()) return Fail(cache.errors());
  std::string folder = fs::temp_directory_path() / "module_synth_XXXXXX";
  if (mkdtemp(folder.data()) == nullptr) return 1;
  options.jobs = 2;
  const Result<MappedDesign> mapped = MapDesign(files, *technology, &*cache, folder, options);
  if (!mapped.ok()) return Fail(mapped.errors());
  const Result<AreaReport> area = MeasureArea(*mapped, *technology);
  if (!area.ok()) return Fail(area.errors());
  for (const ModuleArea& module : area->modules) {
    fmt::print("{:24} {:3} x {:8.0f} GE  {:5} flip-flops, {:.0f} of them; full adders {:.0f}\n",
               module.name, module.instances,
               area->GateEquivalents(module) / static_cast<double>(module.instances),
               module.flip_flops,
               module.by_kind[static_cast<size_t>(CellKind::kFlipFlops)] / area->nand2_area,
               module.by_kind[static_cast<size_t>(CellKind::kFullAdders)] / area->nand2_area);
  }
  fmt::print("all {:.0f} GE\n", area->TotalGateEquivalents());
  if (options.for_clock) {
    const Result<FileSet> scripts = TimingScripts(technology->technology, kConstraints, kPeriod);
    if (!scripts.ok()) return Fail(scripts.errors());
    const Result<TimingReport> timing = TimeDesign(*mapped, *technology, {}, *scripts, folder);
    if (!timing.ok()) return Fail(timing.errors());
    fmt::print(
        "worst path between registers {:.2f} ns, {:.1f} MHz; area of this netlist {:.0f} GE\n",
        timing->register_period, 1000 / timing->register_period, timing->area_ge);
    for (size_t i = 0; i < timing->paths.size() && i < kShownPaths; ++i) {
      const TimingPath& path = timing->paths[i];
      fmt::print("  {:6.2f} {} -> {}\n", path.slack, path.from, path.to);
    }
    fmt::print("logs in {}\n", folder);
    return 0;
  }
  fs::remove_all(folder);
  return 0;
}

}  // namespace
}  // namespace npugen

int main(int argc, char** argv) { return npugen::Main(argc, argv); }

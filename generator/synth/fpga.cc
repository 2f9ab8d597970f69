// SPDX-License-Identifier: Apache-2.0
// Runs Yosys' flows for FPGAs and counts cells by what they are.
#include "generator/synth/fpga.h"

#include <fmt/format.h>

#include <chrono>
#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>
#include <utility>

#include "generator/emit/emit.h"
#include "generator/plan/plan.h"
#include "generator/support/cache.h"
#include "generator/support/version.h"
#include "generator/synth/work_folder.h"

namespace npugen {
namespace {

enum class FpgaCell : uint8_t {
  kOther,
  kLut,
  kLutRam,
  kFlipFlop,
  kCarry,
  kDsp,
  kBlockRam,
  kHalfRam
};

FpgaCell KindOf(std::string_view type) {
  // Prefixes, the longest that fits first.
  static constexpr std::pair<std::string_view, FpgaCell> kCells[] = {
      // Xilinx 7 series
      {"LUT", FpgaCell::kLut},
      {"INV", FpgaCell::kLut},
      {"FDRE", FpgaCell::kFlipFlop},
      {"FDSE", FpgaCell::kFlipFlop},
      {"FDCE", FpgaCell::kFlipFlop},
      {"FDPE", FpgaCell::kFlipFlop},
      {"CARRY4", FpgaCell::kCarry},
      {"DSP48E1", FpgaCell::kDsp},
      {"RAMB36E1", FpgaCell::kBlockRam},
      {"RAMB18E1", FpgaCell::kHalfRam},
      {"RAM32", FpgaCell::kLutRam},
      {"RAM64", FpgaCell::kLutRam},
      {"RAM128", FpgaCell::kLutRam},
      {"RAM256", FpgaCell::kLutRam},
      {"SRL", FpgaCell::kLutRam},
      // ECP5
      {"TRELLIS_FF", FpgaCell::kFlipFlop},
      {"TRELLIS_DPR", FpgaCell::kLutRam},
      {"CCU2C", FpgaCell::kCarry},
      {"MULT18X18D", FpgaCell::kDsp},
      {"DP16KD", FpgaCell::kBlockRam},
      // iCE40
      {"SB_LUT4", FpgaCell::kLut},
      {"SB_DFF", FpgaCell::kFlipFlop},
      {"SB_CARRY", FpgaCell::kCarry},
      {"SB_MAC16", FpgaCell::kDsp},
      {"SB_RAM40", FpgaCell::kBlockRam},
  };
  for (const auto& [prefix, kind] : kCells) {
    if (type.starts_with(prefix)) return kind;
  }
  return FpgaCell::kOther;
}

}  // namespace

std::string FpgaName(FpgaTarget target) {
  return target == FpgaTarget::kXilinx ? "xilinx" : target == FpgaTarget::kEcp5 ? "ecp5" : "ice40";
}

FpgaReport CountFpgaCells(const Design& design, FpgaTarget target) {
  FpgaReport report;
  report.target = target;
  for (const auto& [name, module] : design.modules) {
    for (const DesignCell& cell : module.cells) {
      if (!design.modules.contains(cell.type)) report.cells[cell.type] += module.instances;
    }
  }
  uint64_t half_rams = 0;
  for (const auto& [type, count] : report.cells) {
    switch (KindOf(type)) {
      case FpgaCell::kLut:
        report.luts += count;
        break;
      case FpgaCell::kLutRam:
        report.lut_rams += count;
        break;
      case FpgaCell::kFlipFlop:
        report.flip_flops += count;
        break;
      case FpgaCell::kCarry:
        report.carries += count;
        break;
      case FpgaCell::kDsp:
        report.dsps += count;
        break;
      case FpgaCell::kBlockRam:
        report.block_rams += count;
        break;
      case FpgaCell::kHalfRam:
        half_rams += count;
        break;
      case FpgaCell::kOther:
        break;
    }
  }
  report.block_rams += (half_rams + 1) / 2;
  return report;
}

Result<FpgaReport> SynthesizeForFpga(const NpuConfig& config, FpgaTarget target,
                                     const SynthOptions& options) {
  const auto begin = std::chrono::steady_clock::now();
  NpuConfig ungated = config;
  ungated.clock_gating = 0;
  Result<Plan> plan = MakePlan(ungated);
  if (!plan) return plan.errors();
  Result<FileSet> files = Emit(*plan);
  if (!files) return files.errors();
  std::optional<Cache> cache;
  if (!options.cache_folder.empty()) {
    Result<Cache> opened = Cache::Open(options.cache_folder);
    if (!opened) return opened.errors();
    cache = std::move(*opened);
  }
  Result<WorkFolder> work = WorkFolder::Make(options.keep_folder);
  if (!work) return work.errors();
  MappingOptions mapping = options.mapping;
  mapping.fpga = FpgaName(target);
  const TechnologyLibrary none;
  Result<MappedDesign> mapped =
      MapDesign(*files, none, cache ? &*cache : nullptr, work->path().string(), mapping);
  if (!mapped) {
    work->Keep();
    return mapped.errors();
  }
  const Result<Design> design = ReadDesign(*mapped, nullptr);
  if (!design) return design.errors();
  FpgaReport report = CountFpgaCells(*design, target);
  report.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  return report;
}

std::string FormatFpga(const NpuConfig& config, const FpgaReport& report) {
  const char* family = report.target == FpgaTarget::kXilinx ? "Xilinx 7 series"
                       : report.target == FpgaTarget::kEcp5 ? "Lattice ECP5"
                                                            : "Lattice iCE40";
  std::string text =
      fmt::format("{} on {} (Yosys, modules by themselves)\n\n", config.name, family);
  const auto line = [&text](std::string_view name, uint64_t count) {
    text += fmt::format("{:<24} {:>10}\n", name, count);
  };
  line(report.target == FpgaTarget::kXilinx ? "LUT6" : "LUT4", report.luts);
  line("cells of LUT memory", report.lut_rams);
  line("flip-flops", report.flip_flops);
  line("cells of carry chains", report.carries);
  line("DSPs", report.dsps);
  line(report.target == FpgaTarget::kXilinx ? "block RAMs (36 Kib)"
       : report.target == FpgaTarget::kEcp5 ? "block RAMs (18 Kib)"
                                            : "block RAMs (4 Kib)",
       report.block_rams);
  return text;
}

std::string FpgaJson(const NpuConfig& config, const FpgaReport& report) {
  nlohmann::ordered_json out;
  out["npugen"] = kToolVersion;
  out["spec"] = config.name;
  out["config_hash"] = fmt::format("{:016x}", config.hash);
  out["target"] = FpgaName(report.target);
  out["luts"] = report.luts;
  out["lut_rams"] = report.lut_rams;
  out["flip_flops"] = report.flip_flops;
  out["carries"] = report.carries;
  out["dsps"] = report.dsps;
  out["block_rams"] = report.block_rams;
  out["cells"] = report.cells;
  out["seconds"] = report.seconds;
  return out.dump(2) + "\n";
}

}  // namespace npugen

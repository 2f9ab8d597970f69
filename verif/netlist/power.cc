// SPDX-License-Identifier: Apache-2.0
// From recorded states to energy by part, and its tables.
#include "verif/netlist/power.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>

#include "generator/emit/emit.h"
#include "generator/plan/plan.h"
#include "generator/support/temporary.h"
#include "generator/synth/design.h"
#include "generator/synth/flat_netlist.h"
#include "generator/synth/mapping.h"
#include "generator/synth/timing.h"
#include "verif/netlist/compile_netlist.h"
#include "verif/netlist/netlist.h"

namespace npugen {
namespace {

namespace fs = std::filesystem;

/// Modules that only put others together: their parts are told apart.
constexpr std::array<std::string_view, 5> kWrappers = {"npu_top", "npu_controller", "npu_dma",
                                                       "npu_pe_array", "npu_pe"};
constexpr std::array<const char*, kEnergyKinds> kKindNames = {"clock", "registers", "logic",
                                                              "memories"};
/// The outside world takes this part of a period before inputs change, as in constraints/sdc.
constexpr double kOutside = 0.3;

/// Nets of the flat netlist by number of the source in the states. The text of the netlist calls a
/// net by its number.
Result<std::vector<FlatNet>> SourcesOf(const FlatNetlist& flat, const MappedDesign& mapped,
                                       const TechnologyLibrary& technology) {
  const Result<Netlist> netlist =
      ReadNetlist(FlatJson(flat, mapped), technology.library.cells, "netlist.json");
  if (!netlist) return netlist.errors();
  std::vector<FlatNet> by_net(netlist->nets, kFlatZero);
  for (const auto& [bit, net] : netlist->top_bits) by_net[net] = bit;
  by_net[kNetOne] = kFlatOne;
  std::vector<FlatNet> sources;
  for (const NetId net : SourceNets(*netlist)) sources.push_back(by_net[net]);
  return sources;
}

/// The place that stands for a part: the outermost instance that is no wrapper.
uint32_t PartOf(const FlatNetlist& netlist, uint32_t place) {
  uint32_t part = place;
  for (uint32_t at = place; at != 0; at = netlist.places[at].parent) {
    const std::string& rtl = netlist.places[at].rtl;
    if (std::find(kWrappers.begin(), kWrappers.end(), rtl) == kWrappers.end()) part = at;
  }
  return part;
}

void Add(const PlaceEnergy& energy, PlaceEnergy* sum) {
  for (size_t k = 0; k < kEnergyKinds; ++k) sum->by_kind[k] += energy.by_kind[k];
  sum->without_delays += energy.without_delays;
}

std::vector<PowerPart> Sorted(std::map<std::string, PowerPart> parts) {
  std::vector<PowerPart> sorted;
  for (auto& [name, part] : parts) {
    part.name = name;
    sorted.push_back(std::move(part));
  }
  std::stable_sort(sorted.begin(), sorted.end(), [](const PowerPart& a, const PowerPart& b) {
    return a.energy.total() > b.energy.total();
  });
  return sorted;
}

void Summarize(const FlatNetlist& netlist, const EnergySimulator& simulator, PowerReport* report) {
  std::map<std::string, PowerPart> parts, modules;
  const std::vector<PlaceEnergy>& energies = simulator.energies();
  for (uint32_t place = 0; place < energies.size(); ++place) {
    Add(energies[place], &report->energy);
    const uint32_t part = PartOf(netlist, place);
    const std::string path = part == 0 ? "(top)" : netlist.InstancePath(part);
    Add(energies[place], &parts[path].energy);
    PowerPart& module = modules[netlist.places[place].rtl];
    Add(energies[place], &module.energy);
    ++module.instances;
  }
  for (auto& [name, module] : modules) --module.instances;
  report->parts = Sorted(std::move(parts));
  report->modules = Sorted(std::move(modules));
  report->leakage = simulator.leakage();
}

/// Simulates the samples of one job; each stands for several cycles.
Status AddJob(const std::vector<FlatNet>& sources, const RecordedStates& job,
              const std::function<void(uint64_t done)>& progress, EnergySimulator* simulator,
              double* variance) {
  if (job.count == 0) return Unit{};
  if (job.state_bytes != (sources.size() + 7) / 8) {
    return Diagnostic(DiagnosticCode::kToolFailed, SourceLocation(),
                      "the recorded states are not of this netlist", "");
  }
  const double weight = static_cast<double>(job.cycles) / static_cast<double>(job.count);
  std::vector<uint8_t> states[2];
  double sum = 0, squares = 0;
  for (uint64_t s = 0; s < job.count; ++s) {
    for (const int half : {0, 1}) {
      const uint8_t* bits = &job.bits[(2 * s + static_cast<uint64_t>(half)) * job.state_bytes];
      states[half].resize(sources.size());
      for (size_t i = 0; i < sources.size(); ++i) states[half][i] = bits[i / 8] >> i % 8 & 1;
    }
    if (Status added = simulator->AddCycle(sources, states[0], states[1], weight); !added) {
      return added;
    }
    sum += simulator->last_cycle();
    squares += simulator->last_cycle() * simulator->last_cycle();
    progress(s + 1);
  }
  const auto n = static_cast<double>(job.count);
  if (job.count > 1 && job.count < job.cycles) {
    const double spread = std::max(0.0, (squares - sum * sum / n) / (n - 1));
    *variance += spread / n * static_cast<double>(job.cycles) * static_cast<double>(job.cycles);
  }
  return Unit{};
}

}  // namespace

Result<PowerReport> MeasurePower(const NpuConfig& config, const TechnologyLibrary& technology,
                                 const std::vector<MemoryMacro>& macros, const Cache& cache,
                                 const std::vector<RecordedStates>& jobs,
                                 const std::function<void(const std::string&)>& progress) {
  const Result<Plan> plan = MakePlan(config);
  if (!plan) return plan.errors();
  const Result<FileSet> files = Emit(*plan);
  if (!files) return files.errors();
  const Result<TemporaryFolder> work = cache.Work();
  if (!work) return work.errors();
  MappingOptions mapping;
  mapping.for_clock = true;
  mapping.progress = progress;
  const Result<MappedDesign> mapped = MapDesign(*files, technology, &cache, work->path(), mapping);
  if (!mapped) return mapped.errors();
  progress("putting the netlist together");
  const Result<Design> design = ReadDesign(*mapped, &technology.library.cells);
  if (!design) return design.errors();
  Result<FlatNetlist> flat = Flatten(*design, technology);
  if (!flat) return flat.errors();
  AddBuffers(technology, &*flat);
  const Result<std::vector<FlatNet>> sources = SourcesOf(*flat, *mapped, technology);
  if (!sources) return sources.errors();
  const Result<Characterization> characterization =
      ReadCharacterization(technology.library.text, technology.library.path);
  if (!characterization) return characterization.errors();

  EnergyOptions options;
  options.period = 1e9 / static_cast<double>(config.clock_hz);
  options.input_delay = kOutside * options.period;
  const std::vector<MemoryCost> memories =
      MemoryCosts(*flat, *design, technology.technology, macros);
  Result<EnergySimulator> simulator =
      EnergySimulator::Make(*flat, technology, *characterization, memories, options);
  if (!simulator) return simulator.errors();
  PowerReport report;
  report.technology = technology.technology.title;
  report.clock_hz = static_cast<double>(config.clock_hz);
  report.jobs = jobs.size();
  double variance = 0;
  for (size_t j = 0; j < jobs.size(); ++j) {
    const Status added = AddJob(
        *sources, jobs[j],
        [&](uint64_t done) {
          progress(fmt::format("job {} of {}: {} of {} cycles with delays", j + 1, jobs.size(),
                               done, jobs[j].count));
        },
        &*simulator, &variance);
    if (!added) return added.errors();
    report.cycles += jobs[j].cycles;
    report.samples += jobs[j].count;
  }
  Summarize(*flat, *simulator, &report);
  if (report.energy.total() > 0)
    report.standard_error = std::sqrt(variance) / report.energy.total();
  return report;
}

std::string FormatPower(const PowerContext& context, const PowerReport& report) {
  const double total = report.energy.total();
  const double cycles = static_cast<double>(report.cycles);
  std::string text = fmt::format(
      "{} on {}{}: {} cycles at {:.0f} MHz, {} of them simulated with delays\n{}; no wires, no "
      "clock tree\n\n",
      context.model, context.spec, context.warm ? ", parameters cached" : "", report.cycles,
      report.clock_hz * 1e-6, report.samples, report.technology);
  const auto table = [&](const char* title, const std::vector<PowerPart>& parts, bool modules) {
    text += fmt::format("{:38} {:>9} {:>6} {:>8} {:>9} {:>8} {:>8} {:>8}\n", title, "pJ/cycle", "%",
                        "clock", "registers", "logic", "memories", "glitches");
    double rest = 0;
    for (const PowerPart& part : parts) {
      const double energy = part.energy.total();
      if (energy < total * 0.002) {
        rest += energy;
        continue;
      }
      const auto& kinds = part.energy.by_kind;
      const double logic = kinds[static_cast<size_t>(EnergyKind::kLogic)];
      const std::string name = modules && part.instances > 1
                                   ? fmt::format("{} ({})", part.name, part.instances)
                                   : part.name;
      text += fmt::format("{:38} {:9.2f} {:6.1f} {:8.2f} {:9.2f} {:8.2f} {:8.2f} {:>8}\n", name,
                          energy / cycles, 100 * energy / total, kinds[0] / cycles,
                          kinds[1] / cycles, logic / cycles, kinds[3] / cycles,
                          part.energy.without_delays > 0
                              ? fmt::format("x {:.2f}", logic / part.energy.without_delays)
                              : std::string("-"));
    }
    text +=
        fmt::format("{:38} {:9.2f} {:6.1f}\n\n", "all others", rest / cycles, 100 * rest / total);
  };
  table("part", report.parts, false);
  table("module", report.modules, true);
  const auto& kinds = report.energy.by_kind;
  text += fmt::format(
      "{:38} {:9.2f} {:>6} {:8.2f} {:9.2f} {:8.2f} {:8.2f} {:>8}\n", "in all", total / cycles, "",
      kinds[0] / cycles, kinds[1] / cycles, kinds[2] / cycles, kinds[3] / cycles,
      fmt::format("x {:.2f}", kinds[2] / std::max(report.energy.without_delays, 1e-9)));
  text += fmt::format("energy of an inference {:.3f} uJ (standard error {:.1f} %)", total * 1e-6,
                      100 * report.standard_error);
  if (context.macs > 0) {
    text += fmt::format(", {:.2f} pJ per MAC", total / static_cast<double>(context.macs));
  }
  text += fmt::format("\npower {:.2f} mW while it runs, {:.2f} uW of it leakage of cells\n",
                      report.power(), report.leakage);
  return text;
}

std::string PowerJson(const PowerContext& context, const PowerReport& report) {
  using nlohmann::ordered_json;
  const auto energy = [](const PlaceEnergy& part) {
    ordered_json out;
    out["pj"] = part.total();
    for (size_t k = 0; k < kEnergyKinds; ++k) {
      out[fmt::format("{}_pj", kKindNames[k])] = part.by_kind[k];
    }
    out["logic_without_glitches_pj"] = part.without_delays;
    return out;
  };
  const auto list = [&](const std::vector<PowerPart>& parts, bool modules) {
    ordered_json out = ordered_json::array();
    for (const PowerPart& part : parts) {
      ordered_json entry = {{"name", part.name}};
      if (modules) entry["instances"] = part.instances;
      entry.update(energy(part.energy));
      out.push_back(std::move(entry));
    }
    return out;
  };
  ordered_json out = {{"spec", context.spec},
                      {"model", context.model},
                      {"technology", report.technology},
                      {"clock_hz", report.clock_hz},
                      {"warm", context.warm},
                      {"jobs", report.jobs},
                      {"cycles", report.cycles},
                      {"samples", report.samples},
                      {"standard_error", report.standard_error},
                      {"macs", context.macs},
                      {"energy", energy(report.energy)},
                      {"leakage_uw", report.leakage},
                      {"power_mw", report.power()},
                      {"parts", list(report.parts, false)},
                      {"modules", list(report.modules, true)}};
  return out.dump(2) + "\n";
}

std::string PowerCsv(const PowerReport& report) {
  std::string text =
      "kind,name,instances,pj,clock_pj,registers_pj,logic_pj,memories_pj,"
      "logic_without_glitches_pj\n";
  const auto add = [&](const char* kind, const std::vector<PowerPart>& parts) {
    for (const PowerPart& part : parts) {
      const auto& kinds = part.energy.by_kind;
      text += fmt::format("{},{},{},{:.3f},{:.3f},{:.3f},{:.3f},{:.3f},{:.3f}\n", kind, part.name,
                          part.instances, part.energy.total(), kinds[0], kinds[1], kinds[2],
                          kinds[3], part.energy.without_delays);
    }
  };
  add("part", report.parts);
  add("module", report.modules);
  return text;
}

}  // namespace npugen

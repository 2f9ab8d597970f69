// SPDX-License-Identifier: Apache-2.0
// npugen sweep: variants of a spec side by side, in cycles of networks, area and clock.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <iterator>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "cli/command_line.h"
#include "cli/commands.h"
#include "cli/report_flags.h"
#include "cli/simulate.h"
#include "generator/config/load.h"
#include "generator/support/cache.h"
#include "generator/synth/synth.h"
#include "generator/synth/timing.h"
#include "sw/compiler/compile_network.h"
#include "verif/session/estimate_model.h"

namespace npugen {
namespace {

struct SweepOptions {
  std::string spec;
  std::vector<std::string> models;
  std::vector<std::string> vary;
  bool cold = false;
  bool no_area = false;
  bool timing = false;
  bool host_operators = false;
  uint32_t latency = 50;
  ReportFlags output;
  SynthOptions synth;
};

/// A variant of the spec, and what came out of it.
struct SweepPoint {
  std::string name;
  std::vector<SpecChange> changes;
  NpuConfig config;
  std::vector<uint64_t> cycles;  ///< of each model
  std::optional<AreaReport> area;
  std::optional<TimingReport> timing;

  /// Nanoseconds of the clock: the shortest that the emitted constraints allow, else the spec's.
  double period() const {
    return timing ? timing->constrained_period : 1e9 / static_cast<double>(config.clock_hz);
  }
};

std::vector<std::string> Split(const std::string& text, char by) {
  std::vector<std::string> parts;
  size_t begin = 0;
  for (size_t at = text.find(by); at != std::string::npos; at = text.find(by, begin)) {
    parts.push_back(text.substr(begin, at - begin));
    begin = at + 1;
  }
  parts.push_back(text.substr(begin));
  return parts;
}

/// The variants that `KEY,KEY=VALUE:VALUE,VALUE:VALUE` stands for.
Result<std::vector<SweepPoint>> PointsOf(const std::string& vary) {
  const size_t sign = vary.find('=');
  const std::vector<std::string> keys = Split(vary.substr(0, sign), ',');
  if (sign == std::string::npos) {
    return UsageError(fmt::format("`--vary {}` has no values", vary),
                      "such as --vary core.lanes=8,32 or --vary core.lanes,lane.simd=8:32,32:8");
  }
  std::vector<SweepPoint> points;
  for (const std::string& values : Split(vary.substr(sign + 1), ',')) {
    const std::vector<std::string> parts = Split(values, ':');
    if (parts.size() != keys.size()) {
      return UsageError(fmt::format("`{}` of `--vary {}` has {} values for {} keys", values, vary,
                                    parts.size(), keys.size()),
                        "give each key a value, with `:` between them");
    }
    SweepPoint point;
    for (size_t i = 0; i < keys.size(); ++i) {
      point.changes.push_back({keys[i], parts[i]});
      // The last words of the first two keys name it; others often only follow from these.
      const std::string word = keys[i].substr(keys[i].rfind('.') + 1);
      if (i < 2) point.name += fmt::format("{}{} {}", i > 0 ? ", " : "", word, parts[i]);
    }
    points.push_back(std::move(point));
  }
  return points;
}

/// The geometric mean of `point`'s cycles over those of `base`.
double RelativeCycles(const SweepPoint& point, const SweepPoint& base) {
  double sum = 0;
  for (size_t m = 0; m < point.cycles.size(); ++m) {
    sum += std::log(static_cast<double>(point.cycles[m]) / static_cast<double>(base.cycles[m]));
  }
  return std::exp(sum / static_cast<double>(std::max<size_t>(point.cycles.size(), 1)));
}

double RelativeTime(const SweepPoint& point, const SweepPoint& base) {
  return RelativeCycles(point, base) * point.period() / base.period();
}

Result<std::vector<uint64_t>> CyclesOf(const SweepOptions& options, const NpuConfig& config) {
  std::vector<uint64_t> cycles;
  for (const std::string& path : options.models) {
    const Result<Model> model = ReadModelFor(config, path);
    if (!model) return model.errors();
    CompileOptions compile;
    compile.host_operators = options.host_operators;
    const Result<Network> network = CompileNetwork(*model, config, compile);
    if (!network) return network.errors();
    const Result<RunReport> report =
        EstimateModel(config, *network, /*warm=*/!options.cold, options.latency);
    if (!report) return report.errors();
    cycles.push_back(report->cycles);
  }
  return cycles;
}

/// Files by their names, or by their folders' where several have the same.
std::string LabelOf(const std::vector<std::string>& models, size_t number) {
  const auto stem = [](const std::string& path) {
    return std::filesystem::path(path).stem().string();
  };
  const auto same = [&](const std::string& other) { return stem(other) == stem(models[number]); };
  if (std::count_if(models.begin(), models.end(), same) == 1) return stem(models[number]);
  return std::filesystem::absolute(models[number]).parent_path().filename().string();
}

std::string Table(const SweepOptions& options, const std::vector<SweepPoint>& points) {
  std::string text = fmt::format("{:44} {:>5}", "variant", "MACs");
  for (size_t m = 0; m < options.models.size(); ++m) {
    text += fmt::format(" {:>12}", LabelOf(options.models, m).substr(0, 12));
  }
  text += fmt::format(" {:>8}", "cycles");
  if (!options.no_area)
    text += fmt::format(" {:>10} {:>8} {:>10}", "logic GE", "per MAC", "memory GE");
  if (options.timing) text += fmt::format(" {:>8} {:>8}", "ns", "time");
  text += '\n';
  for (const SweepPoint& point : points) {
    text += fmt::format("{:44} {:5}", point.name, point.config.macs_per_cycle());
    for (const uint64_t cycles : point.cycles) text += fmt::format(" {:12}", cycles);
    text += fmt::format(" {:8.3f}", RelativeCycles(point, points[0]));
    if (point.area) {
      const double logic = point.area->TotalGateEquivalents();
      text += fmt::format(
          " {:10.0f} {:8.0f} {:10.0f}", logic,
          logic / static_cast<double>(point.config.macs_per_cycle()),
          point.area->AccumulatorGateEquivalents() + point.area->MemoryGateEquivalents());
    }
    if (point.timing) {
      text += fmt::format(" {:8.2f} {:8.3f}", point.period(), RelativeTime(point, points[0]));
    }
    text += '\n';
  }
  text += fmt::format(
      "cycles: {}, by the performance model; the last column of them is the geometric mean "
      "against the first row\n",
      options.cold ? "with empty memories" : "with cached parameters");
  if (options.timing) {
    text +=
        "ns: the shortest period with the emitted constraints; time: cycles times it, against the "
        "first row\n";
  }
  return text;
}

std::string Json(const SweepOptions& options, const std::vector<SweepPoint>& points) {
  using nlohmann::ordered_json;
  ordered_json out = {{"spec", points[0].config.name}, {"points", ordered_json::array()}};
  for (const SweepPoint& point : points) {
    ordered_json entry = {{"name", point.name},
                          {"macs_per_cycle", point.config.macs_per_cycle()},
                          {"relative_cycles", RelativeCycles(point, points[0])},
                          {"relative_time", RelativeTime(point, points[0])},
                          {"period_ns", point.period()},
                          {"timed", point.timing.has_value()}};
    for (const SpecChange& change : point.changes) entry["changes"][change.path] = change.value;
    for (size_t m = 0; m < point.cycles.size(); ++m) {
      entry["cycles"][LabelOf(options.models, m)] = point.cycles[m];
    }
    if (point.area) {
      entry["logic_ge"] = point.area->TotalGateEquivalents();
      entry["accumulators_ge"] = point.area->AccumulatorGateEquivalents();
      entry["memories_ge"] = point.area->MemoryGateEquivalents();
    }
    out["points"].push_back(std::move(entry));
  }
  return out.dump(2) + "\n";
}

/// Fills in what is asked for.
Status Measure(const SweepOptions& options, ProgressLine* progress,
               std::vector<SweepPoint>* points) {
  for (size_t p = 0; p < points->size(); ++p) {
    SweepPoint& point = (*points)[p];
    const std::string where = fmt::format("{} of {}: ", p + 1, points->size());
    progress->Show(where + "cycles");
    Result<std::vector<uint64_t>> cycles = CyclesOf(options, point.config);
    if (!cycles) return cycles.errors();
    point.cycles = std::move(*cycles);
    SynthOptions synth = options.synth;
    synth.cache_folder = DefaultCacheFolder();
    synth.mapping.progress = [&](const std::string& text) { progress->Show(where + text); };
    if (!options.no_area) {
      Result<AreaReport> area = Synthesize(point.config, synth);
      if (!area) return area.errors();
      point.area = std::move(*area);
    }
    if (options.timing) {
      Result<TimingReport> timing = AnalyzeTiming(point.config, synth);
      if (!timing) return timing.errors();
      point.timing = std::move(*timing);
    }
  }
  return Unit{};
}

int Sweep(const SweepOptions& options) {
  SweepPoint base;
  base.name = "as the spec has it";
  std::vector<SweepPoint> points = {std::move(base)};
  for (const std::string& vary : options.vary) {
    Result<std::vector<SweepPoint>> more = PointsOf(vary);
    if (!more) return Report(more.errors());
    std::move(more->begin(), more->end(), std::back_inserter(points));
  }
  for (SweepPoint& point : points) {
    Result<NpuConfig> config = LoadSpec(options.spec, point.changes);
    if (!config) {
      Diagnostics errors = config.errors();
      for (Diagnostic& error : errors) {
        if (!point.changes.empty())
          error.message = fmt::format("{}: {}", point.name, error.message);
      }
      return Report(errors);
    }
    point.config = std::move(*config);
  }
  ProgressLine progress(ProgressLine::OffTerminal::kLines);
  const Status measured = Measure(options, &progress, &points);
  progress.Clear();
  if (!measured) return Report(measured.errors());
  std::fputs(Table(options, points).c_str(), TextStream(options.output.paths()));
  const Status written =
      WriteReports(options.output, fmt::format("Variants of {}", points[0].config.name),
                   {{points[0].config.name, Json(options, points)}});
  return written ? 0 : Report(written.errors());
}

}  // namespace

void AddSweepCommand(CommandLine& line) {
  auto options = std::make_shared<SweepOptions>();
  Subcommand command =
      line.Add("sweep", "Variants of a spec side by side: cycles of networks, area, clock");
  command.Argument("SPEC", &options->spec, "spec file (YAML): the first variant").Required();
  command
      .Argument("MODEL", &options->models,
                "model files (.tflite in int8, .onnx, or .json of bits) whose cycles count")
      .Required();
  command.Values("--vary", &options->vary,
                 "KEY=VALUE,VALUE...: a variant for each value; KEY,KEY=VALUE:VALUE,... changes "
                 "several keys together. May be given several times; each changes the spec alone");
  command.Flag("--cold", &options->cold, "cycles with empty memories instead of cached parameters");
  command.Flag("--no-area", &options->no_area, "do not map the variants to cells: cycles alone");
  command.Flag("--timing", &options->timing,
               "also map for the clock and ask OpenSTA for the shortest period");
  command.Flag("--host-operators", &options->host_operators, kHostOperatorsHelp);
  command.Value("--latency", &options->latency, "cycles from a bus request to its answer")
      .ShowDefault()
      .Range(1, 100000);
  command
      .Value("--tech", &options->synth.technology,
             "technology: a name of constraints/tech, or a file that describes one")
      .ShowDefault();
  AddReportFlags(command, &options->output, "also write all variants as JSON to this file");
  command.Footer(
      "Example: npugen sweep specs/edge.yaml models/digits/digits_cnn_int8.tflite \\\n"
      "           --vary core.lanes,lane.simd=8:32,32:8 --vary units.postprocess_width=4,8");
  command.OnRun([options] { return Sweep(*options); });
}

}  // namespace npugen

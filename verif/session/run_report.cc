// SPDX-License-Identifier: Apache-2.0
// Layer rows, totals, table and JSON of a run.
#include "verif/session/run_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <numeric>

#include "generator/arch/command_set.h"
#include "generator/support/version.h"
#include "verif/session/limits.h"

namespace npugen {
namespace {

uint64_t Sum(const CauseCycles& causes) {
  return std::accumulate(causes.begin(), causes.end(), uint64_t{0});
}

void Add(const CauseCycles& from, CauseCycles* to) {
  for (size_t i = 0; i < from.size(); ++i) (*to)[i] += from[i];
}

/// Slots of the array that a layer needs: one for each multiply-accumulate of bytes, one for eight
/// of bits.
double Slots(const ProgramLayer& layer) {
  return static_cast<double>(layer.macs) / (layer.binary ? 8 : 1);
}

/// Share of the slots of `cycles` that are filled.
double Utilization(const NpuConfig& config, double slots, uint64_t cycles) {
  if (cycles == 0) return 0;
  return slots / (static_cast<double>(cycles) * static_cast<double>(config.macs_per_cycle()));
}

std::string ShapeText(const std::vector<int32_t>& shape) {
  return fmt::format("{}", fmt::join(shape, "x"));
}

nlohmann::ordered_json CausesJson(const CauseCycles& causes) {
  nlohmann::ordered_json json = nlohmann::ordered_json::object();
  for (const CycleCause& cause : AllCycleCauses()) {
    json[std::string(cause.json_name)] = causes[cause.code];
  }
  return json;
}

nlohmann::ordered_json CostJson(const InferenceCost& cost) {
  return {{"cycles", cost.cycles},
          {"bytes_read", cost.bytes_read},
          {"bytes_written", cost.bytes_written},
          {"utilization", cost.utilization}};
}

/// Columns that are padded to the widest cell; the first ones to the left, numbers to the right.
class Table {
 public:
  explicit Table(size_t left_columns) : left_columns_(left_columns) {}
  void Row(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }
  std::string Print() const {
    std::vector<size_t> widths;
    for (const std::vector<std::string>& row : rows_) {
      widths.resize(std::max(widths.size(), row.size()));
      for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
    }
    std::string text;
    for (const std::vector<std::string>& row : rows_) {
      std::string line;
      for (size_t i = 0; i < row.size(); ++i) {
        line += i < left_columns_ ? fmt::format("{:<{}}  ", row[i], widths[i])
                                  : fmt::format("{:>{}}  ", row[i], widths[i]);
      }
      line.erase(line.find_last_not_of(' ') + 1);
      text += line + '\n';
    }
    return text;
  }

 private:
  size_t left_columns_;
  std::vector<std::vector<std::string>> rows_;
};

/// What was compared with the golden model.
void AddChecks(const RunReport& report, nlohmann::ordered_json* json) {
  (*json)["tensors_checked"] = report.tensors_checked;
  (*json)["elements_checked"] = report.elements_checked;
  (*json)["mismatches"] = report.mismatches;
  if (report.first_mismatch) {
    const Mismatch& mismatch = *report.first_mismatch;
    nlohmann::ordered_json first;
    first["layer"] = mismatch.operator_index;
    first["op"] = mismatch.operator_name;
    first["tensor"] = mismatch.tensor;
    first["position"] = mismatch.position;
    // Only values of float32 may be no integers.
    const auto number = [](double value) -> nlohmann::ordered_json {
      const bool whole = std::abs(value) < 9e15 && value == std::floor(value);
      if (whole) return static_cast<int64_t>(value);
      return value;
    };
    first["expected"] = number(mismatch.expected);
    first["actual"] = number(mismatch.actual);
    first["dumps"] = report.dumps;
    (*json)["first_mismatch"] = std::move(first);
  } else {
    (*json)["first_mismatch"] = nullptr;
  }
}

}  // namespace

InferenceCost CostOf(const NpuConfig& config, const Program& program, const JobReport& job) {
  double slots = 0;
  for (const ProgramLayer& layer : program.layers) slots += Slots(layer);
  return {job.counters.cycles, job.counters.bytes_read, job.counters.bytes_written,
          Utilization(config, slots, job.counters.cycles)};
}

InferenceCost CostOf(const NpuConfig& config, const Network& network, const NetworkReport& run) {
  InferenceCost cost;
  double slots = 0;
  for (const NetworkProgram& p : network.programs) {
    for (const ProgramLayer& layer : p.program.layers) slots += Slots(layer);
  }
  for (const JobReport& job : run.jobs) {
    cost.cycles += job.counters.cycles;
    cost.bytes_read += job.counters.bytes_read;
    cost.bytes_written += job.counters.bytes_written;
  }
  cost.utilization = Utilization(config, slots, cost.cycles);
  return cost;
}

namespace {

/// The layers of one segment.
void AddSegment(const NpuConfig& config, const Program& program, const JobReport& job,
                RunReport* report) {
  StepReport step;
  step.layers = program.layers.size();
  step.cycles = job.counters.cycles;
  if (!program.layers.empty()) step.index = program.layers[0].operator_index;
  const auto first_layer = static_cast<uint32_t>(report->layers.size());
  const StreamSummary summary = SummarizeStream(config, program, job.warm);
  const StreamSummary cold =
      job.warm ? SummarizeStream(config, program, /*warm=*/false) : StreamSummary();
  for (const LayerTraffic& layer : job.warm ? cold.layers : summary.layers) {
    report->parameter_room += layer.parameter_room;
  }
  for (MemoryBlock block : summary.blocks) {
    block.layer += first_layer;
    block.first += first_layer;
    block.last += first_layer;
    report->blocks.push_back(block);
  }
  for (size_t i = 0; i < program.layers.size(); ++i) {
    const ProgramLayer& layer = program.layers[i];
    LayerReport row;
    row.index = layer.operator_index;
    row.op = layer.name;
    row.shape = layer.output_shape;
    row.macs = layer.macs;
    row.causes = job.layers[i];
    row.cycles = Sum(row.causes);
    row.utilization = Utilization(config, Slots(layer), row.cycles);
    row.traffic = summary.layers[i];
    step.macs += row.macs;
    Add(row.causes, &report->causes);
    report->layers.push_back(std::move(row));
  }
  report->macs += step.macs;
  Add(job.other, &report->other);
  Add(job.other, &report->causes);
  report->steps.push_back(std::move(step));
}

/// What runs where, unless the NPU does everything in one job.
std::string FormatSteps(const RunReport& report) {
  if (report.steps.size() == 1 && !report.steps[0].on_host) return "";
  std::string text;
  uint64_t macs = 0;
  for (const StepReport& step : report.steps) macs += step.macs;
  for (size_t i = 0; i < report.steps.size(); ++i) {
    const StepReport& step = report.steps[i];
    const double share = macs == 0 ? 0 : static_cast<double>(step.macs) / static_cast<double>(macs);
    text += fmt::format("step {}: ", i + 1);
    if (step.on_host) {
      text += fmt::format("host, operator {} {}, {} elements", step.index, step.op, step.elements);
      if (step.macs != 0) text += fmt::format(", {:.1f}% of all MACs", 100 * share);
      text += '\n';
      continue;
    }
    text += fmt::format("NPU, {} layers from operator {} on, {} cycles, {:.1f}% of all MACs\n",
                        step.layers, step.index, step.cycles, 100 * share);
  }
  return text;
}

/// What is where in the memories, and when.
nlohmann::ordered_json MemoryJson(const RunReport& report) {
  nlohmann::ordered_json blocks = nlohmann::ordered_json::array();
  for (const MemoryBlock& block : report.blocks) {
    blocks.push_back({{"memory", block.core_memory ? "core" : "pe"},
                      {"content", BlockContentName(block.content)},
                      {"layer", block.layer},
                      {"begin", block.begin},
                      {"end", block.end},
                      {"first", block.first},
                      {"last", block.last}});
  }
  return {{"pe_bytes", report.pe_memory_bytes},
          {"core_bytes", report.core_memory_bytes},
          {"blocks", std::move(blocks)}};
}

nlohmann::ordered_json StepsJson(const RunReport& report) {
  nlohmann::ordered_json steps = nlohmann::ordered_json::array();
  for (const StepReport& step : report.steps) {
    nlohmann::ordered_json row = {{"place", step.on_host ? "host" : "npu"}, {"index", step.index}};
    if (step.on_host) {
      row["op"] = step.op;
      row["elements"] = step.elements;
    } else {
      row["layers"] = step.layers;
      row["cycles"] = step.cycles;
    }
    row["macs"] = step.macs;
    steps.push_back(std::move(row));
  }
  return steps;
}

}  // namespace

void AddRun(const NpuConfig& config, const Network& network, const NetworkReport& run,
            RunReport* report) {
  report->clock_hz = config.clock_hz;
  report->macs_per_cycle = config.macs_per_cycle();
  report->bus_bytes = config.axi_bytes();
  report->pe_memory_bytes = config.pe_memory_bytes;
  report->core_memory_bytes = config.core_memory_bytes;
  report->layers.clear();
  report->blocks.clear();
  report->steps.clear();
  report->causes = {};
  report->other = {};
  report->macs = 0;
  report->parameter_room = 0;
  report->caches_parameters = network.cache_token() != 0;
  size_t job = 0;
  for (const NetworkStep& step : network.steps) {
    if (!step.on_host) {
      AddSegment(config, network.programs[step.program].program, run.jobs[job++], report);
      continue;
    }
    StepReport row;
    row.on_host = true;
    row.index = step.operator_index;
    row.op = step.name;
    row.macs = HostMacs(step);
    for (const uint32_t output : step.outputs) {
      uint64_t elements = 1;
      for (const int32_t size : network.tensors[output].shape) {
        elements *= static_cast<uint64_t>(size);
      }
      row.elements += elements;
    }
    report->steps.push_back(std::move(row));
  }
  const InferenceCost cost = CostOf(config, network, run);
  report->cycles = cost.cycles;
  if (report->repetitions == 0) report->cold = cost;
  if (run.warm()) report->cached = cost;
  ++report->repetitions;
  report->warm = run.warm();
  report->bytes_read = cost.bytes_read;
  report->bytes_written = cost.bytes_written;
  report->utilization = cost.utilization;
  for (size_t i = 0; i < report->layers.size(); ++i) {
    report->layers[i].limit = LimitOf(config, *report, i);
  }
}

namespace {

/// A line for each layer that takes a hundredth of all cycles, the largest first.
std::string FormatLimits(const RunReport& report) {
  std::vector<size_t> order;
  for (size_t i = 0; i < report.layers.size(); ++i) {
    if (100 * report.layers[i].cycles >= report.cycles && report.layers[i].cycles > 0) {
      order.push_back(i);
    }
  }
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    return report.layers[a].cycles > report.layers[b].cycles;
  });
  Table table(5);
  table.Row({"layer", "of all", "limited by", "for", "what would help"});
  for (const size_t i : order) {
    const LayerReport& layer = report.layers[i];
    table.Row({fmt::format("{}", layer.index),
               fmt::format("{:.1f}%", 100 * static_cast<double>(layer.cycles) /
                                          static_cast<double>(report.cycles)),
               layer.limit.by, fmt::format("{:.0f}%", 100 * layer.limit.share), layer.limit.help});
  }
  return order.empty() ? "" : "\n" + table.Print() + "\n";
}

}  // namespace

std::string FormatRunReport(const NpuConfig& config, const RunReport& report) {
  // Causes that took no cycle get no column.
  std::vector<const CycleCause*> causes;
  for (const CycleCause& cause : AllCycleCauses()) {
    if (report.causes[cause.code] != 0) causes.push_back(&cause);
  }
  Table table(3);
  std::vector<std::string> header = {"layer", "operator", "output", "MACs", "cycles", "use"};
  for (const CycleCause* cause : causes) header.emplace_back(cause->json_name);
  table.Row(header);
  const auto add = [&](std::string index, std::string op, std::string shape, uint64_t macs,
                       uint64_t cycles, double utilization, const CauseCycles& by_cause) {
    std::vector<std::string> cells = {
        std::move(index),          std::move(op),
        std::move(shape),          macs == 0 ? "-" : fmt::format("{}", macs),
        fmt::format("{}", cycles), macs == 0 ? "-" : fmt::format("{:.1f}%", 100 * utilization)};
    for (const CycleCause* cause : causes) {
      cells.push_back(by_cause[cause->code] == 0 ? "." : fmt::format("{}", by_cause[cause->code]));
    }
    table.Row(std::move(cells));
  };
  for (const LayerReport& layer : report.layers) {
    add(fmt::format("{}", layer.index), layer.op, ShapeText(layer.shape), layer.macs, layer.cycles,
        layer.utilization, layer.causes);
  }
  if (Sum(report.other) != 0) add("-", "(no layer)", "", 0, Sum(report.other), 0, report.other);
  add("", "total", "", report.macs, report.cycles, report.utilization, report.causes);

  std::string text = table.Print() + FormatLimits(report) + FormatSteps(report);
  text +=
      fmt::format("{} cycles{}, {:.3f} ms at {:.0f} MHz", report.cycles,
                  report.warm ? " with cached parameters" : "",
                  1e3 * static_cast<double>(report.cycles) / static_cast<double>(config.clock_hz),
                  static_cast<double>(config.clock_hz) / 1e6);
  text +=
      fmt::format("; {} bytes read, {} written; {}\n", report.bytes_read, report.bytes_written,
                  report.estimated ? std::string("estimated")
                                   : fmt::format("simulated at {:.2f} MHz", report.sim_hz / 1e6));
  const auto cost = [](const InferenceCost& c) {
    return fmt::format("{} cycles ({:.1f}%), {} bytes read, {} written", c.cycles,
                       100 * c.utilization, c.bytes_read, c.bytes_written);
  };
  if (report.dram) {
    text += fmt::format("{}, {} channel{}: {} bursts of 32 bytes, {:.1f}% of them opened a row\n",
                        report.dram->name, report.dram->channels,
                        report.dram->channels == 1 ? "" : "s", report.dram->bursts,
                        100 * static_cast<double>(report.dram->rows_opened) /
                            static_cast<double>(std::max<uint64_t>(report.dram->bursts, 1)));
  }
  if (report.cached) {
    text += fmt::format("cold: {}; cached: {}\n", cost(report.cold), cost(*report.cached));
  } else {
    text += "no parameters are cached: every inference is cold\n";
  }
  if (!report.estimated && report.mismatches == 0) {
    text += fmt::format("bit-exact: {} elements of {} tensors equal the golden model\n",
                        report.elements_checked, report.tensors_checked);
  }
  return text;
}

std::string RunReportJson(const RunReport& report) {
  nlohmann::ordered_json json;
  json["npugen"] = kToolVersion;
  json["spec"] = report.spec;
  json["config_hash"] = fmt::format("{:016x}", report.config_hash);
  json["clock_hz"] = report.clock_hz;
  json["macs_per_cycle"] = report.macs_per_cycle;
  json["bus_bytes"] = report.bus_bytes;
  json["model"] = report.model;
  json["layers"] = nlohmann::ordered_json::array();
  for (const LayerReport& layer : report.layers) {
    nlohmann::ordered_json row;
    row["index"] = layer.index;
    row["op"] = layer.op;
    row["shape"] = layer.shape;
    row["macs"] = layer.macs;
    row["cycles"] = layer.cycles;
    row["utilization"] = layer.utilization;
    row["bytes_loaded"] = layer.traffic.bytes_loaded;
    row["bytes_stored"] = layer.traffic.bytes_stored;
    row["causes"] = CausesJson(layer.causes);
    row["limit"] = {
        {"by", layer.limit.by}, {"share", layer.limit.share}, {"help", layer.limit.help}};
    json["layers"].push_back(std::move(row));
  }
  json["steps"] = StepsJson(report);
  json["other"] = {{"cycles", Sum(report.other)}, {"causes", CausesJson(report.other)}};
  json["causes"] = CausesJson(report.causes);
  json["cycles"] = report.cycles;
  json["cycles_first"] = report.cold.cycles;
  json["repetitions"] = report.repetitions;
  json["warm"] = report.warm;
  json["macs"] = report.macs;
  json["utilization"] = report.utilization;
  json["estimated"] = report.estimated;
  if (!report.estimated) AddChecks(report, &json);
  json["bytes_read"] = report.bytes_read;
  json["bytes_written"] = report.bytes_written;
  json["first"] = CostJson(report.cold);
  json["cached"] = report.cached ? CostJson(*report.cached) : nlohmann::ordered_json(nullptr);
  if (!report.estimated) json["sim_hz"] = report.sim_hz;
  json["dram"] = nullptr;
  if (report.dram) {
    json["dram"] = {{"name", report.dram->name},
                    {"channels", report.dram->channels},
                    {"bursts", report.dram->bursts},
                    {"rows_opened", report.dram->rows_opened}};
  }
  json["memory"] = MemoryJson(report);
  return json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + '\n';
}

}  // namespace npugen

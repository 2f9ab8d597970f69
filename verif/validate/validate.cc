// SPDX-License-Identifier: Apache-2.0
// Jobs measured and estimated, and the tables of their differences.
#include "verif/validate/validate.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <numeric>

#include "generator/support/version.h"
#include "sw/compiler/compiler.h"
#include "sw/model/read_model.h"
#include "sw/model/tflite_reader.h"
#include "verif/random/random_model.h"
#include "verif/session/estimate_model.h"
#include "verif/session/run_model.h"
#include "verif/sim/model_builder.h"
#include "verif/sim/simulated_npu.h"

namespace npugen {
namespace {

constexpr uint64_t kInputSeed = 1;

uint64_t Sum(const CauseCycles& causes) {
  return std::accumulate(causes.begin(), causes.end(), uint64_t{0});
}

void Add(const JobReport& job, CauseCycles* causes) {
  for (size_t i = 0; i < causes->size(); ++i) {
    (*causes)[i] += job.other[i];
    for (const CauseCycles& layer : job.layers) (*causes)[i] += layer[i];
  }
}

/// Reproducible bytes for each input: cycles do not depend on them.
std::vector<std::vector<uint8_t>> Inputs(const Program& program) {
  testing::RandomSource random(kInputSeed);
  std::vector<std::vector<uint8_t>> inputs;
  for (const ProgramTensor& tensor : program.inputs) {
    std::vector<uint8_t> bytes(tensor.bytes);
    for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random.Next());
    inputs.push_back(std::move(bytes));
  }
  return inputs;
}

void Take(const CyclePair& pair, const std::string& name, ErrorSummary* summary) {
  ++summary->count;
  summary->mean += std::abs(pair.error());
  if (std::abs(pair.error()) > std::abs(summary->worst)) {
    summary->worst = pair.error();
    summary->worst_name = name;
  }
}

ErrorSummary Finish(ErrorSummary summary) {
  if (summary.count != 0) summary.mean /= static_cast<double>(summary.count);
  return summary;
}

std::string JobName(const ValidatedJob& job) {
  return fmt::format("{} on {}{}", job.model, job.spec, job.warm ? ", cached" : "");
}

std::string Percent(double value) { return fmt::format("{:+.2f} %", 100 * value); }

std::string SummaryText(const char* what, const ErrorSummary& summary) {
  if (summary.count == 0) return fmt::format("{}: none\n", what);
  return fmt::format("{}: {} compared, mean error {:.2f} %, worst {} ({})\n", what, summary.count,
                     100 * summary.mean, Percent(summary.worst), summary.worst_name);
}

/// The layer above kLayerCycles with the largest error, or null.
const ValidatedLayer* WorstLayer(const ValidatedJob& job) {
  const ValidatedLayer* worst = nullptr;
  for (const ValidatedLayer& layer : job.layers) {
    if (layer.cycles.measured <= kLayerCycles) continue;
    if (worst == nullptr || std::abs(layer.cycles.error()) > std::abs(worst->cycles.error())) {
      worst = &layer;
    }
  }
  return worst;
}

}  // namespace

double CyclePair::error() const {
  if (measured == 0) return estimated == 0 ? 0 : 1;
  return (static_cast<double>(estimated) - static_cast<double>(measured)) /
         static_cast<double>(measured);
}

Status ValidateProgram(const NpuConfig& config, const std::string& library, const Program& program,
                       const std::string& name, bool random, const ValidateOptions& options,
                       std::vector<ValidatedJob>* jobs) {
  SimulationOptions simulation;
  simulation.memory_base = config.axi_address_bits >= 36 ? 0x8'0000'0000 : 0x1000'0000;
  simulation.memory_bytes = MemoryNeeded(program);
  simulation.latency = options.latency;
  Result<std::unique_ptr<SimulatedNpu>> npu = SimulatedNpu::Open(library, simulation);
  if (!npu) return npu.errors();
  Result<std::unique_ptr<NpuHost>> host = NpuHost::Open(**npu, config);
  if (!host) return host.errors();
  Result<PlacedProgram> placed = (*host)->Place(program);
  if (!placed) return placed.errors();
  uint64_t macs = 0;
  for (const ProgramLayer& layer : program.layers) macs += layer.macs;
  NpuHost::JobOptions job_options;
  job_options.timeout_cycles = TimeoutCycles(config, macs);
  job_options.progress = [&](uint64_t cycles) {
    if (!options.progress) return;
    options.progress(fmt::format("{} on {}: {:.1f} M cycles", name, config.name,
                                 static_cast<double>(cycles) / 1e6));
  };
  const std::vector<std::vector<uint8_t>> inputs = Inputs(program);
  for (const bool warm : {false, true}) {
    if (warm && program.cache_token == 0) break;
    const Result<JobReport> measured = (*host)->Run(*placed, inputs, job_options);
    if (!measured) return measured.errors();
    const Result<JobReport> estimated = EstimateJob(config, program, warm, options.latency);
    if (!estimated) return estimated.errors();
    ValidatedJob job;
    job.spec = config.name;
    job.model = name;
    job.warm = warm;
    job.random = random;
    job.cycles = {measured->counters.cycles, estimated->counters.cycles};
    for (size_t i = 0; i < program.layers.size(); ++i) {
      job.layers.push_back({program.layers[i].operator_index,
                            program.layers[i].name,
                            {Sum(measured->layers[i]), Sum(estimated->layers[i])}});
    }
    Add(*measured, &job.measured_causes);
    Add(*estimated, &job.estimated_causes);
    jobs->push_back(std::move(job));
  }
  return Unit{};
}

Result<std::vector<ValidatedJob>> Validate(const ValidationPlan& plan,
                                           const ValidateOptions& options) {
  const auto progress = [&options](const std::string& text) {
    if (options.progress) options.progress(text);
  };
  std::vector<ValidatedJob> jobs;
  for (const NpuConfig& config : plan.configs) {
    ModelBuildOptions build;
    build.cache_folder = options.cache_folder;
    build.jobs = options.jobs;
    build.quick = options.quick;
    build.progress = [&](const std::string& text) {
      progress(fmt::format("building the model of {}: {}", config.name, text));
    };
    const Result<BuiltModel> built = BuildConfigModel(config, build);
    if (!built) return built.errors();
    for (const std::string& path : plan.models) {
      const Result<Model> model = ReadModel(path);
      if (!model) return model.errors();
      const Result<Program> program = Compile(*model, config, {});
      if (!program) continue;
      // Many are called model.tflite: their folders tell them apart.
      const std::filesystem::path file(path);
      const std::string name =
          file.stem() == "model" ? file.parent_path().filename().string() : file.stem().string();
      progress(fmt::format("{} on {}", name, config.name));
      const Status status =
          ValidateProgram(config, built->library, *program, name, false, options, &jobs);
      if (!status) return status.errors();
    }
    testing::RandomSource random(config.hash);
    for (uint32_t done = 0; done < options.random_layers;) {
      const auto type = static_cast<OperatorType>(
          random.Integer(0, static_cast<int32_t>(OperatorType::kSoftmax)));
      const testing::RandomModel drawn =
          testing::MakeLargeRandomOperator(type, random.Next() % 100000);
      const Result<Model> model = ReadTflite(drawn.tflite, drawn.name);
      if (!model) continue;
      const Result<Program> program = Compile(*model, config, {});
      if (!program) continue;
      progress(
          fmt::format("random layer {} of {} on {}", done + 1, options.random_layers, config.name));
      const Status status =
          ValidateProgram(config, built->library, *program, drawn.name, true, options, &jobs);
      if (!status) return status.errors();
      ++done;
    }
  }
  return jobs;
}

ErrorSummary SummarizeTotals(const std::vector<ValidatedJob>& jobs, bool random) {
  ErrorSummary summary;
  for (const ValidatedJob& job : jobs) {
    if (job.random == random) Take(job.cycles, JobName(job), &summary);
  }
  return Finish(summary);
}

ErrorSummary SummarizeLayers(const std::vector<ValidatedJob>& jobs) {
  ErrorSummary summary;
  for (const ValidatedJob& job : jobs) {
    for (const ValidatedLayer& layer : job.layers) {
      if (layer.cycles.measured <= kLayerCycles) continue;
      Take(layer.cycles, fmt::format("{} {} of {}", layer.op, layer.index, JobName(job)), &summary);
    }
  }
  return Finish(summary);
}

std::string FormatValidation(const std::vector<ValidatedJob>& jobs) {
  std::string text = fmt::format("{:<14}{:<22}{:<8}{:>11}{:>11}{:>10}  {}\n", "spec", "network", "",
                                 "measured", "estimated", "error", "worst layer above 1000");
  for (const ValidatedJob& job : jobs) {
    if (job.random) continue;
    const ValidatedLayer* worst = WorstLayer(job);
    text += fmt::format("{:<14}{:<22}{:<8}{:>11}{:>11}{:>10}  {}\n", job.spec, job.model,
                        job.warm ? "cached" : "cold", job.cycles.measured, job.cycles.estimated,
                        Percent(job.cycles.error()),
                        worst == nullptr
                            ? "-"
                            : fmt::format("{} ({} {}, {} cycles)", Percent(worst->cycles.error()),
                                          worst->op, worst->index, worst->cycles.measured));
  }
  std::vector<std::string> specs;
  for (const ValidatedJob& job : jobs) {
    if (std::find(specs.begin(), specs.end(), job.spec) == specs.end()) specs.push_back(job.spec);
  }
  text += fmt::format("\n{:<14}{:>8}{:>12}{:>10}{:>22}{:>10}\n", "spec", "layers", "mean error",
                      "worst", "above 1000 cycles", "worst");
  for (const std::string& spec : specs) {
    std::vector<ValidatedJob> here;
    for (const ValidatedJob& job : jobs) {
      if (job.random && job.spec == spec) here.push_back(job);
    }
    if (here.empty()) continue;
    const ErrorSummary totals = SummarizeTotals(here, true), layers = SummarizeLayers(here);
    text += fmt::format("{:<14}{:>8}{:>12}{:>10}{:>22}{:>10}\n", spec, totals.count,
                        fmt::format("{:.2f} %", 100 * totals.mean), Percent(totals.worst),
                        layers.count, layers.count == 0 ? "-" : Percent(layers.worst));
  }
  text += '\n';
  text += SummaryText("networks", SummarizeTotals(jobs, false));
  text += SummaryText("random layers", SummarizeTotals(jobs, true));
  text += SummaryText("layers above 1000 cycles", SummarizeLayers(jobs));
  const bool met =
      std::max(SummarizeTotals(jobs, false).mean, SummarizeTotals(jobs, true).mean) <= kMeanGoal &&
      std::abs(SummarizeLayers(jobs).worst) <= kLayerGoal;
  text += fmt::format("goal (means at most {:.0f} %, layers at most {:.0f} %): {}\n",
                      100 * kMeanGoal, 100 * kLayerGoal, met ? "met" : "missed");
  return text;
}

std::string ValidationJson(const std::vector<ValidatedJob>& jobs) {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const ValidatedJob& job : jobs) {
    nlohmann::ordered_json item;
    item["spec"] = job.spec;
    item["model"] = job.model;
    item["warm"] = job.warm;
    item["random"] = job.random;
    item["measured"] = job.cycles.measured;
    item["estimated"] = job.cycles.estimated;
    item["layers"] = nlohmann::ordered_json::array();
    for (const ValidatedLayer& layer : job.layers) {
      item["layers"].push_back({{"index", layer.index},
                                {"op", layer.op},
                                {"measured", layer.cycles.measured},
                                {"estimated", layer.cycles.estimated}});
    }
    for (const CycleCause& cause : AllCycleCauses()) {
      const std::string name(cause.json_name);
      item["causes"][name] = {job.measured_causes[cause.code], job.estimated_causes[cause.code]};
    }
    list.push_back(std::move(item));
  }
  nlohmann::ordered_json json;
  json["npugen"] = kToolVersion;
  json["jobs"] = std::move(list);
  return json.dump(1, ' ', false, nlohmann::json::error_handler_t::replace) + '\n';
}

}  // namespace npugen

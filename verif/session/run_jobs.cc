// SPDX-License-Identifier: Apache-2.0
// Jobs in an order, their outputs compared, and the report.
#include "verif/session/run_jobs.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <nlohmann/json.hpp>

#include "generator/support/version.h"
#include "sw/runtime/npu_host.h"
#include "verif/session/run_model.h"

namespace npugen {
namespace {

/// What the jobs of one program are compared with.
struct Reference {
  PlacedNetwork placed;
  std::vector<std::vector<uint8_t>> outputs;  ///< of its first job, where there is no model
  std::vector<std::vector<uint8_t>> states;   ///< of the golden model after its last job
};

std::vector<std::vector<uint8_t>> MakeInputs(const Network& network, uint64_t seed) {
  std::vector<std::vector<uint8_t>> inputs;
  for (const NetworkTensor& tensor : network.inputs()) {
    inputs.push_back(RandomInput(network, tensor, &seed));
  }
  return inputs;
}

/// A difference of the outputs to the golden model in words, or nothing.
Result<std::string> CompareWithModel(const Model& model,
                                     const std::vector<std::vector<uint8_t>>& inputs,
                                     const std::vector<std::vector<uint8_t>>& outputs,
                                     const Network& network,
                                     std::vector<std::vector<uint8_t>>* states, JobRow* row) {
  const Result<TensorBytes> golden = GoldenModel(model).Run(inputs, states);
  if (!golden) return golden.errors();
  TensorBytes actual(model.tensors.size());
  for (size_t i = 0; i < outputs.size(); ++i) {
    actual[static_cast<size_t>(network.outputs()[i].tensor)] = outputs[i];
  }
  const Comparison comparison = CompareTensors(model, *golden, actual);
  row->elements_checked = static_cast<uint64_t>(comparison.elements);
  row->mismatches = static_cast<uint64_t>(comparison.differing_elements);
  return comparison.first ? DescribeMismatch(*comparison.first) : std::string();
}

/// The same for bytes of the first job.
std::string CompareWithFirst(const std::vector<std::vector<uint8_t>>& first,
                             const std::vector<std::vector<uint8_t>>& outputs,
                             const Network& network, JobRow* row) {
  std::string text;
  for (size_t i = 0; i < outputs.size(); ++i) {
    row->elements_checked += outputs[i].size();
    for (size_t at = 0; at < outputs[i].size(); ++at) {
      if (outputs[i][at] == first[i][at]) continue;
      if (row->mismatches++ != 0) continue;
      text = fmt::format("byte {} of output `{}` is {} and was {} in the program's first job", at,
                         network.outputs()[i].name, outputs[i][at], first[i][at]);
    }
  }
  return text;
}

/// Errors of a job say which one it was.
Diagnostics OfJob(Diagnostics errors, size_t job, const std::string& name) {
  for (Diagnostic& error : errors) {
    error.message = fmt::format("job {} ({}): {}", job + 1, name, error.message);
  }
  return errors;
}

nlohmann::ordered_json CostJson(const JobRow& row) {
  return {{"cycles", row.cost.cycles},
          {"bytes_read", row.cost.bytes_read},
          {"bytes_written", row.cost.bytes_written},
          {"utilization", row.cost.utilization}};
}

}  // namespace

std::vector<uint8_t> RandomBytes(size_t count, uint64_t* state) {
  std::vector<uint8_t> bytes(count);
  for (uint8_t& byte : bytes) {
    uint64_t z = *state += 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    byte = static_cast<uint8_t>(z >> 40);
  }
  return bytes;
}

std::vector<uint8_t> RandomInput(const Network& network, const NetworkTensor& tensor,
                                 uint64_t* state) {
  if (tensor.type != TensorType::kFloat32) return RandomBytes(tensor.bytes, state);
  // The range of what it is quantized to, and somewhat more on both sides.
  float scale = 1.0f / 128;
  int32_t least = -128, most = 127;
  for (const NetworkStep& step : network.steps) {
    if (!step.on_host || step.kind != NPU_HOST_QUANTIZE) continue;
    if (network.tensors[step.inputs[0]].tensor != tensor.tensor) continue;
    const NetworkTensor& to = network.tensors[step.outputs[0]];
    scale = to.scale;
    least = to.type == TensorType::kUint8 ? 0 : to.type == TensorType::kInt16 ? -32768 : -128;
    most = to.type == TensorType::kUint8 ? 255 : to.type == TensorType::kInt16 ? 32767 : 127;
    least -= to.zero_point;
    most -= to.zero_point;
  }
  const double low = 1.05 * least - 1, high = 1.05 * most + 1;
  const std::vector<uint8_t> random = RandomBytes(tensor.bytes, state);
  std::vector<uint8_t> bytes(tensor.bytes);
  for (size_t i = 0; i + 4 <= bytes.size(); i += 4) {
    uint32_t draw = 0;
    std::memcpy(&draw, random.data() + i, 4);
    const float value = static_cast<float>((low + (high - low) * (draw / 4294967296.0)) *
                                           static_cast<double>(scale));
    std::memcpy(bytes.data() + i, &value, 4);
  }
  return bytes;
}

uint64_t JobsMemoryBytes(const std::vector<JobProgram>& programs) {
  uint64_t bytes = 0;
  for (const JobProgram& program : programs) bytes += MemoryNeeded(program.network);
  return bytes;
}

Result<JobsReport> RunJobs(const NpuConfig& config, const std::vector<JobProgram>& programs,
                           const std::vector<size_t>& order, Machine& machine,
                           const RunJobsOptions& options) {
  Result<std::unique_ptr<NpuHost>> opened = NpuHost::Open(machine, config);
  if (!opened) return opened.errors();
  NpuHost& host = **opened;
  JobsReport report;
  report.spec = config.name;
  report.config_hash = config.hash;
  std::vector<Reference> references;
  uint64_t macs = 0;
  for (const JobProgram& program : programs) {
    Result<PlacedNetwork> placed = host.Place(program.network);
    if (!placed) return placed.errors();
    references.push_back({std::move(*placed), {}, {}});
    report.programs.push_back(
        {program.name, program.network.cache_token(), program.model.has_value()});
    macs += program.network.macs();
  }
  NpuHost::JobOptions job_options;
  job_options.timeout_cycles =
      options.timeout_cycles != 0 ? options.timeout_cycles : TimeoutCycles(config, macs);
  std::string what;
  job_options.progress = [&](uint64_t cycles) {
    if (!options.progress) return;
    options.progress(fmt::format("{}: {:.1f} M cycles", what, static_cast<double>(cycles) / 1e6));
  };
  double seconds = 0;
  uint64_t cycles = 0;
  for (size_t j = 0; j < order.size(); ++j) {
    const JobProgram& program = programs[order[j]];
    Reference& reference = references[order[j]];
    what = fmt::format("job {} of {}, {}", j + 1, order.size(), program.name);
    const auto inputs = MakeInputs(program.network, options.seed + (program.model ? j : size_t{0}));
    // Jobs without a model are compared with their first one.
    if (options.reset_state || !program.model) {
      host.ResetState(reference.placed);
      reference.states.clear();
    }
    Result<NetworkReport> job = host.Run(reference.placed, inputs, job_options);
    if (!job) return OfJob(job.errors(), j, program.name);
    JobRow row{order[j], job->warm(), CostOf(config, program.network, *job), 0, 0};
    std::vector<std::vector<uint8_t>> outputs = host.ReadOutputs(reference.placed);
    std::string difference;
    if (program.model) {
      Result<std::string> compared = CompareWithModel(*program.model, inputs, outputs,
                                                      program.network, &reference.states, &row);
      if (!compared) return OfJob(compared.errors(), j, program.name);
      difference = std::move(*compared);
    } else if (reference.outputs.empty()) {
      reference.outputs = std::move(outputs);
    } else {
      difference = CompareWithFirst(reference.outputs, outputs, program.network, &row);
    }
    if (report.first_mismatch.empty() && !difference.empty()) {
      report.first_mismatch = fmt::format("job {} ({}): {}", j + 1, program.name, difference);
    }
    report.mismatches += row.mismatches;
    report.jobs.push_back(row);
    seconds += job->seconds();
    cycles += job->simulated_cycles();
  }
  report.sim_hz = seconds > 0 ? static_cast<double>(cycles) / seconds : 0;
  return report;
}

std::string FormatJobsReport(const NpuConfig& config, const JobsReport& report) {
  size_t width = 7;
  for (const auto& program : report.programs) width = std::max(width, program.name.size());
  std::string text = fmt::format("{:>4}  {:<{}}  {:<5} {:>12} {:>12} {:>12}  {}\n", "job",
                                 "program", width, "cache", "cycles", "read", "written", "outputs");
  uint64_t cycles = 0;
  for (size_t j = 0; j < report.jobs.size(); ++j) {
    const JobRow& row = report.jobs[j];
    const auto& program = report.programs[row.program];
    std::string outputs = "not compared";
    if (row.mismatches != 0) {
      outputs = fmt::format("{} of {} elements differ", row.mismatches, row.elements_checked);
    } else if (row.elements_checked != 0) {
      outputs = program.has_model ? "bit-exact" : "as in the first job";
    }
    text += fmt::format("{:>4}  {:<{}}  {:<5} {:>12} {:>12} {:>12}  {}\n", j + 1, program.name,
                        width, row.warm ? "warm" : "cold", row.cost.cycles, row.cost.bytes_read,
                        row.cost.bytes_written, outputs);
    cycles += row.cost.cycles;
  }
  for (const auto& program : report.programs) {
    text += fmt::format("{}: {}\n", program.name,
                        program.cache_token == 0
                            ? std::string("nothing cached")
                            : fmt::format("cache token {:016x}", program.cache_token));
  }
  return text +
         fmt::format("{} jobs, {} cycles, {:.3f} ms at {:.0f} MHz; simulated at {:.2f} MHz\n",
                     report.jobs.size(), cycles,
                     1e3 * static_cast<double>(cycles) / static_cast<double>(config.clock_hz),
                     static_cast<double>(config.clock_hz) / 1e6, report.sim_hz / 1e6);
}

std::string JobsReportJson(const JobsReport& report) {
  nlohmann::ordered_json json;
  json["npugen"] = kToolVersion;
  json["spec"] = report.spec;
  json["config_hash"] = fmt::format("{:016x}", report.config_hash);
  json["programs"] = nlohmann::ordered_json::array();
  for (const auto& program : report.programs) {
    json["programs"].push_back({{"name", program.name},
                                {"cache_token", fmt::format("{:016x}", program.cache_token)},
                                {"golden_model", program.has_model}});
  }
  json["jobs"] = nlohmann::ordered_json::array();
  for (const JobRow& row : report.jobs) {
    nlohmann::ordered_json job = {{"program", row.program}, {"warm", row.warm}};
    job.update(CostJson(row));
    job["elements_checked"] = row.elements_checked;
    job["mismatches"] = row.mismatches;
    json["jobs"].push_back(std::move(job));
  }
  json["mismatches"] = report.mismatches;
  if (report.first_mismatch.empty()) {
    json["first_mismatch"] = nullptr;
  } else {
    json["first_mismatch"] = report.first_mismatch;
  }
  json["sim_hz"] = report.sim_hz;
  return json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + '\n';
}

}  // namespace npugen

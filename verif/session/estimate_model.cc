// SPDX-License-Identifier: Apache-2.0
// Estimates as job reports.
#include "verif/session/estimate_model.h"

#include <algorithm>
#include <numeric>

#include "generator/arch/command_set.h"

namespace npugen {

Result<JobReport> EstimateJob(const NpuConfig& config, const Program& program, bool warm,
                              uint32_t latency) {
  EstimateOptions options;
  options.latency = latency;
  options.window_base = WindowOffsets(program);
  const Result<StreamEstimate> stream = EstimateStream(
      config, program.image, warm ? program.warm_offset : program.cold_offset, options);
  if (!stream) return stream.errors();
  JobReport job;
  job.warm = warm && program.cache_token != 0;
  job.counters.cycles = static_cast<uint32_t>(stream->cycles);
  job.counters.bytes_read = static_cast<uint32_t>(stream->bytes_read);
  job.counters.bytes_written = static_cast<uint32_t>(stream->bytes_written);
  job.counters.commands = static_cast<uint32_t>(stream->commands);
  ChargeLayers(program, stream->trace, &job);
  for (const CycleCause& cause : AllCycleCauses()) {
    uint64_t cycles = job.other[cause.code];
    for (const CauseCycles& layer : job.layers) cycles += layer[cause.code];
    if (cause.code < std::size(job.counters.cause)) {
      job.counters.cause[cause.code] = static_cast<uint32_t>(cycles);
    }
  }
  return job;
}

namespace {

/// All jobs of a run. Programs that share core memory: the first job loads what all of them keep.
Result<NetworkReport> EstimateRun(const NpuConfig& config, const Network& network, bool warm,
                                  uint32_t latency) {
  NetworkReport run;
  const bool shared = network.cache_token() != 0;
  for (const NetworkStep& step : network.steps) {
    if (step.on_host) continue;
    Result<JobReport> job = EstimateJob(config, network.programs[step.program].program,
                                        shared && (warm || !run.jobs.empty()), latency);
    if (!job) return job.errors();
    run.jobs.push_back(std::move(*job));
  }
  return run;
}

}  // namespace

Result<RunReport> EstimateModel(const NpuConfig& config, const Network& network, bool warm,
                                uint32_t latency) {
  RunReport report;
  report.spec = config.name;
  report.config_hash = config.hash;
  report.estimated = true;
  const Result<NetworkReport> cold = EstimateRun(config, network, false, latency);
  if (!cold) return cold.errors();
  AddRun(config, network, *cold, &report);
  if (network.cache_token() == 0) return report;
  const Result<NetworkReport> cached = EstimateRun(config, network, true, latency);
  if (!cached) return cached.errors();
  report.cached = CostOf(config, network, *cached);
  if (warm) AddRun(config, network, *cached, &report);
  return report;
}

}  // namespace npugen

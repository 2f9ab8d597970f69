// SPDX-License-Identifier: Apache-2.0
// Jobs of several models and program files in turn, on one cycle-accurate NPU.
#include "cli/run_jobs.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <optional>

#include "cli/command_line.h"
#include "cli/commands.h"
#include "generator/config/load.h"
#include "generator/support/file.h"
#include "sw/compiler/compile_network.h"
#include "sw/compiler/network_format.h"
#include "sw/model/file_bytes.h"
#include "verif/session/run_jobs.h"

namespace npugen {
namespace {

/// Of the simulated machine: a program file may ask for 4 GiB.
constexpr uint64_t kMostMemory = uint64_t{1} << 30;
constexpr size_t kMostJobs = 1'000'000;

std::string Stem(const std::string& path) { return std::filesystem::path(path).stem().string(); }

/// The file that an element of --jobs-order means.
std::optional<size_t> FindFile(const std::string& name, const std::vector<std::string>& files) {
  for (size_t i = 0; i < files.size(); ++i) {
    if (files[i] == name) return i;
  }
  std::optional<size_t> found;
  for (size_t i = 0; i < files.size(); ++i) {
    if (Stem(files[i]) != name) continue;
    if (found) return std::nullopt;
    found = i;
  }
  if (found) return found;
  for (size_t i = 0; i < files.size(); ++i) {
    if (std::to_string(i + 1) == name) return i;
  }
  return std::nullopt;
}

Result<Network> ReadNetworkFor(const NpuConfig& config, const std::string& path) {
  const Result<std::vector<uint8_t>> bytes = ReadModelFile(path);
  if (!bytes) return bytes.errors();
  Result<Network> program = ReadNetwork(*bytes);
  if (!program) {
    Diagnostics errors = program.errors();
    for (Diagnostic& error : errors) error.location.file = path;
    return errors;
  }
  if (program->config_hash != config.hash) {
    return Diagnostic{DiagnosticCode::kProgramFile,
                      {path, 0, 0},
                      fmt::format("it was compiled for configuration {:016x}; {} is {:016x}",
                                  program->config_hash, config.name, config.hash),
                      "compile the model again for this spec"};
  }
  return program;
}

/// All programs in the order of the files.
Result<std::vector<JobProgram>> MakePrograms(const RunJobsFlags& flags, const NpuConfig& config) {
  Diagnostics errors;
  std::vector<JobProgram> programs;
  for (const std::string& file : flags.files) {
    JobProgram program;
    program.name = std::filesystem::path(file).filename().string();
    if (IsProgramFile(file)) {
      Result<Network> read = ReadNetworkFor(config, file);
      if (read) {
        program.network = std::move(*read);
      } else {
        errors.insert(errors.end(), read.errors().begin(), read.errors().end());
      }
    } else {
      Result<Model> model = ReadModelFor(config, file);
      if (model) {
        program.model = std::move(*model);
      } else {
        errors.insert(errors.end(), model.errors().begin(), model.errors().end());
      }
    }
    programs.push_back(std::move(program));
  }
  if (!errors.empty()) return errors;
  std::vector<std::vector<JobProgram*>> sets;  // that are compiled together
  for (JobProgram& program : programs) {
    if (!program.model) continue;
    if (sets.empty() || flags.separately) sets.emplace_back();
    sets.back().push_back(&program);
  }
  for (const std::vector<JobProgram*>& set : sets) {
    std::vector<const Model*> models;
    for (const JobProgram* program : set) models.push_back(&*program->model);
    CompileOptions options;
    options.host_operators = flags.host_operators;
    Result<std::vector<Network>> compiled = CompileNetworks(models, config, options);
    if (!compiled) {
      errors.insert(errors.end(), compiled.errors().begin(), compiled.errors().end());
      continue;
    }
    for (size_t i = 0; i < set.size(); ++i) set[i]->network = std::move((*compiled)[i]);
  }
  if (!errors.empty()) return errors;
  const uint64_t bytes = JobsMemoryBytes(programs);
  if (bytes > kMostMemory) {
    return Diagnostic{DiagnosticCode::kDriver,
                      {},
                      fmt::format("the programs need {} bytes of memory, and the simulated machine "
                                  "has at most {}",
                                  bytes, kMostMemory),
                      "run fewer of them at a time"};
  }
  return programs;
}

}  // namespace

bool IsProgramFile(const std::string& path) {
  std::error_code error;
  if (!std::filesystem::is_regular_file(path, error)) return false;
  std::ifstream file(path, std::ios::binary);
  unsigned char magic[4] = {};
  file.read(reinterpret_cast<char*>(magic), sizeof magic);
  const uint32_t word = magic[0] | magic[1] << 8 | magic[2] << 16 | uint32_t{magic[3]} << 24;
  return file.gcount() == sizeof magic && (word == NPU_NETWORK_MAGIC || word == NPU_PROGRAM_MAGIC);
}

Result<std::vector<size_t>> ParseJobsOrder(const std::string& order,
                                           const std::vector<std::string>& files) {
  std::vector<size_t> positions;
  if (order.empty()) {
    for (size_t i = 0; i < files.size(); ++i) positions.push_back(i);
    return positions;
  }
  for (size_t begin = 0; begin <= order.size();) {
    const size_t end = std::min(order.find(',', begin), order.size());
    const std::string name = order.substr(begin, end - begin);
    const std::optional<size_t> file = FindFile(name, files);
    if (!file) {
      return UsageError(
          fmt::format("--jobs-order: `{}` is none of the files, or one of several", name),
          fmt::format("names are files as they are given, their names without folder and "
                      "ending, or positions from 1 to {}; for example 1,{},1",
                      files.size(), files.size()));
    }
    positions.push_back(*file);
    begin = end + 1;
  }
  return positions;
}

int RunJobsCommand(const RunJobsFlags& flags) {
  const Result<NpuConfig> config = LoadSpec(flags.spec);
  if (!config) return Report(config.errors());
  const Result<std::vector<size_t>> once = ParseJobsOrder(flags.order, flags.files);
  if (!once) return Report(once.errors());
  if (once->size() > kMostJobs / flags.repeat) {
    return Report({UsageError(fmt::format("more than {} jobs", kMostJobs), "a smaller --repeat")});
  }
  std::vector<size_t> order;
  for (uint32_t i = 0; i < flags.repeat; ++i) {
    order.insert(order.end(), once->begin(), once->end());
  }
  const Result<std::vector<JobProgram>> programs = MakePrograms(flags, *config);
  if (!programs) return Report(programs.errors());

  ProgressLine progress;
  const Result<BuiltModel> built = BuildForConfig(*config, flags.build, flags.kind, &progress);
  if (!built) return Report(built.errors());
  Result<std::unique_ptr<SimulatedNpu>> npu =
      OpenSimulation(*config, *built, flags.simulation, JobsMemoryBytes(*programs));
  if (!npu) return Report(npu.errors());
  RunJobsOptions options;
  options.seed = flags.random_seed;
  options.timeout_cycles = flags.timeout;
  options.reset_state = flags.reset_state;
  options.progress = [&progress](const std::string& text) { progress.Show(text); };
  const Result<JobsReport> report = RunJobs(*config, *programs, order, **npu, options);
  progress.Clear();
  if (!report) return Report(report.errors());

  std::FILE* const text = TextStream(flags.output.paths());
  std::fputs(FormatJobsReport(*config, *report).c_str(), text);
  std::fputs(DescribeWaves(flags.simulation, (*npu)->Cycles()).c_str(), text);
  std::fflush(text);
  const Status written = WriteReports(flags.output, fmt::format("Jobs on {}", report->spec),
                                      {{report->spec, JobsReportJson(*report)}});
  if (!written) return Report(written.errors());
  if (report->mismatches == 0) return 0;
  return Report({{DiagnosticCode::kMismatch, {}, report->first_mismatch, ""}});
}

}  // namespace npugen

// SPDX-License-Identifier: Apache-2.0
// npugen emit: write the hardware, headers, constraints and documents of a spec.
#include "generator/emit/emit.h"

#include <fmt/format.h>

#include <cstdio>
#include <memory>

#include "cli/command_line.h"
#include "cli/commands.h"
#include "generator/config/load.h"
#include "generator/emit/files.h"
#include "generator/plan/plan.h"

namespace npugen {
namespace {

struct EmitOptions {
  std::string spec;
  std::string folder;
  bool force = false;
};

int EmitToFolder(const EmitOptions& options) {
  const Result<NpuConfig> config = LoadSpec(options.spec);
  if (!config) return Report(config.errors());
  const Result<Plan> plan = MakePlan(*config);
  if (!plan) return Report(plan.errors());
  const Result<FileSet> files = Emit(*plan);
  if (!files) return Report(files.errors());
  const Status written = WriteFolder(*files, options.folder, options.force);
  if (!written) return Report(written.errors());
  fmt::print("{}: {} files, configuration {:016x}\n", options.folder, files->size(), config->hash);
  return 0;
}

}  // namespace

void AddEmitCommand(CommandLine& line) {
  auto options = std::make_shared<EmitOptions>();
  Subcommand command = line.Add(
      "emit", "Write SystemVerilog, C headers, constraints and documents of a spec into a folder");
  command.Argument("SPEC", &options->spec, "spec file (YAML)").Required();
  command.Value("-o,--output", &options->folder, "folder to write, new or emitted earlier")
      .Required();
  command.Flag("--force", &options->force, "overwrite generated files even if edited");
  command.Footer(
      "Example: npugen emit specs/edge.yaml -o out\n"
      "Then:    cd out && verilator --lint-only -Wall --top-module npu_top -f filelist.f\n"
      "All files are written, or none.");
  command.OnRun([options] { return EmitToFolder(*options); });
}

}  // namespace npugen

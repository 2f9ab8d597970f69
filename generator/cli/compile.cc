// npugen compile: a model becomes a program file for the NPU of a spec.
#include <fmt/format.h>

#include <memory>

#include "generator/cli/command.h"
#include "generator/cli/simulate.h"
#include "generator/config/load.h"
#include "sw/compiler/compiler.h"
#include "sw/model/tflite_reader.h"

namespace npugen {
namespace {

struct CompileCommandOptions {
  std::string spec;
  std::string model;
  std::string output;
  bool keep_tensors = false;
};

int CompileModel(const CompileCommandOptions& options) {
  const Result<NpuConfig> config = LoadSpec(options.spec);
  if (!config) return Report(config.errors());
  const Result<Model> model = LoadTflite(options.model);
  if (!model) return Report(model.errors());
  CompileOptions compile;
  compile.keep_tensors = options.keep_tensors;
  const Result<Program> program = Compile(*model, *config, compile);
  if (!program) return Report(program.errors());
  const std::vector<uint8_t> file = WriteProgram(*program);
  const Status written = WriteFileBytes(options.output, file.data(), file.size());
  if (!written) return Report(written.errors());
  uint64_t macs = 0;
  for (const ProgramLayer& layer : program->layers) macs += layer.macs;
  fmt::print("{}: {} layers, {} MACs, {} bytes, scratch {} bytes, configuration {:016x}\n",
             options.output, program->layers.size(), macs, file.size(), program->scratch_bytes,
             program->config_hash);
  return 0;
}

}  // namespace

void AddCompileCommand(CLI::App& app) {
  auto options = std::make_shared<CompileCommandOptions>();
  CLI::App* command = app.add_subcommand(
      "compile", "Compile a TensorFlow Lite model into a program file for the driver");
  command->add_option("SPEC", options->spec, "spec file (YAML)")->required();
  command->add_option("MODEL", options->model, "model file (.tflite, int8)")->required();
  command->add_option("-o,--output", options->output, "program file to write")->required();
  command->add_flag("--keep-tensors", options->keep_tensors,
                    "store the result of every operator in scratch memory, for checking");
  command->footer(
      "The file's format stands in sw/compiler/program_format.h.\n"
      "Example: npugen compile specs/edge.yaml model.tflite -o model.npu");
  OnRun(*command, [options] { return CompileModel(*options); });
}

}  // namespace npugen

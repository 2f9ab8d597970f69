// SPDX-License-Identifier: Apache-2.0
// npugen compile: models become program files for the NPU of a spec.
#include <fmt/format.h>

#include <cstdio>
#include <filesystem>
#include <map>
#include <memory>
#include <set>

#include "cli/command_line.h"
#include "cli/commands.h"
#include "cli/simulate.h"
#include "generator/config/load.h"
#include "generator/support/file.h"
#include "sw/compiler/compile_network.h"
#include "sw/model/read_model.h"

namespace npugen {
namespace {

struct CompileCommandOptions {
  std::string spec;
  std::vector<std::string> models;
  std::string output;
  bool keep_tensors = false;
  bool host_operators = false;
};

/// Where the program of a model goes: `output` itself, or in the folder `output` when there are
/// several models.
std::string OutputPath(const CompileCommandOptions& options, const std::string& model) {
  if (options.models.size() == 1) return options.output;
  return (std::filesystem::path(options.output) / std::filesystem::path(model).stem()).string() +
         ".npu";
}

/// What the host has to do, one line for each kind; empty if nothing.
std::string DescribeHostSteps(const Network& network) {
  std::map<std::string, int> kinds;
  for (const NetworkStep& step : network.steps) {
    if (step.on_host) ++kinds[step.name];
  }
  if (kinds.empty()) return "";
  std::string list;
  for (const auto& [name, count] : kinds) {
    list += fmt::format("{}{} {}", list.empty() ? "" : ", ", count, name);
  }
  return fmt::format("  on the host: {}; on the NPU: {} {}\n", list, network.programs.size(),
                     network.programs.size() == 1 ? "program" : "programs");
}

int CompileModels(const CompileCommandOptions& options) {
  const Result<NpuConfig> config = LoadSpec(options.spec);
  if (!config) return Report(config.errors());
  Diagnostics errors;
  std::vector<Model> models;
  std::set<std::string> paths;
  for (const std::string& file : options.models) {
    Result<Model> model = ReadModelFor(*config, file);
    if (model) {
      models.push_back(std::move(*model));
    } else {
      errors.insert(errors.end(), model.errors().begin(), model.errors().end());
    }
    if (!paths.insert(OutputPath(options, file)).second) {
      errors.push_back(
          {DiagnosticCode::kFileWrite, SourceLocation{file, 0, 0},
           "another model has the same name: both would be written to " + OutputPath(options, file),
           "rename one of them"});
    }
  }
  if (!errors.empty()) return Report(errors);
  CompileOptions compile;
  compile.keep_tensors = options.keep_tensors;
  compile.host_operators = options.host_operators;
  std::vector<const Model*> pointers;
  for (const Model& model : models) pointers.push_back(&model);
  const Result<std::vector<Network>> networks = CompileNetworks(pointers, *config, compile);
  if (!networks) return Report(networks.errors());
  if (options.models.size() > 1) {
    std::error_code error;
    std::filesystem::create_directories(options.output, error);
    if (error) {
      return Report({{DiagnosticCode::kFileWrite, SourceLocation{options.output, 0, 0},
                      "cannot make the folder: " + error.message(), ""}});
    }
  }
  std::vector<std::string> written_paths;
  std::vector<std::vector<uint8_t>> bytes;
  for (size_t m = 0; m < models.size(); ++m) {
    written_paths.push_back(OutputPath(options, options.models[m]));
    bytes.push_back(WriteNetwork((*networks)[m]));
  }
  std::vector<OutputFile> files;
  for (size_t m = 0; m < models.size(); ++m) {
    files.push_back({written_paths[m], BytesView(bytes[m])});
  }
  if (Status written = WriteFiles(files); !written) return Report(written.errors());
  std::FILE* const text = TextStream(written_paths);
  for (size_t m = 0; m < models.size(); ++m) {
    const Network& network = (*networks)[m];
    size_t layers = 0;
    for (const NetworkProgram& p : network.programs) layers += p.program.layers.size();
    fmt::print(
        text, "{}: {} layers, {} MACs, {} bytes, scratch {} bytes, configuration {:016x}, {}\n",
        written_paths[m], layers, network.macs(), bytes[m].size(), network.scratch_bytes(),
        network.config_hash,
        network.cache_token() == 0 ? "nothing cached"
                                   : fmt::format("cache token {:016x}", network.cache_token()));
    std::fputs(DescribeHostSteps(network).c_str(), text);
    if (network.states.empty()) continue;
    uint64_t state_bytes = 0;
    for (const NetworkState& state : network.states) {
      state_bytes += network.tensors[state.tensor].bytes;
    }
    fmt::print(text,
               "{} states of {} bytes stay in the arena from run to run "
               "(npu_network_reset_state resets them)\n",
               network.states.size(), state_bytes);
  }
  return 0;
}

}  // namespace

void AddCompileCommand(CommandLine& line) {
  auto options = std::make_shared<CompileCommandOptions>();
  Subcommand command = line.Add("compile", "Compile models into program files for the driver");
  command.Argument("SPEC", &options->spec, "spec file (YAML)").Required();
  command
      .Argument(
          "MODEL", &options->models,
          "model file (.tflite in int8, .onnx, or .json of bits); several take turns on one NPU: "
          "their cached "
          "parameters share core memory, and changing models loads nothing again")
      .Required();
  command
      .Value("-o,--output", &options->output, "program file to write; a folder for several models")
      .Required();
  command.Flag("--keep-tensors", &options->keep_tensors,
               "store the result of every operator in scratch memory, for checking");
  command.Flag("--host-operators", &options->host_operators, kHostOperatorsHelp);
  command.Footer(
      "The file's format stands in sw/compiler/network_format.h.\n"
      "Examples: npugen compile specs/edge.yaml model.tflite -o model.npu\n"
      "          npugen compile specs/edge.yaml a.tflite b.tflite -o programs");
  command.OnRun([options] { return CompileModels(*options); });
}

}  // namespace npugen

// SPDX-License-Identifier: Apache-2.0
// Compile, run, compare.
#include "tests/compiler/harness.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdlib>

#include "generator/config/load.h"
#include "sw/stream/stream_check.h"
#include "tests/support/files.h"
#include "verif/functional/functional_model.h"
#include "verif/golden/golden_model.h"
#include "verif/random/random_model.h"

namespace npugen::testing {
namespace {

uint32_t PowerOfTwoAtLeast(uint32_t value) {
  uint32_t power = 1;
  while (power < value) power *= 2;
  return power;
}

uint32_t LargestPowerOfTwoUpTo(uint32_t value) {
  uint32_t power = 1;
  while (power * 2 <= value) power *= 2;
  return power;
}

}  // namespace

NpuConfig WithHash(NpuConfig config) {
  config.hash = ConfigHash(config);
  return config;
}

NpuConfig ConfigOfShape(const CoreShape& shape) {
  NpuConfig config;
  config.axi_data_bits = 64;
  config.cores = shape.cores;
  config.lanes = shape.lanes;
  config.simd = shape.simd;
  config.accumulators = shape.accumulators;
  config.post_width = std::min<uint32_t>(16, LargestPowerOfTwoUpTo(config.pe_lanes()));
  config.lookup_ports = 1;
  config.pe_bank_bytes = PowerOfTwoAtLeast(std::max({8u, shape.simd, config.post_width}));
  config.pe_banks = 4;
  config.pe_memory_bytes = 64 * 1024;
  config.core_bank_bytes = 8;
  config.core_banks = 2;
  config.core_memory_bytes = 32 * 1024;
  return WithHash(config);
}

NpuConfig GridOfShape(const CoreShape& shape, uint32_t pes) {
  NpuConfig config = ConfigOfShape(shape);
  config.grid_x = pes;
  return WithHash(config);
}

NpuConfig PresetConfig(const std::string& name) {
  Result<NpuConfig> config = LoadSpec(SourcePath("specs/" + name + ".yaml"));
  if (!config) {
    ADD_FAILURE() << ErrorText(config.errors());
    return WithHash(NpuConfig{});
  }
  return *config;
}

std::string ErrorText(const Diagnostics& errors) {
  std::string text;
  for (const Diagnostic& error : errors) text += FormatDiagnostic(error, false);
  return text;
}

namespace {

/// One job of `program`: compares kept tensors and outputs with the golden model.
std::string CheckJob(const Model& model, const Program& program, FunctionalModel* npu, bool cold,
                     const std::vector<std::vector<uint8_t>>& inputs, uint64_t seed,
                     const std::string& where) {
  const Result<TensorBytes> expected = GoldenModel(model).Run(inputs);
  if (!expected) return "golden: " + ErrorText(expected.errors());
  std::vector<uint8_t> image = program.image;
  std::vector<uint8_t> scratch(program.scratch_bytes, 0xa5);
  std::vector<uint8_t> input(program.input_bytes, 0x5a);
  std::vector<uint8_t> output(program.output_bytes, 0xc3);
  for (size_t i = 0; i < program.inputs.size(); ++i) {
    std::copy(inputs[i].begin(), inputs[i].end(), input.begin() + program.inputs[i].offset);
  }
  npu->Poison(seed * 31 + 5, /*keep_core_memory=*/!cold);
  const std::array<FunctionalWindow, kWindowCount> windows = {
      FunctionalWindow{image, 0x1000, true, false}, FunctionalWindow{scratch, 0x100000, true, true},
      FunctionalWindow{input, 0x200000, true, false},
      FunctionalWindow{output, 0x300000, false, true}};
  const FunctionalJobResult result =
      npu->Run(windows, cold ? program.cold_offset : program.warm_offset,
               FunctionalJobOptions{.seed = seed});
  if (!result.ok()) {
    return where + fmt::format("error {} at 0x{:x}, tag {}: {}",
                               AllHardwareErrors()[result.error_code].name, result.error_address,
                               result.error_tag, result.detail);
  }
  TensorBytes actual(model.tensors.size());
  const auto take = [&](const std::vector<ProgramTensor>& table,
                        const std::vector<uint8_t>& window) {
    for (const ProgramTensor& tensor : table) {
      actual[tensor.tensor].assign(window.begin() + tensor.offset,
                                   window.begin() + tensor.offset + tensor.bytes);
    }
  };
  take(program.kept, scratch);
  Comparison comparison = CompareTensors(model, *expected, actual);
  if (!comparison.equal()) return where + DescribeMismatch(*comparison.first);
  take(program.outputs, output);
  comparison = CompareTensors(model, *expected, actual);
  if (!comparison.equal()) return where + "output: " + DescribeMismatch(*comparison.first);
  if (comparison.tensors == 0) return where + "nothing was compared";
  return "";
}

std::string CheckStreams(const NpuConfig& config, const Program& program) {
  for (uint32_t stream : {program.cold_offset, program.warm_offset}) {
    const StreamReport report = CheckStream(config, program.image, stream);
    if (!report.problems.empty()) return "stream: " + report.problems.front();
  }
  return "";
}

}  // namespace

std::string CheckAgainstGolden(const Model& model, const NpuConfig& config,
                               const std::vector<std::vector<std::vector<uint8_t>>>& inputs,
                               const CheckOptions& options) {
  const Result<Program> program =
      Compile(model, config, CompileOptions{.keep_tensors = options.keep_tensors});
  if (!program) return "compile: " + ErrorText(program.errors());
  if (std::string problem = CheckStreams(config, *program); !problem.empty()) return problem;
  FunctionalModel npu(config);
  npu.Poison(options.seed * 7919 + 1);
  int warm_runs = -1;  // the first run is cold
  for (size_t run = 0; run < inputs.size(); ++run) {
    const bool cold = warm_runs < 0 || warm_runs >= options.warm_runs;
    warm_runs = cold ? 0 : warm_runs + 1;
    const std::string where = fmt::format("{} run {}: ", cold ? "cold" : "warm", run);
    const std::string problem =
        CheckJob(model, *program, &npu, cold, inputs[run], options.seed + run, where);
    if (!problem.empty()) return problem;
  }
  return "";
}

std::string CheckTurns(const std::vector<const Model*>& models, const NpuConfig& config,
                       const std::vector<size_t>& turns, uint64_t seed) {
  const Result<std::vector<Program>> programs = CompileTogether(models, config);
  if (!programs) return "compile: " + ErrorText(programs.errors());
  FunctionalModel npu(config);
  npu.Poison(seed);
  uint64_t token = 0;  // whose parameters core memory holds
  for (size_t turn = 0; turn < turns.size(); ++turn) {
    const size_t m = turns[turn];
    const Program& program = (*programs)[m];
    if (std::string problem = CheckStreams(config, program); !problem.empty()) return problem;
    const std::string problem = CheckJob(*models[m], program, &npu,
                                         program.cache_token == 0 || program.cache_token != token,
                                         MakeRandomInputs(*models[m], seed + turn), seed + turn,
                                         fmt::format("turn {}, model {}: ", turn, m));
    if (!problem.empty()) return problem;
    token = program.cache_token;
  }
  return "";
}

std::vector<std::vector<uint8_t>> RunOutputs(const Model& model, const NpuConfig& config,
                                             const std::vector<std::vector<uint8_t>>& inputs,
                                             std::string* error) {
  Result<Program> program = Compile(model, config);
  if (!program) {
    *error = ErrorText(program.errors());
    return {};
  }
  std::vector<uint8_t> scratch(program->scratch_bytes);
  std::vector<uint8_t> input(program->input_bytes);
  std::vector<uint8_t> output(program->output_bytes);
  for (size_t i = 0; i < program->inputs.size(); ++i) {
    std::copy(inputs[i].begin(), inputs[i].end(), input.begin() + program->inputs[i].offset);
  }
  FunctionalModel npu(config);
  npu.Poison(1);
  const FunctionalJobResult result =
      npu.Run({FunctionalWindow{program->image}, FunctionalWindow{scratch}, FunctionalWindow{input},
               FunctionalWindow{output}},
              program->cold_offset);
  if (!result.ok()) *error = result.detail;
  std::vector<std::vector<uint8_t>> outputs;
  for (const ProgramTensor& tensor : program->outputs) {
    outputs.emplace_back(output.begin() + tensor.offset,
                         output.begin() + tensor.offset + tensor.bytes);
  }
  return outputs;
}

}  // namespace npugen::testing

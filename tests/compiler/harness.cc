// SPDX-License-Identifier: Apache-2.0
// Compile, run, compare.
#include "tests/compiler/harness.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>

#include "generator/config/load.h"
#include "sw/compiler/compile_network.h"
#include "sw/driver/npu_host_operators.h"
#include "sw/driver/npu_network.h"
#include "sw/stream/stream_check.h"
#include "tests/support/access_log.h"
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
  config.residual = 1;
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

/// Races are looked for in streams up to this length: the search compares all pairs of commands.
constexpr uint32_t kMostWatchedCommands = 600;

/// One job of `program`: compares kept tensors and outputs with the golden model.
std::string CheckJob(const Model& model, const NpuConfig& config, const Program& program,
                     FunctionalModel* npu, bool cold,
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
  const uint32_t stream = cold ? program.cold_offset : program.warm_offset;
  FunctionalJobOptions options = {.seed = seed};
  AccessLog log(config);
  const bool watched = CheckStream(config, program.image, stream).commands <= kMostWatchedCommands;
  if (watched) options.observer = &log;
  const FunctionalJobResult result = npu->Run(windows, stream, options);
  if (!result.ok()) {
    return where + fmt::format("error {} at 0x{:x}, tag {}: {}",
                               AllHardwareErrors()[result.error_code].name, result.error_address,
                               result.error_tag, result.detail);
  }
  if (watched) {
    const std::string why = log.WhyUndefined(result.stream);
    if (!why.empty()) return where + why;
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
        CheckJob(model, config, *program, &npu, cold, inputs[run], options.seed + run, where);
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
    const std::string problem = CheckJob(*models[m], config, program, &npu,
                                         program.cache_token == 0 || program.cache_token != token,
                                         MakeRandomInputs(*models[m], seed + turn), seed + turn,
                                         fmt::format("turn {}, model {}: ", turn, m));
    if (!problem.empty()) return problem;
    token = program.cache_token;
  }
  return "";
}

std::vector<std::vector<uint8_t>> RunNetwork(const Network& network, const NpuConfig& config,
                                             const std::vector<std::vector<uint8_t>>& inputs,
                                             std::string* error, std::vector<uint64_t>* kept) {
  // The host's steps read the rows of the file.
  const std::vector<uint8_t> file = WriteNetwork(network);
  std::vector<uint64_t> aligned(file.size() / 8 + 1);
  std::memcpy(aligned.data(), file.data(), file.size());
  npu_device device = {};
  device.config_hash = config.hash;
  npu_network checked = {};
  if (npu_network_check(&device, aligned.data(), static_cast<uint32_t>(file.size()), &checked) !=
      NPU_OK) {
    *error = "the driver refuses the file";
    return {};
  }
  std::vector<uint64_t> fresh;
  std::vector<uint64_t>& arena_words = kept != nullptr ? *kept : fresh;
  if (arena_words.empty()) {
    arena_words.assign(network.arena_bytes / 8 + 1, 0x5a5a5a5a5a5a5a5a);
    npu_network_reset_state(&checked, arena_words.data());
  }
  const std::span<uint8_t> arena(reinterpret_cast<uint8_t*>(arena_words.data()),
                                 network.arena_bytes);
  std::vector<std::vector<uint8_t>> tensors;
  const auto keep = [&](int32_t number, std::span<const uint8_t> bytes) {
    if (tensors.size() <= static_cast<size_t>(number)) tensors.resize(number + 1);
    tensors[number] = {bytes.begin(), bytes.end()};
  };
  for (size_t i = 0; i < network.input_count; ++i) {
    std::copy(inputs[i].begin(), inputs[i].end(), arena.begin() + network.tensors[i].offset);
  }
  FunctionalModel npu(config);
  npu.Poison(1);
  uint64_t token = 0;
  for (size_t s = 0; s < network.steps.size(); ++s) {
    const NetworkStep& step = network.steps[s];
    if (step.on_host) {
      const npu_network_step& row = npu_network_steps(&checked)[s];
      const uint8_t* bytes = reinterpret_cast<const uint8_t*>(aligned.data());
      const auto* words = reinterpret_cast<const uint32_t*>(bytes + checked.header->words_offset);
      npu_host_operand operands[NPU_NETWORK_MAX_OPERANDS] = {};
      for (uint32_t i = 0; i < row.input_count + row.output_count; ++i) {
        if (words[row.operands + i] == NPU_NETWORK_NO_OPERAND) continue;
        const npu_network_tensor* tensor = &npu_network_tensors(&checked)[words[row.operands + i]];
        const uint8_t* constant = bytes + checked.header->constants_offset + tensor->offset;
        operands[i] = {tensor, tensor->place == NPU_TENSOR_CONSTANT
                                   ? const_cast<uint8_t*>(constant)
                                   : arena.data() + tensor->offset};
      }
      npu_host_operator_run(row.kind, operands, operands + row.input_count, words + row.options,
                            arena.data() + checked.header->work_offset);
      if (row.kind == NPU_HOST_COPY) continue;  // the same tensor, or the next run's
      for (const uint32_t output : step.outputs) {
        const NetworkTensor& tensor = network.tensors[output];
        keep(tensor.tensor, arena.subspan(tensor.offset, tensor.bytes));
      }
      continue;
    }
    const NetworkProgram& p = network.programs[step.program];
    std::vector<uint8_t> image = p.program.image, scratch(p.program.scratch_bytes, 0xa5);
    const bool warm = p.program.cache_token != 0 && p.program.cache_token == token;
    const std::array<FunctionalWindow, kWindowCount> windows = {
        FunctionalWindow{image, 0x1000, true, false},
        FunctionalWindow{scratch, 0x10000000, true, true},
        FunctionalWindow{arena.subspan(p.input_offset, p.program.input_bytes), 0x20000000, true,
                         false},
        FunctionalWindow{arena.subspan(p.output_offset, p.program.output_bytes), 0x30000000, true,
                         true}};
    const FunctionalJobResult result =
        npu.Run(windows, warm ? p.program.warm_offset : p.program.cold_offset);
    if (!result.ok()) {
      *error = fmt::format("step {}: {}", s, result.detail);
      return {};
    }
    token = p.program.cache_token;
    for (const ProgramTensor& tensor : p.program.kept) {
      keep(tensor.tensor, std::span(scratch).subspan(tensor.offset, tensor.bytes));
    }
    for (const ProgramTensor& tensor : p.program.outputs) {
      keep(tensor.tensor, arena.subspan(p.output_offset + tensor.offset, tensor.bytes));
    }
  }
  return tensors;
}

std::string CheckNetwork(const Model& model, const NpuConfig& config,
                         const std::vector<std::vector<uint8_t>>& inputs) {
  return CheckNetworkRuns(model, config, {inputs});
}

std::string CheckNetworkRuns(const Model& model, const NpuConfig& config,
                             const std::vector<std::vector<std::vector<uint8_t>>>& runs) {
  const GoldenModel golden(model);
  std::vector<TensorBytes> expected;
  std::vector<std::vector<uint8_t>> states;
  for (const auto& inputs : runs) {
    Result<TensorBytes> tensors = golden.Run(inputs, &states);
    if (!tensors) return "golden: " + ErrorText(tensors.errors());
    expected.push_back(std::move(*tensors));
  }
  for (const bool keep_tensors : {true, false}) {
    const Result<Network> network = CompileNetwork(
        model, config, CompileOptions{.keep_tensors = keep_tensors, .host_operators = true});
    if (!network) return "compile: " + ErrorText(network.errors());
    std::vector<uint64_t> arena;
    for (size_t run = 0; run < runs.size(); ++run) {
      std::string error;
      TensorBytes actual = RunNetwork(*network, config, runs[run], &error, &arena);
      if (!error.empty()) return error;
      actual.resize(model.tensors.size());
      const Comparison comparison = CompareTensors(model, expected[run], actual);
      if (!comparison.equal()) {
        return fmt::format("run {}: {}", run, DescribeMismatch(*comparison.first));
      }
      for (const int32_t output : model.outputs) {
        if (actual[output].empty()) return fmt::format("output {} was not computed", output);
      }
    }
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

std::vector<int8_t> RandomWeights(RandomSource* random, int64_t count) {
  std::vector<int8_t> values(static_cast<size_t>(count));
  for (int8_t& value : values) value = static_cast<int8_t>(random->Integer(-127, 127));
  return values;
}

}  // namespace npugen::testing

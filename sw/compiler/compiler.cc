// The stages of the compiler in order: lower, plan, tile, schedule, encode.
#include "sw/compiler/compiler.h"

#include <fmt/format.h>

#include <limits>
#include <string_view>

#include "generator/support/text.h"
#include "sw/compiler/lower/lower.h"
#include "sw/compiler/plan/activation_plan.h"
#include "sw/compiler/plan/parameter_plan.h"
#include "sw/compiler/schedule/schedule.h"
#include "sw/compiler/tile/tile.h"

namespace npugen {

using namespace compiler;  // NOLINT: the stages' names are local to this folder

namespace {

constexpr size_t kImageAlignment = 64;

size_t Align(size_t value) {
  return (value + kImageAlignment - 1) / kImageAlignment * kImageAlignment;
}

/// Appends bytes to the image at the next aligned offset, which it returns.
uint32_t Append(std::vector<uint8_t>* image, const std::vector<uint8_t>& bytes) {
  image->resize(Align(image->size()), 0);
  const uint32_t offset = static_cast<uint32_t>(image->size());
  image->insert(image->end(), bytes.begin(), bytes.end());
  return offset;
}

uint64_t Macs(const Model& model, const Operator& op) {
  if (op.inputs.size() < 2 || op.inputs[1] < 0) return 0;
  const Tensor& output = model.tensors[op.outputs[0]];
  const Tensor& filter = model.tensors[op.inputs[1]];
  const uint64_t results = static_cast<uint64_t>(output.elements());
  switch (op.type) {
    case OperatorType::kConv2d:
      return results * static_cast<uint64_t>(filter.shape[1]) *
             static_cast<uint64_t>(filter.shape[2]) * static_cast<uint64_t>(filter.shape[3]);
    case OperatorType::kDepthwiseConv2d:
      return results * static_cast<uint64_t>(filter.shape[1]) *
             static_cast<uint64_t>(filter.shape[2]);
    case OperatorType::kFullyConnected:
      return results * static_cast<uint64_t>(filter.shape[1]);
    default:
      return 0;
  }
}

ProgramTensor TensorRow(const Model& model, int32_t number, Window window, int64_t offset) {
  const Tensor& tensor = model.tensors[number];
  return ProgramTensor{number,
                       tensor.name,
                       window,
                       static_cast<uint32_t>(offset),
                       static_cast<uint32_t>(tensor.bytes()),
                       tensor.scale(),
                       tensor.zero_point(),
                       tensor.shape};
}

void FillTables(const Model& model, const LoweredModel& lowered, const ActivationPlan& plan,
                Program* program) {
  for (int32_t tensor : model.inputs) {
    const Placement& place = plan.placements[lowered.tensor_storage[tensor]];
    program->inputs.push_back(TensorRow(model, tensor, Window::kInput, place.input_offset));
  }
  std::vector<int64_t> output_offset(model.outputs.size());
  for (size_t s = 0; s < lowered.storages.size(); ++s) {
    for (size_t i = 0; i < lowered.storages[s].outputs.size(); ++i) {
      output_offset[lowered.storages[s].outputs[i]] = plan.placements[s].output_offsets[i];
    }
  }
  for (size_t i = 0; i < model.outputs.size(); ++i) {
    program->outputs.push_back(
        TensorRow(model, model.outputs[i], Window::kOutput, output_offset[i]));
  }
  for (size_t s = 0; s < lowered.storages.size(); ++s) {
    if (!plan.placements[s].kept) continue;
    for (int32_t tensor : lowered.storages[s].tensors) {
      program->kept.push_back(
          TensorRow(model, tensor, Window::kScratch, plan.placements[s].scratch_offset));
    }
  }
  for (const Operator& op : model.operators) {
    const Tensor& output = model.tensors[op.outputs[0]];
    program->layers.push_back(ProgramLayer{static_cast<uint32_t>(op.index) & 0xffff,
                                           static_cast<uint32_t>(op.index), OperatorName(op.type),
                                           op.outputs[0], output.shape, Macs(model, op)});
  }
}

/// A stream from steps without parameter loads.
std::vector<uint8_t> BuildStream(const NpuConfig& config, const ParameterPlan& parameters,
                                 const std::vector<Placement>& placements,
                                 const std::vector<Step>& steps, bool warm) {
  std::vector<Step> placed = PlaceParameters(parameters, config, placements, steps, warm);
  placed = HoistLoads(config, std::move(placed));
  return WriteStream(config, AddBarriers(config, std::move(placed)));
}

}  // namespace

Result<Program> Compile(const Model& model, const NpuConfig& config,
                        const CompileOptions& options) {
  Result<LoweredModel> lowered = Lower(model, config);
  if (!lowered) return lowered.errors();
  // Both plans are made before either's errors are reported: a model may be too large in two ways.
  std::vector<Partition> partitions;
  for (const Layer& layer : lowered->layers) partitions.push_back(PartitionLayer(layer, config));
  Result<ActivationPlan> activations =
      PlanActivations(model, *lowered, partitions, config, options.keep_tensors);
  Result<ParameterPlan> parameters = PlanParameters(model, *lowered, partitions, config);
  Diagnostics errors;
  if (!activations) errors = activations.errors();
  if (!parameters) {
    errors.insert(errors.end(), parameters.errors().begin(), parameters.errors().end());
  }
  if (!errors.empty()) return errors;

  Program program;
  program.config_hash = config.hash;
  program.image = parameters->image;
  for (size_t s = 0; s < lowered->storages.size(); ++s) {
    if (lowered->storages[s].constant.empty()) continue;
    activations->placements[s].constant_offset =
        Append(&program.image, lowered->storages[s].constant);
  }
  Result<std::vector<Step>> steps =
      Tile(model, *lowered, config, partitions, *activations, *parameters);
  if (!steps) return steps.errors();

  const int64_t limit = std::numeric_limits<uint32_t>::max();
  const int64_t most_steps = (int64_t{1} << kBarrierCountBits) / 2;
  if (activations->scratch_bytes > limit || activations->input_bytes > limit ||
      activations->output_bytes > limit || static_cast<int64_t>(program.image.size()) > limit / 2 ||
      static_cast<int64_t>(steps->size()) > most_steps / 4) {
    return Diagnostic{DiagnosticCode::kCompileLimit, SourceLocation{model.name, 0, 0},
                      "the model as a whole is too large: windows are limited to 4 GiB and streams "
                      "to 2 million commands",
                      ""};
  }
  const bool cached = parameters->cached_bytes > 0;
  if (cached) {
    std::string text(program.image.begin(), program.image.end());
    text += fmt::format(" {:016x}", config.hash);
    program.cache_token = Fnv1a64(text);
    if (program.cache_token == 0) program.cache_token = 1;
  }
  program.cold_offset =
      Append(&program.image, BuildStream(config, *parameters, activations->placements, *steps,
                                         /*warm=*/false));
  program.warm_offset =
      cached
          ? Append(&program.image, BuildStream(config, *parameters, activations->placements, *steps,
                                               /*warm=*/true))
          : program.cold_offset;
  program.scratch_bytes = static_cast<uint32_t>(activations->scratch_bytes);
  program.input_bytes = static_cast<uint32_t>(activations->input_bytes);
  program.output_bytes = static_cast<uint32_t>(activations->output_bytes);
  FillTables(model, *lowered, *activations, &program);
  return program;
}

}  // namespace npugen

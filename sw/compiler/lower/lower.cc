// SPDX-License-Identifier: Apache-2.0
// Order of lowering, storages and aliases.
#include "sw/compiler/lower/lower.h"

#include <fmt/format.h>

#include <algorithm>

#include "sw/compiler/lower/additions.h"
#include "sw/compiler/lower/interleave_batches.h"
#include "sw/compiler/lower/lower_operators.h"
#include "sw/compiler/lower/merge_copies.h"
#include "sw/model/operators/rules.h"

namespace npugen::compiler {

int64_t CeilDiv(int64_t a, int64_t b) { return (a + b - 1) / b; }

int64_t SliceRows(const NpuConfig& config, const Layer& layer) {
  if (!layer.parameters.packed) return config.slice_rows();
  return config.packed_slice_rows();
}

int64_t GroupRows(const NpuConfig& config, const Layer& layer, int64_t slices) {
  return slices * SliceRows(config, layer) +
         (layer.parameters.gates.empty() ? 0 : int64_t{config.gate_rows()});
}

int64_t RecordRows(const NpuConfig& config, const Layer& layer) {
  if (layer.parameters.affine) return config.affine_rows();
  return layer.parameters.common_scale ? config.bias_rows() : config.param_rows();
}

int64_t Geometry::FirstInputRow(int64_t begin) const {
  return std::clamp<int64_t>(begin * stride_h - pad_top, 0, in_h);
}

int64_t Geometry::EndInputRow(int64_t end) const {
  return std::clamp<int64_t>((end - 1) * stride_h - pad_top + (kernel_h - 1) * dilation_h + 1, 0,
                             in_h);
}

Geometry Layer::InputGeometry(size_t input) const {
  if (!IsResidual(input)) return geometry;
  if (affine) return affine->residual;
  Geometry g;
  g.images = geometry.images;
  g.in_h = g.out_h = geometry.out_h;
  g.in_w = g.out_w = geometry.out_w;
  g.in_c = g.out_c = geometry.out_c;
  return g;
}

Diagnostic OperatorError(const Model& model, int32_t op, DiagnosticCode code,
                         const std::string& reason, const std::string& hint) {
  const Operator& node = model.operators[op];
  std::string output;
  if (!node.outputs.empty() && node.outputs[0] >= 0) {
    output = fmt::format(" (output \"{}\")", model.tensors[node.outputs[0]].name);
  }
  return Diagnostic{code, SourceLocation{model.name, 0, 0},
                    fmt::format("operator {} {}{}: {}", node.index, node.name, output, reason),
                    hint};
}

LoweringContext::LoweringContext(const Model& of_model, const NpuConfig& for_config,
                                 const LowerOptions& with_options, LoweredModel& into)
    : model(of_model),
      config(for_config),
      options(with_options),
      lowered(into),
      producers(of_model.tensors.size(), -1) {
  for (size_t i = 0; i < model.operators.size(); ++i) {
    for (int32_t output : model.operators[i].outputs) {
      if (output >= 0) producers[static_cast<size_t>(output)] = static_cast<int32_t>(i);
    }
  }
}

int32_t LoweringContext::NewStorage(int64_t bytes) {
  lowered.storages.emplace_back();
  lowered.storages.back().bytes = bytes;
  return static_cast<int32_t>(lowered.storages.size()) - 1;
}

int32_t LoweringContext::StorageOf(int32_t number) {
  int32_t& storage = lowered.tensor_storage[number];
  if (storage < 0) {
    storage = NewStorage(static_cast<int64_t>(tensor(number).bytes()));
    if (tensor(number).is_constant) lowered.storages[storage].constant = tensor(number).data;
  }
  return storage;
}

namespace {

/// By OperatorType.
constexpr LowerResult (*kLowerings[])(LoweringContext& context, int32_t op) = {
#define NPUGEN_OPERATOR(kind, ...) Lower##kind,
#define NPUGEN_HOST_OPERATOR(...)
#include "sw/model/operators.def"
#undef NPUGEN_OPERATOR
};

/// Operators without elements never reach the lowering functions.
LowerResult CheckTensors(const Model& model, const Operator& node) {
  for (int32_t number : {node.inputs.at(0), node.outputs.at(0)}) {
    const Tensor& tensor = model.tensors[number];
    if (tensor.elements() <= 0) {
      return Refusal{DiagnosticCode::kCompileOperator,
                     fmt::format("tensor {} \"{}\" has no elements", number, tensor.name), ""};
    }
  }
  return std::nullopt;
}

/// Bits need the binary unit.
LowerResult CheckBits(const LoweringContext& context, const Operator& node) {
  if (context.config.bnn_enabled != 0 ||
      (context.tensor(node.inputs[0]).type != TensorType::kBits &&
       context.tensor(node.outputs[0]).type != TensorType::kBits)) {
    return std::nullopt;
  }
  return Refusal{DiagnosticCode::kCompileOperator, "this NPU has no binary unit",
                 "units.bnn.enabled: true in the spec"};
}

/// Outputs that are inputs or constants in another shape need bytes of their own.
void SeparateOutputs(LoweringContext& context) {
  const Model& model = context.model;
  LoweredModel& lowered = context.lowered;
  for (size_t i = 0; i < model.outputs.size(); ++i) {
    int32_t storage = context.StorageOf(model.outputs[i]);
    const Storage& source = lowered.storages[storage];
    if (source.input >= 0 || !source.constant.empty()) {
      int32_t op = 0;
      for (size_t o = 0; o < model.operators.size(); ++o) {
        if (model.operators[o].outputs[0] == model.outputs[i]) op = static_cast<int32_t>(o);
      }
      const int32_t target = context.NewStorage(source.bytes);
      LowerCopy(context, op, storage, target);
      storage = target;
    }
    lowered.storages[storage].outputs.push_back(static_cast<int32_t>(i));
  }
}

/// Layers whose results nobody reads, last ones first.
void RemoveUnused(LoweredModel* lowered) {
  std::vector<bool> used(lowered->storages.size());
  for (size_t s = 0; s < used.size(); ++s) used[s] = !lowered->storages[s].outputs.empty();
  std::vector<bool> needed(lowered->layers.size());
  for (size_t l = lowered->layers.size(); l-- > 0;) {
    const Layer& layer = lowered->layers[l];
    needed[l] = used[static_cast<size_t>(layer.output)];
    if (!needed[l]) continue;
    for (int32_t input : layer.inputs) used[static_cast<size_t>(input)] = true;
    if (layer.parameters.storage >= 0) used[static_cast<size_t>(layer.parameters.storage)] = true;
  }
  size_t l = 0;
  std::erase_if(lowered->layers, [&](const Layer&) { return !needed[l++]; });
}

void FindLifetimes(LoweredModel* lowered) {
  for (size_t i = 0; i < lowered->layers.size(); ++i) {
    const int32_t layer = static_cast<int32_t>(i);
    const auto use = [&](int32_t number) {
      Storage& storage = lowered->storages[number];
      if (storage.first_layer < 0) storage.first_layer = layer;
      storage.last_layer = layer;
    };
    for (int32_t input : lowered->layers[i].inputs) use(input);
    for (int32_t held : lowered->layers[i].held) use(held);
    if (lowered->layers[i].parameters.storage >= 0) use(lowered->layers[i].parameters.storage);
    use(lowered->layers[i].output);
  }
}

/// Whether all channels are rescaled alike, as those of FULLY_CONNECTED: their records are then
/// biases only, less than half of the bytes to load.
bool HasCommonScale(const Layer& layer, int64_t pe_lanes) {
  const Parameters& parameters = layer.parameters;
  if (parameters.storage >= 0) return !parameters.records.empty();
  if (parameters.shared || parameters.records.empty() || layer.thresholds != 0 || layer.affine) {
    return false;
  }
  const ParameterRecord& first = parameters.records[0];
  for (int64_t channel = 0; channel < layer.out_channels(); ++channel) {
    const ParameterRecord& record = parameters.records[static_cast<size_t>(
        channel / layer.group_channels * pe_lanes + channel % layer.group_channels)];
    if (record.multiplier != first.multiplier || record.shift != first.shift) return false;
  }
  return true;
}

}  // namespace

Result<LoweredModel> Lower(const Model& model, const NpuConfig& config,
                           const LowerOptions& options) {
  LoweredModel lowered;
  lowered.tensor_storage.assign(model.tensors.size(), -1);
  LoweringContext context(model, config, options, lowered);
  Diagnostics errors;
  for (size_t i = 0; i < model.inputs.size(); ++i) {
    const int32_t storage = context.StorageOf(model.inputs[i]);
    lowered.storages[storage].input = static_cast<int32_t>(i);
    lowered.storages[storage].constant.clear();
  }
  for (size_t i = 0; i < model.operators.size(); ++i) {
    const int32_t op = static_cast<int32_t>(i);
    const Operator& node = model.operators[i];
    if (RunsOnHost(model, node)) {
      errors.push_back(OperatorError(model, op, DiagnosticCode::kCompileOperator,
                                     "only the host can compute it"));
      continue;
    }
    LowerResult refusal = CheckTensors(model, node);
    const size_t first_layer = lowered.layers.size();
    if (!refusal) refusal = CheckBits(context, node);
    if (!refusal) refusal = kLowerings[static_cast<size_t>(node.type)](context, op);
    if (refusal) {
      errors.push_back(OperatorError(model, op, refusal->code, refusal->reason, refusal->hint));
      continue;
    }
    for (size_t l = first_layer; l < lowered.layers.size(); ++l) {
      Layer& layer = lowered.layers[l];
      layer.op = op;
      layer.parameters.common_scale = HasCommonScale(layer, config.pe_lanes());
      layer.tag = node.index & 0xffff;
    }
    for (int32_t output : node.outputs) {
      lowered.storages[context.StorageOf(output)].tensors.push_back(output);
    }
  }
  if (!errors.empty()) return errors;
  SeparateOutputs(context);
  if (config.residual != 0) FuseAdditions(config, &lowered);
  if (!options.keep_tensors) {
    MergeCopies(&lowered);
    RemoveUnused(&lowered);
    InterleaveBatches(&lowered);
  }
  FindLifetimes(&lowered);
  return lowered;
}

}  // namespace npugen::compiler

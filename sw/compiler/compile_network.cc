// SPDX-License-Identifier: Apache-2.0
// Segments, their programs, and where tensors stand in the arena.
//
// Operators are divided greedily: all of the host that can run, then all of the NPU that can, and
// so on, so that there are as few segments as the order of the data allows.
#include "sw/compiler/compile_network.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <limits>
#include <map>
#include <set>
#include <string>
#include <utility>

#include "sw/model/operators/rules.h"

namespace npugen {
namespace {

/// Either an operator of the host, or a model of some of the operators for the NPU.
struct Part {
  int32_t host_operator = -1;  ///< position in Model::operators
  int32_t segment = -1;        ///< position in Division::segments
};

/// A model cut into parts, in an order in which they can run. Segments number tensors as the model
/// does.
struct Division {
  const Model* model;
  std::vector<Part> parts;
  std::vector<Model> segments;
};

bool Contains(const std::vector<int32_t>& list, int32_t value) {
  return std::find(list.begin(), list.end(), value) != list.end();
}

/// Whether it converts an input or output of the whole network from or to float32.
bool IsEndOfNetwork(const Model& model, const Operator& op) {
  return IsFloatEnd(model, op) &&
         (Contains(model.inputs, op.inputs[0]) || Contains(model.outputs, op.outputs[0]));
}

/// Refuses operators that only the host can do, once for each kind.
Status CheckAllowed(const Model& model) {
  std::map<std::string, int> kinds;
  for (const Operator& op : model.operators) {
    if (RunsOnHost(model, op) && !IsEndOfNetwork(model, op)) ++kinds[op.name];
  }
  if (kinds.empty()) return Unit{};
  std::string list;
  for (const auto& [name, count] : kinds) {
    list += fmt::format("{}{} {}", list.empty() ? "" : ", ", count, name);
  }
  return Diagnostic{DiagnosticCode::kCompileOperator, SourceLocation{model.name, 0, 0},
                    fmt::format("only the host can compute {}", list),
                    "--host-operators allows it; the report then says what runs where"};
}

/// The segment of these operators. `later` are tensors that other parts read.
Model MakeSegment(const Model& model, const std::vector<size_t>& operators,
                  const std::set<int32_t>& later) {
  Model segment;
  segment.name = model.name;
  std::set<int32_t> made, read;
  for (const size_t number : operators) {
    const Operator& op = model.operators[number];
    segment.operators.push_back(op);
    for (const int32_t input : op.inputs) {
      if (input >= 0 && !made.contains(input)) read.insert(input);
    }
    made.insert(op.outputs.begin(), op.outputs.end());
  }
  segment.tensors = model.tensors;
  for (size_t i = 0; i < segment.tensors.size(); ++i) {
    if (!read.contains(static_cast<int32_t>(i))) segment.tensors[i].data = {};
  }
  for (const int32_t input : model.inputs) {
    if (read.erase(input) != 0) segment.inputs.push_back(input);
  }
  for (const int32_t input : read) {
    if (!model.tensors[input].is_constant) segment.inputs.push_back(input);
  }
  for (const int32_t output : model.outputs) {
    if (made.erase(output) != 0) segment.outputs.push_back(output);
  }
  for (const int32_t output : made) {
    if (later.contains(output)) segment.outputs.push_back(output);
  }
  return segment;
}

Division Divide(const Model& model) {
  Division division{&model, {}, {}};
  std::vector<bool> on_host;
  for (const Operator& op : model.operators) on_host.push_back(RunsOnHost(model, op));
  if (std::find(on_host.begin(), on_host.end(), true) == on_host.end()) {
    division.parts.push_back({-1, 0});
    division.segments.push_back(model);
    return division;
  }
  std::vector<bool> available(model.tensors.size(), false), done(model.operators.size(), false);
  for (size_t i = 0; i < available.size(); ++i) available[i] = model.tensors[i].is_constant;
  for (const int32_t input : model.inputs) available[input] = true;
  const auto ready = [&](const Operator& op) {
    return std::all_of(op.inputs.begin(), op.inputs.end(),
                       [&](int32_t input) { return input < 0 || available[input]; });
  };
  /// Takes what can run on one side, in the order of the file.
  const auto take = [&](bool host) {
    std::vector<size_t> taken;
    for (size_t i = 0; i < model.operators.size(); ++i) {
      const Operator& op = model.operators[i];
      if (done[i] || on_host[i] != host || !ready(op)) continue;
      taken.push_back(i);
      done[i] = true;
      for (const int32_t output : op.outputs) available[output] = true;
    }
    return taken;
  };
  for (size_t left = model.operators.size(); left > 0;) {
    for (const size_t number : take(/*host=*/true)) {
      division.parts.push_back({static_cast<int32_t>(number), -1});
      --left;
    }
    const std::vector<size_t> taken = take(/*host=*/false);
    if (taken.empty()) continue;
    left -= taken.size();
    std::set<int32_t> later;
    for (size_t i = 0; i < model.operators.size(); ++i) {
      const bool mine = std::find(taken.begin(), taken.end(), i) != taken.end();
      if (!mine) later.insert(model.operators[i].inputs.begin(), model.operators[i].inputs.end());
    }
    division.parts.push_back({-1, static_cast<int32_t>(division.segments.size())});
    division.segments.push_back(MakeSegment(model, taken, later));
  }
  return division;
}

npu_host_kind KindOf(const Operator& op) {
  switch (op.type) {
    case OperatorType::kDequantize:
      return NPU_HOST_DEQUANTIZE;
    case OperatorType::kL2Normalization:
      return NPU_HOST_L2_NORMALIZATION;
    default:
      return NPU_HOST_QUANTIZE;
  }
}

/// Builds the network of a divided model from the programs of its segments.
class Assembler {
 public:
  Assembler(const Division& division, std::vector<Program> programs)
      : division_(division), model_(*division.model) {
    for (Program& program : programs) network_.programs.push_back({std::move(program), 0, 0});
  }

  Result<Network> Run(uint64_t config_hash) {
    network_.config_hash = config_hash;
    PlaceWindows();
    PlaceTensors();
    if (end_ > std::numeric_limits<uint32_t>::max() / 2) {
      return Diagnostic{DiagnosticCode::kCompileLimit, SourceLocation{model_.name, 0, 0},
                        "inputs, outputs and what passes between NPU and host need more than 2 GiB",
                        ""};
    }
    network_.arena_bytes = static_cast<uint32_t>(end_);
    for (const int32_t input : model_.inputs) AddRow(input, home_.at(input));
    network_.input_count = static_cast<uint32_t>(network_.tensors.size());
    for (const int32_t output : model_.outputs) AddRow(output, home_.at(output));
    network_.output_count = static_cast<uint32_t>(network_.tensors.size()) - network_.input_count;
    for (const Part& part : division_.parts) {
      if (part.segment >= 0) {
        AddProgramStep(static_cast<uint32_t>(part.segment));
      } else {
        AddHostStep(model_.operators[part.host_operator]);
      }
    }
    return std::move(network_);
  }

 private:
  /// A region of the arena. Small ones do not cross a page, so that bursts of the bus are cut as if
  /// the region stood alone.
  uint32_t Allocate(uint64_t bytes) {
    const uint64_t alignment = std::clamp<uint64_t>(std::bit_ceil(std::max<uint64_t>(bytes, 1)),
                                                    NPU_PROGRAM_ALIGNMENT, NPU_NETWORK_PAGE);
    const uint64_t offset = (end_ + alignment - 1) / alignment * alignment;
    end_ = offset + bytes;
    return static_cast<uint32_t>(std::min<uint64_t>(offset, 0xffffffffu));
  }

  /// The output window of another program whose only tensor is the only input of `program`.
  const uint32_t* SharedWindow(const Program& program) const {
    if (program.inputs.size() != 1) return nullptr;
    for (const NetworkProgram& other : network_.programs) {
      if (other.program.outputs.size() == 1 &&
          other.program.outputs[0].tensor == program.inputs[0].tensor) {
        return &other.output_offset;
      }
    }
    return nullptr;
  }

  void PlaceWindows() {
    for (NetworkProgram& p : network_.programs) {
      const uint32_t* shared = SharedWindow(p.program);
      p.input_offset = shared != nullptr ? *shared : Allocate(p.program.input_bytes);
      p.output_offset = Allocate(p.program.output_bytes);
    }
  }

  /// Where each tensor is written: in the window of the program that computes it, or, of inputs and
  /// of the host's results, in that of a program that reads it.
  void PlaceTensors() {
    for (const NetworkProgram& p : network_.programs) {
      for (const ProgramTensor& t : p.program.outputs) home_[t.tensor] = p.output_offset + t.offset;
    }
    for (const NetworkProgram& p : network_.programs) {
      for (const ProgramTensor& t : p.program.inputs) {
        home_.emplace(t.tensor, p.input_offset + t.offset);
      }
    }
    const auto need = [&](int32_t tensor) {
      if (!home_.contains(tensor)) home_[tensor] = Allocate(model_.tensors[tensor].bytes());
    };
    for (const int32_t input : model_.inputs) need(input);
    for (const Part& part : division_.parts) {
      if (part.host_operator < 0) continue;
      for (const int32_t output : model_.operators[part.host_operator].outputs) need(output);
    }
  }

  uint32_t AddRow(int32_t number, uint32_t offset) {
    const Tensor& tensor = model_.tensors[number];
    network_.tensors.push_back({number, tensor.name, tensor.type, tensor.scale(),
                                tensor.zero_point(), tensor.shape, offset,
                                static_cast<uint32_t>(tensor.bytes())});
    return static_cast<uint32_t>(network_.tensors.size() - 1);
  }

  /// The row of a tensor at a place.
  uint32_t Row(int32_t number, uint32_t offset) {
    for (size_t i = 0; i < network_.tensors.size(); ++i) {
      if (network_.tensors[i].tensor == number && network_.tensors[i].offset == offset) {
        return static_cast<uint32_t>(i);
      }
    }
    return AddRow(number, offset);
  }

  void AddHostStep(const Operator& op) {
    NetworkStep step;
    step.on_host = true;
    step.kind = KindOf(op);
    step.operator_index = static_cast<uint32_t>(op.index);
    step.name = op.name;
    for (const int32_t input : op.inputs) step.inputs.push_back(Row(input, home_.at(input)));
    for (const int32_t output : op.outputs) step.outputs.push_back(Row(output, home_.at(output)));
    network_.steps.push_back(std::move(step));
  }

  /// The program, after copies of inputs that stand elsewhere.
  void AddProgramStep(uint32_t number) {
    const NetworkProgram& p = network_.programs[number];
    for (const ProgramTensor& t : p.program.inputs) {
      const uint32_t place = p.input_offset + t.offset;
      if (home_.at(t.tensor) == place) continue;
      NetworkStep copy;
      copy.on_host = true;
      copy.kind = NPU_HOST_COPY;
      copy.operator_index = p.program.layers.empty() ? 0 : p.program.layers[0].operator_index;
      copy.name = "COPY";
      copy.inputs = {Row(t.tensor, home_.at(t.tensor))};
      copy.outputs = {Row(t.tensor, place)};
      network_.steps.push_back(std::move(copy));
    }
    NetworkStep step;
    step.program = number;
    network_.steps.push_back(std::move(step));
  }

  const Division& division_;
  const Model& model_;
  Network network_;
  uint64_t end_ = 0;
  std::map<int32_t, uint32_t> home_;  ///< by tensor: its place in the arena
};

}  // namespace

Result<std::vector<Network>> CompileNetworks(const std::vector<const Model*>& models,
                                             const NpuConfig& config,
                                             const CompileOptions& options) {
  Diagnostics errors;
  std::vector<Division> divisions;
  for (const Model* model : models) {
    if (!options.host_operators) {
      const Status allowed = CheckAllowed(*model);
      if (!allowed) {
        errors.insert(errors.end(), allowed.errors().begin(), allowed.errors().end());
        continue;
      }
    }
    divisions.push_back(Divide(*model));
  }
  if (!errors.empty()) return errors;
  std::vector<const Model*> segments;
  for (const Division& division : divisions) {
    for (const Model& segment : division.segments) segments.push_back(&segment);
  }
  std::vector<Program> programs;
  if (!segments.empty()) {
    Result<std::vector<Program>> compiled = CompileTogether(segments, config, options);
    if (!compiled) return compiled.errors();
    programs = std::move(*compiled);
  }
  std::vector<Network> networks;
  auto next = programs.begin();
  for (const Division& division : divisions) {
    const auto end = next + static_cast<std::ptrdiff_t>(division.segments.size());
    std::vector<Program> own(std::make_move_iterator(next), std::make_move_iterator(end));
    next = end;
    Result<Network> network = Assembler(division, std::move(own)).Run(config.hash);
    if (!network) return network.errors();
    networks.push_back(std::move(*network));
  }
  return networks;
}

Result<Network> CompileNetwork(const Model& model, const NpuConfig& config,
                               const CompileOptions& options) {
  Result<std::vector<Network>> networks = CompileNetworks({&model}, config, options);
  if (!networks) return networks.errors();
  return std::move(networks->front());
}

}  // namespace npugen

// SPDX-License-Identifier: Apache-2.0
// Walks the operators in order and follows what each variable holds.
#include "sw/model/rewrite/states.h"

#include <algorithm>
#include <map>
#include <set>

#include "sw/model/tflite_schema.h"

namespace npugen {
namespace {

/// A variable on the way through the operators.
struct Variable {
  std::vector<uint8_t> initial;
  bool initialized = false;
  int32_t read = -1;     ///< the tensor that has its value when a run begins
  int32_t current = -1;  ///< the one that has its value from here on; -1: `read`
};

/// What a variable that nothing sets begins with: TFLM fills it with the zero point of an int8
/// tensor, others with 0.
std::vector<uint8_t> DefaultBytes(const Tensor& tensor) {
  const int32_t value = tensor.type == TensorType::kInt8 ? tensor.zero_point() : 0;
  return std::vector<uint8_t>(tensor.bytes(), static_cast<uint8_t>(value));
}

class Resolver {
 public:
  Resolver(RawGraph graph, std::vector<bool> variables)
      : graph_(graph), model_(graph.model), is_variable_(std::move(variables)) {
    for (const RawOperator& op : graph.operators) next_index_ = std::max(next_index_, op.index + 1);
  }

  std::vector<std::pair<size_t, std::string>> Run() {
    for (size_t i = 0; i < graph_.operators.size(); ++i) {
      position_ = i;
      RawOperator& op = graph_.operators[i];
      for (int32_t& input : op.inputs) input = Resolved(input);
      if (op.name == "VAR_HANDLE") {
        Handle(op);
      } else if (op.name == "ASSIGN_VARIABLE") {
        Assign(op);
      } else if (op.name == "READ_VARIABLE") {
        Read(op);
      } else if (op.name != "CALL_ONCE") {
        if (op.once) {
          Refuse("runs once before all others, and its result is not constant");
          continue;
        }
        Keep(op);
      }
    }
    Finish();
    graph_.operators = std::move(kept_);
    return std::move(refused_);
  }

 private:
  void Refuse(std::string reason) { refused_.push_back({position_, std::move(reason)}); }

  int32_t Resolved(int32_t tensor) const {
    const auto found = values_.find(tensor);
    return found == values_.end() ? tensor : found->second;
  }

  int32_t Copied(int32_t tensor) {
    model_.tensors.push_back(model_.tensors[tensor]);
    Tensor& copy = model_.tensors.back();
    copy.is_constant = false;
    copy.data.clear();
    graph_.problems.push_back(graph_.problems[tensor]);
    return static_cast<int32_t>(model_.tensors.size() - 1);
  }

  /// `to` has the bytes of `from`.
  void AppendCopy(int32_t from, int32_t to) {
    RawOperator op;
    op.index = next_index_++;
    op.name = "RESHAPE";
    op.inputs = {from};
    op.outputs = {to};
    kept_.push_back(std::move(op));
  }

  void Handle(const RawOperator& op) {
    if (op.outputs.size() != 1 || op.outputs[0] < 0) return Refuse("has not one output");
    const auto text = [&](int field) {
      return std::string(op.options.String(field, "a variable's name"));
    };
    const auto key = std::pair(text(tflite::VarHandleField::kContainer),
                               text(tflite::VarHandleField::kSharedName));
    handles_[op.outputs[0]] = key;
  }

  Variable* VariableOf(const RawOperator& op) {
    const auto handle = op.inputs.empty() ? handles_.end() : handles_.find(op.inputs[0]);
    if (handle == handles_.end()) {
      Refuse("has no VAR_HANDLE before it");
      return nullptr;
    }
    return &variables_[handle->second];
  }

  void Assign(const RawOperator& op) {
    Variable* variable = VariableOf(op);
    if (variable == nullptr) return;
    if (op.inputs.size() != 2 || op.inputs[1] < 0) return Refuse("has not two inputs");
    const Tensor& value = model_.tensors[op.inputs[1]];
    if (!op.once) {
      variable->current = op.inputs[1];
      return;
    }
    if (!value.is_constant) return Refuse("runs once before all others, and is not constant");
    variable->initial = value.data;
    variable->initialized = true;
  }

  void Read(const RawOperator& op) {
    Variable* variable = VariableOf(op);
    if (variable == nullptr) return;
    if (op.outputs.size() != 1 || op.outputs[0] < 0) return Refuse("has not one output");
    const int32_t result = op.outputs[0];
    const bool is_output =
        std::find(model_.outputs.begin(), model_.outputs.end(), result) != model_.outputs.end();
    int32_t source = variable->current >= 0 ? variable->current : variable->read;
    if (source < 0) source = variable->read = is_output ? Copied(result) : result;
    if (is_output) {
      AppendCopy(source, result);
    } else if (source != result) {
      values_[result] = source;
    }
  }

  /// Any other operator; one that changes variables gets outputs for them.
  void Keep(RawOperator& op) {
    std::vector<int32_t> changed;
    for (int32_t& input : op.inputs) {
      if (input < 0 || static_cast<size_t>(input) >= is_variable_.size() || !is_variable_[input]) {
        continue;
      }
      if (!KeepsState(op.name)) {
        graph_.problems[input] = "is a variable, which keeps its value between runs";
        continue;
      }
      Variable& variable = tensors_[input];
      if (variable.read < 0) {
        variable.read = input;
        Tensor& tensor = model_.tensors[input];
        tensor.is_constant = false;
        tensor.data.clear();
      }
      changed.push_back(input);
    }
    for (const int32_t number : changed) {
      Variable& variable = tensors_[number];
      for (int32_t& input : op.inputs) {
        if (input == number && variable.current >= 0) input = variable.current;
      }
      variable.current = Copied(number);
      op.outputs.push_back(variable.current);
    }
    kept_.push_back(std::move(op));
  }

  void Finish() {
    std::set<int32_t> written(model_.inputs.begin(), model_.inputs.end());
    std::vector<Variable*> all;
    for (auto& [key, variable] : variables_) all.push_back(&variable);
    for (auto& [tensor, variable] : tensors_) all.push_back(&variable);
    for (const Variable* variable : all) written.insert(variable->read);
    for (Variable* variable : all) {
      if (variable->read < 0) continue;  // nobody asks for it
      Tensor& read = model_.tensors[variable->read];
      if (!variable->initialized) variable->initial = DefaultBytes(read);
      if (variable->initial.size() != read.bytes()) {
        Refuse("leaves a variable with a value of another size");
        continue;
      }
      if (variable->current < 0) {  // it never changes
        read.is_constant = true;
        read.data = variable->initial;
        continue;
      }
      const Tensor& value = model_.tensors[variable->current];
      if (value.type != read.type || value.bytes() != read.bytes() || value.scales != read.scales ||
          value.zero_points != read.zero_points) {
        Refuse("leaves a variable with a value of another type, size or scale");
        continue;
      }
      if (value.is_constant) {
        Refuse("sets a variable to the same value in every run");
        continue;
      }
      if (!written.insert(variable->current).second) {
        const int32_t copy = Copied(variable->read);
        AppendCopy(variable->current, copy);
        variable->current = copy;
      }
      model_.states.push_back({variable->read, variable->current, std::move(variable->initial)});
    }
  }

  RawGraph graph_;
  Model& model_;
  std::vector<bool> is_variable_;
  std::map<int32_t, std::pair<std::string, std::string>> handles_;  ///< by resource tensor
  std::map<std::pair<std::string, std::string>, Variable> variables_;
  std::map<int32_t, Variable> tensors_;  ///< variable tensors
  std::map<int32_t, int32_t> values_;    ///< results of READ_VARIABLE that are other tensors
  std::vector<RawOperator> kept_;
  std::vector<std::pair<size_t, std::string>> refused_;
  size_t position_ = 0;
  int32_t next_index_ = 0;
};

}  // namespace

bool KeepsState(const std::string& name) {
  return name == "SVDF" || name == "UNIDIRECTIONAL_SEQUENCE_LSTM";
}

std::vector<std::pair<size_t, std::string>> ResolveStates(RawGraph graph,
                                                          std::vector<bool> variables) {
  return Resolver(graph, std::move(variables)).Run();
}

}  // namespace npugen

// SPDX-License-Identifier: Apache-2.0
// Which operators can be converted, tensors, filters, ends.
#include "sw/model/rewrite/uint8.h"

#include <algorithm>
#include <cstring>
#include <functional>
#include <map>
#include <set>

namespace npugen {
namespace {

/// Operators on uint8 that give, shifted by 128, what the int8 kernels give on shifted values:
/// exactly, or by the rules that from_uint8 stands for.
const std::set<std::string, std::less<>> kConverted = {"CONV_2D",
                                                       "DEPTHWISE_CONV_2D",
                                                       "FULLY_CONNECTED",
                                                       "TRANSPOSE_CONV",
                                                       "ADD",
                                                       "MAX_POOL_2D",
                                                       "AVERAGE_POOL_2D",
                                                       "MEAN",
                                                       "SOFTMAX",
                                                       "LOGISTIC",
                                                       "TANH",
                                                       "MAXIMUM",
                                                       "MINIMUM",
                                                       "ARG_MAX",
                                                       "ARG_MIN",
                                                       "REDUCE_MAX",
                                                       "REDUCE_MIN",
                                                       "PAD",
                                                       "PADV2",
                                                       "MIRROR_PAD",
                                                       "CONCATENATION",
                                                       "SLICE",
                                                       "STRIDED_SLICE",
                                                       "SPLIT",
                                                       "SPLIT_V",
                                                       "PACK",
                                                       "UNPACK",
                                                       "TRANSPOSE",
                                                       "REVERSE_V2",
                                                       "SPACE_TO_DEPTH",
                                                       "DEPTH_TO_SPACE",
                                                       "SPACE_TO_BATCH_ND",
                                                       "BATCH_TO_SPACE_ND",
                                                       "RESIZE_NEAREST_NEIGHBOR",
                                                       "RESIZE_BILINEAR",
                                                       "GATHER",
                                                       "MUL",
                                                       "SUB",
                                                       "RELU",
                                                       "RELU6",
                                                       "TILE",
                                                       "TFLite_Detection_PostProcess",
                                                       "PosenetDecoderOp"};

/// Those that pass values on or change their type: no reason to convert, but converted with others.
const std::set<std::string, std::less<>> kNeutral = {"QUANTIZE", "DEQUANTIZE", "RESHAPE", "SQUEEZE",
                                                     "EXPAND_DIMS"};

constexpr int32_t kShift = 128;

/// Whether input `position` of an operator is a filter.
bool IsFilter(const RawOperator& op, size_t position) {
  return position == 1 && (op.name == "CONV_2D" || op.name == "DEPTHWISE_CONV_2D" ||
                           op.name == "FULLY_CONNECTED" || op.name == "TRANSPOSE_CONV");
}

class Converter {
 public:
  explicit Converter(RawGraph graph) : graph_(graph), model_(graph.model) {}

  std::vector<std::pair<size_t, std::string>> Run(bool all) {
    std::vector<std::pair<size_t, std::string>> refused;
    bool any = false;
    for (size_t i = 0; i < graph_.operators.size(); ++i) {
      const RawOperator& op = graph_.operators[i];
      if (!TouchesUint8(op)) continue;
      if (kConverted.contains(op.name)) {
        any = true;
        if (TouchesInt8(op)) refused.emplace_back(i, "has operands of UINT8 and of INT8");
      } else if (!kNeutral.contains(op.name)) {
        refused.emplace_back(i, "computes on UINT8, and has no int8 form that gives the same");
      }
    }
    if (!any || (!refused.empty() && !all)) return refused;
    next_index_ = 0;
    for (const RawOperator& op : graph_.operators) {
      next_index_ = std::max(next_index_, op.index + 1);
    }
    std::vector<RawOperator> first, last;
    for (const int32_t input : model_.inputs) {
      if (!IsUint8(input)) continue;
      first.push_back(Conversion(input, Twin(input)));
    }
    for (const int32_t output : model_.outputs) {
      if (!IsUint8(output)) continue;
      last.push_back(Conversion(Twin(output), output));
    }
    for (RawOperator& op : graph_.operators) ConvertOperator(&op);
    std::vector<RawOperator> operators = std::move(first);
    operators.insert(operators.end(), std::make_move_iterator(graph_.operators.begin()),
                     std::make_move_iterator(graph_.operators.end()));
    operators.insert(operators.end(), std::make_move_iterator(last.begin()),
                     std::make_move_iterator(last.end()));
    graph_.operators = std::move(operators);
    return refused;
  }

 private:
  /// Quantized; numbers without a scale stay as they are (CAST).
  bool IsUint8(int32_t tensor) const {
    return tensor >= 0 && model_.tensors[tensor].type == TensorType::kUint8 &&
           !model_.tensors[tensor].scales.empty();
  }

  bool TouchesUint8(const RawOperator& op) const {
    const auto uint8 = [&](int32_t tensor) { return IsUint8(tensor); };
    return std::any_of(op.inputs.begin(), op.inputs.end(), uint8) ||
           std::any_of(op.outputs.begin(), op.outputs.end(), uint8);
  }

  bool TouchesInt8(const RawOperator& op) const {
    const auto int8 = [&](int32_t tensor) {
      return tensor >= 0 && model_.tensors[tensor].type == TensorType::kInt8;
    };
    return std::any_of(op.inputs.begin(), op.inputs.end(), int8) ||
           std::any_of(op.outputs.begin(), op.outputs.end(), int8);
  }

  int32_t Append(Tensor tensor) {
    model_.tensors.push_back(std::move(tensor));
    graph_.problems.emplace_back();
    return static_cast<int32_t>(model_.tensors.size()) - 1;
  }

  /// Values and zero points less by 128.
  static void Shift(Tensor* tensor) {
    tensor->type = TensorType::kInt8;
    for (int32_t& zero_point : tensor->zero_points) zero_point -= kShift;
    for (uint8_t& byte : tensor->data) byte ^= 0x80;
  }

  /// The int8 tensor that stands for an input or output of the network in the rest of it.
  int32_t Twin(int32_t end) {
    Tensor tensor = model_.tensors[end];
    Shift(&tensor);
    tensor.name += "/int8";
    twins_[end] = Append(std::move(tensor));
    graph_.problems.back() = graph_.problems[end];
    return twins_[end];
  }

  RawOperator Conversion(int32_t from, int32_t to) {
    RawOperator op;
    op.index = next_index_++;
    op.name = "QUANTIZE";
    op.inputs = {from};
    op.outputs = {to};
    return op;
  }

  /// The filter less its zero point.
  int32_t Filter(int32_t number) {
    const auto found = filters_.find(number);
    if (found != filters_.end()) return found->second;
    const Tensor& from = model_.tensors[number];
    Tensor tensor = from;
    tensor.name += "/int8";
    const int32_t zero_point = from.zero_point();
    bool fits = true;
    std::vector<int16_t> values;
    for (const uint8_t byte : from.data) {
      values.push_back(static_cast<int16_t>(byte - zero_point));
      fits = fits && values.back() >= -128 && values.back() <= 127;
    }
    tensor.type = fits ? TensorType::kInt8 : TensorType::kInt16;
    tensor.data.resize(values.size() * (fits ? 1 : 2));
    for (size_t i = 0; i < values.size(); ++i) {
      if (fits) {
        tensor.data[i] = static_cast<uint8_t>(values[i]);
      } else {
        std::memcpy(tensor.data.data() + 2 * i, &values[i], 2);
      }
    }
    std::fill(tensor.zero_points.begin(), tensor.zero_points.end(), 0);
    const std::string problem = graph_.problems[number];
    filters_[number] = Append(std::move(tensor));
    graph_.problems.back() = problem;
    return filters_[number];
  }

  int32_t Converted(int32_t number) {
    if (!IsUint8(number)) return number;
    const auto twin = twins_.find(number);
    if (twin != twins_.end()) return twin->second;
    Shift(&model_.tensors[number]);
    shifted_.insert(number);
    return number;
  }

  void ConvertOperator(RawOperator* op) {
    if (!TouchesUint8(*op) && !ReadsShifted(*op)) return;
    for (size_t i = 0; i < op->inputs.size(); ++i) {
      int32_t& input = op->inputs[i];
      if (!IsUint8(input)) continue;
      const Tensor& tensor = model_.tensors[input];
      // With several scales, or where it is no constant, the operator is refused later.
      const bool filter = IsFilter(*op, i) && tensor.is_constant && tensor.scales.size() == 1;
      input = filter ? Filter(input) : Converted(input);
    }
    for (int32_t& output : op->outputs) output = Converted(output);
    op->from_uint8 = true;
  }

  /// Whether a tensor of it was uint8 and became int8 with an operator before it.
  bool ReadsShifted(const RawOperator& op) const {
    return std::any_of(op.inputs.begin(), op.inputs.end(),
                       [&](int32_t input) { return shifted_.contains(input); });
  }

  RawGraph graph_;
  Model& model_;
  std::map<int32_t, int32_t> twins_, filters_;
  std::set<int32_t> shifted_;
  int32_t next_index_ = 0;
};

}  // namespace

bool TakesUint8(const std::string& name) {
  return kConverted.contains(name) || kNeutral.contains(name);
}

std::vector<std::pair<size_t, std::string>> ConvertUint8(RawGraph graph, bool all) {
  return Converter(graph).Run(all);
}

}  // namespace npugen

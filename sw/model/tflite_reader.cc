// SPDX-License-Identifier: Apache-2.0
// From the file's tables to a Model: parse tensors, check the graph, check every operator.
#include "sw/model/tflite_reader.h"

#include <fmt/core.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <limits>
#include <map>
#include <optional>
#include <set>

#include "sw/model/describe.h"
#include "sw/model/error_kinds.h"
#include "sw/model/file_bytes.h"
#include "sw/model/flat_table.h"
#include "sw/model/limits.h"
#include "sw/model/operators/rules.h"
#include "sw/model/rewrite/custom_shapes.h"
#include "sw/model/rewrite/fold_integers.h"
#include "sw/model/rewrite/raw_graph.h"
#include "sw/model/rewrite/states.h"
#include "sw/model/rewrite/uint8.h"
#include "sw/model/tflite_schema.h"

namespace npugen {
namespace {

constexpr size_t kSmallestFile = 8;  // root offset, identifier
constexpr uint64_t kLargestFile = std::numeric_limits<int32_t>::max();
constexpr uint32_t kMostDimensions = 8;
constexpr uint64_t kBytesPerEntry = 32;  // what a tensor or operator costs at least, for Charge
constexpr size_t kMostTfliteDiagnostics = 20000;  // before those of a kind become one
constexpr char kExternalData[] = "has its data outside of the model's tables";

struct ZeroPointRange {
  int64_t least;
  int64_t most;
};
// Types that may be quantized.
std::optional<ZeroPointRange> ZeroPoints(TensorType type) {
  switch (type) {
    case TensorType::kInt8:
    case TensorType::kInt4:
      return ZeroPointRange{-128, 127};
    case TensorType::kUint8:
      return ZeroPointRange{0, 255};
    case TensorType::kInt16:
      return ZeroPointRange{-32768, 32767};
    case TensorType::kInt32:
      return ZeroPointRange{INT32_MIN, INT32_MAX};
    default:
      return std::nullopt;
  }
}

// Two values a byte, the first one in the low half, sign extended.
std::vector<uint8_t> Unpack4Bits(std::span<const uint8_t> packed, size_t count) {
  std::vector<uint8_t> values(count);
  for (size_t i = 0; i < count; ++i) {
    const int32_t half = packed[i / 2] >> (i % 2 * 4) & 15;
    values[i] = static_cast<uint8_t>(half >= 8 ? half - 16 : half);
  }
  return values;
}

TensorType ToTensorType(int32_t type) {
  switch (type) {
    case tflite::kFloat32:
      return TensorType::kFloat32;
    case tflite::kInt32:
      return TensorType::kInt32;
    case tflite::kUint8:
      return TensorType::kUint8;
    case tflite::kInt64:
      return TensorType::kInt64;
    case tflite::kBool:
      return TensorType::kBool;
    case tflite::kInt16:
      return TensorType::kInt16;
    case tflite::kInt8:
      return TensorType::kInt8;
    case tflite::kInt4:
      return TensorType::kInt4;
    default:
      return TensorType::kOther;
  }
}

Diagnostic MakeError(DiagnosticCode code, std::string file, std::string message, std::string hint) {
  Diagnostic error;
  error.code = code;
  error.location.file = std::move(file);
  error.message = std::move(message);
  error.hint = std::move(hint);
  return error;
}

class TfliteReader {
 public:
  TfliteReader(std::span<const uint8_t> bytes, const std::string& name) : file_(bytes) {
    model_.name = name;
  }

  /// Every operator with what is refused of it.
  Result<TfliteSurvey> Survey() {
    if (!CheckHeader() || !ReadStructure() || !CheckMaker() || !CheckGraph()) {
      if (diagnostics_.empty()) Report(DiagnosticCode::kModelDamaged, file_.failure());
      return std::move(diagnostics_);
    }
    most_diagnostics_ = std::numeric_limits<size_t>::max();
    TfliteSurvey survey;
    for (const RawOperator& op : operators_) survey.operators.push_back(Surveyed(op));
    Rewrite();
    for (const RawOperator& op : operators_) {
      if (static_cast<size_t>(op.index) >= survey.operators.size()) continue;  // added
      survey.operators[op.index].folded = false;
    }
    if (!file_.ok()) {
      return MakeError(DiagnosticCode::kModelDamaged, model_.name, file_.failure(), "");
    }
    CheckOperators();
    const size_t count = survey.operators.size();
    for (Diagnostic& error : diagnostics_) {
      const int32_t place = OperatorOfMessage(error);
      const bool known = place >= 0 && static_cast<size_t>(place) < count;
      (known ? survey.operators[place].refusals : survey.others).push_back(std::move(error));
    }
    // Only operators of which nothing is refused.
    std::erase_if(model_.operators, [&](const Operator& op) {
      return static_cast<size_t>(op.index) < count && !survey.operators[op.index].refusals.empty();
    });
    survey.model = std::move(model_);
    return survey;
  }

  Result<Model> Run() {
    if (CheckHeader() && ReadStructure() && CheckMaker() && CheckGraph() && Rewrite()) {
      CheckOperators();
    }
    if (!file_.ok() && diagnostics_.empty()) {
      Report(DiagnosticCode::kModelDamaged, file_.failure(),
             "the file may be cut off: copy it again");
    }
    diagnostics_ = JoinAlike(std::move(diagnostics_));
    if (unreported_ > 0) {
      diagnostics_.push_back(MakeError(diagnostics_.back().code, model_.name,
                                       fmt::format("{} more errors", unreported_), ""));
    }
    if (!diagnostics_.empty()) return std::move(diagnostics_);
    return std::move(model_);
  }

 private:
  bool Report(DiagnosticCode code, std::string message, std::string hint = "") {
    if (diagnostics_.size() < most_diagnostics_) {
      diagnostics_.push_back(MakeError(code, model_.name, std::move(message), std::move(hint)));
    } else {
      ++unreported_;
    }
    return false;
  }

  bool CheckHeader() {
    const std::string hint = "a .tflite file has \"TFL3\" in its bytes 4 to 7";
    if (file_.size() < kSmallestFile) {
      return Report(DiagnosticCode::kModelNotTflite,
                    fmt::format("the file has only {} bytes", file_.size()), hint);
    }
    if (file_.size() > kLargestFile) {
      return Report(DiagnosticCode::kModelTooLarge,
                    fmt::format("the file has {} bytes", file_.size()),
                    "at most 2 GiB can be addressed");
    }
    const std::span<const uint8_t> identifier = file_.Bytes(4, 4, "the file identifier");
    if (std::memcmp(identifier.data(), tflite::kFileIdentifier, 4) != 0) {
      return Report(DiagnosticCode::kModelNotTflite, "the file identifier is missing", hint);
    }
    return true;
  }

  bool ReadStructure() {
    const FlatTable root = file_.Root();
    const auto version =
        root.Scalar<uint32_t>(tflite::ModelField::kVersion, 0, "the schema version");
    if (!file_.ok()) return false;
    if (version != tflite::kSchemaVersion) {
      return Report(DiagnosticCode::kModelNotTflite, fmt::format("schema version {}", version),
                    "only version 3 is known");
    }
    const FlatVector subgraphs =
        root.Vector(tflite::ModelField::kSubgraphs, 4, "the list of subgraphs");
    operator_codes_ =
        root.Vector(tflite::ModelField::kOperatorCodes, 4, "the list of operator codes");
    buffers_ = root.Vector(tflite::ModelField::kBuffers, 4, "the list of buffers");
    if (!file_.ok()) return false;
    if (subgraphs.count() == 0) return ReportSubgraphs(0);
    const FlatTable graph = subgraphs.TableAt(0, "the subgraph");
    const FlatVector tensors =
        graph.Vector(tflite::SubgraphField::kTensors, 4, "the list of tensors");
    const FlatVector operators =
        graph.Vector(tflite::SubgraphField::kOperators, 4, "the list of operators");
    model_.inputs = Integers(graph, tflite::SubgraphField::kInputs, "the list of model inputs");
    model_.outputs = Integers(graph, tflite::SubgraphField::kOutputs, "the list of model outputs");
    if (!file_.ok()) return false;
    if (operators.count() == 0 || model_.inputs.empty() || model_.outputs.empty()) {
      return Report(DiagnosticCode::kModelEmpty,
                    fmt::format("the model has {} operators, {} inputs, {} outputs",
                                operators.count(), model_.inputs.size(), model_.outputs.size()));
    }
    for (uint32_t i = 0; i < operators.count() && file_.ok(); ++i) {
      if (ReadOperator(operators, i)) operators_.push_back(std::move(operator_));
    }
    if (!file_.ok() || !ReadOnce(subgraphs, tensors.count())) return false;
    used_.assign(tensors.count() + once_tensors_.count(), false);
    MarkUsed(model_.inputs);
    MarkUsed(model_.outputs);
    for (const RawOperator& op : operators_) {
      MarkUsed(op.inputs);
      MarkUsed(op.outputs);
    }
    variables_.assign(used_.size(), false);
    for (uint32_t i = 0; i < tensors.count() && file_.ok(); ++i) ReadTensor(tensors, i, i);
    for (uint32_t i = 0; i < once_tensors_.count() && file_.ok(); ++i) {
      ReadTensor(once_tensors_, i, tensors.count() + i);
    }
    return file_.ok();
  }

  bool ReportSubgraphs(uint32_t count) {
    return Report(
        DiagnosticCode::kModelSubgraphs, fmt::format("the model has {} subgraphs", count),
        "control flow and several signatures are not supported; a subgraph that CALL_ONCE "
        "runs may set variables");
  }

  // The second subgraph, if it is what CALL_ONCE runs: its operators come first, and its tensors
  // are numbered from `base` on.
  bool ReadOnce(const FlatVector& subgraphs, uint32_t base) {
    if (subgraphs.count() == 1) return true;
    const auto calls = std::count_if(operators_.begin(), operators_.end(), [](const auto& op) {
      return op.name == "CALL_ONCE" &&
             op.options.template Scalar<int32_t>(tflite::CallOnceField::kSubgraph, 0,
                                                 "a subgraph's number") == 1;
    });
    if (subgraphs.count() != 2 || calls != 1) return ReportSubgraphs(subgraphs.count());
    const FlatTable graph = subgraphs.TableAt(1, "the second subgraph");
    const FlatVector operators =
        graph.Vector(tflite::SubgraphField::kOperators, 4, "the second list of operators");
    once_tensors_ = graph.Vector(tflite::SubgraphField::kTensors, 4, "the second list of tensors");
    if (!Integers(graph, tflite::SubgraphField::kInputs, "a subgraph's inputs").empty()) {
      return ReportSubgraphs(subgraphs.count());
    }
    std::vector<RawOperator> once;
    for (uint32_t i = 0; i < operators.count() && file_.ok(); ++i) {
      if (!ReadOperator(operators, i)) break;
      operator_.once = true;
      for (std::vector<int32_t>* operands : {&operator_.inputs, &operator_.outputs}) {
        for (int32_t& tensor : *operands) {
          if (tensor < 0) continue;
          // Beyond the end stays beyond the end.
          const int64_t number = int64_t{base} + tensor;
          tensor =
              static_cast<int32_t>(std::min<int64_t>(number, std::numeric_limits<int32_t>::max()));
        }
      }
      once.push_back(std::move(operator_));
    }
    operators_.insert(operators_.begin(), std::make_move_iterator(once.begin()),
                      std::make_move_iterator(once.end()));
    return file_.ok();
  }

  void MarkUsed(const std::vector<int32_t>& tensors) {
    for (int32_t tensor : tensors) {
      if (tensor >= 0 && static_cast<size_t>(tensor) < used_.size()) used_[tensor] = true;
    }
  }

  std::vector<int32_t> Integers(const FlatTable& table, int field, const char* what) {
    const FlatVector vector = table.Vector(field, 4, what);
    if (!file_.Charge(uint64_t{vector.count()} * 4, what)) return {};
    std::vector<int32_t> values(vector.count());
    for (uint32_t i = 0; i < vector.count(); ++i) values[i] = vector.At<int32_t>(i);
    return values;
  }

  // To operator_; false: it cannot be read.
  bool ReadOperator(const FlatVector& operators, uint32_t index) {
    const std::string what = fmt::format("operator {}", index);
    if (!file_.Charge(kBytesPerEntry, what)) return false;
    const FlatTable table = operators.TableAt(index, what);
    RawOperator op;
    op.index = static_cast<int32_t>(index);
    const auto code_index = table.Scalar<uint32_t>(tflite::OperatorField::kOpcodeIndex, 0, what);
    if (file_.ok() && code_index >= operator_codes_.count()) {
      file_.Fail(fmt::format("{} has kind {}, but the file lists only {} kinds", what, code_index,
                             operator_codes_.count()));
      return false;
    }
    const FlatTable code = operator_codes_.TableAt(code_index, what + "'s kind");
    // Codes from 128 on stand in a later field only, older files have the earlier field only.
    op.code = std::max<int32_t>(
        code.Scalar<int8_t>(tflite::OperatorCodeField::kDeprecatedBuiltinCode, 0, what),
        code.Scalar<int32_t>(tflite::OperatorCodeField::kBuiltinCode, 0, what));
    op.name = tflite::BuiltinOperatorName(op.code);
    if (op.code == tflite::kOpCustom) {
      op.custom_name = PrintableName(
          std::string(code.String(tflite::OperatorCodeField::kCustomCode, what + "'s custom name")
                          .substr(0, 100)));
    }
    if (const OperatorRow* row = FindBuiltin(op.custom_name);
        row != nullptr && std::string_view(row->family) == "custom") {
      op.name = op.custom_name;
      const std::span<const uint8_t> bytes =
          table.Vector(tflite::OperatorField::kCustomOptions, 1, what + "'s options").Bytes();
      if (!file_.Charge(bytes.size(), what)) return false;
      op.custom.assign(bytes.begin(), bytes.end());
    }
    op.inputs = Integers(table, tflite::OperatorField::kInputs, "an operator's inputs");
    op.outputs = Integers(table, tflite::OperatorField::kOutputs, "an operator's outputs");
    op.options_type = table.Scalar<uint8_t>(tflite::OperatorField::kBuiltinOptionsType, 0, what);
    if (FindBuiltin(op.name) != nullptr || FoldsIntegers(op.name) || op.name == "CALL_ONCE" ||
        op.name == "VAR_HANDLE") {
      op.options = table.Table(tflite::OperatorField::kBuiltinOptions, what + "'s options");
    }
    operator_ = std::move(op);
    return true;
  }

  // Tensor `position` of a list gets number `index`.
  void ReadTensor(const FlatVector& tensors, uint32_t position, uint32_t index) {
    const std::string what = fmt::format("tensor {}", index);
    if (!file_.Charge(kBytesPerEntry, what)) return;
    const FlatTable table = tensors.TableAt(position, what);
    Tensor tensor;
    const std::string_view name = table.String(tflite::TensorField::kName, what + "'s name");
    if (!file_.Charge(name.size(), what)) return;
    tensor.name = name;
    tensor.type = ToTensorType(table.Scalar<int8_t>(tflite::TensorField::kType, 0, what));
    model_.tensors.push_back(std::move(tensor));
    problems_.emplace_back();
    if (used_[index]) FillTensor(table, index);
  }

  // Shape, quantization and data. What is wrong with them stands in problems_: it matters only for
  // tensors of supported operators.
  void FillTensor(const FlatTable& table, uint32_t index) {
    Tensor& tensor = model_.tensors[index];
    const FlatVector shape = table.Vector(tflite::TensorField::kShape, 4, "a tensor's shape");
    if (shape.count() > kMostDimensions) {
      problems_[index] =
          fmt::format("has {} dimensions, more than {}", shape.count(), kMostDimensions);
      return;
    }
    int64_t elements = 1;
    for (uint32_t i = 0; i < shape.count(); ++i) {
      const auto dimension = shape.At<int32_t>(i);
      if (dimension <= 0) {
        problems_[index] = fmt::format("has dimension {} of size {}", i, dimension);
        tensor.shape.clear();
        return;
      }
      tensor.shape.push_back(dimension);
      elements = std::min(elements * dimension, kMostElements + 1);
    }
    if (elements > kMostElements) {
      problems_[index] = "has 2^31 elements or more";
      tensor.shape.clear();
      return;
    }
    variables_[index] =
        table.Scalar<uint8_t>(tflite::TensorField::kIsVariable, 0, "a tensor's flag") != 0;
    if (table.Has(tflite::TensorField::kSparsity)) {
      problems_[index] = "is stored in sparse form";
      return;
    }
    FillData(table.Scalar<uint32_t>(tflite::TensorField::kBuffer, 0, "a tensor's buffer"), index,
             elements);
    FillQuantization(table.Table(tflite::TensorField::kQuantization, "a tensor's quantization"),
                     index);
  }

  void FillQuantization(const FlatTable& table, uint32_t index) {
    Tensor& tensor = model_.tensors[index];
    const FlatVector scales =
        table.Vector(tflite::QuantizationField::kScale, 4, "a list of scales");
    const FlatVector zero_points =
        table.Vector(tflite::QuantizationField::kZeroPoint, 8, "a list of zero points");
    tensor.quantized_dimension = table.Scalar<int32_t>(
        tflite::QuantizationField::kQuantizedDimension, 0, "a quantized dimension");
    if (table.Scalar<uint8_t>(tflite::QuantizationField::kDetailsType, 0, "a quantization") != 0) {
      problems_[index] = "has a custom quantization";
      return;
    }
    const std::optional<ZeroPointRange> range = ZeroPoints(tensor.type);
    // Scales of biases, axes and the like have no effect.
    if (!range || (tensor.type == TensorType::kInt32 && tensor.is_constant)) return;
    if (!file_.Charge(uint64_t{scales.count()} * 8, "a list of scales")) return;
    for (uint32_t i = 0; i < scales.count(); ++i) {
      const auto scale = scales.At<float>(i);
      if (!std::isfinite(scale) || !(scale > 0.0f)) {
        problems_[index] = fmt::format("has scale {} at position {}", scale, i);
        break;
      }
      tensor.scales.push_back(scale);
    }
    if (zero_points.count() > 1 && zero_points.count() != scales.count()) {
      problems_[index] =
          fmt::format("has {} scales but {} zero points", scales.count(), zero_points.count());
    }
    for (uint32_t i = 0; problems_[index].empty() && i < scales.count(); ++i) {
      const auto zero_point = zero_points.At<int64_t>(zero_points.count() > 1 ? i : 0);
      if (zero_point < range->least || zero_point > range->most) {
        problems_[index] = fmt::format("has zero point {} at position {}, outside of {} to {}",
                                       zero_point, i, range->least, range->most);
      }
      tensor.zero_points.push_back(static_cast<int32_t>(zero_point));
    }
    if (!problems_[index].empty()) {
      tensor.scales.clear();
      tensor.zero_points.clear();
    }
  }

  void FillData(uint32_t buffer_index, uint32_t index, int64_t elements) {
    Tensor& tensor = model_.tensors[index];
    if (buffer_index == 0) return;
    if (buffer_index >= buffers_.count()) {
      SetProblem(index, fmt::format("has its data in buffer {}, but there are only {} buffers",
                                    buffer_index, buffers_.count()));
      return;
    }
    const FlatTable buffer = buffers_.TableAt(buffer_index, "a buffer");
    // Values 0 and 1 mean "not used".
    if (buffer.Scalar<uint64_t>(tflite::BufferField::kOffset, 0, "a buffer's offset") > 1 ||
        buffer.Scalar<uint64_t>(tflite::BufferField::kSize, 0, "a buffer's size") > 1) {
      SetProblem(index, kExternalData);
      return;
    }
    const std::span<const uint8_t> data =
        buffer.Vector(tflite::BufferField::kData, 1, "a buffer's data").Bytes();
    if (data.empty()) return;
    tensor.is_constant = true;
    if (tensor.type == TensorType::kOther) return;  // refused later
    const bool packed = tensor.type == TensorType::kInt4;
    const int64_t needed =
        packed ? (elements + 1) / 2 : elements * static_cast<int64_t>(ElementBytes(tensor.type));
    if (data.size() != static_cast<uint64_t>(needed)) {
      SetProblem(index, fmt::format("needs {} bytes of data but has {}", needed, data.size()));
      return;
    }
    if (!file_.Charge(packed ? elements : data.size(), "the constants")) return;
    if (packed) {
      tensor.data = Unpack4Bits(data, elements);
    } else {
      tensor.data.assign(data.begin(), data.end());
    }
  }

  void SetProblem(uint32_t index, std::string problem) {
    if (problems_[index].empty()) problems_[index] = std::move(problem);
  }

  std::string OperatorText(size_t index) const {
    const RawOperator& op = operators_[index];
    return op.code == tflite::kOpCustom
               ? fmt::format("operator {} CUSTOM \"{}\"", op.index, op.custom_name)
               : fmt::format("operator {} {}", op.index, op.name);
  }

  bool IsTensor(int32_t tensor) const {
    return tensor >= 0 && static_cast<size_t>(tensor) < model_.tensors.size();
  }

  // Every tensor number exists, has one source, and that source comes before its use.
  bool CheckGraph() {
    const size_t count = model_.tensors.size();
    std::vector<bool> available(count, false);
    for (size_t i = 0; i < count; ++i) {
      available[i] = model_.tensors[i].is_constant || variables_[i];
    }
    for (int32_t input : model_.inputs) {
      if (!IsTensor(input)) {
        return Report(DiagnosticCode::kModelGraph,
                      fmt::format("model input {} does not exist ({} tensors)", input, count));
      }
      if (available[input]) {
        return Report(DiagnosticCode::kModelGraph,
                      fmt::format("model input {} is a constant or listed twice", Text(input)));
      }
      available[input] = true;
    }
    for (size_t i = 0; i < operators_.size(); ++i) {
      for (int32_t input : operators_[i].inputs) {
        if (input == -1) continue;
        if (!IsTensor(input)) {
          return Report(DiagnosticCode::kModelGraph,
                        fmt::format("{} reads tensor {}, which does not exist ({} tensors)",
                                    OperatorText(i), input, count));
        }
        // A missing constant's data is reported with the tensor.
        if (!available[input] && problems_[input].empty()) {
          return Report(DiagnosticCode::kModelGraph,
                        fmt::format("{} reads {} before anything has produced it", OperatorText(i),
                                    Text(input)));
        }
      }
      for (int32_t output : operators_[i].outputs) {
        if (output == -1) continue;
        if (!IsTensor(output)) {
          return Report(DiagnosticCode::kModelGraph,
                        fmt::format("{} writes tensor {}, which does not exist ({} tensors)",
                                    OperatorText(i), output, count));
        }
        if (available[output]) {
          return Report(DiagnosticCode::kModelGraph,
                        fmt::format("{} writes {}, which already has a value", OperatorText(i),
                                    Text(output)));
        }
        available[output] = true;
      }
    }
    std::vector<bool> is_output(count, false);
    for (int32_t output : model_.outputs) {
      if (!IsTensor(output)) {
        return Report(DiagnosticCode::kModelGraph,
                      fmt::format("model output {} does not exist ({} tensors)", output, count));
      }
      if (!available[output] || model_.tensors[output].is_constant || is_output[output] ||
          std::find(model_.inputs.begin(), model_.inputs.end(), output) != model_.inputs.end()) {
        return Report(
            DiagnosticCode::kModelGraph,
            fmt::format("model output {} is not the result of an operator, or listed twice",
                        Text(output)));
      }
      is_output[output] = true;
    }
    return true;
  }

  // Files that are already programs of another NPU: one custom operator is the whole network.
  bool CheckMaker() {
    constexpr std::pair<const char*, const char*> kMakers[] = {
        {"ethos-u", "Arm's Vela, for Ethos-U"},
        {"edgetpu-custom-op", "the Edge TPU compiler"},
        {"edgetpu-custom-op-2", "the Edge TPU compiler"},
        {"XC_", "XMOS's xformer, for xcore.ai"},
        {"NeutronGraph", "NXP's Neutron converter"},
        {"neutron", "NXP's Neutron converter"},
        {"SIGNAL_NPU", "Silicon Labs' compiler"},
        {"vx_delegate", "VeriSilicon's compiler"},
        {"akida", "BrainChip's compiler"}};
    for (const RawOperator& op : operators_) {
      if (op.code != tflite::kOpCustom) continue;
      for (const auto& [prefix, maker] : kMakers) {
        if (!op.custom_name.starts_with(prefix)) continue;
        return Report(DiagnosticCode::kOperatorNotSupported,
                      fmt::format("this file is already compiled by {} (operator {} is CUSTOM "
                                  "\"{}\")",
                                  maker, op.index, op.custom_name),
                      "give the quantized .tflite file from before that step");
      }
    }
    return true;
  }

  // What converters write in a roundabout way, and what is another form of what is supported.
  bool Rewrite() {
    const RawGraph graph{model_, operators_, problems_};
    FoldIntegers(graph);
    CompleteCustomShapes(graph);
    if (!file_.ok()) return false;
    const std::vector<RawOperator> before = operators_;
    for (const auto& [position, reason] : ResolveStates(graph, variables_)) {
      Report(
          DiagnosticCode::kOperatorOperands,
          fmt::format("operator {} {} {}", before[position].index, before[position].name, reason));
    }
    if (!file_.ok() || !diagnostics_.empty()) return false;
    // A survey wants to know what can be said of the other operators.
    const bool all = most_diagnostics_ > kMostTfliteDiagnostics;
    std::vector<std::string> names;
    for (size_t i = 0; i < operators_.size(); ++i) names.push_back(OperatorText(i));
    for (const auto& [position, reason] : ConvertUint8(graph, all)) {
      Report(DiagnosticCode::kOperatorType, fmt::format("{}: {}", names[position], reason));
    }
    for (Model::State& state : model_.states) {
      if (model_.tensors[state.read].type == model_.tensors[state.written].type) continue;
      Report(DiagnosticCode::kOperatorType, fmt::format("{} and {}, the next run's, differ in type",
                                                        Text(state.read), Text(state.written)));
    }
    return diagnostics_.empty();
  }

  std::string Text(int32_t tensor) const { return DescribeTensor(model_, tensor); }

  // Reports what is wrong with a tensor, once; true if nothing is.
  bool CheckTensor(int32_t tensor) {
    if (problems_[tensor].empty()) return true;
    if (!reported_[tensor]) {
      reported_[tensor] = true;
      const bool external = problems_[tensor] == kExternalData;
      Report(external ? DiagnosticCode::kModelExternalBuffer : DiagnosticCode::kModelTensor,
             fmt::format("{} {}", Text(tensor), problems_[tensor]),
             external ? "convert the model with its weights in the file (below 2 GB)" : "");
    }
    return false;
  }

  void CheckOperators() {
    reported_.assign(model_.tensors.size(), false);
    for (const std::vector<int32_t>* ends : {&model_.inputs, &model_.outputs}) {
      const char* role = ends == &model_.inputs ? "input" : "output";
      for (int32_t tensor : *ends) {
        if (!CheckTensor(tensor)) continue;
        CheckEnd(role, tensor);
      }
    }
    const std::vector<bool> in_float = CheckFloat();
    for (size_t i = 0; i < operators_.size(); ++i) {
      if (!in_float[i]) CheckOneOperator(i);
    }
  }

  /// Multiply-accumulates of a layer that multiplies each row of its input by all of these weights.
  int64_t RecurrentMacs(const RawOperator& raw, size_t first, size_t last) const {
    const Tensor& input = model_.tensors[raw.inputs[0]];
    int64_t weights = 0;
    for (size_t i = first; i <= last && i < raw.inputs.size(); ++i) {
      if (raw.inputs[i] >= 0) weights += model_.tensors[raw.inputs[i]].elements();
    }
    const bool has_rows = !input.shape.empty() && input.shape.back() > 0;
    return has_rows ? input.elements() / input.shape.back() * weights : 0;
  }

  SurveyedOperator Surveyed(const RawOperator& raw) const {
    SurveyedOperator op;
    op.index = raw.index;
    op.name = raw.code == tflite::kOpCustom ? "CUSTOM " + raw.custom_name : raw.name;
    op.folded = true;  // until it is found behind the rewrites
    if (raw.outputs.empty() || raw.outputs[0] < 0) return op;
    const Tensor& output = model_.tensors[raw.outputs[0]];
    op.shape = output.shape;
    if (raw.inputs.size() < 2 || raw.inputs[0] < 0) return op;
    // Four gates: weights of the data (the first ones may be absent) and of the last results.
    constexpr size_t kFirstGate = 1, kLastGate = 8;
    if (raw.name == "UNIDIRECTIONAL_SEQUENCE_LSTM") {
      op.macs = static_cast<uint64_t>(RecurrentMacs(raw, kFirstGate, kLastGate));
    } else if (raw.name == "SVDF") {
      op.macs = static_cast<uint64_t>(RecurrentMacs(raw, 1, 2));
    }
    if (raw.inputs[1] < 0 || op.macs > 0) return op;
    const Tensor& input = model_.tensors[raw.inputs[0]];
    const Tensor& filter = model_.tensors[raw.inputs[1]];
    const auto per = [](const Tensor& tensor, size_t dimension) {
      return dimension < tensor.shape.size() && tensor.shape[dimension] > 0
                 ? tensor.elements() / tensor.shape[dimension]
                 : 0;
    };
    int64_t macs = 0;
    if (raw.name == "CONV_2D" || raw.name == "FULLY_CONNECTED") {
      macs = output.elements() * per(filter, 0);
    } else if (raw.name == "DEPTHWISE_CONV_2D") {
      macs = output.elements() * per(filter, 3);
    } else if (raw.name == "TRANSPOSE_CONV" && raw.inputs.size() > 2 && raw.inputs[2] >= 0) {
      macs = model_.tensors[raw.inputs[2]].elements() * per(filter, 3);
    } else if (raw.name == "BATCH_MATMUL" && !input.shape.empty()) {
      macs = output.elements() * input.shape.back();
    }
    op.macs = static_cast<uint64_t>(macs);
    return op;
  }

  // One error for all operators that compute in float32, by operator.
  std::vector<bool> CheckFloat() {
    std::vector<bool> in_float(operators_.size(), false);
    std::map<std::string, size_t> kinds;
    bool weights_only = false;  // some of them have int8 weights
    bool all_plain = true;      // the host can do all of them
    for (size_t i = 0; i < operators_.size(); ++i) {
      const RawOperator& raw = operators_[i];
      const std::string& name = raw.name;
      if (raw.code == tflite::kOpCustom || name == "QUANTIZE" || name == "DEQUANTIZE") continue;
      const auto is_float = [&](int32_t tensor) {
        return tensor >= 0 && model_.tensors[tensor].type == TensorType::kFloat32;
      };
      if (!std::any_of(raw.outputs.begin(), raw.outputs.end(), is_float) ||
          !std::any_of(raw.inputs.begin(), raw.inputs.end(), is_float)) {
        continue;
      }
      in_float[i] = true;
      ++kinds[name];
      const OperatorRow* row = FindBuiltin(name);
      all_plain &= row != nullptr && (row->rules->plain || row->only_host);
      for (int32_t input : raw.inputs) {
        weights_only |= input >= 0 && model_.tensors[input].type == TensorType::kInt8;
      }
    }
    if (kinds.empty()) return in_float;
    if (all_plain) return std::vector<bool>(operators_.size(), false);
    for (size_t i = 0; most_diagnostics_ > kMostTfliteDiagnostics && i < in_float.size(); ++i) {
      if (!in_float[i]) continue;
      Report(DiagnosticCode::kOperatorType, OperatorText(i) + " computes in FLOAT32",
             "full integer quantization");
    }
    std::string list;
    size_t count = 0;
    for (const auto& [name, times] : kinds) {
      count += times;
      list += fmt::format("{}{} {}", list.empty() ? "" : ", ", times, name);
    }
    Report(DiagnosticCode::kOperatorType,
           fmt::format("{} of {} operators compute in FLOAT32: {}", count, operators_.size(), list),
           fmt::format("{}convert with a representative_dataset and supported_ops = "
                       "[TFLITE_BUILTINS_INT8] (full integer quantization); inputs and outputs may "
                       "stay FLOAT32",
                       weights_only ? "only the weights are int8 (dynamic range): " : ""));
    return in_float;
  }

  // Inputs and outputs of the model are quantized integers, or float32, which the host converts;
  // int32 and int64 may be indices as well, and uint8 may be what CAST takes.
  void CheckEnd(const char* role, int32_t tensor) {
    const Tensor& t = model_.tensors[tensor];
    if (t.type == TensorType::kFloat32 || t.type == TensorType::kInt64) return;
    if (!ZeroPoints(t.type) || t.type == TensorType::kInt4) {
      Report(DiagnosticCode::kModelTensor,
             fmt::format("model {} {} is not FLOAT32, INT8, UINT8, INT16, INT32 or INT64", role,
                         Text(tensor)),
             "quantize the whole network to int8");
    } else if (t.scales.size() != 1 && !(t.scales.empty() && (t.type == TensorType::kInt32 ||
                                                              t.type == TensorType::kUint8))) {
      Report(DiagnosticCode::kModelTensor, fmt::format("model {} {} has {} scales, not one", role,
                                                       Text(tensor), t.scales.size()));
    }
  }

  void CheckOneOperator(size_t index) {
    const RawOperator& raw = operators_[index];
    const std::string& name = raw.name;
    const OperatorRow* row = FindBuiltin(name);
    if (row == nullptr) {
      Report(DiagnosticCode::kOperatorNotSupported, OperatorText(index) + " is not supported",
             "docs/operators.md lists the supported operators");
      return;
    }
    bool usable = true;
    for (const std::vector<int32_t>* operands : {&raw.inputs, &raw.outputs}) {
      for (int32_t tensor : *operands) usable &= tensor < 0 || CheckTensor(tensor);
    }
    Operator op;
    op.type = row->type;
    op.index = raw.index;
    op.from_uint8 = raw.from_uint8;
    op.inputs = raw.inputs;
    op.outputs = raw.outputs;
    op.name = name;
    FileForm form;
    OptionReader options(raw.options, raw.options_type, op, form, &raw.custom);
    row->rules->read(options);
    for (const std::string& reason : options.refusals()) {
      Report(DiagnosticCode::kOperatorOptions, fmt::format("{}: {}", OperatorText(index), reason));
    }
    if (!options.refusals().empty() || !usable || !file_.ok()) return;
    Diagnostics refused = CheckOperator(model_, op, form);
    for (Diagnostic& diagnostic : refused) {
      Report(diagnostic.code, std::move(diagnostic.message), std::move(diagnostic.hint));
    }
    model_.operators.push_back(std::move(op));
  }

  FlatFile file_;
  FlatVector operator_codes_;
  FlatVector buffers_;
  std::vector<RawOperator> operators_;
  RawOperator operator_;               // what ReadOperator() has read
  FlatVector once_tensors_;            // of the second subgraph
  std::vector<bool> variables_;        // by tensor: the file calls it a variable
  std::vector<bool> used_;             // by tensor: an operator, input or output refers to it
  std::vector<std::string> problems_;  // by tensor: why it cannot be used, or empty
  std::vector<bool> reported_;         // by tensor: problem already in diagnostics_
  Model model_;
  Diagnostics diagnostics_;
  size_t most_diagnostics_ = kMostTfliteDiagnostics;
  size_t unreported_ = 0;
};

}  // namespace

Result<Model> ReadTflite(std::span<const uint8_t> bytes, const std::string& name) {
  return TfliteReader(bytes, name).Run();
}

Result<TfliteSurvey> SurveyTflite(std::span<const uint8_t> bytes, const std::string& name) {
  return TfliteReader(bytes, name).Survey();
}

Result<Model> LoadTflite(const std::string& path) {
  const Result<std::vector<uint8_t>> bytes = ReadModelFile(path);
  if (!bytes.ok()) return bytes.errors();
  return ReadTflite(*bytes, std::filesystem::path(path).filename().string());
}

}  // namespace npugen

// SPDX-License-Identifier: Apache-2.0
// From the file's tables to a Model: parse tensors, check the graph, check every operator.
#include "sw/model/tflite_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <limits>
#include <optional>

#include "sw/model/file_bytes.h"
#include "sw/model/flat_table.h"
#include "sw/model/operator_checks.h"
#include "sw/model/tflite_schema.h"

namespace npugen {
namespace {

constexpr size_t kSmallestFile = 8;  // root offset, identifier
constexpr uint64_t kLargestFile = std::numeric_limits<int32_t>::max();
constexpr uint32_t kMostDimensions = 8;
constexpr int64_t kMostElements = std::numeric_limits<int32_t>::max();
constexpr uint64_t kBytesPerEntry = 32;  // what a tensor or operator costs at least, for Charge
constexpr size_t kMostDiagnostics = 200;
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

// An operator as it stands in the file.
struct RawOperator {
  int32_t code = 0;  // BuiltinOperator
  std::string custom_name;
  std::vector<int32_t> inputs;
  std::vector<int32_t> outputs;
  uint8_t options_type = tflite::kOptionsNone;
  FlatTable options;
};

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

std::optional<OperatorType> ToOperatorType(int32_t code) {
  switch (code) {
    case tflite::kOpConv2d:
      return OperatorType::kConv2d;
    case tflite::kOpDepthwiseConv2d:
      return OperatorType::kDepthwiseConv2d;
    case tflite::kOpFullyConnected:
      return OperatorType::kFullyConnected;
    case tflite::kOpTransposeConv:
      return OperatorType::kTransposeConv;
    case tflite::kOpBatchMatMul:
      return OperatorType::kBatchMatMul;
    case tflite::kOpAdd:
      return OperatorType::kAdd;
    case tflite::kOpSub:
      return OperatorType::kSub;
    case tflite::kOpMul:
      return OperatorType::kMul;
    case tflite::kOpMaximum:
      return OperatorType::kMaximum;
    case tflite::kOpMinimum:
      return OperatorType::kMinimum;
    case tflite::kOpSquaredDifference:
      return OperatorType::kSquaredDifference;
    case tflite::kOpAddN:
      return OperatorType::kAddN;
    case tflite::kOpMaxPool2d:
      return OperatorType::kMaxPool2d;
    case tflite::kOpAveragePool2d:
      return OperatorType::kAveragePool2d;
    case tflite::kOpMean:
      return OperatorType::kMean;
    case tflite::kOpSum:
      return OperatorType::kSum;
    case tflite::kOpReduceMax:
      return OperatorType::kReduceMax;
    case tflite::kOpReduceMin:
      return OperatorType::kReduceMin;
    case tflite::kOpArgMax:
      return OperatorType::kArgMax;
    case tflite::kOpArgMin:
      return OperatorType::kArgMin;
    case tflite::kOpSoftmax:
      return OperatorType::kSoftmax;
    case tflite::kOpLogistic:
      return OperatorType::kLogistic;
    case tflite::kOpTanh:
      return OperatorType::kTanh;
    case tflite::kOpHardSwish:
      return OperatorType::kHardSwish;
    case tflite::kOpElu:
      return OperatorType::kElu;
    case tflite::kOpLeakyRelu:
      return OperatorType::kLeakyRelu;
    case tflite::kOpPrelu:
      return OperatorType::kPrelu;
    case tflite::kOpRelu:
      return OperatorType::kRelu;
    case tflite::kOpRelu6:
      return OperatorType::kRelu6;
    case tflite::kOpAbs:
      return OperatorType::kAbs;
    case tflite::kOpRsqrt:
      return OperatorType::kRsqrt;
    case tflite::kOpQuantize:
      return OperatorType::kQuantize;
    case tflite::kOpConcatenation:
      return OperatorType::kConcatenation;
    case tflite::kOpReshape:
    case tflite::kOpSqueeze:
    case tflite::kOpExpandDims:
      return OperatorType::kReshape;
    case tflite::kOpPad:
    case tflite::kOpPadV2:
      return OperatorType::kPad;
    case tflite::kOpMirrorPad:
      return OperatorType::kMirrorPad;
    case tflite::kOpTranspose:
      return OperatorType::kTranspose;
    case tflite::kOpReverse:
      return OperatorType::kReverse;
    case tflite::kOpSlice:
    case tflite::kOpStridedSlice:
      return OperatorType::kSlice;
    case tflite::kOpSplit:
    case tflite::kOpSplitV:
      return OperatorType::kSplit;
    case tflite::kOpPack:
      return OperatorType::kPack;
    case tflite::kOpUnpack:
      return OperatorType::kUnpack;
    case tflite::kOpSpaceToDepth:
      return OperatorType::kSpaceToDepth;
    case tflite::kOpDepthToSpace:
      return OperatorType::kDepthToSpace;
    case tflite::kOpSpaceToBatch:
      return OperatorType::kSpaceToBatch;
    case tflite::kOpBatchToSpace:
      return OperatorType::kBatchToSpace;
    case tflite::kOpResizeNearestNeighbor:
      return OperatorType::kResizeNearestNeighbor;
    case tflite::kOpResizeBilinear:
      return OperatorType::kResizeBilinear;
    default:
      return std::nullopt;
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

class Reader {
 public:
  Reader(std::span<const uint8_t> bytes, const std::string& name) : file_(bytes) {
    model_.name = name;
  }

  Result<Model> Run() {
    if (CheckHeader() && ReadStructure() && CheckGraph()) CheckOperators();
    if (!file_.ok() && diagnostics_.empty()) {
      Report(DiagnosticCode::kModelDamaged, file_.failure(),
             "the file may be cut off: copy it again");
    }
    if (unreported_ > 0) {
      diagnostics_.push_back(MakeError(diagnostics_.back().code, model_.name,
                                       fmt::format("{} more errors", unreported_), ""));
    }
    if (!diagnostics_.empty()) return std::move(diagnostics_);
    return std::move(model_);
  }

 private:
  bool Report(DiagnosticCode code, std::string message, std::string hint = "") {
    if (diagnostics_.size() < kMostDiagnostics) {
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
    if (subgraphs.count() != 1) {
      return Report(DiagnosticCode::kModelSubgraphs,
                    fmt::format("the model has {} subgraphs", subgraphs.count()),
                    "control flow and several signatures are not supported");
    }
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
    for (uint32_t i = 0; i < operators.count() && file_.ok(); ++i) ReadOperator(operators, i);
    if (!file_.ok()) return false;
    used_.assign(tensors.count(), false);
    MarkUsed(model_.inputs);
    MarkUsed(model_.outputs);
    for (const RawOperator& op : operators_) {
      MarkUsed(op.inputs);
      MarkUsed(op.outputs);
    }
    for (uint32_t i = 0; i < tensors.count() && file_.ok(); ++i) ReadTensor(tensors, i);
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

  void ReadOperator(const FlatVector& operators, uint32_t index) {
    const std::string what = fmt::format("operator {}", index);
    if (!file_.Charge(kBytesPerEntry, what)) return;
    const FlatTable table = operators.TableAt(index, what);
    RawOperator op;
    const auto code_index = table.Scalar<uint32_t>(tflite::OperatorField::kOpcodeIndex, 0, what);
    if (file_.ok() && code_index >= operator_codes_.count()) {
      file_.Fail(fmt::format("{} has kind {}, but the file lists only {} kinds", what, code_index,
                             operator_codes_.count()));
      return;
    }
    const FlatTable code = operator_codes_.TableAt(code_index, what + "'s kind");
    // Codes from 128 on stand in a later field only, older files have the earlier field only.
    op.code = std::max<int32_t>(
        code.Scalar<int8_t>(tflite::OperatorCodeField::kDeprecatedBuiltinCode, 0, what),
        code.Scalar<int32_t>(tflite::OperatorCodeField::kBuiltinCode, 0, what));
    if (op.code == tflite::kOpCustom) {
      op.custom_name = PrintableName(
          std::string(code.String(tflite::OperatorCodeField::kCustomCode, what + "'s custom name")
                          .substr(0, 100)));
    }
    op.inputs = Integers(table, tflite::OperatorField::kInputs, "an operator's inputs");
    op.outputs = Integers(table, tflite::OperatorField::kOutputs, "an operator's outputs");
    op.options_type = table.Scalar<uint8_t>(tflite::OperatorField::kBuiltinOptionsType, 0, what);
    if (ToOperatorType(op.code)) {
      op.options = table.Table(tflite::OperatorField::kBuiltinOptions, what + "'s options");
    }
    operators_.push_back(std::move(op));
  }

  void ReadTensor(const FlatVector& tensors, uint32_t index) {
    const std::string what = fmt::format("tensor {}", index);
    if (!file_.Charge(kBytesPerEntry, what)) return;
    const FlatTable table = tensors.TableAt(index, what);
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
    if (table.Scalar<uint8_t>(tflite::TensorField::kIsVariable, 0, "a tensor's flag") != 0) {
      problems_[index] = "is a variable, which keeps its value between runs";
      return;
    }
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
               ? fmt::format("operator {} CUSTOM \"{}\"", index, op.custom_name)
               : fmt::format("operator {} {}", index, tflite::BuiltinOperatorName(op.code));
  }

  bool IsTensor(int32_t tensor) const {
    return tensor >= 0 && static_cast<size_t>(tensor) < model_.tensors.size();
  }

  // Every tensor number exists, has one source, and that source comes before its use.
  bool CheckGraph() {
    const size_t count = model_.tensors.size();
    std::vector<bool> available(count, false);
    for (size_t i = 0; i < count; ++i) available[i] = model_.tensors[i].is_constant;
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
    for (size_t i = 0; i < operators_.size(); ++i) CheckOneOperator(i);
  }

  // Inputs and outputs of the model are quantized integers; int32 may be indices as well.
  void CheckEnd(const char* role, int32_t tensor) {
    const Tensor& t = model_.tensors[tensor];
    if (!ZeroPoints(t.type) || t.type == TensorType::kInt4) {
      Report(DiagnosticCode::kModelTensor,
             fmt::format("model {} {} is not INT8, UINT8, INT16 or INT32", role, Text(tensor)),
             "quantize the whole network to int8, its inputs and outputs included");
    } else if (t.scales.size() != 1 && !(t.type == TensorType::kInt32 && t.scales.empty())) {
      Report(DiagnosticCode::kModelTensor, fmt::format("model {} {} has {} scales, not one", role,
                                                       Text(tensor), t.scales.size()));
    }
  }

  void CheckOneOperator(size_t index) {
    const RawOperator& raw = operators_[index];
    const std::optional<OperatorType> type = ToOperatorType(raw.code);
    if (!type) {
      Report(DiagnosticCode::kOperatorNotSupported, OperatorText(index) + " is not supported",
             "docs/operators.md lists the supported operators");
      return;
    }
    bool usable = true;
    for (const std::vector<int32_t>* operands : {&raw.inputs, &raw.outputs}) {
      for (int32_t tensor : *operands) usable &= tensor < 0 || CheckTensor(tensor);
    }
    Operator op;
    op.type = *type;
    op.index = static_cast<int32_t>(index);
    op.inputs = raw.inputs;
    op.outputs = raw.outputs;
    op.name = tflite::BuiltinOperatorName(raw.code);
    FileForm form;
    form.code = raw.code;
    if (!ReadOptions(raw, index, op, form) || !usable || !file_.ok()) return;
    Diagnostics refused = CheckOperator(model_, op, form);
    for (Diagnostic& diagnostic : refused) {
      Report(diagnostic.code, std::move(diagnostic.message), std::move(diagnostic.hint));
    }
    model_.operators.push_back(std::move(op));
  }

  bool RefuseOptions(size_t index, const std::string& reason) {
    return Report(DiagnosticCode::kOperatorOptions,
                  fmt::format("{}: {}", OperatorText(index), reason));
  }

  // Fills op.options and `form`; false (and reported) if they are not supported.
  bool ReadOptions(const RawOperator& raw, size_t index, Operator& op, FileForm& form) {
    const FlatTable& table = raw.options;
    const auto expect = [&](uint8_t type, bool required) {
      if (!table.present() && !required) return true;
      if (!table.present()) return RefuseOptions(index, "has no options");
      if (raw.options_type == type) return true;
      return RefuseOptions(index,
                           fmt::format("has options of kind {}, not {}", raw.options_type, type));
    };
    bool good = true;
    const auto number = [&](int field, int32_t default_value) {
      return table.Scalar<int32_t>(field, default_value, "an operator's option");
    };
    const auto activation = [&](int field) {
      const auto value = table.Scalar<int8_t>(field, 0, "an operator's activation");
      if (value < 0 || value > static_cast<int8_t>(Activation::kRelu6)) {
        good = RefuseOptions(index, fmt::format("fused activation {} is not supported", value));
        return Activation::kNone;
      }
      return static_cast<Activation>(value);
    };
    const auto padding = [&](int field) {
      const auto value = table.Scalar<int8_t>(field, 0, "an operator's padding");
      if (value != 0 && value != 1)
        good = RefuseOptions(index, fmt::format("padding {} is unknown", value));
      return value == 0 ? Padding::kSame : Padding::kValid;
    };
    const auto flag = [&](int field) {
      return table.Scalar<uint8_t>(field, 0, "an operator's option") != 0;
    };
    const auto real = [&](int field) {
      return table.Scalar<float>(field, 0.0f, "an operator's option");
    };
    const auto bias_type = [&](int field) {  // type 0 stands for "not given"
      const auto value = table.Scalar<int8_t>(field, 0, "an operator's bias type");
      if (value != 0 && value != tflite::kInt32) {
        good = RefuseOptions(index, fmt::format("accumulates in {}", tflite::TypeName(value)));
      }
    };
    switch (op.type) {
      case OperatorType::kConv2d: {
        using Field = tflite::Conv2dField;
        if (!expect(tflite::kOptionsConv2d, true)) return false;
        bias_type(Field::kBiasType);
        op.options = ConvOptions{.padding = padding(Field::kPadding),
                                 .stride_h = number(Field::kStrideH, 0),
                                 .stride_w = number(Field::kStrideW, 0),
                                 .dilation_h = number(Field::kDilationH, 1),
                                 .dilation_w = number(Field::kDilationW, 1),
                                 .activation = activation(Field::kActivation)};
        return good;
      }
      case OperatorType::kDepthwiseConv2d: {
        using Field = tflite::DepthwiseField;
        if (!expect(tflite::kOptionsDepthwise, true)) return false;
        op.options = ConvOptions{.padding = padding(Field::kPadding),
                                 .stride_h = number(Field::kStrideH, 0),
                                 .stride_w = number(Field::kStrideW, 0),
                                 .dilation_h = number(Field::kDilationH, 1),
                                 .dilation_w = number(Field::kDilationW, 1),
                                 .depth_multiplier = number(Field::kDepthMultiplier, 0),
                                 .activation = activation(Field::kActivation)};
        return good;
      }
      case OperatorType::kFullyConnected: {
        using Field = tflite::FullyConnectedField;
        if (!expect(tflite::kOptionsFullyConnected, false)) return false;
        bias_type(Field::kBiasType);
        if (table.Scalar<int8_t>(Field::kWeightsFormat, 0, "an operator's weights format") != 0) {
          good = RefuseOptions(index, "weights are stored in a shuffled format");
        }
        op.options = FullyConnectedOptions{.activation = activation(Field::kActivation),
                                           .keep_num_dims = flag(Field::kKeepNumDims)};
        return good;
      }
      case OperatorType::kTransposeConv: {
        using Field = tflite::TransposeConvField;
        if (!expect(tflite::kOptionsTransposeConv, true)) return false;
        bias_type(Field::kBiasType);
        op.options = TransposeConvOptions{.padding = padding(Field::kPadding),
                                          .stride_h = number(Field::kStrideH, 0),
                                          .stride_w = number(Field::kStrideW, 0),
                                          .activation = activation(Field::kActivation)};
        return good;
      }
      case OperatorType::kBatchMatMul:
        if (!expect(tflite::kOptionsBatchMatMul, false)) return false;
        op.options = BatchMatMulOptions{.adjoint_x = flag(tflite::BatchMatMulField::kAdjointX),
                                        .adjoint_y = flag(tflite::BatchMatMulField::kAdjointY)};
        return good;
      case OperatorType::kAdd:
      case OperatorType::kSub:
      case OperatorType::kMul: {
        const uint8_t kind = op.type == OperatorType::kAdd   ? tflite::kOptionsAdd
                             : op.type == OperatorType::kSub ? tflite::kOptionsSub
                                                             : tflite::kOptionsMul;
        if (!expect(kind, false)) return false;
        op.options = AddOptions{.activation = activation(tflite::AddField::kActivation)};
        return good;
      }
      case OperatorType::kMaxPool2d:
      case OperatorType::kAveragePool2d: {
        using Field = tflite::PoolField;
        if (!expect(tflite::kOptionsPool, true)) return false;
        op.options = PoolOptions{.padding = padding(Field::kPadding),
                                 .stride_h = number(Field::kStrideH, 0),
                                 .stride_w = number(Field::kStrideW, 0),
                                 .filter_h = number(Field::kFilterH, 0),
                                 .filter_w = number(Field::kFilterW, 0),
                                 .activation = activation(Field::kActivation)};
        return good;
      }
      case OperatorType::kMean:
      case OperatorType::kSum:
      case OperatorType::kReduceMax:
      case OperatorType::kReduceMin:
        if (!expect(tflite::kOptionsReducer, false)) return false;
        op.options = ReduceOptions{.axes = {}, .keep_dims = flag(tflite::ReducerField::kKeepDims)};
        return good;
      case OperatorType::kArgMax:
      case OperatorType::kArgMin:  // the output tensor says its type
        op.options = AxisOptions{};
        return good;
      case OperatorType::kReshape:
        op.options = ReshapeOptions{};
        return good;
      case OperatorType::kPad:
        op.options = PadOptions{};
        return good;
      case OperatorType::kMirrorPad: {
        if (!expect(tflite::kOptionsMirrorPad, false)) return false;
        const auto mode = table.Scalar<int8_t>(tflite::MirrorPadField::kMode, 0, "a mirror mode");
        if (mode != 0 && mode != 1) return RefuseOptions(index, fmt::format("mode {}", mode));
        op.options = MirrorPadOptions{.paddings = {}, .symmetric = mode == 1};
        return good;
      }
      case OperatorType::kSoftmax:
        if (!expect(tflite::kOptionsSoftmax, true)) return false;
        op.options = SoftmaxOptions{.beta = real(tflite::SoftmaxField::kBeta)};
        return good;
      case OperatorType::kLeakyRelu:
        if (!expect(tflite::kOptionsLeakyRelu, false)) return false;
        op.options = LeakyReluOptions{.alpha = real(tflite::LeakyReluField::kAlpha)};
        return good;
      case OperatorType::kConcatenation: {
        using Field = tflite::ConcatenationField;
        if (!expect(tflite::kOptionsConcatenation, false)) return false;
        if (activation(Field::kActivation) != Activation::kNone) {
          return RefuseOptions(index, "has a fused activation");
        }
        op.options = AxisOptions{.axis = number(Field::kAxis, 0)};
        return good;
      }
      case OperatorType::kPack:
      case OperatorType::kUnpack:
        if (!expect(op.type == OperatorType::kPack ? tflite::kOptionsPack : tflite::kOptionsUnpack,
                    false)) {
          return false;
        }
        form.count = number(tflite::PackField::kCount, -1);
        op.options = AxisOptions{.axis = number(tflite::PackField::kAxis, 0)};
        return good;
      case OperatorType::kSplit:
        if (!expect(raw.code == tflite::kOpSplitV ? tflite::kOptionsSplitV : tflite::kOptionsSplit,
                    false)) {
          return false;
        }
        form.count = number(tflite::SplitField::kNumSplits, -1);
        op.options = AxisOptions{};
        return good;
      case OperatorType::kTranspose:
        op.options = TransposeOptions{};
        return good;
      case OperatorType::kReverse:
        op.options = ReverseOptions{};
        return good;
      case OperatorType::kSlice: {
        using Field = tflite::StridedSliceField;
        op.options = SliceOptions{};
        if (raw.code != tflite::kOpStridedSlice) return good;
        if (!expect(tflite::kOptionsStridedSlice, false)) return false;
        form.begin_mask = static_cast<uint32_t>(number(Field::kBeginMask, 0));
        form.end_mask = static_cast<uint32_t>(number(Field::kEndMask, 0));
        form.shrink_mask = static_cast<uint32_t>(number(Field::kShrinkAxisMask, 0));
        if (number(Field::kEllipsisMask, 0) != 0 || number(Field::kNewAxisMask, 0) != 0) {
          return RefuseOptions(index, "has an ellipsis or new axes");
        }
        if (flag(Field::kOffset)) return RefuseOptions(index, "has ends relative to the begins");
        return good;
      }
      case OperatorType::kSpaceToDepth:
      case OperatorType::kDepthToSpace:
        if (!expect(op.type == OperatorType::kSpaceToDepth ? tflite::kOptionsSpaceToDepth
                                                           : tflite::kOptionsDepthToSpace,
                    true)) {
          return false;
        }
        op.options = BlockOptions{.block_size = number(tflite::BlockField::kBlockSize, 0)};
        return good;
      case OperatorType::kSpaceToBatch:
      case OperatorType::kBatchToSpace:
        op.options = BatchSpaceOptions{};
        return good;
      case OperatorType::kResizeNearestNeighbor: {
        using Field = tflite::ResizeNearestField;
        if (!expect(tflite::kOptionsResizeNearest, false)) return false;
        op.options = ResizeOptions{.align_corners = flag(Field::kAlignCorners),
                                   .half_pixel_centers = flag(Field::kHalfPixelCenters)};
        return good;
      }
      case OperatorType::kResizeBilinear: {
        using Field = tflite::ResizeBilinearField;
        if (!expect(tflite::kOptionsResizeBilinear, false)) return false;
        op.options = ResizeOptions{.align_corners = flag(Field::kAlignCorners),
                                   .half_pixel_centers = flag(Field::kHalfPixelCenters)};
        return good;
      }
      case OperatorType::kMaximum:
      case OperatorType::kMinimum:
      case OperatorType::kSquaredDifference:
      case OperatorType::kAddN:
      case OperatorType::kLogistic:
      case OperatorType::kTanh:
      case OperatorType::kHardSwish:
      case OperatorType::kElu:
      case OperatorType::kPrelu:
      case OperatorType::kRelu:
      case OperatorType::kRelu6:
      case OperatorType::kAbs:
      case OperatorType::kRsqrt:
      case OperatorType::kQuantize:
        op.options = NoOptions{};
        return good;
      case OperatorType::kBinaryConv2d:  // no TFLite file has them
      case OperatorType::kThermometer:
        break;
    }
    return false;
  }

  FlatFile file_;
  FlatVector operator_codes_;
  FlatVector buffers_;
  std::vector<RawOperator> operators_;
  std::vector<bool> used_;             // by tensor: an operator, input or output refers to it
  std::vector<std::string> problems_;  // by tensor: why it cannot be used, or empty
  std::vector<bool> reported_;         // by tensor: problem already in diagnostics_
  Model model_;
  Diagnostics diagnostics_;
  size_t unreported_ = 0;
};

}  // namespace

Result<Model> ReadTflite(std::span<const uint8_t> bytes, const std::string& name) {
  return Reader(bytes, name).Run();
}

Result<Model> LoadTflite(const std::string& path) {
  const Result<std::vector<uint8_t>> bytes = ReadModelFile(path);
  if (!bytes.ok()) return bytes.errors();
  return ReadTflite(*bytes, std::filesystem::path(path).filename().string());
}

}  // namespace npugen

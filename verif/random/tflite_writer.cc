// SPDX-License-Identifier: Apache-2.0
// The .tflite writer: tables by field number on top of the FlatBuffers builder.
#include "verif/random/tflite_writer.h"

#include <flatbuffers/flatbuffers.h>
#include <flatbuffers/flexbuffers.h>
#include <fmt/core.h>

#include <algorithm>
#include <cstring>

#include "sw/model/tflite_schema.h"

namespace npugen::testing {
namespace {

using flatbuffers::FlatBufferBuilder;
using flatbuffers::Offset;
using flatbuffers::uoffset_t;
using AnyOffset = Offset<void>;

flatbuffers::voffset_t Field(int number) {
  return static_cast<flatbuffers::voffset_t>(4 + 2 * number);
}

// Writes one table: scalars and offsets by field number.
class TableWriter {
 public:
  explicit TableWriter(FlatBufferBuilder& builder)
      : builder_(builder), start_(builder.StartTable()) {}
  template <typename T>
  TableWriter& Scalar(int field, T value) {
    // Every field is stored, even one that equals its default.
    builder_.ForceDefaults(true);
    builder_.AddElement<T>(Field(field), value, T{});
    return *this;
  }
  template <typename T>
  TableWriter& Reference(int field, Offset<T> offset) {
    if (!offset.IsNull()) builder_.AddOffset(Field(field), offset);
    return *this;
  }
  AnyOffset End() { return AnyOffset(builder_.EndTable(start_)); }

 private:
  FlatBufferBuilder& builder_;
  uoffset_t start_;
};

int8_t SchemaType(TensorType type) {
  switch (type) {
    case TensorType::kInt8:
      return tflite::kInt8;
    case TensorType::kUint8:
      return tflite::kUint8;
    case TensorType::kInt16:
      return tflite::kInt16;
    case TensorType::kInt32:
      return tflite::kInt32;
    case TensorType::kInt64:
      return tflite::kInt64;
    case TensorType::kInt4:
      return tflite::kInt4;
    case TensorType::kBool:
      return tflite::kBool;
    case TensorType::kBits:
      break;
    case TensorType::kFloat32:
    case TensorType::kOther:
      break;
  }
  return tflite::kFloat32;
}

// The operator with this name in the file.
int32_t CodeOfName(const std::string& name) {
  constexpr int32_t kLastCode = 200;
  for (int32_t code = 0; code < kLastCode; ++code) {
    if (tflite::BuiltinOperatorName(code) == name) return code;
  }
  return tflite::kOpCustom;
}

// Two values a byte, the first one in the low half.
std::vector<uint8_t> Pack4Bits(const std::vector<uint8_t>& values) {
  std::vector<uint8_t> packed((values.size() + 1) / 2, 0);
  for (size_t i = 0; i < values.size(); ++i) {
    packed[i / 2] |= static_cast<uint8_t>((values[i] & 15) << (i % 2 * 4));
  }
  return packed;
}

class FileWriter {
 public:
  FileWriter(const Model& model, const TfliteForm& form) : model_(model), form_(form) {}

  std::vector<uint8_t> Write() {
    std::vector<AnyOffset> codes;
    std::vector<AnyOffset> operators;
    for (size_t i = 0; i < model_.operators.size(); ++i) {
      codes.push_back(WriteCode(static_cast<int32_t>(i)));
      operators.push_back(WriteOperator(static_cast<int32_t>(i)));
    }
    std::vector<AnyOffset> buffers{TableWriter(builder_).End()};  // buffer 0 is always empty
    std::vector<AnyOffset> tensors;
    for (size_t i = 0; i < model_.tensors.size(); ++i) {
      tensors.push_back(WriteTensor(static_cast<int32_t>(i), buffers));
    }
    const auto tensor_list = builder_.CreateVector(tensors);
    const auto input_list = builder_.CreateVector(model_.inputs);
    const auto output_list = builder_.CreateVector(model_.outputs);
    const auto once = operators.end() - form_.once_operators;
    const auto operator_list =
        builder_.CreateVector(std::vector<AnyOffset>(operators.begin(), once));
    const auto once_list = builder_.CreateVector(std::vector<AnyOffset>(once, operators.end()));
    const AnyOffset graph = TableWriter(builder_)
                                .Reference(tflite::SubgraphField::kTensors, tensor_list)
                                .Reference(tflite::SubgraphField::kInputs, input_list)
                                .Reference(tflite::SubgraphField::kOutputs, output_list)
                                .Reference(tflite::SubgraphField::kOperators, operator_list)
                                .End();
    const auto code_list = builder_.CreateVector(codes);
    std::vector<AnyOffset> graphs(form_.subgraphs, graph);
    if (form_.once_operators > 0) {
      const auto nothing = builder_.CreateVector(std::vector<int32_t>{});
      graphs.push_back(TableWriter(builder_)
                           .Reference(tflite::SubgraphField::kTensors, tensor_list)
                           .Reference(tflite::SubgraphField::kInputs, nothing)
                           .Reference(tflite::SubgraphField::kOutputs, nothing)
                           .Reference(tflite::SubgraphField::kOperators, once_list)
                           .End());
    }
    const auto graph_list = builder_.CreateVector(graphs);
    const auto buffer_list = builder_.CreateVector(buffers);
    const AnyOffset root = TableWriter(builder_)
                               .Scalar<uint32_t>(tflite::ModelField::kVersion, form_.version)
                               .Reference(tflite::ModelField::kOperatorCodes, code_list)
                               .Reference(tflite::ModelField::kSubgraphs, graph_list)
                               .Reference(tflite::ModelField::kBuffers, buffer_list)
                               .End();
    builder_.Finish(root, form_.identifier.c_str());
    return {builder_.GetBufferPointer(), builder_.GetBufferPointer() + builder_.GetSize()};
  }

 private:
  AnyOffset WriteCode(int32_t index) {
    int32_t code = Code(index);
    if (const auto it = form_.builtin_code.find(index); it != form_.builtin_code.end())
      code = it->second;
    Offset<flatbuffers::String> custom;
    if (code == tflite::kOpCustom) {
      const bool known = !CustomOptionsOf(index).empty();
      custom = builder_.CreateString(known ? OperatorName(model_.operators[index].type)
                                           : form_.custom_code);
    }
    return TableWriter(builder_)
        .Scalar<int8_t>(tflite::OperatorCodeField::kDeprecatedBuiltinCode,
                        static_cast<int8_t>(std::min(code, 127)))
        .Reference(tflite::OperatorCodeField::kCustomCode, custom)
        .Scalar<int32_t>(tflite::OperatorCodeField::kVersion, 1)
        .Scalar<int32_t>(tflite::OperatorCodeField::kBuiltinCode, code)
        .End();
  }

  /// The options of an operator of the family custom, a FlexBuffers map; empty for all others.
  std::vector<uint8_t> CustomOptionsOf(int32_t index) const {
    const OperatorOptions& options = model_.operators[index].options;
    flexbuffers::Builder map;
    if (const auto* detection = std::get_if<DetectionOptions>(&options)) {
      map.Map([&] {
        map.Int("max_detections", detection->most);
        map.Int("max_classes_per_detection", 1);
        map.Int("detections_per_class", detection->most_of_a_class);
        map.Bool("use_regular_nms", detection->regular);
        map.Float("nms_score_threshold", detection->score_threshold);
        map.Float("nms_iou_threshold", detection->overlap_threshold);
        map.Int("num_classes", detection->classes);
        map.Float("y_scale", detection->scale_y);
        map.Float("x_scale", detection->scale_x);
        map.Float("h_scale", detection->scale_h);
        map.Float("w_scale", detection->scale_w);
      });
    } else if (const auto* pose = std::get_if<PoseOptions>(&options)) {
      map.Map([&] {
        map.Int("max_detections", pose->most);
        map.Int("stride", pose->stride);
        map.Float("score_threshold", pose->score_threshold);
        map.Float("nms_radius", pose->nms_radius);
      });
    } else {
      return {};
    }
    map.Finish();
    return map.GetBuffer();
  }

  // The operator's name decides, if it has one.
  int32_t Code(int32_t index) const {
    const Operator& op = model_.operators[index];
    return CodeOfName(op.name.empty() ? OperatorName(op.type) : op.name);
  }

  int8_t ActivationCode(int32_t index, npugen::Activation activation) const {
    const auto it = form_.activation.find(index);
    return static_cast<int8_t>(it != form_.activation.end() ? it->second
                                                            : static_cast<int>(activation));
  }

  static int8_t PaddingCode(Padding padding) { return padding == Padding::kSame ? 0 : 1; }

  // The options table and, in `kind`, the member of the union that it is.
  AnyOffset WriteOptions(int32_t index, uint8_t& kind) {
    const Operator& op = model_.operators[index];
    if (op.name == "CALL_ONCE") {
      kind = tflite::kOptionsCallOnce;
      return TableWriter(builder_).Scalar<int32_t>(tflite::CallOnceField::kSubgraph, 1).End();
    }
    if (op.name == "VAR_HANDLE") {
      kind = tflite::kOptionsVarHandle;
      const auto name = builder_.CreateString(form_.variables.at(op.outputs[0]));
      return TableWriter(builder_).Reference(tflite::VarHandleField::kSharedName, name).End();
    }
    return std::visit([&](const auto& options) { return WriteTable(index, options, kind); },
                      model_.operators[index].options);
  }

  AnyOffset WriteTable(int32_t index, const ConvOptions& options, uint8_t& kind) {
    const Operator& op = model_.operators[index];
    if (op.type == OperatorType::kDepthwiseConv2d) {
      using F = tflite::DepthwiseField;
      kind = tflite::kOptionsDepthwise;
      return TableWriter(builder_)
          .Scalar<int8_t>(F::kPadding, PaddingCode(options.padding))
          .Scalar<int32_t>(F::kStrideW, options.stride_w)
          .Scalar<int32_t>(F::kStrideH, options.stride_h)
          .Scalar<int32_t>(F::kDepthMultiplier, options.depth_multiplier)
          .Scalar<int8_t>(F::kActivation, ActivationCode(index, options.activation))
          .Scalar<int32_t>(F::kDilationW, options.dilation_w)
          .Scalar<int32_t>(F::kDilationH, options.dilation_h)
          .End();
    }
    using F = tflite::Conv2dField;
    kind = tflite::kOptionsConv2d;
    return TableWriter(builder_)
        .Scalar<int8_t>(F::kPadding, PaddingCode(options.padding))
        .Scalar<int32_t>(F::kStrideW, options.stride_w)
        .Scalar<int32_t>(F::kStrideH, options.stride_h)
        .Scalar<int8_t>(F::kActivation, ActivationCode(index, options.activation))
        .Scalar<int32_t>(F::kDilationW, options.dilation_w)
        .Scalar<int32_t>(F::kDilationH, options.dilation_h)
        .End();
  }

  AnyOffset WriteTable(int32_t index, const PoolOptions& options, uint8_t& kind) {
    using F = tflite::PoolField;
    kind = tflite::kOptionsPool;
    return TableWriter(builder_)
        .Scalar<int8_t>(F::kPadding, PaddingCode(options.padding))
        .Scalar<int32_t>(F::kStrideW, options.stride_w)
        .Scalar<int32_t>(F::kStrideH, options.stride_h)
        .Scalar<int32_t>(F::kFilterW, options.filter_w)
        .Scalar<int32_t>(F::kFilterH, options.filter_h)
        .Scalar<int8_t>(F::kActivation, ActivationCode(index, options.activation))
        .End();
  }

  AnyOffset WriteTable(int32_t index, const FullyConnectedOptions& options, uint8_t& kind) {
    using F = tflite::FullyConnectedField;
    kind = tflite::kOptionsFullyConnected;
    return TableWriter(builder_)
        .Scalar<int8_t>(F::kActivation, ActivationCode(index, options.activation))
        .Scalar<uint8_t>(F::kKeepNumDims, options.keep_num_dims)
        .End();
  }

  AnyOffset WriteTable(int32_t index, const AddOptions& options, uint8_t& kind) {
    const Operator& op = model_.operators[index];
    kind = op.type == OperatorType::kSub   ? tflite::kOptionsSub
           : op.type == OperatorType::kMul ? tflite::kOptionsMul
           : op.type == OperatorType::kDiv ? tflite::kOptionsDiv
                                           : tflite::kOptionsAdd;
    return TableWriter(builder_)
        .Scalar<int8_t>(tflite::AddField::kActivation, ActivationCode(index, options.activation))
        .End();
  }

  AnyOffset WriteTable(int32_t, const ReduceOptions& options, uint8_t& kind) {
    kind = tflite::kOptionsReducer;
    return TableWriter(builder_)
        .Scalar<uint8_t>(tflite::ReducerField::kKeepDims, options.keep_dims)
        .End();
  }

  AnyOffset WriteTable(int32_t, const SoftmaxOptions& options, uint8_t& kind) {
    kind = tflite::kOptionsSoftmax;
    return TableWriter(builder_).Scalar<float>(tflite::SoftmaxField::kBeta, options.beta).End();
  }

  AnyOffset WriteTable(int32_t index, const TransposeConvOptions& options, uint8_t& kind) {
    using F = tflite::TransposeConvField;
    kind = tflite::kOptionsTransposeConv;
    return TableWriter(builder_)
        .Scalar<int8_t>(F::kPadding, PaddingCode(options.padding))
        .Scalar<int32_t>(F::kStrideW, options.stride_w)
        .Scalar<int32_t>(F::kStrideH, options.stride_h)
        .Scalar<int8_t>(F::kActivation, ActivationCode(index, options.activation))
        .End();
  }

  AnyOffset WriteTable(int32_t, const BatchMatMulOptions& options, uint8_t& kind) {
    using F = tflite::BatchMatMulField;
    kind = tflite::kOptionsBatchMatMul;
    return TableWriter(builder_)
        .Scalar<uint8_t>(F::kAdjointX, options.adjoint_x)
        .Scalar<uint8_t>(F::kAdjointY, options.adjoint_y)
        .End();
  }

  AnyOffset WriteTable(int32_t, const LeakyReluOptions& options, uint8_t& kind) {
    kind = tflite::kOptionsLeakyRelu;
    return TableWriter(builder_).Scalar<float>(tflite::LeakyReluField::kAlpha, options.alpha).End();
  }

  AnyOffset WriteTable(int32_t, const MirrorPadOptions& options, uint8_t& kind) {
    kind = tflite::kOptionsMirrorPad;
    return TableWriter(builder_)
        .Scalar<int8_t>(tflite::MirrorPadField::kMode, options.symmetric ? 1 : 0)
        .End();
  }

  AnyOffset WriteTable(int32_t index, const BlockOptions& options, uint8_t& kind) {
    const Operator& op = model_.operators[index];
    kind = op.type == OperatorType::kSpaceToDepth ? tflite::kOptionsSpaceToDepth
                                                  : tflite::kOptionsDepthToSpace;
    return TableWriter(builder_)
        .Scalar<int32_t>(tflite::BlockField::kBlockSize, options.block_size)
        .End();
  }

  AnyOffset WriteTable(int32_t index, const ResizeOptions& options, uint8_t& kind) {
    const Operator& op = model_.operators[index];
    const bool bilinear = op.type == OperatorType::kResizeBilinear;
    using Bilinear = tflite::ResizeBilinearField;
    using Nearest = tflite::ResizeNearestField;
    kind = bilinear ? tflite::kOptionsResizeBilinear : tflite::kOptionsResizeNearest;
    const int corners = bilinear ? int{Bilinear::kAlignCorners} : int{Nearest::kAlignCorners};
    const int centers =
        bilinear ? int{Bilinear::kHalfPixelCenters} : int{Nearest::kHalfPixelCenters};
    return TableWriter(builder_)
        .Scalar<uint8_t>(corners, options.align_corners)
        .Scalar<uint8_t>(centers, options.half_pixel_centers)
        .End();
  }

  AnyOffset WriteTable(int32_t index, const SliceOptions&, uint8_t& kind) {
    if (model_.operators[index].name != "STRIDED_SLICE") return {};
    using F = tflite::StridedSliceField;
    kind = tflite::kOptionsStridedSlice;
    const auto it = form_.slice_masks.find(index);
    const SliceMasks masks = it != form_.slice_masks.end() ? it->second : SliceMasks{};
    return TableWriter(builder_)
        .Scalar<int32_t>(F::kBeginMask, masks.begin)
        .Scalar<int32_t>(F::kEndMask, masks.end)
        .Scalar<int32_t>(F::kEllipsisMask, masks.ellipsis)
        .Scalar<int32_t>(F::kNewAxisMask, masks.new_axis)
        .Scalar<int32_t>(F::kShrinkAxisMask, masks.shrink_axis)
        .Scalar<uint8_t>(F::kOffset, masks.offset)
        .End();
  }

  AnyOffset WriteTable(int32_t, const GatherOptions& options, uint8_t& kind) {
    kind = tflite::kOptionsGather;
    return TableWriter(builder_)
        .Scalar<int32_t>(tflite::GatherField::kAxis, options.axis)
        .Scalar<int32_t>(tflite::GatherField::kBatchDims, options.batch_dims)
        .End();
  }
  AnyOffset WriteTable(int32_t, const PadOptions&, uint8_t& kind) {
    kind = tflite::kOptionsPad;
    return TableWriter(builder_).End();
  }
  AnyOffset WriteTable(int32_t, const ReshapeOptions&, uint8_t& kind) {
    kind = tflite::kOptionsReshape;
    return TableWriter(builder_).End();
  }

  AnyOffset WriteTable(int32_t index, const AxisOptions& options, uint8_t& kind) {
    const Operator& op = model_.operators[index];
    const int32_t axis = options.axis;
    switch (op.type) {
      case OperatorType::kConcatenation:
        kind = tflite::kOptionsConcatenation;
        return TableWriter(builder_)
            .Scalar<int32_t>(tflite::ConcatenationField::kAxis, axis)
            .Scalar<int8_t>(tflite::ConcatenationField::kActivation,
                            ActivationCode(op.index, npugen::Activation::kNone))
            .End();
      case OperatorType::kSplit: {
        const auto count = static_cast<int32_t>(op.outputs.size());
        kind = op.name == "SPLIT_V" ? tflite::kOptionsSplitV : tflite::kOptionsSplit;
        return TableWriter(builder_).Scalar<int32_t>(tflite::SplitField::kNumSplits, count).End();
      }
      case OperatorType::kPack:
      case OperatorType::kUnpack: {
        const bool pack = op.type == OperatorType::kPack;
        const size_t count = pack ? op.inputs.size() : op.outputs.size();
        kind = pack ? tflite::kOptionsPack : tflite::kOptionsUnpack;
        return TableWriter(builder_)
            .Scalar<int32_t>(tflite::PackField::kCount, static_cast<int32_t>(count))
            .Scalar<int32_t>(tflite::PackField::kAxis, axis)
            .End();
      }
      default:  // ARG_MAX, ARG_MIN
        kind = op.type == OperatorType::kArgMax ? tflite::kOptionsArgMax : tflite::kOptionsArgMin;
        return TableWriter(builder_)
            .Scalar<int8_t>(tflite::ArgField::kOutputType, tflite::kInt32)
            .End();
    }
  }

  AnyOffset WriteTable(int32_t, const SvdfOptions& options, uint8_t& kind) {
    kind = tflite::kOptionsSvdf;
    return TableWriter(builder_).Scalar<int32_t>(tflite::SvdfField::kRank, options.rank).End();
  }

  AnyOffset WriteTable(int32_t index, const LstmOptions& options, uint8_t& kind) {
    using F = tflite::SequenceLstmField;
    constexpr int8_t kTanh = 4;
    const auto it = form_.activation.find(index);
    kind = tflite::kOptionsSequenceLstm;
    return TableWriter(builder_)
        .Scalar<int8_t>(F::kActivation,
                        it != form_.activation.end() ? static_cast<int8_t>(it->second) : kTanh)
        .Scalar<float>(F::kCellClip, options.cell_clip)
        .Scalar<uint8_t>(F::kTimeMajor, options.time_major)
        .End();
  }

  // The reader looks at no others.
  template <typename Options>
  AnyOffset WriteTable(int32_t, const Options&, uint8_t&) {
    return {};
  }

  AnyOffset WriteOperator(int32_t index) {
    const Operator& op = model_.operators[index];
    uint8_t kind = tflite::kOptionsNone;
    AnyOffset options;
    if (!form_.no_options.contains(index)) options = WriteOptions(index, kind);
    const auto inputs = builder_.CreateVector(op.inputs);
    const auto outputs = builder_.CreateVector(op.outputs);
    Offset<flatbuffers::Vector<uint8_t>> custom;
    if (const std::vector<uint8_t> map = CustomOptionsOf(index); !map.empty()) {
      custom = builder_.CreateVector(map);
    }
    return TableWriter(builder_)
        .Reference(tflite::OperatorField::kCustomOptions, custom)
        .Scalar<uint32_t>(tflite::OperatorField::kOpcodeIndex, index)
        .Reference(tflite::OperatorField::kInputs, inputs)
        .Reference(tflite::OperatorField::kOutputs, outputs)
        .Scalar<uint8_t>(tflite::OperatorField::kBuiltinOptionsType, kind)
        .Reference(tflite::OperatorField::kBuiltinOptions, options)
        .End();
  }

  AnyOffset WriteTensor(int32_t index, std::vector<AnyOffset>& buffers) {
    const Tensor& tensor = model_.tensors[index];
    uint32_t buffer = 0;
    if (const auto it = form_.external_data.find(index); it != form_.external_data.end()) {
      buffer = static_cast<uint32_t>(buffers.size());
      buffers.push_back(TableWriter(builder_)
                            .Scalar<uint64_t>(tflite::BufferField::kOffset, it->second)
                            .Scalar<uint64_t>(tflite::BufferField::kSize, tensor.data.size())
                            .End());
    } else if (tensor.is_constant) {
      buffer = static_cast<uint32_t>(buffers.size());
      const std::vector<uint8_t> bytes =
          tensor.type == TensorType::kInt4 ? Pack4Bits(tensor.data) : tensor.data;
      builder_.ForceVectorAlignment(bytes.size(), 1, 16);
      const auto data = builder_.CreateVector(bytes);
      buffers.push_back(TableWriter(builder_).Reference(tflite::BufferField::kData, data).End());
    }
    if (const auto it = form_.buffer.find(index); it != form_.buffer.end()) buffer = it->second;
    int8_t type = SchemaType(tensor.type);
    if (const auto it = form_.tensor_type.find(index); it != form_.tensor_type.end()) {
      type = static_cast<int8_t>(it->second);
    }
    AnyOffset quantization;
    if (!tensor.scales.empty()) {
      const auto scales = builder_.CreateVector(tensor.scales);
      const auto zero_points = builder_.CreateVector(
          std::vector<int64_t>(tensor.zero_points.begin(), tensor.zero_points.end()));
      quantization = TableWriter(builder_)
                         .Reference(tflite::QuantizationField::kScale, scales)
                         .Reference(tflite::QuantizationField::kZeroPoint, zero_points)
                         .Scalar<int32_t>(tflite::QuantizationField::kQuantizedDimension,
                                          tensor.quantized_dimension)
                         .End();
    }
    const auto shape = builder_.CreateVector(tensor.shape);
    const auto name = builder_.CreateString(tensor.name);
    return TableWriter(builder_)
        .Reference(tflite::TensorField::kShape, shape)
        .Scalar<int8_t>(tflite::TensorField::kType, type)
        .Scalar<uint32_t>(tflite::TensorField::kBuffer, buffer)
        .Reference(tflite::TensorField::kName, name)
        .Reference(tflite::TensorField::kQuantization, quantization)
        .Scalar<uint8_t>(tflite::TensorField::kIsVariable,
                         form_.variable_tensors.contains(index) ? 1 : 0)
        .End();
  }

  const Model& model_;
  const TfliteForm& form_;
  FlatBufferBuilder builder_;
};

}  // namespace

std::vector<uint8_t> WriteTflite(const Model& model, const TfliteForm& form) {
  return FileWriter(model, form).Write();
}

TfliteWriter::TfliteWriter(std::string name) { model_.name = std::move(name); }

int32_t TfliteWriter::AddTensor(Tensor tensor) {
  const auto number = static_cast<int32_t>(model_.tensors.size());
  tensor.name = fmt::format("t{}", number);
  model_.tensors.push_back(std::move(tensor));
  return number;
}

int32_t TfliteWriter::Activation(std::vector<int32_t> shape, float scale, int32_t zero_point) {
  Tensor tensor;
  tensor.shape = std::move(shape);
  tensor.scales = {scale};
  tensor.zero_points = {zero_point};
  return AddTensor(std::move(tensor));
}

int32_t TfliteWriter::Input(std::vector<int32_t> shape, float scale, int32_t zero_point) {
  const int32_t tensor = Activation(std::move(shape), scale, zero_point);
  model_.inputs.push_back(tensor);
  return tensor;
}

int32_t TfliteWriter::Weights(std::vector<int32_t> shape, const std::vector<int8_t>& values,
                              std::vector<float> scales, int32_t quantized_dimension) {
  Tensor tensor;
  tensor.shape = std::move(shape);
  tensor.zero_points.assign(scales.size(), 0);
  tensor.scales = std::move(scales);
  tensor.quantized_dimension = quantized_dimension;
  tensor.is_constant = true;
  tensor.data.resize(values.size());
  if (!values.empty()) std::memcpy(tensor.data.data(), values.data(), values.size());
  return AddTensor(std::move(tensor));
}

int32_t TfliteWriter::Weights4(std::vector<int32_t> shape, const std::vector<int8_t>& values,
                               std::vector<float> scales, int32_t quantized_dimension) {
  const int32_t tensor = Weights(std::move(shape), values, std::move(scales), quantized_dimension);
  model_.tensors[tensor].type = TensorType::kInt4;
  return tensor;
}

int32_t TfliteWriter::Wide(std::vector<int32_t> shape, float scale) {
  const int32_t tensor = Activation(std::move(shape), scale, 0);
  model_.tensors[tensor].type = TensorType::kInt16;
  return tensor;
}

int32_t TfliteWriter::LongIntegers(const std::vector<int64_t>& values) {
  Tensor tensor;
  tensor.type = TensorType::kInt64;
  tensor.shape = {static_cast<int32_t>(values.size())};
  tensor.is_constant = true;
  tensor.data.resize(values.size() * sizeof(int64_t));
  if (!values.empty()) std::memcpy(tensor.data.data(), values.data(), tensor.data.size());
  return AddTensor(std::move(tensor));
}

int32_t TfliteWriter::Floats(std::vector<int32_t> shape) {
  Tensor tensor;
  tensor.type = TensorType::kFloat32;
  tensor.shape = std::move(shape);
  return AddTensor(std::move(tensor));
}

int32_t TfliteWriter::Integers(std::vector<int32_t> shape, const std::vector<int32_t>& values) {
  Tensor tensor;
  tensor.type = TensorType::kInt32;
  tensor.shape = std::move(shape);
  tensor.is_constant = true;
  tensor.data.resize(values.size() * sizeof(int32_t));
  if (!values.empty()) std::memcpy(tensor.data.data(), values.data(), tensor.data.size());
  return AddTensor(std::move(tensor));
}

void TfliteWriter::AddOperator(OperatorType type, std::vector<int32_t> inputs, int32_t output,
                               OperatorOptions options) {
  Append(type, std::move(inputs), {output}, std::move(options));
}

void TfliteWriter::Append(OperatorType type, std::vector<int32_t> inputs,
                          std::vector<int32_t> outputs, OperatorOptions options,
                          const std::string& name) {
  Operator op;
  op.type = type;
  op.index = static_cast<int32_t>(model_.operators.size());
  op.inputs = std::move(inputs);
  op.outputs = std::move(outputs);
  op.options = std::move(options);
  op.name = name.empty() ? OperatorName(type) : name;
  model_.operators.push_back(std::move(op));
}

void TfliteWriter::Conv2d(int32_t input, int32_t filter, int32_t bias, int32_t output,
                          const ConvOptions& options) {
  AddOperator(OperatorType::kConv2d, {input, filter, bias}, output, options);
}

void TfliteWriter::DepthwiseConv2d(int32_t input, int32_t filter, int32_t bias, int32_t output,
                                   const ConvOptions& options) {
  AddOperator(OperatorType::kDepthwiseConv2d, {input, filter, bias}, output, options);
}

void TfliteWriter::FullyConnected(int32_t input, int32_t filter, int32_t bias, int32_t output,
                                  const FullyConnectedOptions& options) {
  AddOperator(OperatorType::kFullyConnected, {input, filter, bias}, output, options);
}

void TfliteWriter::Add(int32_t first, int32_t second, int32_t output, const AddOptions& options) {
  AddOperator(OperatorType::kAdd, {first, second}, output, options);
}

void TfliteWriter::MaxPool2d(int32_t input, int32_t output, const PoolOptions& options) {
  AddOperator(OperatorType::kMaxPool2d, {input}, output, options);
}

void TfliteWriter::AveragePool2d(int32_t input, int32_t output, const PoolOptions& options) {
  AddOperator(OperatorType::kAveragePool2d, {input}, output, options);
}

void TfliteWriter::Mean(int32_t input, const std::vector<int32_t>& axes, int32_t output,
                        bool keep_dims) {
  const int32_t list = Integers({static_cast<int32_t>(axes.size())}, axes);
  ReduceOptions options;
  options.keep_dims = keep_dims;
  AddOperator(OperatorType::kMean, {input, list}, output, options);
}

void TfliteWriter::Reshape(int32_t input, int32_t output) {
  const std::vector<int32_t> shape = model_.tensors[output].shape;
  const int32_t list = Integers({static_cast<int32_t>(shape.size())}, shape);
  AddOperator(OperatorType::kReshape, {input, list}, output, ReshapeOptions{});
}

void TfliteWriter::Pad(int32_t input, const std::vector<std::pair<int32_t, int32_t>>& paddings,
                       int32_t output) {
  std::vector<int32_t> values;
  for (const auto& [before, after] : paddings) values.insert(values.end(), {before, after});
  const int32_t list = Integers({static_cast<int32_t>(paddings.size()), 2}, values);
  AddOperator(OperatorType::kPad, {input, list}, output, PadOptions{});
}

void TfliteWriter::Softmax(int32_t input, int32_t output, float beta) {
  AddOperator(OperatorType::kSoftmax, {input}, output, SoftmaxOptions{beta});
}

void TfliteWriter::Output(int32_t tensor) { model_.outputs.push_back(tensor); }

}  // namespace npugen::testing

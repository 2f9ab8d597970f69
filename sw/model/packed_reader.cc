// SPDX-License-Identifier: Apache-2.0
// Layer by layer: the shapes of each follow from the one before.
#include "sw/model/packed_reader.h"

#include <fmt/core.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <optional>
#include <vector>

#include "generator/support/file.h"
#include "sw/model/bit_model.h"
#include "sw/model/describe.h"
#include "sw/model/file_bytes.h"
#include "sw/model/json_fields.h"
#include "sw/model/quantization.h"

namespace npugen {
namespace {

using Code = DiagnosticCode;

constexpr char kFormat[] = "packed-bit network, version 1";
constexpr int32_t kMostLevels = 255;
constexpr size_t kMostName = 60;
/// Numbers of "affine".
constexpr int32_t kMostAffineShift = 15;
constexpr int64_t kAffineBias = int64_t{1} << 23;
/// Sums of so many int16 are int32.
constexpr int64_t kMostMeanPixels = 65535;

class PackedReader {
 public:
  PackedReader(std::span<const uint8_t> weights, const std::string& name)
      : fields_(name), weights_(weights) {
    model_.name = name;
  }

  Result<Model> Run(const Json& root) {
    if (ReadRoot(root) && fields_.errors.empty()) return std::move(model_);
    if (fields_.errors.empty())
      fields_.Fail(Code::kInternal, "a packed-bit network was not understood", "");
    return fields_.errors;
  }

 private:
  int32_t Add(Tensor tensor) { return AppendTensor(&model_, std::move(tensor)); }
  void AddOperator(OperatorType type, std::vector<int32_t> inputs, int32_t output,
                   OperatorOptions options) {
    AppendOperator(&model_, type, std::move(inputs), output, std::move(options));
    current_ = output;
  }

  bool ReadRoot(const Json& root) {
    if (!IsObject(root)) {
      fields_.Fail(Code::kPackedValue, "the file holds " + KindOf(root),
                   "an object with \"format\"");
      return false;
    }
    const Json* format = fields_.Find(root, "format", fmt::format("\"{}\"", kFormat));
    if (format == nullptr) return false;
    if (!Is(*format, kFormat)) {
      fields_.Fail(Code::kPackedValue,
                   IsText(*format) ? fmt::format("\"format\" is \"{}\"",
                                                 PrintableName(Text(*format).substr(0, 60)))
                                   : fmt::format("\"format\" is {}", KindOf(*format)),
                   fmt::format("\"{}\"", kFormat));
      return false;
    }
    // "measured" and "comment" are for people.
    fields_.CheckKeys(root, {"format", "input", "layers", "measured", "comment"});
    const Json* input = fields_.Find(root, "input", "an object with \"shape\" and \"encode\"");
    const Json* layers = fields_.Find(root, "layers", "a list of objects");
    if (input == nullptr || layers == nullptr) return false;
    if (!IsList(*layers) || Size(*layers) == 0) {
      fields_.Fail(Code::kPackedValue, fmt::format("\"layers\" is {}", KindOf(*layers)),
                   "a list of at least one object");
      return false;
    }
    fields_.where = "input";
    if (!ReadInput(*input) || !fields_.errors.empty()) return false;
    names_["input"] = current_;
    for (size_t i = 0; i < Size(*layers); ++i) {
      const bool good = ReadLayer(Element(*layers, i), i, Size(*layers));
      if (!good || !fields_.errors.empty()) return false;
    }
    fields_.where.clear();
    model_.outputs = {current_};
    if (weights_end_ != weights_.size()) {
      fields_.Fail(
          Code::kPackedWeights,
          fmt::format("the file of weights has {} bytes, but the last layer's end at byte {}",
                      weights_.size(), weights_end_),
          "nothing may follow the last layer's weights");
      return false;
    }
    return true;
  }

  bool ReadInput(const Json& input) {
    if (!IsObject(input)) {
      fields_.Fail(Code::kPackedValue, "it is " + KindOf(input),
                   "an object with \"shape\", \"encode\"");
      return false;
    }
    const Json* shape_value =
        fields_.Find(input, "shape", "[height, width] or [height, width, channels]");
    const Json* encode = fields_.Find(input, "encode", "\"thermometer\" or \"int8\"");
    if (shape_value == nullptr || encode == nullptr) return false;
    const bool flat = IsList(*shape_value) && Size(*shape_value) == 2;
    auto shape = fields_.ToList(*shape_value, "shape", flat ? 2 : 3, 1, kLargestDimension);
    if (!shape) return false;
    if (flat) shape->push_back(1);
    if (!fields_.FitsElements({(*shape)[0], (*shape)[1], (*shape)[2]}, "shape")) return false;
    const int32_t height = (*shape)[0], width = (*shape)[1], channels = (*shape)[2];
    if (Is(*encode, "int8")) {
      fields_.CheckKeys(input, {"shape", "encode", "zero_point"});
      const auto zero_point = fields_.Integer(input, "zero_point", -128, 127);
      if (!zero_point) return false;
      current_ = Add(ByteTensor("input", height, width, channels, TensorType::kInt8, *zero_point));
      model_.inputs = {current_};
      return true;
    }
    if (!Is(*encode, "thermometer")) {
      fields_.Fail(Code::kPackedValue, "\"encode\" is not known", "\"thermometer\" or \"int8\"");
      return false;
    }
    const std::optional<ThermometerOptions> options = ReadLevels(input);
    if (!options) return false;
    const int32_t levels = options->levels;
    const int32_t lowest = options->list.empty()
                               ? options->first
                               : *std::min_element(options->list.begin(), options->list.end());
    const int32_t last = options->list.empty()
                             ? options->Level(levels - 1)
                             : *std::max_element(options->list.begin(), options->list.end());
    const bool is_signed = last < 127;
    if (last > 254 || (!is_signed && lowest < 0)) {
      fields_.Fail(Code::kPackedValue, fmt::format("its levels run from {} to {}", lowest, last),
                   "-128 to 126 (bytes are int8) or 0 to 254 (bytes are uint8)");
      return false;
    }
    if (!fields_.FitsElements({height, width, int64_t{channels} * levels}, "shape")) return false;
    current_ = Add(ByteTensor("input", height, width, channels,
                              is_signed ? TensorType::kInt8 : TensorType::kUint8, 0));
    model_.inputs = {current_};
    const int32_t input_tensor = current_;
    const int32_t bits =
        Add(BitTensor("thermometer", height, width, channels * levels, /*planes=*/1));
    AddOperator(OperatorType::kThermometer, {input_tensor}, bits, *options);
    return true;
  }

  // "levels" as a number with "first" and "step", or as a list.
  std::optional<ThermometerOptions> ReadLevels(const Json& input) {
    ThermometerOptions options;
    if (Has(input, "levels") && IsList(At(input, "levels"))) {
      fields_.CheckKeys(input, {"shape", "encode", "levels"});
      const Json& list = At(input, "levels");
      if (Size(list) == 0 || Size(list) > kMostLevels) {
        fields_.Fail(Code::kPackedValue, fmt::format("\"levels\" is {}", KindOf(list)),
                     fmt::format("a number or a list of 1 to {}", kMostLevels));
        return std::nullopt;
      }
      const auto levels = fields_.ToList(list, "levels", Size(list), -128, 254);
      if (!levels) return std::nullopt;
      options.list = *levels;
      options.levels = static_cast<int32_t>(levels->size());
      return options;
    }
    fields_.CheckKeys(input, {"shape", "encode", "levels", "first", "step"});
    const auto levels = fields_.Integer(input, "levels", 1, kMostLevels);
    const auto first = fields_.IntegerOr(input, "first", -128, 254, 0);
    const auto step = fields_.IntegerOr(input, "step", 1, 255, 1);
    if (!levels || !first || !step) return std::nullopt;
    options.levels = *levels;
    options.first = *first;
    options.step = *step;
    return options;
  }

  bool ReadLayer(const Json& layer, size_t number, size_t layers) {
    fields_.where = fmt::format("layer {}", number);
    layer_name_ = fields_.where;
    is_last_ = number + 1 == layers;
    constexpr char kTypes[] =
        "\"bconv\", \"bfc\", \"maxpool\", \"conv\", \"fc\", \"mean\" or \"vfc\"";
    if (!IsObject(layer)) {
      fields_.Fail(Code::kPackedValue, "it is " + KindOf(layer), "an object with \"type\"");
      return false;
    }
    const Json* type = fields_.Find(layer, "type", kTypes);
    if (type == nullptr) return false;
    if (!IsText(*type)) {
      fields_.Fail(Code::kPackedValue, "\"type\" is " + KindOf(*type), kTypes);
      return false;
    }
    const auto& name = Text(*type);
    if (!ReadNames(layer)) return false;
    const bool good = ReadKind(layer, name, number, kTypes);
    if (good && Has(layer, "name")) names_[Text(At(layer, "name"))] = current_;
    return good;
  }

  // "name", which must be new, and "input", a name given before.
  bool ReadNames(const Json& layer) {
    if (Has(layer, "name")) {
      const Json& name = At(layer, "name");
      if (!IsText(name) || Text(name).empty() || Text(name).size() > kMostName ||
          names_.contains(Text(name))) {
        fields_.Fail(Code::kPackedValue,
                     IsText(name) ? fmt::format("\"name\" is \"{}\"",
                                                PrintableName(Text(name).substr(0, kMostName)))
                                  : fmt::format("\"name\" is {}", KindOf(name)),
                     fmt::format("a text of 1 to {} bytes that no other layer has", kMostName));
        return false;
      }
      layer_name_ = PrintableName(Text(name));
    }
    if (!Has(layer, "input")) return true;
    const std::optional<int32_t> tensor = Named(At(layer, "input"), "input");
    if (tensor) current_ = *tensor;
    return tensor.has_value();
  }

  // The output of the layer that a value names.
  std::optional<int32_t> Named(const Json& value, const char* key) {
    if (IsText(value)) {
      const auto found = names_.find(Text(value));
      if (found != names_.end()) return found->second;
    }
    fields_.Fail(Code::kPackedValue,
                 IsText(value) ? fmt::format("\"{}\" is \"{}\"", key,
                                             PrintableName(Text(value).substr(0, kMostName)))
                               : fmt::format("\"{}\" is {}", key, KindOf(value)),
                 "the \"name\" of a layer before, or \"input\"");
    return std::nullopt;
  }

  bool ReadKind(const Json& layer, const std::string& name, size_t number, const char* kTypes) {
    if (name == "mean" || name == "vfc") {
      fields_.where = fmt::format("layer {} ({})", number, name);
      return ReadRoundedSums(layer, name == "mean");
    }
    const bool pool = name == "maxpool";
    const bool bits = name == "bconv" || name == "bfc";
    const bool whole = name == "bfc" || name == "fc";
    if (!pool && !bits && !whole && name != "conv") {
      fields_.Fail(Code::kPackedValue,
                   fmt::format("\"type\" is \"{}\"", PrintableName(name.substr(0, 40))), kTypes);
      return false;
    }
    fields_.where = fmt::format("layer {} ({})", number, name);
    const Tensor& input = model_.tensors[current_];
    if (input.type == TensorType::kInt32 || input.type == TensorType::kInt16 ||
        (pool && input.values) || (!pool && bits != (input.type == TensorType::kBits))) {
      const char* have = input.type == TensorType::kInt32   ? "int32 sums"
                         : input.type == TensorType::kInt16 ? "int16 values"
                         : input.values                     ? "bits with values"
                         : input.type == TensorType::kBits  ? "bits"
                                                            : "int8";
      fields_.Fail(Code::kPackedShape, fmt::format("its input is {}", have),
                   bits ? "bits: of a thermometer or a layer with \"thresholds\""
                        : "int8: of an input of \"encode\" int8, or of a layer with \"rescale\"");
      return false;
    }
    if (pool) return ReadPool(layer);
    return ReadProduct(layer, bits, whole);
  }

  // "in" has to be the shape of the current tensor; for whole images also its number of elements.
  bool CheckIn(const Json& layer, bool whole) {
    const Tensor& input = model_.tensors[current_];
    const Json* in = fields_.Find(layer, "in", whole ? "[elements]" : "[height, width, channels]");
    if (in == nullptr) return false;
    const auto problem = [&] {
      fields_.Fail(
          Code::kPackedShape,
          IsList(*in) && Size(*in) <= 8
              ? fmt::format("\"in\" is {}", PrintableName(Dump(*in).substr(0, 60)))
              : fmt::format("\"in\" is {}", KindOf(*in)),
          fmt::format("the layer before gives [{},{},{}]{}", input.shape[1], input.shape[2],
                      input.shape[3], whole ? fmt::format(", {} elements", input.elements()) : ""));
      return false;
    };
    if (!IsList(*in)) return problem();
    if (whole && Size(*in) == 1) return SameInteger(Element(*in, 0), input.elements()) || problem();
    if (Size(*in) != 3) return problem();
    for (size_t i = 0; i < 3; ++i) {
      if (!SameInteger(Element(*in, i), input.shape[i + 1])) return problem();
    }
    return true;
  }

  // "planes_in" has to be what the layer before gives.
  bool CheckPlanes(const Json& layer) {
    const Tensor& input = model_.tensors[current_];
    const auto planes = fields_.Integer(layer, "planes_in", 1, 2);
    if (!planes) return false;
    if (*planes == input.planes) return true;
    fields_.Fail(Code::kPackedShape, fmt::format("\"planes_in\" is {}", *planes),
                 fmt::format("the layer before gives {}", input.planes));
    return false;
  }

  // "out" has to be what follows from kernel, stride and padding.
  bool CheckOut(const std::vector<int32_t>& out, const JsonPair& kernel, const JsonPair& stride,
                const JsonPair& pad) {
    const Tensor& input = model_.tensors[current_];
    const int64_t height = Positions(input.shape[1], kernel.y, stride.y, pad.y, pad.y);
    const int64_t width = Positions(input.shape[2], kernel.x, stride.x, pad.x, pad.x);
    if (height < 1 || width < 1) {
      fields_.Fail(
          Code::kPackedShape,
          fmt::format("\"kernel\" is {} x {}, larger than the padded image", kernel.y, kernel.x),
          fmt::format("at most {} x {}", input.shape[1] + 2 * pad.y, input.shape[2] + 2 * pad.x));
      return false;
    }
    if (out[0] == height && out[1] == width) return true;
    fields_.Fail(
        Code::kPackedShape, fmt::format("\"out\" is {}", ShapeText(out)),
        fmt::format("{} x {} pixels follow from \"in\", \"kernel\", \"stride\" and \"pad\"", height,
                    width));
    return false;
  }

  bool ReadPool(const Json& layer) {
    const Tensor input = model_.tensors[current_];  // a copy: tensors are added below
    const bool bits = input.type == TensorType::kBits;
    std::vector<std::string_view> keys = {"type", "name", "input", "in", "out", "kernel", "stride"};
    if (bits) keys.insert(keys.end(), {"planes_in", "planes_out"});
    fields_.CheckKeys(layer, keys);
    if (!CheckIn(layer, false)) return false;
    const auto out = fields_.ImageShape(layer, "out");
    const auto kernel = fields_.ReadPair(layer, "kernel", 1, kLargestDimension);
    const auto stride = fields_.ReadPair(layer, "stride", 1, kLargestDimension);
    if (bits && !CheckPlanes(layer)) return false;
    if (!out || !kernel || !stride || !CheckOut(*out, *kernel, *stride, JsonPair{})) return false;
    if ((*out)[2] != input.shape[3]) {
      fields_.Fail(Code::kPackedShape, fmt::format("\"out\" has {} channels", (*out)[2]),
                   fmt::format("{}, those of \"in\"", input.shape[3]));
      return false;
    }
    if (bits) {
      const auto planes = fields_.Integer(layer, "planes_out", 1, 2);
      if (!planes) return false;
      if (*planes != input.planes) {
        fields_.Fail(Code::kPackedShape, fmt::format("\"planes_out\" is {}", *planes),
                     fmt::format("{}, as \"planes_in\"", input.planes));
        return false;
      }
    }
    const int32_t input_tensor = current_;
    const int32_t output =
        Add(bits ? BitTensor(layer_name_, (*out)[0], (*out)[1], (*out)[2], input.planes)
                 : ByteTensor(layer_name_, (*out)[0], (*out)[1], (*out)[2], TensorType::kInt8,
                              input.zero_point()));
    AddOperator(OperatorType::kMaxPool2d, {input_tensor}, output,
                PoolOptions{.padding = Padding::kValid,
                            .stride_h = stride->y,
                            .stride_w = stride->x,
                            .filter_h = kernel->y,
                            .filter_w = kernel->x});
    return true;
  }

  // Convolutions and matrix products; `whole`: the kernel is the image.
  bool ReadProduct(const Json& layer, bool bits, bool whole) {
    const Tensor input = model_.tensors[current_];
    std::vector<std::string_view> keys = {
        "type",          "name",       "input",      "in",   "out",  "weights_offset",
        "weights_shape", "planes_out", "thresholds", "flip", "bias", "rescale"};
    if (bits) keys.push_back("affine");
    if (!whole) keys.insert(keys.end(), {"kernel", "stride", "pad"});
    if (bits) keys.insert(keys.end(), {"planes_in", "gate", "activity"});
    if (bits && !whole) keys.push_back("outside");
    fields_.CheckKeys(layer, keys);
    if (!CheckIn(layer, whole)) return false;
    if (bits && !CheckPlanes(layer)) return false;

    BinaryConvOptions options;
    JsonPair kernel{input.shape[1], input.shape[2]};
    std::vector<int32_t> out;
    std::vector<int32_t> weights_shape;
    if (whole) {
      const auto channels = fields_.List(layer, "out", 1, 1, kLargestDimension);
      if (!channels) return false;
      out = {1, 1, (*channels)[0]};
      weights_shape = {out[2], static_cast<int32_t>(input.elements())};
    } else {
      const auto shape = fields_.ImageShape(layer, "out");
      const auto size = fields_.ReadPair(layer, "kernel", 1, kLargestDimension);
      const auto stride = fields_.ReadPair(layer, "stride", 1, kLargestDimension);
      const auto pad = fields_.ReadPair(layer, "pad", 0, kLargestDimension);
      if (!shape || !size || !stride || !pad) return false;
      if (pad->y >= size->y || pad->x >= size->x) {
        fields_.Fail(Code::kPackedValue, fmt::format("\"pad\" is {} x {}", pad->y, pad->x),
                     fmt::format("less than the kernel, {} x {}", size->y, size->x));
        return false;
      }
      if (!CheckOut(*shape, *size, *stride, *pad)) return false;
      out = *shape;
      kernel = *size;
      options.stride_h = stride->y;
      options.stride_w = stride->x;
      options.pad_top = pad->y;
      options.pad_left = pad->x;
      weights_shape = {out[2], kernel.y, kernel.x, input.shape[3]};
    }
    if (Has(layer, "outside")) {
      const Json& outside = At(layer, "outside");
      if (!Is(outside, "minus") && !Is(outside, "zero")) {
        fields_.Fail(Code::kPackedValue, "\"outside\" is not known", "\"minus\" or \"zero\"");
        return false;
      }
      options.skip_outside = Is(outside, "zero");
    }
    const auto filter =
        ReadWeights(layer, weights_shape, {out[2], kernel.y, kernel.x, input.shape[3]}, bits);
    const auto channels = static_cast<size_t>(out[2]);
    if (Has(layer, "gate")) {
      if (input.planes != 2) {
        fields_.Fail(Code::kPackedShape, "\"gate\" is given, but \"planes_in\" is 1",
                     "gates decide whether the second of two planes counts");
        return false;
      }
      const auto gates = fields_.List(layer, "gate", channels, INT32_MIN, INT32_MAX);
      if (!gates) return false;
      options.gates = *gates;
    }
    if (Has(layer, "activity")) {
      const auto activity = fields_.List(layer, "activity", channels, 0, INT32_MAX);
      if (!activity) return false;
      options.activity = *activity;
    }
    auto output = ReadOutput(layer, out, &options);
    if (!filter || !output) return false;
    const int32_t input_tensor = current_;
    const int32_t filter_tensor = Add(*filter);
    const int32_t output_tensor = Add(std::move(*output));
    std::vector<int32_t> operands = {input_tensor, filter_tensor};
    if (residual_ >= 0) operands.push_back(residual_);
    AddOperator(OperatorType::kBinaryConv2d, std::move(operands), output_tensor,
                std::move(options));
    if (const auto problem = CheckSums(model_, model_.operators.back())) {
      fields_.Fail(Code::kModelSums, *problem,
                   "fewer inputs of an output, or smaller weights or biases");
      return false;
    }
    return true;
  }

  // The filter, of shape `shape`; `written` is its shape in the file.
  std::optional<Tensor> ReadWeights(const Json& layer, const std::vector<int32_t>& written,
                                    const std::vector<int32_t>& shape, bool bits) {
    const auto part = WeightsOf(layer, written, bits ? 1 : 8);
    if (!part) return std::nullopt;
    const std::string name = layer_name_ + " weights";
    if (!bits) return ByteFilter(name, shape, std::vector<uint8_t>(part->begin(), part->end()));
    return BitFilter(name, shape, [&](int64_t i) { return ((*part)[i / 8] >> i % 8 & 1) != 0; });
  }

  // The same of int16, little endian.
  std::optional<Tensor> ReadWideWeights(const Json& layer, const std::vector<int32_t>& shape) {
    const auto part = WeightsOf(layer, shape, 16);
    if (!part) return std::nullopt;
    Tensor tensor = ByteFilter(layer_name_ + " weights", shape,
                               std::vector<uint8_t>(part->begin(), part->end()));
    tensor.type = TensorType::kInt16;
    return tensor;
  }

  // The bytes of a layer's weights, `width` bits each, of shape `written`.
  std::optional<std::span<const uint8_t>> WeightsOf(const Json& layer,
                                                    const std::vector<int32_t>& written,
                                                    int64_t width) {
    const auto given = fields_.List(layer, "weights_shape", written.size(), 1, kMostElements);
    const Json* offset_value =
        fields_.Find(layer, "weights_offset", "the byte where its weights begin");
    if (!given || offset_value == nullptr) return std::nullopt;
    if (*given != written) {
      fields_.Fail(Code::kPackedShape, fmt::format("\"weights_shape\" is {}", ShapeText(*given)),
                   fmt::format("{} follows from \"in\", \"out\"{}", ShapeText(written),
                               written.size() == 4 ? " and \"kernel\"" : ""));
      return std::nullopt;
    }
    const auto offset = fields_.ToInteger(*offset_value, "\"weights_offset\"", 0, INT64_MAX / 2);
    if (!offset || !fields_.FitsElements(std::vector<int64_t>(written.begin(), written.end()),
                                         "weights_shape")) {
      return std::nullopt;
    }
    int64_t count = 1;
    for (int32_t size : written) count *= size;
    const int64_t bytes = (count * width + 7) / 8;
    if (*offset < static_cast<int64_t>(weights_end_)) {
      fields_.Fail(Code::kPackedWeights, fmt::format("\"weights_offset\" is {}", *offset),
                   fmt::format("{} or more: weights follow each other in the order of layers",
                               weights_end_));
      return std::nullopt;
    }
    if (*offset + bytes > static_cast<int64_t>(weights_.size())) {
      fields_.Fail(Code::kPackedWeights,
                   fmt::format("its {} {} need bytes {} to {} of the file of weights, which has {}",
                               count, width == 1 ? "bits" : "weights", *offset, *offset + bytes - 1,
                               weights_.size()),
                   "a complete file of weights, and \"weights_offset\" in bytes");
      return std::nullopt;
    }
    const auto start = static_cast<size_t>(*offset);
    weights_end_ = start + static_cast<size_t>(bytes);
    return weights_.subspan(start, static_cast<size_t>(bytes));
  }

  // The output tensor, and what `options` says about it: one of thresholds, bias and rescale.
  std::optional<Tensor> ReadOutput(const Json& layer, const std::vector<int32_t>& out,
                                   BinaryConvOptions* options) {
    const auto channels = static_cast<size_t>(out[2]);
    const int kinds =
        static_cast<int>(Has(layer, "thresholds")) + static_cast<int>(Has(layer, "bias")) +
        static_cast<int>(Has(layer, "rescale")) + static_cast<int>(Has(layer, "affine"));
    residual_ = -1;
    if (kinds != 1) {
      fields_.Fail(
          Code::kPackedKey,
          fmt::format("{} of \"thresholds\", \"bias\", \"rescale\" and \"affine\" are given",
                      kinds),
          "one: for bits, for int32 sums (last layer), for int8, or for int16 values");
      return std::nullopt;
    }
    if (Has(layer, "affine")) return ReadAffine(layer, out, options);
    if (Has(layer, "thresholds")) return ReadThresholds(layer, out, options);
    for (const char* key : {"planes_out", "flip"}) {
      if (!Has(layer, key)) continue;
      fields_.Fail(Code::kPackedKey, fmt::format("\"{}\" is given without \"thresholds\"", key),
                   "only outputs of bits have it");
      return std::nullopt;
    }
    if (Has(layer, "bias")) {
      if (!is_last_) {
        fields_.Fail(Code::kPackedKey, "\"bias\" makes int32 sums of a layer that is not the last",
                     "\"thresholds\" or \"rescale\"");
        return std::nullopt;
      }
      const auto bias = fields_.List(layer, "bias", channels, INT32_MIN, INT32_MAX);
      if (!bias) return std::nullopt;
      options->bias = *bias;
      Tensor output = ByteTensor(layer_name_, out[0], out[1], out[2], TensorType::kInt32, 0);
      return output;
    }
    return ReadRescale(At(layer, "rescale"), out, options);
  }

  // Values of int16, and codes.
  std::optional<Tensor> ReadAffine(const Json& layer, const std::vector<int32_t>& out,
                                   BinaryConvOptions* options) {
    const Json& affine = At(layer, "affine");
    if (!IsObject(affine)) {
      fields_.Fail(Code::kPackedValue, "\"affine\" is " + KindOf(affine),
                   "an object with \"multipliers\", \"biases\" ...");
      return std::nullopt;
    }
    if (Has(layer, "flip") || Has(layer, "planes_out") != Has(affine, "codes")) {
      fields_.Fail(Code::kPackedKey,
                   Has(layer, "flip") ? "\"flip\" is given with \"affine\""
                                      : "only one of \"planes_out\" and \"codes\" is given",
                   "\"planes_out\" where values also become codes, and no \"flip\"");
      return std::nullopt;
    }
    const auto channels = static_cast<size_t>(out[2]);
    if (channels % 8 != 0) {
      fields_.Fail(Code::kPackedShape, fmt::format("\"out\" has {} channels", channels),
                   "a multiple of 8 with \"affine\"");
      return std::nullopt;
    }
    std::optional<int32_t> planes;
    if (Has(layer, "planes_out")) {
      planes = fields_.Integer(layer, "planes_out", 1, 2);
      if (!planes) return std::nullopt;
    }
    const std::string where = fields_.where;
    fields_.where += ", affine";
    fields_.CheckKeys(affine, {"plane_weights", "sum_shift", "multipliers", "biases", "shift",
                               "slopes", "slope_shift", "offsets", "scales", "scale_biases",
                               "scale_shift", "codes", "residual"});
    AffineOptions a;
    bool good = true;
    const auto list = [&](const char* key, size_t length, int64_t least, int64_t most) {
      const auto values = fields_.List(affine, key, length, least, most);
      good &= values.has_value();
      return values ? *values : std::vector<int32_t>(length);
    };
    const auto shift = [&](const char* key) {
      const auto value = fields_.Integer(affine, key, 0, kMostAffineShift);
      good &= value.has_value();
      return value ? *value : 0;
    };
    const std::vector<int32_t> plane_weights = list("plane_weights", 2, 0, UINT8_MAX);
    std::copy(plane_weights.begin(), plane_weights.end(), a.plane_weights);
    a.sum_shift = shift("sum_shift");
    a.multipliers = list("multipliers", channels, INT16_MIN, INT16_MAX);
    a.biases = list("biases", channels, -kAffineBias, kAffineBias - 1);
    a.shift = shift("shift");
    a.slopes = list("slopes", channels, INT16_MIN, INT16_MAX);
    a.slope_shift = shift("slope_shift");
    a.offsets = list("offsets", channels, INT16_MIN, INT16_MAX);
    a.scales = list("scales", channels, INT16_MIN, INT16_MAX);
    a.scale_biases = list("scale_biases", channels, -kAffineBias, kAffineBias - 1);
    a.scale_shift = shift("scale_shift");
    if (planes) {
      a.codes = list("codes", *planes == 1 ? 1 : 3, INT16_MIN, INT16_MAX);
      if (good && !std::is_sorted(a.codes.begin(), a.codes.end())) {
        fields_.Fail(Code::kPackedValue, "\"codes\" are not ascending",
                     "each one as large as the one before, or larger");
        good = false;
      }
    }
    if (Has(affine, "residual")) good &= ReadResidual(At(affine, "residual"), out);
    fields_.where = where;
    if (!good) return std::nullopt;
    options->affine = std::move(a);
    if (!planes) {
      return ByteTensor(layer_name_, out[0], out[1], out[2], TensorType::kInt16, 0);
    }
    Tensor output = BitTensor(layer_name_, out[0], out[1], out[2], *planes);
    output.values = true;
    return output;
  }

  // What values are added to: of the output's size or twice of it, with a divisor of its channels.
  bool ReadResidual(const Json& name, const std::vector<int32_t>& out) {
    const std::optional<int32_t> number = Named(name, "residual");
    if (!number) return false;
    const Tensor& tensor = model_.tensors[*number];
    const bool values = tensor.values || tensor.type == TensorType::kInt16;
    const bool same = values && tensor.shape[1] == out[0] && tensor.shape[2] == out[1];
    const bool twice = values && tensor.shape[1] == 2 * out[0] && tensor.shape[2] == 2 * out[1];
    if ((!same && !twice) || out[2] % tensor.shape[3] != 0) {
      fields_.Fail(Code::kPackedShape,
                   fmt::format("\"residual\" is [{},{},{}]{}", tensor.shape[1], tensor.shape[2],
                               tensor.shape[3], values ? "" : " without values"),
                   "a layer with \"affine\", height and width of \"out\" or twice of both, and a "
                   "divisor of its channels");
      return false;
    }
    residual_ = *number;
    return true;
  }

  // Means over the image, and matrix products in fixed point.
  bool ReadRoundedSums(const Json& layer, bool mean) {
    const Tensor input = model_.tensors[current_];
    std::vector<std::string_view> keys = {"type", "name", "input", "in", "out"};
    if (mean) keys.push_back("shift");
    if (!mean) {
      keys.insert(keys.end(), {"weights_offset", "weights_shape", "product_shift", "bias"});
    }
    fields_.CheckKeys(layer, keys);
    if (input.type != TensorType::kInt16) {
      fields_.Fail(Code::kPackedShape, "its input is not int16 values",
                   "a layer with \"affine\" and without codes, or \"mean\"");
      return false;
    }
    if (!CheckIn(layer, !mean)) return false;
    const auto out = fields_.List(layer, "out", 1, 1, kLargestDimension);
    if (!out) return false;
    const int32_t channels = (*out)[0];
    RoundedSumsOptions options;
    std::vector<int32_t> operands = {current_};
    if (mean) {
      const auto shift = fields_.Integer(layer, "shift", 0, kMostAffineShift);
      if (!shift) return false;
      options.sum_shift = *shift;
      if (channels != input.shape[3]) {
        fields_.Fail(Code::kPackedShape, fmt::format("\"out\" has {} channels", channels),
                     fmt::format("{}, those of \"in\"", input.shape[3]));
        return false;
      }
      if (int64_t{input.shape[1]} * input.shape[2] > kMostMeanPixels) {
        fields_.Fail(Code::kPackedShape, "its image has too many pixels",
                     fmt::format("at most {}", kMostMeanPixels));
        return false;
      }
    } else {
      if (!is_last_) {
        fields_.Fail(Code::kPackedKey, "\"vfc\" makes int32 sums, and is not the last layer",
                     "it as the last layer");
        return false;
      }
      const auto shift = fields_.Integer(layer, "product_shift", 0, kMostAffineShift);
      const auto bias =
          fields_.List(layer, "bias", static_cast<size_t>(channels), INT32_MIN, INT32_MAX);
      const auto elements = static_cast<int32_t>(input.elements());
      const auto filter = ReadWideWeights(layer, {channels, elements});
      if (!shift || !bias || !filter) return false;
      options.product_shift = *shift;
      options.bias = *bias;
      for (int32_t o = 0; o < channels; ++o) {
        int64_t reach = std::abs(int64_t{options.bias[static_cast<size_t>(o)]});
        for (int32_t i = 0; i < elements; ++i) {
          const size_t at =
              2 * (static_cast<size_t>(o) * static_cast<size_t>(elements) + static_cast<size_t>(i));
          const auto weight = static_cast<int16_t>(filter->data[at] | filter->data[at + 1] << 8);
          reach += (std::abs(int64_t{weight}) << 15 >> options.product_shift) + 1;
        }
        if (reach <= INT32_MAX) continue;
        fields_.Fail(Code::kModelSums,
                     fmt::format("sums of channel {} can reach {}, beyond 32 bits", o, reach),
                     "smaller weights or biases, or a larger shift");
        return false;
      }
      operands.push_back(Add(*filter));
    }
    const int32_t output = Add(
        ByteTensor(layer_name_, 1, 1, channels, mean ? TensorType::kInt16 : TensorType::kInt32, 0));
    AddOperator(OperatorType::kRoundedSums, std::move(operands), output, std::move(options));
    return true;
  }

  std::optional<Tensor> ReadThresholds(const Json& layer, const std::vector<int32_t>& out,
                                       BinaryConvOptions* options) {
    const auto channels = static_cast<size_t>(out[2]);
    const auto planes = fields_.Integer(layer, "planes_out", 1, 2);
    if (!planes) return std::nullopt;
    const size_t lists = *planes == 1 ? 1 : 3;
    const Json& thresholds = At(layer, "thresholds");
    if (!IsList(thresholds) || Size(thresholds) != lists) {
      fields_.Fail(IsList(thresholds) ? Code::kPackedShape : Code::kPackedValue,
                   fmt::format("\"thresholds\" is {}", KindOf(thresholds)),
                   fmt::format("a list of {} lists for \"planes_out\" {}", lists, *planes));
      return std::nullopt;
    }
    for (size_t i = 0; i < lists; ++i) {
      const auto list = fields_.ToList(Element(thresholds, i), fmt::format("thresholds[{}]", i),
                                       channels, INT32_MIN, INT32_MAX);
      if (!list) return std::nullopt;
      for (size_t o = 0; i > 0 && o < channels; ++o) {
        const int32_t before = options->thresholds[i - 1][o];
        if ((*list)[o] >= before) continue;
        fields_.Fail(Code::kPackedValue,
                     fmt::format("\"thresholds\" of channel {} are not ascending: {} after {}", o,
                                 (*list)[o], before),
                     "each one as large as the one before, or larger");
        return std::nullopt;
      }
      options->thresholds.push_back(*list);
    }
    options->flip.assign(channels, 0);
    if (Has(layer, "flip")) {
      const auto flip = fields_.List(layer, "flip", channels, 0, 1);
      if (!flip) return std::nullopt;
      options->flip.assign(flip->begin(), flip->end());
    }
    return BitTensor(layer_name_, out[0], out[1], out[2], *planes);
  }

  std::optional<Tensor> ReadRescale(const Json& rescale, const std::vector<int32_t>& out,
                                    BinaryConvOptions* options) {
    if (!IsObject(rescale)) {
      fields_.Fail(Code::kPackedValue, "\"rescale\" is " + KindOf(rescale),
                   "an object with \"multipliers\", \"shifts\" and \"zero_point\"");
      return std::nullopt;
    }
    const std::string where = fields_.where;
    fields_.where += ", rescale";
    const auto channels = static_cast<size_t>(out[2]);
    fields_.CheckKeys(rescale, {"multipliers", "shifts", "zero_point", "bias"});
    const auto multipliers = fields_.List(rescale, "multipliers", channels, 0, INT32_MAX);
    const auto shifts = fields_.List(rescale, "shifts", channels, -31, kMaxLeftShift);
    const auto zero_point = fields_.Integer(rescale, "zero_point", -128, 127);
    const auto bias = Has(rescale, "bias")
                          ? fields_.List(rescale, "bias", channels, INT32_MIN, INT32_MAX)
                          : std::vector<int32_t>();
    fields_.where = where;
    if (!multipliers || !shifts || !zero_point || !bias) return std::nullopt;
    options->multipliers = *multipliers;
    options->shifts = *shifts;
    options->bias = *bias;
    return ByteTensor(layer_name_, out[0], out[1], out[2], TensorType::kInt8, *zero_point);
  }

  JsonFields fields_;
  std::span<const uint8_t> weights_;
  size_t weights_end_ = 0;  // of the layers so far
  Model model_;
  int32_t current_ = -1;                  // the tensor that the next layer reads
  int32_t residual_ = -1;                 // what the layer's values are added to
  std::map<std::string, int32_t> names_;  // tensors by the names of their layers
  std::string layer_name_;                // such as "layer 3"
  bool is_last_ = false;
};

}  // namespace

Result<Model> ReadPacked(std::string_view json, std::span<const uint8_t> weights,
                         const std::string& name) {
  const Result<std::shared_ptr<const Json>> root = ParseJson(json, name);
  if (!root) return root.errors();
  return PackedReader(weights, name).Run(**root);
}

Result<Model> LoadPacked(const std::string& path) {
  const Result<std::vector<uint8_t>> json = ReadModelFile(path);
  if (!json.ok()) return json.errors();
  return ReadPackedWithFile(BytesView(*json), path);
}

Result<Model> ReadPackedWithFile(std::string_view json, const std::string& path) {
  if (path == kStandardStream) {
    return Diagnostic{Code::kPackedWeights, SourceLocation{InputName(path)},
                      "a packed-bit network from standard input has no file of weights beside it",
                      "give the path of the .json file"};
  }
  const std::filesystem::path file_path(path);
  const std::string weights_path = std::filesystem::path(file_path).replace_extension(".bin");
  const Result<std::vector<uint8_t>> weights = ReadModelFile(weights_path);
  if (!weights.ok()) {
    Diagnostics errors = weights.errors();
    errors[0].hint = fmt::format("it belongs to {}, whose weights it holds", path);
    return errors;
  }
  return ReadPacked(json, *weights, file_path.filename().string());
}

}  // namespace npugen

// SPDX-License-Identifier: Apache-2.0
// JSON is checked for syntax, depth and repeated keys before it is kept; then layer by layer.
#include "sw/model/packed_reader.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <vector>

#include "generator/support/file.h"
#include "generator/support/text.h"
#include "sw/model/bit_model.h"
#include "sw/model/describe.h"
#include "sw/model/file_bytes.h"
#include "sw/model/quantization.h"

namespace npugen {
namespace {

using Json = nlohmann::json;
using Code = DiagnosticCode;

constexpr char kFormat[] = "packed-bit network, version 1";
constexpr size_t kLargestJson = size_t{16} << 20;
constexpr size_t kDeepest = 8;  // the format itself has five levels
constexpr int32_t kLargestDimension = 65535;
constexpr int64_t kMostElements = std::numeric_limits<int32_t>::max();
constexpr size_t kMostDiagnostics = 50;
constexpr int32_t kMostLevels = 255;

// Finds what parsing into a tree would not tell: where the syntax is wrong, how deep values are
// nested, which keys are given twice.
class JsonCheck : public nlohmann::json_sax<Json> {
 public:
  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(number_integer_t) override { return true; }
  bool number_unsigned(number_unsigned_t) override { return true; }
  bool number_float(number_float_t, const string_t&) override { return true; }
  bool string(string_t&) override { return true; }
  bool binary(binary_t&) override { return true; }
  bool start_object(size_t) override { return Enter(); }
  bool start_array(size_t) override { return Enter(); }
  bool end_object() override { return Leave(); }
  bool end_array() override { return Leave(); }
  bool key(string_t& key) override {
    if (keys_.back().insert(key).second) return true;
    code = Code::kPackedKey;
    problem = fmt::format("the key \"{}\" is given twice in one object",
                          PrintableName(key.substr(0, 40)));
    return false;
  }
  bool parse_error(size_t position, const std::string&, const Json::exception& error) override {
    code = Code::kPackedSyntax;
    at = position;
    problem = error.what();
    // "[json.exception.parse_error.101] parse error at line 1, column 5: syntax error while ..."
    if (const size_t text = problem.find(": "); text != std::string::npos) {
      problem = problem.substr(text + 2, 200);
    }
    return false;
  }

  Code code = Code::kPackedSyntax;
  std::string problem;
  size_t at = 0;  // bytes read when the syntax was found wrong; 0: not known

 private:
  bool Enter() {
    keys_.emplace_back();
    if (keys_.size() <= kDeepest) return true;
    problem = fmt::format("values are nested more than {} deep", kDeepest);
    return false;
  }
  bool Leave() {
    keys_.pop_back();
    return true;
  }
  std::vector<std::set<std::string>> keys_;
};

std::string KindOf(const Json& value) {
  if (value.is_number_float()) return "a number with a fraction or beyond 64 bits";
  if (value.is_number()) return "a number";
  if (value.is_array()) return fmt::format("a list of {}", value.size());
  if (value.is_object()) return "an object";
  if (value.is_string()) return "text";
  return value.is_null() ? "null" : "true or false";
}

bool SameInteger(const Json& value, int64_t number) {
  return value.is_number_integer() && value == number;
}

struct Pair {
  int32_t y = 0;
  int32_t x = 0;
};

class Reader {
 public:
  Reader(std::span<const uint8_t> weights, const std::string& name) : weights_(weights) {
    model_.name = name;
  }

  Result<Model> Run(const Json& root) {
    if (ReadRoot(root) && errors_.empty()) return std::move(model_);
    if (errors_.empty()) Fail(Code::kInternal, "a packed-bit network was not understood", "");
    return errors_;
  }

 private:
  void Fail(Code code, const std::string& message, const std::string& hint) {
    if (errors_.size() >= kMostDiagnostics) return;
    Diagnostic error;
    error.code = code;
    error.location.file = model_.name;
    error.message = where_.empty() ? message : where_ + ": " + message;
    error.hint = hint;
    errors_.push_back(std::move(error));
  }

  // Refuses the keys of `object` that are not in `known`.
  void CheckKeys(const Json& object, const std::vector<std::string_view>& known) {
    for (const auto& [key, value] : object.items()) {
      if (std::find(known.begin(), known.end(), key) != known.end()) continue;
      const std::string_view nearest =
          key.size() < 40 ? NearestWord(key, known) : std::string_view();
      Fail(Code::kPackedKey, fmt::format("unknown key \"{}\"", PrintableName(key.substr(0, 40))),
           nearest.empty() ? fmt::format("keys here: {}", fmt::join(known, ", "))
                           : fmt::format("did you mean \"{}\"?", nearest));
    }
  }

  // The value of a key; null and an error if it is missing.
  const Json* Find(const Json& object, const char* key, const std::string& legal) {
    const auto found = object.find(key);
    if (found != object.end()) return &*found;
    Fail(Code::kPackedKey, fmt::format("the key \"{}\" is missing", key), legal);
    return nullptr;
  }

  // An integer in [least, most]. `what` names it in messages.
  std::optional<int64_t> ToInteger(const Json& value, const std::string& what, int64_t least,
                                   int64_t most) {
    const std::string legal = fmt::format("an integer from {} to {}", least, most);
    if (!value.is_number_integer()) {
      Fail(Code::kPackedValue, fmt::format("{} is {}", what, KindOf(value)), legal);
      return std::nullopt;
    }
    const bool huge = value.is_number_unsigned() && value.get<uint64_t>() > uint64_t{INT64_MAX};
    if (huge || value.get<int64_t>() < least || value.get<int64_t>() > most) {
      Fail(Code::kPackedValue,
           huge ? fmt::format("{} is {}", what, value.get<uint64_t>())
                : fmt::format("{} is {}", what, value.get<int64_t>()),
           legal);
      return std::nullopt;
    }
    return value.get<int64_t>();
  }

  std::optional<int32_t> Integer(const Json& object, const char* key, int32_t least, int32_t most) {
    const Json* value = Find(object, key, fmt::format("an integer from {} to {}", least, most));
    if (value == nullptr) return std::nullopt;
    const auto number = ToInteger(*value, fmt::format("\"{}\"", key), least, most);
    if (!number) return std::nullopt;
    return static_cast<int32_t>(*number);
  }
  std::optional<int32_t> IntegerOr(const Json& object, const char* key, int32_t least, int32_t most,
                                   int32_t otherwise) {
    return object.contains(key) ? Integer(object, key, least, most) : otherwise;
  }

  // One number for both directions, or [vertical, horizontal].
  std::optional<Pair> ReadPair(const Json& object, const char* key, int32_t least, int32_t most) {
    const Json* value = Find(object, key, fmt::format("{} to {}, or two of them", least, most));
    if (value == nullptr) return std::nullopt;
    if (!value->is_array()) {
      const auto both = ToInteger(*value, fmt::format("\"{}\"", key), least, most);
      if (!both) return std::nullopt;
      return Pair{static_cast<int32_t>(*both), static_cast<int32_t>(*both)};
    }
    const auto two = ToList(*value, key, 2, least, most);
    if (!two) return std::nullopt;
    return Pair{(*two)[0], (*two)[1]};
  }

  // A list of `length` integers.
  std::optional<std::vector<int32_t>> ToList(const Json& value, const std::string& key,
                                             size_t length, int64_t least, int64_t most) {
    if (!value.is_array() || value.size() != length) {
      Fail(value.is_array() ? Code::kPackedShape : Code::kPackedValue,
           fmt::format("\"{}\" is {}", key, KindOf(value)),
           fmt::format("a list of {} integers", length));
      return std::nullopt;
    }
    std::vector<int32_t> list;
    list.reserve(length);
    for (size_t i = 0; i < length; ++i) {
      const auto number =
          ToInteger(value[i], fmt::format("element {} of \"{}\"", i, key), least, most);
      if (!number) return std::nullopt;
      list.push_back(static_cast<int32_t>(*number));
    }
    return list;
  }
  std::optional<std::vector<int32_t>> List(const Json& object, const char* key, size_t length,
                                           int64_t least, int64_t most) {
    const Json* value = Find(object, key, fmt::format("a list of {} integers", length));
    if (value == nullptr) return std::nullopt;
    return ToList(*value, key, length, least, most);
  }

  // The shape of an image: [H,W,C].
  std::optional<std::vector<int32_t>> ImageShape(const Json& object, const char* key) {
    auto shape = List(object, key, 3, 1, kLargestDimension);
    if (shape && !FitsElements({1, (*shape)[0], (*shape)[1], (*shape)[2]}, key)) return {};
    return shape;
  }
  bool FitsElements(const std::vector<int64_t>& dimensions, const std::string& key) {
    int64_t count = 1;
    for (int64_t dimension : dimensions) {
      // Neither factor exceeds 2^31: no overflow.
      count *= dimension;
      if (count <= kMostElements) continue;
      Fail(Code::kModelTooLarge,
           fmt::format("\"{}\" [{}] has too many elements", key, fmt::join(dimensions, ",")),
           fmt::format("at most {}", kMostElements));
      return false;
    }
    return true;
  }

  int32_t Add(Tensor tensor) { return AppendTensor(&model_, std::move(tensor)); }
  void AddOperator(OperatorType type, std::vector<int32_t> inputs, int32_t output,
                   OperatorOptions options) {
    AppendOperator(&model_, type, std::move(inputs), output, std::move(options));
    current_ = output;
  }

  bool ReadRoot(const Json& root) {
    if (!root.is_object()) {
      Fail(Code::kPackedValue, "the file holds " + KindOf(root), "an object with \"format\"");
      return false;
    }
    const Json* format = Find(root, "format", fmt::format("\"{}\"", kFormat));
    if (format == nullptr) return false;
    if (*format != kFormat) {
      Fail(Code::kPackedValue,
           format->is_string()
               ? fmt::format("\"format\" is \"{}\"",
                             PrintableName(format->get<std::string>().substr(0, 60)))
               : fmt::format("\"format\" is {}", KindOf(*format)),
           fmt::format("\"{}\"", kFormat));
      return false;
    }
    // "measured" and "comment" are for people.
    CheckKeys(root, {"format", "input", "layers", "measured", "comment"});
    const Json* input = Find(root, "input", "an object with \"shape\" and \"encode\"");
    const Json* layers = Find(root, "layers", "a list of objects");
    if (input == nullptr || layers == nullptr) return false;
    if (!layers->is_array() || layers->empty()) {
      Fail(Code::kPackedValue, fmt::format("\"layers\" is {}", KindOf(*layers)),
           "a list of at least one object");
      return false;
    }
    where_ = "input";
    if (!ReadInput(*input) || !errors_.empty()) return false;
    for (size_t i = 0; i < layers->size(); ++i) {
      const bool good = ReadLayer((*layers)[i], i, layers->size());
      if (!good || !errors_.empty()) return false;
    }
    where_.clear();
    model_.outputs = {current_};
    if (weights_end_ != weights_.size()) {
      Fail(Code::kPackedWeights,
           fmt::format("the file of weights has {} bytes, but the last layer's end at byte {}",
                       weights_.size(), weights_end_),
           "nothing may follow the last layer's weights");
      return false;
    }
    return true;
  }

  bool ReadInput(const Json& input) {
    if (!input.is_object()) {
      Fail(Code::kPackedValue, "it is " + KindOf(input), "an object with \"shape\", \"encode\"");
      return false;
    }
    const Json* shape_value = Find(input, "shape", "[height, width] or [height, width, channels]");
    const Json* encode = Find(input, "encode", "\"thermometer\" or \"int8\"");
    if (shape_value == nullptr || encode == nullptr) return false;
    const bool flat = shape_value->is_array() && shape_value->size() == 2;
    auto shape = ToList(*shape_value, "shape", flat ? 2 : 3, 1, kLargestDimension);
    if (!shape) return false;
    if (flat) shape->push_back(1);
    if (!FitsElements({(*shape)[0], (*shape)[1], (*shape)[2]}, "shape")) return false;
    const int32_t height = (*shape)[0], width = (*shape)[1], channels = (*shape)[2];
    if (*encode == "int8") {
      CheckKeys(input, {"shape", "encode", "zero_point"});
      const auto zero_point = Integer(input, "zero_point", -128, 127);
      if (!zero_point) return false;
      current_ = Add(ByteTensor("input", height, width, channels, TensorType::kInt8, *zero_point));
      model_.inputs = {current_};
      return true;
    }
    if (*encode != "thermometer") {
      Fail(Code::kPackedValue, "\"encode\" is not known", "\"thermometer\" or \"int8\"");
      return false;
    }
    CheckKeys(input, {"shape", "encode", "levels", "first", "step"});
    const auto levels = Integer(input, "levels", 1, kMostLevels);
    const auto first = IntegerOr(input, "first", -128, 254, 0);
    const auto step = IntegerOr(input, "step", 1, 255, 1);
    if (!levels || !first || !step) return false;
    const int32_t last = *first + (*levels - 1) * *step;
    const bool is_signed = last < 127;
    if (last > 254 || (!is_signed && *first < 0)) {
      Fail(Code::kPackedValue, fmt::format("its levels run from {} to {}", *first, last),
           "-128 to 126 (bytes are int8) or 0 to 254 (bytes are uint8)");
      return false;
    }
    if (!FitsElements({height, width, int64_t{channels} * *levels}, "shape")) return false;
    current_ = Add(ByteTensor("input", height, width, channels,
                              is_signed ? TensorType::kInt8 : TensorType::kUint8, 0));
    model_.inputs = {current_};
    const int32_t input_tensor = current_;
    const int32_t bits =
        Add(BitTensor("thermometer", height, width, channels * *levels, /*planes=*/1));
    AddOperator(OperatorType::kThermometer, {input_tensor}, bits,
                ThermometerOptions{.levels = *levels, .first = *first, .step = *step});
    return true;
  }

  bool ReadLayer(const Json& layer, size_t number, size_t layers) {
    where_ = fmt::format("layer {}", number);
    layer_name_ = where_;
    is_last_ = number + 1 == layers;
    constexpr char kTypes[] = "\"bconv\", \"bfc\", \"maxpool\", \"conv\" or \"fc\"";
    if (!layer.is_object()) {
      Fail(Code::kPackedValue, "it is " + KindOf(layer), "an object with \"type\"");
      return false;
    }
    const Json* type = Find(layer, "type", kTypes);
    if (type == nullptr) return false;
    if (!type->is_string()) {
      Fail(Code::kPackedValue, "\"type\" is " + KindOf(*type), kTypes);
      return false;
    }
    const auto& name = type->get_ref<const std::string&>();
    const bool pool = name == "maxpool";
    const bool bits = name == "bconv" || name == "bfc";
    const bool whole = name == "bfc" || name == "fc";
    if (!pool && !bits && !whole && name != "conv") {
      Fail(Code::kPackedValue, fmt::format("\"type\" is \"{}\"", PrintableName(name.substr(0, 40))),
           kTypes);
      return false;
    }
    where_ = fmt::format("layer {} ({})", number, name);
    const Tensor& input = model_.tensors[current_];
    if (input.type == TensorType::kInt32 || (!pool && bits != (input.type == TensorType::kBits))) {
      const char* have = input.type == TensorType::kInt32  ? "int32 sums"
                         : input.type == TensorType::kBits ? "bits"
                                                           : "int8";
      Fail(Code::kPackedShape, fmt::format("its input is {}", have),
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
    const Json* in = Find(layer, "in", whole ? "[elements]" : "[height, width, channels]");
    if (in == nullptr) return false;
    const auto problem = [&] {
      Fail(
          Code::kPackedShape,
          in->is_array() && in->size() <= 8
              ? fmt::format("\"in\" is {}", PrintableName(in->dump().substr(0, 60)))
              : fmt::format("\"in\" is {}", KindOf(*in)),
          fmt::format("the layer before gives [{},{},{}]{}", input.shape[1], input.shape[2],
                      input.shape[3], whole ? fmt::format(", {} elements", input.elements()) : ""));
      return false;
    };
    if (!in->is_array()) return problem();
    if (whole && in->size() == 1) return SameInteger((*in)[0], input.elements()) || problem();
    if (in->size() != 3) return problem();
    for (size_t i = 0; i < 3; ++i) {
      if (!SameInteger((*in)[i], input.shape[i + 1])) return problem();
    }
    return true;
  }

  // "planes_in" has to be what the layer before gives.
  bool CheckPlanes(const Json& layer) {
    const Tensor& input = model_.tensors[current_];
    const auto planes = Integer(layer, "planes_in", 1, 2);
    if (!planes) return false;
    if (*planes == input.planes) return true;
    Fail(Code::kPackedShape, fmt::format("\"planes_in\" is {}", *planes),
         fmt::format("the layer before gives {}", input.planes));
    return false;
  }

  // "out" has to be what follows from kernel, stride and padding.
  bool CheckOut(const std::vector<int32_t>& out, const Pair& kernel, const Pair& stride,
                const Pair& pad) {
    const Tensor& input = model_.tensors[current_];
    const int64_t height = Positions(input.shape[1], kernel.y, stride.y, pad.y, pad.y);
    const int64_t width = Positions(input.shape[2], kernel.x, stride.x, pad.x, pad.x);
    if (height < 1 || width < 1) {
      Fail(Code::kPackedShape,
           fmt::format("\"kernel\" is {} x {}, larger than the padded image", kernel.y, kernel.x),
           fmt::format("at most {} x {}", input.shape[1] + 2 * pad.y, input.shape[2] + 2 * pad.x));
      return false;
    }
    if (out[0] == height && out[1] == width) return true;
    Fail(Code::kPackedShape, fmt::format("\"out\" is [{}]", fmt::join(out, ",")),
         fmt::format("{} x {} pixels follow from \"in\", \"kernel\", \"stride\" and \"pad\"",
                     height, width));
    return false;
  }

  bool ReadPool(const Json& layer) {
    const Tensor input = model_.tensors[current_];  // a copy: tensors are added below
    const bool bits = input.type == TensorType::kBits;
    std::vector<std::string_view> keys = {"type", "in", "out", "kernel", "stride"};
    if (bits) keys.insert(keys.end(), {"planes_in", "planes_out"});
    CheckKeys(layer, keys);
    if (!CheckIn(layer, false)) return false;
    const auto out = ImageShape(layer, "out");
    const auto kernel = ReadPair(layer, "kernel", 1, kLargestDimension);
    const auto stride = ReadPair(layer, "stride", 1, kLargestDimension);
    if (bits && !CheckPlanes(layer)) return false;
    if (!out || !kernel || !stride || !CheckOut(*out, *kernel, *stride, Pair{})) return false;
    if ((*out)[2] != input.shape[3]) {
      Fail(Code::kPackedShape, fmt::format("\"out\" has {} channels", (*out)[2]),
           fmt::format("{}, those of \"in\"", input.shape[3]));
      return false;
    }
    if (bits) {
      const auto planes = Integer(layer, "planes_out", 1, 2);
      if (!planes) return false;
      if (*planes != input.planes) {
        Fail(Code::kPackedShape, fmt::format("\"planes_out\" is {}", *planes),
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
        "type",       "in",         "out",  "weights_offset", "weights_shape",
        "planes_out", "thresholds", "flip", "bias",           "rescale"};
    if (!whole) keys.insert(keys.end(), {"kernel", "stride", "pad"});
    if (bits) keys.insert(keys.end(), {"planes_in", "gate", "activity"});
    if (bits && !whole) keys.push_back("outside");
    CheckKeys(layer, keys);
    if (!CheckIn(layer, whole)) return false;
    if (bits && !CheckPlanes(layer)) return false;

    BinaryConvOptions options;
    Pair kernel{input.shape[1], input.shape[2]};
    std::vector<int32_t> out;
    std::vector<int32_t> weights_shape;
    if (whole) {
      const auto channels = List(layer, "out", 1, 1, kLargestDimension);
      if (!channels) return false;
      out = {1, 1, (*channels)[0]};
      weights_shape = {out[2], static_cast<int32_t>(input.elements())};
    } else {
      const auto shape = ImageShape(layer, "out");
      const auto size = ReadPair(layer, "kernel", 1, kLargestDimension);
      const auto stride = ReadPair(layer, "stride", 1, kLargestDimension);
      const auto pad = ReadPair(layer, "pad", 0, kLargestDimension);
      if (!shape || !size || !stride || !pad) return false;
      if (pad->y >= size->y || pad->x >= size->x) {
        Fail(Code::kPackedValue, fmt::format("\"pad\" is {} x {}", pad->y, pad->x),
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
    if (layer.contains("outside")) {
      const Json& outside = layer["outside"];
      if (outside != "minus" && outside != "zero") {
        Fail(Code::kPackedValue, "\"outside\" is not known", "\"minus\" or \"zero\"");
        return false;
      }
      options.skip_outside = outside == "zero";
    }
    const auto filter =
        ReadWeights(layer, weights_shape, {out[2], kernel.y, kernel.x, input.shape[3]}, bits);
    const auto channels = static_cast<size_t>(out[2]);
    if (layer.contains("gate")) {
      if (input.planes != 2) {
        Fail(Code::kPackedShape, "\"gate\" is given, but \"planes_in\" is 1",
             "gates decide whether the second of two planes counts");
        return false;
      }
      const auto gates = List(layer, "gate", channels, INT32_MIN, INT32_MAX);
      if (!gates) return false;
      options.gates = *gates;
    }
    if (layer.contains("activity")) {
      const auto activity = List(layer, "activity", channels, 0, INT32_MAX);
      if (!activity) return false;
      options.activity = *activity;
    }
    auto output = ReadOutput(layer, out, &options);
    if (!filter || !output) return false;
    const int32_t input_tensor = current_;
    const int32_t filter_tensor = Add(*filter);
    const int32_t output_tensor = Add(std::move(*output));
    AddOperator(OperatorType::kBinaryConv2d, {input_tensor, filter_tensor}, output_tensor,
                std::move(options));
    if (const auto problem = CheckSums(model_, model_.operators.back())) {
      Fail(Code::kModelSums, *problem, "fewer inputs of an output, or smaller weights or biases");
      return false;
    }
    return true;
  }

  // The filter, of shape `shape`; `written` is its shape in the file.
  std::optional<Tensor> ReadWeights(const Json& layer, const std::vector<int32_t>& written,
                                    const std::vector<int32_t>& shape, bool bits) {
    const auto given = List(layer, "weights_shape", written.size(), 1, kMostElements);
    const Json* offset_value = Find(layer, "weights_offset", "the byte where its weights begin");
    if (!given || offset_value == nullptr) return std::nullopt;
    if (*given != written) {
      Fail(Code::kPackedShape, fmt::format("\"weights_shape\" is [{}]", fmt::join(*given, ",")),
           fmt::format("[{}] follows from \"in\", \"out\"{}", fmt::join(written, ","),
                       written.size() == 4 ? " and \"kernel\"" : ""));
      return std::nullopt;
    }
    const auto offset = ToInteger(*offset_value, "\"weights_offset\"", 0, INT64_MAX / 2);
    if (!offset || !FitsElements({shape[0], shape[1], shape[2], shape[3]}, "weights_shape")) {
      return std::nullopt;
    }
    const int64_t count = int64_t{shape[0]} * shape[1] * shape[2] * shape[3];
    const int64_t bytes = bits ? (count + 7) / 8 : count;
    if (*offset < static_cast<int64_t>(weights_end_)) {
      Fail(Code::kPackedWeights, fmt::format("\"weights_offset\" is {}", *offset),
           fmt::format("{} or more: weights follow each other in the order of layers",
                       weights_end_));
      return std::nullopt;
    }
    if (*offset + bytes > static_cast<int64_t>(weights_.size())) {
      Fail(Code::kPackedWeights,
           fmt::format("its {} {} need bytes {} to {} of the file of weights, which has {}", count,
                       bits ? "bits" : "weights", *offset, *offset + bytes - 1, weights_.size()),
           "a complete file of weights, and \"weights_offset\" in bytes");
      return std::nullopt;
    }
    const auto start = static_cast<size_t>(*offset);
    weights_end_ = start + static_cast<size_t>(bytes);
    const auto part = weights_.subspan(start, static_cast<size_t>(bytes));
    const std::string name = layer_name_ + " weights";
    if (!bits) return ByteFilter(name, shape, std::vector<uint8_t>(part.begin(), part.end()));
    return BitFilter(name, shape, [&](int64_t i) { return (part[i / 8] >> i % 8 & 1) != 0; });
  }

  // The output tensor, and what `options` says about it: one of thresholds, bias and rescale.
  std::optional<Tensor> ReadOutput(const Json& layer, const std::vector<int32_t>& out,
                                   BinaryConvOptions* options) {
    const auto channels = static_cast<size_t>(out[2]);
    const int kinds = static_cast<int>(layer.contains("thresholds")) +
                      static_cast<int>(layer.contains("bias")) +
                      static_cast<int>(layer.contains("rescale"));
    if (kinds != 1) {
      Fail(Code::kPackedKey,
           fmt::format("{} of \"thresholds\", \"bias\" and \"rescale\" are given", kinds),
           "one: for bits, for int32 sums (last layer), or for int8");
      return std::nullopt;
    }
    if (layer.contains("thresholds")) return ReadThresholds(layer, out, options);
    for (const char* key : {"planes_out", "flip"}) {
      if (!layer.contains(key)) continue;
      Fail(Code::kPackedKey, fmt::format("\"{}\" is given without \"thresholds\"", key),
           "only outputs of bits have it");
      return std::nullopt;
    }
    if (layer.contains("bias")) {
      if (!is_last_) {
        Fail(Code::kPackedKey, "\"bias\" makes int32 sums of a layer that is not the last",
             "\"thresholds\" or \"rescale\"");
        return std::nullopt;
      }
      const auto bias = List(layer, "bias", channels, INT32_MIN, INT32_MAX);
      if (!bias) return std::nullopt;
      options->bias = *bias;
      Tensor output = ByteTensor(layer_name_, out[0], out[1], out[2], TensorType::kInt32, 0);
      return output;
    }
    return ReadRescale(layer["rescale"], out, options);
  }

  std::optional<Tensor> ReadThresholds(const Json& layer, const std::vector<int32_t>& out,
                                       BinaryConvOptions* options) {
    const auto channels = static_cast<size_t>(out[2]);
    const auto planes = Integer(layer, "planes_out", 1, 2);
    if (!planes) return std::nullopt;
    const size_t lists = *planes == 1 ? 1 : 3;
    const Json& thresholds = layer["thresholds"];
    if (!thresholds.is_array() || thresholds.size() != lists) {
      Fail(thresholds.is_array() ? Code::kPackedShape : Code::kPackedValue,
           fmt::format("\"thresholds\" is {}", KindOf(thresholds)),
           fmt::format("a list of {} lists for \"planes_out\" {}", lists, *planes));
      return std::nullopt;
    }
    for (size_t i = 0; i < lists; ++i) {
      const auto list =
          ToList(thresholds[i], fmt::format("thresholds[{}]", i), channels, INT32_MIN, INT32_MAX);
      if (!list) return std::nullopt;
      for (size_t o = 0; i > 0 && o < channels; ++o) {
        const int32_t before = options->thresholds[i - 1][o];
        if ((*list)[o] >= before) continue;
        Fail(Code::kPackedValue,
             fmt::format("\"thresholds\" of channel {} are not ascending: {} after {}", o,
                         (*list)[o], before),
             "each one as large as the one before, or larger");
        return std::nullopt;
      }
      options->thresholds.push_back(*list);
    }
    options->flip.assign(channels, 0);
    if (layer.contains("flip")) {
      const auto flip = List(layer, "flip", channels, 0, 1);
      if (!flip) return std::nullopt;
      options->flip.assign(flip->begin(), flip->end());
    }
    return BitTensor(layer_name_, out[0], out[1], out[2], *planes);
  }

  std::optional<Tensor> ReadRescale(const Json& rescale, const std::vector<int32_t>& out,
                                    BinaryConvOptions* options) {
    if (!rescale.is_object()) {
      Fail(Code::kPackedValue, "\"rescale\" is " + KindOf(rescale),
           "an object with \"multipliers\", \"shifts\" and \"zero_point\"");
      return std::nullopt;
    }
    const std::string where = where_;
    where_ += ", rescale";
    const auto channels = static_cast<size_t>(out[2]);
    CheckKeys(rescale, {"multipliers", "shifts", "zero_point", "bias"});
    const auto multipliers = List(rescale, "multipliers", channels, 0, INT32_MAX);
    const auto shifts = List(rescale, "shifts", channels, -31, kMaxLeftShift);
    const auto zero_point = Integer(rescale, "zero_point", -128, 127);
    const auto bias = rescale.contains("bias")
                          ? List(rescale, "bias", channels, INT32_MIN, INT32_MAX)
                          : std::vector<int32_t>();
    where_ = where;
    if (!multipliers || !shifts || !zero_point || !bias) return std::nullopt;
    options->multipliers = *multipliers;
    options->shifts = *shifts;
    options->bias = *bias;
    return ByteTensor(layer_name_, out[0], out[1], out[2], TensorType::kInt8, *zero_point);
  }

  std::span<const uint8_t> weights_;
  size_t weights_end_ = 0;  // of the layers so far
  Model model_;
  int32_t current_ = -1;    // the tensor that the next layer reads
  std::string where_;       // such as "layer 3 (bconv)"
  std::string layer_name_;  // such as "layer 3"
  bool is_last_ = false;
  Diagnostics errors_;
};

}  // namespace

Result<Model> ReadPacked(std::string_view json, std::span<const uint8_t> weights,
                         const std::string& name) {
  Diagnostic error;
  error.location.file = name;
  if (json.size() > kLargestJson) {
    error.code = Code::kModelTooLarge;
    error.message = fmt::format("the list of layers has {} bytes", json.size());
    error.hint = fmt::format("at most {}", FormatBytes(kLargestJson));
    return error;
  }
  JsonCheck check;
  if (!Json::sax_parse(json.begin(), json.end(), &check)) {
    error.code = check.code;
    error.message = check.problem;
    if (check.at > 0) {
      const std::string_view read = json.substr(0, std::min(check.at, json.size()));
      error.location.line = 1 + static_cast<int>(std::count(read.begin(), read.end(), '\n'));
      const size_t line_start = read.rfind('\n');
      error.location.column = static_cast<int>(
          line_start == std::string_view::npos ? read.size() : read.size() - line_start - 1);
      error.location.column = std::max(error.location.column, 1);
    }
    error.hint = "docs/packed_bits.md describes the format";
    return error;
  }
  const Json root = Json::parse(json.begin(), json.end(), nullptr, /*allow_exceptions=*/false);
  return Reader(weights, name).Run(root);
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

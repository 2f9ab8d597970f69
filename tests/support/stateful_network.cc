// SPDX-License-Identifier: Apache-2.0
// Random networks with states, written operator by operator.
#include "tests/support/stateful_network.h"

#include <cmath>
#include <string>

#include "verif/random/draw.h"
#include "verif/random/tflite_writer.h"

namespace npugen::testing {
namespace {

constexpr int32_t kResource = 13;  // TensorType of the schema

std::vector<int8_t> Weights(RandomSource& random, size_t count) {
  std::vector<int8_t> weights(count);
  for (int8_t& weight : weights) weight = static_cast<int8_t>(random.Integer(-127, 127));
  return weights;
}

int32_t Bias(TfliteWriter& writer, RandomSource& random, int32_t count) {
  std::vector<int32_t> values(static_cast<size_t>(count));
  for (int32_t& value : values) value = static_cast<int32_t>(random.Integer(-3000, 3000));
  return writer.Integers({count}, values);
}

int32_t LongBias(TfliteWriter& writer, RandomSource& random, int32_t count) {
  std::vector<int64_t> values(static_cast<size_t>(count));
  for (int64_t& value : values) value = random.Integer(-3000000, 3000000);
  return writer.LongIntegers(values);
}

/// Of weights of `depth` products, so that results fill their range.
float WeightScale(float in, float out, int32_t depth) {
  return out / in / (40.0f * std::sqrt(static_cast<float>(depth)));
}

/// A tensor like `tensor`, of another shape.
int32_t Like(TfliteWriter& writer, int32_t tensor, std::vector<int32_t> shape) {
  Tensor copy = writer.model().tensors[tensor];
  const int32_t number = writer.Activation(std::move(shape), copy.scale(), copy.zero_point());
  writer.model().tensors[number].type = copy.type;
  return number;
}

/// Variables and the subgraph that sets them.
class Variables {
 public:
  Variables(TfliteWriter& writer, TfliteForm& form) : writer_(writer), form_(form) {}

  /// A variable like `tensor`: what READ_VARIABLE gives.
  int32_t Read(RandomSource& random, const std::string& name, int32_t tensor,
               const std::vector<int32_t>& shape, int32_t* handle) {
    *handle = Handle(name);
    const int32_t value = Like(writer_, tensor, shape);
    writer_.Append(OperatorType::kReshape, {*handle}, {value}, NoOptions{}, "READ_VARIABLE");
    const Tensor like = writer_.model().tensors[tensor];
    const int32_t initial = writer_.Weights(
        shape, Weights(random, static_cast<size_t>(writer_.model().tensors[value].elements())),
        {like.scale()});
    writer_.model().tensors[initial].zero_points = like.zero_points;
    first_.push_back({name, initial});
    return value;
  }

  void Assign(int32_t handle, int32_t value) {
    writer_.Append(OperatorType::kReshape, {handle, value}, {}, NoOptions{}, "ASSIGN_VARIABLE");
  }

  int32_t Handle(const std::string& name) {
    const int32_t handle = writer_.Floats({});
    form_.tensor_type[handle] = kResource;
    form_.variables[handle] = name;
    writer_.Append(OperatorType::kReshape, {}, {handle}, NoOptions{}, "VAR_HANDLE");
    return handle;
  }

  /// Writes the second subgraph; nothing may be appended behind it.
  void Finish() {
    const size_t before = writer_.model().operators.size();
    for (const auto& [name, initial] : first_) Assign(Handle(name), initial);
    form_.once_operators = static_cast<int>(writer_.model().operators.size() - before);
  }

 private:
  TfliteWriter& writer_;
  TfliteForm& form_;
  std::vector<std::pair<std::string, int32_t>> first_;
};

}  // namespace

std::vector<uint8_t> MakeStreamingNetwork(uint64_t seed) {
  RandomSource random(seed * 977 + 5);
  TfliteWriter writer("streaming");
  TfliteForm form;
  Variables variables(writer, form);
  writer.Append(OperatorType::kReshape, {}, {}, NoOptions{}, "CALL_ONCE");
  int32_t rows = static_cast<int32_t>(random.Integer(1, 3));
  int32_t channels = static_cast<int32_t>(random.Pick({3, 8, 16, 20, 40}));
  int32_t at =
      writer.Input({1, rows, 1, channels}, 0.1f, static_cast<int32_t>(random.Integer(-128, 20)));
  const int64_t layers = random.Integer(1, 4);
  for (int64_t layer = 0; layer < layers; ++layer) {
    const auto past = static_cast<int32_t>(random.Integer(1, 12));
    int32_t handle = 0;
    const int32_t ring =
        variables.Read(random, "ring" + std::to_string(layer), at, {1, past, 1, channels}, &handle);
    const int32_t all = Like(writer, at, {1, past + rows, 1, channels});
    writer.Append(OperatorType::kConcatenation, {ring, at}, {all}, AxisOptions{1});
    const int32_t kept = Like(writer, at, {1, past, 1, channels});
    writer.Append(OperatorType::kSlice,
                  {all, writer.Integers({4}, {0, -past, 0, 0}), writer.Integers({4}, {0, 0, 0, 0}),
                   writer.Integers({4}, {1, 1, 1, 1})},
                  {kept}, SliceOptions{}, "STRIDED_SLICE");
    form.slice_masks[static_cast<int32_t>(writer.model().operators.size() - 1)] = {.begin = 13,
                                                                                   .end = 15};
    variables.Assign(handle, kept);
    const float in_scale = writer.model().tensors[at].scale();
    const auto out_scale = static_cast<float>(random.Real(0.05, 0.3));
    const auto zero = static_cast<int32_t>(random.Integer(-128, 127));
    const bool depthwise = random.Integer(0, 1) == 1;
    // All rows become as many as came in, or fewer.
    const int32_t kernel = past + 1;
    const int32_t out_channels =
        depthwise ? channels : static_cast<int32_t>(random.Pick({1, 5, 8, 16, 24}));
    const int32_t out = writer.Activation({1, rows, 1, out_channels}, out_scale, zero);
    const ConvOptions options{.padding = Padding::kValid, .activation = Activation::kRelu};
    const int32_t depth = depthwise ? kernel : kernel * channels;
    const float scale = WeightScale(in_scale, out_scale, depth);
    if (depthwise) {
      const int32_t filter =
          writer.Weights({1, kernel, 1, channels},
                         Weights(random, static_cast<size_t>(kernel * channels)), {scale}, 3);
      writer.DepthwiseConv2d(all, filter, Bias(writer, random, channels), out, options);
    } else {
      const int32_t filter = writer.Weights(
          {out_channels, kernel, 1, channels},
          Weights(random, static_cast<size_t>(out_channels * kernel * channels)), {scale});
      writer.Conv2d(all, filter, Bias(writer, random, out_channels), out, options);
    }
    at = out;
    channels = out_channels;
  }
  writer.Output(at);
  variables.Finish();
  return writer.Write(form);
}

std::vector<uint8_t> MakeSvdfNetwork(uint64_t seed) {
  RandomSource random(seed * 1009 + 3);
  TfliteWriter writer("svdf");
  TfliteForm form;
  const auto batches = static_cast<int32_t>(random.Integer(1, 2));
  int32_t inputs = static_cast<int32_t>(random.Integer(1, 40));
  int32_t at =
      writer.Input({batches, inputs}, 0.05f, static_cast<int32_t>(random.Integer(-128, 127)));
  const int64_t layers = random.Integer(1, 3);
  for (int64_t layer = 0; layer < layers; ++layer) {
    const auto rank = static_cast<int32_t>(random.Integer(1, 2));
    const int32_t units = static_cast<int32_t>(random.Integer(1, 20)), filters = units * rank;
    const auto memory = static_cast<int32_t>(random.Integer(1, 10));
    const bool wide = random.Integer(0, 2) == 0;
    const float in_scale = writer.model().tensors[at].scale();
    const float state_scale = wide ? 0.001f : 0.1f;
    const int32_t feature =
        writer.Weights({filters, inputs}, Weights(random, static_cast<size_t>(filters * inputs)),
                       {WeightScale(in_scale, wide ? 0.2f : state_scale, inputs)});
    int32_t time = 0, state = 0;
    const float out_scale = 0.05f;
    const float time_scale = WeightScale(state_scale, out_scale, memory * rank);
    if (wide) {
      time = writer.Wide({filters, memory}, time_scale / 100.0f);
      Tensor& tensor = writer.model().tensors[time];
      tensor.is_constant = true;
      for (int32_t i = 0; i < filters * memory; ++i) {
        const auto value = static_cast<int16_t>(random.Integer(-127, 127));
        tensor.data.push_back(static_cast<uint8_t>(value));
        tensor.data.push_back(static_cast<uint8_t>(value >> 8));
      }
      state = writer.Wide({batches, filters * memory}, state_scale);
    } else {
      time = writer.Weights({filters, memory},
                            Weights(random, static_cast<size_t>(filters * memory)), {time_scale});
      state = writer.Activation({batches, filters * memory}, state_scale,
                                static_cast<int32_t>(random.Integer(-60, 60)));
    }
    form.variable_tensors.insert(state);
    const int32_t bias = random.Integer(0, 3) == 0 ? -1 : Bias(writer, random, units);
    const int32_t out = writer.Activation({batches, units}, out_scale,
                                          static_cast<int32_t>(random.Integer(-128, 20)));
    writer.Append(OperatorType::kSvdf, {at, feature, time, bias, state}, {out}, SvdfOptions{rank});
    inputs = static_cast<int32_t>(random.Integer(1, 16));
    at = writer.Activation({batches, inputs}, 0.08f, static_cast<int32_t>(random.Integer(-50, 50)));
    writer.FullyConnected(
        out,
        writer.Weights({inputs, units}, Weights(random, static_cast<size_t>(inputs * units)),
                       {WeightScale(out_scale, 0.08f, units)}),
        Bias(writer, random, inputs), at);
  }
  writer.Output(at);
  return writer.Write(form);
}

std::vector<uint8_t> MakeLstmNetwork(uint64_t seed) {
  RandomSource random(seed * 613 + 11);
  TfliteWriter writer("lstm");
  TfliteForm form;
  const bool wide = seed % 2 == 1;
  const auto batches = static_cast<int32_t>(random.Integer(1, 2));
  const auto steps = static_cast<int32_t>(random.Integer(1, 4));
  const auto inputs = static_cast<int32_t>(random.Integer(1, 20));
  const auto units = static_cast<int32_t>(random.Integer(1, 12));
  const LstmOptions options{.cell_clip = random.Integer(0, 1) == 1 ? 3.0f : 0.0f,
                            .time_major = random.Integer(0, 1) == 1};
  const std::vector<int32_t> rows = options.time_major ? std::vector<int32_t>{steps, batches}
                                                       : std::vector<int32_t>{batches, steps};
  const float in_scale = wide ? 0.0002f : 0.04f, hidden_scale = wide ? 1.0f / 32768 : 0.008f;
  const int32_t zero = wide ? 0 : static_cast<int32_t>(random.Integer(-128, 127));
  const int32_t hidden_zero = wide ? 0 : static_cast<int32_t>(random.Integer(-20, 20));
  const int32_t data = writer.Input({rows[0], rows[1], inputs}, in_scale, zero);
  std::vector<int32_t> operands = {data};
  for (const int32_t columns : {inputs, units}) {
    for (int gate = 0; gate < 4; ++gate) {
      const auto scale = static_cast<float>(random.Real(0.002, 0.02));
      operands.push_back(writer.Weights(
          {units, columns}, Weights(random, static_cast<size_t>(units * columns)), {scale}));
    }
  }
  operands.insert(operands.end(), 3, -1);  // peepholes
  for (int gate = 0; gate < 4; ++gate) {
    const bool none = random.Integer(0, 5) == 0;
    operands.push_back(none   ? -1
                       : wide ? LongBias(writer, random, units)
                              : Bias(writer, random, units));
  }
  operands.insert(operands.end(), 2, -1);  // projection
  const int32_t hidden = writer.Activation({batches, units}, hidden_scale, hidden_zero);
  const auto power = static_cast<int>(random.Integer(-15, -9));
  const int32_t cell = writer.Wide({batches, units}, std::ldexp(1.0f, power));
  operands.insert(operands.end(), {hidden, cell});
  operands.insert(operands.end(), 4, -1);  // layer normalization
  form.variable_tensors = {hidden, cell};
  const int32_t out = writer.Activation({rows[0], rows[1], units}, hidden_scale, hidden_zero);
  if (wide) {
    for (const int32_t tensor : {data, hidden, out}) {
      writer.model().tensors[tensor].type = TensorType::kInt16;
    }
  }
  writer.Append(OperatorType::kSequenceLstm, operands, {out}, options);
  if (wide) {
    writer.Output(out);
    return writer.Write(form);
  }
  const int32_t flat = writer.Activation({batches, steps * units}, hidden_scale, hidden_zero);
  writer.Reshape(out, flat);
  const int32_t end = writer.Activation({batches, 5}, 0.05f, 3);
  writer.FullyConnected(
      flat,
      writer.Weights({5, steps * units}, Weights(random, static_cast<size_t>(5 * steps * units)),
                     {0.01f}),
      Bias(writer, random, 5), end);
  writer.Output(end);
  return writer.Write(form);
}

std::vector<uint8_t> MakeWideNetwork(uint64_t seed) {
  RandomSource random(seed * 389 + 7);
  TfliteWriter writer("wide");
  TfliteForm form;
  std::vector<int32_t> shape = {static_cast<int32_t>(random.Integer(1, 2)),
                                static_cast<int32_t>(random.Integer(3, 9)),
                                static_cast<int32_t>(random.Integer(3, 9)),
                                static_cast<int32_t>(random.Pick({1, 2, 4, 6, 9}))};
  float scale = 0.0004f;
  int32_t at = writer.Wide(shape, scale);
  writer.model().inputs.push_back(at);
  const int64_t layers = random.Integer(2, 6);
  for (int64_t layer = 0; layer < layers; ++layer) {
    const auto next = static_cast<float>(random.Real(0.0002, 0.0008));
    const int32_t in_c = shape[3];
    const auto padding = random.Integer(0, 1) == 1 ? Padding::kSame : Padding::kValid;
    switch (random.Integer(0, 10)) {
      case 0:
      case 1: {
        const int32_t kernel = std::min<int32_t>(3, std::min(shape[1], shape[2]));
        const auto stride = static_cast<int32_t>(random.Integer(1, 2));
        const bool depthwise = random.Integer(0, 1) == 1;
        const auto out_c =
            static_cast<int32_t>(depthwise ? in_c * random.Integer(1, 2) : random.Integer(1, 8));
        for (size_t d : {1, 2}) {
          shape[d] = padding == Padding::kSame ? (shape[d] + stride - 1) / stride
                                               : (shape[d] - kernel) / stride + 1;
        }
        shape[3] = out_c;
        const int32_t out = writer.Wide(shape, next);
        const int32_t taps = kernel * kernel;
        const ConvOptions options{
            .padding = padding,
            .stride_h = stride,
            .stride_w = stride,
            .depth_multiplier = out_c / in_c,
            .activation = random.Integer(0, 1) == 1 ? Activation::kRelu : Activation::kNone};
        std::vector<float> scales;
        for (int32_t c = 0; c < out_c; ++c) {
          scales.push_back(WeightScale(scale, next, depthwise ? taps : taps * in_c) *
                           static_cast<float>(random.Real(0.5, 2.0)));
        }
        if (depthwise) {
          const int32_t filter =
              writer.Weights({1, kernel, kernel, out_c},
                             Weights(random, static_cast<size_t>(taps * out_c)), scales, 3);
          writer.DepthwiseConv2d(at, filter, LongBias(writer, random, out_c), out, options);
        } else {
          const int32_t filter =
              writer.Weights({out_c, kernel, kernel, in_c},
                             Weights(random, static_cast<size_t>(taps * in_c * out_c)), scales);
          const int64_t form_of_bias = random.Integer(0, 2);
          const int32_t bias = form_of_bias == 0   ? -1
                               : form_of_bias == 1 ? Bias(writer, random, out_c)
                                                   : LongBias(writer, random, out_c);
          writer.Conv2d(at, filter, bias, out, options);
        }
        at = out;
        scale = next;
        break;
      }
      case 2: {
        const int32_t filter =
            writer.Weights({4, 2, 2, in_c}, Weights(random, static_cast<size_t>(16 * in_c)),
                           {WeightScale(scale, next, in_c)});
        const std::vector<int32_t> out_shape = {shape[0], 2 * shape[1], 2 * shape[2], 4};
        const int32_t out = writer.Wide(out_shape, next);
        writer.Append(OperatorType::kTransposeConv,
                      {writer.Integers({4}, out_shape), filter, at, LongBias(writer, random, 4)},
                      {out},
                      TransposeConvOptions{.padding = padding, .stride_h = 2, .stride_w = 2});
        shape = out_shape;
        at = out;
        scale = next;
        break;
      }
      case 3: {
        const int32_t out = writer.Wide(shape, next);
        const OperatorType types[] = {OperatorType::kAdd, OperatorType::kSub};
        writer.Append(types[random.Integer(0, 1)], {at, at}, {out}, AddOptions{});
        at = out;
        scale = next;
        break;
      }
      case 4: {
        const int32_t out = writer.Wide(shape, 16 * scale);
        writer.Append(OperatorType::kMul, {at, at}, {out}, AddOptions{});
        at = out;
        scale *= 16;
        break;
      }
      case 5: {
        const int32_t out = writer.Wide(shape, 1.0f / 32768);
        writer.Append(random.Integer(0, 1) == 1 ? OperatorType::kTanh : OperatorType::kLogistic,
                      {at}, {out});
        at = out;
        scale = 1.0f / 32768;
        break;
      }
      case 6: {
        const int32_t out = writer.Wide(shape, next);
        writer.Append(OperatorType::kLeakyRelu, {at}, {out}, LeakyReluOptions{0.3f});
        at = out;
        scale = next;
        break;
      }
      case 7: {
        const bool average = random.Integer(0, 1) == 1;
        std::vector<int32_t> out_shape = shape;
        for (size_t d : {1, 2}) out_shape[d] = (shape[d] + 1) / 2;
        const int32_t out = writer.Wide(out_shape, scale);
        const PoolOptions options{
            .padding = Padding::kSame, .stride_h = 2, .stride_w = 2, .filter_h = 3, .filter_w = 2};
        writer.Append(average ? OperatorType::kAveragePool2d : OperatorType::kMaxPool2d, {at},
                      {out}, options);
        shape = out_shape;
        at = out;
        break;
      }
      case 8: {
        const std::vector<int32_t> order = {0, 3, 1, 2};
        std::vector<int32_t> out_shape;
        for (const int32_t d : order) out_shape.push_back(shape[static_cast<size_t>(d)]);
        const int32_t out = writer.Wide(out_shape, scale);
        writer.Append(OperatorType::kTranspose, {at, writer.Integers({4}, order)}, {out},
                      TransposeOptions{});
        shape = out_shape;
        at = out;
        break;
      }
      case 9: {
        if (shape[1] > 20 || shape[2] > 20) break;
        const std::vector<int32_t> out_shape = {shape[0], 2 * shape[1], shape[2] + 3, shape[3]};
        const int32_t out = writer.Wide(out_shape, scale);
        writer.Append(OperatorType::kResizeNearestNeighbor,
                      {at, writer.Integers({2}, {out_shape[1], out_shape[2]})}, {out},
                      ResizeOptions{});
        shape = out_shape;
        at = out;
        break;
      }
      default: {
        std::vector<int32_t> out_shape = shape;
        out_shape[1] += 3;
        out_shape[3] += 1;
        const int32_t out = writer.Wide(out_shape, scale);
        writer.Pad(at, {{0, 0}, {1, 2}, {0, 0}, {0, 1}}, out);
        shape = out_shape;
        at = out;
        break;
      }
    }
  }
  const int32_t mean = writer.Wide({shape[0], shape[3]}, scale);
  writer.Mean(at, {1, 2}, mean, /*keep_dims=*/false);
  const int32_t end = writer.Wide({shape[0], 7}, 0.001f);
  writer.FullyConnected(
      mean,
      writer.Weights({7, shape[3]}, Weights(random, static_cast<size_t>(7 * shape[3])),
                     {WeightScale(scale, 0.001f, shape[3])}),
      LongBias(writer, random, 7), end);
  const int32_t classes = writer.Wide({shape[0], 7}, 1.0f / 32768);
  writer.Softmax(end, classes);
  writer.Output(classes);
  return writer.Write(form);
}

std::vector<uint8_t> MakeWideOperator(uint64_t seed) {
  RandomSource random(seed * 271 + 9);
  TfliteWriter writer("wide operator");
  const auto side = [&] { return static_cast<int32_t>(random.Integer(1, 6)); };
  const auto scale = [&] { return static_cast<float>(random.Real(0.0002, 0.002)); };
  const auto input = [&](std::vector<int32_t> shape, float of) {
    const int32_t tensor = writer.Wide(std::move(shape), of);
    writer.model().inputs.push_back(tensor);
    return tensor;
  };
  std::vector<int32_t> shape = {side(), side(), side(), side()};
  const float in = scale(), out = scale();
  int32_t end = 0;
  switch (seed % 8) {
    case 0: {  // two operands, one of which may repeat
      const OperatorType types[] = {OperatorType::kAdd,     OperatorType::kSub,
                                    OperatorType::kMul,     OperatorType::kSquaredDifference,
                                    OperatorType::kMaximum, OperatorType::kMinimum};
      const OperatorType type = types[seed / 8 % 6];
      std::vector<int32_t> second = shape;
      for (int32_t& size : second) size = random.Integer(0, 2) == 0 ? 1 : size;
      if (random.Integer(0, 2) == 0) second.erase(second.begin());
      const bool same = type == OperatorType::kMaximum || type == OperatorType::kMinimum;
      const float other = same ? in : scale();
      const float result = same                                       ? in
                           : type == OperatorType::kMul               ? 4000 * in * other
                           : type == OperatorType::kSquaredDifference ? 20 * out
                                                                      : out;
      const int32_t a = input(shape, in), b = input(second, other);
      end = writer.Wide(shape, result);
      const Activation fused[] = {Activation::kNone, Activation::kRelu, Activation::kRelu6,
                                  Activation::kReluN1To1};
      const AddOptions options{fused[random.Integer(0, 3)]};
      const bool swapped = random.Integer(0, 1) == 1;
      const std::vector<int32_t> operands =
          swapped ? std::vector<int32_t>{b, a} : std::vector<int32_t>{a, b};
      if (same || type == OperatorType::kSquaredDifference) {
        writer.Append(type, operands, {end});
      } else {
        writer.Append(type, operands, {end}, options);
      }
      break;
    }
    case 1: {  // PRELU
      const int32_t a = input(shape, in);
      const int32_t alpha =
          writer.Weights({1, 1, shape[3]}, Weights(random, static_cast<size_t>(shape[3])), {0.01f});
      end = writer.Wide(shape, out);
      writer.Append(OperatorType::kPrelu, {a, alpha}, {end});
      break;
    }
    case 2: {  // matrices
      const bool x = random.Integer(0, 1) == 1, y = random.Integer(0, 1) == 1;
      const int32_t rows = side(), depth = side(), columns = side(), batches = side();
      const auto matrix = [](int32_t a, int32_t b, bool swap) {
        return swap ? std::vector<int32_t>{b, a} : std::vector<int32_t>{a, b};
      };
      std::vector<int32_t> left = matrix(rows, depth, x), right = matrix(depth, columns, y);
      left.insert(left.begin(), {batches, 2});
      right.insert(right.begin(), {random.Integer(0, 1) == 1 ? 1 : batches, 2});
      const int32_t a = input(left, in), b = input(right, 0.001f);
      end =
          writer.Wide({batches, 2, rows, columns}, 12000 * in * 0.001f * static_cast<float>(depth));
      writer.Append(OperatorType::kBatchMatMul, {a, b}, {end}, BatchMatMulOptions{x, y});
      break;
    }
    case 3: {  // functions
      const OperatorType types[] = {OperatorType::kLeakyRelu, OperatorType::kAbs,
                                    OperatorType::kLogistic, OperatorType::kTanh};
      const OperatorType type = types[seed / 8 % 4];
      const bool table = type == OperatorType::kLogistic || type == OperatorType::kTanh;
      const float scales[] = {in, 1.0f / 4096, 1.0f / 2048, 0.9f};
      const int32_t a = input(shape, table ? scales[random.Integer(0, 3)] : in);
      end = writer.Wide(shape, table ? 1.0f / 32768 : out);
      if (type == OperatorType::kLeakyRelu) {
        writer.Append(type, {a}, {end},
                      LeakyReluOptions{static_cast<float>(random.Real(-0.9, 0.9))});
      } else {
        writer.Append(type, {a}, {end});
      }
      break;
    }
    case 4: {  // softmax from both types
      const bool narrow = seed / 8 % 2 == 0;
      shape.back() = static_cast<int32_t>(random.Integer(1, 40));
      int32_t a = 0;
      if (narrow) {
        a = writer.Input(shape, static_cast<float>(random.Real(0.01, 0.4)), 5);
      } else {
        a = input(shape, in);
      }
      end = writer.Wide(shape, narrow ? 1.0f / 65536 : 1.0f / 32768);
      if (narrow) writer.model().tensors[end].zero_points = {-32768};
      writer.Softmax(a, end, static_cast<float>(random.Real(0.5, 1.5)));
      break;
    }
    case 5: {  // pools
      const PoolOptions options{
          .padding = random.Integer(0, 1) == 1 ? Padding::kSame : Padding::kValid,
          .stride_h = static_cast<int32_t>(random.Integer(1, 3)),
          .stride_w = static_cast<int32_t>(random.Integer(1, 3)),
          .filter_h = static_cast<int32_t>(random.Integer(1, shape[1])),
          .filter_w = static_cast<int32_t>(random.Integer(1, shape[2])),
          .activation = random.Integer(0, 1) == 1 ? Activation::kRelu6 : Activation::kNone};
      std::vector<int32_t> result = shape;
      for (size_t d : {1, 2}) {
        const int32_t filter = d == 1 ? options.filter_h : options.filter_w;
        const int32_t stride = d == 1 ? options.stride_h : options.stride_w;
        result[d] = options.padding == Padding::kSame ? (shape[d] + stride - 1) / stride
                                                      : (shape[d] - filter) / stride + 1;
      }
      const int32_t a = input(shape, in);
      end = writer.Wide(result, in);
      writer.Append(seed / 8 % 2 == 0 ? OperatorType::kAveragePool2d : OperatorType::kMaxPool2d,
                    {a}, {end}, options);
      break;
    }
    case 6: {  // reductions
      const OperatorType types[] = {OperatorType::kMean, OperatorType::kSum,
                                    OperatorType::kReduceMax, OperatorType::kReduceMin};
      const OperatorType type = types[seed / 8 % 4];
      std::vector<int32_t> axes, result;
      for (int32_t d = 0; d < 4; ++d) {
        if (random.Integer(0, 1) == 1) {
          axes.push_back(d);
        } else {
          result.push_back(shape[static_cast<size_t>(d)]);
        }
      }
      if (axes.empty()) {
        axes.push_back(3);
        result.pop_back();
      }
      const bool extreme = type == OperatorType::kReduceMax || type == OperatorType::kReduceMin;
      const int32_t a = input(shape, in);
      end = writer.Wide(result, extreme ? in : type == OperatorType::kSum ? 8 * out : out);
      writer.Append(type, {a, writer.Integers({static_cast<int32_t>(axes.size())}, axes)}, {end},
                    ReduceOptions{});
      break;
    }
    default: {  // convolutions with all that options can say
      const bool depthwise = seed / 8 % 2 == 0;
      const auto dilation = static_cast<int32_t>(random.Integer(1, 2));
      const auto stride = static_cast<int32_t>(random.Integer(1, 2));
      const auto kernel_h = static_cast<int32_t>(random.Integer(1, 3));
      const auto kernel_w = static_cast<int32_t>(random.Integer(1, 3));
      const auto groups = static_cast<int32_t>(random.Integer(1, 3));
      shape[1] += 4;
      shape[2] += 4;
      if (!depthwise) shape[3] *= groups;
      const auto padding = random.Integer(0, 1) == 1 ? Padding::kSame : Padding::kValid;
      const int32_t multiplier = static_cast<int32_t>(random.Integer(1, 3));
      const int32_t channels = depthwise ? shape[3] * multiplier : groups * side();
      std::vector<int32_t> result = {shape[0], 0, 0, channels};
      for (size_t d : {1, 2}) {
        const int32_t span = ((d == 1 ? kernel_h : kernel_w) - 1) * dilation + 1;
        result[d] = padding == Padding::kSame ? (shape[d] + stride - 1) / stride
                                              : (shape[d] - span) / stride + 1;
      }
      const ConvOptions options{
          .padding = padding,
          .stride_h = stride,
          .stride_w = stride,
          .dilation_h = dilation,
          .dilation_w = dilation,
          .depth_multiplier = multiplier,
          .activation = random.Integer(0, 1) == 1 ? Activation::kRelu6 : Activation::kNone};
      const int32_t a = input(shape, in);
      end = writer.Wide(result, out);
      const int32_t depth = depthwise ? 1 : shape[3] / groups;
      const int32_t taps = kernel_h * kernel_w;
      const std::vector<float> scales = {WeightScale(in, out, taps * depth)};
      const auto count = static_cast<size_t>(channels * taps * depth);
      const int64_t bias = random.Integer(0, 2);
      if (depthwise) {
        writer.DepthwiseConv2d(
            a, writer.Weights({1, kernel_h, kernel_w, channels}, Weights(random, count), scales, 3),
            bias == 0 ? -1 : LongBias(writer, random, channels), end, options);
      } else {
        writer.Conv2d(
            a,
            writer.Weights({channels, kernel_h, kernel_w, depth}, Weights(random, count), scales),
            bias == 0   ? -1
            : bias == 1 ? Bias(writer, random, channels)
                        : LongBias(writer, random, channels),
            end, options);
      }
      break;
    }
  }
  writer.Output(end);
  return writer.Write();
}

}  // namespace npugen::testing

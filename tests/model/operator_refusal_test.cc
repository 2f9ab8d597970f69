// SPDX-License-Identifier: Apache-2.0
// Every operator's options and lists at odds with its tensors: refused, with the reason.
#include <gtest/gtest.h>

#include <functional>
#include <limits>

#include "sw/model/tflite_reader.h"
#include "verif/random/tflite_writer.h"

namespace npugen {
namespace {

using testing::SliceMasks;
using testing::TfliteForm;
using testing::TfliteWriter;
using Code = DiagnosticCode;
using Shape = std::vector<int32_t>;

constexpr float kScale = 0.1f;

// A network of one operator, put together step by step.
struct Draft {
  TfliteWriter writer;
  TfliteForm form;

  int32_t In(Shape shape, float scale = kScale, int32_t zero_point = 0) {
    return writer.Input(std::move(shape), scale, zero_point);
  }
  int32_t Out(Shape shape, float scale = kScale, int32_t zero_point = 0) {
    const int32_t tensor = writer.Activation(std::move(shape), scale, zero_point);
    writer.Output(tensor);
    return tensor;
  }
  int32_t Constant(Shape shape, float scale = kScale) {
    int64_t count = 1;
    for (int32_t size : shape) count *= size;
    return writer.Weights(std::move(shape), std::vector<int8_t>(count, 1), {scale});
  }
  int32_t List(const Shape& values) {
    return writer.Integers({static_cast<int32_t>(values.size())}, values);
  }
  int32_t Pairs(const Shape& values) {
    return writer.Integers({static_cast<int32_t>(values.size() / 2), 2}, values);
  }
  void Op(OperatorType type, Shape inputs, Shape outputs, OperatorOptions options = NoOptions{},
          const std::string& name = "") {
    writer.Append(type, std::move(inputs), std::move(outputs), std::move(options), name);
  }
  Tensor& tensor(int32_t number) { return writer.model().tensors[number]; }
};

std::string Text(const Result<Model>& result) {
  std::string text;
  if (result.ok()) return text;
  for (const Diagnostic& error : result.errors()) text += FormatDiagnostic(error, false);
  return text;
}

struct Refused {
  const char* what;
  std::function<void(Draft&)> build;
  Code code;
  const char* part;  // of the message; empty: must be accepted
};

void Check(const std::vector<Refused>& cases) {
  for (const Refused& refused : cases) {
    SCOPED_TRACE(refused.what);
    Draft draft;
    refused.build(draft);
    const Result<Model> result = ReadTflite(draft.writer.Write(draft.form), "test.tflite");
    const std::string text = Text(result);
    if (*refused.part == '\0') {
      EXPECT_TRUE(result.ok()) << text;
      continue;
    }
    ASSERT_FALSE(result.ok()) << "should say: " << refused.part;
    EXPECT_EQ(CodeText(result.errors()[0].code), CodeText(refused.code)) << text;
    EXPECT_NE(text.find(refused.part), std::string::npos) << text << "should say: " << refused.part;
    // Index and name of the operator as in the file.
    const Operator& op = draft.writer.model().operators[0];
    EXPECT_NE(text.find("operator 0 " + op.name + ": "), std::string::npos) << text;
  }
}

constexpr Code kAccepted = Code::kOperatorShape;  // not looked at

// A builder for operators of two operands with shapes a and b.
auto Two(OperatorType type, Shape a, Shape b, Shape out, float scale_a = kScale,
         float scale_b = kScale, float scale_out = kScale) {
  return [=](Draft& d) {
    OperatorOptions options = NoOptions{};
    if (type == OperatorType::kSub || type == OperatorType::kMul) options = AddOptions{};
    const int32_t x = d.In(a, scale_a), y = d.In(b, scale_b);
    d.Op(type, {x, y}, {d.Out(out, scale_out)}, options);
  };
}

TEST(OperatorRefusalTest, OperatorsOfTwoOperands) {
  Check({
      {"broadcast", Two(OperatorType::kMul, {2, 1, 3}, {4, 1}, {2, 4, 3}), kAccepted, ""},
      {"sizes", Two(OperatorType::kSub, {2, 3}, {2, 4}, {2, 4}), Code::kOperatorShape,
       "cannot be broadcast"},
      {"result", Two(OperatorType::kMul, {2, 1}, {1, 4}, {2, 1}), Code::kOperatorShape, "[2,4]"},
      {"product", Two(OperatorType::kMul, {4}, {4}, {4}, 1e3f, 1e3f, 1e-3f),
       Code::kOperatorQuantization, "beyond its range"},
      {"infinite product", Two(OperatorType::kMul, {4}, {4}, {4}, 1e38f, 1e38f, 1e-38f),
       Code::kOperatorQuantization, "beyond its range"},
      {"difference", Two(OperatorType::kSub, {4}, {4}, {4}, 1e38f, 1.0f, 1e-38f),
       Code::kOperatorQuantization, "beyond its range"},
      {"difference of tiny and huge", Two(OperatorType::kSub, {4}, {4}, {4}, 1e-38f, 1e38f, 1.0f),
       Code::kOperatorQuantization, "beyond its range"},
      {"square", Two(OperatorType::kSquaredDifference, {4}, {4}, {4}, 1.0f, 1.0f, 1e-9f),
       Code::kOperatorQuantization, "beyond its range"},
      {"maximum of unlike", Two(OperatorType::kMaximum, {4}, {4}, {4}, 0.1f, 0.2f, 0.1f),
       Code::kOperatorQuantization, "must be the same"},
      {"minimum of unlike", Two(OperatorType::kMinimum, {4}, {4}, {4}, 0.1f, 0.1f, 0.2f),
       Code::kOperatorQuantization, "must be the same"},
      {"constants only",
       [](Draft& d) {
         const int32_t in = d.In({4});
         d.Op(OperatorType::kSub, {d.Constant({4}), d.Constant({4})}, {d.Out({4})}, AddOptions{});
         d.Op(OperatorType::kAbs, {in}, {d.Out({4})});
       },
       Code::kOperatorOperands, "all operands are constants"},
      {"one operand",
       [](Draft& d) {
         const int32_t in = d.In({4});
         d.Op(OperatorType::kMaximum, {in}, {d.Out({4})});
       },
       Code::kOperatorOperands, "2 inputs and 1 output"},
      {"an absent operand",
       [](Draft& d) {
         const int32_t in = d.In({4});
         d.Op(OperatorType::kMaximum, {in, -1}, {d.Out({4})});
       },
       Code::kOperatorOperands, "2 inputs and 1 output"},
  });
}

auto Sum(size_t count, Shape last, float last_scale) {
  return [=](Draft& d) {
    Shape inputs;
    for (size_t i = 1; i < count; ++i) inputs.push_back(d.In({2, 3}));
    inputs.push_back(d.In(last, last_scale));
    d.Op(OperatorType::kAddN, inputs, {d.Out({2, 3})});
  };
}

TEST(OperatorRefusalTest, AddN) {
  Check({
      {"15", Sum(15, {2, 3}, kScale), kAccepted, ""},
      {"16", Sum(16, {2, 3}, kScale), Code::kOperatorOperands, "adds 16 operands"},
      {"shape", Sum(3, {3, 2}, kScale), Code::kOperatorShape, "differ in shape"},
      {"scale", Sum(3, {2, 3}, 0.2f), Code::kOperatorQuantization, "differ in scale"},
      {"one", Sum(1, {2, 3}, kScale), Code::kOperatorOperands, "at least 2 inputs"},
  });
}

auto Transposed(Shape list, Shape out, int32_t stride, Padding padding = Padding::kSame,
                Shape filter = {2, 3, 3, 4}) {
  return [=](Draft& d) {
    TransposeConvOptions options;
    options.padding = padding;
    options.stride_h = options.stride_w = stride;
    const int32_t in = d.In({1, 4, 5, 4});
    d.Op(OperatorType::kTransposeConv, {d.List(list), d.Constant(filter), in}, {d.Out(out)},
         options);
  };
}

TEST(OperatorRefusalTest, TransposeConv) {
  const Shape good{1, 8, 10, 2};
  Check({
      {"good", Transposed(good, good, 2), kAccepted, ""},
      {"list", Transposed({1, 8, 10, 3}, good, 2), Code::kOperatorShape, "[1,8,10,3]"},
      {"short list", Transposed({8, 10}, good, 2), Code::kOperatorShape, "[8,10]"},
      {"stride 0", Transposed(good, good, 0), Code::kOperatorOptions, "stride_h is 0"},
      {"stride -1", Transposed(good, good, -1), Code::kOperatorOptions, "stride_h is -1"},
      {"size", Transposed({1, 9, 10, 2}, {1, 9, 10, 2}, 2), Code::kOperatorShape,
       "would not give the size"},
      {"window", Transposed({1, 2, 2, 2}, {1, 2, 2, 2}, 2, Padding::kValid), Code::kOperatorShape,
       "would not give the size"},
      {"depth", Transposed(good, good, 2, Padding::kSame, {2, 3, 3, 3}), Code::kOperatorShape,
       "do not fit together"},
      {"channels", Transposed(good, good, 2, Padding::kSame, {3, 3, 3, 4}), Code::kOperatorShape,
       "do not fit together"},
      {"filter of 3 dimensions", Transposed(good, good, 2, Padding::kSame, {2, 3, 4}),
       Code::kOperatorShape, "3 dimensions"},
      {"4 bits",
       [&](Draft& d) {
         Transposed(good, good, 2)(d);
         for (Tensor& tensor : d.writer.model().tensors) {
           if (tensor.is_constant && tensor.type == TensorType::kInt8) {
             tensor.type = TensorType::kInt4;
           }
         }
       },
       Code::kOperatorType, "not INT8"},
      {"list not of int32",
       [&](Draft& d) {
         const int32_t shape = d.In({4}), in = d.In({1, 4, 5, 4});
         d.Op(OperatorType::kTransposeConv, {shape, d.Constant({2, 3, 3, 4}), in}, {d.Out(good)},
              TransposeConvOptions{});
       },
       Code::kOperatorType, "is not INT32"},
      {"list not constant",
       [&](Draft& d) {
         const int32_t shape = d.In({4}), in = d.In({1, 4, 5, 4});
         d.tensor(shape).type = TensorType::kInt32;
         TransposeConvOptions options;
         options.padding = Padding::kSame;
         options.stride_h = options.stride_w = 2;
         d.Op(OperatorType::kTransposeConv, {shape, d.Constant({2, 3, 3, 4}), in}, {d.Out(good)},
              options);
       },
       kAccepted, ""},
  });
}

auto Product(Shape x, Shape y, Shape out, bool adjoint_x = false, bool adjoint_y = false) {
  return [=](Draft& d) {
    const int32_t a = d.In(x), b = d.In(y);
    d.Op(OperatorType::kBatchMatMul, {a, b}, {d.Out(out)},
         BatchMatMulOptions{adjoint_x, adjoint_y});
  };
}

TEST(OperatorRefusalTest, BatchMatMul) {
  Check({
      {"good", Product({2, 3, 4}, {4, 5}, {2, 3, 5}), kAccepted, ""},
      {"adjoint", Product({2, 4, 3}, {1, 5, 4}, {2, 3, 5}, true, true), kAccepted, ""},
      {"depth", Product({2, 3, 4}, {3, 5}, {2, 3, 5}), Code::kOperatorShape,
       "cannot be multiplied"},
      {"batches", Product({2, 3, 4}, {3, 4, 5}, {2, 3, 5}), Code::kOperatorShape,
       "cannot be multiplied"},
      {"vector", Product({4}, {4, 5}, {5}), Code::kOperatorShape, "not a matrix"},
      {"result", Product({3, 4}, {4, 5}, {5, 3}), Code::kOperatorShape, "[3,5]"},
  });
}

auto Reduction(OperatorType type, Shape axes, Shape out, float scale_out = kScale) {
  return [=](Draft& d) {
    const int32_t in = d.In({2, 3, 4});
    d.Op(type, {in, d.List(axes)}, {d.Out(out, scale_out)}, ReduceOptions{});
  };
}

auto Index(Shape axis, Shape out, bool integers = true) {
  return [=](Draft& d) {
    const int32_t in = d.In({2, 3, 4});
    const int32_t result = d.Out(out);
    if (integers) d.tensor(result).type = TensorType::kInt32;
    d.Op(OperatorType::kArgMax, {in, d.List(axis)}, {result}, AxisOptions{});
  };
}

TEST(OperatorRefusalTest, Reductions) {
  Check({
      {"good", Reduction(OperatorType::kSum, {-1, 0}, {3}), kAccepted, ""},
      {"axis 3", Reduction(OperatorType::kSum, {3}, {2, 3}), Code::kOperatorShape, "axis 3"},
      {"axis -4", Reduction(OperatorType::kReduceMax, {-4}, {2, 3}), Code::kOperatorShape,
       "axis -4"},
      {"smallest axis", Reduction(OperatorType::kReduceMin, {INT32_MIN}, {2, 3}),
       Code::kOperatorShape, "axis -2147483648"},
      {"result", Reduction(OperatorType::kSum, {1}, {2, 3}), Code::kOperatorShape, "[2,4]"},
      {"scale", Reduction(OperatorType::kReduceMax, {1}, {2, 4}, 0.2f), Code::kOperatorQuantization,
       "must be the same"},
      {"fine scale", Reduction(OperatorType::kSum, {1}, {2, 4}, 1e-9f), Code::kOperatorQuantization,
       "beyond its range"},
      {"index", Index({1}, {2, 4}), kAccepted, ""},
      {"index axis", Index({3}, {2, 3}), Code::kOperatorShape, "axis 3"},
      {"index result", Index({0}, {2, 3}), Code::kOperatorShape, "[3,4]"},
      {"two axes", Index({0, 1}, {4}), Code::kOperatorShape, "does not have one element"},
      {"int8 indices", Index({1}, {2, 4}, false), Code::kOperatorType, "not INT32"},
  });
}

auto Function(OperatorType type, float scale, int32_t zero_point, float scale_out,
              int32_t zero_point_out, OperatorOptions options = NoOptions{}) {
  return [=](Draft& d) {
    const int32_t in = d.In({2, 3}, scale, zero_point);
    d.Op(type, {in}, {d.Out({2, 3}, scale_out, zero_point_out)}, options);
  };
}

TEST(OperatorRefusalTest, Functions) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const float huge = std::numeric_limits<float>::max();
  const float tiny = std::numeric_limits<float>::denorm_min();
  const Code quantization = Code::kOperatorQuantization;
  Check({
      {"logistic", Function(OperatorType::kLogistic, 0.1f, 0, 1.0f / 256, -128), kAccepted, ""},
      {"logistic, coarsest", Function(OperatorType::kLogistic, huge, 0, 1.0f / 256, -128),
       kAccepted, ""},
      {"logistic, finest", Function(OperatorType::kLogistic, tiny, 0, 1.0f / 256, -128),
       quantization, "beyond its range"},
      {"logistic zero point", Function(OperatorType::kLogistic, 0.1f, 0, 1.0f / 256, 0),
       quantization, "1/256"},
      {"tanh scale", Function(OperatorType::kTanh, 0.1f, 0, 1.0f / 256, 0), quantization, "1/128"},
      {"hard swish", Function(OperatorType::kHardSwish, 0.1f, 0, 0.0001f, 0), quantization,
       "beyond its range"},
      {"hard swish, coarse", Function(OperatorType::kHardSwish, 0.1f, 0, 100.0f, 0), quantization,
       "beyond its range"},
      {"relu", Function(OperatorType::kRelu, huge, 0, tiny, 0), quantization, "beyond its range"},
      {"abs", Function(OperatorType::kAbs, 1.0f, 0, 1e-9f, 0), quantization, "beyond its range"},
      {"elu, finest", Function(OperatorType::kElu, tiny, 0, tiny, 0), quantization,
       "beyond its range"},
      {"elu, coarsest", Function(OperatorType::kElu, huge, 0, huge, 0), quantization,
       "beyond its range"},
      {"relu6, finest", Function(OperatorType::kRelu6, tiny, 5, 0.1f, 0), kAccepted, ""},
      {"leaky relu", Function(OperatorType::kLeakyRelu, 0.1f, 0, 0.1f, 0, LeakyReluOptions{-2.0f}),
       kAccepted, ""},
      {"leaky relu, no number",
       Function(OperatorType::kLeakyRelu, 0.1f, 0, 0.1f, 0, LeakyReluOptions{nan}), quantization,
       "beyond its range"},
      {"leaky relu, steep",
       Function(OperatorType::kLeakyRelu, 0.1f, 0, 0.1f, 0, LeakyReluOptions{1e9f}), quantization,
       "beyond its range"},
      {"neg", Function(OperatorType::kNeg, 1.0f, 0, 1e-9f, 0), quantization, "beyond its range"},
      {"exp, coarsest", Function(OperatorType::kExp, huge, 0, 1.0f, 0), quantization,
       "beyond its range"},
      {"exp", Function(OperatorType::kExp, 1.0f, -128, 1e-9f, 5), kAccepted, ""},
      {"log, finest", Function(OperatorType::kLog, 1.0f, 0, tiny, 0), quantization,
       "beyond its range"},
      {"sqrt", Function(OperatorType::kSqrt, 0.1f, -128, 0.1f, 0), kAccepted, ""},
      {"sqrt of negative", Function(OperatorType::kSqrt, 0.1f, 5, 0.1f, 0), quantization,
       "zero point must be -128"},
      {"rsqrt", Function(OperatorType::kRsqrt, 0.1f, -128, 0.1f, 0), kAccepted, ""},
      {"rsqrt of negative", Function(OperatorType::kRsqrt, 0.1f, -127, 0.1f, 0), quantization,
       "zero point must be -128"},
      {"rsqrt, finest", Function(OperatorType::kRsqrt, tiny, -128, tiny, 0), quantization,
       "beyond its range"},
      {"rsqrt, coarsest", Function(OperatorType::kRsqrt, 1e6f, -128, 1e6f, 0), quantization,
       "beyond its range"},
      {"shape",
       [](Draft& d) {
         const int32_t in = d.In({2, 3});
         d.Op(OperatorType::kAbs, {in}, {d.Out({3, 2})});
       },
       Code::kOperatorShape, "[2,3]"},
      {"prelu",
       [](Draft& d) {
         const int32_t in = d.In({2, 3});
         d.Op(OperatorType::kPrelu, {in, d.Constant({2})}, {d.Out({2, 3})});
       },
       Code::kOperatorShape, "cannot be broadcast"},
      {"prelu enlarged",
       [](Draft& d) {
         const int32_t in = d.In({1, 3});
         d.Op(OperatorType::kPrelu, {in, d.Constant({2, 3})}, {d.Out({2, 3})});
       },
       Code::kOperatorShape, "cannot be broadcast"},
      {"prelu, alpha not constant",
       [](Draft& d) {
         const int32_t in = d.In({2, 3}), alpha = d.In({3});
         d.Op(OperatorType::kPrelu, {in, alpha}, {d.Out({2, 3})});
       },
       Code::kOperatorOperands, "alpha"},
  });
}

auto Quantized(TensorType from, TensorType to, float scale = kScale, float scale_out = kScale,
               int32_t zero_point = 0) {
  return [=](Draft& d) {
    const int32_t in = d.In({2, 3}, scale, zero_point);
    const int32_t out = d.Out({2, 3}, scale_out);
    d.tensor(in).type = from;
    d.tensor(out).type = to;
    d.Op(OperatorType::kQuantize, {in}, {out});
  };
}

TEST(OperatorRefusalTest, Quantize) {
  const TensorType i8 = TensorType::kInt8, u8 = TensorType::kUint8, i16 = TensorType::kInt16,
                   i32 = TensorType::kInt32;
  Check({
      {"uint8", Quantized(u8, i8), kAccepted, ""},
      {"int16", Quantized(i16, i32), kAccepted, ""},
      {"int32", Quantized(i32, i8, 0.001f, 0.1f), kAccepted, ""},
      {"uint8 to uint8", Quantized(u8, u8), Code::kOperatorType, "cannot become"},
      {"int16 to uint8", Quantized(i16, u8), Code::kOperatorType, "cannot become"},
      {"int32 to int32", Quantized(i32, i32), Code::kOperatorType, "cannot become"},
      {"int8 factor", Quantized(i8, i32, 1.0f, 1e-9f), Code::kOperatorQuantization,
       "beyond its range"},
      {"int16 factor", Quantized(i16, i8, 1.0f, 1e-5f), Code::kOperatorQuantization,
       "beyond its range"},
      {"int32 factor", Quantized(i32, i8, 1.0f, 0.4f), Code::kOperatorQuantization,
       "beyond its range"},
      {"int32 zero point", Quantized(i32, i8, 0.001f, 0.1f, 1), Code::kOperatorQuantization,
       "overflow"},
      {"no scale",
       [=](Draft& d) {
         Quantized(i8, i32)(d);
         d.tensor(1).scales.clear();
         d.tensor(1).zero_points.clear();
       },
       Code::kOperatorQuantization, "0 scales"},
  });
}

auto Joined(OperatorType type, int32_t axis, Shape second, Shape out, float scale_out = kScale) {
  return [=](Draft& d) {
    const int32_t a = d.In({2, 3}), b = d.In(second);
    d.Op(type, {a, b}, {d.Out(out, scale_out)}, AxisOptions{axis});
  };
}

// SPLIT with a list (SPLIT_V) or without.
auto Parts(Shape list, Shape axis, std::vector<Shape> outs) {
  return [=](Draft& d) {
    const int32_t in = d.In({2, 6});
    Shape outputs;
    for (const Shape& out : outs) outputs.push_back(d.Out(out));
    if (list.empty()) {
      d.Op(OperatorType::kSplit, {d.List(axis), in}, outputs, AxisOptions{});
    } else {
      d.Op(OperatorType::kSplit, {in, d.List(list), d.List(axis)}, outputs, AxisOptions{},
           "SPLIT_V");
    }
  };
}

auto Unpacked(int32_t axis, std::vector<Shape> outs) {
  return [=](Draft& d) {
    const int32_t in = d.In({2, 6});
    Shape outputs;
    for (const Shape& out : outs) outputs.push_back(d.Out(out));
    d.Op(OperatorType::kUnpack, {in}, outputs, AxisOptions{axis});
  };
}

TEST(OperatorRefusalTest, JoiningAndSplitting) {
  const OperatorType join = OperatorType::kConcatenation, pack = OperatorType::kPack;
  Check({
      {"join", Joined(join, -1, {2, 4}, {2, 7}), kAccepted, ""},
      {"axis 2", Joined(join, 2, {2, 3}, {2, 6}), Code::kOperatorShape, "axis 2"},
      {"axis -3", Joined(join, -3, {2, 3}, {2, 6}), Code::kOperatorShape, "axis -3"},
      {"other dimension", Joined(join, 0, {2, 4}, {4, 3}), Code::kOperatorShape, "differ"},
      {"rank", Joined(join, 0, {3}, {3, 3}), Code::kOperatorShape, "differ"},
      {"result", Joined(join, 0, {1, 3}, {4, 3}), Code::kOperatorShape, "[3,3]"},
      {"scale", Joined(join, 0, {1, 3}, {3, 3}, 0.2f), kAccepted, ""},
      {"pack scale", Joined(pack, 0, {2, 3}, {2, 2, 3}, 0.2f), Code::kOperatorQuantization,
       "must be the same"},
      {"fused activation",
       [=](Draft& d) {
         Joined(join, 0, {1, 3}, {3, 3})(d);
         d.form.activation[0] = 1;
       },
       Code::kOperatorOptions, "fused activation"},
      {"pack", Joined(pack, -1, {2, 3}, {2, 3, 2}), kAccepted, ""},
      {"pack axis", Joined(pack, 3, {2, 3}, {2, 3, 2}), Code::kOperatorShape, "axis 3"},
      {"pack unlike", Joined(pack, 0, {3, 2}, {2, 2, 3}), Code::kOperatorShape, "differ in shape"},
      {"split", Parts({}, {1}, {{2, 3}, {2, 3}}), kAccepted, ""},
      {"unequal", Parts({}, {1}, {{2, 2}, {2, 2}, {2, 1}, {2, 1}}), Code::kOperatorShape,
       "equal parts"},
      {"split axis", Parts({}, {2}, {{2, 3}, {2, 3}}), Code::kOperatorShape, "axis 2"},
      {"split axes", Parts({}, {0, 1}, {{2, 3}, {2, 3}}), Code::kOperatorShape, "one element"},
      {"part", Parts({}, {1}, {{2, 3}, {3, 2}}), Code::kOperatorShape, "[2,3]"},
      {"list", Parts({1, -1, 2}, {-1}, {{2, 1}, {2, 3}, {2, 2}}), kAccepted, ""},
      {"too much", Parts({4, 3}, {1}, {{2, 4}, {2, 3}}), Code::kOperatorShape, "do not split"},
      {"too little", Parts({2, 3}, {1}, {{2, 2}, {2, 3}}), Code::kOperatorShape, "do not split"},
      {"nothing left", Parts({6, -1}, {1}, {{2, 6}, {2, 1}}), Code::kOperatorShape, "do not split"},
      {"two open", Parts({-1, -1}, {1}, {{2, 3}, {2, 3}}), Code::kOperatorShape, "do not split"},
      {"negative", Parts({8, -2}, {1}, {{2, 3}, {2, 3}}), Code::kOperatorShape, "do not split"},
      {"overflow", Parts({INT32_MAX, INT32_MAX, 8}, {1}, {{2, 2}, {2, 2}, {2, 2}}),
       Code::kOperatorShape, "do not split"},
      {"more sizes", Parts({2, 2, 2}, {1}, {{2, 2}, {2, 2}}), Code::kOperatorShape, "do not split"},
      {"unpack", Unpacked(-2, {{6}, {6}}), kAccepted, ""},
      {"unpack axis", Unpacked(-3, {{6}, {6}}), Code::kOperatorShape, "axis -3"},
      {"unpack count", Unpacked(0, {{6}}), Code::kOperatorShape, "no 1 parts"},
      {"unpack shape", Unpacked(0, {{6}, {3, 2}}), Code::kOperatorShape, "[6]"},
  });
}

/// TILE of [2,3].
auto Tiled(Shape multiples, Shape out, float scale = kScale) {
  return [=](Draft& d) {
    const int32_t in = d.In({2, 3});
    d.Op(OperatorType::kTile, {in, d.List(multiples)}, {d.Out(out, scale)});
  };
}

TEST(OperatorRefusalTest, Tiling) {
  Check({
      {"tile", Tiled({2, 1}, {4, 3}), kAccepted, ""},
      {"result", Tiled({2, 1}, {2, 6}), Code::kOperatorShape, "[4,3]"},
      {"dimensions", Tiled({2}, {4, 3}), Code::kOperatorShape, "how often each dimension"},
      {"nothing", Tiled({2, 0}, {4, 3}), Code::kOperatorShape, "how often each dimension"},
      {"overflow", Tiled({2, INT32_MAX}, {4, 3}), Code::kOperatorShape, "should have the shape"},
      {"scale", Tiled({2, 1}, {4, 3}, 0.2f), Code::kOperatorQuantization, "must be the same"},
  });
}

auto Padded(Shape values, Shape out, bool symmetric = false) {
  return [=](Draft& d) {
    const int32_t in = d.In({2, 3});
    d.Op(OperatorType::kMirrorPad, {in, d.Pairs(values)}, {d.Out(out)},
         MirrorPadOptions{{}, symmetric});
  };
}

// PADV2 with a value of `scale` and `count` elements.
auto PaddedWith(float scale, int32_t count) {
  return [=](Draft& d) {
    const int32_t in = d.In({2, 3});
    d.Op(OperatorType::kPad, {in, d.Pairs({1, 1, 0, 0}), d.Constant({count}, scale)},
         {d.Out({4, 3})}, PadOptions{}, "PADV2");
  };
}

TEST(OperatorRefusalTest, Padding) {
  Check({
      {"reflect", Padded({1, 1, 2, 0}, {4, 5}), kAccepted, ""},
      {"reflect too far", Padded({2, 0, 0, 0}, {4, 3}), Code::kOperatorShape, "cannot be padded"},
      {"symmetric", Padded({2, 0, 0, 3}, {4, 6}, true), kAccepted, ""},
      {"symmetric too far", Padded({0, 3, 0, 0}, {5, 3}, true), Code::kOperatorShape,
       "cannot be padded"},
      {"negative", Padded({-1, 1, 0, 0}, {2, 3}), Code::kOperatorShape, "has -1 and 1"},
      {"short list", Padded({1, 1}, {4, 3}), Code::kOperatorShape, "[2,2]"},
      {"huge", Padded({INT32_MAX, INT32_MAX, 0, 0}, {2, 3}, true), Code::kOperatorShape,
       "cannot be padded"},
      {"value", PaddedWith(kScale, 1), kAccepted, ""},
      {"value of another scale", PaddedWith(0.2f, 1), Code::kOperatorQuantization,
       "must be the same"},
      {"two values", PaddedWith(kScale, 2), Code::kOperatorOperands, "one element"},
  });
}

auto Transposed(Shape permutation, Shape out) {
  return [=](Draft& d) {
    const int32_t in = d.In({2, 3, 4});
    d.Op(OperatorType::kTranspose, {in, d.List(permutation)}, {d.Out(out)}, TransposeOptions{});
  };
}
auto Reversed(Shape axes) {
  return [=](Draft& d) {
    const int32_t in = d.In({2, 3, 4});
    d.Op(OperatorType::kReverse, {in, d.List(axes)}, {d.Out({2, 3, 4})}, ReverseOptions{});
  };
}
auto Sliced(Shape begin, Shape size, Shape out) {
  return [=](Draft& d) {
    const int32_t in = d.In({4, 6});
    d.Op(OperatorType::kSlice, {in, d.List(begin), d.List(size)}, {d.Out(out)}, SliceOptions{});
  };
}
auto Strided(Shape begin, Shape end, Shape stride, Shape out, SliceMasks masks = {}) {
  return [=](Draft& d) {
    const int32_t in = d.In({4, 6});
    d.Op(OperatorType::kSlice, {in, d.List(begin), d.List(end), d.List(stride)}, {d.Out(out)},
         SliceOptions{}, "STRIDED_SLICE");
    d.form.slice_masks[0] = masks;
  };
}

TEST(OperatorRefusalTest, TransposeReverseSlice) {
  const Code shape = Code::kOperatorShape;
  Check({
      {"transpose", Transposed({-1, 0, 1}, {4, 2, 3}), kAccepted, ""},
      {"short", Transposed({1, 0}, {3, 2}), shape, "each dimension"},
      {"long", Transposed({1, 0, 2, 0}, {3, 2, 4, 2}), shape, "each dimension"},
      {"twice", Transposed({1, 1, 2}, {3, 3, 4}), shape, "each dimension"},
      {"axis", Transposed({3, 0, 1}, {4, 2, 3}), shape, "axis 3"},
      {"reverse", Reversed({0, -1}), kAccepted, ""},
      {"reverse axis", Reversed({3}), shape, "axis 3"},
      {"slice", Sliced({1, 2}, {2, -1}, {2, 4}), kAccepted, ""},
      {"begin", Sliced({-1, 0}, {1, 1}, {1, 1}), shape, "dimension 0"},
      {"begin at the end", Sliced({0, 6}, {1, -1}, {1, 1}), shape, "dimension 1"},
      {"size", Sliced({1, 0}, {4, 6}, {4, 6}), shape, "dimension 0"},
      {"size 0", Sliced({1, 0}, {0, 6}, {1, 6}), shape, "dimension 0"},
      {"size -2", Sliced({1, 0}, {-2, 6}, {1, 6}), shape, "dimension 0"},
      {"largest", Sliced({INT32_MAX, 0}, {INT32_MAX, 6}, {1, 6}), shape, "dimension 0"},
      {"smallest", Sliced({INT32_MIN, 0}, {-1, 6}, {1, 6}), shape, "dimension 0"},
      {"lists", Sliced({1}, {2, 2}, {2, 2}), shape, "1 begins"},
      {"slice result", Sliced({1, 2}, {2, 2}, {2, 3}), shape, "[2,2]"},
      {"strided", Strided({3, 1}, {0, 6}, {-1, 2}, {3, 3}), kAccepted, ""},
      {"masks", Strided({3, 1}, {0, 0}, {-1, 2}, {4, 3}, {.end = 3}), kAccepted, ""},
      {"dropped", Strided({-1, 1}, {0, 4}, {1, 2}, {2}, {.shrink_axis = 1}), kAccepted, ""},
      {"dropped beyond", Strided({4, 1}, {0, 4}, {1, 2}, {2}, {.shrink_axis = 1}), shape,
       "dimension 0"},
      {"stride 0", Strided({0, 0}, {4, 6}, {0, 1}, {4, 6}), shape, "dimension 0"},
      {"nothing", Strided({2, 0}, {2, 6}, {1, 1}, {1, 6}), shape, "dimension 0"},
      {"wrong way", Strided({0, 0}, {4, 6}, {-1, 1}, {4, 6}), shape, "dimension 0"},
      {"largest stride", Strided({0, 0}, {4, 6}, {INT32_MAX, 1}, {1, 6}), kAccepted, ""},
      {"smallest stride", Strided({3, 0}, {-9, 6}, {INT32_MIN, 1}, {1, 6}), kAccepted, ""},
      {"smallest ends", Strided({INT32_MIN, INT32_MIN}, {INT32_MAX, INT32_MIN}, {1, 1}, {4, 6}),
       shape, "dimension 1"},
      {"strided lists", Strided({0, 0}, {4, 6}, {1}, {4, 6}), shape, "1 strides"},
      {"ellipsis", Strided({0, 0}, {4, 6}, {1, 1}, {4, 6}, {.ellipsis = 1}), Code::kOperatorOptions,
       "ellipsis"},
      {"new axis", Strided({0, 0}, {4, 6}, {1, 1}, {4, 6}, {.new_axis = 1}), Code::kOperatorOptions,
       "new axes"},
      {"offset", Strided({0, 0}, {4, 6}, {1, 1}, {4, 6}, {.offset = true}), Code::kOperatorOptions,
       "relative"},
  });
}

auto Blocks(OperatorType type, Shape in, int32_t block, Shape out) {
  return [=](Draft& d) {
    const int32_t input = d.In(in);
    d.Op(type, {input}, {d.Out(out)}, BlockOptions{block});
  };
}
auto BatchBlocks(OperatorType type, Shape in, Shape block, Shape borders, Shape out) {
  return [=](Draft& d) {
    const int32_t input = d.In(in);
    d.Op(type, {input, d.List(block), d.Pairs(borders)}, {d.Out(out)}, BatchSpaceOptions{});
  };
}

TEST(OperatorRefusalTest, Blocks) {
  const OperatorType to_depth = OperatorType::kSpaceToDepth, to_space = OperatorType::kDepthToSpace,
                     to_batch = OperatorType::kSpaceToBatch, back = OperatorType::kBatchToSpace;
  const Code shape = Code::kOperatorShape;
  Check({
      {"to depth", Blocks(to_depth, {1, 4, 6, 3}, 2, {1, 2, 3, 12}), kAccepted, ""},
      {"block 0", Blocks(to_depth, {1, 4, 6, 3}, 0, {1, 2, 3, 12}), Code::kOperatorOptions, "is 0"},
      {"block -2", Blocks(to_space, {1, 4, 6, 4}, -2, {1, 8, 12, 1}), Code::kOperatorOptions,
       "is -2"},
      {"part", Blocks(to_depth, {1, 4, 5, 3}, 2, {1, 2, 2, 12}), shape, "whole blocks"},
      {"largest", Blocks(to_space, {1, 4, 6, 4}, INT32_MAX, {1, 8, 12, 1}), shape, "whole blocks"},
      {"depth", Blocks(to_space, {1, 4, 6, 6}, 2, {1, 8, 12, 1}), shape, "whole blocks"},
      {"rank", Blocks(to_depth, {4, 6, 3}, 2, {2, 3, 12}), shape, "3 dimensions"},
      {"to batch", BatchBlocks(to_batch, {1, 5, 6, 3}, {2, 2}, {1, 0, 0, 0}, {4, 3, 3, 3}),
       kAccepted, ""},
      {"batch part", BatchBlocks(to_batch, {1, 5, 6, 3}, {2, 2}, {0, 0, 0, 0}, {4, 3, 3, 3}), shape,
       "does not fit"},
      {"batch block 0", BatchBlocks(to_batch, {1, 4, 6, 3}, {2, 0}, {0, 0, 0, 0}, {4, 3, 3, 3}),
       Code::kOperatorOptions, "is 0"},
      {"negative border", BatchBlocks(to_batch, {1, 4, 6, 3}, {2, 2}, {-1, 1, 0, 0}, {4, 2, 3, 3}),
       shape, "has -1 and 1"},
      {"borders", BatchBlocks(to_batch, {1, 4, 6, 3}, {2, 2}, {0, 0}, {4, 2, 3, 3}), shape,
       "[2,2]"},
      {"many blocks",
       BatchBlocks(to_batch, {1, 4, 6, 3}, {2, 2, 3, 1}, {0, 0, 0, 0, 0, 0, 0, 0}, {4, 2, 3, 3}),
       shape, "does not fit input"},
      {"huge blocks",
       BatchBlocks(to_batch, {1, 4, 6, 3}, {INT32_MAX, INT32_MAX},
                   {INT32_MAX - 4, 0, INT32_MAX - 6, 0}, {4, 1, 1, 3}),
       shape, "[2147483647,1,1,3]"},
      {"back", BatchBlocks(back, {4, 3, 3, 3}, {2, 2}, {1, 0, 0, 0}, {1, 5, 6, 3}), kAccepted, ""},
      {"back batch", BatchBlocks(back, {3, 3, 3, 3}, {2, 2}, {1, 0, 0, 0}, {1, 5, 6, 3}), shape,
       "whole number"},
      {"all cropped", BatchBlocks(back, {4, 3, 3, 3}, {2, 2}, {3, 3, 0, 0}, {1, 1, 6, 3}), shape,
       "does not fit"},
  });
}

auto Resized(OperatorType type, Shape in, Shape size, Shape out, ResizeOptions options = {}) {
  return [=](Draft& d) {
    const int32_t input = d.In(in);
    d.Op(type, {input, d.List(size)}, {d.Out(out)}, options);
  };
}

TEST(OperatorRefusalTest, Resize) {
  const OperatorType nearest = OperatorType::kResizeNearestNeighbor;
  const OperatorType bilinear = OperatorType::kResizeBilinear;
  const ResizeOptions both{true, true};
  const Code shape = Code::kOperatorShape;
  Check({
      {"nearest", Resized(nearest, {1, 4, 6, 3}, {5, 5}, {1, 5, 5, 3}, both), kAccepted, ""},
      {"bilinear", Resized(bilinear, {1, 4, 6, 3}, {5, 5}, {1, 5, 5, 3}), kAccepted, ""},
      {"both", Resized(bilinear, {1, 4, 6, 3}, {5, 5}, {1, 5, 5, 3}, both), Code::kOperatorOptions,
       "both"},
      {"list", Resized(nearest, {1, 4, 6, 3}, {5, 5, 3}, {1, 5, 5, 3}), shape, "3 sizes"},
      {"size", Resized(nearest, {1, 4, 6, 3}, {5, 6}, {1, 5, 5, 3}), shape, "[1,5,6,3]"},
      {"negative", Resized(bilinear, {1, 4, 6, 3}, {-5, 5}, {1, 5, 5, 3}), shape, "[1,-5,5,3]"},
      {"rank", Resized(nearest, {4, 6}, {5, 5}, {5, 5}), shape, "2 dimensions"},
      // 1024 * 100 / 1430 rounds up so far that the last rows lie behind the image.
      {"rounded steps", Resized(bilinear, {1, 100, 1, 1}, {1430, 1}, {1, 1430, 1, 1}), shape,
       "out of the input"},
      {"beyond int32", Resized(bilinear, {1, 3000000, 1, 1}, {2, 1}, {1, 2, 1, 1}), shape,
       "out of the input"},
  });
}

TEST(OperatorRefusalTest, Reshapes) {
  const auto squeeze = [](Shape in, Shape out, TensorType from, TensorType to) {
    return [=](Draft& d) {
      const int32_t input = d.In(in), output = d.Out(out);
      d.tensor(input).type = from;
      d.tensor(output).type = to;
      d.Op(OperatorType::kReshape, {input}, {output}, NoOptions{}, "SQUEEZE");
    };
  };
  const TensorType i8 = TensorType::kInt8, i16 = TensorType::kInt16, i32 = TensorType::kInt32;
  Check({
      {"good", squeeze({1, 5, 1, 3}, {5, 3}, i8, i8), kAccepted, ""},
      {"int32", squeeze({1, 5, 1, 3}, {5, 3}, i32, i32), kAccepted, ""},
      {"types", squeeze({1, 5, 1, 3}, {5, 3}, i16, i8), Code::kOperatorType, "differ in type"},
      {"order", squeeze({1, 5, 1, 3}, {3, 5}, i8, i8), Code::kOperatorShape, "of size 1"},
      {"size", squeeze({1, 5, 1, 3}, {5, 2}, i8, i8), Code::kOperatorShape, "differ in size"},
  });
}

TEST(OperatorRefusalTest, FilterOf4Bits) {
  const auto dense = [](std::vector<float> scales) {
    return [=](Draft& d) {
      const int32_t in = d.In({1, 3});
      const int32_t filter = d.writer.Weights4({2, 3}, {-8, 7, 1, -1, 0, 3}, scales);
      d.writer.FullyConnected(in, filter, -1, d.Out({1, 2}));
    };
  };
  Check({
      {"one scale", dense({0.1f}), kAccepted, ""},
      {"a scale for each unit", dense({0.1f, 0.2f}), Code::kOperatorQuantization, "4 bits"},
  });
  Draft draft;
  dense({0.1f})(draft);
  const Result<Model> read = ReadTflite(draft.writer.Write(), "test.tflite");
  ASSERT_TRUE(read.ok()) << Text(read);
  const Tensor& filter = read->tensors[read->operators[0].inputs[1]];
  EXPECT_EQ(filter.type, TensorType::kInt4);
  EXPECT_EQ(filter.data, (std::vector<uint8_t>{0xf8, 7, 1, 0xff, 0, 3}));
}

// What is refused by its kind is named, all at once.
TEST(OperatorRefusalTest, OperatorsThatAreNotSupported) {
  constexpr int32_t kFloor = 8, kSin = 66, kCeil = 104, kL2Pool = 12;
  Draft draft;
  const int32_t in = draft.In({2, 3});
  for (int i = 0; i < 4; ++i) draft.Op(OperatorType::kAbs, {in}, {draft.Out({2, 3})});
  draft.form.builtin_code = {{0, kFloor}, {1, kSin}, {2, kCeil}, {3, kL2Pool}};
  const Result<Model> read = ReadTflite(draft.writer.Write(draft.form), "test.tflite");
  ASSERT_FALSE(read.ok());
  ASSERT_EQ(read.errors().size(), 4u);
  EXPECT_EQ(read.errors()[0].message, "operator 0 FLOOR is not supported");
  EXPECT_EQ(read.errors()[1].message, "operator 1 SIN is not supported");
  EXPECT_EQ(read.errors()[2].message, "operator 2 CEIL is not supported");
  EXPECT_EQ(read.errors()[3].message, "operator 3 L2_POOL_2D is not supported");
}

}  // namespace
}  // namespace npugen

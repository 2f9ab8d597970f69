// SPDX-License-Identifier: Apache-2.0
// The reader: what it accepts comes back as written, what it refuses is refused with the right
// code.
#include "sw/model/tflite_reader.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <functional>
#include <limits>

#include "tests/support/files.h"
#include "tests/support/stateful_network.h"
#include "verif/random/random_model.h"
#include "verif/random/tflite_writer.h"

namespace npugen {
namespace {

using testing::MakeRandomMixedNetwork;
using testing::MakeRandomNetwork;
using testing::MakeRandomOperator;
using testing::RandomModel;
using testing::TfliteForm;
using testing::TfliteWriter;
using testing::WriteTflite;
using Code = DiagnosticCode;

std::string AllErrors(const Result<Model>& result) {
  std::string text;
  if (result.ok()) return "accepted";
  for (const Diagnostic& error : result.errors()) text += FormatDiagnostic(error, false);
  return text;
}

void ExpectRefused(const std::vector<uint8_t>& bytes, Code code, const std::string& part) {
  const Result<Model> result = ReadTflite(bytes, "test.tflite");
  ASSERT_FALSE(result.ok()) << "accepted, should say: " << part;
  EXPECT_EQ(CodeText(result.errors()[0].code), CodeText(code)) << AllErrors(result);
  EXPECT_NE(AllErrors(result).find(part), std::string::npos)
      << AllErrors(result) << "should say: " << part;
  EXPECT_EQ(result.errors()[0].location.file, "test.tflite");
}

// The inputs as the reader leaves them: without constant lists, the data first.
std::vector<int32_t> Operands(const Model& written, const Operator& op) {
  std::vector<int32_t> inputs = op.inputs;
  switch (op.type) {
    case OperatorType::kConv2d:
    case OperatorType::kDepthwiseConv2d:
    case OperatorType::kFullyConnected:
      return inputs;
    case OperatorType::kTransposeConv:
      return {inputs[2], inputs[1], inputs[3]};
    default:
      std::erase_if(inputs, [&](int32_t tensor) {
        return written.tensors[tensor].is_constant &&
               written.tensors[tensor].type == TensorType::kInt32;
      });
      return inputs;
  }
}

void ExpectSameModel(const Model& read, const Model& written) {
  ASSERT_EQ(read.tensors.size(), written.tensors.size());
  for (size_t i = 0; i < read.tensors.size(); ++i) {
    const Tensor& a = read.tensors[i];
    const Tensor& b = written.tensors[i];
    EXPECT_EQ(a.name, b.name);
    EXPECT_EQ(a.type, b.type);
    EXPECT_EQ(a.shape, b.shape);
    EXPECT_EQ(a.scales, b.scales);
    EXPECT_EQ(a.zero_points, b.zero_points);
    EXPECT_EQ(a.quantized_dimension, b.quantized_dimension);
    EXPECT_EQ(a.is_constant, b.is_constant);
    EXPECT_EQ(a.data, b.data);
  }
  EXPECT_EQ(read.inputs, written.inputs);
  EXPECT_EQ(read.outputs, written.outputs);
  ASSERT_EQ(read.operators.size(), written.operators.size());
  for (size_t i = 0; i < read.operators.size(); ++i) {
    EXPECT_EQ(read.operators[i].type, written.operators[i].type);
    EXPECT_EQ(read.operators[i].index, static_cast<int32_t>(i));
    EXPECT_EQ(read.operators[i].inputs, Operands(written, written.operators[i]));
    EXPECT_EQ(read.operators[i].outputs, written.operators[i].outputs);
    EXPECT_EQ(read.operators[i].options.index(), written.operators[i].options.index());
  }
}

// Layers with states multiply, too: LSTM by the weights of four gates, SVDF by two matrices.
TEST(TfliteSurvey, CountsMacsOfRecurrentLayers) {
  int layers = 0;
  for (uint64_t seed = 0; seed < 20; ++seed) {
    const Result<TfliteSurvey> survey = SurveyTflite(
        seed % 2 == 0 ? testing::MakeLstmNetwork(seed) : testing::MakeSvdfNetwork(seed),
        "recurrent");
    ASSERT_TRUE(survey.ok());
    for (const Operator& op : survey->model.operators) {
      const std::vector<Tensor>& tensors = survey->model.tensors;
      const Tensor& input = tensors[op.inputs[0]];
      const int64_t depth = input.shape.back(), rows = input.elements() / depth;
      int64_t macs = 0;
      if (op.type == OperatorType::kSequenceLstm) {
        const int64_t units = tensors[op.outputs[0]].shape.back();
        macs = rows * 4 * units * (depth + units);
      } else if (op.type == OperatorType::kSvdf) {
        const Tensor& time = tensors[op.inputs[2]];
        macs = rows * time.shape[0] * (depth + time.shape[1]);
      } else {
        continue;
      }
      ++layers;
      EXPECT_EQ(survey->operators[op.index].macs, static_cast<uint64_t>(macs)) << "seed " << seed;
    }
  }
  EXPECT_GE(layers, 20);
}

TEST(TfliteReaderTest, RandomModelsComeBackAsWritten) {
  for (int number = 0; number < testing::kDrawnOperators; ++number) {
    const auto type = static_cast<OperatorType>(number);
    for (uint64_t seed = 0; seed < 200; ++seed) {
      const RandomModel random = MakeRandomOperator(type, seed);
      const Result<Model> read = ReadTflite(random.tflite, random.name);
      ASSERT_TRUE(read.ok()) << AllErrors(read);
      ExpectSameModel(*read, random.model);
    }
  }
  for (uint64_t seed = 0; seed < 300; ++seed) {
    const RandomModel random = MakeRandomNetwork(seed);
    const Result<Model> read = ReadTflite(random.tflite, random.name);
    ASSERT_TRUE(read.ok()) << AllErrors(read);
    ExpectSameModel(*read, random.model);
  }
  for (uint64_t seed = 0; seed < 500; ++seed) {
    const RandomModel random = MakeRandomMixedNetwork(seed);
    const Result<Model> read = ReadTflite(random.tflite, random.name);
    ASSERT_TRUE(read.ok()) << AllErrors(read);
    ExpectSameModel(*read, random.model);
  }
}

// One operator that is accepted; tests change one thing.
struct ConvCase {
  TfliteWriter writer;
  int32_t input, filter, bias, output;
  ConvOptions options;

  ConvCase() {
    input = writer.Input({1, 5, 6, 4}, 0.5f, 3);
    filter = writer.Weights({2, 3, 3, 4}, std::vector<int8_t>(72, 1), {0.1f, 0.2f});
    bias = writer.Integers({2}, {5, -5});
    output = writer.Activation({1, 5, 6, 2}, 0.7f, -4);
    writer.Conv2d(input, filter, bias, output, options);
    writer.Output(output);
  }
  Tensor& tensor(int32_t number) { return writer.model().tensors[number]; }
  ConvOptions& conv() { return std::get<ConvOptions>(writer.model().operators[0].options); }
  Operator& op() { return writer.model().operators[0]; }
};

struct RefusedConv {
  const char* what;
  std::function<void(ConvCase&, TfliteForm&)> change;
  Code code;
  const char* part;
};

TEST(TfliteReaderTest, TheUnchangedCaseIsAccepted) {
  ConvCase c;
  const Result<Model> read = ReadTflite(c.writer.Write(), "test.tflite");
  ASSERT_TRUE(read.ok()) << AllErrors(read);
  const auto& options = std::get<ConvOptions>(read->operators[0].options);
  EXPECT_EQ(options.padding, Padding::kSame);
  EXPECT_EQ(options.stride_h, 1);
  EXPECT_EQ(options.dilation_w, 1);
}

TEST(TfliteReaderTest, RefusesEachThingThatIsWrongWithAConvolution) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const float infinity = std::numeric_limits<float>::infinity();
  const std::vector<RefusedConv> cases = {
      {"identifier", [](auto&, auto& f) { f.identifier = "TFL2"; }, Code::kModelNotTflite,
       "identifier"},
      {"version", [](auto&, auto& f) { f.version = 4; }, Code::kModelNotTflite, "version 4"},
      {"two subgraphs", [](auto&, auto& f) { f.subgraphs = 2; }, Code::kModelSubgraphs,
       "2 subgraphs"},
      {"no subgraph", [](auto&, auto& f) { f.subgraphs = 0; }, Code::kModelSubgraphs,
       "0 subgraphs"},
      {"no operators", [](auto& c, auto&) { c.writer.model().operators.clear(); },
       Code::kModelEmpty, "0 operators"},
      {"no inputs", [](auto& c, auto&) { c.writer.model().inputs.clear(); }, Code::kModelEmpty,
       "0 inputs"},
      {"no outputs", [](auto& c, auto&) { c.writer.model().outputs.clear(); }, Code::kModelEmpty,
       "0 outputs"},
      {"input number", [](auto& c, auto&) { c.writer.model().inputs = {99}; }, Code::kModelGraph,
       "input 99"},
      {"negative input", [](auto& c, auto&) { c.writer.model().inputs = {-1}; }, Code::kModelGraph,
       "input -1"},
      {"input twice",
       [](auto& c, auto&) {
         c.writer.model().inputs = {0, 0};
       },
       Code::kModelGraph, "listed twice"},
      {"constant input",
       [](auto& c, auto&) {
         c.writer.model().inputs = {0, 1};
       },
       Code::kModelGraph, "constant"},
      {"output number", [](auto& c, auto&) { c.writer.model().outputs = {4}; }, Code::kModelGraph,
       "output 4"},
      {"output twice",
       [](auto& c, auto&) {
         c.writer.model().outputs = {3, 3};
       },
       Code::kModelGraph, "listed twice"},
      {"constant output", [](auto& c, auto&) { c.writer.model().outputs = {1}; }, Code::kModelGraph,
       "not the result"},
      {"input as output",
       [](auto& c, auto&) {
         c.writer.model().outputs = {3, 0};
       },
       Code::kModelGraph, "not the result"},
      {"operand number", [](auto& c, auto&) { c.op().inputs[0] = 1000000; }, Code::kModelGraph,
       "tensor 1000000"},
      {"operand -2", [](auto& c, auto&) { c.op().inputs[2] = -2; }, Code::kModelGraph, "tensor -2"},
      {"result number", [](auto& c, auto&) { c.op().outputs[0] = 77; }, Code::kModelGraph,
       "tensor 77"},
      {"reads own output", [](auto& c, auto&) { c.op().inputs[0] = 3; }, Code::kModelGraph,
       "before anything"},
      {"writes input", [](auto& c, auto&) { c.op().outputs[0] = 0; }, Code::kModelGraph,
       "already has a value"},
      {"writes constant", [](auto& c, auto&) { c.op().outputs[0] = 1; }, Code::kModelGraph,
       "already has a value"},
      {"input left out", [](auto& c, auto&) { c.op().inputs[0] = -1; }, Code::kOperatorOperands,
       "[-1,1,2]"},
      {"too many inputs", [](auto& c, auto&) { c.op().inputs.push_back(2); },
       Code::kOperatorOperands, "[0,1,2,2]"},
      {"one input", [](auto& c, auto&) { c.op().inputs.resize(1); }, Code::kOperatorOperands,
       "[0]"},
      {"no result",
       [](auto& c, auto&) {
         c.op().outputs.clear();
         c.writer.model().outputs = {0};
       },
       Code::kModelGraph, "not the result"},
      {"negative dimension", [](auto& c, auto&) { c.tensor(0).shape[1] = -5; }, Code::kModelTensor,
       "size -5"},
      {"zero dimension", [](auto& c, auto&) { c.tensor(0).shape[2] = 0; }, Code::kModelTensor,
       "size 0"},
      {"2^31 elements",
       [](auto& c, auto&) {
         c.tensor(0).shape = {1, 65536, 32768, 1};
       },
       Code::kModelTensor, "2^31"},
      {"2^124 elements",
       [](auto& c, auto&) {
         c.tensor(0).shape = {INT32_MAX, INT32_MAX, INT32_MAX, INT32_MAX};
       },
       Code::kModelTensor, "2^31"},
      {"many dimensions", [](auto& c, auto&) { c.tensor(0).shape.resize(9, 1); },
       Code::kModelTensor, "9 dimensions"},
      {"scale 0", [](auto& c, auto&) { c.tensor(0).scales = {0.0f}; }, Code::kModelTensor,
       "scale 0"},
      {"scale NaN", [nan](auto& c, auto&) { c.tensor(3).scales = {nan}; }, Code::kModelTensor,
       "scale nan"},
      {"scale infinite", [infinity](auto& c, auto&) { c.tensor(1).scales[1] = infinity; },
       Code::kModelTensor, "scale inf"},
      {"scale negative denormal", [](auto& c, auto&) { c.tensor(0).scales = {-1e-40f}; },
       Code::kModelTensor, "scale -1"},
      {"zero point", [](auto& c, auto&) { c.tensor(0).zero_points = {128}; }, Code::kModelTensor,
       "zero point 128"},
      {"zero point below", [](auto& c, auto&) { c.tensor(0).zero_points = {-129}; },
       Code::kModelTensor, "zero point -129"},
      {"zero point count",
       [](auto& c, auto&) {
         c.tensor(1).zero_points = {0, 0, 0};
       },
       Code::kModelTensor, "3 zero points"},
      {"no quantization", [](auto& c, auto&) { c.tensor(0).scales.clear(); }, Code::kModelTensor,
       "0 scales"},
      {"two scales",
       [](auto& c, auto&) {
         c.tensor(3).scales = {1, 1};
         c.tensor(3).zero_points = {0, 0};
       },
       Code::kModelTensor, "2 scales"},
      {"uint8 input", [](auto& c, auto&) { c.tensor(0).type = TensorType::kUint8; },
       Code::kOperatorType, "UINT8 and of INT8"},
      {"float output", [](auto& c, auto&) { c.tensor(3).type = TensorType::kFloat32; },
       Code::kOperatorType, "is not INT8"},
      {"int4 weights, two bytes each", [](auto&, auto& f) { f.tensor_type[1] = 17; },
       Code::kModelTensor, "needs 36 bytes of data but has 72"},
      {"unknown type", [](auto&, auto& f) { f.tensor_type[0] = 99; }, Code::kModelTensor,
       "not INT8"},
      {"int16 weights",
       [](auto& c, auto&) {
         c.tensor(1).type = TensorType::kInt16;
         c.tensor(1).data.resize(144);
       },
       Code::kOperatorType, "not INT8"},
      {"int64 bias",
       [](auto& c, auto&) {
         c.tensor(2).type = TensorType::kInt64;
         c.tensor(2).data.resize(16);
       },
       Code::kOperatorType, "not INT32"},
      {"short data", [](auto& c, auto&) { c.tensor(1).data.pop_back(); }, Code::kModelTensor,
       "needs 72 bytes of data but has 71"},
      {"long data", [](auto& c, auto&) { c.tensor(2).data.push_back(0); }, Code::kModelTensor,
       "needs 8 bytes of data but has 9"},
      {"buffer number", [](auto&, auto& f) { f.buffer[1] = 1000; }, Code::kModelTensor,
       "buffer 1000"},
      {"external data", [](auto&, auto& f) { f.external_data[1] = 4096; },
       Code::kModelExternalBuffer, "outside of the model"},
      {"weights not constant", [](auto&, auto& f) { f.buffer[1] = 0; }, Code::kModelGraph,
       "before anything"},
      {"bias length",
       [](auto& c, auto&) {
         c.tensor(2).shape = {1};
         c.tensor(2).data.resize(4);
       },
       Code::kOperatorShape, "2 output channels"},
      {"weights zero point",
       [](auto& c, auto&) {
         c.tensor(1).zero_points = {0, 1};
       },
       Code::kOperatorQuantization, "other than 0"},
      {"scale count",
       [](auto& c, auto&) {
         c.tensor(1).scales = {1, 1, 1};
         c.tensor(1).zero_points = {0, 0, 0};
       },
       Code::kOperatorQuantization, "3 scales, but 2"},
      {"quantized dimension", [](auto& c, auto&) { c.tensor(1).quantized_dimension = 3; },
       Code::kOperatorQuantization, "dimension 3"},
      {"huge factor", [](auto& c, auto&) { c.tensor(3).scales = {1e-20f}; },
       Code::kOperatorQuantization, "factor must be"},
      {"stride 0", [](auto& c, auto&) { c.conv().stride_h = 0; }, Code::kOperatorOptions,
       "stride_h is 0"},
      {"stride negative", [](auto& c, auto&) { c.conv().stride_w = -1; }, Code::kOperatorOptions,
       "stride_w is -1"},
      {"dilation 0", [](auto& c, auto&) { c.conv().dilation_w = 0; }, Code::kOperatorOptions,
       "dilation_w is 0"},
      {"stride 2", [](auto& c, auto&) { c.conv().stride_h = 2; }, Code::kOperatorShape,
       "[1,3,6,2]"},
      {"valid", [](auto& c, auto&) { c.conv().padding = Padding::kValid; }, Code::kOperatorShape,
       "[1,3,4,2]"},
      {"window too large",
       [](auto& c, auto&) {
         c.conv().padding = Padding::kValid;
         c.conv().dilation_h = INT32_MAX;
       },
       Code::kOperatorShape, "[1,0,4,2]"},
      {"output shape",
       [](auto& c, auto&) {
         c.tensor(3).shape = {1, 5, 6, 3};
       },
       Code::kOperatorShape, "[1,5,6,2]"},
      {"rank",
       [](auto& c, auto&) {
         c.tensor(0).shape = {5, 6, 4};
       },
       Code::kOperatorShape, "3 dimensions"},
      {"filter channels",
       [](auto& c, auto&) {
         c.tensor(1).shape = {2, 3, 4, 3};
       },
       Code::kOperatorShape, "do not form groups"},
      {"groups of filters",
       [](auto& c, auto&) {
         c.tensor(1).shape = {3, 3, 4, 2};
         c.tensor(1).scales = {1};
         c.tensor(1).zero_points = {0};
         c.op().inputs[2] = -1;
         c.tensor(3).shape[3] = 3;
       },
       Code::kOperatorShape, "do not form groups"},
      {"tanh", [](auto&, auto& f) { f.activation[0] = 4; }, Code::kOperatorOptions, "activation 4"},
      {"activation -1", [](auto&, auto& f) { f.activation[0] = -1; }, Code::kOperatorOptions,
       "activation -1"},
      {"no options", [](auto&, auto& f) { f.no_options[0] = true; }, Code::kOperatorOptions,
       "no options"},
      {"other operator", [](auto&, auto& f) { f.builtin_code[0] = 16; },
       Code::kOperatorNotSupported, "operator 0 LSTM"},
      {"operator above 127", [](auto&, auto& f) { f.builtin_code[0] = 150; },
       Code::kOperatorNotSupported, "operator 0 GELU"},
      {"unknown operator", [](auto&, auto& f) { f.builtin_code[0] = 100000; },
       Code::kOperatorNotSupported, "operator 100000"},
      {"custom", [](auto&, auto& f) { f.builtin_code[0] = 32; }, Code::kOperatorNotSupported,
       "CUSTOM \"Mystery\""},
      {"options of another", [](auto&, auto& f) { f.builtin_code[0] = 4; }, Code::kOperatorOptions,
       "options of kind 1"},
      {"large relu6",
       [](auto& c, auto&) {
         c.conv().activation = Activation::kRelu6;
         c.tensor(3).scales = {1e-30f};
         c.tensor(1).scales = {1e-30f, 1e-30f};
       },
       Code::kOperatorQuantization, "beyond int32"},
  };
  for (const RefusedConv& refused : cases) {
    SCOPED_TRACE(refused.what);
    ConvCase c;
    TfliteForm form;
    refused.change(c, form);
    ExpectRefused(c.writer.Write(form), refused.code, refused.part);
  }
}

TEST(TfliteReaderTest, AcceptsGroupsAndMissingBias) {
  ConvCase c;
  c.op().inputs[2] = -1;
  c.tensor(1).shape = {2, 3, 3, 2};
  c.tensor(1).data.resize(36);
  Result<Model> read = ReadTflite(c.writer.Write(), "test.tflite");
  ASSERT_TRUE(read.ok()) << AllErrors(read);
  EXPECT_EQ(read->operators[0].inputs, (std::vector<int32_t>{0, 1, -1}));
  c.op().inputs.resize(2);
  read = ReadTflite(c.writer.Write(), "test.tflite");
  ASSERT_TRUE(read.ok()) << AllErrors(read);
  EXPECT_EQ(read->operators[0].inputs, (std::vector<int32_t>{0, 1, -1}));
}

// Two operators: input -> first -> second.
TEST(TfliteReaderTest, RefusesOperatorsOutOfOrderAndTwoProducers) {
  TfliteWriter writer;
  const int32_t a = writer.Input({1, 4}, 0.1f, 0);
  const int32_t b = writer.Activation({4}, 0.1f, 0);
  const int32_t c = writer.Activation({2, 2}, 0.1f, 0);
  writer.Reshape(a, b);
  writer.Reshape(b, c);
  writer.Output(c);
  EXPECT_TRUE(ReadTflite(writer.Write(), "test.tflite").ok());
  TfliteWriter swapped = writer;
  std::swap(swapped.model().operators[0], swapped.model().operators[1]);
  ExpectRefused(swapped.Write(), Code::kModelGraph, "operator 0 RESHAPE reads tensor 1");
  TfliteWriter twice = writer;
  twice.model().operators[1].outputs = {1};
  ExpectRefused(twice.Write(), Code::kModelGraph, "operator 1 RESHAPE writes tensor 1");
  TfliteWriter cycle = writer;
  cycle.model().operators[0].inputs[0] = c;
  ExpectRefused(cycle.Write(), Code::kModelGraph, "operator 0 RESHAPE reads tensor 2");
}

TEST(TfliteReaderTest, ListsAllOffendingOperatorsAtOnce) {
  const RandomModel random = MakeRandomNetwork(11);
  ASSERT_GE(random.model.operators.size(), 4u);
  TfliteForm form;
  form.builtin_code[1] = 18;
  form.builtin_code[3] = 41;
  form.activation[0] = 5;
  const Result<Model> read = ReadTflite(WriteTflite(random.model, form), "test.tflite");
  ASSERT_FALSE(read.ok());
  const std::string text = AllErrors(read);
  EXPECT_NE(text.find("operator 1 MUL"), std::string::npos) << text;
  EXPECT_NE(text.find("operator 3 SUB"), std::string::npos) << text;
}

TEST(TfliteReaderTest, RefusesWhatOtherOperatorsCannotDo) {
  {  // the depth multiplier disagrees with the filter; 0 is completed
    TfliteWriter writer;
    const int32_t in = writer.Input({1, 4, 4, 3}, 0.1f, 0);
    const int32_t filter = writer.Weights({1, 2, 2, 6}, std::vector<int8_t>(24, 1), {0.1f}, 3);
    const int32_t out = writer.Activation({1, 4, 4, 6}, 0.1f, 0);
    ConvOptions options;
    options.depth_multiplier = 3;
    writer.DepthwiseConv2d(in, filter, -1, out, options);
    writer.Output(out);
    ExpectRefused(writer.Write(), Code::kOperatorOptions, "depth_multiplier is 3");
    std::get<ConvOptions>(writer.model().operators[0].options).depth_multiplier = 0;
    const Result<Model> read = ReadTflite(writer.Write(), "test.tflite");
    ASSERT_TRUE(read.ok()) << AllErrors(read);
    EXPECT_EQ(std::get<ConvOptions>(read->operators[0].options).depth_multiplier, 2);
    writer.model().tensors[filter].shape = {2, 2, 1, 6};
    ExpectRefused(writer.Write(), Code::kOperatorShape, "1 as its first dimension");
    writer.model().tensors[filter].shape = {1, 2, 3, 4};
    ExpectRefused(writer.Write(), Code::kOperatorShape, "no multiple of 3");
  }
  {  // fully connected: columns, units
    TfliteWriter writer;
    const int32_t in = writer.Input({2, 6}, 0.1f, 0);
    const int32_t filter = writer.Weights({3, 4}, std::vector<int8_t>(12, 1), {0.1f});
    const int32_t out = writer.Activation({3, 3}, 0.1f, 0);
    writer.FullyConnected(in, filter, -1, out);
    writer.Output(out);
    EXPECT_TRUE(ReadTflite(writer.Write(), "test.tflite").ok());  // 12 elements are 3 rows of 4
    writer.model().tensors[out].shape = {2, 3};
    ExpectRefused(writer.Write(), Code::kOperatorShape, "[3,3]");
    writer.model().tensors[in].shape = {2, 5};
    ExpectRefused(writer.Write(), Code::kOperatorShape, "no multiple of the filter's 4 columns");
    std::get<FullyConnectedOptions>(writer.model().operators[0].options).keep_num_dims = true;
    ExpectRefused(writer.Write(), Code::kOperatorShape, "4 as its last dimension");
  }
  {  // additions broadcast where shapes allow it; the sum's scale must be reachable
    TfliteWriter writer;
    const int32_t a = writer.Input({1, 4}, 0.1f, 0);
    const int32_t b = writer.Input({1, 1}, 0.1f, 0);
    const int32_t out = writer.Activation({1, 4}, 0.1f, 0);
    writer.Add(a, b, out);
    writer.Output(out);
    EXPECT_TRUE(ReadTflite(writer.Write(), "test.tflite").ok());
    writer.model().tensors[b].shape = {1, 3};
    ExpectRefused(writer.Write(), Code::kOperatorShape, "cannot be broadcast");
    writer.model().tensors[b].shape = {2, 1, 4};
    ExpectRefused(writer.Write(), Code::kOperatorShape, "should have the shape [2,1,4]");
    writer.model().tensors[b].shape = {1, 4};
    EXPECT_TRUE(ReadTflite(writer.Write(), "test.tflite").ok());
    writer.model().tensors[out].scales = {1e-8f};
    ExpectRefused(writer.Write(), Code::kOperatorQuantization, "cannot be combined");
  }
  for (bool max : {false, true}) {  // pools keep the scale
    TfliteWriter writer;
    const int32_t in = writer.Input({1, 4, 4, 2}, 0.1f, 0);
    const int32_t out = writer.Activation({1, 2, 2, 2}, 0.1f, 0);
    PoolOptions options{Padding::kValid, 2, 2, 2, 2, Activation::kNone};
    max ? writer.MaxPool2d(in, out, options) : writer.AveragePool2d(in, out, options);
    writer.Output(out);
    EXPECT_TRUE(ReadTflite(writer.Write(), "test.tflite").ok());
    writer.model().tensors[out].zero_points = {1};
    ExpectRefused(writer.Write(), Code::kOperatorQuantization, "must be the same");
    writer.model().tensors[out].zero_points = {0};
    std::get<PoolOptions>(writer.model().operators[0].options).filter_h = 0;
    ExpectRefused(writer.Write(), Code::kOperatorOptions, "filter_height is 0");
    std::get<PoolOptions>(writer.model().operators[0].options).filter_h = INT32_MAX;
    ExpectRefused(writer.Write(), Code::kOperatorShape, "[1,0,2,2]");
  }
  {  // mean: axes that exist, and the shape that follows
    TfliteWriter writer;
    const int32_t in = writer.Input({1, 4, 4, 2}, 0.1f, 0);
    const int32_t out = writer.Activation({1, 2}, 0.1f, 0);
    writer.Mean(in, {-3, 2, 1}, out, false);
    writer.Output(out);
    const Result<Model> read = ReadTflite(writer.Write(), "test.tflite");
    ASSERT_TRUE(read.ok()) << AllErrors(read);
    EXPECT_EQ(std::get<ReduceOptions>(read->operators[0].options).axes,
              (std::vector<int32_t>{1, 2}));
    std::get<ReduceOptions>(writer.model().operators[0].options).keep_dims = true;
    ExpectRefused(writer.Write(), Code::kOperatorShape, "[1,1,1,2]");
    writer.model().tensors[2].data[0] = 4;
    writer.model().tensors[2].data[1] = writer.model().tensors[2].data[2] =
        writer.model().tensors[2].data[3] = 0;
    ExpectRefused(writer.Write(), Code::kOperatorShape, "axis 4");
    const int32_t below = -5;
    std::memcpy(writer.model().tensors[2].data.data(), &below, 4);
    ExpectRefused(writer.Write(), Code::kOperatorShape, "axis -5");
  }
  {  // pad: counts and results
    TfliteWriter writer;
    const int32_t in = writer.Input({2, 3}, 0.1f, 7);
    const int32_t out = writer.Activation({4, 8}, 0.1f, 7);
    writer.Pad(in, {{1, 1}, {2, 3}}, out);
    writer.Output(out);
    const Result<Model> read = ReadTflite(writer.Write(), "test.tflite");
    ASSERT_TRUE(read.ok()) << AllErrors(read);
    EXPECT_EQ(std::get<PadOptions>(read->operators[0].options).paddings,
              (std::vector<std::pair<int32_t, int32_t>>{{1, 1}, {2, 3}}));
    std::memset(writer.model().tensors[2].data.data(), 0xff, 4);
    ExpectRefused(writer.Write(), Code::kOperatorShape, "has -1 and 1 for dimension 0");
    std::memset(writer.model().tensors[2].data.data(), 0x7f, 8);
    ExpectRefused(writer.Write(), Code::kOperatorShape, "dimension 0 cannot be padded");
    writer.model().tensors[2].shape = {4};
    ExpectRefused(writer.Write(), Code::kOperatorShape, "[2,2]");
  }
  {  // reshape: size and requested shape
    TfliteWriter writer;
    const int32_t in = writer.Input({2, 6}, 0.1f, 7);
    const int32_t out = writer.Activation({3, 4}, 0.1f, 7);
    writer.Reshape(in, out);
    writer.Output(out);
    EXPECT_TRUE(ReadTflite(writer.Write(), "test.tflite").ok());
    TfliteWriter stretched = writer;
    std::memset(stretched.model().tensors[2].data.data(), 0xff, 4);
    EXPECT_TRUE(ReadTflite(stretched.Write(), "test.tflite").ok());
    std::memset(stretched.model().tensors[2].data.data(), 0xff, 8);
    ExpectRefused(stretched.Write(), Code::kOperatorShape, "requested shape [-1,-1]");
    writer.model().tensors[out].shape = {4, 3};
    ExpectRefused(writer.Write(), Code::kOperatorShape, "requested shape [3,4]");
    writer.model().tensors[out].shape = {4, 4};
    ExpectRefused(writer.Write(), Code::kOperatorShape, "differ in size");
  }
  {  // softmax: output quantization, beta, number of classes
    TfliteWriter writer;
    const int32_t in = writer.Input({1, 4095}, 0.1f, 0);
    const int32_t out = writer.Activation({1, 4095}, 1.0f / 256, -128);
    writer.Softmax(in, out);
    writer.Output(out);
    EXPECT_TRUE(ReadTflite(writer.Write(), "test.tflite").ok());
    writer.model().tensors[out].zero_points = {0};
    ExpectRefused(writer.Write(), Code::kOperatorQuantization, "1/256");
    writer.model().tensors[out].zero_points = {-128};
    for (float beta : {0.0f, -1.0f, std::numeric_limits<float>::quiet_NaN(),
                       std::numeric_limits<float>::infinity()}) {
      std::get<SoftmaxOptions>(writer.model().operators[0].options).beta = beta;
      ExpectRefused(writer.Write(), Code::kOperatorOptions, "beta");
    }
    std::get<SoftmaxOptions>(writer.model().operators[0].options).beta = 1.0f;
    writer.model().tensors[in].shape = writer.model().tensors[out].shape = {1, 4096};
    ExpectRefused(writer.Write(), Code::kOperatorShape, "4096 classes");
  }
}

TEST(TfliteReaderTest, ScalesOfBiasesHaveNoEffect) {
  for (float scale : {0.0f, -1.0f, std::numeric_limits<float>::quiet_NaN()}) {
    ConvCase c;
    c.tensor(c.bias).scales = {scale, 1.0f};
    c.tensor(c.bias).zero_points = {1000, 5};
    const Result<Model> read = ReadTflite(c.writer.Write(), "test.tflite");
    ASSERT_TRUE(read.ok()) << AllErrors(read);
    EXPECT_TRUE(read->tensors[c.bias].scales.empty());
  }
}

TEST(TfliteReaderTest, UnusedTensorsMayBeAnything) {
  ConvCase c;
  Tensor odd;
  odd.name = "odd";
  odd.type = TensorType::kFloat32;
  odd.shape = {-1, 0, 7};
  odd.scales = {0.0f};
  odd.zero_points = {1000};
  c.writer.model().tensors.push_back(odd);
  EXPECT_TRUE(ReadTflite(c.writer.Write(), "test.tflite").ok());
}

TEST(TfliteReaderTest, PrintsNamesThatAreNotText) {
  ConvCase c;
  c.tensor(0).name = std::string("\x1b[31m\n\0x", 7) + std::string(5000, 'y');
  c.tensor(0).type = TensorType::kInt16;
  const Result<Model> read = ReadTflite(c.writer.Write(), "test.tflite");
  ASSERT_FALSE(read.ok());
  for (const Diagnostic& error : read.errors()) {
    EXPECT_LT(error.message.size(), 400u);
    for (char character : error.message) EXPECT_GE(character, ' ');
  }
}

TEST(TfliteReaderTest, FilesThatAreNoModels) {
  ExpectRefused({}, Code::kModelNotTflite, "0 bytes");
  ExpectRefused({'T', 'F', 'L', '3'}, Code::kModelNotTflite, "4 bytes");
  ExpectRefused(std::vector<uint8_t>(1000, 0), Code::kModelNotTflite, "identifier");
  std::vector<uint8_t> almost(64, 0);
  std::memcpy(almost.data() + 4, "TFL3", 4);
  EXPECT_FALSE(ReadTflite(almost, "test.tflite").ok());
  std::vector<uint8_t> ones(64, 0xff);
  std::memcpy(ones.data() + 4, "TFL3", 4);
  ExpectRefused(ones, Code::kModelDamaged, "beyond the end");
  const Result<Model> missing = LoadTflite("/does/not/exist.tflite");
  ASSERT_FALSE(missing.ok());
  EXPECT_EQ(missing.errors()[0].code, Code::kFileRead);
  EXPECT_FALSE(LoadTflite("/").ok());
  EXPECT_FALSE(LoadTflite(testing::SourcePath("CMakeLists.txt")).ok());
}

}  // namespace
}  // namespace npugen

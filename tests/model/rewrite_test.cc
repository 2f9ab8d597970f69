// SPDX-License-Identifier: Apache-2.0
// What is rewritten before operators are checked: shape arithmetic; files that are no models.
#include <gtest/gtest.h>

#include "sw/model/read_model.h"
#include "sw/model/tflite_reader.h"
#include "verif/random/tflite_writer.h"

namespace npugen::testing {
namespace {

/// An int32 tensor that an operator writes.
int32_t Integer(TfliteWriter* writer, std::vector<int32_t> shape,
                TensorType type = TensorType::kInt32) {
  const int32_t tensor = writer->Floats(std::move(shape));
  writer->model().tensors[tensor].type = type;
  return tensor;
}

/// RESHAPE of [1,40] by the shape in tensor `shape` to [1,8,5].
Result<Model> ReadReshape(TfliteWriter* writer, int32_t shape, const TfliteForm& form = {}) {
  const int32_t output = writer->Activation({1, 8, 5}, 1.0f, 0);
  writer->Append(OperatorType::kReshape, {0, shape}, {output}, ReshapeOptions{});
  writer->Output(output);
  return ReadTflite(writer->Write(form), "folded");
}

void ExpectFolded(const Result<Model>& model) {
  ASSERT_TRUE(model.ok()) << FormatDiagnostic(model.errors()[0], false);
  ASSERT_EQ(model->operators.size(), 1u);
  EXPECT_EQ(model->operators[0].name, "RESHAPE");
}

class FoldTest : public ::testing::Test {
 protected:
  void SetUp() override { writer_.Input({1, 40}, 1.0f, 0); }
  int32_t List(const std::vector<int32_t>& values) {
    return writer_.Integers({static_cast<int32_t>(values.size())}, values);
  }
  int32_t Scalar(int32_t value) { return writer_.Integers({}, {value}); }
  TfliteWriter writer_;
};

/// As Keras writes Reshape: the first dimension of SHAPE, packed with the others.
TEST_F(FoldTest, ShapeSlicedAndPacked) {
  const int32_t shape = Integer(&writer_, {2}), first = Integer(&writer_, {});
  const int32_t packed = Integer(&writer_, {3});
  writer_.Append(OperatorType::kReshape, {0}, {shape}, NoOptions{}, "SHAPE");
  writer_.Append(OperatorType::kSlice, {shape, List({0}), List({1}), List({1})}, {first},
                 SliceOptions{}, "STRIDED_SLICE");
  writer_.Append(OperatorType::kPack, {first, Scalar(8), Scalar(5)}, {packed}, AxisOptions{});
  TfliteForm form;
  form.slice_masks[1].shrink_axis = 1;
  const Result<Model> model = ReadReshape(&writer_, packed, form);
  ExpectFolded(model);
  EXPECT_EQ(model->operators[0].index, 3) << "the file's number";
}

/// As ONNX converters do: SHAPE in int64, GATHER, MUL, CONCATENATION, CAST.
TEST_F(FoldTest, GatheredMultipliedJoinedAndCast) {
  const int32_t shape = Integer(&writer_, {2}, TensorType::kInt64);
  const int32_t narrow = Integer(&writer_, {2});
  const int32_t last = Integer(&writer_, {1}), fifth = Integer(&writer_, {1});
  const int32_t joined = Integer(&writer_, {3});
  writer_.Append(OperatorType::kReshape, {0}, {shape}, NoOptions{}, "SHAPE");
  writer_.Append(OperatorType::kReshape, {shape}, {narrow}, NoOptions{}, "CAST");
  writer_.Append(OperatorType::kReshape, {narrow, List({1})}, {last}, NoOptions{}, "GATHER");
  writer_.Append(OperatorType::kReshape, {last, List({5})}, {fifth}, NoOptions{}, "FLOOR_DIV");
  writer_.Append(OperatorType::kConcatenation, {List({1}), fifth, List({5})}, {joined},
                 AxisOptions{});
  ExpectFolded(ReadReshape(&writer_, joined));
}

TEST_F(FoldTest, ArithmeticOfEveryKind) {
  struct Case {
    const char* name;
    int32_t a, b;
  };
  for (const Case& c : {Case{"ADD", 3, 5}, Case{"SUB", 13, 5}, Case{"MUL", 4, 2},
                        Case{"DIV", 17, 2}, Case{"FLOOR_DIV", -15, -2}, Case{"FLOOR_MOD", -2, 10},
                        Case{"MAXIMUM", 8, 3}, Case{"MINIMUM", 8, 30}}) {
    SCOPED_TRACE(c.name);
    TfliteWriter writer;
    writer.Input({1, 40}, 1.0f, 0);
    const int32_t eight = Integer(&writer, {1}), packed = Integer(&writer, {3});
    const int32_t a = writer.Integers({1}, {c.a}), b = writer.Integers({}, {c.b});
    writer.Append(OperatorType::kReshape, {a, b}, {eight}, NoOptions{}, c.name);
    const int32_t one = writer.Integers({1}, {1}), five = writer.Integers({1}, {5});
    writer.Append(OperatorType::kConcatenation, {one, eight, five}, {packed}, AxisOptions{});
    const bool right = std::string(c.name) != "FLOOR_DIV";
    const Result<Model> model = ReadReshape(&writer, packed);
    EXPECT_EQ(model.ok(), right) << "-15 / -2 is 7";
  }
}

TEST_F(FoldTest, ListsCutAndMultiplied) {
  const int32_t cut = Integer(&writer_, {2}), product = Integer(&writer_, {1});
  const int32_t joined = Integer(&writer_, {3});
  writer_.Append(OperatorType::kSlice, {List({9, 4, 2, 9}), List({1}), List({2})}, {cut},
                 SliceOptions{});
  ReduceOptions keep;
  keep.keep_dims = true;
  writer_.Append(OperatorType::kSum, {cut, List({0})}, {product}, keep, "REDUCE_PROD");
  writer_.Append(OperatorType::kConcatenation, {List({1}), product, List({5})}, {joined},
                 AxisOptions{});
  ExpectFolded(ReadReshape(&writer_, joined));
}

/// What is not known, or cannot be, is not folded but refused.
TEST_F(FoldTest, RefusesWhatIsNotKnown) {
  const int32_t shape = Integer(&writer_, {2}), far = Integer(&writer_, {1});
  writer_.Append(OperatorType::kReshape, {0}, {shape}, NoOptions{}, "SHAPE");
  writer_.Append(OperatorType::kReshape, {shape, List({2})}, {far}, NoOptions{}, "GATHER");
  const Result<Model> model = ReadReshape(&writer_, far);
  ASSERT_FALSE(model.ok());
  EXPECT_NE(model.errors()[0].message.find("operator 1 GATHER"), std::string::npos);
}

TEST_F(FoldTest, DividesByNothing) {
  const int32_t nothing = Integer(&writer_, {1});
  writer_.Append(OperatorType::kReshape, {List({1}), List({0})}, {nothing}, NoOptions{}, "DIV");
  EXPECT_FALSE(ReadReshape(&writer_, nothing).ok());
}

TEST(JoinedErrors, OneForEachKind) {
  TfliteWriter writer;
  int32_t last = writer.Input({1, 4}, 1.0f, 0);
  for (int i = 0; i < 30; ++i) {
    const int32_t next = writer.Activation({1, 4}, 1.0f, 0);
    writer.Append(i % 3 == 0 ? OperatorType::kRelu : OperatorType::kAbs, {last}, {next},
                  NoOptions{}, i % 3 == 0 ? "COS" : "SIN");
    last = next;
  }
  writer.Output(last);
  const Result<Model> model = ReadTflite(writer.Write(), "joined");
  ASSERT_FALSE(model.ok());
  ASSERT_EQ(model.errors().size(), 2u);
  EXPECT_EQ(model.errors()[0].message,
            "operator 0 COS is not supported (10 in all; also operators 3, 6, 9, 12, 15, 18, 21, "
            "24 ...)");
  EXPECT_NE(model.errors()[1].message.find("(20 in all"), std::string::npos);
}

TEST(JoinedErrors, FloatNetworksAreOneError) {
  TfliteWriter writer;
  const int32_t in = writer.Floats({1, 4});
  writer.model().inputs.push_back(in);
  const int32_t out = writer.Floats({1, 3});
  writer.FullyConnected(in, writer.Weights({3, 4}, std::vector<int8_t>(12, 1), {1.0f}), -1, out);
  writer.Output(out);
  const Result<Model> model = ReadTflite(writer.Write(), "float");
  ASSERT_FALSE(model.ok());
  ASSERT_EQ(model.errors().size(), 1u);
  EXPECT_EQ(model.errors()[0].message, "1 of 1 operators compute in FLOAT32: 1 FULLY_CONNECTED");
  EXPECT_NE(model.errors()[0].hint.find("dynamic range"), std::string::npos);
}

TEST(OtherFormats, AreNamed) {
  const auto message = [](const std::string& text, const char* name = "model.tflite") {
    const Result<Model> model = ReadModelBytes({text.begin(), text.end()}, name);
    return model.ok() ? std::string() : model.errors()[0].message;
  };
  EXPECT_NE(message("version https://git-lfs.github.com/spec/v1\noid sha256:0").find("Git LFS"),
            std::string::npos);
  EXPECT_NE(message("\x89HDF\r\n\x1a\n", "model.h5").find("Keras"), std::string::npos);
  EXPECT_NE(message("PK\x03\x04 model.tflite").find("zip"), std::string::npos);
  EXPECT_NE(message("PK\x03\x04 config.json model.weights.h5", "m.keras").find("Keras"),
            std::string::npos);
  EXPECT_NE(message("NPUN....", "model.npu").find("compiled network"), std::string::npos);
}

TEST(OtherFormats, FilesOfOtherCompilersAreNamed) {
  for (const auto& [custom, maker] : {std::pair{"ethos-u", "Vela"},
                                      {"edgetpu-custom-op", "Edge TPU"},
                                      {"XC_conv2d_v2", "XMOS"},
                                      {"NeutronGraph", "NXP"}}) {
    TfliteWriter writer;
    const int32_t in = writer.Input({1, 4}, 1.0f, 0), out = writer.Activation({1, 4}, 1.0f, 0);
    writer.Append(OperatorType::kRelu, {in}, {out}, NoOptions{}, "CUSTOM");
    writer.Output(out);
    TfliteForm form;
    form.custom_code = custom;
    const Result<Model> model = ReadTflite(writer.Write(form), "compiled");
    ASSERT_FALSE(model.ok());
    ASSERT_EQ(model.errors().size(), 1u);
    EXPECT_NE(model.errors()[0].message.find(maker), std::string::npos)
        << model.errors()[0].message;
  }
}

}  // namespace
}  // namespace npugen::testing

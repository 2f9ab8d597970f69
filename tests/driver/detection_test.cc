// SPDX-License-Identifier: Apache-2.0
// Kernels behind detectors against the golden model, through the reader; hand-computed boxes; what
// they refuse.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <vector>

#include "sw/compiler/host_step.h"
#include "sw/driver/npu_host_detection.h"
#include "sw/model/operators/rules.h"
#include "sw/model/tflite_reader.h"
#include "verif/golden/golden_model.h"
#include "verif/random/random_model.h"
#include "verif/random/tflite_writer.h"

namespace npugen::testing {
namespace {

int32_t Constant(TfliteWriter& writer, RandomSource& random, std::vector<int32_t> shape,
                 float scale, int32_t zero_point) {
  int64_t count = 1;
  for (const int32_t size : shape) count *= size;
  std::vector<int8_t> values(static_cast<size_t>(count));
  for (int8_t& value : values) value = static_cast<int8_t>(random.Integer(-128, 127));
  const int32_t tensor = writer.Weights(std::move(shape), values, {scale});
  writer.model().tensors[tensor].zero_points = {zero_point};
  return tensor;
}

/// Four float32 outputs, of which files may leave the shapes open.
void Finish(TfliteWriter& writer, RandomSource& random, OperatorType type,
            const std::vector<int32_t>& inputs, std::vector<std::vector<int32_t>> shapes,
            const OperatorOptions& options) {
  const bool open = random.Chance(2);
  std::vector<int32_t> outputs;
  for (std::vector<int32_t>& shape : shapes) {
    outputs.push_back(writer.Floats(open ? std::vector<int32_t>{} : shape));
    writer.Output(outputs.back());
  }
  writer.Append(type, inputs, outputs, options);
}

std::vector<uint8_t> MakeDetector(uint64_t seed) {
  RandomSource random(seed * 31 + 5);
  TfliteWriter writer("detector");
  const bool uint8 = random.Chance(3);
  DetectionOptions o;
  const int32_t boxes = random.Integer(1, 60);
  o.most = random.Integer(1, 12);
  o.classes = random.Integer(1, 5);
  o.most_of_a_class = random.Integer(1, 20);
  o.regular = random.Chance(2);
  o.score_threshold = static_cast<float>(random.Real(-0.2, 0.6));
  o.overlap_threshold = static_cast<float>(random.Real(0.05, 1.0));
  o.scale_y = o.scale_x = 10.0f;
  o.scale_h = o.scale_w = 5.0f;
  const int32_t columns = o.classes + random.Integer(0, 1);
  const int32_t codes = writer.Input({1, boxes, random.Integer(4, 6)}, 0.06f, 11);
  const int32_t scores = writer.Input({1, boxes, columns}, 1.0f / 256, -128);
  const int32_t anchors = Constant(writer, random, {boxes, 4}, 1.0f / 256, -129 + 1);
  Finish(writer, random, OperatorType::kDetectionPostProcess, {codes, scores, anchors},
         {{1, o.most, 4}, {1, o.most}, {1, o.most}, {1}}, o);
  if (uint8) {
    for (const int32_t tensor : {codes, scores, anchors}) {
      writer.model().tensors[tensor].type = TensorType::kUint8;
      writer.model().tensors[tensor].zero_points[0] += 128;
    }
  }
  return writer.Write();
}

std::vector<uint8_t> MakePoseDecoder(uint64_t seed) {
  RandomSource random(seed * 37 + 3);
  TfliteWriter writer("poses");
  PoseOptions o;
  o.most = random.Integer(1, 12);
  o.stride = random.Pick({8, 16});
  o.score_threshold = static_cast<float>(random.Real(0.1, 0.7));
  o.nms_radius = static_cast<float>(random.Real(0.0, 30.0));
  const int32_t h = random.Integer(1, 7), w = random.Integer(1, 7);
  const int32_t heat = writer.Input({1, h, w, 17}, 0.05f, 20);
  const int32_t shorts = writer.Input({1, h, w, 34}, 0.2f, -3);
  const int32_t mids = writer.Input({1, h, w, 64}, 0.6f, 5);
  Finish(writer, random, OperatorType::kPosenetDecoder, {heat, shorts, mids},
         {{1, o.most, 17, 2}, {1, o.most, 17}, {1, o.most}, {1}}, o);
  return writer.Write();
}

/// An operator of the host with memory of its own.
struct HostRun {
  HostStep step;
  std::vector<npu_network_tensor> rows;
  std::vector<std::vector<uint8_t>> bytes;
  std::vector<uint64_t> work;

  HostRun(const Model& model, const Operator& op, const TensorBytes& tensors)
      : step(MakeHostStep(model, op)), work(step.work_bytes / 8 + 2, 0x77) {
    for (const int32_t input : op.inputs) {
      const Tensor& tensor = model.tensors[input];
      Add(tensor, tensor.is_constant ? tensor.data : tensors[input]);
    }
    for (const int32_t output : op.outputs) {
      Add(model.tensors[output], std::vector<uint8_t>(model.tensors[output].bytes(), 0x5a));
    }
  }
  void Add(const Tensor& tensor, std::vector<uint8_t> data) {
    npu_network_tensor row = {};
    row.type = tensor.type == TensorType::kInt8 ? NPU_ELEMENT_INT8 : NPU_ELEMENT_FLOAT32;
    const float scale = tensor.scale();
    std::memcpy(&row.scale, &scale, 4);
    row.zero_point = tensor.zero_point();
    row.bytes = static_cast<uint32_t>(data.size());
    row.rank = static_cast<uint32_t>(tensor.shape.size());
    for (size_t d = 0; d < tensor.shape.size(); ++d) {
      row.shape[d] = static_cast<uint32_t>(tensor.shape[d]);
    }
    rows.push_back(row);
    bytes.push_back(std::move(data));
  }
  bool Fits(uint32_t less_work = 0) const {
    std::vector<const npu_network_tensor*> pointers;
    for (const npu_network_tensor& row : rows) pointers.push_back(&row);
    return npu_host_operator_fits(step.kind, pointers.data(), 3, pointers.data() + 3, 4,
                                  step.options.data(), static_cast<uint32_t>(step.options.size()),
                                  step.work_bytes - less_work) != 0;
  }
  void Run() {
    std::vector<npu_host_operand> operands;
    for (size_t i = 0; i < rows.size(); ++i) operands.push_back({&rows[i], bytes[i].data()});
    npu_host_operator_run(step.kind, operands.data(), operands.data() + 3, step.options.data(),
                          work.data());
  }
};

void CheckAll(std::vector<uint8_t> (*make)(uint64_t seed), uint64_t count) {
  int found = 0;
  for (uint64_t seed = 1; seed <= count; ++seed) {
    SCOPED_TRACE(seed);
    const Result<Model> model = ReadTflite(make(seed), "detector");
    ASSERT_TRUE(model.ok()) << FormatDiagnostic(model.errors()[0], false);
    std::vector<std::vector<uint8_t>> inputs = MakeRandomInputs(*model, seed);
    if (seed % 3 == 0) {
      // Few values, so that scores are often equal.
      for (std::vector<uint8_t>& bytes : inputs) {
        for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(40 + 30 * (byte % 3));
      }
    }
    const Result<TensorBytes> tensors = RunGolden(*model, inputs);
    ASSERT_TRUE(tensors.ok());
    const Operator& op = model->operators.back();
    HostRun run(*model, op, *tensors);
    ASSERT_TRUE(run.Fits());
    EXPECT_FALSE(run.Fits(4));
    run.Run();
    EXPECT_EQ(run.work.back(), 0x77u) << "beyond the memory to work in";
    for (size_t o = 0; o < 4; ++o) {
      ASSERT_EQ(run.bytes[3 + o], (*tensors)[op.outputs[o]]) << "output " << o;
    }
    float number = 0;
    std::memcpy(&number, run.bytes[6].data(), 4);
    found += static_cast<int>(number);
  }
  EXPECT_GT(found, static_cast<int>(count)) << "there is something to compare";
}

TEST(Detection, EqualsTheGoldenModel) { CheckAll(MakeDetector, 400); }
TEST(Poses, EqualTheGoldenModel) { CheckAll(MakePoseDecoder, 400); }

/// The example of TFLM's detection_postprocess_test.cc (kInputs to kGolden): float32 operands, six
/// boxes of which three are left.
TEST(Detection, ExampleOfTflm) {
  for (const bool regular : {false, true}) {
    TfliteWriter writer("example");
    const int32_t codes = writer.Floats({1, 6, 4}), scores = writer.Floats({1, 6, 3});
    const int32_t anchors = writer.Floats({6, 4});
    writer.model().inputs = {codes, scores, anchors};
    DetectionOptions o;
    o.most = o.most_of_a_class = 3;
    o.classes = 2;
    o.regular = regular;
    o.score_threshold = 0.0f;
    o.overlap_threshold = 0.5f;
    o.scale_y = o.scale_x = 10.0f;
    o.scale_h = o.scale_w = 5.0f;
    RandomSource random(1);
    Finish(writer, random, OperatorType::kDetectionPostProcess, {codes, scores, anchors},
           {{1, 3, 4}, {1, 3}, {1, 3}, {1}}, o);
    const Result<Model> model = ReadTflite(writer.Write(), "example");
    ASSERT_TRUE(model.ok()) << FormatDiagnostic(model.errors()[0], false);
    const std::vector<float> values[] = {
        {0, 0, 0, 0, 0, 1, 0, 0, 0, -1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0},
        {0, .9f, .8f, 0, .75f, .72f, 0, .6f, .5f, 0, .93f, .95f, 0, .5f, .4f, 0, .3f, .2f},
        {.5f, .5f,   1, 1, .5f, .5f,   1, 1, .5f, .5f,    1, 1,
         .5f, 10.5f, 1, 1, .5f, 10.5f, 1, 1, .5f, 100.5f, 1, 1}};
    std::vector<std::vector<uint8_t>> inputs;
    for (const std::vector<float>& list : values) {
      inputs.emplace_back(list.size() * 4);
      std::memcpy(inputs.back().data(), list.data(), inputs.back().size());
    }
    const Result<TensorBytes> tensors = RunGolden(*model, inputs);
    ASSERT_TRUE(tensors.ok());
    HostRun run(*model, model->operators[0], *tensors);
    ASSERT_TRUE(run.Fits());
    run.Run();
    const auto output = [&](size_t o) {
      std::vector<float> list(run.bytes[3 + o].size() / 4);
      std::memcpy(list.data(), run.bytes[3 + o].data(), list.size() * 4);
      return list;
    };
    // Boxes around columns 10.5, 0.5 and 100.5; regular NMS finds class 0 of the second one, too.
    const std::vector<float> classes =
        regular ? std::vector<float>{1, 0, 0} : std::vector<float>{1, 0, 0};
    const std::vector<float> best =
        regular ? std::vector<float>{.95f, .93f, .9f} : std::vector<float>{.95f, .9f, .3f};
    EXPECT_EQ(output(1), classes);
    EXPECT_EQ(output(2), best);
    EXPECT_EQ(output(3), std::vector<float>{3.0f});
    const std::vector<float> boxes = output(0);
    EXPECT_FLOAT_EQ(boxes[0], 0.0f);
    EXPECT_FLOAT_EQ(boxes[1], 10.0f);
    EXPECT_FLOAT_EQ(boxes[3], 11.0f);
  }
}

TEST(Detection, RefusesWhatDoesNotFit) {
  for (const auto make : {MakeDetector, MakePoseDecoder}) {
    const Result<Model> model = ReadTflite(make(4), "detector");
    ASSERT_TRUE(model.ok());
    const Result<TensorBytes> tensors = RunGolden(*model, MakeRandomInputs(*model, 1));
    const HostRun good(*model, model->operators.back(), *tensors);
    for (size_t i = 0; i < 7; ++i) {
      HostRun run = good;
      run.rows[i].shape[0] += 1;
      EXPECT_FALSE(run.Fits()) << i;
      run = good;
      run.rows[i].type = NPU_ELEMENT_INT16;
      EXPECT_FALSE(run.Fits()) << i;
    }
    HostRun run = good;
    run.step.options.pop_back();
    EXPECT_FALSE(run.Fits());
    // Any option that fits runs within its memory.
    RandomSource random(9);
    for (size_t word = 0; word < good.step.options.size(); ++word) {
      for (const uint32_t value : {0u, 1u, 2u, 0xffffffffu, 0x7fffffffu, 0x80000000u, 0x7fc00000u,
                                   0x7f800000u, static_cast<uint32_t>(random.Integer(0, 9))}) {
        run = good;
        run.step.options[word] = value;
        if (run.Fits()) run.Run();
        EXPECT_EQ(run.work.back(), 0x77u);
      }
    }
  }
}

}  // namespace
}  // namespace npugen::testing

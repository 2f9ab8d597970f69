// SPDX-License-Identifier: Apache-2.0
// Kernels of 16 bits and of recurrent layers: each against the golden model, and what they refuse.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>
#include <random>
#include <vector>

#include "sw/driver/npu_host_kernels.h"
#include "sw/model/operators/rules.h"
#include "sw/model/tflite_reader.h"
#include "tests/driver/step.h"
#include "tests/support/stateful_network.h"
#include "verif/golden/golden_model.h"
#include "verif/random/random_model.h"
#include "verif/random/tflite_writer.h"

namespace npugen::testing {
namespace {

/// Inputs of all values, or small ones around 0.
std::vector<std::vector<uint8_t>> Inputs(const Model& model, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::vector<std::vector<uint8_t>> inputs;
  for (const int32_t input : model.inputs) {
    const Tensor& tensor = model.tensors[input];
    std::vector<uint8_t> bytes(tensor.bytes());
    const int style = static_cast<int>(random() % 6);
    for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<uint8_t>(random());
    if (tensor.type == TensorType::kInt16) {
      const int16_t ends[] = {-32768, 32767, 0, -1, 1};
      for (size_t i = 0; i + 1 < bytes.size(); i += 2) {
        const int16_t value = style == 0   ? ends[random() % 5]
                              : style == 1 ? static_cast<int16_t>(random() % 7 - 3)
                              : style == 2 ? ends[0]
                                           : static_cast<int16_t>(random());
        std::memcpy(&bytes[i], &value, 2);
      }
    }
    inputs.push_back(std::move(bytes));
  }
  return inputs;
}

/// Each operator of the host in the networks of `make`, on what the golden model gives it.
void ForEachStep(std::vector<uint8_t> (*make)(uint64_t seed), uint64_t count, int runs,
                 const std::function<void(const Model& model, const Operator& op,
                                          const TensorBytes& tensors)>& function) {
  for (uint64_t seed = 1; seed <= count; ++seed) {
    SCOPED_TRACE(seed);
    const Result<Model> model = ReadTflite(make(seed), "network");
    ASSERT_TRUE(model.ok()) << FormatDiagnostic(model.errors()[0], false);
    const GoldenModel golden(*model);
    std::vector<std::vector<uint8_t>> states;
    for (int run = 0; run < runs; ++run) {
      const Result<TensorBytes> tensors =
          golden.Run(Inputs(*model, seed * 10 + static_cast<uint64_t>(run)), &states);
      ASSERT_TRUE(tensors.ok());
      for (const Operator& op : model->operators) {
        // The NPU has SVDF, too, where it can.
        if (!RunsOnHost(*model, op) && op.type != OperatorType::kSvdf) continue;
        function(*model, op, *tensors);
      }
    }
  }
}

void CheckAll(std::vector<uint8_t> (*make)(uint64_t seed), uint64_t count, int runs) {
  int compared = 0;
  ForEachStep(
      make, count, runs, [&](const Model& model, const Operator& op, const TensorBytes& tensors) {
        bool is_known = true;  // of moving operators there is no kernel
        for (const int32_t input : op.inputs) {
          is_known = is_known &&
                     (input < 0 || model.tensors[input].is_constant || !tensors[input].empty());
        }
        ASSERT_TRUE(is_known);
        for (const bool in_place : {false, true}) {
          Step step(model, op, tensors);
          ASSERT_TRUE(step.Fits()) << op.name;
          step.Run(in_place);
          for (size_t o = 0; o < op.outputs.size(); ++o) {
            ASSERT_EQ(step.Output(o), tensors[op.outputs[o]]) << op.name << " " << o;
            ++compared;
          }
        }
      });
  EXPECT_GT(compared, static_cast<int>(count));
}

TEST(HostKernels, WideOperatorsEqualTheGoldenModel) { CheckAll(MakeWideOperator, 400, 4); }
TEST(HostKernels, WideNetworksEqualTheGoldenModel) { CheckAll(MakeWideNetwork, 60, 3); }
/// LOG_SOFTMAX with rows of many lengths, and scales from the finest on.
std::vector<uint8_t> MakeLogSoftmax(uint64_t seed) {
  RandomSource random(seed * 41 + 2);
  TfliteWriter writer("log_softmax");
  const std::vector<int32_t> shape = {random.Integer(1, 4), random.Pick({1, 2, 3, 10, 33, 300})};
  const auto scale = static_cast<float>(std::exp(random.Real(-12.0, 2.0)));
  const int32_t input = writer.Input(shape, scale, random.Integer(-128, 127));
  const int32_t output = writer.Activation(shape, 1.0f / 16, 127);
  writer.Append(OperatorType::kLogSoftmax, {input}, {output});
  writer.Output(output);
  return writer.Write();
}

TEST(HostKernels, LogSoftmaxEqualsTheGoldenModel) { CheckAll(MakeLogSoftmax, 200, 3); }

/// And both are within a step of the logarithm.
TEST(HostKernels, LogSoftmaxIsALogarithm) {
  ForEachStep(MakeLogSoftmax, 200, 2,
              [](const Model& model, const Operator& op, const TensorBytes& tensors) {
                const Tensor& input = model.tensors[op.inputs[0]];
                const auto depth = static_cast<size_t>(input.shape[1]);
                const auto* in = reinterpret_cast<const int8_t*>(tensors[op.inputs[0]].data());
                const auto* out = reinterpret_cast<const int8_t*>(tensors[op.outputs[0]].data());
                for (size_t row = 0; row < tensors[op.inputs[0]].size(); row += depth) {
                  const int most = *std::max_element(in + row, in + row + depth);
                  const double scale = static_cast<double>(input.scale());
                  double sum = 0;
                  for (size_t i = 0; i < depth; ++i) sum += std::exp((in[row + i] - most) * scale);
                  for (size_t i = 0; i < depth; ++i) {
                    const double real = (in[row + i] - most) * scale - std::log(sum);
                    ASSERT_NEAR(out[row + i], std::max(127 + 16 * real, -128.0), 0.6) << i;
                  }
                }
              });
}

TEST(HostKernels, SvdfEqualsTheGoldenModel) { CheckAll(MakeSvdfNetwork, 60, 4); }
TEST(HostKernels, LstmEqualsTheGoldenModel) { CheckAll(MakeLstmNetwork, 80, 4); }

/// What every kernel asks of its operands and options, and no more: a change of any of them that
/// does not fit is refused, and what is accepted writes nowhere else.
void CheckRefusals(std::vector<uint8_t> (*make)(uint64_t seed), uint64_t count) {
  int refused = 0, changes = 0;
  ForEachStep(
      make, count, 1, [&](const Model& model, const Operator& op, const TensorBytes& tensors) {
        const auto after = [&](const auto& change) {
          Step step(model, op, tensors);
          change(step);
          ++changes;
          const bool fits = step.Fits();
          refused += fits ? 0 : 1;
          return fits;
        };
        const Step good(model, op, tensors);
        ASSERT_TRUE(good.Fits());
        if (MakeHostStep(model, op).work_bytes != 0) {
          EXPECT_FALSE(good.Fits(1));
        }
        EXPECT_FALSE(after([](Step& s) { s.step().options.pop_back(); }));
        EXPECT_FALSE(after([](Step& s) { s.step().options.push_back(0); }));
        EXPECT_FALSE(after([](Step& s) { s.step().kind = NPU_HOST_KINDS; }));
        for (size_t i = 0; i < good.operands(); ++i) {
          if (!good.is_there(i)) continue;
          // What steps walk over may be larger than they reach.
          const uint32_t kind = MakeHostStep(model, op).kind;
          const bool by_steps = i < op.inputs.size()
                                    ? kind == NPU_HOST_MATMUL || kind == NPU_HOST_ELEMENTWISE
                                    : kind == NPU_HOST_REDUCTION;
          EXPECT_FALSE(after([&](Step& s) { s.row(i).rank = 1, s.row(i).shape[0] = 0; }))
              << op.name << i;
          if (!by_steps) {
            EXPECT_FALSE(after([&](Step& s) { s.row(i).shape[0] += 1; })) << op.name << i;
          }
          EXPECT_FALSE(after([&](Step& s) { s.row(i).type = NPU_ELEMENT_UINT8; })) << op.name << i;
          EXPECT_FALSE(after([&](Step& s) { s.row(i).type = NPU_ELEMENT_FLOAT32; }))
              << op.name << i;
        }
        // Whatever is accepted runs within its operands.
        std::mt19937_64 random(7);
        for (size_t word = 0; word < MakeHostStep(model, op).options.size(); ++word) {
          for (const uint32_t value : {0u, 1u, 2u, 0xffffffffu, 0x7fffffffu, 0x80000000u, 32767u,
                                       32768u, 0xffff8000u, static_cast<uint32_t>(random() % 9)}) {
            Step step(model, op, tensors);
            step.step().options[word] = value;
            ++changes;
            if (!step.Fits()) {
              ++refused;
              continue;
            }
            step.Run();
            for (size_t o = 0; o < op.outputs.size(); ++o) step.Output(o);
          }
        }
      });
  EXPECT_GT(refused, changes / 4);
}

TEST(HostKernels, RefuseWhatDoesNotFit) {
  CheckRefusals(MakeWideOperator, 160);
  CheckRefusals(MakeLogSoftmax, 20);
  CheckRefusals(MakeSvdfNetwork, 12);
  CheckRefusals(MakeLstmNetwork, 6);
}

}  // namespace
}  // namespace npugen::testing

// SPDX-License-Identifier: Apache-2.0
// Means and products of int16 values on the host: against the golden model, and what they refuse.
#include <gtest/gtest.h>

#include <random>

#include "sw/driver/npu_host_kernels.h"
#include "tests/driver/step.h"

namespace npugen::testing {
namespace {

/// A mean over an image of 3 x 5 pixels, or a product of 7 values with 4 filters.
Model RoundedSums(bool mean, int32_t shift, std::mt19937_64* random, bool extreme) {
  Model model;
  const auto add = [&](TensorType type, std::vector<int32_t> shape) {
    Tensor tensor;
    tensor.name = std::to_string(model.tensors.size());
    tensor.type = type;
    tensor.shape = std::move(shape);
    model.tensors.push_back(tensor);
    return static_cast<int32_t>(model.tensors.size()) - 1;
  };
  const int32_t channels = mean ? 6 : 4;
  Operator op;
  op.type = OperatorType::kRoundedSums;
  op.inputs = {add(TensorType::kInt16, {1, mean ? 3 : 1, mean ? 5 : 1, mean ? 6 : 7})};
  RoundedSumsOptions options;
  (mean ? options.sum_shift : options.product_shift) = shift;
  if (!mean) {
    op.inputs.push_back(add(TensorType::kInt16, {channels, 7}));
    Tensor& filter = model.tensors.back();
    filter.is_constant = true;
    for (size_t i = 0; i < filter.bytes(); ++i) {
      filter.data.push_back(extreme ? static_cast<uint8_t>(i % 2 == 0 ? 0 : 0x80)
                                    : static_cast<uint8_t>((*random)()));
    }
    for (int32_t o = 0; o < channels; ++o) {
      options.bias.push_back(static_cast<int32_t>((*random)() % 2001) - 1000);
    }
  }
  op.outputs = {add(mean ? TensorType::kInt16 : TensorType::kInt32, {1, 1, 1, channels})};
  op.options = options;
  model.inputs = {0};
  model.outputs = op.outputs;
  model.operators = {op};
  return model;
}

TEST(RoundedSums, LikeTheGoldenModel) {
  std::mt19937_64 random(9);
  for (int32_t i = 0; i < 400; ++i) {
    const bool mean = i % 2 == 0, extreme = i % 5 == 0;
    // Products of the extremes need a shift of 3 to stay within 32 bits.
    const Model model = RoundedSums(mean, mean ? i / 2 % 16 : 3 + i / 2 % 13, &random, extreme);
    std::vector<uint8_t> x(model.tensors[0].bytes());
    for (size_t at = 0; at < x.size(); ++at) {
      x[at] =
          extreme ? static_cast<uint8_t>(at % 2 == 0 ? 0 : 0x80) : static_cast<uint8_t>(random());
    }
    const Result<TensorBytes> golden = RunGolden(model, {x});
    ASSERT_TRUE(golden.ok());
    Step step(model, model.operators[0], *golden);
    ASSERT_TRUE(step.Fits());
    step.Run();
    EXPECT_EQ(step.Output(0), (*golden)[model.outputs[0]]) << i;
  }
}

TEST(RoundedSums, RefuseWhatDoesNotFit) {
  std::mt19937_64 random(9);
  for (const bool mean : {true, false}) {
    const Model model = RoundedSums(mean, 3, &random, false);
    const TensorBytes golden =
        *RunGolden(model, {std::vector<uint8_t>(model.tensors[0].bytes(), 1)});
    const auto fits = [&](auto change) {
      Step step(model, model.operators[0], golden);
      npu_rounded_sums_options o;
      std::memcpy(&o, step.step().options.data(), sizeof(o));
      change(o, step);
      std::memcpy(step.step().options.data(), &o, sizeof(o));
      return step.Fits();
    };
    using Options = npu_rounded_sums_options;
    EXPECT_TRUE(fits([](Options&, Step&) {}));
    EXPECT_TRUE(fits([](Options& o, Step&) { o.sum_shift = o.product_shift = 15; }));
    EXPECT_FALSE(fits([](Options& o, Step&) { o.sum_shift = 16; }));
    EXPECT_FALSE(fits([](Options& o, Step&) { o.product_shift = 16; }));
    EXPECT_FALSE(fits([](Options& o, Step&) { o.sum_shift = -1; }));
    EXPECT_FALSE(fits([](Options& o, Step&) { o.product_shift = -1; }));
    EXPECT_FALSE(fits([](Options& o, Step&) { o.terms = 0; }));
    EXPECT_FALSE(fits([](Options& o, Step&) { o.outputs = 0; }));
    EXPECT_FALSE(fits([](Options& o, Step&) { o.outputs += 1; }));
    EXPECT_FALSE(fits([](Options& o, Step&) { o.outputs -= 1; }));
    EXPECT_FALSE(fits([](Options& o, Step&) { o.term_step += 1; }));
    EXPECT_FALSE(fits([](Options& o, Step&) { o.output_step = -1; }));
    EXPECT_FALSE(fits([](Options& o, Step&) { o.terms = 65536, o.term_step = 0; }));
    EXPECT_EQ(mean, fits([](Options& o, Step&) { o.terms -= 1; }));
    for (size_t i = 0; i < (mean ? 2u : 4u); ++i) {
      EXPECT_FALSE(fits([&](Options&, Step& s) { s.row(i).type = NPU_ELEMENT_INT8; })) << i;
      EXPECT_EQ(i == 0, fits([&](Options&, Step& s) { s.row(i).shape[0] += 1; })) << i;
    }
  }
}

}  // namespace
}  // namespace npugen::testing

// SPDX-License-Identifier: Apache-2.0
// Networks of uint8 become networks of int8 that give the same bytes.
#include <gtest/gtest.h>

#include "sw/model/tflite_reader.h"
#include "tests/support/uint8_network.h"
#include "verif/golden/golden_model.h"

namespace npugen::testing {
namespace {

TEST(Uint8, ConvertedNetworksGiveTheSameBytes) {
  int wide = 0;
  for (uint64_t seed = 1; seed <= 180; ++seed) {
    SCOPED_TRACE(seed);
    const Uint8Network network = seed <= 60    ? MakeUint8Network(seed)
                                 : seed <= 120 ? MakeUint8ResizeNetwork(seed)
                                               : MakeUint8TailNetwork(seed);
    const Result<Model> model = ReadTflite(network.tflite, "uint8");
    ASSERT_TRUE(model.ok()) << FormatDiagnostic(model.errors()[0], false);
    for (const Tensor& tensor : model->tensors) wide += tensor.type == TensorType::kInt16 ? 1 : 0;
    const std::vector<uint8_t> input = MakeUint8Input(network, seed);
    const std::vector<std::vector<uint8_t>> expected = RunUint8(network, input);
    const Result<TensorBytes> golden = RunGolden(*model, {input});
    ASSERT_TRUE(golden.ok());
    for (const Operator& op : network.model.operators) {
      const int32_t number = op.outputs[0];
      std::vector<uint8_t> actual = (*golden)[number];
      // What is no output of the network is int8.
      if (model->tensors[number].type == TensorType::kInt8) {
        for (uint8_t& byte : actual) byte ^= 0x80;
      }
      ASSERT_EQ(actual, expected[number]) << op.name << ", tensor " << number;
    }
  }
  EXPECT_GT(wide, 60) << "filters of more than 8 bits";
}

}  // namespace
}  // namespace npugen::testing

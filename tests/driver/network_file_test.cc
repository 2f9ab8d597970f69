// SPDX-License-Identifier: Apache-2.0
// Network files and runs: what is refused, host operators bit by bit, steps in order.
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <random>
#include <vector>

#include "sw/compiler/network.h"
#include "sw/driver/npu_host_kernels.h"
#include "sw/driver/npu_host_operators.h"
#include "sw/driver/npu_network.h"
#include "tests/driver/fake_device.h"
#include "tests/driver/program_file.h"
#include "verif/golden/fixed_point.h"

namespace npugen::testing {
namespace {

constexpr uint64_t kNetworkToken = 0xabcdef0123456789;
constexpr uint32_t kWindow = 4096;  // of the program's output in the arena

/// Float input -> int8 -> the program of MakeProgramFile() -> int8 -> float output.
Network MakeNetwork() {
  Network network;
  network.config_hash = FakeDevice::kHash;
  network.arena_bytes = 3 * kWindow;
  network.input_count = network.output_count = 1;
  const auto tensor = [](int32_t number, TensorType type, int32_t elements, uint32_t offset) {
    const bool is_float = type == TensorType::kFloat32;
    const auto bytes = static_cast<uint32_t>(elements) * (is_float ? 4 : 1);
    return NetworkTensor{
        number, "t",   type, is_float ? 0.0f : 0.5f, is_float ? 0 : -3, {1, elements},
        offset, bytes, false};
  };
  network.tensors = {tensor(0, TensorType::kFloat32, 64, 2 * kWindow),
                     tensor(3, TensorType::kFloat32, 10, 2 * kWindow + 256),
                     tensor(1, TensorType::kInt8, 64, 0),
                     tensor(2, TensorType::kInt8, 10, kWindow)};
  NetworkStep quantize{true, 0, NPU_HOST_QUANTIZE, 0, "QUANTIZE", {0}, {2}, {}};
  NetworkStep run;
  NetworkStep dequantize{true, 0, NPU_HOST_DEQUANTIZE, 3, "DEQUANTIZE", {3}, {1}, {}};
  network.steps = {quantize, run, dequantize};
  Result<Program> program = ReadProgram(MakeProgramFile(kNetworkToken));
  EXPECT_TRUE(program.ok());
  network.programs.push_back({std::move(*program), 0, kWindow});
  return network;
}

class NetworkTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(npu_init(&device_, &fake_.platform, FakeDevice::kHash), NPU_OK);
    Load(WriteNetwork(MakeNetwork()));
    arena_.assign(3 * kWindow / 8, 0);
    memory_.file = {0x80000000, bytes_};
    memory_.scratch = {0x80100000, 4096};
    memory_.arena = {0x80200000, 3 * kWindow};
    memory_.arena_view = arena_.data();
  }
  void Load(const std::vector<uint8_t>& file) {
    storage_.assign(file.size() / 8 + 1, 0);
    bytes_ = static_cast<uint32_t>(file.size());
    std::memcpy(storage_.data(), file.data(), file.size());
  }
  void Load(const Network& network) { Load(WriteNetwork(network)); }
  npu_network_fault Fault() { return npu_network_inspect(storage_.data(), bytes_); }
  npu_network_header& header() { return *reinterpret_cast<npu_network_header*>(storage_.data()); }
  template <typename Row>
  Row& RowAt(uint32_t table, uint32_t i) {
    return reinterpret_cast<Row*>(reinterpret_cast<uint8_t*>(storage_.data()) + table)[i];
  }
  npu_network_tensor& tensor(uint32_t i) {
    return RowAt<npu_network_tensor>(header().tensors_offset, i);
  }
  npu_network_step& step(uint32_t i) { return RowAt<npu_network_step>(header().steps_offset, i); }
  uint32_t& word(uint32_t i) { return RowAt<uint32_t>(header().words_offset, i); }
  npu_network_state& state(uint32_t i) {
    return RowAt<npu_network_state>(header().states_offset, i);
  }
  npu_network_program& program(uint32_t i) {
    return RowAt<npu_network_program>(header().programs_offset, i);
  }
  template <typename T>
  T* At(uint32_t offset) {
    return reinterpret_cast<T*>(reinterpret_cast<uint8_t*>(arena_.data()) + offset);
  }
  /// The fault after a change of the good file.
  template <typename Change>
  npu_network_fault After(Change change) {
    Load(MakeNetwork());
    change();
    return Fault();
  }

  FakeDevice fake_;
  npu_device device_ = {};
  npu_network network_ = {};
  npu_network_memory memory_ = {};
  npu_network_run run_ = {};
  std::vector<uint64_t> storage_, arena_;
  uint32_t bytes_ = 0;
};

TEST_F(NetworkTest, FilesAreReadAsTheyWereWritten) {
  const Network network = MakeNetwork();
  const Result<Network> read = ReadNetwork(WriteNetwork(network));
  ASSERT_TRUE(read.ok());
  EXPECT_TRUE(*read == network);
  EXPECT_EQ(read->cache_token(), kNetworkToken);
  EXPECT_EQ(program(0).offset % NPU_NETWORK_PAGE, 0u);
}

TEST_F(NetworkTest, NamesTheFault) {
  EXPECT_EQ(Fault(), NPU_NETWORK_VALID);
  for (int fault = NPU_NETWORK_VALID; fault <= NPU_NETWORK_BAD_STATE; ++fault) {
    EXPECT_STRNE(npu_network_fault_text(static_cast<npu_network_fault>(fault)), "an unknown fault");
  }
  EXPECT_EQ(npu_network_inspect(storage_.data(), 0), NPU_NETWORK_NO_NETWORK);
  EXPECT_EQ(npu_network_inspect(storage_.data(), 3), NPU_NETWORK_NO_NETWORK);
  EXPECT_EQ(npu_network_inspect(storage_.data(), 4), NPU_NETWORK_OTHER_LENGTH);
  EXPECT_EQ(npu_network_inspect(storage_.data(), 103), NPU_NETWORK_OTHER_LENGTH);
  EXPECT_EQ(npu_network_inspect(storage_.data(), 104), NPU_NETWORK_OTHER_LENGTH);
  EXPECT_EQ(npu_network_inspect(storage_.data(), bytes_ - 1), NPU_NETWORK_OTHER_LENGTH);
  EXPECT_EQ(After([&] { header().magic ^= 1; }), NPU_NETWORK_NO_NETWORK);
  EXPECT_EQ(After([&] { header().version = 2; }), NPU_NETWORK_OTHER_VERSION);
  Load(MakeProgramFile(kNetworkToken));
  EXPECT_EQ(Fault(), NPU_NETWORK_OTHER_VERSION) << "a program of version 1";
}

TEST_F(NetworkTest, RefusesTablesBeyondTheFile) {
  EXPECT_EQ(After([&] { header().reserved = 1; }), NPU_NETWORK_BAD_TABLE);
  EXPECT_EQ(After([&] { header().tensors_offset += 4; }), NPU_NETWORK_BAD_TABLE);
  EXPECT_EQ(After([&] { header().steps_offset += 4; }), NPU_NETWORK_BAD_TABLE);
  EXPECT_EQ(After([&] { header().programs_offset += 4; }), NPU_NETWORK_BAD_TABLE);
  EXPECT_EQ(After([&] { header().states_offset += 4; }), NPU_NETWORK_BAD_TABLE);
  EXPECT_EQ(After([&] { header().words_offset += 4; }), NPU_NETWORK_BAD_TABLE);
  EXPECT_EQ(After([&] { header().constants_offset += 8; }), NPU_NETWORK_BAD_TABLE);
  EXPECT_EQ(After([&] { header().state_count = 0x20000000; }), NPU_NETWORK_BAD_TABLE);
  EXPECT_EQ(After([&] { header().word_count = 0x40000000; }), NPU_NETWORK_BAD_TABLE);
  EXPECT_EQ(After([&] { header().constants_bytes = bytes_; }), NPU_NETWORK_BAD_TABLE);
  EXPECT_EQ(After([&] { header().work_offset = 32; }), NPU_NETWORK_BAD_TABLE);
  EXPECT_EQ(After([&] { header().work_bytes = 3 * kWindow + 1; }), NPU_NETWORK_BAD_TABLE);
  EXPECT_EQ(After([&] { header().work_bytes = 3 * kWindow; }), NPU_NETWORK_VALID);
  EXPECT_EQ(After([&] { header().tensors_offset = 0xfffffff8; }), NPU_NETWORK_BAD_TABLE);
  EXPECT_EQ(After([&] { header().steps_offset = bytes_ / 8 * 8; }), NPU_NETWORK_BAD_TABLE);
  EXPECT_EQ(After([&] { header().programs_offset = bytes_ / 8 * 8; }), NPU_NETWORK_BAD_TABLE);
  EXPECT_EQ(After([&] { header().tensor_count = 0x04000000; }), NPU_NETWORK_BAD_TABLE);
  EXPECT_EQ(After([&] { header().input_count = 5; }), NPU_NETWORK_BAD_TABLE);
  EXPECT_EQ(After([&] { header().output_count = 4; }), NPU_NETWORK_BAD_TABLE);
  EXPECT_EQ(After([&] { header().output_count = 0xffffffff; }), NPU_NETWORK_BAD_TABLE);
  EXPECT_EQ(After([&] { header().names_offset = bytes_; }), NPU_NETWORK_BAD_TABLE);
  EXPECT_EQ(After([&] { header().names_bytes = 0; }), NPU_NETWORK_BAD_TABLE);
  EXPECT_EQ(After([&] { header().names_bytes -= 1; }), NPU_NETWORK_BAD_TABLE);
  EXPECT_EQ(After([&] { header().output_count = 3; }), NPU_NETWORK_VALID);
  EXPECT_EQ(After([&] {
              header().input_count = 4;
              header().output_count = 0;
            }),
            NPU_NETWORK_VALID);
  EXPECT_EQ(After([&] {
              header().step_count = 0;
              header().steps_offset = bytes_;
            }),
            NPU_NETWORK_VALID)
      << "a table without rows may stand at the end";
  ASSERT_EQ(bytes_ % 8, 0u);
  Load(MakeNetwork());
  header().file_bytes = 104;
  EXPECT_EQ(npu_network_inspect(storage_.data(), 104), NPU_NETWORK_BAD_TABLE) << "a header alone";
}

TEST_F(NetworkTest, RefusesTensorsBeyondTheArena) {
  const auto fault = [&](auto change) {
    return After([&] { change(tensor(2)); }) == NPU_NETWORK_BAD_TENSOR;
  };
  EXPECT_TRUE(fault([](npu_network_tensor& t) { t.tensor = 0x80000000; }));
  EXPECT_TRUE(fault([&](npu_network_tensor& t) { t.name = header().names_bytes; }));
  EXPECT_TRUE(fault([](npu_network_tensor& t) { t.type = 0; }));
  EXPECT_TRUE(fault([](npu_network_tensor& t) { t.type = 8; }));
  EXPECT_TRUE(fault([](npu_network_tensor& t) { t.place = 2; }));
  EXPECT_TRUE(fault([](npu_network_tensor& t) { t.place = NPU_TENSOR_CONSTANT; }))
      << "there are no constants";
  EXPECT_TRUE(fault([](npu_network_tensor& t) { t.rank = 9; }));
  EXPECT_TRUE(fault([](npu_network_tensor& t) { t.offset = 32; }));
  EXPECT_TRUE(fault([](npu_network_tensor& t) { t.offset = 3 * kWindow; }));
  EXPECT_TRUE(fault([](npu_network_tensor& t) { t.bytes = 63; }));
  EXPECT_TRUE(fault([](npu_network_tensor& t) { t.shape[0] = 0; }));
  EXPECT_TRUE(fault([](npu_network_tensor& t) { t.shape[2] = 1; })) << "the rank is 2";
  EXPECT_TRUE(fault([](npu_network_tensor& t) { t.shape[0] = t.shape[1] = 0x10000; }));
  EXPECT_TRUE(fault([](npu_network_tensor& t) {
    t.shape[0] = 0x80000000;
    t.shape[1] = 2;
    t.bytes = 0;
  }));
  EXPECT_TRUE(fault([](npu_network_tensor& t) {
    t.type = NPU_ELEMENT_BITS;
    t.bytes = 3 * kWindow + 1;
  }));
  EXPECT_EQ(After([&] { tensor(2).offset = 3 * kWindow - 64; }), NPU_NETWORK_VALID);
  EXPECT_TRUE(fault([](npu_network_tensor& t) {
    t.type = 8;
    t.bytes = 0;
  }));
  EXPECT_EQ(After([&] { tensor(2).tensor = 0x7fffffff; }), NPU_NETWORK_VALID);
  EXPECT_EQ(After([&] {
              tensor(2).rank = 8;
              for (uint32_t i = 2; i < 8; ++i) tensor(2).shape[i] = 1;
            }),
            NPU_NETWORK_VALID);
  EXPECT_EQ(After([&] {
              tensor(2).type = NPU_ELEMENT_BITS;
              tensor(2).shape[1] = 0x7fffffff;
            }),
            NPU_NETWORK_BAD_STEP)
      << "the tensor is good";
}

TEST_F(NetworkTest, RefusesStepsThatDoNotFit) {
  const auto fault = [&](uint32_t number, auto change) {
    return After([&] { change(step(number)); }) == NPU_NETWORK_BAD_STEP;
  };
  EXPECT_TRUE(fault(0, [](npu_network_step& s) { s.place = 2; }));
  EXPECT_TRUE(fault(0, [](npu_network_step& s) { s.kind = NPU_HOST_KINDS; }));
  EXPECT_TRUE(fault(0, [](npu_network_step& s) { s.kind = NPU_HOST_COPY; }));
  EXPECT_TRUE(fault(0, [](npu_network_step& s) { s.kind = NPU_HOST_DEQUANTIZE; }));
  EXPECT_TRUE(fault(2, [](npu_network_step& s) { s.kind = NPU_HOST_QUANTIZE; }));
  EXPECT_TRUE(fault(0, [&](npu_network_step& s) { s.name = header().names_bytes; }));
  EXPECT_TRUE(fault(0, [](npu_network_step& s) { s.input_count = 2; }));
  EXPECT_TRUE(fault(0, [](npu_network_step& s) { s.output_count = 0; }));
  EXPECT_TRUE(fault(0, [](npu_network_step& s) { s.input_count = 5; }));
  EXPECT_TRUE(fault(0, [](npu_network_step& s) { s.output_count = 0xffffffff; }));
  EXPECT_TRUE(fault(0, [](npu_network_step& s) { s.reserved = 1; }));
  EXPECT_TRUE(fault(0, [&](npu_network_step& s) { word(s.operands + 1) = 4; }));
  EXPECT_TRUE(fault(0, [&](npu_network_step& s) { word(s.operands + 1) = 3; }))
      << "10 elements, not 64";
  EXPECT_TRUE(fault(0, [&](npu_network_step& s) { word(s.operands) = NPU_NETWORK_NO_OPERAND; }));
  EXPECT_TRUE(fault(0, [&](npu_network_step& s) { word(s.operands + 1) = 0xffffffff; }));
  EXPECT_TRUE(fault(0, [&](npu_network_step& s) { s.operands = header().word_count - 1; }));
  EXPECT_TRUE(fault(0, [](npu_network_step& s) { s.option_count = 1; }));
  EXPECT_TRUE(fault(0, [](npu_network_step& s) { s.option_count = 0xffffffff; }));
  EXPECT_TRUE(fault(0, [&](npu_network_step& s) { s.options = header().word_count + 1; }));
  EXPECT_TRUE(fault(1, [](npu_network_step& s) { s.operands = 1; }));
  EXPECT_TRUE(fault(1, [](npu_network_step& s) { s.options = 1; }));
  EXPECT_TRUE(fault(1, [](npu_network_step& s) { s.option_count = 1; }));
  EXPECT_EQ(After([&] { header().tensor_count = 3; }), NPU_NETWORK_BAD_STEP) << "row 3 is used";
  EXPECT_EQ(After([&] {
              tensor(2).type = NPU_ELEMENT_INT32;
              tensor(2).bytes = 256;
            }),
            NPU_NETWORK_BAD_STEP)
      << "no type to quantize to";
  EXPECT_TRUE(fault(1, [](npu_network_step& s) { s.kind = 1; })) << "one program";
  EXPECT_TRUE(fault(1, [](npu_network_step& s) { s.input_count = 1; }));
  EXPECT_TRUE(fault(1, [](npu_network_step& s) { s.output_count = 1; }));
  for (const uint32_t bits : {0u, 0x80000000u, 0x7f800000u, 0x7fc00000u}) {
    EXPECT_EQ(After([&] { tensor(2).scale = bits; }), NPU_NETWORK_BAD_STEP) << bits;
    EXPECT_EQ(After([&] { tensor(3).scale = bits; }), NPU_NETWORK_BAD_STEP) << bits;
  }
  EXPECT_EQ(After([&] { tensor(2).scale = 0x7f7fffff; }), NPU_NETWORK_VALID);
  for (const int32_t zero_point : {-129, 128}) {
    EXPECT_EQ(After([&] { tensor(2).zero_point = zero_point; }), NPU_NETWORK_BAD_STEP);
  }
  for (const int32_t zero_point : {-128, 127}) {
    EXPECT_EQ(After([&] { tensor(2).zero_point = zero_point; }), NPU_NETWORK_VALID);
  }
  const auto copies = [&](uint32_t type, uint32_t bytes) {
    return After([&] {
             step(2).kind = NPU_HOST_COPY;
             tensor(1).type = tensor(3).type = NPU_ELEMENT_BITS;
             tensor(1).bytes = tensor(3).bytes = 40;
             tensor(1).type = type;
             tensor(1).bytes = bytes;
           }) == NPU_NETWORK_VALID;
  };
  EXPECT_TRUE(copies(NPU_ELEMENT_BITS, 40));
  EXPECT_FALSE(copies(NPU_ELEMENT_BITS, 41));
  EXPECT_FALSE(copies(NPU_ELEMENT_FLOAT32, 40));
}

TEST_F(NetworkTest, RefusesProgramsThatDoNotFit) {
  const auto fault = [&](auto change) {
    return After([&] { change(program(0)); }) == NPU_NETWORK_BAD_PROGRAM;
  };
  EXPECT_TRUE(fault([](npu_network_program& p) { p.offset += 64; }));
  EXPECT_TRUE(fault([](npu_network_program& p) { p.offset += NPU_NETWORK_PAGE; }));
  EXPECT_TRUE(fault([](npu_network_program& p) { p.offset = 0; }));
  EXPECT_TRUE(fault([](npu_network_program& p) { p.bytes -= 1; }));
  EXPECT_TRUE(fault([](npu_network_program& p) { p.input_offset = 32; }));
  EXPECT_TRUE(fault([](npu_network_program& p) { p.output_offset = 32; }));
  EXPECT_TRUE(fault([](npu_network_program& p) { p.input_offset = 3 * kWindow; }));
  EXPECT_TRUE(fault([](npu_network_program& p) { p.output_offset = 3 * kWindow; }));
  EXPECT_EQ(After([&] { program(0).input_offset = 3 * kWindow - 64; }), NPU_NETWORK_VALID);
  EXPECT_EQ(After([&] { header().scratch_bytes -= 1; }), NPU_NETWORK_BAD_PROGRAM);
  EXPECT_EQ(After([&] { header().config_hash ^= 1; }), NPU_NETWORK_BAD_PROGRAM);
}

/// MakeNetwork() with its int8 input tensor as a state.
Network MakeStateful() {
  Network network = MakeNetwork();
  NetworkTensor initial = network.tensors[2];
  initial.is_constant = true;
  initial.offset = 0;
  network.tensors.push_back(initial);
  network.states.push_back({2, 4});
  for (uint8_t i = 0; i < 64; ++i) network.constants.push_back(i);
  return network;
}

TEST_F(NetworkTest, StatesGetTheirFirstValues) {
  Load(MakeStateful());
  ASSERT_EQ(Fault(), NPU_NETWORK_VALID);
  const Result<Network> read = ReadNetwork(WriteNetwork(MakeStateful()));
  ASSERT_TRUE(read.ok());
  EXPECT_TRUE(*read == MakeStateful());
  ASSERT_EQ(npu_network_check(&device_, storage_.data(), bytes_, &network_), NPU_OK);
  At<uint8_t>(64)[0] = 77;
  EXPECT_EQ(npu_network_reset_state(&network_, arena_.data()), NPU_OK);
  for (int i = 0; i < 64; ++i) EXPECT_EQ(At<uint8_t>(0)[i], i);
  EXPECT_EQ(At<uint8_t>(64)[0], 77) << "nothing else";
  EXPECT_EQ(npu_network_reset_state(nullptr, arena_.data()), NPU_BAD_ARGUMENT);
  EXPECT_EQ(npu_network_reset_state(&network_, nullptr), NPU_BAD_ARGUMENT);
  EXPECT_EQ(npu_network_reset_state(&network_, At<uint8_t>(4)), NPU_BAD_ARGUMENT);
  const npu_network unchecked = {};
  EXPECT_EQ(npu_network_reset_state(&unchecked, arena_.data()), NPU_BAD_ARGUMENT);
  const auto fault = [&](auto change) {
    Load(MakeStateful());
    change();
    return Fault();
  };
  EXPECT_EQ(fault([&] { state(0).tensor = 5; }), NPU_NETWORK_BAD_STATE);
  EXPECT_EQ(fault([&] { state(0).initial = 5; }), NPU_NETWORK_BAD_STATE);
  EXPECT_EQ(fault([&] { state(0).tensor = 4; }), NPU_NETWORK_BAD_STATE) << "a constant";
  EXPECT_EQ(fault([&] { state(0).initial = 2; }), NPU_NETWORK_BAD_STATE) << "no constant";
  EXPECT_EQ(fault([&] { state(0).tensor = 3; }), NPU_NETWORK_BAD_STATE) << "10 bytes, not 64";
  EXPECT_EQ(fault([&] { tensor(4).offset = 8; }), NPU_NETWORK_BAD_TENSOR);
  EXPECT_EQ(fault([&] { tensor(4).offset = 16; }), NPU_NETWORK_BAD_TENSOR);
  EXPECT_EQ(fault([&] { word(step(0).operands + 1) = 4; }), NPU_NETWORK_BAD_STEP)
      << "a result that is a constant";
  EXPECT_EQ(fault([&] {
              header().input_count = 5;
              header().output_count = 0;
            }),
            NPU_NETWORK_BAD_TENSOR)
      << "an input that is a constant";
  EXPECT_EQ(fault([&] {
              tensor(1).place = NPU_TENSOR_CONSTANT;
              tensor(1).offset = 0;
            }),
            NPU_NETWORK_BAD_TENSOR)
      << "an output that is a constant";
  Load(MakeNetwork());
  ASSERT_EQ(npu_network_check(&device_, storage_.data(), bytes_, &network_), NPU_OK);
  EXPECT_EQ(npu_network_reset_state(&network_, nullptr), NPU_OK) << "no states";
}

/// Rows behind the last one look good, and are none.
TEST_F(NetworkTest, StatesAreRowsOfTheTable) {
  EXPECT_EQ(After([&] {
              Load(MakeStateful());
              header().tensor_count = 4;
            }),
            NPU_NETWORK_BAD_STATE)
      << "the initial value";
  Network network = MakeStateful();
  network.tensors.push_back(network.tensors[2]);
  network.tensors[5].offset = 64;
  network.states[0] = {5, 4};
  Load(network);
  EXPECT_EQ(Fault(), NPU_NETWORK_VALID);
  header().tensor_count = 5;
  EXPECT_EQ(Fault(), NPU_NETWORK_BAD_STATE);
}

TEST_F(NetworkTest, ConstantsMayFollowTheEnds) {
  Network network = MakeStateful();
  std::swap(network.tensors[2], network.tensors[4]);
  network.steps[0].outputs = {4};
  network.states[0] = {4, 2};
  Load(network);
  EXPECT_EQ(Fault(), NPU_NETWORK_VALID);
}

/// MakeNetwork() with a 16-bit maximum behind its other steps.
Network MakeWithOptions() {
  Network network = MakeNetwork();
  NetworkTensor tensor = network.tensors[2];
  tensor.type = TensorType::kInt16;
  tensor.bytes = 128;
  for (uint32_t i = 0; i < 3; ++i) {
    tensor.offset = 2 * kWindow + 512 + 128 * i;
    network.tensors.push_back(tensor);
  }
  npu_elementwise_options options = {};
  options.function = NPU_ELEMENTWISE_MAXIMUM;
  std::fill_n(options.size, NPU_HOST_RANK, 1);
  options.size[NPU_HOST_RANK - 1] = 64;
  options.a_step[NPU_HOST_RANK - 1] = options.b_step[NPU_HOST_RANK - 1] = 1;
  options.a = options.b = options.out = {1 << 30, 1};
  options.least = -32768;
  options.most = 32767;
  NetworkStep step{true, 0, NPU_HOST_ELEMENTWISE, 0, "MAXIMUM", {4, 5}, {6}, {}};
  step.options.resize(sizeof options / 4);
  std::memcpy(step.options.data(), &options, sizeof options);
  network.steps.push_back(step);
  return network;
}

TEST_F(NetworkTest, OptionsArePartOfTheStep) {
  Load(MakeWithOptions());
  EXPECT_EQ(Fault(), NPU_NETWORK_VALID);
  word(step(3).options) = NPU_ELEMENTWISE_PRELU + 1;
  EXPECT_EQ(Fault(), NPU_NETWORK_BAD_STEP);
}

/// What L2_NORMALIZATION asks of its operands.
TEST_F(NetworkTest, L2NormalizationFits) {
  const auto fits = [](auto change) {
    npu_network_tensor input = {};
    input.type = NPU_ELEMENT_INT8;
    input.rank = 2;
    input.shape[0] = 1;
    input.shape[1] = 1 << 15;
    npu_network_tensor output = input;
    change(input, output);
    const npu_network_tensor* const inputs[] = {&input};
    const npu_network_tensor* const outputs[] = {&output};
    return npu_host_operator_fits(NPU_HOST_L2_NORMALIZATION, inputs, 1, outputs, 1, nullptr, 0,
                                  0) != 0;
  };
  using Tensor = npu_network_tensor;
  EXPECT_TRUE(fits([](Tensor&, Tensor&) {}));
  EXPECT_TRUE(fits([](Tensor& in, Tensor&) { in.zero_point = -128; }));
  EXPECT_FALSE(fits([](Tensor& in, Tensor&) { in.zero_point = -129; }));
  EXPECT_FALSE(fits([](Tensor& in, Tensor&) { in.zero_point = 128; }));
  EXPECT_FALSE(fits([](Tensor& in, Tensor&) { in.type = NPU_ELEMENT_UINT8; }));
  EXPECT_FALSE(fits([](Tensor&, Tensor& out) { out.type = NPU_ELEMENT_UINT8; }));
  EXPECT_FALSE(fits([](Tensor&, Tensor& out) { out.shape[0] = 2; }));
  EXPECT_FALSE(fits([](Tensor& in, Tensor& out) { in.shape[1] = out.shape[1] = (1 << 15) + 1; }));
  EXPECT_FALSE(fits([](Tensor& in, Tensor& out) {
    in.rank = out.rank = 0;
    in.shape[1] = out.shape[1] = 1;
  }));
}

/// Mutated files: the driver and the reader agree, and what is accepted is written again alike.
TEST_F(NetworkTest, MutatedFilesAreRefusedOrWhole) {
  const std::vector<uint8_t> good = WriteNetwork(MakeNetwork());
  std::mt19937_64 random(1);
  int accepted = 0;
  for (int i = 0; i < 20'000; ++i) {
    std::vector<uint8_t> file = good;
    for (uint64_t changes = 1 + random() % 3; changes > 0; --changes) {
      const size_t tables = header().names_offset + header().names_bytes;
      const size_t at = random() % 4 == 0 ? random() % file.size() : random() % tables;
      file[at] =
          static_cast<uint8_t>(random() % 2 == 0 ? random() : file[at] ^ (1u << random() % 8));
    }
    if (random() % 50 == 0) file.resize(random() % (2 * good.size()));
    Load(file);
    const Result<Network> read = ReadNetwork(file);
    ASSERT_EQ(Fault() == NPU_NETWORK_VALID, read.ok()) << i;
    Load(good);
    if (!read) continue;
    ++accepted;
    const Result<Network> again = ReadNetwork(WriteNetwork(*read));
    ASSERT_TRUE(again.ok()) << i;
    ASSERT_EQ(WriteNetwork(*again), WriteNetwork(*read)) << i;
  }
  EXPECT_GT(accepted, 1000);
  EXPECT_LT(accepted, 19'000);
}

TEST_F(NetworkTest, CheckTellsArgumentsFilesAndHardwareApart) {
  EXPECT_EQ(npu_network_check(&device_, storage_.data(), bytes_, &network_), NPU_OK);
  EXPECT_EQ(network_.file, storage_.data());
  EXPECT_EQ(npu_network_tensors(&network_)[1].tensor, 3u);
  EXPECT_EQ(npu_network_steps(&network_)[2].operator_index, 3u);
  EXPECT_STREQ(npu_network_name(&network_, npu_network_steps(&network_)[0].name), "QUANTIZE");
  EXPECT_EQ(npu_network_check(nullptr, storage_.data(), bytes_, &network_), NPU_BAD_ARGUMENT);
  EXPECT_EQ(npu_network_check(&device_, nullptr, bytes_, &network_), NPU_BAD_ARGUMENT);
  EXPECT_EQ(npu_network_check(&device_, storage_.data(), bytes_, nullptr), NPU_BAD_ARGUMENT);
  const void* odd = reinterpret_cast<const uint8_t*>(storage_.data()) + 4;
  EXPECT_EQ(npu_network_check(&device_, odd, bytes_ - 4, &network_), NPU_BAD_ARGUMENT);
  EXPECT_EQ(npu_network_check(&device_, storage_.data(), bytes_ - 1, &network_), NPU_BAD_PROGRAM);
  device_.config_hash ^= 1;
  EXPECT_EQ(npu_network_check(&device_, storage_.data(), bytes_, &network_), NPU_WRONG_PROGRAM);
}

TEST_F(NetworkTest, RunsItsStepsInOrder) {
  ASSERT_EQ(npu_network_check(&device_, storage_.data(), bytes_, &network_), NPU_OK);
  for (int i = 0; i < 64; ++i) At<float>(2 * kWindow)[i] = static_cast<float>(i) * 0.25f;
  for (const npu_wait_mode mode : {NPU_WAIT_POLL, NPU_WAIT_INTERRUPT}) {
    ASSERT_EQ(npu_network_begin(&run_, &device_, &network_, &memory_, mode), NPU_OK);
    EXPECT_EQ(run_.waiting, 1u);
    EXPECT_EQ(npu_network_begin(&run_, &device_, &network_, &memory_, mode), NPU_BUSY);
    EXPECT_EQ(At<int8_t>(0)[5], 0) << "1.25 / 0.5 = 2.5, rounded to 3, - 3";
    EXPECT_EQ(At<int8_t>(0)[63], 29);
    const auto window = [&](uint32_t number) {
      return fake_[NPU_REG_WINDOW_BASE_LO_OFFSET + number * NPU_REG_WINDOW_BASE_LO_STRIDE];
    };
    EXPECT_GT(window(0), 0x80000000u + program(0).offset);
    EXPECT_EQ(window(1), 0x80100000u);
    EXPECT_EQ(window(2), 0x80200000u);
    EXPECT_EQ(window(3), 0x80200000u + kWindow);
    for (int i = 0; i < 10; ++i) At<int8_t>(kWindow)[i] = static_cast<int8_t>(20 * i - 100);
    At<float>(2 * kWindow + 256)[0] = 1;
    fake_.job_ticks = 300;
    EXPECT_EQ(npu_network_wait(&run_, 0), NPU_TIMEOUT);
    EXPECT_EQ(At<float>(2 * kWindow + 256)[0], 1.0f) << "the job has not ended";
    EXPECT_EQ(npu_network_wait(&run_, 100'000), NPU_OK);
    EXPECT_EQ(run_.waiting, 0u);
    EXPECT_EQ(At<float>(2 * kWindow + 256)[0], -48.5f);
    EXPECT_EQ(At<float>(2 * kWindow + 256)[9], 41.5f);
    EXPECT_EQ(npu_network_wait(&run_, 0), NPU_OK) << "nothing is left to wait for";
  }
}

TEST_F(NetworkTest, BeginRefusesWhatDoesNotFit) {
  ASSERT_EQ(npu_network_check(&device_, storage_.data(), bytes_, &network_), NPU_OK);
  const auto begin = [&](const npu_network_memory& memory) {
    return npu_network_begin(&run_, &device_, &network_, &memory, NPU_WAIT_POLL);
  };
  EXPECT_EQ(npu_network_begin(nullptr, &device_, &network_, &memory_, NPU_WAIT_POLL),
            NPU_BAD_ARGUMENT);
  EXPECT_EQ(npu_network_begin(&run_, nullptr, &network_, &memory_, NPU_WAIT_POLL),
            NPU_BAD_ARGUMENT);
  EXPECT_EQ(npu_network_begin(&run_, &device_, nullptr, &memory_, NPU_WAIT_POLL), NPU_BAD_ARGUMENT);
  EXPECT_EQ(npu_network_begin(&run_, &device_, &network_, nullptr, NPU_WAIT_POLL),
            NPU_BAD_ARGUMENT);
  const npu_network unchecked = {};
  EXPECT_EQ(npu_network_begin(&run_, &device_, &unchecked, &memory_, NPU_WAIT_POLL),
            NPU_BAD_ARGUMENT);
  EXPECT_EQ(npu_network_wait(nullptr, 1), NPU_BAD_ARGUMENT);
  EXPECT_EQ(npu_network_continue(nullptr), NPU_BAD_ARGUMENT);
  const npu_network_run nothing = {};
  npu_network_run never = nothing;
  EXPECT_EQ(npu_network_wait(&never, 1), NPU_BAD_ARGUMENT);
  EXPECT_EQ(npu_network_continue(&never), NPU_BAD_ARGUMENT);
  npu_network_memory memory = memory_;
  memory.arena_view = nullptr;
  EXPECT_EQ(begin(memory), NPU_BAD_ARGUMENT);
  memory = memory_;
  memory.arena_view = At<uint8_t>(4);
  EXPECT_EQ(begin(memory), NPU_BUFFER_TOO_SMALL);
  for (npu_buffer npu_network_memory::*buffer :
       {&npu_network_memory::file, &npu_network_memory::scratch, &npu_network_memory::arena}) {
    memory = memory_;
    const uint32_t needed = buffer == &npu_network_memory::file      ? header().file_bytes
                            : buffer == &npu_network_memory::scratch ? header().scratch_bytes
                                                                     : header().arena_bytes;
    (memory.*buffer).bytes = needed - 1;
    EXPECT_EQ(begin(memory), NPU_BUFFER_TOO_SMALL);
    (memory.*buffer).bytes = needed;
    EXPECT_EQ(begin(memory), NPU_OK);
    EXPECT_EQ(npu_network_wait(&run_, 100'000), NPU_OK);
  }
  memory = memory_;
  memory.arena.address += 8;
  EXPECT_EQ(begin(memory), NPU_BUFFER_TOO_SMALL) << "from npu_submit()";
  EXPECT_EQ(run_.waiting, 0u);
}

TEST_F(NetworkTest, AFailedJobEndsTheRun) {
  ASSERT_EQ(npu_network_check(&device_, storage_.data(), bytes_, &network_), NPU_OK);
  fake_.job_error = NPU_ERROR_AXI_READ;
  ASSERT_EQ(npu_network_begin(&run_, &device_, &network_, &memory_, NPU_WAIT_POLL), NPU_OK);
  At<float>(2 * kWindow + 256)[0] = 1;
  EXPECT_EQ(npu_network_wait(&run_, 100'000), NPU_HARDWARE_ERROR);
  EXPECT_EQ(run_.waiting, 0u);
  EXPECT_EQ(At<float>(2 * kWindow + 256)[0], 1.0f) << "what follows is not done";
  EXPECT_EQ(npu_network_begin(&run_, &device_, &network_, &memory_, NPU_WAIT_POLL),
            NPU_NEEDS_RESET);
}

/// round(value / scale) + zero_point in double, where int32 holds it.
int32_t Expected(float value, float scale, int32_t zero_point, int32_t least, int32_t most) {
  const float quotient = value / scale;
  if (std::isnan(quotient)) return std::clamp(zero_point, least, most);
  const double rounded = std::round(static_cast<double>(quotient)) + zero_point;
  return static_cast<int32_t>(std::clamp<double>(rounded, least, most));
}

TEST(HostOperators, QuantizeRoundsHalvesAwayFromZero) {
  EXPECT_EQ(npu_quantize(0.5f, 1, 0, -128, 127), 1);
  EXPECT_EQ(npu_quantize(-0.5f, 1, 0, -128, 127), -1);
  EXPECT_EQ(npu_quantize(0.49999997f, 1, 0, -128, 127), 0);
  EXPECT_EQ(npu_quantize(-2.5f, 1, 0, -128, 127), -3);
  EXPECT_EQ(npu_quantize(1e30f, 1, 0, -128, 127), 127);
  EXPECT_EQ(npu_quantize(-1e30f, 1, 0, -128, 127), -128);
  std::mt19937_64 random(1);
  const float limits[] = {0.0f,          -0.0f,
                          8388607.5f,    8388608.0f,
                          16777216.0f,   2147483520.0f,
                          2147483648.0f, -2147483648.0f,
                          4294967296.0f, 1e-40f,
                          1e38f,         INFINITY,
                          -INFINITY,     NAN};
  for (const float value : limits) {
    for (const float scale : {1.0f, 0.5f, 3e-5f, 1e-38f, 1e30f}) {
      for (const int32_t zero_point : {-32768, -128, 0, 3, 255, 32767}) {
        EXPECT_EQ(npu_quantize(value, scale, zero_point, -32768, 32767),
                  Expected(value, scale, zero_point, -32768, 32767))
            << value << " / " << scale;
      }
    }
  }
  for (const float value : limits) {
    EXPECT_EQ(npu_quantize(value, 1, 0, INT32_MIN, INT32_MAX),
              Expected(value, 1, 0, INT32_MIN, INT32_MAX))
        << value;
  }
  for (int i = 0; i < 2'000'000; ++i) {
    const float value = i % 2 == 0 ? std::bit_cast<float>(static_cast<uint32_t>(random()))
                                   : (static_cast<float>(random() % 2001) - 1000) * 0.5f;
    const float scale = i % 3 == 0 ? 1.0f : static_cast<float>(1 + random() % 1000) * 1e-3f;
    ASSERT_EQ(npu_quantize(value, scale, -7, -128, 127), Expected(value, scale, -7, -128, 127))
        << value << " / " << scale;
  }
}

/// One element of a type through an operator.
template <typename From, typename To>
To Convert(npu_host_kind kind, uint32_t from, uint32_t to, From value, float scale, int32_t zero) {
  npu_network_tensor tensors[2] = {};
  tensors[0].type = from;
  tensors[1].type = to;
  for (npu_network_tensor& tensor : tensors) {
    tensor.scale = std::bit_cast<uint32_t>(scale);
    tensor.zero_point = zero;
    tensor.rank = 1;
    tensor.shape[0] = 2;
  }
  alignas(8) From in[2] = {value, value};
  alignas(8) To out[3] = {};
  const npu_host_operand input = {&tensors[0], in};
  const npu_host_operand output = {&tensors[1], out};
  npu_host_operator_run(kind, &input, &output, nullptr, nullptr);
  EXPECT_EQ(out[0], out[1]);
  EXPECT_EQ(out[2], To{}) << "beyond the end";
  return out[0];
}

/// Rows of any length and of the extremes, against the golden model's fixed point.
TEST(HostOperators, L2NormalizationOfRows) {
  std::mt19937_64 random(3);
  for (int i = 0; i < 3'000; ++i) {
    const uint32_t depth = i % 7 == 0 ? 1 : 1 + static_cast<uint32_t>(random() % 300);
    const auto zero = static_cast<int32_t>(random() % 256) - 128;
    const int32_t reach = i % 3 == 0 ? 1 : 1 << (1 + random() % 8);
    npu_network_tensor tensor = {};
    tensor.type = NPU_ELEMENT_INT8;
    tensor.rank = 2;
    tensor.shape[0] = 2;
    tensor.shape[1] = depth;
    tensor.zero_point = zero;
    std::vector<int8_t> in(2 * depth), out(2 * depth + 1, 77);
    for (int8_t& value : in) {
      const int32_t far = static_cast<int32_t>(random() % static_cast<uint64_t>(2 * reach + 1));
      value = static_cast<int8_t>(std::clamp(zero + far - reach, -128, 127));
    }
    const npu_host_operand input = {&tensor, in.data()};
    const npu_host_operand output = {&tensor, out.data()};
    npu_host_operator_run(NPU_HOST_L2_NORMALIZATION, &input, &output, nullptr, nullptr);
    for (uint32_t row = 0; row < 2; ++row) {
      int32_t squares = 0;
      for (uint32_t c = 0; c < depth; ++c) {
        squares += (in[row * depth + c] - zero) * (in[row * depth + c] - zero);
      }
      const golden::ScaledNumber root = golden::InverseSquareRoot(squares);
      for (uint32_t c = 0; c < depth; ++c) {
        const int32_t value = golden::MultiplyByQuantizedMultiplier(
            in[row * depth + c] - zero, root.multiplier, root.shift + 7, golden::Rounding::kDouble);
        ASSERT_EQ(out[row * depth + c], std::clamp(value, -128, 127)) << squares;
      }
    }
    EXPECT_EQ(out.back(), 77) << "beyond the end";
  }
}

/// int32 goes to float32 as sums of a network of bits only: a scale, and no zero point.
TEST(HostOperators, SumsHaveAScaleAndNoZeroPoint) {
  const auto fits = [](uint32_t type, uint32_t scale, int32_t zero_point) {
    npu_network_tensor sums = {};
    sums.type = type;
    sums.rank = 1;
    sums.shape[0] = 4;
    sums.bytes = 16;
    npu_network_tensor reals = sums;
    sums.scale = scale;
    sums.zero_point = zero_point;
    reals.type = NPU_ELEMENT_FLOAT32;
    const npu_network_tensor* inputs[] = {&sums};
    const npu_network_tensor* outputs[] = {&reals};
    return npu_host_operator_fits(NPU_HOST_DEQUANTIZE, inputs, 1, outputs, 1, nullptr, 0, 0) != 0;
  };
  constexpr uint32_t kHalf = 0x3f000000;
  EXPECT_TRUE(fits(NPU_ELEMENT_INT32, kHalf, 0));
  for (const int32_t zero_point : {1, -1, 128, -128}) {
    EXPECT_FALSE(fits(NPU_ELEMENT_INT32, kHalf, zero_point)) << zero_point;
  }
  for (const uint32_t scale : {0u, 0x80000000u, 0xbf000000u, 0x7f800000u, 0x7fc00000u}) {
    EXPECT_FALSE(fits(NPU_ELEMENT_INT32, scale, 0)) << scale;
  }
  EXPECT_TRUE(fits(NPU_ELEMENT_INT32, 0x7f7fffff, 0));
  EXPECT_FALSE(fits(NPU_ELEMENT_BITS, kHalf, 0));
  EXPECT_FALSE(fits(NPU_ELEMENT_FLOAT32, kHalf, 0));
  EXPECT_FALSE(fits(NPU_ELEMENT_INT64, kHalf, 0));
  for (const int32_t sum : {0, 1, -1, 4608, -4608, (1 << 24) - 1, 1 - (1 << 24)}) {
    EXPECT_EQ((Convert<int32_t, float>(NPU_HOST_DEQUANTIZE, NPU_ELEMENT_INT32, NPU_ELEMENT_FLOAT32,
                                       sum, 0.3f, 0)),
              0.3f * static_cast<float>(sum));
  }
}

TEST(HostOperators, ConvertAllTypes) {
  std::mt19937_64 random(2);
  for (int i = 0; i < 50'000; ++i) {
    const float scale = static_cast<float>(1 + random() % 100000) * 1.7e-6f;
    const auto zero = static_cast<int32_t>(random() % 65536) - 32768;
    const auto q = static_cast<int16_t>(random());
    const float real = static_cast<float>(static_cast<double>(scale) * (q - zero));
    ASSERT_EQ((Convert<int16_t, float>(NPU_HOST_DEQUANTIZE, NPU_ELEMENT_INT16, NPU_ELEMENT_FLOAT32,
                                       q, scale, zero)),
              real);
    ASSERT_EQ((Convert<float, int16_t>(NPU_HOST_QUANTIZE, NPU_ELEMENT_FLOAT32, NPU_ELEMENT_INT16,
                                       real, scale, zero)),
              Expected(real, scale, zero, -32768, 32767));
  }
  const auto dequantize8 = [](uint8_t q) {
    return Convert<uint8_t, float>(NPU_HOST_DEQUANTIZE, NPU_ELEMENT_INT8, NPU_ELEMENT_FLOAT32, q,
                                   0.5f, -128);
  };
  EXPECT_EQ(dequantize8(0x80), 0.0f);
  EXPECT_EQ(dequantize8(0x7f), 127.5f);
  EXPECT_EQ((Convert<uint8_t, float>(NPU_HOST_DEQUANTIZE, NPU_ELEMENT_UINT8, NPU_ELEMENT_FLOAT32,
                                     200, 0.5f, 255)),
            -27.5f);
  EXPECT_EQ((Convert<float, uint8_t>(NPU_HOST_QUANTIZE, NPU_ELEMENT_FLOAT32, NPU_ELEMENT_UINT8,
                                     100.0f, 0.5f, 10)),
            210);
  EXPECT_EQ((Convert<float, uint8_t>(NPU_HOST_QUANTIZE, NPU_ELEMENT_FLOAT32, NPU_ELEMENT_UINT8,
                                     1000.0f, 0.5f, 10)),
            255);
  EXPECT_EQ((Convert<float, uint8_t>(NPU_HOST_QUANTIZE, NPU_ELEMENT_FLOAT32, NPU_ELEMENT_UINT8,
                                     -6.0f, 0.5f, 10)),
            0);
  EXPECT_EQ((Convert<float, int8_t>(NPU_HOST_QUANTIZE, NPU_ELEMENT_FLOAT32, NPU_ELEMENT_INT8,
                                    -1000.0f, 0.5f, 10)),
            -128);
}

TEST(HostOperators, CopyTakesEveryByte) {
  for (const uint32_t bytes : {1u, 3u, 4u, 5u, 63u, 64u}) {
    npu_network_tensor tensor = {};
    tensor.bytes = bytes;
    alignas(8) uint8_t in[72], out[72] = {};
    for (uint32_t i = 0; i < 72; ++i) in[i] = static_cast<uint8_t>(i + 1);
    const npu_host_operand input = {&tensor, in}, output = {&tensor, out};
    npu_host_operator_run(NPU_HOST_COPY, &input, &output, nullptr, nullptr);
    EXPECT_TRUE(std::equal(in, in + bytes, out)) << bytes;
    EXPECT_EQ(out[bytes], 0) << bytes;
  }
}

}  // namespace
}  // namespace npugen::testing

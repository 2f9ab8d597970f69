// SPDX-License-Identifier: Apache-2.0
// The driver and the host's reader have one notion of a valid program file.
#include "tests/driver/program_file.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>
#include <memory>
#include <random>
#include <span>
#include <vector>

#include "sw/compiler/program.h"
#include "sw/driver/npu_driver.h"
#include "sw/driver/npu_program.h"

namespace npugen::testing {
namespace {

constexpr int kMutations = 60'000;

class Mutator {
 public:
  explicit Mutator(uint64_t seed) : random_(seed) {}

  /// A file with one to three changes: a byte, a word to a value that is at a limit of something, a
  /// word to a neighbouring value, a word copied from elsewhere, or another length.
  std::vector<uint8_t> Mutate(std::vector<uint8_t> file) {
    for (uint64_t changes = 1 + random_() % 3; changes > 0; --changes) Change(&file);
    return file;
  }

 private:
  void Change(std::vector<uint8_t>* file) {
    if (file->size() < sizeof(npu_program_header)) return;
    // The header and the tables are where readers look.
    const size_t reach = random_() % 3 == 0 ? sizeof(npu_program_header) : file->size();
    const size_t word = random_() % (reach / 4) * 4;
    uint32_t value = 0;
    std::memcpy(&value, &(*file)[word], 4);
    const uint32_t size = static_cast<uint32_t>(file->size());
    const uint32_t limits[] = {0,          1,          2,          3,          8,         9,
                               16,         64,         96,         size - 1,   size,      size + 1,
                               0x7fffffff, 0x80000000, 0xffffffc0, 0xfffffff0, 0xffffffff};
    switch (random_() % 8) {
      case 0:
        (*file)[random_() % reach] = static_cast<uint8_t>(random_());
        return;
      case 1:
        value = limits[random_() % std::size(limits)];
        break;
      case 2:
        value += static_cast<uint32_t>(random_() % 129) - 64;
        break;
      case 3:
        std::memcpy(&value, &(*file)[random_() % (size / 4) * 4], 4);
        break;
      case 4:
        value ^= uint32_t{1} << random_() % 32;
        break;
      case 5:
        if (random_() % 8 == 0) file->resize(random_() % (2 * file->size()));
        return;
      default:
        value += 4;
    }
    std::memcpy(&(*file)[word], &value, 4);
  }
  std::mt19937_64 random_;
};

/// The driver's view; the file stands at the end of its memory, so that a sanitizer sees an access
/// beyond it. The device is the one that the file claims to be for.
bool DriverAccepts(const std::vector<uint8_t>& file) {
  const size_t bytes = file.size();
  const std::unique_ptr<void, decltype(&std::free)> memory(
      std::aligned_alloc(8, (bytes + 7) / 8 * 8 + 8), &std::free);
  std::memcpy(memory.get(), file.data(), bytes);
  npu_device device = {};
  if (bytes >= 16) std::memcpy(&device.config_hash, file.data() + 8, 8);
  npu_program program = {};
  return npu_program_check(&device, memory.get(), static_cast<uint32_t>(bytes), &program) == NPU_OK;
}

TEST(ProgramFiles, DriverAndReaderAgree) {
  Mutator mutator(1);
  int accepted = 0;
  for (const uint64_t token : {uint64_t{0}, uint64_t{0xabcdef0123456789}}) {
    const std::vector<uint8_t> good = MakeProgramFile(token);
    ASSERT_TRUE(DriverAccepts(good));
    for (int i = 0; i < kMutations / 2; ++i) {
      const std::vector<uint8_t> file = mutator.Mutate(good);
      const Result<Program> read = ReadProgram(file);
      ASSERT_EQ(DriverAccepts(file), read.ok()) << "mutation " << i << " of token " << token;
      if (!read) continue;
      ++accepted;
      // Whatever is accepted is as good as new.
      const std::vector<uint8_t> again = WriteProgram(*read);
      const Result<Program> second = ReadProgram(again);
      ASSERT_TRUE(second.ok()) << "mutation " << i << " of token " << token;
      // Not all files are written alike, but programs are; NaN differs from itself.
      ASSERT_EQ(WriteProgram(*second), again);
      for (const ProgramTensor& tensor : read->inputs) {
        ASSERT_LE(uint64_t{tensor.offset} + tensor.bytes, read->input_bytes);
      }
    }
  }
  EXPECT_GT(accepted, kMutations / 20);
  EXPECT_LT(accepted, kMutations * 19 / 20);
}

/// A good file and what a test changes in it.
class Inspect : public ::testing::Test {
 protected:
  void SetUp() override { Load(0xabcdef0123456789); }
  void Load(uint64_t token) {
    const std::vector<uint8_t> good = MakeProgramFile(token);
    storage_.assign(good.size() / 8 + 1, 0);
    bytes_ = static_cast<uint32_t>(good.size());
    std::memcpy(storage_.data(), good.data(), good.size());
  }
  npu_program_fault Fault() { return npu_program_inspect(storage_.data(), bytes_); }
  npu_program_header& header() { return *reinterpret_cast<npu_program_header*>(storage_.data()); }
  npu_program_tensor& tensor(uint32_t i) {
    return reinterpret_cast<npu_program_tensor*>(reinterpret_cast<uint8_t*>(storage_.data()) +
                                                 header().tensors_offset)[i];
  }
  npu_program_layer& layer(uint32_t i) {
    return reinterpret_cast<npu_program_layer*>(reinterpret_cast<uint8_t*>(storage_.data()) +
                                                header().layers_offset)[i];
  }
  std::vector<uint64_t> storage_;
  uint32_t bytes_ = 0;
};

TEST_F(Inspect, NamesTheFault) {
  EXPECT_EQ(Fault(), NPU_PROGRAM_VALID);
  for (int fault = NPU_PROGRAM_VALID; fault <= NPU_PROGRAM_BAD_STREAM; ++fault) {
    EXPECT_STRNE(npu_program_fault_text(static_cast<npu_program_fault>(fault)), "an unknown fault");
  }
  EXPECT_EQ(npu_program_inspect(storage_.data(), 0), NPU_PROGRAM_NO_PROGRAM);
  EXPECT_EQ(npu_program_inspect(storage_.data(), 3), NPU_PROGRAM_NO_PROGRAM);
  EXPECT_EQ(npu_program_inspect(storage_.data(), 4), NPU_PROGRAM_OTHER_LENGTH);
  EXPECT_EQ(npu_program_inspect(storage_.data(), 95), NPU_PROGRAM_OTHER_LENGTH);
  EXPECT_EQ(npu_program_inspect(storage_.data(), bytes_ - 1), NPU_PROGRAM_OTHER_LENGTH);
  EXPECT_EQ(npu_program_inspect(storage_.data(), bytes_ + 1), NPU_PROGRAM_OTHER_LENGTH);
  header().version += 1;
  EXPECT_EQ(npu_program_inspect(storage_.data(), 96), NPU_PROGRAM_OTHER_VERSION);
  Load(1);
  header().reserved = 1;
  EXPECT_EQ(Fault(), NPU_PROGRAM_BAD_TABLE);
}

TEST_F(Inspect, TakesValuesAtTheirLimits) {
  tensor(0).tensor = 0x7fffffff;
  tensor(0).offset = header().input_bytes;
  tensor(0).bytes = 0;
  header().output_bytes = tensor(1).bytes = 1;
  layer(1).binary = 1;
  for (uint32_t i = 0; i < 8; ++i) tensor(2).shape[i] = layer(1).shape[i] = 0x7fffffff - i;
  tensor(2).rank = layer(1).rank = 8;
  EXPECT_EQ(Fault(), NPU_PROGRAM_VALID);
  EXPECT_TRUE(ReadProgram(std::span(reinterpret_cast<uint8_t*>(storage_.data()), bytes_)).ok());
  // Without rows there need be no names, and a part without bytes may stand at the end.
  header().input_count = header().output_count = header().kept_count = header().layer_count = 0;
  header().names_bytes = 0;
  header().names_offset = header().layers_offset = bytes_ / 8 * 8;
  EXPECT_EQ(Fault(), NPU_PROGRAM_VALID);
}

TEST_F(Inspect, RefusesValuesBeyondThem) {
  const auto tensor_fault = [this](auto change) {
    Load(1);
    change(tensor(2));
    return Fault() == NPU_PROGRAM_BAD_TENSOR;
  };
  const auto layer_fault = [this](auto change) {
    Load(1);
    change(layer(1));
    return Fault() == NPU_PROGRAM_BAD_LAYER;
  };
  EXPECT_TRUE(tensor_fault([](npu_program_tensor& t) { t.tensor = 0x80000000; }));
  EXPECT_TRUE(layer_fault([](npu_program_layer& l) { l.output_tensor = 0x80000000; }));
  EXPECT_TRUE(layer_fault([](npu_program_layer& l) { l.binary = 2; }));
  EXPECT_TRUE(tensor_fault([](npu_program_tensor& t) { t.rank = 9; }));
  EXPECT_TRUE(layer_fault([](npu_program_layer& l) { l.rank = 9; }));
  EXPECT_TRUE(layer_fault([this](npu_program_layer& l) { l.name = header().names_bytes; }));
  EXPECT_TRUE(tensor_fault([](npu_program_tensor& t) { t.shape[2] = 1; })) << "the rank is 2";
  for (int i = 0; i < 8; ++i) {
    for (const uint32_t size : {0x80000000u, 0xffffffffu}) {
      EXPECT_TRUE(tensor_fault([&](npu_program_tensor& t) {
        t.rank = 8;
        t.shape[i] = size;
      }));
    }
    if (i < 2) continue;
    EXPECT_TRUE(layer_fault([&](npu_program_layer& l) { l.shape[i] = 0x01000000; }));
  }
}

TEST_F(Inspect, WindowsAreThoseOfTheRows) {
  const auto fault = [this](uint32_t row, uint32_t window) {
    Load(1);
    tensor(row).window = window;
    tensor(row).offset = tensor(row).bytes = 0;
    return Fault();
  };
  EXPECT_EQ(fault(0, NPU_PROGRAM_WINDOW_INPUT), NPU_PROGRAM_VALID);
  EXPECT_EQ(fault(0, NPU_PROGRAM_WINDOW_OUTPUT), NPU_PROGRAM_VALID) << "a state";
  EXPECT_EQ(fault(0, NPU_PROGRAM_WINDOW_SCRATCH), NPU_PROGRAM_BAD_TENSOR);
  EXPECT_EQ(fault(1, NPU_PROGRAM_WINDOW_INPUT), NPU_PROGRAM_BAD_TENSOR) << "an output";
  EXPECT_EQ(fault(1, NPU_PROGRAM_WINDOW_SCRATCH), NPU_PROGRAM_BAD_TENSOR);
  EXPECT_EQ(fault(2, NPU_PROGRAM_WINDOW_OUTPUT), NPU_PROGRAM_BAD_TENSOR) << "one that is kept";
  EXPECT_EQ(fault(2, NPU_PROGRAM_WINDOW_INPUT), NPU_PROGRAM_BAD_TENSOR);
}

TEST_F(Inspect, CountsOfRowsDoNotWrap) {
  const uint32_t half = 0x80000000;
  header().output_count = header().kept_count = half;
  EXPECT_EQ(Fault(), NPU_PROGRAM_BAD_TABLE);
  Load(1);
  header().input_count = header().output_count = half;
  EXPECT_EQ(Fault(), NPU_PROGRAM_BAD_TABLE);
  Load(1);
  header().input_count = header().kept_count = half;
  EXPECT_EQ(Fault(), NPU_PROGRAM_BAD_TABLE);
}

TEST_F(Inspect, TwoStreamsNeedAToken) {
  for (const uint64_t token : {uint64_t{1}, uint64_t{1} << 32}) {
    Load(token);
    EXPECT_NE(header().cold_offset, header().warm_offset);
    EXPECT_EQ(Fault(), NPU_PROGRAM_VALID);
  }
  header().cache_token = 0;
  EXPECT_EQ(Fault(), NPU_PROGRAM_BAD_STREAM);
  header().warm_offset = header().cold_offset;
  EXPECT_EQ(Fault(), NPU_PROGRAM_VALID);
}

}  // namespace
}  // namespace npugen::testing

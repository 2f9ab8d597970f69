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

}  // namespace
}  // namespace npugen::testing

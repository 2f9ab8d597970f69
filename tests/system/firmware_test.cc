// SPDX-License-Identifier: Apache-2.0
// The bare-metal firmware on an emulated RV32IM CPU, with the verilated NPU as its device.
//
// CPU and NPU share one memory. Loads and stores of the register range become AXI4-Lite accesses.
// Unicorn has no interrupt pin and takes no traps, so that the external interrupt is delivered by
// hand here.
#include <gtest/gtest.h>
#include <unicorn/unicorn.h>

#include <algorithm>
#include <cstring>
#include <set>
#include <string>

#include "sw/compiler/compiler.h"
#include "sw/firmware/board.h"
#include "sw/model/tflite_reader.h"
#include "tests/support/files.h"
#include "tests/system/simulation.h"

namespace npugen::testing {
namespace {

constexpr uint64_t kMemoryBytes = 4 << 20;
constexpr uint32_t kBuffers = BOARD_MEMORY_BASE + (1 << 20);
constexpr uint64_t kMostCycles = 2'000'000;

/// The parts of a 32-bit ELF file that matter here.
class ElfFile {
 public:
  explicit ElfFile(const std::string& path) : bytes_(ReadBytes(path)) {}

  bool IsRiscv32() const {
    return bytes_.size() > 52 &&
           std::memcmp(bytes_.data(),
                       "\x7f"
                       "ELF\1\1",
                       6) == 0 &&
           Half(18) == 243;
  }
  uint32_t flags() const { return Word(36); }
  uint32_t entry() const { return Word(24); }

  struct Segment {
    uint32_t address;
    std::span<const uint8_t> bytes;
    bool executable;
  };
  std::vector<Segment> Segments() const {
    std::vector<Segment> segments;
    for (uint32_t i = 0; i < Half(44); ++i) {
      const uint32_t row = Word(28) + i * Half(42);
      if (Word(row) != 1) continue;
      segments.push_back({Word(row + 8), std::span(bytes_).subspan(Word(row + 4), Word(row + 16)),
                          (Word(row + 24) & 1) != 0});
    }
    return segments;
  }
  /// The content of a section; empty if there is none.
  std::string Section(const std::string& name) const {
    const uint32_t names = Word(32) + Half(50) * Half(46);
    for (uint32_t i = 0; i < Half(48); ++i) {
      const uint32_t row = Word(32) + i * Half(46);
      const char* text = reinterpret_cast<const char*>(&bytes_[Word(names + 16) + Word(row)]);
      if (name == text) {
        return {reinterpret_cast<const char*>(&bytes_[Word(row + 16)]), Word(row + 20)};
      }
    }
    return {};
  }

 private:
  uint32_t Word(uint32_t offset) const {
    uint32_t value = 0;
    std::memcpy(&value, bytes_.data() + offset, 4);
    return value;
  }
  uint32_t Half(uint32_t offset) const { return Word(offset) & 0xffff; }
  std::vector<uint8_t> bytes_;
};

/// A RISC-V system on a chip: CPU, shared memory, NPU, timer, exit register.
class Board {
 public:
  Board(SimulatedNpu& npu, const ElfFile& elf) : npu_(npu) {
    Check(uc_open(UC_ARCH_RISCV, UC_MODE_RISCV32, &cpu_));
    Check(uc_mem_map_ptr(cpu_, BOARD_MEMORY_BASE, kMemoryBytes, UC_PROT_ALL, npu_.Memory().data()));
    Check(uc_mmio_map(cpu_, BOARD_NPU_BASE, 4096, ReadNpu, this, WriteNpu, this));
    Check(uc_mmio_map(cpu_, BOARD_TIMER_LO, 4096, ReadTimer, this, WriteTimer, this));
    uc_hook hook = 0;
    Check(uc_hook_add(cpu_, &hook, UC_HOOK_BLOCK, reinterpret_cast<void*>(OnBlock), this, 1, 0));
    for (const ElfFile::Segment& segment : elf.Segments()) {
      std::copy(segment.bytes.begin(), segment.bytes.end(), At(segment.address));
    }
    pc_ = elf.entry();
  }
  ~Board() { uc_close(cpu_); }
  Board(const Board&) = delete;
  Board& operator=(const Board&) = delete;

  uint8_t* At(uint32_t address) { return npu_.Memory().data() + (address - BOARD_MEMORY_BASE); }
  board_mailbox& mailbox() { return *reinterpret_cast<board_mailbox*>(At(BOARD_MAILBOX)); }

  /// Runs until the firmware writes the exit register. Returns what it wrote, or -1.
  int Run() {
    for (int steps = 0; steps < 10000 && !exited_; ++steps) {
      take_interrupt_ = false;
      const uc_err error = uc_emu_start(cpu_, pc_, 0xffffffff, 0, 0);
      if (exited_) break;
      if (error != UC_ERR_OK) {
        ADD_FAILURE() << uc_strerror(error) << " at 0x" << std::hex << Register(UC_RISCV_REG_PC);
        return -1;
      }
      if (take_interrupt_) {
        EnterTrap();
        continue;
      }
      // wfi: the CPU sleeps, the NPU works on.
      pc_ = Register(UC_RISCV_REG_PC);
      ++sleeps_;
      if (npu_.RunUntilInterrupt(kMostCycles) == kMostCycles) {
        ADD_FAILURE() << "asleep for ever";
        return -1;
      }
    }
    return exited_ ? static_cast<int>(exit_code_) : -1;
  }

  uint32_t sleeps() const { return sleeps_; }
  uint32_t traps() const { return traps_; }
  uint64_t register_accesses() const { return register_accesses_; }

 private:
  static constexpr uint32_t kMie = 1u << 3, kMpie = 1u << 7, kMpp = 3u << 11, kMeie = 1u << 11;

  static void Check(uc_err error) {
    if (error != UC_ERR_OK) {
      ADD_FAILURE() << uc_strerror(error);
    }
  }
  static uint64_t ReadNpu(uc_engine*, uint64_t offset, unsigned size, void* self) {
    Board& board = *static_cast<Board*>(self);
    EXPECT_EQ(size, 4u);
    ++board.register_accesses_;
    return board.npu_.ReadRegister(static_cast<uint32_t>(offset));
  }
  static void WriteNpu(uc_engine*, uint64_t offset, unsigned size, uint64_t value, void* self) {
    Board& board = *static_cast<Board*>(self);
    EXPECT_EQ(size, 4u);
    ++board.register_accesses_;
    board.npu_.WriteRegister(static_cast<uint32_t>(offset), static_cast<uint32_t>(value));
  }
  static uint64_t ReadTimer(uc_engine*, uint64_t offset, unsigned, void* self) {
    Board& board = *static_cast<Board*>(self);
    if (offset == 0) {
      board.latched_time_ = board.npu_.Cycles();
      return static_cast<uint32_t>(board.latched_time_);
    }
    return board.latched_time_ >> 32;
  }
  static void WriteTimer(uc_engine* cpu, uint64_t offset, unsigned, uint64_t value, void* self) {
    Board& board = *static_cast<Board*>(self);
    if (offset != BOARD_EXIT - BOARD_TIMER_LO) return;
    board.exited_ = true;
    board.exit_code_ = static_cast<uint32_t>(value);
    uc_emu_stop(cpu);
  }

  /// Before each basic block: is an interrupt pending and enabled?
  static void OnBlock(uc_engine* cpu, uint64_t address, uint32_t, void* self) {
    Board& board = *static_cast<Board*>(self);
    if (board.take_interrupt_ || !board.npu_.Interrupt() ||
        (board.Register(UC_RISCV_REG_MSTATUS) & kMie) == 0 ||
        (board.Register(UC_RISCV_REG_MIE) & kMeie) == 0) {
      return;
    }
    board.take_interrupt_ = true;
    board.pc_ = static_cast<uint32_t>(address);
    uc_emu_stop(cpu);
  }

  /// What the CPU's trap hardware would do for the machine external interrupt.
  void EnterTrap() {
    ++traps_;
    const uint32_t status = Register(UC_RISCV_REG_MSTATUS);
    SetRegister(UC_RISCV_REG_MEPC, pc_);
    SetRegister(UC_RISCV_REG_MCAUSE, 0x8000000b);
    SetRegister(UC_RISCV_REG_MSTATUS, (status & ~kMie) | kMpie | kMpp);
    pc_ = Register(UC_RISCV_REG_MTVEC) & ~3u;
  }

  uint32_t Register(int number) {
    uint64_t value = 0;
    Check(uc_reg_read(cpu_, number, &value));
    return static_cast<uint32_t>(value);
  }
  void SetRegister(int number, uint32_t value) {
    uint64_t wide = value;
    Check(uc_reg_write(cpu_, number, &wide));
  }

  SimulatedNpu& npu_;
  uc_engine* cpu_ = nullptr;
  uint32_t pc_ = 0;
  bool take_interrupt_ = false;
  bool exited_ = false;
  uint32_t exit_code_ = 0;
  uint32_t sleeps_ = 0;
  uint32_t traps_ = 0;
  uint64_t latched_time_ = 0;
  uint64_t register_accesses_ = 0;
};

class FirmwareTest : public ::testing::Test {
 protected:
  void SetUp() override {
    config_ = SpecConfig("nano");
    SimulationOptions options;
    options.memory_base = BOARD_MEMORY_BASE;
    options.memory_bytes = kMemoryBytes;
    npu_ = MakeNpu(config_, options);
    const Result<Model> model = LoadTflite(SourcePath("models/digits/digits_cnn_int8.tflite"));
    ASSERT_TRUE(model.ok());
    const Result<Program> program = Compile(*model, config_);
    ASSERT_TRUE(program.ok()) << ErrorText(program);
    file_ = WriteProgram(*program);
    board_ = std::make_unique<Board>(*npu_, ElfFile(NPUGEN_FIRMWARE_ELF));

    board_mailbox& box = board_->mailbox();
    box = {};
    box.magic = BOARD_MAILBOX_MAGIC;
    uint32_t address = kBuffers;
    const auto region = [&address](size_t bytes) {
      const board_region result = {address, static_cast<uint32_t>(bytes)};
      address += static_cast<uint32_t>((bytes + 63) / 64 * 64);
      return result;
    };
    box.program = region(file_.size());
    box.scratch = region(program->scratch_bytes);
    box.input = region(program->input_bytes);
    box.output[0] = region(program->output_bytes);
    box.output[1] = region(program->output_bytes);
    box.timeout = kMostCycles;
    std::copy(file_.begin(), file_.end(), board_->At(box.program.address));
    const std::vector<uint8_t> input = ReadBytes(SourcePath("models/digits/input.bin"));
    std::copy(input.begin(), input.begin() + 64, board_->At(box.input.address));
  }

  NpuConfig config_;
  std::unique_ptr<SimulatedNpu> npu_;
  std::unique_ptr<Board> board_;
  std::vector<uint8_t> file_;
};

TEST_F(FirmwareTest, RunsAJobByPollingAndByInterrupt) {
  EXPECT_EQ(board_->Run(), 0);
  const board_mailbox& box = board_->mailbox();
  EXPECT_EQ(box.step, 5u);
  EXPECT_EQ(box.result, 0u);
  EXPECT_EQ(box.trap, 0u);
  EXPECT_EQ(box.interrupts, 1u);
  EXPECT_EQ(board_->traps(), 1u);
  EXPECT_GE(board_->sleeps(), 1u);
  EXPECT_GT(board_->register_accesses(), 1000u) << "the polled job";
  const std::vector<uint8_t> golden = ReadBytes(SourcePath("models/digits/golden_prob.bin"));
  for (const board_region& output : box.output) {
    EXPECT_TRUE(std::equal(golden.begin(), golden.begin() + 10, board_->At(output.address)));
  }
  EXPECT_GT(box.cycles[0], 10'000u);
  EXPECT_EQ(box.cycles[0], box.cycles[1]) << "waiting does not disturb the job";
  EXPECT_EQ(npu_->failed_accesses(), 0u);
  EXPECT_EQ(npu_->Bus().violations, 0u);
}

TEST_F(FirmwareTest, ReportsAProgramForOtherHardware) {
  // A whole program of another NPU: the file and both of its streams name its hash.
  const uint32_t file = board_->mailbox().program.address;
  npu_program_header& header = *reinterpret_cast<npu_program_header*>(board_->At(file));
  header.config_hash ^= 1;
  constexpr uint32_t kHash = 8;  // in a stream's header
  for (const uint32_t stream : std::set{header.cold_offset, header.warm_offset}) {
    *board_->At(file + header.image_offset + stream + kHash) ^= 1;
  }
  EXPECT_EQ(board_->Run(), 1);
  EXPECT_EQ(board_->mailbox().step, 2u);
  EXPECT_EQ(board_->mailbox().result, static_cast<uint32_t>(NPU_WRONG_PROGRAM));
}

TEST_F(FirmwareTest, ReportsABusError) {
  npu_->AddErrorRange(board_->mailbox().input.address, 64);
  EXPECT_EQ(board_->Run(), 1);
  EXPECT_EQ(board_->mailbox().step, 3u);
  EXPECT_EQ(board_->mailbox().result, static_cast<uint32_t>(NPU_HARDWARE_ERROR));
  EXPECT_EQ(board_->mailbox().error, 9u);
}

/// The firmware must run on any RV32IM core: no compressed, atomic or floating-point instructions.
TEST(FirmwareFileTest, UsesOnlyRv32im) {
  const ElfFile elf(NPUGEN_FIRMWARE_ELF);
  ASSERT_TRUE(elf.IsRiscv32());
  EXPECT_EQ(elf.flags(), 0u) << "no compressed code, soft-float ABI";
  const std::string attributes = elf.Section(".riscv.attributes");
  const size_t arch = attributes.find("rv32");
  ASSERT_NE(arch, std::string::npos);
  const std::string text = attributes.c_str() + arch;
  EXPECT_EQ(text, "rv32i2p1_m2p0_zicsr2p0_zmmul1p0") << "zmmul is part of m";
  const std::string code = elf.Section(".text");
  ASSERT_EQ(code.size() % 4, 0u);
  for (size_t i = 0; i < code.size(); i += 4) {
    uint32_t word = 0;
    std::memcpy(&word, code.data() + i, 4);
    switch (word & 0x7f) {
      case 0x37:  // lui
      case 0x17:  // auipc
      case 0x6f:  // jal
      case 0x67:  // jalr
      case 0x63:  // branches
      case 0x03:  // loads
      case 0x23:  // stores
      case 0x13:  // immediate
      case 0x33:  // register, M included
      case 0x0f:  // fence
      case 0x73:  // system, control registers
        break;
      default:
        ADD_FAILURE() << "instruction 0x" << std::hex << word << " at 0x" << i;
    }
  }
}

}  // namespace
}  // namespace npugen::testing

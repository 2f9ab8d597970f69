// SPDX-License-Identifier: Apache-2.0
// The bare-metal firmware on an emulated RV32IM CPU, with the verilated NPU as its device.
//
// CPU and NPU share one memory. Loads and stores of the register range become AXI4-Lite accesses.
// Unicorn has no interrupt pin and takes no traps, so that the external interrupt is delivered by
// hand here.
#include <gtest/gtest.h>
#include <unicorn/unicorn.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "npu_registers.h"
#include "sw/compiler/compile_network.h"
#include "sw/firmware/board.h"
#include "sw/model/tflite_reader.h"
#include "tests/support/files.h"
#include "tests/support/stateful_network.h"
#include "tests/system/simulation.h"
#include "verif/golden/golden_model.h"
#include "verif/random/random_model.h"
#include "verif/random/tflite_writer.h"

namespace npugen::testing {
namespace {

constexpr uint64_t kMemoryBytes = 4 << 20;
constexpr uint32_t kBuffers = BOARD_MEMORY_BASE + (1 << 20);
constexpr uint64_t kMostCycles = 2'000'000;
constexpr uint64_t kDoorbell = NPU_REG_DOORBELL_OFFSET;

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

/// What is different from board to board.
struct BoardOptions {
  uint64_t time_at_start = 0;  ///< of the timer
  uint64_t wake_after = 0;     ///< cycles after which wfi ends without a reason; 0: never
  uint32_t cause = 0;          ///< mcause of a trap that ends the first wfi; 0: none
};

/// Another firmware may take the place of the one that was built: mutants do.
std::string FirmwarePath() {
  const char* path = std::getenv("NPUGEN_FIRMWARE");
  return path != nullptr ? path : NPUGEN_FIRMWARE_ELF;
}

/// A RISC-V system on a chip: CPU, shared memory, NPU, timer, exit register.
class Board {
 public:
  Board(SimulatedNpu& npu, const ElfFile& elf, const BoardOptions& options = {})
      : npu_(npu), options_(options) {
    Check(uc_open(UC_ARCH_RISCV, UC_MODE_RISCV32, &cpu_));
    Check(uc_mem_map_ptr(cpu_, BOARD_MEMORY_BASE, kMemoryBytes, UC_PROT_ALL, npu_.Memory().data()));
    Check(uc_mmio_map(cpu_, BOARD_NPU_BASE, 4096, ReadNpu, this, WriteNpu, this));
    Check(uc_mmio_map(cpu_, BOARD_TIMER_LO, 4096, ReadTimer, this, WriteTimer, this));
    uc_hook hook = 0;
    Check(uc_hook_add(cpu_, &hook, UC_HOOK_BLOCK, reinterpret_cast<void*>(OnBlock), this, 1, 0));
    // What the firmware does not clear is not 0.
    std::fill_n(At(BOARD_MEMORY_BASE), BOARD_MAILBOX - BOARD_MEMORY_BASE, uint8_t{0xa5});
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
    for (int steps = 0; steps < 10000 && !exited_ && !::testing::Test::HasFailure(); ++steps) {
      take_interrupt_ = false;
      const uc_err error = uc_emu_start(cpu_, pc_, 0xffffffff, 0, 0);
      if (exited_) break;
      if (error != UC_ERR_OK) {
        ADD_FAILURE() << uc_strerror(error) << " at 0x" << std::hex << Register(UC_RISCV_REG_PC);
        return -1;
      }
      if (take_interrupt_) {
        ++traps_;
        EnterTrap(kExternalInterrupt);
        continue;
      }
      // wfi: the CPU sleeps, the NPU works on.
      pc_ = Register(UC_RISCV_REG_PC);
      ++sleeps_;
      if (options_.cause != 0) {
        EnterTrap(options_.cause);
        continue;
      }
      const uint64_t most = options_.wake_after != 0 ? options_.wake_after : kMostCycles;
      if (npu_.RunUntilInterrupt(most) == most && options_.wake_after == 0) {
        ADD_FAILURE() << "asleep for ever";
        return -1;
      }
    }
    return exited_ ? static_cast<int>(exit_code_) : -1;
  }

  uint32_t sleeps() const { return sleeps_; }
  uint32_t traps() const { return traps_; }
  uint64_t register_accesses() const { return register_accesses_; }
  /// NPU cycles from the last doorbell to the end of the firmware.
  uint64_t CyclesSinceDoorbell() const { return exited_at_ - doorbell_at_; }

 private:
  static constexpr uint32_t kMie = 1u << 3, kMpie = 1u << 7, kMpp = 3u << 11, kMeie = 1u << 11;
  static constexpr uint32_t kExternalInterrupt = 0x8000000b;
  static constexpr uint64_t kMostCpuCycles = 1'000'000;

  static void Check(uc_err error) {
    if (error != UC_ERR_OK) {
      ADD_FAILURE() << uc_strerror(error);
    }
  }
  static uint64_t ReadNpu(uc_engine*, uint64_t offset, unsigned size, void* self) {
    Board& board = *static_cast<Board*>(self);
    EXPECT_EQ(size, 4u);
    board.CheckAccess();
    return board.npu_.ReadRegister(static_cast<uint32_t>(offset));
  }
  static void WriteNpu(uc_engine*, uint64_t offset, unsigned size, uint64_t value, void* self) {
    Board& board = *static_cast<Board*>(self);
    EXPECT_EQ(size, 4u);
    board.CheckAccess();
    if (offset == kDoorbell) board.doorbell_at_ = board.npu_.Cycles();
    board.npu_.WriteRegister(static_cast<uint32_t>(offset), static_cast<uint32_t>(value));
  }
  static uint64_t ReadTimer(uc_engine*, uint64_t offset, unsigned, void* self) {
    Board& board = *static_cast<Board*>(self);
    if (offset == 0) {
      board.latched_time_ = board.options_.time_at_start + board.npu_.Cycles();
      return static_cast<uint32_t>(board.latched_time_);
    }
    return board.latched_time_ >> 32;
  }
  static void WriteTimer(uc_engine* cpu, uint64_t offset, unsigned, uint64_t value, void* self) {
    Board& board = *static_cast<Board*>(self);
    if (offset != BOARD_EXIT - BOARD_TIMER_LO) return;
    board.exited_ = true;
    board.exited_at_ = board.npu_.Cycles();
    board.exit_code_ = static_cast<uint32_t>(value);
    uc_emu_stop(cpu);
  }

  /// Outside the handler nothing may interrupt the driver: it would sleep after the last interrupt.
  void CheckAccess() {
    ++register_accesses_;
    if (register_accesses_ == kMostCpuCycles) {
      ADD_FAILURE() << "the firmware never ends";
      uc_emu_stop(cpu_);
    }
    EXPECT_EQ(Register(UC_RISCV_REG_MSTATUS) & kMie, 0u) << "interrupts are enabled";
  }

  /// Before each basic block: is an interrupt pending and enabled?
  static void OnBlock(uc_engine* cpu, uint64_t address, uint32_t, void* self) {
    Board& board = *static_cast<Board*>(self);
    board.FollowTrap(static_cast<uint32_t>(address));
    if (board.take_interrupt_ || !board.npu_.Interrupt() ||
        (board.Register(UC_RISCV_REG_MSTATUS) & kMie) == 0 ||
        (board.Register(UC_RISCV_REG_MIE) & kMeie) == 0) {
      return;
    }
    board.take_interrupt_ = true;
    board.pc_ = static_cast<uint32_t>(address);
    uc_emu_stop(cpu);
  }

  /// What the CPU's trap hardware would do.
  void EnterTrap(uint32_t cause) {
    const uint32_t status = Register(UC_RISCV_REG_MSTATUS);
    SetRegister(UC_RISCV_REG_MEPC, pc_);
    SetRegister(UC_RISCV_REG_MCAUSE, cause);
    SetRegister(UC_RISCV_REG_MSTATUS, (status & ~kMie) | kMpie | kMpp);
    trapped_at_ = pc_;
    saved_ = Registers();
    trap_ = Trap::kEntry;
    pc_ = Register(UC_RISCV_REG_MTVEC) & ~3u;
  }

  /// Whether an address is near the beginning of the code that saves and restores registers.
  bool InTrapEntry(uint32_t address) {
    return address - (Register(UC_RISCV_REG_MTVEC) & ~3u) < 148;
  }

  std::vector<uint32_t> Registers() {
    std::vector<uint32_t> values;
    for (int i = 1; i < 32; ++i) values.push_back(Register(UC_RISCV_REG_X0 + i));
    return values;
  }

  /// The handler, in C, may change everything that is not saved over calls: it all changes here.
  /// After the trap every register is as before.
  void FollowTrap(uint32_t address) {
    switch (trap_) {
      case Trap::kNone:
        return;
      case Trap::kEntry:  // up to the handler, which returns to the code of the trap entry
        handler_return_ = Register(UC_RISCV_REG_X1);
        if (InTrapEntry(address) || !InTrapEntry(handler_return_)) return;
        trap_ = Trap::kHandler;
        return;
      case Trap::kHandler:
        if (address != handler_return_) return;
        for (const int number : {1, 5, 6, 7, 10, 11, 12, 13, 14, 15, 16, 17, 28, 29, 30, 31}) {
          SetRegister(UC_RISCV_REG_X0 + number, 0xdead0000u + static_cast<uint32_t>(number));
        }
        trap_ = Trap::kReturn;
        return;
      case Trap::kReturn:
        if (InTrapEntry(address)) return;
        EXPECT_EQ(address, trapped_at_);
        EXPECT_EQ(Registers(), saved_) << "the trap changed registers";
        trap_ = Trap::kNone;
        return;
    }
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

  /// How far the handler of a trap has come.
  enum class Trap { kNone, kEntry, kHandler, kReturn };

  SimulatedNpu& npu_;
  const BoardOptions options_;
  uc_engine* cpu_ = nullptr;
  uint32_t pc_ = 0;
  bool take_interrupt_ = false;
  bool exited_ = false;
  uint32_t exit_code_ = 0;
  uint32_t sleeps_ = 0;
  uint32_t traps_ = 0;
  uint64_t latched_time_ = 0;
  uint64_t register_accesses_ = 0;
  uint64_t doorbell_at_ = 0, exited_at_ = 0;
  Trap trap_ = Trap::kNone;
  uint32_t trapped_at_ = 0, handler_return_ = 0;
  std::vector<uint32_t> saved_;
};

class FirmwareTest : public ::testing::Test {
 protected:
  void SetUp() override {
    config_ = SpecConfig("nano");
    const Result<Model> model = LoadTflite(SourcePath("models/digits/digits_cnn_int8.tflite"));
    ASSERT_TRUE(model.ok());
    Result<Network> network = CompileNetwork(*model, config_);
    ASSERT_TRUE(network.ok()) << ErrorText(network);
    network_ = std::move(*network);
    images_ = ReadBytes(SourcePath("models/digits/input.bin"));
    golden_ = ReadBytes(SourcePath("models/digits/golden_prob.bin"));
    Open({});
  }

  /// A board at power-up, without steps.
  void Open(const BoardOptions& options) {
    board_.reset();
    SimulationOptions simulation;
    simulation.memory_base = BOARD_MEMORY_BASE;
    simulation.memory_bytes = kMemoryBytes;
    npu_ = MakeNpu(config_, simulation);
    board_ = std::make_unique<Board>(*npu_, ElfFile(FirmwarePath()), options);
    steps_ = 0;
    next_ = kBuffers;
    box() = {};
    box().magic = BOARD_MAILBOX_MAGIC;
    box().result = box().done = box().interrupts = 0xa5a5a5a5;  // the firmware writes them
    const std::vector<uint8_t> file = WriteNetwork(network_);
    box().network = Region(file.size());
    box().scratch = Region(network_.scratch_bytes());
    std::copy(file.begin(), file.end(), board_->At(box().network.address));
  }

  board_mailbox& box() { return board_->mailbox(); }
  board_region Region(size_t bytes) {
    const board_region region = {next_, static_cast<uint32_t>(bytes)};
    next_ += static_cast<uint32_t>((bytes + 63) / 64 * 64);
    return region;
  }
  /// Where the image of a job is.
  uint32_t Input(const board_step& step) {
    return step.arena.address + network_.inputs()[0].offset;
  }
  /// Another step; jobs have an arena with an image and an output of their own.
  board_step& Add(board_action action, uint64_t timeout = kMostCycles) {
    board_step& step = box().steps[steps_];
    step.action = action;
    step.timeout = static_cast<uint32_t>(timeout);
    step.arena = Region(network_.arena_bytes);
    const auto bytes = static_cast<ptrdiff_t>(network_.inputs()[0].bytes);
    const auto image = images_.begin() + static_cast<ptrdiff_t>(steps_) * bytes;
    std::copy(image, image + bytes, board_->At(Input(step)));
    ++steps_;
    return step;
  }
  /// Whether the job of step `job` left the result of its image.
  bool Right(uint32_t job) {
    const NetworkTensor& output = network_.outputs()[0];
    const auto bytes = static_cast<ptrdiff_t>(output.bytes);
    const auto golden = golden_.begin() + static_cast<ptrdiff_t>(job) * bytes;
    return std::equal(golden, golden + bytes,
                      board_->At(box().steps[job].arena.address + output.offset));
  }
  /// Runs the firmware; the steps must end with these results.
  void Run(const std::vector<npu_result>& results) {
    ASSERT_EQ(board_->Run(), 0);
    EXPECT_EQ(box().result, static_cast<uint32_t>(NPU_OK));
    EXPECT_EQ(box().trap, 0u);
    ASSERT_EQ(box().done, results.size());
    for (size_t i = 0; i < results.size(); ++i) {
      EXPECT_EQ(box().steps[i].result, static_cast<uint32_t>(results[i])) << "step " << i;
    }
    EXPECT_EQ(npu_->failed_accesses(), 0u);
    EXPECT_EQ(npu_->Bus().violations, 0u);
  }

  NpuConfig config_;
  Network network_;
  std::vector<uint8_t> images_, golden_;
  std::unique_ptr<SimulatedNpu> npu_;
  std::unique_ptr<Board> board_;
  uint32_t steps_ = 0, next_ = 0;
};

TEST_F(FirmwareTest, RunsAJobByPollingAndByInterrupt) {
  Add(BOARD_RUN_POLLED);
  Add(BOARD_FORGET);
  Add(BOARD_RUN_INTERRUPT);
  Run({NPU_OK, NPU_OK, NPU_OK});
  EXPECT_TRUE(Right(0) && Right(2));
  EXPECT_EQ(box().interrupts, 1u);
  EXPECT_EQ(board_->traps(), 1u);
  EXPECT_EQ(board_->sleeps(), 1u);
  EXPECT_GT(board_->register_accesses(), 1000u) << "the polled job";
  EXPECT_GT(box().steps[0].cycles, 10'000u);
  EXPECT_EQ(box().steps[0].cycles, box().steps[2].cycles) << "waiting does not disturb the job";
}

/// A job after one that ended well finds its parameters; not so after a reset.
TEST_F(FirmwareTest, WarmJobs) {
  Add(BOARD_RUN_POLLED);
  Add(BOARD_RUN_POLLED);
  Add(BOARD_RUN_INTERRUPT);
  Add(BOARD_RESET, 2000);
  Add(BOARD_RUN_INTERRUPT);
  Add(BOARD_FORGET);
  Add(BOARD_RUN_POLLED);
  Add(BOARD_RUN_POLLED);
  Run(std::vector<npu_result>(8, NPU_OK));
  const board_step* steps = box().steps;
  for (const uint32_t cold : {0u, 4u, 6u}) {
    EXPECT_TRUE(Right(cold)) << cold;
    EXPECT_EQ(steps[cold].warm, 0u) << cold;
    EXPECT_EQ(steps[cold].bytes_read, steps[0].bytes_read) << cold;
  }
  for (const uint32_t warm : {1u, 2u, 7u}) {
    EXPECT_TRUE(Right(warm)) << warm;
    EXPECT_EQ(steps[warm].warm, 1u) << warm;
    EXPECT_LT(steps[warm].bytes_read, steps[0].bytes_read) << warm;
  }
  EXPECT_EQ(box().interrupts, 2u);
}

/// Also where the low half of the timer wraps while the driver waits, just before, and just after.
TEST_F(FirmwareTest, TimeoutsWhereTheTimerWraps) {
  constexpr uint64_t kTimeout = 4000, kWrap = uint64_t{1} << 32;
  for (const uint64_t start : {uint64_t{0}, kWrap - 20'000, kWrap - 2000, kWrap - 400, kWrap,
                               2 * kWrap - 2000, 6 * kWrap - 20'000}) {
    SCOPED_TRACE(start);
    Open({.time_at_start = start});
    Add(BOARD_RUN_POLLED, kTimeout);
    Run({NPU_TIMEOUT});
    EXPECT_GE(board_->CyclesSinceDoorbell(), kTimeout);
    EXPECT_LT(board_->CyclesSinceDoorbell(), kTimeout + 300);

    // Neither too early: a job within its time.
    Open({.time_at_start = start});
    Add(BOARD_RUN_POLLED, kTimeout);
    Add(BOARD_WAIT, 60'000);
    Add(BOARD_RUN_POLLED, 60'000);
    Run({NPU_TIMEOUT, NPU_OK, NPU_OK});
    EXPECT_TRUE(Right(0) && Right(2));
    EXPECT_EQ(box().steps[2].warm, 1u) << "the job ended well, though late";
  }
}

/// A CPU that wakes without an interrupt: the driver looks at the time.
TEST_F(FirmwareTest, TimeoutsWithInterrupts) {
  constexpr uint64_t kTimeout = 4000;
  Open({.time_at_start = 0xfffff800, .wake_after = 500});
  Add(BOARD_RUN_INTERRUPT, kTimeout);
  Run({NPU_TIMEOUT});
  EXPECT_GE(board_->CyclesSinceDoorbell(), kTimeout);
  EXPECT_LT(board_->CyclesSinceDoorbell(), kTimeout + 800);
  EXPECT_EQ(box().interrupts, 0u);

  Open({.wake_after = 500});
  Add(BOARD_RUN_INTERRUPT, kTimeout);
  Add(BOARD_WAIT);
  Run({NPU_TIMEOUT, NPU_OK});
  EXPECT_TRUE(Right(0));
  EXPECT_EQ(box().interrupts, 1u);
}

/// A bus that answers no more.
TEST_F(FirmwareTest, TimeoutOfAJobThatNeverEnds) {
  constexpr uint64_t kTimeout = 60'000;  // before the watchdog
  npu_->MuteBus(/*channel=*/1, /*transfers=*/100);
  Add(BOARD_RUN_POLLED, kTimeout);
  Run({NPU_TIMEOUT});
  EXPECT_GE(board_->CyclesSinceDoorbell(), kTimeout);
  EXPECT_LT(board_->CyclesSinceDoorbell(), kTimeout + 300);
}

/// The reset ends the job, long before it would have ended by itself; the next job is right.
TEST_F(FirmwareTest, JobAfterAResetOfARunningOne) {
  for (const board_action run : {BOARD_RUN_POLLED, BOARD_RUN_INTERRUPT}) {
    Open({.time_at_start = 0xffffe000, .wake_after = 700});
    Add(BOARD_RUN_POLLED, 50'000);
    Add(BOARD_RUN_POLLED, 4000);
    Add(BOARD_RESET, 2000);
    Add(run, 50'000);
    Add(run, 50'000);
    Run({NPU_OK, NPU_TIMEOUT, NPU_OK, NPU_OK, NPU_OK});
    EXPECT_TRUE(Right(3) && Right(4));
    EXPECT_EQ(box().steps[3].warm, 0u);
    EXPECT_EQ(box().steps[3].cycles, box().steps[0].cycles);
    EXPECT_EQ(box().steps[4].warm, 1u);
  }
}

TEST_F(FirmwareTest, JobAfterABusErrorAndAReset) {
  const board_step& bad = Add(BOARD_RUN_POLLED);
  npu_->AddErrorRange(Input(bad), 64);
  Add(BOARD_RUN_POLLED);
  Add(BOARD_RESET, 2000);
  Add(BOARD_RUN_INTERRUPT);
  Run({NPU_HARDWARE_ERROR, NPU_NEEDS_RESET, NPU_OK, NPU_OK});
  EXPECT_EQ(bad.error, 9u);
  EXPECT_FALSE(Right(1));
  EXPECT_TRUE(Right(3));
  EXPECT_EQ(box().steps[3].warm, 0u);
}

TEST_F(FirmwareTest, ReportsAProgramForOtherHardware) {
  // A whole network of another NPU: the file, its program and both of its streams name its hash.
  const uint32_t network = box().network.address;
  reinterpret_cast<npu_network_header*>(board_->At(network))->config_hash ^= 1;
  const uint32_t file = network + NPU_NETWORK_PAGE;
  npu_program_header& header = *reinterpret_cast<npu_program_header*>(board_->At(file));
  header.config_hash ^= 1;
  constexpr uint32_t kHash = 8;  // in a stream's header
  for (const uint32_t stream : std::set{header.cold_offset, header.warm_offset}) {
    *board_->At(file + header.image_offset + stream + kHash) ^= 1;
  }
  Add(BOARD_RUN_POLLED);
  EXPECT_EQ(board_->Run(), 1);
  EXPECT_EQ(box().done, 0u);
  EXPECT_EQ(box().result, static_cast<uint32_t>(NPU_WRONG_PROGRAM));
}

/// Float ends are the CPU's, which has no floating point.
TEST_F(FirmwareTest, ConvertsFloatEnds) {
  RandomSource random(1);
  TfliteWriter writer;
  const int32_t in = writer.Floats({1, 24});
  writer.model().inputs.push_back(in);
  const int32_t quantized = writer.Activation({1, 24}, 0.0731f, -3);
  const int32_t scores = writer.Activation({1, 7}, 0.61f, 5);
  const int32_t out = writer.Floats({1, 7});
  std::vector<int8_t> weights(24 * 7);
  for (int8_t& weight : weights) weight = static_cast<int8_t>(random.Integer(-127, 127));
  writer.Append(OperatorType::kQuantize, {in}, {quantized});
  writer.FullyConnected(quantized, writer.Weights({7, 24}, weights, {0.013f}), -1, scores);
  writer.Append(OperatorType::kDequantize, {scores}, {out});
  writer.Output(out);
  const Result<Model> model = ReadTflite(writer.Write(), "float ends");
  ASSERT_TRUE(model.ok()) << ErrorText(model);
  Result<Network> network = CompileNetwork(*model, config_);
  ASSERT_TRUE(network.ok()) << ErrorText(network);
  network_ = std::move(*network);
  images_.clear();
  golden_.clear();
  for (int run = 0; run < 2; ++run) {
    std::vector<uint8_t> image(24 * 4);
    for (size_t i = 0; i < 24; ++i) {
      // Halves between two values, values, and anything.
      float value = static_cast<float>(random.Integer(-300, 300)) * 0.5f * 0.0731f;
      if (random.Chance(3)) value = static_cast<float>(random.Real(-12, 12));
      std::memcpy(&image[4 * i], &value, 4);
    }
    const Result<TensorBytes> golden = RunGolden(*model, {image});
    ASSERT_TRUE(golden.ok());
    images_.insert(images_.end(), image.begin(), image.end());
    golden_.insert(golden_.end(), (*golden)[out].begin(), (*golden)[out].end());
  }
  Open({});
  Add(BOARD_RUN_POLLED);
  Add(BOARD_RUN_INTERRUPT);
  Run({NPU_OK, NPU_OK});
  EXPECT_TRUE(Right(0));
  EXPECT_TRUE(Right(1));
}

/// Streaming and recurrent layers keep their states from run to run, and are reset; activations of
/// 16 bits are the CPU's.
TEST_F(FirmwareTest, KeepsStatesAndComputesInSixteenBits) {
  constexpr int kRuns = 3;
  const std::vector<uint8_t> files[] = {MakeStreamingNetwork(3), MakeSvdfNetwork(3),
                                        MakeLstmNetwork(1), MakeLstmNetwork(2), MakeWideNetwork(2)};
  for (const std::vector<uint8_t>& file : files) {
    const Result<Model> model = ReadTflite(file, "network");
    ASSERT_TRUE(model.ok()) << ErrorText(model);
    SCOPED_TRACE(model->operators[0].name);
    Result<Network> network = CompileNetwork(*model, config_, {.host_operators = true});
    ASSERT_TRUE(network.ok()) << ErrorText(network);
    network_ = std::move(*network);
    const std::vector<std::vector<uint8_t>> inputs = MakeRandomInputs(*model, 5);
    images_ = inputs[0];
    images_.resize(inputs[0].size() * 2 * kRuns + 64);  // of steps that reset nothing is read
    Open({});
    const GoldenModel golden(*model);
    std::vector<std::vector<uint8_t>> states;
    std::vector<std::vector<uint8_t>> expected;
    for (int run = 0; run < kRuns; ++run) {
      const Result<TensorBytes> tensors = golden.Run(inputs, &states);
      ASSERT_TRUE(tensors.ok());
      expected.push_back((*tensors)[model->outputs[0]]);
    }
    const board_region arena = Add(BOARD_RESET_STATE).arena;
    std::vector<npu_result> results = {NPU_OK};
    const auto add = [&](board_action action) {
      Add(action).arena = arena;
      results.push_back(NPU_OK);
    };
    for (int run = 0; run < kRuns; ++run)
      add(run % 2 == 0 ? BOARD_RUN_INTERRUPT : BOARD_RUN_POLLED);
    Run(results);
    const NetworkTensor& output = network_.outputs()[0];
    const auto is = [&](int run) {
      return std::equal(expected[run].begin(), expected[run].end(),
                        board_->At(arena.address + output.offset));
    };
    EXPECT_TRUE(is(kRuns - 1));
    Open({});
    const board_region again = Add(BOARD_RESET_STATE).arena;
    ASSERT_EQ(again.address, arena.address);
    results = {NPU_OK};
    for (const board_action action :
         {BOARD_RUN_POLLED, BOARD_RUN_POLLED, BOARD_RESET_STATE, BOARD_RUN_POLLED}) {
      add(action);
    }
    Run(results);
    EXPECT_TRUE(is(0)) << "after a reset";
  }
}

TEST_F(FirmwareTest, NeedsItsMailbox) {
  box().magic ^= 1;
  Add(BOARD_RUN_POLLED);
  EXPECT_EQ(board_->Run(), 1);
  EXPECT_EQ(board_->register_accesses(), 0u);
}

TEST_F(FirmwareTest, EndsWithAnUnexpectedTrap) {
  constexpr uint32_t kLoadFault = 5;
  Open({.cause = kLoadFault});
  Add(BOARD_RUN_INTERRUPT);
  EXPECT_EQ(board_->Run(), 1);
  EXPECT_EQ(box().trap, kLoadFault);
}

/// The firmware must run on any RV32IM core: no compressed, atomic or floating-point instructions.
TEST(FirmwareFileTest, UsesOnlyRv32im) {
  const ElfFile elf(FirmwarePath());
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

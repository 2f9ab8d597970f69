// SPDX-License-Identifier: Apache-2.0
// The board on Unicorn. Without Unicorn (NPUGEN_UNICORN is 0) there is none, and a message says so.
#include "verif/board/firmware_board.h"

#include <fmt/format.h>

#include <algorithm>

#include "npu_registers.h"
#include "sw/firmware/board.h"

#if NPUGEN_UNICORN
#include <unicorn/unicorn.h>
#endif

namespace npugen {

uint8_t* FirmwareBoard::At(uint32_t address) {
  return npu_.Memory().data() + (address - BOARD_MEMORY_BASE);
}

Diagnostic FirmwareBoard::Missing() {
  return {DiagnosticCode::kToolMissing, SourceLocation(),
          "this npugen was built without Unicorn, which emulates the CPU of the board",
          "install libunicorn-dev (`./setup.sh test` does) and build again"};
}

#if NPUGEN_UNICORN
namespace {

constexpr uint64_t kPageBytes = 4096;
constexpr uint32_t kMie = 1u << 3, kMpie = 1u << 7, kMpp = 3u << 11;  // bits of mstatus
constexpr uint32_t kMeie = 1u << 11;                                  // bit of mie
constexpr uint32_t kExternalInterrupt = 0x8000000b;
/// Register accesses of a firmware that polls for ever.
constexpr uint64_t kMostAccesses = 1'000'000;
/// Bytes from the trap vector within which registers are saved and restored.
constexpr uint32_t kTrapEntryBytes = 148;

class UnicornBoard : public FirmwareBoard {
 public:
  UnicornBoard(SimulatedNpu& npu, const BoardOptions& options)
      : FirmwareBoard(npu), options_(options) {
    const uint64_t flash_bytes = (options.flash.size() + kPageBytes - 1) / kPageBytes * kPageBytes;
    flash_.assign(options.flash.begin(), options.flash.end());
    flash_.resize(flash_bytes, 0xff);
  }
  ~UnicornBoard() override {
    if (cpu_ != nullptr) uc_close(cpu_);
  }
  UnicornBoard(const UnicornBoard&) = delete;
  UnicornBoard& operator=(const UnicornBoard&) = delete;

  /// Builds the board. False with a problem when the emulator refuses it.
  bool Begin(const ElfFile& elf) {
    Check(uc_open(UC_ARCH_RISCV, UC_MODE_RISCV32, &cpu_));
    const std::span<uint8_t> memory = npu_.Memory();
    Check(uc_mem_map_ptr(cpu_, BOARD_MEMORY_BASE, memory.size(), UC_PROT_ALL, memory.data()));
    if (!flash_.empty()) {
      Check(uc_mem_map_ptr(cpu_, BOARD_FLASH, flash_.size(), UC_PROT_READ, flash_.data()));
    }
    Check(uc_mmio_map(cpu_, BOARD_NPU_BASE, kPageBytes, ReadNpu, this, WriteNpu, this));
    Check(uc_mmio_map(cpu_, BOARD_TIMER_LO, kPageBytes, ReadTimer, this, WriteDevices, this));
    uc_hook hook = 0;
    Check(uc_hook_add(cpu_, &hook, UC_HOOK_BLOCK, reinterpret_cast<void*>(OnBlock), this, 1, 0));
    // What the firmware does not clear is not 0.
    std::fill_n(At(BOARD_MEMORY_BASE), BOARD_MAILBOX - BOARD_MEMORY_BASE, uint8_t{0xa5});
    for (const ElfFile::Segment& segment : elf.Segments()) {
      std::copy(segment.bytes.begin(), segment.bytes.end(), At(segment.address));
    }
    pc_ = elf.entry();
    return problems_.empty();
  }

  int Run() override {
    for (uint32_t steps = 0; steps < options_.most_steps && !exited_ && problems_.empty();
         ++steps) {
      take_interrupt_ = false;
      const uc_err error = uc_emu_start(cpu_, pc_, 0xffffffff, 0, 0);
      if (exited_) break;
      if (error != UC_ERR_OK) {
        Problem(fmt::format("{} at 0x{:x}", uc_strerror(error), Register(UC_RISCV_REG_PC)));
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
      const uint64_t most = options_.wake_after != 0 ? options_.wake_after : options_.most_cycles;
      if (npu_.RunUntilInterrupt(most) == most && options_.wake_after == 0) {
        Problem("the firmware sleeps for ever");
        return -1;
      }
    }
    if (!exited_ && problems_.empty()) Problem("the firmware never ends");
    return exited_ ? static_cast<int>(exit_code_) : -1;
  }

 private:
  void Check(uc_err error) {
    if (error != UC_ERR_OK) Problem(uc_strerror(error));
  }
  static UnicornBoard& Self(void* self) { return *static_cast<UnicornBoard*>(self); }

  static uint64_t ReadNpu(uc_engine*, uint64_t offset, unsigned size, void* self) {
    Self(self).CheckAccess(size);
    return Self(self).npu_.ReadRegister(static_cast<uint32_t>(offset));
  }
  static void WriteNpu(uc_engine*, uint64_t offset, unsigned size, uint64_t value, void* self) {
    UnicornBoard& board = Self(self);
    board.CheckAccess(size);
    if (offset == NPU_REG_DOORBELL_OFFSET) board.doorbell_at_ = board.npu_.Cycles();
    board.npu_.WriteRegister(static_cast<uint32_t>(offset), static_cast<uint32_t>(value));
  }
  static uint64_t ReadTimer(uc_engine*, uint64_t offset, unsigned, void* self) {
    UnicornBoard& board = Self(self);
    if (offset == 0) {
      board.latched_time_ = board.options_.time_at_start + board.npu_.Cycles();
      return static_cast<uint32_t>(board.latched_time_);
    }
    return board.latched_time_ >> 32;
  }
  static void WriteDevices(uc_engine* cpu, uint64_t offset, unsigned, uint64_t value, void* self) {
    UnicornBoard& board = Self(self);
    if (offset == BOARD_CONSOLE - BOARD_TIMER_LO && board.options_.console) {
      board.options_.console(static_cast<char>(value));
    }
    if (offset != BOARD_EXIT - BOARD_TIMER_LO) return;
    board.exited_ = true;
    board.exited_at_ = board.npu_.Cycles();
    board.exit_code_ = static_cast<uint32_t>(value);
    uc_emu_stop(cpu);
  }

  /// Outside the handler nothing may interrupt the driver: it would sleep after the last interrupt.
  void CheckAccess(unsigned bytes) {
    ++register_accesses_;
    if (register_accesses_ == kMostAccesses) {
      Problem("the firmware polls for ever");
      uc_emu_stop(cpu_);
    }
    if (bytes != 4) Problem(fmt::format("an access of {} bytes to a register of the NPU", bytes));
    if ((Register(UC_RISCV_REG_MSTATUS) & kMie) != 0) Problem("interrupts are enabled");
  }

  /// Before each basic block: is an interrupt pending and enabled?
  static void OnBlock(uc_engine* cpu, uint64_t address, uint32_t, void* self) {
    UnicornBoard& board = Self(self);
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
    return address - (Register(UC_RISCV_REG_MTVEC) & ~3u) < kTrapEntryBytes;
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
        if (address != trapped_at_) Problem("the trap returns to another place");
        if (Registers() != saved_) Problem("the trap changed registers");
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
  enum class Trap : uint8_t { kNone, kEntry, kHandler, kReturn };

  const BoardOptions options_;
  std::vector<uint8_t> flash_;
  uc_engine* cpu_ = nullptr;
  uint32_t pc_ = 0;
  bool take_interrupt_ = false;
  bool exited_ = false;
  uint32_t exit_code_ = 0;
  uint64_t latched_time_ = 0;
  Trap trap_ = Trap::kNone;
  uint32_t trapped_at_ = 0, handler_return_ = 0;
  std::vector<uint32_t> saved_;
};

}  // namespace

bool FirmwareBoard::Available() { return true; }

Result<std::unique_ptr<FirmwareBoard>> FirmwareBoard::Open(SimulatedNpu& npu, const ElfFile& elf,
                                                           const BoardOptions& options) {
  for (const ElfFile::Segment& segment : elf.Segments()) {
    if (segment.address >= BOARD_MEMORY_BASE &&
        segment.address - BOARD_MEMORY_BASE + segment.bytes.size() <= npu.Memory().size()) {
      continue;
    }
    return Diagnostic{
        DiagnosticCode::kModelInput, SourceLocation(),
        fmt::format("the program has {} bytes at 0x{:08x}, which is not in the board's memory",
                    segment.bytes.size(), segment.address),
        fmt::format("link it to 0x{:08x} (sw/firmware/firmware.ld)", BOARD_MEMORY_BASE)};
  }
  auto board = std::make_unique<UnicornBoard>(npu, options);
  if (!board->Begin(elf)) {
    return Diagnostic{DiagnosticCode::kToolFailed, SourceLocation(),
                      "Unicorn refuses the board: " + board->problems().front(), ""};
  }
  return std::unique_ptr<FirmwareBoard>(std::move(board));
}

#else  // NPUGEN_UNICORN

bool FirmwareBoard::Available() { return false; }

Result<std::unique_ptr<FirmwareBoard>> FirmwareBoard::Open(SimulatedNpu&, const ElfFile&,
                                                           const BoardOptions&) {
  return Missing();
}

#endif  // NPUGEN_UNICORN

}  // namespace npugen

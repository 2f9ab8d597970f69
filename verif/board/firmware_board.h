// SPDX-License-Identifier: Apache-2.0
// A RISC-V system on a chip around a verilated NPU: CPU (emulated by Unicorn), shared memory,
// timer, console, flash and exit register, at the addresses of sw/firmware/board.h.
//
// CPU and NPU share the memory of the NPU's model. Loads and stores of the register range become
// AXI4-Lite accesses. Unicorn has no interrupt pin and takes no traps, so that the external
// interrupt is delivered by hand here, and what a trap handler must not rely on changes under it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "generator/support/diagnostic.h"
#include "verif/board/elf_file.h"
#include "verif/sim/simulated_npu.h"

namespace npugen {

/// What is different from board to board.
struct BoardOptions {
  uint64_t time_at_start = 0;           ///< of the timer
  uint64_t wake_after = 0;              ///< cycles after which wfi ends without a reason; 0: never
  uint32_t cause = 0;                   ///< mcause of a trap that ends the first wfi; 0: none
  uint64_t most_cycles = 2'000'000;     ///< of the NPU in one sleep of the CPU
  uint32_t most_steps = 10'000;         ///< sleeps and traps
  std::span<const uint8_t> flash = {};  ///< read only; must live as long as the board. Empty: none
  std::function<void(char)> console = nullptr;  ///< told what the firmware prints; may be null
};

/// The board after reset.
class FirmwareBoard {
 public:
  /// Whether this program was built with the emulator; without it Open() gives the error Missing().
  static bool Available();
  static Diagnostic Missing();
  /// Loads `elf` into the memory of `npu`, which begins at BOARD_MEMORY_BASE and is a multiple of 4
  /// KiB. Errors: kToolMissing without the emulator, kToolFailed when it refuses the board,
  /// kModelInput when the program does not fit into the memory.
  static Result<std::unique_ptr<FirmwareBoard>> Open(SimulatedNpu& npu, const ElfFile& elf,
                                                     const BoardOptions& options);
  virtual ~FirmwareBoard() = default;

  /// Runs until the firmware writes the exit register. Returns what it wrote, or -1 when it did not
  /// end; problems() then says why.
  virtual int Run() = 0;

  /// The byte at an address of the memory.
  uint8_t* At(uint32_t address);
  /// What a board may not see, such as a trap that changes registers; empty if all is well.
  const std::vector<std::string>& problems() const { return problems_; }
  uint32_t sleeps() const { return sleeps_; }
  uint32_t traps() const { return traps_; }
  uint64_t register_accesses() const { return register_accesses_; }
  /// NPU cycles from the last doorbell to the end of the firmware.
  uint64_t CyclesSinceDoorbell() const { return exited_at_ - doorbell_at_; }

 protected:
  explicit FirmwareBoard(SimulatedNpu& npu) : npu_(npu) {}
  void Problem(std::string text) {
    if (problems_.size() < kMostProblems) problems_.push_back(std::move(text));
  }
  static constexpr size_t kMostProblems = 10;

  SimulatedNpu& npu_;
  std::vector<std::string> problems_;
  uint32_t sleeps_ = 0;
  uint32_t traps_ = 0;
  uint64_t register_accesses_ = 0;
  uint64_t doorbell_at_ = 0, exited_at_ = 0;
};

}  // namespace npugen

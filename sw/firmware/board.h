// SPDX-License-Identifier: Apache-2.0
// The board of the emulated RISC-V system: where the NPU, the timer and the mailbox are.
//
// C and assembler include it. Memory from BOARD_MEMORY_BASE on is shared by CPU and NPU.
#ifndef NPUGEN_SW_FIRMWARE_BOARD_H_
#define NPUGEN_SW_FIRMWARE_BOARD_H_

#define BOARD_NPU_BASE 0x10000000  // registers of the NPU
#define BOARD_TIMER_LO \
  0x10010000  // clock cycles of the NPU, low half (reading it latches the high half)
#define BOARD_TIMER_HI 0x10010004     // high half
#define BOARD_EXIT 0x10010008         // a write ends the emulation
#define BOARD_MEMORY_BASE 0x80000000  // code, data and stack of the firmware
#define BOARD_MAILBOX 0x80040000      // struct board_mailbox

#define BOARD_MAILBOX_MAGIC 0x584F424D  // the bytes "MBOX"

#ifndef __ASSEMBLER__

#include <stdint.h>

/// A piece of memory.
struct board_region {
  uint32_t address;
  uint32_t bytes;
};

/// What the host wants done, and how it went. The host fills the first part before reset.
struct board_mailbox {
  uint32_t magic;  ///< BOARD_MAILBOX_MAGIC
  struct board_region program;
  struct board_region scratch;
  struct board_region input;
  struct board_region output[2];  ///< of the job with polling, and of the one with an interrupt
  uint32_t timeout;               ///< cycles for each job

  // Written by the firmware.
  uint32_t step;        ///< 1 init, 2 check, 3 polled job, 4 interrupt job, 5 all done
  uint32_t result;      ///< enum npu_result of the last step
  uint32_t cycles[2];   ///< of each job, from the NPU's counter
  uint32_t interrupts;  ///< taken by the handler
  uint32_t error;       ///< error code of the NPU, if a job failed
  uint32_t trap;        ///< mcause of an unexpected trap, else 0
};

#endif  // __ASSEMBLER__

#endif  // NPUGEN_SW_FIRMWARE_BOARD_H_

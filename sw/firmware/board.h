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
#define BOARD_CONSOLE 0x1001000C      // a byte that is written is printed
#define BOARD_FLASH 0x20000000        // read only: network and inputs (example/flash.h)
#define BOARD_MEMORY_BASE 0x80000000  // code, data and stack of the firmware
#define BOARD_MAILBOX 0x80040000      // struct board_mailbox
#define BOARD_HEAP 0x80100000         // free for buffers

#define BOARD_MAILBOX_MAGIC 0x584F424D  // the bytes "MBOX"

#define BOARD_MOST_STEPS 8  // of a mailbox

#ifndef __ASSEMBLER__

#include <stdint.h>

/// A piece of memory.
struct board_region {
  uint32_t address;
  uint32_t bytes;
};

/// What one step of the firmware does.
enum board_action {
  BOARD_END = 0,            ///< nothing: all is done
  BOARD_RUN_POLLED = 1,     ///< runs the network and waits for it by polling
  BOARD_RUN_INTERRUPT = 2,  ///< runs the network and sleeps until its interrupts
  BOARD_WAIT = 3,           ///< waits again for a run that took longer than its timeout
  BOARD_RESET = 4,          ///< resets the NPU
  BOARD_FORGET = 5,         ///< forgets the parameters in core memory
  BOARD_RESET_STATE = 6     ///< gives the network's states in the arena their first values
};

/// One step, and how it went.
struct board_step {
  uint32_t action;            ///< enum board_action
  uint32_t timeout;           ///< cycles of the wait or the reset
  struct board_region arena;  ///< of a run: its inputs and outputs, where the network has them

  // Written by the firmware.
  uint32_t result;      ///< enum npu_result
  uint32_t cycles;      ///< of the last job of a run that ended: from the NPU's counter
  uint32_t bytes_read;  ///< by the NPU, of the same
  uint32_t warm;        ///< of a run: its last job found its parameters in core memory
  uint32_t error;       ///< error code of the NPU, if the job failed
};

/// What the host wants done, and how it went. The host fills the first part before reset.
struct board_mailbox {
  uint32_t magic;               ///< BOARD_MAILBOX_MAGIC
  struct board_region network;  ///< the file
  struct board_region scratch;
  struct board_step steps[BOARD_MOST_STEPS];  ///< done in order, whatever their results

  // Written by the firmware.
  uint32_t result;      ///< enum npu_result of the initialization and the check of the file
  uint32_t done;        ///< steps that were done
  uint32_t interrupts;  ///< taken by the handler
  uint32_t trap;        ///< mcause of an unexpected trap, else 0
};

#endif  // __ASSEMBLER__

#endif  // NPUGEN_SW_FIRMWARE_BOARD_H_

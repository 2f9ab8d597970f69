// SPDX-License-Identifier: Apache-2.0
// Bare-metal firmware: runs one program twice through the driver, polling and with an interrupt.
#include <stddef.h>
#include <stdint.h>

#include "npu_config.h"
#include "sw/driver/npu_driver.h"
#include "sw/firmware/board.h"

void wait_for_interrupt(void);
void enable_external_interrupt(void);
void handle_trap(uint32_t cause);
int main(void);

/// mcause of the machine external interrupt.
static const uint32_t kExternalInterrupt = 0x8000000bu;

static struct npu_device device;

static volatile struct board_mailbox* mailbox(void) {
  return (volatile struct board_mailbox*)BOARD_MAILBOX;
}

static volatile uint32_t* word_at(uint32_t address) { return (volatile uint32_t*)address; }

static uint32_t read_register(void* context, uint32_t offset) {
  (void)context;
  return *word_at(BOARD_NPU_BASE + offset);
}

static void write_register(void* context, uint32_t offset, uint32_t value) {
  (void)context;
  *word_at(BOARD_NPU_BASE + offset) = value;
}

static uint64_t read_time(void* context) {
  (void)context;
  const uint32_t low = *word_at(BOARD_TIMER_LO);
  return (uint64_t)*word_at(BOARD_TIMER_HI) << 32 | low;
}

static void sleep_until_interrupt(void* context) {
  (void)context;
  wait_for_interrupt();
}

static void order_memory(void* context) {
  (void)context;
  __asm__ volatile("fence" ::: "memory");
}

/// Called by the trap entry. Anything but the NPU's interrupt ends the firmware.
void handle_trap(uint32_t cause) {
  if (cause == kExternalInterrupt) {
    npu_interrupt(&device);
    return;
  }
  mailbox()->trap = cause;
  *word_at(BOARD_EXIT) = 1;
  for (;;) {
  }
}

/// Runs the job once; results of job `job` go to its own output region.
static enum npu_result run_job(const struct npu_program* program, uint32_t job,
                               enum npu_wait_mode mode) {
  volatile struct board_mailbox* box = mailbox();
  struct npu_buffers buffers;
  buffers.program.address = box->program.address;
  buffers.program.bytes = box->program.bytes;
  buffers.scratch.address = box->scratch.address;
  buffers.scratch.bytes = box->scratch.bytes;
  buffers.input.address = box->input.address;
  buffers.input.bytes = box->input.bytes;
  buffers.output.address = box->output[job].address;
  buffers.output.bytes = box->output[job].bytes;
  enum npu_result result = npu_submit(&device, program, &buffers, mode);
  if (result != NPU_OK) return result;
  result = npu_wait(&device, box->timeout);
  if (result == NPU_HARDWARE_ERROR) {
    struct npu_error_report report;
    npu_error(&device, &report);
    box->error = report.code;
    (void)npu_reset(&device, box->timeout);
  }
  struct npu_counters counters;
  npu_read_counters(&device, &counters);
  box->cycles[job] = counters.cycles;
  return result;
}

/// All steps in order, until one fails.
static enum npu_result run_all(void) {
  static const struct npu_platform platform = {
      .read32 = read_register,
      .write32 = write_register,
      .time = read_time,
      .wait_for_interrupt = sleep_until_interrupt,
      .memory_barrier = order_memory,
      .context = NULL,
  };
  volatile struct board_mailbox* box = mailbox();
  box->step = 1;
  enum npu_result result = npu_init(&device, &platform, NPU_CONFIG_HASH);
  if (result != NPU_OK) return result;
  box->step = 2;
  struct npu_program program;
  result =
      npu_program_check(&device, (const void*)box->program.address, box->program.bytes, &program);
  if (result != NPU_OK) return result;
  box->step = 3;
  result = run_job(&program, 0, NPU_WAIT_POLL);
  if (result != NPU_OK) return result;
  box->step = 4;
  npu_forget_parameters(&device);
  enable_external_interrupt();
  result = run_job(&program, 1, NPU_WAIT_INTERRUPT);
  box->interrupts = device.interrupts;
  if (result != NPU_OK) return result;
  box->step = 5;
  return NPU_OK;
}

int main(void) {
  if (mailbox()->magic != BOARD_MAILBOX_MAGIC) return 1;
  mailbox()->result = (uint32_t)run_all();
  return mailbox()->result == NPU_OK ? 0 : 1;
}

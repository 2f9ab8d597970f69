// SPDX-License-Identifier: Apache-2.0
// Bare-metal firmware: does the steps of its mailbox through the driver.
#include <stddef.h>
#include <stdint.h>

#include "npu_config.h"
#include "sw/driver/npu_driver.h"
#include "sw/driver/npu_network.h"
#include "sw/firmware/board.h"

void wait_for_interrupt(void);
void enable_external_interrupt(void);
void handle_trap(uint32_t cause);
int main(void);

/// mcause of the machine external interrupt.
static const uint32_t kExternalInterrupt = 0x8000000bu;

static struct npu_device device;
static struct npu_network_run run;
static uint32_t steps_done;  // start-up clears both
static uint32_t interrupts;

static struct board_mailbox* mailbox(void) { return (struct board_mailbox*)BOARD_MAILBOX; }

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
  order_memory(NULL);
  *word_at(BOARD_EXIT) = 1;
  for (;;) {
  }
}

static struct npu_buffer buffer_of(struct board_region region) {
  const struct npu_buffer buffer = {region.address, region.bytes};
  return buffer;
}

/// Waits for the end of the run that was begun; says in `step` how it went.
static enum npu_result wait_for_run(struct board_step* step) {
  const enum npu_result result = npu_network_wait(&run, step->timeout);
  step->warm = device.warm;
  if (result == NPU_HARDWARE_ERROR) {
    struct npu_error_report report;
    npu_error(&device, &report);
    step->error = report.code;
  }
  if (result != NPU_TIMEOUT) {
    struct npu_counters counters;
    npu_read_counters(&device, &counters);
    step->cycles = counters.cycles;
    step->bytes_read = counters.bytes_read;
  }
  return result;
}

static enum npu_result run_network(const struct npu_network* network, struct board_step* step,
                                   enum npu_wait_mode mode) {
  const struct npu_network_memory memory = {buffer_of(mailbox()->network),
                                            buffer_of(mailbox()->scratch), buffer_of(step->arena),
                                            (void*)step->arena.address};
  const enum npu_result result = npu_network_begin(&run, &device, network, &memory, mode);
  return result == NPU_OK ? wait_for_run(step) : result;
}

static enum npu_result do_step(const struct npu_network* network, struct board_step* step) {
  switch (step->action) {
    case BOARD_RUN_POLLED:
      return run_network(network, step, NPU_WAIT_POLL);
    case BOARD_RUN_INTERRUPT:
      return run_network(network, step, NPU_WAIT_INTERRUPT);
    case BOARD_WAIT:
      return wait_for_run(step);
    case BOARD_RESET:
      return npu_reset(&device, step->timeout);
    case BOARD_RESET_STATE:
      return npu_network_reset_state(network, (void*)step->arena.address);
    case BOARD_FORGET:
      npu_forget_parameters(&device);
      return NPU_OK;
    default:
      return NPU_BAD_ARGUMENT;
  }
}

/// Finds the NPU and checks the network, then does all steps.
static enum npu_result run_all(void) {
  static const struct npu_platform platform = {
      .read32 = read_register,
      .write32 = write_register,
      .time = read_time,
      .wait_for_interrupt = sleep_until_interrupt,
      .memory_barrier = order_memory,
      .context = NULL,
  };
  const struct board_mailbox* box = mailbox();
  enum npu_result result = npu_init(&device, &platform, NPU_CONFIG_HASH);
  if (result != NPU_OK) return result;
  static struct npu_network network;  // a run that timed out points to it
  result =
      npu_network_check(&device, (const void*)box->network.address, box->network.bytes, &network);
  if (result != NPU_OK) return result;
  enable_external_interrupt();
  while (steps_done < BOARD_MOST_STEPS && box->steps[steps_done].action != BOARD_END) {
    struct board_step* step = &mailbox()->steps[steps_done];
    step->result = (uint32_t)do_step(&network, step);
    interrupts += device.interrupts;
    device.interrupts = 0;
    steps_done += 1;
  }
  return NPU_OK;
}

int main(void) {
  if (mailbox()->magic != BOARD_MAILBOX_MAGIC) return 1;
  const enum npu_result result = run_all();
  mailbox()->result = (uint32_t)result;
  mailbox()->done = steps_done;
  mailbox()->interrupts = interrupts;
  return result == NPU_OK ? 0 : 1;
}

// SPDX-License-Identifier: Apache-2.0
// Example firmware: boots, takes a network and inputs from flash, runs them on the NPU and prints
// the class and the cycles of each.
//
// Everything about the board stands in board.h. A class is the position of the largest byte of the
// first output, as int8.
#include <stddef.h>
#include <stdint.h>

#include "npu_config.h"
#include "sw/driver/npu_driver.h"
#include "sw/firmware/board.h"
#include "sw/firmware/example/flash.h"

void wait_for_interrupt(void);
void enable_external_interrupt(void);
void handle_trap(uint32_t cause);
int main(void);

/// mcause of the machine external interrupt.
static const uint32_t kExternalInterrupt = 0x8000000bu;
/// Cycles that a job may take.
static const uint64_t kTimeout = 1000000000u;

static struct npu_device device;

static volatile uint32_t* word_at(uint32_t address) { return (volatile uint32_t*)address; }

// The console.

static void print(const char* text) {
  for (; *text != '\0'; ++text) *word_at(BOARD_CONSOLE) = (uint8_t)*text;
}

static void print_number(uint32_t number) {
  char digits[11];
  size_t at = sizeof digits - 1;
  digits[at] = '\0';
  do {
    digits[--at] = (char)('0' + number % 10);
    number /= 10;
  } while (number != 0);
  print(&digits[at]);
}

static int fail(const char* what, const char* why) {
  print(what);
  print(": ");
  print(why);
  print("\n");
  return 1;
}

// The machine around the NPU, for the driver.

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
  print("unexpected trap\n");
  *word_at(BOARD_EXIT) = 1;
  for (;;) {
  }
}

// Buffers, one behind the other in the memory that CPU and NPU share.

static uint32_t heap = BOARD_HEAP;

static struct npu_buffer allocate(uint32_t bytes) {
  const struct npu_buffer buffer = {heap, bytes};
  heap += (bytes + NPU_PROGRAM_ALIGNMENT - 1) / NPU_PROGRAM_ALIGNMENT * NPU_PROGRAM_ALIGNMENT;
  return buffer;
}

static void copy(struct npu_buffer to, const uint8_t* from) {
  volatile uint8_t* bytes = (volatile uint8_t*)(uintptr_t)to.address;
  for (uint32_t i = 0; i < to.bytes; ++i) bytes[i] = from[i];
}

/// Position of the largest byte.
static uint32_t class_of(struct npu_buffer output, uint32_t offset, uint32_t bytes) {
  const volatile int8_t* scores = (const volatile int8_t*)(uintptr_t)(output.address + offset);
  uint32_t best = 0;
  for (uint32_t i = 1; i < bytes; ++i) {
    if (scores[i] > scores[best]) best = i;
  }
  return best;
}

int main(void) {
  static const struct npu_platform platform = {
      .read32 = read_register,
      .write32 = write_register,
      .time = read_time,
      .wait_for_interrupt = sleep_until_interrupt,
      .memory_barrier = order_memory,
      .context = NULL,
  };
  enum npu_result result = npu_init(&device, &platform, NPU_CONFIG_HASH);
  if (result != NPU_OK) return fail("NPU", npu_result_text(result));

  const uint8_t* flash = (const uint8_t*)BOARD_FLASH;
  const struct flash_header* header = (const struct flash_header*)flash;
  if (header->magic != FLASH_MAGIC) return fail("flash", "it holds no network");

  struct npu_buffers buffers;
  buffers.program = allocate(header->program_bytes);
  copy(buffers.program, flash + header->program_offset);
  struct npu_program program;
  result = npu_program_check(&device, (const void*)(uintptr_t)buffers.program.address,
                             header->program_bytes, &program);
  if (result != NPU_OK) return fail("program", npu_result_text(result));
  if (program.header->input_bytes != header->input_bytes) {
    return fail("flash", "the inputs do not fit the network");
  }
  buffers.scratch = allocate(program.header->scratch_bytes);
  buffers.input = allocate(program.header->input_bytes);
  buffers.output = allocate(program.header->output_bytes);
  const struct npu_program_tensor* output =
      (const struct npu_program_tensor*)((uintptr_t)program.file + program.header->tensors_offset) +
      program.header->input_count;

  enable_external_interrupt();
  for (uint32_t i = 0; i < header->input_count; ++i) {
    copy(buffers.input, flash + header->inputs_offset + i * header->input_bytes);
    result = npu_submit(&device, &program, &buffers, NPU_WAIT_INTERRUPT);
    if (result == NPU_OK) result = npu_wait(&device, kTimeout);
    if (result == NPU_HARDWARE_ERROR) {
      struct npu_error_report report;
      npu_error(&device, &report);
      return fail("job", npu_error_text(report.code));
    }
    if (result != NPU_OK) return fail("job", npu_result_text(result));
    struct npu_counters counters;
    npu_read_counters(&device, &counters);
    print("input ");
    print_number(i);
    print(": class ");
    print_number(class_of(buffers.output, output->offset, output->bytes));
    print(", ");
    print_number(counters.cycles);
    print(" cycles\n");
  }
  return 0;
}

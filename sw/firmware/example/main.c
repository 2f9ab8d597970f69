// SPDX-License-Identifier: Apache-2.0
// Example firmware: boots, takes a network and inputs from flash, runs them on the NPU and prints
// the class and the cycles of each.
//
// Everything about the board stands in board.h. A class is the position of the largest element of
// the first output.
#include <stddef.h>
#include <stdint.h>

#include "npu_config.h"
#include "sw/driver/npu_network.h"
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

static void copy(uint32_t to, const uint8_t* from, uint32_t bytes) {
  volatile uint8_t* target = (volatile uint8_t*)(uintptr_t)to;
  for (uint32_t i = 0; i < bytes; ++i) target[i] = from[i];
}

/// An element as a number that is ordered like it; types without an order here are 0.
static int64_t element(const npu_network_tensor* tensor, const uint8_t* bytes, uint32_t index) {
  switch (tensor->type) {
    case NPU_ELEMENT_INT8:
      return ((const int8_t*)bytes)[index];
    case NPU_ELEMENT_UINT8:
      return bytes[index];
    case NPU_ELEMENT_INT16:
      return ((const int16_t*)bytes)[index];
    case NPU_ELEMENT_INT32:
      return ((const int32_t*)bytes)[index];
    case NPU_ELEMENT_FLOAT32: {
      // Floats are ordered as sign and magnitude.
      const uint32_t bits = ((const uint32_t*)bytes)[index];
      const int64_t magnitude = bits & 0x7fffffffu;
      return bits >> 31 != 0 ? -magnitude : magnitude;
    }
    default:
      return 0;
  }
}

/// Position of the largest element.
static uint32_t class_of(const npu_network_tensor* tensor, const uint8_t* arena) {
  uint32_t elements = 1;
  for (uint32_t i = 0; i < tensor->rank; ++i) elements *= tensor->shape[i];
  uint32_t best = 0;
  for (uint32_t i = 1; i < elements; ++i) {
    if (element(tensor, arena + tensor->offset, i) >
        element(tensor, arena + tensor->offset, best)) {
      best = i;
    }
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

  static struct npu_network network;
  struct npu_network_memory memory;
  memory.file = allocate(header->network_bytes);
  copy((uint32_t)memory.file.address, flash + header->network_offset, header->network_bytes);
  result = npu_network_check(&device, (const void*)(uintptr_t)memory.file.address,
                             header->network_bytes, &network);
  if (result != NPU_OK) return fail("network", npu_result_text(result));
  memory.scratch = allocate(network.header->scratch_bytes);
  memory.arena = allocate(network.header->arena_bytes);
  memory.arena_view = (void*)(uintptr_t)memory.arena.address;
  const npu_network_tensor* tensors = npu_network_tensors(&network);
  result = npu_network_reset_state(&network, memory.arena_view);
  if (result != NPU_OK) return fail("network", npu_result_text(result));

  enable_external_interrupt();
  const uint8_t* input = flash + header->inputs_offset;
  for (uint32_t i = 0; i < header->input_count; ++i) {
    for (uint32_t t = 0; t < network.header->input_count; ++t) {
      copy((uint32_t)memory.arena.address + tensors[t].offset, input, tensors[t].bytes);
      input += tensors[t].bytes;
    }
    static struct npu_network_run run;
    result = npu_network_begin(&run, &device, &network, &memory, NPU_WAIT_INTERRUPT);
    if (result == NPU_OK) result = npu_network_wait(&run, kTimeout);
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
    print_number(class_of(&tensors[network.header->input_count], memory.arena_view));
    print(", ");
    print_number(counters.cycles);
    print(" cycles\n");
  }
  return 0;
}

// SPDX-License-Identifier: Apache-2.0
// Linux: the driver in user space, on UIO (registers and interrupt) and a reserved piece of memory
// that the NPU can reach.
//
//   npu_uio /dev/uio0 MEMORY_ADDRESS MEMORY_BYTES program.npu < inputs > outputs
//
// Reads inputs as long as there are whole ones, runs each of them, and writes its outputs. The
// kernel needs CONFIG_UIO_PDRV_GENIRQ with of_id=generic-uio (device tree: ip/npu.dts), and the
// memory at MEMORY_ADDRESS kept free (reserved-memory, no-map). It is mapped through /dev/mem,
// uncached because of O_SYNC, so that no caches must be maintained.
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "npu_config.h"
#include "sw/driver/npu_driver.h"

struct machine {
  int uio;
  volatile uint32_t* registers;
  struct npu_device device;
};

static uint32_t read_register(void* context, uint32_t offset) {
  return ((struct machine*)context)->registers[offset / 4];
}

static void write_register(void* context, uint32_t offset, uint32_t value) {
  ((struct machine*)context)->registers[offset / 4] = value;
}

/// Nanoseconds.
static uint64_t read_time(void* context) {
  (void)context;
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/// UIO masks the interrupt when it comes; a write of 1 opens it again.
static void sleep_until_interrupt(void* context) {
  struct machine* machine = context;
  const uint32_t open = 1;
  uint32_t count;
  if (write(machine->uio, &open, sizeof open) != sizeof open) return;
  struct pollfd wait = {.fd = machine->uio, .events = POLLIN, .revents = 0};
  if (poll(&wait, 1, 100) == 1 && read(machine->uio, &count, sizeof count) == sizeof count) {
    npu_interrupt(&machine->device);
  }
}

static void order_memory(void* context) {
  (void)context;
  __sync_synchronize();
}

static int fail(const char* what, const char* why) {
  fprintf(stderr, "npu_uio: %s: %s\n", what, why);
  return 1;
}

/// Takes `bytes` from the free memory; address 0: there is not enough.
static struct npu_buffer allocate(struct npu_buffer* free_memory, uint32_t bytes) {
  const uint32_t whole =
      (bytes + NPU_PROGRAM_ALIGNMENT - 1) / NPU_PROGRAM_ALIGNMENT * NPU_PROGRAM_ALIGNMENT;
  struct npu_buffer buffer = {0, bytes};
  if (whole < bytes || whole > free_memory->bytes) return buffer;
  buffer.address = free_memory->address;
  free_memory->address += whole;
  free_memory->bytes -= whole;
  return buffer;
}

int main(int argc, char** argv) {
  if (argc != 5) {
    fprintf(stderr,
            "Usage: npu_uio /dev/uioN MEMORY_ADDRESS MEMORY_BYTES PROGRAM < INPUTS > OUTPUTS\n");
    return 2;
  }
  static struct machine machine;
  const uint64_t base = strtoull(argv[2], NULL, 0);
  const uint64_t bytes = strtoull(argv[3], NULL, 0);
  if (base == 0 || bytes == 0 || bytes > UINT32_MAX) return fail("memory", "not a legal range");
  machine.uio = open(argv[1], O_RDWR);
  if (machine.uio < 0) return fail(argv[1], strerror(errno));
  void* registers = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, machine.uio, 0);
  if (registers == MAP_FAILED) return fail(argv[1], strerror(errno));
  machine.registers = registers;
  const int memory_file = open("/dev/mem", O_RDWR | O_SYNC);
  if (memory_file < 0) return fail("/dev/mem", strerror(errno));
  uint8_t* memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, memory_file, (off_t)base);
  if (memory == MAP_FAILED) return fail("/dev/mem", strerror(errno));

  const struct npu_platform platform = {
      .read32 = read_register,
      .write32 = write_register,
      .time = read_time,
      .wait_for_interrupt = sleep_until_interrupt,
      .memory_barrier = order_memory,
      .context = &machine,
  };
  enum npu_result result = npu_init(&machine.device, &platform, NPU_CONFIG_HASH);
  if (result != NPU_OK) return fail("NPU", npu_result_text(result));

  struct npu_buffer free_memory = {base, (uint32_t)bytes};
  FILE* file = fopen(argv[4], "rb");
  if (file == NULL || fseek(file, 0, SEEK_END) != 0) return fail(argv[4], strerror(errno));
  const long length = ftell(file);
  rewind(file);
  struct npu_buffers buffers;
  buffers.program = allocate(&free_memory, length > 0 ? (uint32_t)length : 0);
  if (length <= 0 || buffers.program.address == 0) return fail(argv[4], "does not fit in memory");
  uint8_t* copy = memory + (buffers.program.address - base);
  if (fread(copy, 1, (size_t)length, file) != (size_t)length)
    return fail(argv[4], "cannot be read");
  fclose(file);
  struct npu_program program;
  result = npu_program_check(&machine.device, copy, (uint32_t)length, &program);
  if (result != NPU_OK) return fail(argv[4], npu_result_text(result));
  buffers.scratch = allocate(&free_memory, program.header->scratch_bytes);
  buffers.input = allocate(&free_memory, program.header->input_bytes);
  buffers.output = allocate(&free_memory, program.header->output_bytes);
  if (buffers.scratch.address == 0 || buffers.input.address == 0 || buffers.output.address == 0) {
    return fail("memory", "the network needs more");
  }
  uint8_t* input = memory + (buffers.input.address - base);
  const uint8_t* output = memory + (buffers.output.address - base);
  while (fread(input, 1, buffers.input.bytes, stdin) == buffers.input.bytes) {
    result = npu_submit(&machine.device, &program, &buffers, NPU_WAIT_INTERRUPT);
    if (result == NPU_OK) result = npu_wait(&machine.device, UINT64_C(60000000000));
    if (result == NPU_HARDWARE_ERROR) {
      struct npu_error_report report;
      npu_error(&machine.device, &report);
      return fail("job", npu_error_text(report.code));
    }
    if (result != NPU_OK) return fail("job", npu_result_text(result));
    if (fwrite(output, 1, buffers.output.bytes, stdout) != buffers.output.bytes) {
      return fail("output", strerror(errno));
    }
    if (buffers.input.bytes == 0) break;
  }
  return 0;
}

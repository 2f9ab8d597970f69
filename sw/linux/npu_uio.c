// SPDX-License-Identifier: Apache-2.0
// Linux: the driver in user space, on UIO (registers and interrupt) and a reserved piece of memory
// that the NPU can reach.
//
//   npu_uio /dev/uio0 MEMORY_ADDRESS MEMORY_BYTES network.npu < inputs > outputs
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
#include "sw/driver/npu_network.h"

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
            "Usage: npu_uio /dev/uioN MEMORY_ADDRESS MEMORY_BYTES NETWORK < INPUTS > OUTPUTS\n");
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
  struct npu_network_memory parts;
  parts.file = allocate(&free_memory, length > 0 ? (uint32_t)length : 0);
  if (length <= 0 || parts.file.address == 0) return fail(argv[4], "does not fit in memory");
  uint8_t* copy = memory + (parts.file.address - base);
  if (fread(copy, 1, (size_t)length, file) != (size_t)length)
    return fail(argv[4], "cannot be read");
  fclose(file);
  struct npu_network network;
  result = npu_network_check(&machine.device, copy, (uint32_t)length, &network);
  if (result != NPU_OK) return fail(argv[4], npu_result_text(result));
  const npu_network_header* header = network.header;
  parts.scratch = allocate(&free_memory, header->scratch_bytes);
  parts.arena = allocate(&free_memory, header->arena_bytes);
  if (parts.scratch.address == 0 || parts.arena.address == 0) {
    return fail("memory", "the network needs more");
  }
  uint8_t* arena = memory + (parts.arena.address - base);
  parts.arena_view = arena;
  const npu_network_tensor* tensors = npu_network_tensors(&network);
  for (;;) {
    for (uint32_t t = 0; t < header->input_count; ++t) {
      const size_t size = tensors[t].bytes;
      const size_t got = fread(arena + tensors[t].offset, 1, size, stdin);
      if (got != size) return t == 0 && got == 0 ? 0 : fail("input", "it ends within a tensor");
    }
    struct npu_network_run run;
    result = npu_network_begin(&run, &machine.device, &network, &parts, NPU_WAIT_INTERRUPT);
    if (result == NPU_OK) result = npu_network_wait(&run, UINT64_C(60000000000));
    if (result == NPU_HARDWARE_ERROR) {
      struct npu_error_report report;
      npu_error(&machine.device, &report);
      return fail("job", npu_error_text(report.code));
    }
    if (result != NPU_OK) return fail("job", npu_result_text(result));
    for (uint32_t t = header->input_count; t < header->input_count + header->output_count; ++t) {
      if (fwrite(arena + tensors[t].offset, 1, tensors[t].bytes, stdout) != tensors[t].bytes) {
        return fail("output", strerror(errno));
      }
    }
  }
}

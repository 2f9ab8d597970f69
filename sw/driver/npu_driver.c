// SPDX-License-Identifier: Apache-2.0
// The driver: identity check, program check, submit, wait, errors, reset.
#include "sw/driver/npu_driver.h"

#include <stddef.h>

#include "npu_registers.h"
#include "sw/driver/npu_program.h"

#define FIELD(value, field) (((value)&field##_MASK) >> field##_SHIFT)

/// Numbers of the windows.
enum { WINDOW_PROGRAM = 0, WINDOW_SCRATCH = 1, WINDOW_INPUT = 2, WINDOW_OUTPUT = 3 };

static uint32_t read_register(const struct npu_device* device, uint32_t offset) {
  return device->platform->read32(device->platform->context, offset);
}

static void write_register(const struct npu_device* device, uint32_t offset, uint32_t value) {
  device->platform->write32(device->platform->context, offset, value);
}

static uint64_t read_register_pair(const struct npu_device* device, uint32_t lo, uint32_t hi) {
  return (uint64_t)read_register(device, hi) << 32 | read_register(device, lo);
}

static void memory_barrier(const struct npu_device* device) {
  if (device->platform->memory_barrier != NULL) {
    device->platform->memory_barrier(device->platform->context);
  }
}

static uint64_t now(const struct npu_device* device) {
  return device->platform->time(device->platform->context);
}

static void read_capabilities(struct npu_device* device) {
  struct npu_capabilities* capabilities = &device->capabilities;
  const uint32_t shape0 = read_register(device, NPU_REG_SHAPE0_OFFSET);
  const uint32_t shape1 = read_register(device, NPU_REG_SHAPE1_OFFSET);
  const uint32_t shape2 = read_register(device, NPU_REG_SHAPE2_OFFSET);
  capabilities->lanes = FIELD(shape0, NPU_SHAPE0_LANES);
  capabilities->simd = FIELD(shape0, NPU_SHAPE0_SIMD);
  capabilities->cores = FIELD(shape0, NPU_SHAPE0_CORES);
  capabilities->post_width = FIELD(shape0, NPU_SHAPE0_POST_WIDTH);
  capabilities->grid_x = FIELD(shape1, NPU_SHAPE1_GRID_X);
  capabilities->grid_y = FIELD(shape1, NPU_SHAPE1_GRID_Y);
  capabilities->accumulators = FIELD(shape1, NPU_SHAPE1_ACCUMULATORS);
  capabilities->axi_bytes = FIELD(shape2, NPU_SHAPE2_AXI_BYTES);
  capabilities->address_bits = FIELD(shape2, NPU_SHAPE2_ADDRESS_BITS);
  const uint32_t features = read_register(device, NPU_REG_FEATURES_OFFSET);
  capabilities->watchdog = FIELD(features, NPU_FEATURES_WATCHDOG);
  capabilities->memory_clear = FIELD(features, NPU_FEATURES_MEMORY_CLEAR);
  capabilities->pe_memory_bytes = read_register(device, NPU_REG_PE_MEMORY_BYTES_OFFSET);
  capabilities->core_memory_bytes = read_register(device, NPU_REG_CORE_MEMORY_BYTES_OFFSET);
}

enum npu_result npu_init(struct npu_device* device, const struct npu_platform* platform,
                         uint64_t expected_config_hash) {
  if (device == NULL || platform == NULL || platform->read32 == NULL || platform->write32 == NULL ||
      platform->time == NULL) {
    return NPU_BAD_ARGUMENT;
  }
  device->platform = platform;
  device->pending_token = 0;
  device->use_interrupt = 0;
  device->warm = 0;
  device->job_started = 0;
  device->interrupts = 0;
  if (read_register(device, NPU_REG_ID_OFFSET) != NPU_IDENTITY) return NPU_NO_DEVICE;
  if (read_register(device, NPU_REG_VERSION_OFFSET) != NPU_DRIVER_INTERFACE_VERSION) {
    return NPU_BAD_VERSION;
  }
  device->config_hash =
      read_register_pair(device, NPU_REG_CONFIG_HASH_LO_OFFSET, NPU_REG_CONFIG_HASH_HI_OFFSET);
  if (device->config_hash != expected_config_hash) return NPU_WRONG_HARDWARE;
  read_capabilities(device);
  write_register(device, NPU_REG_IRQ_ENABLE_OFFSET, 0);
  return NPU_OK;
}

enum npu_result npu_program_check(const struct npu_device* device, const void* file, uint32_t bytes,
                                  struct npu_program* program) {
  if (device == NULL || file == NULL || program == NULL || (uintptr_t)file % 8 != 0) {
    return NPU_BAD_ARGUMENT;
  }
  if (npu_program_inspect(file, bytes) != NPU_PROGRAM_VALID) return NPU_BAD_PROGRAM;
  const struct npu_program_header* header = (const struct npu_program_header*)file;
  if (header->config_hash != device->config_hash) return NPU_WRONG_PROGRAM;
  program->file = file;
  program->header = header;
  return NPU_OK;
}

/// Whether the buffer has `needed` bytes that the bus can address, suitably aligned.
static enum npu_result check_buffer(const struct npu_device* device,
                                    const struct npu_buffer* buffer, uint32_t needed) {
  if (needed == 0) return NPU_OK;
  if (buffer->bytes < needed || buffer->address % NPU_PROGRAM_ALIGNMENT != 0) {
    return NPU_BUFFER_TOO_SMALL;
  }
  const uint32_t bits = device->capabilities.address_bits;
  const uint64_t last = buffer->address + (needed - 1);
  return last >= buffer->address && (bits >= 64 || last >> bits == 0) ? NPU_OK : NPU_BAD_ADDRESS;
}

static void set_window(const struct npu_device* device, uint32_t window, uint64_t base,
                       uint32_t size, uint32_t flags) {
  const uint32_t shift = window * NPU_REG_WINDOW_BASE_LO_STRIDE;
  write_register(device, NPU_REG_WINDOW_BASE_LO_OFFSET + shift, (uint32_t)base);
  write_register(device, NPU_REG_WINDOW_BASE_HI_OFFSET + shift, (uint32_t)(base >> 32));
  write_register(device, NPU_REG_WINDOW_SIZE_OFFSET + shift, size);
  write_register(device, NPU_REG_WINDOW_FLAGS_OFFSET + shift, flags);
}

static uint64_t read_token(const struct npu_device* device) {
  return read_register_pair(device, NPU_REG_CACHE_TOKEN_LO_OFFSET, NPU_REG_CACHE_TOKEN_HI_OFFSET);
}

static void write_token(const struct npu_device* device, uint64_t token) {
  write_register(device, NPU_REG_CACHE_TOKEN_LO_OFFSET, (uint32_t)token);
  write_register(device, NPU_REG_CACHE_TOKEN_HI_OFFSET, (uint32_t)(token >> 32));
}

enum npu_result npu_submit(struct npu_device* device, const struct npu_program* program,
                           const struct npu_buffers* buffers, enum npu_wait_mode mode) {
  if (device == NULL || program == NULL || program->header == NULL || buffers == NULL) {
    return NPU_BAD_ARGUMENT;
  }
  const struct npu_program_header* header = program->header;
  enum npu_result fit = check_buffer(device, &buffers->program, header->file_bytes);
  if (fit == NPU_OK) fit = check_buffer(device, &buffers->scratch, header->scratch_bytes);
  if (fit == NPU_OK) fit = check_buffer(device, &buffers->input, header->input_bytes);
  if (fit == NPU_OK) fit = check_buffer(device, &buffers->output, header->output_bytes);
  if (fit != NPU_OK) return fit;
  const uint32_t status = read_register(device, NPU_REG_STATUS_OFFSET);
  if ((status & NPU_STATUS_ERROR_MASK) != 0) return NPU_NEEDS_RESET;
  if ((status & (NPU_STATUS_BUSY_MASK | NPU_STATUS_RESETTING_MASK)) != 0) return NPU_BUSY;

  const uint32_t read = NPU_WINDOW_FLAGS_READ_MASK;
  const uint32_t write = NPU_WINDOW_FLAGS_WRITE_MASK;
  set_window(device, WINDOW_PROGRAM, buffers->program.address + header->image_offset,
             header->image_bytes, read);
  set_window(device, WINDOW_SCRATCH, buffers->scratch.address, header->scratch_bytes, read | write);
  set_window(device, WINDOW_INPUT, buffers->input.address, header->input_bytes, read);
  // Outputs may be inputs of later layers.
  set_window(device, WINDOW_OUTPUT, buffers->output.address, header->output_bytes, read | write);

  const uint64_t token = header->cache_token;
  device->warm = token != 0 && read_token(device) == token;
  // Until the job has ended well nobody may rely on what it leaves in core memory.
  if (device->warm == 0) write_token(device, 0);
  device->pending_token = token;
  device->use_interrupt = mode == NPU_WAIT_INTERRUPT;
  device->interrupts = 0;
  device->job_started = 1;
  write_register(device, NPU_REG_IRQ_STATUS_OFFSET,
                 NPU_IRQ_STATUS_DONE_MASK | NPU_IRQ_STATUS_ERROR_MASK);
  write_register(
      device, NPU_REG_IRQ_ENABLE_OFFSET,
      device->use_interrupt != 0 ? NPU_IRQ_ENABLE_DONE_MASK | NPU_IRQ_ENABLE_ERROR_MASK : 0);
  memory_barrier(device);
  write_register(device, NPU_REG_DOORBELL_OFFSET,
                 device->warm != 0 ? header->warm_offset : header->cold_offset);
  return NPU_OK;
}

/// Ends a job that the status register calls finished.
static enum npu_result finish(struct npu_device* device, uint32_t status) {
  device->job_started = 0;
  write_register(device, NPU_REG_IRQ_ENABLE_OFFSET, 0);
  write_register(device, NPU_REG_IRQ_STATUS_OFFSET,
                 NPU_IRQ_STATUS_DONE_MASK | NPU_IRQ_STATUS_ERROR_MASK);
  memory_barrier(device);
  if ((status & NPU_STATUS_ERROR_MASK) != 0) return NPU_HARDWARE_ERROR;
  write_token(device, device->pending_token);
  return NPU_OK;
}

enum npu_result npu_wait(struct npu_device* device, uint64_t timeout) {
  if (device == NULL || device->job_started == 0) return NPU_BAD_ARGUMENT;
  const uint64_t start = now(device);
  for (;;) {
    // The time is taken before the status, so that a job that ended in time is never called late.
    const uint64_t elapsed = now(device) - start;
    const uint32_t status = read_register(device, NPU_REG_STATUS_OFFSET);
    if ((status & (NPU_STATUS_DONE_MASK | NPU_STATUS_ERROR_MASK)) != 0 &&
        (status & NPU_STATUS_BUSY_MASK) == 0) {
      return finish(device, status);
    }
    if (elapsed >= timeout) return NPU_TIMEOUT;
    if (device->use_interrupt != 0 && device->platform->wait_for_interrupt != NULL) {
      device->platform->wait_for_interrupt(device->platform->context);
    }
  }
}

void npu_interrupt(struct npu_device* device) {
  if (device == NULL) return;
  write_register(device, NPU_REG_IRQ_ENABLE_OFFSET, 0);
  write_register(device, NPU_REG_IRQ_STATUS_OFFSET,
                 NPU_IRQ_STATUS_DONE_MASK | NPU_IRQ_STATUS_ERROR_MASK);
  device->interrupts = device->interrupts + 1;
}

/// Writes `command` to the control register and waits until it is done.
static enum npu_result reset_with(struct npu_device* device, uint32_t command, uint64_t timeout) {
  write_register(device, NPU_REG_IRQ_ENABLE_OFFSET, 0);
  write_register(device, NPU_REG_CONTROL_OFFSET, command);
  device->job_started = 0;
  const uint64_t start = now(device);
  for (;;) {
    const uint64_t elapsed = now(device) - start;
    const uint32_t status = read_register(device, NPU_REG_STATUS_OFFSET);
    if ((status & (NPU_STATUS_RESETTING_MASK | NPU_STATUS_BUSY_MASK | NPU_STATUS_ERROR_MASK)) ==
        0) {
      break;
    }
    if (elapsed >= timeout) return NPU_TIMEOUT;
  }
  write_register(device, NPU_REG_IRQ_STATUS_OFFSET,
                 NPU_IRQ_STATUS_DONE_MASK | NPU_IRQ_STATUS_ERROR_MASK);
  write_token(device, 0);
  memory_barrier(device);
  return NPU_OK;
}

enum npu_result npu_reset(struct npu_device* device, uint64_t timeout) {
  if (device == NULL || device->platform == NULL) return NPU_BAD_ARGUMENT;
  return reset_with(device, NPU_CONTROL_RESET_MASK, timeout);
}

enum npu_result npu_clear(struct npu_device* device, uint64_t timeout) {
  if (device == NULL || device->platform == NULL) return NPU_BAD_ARGUMENT;
  if (device->capabilities.memory_clear == 0) return NPU_NOT_SUPPORTED;
  return reset_with(device, NPU_CONTROL_CLEAR_MASK, timeout);
}

enum npu_result npu_set_bus_timeout(struct npu_device* device, uint32_t cycles) {
  if (device == NULL || device->platform == NULL || cycles > NPU_BUS_TIMEOUT_MAX) {
    return NPU_BAD_ARGUMENT;
  }
  if (device->capabilities.watchdog == 0) return NPU_NOT_SUPPORTED;
  write_register(device, NPU_REG_BUS_TIMEOUT_OFFSET, cycles);
  return NPU_OK;
}

void npu_error(const struct npu_device* device, struct npu_error_report* report) {
  const uint32_t info = read_register(device, NPU_REG_ERROR_INFO_OFFSET);
  report->code = FIELD(info, NPU_ERROR_INFO_CODE);
  report->engine = FIELD(info, NPU_ERROR_INFO_ENGINE);
  report->tag = FIELD(info, NPU_ERROR_INFO_TAG);
  report->address =
      read_register_pair(device, NPU_REG_ERROR_ADDRESS_LO_OFFSET, NPU_REG_ERROR_ADDRESS_HI_OFFSET);
}

void npu_read_counters(const struct npu_device* device, struct npu_counters* counters) {
  counters->cycles = read_register(device, NPU_REG_PERF_CYCLES_OFFSET);
  counters->bytes_read = read_register(device, NPU_REG_PERF_BYTES_READ_OFFSET);
  counters->bytes_written = read_register(device, NPU_REG_PERF_BYTES_WRITTEN_OFFSET);
  counters->commands = read_register(device, NPU_REG_PERF_COMMANDS_OFFSET);
  for (uint32_t i = 0; i < NPU_CAUSE_COUNT; ++i) {
    counters->cause[i] =
        read_register(device, NPU_REG_PERF_CAUSE_OFFSET + i * NPU_REG_PERF_CAUSE_STRIDE);
  }
}

void npu_forget_parameters(struct npu_device* device) {
  device->pending_token = 0;
  write_token(device, 0);
}

const char* npu_error_text(uint32_t code) {
  switch (code) {
    case NPU_ERROR_NONE:
      return "no error";
    case NPU_ERROR_BAD_MAGIC:
      return "the stream does not begin with the magic word";
    case NPU_ERROR_BAD_VERSION:
      return "the stream is of another command set version";
    case NPU_ERROR_BAD_HASH:
      return "the stream was compiled for another configuration";
    case NPU_ERROR_BAD_OPCODE:
      return "unknown opcode";
    case NPU_ERROR_BAD_LENGTH:
      return "a command's length does not fit its opcode or the stream";
    case NPU_ERROR_BAD_BARRIER:
      return "a barrier number is out of range";
    case NPU_ERROR_DEADLOCK:
      return "every engine waits for a barrier that nothing can reach any more";
    case NPU_ERROR_WINDOW_BOUNDS:
      return "an access outside the memory windows, or against their permissions";
    case NPU_ERROR_AXI_READ:
      return "the bus answered a read with an error";
    case NPU_ERROR_AXI_WRITE:
      return "the bus answered a write with an error";
    case NPU_ERROR_LOCAL_BOUNDS:
      return "an access outside PE or core memory";
    case NPU_ERROR_BAD_FIELD:
      return "a command field has an illegal value";
    case NPU_ERROR_WINDOW_RANGE:
      return "a memory window reaches beyond the addresses of the bus";
    case NPU_ERROR_BUS_TIMEOUT:
      return "the bus did not answer in time";
    default:
      return "an unknown error";
  }
}

const char* npu_result_text(enum npu_result result) {
  switch (result) {
    case NPU_OK:
      return "success";
    case NPU_BAD_ARGUMENT:
      return "a null or misaligned argument, or a call out of order";
    case NPU_NO_DEVICE:
      return "there is no NPU at this address";
    case NPU_BAD_VERSION:
      return "the NPU has another version of the register interface";
    case NPU_WRONG_HARDWARE:
      return "the NPU has another configuration than expected";
    case NPU_BAD_PROGRAM:
      return "the program is damaged or of another version";
    case NPU_WRONG_PROGRAM:
      return "the program was compiled for another configuration";
    case NPU_BUFFER_TOO_SMALL:
      return "a buffer is too small or misaligned";
    case NPU_BUSY:
      return "a job runs";
    case NPU_NEEDS_RESET:
      return "an earlier job failed and the NPU was not reset";
    case NPU_TIMEOUT:
      return "no end within the time given";
    case NPU_HARDWARE_ERROR:
      return "the NPU stopped the job with an error";
    case NPU_BAD_ADDRESS:
      return "a buffer reaches beyond the addresses of the bus";
    case NPU_NOT_SUPPORTED:
      return "the NPU was made without this";
    default:
      return "an unknown result";
  }
}

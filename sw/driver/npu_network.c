// SPDX-License-Identifier: Apache-2.0
// The check of a network file, and the walk over its steps.
#include "sw/driver/npu_network.h"

#include <stddef.h>

#include "sw/driver/npu_host_operators.h"
#include "sw/driver/npu_program.h"

/// The file under check. Its numbers are read in place: host and file are little endian, and all
/// rows are checked to be aligned before.
struct view {
  const uint8_t* bytes;
  const npu_network_header* header;
};

/// True when `count` items of `size` bytes from `offset` lie within `bytes`.
static int lies_inside(uint32_t offset, uint32_t count, uint32_t size, uint32_t bytes) {
  return offset <= bytes && (uint64_t)count * size <= bytes - offset;
}

static const npu_network_tensor* tensors_of(struct view file) {
  return (const npu_network_tensor*)(const void*)(file.bytes + file.header->tensors_offset);
}

static const npu_network_step* steps_of(struct view file) {
  return (const npu_network_step*)(const void*)(file.bytes + file.header->steps_offset);
}

static const npu_network_state* states_of(struct view file) {
  return (const npu_network_state*)(const void*)(file.bytes + file.header->states_offset);
}

static const uint32_t* words_of(struct view file) {
  return (const uint32_t*)(const void*)(file.bytes + file.header->words_offset);
}

static const npu_network_program* programs_of(struct view file) {
  return (const npu_network_program*)(const void*)(file.bytes + file.header->programs_offset);
}

static int parts_are_good(struct view file) {
  const npu_network_header* header = file.header;
  const uint32_t size = header->file_bytes;
  return header->reserved == 0 && header->tensors_offset % 8 == 0 &&
         header->steps_offset % 8 == 0 && header->programs_offset % 8 == 0 &&
         header->states_offset % 8 == 0 && header->words_offset % 8 == 0 &&
         header->constants_offset % NPU_NETWORK_CONSTANT_ALIGNMENT == 0 &&
         header->work_offset % NPU_PROGRAM_ALIGNMENT == 0 &&
         lies_inside(header->work_offset, 1, header->work_bytes, header->arena_bytes) &&
         header->input_count <= header->tensor_count &&
         header->output_count <= header->tensor_count - header->input_count &&
         lies_inside(header->tensors_offset, header->tensor_count, sizeof(npu_network_tensor),
                     size) &&
         lies_inside(header->steps_offset, header->step_count, sizeof(npu_network_step), size) &&
         lies_inside(header->programs_offset, header->program_count, sizeof(npu_network_program),
                     size) &&
         lies_inside(header->states_offset, header->state_count, sizeof(npu_network_state), size) &&
         lies_inside(header->words_offset, header->word_count, sizeof(uint32_t), size) &&
         lies_inside(header->constants_offset, header->constants_bytes, 1, size) &&
         lies_inside(header->names_offset, header->names_bytes, 1, size) &&
         // So that every name ends.
         header->names_bytes != 0 &&
         file.bytes[header->names_offset + header->names_bytes - 1] == 0;
}

/// Shapes of positive sizes, of as many elements as there are bytes for.
static int tensor_is_good(struct view file, const npu_network_tensor* tensor) {
  const int constant = tensor->place == NPU_TENSOR_CONSTANT;
  const uint32_t alignment = constant ? NPU_NETWORK_CONSTANT_ALIGNMENT : NPU_PROGRAM_ALIGNMENT;
  const uint32_t room = constant ? file.header->constants_bytes : file.header->arena_bytes;
  if (tensor->tensor > 0x7fffffffu || tensor->name >= file.header->names_bytes ||
      tensor->type < NPU_ELEMENT_INT8 || tensor->type > NPU_ELEMENT_BITS ||
      tensor->place > NPU_TENSOR_CONSTANT || tensor->rank > NPU_PROGRAM_MAX_RANK ||
      tensor->offset % alignment != 0 || !lies_inside(tensor->offset, 1, tensor->bytes, room)) {
    return 0;
  }
  uint64_t elements = 1;
  for (uint32_t i = 0; i < NPU_PROGRAM_MAX_RANK; ++i) {
    if (i >= tensor->rank) {
      if (tensor->shape[i] != 0) return 0;
      continue;
    }
    if (tensor->shape[i] == 0) return 0;
    elements *= tensor->shape[i];
    if (elements > 0x7fffffffu) return 0;
  }
  return tensor->type == NPU_ELEMENT_BITS ||
         elements * npu_element_bytes(tensor->type) == tensor->bytes;
}

static int tensors_are_good(struct view file) {
  const uint32_t ends = file.header->input_count + file.header->output_count;
  for (uint32_t i = 0; i < file.header->tensor_count; ++i) {
    const npu_network_tensor* tensor = &tensors_of(file)[i];
    if (!tensor_is_good(file, tensor)) return 0;
    if (i < ends && tensor->place != NPU_TENSOR_ARENA) return 0;
  }
  return 1;
}

static int states_are_good(struct view file) {
  for (uint32_t i = 0; i < file.header->state_count; ++i) {
    const npu_network_state* state = &states_of(file)[i];
    if (state->tensor >= file.header->tensor_count || state->initial >= file.header->tensor_count) {
      return 0;
    }
    const npu_network_tensor* tensor = &tensors_of(file)[state->tensor];
    const npu_network_tensor* initial = &tensors_of(file)[state->initial];
    if (tensor->place != NPU_TENSOR_ARENA || initial->place != NPU_TENSOR_CONSTANT ||
        tensor->bytes != initial->bytes) {
      return 0;
    }
  }
  return 1;
}

/// Operands and options of the host's, in the words; results are never constants.
static int host_step_is_good(struct view file, const npu_network_step* step) {
  if (step->input_count > NPU_NETWORK_MAX_OPERANDS ||
      step->output_count > NPU_NETWORK_MAX_OPERANDS - step->input_count ||
      step->option_count > NPU_NETWORK_MAX_OPTIONS) {
    return 0;
  }
  const uint32_t count = step->input_count + step->output_count;
  if (!lies_inside(step->operands, count, 1, file.header->word_count) ||
      !lies_inside(step->options, step->option_count, 1, file.header->word_count)) {
    return 0;
  }
  const npu_network_tensor* operands[NPU_NETWORK_MAX_OPERANDS];  // the first `count` are used
  for (uint32_t i = 0; i < count; ++i) {
    const uint32_t row = words_of(file)[step->operands + i];
    operands[i] = NULL;
    if (row == NPU_NETWORK_NO_OPERAND && i < step->input_count) continue;
    if (row >= file.header->tensor_count) return 0;
    operands[i] = &tensors_of(file)[row];
    if (i >= step->input_count && operands[i]->place != NPU_TENSOR_ARENA) return 0;
  }
  return npu_host_operator_fits(
      step->kind, operands, step->input_count, operands + step->input_count, step->output_count,
      words_of(file) + step->options, step->option_count, file.header->work_bytes);
}

static int steps_are_good(struct view file) {
  for (uint32_t i = 0; i < file.header->step_count; ++i) {
    const npu_network_step* step = &steps_of(file)[i];
    if (step->name >= file.header->names_bytes || step->reserved != 0) return 0;
    if (step->place == NPU_STEP_HOST
            ? !host_step_is_good(file, step)
            : step->place != NPU_STEP_PROGRAM || step->kind >= file.header->program_count ||
                  step->input_count != 0 || step->output_count != 0 || step->operands != 0 ||
                  step->option_count != 0 || step->options != 0) {
      return 0;
    }
  }
  return 1;
}

static int program_is_good(struct view file, const npu_network_program* row) {
  const npu_network_header* header = file.header;
  if (row->offset % NPU_NETWORK_PAGE != 0 ||
      !lies_inside(row->offset, 1, row->bytes, header->file_bytes) ||
      npu_program_inspect(file.bytes + row->offset, row->bytes) != NPU_PROGRAM_VALID) {
    return 0;
  }
  const npu_program_header* program =
      (const npu_program_header*)(const void*)(file.bytes + row->offset);
  return program->config_hash == header->config_hash &&
         program->scratch_bytes <= header->scratch_bytes &&
         row->input_offset % NPU_PROGRAM_ALIGNMENT == 0 &&
         row->output_offset % NPU_PROGRAM_ALIGNMENT == 0 &&
         lies_inside(row->input_offset, 1, program->input_bytes, header->arena_bytes) &&
         lies_inside(row->output_offset, 1, program->output_bytes, header->arena_bytes);
}

static int programs_are_good(struct view file) {
  for (uint32_t i = 0; i < file.header->program_count; ++i) {
    if (!program_is_good(file, &programs_of(file)[i])) return 0;
  }
  return 1;
}

enum npu_network_fault npu_network_inspect(const void* file, uint32_t bytes) {
  const struct view view = {(const uint8_t*)file, (const npu_network_header*)file};
  if (bytes < sizeof(npu_network_header)) {
    return bytes >= 4 && view.header->magic == NPU_NETWORK_MAGIC ? NPU_NETWORK_OTHER_LENGTH
                                                                 : NPU_NETWORK_NO_NETWORK;
  }
  if (view.header->magic == NPU_PROGRAM_MAGIC) return NPU_NETWORK_OTHER_VERSION;
  if (view.header->magic != NPU_NETWORK_MAGIC) return NPU_NETWORK_NO_NETWORK;
  if (view.header->version != NPU_NETWORK_VERSION) return NPU_NETWORK_OTHER_VERSION;
  if (view.header->file_bytes != bytes) return NPU_NETWORK_OTHER_LENGTH;
  if (!parts_are_good(view)) return NPU_NETWORK_BAD_TABLE;
  if (!tensors_are_good(view)) return NPU_NETWORK_BAD_TENSOR;
  if (!states_are_good(view)) return NPU_NETWORK_BAD_STATE;
  if (!steps_are_good(view)) return NPU_NETWORK_BAD_STEP;
  return programs_are_good(view) ? NPU_NETWORK_VALID : NPU_NETWORK_BAD_PROGRAM;
}

enum npu_result npu_network_check(const struct npu_device* device, const void* file, uint32_t bytes,
                                  struct npu_network* network) {
  if (device == NULL || file == NULL || network == NULL || (uintptr_t)file % 8 != 0) {
    return NPU_BAD_ARGUMENT;
  }
  if (npu_network_inspect(file, bytes) != NPU_NETWORK_VALID) return NPU_BAD_PROGRAM;
  const npu_network_header* header = (const npu_network_header*)file;
  if (header->config_hash != device->config_hash) return NPU_WRONG_PROGRAM;
  network->file = file;
  network->header = header;
  return NPU_OK;
}

static struct view view_of(const struct npu_network* network) {
  const struct view view = {(const uint8_t*)network->file, network->header};
  return view;
}

const npu_network_tensor* npu_network_tensors(const struct npu_network* network) {
  return tensors_of(view_of(network));
}

const npu_network_step* npu_network_steps(const struct npu_network* network) {
  return steps_of(view_of(network));
}

const char* npu_network_name(const struct npu_network* network, uint32_t offset) {
  return (const char*)view_of(network).bytes + network->header->names_offset + offset;
}

/// The part of `buffer` from `offset` on.
static struct npu_buffer part_of(struct npu_buffer buffer, uint32_t offset) {
  const struct npu_buffer part = {buffer.address + offset, buffer.bytes - offset};
  return part;
}

static enum npu_result start_job(struct npu_network_run* run, uint32_t number) {
  const struct view file = view_of(run->network);
  const npu_network_program* row = &programs_of(file)[number];
  const void* bytes = file.bytes + row->offset;
  const struct npu_program program = {bytes, (const npu_program_header*)bytes};
  const struct npu_buffers buffers = {part_of(run->memory.file, row->offset), run->memory.scratch,
                                      part_of(run->memory.arena, row->input_offset),
                                      part_of(run->memory.arena, row->output_offset)};
  return npu_submit(run->device, &program, &buffers, run->mode);
}

/// Where the bytes of a tensor are, as the CPU sees them.
static void* bytes_of(const struct npu_network* network, void* arena,
                      const npu_network_tensor* tensor) {
  if (tensor->place == NPU_TENSOR_ARENA) return (uint8_t*)arena + tensor->offset;
  // Only read: no constant is a result.
  return (void*)(uintptr_t)(view_of(network).bytes + network->header->constants_offset +
                            tensor->offset);
}

static void do_host_step(const struct npu_network_run* run, const npu_network_step* step) {
  struct npu_host_operand operands[NPU_NETWORK_MAX_OPERANDS];
  const uint32_t* words = words_of(view_of(run->network));
  const uint32_t count = step->input_count + step->output_count;
  for (uint32_t i = 0; i < count; ++i) {
    const uint32_t row = words[step->operands + i];
    operands[i].tensor = NULL;
    operands[i].bytes = NULL;
    if (row == NPU_NETWORK_NO_OPERAND) continue;
    operands[i].tensor = &npu_network_tensors(run->network)[row];
    operands[i].bytes = bytes_of(run->network, run->memory.arena_view, operands[i].tensor);
  }
  npu_host_operator_run(step->kind, operands, operands + step->input_count, words + step->options,
                        (uint8_t*)run->memory.arena_view + run->network->header->work_offset);
}

enum npu_result npu_network_reset_state(const struct npu_network* network, void* arena_view) {
  if (network == NULL || network->header == NULL) return NPU_BAD_ARGUMENT;
  if (network->header->state_count == 0) return NPU_OK;
  if (arena_view == NULL || (uintptr_t)arena_view % 8 != 0) return NPU_BAD_ARGUMENT;
  for (uint32_t i = 0; i < network->header->state_count; ++i) {
    const npu_network_state* state = &states_of(view_of(network))[i];
    struct npu_host_operand ends[2];
    ends[0].tensor = &npu_network_tensors(network)[state->initial];
    ends[1].tensor = &npu_network_tensors(network)[state->tensor];
    for (int end = 0; end < 2; ++end) {
      ends[end].bytes = bytes_of(network, arena_view, ends[end].tensor);
    }
    npu_host_operator_run(NPU_HOST_COPY, &ends[0], &ends[1], NULL, NULL);
  }
  return NPU_OK;
}

enum npu_result npu_network_continue(struct npu_network_run* run) {
  if (run == NULL || run->network == NULL) return NPU_BAD_ARGUMENT;
  run->waiting = 0;
  while (run->next_step < run->network->header->step_count) {
    const npu_network_step* step = &npu_network_steps(run->network)[run->next_step];
    run->next_step += 1;
    if (step->place == NPU_STEP_HOST) {
      do_host_step(run, step);
      continue;
    }
    const enum npu_result started = start_job(run, step->kind);
    run->waiting = started == NPU_OK;
    return started;
  }
  return NPU_OK;
}

enum npu_result npu_network_begin(struct npu_network_run* run, struct npu_device* device,
                                  const struct npu_network* network,
                                  const struct npu_network_memory* memory,
                                  enum npu_wait_mode mode) {
  if (run == NULL || device == NULL || network == NULL || network->header == NULL ||
      memory == NULL) {
    return NPU_BAD_ARGUMENT;
  }
  const npu_network_header* header = network->header;
  // What the CPU does first must not meet a job that still runs in the same arena.
  if (device->job_started != 0) return NPU_BUSY;
  if (header->arena_bytes != 0 && memory->arena_view == NULL) return NPU_BAD_ARGUMENT;
  if (memory->file.bytes < header->file_bytes || memory->arena.bytes < header->arena_bytes ||
      memory->scratch.bytes < header->scratch_bytes || (uintptr_t)memory->arena_view % 8 != 0) {
    return NPU_BUFFER_TOO_SMALL;
  }
  run->device = device;
  run->network = network;
  run->memory = *memory;
  run->mode = mode;
  run->next_step = 0;
  return npu_network_continue(run);
}

enum npu_result npu_network_wait(struct npu_network_run* run, uint64_t timeout) {
  if (run == NULL || run->network == NULL) return NPU_BAD_ARGUMENT;
  const struct npu_platform* platform = run->device->platform;
  const uint64_t start = platform->time(platform->context);
  while (run->waiting != 0) {
    const uint64_t elapsed = platform->time(platform->context) - start;
    enum npu_result result = npu_wait(run->device, elapsed < timeout ? timeout - elapsed : 0);
    if (result == NPU_OK) result = npu_network_continue(run);
    if (result != NPU_OK) {
      if (result != NPU_TIMEOUT) run->waiting = 0;
      return result;
    }
  }
  return NPU_OK;
}

const char* npu_network_fault_text(enum npu_network_fault fault) {
  switch (fault) {
    case NPU_NETWORK_VALID:
      return "the network file is valid";
    case NPU_NETWORK_NO_NETWORK:
      return "the file is not a compiled network of npugen";
    case NPU_NETWORK_OTHER_VERSION:
      return "the network file is of another version of its format";
    case NPU_NETWORK_OTHER_LENGTH:
      return "the network file is cut off, or longer than its header says";
    case NPU_NETWORK_BAD_TABLE:
      return "a part of the network file lies outside of it or is misaligned";
    case NPU_NETWORK_BAD_TENSOR:
      return "the tensor table of the network file is inconsistent";
    case NPU_NETWORK_BAD_STATE:
      return "the table of states of the network file is inconsistent";
    case NPU_NETWORK_BAD_STEP:
      return "the step table of the network file is inconsistent";
    case NPU_NETWORK_BAD_PROGRAM:
      return "a program of the network file is damaged, or does not fit in its memory";
  }
  return "an unknown fault";
}

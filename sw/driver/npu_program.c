// SPDX-License-Identifier: Apache-2.0
// The check of a program file, after sw/compiler/program_format.h.
#include "sw/driver/npu_program.h"

#include <stddef.h>

#include "npu_registers.h"

/// Bytes of a stream's header, and of an entry.
enum { STREAM_HEADER_BYTES = 32, STREAM_ENTRY_BYTES = 16 };

/// A header followed by at least END.
enum { LEAST_STREAM_ENTRIES = 3 };

/// A part of the file, or all of it.
struct view {
  const uint8_t* bytes;
  uint32_t size;
};

static uint32_t word_at(struct view view, uint32_t offset) {
  const uint8_t* bytes = view.bytes + offset;
  return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 |
         (uint32_t)bytes[3] << 24;
}

/// A word of the header or of a table's row, by the name of its field.
#define FIELD_AT(view, row, type, field) word_at(view, (row) + (uint32_t)offsetof(type, field))
#define HEADER(view, field) FIELD_AT(view, 0, npu_program_header, field)

/// True when `count` items of `size` bytes from `offset` lie within `bytes`.
static int lies_inside(uint32_t offset, uint64_t count, uint32_t size, uint32_t bytes) {
  return offset <= bytes && count <= bytes && count * size <= bytes - offset;
}

/// Numbers of tensors and sizes of dimensions are not negative.
static int is_count(uint32_t value) { return value <= 0x7fffffffu; }

/// A rank and eight dimensions behind it, of which only the first `rank` are used.
static int shape_is_good(struct view file, uint32_t offset) {
  const uint32_t rank = word_at(file, offset);
  if (rank > NPU_PROGRAM_MAX_RANK) return 0;
  for (uint32_t i = 0; i < NPU_PROGRAM_MAX_RANK; ++i) {
    const uint32_t size = word_at(file, offset + 4 + 4 * i);
    if (i < rank ? !is_count(size) : size != 0) return 0;
  }
  return 1;
}

static int parts_are_good(struct view file) {
  const uint64_t tensors =
      (uint64_t)HEADER(file, input_count) + HEADER(file, output_count) + HEADER(file, kept_count);
  const uint32_t names = HEADER(file, names_offset);
  const uint32_t names_bytes = HEADER(file, names_bytes);
  return HEADER(file, reserved) == 0 && HEADER(file, image_offset) % NPU_PROGRAM_ALIGNMENT == 0 &&
         HEADER(file, tensors_offset) % 8 == 0 && HEADER(file, layers_offset) % 8 == 0 &&
         lies_inside(HEADER(file, image_offset), 1, HEADER(file, image_bytes), file.size) &&
         lies_inside(HEADER(file, tensors_offset), tensors, sizeof(npu_program_tensor),
                     file.size) &&
         lies_inside(HEADER(file, layers_offset), HEADER(file, layer_count),
                     sizeof(npu_program_layer), file.size) &&
         lies_inside(names, 1, names_bytes, file.size) &&
         // So that every name ends.
         (names_bytes == 0 || file.bytes[names + names_bytes - 1] == 0);
}

static int tensors_are_good(struct view file) {
  const uint32_t inputs = HEADER(file, input_count);
  const uint32_t outputs = HEADER(file, output_count);
  const uint32_t count = inputs + outputs + HEADER(file, kept_count);
  for (uint32_t i = 0; i < count; ++i) {
    const uint32_t row = HEADER(file, tensors_offset) + i * (uint32_t)sizeof(npu_program_tensor);
    uint32_t window = NPU_PROGRAM_WINDOW_SCRATCH;
    uint32_t size = HEADER(file, scratch_bytes);
    // States are inputs in the output window.
    const int state = FIELD_AT(file, row, npu_program_tensor, window) == NPU_PROGRAM_WINDOW_OUTPUT;
    if (i < inputs && !state) {
      window = NPU_PROGRAM_WINDOW_INPUT;
      size = HEADER(file, input_bytes);
    } else if (i < inputs + outputs) {
      window = NPU_PROGRAM_WINDOW_OUTPUT;
      size = HEADER(file, output_bytes);
    }
    if (!is_count(FIELD_AT(file, row, npu_program_tensor, tensor)) ||
        FIELD_AT(file, row, npu_program_tensor, window) != window ||
        FIELD_AT(file, row, npu_program_tensor, name) >= HEADER(file, names_bytes) ||
        !lies_inside(FIELD_AT(file, row, npu_program_tensor, offset), 1,
                     FIELD_AT(file, row, npu_program_tensor, bytes), size) ||
        !shape_is_good(file, row + (uint32_t)offsetof(npu_program_tensor, rank))) {
      return 0;
    }
  }
  return 1;
}

static int layers_are_good(struct view file) {
  const uint32_t count = HEADER(file, layer_count);
  for (uint32_t i = 0; i < count; ++i) {
    const uint32_t row = HEADER(file, layers_offset) + i * (uint32_t)sizeof(npu_program_layer);
    if (FIELD_AT(file, row, npu_program_layer, name) >= HEADER(file, names_bytes) ||
        !is_count(FIELD_AT(file, row, npu_program_layer, output_tensor)) ||
        FIELD_AT(file, row, npu_program_layer, binary) > 1 ||
        !shape_is_good(file, row + (uint32_t)offsetof(npu_program_layer, rank))) {
      return 0;
    }
  }
  return 1;
}

/// The stream at byte `offset` of the image is for the NPU that the file is for.
static int stream_is_good(struct view file, uint32_t offset) {
  const struct view image = {file.bytes + HEADER(file, image_offset), HEADER(file, image_bytes)};
  if (offset % STREAM_ENTRY_BYTES != 0 ||
      !lies_inside(offset, 1, STREAM_HEADER_BYTES, image.size)) {
    return 0;
  }
  const uint32_t entries = word_at(image, offset + 16);
  return word_at(image, offset) == NPU_STREAM_MAGIC &&
         word_at(image, offset + 4) == NPU_COMMAND_SET_VERSION &&
         word_at(image, offset + 8) == FIELD_AT(file, 0, npu_program_header, config_hash) &&
         word_at(image, offset + 12) ==
             word_at(file, (uint32_t)offsetof(npu_program_header, config_hash) + 4) &&
         word_at(image, offset + 20) == 0 && word_at(image, offset + 24) == 0 &&
         word_at(image, offset + 28) == 0 && entries >= LEAST_STREAM_ENTRIES &&
         lies_inside(offset, entries, STREAM_ENTRY_BYTES, image.size);
}

/// A program that keeps nothing in core memory has one stream.
static int streams_are_good(struct view file) {
  const uint32_t cold = HEADER(file, cold_offset);
  const uint32_t warm = HEADER(file, warm_offset);
  const uint32_t token = (uint32_t)offsetof(npu_program_header, cache_token);
  if (word_at(file, token) == 0 && word_at(file, token + 4) == 0 && cold != warm) return 0;
  return stream_is_good(file, cold) && stream_is_good(file, warm);
}

enum npu_program_fault npu_program_inspect(const void* file, uint32_t bytes) {
  const struct view view = {(const uint8_t*)file, bytes};
  if (bytes < 4 || HEADER(view, magic) != NPU_PROGRAM_MAGIC) return NPU_PROGRAM_NO_PROGRAM;
  if (bytes < sizeof(npu_program_header)) return NPU_PROGRAM_OTHER_LENGTH;
  if (HEADER(view, version) != NPU_PROGRAM_VERSION) return NPU_PROGRAM_OTHER_VERSION;
  if (HEADER(view, command_set) != NPU_COMMAND_SET_VERSION) return NPU_PROGRAM_OTHER_COMMAND_SET;
  if (HEADER(view, file_bytes) != bytes) return NPU_PROGRAM_OTHER_LENGTH;
  if (!parts_are_good(view)) return NPU_PROGRAM_BAD_TABLE;
  if (!tensors_are_good(view)) return NPU_PROGRAM_BAD_TENSOR;
  if (!layers_are_good(view)) return NPU_PROGRAM_BAD_LAYER;
  return streams_are_good(view) ? NPU_PROGRAM_VALID : NPU_PROGRAM_BAD_STREAM;
}

const char* npu_program_fault_text(enum npu_program_fault fault) {
  switch (fault) {
    case NPU_PROGRAM_VALID:
      return "the program file is valid";
    case NPU_PROGRAM_NO_PROGRAM:
      return "the file is not an npugen program";
    case NPU_PROGRAM_OTHER_VERSION:
      return "the program file is of another version of its format";
    case NPU_PROGRAM_OTHER_COMMAND_SET:
      return "the program is for another version of the command set";
    case NPU_PROGRAM_OTHER_LENGTH:
      return "the program file is cut off, or longer than its header says";
    case NPU_PROGRAM_BAD_TABLE:
      return "a part of the program file lies outside of it or is misaligned";
    case NPU_PROGRAM_BAD_TENSOR:
      return "the tensor table of the program file is inconsistent";
    case NPU_PROGRAM_BAD_LAYER:
      return "the layer table of the program file is inconsistent";
    case NPU_PROGRAM_BAD_STREAM:
      return "a command stream of the program file lies outside of its image or is damaged";
  }
  return "an unknown fault";
}

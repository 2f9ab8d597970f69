// SPDX-License-Identifier: Apache-2.0
// The image in flash from which the example firmware takes a network and its inputs.
//
//   0               flash_header
//   program_offset  the program file that `npugen compile` writes
//   inputs_offset   input_count inputs of input_bytes each, one behind the other
#ifndef NPUGEN_SW_FIRMWARE_EXAMPLE_FLASH_H_
#define NPUGEN_SW_FIRMWARE_EXAMPLE_FLASH_H_

#include <stdint.h>

#define FLASH_MAGIC 0x4655504Eu  // the bytes "NPUF"

/// All numbers are little endian, all offsets multiples of 8 bytes.
struct flash_header {
  uint32_t magic;           // FLASH_MAGIC
  uint32_t program_offset;  // bytes from the start of the image
  uint32_t program_bytes;
  uint32_t inputs_offset;
  uint32_t input_count;
  uint32_t input_bytes;  // of each: the size of the program's input window
};

#endif  // NPUGEN_SW_FIRMWARE_EXAMPLE_FLASH_H_

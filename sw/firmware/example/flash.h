// SPDX-License-Identifier: Apache-2.0
// The image in flash from which the example firmware takes a network and its inputs.
//
//   0               flash_header
//   network_offset  the network file that `npugen compile` writes
//   inputs_offset   input_count inputs, one behind the other; each is the network's input tensors,
//   one
//                   behind the other, as their types say
#ifndef NPUGEN_SW_FIRMWARE_EXAMPLE_FLASH_H_
#define NPUGEN_SW_FIRMWARE_EXAMPLE_FLASH_H_

#include <stdint.h>

#define FLASH_MAGIC 0x4655504Eu  // the bytes "NPUF"

/// All numbers are little endian, all offsets multiples of 8 bytes.
struct flash_header {
  uint32_t magic;           // FLASH_MAGIC
  uint32_t network_offset;  // bytes from the start of the image
  uint32_t network_bytes;
  uint32_t inputs_offset;
  uint32_t input_count;
};

#endif  // NPUGEN_SW_FIRMWARE_EXAMPLE_FLASH_H_

// SPDX-License-Identifier: Apache-2.0
// What a valid program file is: the one check that the driver and the host's reader share.
//
// Freestanding C11 that reads byte by byte, so that neither alignment nor byte order of the host
// matter.
#ifndef NPUGEN_SW_DRIVER_NPU_PROGRAM_H_
#define NPUGEN_SW_DRIVER_NPU_PROGRAM_H_

#include <stdint.h>

#include "sw/compiler/program_format.h"

#ifdef __cplusplus
extern "C" {
#endif

/// What is wrong with a file.
enum npu_program_fault {
  NPU_PROGRAM_VALID = 0,
  NPU_PROGRAM_NO_PROGRAM = 1,         ///< it does not begin with the magic word
  NPU_PROGRAM_OTHER_VERSION = 2,      ///< of the file's format
  NPU_PROGRAM_OTHER_COMMAND_SET = 3,  ///< its streams are of another version
  NPU_PROGRAM_OTHER_LENGTH = 4,       ///< the file is not as long as its header says
  NPU_PROGRAM_BAD_TABLE = 5,          ///< a part lies outside of the file or is misaligned
  NPU_PROGRAM_BAD_TENSOR = 6,         ///< a row of the tensor table is inconsistent
  NPU_PROGRAM_BAD_LAYER = 7,          ///< a row of the layer table is inconsistent
  NPU_PROGRAM_BAD_STREAM = 8,         ///< a command stream's header is wrong
};

/// Checks all of the file that is not a command: header, both tables, names and both streams'
/// headers, as program_format.h describes them. `bytes` is the length of the file at `file`, which
/// may have any alignment. Files that pass differ from each other in nothing that a reader could
/// stumble over: all offsets lie inside, all names end, all numbers are in their ranges.
enum npu_program_fault npu_program_inspect(const void* file, uint32_t bytes);

/// One sentence without a full stop on a fault; never null.
const char* npu_program_fault_text(enum npu_program_fault fault);

#ifdef __cplusplus
}
#endif

#endif  // NPUGEN_SW_DRIVER_NPU_PROGRAM_H_

// SPDX-License-Identifier: Apache-2.0
/* The file that `npugen compile` writes and that drivers read: a header with tables at fixed
 * offsets.
 *
 * Plain C11 so that the bare-metal driver can include it. Every number is little endian and
 * naturally aligned within the file. Layout:
 *
 *   0                       npu_program_header
 *   tensors_offset          npu_program_tensor for each of inputs, then outputs, then kept ones
 *   layers_offset           layer_count * npu_program_layer
 *   names_offset            names_bytes of UTF-8 text, each name ended by a zero byte
 *   image_offset            image_bytes: the contents of window 0 (program), aligned to 64 bytes
 *
 * What a valid file is stands in one place, npu_program_inspect() of sw/driver/npu_program.h, which
 * all readers call.
 */
#ifndef NPUGEN_SW_COMPILER_PROGRAM_FORMAT_H_
#define NPUGEN_SW_COMPILER_PROGRAM_FORMAT_H_

#include <stdint.h>

#define NPU_PROGRAM_MAGIC 0x5055504Eu /* the bytes "NPUP" */
#define NPU_PROGRAM_VERSION 1u
#define NPU_PROGRAM_ALIGNMENT 64u /* of the image in the file, and of window bases in memory */
#define NPU_PROGRAM_MAX_RANK 8u

/* Where a tensor stands. */
enum npu_program_window {
  NPU_PROGRAM_WINDOW_SCRATCH = 1, /* kept for checking: read after the job */
  NPU_PROGRAM_WINDOW_INPUT = 2,
  NPU_PROGRAM_WINDOW_OUTPUT = 3
};

typedef struct npu_program_header {
  uint32_t magic;          /*   0: NPU_PROGRAM_MAGIC */
  uint32_t version;        /*   4: NPU_PROGRAM_VERSION */
  uint64_t config_hash;    /*   8: hash of the NPU it was compiled for */
  uint64_t cache_token;    /*  16: equal tokens share cached parameters; 0: nothing is cached */
  uint32_t file_bytes;     /*  24: the whole file */
  uint32_t image_offset;   /*  28: of window 0 in the file, a multiple of NPU_PROGRAM_ALIGNMENT */
  uint32_t image_bytes;    /*  32 */
  uint32_t cold_offset;    /*  36: command stream in the image that loads all parameters */
  uint32_t warm_offset;    /*  40: the same when the core memories hold cache_token's parameters */
  uint32_t scratch_bytes;  /*  44: size that window 1 must have (may be 0) */
  uint32_t input_bytes;    /*  48: size that window 2 must have */
  uint32_t output_bytes;   /*  52: size that window 3 must have */
  uint32_t input_count;    /*  56: first rows of the tensor table */
  uint32_t output_count;   /*  60: rows after the inputs */
  uint32_t kept_count;     /*  64: rows after the outputs */
  uint32_t tensors_offset; /*  68 */
  uint32_t layer_count;    /*  72 */
  uint32_t layers_offset;  /*  76 */
  uint32_t names_offset;   /*  80 */
  uint32_t names_bytes;    /*  84 */
  uint32_t command_set;    /*  88: version of the command set of the streams */
  uint32_t reserved;       /*  92: 0 */
} npu_program_header;      /*  96 bytes */

typedef struct npu_program_tensor {
  uint32_t tensor;    /*  0: number in the model file */
  uint32_t window;    /*  4: enum npu_program_window */
  uint32_t offset;    /*  8: of its first byte in the window */
  uint32_t bytes;     /* 12 */
  uint32_t name;      /* 16: offset in the names */
  uint32_t scale;     /* 20: bits of an IEEE float32; 0 where the tensor is not quantized */
  int32_t zero_point; /* 24 */
  uint32_t rank;      /* 28: 0..NPU_PROGRAM_MAX_RANK */
  uint32_t shape[8];  /* 32 */
} npu_program_tensor; /* 64 bytes */

typedef struct npu_program_layer {
  uint32_t tag;            /*  0: tag of its commands, in trace and error registers */
  uint32_t operator_index; /*  4: position in the model file */
  uint32_t name;           /*  8: offset in the names: operator type, such as CONV_2D */
  uint32_t output_tensor;  /* 12 */
  uint64_t macs;           /* 16: multiplications of the definition of the operator */
  uint32_t rank;           /* 24: of the output, 0..NPU_PROGRAM_MAX_RANK */
  uint32_t shape[8];       /* 28 */
  uint32_t binary;         /* 60: 1: they are of bits, 8 times as many per cycle; else 0 */
} npu_program_layer;       /* 64 bytes */

#endif /* NPUGEN_SW_COMPILER_PROGRAM_FORMAT_H_ */

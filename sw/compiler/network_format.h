// SPDX-License-Identifier: Apache-2.0
/* The file that `npugen compile` writes and that drivers read: a network as a list of steps, each a
 * program for the NPU or an operator that the host computes, and the programs.
 *
 * Plain C11 so that the bare-metal driver can include it. Every number is little endian and
 * naturally aligned within the file. Layout:
 *
 *   0                 npu_network_header
 *   tensors_offset    tensor_count * npu_network_tensor: the inputs of the network, then its
 *                     outputs, then what passes between steps, states and constants
 *   steps_offset      step_count * npu_network_step, in the order in which they run
 *   programs_offset   program_count * npu_network_program
 *   states_offset     state_count * npu_network_state
 *   words_offset      word_count numbers: operands and options of steps
 *   names_offset      names_bytes of UTF-8 text, each name ended by a zero byte
 *   constants_offset  constants_bytes: what constant tensors hold
 *   ...               the programs (program_format.h), each at a multiple of
 *                     NPU_NETWORK_PAGE, so that what a job takes does not depend on the tables
 *
 * Tensors stand in the arena: arena_bytes of memory that host and NPU share. The input and the
 * output window of a program are parts of it. A tensor that stands in several places has several
 * rows. Constant tensors, which only the host reads, stand in the file.
 *
 * States are tensors of the arena that keep their bytes from one run to the next.
 *
 * What a valid file is stands in one place, npu_network_inspect() of sw/driver/npu_network.h, which
 * all readers call.
 */
#ifndef NPUGEN_SW_COMPILER_NETWORK_FORMAT_H_
#define NPUGEN_SW_COMPILER_NETWORK_FORMAT_H_

#include <stdint.h>

#include "sw/compiler/program_format.h"

#define NPU_NETWORK_MAGIC 0x4E55504Eu /* the bytes "NPUN" */
#define NPU_NETWORK_VERSION 3u        /* version 1 was a program alone, 2 had no states */
#define NPU_NETWORK_PAGE 4096u
#define NPU_NETWORK_MAX_OPERANDS 32u
#define NPU_NETWORK_MAX_OPTIONS 64u
#define NPU_NETWORK_NO_OPERAND 0xFFFFFFFFu
#define NPU_NETWORK_CONSTANT_ALIGNMENT 16u

/* Types of elements. */
enum npu_element_type {
  NPU_ELEMENT_INT8 = 1,
  NPU_ELEMENT_UINT8 = 2,
  NPU_ELEMENT_INT16 = 3,
  NPU_ELEMENT_INT32 = 4,
  NPU_ELEMENT_INT64 = 5,
  NPU_ELEMENT_FLOAT32 = 6,
  NPU_ELEMENT_BITS = 7 /* packed codes: [N][H][plane][W][ceil(C / 8)] bytes */
};

/* Who does a step. */
enum npu_step_place {
  NPU_STEP_PROGRAM = 0, /* `kind` is the number of the program */
  NPU_STEP_HOST = 1     /* `kind` is an npu_host_kind */
};

/* What the host can do (sw/driver/npu_host_operators.h). */
enum npu_host_kind {
  NPU_HOST_COPY = 0,             /* the bytes as they are */
  NPU_HOST_QUANTIZE = 1,         /* float32 to int8, uint8 or int16 */
  NPU_HOST_DEQUANTIZE = 2,       /* int8, uint8, int16 or sums in int32 to float32 */
  NPU_HOST_L2_NORMALIZATION = 3, /* int8 to int8, each row of the last dimension */
  /* sw/driver/npu_host_kernels.h says what these do, and what their options are. */
  NPU_HOST_CONVOLUTION = 4,
  NPU_HOST_MATMUL = 5,
  NPU_HOST_ELEMENTWISE = 6,
  NPU_HOST_FUNCTION = 7,
  NPU_HOST_SOFTMAX = 8,
  NPU_HOST_POOL = 9,
  NPU_HOST_REDUCTION = 10,
  NPU_HOST_SVDF = 11,
  NPU_HOST_LSTM = 12,
  /* sw/driver/npu_host_detection.h does so of these. */
  NPU_HOST_DETECTION = 13,
  NPU_HOST_POSES = 14,
  NPU_HOST_LOG_SOFTMAX = 15, /* of npu_host_kernels.h */
  /* sw/driver/npu_host_plain.h does so of these. */
  NPU_HOST_ARITHMETIC = 16,
  NPU_HOST_UNARY = 17,
  NPU_HOST_CAST = 18,
  NPU_HOST_JOIN = 19,
  NPU_HOST_GATHER_ND = 20,
  NPU_HOST_ROUNDED_SUMS = 21, /* of npu_host_kernels.h */
  NPU_HOST_KINDS = 22
};

typedef struct npu_network_header {
  uint32_t magic;            /*  0: NPU_NETWORK_MAGIC */
  uint32_t version;          /*  4: NPU_NETWORK_VERSION */
  uint64_t config_hash;      /*  8: hash of the NPU it was compiled for */
  uint32_t file_bytes;       /* 16: the whole file */
  uint32_t arena_bytes;      /* 20 */
  uint32_t scratch_bytes;    /* 24: the most that any program needs */
  uint32_t input_count;      /* 28: first rows of the tensor table */
  uint32_t output_count;     /* 32: rows after the inputs */
  uint32_t tensor_count;     /* 36: all rows */
  uint32_t tensors_offset;   /* 40 */
  uint32_t step_count;       /* 44 */
  uint32_t steps_offset;     /* 48 */
  uint32_t program_count;    /* 52 */
  uint32_t programs_offset;  /* 56 */
  uint32_t names_offset;     /* 60 */
  uint32_t names_bytes;      /* 64 */
  uint32_t state_count;      /* 68 */
  uint32_t states_offset;    /* 72 */
  uint32_t word_count;       /* 76 */
  uint32_t words_offset;     /* 80 */
  uint32_t constants_bytes;  /* 84 */
  uint32_t constants_offset; /* 88: a multiple of NPU_NETWORK_CONSTANT_ALIGNMENT */
  uint32_t work_bytes;  /* 92: of the arena, where steps of the host work; lost between steps */
  uint32_t work_offset; /* 96: a multiple of NPU_PROGRAM_ALIGNMENT */
  uint32_t reserved;    /* 100: 0 */
} npu_network_header;   /* 104 bytes */

/* Where the bytes of a tensor are. */
enum npu_tensor_place {
  NPU_TENSOR_ARENA = 0,
  NPU_TENSOR_CONSTANT = 1 /* among the constants of the file; no step writes it */
};

typedef struct npu_network_tensor {
  uint32_t tensor;    /*  0: number in the model file */
  uint32_t name;      /*  4: offset in the names */
  uint16_t type;      /*  8: enum npu_element_type */
  uint16_t place;     /* 10: enum npu_tensor_place */
  uint32_t scale;     /* 12: bits of an IEEE float32; 0 where the tensor is not quantized */
  int32_t zero_point; /* 16 */
  uint32_t offset;    /* 20: of its first byte in the arena, a multiple of NPU_PROGRAM_ALIGNMENT,
                         or in the constants, one of NPU_NETWORK_CONSTANT_ALIGNMENT */
  uint32_t bytes;     /* 24 */
  uint32_t rank;      /* 28: 0..NPU_PROGRAM_MAX_RANK */
  uint32_t shape[8];  /* 32 */
} npu_network_tensor; /* 64 bytes */

typedef struct npu_network_step {
  uint32_t place;          /*  0: enum npu_step_place */
  uint32_t kind;           /*  4 */
  uint32_t operator_index; /*  8: position in the model file, of the host's */
  uint32_t name;           /* 12: operator type, such as QUANTIZE */
  uint32_t input_count;    /* 16: of the host's: first operands */
  uint32_t output_count;   /* 20: operands after the inputs */
  uint32_t operands;       /* 24: first of them in the words: rows of the tensor table, or
                              NPU_NETWORK_NO_OPERAND for an input that is left out */
  uint32_t option_count;   /* 28 */
  uint32_t options;        /* 32: first of them in the words; npu_host_operators.h says what they
                              are */
  uint32_t reserved;       /* 36: 0 */
} npu_network_step;        /* 40 bytes */

/* A state and what it holds before the first run. */
typedef struct npu_network_state {
  uint32_t tensor;   /* 0: its row of the tensor table, in the arena */
  uint32_t initial;  /* 4: row of a constant of as many bytes */
} npu_network_state; /* 8 bytes */

typedef struct npu_network_program {
  uint32_t offset;        /*  0: of the program in the file, a multiple of NPU_NETWORK_PAGE */
  uint32_t bytes;         /*  4 */
  uint32_t input_offset;  /*  8: of its input window in the arena, a multiple of 64 */
  uint32_t output_offset; /* 12: of its output window */
} npu_network_program;    /* 16 bytes */

#endif /* NPUGEN_SW_COMPILER_NETWORK_FORMAT_H_ */

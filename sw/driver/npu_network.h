// SPDX-License-Identifier: Apache-2.0
// Runs network files: their programs on the NPU, through the driver, and what is between them on
// the CPU. Freestanding C11 without allocation, without libc and without global state.
//
//     npu_network_check(&device, file, file_bytes, &network);
//     npu_network_reset_state(&network, arena);   // once, and where a sequence begins anew
//     ... write the inputs to the arena: npu_network_tensors(&network)[i].offset ...
//     npu_network_begin(&run, &device, &network, &memory, NPU_WAIT_INTERRUPT);
//     npu_network_wait(&run, timeout);
//     ... the outputs follow the inputs in the table ...
#ifndef NPUGEN_SW_DRIVER_NPU_NETWORK_H_
#define NPUGEN_SW_DRIVER_NPU_NETWORK_H_

#include <stdint.h>

#include "sw/compiler/network_format.h"
#include "sw/driver/npu_driver.h"

#ifdef __cplusplus
extern "C" {
#endif

/// What is wrong with a file.
enum npu_network_fault {
  NPU_NETWORK_VALID = 0,
  NPU_NETWORK_NO_NETWORK = 1,     ///< it does not begin with the magic word
  NPU_NETWORK_OTHER_VERSION = 2,  ///< of the file's format; a program alone is version 1
  NPU_NETWORK_OTHER_LENGTH = 3,   ///< the file is not as long as its header says
  NPU_NETWORK_BAD_TABLE = 4,      ///< a part lies outside of the file or is misaligned
  NPU_NETWORK_BAD_TENSOR = 5,     ///< a row of the tensor table is inconsistent
  NPU_NETWORK_BAD_STEP = 6,       ///< a row of the step table is inconsistent
  NPU_NETWORK_BAD_STATE = 8,      ///< a row of the table of states is inconsistent
  NPU_NETWORK_BAD_PROGRAM = 7,    ///< a program is invalid, or its windows lie outside of the arena
};

/// Checks all of the file, programs included (npu_program_inspect), as network_format.h describes
/// it. `bytes` is the length of the file at `file`, 8-byte aligned. Files that pass make no step
/// read or write outside of the arena.
enum npu_network_fault npu_network_inspect(const void* file, uint32_t bytes);

/// One sentence without a full stop on a fault; never null.
const char* npu_network_fault_text(enum npu_network_fault fault);

/// A checked network. It points into the file, which must stay in place and unchanged.
struct npu_network {
  const void* file;
  const struct npu_network_header* header;
};

/// Memory for runs. Buffers are as the NPU sees them, aligned to NPU_PROGRAM_ALIGNMENT.
struct npu_network_memory {
  struct npu_buffer file;     ///< the whole network file, as it was checked
  struct npu_buffer scratch;  ///< header->scratch_bytes; its content is lost
  struct npu_buffer arena;    ///< header->arena_bytes
  void* arena_view;           ///< the arena as the CPU sees it, 8-byte aligned
};

/// A run under way. The fields belong to the functions below.
struct npu_network_run {
  struct npu_device* device;
  const struct npu_network* network;
  struct npu_network_memory memory;
  enum npu_wait_mode mode;
  uint32_t next_step;  ///< the first one that has not begun
  uint32_t waiting;    ///< the step before it is a job that npu_wait() has not seen the end of
};

/// Checks a network file that the CPU sees at `file` (8-byte aligned, `bytes` long): that it is
/// valid (npu_network_inspect), and its configuration hash. Does not touch the hardware. Returns
/// NPU_OK, NPU_BAD_ARGUMENT, NPU_BAD_PROGRAM or NPU_WRONG_PROGRAM.
enum npu_result npu_network_check(const struct npu_device* device, const void* file, uint32_t bytes,
                                  struct npu_network* network);

/// The tables of a checked network.
const npu_network_tensor* npu_network_tensors(const struct npu_network* network);
const npu_network_step* npu_network_steps(const struct npu_network* network);
/// Its text at `offset` of the names.
const char* npu_network_name(const struct npu_network* network, uint32_t offset);

/// Gives the states of a network (header->state_count) what they hold before the first run: call it
/// once the arena is there, and whenever a new sequence begins, but not during a run. Between runs
/// the arena's bytes must stay as they are; networks without states do not ask for that. Returns
/// NPU_OK or NPU_BAD_ARGUMENT.
enum npu_result npu_network_reset_state(const struct npu_network* network, void* arena_view);

/// Begins a run: the steps up to the first job of the NPU are done, and that is started. `network`
/// must outlive the run. Returns NPU_OK, NPU_BUFFER_TOO_SMALL, NPU_BAD_ARGUMENT, NPU_BUSY (nobody
/// has seen the end of the last job), or what npu_submit() returns.
enum npu_result npu_network_begin(struct npu_network_run* run, struct npu_device* device,
                                  const struct npu_network* network,
                                  const struct npu_network_memory* memory, enum npu_wait_mode mode);

/// Goes on after npu_wait() has seen the end of a job: up to the start of the next one. Nothing is
/// left to do when run->waiting is 0 then. Returns NPU_OK, or what npu_submit() returns.
enum npu_result npu_network_continue(struct npu_network_run* run);

/// Waits for the end of the run for at most `timeout` ticks (0: looks once) and does what the CPU
/// has to do in it. Returns NPU_OK, NPU_BAD_ARGUMENT, NPU_TIMEOUT (may be called again), or what
/// npu_wait() and npu_submit() return; the run has then ended.
enum npu_result npu_network_wait(struct npu_network_run* run, uint64_t timeout);

#ifdef __cplusplus
}
#endif

#endif  // NPUGEN_SW_DRIVER_NPU_NETWORK_H_

// SPDX-License-Identifier: Apache-2.0
// Driver of an npugen NPU: freestanding C11 without allocation, without libc and without global
// state.
//
// The same source drives the verilated model on a host and the real thing on a bare-metal CPU; all
// that differs is struct npu_platform. Typical use:
//
//     struct npu_device device;
//     npu_init(&device, &platform, NPU_CONFIG_HASH);
//     npu_program_check(&device, file, file_bytes, &program);
//     npu_submit(&device, &program, &buffers, NPU_WAIT_INTERRUPT);
//     npu_wait(&device, timeout);
//
// Functions are not reentrant for one device; devices are independent of each other.
#ifndef NPUGEN_SW_DRIVER_NPU_DRIVER_H_
#define NPUGEN_SW_DRIVER_NPU_DRIVER_H_

#include <stdint.h>

#include "sw/compiler/program_format.h"

#ifdef __cplusplus
extern "C" {
#endif

/// Version of the command set and the register interface that this driver speaks.
#define NPU_DRIVER_INTERFACE_VERSION 4u

/// Cycles for npu_set_bus_timeout(): what hardware begins with, and the most it can count.
#define NPU_BUS_TIMEOUT_DEFAULT 65536u
#define NPU_BUS_TIMEOUT_MAX 1048575u

/// What a call came to. Every value but NPU_OK means that nothing was started or finished.
enum npu_result {
  NPU_OK = 0,
  NPU_BAD_ARGUMENT = 1,      ///< a null pointer, or a state that the call does not allow
  NPU_NO_DEVICE = 2,         ///< the identity register does not read as an NPU
  NPU_BAD_VERSION = 3,       ///< the hardware speaks another version of the register interface
  NPU_WRONG_HARDWARE = 4,    ///< the hardware has another configuration than the caller expects
  NPU_BAD_PROGRAM = 5,       ///< the image is no program, is truncated or inconsistent
  NPU_WRONG_PROGRAM = 6,     ///< the program was compiled for another configuration
  NPU_BUFFER_TOO_SMALL = 7,  ///< a buffer is too small or misaligned
  NPU_BUSY = 8,              ///< a job runs
  NPU_NEEDS_RESET = 9,       ///< an earlier job failed: call npu_reset() first
  NPU_TIMEOUT = 10,          ///< no end within the time given; the job still runs
  NPU_HARDWARE_ERROR = 11,   ///< the job failed: npu_error() tells why
  NPU_BAD_ADDRESS = 12,      ///< a buffer reaches beyond the addresses of the bus
  NPU_NOT_SUPPORTED = 13,    ///< this NPU was made without what the call needs
};

/// How npu_wait() spends its time; chosen by npu_submit().
enum npu_wait_mode {
  NPU_WAIT_POLL = 0,       ///< reads the status register over and over; no interrupt is raised
  NPU_WAIT_INTERRUPT = 1,  ///< sleeps in npu_platform::wait_for_interrupt between reads
};

/// The machine around the NPU. All function pointers but `wait_for_interrupt` and `memory_barrier`
/// must be set; it must outlive the devices that use it.
struct npu_platform {
  /// Reads the register at byte `offset` (0..4092, a multiple of 4).
  uint32_t (*read32)(void* context, uint32_t offset);
  /// Writes it. Writes must reach the NPU in program order.
  void (*write32)(void* context, uint32_t offset, uint32_t value);
  /// A counter that never runs backwards; its unit, the tick, is the platform's choice.
  uint64_t (*time)(void* context);
  /// Sleeps until the NPU's interrupt line is high, or any shorter time. It must not sleep when the
  /// line is high already. On a CPU: call npu_wait() with interrupts disabled, wake up from the
  /// pending interrupt, enable interrupts for a moment so that the handler runs, disable them,
  /// return. Null: NPU_WAIT_INTERRUPT polls.
  void (*wait_for_interrupt)(void* context);
  /// Makes the CPU's earlier stores visible to the NPU and the NPU's visible to later loads (a
  /// fence, or cache maintenance). Null: memory is coherent and ordered.
  void (*memory_barrier)(void* context);
  void* context;  ///< handed to all functions
};

/// The shape of the hardware, read from its registers.
struct npu_capabilities {
  uint32_t lanes;              ///< per core
  uint32_t simd;               ///< MACs per lane and cycle
  uint32_t cores;              ///< per PE
  uint32_t post_width;         ///< results post-processed per cycle
  uint32_t grid_x, grid_y;     ///< PE columns and rows
  uint32_t accumulators;       ///< entries per lane and half
  uint32_t axi_bytes;          ///< bytes per bus beat
  uint32_t address_bits;       ///< of the bus, 32..64
  uint32_t pe_memory_bytes;    ///< per PE
  uint32_t core_memory_bytes;  ///< per core
  uint32_t watchdog;           ///< 1: npu_set_bus_timeout() works
  uint32_t memory_clear;       ///< 1: npu_clear() works
};

/// One NPU. The fields belong to the driver.
struct npu_device {
  const struct npu_platform* platform;
  uint64_t config_hash;
  struct npu_capabilities capabilities;
  uint64_t pending_token;        ///< cache token to set when the running job ends well
  uint32_t use_interrupt;        ///< of the running job
  uint32_t warm;                 ///< the last job submitted found its parameters in core memory
  uint32_t job_started;          ///< npu_submit() succeeded and npu_wait() has not seen the end
  volatile uint32_t interrupts;  ///< interrupts taken by npu_interrupt()
};

/// A checked program. It points into the file, which must stay in place and unchanged.
struct npu_program {
  const void* file;
  const struct npu_program_header* header;
};

/// A piece of memory that the NPU can reach.
struct npu_buffer {
  uint64_t address;  ///< as the NPU's bus master sees it
  uint32_t bytes;
};

/// Memory for one job, aligned to NPU_PROGRAM_ALIGNMENT. Buffers that the program does not use may
/// have size 0.
struct npu_buffers {
  struct npu_buffer program;  ///< the whole program file, as it was checked
  struct npu_buffer scratch;  ///< working memory; its content is lost
  struct npu_buffer input;    ///< the input tensors, at the offsets of the program's table
  struct npu_buffer output;   ///< the output tensors
};

/// Why a job failed.
struct npu_error_report {
  uint32_t code;     ///< NPU_ERROR_...
  uint32_t engine;   ///< NPU_ENGINE_*
  uint32_t tag;      ///< tag (layer number) of the command, where known
  uint64_t address;  ///< bus address, or PE or core memory address for NPU_ERROR_LOCAL_BOUNDS, or
                     ///< number of the window for NPU_ERROR_WINDOW_RANGE
};

/// Number of causes that cycles are charged to.
#define NPU_CAUSE_COUNT 8u

/// Hardware counters of the last job; they wrap at 32 bits.
struct npu_counters {
  uint32_t cycles;  ///< from doorbell to interrupt
  uint32_t bytes_read;
  uint32_t bytes_written;
  uint32_t commands;
  uint32_t cause[NPU_CAUSE_COUNT];  ///< cycles by cause; they add up to `cycles`
};

/// Finds the NPU and checks that it is the one meant: identity, interface version and configuration
/// hash (NPU_CONFIG_HASH of the generated npu_config.h). Leaves interrupts disabled. Returns
/// NPU_OK, NPU_BAD_ARGUMENT, NPU_NO_DEVICE, NPU_BAD_VERSION or NPU_WRONG_HARDWARE.
enum npu_result npu_init(struct npu_device* device, const struct npu_platform* platform,
                         uint64_t expected_config_hash);

/// Checks a program file that the CPU sees at `file` (8-byte aligned, `bytes` long, neither more
/// nor less): that it is valid (npu_program_inspect), and its configuration hash. Does not touch
/// the hardware. Returns NPU_OK, NPU_BAD_ARGUMENT, NPU_BAD_PROGRAM or NPU_WRONG_PROGRAM.
enum npu_result npu_program_check(const struct npu_device* device, const void* file, uint32_t bytes,
                                  struct npu_program* program);

/// Starts a job: sets the four windows and rings the doorbell. When core memory still holds the
/// program's parameters from its last run on this device, the stream that does not load them again
/// is taken. Returns NPU_OK, NPU_BAD_ARGUMENT, NPU_BUFFER_TOO_SMALL, NPU_BAD_ADDRESS, NPU_BUSY or
/// NPU_NEEDS_RESET.
enum npu_result npu_submit(struct npu_device* device, const struct npu_program* program,
                           const struct npu_buffers* buffers, enum npu_wait_mode mode);

/// Waits for the end of the job for at most `timeout` ticks (0: looks once).
/// Returns NPU_OK, NPU_BAD_ARGUMENT (no job was submitted), NPU_TIMEOUT or NPU_HARDWARE_ERROR.
enum npu_result npu_wait(struct npu_device* device, uint64_t timeout);

/// To be called by the platform's interrupt handler: takes the interrupt line back.
void npu_interrupt(struct npu_device* device);

/// Stops whatever runs, waits until the bus is quiet and clears errors, for at most `timeout`
/// ticks. The device is then as after npu_init(); cached parameters are forgotten. A bus that does
/// not answer is waited for as long as npu_set_bus_timeout() says. Returns NPU_OK, NPU_BAD_ARGUMENT
/// or NPU_TIMEOUT.
enum npu_result npu_reset(struct npu_device* device, uint64_t timeout);

/// The same, and writes 0 to all memories of the NPU: nothing of earlier jobs is left in it. Takes
/// one more cycle for each row of its deepest memory. Returns NPU_OK, NPU_BAD_ARGUMENT,
/// NPU_NOT_SUPPORTED (nothing was done) or NPU_TIMEOUT.
enum npu_result npu_clear(struct npu_device* device, uint64_t timeout);

/// Sets after how many cycles without any answer of the bus a job fails with NPU_ERROR_BUS_TIMEOUT:
/// not before `cycles`, and before twice as many. 0: never. Holds until the next hardware reset,
/// after which it is NPU_BUS_TIMEOUT_DEFAULT. Returns NPU_OK, NPU_BAD_ARGUMENT (more than
/// NPU_BUS_TIMEOUT_MAX) or NPU_NOT_SUPPORTED.
enum npu_result npu_set_bus_timeout(struct npu_device* device, uint32_t cycles);

/// Reads why the last job failed; code NPU_ERROR_NONE if it did not.
void npu_error(const struct npu_device* device, struct npu_error_report* report);

/// Reads the counters of the last job.
void npu_read_counters(const struct npu_device* device, struct npu_counters* counters);

/// Forgets that core memory holds parameters: the next job loads everything.
void npu_forget_parameters(struct npu_device* device);

/// One sentence without a full stop on an NPU_ERROR_ code; never null.
const char* npu_error_text(uint32_t code);

/// The same for a result.
const char* npu_result_text(enum npu_result result);

#ifdef __cplusplus
}
#endif

#endif  // NPUGEN_SW_DRIVER_NPU_DRIVER_H_

// SPDX-License-Identifier: Apache-2.0
// The C interface of a verilated NPU in a shared object: registers, memory, time, counters.
//
// `npugen build` compiles one such object for each configuration; everything that drives an NPU on
// a host (runtime, tests, firmware under emulation) sees only this file. The one exported symbol is
// npu_model_get_interface().
#ifndef NPUGEN_VERIF_SIM_NPU_MODEL_ABI_H_
#define NPUGEN_VERIF_SIM_NPU_MODEL_ABI_H_

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// Changes with every incompatible change of this file.
#define NPU_MODEL_ABI_VERSION 5u

/// Causes that a cycle can be charged to (4-bit codes of the trace port).
#define NPU_MODEL_CAUSES 16u

struct npu_model;  // one simulated NPU with its memory

/// Settings of a model. Zero-initialize, then set what matters.
struct npu_model_settings {
  uint8_t* memory;       ///< host memory behind the bus, owned by the caller, outlives the model
  uint64_t memory_base;  ///< its bus address
  uint64_t memory_bytes;
  uint32_t read_latency;   ///< cycles from an accepted address to the first beat, at least 1
  uint32_t write_latency;  ///< cycles from the last beat to the response, at least 1
  uint32_t stall;          ///< probability in 1/65536 that a bus channel pauses in a cycle
  uint32_t interleave;     ///< 1: beats of different read ids come mixed
  uint64_t seed;           ///< of the random pauses
  /// Seed of what flip-flops, memories and inputs hold at power-up; 0: all of them are 0.
  uint64_t power_up_seed;
  const char* waves;      ///< FST file to write, or null; only in models built with waves
  uint64_t waves_from;    ///< first cycle in the file
  uint64_t waves_cycles;  ///< cycles in the file; 0: all that follow
  /// "hbm2", "hbm2e" or "hbm3": read_latency and write_latency are those of the way to its
  /// controller. Null: a memory that answers after its latency.
  const char* dram;
  uint32_t dram_channels;  ///< 1, 2, 4, 8 or 16
  double cycle_fs;         ///< a clock cycle of the NPU in femtoseconds; matters for a DRAM only
};

/// What the memory and the trace port saw since npu_model_interface::clear_trace.
struct npu_model_counters {
  uint64_t cycles;                     ///< clock cycles since the model was made
  uint64_t read_bursts, read_beats;    ///< on the bus, since the model was made
  uint64_t write_bursts, write_beats;  ///< likewise
  uint64_t violations;                 ///< of the AXI protocol by the NPU
  uint32_t bus_bytes;                  ///< bytes per beat
  uint32_t irq;                        ///< level of the interrupt line
  /// Of the DRAM, since the model was made: bursts of 32 bytes, rows opened, refreshes.
  uint64_t dram_reads, dram_writes, dram_activates, dram_refreshes;
};

/// Kinds of events. Units have the numbers of generator/arch/engines.def: PE p is the last one + p.
enum npu_model_event_kind {
  /// Cycles charged to cause `number` and command `tag`. These follow one another without gaps.
  NPU_MODEL_EVENT_CAUSE = 0,
  /// Unit `number` has a command. The dispatcher: `first` is when its first entry is gone. LOAD
  /// (whose commands overlap, as those of STORE): `first` is when its waits hold.
  NPU_MODEL_EVENT_COMMAND = 1,
  /// Unit `number` has none and waits for a barrier. The dispatcher has one and is blocked: a queue
  /// is full, or FENCE and END wait for the engines.
  NPU_MODEL_EVENT_WAIT = 2,
  /// Barrier `number` counts `amount` more; bytes of a LOAD are gathered over a few cycles.
  NPU_MODEL_EVENT_ARRIVAL = 3,
  /// Bursts of AXI id `number` from the accepted address to the last beat or the answer; data from
  /// `first` to `last`; `amount` is the bytes of beats read, or of strobes written.
  NPU_MODEL_EVENT_READ = 4,
  NPU_MODEL_EVENT_WRITE = 5
};

/// Something that took place in the cycles `begin` to `end` - 1, counted from the doorbell.
struct npu_model_event {
  uint64_t begin, first, last, end;
  uint64_t address;
  uint32_t amount;
  uint16_t tag;
  uint8_t kind;  ///< npu_model_event_kind
  uint8_t number;
};

/// What was recorded of one job.
struct npu_model_timeline {
  const struct npu_model_event* events;  ///< in the order in which they end
  uint64_t count;
  uint64_t first_cycle;  ///< of the doorbell, counted since the model was made
  uint64_t cycles;       ///< recorded
  uint32_t cut;          ///< 1: the job went on when there were too many events
};

/// Cycles of a netlist that were recorded: what its registers, memories and inputs gave in each of
/// them and in the next one.
struct npu_model_states {
  const uint8_t*
      bits;         ///< cycle by cycle: the state, then that of the next cycle; lowest bit first
  uint64_t count;   ///< cycles recorded
  uint64_t cycles;  ///< cycles that they stand for
  uint32_t state_bytes;  ///< of one state
};

/// Function table. No function is thread safe for one model; models are independent.
struct npu_model_interface {
  uint32_t abi_version;  ///< NPU_MODEL_ABI_VERSION
  uint32_t has_waves;    ///< 1: settings.waves is honoured
  uint32_t has_states;   ///< 1: record_states works

  /// A model just after reset. Null when memory is short or the wave file cannot be written.
  struct npu_model* (*create)(const struct npu_model_settings* settings);
  void (*destroy)(struct npu_model* model);

  /// One AXI4-Lite access at byte `offset`; a few cycles pass. Return the AXI response (0: okay),
  /// or 255 when the NPU did not answer within 10 000 cycles. `strobe` has one bit per byte.
  uint32_t (*read_register)(struct npu_model* model, uint32_t offset, uint32_t* value);
  uint32_t (*write_register)(struct npu_model* model, uint32_t offset, uint32_t value,
                             uint32_t strobe);

  /// Runs for `cycles` cycles, with `until_irq` at most until the interrupt line is high. Returns
  /// the cycles run.
  uint64_t (*run)(struct npu_model* model, uint64_t cycles, uint32_t until_irq);

  /// Holds the hardware reset for a few cycles; memory keeps its content.
  void (*hardware_reset)(struct npu_model* model);

  /// Bus beats that touch [address, address + bytes) answer with `response` (2: slave error, 3:
  /// decode error). clear_errors removes all such ranges.
  void (*add_error_range)(struct npu_model* model, uint64_t address, uint64_t bytes,
                          uint32_t response);
  void (*clear_errors)(struct npu_model* model);

  /// Makes a channel of the bus (0 AR, 1 R, 2 AW, 3 W, 4 B) fall silent after `transfers` more
  /// transfers on it. unmute ends that. drop_answers: what is under way is never answered.
  void (*mute)(struct npu_model* model, uint32_t channel, uint64_t transfers);
  void (*unmute)(struct npu_model* model);
  void (*drop_answers)(struct npu_model* model);

  void (*read_counters)(struct npu_model* model, struct npu_model_counters* counters);

  /// Cycles with a job running, by layer tag and cause: element tag * NPU_MODEL_CAUSES + cause, for
  /// tags 0..*tags - 1 (the largest seen, at most 65535). The array lives as long as the model.
  const uint64_t* (*trace)(struct npu_model* model, uint32_t* tags);
  void (*clear_trace)(struct npu_model* model);

  /// Records the timeline of the next job, until it has `limit` events; 0 records none. What was
  /// recorded before is lost.
  void (*record_timeline)(struct npu_model* model, uint64_t limit);
  /// Ends the recording if it goes on. The events live until record_timeline.
  void (*read_timeline)(struct npu_model* model, struct npu_model_timeline* timeline);

  /// Records states of the netlist in the cycles of `run` from now on, at least `least` of them (as
  /// far as there are so many cycles) and less than twice as many, spread at random: one of every
  /// so many cycles. 0 ends the recording. Only models of netlists (has_states) do that.
  void (*record_states)(struct npu_model* model, uint64_t least, uint64_t seed);
  /// What was recorded since record_states; lives until the next call of it.
  void (*read_states)(struct npu_model* model, struct npu_model_states* states);

  /// Text of the `index`-th recorded violation of the AXI protocol, or null beyond the last.
  const char* (*violation)(struct npu_model* model, uint32_t index);
};

/// The table of this model.
const struct npu_model_interface* npu_model_get_interface(void);

#ifdef __cplusplus
}
#endif

#endif  // NPUGEN_VERIF_SIM_NPU_MODEL_ABI_H_

// SPDX-License-Identifier: Apache-2.0
// Constants of the performance model: what the RTL's pipelines add to the counts that command
// fields give. Each one names the module and the registers that it counts; when RTL changes there,
// it changes here and nowhere else.
#pragma once

#include <cstdint>

namespace npugen::timing {

/// Cycles and depths of the hardware, fixed in RTL (not configurable by a spec).
struct Calibration {
  // npu_fetch: MaxInFlight, SpecEntries and the 16 of MostBeats.
  uint32_t fetch_bursts = 2;
  uint32_t fetch_first_entries = 32;
  uint32_t fetch_burst_beats = 16;

  // npu_command_queue: u_entries is an npu_ram_fifo without bypass: an entry that does not go
  // straight to the next-command register is seen this many cycles after its push.
  uint32_t queue_entry_delay = 2;

  // npu_load: ContextDepth, WaitDepth; u_run_queue holds Outstanding + load_extra_runs.
  uint32_t load_contexts = 4;
  uint32_t load_waits = 4;
  uint32_t load_extra_runs = 4;
  // npu_dma_runs: first run shown this many cycles after the command is taken (setup_q, valid_q).
  uint32_t runs_setup = 2;
  // npu_load, npu_store: signal_valid_q, then npu_barriers' counts_q: a command's arrival is seen
  // by waits this many cycles after its last word (LOAD) or answer (STORE).
  uint32_t dma_signal = 2;
  // npu_store: StageDepth, depth of u_run_queue.
  uint32_t store_stage = 16;
  uint32_t store_runs = 4;
  // npu_dma: u_requests; npu_pe_memory: read data in the cycle after the grant; the staging
  // memory's bypass register: a word read by the bus side can be realigned so many cycles after it
  // is asked for.
  uint32_t memory_read_delay = 3;
  // npu_row_writer, npu_pe_memory: MaxWait, refusals after which a bus access goes first.
  uint32_t bus_max_wait = 8;

  // npu_fetch_ahead: the loops' registers, three stages of npu_fetch_places, and the queue's head:
  // the first grant of a command comes so many cycles later than the first step of its loops.
  uint32_t fetch_ahead = 4;
  // npu_weight_loader: arrived_q, with `follow` a row may be requested so many cycles after its
  // bytes are seen in the barrier.
  uint32_t follow_delay = 1;
  // npu_sequencer to npu_drain: delay1_q, delay2_q and u_tiles: first result of a tile can be
  // issued this many cycles and one for each of lane.stages after the tile's last grant.
  uint32_t drain_delay = 2;
  // npu_drain: record_we_q and records_valid_q: first result of a group this many cycles after the
  // cycle behind its last record row.
  uint32_t record_delay = 1;
  // npu_pe_memory's buffer and npu_pe's StRun: from the issue of the last result (npu_drain
  // result_valid_q, npu_postprocess 4 stages, write buffer, flight_q) to the cycle `finished`.
  uint32_t finish_after_result = 7;
  // npu_drain result_valid_q and npu_postprocess: from the issue of a result to the cycle in which
  // it enters the write buffer.
  uint32_t result_delay = 5;
  // npu_threshold: one stage (valid_q) in the place of the four of npu_postprocess.
  uint32_t threshold_sooner = 3;
  // npu_postprocess: cycles from one result that is added to another operand to the next (soon_o),
  // and how many more they take than others.
  uint32_t addition_pace = 5;
  uint32_t addition_later = 7;
  // npu_float_results: Steps against the four stages of npu_postprocess, and ToRound, what a result
  // takes more that goes through the multipliers twice.
  uint32_t float_later = 7;
  uint32_t float_again = 10;
  /// The same of values of bits: a chunk takes four cycles, and its residual's vectors wait for
  /// their banks.
  uint32_t value_pace = 4;
  uint32_t value_addition_pace = 5;
  uint32_t value_mean_pace = 9;
  // npu_pe: stage_valid, fire_q: from the last grant of a command that drains nothing to
  // `finished`.
  uint32_t finish_after_grant = 3;
  // npu_pe_memory: Writes of npu_pe (WriteDepth) and Reserve.
  uint32_t write_slots = 12;
  uint32_t write_reserve = 3;

  // npu_softmax: cycles of a vector besides its bytes (StFetch, rows_q of npu_operand_path, StData
  // until rd_rvalid_i), of the walk in the pass of the maximum, of the reciprocal (7 steps of
  // step_wait_q and multiplier).
  uint32_t softmax_vector = 4;
  // StSettle of the passes of the maximum (groups_valid_q) and of the sum (sum_valid_q).
  uint32_t softmax_pass_end = 2;
  uint32_t softmax_reciprocal = 28;
  // npu_argmax: the same, and the writes of the four bytes of a position.
  uint32_t argmax_vector = 3;
  uint32_t argmax_write = 4;
  // npu_softmax StSettle of the last pass: table, multiplier and output FIFO behind the last
  // request.
  uint32_t softmax_settle = 5;
  // npu_pe: cycles in StRun after rows_busy (write buffer).
  uint32_t finish_after_softmax = 1;
  uint32_t finish_after_argmax = 2;
  // npu_pe StTable: bytes of the table, one per cycle; rows take one more each.
  uint32_t lookup_table = 256;

  // npu_job: the doorbell's cycle before StRun; npu_fetch: start_q, active_q.
  uint32_t start = 3;
};

inline constexpr Calibration kCalibration;

}  // namespace npugen::timing

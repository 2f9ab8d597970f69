`default_nettype none
// SPDX-License-Identifier: Apache-2.0
// First-in first-out queue in a memory cell whose oldest word stands in registers, where a long
// path may begin: npu_ram_fifo in the same cycles, but for the time of the memory.
//
// One push and one pop per cycle (from Depth 2 on). A word that meets an empty queue is visible in
// the next cycle, and no word moves but when one comes or is taken. The queue holds Depth words and
// two more.
`include "npu_assert.svh"
module npu_front_fifo #(
  parameter int unsigned Width = 128,  // bits per word, at least 1
  parameter int unsigned Depth = 16    // words of the memory, at least 1
) (
  input  wire             clk_i,
  input  wire             rst_ni,
  input  wire             clear_i,  // drop all words
  // write side
  input  wire             valid_i,
  output wire             ready_o,  // depends on state only
  input  wire [Width-1:0] data_i,
  // read side
  output wire             valid_o,
  input  wire             ready_i,
  output wire [Width-1:0] data_o
);
  logic             push, free, straight;
  logic             behind_valid, behind_empty;
  logic             head_valid_q;
  logic [Width-1:0] behind_data, head_q;

  assign push     = valid_i && ready_o;
  assign free     = !head_valid_q || ready_i;
  assign straight = push && behind_empty && free;

  npu_ram_fifo #(
    .Width (Width),
    .Depth (Depth),
    .Bypass(1)
  ) u_behind (
    .clk_i,
    .rst_ni,
    .clear_i,
    .valid_i(valid_i && !straight),
    .ready_o,
    .data_i,
    .valid_o(behind_valid),
    .ready_i(free),
    .data_o (behind_data),
    .empty_o(behind_empty)
  );

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i) head_valid_q <= 1'b0;
    else if (free) head_valid_q <= straight || behind_valid;
  end

  always_ff @(posedge clk_i) begin
    if (free && (straight || behind_valid)) head_q <= behind_valid ? behind_data : data_i;
  end

  assign valid_o  = head_valid_q;
  assign data_o   = head_q;

  // The oldest word stays until it is taken or all are dropped.
  `NPU_ASSERT_STABLE(WordStays, valid_o, ready_i, data_o, clear_i)

  // Words have one before them up to the head, so that none moves but when one is taken.
  `NPU_ASSERT(HeadBeforeOthers, head_valid_q || !behind_valid)
  `NPU_ASSERT(OutputBeforeMemory, behind_valid || behind_empty)
endmodule : npu_front_fifo
`default_nettype wire

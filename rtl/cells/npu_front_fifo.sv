`default_nettype none
// SPDX-License-Identifier: Apache-2.0
// First-in first-out queue in a memory cell whose two oldest words stand in registers, where a long
// path may begin: npu_ram_fifo with its bypass, but for the time of the memory.
//
// One push and one pop per cycle (from Depth 2 on). A word that meets an empty queue is visible in
// the next cycle. The queue holds Depth words and three more.
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
  output wire [Width-1:0] data_o,
  // words move by themselves, so that the clock must go on
  output wire             moving_o
);
  logic             push, pop, around, free, enter;
  logic             behind_valid, behind_ready, behind_empty;
  logic             head_valid_q, second_valid_q;
  logic [Width-1:0] behind_data, head_q, second_q, enter_data;

  assign ready_o    = behind_ready;
  assign push       = valid_i && ready_o;
  assign pop        = valid_o && ready_i;
  assign free       = !second_valid_q || pop;
  assign around     = push && behind_empty && free;
  assign enter      = around || (behind_valid && free);
  assign enter_data = behind_valid ? behind_data : data_i;

  npu_ram_fifo #(
    .Width (Width),
    .Depth (Depth),
    .Bypass(0)
  ) u_behind (
    .clk_i,
    .rst_ni,
    .clear_i,
    .valid_i(valid_i && !around),
    .ready_o(behind_ready),
    .data_i,
    .valid_o(behind_valid),
    .ready_i(free),
    .data_o (behind_data),
    .empty_o(behind_empty)
  );

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i) begin
      head_valid_q   <= 1'b0;
      second_valid_q <= 1'b0;
    end else begin
      head_valid_q   <= enter || second_valid_q || (head_valid_q && !pop);
      second_valid_q <= pop ? second_valid_q && enter : second_valid_q || (head_valid_q && enter);
    end
  end

  always_ff @(posedge clk_i) begin
    if (second_valid_q ? pop : enter && (pop || !head_valid_q)) begin
      head_q <= second_valid_q ? second_q : enter_data;
    end
    if (enter) second_q <= enter_data;
  end

  assign valid_o  = head_valid_q;
  assign data_o   = head_q;
  assign moving_o = behind_valid ? !second_valid_q : !behind_empty;

  // The oldest word stays until it is taken or all are dropped.
  `NPU_ASSERT_STABLE(WordStays, valid_o, ready_i, data_o, clear_i)

  // The second word stands behind a first one.
  `NPU_ASSERT(SecondHasHead, !second_valid_q || head_valid_q)
endmodule : npu_front_fifo
`default_nettype wire

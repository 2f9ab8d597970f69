`default_nettype none
// SPDX-License-Identifier: Apache-2.0
// npu_fifo for bursts under way: where there are many of them, in a memory cell.
//
// Words come and go in the same cycles: the one at the memory's output is one of the Depth.
`include "npu_assert.svh"
module npu_burst_queue #(
  parameter int unsigned Width = 32,  // bits per word, at least 1
  parameter int unsigned Depth = 64,  // words, at least 1; up to 16 stand in registers
  localparam int unsigned CountW = $clog2(Depth + 1)
) (
  input  wire              clk_i,
  input  wire              rst_ni,
  input  wire              clear_i,   // drop all words
  // write side
  input  wire              valid_i,
  output wire              ready_o,   // depends on state only
  input  wire [Width-1:0]  data_i,
  // read side
  output wire              valid_o,
  input  wire              ready_i,
  output wire [Width-1:0]  data_o,
  // words held
  output wire [CountW-1:0] count_o
);
  if (Depth > 16) begin : gen_ram
    logic [CountW-1:0] count_q;
    logic              push, pop, empty;

    assign push = valid_i && ready_o;
    assign pop  = valid_o && ready_i;

    always_ff @(posedge clk_i) begin
      if (!rst_ni || clear_i) count_q <= '0;
      else count_q <= count_q + CountW'(push) - CountW'(pop);
    end

    npu_ram_fifo #(
      .Width(Width),
      .Depth(Depth - 1)
    ) u_words (
      .clk_i,
      .rst_ni,
      .clear_i,
      .valid_i,
      .ready_o,
      .data_i,
      .valid_o,
      .ready_i,
      .data_o,
      .empty_o(empty)
    );

    assign count_o = count_q;

    // What is held is counted, and the oldest word is at the output: as in npu_fifo.
    `NPU_ASSERT(OldestIsShown, empty == (count_q == '0) && valid_o == (count_q != '0))
    `NPU_ASSERT(FullIsFull, ready_o == (count_q != CountW'(Depth)))
  end else begin : gen_registers
    npu_fifo #(
      .Width(Width),
      .Depth(Depth)
    ) u_words (
      .clk_i,
      .rst_ni,
      .clear_i,
      .valid_i,
      .ready_o,
      .data_i,
      .valid_o,
      .ready_i,
      .data_o,
      .count_o
    );
  end
endmodule : npu_burst_queue
`default_nettype wire

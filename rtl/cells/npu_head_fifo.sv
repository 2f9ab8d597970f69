`default_nettype none
// SPDX-License-Identifier: Apache-2.0
// npu_fifo whose oldest word stands in registers of its own, where a long path may begin: words
// move up when one is taken.
`include "npu_assert.svh"
module npu_head_fifo #(
  parameter int unsigned Width = 32,  // bits per word, at least 1
  parameter int unsigned Depth = 2,   // words, at least 1
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
  if (Width < 1 || Depth < 1) begin : gen_bad
    $error("npu_head_fifo: Width and Depth must be at least 1");
  end

  logic [Width*Depth-1:0] words_q;  // the oldest one in the low bits
  logic [CountW-1:0]      count_q;
  logic                   push, pop;

  assign push = valid_i && ready_o;
  assign pop  = valid_o && ready_i;

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i) begin
      count_q <= '0;
    end else begin
      if (push && !pop) count_q <= count_q + CountW'(1);
      if (pop && !push) count_q <= count_q - CountW'(1);
    end
  end

  for (genvar i = 0; i < Depth; i++) begin : gen_word
    logic             enters;  // a word that comes in this cycle comes here
    logic [Width-1:0] above;

    assign enters = count_q == (pop ? CountW'(i + 1) : CountW'(i));
    if (i + 1 < Depth) begin : gen_above
      assign above = words_q[Width*(i+1)+:Width];
    end else begin : gen_top
      assign above = data_i;
    end
    always_ff @(posedge clk_i) begin
      if (pop || (push && enters)) words_q[Width*i+:Width] <= enters ? data_i : above;
    end
  end

  assign ready_o = count_q != CountW'(Depth);
  assign valid_o = count_q != '0;
  assign data_o  = words_q[Width-1:0];
  assign count_o = count_q;

  // The oldest word stays until it is taken or all are dropped.
  `NPU_ASSERT_STABLE(WordStays, valid_o, ready_i, data_o, clear_i)

  // There are never more words than places.
  `NPU_ASSERT(CountInRange, 32'(count_q) <= Depth)
endmodule : npu_head_fifo
`default_nettype wire

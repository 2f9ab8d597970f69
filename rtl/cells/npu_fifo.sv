`default_nettype none
// SPDX-License-Identifier: Apache-2.0
// Small first-in first-out queue in registers; the oldest word is visible without a read cycle.
//
// For more than a few words use npu_ram_fifo, which sits in a memory cell.
`include "npu_assert.svh"
module npu_fifo #(
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
    $error("npu_fifo: Width and Depth must be at least 1");
  end

  localparam int unsigned PtrW = (Depth > 1) ? $clog2(Depth) : 1;

  logic [Width-1:0]  mem[Depth];
  logic [PtrW-1:0]   read_q, write_q;
  logic [CountW-1:0] count_q;
  logic              push, pop;

  assign push = valid_i && ready_o;
  assign pop  = valid_o && ready_i;

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i) begin
      read_q  <= '0;
      write_q <= '0;
      count_q <= '0;
    end else begin
      if (push) write_q <= (write_q == PtrW'(Depth - 1)) ? '0 : write_q + PtrW'(1);
      if (pop) read_q <= (read_q == PtrW'(Depth - 1)) ? '0 : read_q + PtrW'(1);
      if (push && !pop) count_q <= count_q + CountW'(1);
      if (pop && !push) count_q <= count_q - CountW'(1);
    end
  end

  always_ff @(posedge clk_i) begin
    if (push) mem[write_q] <= data_i;
  end

  assign ready_o = count_q != CountW'(Depth);
  assign valid_o = count_q != '0;
  assign data_o  = mem[read_q];
  assign count_o = count_q;

  // The oldest word stays until it is taken or all are dropped.
  `NPU_ASSERT_STABLE(WordStays, valid_o, ready_i, data_o, clear_i)

  // There are never more words than places, and both pointers stand at a place.
  `NPU_ASSERT(CountInRange, 32'(count_q) <= Depth && 32'(read_q) < Depth && 32'(write_q) < Depth)

  // The place to write is as far behind the place to read as there are words.
  `NPU_ASSERT(PointersAgree, 32'(write_q) == (32'(read_q) + 32'(count_q)) % Depth)
endmodule : npu_fifo
`default_nettype wire

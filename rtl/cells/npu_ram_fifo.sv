`default_nettype none
// SPDX-License-Identifier: Apache-2.0
// First-in first-out queue in a memory cell, for more words than npu_fifo should hold in registers.
//
// One push and one pop per cycle (from Depth 2 on). The oldest word waits in the memory's output
// register, so the queue holds Depth words and one more. With Bypass a word that meets an empty
// queue goes around the memory and is visible in the next cycle; without, one cycle later.
`include "npu_assert.svh"
module npu_ram_fifo #(
  parameter int unsigned Width  = 128,  // bits per word, at least 1
  parameter int unsigned Depth  = 16,   // words of the memory, at least 1
  parameter int unsigned Bypass = 1     // 1: latency 1 for Width flip-flops; 0: latency 2
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
  // nothing held, neither in the memory nor at the output
  output wire             empty_o
);
  if (Width < 1 || Depth < 1 || Bypass > 1) begin : gen_bad
    $error("npu_ram_fifo: Width and Depth must be at least 1, Bypass 0 or 1");
  end

  localparam int unsigned PtrW = (Depth > 1) ? $clog2(Depth) : 1;
  localparam int unsigned CountW = $clog2(Depth + 1);

  logic [PtrW-1:0]   read_q, write_q;
  logic [CountW-1:0] count_q;  // words in the memory
  logic              valid_q;  // a word is at the output
  logic              push, ram_empty, out_free, around, ram_write, ram_read;
  logic [Width-1:0]  ram_data;

  assign push      = valid_i && ready_o;
  assign ram_empty = count_q == '0;
  assign out_free  = !valid_q || ready_i;
  assign around    = Bypass == 1 && push && ram_empty && out_free;
  assign ram_write = push && !around;
  assign ram_read  = !ram_empty && out_free;

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i) begin
      read_q  <= '0;
      write_q <= '0;
      count_q <= '0;
      valid_q <= 1'b0;
    end else begin
      if (ram_write) write_q <= (write_q == PtrW'(Depth - 1)) ? '0 : write_q + PtrW'(1);
      if (ram_read) read_q <= (read_q == PtrW'(Depth - 1)) ? '0 : read_q + PtrW'(1);
      if (ram_write && !ram_read) count_q <= count_q + CountW'(1);
      if (ram_read && !ram_write) count_q <= count_q - CountW'(1);
      if (out_free) valid_q <= ram_read || around;
    end
  end

  npu_ram_1r1w #(
    .Width(Width),
    .Depth(Depth)
  ) u_ram (
    .clk_i,
    .we_i   (ram_write),
    .waddr_i(write_q),
    .wdata_i(data_i),
    .re_i   (ram_read),
    .raddr_i(read_q),
    .rdata_o(ram_data)
  );

  if (Bypass == 1) begin : gen_bypass
    logic [Width-1:0] around_data_q;
    logic             from_ram_q;

    always_ff @(posedge clk_i) begin
      if (around) around_data_q <= data_i;
      if (around || ram_read) from_ram_q <= ram_read;
    end

    assign data_o = from_ram_q ? ram_data : around_data_q;
  end else begin : gen_no_bypass
    assign data_o = ram_data;
  end

  assign ready_o = count_q != CountW'(Depth);
  assign valid_o = valid_q;
  assign empty_o = ram_empty && !valid_q;

  // The oldest word stays until it is taken or all are dropped.
  `NPU_ASSERT_STABLE(WordStays, valid_o, ready_i, data_o, clear_i)

  // There are never more words in the memory than places, and both pointers stand at a place.
  `NPU_ASSERT(CountInRange, 32'(count_q) <= Depth && 32'(read_q) < Depth && 32'(write_q) < Depth)

  // The place to write is as far behind the place to read as there are words.
  `NPU_ASSERT(PointersAgree, 32'(write_q) == (32'(read_q) + 32'(count_q)) % Depth)

  // A word goes around the memory only where none could be overtaken.
  `NPU_ASSERT(NothingOvertakes, !around || (count_q == '0 && !(valid_q && !ready_i)))
endmodule : npu_ram_fifo
`default_nettype wire

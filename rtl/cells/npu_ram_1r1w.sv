`default_nettype none
// SPDX-License-Identifier: Apache-2.0
// One-read one-write memory with registered read: the single place where a memory macro replaces
// this cell.
//
// A read of the word that is written in the same cycle returns the old content. The output holds
// its value while re_i is low. Contents are not reset.
`include "npu_assert.svh"
module npu_ram_1r1w #(
  parameter int unsigned Width = 32,  // bits per word, at least 1
  parameter int unsigned Depth = 16,  // words, at least 1
  localparam int unsigned AddrW = (Depth > 1) ? $clog2(Depth) : 1
) (
  input  wire              clk_i,
  // write port
  input  wire              we_i,
  input  wire [AddrW-1:0]  waddr_i,
  input  wire [Width-1:0]  wdata_i,
  // read port: rdata_o is valid in the cycle after re_i
  input  wire              re_i,
  input  wire [AddrW-1:0]  raddr_i,
  output wire [Width-1:0]  rdata_o
);
  if (Width < 1 || Depth < 1) begin : gen_bad
    $error("npu_ram_1r1w: Width and Depth must be at least 1");
  end

  logic [Width-1:0] mem[Depth];
  logic [Width-1:0] rdata_q;

  always_ff @(posedge clk_i) begin
    if (re_i) rdata_q <= mem[raddr_i];
    if (we_i) mem[waddr_i] <= wdata_i;
  end

  assign rdata_o = rdata_q;

  // The output changes only after a read.
  `NPU_ASSERT_STABLE(OutputStays, 1'b1, re_i, rdata_o, 1'b0, clk_i, 1'b1)
endmodule : npu_ram_1r1w
`default_nettype wire

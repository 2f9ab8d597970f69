`default_nettype none
// SPDX-License-Identifier: Apache-2.0
// Single-port memory with byte enables and registered read: the cell behind every memory bank.
//
// One access per cycle: a write where any bit of be_i is set, else a read. The output changes only
// after a read. Contents are not reset.
`include "npu_assert.svh"
module npu_ram_1rw #(
  parameter int unsigned Bytes = 16,   // bytes per word, at least 1
  parameter int unsigned Depth = 256,  // words, at least 1
  localparam int unsigned AddrW = (Depth > 1) ? $clog2(Depth) : 1
) (
  input  wire                clk_i,
  input  wire                en_i,     // an access happens
  input  wire  [Bytes-1:0]   be_i,     // bytes to write; 0: the access is a read
  input  wire  [AddrW-1:0]   addr_i,
  input  wire  [8*Bytes-1:0] wdata_i,
  output wire  [8*Bytes-1:0] rdata_o   // valid in the cycle after a read
);
  if (Bytes < 1 || Depth < 1) begin : gen_bad
    $error("npu_ram_1rw: Bytes and Depth must be at least 1");
  end

  logic [8*Bytes-1:0] mem[Depth];
  logic [8*Bytes-1:0] rdata_q;

`ifdef SYNTHESIS
  always_ff @(posedge clk_i) begin
    if (en_i) begin
      if (be_i == '0) rdata_q <= mem[addr_i];
      for (int unsigned i = 0; i < Bytes; i++) begin
        if (be_i[i]) mem[addr_i][8*i+:8] <= wdata_i[8*i+:8];
      end
    end
  end
`else
  // The same with one write of a word: Verilator keeps track of each write of a memory on its own.
  // Four bytes at a time, whose enables a multiplication spreads over their lowest bits.
  localparam int unsigned Chunks = (Bytes + 3) / 4;

  function automatic logic [8*Bytes-1:0] merged(input logic [8*Bytes-1:0] word,
                                                input logic [8*Bytes-1:0] data,
                                                input logic [Bytes-1:0] be);
    logic [32*Chunks-1:0] result;
    logic [4*Chunks-1:0]  enables;
    logic [31:0]          mask;
    result = (32*Chunks)'(data);
    if (!(&be)) begin
      enables = (4*Chunks)'(be);
      for (int unsigned i = 0; i < Chunks; i++) begin
        mask = ((32'(enables[4*i+:4]) * 32'h00204081) & 32'h01010101) * 32'd255;
        result[32*i+:32] = (result[32*i+:32] & mask) | (32'(word >> (32 * i)) & ~mask);
      end
    end
    merged = result[8*Bytes-1:0];
  endfunction

  always_ff @(posedge clk_i) begin
    if (en_i) begin
      if (be_i == '0) rdata_q <= mem[addr_i];
      else mem[addr_i] <= merged(mem[addr_i], wdata_i, be_i);
    end
  end
`endif

  assign rdata_o = rdata_q;

  // The output changes only after a read.
  `NPU_ASSERT_STABLE(OutputStays, 1'b1, en_i && be_i == '0, rdata_o, 1'b0, clk_i, 1'b1)
endmodule : npu_ram_1rw
`default_nettype wire

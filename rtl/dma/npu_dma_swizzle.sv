`default_nettype none
// SPDX-License-Identifier: Apache-2.0
// Where a swizzled copy has a word of PE memory: chunks of 16 bytes change places within lines of
// 128 bytes, by the number of the line. Words of more than a chunk are permuted, too. All of it is
// its own inverse. Combinational.
module npu_dma_swizzle #(
  parameter int unsigned BusBytes = 16,  //@ = npu.axi.bytes  -- word bytes: 4 .. 64
  localparam int unsigned ByteW = $clog2(BusBytes)
) (
  input  wire  [1:0]  mode_i,   // 0: no swizzle; 1, 2, 3: patterns of 32, 64, 128 bytes
  input  wire  [23:0] addr_i,   // of the word, aligned
  output logic [23:0] addr_o,
  output wire  [1:0]  chunks_o  // chunk c of the word has place c ^ chunks_o
);
  logic [2:0] flips;  // of bits 6..4 of the address

  assign flips    = addr_i[9:7] & {mode_i == 2'd3, mode_i[1], mode_i != 2'd0};
  assign chunks_o = flips[1:0];

  always_comb begin
    addr_o      = addr_i;
    addr_o[6:4] = addr_i[6:4] ^ flips;
    if (ByteW > 4) addr_o[4] = addr_i[4];
    if (ByteW > 5) addr_o[5] = addr_i[5];
  end
endmodule : npu_dma_swizzle
`default_nettype wire

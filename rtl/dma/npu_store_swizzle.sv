`default_nettype none
// SPDX-License-Identifier: Apache-2.0
// Swizzled words that STORE reads: their addresses, and their chunks in order when they arrive.
module npu_store_swizzle #(
  parameter int unsigned BusBytes   = 16,  //@ = npu.axi.bytes  -- word bytes: 4 .. 64
  parameter int unsigned StageDepth = 16   // words between read_i and take_i at most
) (
  input  wire                   clk_i,
  input  wire                   rst_ni,
  input  wire                   clear_i,
  input  wire  [1:0]            mode_i,   // of npu_dma_swizzle
  input  wire  [23:0]           addr_i,   // of a word of the box, aligned
  output wire  [23:0]           addr_o,   // where PE memory has it
  input  wire                   read_i,   // it is asked for
  input  wire                   take_i,   // the oldest word is taken
  input  wire  [8*BusBytes-1:0] data_i,   // which PE memory gave
  output wire  [8*BusBytes-1:0] data_o
);
  logic [1:0] chunks;

  npu_dma_swizzle #(
    .BusBytes(BusBytes)
  ) u_swizzle (
    .mode_i,
    .addr_i,
    .addr_o,
    .chunks_o(chunks)
  );

  if (BusBytes > 16) begin : gen_chunks
    logic [1:0]                      oldest;
    logic                            unused_ready, unused_valid;
    logic [$clog2(StageDepth+1)-1:0] unused_count;
    logic [BusBytes-1:0]             unused_strb;

    npu_fifo #(
      .Width(2),
      .Depth(StageDepth)
    ) u_chunks (
      .clk_i,
      .rst_ni,
      .clear_i,
      .valid_i(read_i),
      .ready_o(unused_ready),
      .data_i (chunks),
      .valid_o(unused_valid),
      .ready_i(take_i),
      .data_o (oldest),
      .count_o(unused_count)
    );

    npu_dma_chunks #(
      .BusBytes(BusBytes)
    ) u_place (
      .chunks_i(oldest),
      .data_i,
      .strb_i  ('0),
      .data_o,
      .strb_o  (unused_strb)
    );
  end else begin : gen_straight
    logic unused_signals;
    assign unused_signals = ^{clk_i, rst_ni, clear_i, read_i, take_i, chunks};
    assign data_o         = data_i;
  end
endmodule : npu_store_swizzle
`default_nettype wire

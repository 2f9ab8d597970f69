`default_nettype none
// SPDX-License-Identifier: Apache-2.0
// Messages out of the words of npu_cxl_rx: each with its data behind it, in the order of their
// headers (docs/cxl.md, section 1).
//
// Headers may stand in front of the data of those before them, so they wait in a queue of their
// own.
`include "npu_assert.svh"
module npu_cxl_unpack #(
  parameter int unsigned Heads = 24  // headers that wait, at least as many as there are credits
) (
  input  wire         clk_i,
  input  wire         rst_ni,
  input  wire         clear_i,
  // words: {dropped, byte enables, kind 2, data 128}
  input  wire         word_valid_i,
  output wire         word_ready_o,
  input  wire [131:0] word_i,
  // messages: a header {0, byte enables, RwD, message 87}, then the chunks of RwD
  output wire         valid_o,
  input  wire         ready_i,
  output wire         chunk_o,
  output wire [127:0] data_o,
  // places that are free again
  output wire         req_free_o,
  output wire         rwd_free_o
);
  localparam logic [1:0] None = 2'd0, Data = 2'd3;
  localparam int unsigned HeadW = 90;  // {dropped, byte enables, RwD, message}

  logic [1:0]       kind;
  logic             is_head, head_ready, head_valid, pop, dropping_q, take_chunk, unused_empty;
  logic [HeadW-1:0] head;
  logic [2:0]       left_q;  // chunks of the message whose header was taken

  assign kind    = word_i[129:128];
  assign is_head = word_valid_i && kind != None && kind != Data;

  npu_ram_fifo #(
    .Width (HeadW),
    .Depth (Heads),
    .Bypass(0)
  ) u_heads (
    .clk_i,
    .rst_ni,
    .clear_i,
    .valid_i(is_head),
    .ready_o(head_ready),
    .data_i ({word_i[131:130], kind[1], word_i[86:0]}),
    .valid_o(head_valid),
    .ready_i(pop),
    .data_o (head),
    .empty_o(unused_empty)
  );

  logic in_data, has_chunk;

  assign in_data    = left_q != 3'd0;
  assign has_chunk  = in_data && word_valid_i && kind == Data;
  assign valid_o    = in_data ? has_chunk && !dropping_q : head_valid && !head[89];
  assign chunk_o    = in_data;
  assign data_o     = in_data ? word_i[127:0] : {39'd0, head[88:0]};
  assign pop        = head_valid && !in_data && (ready_i || head[89]);
  assign take_chunk = has_chunk && (ready_i || dropping_q);

  assign word_ready_o = (kind == None) || (is_head && head_ready) || take_chunk;

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i) begin
      left_q     <= 3'd0;
      dropping_q <= 1'b0;
    end else if (pop) begin
      left_q     <= !head[87] ? 3'd0 : head[88] ? 3'd5 : 3'd4;
      dropping_q <= head[89];
    end else if (take_chunk) begin
      left_q <= left_q - 3'd1;
    end
  end

  assign req_free_o = pop && !head[87];
  assign rwd_free_o = take_chunk && left_q == 3'd1;

  // What is shown stays until it is taken.
  `NPU_ASSERT_STABLE(MessageStays, valid_o, ready_i, {chunk_o, data_o}, clear_i)
endmodule : npu_cxl_unpack
`default_nettype wire

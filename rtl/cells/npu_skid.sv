`default_nettype none
// SPDX-License-Identifier: Apache-2.0
// Skid buffer: cuts the path from a consumer's ready back to the producer.
//
// ready_o is a flip-flop. A word passes in the cycle in which it comes; one that the consumer does
// not take waits in the buffer, and nothing else is taken until it has left.
`include "npu_assert.svh"
module npu_skid #(
  parameter int unsigned Width = 32  // bits of a word, at least 1
) (
  input  wire             clk_i,
  input  wire             rst_ni,
  input  wire             clear_i,  // drop the word that waits
  // producer
  input  wire             valid_i,
  output wire             ready_o,
  input  wire [Width-1:0] data_i,
  // consumer
  output wire             valid_o,
  input  wire             ready_i,
  output wire [Width-1:0] data_o,
  // a word waits
  output wire             waits_o
);
  if (Width < 1) begin : gen_bad
    $error("npu_skid: Width must be at least 1");
  end

  logic             waits_q;
  logic [Width-1:0] data_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i) waits_q <= 1'b0;
    else waits_q <= valid_o && !ready_i;
  end

  always_ff @(posedge clk_i) begin
    if (valid_i && !waits_q) data_q <= data_i;
  end

  assign ready_o = !waits_q;
  assign valid_o = valid_i || waits_q;
  assign data_o  = waits_q ? data_q : data_i;
  assign waits_o = waits_q;

  // A word stays until it is taken or dropped.
  `NPU_ASSUME_STABLE(InputStays, valid_i, ready_o, data_i, clear_i)
  `NPU_ASSERT_STABLE(WordStays, valid_o, ready_i, data_o, clear_i)
endmodule : npu_skid
`default_nettype wire

`default_nettype none
// SPDX-License-Identifier: Apache-2.0
// Queue of four words in registers that shows its two oldest ones and lets go of none, one or both.
`include "npu_assert.svh"
module npu_cxl_pair #(
  parameter int unsigned Width = 30
) (
  input  wire               clk_i,
  input  wire               rst_ni,
  input  wire               clear_i,
  // write side
  input  wire               valid_i,
  output wire               ready_o,   // depends on state only
  input  wire [Width-1:0]   data_i,
  // read side
  output wire [2:0]         count_o,   // words held
  output wire [2*Width-1:0] data_o,    // the oldest one low
  input  wire [1:0]         pop_i      // 0..2, at most count_o
);
  logic [Width-1:0] word0_q, word1_q, word2_q, word3_q;
  logic [2:0]       count_q, left;
  logic             push;

  assign push = valid_i && ready_o;
  assign left = count_q - 3'(pop_i);

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i) begin
      count_q <= 3'd0;
    end else begin
      count_q <= left + 3'(push);
    end
  end

  always_ff @(posedge clk_i) begin
    if (push && left == 3'd0) word0_q <= data_i;
    else if (pop_i[1]) word0_q <= word2_q;
    else if (pop_i[0]) word0_q <= word1_q;
    if (push && left == 3'd1) word1_q <= data_i;
    else if (pop_i[1]) word1_q <= word3_q;
    else if (pop_i[0]) word1_q <= word2_q;
    if (push && left == 3'd2) word2_q <= data_i;
    else if (pop_i[0]) word2_q <= word3_q;
    if (push && left == 3'd3) word3_q <= data_i;
  end

  assign ready_o = count_q != 3'd4;
  assign count_o = count_q;
  assign data_o  = {word1_q, word0_q};

  // Nothing is taken that is not there.
  `NPU_ASSUME(PopsWhatIsThere, 3'(pop_i) <= count_q)

  // There are never more words than places.
  `NPU_ASSERT(CountInRange, count_q <= 3'd4)
endmodule : npu_cxl_pair
`default_nettype wire

`default_nettype none
// SPDX-License-Identifier: Apache-2.0
// Rows of a floating-point step: products moved down to the largest one, in a window of 27 bits,
// and inverted where they are below zero. Integers stay in the upper 16 bits.
module npu_float_align #(
  parameter int unsigned Simd  = 16,  //@ = lane.simd  -- bytes, even, 2..16
  localparam int unsigned Pairs = Simd / 2
) (
  input  wire                 integers_i,
  input  wire  [16*Simd-1:0]  products_i,
  input  wire  [Simd-1:0]     negative_i,
  input  wire  [9*Pairs-1:0]  low_exponents_i,
  input  wire  [6*Pairs-1:0]  high_exponents_i,
  input  wire  [8:0]          largest_i,
  output wire  [27*Simd-1:0]  rows_o,
  output wire  [Simd-1:0]     ones_o,   // to be added to a row
  output wire  [Simd-1:0]     below_o   // rows that count 2^27 less
);
  for (genvar i = 0; i < Pairs; i++) begin : gen_pair
    wire [8:0]  low_distance;
    wire [5:0]  high_distance;
    wire [15:0] low, high;
    wire [26:0] low_moved, high_moved;
    assign low           = products_i[32*i+:16];
    assign high          = products_i[32*i+16+:16];
    assign low_distance  = largest_i - low_exponents_i[9*i+:9];
    assign high_distance = largest_i[5:0] - high_exponents_i[6*i+:6];
    // Down by 16 and not at all where the distance says so, by more than that where neither holds.
    wire [26:0] low_near, high_near;
    wire        low_stays, low_falls, high_stays, high_falls;
    assign low_stays  = low_distance[8:4] == '0;
    assign low_falls  = low_distance[8:4] == 5'd1;
    assign high_stays = high_distance[5:4] == '0;
    assign high_falls = high_distance[5:4] == 2'd1;
    assign low_near   = {low, 11'd0} >> low_distance[3:0];
    assign low_moved  = (low_near & {27{low_stays}}) |
                        {16'd0, low_near[26:16] & {11{low_falls}}};
    // Odd bytes are FP8, whose products have zeros below, or integers, which do not move.
    assign high_near  = {high[15:8], 19'd0} >> high_distance[3:0];
    assign high_moved = (high_near & {27{high_stays}}) |
                        {16'd0, high_near[26:16] & {11{high_falls}}} |
                        {8'd0, high[7:0], 11'd0};

    assign ones_o[2*i]    = negative_i[2*i] && !integers_i;
    assign ones_o[2*i+1]  = negative_i[2*i+1] && !integers_i;
    assign below_o[2*i]   = integers_i ? low[15] : negative_i[2*i];
    assign below_o[2*i+1] = integers_i ? high[15] : negative_i[2*i+1];
    assign rows_o[54*i+:27]    = low_moved ^ {27{ones_o[2*i]}};
    assign rows_o[54*i+27+:27] = high_moved ^ {27{ones_o[2*i+1]}};
  end
endmodule : npu_float_align
`default_nettype wire

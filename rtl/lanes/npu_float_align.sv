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
    assign low_moved     = ({low, 11'd0} >> low_distance[4:0]) & {27{low_distance[8:5] == '0}};
    // Odd bytes are FP8, whose products have zeros below, or integers, which do not move.
    assign high_moved    = (({high[15:8], 19'd0} >> high_distance[4:0]) & {27{!high_distance[5]}}) |
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

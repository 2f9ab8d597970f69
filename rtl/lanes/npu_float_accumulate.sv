`default_nettype none
// SPDX-License-Identifier: Apache-2.0
// Last three stages of a floating-point lane: a step's sum of products is added to an FP32 sum, with
// one rounding to nearest even; sums of integers are added as such.
//
// step_i, unit_i, nan_i and sum_i are those of the cycle with take_i; sum_o follows two cycles
// later, combinationally behind the second stage's registers. A NaN comes out as 7fc00000.
//
// The step counts step_i * 2^(unit_i - 158), the sum as an integer of 33 bits with eight guard bits
// 2^(e - 158). The one of the smaller unit is cut at the larger one's (towards minus infinity).
// Only where the sum is 0 what is cut off a step matters for rounding: its last bit holds on to it.
module npu_float_accumulate (
  input  wire         clk_i,
  input  wire         take_i,
  input  wire         integers_i,
  input  wire  [31:0] step_i,   // of integers: times 2^11
  input  wire  [9:0]  unit_i,   // signed, -254..511
  input  wire         nan_i,    // the step makes the sum NaN
  input  wire  [31:0] sum_i,
  output wire  [31:0] sum_o
);
  // Which one has the larger unit, and how far the other one moves.
  wire        sign, sum_zero, step_zero, sum_first;
  wire [7:0]  field, exponent;
  wire [9:0]  step_above, sum_above, distance;
  assign sign       = sum_i[31];
  assign field      = sum_i[30:23];
  assign exponent   = {field[7:1], field[0] | (field == '0)};
  assign sum_zero   = sum_i[30:0] == '0;
  assign step_zero  = step_i == '0;
  assign step_above = unit_i - {2'd0, exponent};
  assign sum_above  = {2'd0, exponent} - unit_i;
  assign sum_first  = step_above[9] || step_zero || integers_i;
  assign distance   = integers_i ? 10'd11 : step_above[9] ? sum_above : step_above;

  // The sum as a complement without its one, which is added below: it stays one when it moves.
  wire [32:0] sum_bits, step_bits, fixed, from;
  assign sum_bits  = integers_i ? {sum_i[31], sum_i}
                                : {sign, {field != '0, sum_i[22:0], 8'd0} ^ {32{sign}}};
  assign step_bits = {step_i[31], step_i};
  assign fixed     = sum_first ? sum_bits : step_bits;
  assign from      = sum_first ? step_bits : sum_bits;

  // Moves down by powers of two; `lost` says whether what is cut had a one (of a complement: a 0).
  logic [32:0] moved;
  logic        lost;
  wire         complement;
  assign complement = !sum_first && sign;
  always_comb begin
    moved = from;
    lost  = 1'b0;
    for (int unsigned b = 0; b < 6; b++) begin
      if (distance[b]) begin
        for (int unsigned k = 0; k < 33; k++) begin
          if (k < (32'd1 << b)) lost = lost || (moved[k] != complement);
        end
        moved = 33'($signed(moved) >>> (32'd1 << b));
      end
    end
    if (distance[9:6] != '0) begin
      lost  = lost || moved != {33{complement}};
      moved = {33{from[32]}};
    end
  end

  logic [32:0] first_q, second_q;
  logic        one_q, nan_q, infinity_q, sign_q, keep_sign_q;
  logic [8:0]  unit_q;  // of the sum: at least 1
  always_ff @(posedge clk_i) begin
    if (take_i) begin
      first_q     <= fixed;
      second_q    <= moved;
      second_q[0] <= moved[0] | (lost && sum_zero && sum_first && !integers_i);
      one_q       <= sign && !integers_i && !(lost && !sum_first);
      unit_q      <= sum_first ? {1'b0, exponent} : unit_i[8:0];
      nan_q       <= nan_i || (field == '1 && sum_i[22:0] != '0);
      infinity_q  <= field == '1;
      sign_q      <= sign;
      keep_sign_q <= sign && sum_zero && step_zero;
    end
  end

  // Second stage: the sum, inverted where it is below zero, and the zeros in front of it. A marker
  // keeps them from being more than the exponent can go down.
  logic        taken_q;
  wire  [33:0] added;
  wire         below;
  wire  [32:0] size, marked;
  assign added  = {first_q[32], first_q} + {second_q[32], second_q} + 34'(one_q);
  assign below  = added[33] && !integers_i;
  assign size   = added[32:0] ^ {33{below}};
  assign marked = size | ((unit_q[8:6] == '0) ? 33'h100000000 >> unit_q[5:0] : '0);

  logic [5:0] zeros;
  always_comb begin
    zeros = 6'd33;
    for (int unsigned k = 0; k < 33; k++) begin
      if (marked[k]) zeros = 6'(32 - k);
    end
  end

  logic [32:0] size_q;
  logic [5:0]  zeros_q;
  logic [8:0]  size_unit_q;
  logic        below_q, size_nan_q, size_infinity_q, size_sign_q, zero_sign_q;
  always_ff @(posedge clk_i) begin
    taken_q <= take_i;
    if (taken_q) begin
      size_q          <= size;
      zeros_q         <= zeros;
      size_unit_q     <= unit_q;
      below_q         <= below;
      size_nan_q      <= nan_q;
      size_infinity_q <= infinity_q;
      size_sign_q     <= sign_q;
      zero_sign_q     <= keep_sign_q;
    end
  end

  // Third stage: moved up and rounded. Of a number below zero ones come up behind, and the one that
  // its complement lacks is added with the rounding.
  wire [32:0] up;
  wire [23:0] kept;
  wire [8:0]  rest, lowered;
  wire        rounds_up, is_zero;
  wire [31:0] packed_sum;  // an exponent of nine bits, and the fraction
  assign up         = (size_q << zeros_q) | (~({33{1'b1}} << zeros_q) & {33{below_q}});
  assign kept       = up[32:9];
  assign rest       = up[8:0];
  assign rounds_up  = rest[8] && (below_q || rest[7:0] != '0 || kept[0]) ||
                      below_q && rest[7:0] == '1 && kept[0];
  assign lowered    = size_unit_q - {3'd0, zeros_q};
  assign packed_sum = {lowered, 23'd0} + {8'd0, kept} + 32'(rounds_up);
  assign is_zero    = zeros_q == 6'd33 && !below_q;

  logic [31:0] sum;
  always_comb begin
    sum = {below_q || zero_sign_q, packed_sum[30:0]};
    if (packed_sum[31] || packed_sum[30:23] == '1) sum = {below_q, 8'hff, 23'd0};
    if (is_zero) sum = {zero_sign_q, 31'd0};
    if (size_infinity_q) sum = {size_sign_q, 8'hff, 23'd0};
    if (size_nan_q) sum = 32'h7fc00000;
    if (integers_i) sum = size_q[31:0];
  end
  assign sum_o = sum;

endmodule : npu_float_accumulate
`default_nettype wire

`default_nettype none
// SPDX-License-Identifier: Apache-2.0
// Last three stages of a floating-point lane: a step's sum of products is added to an FP32 sum with
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
  // Which one has the larger unit, and how far the other one moves. A step moves by one before, so
  // that its distance is the complement.
  wire        sign, sum_zero, step_zero, sum_first;
  wire [7:0]  field, exponent;
  wire [9:0]  step_above, distance;
  assign sign       = sum_i[31];
  assign field      = sum_i[30:23];
  assign exponent   = {field[7:1], field[0] | (field == '0)};
  assign sum_zero   = sum_i[30:0] == '0;
  assign step_zero  = step_i == '0;
  // The zeros of a field are known late: what they give is computed beside what others give.
  assign step_above = (field == '0) ? unit_i - 10'd1 : unit_i - {2'd0, field};
  assign sum_first  = step_above[9] || step_zero || integers_i;
  assign distance   = integers_i ? 10'd10 : step_above ^ {10{step_above[9]}};

  // The sum as a complement without its one, which is added below: it stays one when it moves.
  wire [32:0] sum_bits, step_bits, fixed, from;
  wire        complement;
  assign sum_bits   = integers_i ? {sum_i[31], sum_i}
                                 : {sign, {field != '0, sum_i[22:0], 8'd0} ^ {32{sign}}};
  assign step_bits  = {step_i[31], step_i};
  assign fixed      = sum_first ? sum_bits : step_bits;
  assign from       = sum_first ? {step_i[31], step_bits[32:1]} : sum_bits;
  assign complement = !sum_first && sign;

  // Moves down, by multiples of eight here; `lost_far` says whether what is cut has a one (of a
  // complement: a 0). From 32 on nothing is left.
  wire [32:0] near, far;
  wire        beyond, lost_far;
  wire [3:0]  sum_some, step_some, some;  // bytes with a one
  assign beyond    = distance[9:5] != '0;
  assign near      = distance[3] ? 33'($signed(from) >>> 8) : from;
  assign far       = (distance[4] || beyond)
                         ? (beyond ? {33{from[32]}} : 33'($signed(near) >>> 16)) : near;
  assign sum_some  = {field != '0 || sum_i[22:16] != '0, sum_i[15:8] != '0, sum_i[7:0] != '0, 1'b0};
  assign step_some = {step_i[31:25] != '0, step_i[24:17] != '0, step_i[16:9] != '0,
                      step_i[8:1] != '0};
  assign some      = sum_first ? step_some : sum_some;
  assign lost_far  = (sum_first && step_i[0]) ||
                     (some[0] && (beyond || distance[4:3] != 2'd0)) ||
                     (some[1] && (beyond || distance[4])) ||
                     (some[2] && (beyond || distance[4:3] == 2'd3)) || (some[3] && beyond);

  logic [32:0] first_q, far_q;
  logic [2:0]  distance_q;
  logic        lost_far_q, complement_q, holds_q, sign_q, nan_q, infinity_q, keep_sign_q;
  logic [8:0]  unit_q;  // of the sum: at least 1
  always_ff @(posedge clk_i) begin
    if (take_i) begin
      first_q      <= fixed;
      far_q        <= far;
      distance_q   <= distance[2:0];
      lost_far_q   <= lost_far;
      complement_q <= complement;
      holds_q      <= sum_zero && sum_first && !integers_i;
      unit_q       <= sum_first ? {1'b0, exponent} : unit_i[8:0];
      nan_q        <= nan_i || (field == '1 && sum_i[22:0] != '0);
      infinity_q   <= field == '1;
      sign_q       <= sign;
      keep_sign_q  <= sign && sum_zero && step_zero;
    end
  end

  // Second stage: the sum, inverted where it is below zero, and the zeros in front of it. A marker
  // keeps them from being more than the exponent can go down.
  wire  [32:0] moved;
  logic        lost;
  assign moved = 33'($signed(far_q) >>> distance_q);
  always_comb begin
    lost = lost_far_q;
    for (int unsigned k = 0; k < 7; k++) begin
      if (k < 32'(distance_q)) lost = lost || (far_q[k] != complement_q);
    end
  end

  logic        taken_q;
  wire  [33:0] added;
  wire         below, one;
  wire  [32:0] size, marked;
  assign one    = sign_q && !integers_i && !(lost && complement_q);
  assign added  = {first_q[32], first_q} +
                  {moved[32], moved[32:1], moved[0] | (lost && holds_q)} + 34'(one);
  assign below  = added[33] && !integers_i;
  assign size   = added[32:0] ^ {33{below}};
  assign marked = size | ((unit_q[8:6] == '0) ? 33'h100000000 >> unit_q[5:0] : '0);

  // Zeros in front: of two halves those of the upper one, or all of it and those of the lower one.
  logic [63:0]   some_set;
  logic [6*64-1:0] counts;
  always_comb begin
    some_set = {marked, 1'b1, 30'd0};
    counts   = '0;
    for (int unsigned b = 0; b < 6; b++) begin
      for (int unsigned i = 0; i < (32'd32 >> b); i++) begin
        counts[6*i+:6] = some_set[2*i+1] ? counts[6*(2*i+1)+:6]
                                         : counts[6*(2*i)+:6] | (6'd1 << b);
        some_set[i]    = some_set[2*i+1] | some_set[2*i];
      end
    end
  end
  wire [5:0] zeros;
  assign zeros = counts[5:0];

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
  logic [32:0] up;
  wire [23:0] kept;
  wire [8:0]  rest, lowered;
  wire        rounds_up, is_zero, overflows, ends;
  wire [31:0] packed_sum;  // an exponent of nine bits, and the fraction
  always_comb begin
    up = size_q;
    for (int unsigned b = 0; b < 6; b++) begin
      if (zeros_q[b]) up = (up << (32'd1 << b)) | (~({33{1'b1}} << (32'd1 << b)) & {33{below_q}});
    end
  end
  assign kept       = up[32:9];
  assign rest       = up[8:0];
  assign rounds_up  = rest[8] && (below_q || rest[7:0] != '0 || kept[0]) ||
                      below_q && rest[7:0] == '1 && kept[0];
  assign lowered    = size_unit_q - {3'd0, zeros_q};
  assign packed_sum = {lowered, 23'd0} + {8'd0, kept} + 32'(rounds_up);
  assign is_zero    = zeros_q == 6'd33 && !below_q;

  // Where rounding alone brings it to the largest exponent, its fraction is 0 already.
  assign overflows  = lowered >= 9'd254;
  assign ends       = size_infinity_q || size_nan_q || (overflows && !is_zero);

  logic [31:0] sum;
  always_comb begin
    sum[31]    = size_infinity_q ? size_sign_q && !size_nan_q
                                 : !size_nan_q && (below_q || zero_sign_q);
    sum[30:23] = (packed_sum[30:23] & {8{!is_zero}}) | {8{ends}};
    sum[22:0]  = packed_sum[22:0] & {23{!is_zero && !ends}};
    if (size_nan_q) sum[22] = 1'b1;
    if (integers_i) sum = size_q[31:0];
  end
  assign sum_o = sum;

  logic unused_bit;
  assign unused_bit = packed_sum[31];
endmodule : npu_float_accumulate
`default_nettype wire

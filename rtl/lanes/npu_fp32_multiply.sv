`default_nettype none
// SPDX-License-Identifier: Apache-2.0
// Product of two FP32 numbers, rounded to nearest even; subnormals count, a NaN is 7fc00000.
//
// Operands of a cycle with take_i give product_o four cycles later, which then stays until the next
// product. A pipeline: the operands of every cycle may be taken.
//
//   1  significands multiplied, for synthesis to two rows; exponents added
//   2  rows added
//   3  moved down where the product is below the smallest exponent, else zeros in front counted
//   4  moved up, rounded
module npu_fp32_multiply (
  input  wire         clk_i,
  input  wire         take_i,
  input  wire  [31:0] a_i,
  input  wire  [31:0] b_i,
  output wire  [31:0] product_o
);
  logic [2:0] taken_q;
  always_ff @(posedge clk_i) taken_q <= {taken_q[1:0], take_i};

  // ---- 1 ----
  wire [7:0]  a_field, b_field;
  wire [23:0] a_size, b_size;
  wire        a_nan, b_nan, a_infinite, b_infinite, a_zero, b_zero;
  assign a_field    = a_i[30:23];
  assign b_field    = b_i[30:23];
  assign a_size     = {a_field != '0, a_i[22:0]};
  assign b_size     = {b_field != '0, b_i[22:0]};
  assign a_nan      = a_field == '1 && a_i[22:0] != '0;
  assign b_nan      = b_field == '1 && b_i[22:0] != '0;
  assign a_infinite = a_field == '1 && a_i[22:0] == '0;
  assign b_infinite = b_field == '1 && b_i[22:0] == '0;
  assign a_zero     = a_i[30:0] == '0;
  assign b_zero     = b_i[30:0] == '0;

  logic [9:0] unit1_q;  // signed: how far the product may be moved up
  logic       sign1_q, nan1_q, infinite1_q;
  always_ff @(posedge clk_i) begin
    if (take_i) begin
      // Exponents are at least 1.
      unit1_q     <= {2'd0, a_field[7:1], a_field[0] | (a_field == '0)} +
                     {2'd0, b_field[7:1], b_field[0] | (b_field == '0)} - 10'd127;
      sign1_q     <= a_i[31] ^ b_i[31];
      nan1_q      <= a_nan || b_nan || (a_infinite && b_zero) || (b_infinite && a_zero);
      infinite1_q <= a_infinite || b_infinite;
    end
  end

  logic [47:0] product_q;
`ifdef SYNTHESIS
  wire  [47:0] first, second;
  logic [47:0] first_q, second_q;
  npu_significand_product u_product (
    .a_i     (a_size),
    .b_i     (b_size),
    .first_o (first),
    .second_o(second)
  );
  always_ff @(posedge clk_i) begin
    if (take_i) begin
      first_q  <= first;
      second_q <= second;
    end
    if (taken_q[0]) product_q <= first_q + second_q;
  end
`else
  logic [47:0] first_q;
  always_ff @(posedge clk_i) begin
    if (take_i) first_q <= 48'(a_size) * 48'(b_size);
    if (taken_q[0]) product_q <= first_q;
  end
`endif

  // ---- 2 ----
  // A marker keeps the zeros in front from being more than the exponent can go down.
  logic [47:0] marker_q;
  logic [9:0]  unit2_q;
  logic        sign2_q, nan2_q, infinite2_q;
  always_ff @(posedge clk_i) begin
    if (taken_q[0]) begin
      marker_q    <= (unit1_q[9:6] == '0) ? 48'h800000000000 >> unit1_q[5:0] : '0;
      unit2_q     <= unit1_q;
      sign2_q     <= sign1_q;
      nan2_q      <= nan1_q;
      infinite2_q <= infinite1_q;
    end
  end

  // ---- 3 ----
  // Below the smallest exponent by up to 126: from 50 on nothing is left but what is lost.
  wire        below;
  wire [9:0]  negated;
  wire [5:0]  down;
  wire [47:0] low_mask, lowered;
  assign below    = unit2_q[9];
  assign negated  = 10'd0 - unit2_q;
  assign down     = (negated[9:6] != '0) ? 6'd63 : negated[5:0];
  assign low_mask = ~({48{1'b1}} << down);
  assign lowered  = product_q >> down;

  wire [47:0] marked;
  wire [5:0]  zeros;
  assign marked = product_q | marker_q;
  npu_leading_zeros u_zeros (
    .bits_i ({marked, 16'hffff}),
    .zeros_o(zeros)
  );

  logic [47:0] moved_q;
  logic        lost_q, sign3_q, nan3_q, infinite3_q;
  logic [5:0]  up_q;
  logic [8:0]  exponent_q;  // the field's, less one where the hidden bit is set
  always_ff @(posedge clk_i) begin
    if (taken_q[1]) begin
      moved_q     <= below ? lowered : product_q;
      lost_q      <= below && (product_q & low_mask) != '0;
      up_q        <= below ? 6'd0 : zeros;
      exponent_q  <= (below || product_q == '0) ? 9'd0 : unit2_q[8:0] - {3'd0, zeros};
      sign3_q     <= sign2_q;
      nan3_q      <= nan2_q;
      infinite3_q <= infinite2_q;
    end
  end

  // ---- 4 ----
  wire [47:0] up;
  wire        rounds_up, ends;
  wire [31:0] packed_product;  // an exponent of nine bits, and the fraction
  assign up             = moved_q << up_q;
  assign rounds_up      = up[23] && (up[22:0] != '0 || lost_q || up[24]);
  assign packed_product = {exponent_q, 23'd0} + {8'd0, up[47:24]} + 32'(rounds_up);
  assign ends           = infinite3_q || packed_product[31:23] >= 9'd255;

  logic [31:0] result_q;
  always_ff @(posedge clk_i) begin
    if (taken_q[2]) begin
      result_q <= nan3_q ? 32'h7fc00000
                         : {sign3_q, ends ? {8'hff, 23'd0} : packed_product[30:0]};
    end
  end
  assign product_o = result_q;
endmodule : npu_fp32_multiply
`default_nettype wire

`default_nettype none
// SPDX-License-Identifier: Apache-2.0
// Quotient or square root of FP32 numbers, rounded to nearest even; subnormals count, a NaN is
// 7fc00000. One operation at a time, two binary digits of it per cycle.
//
// valid_o is a pulse 19 cycles after start_i; result_o is there with it and stays until the next
// valid_o. start_i may come again from the cycle of valid_o on. clear_i drops what is under way
// and a start of the same cycle.
//
//   18      the significand of a is moved up until its first bit is 1
//   17      that of b; exponent of a
//   16      exponent of b
//   15      how many digits there are: of a result below the smallest exponent fewer, so that
//           nothing need be moved down
//   14..2   digits; nothing where all of them are there
//   1       rounded
`include "npu_assert.svh"
module npu_fp32_divide (
  input  wire         clk_i,
  input  wire         rst_ni,
  input  wire         clear_i,
  input  wire         start_i,
  input  wire         root_i,    // square root of a_i; b_i does not matter
  input  wire  [31:0] a_i,
  input  wire  [31:0] b_i,
  output wire         valid_o,
  output wire  [31:0] result_o
);
  logic [4:0] count_q;  // cycles to valid_o; 0: none under way
  logic       valid_q;
  always_ff @(posedge clk_i) begin
    valid_q <= rst_ni && !clear_i && count_q == 5'd1;
    if (!rst_ni || clear_i)  count_q <= '0;
    else if (start_i)        count_q <= 5'd18;
    else if (count_q != '0)  count_q <= count_q - 5'd1;
  end

  wire at_a, at_b, at_exponent, at_number, at_digits, at_end;
  assign at_a        = count_q == 5'd18;
  assign at_b        = count_q == 5'd17;
  assign at_exponent = count_q == 5'd16;
  assign at_number   = count_q == 5'd15;
  assign at_digits   = !count_q[4] && count_q[3:1] != '0 && count_q[3:0] != '1;
  assign at_end      = count_q == 5'd1;

  // ---- what needs no digits ----
  wire a_nan, b_nan, a_infinite, b_infinite, a_zero, b_zero;
  assign a_nan      = a_i[30:23] == '1 && a_i[22:0] != '0;
  assign b_nan      = b_i[30:23] == '1 && b_i[22:0] != '0;
  assign a_infinite = a_i[30:23] == '1 && a_i[22:0] == '0;
  assign b_infinite = b_i[30:23] == '1 && b_i[22:0] == '0;
  assign a_zero     = a_i[30:0] == '0;
  assign b_zero     = b_i[30:0] == '0;

  logic root_q, sign_q, nan_q, infinite_q, zero_q;
  always_ff @(posedge clk_i) begin
    if (start_i) begin
      root_q     <= root_i;
      sign_q     <= a_i[31] ^ (b_i[31] && !root_i);
      nan_q      <= a_nan || (root_i ? a_i[31] && !a_zero
                                     : b_nan || (a_infinite && b_infinite) || (a_zero && b_zero));
      infinite_q <= a_infinite || (b_zero && !root_i);
      zero_q     <= a_zero || (b_infinite && !root_i);
    end
  end

  // ---- significands ----
  // Zeros in front are taken off rest_q, of a first, as the two registers change places.
  logic [26:0] rest_q;     // what is left, doubled for each digit (of roots: times four)
  logic [23:0] divisor_q;  // of roots: digits of a still to come
  wire  [23:0] by_16, by_8, by_4, by_2, by_1;
  wire  [4:0]  zeros;
  wire         none_16, none_8, none_4, none_2, none_1;
  assign none_16 = rest_q[23:8] == '0;
  assign by_16   = none_16 ? {rest_q[7:0], 16'd0} : rest_q[23:0];
  assign none_8  = by_16[23:16] == '0;
  assign by_8    = none_8 ? {by_16[15:0], 8'd0} : by_16;
  assign none_4  = by_8[23:20] == '0;
  assign by_4    = none_4 ? {by_8[19:0], 4'd0} : by_8;
  assign none_2  = by_4[23:22] == '0;
  assign by_2    = none_2 ? {by_4[21:0], 2'd0} : by_4;
  assign none_1  = !by_2[23];
  assign by_1    = none_1 ? {by_2[22:0], 1'b0} : by_2;
  assign zeros   = {none_16, none_8, none_4, none_2, none_1};

  // ---- exponent and number of digits ----
  // The result's field less one, as the hidden bit adds it again; of roots twice that plus one or
  // two until the digits begin.
  logic [9:0] exponent_q;  // signed
  logic [4:0] zeros_q;
  logic [3:0] left_q;   // pairs of digits
  logic       extra_q;  // the last digit is one too many
  logic       odd_q;    // of a root
  wire        first, second, run, less;
  wire  [7:0] a_field, b_field;
  wire  [9:0] added, exponent_sum;
  wire  [5:0] fewer;
  assign a_field      = {a_i[30:24], a_i[23] | (a_i[30:23] == '0)};
  assign b_field      = {b_i[30:24], b_i[23] | (b_i[30:23] == '0)} & {8{!root_i}};
  assign added        = at_b ? ~{5'd0, zeros_q}
                             : {5'd0, zeros_q} | {10{root_q || at_digits}};
  assign exponent_sum = exponent_q + added;
  assign fewer        = {1'b0, exponent_q[4:0]} - 6'd6;  // 26 + exponent, where that is not below 0
  // 25 digits, or as many as are above half the smallest number. A quotient below 1 has one more,
  // and half the unit, unless that is the smallest.
  assign run          = at_digits && left_q != '0;
  assign less         = count_q == 5'd14 && !first && exponent_q != '0;

  always_ff @(posedge clk_i) begin
    zeros_q <= zeros;
    if (at_b) odd_q <= exponent_q[0] ^ zeros_q[0];
    if (start_i) begin
      exponent_q <= {2'd0, a_field} + ~{2'd0, b_field} + 10'd128;
    end else if (at_number) begin
      exponent_q <= root_q ? {1'b0, exponent_q[9:1]} : exponent_q & {10{!exponent_q[9]}};
    end else if (at_b || at_exponent || less) begin
      exponent_q <= exponent_sum;
    end
    if (at_number) begin
      left_q <= !exponent_q[9] ? 4'd13
                : (exponent_q[8:5] == '1 && !fewer[5]) ? fewer[4:1] : 4'd0;
    end else if (run) begin
      left_q <= left_q - 4'd1;
    end
    if (at_number) extra_q <= !exponent_q[9] || !fewer[0];
    else if (less) extra_q <= 1'b0;
  end

  // ---- digits ----
  logic [25:0] digits_q;  // of which the last one, but for an extra one, is for rounding
  wire  [26:0] taken1, kept1;
  wire  [27:0] rest2, taken2, difference1;
  wire  [28:0] difference2;
  wire  [25:0] kept2;  // of the last one these are enough: not 0 where a root is above a half
  wire  [3:0]  next;   // of a root: the next bits of a
  assign next        = odd_q ? divisor_q[21:18] : divisor_q[22:19];
  assign taken1      = root_q ? {1'b0, digits_q[23:0], 2'b01} : {3'd0, divisor_q};
  assign difference1 = {1'b0, rest_q} - {1'b0, taken1};
  assign first       = !difference1[27];
  assign kept1       = first ? difference1[26:0] : rest_q;
  assign rest2       = root_q ? {kept1[25:0], next[3:2]} : {kept1, 1'b0};
  assign taken2      = root_q ? {1'b0, digits_q[23:0], first, 2'b01} : {4'd0, divisor_q};
  assign difference2 = {1'b0, rest2} - {1'b0, taken2};
  assign second      = !difference2[28];
  assign kept2       = second ? difference2[25:0] : rest2[25:0];

  always_ff @(posedge clk_i) begin
    if (start_i) begin
      rest_q <= {3'd0, a_i[30:23] != '0, a_i[22:0]};
    end else if (at_a || at_b) begin
      rest_q <= {3'd0, divisor_q};
      if (at_b && root_q) begin
        rest_q <= {25'd0, (exponent_q[0] ^ zeros_q[0]) ? divisor_q[23:22] : {1'b0, divisor_q[23]}};
      end
    end else if (run) begin
      rest_q <= root_q ? {kept2[24:0], next[1:0]} : {kept2[25:0], 1'b0};
    end

    if (start_i) begin
      divisor_q <= {b_i[30:23] != '0, b_i[22:0]};
    end else if (at_a || (at_b && !root_q)) begin
      divisor_q <= by_1;
    end else if (root_q && run) begin
      divisor_q <= {divisor_q[19:0], 4'd0};
    end

    if (start_i)  digits_q <= '0;
    else if (run) digits_q <= {digits_q[23:0], first, second};
  end

  // ---- rounded ----
  // Halves occur below the smallest exponent alone.
  wire        below, rounds_up, ends;
  wire [24:0] all_digits;
  wire [31:0] packed_result;  // an exponent of nine bits, and the fraction
  assign all_digits    = extra_q ? digits_q[25:1] : digits_q[24:0];
  assign below         = rest_q != '0 || (extra_q && digits_q[0]);
  assign rounds_up     = all_digits[0] && (below || all_digits[1]);
  assign packed_result = {exponent_q[8:0], 23'd0} + {8'd0, all_digits[24:1]} + 32'(rounds_up);
  assign ends          = infinite_q || packed_result[31:23] >= 9'd255;

  logic [31:0] result_q;
  always_ff @(posedge clk_i) begin
    if (at_end) begin
      result_q <= nan_q  ? 32'h7fc00000
                : zero_q ? {sign_q, 31'd0}
                         : {sign_q, ends ? {8'hff, 23'd0} : packed_result[30:0]};
    end
  end
  assign valid_o  = valid_q;
  assign result_o = result_q;

  logic unused_differences;  // 0 where they are kept
  assign unused_differences = &{difference2[27:26]};

  // One operation at a time.
  `NPU_ASSUME(a_start_waits, !start_i || count_q == '0)
endmodule : npu_fp32_divide
`default_nettype wire

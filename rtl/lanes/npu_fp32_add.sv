`default_nettype none
// SPDX-License-Identifier: Apache-2.0
// Sum of two FP32 numbers, rounded to nearest even; subnormals count, a NaN is 7fc00000.
//
// Operands of a cycle with take_i give sum_o five cycles later, which then stays until the next
// sum. A pipeline: the operands of every cycle may be taken.
//
//   1  the larger one in front
//   2  the other one moved down to it
//   3  added
//   4  zeros in front counted
//   5  moved up, rounded
module npu_fp32_add (
  input  wire         clk_i,
  input  wire         take_i,
  input  wire  [31:0] a_i,
  input  wire  [31:0] b_i,
  output wire  [31:0] sum_o
);
  logic [3:0] taken_q;
  always_ff @(posedge clk_i) taken_q <= {taken_q[2:0], take_i};

  // ---- 1 ----
  wire        swap, a_nan, b_nan, opposite;
  wire [31:0] larger;
  wire [30:0] smaller;
  assign swap     = a_i[30:0] < b_i[30:0];
  assign larger    = swap ? b_i : a_i;
  assign smaller    = swap ? a_i[30:0] : b_i[30:0];
  assign opposite = a_i[31] ^ b_i[31];
  assign a_nan    = a_i[30:23] == '1 && a_i[22:0] != '0;
  assign b_nan    = b_i[30:23] == '1 && b_i[22:0] != '0;

  logic [23:0] large1_q, small1_q;
  logic [7:0]  field1_q, small_field1_q;  // at least 1
  logic        sign1_q, zero_sign1_q, opposite1_q, nan1_q, infinite1_q;
  always_ff @(posedge clk_i) begin
    if (take_i) begin
      large1_q       <= {larger[30:23] != '0, larger[22:0]};
      small1_q       <= {smaller[30:23] != '0, smaller[22:0]};
      field1_q       <= {larger[30:24], larger[23] | (larger[30:23] == '0)};
      small_field1_q <= {smaller[30:24], smaller[23] | (smaller[30:23] == '0)};
      sign1_q        <= larger[31];
      zero_sign1_q   <= a_i[31] && b_i[31];
      opposite1_q    <= opposite;
      infinite1_q    <= larger[30:23] == '1;
      nan1_q         <= a_nan || b_nan || (smaller[30:23] == '1 && opposite);
    end
  end

  // ---- 2 ----
  // Three bits more: two that rounding sees, and one that says whether anything is below.
  wire [7:0]  distance;
  wire [4:0]  down;
  wire [26:0] extended, low_mask;
  assign distance = field1_q - small_field1_q;
  assign down     = (distance[7:5] != '0) ? 5'd31 : distance[4:0];
  assign extended = {small1_q, 3'd0};
  assign low_mask = ~({27{1'b1}} << down);

  logic [23:0] large2_q;
  logic [26:0] small2_q;
  logic [7:0]  field2_q;
  logic        sign2_q, zero_sign2_q, opposite2_q, nan2_q, infinite2_q;
  always_ff @(posedge clk_i) begin
    if (taken_q[0]) begin
      large2_q     <= large1_q;
      small2_q     <= (extended >> down) | {26'd0, (extended & low_mask) != '0};
      field2_q     <= field1_q;
      sign2_q      <= sign1_q;
      zero_sign2_q <= zero_sign1_q;
      opposite2_q  <= opposite1_q;
      infinite2_q  <= infinite1_q;
      nan2_q       <= nan1_q;
    end
  end

  // ---- 3 ----
  logic [27:0] added_q;
  logic [7:0]  field3_q;
  logic        sign3_q, zero_sign3_q, nan3_q, infinite3_q;
  always_ff @(posedge clk_i) begin
    if (taken_q[1]) begin
      added_q      <= {1'b0, large2_q, 3'd0} + ({1'b0, small2_q} ^ {28{opposite2_q}}) +
                      28'(opposite2_q);
      field3_q     <= field2_q;
      sign3_q      <= sign2_q;
      zero_sign3_q <= zero_sign2_q;
      infinite3_q  <= infinite2_q;
      nan3_q       <= nan2_q;
    end
  end

  // ---- 4 ----
  // A marker keeps the zeros in front from being more than the exponent can go down.
  wire [27:0] marked;
  wire [5:0]  zeros;
  assign marked = added_q | ((field3_q[7:5] == '0) ? 28'h8000000 >> field3_q[4:0] : '0);
  npu_leading_zeros u_zeros (
    .bits_i ({marked, {36{1'b1}}}),
    .zeros_o(zeros)
  );

  logic [27:0] added4_q;
  logic [4:0]  up_q;
  logic [7:0]  exponent_q;  // the field's, less one where the hidden bit is set
  logic        sign4_q, nan4_q, infinite4_q;
  always_ff @(posedge clk_i) begin
    if (taken_q[2]) begin
      added4_q    <= added_q;
      up_q        <= zeros[4:0];
      exponent_q  <= (added_q == '0) ? 8'd0 : field3_q - {3'd0, zeros[4:0]};
      sign4_q     <= (added_q == '0) ? zero_sign3_q : sign3_q;
      nan4_q      <= nan3_q;
      infinite4_q <= infinite3_q;
    end
  end

  // ---- 5 ----
  wire [27:0] up;
  wire        rounds_up, ends;
  wire [31:0] packed_sum;  // an exponent of nine bits, and the fraction
  assign up         = added4_q << up_q;
  assign rounds_up  = up[3] && (up[2:0] != '0 || up[4]);
  assign packed_sum = {1'b0, exponent_q, 23'd0} + {8'd0, up[27:4]} + 32'(rounds_up);
  assign ends       = infinite4_q || packed_sum[31:23] >= 9'd255;

  logic [31:0] result_q;
  always_ff @(posedge clk_i) begin
    if (taken_q[3]) begin
      result_q <= nan4_q ? 32'h7fc00000 : {sign4_q, ends ? {8'hff, 23'd0} : packed_sum[30:0]};
    end
  end
  assign sum_o = result_q;

  logic unused_zeros;  // there are 27 at most
  assign unused_zeros = zeros[5];
endmodule : npu_fp32_add
`default_nettype wire

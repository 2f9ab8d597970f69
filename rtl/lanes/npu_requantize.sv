`default_nettype none
// SPDX-License-Identifier: Apache-2.0
// One lane of post-processing: adds the bias, multiplies by a 31-bit multiplier, shifts with
// TFLite's rounding, adds the zero point and saturates to a byte or to a part of a wider result.
//
// A pipeline of four stages; the enables and operations of each stage come from npu_postprocess,
// which is the same for all lanes. An operation whose result is an operand again (ADD, MULTIPLY,
// SQUAREDDIFFERENCE) enters stage 1 from stage 4.
//
//   1  x = (acc + bias) << left;  average: x = |acc| + bias
//   2  product = x * multiplier + rounding, for synthesis as two addends from npu_booth
//   3  q = product / 2^31, the coarse part of the right shift
//   4  the fine part, rounding, sign, plus zero point or another addend, saturation
//
// Rounding: the first one, half up, is 2^30 in the product. The second one, halves away from zero,
// is (q - (x < 0) + 2^(right-1)) >> right; the subtraction also goes into the product (x < 0 and q
// = 0 gives -1 there, which rounds to 0 again), so that only the last bit shifted out has to be
// added.
//
//@ if units.residual
// A result that is added to another operand goes back as an operand, and that one, which went along
// with it, too: npu_postprocess.
//
//@ endif
// Exact products: x = f << k by a multiplier of g << (31 - k) gives f * g. For a negative a the
// multiplier of MULTIPLY is |a| * 2^9 - 1, as inverted bits cost nothing: the error of |x| < 2^30
// in the product is rounded away.
module npu_requantize (
  input  wire         clk_i,
  // stage 1
  input  wire         enter_i,         // take an operand
  input  wire         sum_i,           // all of the record: acc_i + bias_i, multiplier, shift
  input  wire         average_i,       // with sum_i: |acc_i| + bias
  input  wire         second_i,        // operand: the result of stage 4
  input  wire         rescale_i,       // operand: (b_i + b_offset_i) << 7; neither: b_offset_i << 7
  input  wire         product_i,       // multiplier: |a| << 9
  input  wire         square_i,        // multiplier: (x >> 16) << 15 of the operand before
  input  wire  [31:0] acc_i,
  input  wire  [31:0] bias_i,
  input  wire  [30:0] multiplier_i,    // of the record
  input  wire  [5:0]  shift_i,         // of the record, signed: 0..31 left, 0..-31 right
  input  wire  [30:0] common_multiplier_i,
  input  wire  [4:0]  common_left_i,
  input  wire  [4:0]  common_right_i,
  input  wire  [7:0]  a_i,             // goes along without sum_i
  input  wire         a_negative_i,    // a is a_offset_i - a_i
  input  wire  [8:0]  a_offset_i,      // else a_offset_i + a_i: minus the zero point
  input  wire  [7:0]  b_i,
  input  wire  [8:0]  b_offset_i,      // minus the zero point of b
  //@ if units.residual
  input  wire         beside_i,        // with sum_i: a_i goes along as it is
  output wire  [7:0]  beside_o,        // and comes out with the result, until another a does
  //@ endif
  // stage 2
  input  wire         enter2_i,
  input  wire         average2_i,
  input  wire         keep_a2_i,
  // stage 3
  input  wire         enter3_i,
  input  wire         keep_a3_i,
  // stage 4
  input  wire         enter4_i,
  input  wire         average4_i,      // the sign of the accumulator is applied, nothing is rounded
  input  wire         product4_i,      // the sign of a is applied
  input  wire         negative4_i,     // the product is subtracted
  input  wire         again4_i,        // one of the next three may hold (saves simulating them)
  input  wire         rescaled4_i,     // add a << 19 (first pass of ADD)
  input  wire         differs4_i,      // add a << 6 (first pass of SQUAREDDIFFERENCE)
  input  wire         joins4_i,        // add the upper half of x
  input  wire  [7:0]  zero_point4_i,   // added otherwise
  input  wire         int8_i,          // saturate to int8
  input  wire         int32_i,         // do not saturate; neither: saturate to int16
  input  wire  [1:0]  byte_i,          // byte of the result; with int8_i 0
  output wire  [7:0]  result_o         // valid in the cycle after enter4_i
);
  logic [32:0] x_q;
  logic [30:0] multiplier_q;
  logic [4:0]  right1_q, right2_q;
  logic [1:0]  right3_q;
  logic        sign1_q, sign2_q, sign3_q;
  logic [7:0]  result_q;
  logic [8:0]  a1_q, a2_q, a3_q;
  logic [33:0] q_q;

  // Functions, called under the enables: a lane that rests costs nothing to simulate. Carries go
  // into a bit below the lowest one, so that one adder does; but the sign of a sum comes late, and
  // both signs are added up until it has.
  function automatic logic [32:0] sum_of(input logic sum, input logic average, input logic rescale,
                                         input logic [31:0] acc, input logic [31:0] bias,
                                         input logic [7:0] b, input logic [8:0] b_offset);
    logic [32:0] term, other;
    if (sum) begin
      term  = {acc[31], acc};
      other = {bias[31], bias};
    end else begin
      term  = {{18{b[7]}}, b, 7'd0} & {33{rescale}};
      other = {{17{b_offset[8]}}, b_offset, 7'd0};
    end
    sum_of = (sum && average && acc[31]) ? other - {acc[31], acc} : term + other;
  endfunction

  function automatic logic [8:0] offset_of(input logic [7:0] a, input logic negative,
                                           input logic [8:0] offset);
    offset_of = 9'(({{a[7], a} ^ {9{negative}}, 1'b1} + {offset, negative}) >> 1);
  endfunction

  function automatic logic [30:0] multiplier_of(input logic product, input logic square,
                                                input logic [30:0] common,
                                                input logic [8:0] a, input logic [15:0] x);
    if (product) multiplier_of = {14'd0, a[7:0] ^ {8{a[8]}}, {9{a[8]}}};
    else if (square) multiplier_of = {x, 15'd0};
    else multiplier_of = common;
  endfunction

  function automatic logic [4:0] left_of(input logic sum, input logic [5:0] places,
                                         input logic [4:0] common);
    if (sum) left_of = places[5] ? 5'd0 : places[4:0];
    else left_of = common;
  endfunction

  function automatic logic [4:0] right_of(input logic [5:0] places);
    right_of = places[5] ? 5'd0 - places[4:0] : 5'd0;
  endfunction

  function automatic logic [32:0] shifted_left(input logic [32:0] value, input logic [4:0] left,
                                               input logic average);
    logic [31:0] low;
    low          = value[31:0] << left;
    shifted_left = {average ? value[32] : low[31], low};
  endfunction

  // With one more bit at the bottom: the last one shifted out.
  function automatic logic [33:0] coarse_shift(input logic [32:0] quotient,
                                               input logic [2:0] right);
    logic signed [33:0] wide;
    wide         = {quotient, 1'b0};
    coarse_shift = wide >>> {right, 2'b00};
  endfunction

  function automatic logic [33:0] result_of(input logic [33:0] q, input logic [1:0] right,
                                            input logic average, input logic sign,
                                            input logic product, input logic negative,
                                            input logic again, input logic rescaled,
                                            input logic differs, input logic joins,
                                            input logic [8:0] a, input logic [15:0] x,
                                            input logic [7:0] zero_point);
    logic signed [33:0] wide;
    logic               flip, carry;
    logic [33:0]        value, addend;
    flip   = (average && sign) || (product && a[8]) || negative;
    wide   = $signed(q) >>> right;
    value  = {wide[33], wide[33:1]} ^ {34{flip}};
    addend = {{26{zero_point[7]}}, zero_point};
    if (again) begin
      if (rescaled) addend = {{6{a[8]}}, a, 19'd0};
      if (differs) addend = {{19{a[8]}}, a, 6'd0};
      if (joins) addend = {2'd0, x, 16'd0};
    end
    carry     = (wide[0] && !average) != flip;
    result_of = 34'(({value, 1'b1} + {addend, carry}) >> 1);
  endfunction

  function automatic logic [7:0] byte_of(input logic [33:0] value, input logic int8,
                                         input logic int32, input logic [1:0] index);
    logic       fits, top;
    logic [7:0] selected;
    if (int8) begin
      fits     = value[33:7] == {27{value[33]}};
      top      = 1'b1;
      selected = value[7:0];
    end else begin
      fits     = int32 || value[33:15] == {19{value[33]}};
      top      = index[0];
      selected = value[{1'b0, index, 3'd0}+:8];
    end
    byte_of = fits ? selected : {value[33] == top, {7{!value[33]}}};
  endfunction

  // The quotient after stage 2.
  logic        minus;
  logic [32:0] quotient;
  assign minus = !average2_i && right1_q != '0 && x_q[32];

`ifdef SYNTHESIS
  logic [32:0] sum, carry, sum_q, carry_q;
  logic        low, low_q;

  npu_booth u_booth (
    .x_i         (x_q),
    .multiplier_i(multiplier_q),
    .rounds_i    (!average2_i),
    .minus_i     (minus),
    .sum_o       (sum),
    .carry_o     (carry),
    .low_o       (low)
  );

  always_ff @(posedge clk_i) begin
    if (enter2_i) begin
      sum_q   <= sum;
      carry_q <= carry;
      low_q   <= low;
    end
  end

  assign quotient = 33'(({sum_q, 1'b1} + {carry_q, low_q}) >> 1);
`else
  function automatic logic [32:0] quotient_of(input logic [32:0] x, input logic [30:0] multiplier,
                                              input logic rounds, input logic subtracts);
    logic signed [63:0] product;
    product     = $signed(x) * $signed({1'b0, multiplier});
    quotient_of = 33'((product + {{32{subtracts}}, subtracts, rounds, 30'd0}) >> 31);
  endfunction

  logic [32:0] quotient_q;

  always_ff @(posedge clk_i) begin
    if (enter2_i) quotient_q <= quotient_of(x_q, multiplier_q, !average2_i, minus);
  end

  assign quotient = quotient_q;
`endif

  // Two processes for the speed of simulation. Verilator evaluates both branches of an `if` that
  // only selects the value of one register, so right1_q is written along with x_q; multiplier_q,
  // which reads x_q, is not, as quotient_q would have to be copied in every cycle.
  always_ff @(posedge clk_i) begin
    if (enter_i) begin
      if (second_i) begin
        x_q      <= shifted_left(33'(result_of(q_q, right3_q, average4_i, sign3_q, product4_i,
                                               negative4_i, again4_i, rescaled4_i, differs4_i,
                                               joins4_i, a3_q, x_q[31:16], zero_point4_i)),
                                 left_of(sum_i, shift_i, common_left_i), average_i);
        right1_q <= common_right_i;
      end else begin
        x_q      <= shifted_left(sum_of(sum_i, average_i, rescale_i, acc_i, bias_i, b_i,
                                        b_offset_i),
                                 left_of(sum_i, shift_i, common_left_i), average_i);
        right1_q <= sum_i ? right_of(shift_i) : common_right_i;
      end
    end
  end

  always_ff @(posedge clk_i) begin
    if (enter_i) begin
      if (sum_i) begin
        multiplier_q <= multiplier_i;
        //@ if units.residual
        if (beside_i) a1_q <= {a_i[7], a_i};
        //@ endif
      end else begin
        multiplier_q <= multiplier_of(product_i, square_i, common_multiplier_i,
                                      offset_of(a_i, a_negative_i, a_offset_i), x_q[31:16]);
        if (!second_i) a1_q <= offset_of(a_i, a_negative_i, a_offset_i);
      end
      sign1_q <= acc_i[31];
    end
    if (enter2_i) begin
      right2_q <= right1_q;
      sign2_q  <= sign1_q;
      if (keep_a2_i) a2_q <= a1_q;
    end
    if (enter3_i) begin
      q_q      <= coarse_shift(quotient, right2_q[4:2]);
      right3_q <= right2_q[1:0];
      sign3_q  <= sign2_q;
      if (keep_a3_i) a3_q <= a2_q;
    end
    if (enter4_i) begin
      result_q <= byte_of(result_of(q_q, right3_q, average4_i, sign3_q, product4_i, negative4_i,
                                    again4_i, rescaled4_i, differs4_i, joins4_i, a3_q, x_q[31:16],
                                    zero_point4_i),
                          int8_i, int32_i, byte_i);
    end
  end

  assign result_o = result_q;
  //@ if units.residual
  assign beside_o = a3_q[7:0];
  //@ endif
endmodule : npu_requantize
`default_nettype wire

`default_nettype none
// One result lane of the post-processing: TFLite's rescaling by a quantized multiplier, pipelined.
//
// Rescale: RDBPOT(SRDHM(x << left, multiplier), right), the two roundings of TFLite's
// MultiplyByQuantizedMultiplier. SRDHM rounds halves up: floor((x * multiplier * 2^left + 2^30) / 2^31);
// RDBPOT rounds halves away from zero: (y + 2^(right-1) - (y < 0)) >> right.
// Average: x is a magnitude and its sign, the quotient floor(x * multiplier / 2^(31 + right)) takes the sign.
//
// result_o follows x_i by five cycles. Stage s loads when enable_i[s] is set; the owner keeps the enables
// moving with the data.
module npu_requantize (
  input  wire                clk_i,
  input  wire  [4:0]         enable_i,      // load enables of the stages, [0]: the input registers
  input  wire  signed [32:0] x_i,           // 32-bit value, or a magnitude up to 2^32 - 1
  input  wire                average_i,
  input  wire                negative_i,    // average: the quotient's sign
  input  wire  [30:0]        multiplier_i,
  input  wire  [7:0]         shift_i,       // signed: left 1..7, right 0..31 as 0..-31
  output wire  signed [31:0] result_o
);
  logic signed [32:0] x_q, high_q, rounded_q;
  logic signed [64:0] product_q, scaled;
  logic [30:0]        multiplier_q;
  logic [2:0]         left_q, left2_q;
  logic [4:0]         right_q, right2_q, right3_q;
  logic               average_q, average2_q, average3_q, negative_q, negative2_q, negative3_q, negative4_q;
  logic signed [31:0] result_q;
  logic signed [33:0] nudged;

  // SRDHM: halves up; the average takes the floor.
  assign scaled = (product_q <<< left2_q) + (average2_q ? 65'sd0 : 65'sh4000_0000);
  // RDBPOT: halves away from zero.
  assign nudged = 34'(high_q) + ((average3_q || right3_q == '0) ? 34'sd0
                                 : (34'sd1 <<< (right3_q - 5'd1)) - $signed({33'd0, high_q[32]}));

  logic signed [33:0] shifted;
  assign shifted = nudged >>> right3_q;

  always_ff @(posedge clk_i) begin
    if (enable_i[0]) begin
      x_q          <= x_i;
      multiplier_q <= multiplier_i;
      left_q       <= shift_i[7] ? 3'd0 : shift_i[2:0];
      right_q      <= shift_i[7] ? 5'(-$signed(shift_i)) : 5'd0;
      average_q    <= average_i;
      negative_q   <= negative_i;
    end
    if (enable_i[1]) begin
      product_q   <= 65'(x_q) * $signed({34'd0, multiplier_q});
      left2_q     <= left_q;
      right2_q    <= right_q;
      average2_q  <= average_q;
      negative2_q <= negative_q;
    end
    if (enable_i[2]) begin
      high_q      <= scaled[63:31];
      right3_q    <= right2_q;
      average3_q  <= average2_q;
      negative3_q <= negative2_q;
    end
    if (enable_i[3]) begin
      rounded_q   <= shifted[32:0];
      negative4_q <= negative3_q && average3_q;
    end
    if (enable_i[4]) result_q <= negative4_q ? -rounded_q[31:0] : rounded_q[31:0];
  end

  assign result_o = result_q;

  logic unused_bits;
  assign unused_bits = ^{scaled[64], scaled[30:0], shifted[33], rounded_q[32]};
endmodule : npu_requantize
`default_nettype wire

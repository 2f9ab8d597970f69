`default_nettype none
// SPDX-License-Identifier: Apache-2.0
// A number of a format as FP32, which is exact (docs/machine.md, 4.10). Combinational.
module npu_vector_value (
  input  wire  [2:0]  format_i,  // 0 int8, 1 BF16, 2 E4M3, 3 E5M2, else FP32
  input  wire  [31:0] code_i,    // in the low bits
  output logic [31:0] value_o
);
  // int8 and FP8 have up to eight significant bits: moved up until the highest one is in front.
  wire        sign, e5m2;
  wire [7:0]  magnitude;
  wire [3:0]  field;
  wire [4:0]  wide_field;
  assign sign      = code_i[7];
  assign e5m2      = format_i == 3'd3;
  assign magnitude = sign ? 8'd0 - code_i[7:0] : code_i[7:0];
  assign field     = code_i[6:3];
  assign wide_field = code_i[6:2];

  logic [7:0] bits, up;       // subnormal or whole numbers; moved up
  logic [7:0] exponent;       // of the highest bit of `bits`, as FP32 counts it
  logic [2:0] zeros;
  always_comb begin
    case (format_i[1:0])
      2'd0: begin
        bits     = magnitude;
        exponent = 8'd134;    // 2^7
      end
      2'd2: begin
        bits     = {code_i[2:0], 5'd0};
        exponent = 8'd120;    // 2^-7
      end
      default: begin
        bits     = {code_i[1:0], 6'd0};
        exponent = 8'd112;    // 2^-15
      end
    endcase
    zeros = '0;
    for (int unsigned b = 0; b < 8; b++) begin
      if (bits[b]) zeros = 3'(7 - b);
    end
    up = bits << zeros;
  end

  always_comb begin
    case (format_i)
      3'd0: value_o = {sign, exponent - {5'd0, zeros}, up[6:0], 16'd0};
      3'd1: value_o = {code_i[15:0], 16'd0};
      3'd2: begin
        value_o = {sign, exponent - {5'd0, zeros}, up[6:0], 16'd0};
        if (field != '0) value_o = {sign, {4'd0, field} + 8'd120, code_i[2:0], 20'd0};
        if (code_i[6:0] == '1) value_o = 32'h7fc00000;
      end
      3'd3: begin
        value_o = {sign, exponent - {5'd0, zeros}, up[6:0], 16'd0};
        if (wide_field != '0) value_o = {sign, {3'd0, wide_field} + 8'd112, code_i[1:0], 21'd0};
        if (wide_field == '1) value_o = {sign, 8'hff, 23'd0};
        if (wide_field == '1 && code_i[1:0] != '0) value_o = 32'h7fc00000;
      end
      default: value_o = code_i;
    endcase
    // Only numbers of few bits can be nothing.
    if (bits == '0 && (format_i == '0 || (format_i == 3'd2 && field == '0) ||
                       (e5m2 && wide_field == '0))) begin
      value_o = {sign && format_i != '0, 31'd0};
    end
  end
  logic unused_bit;  // in front
  assign unused_bit = up[7];
endmodule : npu_vector_value
`default_nettype wire

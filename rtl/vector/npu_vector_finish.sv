`default_nettype none
// SPDX-License-Identifier: Apache-2.0
// The second half of what a lane of the vector unit does in front of its multiplier: powers of two
// and codes of formats out of what npu_vector_step found. Combinational.
module npu_vector_finish (
  input  wire  [3:0]  operation_i,
  input  wire  [2:0]  format_i,      // of CONVERT: 0 int8, else as npu_float_round
  input  wire  [31:0] x_i,
  output logic [31:0] x_o,
  output wire  [31:0] code_o         // of CONVERT
);
  wire        sign, huge, nan;         // huge: 512 and more
  wire [9:0]  whole;
  assign {sign, huge, nan, whole} = x_i[12:0];

  // ---- Powers of two ----
  wire [9:0]   power, lifted, bit_number;  // signed; lifted: the field, below 1 a subnormal number
  logic [31:0] two_power;
  assign power      = sign ? 10'd0 - {1'b0, whole[8:0]} : {1'b0, whole[8:0]};
  assign lifted     = power + 10'd127;
  assign bit_number = power + 10'd149;
  always_comb begin
    two_power = {1'b0, lifted[7:0], 23'd0};
    if (lifted[9] || lifted == '0) two_power = 32'd1 << bit_number[4:0];
    if (sign && (huge || bit_number[9] || whole[9])) two_power = '0;
    if (!sign && (huge || whole[9] || lifted[9:8] != '0 || lifted[7:0] == '1)) begin
      two_power = 32'h7f800000;
    end
    if (nan) two_power = 32'h7fc00000;
  end

  // ---- Codes ----
  logic [7:0] int8;
  always_comb begin
    int8 = sign ? 8'd0 - whole[7:0] : whole[7:0];
    if (huge || whole[9:8] != '0 || (whole[7] && !(sign && whole[6:0] == '0))) begin
      int8 = sign ? 8'h80 : 8'h7f;
    end
    if (nan) int8 = '0;
  end
  wire [31:0] converted;
  assign code_o = (format_i == '0) ? {24'd0, int8} : x_i;
  npu_vector_value u_value (
    .format_i,
    .code_i  (code_o),
    .value_o (converted)
  );

  always_comb begin
    case (operation_i)
      npu_isa_pkg::VectorExp2:    x_o = two_power;
      npu_isa_pkg::VectorConvert: x_o = converted;
      default:                    x_o = x_i;
    endcase
  end

  logic unused_bits;
  assign unused_bits = ^bit_number[8:5];
endmodule : npu_vector_finish
`default_nettype wire

`default_nettype none
// SPDX-License-Identifier: Apache-2.0
// An FP32 number in a result's format, rounded to nearest even (docs/machine.md, 4.9).
// Combinational.
//
// format_i: 1 BF16, 2 E4M3, 3 E5M2, 4 FP32. Too large becomes infinite (in E4M3 the NaN with the
// sign), with saturate_i the largest finite number; a NaN becomes the format's. Codes stand in the
// low bits.
module npu_float_round (
  input  wire  [2:0]  format_i,
  input  wire         saturate_i,
  input  wire  [31:0] value_i,
  output logic [31:0] code_o
);
  wire [7:0]  field;
  wire        sign, nan;
  assign field = value_i[30:23];
  assign sign  = value_i[31];
  assign nan   = field == '1 && value_i[22:0] != '0;

  // BF16 has the exponents of FP32, subnormals included.
  wire        wide_up;
  wire [15:0] wide;
  assign wide_up = value_i[15] && (value_i[14:0] != '0 || value_i[16]);
  assign wide    = {1'b0, value_i[30:16]} + 16'(wide_up);

  // FP8: the significand moved down to the format's bits, and further where the exponent is too
  // small. Below half of the smallest subnormal all is lost anyhow.
  wire        e5m2;
  wire [8:0]  least, below, exponent, above;  // field of exponent 1; how far below it; above it
  wire [4:0]  down;
  wire [23:0] size, low_mask;
  wire [27:0] kept_and_rest;           // E4M3: 4 bits in front, E5M2: 3
  wire        lost, up, zero;
  wire [3:0]  kept;
  wire [12:0] narrow;
  assign e5m2     = format_i == 3'd3;
  assign least    = e5m2 ? 9'd113 : 9'd121;
  assign below    = least - {1'b0, field};
  assign exponent = {1'b0, field} - least;
  assign down     = exponent[8] ? ((below[8:3] != '0) ? 5'd7 : below[4:0]) : 5'd0;
  assign size     = {field != '0, value_i[22:0]};
  assign low_mask = ~({24{1'b1}} << down);
  assign lost     = (size & low_mask) != '0;
  assign kept_and_rest = {4'd0, size >> down} << (e5m2 ? 3 : 4);
  assign kept     = e5m2 ? {1'b0, kept_and_rest[26:24]} : kept_and_rest[27:24];
  assign up       = kept_and_rest[23] && (kept_and_rest[22:0] != '0 || lost || kept_and_rest[24]);
  assign zero     = exponent[8];
  // The exponent above the least one, and the hidden bit on top of it.
  assign above    = exponent & {9{!zero}};
  assign narrow   = (e5m2 ? {2'd0, above, 2'd0} : {1'd0, above, 3'd0}) + {9'd0, kept} + 13'(up);

  logic       narrow_over;
  logic [6:0] narrow_largest;
  always_comb begin
    narrow_largest = e5m2 ? 7'h7b : 7'h7e;
    narrow_over    = field == '1 || narrow > {6'd0, narrow_largest};
  end

  always_comb begin
    case (format_i)
      3'd1: begin
        code_o = {16'd0, sign, wide[14:0]};
        if (wide[15] || wide[14:7] == '1) begin
          code_o = {16'd0, sign, saturate_i ? 15'h7f7f : 15'h7f80};
        end
        if (nan) code_o = 32'h7fc0;
      end
      3'd2, 3'd3: begin
        code_o = {24'd0, sign, narrow[6:0]};
        if (narrow_over) begin
          code_o = {24'd0, sign, saturate_i ? narrow_largest : e5m2 ? 7'h7c : 7'h7f};
        end
        if (nan) code_o = e5m2 ? 32'h7e : 32'h7f;
      end
      default: code_o = nan ? 32'h7fc00000 : value_i;
    endcase
  end
endmodule : npu_float_round
`default_nettype wire

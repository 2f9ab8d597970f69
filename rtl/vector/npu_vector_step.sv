`default_nettype none
// SPDX-License-Identifier: Apache-2.0
// The first half of what a lane of the vector unit does in front of its multiplier
// (docs/machine.md, 4.10); npu_vector_finish is the second. Combinational.
//
// MULADD, SUM, DIV and SQRT take x and y as they are; every other operation ends in front of the
// multiplier: its result goes on as x, to be multiplied by the 1 that y is then. EXP2 and int8 go
// on as a whole number: {sign, 512 and more, NaN} above its lower ten bits; CONVERT as a code.
module npu_vector_step (
  input  wire  [3:0]  operation_i,
  input  wire  [2:0]  format_i,      // of CONVERT: 0 int8, else as npu_float_round
  input  wire         saturate_i,
  input  wire         counts_i,      // the element exists; else it leaves reductions as they are
  input  wire  [31:0] x_i,
  input  wire  [31:0] y_i,
  input  wire  [31:0] z_i,
  output logic [31:0] x_o,
  output logic [31:0] y_o
);
  localparam logic [31:0] One = 32'h3f800000;
  localparam logic [31:0] NaN = 32'h7fc00000;

  wire [7:0] field;
  wire       sign, x_nan, z_nan;
  assign field = x_i[30:23];
  assign sign  = x_i[31];
  assign x_nan = field == '1 && x_i[22:0] != '0;
  assign z_nan = z_i[30:23] == '1 && z_i[22:0] != '0;

  // ---- Comparison: numbers in the order of integers, -0 just below 0 ----
  wire [31:0] x_key, z_key;
  wire        below, same, both_zero, less, equal;
  assign x_key     = x_i ^ {1'b1, {31{x_i[31]}}};
  assign z_key     = z_i ^ {1'b1, {31{z_i[31]}}};
  assign below     = x_key < z_key;
  assign same      = x_i == z_i;
  assign both_zero = x_i[30:0] == '0 && z_i[30:0] == '0;
  assign less      = below && !both_zero && !x_nan && !z_nan;
  assign equal     = (same || both_zero) && !x_nan && !z_nan;

  // ---- The nearest whole number ----
  // Its fraction has `down` bits: none from 2^23 on; below 1/2 all is fraction.
  wire [7:0]  distance;
  wire [4:0]  down;
  wire [23:0] size, low_mask, kept, whole;
  wire        fraction, up;
  wire [24:0] moved;                   // the bit below the last one kept stands at bit 0
  assign fraction = field < 8'd150;
  assign distance = 8'd150 - field;
  assign down     = !fraction ? 5'd0 : (distance > 8'd25) ? 5'd25 : distance[4:0];
  assign size     = {field != '0, x_i[22:0]};
  assign moved    = {size, 1'b0} >> down;
  assign kept     = moved[24:1];
  assign low_mask = ~({24{1'b1}} << (down - 5'(down != '0)));  // what is below that bit
  assign up       = fraction && moved[0] && ((size & low_mask) != '0 || kept[0]);
  assign whole    = kept + 24'(up);

  // As FP32: the fraction's bits away, and one up where it was more than a half.
  wire [31:0] cut, unit;
  logic [31:0] rounded;
  assign cut  = {1'b0, x_i[30:0]} & ({32{1'b1}} << down);
  assign unit = 32'd1 << down;
  always_comb begin
    rounded = cut + (up ? unit : 32'd0);
    if (fraction && down >= 5'd24) rounded = up ? One : '0;
    rounded[31] = sign;
  end

  // ---- Codes ----
  wire [31:0] code, number;
  npu_float_round u_round (
    .format_i,
    .saturate_i,
    .value_i   (x_i),
    .code_o    (code)
  );
  assign number = {19'd0, sign, field >= 8'd136, x_nan, whole[9:0]};

  always_comb begin
    y_o = One;
    case (operation_i)
      npu_isa_pkg::VectorMulAdd, npu_isa_pkg::VectorDivide, npu_isa_pkg::VectorSquareRoot: begin
        x_o = x_i;
        y_o = y_i;
      end
      npu_isa_pkg::VectorSum: begin
        x_o = counts_i ? x_i : '0;
        y_o = counts_i ? y_i : One;
      end
      npu_isa_pkg::VectorMax:     x_o = (x_nan || (below && !z_nan)) ? z_i : x_i;
      npu_isa_pkg::VectorMin:     x_o = (x_nan || (!below && !z_nan)) ? z_i : x_i;
      npu_isa_pkg::VectorLess:    x_o = less ? One : '0;
      npu_isa_pkg::VectorEqual:   x_o = equal ? One : '0;
      npu_isa_pkg::VectorSelect:  x_o = (z_i[30:0] == '0) ? x_i : y_i;
      npu_isa_pkg::VectorKeep:    x_o = (z_i[30:0] == '0) ? y_i : x_i;
      npu_isa_pkg::VectorRint:    x_o = x_nan ? NaN : rounded;
      npu_isa_pkg::VectorExp2:    x_o = number;
      npu_isa_pkg::VectorConvert: x_o = (format_i == '0) ? number : code;
      default:                   x_o = (!counts_i || x_nan || (below && !z_nan)) ? z_i : x_i;
    endcase
  end

  logic unused_bits;
  assign unused_bits = ^whole[23:10];
endmodule : npu_vector_step
`default_nettype wire

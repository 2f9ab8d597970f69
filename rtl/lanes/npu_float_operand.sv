`default_nettype none
// SPDX-License-Identifier: Apache-2.0
// Two bytes of an operand, taken apart for the multipliers of a floating-point lane.
//
// With fp8_i each byte is a number (E4M3, or E5M2 with e5m2_i), with bf16_i both are one, which
// goes the way of the low byte; with neither they are integers. Significands stand in the upper
// bits of a byte, so that products of all formats have their highest bit at the same place.
module npu_float_operand (
  input  wire         bf16_i,
  input  wire         fp8_i,
  input  wire         e5m2_i,
  input  wire  [15:0] bytes_i,
  // of the low byte, or of both
  output wire  [7:0]  low_byte_o,       // significand, or the integer
  output wire  [7:0]  low_exponent_o,   // at least 1
  output wire         low_nonzero_o,
  output wire         low_special_o,    // infinity or NaN
  // of the high byte; with bf16_i they mean nothing
  output wire  [7:0]  high_byte_o,
  output wire  [4:0]  high_exponent_o,
  output wire         high_nonzero_o,
  output wire         high_special_o
);
  wire [7:0] low, high;
  assign low  = bytes_i[7:0];
  assign high = bytes_i[15:8];

  wire low_some, high_some;  // a number of FP8 that is not 0; of BF16 the field, but for low[7]
  wire wide_some;
  assign low_some  = low[6:0] != '0;
  assign high_some = high[6:0] != '0;
  assign wide_some = high_some || low[7];

  // Exponent fields. The lowest bit is set where the field is 0, as such numbers have exponent 1.
  wire [4:0] low_narrow, high_narrow;
  wire [7:0] low_field;
  wire       low_narrow_hidden, low_hidden, high_hidden;
  assign low_narrow        = e5m2_i ? low[6:2] : {1'b0, low[6:3]};
  assign high_narrow       = e5m2_i ? high[6:2] : {1'b0, high[6:3]};
  assign low_field         = bf16_i ? {high[6:0], low[7]} : {3'd0, low_narrow};
  assign low_narrow_hidden = low[6:3] != '0 || (e5m2_i && low[2]);
  assign low_hidden        = bf16_i ? wide_some : low_narrow_hidden;
  assign high_hidden       = high[6:3] != '0 || (e5m2_i && high[2]);
  assign low_exponent_o    = {low_field[7:1], low_field[0] | ~low_hidden};
  assign high_exponent_o   = {high_narrow[4:1], high_narrow[0] | ~high_hidden};
  assign low_nonzero_o     = low_some || (bf16_i && wide_some);
  assign high_nonzero_o    = high_some;

  wire [2:0] low_fraction, high_fraction;  // of FP8
  assign low_fraction  = e5m2_i ? {low[1:0], 1'b0} : low[2:0];
  assign high_fraction = e5m2_i ? {high[1:0], 1'b0} : high[2:0];
  assign low_byte_o    = {(bf16_i || fp8_i) ? low_hidden : low[7],
                          fp8_i ? {low_fraction, 4'd0} : low[6:0]};
  assign high_byte_o   = {fp8_i ? high_hidden : high[7],
                          fp8_i ? {high_fraction, 4'd0} : high[6:0]};

  // E4M3 has a NaN alone, all ones; the others have no numbers with the largest exponent.
  wire low_top, high_top, high_all;
  assign low_top        = low[6:2] == '1;
  assign high_top       = high[6:2] == '1;
  assign high_all       = high_top && high[1:0] == '1;
  assign low_special_o  = bf16_i ? high_all && low[7] : low_top && (e5m2_i || low[1:0] == '1);
  assign high_special_o = high_all || (high_top && e5m2_i);
endmodule : npu_float_operand
`default_nettype wire

`default_nettype none
// SPDX-License-Identifier: Apache-2.0
// Multiplier of the synthesis views of npu_requantize and npu_softmax: 33 bits signed by 31 bits
// unsigned, radix-4 Booth rows added up to two.
//
//   sum_o + carry_o + low_o = floor((x * multiplier + rounds * 2^30 - minus * 2^31) / 2^31)
//
// modulo 2^33. The lower bits are added here, as they are ready before the others.
//
// Row i is d * x * 4^i with a digit d of -2..2; for -d the bits are inverted and a 1 is added in a
// free place of the next row. Instead of extending signs, the sign bit is inverted and constants
// are added: they come to a 1 above each sign bit and, with `rounds` and `minus`, to four bits in
// one more row.
module npu_booth (
  input  wire [32:0] x_i,           // signed
  input  wire [30:0] multiplier_i,
  input  wire        rounds_i,
  input  wire        minus_i,
  output wire [32:0] sum_o,
  output wire [32:0] carry_o,
  output wire        low_o          // carry out of the 31 bits below
);
  localparam int unsigned Digits = 16;
  localparam int unsigned Rows   = Digits + 1;
  localparam int unsigned Total  = Rows + 2 * (Rows - 2);  // and those that the additions make

  wire [2*Digits:0] bits;  // the multiplier between two zeros
  assign bits = {1'b0, multiplier_i, 1'b0};

  wire [Digits-1:0]  negative;
  wire [64*Rows-1:0] rows;

  for (genvar i = 0; i < Digits; i++) begin : gen_row
    wire        one, two;
    wire [33:0] multiple;
    wire [66:0] shifted;
    assign one         = bits[2*i+1] ^ bits[2*i];
    assign two         = !one && (bits[2*i+2] ^ bits[2*i+1]);
    assign negative[i] = bits[2*i+2] && !(bits[2*i+1] && bits[2*i]);
    assign multiple    = (({x_i[32], x_i} & {34{one}}) | ({x_i, 1'b0} & {34{two}})) ^
                         {34{negative[i]}};
    if (i == 0) begin : gen_first
      assign shifted = {32'd1, !multiple[33], multiple[32:0], 1'b0};
      assign rows[0+:64] = shifted[64:1];
      logic unused_bits;
      assign unused_bits = ^{shifted[66:65], shifted[0]};
    end else begin : gen_next
      // The 1 of the previous row's inversion stands two places below this row's lowest bit.
      assign shifted = 67'({1'b1, !multiple[33], multiple[32:0], 1'b0, negative[i-1]}) <<
                       (2 * i - 2);
      assign rows[64*i+:64] = shifted[63:0];
      logic unused_bits;
      assign unused_bits = ^shifted[66:64];
    end
  end
  assign rows[64*Digits+:64] = {30'd0, !minus_i, minus_i, minus_i, rounds_i, 30'd0};

  // The highest digit is never negative.
  logic unused_negative;
  assign unused_negative = negative[Digits-1];

  // Carry-save addition: the three rows that wait longest become two, until two are left.
  logic [64*Total-1:0] queue;
  logic [63:0]         a, b, c;
  always_comb begin
    queue = '0;
    a     = '0;
    b     = '0;
    c     = '0;
    queue[64*Rows-1:0] = rows;
    for (int unsigned k = 0; k < Rows - 2; k++) begin
      a = queue[64*(3*k)+:64];
      b = queue[64*(3*k+1)+:64];
      c = queue[64*(3*k+2)+:64];
      queue[64*(Rows+2*k)+:64]   = a ^ b ^ c;
      queue[64*(Rows+2*k+1)+:64] = {(a[62:0] & b[62:0]) | (c[62:0] & (a[62:0] ^ b[62:0])), 1'b0};
    end
  end

  wire [127:0] rows2;
  assign rows2 = queue[64*Total-1-:128];

  wire [31:0] low;
  assign low     = {1'b0, rows2[30:0]} + {1'b0, rows2[94:64]};
  assign low_o   = low[31];
  assign sum_o   = rows2[63:31];
  assign carry_o = rows2[127:95];

  logic unused_low;
  assign unused_low = ^low[30:0];
endmodule : npu_booth
`default_nettype wire

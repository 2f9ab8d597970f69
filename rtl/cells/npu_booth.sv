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

  // Carry-save addition: the three rows that wait longest become two, until two are left. The last
  // row above is the first one to go, with those of the lowest weight, as it needs no adders there.
  // Full adders stand only where all three rows have bits. Below, two rows just go on.
  function automatic logic [7:0] middle(input logic [7:0] a, input logic [7:0] b,
                                        input logic [7:0] c);
    middle = (a <= b) ? ((b <= c) ? b : (a <= c) ? c : a) : ((a <= c) ? a : (b <= c) ? c : b);
  endfunction

  // Lowest and highest bit of each row, those of the additions included: high * 256 + low.
  function automatic logic [16*Total-1:0] all_ends(input logic [7:0] top);
    logic [7:0] low_a, low_b, low_c, high_a, high_b, high_c, lowest, highest;
    all_ends = '0;
    all_ends[15:0] = {8'd33, 8'd30};
    for (int unsigned i = 0; i < Digits; i++) begin
      lowest  = (i == 0) ? 8'd0 : 8'(2 * i - 2);
      highest = 8'(2 * i + 34);
      all_ends[16*(i+1)+:16] = {(highest > top) ? top : highest, lowest};
    end
    for (int unsigned k = 0; k < Rows - 2; k++) begin
      low_a   = all_ends[16*(3*k)+:8];
      low_b   = all_ends[16*(3*k+1)+:8];
      low_c   = all_ends[16*(3*k+2)+:8];
      high_a  = all_ends[16*(3*k)+8+:8];
      high_b  = all_ends[16*(3*k+1)+8+:8];
      high_c  = all_ends[16*(3*k+2)+8+:8];
      lowest  = (low_a < low_b) ? low_a : low_b;
      lowest  = (low_c < lowest) ? low_c : lowest;
      highest = (high_a > high_b) ? high_a : high_b;
      highest = (high_c > highest) ? high_c : highest;
      all_ends[16*(Rows+2*k)+:16] = {highest, lowest};
      highest = middle(high_a, high_b, high_c);
      all_ends[16*(Rows+2*k+1)+:16] = {(highest == top) ? top : highest + 8'd1,
                                       middle(low_a, low_b, low_c)};
    end
  endfunction
  localparam logic [16*Total-1:0] Ends = all_ends(8'd63);

  logic [64*Total-1:0] queue /* verilator split_var */;
  assign queue[64*Rows-1:0] = {rows[64*Digits-1:0], rows[64*Digits+:64]};

  for (genvar k = 0; k < Rows - 2; k++) begin : gen_add
    localparam int unsigned LowA  = 32'(Ends[16*(3*k)+:8]);
    localparam int unsigned LowB  = 32'(Ends[16*(3*k+1)+:8]);
    localparam int unsigned LowC  = 32'(Ends[16*(3*k+2)+:8]);
    localparam int unsigned HighA = 32'(Ends[16*(3*k)+8+:8]);
    localparam int unsigned HighB = 32'(Ends[16*(3*k+1)+8+:8]);
    localparam int unsigned HighC = 32'(Ends[16*(3*k+2)+8+:8]);
    localparam int unsigned LowAB = (LowA > LowB) ? LowA : LowB;
    localparam int unsigned Low   = (LowAB > LowC) ? LowAB : LowC;
    localparam int unsigned HighAB = (HighA < HighB) ? HighA : HighB;
    localparam int unsigned High  = (HighAB < HighC) ? HighAB : HighC;

    wire [63:0] a, b, c, sum;
    wire [64:0] carry;
    assign a = queue[64*(3*k)+:64];
    assign b = queue[64*(3*k+1)+:64];
    assign c = queue[64*(3*k+2)+:64];
    npu_full_adder #(
      .Width(High - Low + 1)
    ) u_add (
      .a_i    (a[High:Low]),
      .b_i    (b[High:Low]),
      .c_i    (c[High:Low]),
      .sum_o  (sum[High:Low]),
      .carry_o(carry[High+1:Low+1])
    );
    assign carry[Low] = 1'b0;
    for (genvar i = 0; i < 64; i++) begin : gen_bit
      if (i < Low) begin : gen_below
        // One of the rows begins at Low; of the others the one that begins first goes on as sum.
        if (LowA == Low) begin : gen_b_and_c
          assign sum[i]   = (LowB <= LowC) ? b[i] : c[i];
          assign carry[i] = (LowB <= LowC) ? c[i] : b[i];
        end else if (LowB == Low) begin : gen_a_and_c
          assign sum[i]   = (LowA <= LowC) ? a[i] : c[i];
          assign carry[i] = (LowA <= LowC) ? c[i] : a[i];
        end else begin : gen_a_and_b
          assign sum[i]   = (LowA <= LowB) ? a[i] : b[i];
          assign carry[i] = (LowA <= LowB) ? b[i] : a[i];
        end
      end else if (i > High) begin : gen_above
        assign sum[i]     = a[i] ^ b[i] ^ c[i];
        assign carry[i+1] = (a[i] & b[i]) | (a[i] & c[i]) | (b[i] & c[i]);
      end
    end
    assign queue[64*(Rows+2*k)+:64]   = sum;
    assign queue[64*(Rows+2*k+1)+:64] = carry[63:0];
    logic unused_rows;  // below their lowest bits
    assign unused_rows = ^{a, b, c, carry[64]};
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

`default_nettype none
// SPDX-License-Identifier: Apache-2.0
// First stage of a floating-point lane: products of significands or integers, their exponents, and
// the largest one of these. Results follow in the cycle after fire_i.
//
// A product with a zero factor is none: its exponent is 0, below that of any other. Integers have
// exponent 0 all.
module npu_float_products #(
  parameter int unsigned Simd  = 16,  //@ = lane.simd  -- bytes, even, 2..16
  localparam int unsigned Pairs = Simd / 2
) (
  input  wire                 clk_i,
  input  wire                 fire_i,
  input  wire                 bf16_i,
  input  wire                 fp8_i,
  input  wire                 slots_e5m2_i,
  input  wire                 weights_e5m2_i,
  input  wire  [8*Simd-1:0]   slots_i,
  input  wire  [8*Simd-1:0]   weights_i,
  output wire  [16*Simd-1:0]  products_o,        // byte s times byte s
  output wire  [Simd-1:0]     negative_o,        // of numbers, magnitude apart
  output wire  [9*Pairs-1:0]  low_exponents_o,   // of even bytes
  output wire  [6*Pairs-1:0]  high_exponents_o,  // of odd ones
  output wire  [8:0]          largest_o,         // 0: no product
  output wire                 nan_o              // an infinity or a NaN was multiplied
);
  wire [16*Simd-1:0] products;
  wire [Simd-1:0]    negative;
  wire [9*Pairs-1:0] low_exponents;
  wire [6*Pairs-1:0] high_exponents;
  wire [Simd-1:0]    special;
  wire               integers;
  assign integers = !bf16_i && !fp8_i;

  for (genvar i = 0; i < Pairs; i++) begin : gen_pair
    wire [15:0] slot, weight;
    assign slot   = slots_i[16*i+:16];
    assign weight = weights_i[16*i+:16];

    wire [7:0] slot_low, slot_high, weight_low, weight_high;
    wire [7:0] slot_low_exponent, weight_low_exponent;
    wire [4:0] slot_high_exponent, weight_high_exponent;
    wire       slot_low_nonzero, slot_high_nonzero, weight_low_nonzero, weight_high_nonzero;
    wire       slot_low_special, slot_high_special, weight_low_special, weight_high_special;
    npu_float_operand u_slot (
      .bf16_i,
      .fp8_i,
      .e5m2_i         (slots_e5m2_i),
      .bytes_i        (slot),
      .low_byte_o     (slot_low),
      .low_exponent_o (slot_low_exponent),
      .low_nonzero_o  (slot_low_nonzero),
      .low_special_o  (slot_low_special),
      .high_byte_o    (slot_high),
      .high_exponent_o(slot_high_exponent),
      .high_nonzero_o (slot_high_nonzero),
      .high_special_o (slot_high_special)
    );
    npu_float_operand u_weight (
      .bf16_i,
      .fp8_i,
      .e5m2_i         (weights_e5m2_i),
      .bytes_i        (weight),
      .low_byte_o     (weight_low),
      .low_exponent_o (weight_low_exponent),
      .low_nonzero_o  (weight_low_nonzero),
      .low_special_o  (weight_low_special),
      .high_byte_o    (weight_high),
      .high_exponent_o(weight_high_exponent),
      .high_nonzero_o (weight_high_nonzero),
      .high_special_o (weight_high_special)
    );

    npu_byte_multiplier u_low (
      .signed_i (integers),
      .a_i      (slot_low),
      .b_i      (weight_low),
      .product_o(products[32*i+:16])
    );
    npu_byte_multiplier u_high (
      .signed_i (integers),
      .a_i      (slot_high & {8{!bf16_i}}),
      .b_i      (weight_high),
      .product_o(products[32*i+16+:16])
    );
    assign negative[2*i]   = bf16_i ? slot[15] ^ weight[15] : slot[7] ^ weight[7];
    assign negative[2*i+1] = slot[15] ^ weight[15];

    wire low_counts, high_counts;
    assign low_counts  = !integers && slot_low_nonzero && weight_low_nonzero;
    assign high_counts = fp8_i && slot_high_nonzero && weight_high_nonzero;
    assign low_exponents[9*i+:9]  = ({1'b0, slot_low_exponent} + {1'b0, weight_low_exponent}) &
                                    {9{low_counts}};
    assign high_exponents[6*i+:6] = ({1'b0, slot_high_exponent} + {1'b0, weight_high_exponent}) &
                                    {6{high_counts}};
    assign special[2*i]   = low_counts && (slot_low_special || weight_low_special);
    assign special[2*i+1] = high_counts && (slot_high_special || weight_high_special);
  end

  // The largest exponent: of each pair, of four pairs, of these.
  localparam int unsigned Fours = (Pairs + 3) / 4;
  wire [9*4*Fours-1:0] larger;
  wire [9*Fours-1:0]   of_four;
  wire [8:0]           largest;
  for (genvar i = 0; i < 4 * Fours; i++) begin : gen_larger
    if (i < Pairs) begin : gen_pair_exponent
      wire [8:0] low, high;
      assign low  = low_exponents[9*i+:9];
      assign high = {3'd0, high_exponents[6*i+:6]};
      // With BF16 there is no high one, else both have six bits.
      assign larger[9*i+:9] = (low[5:0] < high[5:0] && fp8_i) ? high : low;
    end else begin : gen_none
      assign larger[9*i+:9] = '0;
    end
  end
  for (genvar i = 0; i < Fours; i++) begin : gen_four
    wire [8:0] a, b, c, d;
    wire       a_b, a_c, a_d, b_c, b_d, c_d;  // the first one is not less
    assign {d, c, b, a} = larger[36*i+:36];
    assign a_b = a >= b;
    assign a_c = a >= c;
    assign a_d = a >= d;
    assign b_c = b >= c;
    assign b_d = b >= d;
    assign c_d = c >= d;
    assign of_four[9*i+:9] = (a & {9{a_b && a_c && a_d}}) | (b & {9{!a_b && b_c && b_d}}) |
                             (c & {9{!a_c && !b_c && c_d}}) | (d & {9{!a_d && !b_d && !c_d}});
  end
  if (Fours > 1) begin : gen_two
    assign largest = (of_four[8:0] >= of_four[17:9]) ? of_four[8:0] : of_four[17:9];
  end else begin : gen_one
    assign largest = of_four;
  end

  logic [16*Simd-1:0] products_q;
  logic [Simd-1:0]    negative_q;
  logic [9*Pairs-1:0] low_exponents_q;
  logic [6*Pairs-1:0] high_exponents_q;
  logic [8:0]         largest_q;
  logic               nan_q;
  always_ff @(posedge clk_i) begin
    if (fire_i) begin
      products_q       <= products;
      negative_q       <= negative;
      low_exponents_q  <= low_exponents;
      high_exponents_q <= high_exponents;
      largest_q        <= largest;
      nan_q            <= special != '0;
    end
  end
  assign products_o       = products_q;
  assign negative_o       = negative_q;
  assign low_exponents_o  = low_exponents_q;
  assign high_exponents_o = high_exponents_q;
  assign largest_o        = largest_q;
  assign nan_o            = nan_q;

endmodule : npu_float_products
`default_nettype wire

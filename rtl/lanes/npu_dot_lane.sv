`default_nettype none
// SPDX-License-Identifier: Apache-2.0
// One lane's sum of products: sum_o = sum_i + slots . weights, all signed, wrapping at 32 bits.
//
//@ if units.bnn.enabled
// Binary: slots and weights are bits of value +1 and -1, and only bytes with valid_i count.
//
//@ endif
// With two stages products are taken in the cycle of fire_i, and sum_i is added in the next one.
//
// The synthesis view of npu_dot_tile instantiates it per lane, so that it is mapped once.
module npu_dot_lane #(
  parameter int unsigned Simd   = 16,  //@ = lane.simd  -- products, 1..64
  parameter int unsigned Stages = 1    //@ = lane.stages  -- 1 or 2
) (
  input  wire               clk_i,
  input  wire               fire_i,
  input  wire  [8*Simd-1:0] slots_i,
  input  wire  [8*Simd-1:0] weights_i,
  //@ if units.bnn.enabled
  input  wire               binary_i,
  input  wire  [Simd-1:0]   valid_i,
  input  wire  [10:0]       bits_i,    // that count
  //@ endif
  input  wire  [31:0]       sum_i,
  output wire  [31:0]       sum_o
);
  // Products and their rows: first + second - 2^RowW. 21760 is the sum of what the four digits of a
  // weight count too much (npu_dot_products).
  localparam int unsigned RowW = $clog2(21760 * Simd);

  logic [RowW:0]   first, first_row;    // of the products, to be added
  logic [RowW-1:0] second, second_row;

  //@ if units.bnn.enabled
  localparam int unsigned CountW = $clog2(8 * Simd + 1);
  logic [RowW:0]     first_product;
  logic [RowW-1:0]   second_product;
  logic [CountW-1:0] agree;

  npu_popcount #(
    .Bits(8 * Simd)
  ) u_popcount (
    .a_i    (slots_i),
    .b_i    (weights_i),
    .valid_i(valid_i),
    .count_o(agree)
  );
  // Twice the bits that agree, less all that count: a complement and one.
  logic [RowW:0]     first_bits;
  logic [RowW-1:0]   second_bits;
  always_comb begin
    first_bits           = '0;
    first_bits[CountW:0] = {agree, 1'b1};
    second_bits          = '0;
    second_bits[10:0]    = bits_i;
  end
  assign first  = binary_i ? first_bits : first_product;
  assign second = binary_i ? ~second_bits : second_product;
  //@ endif

  npu_dot_products #(
    .Simd(Simd)
  ) u_products (
    .slots_i,
    .weights_i,
    //@ if units.bnn.enabled
    .first_o (first_product),
    .second_o(second_product)
    //@ endif
    //@ unless units.bnn.enabled: .first_o (first),
    //@ unless units.bnn.enabled: .second_o(second)
  );

  if (Stages > 1) begin : gen_rows
    logic [RowW:0]   first_q;
    logic [RowW-1:0] second_q;
    always_ff @(posedge clk_i) begin
      if (fire_i) begin
        first_q  <= first;
        second_q <= second;
      end
    end
    assign first_row  = first_q;
    assign second_row = second_q;
  end else begin : gen_at_once
    assign first_row  = first;
    assign second_row = second;
    logic unused_clk;
    assign unused_clk = clk_i ^ fire_i;
  end

  // Both rows and the old sum become two rows. -2^RowW is a one in each column from RowW on.
  logic [31:0] save, carry;
  logic        unused_carry;

  npu_full_adder #(
    .Width(RowW)
  ) u_add (
    .a_i    (first_row[RowW-1:0]),
    .b_i    (second_row),
    .c_i    (sum_i[RowW-1:0]),
    .sum_o  (save[RowW-1:0]),
    .carry_o(carry[RowW:1])
  );
  assign carry[0]        = 1'b0;
  assign save[RowW]      = sum_i[RowW] ~^ first_row[RowW];
  assign carry[RowW+1]   = sum_i[RowW] | first_row[RowW];
  assign save[31:RowW+1] = ~sum_i[31:RowW+1];
  assign carry[31:RowW+2] = sum_i[30:RowW+1];
  assign unused_carry    = sum_i[31];
  assign sum_o           = save + carry;
endmodule : npu_dot_lane
`default_nettype wire

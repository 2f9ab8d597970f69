`default_nettype none
// SPDX-License-Identifier: Apache-2.0
// Largest codes of windows of bits: the vectors of a window come one by one, first_i with the first
// one, and result_o is what those so far, this cycle's included, give.
//
// One plane: the OR of all vectors. Two planes: upper and lower bits of codes come in turn, and the
// result is the lower bits of the largest codes: those of codes whose upper bit is that of the
// largest one. So it is kept whether any code has its upper bit, its lower bit, both.
module npu_pool_bits #(
  parameter int unsigned Width = 128  // bits of a vector
) (
  input  wire              clk_i,
  input  wire              valid_i,       // a vector of pool_bits
  input  wire              first_i,
  input  wire              two_planes_i,
  input  wire  [Width-1:0] vector_i,
  input  wire  [Width-1:0] before_i,      // of one plane: the result of the vectors before
  output wire  [Width-1:0] result_o
);
  logic             lower_turn_q;
  logic [Width-1:0] any_upper, any_lower, any_both, any_upper_q, any_lower_q, any_both_q;
  logic [Width-1:0] upper_bits_q;

  always_comb begin
    any_upper = any_upper_q;
    any_lower = any_lower_q;
    any_both  = any_both_q;
    if (valid_i) begin
      if (first_i) begin
        any_upper = vector_i;
        any_lower = '0;
        any_both  = '0;
      end else if (!lower_turn_q) begin
        any_upper = any_upper_q | vector_i;
      end else begin
        any_lower = any_lower_q | vector_i;
        any_both  = any_both_q | (vector_i & upper_bits_q);
      end
    end
  end

  always_ff @(posedge clk_i) begin
    if (valid_i) begin
      lower_turn_q <= first_i || !lower_turn_q;
      upper_bits_q <= vector_i;
      any_upper_q  <= any_upper;
      any_lower_q  <= any_lower;
      any_both_q   <= any_both;
    end
  end

  assign result_o = two_planes_i ? any_both | (any_lower & ~any_upper)
                  : first_i      ? vector_i : before_i | vector_i;
endmodule : npu_pool_bits
`default_nettype wire

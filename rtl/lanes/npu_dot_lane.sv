`default_nettype none
// SPDX-License-Identifier: Apache-2.0
// One lane's sum of products: sum_o = sum_i + slots . weights, all signed, wrapping at 32 bits.
//
// Binary: slots and weights are bits of value +1 and -1, and only bytes with valid_i count.
//
// The synthesis view of npu_dot_tile instantiates it per lane, so that it is mapped once.
module npu_dot_lane #(
  parameter int unsigned Simd = 16  //@ = lane.simd  -- products, 1..64
) (
  input  wire  [8*Simd-1:0] slots_i,
  input  wire  [8*Simd-1:0] weights_i,
  //@ if units.bnn.enabled
  input  wire               binary_i,
  input  wire  [Simd-1:0]   valid_i,
  input  wire  [10:0]       bits_i,    // that count
  //@ endif
  input  wire  [31:0]       sum_i,
  output logic [31:0]       sum_o
);
  //@ if units.bnn.enabled
  localparam int unsigned CountW = $clog2(8 * Simd + 1);
  logic [CountW-1:0] agree;

  npu_popcount #(
    .Bits(8 * Simd)
  ) u_popcount (
    .a_i    (slots_i),
    .b_i    (weights_i),
    .valid_i(valid_i),
    .count_o(agree)
  );
  //@ endif

  always_comb begin
    sum_o = sum_i;
    for (int unsigned s = 0; s < Simd; s++) begin
      sum_o = sum_o + 32'(16'($signed(slots_i[8*s+:8])) * 16'($signed(weights_i[8*s+:8])));
    end
    //@ if units.bnn.enabled
    if (binary_i) sum_o = sum_i + (32'({agree, 1'b0}) - 32'(bits_i));
    //@ endif
  end
endmodule : npu_dot_lane
`default_nettype wire

`default_nettype none
// One lane's sum of products: sum_o = sum_i + slots . weights, all signed, wrapping at 32 bits.
//
// The synthesis view of npu_dot_tile instantiates it per lane, so that it is mapped once.
module npu_dot_lane #(
  parameter int unsigned Simd = 16  //@ = lane.simd  -- products, 1..64
) (
  input  wire  [8*Simd-1:0] slots_i,
  input  wire  [8*Simd-1:0] weights_i,
  input  wire  [31:0]       sum_i,
  output logic [31:0]       sum_o
);
  always_comb begin
    sum_o = sum_i;
    for (int unsigned s = 0; s < Simd; s++) begin
      sum_o = sum_o + 32'(16'($signed(slots_i[8*s+:8])) * 16'($signed(weights_i[8*s+:8])));
    end
  end
endmodule : npu_dot_lane
`default_nettype wire

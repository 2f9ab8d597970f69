`default_nettype none
// SPDX-License-Identifier: Apache-2.0
// Zeros in front of the first one of 64 bits; 63 where there is none. Combinational.
module npu_leading_zeros (
  input  wire  [63:0] bits_i,
  output wire  [5:0]  zeros_o
);
  // Of two halves those of the upper one, or all of it and those of the lower one.
  logic [63:0]     some;
  logic [6*64-1:0] counts;
  always_comb begin
    some   = bits_i;
    counts = '0;
    for (int unsigned b = 0; b < 6; b++) begin
      for (int unsigned i = 0; i < (32'd32 >> b); i++) begin
        counts[6*i+:6] = some[2*i+1] ? counts[6*(2*i+1)+:6] : counts[6*(2*i)+:6] | (6'd1 << b);
        some[i]        = some[2*i+1] | some[2*i];
      end
    end
  end
  assign zeros_o = counts[5:0];
endmodule : npu_leading_zeros
`default_nettype wire

`default_nettype none
// Bits that agree: the number of positions, in the bytes that count, where two words are equal.
module npu_popcount #(
  parameter int unsigned Bits = 128,  // 1..512
  localparam int unsigned Bytes  = (Bits + 7) / 8,
  localparam int unsigned CountW = $clog2(Bits + 1)
) (
  input  wire [Bits-1:0]   a_i,
  input  wire [Bits-1:0]   b_i,
  input  wire [Bytes-1:0]  valid_i,  // per byte: counts
  output wire [CountW-1:0] count_o
);
  logic [8*Bytes-1:0] mask;
  for (genvar i = 0; i < Bytes; i++) begin : gen_mask
    assign mask[8*i+:8] = {8{valid_i[i]}};
  end
  assign count_o = CountW'($countones(~(a_i ^ b_i) & mask[Bits-1:0]));
endmodule : npu_popcount
`default_nettype wire

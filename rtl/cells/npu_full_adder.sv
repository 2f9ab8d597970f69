`default_nettype none
// SPDX-License-Identifier: Apache-2.0
// Full adders side by side: a + b + c = sum + 2 * carry in every bit, without carries between bits.
//
// A module of its own so that synthesis can map it to the library's full adder, which tools do not
// find by themselves (generator/synth does this); elsewhere it is two gates.
module npu_full_adder #(
  parameter int unsigned Width = 1
) (
  input  wire [Width-1:0] a_i,
  input  wire [Width-1:0] b_i,
  input  wire [Width-1:0] c_i,
  output wire [Width-1:0] sum_o,
  output wire [Width-1:0] carry_o
);
  assign sum_o   = a_i ^ b_i ^ c_i;
  assign carry_o = (a_i & b_i) | (a_i & c_i) | (b_i & c_i);
endmodule : npu_full_adder
`default_nettype wire

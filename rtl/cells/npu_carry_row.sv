`default_nettype none
// SPDX-License-Identifier: Apache-2.0
// One addition on the carry chain of an FPGA: sum = d + f + carry, one LUT per bit.
//
// The LUT of a bit can also hold what f_i is made of, where d_i comes from elsewhere: up to five
// inputs besides d_i in a LUT of six. Yosys would merge additions that follow each other and lose
// that, therefore it gets the chain itself; other tools find it from the operator.
module npu_carry_row #(
  parameter int unsigned Width = 4
) (
  input  wire             carry_i,
  input  wire [Width-1:0] d_i,
  input  wire [Width-1:0] f_i,
  output wire [Width:0]   sum_o
);
`ifdef YOSYS
`ifdef NPU_LUT6
`define NPU_CARRY_PRIMITIVE
  localparam int unsigned Chains = (Width + 3) / 4;

  wire [4*Chains-1:0] d, s, sum, carry;
  assign d     = (4 * Chains)'(d_i);
  assign s     = (4 * Chains)'(d_i ^ f_i);
  assign sum_o = {carry[Width-1], sum[Width-1:0]};

  for (genvar i = 0; i < Chains; i++) begin : gen_chain
    if (i == 0) begin : gen_first
      CARRY4 chain (
        .CI(1'b0), .CYINIT(carry_i), .DI(d[3:0]), .S(s[3:0]), .O(sum[3:0]), .CO(carry[3:0])
      );
    end else begin : gen_next
      CARRY4 chain (
        .CI(carry[4*i-1]), .CYINIT(1'b0), .DI(d[4*i+:4]), .S(s[4*i+:4]), .O(sum[4*i+:4]),
        .CO(carry[4*i+:4])
      );
    end
  end
`endif
`ifdef NPU_LUT4
`define NPU_CARRY_PRIMITIVE
  // The LUT too: Yosys would move logic into it that cannot stand before a carry.
  wire [Width:0] carry;
  assign carry[0]     = carry_i;
  assign sum_o[Width] = carry[Width];

  for (genvar i = 0; i < Width; i++) begin : gen_chain
    SB_CARRY chain (.I0(d_i[i]), .I1(f_i[i]), .CI(carry[i]), .CO(carry[i+1]));
    SB_LUT4 #(.LUT_INIT(16'hc33c)) sum (  // I1 ^ I2 ^ I3
      .I0(1'b0), .I1(d_i[i]), .I2(f_i[i]), .I3(carry[i]), .O(sum_o[i])
    );
  end
`endif
`endif
`ifdef NPU_CARRY_PRIMITIVE
`undef NPU_CARRY_PRIMITIVE
`else
  assign sum_o = {1'b0, d_i} + {1'b0, f_i} + (Width + 1)'(carry_i);
`endif
endmodule : npu_carry_row
`default_nettype wire

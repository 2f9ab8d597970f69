`default_nettype none
// SPDX-License-Identifier: Apache-2.0
// Output walker: the PE memory address of each result position, in row-major order, group by group.
`include "npu_assert.svh"
module npu_output_walker #(
  parameter int unsigned PostWidth = 16  //@ = units.postprocess_width  -- bytes per vector
) (
  input  wire         clk_i,
  // the running command; start_i goes to its first position
  input  wire  [7:0]  opcode_i,
  input  wire  [23:0] out_x_step_i,
  input  wire  [15:0] out_w_i,
  input  wire  [23:0] positions_i,
  input  wire  [23:0] out_base_i,
  input  wire  [23:0] out_row_step_i,
  //@ if units.bnn.residual
  input  wire  [19:0] out_group_step_i,
  //@ else
  //@: input  wire  [15:0] out_group_step_i,
  //@ endif
  input  wire         start_i,
  // address of the current position's first channel; step_i goes to the next position
  input  wire         step_i,
  output wire  [23:0] address_o
);
  wire clk;  // stands still while nothing here changes

  logic [15:0] column_q;
  logic [23:0] left_q;  // positions of the group, this one included
  logic [23:0] address_q, row_address_q, group_address_q, x_step;
  logic        is_linear, column_last, group_last;

  assign is_linear   = !npu_isa_pkg::is_walk(opcode_i);
  assign x_step      = is_linear ? 24'(PostWidth) : out_x_step_i;
  assign column_last = column_q + 16'd1 == out_w_i;
  assign group_last  = left_q == 24'd1;

  always_ff @(posedge clk) begin
    if (start_i) begin
      column_q        <= '0;
      left_q          <= positions_i;
      address_q       <= out_base_i;
      row_address_q   <= out_base_i;
      group_address_q <= out_base_i;
    end else if (step_i) begin
      left_q <= group_last ? positions_i : left_q - 24'd1;
      if (!column_last && !group_last) begin
        column_q  <= column_q + 16'd1;
        address_q <= address_q + x_step;
      end else if (!group_last) begin
        column_q      <= '0;
        address_q     <= row_address_q + out_row_step_i;
        row_address_q <= row_address_q + out_row_step_i;
      end else begin
        column_q        <= '0;
        address_q       <= group_address_q + 24'(out_group_step_i);
        row_address_q   <= group_address_q + 24'(out_group_step_i);
        group_address_q <= group_address_q + 24'(out_group_step_i);
      end
    end
  end

  assign address_o = address_q;

  npu_clock_gate u_gate (
    .clk_i,
    .enable_i(start_i || step_i),
    .clk_o   (clk)
  );

  // The address changes only with a step or a new command.
  `NPU_ASSERT_STABLE(AddressStays, 1'b1, start_i || step_i, address_q, 1'b0, clk_i, 1'b1)
endmodule : npu_output_walker
`default_nettype wire

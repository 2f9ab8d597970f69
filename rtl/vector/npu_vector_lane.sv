`default_nettype none
// SPDX-License-Identifier: Apache-2.0
// Lane of the vector unit: one operation on one element (docs/machine.md, 4.10).
//
// Operands of a cycle with take_i give result_o 12 cycles later; z of MULADD and SUM (late_z_i,
// else -0) comes seven cycles after the others, fields of the entry one, late_operation_i
// and late_format_i two (negate_product_i seven). Of
// DIV and SQRT the result comes 11 cycles after divided_o. code_o is x in the format three cycles
// after it.
module npu_vector_lane (
  input  wire         clk_i,
  input  wire         rst_ni,
  input  wire         clear_i,
  // fields of the entry
  input  wire  [3:0]  operation_i,
  input  wire  [2:0]  format_i,
  input  wire         saturate_i,
  input  wire  [3:0]  late_operation_i,
  input  wire  [2:0]  late_format_i,
  input  wire         negate_product_i,
  // operands
  input  wire         take_i,
  input  wire  [31:0] x_i,
  input  wire  [31:0] y_i,
  input  wire  [31:0] z_i,
  input  wire         counts_i,      // the element exists; a cycle after x
  output wire         divided_o,
  input  wire  [31:0] late_z_i,
  output wire  [31:0] result_o,
  output wire  [31:0] code_o
);
  localparam int unsigned Steps = 7;  // to the addition

  // ---- Operands ----
  logic [31:0] x_q, y_q, z_q;
  always_ff @(posedge clk_i) begin
    if (take_i) begin
      x_q <= x_i;
      y_q <= y_i;
      z_q <= z_i;
    end
  end

  // ---- What stands in front of the multiplier ----
  wire [31:0] x_step, y_step, x_finish, code, quotient;
  npu_vector_step u_step (
    .operation_i,
    .format_i,
    .saturate_i,
    .counts_i,
    .x_i        (x_q),
    .y_i        (y_q),
    .z_i        (z_q),
    .x_o        (x_step),
    .y_o        (y_step)
  );

  wire divides;
  assign divides = operation_i == npu_isa_pkg::VectorDivide ||
                   operation_i == npu_isa_pkg::VectorSquareRoot;

  // go_q[0]: operands stand in x_q; go_q[1]: between the halves; go_q[2]: before the multiplier.
  logic [Steps-1:0] go_q;
  logic [31:0]      half_x_q, half_y_q, front_x_q, front_y_q, code_q;
  wire              half, front;
  assign half  = divides ? divided_o : go_q[0];
  assign front = go_q[1];
  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i) begin
      go_q <= '0;
    end else begin
      go_q[0]         <= take_i;
      go_q[1]         <= half;
      go_q[2]         <= front;
      go_q[Steps-1:3] <= go_q[Steps-2:2];
    end
    if (half) begin
      half_x_q <= divides ? quotient : x_step;
      half_y_q <= divides ? 32'h3f800000 : y_step;
    end
    if (front) begin
      front_x_q <= x_finish;
      front_y_q <= half_y_q;
      code_q    <= code;
    end
  end
  assign code_o = code_q;

  npu_vector_finish u_finish (
    .operation_i(late_operation_i),
    .format_i   (late_format_i),
    .x_i        (half_x_q),
    .x_o        (x_finish),
    .code_o     (code)
  );

  npu_fp32_divide u_divide (
    .clk_i,
    .rst_ni,
    .clear_i,
    .start_i (go_q[0] && divides),
    .root_i  (operation_i == npu_isa_pkg::VectorSquareRoot),
    .a_i     (x_q),
    .b_i     (y_q),
    .valid_o (divided_o),
    .result_o(quotient)
  );

  // ---- Product and sum ----
  wire [31:0] product;
  npu_fp32_multiply u_multiply (
    .clk_i,
    .take_i   (go_q[2]),
    .a_i      (front_x_q),
    .b_i      (front_y_q),
    .product_o(product)
  );
  npu_fp32_add u_add (
    .clk_i,
    .take_i(go_q[6]),
    .a_i   (product ^ {negate_product_i, 31'd0}),
    .b_i   (late_z_i),
    .sum_o (result_o)
  );
endmodule : npu_vector_lane
`default_nettype wire

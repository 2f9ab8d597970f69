`default_nettype none
// SPDX-License-Identifier: Apache-2.0
// npu_fp32_divide between registers, to be measured (tests/synth/lane_area.sh).
module npu_top (
  input  wire         clk_i,
  input  wire         rst_ni,
  input  wire         clear_i,
  input  wire         start_i,
  input  wire         root_i,
  input  wire  [31:0] a_i,
  input  wire  [31:0] b_i,
  output wire         valid_o,
  output wire  [31:0] result_o
);
  logic        rst_q, clear_q, start_q, root_q, valid_q;
  logic [31:0] a_q, b_q, result_q;
  wire         valid;
  wire  [31:0] result;
  always_ff @(posedge clk_i) begin
    rst_q    <= rst_ni;
    clear_q  <= clear_i;
    start_q  <= start_i;
    root_q   <= root_i;
    a_q      <= a_i;
    b_q      <= b_i;
    valid_q  <= valid;
    result_q <= result;
  end
  npu_fp32_divide u_divide (
    .clk_i,
    .rst_ni  (rst_q),
    .clear_i (clear_q),
    .start_i (start_q),
    .root_i  (root_q),
    .a_i     (a_q),
    .b_i     (b_q),
    .valid_o (valid),
    .result_o(result)
  );
  assign valid_o  = valid_q;
  assign result_o = result_q;
endmodule : npu_top
`default_nettype wire

`default_nettype none
// SPDX-License-Identifier: Apache-2.0
// npu_float_lane between registers and accumulators, to be measured (tests/synth/lane_area.sh).
module npu_top #(
  parameter int unsigned Simd = 16
) (
  input  wire               clk_i,
  input  wire               load_i,
  input  wire               swap_i,
  input  wire               fire_i,
  input  wire  [3:0]        format_i,
  input  wire  [8*Simd-1:0] slots_i,
  input  wire  [8*Simd-1:0] weights_i,
  input  wire  [10:0]       unit_i,
  input  wire               read_i,
  input  wire  [3:0]        read_index_i,
  input  wire               write_i,
  input  wire  [3:0]        write_index_i,
  input  wire               clear_i,
  output wire  [31:0]       sums_o
);
  logic [8*Simd-1:0] slots_q, weights_q;
  logic [3:0]        format_q;
  logic [10:0]       unit_q;
  logic              fire_q, read_q, write_q, clear_q, half_q;
  logic [3:0]        read_index_q, write_index_q;
  wire  [31:0]       half0, half1, sum;
  always_ff @(posedge clk_i) begin
    if (load_i) slots_q <= slots_i;
    if (swap_i) weights_q <= weights_i;
    format_q      <= format_i;
    unit_q        <= unit_i;
    fire_q        <= fire_i;
    read_q        <= read_i;
    write_q       <= write_i;
    read_index_q  <= read_index_i;
    write_index_q <= write_index_i;
    clear_q       <= clear_i;
    if (read_q) half_q <= read_index_q[0];
  end
  npu_float_lane #(
    .Simd(Simd)
  ) u_lane (
    .clk_i,
    .fire_i        (fire_q),
    .bf16_i        (format_q[0]),
    .fp8_i         (format_q[1]),
    .slots_e5m2_i  (format_q[2]),
    .weights_e5m2_i(format_q[3]),
    .slots_i       (slots_q),
    .weights_i     (weights_q),
    .unit_i        (unit_q[9:0]),
    .scale_nan_i   (unit_q[10]),
    .sum_i         (clear_q ? '0 : half_q ? half1 : half0),
    .sum_o         (sum)
  );
  npu_ram_1r1w #(.Width(32), .Depth(16)) u_half0 (
    .clk_i, .we_i(write_q && !half_q), .waddr_i(write_index_q), .wdata_i(sum), .re_i(read_q),
    .raddr_i(read_index_q), .rdata_o(half0)
  );
  npu_ram_1r1w #(.Width(32), .Depth(16)) u_half1 (
    .clk_i, .we_i(write_q && half_q), .waddr_i(write_index_q), .wdata_i(sum), .re_i(read_q),
    .raddr_i(read_index_q), .rdata_o(half1)
  );
  assign sums_o = half_q ? half1 : half0;
endmodule : npu_top
`default_nettype wire

`default_nettype none
// SPDX-License-Identifier: Apache-2.0
// One lane's sum of products, of integers and of floating-point numbers (docs/machine.md, 4.9):
// npu_dot_lane where the NPU has float formats.
//
// With bf16_i each two bytes are a BF16 number, with fp8_i each byte is one of FP8, with neither
// bytes are signed integers. Products are taken in the cycle of fire_i; unit_i and scale_nan_i,
// which belong to the step, are those two cycles later, sum_i is that of three cycles later, and
// sum_o follows two cycles after sum_i. Formats stay as they are for these six cycles.
//
// The synthesis view of npu_dot_tile instantiates it per lane, so that it is mapped once.
module npu_float_lane #(
  parameter int unsigned Simd = 16  //@ = lane.simd  -- bytes, even, 2..16
) (
  input  wire               clk_i,
  input  wire               fire_i,
  input  wire               bf16_i,
  input  wire               fp8_i,
  input  wire               slots_e5m2_i,    // FP8: E5M2, not E4M3
  input  wire               weights_e5m2_i,
  input  wire  [8*Simd-1:0] slots_i,
  input  wire  [8*Simd-1:0] weights_i,
  input  wire  [9:0]        unit_i,          // signed: 133 - both biases, and of block scales their
  input  wire               scale_nan_i,     // sum - 254; a scale is NaN
  input  wire  [31:0]       sum_i,
  output wire  [31:0]       sum_o
);
  localparam int unsigned Pairs = Simd / 2;

  if (Simd < 2 || Simd > 16 || Simd % 2 != 0) begin : gen_bad
    $error("npu_float_lane: Simd must be even, 2..16");
  end

  wire integers;
  assign integers = !bf16_i && !fp8_i;

  // Cycles after the one of fire_i.
  logic [2:0] fired_q;
  always_ff @(posedge clk_i) fired_q <= {fired_q[1:0], fire_i};

  wire [16*Simd-1:0] products;
  wire [Simd-1:0]    negative;
  wire [9*Pairs-1:0] low_exponents;
  wire [6*Pairs-1:0] high_exponents;
  wire [8:0]         largest;
  wire               nan;
  npu_float_products #(
    .Simd(Simd)
  ) u_products (
    .clk_i,
    .fire_i,
    .bf16_i,
    .fp8_i,
    .slots_e5m2_i,
    .weights_e5m2_i,
    .slots_i,
    .weights_i,
    .products_o      (products),
    .negative_o      (negative),
    .low_exponents_o (low_exponents),
    .high_exponents_o(high_exponents),
    .largest_o       (largest),
    .nan_o           (nan)
  );

  wire [27*Simd-1:0] rows;
  wire [Simd-1:0]    ones, below;
  npu_float_align #(
    .Simd(Simd)
  ) u_align (
    .integers_i      (integers),
    .products_i      (products),
    .negative_i      (negative),
    .low_exponents_i (low_exponents),
    .high_exponents_i(high_exponents),
    .largest_i       (largest),
    .rows_o          (rows),
    .ones_o          (ones),
    .below_o         (below)
  );

  wire [31:0] first, second;
  npu_float_tree #(
    .Simd(Simd)
  ) u_tree (
    .clk_i,
    .take_i  (fired_q[0]),
    .rows_i  (rows),
    .ones_i  (ones),
    .below_i (below),
    .first_o (first),
    .second_o(second)
  );

  logic [8:0]  largest_q;
  logic        nan_q;
  logic [31:0] step_q;
  logic [9:0]  unit_q;
  logic        step_nan_q;
  always_ff @(posedge clk_i) begin
    if (fired_q[0]) begin
      largest_q <= largest;
      nan_q     <= nan;
    end
    if (fired_q[1]) begin
      step_q     <= first + second;
      unit_q     <= {1'b0, largest_q} + unit_i;
      step_nan_q <= !integers && (nan_q || scale_nan_i);
    end
  end

  npu_float_accumulate u_accumulate (
    .clk_i,
    .take_i    (fired_q[2]),
    .integers_i(integers),
    .step_i    (step_q),
    .unit_i    (unit_q),
    .nan_i     (step_nan_q),
    .sum_i,
    .sum_o
  );
endmodule : npu_float_lane
`default_nettype wire

`default_nettype none
// SPDX-License-Identifier: Apache-2.0
// Sums of the lanes of a tile with floating-point formats: npu_float_lane for each, with its
// timing. The view for simulation computes each step from its numbers (docs/machine.md, 4.9).
module npu_float_sums #(
  parameter int unsigned Lanes = 16,  // lanes of the tile
  parameter int unsigned Simd  = 16   //@ = lane.simd  -- bytes, even, 2..16
) (
  input  wire                    clk_i,
  input  wire                    fire_i,
  // of slots and weights: 0 int8, 1 BF16, 2 E4M3, 3 E5M2; both of one kind
  input  wire  [1:0]             format_a_i,
  input  wire  [1:0]             format_w_i,
  input  wire  [8*Lanes*Simd-1:0] slots_i,
  input  wire  [8*Lanes*Simd-1:0] weights_i,
  input  wire  [32*Lanes-1:0]    sum_i,
  output wire  [32*Lanes-1:0]    sum_o
);
  // What a product's largest exponent counts less the biases: npu_float_lane.
  function automatic logic [9:0] bias_of(input logic [1:0] format);
    case (format)
      2'd2:    bias_of = 10'd7;
      2'd3:    bias_of = 10'd15;
      default: bias_of = 10'd127;
    endcase
  endfunction

  // The command stands for some cycles before its first fire.
  logic       bf16_q, fp8_q, slots_e5m2_q, weights_e5m2_q;
  logic [9:0] unit_q;
  always_ff @(posedge clk_i) begin
    bf16_q         <= format_a_i == 2'd1;
    fp8_q          <= format_a_i[1];
    slots_e5m2_q   <= format_a_i == 2'd3;
    weights_e5m2_q <= format_w_i == 2'd3;
    unit_q         <= 10'd133 - bias_of(format_a_i) - bias_of(format_w_i);
  end

`ifdef SYNTHESIS
  for (genvar l = 0; l < Lanes; l++) begin : gen_lane
    npu_float_lane #(
      .Simd(Simd)
    ) u_lane (
      .clk_i, .fire_i,
      .bf16_i        (bf16_q),
      .fp8_i         (fp8_q),
      .slots_e5m2_i  (slots_e5m2_q),
      .weights_e5m2_i(weights_e5m2_q),
      .unit_i        (unit_q),
      .slots_i    (slots_i[8*Simd*l+:8*Simd]),
      .weights_i  (weights_i[8*Simd*l+:8*Simd]),
      .scale_nan_i(1'b0),
      .sum_i      (sum_i[32*l+:32]),
      .sum_o      (sum_o[32*l+:32])
    );
  end
`else
  localparam int unsigned Bytes = 8 * Simd;

  function automatic logic [31:0] integer_step(input logic [Bytes-1:0] slots,
                                               input logic [Bytes-1:0] weights);
    integer_step = '0;
    for (int unsigned i = 0; i < Simd; i++) begin
      integer_step = integer_step +
                     32'($signed(slots[8*i+:8])) * 32'($signed(weights[8*i+:8]));
    end
  endfunction

  // Of a step: a product makes the sum a NaN, the largest exponent, the integer.
  function automatic logic [41:0] wide_step(input logic [Bytes-1:0] slots,
                                            input logic [Bytes-1:0] weights);
    logic [15:0] a, b;
    logic [8:0]  exponent, largest;
    logic [31:0] size, step;
    logic        nan;
    largest = '0;
    nan     = 1'b0;
    step    = '0;
    for (int unsigned i = 0; i < Simd / 2; i++) begin
      a        = slots[16*i+:16];
      b        = weights[16*i+:16];
      exponent = {1'b0, a[14:8], a[7] | (a[14:7] == '0)} +
                 {1'b0, b[14:8], b[7] | (b[14:7] == '0)};
      if (a[14:0] != '0 && b[14:0] != '0) begin
        if (exponent > largest) largest = exponent;
        if (a[14:7] == '1 || b[14:7] == '1) nan = 1'b1;
      end
    end
    for (int unsigned i = 0; i < Simd / 2; i++) begin
      a        = slots[16*i+:16];
      b        = weights[16*i+:16];
      exponent = largest - {1'b0, a[14:8], a[7] | (a[14:7] == '0)} -
                 {1'b0, b[14:8], b[7] | (b[14:7] == '0)};
      size     = (32'({a[14:7] != '0, a[6:0]}) * 32'({b[14:7] != '0, b[6:0]})) << 11;
      if (a[14:0] != '0 && b[14:0] != '0 && exponent < 9'd27) begin
        size = size >> exponent[4:0];
        step = (a[15] ^ b[15]) ? step - size : step + size;
      end
    end
    wide_step = {nan, largest, step};
  endfunction

  // Exponent and significand of FP8; that of E5M2 has a zero behind, and so the bits of E4M3.
  function automatic logic [4:0] exponent_of(input logic e5m2, input logic [4:0] upper);
    exponent_of = e5m2 ? {upper[4:1], upper[0] | (upper == '0)}
                       : {1'b0, upper[4:2], upper[1] | (upper[4:1] == '0)};
  endfunction
  function automatic logic [3:0] size_of(input logic e5m2, input logic [6:0] code);
    size_of = e5m2 ? {code[6:2] != '0, code[1:0], 1'b0} : {code[6:3] != '0, code[2:0]};
  endfunction

  function automatic logic [41:0] narrow_step(input logic [Bytes-1:0] slots,
                                              input logic [Bytes-1:0] weights,
                                              input logic a_e5m2, input logic b_e5m2);
    logic [7:0]  a, b;
    logic [8:0]  exponent, largest;
    logic [31:0] size, step;
    logic        nan;
    largest = '0;
    nan     = 1'b0;
    step    = '0;
    for (int unsigned i = 0; i < Simd; i++) begin
      a        = slots[8*i+:8];
      b        = weights[8*i+:8];
      exponent = 9'(exponent_of(a_e5m2, a[6:2])) + 9'(exponent_of(b_e5m2, b[6:2]));
      if (a[6:0] != '0 && b[6:0] != '0) begin
        if (exponent > largest) largest = exponent;
        if ((a_e5m2 ? a[6:2] == '1 : a[6:0] == '1) ||
            (b_e5m2 ? b[6:2] == '1 : b[6:0] == '1)) begin
          nan = 1'b1;
        end
      end
    end
    for (int unsigned i = 0; i < Simd; i++) begin
      a        = slots[8*i+:8];
      b        = weights[8*i+:8];
      exponent = largest - 9'(exponent_of(a_e5m2, a[6:2])) - 9'(exponent_of(b_e5m2, b[6:2]));
      size     = (32'(size_of(a_e5m2, a[6:0])) * 32'(size_of(b_e5m2, b[6:0]))) << 19;
      if (a[6:0] != '0 && b[6:0] != '0 && exponent < 9'd27) begin
        size = size >> exponent[4:0];
        step = (a[7] ^ b[7]) ? step - size : step + size;
      end
    end
    narrow_step = {nan, largest, step};
  endfunction

  // An FP32 sum and a step of that unit (signed, 2^158 less), with one rounding.
  function automatic logic [31:0] accumulated(input logic nan, input logic [9:0] step_unit,
                                              input logic [31:0] step, input logic [31:0] sum);
    logic signed [63:0] total, other;
    logic signed [31:0] step_grid, exponent, grid, place;
    logic [63:0]        size, rest;
    logic [31:0]        packed_sum;
    logic [5:0]         top;
    logic               negative;
    accumulated = sum;
    step_grid        = 32'($signed(step_unit));
    exponent    = (sum[30:23] == '0) ? 32'sd1 : $signed({24'd0, sum[30:23]});
    if (nan || (sum[30:23] == '1 && sum[22:0] != '0)) begin
      accumulated = 32'h7fc00000;
    end else if (step != '0 && sum[30:23] != '1) begin
      total = 64'($signed(step));
      grid  = step_grid;
      if (sum[30:0] != '0) begin
        other = $signed({31'd0, sum[30:23] != '0, sum[22:0], 9'd0}) >>> 1;
        if (sum[31]) other = -other;
        if (exponent > step_grid) begin
          grid  = exponent;
          place = (exponent - step_grid > 32'sd40) ? 32'sd40 : exponent - step_grid;
          total = total >>> place[5:0];
        end else begin
          place = (step_grid - exponent > 32'sd40) ? 32'sd40 : step_grid - exponent;
          other = other >>> place[5:0];
        end
        total = total + other;
      end
      negative = total[63];
      size     = negative ? -total : total;
      top      = '0;
      rest     = size;
      for (int unsigned b = 0; b < 6; b++) begin
        if ((rest >> (32'd32 >> b)) != '0) begin
          rest = rest >> (32'd32 >> b);
          top  = top | 6'(32'd32 >> b);
        end
      end
      // Bits to drop: those behind 24, and those below the smallest subnormal.
      place = $signed({26'd0, top}) - 32'sd23;
      if (place < 32'sd9 - grid) place = 32'sd9 - grid;
      packed_sum = $unsigned(place + grid - 32'sd9) << 23;
      if (place <= 32'sd0) begin
        place      = -place;
        packed_sum = packed_sum + 32'(size << place[5:0]);
      end else if (place < 32'sd48) begin
        rest       = size & ~({64{1'b1}} << place[5:0]);
        packed_sum = packed_sum + 32'(size >> place[5:0]);
        place      = place - 32'sd1;
        if (rest > (64'd1 << place[5:0]) ||
            (rest == (64'd1 << place[5:0]) && packed_sum[0])) begin
          packed_sum = packed_sum + 32'd1;
        end
      end
      if (packed_sum[31:23] >= 9'd255) packed_sum = 32'h7f800000;
      if (size == '0) packed_sum = '0;
      accumulated = {negative, packed_sum[30:0]};
    end
  endfunction

  logic                integers;
  logic [3:0]          fired_q;
  logic [32*Lanes-1:0] steps1_q, steps2_q, steps3_q, sums4_q, sums5_q;
  logic [9*Lanes-1:0]  largest1_q, largest2_q, largest3_q;
  logic [Lanes-1:0]    nan1_q, nan2_q, nan3_q;
  assign integers = !bf16_q && !fp8_q;

  always_ff @(posedge clk_i) begin
    fired_q <= {fired_q[2:0], fire_i};
    if (fire_i) begin
      for (int unsigned l = 0; l < Lanes; l++) begin
        if (integers) begin
          steps1_q[32*l+:32] <= integer_step(slots_i[Bytes*l+:Bytes], weights_i[Bytes*l+:Bytes]);
        end else if (bf16_q) begin
          {nan1_q[l], largest1_q[9*l+:9], steps1_q[32*l+:32]} <=
              wide_step(slots_i[Bytes*l+:Bytes], weights_i[Bytes*l+:Bytes]);
        end else begin
          {nan1_q[l], largest1_q[9*l+:9], steps1_q[32*l+:32]} <=
              narrow_step(slots_i[Bytes*l+:Bytes], weights_i[Bytes*l+:Bytes], slots_e5m2_q,
                          weights_e5m2_q);
        end
      end
    end
    if (fired_q[0]) steps2_q <= steps1_q;
    if (fired_q[1]) steps3_q <= steps2_q;
    if (!integers) begin
      if (fired_q[0]) largest2_q <= largest1_q;
      if (fired_q[0]) nan2_q     <= nan1_q;
      if (fired_q[1]) largest3_q <= largest2_q;
      if (fired_q[1]) nan3_q     <= nan2_q;
    end
    if (fired_q[2]) begin
      for (int unsigned l = 0; l < Lanes; l++) begin
        sums4_q[32*l+:32] <= integers ? steps3_q[32*l+:32] + sum_i[32*l+:32]
                                      : accumulated(nan3_q[l],
                                                    {1'b0, largest3_q[9*l+:9]} + unit_q,
                                                    steps3_q[32*l+:32], sum_i[32*l+:32]);
      end
    end
    if (fired_q[3]) sums5_q <= sums4_q;
  end
  assign sum_o = sums5_q;
`endif
endmodule : npu_float_sums
`default_nettype wire

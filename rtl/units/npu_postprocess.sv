`default_nettype none
// Post-processing: Width lanes of requantization, averaging, addition or clamping to int8 results.
//
// Takes a vector per cycle and gives its result Latency = 4 cycles later (valid_i && ready_o in
// cycle n, valid_o in cycle n + 4), in order; the output cannot be stalled. ADD goes through the
// lanes twice, three cycles apart: its result comes in cycle n + 7, and ready_o is low in the
// cycles that second passes take, so vectors may enter in every second cycle (or three of six).
// Another mode that follows ADD waits until no vector is in its first pass. Lanes whose strb_i is
// 0 do not work; their bytes are undefined.
//
// requantize (0): MBQM(acc + bias, multiplier, shift) + out_zero_point
// average    (1): sign(acc) * floor((|acc| + bias) * multiplier / 2^(31 - shift)) + out_zero_point
// add        (2): w = MBQM((b - b_zero_point) << 20, b_multiplier, b_shift)
//                 MBQM(+-((a - a_zero_point) << 19) +- w, out_multiplier, out_shift)
//                 + out_zero_point
// pass       (3): a
// all clamped to act_min..act_max. The scalars must be stable while busy_o.
module npu_postprocess #(
  parameter int unsigned Width = 16  //@ = units.postprocess_width  -- lanes, at least 1
) (
  input  wire                 clk_i,
  input  wire                 rst_ni,
  input  wire                 clear_i,           // drop everything
  // scalars of the command; all signed but multipliers and flags
  input  wire  [7:0]          out_zero_point_i,
  input  wire  [7:0]          act_min_i,
  input  wire  [7:0]          act_max_i,
  input  wire  [7:0]          a_zero_point_i,
  input  wire  [7:0]          b_zero_point_i,
  input  wire  [7:0]          b_shift_i,
  input  wire  [7:0]          out_shift_i,
  input  wire  [30:0]         b_multiplier_i,
  input  wire  [30:0]         out_multiplier_i,
  input  wire                 a_subtract_i,
  input  wire                 b_subtract_i,
  // operands
  input  wire                 valid_i,
  output wire                 ready_o,           // depends on state and mode_i
  input  wire  [1:0]          mode_i,            // 0 requantize, 1 average, 2 add, 3 pass
  input  wire  [32*Width-1:0] acc_i,
  input  wire  [72*Width-1:0] record_i,          // lane: bias, multiplier [62:32], shift [71:64]
  input  wire  [8*Width-1:0]  a_i,
  input  wire  [8*Width-1:0]  b_i,
  input  wire  [23:0]         addr_i,            // goes with the result
  input  wire  [Width-1:0]    strb_i,            // goes with the result
  // results
  output wire                 valid_o,
  output wire  [8*Width-1:0]  data_o,
  output wire  [23:0]         addr_o,
  output wire  [Width-1:0]    strb_o,
  // state
  output wire                 busy_o             // a vector is inside or at the output
);
  if (Width < 1) begin : gen_bad
    $error("npu_postprocess: Width must be at least 1");
  end

  // What a vector does in stages 2 to 4; second passes of ADD are requantizations.
  localparam logic [1:0] ModeRequantize = 2'd0;
  localparam logic [1:0] ModeAverage    = 2'd1;
  localparam logic [1:0] ModeAdd        = 2'd2;
  localparam logic [1:0] ModePass       = 2'd3;

  logic             valid1_q, valid2_q, valid3_q, valid4_q;
  logic [1:0]       mode1_q, mode2_q, mode3_q;
  logic [23:0]      addr1_q, addr2_q, addr3_q, addr4_q;
  logic [Width-1:0] strb1_q, strb2_q, strb3_q, strb4_q;
  logic             second, accept, first_passes;

  assign second       = valid3_q && mode3_q == ModeAdd;
  assign first_passes = (valid1_q && mode1_q == ModeAdd) || (valid2_q && mode2_q == ModeAdd);
  assign ready_o      = !second && (mode_i == ModeAdd || !first_passes);
  assign accept       = valid_i && ready_o;

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i) begin
      valid1_q <= 1'b0;
      valid2_q <= 1'b0;
      valid3_q <= 1'b0;
      valid4_q <= 1'b0;
    end else begin
      valid1_q <= accept || second;
      valid2_q <= valid1_q;
      valid3_q <= valid2_q;
      valid4_q <= valid3_q && !second;
    end
  end

  always_ff @(posedge clk_i) begin
    if (accept || second) begin
      mode1_q <= second ? ModeRequantize : mode_i;
      addr1_q <= second ? addr3_q : addr_i;
      strb1_q <= second ? strb3_q : strb_i;
    end
    if (valid1_q) begin
      mode2_q <= mode1_q;
      addr2_q <= addr1_q;
      strb2_q <= strb1_q;
    end
    if (valid2_q) begin
      mode3_q <= mode2_q;
      addr3_q <= addr2_q;
      strb3_q <= strb2_q;
    end
    if (valid3_q) begin
      addr4_q <= addr3_q;
      strb4_q <= strb3_q;
    end
  end

  // Scalars in the form that the lanes add.
  logic [8:0] a_minus, a_offset, b_offset;
  logic       a_negative;
  assign a_negative = mode2_q == ModeAdd && a_subtract_i;
  assign a_minus    = 9'd0 - {a_zero_point_i[7], a_zero_point_i};
  assign a_offset   = mode2_q != ModeAdd ? 9'd0 :
                      a_subtract_i ? {a_zero_point_i[7], a_zero_point_i} : a_minus;
  assign b_offset   = 9'd0 - {b_zero_point_i[7], b_zero_point_i};

  logic [8*Width-1:0] result;

  for (genvar i = 0; i < Width; i++) begin : gen_lane
    npu_requantize u_lane (
      .clk_i,
      .enter_i            (second ? strb3_q[i] : accept && strb_i[i]),
      .sum_i              (!second && !mode_i[1]),
      .average_i          (!second && mode_i == ModeAverage),
      .second_i           (second),
      .rescale_i          (!second && mode_i == ModeAdd),
      .keep_a_i           (!second && mode_i[1]),
      .acc_i              (acc_i[32*i+:32]),
      .bias_i             (record_i[72*i+:32]),
      .multiplier_i       (record_i[72*i+32+:31]),
      .shift_i            (record_i[72*i+64+:6]),
      .common_multiplier_i(second ? out_multiplier_i : b_multiplier_i),
      .common_shift_i     (second ? out_shift_i[5:0] : b_shift_i[5:0]),
      .a_i                (a_i[8*i+:8]),
      .b_i                (b_i[8*i+:8]),
      .b_offset_i         (b_offset),
      .enter2_i           (valid1_q && strb1_q[i]),
      .average2_i         (mode1_q == ModeAverage),
      .keep_a2_i          (mode1_q[1]),
      .enter3_i           (valid2_q && strb2_q[i]),
      .keep_a3_i          (mode2_q[1]),
      .a_negative3_i      (a_negative),
      .a_offset3_i        (a_offset),
      .enter4_i           (valid3_q && !second && strb3_q[i]),
      .average4_i         (mode3_q == ModeAverage),
      .rescaled4_i        (mode3_q == ModeAdd),
      .pass4_i            (mode3_q == ModePass),
      .negative4_i        (b_subtract_i),
      .zero_point4_i      (out_zero_point_i),
      .result_o           (result[8*i+:8])
    );
  end

  // Clamp.
  function automatic logic [7:0] clamped(input logic [7:0] value, input logic [7:0] low,
                                         input logic [7:0] high);
    logic [7:0] raised;
    raised  = ($signed(value) < $signed(low)) ? low : value;
    clamped = ($signed(raised) > $signed(high)) ? high : raised;
  endfunction

  logic [8*Width-1:0] data;
  always_comb begin
    data = result;
    if (valid4_q) begin
      for (int unsigned i = 0; i < Width; i++) begin
        data[8*i+:8] = clamped(result[8*i+:8], act_min_i, act_max_i);
      end
    end
  end

  assign valid_o = valid4_q;
  assign data_o  = data;
  assign addr_o  = addr4_q;
  assign strb_o  = strb4_q;
  assign busy_o  = valid1_q || valid2_q || valid3_q || valid4_q;

  // Bit 63 of a record is padding; shifts are -31..7.
  logic unused_bits;
  assign unused_bits = ^{record_i, out_shift_i, b_shift_i};
endmodule : npu_postprocess
`default_nettype wire

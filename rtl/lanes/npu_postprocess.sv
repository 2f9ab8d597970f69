`default_nettype none
// SPDX-License-Identifier: Apache-2.0
// Post-processing: Width lanes of requantization, averaging, element-wise arithmetic or clamping,
// to int8 results or to one byte of wider ones.
//
// Takes a vector per cycle and gives its result Latency = 4 cycles later (valid_i && ready_o in
// cycle n, valid_o in cycle n + 4), in order; the output cannot be stalled. Lanes whose strb_i is
// 0 do not work; their bytes are undefined.
//
// ADD and MULTIPLY go through the lanes twice, three cycles apart: the result comes in cycle n + 7,
// and ready_o is low in the cycles that second passes take, so vectors may enter in every second
// cycle (or three of six). Another mode that follows them waits until no vector is in its first
// pass. SQUAREDDIFFERENCE, which is rare, has the lanes for itself: its result comes in cycle
// n + 12, and the next vector enters in cycle n + 9.
//
//@ if units.residual
// Sums whose results are added to another operand (residual_i) go through the lanes three times: as
// requantize with the other operand in a_i; four cycles later result and operand as add; three
// cycles later the sum. The result comes in cycle n + 11. Such a vector may enter where soon_o was
// high in the cycle before: five cycles after another one, but not seven.
//
//@ endif
// requantize (0): v = MBQM(acc + bias, multiplier, shift) + out_zero_point
// average    (1): v = sign(acc) * floor((|acc| + bias) * multiplier / 2^(31 - shift))
//                     + out_zero_point
// add        (2): w = MBQM((b - b_zero_point) << 20, b_multiplier, b_shift)
//                 v = MBQM(+-((a - a_zero_point) << 19) +- w, out_multiplier, out_shift)
//                     + out_zero_point
// pass       (3): v = a
// multiply   (4): v = MBQM((a - a_zero_point) * (b - b_zero_point), out_multiplier, out_shift)
//                     + out_zero_point
// square     (5): w = MBQM((b - b_zero_point) << 7, b_multiplier, b_shift)
//                 d = ((a - a_zero_point) << 6) - w
//                 v = MBQM(d * d, out_multiplier, out_shift) + out_zero_point
//
// out_type 0: v clamped to act_min..act_max; 1: byte out_byte of v saturated to int16; 2: byte
// out_byte of v modulo 2^32. The scalars must be stable while busy_o.
//
// d * d modulo 2^32 takes two exact products: with s the lower 16 bits of d as a signed number, l
// the same as an unsigned one, and h = d >> 15, it is s * l + 2^16 * s * h.
`include "npu_assert.svh"
module npu_postprocess #(
  parameter int unsigned Width       = 16,  //@ = units.postprocess_width  -- lanes, at least 1
  localparam int unsigned SumBits    = npu_isa_pkg::SumBits,
  localparam int unsigned RecordBits = npu_isa_pkg::ParameterRecordBits,
  localparam int unsigned OffsetBits = npu_isa_pkg::OffsetBits,
  localparam int unsigned MultiplierLsb = npu_isa_pkg::RecordMultiplierLsb,
  localparam int unsigned ShiftLsb   = npu_isa_pkg::RecordShiftLsb
) (
  input  wire                         clk_i,
  input  wire                         rst_ni,
  input  wire                         clear_i,           // drop everything
  // scalars of the command; all signed but multipliers and flags
  input  wire  [7:0]                  out_zero_point_i,
  input  wire  [7:0]                  act_min_i,
  input  wire  [7:0]                  act_max_i,
  input  wire  [7:0]                  a_zero_point_i,
  input  wire  [7:0]                  b_zero_point_i,
  input  wire  [7:0]                  b_shift_i,
  input  wire  [7:0]                  out_shift_i,
  input  wire  [30:0]                 b_multiplier_i,
  input  wire  [30:0]                 out_multiplier_i,
  input  wire  [1:0]                  out_type_i,        // 0 int8, 1 int16, 2 int32
  input  wire  [1:0]                  out_byte_i,        // of types 1 and 2
  input  wire                         a_subtract_i,
  input  wire                         b_subtract_i,
  //@ if units.residual
  input  wire                         residual_i,        // all sums are added to a_i
  input  wire                         second_i,          // as b of the addition; a_i is a
  output wire                         soon_o,            // such sums may enter in the next cycle
  //@ endif
  // operands
  input  wire                         valid_i,
  output wire                         ready_o,           // depends on state and mode_i
  input  wire  [2:0]                  mode_i,            // 0 to 5, see above
  input  wire  [SumBits*Width-1:0]    acc_i,
  input  wire  [RecordBits*Width-1:0] record_i,          // per lane a parameter_record_t
  input  wire  [8*Width-1:0]          a_i,
  input  wire  [8*Width-1:0]          b_i,
  input  wire  [23:0]                 addr_i,            // goes with the result
  input  wire  [Width-1:0]            strb_i,            // goes with the result
  // results
  output wire                         valid_o,
  output wire  [8*Width-1:0]          data_o,
  output wire  [23:0]                 addr_o,
  output wire  [Width-1:0]            strb_o,
  // state
  output wire                         busy_o             // a vector is inside or at the output
);
  wire clk;  // stands still while nothing here changes

  if (Width < 1) begin : gen_bad
    $error("npu_postprocess: Width must be at least 1");
  end
  if (SumBits != 32 || OffsetBits != 9) begin : gen_bad_format
    $error("npu_postprocess: npu_requantize computes with int32 sums and int8 operands");
  end

  // What a vector does in the stages; the last one of several passes is a requantization.
  localparam logic [2:0] ModeRequantize = 3'd0;
  localparam logic [2:0] ModeAverage    = 3'd1;
  localparam logic [2:0] ModeAdd        = 3'd2;
  localparam logic [2:0] ModePass       = 3'd3;
  localparam logic [2:0] ModeMultiply   = 3'd4;
  localparam logic [2:0] ModeSquare     = 3'd5;
  localparam logic [2:0] ModeCross      = 3'd6;  // s * h
  localparam logic [2:0] ModeLow        = 3'd7;  // s * l

  // Whether the result is an operand again.
  function automatic logic returns(input logic [2:0] mode);
    returns = mode[2] || mode == ModeAdd;
  endfunction

  // Whether the vector has the lanes for itself.
  function automatic logic excludes(input logic [2:0] mode);
    excludes = mode[2] && mode != ModeMultiply;
  endfunction

  logic             valid1_q, valid2_q, valid3_q, valid4_q;
  logic [2:0]       mode1_q, mode2_q, mode3_q;
  logic [23:0]      addr1_q, addr2_q, addr3_q, addr4_q;
  logic [Width-1:0] strb1_q, strb2_q, strb3_q, strb4_q;
  logic             sum, product, second, last, accept, first_passes, excluded, any_time;

  // Steps of SQUAREDDIFFERENCE after its first pass: d stays at stage 4 for three cycles and goes
  // to x as d << 1, as the next multiplier is cut out of x, and twice as d << 16, with the
  // multipliers h and l. s * h comes back as x = s * h << 16, which s * l takes along on its way to
  // the last pass.
  logic             differs, cross_q, low_q;
  // What follows from stage 3 for all lanes is in registers, as the lanes' adders are behind it.
  logic             last_q, second_q;

  //@ if units.residual
  // The first of three passes, in each stage; behind the last one its result is an operand.
  logic residual1_q, residual2_q, residual3_q, joins_q;
  always_ff @(posedge clk) begin
    if (!rst_ni || clear_i) begin
      residual1_q <= 1'b0;
      residual2_q <= 1'b0;
      residual3_q <= 1'b0;
      joins_q     <= 1'b0;
    end else begin
      residual1_q <= accept && residual_i;
      residual2_q <= residual1_q;
      residual3_q <= residual2_q;
      joins_q     <= residual3_q;
    end
  end
  // The passes behind it are four and seven cycles later: the places of vectors that entered three,
  // four or seven cycles before. What goes along leaves room for one vector in stages 1 to 3.
  assign soon_o = !((valid_i && residual_i) || residual1_q || residual2_q || residual3_q ||
                    (valid2_q && mode2_q == ModeAdd));
  //@ endif

  assign differs      = valid3_q && mode3_q == ModeSquare;
  assign last         = last_q;
  assign second       = second_q;
  assign first_passes = (valid1_q && returns(mode1_q)) || (valid2_q && returns(mode2_q));
  assign excluded     = second || (valid1_q && excludes(mode1_q)) ||
                        (valid2_q && excludes(mode2_q));
  //@ if units.residual
  assign any_time     = mode_i == ModeAdd || mode_i == ModeMultiply || residual_i;
  //@ endif
  //@ unless units.residual: assign any_time     = mode_i == ModeAdd || mode_i == ModeMultiply;
  assign ready_o      = !excluded && (any_time || !first_passes);
  assign accept       = valid_i && ready_o;
  assign product      = !second && (mode_i == ModePass || mode_i == ModeMultiply);

  always_ff @(posedge clk) begin
    if (!rst_ni || clear_i) begin
      valid1_q <= 1'b0;
      valid2_q <= 1'b0;
      valid3_q <= 1'b0;
      valid4_q <= 1'b0;
      cross_q  <= 1'b0;
      low_q    <= 1'b0;
      last_q   <= 1'b0;
      second_q <= 1'b0;
    end else begin
      valid1_q <= accept || last || cross_q || low_q;
      //@ if units.residual
      if (joins_q) valid1_q <= 1'b1;
      //@ endif
      valid2_q <= valid1_q;
      valid3_q <= valid2_q;
      valid4_q <= valid3_q && !second;
      cross_q  <= differs;
      low_q    <= cross_q;
      last_q   <= valid2_q && (mode2_q == ModeAdd || mode2_q == ModeMultiply ||
                               mode2_q == ModeLow);
      second_q <= (valid2_q && returns(mode2_q)) || differs || cross_q;
    end
  end

  always_ff @(posedge clk) begin
    if (accept || second) begin
      mode1_q <= cross_q ? ModeCross : low_q ? ModeLow : second ? ModeRequantize : mode_i;
      addr1_q <= second ? addr3_q : addr_i;
      strb1_q <= second ? strb3_q : strb_i;
    end
    //@ if units.residual
    if (joins_q) begin
      mode1_q <= ModeAdd;
      addr1_q <= addr4_q;
      strb1_q <= strb4_q;
    end
    //@ endif
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

  // Scalars in the form that the lanes use. An operand b is x = (b - b_zero_point) << 7 there; PASS
  // multiplies a by b = 1.
  logic                  a_negative;
  logic [OffsetBits-1:0] a_offset, b_offset;
  logic [7:0]            zero_point;
  logic [5:0]            shift, b_left;
  logic [4:0]            shift_left, shift_right, left, right;

  logic adds;  // the scalars are those of ADD
  //@ if units.residual
  assign adds       = mode_i == ModeAdd || joins_q;
  assign sum        = !second && !joins_q && mode_i[2:1] == 2'd0;
  //@ endif
  //@ unless units.residual: assign adds       = mode_i == ModeAdd;
  //@ unless units.residual: assign sum        = !second && mode_i[2:1] == 2'd0;
  assign a_negative = adds && a_subtract_i;
  assign a_offset   = mode_i == ModePass ? '0 :
                      a_negative ? OffsetBits'($signed(a_zero_point_i)) :
                      OffsetBits'(0) - OffsetBits'($signed(a_zero_point_i));
  assign b_offset   = mode_i == ModePass ? OffsetBits'(1) :
                      b_left[5] ? '0 : OffsetBits'(0) - OffsetBits'($signed(b_zero_point_i));
  assign b_left     = {1'b0, shift_left} + (adds ? 6'd13 : 6'd0);
  always_comb begin
    zero_point = returns(mode3_q) || mode3_q == ModePass ? 8'd0 : out_zero_point_i;
    //@ if units.residual
    if (residual3_q) zero_point = second_i ? b_zero_point_i : a_zero_point_i;
    //@ endif
  end

  assign shift       = last ? out_shift_i[5:0] : b_shift_i[5:0];
  assign shift_left  = shift[5] ? 5'd0 : shift[4:0];
  assign shift_right = shift[5] ? 5'd0 - shift[4:0] : 5'd0;
  always_comb begin
    left  = shift_left;
    right = shift_right;
    if (second && !last) begin
      left  = differs ? 5'd1 : 5'd16;
      right = '0;
    end else if (product) begin
      left  = 5'd15;
      right = '0;
    end else if (!second) begin
      left = b_left[4:0];
    end
  end

  logic               int8;
  logic [8*Width-1:0] result;
  assign int8 = out_type_i == 2'd0;

  // Which lanes work in the stages.
  logic [Width-1:0] enter, enter2, enter3, enter4;
  //@ if units.residual
  assign enter  = second ? strb3_q : joins_q ? strb4_q : accept ? strb_i : '0;
  //@ endif
  //@ unless units.residual: assign enter  = second ? strb3_q : accept ? strb_i : '0;
  assign enter2 = valid1_q ? strb1_q : '0;
  assign enter3 = valid2_q ? strb2_q : '0;
  assign enter4 = (valid3_q && !second) ? strb3_q : '0;

  for (genvar i = 0; i < Width; i++) begin : gen_lane
    //@ if units.residual
    logic [7:0] a, b, beside;
    assign a = !joins_q ? a_i[8*i+:8] : second_i ? beside : result[8*i+:8];
    assign b = !joins_q ? b_i[8*i+:8] : second_i ? result[8*i+:8] : beside;
    //@ endif
    npu_requantize u_lane (
      .clk_i(clk),
      .enter_i            (enter[i]),
      .sum_i              (sum),
      .average_i          (!second && mode_i == ModeAverage),
      .second_i           (second),
      .rescale_i          (mode_i != ModePass && !b_left[5]),
      .product_i          (product),
      .square_i           (cross_q || low_q),
      .acc_i              (acc_i[SumBits*i+:SumBits]),
      .bias_i             (record_i[RecordBits*i+:SumBits]),
      .multiplier_i       (record_i[RecordBits*i+MultiplierLsb+:npu_isa_pkg::MultiplierBits]),
      .shift_i            (record_i[RecordBits*i+ShiftLsb+:6]),
      .common_multiplier_i(last ? out_multiplier_i : b_multiplier_i),
      .common_left_i      (left),
      .common_right_i     (right),
      //@ if units.residual
      .beside_i           (residual_i),
      .beside_o           (beside),
      .a_i                (a),
      .b_i                (b),
      .keep_a2_i          (mode1_q[2:1] != 2'd0 || residual1_q),
      .keep_a3_i          (mode2_q[2:1] != 2'd0 || residual2_q),
      //@ endif
      //@ unless units.residual: .a_i                (a_i[8*i+:8]),
      .a_negative_i       (a_negative),
      .a_offset_i         (a_offset),
      //@ unless units.residual: .b_i                (b_i[8*i+:8]),
      .b_offset_i         (b_offset),
      .enter2_i           (enter2[i]),
      .average2_i         (mode1_q == ModeAverage),
      //@ unless units.residual: .keep_a2_i          (mode1_q[2:1] != 2'd0),
      .enter3_i           (enter3[i]),
      //@ unless units.residual: .keep_a3_i          (mode2_q[2:1] != 2'd0),
      .enter4_i           (enter4[i]),
      .average4_i         (mode3_q == ModeAverage),
      .product4_i         (mode3_q == ModePass || mode3_q == ModeMultiply),
      .negative4_i        (mode3_q == ModeSquare || (mode3_q == ModeAdd && b_subtract_i)),
      .again4_i           (returns(mode3_q)),
      .rescaled4_i        (mode3_q == ModeAdd),
      .differs4_i         (mode3_q == ModeSquare),
      .joins4_i           (mode3_q == ModeLow),
      .zero_point4_i      (zero_point),
      .int8_i             (int8),
      .int32_i            (out_type_i[1]),
      .byte_i             (int8 ? 2'd0 : out_byte_i),
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
    if (valid4_q && int8) begin
      for (int unsigned i = 0; i < Width; i++) begin
        data[8*i+:8] = clamped(result[8*i+:8], act_min_i, act_max_i);
      end
    end
  end

  //@ if units.residual
  assign valid_o = valid4_q && !joins_q;
  //@ endif
  //@ unless units.residual: assign valid_o = valid4_q;
  assign data_o  = data;
  assign addr_o  = addr4_q;
  assign strb_o  = strb4_q;
  assign busy_o  = valid1_q || valid2_q || valid3_q || valid4_q || cross_q;

  // Records have padding; shifts are -31..31.
  logic unused_bits;
  assign unused_bits = ^{record_i, out_shift_i[7:6], b_shift_i[7:6]};

  npu_clock_gate u_gate (
    .clk_i,
    .enable_i(!rst_ni || clear_i || valid_i || busy_o || low_q),
    .clk_o   (clk)
  );

  //@ if units.residual
  // Sums come only where they may enter; the second pass of three has no other pass beside it.
  `NPU_ASSERT(AdditionsEnter, !(valid_i && residual_i) || ready_o)
  `NPU_ASSERT(AdditionsHaveRoom, !(joins_q && (accept || second)))
  //@ endif

  // A vector never enters in the cycle of a second pass: it would take its place.
  `NPU_ASSERT(PassesDoNotMeet, !(accept && second))

  // What is known of stage 3 before is what stands in it.
  `NPU_ASSERT(SecondIsKnown, second_q == ((valid3_q && returns(mode3_q)) || cross_q || low_q) &&
              last_q == (valid3_q && (mode3_q == ModeAdd || mode3_q == ModeMultiply ||
                                      mode3_q == ModeLow)))

  // A later pass belongs to a vector that is inside.
  `NPU_ASSERT(PassesHaveVectors, !(cross_q || low_q) || busy_o || low_q)
endmodule : npu_postprocess
`default_nettype wire

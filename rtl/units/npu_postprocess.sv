`default_nettype none
// Post-processing: rescales, adds, divides and clamps up to Width results per cycle, in order.
//
// Every mode goes through the one rescaling pipeline of each lane. ADD takes two passes: the second operand
// is rescaled first, then the sum; since a pass takes an odd number of cycles and ADD is accepted every
// second cycle, second passes fall between first ones. PASS rescales by exactly one.
// A result leaves six cycles after it entered (ADD: eleven) and cannot be stalled; the owner sees to it
// that there is room.
module npu_postprocess #(
  parameter int unsigned Width = 16  //@ = units.postprocess_width  -- lanes, at least 1
) (
  input  wire                  clk_i,
  input  wire                  rst_ni,
  input  wire                  clear_i,
  // scalars of the command, stable while anything is inside
  input  wire  [7:0]           out_zero_point_i,
  input  wire  [7:0]           act_min_i,
  input  wire  [7:0]           act_max_i,
  input  wire  [7:0]           a_zero_point_i,
  input  wire  [7:0]           b_zero_point_i,
  input  wire  [7:0]           b_shift_i,
  input  wire  [7:0]           out_shift_i,
  input  wire  [30:0]          b_multiplier_i,
  input  wire  [30:0]          out_multiplier_i,
  input  wire                  a_subtract_i,
  input  wire                  b_subtract_i,
  // results to process; ready_o is low only in the cycles of ADD's second passes
  input  wire                  valid_i,
  output wire                  ready_o,
  input  wire  [1:0]           mode_i,       // 0 requantize, 1 average, 2 add, 3 pass
  input  wire  [32*Width-1:0]  acc_i,        // modes 0, 1
  input  wire  [72*Width-1:0]  record_i,     // modes 0, 1: per lane shift, multiplier, bias
  input  wire  [8*Width-1:0]   a_i,          // modes 2, 3
  input  wire  [8*Width-1:0]   b_i,          // mode 2
  input  wire  [23:0]          addr_i,       // travels along
  input  wire  [Width-1:0]     strb_i,       // travels along
  // processed bytes
  output wire                  valid_o,
  output wire  [8*Width-1:0]   data_o,
  output wire  [23:0]          addr_o,
  output wire  [Width-1:0]     strb_o,
  output wire                  busy_o
);
  localparam int unsigned Stages = 5;  // cycles of a pass: odd, see above
  localparam int unsigned SideW  = 24 + Width;

  localparam logic [1:0] ModeAverage = 2'd1;
  localparam logic [1:0] ModeAdd     = 2'd2;
  localparam logic [1:0] ModePass    = 2'd3;

  // Stage s holds a result when valid_q[s]; first_q: in its first pass of two; pass_q: mode PASS.
  logic [Stages-1:0]       valid_q, first_q, pass_q;
  logic [Stages*SideW-1:0] side_q;
  logic [Stages*8*Width-1:0] a_q;
  logic                    second, enter, enter_first, enter_pass;
  logic [SideW-1:0]        enter_side;
  logic [32*Width-1:0]     result;
  logic                    out_valid_q;
  logic [8*Width-1:0]      out_data_q;
  logic [SideW-1:0]        out_side_q;

  assign second      = valid_q[Stages-1] && first_q[Stages-1];
  assign enter       = second || valid_i;
  assign enter_first = !second && mode_i == ModeAdd;
  assign enter_pass  = !second && mode_i == ModePass;
  assign enter_side  = second ? side_q[(Stages-1)*SideW+:SideW] : {addr_i, strb_i};

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i) begin
      valid_q     <= '0;
      out_valid_q <= 1'b0;
    end else begin
      valid_q     <= {valid_q[Stages-2:0], enter};
      out_valid_q <= valid_q[Stages-1] && !first_q[Stages-1];
    end
    if (valid_q != '0 || enter) begin
      first_q <= {first_q[Stages-2:0], enter_first};
      pass_q  <= {pass_q[Stages-2:0], enter_pass};
      side_q  <= {side_q[(Stages-1)*SideW-1:0], enter_side};
      if (mode_i == ModeAdd) a_q <= {a_q[(Stages-1)*8*Width-1:0], a_i};
    end
    if (valid_q[Stages-1] && !first_q[Stages-1]) out_side_q <= side_q[(Stages-1)*SideW+:SideW];
  end

  for (genvar l = 0; l < Width; l++) begin : gen_lane
    logic signed [31:0] acc, bias, biased, magnitude, delta_a, delta_b, term_a, term_b, value;
    logic signed [32:0] x, sum;
    logic [30:0]        multiplier;
    logic [7:0]         shift, clamped;

    assign acc       = acc_i[32*l+:32];
    assign bias      = record_i[72*l+:32];
    assign magnitude = acc[31] ? -acc : acc;
    assign biased    = ((mode_i == ModeAverage) ? magnitude : acc) + bias;
    assign delta_a   = 32'($signed(a_q[8*((Stages-1)*Width+l)+:8])) - 32'($signed(a_zero_point_i));
    assign delta_b   = 32'($signed(b_i[8*l+:8])) - 32'($signed(b_zero_point_i));
    assign term_a    = a_subtract_i ? -(delta_a <<< 19) : delta_a <<< 19;
    assign value     = result[32*l+:32];
    assign term_b    = b_subtract_i ? -value : value;

    always_comb begin
      x          = 33'(biased);
      multiplier = record_i[72*l+32+:31];
      shift      = record_i[72*l+64+:8];
      if (second) begin
        x          = 33'(term_a + term_b);
        multiplier = out_multiplier_i;
        shift      = out_shift_i;
      end else if (mode_i == ModeAverage) begin
        x = {1'b0, biased};
      end else if (mode_i == ModeAdd) begin
        x          = 33'(delta_b) <<< 20;
        multiplier = b_multiplier_i;
        shift      = b_shift_i;
      end else if (mode_i == ModePass) begin
        x          = 33'($signed(a_i[8*l+:8]));
        multiplier = 31'h4000_0000;
        shift      = 8'd1;
      end
    end

    npu_requantize u_requantize (
      .clk_i,
      .enable_i    ({valid_q[Stages-2:0], enter}),
      .x_i         (x),
      .average_i   (!second && mode_i == ModeAverage),
      .negative_i  (acc[31]),
      .multiplier_i(multiplier),
      .shift_i     (shift),
      .result_o    (result[32*l+:32])
    );

    // Zero point (not for PASS) and clamp.
    assign sum = 33'(value) + (pass_q[Stages-1] ? 33'sd0 : 33'($signed(out_zero_point_i)));
    always_comb begin
      clamped = sum[7:0];
      if (sum > 33'($signed(act_max_i))) clamped = act_max_i;
      if (sum < 33'($signed(act_min_i))) clamped = act_min_i;
    end
    always_ff @(posedge clk_i) begin
      if (valid_q[Stages-1] && !first_q[Stages-1]) out_data_q[8*l+:8] <= clamped;
    end

    logic unused_record;
    assign unused_record = record_i[72*l+63];
  end

  assign ready_o = !second;
  assign valid_o = out_valid_q;
  assign data_o  = out_data_q;
  assign {addr_o, strb_o} = out_side_q;
  assign busy_o  = valid_q != '0 || out_valid_q;
endmodule : npu_postprocess
`default_nettype wire

`default_nettype none
// SPDX-License-Identifier: Apache-2.0
// When a fire's sum is read and when it is written, by the stages of a lane's sum.
//
// With one stage the entry is read in the cycle before the fire (acc_read_i) and written at its
// end; with two it is read in the cycle of the fire and written at the end of the next one.
//@ if units.float
// With six, those of lanes with floating-point formats, it is read two cycles after the fire, added
// to in the next one, and written at the end of the fifth: fires to an entry are four cycles apart.
//@ endif
// What says how to add (clear, digit) belongs to the cycle in which the sum that was read is there.
module npu_sum_stages #(
  parameter int unsigned Stages = 1,  //@ = lane.stages
  parameter int unsigned Parts  = 1,  // sums that have an entry of their own
  parameter int unsigned IndexW = 4   // bits of an entry's number
) (
  input  wire                    clk_i,
  input  wire                    acc_read_i,
  input  wire                    acc_half_i,
  input  wire  [IndexW*Parts-1:0] acc_index_i,
  input  wire                    fire_i,
  input  wire  [Parts-1:0]       fire_lane_i,    // of its parts those that are written
  input  wire                    fire_clear_i,
  input  wire                    fire_digit_i,
  input  wire                    fire_half_i,
  input  wire  [IndexW*Parts-1:0] fire_index_i,
  //@ if units.bnn.enabled
  input  wire                    fire_double_i,
  output wire                    add_double_o,
  //@ endif
  output wire                    read_o,
  output wire                    read_half_o,
  output wire  [IndexW*Parts-1:0] read_index_o,
  output wire                    add_clear_o,
  output wire                    add_digit_o,
  output wire  [Parts-1:0]       write_lane_o,
  output wire                    write_half_o,
  output wire  [IndexW*Parts-1:0] write_index_o
);
  //@ if units.float
  if (Stages > 2) begin : gen_float
    // Fires of one to five cycles before.
    logic [4:0]                fire_q, half_q;
    logic [2:0]                clear_q, digit_q;
    logic [5*IndexW*Parts-1:0] index_q;
    always_ff @(posedge clk_i) begin
      fire_q  <= {fire_q[3:0], fire_i};
      half_q  <= {half_q[3:0], fire_half_i};
      index_q <= {index_q[4*IndexW*Parts-1:0], fire_index_i};
      clear_q <= {clear_q[1:0], fire_clear_i};
      digit_q <= {digit_q[1:0], fire_digit_i};
    end
    assign read_o        = fire_q[1];
    assign read_half_o   = half_q[1];
    assign read_index_o  = index_q[IndexW*Parts+:IndexW*Parts];
    assign add_clear_o   = clear_q[2];
    assign add_digit_o   = digit_q[2];
    assign write_lane_o  = {Parts{fire_q[4]}};
    assign write_half_o  = half_q[4];
    assign write_index_o = index_q[4*IndexW*Parts+:IndexW*Parts];
  end else
  //@ endif
  if (Stages > 1) begin : gen_two
    logic                    clear_q, digit_q, half_q;
    logic [Parts-1:0]        lane_q;
    logic [IndexW*Parts-1:0] index_q;

    always_ff @(posedge clk_i) begin
      lane_q <= fire_lane_i;
      if (fire_i) begin
        clear_q <= fire_clear_i;
        digit_q <= fire_digit_i;
        half_q  <= fire_half_i;
        index_q <= fire_index_i;
      end
    end
    assign read_o        = fire_i;
    assign read_half_o   = fire_half_i;
    assign read_index_o  = fire_index_i;
    assign add_clear_o   = clear_q;
    assign add_digit_o   = digit_q;
    assign write_lane_o  = lane_q;
    assign write_half_o  = half_q;
    assign write_index_o = index_q;
    wire unused_read = ^{acc_read_i, acc_half_i, acc_index_i};
  end else begin : gen_one
    wire unused_fire = ^{clk_i, fire_i};
    assign read_o        = acc_read_i;
    assign read_half_o   = acc_half_i;
    assign read_index_o  = acc_index_i;
    assign add_clear_o   = fire_clear_i;
    assign add_digit_o   = fire_digit_i;
    assign write_lane_o  = fire_lane_i;
    assign write_half_o  = fire_half_i;
    assign write_index_o = fire_index_i;
  end
  //@ if units.bnn.enabled

  if (Stages == 2) begin : gen_double
    logic double_q;
    always_ff @(posedge clk_i) begin
      if (fire_i) double_q <= fire_double_i;
    end
    assign add_double_o = double_q;
  end else begin : gen_double_now
    assign add_double_o = fire_double_i && Stages == 1;
  end
  //@ endif
  //@ if units.float

  if (Stages > 2) begin : gen_unused
    wire unused_read = ^{acc_read_i, acc_half_i, acc_index_i, fire_lane_i};
  end
  //@ endif
endmodule : npu_sum_stages
`default_nettype wire

`default_nettype none
// SPDX-License-Identifier: Apache-2.0
// Life of a link: up, down and why; its ticks (docs/machine.md, section 7).
`include "npu_assert.svh"
module npu_link_control (
  input  wire        clk_i,
  input  wire        rst_ni,
  input  wire        enable_i,         // 0: off, all is forgotten
  input  wire [7:0]  session_i,        // of this link-up; stays while enabled
  input  wire [63:0] hash_i,           // of this chip's configuration
  input  wire [15:0] tick_cycles_i,    // at least 16
  // what arrives
  input  wire        good_i,           // a good packet, in this cycle
  input  wire        init_i,           // it is an INIT, whose fields are:
  input  wire [7:0]  init_session_i,
  input  wire [7:0]  init_echo_i,
  input  wire        init_echoes_i,    // the echo counts
  input  wire        init_up_i,        // its sender is up
  input  wire [63:0] init_hash_i,
  // from the sender
  input  wire        exhausted_i,      // sent sixteen times without progress
  // to both
  output wire        clear_o,          // no packet counts yet
  output wire        up_o,
  output wire        tick_o,
  output wire        send_init_o,      // an INIT is due, in this cycle
  output wire        starting_o,       // the link waits for the other side
  output wire [7:0]  peer_session_o,
  output wire        peer_known_o,
  // what the host sees
  output wire [1:0]  state_o,          // 0 off, 1 starting, 2 up, 3 down
  output wire [2:0]  cause_o           // of down: 1 tries, 2 silence, 3 neighbour reset, 4 hash
);
  localparam logic [1:0] Off = 2'd0, Starting = 2'd1, Up = 2'd2, Down = 2'd3;
  localparam logic [2:0] CauseTries = 3'd1, CauseSilence = 3'd2, CauseReset = 3'd3,
                         CauseHash = 3'd4;

  logic [1:0]  state_q;
  logic [2:0]  cause_q;
  logic [15:0] cycles_q;
  logic [6:0]  silent_q;  // ticks since the last good packet
  logic [7:0]  peer_q;
  logic        known_q;
  logic        tick, is_echo, is_same, active;

  assign active  = state_q == Starting || state_q == Up;
  assign tick    = active && cycles_q == 16'd1;
  assign is_echo = init_echoes_i && init_echo_i == session_i;
  assign is_same = is_echo && init_session_i == peer_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni || !enable_i) begin
      state_q  <= Off;
      cause_q  <= 3'd0;
      cycles_q <= 16'd1;
      silent_q <= 7'd0;
      peer_q   <= 8'd0;
      known_q  <= 1'b0;
    end else begin
      cycles_q <= (cycles_q == 16'd1) ? tick_cycles_i : cycles_q - 16'd1;
      silent_q <= (good_i || state_q != Up) ? 7'd0 : silent_q + 7'(tick);
      case (state_q)
        Off: state_q <= Starting;
        Starting:
          if (init_i) begin
            peer_q  <= init_session_i;
            known_q <= 1'b1;
            if (init_hash_i != hash_i) begin
              state_q <= Down;
              cause_q <= CauseHash;
            end else if (is_echo) begin
              state_q <= Up;
            end
          end
        Up:
          if (init_i && !is_same) begin
            state_q <= Down;
            cause_q <= CauseReset;
          end else if (exhausted_i) begin
            state_q <= Down;
            cause_q <= CauseTries;
          end else if (silent_q == 7'd64) begin
            state_q <= Down;
            cause_q <= CauseSilence;
          end
        default: state_q <= Down;
      endcase
    end
  end

  assign clear_o        = state_q == Off || state_q == Starting;
  assign up_o           = state_q == Up;
  assign starting_o     = state_q == Starting;
  assign tick_o         = tick;
  assign send_init_o    = (state_q == Starting && (tick || init_i)) ||
                          (state_q == Up && init_i && is_same && !init_up_i);
  assign peer_session_o = peer_q;
  assign peer_known_o   = known_q;
  assign state_o        = state_q;
  assign cause_o        = cause_q;

  // A link that is down says why, and one that is not has no cause.
  `NPU_ASSERT(DownHasCause, (state_q == Down) == (cause_q != 3'd0))
endmodule : npu_link_control
`default_nettype wire

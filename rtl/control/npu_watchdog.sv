`default_nettype none
// SPDX-License-Identifier: Apache-2.0
// Bus watchdog: finds a bus that does not answer.
//
// While bursts are under way, time is divided into periods of timeout_i cycles. A requester that
// waited for the bus through a whole period, with no transfer of its own, has expired: not before
// timeout_i cycles of silence, and before twice as many. One counter serves all requesters.
`include "npu_assert.svh"
module npu_watchdog #(
  parameter int unsigned Requesters = 3,
  parameter int unsigned TimeW      = 20  // bits of a period
) (
  input  wire                  clk_i,
  input  wire                  rst_ni,
  input  wire                  run_i,      // somebody cares: a job runs, halts or is reset
  input  wire [TimeW-1:0]      timeout_i,  // cycles of a period; 0: never expires
  // requesters
  input  wire [Requesters-1:0] waiting_i,  // has bursts that are not answered
  input  wire [Requesters-1:0] moved_i,    // one of its channels moves
  output wire [Requesters-1:0] expired_o   // pulse
);
  wire clk;  // stands still while nothing here changes

  logic [TimeW-1:0]      reload, left_q;  // cycles of the period to come
  logic [Requesters-1:0] moved_q;         // the period was not silent
  logic                  armed, period_end;

  assign reload     = timeout_i - TimeW'(1);
  assign armed      = run_i && waiting_i != '0 && timeout_i != '0;
  assign period_end = left_q == '0;
  assign expired_o  = (armed && period_end) ? waiting_i & ~moved_i & ~moved_q : '0;

  always_ff @(posedge clk) begin
    if (!rst_ni || !armed || period_end) begin
      left_q  <= reload;
      moved_q <= '0;
    end else begin
      left_q  <= left_q - TimeW'(1);
      moved_q <= moved_q | moved_i | ~waiting_i;
    end
  end

  npu_clock_gate u_gate (
    .clk_i,
    .enable_i(!rst_ni || armed || left_q != reload || moved_q != '0),
    .clk_o   (clk)
  );

  // Who expires has waited, and does not move.
  `NPU_ASSERT(ExpiresInSilence, (expired_o & (~waiting_i | moved_i | moved_q)) == '0)

  // Nobody expires without a period, or when nobody cares.
  `NPU_ASSERT(ExpiresOnlyArmed, expired_o == '0 || (run_i && timeout_i != '0))
endmodule : npu_watchdog
`default_nettype wire

// SPDX-License-Identifier: Apache-2.0
// proof of control/npu_watchdog.sv
// variant Requesters=2 TimeW=4
// connect gate_enable u_gate.enable_i
// steps 2
// cover 10
// fault it does not look at the period before: s/waiting_i \& ~moved_i \& ~moved_q/waiting_i \& ~moved_i/
// fault a transfer is forgotten within the period: s/moved_q <= moved_q | moved_i/moved_q <= moved_i/
// fault the clock stands in a period: s/!rst_ni || armed || left_q/!rst_ni || left_q/

// The period stays the same while the proof runs.
(* anyconst *) logic [TimeW-1:0] timeout;
(* anyconst *) logic             second;  // whose silence is counted
(* keep *) logic                 gate_enable;
logic [TimeW+1:0]                silent_q, elapsed;  // cycles of silence; of the period, so far
logic                            silent, moved, expired;

always_comb assume (timeout_i == timeout && timeout != '0);
assign silent  = armed && (second ? waiting_i[1] && !moved_i[1] : waiting_i[0] && !moved_i[0]);
assign moved   = second ? moved_q[1] : moved_q[0];
assign expired = second ? expired_o[1] : expired_o[0];
assign elapsed = (TimeW + 2)'(reload) - (TimeW + 2)'(left_q);

always_ff @(posedge clk_i) begin
  if (!rst_ni || !silent || expired) silent_q <= '0;
  else silent_q <= silent_q + (TimeW + 2)'(1);
end

// A period that was silent so far was so long silent; one that was not cannot have been since.
`NPU_ASSERT(PeriodInRange, left_q <= reload)
`NPU_ASSERT(SilentFromBegin, moved || silent_q >= elapsed)
`NPU_ASSERT(SilentSinceMove, !moved || silent_q < elapsed)
`NPU_ASSERT(SilentAtMost, silent_q < (TimeW + 2)'(timeout) + elapsed)

// Nobody expires before a period of silence, and everybody before the second one is over.
`NPU_ASSERT(NotBefore, !expired || silent_q + (TimeW + 2)'(1) >= (TimeW + 2)'(timeout))
`NPU_ASSERT(NotAfter, silent_q + (TimeW + 2)'(1) < 2 * (TimeW + 2)'(timeout) || !silent || expired)

// The clock stands only in cycles in which nothing changes.
`NPU_ASSERT_STABLE(GateRule, 1'b1, gate_enable, {left_q, moved_q}, 1'b0)

`NPU_COVER(Expires, expired && timeout == TimeW'(3))

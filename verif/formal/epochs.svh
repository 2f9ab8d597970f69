// SPDX-License-Identifier: Apache-2.0
// proof of bus/npu_epochs.sv
// variant Bursts=3
// steps 2
// cover 14
// fault it turns to an epoch that is not over: s/(live_q == '0 || old_q == '0)/1'b1/
// fault it turns under an address that is shown: s/forget_q \&\& !shown_i/forget_q/
// fault an address that is shown at the clear is forgotten: s/live != '0 || (shown_i \&\& !accepted_i)/live != '0/

// Of the bursts under way in this and the other epoch, those from before the last clear.
logic [CountW-1:0] stale_q, old_stale_q, stale_next;
(* anyseq *) logic ends_stale;  // which of the bursts of an epoch is answered
logic              waits_q;     // an address that was shown at the clear waits to be accepted
logic              shown_q = 1'b0, ends, ends_old;

assign ends     = ended_i && !ended_old_i;
assign ends_old = ended_i && ended_old_i;

always_comb begin
  // Every burst from before the clear, and one that is accepted in its cycle or waits to be.
  if (clear_i) stale_next = live;
  else stale_next = stale_q + CountW'(accepted_i && (forget_q || waits_q)) - CountW'(ends && ends_stale);
end

always_ff @(posedge clk_i) begin
  shown_q <= rst_ni && shown_i && !accepted_i;
  waits_q <= rst_ni && shown_i && !accepted_i && (clear_i || waits_q);
  if (!rst_ni) begin
    stale_q     <= '0;
    old_stale_q <= '0;
  end else begin
    stale_q     <= turn ? '0 : stale_next;
    old_stale_q <= turn ? live : old_q - CountW'(ends_old);
  end
end

// The bus answers what is under way; an address stays until it is accepted, and none is shown anew
// while the epoch is about to change.
`NPU_ASSUME(AcceptsWhatIsShown, shown_i || !accepted_i)
`NPU_ASSUME(ShownStays, !shown_q || shown_i)
`NPU_ASSUME(NothingNew, !forget_q || shown_q || !shown_i)
`NPU_ASSUME(EndsSome, !ends || (ends_stale ? stale_q != '0 : live_q != stale_q))

// All of the other epoch is stale; of this one something is only while it is about to change.
`NPU_ASSERT(OldIsStale, old_stale_q == old_q)
`NPU_ASSERT(StaleInRange, stale_q <= live_q && (!forget_q || stale_q == live_q))

// An answer of this epoch, at a time at which answers are not dropped, is of this machine.
`NPU_ASSERT(AnswersAreOurs, forget_q || (stale_q == '0 && !waits_q))

`NPU_COVER(TurnsTwice, turn && epoch_q)
`NPU_COVER(WaitsForOld, forget_q && !shown_i && live_q != '0 && old_q != '0)

`default_nettype none
// SPDX-License-Identifier: Apache-2.0
// Epochs of bus ids: which answers belong to a reset machine.
//
// AXI does not let a master withdraw a burst. When the machine is cleared while bursts are under
// way, the epoch changes: addresses carry the new one in their id, and answers of the old one are
// to be dropped. There are two epochs, so a third one has to wait (forget_o) until all bursts of
// the first are answered; it also waits until an address that is shown to the bus is accepted.
// Until then no new address may be shown, and every answer is to be dropped.
`include "npu_assert.svh"
module npu_epochs #(
  parameter int unsigned Bursts = 8,  // most bursts under way in an epoch
  localparam int unsigned CountW = $clog2(Bursts + 1)
) (
  input  wire clk_i,
  input  wire rst_ni,
  input  wire clear_i,      // all bursts under way are of no use any more
  // bus
  input  wire shown_i,      // an address is valid
  input  wire accepted_i,   // and accepted
  input  wire ended_i,      // a burst's last answer is taken
  input  wire ended_old_i,  // it is of the other epoch than epoch_o
  // ids
  output wire epoch_o,
  output wire forget_o      // the epoch is about to change
);
  logic              epoch_q, forget_q, change, turn;
  logic [CountW-1:0] live_q, live, old_q;  // bursts of this and of the other epoch

  assign live   = live_q + CountW'(accepted_i) - CountW'(ended_i && !ended_old_i);
  assign change = forget_q && !shown_i && (live_q == '0 || old_q == '0);
  assign turn   = change && live_q != '0;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      epoch_q  <= 1'b0;
      forget_q <= 1'b0;
      live_q   <= '0;
      old_q    <= '0;
    end else begin
      epoch_q  <= epoch_q ^ turn;
      live_q   <= turn ? '0 : live;
      old_q    <= turn ? live : old_q - CountW'(ended_i && ended_old_i);
      forget_q <= !change && (forget_q ||
                              (clear_i && (live != '0 || (shown_i && !accepted_i))));
    end
  end

  assign epoch_o  = epoch_q;
  assign forget_o = forget_q;

  // A burst that ends was under way, and no more are under way than are counted.
  `NPU_ASSUME(EndsWhatIsUnderWay, !ended_i || (ended_old_i ? old_q : live_q) != '0)
  `NPU_ASSUME(NotTooMany, !accepted_i || 32'(live_q) < Bursts || (ended_i && !ended_old_i))

  // The counts stay in their range.
  `NPU_ASSERT(CountsInRange, 32'(live_q) <= Bursts && 32'(old_q) <= Bursts)

  // The epoch stays while an address that carries it waits at the bus.
  `NPU_ASSERT_STABLE(EpochStays, shown_i, accepted_i, epoch_q)

  // An epoch comes again only when all bursts of its last time are answered.
  `NPU_ASSERT(TurnsWhenOver, !turn || old_q == '0)
endmodule : npu_epochs
`default_nettype wire

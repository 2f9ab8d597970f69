// SPDX-License-Identifier: Apache-2.0
// Gated clock: rises with clk_i in the cycles whose enable_i is 1, without glitches.
//
// A unit clears its enable in cycles in which none of its registers would change, so that it works
// the same with and without gates. A cell of the target library can take this module's place.
`default_nettype none
`include "npu_assert.svh"
module npu_clock_gate (
  input  wire clk_i,
  input  wire enable_i,  // settles before clk_i rises
  output wire clk_o
);
  //@ if npu.clock_gating
  logic enable_q;

  always_latch begin
    if (!clk_i) enable_q = enable_i;
  end

  assign clk_o = clk_i && enable_q;
  //@ endif
  //@ unless npu.clock_gating: logic unused_enable;
  //@ unless npu.clock_gating: assign unused_enable = enable_i;
  //@ unless npu.clock_gating: assign clk_o         = clk_i;

  //@ if npu.clock_gating

  // The enable has settled before the clock rises: the latch holds what it says.
  `NPU_ASSERT(EnableHasSettled, enable_q == enable_i, clk_i, 1'b1)
  //@ endif
endmodule : npu_clock_gate
`default_nettype wire

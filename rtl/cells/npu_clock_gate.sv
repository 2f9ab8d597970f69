// Gated clock: rises with clk_i in the cycles whose enable_i is 1, without glitches.
//
// A unit that holds still sets enable_i to 0 exactly when none of its registers would change, so
// that it works the same with and without gates. A library's own cell can take this module's place.
`default_nettype none
module npu_clock_gate (
  input  wire clk_i,
  input  wire enable_i,  // settles before clk_i rises
  output wire clk_o
);
  logic enable_q;

  always_latch begin
    if (!clk_i) enable_q = enable_i;
  end

  assign clk_o = clk_i && enable_q;
endmodule : npu_clock_gate
`default_nettype wire

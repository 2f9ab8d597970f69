// SPDX-License-Identifier: Apache-2.0
// The clock gate of models with assertions: also gives the clock edges that were saved, when asked.
//
// While clk_i is low, a pulse of npu_gate_probe_pkg::probe is an edge for all registers whose gate
// is shut. By the rule of the gated clocks none of them may change (npu_model.cc compares).
`default_nettype none
package npu_gate_probe_pkg;
  logic probe /*verilator public_flat_rw*/;
endpackage : npu_gate_probe_pkg

module npu_clock_gate (
  input  wire clk_i,
  input  wire enable_i,
  output wire clk_o
);
  logic enable_q;

  always_latch begin
    if (!clk_i && !npu_gate_probe_pkg::probe) enable_q = enable_i;
  end

  assign clk_o = enable_q ? clk_i : npu_gate_probe_pkg::probe;
endmodule : npu_clock_gate
`default_nettype wire

`default_nettype none
// SPDX-License-Identifier: Apache-2.0
// Entries of a VECTOR's program, fetched one ahead of the one that runs (docs/machine.md, 4.10).
`include "npu_assert.svh"
module npu_vector_entries (
  input  wire         clk_i,
  input  wire         rst_ni,
  input  wire         clear_i,
  input  wire         restart_i,     // from entry 0 on
  input  wire         again_i,       // from the one behind the last PASS on
  input  wire         want_i,        // entries may be fetched
  // the next entry
  output wire         valid_o,
  output wire  [63:0] entry_o,
  input  wire         take_i,
  // fetches; the entry comes with fetch_rvalid_i some cycles after the grant, unless clear_i
  output wire         fetch_valid_o,
  input  wire         fetch_ready_i,
  output wire  [5:0]  fetch_index_o,
  input  wire         fetch_rvalid_i,
  input  wire  [63:0] fetch_data_i
);
  logic        valid_q, waits_q;
  logic [6:0]  next_q, behind_pass_q;  // 64: there are no more
  logic [63:0] entry_q;
  wire         ends, is_pass;
  assign ends    = next_q[6];
  assign is_pass = entry_q[3:0] == npu_isa_pkg::VectorPass;

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i) begin
      valid_q <= 1'b0;
      waits_q <= 1'b0;
    end else if (restart_i || again_i) begin
      valid_q <= 1'b0;
    end else begin
      if (take_i) valid_q <= 1'b0;
      if (fetch_rvalid_i || (want_i && ends && !valid_q)) valid_q <= 1'b1;
      if (fetch_valid_o && fetch_ready_i) waits_q <= 1'b1;
      else if (fetch_rvalid_i) waits_q <= 1'b0;
    end
    if (restart_i) next_q <= '0;
    else if (again_i) next_q <= behind_pass_q;
    else if (fetch_rvalid_i) next_q <= next_q + 7'd1;
    if (take_i && is_pass) behind_pass_q <= next_q;
    if (fetch_rvalid_i) entry_q <= fetch_data_i;
    else if (!valid_q && ends) entry_q <= {60'd0, npu_isa_pkg::VectorEnd};
  end

  assign valid_o       = valid_q;
  assign entry_o       = entry_q;
  assign fetch_valid_o = want_i && !valid_q && !waits_q && !ends;
  assign fetch_index_o = next_q[5:0];

  // Nothing is on its way where the program begins anew.
  `NPU_ASSERT(NothingOnItsWay, !((restart_i || again_i) && waits_q))
endmodule : npu_vector_entries
`default_nettype wire

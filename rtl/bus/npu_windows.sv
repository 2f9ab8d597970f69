`default_nettype none
// SPDX-License-Identifier: Apache-2.0
// The memory windows of a job: taken over from the registers at the doorbell, so that writing the
// registers changes nothing until the next one, and checked there.
//
// The copies are written before each job and read only in jobs, so they need no reset.
`include "npu_assert.svh"
module npu_windows #(
  parameter int unsigned AddrW = 40,  //@ = npu.axi.address_width  -- 32..64 bits
  localparam int unsigned Windows = npu_isa_pkg::WindowCount
) (
  input  wire                     clk_i,
  input  wire                     take_i,   // the doorbell
  // registers
  input  wire  [64*Windows-1:0]   base_i,
  input  wire  [32*Windows-1:0]   size_i,
  input  wire  [32*Windows-1:0]   flags_i,
  output logic [Windows-1:0]      bad_o,    // has bytes beyond the addresses of the bus
  // as taken over
  output wire  [64*Windows-1:0]   base_o,
  output wire  [32*Windows-1:0]   size_o,
  output wire  [32*Windows-1:0]   flags_o
);
  if (AddrW < 32 || AddrW > 64) begin : gen_bad
    $error("npu_windows: AddrW must be 32..64");
  end

  wire clk;  // stands still while nothing here changes

  logic [AddrW*Windows-1:0] base_q;
  logic [32*Windows-1:0]    size_q;
  logic [2*Windows-1:0]     flags_q;
  logic [31:0]              high, low, size;

  // Upper halves of the bus's addresses go up to MaxHigh. A window may end where the addresses end:
  // there low + size is 2^32 exactly, which shows without a carry chain.
  localparam logic [31:0] MaxHigh = 32'((64'd1 << (AddrW - 32)) - 64'd1);

  always_comb begin
    bad_o = '0;
    high  = '0;
    low   = '0;
    size  = '0;
    for (int unsigned w = 0; w < Windows; w++) begin
      high = base_i[64*w+32+:32];
      low  = base_i[64*w+:32];
      size = size_i[32*w+:32];
      bad_o[w] = size != '0 && (high > MaxHigh ||
                                (high == MaxHigh && size > ~low &&
                                 (low ^ size) != {low[30:0] | size[30:0], 1'b0}));
    end
  end

  for (genvar w = 0; w < Windows; w++) begin : gen_window
    // The gated clock is all the enable that the copies have.
    always_ff @(posedge clk) begin
      //@ unless npu.clock_gating: if (take_i) begin
      base_q[AddrW*w+:AddrW] <= base_i[64*w+:AddrW];
      size_q[32*w+:32]       <= size_i[32*w+:32];
      flags_q[2*w+:2]        <= flags_i[32*w+:2];
      //@ unless npu.clock_gating: end
    end
  end

  npu_clock_gate u_gate (
    .clk_i,
    .enable_i(take_i),
    .clk_o   (clk)
  );

  for (genvar w = 0; w < Windows; w++) begin : gen_output
    assign base_o[64*w+:64]  = 64'(base_q[AddrW*w+:AddrW]);
    assign flags_o[32*w+:32] = 32'(flags_q[2*w+:2]);
  end
  assign size_o = size_q;

  logic unused_flags;
  assign unused_flags = ^flags_i;

  // The copies change only with the doorbell.
  `NPU_ASSERT_STABLE(CopiesStay, 1'b1, take_i, {base_q, size_q, flags_q}, 1'b0, clk_i, 1'b1)

  // A window is bad where its bytes end beyond the addresses, by sums that cannot wrap.
  for (genvar w = 0; w < Windows; w++) begin : gen_check
    `NPU_ASSERT(BadBySums, bad_o[w] == (size_i[32*w+:32] != '0 &&
                66'(base_i[64*w+:64]) + 66'(size_i[32*w+:32]) > (66'd1 << AddrW)), clk_i, 1'b1)
  end
endmodule : npu_windows
`default_nettype wire

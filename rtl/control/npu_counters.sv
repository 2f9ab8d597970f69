`default_nettype none
// SPDX-License-Identifier: Apache-2.0
// What the cycles of a job were spent on: trace of the cycle before, and the counters of the host.
//
// Cycles are counted from the doorbell's write strobe to the cycle before irq_status shows the
// end, each under one cause as seen from PE 0. The trace shows exactly these cycles, one later;
// cycles and causes are counted from it, so they can only agree.
`include "npu_assert.svh"
module npu_counters #(
  parameter int unsigned BusBytes = 64,  //@ = npu.axi.bytes  -- beat bytes: 4 .. 64
  localparam int unsigned CausesW = npu_isa_pkg::CauseCount * 32
) (
  input  wire               clk_i,
  input  wire               rst_ni,
  // job
  input  wire               start_i,        // pulse: it starts
  input  wire               active_i,       // it goes on: all cycles behind start_i
  input  wire               command_i,      // a command was dispatched
  // engines
  input  wire npu_isa_pkg::engine_status_t pe_i,  // PE 0
  input  wire               load_busy_i,
  input  wire [15:0]        load_tag_i,
  input  wire               store_busy_i,
  input  wire [15:0]        store_tag_i,
  input  wire               bus_quiet_i,    // no transfer is under way
  // bus; counted a cycle later
  input  wire [1:0]         beats_read_i,   // in this cycle
  input  wire [7:0]         bytes_written_i,
  // final in the cycle after the interrupt
  output wire [31:0]        cycles_o,
  output wire [31:0]        bytes_read_o,
  output wire [31:0]        bytes_written_o,
  output wire [31:0]        commands_o,
  //@ if debug.trace
  // trace
  output wire               trace_active_o,
  output wire [3:0]         trace_cause_o,
  output wire [15:0]        trace_tag_o,    // command that the cause refers to
  //@ endif
  output wire [CausesW-1:0] causes_o        // cause 0 in the low bits
);
  logic [3:0]  cause, trace_cause_q;
  //@ if debug.trace
  logic [15:0] tag, trace_tag_q;
  //@ endif
  logic        trace_active_q;
  logic [1:0]  beats_read_q;
  logic [7:0]  bytes_moved_q;
  logic [31:0] cycles_q, bytes_read_q, bytes_written_q, commands_q;
  logic [31:0] causes_q[16];  // the last ones stay 0

  always_comb begin
    if (start_i) cause = npu_isa_pkg::CauseIdle;
    else if (pe_i.busy) cause = pe_i.cause;
    else if (pe_i.waiting) cause = npu_isa_pkg::CauseBarrier;
    else if (load_busy_i || store_busy_i || !bus_quiet_i) cause = npu_isa_pkg::CauseDma;
    else cause = npu_isa_pkg::CauseIdle;
    //@ if debug.trace

    if (start_i) tag = '0;
    else if (pe_i.busy || pe_i.waiting) tag = pe_i.tag;
    else if (store_busy_i) tag = store_tag_i;
    else if (load_busy_i) tag = load_tag_i;
    else tag = trace_tag_q;
    //@ endif
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      trace_active_q <= 1'b0;
      trace_cause_q  <= '0;
      //@ if debug.trace
      trace_tag_q    <= '0;
      //@ endif
    end else begin
      trace_active_q <= start_i || active_i;
      trace_cause_q  <= cause;
      //@ if debug.trace
      trace_tag_q    <= tag;
      //@ endif
    end
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni || start_i) begin
      beats_read_q    <= '0;
      bytes_moved_q   <= '0;
      cycles_q        <= '0;
      bytes_read_q    <= '0;
      bytes_written_q <= '0;
      commands_q      <= '0;
      for (int unsigned i = 0; i < 16; i++) causes_q[i] <= '0;
    end else if (active_i || trace_active_q) begin
      if (trace_active_q) begin
        cycles_q <= cycles_q + 32'd1;
        causes_q[trace_cause_q] <= causes_q[trace_cause_q] + 32'd1;
      end
      beats_read_q    <= beats_read_i;
      bytes_moved_q   <= bytes_written_i;
      bytes_read_q    <= bytes_read_q + 32'(beats_read_q) * 32'(BusBytes);
      bytes_written_q <= bytes_written_q + 32'(bytes_moved_q);
      if (command_i) commands_q <= commands_q + 32'd1;
    end
  end

  for (genvar c = 0; c < npu_isa_pkg::CauseCount; c++) begin : gen_cause
    assign causes_o[32*c+:32] = causes_q[c];
  end
  assign cycles_o        = cycles_q;
  assign bytes_read_o    = bytes_read_q;
  assign bytes_written_o = bytes_written_q;
  assign commands_o      = commands_q;
  //@ if debug.trace
  assign trace_active_o  = trace_active_q;
  assign trace_cause_o   = trace_cause_q;
  assign trace_tag_o     = trace_tag_q;
  //@ endif

  logic unused_members;
  assign unused_members = ^{pe_i.idle, pe_i.stuck, pe_i.waiting_tag, pe_i.arrives, pe_i.barrier,
                            pe_i.fails};

  //@ unless debug.trace: wire unused_tags = ^{pe_i.tag, load_tag_i, store_tag_i};

  // A job that starts is not under way.
  `NPU_ASSUME(StartsOnce, !(start_i && active_i))

  // Every cycle has a cause that the host can read.
  `NPU_ASSERT(CauseIsCounted, !trace_active_q || 32'(trace_cause_q) < npu_isa_pkg::CauseCount)
endmodule : npu_counters
`default_nettype wire

`default_nettype none
// SPDX-License-Identifier: Apache-2.0
// What each unit does in this cycle, as the trace ports of npu_top show it.
//
// Units have the numbers of the engines (npu_isa_pkg::Engine*): the dispatcher is bit 0, PE p is
// bit EnginePe + p.
module npu_trace #(
  parameter int unsigned GridX = 1,  //@ = npu.grid.x  -- PE columns
  parameter int unsigned GridY = 1,  //@ = npu.grid.y  -- PE rows
  localparam int unsigned Pes     = GridX * GridY,
  localparam int unsigned Engines = 32'(npu_isa_pkg::EnginePe),
  localparam int unsigned Units   = Engines + Pes,
  localparam int unsigned TraceW  = npu_isa_pkg::EngineTraceBits
) (
  input  wire npu_isa_pkg::engine_trace_t dispatch_i,
  input  wire npu_isa_pkg::engine_trace_t load_i,
  input  wire npu_isa_pkg::engine_trace_t store_i,
  input  wire  [TraceW*Pes-1:0]    pe_i,       // engine_trace_t, PE 0 in the low bits
  output logic [Units-1:0]         busy_o,
  output logic [Units-1:0]         waiting_o,
  output logic [Units-1:0]         begin_o,
  output wire  [Engines-1:0]       end_o,
  output logic [16*Units-1:0]      tag_o
);
  npu_isa_pkg::engine_trace_t pe;  // one after the other

  always_comb begin
    busy_o[Engines-1:0]    = {store_i.running, load_i.running, dispatch_i.running};
    waiting_o[Engines-1:0] = {store_i.waiting, load_i.waiting, dispatch_i.waiting};
    begin_o[Engines-1:0]   = {store_i.begins, load_i.begins, dispatch_i.begins};
    tag_o[16*Engines-1:0]  = {store_i.tag, load_i.tag, dispatch_i.tag};
    for (int unsigned p = 0; p < Pes; p++) begin
      pe                        = pe_i[TraceW*p+:TraceW];
      busy_o[Engines+p]         = pe.running;
      waiting_o[Engines+p]      = pe.waiting;
      begin_o[Engines+p]        = pe.begins;
      tag_o[16*(Engines+p)+:16] = pe.tag;
    end
  end
  assign end_o = {store_i.ends, load_i.ends, dispatch_i.ends};

  logic unused_ends;
  assign unused_ends = pe.ends;
endmodule : npu_trace
`default_nettype wire

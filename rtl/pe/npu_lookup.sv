`default_nettype none
// SPDX-License-Identifier: Apache-2.0
// Table look-up: replaces each byte of a vector by the byte that a 256-entry table holds for it.
//
// The table stands in Ports memories of 256 bytes with the same content, so Ports bytes are looked
// up per cycle and a vector takes Width / Ports cycles; the next one may follow without a gap. A
// vector leaves in the cycle after its last look-up; while it cannot, everything stands still. The
// table is loaded byte by byte.
`include "npu_assert.svh"
module npu_lookup #(
  parameter int unsigned Width = 16,  //@ = units.postprocess_width  -- bytes of a vector
  parameter int unsigned Ports = 4    //@ = units.lookup_ports  -- look-ups per cycle, divides Width
) (
  input  wire                clk_i,
  input  wire                rst_ni,
  input  wire                clear_i,
  // table
  input  wire                load_valid_i,
  input  wire  [7:0]         load_index_i,
  input  wire  [7:0]         load_data_i,
  // vectors in; addr_i and strb_i travel along
  input  wire                valid_i,
  output wire                ready_o,
  input  wire  [8*Width-1:0] data_i,
  input  wire  [23:0]        addr_i,
  input  wire  [Width-1:0]   strb_i,
  // vectors out
  output wire                valid_o,
  input  wire                ready_i,
  output wire  [8*Width-1:0] data_o,
  output wire  [23:0]        addr_o,
  output wire  [Width-1:0]   strb_o,
  output wire                busy_o
);
  localparam int unsigned Steps = Width / Ports;
  localparam int unsigned StepW = $clog2(Steps + 1);

  if (Ports < 1 || Width % Ports != 0) begin : gen_bad
    $error("npu_lookup: Ports must divide Width");
  end

  logic               active_q, arrive_q, done_q;  // look-ups go out; come in; the last ones do
  logic [StepW-1:0]   step_q;                      // look-ups done of the vector that goes out
  logic [8*Width-1:0] source_q, result_q;          // bytes still to look up (low ones next); found
  logic [23:0]        addr_q, out_addr_q;
  logic [Width-1:0]   strb_q, out_strb_q;
  logic [8*Ports-1:0] found;
  logic               stall, look, last;

  assign stall   = done_q && !ready_i;
  assign look    = active_q && !stall;
  assign last    = look && step_q == StepW'(Steps - 1);
  assign ready_o = !active_q || last;
  assign valid_o = done_q;
  assign busy_o  = active_q || arrive_q;

  for (genvar p = 0; p < Ports; p++) begin : gen_port
    npu_ram_1r1w #(
      .Width(8),
      .Depth(256)
    ) u_table (
      .clk_i,
      .we_i   (load_valid_i),
      .waddr_i(load_index_i),
      .wdata_i(load_data_i),
      .re_i   (look),
      .raddr_i(source_q[8*p+:8]),
      .rdata_o(found[8*p+:8])
    );
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i) begin
      active_q <= 1'b0;
      arrive_q <= 1'b0;
      done_q   <= 1'b0;
    end else begin
      if (valid_i && ready_o) active_q <= 1'b1;
      else if (last) active_q <= 1'b0;
      if (!stall) begin
        arrive_q <= look;
        done_q   <= last;
      end
    end
  end

  logic [8*Width+8*Ports-1:0] shifted_in;
  assign shifted_in = {found, result_q};  // the newest bytes enter at the top

  always_ff @(posedge clk_i) begin
    if (valid_i && ready_o) begin
      source_q <= data_i;
      addr_q   <= addr_i;
      strb_q   <= strb_i;
      step_q   <= '0;
    end else if (look) begin
      source_q <= source_q >> (8 * Ports);
      step_q   <= step_q + StepW'(1);
    end
    if (last) begin
      out_addr_q <= addr_q;
      out_strb_q <= strb_q;
    end
    if (arrive_q && !stall) result_q <= shifted_in[8*Width+8*Ports-1:8*Ports];
  end

  assign data_o = shifted_in[8*Width+8*Ports-1:8*Ports];
  assign addr_o = out_addr_q;
  assign strb_o = out_strb_q;

  logic unused_bits;
  assign unused_bits = ^shifted_in[8*Ports-1:0];

  // A vector with its address stays until it is taken.
  `NPU_ASSERT_STABLE(VectorStays, valid_o, ready_i, {data_o, addr_o, strb_o}, clear_i)

  // No vector is looked up beyond its end.
  `NPU_ASSERT(StepInRange, !active_q || 32'(step_q) < Steps)
endmodule : npu_lookup
`default_nettype wire

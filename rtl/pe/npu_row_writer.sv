`default_nettype none
// SPDX-License-Identifier: Apache-2.0
// Row writer: gathers the bus beats on their way to core memory into whole rows, so that a row
// costs the memory one cycle and not one for every beat. Weights then arrive at full speed even
// while compute reads a row in almost every cycle.
//
// The row held is written when the next beat belongs elsewhere or none comes. A read of this row
// must wait until it is written (held_o, row_o): what was accepted counts as written. A whole row
// that holds up the next beat is urgent at once, any other write after MaxWait refusals. Where a
// beat is a row, nothing is held.
`include "npu_assert.svh"
module npu_row_writer #(
  parameter int unsigned RowBytes = 64,    // bytes of a core memory row
  parameter int unsigned Rows     = 1024,  // of core memory
  parameter int unsigned BusBytes = 16,    //@ = npu.axi.bytes  -- at most a row
  parameter int unsigned Cores    = 1,     //@ = pe.cores  -- that the mask names
  parameter int unsigned MaxWait  = 8,     // refusals until a write goes before reads
  localparam int unsigned RowW    = (Rows > 1) ? $clog2(Rows) : 1
) (
  input  wire                  clk_i,
  input  wire                  rst_ni,
  input  wire                  clear_i,
  // beats from the bus side
  input  wire                  bus_valid_i,
  output wire                  bus_ready_o,
  input  wire [23:0]           bus_addr_i,       // aligned
  input  wire [8*BusBytes-1:0] bus_data_i,
  input  wire [BusBytes-1:0]   bus_strb_i,
  input  wire [Cores-1:0]      bus_core_mask_i,
  // row writes to the cores of row_core_mask_o
  output wire                  row_valid_o,
  input  wire                  row_ready_i,
  output wire                  row_urgent_o,     // goes before reads
  output wire                  held_o,           // the row row_o is not up to date in the memory
  output wire [RowW-1:0]       row_o,
  output wire [8*RowBytes-1:0] row_data_o,
  output wire [RowBytes-1:0]   row_strb_o,
  output wire [Cores-1:0]      row_core_mask_o
);
  wire clk;  // stands still while nothing here changes

  localparam int unsigned RowOffW = $clog2(RowBytes);
  localparam int unsigned WaitW   = $clog2(MaxWait + 1);

  logic [WaitW-1:0] wait_q;

  always_ff @(posedge clk) begin
    if (!rst_ni || clear_i || !row_valid_o || row_ready_i) wait_q <= '0;
    else if (wait_q != WaitW'(MaxWait)) wait_q <= wait_q + WaitW'(1);
  end

  if (RowBytes == BusBytes) begin : gen_direct
    assign bus_ready_o     = row_ready_i;
    assign row_valid_o     = bus_valid_i;
    assign row_urgent_o    = bus_valid_i && wait_q == WaitW'(MaxWait);
    assign held_o          = 1'b0;
    assign row_o           = bus_addr_i[RowOffW+:RowW];
    assign row_data_o      = bus_data_i;
    assign row_strb_o      = bus_strb_i;
    assign row_core_mask_o = bus_core_mask_i;
  end else begin : gen_gather
    logic                  held_q;
    logic [RowW-1:0]       row_q;
    logic [8*RowBytes-1:0] data_q;
    logic [RowBytes-1:0]   strb_q, beat_strb;
    logic [Cores-1:0]      core_mask_q;
    logic                  merges, accept, written;

    assign merges      = held_q && bus_addr_i[RowOffW+:RowW] == row_q &&
                         bus_core_mask_i == core_mask_q;
    assign row_valid_o = held_q && !(bus_valid_i && merges);
    assign written     = row_valid_o && row_ready_i;
    assign bus_ready_o = !held_q || merges || row_ready_i;
    assign accept      = bus_valid_i && bus_ready_o;
    assign beat_strb   = RowBytes'(bus_strb_i) << bus_addr_i[RowOffW-1:0];

    always_ff @(posedge clk) begin
      if (!rst_ni || clear_i) held_q <= 1'b0;
      else if (accept) held_q <= 1'b1;
      else if (written) held_q <= 1'b0;
    end

    always_ff @(posedge clk) begin
      if (accept) begin
        row_q       <= bus_addr_i[RowOffW+:RowW];
        core_mask_q <= bus_core_mask_i;
        strb_q      <= merges ? strb_q | beat_strb : beat_strb;
        for (int unsigned i = 0; i < RowBytes; i++) begin
          if (beat_strb[i]) data_q[8*i+:8] <= bus_data_i[8*(i%BusBytes)+:8];
        end
      end
    end

    assign row_urgent_o    = row_valid_o &&
                             ((bus_valid_i && strb_q == '1) || wait_q == WaitW'(MaxWait));
    assign held_o          = held_q;
    assign row_o           = row_q;
    assign row_data_o      = data_q;
    assign row_strb_o      = strb_q;
    assign row_core_mask_o = core_mask_q;
  end

  logic unused_bits;
  assign unused_bits = ^{rst_ni, clear_i, bus_addr_i};

  npu_clock_gate u_gate (
    .clk_i,
    .enable_i(!rst_ni || clear_i || bus_valid_i || row_valid_o || wait_q != '0),
    .clk_o   (clk)
  );

  // The bus keeps a beat until it is taken.
  `NPU_ASSUME_STABLE(BeatStays, bus_valid_i, bus_ready_o,
                     {bus_addr_i, bus_data_i, bus_strb_i, bus_core_mask_i}, clear_i)

  // What is gathered stays until it is written.
  `NPU_ASSERT_STABLE(RowStays, held_o, row_valid_o && row_ready_i, {row_o, row_core_mask_o},
                     clear_i)

  // Only a row that is there is urgent, and nobody waits for longer than that takes.
  `NPU_ASSERT(UrgentIsValid, !row_urgent_o || row_valid_o)
  `NPU_ASSERT(WaitInRange, 32'(wait_q) <= MaxWait)
endmodule : npu_row_writer
`default_nettype wire

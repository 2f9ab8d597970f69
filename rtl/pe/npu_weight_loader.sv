`default_nettype none
// SPDX-License-Identifier: Apache-2.0
// Weight loader: brings the slices of a MATMUL or WINDOW command into the weight shadow registers,
// in the order in which the sequencer uses them and one slice ahead of it.
//
// slice_ready_o says that all rows of the next slice have been requested. The sequencer may take it
// with the first vector of the slice: vector and last row arrive together, and the loader's next
// row request, which may come in the very cycle of slice_take_i, reaches the shadow register just
// when the slice has left it. That row is asked for as soon as the sequencer wants to take the
// slice (slice_wanted_i); where PE memory then does not grant the vector, the row is dropped and
// asked for again, so that the memory's answer is not in the way of the row port.
//
//@ if units.bnn.enabled
// With two planes of bits a tile goes through its slices twice. With `gated` the lanes' gates stand
// before a group's slices; they are brought along with each tile's first slice.
//
//@ endif
// With `follow` the command has begun with the first row: later rows are requested when the barrier
// of its wait 1 has counted their bytes.
`include "npu_assert.svh"
module npu_weight_loader #(
  parameter int unsigned SliceRows = 4,     // core memory rows per slice
  parameter int unsigned PackedRows = 2,    // the same for int4 weights, at most SliceRows
  //@ if units.bnn.enabled
  parameter int unsigned GateRows  = 1,     // of a group's gates
  //@ endif
  parameter int unsigned Rows      = 1024,  // rows of core memory, for bounds
  parameter int unsigned RowBytes  = 64,    // bytes of one
  parameter int unsigned Accumulators = 16, //@ = core.accumulators  -- positions per tile
  parameter int unsigned Barriers  = 16,    //@ = npu.barriers
  localparam int unsigned CountW   = npu_isa_pkg::BarrierCountBits,
  //@ if units.bnn.enabled
  localparam int unsigned GateW    = (GateRows > 1) ? $clog2(GateRows) : 1,
  //@ endif
  localparam int unsigned SliceW   = (SliceRows > 1) ? $clog2(SliceRows) : 1
) (
  input  wire               clk_i,
  input  wire               rst_ni,
  input  wire               clear_i,
  // the running command; start_i begins it (only for MATMUL and WINDOW)
  input  wire               follow_i,
  input  wire  [5:0]        wait1_id_i,
  input  wire  [23:0]       wait1_count_i,
  input  wire  [23:0]       weight_row_i,
  input  wire               packed_weights_i,
  input  wire  [15:0]       k0_count_i,
  input  wire  [7:0]        k1_count_i,
  input  wire  [7:0]        k2_count_i,
  input  wire  [15:0]       groups_i,
  input  wire  [23:0]       positions_i,
  input  wire  [23:0]       weight_group_rows_i,
  //@ if units.bnn.enabled
  input  wire               two_planes_i,
  input  wire               gated_i,
  //@ endif
  input  wire               start_i,
  input  wire  [Barriers*CountW-1:0] barrier_counts_i,  // barrier 0 in the low bits
  // core memory row port
  output wire               row_valid_o,
  input  wire               row_ready_i,
  output wire [23:0]        row_addr_o,
  // where the row goes that arrives one cycle after its grant
  output wire               shadow_we_o,
  output wire [SliceW-1:0]  shadow_row_o,
  //@ if units.bnn.enabled
  output wire               gate_we_o,
  output wire [GateW-1:0]   gate_row_o,
  //@ endif
  // to the sequencer
  output wire               starved_o,      // the next row has not arrived in core memory
  output wire               slice_ready_o,
  input  wire               slice_wanted_i,  // it will be taken as soon as PE memory is ready
  input  wire               slice_take_i,    // it is taken
  // a row outside core memory (pulse, row number)
  output wire               error_o,
  output wire [23:0]        error_row_o
);
  wire clk;  // stands still while nothing here changes

  logic              active_q, ready_q, shadow_we_q;
  logic [SliceW-1:0] slice_row_q, shadow_row_q;
  logic [23:0]       row_q, group_row_q;
  logic [15:0]       k0_q, group_q;
  logic [23:0]       positions_left_q;  // from this tile on
  logic [7:0]        k1_q, k2_q;
  logic              room, grant, row_last, k0_last, k1_last, k2_last, tile_last, group_last;
  logic              out_of_memory, arrived, slices_done, tile_done, slice_grant, clock_runs;
  //@ if units.bnn.enabled
  logic [GateW:0]    gates_left_q;        // rows of gates before the group's first slice
  logic              at_gates, second_q;  // the next row is one of gates; of the second plane
  logic              gate_we_q;
  logic [GateW-1:0]  gate_row_q;
  //@ endif
  logic [CountW-1:0] count, bytes;
  logic [CountW-1:0] arrived_q;  // rows after the first one that are there

  // Counts only grow, so one that is a cycle old is on the safe side. Fields stand from the cycle
  // of start_i on, in which no row is requested yet.
  always_comb begin
    count = '0;
    if (follow_i) begin
      for (int unsigned b = 0; b < Barriers; b++) begin
        count = count | (barrier_counts_i[CountW*b+:CountW] & {CountW{32'(wait1_id_i) == b}});
      end
    end
  end
  assign bytes   = count - wait1_count_i;
  assign arrived = !follow_i || row_q - weight_row_i <= 24'(arrived_q);

  // The gated clock is all the enable that it needs.
  always_ff @(posedge clk) begin
    //@ unless npu.clock_gating: if (start_i || (active_q && follow_i))
    arrived_q <= bytes >> $clog2(RowBytes);
  end

  assign out_of_memory = row_q >= 24'(Rows);
  assign row_valid_o   = active_q && !out_of_memory && arrived &&
                         (room || slice_wanted_i);
  assign slices_done   = k0_last && k1_last && k2_last;
  assign row_addr_o    = row_q;
  assign room          = slice_row_q != '0 || !ready_q;
  assign grant         = row_valid_o && row_ready_i && (room || slice_take_i);
  //@ if units.bnn.enabled
  assign at_gates      = gates_left_q != '0;
  assign slice_grant   = grant && !at_gates;
  assign tile_done     = slices_done && (!two_planes_i || second_q);
  //@ endif
  //@ unless units.bnn.enabled: assign slice_grant   = grant;
  //@ unless units.bnn.enabled: assign tile_done     = slices_done;
  assign row_last      = slice_row_q == (packed_weights_i ? SliceW'(PackedRows - 1)
                                                              : SliceW'(SliceRows - 1));
  assign k0_last       = k0_q + 16'd1 == k0_count_i;
  assign k1_last       = k1_q + 8'd1 == k1_count_i;
  assign k2_last       = k2_q + 8'd1 == k2_count_i;
  assign tile_last     = positions_left_q <= 24'(Accumulators);
  assign group_last    = group_q + 16'd1 == groups_i;

  always_ff @(posedge clk) begin
    if (!rst_ni || clear_i) begin
      active_q    <= 1'b0;
      ready_q     <= 1'b0;
      shadow_we_q <= 1'b0;
    end else begin
      shadow_we_q <= slice_grant;
      if (start_i) active_q <= 1'b1;
      if (error_o) active_q <= 1'b0;
      if (start_i || slice_take_i) ready_q <= 1'b0;
      if (slice_grant && row_last) begin
        ready_q <= 1'b1;
        if (tile_done && tile_last && group_last) active_q <= 1'b0;
      end
    end
  end

  always_ff @(posedge clk) begin
    if (grant) shadow_row_q <= slice_row_q;
    if (start_i) begin
      slice_row_q <= '0;
      row_q       <= weight_row_i;
      group_row_q <= weight_row_i;
      k0_q        <= '0;
      k1_q        <= '0;
      k2_q        <= '0;
      positions_left_q <= positions_i;
      group_q     <= '0;
    end else begin
      if (grant) row_q <= row_q + 24'd1;
      if (slice_grant) slice_row_q <= row_last ? '0 : slice_row_q + SliceW'(1);
      if (slice_grant && row_last) begin
        k0_q <= k0_last ? '0 : k0_q + 16'd1;
        if (k0_last) k1_q <= k1_last ? '0 : k1_q + 8'd1;
        if (k0_last && k1_last) k2_q <= k2_last ? '0 : k2_q + 8'd1;
        //@ if units.bnn.enabled
        if (slices_done) row_q <= group_row_q + (gated_i ? 24'(GateRows) : 24'd0);
        //@ endif
        if (tile_done) begin
          // The same slices again for the next tile, or on to the next group.
          positions_left_q <= tile_last ? positions_i
                                        : positions_left_q - 24'(Accumulators);
          row_q  <= group_row_q;
          if (tile_last) begin
            group_q     <= group_q + 16'd1;
            row_q       <= group_row_q + weight_group_rows_i;
            group_row_q <= group_row_q + weight_group_rows_i;
          end
        end
      end
    end
  end

  assign clock_runs = !rst_ni || clear_i || start_i || (row_valid_o && row_ready_i) ||
                      slice_wanted_i || error_o || shadow_we_q || (active_q && follow_i);

  //@ if units.bnn.enabled
  always_ff @(posedge clk) begin
    gate_we_q <= rst_ni && !clear_i && grant && at_gates;
    if (start_i) second_q <= 1'b0;
    else if (slice_grant && row_last && k0_last) second_q <= two_planes_i && !second_q;
    if (start_i || (slice_grant && row_last && tile_done)) begin
      gates_left_q <= gated_i ? (GateW + 1)'(GateRows) : '0;
    end else if (grant && at_gates) begin
      gates_left_q <= gates_left_q - (GateW + 1)'(1);
    end
    if (grant) gate_row_q <= GateW'(GateRows) - gates_left_q[GateW-1:0];
  end
  assign gate_we_o  = gate_we_q;
  assign gate_row_o = gate_row_q;
  //@ endif

  assign shadow_we_o   = shadow_we_q;
  assign shadow_row_o  = shadow_row_q;
  assign starved_o     = active_q && !out_of_memory && !arrived;
  assign slice_ready_o = ready_q;
  assign error_o       = active_q && out_of_memory;
  assign error_row_o   = row_q;

  npu_clock_gate u_gate (
    .clk_i,
    //@ if units.bnn.enabled
    .enable_i(clock_runs || gate_we_q),
    //@ endif
    //@ unless units.bnn.enabled: .enable_i(clock_runs),
    .clk_o   (clk)
  );

  // A row that is asked for stays the same until it is granted.
  `NPU_ASSERT_STABLE(RowStays, row_valid_o && !slice_take_i, row_ready_i, row_addr_o,
                     clear_i || start_i || slice_take_i)

  // A slice is taken when all of it was asked for, and no row lies outside of core memory.
  `NPU_ASSUME(TakesWholeSlices, !slice_take_i || slice_ready_o)
  `NPU_ASSUME(TakesWhatItWanted, !slice_take_i || slice_wanted_i)
  `NPU_ASSERT(RowInRange, !row_valid_o || 32'(row_addr_o) < Rows)
endmodule : npu_weight_loader
`default_nettype wire

`default_nettype none
// SPDX-License-Identifier: Apache-2.0
// Fetch loops: the loops of a compute command, and what of each step the grant has to know.
//
// Loops, innermost first: fetches of one position (npu_fetch_walker), positions of a tile
// (npu_position_walker), slices (npu_slice_walker), tiles, groups (docs/machine.md section 4). All
// of them advance in one step, so there is no bubble at any loop end.
//
//@ if units.bnn.enabled
// With skip_window the first pass of a tile fetches both planes of bits, and the second one needs
// no memory: SkipWindow positions are a block, which is a step without vectors.
//
//@ endif
module npu_fetch_loops #(
  parameter int unsigned WordBytes    = 16,      //@ = pe.bank_width  -- bytes of a vector read
  parameter int unsigned Simd         = 16,      //@ = lane.simd  -- bytes of a dense vector
  parameter int unsigned Accumulators = 16,      //@ = core.accumulators  -- positions per tile
  parameter int unsigned PostWidth    = 16,      //@ = units.postprocess_width  -- other vectors
  parameter int unsigned Ports        = 4,       //@ = units.window_ports  -- vectors per step
  //@ if lane.settling
  parameter int unsigned Stages       = 1,       //@ = lane.stages  -- of a sum
  //@ endif
  //@ if units.bnn.enabled
  parameter int unsigned SkipWindow   = 1,       //@ = units.bnn.skip_window  -- positions
  //@ endif
  localparam int unsigned AddrW       = 26,      // signed sums of addresses and steps
  localparam int unsigned IndexW      = (Accumulators > 1) ? $clog2(Accumulators) : 1,
  localparam int unsigned SizeW       = $clog2(Accumulators + 1),
  localparam int unsigned ByteW       = $clog2(WordBytes) + 1
) (
  input  wire                     clk_i,
  input  wire                     ahead_clk_i,     // need not rise but in reset, and for start_i,
                                                   // and advance_i while steps are on the way
  input  wire                     rst_ni,
  input  wire                     clear_i,
  // the running command; start_i begins it
  input  wire npu_isa_pkg::compute_command_t cmd_i,
  input  wire                     start_i,
  // moves on
  input  wire                     advance_i,
  output wire                     busy_o,          // there is a step
  // the vectors of the step
  output wire  [Ports-1:0]        ports_o,         // that have one: the first ones
  // what goes along with them, for the first vector: it is the first one of its position, of a
  // slice, of a tile
  output wire                     position_first_o,
  output wire                     slice_first_o,
  output wire                     tile_begins_o,
  // for the last vector: it is the last one of its position; must not follow one that was; needs
  // room for a result; ends a tile of so many positions that the drain takes; ends the command
  output wire                     position_last_o,
  output wire                     hazard_o,
  output wire                     result_o,
  output wire                     tile_end_o,
  output wire  [SizeW-1:0]        tile_size_o,
  output wire                     command_end_o,
  // for all of them
  output wire                     clear_o,         // accumulation starts
  output wire                     digit_o,         // sums are multiplied by 256 before
  output wire  [IndexW-1:0]       index_o,         // accumulator
  //@ if units.bnn.enabled
  output wire                     second_o,        // of the second plane
  output wire                     double_o,        // the first plane's sums are complete
  output wire  [15:0]             slice_o,
  output wire                     skip_o,          // a block of positions
  output wire  [SizeW-1:0]        skip_count_o,
  output logic [1:0]              settle_o,        // cycles to wait behind it
  output wire                     both_planes_o,   // vectors of both planes are fetched
  //@ endif
  // sums of the position, the slice and the window: npu_fetch_places
  output wire signed [AddrW-1:0]  row_o,
  output wire signed [AddrW-1:0]  b_row_o,
  output wire signed [17:0]       y_o,
  output wire signed [AddrW-1:0]  x_o,
  output wire signed [AddrW-1:0]  slice_x_o,
  output wire signed [AddrW-1:0]  slice_row_o,
  output wire signed [17:0]       slice_y_o,
  output wire  [13:0]             slice_skip_o,
  output wire  [ByteW-1:0]        slice_length_o,
  output wire  [2:0]              slice_rows_o,
  output wire                     second_operand_o,
  output wire  [2:0]              row_index_o,
  output wire signed [AddrW-1:0]  win_x_o,
  output wire signed [AddrW-1:0]  win_row_o,
  output wire signed [17:0]       win_y_o,
  // windows at the ends of rows: npu_fetch_walker
  input  wire                     left_i,
  input  wire                     behind_i,
  output wire signed [AddrW-1:0]  outside_x_o
);
  logic is_window, is_pool, is_two, is_array, is_linear, is_gather, is_matmul;
  assign is_matmul = cmd_i.opcode == npu_isa_pkg::OpMatmul;
  assign is_gather = is_matmul && cmd_i.run_bytes != '0;
  assign is_window = cmd_i.opcode == npu_isa_pkg::OpWindow;
  assign is_pool   = cmd_i.opcode == npu_isa_pkg::OpMaxPool;
  assign is_two    = npu_isa_pkg::is_two_operands(cmd_i.opcode);
  assign is_array  = is_matmul || is_window;          // uses the array
  assign is_linear = !is_array && !is_pool;           // vectors of PostWidth bytes in rows

  // ---------------------------------------------------------------------------------------------
  // Loops. They step while the stages behind them move on.
  // ---------------------------------------------------------------------------------------------
  logic                    walking_q, step;
  logic                    position_end, pass_end, tile_end, group_end;
  logic                    row_first, row_last, group_tile_last, group_last, tile_first, tile_last;
  logic [23:0]             tile_size;
  logic [IndexW-1:0]       index;
  logic                    slices_begin, k_first, k_run_first, k0_last, k_last, single_slice;
  logic                    first, last;
  logic                    slice_first, tile_begins, slices_done, tile_pass_last;
  //@ if units.bnn.enabled
  logic                    plane_q;                    // the second plane of bits
  logic                    skipping;                   // with skip_window
  logic                    skip_pass, skip_hold;       // its second pass
  logic                    both_planes;                // its first pass
  logic                    block_last, planes_done, plane_end;
  logic [SizeW-1:0]        block_left;
  logic [15:0]             k0;
  //@ endif

  // What changes only at the end of a pass over a tile's positions has a clock of its own.
  wire pass_clk;
  npu_clock_gate u_pass_gate (
    .clk_i,
    .enable_i(start_i || pass_end),
    .clk_o   (pass_clk)
  );

  npu_position_walker #(
    .Accumulators(Accumulators),
    //@ if units.bnn.enabled
    .SkipWindow  (SkipWindow),
    //@ endif
    .PostWidth   (PostWidth)
  ) u_positions (
    .clk_i            (ahead_clk_i),
    .pass_clk_i       (pass_clk),
    .is_array_i       (is_array),
    .is_linear_i      (is_linear),
    .act_base_i       (cmd_i.act_base),
    .b_base_i         (cmd_i.b_base),
    .row_step_i       (cmd_i.row_step),
    .b_row_step_i     (cmd_i.b_row_step),
    .y_start_i        (cmd_i.y_start),
    .y_step_i         (cmd_i.y_step),
    .x_start_i        (cmd_i.x_start),
    .x_step_i         (cmd_i.x_step),
    .out_w_i          (cmd_i.out_w),
    .positions_i      (cmd_i.positions),
    .groups_i         (cmd_i.groups),
    .group_step_i     (cmd_i.group_step),
    .start_i,
    .position_end_i   (position_end),
    .pass_end_i       (pass_end),
    .tile_end_i       (tile_end),
    .group_end_i      (group_end),
    //@ if units.bnn.enabled
    .hold_i           (skip_hold),
    .skip_pass_i      (skip_pass),
    //@ endif
    .row_o            (row_o),
    .b_row_o          (b_row_o),
    .y_o              (y_o),
    .x_o              (x_o),
    .row_first_o      (row_first),
    .row_last_o       (row_last),
    .group_tile_last_o(group_tile_last),
    .group_last_o     (group_last),
    .tile_first_o     (tile_first),
    .tile_last_o      (tile_last),
    .tile_size_o      (tile_size),
    .index_o          (index)
  );

  npu_slice_walker #(
    .Simd     (Simd),
    .WordBytes(WordBytes)
  ) u_slices (
    .clk_i         (pass_clk),
    .is_gather_i   (is_gather),
    .k0_count_i    (cmd_i.k0_count),
    .k1_count_i    (cmd_i.k1_count),
    .k2_count_i    (cmd_i.k2_count),
    .k1_step_i     (cmd_i.k1_step),
    .k2_row_step_i (cmd_i.k2_row_step),
    .k2_y_step_i   (cmd_i.k2_y_step),
    .run_bytes_i   (cmd_i.run_bytes),
    .win_rows_i    (cmd_i.win_rows),
    .win_cols_i    (cmd_i.win_cols),
    .win_row_step_i(cmd_i.win_row_step),
    .win_y_step_i  (cmd_i.win_y_step),
    .begin_i       (slices_begin),
    .step_i        (pass_end),
    //@ if units.bnn.enabled
    .k0_o          (k0),
    //@ endif
    .first_o       (k_first),
    .run_first_o   (k_run_first),
    .k0_last_o     (k0_last),
    .last_o        (k_last),
    .single_o      (single_slice),
    .x_o           (slice_x_o),
    .row_o         (slice_row_o),
    .y_o           (slice_y_o),
    .skip_o        (slice_skip_o),
    .length_o      (slice_length_o),
    .rows_o        (slice_rows_o)
  );

  npu_fetch_walker #(
    .Ports(Ports)
  ) u_fetches (
    .clk_i           (ahead_clk_i),
    .is_window_i     (is_window),
    .is_pool_i       (is_pool),
    .is_two_i        (is_two),
    .is_gather_i     (is_gather),
    .k1_count_i      (cmd_i.k1_count),
    .win_rows_i      (cmd_i.win_rows),
    .win_cols_i      (cmd_i.win_cols),
    .win_new_cols_i  (cmd_i.win_new_cols),
    .win_row_step_i  (cmd_i.win_row_step),
    .win_col_step_i  (cmd_i.win_col_step),
    .win_y_step_i    (cmd_i.win_y_step),
    //@ if units.bnn.enabled
    .both_planes_i   (both_planes),
    .no_fetch_i      (skip_pass),
    //@ endif
    .start_i,
    .row_first_i     (row_first),
    .row_last_i      (row_last),
    .slice_rows_i    (slice_rows_o),
    .first_o         (first),
    .last_o          (last),
    .ports_o,
    .second_o        (second_operand_o),
    .row_index_o     (row_index_o),
    .x_o             (win_x_o),
    .row_o           (win_row_o),
    .y_o             (win_y_o),
    .step_i          (step),
    .group_end_i     (group_end),
    .slides_i        (is_window && !group_end && (!pass_end || single_slice)),
    .advance_i,
    .left_i,
    .behind_i,
    .outside_x_o
  );

  //@ if units.bnn.enabled
  assign skipping       = SkipWindow > 1 && cmd_i.skip_window;
  assign skip_pass      = skipping && plane_q;
  assign both_planes    = skipping && !plane_q;
  assign skip_hold      = skipping && (plane_q || plane_end);
  assign block_left     = SizeW'(tile_size) - SizeW'(index);
  assign block_last     = block_left <= SizeW'(SkipWindow);
  assign planes_done    = !cmd_i.two_planes || plane_q;
  assign plane_end      = pass_end && is_array && !planes_done && k0_last;
  assign slices_begin   = start_i || tile_end || plane_end;
  assign tile_begins    = slice_first && k_first && !plane_q;
  assign slices_done    = !is_array || (k_last && planes_done);
  assign tile_pass_last = skip_pass ? block_last : tile_last;

  always_ff @(posedge pass_clk) begin
    if (start_i || tile_end) plane_q <= 1'b0;
    else if (plane_end) plane_q <= 1'b1;
  end
  //@ endif
  //@ unless units.bnn.enabled: assign slices_begin   = start_i || tile_end;
  //@ unless units.bnn.enabled: assign tile_begins    = slice_first && k_first;
  //@ unless units.bnn.enabled: assign slices_done    = !is_array || k_last;
  //@ unless units.bnn.enabled: assign tile_pass_last = tile_last;
  assign slice_first  = is_array && tile_first && first;
  assign step         = advance_i && walking_q;
  assign position_end = step && last;
  assign pass_end     = position_end && tile_pass_last;
  assign tile_end     = pass_end && slices_done;
  assign group_end    = tile_end && group_tile_last;

  always_ff @(posedge ahead_clk_i) begin
    if (!rst_ni || clear_i) walking_q <= 1'b0;
    else if (start_i) walking_q <= 1'b1;
    else if (group_end && group_last) walking_q <= 1'b0;
  end

  assign busy_o           = walking_q;
  assign position_first_o = first;
  assign slice_first_o    = slice_first;
  assign tile_begins_o    = tile_begins;
  assign position_last_o  = last;
  //@ if units.float
  // The sums of a small tile are not yet in their entries when the next slice would read them.
  assign hazard_o         = is_array && tile_size < ((Stages > 2) ? 24'd4 : 24'd2) &&
                            tile_first && !tile_begins && last;
  //@ else
  //@:// The sum of a one-position tile is not yet in its entry when the next slice would read it.
  //@:assign hazard_o         = is_array && tile_size == 24'd1 && !tile_begins && last;
  //@ endif
  assign result_o         = !is_array && last;
  assign tile_end_o       = tile_pass_last && last && slices_done && is_array && cmd_i.drain;
  assign tile_size_o      = SizeW'(tile_size);
  assign command_end_o    = tile_pass_last && last && slices_done && group_tile_last && group_last;
  assign digit_o          = cmd_i.acc_shift && k_run_first;
  assign index_o          = index;
  //@ if units.bnn.enabled
  assign clear_o          = cmd_i.acc_init && k_first && !plane_q;
  assign second_o         = plane_q;
  assign double_o         = cmd_i.two_planes && !plane_q && k0_last;
  assign slice_o          = k0;
  assign skip_o           = skip_pass;
  assign skip_count_o     = block_last ? block_left : SizeW'(SkipWindow);
  // The last sums of the first plane decide what the second pass does; and a lane may come back to
  // its last sum in the next slice.
  always_comb begin
    settle_o = '0;
    if (skip_pass) begin
      if (tile_pass_last) settle_o = 2'd1;
    end else if (!plane_q && tile_pass_last && last && k0_last) begin
      if (skipping) begin
        settle_o = 2'(Stages + 1);
      end else if (Stages > 1 && is_array && cmd_i.two_planes && cmd_i.gated) begin
        // The last sum meets its gate before the loader, which the next slice sets free, brings the
        // next tile's gates; the first one before the second plane's operand asks for the result.
        settle_o = (tile_size == 24'd1) ? 2'd2 : 2'd1;
      end
    end
  end
  assign both_planes_o    = both_planes;
  //@ endif
  //@ unless units.bnn.enabled: assign clear_o          = cmd_i.acc_init && k_first;

  // The names of reserved bits depend on the features, so they cannot be listed.
  logic unused_fields;
  assign unused_fields = ^{cmd_i, k0_last};
endmodule : npu_fetch_loops
`default_nettype wire

`default_nettype none
// SPDX-License-Identifier: Apache-2.0
// Sequencer: walks the loops of a compute command and grants the vector fetches of a cycle.
//
// Loops, innermost first: fetches of one position (npu_fetch_walker), positions of a tile
// (npu_position_walker), slices (npu_slice_walker), tiles, groups (docs/machine.md section 4). All
// of them advance in the cycle of a grant, so there is no bubble at any loop end. A grant needs the
// memory ports (of vectors with any byte inside the tensor), a loaded weight slice at the start of
// a slice, a free accumulator half at the start of a tile, and room for the result of a vector
// operation. Of a cycle's vectors those before the first one that PE memory refuses are granted.
//
//@ if units.bnn.enabled
// With skip_window the first pass of a tile fetches both planes of bits, and the second one needs
// no memory: SkipWindow positions are a block, in which every step lets each lane do the next
// position that passed its gate, until no lane has one left.
//
//@ endif
// The outputs stage_* describe the vectors that PE memory delivers in the cycle after their grant.
module npu_sequencer #(
  parameter int unsigned MemBytes     = 131072,  //@ = pe.memory  -- bytes of PE memory, for bounds
  parameter int unsigned WordBytes    = 16,      //@ = pe.bank_width  -- bytes of a vector read
  parameter int unsigned Simd         = 16,      //@ = lane.simd  -- bytes of a dense vector
  parameter int unsigned Accumulators = 16,      //@ = core.accumulators  -- positions per tile
  parameter int unsigned PostWidth    = 16,      //@ = units.postprocess_width  -- other vectors
  parameter int unsigned Ports        = 4,       //@ = units.window_ports  -- vectors per cycle
  //@ if units.bnn.enabled
  parameter int unsigned Stages       = 1,       //@ = lane.stages  -- of a sum
  parameter int unsigned SkipWindow   = 1,       //@ = units.bnn.skip_window  -- positions
  //@ endif
  localparam int unsigned IndexW      = (Accumulators > 1) ? $clog2(Accumulators) : 1,
  localparam int unsigned SizeW       = $clog2(Accumulators + 1),
  localparam int unsigned ByteW       = $clog2(WordBytes) + 1,
  localparam int unsigned CountW      = $clog2(Ports + 1)
) (
  input  wire                             clk_i,
  input  wire                             rst_ni,
  input  wire                             clear_i,
  // the running command; start_i begins it, active_o lasts until its last grant
  input  wire npu_isa_pkg::compute_command_t cmd_i,
  input  wire                             start_i,
  output wire                             active_o,
  // weight slices
  input  wire                             slice_ready_i,
  output wire                             slice_take_o,
  output wire                             slice_wait_o,    // waits for a slice
  // accumulator halves: free ones, and the tile that has just had its last grant
  input  wire  [1:0]                      half_free_i,
  output wire                             tile_end_o,
  output wire                             tile_half_o,
  output wire  [SizeW-1:0]                tile_size_o,
  // room for the result of a vector operation
  input  wire                             result_ready_i,
  // PE memory
  output wire  [Ports-1:0]                read_valid_o,
  input  wire  [Ports-1:0]                read_ready_i,
  output wire  [24*Ports-1:0]             read_addr_o,
  output wire  [Ports-1:0]                read_two_o,
  // the vectors of the cycle after the grant: the first stage_count_o ports
  output wire                             stage_valid_o,
  output wire  [CountW-1:0]               stage_count_o,
  output wire  [Ports-1:0]                stage_clip_o,   // bytes that count lie outside the tensor
  output wire  [ByteW*Ports-1:0]          stage_low_o,    // first byte inside the tensor
  output wire  [ByteW*Ports-1:0]          stage_high_o,   // behind the last byte inside the tensor
  output wire  [Ports-1:0]                stage_gather_o, // ports of a gathered operand,
  output wire  [ByteW*Ports-1:0]          stage_length_o, // bytes of theirs that count,
  output wire  [ByteW*Ports-1:0]          stage_place_o,  // where they go in it
  output wire                             stage_swap_o,   // first vector of a slice
  output wire                             stage_last_o,   // last vector of its position
  output wire                             stage_first_o,  // first vector of its position
  output wire                             stage_clear_o,  // accumulation starts with this position
  output wire                             stage_digit_o,  // sums are multiplied by 256 before
  //@ if units.bnn.enabled
  output wire                             stage_second_o, // the slice is of the second plane
  output wire                             stage_double_o, // the first plane's sums are complete
  output wire  [Ports-1:0]                stage_lower_o,  // ports of the second plane's operand
  output wire  [15:0]                     stage_slice_o,
  // second pass with skip_window
  output wire                             skip_pass_o,
  output wire                             skip_step_o,    // a step in this cycle
  output wire                             skip_begin_o,   // the first one of its block
  output wire  [15:0]                     skip_slice_o,
  output wire  [IndexW-1:0]               skip_index_o,   // the block's first position
  output wire  [SizeW-1:0]                skip_count_o,   // its positions
  input  wire                             skip_more_i,    // it needs another step after this one
  //@ endif
  output wire                             stage_half_o,
  output wire  [IndexW-1:0]               stage_index_o,
  // what this cycle is spent on (npu_isa_pkg::Cause*)
  output logic [3:0]                      cause_o,
  // an address of a valid byte outside PE memory (pulse, address)
  output wire                             error_o,
  output wire  [24:0]                     error_address_o
);
  if (Simd > WordBytes || PostWidth > WordBytes) begin : gen_bad
    $error("npu_sequencer: a vector of Simd or PostWidth bytes must fit into WordBytes");
  end
  if (Ports < 1 || Ports > 4) begin : gen_bad_ports
    $error("npu_sequencer: Ports must be 1..4");
  end

  localparam int unsigned AddrW = 26;  // signed sums of addresses and steps

  logic is_matmul, is_window, is_pool, is_two, is_array, is_linear, is_gather;
  assign is_gather = is_matmul && cmd_i.run_bytes != '0;
  assign is_matmul = cmd_i.opcode == npu_isa_pkg::OpMatmul;
  assign is_window = cmd_i.opcode == npu_isa_pkg::OpWindow;
  assign is_pool   = cmd_i.opcode == npu_isa_pkg::OpMaxPool;
  assign is_two    = npu_isa_pkg::is_two_operands(cmd_i.opcode);
  assign is_array  = is_matmul || is_window;          // uses the array
  assign is_linear = !is_array && !is_pool;           // vectors of PostWidth bytes in rows

  // ---------------------------------------------------------------------------------------------
  // Loops.
  // ---------------------------------------------------------------------------------------------
  logic                    active_q, half_q, fired_q;  // fired: the last cycle fired a sum
  logic                    grant, position_end, pass_end, tile_end, group_end;
  // the position
  logic signed [AddrW-1:0] row, b_row, x;
  logic signed [17:0]      y;
  logic                    row_last, group_tile_last, group_last, tile_first, tile_last;
  logic [23:0]             tile_size;
  logic [IndexW-1:0]       index;
  // the slice
  logic                    slices_begin, k_first, k_run_first, k0_last, k_last, single_slice;
  logic [15:0]             k0;
  logic signed [AddrW-1:0] slice_x, slice_row;
  logic signed [17:0]      slice_y;
  logic [13:0]             slice_skip;
  logic [7:0]              slice_rows_left;
  // the vectors of this cycle
  logic [CountW-1:0]       wanted, count;  // count: those granted
  logic [Ports-1:0]        any_inside;
  logic                    first, last, out_of_memory;
  //@ if units.bnn.enabled
  logic                    plane_q;                    // the second plane of bits
  logic                    skip_pass, skip_hold;       // second pass with skip_window
  logic                    both_planes;                // its first pass
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
    .clk_i,
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
    .skip_more_i,
    //@ endif
    .row_o            (row),
    .b_row_o          (b_row),
    .y_o              (y),
    .x_o              (x),
    .row_last_o       (row_last),
    .group_tile_last_o(group_tile_last),
    .group_last_o     (group_last),
    .tile_first_o     (tile_first),
    .tile_last_o      (tile_last),
    .tile_size_o      (tile_size),
    .index_o          (index)
  );

  npu_slice_walker #(
    .Simd(Simd)
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
    .k0_o          (k0),
    .first_o       (k_first),
    .run_first_o   (k_run_first),
    .k0_last_o     (k0_last),
    .last_o        (k_last),
    .single_o      (single_slice),
    .x_o           (slice_x),
    .row_o         (slice_row),
    .y_o           (slice_y),
    .skip_o        (slice_skip),
    .rows_left_o   (slice_rows_left)
  );

  npu_fetch_walker #(
    .MemBytes  (MemBytes),
    .WordBytes (WordBytes),
    .Simd      (Simd),
    .PostWidth (PostWidth),
    //@ if units.bnn.enabled
    .SkipWindow(SkipWindow),
    //@ endif
    .Ports     (Ports)
  ) u_fetches (
    .clk_i,
    .is_matmul_i      (is_matmul),
    .is_window_i      (is_window),
    .is_two_i         (is_two),
    .is_linear_i      (is_linear),
    .is_gather_i      (is_gather),
    .row_bytes_i      (cmd_i.row_bytes),
    .in_h_i           (cmd_i.in_h),
    .run_bytes_i      (cmd_i.run_bytes),
    .group_channels_i (cmd_i.group_channels),
    .k1_count_i       (cmd_i.k1_count),
    .win_rows_i       (cmd_i.win_rows),
    .win_cols_i       (cmd_i.win_cols),
    .win_new_cols_i   (cmd_i.win_new_cols),
    .win_row_step_i   (cmd_i.win_row_step),
    .win_col_step_i   (cmd_i.win_col_step),
    .win_y_step_i     (cmd_i.win_y_step),
    //@ if units.bnn.enabled
    .plane_step_i     (cmd_i.plane_step),
    .plane_i          (plane_q),
    .both_planes_i    (both_planes),
    .no_fetch_i       (skip_pass),
    //@ endif
    .start_i,
    .row_i            (row),
    .b_row_i          (b_row),
    .y_i              (y),
    .x_i              (x),
    .row_last_i       (row_last),
    .slice_x_i        (slice_x),
    .slice_row_i      (slice_row),
    .slice_y_i        (slice_y),
    .slice_skip_i     (slice_skip),
    .slice_rows_left_i(slice_rows_left),
    .first_o          (first),
    .last_o           (last),
    .wanted_o         (wanted),
    .inside_o         (any_inside),
    .address_o        (read_addr_o),
    .two_words_o      (read_two_o),
    .error_o          (out_of_memory),
    .error_address_o,
    .grant_i          (grant),
    .count_i          (count),
    .position_end_i   (position_end),
    .group_end_i      (group_end),
    .slides_i         (is_window && !group_end && (!pass_end || single_slice)),
    .stage_count_o,
    .stage_clip_o,
    .stage_low_o,
    .stage_high_o,
    .stage_gather_o,
    //@ if units.bnn.enabled
    .stage_lower_o,
    //@ endif
    .stage_length_o,
    .stage_place_o
  );

  // ---------------------------------------------------------------------------------------------
  // Gates and grant.
  // ---------------------------------------------------------------------------------------------
  logic slice_first, tile_begins, slices_done, tile_pass_last, gate_slice, gate_half, gate_hazard;
  logic gate_result, open, ports_ready;

  // Ports are granted in order; one that needs no memory is granted with those before it.
  logic reaches;
  always_comb begin
    count   = '0;
    reaches = 1'b1;
    for (int unsigned p = 0; p < Ports; p++) begin
      if (CountW'(p) >= wanted || (any_inside[p] && !read_ready_i[p])) reaches = 1'b0;
      if (reaches) count = CountW'(p + 1);
    end
  end

  assign gate_slice  = !is_array || !slice_first || slice_ready_i;
  assign gate_half   = !is_array || !tile_begins || half_free_i[half_q];
  // The sum of a one-position tile is not yet in its entry when the next slice would read it.
  assign gate_hazard = !is_array || !fired_q || tile_size != 24'd1 || tile_begins || !last;
  assign gate_result = is_array || !last || result_ready_i;

  //@ if units.bnn.enabled
  logic              skipping;               // with skip_window
  logic              slice_begin_q;          // the next step is the slice's first one
  logic              block_begin_q;          // the next step begins a block
  logic              block_last, planes_done, plane_end;
  logic [1:0]        settle_q;               // cycles before the next step
  logic [SizeW-1:0]  block_left;

  assign skipping       = SkipWindow > 1 && cmd_i.skip_window;
  assign skip_pass      = skipping && plane_q;
  assign both_planes    = skipping && !plane_q;
  assign skip_hold      = skipping && (plane_q || plane_end);
  assign block_left     = SizeW'(tile_size) - SizeW'(index);
  assign block_last     = block_left <= SizeW'(SkipWindow);
  assign planes_done    = !cmd_i.two_planes || plane_q;
  assign plane_end      = pass_end && is_array && !planes_done && k0_last;
  assign slices_begin   = start_i || tile_end || plane_end;
  assign slice_first    = skip_pass ? slice_begin_q : tile_first && first;
  assign tile_begins    = slice_first && k_first && !plane_q;
  assign slices_done    = !is_array || (k_last && planes_done);
  assign tile_pass_last = skip_pass ? block_last && !skip_more_i : tile_last;
  assign open           = active_q && gate_slice && gate_half && gate_hazard && gate_result &&
                          settle_q == '0;
  assign ports_ready    = skip_pass || count != '0;

  always_ff @(posedge clk_i) begin
    if (start_i || tile_end) plane_q <= 1'b0;
    else if (plane_end) plane_q <= 1'b1;
    if (pass_end || !skip_pass) slice_begin_q <= 1'b1;
    else if (grant) slice_begin_q <= 1'b0;
    if (!skip_pass || (grant && !skip_more_i)) block_begin_q <= 1'b1;
    else if (grant) block_begin_q <= 1'b0;
    // The last sums of the first plane decide what the second pass does; and a lane may come back
    // to its last sum in the next slice.
    if (!rst_ni || clear_i || start_i) settle_q <= '0;
    else if (skipping && plane_end) settle_q <= 2'(Stages + 1);
    else if (Stages > 1 && plane_end && cmd_i.gated) begin
      // The last sum meets its gate before the loader, which the next slice sets free, brings the
      // next tile's gates; the first one before the second plane's operand asks for the result.
      settle_q <= (tile_size == 24'd1) ? 2'd2 : 2'd1;
    end
    else if (skip_pass && pass_end) settle_q <= 2'd1;
    else if (settle_q != '0) settle_q <= settle_q - 2'd1;
  end

  assign skip_pass_o  = skip_pass;
  assign skip_step_o  = skip_pass && grant;
  assign skip_begin_o = block_begin_q;
  assign skip_slice_o = k0;
  assign skip_index_o = index;
  assign skip_count_o = block_last ? block_left : SizeW'(SkipWindow);
  //@ endif
  //@ unless units.bnn.enabled: assign slices_begin   = start_i || tile_end;
  //@ unless units.bnn.enabled: assign slice_first    = tile_first && first;
  //@ unless units.bnn.enabled: assign tile_begins    = slice_first && k_first;
  //@ unless units.bnn.enabled: assign slices_done    = !is_array || k_last;
  //@ unless units.bnn.enabled: assign tile_pass_last = tile_last;
  //@ unless units.bnn.enabled: assign open           = active_q && gate_slice && gate_half &&
  //@ unless units.bnn.enabled:                         gate_hazard && gate_result;
  //@ unless units.bnn.enabled: assign ports_ready    = count != '0;

  assign grant        = open && (out_of_memory || ports_ready);
  assign position_end = grant && last && count == wanted;
  assign pass_end     = position_end && tile_pass_last;
  assign tile_end     = pass_end && slices_done;
  assign group_end    = tile_end && group_tile_last;

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i) begin
      active_q <= 1'b0;
      half_q   <= 1'b0;
      fired_q  <= 1'b0;
    end else if (start_i) begin
      active_q <= 1'b1;
      fired_q  <= 1'b0;
    end else begin
      fired_q <= position_end;
      if (error_o) active_q <= 1'b0;
      if (group_end && group_last) active_q <= 1'b0;
      if (tile_end && is_array && cmd_i.drain) half_q <= !half_q;
    end
  end

  // ---------------------------------------------------------------------------------------------
  // The stage after the grant.
  // ---------------------------------------------------------------------------------------------
  logic              stage_valid_q, stage_swap_q, stage_last_q, stage_first_q;
  logic              stage_clear_q, stage_digit_q, stage_half_q;
  logic [IndexW-1:0] stage_index_q;

  always_ff @(posedge clk_i) begin
    stage_valid_q <= rst_ni && !clear_i && grant && !out_of_memory;
    if (grant) begin
      stage_swap_q  <= is_array && slice_first;
      stage_last_q  <= last && count == wanted;
      stage_first_q <= first;
      stage_digit_q <= cmd_i.acc_shift && k_run_first;
      stage_half_q  <= half_q;
      stage_index_q <= index;
      //@ if units.bnn.enabled
      stage_clear_q <= cmd_i.acc_init && k_first && !plane_q;
      //@ endif
      //@ unless units.bnn.enabled: stage_clear_q <= cmd_i.acc_init && k_first;
    end
  end

  //@ if units.bnn.enabled
  logic        stage_second_q, stage_double_q;
  logic [15:0] stage_slice_q;

  always_ff @(posedge clk_i) begin
    if (grant) begin
      stage_second_q <= plane_q;
      stage_double_q <= cmd_i.two_planes && !plane_q && k0_last;
      stage_slice_q  <= k0;
    end
  end
  assign stage_second_o = stage_second_q;
  assign stage_double_o = stage_double_q;
  assign stage_slice_o  = stage_slice_q;
  //@ endif

  always_comb begin
    cause_o = npu_isa_pkg::CauseFill;
    if (active_q) begin
      if (grant) begin
        cause_o = ((last && count == wanted) || is_two) ? npu_isa_pkg::CauseCompute
                                                        : npu_isa_pkg::CauseActivationPort;
      end else if (!gate_half || !gate_result) begin
        cause_o = npu_isa_pkg::CauseDrain;
      end else if (!gate_slice) begin
        cause_o = npu_isa_pkg::CauseWeightPort;
      end else if (open) begin
        cause_o = npu_isa_pkg::CauseActivationPort;
      end
    end
  end

  assign active_o      = active_q;
  assign slice_take_o  = grant && is_array && slice_first;
  assign slice_wait_o  = active_q && !gate_slice;
  assign tile_end_o    = tile_end && is_array && cmd_i.drain;
  assign tile_half_o   = half_q;
  assign tile_size_o   = SizeW'(tile_size);
  assign read_valid_o  = (open && !out_of_memory) ? any_inside : '0;
  assign stage_valid_o = stage_valid_q;
  assign stage_swap_o  = stage_swap_q;
  assign stage_last_o  = stage_last_q;
  assign stage_first_o = stage_first_q;
  assign stage_clear_o = stage_clear_q;
  assign stage_digit_o = stage_digit_q;
  assign stage_half_o  = stage_half_q;
  assign stage_index_o = stage_index_q;
  assign error_o       = active_q && open && out_of_memory;

  // The names of reserved bits depend on the features, so they cannot be listed.
  logic unused_fields;
  //@ if units.bnn.enabled
  assign unused_fields = ^cmd_i;
  //@ endif
  //@ unless units.bnn.enabled: assign unused_fields = ^{cmd_i, k0, k0_last};
endmodule : npu_sequencer
`default_nettype wire

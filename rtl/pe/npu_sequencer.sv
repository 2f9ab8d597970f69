`default_nettype none
// SPDX-License-Identifier: Apache-2.0
// Sequencer: walks the loops of a compute command and grants the vector fetches of a cycle.
//
// Loops, innermost first: fetches of one position (npu_fetch_walker), positions of a tile
// (npu_position_walker), slices (npu_slice_walker), tiles, groups (docs/machine.md section 4). All
// of them advance in one step, so there is no bubble at any loop end. They run ahead of the grants:
// a step's vectors pass npu_fetch_places, and wait in npu_fetch_queue for their grant. A grant needs
// the banks of PE memory (of vectors with any byte inside the tensor), a loaded weight slice at the
// start of a slice, a free accumulator half at the start of a tile, and room for the result of a
// vector operation. A group of vectors is granted whole.
//
//@ if units.bnn.enabled
// With skip_window the first pass of a tile fetches both planes of bits, and the second one needs
// no memory: SkipWindow positions are a block, in which every step lets each lane do the next
// position that passed its gate, until no lane has one left. A block is one group without vectors,
// which stays for all of its steps.
//
//@ endif
// The outputs stage_* describe the vectors that PE memory delivers in the cycle after their grant.
`include "npu_assert.svh"
module npu_sequencer #(
  parameter int unsigned MemBytes     = 131072,  //@ = pe.memory  -- bytes of PE memory, for bounds
  parameter int unsigned Banks        = 8,       //@ = pe.banks
  parameter int unsigned WordBytes    = 16,      //@ = pe.bank_width  -- bytes of a vector read
  parameter int unsigned Simd         = 16,      //@ = lane.simd  -- bytes of a dense vector
  parameter int unsigned Accumulators = 16,      //@ = core.accumulators  -- positions per tile
  parameter int unsigned PostWidth    = 16,      //@ = units.postprocess_width  -- other vectors
  parameter int unsigned Ports        = 4,       //@ = units.window_ports  -- vectors per cycle
  //@ if units.bnn.enabled
  parameter int unsigned SkipWindow   = 1,       //@ = units.bnn.skip_window  -- positions
  //@ endif
  localparam int unsigned IndexW      = (Accumulators > 1) ? $clog2(Accumulators) : 1,
  localparam int unsigned SizeW       = $clog2(Accumulators + 1),
  localparam int unsigned OffsetW     = $clog2(WordBytes),
  localparam int unsigned ByteW       = OffsetW + 1,
  localparam int unsigned BankW       = $clog2(Banks),
  localparam int unsigned Depth       = MemBytes / (Banks * WordBytes),
  localparam int unsigned RowW        = (Depth > 1) ? $clog2(Depth) : 1,
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
  // PE memory: the group of vectors that asks, and those of its vectors that are read there
  output wire                             read_valid_o,
  input  wire                             read_ready_i,
  output wire  [Banks-1:0]                read_mask_o,    // banks that are read
  output wire  [Ports-1:0]                read_inside_o,
  output wire  [Ports-1:0]                read_two_o,     // of the next word, too
  output wire  [BankW*Ports-1:0]          read_bank_o,    // the word's bank and row, and the next
  output wire  [BankW*Ports-1:0]          read_bank2_o,   // word's
  output wire  [RowW*Ports-1:0]           read_row_o,
  output wire  [RowW*Ports-1:0]           read_row2_o,
  output wire  [OffsetW*Ports-1:0]        read_offset_o,  // first byte in the word
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
  // Loops. They step while the stages behind them move on.
  // ---------------------------------------------------------------------------------------------
  logic                    walking_q, advance, step;
  logic                    position_end, pass_end, tile_end, group_end;
  // the position
  logic signed [AddrW-1:0] row, b_row, x;
  logic signed [17:0]      y;
  logic                    row_first, row_last, group_tile_last, group_last, tile_first, tile_last;
  logic [23:0]             tile_size;
  logic [IndexW-1:0]       index;
  // the slice
  logic                    slices_begin, k_first, k_run_first, k0_last, k_last, single_slice;
  logic signed [AddrW-1:0] slice_x, slice_row;
  logic signed [17:0]      slice_y;
  logic [13:0]             slice_skip;
  logic [ByteW-1:0]        slice_length;
  logic [2:0]              slice_rows;
  // the vectors of this step
  logic [CountW-1:0]       count;
  logic                    first, last, second_operand;
  logic [2:0]              row_index;
  logic signed [AddrW-1:0] win_x, win_row, outside_x;
  logic signed [17:0]      win_y;
  logic                    left, behind;
  //@ if units.bnn.enabled
  logic                    plane_q;                    // the second plane of bits
  logic                    skipping;                   // with skip_window
  logic                    skip_pass, skip_hold;       // its second pass
  logic                    both_planes;                // its first pass
  logic                    block_last, planes_done, plane_end;
  logic [SizeW-1:0]        block_left;
  logic [15:0]             k0;
  //@ endif

  // The loops and the stages behind them stand still while the queue is full, and between commands.
  logic places_busy;
  wire  ahead_clk;
  npu_clock_gate u_ahead_gate (
    .clk_i,
    .enable_i(!rst_ni || clear_i || start_i || (advance && (walking_q || places_busy))),
    .clk_o   (ahead_clk)
  );
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
    .clk_i            (ahead_clk),
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
    .row_o            (row),
    .b_row_o          (b_row),
    .y_o              (y),
    .x_o              (x),
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
    .x_o           (slice_x),
    .row_o         (slice_row),
    .y_o           (slice_y),
    .skip_o        (slice_skip),
    .length_o      (slice_length),
    .rows_o        (slice_rows)
  );

  npu_fetch_walker #(
    .Ports(Ports)
  ) u_fetches (
    .clk_i           (ahead_clk),
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
    .slice_rows_i    (slice_rows),
    .first_o         (first),
    .last_o          (last),
    .count_o         (count),
    .second_o        (second_operand),
    .row_index_o     (row_index),
    .x_o             (win_x),
    .row_o           (win_row),
    .y_o             (win_y),
    .step_i          (step),
    .group_end_i     (group_end),
    .slides_i        (is_window && !group_end && (!pass_end || single_slice)),
    .advance_i       (advance),
    .left_i          (left),
    .behind_i        (behind),
    .outside_x_o     (outside_x)
  );

  logic slice_first, tile_begins, slices_done, tile_pass_last;
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
  assign step         = advance && walking_q;
  assign position_end = step && last;
  assign pass_end     = position_end && tile_pass_last;
  assign tile_end     = pass_end && slices_done;
  assign group_end    = tile_end && group_tile_last;

  always_ff @(posedge ahead_clk) begin
    if (!rst_ni || clear_i) walking_q <= 1'b0;
    else if (start_i) walking_q <= 1'b1;
    else if (group_end && group_last) walking_q <= 1'b0;
  end

  // ---------------------------------------------------------------------------------------------
  // What goes along with a step: for its first vector, its last one, and all of them.
  // ---------------------------------------------------------------------------------------------
  typedef struct packed {
    logic position_first;
    logic slice_first;     // a slice's weights are needed
    logic tile_begins;     // and a free half of the accumulators
  } first_tag_t;

  typedef struct packed {
    logic             position_last;
    logic             hazard;      // not in the cycle after a position's last vector
    logic             result;      // room for a result is needed
    logic             tile_end;    // the tile goes to the drain
    logic             command_end;
    //@ if units.bnn.enabled
    logic             settle2;     // cycles before the next group
    logic             settle1;
    //@ endif
    logic [SizeW-1:0] tile_size;
  } last_tag_t;

  typedef struct packed {
    logic              clear;      // accumulation starts
    logic              digit;      // sums are multiplied by 256 before
    logic [IndexW-1:0] index;      // accumulator
    //@ if units.bnn.enabled
    logic              skip;       // a block of the second pass with skip_window
    logic              second;     // the slice is of the second plane
    logic              doubles;    // the first plane's sums are complete
    logic [15:0]       slice;
    logic [SizeW-1:0]  skip_count; // positions of the block
    //@ endif
    logic              error;      // a byte lies outside PE memory
  } common_tag_t;

  localparam int unsigned FirstW  = 3;
  //@ if units.bnn.enabled
  localparam int unsigned LastW   = 7 + SizeW;
  localparam int unsigned CommonW = 22 + IndexW + SizeW;
  //@ endif
  //@ unless units.bnn.enabled: localparam int unsigned LastW   = 5 + SizeW;
  //@ unless units.bnn.enabled: localparam int unsigned CommonW = 3 + IndexW;
  localparam int unsigned TagW    = FirstW + LastW + CommonW;

  first_tag_t  step_first, head_first;
  last_tag_t   step_last, head_last;
  common_tag_t step_common, places_common, queue_common, head_common;
  always_comb begin
    step_first.position_first = first;
    step_first.slice_first    = slice_first;
    step_first.tile_begins    = tile_begins;
    step_last.position_last   = last;
    // The sum of a one-position tile is not yet in its entry when the next slice would read it.
    step_last.hazard          = is_array && tile_size == 24'd1 && !tile_begins && last;
    step_last.result          = !is_array && last;
    step_last.tile_end        = tile_pass_last && last && slices_done && is_array && cmd_i.drain;
    step_last.command_end     = tile_pass_last && last && slices_done && group_tile_last &&
                                group_last;
    step_last.tile_size       = SizeW'(tile_size);
    step_common.digit         = cmd_i.acc_shift && k_run_first;
    step_common.index         = index;
    step_common.error         = 1'b0;
    //@ if units.bnn.enabled
    step_common.clear         = cmd_i.acc_init && k_first && !plane_q;
    // The last sums of the first plane decide what the second pass does; and a lane may come back
    // to its last sum in the next slice.
    step_last.settle2         = skipping && !plane_q && tile_pass_last && last && k0_last;
    step_last.settle1         = skip_pass && tile_pass_last;
    step_common.skip          = skip_pass;
    step_common.second        = plane_q;
    step_common.doubles       = cmd_i.two_planes && !plane_q && k0_last;
    step_common.slice         = k0;
    step_common.skip_count    = block_last ? block_left : SizeW'(SkipWindow);
    //@ endif
    //@ unless units.bnn.enabled: step_common.clear         = cmd_i.acc_init && k_first;
  end

  // ---------------------------------------------------------------------------------------------
  // Places, and the queue.
  // ---------------------------------------------------------------------------------------------
  logic                     places_valid, queue_ready, out_of_memory;
  logic [CountW-1:0]        places_count;
  logic [FirstW-1:0]        places_first;
  logic [LastW-1:0]         places_last;
  logic [Ports-1:0]         places_inside, places_two, places_clip;
  logic [BankW*Ports-1:0]   places_bank, places_bank2;
  logic [RowW*Ports-1:0]    places_row, places_row2;
  logic [OffsetW*Ports-1:0] places_offset;
  logic [ByteW*Ports-1:0]   places_low, places_high, places_length, places_place;
  //@ if units.bnn.enabled
  logic [Ports-1:0]         places_lower;
  //@ endif

  assign advance = !places_valid || queue_ready;

  npu_fetch_places #(
    .MemBytes (MemBytes),
    .Banks    (Banks),
    .WordBytes(WordBytes),
    .Simd     (Simd),
    .PostWidth(PostWidth),
    .Ports    (Ports),
    .TagW     (TagW)
  ) u_places (
    .clk_i           (ahead_clk),
    .rst_ni,
    .clear_i,
    .is_matmul_i     (is_matmul),
    .is_linear_i     (is_linear),
    .is_gather_i     (is_gather),
    .row_bytes_i     (cmd_i.row_bytes),
    .in_h_i          (cmd_i.in_h),
    .run_bytes_i     (cmd_i.run_bytes),
    .group_channels_i(cmd_i.group_channels),
    .win_row_step_i  (cmd_i.win_row_step),
    .win_col_step_i  (cmd_i.win_col_step),
    .win_y_step_i    (cmd_i.win_y_step),
    //@ if units.bnn.enabled
    .plane_step_i    (cmd_i.plane_step),
    .plane_i         (plane_q && !skipping),
    .both_planes_i   (both_planes),
    //@ endif
    .start_i,
    .advance_i       (advance),
    .valid_i         (walking_q),
    .count_i         (count),
    .tag_i           ({step_first, step_last, step_common}),
    .row_i           (row),
    .b_row_i         (b_row),
    .y_i             (y),
    .x_i             (x),
    .slice_x_i       (slice_x),
    .slice_row_i     (slice_row),
    .slice_y_i       (slice_y),
    .slice_skip_i    (slice_skip),
    .slice_length_i  (slice_length),
    .slice_rows_i    (slice_rows),
    .second_i        (second_operand),
    .row_index_i     (row_index),
    .win_x_i         (win_x),
    .win_row_i       (win_row),
    .win_y_i         (win_y),
    .left_o          (left),
    .outside_x_i     (outside_x),
    .behind_o        (behind),
    .busy_o          (places_busy),
    .valid_o         (places_valid),
    .count_o         (places_count),
    .tag_o           ({places_first, places_last, places_common}),
    .error_o         (out_of_memory),
    .error_address_o,
    .inside_o        (places_inside),
    .two_o           (places_two),
    .bank_o          (places_bank),
    .bank2_o         (places_bank2),
    .row_o           (places_row),
    .row2_o          (places_row2),
    .offset_o        (places_offset),
    .clip_o          (places_clip),
    .low_o           (places_low),
    .high_o          (places_high),
    //@ if units.bnn.enabled
    .lower_o         (places_lower),
    //@ endif
    .length_o        (places_length),
    .place_o         (places_place)
  );

  always_comb begin
    queue_common       = places_common;
    queue_common.error = out_of_memory;
  end

  //@ if units.bnn.enabled
  localparam int unsigned VectorW = OffsetW + 4 * ByteW + 2;
  //@ endif
  //@ unless units.bnn.enabled: localparam int unsigned VectorW = OffsetW + 4 * ByteW + 1;
  logic [VectorW*Ports-1:0] places_vectors, head_vectors;
  logic                     head_valid, take;
  logic [CountW-1:0]        head_count;
  logic [Ports-1:0]         head_clip;
  logic [ByteW*Ports-1:0]   head_low, head_high, head_length, head_place;
  //@ if units.bnn.enabled
  logic [Ports-1:0]         head_lower;
  //@ endif
  for (genvar p = 0; p < Ports; p++) begin : gen_vector
    assign places_vectors[VectorW*p+:VectorW] = {
      //@ if units.bnn.enabled
      places_lower[p],
      //@ endif
      places_clip[p], places_offset[OffsetW*p+:OffsetW], places_low[ByteW*p+:ByteW],
      places_high[ByteW*p+:ByteW], places_length[ByteW*p+:ByteW], places_place[ByteW*p+:ByteW]
    };
    assign {
      //@ if units.bnn.enabled
      head_lower[p],
      //@ endif
      head_clip[p], read_offset_o[OffsetW*p+:OffsetW], head_low[ByteW*p+:ByteW],
      head_high[ByteW*p+:ByteW], head_length[ByteW*p+:ByteW], head_place[ByteW*p+:ByteW]
    } = head_vectors[VectorW*p+:VectorW];
  end

  npu_fetch_queue #(
    .Banks  (Banks),
    .Ports  (Ports),
    .RowW   (RowW),
    .FirstW (FirstW),
    .LastW  (LastW),
    .CommonW(CommonW),
    .VectorW(VectorW)
  ) u_queue (
    .clk_i,
    .rst_ni,
    .clear_i  (clear_i || start_i),
    .valid_i  (places_valid),
    .ready_o  (queue_ready),
    .count_i  (places_count),
    .first_i  (places_first),
    .last_i   (places_last),
    .common_i (queue_common),
    .whole_i  (out_of_memory),
    .inside_i (places_inside),
    .two_i    (places_two),
    .bank_i   (places_bank),
    .bank2_i  (places_bank2),
    .row_i    (places_row),
    .row2_i   (places_row2),
    .vectors_i(places_vectors),
    .valid_o  (head_valid),
    .ready_i  (take),
    .count_o  (head_count),
    .first_o  (head_first),
    .last_o   (head_last),
    .common_o (head_common),
    .mask_o   (read_mask_o),
    .inside_o (read_inside_o),
    .two_o    (read_two_o),
    .bank_o   (read_bank_o),
    .bank2_o  (read_bank2_o),
    .row_o    (read_row_o),
    .row2_o   (read_row2_o),
    .vectors_o(head_vectors)
  );

  // ---------------------------------------------------------------------------------------------
  // Gates and grant of the group at the head.
  // ---------------------------------------------------------------------------------------------
  logic active_q, half_q, fired_q;  // fired: the last cycle fired a sum
  logic needs_slice, gate_slice, gate_half, gate_hazard, gate_result, open, grant;

  assign gate_half   = !head_first.tile_begins || half_free_i[half_q];
  assign gate_hazard = !head_last.hazard || !fired_q;
  assign gate_result = !head_last.result || result_ready_i;
  assign gate_slice  = !needs_slice || slice_ready_i;
  assign grant       = open && !head_common.error && read_ready_i;

  //@ if units.bnn.enabled
  logic       block_begun_q;  // the block at the head has had a step
  logic [1:0] settle_q;       // cycles before the next grant

  assign needs_slice = head_first.slice_first && !block_begun_q;
  assign open        = active_q && head_valid && gate_slice && gate_half && gate_hazard &&
                       gate_result && settle_q == '0;
  assign take        = grant && !(head_common.skip && skip_more_i);

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i || start_i) begin
      block_begun_q <= 1'b0;
      settle_q      <= '0;
    end else begin
      if (grant) block_begun_q <= !take;
      if (take && head_last.settle2) settle_q <= 2'd2;
      else if (take && head_last.settle1) settle_q <= 2'd1;
      else if (settle_q != '0) settle_q <= settle_q - 2'd1;
    end
  end

  // skip_pass_o: the block at the head, and while it settles the next one.
  assign skip_pass_o  = head_valid && head_common.skip;
  assign skip_step_o  = grant && head_common.skip;
  assign skip_begin_o = !block_begun_q;
  assign skip_slice_o = head_common.slice;
  assign skip_index_o = head_common.index;
  assign skip_count_o = head_common.skip_count;
  //@ endif
  //@ unless units.bnn.enabled: assign needs_slice = head_first.slice_first;
  //@ unless units.bnn.enabled: assign open        = active_q && head_valid && gate_slice &&
  //@ unless units.bnn.enabled:                      gate_half && gate_hazard && gate_result;
  //@ unless units.bnn.enabled: assign take        = grant;

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i) begin
      active_q <= 1'b0;
      half_q   <= 1'b0;
      fired_q  <= 1'b0;
    end else if (start_i) begin
      active_q <= 1'b1;
      fired_q  <= 1'b0;
    end else begin
      fired_q <= grant && head_last.position_last;
      if (error_o) active_q <= 1'b0;
      if (take && head_last.command_end) active_q <= 1'b0;
      if (take && head_last.tile_end) half_q <= !half_q;
    end
  end

  // ---------------------------------------------------------------------------------------------
  // The stage after the grant.
  // ---------------------------------------------------------------------------------------------
  logic                   stage_valid_q, stage_swap_q, stage_last_q, stage_first_q;
  logic                   stage_clear_q, stage_digit_q, stage_half_q;
  logic [IndexW-1:0]      stage_index_q;
  logic [CountW-1:0]      stage_count_q;
  logic [Ports-1:0]       stage_clip_q;
  logic [ByteW*Ports-1:0] stage_low_q, stage_high_q, stage_length_q, stage_place_q;

  always_ff @(posedge clk_i) begin
    stage_valid_q <= rst_ni && !clear_i && grant;
    if (grant) begin
      stage_swap_q  <= needs_slice;
      stage_last_q  <= head_last.position_last;
      stage_first_q <= head_first.position_first;
      stage_clear_q <= head_common.clear;
      stage_digit_q <= head_common.digit;
      stage_half_q  <= half_q;
      stage_index_q <= head_common.index;
      stage_count_q <= head_count;
      stage_clip_q  <= head_clip;
      stage_low_q   <= head_low;
      stage_high_q  <= head_high;
      if (is_gather) begin
        stage_length_q <= head_length;
        stage_place_q  <= head_place;
      end
    end
  end

  //@ if units.bnn.enabled
  logic             stage_second_q, stage_double_q;
  logic [15:0]      stage_slice_q;
  logic [Ports-1:0] stage_lower_q;

  always_ff @(posedge clk_i) begin
    if (grant) begin
      stage_second_q <= head_common.second;
      stage_double_q <= head_common.doubles;
      stage_slice_q  <= head_common.slice;
      stage_lower_q  <= head_lower;
    end
  end
  assign stage_second_o = stage_second_q;
  assign stage_double_o = stage_double_q;
  assign stage_slice_o  = stage_slice_q;
  //@ endif
  for (genvar p = 0; p < Ports; p++) begin : gen_stage
    //@ if units.bnn.enabled
    // Vectors of the second plane wait for their pass.
    assign stage_gather_o[p] = CountW'(p) < stage_count_q && !(SkipWindow > 1 && stage_lower_q[p]);
    assign stage_lower_o[p]  = CountW'(p) < stage_count_q && stage_lower_q[p];
    //@ endif
    //@ unless units.bnn.enabled: assign stage_gather_o[p] = CountW'(p) < stage_count_q;
  end

  always_comb begin
    cause_o = npu_isa_pkg::CauseFill;
    if (active_q && head_valid) begin
      if (grant) begin
        cause_o = (head_last.position_last || is_two) ? npu_isa_pkg::CauseCompute
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

  assign active_o       = active_q;
  assign slice_take_o   = grant && needs_slice;
  assign slice_wait_o   = active_q && head_valid && !gate_slice;
  assign tile_end_o     = take && head_last.tile_end;
  assign tile_half_o    = half_q;
  assign tile_size_o    = head_last.tile_size;
  assign read_valid_o   = open && !head_common.error;
  assign stage_valid_o  = stage_valid_q;
  assign stage_swap_o   = stage_swap_q;
  assign stage_last_o   = stage_last_q;
  assign stage_first_o  = stage_first_q;
  assign stage_clear_o  = stage_clear_q;
  assign stage_digit_o  = stage_digit_q;
  assign stage_half_o   = stage_half_q;
  assign stage_index_o  = stage_index_q;
  assign stage_count_o  = stage_count_q;
  assign stage_clip_o   = stage_clip_q;
  assign stage_low_o    = stage_low_q;
  assign stage_high_o   = stage_high_q;
  assign stage_length_o = stage_length_q;
  assign stage_place_o  = stage_place_q;
  assign error_o        = open && head_common.error;

  // The names of reserved bits depend on the features, so they cannot be listed.
  logic unused_fields;
  //@ if units.bnn.enabled
  assign unused_fields = ^{cmd_i, group_end};
  //@ endif
  //@ unless units.bnn.enabled: assign unused_fields = ^{cmd_i, k0_last};
endmodule : npu_sequencer
`default_nettype wire

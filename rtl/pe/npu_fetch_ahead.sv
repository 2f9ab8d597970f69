`default_nettype none
// SPDX-License-Identifier: Apache-2.0
// Fetch ahead: has the vectors of a compute command ready for the grant, group by group.
//
// npu_fetch_loops walks the loops of the command, a step per cycle. A step's vectors pass
// npu_fetch_places, and wait in npu_fetch_queue. The group at its head is shown by head_*, which
// are registers, until take_i.
module npu_fetch_ahead #(
  parameter int unsigned MemBytes     = 131072,  //@ = pe.memory  -- bytes of PE memory, for bounds
  parameter int unsigned Banks        = 8,       //@ = pe.banks
  parameter int unsigned WordBytes    = 16,      //@ = pe.bank_width  -- bytes of a vector read
  parameter int unsigned Simd         = 16,      //@ = lane.simd  -- bytes of a dense vector
  parameter int unsigned Accumulators = 16,      //@ = core.accumulators  -- positions per tile
  parameter int unsigned PostWidth    = 16,      //@ = units.postprocess_width  -- other vectors
  parameter int unsigned Ports        = 4,       //@ = units.window_ports  -- vectors per cycle
  //@ if lane.settling
  parameter int unsigned Stages       = 1,       //@ = lane.stages  -- of a sum
  //@ endif
  //@ if units.bnn.enabled
  parameter int unsigned SkipWindow   = 1,       //@ = units.bnn.skip_window  -- positions
  //@ endif
  localparam int unsigned IndexW      = (Accumulators > 1) ? $clog2(Accumulators) : 1,
  localparam int unsigned SizeW       = $clog2(Accumulators + 1),
  localparam int unsigned OffsetW     = $clog2(WordBytes),
  localparam int unsigned ByteW       = OffsetW + 1,
  localparam int unsigned BankW       = $clog2(Banks),
  localparam int unsigned Depth       = MemBytes / (Banks * WordBytes),
  localparam int unsigned RowW        = (Depth > 1) ? $clog2(Depth) : 1
) (
  input  wire                             clk_i,
  input  wire                             rst_ni,
  input  wire                             clear_i,
  // the running command; start_i begins it
  input  wire npu_isa_pkg::compute_command_t cmd_i,
  input  wire                             start_i,
  // the group at the head
  output wire                             head_valid_o,
  input  wire                             take_i,
  output wire  [Ports-1:0]                head_ports_o,           // that have a vector
  output wire                             head_error_o,           // a byte lies outside PE memory,
  output wire  [24:0]                     error_address_o,        // of the command's first such one
  // it has the first vector of its position; of a slice, whose weights are needed; of a tile, which
  // needs a free half of the accumulators
  output wire                             head_position_first_o,
  output wire                             head_slice_first_o,
  output wire                             head_tile_begins_o,
  // it has the last vector of its position; which must not follow one that had; needs room for a
  // result; ends a tile of so many positions that the drain takes; ends the command
  output wire                             head_position_last_o,
  output wire                             head_hazard_o,
  output wire                             head_result_o,
  output wire                             head_tile_end_o,
  output wire  [SizeW-1:0]                head_tile_size_o,
  output wire                             head_command_end_o,
  // its position
  output wire                             head_clear_o,           // accumulation starts
  output wire                             head_digit_o,           // sums times 256 before
  output wire  [IndexW-1:0]               head_index_o,           // accumulator
  //@ if units.bnn.enabled
  output wire                             head_second_o,          // of the second plane
  output wire                             head_double_o,          // that plane's sums are complete
  output wire  [15:0]                     head_slice_o,
  output wire                             head_skip_o,            // a block of positions
  output wire  [SizeW-1:0]                head_skip_count_o,
  output wire  [1:0]                      head_settle_o,          // cycles to wait behind it
  //@ endif
  // what it reads of PE memory: banks, vectors
  output wire  [Banks-1:0]                head_mask_o,
  output wire  [Ports-1:0]                head_inside_o,
  output wire  [Ports-1:0]                head_two_o,             // of the next word, too
  output wire  [BankW*Ports-1:0]          head_bank_o,            // bank and row of the word, and
  output wire  [BankW*Ports-1:0]          head_bank2_o,           // of the next one
  output wire  [RowW*Ports-1:0]           head_row_o,
  output wire  [RowW*Ports-1:0]           head_row2_o,
  output wire  [OffsetW*Ports-1:0]        head_offset_o,          // first byte in the word
  // its vectors
  output wire  [Ports-1:0]                head_clip_o,            // bytes that count lie outside
  output wire  [ByteW*Ports-1:0]          head_low_o,             // first byte inside the tensor
  output wire  [ByteW*Ports-1:0]          head_high_o,            // behind the last byte inside it
  //@ if units.bnn.enabled
  output wire  [Ports-1:0]                head_lower_o,           // of the second plane's operand
  //@ endif
  output wire  [ByteW*Ports-1:0]          head_length_o,          // bytes that count
  output wire  [ByteW*Ports-1:0]          head_place_o            // where they go in an operand
);
  localparam int unsigned AddrW = 26;  // signed sums of addresses and steps

  logic is_matmul, is_linear, is_gather;
  assign is_matmul = cmd_i.opcode == npu_isa_pkg::OpMatmul;
  assign is_gather = is_matmul && cmd_i.run_bytes != '0;
  assign is_linear = !npu_isa_pkg::is_walk(cmd_i.opcode);  // vectors of PostWidth bytes in rows

  logic                     steps, places_busy, places_valid, queue_ready, advance, out_of_memory;
  logic [Ports-1:0]         step_ports, places_ports;
  logic signed [AddrW-1:0]  row, b_row, x, slice_x, slice_row, win_x, win_row, outside_x;
  logic signed [17:0]       y, slice_y, win_y;
  logic [13:0]              slice_skip;
  logic [ByteW-1:0]         slice_length;
  logic [2:0]               slice_rows, row_index;
  logic                     second_operand, left, behind;
  logic                     step_position_first, step_slice_first, step_tile_begins;
  logic                     step_position_last, step_hazard, step_result, step_tile_end;
  logic                     step_command_end, step_clear, step_digit;
  logic [SizeW-1:0]         step_tile_size;
  logic [IndexW-1:0]        step_index;
  //@ if units.bnn.enabled
  logic                     step_second, step_double, step_skip;
  logic [1:0]               step_settle;
  logic                     both_planes;
  logic [15:0]              step_slice;
  logic [SizeW-1:0]         step_skip_count;
  //@ endif

  // Loops and places stand still while the queue is full, and between commands.
  wire ahead_clk;
  npu_clock_gate u_ahead_gate (
    .clk_i,
    .enable_i(!rst_ni || clear_i || start_i || (advance && (steps || places_busy))),
    .clk_o   (ahead_clk)
  );
  assign advance = !places_valid || queue_ready;

  npu_fetch_loops #(
    .WordBytes   (WordBytes),
    .Simd        (Simd),
    .Accumulators(Accumulators),
    .PostWidth   (PostWidth),
    .Stages      (Stages), //@ if lane.settling
    //@ if units.bnn.enabled
    .SkipWindow  (SkipWindow),
    //@ endif
    .Ports       (Ports)
  ) u_loops (
    .clk_i,
    .ahead_clk_i     (ahead_clk),
    .rst_ni,
    .clear_i,
    .cmd_i,
    .start_i,
    .advance_i       (advance),
    .busy_o          (steps),
    .ports_o         (step_ports),
    .position_first_o(step_position_first),
    .slice_first_o   (step_slice_first),
    .tile_begins_o   (step_tile_begins),
    .position_last_o (step_position_last),
    .hazard_o        (step_hazard),
    .result_o        (step_result),
    .tile_end_o      (step_tile_end),
    .tile_size_o     (step_tile_size),
    .command_end_o   (step_command_end),
    .clear_o         (step_clear),
    .digit_o         (step_digit),
    .index_o         (step_index),
    //@ if units.bnn.enabled
    .second_o        (step_second),
    .double_o        (step_double),
    .slice_o         (step_slice),
    .skip_o          (step_skip),
    .skip_count_o    (step_skip_count),
    .settle_o        (step_settle),
    .both_planes_o   (both_planes),
    //@ endif
    .row_o           (row),
    .b_row_o         (b_row),
    .y_o             (y),
    .x_o             (x),
    .slice_x_o       (slice_x),
    .slice_row_o     (slice_row),
    .slice_y_o       (slice_y),
    .slice_skip_o    (slice_skip),
    .slice_length_o  (slice_length),
    .slice_rows_o    (slice_rows),
    .second_operand_o(second_operand),
    .row_index_o     (row_index),
    .win_x_o         (win_x),
    .win_row_o       (win_row),
    .win_y_o         (win_y),
    .left_i          (left),
    .behind_i        (behind),
    .outside_x_o     (outside_x)
  );

  // What goes along with a step: for its first vector, its last one, and all of them.
  localparam int unsigned FirstW  = 3;
  //@ if units.bnn.enabled
  localparam int unsigned LastW   = 7 + SizeW;
  localparam int unsigned CommonW = 21 + IndexW + SizeW;
  //@ endif
  //@ unless units.bnn.enabled: localparam int unsigned LastW   = 5 + SizeW;
  //@ unless units.bnn.enabled: localparam int unsigned CommonW = 2 + IndexW;
  localparam int unsigned TagW    = FirstW + LastW + CommonW;

  logic [FirstW-1:0]  step_first, places_first, head_first;
  logic [LastW-1:0]   step_last, places_last, head_last;
  logic [CommonW-1:0] step_common, places_common, head_common;
  assign step_first  = {step_position_first, step_slice_first, step_tile_begins};
  assign step_last   = {
    //@ if units.bnn.enabled
    step_settle,
    //@ endif
    step_position_last, step_hazard, step_result, step_tile_end, step_command_end, step_tile_size
  };
  assign step_common = {
    //@ if units.bnn.enabled
    step_second, step_double, step_skip, step_slice, step_skip_count,
    //@ endif
    step_clear, step_digit, step_index
  };
  assign {head_position_first_o, head_slice_first_o, head_tile_begins_o} = head_first;
  assign {
    //@ if units.bnn.enabled
    head_settle_o,
    //@ endif
    head_position_last_o, head_hazard_o, head_result_o, head_tile_end_o, head_command_end_o,
    head_tile_size_o
  } = head_last;
  assign {
    //@ if units.bnn.enabled
    head_second_o, head_double_o, head_skip_o, head_slice_o, head_skip_count_o,
    //@ endif
    head_clear_o, head_digit_o, head_index_o
  } = head_common;

  // ---------------------------------------------------------------------------------------------
  // Places, and the queue.
  // ---------------------------------------------------------------------------------------------
  logic [Ports-1:0]         places_inside, places_two, places_clip;
  logic [BankW*Ports-1:0]   places_bank, places_bank2;
  logic [RowW*Ports-1:0]    places_row, places_row2;
  logic [OffsetW*Ports-1:0] places_offset;
  logic [ByteW*Ports-1:0]   places_low, places_high, places_length, places_place;
  //@ if units.bnn.enabled
  logic [Ports-1:0]         places_lower;
  //@ endif

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
    .plane_i         (step_second && !step_skip),
    .both_planes_i   (both_planes),
    //@ endif
    .start_i,
    .advance_i       (advance),
    .valid_i         (steps),
    .ports_i         (step_ports),
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
    //@ if units.bnn.enabled
    .slice_rows_i    (slice_rows),
    //@ endif
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
    .ports_o         (places_ports),
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

  npu_fetch_queue #(
    .MemBytes (MemBytes),
    .Banks    (Banks),
    .WordBytes(WordBytes),
    .Ports    (Ports),
    .FirstW   (FirstW),
    .LastW    (LastW),
    .CommonW  (CommonW + 1)
  ) u_queue (
    .clk_i,
    .rst_ni,
    .clear_i  (clear_i || start_i),
    .valid_i  (places_valid),
    .ready_o  (queue_ready),
    .ports_i  (places_ports),
    .first_i  (places_first),
    .last_i   (places_last),
    .common_i ({out_of_memory, places_common}),
    .whole_i  (out_of_memory),
    .inside_i (places_inside),
    .two_i    (places_two),
    .bank_i   (places_bank),
    .bank2_i  (places_bank2),
    .row_i    (places_row),
    .row2_i   (places_row2),
    .gather_i (is_gather),
    .offset_i(places_offset),
    .clip_i(places_clip),
    .low_i(places_low),
    .high_i(places_high),
    //@ if units.bnn.enabled
    .lower_i(places_lower),
    //@ endif
    .length_i(places_length),
    .place_i(places_place),
    .valid_o  (head_valid_o),
    .ready_i  (take_i),
    .ports_o  (head_ports_o),
    .first_o  (head_first),
    .last_o   (head_last),
    .common_o ({head_error_o, head_common}),
    .mask_o   (head_mask_o),
    .inside_o (head_inside_o),
    .two_o    (head_two_o),
    .bank_o   (head_bank_o),
    .bank2_o  (head_bank2_o),
    .row_o    (head_row_o),
    .row2_o   (head_row2_o),
    .offset_o(head_offset_o),
    .clip_o(head_clip_o),
    .low_o(head_low_o),
    .high_o(head_high_o),
    //@ if units.bnn.enabled
    .lower_o(head_lower_o),
    //@ endif
    .length_o(head_length_o),
    .place_o(head_place_o)
  );


  logic unused_fields;
  //@ if units.bnn.enabled
  assign unused_fields = ^cmd_i;
  //@ endif
  //@ unless units.bnn.enabled: assign unused_fields = ^{cmd_i, slice_rows, row_index};
endmodule : npu_fetch_ahead
`default_nettype wire

`default_nettype none
// SPDX-License-Identifier: Apache-2.0
// Sequencer: grants the vector fetches of a compute command, a group of vectors per cycle.
//
// npu_fetch_ahead walks the command's loops and has the next group ready in registers. Its grant
// needs the banks of PE memory (of vectors with any byte inside the tensor), a loaded weight slice
// at the start of a slice, a free accumulator half at the start of a tile, and room for the result
// of a vector operation. A group is granted whole.
//
//@ if units.bnn.enabled
// With skip_window a group of the second pass of a tile is a block of SkipWindow positions, in
// which every step lets each lane do the next position that passed its gate, until no lane has one
// left: the group stays for all of its steps.
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
  // the running command; start_i begins it, active_o lasts until its last grant
  input  wire npu_isa_pkg::compute_command_t cmd_i,
  input  wire                             start_i,
  output wire                             active_o,
  // weight slices
  input  wire                             slice_ready_i,
  output wire                             slice_wanted_o,  // taken when the read is
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
  output wire                             read_wanted_o,  // it would ask, were all else there
  output wire                             read_valid_o,
  input  wire                             read_ready_i,
  output wire  [Banks-1:0]                read_mask_o,    // banks that are read
  output wire  [Ports-1:0]                read_inside_o,
  output wire  [Ports-1:0]                read_two_o,     // of the next word, too
  output wire  [BankW*Ports-1:0]          read_bank_o,    // the word's bank and row, and the next
  output wire  [BankW*Ports-1:0]          read_bank2_o,   // word's
  output wire  [RowW*Ports-1:0]           read_row_o,
  output wire  [RowW*Ports-1:0]           read_row2_o,
  output wire  [OffsetW*Ports-1:0]        read_offset_o,  // first byte in the word,
  output logic [OffsetW*Ports-1:0]        read_turn_o,    // less its place in a gathered operand
  // the vectors of the cycle after the grant
  output wire                             stage_valid_o,
  output wire  [Ports-1:0]                stage_ports_o,  // that have one
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

  logic is_two, is_gather;
  assign is_two    = npu_isa_pkg::is_two_operands(cmd_i.opcode);
  assign is_gather = cmd_i.opcode == npu_isa_pkg::OpMatmul && cmd_i.run_bytes != '0;

  logic                   head_valid, take, head_error;
  logic                   head_position_first, head_slice_first, head_tile_begins;
  logic                   head_position_last, head_hazard, head_result, head_tile_end;
  logic                   head_command_end, head_clear, head_digit;
  logic [Ports-1:0]       head_ports;
  logic [SizeW-1:0]       head_tile_size;
  logic [IndexW-1:0]      head_index;
  logic [Ports-1:0]       head_clip;
  logic [ByteW*Ports-1:0] head_low, head_high, head_length, head_place;
  //@ if units.bnn.enabled
  logic                   head_second, head_double, head_skip;
  logic [1:0]             head_settle;
  logic [15:0]            head_slice;
  logic [SizeW-1:0]       head_skip_count;
  logic [Ports-1:0]       head_lower;
  //@ endif

  npu_fetch_ahead #(
    .MemBytes    (MemBytes),
    .Banks       (Banks),
    .WordBytes   (WordBytes),
    .Simd        (Simd),
    .Accumulators(Accumulators),
    .PostWidth   (PostWidth),
    .Stages      (Stages), //@ if lane.settling
    //@ if units.bnn.enabled
    .SkipWindow  (SkipWindow),
    //@ endif
    .Ports       (Ports)
  ) u_ahead (
    .clk_i,
    .rst_ni,
    .clear_i,
    .cmd_i,
    .start_i,
    .head_valid_o         (head_valid),
    .take_i               (take),
    .head_ports_o         (head_ports),
    .head_error_o         (head_error),
    .error_address_o,
    .head_position_first_o(head_position_first),
    .head_slice_first_o   (head_slice_first),
    .head_tile_begins_o   (head_tile_begins),
    .head_position_last_o (head_position_last),
    .head_hazard_o        (head_hazard),
    .head_result_o        (head_result),
    .head_tile_end_o      (head_tile_end),
    .head_tile_size_o     (head_tile_size),
    .head_command_end_o   (head_command_end),
    .head_clear_o         (head_clear),
    .head_digit_o         (head_digit),
    .head_index_o         (head_index),
    //@ if units.bnn.enabled
    .head_second_o        (head_second),
    .head_double_o        (head_double),
    .head_slice_o         (head_slice),
    .head_skip_o          (head_skip),
    .head_skip_count_o    (head_skip_count),
    .head_settle_o        (head_settle),
    //@ endif
    .head_mask_o          (read_mask_o),
    .head_inside_o        (read_inside_o),
    .head_two_o           (read_two_o),
    .head_bank_o          (read_bank_o),
    .head_bank2_o         (read_bank2_o),
    .head_row_o           (read_row_o),
    .head_row2_o          (read_row2_o),
    .head_offset_o        (read_offset_o),
    .head_clip_o          (head_clip),
    .head_low_o           (head_low),
    .head_high_o          (head_high),
    //@ if units.bnn.enabled
    .head_lower_o         (head_lower),
    //@ endif
    .head_length_o        (head_length),
    .head_place_o         (head_place)
  );

  // ---------------------------------------------------------------------------------------------
  // Gates and grant of the group at the head.
  // ---------------------------------------------------------------------------------------------
  logic active_q, half_q, fired_q;  // fired: the last cycle fired a sum
  logic needs_slice, gate_slice, gate_half, gate_hazard, gate_result, open, grant;

  assign gate_half   = !head_tile_begins || half_free_i[half_q];
  //@ if units.float
  // A sum may be read four cycles after it was before: so many of the last cycles have no fire.
  logic [1:0] fired_before_q;
  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i || start_i) fired_before_q <= '0;
    else fired_before_q <= {fired_before_q[0], fired_q};
  end
  assign gate_hazard = !head_hazard ||
                       !(fired_q || (Stages > 2 && head_tile_size < SizeW'(3) &&
                                     fired_before_q[0]) ||
                         (Stages > 2 && head_tile_size == SizeW'(1) && fired_before_q[1]));
  //@ else
  //@:assign gate_hazard = !head_hazard || !fired_q;
  //@ endif
  assign gate_result = !head_result || result_ready_i;
  assign gate_slice  = !needs_slice || slice_ready_i;
  assign grant       = open && !head_error && read_ready_i;

  //@ if units.bnn.enabled
  logic       block_begun_q;  // the block at the head has had a step
  logic [1:0] settle_q;       // cycles before the next grant

  assign needs_slice = head_slice_first && !block_begun_q;
  assign open        = active_q && head_valid && gate_slice && gate_half && gate_hazard &&
                       gate_result && settle_q == '0;
  assign take        = grant && !(head_skip && skip_more_i);

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i || start_i) begin
      block_begun_q <= 1'b0;
      settle_q      <= '0;
    end else begin
      if (grant) block_begun_q <= !take;
      if (take && head_settle != '0) settle_q <= head_settle;
      else if (settle_q != '0) settle_q <= settle_q - 2'd1;
    end
  end

  // skip_pass_o: the block at the head, and while it settles the next one.
  assign skip_pass_o  = head_valid && head_skip;
  assign skip_step_o  = grant && head_skip;
  assign skip_begin_o = !block_begun_q;
  assign skip_slice_o = head_slice;
  assign skip_index_o = head_index;
  assign skip_count_o = head_skip_count;
  //@ endif
  //@ unless units.bnn.enabled: assign needs_slice = head_slice_first;
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
      fired_q <= grant && head_position_last;
      if (error_o) active_q <= 1'b0;
      if (take && head_command_end) active_q <= 1'b0;
      if (take && head_tile_end) half_q <= !half_q;
    end
  end

  always_comb begin
    read_turn_o = read_offset_o;
    if (is_gather) begin
      for (int unsigned p = 0; p < Ports; p++) begin
        read_turn_o[OffsetW*p+:OffsetW] = read_offset_o[OffsetW*p+:OffsetW] -
                                          head_place[ByteW*p+:OffsetW];
      end
    end
  end

  // ---------------------------------------------------------------------------------------------
  // The stage after the grant.
  // ---------------------------------------------------------------------------------------------
  logic                   stage_valid_q, stage_swap_q, stage_last_q, stage_first_q;
  logic                   stage_clear_q, stage_digit_q, stage_half_q;
  logic [IndexW-1:0]      stage_index_q;
  logic [Ports-1:0]       stage_ports_q, stage_clip_q;
  logic [ByteW*Ports-1:0] stage_low_q, stage_high_q, stage_length_q, stage_place_q;

  always_ff @(posedge clk_i) begin
    stage_valid_q <= rst_ni && !clear_i && grant;
    if (grant) begin
      stage_swap_q  <= needs_slice;
      stage_last_q  <= head_position_last;
      stage_first_q <= head_position_first;
      stage_clear_q <= head_clear;
      stage_digit_q <= head_digit;
      stage_half_q  <= half_q;
      stage_index_q <= head_index;
      stage_ports_q <= head_ports;
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
      stage_second_q <= head_second;
      stage_double_q <= head_double;
      stage_slice_q  <= head_slice;
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
    assign stage_gather_o[p] = stage_ports_q[p] && !(SkipWindow > 1 && stage_lower_q[p]);
    assign stage_lower_o[p]  = stage_ports_q[p] && stage_lower_q[p];
    //@ endif
    //@ unless units.bnn.enabled: assign stage_gather_o[p] = stage_ports_q[p];
  end

  always_comb begin
    cause_o = npu_isa_pkg::CauseFill;
    if (active_q && head_valid) begin
      if (grant) begin
        cause_o = (head_position_last || is_two) ? npu_isa_pkg::CauseCompute
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
  assign slice_wanted_o = open && needs_slice;
  assign slice_take_o   = grant && needs_slice;
  assign slice_wait_o   = active_q && head_valid && !gate_slice;
  assign tile_end_o     = take && head_tile_end;
  assign tile_half_o    = half_q;
  assign tile_size_o    = head_tile_size;
  assign read_wanted_o  = head_valid;
  assign read_valid_o   = open && !head_error;
  assign stage_valid_o  = stage_valid_q;
  assign stage_swap_o   = stage_swap_q;
  assign stage_last_o   = stage_last_q;
  assign stage_first_o  = stage_first_q;
  assign stage_clear_o  = stage_clear_q;
  assign stage_digit_o  = stage_digit_q;
  assign stage_half_o   = stage_half_q;
  assign stage_index_o  = stage_index_q;
  assign stage_ports_o  = stage_ports_q;
  assign stage_clip_o   = stage_clip_q;
  assign stage_low_o    = stage_low_q;
  assign stage_high_o   = stage_high_q;
  assign stage_length_o = stage_length_q;
  assign stage_place_o  = stage_place_q;
  assign error_o        = open && head_error;

  // A slice is taken only when all of it has been asked for, a half only when it is free.
  `NPU_ASSERT(TakesReadySlice, !slice_take_o || slice_ready_i)
  `NPU_ASSERT(TakesFreeHalf, !grant || !head_tile_begins || half_free_i[half_q])

  // What is granted stays in PE memory, and in the command.
  `NPU_ASSERT(NothingBehindTheEnd, active_q || !grant)
endmodule : npu_sequencer
`default_nettype wire

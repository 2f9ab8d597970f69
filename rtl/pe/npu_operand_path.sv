`default_nettype none
// SPDX-License-Identifier: Apache-2.0
// Operand path: from the loops of a command to operands and fires of the cores. The sequencer
// grants vectors in one cycle, PE memory delivers them in the next one, and the operand stage hands
// them out. SOFTMAX and ARGMAX, which walk their rows by themselves, read through the first port,
// with the sequencer at rest.
module npu_operand_path #(
  parameter int unsigned MemBytes     = 131072,  //@ = pe.memory  -- bytes of PE memory, for bounds
  parameter int unsigned Banks        = 8,       //@ = pe.banks
  parameter int unsigned WordBytes    = 16,      //@ = pe.bank_width  -- bytes of a vector read
  parameter int unsigned Simd         = 16,      //@ = lane.simd  -- operand bytes of a lane
  parameter int unsigned Accumulators = 16,      //@ = core.accumulators  -- positions per tile
  parameter int unsigned PostWidth    = 16,      //@ = units.postprocess_width
  parameter int unsigned Ports        = 4,       //@ = units.window_ports  -- vectors per cycle
  //@ if lane.settling
  parameter int unsigned Stages       = 1,       //@ = lane.stages
  //@ endif
  //@ if units.bnn.enabled
  parameter int unsigned SkipWindow   = 1,       //@ = units.bnn.skip_window  -- positions
  parameter int unsigned SkipSlices   = 32,      //@ = units.bnn.skip_slices  -- that a window holds
  localparam int unsigned SkipVectorW = (npu_isa_pkg::OperandBits + 1) * Simd + $clog2(Simd + 1),
  //@ endif
  localparam int unsigned IndexW      = (Accumulators > 1) ? $clog2(Accumulators) : 1,
  localparam int unsigned SizeW       = $clog2(Accumulators + 1),
  localparam int unsigned OffsetW     = $clog2(WordBytes),
  localparam int unsigned ByteW       = OffsetW + 1,
  localparam int unsigned BankW       = $clog2(Banks),
  localparam int unsigned Depth       = MemBytes / (Banks * WordBytes),
  localparam int unsigned RowW        = (Depth > 1) ? $clog2(Depth) : 1,
  localparam int unsigned VecW        = 8 * WordBytes
) (
  input  wire                   clk_i,
  input  wire                   rst_ni,
  input  wire                   clear_i,
  // the running command: npu_sequencer
  input  wire npu_isa_pkg::compute_command_t cmd_i,
  input  wire                   start_i,
  output wire                   active_o,
  output wire  [3:0]            cause_o,
  output wire                   error_o,
  output wire  [24:0]           error_address_o,
  input  wire                   slice_ready_i,
  output wire                   slice_wanted_o,  // to be taken as soon as PE memory is ready
  output wire                   slice_take_o,
  output wire                   slice_wait_o,
  input  wire  [1:0]            half_free_i,
  output wire                   tile_end_o,
  output wire                   tile_half_o,
  output wire  [SizeW-1:0]      tile_size_o,
  input  wire                   result_ready_i,
  // reads of SOFTMAX and ARGMAX
  input  wire                   rows_valid_i,
  output wire                   rows_ready_o,
  output wire                   rows_granted_o, // data of one that was taken come in the next cycle
  input  wire  [23:0]           rows_addr_i,
  // PE memory; data in the cycle after the grant
  output logic                  read_wanted_o,  // npu_sequencer
  output logic                  read_valid_o,
  input  wire                   read_ready_i,
  output logic [Banks-1:0]      read_mask_o,
  output logic [Ports-1:0]      read_inside_o,
  output logic [Ports-1:0]      read_two_o,
  output logic [BankW*Ports-1:0] read_bank_o,
  output logic [BankW*Ports-1:0] read_bank2_o,
  output logic [RowW*Ports-1:0] read_row_o,
  output logic [RowW*Ports-1:0] read_row2_o,
  output logic [OffsetW*Ports-1:0] read_offset_o,
  output logic [OffsetW*Ports-1:0] read_turn_o,
  input  wire  [VecW*Ports-1:0] read_data_i,
  // the vectors of this cycle, with fill
  output wire                   valid_o,
  output wire                   first_o,       // the first ones of their position
  output wire                   last_o,        // the last ones
  output wire  [ByteW-1:0]      high_o,        // behind the first one's last byte in the tensor
  output wire  [VecW*Ports-1:0] vectors_o,
  // to the cores: npu_operands and npu_bit_operands
  output wire                   load_o,
  output wire  [8*Simd-1:0]     operand_o,
  output wire                   shift_o,
  output wire                   shift_one_o,
  output wire  [Ports-1:0]      shift_rows_o,
  output wire                   swap_o,
  output wire                   sum_read_o,
  output wire                   sum_half_o,
  output wire  [IndexW-1:0]     sum_index_o,
  output wire                   fire_o,
  output wire                   fire_clear_o,
  output wire                   fire_digit_o,
  output wire                   fire_half_o,
  //@ if units.bnn.enabled
  output wire                   second_o,
  output wire  [Simd-1:0]       fire_valid_o,
  output wire  [10:0]           fire_bits_o,
  output wire                   fire_double_o,
  output wire                   skip_pass_o,
  output wire                   skip_step_o,
  output wire                   skip_begin_o,
  output wire  [IndexW-1:0]     skip_index_o,
  output wire  [SizeW-1:0]      skip_count_o,
  input  wire                   skip_more_i,
  output wire  [SkipVectorW*SkipWindow-1:0] skip_vectors_o,
  //@ endif
  output wire  [IndexW-1:0]     fire_index_o
);
  logic                   swap, clear_sum, digit;
  logic [Ports-1:0]       ports, clip, gather;
  logic [ByteW*Ports-1:0] low, high, length, place;

  //@ if units.bnn.enabled
  logic                   sum_double;
  logic [Ports-1:0]       lower;
  logic [15:0]            slice, skip_slice;
  //@ endif
  assign high_o = high[ByteW-1:0];

  // ---- Reads of rows: asked for in the cycle after the address came ----
  logic               is_rows, rows_q, rows_ask;
  logic [BankW-1:0]   rows_bank, rows_bank2, rows_bank_q, rows_bank2_q;
  logic [RowW-1:0]    rows_row, rows_row2, rows_row_q, rows_row2_q;
  logic [OffsetW-1:0] rows_offset_q;

  npu_bank_map #(
    .MemBytes (MemBytes),
    .Banks    (Banks),
    .WordBytes(WordBytes)
  ) u_rows_word (
    .valid_i(rows_ask),
    .word_i (22'(rows_addr_i[23:OffsetW])),
    .bank_o (rows_bank),
    .row_o  (rows_row)
  );
  npu_bank_map #(
    .MemBytes (MemBytes),
    .Banks    (Banks),
    .WordBytes(WordBytes)
  ) u_rows_word2 (
    .valid_i(rows_ask),
    .word_i (22'(rows_addr_i[23:OffsetW]) + 22'd1),
    .bank_o (rows_bank2),
    .row_o  (rows_row2)
  );

  assign is_rows  = npu_isa_pkg::is_rows(cmd_i.opcode);
  assign rows_ask = is_rows && rows_valid_i;
  always_ff @(posedge clk_i) begin
    rows_q <= rst_ni && !clear_i && (rows_ask || !rows_ready_o);
    if (rows_ask && rows_ready_o) begin
      rows_bank_q   <= rows_bank;
      rows_bank2_q  <= rows_bank2;
      rows_row_q    <= rows_row;
      rows_row2_q   <= rows_row2;
      rows_offset_q <= rows_addr_i[OffsetW-1:0];
    end
  end
  assign rows_ready_o   = !rows_q || read_ready_i;
  assign rows_granted_o = rows_q && read_ready_i;

  // ---- Reads of the sequencer, which is at rest then ----
  logic                     fetch_wanted, fetch_valid;
  logic [Banks-1:0]         fetch_mask;
  logic [Ports-1:0]         fetch_inside, fetch_two;
  logic [BankW*Ports-1:0]   fetch_bank, fetch_bank2;
  logic [RowW*Ports-1:0]    fetch_row, fetch_row2;
  logic [OffsetW*Ports-1:0] fetch_offset, fetch_turn;

  always_comb begin
    read_wanted_o = fetch_wanted;
    read_valid_o  = fetch_valid;
    read_mask_o   = fetch_mask;
    read_inside_o = fetch_inside;
    read_two_o    = fetch_two;
    read_bank_o   = fetch_bank;
    read_bank2_o  = fetch_bank2;
    read_row_o    = fetch_row;
    read_row2_o   = fetch_row2;
    read_offset_o = fetch_offset;
    read_turn_o   = fetch_turn;
    if (is_rows) begin
      read_wanted_o              = rows_q;
      read_valid_o               = rows_q;
      read_mask_o                = Banks'(1) << rows_bank_q;
      if (rows_offset_q != '0) read_mask_o = read_mask_o | Banks'(1) << rows_bank2_q;
      read_inside_o              = Ports'(1);
      read_two_o[0]              = rows_offset_q != '0;
      read_bank_o[BankW-1:0]     = rows_bank_q;
      read_bank2_o[BankW-1:0]    = rows_bank2_q;
      read_row_o[RowW-1:0]       = rows_row_q;
      read_row2_o[RowW-1:0]      = rows_row2_q;
      read_offset_o[OffsetW-1:0] = rows_offset_q;
      read_turn_o[OffsetW-1:0]   = rows_offset_q;
    end
  end

  npu_sequencer #(
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
  ) u_sequencer (
    .clk_i,
    .rst_ni,
    .clear_i,
    .cmd_i,
    .start_i,
    .active_o,
    .slice_ready_i,
    .slice_wanted_o,
    .slice_take_o,
    .slice_wait_o,
    .half_free_i,
    .tile_end_o,
    .tile_half_o,
    .tile_size_o,
    .result_ready_i,
    .read_wanted_o (fetch_wanted),
    .read_valid_o  (fetch_valid),
    .read_ready_i  (read_ready_i && !is_rows),
    .read_mask_o   (fetch_mask),
    .read_inside_o (fetch_inside),
    .read_two_o    (fetch_two),
    .read_bank_o   (fetch_bank),
    .read_bank2_o  (fetch_bank2),
    .read_row_o    (fetch_row),
    .read_row2_o   (fetch_row2),
    .read_offset_o (fetch_offset),
    .read_turn_o   (fetch_turn),
    .stage_valid_o (valid_o),
    .stage_ports_o (ports),
    .stage_clip_o  (clip),
    .stage_low_o   (low),
    .stage_high_o  (high),
    .stage_gather_o(gather),
    .stage_length_o(length),
    .stage_place_o (place),
    .stage_swap_o  (swap),
    .stage_last_o  (last_o),
    .stage_first_o (first_o),
    .stage_clear_o (clear_sum),
    .stage_digit_o (digit),
    //@ if units.bnn.enabled
    .stage_second_o(second_o),
    .stage_double_o(sum_double),
    .stage_lower_o (lower),
    .stage_slice_o (slice),
    .skip_pass_o,
    .skip_step_o,
    .skip_begin_o,
    .skip_slice_o  (skip_slice),
    .skip_index_o,
    .skip_count_o,
    .skip_more_i,
    //@ endif
    .stage_half_o  (sum_half_o),
    .stage_index_o (sum_index_o),
    .cause_o,
    .error_o,
    .error_address_o
  );

  npu_operands #(
    .WordBytes   (WordBytes),
    .Simd        (Simd),
    .Accumulators(Accumulators),
    .Ports       (Ports)
  ) u_operands (
    .clk_i,
    .rst_ni,
    .clear_i,
    .opcode_i   (cmd_i.opcode),
    .fill_i     (cmd_i.fill),
    .run_bytes_i(cmd_i.run_bytes),
    .win_rows_i (cmd_i.win_rows),
    .valid_i    (valid_o),
    .ports_i    (ports),
    .clip_i     (clip),
    .low_i      (low),
    .high_i     (high),
    .gather_i   (gather),
    .length_i   (length),
    .place_i    (place),
    .swap_i     (swap),
    .first_i    (first_o),
    .last_i     (last_o),
    .clear_sum_i(clear_sum),
    .digit_i    (digit),
    .half_i     (sum_half_o),
    .index_i    (sum_index_o),
    .data_i     (read_data_i),
    .vectors_o,
    .load_o,
    .operand_o,
    .shift_o,
    .shift_one_o,
    .shift_rows_o,
    .swap_o,
    .sum_read_o,
    .fire_o,
    .fire_clear_o,
    .fire_digit_o,
    .fire_half_o,
    .fire_index_o
  );

  //@ if units.bnn.enabled
  npu_bit_operands #(
    .WordBytes   (WordBytes),
    .Simd        (Simd),
    .Accumulators(Accumulators),
    .Ports       (Ports),
    .SkipWindow  (SkipWindow),
    .SkipSlices  (SkipSlices)
  ) u_bit_operands (
    .clk_i,
    .binary_i      (cmd_i.binary),
    .skip_outside_i(cmd_i.skip_outside),
    .skip_window_i (cmd_i.skip_window),
    .valid_i       (valid_o),
    .low_i         (low),
    .high_i        (high),
    .gather_i      (gather),
    .lower_i       (lower),
    .length_i      (length),
    .place_i       (place),
    .first_i       (first_o),
    .last_i        (last_o),
    .second_i      (second_o),
    .double_i      (sum_double),
    .slice_i       (slice),
    .index_i       (sum_index_o),
    .vectors_i     (vectors_o),
    .sum_read_i    (sum_read_o),
    .fire_valid_o,
    .fire_bits_o,
    .fire_double_o,
    .step_i        (skip_step_o),
    .begin_i       (skip_begin_o),
    .skip_slice_i  (skip_slice),
    .skip_index_i  (skip_index_o),
    .skip_vectors_o
  );
  //@ endif
endmodule : npu_operand_path
`default_nettype wire

`default_nettype none
// SPDX-License-Identifier: Apache-2.0
// Processing element: PE memory, one sequencer, cores in lockstep, post-processing and vector
// units. Only wires.
//
// One compute command runs at a time, from its start to the last byte written to PE memory
// (npu_pe_control). Operand path: the sequencer grants vectors (cycle n), PE memory delivers them
// (n+1: bytes outside the tensor are replaced, operand slots load at the end), the lanes add their
// sums (n+2). Sums leave the matrix unit through the drain, vectors of vector operations wait in
// the vector buffer; both become results (npu_results), which wait in front of PE memory.
module npu_pe #(
  parameter int unsigned PeMemBytes   = 131072,  //@ = pe.memory  -- bytes of PE memory
  parameter int unsigned PeBanks      = 8,       //@ = pe.banks
  parameter int unsigned PeWordBytes  = 16,      //@ = pe.bank_width
  parameter int unsigned Cores        = 1,       //@ = pe.cores  -- 1..16
  parameter int unsigned CoreMemBytes = 65536,   //@ = core.memory  -- bytes of each core memory
  parameter int unsigned CoreBanks    = 4,       //@ = core.banks
  parameter int unsigned CoreBankBytes = 16,     //@ = core.bank_width
  parameter int unsigned Lanes        = 16,      //@ = core.lanes  -- per core
  parameter int unsigned Simd         = 16,      //@ = lane.simd
  parameter int unsigned Stages       = 1,       //@ = lane.stages
  parameter int unsigned Accumulators = 16,      //@ = core.accumulators
  parameter int unsigned PostWidth    = 16,      //@ = units.postprocess_width
  parameter int unsigned LookupPorts  = 4,       //@ = units.lookup_ports
  parameter int unsigned Ports        = 4,       //@ = units.window_ports
  //@ if units.vector
  parameter int unsigned VectorLanes  = 0,       //@ = units.vector_lanes  -- 0: no vector unit
  //@ endif
  //@ if units.bnn.enabled
  parameter int unsigned SkipWindow   = 1,       //@ = units.bnn.skip_window  -- positions
  parameter int unsigned SkipSlices   = 32,      //@ = units.bnn.skip_slices  -- that a window holds
  //@ endif
  parameter int unsigned BusBytes     = 16,      //@ = npu.axi.bytes
  parameter int unsigned QueueDepth   = 4,        //@ = npu.command_queue
  parameter int unsigned Barriers     = 16        //@ = npu.barriers
) (
  input  wire                   clk_i,
  input  wire                   rst_ni,
  input  wire                   clear_i,          // drop everything, like a reset
  //@ if npu.memory_clear
  input  wire                   wipe_i,           // with clear_i: write 0 to a row of memories
  input  wire  [23:0]           wipe_row_i,
  //@ endif
  input  wire                   halt_i,           // begin no command
  // command entries from the dispatcher
  input  wire                   push_valid_i,
  output wire                   push_ready_o,
  input  wire  [127:0]          push_entry_i,
  input  wire                   push_last_i,
  input  wire  [Barriers*npu_isa_pkg::BarrierCountBits-1:0] barrier_counts_i,
  // for controller and trace; arrivals count 1
  output npu_isa_pkg::engine_status_t status_o,
  output npu_isa_pkg::engine_error_t  error_o,
  output npu_isa_pkg::engine_trace_t  trace_o,
  // bus side: writes to PE memory or to the cores of core_mask, reads of PE memory
  input  wire                   bus_write_valid_i,
  output wire                   bus_write_ready_o,
  input  wire                   bus_write_core_i,
  input  wire  [23:0]           bus_write_addr_i,      // of PE memory: npu_bus_place
  input  wire  [8*BusBytes-1:0] bus_write_data_i,
  input  wire  [BusBytes-1:0]   bus_write_strb_i,
  input  wire  [Cores-1:0]      bus_write_core_mask_i,
  input  wire                   bus_read_valid_i,
  output wire                   bus_read_ready_o,
  input  wire  [23:0]           bus_read_addr_i,       // npu_bus_place
  output wire                   bus_read_rvalid_o,
  output wire  [8*BusBytes-1:0] bus_read_data_o
);
  localparam int unsigned PeLanes    = Cores * Lanes;
  localparam int unsigned RowBytes   = CoreBanks * CoreBankBytes;
  localparam int unsigned IndexW     = (Accumulators > 1) ? $clog2(Accumulators) : 1;
  localparam int unsigned SizeW      = $clog2(Accumulators + 1);
  localparam int unsigned Chunks     = (PeLanes + PostWidth - 1) / PostWidth;
  localparam int unsigned ChunkW     = (Chunks > 1) ? $clog2(Chunks) : 1;
  localparam int unsigned OffsetW    = $clog2(PeWordBytes);
  localparam int unsigned ByteW      = OffsetW + 1;
  localparam int unsigned BankW      = $clog2(PeBanks);
  localparam int unsigned Depth      = PeMemBytes / (PeBanks * PeWordBytes);
  localparam int unsigned RowW       = (Depth > 1) ? $clog2(Depth) : 1;
  localparam int unsigned VecW       = 8 * PeWordBytes;
  localparam int unsigned WriteDepth = 12;  // results from post-processing to PE memory

  // ---- Life of a command ----
  npu_isa_pkg::compute_command_t cmd;
  logic        start, sequencer_start, load_table, table_done, rows_busy, lookup_busy, write_busy;
  logic        sequencer_active, slice_wait, starved, vector_valid, fire, drain_busy, results_busy;
  logic [3:0]  sequencer_cause;
  logic        matrix_error, table_error, write_error, rows_error, sequencer_error;
  logic [23:0] matrix_error_row, table_row, write_addr;
  logic [23:0] rows_addr;
  logic [24:0] rows_error_address, sequencer_error_address;

  npu_pe_control #(
    .PeLanes     (PeLanes),
    .WordBytes   (PeWordBytes),
    .Simd        (Simd),
    .Accumulators(Accumulators),
    .PostWidth   (PostWidth),
    .Ports       (Ports),
    .SkipWindow  (SkipWindow),  //@ if units.bnn.enabled
    .SkipSlices  (SkipSlices),  //@ if units.bnn.enabled
    .QueueDepth  (QueueDepth),
    .Barriers    (Barriers)
  ) u_control (
    .clk_i, .rst_ni, .clear_i, .halt_i, .push_valid_i, .push_ready_o, .push_entry_i, .push_last_i,
    .barrier_counts_i, .status_o, .error_o, .trace_o,
    .cmd_o                    (cmd),
    .start_o                  (start),
    .sequencer_start_o        (sequencer_start),
    .load_table_o             (load_table),
    .table_done_i             (table_done),
    .sequencer_active_i       (sequencer_active),
    .sequencer_cause_i        (sequencer_cause),
    .slice_wait_i             (slice_wait),
    .starved_i                (starved),
    .vector_valid_i           (vector_valid),
    .fire_i                   (fire),
    .drain_busy_i             (drain_busy),
    .rows_busy_i              (rows_busy),
    .lookup_busy_i            (lookup_busy),
    .results_busy_i           (results_busy),
    .write_busy_i             (write_busy),
    .matrix_error_i           (matrix_error),
    .matrix_error_row_i       (matrix_error_row),
    .table_error_i            (table_error),
    .table_error_row_i        (table_row),
    .write_error_i            (write_error),
    .write_error_address_i    (write_addr),
    .rows_error_i             (rows_error),
    .rows_error_address_i     (rows_error_address),
    .sequencer_error_i        (sequencer_error),
    .sequencer_error_address_i(sequencer_error_address)
  );

  // ---- Operands ----
  logic                  slice_ready, slice_wanted, slice_take, tile_end, tile_half, vector_ready;
  logic [1:0]            half_free;
  logic [SizeW-1:0]      tile_size;
  logic                  read_wanted, read_valid, read_ready;
  logic [PeBanks-1:0]    read_mask;
  logic [Ports-1:0]      read_inside, read_two;
  logic [BankW*Ports-1:0] read_bank, read_bank2;
  logic [RowW*Ports-1:0] read_row, read_row2;
  logic [OffsetW*Ports-1:0] read_offset, read_turn;
  logic rows_valid, rows_ready, rows_granted, vector_first, vector_last, shift_one;
  logic [VecW*Ports-1:0] read_data, vectors;
  logic [Ports-1:0]      shift_rows;
  logic [ByteW-1:0]      vector_high;
  logic                  load, shift, swap, sum_read, sum_half, fire_clear, fire_digit, fire_half;
  logic [8*Simd-1:0]     operand;
  logic [IndexW-1:0]     sum_index, fire_index;
  //@ if units.bnn.enabled
  localparam int unsigned SkipVectorW = 9 * Simd + $clog2(Simd + 1);
  logic                  second, fire_double, skip_pass, skip_step, skip_begin, skip_more;
  logic [Simd-1:0]       fire_valid;
  logic [10:0]           fire_bits;
  logic [IndexW-1:0]     skip_index;
  logic [SizeW-1:0]      skip_count;
  logic [SkipVectorW*SkipWindow-1:0] skip_vectors;
  //@ endif

  npu_operand_path #(
    .MemBytes    (PeMemBytes),
    .Banks       (PeBanks),
    .WordBytes   (PeWordBytes),
    .Simd        (Simd),
    .Accumulators(Accumulators),
    .PostWidth   (PostWidth),
    .Stages      (Stages), //@ if lane.settling
    //@ if units.bnn.enabled
    .SkipWindow  (SkipWindow),
    .SkipSlices  (SkipSlices),
    //@ endif
    .Ports       (Ports)
  ) u_operands (
    .clk_i, .rst_ni, .clear_i, .cmd_i(cmd), .start_i(sequencer_start),
    .active_o       (sequencer_active),
    .cause_o        (sequencer_cause),
    .error_o        (sequencer_error),
    .error_address_o(sequencer_error_address),
    .slice_ready_i  (slice_ready),
    .slice_wanted_o (slice_wanted),
    .slice_take_o   (slice_take),
    .slice_wait_o   (slice_wait),
    .half_free_i    (half_free),
    .tile_end_o     (tile_end),
    .tile_half_o    (tile_half),
    .tile_size_o    (tile_size),
    .result_ready_i (vector_ready),
    .rows_valid_i   (rows_valid),
    .rows_ready_o   (rows_ready),
    .rows_granted_o (rows_granted),
    .rows_addr_i    (rows_addr),
    .read_wanted_o  (read_wanted),
    .read_valid_o   (read_valid),
    .read_ready_i   (read_ready),
    .read_mask_o    (read_mask),
    .read_inside_o  (read_inside),
    .read_two_o     (read_two),
    .read_bank_o    (read_bank),
    .read_bank2_o   (read_bank2),
    .read_row_o     (read_row),
    .read_row2_o    (read_row2),
    .read_offset_o  (read_offset),
    .read_turn_o    (read_turn),
    .read_data_i    (read_data),
    .valid_o        (vector_valid),
    .first_o        (vector_first),
    .last_o         (vector_last),
    .high_o         (vector_high),
    .vectors_o      (vectors),
    .load_o         (load),
    .operand_o      (operand),
    .shift_o        (shift),
    .shift_one_o    (shift_one),
    .shift_rows_o   (shift_rows),
    .swap_o         (swap),
    .sum_read_o     (sum_read),
    .sum_half_o     (sum_half),
    .sum_index_o    (sum_index),
    .fire_o         (fire),
    .fire_clear_o   (fire_clear),
    .fire_digit_o   (fire_digit),
    .fire_half_o    (fire_half),
    //@ if units.bnn.enabled
    .second_o       (second),
    .fire_valid_o   (fire_valid),
    .fire_bits_o    (fire_bits),
    .fire_double_o  (fire_double),
    .skip_pass_o    (skip_pass),
    .skip_step_o    (skip_step),
    .skip_begin_o   (skip_begin),
    .skip_index_o   (skip_index),
    .skip_count_o   (skip_count),
    .skip_more_i    (skip_more),
    .skip_vectors_o (skip_vectors),
    //@ endif
    .fire_index_o   (fire_index)
  );

  //@ if units.residual
  localparam int unsigned PlaceW = 2 * (RowW + BankW) + OffsetW + 1;
  logic                  residual_valid, residual_ready, residual_data;
  logic [PlaceW-1:0]     residual_place;
  //@ endif
  logic       affine_busy, affine_reads, residual_taken;  //@ if units.bnn.residual
  logic [1:0] residual_part;                              //@ if units.bnn.residual
  logic [8*npu_isa_pkg::AffineRecordBytes*PeLanes-1:0] affine_records;  //@ if units.bnn.residual

  // ---- Sums ----
  logic                    sums_hold;  //@ if units.float
  logic                    sums_room, sums_valid, sums_last, table_valid, table_ready;
  logic [ChunkW-1:0]       sums_chunk;
  logic [PostWidth-1:0]    sums_strb;
  logic [npu_isa_pkg::SumBits*PostWidth-1:0] sums;
  logic [npu_isa_pkg::ParameterRecordBits*PostWidth-1:0] records;
  logic [8*RowBytes-1:0]   table_data;
  logic                    core_write_ready;

  npu_matrix_unit #(
    .Cores        (Cores),
    .CoreMemBytes (CoreMemBytes),
    .CoreBanks    (CoreBanks),
    .CoreBankBytes(CoreBankBytes),
    .Lanes        (Lanes),
    .Simd         (Simd),
    .Stages       (Stages),
    .Accumulators (Accumulators),
    .PostWidth    (PostWidth),
    .WordBytes    (PeWordBytes),
    .Ports        (Ports),
    .SkipWindow   (SkipWindow),  //@ if units.bnn.enabled
    .PeMemBytes   (PeMemBytes),  //@ if units.residual
    .PeBanks      (PeBanks),  //@ if units.residual
    .BusBytes     (BusBytes),
    .Barriers     (Barriers)
  ) u_matrix (
    .clk_i, .rst_ni, .clear_i,
    .wipe_i, .wipe_row_i,  //@ if npu.memory_clear
    .cmd_i           (cmd),
    .start_i         (start),
    .barrier_counts_i,
    .error_o         (matrix_error),
    .error_row_o     (matrix_error_row),
    .starved_o       (starved),
    .slice_ready_o   (slice_ready),
    .slice_wanted_i  (slice_wanted),
    .slice_take_i    (slice_take),
    .vectors_i       (vectors),
    .load_i          (load),
    .operand_i       (operand),
    .shift_i         (shift),
    .shift_one_i     (shift_one),
    .shift_rows_i    (shift_rows),
    .swap_i          (swap),
    .sum_read_i      (sum_read),
    .sum_half_i      (sum_half),
    .sum_index_i     (sum_index),
    .fire_i          (fire),
    .fire_clear_i    (fire_clear),
    .fire_digit_i    (fire_digit),
    .fire_half_i     (fire_half),
    .fire_index_i    (fire_index),
    //@ if units.bnn.enabled
    .second_i        (second),
    .fire_valid_i    (fire_valid),
    .fire_bits_i     (fire_bits),
    .fire_double_i   (fire_double),
    .skip_pass_i     (skip_pass),
    .skip_step_i     (skip_step),
    .skip_begin_i    (skip_begin),
    .skip_index_i    (skip_index),
    .skip_count_i    (skip_count),
    .skip_more_o     (skip_more),
    .skip_vectors_i  (skip_vectors),
    //@ endif
    .tile_end_i      (tile_end),
    .tile_half_i     (tile_half),
    .tile_size_i     (tile_size),
    .half_free_o     (half_free),
    .drain_busy_o    (drain_busy),
    .result_room_i   (sums_room),
    .result_hold_i   (sums_hold), //@ if units.float
    .result_valid_o  (sums_valid),
    .result_chunk_o  (sums_chunk),
    .result_last_o   (sums_last),
    .result_strb_o   (sums_strb),
    .result_sums_o   (sums),
    .result_records_o(records),
    //@ if units.residual
    .residual_valid_o(residual_valid),
    .residual_ready_i(residual_ready),
    .residual_place_o(residual_place),
    .residual_data_o (residual_data),
    //@ endif
    //@ if units.bnn.residual
    .affine_records_o(affine_records), .affine_busy_i(affine_busy),
    .affine_reads_i(affine_reads), .residual_part_o(residual_part),
    .residual_taken_i(residual_taken),
    //@ endif
    .table_valid_i   (table_valid),
    .table_ready_o   (table_ready),
    .table_row_i     (table_row),
    .table_data_o    (table_data),
    .bus_valid_i     (bus_write_valid_i && bus_write_core_i),
    .bus_ready_o     (core_write_ready),
    .bus_addr_i      (bus_write_addr_i),
    .bus_data_i      (bus_write_data_i),
    .bus_strb_i      (bus_write_strb_i),
    .bus_core_mask_i (bus_write_core_mask_i)
  );

  // ---- Results ----
  logic                   lookup_valid, lookup_ready, unit_valid, unit_ready;
  logic [8*PostWidth-1:0] lookup_data, unit_data, write_data;
  logic [23:0]            lookup_addr, unit_addr;
  logic [PostWidth-1:0]   lookup_strb, unit_strb, write_strb;
  logic                   write_valid, write_ready, write_done;

  npu_results #(
    .MemBytes  (PeMemBytes),
    .WordBytes (PeWordBytes),
    .PeLanes   (PeLanes),
    .PostWidth (PostWidth),
    .Stages    (Stages), //@ if units.float
    .WriteDepth(WriteDepth)
  ) u_results (
    .clk_i, .rst_ni, .clear_i, .cmd_i(cmd), .start_i(start),
    .running_i     (trace_o.running),
    .busy_o        (results_busy),
    .sums_valid_i  (sums_valid),
    .sums_chunk_i  (sums_chunk),
    .sums_last_i   (sums_last),
    .sums_strb_i   (sums_strb),
    .sums_i        (sums),
    .records_i     (records),
    .sums_room_o   (sums_room),
    .sums_hold_o   (sums_hold), //@ if units.float
    .residual_valid_i(residual_data),  //@ if units.residual
    .residual_i    (read_data[VecW*(Ports-1)+:8*PostWidth]),  //@ if units.residual
    //@ if units.bnn.residual
    .residual_part_i(residual_part), .residual_taken_o(residual_taken),
    .affine_records_i(affine_records), .affine_busy_o(affine_busy),
    .affine_reads_o(affine_reads),
    //@ endif
    .vector_valid_i(vector_valid),
    .vector_first_i(vector_first),
    .vector_last_i (vector_last),
    .vector_high_i (vector_high),
    .vector_i      (vectors[8*PostWidth-1:0]),
    .vector_ready_o(vector_ready),
    .lookup_valid_o(lookup_valid),
    .lookup_ready_i(lookup_ready),
    .lookup_data_o (lookup_data),
    .lookup_addr_o (lookup_addr),
    .lookup_strb_o (lookup_strb),
    .unit_valid_i  (unit_valid),
    .unit_ready_o  (unit_ready),
    .unit_addr_i   (unit_addr),
    .unit_data_i   (unit_data),
    .unit_strb_i   (unit_strb),
    .write_valid_o (write_valid),
    .write_ready_i (write_ready),
    .write_addr_o  (write_addr),
    .write_data_o  (write_data),
    .write_strb_o  (write_strb),
    .write_done_i  (write_done),
    .error_o       (write_error)
  );

  npu_vector_units #(
    .MemBytes   (PeMemBytes),
    .WordBytes  (PeWordBytes),
    .PostWidth  (PostWidth),
    .LookupPorts(LookupPorts),
    .VectorLanes(VectorLanes),  //@ if units.vector
    .RowBytes   (RowBytes),
    .Rows       (CoreMemBytes / RowBytes)
  ) u_vector_units (
    .clk_i, .rst_ni, .clear_i,
    .start_i       (start),
    .running_i     (trace_o.running),
    .cmd_i         (cmd),
    .lookup_busy_o (lookup_busy),
    .rows_busy_o   (rows_busy),
    .load_table_i  (load_table),
    .table_done_o  (table_done),
    .table_valid_o (table_valid),
    .table_ready_i (table_ready),
    .table_row_o   (table_row),
    .table_data_i  (table_data),
    .table_error_o (table_error),
    .lookup_valid_i(lookup_valid),
    .lookup_ready_o(lookup_ready),
    .lookup_data_i (lookup_data),
    .lookup_addr_i (lookup_addr),
    .lookup_strb_i (lookup_strb),
    .read_valid_o  (rows_valid),
    .read_ready_i  (rows_ready),
    .read_granted_i(rows_granted),
    .read_addr_o   (rows_addr),
    .read_data_i   (read_data[VecW-1:0]),
    .rows_error_o  (rows_error),
    .error_addr_o  (rows_error_address),
    .write_busy_i  (write_busy || results_busy),  //@ if units.vector
    .write_valid_o (unit_valid),
    .write_ready_i (unit_ready),
    .write_addr_o  (unit_addr),
    .write_data_o  (unit_data),
    .write_strb_o  (unit_strb)
  );

  // ---- PE memory ----
  logic memory_write_ready;

  npu_pe_memory #(
    .MemBytes (PeMemBytes),
    .Banks    (PeBanks),
    .WordBytes(PeWordBytes),
    .BusBytes (BusBytes),
    .PostWidth(PostWidth),
    .Ports    (Ports),
    .Writes   (WriteDepth)
  ) u_memory (
    .clk_i, .rst_ni,
    .read_wanted_i    (read_wanted),
    .read_valid_i     (read_valid),
    .read_ready_o     (read_ready),
    .read_mask_i      (read_mask),
    .read_inside_i    (read_inside),
    .read_two_i       (read_two),
    .read_bank_i      (read_bank),
    .read_bank2_i     (read_bank2),
    .read_row_i       (read_row),
    .read_row2_i      (read_row2),
    .read_offset_i    (read_offset),
    .read_turn_i      (read_turn),
    .read_data_o      (read_data),
    //@ if units.residual
    .residual_valid_i (residual_valid),
    .residual_ready_o (residual_ready),
    .residual_place_i (residual_place),
    //@ endif
    .write_valid_i    (write_valid),
    .write_ready_o    (write_ready),
    .write_addr_i     (write_addr),
    .write_data_i     (write_data),
    .write_strb_i     (write_strb),
    .write_busy_o     (write_busy),
    .write_done_o     (write_done),
    .clear_i,
    .wipe_i, .wipe_row_i,  //@ if npu.memory_clear
    .bus_write_valid_i(bus_write_valid_i && !bus_write_core_i),
    .bus_write_ready_o(memory_write_ready),
    .bus_write_addr_i, .bus_write_data_i, .bus_write_strb_i, .bus_read_valid_i, .bus_read_ready_o,
    .bus_read_addr_i, .bus_read_rvalid_o, .bus_read_data_o
  );
  assign bus_write_ready_o = bus_write_core_i ? core_write_ready : memory_write_ready;
endmodule : npu_pe
`default_nettype wire

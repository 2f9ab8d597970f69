`default_nettype none
// SPDX-License-Identifier: Apache-2.0
// Matrix unit: the cores of a PE in lockstep, the weights and records that come out of their
// memories, and the drain of their sums. Only wires.
module npu_matrix_unit #(
  parameter int unsigned Cores        = 1,      //@ = pe.cores  -- 1..16
  parameter int unsigned CoreMemBytes = 65536,  //@ = core.memory  -- bytes of each core memory
  parameter int unsigned CoreBanks    = 4,      //@ = core.banks
  parameter int unsigned CoreBankBytes = 16,    //@ = core.bank_width
  parameter int unsigned Lanes        = 16,     //@ = core.lanes  -- per core
  parameter int unsigned Simd         = 16,     //@ = lane.simd
  parameter int unsigned Stages       = 1,      //@ = lane.stages
  parameter int unsigned Accumulators = 16,     //@ = core.accumulators
  parameter int unsigned PostWidth    = 16,     //@ = units.postprocess_width
  parameter int unsigned WordBytes    = 16,     //@ = pe.bank_width  -- bytes of a vector
  parameter int unsigned Ports        = 4,      //@ = units.window_ports  -- vectors per cycle
  //@ if units.bnn.enabled
  parameter int unsigned SkipWindow   = 1,      //@ = units.bnn.skip_window  -- positions
  localparam int unsigned SkipVectorW = (npu_isa_pkg::OperandBits + 1) * Simd + $clog2(Simd + 1),
  //@ endif
  //@ if units.residual
  parameter int unsigned PeMemBytes   = 131072,  //@ = pe.memory  -- bytes of PE memory
  parameter int unsigned PeBanks      = 8,      //@ = pe.banks
  localparam int unsigned PeDepth     = PeMemBytes / (PeBanks * WordBytes),
  localparam int unsigned PlaceW      = 2 * $clog2(PeBanks) + $clog2(WordBytes) + 1 +
                                        2 * ((PeDepth > 1) ? $clog2(PeDepth) : 1),
  //@ endif
  parameter int unsigned BusBytes     = 16,     //@ = npu.axi.bytes
  parameter int unsigned Barriers     = 16,     //@ = npu.barriers
  localparam int unsigned SumBits     = npu_isa_pkg::SumBits,
  localparam int unsigned RecordBits  = npu_isa_pkg::ParameterRecordBits,
  //@ if units.bnn.residual
  localparam int unsigned AffineBits  = 8 * npu_isa_pkg::AffineRecordBytes,
  //@ endif
  localparam int unsigned PeLanes     = Cores * Lanes,
  localparam int unsigned Chunks      = (PeLanes + PostWidth - 1) / PostWidth,
  localparam int unsigned ChunkW      = (Chunks > 1) ? $clog2(Chunks) : 1,
  localparam int unsigned IndexW      = (Accumulators > 1) ? $clog2(Accumulators) : 1,
  localparam int unsigned SizeW       = $clog2(Accumulators + 1),
  localparam int unsigned RowBytes    = CoreBanks * CoreBankBytes
) (
  input  wire                   clk_i,
  input  wire                   rst_ni,
  input  wire                   clear_i,
  input  wire                   wipe_i,         // npu_core  //@ if npu.memory_clear
  input  wire  [23:0]           wipe_row_i,  //@ if npu.memory_clear
  // the running command
  input  wire npu_isa_pkg::compute_command_t cmd_i,
  input  wire                   start_i,
  input  wire  [Barriers*npu_isa_pkg::BarrierCountBits-1:0] barrier_counts_i,
  output wire                   error_o,        // a row outside core memory (pulse, row number)
  output wire  [23:0]           error_row_o,
  // weights: npu_weight_loader
  output wire                   starved_o,
  output wire                   slice_ready_o,
  input  wire                   slice_wanted_i,
  input  wire                   slice_take_i,
  // operands: npu_core
  input  wire  [8*WordBytes*Ports-1:0] vectors_i,
  input  wire                   load_i,
  input  wire  [8*Simd-1:0]     operand_i,
  input  wire                   shift_i,
  input  wire                   shift_one_i,
  input  wire  [Ports-1:0]      shift_rows_i,
  input  wire                   swap_i,
  input  wire                   sum_read_i,
  input  wire                   sum_half_i,
  input  wire  [IndexW-1:0]     sum_index_i,
  input  wire                   fire_i,
  input  wire                   fire_clear_i,
  input  wire                   fire_digit_i,
  input  wire                   fire_half_i,
  input  wire  [IndexW-1:0]     fire_index_i,
  //@ if units.bnn.enabled
  input  wire                   second_i,
  input  wire  [Simd-1:0]       fire_valid_i,
  input  wire  [10:0]           fire_bits_i,
  input  wire                   fire_double_i,
  input  wire                   skip_pass_i,
  input  wire                   skip_step_i,
  input  wire                   skip_begin_i,
  input  wire  [IndexW-1:0]     skip_index_i,
  input  wire  [SizeW-1:0]      skip_count_i,
  output wire                   skip_more_o,
  input  wire  [SkipVectorW*SkipWindow-1:0] skip_vectors_i,
  //@ endif
  // finished tiles, and their results in chunks of PostWidth lanes: npu_drain
  input  wire                   tile_end_i,
  input  wire                   tile_half_i,
  input  wire  [SizeW-1:0]      tile_size_i,
  output wire  [1:0]            half_free_o,
  output wire                   drain_busy_o,
  input  wire                   result_room_i,
  //@ if units.float
  input  wire                   result_hold_i,  // the last result's records are still needed
  //@ endif
  output wire                   result_valid_o,
  output wire  [ChunkW-1:0]     result_chunk_o,
  output wire                   result_last_o,
  output wire  [PostWidth-1:0]  result_strb_o,
  output wire  [SumBits*PostWidth-1:0] result_sums_o,
  output wire  [RecordBits*PostWidth-1:0] result_records_o,
  //@ if units.residual
  // vectors that results are added to: npu_residual
  output wire                   residual_valid_o,
  input  wire                   residual_ready_i,
  output wire  [PlaceW-1:0]     residual_place_o,  // row2, row, bank2, bank, offset, two
  output wire                   residual_data_o,   // data come in this cycle
  //@ endif
  //@ if units.bnn.residual
  output wire  [AffineBits*PeLanes-1:0] affine_records_o,
  input  wire                   affine_busy_i,     // that use them
  input  wire                   affine_reads_i,    // the last sums are still read
  output wire  [1:0]            residual_part_o,   // of four, with the data: npu_value_fetch
  input  wire                   residual_taken_i,
  //@ endif
  // rows of core 0 for tables of vector units; data in the cycle after the grant
  input  wire                   table_valid_i,
  output wire                   table_ready_o,
  input  wire  [23:0]           table_row_i,
  output wire  [8*RowBytes-1:0] table_data_o,
  // beats from the bus to core memories
  input  wire                   bus_valid_i,
  output wire                   bus_ready_o,
  input  wire  [23:0]           bus_addr_i,
  input  wire  [8*BusBytes-1:0] bus_data_i,
  input  wire  [BusBytes-1:0]   bus_strb_i,
  input  wire  [Cores-1:0]      bus_core_mask_i
);
  localparam int unsigned Rows       = CoreMemBytes / RowBytes;
  localparam int unsigned RowW       = (Rows > 1) ? $clog2(Rows) : 1;
  localparam int unsigned SliceRows  = (Lanes * Simd + RowBytes - 1) / RowBytes;
  localparam int unsigned PackedBytes = (npu_isa_pkg::PackedWeightBits * Lanes * Simd + 7) / 8;
  localparam int unsigned PackedRows = (PackedBytes + RowBytes - 1) / RowBytes;
  localparam int unsigned SliceW     = (SliceRows > 1) ? $clog2(SliceRows) : 1;
  localparam int unsigned ParamRows  = (RecordBits / 8 * Lanes + RowBytes - 1) / RowBytes;
  //@ if units.bnn.residual
  localparam int unsigned AffineRows = (AffineBits / 8 * Lanes + RowBytes - 1) / RowBytes;
  //@ endif
  localparam int unsigned BiasBytes  = npu_isa_pkg::BiasRecordBytes * Lanes;
  localparam int unsigned BiasRows   = (BiasBytes + RowBytes - 1) / RowBytes;
  //@ if units.bnn.residual
  localparam int unsigned ParamW     = (AffineRows > 1) ? $clog2(AffineRows) : 1;
  //@ else
  //@: localparam int unsigned ParamW     = (ParamRows > 1) ? $clog2(ParamRows) : 1;
  //@ endif
  localparam int unsigned VecW       = 8 * WordBytes;
  //@ if units.bnn.enabled
  localparam int unsigned GateRows   = (npu_isa_pkg::GateBytes * Lanes + RowBytes - 1) / RowBytes;
  localparam int unsigned GateW      = (GateRows > 1) ? $clog2(GateRows) : 1;
  logic                       gate_we;
  logic [GateW-1:0]           gate_row;
  logic [Cores-1:0]           skip_more;
  assign skip_more_o = skip_more != '0;
  //@ endif

  if (Cores < 1 || Cores > 16) begin : gen_bad_cores
    $error("npu_matrix_unit: Cores must be 1..16");
  end

  logic                       start, loader_error, drain_error, drain_busy;
  logic [23:0]                loader_error_row, drain_error_row;
  logic                       weight_valid, weight_ready, record_valid, record_ready;
  logic [23:0]                weight_row, record_row;
  logic                       row_read;
  logic [RowW-1:0]            read_row, write_row;
  logic [Cores-1:0]           row_write;
  logic [8*RowBytes-1:0]      write_data;
  logic [RowBytes-1:0]        write_strb;
  logic [Cores*8*RowBytes-1:0] row_data;
  logic                       shadow_we, record_we, drain_read, drain_half;
  logic [SliceW-1:0]          shadow_row;
  logic [ParamW-1:0]          record_place;
  logic [IndexW-1:0]          drain_index;
  logic [SumBits*PeLanes-1:0]    sums;
  logic [RecordBits*PeLanes-1:0] records;

  //@ if units.residual
  logic                       next_valid, next_issue, residual_there, residual_error;
  logic [ChunkW-1:0]          next_chunk;
  logic [15:0]                next_bytes;
  logic [23:0]                residual_error_address;
  //@ endif
  //@ if units.bnn.residual
  // A command has residuals of bytes or of values.
  logic              byte_valid, byte_data, byte_error, value_valid, value_data, value_error;
  logic [PlaceW-1:0] byte_place, value_place;
  logic [23:0]       byte_error_address, value_error_address;
  //@ endif

  assign start        = start_i && npu_isa_pkg::is_array(cmd_i.opcode);
  //@ unless units.residual: assign error_o      = loader_error || drain_error;
  //@ unless units.residual: assign error_row_o  = loader_error ? loader_error_row
  //@ unless units.residual:                                    : drain_error_row;
  assign table_data_o = row_data[8*RowBytes-1:0];

  npu_row_port #(
    .RowBytes(RowBytes),
    .Rows    (Rows),
    .BusBytes(BusBytes),
    .Cores   (Cores)
  ) u_row_port (
    .clk_i, .rst_ni, .clear_i,
    .record_valid_i(record_valid),
    .record_ready_o(record_ready),
    .record_row_i  (record_row),
    .weight_valid_i(weight_valid),
    .weight_ready_o(weight_ready),
    .weight_row_i  (weight_row),
    .table_valid_i,
    .table_ready_o,
    .table_row_i,
    .bus_valid_i,
    .bus_ready_o,
    .bus_addr_i,
    .bus_data_i,
    .bus_strb_i,
    .bus_core_mask_i,
    .read_o        (row_read),
    .read_row_o    (read_row),
    .write_o       (row_write),
    .write_row_o   (write_row),
    .write_data_o  (write_data),
    .write_strb_o  (write_strb)
  );

  npu_weight_loader #(
    .SliceRows (SliceRows),
    .PackedRows(PackedRows),
    .GateRows  (GateRows),  //@ if units.bnn.enabled
    .Rows      (Rows),
    .RowBytes  (RowBytes),
    .Accumulators(Accumulators),
    .Barriers  (Barriers)
  ) u_weight_loader (
    .clk_i, .rst_ni, .clear_i,
    .follow_i           (cmd_i.follow),
    .wait1_id_i         (cmd_i.wait1_id),
    .wait1_count_i      (cmd_i.wait1_count),
    .weight_row_i       (cmd_i.weight_row),
    .packed_weights_i   (cmd_i.packed_weights),
    .k0_count_i         (cmd_i.k0_count),
    .k1_count_i         (cmd_i.k1_count),
    .k2_count_i         (cmd_i.k2_count),
    .groups_i           (cmd_i.groups),
    .positions_i        (cmd_i.positions),
    .weight_group_rows_i(cmd_i.weight_group_rows),
    .two_planes_i       (cmd_i.two_planes),  //@ if units.bnn.enabled
    .gated_i            (cmd_i.gated),  //@ if units.bnn.enabled
    .start_i            (start),
    .barrier_counts_i,
    .row_valid_o        (weight_valid),
    .row_ready_i        (weight_ready),
    .row_addr_o         (weight_row),
    .shadow_we_o        (shadow_we),
    .shadow_row_o       (shadow_row),
    .gate_we_o          (gate_we),  //@ if units.bnn.enabled
    .gate_row_o         (gate_row),  //@ if units.bnn.enabled
    .starved_o,
    .slice_ready_o,
    .slice_wanted_i,
    .slice_take_i,
    .error_o            (loader_error),
    .error_row_o        (loader_error_row)
  );

  npu_drain #(
    .PeLanes     (PeLanes),
    .PostWidth   (PostWidth),
    .Accumulators(Accumulators),
    .Stages      (Stages),
    .ParamRows   (ParamRows),
    .BiasRows    (BiasRows),
    .AffineRows  (AffineRows),  //@ if units.bnn.residual
    .Rows        (Rows)
  ) u_drain (
    .clk_i, .rst_ni, .clear_i,
    .common_scale_i    (cmd_i.common_scale),
    //@ if units.bnn.residual
    .affine_i          (cmd_i.affine),
    .affine_busy_i,
    .affine_reads_i,
    //@ endif
    .group_channels_i  (cmd_i.group_channels),
    .param_row_i       (cmd_i.param_row),
    .param_group_rows_i(cmd_i.param_group_rows),
    .channels_i        (cmd_i.channels),
    .groups_i          (cmd_i.groups),
    .positions_i       (cmd_i.positions),
    .start_i           (start && cmd_i.drain),
    .busy_o            (drain_busy),
    .tile_end_i,
    .tile_half_i,
    .tile_size_i,
    .half_free_o,
    .row_valid_o       (record_valid),
    .row_ready_i       (record_ready),
    .row_addr_o        (record_row),
    .record_we_o       (record_we),
    .record_row_o      (record_place),
    .read_o            (drain_read),
    .read_half_o       (drain_half),
    .read_index_o      (drain_index),
    //@ if units.residual
    .room_i            (result_room_i && (residual_there || !cmd_i.residual)),
    //@ endif
    //@ unless units.residual: .room_i            (result_room_i),
    .hold_i            (result_hold_i), //@ if units.float
    .result_valid_o,
    .result_chunk_o,
    .result_last_o,
    .result_strb_o,
    //@ if units.residual
    .next_valid_o      (next_valid),
    .next_issue_o      (next_issue),
    .next_chunk_o      (next_chunk),
    .next_bytes_o      (next_bytes),
    //@ endif
    .error_o           (drain_error),
    .error_row_o       (drain_error_row)
  );

  //@ if units.residual
  npu_residual #(
    .MemBytes (PeMemBytes),
    .Banks    (PeBanks),
    .WordBytes(WordBytes),
    .PostWidth(PostWidth),
    .ChunkW   (ChunkW)
  ) u_residual (
    .clk_i, .rst_ni, .clear_i,
    .opcode_i       (cmd_i.opcode),
    .x_step_i       (cmd_i.out_x_step),
    .out_w_i        (cmd_i.out_w),
    .positions_i    (cmd_i.positions),
    .base_i         (cmd_i.b_base[23:0]),
    .row_step_i     (cmd_i.b_row_step),
    .group_step_i   (cmd_i.out_group_step),
    .start_i        (start && cmd_i.residual),
    .next_valid_i   (next_valid),
    .next_issue_i   (next_issue && cmd_i.residual),
    .next_chunk_i   (next_chunk),
    .next_bytes_i   (next_bytes),
    .ready_o        (residual_there),
    .read_valid_o   (byte_valid),          //@ if units.bnn.residual
    .read_ready_i   (residual_ready_i),
    .read_place_o   (byte_place),          //@ if units.bnn.residual
    .data_valid_o   (byte_data),           //@ if units.bnn.residual
    .error_o        (byte_error),          //@ if units.bnn.residual
    .error_address_o(byte_error_address)   //@ if units.bnn.residual
    //@ unless units.bnn.residual: .read_valid_o   (residual_valid_o),
    //@ unless units.bnn.residual: .read_place_o   (residual_place_o),
    //@ unless units.bnn.residual: .data_valid_o   (residual_data_o),
    //@ unless units.bnn.residual: .error_o        (residual_error),
    //@ unless units.bnn.residual: .error_address_o(residual_error_address)
  );
  //@ endif
  //@ if units.bnn.residual
  npu_value_fetch #(
    .MemBytes (PeMemBytes),
    .Banks    (PeBanks),
    .WordBytes(WordBytes),
    .PostWidth(PostWidth),
    .Chunks   (Chunks)
  ) u_value_fetch (
    .clk_i,
    .rst_ni,
    .clear_i,
    .cmd_i,
    .start_i         (start && cmd_i.affine && cmd_i.affine_residual),
    .taken_i         (residual_taken_i),
    .read_valid_o    (value_valid),
    .read_ready_i    (residual_ready_i),
    .read_place_o    (value_place),
    .data_valid_o    (value_data),
    .data_part_o     (residual_part_o),
    .error_o         (value_error),
    .error_address_o (value_error_address)
  );
  assign residual_valid_o       = byte_valid || value_valid;
  assign residual_place_o       = cmd_i.affine ? value_place : byte_place;
  assign residual_data_o        = byte_data || value_data;
  assign residual_error         = byte_error || value_error;
  assign residual_error_address = value_error ? value_error_address : byte_error_address;
  //@ endif
  //@ if units.residual
  assign error_o      = loader_error || drain_error || residual_error;
  assign error_row_o  = residual_error ? residual_error_address :
                        loader_error ? loader_error_row : drain_error_row;
  //@ endif

  //@ if units.float
  // Sums that no drain waits for are under way for some cycles more.
  logic [4:0] fired_q;
  always_ff @(posedge clk_i) fired_q <= {fired_q[3:0], fire_i && Stages > 2};
  assign drain_busy_o = drain_busy || fired_q != '0;
  //@ else
  //@:assign drain_busy_o = drain_busy;
  //@ endif

  // Lane l of all takes byte l of each vector of a window.
  logic [8*PeLanes*Ports-1:0] lane_bytes;
  for (genvar p = 0; p < Ports; p++) begin : gen_lane_bytes
    assign lane_bytes[8*PeLanes*p+:8*PeLanes] = (8 * PeLanes)'(vectors_i[VecW*p+:VecW]);
  end

  for (genvar c = 0; c < Cores; c++) begin : gen_core
    logic [8*Lanes*Ports-1:0] core_bytes;
    for (genvar p = 0; p < Ports; p++) begin : gen_port
      assign core_bytes[8*Lanes*p+:8*Lanes] = lane_bytes[8*(PeLanes*p+Lanes*c)+:8*Lanes];
    end
    npu_core #(
      .MemBytes    (CoreMemBytes),
      .Banks       (CoreBanks),
      .BankBytes   (CoreBankBytes),
      .Lanes       (Lanes),
      .Simd        (Simd),
      .Stages      (Stages),
      .Accumulators(Accumulators),
      .SkipWindow  (SkipWindow),  //@ if units.bnn.enabled
      .Ports       (Ports)
    ) u_core (
      .clk_i,
      .wipe_i, .wipe_row_i,  //@ if npu.memory_clear
      .row_read_i   (row_read),
      .row_addr_i   (read_row),
      .row_data_o   (row_data[8*RowBytes*c+:8*RowBytes]),
      .row_write_i  (row_write[c]),
      .write_row_i  (write_row),
      .write_data_i (write_data),
      .write_strb_i (write_strb),
      .shadow_we_i  (shadow_we),
      .shadow_row_i (shadow_row),
      .record_we_i  (record_we),
      .record_row_i (record_place),
      .records_o    (records[RecordBits*Lanes*c+:RecordBits*Lanes]),
      //@ if units.bnn.residual
      .affine_records_o(affine_records_o[AffineBits*Lanes*c+:AffineBits*Lanes]),
      .affine_i     (cmd_i.affine),
      //@ endif
      .load_i,
      .load_data_i  (operand_i),
      .shift_i, .shift_one_i, .shift_rows_i,
      .shift_data_i (core_bytes),
      .swap_i,
      .packed_i     (cmd_i.packed_weights),
      //@ if units.bnn.enabled
      .gate_we_i    (gate_we),
      .gate_row_i   (gate_row),
      .binary_i     (cmd_i.binary),
      .gated_i      (cmd_i.gated),
      .second_i, .fire_valid_i, .fire_bits_i, .fire_double_i,
      .skip_pass_i, .skip_step_i, .skip_begin_i, .skip_index_i, .skip_count_i,
      .skip_more_o  (skip_more[c]),
      .skip_vectors_i,
      //@ endif
      //@ if units.float
      .format_a_i   (cmd_i.format_a),
      .format_w_i   (cmd_i.format_w),
      //@ endif
      .acc_read_i   (sum_read_i),
      .acc_half_i   (sum_half_i),
      .acc_index_i  (sum_index_i),
      .fire_i, .fire_clear_i, .fire_digit_i, .fire_half_i, .fire_index_i,
      .drain_read_i (drain_read),
      .drain_half_i (drain_half),
      .drain_index_i(drain_index),
      .drain_sums_o (sums[SumBits*Lanes*c+:SumBits*Lanes])
    );
  end

  npu_result_chunk #(
    .Cores    (Cores),
    .Lanes    (Lanes),
    .PostWidth(PostWidth)
  ) u_result_chunk (
    .sums_i          (sums),
    .records_i       (records),
    .common_scale_i  (cmd_i.common_scale),
    .out_shift_i     (cmd_i.out_shift),
    .out_multiplier_i(cmd_i.out_multiplier),
    .chunk_i         (result_chunk_o),
    .sums_o          (result_sums_o),
    .records_o       (result_records_o)
  );

  logic unused_rows;  // those of cores without tables
  assign unused_rows = ^row_data;

  // Most fields of the command are of other units; generator.Command.HardwareReadsEveryField finds
  // one that nothing reads.
  logic unused_fields;
  assign unused_fields = ^cmd_i;
endmodule : npu_matrix_unit
`default_nettype wire

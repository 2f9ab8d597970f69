`default_nettype none
// SPDX-License-Identifier: Apache-2.0
// Results: from sums and vectors through a unit that makes results of them to a write of PE memory.
//
// Sums of the matrix unit and vectors of most operations go through post-processing, sums that
// become bits through their own unit, vectors of LOOKUP to npu_vector_units, from where they come
// back like the bytes of SOFTMAX and ARGMAX. Only as many results are let in as PE memory's
// buffer holds (WriteDepth), since post-processing cannot be stalled. A write with a byte behind
// the end of PE memory is an error and not made.
module npu_results #(
  parameter int unsigned MemBytes   = 131072,  //@ = pe.memory  -- bytes of PE memory, for bounds
  parameter int unsigned WordBytes  = 16,      //@ = pe.bank_width  -- bytes of a vector read
  parameter int unsigned PeLanes    = 16,      // lanes of all cores of the PE
  parameter int unsigned PostWidth  = 16,      //@ = units.postprocess_width  -- bytes of a write
  //@ if units.float
  parameter int unsigned Stages     = 1,       //@ = lane.stages
  //@ endif
  parameter int unsigned WriteDepth = 12,      // results from post-processing to PE memory
  localparam int unsigned SumBits    = npu_isa_pkg::SumBits,
  localparam int unsigned RecordBits = npu_isa_pkg::ParameterRecordBits,
  //@ if units.bnn.residual
  localparam int unsigned AffineBits = 8 * npu_isa_pkg::AffineRecordBytes,
  //@ endif
  localparam int unsigned Chunks    = (PeLanes + PostWidth - 1) / PostWidth,
  localparam int unsigned ChunkW    = (Chunks > 1) ? $clog2(Chunks) : 1,
  localparam int unsigned ByteW     = $clog2(WordBytes) + 1
) (
  input  wire                    clk_i,
  input  wire                    rst_ni,
  input  wire                    clear_i,
  // the running command; start_i begins it
  input  wire npu_isa_pkg::compute_command_t cmd_i,
  input  wire                    start_i,
  input  wire                    running_i,
  output wire                    busy_o,         // results are on their way
  // sums: npu_drain; one more may be issued while there is room
  input  wire                    sums_valid_i,
  input  wire  [ChunkW-1:0]      sums_chunk_i,
  input  wire                    sums_last_i,    // last chunk of its position
  input  wire  [PostWidth-1:0]   sums_strb_i,
  input  wire  [SumBits*PostWidth-1:0] sums_i,
  input  wire  [RecordBits*PostWidth-1:0] records_i,
  output logic                   sums_room_o,
  //@ if units.float
  output wire                    sums_hold_o,    // their records are still needed
  //@ endif
  //@ if units.residual
  input  wire                    residual_valid_i,  // the vector that the next sums are added to
  input  wire  [8*PostWidth-1:0] residual_i,
  //@ endif
  //@ if units.bnn.residual
  input  wire  [1:0]             residual_part_i,   // of four values
  output wire                    residual_taken_o,
  input  wire  [AffineBits*PeLanes-1:0] affine_records_i,
  output wire                    affine_busy_o,     // they are in use
  output wire                    affine_reads_o,    // sums are, too
  //@ endif
  // vectors out of PE memory: npu_vector_buffer
  input  wire                    vector_valid_i,
  input  wire                    vector_first_i,
  input  wire                    vector_last_i,
  input  wire  [ByteW-1:0]       vector_high_i,
  input  wire  [8*PostWidth-1:0] vector_i,
  output wire                    vector_ready_o,
  // vectors of LOOKUP, and what they become
  output wire                    lookup_valid_o,
  input  wire                    lookup_ready_i,
  output wire  [8*PostWidth-1:0] lookup_data_o,
  output wire  [23:0]            lookup_addr_o,
  output wire  [PostWidth-1:0]   lookup_strb_o,
  // writes of LOOKUP, SOFTMAX and ARGMAX
  input  wire                    unit_valid_i,
  output wire                    unit_ready_o,
  input  wire  [23:0]            unit_addr_i,
  input  wire  [8*PostWidth-1:0] unit_data_i,
  input  wire  [PostWidth-1:0]   unit_strb_i,
  // PE memory
  output wire                    write_valid_o,
  input  wire                    write_ready_i,
  output logic [23:0]            write_addr_o,
  output logic [8*PostWidth-1:0] write_data_o,
  output logic [PostWidth-1:0]   write_strb_o,
  input  wire                    write_done_i,   // pulse: a write reaches memory
  output wire                    error_o         // write_addr_o lies outside PE memory
);
  localparam int unsigned FlightW = $clog2(WriteDepth + 1);

  if ((PostWidth & (PostWidth - 1)) != 0 || PostWidth > PeLanes) begin : gen_bad_post
    $error("npu_results: PostWidth must be a power of two, at most the lanes of the PE");
  end

  logic is_array, is_lookup, is_unit, uses_post;
  assign is_array  = npu_isa_pkg::is_array(cmd_i.opcode);
  assign is_lookup = cmd_i.opcode == npu_isa_pkg::OpLookup;
  assign is_unit   = is_lookup || npu_isa_pkg::is_rows(cmd_i.opcode);
  //@ if units.bnn.residual
  logic                   is_affine, affine_step, affine_room, affine_more, affine_valid;
  logic [8*PostWidth-1:0] affine_data;
  logic [23:0]            affine_addr, value_address;
  logic [PostWidth-1:0]   affine_strb;
  wire                    affine_clk;
  assign is_affine = is_array && cmd_i.affine;
  //@ endif

  // ---------------------------------------------------------------------------------------------
  // Vectors, and the address of the position whose results pass now.
  // ---------------------------------------------------------------------------------------------
  logic                   buffer_valid, buffer_go, post_ready, vector_room;
  logic [8*PostWidth-1:0] buffer_a, buffer_b;
  logic [PostWidth-1:0]   buffer_strb;
  logic [23:0]            position_address, address;

  npu_vector_buffer #(
    .PostWidth(PostWidth),
    .WordBytes(WordBytes)
  ) u_vector_buffer (
    .clk_i, .rst_ni, .clear_i, .start_i,
    .opcode_i        (cmd_i.opcode),
    .minimum_i       (cmd_i.minimum),
    .positions_i     (cmd_i.positions),
    .channels_i      (cmd_i.channels),
    .group_channels_i(cmd_i.group_channels),
    //@ if units.bnn.enabled
    .pool_bits_i     (cmd_i.pool_bits),
    .two_planes_i    (cmd_i.two_planes),
    //@ endif
    .vector_valid_i,
    .vector_first_i,
    .vector_last_i,
    .vector_high_i,
    .vector_i,
    .ready_o         (vector_ready_o),
    //@ if units.residual
    .residual_valid_i(residual_valid_i && !is_affine),  //@ if units.bnn.residual
    //@ unless units.bnn.residual: .residual_valid_i,
    .residual_i,
    //@ endif
    .valid_o         (buffer_valid),
    .ready_i         (buffer_go),
    .a_o             (buffer_a),
    .b_o             (buffer_b),
    .strb_o          (buffer_strb)
  );

  npu_output_walker #(
    .PostWidth(PostWidth)
  ) u_walker (
    .clk_i,
    .opcode_i        (cmd_i.opcode),
    .out_x_step_i    (cmd_i.out_x_step),
    .out_w_i         (cmd_i.out_w),
    .positions_i     (cmd_i.positions),
    .out_base_i      (cmd_i.out_base),
    .out_row_step_i  (cmd_i.out_row_step),
    //@ if units.bnn.residual
    .out_group_step_i(20'(cmd_i.out_group_step)),
    .start_i,
    .step_i          (is_affine ? affine_step : (sums_valid_i && sums_last_i) || buffer_go),
    //@ else
    //@: .out_group_step_i(cmd_i.out_group_step),
    //@: .start_i,
    //@: .step_i          ((sums_valid_i && sums_last_i) || buffer_go),
    //@ endif
    .address_o       (position_address)
  );

  assign buffer_go = buffer_valid && (is_lookup ? lookup_ready_i : post_ready && vector_room);
  assign address   = position_address + (is_array ? 24'(sums_chunk_i) * 24'(PostWidth) : 24'd0);

  assign lookup_valid_o = buffer_valid && is_lookup;
  assign lookup_data_o  = buffer_a;
  assign lookup_addr_o  = address;
  assign lookup_strb_o  = buffer_strb;

  // ---------------------------------------------------------------------------------------------
  // Units.
  // ---------------------------------------------------------------------------------------------
  //@ if units.residual
  logic                   is_residual, post_soon;
  assign is_residual = is_array && cmd_i.residual;
  //@ endif
  logic                   post_busy, post_valid;
  logic [2:0]             post_mode, post_mode_q;
  logic [8*PostWidth-1:0] post_data;
  logic [23:0]            post_addr;
  logic [PostWidth-1:0]   post_strb;

  always_comb begin
    post_mode = 3'd3;
    if (is_array) post_mode = cmd_i.average ? 3'd1 : 3'd0;
    else if (cmd_i.opcode == npu_isa_pkg::OpAdd) post_mode = 3'd2;
    else if (cmd_i.opcode == npu_isa_pkg::OpMultiply) post_mode = 3'd4;
    else if (cmd_i.opcode == npu_isa_pkg::OpSquaredDifference) post_mode = 3'd5;
  end
  // The command stands for some cycles before its first vector comes.
  always_ff @(posedge clk_i) post_mode_q <= post_mode;

  //@ if units.float
  logic                   is_float_q, float_room, float_valid, float_busy;
  logic [8*PostWidth-1:0] float_data;
  logic [23:0]            float_addr;
  logic [PostWidth-1:0]   float_strb;
  // The command stands for some cycles before its first sums come.
  always_ff @(posedge clk_i) is_float_q <= is_array && cmd_i.format_a != '0;
  if (Stages > 2) begin : gen_float
    npu_float_results #(
      .PostWidth(PostWidth)
    ) u_float (
      .clk_i, .rst_ni, .clear_i,
      .scale_i(cmd_i.float_scale), .bias_i(cmd_i.float_bias), .relu_i(cmd_i.relu),
      .cast_i(cmd_i.float_cast), .cast_scale_i({1'b0, cmd_i.b_multiplier}),
      .format_i(cmd_i.out_format), .saturate_i(cmd_i.saturate),
      .valid_i(sums_valid_i && is_float_q), .room_o(float_room), .sums_i, .records_i,
      .strb_i(sums_strb_i), .addr_i(position_address),
      .channel_i(16'(sums_chunk_i) * 16'(PostWidth)), .valid_o(float_valid),
      .ready_i(write_ready_i), .addr_o(float_addr), .data_o(float_data), .strb_o(float_strb),
      .busy_o(float_busy)
    );
    assign sums_hold_o = !float_room;
  end else begin : gen_no_float
    assign sums_hold_o = 1'b0;
    assign {float_room, float_valid, float_busy, float_data, float_addr, float_strb} = '0;
  end
  //@ endif

  npu_postprocess #(
    .Width(PostWidth)
  ) u_post (
    .clk_i,
    .rst_ni,
    .clear_i,
    .out_zero_point_i(cmd_i.out_zero_point),
    .out_type_i      (is_array ? cmd_i.out_type : 2'd0),
    .out_byte_i      (cmd_i.out_byte),
    .act_min_i       (cmd_i.act_min),
    .act_max_i       (cmd_i.act_max),
    .a_zero_point_i  (cmd_i.a_zero_point),
    .b_zero_point_i  (cmd_i.b_zero_point),
    .b_shift_i       (cmd_i.b_shift),
    .out_shift_i     (cmd_i.out_shift),
    .b_multiplier_i  (cmd_i.b_multiplier),
    .out_multiplier_i(cmd_i.out_multiplier),
    .a_subtract_i    (cmd_i.a_subtract),
    .b_subtract_i    (cmd_i.b_subtract),
    //@ if units.residual
    .residual_i      (is_residual),
    .second_i        (cmd_i.residual_second),
    .soon_o          (post_soon),
    //@ endif
    //@ if units.float
    .valid_i         ((sums_valid_i && uses_post && !is_float_q) || (buffer_go && !is_lookup)),
    //@ else
    //@:.valid_i         ((sums_valid_i && uses_post) || (buffer_go && !is_lookup)),
    //@ endif
    .ready_o         (post_ready),
    .mode_i          (post_mode_q),
    .acc_i           (sums_i),
    .record_i        (records_i),
    .a_i             (buffer_a),
    .b_i             (buffer_b),
    .addr_i          (address),
    .strb_i          (is_array ? sums_strb_i : buffer_strb),
    .valid_o         (post_valid),
    .data_o          (post_data),
    .addr_o          (post_addr),
    .strb_o          (post_strb),
    .busy_o          (post_busy)
  );

  //@ if units.bnn.enabled
  logic                   threshold_busy, threshold_valid;
  logic [8*PostWidth-1:0] threshold_data;
  logic [23:0]            threshold_addr;
  logic [PostWidth-1:0]   threshold_strb;
  logic [1:0]             threshold_writes;  // that this cycle's sums give
  wire                    threshold_clk;

  npu_clock_gate u_threshold_gate (
    .clk_i,
    .enable_i(!rst_ni || clear_i || (running_i && is_array && !uses_post)),
    .clk_o   (threshold_clk)
  );

  npu_threshold #(
    .Width(PostWidth)
  ) u_threshold (
    .clk_i(threshold_clk),
    .rst_ni,
    .clear_i,
    .three_i     (cmd_i.thresholds[1]),
    .packed_i    (cmd_i.bit_output),
    .plane_step_i(cmd_i.out_plane_step),
    .valid_i     (sums_valid_i && !uses_post && !is_affine),  //@ if units.bnn.residual
    //@ unless units.bnn.residual: .valid_i     (sums_valid_i && !uses_post),
    .last_i      (sums_last_i),
    .acc_i       (sums_i),
    .record_i    (records_i),
    .strb_i      (sums_strb_i),
    .addr_i      (position_address),
    .channel_i   (16'(sums_chunk_i) * 16'(PostWidth)),
    .valid_o     (threshold_valid),
    .data_o      (threshold_data),
    .addr_o      (threshold_addr),
    .strb_o      (threshold_strb),
    .writes_o    (threshold_writes),
    .busy_o      (threshold_busy)
  );
  assign uses_post = !is_array || (cmd_i.thresholds == '0 && !is_affine);  //@ if units.bnn.residual
  //@ unless units.bnn.residual: assign uses_post = !is_array || cmd_i.thresholds == '0;
  //@ endif
  //@ unless units.bnn.enabled: assign uses_post = 1'b1;

  //@ if units.bnn.residual
  npu_clock_gate u_affine_gate (
    .clk_i,
    .enable_i(!rst_ni || clear_i || (running_i && is_affine)),
    .clk_o   (affine_clk)
  );

  npu_output_walker #(
    .PostWidth(PostWidth)
  ) u_value_walker (
    .clk_i,
    .opcode_i        (cmd_i.opcode),
    .out_x_step_i    ({cmd_i.out_x_step[19:0], 4'd0}),
    .out_w_i         (cmd_i.out_w),
    .positions_i     (cmd_i.positions),
    .out_base_i      (cmd_i.value_base),
    .out_row_step_i  (cmd_i.out_row_step),
    .out_group_step_i({cmd_i.out_group_step, 4'd0}),
    .start_i         (start_i && is_affine),
    .step_i          (affine_step),
    .address_o       (value_address)
  );

  if (PostWidth >= 8) begin : gen_affine
    npu_affine #(
      .Width  (PostWidth),
      .PeLanes(PeLanes)
    ) u_affine (
      .clk_i(affine_clk),
      .rst_ni,
      .clear_i,
      .p_weight_i     (cmd_i.p_weight),
      .q_weight_i     (cmd_i.q_weight),
      .sum_shift_i    (cmd_i.sum_shift),
      .affine_shift_i (cmd_i.affine_shift),
      .slope_shift_i  (cmd_i.slope_shift),
      .scale_shift_i  (cmd_i.scale_shift),
      .residual_i     (cmd_i.affine_residual),
      .pool_i         (cmd_i.affine_pool),
      .values_i       (cmd_i.value_output),
      .thresholds_i   (cmd_i.thresholds),
      .code_first_i   (cmd_i.code_first),
      .code_second_i  (cmd_i.code_second),
      .code_third_i   (cmd_i.code_third),
      .plane_step_i   (cmd_i.out_plane_step),
      .valid_i        (sums_valid_i && is_affine),
      .chunk_i        (sums_chunk_i),
      .last_i         (sums_last_i),
      .strb_i         (sums_strb_i),
      .acc_i          (sums_i),
      .records_i      (affine_records_i),
      .room_o         (affine_room),
      .reads_o        (affine_reads_o),
      .vector_valid_i (residual_valid_i && is_affine),
      .vector_part_i  (residual_part_i),
      .vector_i       (residual_i),
      .vector_taken_o (residual_taken_o),
      .value_address_i(value_address),
      .code_address_i (position_address),
      .step_o         (affine_step),
      .more_i         (affine_more),
      .valid_o        (affine_valid),
      .data_o         (affine_data),
      .addr_o         (affine_addr),
      .strb_o         (affine_strb),
      .busy_o         (affine_busy_o)
    );
  end else begin : gen_no_affine
    assign {affine_room, affine_reads_o, residual_taken_o, affine_step, affine_valid} = '0;
    assign {affine_data, affine_addr, affine_strb, affine_busy_o} = '0;
    wire unused_affine = ^{affine_clk, affine_more, affine_records_i, residual_part_i,
                           value_address};
  end
  assign affine_more = flight_q < FlightW'(WriteDepth);
  //@ endif

  // ---------------------------------------------------------------------------------------------
  // Writes.
  // ---------------------------------------------------------------------------------------------
  logic               push;
  logic [23:0]        push_room;  // bytes up to the end of PE memory
  logic [FlightW-1:0] flight_q;   // results let in that have not reached PE memory
  logic [1:0]         flight_in;

  always_comb begin
    push         = post_valid;
    write_addr_o = post_addr;
    write_data_o = post_data;
    write_strb_o = post_strb;
    if (is_unit) begin
      push         = unit_valid_i;
      write_addr_o = unit_addr_i;
      write_data_o = unit_data_i;
      write_strb_o = unit_strb_i;
    end
    //@ if units.bnn.enabled
    if (!uses_post) begin
      push         = threshold_valid;
      write_addr_o = threshold_addr;
      write_data_o = threshold_data;
      write_strb_o = threshold_strb;
    end
    //@ endif
    //@ if units.float
    if (is_float_q) begin
      push         = float_valid;
      write_addr_o = float_addr;
      write_data_o = float_data;
      write_strb_o = float_strb;
    end
    //@ endif
    //@ if units.bnn.residual
    if (is_affine) begin
      push         = affine_valid;
      write_addr_o = affine_addr;
      write_data_o = affine_data;
      write_strb_o = affine_strb;
    end
    //@ endif
  end
  assign unit_ready_o  = write_ready_i;
  assign push_room     = 24'(MemBytes) - write_addr_o;
  assign error_o       = push && (write_addr_o >= 24'(MemBytes)
                                  ? write_strb_o != '0
                                  : push_room < 24'(PostWidth) &&
                                    (write_strb_o >> push_room) != '0);
  assign write_valid_o = push && !error_o;

  // The drain issues one cycle before its result enters.
  logic [FlightW-1:0] flight_after;
  assign flight_after = flight_q + FlightW'(sums_valid_i);
  always_comb begin
    flight_in   = 2'(sums_valid_i || (buffer_go && !is_lookup));
    sums_room_o = flight_after < FlightW'(WriteDepth);
    //@ if units.residual
    if (is_residual && !post_soon) sums_room_o = 1'b0;
    //@ endif
    //@ if units.bnn.enabled
    // Bits of two planes are two writes, and come in every second cycle.
    if (!uses_post) begin
      flight_in   = threshold_writes;
      sums_room_o = flight_q < FlightW'(WriteDepth - 4) &&
                    !(sums_valid_i && cmd_i.thresholds[1]);
    end
    //@ endif
    //@ if units.float
    // These wait for the buffer themselves.
    if (is_float_q) begin
      flight_in   = 2'(write_valid_o && write_ready_i);
      sums_room_o = float_room;
    end
    //@ endif
    //@ if units.bnn.residual
    // Values and codes wait where they are made.
    if (is_affine) begin
      flight_in   = 2'(affine_valid);
      sums_room_o = affine_room;
    end
    //@ endif
  end
  assign vector_room = flight_q < FlightW'(WriteDepth);

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i || !running_i) begin
      flight_q <= '0;
    end else begin
      flight_q <= flight_q + FlightW'(flight_in) - FlightW'(write_done_i && !is_unit);
    end
  end

  logic others_busy;
  always_comb begin
    others_busy = 1'b0;
    //@ if units.bnn.enabled
    if (threshold_busy) others_busy = 1'b1;
    //@ endif
    //@ if units.float
    if (float_busy) others_busy = 1'b1;
    //@ endif
  end
  assign busy_o = buffer_valid || post_busy || others_busy || flight_q != '0;

  // Most fields of the command are of other units; generator.Command.HardwareReadsEveryField finds
  // one that nothing reads.
  logic unused_fields;
  assign unused_fields = ^cmd_i;
endmodule : npu_results
`default_nettype wire

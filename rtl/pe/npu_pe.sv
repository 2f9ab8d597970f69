`default_nettype none
// SPDX-License-Identifier: Apache-2.0
// Processing element: PE memory, one sequencer, cores in lockstep, post-processing and vector
// units.
//
// One compute command runs at a time, from its start to the last byte written to PE memory. Operand
// path: the sequencer grants vectors (cycle n), PE memory delivers them (n+1: bytes outside the
// tensor are replaced, operand slots load at the end), the lanes add their sums (n+2). Results of
// the array leave through the drain, results of vector operations through the vector buffer; both
// pass the post-processing and the write queue.
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
  parameter int unsigned Accumulators = 16,      //@ = core.accumulators
  parameter int unsigned PostWidth    = 16,      //@ = units.postprocess_width
  parameter int unsigned LookupPorts  = 4,       //@ = units.lookup_ports
  parameter int unsigned Ports        = 4,       //@ = units.window_ports
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
  input  wire                   wipe_i,           // with clear_i: write 0 to this row of the memories
  input  wire  [23:0]           wipe_row_i,
  //@ endif
  input  wire                   halt_i,           // begin no command
  // command entries from the dispatcher
  input  wire                   push_valid_i,
  output wire                   push_ready_o,
  input  wire  [127:0]          push_entry_i,
  input  wire                   push_last_i,
  input  wire  [Barriers*npu_isa_pkg::BarrierCountBits-1:0] barrier_counts_i,
  // state
  output wire                   busy_o,           // a command runs and does not wait for weights
  output wire                   waiting_o,        // the next command waits for a barrier
  output wire                   blocked_o,        // the queue moves only with an arrival or a push
  output wire                   empty_o,          // nothing in the queue
  output wire                   begin_o,          // pulse: a command is taken
  output wire                   running_o,        // it is not complete, though it may wait
  output wire  [15:0]           tag_o,            // of the running or next command
  output wire  [3:0]            cause_o,          // what a busy cycle is spent on
  // arrival (counts 1) and error, pulses
  output wire                   signal_valid_o,
  output wire  [5:0]            signal_id_o,
  output wire                   error_valid_o,
  output wire  [7:0]            error_code_o,
  output wire  [15:0]           error_tag_o,
  output wire  [24:0]           error_address_o,
  // bus side: writes to PE memory or to the cores of core_mask, reads of PE memory
  input  wire                   bus_write_valid_i,
  output wire                   bus_write_ready_o,
  input  wire                   bus_write_core_i,
  input  wire  [23:0]           bus_write_addr_i,
  input  wire  [8*BusBytes-1:0] bus_write_data_i,
  input  wire  [BusBytes-1:0]   bus_write_strb_i,
  input  wire  [15:0]           bus_write_core_mask_i,
  input  wire                   bus_read_valid_i,
  output wire                   bus_read_ready_o,
  input  wire  [23:0]           bus_read_addr_i,
  output wire                   bus_read_rvalid_o,
  output wire  [8*BusBytes-1:0] bus_read_data_o
);
  localparam int unsigned PeLanes    = Cores * Lanes;
  localparam int unsigned RowBytes   = CoreBanks * CoreBankBytes;
  localparam int unsigned Rows       = CoreMemBytes / RowBytes;
  localparam int unsigned RowW       = (Rows > 1) ? $clog2(Rows) : 1;
  localparam int unsigned RowOffW    = $clog2(RowBytes);
  localparam int unsigned SliceRows  = (Lanes * Simd + RowBytes - 1) / RowBytes;
  localparam int unsigned PackedRows = ((Lanes * Simd + 1) / 2 + RowBytes - 1) / RowBytes;
  localparam int unsigned SliceW     = (SliceRows > 1) ? $clog2(SliceRows) : 1;
  localparam int unsigned ParamRows  = (Lanes * 9 + RowBytes - 1) / RowBytes;
  localparam int unsigned BiasRows   = (Lanes * 4 + RowBytes - 1) / RowBytes;
  localparam int unsigned ParamW     = (ParamRows > 1) ? $clog2(ParamRows) : 1;
  //@ if units.bnn.enabled
  localparam int unsigned GateRows   = BiasRows;  // a gate takes as much as a bias
  //@ endif
  localparam int unsigned IndexW     = (Accumulators > 1) ? $clog2(Accumulators) : 1;
  localparam int unsigned SizeW      = $clog2(Accumulators + 1);
  localparam int unsigned Chunks     = (PeLanes + PostWidth - 1) / PostWidth;
  localparam int unsigned ChunkW     = (Chunks > 1) ? $clog2(Chunks) : 1;
  localparam int unsigned ByteW      = $clog2(PeWordBytes) + 1;
  localparam int unsigned CountW     = $clog2(Ports + 1);
  localparam int unsigned WinBytes   = (PeLanes < PeWordBytes) ? PeLanes : PeWordBytes;
  localparam int unsigned VecW       = 8 * PeWordBytes;
  localparam int unsigned WriteDepth = 12;  // results from post-processing to PE memory
  localparam int unsigned FlightW    = $clog2(WriteDepth + 1);
  localparam int unsigned Entries    = (npu_isa_pkg::ComputeCommandWords + 3) / 4;

  if (Cores < 1 || Cores > 16) begin : gen_bad_cores
    $error("npu_pe: Cores must be 1..16");
  end
  if ((PostWidth & (PostWidth - 1)) != 0 || PostWidth > PeLanes) begin : gen_bad_post
    $error("npu_pe: PostWidth must be a power of two, at most the lanes of the PE");
  end

  // ---------------------------------------------------------------------------------------------
  // Command: queue, registers, life cycle.
  // ---------------------------------------------------------------------------------------------
  typedef enum logic [2:0] {
    StIdle,
    StStart,
    StTable,
    StRun,
    StError
  } state_e;

  state_e                        state_q;
  npu_isa_pkg::compute_command_t cmd_q, next_cmd;
  logic                          cmd_valid, cmd_ready, finished, start, fields_bad;
  logic                          is_matmul, is_window, is_pool, is_add, is_multiply, is_maximum;
  logic                          is_square, is_lookup, is_softmax, is_argmax;
  logic                          is_array, is_gather, is_two, is_rows;
  logic                          queue_waiting, queue_blocked, queue_empty, starved;
  logic [15:0]                   queue_tag;
  logic [15:0]                   unused_running_tag;

  assign cmd_ready = state_q == StIdle;

  npu_command_queue #(
    .Entries (Entries),
    .Depth   (QueueDepth),
    .Barriers(Barriers)
  ) u_queue (
    .clk_i,
    .rst_ni,
    .clear_i,
    .halt_i,
    .push_valid_i,
    .push_ready_o,
    .push_entry_i,
    .push_last_i,
    .barrier_counts_i,
    .cmd_valid_o  (cmd_valid),
    .cmd_ready_i  (cmd_ready),
    .cmd_o        (next_cmd),
    .waiting_o    (queue_waiting),
    .blocked_o    (queue_blocked),
    .empty_o      (queue_empty),
    .tag_o        (queue_tag),
    .running_tag_o(unused_running_tag)
  );

  assign is_matmul  = cmd_q.opcode == npu_isa_pkg::OpMatmul;
  assign is_window  = cmd_q.opcode == npu_isa_pkg::OpWindow;
  assign is_pool    = cmd_q.opcode == npu_isa_pkg::OpMaxPool;
  assign is_add     = cmd_q.opcode == npu_isa_pkg::OpAdd;
  assign is_multiply = cmd_q.opcode == npu_isa_pkg::OpMultiply;
  assign is_maximum = cmd_q.opcode == npu_isa_pkg::OpMaximum;
  assign is_square  = cmd_q.opcode == npu_isa_pkg::OpSquaredDifference;
  assign is_lookup  = cmd_q.opcode == npu_isa_pkg::OpLookup;
  assign is_softmax = cmd_q.opcode == npu_isa_pkg::OpSoftmax;
  assign is_argmax  = cmd_q.opcode == npu_isa_pkg::OpArgMax;
  assign is_array   = is_matmul || is_window;
  assign is_gather  = is_matmul && cmd_q.run_bytes != '0;
  assign is_two     = is_add || is_multiply || is_maximum || is_square;
  assign is_rows    = is_softmax || is_argmax;  // units that walk rows by themselves
  assign start      = state_q == StStart && !fields_bad;

  // Field values that no unit could work with; checked before any unit starts. The dispatcher has
  // seen to it that fields of other commands are 0.
  logic bad_loops, bad_slices, bad_channels, bad_window, bad_type, bad_bits;
  always_comb begin
    bad_loops    = 1'b0;
    bad_slices   = 1'b0;
    bad_channels = 1'b0;
    bad_window   = 1'b0;
    bad_type     = 1'b0;
    bad_bits     = 1'b0;
    fields_bad   = 1'b0;
    if (state_q == StStart) begin
      bad_loops    = is_rows ? cmd_q.out_h == '0 || cmd_q.row_bytes == '0
                             : cmd_q.out_w == '0 || cmd_q.positions == '0;
      bad_slices   = is_array && (cmd_q.k0_count == '0 || cmd_q.k1_count == '0 ||
                                  cmd_q.k2_count == '0 ||
                                  (!(cmd_q.drain && cmd_q.acc_init) &&
                                   (cmd_q.positions > 24'(Accumulators) ||
                                    cmd_q.groups != 16'd1)) ||
                                  (is_window && cmd_q.k0_count != 16'd1) ||
                                  (is_gather && (cmd_q.k1_count != 8'd1 ||
                                                 cmd_q.k2_count != 8'd1 || cmd_q.win_rows == '0 ||
                                                 cmd_q.k1_step >= 24'(cmd_q.run_bytes))) ||
                                  (cmd_q.follow && !cmd_q.wait1_en));
      bad_channels = (is_array || is_pool) &&
                     (cmd_q.groups == '0 || cmd_q.channels == '0 || cmd_q.group_channels == '0 ||
                      cmd_q.group_channels > (is_matmul ? 16'(PeLanes) :
                                              is_window ? 16'(WinBytes) : 16'(PostWidth)));
      bad_window   = (is_window || is_pool) &&
                     (cmd_q.win_rows == '0 || cmd_q.win_cols == '0 ||
                      (is_window && (cmd_q.win_new_cols == '0 ||
                                     cmd_q.win_new_cols > cmd_q.win_cols ||
                                     16'(cmd_q.win_rows) * 16'(cmd_q.win_cols) > 16'(Simd))));
      bad_type     = is_array && (cmd_q.out_type == 2'd3 ||
                                  (cmd_q.out_type == 2'd0 && cmd_q.out_byte != 2'd0) ||
                                  (cmd_q.out_type == 2'd1 && cmd_q.out_byte > 2'd1));
      //@ if units.bnn.enabled
      bad_bits     = (cmd_q.binary && (!is_gather || cmd_q.packed_weights || cmd_q.acc_shift)) ||
                     (cmd_q.two_planes && !(cmd_q.pool_bits ? !cmd_q.win_rows[0]
                                            : cmd_q.binary && cmd_q.acc_init && cmd_q.drain)) ||
                     (cmd_q.gated && !(cmd_q.binary && cmd_q.two_planes)) ||
                     (cmd_q.skip_window && (SkipWindow == 1 || !cmd_q.gated ||
                                            cmd_q.k0_count > 16'(SkipSlices))) ||
                     cmd_q.thresholds == 2'd2;
      //@ endif
      fields_bad   = bad_bits || bad_loops || bad_slices || bad_channels || bad_window || bad_type;
    end
  end

  // ---------------------------------------------------------------------------------------------
  // Sequencer and operand stage.
  // ---------------------------------------------------------------------------------------------
  logic              seq_active, slice_ready, slice_take, slice_wait, tile_end, tile_half;
  logic              result_ready, seq_error;
  logic [Ports-1:0]  seq_read_valid, seq_read_ready, seq_read_two;
  logic [SizeW-1:0]  tile_size;
  logic [1:0]        half_free;
  logic [24*Ports-1:0] seq_read_addr;
  logic [24:0]       seq_error_address;
  logic              stage_valid, stage_swap, stage_last, stage_first, stage_clear, stage_half;
  logic              stage_digit;
  //@ if units.bnn.enabled
  logic              stage_second, stage_double;
  logic [Ports-1:0]  stage_lower;
  logic [15:0]       stage_slice, skip_slice;
  logic              skip_pass, skip_step, skip_begin;
  logic [IndexW-1:0] skip_index;
  logic [SizeW-1:0]  skip_count;
  logic [Cores-1:0]  skip_more;
  //@ endif
  logic [CountW-1:0] stage_count;
  logic [Ports-1:0]  stage_clip;
  logic [ByteW*Ports-1:0] stage_low, stage_high, stage_length, stage_place;
  logic [IndexW-1:0] stage_index;
  logic [3:0]        seq_cause;
  logic              seq_start;

  npu_sequencer #(
    .MemBytes    (PeMemBytes),
    .WordBytes   (PeWordBytes),
    .Simd        (Simd),
    .Accumulators(Accumulators),
    .PostWidth   (PostWidth),
    //@ if units.bnn.enabled
    .SkipWindow  (SkipWindow),
    //@ endif
    .Ports       (Ports)
  ) u_sequencer (
    .clk_i,
    .rst_ni,
    .clear_i,
    .cmd_i          (cmd_q),
    .start_i        (seq_start),
    .active_o       (seq_active),
    .slice_ready_i  (slice_ready),
    .slice_take_o   (slice_take),
    .slice_wait_o   (slice_wait),
    .half_free_i    (half_free),
    .tile_end_o     (tile_end),
    .tile_half_o    (tile_half),
    .tile_size_o    (tile_size),
    .result_ready_i (result_ready),
    .read_valid_o   (seq_read_valid),
    .read_ready_i   (seq_read_ready),
    .read_addr_o    (seq_read_addr),
    .read_two_o     (seq_read_two),
    .stage_valid_o  (stage_valid),
    .stage_count_o  (stage_count),
    .stage_clip_o   (stage_clip),
    .stage_low_o    (stage_low),
    .stage_high_o   (stage_high),
    .stage_length_o (stage_length),
    .stage_place_o  (stage_place),
    .stage_swap_o   (stage_swap),
    .stage_last_o   (stage_last),
    .stage_first_o  (stage_first),
    .stage_clear_o  (stage_clear),
    .stage_digit_o  (stage_digit),
    //@ if units.bnn.enabled
    .stage_second_o (stage_second),
    .stage_double_o (stage_double),
    .stage_lower_o  (stage_lower),
    .stage_slice_o  (stage_slice),
    .skip_pass_o    (skip_pass),
    .skip_step_o    (skip_step),
    .skip_begin_o   (skip_begin),
    .skip_slice_o   (skip_slice),
    .skip_index_o   (skip_index),
    .skip_count_o   (skip_count),
    .skip_more_i    (skip_more != '0),
    //@ endif
    .stage_half_o   (stage_half),
    .stage_index_o  (stage_index),
    .cause_o        (seq_cause),
    .error_o        (seq_error),
    .error_address_o(seq_error_address)
  );

  // The vectors with the fill byte where they lie outside the tensor.
  logic [VecW*Ports-1:0] read_data, vectors;
  logic [VecW-1:0]       vector, low_mask, high_mask;
  logic [ByteW-1:0]      vector_low, vector_high;
  assign vector = vectors[VecW-1:0];

  always_comb begin
    low_mask    = '0;
    high_mask   = '0;
    vector_low  = '0;
    vector_high = '0;
    vectors     = read_data;
    for (int unsigned p = 0; p < Ports; p++) begin
      vector_low  = stage_low[ByteW*p+:ByteW];
      vector_high = stage_high[ByteW*p+:ByteW];
      if (stage_valid && CountW'(p) < stage_count && stage_clip[p]) begin
        low_mask  = {VecW{1'b1}} << {vector_low, 3'b000};
        high_mask = ~({VecW{1'b1}} << {vector_high, 3'b000});
        vectors[VecW*p+:VecW] = (read_data[VecW*p+:VecW] & low_mask & high_mask) |
                                ({PeWordBytes{cmd_q.fill}} & ~(low_mask & high_mask));
      end
    end
  end

  // A gathered slice's operand: the bytes that count, one behind the other.
  logic [Ports-1:0] operand_ports;  // with vectors of it
  for (genvar p = 0; p < Ports; p++) begin : gen_operand_port
    //@ if units.bnn.enabled
    // Vectors of the second plane wait for their pass.
    assign operand_ports[p] = CountW'(p) < stage_count && !(SkipWindow > 1 && stage_lower[p]);
    //@ endif
    //@ unless units.bnn.enabled: assign operand_ports[p] = CountW'(p) < stage_count;
  end

  logic [8*Simd-1:0] gathered, gathered_q;
  logic [8*Simd-1:0] gather_mask;
  always_comb begin
    gathered    = stage_first ? '0 : gathered_q;
    gather_mask = '0;
    if (stage_valid && is_gather) begin
      for (int unsigned p = 0; p < Ports; p++) begin
        if (operand_ports[p]) begin
          gather_mask = ~({(8*Simd){1'b1}} << {stage_length[ByteW*p+:ByteW], 3'b000});
          gathered    = gathered | ((vectors[VecW*p+:8*Simd] & gather_mask) <<
                                    {stage_place[ByteW*p+:ByteW], 3'b000});
        end
      end
    end
  end

  always_ff @(posedge clk_i) begin
    if (stage_valid && is_gather) gathered_q <= gathered;
  end


  // ---------------------------------------------------------------------------------------------
  // Cores.
  // ---------------------------------------------------------------------------------------------
  logic                       load_operands, shift_operands, swap_weights, fire_next;
  logic                       fire_q, fire_clear_q, fire_digit_q, fire_half_q;
  logic [IndexW-1:0]          fire_index_q;
  logic                       row_read;
  logic [23:0]                row_addr;
  logic [Cores*8*RowBytes-1:0] row_data;
  logic                       shadow_we, record_we, drain_read, drain_half;
  logic [SliceW-1:0]          shadow_row;
  logic [ParamW-1:0]          record_row;
  //@ if units.bnn.enabled
  localparam int unsigned GateW = (GateRows > 1) ? $clog2(GateRows) : 1;
  logic                       gate_we;
  logic [GateW-1:0]           gate_row;
  //@ endif
  logic [IndexW-1:0]          drain_index;
  logic [72*PeLanes-1:0]      records;
  logic [32*PeLanes-1:0]      drain_sums;
  logic [8*PeLanes*Ports-1:0] lane_bytes;
  logic                       row_write;
  logic [RowW-1:0]            write_row;
  logic [8*RowBytes-1:0]      write_data;
  logic [RowBytes-1:0]        write_strb;
  logic [Cores-1:0]           write_core_mask;

  assign load_operands  = stage_valid && is_matmul;
  assign shift_operands = stage_valid && is_window;
  assign swap_weights   = stage_valid && stage_swap;
  assign fire_next      = stage_valid && is_array && stage_last;

  for (genvar p = 0; p < Ports; p++) begin : gen_lane_bytes
    if (PeLanes > PeWordBytes) begin : gen_few
      assign lane_bytes[8*PeLanes*p+:8*PeLanes] = {
        {(8 * PeLanes - VecW) {1'b0}}, vectors[VecW*p+:VecW]
      };
    end else begin : gen_many
      assign lane_bytes[8*PeLanes*p+:8*PeLanes] = vectors[VecW*p+:8*PeLanes];
    end
  end

  always_ff @(posedge clk_i) begin
    fire_q <= rst_ni && !clear_i && fire_next;
    if (fire_next) begin
      fire_clear_q <= stage_clear;
      fire_digit_q <= stage_digit;
      fire_half_q  <= stage_half;
      fire_index_q <= stage_index;
    end
  end

  //@ if units.bnn.enabled
  // Bits: the bytes of the operand that count.
  logic [Simd-1:0]  counted, counted_q, fire_counted_q, counted_mask;
  logic [10:0]      bits, fire_bits_q;
  logic             fire_double_q;
  logic [ByteW-1:0] counted_low, counted_high;

  always_comb begin
    counted      = stage_first ? '0 : counted_q;
    counted_mask = '0;
    counted_low  = '0;
    counted_high = '0;
    bits         = '0;
    if (stage_valid && cmd_q.binary) begin
      for (int unsigned q = 0; q < Ports; q++) begin
        if (operand_ports[q]) begin
          counted_low  = cmd_q.skip_outside ? stage_low[ByteW*q+:ByteW] : '0;
          counted_high = stage_length[ByteW*q+:ByteW];
          if (cmd_q.skip_outside && stage_high[ByteW*q+:ByteW] < counted_high) begin
            counted_high = stage_high[ByteW*q+:ByteW];
          end
          counted_mask = ({Simd{1'b1}} << counted_low) & ~({Simd{1'b1}} << counted_high);
          counted      = counted | (counted_mask << stage_place[ByteW*q+:ByteW]);
        end
      end
      for (int unsigned q = 0; q < Simd; q++) bits = bits + {7'd0, counted[q], 3'd0};
    end
  end

  always_ff @(posedge clk_i) begin
    if (stage_valid && cmd_q.binary) counted_q <= counted;
    if (fire_next) begin
      fire_counted_q <= counted;
      fire_bits_q    <= bits;
      fire_double_q  <= stage_double;
    end
  end
  //@ endif

  //@ if units.bnn.enabled
  // Vectors of the second plane on their way to its pass: a memory for each place of a window.
  localparam int unsigned BytesW      = $clog2(Simd + 1);
  localparam int unsigned SkipVectorW = 9 * Simd + BytesW;  // a vector, valid bytes, their number
  logic [SkipVectorW*SkipWindow-1:0] skip_vectors;

  if (SkipWindow > 1) begin : gen_skip
    localparam int unsigned Blocks = (Accumulators + SkipWindow - 1) / SkipWindow;
    localparam int unsigned Depth  = SkipSlices * Blocks;
    localparam int unsigned DepthW = (Depth > 1) ? $clog2(Depth) : 1;
    localparam int unsigned PlaceW = $clog2(SkipWindow);
    logic [8*Simd-1:0]      lower_data, lower_data_q, lower_mask;
    logic [DepthW-1:0]      write_entry, read_entry;
    logic                   keep;

    always_comb begin
      lower_data = stage_first ? '0 : lower_data_q;
      lower_mask = '0;
      if (keep || (stage_valid && stage_lower != '0)) begin
        for (int unsigned v = 0; v < Ports; v++) begin
          if (CountW'(v) < stage_count && stage_lower[v]) begin
            lower_mask = ~({(8*Simd){1'b1}} << {stage_length[ByteW*v+:ByteW], 3'b000});
            lower_data = lower_data | ((vectors[VecW*v+:8*Simd] & lower_mask) <<
                                       {stage_place[ByteW*v+:ByteW], 3'b000});
          end
        end
      end
    end
    always_ff @(posedge clk_i) begin
      if (stage_valid && cmd_q.skip_window) lower_data_q <= lower_data;
    end

    assign keep        = stage_valid && cmd_q.skip_window && !stage_second && stage_last;
    assign write_entry = DepthW'(stage_slice) * DepthW'(Blocks) +
                         DepthW'(32'(stage_index) >> PlaceW);
    assign read_entry  = DepthW'(skip_slice) * DepthW'(Blocks) +
                         DepthW'(32'(skip_index) >> PlaceW);
    logic unused_slices;
    assign unused_slices = ^{stage_slice, skip_slice};

    for (genvar w = 0; w < SkipWindow; w++) begin : gen_place
      npu_ram_1r1w #(
        .Width(SkipVectorW),
        .Depth(Depth)
      ) u_place (
        .clk_i,
        .we_i   (keep && stage_index[PlaceW-1:0] == PlaceW'(w)),
        .waddr_i(write_entry),
        .wdata_i({bits[BytesW+2:3], counted, lower_data}),
        .re_i   (skip_step && skip_begin),
        .raddr_i(read_entry),
        .rdata_o(skip_vectors[SkipVectorW*w+:SkipVectorW])
      );
    end
  end else begin : gen_lockstep
    assign skip_vectors = '0;
    logic unused_skip;
    assign unused_skip = ^{stage_lower, stage_slice, skip_slice, skip_begin, skip_index};
  end
  //@ endif

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
      .Accumulators(Accumulators),
      //@ if units.bnn.enabled
      .SkipWindow  (SkipWindow),
      //@ endif
      .Ports       (Ports)
    ) u_core (
      .clk_i,
      //@ if npu.memory_clear
      .wipe_i,
      .wipe_row_i,
      //@ endif
      .row_read_i   (row_read),
      .row_addr_i   (row_addr[RowW-1:0]),
      .row_data_o   (row_data[8*RowBytes*c+:8*RowBytes]),
      .row_write_i  (row_write && write_core_mask[c]),
      .write_row_i  (write_row),
      .write_data_i (write_data),
      .write_strb_i (write_strb),
      .shadow_we_i  (shadow_we),
      .shadow_row_i (shadow_row),
      .record_we_i  (record_we),
      .record_row_i (record_row),
      .records_o    (records[72*Lanes*c+:72*Lanes]),
      .load_i       (load_operands),
      .load_data_i  (is_gather ? gathered : vector[8*Simd-1:0]),
      .shift_i      (shift_operands),
      .shift_count_i(stage_count),
      .shift_data_i (core_bytes),
      .swap_i       (swap_weights),
      .packed_i     (cmd_q.packed_weights),
      //@ if units.bnn.enabled
      .gate_we_i    (gate_we),
      .gate_row_i   (gate_row),
      .binary_i     (cmd_q.binary),
      .gated_i      (cmd_q.gated),
      .second_i     (stage_second),
      .fire_valid_i (fire_counted_q),
      .fire_bits_i  (fire_bits_q),
      .fire_double_i(fire_double_q),
      .skip_pass_i  (skip_pass),
      .skip_step_i  (skip_step),
      .skip_begin_i (skip_begin),
      .skip_index_i (skip_index),
      .skip_count_i (skip_count),
      .skip_more_o  (skip_more[c]),
      .skip_vectors_i(skip_vectors),
      //@ endif
      .acc_read_i   (fire_next),
      .acc_half_i   (stage_half),
      .acc_index_i  (stage_index),
      .fire_i       (fire_q),
      .fire_clear_i (fire_clear_q),
      .fire_digit_i (fire_digit_q),
      .fire_half_i  (fire_half_q),
      .fire_index_i (fire_index_q),
      .drain_read_i (drain_read),
      .drain_half_i (drain_half),
      .drain_index_i(drain_index),
      .drain_sums_o (drain_sums[32*Lanes*c+:32*Lanes])
    );
  end

  // ---------------------------------------------------------------------------------------------
  // Core memory row port: records first (few rows), then weights, then tables of vector units; rows
  // from the bus use the other cycles, unless they are urgent or the row is wanted.
  // ---------------------------------------------------------------------------------------------
  logic        loader_row_valid, loader_row_ready, loader_starved, loader_error;
  logic        drain_row_valid, drain_row_ready, drain_error;
  //@ if units.bnn.enabled
  logic        is_threshold;      // results become bits
  logic [1:0]  threshold_writes;  // that this cycle's result gives
  //@ endif
  logic        table_row_valid, table_row_ready;
  logic [23:0] loader_row, drain_row, table_row, loader_error_row, drain_error_row;
  logic        core_write_ready, write_valid, write_urgent, write_held, write_first, row_valid;

  npu_row_writer #(
    .RowBytes(RowBytes),
    .Rows    (Rows),
    .BusBytes(BusBytes),
    .Cores   (Cores)
  ) u_row_writer (
    .clk_i,
    .rst_ni,
    .clear_i,
    .bus_valid_i    (bus_write_valid_i && bus_write_core_i),
    .bus_ready_o    (core_write_ready),
    .bus_addr_i     (bus_write_addr_i),
    .bus_data_i     (bus_write_data_i),
    .bus_strb_i     (bus_write_strb_i),
    .bus_core_mask_i(bus_write_core_mask_i[Cores-1:0]),
    .row_valid_o    (write_valid),
    .row_ready_i    (!row_read),
    .row_urgent_o   (write_urgent),
    .held_o         (write_held),
    .row_o          (write_row),
    .row_data_o     (write_data),
    .row_strb_o     (write_strb),
    .row_core_mask_o(write_core_mask)
  );

  assign row_addr        = drain_row_valid ? drain_row : loader_row_valid ? loader_row : table_row;
  assign row_valid       = drain_row_valid || loader_row_valid || table_row_valid;
  assign write_first     = write_urgent || (write_held && write_row == row_addr[RowW-1:0]);
  assign row_read        = row_valid && !write_first;
  assign row_write       = write_valid && !row_read;
  assign drain_row_ready  = !write_first;
  assign loader_row_ready = !write_first && !drain_row_valid;
  assign table_row_ready  = !write_first && !drain_row_valid && !loader_row_valid;

  npu_weight_loader #(
    .SliceRows (SliceRows),
    .PackedRows(PackedRows),
    //@ if units.bnn.enabled
    .GateRows  (GateRows),
    //@ endif
    .Rows      (Rows),
    .RowBytes  (RowBytes),
    .Accumulators(Accumulators),
    .Barriers  (Barriers)
  ) u_weight_loader (
    .clk_i,
    .rst_ni,
    .clear_i,
    .cmd_i        (cmd_q),
    .start_i      (start && is_array),
    .barrier_counts_i,
    .row_valid_o  (loader_row_valid),
    .row_ready_i  (loader_row_ready),
    .row_addr_o   (loader_row),
    .shadow_we_o  (shadow_we),
    .shadow_row_o (shadow_row),
    //@ if units.bnn.enabled
    .gate_we_o    (gate_we),
    .gate_row_o   (gate_row),
    //@ endif
    .starved_o    (loader_starved),
    .slice_ready_o(slice_ready),
    .slice_take_i (slice_take),
    .error_o      (loader_error),
    .error_row_o  (loader_error_row)
  );

  // ---------------------------------------------------------------------------------------------
  // Drain.
  // ---------------------------------------------------------------------------------------------
  logic                 drain_busy, drain_room, drain_result, drain_result_last;
  logic [ChunkW-1:0]    drain_chunk;
  logic [PostWidth-1:0] drain_strb;

  npu_drain #(
    .PeLanes     (PeLanes),
    .PostWidth   (PostWidth),
    .Accumulators(Accumulators),
    .ParamRows   (ParamRows),
    .BiasRows    (BiasRows),
    .Rows        (Rows)
  ) u_drain (
    .clk_i,
    .rst_ni,
    .clear_i,
    .cmd_i         (cmd_q),
    .start_i       (start && is_array && cmd_q.drain),
    .busy_o        (drain_busy),
    .tile_end_i    (tile_end),
    .tile_half_i   (tile_half),
    .tile_size_i   (tile_size),
    .half_free_o   (half_free),
    .row_valid_o   (drain_row_valid),
    .row_ready_i   (drain_row_ready),
    .row_addr_o    (drain_row),
    .record_we_o   (record_we),
    .record_row_o  (record_row),
    .read_o        (drain_read),
    .read_half_o   (drain_half),
    .read_index_o  (drain_index),
    .room_i        (drain_room),
    .result_valid_o(drain_result),
    .result_chunk_o(drain_chunk),
    .result_last_o (drain_result_last),
    .result_strb_o (drain_strb),
    .error_o       (drain_error),
    .error_row_o   (drain_error_row)
  );

  // The chunk's sums and records, lanes padded to whole chunks.
  logic [32*PostWidth*Chunks-1:0] sums_padded;
  logic [72*PostWidth*Chunks-1:0] records_padded;
  logic [32*PostWidth-1:0]        chunk_sums;
  logic [72*PostWidth-1:0]        chunk_records;
  assign sums_padded    = (32 * PostWidth * Chunks)'(drain_sums);
  always_comb begin
    records_padded = (72 * PostWidth * Chunks)'(records);
    if (cmd_q.common_scale) begin
      // A core's records are its lanes' biases.
      for (int unsigned l = 0; l < PeLanes; l++) begin
        records_padded[72*l+:72] = {
          cmd_q.out_shift, 1'b0, cmd_q.out_multiplier, records[72*Lanes*(l/Lanes)+32*(l%Lanes)+:32]
        };
      end
    end
  end
  if (Chunks == 1) begin : gen_one_chunk
    assign chunk_sums    = sums_padded;
    assign chunk_records = records_padded;
    logic unused_chunk;
    assign unused_chunk = ^drain_chunk;
  end else begin : gen_chunks
    always_comb begin
      chunk_sums    = '0;
      chunk_records = '0;
      for (int unsigned c = 0; c < Chunks; c++) begin
        if (32'(drain_chunk) == c) begin
          chunk_sums    = chunk_sums | sums_padded[32*PostWidth*c+:32*PostWidth];
          chunk_records = chunk_records | records_padded[72*PostWidth*c+:72*PostWidth];
        end
      end
    end
  end

  // ---------------------------------------------------------------------------------------------
  // Vector buffer: results of MAXPOOL and MAXIMUM, operands of the other vector operations on their
  // way to their unit.
  // ---------------------------------------------------------------------------------------------
  logic [8*PostWidth-1:0] hold_q, hold_next, buffer_a_q, buffer_b_q;
  logic [PostWidth-1:0]   buffer_strb_q;
  logic                   buffer_valid_q, buffer_go, buffer_load;
  logic                   post_ready, post_busy, lookup_ready, lookup_busy, vector_room;
  logic [15:0]            pool_channels_left_q;

  always_comb begin
    hold_next = vector[8*PostWidth-1:0];
    if ((is_pool || is_maximum) && !stage_first) begin
      for (int unsigned i = 0; i < PostWidth; i++) begin
        if (($signed(hold_q[8*i+:8]) > $signed(vector[8*i+:8])) != cmd_q.minimum) begin
          hold_next[8*i+:8] = hold_q[8*i+:8];
        end
      end
    end
    //@ if units.bnn.enabled
    if (is_pool && cmd_q.pool_bits) begin
      hold_next = stage_first ? vector[8*PostWidth-1:0] : hold_q | vector[8*PostWidth-1:0];
      // The lower bits of the codes whose upper bit is that of the largest one.
      if (cmd_q.two_planes) hold_next = any_both | (any_lower & ~any_upper);
    end
    //@ endif
  end

  //@ if units.bnn.enabled
  // Codes of two planes: upper and lower bits are fetched in turn. Whether any code of the window
  // has its upper bit, its lower bit, both.
  logic                   lower_turn_q;
  logic [8*PostWidth-1:0] any_upper, any_lower, any_both, any_upper_q, any_lower_q, any_both_q;
  logic [8*PostWidth-1:0] upper_bits_q;

  always_comb begin
    any_upper = any_upper_q;
    any_lower = any_lower_q;
    any_both  = any_both_q;
    if (stage_valid && is_pool && cmd_q.pool_bits) begin
      if (stage_first) begin
        any_upper = vector[8*PostWidth-1:0];
        any_lower = '0;
        any_both  = '0;
      end else if (!lower_turn_q) begin
        any_upper = any_upper_q | vector[8*PostWidth-1:0];
      end else begin
        any_lower = any_lower_q | vector[8*PostWidth-1:0];
        any_both  = any_both_q | (vector[8*PostWidth-1:0] & upper_bits_q);
      end
    end
  end

  always_ff @(posedge clk_i) begin
    if (stage_valid && is_pool && cmd_q.pool_bits) begin
      lower_turn_q <= stage_first || !lower_turn_q;
      upper_bits_q <= vector[8*PostWidth-1:0];
      any_upper_q  <= any_upper;
      any_lower_q  <= any_lower;
      any_both_q   <= any_both;
    end
  end
  //@ endif

  assign buffer_load  = stage_valid && !is_array && stage_last;
  assign buffer_go    = buffer_valid_q && (is_lookup ? lookup_ready : post_ready && vector_room);
  assign result_ready = !buffer_load && (!buffer_valid_q || buffer_go);

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i) buffer_valid_q <= 1'b0;
    else if (buffer_load) buffer_valid_q <= 1'b1;
    else if (buffer_go) buffer_valid_q <= 1'b0;
    if (stage_valid && !is_array) hold_q <= hold_next;
    if (buffer_load) begin
      buffer_a_q <= (is_two && !is_maximum) ? hold_q : hold_next;
      buffer_b_q <= vector[8*PostWidth-1:0];
      for (int unsigned i = 0; i < PostWidth; i++) begin
        buffer_strb_q[i] <= is_pool ? 16'(i) < pool_channels_left_q && 16'(i) < cmd_q.group_channels
                                    : ByteW'(i) < stage_high[ByteW-1:0];
      end
    end
  end

  // Output address of the position whose results pass now; MAXPOOL counts its groups here.
  logic [23:0] out_address, result_address, pool_positions_q;
  logic        out_step;

  assign out_step       = (drain_result && drain_result_last) || buffer_go;
  assign result_address = out_address + (is_array ? 24'(drain_chunk) * 24'(PostWidth) : 24'd0);

  npu_output_walker #(
    .PostWidth(PostWidth)
  ) u_walker (
    .clk_i,
    .cmd_i    (cmd_q),
    .start_i  (start),
    .step_i   (out_step),
    .address_o(out_address)
  );

  always_ff @(posedge clk_i) begin
    if (start) begin
      pool_positions_q     <= cmd_q.positions;
      pool_channels_left_q <= cmd_q.channels;
    end else if (buffer_load && is_pool) begin
      pool_positions_q <= pool_positions_q - 24'd1;
      if (pool_positions_q == 24'd1) begin
        pool_positions_q     <= cmd_q.positions;
        pool_channels_left_q <= (pool_channels_left_q < cmd_q.group_channels)
                                ? '0 : pool_channels_left_q - cmd_q.group_channels;
      end
    end
  end

  // ---------------------------------------------------------------------------------------------
  // Post-processing, table look-up, softmax.
  // ---------------------------------------------------------------------------------------------
  logic                   post_valid, post_out_valid;
  logic [2:0]             post_mode;
  logic [8*PostWidth-1:0] post_out_data;
  logic [23:0]            post_out_addr;
  logic [PostWidth-1:0]   post_out_strb;

  //@ if units.bnn.enabled
  assign post_valid = (drain_result && !is_threshold) || (buffer_go && !is_lookup);
  //@ endif
  //@ unless units.bnn.enabled: assign post_valid = drain_result || (buffer_go && !is_lookup);
  always_comb begin
    post_mode = 3'd3;
    if (is_array) post_mode = cmd_q.average ? 3'd1 : 3'd0;
    else if (is_add) post_mode = 3'd2;
    else if (is_multiply) post_mode = 3'd4;
    else if (is_square) post_mode = 3'd5;
  end

  npu_postprocess #(
    .Width(PostWidth)
  ) u_post (
    .clk_i,
    .rst_ni,
    .clear_i,
    .out_zero_point_i(cmd_q.out_zero_point),
    .out_type_i      (is_array ? cmd_q.out_type : 2'd0),
    .out_byte_i      (cmd_q.out_byte),
    .act_min_i       (cmd_q.act_min),
    .act_max_i       (cmd_q.act_max),
    .a_zero_point_i  (cmd_q.a_zero_point),
    .b_zero_point_i  (cmd_q.b_zero_point),
    .b_shift_i       (cmd_q.b_shift),
    .out_shift_i     (cmd_q.out_shift),
    .b_multiplier_i  (cmd_q.b_multiplier),
    .out_multiplier_i(cmd_q.out_multiplier),
    .a_subtract_i    (cmd_q.a_subtract),
    .b_subtract_i    (cmd_q.b_subtract),
    .valid_i         (post_valid),
    .ready_o         (post_ready),
    .mode_i          (post_mode),
    .acc_i           (chunk_sums),
    .record_i        (chunk_records),
    .a_i             (buffer_a_q),
    .b_i             (buffer_b_q),
    .addr_i          (result_address),
    .strb_i          (is_array ? drain_strb : buffer_strb_q),
    .valid_o         (post_out_valid),
    .data_o          (post_out_data),
    .addr_o          (post_out_addr),
    .strb_o          (post_out_strb),
    .busy_o          (post_busy)
  );

  // The units that few commands use: their clock runs in these commands.
  wire  unit_clk;
  logic uses_unit;
  //@ if units.bnn.enabled
  assign uses_unit = is_lookup || is_rows || is_threshold;
  //@ endif
  //@ unless units.bnn.enabled: assign uses_unit = is_lookup || is_rows;
  npu_clock_gate u_unit_gate (
    .clk_i,
    .enable_i(!rst_ni || clear_i || (state_q != StIdle && uses_unit)),
    .clk_o   (unit_clk)
  );

  //@ if units.bnn.enabled
  logic                   threshold_busy, threshold_valid;
  logic [8*PostWidth-1:0] threshold_data;
  logic [23:0]            threshold_addr;
  logic [PostWidth-1:0]   threshold_strb;

  assign is_threshold = is_array && cmd_q.thresholds != '0;

  npu_threshold #(
    .Width(PostWidth)
  ) u_threshold (
    .clk_i(unit_clk),
    .rst_ni,
    .clear_i,
    .three_i     (cmd_q.thresholds[1]),
    .packed_i    (cmd_q.bit_output),
    .plane_step_i(cmd_q.out_plane_step),
    .valid_i     (drain_result && is_threshold),
    .last_i      (drain_result_last),
    .acc_i       (chunk_sums),
    .record_i    (chunk_records),
    .strb_i      (drain_strb),
    .addr_i      (out_address),
    .channel_i   (16'(drain_chunk) * 16'(PostWidth)),
    .valid_o     (threshold_valid),
    .data_o      (threshold_data),
    .addr_o      (threshold_addr),
    .strb_o      (threshold_strb),
    .writes_o    (threshold_writes),
    .busy_o      (threshold_busy)
  );
  //@ endif

  // Table rows: LOOKUP copies 256 bytes of core 0 into its memories before it starts, SOFTMAX reads
  // words.
  logic                   soft_busy, soft_read_valid, soft_table_valid, soft_table_rvalid_q;
  logic                   soft_out_valid, arg_busy, arg_read_valid, arg_out_valid;
  logic [24:0]            soft_read_addr, arg_read_addr, soft_row, arg_row;
  logic [7:0]             soft_table_index, soft_out_data, arg_out_data;
  logic [23:0]            arg_out_addr;
  // Of the one that runs:
  logic                   rows_busy, rows_read_valid, rows_read_ready, rows_rvalid1_q;
  logic                   rows_rvalid2_q, rows_out_ready;
  logic [24:0]            rows_read_addr, rows_row;
  logic [VecW-1:0]        rows_data_q;
  logic [7:0]             rows_out_data;
  logic [RowOffW-1:0]     table_offset_q;
  logic [31:0]            soft_table_data;
  logic [23:0]            soft_out_addr;
  logic [8*RowBytes-1:0]  table_shifted;

  logic [8:0]             load_index_q;      // bytes of the table loaded; 256: done
  logic                   load_row_q;        // the row of load_index_q stands on the row port
  logic                   load_done, load_write;

  assign load_done       = load_index_q[8];
  assign load_write      = state_q == StTable && load_row_q;
  assign table_row_valid = is_softmax ? soft_table_valid
                                      : state_q == StTable && !load_row_q && !load_done;
  assign table_row       = cmd_q.b_base[23:0] +
                           (is_softmax ? 24'({soft_table_index, 2'b00}) >> RowOffW
                                       : 24'(load_index_q) >> RowOffW);
  always_comb begin
    table_shifted = '0;
    if (load_write || soft_table_rvalid_q) begin
      table_shifted = row_data[8*RowBytes-1:0] >> {table_offset_q, 3'b000};
    end
  end
  assign soft_table_data = table_shifted[31:0];

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i || state_q != StTable) begin
      load_index_q <= '0;
      load_row_q   <= 1'b0;
    end else if (load_row_q) begin
      load_index_q <= load_index_q + 9'd1;
      if (RowOffW'(load_index_q) == RowOffW'(RowBytes - 1)) load_row_q <= 1'b0;
    end else if (table_row_valid && table_row_ready) begin
      load_row_q <= 1'b1;
    end
    soft_table_rvalid_q <= rst_ni && !clear_i && is_softmax && soft_table_valid && table_row_ready;
    if (table_row_valid && table_row_ready) begin
      table_offset_q <= is_softmax ? RowOffW'({soft_table_index, 2'b00}) : '0;
    end else if (load_write) begin
      table_offset_q <= table_offset_q + RowOffW'(1);
    end
  end

  logic                   lookup_out_valid, lookup_out_ready;
  logic [8*PostWidth-1:0] lookup_out_data;
  logic [23:0]            lookup_out_addr;
  logic [PostWidth-1:0]   lookup_out_strb;

  npu_lookup #(
    .Width(PostWidth),
    .Ports(LookupPorts)
  ) u_lookup (
    .clk_i(unit_clk),
    .rst_ni,
    .clear_i,
    .load_valid_i(load_write),
    .load_index_i(load_index_q[7:0]),
    .load_data_i (table_shifted[7:0]),
    .valid_i     (buffer_valid_q && is_lookup),
    .ready_o     (lookup_ready),
    .data_i      (buffer_a_q),
    .addr_i      (result_address),
    .strb_i      (buffer_strb_q),
    .valid_o     (lookup_out_valid),
    .ready_i     (lookup_out_ready),
    .data_o      (lookup_out_data),
    .addr_o      (lookup_out_addr),
    .strb_o      (lookup_out_strb),
    .busy_o      (lookup_busy)
  );

  npu_softmax #(
    .ReadBytes(PeWordBytes)
  ) u_softmax (
    .clk_i(unit_clk),
    .rst_ni,
    .clear_i,
    .start_i       (start && is_softmax),
    .rows_i        (cmd_q.out_h),
    .depth_i       (cmd_q.row_bytes),
    .in_base_i     (cmd_q.act_base),
    .in_row_step_i (cmd_q.row_step),
    .out_base_i    (cmd_q.out_base),
    .out_row_step_i(cmd_q.out_row_step),
    .busy_o        (soft_busy),
    .rd_valid_o    (soft_read_valid),
    .rd_ready_i    (rows_read_ready),
    .rd_addr_o     (soft_read_addr),
    .rd_row_o      (soft_row),
    .rd_data_i     (rows_data_q),
    .rd_rvalid_i   (rows_rvalid2_q),
    .table_valid_o (soft_table_valid),
    .table_ready_i (is_softmax && table_row_ready),
    .table_index_o (soft_table_index),
    .table_data_i  (soft_table_data),
    .table_rvalid_i(soft_table_rvalid_q),
    .out_valid_o   (soft_out_valid),
    .out_ready_i   (rows_out_ready),
    .out_addr_o    (soft_out_addr),
    .out_data_o    (soft_out_data)
  );

  npu_argmax #(
    .ReadBytes(PeWordBytes)
  ) u_argmax (
    .clk_i(unit_clk),
    .rst_ni,
    .clear_i,
    .start_i       (start && is_argmax),
    .minimum_i     (cmd_q.minimum),
    .rows_i        (cmd_q.out_h),
    .depth_i       (cmd_q.row_bytes),
    .in_base_i     (cmd_q.act_base),
    .in_row_step_i (cmd_q.row_step),
    .out_base_i    (cmd_q.out_base),
    .out_row_step_i(cmd_q.out_row_step),
    .busy_o        (arg_busy),
    .rd_valid_o    (arg_read_valid),
    .rd_ready_i    (rows_read_ready),
    .rd_addr_o     (arg_read_addr),
    .rd_row_o      (arg_row),
    .rd_data_i     (rows_data_q),
    .rd_rvalid_i   (rows_rvalid2_q),
    .out_valid_o   (arg_out_valid),
    .out_ready_i   (rows_out_ready),
    .out_addr_o    (arg_out_addr),
    .out_data_o    (arg_out_data)
  );

  // One of the two runs at a time.
  assign rows_busy       = soft_busy || arg_busy;
  assign rows_read_valid = soft_read_valid || arg_read_valid;
  assign rows_out_data   = is_argmax ? arg_out_data : soft_out_data;
  assign rows_read_addr  = is_argmax ? arg_read_addr : soft_read_addr;
  assign rows_row        = is_argmax ? arg_row : soft_row;

  always_ff @(posedge clk_i) begin
    rows_rvalid1_q <= rst_ni && !clear_i && rows_read_valid && rows_read_ready;
    rows_rvalid2_q <= rst_ni && !clear_i && rows_rvalid1_q;
    if (rows_rvalid1_q) rows_data_q <= read_data[VecW-1:0];
  end

  // ---------------------------------------------------------------------------------------------
  // Writes and PE memory.
  // ---------------------------------------------------------------------------------------------
  logic                   write_push, write_push_ready, write_busy, write_done, write_bad;
  logic [23:0]            push_addr, push_room;
  logic [8*PostWidth-1:0] push_data;
  logic [PostWidth-1:0]   push_strb;
  logic [FlightW-1:0]     flight_q;
  logic [1:0]             flight_in;

  always_comb begin
    write_push = post_out_valid;
    push_addr  = post_out_addr;
    push_data  = post_out_data;
    push_strb  = post_out_strb;
    if (is_lookup) begin
      write_push = lookup_out_valid;
      push_addr  = lookup_out_addr;
      push_data  = lookup_out_data;
      push_strb  = lookup_out_strb;
    end else if (is_rows) begin
      write_push = is_argmax ? arg_out_valid : soft_out_valid;
      push_addr  = is_argmax ? arg_out_addr : soft_out_addr;
      push_data  = (8 * PostWidth)'(rows_out_data);
      push_strb  = PostWidth'(1);
    end
    //@ if units.bnn.enabled
    if (is_threshold) begin
      write_push = threshold_valid;
      push_addr  = threshold_addr;
      push_data  = threshold_data;
      push_strb  = threshold_strb;
    end
    //@ endif
  end
  assign lookup_out_ready = write_push_ready;
  assign rows_out_ready   = write_push_ready;
  assign push_room        = 24'(PeMemBytes) - push_addr;  // bytes up to the end of PE memory
  assign write_bad        = write_push && (push_addr >= 24'(PeMemBytes)
                                           ? push_strb != '0
                                           : push_room < 24'(PostWidth) &&
                                             (push_strb >> push_room) != '0);

  // Results that entered the post-processing and have not reached PE memory: never more than the
  // queue holds. The drain issues one cycle before its result enters.
  always_comb begin
    flight_in  = 2'(drain_result || (buffer_go && !is_lookup));
    drain_room = flight_q + FlightW'(drain_result) < FlightW'(WriteDepth);
    //@ if units.bnn.enabled
    // Bits of two planes are two writes, and come in every second cycle.
    if (is_threshold) begin
      flight_in  = threshold_writes;
      drain_room = flight_q < FlightW'(WriteDepth - 4) &&
                   !(drain_result && cmd_q.thresholds[1]);
    end
    //@ endif
  end
  assign vector_room = flight_q < FlightW'(WriteDepth);
  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i || state_q == StIdle) begin
      flight_q <= '0;
    end else begin
      flight_q <= flight_q + FlightW'(flight_in) -
                  FlightW'(write_done && !is_lookup && !is_rows);
    end
  end

  logic                memory_write_ready;
  logic [Ports-1:0]    read_valid, read_ready, read_two;
  logic [24*Ports-1:0] read_addr;

  always_comb begin
    read_valid = seq_read_valid;
    read_addr  = seq_read_addr;
    read_two   = seq_read_two;
    if (is_rows) begin
      read_valid[0]   = rows_read_valid && !rows_out_of_memory;
      read_addr[23:0] = rows_read_addr[23:0];
      read_two[0]     = rows_read_addr[ByteW-2:0] != '0;
    end
  end
  assign seq_read_ready  = is_rows ? '0 : read_ready;
  assign rows_read_ready = read_ready[0] && is_rows;

  npu_pe_memory #(
    .MemBytes (PeMemBytes),
    .Banks    (PeBanks),
    .WordBytes(PeWordBytes),
    .BusBytes (BusBytes),
    .PostWidth(PostWidth),
    .Ports    (Ports),
    .Writes   (WriteDepth)
  ) u_memory (
    .clk_i,
    .rst_ni,
    .read_valid_i     (read_valid),
    .read_ready_o     (read_ready),
    .read_addr_i      (read_addr),
    .read_two_i       (read_two),
    .read_data_o      (read_data),
    .write_valid_i    (write_push && !write_bad),
    .write_ready_o    (write_push_ready),
    .write_addr_i     (push_addr),
    .write_data_i     (push_data),
    .write_strb_i     (push_strb),
    .write_busy_o     (write_busy),
    .write_done_o     (write_done),
    .clear_i,
    //@ if npu.memory_clear
    .wipe_i,
    .wipe_row_i,
    //@ endif
    .bus_write_valid_i(bus_write_valid_i && !bus_write_core_i),
    .bus_write_ready_o(memory_write_ready),
    .bus_write_addr_i,
    .bus_write_data_i,
    .bus_write_strb_i,
    .bus_read_valid_i,
    .bus_read_ready_o,
    .bus_read_addr_i,
    .bus_read_rvalid_o,
    .bus_read_data_o
  );
  assign bus_write_ready_o = bus_write_core_i ? core_write_ready : memory_write_ready;

  // ---------------------------------------------------------------------------------------------
  // Life of a command.
  // ---------------------------------------------------------------------------------------------
  logic        error, rows_out_of_memory, granted_q, units_busy;
  logic [7:0]  error_code;
  logic [24:0] error_address;

  //@ if units.bnn.enabled
  assign units_busy = post_busy || lookup_busy || rows_busy || threshold_busy;
  //@ endif
  //@ unless units.bnn.enabled: assign units_busy = post_busy || lookup_busy || rows_busy;
  assign seq_start  = (start && !is_lookup && !is_rows) || (state_q == StTable && load_done);
  assign finished   = state_q == StRun && !seq_active && !stage_valid && !fire_q && !drain_busy &&
                      !buffer_valid_q && !units_busy && !write_busy && flight_q == '0;

  // A row that has a byte outside PE memory; looked at with its first vector, and the same after.
  assign rows_out_of_memory = is_rows && rows_read_valid &&
                              {1'b0, rows_row} + 26'(cmd_q.row_bytes) > 26'(PeMemBytes);

  always_comb begin
    error         = 1'b1;
    error_code    = npu_isa_pkg::ErrLocalBounds;
    error_address = seq_error_address;
    if (fields_bad) begin
      error_code    = npu_isa_pkg::ErrBadField;
      error_address = '0;
    end else if (loader_error) begin
      error_address = {1'b0, loader_error_row};
    end else if (drain_error) begin
      error_address = {1'b0, drain_error_row};
    end else if (table_row_valid && table_row >= 24'(Rows)) begin
      error_address = {1'b0, table_row};
    end else if (write_bad) begin
      error_address = {1'b0, push_addr};
    end else if (rows_out_of_memory) begin
      error_address = rows_read_addr;
    end else begin
      error = seq_error;
    end
    if (state_q == StIdle || state_q == StError) error = 1'b0;
  end

  // So has the state that a command goes through, which changes a few times in its life.
  wire life_clk;
  npu_clock_gate u_life_gate (
    .clk_i,
    .enable_i(!rst_ni || clear_i || error || (cmd_valid && cmd_ready) || state_q == StStart ||
              (state_q == StTable && load_done) ||
              (state_q == StRun && (finished || (stage_valid && !granted_q)))),
    .clk_o   (life_clk)
  );

  always_ff @(posedge life_clk) begin
    if (!rst_ni || clear_i) begin
      state_q   <= StIdle;
      granted_q <= 1'b0;
    end else begin
      unique case (state_q)
        StIdle: begin
          if (cmd_valid) begin
            state_q   <= StStart;
            granted_q <= 1'b0;
          end
        end
        StStart: state_q <= is_lookup ? StTable : StRun;
        StTable: if (load_done) state_q <= StRun;
        StRun: begin
          if (stage_valid) granted_q <= 1'b1;
          if (finished) state_q <= StIdle;
        end
        default: state_q <= StError;
      endcase
      if (error) state_q <= StError;
    end
  end

  // The command has a clock of its own, as has all logic that it alone decides.
  wire command_clk;
  npu_clock_gate u_command_gate (
    .clk_i,
    .enable_i(cmd_valid && cmd_ready),
    .clk_o   (command_clk)
  );
  always_ff @(posedge command_clk) begin
    if (cmd_valid && cmd_ready) cmd_q <= next_cmd;
  end

  logic [3:0] cause;
  always_comb begin
    cause = npu_isa_pkg::CauseFill;
    if (state_q == StRun) begin
      if (rows_busy) cause = npu_isa_pkg::CauseCompute;
      else if (seq_active && (granted_q || !slice_wait)) cause = seq_cause;
      else if (!seq_active && (drain_busy || lookup_busy)) cause = npu_isa_pkg::CauseDrain;
    end
  end

  // A command that waits for its weights counts as one that waits in the queue: only an arrival
  // moves it.
  assign starved         = state_q == StRun && loader_starved && slice_wait;
  assign busy_o          = state_q != StIdle && !starved;
  assign waiting_o       = starved || queue_waiting;
  assign blocked_o       = starved || queue_blocked;
  assign empty_o         = queue_empty && !starved;
  assign begin_o         = cmd_valid && cmd_ready;
  assign running_o       = state_q != StIdle;
  assign tag_o           = (state_q != StIdle) ? cmd_q.tag : queue_tag;
  assign cause_o         = cause;
  assign signal_valid_o  = finished && cmd_q.signal_en;
  assign signal_id_o     = cmd_q.signal_id;
  assign error_valid_o   = error;
  assign error_code_o    = error_code;
  assign error_tag_o     = cmd_q.tag;
  assign error_address_o = error_address;

  logic unused_bits;
  assign unused_bits = ^{cmd_q, records, lane_bytes, row_data, row_addr, table_shifted,
                         bus_write_core_mask_i, unused_running_tag};
endmodule : npu_pe
`default_nettype wire

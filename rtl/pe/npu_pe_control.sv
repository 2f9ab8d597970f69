`default_nettype none
// SPDX-License-Identifier: Apache-2.0
// Life of a compute command: out of the queue, checked, begun, finished or stopped by an error.
//
// One command runs at a time. In the cycle after it is taken its fields are checked; start_o then
// begins it in all units, or BadField ends it. LOOKUP loads its table first (load_table_o), and its
// vectors start with table_done_i. It is complete when no unit holds anything of it, never before
// its first fetch could have come out of PE memory. An error stops the PE until clear_i; of several
// in a cycle the one whose port stands first below is reported.
module npu_pe_control #(
  parameter int unsigned PeLanes      = 16,  // lanes of all cores of the PE
  parameter int unsigned WordBytes    = 16,  //@ = pe.bank_width  -- bytes of a vector read
  parameter int unsigned Simd         = 16,  //@ = lane.simd  -- operand bytes of a lane
  parameter int unsigned Accumulators = 16,  //@ = core.accumulators  -- positions per tile
  parameter int unsigned PostWidth    = 16,  //@ = units.postprocess_width
  parameter int unsigned Ports        = 4,   //@ = units.window_ports  -- slots of a group of rows
  //@ if units.bnn.enabled
  parameter int unsigned SkipWindow   = 1,   //@ = units.bnn.skip_window  -- positions
  parameter int unsigned SkipSlices   = 32,  //@ = units.bnn.skip_slices  -- that a window holds
  //@ endif
  parameter int unsigned QueueDepth   = 4,   //@ = npu.command_queue
  parameter int unsigned Barriers     = 16   //@ = npu.barriers
) (
  input  wire                   clk_i,
  input  wire                   rst_ni,
  input  wire                   clear_i,
  input  wire                   halt_i,            // begin no command
  // command entries from the dispatcher
  input  wire                   push_valid_i,
  output wire                   push_ready_o,
  input  wire  [127:0]          push_entry_i,
  input  wire                   push_last_i,
  input  wire  [Barriers*npu_isa_pkg::BarrierCountBits-1:0] barrier_counts_i,
  // for controller and trace, as npu_pe shows them
  output npu_isa_pkg::engine_status_t status_o,
  output npu_isa_pkg::engine_error_t  error_o,
  output npu_isa_pkg::engine_trace_t  trace_o,
  // the running command; pulses that begin it in the units, and in the sequencer
  output wire npu_isa_pkg::compute_command_t cmd_o,
  output wire                   start_o,
  output wire                   sequencer_start_o,
  // LOOKUP: the table is being loaded; all of it is
  output wire                   load_table_o,
  input  wire                   table_done_i,
  // what the units do
  input  wire                   sequencer_active_i,
  input  wire  [3:0]            sequencer_cause_i,
  input  wire                   slice_wait_i,      // the sequencer waits for weights,
  input  wire                   starved_i,         // and these for an arrival
  input  wire                   vector_valid_i,    // vectors come out of PE memory
  input  wire                   fire_i,            // and become sums
  input  wire                   drain_busy_i,
  input  wire                   rows_busy_i,       // SOFTMAX and ARGMAX
  input  wire                   lookup_busy_i,
  input  wire                   results_busy_i,
  input  wire                   write_busy_i,      // results wait in front of PE memory
  // errors: a row outside core memory, an address outside PE memory
  input  wire                   matrix_error_i,    // of weights and records
  input  wire  [23:0]           matrix_error_row_i,
  input  wire                   table_error_i,
  input  wire  [23:0]           table_error_row_i,
  input  wire                   write_error_i,
  input  wire  [23:0]           write_error_address_i,
  input  wire                   rows_error_i,      // of an operand row of SOFTMAX and ARGMAX
  input  wire  [24:0]           rows_error_address_i,
  input  wire                   sequencer_error_i,
  input  wire  [24:0]           sequencer_error_address_i
);
  localparam int unsigned Entries     = (npu_isa_pkg::ComputeCommandWords + 3) / 4;
  localparam int unsigned WindowBytes = (PeLanes < WordBytes) ? PeLanes : WordBytes;

  typedef enum logic [2:0] {
    StIdle,
    StStart,
    StTable,
    StRun,
    StError
  } state_e;

  state_e                        state_q;
  npu_isa_pkg::compute_command_t cmd_q, next_cmd;
  logic                          cmd_valid, cmd_ready, finished, fields_bad, error;
  logic                          granted_q;  // a vector of the command has come
  logic                          is_matmul, is_window, is_pool, is_lookup, is_rows, is_array;
  logic                          is_gather, starved;
  logic                          queue_waiting, queue_blocked, queue_empty;
  logic                          running, busy;
  logic [3:0]                    cause;
  logic [7:0]                    error_code;
  logic [24:0]                   error_address;
  logic [15:0]                   queue_tag, tag;
  logic [15:0]                   unused_running_tag;

  assign cmd_ready = state_q == StIdle;

  npu_command_queue #(
    .Entries (Entries),
    .Used    (npu_isa_pkg::ComputeCommandUsed),
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

  assign is_matmul = cmd_q.opcode == npu_isa_pkg::OpMatmul;
  assign is_window = cmd_q.opcode == npu_isa_pkg::OpWindow;
  assign is_pool   = cmd_q.opcode == npu_isa_pkg::OpMaxPool;
  assign is_lookup = cmd_q.opcode == npu_isa_pkg::OpLookup;
  assign is_rows   = npu_isa_pkg::is_rows(cmd_q.opcode);  // walk rows by themselves
  assign is_array  = is_matmul || is_window;
  assign is_gather = is_matmul && cmd_q.run_bytes != '0;

  // Groups of Ports rows in a window column, the last one perhaps not full. 171 / 512 is a third.
  function automatic logic [7:0] row_groups(input logic [7:0] rows);
    if (Ports == 3) row_groups = 8'(((17'(rows) + 17'd2) * 17'd171) >> 9);
    else row_groups = 8'((9'(rows) + 9'(Ports - 1)) >> $clog2(Ports));
  endfunction

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
                                              is_window ? 16'(WindowBytes) : 16'(PostWidth)));
      bad_window   = (is_window || is_pool) &&
                     (cmd_q.win_rows == '0 || cmd_q.win_cols == '0 ||
                      (is_window && (cmd_q.win_new_cols == '0 ||
                                     cmd_q.win_new_cols > cmd_q.win_cols ||
                                     (cmd_q.win_rows == 8'd1
                                          ? 16'(cmd_q.win_cols) > 16'(Simd)
                                          : 16'(row_groups(cmd_q.win_rows)) *
                                                16'(cmd_q.win_cols) > 16'(Simd / Ports)))));
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
      //@ if units.residual
      if (is_matmul && cmd_q.residual &&
          (!cmd_q.drain || cmd_q.average || cmd_q.common_scale || cmd_q.thresholds != '0 ||
           cmd_q.out_type != 2'd0)) begin
        bad_type = 1'b1;
      end
      //@ endif
      //@ if units.float
      if (is_matmul && (cmd_q.format_a != '0 || cmd_q.format_w != '0) &&
          (cmd_q.format_a == '0 || cmd_q.format_w == '0 ||
           (cmd_q.format_a == 2'd1) != (cmd_q.format_w == 2'd1) || cmd_q.out_format == '0 ||
           cmd_q.out_format > 3'd4 || cmd_q.packed_weights || cmd_q.acc_shift || cmd_q.average ||
           cmd_q.out_type != '0 || cmd_q.fill != '0)) begin
        bad_type = 1'b1;
      end
      //@ endif
      //@ if units.vector
      if (cmd_q.opcode == npu_isa_pkg::OpVector &&
          (cmd_q.a_format > 3'd4 || cmd_q.b_format > 3'd4 || cmd_q.c_format > 3'd4 ||
           cmd_q.d_format > 3'd4 || cmd_q.e_format > 3'd4)) begin
        bad_type = 1'b1;
      end
      //@ endif
      //@ if units.bnn.residual
      if (is_matmul && cmd_q.affine &&
          (!cmd_q.binary || !cmd_q.drain || cmd_q.residual || cmd_q.average ||
           cmd_q.common_scale || cmd_q.out_type != 2'd0 ||
           (cmd_q.thresholds != '0 && !cmd_q.bit_output))) begin
        bad_type = 1'b1;
      end
      //@ endif
      fields_bad   = bad_bits || bad_loops || bad_slices || bad_channels || bad_window || bad_type;
    end
  end

  assign finished = state_q == StRun && !sequencer_active_i && !vector_valid_i && !fire_i &&
                    !drain_busy_i && !rows_busy_i && !lookup_busy_i && !results_busy_i &&
                    !write_busy_i;

  always_comb begin
    error           = 1'b1;
    error_code    = npu_isa_pkg::ErrLocalBounds;
    error_address = sequencer_error_address_i;
    if (fields_bad) begin
      error_code    = npu_isa_pkg::ErrBadField;
      error_address = '0;
    end else if (matrix_error_i) begin
      error_address = {1'b0, matrix_error_row_i};
    end else if (table_error_i) begin
      error_address = {1'b0, table_error_row_i};
    end else if (write_error_i) begin
      error_address = {1'b0, write_error_address_i};
    end else if (rows_error_i) begin
      error_address = rows_error_address_i;
    end else begin
      error = sequencer_error_i;
    end
    if (state_q == StIdle || state_q == StError) error = 1'b0;
  end

  // The state changes a few times in the life of a command: it has a clock of its own.
  wire life_clk;
  npu_clock_gate u_life_gate (
    .clk_i,
    .enable_i(!rst_ni || clear_i || error || (cmd_valid && cmd_ready) || state_q == StStart ||
              (state_q == StTable && table_done_i) ||
              (state_q == StRun && (finished || (vector_valid_i && !granted_q)))),
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
        StTable: if (table_done_i) state_q <= StRun;
        StRun: begin
          if (vector_valid_i) granted_q <= 1'b1;
          if (finished) state_q <= StIdle;
        end
        default: state_q <= StError;
      endcase
      if (error) state_q <= StError;
    end
  end

  // So has the command, as has all logic that it alone decides.
  wire command_clk;
  npu_clock_gate u_command_gate (
    .clk_i,
    .enable_i(cmd_valid && cmd_ready),
    .clk_o   (command_clk)
  );
  always_ff @(posedge command_clk) begin
    if (cmd_valid && cmd_ready) cmd_q <= next_cmd & npu_isa_pkg::ComputeCommandUsed;
  end

  always_comb begin
    cause = npu_isa_pkg::CauseFill;
    if (state_q == StRun) begin
      if (rows_busy_i) begin
        cause = npu_isa_pkg::CauseCompute;
      end else if (sequencer_active_i) begin
        if (granted_q || !slice_wait_i) cause = sequencer_cause_i;
      end else if (drain_busy_i || lookup_busy_i) begin
        cause = npu_isa_pkg::CauseDrain;
      end
    end
  end

  assign cmd_o             = cmd_q;
  assign start_o           = state_q == StStart && !fields_bad;
  assign load_table_o      = state_q == StTable;
  assign sequencer_start_o = (start_o && !is_lookup && !is_rows) || (load_table_o && table_done_i);

  // A command that waits for its weights counts as one that waits in the queue: only an arrival
  // moves it.
  assign starved        = state_q == StRun && starved_i && slice_wait_i;
  assign running = state_q != StIdle;
  assign busy    = running && !starved;
  assign tag     = running ? cmd_q.tag : queue_tag;

  assign status_o.busy        = busy;
  assign status_o.idle        = queue_empty && !running;
  assign status_o.stuck       = !busy && (starved || queue_empty || queue_blocked);
  assign status_o.waiting     = starved || queue_waiting;
  assign status_o.waiting_tag = tag;
  assign status_o.tag         = tag;
  assign status_o.cause       = cause;
  assign status_o.arrives     = finished && cmd_q.signal_en;
  assign status_o.barrier     = cmd_q.signal_id;
  // Reported in the next cycle: where it comes from is far enough away.
  logic        fails_q;
  logic [7:0]  error_code_q;
  logic [24:0] error_address_q;
  always_ff @(posedge clk_i) begin
    fails_q <= rst_ni && !clear_i && error;
    if (error) begin
      error_code_q    <= error_code;
      error_address_q <= error_address;
    end
  end

  assign status_o.fails       = fails_q;
  assign error_o.code         = error_code_q;
  assign error_o.tag          = cmd_q.tag;
  assign error_o.address      = 64'(error_address_q);
  assign trace_o.running      = running;
  assign trace_o.waiting      = status_o.waiting;
  assign trace_o.begins       = cmd_valid && cmd_ready;
  assign trace_o.ends         = 1'b0;
  assign trace_o.tag          = tag;
endmodule : npu_pe_control
`default_nettype wire

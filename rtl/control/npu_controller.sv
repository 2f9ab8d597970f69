`default_nettype none
// SPDX-License-Identifier: Apache-2.0
// The controller: runs jobs. Command fetch, dispatcher, barriers, errors, reset, counters and
// trace.
//
// A doorbell write starts a job when none runs and no error stands. The job ends when END is
// complete and the bus is quiet, or with the first error: then halt_o stops all engines, the bus
// masters finish what they have begun, and the error is reported. A reset halts in the same way,
// then holds clear_o for some cycles and leaves the machine as after power-up, memories, windows
// and counters excepted.
//@ if npu.axi.watchdog
// Where the watchdog finds that the bus does not answer, nobody waits for it any more.
//@ endif
//
// Cycles are counted from the doorbell's write strobe to the cycle before irq_status shows the
// end, each under one cause as seen from PE 0. trace_active_o is high for exactly these cycles,
// one later.
`include "npu_assert.svh"
module npu_controller #(
  parameter int unsigned BusBytes           = 64,     //@ = npu.axi.bytes  -- beat bytes: 4 .. 64
  parameter int unsigned AddrW              = 64,     //@ = npu.axi.address_width  -- 32..64 bits
  parameter int unsigned GridX              = 8,      //@ = npu.grid.x  -- PE columns
  parameter int unsigned GridY              = 4,      //@ = npu.grid.y  -- PE rows; at most 32 PEs
  parameter int unsigned Barriers           = 34,     //@ = npu.barriers
  parameter int unsigned MaxBurst           = 256,    //@ = npu.axi.burst  -- beats of a burst
  //@ if npu.memory_clear
  parameter int unsigned ClearRows          = 16384,  //@ = npu.clear_cycles
  //@ endif
  parameter int unsigned InstructionEntries = 16384,  //@ = controller.instruction_memory
  localparam int unsigned Windows  = npu_isa_pkg::WindowCount,
  localparam int unsigned NumPes   = GridX * GridY,
  localparam int unsigned CountsW  = Barriers * npu_isa_pkg::BarrierCountBits,
  localparam int unsigned CausesW  = npu_isa_pkg::CauseCount * 32
) (
  input  wire                  clk_i,
  input  wire                  rst_ni,
  // register block
  input  wire [63:0]           config_hash_i,         // constant of the configuration
  input  wire                  control_we_i,          // write strobes and data
  input  wire                  control_reset_i,       // control.reset
  //@ if npu.memory_clear
  input  wire                  control_clear_i,       // control.clear
  //@ endif
  input  wire                  doorbell_we_i,
  input  wire [31:0]           doorbell_i,
  output wire [31:0]           status_o,
  output wire [31:0]           irq_set_o,             // pulses: bit 0 done, bit 1 error
  output wire [31:0]           error_info_o,
  output wire [63:0]           error_address_o,
  output wire [31:0]           perf_cycles_o,         // final in the cycle after the interrupt
  output wire [31:0]           perf_bytes_read_o,
  output wire [31:0]           perf_bytes_written_o,
  output wire [31:0]           perf_commands_o,
  output wire [CausesW-1:0]    perf_cause_o,          // cause 0 in the low bits
  output wire                  cache_token_clear_o,
  // memory window 0
  input  wire [63:0]           window_base_i,
  input  wire [31:0]           window_size_i,
  input  wire                  window_readable_i,
  input  wire [Windows-1:0]    window_bad_i,          // it reaches beyond the addresses
  output wire                  start_o,               // a job starts: take over the windows
  //@ if npu.axi.watchdog
  // watchdog of the bus: LOAD, STORE, fetch
  input  wire [19:0]           bus_timeout_i,         // cycles
  input  wire                  load_quiet_i,          // no bursts under way
  input  wire                  store_quiet_i,
  input  wire                  load_moved_i,          // one of its channels moves
  input  wire                  store_moved_i,
  input  wire                  forget_i,              // no burst may begin: npu_epochs
  output wire                  load_timeout_o,        // pulses
  output wire                  store_timeout_o,
  //@ endif
  //@ if npu.memory_clear
  output wire                  wipe_o,                // write 0 to all memories, a row a cycle
  output wire [23:0]           wipe_row_o,
  //@ endif
  // all units
  output wire                  clear_o,               // forget everything
  output wire                  halt_o,                // begin no command and no bus transaction
  output wire [CountsW-1:0]    barrier_counts_o,      // barrier 0 in the low bits
  // entries to the command queues
  output wire [127:0]          push_entry_o,
  output wire                  push_last_o,
  output wire                  load_push_valid_o,
  input  wire                  load_push_ready_i,
  output wire                  store_push_valid_o,
  input  wire                  store_push_ready_i,
  output wire [NumPes-1:0]     pe_push_valid_o,
  input  wire [NumPes-1:0]     pe_push_ready_i,
  // LOAD: engine and queue; the tag is that of the running command, else of the next one
  input  wire                  load_busy_i,
  input  wire                  load_stalled_i,        // the engine moves only with an arrival
  input  wire                  load_waiting_i,
  input  wire [15:0]           load_waiting_tag_i,    // of the first LOAD that waits
  input  wire                  load_blocked_i,
  input  wire                  load_empty_i,
  input  wire [15:0]           load_tag_i,
  input  wire                  load_signal_valid_i,
  input  wire [5:0]            load_signal_id_i,
  input  wire [23:0]           load_signal_amount_i,
  input  wire                  load_error_valid_i,
  input  wire [7:0]            load_error_code_i,
  input  wire [15:0]           load_error_tag_i,
  input  wire [AddrW-1:0]      load_error_address_i,
  // STORE: the same; arrivals count 1
  input  wire                  store_busy_i,
  input  wire                  store_waiting_i,
  input  wire                  store_blocked_i,
  input  wire                  store_empty_i,
  input  wire [15:0]           store_tag_i,
  input  wire                  store_signal_valid_i,
  input  wire [5:0]            store_signal_id_i,
  input  wire                  store_error_valid_i,
  input  wire [7:0]            store_error_code_i,
  input  wire [15:0]           store_error_tag_i,
  input  wire [AddrW-1:0]      store_error_address_i,
  // PEs: the same for each, PE 0 in the low bits
  input  wire [NumPes-1:0]     pe_busy_i,
  input  wire [NumPes-1:0]     pe_waiting_i,
  input  wire [NumPes-1:0]     pe_blocked_i,
  input  wire [NumPes-1:0]     pe_empty_i,
  input  wire [16*NumPes-1:0]  pe_tag_i,
  input  wire [3:0]            pe_cause_i,            // of PE 0
  input  wire [NumPes-1:0]     pe_signal_valid_i,
  input  wire [6*NumPes-1:0]   pe_signal_id_i,
  input  wire [NumPes-1:0]     pe_error_valid_i,
  input  wire [8*NumPes-1:0]   pe_error_code_i,
  input  wire [16*NumPes-1:0]  pe_error_tag_i,
  input  wire [25*NumPes-1:0]  pe_error_address_i,
  // DMA
  input  wire                  dma_quiet_i,           // no bus transaction outstanding
  input  wire                  dma_read_beat_i,       // a beat was read
  input  wire [7:0]            dma_write_bytes_i,     // strobed bytes written in this cycle
  // bus reads of the command fetch, to npu_axi_read_mux
  output wire                  ar_valid_o,
  input  wire                  ar_ready_i,
  output wire [AddrW-1:0]      ar_addr_o,
  output wire [7:0]            ar_len_o,
  input  wire                  r_valid_i,
  output wire                  r_ready_o,
  input  wire [8*BusBytes-1:0] r_data_i,
  input  wire [1:0]            r_resp_i,
  input  wire                  r_last_i,
  // trace
  output wire                  trace_active_o,        // the cycle before belonged to a job
  output wire [3:0]            trace_cause_o,         // its cause
  output wire [15:0]           trace_tag_o,           // command that the cause refers to
  // dispatcher in this cycle, for the trace
  output wire                  dispatch_busy_o,       // an entry is at the head of the stream
  output wire                  dispatch_blocked_o,    // it waits: a queue is full, engines run
  output wire                  dispatch_begin_o,      // pulse: a command's first entry is gone
  output wire                  dispatch_last_o,       // pulse: so is its last entry
  output wire [15:0]           dispatch_tag_o         // of the command that begins at the head
);
  if (NumPes < 1 || NumPes > 32) begin : gen_bad
    $error("npu_controller: the array has 1 to 32 PEs");
  end

  localparam logic [3:0] EngineController = 4'd0;
  localparam logic [3:0] EngineLoad       = 4'd1;
  localparam logic [3:0] EngineStore      = 4'd2;
  localparam logic [3:0] EnginePe         = 4'd3;

  typedef enum logic [2:0] {
    StIdle,
    StRun,
    StHalt,       // an error was found, the bus is not quiet yet
    StError,      // waits for a reset
    StResetHalt,  // a reset was asked for, the bus is not quiet yet
    StClear       // clear_o
  } state_e;

  // job control
  state_e      state_q;
  logic [1:0]  pause_q;        // counts quiet cycles while halted, then cycles of StClear
  logic        done_q;         // the last job ended without error
  logic        start, reset, running, halted, quiet, settled, finished, failed_job;
  logic        given_up;       // do not wait for the bus
  logic        wiping;         // StClear goes on
  logic [Windows-1:0] refused_q;  // bad windows of a job that was refused
  logic        window_error;
  logic [1:0]  bad_window;
  // fetch and dispatch
  logic         entry_valid, entry_ready;
  logic [127:0] entry;
  logic [27:0]  entry_left;
  logic         fetch_start, fetch_quiet, fetch_error;
  logic [7:0]   fetch_error_code;
  logic [AddrW-1:0] fetch_error_address;
  logic         engines_idle, dispatch_blocked, command, dispatch_error;
  logic [7:0]   dispatch_error_code;
  logic [15:0]  dispatch_error_tag;
  // deadlock
  logic        arrival, stuck, deadlock;
  logic [1:0]  stuck_q;        // cycles without any way on
  logic [15:0] waiting_tag, pe_waiting_tag;
  // errors
  logic        error, pe_error;
  logic [7:0]  error_code, pe_error_code, error_code_q;
  logic [15:0] error_tag, pe_error_tag, error_tag_q;
  logic [24:0] pe_error_address;
  logic [3:0]  error_engine, error_engine_q;
  logic [63:0] error_address, error_address_q;
  // counters and trace
  logic [3:0]         cause, trace_cause_q;
  logic [15:0]        tag, trace_tag_q;
  logic               trace_active_q;
  logic [1:0]         beats_read;
  logic [31:0]        cycles_q, bytes_read_q, bytes_written_q, commands_q;
  logic [31:0]        causes_q[16];  // the last ones stay 0

  // Job control.
  //@ if npu.memory_clear
  assign reset    = control_we_i && (control_reset_i || control_clear_i);
  //@ endif
  //@ unless npu.memory_clear: assign reset    = control_we_i && control_reset_i;
  assign start    = state_q == StIdle && doorbell_we_i && !reset;
  assign running  = state_q == StRun;
  assign halted   = state_q != StIdle && state_q != StRun;
  assign quiet    = fetch_quiet && dma_quiet_i;
  // A master may still be about to react to halt_o: it must be quiet for a while.
  assign settled  = (quiet || given_up) && pause_q == '1;
  assign failed_job = state_q == StHalt && settled && !reset;
  assign start_o    = start;
  //@ if npu.axi.watchdog
  assign fetch_start = start && window_bad_i == '0 && !forget_i;
  //@ endif
  //@ unless npu.axi.watchdog: assign fetch_start = start && window_bad_i == '0;

  // A job's state has a clock of its own.
  wire job_clk;
  npu_clock_gate u_job_gate (
    .clk_i,
    .enable_i(!rst_ni || reset || start || halted || (running && (error || finished))),
    .clk_o   (job_clk)
  );

  always_ff @(posedge job_clk) begin
    if (!rst_ni) begin
      state_q <= StIdle;
      done_q  <= 1'b0;
      pause_q <= '0;
    end else begin
      case (state_q)
        StIdle: begin
          if (reset) state_q <= StResetHalt;
          else if (start) state_q <= StRun;
        end
        StRun: begin
          if (reset) state_q <= StResetHalt;
          else if (error) state_q <= StHalt;
          else if (finished) state_q <= StIdle;
        end
        StHalt: begin
          if (reset) state_q <= StResetHalt;
          else if (settled) state_q <= StError;
        end
        StError: if (reset) state_q <= StResetHalt;
        StResetHalt: if (settled) state_q <= StClear;
        StClear: if (pause_q == '1 && !wiping) state_q <= StIdle;
        default: state_q <= StIdle;
      endcase

      if (!halted || state_q == StError) pause_q <= '0;
      else if (state_q != StClear && ((!quiet && !given_up) || reset)) pause_q <= '0;
      else if (!wiping || pause_q != '1) pause_q <= pause_q + 2'd1;

      if (start || reset) done_q <= 1'b0;
      else if (running && finished && !error) done_q <= 1'b1;
    end
  end

  // A job is refused at the doorbell when a window is not inside of the addresses, and while an
  // address of the job before stands on a bus that does not accept it.
  always_ff @(posedge job_clk) begin
    if (!rst_ni) refused_q <= '0;
    else refused_q <= start ? window_bad_i : '0;
  end

  always_comb begin
    window_error = refused_q != '0;
    bad_window   = '0;
    for (int unsigned w = 0; w < Windows; w++) begin
      if (refused_q[Windows-1-w]) bad_window = 2'(Windows - 1 - w);
    end
  end

  //@ if npu.axi.watchdog
  logic       given_up_q, stands_q;
  logic       fetch_timeout;
  logic [2:0] expired;

  npu_watchdog u_watchdog (
    .clk_i,
    .rst_ni,
    .run_i    (running || state_q == StHalt || state_q == StResetHalt),
    .timeout_i(bus_timeout_i),
    .waiting_i({!fetch_quiet, !store_quiet_i, !load_quiet_i}),
    .moved_i  ({(ar_valid_o && ar_ready_i) || r_valid_i, store_moved_i, load_moved_i}),
    .expired_o(expired)
  );
  assign {fetch_timeout, store_timeout_o, load_timeout_o} = expired;

  always_ff @(posedge clk_i) begin
    if (!rst_ni || start || clear_o) given_up_q <= 1'b0;
    else if (expired != '0 || stands_q) given_up_q <= 1'b1;
    stands_q <= rst_ni && start && forget_i;
  end
  assign given_up = given_up_q;
  //@ endif
  //@ unless npu.axi.watchdog: assign given_up = 1'b0;

  //@ if npu.memory_clear
  // Rows are cleared while clear_o holds everything else.
  localparam int unsigned RowW = $clog2(ClearRows + 1);
  logic            wipe_q;
  logic [RowW-1:0] row_q;

  always_ff @(posedge job_clk) begin
    if (!rst_ni) wipe_q <= 1'b0;
    else if (control_we_i && control_clear_i) wipe_q <= 1'b1;
    else if (wipe_o && row_q == RowW'(ClearRows - 1)) wipe_q <= 1'b0;
    if (!wipe_o || (control_we_i && control_clear_i)) row_q <= '0;
    else row_q <= row_q + RowW'(1);
  end
  assign wipe_o     = state_q == StClear && wipe_q && pause_q == '1;
  assign wipe_row_o = 24'(row_q);
  assign wiping     = wipe_q || (control_we_i && control_clear_i);
  //@ endif
  //@ unless npu.memory_clear: assign wiping = 1'b0;

  npu_fetch #(
    .BusBytes(BusBytes),
    .AddrW   (AddrW),
    .Depth   (InstructionEntries),
    .BusBurst(MaxBurst)
  ) u_fetch (
    .clk_i,
    .rst_ni,
    .clear_i        (clear_o),
    .start_i        (fetch_start),
    .offset_i       (doorbell_i),
    .config_hash_i,
    .halt_i         (halt_o),
    //@ if npu.axi.watchdog
    .timeout_i      (fetch_timeout),
    //@ endif
    .quiet_o        (fetch_quiet),
    .window_base_i,
    .window_size_i,
    .window_readable_i,
    .entry_valid_o  (entry_valid),
    .entry_ready_i  (entry_ready),
    .entry_o        (entry),
    .entry_left_o   (entry_left),
    .ar_valid_o,
    .ar_ready_i,
    .ar_addr_o,
    .ar_len_o,
    .r_valid_i,
    .r_ready_o,
    .r_data_i,
    .r_resp_i,
    .r_last_i,
    .error_valid_o  (fetch_error),
    .error_code_o   (fetch_error_code),
    .error_address_o(fetch_error_address)
  );

  npu_dispatch #(
    .GridX   (GridX),
    .GridY   (GridY),
    .Barriers(Barriers)
  ) u_dispatch (
    .clk_i,
    .rst_ni,
    .clear_i      (clear_o || start),
    .run_i        (running),
    .entry_valid_i(entry_valid),
    .entry_ready_o(entry_ready),
    .entry_i      (entry),
    .entry_left_i (entry_left),
    .load_valid_o (load_push_valid_o),
    .load_ready_i (load_push_ready_i),
    .store_valid_o(store_push_valid_o),
    .store_ready_i(store_push_ready_i),
    .pe_valid_o   (pe_push_valid_o),
    .pe_ready_i   (pe_push_ready_i),
    .push_entry_o,
    .push_last_o,
    .idle_i       (engines_idle),
    .fetch_quiet_i(fetch_quiet),
    .blocked_o    (dispatch_blocked),
    .command_o    (command),
    .done_o       (finished),
    .busy_o       (dispatch_busy_o),
    .last_o       (dispatch_last_o),
    .tag_o        (dispatch_tag_o),
    .error_valid_o(dispatch_error),
    .error_code_o (dispatch_error_code),
    .error_tag_o  (dispatch_error_tag)
  );

  npu_barriers #(
    .Barriers (Barriers),
    .UnitPorts(NumPes + 1)
  ) u_barriers (
    .clk_i,
    .rst_ni,
    .clear_i     (clear_o || start),
    .add_valid_i (load_signal_valid_i),
    .add_id_i    (load_signal_id_i),
    .add_amount_i(load_signal_amount_i),
    .unit_valid_i({pe_signal_valid_i, store_signal_valid_i}),
    .unit_id_i   ({pe_signal_id_i, store_signal_id_i}),
    .counts_o    (barrier_counts_o)
  );

  assign engines_idle = load_empty_i && store_empty_i && pe_empty_i == '1 &&
                        !load_busy_i && !store_busy_i && pe_busy_i == '0;

  // Deadlock: the dispatcher cannot go on, nothing runs, and no queue moves without an arrival.
  assign arrival = load_signal_valid_i || store_signal_valid_i || pe_signal_valid_i != '0;
  assign stuck   = running && dispatch_blocked && quiet && !arrival &&
                   load_stalled_i && !store_busy_i && pe_busy_i == '0 &&
                   (load_empty_i || load_blocked_i) && (store_empty_i || store_blocked_i) &&
                   (pe_empty_i | pe_blocked_i) == '1 &&
                   (load_waiting_i || store_waiting_i || pe_waiting_i != '0);
  assign deadlock = stuck && stuck_q == '1;

  always_ff @(posedge clk_i) begin
    if (!rst_ni || !stuck) stuck_q <= '0;
    else stuck_q <= stuck_q + 2'd1;
  end

  always_comb begin
    pe_waiting_tag = '0;
    for (int unsigned i = 0; i < NumPes; i++) begin
      if (pe_waiting_i[NumPes-1-i]) pe_waiting_tag = pe_tag_i[16*(NumPes-1-i)+:16];
    end
  end

  assign waiting_tag = load_waiting_i ? load_waiting_tag_i :
                       store_waiting_i ? store_tag_i : pe_waiting_tag;

  // The first error; of several in one cycle controller, LOAD, STORE, PEs in this order.
  always_comb begin
    pe_error         = pe_error_valid_i != '0;
    pe_error_code    = '0;
    pe_error_tag     = '0;
    pe_error_address = '0;
    for (int unsigned i = 0; i < NumPes; i++) begin
      if (pe_error_valid_i[NumPes-1-i]) begin
        pe_error_code    = pe_error_code_i[8*(NumPes-1-i)+:8];
        pe_error_tag     = pe_error_tag_i[16*(NumPes-1-i)+:16];
        pe_error_address = pe_error_address_i[25*(NumPes-1-i)+:25];
      end
    end
  end

  always_comb begin
    error         = 1'b1;
    error_code    = npu_isa_pkg::ErrDeadlock;
    error_engine  = EngineController;
    error_tag     = waiting_tag;
    error_address = '0;
    if (window_error) begin
      error_code    = npu_isa_pkg::ErrWindowRange;
      error_tag     = '0;
      error_address = 64'(bad_window);
    //@ if npu.axi.watchdog
    end else if (stands_q) begin
      error_code = npu_isa_pkg::ErrBusTimeout;
      error_tag  = '0;
    //@ endif
    end else if (fetch_error) begin
      error_code    = fetch_error_code;
      error_tag     = '0;
      error_address = 64'(fetch_error_address);
    end else if (dispatch_error) begin
      error_code = dispatch_error_code;
      error_tag  = dispatch_error_tag;
    end else if (load_error_valid_i) begin
      error_code    = load_error_code_i;
      error_engine  = EngineLoad;
      error_tag     = load_error_tag_i;
      error_address = 64'(load_error_address_i);
    end else if (store_error_valid_i) begin
      error_code    = store_error_code_i;
      error_engine  = EngineStore;
      error_tag     = store_error_tag_i;
      error_address = 64'(store_error_address_i);
    end else if (pe_error) begin
      error_code    = pe_error_code;
      error_engine  = EnginePe;
      error_tag     = pe_error_tag;
      error_address = 64'(pe_error_address);
    end else begin
      error = deadlock;
    end
  end

  always_ff @(posedge job_clk) begin
    if (!rst_ni || clear_o) begin
      error_code_q    <= '0;
      error_engine_q  <= '0;
      error_tag_q     <= '0;
      error_address_q <= '0;
    end else if (running && error && !reset) begin
      error_code_q    <= error_code;
      error_engine_q  <= error_engine;
      error_tag_q     <= error_tag;
      error_address_q <= error_address;
    end
  end

  // Cause and tag of this cycle.
  always_comb begin
    if (start) cause = npu_isa_pkg::CauseIdle;
    else if (pe_busy_i[0]) cause = pe_cause_i;
    else if (pe_waiting_i[0]) cause = npu_isa_pkg::CauseBarrier;
    else if (load_busy_i || store_busy_i || !dma_quiet_i) cause = npu_isa_pkg::CauseDma;
    else cause = npu_isa_pkg::CauseIdle;

    if (start) tag = '0;
    else if (pe_busy_i[0] || pe_waiting_i[0]) tag = pe_tag_i[15:0];
    else if (store_busy_i) tag = store_tag_i;
    else if (load_busy_i) tag = load_tag_i;
    else tag = trace_tag_q;
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      trace_active_q <= 1'b0;
      trace_cause_q  <= '0;
      trace_tag_q    <= '0;
    end else begin
      trace_active_q <= start || running || state_q == StHalt;
      trace_cause_q  <= cause;
      trace_tag_q    <= tag;
    end
  end

  // Counters. Cycles and causes are counted from the trace, so they can only agree.
  assign beats_read = 2'(r_valid_i) + 2'(dma_read_beat_i);

  always_ff @(posedge clk_i) begin
    if (!rst_ni || start) begin
      cycles_q        <= '0;
      bytes_read_q    <= '0;
      bytes_written_q <= '0;
      commands_q      <= '0;
      for (int unsigned i = 0; i < 16; i++) causes_q[i] <= '0;
    end else if (running || state_q == StHalt || trace_active_q) begin
      if (trace_active_q) begin
        cycles_q <= cycles_q + 32'd1;
        causes_q[trace_cause_q] <= causes_q[trace_cause_q] + 32'd1;
      end
      bytes_read_q    <= bytes_read_q + 32'(beats_read) * 32'(BusBytes);
      bytes_written_q <= bytes_written_q + 32'(dma_write_bytes_i);
      if (command) commands_q <= commands_q + 32'd1;
    end
  end

  for (genvar c = 0; c < npu_isa_pkg::CauseCount; c++) begin : gen_cause
    assign perf_cause_o[32*c+:32] = causes_q[c];
  end
  assign status_o             = {28'b0, state_q == StResetHalt || state_q == StClear,
                                 state_q == StError, done_q, running || state_q == StHalt};
  assign irq_set_o            = {30'b0, failed_job, running && finished && !error && !reset};
  assign error_info_o         = {error_tag_q, 4'b0, error_engine_q, error_code_q};
  assign error_address_o      = error_address_q;
  assign perf_cycles_o        = cycles_q;
  assign perf_bytes_read_o    = bytes_read_q;
  assign perf_bytes_written_o = bytes_written_q;
  assign perf_commands_o      = commands_q;
  assign clear_o              = state_q == StClear;
  assign halt_o               = halted;
  assign cache_token_clear_o  = clear_o;
  assign trace_active_o       = trace_active_q;
  assign trace_cause_o        = trace_cause_q;
  assign trace_tag_o          = trace_tag_q;
  assign dispatch_blocked_o   = dispatch_blocked;
  assign dispatch_begin_o     = command;

  // The state is a known one.
  `NPU_ASSERT(StateIsKnown, 32'(state_q) <= 32'(StClear))

  // A job ends once: well or with an error.
  `NPU_ASSERT(EndsOnce, irq_set_o[1:0] != 2'b11)

  // The machine is cleared when the bus is quiet, or nobody waits for it any more.
  `NPU_ASSERT(ClearsQuiet, !clear_o || pause_q != '0 || quiet || given_up)

  // A job starts on engines that have nothing left to do, and ends with them idle.
  `NPU_ASSERT(StartsIdle, !start || engines_idle)
  `NPU_ASSERT(EndsIdle, !(running && finished && !error) || engines_idle)
endmodule : npu_controller
`default_nettype wire

`default_nettype none
// SPDX-License-Identifier: Apache-2.0
// The controller: runs jobs. Command fetch, dispatcher, barriers, errors, reset, counters and
// trace.
//
// A job (npu_job) ends when END is complete and the bus is quiet, or with the first error: then
// halt_o stops all engines, the bus masters finish what they have begun, and the error is reported.
// A reset leaves the machine as after power-up, memories, windows and counters excepted. Cycles are
// counted by npu_counters.
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

  // job
  logic        running, active, quiet, finished, refused;
  logic [7:0]  refused_code;
  logic [63:0] refused_address;
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
  logic [7:0]  error_code, pe_error_code;
  logic [15:0] error_tag, pe_error_tag;
  logic [24:0] pe_error_address;
  logic [3:0]  error_engine;
  logic [63:0] error_address;
  //@ if npu.axi.watchdog
  logic        bus_must_answer, fetch_timeout;
  logic [2:0]  expired;  // fetch, STORE, LOAD
  //@ endif

  assign quiet = fetch_quiet && dma_quiet_i;

  //@ if npu.memory_clear
  npu_job #(
    .ClearRows(ClearRows)
  ) u_job (
  //@ endif
  //@ unless npu.memory_clear: npu_job u_job (
    .clk_i,
    .rst_ni,
    .control_we_i,
    .control_reset_i,
    //@ if npu.memory_clear
    .control_clear_i,
    //@ endif
    .doorbell_we_i,
    .status_o,
    .irq_set_o,
    .error_info_o,
    .error_address_o,
    .window_bad_i,
    .quiet_i          (quiet),
    .finished_i       (finished),
    //@ if npu.axi.watchdog
    .expired_i        (expired != '0),
    .forget_i,
    .waits_o          (bus_must_answer),
    //@ endif
    .start_o,
    .fetch_start_o    (fetch_start),
    .running_o        (running),
    .active_o         (active),
    .halt_o,
    .clear_o,
    //@ if npu.memory_clear
    .wipe_o,
    .wipe_row_o,
    //@ endif
    .refused_o        (refused),
    .refused_code_o   (refused_code),
    .refused_address_o(refused_address),
    .error_i          (error),
    .error_code_i     (error_code),
    .error_engine_i   (error_engine),
    .error_tag_i      (error_tag),
    .error_address_i  (error_address)
  );

  //@ if npu.axi.watchdog
  npu_watchdog u_watchdog (
    .clk_i,
    .rst_ni,
    .run_i    (bus_must_answer),
    .timeout_i(bus_timeout_i),
    .waiting_i({!fetch_quiet, !store_quiet_i, !load_quiet_i}),
    .moved_i  ({(ar_valid_o && ar_ready_i) || r_valid_i, store_moved_i, load_moved_i}),
    .expired_o(expired)
  );
  assign {fetch_timeout, store_timeout_o, load_timeout_o} = expired;

  //@ endif

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
    .clear_i      (clear_o || start_o),
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
    .clear_i     (clear_o || start_o),
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
    error_engine  = npu_isa_pkg::EngineController;
    error_tag     = waiting_tag;
    error_address = '0;
    if (refused) begin
      error_code    = refused_code;
      error_tag     = '0;
      error_address = refused_address;
    end else if (fetch_error) begin
      error_code    = fetch_error_code;
      error_tag     = '0;
      error_address = 64'(fetch_error_address);
    end else if (dispatch_error) begin
      error_code = dispatch_error_code;
      error_tag  = dispatch_error_tag;
    end else if (load_error_valid_i) begin
      error_code    = load_error_code_i;
      error_engine  = npu_isa_pkg::EngineLoad;
      error_tag     = load_error_tag_i;
      error_address = 64'(load_error_address_i);
    end else if (store_error_valid_i) begin
      error_code    = store_error_code_i;
      error_engine  = npu_isa_pkg::EngineStore;
      error_tag     = store_error_tag_i;
      error_address = 64'(store_error_address_i);
    end else if (pe_error) begin
      error_code    = pe_error_code;
      error_engine  = npu_isa_pkg::EnginePe;
      error_tag     = pe_error_tag;
      error_address = 64'(pe_error_address);
    end else begin
      error = deadlock;
    end
  end

  npu_counters #(
    .BusBytes(BusBytes)
  ) u_counters (
    .clk_i,
    .rst_ni,
    .start_i        (start_o),
    .active_i       (active),
    .command_i      (command),
    .pe_busy_i      (pe_busy_i[0]),
    .pe_waiting_i   (pe_waiting_i[0]),
    .pe_cause_i,
    .pe_tag_i       (pe_tag_i[15:0]),
    .load_busy_i,
    .load_tag_i,
    .store_busy_i,
    .store_tag_i,
    .bus_quiet_i    (dma_quiet_i),
    .beats_read_i   (2'(r_valid_i) + 2'(dma_read_beat_i)),
    .bytes_written_i(dma_write_bytes_i),
    .cycles_o       (perf_cycles_o),
    .bytes_read_o   (perf_bytes_read_o),
    .bytes_written_o(perf_bytes_written_o),
    .commands_o     (perf_commands_o),
    .causes_o       (perf_cause_o),
    .trace_active_o,
    .trace_cause_o,
    .trace_tag_o
  );

  assign cache_token_clear_o = clear_o;
  assign dispatch_blocked_o  = dispatch_blocked;
  assign dispatch_begin_o    = command;

  // A job starts on engines that have nothing left to do, and ends with them idle.
  `NPU_ASSERT(StartsIdle, !start_o || engines_idle)
  `NPU_ASSERT(EndsIdle, !(running && finished && !error) || engines_idle)
endmodule : npu_controller
`default_nettype wire

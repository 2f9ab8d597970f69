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
  localparam int unsigned CausesW  = npu_isa_pkg::CauseCount * 32,
  localparam int unsigned StatusW  = npu_isa_pkg::EngineStatusBits,
  localparam int unsigned ErrorW   = npu_isa_pkg::EngineErrorBits
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
  // watchdog of the bus: bit 0 LOAD, bit 1 STORE
  input  wire [19:0]           bus_timeout_i,         // cycles
  input  wire [1:0]            bus_waiting_i,         // bursts are outstanding
  input  wire [1:0]            bus_moved_i,           // one of its channels moves
  input  wire                  forget_i,              // no burst may begin: npu_epochs
  output wire [1:0]            bus_expired_o,         // pulses
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
  // engines: npu_isa_pkg::engine_status_t and engine_error_t, of each PE with PE 0 in the low bits
  input  wire npu_isa_pkg::engine_status_t load_status_i,
  input  wire npu_isa_pkg::engine_error_t  load_error_i,
  input  wire [23:0]           load_amount_i,         // that an arrival of LOAD counts, others 1
  input  wire npu_isa_pkg::engine_status_t store_status_i,
  input  wire npu_isa_pkg::engine_error_t  store_error_i,
  input  wire [StatusW*NumPes-1:0] pe_status_i,
  input  wire [ErrorW*NumPes-1:0] pe_error_i,
  // DMA
  input  wire                  dma_quiet_i,           // no bus transaction outstanding
  input  wire                  dma_read_beat_i,       // a beat was read
  input  wire [7:0]            dma_write_bytes_i,     // strobed bytes written in this cycle
  //@ if debug.trace
  // trace
  output wire                  trace_active_o,        // the cycle before belonged to a job
  output wire [3:0]            trace_cause_o,         // its cause
  output wire [15:0]           trace_tag_o,           // command that the cause refers to
  output wire [NumPes+1:0]     trace_arrival_o,       // at barriers in this cycle: LOAD, STORE, PEs
  output wire [6*NumPes+11:0]  trace_arrival_id_o,
  // dispatcher in this cycle: an entry is at the head of the stream; it waits for a full queue or
  // for the engines; a command's first entry is gone; so is its last; tag of the one at the head
  output npu_isa_pkg::engine_trace_t dispatch_trace_o,
  //@ endif
  // bus reads of the command fetch, to npu_axi_read_mux
  output wire                  ar_valid_o,
  input  wire                  ar_ready_i,
  output wire [AddrW-1:0]      ar_addr_o,
  output wire [7:0]            ar_len_o,
  input  wire                  r_valid_i,
  output wire                  r_ready_o,
  input  wire [8*BusBytes-1:0] r_data_i,
  input  wire [1:0]            r_resp_i,
  input  wire                  r_last_i
);
  if (NumPes < 1 || NumPes > 32) begin : gen_bad
    $error("npu_controller: the array has 1 to 32 PEs");
  end

  // job
  logic        running, active, quiet, finished, refused;
  logic [7:0]  refused_code;
  logic [AddrW-1:0] refused_address;
  // fetch and dispatch
  logic         entry_valid, entry_ready;
  logic [127:0] entry;
  logic [27:0]  entry_left;
  logic         fetch_start, fetch_quiet, fetch_error;
  logic [7:0]   fetch_error_code;
  logic [AddrW-1:0] fetch_error_address;
  logic         engines_idle, dispatch_blocked, command, dispatch_error;
  logic [7:0]   dispatch_error_code;
  logic [15:0]  dispatch_error_tag, dispatch_tag;
  logic         dispatch_busy, dispatch_last;
  // PEs
  npu_isa_pkg::engine_status_t pe;        // one after the other
  npu_isa_pkg::engine_error_t  pe_error;
  logic                pes_idle, pes_stuck, pe_waiting, pe_fails;
  logic [15:0]         pe_waiting_tag;
  logic [NumPes-1:0]   pe_arrives;
  logic [6*NumPes-1:0] pe_barriers;
  // deadlock
  logic        arrival, stuck, deadlock;
  logic [1:0]  stuck_q;        // cycles without any way on
  logic [15:0] waiting_tag;
  // errors
  logic        error;
  logic [7:0]  error_code;
  logic [15:0] error_tag;
  logic [3:0]  error_engine;
  logic [AddrW-1:0] error_address;
  //@ if npu.axi.watchdog
  logic        bus_must_answer, fetch_timeout;
  logic [2:0]  expired;  // fetch, STORE, LOAD
  //@ endif

  assign quiet = fetch_quiet && dma_quiet_i;

  npu_job #(
    //@ if npu.memory_clear
    .ClearRows(ClearRows),
    //@ endif
    .AddrW    (AddrW)
  ) u_job (
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
    .waiting_i({!fetch_quiet, bus_waiting_i}),
    .moved_i  ({(ar_valid_o && ar_ready_i) || r_valid_i, bus_moved_i}),
    .expired_o(expired)
  );
  assign {fetch_timeout, bus_expired_o} = expired;

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
    .busy_o       (dispatch_busy),
    .last_o       (dispatch_last),
    .tag_o        (dispatch_tag),
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
    .add_valid_i (load_status_i.arrives),
    .add_id_i    (load_status_i.barrier),
    .add_amount_i(load_amount_i),
    .unit_valid_i({pe_arrives, store_status_i.arrives}),
    .unit_id_i   ({pe_barriers, store_status_i.barrier}),
    .counts_o    (barrier_counts_o)
  );

  // What the PEs do together; of several the first one is named.
  always_comb begin
    pes_idle       = 1'b1;
    pes_stuck      = 1'b1;
    pe_waiting     = 1'b0;
    pe_waiting_tag = '0;
    pe_fails       = 1'b0;
    pe_error       = '0;
    for (int unsigned i = 0; i < NumPes; i++) begin
      pe             = pe_status_i[StatusW*(NumPes-1-i)+:StatusW];
      pes_idle       = pes_idle && pe.idle;
      pes_stuck      = pes_stuck && pe.stuck;
      pe_waiting     = pe_waiting || pe.waiting;
      pe_waiting_tag = pe.waiting ? pe.waiting_tag : pe_waiting_tag;
      pe_fails       = pe_fails || pe.fails;
      if (pe.fails) pe_error = pe_error_i[ErrorW*(NumPes-1-i)+:ErrorW];
      pe_arrives[NumPes-1-i]         = pe.arrives;
      pe_barriers[6*(NumPes-1-i)+:6] = pe.barrier;
    end
  end

  assign engines_idle = load_status_i.idle && store_status_i.idle && pes_idle;

  // Deadlock: the dispatcher cannot go on, nothing runs, and no queue moves without an arrival.
  assign arrival = load_status_i.arrives || store_status_i.arrives || pe_arrives != '0;
  assign stuck   = running && dispatch_blocked && quiet && !arrival &&
                   load_status_i.stuck && store_status_i.stuck && pes_stuck &&
                   (load_status_i.waiting || store_status_i.waiting || pe_waiting);
  assign deadlock = stuck && stuck_q == '1;

  always_ff @(posedge clk_i) begin
    if (!rst_ni || !stuck) stuck_q <= '0;
    else stuck_q <= stuck_q + 2'd1;
  end

  assign waiting_tag = load_status_i.waiting ? load_status_i.waiting_tag :
                       store_status_i.waiting ? store_status_i.waiting_tag : pe_waiting_tag;

  // The first error; of several in one cycle controller, LOAD, STORE, PEs in this order.
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
      error_address = fetch_error_address;
    end else if (dispatch_error) begin
      error_code = dispatch_error_code;
      error_tag  = dispatch_error_tag;
    end else if (load_status_i.fails) begin
      error_code    = load_error_i.code;
      error_engine  = npu_isa_pkg::EngineLoad;
      error_tag     = load_error_i.tag;
      error_address = load_error_i.address[AddrW-1:0];
    end else if (store_status_i.fails) begin
      error_code    = store_error_i.code;
      error_engine  = npu_isa_pkg::EngineStore;
      error_tag     = store_error_i.tag;
      error_address = store_error_i.address[AddrW-1:0];
    end else if (pe_fails) begin
      error_code    = pe_error.code;
      error_engine  = npu_isa_pkg::EnginePe;
      error_tag     = pe_error.tag;
      error_address = AddrW'(pe_error.address[24:0]);
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
    .pe_i           (pe_status_i[StatusW-1:0]),
    .load_busy_i    (load_status_i.busy),
    .load_tag_i     (load_status_i.tag),
    .store_busy_i   (store_status_i.busy),
    .store_tag_i    (store_status_i.tag),
    .bus_quiet_i    (dma_quiet_i),
    .beats_read_i   (2'(r_valid_i) + 2'(dma_read_beat_i)),
    .bytes_written_i(dma_write_bytes_i),
    .cycles_o       (perf_cycles_o),
    .bytes_read_o   (perf_bytes_read_o),
    .bytes_written_o(perf_bytes_written_o),
    .commands_o     (perf_commands_o),
    //@ if debug.trace
    .trace_active_o,
    .trace_cause_o,
    .trace_tag_o,
    //@ endif
    .causes_o       (perf_cause_o)
  );

  assign cache_token_clear_o = clear_o;
  //@ if debug.trace
  assign trace_arrival_o     = {pe_arrives, store_status_i.arrives, load_status_i.arrives};
  assign trace_arrival_id_o  = {pe_barriers, store_status_i.barrier, load_status_i.barrier};

  assign dispatch_trace_o.running = dispatch_busy;
  assign dispatch_trace_o.waiting = dispatch_blocked;
  assign dispatch_trace_o.begins  = command;
  assign dispatch_trace_o.ends    = dispatch_last;
  assign dispatch_trace_o.tag     = dispatch_tag;
  //@ endif
  //@ unless debug.trace: wire unused_trace = ^{dispatch_busy, dispatch_last, dispatch_tag};

  logic unused_members;
  assign unused_members = ^{load_status_i.cause, store_status_i.cause, pe.busy, pe.tag, pe.cause,
                            load_error_i.address, store_error_i.address, pe_error.address};

  // A job starts on engines that have nothing left to do, and ends with them idle.
  `NPU_ASSERT(StartsIdle, !start_o || engines_idle)
  `NPU_ASSERT(EndsIdle, !(running && finished && !error) || engines_idle)
endmodule : npu_controller
`default_nettype wire

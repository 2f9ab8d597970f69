`default_nettype none
// SPDX-License-Identifier: Apache-2.0
// The tensor LOAD engine: boxes from bus memory (or PE memory) to PE and core memories, with fill
// outside the source's bounds.
//
//   command -> npu_dma_runs -> check -+-> bursts -> AR      R -> staging buffer -+
//                                     +-> run queue ---------------> npu_dma_realign -> memory
//
// The checks are made run by run, so a run that fails has no access at all. Commands overlap: the
// next one is taken when the last run of the present one is listed, and up to ContextDepth + 2 are
// in flight; their words are written, and their signals raised, strictly in order. An error is
// reported when everything before the failing run is written. A command with local_source reads
// what commands before it wrote, so it runs alone.
//
// A command is taken when its waits and those of all before it hold; with `ahead` (or of one entry)
// at once. Its first run is not realigned before that. Until then it has bursts only as far as the
// staging buffer of its destination has room for them, so that the R channel never waits for a
// barrier: it may wait for the staging buffers, which then need only the memories to drain.
module npu_load #(
  parameter int unsigned BusBytes         = 16,      //@ = npu.axi.bytes  -- beat bytes: 4 .. 64
  parameter int unsigned AddrW            = 40,      //@ = npu.axi.address_width  -- 32..64 bits
  parameter int unsigned Outstanding      = 8,       //@ = npu.axi.outstanding  -- bursts in flight
  parameter int unsigned GridX            = 4,       //@ = npu.grid.x  -- PE columns
  parameter int unsigned GridY            = 4,       //@ = npu.grid.y  -- PE rows; at most 32 PEs
  parameter int unsigned Cores            = 4,       //@ = pe.cores  -- cores per PE, 1..16
  parameter int unsigned PeMemBytes       = 131072,  //@ = pe.memory  -- bytes of a PE memory
  parameter int unsigned PeBanks          = 8,       //@ = pe.banks
  parameter int unsigned PeWordBytes      = 16,      //@ = pe.bank_width
  parameter int unsigned CoreMemBytes     = 65536,   //@ = core.memory  -- bytes of a core memory
  parameter int unsigned ParameterBuffer  = 64,      //@ = controller.parameter_buffer  -- beats
  parameter int unsigned ActivationBuffer = 64,      //@ = controller.activation_buffer  -- beats
  parameter int unsigned MaxBurst         = 32,      //@ = npu.axi.burst  -- beats, 1..256
  parameter int unsigned Barriers         = 34,      //@ = npu.barriers
  localparam int unsigned NumPes = GridX * GridY,
  localparam int unsigned PeW    = (NumPes > 1) ? $clog2(NumPes) : 1,
  localparam int unsigned CountW = npu_isa_pkg::BarrierCountBits
) (
  input  wire                   clk_i,
  input  wire                   rst_ni,
  input  wire                   clear_i,              // as reset; only while quiet_o
  // command queue
  input  wire                   cmd_valid_i,
  output wire                   cmd_ready_o,
  input  wire                   cmd_released_i,       // its waits hold
  input  wire  [28*32-1:0]      cmd_i,                // npu_isa_pkg::dma_command_t
  input  wire  [Barriers*CountW-1:0] barrier_counts_i, // barrier 0 in the low bits
  // control and state
  input  wire                   halt_i,               // issue no burst, discard what still comes
  //@ if npu.axi.watchdog
  input  wire                   timeout_i,            // pulse: the bus does not answer
  //@ endif
  output wire                   quiet_o,              // no burst outstanding
  // for npu_engine_queue: busy from the cycle after a command is taken, stuck as far as the engine
  // goes, and waiting for one that is taken; no tag
  output npu_isa_pkg::engine_status_t status_o,
  output npu_isa_pkg::engine_error_t  error_o,        // address: of the run, or of the burst
  output wire  [23:0]           amount_o,             // that an arrival counts
  output wire                   release_o,            // pulse: the waits of a command taken hold
  output wire                   done_o,               // pulse: a command is complete
  // memory windows
  input  wire  [4*64-1:0]       window_base_i,
  input  wire  [4*32-1:0]       window_size_i,
  input  wire  [4*32-1:0]       window_flags_i,       // bit 0: read
  // bus, to npu_axi_read_mux
  output wire                   ar_valid_o,
  input  wire                   ar_ready_i,
  output wire  [AddrW-1:0]      ar_addr_o,
  output wire  [7:0]            ar_len_o,
  input  wire                   r_valid_i,
  output wire                   r_ready_o,
  input  wire  [8*BusBytes-1:0] r_data_i,
  input  wire  [1:0]            r_resp_i,
  input  wire                   r_last_i,
  // memory read of a local source; responses in order, never stalled
  output wire                   mem_rd_valid_o,
  input  wire                   mem_rd_ready_i,
  output wire  [23:0]           mem_rd_addr_o,        // aligned
  output wire  [PeW-1:0]        mem_rd_pe_o,
  input  wire                   mem_rd_rvalid_i,
  input  wire  [8*BusBytes-1:0] mem_rd_rdata_i,
  // memory write
  output wire                   mem_wr_valid_o,
  input  wire                   mem_wr_ready_i,
  output wire                   mem_wr_core_o,        // 1: core memory
  output wire  [23:0]           mem_wr_addr_o,        // aligned; of PE memory: npu_bus_place
  output wire  [8*BusBytes-1:0] mem_wr_data_o,
  output wire  [BusBytes-1:0]   mem_wr_strb_o,
  output wire  [NumPes-1:0]     mem_wr_pe_mask_o,
  output wire  [15:0]           mem_wr_core_mask_o
);
  wire clk;  // stands still while nothing here changes

  localparam int unsigned ByteW        = $clog2(BusBytes);
  localparam int unsigned ContextDepth = 4;
  localparam int unsigned NumberW      = 4;  // of commands: more than are in flight, twice
  localparam int unsigned WaitW        = 16 + 2 * (1 + npu_isa_pkg::BarrierIdBits + CountW);
  localparam int unsigned UserW        = 11 + NumPes + Cores;
  //@ if units.dma.modes
  localparam int unsigned FillBytes    = 4;  //@ if units.dma.wide_fill
  //@ unless units.dma.wide_fill: localparam int unsigned FillBytes    = 1;
  localparam int unsigned SwizzleW     = 2;  //@ if units.dma.swizzle
  //@ unless units.dma.swizzle: localparam int unsigned SwizzleW     = 0;
  localparam int unsigned TileW        = 1;  //@ if units.dma.transpose
  //@ unless units.dma.transpose: localparam int unsigned TileW        = 0;
  localparam int unsigned ContextW     = 3 * 24 + TileW + 8 * FillBytes + SwizzleW + UserW - 1;
  //@ else
  //@: localparam int unsigned ContextW     = 3 * 24 + 8 + UserW - 1;
  //@ endif

  if (BusBytes < 4 || BusBytes > 64 || (BusBytes & (BusBytes - 1)) != 0) begin : gen_bad_bus
    $error("npu_load: BusBytes must be 4, 8, 16, 32 or 64");
  end
  if (NumPes < 1 || NumPes > 32 || Cores < 1 || Cores > 16) begin : gen_bad_grid
    $error("npu_load: 1..32 PEs of 1..16 cores");
  end
  if (PeMemBytes > 8388608 || CoreMemBytes > 8388608) begin : gen_bad_memory
    $error("npu_load: memories have at most 8 MiB");
  end
  if (AddrW < 32 || AddrW > 64 || Outstanding < 1 || MaxBurst < 1 || MaxBurst > 256 ||
      ParameterBuffer < 2 || ActivationBuffer < 2) begin : gen_bad_bursts
    $error("npu_load: AddrW 32..64, Outstanding >= 1, MaxBurst 1..256, buffers of 2 beats or more");
  end

  // ---- Commands and their runs ----
  logic                stop, stopped_q;  // an error here or anywhere
  logic                take, early, local_source, runs_ready, next_waits;
  logic                alone_q;          // the command in flight has a local source
  logic [WaitW-1:0]    waits;
  logic                wait_ready, wait_open, may_begin, check_released, busy, stuck;
  logic [15:0]         waiting_tag;  // of the first command that waits
  logic [NumberW-1:0]  number, check_number;
  logic                context_push, context_ready, context_valid, context_pop, command_core;
  logic [ContextW-1:0] new_context;
  logic                check_valid, check_first, check_copies, check_core, check_last;
  logic [15:0]         check_tag;
  logic [7:0]          check_error;
  logic [AddrW-1:0]    check_addr;
  logic [23:0]         check_dest;
  logic [4*ByteW-1:0]  check_piece;  //@ if units.dma.transpose
  logic [8:0]          burst;            // beats of the run's next burst: the smaller one of
  logic [8:0]          burst_beats, burst_limit;
  logic                requested;        // a request of this run is made, or it needs none
  logic                done_q;

  assign cmd_ready_o = runs_ready && context_ready && wait_ready && !alone_q && !stop &&
                       (early || (cmd_released_i && !wait_open)) && (!local_source || !busy);
  assign take        = cmd_valid_i && cmd_ready_o;

  always_ff @(posedge clk) begin
    if (!rst_ni || clear_i) alone_q <= 1'b0;
    else if (take) alone_q <= local_source;
    else if (done_q) alone_q <= 1'b0;
  end

  npu_load_waits #(
    .Barriers(Barriers),
    .NumberW (NumberW)
  ) u_waits (
    .clk_i(clk),
    .rst_ni,
    .clear_i,
    .barrier_counts_i,
    .take_i     (take),
    .ready_o    (wait_ready),
    .wait_i     (waits),
    .number_o   (number),
    .open_o     (wait_open),
    .release_o,
    .tag_o      (waiting_tag),
    .begin_i    (context_pop),
    .may_begin_o(may_begin),
    .number_i   (check_number),
    .released_o (check_released)
  );

  npu_load_check #(
    .BusBytes    (BusBytes),
    .AddrW       (AddrW),
    .NumPes      (NumPes),
    .Cores       (Cores),
    .PeMemBytes  (PeMemBytes),
    .CoreMemBytes(CoreMemBytes),
    .MaxBurst    (MaxBurst),
    .NumberW     (NumberW)
  ) u_check (
    .clk_i(clk),
    .rst_ni,
    .clear_i,
    .cmd_i,
    .early_o        (early),
    .local_o        (local_source),
    .wait_o         (waits),
    .take_i         (take),
    .ready_o        (runs_ready),
    .number_i       (number),
    .alone_i        (alone_q),
    .window_base_i,
    .window_size_i,
    .window_flags_i,
    .context_valid_o(context_push),
    .context_o      (new_context),
    .command_core_o (command_core),
    .source_pe_o    (mem_rd_pe_o),
    .next_waits_o   (next_waits),
    .valid_o        (check_valid),
    .first_o        (check_first),
    .copies_o       (check_copies),
    .core_o         (check_core),
    .last_o         (check_last),
    .piece_o        (check_piece),  //@ if units.dma.transpose
    .number_o       (check_number),
    .tag_o          (check_tag),
    .error_o        (check_error),
    .addr_o         (check_addr),
    .dest_o         (check_dest),
    .burst_o        (burst),
    .beats_o        (burst_beats),
    .limit_o        (burst_limit),
    .requested_i    (requested)
  );

  // ---- Requests: bursts, or reads of PE memory ----
  logic                 check_ok, queue_ready, enqueue;
  logic                 room, word_room;     // in the staging buffer: for the burst, for a word
  logic                 issue, read_accept;  // a burst enters the AR register; a word is requested
  logic                 burst_ready, burst_valid, burst_core, r_accept;
  logic [AddrW-1:ByteW] burst_addr;
  logic [15:0]          burst_tag;
  logic                 ar_valid_q;
  logic [AddrW-1:0]     ar_addr_q;
  logic [7:0]           ar_len_q;
  logic [$clog2(Outstanding + 1)-1:0] unused_burst_count;

  assign check_ok  = check_valid && check_error == npu_isa_pkg::ErrNone && !stop &&
                     (!check_first || queue_ready);
  assign issue     = check_ok && check_copies && !alone_q && burst_ready &&
                     (check_released || room) && (!ar_valid_q || ar_ready_i);
  assign requested = issue || read_accept || (check_ok && !check_copies);
  assign enqueue   = requested && check_first;

  assign mem_rd_valid_o = check_ok && check_copies && alone_q && word_room;
  assign mem_rd_addr_o  = {check_addr[23:ByteW], {ByteW{1'b0}}};
  assign read_accept    = mem_rd_valid_o && mem_rd_ready_i;

  always_ff @(posedge clk) begin
    // An address that the bus has not accepted stays.
    if (!rst_ni) ar_valid_q <= 1'b0;
    else if (issue) ar_valid_q <= 1'b1;
    else if (ar_ready_i) ar_valid_q <= 1'b0;
  end

  always_ff @(posedge clk) begin
    if (issue) begin
      ar_addr_q <= {check_addr[AddrW-1:ByteW], {ByteW{1'b0}}};
      ar_len_q  <= 8'(burst - 9'd1);
    end
  end

  assign {ar_valid_o, ar_addr_o, ar_len_o} = {ar_valid_q, ar_addr_q, ar_len_q};

  // Bursts under way, in order.
  npu_burst_queue #(  //@ if npu.axi.many_bursts
  //@ unless npu.axi.many_bursts: npu_fifo #(
    .Width(AddrW - ByteW + 17),
    .Depth(Outstanding)
  ) u_bursts (
    .clk_i(clk),
    .rst_ni,
    .clear_i,
    .valid_i(issue),
    .ready_o(burst_ready),
    .data_i ({check_addr[AddrW-1:ByteW], check_tag, check_core}),
    .valid_o(burst_valid),
    .ready_i(r_accept && r_last_i),
    .data_o ({burst_addr, burst_tag, burst_core}),
    .count_o(unused_burst_count)
  );

  // ---- Staging ----
  logic                  core_ready, pe_ready, beat_valid, beat_ready, beat_moving;
  logic [8*BusBytes-1:0] beat_data;

  assign r_ready_o = stop || (burst_core ? core_ready : pe_ready);
  assign r_accept  = r_valid_i && r_ready_o;

  npu_load_staging #(
    .BusBytes        (BusBytes),
    .ParameterBuffer (ParameterBuffer),
    .ActivationBuffer(ActivationBuffer),
    .Outstanding     (Outstanding),
    .MaxBurst        (MaxBurst)
  ) u_staging (
    .clk_i(clk),
    .rst_ni,
    .clear_i,
    .request_core_i (check_core),
    .request_beats_i(issue ? burst : 9'(read_accept)),
    .beats_i        (burst_beats),
    .limit_i        (burst_limit),
    .room_o         (room),
    .word_room_o    (word_room),
    .valid_i        ((mem_rd_rvalid_i || r_accept) && !stop),
    .core_i         (alone_q ? command_core : burst_core),
    .data_i         (alone_q ? mem_rd_rdata_i : r_data_i),
    .core_ready_o   (core_ready),
    .pe_ready_o     (pe_ready),
    .take_core_i    (to_core),
    .valid_o        (beat_valid),
    .ready_i        (beat_ready),
    .data_o         (beat_data),
    .moving_o       (beat_moving)
  );

  // ---- Words ----
  logic           queue_valid, words_idle;
  logic           to_core;  // of the run being realigned
  logic           word_accept, word_end, word_nothing, word_signal_en, word_signal_bytes;
  logic [5:0]     word_signal_id;
  logic [ByteW:0] word_bytes;

  npu_load_words #(
    .BusBytes    (BusBytes),
    .Outstanding (Outstanding),
    .NumPes      (NumPes),
    .Cores       (Cores),
    .PeMemBytes  (PeMemBytes),
    .PeBanks     (PeBanks),
    .PeWordBytes (PeWordBytes),
    .ContextDepth(ContextDepth)
  ) u_words (
    .clk_i(clk),
    .rst_ni,
    .clear_i,
    .run_valid_i     (enqueue),
    .run_ready_o     (queue_ready),
    .run_dest_i      (check_dest),
    .run_source_low_i(check_addr[ByteW-1:0]),
    .run_copies_i    (check_copies),
    .run_last_i      (check_last),
    //@ if units.dma.transpose
    .run_piece_i     (check_piece),
    .run_none_i      (check_valid && check_error != npu_isa_pkg::ErrNone),
    //@ endif
    .context_valid_i (context_push),
    .context_ready_o (context_ready),
    .context_i       (new_context),
    .may_begin_i     (may_begin),
    .begin_o         (context_pop),
    .beat_valid_i    (beat_valid),
    .beat_ready_o    (beat_ready),
    .beat_data_i     (beat_data),
    .beat_core_o     (to_core),
    .mem_wr_valid_o,
    .mem_wr_ready_i,
    .mem_wr_core_o,
    .mem_wr_addr_o,
    .mem_wr_data_o,
    .mem_wr_strb_o,
    .mem_wr_pe_mask_o,
    .mem_wr_core_mask_o,
    .accept_o        (word_accept),
    .nothing_o       (word_nothing),
    .end_o           (word_end),
    .bytes_o         (word_bytes),
    .signal_en_o     (word_signal_en),
    .signal_bytes_o  (word_signal_bytes),
    .signal_id_o     (word_signal_id),
    .queue_valid_o   (queue_valid),
    .context_valid_o (context_valid),
    .idle_o          (words_idle)
  );

  // ---- Completion and errors ----
  logic             signal_valid_q, error_valid_q, bus_failed, check_failed;
  logic [5:0]       signal_id_q;
  logic [ByteW:0]   signal_amount_q;
  logic [7:0]       error_code_q;
  logic [15:0]      error_tag_q;
  logic [AddrW-1:0] error_address_q;

  assign stop = halt_i || stopped_q;
  assign bus_failed = ((r_accept && r_resp_i[1]) || timeout_i) && !stop;  //@ if npu.axi.watchdog
  //@ unless npu.axi.watchdog: assign bus_failed = r_accept && r_resp_i[1] && !stop;
  // A run that fails is reported when everything before it is written.
  assign check_failed = check_valid && check_error != npu_isa_pkg::ErrNone && !stop &&
                        quiet_o && !queue_valid && words_idle && check_released;

  always_ff @(posedge clk) begin
    if (!rst_ni || clear_i) begin
      done_q         <= 1'b0;
      signal_valid_q <= 1'b0;
      error_valid_q  <= 1'b0;
      stopped_q      <= 1'b0;
    end else begin
      done_q         <= word_accept && word_end;
      signal_valid_q <= word_accept && word_signal_en &&
                        (word_signal_bytes || word_end);
      error_valid_q  <= bus_failed || check_failed;
      if (bus_failed || check_failed) stopped_q <= 1'b1;
    end
  end

  always_ff @(posedge clk) begin
    if (word_accept) begin
      signal_id_q     <= word_signal_id;
      signal_amount_q <= !word_signal_bytes ? (ByteW + 1)'(1) : word_nothing ? '0 : word_bytes;
    end
    if (bus_failed) begin
      //@ if npu.axi.watchdog
      error_code_q    <= timeout_i ? npu_isa_pkg::ErrBusTimeout : npu_isa_pkg::ErrAxiRead;
      //@ endif
      //@ unless npu.axi.watchdog: error_code_q    <= npu_isa_pkg::ErrAxiRead;
      error_tag_q     <= burst_tag;
      error_address_q <= {burst_addr, {ByteW{1'b0}}};
    end else if (check_failed) begin
      error_code_q    <= check_error;
      error_tag_q     <= check_tag;
      error_address_q <= check_addr;
    end
  end

  assign quiet_o         = !ar_valid_q && !burst_valid;
  assign busy            = !runs_ready || check_valid || context_valid || !words_idle || done_q;
  assign done_o          = done_q;
  // What is released, on the bus or about to be listed moves on by itself.
  assign stuck           = !take && quiet_o && !may_begin && words_idle && !done_q &&
                           !release_o && !requested && (runs_ready || next_waits);
  assign amount_o        = 24'(signal_amount_q);

  assign status_o.busy        = busy;
  assign status_o.idle        = !busy;
  assign status_o.stuck       = stuck;
  assign status_o.waiting     = wait_open && !release_o;
  assign status_o.waiting_tag = waiting_tag;
  assign status_o.tag         = '0;
  assign status_o.cause       = '0;
  assign status_o.arrives     = signal_valid_q;
  assign status_o.barrier     = signal_id_q;
  assign status_o.fails       = error_valid_q;
  assign error_o.code         = error_code_q;
  assign error_o.tag          = error_tag_q;
  assign error_o.address      = 64'(error_address_q);

  logic unused_response;
  assign unused_response = r_resp_i[0];

  npu_clock_gate u_gate (
    .clk_i,
    .enable_i(!rst_ni || clear_i || !stuck || signal_valid_q || error_valid_q ||
              mem_rd_rvalid_i || check_failed || beat_moving),
    .clk_o   (clk)
  );
endmodule : npu_load
`default_nettype wire

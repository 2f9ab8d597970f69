`default_nettype none
// SPDX-License-Identifier: Apache-2.0
// The tensor STORE engine: boxes from one PE's memory to bus memory.
//
//   command -> npu_dma_runs -> check -+-> bursts -> AW                  B -> completion
//                                     +-> memory reads -> staging -> npu_dma_realign -> W
//
// The checks are made run by run, so a run that fails has no access at all. Commands overlap: the
// next one is taken when the last run of the present one is listed. A command is complete when all
// its bursts are answered. An error is reported when everything before the failing run is
// answered. When halted, bursts whose address was issued get their data all the same; then nothing
// is read any more.
//@ if npu.axi.watchdog
//
// When it is cleared all the same (the bus does not answer), what the bus was shown stays until it
// is accepted, bursts under way get beats without strobes, and their answers are dropped by id.
//@ endif
module npu_store #(
  parameter int unsigned BusBytes    = 16,      //@ = npu.axi.bytes  -- beat bytes: 4 .. 64
  parameter int unsigned AddrW       = 40,      //@ = npu.axi.address_width  -- 32..64 bits
  parameter int unsigned Outstanding = 8,       //@ = npu.axi.outstanding  -- bursts in flight
  parameter int unsigned GridX       = 4,       //@ = npu.grid.x  -- PE columns
  parameter int unsigned GridY       = 4,       //@ = npu.grid.y  -- PE rows; at most 32 PEs
  parameter int unsigned PeMemBytes  = 131072,  //@ = pe.memory  -- bytes of a PE memory
  parameter int unsigned MaxBurst    = 32,      //@ = npu.axi.burst  -- beats, 1..256
  parameter int unsigned StageDepth  = 16,      // words staged; the read latency and some
  localparam int unsigned NumPes = GridX * GridY,
  localparam int unsigned PeW    = (NumPes > 1) ? $clog2(NumPes) : 1
) (
  input  wire                   clk_i,
  input  wire                   rst_ni,
  input  wire                   clear_i,          // as reset
  // command queue
  input  wire                   cmd_valid_i,
  output wire                   cmd_ready_o,
  input  wire  [28*32-1:0]      cmd_i,            // npu_isa_pkg::dma_command_t
  // control and state
  input  wire                   halt_i,           // issue no new burst, finish those under way
  //@ if npu.axi.watchdog
  input  wire                   timeout_i,        // pulse: the bus does not answer
  output wire                   forget_o,         // no STORE may begin: npu_epochs
  //@ endif
  output wire                   quiet_o,          // no burst outstanding
  // for npu_engine_queue: busy from the cycle after a command is taken; no tag
  output npu_isa_pkg::engine_status_t status_o,
  output npu_isa_pkg::engine_error_t  error_o,    // address: of the run, or of the burst
  output wire                   done_o,           // pulse: a command is complete
  // memory windows
  input  wire  [4*64-1:0]       window_base_i,
  input  wire  [4*32-1:0]       window_size_i,
  input  wire  [4*32-1:0]       window_flags_i,   // bit 1: write
  // memory read; responses in order, never stalled
  output wire                   mem_rd_valid_o,
  input  wire                   mem_rd_ready_i,
  output wire  [23:0]           mem_rd_addr_o,    // aligned
  output wire  [PeW-1:0]        mem_rd_pe_o,
  input  wire                   mem_rd_rvalid_i,
  input  wire  [8*BusBytes-1:0] mem_rd_rdata_i,
  // bus; bit 0 of ids is 0
  output wire                   m_axi_awvalid_o,
  input  wire                   m_axi_awready_i,
  output wire  [1:0]            m_axi_awid_o,
  output wire  [AddrW-1:0]      m_axi_awaddr_o,
  output wire  [7:0]            m_axi_awlen_o,
  output wire  [2:0]            m_axi_awsize_o,
  output wire  [1:0]            m_axi_awburst_o,
  output wire                   m_axi_wvalid_o,
  input  wire                   m_axi_wready_i,
  output wire  [8*BusBytes-1:0] m_axi_wdata_o,
  output wire  [BusBytes-1:0]   m_axi_wstrb_o,
  output wire                   m_axi_wlast_o,
  input  wire                   m_axi_bvalid_i,
  output wire                   m_axi_bready_o,
  input  wire  [1:0]            m_axi_bid_i,
  input  wire  [1:0]            m_axi_bresp_i,
  // strobed bytes of the beat accepted in this cycle
  output wire  [7:0]            write_bytes_o
);
  wire clk;  // stands still while nothing here changes

  localparam int unsigned ByteW   = $clog2(BusBytes);
  localparam int unsigned CreditW = $clog2(StageDepth + 1);
  localparam int unsigned WritesW = $clog2(Outstanding + 1);

  if (BusBytes < 4 || BusBytes > 64 || (BusBytes & (BusBytes - 1)) != 0) begin : gen_bad_bus
    $error("npu_store: BusBytes must be 4, 8, 16, 32 or 64");
  end
  if (NumPes < 1 || NumPes > 32 || PeMemBytes > 8388608) begin : gen_bad_grid
    $error("npu_store: 1..32 PEs of at most 8 MiB");
  end
  if (AddrW < 32 || AddrW > 64 || Outstanding < 1 || MaxBurst < 1 || MaxBurst > 256 ||
      StageDepth < 2) begin : gen_bad_bursts
    $error("npu_store: AddrW 32..64, Outstanding >= 1, MaxBurst 1..256, StageDepth >= 2");
  end

  // ---- Commands and their runs ----
  logic             stop, stopped_q;  // an error here or anywhere
  logic             take, runs_ready;
  logic             check_valid, check_first, check_last, check_signal_en, check_ok;
  logic             beats_left, words_left, burst_last;
  logic [7:0]       check_error;
  logic [15:0]      check_tag;
  logic [5:0]       check_signal_id;
  logic [AddrW-1:0] check_addr;
  logic [23:0]      check_source, check_end;
  logic [1:0]       check_swizzle;  //@ if units.dma.swizzle
  logic [8:0]       burst;            // beats of the run's next burst
  logic             issue;            // it enters the AW register
  logic             read_accept;
  //@ if units.dma.store_bounds
  logic             check_nothing;    // the run is the last one of its command and has no bytes:
  logic             ends;             // it ends when all before it is answered

  assign ends = check_ok && check_nothing && !stop && quiet_o;
  //@ endif

  assign cmd_ready_o = runs_ready && !stop;
  assign take        = cmd_valid_i && cmd_ready_o;

  npu_store_check #(
    .BusBytes  (BusBytes),
    .AddrW     (AddrW),
    .NumPes    (NumPes),
    .PeMemBytes(PeMemBytes),
    .MaxBurst  (MaxBurst)
  ) u_check (
    .clk_i(clk),
    .rst_ni,
    .clear_i,
    .cmd_i,
    .take_i      (take),
    .ready_o     (runs_ready),
    .window_base_i,
    .window_size_i,
    .window_flags_i,
    .valid_o     (check_valid),
    //@ if units.dma.store_bounds
    .nothing_o   (check_nothing),
    .ok_i        (check_ok && (!check_nothing || ends)),
    //@ endif
    .first_o     (check_first),
    .last_o      (check_last),
    .tag_o       (check_tag),
    .signal_en_o (check_signal_en),
    .signal_id_o (check_signal_id),
    .error_o     (check_error),
    .addr_o      (check_addr),
    .beats_o     (beats_left),
    .burst_o     (burst),
    .burst_last_o(burst_last),
    .pe_o        (mem_rd_pe_o),
    .source_o    (check_source),
    .words_o     (words_left),
    .end_o       (check_end),
    .swizzle_o   (check_swizzle),  //@ if units.dma.swizzle
    //@ unless units.dma.store_bounds: .ok_i        (check_ok),
    .issue_i     (issue),
    .read_i      (read_accept)
  );

  // ---- Bursts, and reads of PE memory ----
  logic                 aw_valid_q;
  logic [AddrW-1:0]     aw_addr_q;
  logic [7:0]           aw_len_q;
  logic                 write_ready, write_valid, answer_ready, answer_valid;
  logic [7:0]           write_len;
  logic [7:0]           beat_q;             // of the burst that is written
  logic                 w_accept;
  logic                 answered;           // an answer for the burst answer_addr
  logic                 realign_go;
  logic [AddrW-1:ByteW] answer_addr;
  logic [15:0]          answer_tag;
  logic                 answer_last;        // last burst of its command
  logic                 answer_signal_en;
  logic [5:0]           answer_signal_id;
  logic                  queue_ready, enqueue, queue_valid, realign_ready;
  logic [CreditW-1:0]    credit_q;          // words requested and not yet realigned
  logic                  stage_valid, beat_ready;
  logic [8*BusBytes-1:0] stage_data;
  logic [ByteW-1:0]      queue_low, queue_source_low;
  logic [23:0]           queue_end;
  logic                  word_valid, word_ready;
  logic [ByteW:0]        word_bytes;
  logic [BusBytes-1:0]   word_strb;
  //@ if npu.axi.watchdog
  // After a clear with bursts under way
  logic [WritesW-1:0] padded_q;             // bursts without data of their own
  logic               padding, epoch, forget;
  //@ endif
  logic [WritesW-1:0]       write_count, unused_answer_count;
  logic [$clog2(4 + 1)-1:0] unused_queue_count;
  logic                     unused_stage_ready, unused_stage_empty, realign_idle;
  logic [23:0]              made_addr;
  logic                     unused_beat_user, unused_word_user, unused_word_last;
  logic                     unused_made_user;  //@ if units.dma.transpose
  logic [23:0]              unused_word_addr;

  assign check_ok = check_valid && check_error == npu_isa_pkg::ErrNone &&
                    (!check_first || (queue_ready && !stop));
  assign issue    = check_ok && beats_left && !stop && write_ready && answer_ready &&
                    (!aw_valid_q || m_axi_awready_i);

  assign mem_rd_valid_o = check_ok && words_left && credit_q != CreditW'(StageDepth) &&
                          !(stop && quiet_o);
  //@ unless units.dma.swizzle: assign mem_rd_addr_o  = {check_source[23:ByteW], {ByteW{1'b0}}};
  assign read_accept    = mem_rd_valid_o && mem_rd_ready_i;
  assign enqueue        = check_first && (issue || read_accept);

  always_ff @(posedge clk) begin
    // What the bus was shown stays.
    if (!rst_ni) begin
      aw_valid_q <= 1'b0;
      beat_q     <= '0;
    end else begin
      if (issue) aw_valid_q <= 1'b1;
      else if (m_axi_awready_i) aw_valid_q <= 1'b0;
      if (w_accept) beat_q <= m_axi_wlast_o ? '0 : beat_q + 8'd1;
    end
    if (!rst_ni || clear_i) begin
      credit_q <= '0;
    end else begin
      if (read_accept && !(stage_valid && beat_ready)) credit_q <= credit_q + CreditW'(1);
      if (!read_accept && stage_valid && beat_ready) credit_q <= credit_q - CreditW'(1);
    end
  end

  always_ff @(posedge clk) begin
    if (issue) begin
      aw_addr_q <= {check_addr[AddrW-1:ByteW], {ByteW{1'b0}}};
      aw_len_q  <= 8'(burst - 9'd1);
    end
  end

  // Bursts whose data is not all written.
  npu_burst_queue #(  //@ if npu.axi.many_bursts
  //@ unless npu.axi.many_bursts: npu_fifo #(
    .Width(8),
    .Depth(Outstanding)
  ) u_writes (
    .clk_i(clk),
    .rst_ni,
    .clear_i(1'b0),
    .valid_i(issue),
    .ready_o(write_ready),
    .data_i (8'(burst - 9'd1)),
    .valid_o(write_valid),
    .ready_i(w_accept && m_axi_wlast_o),
    .data_o (write_len),
    .count_o(write_count)
  );

  // Bursts that are not answered.
  npu_burst_queue #(  //@ if npu.axi.many_bursts
  //@ unless npu.axi.many_bursts: npu_fifo #(
    .Width(AddrW - ByteW + 24),
    .Depth(Outstanding)
  ) u_answers (
    .clk_i(clk),
    .rst_ni,
    .clear_i,
    .valid_i(issue),
    .ready_o(answer_ready),
    .data_i ({check_addr[AddrW-1:ByteW], check_tag, check_signal_id, check_signal_en,
              check_last && burst_last}),
    .valid_o(answer_valid),
    .ready_i(answered),
    .data_o ({answer_addr, answer_tag, answer_signal_id, answer_signal_en, answer_last}),
    .count_o(unused_answer_count)
  );

  npu_fifo #(
    .Width(2 * ByteW + 24),
    .Depth(4)
  ) u_run_queue (
    .clk_i(clk),
    .rst_ni,
    .clear_i,
    .valid_i(enqueue),
    .ready_o(queue_ready),
    .data_i ({check_addr[ByteW-1:0], check_source[ByteW-1:0], check_end}),
    .valid_o(queue_valid),
    .ready_i(realign_ready && realign_go),
    .data_o ({queue_low, queue_source_low, queue_end}),
    .count_o(unused_queue_count)
  );

  npu_ram_fifo #(
    .Width(8 * BusBytes),
    .Depth(StageDepth)
  ) u_stage (
    .clk_i(clk),
    .rst_ni,
    .clear_i,
    .valid_i(mem_rd_rvalid_i),
    .ready_o(unused_stage_ready),
    .data_i (mem_rd_rdata_i),
    .valid_o(stage_valid),
    .ready_i(beat_ready),
    .data_o (stage_data),
    .empty_o(unused_stage_empty)
  );

  //@ if units.dma.swizzle
  logic [8*BusBytes-1:0] placed_data;

  npu_store_swizzle #(
    .BusBytes  (BusBytes),
    .StageDepth(StageDepth)
  ) u_swizzle (
    .clk_i(clk),
    .rst_ni,
    .clear_i,
    .mode_i(check_swizzle),
    .addr_i({check_source[23:ByteW], {ByteW{1'b0}}}),
    .addr_o(mem_rd_addr_o),
    .read_i(read_accept),
    .take_i(stage_valid && beat_ready),
    .data_i(stage_data),
    .data_o(placed_data)
  );

  //@ endif
  npu_dma_realign #(
    .BusBytes(BusBytes),
    .FillBytes(1),  //@ if units.dma.modes
    .SwizzleW(0),  //@ if units.dma.modes
    .TileW(0),  //@ if units.dma.transpose
    .UserW   (1)
  ) u_realign (
    .clk_i(clk),
    .rst_ni,
    .clear_i,
    .hold_word_i     (write_valid),  //@ if npu.axi.watchdog
    .run_valid_i     (queue_valid && realign_go),
    .run_ready_o     (realign_ready),
    .run_addr_i      (24'(queue_low)),
    .run_source_low_i(queue_source_low),
    .run_copies_i    (1'b1),
    .run_copy_first_i(24'd0),
    .run_copy_last_i (queue_end),
    .run_last_byte_i (queue_end),
    .run_fill_i      (8'd0),
    .run_user_i      (1'b0),
    //@ if units.dma.transpose
    .run_piece_i     ('0),
    .run_none_i      (1'b0),
    .made_user_o     (unused_made_user),
    //@ endif
    .beat_valid_i    (stage_valid),
    .beat_ready_o    (beat_ready),
    .beat_data_i     (placed_data),  //@ if units.dma.swizzle
    //@ unless units.dma.swizzle: .beat_data_i     (stage_data),
    .beat_user_o     (unused_beat_user),
    .made_addr_o     (made_addr),
    .made_place_i    (made_addr),
    .word_valid_o    (word_valid),
    .word_ready_i    (word_ready),
    .word_addr_o     (unused_word_addr),
    .word_data_o     (m_axi_wdata_o),
    .word_strb_o     (word_strb),
    .word_bytes_o    (word_bytes),
    .word_last_o     (unused_word_last),
    .word_user_o     (unused_word_user),
    .idle_o          (realign_idle)
  );

  // Data follows the address of its burst.
  assign word_ready      = write_valid && m_axi_wready_i;
  assign w_accept        = m_axi_wvalid_o && m_axi_wready_i;
  //@ if npu.axi.watchdog
  assign m_axi_wvalid_o  = (word_valid || padding) && write_valid;
  assign m_axi_wstrb_o   = word_valid ? word_strb : '0;
  //@ endif
  //@ unless npu.axi.watchdog: assign m_axi_wvalid_o  = word_valid && write_valid;
  //@ unless npu.axi.watchdog: assign m_axi_wstrb_o   = word_strb;
  assign m_axi_wlast_o   = beat_q == write_len;
  assign m_axi_awvalid_o = aw_valid_q;
  assign m_axi_awid_o    = {epoch, 1'b0};  //@ if npu.axi.watchdog
  //@ unless npu.axi.watchdog: assign m_axi_awid_o    = 2'd0;
  assign m_axi_awaddr_o  = aw_addr_q;
  assign m_axi_awlen_o   = aw_len_q;
  assign m_axi_awsize_o  = 3'(ByteW);
  assign m_axi_awburst_o = 2'b01;
  assign m_axi_bready_o  = 1'b1;
  assign write_bytes_o   = (word_valid && word_ready) ? 8'(word_bytes) : '0;

  //@ if npu.axi.watchdog
  // Bursts of a machine that was cleared: their data comes first, as beats without strobes.
  always_ff @(posedge clk) begin
    if (!rst_ni) padded_q <= '0;
    else if (clear_i) begin
      padded_q <= write_count - WritesW'(w_accept && m_axi_wlast_o);
    end else if (padding && w_accept && m_axi_wlast_o) begin
      padded_q <= padded_q - WritesW'(1);
    end
  end
  assign padding    = padded_q != '0;
  assign realign_go = !padding;

  npu_epochs #(
    .Bursts(Outstanding)
  ) u_epochs (
    .clk_i,
    .rst_ni,
    .clear_i,
    .shown_i    (aw_valid_q),
    .accepted_i (aw_valid_q && m_axi_awready_i),
    .ended_i    (m_axi_bvalid_i),
    .ended_old_i(m_axi_bid_i[1] != epoch),
    .epoch_o    (epoch),
    .forget_o   (forget)
  );
  assign forget_o = forget;
  assign answered = m_axi_bvalid_i && m_axi_bid_i[1] == epoch && !forget;
  //@ endif
  //@ unless npu.axi.watchdog: assign realign_go = 1'b1;
  //@ unless npu.axi.watchdog: assign answered   = m_axi_bvalid_i;

  // ---- Completion and errors ----
  logic             bus_failed, check_failed, busy;
  logic             done_q, signal_valid_q, error_valid_q;
  logic [5:0]       signal_id_q;
  logic [7:0]       error_code_q;
  logic [15:0]      error_tag_q;
  logic [AddrW-1:0] error_address_q;

  assign stop    = halt_i || stopped_q;
  //@ if npu.axi.watchdog
  assign bus_failed = ((answered && m_axi_bresp_i[1]) || timeout_i) && !stop;
  //@ endif
  //@ unless npu.axi.watchdog: assign bus_failed = answered && m_axi_bresp_i[1] && !stop;
  // A run that fails is reported when everything before it is answered.
  assign check_failed = check_valid && check_error != npu_isa_pkg::ErrNone && !stop && quiet_o;

  always_ff @(posedge clk) begin
    if (!rst_ni || clear_i) begin
      done_q         <= 1'b0;
      signal_valid_q <= 1'b0;
      error_valid_q  <= 1'b0;
      stopped_q      <= 1'b0;
    end else begin
      done_q         <= (answered && answer_last) || ends;  //@ if units.dma.store_bounds
      //@ unless units.dma.store_bounds: done_q         <= answered && answer_last;
      signal_valid_q <= answered && answer_last && answer_signal_en && !bus_failed && !stopped_q;
      if (ends) signal_valid_q <= check_signal_en;  //@ if units.dma.store_bounds
      error_valid_q  <= bus_failed || check_failed;
      if (bus_failed || check_failed) stopped_q <= 1'b1;
    end
  end

  always_ff @(posedge clk) begin
    if (answered) signal_id_q <= answer_signal_id;
    if (ends) signal_id_q <= check_signal_id;  //@ if units.dma.store_bounds
    if (bus_failed) begin
      //@ if npu.axi.watchdog
      error_code_q    <= timeout_i ? npu_isa_pkg::ErrBusTimeout : npu_isa_pkg::ErrAxiWrite;
      //@ endif
      //@ unless npu.axi.watchdog: error_code_q    <= npu_isa_pkg::ErrAxiWrite;
      error_tag_q     <= answer_tag;
      error_address_q <= {answer_addr, {ByteW{1'b0}}};
    end else if (check_failed) begin
      error_code_q    <= check_error;
      error_tag_q     <= check_tag;
      error_address_q <= check_addr;
    end
  end

  assign quiet_o         = !aw_valid_q && !answer_valid;
  assign busy            = !runs_ready || check_valid || answer_valid || done_q;
  assign done_o          = done_q;

  assign status_o.busy        = busy;
  assign status_o.idle        = !busy;
  assign status_o.stuck       = !busy;
  assign status_o.waiting     = 1'b0;
  assign status_o.waiting_tag = '0;
  assign status_o.tag         = '0;
  assign status_o.cause       = '0;
  assign status_o.arrives     = signal_valid_q;
  assign status_o.barrier     = signal_id_q;
  assign status_o.fails       = error_valid_q;
  assign error_o.code         = error_code_q;
  assign error_o.tag          = error_tag_q;
  assign error_o.address      = 64'(error_address_q);

  logic unused_ok;
  assign unused_ok = ^{m_axi_bresp_i[0], m_axi_bid_i, write_count};

  npu_clock_gate u_gate (
    .clk_i,
    .enable_i(!rst_ni || clear_i || take || busy || write_valid || aw_valid_q ||
              credit_q != '0 || queue_valid ||
              !realign_idle || mem_rd_rvalid_i || m_axi_bvalid_i || signal_valid_q ||
              error_valid_q),
    .clk_o   (clk)
  );
endmodule : npu_store
`default_nettype wire

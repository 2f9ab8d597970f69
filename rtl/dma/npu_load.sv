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
  output wire                   busy_o,               // from the cycle after a command is taken
  output wire                   stalled_o,            // nothing moves without arrival or command
  output wire                   waiting_o,            // a command taken waits for a barrier
  output wire  [15:0]           waiting_tag_o,        // of the first one that does
  output wire                   release_o,            // pulse: its waits hold
  output wire                   done_o,               // pulse: a command is complete
  output wire                   signal_valid_o,
  output wire  [5:0]            signal_id_o,
  output wire  [23:0]           signal_amount_o,
  output wire                   error_valid_o,        // once, then the engine waits for clear_i
  output wire  [7:0]            error_code_o,
  output wire  [15:0]           error_tag_o,
  output wire  [AddrW-1:0]      error_address_o,      // of the run (bounds) or burst (bus error)
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
  output wire  [23:0]           mem_wr_addr_o,        // aligned
  output wire  [8*BusBytes-1:0] mem_wr_data_o,
  output wire  [BusBytes-1:0]   mem_wr_strb_o,
  output wire  [NumPes-1:0]     mem_wr_pe_mask_o,
  output wire  [15:0]           mem_wr_core_mask_o
);
  wire clk;  // stands still while nothing here changes

  localparam int unsigned ByteW        = $clog2(BusBytes);
  localparam int unsigned BeatsW       = 25 - ByteW; // beats of a run
  localparam int unsigned PageBeats    = 4096 / BusBytes;
  localparam int unsigned PageW        = $clog2(PageBeats);
  localparam int unsigned ContextDepth = 4;
  localparam int unsigned WaitDepth    = 4;  // commands taken whose waits are open
  localparam int unsigned IdW          = npu_isa_pkg::BarrierIdBits;
  localparam int unsigned WaitW        = 16 + 2 * (1 + IdW + CountW);
  localparam int unsigned SeqW         = 4;  // numbers of commands: more than are in flight, twice
  localparam int unsigned MaxBuffer    =
      (ParameterBuffer > ActivationBuffer) ? ParameterBuffer : ActivationBuffer;
  localparam int unsigned RoomW        = $clog2(MaxBuffer + (Outstanding + 1) * MaxBurst + 1);

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

  localparam int unsigned UserW    = 11 + NumPes + Cores;
  localparam int unsigned ContextW = 3 * 24 + 8 + UserW - 1;

  // Command
  npu_isa_pkg::dma_command_t cmd;
  logic                     stop, stopped_q;  // an error here or anywhere
  logic                     take, runs_ready;
  logic        [1:0]        window_q;
  // Waits. Numbers count commands: taken, of these released (they and all before them), and begun.
  logic                     early, wait_ready, wait_valid, wait_hold;
  logic [1:0]               wait_enable;
  logic [2*IdW-1:0]         wait_id;
  logic [2*CountW-1:0]      wait_count;
  logic [SeqW-1:0]          taken_q, released_q, begun_q, number_q, check_number_q, check_distance;
  logic                     check_released;
  logic                     core_q;
  logic                     nothing_q;        // one entry: moves nothing
  logic [PeW-1:0]           source_pe_q;
  logic                     bad_field_q;
  logic        [15:0]       tag_q;
  logic        [7:0]        fill_q;
  logic        [NumPes-1:0] pe_mask_q;
  logic        [Cores-1:0]  core_mask_q;
  logic                     signal_en_q, signal_bytes_q;
  logic        [5:0]        signal_id_q;
  logic                     alone_q;          // the command in flight has a local source
  logic                     context_ready, context_valid;
  logic                     run_valid, run_ready, run_first, run_last, run_outside;
  logic        [23:0]       size, left, copied;
  logic [31:0]            run_global, run_local;

  // Check
  logic                     check_valid_q, check_first_q;  // first: not yet in the run queue
  logic                     check_copies_q, check_core_q, check_last_q;
  logic        [7:0]        check_error_q;
  logic        [15:0]       check_tag_q;
  logic        [AddrW-1:0]  check_addr_q;                  // next source byte
  logic        [BeatsW-1:0] check_beats_q;                 // still to request
  logic        [23:0]       check_dest_q;
  logic                     check_done, check_ok;
  logic        [63:0]       base;
  logic        [31:0]       source_bytes;
  logic                     source_bad, dest_bad, may_read;
  logic        [AddrW-1:0]  run_addr;
  logic [32:0] global_end, local_end;
  logic        [24:0]       span;

  // Requests
  logic                 queue_ready;  // room for the run
  logic                 issue;        // a burst enters the AR register
  logic [8:0]           burst;        // its beats
  logic [PageW:0]       page_left;    // beats to the next 4 KiB boundary
  logic [8:0]           burst_limit;
  logic                 burst_ready, burst_valid;
  logic                 ar_valid_q;
  logic [AddrW-1:0]     ar_addr_q;
  logic [7:0]           ar_len_q;
  logic [RoomW-1:0]     parameter_used_q, activation_used_q;  // beats requested, not yet realigned
  logic                 room, word_room;  // in the staging buffer: for the burst, for a local word
  logic                 read_accept;      // a local word is requested
  logic                 requested;    // a request of this run is made, or it needs none
  logic [RoomW-1:0]     requested_beats;
  logic                 enqueue;
  logic [AddrW-1:ByteW] burst_addr;
  logic [15:0]          burst_tag;
  logic                 burst_core;
  logic                 r_accept;

  // Staging
  logic                  parameter_ready, activation_ready, parameter_valid, activation_valid;
  logic [8*BusBytes-1:0] parameter_data, activation_data, stage_data;
  logic                  stage_valid, beat_ready;
  logic                  to_core;  // of the run being realigned
  logic                  beat_valid, stage_core, pop;

  // Realignment
  logic             run_begin, context_pop;
  logic             queue_valid, realign_ready, queue_copies, queue_last, realign_idle;
  logic [23:0]      queue_dest;
  logic [ByteW-1:0] queue_source_low;
  logic [23:0]      context_first, context_last, context_end;
  logic [7:0]       context_fill;
  logic [UserW-2:0] context_user;
  logic             word_valid, word_last, word_accept;
  logic [ByteW:0]   word_bytes;
  logic             word_nothing, word_last_run, word_signal_en, word_signal_bytes;
  logic [5:0]       word_signal_id;
  logic [Cores-1:0] word_core_mask;
  logic [UserW-1:0] beat_user;

  // Completion and errors
  logic             done_q, signal_valid_q, error_valid_q;
  logic [5:0]       signal_id_q2;
  logic [ByteW:0]   signal_amount_q;
  logic [7:0]       error_code_q;
  logic [15:0]      error_tag_q;
  logic [AddrW-1:0] error_address_q;
  logic             bus_failed, check_failed;
  logic [$clog2(Outstanding + 1)-1:0] unused_burst_count;
  logic [$clog2(Outstanding + 5)-1:0] unused_queue_count;
  logic [$clog2(ContextDepth + 1)-1:0] unused_context_count;
  logic [$clog2(WaitDepth + 1)-1:0] unused_wait_count;
  logic             parameter_empty, activation_empty, unused_ok;

  // ---- Command: what all its runs share ----
  assign cmd         = cmd_i;
  assign early       = (cmd.ahead && !cmd.local_source) || cmd.length == 8'd1;
  assign cmd_ready_o = runs_ready && context_ready && wait_ready && !alone_q && !stop &&
                       (early || (cmd_released_i && !wait_valid)) &&
                       (!cmd.local_source || !busy_o);
  assign take        = cmd_valid_i && cmd_ready_o;

  always_ff @(posedge clk) begin
    if (take) begin
      window_q       <= cmd.window;
      core_q         <= cmd.core_memory;
      nothing_q      <= cmd.length == 8'd1;
      source_pe_q    <= cmd.source_pe[PeW-1:0];
      tag_q          <= cmd.tag;
      number_q       <= taken_q;
      fill_q         <= cmd.fill;
      pe_mask_q      <= cmd.pe_mask[NumPes-1:0];
      core_mask_q    <= cmd.core_mask[Cores-1:0];
      signal_en_q    <= cmd.signal_en;
      signal_bytes_q <= cmd.signal_bytes;
      signal_id_q    <= cmd.signal_id;
      bad_field_q    <= cmd.length != 8'd1 &&
                        (cmd.size0 == '0 || cmd.pe_mask[NumPes-1:0] == '0 ||
                         (cmd.core_memory && cmd.core_mask[Cores-1:0] == '0) ||
                         (cmd.local_source && 32'(cmd.source_pe) >= NumPes));
    end
  end

  npu_fifo #(
    .Width(WaitW),
    .Depth(WaitDepth)
  ) u_open_waits (
    .clk_i(clk),
    .rst_ni,
    .clear_i,
    .valid_i(take),
    .ready_o(wait_ready),
    .data_i ({cmd.tag, cmd.wait1_en, cmd.wait0_en, cmd.wait1_id, cmd.wait0_id, cmd.wait1_count,
              cmd.wait0_count}),
    .valid_o(wait_valid),
    .ready_i(wait_hold),
    .data_o ({waiting_tag_o, wait_enable, wait_id, wait_count}),
    .count_o(unused_wait_count)
  );

  npu_waits #(
    .Barriers(Barriers)
  ) u_waits (
    .counts_i(barrier_counts_i),
    .enable_i(wait_enable),
    .id_i    (wait_id),
    .count_i (wait_count),
    .hold_o  (wait_hold)
  );

  assign check_distance = released_q - check_number_q;
  assign check_released = check_distance != '0 && !check_distance[SeqW-1];

  always_ff @(posedge clk) begin
    if (!rst_ni || clear_i) begin
      taken_q    <= '0;
      released_q <= '0;
      begun_q    <= '0;
    end else begin
      if (take) taken_q <= taken_q + SeqW'(1);
      if (release_o) released_q <= released_q + SeqW'(1);
      if (context_pop) begun_q <= begun_q + SeqW'(1);
    end
  end

  npu_dma_runs u_runs (
    .clk_i(clk),
    .rst_ni,
    .clear_i,
    .cmd_valid_i  (take),
    .cmd_ready_o  (runs_ready),
    .cmd_i,
    .size_o       (size),
    .left_o       (left),
    .copied_o     (copied),
    .run_valid_o  (run_valid),
    .run_ready_i  (run_ready),
    .run_first_o  (run_first),
    .run_last_o   (run_last),
    .run_outside_o(run_outside),
    .run_global_o (run_global),
    .run_local_o  (run_local)
  );

  // ---- Check: one run, with bus addresses ----
  assign base         = alone_q ? '0 : window_base_i[{window_q, 6'd0}+:64];
  assign source_bytes = alone_q ? PeMemBytes : window_size_i[{window_q, 5'd0}+:32];
  assign may_read     = alone_q || window_flags_i[{window_q, 5'd0}];
  assign run_addr     = base[AddrW-1:0] + AddrW'(run_global);
  assign global_end   = 33'(run_global) + 33'(copied);
  assign local_end    = 33'(run_local) + 33'(size);
  assign source_bad   = !run_outside && (!may_read || global_end > 33'(source_bytes));
  assign dest_bad     = local_end > (core_q ? 33'(CoreMemBytes) : 33'(PeMemBytes));
  assign span         = 25'(copied) + 25'(run_addr[ByteW-1:0]) + 25'(BusBytes - 1);
  assign run_ready    = !check_valid_q || check_done;

  always_ff @(posedge clk) begin
    if (run_valid && run_ready) begin
      check_copies_q <= !run_outside;
      check_core_q   <= core_q;
      check_last_q   <= run_last;
      check_number_q <= number_q;
      check_tag_q    <= tag_q;
      check_dest_q   <= run_local[23:0];
      check_error_q  <= bad_field_q ? npu_isa_pkg::ErrBadField :
                        source_bad ? (alone_q ? npu_isa_pkg::ErrLocalBounds :
                                                npu_isa_pkg::ErrWindowBounds) :
                        dest_bad ? npu_isa_pkg::ErrLocalBounds : npu_isa_pkg::ErrNone;
      check_addr_q   <= bad_field_q ? '0 : (dest_bad && !source_bad) ? AddrW'(run_local) : run_addr;
      check_beats_q  <= span[24:ByteW];
    end else if (check_ok && check_copies_q) begin
      if (alone_q) begin
        if (read_accept) begin
          check_addr_q  <= {check_addr_q[AddrW-1:ByteW] + (AddrW - ByteW)'(1), {ByteW{1'b0}}};
          check_beats_q <= check_beats_q - BeatsW'(1);
        end
      end else if (issue) begin
        check_addr_q  <= {check_addr_q[AddrW-1:ByteW] + (AddrW - ByteW)'(burst), {ByteW{1'b0}}};
        check_beats_q <= check_beats_q - BeatsW'(burst);
      end
    end
  end

  // ---- Requests: bursts, or reads of PE memory ----
  assign check_ok    = check_valid_q && check_error_q == npu_isa_pkg::ErrNone && !stop &&
                       (!check_first_q || queue_ready);
  assign page_left   = (PageW + 1)'(PageBeats) - (PageW + 1)'(check_addr_q[11:ByteW]);
  assign burst_limit = (32'(page_left) < MaxBurst) ? 9'(page_left) : 9'(MaxBurst);
  assign burst       = (32'(check_beats_q) < 32'(burst_limit)) ? 9'(check_beats_q) : burst_limit;
  assign room        = check_core_q ?
      parameter_used_q + RoomW'(burst) <= RoomW'(ParameterBuffer) :
      activation_used_q + RoomW'(burst) <= RoomW'(ActivationBuffer);
  assign word_room   = check_core_q ? parameter_used_q < RoomW'(ParameterBuffer) :
                                      activation_used_q < RoomW'(ActivationBuffer);
  assign issue       = check_ok && check_copies_q && !alone_q && burst_ready &&
                       (check_released || room) && (!ar_valid_q || ar_ready_i);

  assign mem_rd_valid_o = check_ok && check_copies_q && alone_q && word_room;
  assign read_accept    = mem_rd_valid_o && mem_rd_ready_i;
  assign mem_rd_addr_o  = {check_addr_q[23:ByteW], {ByteW{1'b0}}};
  assign mem_rd_pe_o    = source_pe_q;

  assign requested_beats = issue ? RoomW'(burst) : RoomW'(read_accept);
  assign requested  = issue || read_accept || (check_ok && !check_copies_q);
  assign enqueue    = requested && check_first_q;
  assign check_done = requested && (!check_copies_q ||
                                    check_beats_q == (alone_q ? BeatsW'(1) : BeatsW'(burst)));

  always_ff @(posedge clk) begin
    // An address that the bus has not accepted stays.
    if (!rst_ni) ar_valid_q <= 1'b0;
    else if (issue) ar_valid_q <= 1'b1;
    else if (ar_ready_i) ar_valid_q <= 1'b0;
    if (!rst_ni || clear_i) begin
      check_valid_q <= 1'b0;
      check_first_q <= 1'b1;
      alone_q       <= 1'b0;
    end else begin
      if (run_ready) check_valid_q <= run_valid;
      if (run_ready) check_first_q <= 1'b1;
      else if (requested) check_first_q <= 1'b0;
      if (take) alone_q <= cmd.local_source;
      else if (done_q) alone_q <= 1'b0;
    end
  end

  always_ff @(posedge clk) begin
    if (issue) begin
      ar_addr_q <= {check_addr_q[AddrW-1:ByteW], {ByteW{1'b0}}};
      ar_len_q  <= 8'(burst - 9'd1);
    end
  end

  assign ar_valid_o = ar_valid_q;
  assign ar_addr_o  = ar_addr_q;
  assign ar_len_o   = ar_len_q;

  // Bursts under way, in order.
  npu_fifo #(
    .Width(AddrW - ByteW + 17),
    .Depth(Outstanding)
  ) u_bursts (
    .clk_i(clk),
    .rst_ni,
    .clear_i,
    .valid_i(issue),
    .ready_o(burst_ready),
    .data_i ({check_addr_q[AddrW-1:ByteW], check_tag_q, check_core_q}),
    .valid_o(burst_valid),
    .ready_i(r_accept && r_last_i),
    .data_o ({burst_addr, burst_tag, burst_core}),
    .count_o(unused_burst_count)
  );

  // ---- Staging: beats on the way to core memory and to PE memory ----
  assign r_ready_o   = stop || (burst_core ? parameter_ready : activation_ready);
  assign r_accept    = r_valid_i && r_ready_o;
  assign stage_valid = (mem_rd_rvalid_i || r_accept) && !stop;
  assign stage_data  = alone_q ? mem_rd_rdata_i : r_data_i;

  npu_ram_fifo #(
    .Width(8 * BusBytes),
    .Depth(ParameterBuffer)
  ) u_parameter_buffer (
    .clk_i(clk),
    .rst_ni,
    .clear_i,
    .valid_i(stage_valid && stage_core),
    .ready_o(parameter_ready),
    .data_i (stage_data),
    .valid_o(parameter_valid),
    .ready_i(beat_ready && to_core),
    .data_o (parameter_data),
    .empty_o(parameter_empty)
  );

  npu_ram_fifo #(
    .Width(8 * BusBytes),
    .Depth(ActivationBuffer)
  ) u_activation_buffer (
    .clk_i(clk),
    .rst_ni,
    .clear_i,
    .valid_i(stage_valid && !stage_core),
    .ready_o(activation_ready),
    .data_i (stage_data),
    .valid_o(activation_valid),
    .ready_i(beat_ready && !to_core),
    .data_o (activation_data),
    .empty_o(activation_empty)
  );

  assign stage_core = alone_q ? core_q : burst_core;
  assign beat_valid = to_core ? parameter_valid : activation_valid;
  assign pop        = beat_valid && beat_ready;

  always_ff @(posedge clk) begin
    if (!rst_ni || clear_i) begin
      parameter_used_q  <= '0;
      activation_used_q <= '0;
    end else begin
      parameter_used_q  <= parameter_used_q + (check_core_q ? requested_beats : '0) -
                           RoomW'(pop && to_core);
      activation_used_q <= activation_used_q + (check_core_q ? '0 : requested_beats) -
                           RoomW'(pop && !to_core);
    end
  end

  // ---- Realignment: runs and what their commands say about them ----
  npu_fifo #(
    .Width(24 + ByteW + 2),
    .Depth(Outstanding + 4)
  ) u_run_queue (
    .clk_i(clk),
    .rst_ni,
    .clear_i,
    .valid_i(enqueue),
    .ready_o(queue_ready),
    .data_i ({check_dest_q, check_addr_q[ByteW-1:0], check_copies_q, check_last_q}),
    .valid_o(queue_valid),
    .ready_i(run_begin && realign_ready),
    .data_o ({queue_dest, queue_source_low, queue_copies, queue_last}),
    .count_o(unused_queue_count)
  );

  // One entry per command, from its first run listed to its last run realigned. Room was checked
  // when the command was taken.
  npu_fifo #(
    .Width(ContextW),
    .Depth(ContextDepth)
  ) u_contexts (
    .clk_i(clk),
    .rst_ni,
    .clear_i,
    .valid_i(run_valid && run_ready && run_first),
    .ready_o(context_ready),
    .data_i ({left, left + copied - 24'd1, nothing_q ? 24'd0 : size - 24'd1, fill_q, core_q,
              nothing_q, signal_en_q, signal_bytes_q, signal_id_q, core_mask_q, pe_mask_q}),
    .valid_o(context_valid),
    .ready_i(context_pop),
    .data_o ({context_first, context_last, context_end, context_fill, context_user}),
    .count_o(unused_context_count)
  );

  npu_dma_realign #(
    .BusBytes(BusBytes),
    .UserW   (UserW)
  ) u_realign (
    .clk_i(clk),
    .rst_ni,
    .clear_i,
    //@ if npu.axi.watchdog
    .hold_word_i     (1'b0),
    //@ endif
    .run_valid_i     (run_begin),
    .run_ready_o     (realign_ready),
    .run_addr_i      (queue_dest),
    .run_source_low_i(queue_source_low),
    .run_copies_i    (queue_copies),
    .run_copy_first_i(context_first),
    .run_copy_last_i (context_last),
    .run_last_byte_i (context_end),
    .run_fill_i      (context_fill),
    .run_user_i      ({context_user, queue_last}),
    .beat_valid_i    (beat_valid),
    .beat_ready_o    (beat_ready),
    .beat_data_i     (to_core ? parameter_data : activation_data),
    .beat_user_o     (beat_user),
    .word_valid_o    (word_valid),
    .word_ready_i    (mem_wr_ready_i || word_nothing),
    .word_addr_o     (mem_wr_addr_o),
    .word_data_o     (mem_wr_data_o),
    .word_strb_o     (mem_wr_strb_o),
    .word_bytes_o    (word_bytes),
    .word_last_o     (word_last),
    .word_user_o     ({mem_wr_core_o, word_nothing, word_signal_en, word_signal_bytes,
                       word_signal_id, word_core_mask, mem_wr_pe_mask_o, word_last_run}),
    .idle_o          (realign_idle)
  );

  // The oldest run may begin when the waits of its command hold.
  assign run_begin   = queue_valid && released_q != begun_q;
  assign context_pop = run_begin && realign_ready && queue_last;

  assign to_core            = beat_user[UserW-1];
  assign word_accept        = word_valid && (mem_wr_ready_i || word_nothing);
  assign mem_wr_valid_o     = word_valid && !word_nothing;
  assign mem_wr_core_mask_o = 16'(word_core_mask);

  // ---- Completion and errors ----
  assign stop = halt_i || stopped_q;
  //@ if npu.axi.watchdog
  assign bus_failed = ((r_accept && r_resp_i[1]) || timeout_i) && !stop;
  //@ endif
  //@ unless npu.axi.watchdog: assign bus_failed = r_accept && r_resp_i[1] && !stop;
  // A run that fails is reported when everything before it is written.
  assign check_failed = check_valid_q && check_error_q != npu_isa_pkg::ErrNone && !stop &&
                        quiet_o && !queue_valid && realign_idle && check_released;

  always_ff @(posedge clk) begin
    if (!rst_ni || clear_i) begin
      done_q         <= 1'b0;
      signal_valid_q <= 1'b0;
      error_valid_q  <= 1'b0;
      stopped_q      <= 1'b0;
    end else begin
      done_q         <= word_accept && word_last && word_last_run;
      signal_valid_q <= word_accept && word_signal_en &&
                        (word_signal_bytes || (word_last && word_last_run));
      error_valid_q  <= bus_failed || check_failed;
      if (bus_failed || check_failed) stopped_q <= 1'b1;
    end
  end

  always_ff @(posedge clk) begin
    if (word_accept) begin
      signal_id_q2    <= word_signal_id;
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
      error_code_q    <= check_error_q;
      error_tag_q     <= check_tag_q;
      error_address_q <= check_addr_q;
    end
  end

  assign quiet_o         = !ar_valid_q && !burst_valid;
  assign busy_o          = !runs_ready || check_valid_q || context_valid || !realign_idle || done_q;
  assign waiting_o       = wait_valid && !wait_hold;
  assign release_o       = wait_valid && wait_hold;
  assign done_o          = done_q;
  // What is released, on the bus or about to be listed moves on by itself.
  assign stalled_o       = !take && quiet_o && released_q == begun_q && realign_idle && !done_q &&
                           !release_o && !requested &&
                           (runs_ready || (run_valid && !run_ready));
  assign signal_valid_o  = signal_valid_q;
  assign signal_id_o     = signal_id_q2;
  assign signal_amount_o = 24'(signal_amount_q);
  assign error_valid_o   = error_valid_q;
  assign error_code_o    = error_code_q;
  assign error_tag_o     = error_tag_q;
  assign error_address_o = error_address_q;

  assign unused_ok = ^{cmd, base, window_flags_i, r_resp_i[0], span};

  npu_clock_gate u_gate (
    .clk_i,
    .enable_i(!rst_ni || clear_i || !stalled_o || signal_valid_q || error_valid_q ||
              mem_rd_rvalid_i || check_failed || (!parameter_valid && !parameter_empty) ||
              (!activation_valid && !activation_empty)),
    .clk_o   (clk)
  );
endmodule : npu_load
`default_nettype wire

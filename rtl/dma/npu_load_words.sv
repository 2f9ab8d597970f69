`default_nettype none
// SPDX-License-Identifier: Apache-2.0
// The words of LOAD: runs that are listed wait in a queue, what their commands say about them in
// another one; the oldest run takes its beats, which are realigned into words of memory.
module npu_load_words #(
  parameter int unsigned BusBytes     = 16,      //@ = npu.axi.bytes  -- beat bytes: 4 .. 64
  parameter int unsigned Outstanding  = 8,       //@ = npu.axi.outstanding  -- bursts in flight
  parameter int unsigned NumPes       = 16,      // 1..32
  parameter int unsigned Cores        = 4,       //@ = pe.cores  -- cores per PE, 1..16
  parameter int unsigned PeMemBytes   = 131072,  //@ = pe.memory  -- bytes of a PE memory
  parameter int unsigned PeBanks      = 8,       //@ = pe.banks
  parameter int unsigned PeWordBytes  = 16,      //@ = pe.bank_width
  parameter int unsigned ContextDepth = 4,       // commands whose last run has not begun
  localparam int unsigned ByteW     = $clog2(BusBytes),
  localparam int unsigned UserW     = 11 + NumPes + Cores,
  //@ if units.dma.modes
  localparam int unsigned FillBytes = 4,  //@ if units.dma.wide_fill
  //@ unless units.dma.wide_fill: localparam int unsigned FillBytes = 1,
  localparam int unsigned SwizzleW  = 2,  //@ if units.dma.swizzle
  //@ unless units.dma.swizzle: localparam int unsigned SwizzleW  = 0,
  localparam int unsigned TileW     = 1,  //@ if units.dma.transpose
  //@ unless units.dma.transpose: localparam int unsigned TileW     = 0,
  localparam int unsigned ContextW  = 3 * 24 + TileW + 8 * FillBytes + SwizzleW + UserW - 1
  //@ else
  //@: localparam int unsigned ContextW  = 3 * 24 + 8 + UserW - 1
  //@ endif
) (
  input  wire                   clk_i,
  input  wire                   rst_ni,
  input  wire                   clear_i,
  // runs, in order
  input  wire                   run_valid_i,
  output wire                   run_ready_o,
  input  wire  [23:0]           run_dest_i,         // of the first byte
  input  wire  [ByteW-1:0]      run_source_low_i,   // where the first source byte is in its beat
  input  wire                   run_copies_i,       // some of it comes from the source
  input  wire                   run_last_i,         // of its command
  //@ if units.dma.transpose
  input  wire  [4*ByteW-1:0]    run_piece_i,        // of a tile, as npu_load_check lists it
  input  wire                   run_none_i,         // no run comes behind those in the queue
  //@ endif
  // commands, with their first run, as npu_load_check lists them; there is room
  input  wire                   context_valid_i,
  output wire                   context_ready_o,
  input  wire  [ContextW-1:0]   context_i,
  // the oldest run may begin; the last run of its command does
  input  wire                   may_begin_i,
  output wire                   begin_o,
  // source beats
  input  wire                   beat_valid_i,
  output wire                   beat_ready_o,
  input  wire  [8*BusBytes-1:0] beat_data_i,
  output wire                   beat_core_o,        // from the buffer of core memory
  // memory write
  output wire                   mem_wr_valid_o,
  input  wire                   mem_wr_ready_i,
  output wire                   mem_wr_core_o,      // 1: core memory
  output wire  [23:0]           mem_wr_addr_o,      // aligned; of PE memory: npu_bus_place
  output wire  [8*BusBytes-1:0] mem_wr_data_o,
  output wire  [BusBytes-1:0]   mem_wr_strb_o,
  output wire  [NumPes-1:0]     mem_wr_pe_mask_o,
  output wire  [15:0]           mem_wr_core_mask_o,
  // a word is taken
  output wire                   accept_o,
  output wire                   nothing_o,          // it is none: its command moves nothing
  output wire                   end_o,              // of its command
  output wire  [ByteW:0]        bytes_o,            // that it writes
  output wire                   signal_en_o,
  output wire                   signal_bytes_o,
  output wire  [5:0]            signal_id_o,
  // state
  output wire                   queue_valid_o,      // runs wait
  output wire                   context_valid_o,    // last runs have not begun
  output wire                   idle_o              // no run is under way, no word shown
);
  logic             run_begin, queue_valid, realign_ready, queue_copies, queue_last;
  logic [23:0]      queue_dest;
  logic [ByteW-1:0] queue_source_low;
  logic [23:0]      copy_first, copy_last, run_end;
  logic [TileW+8*FillBytes+SwizzleW-1:0] run_fill;  //@ if units.dma.modes
  //@ unless units.dma.modes: logic [7:0]       run_fill;
  logic [UserW-2:0] run_user;
  logic [UserW-1:0] beat_user;
  logic [23:0]      made_addr, made_place;
  logic             made_core;  //@ if units.dma.transpose
  logic [4*ByteW-1:0] queue_piece;  //@ if units.dma.transpose
  logic             word_valid, word_last, word_last_run;
  logic [Cores-1:0] word_core_mask;
  logic [$clog2(Outstanding + 5)-1:0]  unused_queue_count;
  logic [$clog2(ContextDepth + 1)-1:0] unused_context_count;

  npu_burst_queue #(  //@ if npu.axi.many_bursts
  //@ unless npu.axi.many_bursts: npu_fifo #(
    .Width(24 + 5 * ByteW + 2),  //@ if units.dma.transpose
    //@ unless units.dma.transpose: .Width(24 + ByteW + 2),
    .Depth(Outstanding + 4)
  ) u_run_queue (
    .clk_i,
    .rst_ni,
    .clear_i,
    .valid_i(run_valid_i),
    .ready_o(run_ready_o),
    .data_i ({
              run_piece_i,  //@ if units.dma.transpose
              run_dest_i, run_source_low_i, run_copies_i, run_last_i}),
    .valid_o(queue_valid),
    .ready_i(run_begin && realign_ready),
    .data_o ({
              queue_piece,  //@ if units.dma.transpose
              queue_dest, queue_source_low, queue_copies, queue_last}),
    .count_o(unused_queue_count)
  );

  // One entry per command, from its first run listed to its last run realigned. Room was checked
  // when the command was taken.
  npu_fifo #(
    .Width(ContextW),
    .Depth(ContextDepth)
  ) u_contexts (
    .clk_i,
    .rst_ni,
    .clear_i,
    .valid_i(context_valid_i),
    .ready_o(context_ready_o),
    .data_i (context_i),
    .valid_o(context_valid_o),
    .ready_i(begin_o),
    .data_o ({copy_first, copy_last, run_end, run_fill, run_user}),
    .count_o(unused_context_count)
  );

  npu_dma_realign #(
    .BusBytes(BusBytes),
    .UserW   (UserW)
  ) u_realign (
    .clk_i,
    .rst_ni,
    .clear_i,
    .hold_word_i     (1'b0),  //@ if npu.axi.watchdog
    .run_valid_i     (run_begin),
    .run_ready_o     (realign_ready),
    .run_addr_i      (queue_dest),
    .run_source_low_i(queue_source_low),
    .run_copies_i    (queue_copies),
    .run_copy_first_i(copy_first),
    .run_copy_last_i (copy_last),
    .run_last_byte_i (run_end),
    .run_fill_i      (run_fill),
    .run_user_i      ({run_user, queue_last}),
    //@ if units.dma.transpose
    .run_piece_i     (queue_piece),
    .run_none_i      (run_none_i && !queue_valid),
    .made_user_o     (made_core),
    //@ endif
    .beat_valid_i,
    .beat_ready_o,
    .beat_data_i,
    .beat_user_o     (beat_user),
    .made_addr_o     (made_addr),
    .made_place_i    (made_place),
    .word_valid_o    (word_valid),
    .word_ready_i    (mem_wr_ready_i || nothing_o),
    .word_addr_o     (mem_wr_addr_o),
    .word_data_o     (mem_wr_data_o),
    .word_strb_o     (mem_wr_strb_o),
    .word_bytes_o    (bytes_o),
    .word_last_o     (word_last),
    .word_user_o     ({mem_wr_core_o, nothing_o, signal_en_o, signal_bytes_o, signal_id_o,
                       word_core_mask, mem_wr_pe_mask_o, word_last_run}),
    .idle_o
  );

  npu_bus_place #(
    .MemBytes (PeMemBytes),
    .Banks    (PeBanks),
    .WordBytes(PeWordBytes)
  ) u_place (
    .core_i (made_core),  //@ if units.dma.transpose
    //@ unless units.dma.transpose: .core_i (beat_core_o),
    .addr_i (made_addr),
    .place_o(made_place)
  );

  // The oldest run may begin when the waits of its command hold.
  assign run_begin = queue_valid && may_begin_i;
  assign begin_o   = run_begin && realign_ready && queue_last;

  assign queue_valid_o      = queue_valid;
  assign beat_core_o        = beat_user[UserW-1];
  assign accept_o           = word_valid && (mem_wr_ready_i || nothing_o);
  assign end_o              = word_last && word_last_run;
  assign mem_wr_valid_o     = word_valid && !nothing_o;
  assign mem_wr_core_mask_o = 16'(word_core_mask);
endmodule : npu_load_words
`default_nettype wire

`default_nettype none
// SPDX-License-Identifier: Apache-2.0
// Runs of LOAD commands: listed one by one, checked against the source's window (or PE memory) and
// the destination, with bus addresses; and the next burst of the run at hand.
//
// A command's context is listed with its first run. A run stays until requested_i has asked for all
// of its beats: bursts of at most MaxBurst beats that do not cross 4 KiB, or words of PE memory.
module npu_load_check #(
  parameter int unsigned BusBytes     = 16,      //@ = npu.axi.bytes  -- beat bytes: 4 .. 64
  parameter int unsigned AddrW        = 40,      //@ = npu.axi.address_width  -- 32..64 bits
  parameter int unsigned NumPes       = 16,      // 1..32
  parameter int unsigned Cores        = 4,       //@ = pe.cores  -- cores per PE, 1..16
  parameter int unsigned PeMemBytes   = 131072,  //@ = pe.memory  -- bytes of a PE memory
  parameter int unsigned CoreMemBytes = 65536,   //@ = core.memory  -- bytes of a core memory
  parameter int unsigned MaxBurst     = 32,      //@ = npu.axi.burst  -- beats, 1..256
  parameter int unsigned NumberW      = 4,       // bits of a command's number
  localparam int unsigned ByteW    = $clog2(BusBytes),
  localparam int unsigned PeW      = (NumPes > 1) ? $clog2(NumPes) : 1,
  localparam int unsigned WaitW    = 16 + 2 * (1 + npu_isa_pkg::BarrierIdBits +
                                               npu_isa_pkg::BarrierCountBits),
  //@ if units.dma.modes
  localparam int unsigned FillW    = 32,  //@ if units.dma.wide_fill
  //@ unless units.dma.wide_fill: localparam int unsigned FillW    = 8,
  localparam int unsigned SwizzleW = 2,  //@ if units.dma.swizzle
  //@ unless units.dma.swizzle: localparam int unsigned SwizzleW = 0,
  localparam int unsigned TileW    = 1,  //@ if units.dma.transpose
  //@ unless units.dma.transpose: localparam int unsigned TileW    = 0,
  localparam int unsigned ContextW = 3 * 24 + TileW + FillW + SwizzleW + 10 + NumPes + Cores
  //@ else
  //@: localparam int unsigned ContextW = 3 * 24 + 8 + 10 + NumPes + Cores
  //@ endif
) (
  input  wire                 clk_i,
  input  wire                 rst_ni,
  input  wire                 clear_i,
  // command; take_i with ready_o
  input  wire  [28*32-1:0]    cmd_i,              // npu_isa_pkg::dma_command_t
  output wire                 early_o,            // it may be taken before its waits hold
  output wire                 local_o,            // its source is PE memory
  output wire  [WaitW-1:0]    wait_o,             // as npu_load_waits takes it
  input  wire                 take_i,
  output wire                 ready_o,            // no runs to list
  input  wire  [NumberW-1:0]  number_i,
  input  wire                 alone_i,            // the command in flight has a local source
  // memory windows
  input  wire  [4*64-1:0]     window_base_i,
  input  wire  [4*32-1:0]     window_size_i,
  input  wire  [4*32-1:0]     window_flags_i,     // bit 0: read
  // of the command whose runs are listed
  output wire                 context_valid_o,    // pulse
  output wire  [ContextW-1:0] context_o,          // bytes of a run before and to the end of the
                                                  // copied ones, last byte, fill; for each word:
                                                  // {core, nothing, signal_en, signal_bytes,
                                                  // signal_id, core_mask, pe_mask}
  output wire                 command_core_o,
  output wire  [PeW-1:0]      source_pe_o,
  output wire                 next_waits_o,       // a run waits for the one at hand
  // the run at hand
  output wire                 valid_o,
  output wire                 first_o,            // no request of it is made
  output wire                 copies_o,           // some of it comes from the source
  output wire                 core_o,             // to core memory
  output wire                 last_o,             // of its command
  //@ if units.dma.transpose
  output wire  [4*ByteW-1:0]  piece_o,            // of a tile: pieces of the tile - 1, bytes of the
                                                  // piece as in contexts
  //@ endif
  output wire  [NumberW-1:0]  number_o,
  output wire  [15:0]         tag_o,
  output wire  [7:0]          error_o,            // npu_isa_pkg::Err*
  output wire  [AddrW-1:0]    addr_o,             // next source byte; or of the error
  output wire  [23:0]         dest_o,
  output wire  [8:0]          burst_o,            // beats of its next burst
  output wire  [8:0]          beats_o,            // the smaller one of these: of what is left,
  output wire  [8:0]          limit_o,            // and of what its page has room for
  input  wire                 requested_i         // the burst or word is requested; or none needed
);
  localparam int unsigned BeatsW    = 25 - ByteW;  // beats of a run
  localparam int unsigned PageBeats = 4096 / BusBytes;
  localparam int unsigned PageW     = $clog2(PageBeats);

  npu_isa_pkg::dma_command_t cmd;
  logic [1:0]        window_q;
  logic [NumberW-1:0] number_q;
  logic              core_q;
  logic              nothing_q;      // one entry: moves nothing
  logic [PeW-1:0]    source_pe_q;
  logic              bad_field_q;
  logic [15:0]       tag_q;
  logic [1:0]        swizzle_q;  //@ if units.dma.swizzle
  logic [1:0]        element_q;  //@ if units.dma.transpose
  logic [23:0]       stride_q;  //@ if units.dma.transpose
  logic [FillW-1:0]  fill_q;  //@ if units.dma.wide_fill
  //@ unless units.dma.wide_fill: logic [7:0]        fill_q;
  logic [NumPes-1:0] pe_mask_q;
  logic [Cores-1:0]  core_mask_q;
  logic              signal_en_q, signal_bytes_q;
  logic [5:0]        signal_id_q;

  // ---- Command: what all its runs share ----
  assign cmd     = cmd_i;
  assign early_o = (cmd.ahead && !cmd.local_source) || cmd.length == 8'd1;
  assign local_o = cmd.local_source;
  assign wait_o  = {cmd.tag, cmd.wait1_en, cmd.wait0_en, cmd.wait1_id, cmd.wait0_id,
                    cmd.wait1_count, cmd.wait0_count};

  //@ if units.dma.im2col
  // The first pixel lies within the bounds of the walk.
  logic bad_pixels;
  assign bad_pixels = !cmd.bounds || cmd.size1 == '0 ||
                      $signed(cmd.start1) < $signed(cmd.low1) ||
                      $signed(cmd.start1) >= $signed(cmd.size2) ||
                      $signed(cmd.start2) < $signed(cmd.low2) ||
                      $signed(cmd.start2) >= $signed(cmd.size3) ||
                      $signed(cmd.start3) < $signed({{8{cmd.low3[7]}}, cmd.low3}) ||
                      $signed(cmd.start3) >= $signed(cmd.size4);

  //@ endif
  //@ if units.dma.transpose
  // Elements are whole, columns lie less than 8 MiB apart, and their order is that of a box.
  logic bad_tiles;
  assign bad_tiles = cmd.size4 > 16'd1 || (cmd.element != 2'd0 && cmd.size0[0]) ||
                     cmd.im2col ||  //@ if units.dma.im2col
                     (cmd.element[1] && cmd.size0[1]) ||
                     cmd.local_stride1[31:23] != {9{cmd.local_stride1[23]}};

  //@ endif
  always_ff @(posedge clk_i) begin
    if (take_i) begin
      window_q       <= cmd.window;
      core_q         <= cmd.core_memory;
      nothing_q      <= cmd.length == 8'd1;
      source_pe_q    <= cmd.source_pe[PeW-1:0];
      tag_q          <= cmd.tag;
      number_q       <= number_i;
      //@ if units.dma.wide_fill
      // Repeated to four bytes
      fill_q[7:0]    <= cmd.fill;
      fill_q[15:8]   <= (cmd.element == 2'd0) ? cmd.fill : cmd.fill_high[7:0];
      fill_q[23:16]  <= cmd.element[1] ? cmd.fill_high[15:8] : cmd.fill;
      fill_q[31:24]  <= (cmd.element == 2'd0) ? cmd.fill :
                        cmd.element[1] ? cmd.fill_high[23:16] : cmd.fill_high[7:0];
      //@ endif
      //@ unless units.dma.wide_fill: fill_q         <= cmd.fill;
      swizzle_q      <= cmd.swizzle;  //@ if units.dma.swizzle
      //@ if units.dma.transpose
      element_q      <= cmd.element;
      stride_q       <= cmd.local_stride1[23:0];
      //@ endif
      pe_mask_q      <= cmd.pe_mask[NumPes-1:0];
      core_mask_q    <= cmd.core_mask[Cores-1:0];
      signal_en_q    <= cmd.signal_en;
      signal_bytes_q <= cmd.signal_bytes;
      signal_id_q    <= cmd.signal_id;
      bad_field_q    <= cmd.length != 8'd1 &&
                        (cmd.size0 == '0 || cmd.pe_mask[NumPes-1:0] == '0 ||
                         (cmd.core_memory && cmd.core_mask[Cores-1:0] == '0) ||
                         //@ if units.dma.strides
                         cmd.step1 > 4'd8 || cmd.step2 > 4'd8 || cmd.step3 > 4'd8 ||
                         cmd.step4 > 4'd8 ||
                         //@ endif
                         //@ if units.dma.wide_fill
                         cmd.element == 2'd3 ||
                         //@ endif
                         (cmd.swizzle != '0 && cmd.core_memory) ||  //@ if units.dma.swizzle
                         (cmd.transpose && bad_tiles) ||  //@ if units.dma.transpose
                         (cmd.im2col && bad_pixels) ||  //@ if units.dma.im2col
                         (cmd.local_source && 32'(cmd.source_pe) >= NumPes));
    end
  end

  logic        run_valid, run_ready, run_first, run_last, run_outside;
  logic [23:0] size, left, copied;
  logic [31:0] run_global, run_local;

  //@ if units.dma.transpose
  logic        tiles;
  logic [5:0]  rows;
  logic [31:0] reach;

  //@ endif
  npu_dma_runs #(  //@ if units.dma.transpose
    .BusBytes(BusBytes)  //@ if units.dma.transpose
  ) u_runs (  //@ if units.dma.transpose
  //@ unless units.dma.transpose: npu_dma_runs u_runs (
    .clk_i,
    .rst_ni,
    .clear_i,
    .cmd_valid_i  (take_i),
    .cmd_ready_o  (ready_o),
    .cmd_i,
    .size_o       (size),
    .left_o       (left),
    .copied_o     (copied),
    .run_valid_o  (run_valid),
    .run_ready_i  (run_ready),
    .run_first_o  (run_first),
    .run_last_o   (run_last),
    .run_outside_o(run_outside),
    //@ if units.dma.transpose
    .run_tiles_o  (tiles),
    .run_rows_o   (rows),
    .run_reach_o  (reach),
    //@ endif
    .run_global_o (run_global),
    .run_local_o  (run_local)
  );

  assign context_valid_o = run_valid && run_ready && run_first;
  //@ if units.dma.transpose
  assign context_o       = {tiles ? stride_q : left,
                            tiles ? 24'(element_q) : left + copied - 24'd1,
                            nothing_q ? 24'd0 : size - 24'd1, tiles, fill_q,
  //@ endif
  //@ unless units.dma.transpose: assign context_o       = {left, left + copied - 24'd1, nothing_q ? 24'd0 : size - 24'd1, fill_q,
                            swizzle_q,  //@ if units.dma.swizzle
                            core_q, nothing_q, signal_en_q, signal_bytes_q, signal_id_q,
                            core_mask_q, pe_mask_q};
  assign command_core_o  = core_q;
  assign source_pe_o     = source_pe_q;
  assign next_waits_o    = run_valid && !run_ready;

  // ---- Check ----
  logic [63:0]      base;
  logic [31:0]      source_bytes;
  logic             may_read, source_bad, dest_bad;
  logic [AddrW-1:0] run_addr;
  logic [32:0]      global_end, local_end;
  logic [24:0]      span;
  //@ if units.dma.transpose
  logic [23:0]      local_bytes;  // of a run, or of a column of a tile
  logic [31:0]      last_local;   // of the tile's last column
  logic [7:0]       column_last;  // byte of a column
  logic             last_bad;
  //@ endif

  assign base         = alone_i ? '0 : window_base_i[{window_q, 6'd0}+:64];
  assign source_bytes = alone_i ? PeMemBytes : window_size_i[{window_q, 5'd0}+:32];
  assign may_read     = alone_i || window_flags_i[{window_q, 5'd0}];
  assign run_addr     = base[AddrW-1:0] + AddrW'(run_global);
  assign global_end   = 33'(run_global) + 33'(copied);
  //@ if units.dma.transpose
  assign column_last  = {rows, 2'b11} >> (2'd2 - element_q);
  assign local_bytes  = tiles ? 24'(column_last) + 24'd1 : size;
  assign local_end    = 33'(run_local) + 33'(local_bytes);
  assign last_local   = run_local + reach;
  assign last_bad     = tiles && 33'(last_local) + 33'(local_bytes) >
                                     (core_q ? 33'(CoreMemBytes) : 33'(PeMemBytes));
  //@ endif
  //@ unless units.dma.transpose: assign local_end    = 33'(run_local) + 33'(size);
  assign source_bad   = !run_outside && (!may_read || global_end > 33'(source_bytes));
  assign dest_bad     = local_end > (core_q ? 33'(CoreMemBytes) : 33'(PeMemBytes));
  assign span         = 25'(copied) + 25'(run_addr[ByteW-1:0]) + 25'(BusBytes - 1);

  // ---- The run at hand ----
  logic               valid_q, first_q, copies_q, run_core_q, last_q, done;
  logic [7:0]         error_q;
  logic [15:0]        run_tag_q;
  logic [NumberW-1:0] run_number_q;
  logic [AddrW-1:0]   addr_q;
  logic [BeatsW-1:0]  beats_q;        // still to request
  logic [4*ByteW-1:0] piece_q;  //@ if units.dma.transpose
  logic [23:0]        dest_q;
  logic [PageW:0]     page_left;      // beats to the next 4 KiB boundary
  logic [8:0]         burst_limit, beats;

  assign page_left   = (PageW + 1)'(PageBeats) - (PageW + 1)'(addr_q[11:ByteW]);
  assign burst_limit = (32'(page_left) < MaxBurst) ? 9'(page_left) : 9'(MaxBurst);
  assign beats_o     = (32'(beats_q) < MaxBurst) ? 9'(beats_q) : 9'(MaxBurst);
  assign limit_o     = burst_limit;
  assign burst_o     = (beats_o < burst_limit) ? beats_o : burst_limit;
  assign beats       = alone_i ? 9'd1 : burst_o;  // of a request
  assign done        = requested_i && (!copies_q || beats_q == BeatsW'(beats));
  assign run_ready   = !valid_q || done;

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i) begin
      valid_q <= 1'b0;
      first_q <= 1'b1;
    end else begin
      if (run_ready) valid_q <= run_valid;
      if (run_ready) first_q <= 1'b1;
      else if (requested_i) first_q <= 1'b0;
    end
  end

  always_ff @(posedge clk_i) begin
    if (run_valid && run_ready) begin
      copies_q     <= !run_outside;
      run_core_q   <= core_q;
      last_q       <= run_last;
      run_number_q <= number_q;
      run_tag_q    <= tag_q;
      dest_q       <= run_local[23:0];
      error_q      <= bad_field_q ? npu_isa_pkg::ErrBadField :
                      source_bad ? (alone_i ? npu_isa_pkg::ErrLocalBounds :
                                              npu_isa_pkg::ErrWindowBounds) :
                      dest_bad ? npu_isa_pkg::ErrLocalBounds : npu_isa_pkg::ErrNone;
      addr_q       <= bad_field_q ? '0 : (dest_bad && !source_bad) ? AddrW'(run_local) : run_addr;
      //@ if units.dma.transpose
      if (last_bad && !bad_field_q && !source_bad && !dest_bad) begin
        error_q <= npu_isa_pkg::ErrLocalBounds;
        addr_q  <= AddrW'(last_local);
      end
      piece_q      <= {ByteW'(rows), left[ByteW-1:0], ByteW'(left + copied - 24'd1),
                       ByteW'(size - 24'd1)};
      //@ endif
      beats_q      <= span[24:ByteW];
    end else if (requested_i && copies_q) begin
      addr_q  <= {addr_q[AddrW-1:ByteW] + (AddrW - ByteW)'(beats), {ByteW{1'b0}}};
      beats_q <= beats_q - BeatsW'(beats);
    end
  end

  assign piece_o  = piece_q;  //@ if units.dma.transpose
  assign valid_o  = valid_q;
  assign first_o  = first_q;
  assign copies_o = copies_q;
  assign core_o   = run_core_q;
  assign last_o   = last_q;
  assign number_o = run_number_q;
  assign tag_o    = run_tag_q;
  assign error_o  = error_q;
  assign addr_o   = addr_q;
  assign dest_o   = dest_q;

  // The box is npu_dma_runs'.
  logic unused_box, unused_bits;
  assign unused_box  = ^{cmd.global_offset, cmd.local_address, cmd.size1, cmd.size2, cmd.size3,
                         cmd.size4, cmd.global_stride1, cmd.global_stride2, cmd.global_stride3,
                         cmd.global_stride4, cmd.local_stride1, cmd.local_stride2,
                         cmd.local_stride3, cmd.local_stride4, cmd.bounds, cmd.start0, cmd.start1,
                         cmd.start2, cmd.start3, cmd.start4, cmd.extent0, cmd.extent1, cmd.extent2,
                         cmd.extent3, cmd.extent4};
  assign unused_bits = ^{cmd.opcode, cmd.pe_mask, cmd.core_mask, cmd.reserved_1_7,
                         cmd.reserved_1_15, cmd.reserved_1_25, cmd.reserved_2_24,
                         //@ if units.dma.modes
                         cmd, base, span};
                         //@ else
//@:                     cmd.reserved_3_24, cmd.reserved_4_5, cmd.reserved_6_24,
//@:                     cmd.reserved_8_24, cmd.reserved_11_5, cmd.reserved_26_0,
//@:                     cmd.reserved_27_0, base, span};
                         //@ endif
endmodule : npu_load_check
`default_nettype wire

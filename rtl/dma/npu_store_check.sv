`default_nettype none
// SPDX-License-Identifier: Apache-2.0
// Runs of STORE commands: listed one by one, checked against the destination's window and PE
// memory, with bus addresses; and the next burst and the next word of the run at hand.
//
// A run stays until it is ok_i and all of its beats have an address (issue_i, bursts of at most
// MaxBurst beats that do not cross 4 KiB) and all of its words are read (read_i).
module npu_store_check #(
  parameter int unsigned BusBytes   = 16,      //@ = npu.axi.bytes  -- beat bytes: 4 .. 64
  parameter int unsigned AddrW      = 40,      //@ = npu.axi.address_width  -- 32..64 bits
  parameter int unsigned NumPes     = 16,      // 1..32
  parameter int unsigned PeMemBytes = 131072,  //@ = pe.memory  -- bytes of a PE memory
  parameter int unsigned MaxBurst   = 32,      //@ = npu.axi.burst  -- beats, 1..256
  localparam int unsigned ByteW     = $clog2(BusBytes),
  localparam int unsigned PeW       = (NumPes > 1) ? $clog2(NumPes) : 1
) (
  input  wire              clk_i,
  input  wire              rst_ni,
  input  wire              clear_i,
  // command; take_i with ready_o
  input  wire  [28*32-1:0] cmd_i,           // npu_isa_pkg::dma_command_t
  input  wire              take_i,
  output wire              ready_o,         // no runs to list
  // memory windows
  input  wire  [4*64-1:0]  window_base_i,
  input  wire  [4*32-1:0]  window_size_i,
  input  wire  [4*32-1:0]  window_flags_i,  // bit 1: write
  // the run at hand
  output wire              valid_o,
  //@ if units.dma.store_bounds
  output wire              nothing_o,       // none of its bytes exists; the last one of its command
  //@ endif
  output wire              first_o,         // nothing of it is requested
  output wire              last_o,          // of its command
  output wire  [15:0]      tag_o,
  output wire              signal_en_o,
  output wire  [5:0]       signal_id_o,
  output wire  [7:0]       error_o,         // npu_isa_pkg::Err*
  output wire  [AddrW-1:0] addr_o,          // next bus byte; or of the error
  output wire              beats_o,         // beats are left without address
  output wire  [8:0]       burst_o,         // beats of its next burst
  output wire              burst_last_o,    // which is the run's last one
  output wire  [PeW-1:0]   pe_o,
  output wire  [23:0]      source_o,        // next byte in PE memory
  output wire              words_o,         // words are left to read
  output wire  [23:0]      end_o,           // bytes - 1
  output wire  [1:0]       swizzle_o,  //@ if units.dma.swizzle
  input  wire              ok_i,            // it may go on
  input  wire              issue_i,         // the burst has an address
  input  wire              read_i           // the word is read
);
  localparam int unsigned BeatsW    = 25 - ByteW;  // beats or words of a run
  localparam int unsigned PageBeats = 4096 / BusBytes;
  localparam int unsigned PageW     = $clog2(PageBeats);

  // ---- Command: what all its runs share ----
  npu_isa_pkg::dma_command_t cmd;
  logic              bad_field_q, signal_en_q;
  logic [1:0]        window_q;
  logic [15:0]       tag_q;
  logic [1:0]        swizzle_q;  //@ if units.dma.swizzle
  logic [PeW-1:0]    pe, pe_q;
  logic [5:0]        signal_id_q;
  logic [NumPes-1:0] mask;

  assign cmd  = cmd_i;
  assign mask = cmd.pe_mask[NumPes-1:0];

  always_comb begin
    pe = '0;
    for (int unsigned i = 0; i < NumPes; i++) begin
      if (mask[i]) pe = pe | PeW'(i);
    end
  end

  always_ff @(posedge clk_i) begin
    if (take_i) begin
      window_q    <= cmd.window;
      tag_q       <= cmd.tag;
      swizzle_q   <= cmd.swizzle;  //@ if units.dma.swizzle
      pe_q        <= pe;
      signal_en_q <= cmd.signal_en;
      signal_id_q <= cmd.signal_id;
      //@ if units.dma.strides
      bad_field_q <= cmd.size0 == '0 || mask == '0 || (mask & (mask - NumPes'(1))) != '0 ||
                     cmd.step1 > 4'd8 || cmd.step2 > 4'd8 || cmd.step3 > 4'd8 ||
                     cmd.step4 > 4'd8;
      //@ else
//@:  bad_field_q <= cmd.size0 == '0 || mask == '0 || (mask & (mask - NumPes'(1))) != '0;
      //@ endif
    end
  end

  //@ if units.dma.store_bounds
  logic        run_valid, run_ready, run_last, run_outside, unused_first;
  logic [23:0] size, unused_left, unused_size;  // of the bytes that exist
  //@ else
  //@: logic        run_valid, run_ready, run_last, unused_first, unused_outside;
  //@: logic [23:0] size, unused_left, unused_copied;
  //@ endif
  logic [31:0] run_global, run_local;
  //@ if units.dma.transpose
  logic        unused_tiles;
  logic [5:0]  unused_rows;
  logic [31:0] unused_reach;
  //@ endif

  npu_dma_runs #(
    .WithPixels(1'b0),  //@ if units.dma.im2col
    .WithTiles(1'b0),  //@ if units.dma.transpose
    .CopiesOnly(1'b1)  //@ if units.dma.store_bounds
    //@ unless units.dma.store_bounds: .WithBounds(1'b0)
  ) u_runs (
    .clk_i,
    .rst_ni,
    .clear_i,
    .cmd_valid_i  (take_i),
    .cmd_ready_o  (ready_o),
    .cmd_i,
    .size_o       (unused_size),  //@ if units.dma.store_bounds
    //@ unless units.dma.store_bounds: .size_o       (size),
    .left_o       (unused_left),
    .copied_o     (size),  //@ if units.dma.store_bounds
    //@ unless units.dma.store_bounds: .copied_o     (unused_copied),
    .run_valid_o  (run_valid),
    .run_ready_i  (run_ready),
    .run_first_o  (unused_first),
    .run_last_o   (run_last),
    //@ if units.dma.transpose
    .run_tiles_o  (unused_tiles),
    .run_rows_o   (unused_rows),
    .run_reach_o  (unused_reach),
    //@ endif
    .run_outside_o(run_outside),  //@ if units.dma.store_bounds
    //@ unless units.dma.store_bounds: .run_outside_o(unused_outside),
    .run_global_o (run_global),
    .run_local_o  (run_local)
  );

  // ---- Check ----
  logic [63:0]      base;
  logic [31:0]      window_size;
  logic             may_write, global_bad, local_bad;
  logic [AddrW-1:0] run_addr;
  logic [32:0]      global_end, local_end;
  logic [24:0]      bus_span, local_span;

  assign base        = window_base_i[{window_q, 6'd0}+:64];
  assign window_size = window_size_i[{window_q, 5'd0}+:32];
  assign may_write   = window_flags_i[{window_q, 5'd1}];
  assign run_addr    = base[AddrW-1:0] + AddrW'(run_global);
  assign global_end  = 33'(run_global) + 33'(size);
  assign local_end   = 33'(run_local) + 33'(size);
  assign global_bad  = !may_write || global_end > 33'(window_size);
  assign local_bad   = local_end > 33'(PeMemBytes);
  assign bus_span    = 25'(size) + 25'(run_addr[ByteW-1:0]) + 25'(BusBytes - 1);
  assign local_span  = 25'(size) + 25'(run_local[ByteW-1:0]) + 25'(BusBytes - 1);

  // ---- The run at hand ----
  //@ if units.dma.store_bounds
  logic              nothing_q;
  //@ endif
  logic              valid_q, first_q, last_q, run_signal_en_q, beats_done, words_done;
  logic [7:0]        error_q;
  logic [15:0]       run_tag_q;
  logic [1:0]        run_swizzle_q;  //@ if units.dma.swizzle
  logic [5:0]        run_signal_id_q;
  logic [AddrW-1:0]  addr_q;
  logic [BeatsW-1:0] beats_q;         // bus beats without address so far
  logic [23:0]       source_q, end_q;
  logic [BeatsW-1:0] words_q;         // still to read
  logic [PeW-1:0]    run_pe_q;
  logic [PageW:0]    page_left;       // beats to the next 4 KiB boundary
  logic [8:0]        burst_limit;

  assign page_left    = (PageW + 1)'(PageBeats) - (PageW + 1)'(addr_q[11:ByteW]);
  assign burst_limit  = (32'(page_left) < MaxBurst) ? 9'(page_left) : 9'(MaxBurst);
  assign burst_o      = (32'(beats_q) < 32'(burst_limit)) ? 9'(beats_q) : burst_limit;
  assign burst_last_o = beats_q == BeatsW'(burst_o);
  assign beats_o      = beats_q != '0;
  assign words_o      = words_q != '0;
  assign beats_done   = !beats_o || (issue_i && burst_last_o);
  assign words_done   = !words_o || (read_i && words_q == BeatsW'(1));
  assign run_ready    = !valid_q || (ok_i && beats_done && words_done);

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i) begin
      valid_q <= 1'b0;
      first_q <= 1'b1;
    end else begin
      //@ if units.dma.store_bounds
      // Runs of which no byte exists are dropped, but for the last one, which ends the command.
      if (run_ready) valid_q <= run_valid && (!run_outside || run_last || bad_field_q);
      //@ endif
      //@ unless units.dma.store_bounds: if (run_ready) valid_q <= run_valid;
      if (run_ready) first_q <= 1'b1;
      else if (issue_i || read_i) first_q <= 1'b0;
    end
  end

  always_ff @(posedge clk_i) begin
    if (run_valid && run_ready) begin
      last_q          <= run_last;
      run_tag_q       <= tag_q;
      run_swizzle_q   <= swizzle_q;  //@ if units.dma.swizzle
      run_pe_q        <= pe_q;
      run_signal_en_q <= signal_en_q;
      run_signal_id_q <= signal_id_q;
      error_q         <= bad_field_q ? npu_isa_pkg::ErrBadField :
                         //@ if units.dma.store_bounds
                         run_outside ? npu_isa_pkg::ErrNone :
                         //@ endif
                         global_bad ? npu_isa_pkg::ErrWindowBounds :
                         local_bad ? npu_isa_pkg::ErrLocalBounds : npu_isa_pkg::ErrNone;
      addr_q          <= bad_field_q ? '0 :
                         (local_bad && !global_bad) ? AddrW'(run_local) : run_addr;
      nothing_q       <= run_outside;  //@ if units.dma.store_bounds
      beats_q         <= run_outside ? '0 : bus_span[24:ByteW];  //@ if units.dma.store_bounds
      //@ unless units.dma.store_bounds: beats_q         <= bus_span[24:ByteW];
      source_q        <= run_local[23:0];
      words_q         <= run_outside ? '0 : local_span[24:ByteW];  //@ if units.dma.store_bounds
      //@ unless units.dma.store_bounds: words_q         <= local_span[24:ByteW];
      end_q           <= size - 24'd1;
    end else begin
      if (issue_i) begin
        addr_q  <= {addr_q[AddrW-1:ByteW] + (AddrW - ByteW)'(burst_o), {ByteW{1'b0}}};
        beats_q <= beats_q - BeatsW'(burst_o);
      end
      if (read_i) begin
        source_q <= {source_q[23:ByteW] + (24 - ByteW)'(1), {ByteW{1'b0}}};
        words_q  <= words_q - BeatsW'(1);
      end
    end
  end

  assign valid_o     = valid_q;
  //@ if units.dma.store_bounds
  assign nothing_o   = nothing_q;
  //@ endif
  assign first_o     = first_q;
  assign last_o      = last_q;
  assign tag_o       = run_tag_q;
  assign signal_en_o = run_signal_en_q;
  assign signal_id_o = run_signal_id_q;
  assign error_o     = error_q;
  assign addr_o      = addr_q;
  assign pe_o        = run_pe_q;
  assign source_o    = source_q;
  assign end_o       = end_q;
  assign swizzle_o   = run_swizzle_q;  //@ if units.dma.swizzle

  // The box is npu_dma_runs'.
  logic unused_box, unused_bits;
  assign unused_box  = ^{cmd.global_offset, cmd.local_address, cmd.size1, cmd.size2, cmd.size3,
                         cmd.size4, cmd.global_stride1, cmd.global_stride2, cmd.global_stride3,
                         cmd.global_stride4, cmd.local_stride1, cmd.local_stride2,
                         cmd.local_stride3, cmd.local_stride4, cmd.bounds, cmd.start0, cmd.start1,
                         cmd.start2, cmd.start3, cmd.start4, cmd.extent0, cmd.extent1, cmd.extent2,
                         cmd.extent3, cmd.extent4};
  assign unused_bits = ^{cmd.opcode, cmd.length, cmd.pe_mask, cmd.core_mask, cmd.source_pe,
                         cmd.fill, cmd.core_memory, cmd.local_source, cmd.ahead, cmd.signal_bytes,
                         cmd.wait0_en, cmd.wait0_id, cmd.wait0_count, cmd.wait1_en, cmd.wait1_id,
                         cmd.wait1_count, cmd.reserved_1_7, cmd.reserved_1_15, cmd.reserved_1_25,
                         //@ if units.dma.modes
                         cmd, base, bus_span, local_span};
                         //@ else
//@:                     cmd.reserved_2_24, cmd.reserved_3_24, cmd.reserved_4_5,
//@:                     cmd.reserved_6_24, cmd.reserved_8_24, cmd.reserved_11_5,
//@:                     cmd.reserved_26_0, cmd.reserved_27_0, base, bus_span, local_span};
                         //@ endif
endmodule : npu_store_check
`default_nettype wire

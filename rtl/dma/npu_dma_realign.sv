`default_nettype none
// SPDX-License-Identifier: Apache-2.0
// Turns the aligned beats of a source into the aligned words of a destination, run by run.
//
// A run is `size` bytes at any destination address. Its bytes are fill, then bytes of the source,
// then fill. Beats are rotated by the difference of the alignments; a word takes its low bytes
// from the beat before (held) and its high bytes from the present one. A run of n words takes n
// cycles, and one more when its first word needs two beats. The next run follows without a gap.
`include "npu_assert.svh"
module npu_dma_realign #(
  parameter int unsigned BusBytes = 16,  //@ = npu.axi.bytes  -- beat bytes: 4 .. 64
  //@ if units.dma.modes
  // 1, 4: bytes of the fill, which repeat along a run; 0, 2: bits of npu_dma_swizzle's mode
  parameter int unsigned FillBytes = 4,  //@ if units.dma.wide_fill
  //@ unless units.dma.wide_fill: parameter int unsigned FillBytes = 1,
  parameter int unsigned SwizzleW  = 2,  //@ if units.dma.swizzle
  //@ unless units.dma.swizzle: parameter int unsigned SwizzleW  = 0,
  //@ endif
  //@ if units.dma.transpose
  parameter int unsigned TileW     = 1,  // 0: no run is a piece of a tile
  //@ endif
  parameter int unsigned UserW    = 1,   // bits that travel with a run
  localparam int unsigned ByteW = $clog2(BusBytes)
) (
  input  wire                   clk_i,
  input  wire                   rst_ni,
  input  wire                   clear_i,
  //@ if npu.axi.watchdog
  input  wire                   hold_word_i,        // ... but the word shown stays
  //@ endif
  // run
  input  wire                   run_valid_i,
  output wire                   run_ready_o,
  input  wire  [23:0]           run_addr_i,         // destination of the first byte
  input  wire  [ByteW-1:0]      run_source_low_i,   // where the first source byte is in its beat
  input  wire                   run_copies_i,       // 0: fill only, no beats
  input  wire  [23:0]           run_copy_first_i,   // first byte of the run from the source
  input  wire  [23:0]           run_copy_last_i,    // last byte of the run from the source
  input  wire  [23:0]           run_last_byte_i,    // size - 1
  //@ if units.dma.modes
  //@ unless units.dma.transpose: input  wire  [8*FillBytes+SwizzleW-1:0] run_fill_i,  // and the swizzle in the low bits
  input  wire  [TileW+8*FillBytes+SwizzleW-1:0] run_fill_i,  // {tiles, fill, swizzle}  //@ if units.dma.transpose
  //@ endif
  //@ unless units.dma.modes: input  wire  [7:0]            run_fill_i,
  input  wire  [UserW-1:0]      run_user_i,
  //@ if units.dma.transpose
  // of a piece of a tile: pieces of the tile - 1, bytes from the source, first and last one, last
  // byte; then run_copy_first_i is the columns' stride, run_copy_last_i the element (0, 1, 2)
  input  wire  [4*ByteW-1:0]    run_piece_i,
  input  wire                   run_none_i,         // no run comes
  //@ endif
  // source beats
  input  wire                   beat_valid_i,
  output wire                   beat_ready_o,       // only for a beat of the run of beat_user_o
  input  wire  [8*BusBytes-1:0] beat_data_i,
  output wire  [UserW-1:0]      beat_user_o,
  // address of the word that is made, of the run of beat_user_o, and what is shown in its place
  output wire                   made_user_o,        // its first user bit  //@ if units.dma.transpose
  output wire  [23:0]           made_addr_o,
  input  wire  [23:0]           made_place_i,
  // destination words, in registers; word_ready_i goes no further than to these
  output wire                   word_valid_o,
  input  wire                   word_ready_i,
  output wire  [23:0]           word_addr_o,        // made_place_i
  output wire  [8*BusBytes-1:0] word_data_o,
  output wire  [BusBytes-1:0]   word_strb_o,
  output wire  [ByteW:0]        word_bytes_o,       // bytes strobed
  output wire                   word_last_o,        // of the run
  output wire  [UserW-1:0]      word_user_o,
  // no run and no word held
  output wire                   idle_o
);
  localparam int unsigned PosW   = 25;             // byte positions relative to the first word
  localparam int unsigned WordNW = PosW - ByteW;   // numbers of words

  localparam logic [BusBytes-1:0] AllBytes = {BusBytes{1'b1}};

  // Bytes of a word from byte `first` on, and up to byte `last`.
  function automatic logic [BusBytes-1:0] from_byte(input logic [ByteW-1:0] first);
    from_byte = AllBytes << first;
  endfunction

  function automatic logic [BusBytes-1:0] to_byte(input logic [ByteW-1:0] last);
    to_byte = AllBytes >> ~last;
  endfunction

  // Byte i of the result is byte (i + by) mod BusBytes.
  function automatic logic [8*BusBytes-1:0] rotate(input logic [8*BusBytes-1:0] data,
                                                   input logic [ByteW-1:0]      by);
    rotate = data;
    for (int unsigned i = 0; i < ByteW; i++) begin
      if (by[i]) rotate = (rotate >> (8 << i)) | (rotate << (8 * BusBytes - (8 << i)));
    end
  endfunction

  // Bytes of `present` where take_present, else of `held`; fill where not copied.
  function automatic logic [8*BusBytes-1:0] merge(input logic [8*BusBytes-1:0] present,
                                                  input logic [8*BusBytes-1:0] held,
                                                  input logic [BusBytes-1:0]   take_present,
                                                  input logic [BusBytes-1:0]   copied,
//@ if units.dma.modes
                                                  input logic [8*FillBytes-1:0] fill);
    for (int unsigned i = 0; i < BusBytes; i++) begin
      merge[8*i+:8] = !copied[i] ? fill[8*(i%FillBytes)+:8] :
                      take_present[i] ? present[8*i+:8] : held[8*i+:8];
//@ else
//@:                                              input logic [7:0]            fill);
//@:for (int unsigned i = 0; i < BusBytes; i++) begin
//@:  merge[8*i+:8] = !copied[i] ? fill : take_present[i] ? present[8*i+:8] : held[8*i+:8];
//@ endif
    end
  endfunction

  // The run at the input, in positions relative to the start of its first word.
  logic [ByteW-1:0]  low;         // first byte
  logic [PosW-1:0]   copy_first, copy_last, last_byte;
  logic [ByteW-1:0]  rotation, present_from;
  logic              two_beats;   // the first copied word begins in one beat and ends in the next
  logic              tail_beat;   // the last copied word takes bytes of a new beat
  logic              one_word;    // all copied bytes are in one word

  assign low          = run_tiles ? '0 : run_addr_i[ByteW-1:0];  //@ if units.dma.transpose
  //@ unless units.dma.transpose: assign low          = run_addr_i[ByteW-1:0];
  //@ if units.dma.transpose
  assign copy_first   = run_tiles ? PosW'(run_piece_i[2*ByteW+:ByteW]) :
                                    PosW'(run_copy_first_i) + PosW'(low);
  assign copy_last    = run_tiles ? PosW'(run_piece_i[ByteW+:ByteW]) :
                                    PosW'(run_copy_last_i) + PosW'(low);
  assign last_byte    = run_tiles ? PosW'(run_piece_i[ByteW-1:0]) :
                                    PosW'(run_last_byte_i) + PosW'(low);
  //@ endif
  //@ unless units.dma.transpose: assign copy_first   = PosW'(run_copy_first_i) + PosW'(low);
  //@ unless units.dma.transpose: assign copy_last    = PosW'(run_copy_last_i) + PosW'(low);
  //@ unless units.dma.transpose: assign last_byte    = PosW'(run_last_byte_i) + PosW'(low);
  assign rotation     = run_source_low_i - copy_first[ByteW-1:0];
  assign present_from = -rotation;
  assign two_beats    = run_source_low_i > copy_first[ByteW-1:0];
  assign tail_beat    = copy_last[ByteW-1:0] >= present_from;
  assign one_word     = copy_first[PosW-1:ByteW] == copy_last[PosW-1:ByteW];

  // The run under way.
  logic               active_q;
  logic               copies_q;       // it has source bytes
  logic               prime_q;        // a beat must be held before the first copied word
  logic               tail_beat_q;
  logic               first_q;        // no word made yet
  logic               started_q;      // a word with source bytes was made
  logic               ended_q;        // the last word with source bytes was made
  logic [WordNW-1:0]  word_q;         // number of the next word
  logic [WordNW-1:0]  copy_word_q, copy_end_word_q, last_word_q;
  logic [ByteW-1:0]   low_q, copy_low_q, copy_end_low_q, last_low_q;
  logic [ByteW-1:0]   rotation_q, present_from_q;
  //@ if units.dma.modes
  logic [8*FillBytes-1:0] fill, fill_q;  // of a word's first bytes
  //@ endif
  //@ unless units.dma.modes: logic [7:0]         fill_q;
  logic [23:ByteW]    addr_q;
  logic [UserW-1:0]   user_q;
  logic [8*BusBytes-1:0] held_q;      // last beat, rotated

  //@ if units.dma.modes
  if (FillBytes == 4) begin : gen_wide_fill
    // A run may begin within an element of a word.
    always_comb begin
      fill = run_fill_i[SwizzleW+:8*FillBytes];
      if (low[0]) fill = {fill[8*FillBytes-9:0], fill[8*FillBytes-1-:8]};
      if (low[1]) fill = {fill[8*FillBytes-17:0], fill[8*FillBytes-1-:16]};
    end
  end else begin : gen_fill
    assign fill = run_fill_i[SwizzleW+:8*FillBytes];
  end
  //@ endif

  logic take, at_first_copy, at_last_copy, at_last, copying, need_beat, emit, pop;
  //@ if units.dma.transpose
  logic                  run_tiles, tiles, tiles_q;  // a piece of a tile
  logic                  row_valid, row_ready, columns_idle, column_valid, column_last;
  logic [23:ByteW]       column_addr;
  logic [8*BusBytes-1:0] column_data;
  logic [ByteW-1:0]      column_first, column_end;
  logic [UserW-1:0]      column_user;
  logic                  make;                 // a word that is shown
  logic [8*BusBytes-1:0] row_data;
  logic [23:ByteW]       made_word;            // number of the word that is made
  logic                  made_last;
  logic [UserW-1:0]      made_user;
  logic [ByteW-1:0]      rows_q, dest_low_q;   // of the piece under way
  logic [1:0]            element_q;
  logic [23:0]           stride_q;
  //@ endif

  assign at_first_copy = word_q == copy_word_q;
  assign at_last_copy  = word_q == copy_end_word_q;
  assign at_last       = word_q == last_word_q;
  assign copying       = copies_q && (started_q || at_first_copy) && !ended_q;
  assign need_beat     = copying && (!at_last_copy || tail_beat_q);
  assign emit          = active_q && !(copying && prime_q) && (!need_beat || beat_valid_i) &&
                         (tiles ? row_ready : !next_valid_q);  //@ if units.dma.transpose
                         //@ unless units.dma.transpose: !next_valid_q;
  assign beat_ready_o  = active_q && (prime_q || (need_beat && emit));
  assign pop           = beat_ready_o && beat_valid_i;
  //@ if units.dma.transpose
  assign run_ready_o   = (!active_q || (emit && at_last)) &&
                         (run_tiles || (columns_idle && !(active_q && tiles)));
  //@ endif
  //@ unless units.dma.transpose: assign run_ready_o   = !active_q || (emit && at_last);
  assign take          = run_valid_i && run_ready_o;

  // The word that is shown, and one that was made while it was not taken.
  localparam int unsigned WordW = (24 - ByteW) + 8 * BusBytes + BusBytes + (ByteW + 1) + 1 + UserW;
  logic                  word_valid_q, next_valid_q, leaves;
  logic [WordW-1:0]      made, shown_q, next_q;
  logic [8*BusBytes-1:0] made_data;
  logic [ByteW-1:0]      strb_first, strb_last, copied_first, copied_last;

  //@ if units.dma.transpose
  assign strb_first   = column_valid ? column_first : first_q ? low_q : '0;
  assign strb_last    = column_valid ? column_end : at_last ? last_low_q : '1;
  //@ endif
  //@ unless units.dma.transpose: assign strb_first   = first_q ? low_q : '0;
  //@ unless units.dma.transpose: assign strb_last    = at_last ? last_low_q : '1;
  assign copied_first = started_q ? '0 : copy_low_q;
  assign copied_last  = at_last_copy ? copy_end_low_q : '1;

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i) active_q <= 1'b0;
    else if (take) active_q <= 1'b1;
    else if (emit && at_last) active_q <= 1'b0;
    //@ if npu.axi.watchdog
    if (!rst_ni || (clear_i && !hold_word_i)) word_valid_q <= 1'b0;
    else if (clear_i) word_valid_q <= word_valid_q && !word_ready_i;
    //@ endif
    //@ unless npu.axi.watchdog: if (!rst_ni || clear_i) word_valid_q <= 1'b0;
    else word_valid_q <= make || next_valid_q || !leaves;  //@ if units.dma.transpose
    //@ unless units.dma.transpose: else word_valid_q <= emit || next_valid_q || !leaves;
    if (!rst_ni || clear_i) next_valid_q <= 1'b0;
    else next_valid_q <= (make || next_valid_q) && !leaves;  //@ if units.dma.transpose
    //@ unless units.dma.transpose: else next_valid_q <= (emit || next_valid_q) && !leaves;
  end

  always_ff @(posedge clk_i) begin
    if (take) begin
      copies_q        <= run_copies_i;
      // Copied bytes within one word and one beat need nothing held: all of them are "present".
      prime_q         <= run_copies_i && two_beats && (!one_word || tail_beat);
      tail_beat_q     <= tail_beat || (one_word && two_beats);
      present_from_q  <= (one_word && two_beats && !tail_beat) ? '0 : present_from;
      first_q         <= 1'b1;
      started_q       <= 1'b0;
      ended_q         <= 1'b0;
      word_q          <= '0;
      copy_word_q     <= copy_first[PosW-1:ByteW];
      copy_end_word_q <= copy_last[PosW-1:ByteW];
      last_word_q     <= last_byte[PosW-1:ByteW];
      low_q           <= low;
      copy_low_q      <= copy_first[ByteW-1:0];
      copy_end_low_q  <= copy_last[ByteW-1:0];
      last_low_q      <= last_byte[ByteW-1:0];
      rotation_q      <= rotation;
      //@ if units.dma.modes
      fill_q          <= fill;
      //@ endif
      //@ unless units.dma.modes: fill_q          <= run_fill_i;
      addr_q          <= run_addr_i[23:ByteW];
      user_q          <= run_user_i;
      tiles_q         <= run_tiles;  //@ if units.dma.transpose
    end else begin
      if (pop) prime_q <= 1'b0;
      if (emit) begin
        first_q   <= 1'b0;
        started_q <= copying;
        ended_q   <= ended_q || (copying && at_last_copy);
        word_q    <= word_q + WordNW'(1);
        addr_q    <= addr_q + (24 - ByteW)'(1);
      end
    end
    if (pop) held_q <= rotate(beat_data_i, rotation_q);
    if (make) next_q <= made;  //@ if units.dma.transpose
    //@ unless units.dma.transpose: if (emit) next_q <= made;
    //@ if units.dma.transpose
    if (next_valid_q ? word_ready_i : make && leaves) shown_q <= next_valid_q ? next_q : made;
    if (take && run_tiles) begin
      rows_q     <= run_piece_i[3*ByteW+:ByteW];
      element_q  <= run_copy_last_i[1:0];
      stride_q   <= run_copy_first_i;
      dest_low_q <= run_addr_i[ByteW-1:0];
    end
    //@ else
//@:if (next_valid_q ? word_ready_i : emit && leaves) shown_q <= next_valid_q ? next_q : made;
    //@ endif
  end

  assign leaves    = !word_valid_q || word_ready_i;
  //@ if units.dma.transpose
  assign row_data  = merge(rotate(beat_data_i, rotation_q), held_q, from_byte(present_from_q),
                           copying ? from_byte(copied_first) & to_byte(copied_last) : '0, fill_q);

  // ---- Tiles: rows, which are runs at byte 0 of a word, become columns ----
  localparam int unsigned TileUserW = SwizzleW + UserW;
  logic [TileUserW-1:0]  row_user, column_all;

  assign row_valid = active_q && tiles && !(copying && prime_q) && (!need_beat || beat_valid_i);
  assign make      = (emit && !tiles) || (column_valid && !next_valid_q);

  if (TileW != 0) begin : gen_tiles
    assign run_tiles = run_fill_i[8*FillBytes+SwizzleW];
    assign tiles     = tiles_q;

    npu_dma_transpose #(
      .BusBytes(BusBytes),
      .UserW   (TileUserW)
    ) u_transpose (
      .clk_i,
      .rst_ni,
      .clear_i,
      .flush_i      (run_none_i && !active_q),
      .row_valid_i  (row_valid),
      .row_ready_o  (row_ready),
      .row_data_i   (row_data),
      .row_count_i  (rows_q),
      .row_last_i   (last_low_q >> element_q),
      .row_element_i(element_q),
      .row_addr_i   ({addr_q, dest_low_q}),
      .row_stride_i (stride_q),
      .row_user_i   (row_user),
      .word_valid_o (column_valid),
      .word_ready_i (!next_valid_q),
      .word_addr_o  (column_addr),
      .word_data_o  (column_data),
      .word_first_o (column_first),
      .word_end_o   (column_end),
      .word_last_o  (column_last),
      .word_user_o  (column_all),
      .idle_o       (columns_idle)
    );
  end else begin : gen_no_tiles
    logic unused_tiles;
    assign unused_tiles = ^{run_none_i, tiles_q, rows_q, element_q, stride_q, dest_low_q, row_user,
                            row_valid};
    assign {run_tiles, tiles} = '0;
    assign columns_idle = 1'b1;
    assign {row_ready, column_valid, column_last} = '0;
    assign {column_addr, column_data, column_first, column_end, column_all} = '0;
  end

  assign column_user = column_all[UserW-1:0];
  assign made_data   = column_valid ? column_data : row_data;
  assign made_word   = column_valid ? column_addr : addr_q;
  assign made_last   = column_valid ? column_last : at_last;
  assign made_user   = column_valid ? column_user : user_q;
  assign made_user_o = made_user[UserW-1];
  //@ else
  //@: assign made_data = merge(rotate(beat_data_i, rotation_q), held_q, from_byte(present_from_q),
//@:                       copying ? from_byte(copied_first) & to_byte(copied_last) : '0, fill_q);
  //@ endif
  //@ if units.dma.modes
  logic [8*BusBytes-1:0] placed_data;
  logic [BusBytes-1:0]   placed_strb;

  if (SwizzleW != 0) begin : gen_swizzle
    logic [1:0] swizzle_q, made_chunks;

    always_ff @(posedge clk_i) begin
      if (take) swizzle_q <= run_fill_i[1:0];
    end

    assign row_user = {swizzle_q, user_q};  //@ if units.dma.transpose

    npu_dma_swizzle #(
      .BusBytes(BusBytes)
    ) u_swizzle (
      .mode_i  (column_valid ? column_all[UserW+:2] : swizzle_q),  //@ if units.dma.transpose
      //@ unless units.dma.transpose: .mode_i  (swizzle_q),
      .addr_i  ({made_word, {ByteW{1'b0}}}),  //@ if units.dma.transpose
      //@ unless units.dma.transpose: .addr_i  ({addr_q, {ByteW{1'b0}}}),
      .addr_o  (made_addr_o),
      .chunks_o(made_chunks)
    );

    npu_dma_chunks #(
      .BusBytes(BusBytes)
    ) u_chunks (
      .chunks_i(made_chunks),
      .data_i  (made_data),
      .strb_i  (from_byte(strb_first) & to_byte(strb_last)),
      .data_o  (placed_data),
      .strb_o  (placed_strb)
    );
  end else begin : gen_straight
    assign row_user    = user_q;  //@ if units.dma.transpose
    assign made_addr_o = {made_word, {ByteW{1'b0}}};  //@ if units.dma.transpose
    //@ unless units.dma.transpose: assign made_addr_o = {addr_q, {ByteW{1'b0}}};
    assign placed_data = made_data;
    assign placed_strb = from_byte(strb_first) & to_byte(strb_last);
  end

  assign made = {made_place_i[23:ByteW], placed_data, placed_strb,
  //@ else
  //@: assign made_addr_o = {addr_q, {ByteW{1'b0}}};
  //@: assign made = {made_place_i[23:ByteW], made_data, from_byte(strb_first) & to_byte(strb_last),
  //@ endif
                 //@ if units.dma.transpose
                 (ByteW + 1)'(strb_last) - (ByteW + 1)'(strb_first) + (ByteW + 1)'(1), made_last,
                 made_user};
                 //@ else
//@:             (ByteW + 1)'(strb_last) - (ByteW + 1)'(strb_first) + (ByteW + 1)'(1), at_last,
//@:             user_q};
                 //@ endif

  assign beat_user_o  = user_q;
  assign word_valid_o = word_valid_q;
  assign word_addr_o[ByteW-1:0] = '0;
  assign {word_addr_o[23:ByteW], word_data_o, word_strb_o, word_bytes_o, word_last_o,
          word_user_o} = shown_q;
  assign idle_o       = !active_q && !word_valid_q && columns_idle;  //@ if units.dma.transpose
  //@ unless units.dma.transpose: assign idle_o       = !active_q && !word_valid_q;

  logic unused_place;
  assign unused_place = ^made_place_i[ByteW-1:0];

  // A run copies bytes from first to last, inside of it.
  //@ if units.dma.transpose
  `NPU_ASSUME(CopiesInside, !run_valid_i || !run_copies_i ||
              (copy_first <= copy_last && copy_last <= last_byte))
  //@ else
  //@: `NPU_ASSUME(CopiesInside, !run_valid_i || !run_copies_i ||
//@:          (run_copy_first_i <= run_copy_last_i && run_copy_last_i <= run_last_byte_i))
  //@ endif

  // A word stays until it is taken.
  //@ if npu.axi.watchdog
  `NPU_ASSERT_STABLE(WordStays, word_valid_o, word_ready_i,
                     {word_addr_o, word_data_o, word_strb_o, word_last_o, word_user_o},
                     clear_i && !hold_word_i)
  //@ endif
  //@ unless npu.axi.watchdog: `NPU_ASSERT_STABLE(WordStays, word_valid_o, word_ready_i,
  //@ unless npu.axi.watchdog:                    {word_addr_o, word_data_o, word_strb_o}, clear_i)

  //@ if units.dma.modes
  // The bytes of a word are in one piece (unless its chunks change places), at least one, and
  // counted.
  `NPU_ASSERT(BytesAreCounted, !word_valid_q || (word_strb_o != '0 &&
              32'($countones(word_strb_o)) == 32'(word_bytes_o) &&
              ((SwizzleW != 0 && BusBytes > 16) ||
              (word_strb_o & (word_strb_o + (word_strb_o & (~word_strb_o + BusBytes'(1))))) == '0)))

  // So are those of the word that waits: the strobes of next_q stand above its count.
  `NPU_ASSERT(NextIsCounted, !next_valid_q || (next_q[UserW+ByteW+2+:BusBytes] != '0 &&
              32'($countones(next_q[UserW+ByteW+2+:BusBytes])) ==
              32'(next_q[UserW+1+:ByteW+1]) && ((SwizzleW != 0 && BusBytes > 16) ||
              (next_q[UserW+ByteW+2+:BusBytes] & (next_q[UserW+ByteW+2+:BusBytes] +
               (next_q[UserW+ByteW+2+:BusBytes] &
                (~next_q[UserW+ByteW+2+:BusBytes] + BusBytes'(1))))) == '0)))
  //@ else
  //@: // The bytes of a word are in one piece, at least one, and counted.
  //@: `NPU_ASSERT(BytesAreCounted, !word_valid_q || (word_strb_o != '0 &&
//@:          32'($countones(word_strb_o)) == 32'(word_bytes_o) &&
//@:          (word_strb_o & (word_strb_o + (word_strb_o & (~word_strb_o + BusBytes'(1))))) == '0))
  //@:
  //@: // So are those of the word that waits: the strobes of next_q stand above its count.
  //@: `NPU_ASSERT(NextIsCounted, !next_valid_q || (next_q[UserW+ByteW+2+:BusBytes] != '0 &&
//@:          32'($countones(next_q[UserW+ByteW+2+:BusBytes])) ==
//@:          32'(next_q[UserW+1+:ByteW+1]) &&
//@:          (next_q[UserW+ByteW+2+:BusBytes] & (next_q[UserW+ByteW+2+:BusBytes] +
//@:           (next_q[UserW+ByteW+2+:BusBytes] &
//@:            (~next_q[UserW+ByteW+2+:BusBytes] + BusBytes'(1))))) == '0))
  //@ endif

  // A run goes no further than to its last word.
  `NPU_ASSERT(EndsInTime, !active_q || word_q <= last_word_q)

  // A word waits only behind one that is shown.
  `NPU_ASSERT(WaitsBehind, !next_valid_q || word_valid_q)

  // A beat is taken only for a run that copies.
  `NPU_ASSERT(BeatsAreWanted, !pop || (active_q && copies_q))
endmodule : npu_dma_realign
`default_nettype wire

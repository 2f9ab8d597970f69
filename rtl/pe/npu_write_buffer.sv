`default_nettype none
// SPDX-License-Identifier: Apache-2.0
// Write buffer: compute writes that wait in front of PE memory, and the one that leaves in a cycle.
//
// Writes leave in any order: one whose banks nobody else wants. When there is no such one, and few
// entries are free or the reads stand still (which may wait for results), another one goes before
// the reads (first_o). A write is kept with its bytes turned to their places in a word, of which
// narrow ones have several; those from the address's place on go to its first word, the others to
// its second one.
`include "npu_assert.svh"
module npu_write_buffer #(
  parameter int unsigned MemBytes  = 131072,  //@ = pe.memory  -- bytes
  parameter int unsigned Banks     = 8,       //@ = pe.banks
  parameter int unsigned WordBytes = 16,      //@ = pe.bank_width  -- bytes per bank word
  parameter int unsigned PostWidth = 16,      //@ = units.postprocess_width  -- bytes of a write
  parameter int unsigned Writes    = 12,      // writes that can wait, at least 4
  localparam int unsigned OffsetW  = $clog2(WordBytes),
  localparam int unsigned BankW    = $clog2(Banks),
  localparam int unsigned Depth    = MemBytes / (Banks * WordBytes),
  localparam int unsigned RowW     = (Depth > 1) ? $clog2(Depth) : 1,
  localparam int unsigned WordW    = 8 * WordBytes
) (
  input  wire                    clk_i,
  input  wire                    rst_ni,
  input  wire                    clear_i,        // drop those that wait
  input  wire                    valid_i,
  output wire                    ready_o,
  input  wire  [23:0]            addr_i,
  input  wire  [8*PostWidth-1:0] data_i,
  input  wire  [PostWidth-1:0]   strb_i,
  output wire                    busy_o,         // writes wait
  output wire                    full_o,         // few entries are free
  input  wire                    still_i,        // the reads stood still in the last cycle
  // banks that others want, and those that they have before all
  input  wire  [Banks-1:0]       wanted_i,
  input  wire  [Banks-1:0]       taken_i,
  output wire                    first_o,        // the write that leaves needs a bank of wanted_i
  // the write that leaves: banks of its two words, their rows, and their bytes
  output wire                    leaves_o,
  output logic [Banks-1:0]       mask_o,
  output logic [Banks-1:0]       mask2_o,
  output logic [RowW-1:0]        row_o,
  output logic [RowW-1:0]        row2_o,
  output wire  [WordBytes-1:0]   strb_o,
  output wire  [WordBytes-1:0]   strb2_o,
  output wire  [WordW-1:0]       data_o
);
  localparam int unsigned CountW  = $clog2(Writes + 1);
  localparam int unsigned Reserve = 3;  // free entries below which writes go before reads
  localparam int unsigned DataW   = 8 * PostWidth;
  localparam int unsigned TurnW   = $clog2(PostWidth);
  if (Writes < 4) begin : gen_bad_writes
    $error("npu_write_buffer: Writes must be at least 4");
  end

  logic [Writes-1:0]     valid_q, entry, leaving;   // entry: where the next one goes
  logic [CountW-1:0]     used_q;
  logic                  push;
  logic [Banks-1:0]      slot_mask_q[Writes];
  logic [Banks-1:0]      slot_mask2_q[Writes];
  logic [RowW-1:0]       slot_row_q[Writes];
  logic [RowW-1:0]       slot_row2_q[Writes];
  logic [PostWidth-1:0]  slot_strb_q[Writes];
  logic [OffsetW-1:0]    slot_offset_q[Writes];
  logic [DataW-1:0]      slot_data_q[Writes];

  // ---- The next one ----
  logic [BankW-1:0]       bank, bank2;
  logic [RowW-1:0]        row, row2;
  logic [2*WordBytes-1:0] strb;
  logic [PostWidth-1:0]   kept_strb;  // of a whole word turned as its bytes
  logic [DataW-1:0]       turned;
  logic [Banks-1:0]       mask, mask2;

  npu_bank_map #(
    .MemBytes (MemBytes),
    .Banks    (Banks),
    .WordBytes(WordBytes)
  ) u_word (
    .valid_i(valid_i),
    .word_i (22'(addr_i >> OffsetW)),
    .bank_o (bank),
    .row_o  (row)
  );
  npu_bank_map #(
    .MemBytes (MemBytes),
    .Banks    (Banks),
    .WordBytes(WordBytes)
  ) u_word2 (
    .valid_i(valid_i),
    .word_i (22'(addr_i >> OffsetW) + 22'd1),
    .bank_o (bank2),
    .row_o  (row2)
  );

  always_comb begin
    entry = '0;
    strb  = '0;
    mask  = '0;
    mask2 = '0;
    if (valid_i) begin
      for (int unsigned n = 0; n < Writes; n++) begin
        if (!valid_q[n] && entry == '0) entry[n] = 1'b1;
      end
      strb = (2 * WordBytes)'(strb_i) << addr_i[OffsetW-1:0];
      if (strb[WordBytes-1:0] != '0) mask = Banks'(1) << bank;
      if (strb[2*WordBytes-1:WordBytes] != '0) mask2 = Banks'(1) << bank2;
    end
  end

  if (PostWidth > 1) begin : gen_turn
    logic [2*DataW-1:0] twice;
    assign twice  = {data_i, data_i} << {addr_i[TurnW-1:0], 3'b000};
    assign turned = twice[2*DataW-1:DataW];
    logic unused_twice;
    assign unused_twice = ^twice[DataW-1:0];
  end else begin : gen_straight
    assign turned = data_i;
  end
  if (PostWidth == WordBytes) begin : gen_whole_words
    assign kept_strb = strb[WordBytes-1:0] | strb[2*WordBytes-1:WordBytes];
  end else begin : gen_narrow
    assign kept_strb = strb_i;
  end
  assign push    = valid_i && ready_o;
  assign ready_o = used_q != CountW'(Writes);
  assign busy_o  = used_q != '0;
  assign full_o  = used_q > CountW'(Writes - Reserve);

  for (genvar n = 0; n < Writes; n++) begin : gen_slot
    always_ff @(posedge clk_i) begin
      if (push && entry[n]) begin
        slot_mask_q[n]   <= mask;
        slot_mask2_q[n]  <= mask2;
        slot_row_q[n]    <= row;
        slot_row2_q[n]   <= row2;
        slot_strb_q[n]   <= kept_strb;
        slot_offset_q[n] <= addr_i[OffsetW-1:0];
        slot_data_q[n]   <= turned;
      end
    end
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i) begin
      valid_q <= '0;
      used_q  <= '0;
    end else begin
      valid_q <= (valid_q & ~leaving) | (push ? entry : '0);
      used_q  <= used_q + CountW'(push) - CountW'(leaves_o);
    end
  end

  // ---- The one that leaves ----
  // The first that fits and the first that can are looked for at the same time.
  logic [Writes-1:0] fits, can;
  logic              go_first;  // one that can goes
  always_comb begin
    fits = '0;
    can  = '0;
    if (busy_o) begin
      for (int unsigned n = 0; n < Writes; n++) begin
        if (valid_q[n]) begin
          fits[n] = ((slot_mask_q[n] | slot_mask2_q[n]) & wanted_i) == '0;
          can[n]  = ((slot_mask_q[n] | slot_mask2_q[n]) & taken_i) == '0;
        end
      end
    end
  end
  assign go_first = (full_o || still_i) && fits == '0;
  assign first_o  = go_first && can != '0;
  assign leaving  = (fits & (~fits + Writes'(1))) |
                    (go_first ? can & (~can + Writes'(1)) : '0);
  assign leaves_o = fits != '0 || first_o;

  logic [PostWidth-1:0] leaving_strb;
  logic [DataW-1:0]     leaving_data;
  logic [OffsetW-1:0]   leaving_offset;
  always_comb begin
    mask_o         = '0;
    mask2_o        = '0;
    row_o          = '0;
    row2_o         = '0;
    leaving_strb   = '0;
    leaving_offset = '0;
    leaving_data   = '0;
    if (leaves_o) begin
      for (int unsigned n = 0; n < Writes; n++) begin
        if (leaving[n]) begin
          mask_o         = mask_o | slot_mask_q[n];
          mask2_o        = mask2_o | slot_mask2_q[n];
          row_o          = row_o | slot_row_q[n];
          row2_o         = row2_o | slot_row2_q[n];
          leaving_strb   = leaving_strb | slot_strb_q[n];
          leaving_offset = leaving_offset | slot_offset_q[n];
          leaving_data   = leaving_data | slot_data_q[n];
        end
      end
    end
  end
  assign data_o = {(WordBytes / PostWidth){leaving_data}};
  if (PostWidth == WordBytes) begin : gen_leaving_words
    logic [WordBytes-1:0] first_word;
    assign first_word = {WordBytes{1'b1}} << leaving_offset;
    assign strb_o     = leaving_strb & first_word;
    assign strb2_o    = leaving_strb & ~first_word;
  end else begin : gen_leaving_narrow
    assign {strb2_o, strb_o} = (2 * WordBytes)'(leaving_strb) << leaving_offset;
  end

  logic unused_address;
  assign unused_address = ^addr_i;

  // As many entries are valid as are counted, and a write enters one that is free.
  `NPU_ASSERT(EntriesAreCounted, 32'($countones(valid_q)) == 32'(used_q))
  `NPU_ASSERT(EntryIsFree, !push || ($countones(entry) == 1 && (entry & valid_q) == '0))

  // What leaves needs no bank that is taken, and one that somebody wants only before the reads.
  `NPU_ASSERT(LeavesTakenBanks, ((mask_o | mask2_o) & taken_i) == '0)
  `NPU_ASSERT(LeavesWantedBanks, first_o || ((mask_o | mask2_o) & wanted_i) == '0)
endmodule : npu_write_buffer
`default_nettype wire

`default_nettype none
// SPDX-License-Identifier: Apache-2.0
// Packets on their way, kept until the far side has them: go-back-n (docs/machine.md, section 7).
//
// A packet is a head and 0..Words words. It leaves as its words and then its last beat, for which the
// head is shown; beats may leave while the packet's later words still come. Packets have numbers
// modulo 2^SeqW. An ack lets go of those before its number; back_i sends all from the oldest one on
// again, once the packet that is leaving has ended. Heads and words stand in memory cells.
`include "npu_assert.svh"
module npu_replay #(
  parameter int unsigned Width   = 128,  // bits of a word
  parameter int unsigned Words   = 16,   // of a packet, at most; a power of two, at least 2
  parameter int unsigned Packets = 32,   // kept; a power of two, at least 2
  parameter int unsigned HeadW   = 60,   // bits of a head
  parameter int unsigned SeqW    = 8,    // bits of a number; 2^SeqW >= 2 * Packets
  localparam int unsigned CountW = $clog2(Words + 1)
) (
  input  wire              clk_i,
  input  wire              rst_ni,
  input  wire              clear_i,        // drop all; the next packet has number 0
  // packets to be sent: a head, then its words
  input  wire              head_valid_i,
  output wire              head_ready_o,   // depends on state only
  input  wire [HeadW-1:0]  head_i,
  input  wire [CountW-1:0] head_words_i,   // words that follow
  input  wire              word_valid_i,
  output wire              word_ready_o,   // depends on state only
  input  wire [Width-1:0]  word_i,
  // beats
  output wire              beat_valid_o,
  input  wire              beat_ready_i,
  output wire              beat_last_o,    // the packet's end: no word
  output wire [Width-1:0]  beat_word_o,
  output wire [HeadW-1:0]  beat_head_o,    // of the beat's packet
  output wire [SeqW-1:0]   beat_seq_o,     // its number
  output wire              beat_again_o,   // it was sent before
  // what the far side says
  input  wire              ack_valid_i,
  input  wire [SeqW-1:0]   ack_i,          // all before it arrived; taken where that can be
  input  wire              back_i,         // send again what is not acknowledged, this ack included
  output wire              open_o,         // something was sent that is not acknowledged
  output wire              forward_o       // this ack tells of packets that none told of before
);
  if (Words < 2 || (Words & (Words - 1)) != 0 || Packets < 2 || (Packets & (Packets - 1)) != 0 ||
      2 ** SeqW < 2 * Packets) begin : gen_bad
    $error("npu_replay: Words and Packets must be powers of two, 2^SeqW at least 2 * Packets");
  end

  localparam int unsigned SlotW = $clog2(Packets);
  localparam int unsigned WordW = $clog2(Words);

  // Numbers, in this order: base (the oldest that is kept), seq (whose beat is next), sent (behind
  // the last one whose end left), write (that comes, or will). The ack may be before or behind seq.
  logic [SeqW-1:0]   base_q, seq_q, sent_q, write_q, acked_q;
  logic [SeqW-1:0]   base, seq, seq_next;
  logic [CountW-1:0] left_q;     // words of packet write_q that are to come
  logic [CountW-1:0] written_q;  // those that came
  logic              writing_q;  // its head came
  logic [CountW-1:0] word_q, word_next;  // next word of packet seq_q
  logic              known_q;    // its head is at the memory's output
  logic              back_q;     // to go back at the end of this packet
  logic              valid_q, last_q, again_q;  // the beat shown
  logic [HeadW-1:0]  head_q;
  logic [SeqW-1:0]   shown_q;
  logic              take_head, take_word, ends, is_end, present, free, issue, at_start, goes;
  logic [HeadW-1:0]  head;
  logic [CountW-1:0] words;      // of packet seq_q
  logic              read_head;

  // Packets in.
  assign head_ready_o = !writing_q && (write_q - base_q) < SeqW'(Packets);
  assign word_ready_o = writing_q;
  assign take_head    = head_valid_i && head_ready_o;
  assign take_word    = word_valid_i && word_ready_o;
  assign ends         = take_head ? head_words_i == '0 : take_word && left_q == CountW'(1);

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i) begin
      write_q   <= '0;
      writing_q <= 1'b0;
      left_q    <= '0;
      written_q <= '0;
    end else begin
      if (ends) write_q <= write_q + SeqW'(1);
      if (take_head) begin
        writing_q <= !ends;
        left_q    <= head_words_i;
        written_q <= '0;
      end else if (take_word) begin
        writing_q <= !ends;
        left_q    <= left_q - CountW'(1);
        written_q <= written_q + CountW'(1);
      end
    end
  end

  // Beats out.
  assign free    = !valid_q || beat_ready_i;
  assign is_end  = word_q == words;
  assign present = seq_q != write_q || word_q < written_q;
  assign issue   = known_q && (is_end || present) && free;

  always_comb begin
    seq       = seq_q;
    word_next = word_q;
    if (issue && is_end) begin
      seq       = seq_q + SeqW'(1);
      word_next = '0;
    end else if (issue) begin
      word_next = word_q + CountW'(1);
    end
    at_start = word_next == '0;
    goes     = at_start && (back_q || (acked_q - base_q) > (seq - base_q));
    seq_next = goes ? acked_q : seq;
    base     = ((acked_q - base_q) > (seq_next - base_q)) ? seq_next : acked_q;
  end

  assign open_o    = sent_q != acked_q;
  assign forward_o = ack_valid_i && ack_i != acked_q && (ack_i - acked_q) <= (sent_q - acked_q);
  assign read_head = !known_q || seq_next != seq_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i) begin
      base_q  <= '0;
      seq_q   <= '0;
      sent_q  <= '0;
      acked_q <= '0;
      word_q  <= '0;
      known_q <= 1'b0;
      back_q  <= 1'b0;
      valid_q <= 1'b0;
    end else begin
      base_q <= base;
      seq_q  <= seq_next;
      word_q <= word_next;
      if (issue && is_end && seq_q == sent_q) sent_q <= sent_q + SeqW'(1);
      if (forward_o) acked_q <= ack_i;
      if (read_head) known_q <= seq_next != write_q || writing_q;
      back_q <= back_i || (back_q && !at_start);
      if (free) valid_q <= issue;
    end
  end

  always_ff @(posedge clk_i) begin
    if (issue) begin
      last_q  <= is_end;
      head_q  <= head;
      shown_q <= seq_q;
      again_q <= seq_q != sent_q;
    end
  end

  npu_ram_1r1w #(
    .Width(HeadW + CountW),
    .Depth(Packets)
  ) u_heads (
    .clk_i,
    .we_i   (take_head),
    .waddr_i(write_q[SlotW-1:0]),
    .wdata_i({head_words_i, head_i}),
    .re_i   (read_head),
    .raddr_i(seq_next[SlotW-1:0]),
    .rdata_o({words, head})
  );

  npu_ram_1r1w #(
    .Width(Width),
    .Depth(Packets * Words)
  ) u_words (
    .clk_i,
    .we_i   (take_word),
    .waddr_i({write_q[SlotW-1:0], written_q[WordW-1:0]}),
    .wdata_i(word_i),
    .re_i   (issue && !is_end),
    .raddr_i({seq_q[SlotW-1:0], word_q[WordW-1:0]}),
    .rdata_o(beat_word_o)
  );

  assign beat_valid_o = valid_q;
  assign beat_last_o  = last_q;
  assign beat_head_o  = head_q;
  assign beat_seq_o   = shown_q;
  assign beat_again_o = again_q;

  // A packet has at most Words words.
  `NPU_ASSUME(FewWords, !take_head || 32'(head_words_i) <= Words)

  // A beat stays until it is taken or all are dropped.
  `NPU_ASSERT_STABLE(BeatStays, valid_q, beat_ready_i, {last_q, head_q, shown_q}, clear_i)

  // The numbers stand in their order, and no more packets are kept than there are places.
  `NPU_ASSERT(SeqInRange, (seq_q - base_q) <= (sent_q - base_q))
  `NPU_ASSERT(SentInRange, (sent_q - base_q) <= (write_q - base_q))
  `NPU_ASSERT(AckInRange, (acked_q - base_q) <= (sent_q - base_q))
  `NPU_ASSERT(KeptInRange, (write_q - base_q) <= SeqW'(Packets))
endmodule : npu_replay
`default_nettype wire

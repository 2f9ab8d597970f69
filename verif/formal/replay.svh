// SPDX-License-Identifier: Apache-2.0
// proof of cells/npu_replay.sv
// needs cells/npu_ram_1r1w.sv
// variant Width=1 Words=2 Packets=2 HeadW=1 SeqW=3
// variant Width=1 Words=2 Packets=2 HeadW=1 SeqW=2
// connect word0 u_words.mem[0]
// connect word1 u_words.mem[1]
// connect word2 u_words.mem[2]
// connect word3 u_words.mem[3]
// connect held0 u_heads.mem[0]
// connect held1 u_heads.mem[1]
// steps 2
// cover 20
// fault it goes back in the middle of a packet: s/goes     = at_start \&\& /goes     = /
// fault a packet takes the place of one that is kept: s/(write_q - base_q) < SeqW'(Packets)/(write_q - base_q) <= SeqW'(Packets)/
// fault a word leaves before it came: s/word_q < written_q/word_q <= written_q/
// fault the packet that leaves is let go: s/base     = .*/base     = acked_q;/
// fault the head is that of the packet before: s/read_head = !known_q || seq_next != seq_q/read_head = !known_q/
// fault the number of a packet is that of the one behind it: s/shown_q <= seq_q/shown_q <= seq_next/

// What is kept: words of both packets, and their heads with their numbers of words. They stand in
// expressions only: a plain assignment would be cut off where they are connected.
(* keep *) logic [Width-1:0]        word0, word1, word2, word3;
(* keep *) logic [HeadW+CountW-1:0] held0, held1;

// A far side: what leaves arrives or does not; it takes the packet of the number that it expects, and
// tells it later, or never.
(* anyseq *) logic arrives;
logic [SeqW-1:0]   expected_q;
logic [CountW-1:0] came_q;  // words of the packet that arrives
logic              accepted, delivers;

assign accepted = valid_q && beat_ready_i;
assign delivers = accepted && last_q && arrives && shown_q == expected_q;

always_ff @(posedge clk_i) begin
  if (!rst_ni || clear_i) begin
    expected_q <= '0;
    came_q     <= '0;
  end else begin
    if (delivers) expected_q <= expected_q + SeqW'(1);
    if (accepted) came_q <= last_q ? '0 : came_q + CountW'(1);
  end
end

`NPU_ASSUME(HonestAck, !ack_valid_i || (ack_i - acked_q) <= (expected_q - acked_q))

// One packet, chosen when its head comes, until it is let go.
(* anyseq *) logic choose;
logic              chosen_q = 1'b0, delivered_q;
logic [SeqW-1:0]   number_q;
logic [HeadW-1:0]  chosen_head_q;
logic [CountW-1:0] chosen_words_q;
logic [2*Width-1:0] chosen_q_words;
logic              is_written;  // it comes in these cycles

assign is_written = writing_q && number_q == write_q;

always_ff @(posedge clk_i) begin
  if (!rst_ni || clear_i) begin
    chosen_q <= 1'b0;
  end else if (!chosen_q) begin
    chosen_q       <= take_head && choose;
    delivered_q    <= 1'b0;
    number_q       <= write_q;
    chosen_head_q  <= head_i;
    chosen_words_q <= head_words_i;
  end else begin
    if ((number_q - base_q) < (base - base_q)) chosen_q <= 1'b0;
    if (delivers && shown_q == number_q) delivered_q <= 1'b1;
    if (is_written && take_word) begin
      if (written_q == '0) chosen_q_words[Width-1:0] <= word_i;
      else chosen_q_words[2*Width-1:Width] <= word_i;
    end
  end
end

// The numbers of words fit, of all that are kept.
logic [HeadW+CountW-1:0] held_base, held_behind, held_written, held_seq, held_chosen;
assign held_base    = base_q[0] ? held1 : held0;
assign held_behind  = base_q[0] ? held0 : held1;
assign held_written = write_q[0] ? held1 : held0;
assign held_seq     = seq_q[0] ? held1 : held0;
assign held_chosen  = number_q[0] ? held1 : held0;
`NPU_ASSERT(FewInBase, (base_q == write_q && !writing_q) ||
            32'(held_base[HeadW+:CountW]) <= Words)
`NPU_ASSERT(FewBehind, (write_q - base_q) < SeqW'(1) ||
            ((write_q - base_q) == SeqW'(1) && !writing_q) ||
            32'(held_behind[HeadW+:CountW]) <= Words)
`NPU_ASSERT(WritingAgrees, !writing_q || (left_q != '0 && 32'(left_q) <= Words &&
            32'(written_q) < Words && written_q + left_q == held_written[HeadW+:CountW]))
`NPU_ASSERT(WritingHasPlace, !writing_q || (write_q - base_q) < SeqW'(Packets))

// The reader: its head is the kept one, its place is not beyond what came.
`NPU_ASSERT(HeadIsKept, !known_q || {words, head} == held_seq)
`NPU_ASSERT(KnownIsThere, !known_q || seq_q != write_q || writing_q)
`NPU_ASSERT(UnknownIsAtStart, known_q || word_q == '0)
`NPU_ASSERT(PlaceInRange, word_q == '0 || (word_q <= held_seq[HeadW+:CountW] &&
            (seq_q != write_q || word_q <= written_q)))

// What is shown is of the packet whose beats leave, or the end of the one before.
logic [CountW-1:0] end_words_q;
always_ff @(posedge clk_i) begin
  if (issue) end_words_q <= words;
end
`NPU_ASSERT(ShownAgrees, !valid_q || (last_q ? (word_q == '0 && came_q == end_words_q)
            : (shown_q == seq_q && word_q != '0 && word_q == came_q + CountW'(1))))
`NPU_ASSERT(CameAgrees, valid_q || came_q == word_q)
`NPU_ASSERT(ShownIsRecent, !valid_q || (last_q ? (sent_q - shown_q) <= SeqW'(Packets) &&
            sent_q != shown_q : (seq_q - base_q) <= (sent_q - base_q)))
`NPU_ASSERT(ExpectedInRange, (expected_q - acked_q) <= (sent_q - acked_q))

// The chosen packet is kept as it came.
`NPU_ASSERT(ChosenIsKept, !chosen_q || (number_q - base_q) < (write_q - base_q) || is_written)
`NPU_ASSERT(ChosenHead, !chosen_q ||
            held_chosen == {chosen_words_q, chosen_head_q})
`NPU_ASSERT(ChosenWord0, !chosen_q || chosen_words_q == '0 || (is_written && written_q == '0) ||
            chosen_q_words[Width-1:0] == (number_q[0] ? word2 : word0))
`NPU_ASSERT(ChosenWord1, !chosen_q || 32'(chosen_words_q) < 2 || is_written ||
            chosen_q_words[2*Width-1:Width] ==
            (number_q[0] ? word3 : word1))

// What leaves under its number is the chosen packet, word for word, and whole.
`NPU_ASSERT(LeavesAsItCame, !chosen_q || !valid_q || shown_q != number_q || last_q ||
            beat_word_o == (came_q == '0 ? chosen_q_words[Width-1:0]
                                         : chosen_q_words[2*Width-1:Width]))
`NPU_ASSERT(LeavesWhole, !chosen_q || !valid_q || shown_q != number_q ||
            (head_q == chosen_head_q && end_words_q == chosen_words_q))

// Exactly the packets before the expected one were delivered, each once: what is delivered is the
// beginning of what was sent.
`NPU_ASSERT(DeliveredOnce, !chosen_q || !delivers || shown_q != number_q || !delivered_q)
`NPU_ASSERT(DeliveredIsPrefix, !chosen_q ||
            delivered_q == ((number_q - base_q) < (expected_q - base_q)))

`NPU_COVER(DeliveredLate, chosen_q && delivers && shown_q == number_q && again_q &&
           chosen_words_q == CountW'(2))
`NPU_COVER(BothKept, chosen_q && (write_q - base_q) == SeqW'(Packets) && back_q)

// SPDX-License-Identifier: Apache-2.0
// proof of dma/npu_dma_realign.sv
// variant BusBytes=4 UserW=1 FillBytes=1 SwizzleW=0 TileW=0
// steps 2
// cover 10
// fault a word takes no bytes of the beat before: s/take_present\[i\] ? present/1'b1 ? present/
// fault the last beat is not asked for: s/at_last_copy || tail_beat_q)/at_last_copy)/
// fault the word that waits is lost: s/next_valid_q ? next_q : made/made/
// fault the rotation is off by one: s/rotation     = run_source_low_i - copy_first/rotation     = run_source_low_i + 2'd1 - copy_first/

// One byte of a run, chosen when the run is taken: where it goes, and where it comes from.
(* anyseq *) logic [23:0] choose;
logic              chosen_q = 1'b0, from_beat_q, byte_seen_q;
logic [PosW-1:0]   place_q;        // position relative to the first word
logic [WordNW:0]   beat_q, beats_q;  // number of its beat in the run; beats taken
logic [ByteW-1:0]  lane_q;         // in its beat
logic [7:0]        byte_q;         // what it must be
logic [PosW:0]     source;         // of the byte at the input
logic [ByteW-1:0]  source_low_q;   // run_source_low_i of the run
logic              primes_q;       // the run needs a beat before its first copied word

assign source = (PosW + 1)'(choose) - (PosW + 1)'(run_copy_first_i) +
                (PosW + 1)'(run_source_low_i);

always_comb assume (made_place_i == made_addr_o);

// The proof is for any number of runs of up to 64 bytes.
always_comb assume (!run_valid_i || (run_last_byte_i < 24'd64 && choose <= run_last_byte_i));

always_ff @(posedge clk_i) begin
  if (!rst_ni) begin
    chosen_q <= 1'b0;
  end else if (take) begin
    chosen_q    <= 1'b1;
    place_q     <= PosW'(choose) + PosW'(low);
    from_beat_q <= run_copies_i && choose >= run_copy_first_i && choose <= run_copy_last_i;
    beat_q      <= source[PosW:ByteW];
    lane_q      <= source[ByteW-1:0];
    byte_q      <= 8'(run_fill_i >> (8 * (32'(choose) % FillBytes)));
    beats_q     <= '0;
    source_low_q <= run_source_low_i;
    primes_q     <= run_copies_i && two_beats && (!one_word || tail_beat);
  end else begin
    if (pop) beats_q <= beats_q + (WordNW + 1)'(1);
    if (pop && from_beat_q && beats_q == beat_q) byte_q <= beat_data_i[8*lane_q+:8];
  end
end

// What it must be in the cycle in which its word is made.
logic [7:0] expected;
assign expected = (from_beat_q && beats_q == beat_q) ? beat_data_i[8*lane_q+:8] : byte_q;

// Words are shown in the order in which they were made: one goes straight on, or waits for the other.
logic             shown_now_q, waits_now_q;
logic [WordW-1:0] shown_word_q, waits_word_q;
always_ff @(posedge clk_i) begin
  shown_now_q  <= rst_ni && !clear_i && (next_valid_q ? word_ready_i : emit && leaves);
  shown_word_q <= next_valid_q ? next_q : made;
  waits_now_q  <= rst_ni && !clear_i && emit && !leaves;
  waits_word_q <= made;
end

// What the registers of a run say, while it is under way.
logic             runs, one_word_q, two_beats_q, tail_q, from_beat;
logic [ByteW-1:0] from_q;
logic [PosW-1:0]  copy_first_q, copy_last_q, last_q;
logic [WordNW:0]  copied_words, beats;
assign runs         = active_q && chosen_q;
assign copy_first_q = {copy_word_q, copy_low_q};
assign copy_last_q  = {copy_end_word_q, copy_end_low_q};
assign last_q       = {last_word_q, last_low_q};
assign one_word_q   = copy_word_q == copy_end_word_q;
assign two_beats_q  = source_low_q > copy_low_q;
assign from_q       = copy_low_q - source_low_q;
assign tail_q       = copy_end_low_q >= from_q;
assign from_beat    = copies_q && place_q >= copy_first_q && place_q <= copy_last_q;
assign copied_words = (word_q <= copy_word_q) ? '0 :
                      (WordNW + 1)'((word_q > copy_end_word_q) ? copy_end_word_q - copy_word_q + 1'b1
                                                             : word_q - copy_word_q);
assign beats        = (WordNW + 1)'(primes_q && !prime_q) + copied_words -
                      (WordNW + 1)'(word_q > copy_end_word_q && !tail_beat_q);

`NPU_ASSERT(ChosenRuns, !active_q || chosen_q)
`NPU_ASSERT(PlacesInOrder, !runs || (last_q < PosW'(80) && place_q <= last_q &&
            place_q >= PosW'(low_q) && first_q == (word_q == '0) && (!copies_q ||
            (copy_first_q <= copy_last_q && copy_last_q <= last_q))))
`NPU_ASSERT(PlaceOfSource, !runs || (from_beat_q == from_beat && (!from_beat_q ||
            {beat_q, lane_q} == (PosW + 1)'(place_q) - (PosW + 1)'(copy_first_q) +
                                (PosW + 1)'(source_low_q))))
`NPU_ASSERT(Rotates, !runs || !copies_q || (rotation_q == -from_q &&
            tail_beat_q == (tail_q || (one_word_q && two_beats_q)) &&
            present_from_q == ((one_word_q && two_beats_q && !tail_q) ? '0 : from_q) &&
            primes_q == (two_beats_q && (!one_word_q || tail_q))))
`NPU_ASSERT(Primes, !runs || ((!prime_q || (primes_q && word_q <= copy_word_q)) &&
            (copies_q || (!primes_q && !prime_q))))
`NPU_ASSERT(PrimedInTime, !runs || !copies_q || !prime_q || beats_q == '0)
`NPU_ASSERT(Phases, !runs || !copies_q ||
            ((started_q == (word_q > copy_word_q && word_q <= copy_end_word_q + 1'b1)) &&
             ended_q == (word_q > copy_end_word_q)))
`NPU_ASSERT(CountsBeats, !runs || !copies_q || beats_q == beats)

// The byte is held, or its beat has still to come.
`NPU_ASSERT(FillIsKnown, !runs || from_beat_q || byte_q == fill_q)
`NPU_ASSERT(ByteIsHeld, !runs || !from_beat_q || word_q > place_q[PosW-1:ByteW] ||
            beats_q <= beat_q || (beats_q == beat_q + 1'b1 &&
                                  held_q[8*place_q[ByteW-1:0]+:8] == byte_q))

// The byte is where it belongs, and no beat is missing when its word is made.
logic here;
assign here = emit && chosen_q && word_q == place_q[PosW-1:ByteW];
`NPU_ASSERT(ByteArrives, !here || (made[UserW+ByteW+2+32'(place_q[ByteW-1:0])] &&
            made_data[8*place_q[ByteW-1:0]+:8] == expected))
`NPU_ASSERT(IsShown, !shown_now_q || (word_valid_q && shown_q == shown_word_q))
`NPU_ASSERT(Waits, !waits_now_q || (next_valid_q && next_q == waits_word_q))
`NPU_ASSERT(BeatIsThere, !(emit && chosen_q && from_beat_q && word_q == place_q[PosW-1:ByteW]) ||
            beats_q > beat_q || (beats_q == beat_q && pop))

`NPU_COVER(TwoBeats, word_valid_q && next_valid_q && beats_q == (WordNW + 1)'(3))

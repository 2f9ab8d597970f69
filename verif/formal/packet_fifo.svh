// SPDX-License-Identifier: Apache-2.0
// proof of cells/npu_packet_fifo.sv
// needs cells/npu_ram_1r1w.sv
// variant Width=1 Depth=5
// variant Width=2 Depth=4
// variant Width=2 Depth=3
// memory words u_ram.mem Depth
// steps 2
// cover 12
// fault a word that was dropped is read: s/count_q <= count_q + (commit_i ?/count_q <= count_q + ((commit_i || drop_i) ?/
// fault words of the next packet begin where those dropped ended: s/next_q  <= behind_head;/next_q  <= next_q;/
// fault the head stands behind its words: s/waddr_i(commit_i ? head_q : next_q)/waddr_i(next_q)/
// fault a word is taken that has no place: s/32'd2 <= Depth/32'd1 <= Depth/

(* keep *) logic [Width*Depth-1:0] words;  // of the memory

// One word or head, chosen when it is written; while its packet is not committed, the words before it
// in that packet, and then the number of those that leave before it.
(* anyseq *) logic choose;
logic              chosen_q = 1'b0, committed_q;
logic [Width-1:0]  word_q;
logic [CountW:0]   before_q, held, place;
logic              pop;

assign pop  = valid_o && ready_i;
assign held = (CountW + 1)'(count_q) + (CountW + 1)'(valid_q);
assign place = (committed_q ? before_q - (CountW + 1)'(valid_q)
                            : (CountW + 1)'(count_q) + before_q + (CountW + 1)'(1));

always_ff @(posedge clk_i) begin
  if (!rst_ni || clear_i) begin
    chosen_q <= 1'b0;
  end else if (!chosen_q && choose && (word_i || commit_i) && !(drop_i && !commit_i)) begin
    chosen_q    <= 1'b1;
    committed_q <= commit_i;
    word_q      <= data_i;
    before_q    <= commit_i ? held - (CountW + 1)'(pop) : (CountW + 1)'(words_q);
  end else if (chosen_q && !committed_q) begin
    if (commit_i) begin
      committed_q <= 1'b1;
      before_q    <= held + (CountW + 1)'(1) + before_q - (CountW + 1)'(pop);
    end else if (drop_i) begin
      chosen_q <= 1'b0;
    end
  end else if (chosen_q && pop) begin
    chosen_q <= before_q != '0;
    before_q <= before_q - (CountW + 1)'(1);
  end
end

// As many are held as were committed and not taken.
logic [CountW:0] counted_q;
always_ff @(posedge clk_i) begin
  if (!rst_ni || clear_i) counted_q <= '0;
  else counted_q <= counted_q + (commit_i ? (CountW + 1)'(words_q) + (CountW + 1)'(1) : '0) -
                    (CountW + 1)'(pop);
end
`NPU_ASSERT(HeldAreCounted, held == counted_q)

// It stands in its packet, or behind those before it: at the output or in the memory.
`NPU_ASSERT(StandsInOrder, !chosen_q ||
            (committed_q ? before_q < held : before_q < (CountW + 1)'(words_q)))
`NPU_ASSERT(StandsInPlace, !chosen_q || ((committed_q && before_q == '0 && valid_q)
            ? data_o == word_q
            : Width'(words >> (Width * ((32'(read_q) + 32'(place)) % Depth))) == word_q))

// It leaves as it came, after them.
`NPU_ASSERT(LeavesInOrder, !chosen_q || !committed_q || before_q != '0 || !valid_o ||
            data_o == word_q)

`NPU_COVER(LeavesChosen, chosen_q && committed_q && before_q == '0 && pop)
`NPU_COVER(DroppedWhileHeld, chosen_q && !committed_q && drop_i && !commit_i && count_q != '0)

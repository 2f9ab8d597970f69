// SPDX-License-Identifier: Apache-2.0
// proof of cells/npu_head_fifo.sv
// variant Width=2 Depth=1
// variant Width=2 Depth=4
// variant Width=2 Depth=3
// steps 2
// cover 8
// fault a word is taken that has no place: s/assign ready_o = count_q != CountW'(Depth)/assign ready_o = 1'b1/
// fault a word does not move up: s/if (pop || (push \&\& enters))/if (push \&\& enters)/
// fault a word comes behind the place of the one that left: s/pop ? CountW'(i + 1) : CountW'(i)/CountW'(i)/

// One word, chosen when it enters, and the number of those that leave before it.
(* anyseq *) logic choose;
logic              chosen_q = 1'b0;
logic [Width-1:0]  word_q;
logic [CountW-1:0] before_q;

always_ff @(posedge clk_i) begin
  if (!rst_ni || clear_i) begin
    chosen_q <= 1'b0;
  end else if (!chosen_q && push && choose) begin
    chosen_q <= 1'b1;
    word_q   <= data_i;
    before_q <= count_q - CountW'(pop);
  end else if (chosen_q && pop) begin
    chosen_q <= before_q != '0;
    before_q <= before_q - CountW'(1);
  end
end

// It stands behind those before it.
`NPU_ASSERT(StandsInOrder, !chosen_q || (before_q < count_q &&
            Width'(words_q >> (Width * 32'(before_q))) == word_q))

// It leaves as it came, after them.
`NPU_ASSERT(LeavesInOrder, !chosen_q || before_q != '0 || (valid_o && data_o == word_q))

// The queue fills, and gives back the last word.
`NPU_COVER(LastOfFull, chosen_q && 32'(before_q) == 32'(Depth - 1))
`NPU_COVER(LeavesChosen, chosen_q && before_q == '0 && pop)

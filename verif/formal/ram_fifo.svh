// SPDX-License-Identifier: Apache-2.0
// proof of cells/npu_ram_fifo.sv
// needs cells/npu_ram_1r1w.sv
// variant Width=2 Depth=1 Bypass=1
// variant Width=2 Depth=1 Bypass=0
// variant Width=2 Depth=4 Bypass=0
// variant Width=2 Depth=3 Bypass=1
// memory words u_ram.mem Depth
// steps 2
// cover 10
// fault a word overtakes those in the memory: s/push \&\& ram_empty \&\& out_free/push \&\& out_free/
// fault the word at the output is lost: s/ram_read  = !ram_empty \&\& out_free/ram_read  = !ram_empty/
// fault a word is taken that has no place: s/assign ready_o = count_q != CountW'(Depth)/assign ready_o = 1'b1/

(* keep *) logic [Width*Depth-1:0] words;  // of the memory

// One word, chosen when it enters, and the number of those that leave before it.
(* anyseq *) logic choose;
logic              chosen_q = 1'b0;
logic [Width-1:0]  word_q;
logic [CountW:0]   before_q, held, place;
logic              pop;

assign pop   = valid_o && ready_i;
assign held  = (CountW + 1)'(count_q) + (CountW + 1)'(valid_q);
assign place = before_q - (CountW + 1)'(valid_q);  // in the memory

always_ff @(posedge clk_i) begin
  if (!rst_ni || clear_i) begin
    chosen_q <= 1'b0;
  end else if (!chosen_q && push && choose) begin
    chosen_q <= 1'b1;
    word_q   <= data_i;
    before_q <= held - (CountW + 1)'(pop);
  end else if (chosen_q && pop) begin
    chosen_q <= before_q != '0;
    before_q <= before_q - (CountW + 1)'(1);
  end
end

// It stands behind those before it: at the output or in the memory.
`NPU_ASSERT(StandsInOrder, !chosen_q || (before_q < held &&
            ((before_q == '0 && valid_q) ? data_o == word_q :
             Width'(words >> (Width * ((32'(read_q) + 32'(place)) % Depth))) == word_q)))

// It leaves as it came, after them.
`NPU_ASSERT(LeavesInOrder, !chosen_q || before_q != '0 || !valid_o || data_o == word_q)

// The queue holds one more than its memory, and gives back the last word.
`NPU_COVER(LastOfFull, chosen_q && 32'(before_q) == 32'(Depth))
`NPU_COVER(LeavesChosen, chosen_q && before_q == '0 && pop)

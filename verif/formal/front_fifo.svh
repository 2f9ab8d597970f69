// SPDX-License-Identifier: Apache-2.0
// proof of cells/npu_front_fifo.sv
// needs cells/npu_ram_fifo.sv cells/npu_ram_1r1w.sv
// variant Width=2 Depth=1
// variant Width=2 Depth=4
// variant Width=2 Depth=3
// connect count u_behind.count_q
// connect read u_behind.read_q
// memory words u_behind.u_ram.mem Depth
// steps 2
// cover 12
// fault a word overtakes those behind the head: s/push \&\& behind_empty \&\& free/push \&\& free/
// fault the head is lost: s/free     = !head_valid_q || ready_i/free     = 1'b1/
// fault a word is taken twice: s/valid_i \&\& !straight/valid_i/

localparam int unsigned PlaceW = $clog2(Depth + 1);

(* keep *) logic [Width*Depth-1:0] words;  // of the memory
(* keep *) logic [PlaceW-1:0]      count;  // of them that are held
(* keep *) logic [((Depth > 1) ? $clog2(Depth) : 1)-1:0] read;

// One word, chosen when it enters, and the number of those that leave before it.
(* anyseq *) logic choose;
logic              chosen_q = 1'b0;
logic [Width-1:0]  word_q;
logic [PlaceW+1:0] before_q, held, place;
logic              pop;

assign pop   = valid_o && ready_i;
assign held  = (PlaceW + 2)'(count) + (PlaceW + 2)'(behind_valid) + (PlaceW + 2)'(head_valid_q);
assign place = before_q - (PlaceW + 2)'(behind_valid) - (PlaceW + 2)'(head_valid_q);

always_ff @(posedge clk_i) begin
  if (!rst_ni || clear_i) begin
    chosen_q <= 1'b0;
  end else if (!chosen_q && push && choose) begin
    chosen_q <= 1'b1;
    word_q   <= data_i;
    before_q <= held - (PlaceW + 2)'(pop);
  end else if (chosen_q && pop) begin
    chosen_q <= before_q != '0;
    before_q <= before_q - (PlaceW + 2)'(1);
  end
end

// As many are held as came and were not taken.
logic [PlaceW+1:0] counted_q;
always_ff @(posedge clk_i) begin
  if (!rst_ni || clear_i) counted_q <= '0;
  else counted_q <= counted_q + (PlaceW + 2)'(push) - (PlaceW + 2)'(pop);
end
`NPU_ASSERT(HeldAreCounted, held == counted_q)

// It stands behind those before it: at the head, at the output behind it, or in the memory.
`NPU_ASSERT(StandsInOrder, !chosen_q || (before_q < held &&
            ((before_q == '0 && head_valid_q) ? head_q == word_q :
             (before_q == (PlaceW + 2)'(head_valid_q) && behind_valid) ? behind_data == word_q :
             Width'(words >> (Width * ((32'(read) + 32'(place)) % Depth))) == word_q)))

// It leaves as it came, after them.
`NPU_ASSERT(LeavesInOrder, !chosen_q || before_q != '0 || !valid_o || data_o == word_q)

// The queue holds two more than its memory, and gives back the last word.
`NPU_COVER(LastOfFull, chosen_q && 32'(before_q) == 32'(Depth + 1))
`NPU_COVER(LeavesChosen, chosen_q && before_q == '0 && pop)

// SPDX-License-Identifier: Apache-2.0
// proof of cells/npu_burst_queue.sv
// needs cells/npu_fifo.sv cells/npu_ram_fifo.sv cells/npu_ram_1r1w.sv
// variant Width=1 Depth=20
// variant Width=2 Depth=17
// connect words_held gen_ram.u_words.count_q
// steps 2
// cover 24
// fault the memory holds as many words as the queue: s/Depth(Depth - 1)/Depth(Depth)/
// fault the count forgets what leaves: s/ - CountW'(pop)//

(* keep *) logic [4:0] words_held;  // in the memory, without the one at its output

// The words of the memory and the one at its output are those that are counted, and no word waits
// in the memory while the output is free: so words leave as from npu_fifo.
`NPU_ASSERT(CountsAgree, 32'(words_held) + 32'(valid_o) == 32'(count_o) &&
            (valid_o || words_held == '0))

// The queue fills.
`NPU_COVER(Fills, !ready_o)

// SPDX-License-Identifier: Apache-2.0
// proof of cxl/npu_cxl_retry.sv
// needs cxl/npu_cxl_bits.sv
// variant Retries=2 Reinits=1
// variant Retries=10 Reinits=10
// steps 3
// cover 20
// fault a flit counts though one before it was bad: s/assign kept     = flit \&\& normal \&\&/assign kept     = flit \&\&/
// fault a bad flit is not missed: s/if (bad_o) state_q <= Request;/if (1'b0) state_q <= Request;/
// fault an answer to another request is taken: s/slot0_i\[npu_cxl_bits::NumRetryAt+:5\] == retries_q;/1'b1;/
// fault an answer counts without its frames: s/assign trusted  = normal || frames_q == Frames;/assign trusted  = 1'b1;/
// fault an answer counts behind four frames: s/Frames = 3'd5/Frames = 3'd4/
// fault a lost answer is waited for without end: s/else if (waited_q >= timeout_i) state_q <= Request;//
// fault requests are not counted: s/retries_q <= retries_q + 5'd1;//
// fault the PHY trains once more than it may: s/if (reinits_q == 5'(Reinits))/if (reinits_q > 5'(Reinits))/
// fault all data is taken for a control flit: s/slot0_i\[0\] \&\& !(normal \&\& all_data_i)/slot0_i[0]/
// fault a flit that is asked for is not counted: s/eseq_q    <= eseq_q + 8'd1;/eseq_q    <= eseq_q + 8'(retries_q == 5'd0);/

// The far side, honest: it sends kept flits in their order, of which all-data ones look like
// anything, and RETRY flits; any may arrive bad. It answers requests, the newest one or older ones,
// behind five frames, and begins again with what was asked for behind the answer.
(* anyseq *) logic sends_kept;   // the flit in this cycle is one that is kept
logic              misses_q;     // a flit was bad, and the newest request is not answered
logic              asked_q;      // it was made since then
logic [4:0]        told_q;       // its NumRetry
logic [2:0]        row_q;        // flits that are or look like frames, before this one
logic [7:0]        arrived_q;    // kept flits that arrived in their order
logic [9:0]        tries_q;      // requests since the last one
logic [15:0]       timeout_q;
logic              like_retry, like_frame, like_answer, like_init, answers, arrives, honest;

assign like_retry  = slot0_i[0] && slot0_i[35:32] == npu_cxl_bits::Retry;
assign like_frame  = like_retry && slot0_i[npu_cxl_bits::ControlAt+:8] == npu_cxl_bits::RetryFrame;
assign like_answer = like_retry && slot0_i[npu_cxl_bits::ControlAt+:8] == npu_cxl_bits::RetryAck;
assign like_init   = slot0_i[0] && slot0_i[npu_cxl_bits::ControlAt+:8] == npu_cxl_bits::Init;
assign arrives     = end_i && good_i && sends_kept && !misses_q && state_q != Abort;
assign answers     = end_i && good_i && !sends_kept && like_answer && misses_q && asked_q &&
                     state_q == Idle && slot0_i[npu_cxl_bits::NumRetryAt+:5] == told_q;

always_comb begin
  honest = 1'b1;
  if (end_i && good_i && sends_kept) begin
    // All-data flits come where this side expects them, and five in a row at most.
    if (!misses_q) honest = (all_data_i || !like_retry) && (like_init && !all_data_i) == !init_q;
    if (like_answer && row_q == 3'd5) honest = 1'b0;
  end else if (end_i && good_i) begin
    honest = like_retry && (misses_q || !all_data_i);
    if (like_answer) begin
      honest = honest && row_q == 3'd5 &&
               (!answers || slot0_i[npu_cxl_bits::NumberAt+:8] == eseq_q);
    end
  end
end

`NPU_ASSUME(Honest, honest)
`NPU_ASSUME(NothingElseFails, !no_place_i && !remote_bad_i)
`NPU_ASSUME(OneTimeout, timeout_i == timeout_q && timeout_i != 16'hffff)

always_ff @(posedge clk_i) begin
  timeout_q <= timeout_i;
  if (!rst_ni || clear_i) begin
    misses_q  <= 1'b0;
    asked_q   <= 1'b0;
    told_q    <= 5'd0;
    row_q     <= 3'd0;
    arrived_q <= 8'd0;
    tries_q   <= 10'd0;
  end else if (state_q != Abort) begin
    if (end_i) row_q <= !good_i || !like_frame || (!misses_q && all_data_i) ? 3'd0 :
                        (row_q == 3'd5) ? 3'd5 : row_q + 3'd1;
    if (arrives) arrived_q <= arrived_q + 8'd1;
    if (arrives) tries_q <= 10'd0;
    else if (req_starts_i) tries_q <= tries_q + 10'd1;
    if (end_i && !good_i && !misses_q) begin
      misses_q <= 1'b1;
      asked_q  <= 1'b0;
    end else if (answers) begin
      misses_q <= 1'b0;
    end
    if (req_starts_i) begin
      asked_q <= 1'b1;
      told_q  <= retries_q + 5'd1;
    end
  end
end

// No flit is lost, none counts twice or out of order: what arrives in its order counts, and nothing
// else. This side knows whether it misses one, and how many came.
`NPU_ASSERT(CountsWhatArrives, take_o == arrives)
`NPU_ASSERT(KnowsWhatItMisses, state_q == Abort || misses_q == (state_q != Normal))
`NPU_ASSERT(KnowsHowMany, eseq_q == arrived_q)
`NPU_ASSERT(RowAgrees, state_q == Abort || row_q == frames_q)

// It never waits without end: an answer for `timeout` cycles, and so many of them in all.
`NPU_ASSERT(WaitEnds, state_q != Idle || waited_q <= timeout_i)
`NPU_ASSERT(AskedInIdle, state_q != Idle || (asked_q && told_q == retries_q && retries_q != 5'd0))
`NPU_ASSERT(TrainsWhenTried, state_q != Reinit ||
            (exhausted && reinits_q < 5'(Reinits)))
`NPU_ASSERT(TriesAreCounted, state_q == Abort ||
            32'(tries_q) == 32'(reinits_q) * Retries + 32'(retries_q))
`NPU_ASSERT(AbortAfterAll, state_q != Abort ||
            (cause_q == Tries && 32'(tries_q) == (Reinits + 1) * Retries))

`NPU_COVER(AsksAndGoesOn, take_o && retries_q == 5'd1)
`NPU_COVER(AsksAgain, state_q == Idle && retries_q == 5'd2)

`default_nettype none
// SPDX-License-Identifier: Apache-2.0
// What a flit means to the link: whether it counts, when flits are asked for again, and when the
// link is up or down (docs/cxl.md, sections 3 to 5).
`include "npu_assert.svh"
module npu_cxl_retry #(
  parameter int unsigned Retries = 10,  // requests without a good flit before the PHY trains, 1..31
  parameter int unsigned Reinits = 10   // times that it trains before the link gives up, 0..31
) (
  input  wire         clk_i,
  input  wire         rst_ni,
  input  wire         clear_i,
  input  wire [15:0]  timeout_i,        // of LOCAL_IDLE, cycles, at least 64
  // a flit
  input  wire         end_i,
  input  wire         good_i,
  input  wire         all_data_i,
  input  wire [76:0]  slot0_i,          // of slot 0
  output wire         take_o,           // it counts
  output wire         is_init_o,        // as INIT.Param
  output wire         is_header_o,      // it has credits: protocol flit or LLCRD
  output wire         is_messages_o,    // it is a protocol flit
  output wire [7:0]   acks_o,           // flits that it tells to have arrived
  output wire         unknown_o,        // a control flit that is none
  output wire         bad_o,
  // RETRY.Req of the far side
  output wire         remote_req_o,
  output wire [7:0]   number_o,         // flit that it wants
  output wire [4:0]   num_retry_o,      // to be told back
  // RETRY.Req of this side
  output wire         want_req_o,       // is to be sent
  input  wire         req_starts_i,     // its sequence begins: fields stay from then on
  output wire [7:0]   eseq_o,
  output wire [4:0]   retries_o,
  output wire [4:0]   reinits_o,
  // PHY
  output wire         reinit_o,         // is to train again
  input  wire         reinit_done_i,
  // life of the link
  input  wire         no_place_i,       // a flit that counts did not fit
  input  wire         remote_bad_i,     // a RETRY.Req of nonsense
  output wire         init_came_o,
  output wire         down_o,
  output wire [1:0]   cause_o           // of down: 1 tries, 2 no place, 3 protocol
);
  if (Retries < 1 || Retries > 31 || Reinits > 31) begin : gen_bad
    $error("npu_cxl_retry: Retries must be in 1..31, Reinits in 0..31");
  end

  localparam logic [2:0] Normal = 3'd0, Request = 3'd1, Idle = 3'd2, Reinit = 3'd3, Abort = 3'd4;
  localparam logic [1:0] NoCause = 2'd0, Tries = 2'd1, NoPlace = 2'd2, Protocol = 2'd3;
  localparam logic [2:0] Frames = 3'd5;

  logic [2:0]  state_q;
  logic [1:0]  cause_q;
  logic [7:0]  eseq_q;
  logic [4:0]  retries_q, reinits_q;
  logic [15:0] waited_q;
  logic [2:0]  frames_q;   // in a row
  logic        init_q;     // INIT.Param has come
  logic        want_q;     // a request is due since the cycle before

  // What the flit is.
  logic       normal, flit, control, is_retry, trusted, is_frame, is_idle, is_req, is_ack, is_init;
  logic       is_llcrd, kept, acked, wrong, exhausted;
  logic [7:0] code;

  logic [53:0] unused_slot0;

  assign unused_slot0 = {slot0_i[63:40], slot0_i[31:3], slot0_i[1]};

  assign normal   = state_q == Normal;
  assign flit     = end_i && good_i && state_q != Abort;
  assign control  = slot0_i[0] && !(normal && all_data_i);
  assign code     = slot0_i[npu_cxl_bits::ControlAt+:8];
  assign is_retry = control && code[3:0] == npu_cxl_bits::Retry;
  assign is_frame = is_retry && code == npu_cxl_bits::RetryFrame;
  assign is_idle  = is_retry && code == npu_cxl_bits::RetryIdle;
  assign is_req   = is_retry && code == npu_cxl_bits::RetryReq;
  assign is_ack   = is_retry && code == npu_cxl_bits::RetryAck;
  assign is_init  = control && code == npu_cxl_bits::Init;
  assign is_llcrd = control && code == npu_cxl_bits::Llcrd;
  assign trusted  = normal || frames_q == Frames;
  assign kept     = flit && normal && !is_retry;
  assign take_o   = kept && is_init != init_q;
  assign acked    = flit && is_ack && trusted && state_q == Idle &&
                    slot0_i[npu_cxl_bits::NumRetryAt+:5] == retries_q;
  assign wrong    = (kept && is_init == init_q) ||
                    (acked && slot0_i[npu_cxl_bits::NumberAt+:8] != eseq_q) || remote_bad_i;

  assign is_init_o     = take_o && is_init;
  assign is_messages_o = take_o && !control && !all_data_i;
  assign is_header_o   = is_messages_o || (take_o && is_llcrd);
  assign acks_o        = is_messages_o ? {4'd0, slot0_i[2], 3'd0} :
                         (take_o && is_llcrd) ? npu_cxl_bits::acks_of(
                             slot0_i[npu_cxl_bits::WordAt+:8], slot0_i[2]) : 8'd0;
  assign unknown_o     = (take_o && control && !is_init && !is_llcrd) ||
                         (flit && normal && is_retry && !is_frame && !is_idle && !is_req &&
                          !is_ack);
  assign bad_o         = end_i && !good_i && state_q != Abort;

  assign remote_req_o = flit && is_req && trusted;
  assign number_o     = slot0_i[npu_cxl_bits::NumberAt+:8];
  assign num_retry_o  = slot0_i[npu_cxl_bits::NumRetryAt+:5];

  // LRSM.
  assign exhausted = retries_q == 5'(Retries);

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i) begin
      state_q   <= Normal;
      cause_q   <= NoCause;
      eseq_q    <= 8'd0;
      retries_q <= 5'd0;
      reinits_q <= 5'd0;
      waited_q  <= 16'd0;
      frames_q  <= 3'd0;
      init_q    <= 1'b0;
      want_q    <= 1'b0;
    end else if (state_q != Abort) begin
      if (end_i) begin
        if (!good_i || !is_frame) frames_q <= 3'd0;
        else if (frames_q != Frames) frames_q <= frames_q + 3'd1;
      end
      if (take_o) begin
        eseq_q    <= eseq_q + 8'd1;
        retries_q <= 5'd0;
        reinits_q <= 5'd0;
      end
      if (is_init_o) init_q <= 1'b1;
      want_q <= state_q == Request && !exhausted && !req_starts_i;
      case (state_q)
        Normal: begin
          if (bad_o) state_q <= Request;
        end
        Request: begin
          waited_q <= 16'd0;
          if (exhausted) begin
            if (reinits_q == 5'(Reinits)) begin
              state_q <= Abort;
              cause_q <= Tries;
            end else begin
              state_q <= Reinit;
            end
          end else if (req_starts_i) begin
            state_q   <= Idle;
            retries_q <= retries_q + 5'd1;
          end
        end
        Idle: begin
          waited_q <= waited_q + 16'd1;
          if (acked) state_q <= Normal;
          else if (waited_q >= timeout_i) state_q <= Request;
        end
        default: begin  // Reinit
          if (reinit_done_i) begin
            state_q   <= Request;
            retries_q <= 5'd0;
            reinits_q <= reinits_q + 5'd1;
          end
        end
      endcase
      if (no_place_i || wrong) begin
        state_q <= Abort;
        cause_q <= no_place_i ? NoPlace : Protocol;
      end
    end
  end

  assign want_req_o  = want_q;
  assign eseq_o      = eseq_q;
  assign retries_o   = retries_q;
  assign reinits_o   = reinits_q;
  assign reinit_o    = state_q == Reinit;
  assign init_came_o = init_q;
  assign down_o      = state_q == Abort;
  assign cause_o     = cause_q;

  // A sequence begins only when it is wanted.
  `NPU_ASSUME(StartsWhatIsWanted, !req_starts_i || want_req_o)

  // A flit counts only while none is missing, and the numbers of tries stay within their limits.
  `NPU_ASSERT(TakesInNormal, !take_o || (normal && good_i))
  `NPU_ASSERT(TriesInRange, retries_q <= 5'(Retries) && reinits_q <= 5'(Reinits))
  `NPU_ASSERT(StateIsOne, state_q <= Abort)
  `NPU_ASSERT(WantsInRequest, !want_q || state_q == Request || state_q == Abort)
endmodule : npu_cxl_retry
`default_nettype wire

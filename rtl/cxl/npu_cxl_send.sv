`default_nettype none
// SPDX-License-Identifier: Apache-2.0
// Sender of a CXL device: keeps flits until they have arrived, sends them in their order, again
// where the far side asks for it, and sends the sequences of RETRY (docs/cxl.md, sections 3 and 4).
//
// Flits show no numbers, so none may leave out of order: npu_replay goes back to the oldest one
// that it keeps, in its own time, and what leaves is only the flit whose number is due. A packet of
// npu_replay is a flit: slot 0 is its head, slots 1..3 its words.
`include "npu_assert.svh"
module npu_cxl_send #(
  parameter int unsigned Replay = 32  // flits that are kept; a power of two, 16..128
) (
  input  wire         clk_i,
  input  wire         rst_ni,
  input  wire         clear_i,
  input  wire         quiet_i,         // nothing begins: the link is down or trains
  // flits: slot 0 with `it is all data` above it, then slots 1..3
  output wire         room4_o,
  output wire         room1_o,
  input  wire         head_valid_i,
  output wire         head_ready_o,
  input  wire [128:0] head_i,
  input  wire         word_valid_i,
  output wire         word_ready_o,
  input  wire [127:0] word_i,
  input  wire         next_all_i,      // the next flit that is made is all data
  // what the far side says
  input  wire [7:0]   acks_i,          // so many flits more have arrived
  output wire         ack_unknown_o,   // more than were sent
  input  wire         remote_req_i,
  input  wire [7:0]   number_i,
  input  wire [4:0]   num_retry_i,
  output wire         remote_bad_o,    // it wants what is not kept
  // what this side asks for
  input  wire         want_req_i,
  output wire         req_starts_o,
  input  wire [7:0]   eseq_i,          // behind req_starts_o
  input  wire [4:0]   retries_i,
  input  wire [4:0]   reinits_i,
  // beats
  output wire         tx_valid_o,
  output wire         tx_first_o,
  output wire [127:0] tx_data_o,
  output wire [15:0]  tx_crc_o,        // with the last one
  output wire         resent_o         // a flit left again
);
  if (Replay < 16 || Replay > 128) begin : gen_bad
    $error("npu_cxl_send: Replay must be in 16..128");
  end

  // Numbers: acked (the oldest that is kept), want (the next to leave), made (the next to be made).
  logic [7:0] acked_q, want_q, made_q, kept;
  logic [7:0] wanted_q;      // by the far side; with ack_due_q
  logic [4:0] told_retry_q;
  logic       ack_due_q;     // RETRY.Ack is to be sent
  logic [7:0] acks_q;        // told by the last flit
  logic [7:0] limit, ahead;
  logic       acks, take_head;

  assign kept          = made_q - acked_q;
  assign room4_o       = 32'(kept) + 32'd4 <= Replay;
  assign room1_o       = 32'(kept) + 32'd1 <= Replay;
  assign limit         = (ack_due_q ? wanted_q : want_q) - acked_q;
  assign acks          = acks_q != 8'd0 && acks_q <= limit;
  assign ack_unknown_o = acks_q != 8'd0 && acks_q > limit;
  assign ahead         = number_i - acked_q;
  assign remote_bad_o  = remote_req_i && ahead > limit;
  assign take_head     = head_valid_i && head_ready_o;

  // Kept flits, as beats.
  logic         beat_valid, beat_ready, beat_last, beat_again, unused_open, unused_forward;
  logic [127:0] beat_word;
  logic [128:0] beat_head;
  logic [7:0]   beat_seq;

  npu_replay #(
    .Width  (128),
    .Words  (4),
    .Packets(Replay),
    .HeadW  (129),
    .SeqW   (8)
  ) u_replay (
    .clk_i,
    .rst_ni,
    .clear_i,
    .head_valid_i,
    .head_ready_o,
    .head_i,
    .head_words_i(3'd3),
    .word_valid_i,
    .word_ready_o,
    .word_i,
    .beat_valid_o(beat_valid),
    .beat_ready_i(beat_ready),
    .beat_last_o (beat_last),
    .beat_word_o (beat_word),
    .beat_head_o (beat_head),
    .beat_seq_o  (beat_seq),
    .beat_again_o(beat_again),
    .ack_valid_i (acks),
    .ack_i       (acked_q + acks_q),
    .back_i      (remote_req_i && !remote_bad_o),
    .open_o      (unused_open),
    .forward_o   (unused_forward)
  );

  // What leaves.
  logic         in_flit_q;     // slots of a kept flit are leaving
  logic         in_drop_q;     // beats of a packet that is not due go by
  logic         in_sequence_q;
  logic         is_ack_q;      // the sequence ends with RETRY.Ack
  logic [2:0]   flit_q;        // of the sequence, 0..5
  logic [1:0]   slot_q;        // of the flit that leaves
  logic [127:0] hold_q;        // its next slot
  logic         due, next_all, between, start_ack, start_req, start_flit, start_drop, moves;
  logic         sequence_ends;
  logic [127:0] control;

  assign between    = !in_flit_q && !in_sequence_q;
  assign due        = beat_valid && !in_drop_q && beat_seq == want_q;
  assign next_all   = (want_q == made_q) ? next_all_i : !due || beat_head[128];
  assign start_ack  = between && !quiet_i && ack_due_q;
  assign start_req  = between && !quiet_i && !ack_due_q && want_req_i && !next_all;
  assign start_flit = between && !quiet_i && !ack_due_q && due &&
                      !(want_req_i && !beat_head[128]);
  assign start_drop = !in_flit_q && !in_drop_q && !ack_due_q && beat_valid && beat_seq != want_q;
  assign moves      = in_flit_q && beat_valid;
  assign beat_ready = start_flit || start_drop || in_flit_q || in_drop_q;

  assign sequence_ends = in_sequence_q && flit_q == 3'd5 && slot_q == 2'd3;
  assign req_starts_o  = start_req;

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i) begin
      acked_q       <= 8'd0;
      acks_q        <= 8'd0;
      want_q        <= 8'd0;
      made_q        <= 8'd0;
      wanted_q      <= 8'd0;
      told_retry_q  <= 5'd0;
      ack_due_q     <= 1'b0;
      in_flit_q     <= 1'b0;
      in_drop_q     <= 1'b0;
      in_sequence_q <= 1'b0;
      is_ack_q      <= 1'b0;
      flit_q        <= 3'd0;
      slot_q        <= 2'd0;
    end else begin
      acks_q <= acks_i;
      if (acks) acked_q <= acked_q + acks_q;
      if (take_head) made_q <= made_q + 8'd1;
      if (start_flit) in_flit_q <= 1'b1;
      else if (moves && beat_last) in_flit_q <= 1'b0;
      if (start_drop) in_drop_q <= 1'b1;
      else if (in_drop_q && beat_valid && beat_last) in_drop_q <= 1'b0;
      if (start_ack || start_req) begin
        in_sequence_q <= 1'b1;
        is_ack_q      <= start_ack;
        flit_q        <= 3'd0;
        slot_q        <= 2'd0;
      end else if (in_sequence_q) begin
        slot_q <= slot_q + 2'd1;
        if (slot_q == 2'd3) flit_q <= flit_q + 3'd1;
        if (sequence_ends) in_sequence_q <= 1'b0;
      end else if (start_flit) begin
        slot_q <= 2'd1;
      end else if (moves) begin
        slot_q <= slot_q + 2'd1;
      end
      if (start_ack) want_q <= wanted_q;
      else if (moves && beat_last) want_q <= want_q + 8'd1;
      if (remote_req_i && !remote_bad_o) begin
        ack_due_q    <= 1'b1;
        wanted_q     <= number_i;
        told_retry_q <= num_retry_i;
      end else if (start_ack) begin
        ack_due_q <= 1'b0;
      end
    end
  end

  always_ff @(posedge clk_i) begin
    if (start_flit || moves) hold_q <= beat_word;
  end

  // RETRY.Ack tells the fields that were there when its sequence began.
  logic [7:0] ack_number_q;
  logic [4:0] ack_retry_q;

  always_ff @(posedge clk_i) begin
    if (start_ack) begin
      ack_number_q <= wanted_q;
      ack_retry_q  <= told_retry_q;
    end
  end

  always_comb begin
    control = 128'd0;
    if (slot_q == 2'd0) begin
      control[0] = 1'b1;
      control[npu_cxl_bits::ControlAt+:8] = npu_cxl_bits::RetryFrame;
      if (flit_q == 3'd5 && is_ack_q) begin
        control[npu_cxl_bits::ControlAt+:8] = npu_cxl_bits::RetryAck;
        control[npu_cxl_bits::WordAt+:32] = npu_cxl_bits::ack_word(ack_retry_q, ack_number_q);
      end else if (flit_q == 3'd5) begin
        control[npu_cxl_bits::ControlAt+:8] = npu_cxl_bits::RetryReq;
        control[npu_cxl_bits::WordAt+:32] = npu_cxl_bits::req_word(reinits_i, retries_i, eseq_i);
      end
    end
  end

  // The CRC, in two more cycles.
  logic         leaves, valid1_q, valid2_q, first1_q, first2_q;
  logic [1:0]   slot;
  logic [127:0] data, data1_q, data2_q;
  logic [15:0]  crc, crc2_q;

  assign leaves = in_sequence_q || start_flit || moves;
  assign slot   = start_flit ? 2'd0 : slot_q;
  assign data   = in_sequence_q ? control : start_flit ? beat_head[127:0] : hold_q;

  npu_cxl_crc u_crc (
    .clk_i,
    .rst_ni,
    .valid_i(leaves),
    .slot_i (slot),
    .data_i (data),
    .crc_o  (crc)
  );

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i) begin
      valid1_q <= 1'b0;
      valid2_q <= 1'b0;
      first1_q <= 1'b0;
      first2_q <= 1'b0;
    end else begin
      valid1_q <= leaves;
      valid2_q <= valid1_q;
      first1_q <= slot == 2'd0;
      first2_q <= first1_q;
    end
  end

  always_ff @(posedge clk_i) begin
    if (leaves) data1_q <= data;
    if (valid1_q) data2_q <= data1_q;
    if (valid1_q) crc2_q <= crc;
  end

  assign tx_valid_o = valid2_q;
  assign tx_first_o = first2_q;
  assign tx_data_o  = data2_q;
  assign tx_crc_o   = crc2_q;
  assign resent_o   = moves && beat_last && beat_again;

  // The numbers stand in their order.
  `NPU_ASSERT(WantInRange, (want_q - acked_q) <= kept && 32'(kept) <= Replay)

  // A flit leaves whole: its slots are those of one packet.
  `NPU_ASSERT(FlitIsOne, !in_flit_q || !beat_valid || beat_seq == want_q)
  `NPU_ASSERT(SlotsAreFour, !moves || beat_last == (slot_q == 2'd3))
endmodule : npu_cxl_send
`default_nettype wire

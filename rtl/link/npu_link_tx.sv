`default_nettype none
// SPDX-License-Identifier: Apache-2.0
// Sender of a link: takes packets for which the far side has room, keeps them until they have arrived,
// and sends headers with what this side has to tell (docs/machine.md, section 7).
//
// A packet's head is {request, length, type}, bits 127..81, 80..72 and 35..32 of its header. Its words
// follow in the cycles after; nothing else leaves while one of them is missing.
`include "npu_assert.svh"
module npu_link_tx #(
  parameter int unsigned Replay = 32,   // packets kept; a power of two, 2..128
  parameter int unsigned Words  = 16    // of a packet's payload, at most; a power of two, 2..16
) (
  input  wire         clk_i,
  input  wire         rst_ni,
  // packets; channel 0 low
  input  wire [1:0]   head_valid_i,
  output wire [1:0]   head_ready_o,     // taken: at most one of both
  input  wire [119:0] head_i,
  input  wire [1:0]   word_valid_i,
  output wire [1:0]   word_ready_o,
  input  wire [255:0] word_i,
  // life of the link
  input  wire         clear_i,
  input  wire         up_i,
  input  wire         tick_i,
  input  wire         send_init_i,
  input  wire [7:0]   session_i,
  input  wire [7:0]   peer_session_i,
  input  wire         peer_known_i,
  input  wire [63:0]  hash_i,
  output wire         exhausted_o,      // sixteen times back without progress
  // what headers tell
  input  wire [7:0]   expected_i,
  input  wire [19:0]  room_i,
  input  wire         send_nak_i,
  input  wire         send_ack_i,
  // what the far side tells
  input  wire         told_i,
  input  wire [7:0]   told_ack_i,
  input  wire [19:0]  told_room_i,
  input  wire         nak_i,
  // wire
  output wire [1:0]   kind_o,
  output wire [127:0] data_o,
  // counted
  output wire         sent_o,           // a packet for the first time
  output wire         resent_o,         // one again
  output wire         stalled_o         // a packet waits for credits
);
  localparam int unsigned CountW = $clog2(Words + 1);
  localparam logic [3:0] Ack = 4'd8, Nak = 4'd9, Init = 4'd10;

  // Packets are taken, those of both channels in turn.
  logic [1:0]  has_credits, could, pick;
  logic [59:0] head;
  logic [9:0]  cost;
  logic [4:0]  words;
  logic        taking_q, channel_q, last_q;  // last_q: channel of the packet before
  logic        replay_ready, take_head, word_ready, word_valid;
  logic [19:0] costs, available;         // words, of both channels

  for (genvar c = 0; c < 2; c++) begin : gen_channel
    wire [8:0] length = head_i[60*c+4+:9];

    assign costs[10*c+:10] = !head_i[60*c] ? 10'd1 :
                             10'(length[8:4]) + 10'(length[3:0] != 4'd0) + 10'd1;
    assign has_credits[c] = costs[10*c+:10] <= available[10*c+:10];

    npu_credits #(
      .Width(10)
    ) u_credits (
      .clk_i,
      .rst_ni,
      .clear_i,
      .told_valid_i  (told_i),
      .told_i        (told_room_i[10*c+:10]),
      .spend_i       (head_ready_o[c]),
      .spend_amount_i(costs[10*c+:10]),
      .available_o   (available[10*c+:10])
    );
  end

  assign could     = head_valid_i & has_credits;
  assign pick      = (could == 2'd3) ? (last_q ? 2'd1 : 2'd2) : could;
  assign take_head = up_i && !taking_q && replay_ready && pick != 2'd0;
  assign head      = pick[1] ? head_i[119:60] : head_i[59:0];
  assign cost      = pick[1] ? costs[19:10] : costs[9:0];
  assign words     = 5'(cost - 10'd1);

  assign head_ready_o = take_head ? pick : 2'd0;
  assign word_ready_o = (taking_q && word_ready) ? (channel_q ? 2'd2 : 2'd1) : 2'd0;
  assign word_valid   = channel_q ? word_valid_i[1] : word_valid_i[0];
  assign stalled_o    = up_i && !taking_q && (head_valid_i & ~has_credits) != 2'd0;

  logic [4:0] left_q;  // words to be taken

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i) begin
      taking_q  <= 1'b0;
      channel_q <= 1'b0;
      last_q    <= 1'b1;
      left_q    <= 5'd0;
    end else if (take_head) begin
      taking_q  <= words != 5'd0;
      channel_q <= pick[1];
      last_q    <= pick[1];
      left_q    <= words;
    end else if (taking_q && word_valid && word_ready) begin
      taking_q <= left_q != 5'd1;
      left_q   <= left_q - 5'd1;
    end
  end

  // They are kept, and leave as beats.
  logic         beat_valid, beat_ready, beat_last, beat_again, open, forward, back;
  logic [127:0] beat_word;
  logic [59:0]  beat_head;
  logic [7:0]   beat_seq;

  npu_replay #(
    .Width  (128),
    .Words  (Words),
    .Packets(Replay),
    .HeadW  (60),
    .SeqW   (8)
  ) u_replay (
    .clk_i,
    .rst_ni,
    .clear_i,
    .head_valid_i(take_head),
    .head_ready_o(replay_ready),
    .head_i      (head),
    .head_words_i(CountW'(words)),
    .word_valid_i(word_valid && taking_q),
    .word_ready_o(word_ready),
    .word_i      (channel_q ? word_i[255:128] : word_i[127:0]),
    .beat_valid_o(beat_valid),
    .beat_ready_i(beat_ready),
    .beat_last_o (beat_last),
    .beat_word_o (beat_word),
    .beat_head_o (beat_head),
    .beat_seq_o  (beat_seq),
    .beat_again_o(beat_again),
    .ack_valid_i (told_i),
    .ack_i       (told_ack_i),
    .back_i      (back),
    .open_o      (open),
    .forward_o   (forward)
  );

  // Four ticks without progress, or a NAK, and the sender goes back; at most sixteen times.
  logic [1:0] ticks_q;
  logic [3:0] tries_q;
  logic       late;

  assign late        = tick_i && ticks_q == 2'd3 && open && !forward;
  assign back        = up_i && ((nak_i && open) || late);
  assign exhausted_o = back && !forward && tries_q == 4'd15;

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i) begin
      ticks_q <= 2'd0;
      tries_q <= 4'd0;
    end else begin
      if (forward || back || !open) ticks_q <= 2'd0;
      else if (tick_i) ticks_q <= ticks_q + 2'd1;
      if (forward) tries_q <= 4'd0;
      else if (back) tries_q <= tries_q + 4'd1;
    end
  end

  // What leaves next. Seven cycles go by between a header and an ACK.
  logic       middle_q;             // words of a packet have left, its header has not
  logic       init_q, nak_q, ack_q;  // to be sent
  logic       quiet_q;              // no header since the last tick
  logic [2:0] pause_q;
  logic [7:0] told_ack_q;           // what the last header told
  logic [19:0] told_room_q;
  logic       send_init, send_nak, send_ack, send_beat, header, news;

  assign news      = ack_q || told_ack_q != expected_i || told_room_q != room_i;
  assign send_init = init_q && !middle_q;
  assign send_nak  = up_i && nak_q && !middle_q && !send_init;
  assign send_beat = up_i && beat_valid && !send_init && !send_nak;
  assign send_ack  = up_i && news && pause_q == 3'd7 && !middle_q && !send_init && !send_nak &&
                     !send_beat;
  assign beat_ready = send_beat;
  assign header     = send_nak || send_ack || (send_beat && beat_last);

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      init_q <= 1'b0;
    end else begin
      init_q <= send_init_i || (init_q && !send_init);
    end
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i) begin
      middle_q    <= 1'b0;
      nak_q       <= 1'b0;
      ack_q       <= 1'b0;
      quiet_q     <= 1'b0;
      pause_q     <= 3'd7;
      told_ack_q  <= 8'd0;
      told_room_q <= 20'd0;
    end else begin
      if (send_beat) middle_q <= !beat_last;
      nak_q   <= send_nak_i || (nak_q && !send_nak);
      ack_q   <= send_ack_i || (tick_i && quiet_q) || (ack_q && !header);
      quiet_q <= !header && (quiet_q || tick_i);
      if (header) pause_q <= 3'd0;
      else if (pause_q != 3'd7) pause_q <= pause_q + 3'd1;
      if (header) told_ack_q <= expected_i;
      if (header) told_room_q <= room_i;
    end
  end

  // Third stage: the word without its CRC. Last one: with it.
  logic [1:0]   kind_q, kind2_q;
  logic [127:0] data_q, data2_q;
  logic [31:0]  crc_q, crc;
  logic [127:0] init_word, told_word, beat_header;

  assign init_word   = {hash_i, 10'd0, up_i, peer_known_i, peer_session_i, session_i, Init, 32'd0};
  assign told_word   = {56'd0, room_i, expected_i, 8'd0, send_nak ? Nak : Ack, 32'd0};
  assign beat_header = {beat_head[59:4], room_i, expected_i, beat_seq, beat_head[3:0], 32'd0};

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      kind_q  <= 2'd0;
      kind2_q <= 2'd0;
      crc_q   <= {32{1'b1}};
    end else begin
      if (send_init || header) kind_q <= 2'd3;
      else if (send_beat) kind_q <= beat_head[2] ? 2'd2 : 2'd1;
      else kind_q <= 2'd0;
      kind2_q <= kind_q;
      if (kind_q == 2'd3) crc_q <= {32{1'b1}};
      else if (kind_q != 2'd0) crc_q <= crc;
    end
  end

  always_ff @(posedge clk_i) begin
    if (send_init) data_q <= init_word;
    else if (send_nak || send_ack) data_q <= told_word;
    else if (send_beat) data_q <= beat_last ? beat_header : beat_word;
    if (kind_q == 2'd3) data2_q <= {data_q[127:32], ~crc};
    else if (kind_q != 2'd0) data2_q <= data_q;
  end

  npu_crc u_crc (
    .state_i(crc_q),
    .data_i (data_q),
    .state_o(crc)
  );

  assign kind_o   = kind2_q;
  assign data_o   = data2_q;
  assign sent_o   = send_beat && beat_last && !beat_again;
  assign resent_o = send_beat && beat_last && beat_again;

  // A head says what it is: a packet of its channel, with a payload that the link carries.
  `NPU_ASSUME(HeadOfChannel0, !head_valid_i[0] || head_i[3:2] == 2'd0)
  `NPU_ASSUME(HeadOfChannel1, !head_valid_i[1] || head_i[63:60] == 4'd5)
  `NPU_ASSUME(LengthInRange, (!head_valid_i[0] || 32'(head_i[12:4]) <= 16 * Words) &&
              (!head_valid_i[1] || 32'(head_i[72:64]) <= 16 * Words))

  // No header stands between the words of a packet.
  `NPU_ASSERT(PacketsAreWhole, !middle_q || (!send_init && !send_nak && !send_ack))
endmodule : npu_link_tx
`default_nettype wire

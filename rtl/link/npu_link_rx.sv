`default_nettype none
// SPDX-License-Identifier: Apache-2.0
// Receiver of a link: checks what comes over the wire, puts packets into their order, and holds them
// for the reader of their channel (docs/machine.md, section 7).
//
// A reader gets the header as it came, then the payload words. Words go through two stages: in the
// first one the CRC takes them in, in the second one it is known whether a header's is right.
`include "npu_assert.svh"
module npu_link_rx #(
  parameter int unsigned Buffer = 16,   // packets of 272 bytes that both channels hold; even, 2..58
  parameter int unsigned Words  = 16,   // of a packet's payload, at most 16
  localparam int unsigned Depth = Buffer / 2 * 17
) (
  input  wire         clk_i,
  input  wire         rst_ni,
  // wire
  input  wire [1:0]   kind_i,            // 0 nothing, 1 and 2 payload of channel 0 and 1, 3 header
  input  wire [127:0] data_i,
  // life of the link
  input  wire         clear_i,
  input  wire         up_i,
  input  wire         starting_i,
  input  wire         tick_i,
  output wire         good_o,            // a good packet; its fields follow
  output wire         init_o,            // an INIT
  output wire [127:0] header_o,
  // to the sender of this side: what its headers tell
  output wire [7:0]   expected_o,
  output wire [19:0]  room_o,            // credits of both channels, channel 0 low
  output wire         send_nak_o,
  output wire         send_ack_o,        // the ack is told again
  // to the sender of this side: what the far side tells it
  output wire         told_o,            // ack and credits of header_o count
  output wire         nak_o,
  // packets
  output wire [1:0]   valid_o,
  input  wire [1:0]   ready_i,
  output wire [255:0] data_o,            // channel 0 low
  // counted
  output wire         bad_o,             // a bad packet
  output wire         dropped_o          // a good one that is not the expected one
);
  if (Buffer < 2 || Buffer % 2 != 0 || Buffer > 58 || Words < 1 || Words > 16) begin : gen_bad
    $error("npu_link_rx: Buffer must be even and in 2..58, Words in 1..16");
  end

  localparam logic [3:0] Data = 4'd5, Nak = 4'd9, Init = 4'd10;

  // First stage: the CRC.
  logic [1:0]   kind_q;
  logic [127:0] data_q;
  logic [31:0]  crc_q, crc;

  npu_crc u_crc (
    .state_i(crc_q),
    .data_i ({data_q[127:32], (kind_q == 2'd3) ? 32'd0 : data_q[31:0]}),
    .state_o(crc)
  );

  // Second stage.
  logic [1:0]   kind2_q;
  logic [127:0] data2_q;
  logic         right_q;  // the CRC of the header in data2_q

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      kind_q  <= 2'd0;
      kind2_q <= 2'd0;
      crc_q   <= {32{1'b1}};
      right_q <= 1'b0;
    end else begin
      kind_q  <= kind_i;
      kind2_q <= kind_q;
      right_q <= ~crc == data_q[31:0];
      if (kind_q == 2'd3) crc_q <= {32{1'b1}};
      else if (kind_q != 2'd0) crc_q <= crc;
    end
  end

  always_ff @(posedge clk_i) begin
    if (kind_i != 2'd0) data_q <= data_i;
    if (kind_q != 2'd0) data2_q <= data_q;
  end

  // Words since the last header.
  logic [4:0] words_q;    // at most 17
  logic       channel_q;  // of the first one
  logic       mixed_q;    // they are of both channels
  logic       full_q;     // one of them had no place
  logic       is_word, is_header, word_channel, active;
  logic [1:0] room, fits, take_word, commit, freed;

  assign active       = up_i || starting_i;
  assign is_header    = kind2_q == 2'd3;
  assign is_word      = kind2_q == 2'd1 || kind2_q == 2'd2;
  assign word_channel = kind2_q == 2'd2;
  assign take_word[0] = up_i && is_word && !word_channel && room[0];
  assign take_word[1] = up_i && is_word && word_channel && room[1];

  always_ff @(posedge clk_i) begin
    if (!rst_ni || is_header) begin
      words_q   <= 5'd0;
      channel_q <= 1'b0;
      mixed_q   <= 1'b0;
      full_q    <= 1'b0;
    end else if (is_word) begin
      if (words_q != 5'd17) words_q <= words_q + 5'd1;
      if (words_q == 5'd0) channel_q <= word_channel;
      else if (word_channel != channel_q) mixed_q <= 1'b1;
      if (take_word == 2'd0) full_q <= 1'b1;
    end
  end

  // The header.
  logic [3:0] kind;
  logic [8:0] length;
  logic [4:0] words;
  logic       is_packet, is_known, length_fits, shape_fits, good, place, take, ahead, behind;
  logic [7:0] expected_q, distance;

  assign kind        = data2_q[35:32];
  assign length      = data2_q[80:72];
  assign is_packet   = !kind[3];
  assign is_known    = is_packet ? (!kind[2] || kind == Data)
                                 : (kind[2:1] == 2'd0 || kind == Init);
  assign words       = (is_packet && kind[0]) ? length[8:4] + 5'(length[3:0] != 4'd0) : 5'd0;
  assign length_fits = !is_packet || (32'(length) <= 16 * Words && (!kind[0] || length != 9'd0));
  assign shape_fits  = words_q == words && !mixed_q && (words == 5'd0 || channel_q == kind[2]);
  assign place       = !full_q && (kind[2] ? fits[1] : fits[0]);
  assign distance    = data2_q[43:36] - expected_q;
  // What is expected and has no place is bad.
  assign good        = right_q && is_known && length_fits && shape_fits &&
                       (!up_i || !is_packet || distance != 8'd0 || place);
  assign take        = up_i && is_header && good && is_packet && distance == 8'd0;
  assign ahead       = up_i && is_header && good && is_packet && distance != 8'd0 && !distance[7];
  assign behind      = up_i && is_header && good && is_packet && distance[7];
  assign commit[0]   = take && !kind[2];
  assign commit[1]   = take && kind[2];

  // One NAK for each time that the sender goes back.
  logic       armed_q, ahead_q;
  logic [1:0] ticks_q;        // since it is not armed
  logic [6:0] last_ahead_q;   // distance of the last one ahead; with ahead_q
  logic       again, is_bad;

  assign is_bad     = active && is_header && !good;
  assign again      = ahead && ahead_q && distance[6:0] <= last_ahead_q;
  assign send_nak_o = up_i && (((is_bad || ahead) && armed_q) || again);

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i) begin
      expected_q   <= 8'd0;
      armed_q      <= 1'b1;
      ahead_q      <= 1'b0;
      ticks_q      <= 2'd0;
      last_ahead_q <= 7'd0;
    end else begin
      if (take) expected_q <= expected_q + 8'd1;
      if (take) ahead_q <= 1'b0;
      else if (ahead) ahead_q <= 1'b1;
      if (ahead) last_ahead_q <= distance[6:0];
      if (send_nak_o) begin
        armed_q <= 1'b0;
        ticks_q <= 2'd0;
      end else if (take || (tick_i && ticks_q == 2'd1)) begin
        armed_q <= 1'b1;
        ticks_q <= 2'd0;
      end else if (tick_i && !armed_q) begin
        ticks_q <= ticks_q + 2'd1;
      end
    end
  end

  // The packets of each channel, and what there ever was room for.
  for (genvar c = 0; c < 2; c++) begin : gen_channel
    logic [9:0] granted_q;

    npu_packet_fifo #(
      .Width(128),
      .Depth(Depth)
    ) u_packets (
      .clk_i,
      .rst_ni,
      .clear_i,
      .word_i  (take_word[c]),
      .room_o  (room[c]),
      .commit_i(commit[c]),
      .fits_o  (fits[c]),
      .drop_i  (is_header && !commit[c]),
      .data_i  (data2_q),
      .valid_o (valid_o[c]),
      .ready_i (ready_i[c]),
      .data_o  (data_o[128*c+:128]),
      .freed_o (freed[c])
    );

    always_ff @(posedge clk_i) begin
      if (!rst_ni || clear_i) granted_q <= 10'(Depth);
      else granted_q <= granted_q + 10'(freed[c]);
    end

    assign room_o[10*c+:10] = granted_q;
  end

  assign good_o     = active && is_header && good && (up_i || kind == Init);
  assign init_o     = good_o && kind == Init;
  assign header_o   = data2_q;
  assign expected_o = expected_q;
  assign send_ack_o = behind;
  assign told_o     = up_i && good_o && kind != Init;
  assign nak_o      = told_o && kind == Nak;
  assign bad_o      = is_bad;
  assign dropped_o  = ahead || behind;

  // What is taken has its words in the channel's queue.
  `NPU_ASSERT(TakenIsWhole, !take || (!full_q && words_q == words))
endmodule : npu_link_rx
`default_nettype wire

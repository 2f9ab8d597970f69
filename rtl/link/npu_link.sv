`default_nettype none
// SPDX-License-Identifier: Apache-2.0
// One end of a link between two chips: packets of two channels both ways, over a wire that may lose,
// double and change words; without loss, doubling or change of order (docs/machine.md, section 7).
`include "npu_assert.svh"
module npu_link #(
  parameter int unsigned Replay  = 32,   // packets kept until they have arrived
  parameter int unsigned Buffer  = 16,   // packets held for readers, of both channels together
  parameter int unsigned Payload = 256   // bytes of a packet, at most; a power of two, 32..256
) (
  input  wire         clk_i,
  input  wire         rst_ni,
  // host
  input  wire         enable_i,
  input  wire [7:0]   session_i,        // of this link-up, not the one before
  input  wire [63:0]  hash_i,           // configuration hash
  input  wire [15:0]  tick_cycles_i,    // cycles of a tick, at least 16
  output wire [1:0]   state_o,          // 0 off, 1 starting, 2 up, 3 down
  output wire [2:0]   cause_o,          // of down
  // packets to the far side, channel 0 low: {request 47, length 9, type 4}, then payload words
  input  wire [1:0]   head_valid_i,
  output wire [1:0]   head_ready_o,
  input  wire [119:0] head_i,
  input  wire [1:0]   word_valid_i,
  output wire [1:0]   word_ready_o,
  input  wire [255:0] word_i,
  // packets from it, channel 0 low: header as it came, then payload words
  output wire [1:0]   valid_o,
  input  wire [1:0]   ready_i,
  output wire [255:0] data_o,
  // wires
  output wire [1:0]   tx_kind_o,
  output wire [127:0] tx_data_o,
  input  wire [1:0]   rx_kind_i,
  input  wire [127:0] rx_data_i,
  // events to be counted: packet sent, sent again, bad, not expected, waits for credits
  output wire [4:0]   events_o
);
  if (Payload < 32 || Payload > 256 || (Payload & (Payload - 1)) != 0) begin : gen_bad
    $error("npu_link: Payload must be a power of two in 32..256");
  end

  logic         clear, up, tick, starting, send_init, exhausted, peer_known;
  logic [7:0]   peer_session, expected;
  logic [19:0]  room;
  logic         send_nak, send_ack, told, nak, good, is_init;
  logic [127:0] header;
  logic [45:0]  unused_header;

  npu_link_control u_control (
    .clk_i,
    .rst_ni,
    .enable_i,
    .session_i,
    .hash_i,
    .tick_cycles_i,
    .good_i        (good),
    .init_i        (is_init),
    .init_session_i(header[43:36]),
    .init_echo_i   (header[51:44]),
    .init_echoes_i (header[52]),
    .init_up_i     (header[53]),
    .init_hash_i   (header[127:64]),
    .exhausted_i   (exhausted),
    .clear_o       (clear),
    .up_o          (up),
    .tick_o        (tick),
    .send_init_o   (send_init),
    .starting_o    (starting),
    .peer_session_o(peer_session),
    .peer_known_o  (peer_known),
    .state_o,
    .cause_o
  );

  npu_link_tx #(
    .Replay(Replay),
    .Words (Payload / 16)
  ) u_tx (
    .clk_i,
    .rst_ni,
    .head_valid_i,
    .head_ready_o,
    .head_i,
    .word_valid_i,
    .word_ready_o,
    .word_i,
    .clear_i       (clear),
    .up_i          (up),
    .tick_i        (tick),
    .send_init_i   (send_init),
    .session_i,
    .peer_session_i(peer_session),
    .peer_known_i  (peer_known),
    .hash_i,
    .exhausted_o   (exhausted),
    .expected_i    (expected),
    .room_i        (room),
    .send_nak_i    (send_nak),
    .send_ack_i    (send_ack),
    .told_i        (told),
    .told_ack_i    (header[51:44]),
    .told_room_i   (header[71:52]),
    .nak_i         (nak),
    .kind_o        (tx_kind_o),
    .data_o        (tx_data_o),
    .sent_o        (events_o[0]),
    .resent_o      (events_o[1]),
    .stalled_o     (events_o[4])
  );

  npu_link_rx #(
    .Buffer(Buffer),
    .Words (Payload / 16)
  ) u_rx (
    .clk_i,
    .rst_ni,
    .kind_i    (rx_kind_i),
    .data_i    (rx_data_i),
    .clear_i   (clear),
    .up_i      (up),
    .starting_i(starting),
    .tick_i    (tick),
    .good_o    (good),
    .init_o    (is_init),
    .header_o  (header),
    .expected_o(expected),
    .room_o    (room),
    .send_nak_o(send_nak),
    .send_ack_o(send_ack),
    .told_o    (told),
    .nak_o     (nak),
    .valid_o,
    .ready_i,
    .data_o,
    .bad_o     (events_o[2]),
    .dropped_o (events_o[3])
  );

  assign unused_header = {header[63:54], header[35:0]};
endmodule : npu_link
`default_nettype wire

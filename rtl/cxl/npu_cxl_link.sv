`default_nettype none
// SPDX-License-Identifier: Apache-2.0
// The device's end of a CXL link: messages of CXL.mem in flits of 68 bytes, over a wire that flips
// bits; without loss, doubling or change of order (docs/cxl.md).
`include "npu_assert.svh"
module npu_cxl_link #(
  parameter int unsigned Replay  = 32,  // flits kept until they arrived; a power of two, 16..128
  parameter int unsigned ReqRoom = 16,  // Req that are held for their reader, 1..127
  parameter int unsigned RwdRoom = 8,   // RwD, with their data, likewise
  parameter int unsigned Words   = 32,  // chunks of answers that wait, at least 8
  parameter int unsigned Retries = 10,  // requests without a good flit before the PHY trains, 1..31
  parameter int unsigned Reinits = 10   // times that it trains before the link gives up, 0..31
) (
  input  wire         clk_i,
  input  wire         rst_ni,
  // PHY
  input  wire         up_i,            // 0: all is forgotten
  output wire         reinit_o,        // is to train again
  input  wire         reinit_done_i,
  input  wire         rx_valid_i,      // a slot of a flit; slot 0 first
  input  wire         rx_first_i,      // it is slot 0
  input  wire [127:0] rx_data_i,
  input  wire [15:0]  rx_crc_i,        // with slot 3
  output wire         tx_valid_o,
  output wire         tx_first_o,
  output wire [127:0] tx_data_o,
  output wire [15:0]  tx_crc_o,
  // host
  input  wire [15:0]  timeout_i,       // of LOCAL_IDLE, cycles, at least 64
  output wire [1:0]   state_o,         // 0 off, 1 starting, 2 up, 3 down
  output wire [1:0]   cause_o,         // of down: 1 tries, 2 no place, 3 protocol
  // messages from the host: a header {0, byte enables, RwD, message 87}, then the chunks of RwD
  output wire         valid_o,
  input  wire         ready_i,
  output wire         chunk_o,
  output wire [127:0] data_o,
  // answers: {dev_load, ld_id, tag, meta_value, meta_field, opcode}, DRS with poison behind
  // the tag. The four chunks of a DRS come before it.
  input  wire         ndr_valid_i,
  output wire         ndr_ready_o,
  input  wire [28:0]  ndr_i,
  input  wire         drs_valid_i,
  output wire         drs_ready_o,
  input  wire [29:0]  drs_i,
  input  wire         word_valid_i,
  output wire         word_ready_o,
  input  wire [127:0] word_i,
  // events to be counted: unknown 4, RETRY.Req sent, flit sent again, bad flit
  output wire [6:0]   events_o
);
  logic         clear, down;
  logic         flit_end, good, all_data, take, is_init, is_header, is_messages, no_place;
  logic [127:0] slot0;
  logic [2:0]   unknown, returned;
  logic         held_valid, held_ready;
  logic [131:0] held;
  logic [7:0]   acks, number, eseq;
  logic [4:0]   num_retry, retries, reinits;
  logic         control_unknown, ack_unknown, bad, remote_req, remote_bad, want_req, req_starts;
  logic         init_came, req_free, rwd_free, resent;
  logic         room4, room1, head_valid, head_ready, slot_valid, slot_ready, next_all;
  logic [128:0] head;
  logic [127:0] slot;
  logic [51:0]  unused_fields;

  assign clear         = !up_i;
  assign unused_fields = {is_init, slot0[127:77]};

  npu_cxl_rx #(
    .Depth(2 * ReqRoom + 8 * RwdRoom)
  ) u_rx (
    .clk_i,
    .rst_ni,
    .clear_i     (clear),
    .valid_i     (rx_valid_i),
    .first_i     (rx_first_i),
    .data_i      (rx_data_i),
    .crc_i       (rx_crc_i),
    .end_o       (flit_end),
    .good_o      (good),
    .all_data_o  (all_data),
    .slot0_o     (slot0),
    .take_i      (take),
    .unknown_o   (unknown),
    .returned_o  (returned),
    .no_place_o  (no_place),
    .word_valid_o(held_valid),
    .word_ready_i(held_ready),
    .word_o      (held)
  );

  npu_cxl_unpack #(
    .Heads(ReqRoom + RwdRoom)
  ) u_unpack (
    .clk_i,
    .rst_ni,
    .clear_i     (clear),
    .word_valid_i(held_valid),
    .word_ready_o(held_ready),
    .word_i      (held),
    .valid_o,
    .ready_i,
    .chunk_o,
    .data_o,
    .req_free_o  (req_free),
    .rwd_free_o  (rwd_free)
  );

  npu_cxl_retry #(
    .Retries(Retries),
    .Reinits(Reinits)
  ) u_retry (
    .clk_i,
    .rst_ni,
    .clear_i      (clear),
    .timeout_i,
    .end_i        (flit_end),
    .good_i       (good),
    .all_data_i   (all_data),
    .slot0_i      (slot0[76:0]),
    .take_o       (take),
    .is_init_o    (is_init),
    .is_header_o  (is_header),
    .is_messages_o(is_messages),
    .acks_o       (acks),
    .unknown_o    (control_unknown),
    .bad_o        (bad),
    .remote_req_o (remote_req),
    .number_o     (number),
    .num_retry_o  (num_retry),
    .want_req_o   (want_req),
    .req_starts_i (req_starts),
    .eseq_o       (eseq),
    .retries_o    (retries),
    .reinits_o    (reinits),
    .reinit_o,
    .reinit_done_i,
    .no_place_i   (no_place),
    .remote_bad_i (remote_bad),
    .init_came_o  (init_came),
    .down_o       (down),
    .cause_o
  );

  npu_cxl_pack #(
    .Words  (Words),
    .ReqRoom(ReqRoom),
    .RwdRoom(RwdRoom)
  ) u_pack (
    .clk_i,
    .rst_ni,
    .clear_i     (clear),
    .up_i,
    .init_came_i (init_came),
    .ndr_valid_i,
    .ndr_ready_o,
    .ndr_i,
    .drs_valid_i,
    .drs_ready_o,
    .drs_i,
    .word_valid_i,
    .word_ready_o,
    .word_i,
    .taken_i     (take),
    .req_free_i  (3'(req_free) + (is_messages ? returned : 3'd0)),
    .rwd_free_i  (rwd_free),
    .credits_i   (is_header),
    .rsp_crd_i   (slot0[23:20]),
    .data_crd_i  (slot0[31:28]),
    .room4_i     (room4),
    .room1_i     (room1),
    .head_valid_o(head_valid),
    .head_ready_i(head_ready),
    .head_o      (head),
    .word_valid_o(slot_valid),
    .word_ready_i(slot_ready),
    .word_o      (slot),
    .next_all_o  (next_all)
  );

  npu_cxl_send #(
    .Replay(Replay)
  ) u_send (
    .clk_i,
    .rst_ni,
    .clear_i      (clear),
    .quiet_i      (down || reinit_o),
    .room4_o      (room4),
    .room1_o      (room1),
    .head_valid_i (head_valid),
    .head_ready_o (head_ready),
    .head_i       (head),
    .word_valid_i (slot_valid),
    .word_ready_o (slot_ready),
    .word_i       (slot),
    .next_all_i   (next_all),
    .acks_i       (acks),
    .ack_unknown_o(ack_unknown),
    .remote_req_i (remote_req),
    .number_i     (number),
    .num_retry_i  (num_retry),
    .remote_bad_o (remote_bad),
    .want_req_i   (want_req),
    .req_starts_o (req_starts),
    .eseq_i       (eseq),
    .retries_i    (retries),
    .reinits_i    (reinits),
    .tx_valid_o,
    .tx_first_o,
    .tx_data_o,
    .tx_crc_o,
    .resent_o     (resent)
  );

  assign state_o  = !up_i ? 2'd0 : down ? 2'd3 : init_came ? 2'd2 : 2'd1;
  assign events_o = {(is_messages ? {1'b0, unknown} : 4'd0) + 4'(control_unknown) +
                     4'(ack_unknown), req_starts, resent, bad};
endmodule : npu_cxl_link
`default_nettype wire

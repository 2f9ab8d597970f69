`default_nettype none
// SPDX-License-Identifier: Apache-2.0
// Receiver of a CXL device: checks flits, finds what is in their slots, and holds that for
// npu_cxl_unpack once a flit counts (docs/cxl.md, section 1).
//
// A beat goes through two stages, in which the CRC takes it in. In the cycle after a flit's last
// slot has left them it is known whether the flit is good, and take_i says whether it counts.
`include "npu_assert.svh"
module npu_cxl_rx #(
  parameter int unsigned Depth = 96,  // words that are held
  localparam int unsigned WordW = 132
) (
  input  wire             clk_i,
  input  wire             rst_ni,
  input  wire             clear_i,
  // beats
  input  wire             valid_i,
  input  wire             first_i,     // slot 0
  input  wire [127:0]     data_i,
  input  wire [15:0]      crc_i,       // with slot 3
  // a flit, in the cycle of its end
  output wire             end_o,
  output wire             good_o,      // whole, and its CRC is right
  output wire             all_data_o,  // it was to be all data
  output wire [127:0]     slot0_o,
  input  wire             take_i,      // it counts
  output wire [2:0]       unknown_o,   // what is unknown in it
  output wire [2:0]       returned_o,  // Req in it that are dropped
  output wire             no_place_o,  // it counts and does not fit
  // words: {dropped, byte enables, kind 2, data 128}; kind 0 nothing, 1 Req, 2 RwD, 3 chunk
  output wire             word_valid_o,
  input  wire             word_ready_i,
  output wire [WordW-1:0] word_o
);
  localparam logic [1:0] None = 2'd0, Req = 2'd1, Rwd = 2'd2, Data = 2'd3;

  // First stage: where the beat is in its flit.
  logic       active_q;   // slots of a flit have come, and more are to come
  logic [1:0] next_q;
  logic       is_beat, broken;
  logic [1:0] slot;

  assign is_beat = valid_i && (first_i || active_q);
  assign broken  = valid_i && first_i && active_q;
  assign slot    = first_i ? 2'd0 : next_q;

  logic         valid1_q, broken1_q;
  logic [1:0]   slot1_q;
  logic [127:0] data1_q;
  logic [15:0]  crc1_q, crc;

  npu_cxl_crc u_crc (
    .clk_i,
    .rst_ni,
    .valid_i(is_beat),
    .slot_i (slot),
    .data_i,
    .crc_o  (crc)
  );

  // Second stage, and the end of a flit.
  logic         valid2_q, broken2_q, right2_q, whole_q, right_q;
  logic [1:0]   slot2_q;
  logic [127:0] data2_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i) begin
      active_q  <= 1'b0;
      next_q    <= 2'd0;
      valid1_q  <= 1'b0;
      broken1_q <= 1'b0;
      slot1_q   <= 2'd0;
      valid2_q  <= 1'b0;
      broken2_q <= 1'b0;
      slot2_q   <= 2'd0;
      whole_q   <= 1'b0;
      right2_q  <= 1'b0;
      right_q   <= 1'b0;
    end else begin
      if (is_beat) begin
        active_q <= slot != 2'd3;
        next_q   <= slot + 2'd1;
        slot1_q  <= slot;
      end
      valid1_q  <= is_beat;
      broken1_q <= broken;
      valid2_q  <= valid1_q;
      broken2_q <= broken1_q;
      slot2_q   <= slot1_q;
      right2_q  <= crc == crc1_q;
      whole_q   <= valid2_q && slot2_q == 2'd3;
      right_q   <= right2_q;
    end
  end

  always_ff @(posedge clk_i) begin
    if (is_beat) data1_q <= data_i;
    if (is_beat) crc1_q <= crc_i;
    if (valid1_q) data2_q <= data1_q;
  end

  assign end_o  = whole_q || broken2_q;
  assign good_o = whole_q && right_q;

  // Slot by slot: what it is, and how many chunks are to come behind it.
  logic [4:0]   pending_q;   // behind the last flit that counts
  logic [4:0]   walked_q;    // behind the last slot
  logic         all_q, control_q, enables_q;
  logic [8:0]   formats_q;   // of slots 1..3
  logic [4:0]   pending, pending_next;
  logic         is_first, all, control, enables, is_req, is_rwd, is_data, is_none, known;
  logic [2:0]   format;
  logic         is_valid;
  logic [3:0]   opcode;
  logic [1:0]   kind;
  logic         dropped, returned;
  logic [1:0]   unknown;

  assign is_first = slot2_q == 2'd0;
  assign pending  = !is_first ? walked_q : (end_o && take_i) ? walked_q : pending_q;
  assign all      = is_first ? pending >= 5'd4 : all_q;
  assign control  = is_first ? !all && data2_q[0] : control_q;
  assign enables  = is_first ? data2_q[3] : enables_q;
  assign format   = is_first ? data2_q[7:5] : formats_q[2:0];
  assign is_valid = is_first ? data2_q[32] : data2_q[0];
  assign opcode   = is_first ? data2_q[36:33] : data2_q[4:1];

  always_comb begin
    is_req  = !all && !control && format == (is_first ? 3'd5 : 3'd4);
    is_rwd  = !all && !control && format == (is_first ? 3'd4 : 3'd5);
    is_none = !all && !control && !is_first && format == 3'd0 && pending == 5'd0;
    is_data = all || (!control && !is_first && format == 3'd0 && pending != 5'd0);
    known    = is_req ? npu_cxl_bits::known_req(opcode) : npu_cxl_bits::known_rwd(opcode);
    dropped  = is_rwd && !known;
    returned = is_req && is_valid && !known;
    kind     = None;
    if (is_data) kind = Data;
    else if (is_req && is_valid && known) kind = Req;
    else if (is_rwd && is_valid) kind = Rwd;
    unknown = 2'd0;
    if (is_req || is_rwd) begin
      unknown = 2'(is_valid && !known) + 2'(!is_first && data2_q[87]);
    end else if (!is_data && !is_none && !control) begin
      unknown = 2'd1;
    end
    pending_next = pending;
    if (is_data) pending_next = pending - 5'd1;
    else if (kind == Rwd) pending_next = pending + (enables ? 5'd5 : 5'd4);
  end

  // Slot 0 is held: it is the head of its flit's words.
  logic [127:0] slot0_q;
  logic [1:0]   kind0_q;
  logic         dropped0_q, any_q, full_q;
  logic [2:0]   unknown_q, returned_q;
  logic         is_word, room, fits, word, commit;

  assign is_word = valid2_q && !is_first && kind != None;
  assign word    = is_word && room;

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i) begin
      pending_q  <= 5'd0;
      walked_q   <= 5'd0;
      all_q      <= 1'b0;
      control_q  <= 1'b0;
      enables_q  <= 1'b0;
      formats_q  <= 9'd0;
      kind0_q    <= None;
      dropped0_q <= 1'b0;
      any_q      <= 1'b0;
      full_q     <= 1'b0;
      unknown_q  <= 3'd0;
      returned_q <= 3'd0;
    end else begin
      if (end_o && take_i) pending_q <= walked_q;
      if (valid2_q) begin
        walked_q <= pending_next;
        if (is_first) begin
          all_q      <= all;
          control_q  <= control;
          enables_q  <= enables;
          formats_q  <= data2_q[16:8];
          kind0_q    <= kind;
          dropped0_q <= dropped;
          any_q      <= kind != None;
          full_q     <= 1'b0;
          unknown_q  <= 3'(unknown);
          returned_q <= 3'(returned);
        end else begin
          formats_q  <= {3'd0, formats_q[8:3]};
          any_q      <= any_q || kind != None;
          full_q     <= full_q || (is_word && !room);
          unknown_q  <= unknown_q + 3'(unknown);
          returned_q <= returned_q + 3'(returned);
        end
      end
    end
  end

  always_ff @(posedge clk_i) begin
    if (valid2_q && is_first) slot0_q <= data2_q;
  end

  assign all_data_o = all_q;
  assign slot0_o    = slot0_q;
  assign unknown_o  = unknown_q;
  assign returned_o = returned_q;
  assign commit     = end_o && take_i && any_q && !full_q && fits;
  assign no_place_o = end_o && take_i && any_q && (full_q || !fits);

  logic [WordW-1:0] head;
  logic             unused_freed;

  assign head = {dropped0_q, enables_q, kind0_q,
                 (kind0_q == Data) ? slot0_q : {32'd0, slot0_q[127:32]}};

  npu_packet_fifo #(
    .Width(WordW),
    .Depth(Depth)
  ) u_words (
    .clk_i,
    .rst_ni,
    .clear_i,
    .word_i  (word),
    .room_o  (room),
    .commit_i(commit),
    .fits_o  (fits),
    .drop_i  (end_o && !commit),
    .data_i  (commit ? head : {dropped, enables, kind, data2_q}),
    .valid_o (word_valid_o),
    .ready_i (word_ready_i),
    .data_o  (word_o),
    .freed_o (unused_freed)
  );

  // Only a whole flit counts, and what is to come stays within its bits.
  `NPU_ASSUME(TakesWhatIsGood, !end_o || !take_i || good_o)
  `NPU_ASSERT(PendingInRange, pending_q <= 5'd23)
endmodule : npu_cxl_rx
`default_nettype wire

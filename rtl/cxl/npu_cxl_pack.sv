`default_nettype none
// SPDX-License-Identifier: Apache-2.0
// Flits of a CXL device: answers and their data, credits and acks, put into slots (docs/cxl.md,
// sections 1 to 4).
//
// A flit is decided on in one cycle, in which its slot 0 leaves; slots 1..3 follow.
`include "npu_assert.svh"
module npu_cxl_pack #(
  parameter int unsigned Words   = 32,  // chunks that wait, at least 8
  parameter int unsigned ReqRoom = 16,  // Req and RwD that this side takes, 1..127
  parameter int unsigned RwdRoom = 8
) (
  input  wire         clk_i,
  input  wire         rst_ni,
  input  wire         clear_i,
  input  wire         up_i,            // INIT.Param may be sent
  input  wire         init_came_i,
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
  // what is owed
  input  wire         taken_i,         // a flit counts
  input  wire [2:0]   req_free_i,      // places that are free again
  input  wire         rwd_free_i,
  // credits that a header gives
  input  wire         credits_i,
  input  wire [3:0]   rsp_crd_i,
  input  wire [3:0]   data_crd_i,
  // flits: slot 0 with `it is all data` above it, then slots 1..3
  input  wire         room4_i,         // four places are free
  input  wire         room1_i,         // one is
  output wire         head_valid_o,
  input  wire         head_ready_i,
  output wire [128:0] head_o,
  output wire         word_valid_o,
  input  wire         word_ready_i,
  output wire [127:0] word_o,
  output wire         next_all_o       // the next flit is all data
);
  if (Words < 8 || ReqRoom < 1 || ReqRoom > 127 || RwdRoom < 1 || RwdRoom > 127) begin : gen_bad
    $error("npu_cxl_pack: Words must be at least 8, ReqRoom and RwdRoom in 1..127");
  end

  localparam int unsigned CountW = $clog2(Words + 6);

  // Answers that wait.
  logic [2:0]        ndr_count, drs_count;
  logic [57:0]       ndrs;
  logic [59:0]       drss;
  logic [1:0]        ndr_pop, drs_pop;
  logic              drs_ready, take_drs, take_word, has_word, use_word, unused_empty;
  logic [127:0]      chunk;
  logic [CountW-1:0] loose_q;  // chunks whose DRS is to come

  npu_cxl_pair #(
    .Width(29)
  ) u_ndrs (
    .clk_i,
    .rst_ni,
    .clear_i,
    .valid_i(ndr_valid_i),
    .ready_o(ndr_ready_o),
    .data_i (ndr_i),
    .count_o(ndr_count),
    .data_o (ndrs),
    .pop_i  (ndr_pop)
  );

  npu_cxl_pair #(
    .Width(30)
  ) u_drss (
    .clk_i,
    .rst_ni,
    .clear_i,
    .valid_i(take_drs),
    .ready_o(drs_ready),
    .data_i (drs_i),
    .count_o(drs_count),
    .data_o (drss),
    .pop_i  (drs_pop)
  );

  npu_ram_fifo #(
    .Width (128),
    .Depth (Words),
    .Bypass(0)
  ) u_words (
    .clk_i,
    .rst_ni,
    .clear_i,
    .valid_i(word_valid_i),
    .ready_o(word_ready_o),
    .data_i (word_i),
    .valid_o(has_word),
    .ready_i(use_word),
    .data_o (chunk),
    .empty_o(unused_empty)
  );

  assign drs_ready_o = drs_ready && loose_q >= CountW'(4);
  assign take_drs    = drs_valid_i && drs_ready_o;
  assign take_word   = word_valid_i && word_ready_o;

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i) begin
      loose_q <= '0;
    end else begin
      loose_q <= loose_q + CountW'(take_word) - (take_drs ? CountW'(4) : CountW'(0));
    end
  end

  // Credits: what was ever given, modulo 1024.
  logic [19:0] told_q, available;
  logic [1:0]  spend;
  logic [3:0]  amounts;

  assign spend   = {drs_pop != 2'd0, ndr_pop != 2'd0};
  assign amounts = {drs_pop, ndr_pop};

  for (genvar c = 0; c < 2; c++) begin : gen_credits
    wire [3:0] nibble = (c == 0) ? rsp_crd_i : data_crd_i;
    wire [9:0] given  = (!nibble[3] || nibble[2:0] == 3'd0) ? 10'd0
                                                             : 10'd1 << (nibble[2:0] - 3'd1);
    logic      told_valid_q;

    always_ff @(posedge clk_i) begin
      if (!rst_ni || clear_i) begin
        told_q[10*c+:10] <= 10'd0;
        told_valid_q     <= 1'b0;
      end else begin
        if (credits_i) told_q[10*c+:10] <= told_q[10*c+:10] + given;
        told_valid_q <= credits_i;
      end
    end

    npu_credits #(
      .Width(10)
    ) u_credits (
      .clk_i,
      .rst_ni,
      .clear_i,
      .told_valid_i  (told_valid_q),
      .told_i        (told_q[10*c+:10]),
      .spend_i       (spend[c]),
      .spend_amount_i(10'(amounts[2*c+:2])),
      .available_o   (available[10*c+:10])
    );
  end

  // What is owed to the far side, and the most of it that a nibble says.
  logic [7:0] acks_q, acks_told;
  logic [7:0] req_q, rwd_q, req_given, rwd_given;
  logic [3:0] req_nibble, rwd_nibble;

  always_comb begin
    req_nibble = 4'd8;
    rwd_nibble = 4'd8;
    req_given  = 8'd0;
    rwd_given  = 8'd0;
    for (int unsigned n = 0; n < 7; n++) begin
      if (req_q >= 8'd1 << n) begin
        req_nibble = 4'(n + 9);
        req_given  = 8'd1 << n;
      end
      if (rwd_q >= 8'd1 << n) begin
        rwd_nibble = 4'(n + 9);
        rwd_given  = 8'd1 << n;
      end
    end
  end

  // The flit.
  logic [1:0]  slot_q;        // the next one to leave
  logic [4:0]  pending_q;     // chunks that are to come for what was sent
  logic        made_init_q;   // INIT.Param was sent
  logic        all_q;         // the slots that follow are data
  logic [8:0]  formats_q;     // of the slots that follow
  logic [2:0]  could_ndr, could_drs, left_ndr;
  logic [4:0]  pending, behind;
  logic [1:0]  slots_data;
  logic        at_start, go, all, init, messages, llcrd, due_acks, due_req, due_rwd, put, gives;
  logic [8:0]  formats;
  logic [2:0]  format0;
  logic [1:0]  pop_ndr0, pop_drs0, pop_ndr;
  logic [31:0] header;
  logic [95:0] body;
  logic [127:0] slot0;

  assign at_start  = slot_q == 2'd0;
  assign could_ndr = (available[9:0] < 10'(ndr_count)) ? available[2:0] : ndr_count;
  assign could_drs = (available[19:10] < 10'(drs_count)) ? available[12:10] : drs_count;
  assign due_acks  = acks_q >= 8'd8;
  assign due_req   = req_q != 8'd0 && {req_q, 1'b0} >= 9'(ReqRoom);
  assign due_rwd   = rwd_q != 8'd0 && {rwd_q, 1'b0} >= 9'(RwdRoom);

  always_comb begin
    all      = pending_q >= 5'd4;
    init     = !made_init_q;
    messages = !all && !init && init_came_i && room4_i &&
               (could_ndr != 3'd0 || could_drs != 3'd0 || pending_q != 5'd0);
    llcrd    = !all && !init && init_came_i && !messages &&
               ((due_acks && room1_i) || ((due_req || due_rwd) && room4_i));
    put      = up_i && at_start && ((all && has_word) || init || messages || llcrd);
    go       = put && head_ready_i;
    gives    = go && (messages || llcrd);
    // Slot 0: two DRS, or one and an NDR, or NDR.
    pop_ndr0 = 2'd0;
    pop_drs0 = 2'd0;
    if (messages) begin
      if (could_drs != 3'd0 && could_ndr != 3'd0) begin
        pop_drs0 = 2'd1;
        pop_ndr0 = 2'd1;
      end else if (could_drs != 3'd0) begin
        pop_drs0 = (could_drs == 3'd1) ? 2'd1 : 2'd2;
      end else begin
        pop_ndr0 = (could_ndr == 3'd0) ? 2'd0 : (could_ndr == 3'd1) ? 2'd1 : 2'd2;
      end
    end
    format0 = 3'd4;
    if (pop_drs0 == 2'd2) format0 = 3'd5;
    else if (pop_drs0 == 2'd1) format0 = 3'd3;
    // Slots 1..3: data, then what is left of NDR.
    pending    = pending_q + {1'b0, pop_drs0, 2'd0};
    slots_data = (pending > 5'd3) ? 2'd3 : pending[1:0];
    left_ndr   = could_ndr - 3'(pop_ndr0);
    formats    = 9'd0;
    if (messages) begin
      for (int unsigned s = 0; s < 3; s++) begin
        if (2'(s) >= slots_data && 4'(2 * s) < 4'(left_ndr) + {1'b0, slots_data, 1'b0}) begin
          formats[3*s+:3] = 3'd5;
        end
      end
    end
    behind = pending - (all ? 5'd4 : messages ? 5'(slots_data) : 5'd0);
    // Slot 0.
    acks_told = llcrd ? acks_q : (due_acks ? 8'd8 : 8'd0);
    header = {rwd_nibble, req_nibble, 4'd8, 3'd0, formats, format0, pop_drs0 != 2'd0, 1'b0,
              due_acks, 2'b00};
    if (pop_drs0 == 2'd2) begin
      body = {16'd0, npu_cxl_bits::drs(1'b1, drss[59:30]), npu_cxl_bits::drs(1'b1, drss[29:0])};
    end else if (pop_drs0 == 2'd1) begin
      body = {26'd0, npu_cxl_bits::ndr(pop_ndr0[0], ndrs[28:0]),
              npu_cxl_bits::drs(1'b1, drss[29:0])};
    end else begin
      body = {36'd0, npu_cxl_bits::ndr(pop_ndr0[1], ndrs[57:29]),
              npu_cxl_bits::ndr(pop_ndr0 != 2'd0, ndrs[28:0])};
    end
    slot0 = {body, header};
    if (all) begin
      slot0 = chunk;
    end else if (init) begin
      slot0        = 128'd1;
      slot0[npu_cxl_bits::ControlAt+:8] = npu_cxl_bits::Init;
      slot0[npu_cxl_bits::WordAt+:32] = npu_cxl_bits::InitWord;
    end else if (llcrd) begin
      slot0        = {96'd0, rwd_nibble, req_nibble, 4'd8, 17'd0, acks_told[3], 2'b01};
      slot0[npu_cxl_bits::ControlAt+:8] = npu_cxl_bits::Llcrd;
      slot0[npu_cxl_bits::WordAt+:32] = npu_cxl_bits::acks_word(acks_told);
    end
  end

  // Slots 1..3.
  logic [1:0] data_left_q;  // chunks among them
  logic [2:0] ndr_could_q;  // NDR that the flit still takes
  logic       is_chunk, is_ndr;

  assign is_chunk = all_q || data_left_q != 2'd0;
  assign is_ndr   = !is_chunk && formats_q[2:0] == 3'd5;
  assign pop_ndr  = (is_ndr && word_valid_o && word_ready_i) ?
                    ((ndr_could_q == 3'd1) ? 2'd1 : 2'd2) : 2'd0;

  assign head_valid_o = put;
  assign head_o       = {all, slot0};
  assign word_valid_o = !at_start && (!is_chunk || has_word);
  assign word_o       = is_chunk ? chunk :
                        is_ndr ? {68'd0, npu_cxl_bits::ndr(ndr_could_q != 3'd1, ndrs[57:29]),
                                  npu_cxl_bits::ndr(1'b1, ndrs[28:0])} : 128'd0;
  assign use_word     = at_start ? go && all : is_chunk && word_ready_i;
  assign ndr_pop      = go ? pop_ndr0 : pop_ndr;
  assign drs_pop      = go ? pop_drs0 : 2'd0;
  assign next_all_o   = pending_q >= 5'd4;

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i) begin
      slot_q      <= 2'd0;
      pending_q   <= 5'd0;
      made_init_q <= 1'b0;
      all_q       <= 1'b0;
      data_left_q <= 2'd0;
      formats_q   <= 9'd0;
      ndr_could_q <= 3'd0;
      acks_q      <= 8'd0;
      req_q       <= 8'(ReqRoom);
      rwd_q       <= 8'(RwdRoom);
    end else begin
      if (go) begin
        slot_q      <= 2'd1;
        pending_q   <= behind;
        made_init_q <= 1'b1;
        all_q       <= all;
        data_left_q <= messages ? slots_data : 2'd0;
        formats_q   <= formats;
        ndr_could_q <= left_ndr;
      end else if (word_valid_o && word_ready_i) begin
        slot_q      <= slot_q + 2'd1;
        formats_q   <= {3'd0, formats_q[8:3]};
        ndr_could_q <= ndr_could_q - 3'(pop_ndr);
        if (data_left_q != 2'd0) data_left_q <= data_left_q - 2'd1;
      end
      if (!(acks_q == 8'd255 && taken_i && !gives)) begin
        acks_q <= acks_q + 8'(taken_i) - (gives ? acks_told : 8'd0);
      end
      req_q <= req_q + 8'(req_free_i) - (gives ? req_given : 8'd0);
      rwd_q <= rwd_q + 8'(rwd_free_i) - (gives ? rwd_given : 8'd0);
    end
  end

  // What is to come stays within its bits, and its chunks are there.
  `NPU_ASSERT(PendingInRange, pending_q <= 5'd8)
endmodule : npu_cxl_pack
`default_nettype wire

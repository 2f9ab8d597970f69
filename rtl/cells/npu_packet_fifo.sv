`default_nettype none
// SPDX-License-Identifier: Apache-2.0
// Queue of packets whose words come before it is known whether they count: all of a packet can be
// read once it is committed, or none of it.
//
// A packet's head comes with the commit, behind its words, and is read in front of them. It stands in
// a memory cell; a word can be read two cycles after the commit.
`include "npu_assert.svh"
module npu_packet_fifo #(
  parameter int unsigned Width = 128,  // bits per word, at least 1
  parameter int unsigned Depth = 136,  // words of the memory, heads included, at least 2
  localparam int unsigned CountW = $clog2(Depth + 1)
) (
  input  wire             clk_i,
  input  wire             rst_ni,
  input  wire             clear_i,   // drop all packets
  // write side
  input  wire             word_i,    // a word of the packet; only with room_o
  output wire             room_o,    // for a word and the head; depends on state only
  input  wire             commit_i,  // the head: the packet is whole; only with fits_o, without word_i
  output wire             fits_o,    // the head; depends on state only
  input  wire             drop_i,    // the packet's words do not count
  input  wire [Width-1:0] data_i,    // word or head
  // read side
  output wire             valid_o,
  input  wire             ready_i,
  output wire [Width-1:0] data_o,
  output wire             freed_o    // a word has left the memory
);
  if (Width < 1 || Depth < 2) begin : gen_bad
    $error("npu_packet_fifo: Width must be at least 1, Depth at least 2");
  end

  localparam int unsigned PtrW = $clog2(Depth);

  logic [PtrW-1:0]   read_q, head_q, next_q;  // next_q: place of the next word
  logic [CountW-1:0] count_q;                 // words that are committed
  logic [CountW-1:0] words_q;                 // of the packet that is not
  logic              valid_q;
  logic              ram_read;
  logic [PtrW-1:0]   behind_head, behind_next;

  assign behind_head = (head_q == PtrW'(Depth - 1)) ? '0 : head_q + PtrW'(1);
  assign behind_next = (next_q == PtrW'(Depth - 1)) ? '0 : next_q + PtrW'(1);
  assign ram_read    = count_q != '0 && (!valid_q || ready_i);

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i) begin
      read_q  <= '0;
      head_q  <= '0;
      next_q  <= PtrW'(1);
      count_q <= '0;
      words_q <= '0;
      valid_q <= 1'b0;
    end else begin
      if (commit_i) begin
        head_q  <= next_q;
        next_q  <= behind_next;
        words_q <= '0;
      end else if (drop_i) begin
        next_q  <= behind_head;
        words_q <= '0;
      end else if (word_i) begin
        next_q  <= behind_next;
        words_q <= words_q + CountW'(1);
      end
      count_q <= count_q + (commit_i ? words_q + CountW'(1) : CountW'(0)) - CountW'(ram_read);
      if (ram_read) read_q <= (read_q == PtrW'(Depth - 1)) ? '0 : read_q + PtrW'(1);
      if (!valid_q || ready_i) valid_q <= ram_read;
    end
  end

  npu_ram_1r1w #(
    .Width(Width),
    .Depth(Depth)
  ) u_ram (
    .clk_i,
    .we_i   (word_i || commit_i),
    .waddr_i(commit_i ? head_q : next_q),
    .wdata_i(data_i),
    .re_i   (ram_read),
    .raddr_i(read_q),
    .rdata_o(data_o)
  );

  assign room_o  = 32'(count_q) + 32'(words_q) + 32'd2 <= Depth;
  assign fits_o  = 32'(count_q) + 32'(words_q) + 32'd1 <= Depth;
  assign valid_o = valid_q;
  assign freed_o = ram_read;

  // Nothing is written that has no place.
  `NPU_ASSUME(WordHasRoom, !word_i || room_o)
  `NPU_ASSUME(HeadHasRoom, !commit_i || (fits_o && !word_i))

  // The oldest word stays until it is taken or all are dropped.
  `NPU_ASSERT_STABLE(WordStays, valid_o, ready_i, data_o, clear_i)

  // There are never more words than places, and the pointers stand at a place.
  `NPU_ASSERT(CountInRange, 32'(count_q) + 32'(words_q) <= Depth && 32'(read_q) < Depth)
  `NPU_ASSERT(PlacesInRange, 32'(head_q) < Depth && 32'(next_q) < Depth)

  // The head's place is behind what is committed, the next word's behind the head and the words.
  `NPU_ASSERT(HeadAgrees, 32'(head_q) == (32'(read_q) + 32'(count_q)) % Depth)
  `NPU_ASSERT(NextAgrees, 32'(next_q) == (32'(head_q) + 32'(words_q) + 32'd1) % Depth)
endmodule : npu_packet_fifo
`default_nettype wire

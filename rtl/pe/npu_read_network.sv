`default_nettype none
// SPDX-License-Identifier: Apache-2.0
// Read network: WordBytes bytes from any byte of one bank's word on, the rest of them out of
// another bank's word, turned so that the first one comes to any place. Combinational.
//
// Synthesis takes each byte column out of one of the two words and turns the bytes: a third of the
// gates of a shifter of both words, which simulates faster.
module npu_read_network #(
  parameter int unsigned Banks     = 8,   //@ = pe.banks
  parameter int unsigned WordBytes = 16,  //@ = pe.bank_width  -- bytes per bank word
  localparam int unsigned OffsetW  = $clog2(WordBytes),
  localparam int unsigned BankW    = $clog2(Banks),
  localparam int unsigned WordW    = 8 * WordBytes
) (
  input  wire                    valid_i,   // else 0
  input  wire  [BankW-1:0]       bank_i,    // of the first word, and the next one
  input  wire  [BankW-1:0]       bank2_i,
  input  wire  [OffsetW-1:0]     offset_i,  // first byte in the word
  input  wire  [OffsetW-1:0]     turn_i,    // offset_i less the place that it comes to
  input  wire  [WordW*Banks-1:0] words_i,   // of all banks
  output logic [WordW-1:0]       data_o
);
`ifdef SYNTHESIS
  logic [Banks-1:0] first, second, chosen;
  always_comb begin
    first  = valid_i ? Banks'(1) << bank_i : '0;
    second = valid_i ? Banks'(1) << bank2_i : '0;
    chosen = '0;
    data_o = '0;
    for (int unsigned j = 0; j < WordBytes; j++) begin
      chosen = (OffsetW'(j) < offset_i) ? second : first;
      for (int unsigned b = 0; b < Banks; b++) begin
        data_o[8*j+:8] = data_o[8*j+:8] | (words_i[WordW*b+8*j+:8] & {8{chosen[b]}});
      end
    end
    for (int unsigned k = 0; k < OffsetW; k++) begin
      if (turn_i[k]) data_o = (data_o >> (8 << k)) | (data_o << (WordW - (8 << k)));
    end
  end
`else
  logic [WordW-1:0]   words[Banks];
  logic [2*WordW-1:0] shifted;
  logic [OffsetW-1:0] place;
  assign place = offset_i - turn_i;
  for (genvar b = 0; b < Banks; b++) begin : gen_word
    assign words[b] = words_i[WordW*b+:WordW];
  end
  always_comb begin
    shifted = '0;
    if (valid_i) shifted = {words[bank2_i], words[bank_i]} >> {offset_i, 3'b000};
    if (valid_i && place != '0) begin
      shifted = {shifted[WordW-1:0], shifted[WordW-1:0]} << {place, 3'b000};
      shifted = shifted >> WordW;
    end
  end
  assign data_o = shifted[WordW-1:0];

  logic unused_shifted;
  assign unused_shifted = ^shifted[2*WordW-1:WordW];
`endif
endmodule : npu_read_network
`default_nettype wire

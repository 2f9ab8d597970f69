`default_nettype none
// SPDX-License-Identifier: Apache-2.0
// Where a word of PE memory lies: its bank, and its row there. Combinational.
//
// Word w is in line w / Banks, and each line begins in a bank of its own, so that rows of an image
// one below the other are in different banks for most widths. Word numbers beyond the memory wrap.
module npu_bank_map #(
  parameter int unsigned MemBytes  = 131072,  //@ = pe.memory  -- bytes
  parameter int unsigned Banks     = 8,       //@ = pe.banks  -- power of two, at least 2
  parameter int unsigned WordBytes = 16,      //@ = pe.bank_width  -- bytes per bank word
  localparam int unsigned Depth    = MemBytes / (Banks * WordBytes),
  localparam int unsigned BankW    = $clog2(Banks),
  localparam int unsigned RowW     = (Depth > 1) ? $clog2(Depth) : 1
) (
  input  wire              valid_i,  // else bank and row are 0
  input  wire  [21:0]      word_i,
  output logic [BankW-1:0] bank_o,
  output logic [RowW-1:0]  row_o
);
  // The first bank of a line moves on by Skew1 from line to line, by Skew2 every Banks lines and by
  // Skew3 every Banks * Banks lines. The values keep neighbouring words in different banks and were
  // chosen for few conflicts of three rows over common row lengths.
  localparam int unsigned Skew1 = (Banks == 2) ? 0 : (Banks == 4) ? 1 : (Banks == 8) ? 2 : 7;
  localparam int unsigned Skew2 = (Banks == 8) ? 3 : (Banks > 8) ? 9 : 0;
  localparam int unsigned Skew3 = (Banks == 4) ? 3 : 0;

  always_comb begin
    bank_o = '0;
    row_o  = '0;
    if (valid_i) begin
      bank_o = word_i[BankW-1:0] + BankW'(word_i >> BankW) * BankW'(Skew1) +
               BankW'(word_i >> (2 * BankW)) * BankW'(Skew2) +
               BankW'(word_i >> (3 * BankW)) * BankW'(Skew3);
      row_o  = RowW'(word_i >> BankW);
    end
  end

  logic unused_word;
  assign unused_word = ^word_i;
endmodule : npu_bank_map
`default_nettype wire

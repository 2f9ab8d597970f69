`default_nettype none
// SPDX-License-Identifier: Apache-2.0
// Place of an address in PE memory: the address with the number of its bank (npu_bank_map) in the
// low bits of the word's number. It is known before the memory is asked, which then need not look
// for the bank. Addresses of core memory stay. Combinational.
module npu_bus_place #(
  parameter int unsigned MemBytes  = 131072,  //@ = pe.memory  -- bytes
  parameter int unsigned Banks     = 8,       //@ = pe.banks
  parameter int unsigned WordBytes = 16       //@ = pe.bank_width  -- bytes per bank word
) (
  input  wire         core_i,   // the address is one of core memory
  input  wire  [23:0] addr_i,
  output logic [23:0] place_o
);
  localparam int unsigned OffsetW = $clog2(WordBytes);
  localparam int unsigned BankW   = $clog2(Banks);
  localparam int unsigned Depth   = MemBytes / (Banks * WordBytes);
  localparam int unsigned RowW    = (Depth > 1) ? $clog2(Depth) : 1;

  logic [BankW-1:0] bank;
  logic [RowW-1:0]  unused_row;

  npu_bank_map #(
    .MemBytes (MemBytes),
    .Banks    (Banks),
    .WordBytes(WordBytes)
  ) u_map (
    .valid_i(1'b1),
    .word_i (22'(addr_i >> OffsetW)),
    .bank_o (bank),
    .row_o  (unused_row)
  );

  always_comb begin
    place_o = addr_i;
    if (!core_i) place_o[OffsetW+:BankW] = bank;
  end
endmodule : npu_bus_place
`default_nettype wire

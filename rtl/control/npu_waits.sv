`default_nettype none
// SPDX-License-Identifier: Apache-2.0
// Whether the waits of a command hold: combinational comparison with the counts of the barriers.
//
// Numbers of barriers that count have been checked by the dispatcher.
module npu_waits #(
  parameter int unsigned Barriers = 34,  //@ = npu.barriers
  localparam int unsigned CountW = npu_isa_pkg::BarrierCountBits,
  localparam int unsigned IdW = npu_isa_pkg::BarrierIdBits
) (
  input  wire [Barriers*CountW-1:0] counts_i,  // barrier 0 in the low bits
  input  wire [1:0]                 enable_i,  // of wait 0 and wait 1
  input  wire [2*IdW-1:0]           id_i,      // barriers
  input  wire [2*CountW-1:0]        count_i,   // counts that must be reached
  output logic                      hold_o
);
  // In branches, so that a wait that is not enabled costs no simulation time.
  logic [CountW-1:0] count;  // of the wait's barrier
  always_comb begin
    hold_o = 1'b1;
    count  = '0;
    for (int unsigned w = 0; w < 2; w++) begin
      if (enable_i[w]) begin
        count = '0;
        for (int unsigned b = 0; b < Barriers; b++) begin
          count = count | (counts_i[CountW*b+:CountW] & {CountW{id_i[IdW*w+:IdW] == IdW'(b)}});
        end
        hold_o = hold_o && count >= count_i[CountW*w+:CountW];
      end
    end
  end
endmodule : npu_waits
`default_nettype wire

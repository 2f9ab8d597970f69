`default_nettype none
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
  output wire                       hold_o
);
  logic [CountW-1:0] count0, count1;

  assign count0 = counts_i[32'(id_i[IdW-1:0])*CountW+:CountW];
  assign count1 = counts_i[32'(id_i[2*IdW-1:IdW])*CountW+:CountW];
  assign hold_o = (!enable_i[0] || count0 >= count_i[CountW-1:0]) &&
                  (!enable_i[1] || count1 >= count_i[2*CountW-1:CountW]);
endmodule : npu_waits
`default_nettype wire

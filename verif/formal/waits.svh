// SPDX-License-Identifier: Apache-2.0
// proof of control/npu_waits.sv
// variant Barriers=5
// variant Barriers=34
// steps 2
// cover 3
// fault the second wait is not looked at: s/w < 2; w/w < 1; w/
// fault a count must be exceeded: s/count >= count_i/count > count_i/
// fault another barrier counts: s/id_i\[IdW\*w+:IdW\] == IdW'(b)/id_i[IdW*w+:IdW] == IdW'(b+1)/

// What the waits mean, barrier by barrier.
function automatic logic holds(input logic enable, input logic [IdW-1:0] id,
                               input logic [CountW-1:0] least);
  holds = !enable || (32'(id) >= Barriers && least == '0);
  for (int unsigned b = 0; b < Barriers; b++) begin
    if (32'(id) == b && counts_i[CountW*b+:CountW] >= least) holds = 1'b1;
  end
endfunction

`NPU_ASSERT(MeansBoth, hold_o == (holds(enable_i[0], id_i[0+:IdW], count_i[0+:CountW]) &&
                                  holds(enable_i[1], id_i[IdW+:IdW], count_i[CountW+:CountW])))

// Played again after counts have grown, waits that held hold: a command that was let through once
// need not be asked a second time.
logic                       grown;
logic [Barriers*CountW-1:0] counts_q;
logic [2*IdW+2*CountW+1:0]  waits_q;
logic                       held_q = 1'b0;

always_comb begin
  grown = 1'b1;
  for (int unsigned b = 0; b < Barriers; b++) begin
    if (counts_i[CountW*b+:CountW] < counts_q[CountW*b+:CountW]) grown = 1'b0;
  end
end

always_ff @(posedge clk_i) begin
  counts_q <= counts_i;
  waits_q  <= {enable_i, id_i, count_i};
  held_q   <= rst_ni && hold_o;
end

`NPU_ASSERT(HoldsAgain, !(held_q && grown && waits_q == {enable_i, id_i, count_i}) || hold_o)

`NPU_COVER(LetsThrough, hold_o && enable_i == 2'b11 && id_i[0] != id_i[IdW] && !held_q &&
           count_i[0+:CountW] != '0 && count_i[CountW+:CountW] != '0)

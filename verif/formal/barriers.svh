// SPDX-License-Identifier: Apache-2.0
// proof of control/npu_barriers.sv
// variant Barriers=3 UnitPorts=2
// variant Barriers=2 UnitPorts=3
// connect gate_enable u_gate.enable_i
// steps 2
// cover 5
// fault of arrivals in one cycle one counts: s/hits = hits + HitsW/hits = HitsW/
// fault a count begins again: s/? '1 : sum\[CountW-1:0\]/? sum[CountW-1:0] : sum[CountW-1:0]/
// fault the clock stands when a PE arrives: s/add_valid_i || unit_valid_i != '0),/add_valid_i),/

// Any barrier, and what it must count to: by plain sums, port by port.
(* anyconst *) logic [5:0] barrier;
(* keep *) logic           gate_enable;
logic [31:0]               before, now, sum;
logic                      known_q = 1'b0;
logic [31:0]               expected_q;

always_comb begin
  assume (32'(barrier) < Barriers);
  now = 32'(CountW'(counts_q >> (CountW * 32'(barrier))));
  sum = now;
  if (add_valid_i && add_id_i == barrier) sum = sum + 32'(add_amount_i);
  for (int unsigned i = 0; i < UnitPorts; i++) begin
    if (unit_valid_i[i] && unit_id_i[6*i+:6] == barrier) sum = sum + 32'd1;
  end
  if (sum > 32'((64'd1 << CountW) - 64'd1)) sum = 32'((64'd1 << CountW) - 64'd1);
  before = (!rst_ni || clear_i) ? '0 : sum;
end

always_ff @(posedge clk_i) begin
  known_q    <= 1'b1;
  expected_q <= before;
end

// All arrivals of a cycle count, and the largest value is the last.
`NPU_ASSERT(CountsAll, !known_q || now == expected_q, clk_i, 1'b1)

// The clock stands only in cycles in which no count changes.
`NPU_ASSERT_STABLE(GateRule, 1'b1, gate_enable, counts_q, 1'b0, clk_i, 1'b1)

// All ports arrive at one barrier; a count is full.
`NPU_COVER(AllArrive, add_valid_i && unit_valid_i == '1 && add_id_i == barrier &&
           unit_id_i == {UnitPorts{barrier}})
`NPU_COVER(IsFull, now == 32'((64'd1 << CountW) - 64'd1))

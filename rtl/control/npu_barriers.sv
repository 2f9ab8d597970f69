`default_nettype none
// SPDX-License-Identifier: Apache-2.0
// The barriers: counters that only grow, read by every command queue.
//
// Any number of ports may arrive in one cycle, also at the same barrier; all count. An arrival
// shows in counts_o in the next cycle. A counter stops at its largest value.
`include "npu_assert.svh"
module npu_barriers #(
  parameter int unsigned Barriers  = 34,  //@ = npu.barriers
  parameter int unsigned UnitPorts = 33,  // ports whose arrivals count 1: STORE and PEs
  localparam int unsigned CountW = npu_isa_pkg::BarrierCountBits
) (
  input  wire                    clk_i,
  input  wire                    rst_ni,
  input  wire                    clear_i,       // all counters become 0
  // arrival with an amount (LOAD)
  input  wire                    add_valid_i,
  input  wire [5:0]              add_id_i,
  input  wire [CountW-1:0]       add_amount_i,
  // arrivals that count 1
  input  wire [UnitPorts-1:0]    unit_valid_i,
  input  wire [6*UnitPorts-1:0]  unit_id_i,
  // counts, barrier 0 in the low bits
  output wire [Barriers*CountW-1:0] counts_o
);
  wire clk;  // stands still while nothing here changes

  if (UnitPorts < 1 || Barriers < 1 || Barriers > 64) begin : gen_bad
    $error("npu_barriers: UnitPorts must be at least 1 and Barriers 1..64");
  end

  localparam int unsigned HitsW = $clog2(UnitPorts + 1);

  logic [Barriers*CountW-1:0] counts_q;

  // How many of the unit ports arrive at barrier `id`.
  function automatic logic [HitsW-1:0] hits(input logic [UnitPorts-1:0] valid,
                                            input logic [6*UnitPorts-1:0] ids,
                                            input logic [5:0] id);
    hits = '0;
    for (int unsigned i = 0; i < UnitPorts; i++) begin
      hits = hits + HitsW'(valid[i] && ids[6*i+:6] == id);
    end
  endfunction

  // Sum of a count and what arrives, held at the largest value.
  function automatic logic [CountW-1:0] saturated(input logic [CountW-1:0] count,
                                                  input logic [CountW-1:0] amount,
                                                  input logic [HitsW-1:0] units);
    logic [CountW+1:0] sum;
    sum = (CountW + 2)'(count) + (CountW + 2)'(amount) + (CountW + 2)'(units);
    saturated = (sum[CountW+1:CountW] != '0) ? '1 : sum[CountW-1:0];
  endfunction

  always_ff @(posedge clk) begin
    if (!rst_ni || clear_i) begin
      counts_q <= '0;
    end else if (add_valid_i || unit_valid_i != '0) begin
      for (int unsigned b = 0; b < Barriers; b++) begin
        counts_q[CountW*b+:CountW] <=
            saturated(counts_q[CountW*b+:CountW],
                      (add_valid_i && add_id_i == 6'(b)) ? add_amount_i : '0,
                      hits(unit_valid_i, unit_id_i, 6'(b)));
      end
    end
  end

  assign counts_o = counts_q;

  npu_clock_gate u_gate (
    .clk_i,
    .enable_i(!rst_ni || clear_i || add_valid_i || unit_valid_i != '0),
    .clk_o   (clk)
  );

  // A count only grows until all become 0: it stops at its largest value and never wraps.
  for (genvar b = 0; b < Barriers; b++) begin : gen_check
    `NPU_ASSERT_GROWS(CountGrows, counts_q[CountW*b+:CountW], clear_i)
  end
endmodule : npu_barriers
`default_nettype wire

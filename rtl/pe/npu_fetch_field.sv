`default_nettype none
// SPDX-License-Identifier: Apache-2.0
// Fetch field: one field of the vectors in npu_fetch_queue, Width bits of each: the group at the
// head, and the one behind it. A group has the vectors of a step from begin_i on.
module npu_fetch_field #(
  parameter int unsigned Ports   = 4,  //@ = units.window_ports  -- vectors of a step
  parameter int unsigned Width   = 5,  // bits of a vector
  localparam int unsigned CountW = $clog2(Ports + 1)
) (
  input  wire                    clk_i,
  input  wire  [CountW-1:0]      begin_i,
  input  wire                    part_i,       // begin_i is not 0
  input  wire                    next_load_i,  // the group goes behind the head,
  input  wire                    head_load_i,  // to it,
  input  wire                    head_next_i,  // or the one behind the head goes to it
  input  wire  [Width*Ports-1:0] data_i,
  output wire  [Width*Ports-1:0] data_o
);
  logic [Width*Ports-1:0] group, head_q, next_q;

  always_comb begin
    group = data_i;
    if (part_i) begin
      for (int unsigned b = 1; b < Ports; b++) begin
        if (begin_i == CountW'(b)) group = data_i >> (Width * b);
      end
    end
  end

  always_ff @(posedge clk_i) begin
    if (next_load_i) next_q <= group;
    if (head_load_i) head_q <= head_next_i ? next_q : group;
  end

  assign data_o = head_q;
endmodule : npu_fetch_field
`default_nettype wire

`default_nettype none
// SPDX-License-Identifier: Apache-2.0
// Fetch field: one field of the vectors in npu_fetch_queue, for all ports: of the group at the
// head, and of the one behind it.
module npu_fetch_field #(
  parameter int unsigned Width = 20  // bits of all ports
) (
  input  wire              clk_i,
  input  wire              next_load_i,  // data_i goes behind the head,
  input  wire              head_load_i,  // to it,
  input  wire              head_next_i,  // or what is behind the head goes to it
  input  wire  [Width-1:0] data_i,
  output wire  [Width-1:0] data_o
);
  logic [Width-1:0] head_q, next_q;

  always_ff @(posedge clk_i) begin
    if (next_load_i) next_q <= data_i;
    if (head_load_i) head_q <= head_next_i ? next_q : data_i;
  end

  assign data_o = head_q;
endmodule : npu_fetch_field
`default_nettype wire

`default_nettype none
// SPDX-License-Identifier: Apache-2.0
// Waits of LOAD commands: commands are taken before their waits hold, and released in their order
// when they do.
//
// Commands have numbers in the order in which they are taken, modulo 2^NumberW, more than twice of
// those that are in flight. One is released when its waits and those of all before it hold.
module npu_load_waits #(
  parameter int unsigned Barriers = 34,  //@ = npu.barriers
  parameter int unsigned Depth    = 4,   // commands taken whose waits are open
  parameter int unsigned NumberW  = 4,   // bits of a command's number
  localparam int unsigned CountW  = npu_isa_pkg::BarrierCountBits,
  localparam int unsigned IdW     = npu_isa_pkg::BarrierIdBits,
  localparam int unsigned WaitW   = 16 + 2 * (1 + IdW + CountW)
) (
  input  wire                clk_i,
  input  wire                rst_ni,
  input  wire                clear_i,
  input  wire [Barriers*CountW-1:0] barrier_counts_i,  // barrier 0 in the low bits
  // a command is taken
  input  wire                take_i,
  output wire                ready_o,
  input  wire [WaitW-1:0]    wait_i,        // {tag, enables, ids, counts}, wait 1 before wait 0
  output wire [NumberW-1:0]  number_o,      // its number
  // the first command that is not released
  output wire                open_o,
  output wire                release_o,     // pulse: it is
  output wire [15:0]         tag_o,
  // words of the next command have begun
  input  wire                begin_i,
  output wire                may_begin_o,   // it is released
  // whether command number_i, of those in flight, is released
  input  wire [NumberW-1:0]  number_i,
  output wire                released_o
);
  logic [1:0]         enable;
  logic [2*IdW-1:0]   id;
  logic [2*CountW-1:0] count;
  logic               hold;
  logic [NumberW-1:0] taken_q, released_q, begun_q, distance;
  logic [$clog2(Depth + 1)-1:0] unused_count;

  npu_head_fifo #(
    .Width(WaitW),
    .Depth(Depth)
  ) u_open_waits (
    .clk_i,
    .rst_ni,
    .clear_i,
    .valid_i(take_i),
    .ready_o,
    .data_i (wait_i),
    .valid_o(open_o),
    .ready_i(hold),
    .data_o ({tag_o, enable, id, count}),
    .count_o(unused_count)
  );

  npu_waits #(
    .Barriers(Barriers)
  ) u_waits (
    .counts_i(barrier_counts_i),
    .enable_i(enable),
    .id_i    (id),
    .count_i (count),
    .hold_o  (hold)
  );

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i) begin
      taken_q    <= '0;
      released_q <= '0;
      begun_q    <= '0;
    end else begin
      if (take_i) taken_q <= taken_q + NumberW'(1);
      if (release_o) released_q <= released_q + NumberW'(1);
      if (begin_i) begun_q <= begun_q + NumberW'(1);
    end
  end

  assign number_o    = taken_q;
  assign release_o   = open_o && hold;
  assign may_begin_o = released_q != begun_q;
  assign distance    = released_q - number_i;
  assign released_o  = distance != '0 && !distance[NumberW-1];
endmodule : npu_load_waits
`default_nettype wire

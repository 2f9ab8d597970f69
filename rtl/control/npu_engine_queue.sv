`default_nettype none
// SPDX-License-Identifier: Apache-2.0
// Command queue in front of an engine of one instance (LOAD, STORE), and what controller and trace
// see of both.
module npu_engine_queue #(
  parameter int unsigned Entries  = 7,     // 16-byte entries of the longest command
  parameter int unsigned Depth    = 4,     //@ = npu.command_queue  -- commands besides the next one
  parameter int unsigned Barriers = 34,    //@ = npu.barriers
  parameter bit WaitsInEngine     = 1'b0,  // 1: offer commands before their waits hold, too
  // bits that commands of the engine may set
  parameter logic [Entries*128-1:0] Used = {(Entries*128){1'b1}},
  localparam int unsigned CountsW = Barriers * npu_isa_pkg::BarrierCountBits
) (
  input  wire                   clk_i,
  input  wire                   rst_ni,
  input  wire                   clear_i,           // drop everything
  input  wire                   halt_i,            // offer no command
  // entries from the dispatcher
  input  wire                   push_valid_i,
  output wire                   push_ready_o,
  input  wire  [127:0]          push_entry_i,
  input  wire                   push_last_i,
  input  wire  [CountsW-1:0]    barrier_counts_i,  // barrier 0 in the low bits
  // engine: commands, and its part of the state
  output wire                   cmd_valid_o,
  output wire                   cmd_released_o,    // the waits of the command hold
  input  wire                   cmd_ready_i,
  output wire [Entries*128-1:0] cmd_o,
  input  wire npu_isa_pkg::engine_status_t engine_i,
  input  wire                   done_i,            // pulse: a command is complete
  // queue and engine
  output npu_isa_pkg::engine_status_t status_o,
  output npu_isa_pkg::engine_trace_t  trace_o
);
  logic        waiting, blocked, empty;
  logic        in_engine;  // a command that the engine took waits
  logic [15:0] tag, running_tag;

  npu_command_queue #(
    .Entries      (Entries),
    .Used         (Used),
    .Depth        (Depth),
    .Barriers     (Barriers),
    .WaitsInEngine(WaitsInEngine)
  ) u_queue (
    .clk_i,
    .rst_ni,
    .clear_i,
    .halt_i,
    .push_valid_i,
    .push_ready_o,
    .push_entry_i,
    .push_last_i,
    .barrier_counts_i,
    .cmd_valid_o,
    .cmd_ready_i,
    .cmd_o,
    .waiting_o    (waiting),
    .blocked_o    (blocked),
    .empty_o      (empty),
    .tag_o        (tag),
    .running_tag_o(running_tag)
  );

  assign in_engine            = WaitsInEngine && engine_i.waiting;
  assign cmd_released_o       = !waiting;
  assign status_o.busy        = engine_i.busy;
  assign status_o.idle        = engine_i.idle && empty;
  assign status_o.stuck       = engine_i.stuck && (empty || blocked);
  assign status_o.waiting     = in_engine || waiting;
  assign status_o.waiting_tag = in_engine ? engine_i.waiting_tag : tag;
  assign status_o.tag         = engine_i.busy ? running_tag : tag;
  assign status_o.cause       = engine_i.cause;
  assign status_o.arrives     = engine_i.arrives;
  assign status_o.barrier     = engine_i.barrier;
  assign status_o.fails       = engine_i.fails;
  assign trace_o.running      = engine_i.busy;
  assign trace_o.waiting      = waiting;
  assign trace_o.begins       = cmd_valid_o && cmd_ready_i;
  assign trace_o.ends         = done_i;
  assign trace_o.tag          = running_tag;

  logic unused_tag;
  assign unused_tag = ^engine_i.tag;
endmodule : npu_engine_queue
`default_nettype wire

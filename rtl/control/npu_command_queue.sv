`default_nettype none
// SPDX-License-Identifier: Apache-2.0
// Command queue of one engine: entries wait in a memory, the oldest command in a register of its
// own.
//
// The next-command register fills, one entry per cycle, while the engine runs the command before;
// an entry that meets an empty queue goes straight into it. The command is offered in the cycle
// after its last entry arrived, or after the arrival that satisfies its last wait became visible
// in the counts. Lengths (up to Entries) and the numbers of barriers have been checked by the
// dispatcher.
`include "npu_assert.svh"
module npu_command_queue #(
  parameter int unsigned Entries  = 10, // entries of the engine's longest command, at least 2
  parameter int unsigned Depth    = 16, //@ = npu.command_queue  -- commands held, 1..16
  parameter int unsigned Barriers = 34, //@ = npu.barriers
  parameter bit WaitsInEngine     = 1'b0,  // 1: offer commands before their waits hold, too
  // bits that commands of the engine may set; the dispatcher has seen to it that others are 0
  parameter logic [Entries*128-1:0] Used = {(Entries*128){1'b1}},
  localparam int unsigned CountW = npu_isa_pkg::BarrierCountBits
) (
  input  wire                    clk_i,
  input  wire                    rst_ni,
  input  wire                    clear_i,           // drop everything
  input  wire                    halt_i,            // offer no command
  // entries from the dispatcher
  input  wire                    push_valid_i,
  output wire                    push_ready_o,      // depends on state only
  input  wire [127:0]            push_entry_i,
  input  wire                    push_last_i,       // last entry of its command
  // counts of the barriers, barrier 0 in the low bits
  input  wire [Barriers*CountW-1:0] barrier_counts_i,
  // next command: whole, and its waits hold unless they are left to the engine
  output wire                    cmd_valid_o,
  input  wire                    cmd_ready_i,
  output wire [Entries*128-1:0]  cmd_o,             // words beyond the command's length are 0
  // state, for controller and trace
  output wire                    waiting_o,         // a whole command is loaded but must wait
  output wire                    blocked_o,         // only arrival, push or take moves it
  output wire                    empty_o,           // nothing held at all
  output wire [15:0]             tag_o,             // tag of the loaded command
  output wire [15:0]             running_tag_o      // tag of the command that the engine took last
);
  wire clk;  // stands still while nothing here changes

  if (Entries < 2 || Entries > 255 || Depth < 1 || Barriers < 1) begin : gen_bad
    $error("npu_command_queue: Entries must be 2..255, Depth and Barriers at least 1");
  end

  localparam int unsigned IndexW = $clog2(Entries + 1);

  // entries behind the next-command register
  logic         fifo_ready, fifo_valid, fifo_empty, fifo_push, fifo_pop;
  logic [127:0] fifo_entry;
  // next-command register
  logic [Entries*128-1:0] cmd_q;
  logic [IndexW-1:0]      index_q;  // entries loaded
  logic                   full_q;   // the command is whole
  logic [15:0]            running_tag_q;
  logic                   straight, load, last, take;
  logic [127:0]           entry, first_entry;
  logic [7:0]             length;
  // waits
  npu_isa_pkg::control_command_t header;
  logic                          released;
  logic                          unused_bits;

  assign fifo_pop  = fifo_valid && !full_q;
  assign straight  = fifo_empty && push_valid_i && !full_q;
  assign fifo_push = push_valid_i && !straight;
  assign load      = fifo_pop || straight;
  assign entry     = fifo_valid ? fifo_entry : push_entry_i;
  assign first_entry = entry & Used[127:0];
  assign length    = (index_q == '0) ? entry[15:8] : header.length;
  assign last      = 8'(index_q) + 8'd1 == length;
  assign take      = cmd_valid_o && cmd_ready_i;

  assign header = cmd_q[127:0];

  npu_waits #(
    .Barriers(Barriers)
  ) u_waits (
    .counts_i(barrier_counts_i),
    .enable_i({header.wait1_en, header.wait0_en}),
    .id_i    ({header.wait1_id, header.wait0_id}),
    .count_i ({header.wait1_count, header.wait0_count}),
    .hold_o  (released)
  );

  npu_ram_fifo #(
    .Width (128),
    .Depth (Depth * Entries),
    .Bypass(0)
  ) u_entries (
    .clk_i(clk),
    .rst_ni,
    .clear_i,
    .valid_i(fifo_push),
    .ready_o(fifo_ready),
    .data_i (push_entry_i),
    .valid_o(fifo_valid),
    .ready_i(fifo_pop),
    .data_o (fifo_entry),
    .empty_o(fifo_empty)
  );

  always_ff @(posedge clk) begin
    if (!rst_ni || clear_i) begin
      index_q       <= '0;
      full_q        <= 1'b0;
      running_tag_q <= '0;
    end else if (take) begin
      index_q       <= '0;
      full_q        <= 1'b0;
      running_tag_q <= tag_o;
    end else if (load) begin
      index_q <= index_q + IndexW'(1);
      full_q  <= last;
    end
  end

  always_ff @(posedge clk) begin
    if (load && index_q == '0) begin
      cmd_q <= (Entries * 128)'(first_entry);
    end else if (load) begin
      for (int unsigned i = 1; i < Entries; i++) begin
        if (index_q == IndexW'(i)) cmd_q[128*i+:128] <= entry & Used[128*i+:128];
      end
    end
  end

  assign push_ready_o  = fifo_ready;
  assign cmd_valid_o   = full_q && (released || WaitsInEngine) && !halt_i;
  assign cmd_o         = cmd_q;
  assign waiting_o     = full_q && !released;
  assign blocked_o     = waiting_o || (full_q && WaitsInEngine) ||
                         (fifo_empty && !full_q && index_q != '0);
  assign empty_o       = fifo_empty && !full_q && index_q == '0;
  assign tag_o         = header.tag;
  assign running_tag_o = running_tag_q;
  assign unused_bits   = ^{push_last_i, header};

  npu_clock_gate u_gate (
    .clk_i,
    .enable_i(!rst_ni || clear_i || fifo_push || load || take ||
              (!fifo_valid && !fifo_empty)),
    .clk_o   (clk)
  );

  // A command that is offered stays until it is taken: counts only grow, so its waits hold on.
  `NPU_ASSERT_STABLE(CommandStays, cmd_valid_o, cmd_ready_i, cmd_o, clear_i || halt_i)

  // A loaded command stays, whether its waits hold or not.
  `NPU_ASSERT_STABLE(LoadedStays, full_q, take, cmd_q, clear_i)

  // A command ends with its last entry.
  `NPU_ASSERT(EndsInTime, full_q || index_q == '0 || 8'(index_q) < header.length)
  `NPU_ASSERT(IndexInRange, 32'(index_q) <= Entries)

  // An entry goes straight into the register only where none could be overtaken.
  `NPU_ASSERT(NothingOvertakes, !straight || !fifo_valid)
endmodule : npu_command_queue
`default_nettype wire

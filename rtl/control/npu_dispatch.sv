`default_nettype none
// SPDX-License-Identifier: Apache-2.0
// Command dispatcher: checks commands in stream order and copies them to the queues of their
// engines.
//
// One entry per cycle; an entry goes to all of its targets in the same cycle or to none. Word 4
// of a compute command names its PEs, so its first entry is held until the second one is there
// (one cycle). FENCE and END stay at the head of the stream until everything before them is
// complete. Bits of an entry that no field of the command uses must be 0.
module npu_dispatch #(
  parameter int unsigned GridX = 8,  //@ = npu.grid.x  -- PE columns
  parameter int unsigned GridY = 4,  //@ = npu.grid.y  -- PE rows; at most 32 PEs
  parameter int unsigned Barriers = 34,  //@ = npu.barriers
  localparam int unsigned NumPes = GridX * GridY
) (
  input  wire              clk_i,
  input  wire              rst_ni,
  input  wire              clear_i,        // forget the command under way, start a new stream
  input  wire              run_i,          // 0: do nothing
  // entries from the fetch unit
  input  wire              entry_valid_i,
  output wire              entry_ready_o,
  input  wire [127:0]      entry_i,
  input  wire [27:0]       entry_left_i,   // entries up to the end of the stream, this one included
  // entries to the queues
  output wire              load_valid_o,
  input  wire              load_ready_i,
  output wire              store_valid_o,
  input  wire              store_ready_i,
  output wire [NumPes-1:0] pe_valid_o,
  input  wire [NumPes-1:0] pe_ready_i,
  output wire [127:0]      push_entry_o,   // of all queues
  output wire              push_last_o,    // last entry of its command
  // synchronization
  input  wire              idle_i,         // all engines idle, all queues empty
  input  wire              fetch_quiet_i,  // nothing of the stream is still to come
  output wire              blocked_o,      // waits for idle_i or for a full queue
  output wire              command_o,      // pulse: a command dispatched, a FENCE or END complete
  output wire              done_o,         // pulse: END is complete
  // trace
  output wire              busy_o,         // an entry is at the head
  output wire              last_o,         // pulse: the last entry of a command is gone
  output wire [15:0]       tag_o,          // of the command whose first entry is at the head
  // errors
  output wire              error_valid_o,  // pulse; then stopped until clear_i
  output wire [7:0]        error_code_o,
  output wire [15:0]       error_tag_o
);
  wire clk;  // stands still while nothing here changes

  if (NumPes < 1 || NumPes > 32) begin : gen_bad
    $error("npu_dispatch: the array has 1 to 32 PEs");
  end

  localparam logic [31:0] AllPes = 32'((64'd1 << NumPes) - 64'd1);

  // the entry at the head, read as a command header
  npu_isa_pkg::control_command_t header;
  logic known, is_end, is_fence, is_load, is_store, is_compute;
  logic bad_length, bad_barrier, bad_bits;
  logic unused_header;
  // the entry at the head, read as the second one of a compute command
  logic [31:0] pe_mask;
  logic        bad_mask, bad_pe_barrier;
  // the command under way
  logic [7:0]        body_q;       // entries still to come, 0: the head is a header
  logic [3:0]        index_q;      // number of the entry at the head, unless that is a header
  logic              held_q;       // held_entry_q is to be pushed as soon as its targets are known
  logic [127:0]      held_entry_q; // the header
  npu_isa_pkg::control_command_t held_header;  // held_entry_q
  logic              unused_held;
  logic              to_load_q, to_store_q;
  logic [NumPes-1:0] to_pe_q;
  // what happens in this cycle
  logic              head, synchronized, accept;
  logic              to_load, to_store;
  logic [NumPes-1:0] to_pe;
  logic              push, push_ready, pushed;
  logic              fail;
  logic [7:0]        fail_code;
  logic              stopped_q, error_valid_q;
  logic [7:0]        error_code_q;
  logic [15:0]       error_tag_q;

  // Checks of the header.
  assign header        = entry_i;
  // The engines look at these.
  assign unused_header = ^{header.wait0_count, header.wait1_count, header.ahead,
                           header.signal_bytes, header.reserved_1_7, header.reserved_1_15,
                           header.reserved_1_25, header.reserved_2_24, header.reserved_3_24};

  assign known      = npu_isa_pkg::is_known(header.opcode);
  assign is_end     = header.opcode == npu_isa_pkg::OpEnd;
  assign is_fence   = header.opcode == npu_isa_pkg::OpFence;
  assign is_load    = npu_isa_pkg::is_load(header.opcode);
  assign is_store   = npu_isa_pkg::is_store(header.opcode);
  assign is_compute = npu_isa_pkg::is_compute(header.opcode);

  // Forms of odd lengths, where they differ by two entries. The stream ends with END and nowhere
  // else.
  assign bad_length =
      header.length < npu_isa_pkg::least_entries(header.opcode) ||
      header.length > npu_isa_pkg::most_entries(header.opcode) ||
      (npu_isa_pkg::has_even_steps(header.opcode) && !header.length[0]) ||
      (is_end ? entry_left_i != 28'(header.length) : entry_left_i <= 28'(header.length));
  assign bad_barrier =
      (header.wait0_en && 32'(header.wait0_id) >= Barriers) ||
      (header.wait1_en && 32'(header.wait1_id) >= Barriers) ||
      (header.signal_en && 32'(header.signal_id) >= Barriers);

  assign pe_mask     = entry_i[npu_isa_pkg::ComputePeMaskLsb +: 32];
  assign held_header = held_entry_q;
  assign unused_held = ^held_header;  // the same fields as of `header`
  assign bad_mask    = pe_mask == '0 || (pe_mask & ~AllPes) != '0;

  assign bad_bits = body_q == '0
      ? (entry_i & ~npu_isa_pkg::used_bits(header.opcode, 4'd0)) != '0
      : (entry_i & ~npu_isa_pkg::used_bits(held_header.opcode, index_q)) != '0;

  // PE p arrives at barrier signal_id + p.
  always_comb begin
    bad_pe_barrier = 1'b0;
    for (int unsigned p = 0; p < NumPes; p++) begin
      if (pe_mask[p] && held_header.signal_en &&
          32'(held_header.signal_id) + p >= Barriers) bad_pe_barrier = 1'b1;
    end
  end

  always_comb begin
    fail      = 1'b0;
    fail_code = npu_isa_pkg::ErrBadOpcode;
    if (head) begin
      fail = !known || bad_length || bad_barrier || bad_bits;
      if (!known) fail_code = npu_isa_pkg::ErrBadOpcode;
      else if (bad_length) fail_code = npu_isa_pkg::ErrBadLength;
      else if (bad_barrier) fail_code = npu_isa_pkg::ErrBadBarrier;
      else fail_code = npu_isa_pkg::ErrBadField;
    end else if (accept) begin
      fail      = bad_bits || (held_q && (bad_mask || bad_pe_barrier));
      fail_code = (bad_bits || bad_mask || !held_q) ? npu_isa_pkg::ErrBadField
                                                    : npu_isa_pkg::ErrBadBarrier;
    end
  end

  // What to do with the head of the stream.
  assign accept       = run_i && !stopped_q && entry_valid_i;
  assign head         = accept && body_q == '0;
  assign synchronized = idle_i && (is_fence || fetch_quiet_i);

  always_comb begin
    to_load  = to_load_q;
    to_store = to_store_q;
    to_pe    = to_pe_q;
    if (body_q == '0) begin
      to_load  = is_load;
      to_store = is_store;
      to_pe    = '0;
    end else if (held_q) begin
      to_load  = 1'b0;
      to_store = 1'b0;
      to_pe    = pe_mask[NumPes-1:0];
    end
  end

  assign push       = accept && !fail && (to_load || to_store || to_pe != '0);
  assign push_ready = (!to_load || load_ready_i) && (!to_store || store_ready_i) &&
                      (pe_ready_i | ~to_pe) == '1;
  assign pushed     = push && push_ready;

  assign load_valid_o  = pushed && to_load;
  assign store_valid_o = pushed && to_store;
  assign pe_valid_o    = pushed ? to_pe : '0;
  assign push_entry_o  = held_q ? held_entry_q : entry_i;
  assign push_last_o   = body_q == 8'd1 || (body_q == '0 && header.length == 8'd1);

  assign done_o        = head && !fail && is_end && synchronized;
  assign command_o     = head && !fail && (pushed || is_compute || (!push && synchronized));
  assign entry_ready_o = command_o || (pushed && !held_q);
  assign busy_o        = accept;
  assign last_o        = entry_ready_o && push_last_o;
  assign tag_o         = header.tag;
  assign blocked_o     = (push && !push_ready) ||
                         (head && !fail && (is_end || is_fence) && !synchronized);

  always_ff @(posedge clk) begin
    if (!rst_ni || clear_i) begin
      body_q        <= '0;
      held_q        <= 1'b0;
      stopped_q     <= 1'b0;
      error_valid_q <= 1'b0;
    end else begin
      error_valid_q <= fail;
      stopped_q     <= stopped_q || fail;
      if (command_o) body_q <= header.length - 8'd1;
      else if (pushed && !held_q) body_q <= body_q - 8'd1;
      if (command_o) held_q <= is_compute;
      else if (pushed) held_q <= 1'b0;
    end
  end

  always_ff @(posedge clk) begin
    if (command_o) held_entry_q <= entry_i;
    if (command_o) index_q <= 4'd1;
    else if (pushed && !held_q) index_q <= index_q + 4'd1;
    if (pushed) begin
      to_load_q  <= to_load;
      to_store_q <= to_store;
      to_pe_q    <= to_pe;
    end
    if (fail) begin
      error_code_q <= fail_code;
      error_tag_q  <= (body_q != '0) ? held_header.tag : header.tag;
    end
  end

  assign error_valid_o = error_valid_q;
  assign error_code_o  = error_code_q;
  assign error_tag_o   = error_tag_q;

  npu_clock_gate u_gate (
    .clk_i,
    .enable_i(!rst_ni || clear_i || command_o || pushed || fail || error_valid_q),
    .clk_o   (clk)
  );
endmodule : npu_dispatch
`default_nettype wire

`default_nettype none
// SPDX-License-Identifier: Apache-2.0
// Fetch queue: groups of vectors that PE memory can deliver in one cycle, in front of the grant.
//
// The vectors of a step become one group, or several where two of them would read different rows of
// a bank: a group ends before the first one that meets an earlier vector of it. They keep their
// ports. The queue holds two groups; the one at its head is registers only.
`include "npu_assert.svh"
module npu_fetch_queue #(
  parameter int unsigned MemBytes  = 131072,  //@ = pe.memory  -- bytes of PE memory
  parameter int unsigned Banks     = 8,       //@ = pe.banks
  parameter int unsigned WordBytes = 16,      //@ = pe.bank_width  -- bytes of a vector read
  parameter int unsigned Ports     = 4,       //@ = units.window_ports  -- vectors of a step
  parameter int unsigned FirstW    = 2,       // bits of a tag: of the step's first vector,
  parameter int unsigned LastW     = 6,       // of its last one,
  parameter int unsigned CommonW   = 12,      // and of all
  localparam int unsigned OffsetW  = $clog2(WordBytes),
  localparam int unsigned ByteW    = OffsetW + 1,
  localparam int unsigned BankW    = $clog2(Banks),
  localparam int unsigned Depth    = MemBytes / (Banks * WordBytes),
  localparam int unsigned RowW     = (Depth > 1) ? $clog2(Depth) : 1
) (
  input  wire                      clk_i,
  input  wire                      rst_ni,
  input  wire                      clear_i,     // empty it
  // steps
  input  wire                      valid_i,
  output wire                      ready_o,
  input  wire  [Ports-1:0]         ports_i,     // that have a vector; 0: a step that fetches none
  input  wire  [FirstW-1:0]        first_i,
  input  wire  [LastW-1:0]         last_i,
  input  wire  [CommonW-1:0]       common_i,
  input  wire                      whole_i,     // not to be cut
  input  wire  [Ports-1:0]         inside_i,    // the vector is read from PE memory
  input  wire  [Ports-1:0]         two_i,       // and the next word, too
  input  wire  [BankW*Ports-1:0]   bank_i,      // of its word, and the next one
  input  wire  [BankW*Ports-1:0]   bank2_i,
  input  wire  [RowW*Ports-1:0]    row_i,
  input  wire  [RowW*Ports-1:0]    row2_i,
  // what goes along with its vectors: npu_fetch_places; gathered slices have lengths and places
  input  wire                      gather_i,
  input  wire  [OffsetW*Ports-1:0] offset_i,
  input  wire  [Ports-1:0]         clip_i,
  input  wire  [ByteW*Ports-1:0]   low_i,
  input  wire  [ByteW*Ports-1:0]   high_i,
  //@ if units.bnn.enabled
  input  wire  [Ports-1:0]         lower_i,
  //@ endif
  input  wire  [ByteW*Ports-1:0]   length_i,
  input  wire  [ByteW*Ports-1:0]   place_i,
  // groups; tag bits of the first and of the last vector are 0 where it is in another group
  output wire                      valid_o,
  input  wire                      ready_i,
  output wire  [Ports-1:0]         ports_o,     // that have a vector
  output wire  [FirstW-1:0]        first_o,
  output wire  [LastW-1:0]         last_o,
  output wire  [CommonW-1:0]       common_o,
  output wire  [Banks-1:0]         mask_o,      // banks that it reads
  output wire  [Ports-1:0]         inside_o,
  output wire  [Ports-1:0]         two_o,
  output wire  [BankW*Ports-1:0]   bank_o,
  output wire  [BankW*Ports-1:0]   bank2_o,
  output wire  [RowW*Ports-1:0]    row_o,
  output wire  [RowW*Ports-1:0]    row2_o,
  output wire  [OffsetW*Ports-1:0] offset_o,
  output wire  [Ports-1:0]         clip_o,
  output wire  [ByteW*Ports-1:0]   low_o,
  output wire  [ByteW*Ports-1:0]   high_o,
  //@ if units.bnn.enabled
  output wire  [Ports-1:0]         lower_o,
  //@ endif
  output wire  [ByteW*Ports-1:0]   length_o,
  output wire  [ByteW*Ports-1:0]   place_o
);
  localparam int unsigned InfoW = Ports + FirstW + LastW + CommonW + Banks;

  // ---- The group that goes in: those of the step's vectors that are not done yet ----
  logic [Ports-1:0] in_group;
  logic             part, part_last, push, pop, next_load, head_load;
  logic             head_valid_q, next_valid_q;
  logic [Banks-1:0] mask;
  logic [InfoW-1:0] info, head_info_q, next_info_q;

  if (Ports == 1) begin : gen_one
    assign part      = 1'b0;
    assign part_last = 1'b1;
    assign in_group  = ports_i;
    logic unused_cut;
    assign unused_cut = ^{whole_i, row_i, row2_i};
  end else begin : gen_several
    logic [Ports-1:0]       done_q;  // vectors
    logic [Ports*Ports-1:0] meets;   // vector j and the earlier one i: bit Ports*j+i
    logic                   goes_on;

    always_comb begin
      meets = '0;
      if (ports_i[1] && !whole_i) begin
        for (int unsigned j = 1; j < Ports; j++) begin
          for (int unsigned i = 0; i < j; i++) begin
            if (inside_i[i] && inside_i[j]) begin
              meets[Ports*j+i] =
                  (bank_i[BankW*i+:BankW] == bank_i[BankW*j+:BankW] &&
                   row_i[RowW*i+:RowW] != row_i[RowW*j+:RowW]) ||
                  (two_i[j] && bank_i[BankW*i+:BankW] == bank2_i[BankW*j+:BankW] &&
                   row_i[RowW*i+:RowW] != row2_i[RowW*j+:RowW]) ||
                  (two_i[i] && bank2_i[BankW*i+:BankW] == bank_i[BankW*j+:BankW] &&
                   row2_i[RowW*i+:RowW] != row_i[RowW*j+:RowW]) ||
                  (two_i[i] && two_i[j] && bank2_i[BankW*i+:BankW] == bank2_i[BankW*j+:BankW] &&
                   row2_i[RowW*i+:RowW] != row2_i[RowW*j+:RowW]);
            end
          end
        end
      end
    end

    always_comb begin
      in_group = '0;
      goes_on  = 1'b1;
      for (int unsigned j = 0; j < Ports; j++) begin
        if (ports_i[j] && !done_q[j]) begin
          if ((meets[Ports*j+:Ports] & in_group) != '0) goes_on = 1'b0;
          in_group[j] = goes_on;
        end
      end
    end

    always_ff @(posedge clk_i) begin
      if (!rst_ni || clear_i) done_q <= '0;
      else if (push) done_q <= part_last ? '0 : done_q | in_group;
    end
    assign part      = done_q[0];
    assign part_last = (done_q | in_group) == ports_i;
  end

  always_comb begin
    mask = '0;
    for (int unsigned j = 0; j < Ports; j++) begin
      if (in_group[j] && inside_i[j]) begin
        mask = mask | (Banks'(1) << bank_i[BankW*j+:BankW]);
        if (two_i[j]) mask = mask | (Banks'(1) << bank2_i[BankW*j+:BankW]);
      end
    end
  end
  assign info = {
    mask, in_group, part ? {FirstW{1'b0}} : first_i,
    part_last ? last_i : {LastW{1'b0}}, common_i
  };

  // ---- The queue ----
  assign push      = valid_i && !next_valid_q;
  assign pop       = head_valid_q && ready_i;
  assign next_load = push && head_valid_q;
  assign head_load = (pop || !head_valid_q) && (next_valid_q || push);
  assign ready_o   = !next_valid_q && part_last;

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i) begin
      head_valid_q <= 1'b0;
      next_valid_q <= 1'b0;
    end else begin
      head_valid_q <= (head_valid_q && !pop) || next_valid_q || push;
      next_valid_q <= head_valid_q && !pop && (next_valid_q || push);
    end
    if (next_load) next_info_q <= info;
    if (head_load) head_info_q <= next_valid_q ? next_info_q : info;
  end

  assign valid_o = head_valid_q;
  assign {mask_o, ports_o, first_o, last_o, common_o} = head_info_q;

  npu_fetch_field #(
    .Width(Ports)
  ) u_inside (
    .clk_i,
    .next_load_i(next_load),
    .head_load_i(head_load),
    .head_next_i(next_valid_q),
    .data_i     (inside_i & in_group),
    .data_o     (inside_o)
  );
  npu_fetch_field #(
    .Width(Ports)
  ) u_two (
    .clk_i,
    .next_load_i(next_load),
    .head_load_i(head_load),
    .head_next_i(next_valid_q),
    .data_i     (two_i),
    .data_o     (two_o)
  );
  npu_fetch_field #(
    .Width(BankW*Ports)
  ) u_bank (
    .clk_i,
    .next_load_i(next_load),
    .head_load_i(head_load),
    .head_next_i(next_valid_q),
    .data_i     (bank_i),
    .data_o     (bank_o)
  );
  npu_fetch_field #(
    .Width(BankW*Ports)
  ) u_bank2 (
    .clk_i,
    .next_load_i(next_load),
    .head_load_i(head_load),
    .head_next_i(next_valid_q),
    .data_i     (bank2_i),
    .data_o     (bank2_o)
  );
  npu_fetch_field #(
    .Width(RowW*Ports)
  ) u_row (
    .clk_i,
    .next_load_i(next_load),
    .head_load_i(head_load),
    .head_next_i(next_valid_q),
    .data_i     (row_i),
    .data_o     (row_o)
  );
  npu_fetch_field #(
    .Width(RowW*Ports)
  ) u_row2 (
    .clk_i,
    .next_load_i(next_load),
    .head_load_i(head_load),
    .head_next_i(next_valid_q),
    .data_i     (row2_i),
    .data_o     (row2_o)
  );
  npu_fetch_field #(
    .Width(OffsetW*Ports)
  ) u_offset (
    .clk_i,
    .next_load_i(next_load),
    .head_load_i(head_load),
    .head_next_i(next_valid_q),
    .data_i     (offset_i),
    .data_o     (offset_o)
  );
  npu_fetch_field #(
    .Width(Ports)
  ) u_clip (
    .clk_i,
    .next_load_i(next_load),
    .head_load_i(head_load),
    .head_next_i(next_valid_q),
    .data_i     (clip_i),
    .data_o     (clip_o)
  );
  npu_fetch_field #(
    .Width(ByteW*Ports)
  ) u_low (
    .clk_i,
    .next_load_i(next_load),
    .head_load_i(head_load),
    .head_next_i(next_valid_q),
    .data_i     (low_i),
    .data_o     (low_o)
  );
  npu_fetch_field #(
    .Width(ByteW*Ports)
  ) u_high (
    .clk_i,
    .next_load_i(next_load),
    .head_load_i(head_load),
    .head_next_i(next_valid_q),
    .data_i     (high_i),
    .data_o     (high_o)
  );
  npu_fetch_field #(
    .Width(ByteW*Ports)
  ) u_length (
    .clk_i,
    .next_load_i(next_load && gather_i),
    .head_load_i(head_load && gather_i),
    .head_next_i(next_valid_q),
    .data_i     (length_i),
    .data_o     (length_o)
  );
  npu_fetch_field #(
    .Width(ByteW*Ports)
  ) u_place (
    .clk_i,
    .next_load_i(next_load && gather_i),
    .head_load_i(head_load && gather_i),
    .head_next_i(next_valid_q),
    .data_i     (place_i),
    .data_o     (place_o)
  );
  //@ if units.bnn.enabled
  npu_fetch_field #(
    .Width(Ports)
  ) u_lower (
    .clk_i,
    .next_load_i(next_load),
    .head_load_i(head_load),
    .head_next_i(next_valid_q),
    .data_i     (lower_i),
    .data_o     (lower_o)
  );
  //@ endif

  // A group has a vector, unless its step has none.
  `NPU_ASSERT(GroupsHaveVectors, !push || in_group != '0 || ports_i == '0)

  // What stands at the head stays until it is taken.
  `NPU_ASSERT_STABLE(HeadStays, valid_o, ready_i, head_info_q, clear_i)
endmodule : npu_fetch_queue
`default_nettype wire

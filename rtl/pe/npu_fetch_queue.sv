`default_nettype none
// SPDX-License-Identifier: Apache-2.0
// Fetch queue: groups of vectors that PE memory can deliver in one cycle, on their way to the grant.
//
// The vectors of a step become one group, or several where two of them would read different rows of
// a bank: a group ends before the first one that meets an earlier vector of it. The queue holds two
// groups; the one at its head is registers only.
module npu_fetch_queue #(
  parameter int unsigned Banks   = 8,    //@ = pe.banks
  parameter int unsigned Ports   = 4,    //@ = units.window_ports  -- vectors of a step
  parameter int unsigned RowW    = 10,   // bits of a row of a bank
  parameter int unsigned FirstW  = 2,    // bits of a tag that stand for the step's first vector,
  parameter int unsigned LastW   = 6,    // for its last one,
  parameter int unsigned CommonW = 12,   // and for all
  parameter int unsigned VectorW = 26,   // bits that go along with a vector
  localparam int unsigned BankW  = $clog2(Banks),
  localparam int unsigned CountW = $clog2(Ports + 1)
) (
  input  wire                      clk_i,
  input  wire                      rst_ni,
  input  wire                      clear_i,     // empty it
  // steps
  input  wire                      valid_i,
  output wire                      ready_o,
  input  wire  [CountW-1:0]        count_i,     // vectors; 0: a step that fetches none
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
  input  wire  [VectorW*Ports-1:0] vectors_i,
  // groups; tag bits of the first and of the last vector are 0 where it is in another group
  output wire                      valid_o,
  input  wire                      ready_i,
  output wire  [CountW-1:0]        count_o,
  output wire  [FirstW-1:0]        first_o,
  output wire  [LastW-1:0]         last_o,
  output wire  [CommonW-1:0]       common_o,
  output wire  [Banks-1:0]         mask_o,      // banks that it reads
  output wire  [Ports-1:0]         inside_o,    // vectors that it reads
  output wire  [Ports-1:0]         two_o,
  output wire  [BankW*Ports-1:0]   bank_o,
  output wire  [BankW*Ports-1:0]   bank2_o,
  output wire  [RowW*Ports-1:0]    row_o,
  output wire  [RowW*Ports-1:0]    row2_o,
  output wire  [VectorW*Ports-1:0] vectors_o
);
  localparam int unsigned PortW = 2 + 2 * BankW + 2 * RowW + VectorW;
  localparam int unsigned InfoW = CountW + FirstW + LastW + CommonW + Banks;

  // ---- The group that goes in: from vector begin_q of the step on ----
  logic [CountW-1:0]       end_count, group_count;  // vectors up to the group's end, and in it
  logic                    part_last;
  logic [Banks-1:0]        mask;
  logic [InfoW-1:0]        info;
  logic [PortW*Ports-1:0]  step_ports, ports;
  logic                    push, pop;
  logic                    head_valid_q, next_valid_q;

  logic [Ports-1:0]        in_group;  // vectors of the step
  for (genvar p = 0; p < Ports; p++) begin : gen_step
    assign step_ports[PortW*p+:PortW] = {
      inside_i[p] && in_group[p], two_i[p], bank_i[BankW*p+:BankW], bank2_i[BankW*p+:BankW], row_i[RowW*p+:RowW],
      row2_i[RowW*p+:RowW], vectors_i[VectorW*p+:VectorW]
    };
  end

  if (Ports == 1) begin : gen_one
    assign part_last   = 1'b1;
    assign in_group    = 1'b1;
    assign end_count   = count_i;
    assign group_count = count_i;
    assign ports       = step_ports;
    assign mask        = inside_i[0] ? (Banks'(1) << bank_i) | (two_i[0] ? Banks'(1) << bank2_i : '0)
                                     : '0;
    assign info        = {mask, group_count, first_i, last_i, common_i};
    logic unused_whole;
    assign unused_whole = whole_i || end_count == '0;
  end else begin : gen_several
    logic [CountW-1:0]      begin_q;
    logic [Ports*Ports-1:0] meets;     // vector j and the earlier one i: bit Ports*j+i
    logic                   goes_on;

    for (genvar j = 1; j < Ports; j++) begin : gen_later
      for (genvar i = 0; i < j; i++) begin : gen_earlier
        logic one, crosses;
        assign one     = bank_i[BankW*i+:BankW] == bank_i[BankW*j+:BankW] &&
                         row_i[RowW*i+:RowW] != row_i[RowW*j+:RowW];
        assign crosses = (two_i[j] && bank_i[BankW*i+:BankW] == bank2_i[BankW*j+:BankW] &&
                          row_i[RowW*i+:RowW] != row2_i[RowW*j+:RowW]) ||
                         (two_i[i] && bank2_i[BankW*i+:BankW] == bank_i[BankW*j+:BankW] &&
                          row2_i[RowW*i+:RowW] != row_i[RowW*j+:RowW]) ||
                         (two_i[i] && two_i[j] &&
                          bank2_i[BankW*i+:BankW] == bank2_i[BankW*j+:BankW] &&
                          row2_i[RowW*i+:RowW] != row2_i[RowW*j+:RowW]);
        assign meets[Ports*j+i] = inside_i[i] && inside_i[j] && (one || crosses);
      end
      for (genvar i = j; i < Ports; i++) begin : gen_no
        assign meets[Ports*j+i] = 1'b0;
      end
    end
    assign meets[Ports-1:0] = '0;

    always_comb begin
      in_group = '0;
      goes_on  = 1'b1;
      mask     = '0;
      for (int unsigned j = 0; j < Ports; j++) begin
        if (CountW'(j) >= begin_q) begin
          if (CountW'(j) >= count_i || (!whole_i && (meets[Ports*j+:Ports] & in_group) != '0)) begin
            goes_on = 1'b0;
          end
          in_group[j] = goes_on;
        end
        if (in_group[j] && inside_i[j]) begin
          mask = mask | (Banks'(1) << bank_i[BankW*j+:BankW]) |
                 (two_i[j] ? Banks'(1) << bank2_i[BankW*j+:BankW] : '0);
        end
      end
    end
    always_comb begin
      end_count = begin_q;
      for (int unsigned j = 0; j < Ports; j++) begin
        if (in_group[j]) end_count = CountW'(j + 1);
      end
    end
    assign group_count = end_count - begin_q;
    assign part_last   = end_count == count_i;

    always_comb begin
      ports = step_ports;
      for (int unsigned b = 1; b < Ports; b++) begin
        if (begin_q == CountW'(b)) ports = step_ports >> (PortW * b);
      end
    end
    assign info = {
      mask, group_count, (begin_q == '0) ? first_i : {FirstW{1'b0}},
      part_last ? last_i : {LastW{1'b0}}, common_i
    };

    always_ff @(posedge clk_i) begin
      if (!rst_ni || clear_i) begin_q <= '0;
      else if (push) begin_q <= part_last ? '0 : end_count;
    end
  end

  // ---- The queue ----
  logic [InfoW-1:0]       head_info_q, next_info_q;
  logic [PortW*Ports-1:0] head_ports_q, next_ports_q;

  assign push    = valid_i && !next_valid_q;
  assign pop     = head_valid_q && ready_i;
  assign ready_o = !next_valid_q && part_last;

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i) begin
      head_valid_q <= 1'b0;
      next_valid_q <= 1'b0;
    end else begin
      head_valid_q <= (head_valid_q && !pop) || next_valid_q || push;
      next_valid_q <= head_valid_q && !pop && (next_valid_q || push);
    end
    if (push && head_valid_q) begin
      next_info_q  <= info;
      next_ports_q <= ports;
    end
    if ((pop || !head_valid_q) && (next_valid_q || push)) begin
      head_info_q  <= next_valid_q ? next_info_q : info;
      head_ports_q <= next_valid_q ? next_ports_q : ports;
    end
  end

  assign valid_o = head_valid_q;
  assign {mask_o, count_o, first_o, last_o, common_o} = head_info_q;
  for (genvar p = 0; p < Ports; p++) begin : gen_head
    assign {inside_o[p], two_o[p], bank_o[BankW*p+:BankW], bank2_o[BankW*p+:BankW],
            row_o[RowW*p+:RowW], row2_o[RowW*p+:RowW], vectors_o[VectorW*p+:VectorW]} =
           head_ports_q[PortW*p+:PortW];
  end
endmodule : npu_fetch_queue
`default_nettype wire

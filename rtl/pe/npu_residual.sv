`default_nettype none
// SPDX-License-Identifier: Apache-2.0
// Residual: the vectors of PE memory that results are added to, one by one ahead of them.
//
// As soon as a result is issued, the vector of the next one is looked up (a cycle), asked for
// (until PE memory grants it) and taken (the cycle after): ready_o then says that the next result
// may be issued, and the vector stays until the cycle after that. A vector of which a byte that
// counts lies outside PE memory is an error and not asked for.
`include "npu_assert.svh"
module npu_residual #(
  parameter int unsigned MemBytes  = 131072,  //@ = pe.memory  -- bytes of PE memory, for bounds
  parameter int unsigned Banks     = 8,       //@ = pe.banks
  parameter int unsigned WordBytes = 16,      //@ = pe.bank_width  -- bytes of a vector read
  parameter int unsigned PostWidth = 16,      //@ = units.postprocess_width  -- bytes of a result
  parameter int unsigned ChunkW    = 1,       // bits of a chunk's number
  localparam int unsigned OffsetW  = $clog2(WordBytes),
  localparam int unsigned BankW    = $clog2(Banks),
  localparam int unsigned Depth    = MemBytes / (Banks * WordBytes),
  localparam int unsigned RowW     = (Depth > 1) ? $clog2(Depth) : 1,
  localparam int unsigned PlaceW   = 2 * (RowW + BankW) + OffsetW + 1
) (
  input  wire                clk_i,
  input  wire                rst_ni,
  input  wire                clear_i,
  // the running command; start_i begins it (only of those with a residual)
  input  wire  [7:0]         opcode_i,
  input  wire  [23:0]        x_step_i,
  input  wire  [15:0]        out_w_i,
  input  wire  [23:0]        positions_i,
  input  wire  [23:0]        base_i,
  input  wire  [23:0]        row_step_i,
  input  wire  [15:0]        group_step_i,
  input  wire                start_i,
  // the next result: npu_drain
  input  wire                next_valid_i,
  input  wire                next_issue_i,
  input  wire  [ChunkW-1:0]  next_chunk_i,
  input  wire  [15:0]        next_bytes_i,   // of its position, from its chunk on
  output wire                ready_o,        // its vector is there
  // PE memory: npu_pe_memory
  output wire                read_valid_o,
  input  wire                read_ready_i,
  output wire  [PlaceW-1:0]  read_place_o,   // row2, row, bank2, bank, offset, two
  output wire                data_valid_o,   // data come in this cycle
  output wire                error_o,        // a byte outside PE memory (pulse, vector's address)
  output wire  [23:0]        error_address_o
);
  wire clk;  // stands still while nothing here changes

  // ---- Steps of a vector ----
  logic look_q, ask_q, data_q, ready_q, outside;

  always_ff @(posedge clk) begin
    if (!rst_ni || clear_i) begin
      look_q  <= 1'b0;
      ask_q   <= 1'b0;
      data_q  <= 1'b0;
      ready_q <= 1'b0;
    end else begin
      look_q  <= start_i || next_issue_i;
      ask_q   <= (look_q && next_valid_i && !outside) || (ask_q && !read_ready_i);
      data_q  <= ask_q && read_ready_i;
      ready_q <= data_q || (ready_q && !next_issue_i);
    end
  end

  // ---- Its address ----
  logic [23:0]        position_address, address, room;
  logic [15:0]        bytes;
  logic [BankW-1:0]   bank, bank2, bank_q, bank2_q;
  logic [RowW-1:0]    row, row2, row_q, row2_q;
  logic [OffsetW-1:0] offset_q;
  logic               two_q;

  npu_output_walker #(
    .PostWidth(PostWidth)
  ) u_walker (
    .clk_i,
    .opcode_i,
    .out_x_step_i    (x_step_i),
    .out_w_i,
    .positions_i,
    .out_base_i      (base_i),
    .out_row_step_i  (row_step_i),
    //@ if units.bnn.residual
    .out_group_step_i(20'(group_step_i)),
    //@ endif
    //@ unless units.bnn.residual: .out_group_step_i(group_step_i),
    .start_i,
    .step_i          (next_issue_i && next_bytes_i <= 16'(PostWidth)),
    .address_o       (position_address)
  );

  assign bytes   = (next_bytes_i < 16'(PostWidth)) ? next_bytes_i : 16'(PostWidth);
  assign address = position_address + 24'(next_chunk_i) * 24'(PostWidth);
  assign room    = 24'(MemBytes) - address;
  assign outside = bytes != '0 && (address >= 24'(MemBytes) || room < 24'(bytes));

  npu_bank_map #(
    .MemBytes (MemBytes),
    .Banks    (Banks),
    .WordBytes(WordBytes)
  ) u_word (
    .valid_i(look_q),
    .word_i (22'(address >> OffsetW)),
    .bank_o (bank),
    .row_o  (row)
  );
  npu_bank_map #(
    .MemBytes (MemBytes),
    .Banks    (Banks),
    .WordBytes(WordBytes)
  ) u_word2 (
    .valid_i(look_q),
    .word_i (22'(address >> OffsetW) + 22'd1),
    .bank_o (bank2),
    .row_o  (row2)
  );

  always_ff @(posedge clk) begin
    if (look_q) begin
      bank_q   <= bank;
      bank2_q  <= bank2;
      row_q    <= row;
      row2_q   <= row2;
      offset_q <= address[OffsetW-1:0];
      two_q    <= 24'(address[OffsetW-1:0]) + 24'(bytes) > 24'(WordBytes);
    end
  end

  assign ready_o         = ready_q;
  assign read_valid_o    = ask_q;
  assign read_place_o    = {row2_q, row_q, bank2_q, bank_q, offset_q, two_q};
  assign data_valid_o    = data_q;
  assign error_o         = look_q && next_valid_i && outside;
  assign error_address_o = address;

  npu_clock_gate u_gate (
    .clk_i,
    .enable_i(!rst_ni || clear_i || start_i || next_issue_i || look_q || ask_q || data_q),
    .clk_o   (clk)
  );

  // A result is issued with its vector, of which there is one at a time.
  `NPU_ASSERT(IssuedWithVector, !next_issue_i || ready_q)
  `NPU_ASSERT(OneVector, 32'($countones({look_q, ask_q, data_q, ready_q})) <= 1)
endmodule : npu_residual
`default_nettype wire

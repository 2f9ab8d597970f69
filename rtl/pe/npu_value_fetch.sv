`default_nettype none
// SPDX-License-Identifier: Apache-2.0
// Value fetch: the int16 of PE memory that values of bits are added to, in vectors of PostWidth
// bytes, ahead of their use.
//
// A chunk of PostWidth channels has two vectors, as far as it has channels, each of four with
// affine_pool: of neighbours in x, y and both. A vector is looked up, placed (a cycle each) and
// asked for until PE memory grants it; data come in the cycle after, with data_valid_o. No more
// than Vectors of them, or fours, are ahead of taken_i. A vector of which a byte that counts lies
// outside PE memory is an error and not asked for.
`include "npu_assert.svh"
module npu_value_fetch #(
  parameter int unsigned MemBytes  = 131072,  //@ = pe.memory  -- bytes of PE memory, for bounds
  parameter int unsigned Banks     = 8,       //@ = pe.banks
  parameter int unsigned WordBytes = 16,      //@ = pe.bank_width  -- bytes of a vector read
  parameter int unsigned PostWidth = 16,      //@ = units.postprocess_width  -- channels of a chunk
  parameter int unsigned Chunks    = 1,       // of a group
  localparam int unsigned Vectors  = 8,
  localparam int unsigned OffsetW  = $clog2(WordBytes),
  localparam int unsigned BankW    = $clog2(Banks),
  localparam int unsigned Depth    = MemBytes / (Banks * WordBytes),
  localparam int unsigned RowW     = (Depth > 1) ? $clog2(Depth) : 1,
  localparam int unsigned ChunkW   = (Chunks > 1) ? $clog2(Chunks) : 1,
  localparam int unsigned PlaceW   = 2 * (RowW + BankW) + OffsetW + 1
) (
  input  wire                clk_i,
  input  wire                rst_ni,
  input  wire                clear_i,
  // the running command; start_i begins it (only of those that add values)
  input  wire npu_isa_pkg::compute_command_t cmd_i,
  input  wire                start_i,
  input  wire                taken_i,          // a vector is used
  // PE memory: npu_pe_memory
  output wire                read_valid_o,
  input  wire                read_ready_i,
  output wire  [PlaceW-1:0]  read_place_o,     // row2, row, bank2, bank, offset, two
  output wire                data_valid_o,     // data come in this cycle
  output wire  [1:0]         data_part_o,      // of four
  output wire                error_o,          // a byte outside PE memory (pulse, vector's address)
  output wire  [23:0]        error_address_o
);
  localparam int unsigned CreditW = $clog2(Vectors + 1);

  // ---- Walk: groups, positions, chunks, halves, parts ----
  logic               walks_q, steps, moves, vector_last, chunk_last, position_last, group_last;
  logic               half_q, wanted;
  logic [1:0]         part_q;
  logic [ChunkW-1:0]  chunk_q;
  logic [15:0]        left_q, group_channels, chunk_left_q, chunk_left, groups_left_q;
  logic [16:0]        bytes_left;
  logic [23:0]        positions_left_q, position_address;
  logic [CreditW-1:0] credits_q;
  logic               granted;

  assign group_channels = (left_q < cmd_i.group_channels) ? left_q : cmd_i.group_channels;
  assign chunk_left     = (chunk_q == '0) ? group_channels : chunk_left_q;
  assign chunk_last     = chunk_left <= 16'(PostWidth) || chunk_q == ChunkW'(Chunks - 1);
  assign position_last  = half_q && vector_last && chunk_last;
  assign group_last     = positions_left_q == 24'd1;
  // Bytes of the chunk that the half has.
  assign bytes_left     = half_q ? ((chunk_left > 16'(PostWidth / 2))
                                    ? {chunk_left - 16'(PostWidth / 2), 1'b0} : 17'd0)
                                 : {chunk_left, 1'b0};
  assign wanted         = bytes_left != '0;
  assign vector_last    = !wanted || !cmd_i.affine_pool || part_q == 2'd3;
  assign moves          = walks_q && (!wanted || steps);

  npu_output_walker #(
    .PostWidth(PostWidth)
  ) u_walker (
    .clk_i,
    .opcode_i        (cmd_i.opcode),
    .out_x_step_i    (24'(cmd_i.b_x_step)),
    .out_w_i         (cmd_i.out_w),
    .positions_i     (cmd_i.positions),
    .out_base_i      (cmd_i.b_base[23:0]),
    .out_row_step_i  (cmd_i.b_row_step),
    .out_group_step_i({cmd_i.out_group_step, 4'd0}),
    .start_i,
    .step_i          (moves && position_last),
    .address_o       (position_address)
  );

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i) begin
      walks_q   <= 1'b0;
      credits_q <= '0;
    end else begin
      if (start_i) walks_q <= 1'b1;
      else if (error_o || (moves && position_last && group_last && groups_left_q == 16'd1)) begin
        walks_q <= 1'b0;
      end
      if (start_i) credits_q <= CreditW'(Vectors);
      else credits_q <= credits_q + CreditW'(taken_i) - CreditW'(granted && ask_part_q == 2'd0);
    end
    if (start_i) begin
      half_q           <= 1'b0;
      part_q           <= '0;
      chunk_q          <= '0;
      left_q           <= cmd_i.channels;
      groups_left_q    <= cmd_i.groups;
      positions_left_q <= cmd_i.positions;
    end else if (moves) begin
      part_q <= vector_last ? 2'd0 : part_q + 2'd1;
      if (vector_last) half_q <= !half_q;
      if (vector_last && half_q) begin
        chunk_q      <= chunk_last ? '0 : chunk_q + ChunkW'(1);
        chunk_left_q <= chunk_left - 16'(PostWidth);
      end
      if (position_last) begin
        positions_left_q <= group_last ? cmd_i.positions : positions_left_q - 24'd1;
        if (group_last) begin
          groups_left_q <= groups_left_q - 16'd1;
          left_q        <= left_q - group_channels;
        end
      end
    end
  end

  // ---- The vector's address, and its place ----
  logic               look_q, ask_q, data_q, two_q, outside, placed;
  logic [1:0]         look_part_q, ask_part_q, data_part_q;
  logic [15:0]        bytes_q;
  logic [23:0]        address_q, room;
  logic [BankW-1:0]   bank, bank2, bank_q, bank2_q;
  logic [RowW-1:0]    row, row2, row_q, row2_q;
  logic [OffsetW-1:0] offset_q;

  assign granted = read_valid_o && read_ready_i;
  assign placed  = look_q && (!ask_q || granted);
  assign steps   = !look_q || placed;
  assign room    = 24'(MemBytes) - address_q;
  assign outside = address_q >= 24'(MemBytes) || room < 24'(bytes_q);

  npu_bank_map #(
    .MemBytes (MemBytes),
    .Banks    (Banks),
    .WordBytes(WordBytes)
  ) u_word (
    .valid_i(look_q),
    .word_i (22'(address_q >> OffsetW)),
    .bank_o (bank),
    .row_o  (row)
  );
  npu_bank_map #(
    .MemBytes (MemBytes),
    .Banks    (Banks),
    .WordBytes(WordBytes)
  ) u_word2 (
    .valid_i(look_q),
    .word_i (22'(address_q >> OffsetW) + 22'd1),
    .bank_o (bank2),
    .row_o  (row2)
  );

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i || start_i) begin
      look_q <= 1'b0;
      ask_q  <= 1'b0;
      data_q <= 1'b0;
    end else begin
      look_q <= (moves && wanted && !error_o) || (look_q && !placed && !error_o);
      ask_q  <= (placed && !outside) || (ask_q && !granted);
      data_q <= granted;
    end
    if (moves && wanted) begin
      address_q   <= position_address + 24'(chunk_q) * 24'(2 * PostWidth) +
                     (half_q ? 24'(PostWidth) : 24'd0) +
                     (part_q[0] ? 24'(cmd_i.b_x_step[15:1]) : 24'd0) +
                     (part_q[1] ? 24'(cmd_i.b_row_step[23:1]) : 24'd0);
      bytes_q     <= (bytes_left < 17'(PostWidth)) ? bytes_left[15:0] : 16'(PostWidth);
      look_part_q <= part_q;
    end
    if (placed) begin
      bank_q     <= bank;
      bank2_q    <= bank2;
      row_q      <= row;
      row2_q     <= row2;
      offset_q   <= address_q[OffsetW-1:0];
      two_q      <= 24'(address_q[OffsetW-1:0]) + 24'(bytes_q) > 24'(WordBytes);
      ask_part_q <= look_part_q;
    end
    if (ask_q) data_part_q <= ask_part_q;
  end

  assign read_valid_o    = ask_q && (ask_part_q != 2'd0 || credits_q != '0);
  assign read_place_o    = {row2_q, row_q, bank2_q, bank_q, offset_q, two_q};
  assign data_valid_o    = data_q;
  assign data_part_o     = data_part_q;
  assign error_o         = placed && outside;
  assign error_address_o = address_q;

  // Most fields of the command are of other units; generator.Command.HardwareReadsEveryField finds
  // one that nothing reads.
  logic unused_fields;
  assign unused_fields = ^cmd_i;

  // Vectors ahead have room where they are used.
  `NPU_ASSERT(CreditsCount, 32'(credits_q) <= Vectors)
endmodule : npu_value_fetch
`default_nettype wire

`default_nettype none
// SPDX-License-Identifier: Apache-2.0
// Turns the rows of tiles into columns: a square of bytes that is filled from one side while the
// tile before leaves it on the opposite one, the next time from above instead of from the left.
//
// A tile has up to n = BusBytes / element bytes rows of as many elements. Rows enter one after the
// other; the element at hand of all of them leaves as a column, which is one or two words at any
// address. Elements of several bytes are kept in as many smaller squares on the diagonal, one for
// each of their bytes, which the same shifts serve. A tile of r rows and c elements takes
// max(r, c) cycles, and one more for a column that two words share.
`include "npu_assert.svh"
module npu_dma_transpose #(
  parameter int unsigned BusBytes = 16,  //@ = npu.axi.bytes  -- beat bytes: 4 .. 64
  parameter int unsigned UserW    = 1,   // bits that travel with a tile
  localparam int unsigned ByteW = $clog2(BusBytes)
) (
  input  wire                   clk_i,
  input  wire                   rst_ni,
  input  wire                   clear_i,
  input  wire                   flush_i,       // a tile that has begun gets no further row
  // rows of tiles, from byte 0 on; what is said with them is the same for all rows of a tile but
  // the user bits, of which the last row's count
  input  wire                   row_valid_i,
  output wire                   row_ready_o,
  input  wire  [8*BusBytes-1:0] row_data_i,
  input  wire  [ByteW-1:0]      row_count_i,   // rows of the tile - 1, with the first of them
  input  wire  [ByteW-1:0]      row_last_i,    // columns of the tile - 1
  input  wire  [1:0]            row_element_i, // 0, 1, 2: elements of 1, 2, 4 bytes
  input  wire  [23:0]           row_addr_i,    // of the first column,
  input  wire  [23:0]           row_stride_i,  // and from column to column
  input  wire  [UserW-1:0]      row_user_i,
  // words
  output wire                   word_valid_o,
  input  wire                   word_ready_i,
  output wire  [23:ByteW]       word_addr_o,
  output wire  [8*BusBytes-1:0] word_data_o,
  output wire  [ByteW-1:0]      word_first_o,  // bytes
  output wire  [ByteW-1:0]      word_end_o,
  output wire                   word_last_o,   // of the tile
  output wire  [UserW-1:0]      word_user_o,
  output wire                   idle_o         // no row and no column held
);
  localparam int unsigned RowW = 8 * BusBytes;

  // Byte i of the result is byte (i + by) mod BusBytes.
  function automatic logic [RowW-1:0] rotate(input logic [RowW-1:0] data,
                                             input logic [ByteW-1:0] by);
    rotate = data;
    for (int unsigned i = 0; i < ByteW; i++) begin
      if (by[i]) rotate = (rotate >> (8 << i)) | (rotate << (RowW - (8 << i)));
    end
  endfunction

  // Byte b of element e of a row is byte n - 1 - e of square b.
  function automatic logic [RowW-1:0] squares(input logic [RowW-1:0] data, input logic [1:0] log);
    squares = '0;
    for (int unsigned i = 0; i < BusBytes; i++) begin
      squares[8*i+:8] =
          (log == 2'd0) ? data[8*(BusBytes-1-i)+:8] :
          (log == 2'd1) ? data[8*(2*(BusBytes/2-1-i%(BusBytes/2))+i/(BusBytes/2))+:8] :
                          data[8*(4*(BusBytes/4-1-i%(BusBytes/4))+i/(BusBytes/4))+:8];
    end
  endfunction

  logic             left_q;                // rows enter from the left, else from above
  logic [ByteW-1:0] rows_q;                // of the tile that enters - 1
  logic [ByteW-1:0] to_come_q;             // of these, rows to come; 0: none has entered
  logic [ByteW:0]   columns_q;             // to leave
  logic [1:0]       element_q;             // of the tile that leaves
  logic [ByteW-1:0] size_q;                // bytes of its columns - 1
  logic [23:0]      addr_q, stride_q;
  logic [UserW-1:0] user_q;
  logic             second_q;              // the column's second word
  logic             begun, leaving, may_enter, enter, enter_last, shift, last_word, two_words;
  logic [ByteW-1:0] rows, low;
  logic [ByteW:0]   column_end;
  logic [1:0]       element;

  // ---- Rows and columns ----
  // A tile begins to enter only when its last row comes with the last column of the one before,
  // or later: from then on that goes no further without a row.
  assign begun     = to_come_q != '0;
  assign leaving   = columns_q != '0;
  assign may_enter = begun || !leaving ||
                     (row_element_i == element_q &&
                      columns_q <= (ByteW + 1)'(row_count_i) + (ByteW + 1)'(1));
  assign row_ready_o = may_enter && (!leaving || (last_word && word_ready_i));
  assign enter       = row_valid_i && row_ready_o;
  assign enter_last  = enter && (begun ? to_come_q == ByteW'(1) : row_count_i == '0);
  assign shift       = leaving ? last_word && word_valid_o && word_ready_i : row_valid_i;
  assign rows        = begun ? rows_q : row_count_i;

  assign low          = addr_q[ByteW-1:0];
  assign column_end   = (ByteW + 1)'(low) + (ByteW + 1)'(size_q);
  assign two_words    = column_end[ByteW];
  assign last_word    = second_q || !two_words;
  assign word_valid_o = leaving && (!last_word || !begun || row_valid_i || flush_i);

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i) begin
      to_come_q <= '0;
      columns_q <= '0;
      left_q    <= 1'b0;
      second_q  <= 1'b0;
    end else begin
      if (enter) to_come_q <= begun ? to_come_q - ByteW'(1) : row_count_i;
      else if (flush_i && !leaving) to_come_q <= '0;
      if (enter_last) columns_q <= (ByteW + 1)'(row_last_i) + (ByteW + 1)'(1);
      else if (shift && leaving) columns_q <= columns_q - (ByteW + 1)'(1);
      if (enter_last) left_q <= !left_q;
      if (word_valid_o && word_ready_i) second_q <= !last_word;
    end
  end

  always_ff @(posedge clk_i) begin
    if (enter && !begun) rows_q <= row_count_i;
    if (enter_last) begin
      element_q <= row_element_i;
      size_q    <= (rows << row_element_i) | ~({ByteW{1'b1}} << row_element_i);
      addr_q    <= row_addr_i;
      stride_q  <= row_stride_i;
      user_q    <= row_user_i;
    end else if (shift) begin
      addr_q <= addr_q + stride_q;
    end
  end

  // ---- The square ----
  // Every other byte, as on a chessboard, is stored inverted: then a shift inverts, whatever its
  // direction, which saves an inverter for each bit.
  logic [BusBytes*RowW-1:0] cells;          // row by row, as stored
  logic [RowW-1:0]          in, column;     // the last byte of a column is byte BusBytes - 1
  logic [5:0]               from;           // above, left, with elements of 1, 2, 4 bytes

  assign element = leaving ? element_q : row_element_i;
  assign in      = squares(row_data_i, element);
  assign from    = {left_q, left_q, left_q, !left_q, !left_q, !left_q} &
                   {2{element_q[1], element_q[0], element_q == 2'd0}};

  for (genvar i = 0; i < BusBytes; i++) begin : gen_row
    localparam int unsigned Half    = 8 * (i / (BusBytes / 2)) * (BusBytes / 2);
    localparam int unsigned Quarter = 8 * (i / (BusBytes / 4)) * (BusBytes / 4);
    localparam logic [RowW-1:0] Odd =
        (i % 2 == 0) ? {BusBytes/2{16'hff00}} : {BusBytes/2{16'h00ff}};
    logic [RowW-1:0] row_q, down, right;
    logic [7:0]      new_byte;

    assign new_byte = in[8*i+:8];

    // The small squares have their edges inside of the large one.
    if (i == 0) begin : gen_top
      assign down = ~(in ^ Odd);  // as a row above would have it
    end else begin : gen_inside
      always_comb begin
        down = cells[RowW*(i-1)+:RowW];
        if (i == BusBytes / 2 && element == 2'd1) begin
          down[Half+:RowW/2] = ~(in[Half+:RowW/2] ^ Odd[Half+:RowW/2]);
        end
        if (i % (BusBytes / 4) == 0 && element == 2'd2) begin
          down[Quarter+:RowW/4] = ~(in[Quarter+:RowW/4] ^ Odd[Quarter+:RowW/4]);
        end
      end
    end

    always_comb begin
      right = {row_q[RowW-9:0], ~(new_byte ^ Odd[7:0])};
      if (element == 2'd1) right[Half+:8] = ~(new_byte ^ Odd[Half+:8]);
      if (element == 2'd2) right[Quarter+:8] = ~(new_byte ^ Odd[Quarter+:8]);
    end

    always_ff @(posedge clk_i) begin
      if (shift) row_q <= ~(left_q ? right : down);
    end

    assign cells[RowW*i+:RowW] = row_q;
  end

  // The bytes at the far side. Byte i of the column is a byte of row or column `Of1`, `Of2`, `Of4`.
  for (genvar i = 0; i < BusBytes; i++) begin : gen_column
    localparam int unsigned Of1 = BusBytes - 1 - i;
    localparam int unsigned Of2 = BusBytes / 2 * (i % 2) + BusBytes / 2 - 1 - i / 2;
    localparam int unsigned Of4 = BusBytes / 4 * (i % 4) + BusBytes / 4 - 1 - i / 4;
    localparam int unsigned End2 = BusBytes / 2 * (i % 2) + BusBytes / 2 - 1;
    localparam int unsigned End4 = BusBytes / 4 * (i % 4) + BusBytes / 4 - 1;

    localparam logic [7:0] Odd1 = {8{1'((BusBytes - 1 + Of1) % 2)}};
    localparam logic [7:0] Odd2 = {8{1'((End2 + Of2) % 2)}};
    localparam logic [7:0] Odd4 = {8{1'((End4 + Of4) % 2)}};

    assign column[8*i+:8] = ({8{from[0]}} & (cells[RowW*(BusBytes-1)+8*Of1+:8] ^ Odd1)) |
                            ({8{from[1]}} & (cells[RowW*End2+8*Of2+:8] ^ Odd2)) |
                            ({8{from[2]}} & (cells[RowW*End4+8*Of4+:8] ^ Odd4)) |
                            ({8{from[3]}} & (cells[RowW*Of1+RowW-8+:8] ^ Odd1)) |
                            ({8{from[4]}} & (cells[RowW*Of2+8*End2+:8] ^ Odd2)) |
                            ({8{from[5]}} & (cells[RowW*Of4+8*End4+:8] ^ Odd4));
  end

  assign word_addr_o  = addr_q[23:ByteW] + (24 - ByteW)'(second_q);
  assign word_data_o  = rotate(column, ~column_end[ByteW-1:0]);
  assign word_first_o = second_q ? '0 : low;
  assign word_end_o   = last_word ? column_end[ByteW-1:0] : '1;
  assign word_last_o  = last_word && columns_q == (ByteW + 1)'(1);
  assign word_user_o  = user_q;
  assign idle_o       = !begun && !leaving;

  // The last row of a tile comes with the last column of the one before, or later.
  `NPU_ASSERT(OneTileLeaves, !enter_last || columns_q <= (ByteW + 1)'(1))

  // No row is lost at the far side.
  `NPU_ASSERT(RowsStay, !begun || !leaving ||
              columns_q <= (ByteW + 1)'(to_come_q) || flush_i)

  // Rows and columns of a tile fit into its square.
  `NPU_ASSUME(TileFits, !row_valid_i || (32'(row_count_i) < BusBytes >> row_element_i &&
              32'(row_last_i) < BusBytes >> row_element_i && row_element_i != 2'd3))
endmodule : npu_dma_transpose
`default_nettype wire

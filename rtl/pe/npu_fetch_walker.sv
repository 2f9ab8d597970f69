`default_nettype none
// SPDX-License-Identifier: Apache-2.0
// Fetch walker: the vectors of one position, up to Ports of them in a step: the rows of a window
// column, column by column, or the kernel rows of a gathered slice; one vector of other slices; two
// operands one after the other. A column's rows come in groups of Ports, so row r of it is at port
// r % Ports.
//
// A window slides to its right neighbour, and from the end of a row to the next row's beginning
// where the columns left of the row are as many as or fewer than those right of it that the lanes
// hold: all of them are fill. Which columns these are is learnt from the places of windows, which
// npu_fetch_places works out one and two steps later (left_i, behind_i), so the first row of a
// group never slides on to the second one.
module npu_fetch_walker #(
  parameter int unsigned Ports     = 4,       //@ = units.window_ports  -- vectors per step
  localparam int unsigned AddrW    = 26       // signed sums of addresses and steps
) (
  input  wire                     clk_i,
  // fields of the running command; start_i begins it
  input  wire                     is_window_i,
  input  wire                     is_pool_i,
  input  wire                     is_two_i,          // two operands
  input  wire                     is_gather_i,       // MATMUL with run_bytes
  input  wire  [7:0]              k1_count_i,
  input  wire  [7:0]              win_rows_i,
  input  wire  [7:0]              win_cols_i,
  input  wire  [7:0]              win_new_cols_i,
  input  wire  [23:0]             win_row_step_i,
  input  wire  [23:0]             win_col_step_i,
  input  wire  [7:0]              win_y_step_i,
  //@ if units.bnn.enabled
  input  wire                     both_planes_i,     // vectors of both planes are fetched
  input  wire                     no_fetch_i,        // none is
  //@ endif
  input  wire                     start_i,
  // the position and the slice
  input  wire                     row_first_i,       // of npu_position_walker: in its row
  input  wire                     row_last_i,
  input  wire  [2:0]              slice_rows_i,      // of npu_slice_walker
  // the vectors of this step
  output wire                     first_o,           // nothing of the position has been fetched
  output wire                     last_o,            // they end the position
  output logic [Ports-1:0]        ports_o,           // that have one: the first ones
  output wire                     second_o,          // the second operand
  output wire  [2:0]              row_index_o,       // gathered slices: number of the first row
  output wire signed [AddrW-1:0]  x_o,               // windows: where the column begins
  output wire signed [AddrW-1:0]  row_o,             // and the first row in it
  output wire signed [17:0]       y_o,
  // moves on
  input  wire                     step_i,
  input  wire                     group_end_i,
  input  wire                     slides_i,          // the next position is of the same slice
  // what the places of windows say: steps go two stages of registers further with advance_i
  input  wire                     advance_i,
  input  wire                     left_i,            // stage 1: the column lies left of the row
  input  wire                     behind_i,          // stage 2: as many lie behind the row
  output wire signed [AddrW-1:0]  outside_x_o        // offset of the first column inside
);
  logic                    is_columns, position_end, column_last, column_end, row_begins;
  logic [7:0]              rows_left_q, rows_here;     // of the column
  logic                    column_begins_q, position_begins_q, second_q;
  logic [2:0]              row_index_q;
  logic [7:0]              columns_left_q;             // of the window, this one included
  logic signed [AddrW-1:0] win_x_q, win_row_q, slide_x_q, next_x;
  logic signed [17:0]      win_y_q;
  logic                    slide_column;

  assign is_columns   = is_window_i || is_pool_i;
  //@ if units.bnn.enabled
  assign rows_here    = !column_begins_q ? rows_left_q
                      : is_columns ? win_rows_i
                      : both_planes_i ? {4'd0, slice_rows_i, 1'b0} : {5'd0, slice_rows_i};
  //@ endif
  //@ unless units.bnn.enabled: assign rows_here    = !column_begins_q ? rows_left_q
  //@ unless units.bnn.enabled:                     : is_columns ? win_rows_i
  //@ unless units.bnn.enabled:                                  : {5'd0, slice_rows_i};
  assign column_last  = rows_here <= 8'(Ports);
  always_comb begin
    ports_o = Ports'(1);
    for (int unsigned p = 1; p < Ports; p++) begin
      ports_o[p] = (is_gather_i || is_window_i) && rows_here > 8'(p);
    end
    //@ if units.bnn.enabled
    if (no_fetch_i) ports_o = '0;
    //@ endif
  end

  // Pools fetch one vector after the other.
  assign column_end   = is_pool_i ? rows_here == 8'd1 : column_last;
  assign slide_column = columns_left_q == win_new_cols_i;
  assign row_begins   = column_begins_q;
  //@ if units.bnn.enabled
  assign last_o       = no_fetch_i ||
                        (is_two_i ? second_q
                                  : is_gather_i ? column_end
                                  : !is_columns || (column_end && columns_left_q == 8'd1));
  //@ endif
  //@ unless units.bnn.enabled: assign last_o       = is_two_i ? second_q
  //@ unless units.bnn.enabled:                     : is_gather_i ? column_end
  //@ unless units.bnn.enabled:                     : !is_columns ||
  //@ unless units.bnn.enabled:                       (column_end && columns_left_q == 8'd1);
  assign position_end = step_i && last_o;
  assign next_x       = win_x_q + $signed({2'b00, win_col_step_i});

  // ---- Columns outside the row ----
  logic                    left_known_q, wraps_q;
  logic [7:0]              inside_columns_q;   // of a window, behind those left of the row
  logic signed [AddrW-1:0] outside_x_q;
  // Of the step in stage 1, and whether the last one of its group is there or in stage 2.
  logic [7:0]              stage1_columns_q;
  logic signed [AddrW-1:0] stage1_x_q;
  logic                    stage1_column_q, stage1_row_q, stage2_row_q;
  logic                    stage1_old_q, stage2_old_q;

  always_ff @(posedge clk_i) begin
    if (start_i || (step_i && group_end_i)) begin
      left_known_q <= 1'b0;
      wraps_q      <= 1'b0;
      stage1_old_q <= 1'b1;
      stage2_old_q <= 1'b1;
    end else if (advance_i) begin
      if (stage1_column_q && left_i && !stage1_old_q) left_known_q <= 1'b1;
      if (stage2_row_q && !stage2_old_q) wraps_q <= left_known_q && behind_i;
      stage1_old_q <= 1'b0;
      stage2_old_q <= stage1_old_q;
    end
    if (advance_i) begin
      stage1_column_q <= is_window_i && step_i && column_end && row_first_i && !last_o;
      stage1_row_q    <= is_window_i && position_end && row_last_i && k1_count_i == 8'd1;
      stage2_row_q    <= stage1_row_q;
      if (stage1_column_q && left_i) begin
        inside_columns_q <= stage1_columns_q;
        outside_x_q      <= stage1_x_q;
      end
    end
    if (step_i && is_window_i) begin
      stage1_columns_q <= columns_left_q - 8'd1;
      stage1_x_q       <= next_x;
    end
  end

  // ---- The next step ----
  always_ff @(posedge clk_i) begin
    if (start_i || position_end) begin
      position_begins_q <= 1'b1;
      column_begins_q   <= 1'b1;
      second_q          <= 1'b0;
      row_index_q       <= '0;
      win_row_q         <= '0;
      win_y_q           <= '0;
      if (!start_i && slides_i && !row_last_i) begin
        columns_left_q <= win_new_cols_i;
        win_x_q        <= (slide_column && row_begins) ? win_x_q : slide_x_q;
      end else if (!start_i && slides_i && wraps_q) begin
        columns_left_q <= inside_columns_q;
        win_x_q        <= outside_x_q;
      end else begin
        columns_left_q <= win_cols_i;
        win_x_q        <= '0;
      end
    end else if (step_i) begin
      position_begins_q <= 1'b0;
      if (is_two_i) begin
        second_q <= 1'b1;
      end else if (column_end) begin
        column_begins_q <= 1'b1;
        win_row_q       <= '0;
        win_y_q         <= '0;
        columns_left_q  <= columns_left_q - 8'd1;
        win_x_q         <= next_x;
      end else begin
        column_begins_q <= 1'b0;
        rows_left_q     <= rows_here - (is_pool_i ? 8'd1 : 8'(Ports));
        row_index_q     <= row_index_q + 3'(Ports);
        if (is_columns) begin
          win_row_q <= win_row_q + $signed(is_pool_i ? AddrW'(win_row_step_i)
                                                     : AddrW'(win_row_step_i) * AddrW'(Ports));
          win_y_q   <= win_y_q + $signed(is_pool_i ? 18'(win_y_step_i)
                                                   : 18'(win_y_step_i) * 18'(Ports));
        end
      end
    end
    // Where sliding positions begin: the offset of the first new column, seen in every full window.
    if (step_i && slide_column && row_begins) slide_x_q <= win_x_q;
  end

  assign first_o     = position_begins_q;
  assign second_o    = second_q;
  assign row_index_o = row_index_q;
  assign x_o         = win_x_q;
  assign row_o       = win_row_q;
  assign y_o         = win_y_q;
  assign outside_x_o = outside_x_q;
endmodule : npu_fetch_walker
`default_nettype wire

`default_nettype none
// SPDX-License-Identifier: Apache-2.0
// Position walker: the positions of a command, tile by tile and group by group, and where the
// operand of each lies (docs/machine.md section 4.1).
//
// A tile is passed over once for each of its slices. The events that move on contain each other:
// group_end_i comes with tile_end_i, that with pass_end_i, that with position_end_i.
module npu_position_walker #(
  parameter int unsigned Accumulators = 16,  //@ = core.accumulators  -- positions per tile
  parameter int unsigned PostWidth    = 16,  //@ = units.postprocess_width  -- bytes of a position
  //@ if units.bnn.enabled
  parameter int unsigned SkipWindow   = 1,   //@ = units.bnn.skip_window  -- positions
  //@ endif
  localparam int unsigned AddrW       = 26,  // signed sums of addresses and steps
  localparam int unsigned IndexW      = (Accumulators > 1) ? $clog2(Accumulators) : 1
) (
  input  wire                     clk_i,
  input  wire                     pass_clk_i,      // need not rise but for start_i and pass_end_i
  // fields of the running command; start_i goes to its first position
  input  wire                     is_array_i,      // MATMUL, WINDOW: Accumulators positions a tile
  input  wire                     is_linear_i,     // rows of PostWidth bytes a position, one group
  input  wire signed [24:0]       act_base_i,
  input  wire signed [24:0]       b_base_i,
  input  wire  [23:0]             row_step_i,
  input  wire  [23:0]             b_row_step_i,
  input  wire signed [15:0]       y_start_i,
  input  wire  [7:0]              y_step_i,
  input  wire signed [23:0]       x_start_i,
  input  wire  [23:0]             x_step_i,
  input  wire  [15:0]             out_w_i,
  input  wire  [23:0]             positions_i,
  input  wire  [15:0]             groups_i,
  input  wire  [15:0]             group_step_i,
  input  wire                     start_i,
  // the next position; the tile's first one again; the next tile; the next group's first tile
  input  wire                     position_end_i,
  input  wire                     pass_end_i,
  input  wire                     tile_end_i,
  input  wire                     group_end_i,
  //@ if units.bnn.enabled
  input  wire                     hold_i,          // stay at the tile's last position
  input  wire                     skip_pass_i,     // positions are those of a block of SkipWindow
  //@ endif
  // the position
  output wire signed [AddrW-1:0]  row_o,           // address of its row, and of the other operand's
  output wire signed [AddrW-1:0]  b_row_o,
  output wire signed [17:0]       y_o,             // its operand row
  output wire signed [AddrW-1:0]  x_o,             // its byte in the row
  output wire                     row_first_o,     // the first one of its row
  output wire                     row_last_o,      // the last one
  output wire                     group_tile_last_o,  // its tile is the last one of its group
  output wire                     group_last_o,
  output wire                     tile_first_o,
  output wire                     tile_last_o,
  output wire  [23:0]             tile_size_o,     // positions
  output wire  [IndexW-1:0]       index_o          // its accumulator
);
  logic [15:0]             columns_left_q, tile_columns_left_q;  // of the row, this one included
  logic signed [AddrW-1:0] row_q, tile_row_q;                    // act_base + oy*row_step
  logic signed [AddrW-1:0] b_row_q;                              // b_base + oy*b_row_step
  logic signed [17:0]      y_q, tile_y_q;                        // y_start + oy*y_step
  logic signed [AddrW-1:0] x_q, tile_x_q, group_x_q;             // x_start + group + ox*x_step
  logic [23:0]             positions_left_q;                     // in the group, after this tile
  logic [23:0]             tile_size_q, tile_left_q;             // of the tile, still to do
  logic                    tile_first_q;
  logic [IndexW-1:0]       index_q;                              // accumulator entry
  logic [15:0]             groups_left_q;

  // The position after this one in row-major order.
  logic [15:0]             step_columns_left;
  logic signed [AddrW-1:0] step_row, step_b_row, step_x, x_step;
  logic signed [17:0]      step_y;
  assign x_step      = is_linear_i ? $signed(AddrW'(PostWidth)) : $signed({2'b00, x_step_i});
  assign step_columns_left = row_last_o ? out_w_i : columns_left_q - 16'd1;
  assign step_row    = row_last_o ? row_q + $signed({2'b00, row_step_i}) : row_q;
  assign step_b_row  = row_last_o ? b_row_q + $signed({2'b00, b_row_step_i}) : b_row_q;
  assign step_y      = row_last_o ? y_q + $signed({10'b0, y_step_i}) : y_q;
  assign step_x      = row_last_o ? group_x_q : x_q + x_step;

  // A tile of the positions that are left, in this group or in the next one: all of them for vector
  // operations.
  logic [23:0] new_tile_size, new_left, same_left, next_left;
  logic        same_full, next_full;
  assign same_full     = is_array_i && positions_left_q > 24'(Accumulators);
  assign next_full     = is_array_i && positions_i > 24'(Accumulators);
  assign same_left     = positions_left_q - 24'(Accumulators);
  assign next_left     = positions_i - 24'(Accumulators);
  assign new_tile_size = (start_i || group_end_i)
                         ? (next_full ? 24'(Accumulators) : positions_i)
                         : (same_full ? 24'(Accumulators) : positions_left_q);
  assign new_left      = (start_i || group_end_i) ? (next_full ? next_left : '0)
                                                  : (same_full ? same_left : '0);

  logic signed [AddrW-1:0] next_group_x;
  assign next_group_x = start_i ? AddrW'(x_start_i) : group_x_q + $signed({10'b0, group_step_i});

  always_ff @(posedge pass_clk_i) begin
    if (start_i || group_end_i) begin
      groups_left_q <= start_i ? groups_i : groups_left_q - 16'd1;
      group_x_q     <= next_group_x;
      tile_columns_left_q <= out_w_i;
      tile_row_q    <= AddrW'(act_base_i);
      tile_y_q      <= 18'(y_start_i);
      tile_x_q      <= next_group_x;
    end else if (tile_end_i) begin
      tile_columns_left_q <= step_columns_left;
      tile_row_q    <= step_row;
      tile_y_q      <= step_y;
      tile_x_q      <= step_x;
    end

    if (start_i || tile_end_i) begin
      tile_size_q      <= new_tile_size;
      positions_left_q <= new_left;
    end
  end

  always_ff @(posedge clk_i) begin
    if (start_i || group_end_i) begin
      columns_left_q <= out_w_i;
      row_q    <= AddrW'(act_base_i);
      b_row_q  <= AddrW'(b_base_i);
      y_q      <= 18'(y_start_i);
      x_q      <= next_group_x;
    end else if (tile_end_i) begin
      columns_left_q <= step_columns_left;
      row_q    <= step_row;
      y_q      <= step_y;
      x_q      <= step_x;
    //@ if units.bnn.enabled
    end else if (hold_i) begin
      // The next tile goes on from here.
    //@ endif
    end else if (pass_end_i) begin
      columns_left_q <= tile_columns_left_q;
      row_q    <= tile_row_q;
      y_q      <= tile_y_q;
      x_q      <= tile_x_q;
    end else if (position_end_i) begin
      columns_left_q <= step_columns_left;
      row_q    <= step_row;
      b_row_q  <= step_b_row;
      y_q      <= step_y;
      x_q      <= step_x;
    end

    if (start_i || pass_end_i) begin
      tile_left_q  <= (start_i || tile_end_i) ? new_tile_size : tile_size_q;
      tile_first_q <= 1'b1;
      index_q      <= '0;
    end else if (position_end_i) begin
      tile_left_q  <= tile_left_q - 24'd1;
      tile_first_q <= 1'b0;
      //@ if units.bnn.enabled
      index_q      <= skip_pass_i ? index_q + IndexW'(SkipWindow) : index_q + IndexW'(1);
      //@ endif
      //@ unless units.bnn.enabled: index_q      <= index_q + IndexW'(1);
    end
  end

  assign row_o             = row_q;
  assign b_row_o           = b_row_q;
  assign y_o               = y_q;
  assign x_o               = x_q;
  assign row_first_o       = columns_left_q == out_w_i;
  assign row_last_o        = columns_left_q == 16'd1;
  assign group_tile_last_o = positions_left_q == '0;
  assign group_last_o      = is_linear_i || groups_left_q == 16'd1;
  assign tile_first_o      = tile_first_q;
  assign tile_last_o       = tile_left_q == 24'd1;
  assign tile_size_o       = tile_size_q;
  assign index_o           = index_q;
endmodule : npu_position_walker
`default_nettype wire

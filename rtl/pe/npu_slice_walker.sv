`default_nettype none
// SPDX-License-Identifier: Apache-2.0
// Slice walker: the weight slices of a tile, k0 innermost, then k1, then k2 (docs/machine.md
// section 4.1), and how far each one's operands lie from those of the first slice.
//
// Gathered slices are cut from kernel rows strung together. The next one begins k1_step bytes and
// win_cols kernel rows (k2_y_step operand rows) further on, and one row more where that is beyond
// the row's end.
module npu_slice_walker #(
  parameter int unsigned Simd   = 16,  //@ = lane.simd  -- bytes from k0 to k0
  localparam int unsigned AddrW = 26   // signed sums of addresses and steps
) (
  input  wire                     clk_i,           // need not rise but for begin_i and step_i
  // fields of the running command
  input  wire                     is_gather_i,     // MATMUL with run_bytes
  input  wire  [15:0]             k0_count_i,
  input  wire  [7:0]              k1_count_i,
  input  wire  [7:0]              k2_count_i,
  input  wire  [23:0]             k1_step_i,
  input  wire  [23:0]             k2_row_step_i,
  input  wire  [7:0]              k2_y_step_i,
  input  wire  [13:0]             run_bytes_i,
  input  wire  [7:0]              win_rows_i,
  input  wire  [7:0]              win_cols_i,
  input  wire  [23:0]             win_row_step_i,
  input  wire  [7:0]              win_y_step_i,
  // to the first slice; to the next one, which is the first one again only after begin_i
  input  wire                     begin_i,
  input  wire                     step_i,
  // the slice
  output wire  [15:0]             k0_o,
  output wire                     first_o,
  output wire                     run_first_o,     // the first one of a k2 that is not the first
  output wire                     k0_last_o,
  output wire                     last_o,
  output wire                     single_o,        // there is one only
  output wire signed [AddrW-1:0]  x_o,             // bytes in the row
  output wire signed [AddrW-1:0]  row_o,           // bytes from row to row
  output wire signed [17:0]       y_o,             // operand rows
  // gathered slices: bytes of their first kernel row that earlier slices took, kernel rows from
  // that one on
  output wire  [13:0]             skip_o,
  output wire  [7:0]              rows_left_o
);
  logic [15:0]             k0_q;
  logic [7:0]              k1_q, k2_q;
  logic signed [AddrW-1:0] k_x_q, k1_x_q, k_row_q;
  logic signed [17:0]      k_y_q;
  logic [13:0]             skip_q;
  logic [7:0]              rows_left_q;
  logic [14:0]             gather_skip;
  logic                    gather_carry, k1_last;

  assign gather_skip  = 15'(skip_q) + 15'(k1_step_i[13:0]);
  assign gather_carry = gather_skip >= 15'(run_bytes_i);
  assign k1_last      = k1_q + 8'd1 == k1_count_i;

  always_ff @(posedge clk_i) begin
    if (begin_i) begin
      skip_q      <= '0;
      rows_left_q <= win_rows_i;
    end else if (step_i && is_gather_i) begin
      skip_q      <= 14'(gather_carry ? gather_skip - 15'(run_bytes_i) : gather_skip);
      rows_left_q <= rows_left_q - win_cols_i - 8'(gather_carry);
    end
    if (begin_i) begin
      k0_q    <= '0;
      k1_q    <= '0;
      k2_q    <= '0;
      k_x_q   <= '0;
      k1_x_q  <= '0;
      k_row_q <= '0;
      k_y_q   <= '0;
    end else if (step_i) begin
      if (is_gather_i) begin
        k0_q    <= k0_q + 16'd1;
        k_row_q <= k_row_q + $signed({2'b00, k2_row_step_i}) +
                   (gather_carry ? $signed({2'b00, win_row_step_i}) : 26'sd0);
        k_y_q   <= k_y_q + $signed({10'b0, k2_y_step_i}) +
                   (gather_carry ? $signed({10'b0, win_y_step_i}) : 18'sd0);
      end else if (!k0_last_o) begin
        k0_q  <= k0_q + 16'd1;
        k_x_q <= k_x_q + $signed(AddrW'(Simd));
      end else if (!k1_last) begin
        k0_q   <= '0;
        k1_q   <= k1_q + 8'd1;
        k_x_q  <= k1_x_q + $signed({2'b00, k1_step_i});
        k1_x_q <= k1_x_q + $signed({2'b00, k1_step_i});
      end else begin
        k0_q    <= '0;
        k1_q    <= '0;
        k2_q    <= k2_q + 8'd1;
        k_x_q   <= '0;
        k1_x_q  <= '0;
        k_row_q <= k_row_q + $signed({2'b00, k2_row_step_i});
        k_y_q   <= k_y_q + $signed({10'b0, k2_y_step_i});
      end
    end
  end

  assign k0_o        = k0_q;
  assign first_o     = k0_q == '0 && k1_q == '0 && k2_q == '0;
  assign run_first_o = k0_q == '0 && k1_q == '0 && k2_q != '0;
  assign k0_last_o   = k0_q + 16'd1 == k0_count_i;
  assign last_o      = k0_last_o && (is_gather_i || (k1_last && k2_q + 8'd1 == k2_count_i));
  assign single_o    = k0_count_i == 16'd1 && k1_count_i == 8'd1 && k2_count_i == 8'd1;
  assign x_o         = k_x_q;
  assign row_o       = k_row_q;
  assign y_o         = k_y_q;
  assign skip_o      = skip_q;
  assign rows_left_o = rows_left_q;
endmodule : npu_slice_walker
`default_nettype wire

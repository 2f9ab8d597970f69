`default_nettype none
// SPDX-License-Identifier: Apache-2.0
// Slice walker: the weight slices of a tile, k0 innermost, then k1, then k2 (docs/machine.md
// section 4.1), and how far each one's operands lie from those of the first slice.
//
// Gathered slices are cut from kernel rows strung together. The next one begins k1_step bytes and
// win_cols kernel rows (k2_y_step operand rows) further on, and one row more where that is beyond
// the row's end. Where it begins is worked out one slice ahead.
module npu_slice_walker #(
  parameter int unsigned Simd      = 16,  //@ = lane.simd  -- bytes from k0 to k0
  parameter int unsigned WordBytes = 16,  //@ = pe.bank_width  -- bytes of a vector read
  localparam int unsigned AddrW    = 26,  // signed sums of addresses and steps
  localparam int unsigned ByteW    = $clog2(WordBytes) + 1
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
  //@ if units.bnn.enabled
  output wire  [15:0]             k0_o,
  //@ endif
  output wire                     first_o,
  output wire                     run_first_o,     // the first one of a k2 that is not the first
  output wire                     k0_last_o,
  output wire                     last_o,
  output wire                     single_o,        // there is one only
  output wire signed [AddrW-1:0]  x_o,             // bytes in the row
  output wire signed [AddrW-1:0]  row_o,           // bytes from row to row
  output wire signed [17:0]       y_o,             // operand rows
  // gathered slices: bytes of their first kernel row that earlier slices took, bytes of that row
  // that they take, and kernel rows that they touch, 1 to 4
  output wire  [13:0]             skip_o,
  output wire  [ByteW-1:0]        length_o,
  output wire  [2:0]              rows_o
);
  logic [15:0]             k0_left_q;           // slices, this one included
  logic [7:0]              k1_left_q, k2_left_q;
  logic                    first_q, run_first_q;
  logic signed [AddrW-1:0] k_x_q, k1_x_q, k_row_q;
  logic signed [17:0]      k_y_q;
  logic                    k1_last;

  // ---- Gathered slices: this one, and the next one ----
  logic [13:0]      skip_q, next_skip_q;
  logic [7:0]       next_rows_left_q;          // kernel rows from the slice's first one on
  logic             next_carry_q;              // the next slice begins one row further on
  logic [ByteW-1:0] length_q;
  logic [2:0]       rows_q, first_rows, next_rows;
  logic [14:0]      skip_sum, skip_carried;
  logic [16:0]      taken1, taken2, taken3;    // bytes of so many rows of the next slice, less Simd

  assign skip_sum     = 15'(next_skip_q) + 15'(k1_step_i[13:0]);
  assign skip_carried = 15'(next_skip_q) + 15'(k1_step_i[13:0]) - 15'(run_bytes_i);
  assign taken1       = 17'(run_bytes_i) - 17'(next_skip_q) - 17'(Simd);
  assign taken2       = 17'({run_bytes_i, 1'b0}) - 17'(next_skip_q) - 17'(Simd);
  assign taken3       = 17'({run_bytes_i, 1'b0}) + 17'(run_bytes_i) - 17'(next_skip_q) - 17'(Simd);

  // A slice takes up the rest of its first kernel row and whole rows until it is full.
  assign first_rows = (16'(run_bytes_i) * 16'd3 < 16'(Simd) && win_rows_i > 8'd3) ? 3'd4 :
                      (run_bytes_i < 14'((Simd + 1) / 2) && win_rows_i > 8'd2) ? 3'd3 :
                      (run_bytes_i < 14'(Simd) && win_rows_i > 8'd1) ? 3'd2 : 3'd1;
  assign next_rows  = (taken3[16] && next_rows_left_q > 8'd3) ? 3'd4 :
                      (taken2[16] && next_rows_left_q > 8'd2) ? 3'd3 :
                      (taken1[16] && next_rows_left_q > 8'd1) ? 3'd2 : 3'd1;

  always_ff @(posedge clk_i) begin
    if (begin_i) begin
      skip_q           <= '0;
      length_q         <= (run_bytes_i < 14'(Simd)) ? ByteW'(run_bytes_i) : ByteW'(Simd);
      rows_q           <= first_rows;
      next_skip_q      <= k1_step_i[13:0];
      next_carry_q     <= 1'b0;
      next_rows_left_q <= win_rows_i - win_cols_i;
    end else if (step_i && is_gather_i) begin
      skip_q           <= next_skip_q;
      length_q         <= taken1[16] ? ByteW'(run_bytes_i - next_skip_q) : ByteW'(Simd);
      rows_q           <= next_rows;
      next_skip_q      <= skip_carried[14] ? skip_sum[13:0] : skip_carried[13:0];
      next_carry_q     <= !skip_carried[14];
      next_rows_left_q <= skip_carried[14] ? next_rows_left_q - win_cols_i
                                           : next_rows_left_q - win_cols_i - 8'd1;
    end
  end

  // ---- Counts and sums ----
  logic signed [AddrW-1:0] row_next, row_carry;
  logic signed [17:0]      y_next, y_carry;
  assign row_carry = (is_gather_i && next_carry_q) ? $signed({2'b00, win_row_step_i}) : '0;
  assign y_carry   = (is_gather_i && next_carry_q) ? $signed({10'b0, win_y_step_i}) : '0;
  assign row_next  = k_row_q + $signed({2'b00, k2_row_step_i}) + row_carry;
  assign y_next    = k_y_q + $signed({10'b0, k2_y_step_i}) + y_carry;
  assign k1_last   = k1_left_q == 8'd1;

  always_ff @(posedge clk_i) begin
    if (begin_i) begin
      first_q     <= 1'b1;
      run_first_q <= 1'b0;
      k0_left_q   <= k0_count_i;
      k1_left_q   <= k1_count_i;
      k2_left_q   <= k2_count_i;
      k_x_q       <= '0;
      k1_x_q      <= '0;
      k_row_q     <= '0;
      k_y_q       <= '0;
    end else if (step_i) begin
      first_q     <= 1'b0;
      run_first_q <= 1'b0;
      if (is_gather_i) begin
        k0_left_q <= k0_left_q - 16'd1;
        k_row_q   <= row_next;
        k_y_q     <= y_next;
      end else if (!k0_last_o) begin
        k0_left_q <= k0_left_q - 16'd1;
        k_x_q     <= k_x_q + $signed(AddrW'(Simd));
      end else begin
        k0_left_q <= k0_count_i;
        if (!k1_last) begin
          k1_left_q <= k1_left_q - 8'd1;
          k_x_q     <= k1_x_q + $signed({2'b00, k1_step_i});
          k1_x_q    <= k1_x_q + $signed({2'b00, k1_step_i});
        end else begin
          run_first_q <= 1'b1;
          k1_left_q   <= k1_count_i;
          k2_left_q   <= k2_left_q - 8'd1;
          k_x_q       <= '0;
          k1_x_q      <= '0;
          k_row_q     <= row_next;
          k_y_q       <= y_next;
        end
      end
    end
  end

  //@ if units.bnn.enabled
  logic [15:0] k0_q;
  always_ff @(posedge clk_i) begin
    if (begin_i) k0_q <= '0;
    else if (step_i) k0_q <= k0_q + 16'd1;
  end
  assign k0_o        = k0_q;  // of commands with one k1 and k2
  //@ endif
  assign first_o     = first_q;
  assign run_first_o = run_first_q;
  assign k0_last_o   = k0_left_q == 16'd1;
  assign last_o      = k0_last_o && (is_gather_i || (k1_last && k2_left_q == 8'd1));
  assign single_o    = k0_count_i == 16'd1 && k1_count_i == 8'd1 && k2_count_i == 8'd1;
  assign x_o         = k_x_q;
  assign row_o       = k_row_q;
  assign y_o         = k_y_q;
  assign skip_o      = skip_q;
  assign length_o    = length_q;
  assign rows_o      = rows_q;

  logic unused_bits;
  assign unused_bits = ^{taken1, taken2, taken3, skip_sum};
endmodule : npu_slice_walker
`default_nettype wire

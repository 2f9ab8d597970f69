`default_nettype none
// SPDX-License-Identifier: Apache-2.0
// Position of the first largest (or smallest) byte of rows of int8 values (docs/machine.md 4.7).
//
// Reads a vector of the row, compares its bytes one per cycle, and writes the position as four
// bytes, the lowest first. The vector stays outside: rd_data_i keeps its value from rd_rvalid_i
// until the grant of the next read.
`include "npu_assert.svh"
module npu_argmax #(
  parameter int unsigned ReadBytes = 16  //@ = pe.bank_width  -- bytes of a vector read
) (
  input  wire                    clk_i,
  input  wire                    rst_ni,
  input  wire                    clear_i,
  // start_i begins with the values below, which stay until busy_o falls
  input  wire                    start_i,
  input  wire                    minimum_i,       // 1: the smallest, 0: the largest
  input  wire  [15:0]            rows_i,          // at least 1
  input  wire  [23:0]            depth_i,         // values per row, at least 1
  input  wire  [24:0]            in_base_i,
  input  wire  [23:0]            in_row_step_i,
  input  wire  [23:0]            out_base_i,
  input  wire  [23:0]            out_row_step_i,
  output wire                    busy_o,
  // vector reads, one at a time; the data comes with rd_rvalid_i some cycles after the grant, and
  // not at all after clear_i. Bytes beyond the row may have any value.
  output wire                    rd_valid_o,
  input  wire                    rd_ready_i,
  output wire  [24:0]            rd_addr_o,
  output wire  [24:0]            rd_row_o,  // address of the row
  input  wire  [8*ReadBytes-1:0] rd_data_i,
  input  wire                    rd_rvalid_i,
  // outputs
  output wire                    out_valid_o,
  input  wire                    out_ready_i,
  output wire  [23:0]            out_addr_o,
  output wire  [7:0]             out_data_o
);
  if (ReadBytes < 1 || (ReadBytes & (ReadBytes - 1)) != 0) begin : gen_bad
    $error("npu_argmax: ReadBytes must be a power of two");
  end

  typedef enum logic [2:0] {
    StIdle,
    StFetch,  // ask for a vector
    StData,   // wait for it and use its first byte
    StWalk,   // use the other bytes
    StWrite   // write the position
  } state_e;

  state_e state_q;

  logic [15:0] rows_left_q;
  logic [24:0] in_row_q, in_addr_q;
  logic [23:0] out_row_q, out_addr_q;
  logic [23:0] position_q, position_next;  // in the row, of the byte to use
  logic [23:0] best_position_q;            // shifted down by the writes
  logic [7:0]  best_key_q;
  logic [1:0]  out_index_q;
  logic        byte_go, row_end, vector_end, row_done;

  assign position_next = position_q + 24'd1;
  assign row_end       = position_next == depth_i;
  assign byte_go       = state_q == StWalk || (state_q == StData && rd_rvalid_i);
  assign row_done      = state_q == StWrite && out_ready_i && out_index_q == 2'd3;

  // The byte as an unsigned key, of which the first largest is wanted; 0 without a byte. The key of
  // the best byte begins as 0 at position 0: right for a row of nothing but zero keys, too.
  logic [7:0] value, key;

  if (ReadBytes == 1) begin : gen_byte
    assign value      = rd_data_i;
    assign vector_end = 1'b1;
  end else begin : gen_vector
    localparam int unsigned IndexW = $clog2(ReadBytes);
    logic [IndexW-1:0] index;
    assign index      = position_q[IndexW-1:0];
    assign value      = rd_data_i[{index, 3'b000}+:8];
    assign vector_end = &index;
  end
  assign key = byte_go ? value ^ {!minimum_i, {7{minimum_i}}} : '0;

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i) begin
      state_q <= StIdle;
    end else begin
      unique case (state_q)
        StIdle:  if (start_i) state_q <= StFetch;
        StFetch: if (rd_ready_i) state_q <= StData;
        StData, StWalk: begin
          if (byte_go) state_q <= row_end ? StWrite : vector_end ? StFetch : StWalk;
        end
        default: begin  // StWrite
          if (row_done) state_q <= (rows_left_q == 16'd1) ? StIdle : StFetch;
        end
      endcase
    end
  end

  always_ff @(posedge clk_i) begin
    unique case (state_q)
      StIdle: begin
        if (start_i) begin
          rows_left_q     <= rows_i;
          in_row_q        <= in_base_i;
          in_addr_q       <= in_base_i;
          out_row_q       <= out_base_i;
          out_addr_q      <= out_base_i;
          out_index_q     <= '0;
          position_q      <= '0;
          best_position_q <= '0;
          best_key_q      <= '0;
        end
      end
      StFetch: if (rd_ready_i) in_addr_q <= in_addr_q + 25'(ReadBytes);
      StData, StWalk: begin
        if (byte_go) begin
          position_q <= position_next;
          if (key > best_key_q) begin
            best_key_q      <= key;
            best_position_q <= position_q;
          end
        end
      end
      default: begin  // StWrite
        if (out_ready_i) begin
          out_index_q     <= out_index_q + 2'd1;
          out_addr_q      <= out_addr_q + 24'd1;
          best_position_q <= best_position_q >> 8;  // 0 after the last write
        end
        if (row_done) begin
          rows_left_q <= rows_left_q - 16'd1;
          in_row_q    <= in_row_q + {1'b0, in_row_step_i};
          in_addr_q   <= in_row_q + {1'b0, in_row_step_i};
          out_row_q   <= out_row_q + out_row_step_i;
          out_addr_q  <= out_row_q + out_row_step_i;
          position_q  <= '0;
          best_key_q  <= '0;
        end
      end
    endcase
  end

  assign busy_o      = state_q != StIdle;
  assign rd_valid_o  = state_q == StFetch;
  assign rd_addr_o   = in_addr_q;
  assign rd_row_o    = in_row_q;
  assign out_valid_o = state_q == StWrite;
  assign out_addr_o  = out_addr_q;
  assign out_data_o  = best_position_q[7:0];

  // What is asked for stays until it is granted, and a result until it is taken.
  `NPU_ASSERT_STABLE(ReadStays, rd_valid_o, rd_ready_i, {rd_addr_o, rd_row_o}, clear_i)
  `NPU_ASSERT_STABLE(OutputStays, out_valid_o, out_ready_i, {out_addr_o, out_data_o}, clear_i)

  // The best byte so far was used already.
  `NPU_ASSERT(BestIsBefore, state_q == StIdle || state_q == StWrite ||
              best_position_q <= position_q)
endmodule : npu_argmax
`default_nettype wire

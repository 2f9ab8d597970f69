`default_nettype none
// SPDX-License-Identifier: Apache-2.0
// Drain: takes finished tiles out of the accumulators, PostWidth results per cycle, and loads each
// group's parameter records before its first result.
//
// A tile is announced with its last grant; the sums are complete three cycles later, with more
// stages of the lanes as many cycles more. A half is busy from the announcement until its last
// result has been read.
`include "npu_assert.svh"
module npu_drain #(
  parameter int unsigned PeLanes      = 16,    // lanes of all cores of the PE
  parameter int unsigned PostWidth    = 16,    //@ = units.postprocess_width  -- results per cycle
  parameter int unsigned Accumulators = 16,    //@ = core.accumulators  -- entries per half
  parameter int unsigned Stages       = 1,     //@ = lane.stages  -- of a sum, 1 or 2
  parameter int unsigned ParamRows    = 3,     // core memory rows of a group's records
  parameter int unsigned BiasRows     = 1,     // the same with common_scale, at most ParamRows
  //@ if units.bnn.residual
  parameter int unsigned AffineRows   = 4,     // the same with affine, at least ParamRows
  //@ endif
  parameter int unsigned Rows         = 1024,  // rows of core memory, for bounds
  localparam int unsigned Chunks      = (PeLanes + PostWidth - 1) / PostWidth,
  localparam int unsigned ChunkW      = (Chunks > 1) ? $clog2(Chunks) : 1,
  localparam int unsigned IndexW      = (Accumulators > 1) ? $clog2(Accumulators) : 1,
  localparam int unsigned SizeW       = $clog2(Accumulators + 1),
  //@ if units.bnn.residual
  localparam int unsigned ParamW      = (AffineRows > 1) ? $clog2(AffineRows) : 1
  //@ else
  //@: localparam int unsigned ParamW      = (ParamRows > 1) ? $clog2(ParamRows) : 1
  //@ endif
) (
  input  wire                  clk_i,
  input  wire                  rst_ni,
  input  wire                  clear_i,
  // the running command; start_i begins it (only for MATMUL and WINDOW with drain)
  input  wire                  common_scale_i,
  //@ if units.bnn.residual
  input  wire                  affine_i,
  input  wire                  affine_busy_i,   // records are still in use
  input  wire                  affine_reads_i,  // sums of the last result are, too
  //@ endif
  input  wire  [15:0]          group_channels_i,
  input  wire  [23:0]          param_row_i,
  input  wire  [15:0]          param_group_rows_i,
  input  wire  [15:0]          channels_i,
  input  wire  [15:0]          groups_i,
  input  wire  [23:0]          positions_i,
  input  wire                  start_i,
  output wire                  busy_o,
  // finished tiles from the sequencer
  input  wire                  tile_end_i,
  input  wire                  tile_half_i,
  input  wire  [SizeW-1:0]     tile_size_i,
  output wire  [1:0]           half_free_o,
  // core memory row port for the records
  output wire                  row_valid_o,
  input  wire                  row_ready_i,
  output wire  [23:0]          row_addr_o,
  output wire                  record_we_o,
  output wire  [ParamW-1:0]    record_row_o,
  // accumulators
  output wire                  read_o,
  output wire                  read_half_o,
  output wire  [IndexW-1:0]    read_index_o,
  // results: the chunk of the sums that are valid in this cycle
  input  wire                  room_i,          // one more result may be issued
  //@ if units.float
  input  wire                  hold_i,          // the last result's sums and records are needed
  //@ endif
  output wire                  result_valid_o,
  output wire  [ChunkW-1:0]    result_chunk_o,
  output wire                  result_last_o,   // last chunk of its position
  output wire  [PostWidth-1:0] result_strb_o,
  //@ if units.residual
  // the next result
  output wire                  next_valid_o,    // there is one
  output wire                  next_issue_o,    // it is issued
  output wire  [ChunkW-1:0]    next_chunk_o,
  output wire  [15:0]          next_bytes_o,    // of its position, from the chunk on
  //@ endif
  // a row outside core memory (pulse, row number)
  output wire                  error_o,
  output wire  [23:0]          error_row_o
);
  wire clk;  // stands still while nothing here changes

  // Announced tiles, delayed until their sums are complete.
  logic             delay1_q, delay2_q, delay1_half_q, delay2_half_q;
  logic [SizeW-1:0] delay1_size_q, delay2_size_q;
  logic             complete, complete_half, delay_busy;
  logic [SizeW-1:0] complete_size;
  logic             tile_valid, tile_half, tile_done;
  logic [SizeW-1:0] tile_size;
  logic [1:0]       half_busy_q;
  //@ if units.float
  logic             free_q, free_half_q;  // a half whose last result has been issued
  //@ endif

  always_ff @(posedge clk) begin
    delay1_q <= rst_ni && !clear_i && tile_end_i;
    delay2_q <= rst_ni && !clear_i && delay1_q;
    if (tile_end_i) begin
      delay1_half_q <= tile_half_i;
      delay1_size_q <= tile_size_i;
    end
    if (delay1_q) begin
      delay2_half_q <= delay1_half_q;
      delay2_size_q <= delay1_size_q;
    end
  end

  if (Stages > 1) begin : gen_delay3
    localparam int unsigned More = Stages - 1;  // the last ones come first
    logic [More-1:0]       later_q, later_half_q;
    logic [SizeW*More-1:0] later_size_q;
    always_ff @(posedge clk) begin
      later_q <= (rst_ni && !clear_i) ? More'({later_q, delay2_q}) : '0;
      if (delay2_q || (More > 1 && later_q != '0)) begin
        later_half_q <= More'({later_half_q, delay2_half_q});
        later_size_q <= (SizeW * More)'({later_size_q, delay2_size_q});
      end
    end
    assign complete      = later_q[More-1];
    assign complete_half = later_half_q[More-1];
    assign complete_size = later_size_q[SizeW*(More-1)+:SizeW];
    assign delay_busy    = delay1_q || delay2_q || later_q != '0;
  end else begin : gen_delay2
    assign complete      = delay2_q;
    assign complete_half = delay2_half_q;
    assign complete_size = delay2_size_q;
    assign delay_busy    = delay1_q || delay2_q;
  end

  logic       unused_tile_ready;
  logic [1:0] unused_tile_count;
  npu_fifo #(
    .Width(SizeW + 1),
    .Depth(2)
  ) u_tiles (
    .clk_i(clk),
    .rst_ni,
    .clear_i,
    .valid_i(complete),
    .ready_o(unused_tile_ready),
    .data_i ({complete_half, complete_size}),
    .valid_o(tile_valid),
    .ready_i(tile_done),
    .data_o ({tile_half, tile_size}),
    .count_o(unused_tile_count)
  );

  // Parameter records of the current group.
  logic              loading_q, records_valid_q, record_we_q;
  logic [ParamW-1:0] load_row_q, record_row_q;
  logic [23:0]       row_q, group_row_q;
  logic [ParamW-1:0] last_row;
  logic              out_of_memory;

  //@ if units.bnn.residual
  assign last_row      = affine_i ? ParamW'(AffineRows - 1) :
                         common_scale_i ? ParamW'(BiasRows - 1) : ParamW'(ParamRows - 1);
  //@ else
  //@: assign last_row      = common_scale_i ? ParamW'(BiasRows - 1) : ParamW'(ParamRows - 1);
  //@ endif
  assign out_of_memory = row_q >= 24'(Rows);
  logic held;  // the last result's records are still needed
  always_comb begin
    held = 1'b0;
    if (hold_i) held = 1'b1;  //@ if units.float
    if (affine_busy_i) held = 1'b1;  //@ if units.bnn.residual
  end
  assign row_valid_o   = loading_q && !out_of_memory && !held;
  assign row_addr_o    = row_q;

  // Results: position by position, chunk by chunk.
  logic [SizeW-1:0]  index_q;
  logic [ChunkW-1:0] chunk_q;
  logic [15:0]       channels_left_q, chunk_left_q, group_channels, chunk_left, groups_left_q;
  logic [23:0]       positions_left_q;
  logic              issue, chunk_last, position_last, group_done;

  assign group_channels = (channels_left_q < group_channels_i) ? channels_left_q
                                                               : group_channels_i;
  assign chunk_left     = (chunk_q == '0) ? group_channels : chunk_left_q;
  assign chunk_last     = chunk_left <= 16'(PostWidth) || chunk_q == ChunkW'(Chunks - 1);
  assign issue          = tile_valid && records_valid_q && room_i;
  assign position_last  = index_q + SizeW'(1) == tile_size;
  assign tile_done      = issue && chunk_last && position_last;
  assign group_done     = tile_done && positions_left_q == 24'(tile_size);

  logic                 result_valid_q, result_last_q;
  logic [ChunkW-1:0]    result_chunk_q;
  logic [PostWidth-1:0] result_strb_q;

  always_ff @(posedge clk) begin
    if (!rst_ni || clear_i) begin
      loading_q       <= 1'b0;
      records_valid_q <= 1'b0;
      record_we_q     <= 1'b0;
      half_busy_q     <= '0;
      free_q          <= 1'b0; //@ if units.float
      result_valid_q  <= 1'b0;
    end else begin
      record_we_q    <= row_valid_o && row_ready_i;
      result_valid_q <= issue;
      if (tile_end_i) half_busy_q[tile_half_i] <= 1'b1;
      //@ if units.float
      // The sums of the last result stay as long as nothing else is read out of their half.
      free_q <= tile_done || (free_q && hold_i);
      if (free_q && !hold_i) half_busy_q[free_half_q] <= 1'b0;
      //@ else
      //@:if (tile_done) half_busy_q[tile_half] <= 1'b0;
      //@ endif

      // The last row is requested one cycle before it is written and two before its first use.
      if (record_we_q && record_row_q == last_row) records_valid_q <= 1'b1;
      if (row_valid_o && row_ready_i && load_row_q == last_row) loading_q <= 1'b0;
      if (start_i || group_done) begin
        records_valid_q <= 1'b0;
        loading_q       <= start_i || groups_left_q != 16'd1;
      end
      if (error_o) loading_q <= 1'b0;
    end
  end

  //@ if units.float
  always_ff @(posedge clk) begin
    if (tile_done) free_half_q <= tile_half;
  end
  //@ endif

  always_ff @(posedge clk) begin
    if (start_i || group_done) begin
      load_row_q       <= '0;
      row_q            <= start_i ? param_row_i : group_row_q + 24'(param_group_rows_i);
      group_row_q      <= start_i ? param_row_i : group_row_q + 24'(param_group_rows_i);
      channels_left_q  <= start_i ? channels_i : channels_left_q - group_channels;
      groups_left_q    <= start_i ? groups_i : groups_left_q - 16'd1;
      positions_left_q <= positions_i;
    end else begin
      if (row_valid_o && row_ready_i) begin
        load_row_q <= load_row_q + ParamW'(1);
        row_q      <= row_q + 24'd1;
      end
      if (tile_done) positions_left_q <= positions_left_q - 24'(tile_size);
    end
    if (row_valid_o && row_ready_i) record_row_q <= load_row_q;

    if (start_i) begin
      index_q <= '0;
      chunk_q <= '0;
    end else if (issue) begin
      chunk_q      <= chunk_last ? '0 : chunk_q + ChunkW'(1);
      chunk_left_q <= chunk_left - 16'(PostWidth);
      if (chunk_last) index_q <= position_last ? '0 : index_q + SizeW'(1);
    end
    if (issue) begin
      result_chunk_q <= chunk_q;
      result_last_q  <= chunk_last;
      for (int unsigned i = 0; i < PostWidth; i++) result_strb_q[i] <= 16'(i) < chunk_left;
    end
  end

  //@ if units.bnn.residual
  assign busy_o         = delay_busy || tile_valid || loading_q || record_we_q ||
                          result_valid_q || half_busy_q != '0 || affine_busy_i;
  //@ else
  //@: assign busy_o         = delay_busy || tile_valid || loading_q || record_we_q ||
//@:                      result_valid_q || half_busy_q != '0;
  //@ endif
  //@ if units.bnn.residual
  logic read_half_q;  // of the last result
  always_ff @(posedge clk) begin
    if (issue) read_half_q <= tile_half;
  end
  assign half_free_o    = ~(half_busy_q | {affine_reads_i && read_half_q,
                                           affine_reads_i && !read_half_q});
  //@ else
  //@: assign half_free_o    = ~half_busy_q;
  //@ endif
  assign record_we_o    = record_we_q;
  assign record_row_o   = record_row_q;
  assign read_o         = issue && chunk_q == '0;
  assign read_half_o    = tile_half;
  assign read_index_o   = index_q[IndexW-1:0];
  assign result_valid_o = result_valid_q;
  assign result_chunk_o = result_chunk_q;
  assign result_last_o  = result_last_q;
  assign result_strb_o  = result_strb_q;
  assign error_o        = loading_q && out_of_memory;
  assign error_row_o    = row_q;
  //@ if units.residual
  logic next_valid_q;
  always_ff @(posedge clk) begin
    if (!rst_ni || clear_i) next_valid_q <= 1'b0;
    else if (start_i || group_done) next_valid_q <= start_i || groups_left_q != 16'd1;
  end
  assign next_valid_o   = next_valid_q;
  assign next_issue_o   = issue;
  assign next_chunk_o   = chunk_q;
  assign next_bytes_o   = chunk_left;
  //@ endif

  logic unused_bits;
  assign unused_bits = ^index_q;

  npu_clock_gate u_gate (
    .clk_i,
    .enable_i(!rst_ni || clear_i || start_i || tile_end_i || busy_o),
    .clk_o   (clk)
  );

  // A tile is announced only for a half that is free.
  `NPU_ASSUME(HalfIsFree, !tile_end_i || half_free_o[tile_half_i])

  // Announced tiles find room.
  `NPU_ASSERT(RoomForTiles, !complete || unused_tile_ready)

  // A row that is asked for stays until it is granted, and lies in core memory.
  `NPU_ASSERT_STABLE(RowStays, row_valid_o, row_ready_i, row_addr_o, clear_i || start_i)
  `NPU_ASSERT(RowInRange, !row_valid_o || 32'(row_addr_o) < Rows)

  // Results come only of a half that is busy, and of positions that the tile has.
  `NPU_ASSERT(ResultsOfTile, !issue || (half_busy_q[tile_half] && index_q < tile_size))
endmodule : npu_drain
`default_nettype wire

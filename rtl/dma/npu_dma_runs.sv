`default_nettype none
// SPDX-License-Identifier: Apache-2.0
// Lists the runs of a DMA box: size1*size2*size3*size4 of them, dimension 1 innermost, one per
// cycle.
//
// Positions are kept for the start of every dimension, so a step is one addition per side
// whichever dimension moves. They are modulo 2^32: a box that starts before its source (with
// bounds) has a "negative" global_offset. The first run is shown two cycles after the command is
// taken.
//@ if units.dma.im2col
//
// With im2col the runs are pixels: they are counted, dimension 1 has a stride on the local side,
// and the global side goes as before, but for the ends of dimensions, which are coordinates, and
// for where a dimension begins anew. The first run comes one cycle later.
//@ endif
//@ if units.dma.transpose
//
// With transpose a box is listed in strips of BusBytes bytes of all runs, strip behind strip; what
// a strip has of a run is a piece. Sizes and copied bytes are those of pieces then, and the local
// side is where the first column of the piece's tile goes.
//@ endif
`include "npu_assert.svh"
module npu_dma_runs #(
  //@ if units.dma.im2col
  parameter bit WithPixels = 1'b1,  // 0: no im2col (STORE)
  //@ endif
  //@ if units.dma.store_bounds
  parameter bit CopiesOnly = 1'b0,  // 1: the local side has the copied bytes only (STORE)
  //@ endif
  //@ if units.dma.transpose
  parameter bit WithTiles = 1'b1,        // 0: no transpose (STORE)
  parameter int unsigned BusBytes = 16,  //@ = npu.axi.bytes  -- bytes of a piece: 4 .. 64
  //@ endif
  parameter bit WithBounds = 1'b1  // 0: the command's bounds are ignored (STORE)
) (
  input  wire                      clk_i,
  input  wire                      rst_ni,
  input  wire                      clear_i,
  // command, copied when it is taken
  input  wire                      cmd_valid_i,
  output wire                      cmd_ready_o,    // no command held
  input  wire  [28*32-1:0]         cmd_i,          // npu_isa_pkg::dma_command_t
  // the same for all runs of the command
  output wire  [23:0]              size_o,         // bytes of a run on the local side
  output wire  [23:0]              left_o,         // of these, filled before the source's bytes
  output wire  [23:0]              copied_o,       // of these, from the source; the rest is filled
  // run
  output wire                      run_valid_o,
  input  wire                      run_ready_i,
  output wire                      run_first_o,    // of the command
  output wire                      run_last_o,
  output wire                      run_outside_o,  // all of it is fill
  //@ if units.dma.transpose
  output wire                      run_tiles_o,    // it is a piece of a tile:
  output wire  [5:0]               run_rows_o,     // pieces of the tile - 1, with the first one
  output wire  [31:0]              run_reach_o,    // from its first column to its last one
  //@ endif
  output wire  [31:0]              run_global_o,   // global side: offset of the first copied byte
  output wire  [31:0]              run_local_o     // local side: address of the first byte
);
  npu_isa_pkg::dma_command_t cmd;

  assign cmd = cmd_i;

  logic                   setup_q, valid_q, first_q;
  logic                   take, step;
  logic                   bounds_q;
  logic        [23:0]     size_q, left_q, copied_q;
  logic        [15:0]     count1_q, count2_q, count3_q, count4_q;  // runs - 1
  logic        [15:0]     to_go1_q, to_go2_q, to_go3_q, to_go4_q;  // runs to come after this one
  logic        [31:0]     gstride1_q, gstride2_q, gstride3_q, gstride4_q;
  logic        [31:0]     lstride1_q, lstride2_q, lstride3_q, lstride4_q;
  logic        [31:0] global1_q, global2_q, global3_q, global4_q;
  logic        [31:0] local1_q, local2_q, local3_q, local4_q;
  logic                   carry1, carry2, carry3, last;  // dimension 1, 1..2, 1..3, 1..4 at its end
  logic        [31:0] global_from, local_from, global_next, local_next;
  logic        [31:0]     gstride, lstride;
  //@ if units.dma.im2col
  logic                   back_q, pixels;
  logic        [2:0]      at_high;  // a step would take coordinates 1, 2, 3 to their ends
  //@ endif
  logic        [31:0]     local_begin;  //@ if units.dma.store_bounds
  //@ if units.dma.transpose
  localparam int unsigned ByteW = $clog2(BusBytes);
  logic                   tiles, tiles_q;
  logic                   tile_end, strip_end;    // the piece is the last one of them
  logic        [1:0]      element_q;
  logic        [5:0]      row_q, tile_last;       // number of the piece in its tile; of the last
  logic        [23:0]     bytes;                  // of a piece of the next strip
  logic        [ByteW:0]  piece_q;                // of this one
  logic        [ByteW:0]  last_column;            // of a tile of the next strip
  logic        [31:0]     strip_stride, reach_q;  // between first copied bytes of strips
  //@ endif
  logic        [31:0]     left_all;  // bytes before coordinate 0, not limited by the size
  logic        [23:0]     copied;
  logic                   outside;

  assign take = cmd_valid_i && cmd_ready_o;
  assign step = valid_q && run_ready_i;

  // The dimension that moves and everything inside it restart at the moved position.
  //@ if units.dma.im2col
  assign carry1 = pixels ? at_high[0] : to_go1_q == '0;
  assign carry2 = carry1 && (pixels ? at_high[1] : to_go2_q == '0);
  assign carry3 = carry2 && (pixels ? at_high[2] : to_go3_q == '0);
  assign last   = pixels ? to_go1_q == '0 : carry3 && to_go4_q == '0;
  //@ else
  //@: assign carry1 = to_go1_q == '0;
  //@: assign carry2 = carry1 && to_go2_q == '0;
  //@: assign carry3 = carry2 && to_go3_q == '0;
  //@: assign last   = carry3 && to_go4_q == '0;
  //@ endif

  assign global_from = carry3 ? global4_q : carry2 ? global3_q : carry1 ? global2_q : global1_q;
  assign local_from  = carry3 ? local4_q : carry2 ? local3_q : carry1 ? local2_q : local1_q;
  assign gstride     = carry3 ? gstride4_q : carry2 ? gstride3_q : carry1 ? gstride2_q : gstride1_q;
  assign lstride     = carry3 ? lstride4_q : carry2 ? lstride3_q : carry1 ? lstride2_q : lstride1_q;
  //@ if units.dma.transpose
  assign global_next = global_from + (strip_end ? strip_stride : gstride);
  //@ endif
  //@ unless units.dma.transpose: assign global_next = global_from + gstride;
  //@ if units.dma.im2col
  assign local_next  = (pixels ? local1_q : local_from) + (pixels ? lstride1_q : lstride);
  //@ endif
  //@ unless units.dma.im2col: assign local_next  = local_from + lstride;

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i) begin
      setup_q <= 1'b0;
      back_q  <= 1'b0;  //@ if units.dma.im2col
      valid_q <= 1'b0;
    end else begin
      setup_q <= take;
      back_q  <= setup_q && pixels;  //@ if units.dma.im2col
      if ((setup_q && !pixels) || back_q) valid_q <= 1'b1;  //@ if units.dma.im2col
      //@ unless units.dma.im2col: if (setup_q) valid_q <= 1'b1;
      else if (step && last) valid_q <= 1'b0;
    end
  end

  //@ if units.dma.store_bounds
  assign local_begin = CopiesOnly ? local1_q + left_all : local1_q;

  //@ endif
  //@ if units.dma.transpose
  assign tiles     = WithTiles && tiles_q;
  assign tile_last = 6'((BusBytes - 1) >> element_q);
  assign tile_end  = carry1 || row_q == tile_last;
  assign strip_end = carry3 && tiles;
  assign bytes     = (tiles && size_q[23:ByteW] != '0) ? 24'(BusBytes) : size_q;
  assign last_column = (bytes[ByteW:0] >> element_q) - (ByteW + 1)'(1);

  always_ff @(posedge clk_i) begin
    if (take && WithTiles) begin
      tiles_q   <= cmd.transpose;
      element_q <= cmd.element;
    end
    if (WithTiles && (setup_q || (step && strip_end))) begin
      piece_q <= bytes[ByteW:0];
      // A stride of more than 24 bits is refused.
      reach_q <= 32'(last_column) * 32'($signed(lstride1_q[23:0]));
    end
    if (setup_q) row_q <= '0;
    else if (WithTiles && step) row_q <= tile_end ? '0 : row_q + 6'd1;
  end

  //@ endif
  always_ff @(posedge clk_i) begin
    if (take) begin
      size_q     <= cmd.size0;
      bounds_q   <= WithBounds && cmd.bounds;
      count1_q   <= (cmd.size1 == '0) ? '0 : cmd.size1 - 16'd1;
      count2_q   <= (cmd.size2 == '0) ? '0 : cmd.size2 - 16'd1;
      count3_q   <= (cmd.size3 == '0) ? '0 : cmd.size3 - 16'd1;
      count4_q   <= (cmd.size4 == '0) ? '0 : cmd.size4 - 16'd1;
      gstride1_q <= cmd.global_stride1;
      gstride2_q <= cmd.global_stride2;
      gstride3_q <= cmd.global_stride3;
      gstride4_q <= cmd.global_stride4;
      lstride1_q <= cmd.local_stride1;
      lstride2_q <= cmd.local_stride2;
      lstride3_q <= cmd.local_stride3;
      //@ if units.dma.transpose
      lstride4_q <= !(WithTiles && cmd.transpose) ? cmd.local_stride4 :
                    cmd.local_stride1 << (3'(ByteW) - 3'(cmd.element));
      //@ endif
      //@ unless units.dma.transpose: lstride4_q <= cmd.local_stride4;
      global1_q  <= cmd.global_offset;
      local1_q   <= 32'(cmd.local_address);
    end
    if (setup_q) begin
      left_q    <= left_all[23:0];
      copied_q  <= copied;
      first_q   <= 1'b1;
      global1_q <= global1_q + left_all;
      global2_q <= global1_q + left_all;
      global3_q <= global1_q + left_all;
      global4_q <= global1_q + left_all;
      //@ if units.dma.store_bounds
      local1_q  <= local_begin;
      local2_q  <= local_begin;
      local3_q  <= local_begin;
      local4_q  <= local_begin;
      //@ else
//@:  local2_q  <= local1_q;
//@:  local3_q  <= local1_q;
//@:  local4_q  <= local1_q;
      //@ endif
      to_go1_q  <= count1_q;
      to_go2_q  <= count2_q;
      to_go3_q  <= count3_q;
      to_go4_q  <= tiles ? 16'(size_q != bytes) : count4_q;  //@ if units.dma.transpose
      //@ unless units.dma.transpose: to_go4_q  <= count4_q;
      if (tiles) size_q <= size_q - bytes;  //@ if units.dma.transpose
    end
    //@ if units.dma.im2col
    // Where coordinates 1, 1..2, 1..3 begin anew.
    if (back_q) begin
      global2_q <= global1_q + lstride2_q;
      global3_q <= global1_q + lstride3_q;
      global4_q <= global1_q + lstride4_q;
    end
    //@ endif
    // A step of the last run changes the positions too: nothing looks at them any more.
    if (step) begin
      first_q   <= 1'b0;
      global1_q <= global_next;
      local1_q  <= local_next;
      to_go1_q  <= (carry1 && !pixels) ? count1_q : to_go1_q - 16'd1;  //@ if units.dma.im2col
      //@ unless units.dma.im2col: to_go1_q  <= carry1 ? count1_q : to_go1_q - 16'd1;
      if (carry1) begin
        global2_q <= global_next;
        local2_q  <= local_next;
        to_go2_q  <= carry2 ? count2_q : to_go2_q - 16'd1;
      end
      if (carry2) begin
        global3_q <= global_next;
        local3_q  <= local_next;
        to_go3_q  <= carry3 ? count3_q : to_go3_q - 16'd1;
      end
      if (carry3) begin
        global4_q <= global_next;
        local4_q  <= local_next;
        to_go4_q  <= to_go4_q - 16'd1;
      end
      //@ if units.dma.transpose
      // All pieces of a tile have its place.
      if (tiles && !carry1) local1_q <= tile_end ? local1_q + 32'(BusBytes) : local1_q;
      if (strip_end) begin
        to_go4_q <= 16'(size_q != bytes);
        size_q   <= size_q - bytes;
        left_q   <= left_all[23:0];
        copied_q <= copied;
      end
      //@ endif
    end
  end

  if (WithBounds) begin : gen_bounds
    logic signed [32:0] start0_q;  //@ if units.dma.transpose
    //@ unless units.dma.transpose: logic signed [31:0] start0_q;
    logic        [31:0] extent0_q;
    logic signed [15:0] start1_q, start2_q, start3_q;  //@ if units.dma.im2col
    //@ unless units.dma.im2col: logic signed [15:0] start1_q, start2_q, start3_q, start4_q;
    logic        [15:0] extent1_q, extent2_q, extent3_q, extent4_q;
    //@ if units.dma.strides
    logic        [3:0]  step1_q, step2_q, step3_q, step4_q;
    logic signed [20:0] x1_q, x2_q, x3_q, x4_q;  // coordinates of the run
    logic signed [20:0] step1, step2, step3, step4;
    //@ else
//@:logic signed [17:0] x1_q, x2_q, x3_q, x4_q;  // coordinates of the run
    //@ endif
    logic signed [33:0] in_range;                  // bytes inside as far as one end goes
    logic        [31:0] at_most;                 // the other end's limit

    // One addition serves both cases: start before 0 (the run's end counts) and not (the extent's).
    //@ if units.dma.transpose
    assign in_range = start0_q[32] ? 34'(bytes) + 34'(start0_q) : 34'(extent0_q) - 34'(start0_q);
    assign at_most  = start0_q[32] ? extent0_q : 32'(bytes);
    assign left_all = (bounds_q && start0_q[32]) ? 32'(-start0_q) : '0;
    assign copied   = !bounds_q ? bytes : in_range[33] ? '0 :
                      (in_range[32:0] < 33'(at_most)) ? in_range[23:0] : at_most[23:0];

    // Strips before coordinate 0 all have the first byte behind it.
    assign strip_stride = (!bounds_q || start0_q[32:ByteW] != '0) ?
                          ((bounds_q && start0_q[32]) ? '0 : 32'(BusBytes)) :
                          32'(start0_q[ByteW-1:0]);
    //@ else
//@:assign in_range = start0_q[31] ? 34'(size_q) + 34'(start0_q) : 34'(extent0_q) - 34'(start0_q);
//@:assign at_most  = start0_q[31] ? extent0_q : 32'(size_q);
//@:assign left_all = (bounds_q && start0_q[31]) ? 32'(-start0_q) : '0;
//@:assign copied   = !bounds_q ? size_q : in_range[33] ? '0 :
//@:                  (in_range[32:0] < 33'(at_most)) ? in_range[23:0] : at_most[23:0];
    //@ endif

    // A coordinate is inside when it is not negative and below the extent.
    assign outside = bounds_q &&
    //@ if units.dma.strides
        (x1_q[20] || x1_q[19:0] >= 20'(extent1_q) || x2_q[20] || x2_q[19:0] >= 20'(extent2_q) ||
         x3_q[20] || x3_q[19:0] >= 20'(extent3_q) || x4_q[20] || x4_q[19:0] >= 20'(extent4_q));

    // 0 counts as 1.
    assign step1 = 21'({step1_q[3:1], step1_q[0] || step1_q[3:1] == '0});
    assign step2 = 21'({step2_q[3:1], step2_q[0] || step2_q[3:1] == '0});
    assign step3 = 21'({step3_q[3:1], step3_q[0] || step3_q[3:1] == '0});
    assign step4 = 21'({step4_q[3:1], step4_q[0] || step4_q[3:1] == '0});

    always_ff @(posedge clk_i) begin
      if (take) begin
        {step4_q, step3_q, step2_q, step1_q} <= {cmd.step4, cmd.step3, cmd.step2, cmd.step1};
      end
    end
    //@ else
//@:    (x1_q[17] || x1_q[16:0] >= {1'b0, extent1_q} ||
//@:     x2_q[17] || x2_q[16:0] >= {1'b0, extent2_q} ||
//@:     x3_q[17] || x3_q[16:0] >= {1'b0, extent3_q} ||
//@:     x4_q[17] || x4_q[16:0] >= {1'b0, extent4_q});
    //@ endif

    //@ if units.dma.im2col
    logic               pixels_q;
    logic signed [15:0] high1_q, high2_q, high3_q;
    logic signed [20:0] last1_q, last2_q, last3_q;  // the least ones that a step takes to the end

    assign pixels  = pixels_q;
    assign at_high = {x3_q >= last3_q, x2_q >= last2_q, x1_q >= last1_q};

    always_ff @(posedge clk_i) begin
      if (take) begin
        pixels_q <= WithPixels && cmd.im2col;
        high1_q  <= cmd.size2;
        high2_q  <= cmd.size3;
        high3_q  <= cmd.size4;
      end
      if (setup_q) begin
        last1_q <= 21'(high1_q) - step1;
        last2_q <= 21'(high2_q) - step2;
        last3_q <= 21'(high3_q) - step3;
      end
    end

    //@ endif
    always_ff @(posedge clk_i) begin
      if (take) begin
        start0_q  <= 33'($signed(cmd.start0));  //@ if units.dma.transpose
        //@ unless units.dma.transpose: start0_q  <= cmd.start0;
        //@ if units.dma.im2col
        // Where the coordinates begin anew.
        start1_q  <= cmd.im2col ? cmd.low1 : cmd.start1;
        start2_q  <= cmd.im2col ? cmd.low2 : cmd.start2;
        start3_q  <= cmd.im2col ? 16'($signed(cmd.low3)) : cmd.start3;
        //@ else
//@:    start1_q  <= cmd.start1;
//@:    start2_q  <= cmd.start2;
//@:    start3_q  <= cmd.start3;
        //@ endif
        //@ unless units.dma.im2col: start4_q  <= cmd.start4;
        extent0_q <= cmd.extent0;
        extent1_q <= cmd.extent1;
        extent2_q <= cmd.extent2;
        extent3_q <= cmd.extent3;
        extent4_q <= cmd.extent4;
      end
      //@ if units.dma.transpose
      if (setup_q || (step && strip_end)) start0_q <= start0_q + 33'(BusBytes);
      //@ endif
      //@ if units.dma.strides
      if (take) begin  //@ if units.dma.im2col
        x1_q <= 21'($signed(cmd.start1));  //@ if units.dma.im2col
        x2_q <= 21'($signed(cmd.start2));  //@ if units.dma.im2col
        x3_q <= 21'($signed(cmd.start3));  //@ if units.dma.im2col
        x4_q <= 21'($signed(cmd.start4));  //@ if units.dma.im2col
      //@ unless units.dma.im2col: if (setup_q) begin
        //@ unless units.dma.im2col: x1_q <= 21'(start1_q);
        //@ unless units.dma.im2col: x2_q <= 21'(start2_q);
        //@ unless units.dma.im2col: x3_q <= 21'(start3_q);
        //@ unless units.dma.im2col: x4_q <= 21'(start4_q);
      end
      if (step) begin
        x1_q <= carry1 ? 21'(start1_q) : x1_q + step1;
        if (carry1) x2_q <= carry2 ? 21'(start2_q) : x2_q + step2;
        if (carry2) x3_q <= carry3 ? 21'(start3_q) : x3_q + step3;
        if (carry3) x4_q <= x4_q + step4;
      end
      //@ else
//@:  if (setup_q) begin
//@:    x1_q <= 18'(start1_q);
//@:    x2_q <= 18'(start2_q);
//@:    x3_q <= 18'(start3_q);
//@:    x4_q <= 18'(start4_q);
//@:  end
//@:  if (step) begin
//@:    x1_q <= carry1 ? 18'(start1_q) : x1_q + 18'sd1;
//@:    if (carry1) x2_q <= carry2 ? 18'(start2_q) : x2_q + 18'sd1;
//@:    if (carry2) x3_q <= carry3 ? 18'(start3_q) : x3_q + 18'sd1;
//@:    if (carry3) x4_q <= x4_q + 18'sd1;
//@:  end
      //@ endif
      if (step && strip_end) x4_q <= x4_q;  //@ if units.dma.transpose
    end
  end else begin : gen_no_bounds
    assign left_all = '0;
    assign copied   = bytes;  //@ if units.dma.transpose
    //@ unless units.dma.transpose: assign copied   = size_q;
    assign outside  = 1'b0;
    assign strip_stride = 32'(BusBytes);  //@ if units.dma.transpose
    //@ if units.dma.im2col
    assign {pixels, at_high} = '0;
    //@ endif
  end

  logic unused_header, unused_ends, unused_bounds;
  assign unused_header = ^{cmd.opcode, cmd.length, cmd.tag, cmd.wait0_id, cmd.wait0_en,
                           cmd.wait0_count, cmd.wait1_id, cmd.wait1_en, cmd.wait1_count,
                           cmd.signal_id, cmd.signal_en, cmd.signal_bytes, cmd.ahead,
                           cmd.reserved_1_7, cmd.reserved_1_15, cmd.reserved_1_25,
                           cmd.reserved_2_24, cmd.reserved_3_24};
  assign unused_ends   = ^{cmd.window, cmd.local_source, cmd.core_memory, cmd.fill, cmd.core_mask,
                           //@ if units.dma.modes
                           cmd.pe_mask, cmd.source_pe, cmd};
                           //@ else
//@:                       cmd.pe_mask, cmd.source_pe, cmd.reserved_4_5, cmd.reserved_6_24,
//@:                       cmd.reserved_8_24, cmd.reserved_11_5, cmd.reserved_26_0,
//@:                       cmd.reserved_27_0};
                           //@ endif
  // Read WithBounds.
  assign unused_bounds = ^{bounds_q, cmd.bounds, cmd.start0, cmd.start1, cmd.start2, cmd.start3,
                           cmd.start4, cmd.extent0, cmd.extent1, cmd.extent2, cmd.extent3,
                           cmd.extent4};

  assign cmd_ready_o   = !setup_q && !valid_q && !back_q;  //@ if units.dma.im2col
  //@ unless units.dma.im2col: assign cmd_ready_o   = !setup_q && !valid_q;
  assign size_o        = tiles ? 24'(piece_q) : size_q;  //@ if units.dma.transpose
  //@ unless units.dma.transpose: assign size_o        = size_q;
  assign left_o        = left_q;
  assign copied_o      = copied_q;
  assign run_valid_o   = valid_q;
  assign run_first_o   = first_q;
  assign run_last_o    = last;
  assign run_outside_o = outside || copied_q == '0;
  //@ if units.dma.transpose
  assign run_tiles_o   = tiles;
  assign run_rows_o    = (to_go1_q < 16'(tile_last)) ? to_go1_q[5:0] : tile_last;
  assign run_reach_o   = reach_q;
  //@ endif
  assign run_global_o  = global1_q;
  assign run_local_o   = local1_q;

  // A run stays until it is taken.
  `NPU_ASSERT_STABLE(RunStays, run_valid_o, run_ready_i,
                     {size_o, left_o, copied_o, run_first_o, run_last_o, run_outside_o,
                      run_global_o, run_local_o}, clear_i)

  // A command is taken only where none is held.
  `NPU_ASSERT(OneCommand, !(setup_q && valid_q))

  // What is copied and what is filled before it lie inside of a run.
  `NPU_ASSERT(CopiesInside, !valid_q || copied_q == '0 ||
              //@ if units.dma.transpose
              32'(left_q) + 32'(copied_q) <= 32'(size_o))
              //@ else
//@:          32'(left_q) + 32'(copied_q) <= 32'(size_q))
              //@ endif
endmodule : npu_dma_runs
`default_nettype wire

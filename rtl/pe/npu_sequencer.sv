`default_nettype none
// SPDX-License-Identifier: Apache-2.0
// Sequencer: walks the loops of a compute command and grants the vector fetches of a cycle.
//
// Loops, innermost first: fetches of one position (window columns and rows, kernel rows of a
// gathered slice, or two operands, as of ADD), positions of a tile, slices (k0, k1, k2), tiles,
// groups (docs/machine.md section 4). All of them advance in the cycle of a grant, so there is no
// bubble at any loop end. A grant needs the memory ports (of vectors with any byte inside the
// tensor), a loaded weight slice at the start of a slice, a free accumulator half at the start of a
// tile, and room for the result of a vector operation.
//
// Up to Ports rows of a window column or of a gathered slice are fetched in a cycle: those before
// the first one that PE memory refuses.
//
// A window slides to its right neighbour, and from the end of a row to the next row's beginning
// where the columns left of the row are as many as or fewer than those right of it that the lanes
// hold: all of them are fill.
//
//@ if units.bnn.enabled
// With skip_window the first pass of a tile fetches both planes of bits, and the second one needs
// no memory: SkipWindow positions are a block, in which every step lets each lane do the next
// position that passed its gate, until no lane has one left.
//
//@ endif
// The outputs stage_* describe the vectors that PE memory delivers in the cycle after their grant.
module npu_sequencer #(
  parameter int unsigned MemBytes     = 131072,  //@ = pe.memory  -- bytes of PE memory, for bounds
  parameter int unsigned WordBytes    = 16,      //@ = pe.bank_width  -- bytes of a vector read
  parameter int unsigned Simd         = 16,      //@ = lane.simd  -- bytes of a dense vector
  parameter int unsigned Accumulators = 16,      //@ = core.accumulators  -- positions per tile
  parameter int unsigned PostWidth    = 16,      //@ = units.postprocess_width  -- other vectors
  parameter int unsigned Ports        = 4,       //@ = units.window_ports  -- vectors per cycle
  //@ if units.bnn.enabled
  parameter int unsigned SkipWindow   = 1,       //@ = units.bnn.skip_window  -- positions
  //@ endif
  localparam int unsigned IndexW      = (Accumulators > 1) ? $clog2(Accumulators) : 1,
  localparam int unsigned SizeW       = $clog2(Accumulators + 1),
  localparam int unsigned ByteW       = $clog2(WordBytes) + 1,
  localparam int unsigned CountW      = $clog2(Ports + 1)
) (
  input  wire                             clk_i,
  input  wire                             rst_ni,
  input  wire                             clear_i,
  // the running command; start_i begins it, active_o lasts until its last grant
  input  wire npu_isa_pkg::compute_command_t cmd_i,
  input  wire                             start_i,
  output wire                             active_o,
  // weight slices
  input  wire                             slice_ready_i,
  output wire                             slice_take_o,
  output wire                             slice_wait_o,    // waits for a slice
  // accumulator halves: free ones, and the tile that has just had its last grant
  input  wire  [1:0]                      half_free_i,
  output wire                             tile_end_o,
  output wire                             tile_half_o,
  output wire  [SizeW-1:0]                tile_size_o,
  // room for the result of a vector operation
  input  wire                             result_ready_i,
  // PE memory
  output logic [Ports-1:0]                read_valid_o,
  input  wire  [Ports-1:0]                read_ready_i,
  output wire  [24*Ports-1:0]             read_addr_o,
  output wire  [Ports-1:0]                read_two_o,
  // the vectors of the cycle after the grant: the first stage_count_o ports
  output wire                             stage_valid_o,
  output wire  [CountW-1:0]               stage_count_o,
  output wire  [Ports-1:0]                stage_clip_o,   // bytes that count lie outside the tensor
  output wire  [ByteW*Ports-1:0]          stage_low_o,    // first byte inside the tensor
  output wire  [ByteW*Ports-1:0]          stage_high_o,   // behind the last byte inside the tensor
  output wire  [Ports-1:0]                stage_gather_o, // ports of a gathered operand,
  output wire  [ByteW*Ports-1:0]          stage_length_o, // bytes of theirs that count,
  output wire  [ByteW*Ports-1:0]          stage_place_o,  // where they go in it
  output wire                             stage_swap_o,   // first vector of a slice
  output wire                             stage_last_o,   // last vector of its position
  output wire                             stage_first_o,  // first vector of its position
  output wire                             stage_clear_o,  // accumulation starts with this position
  output wire                             stage_digit_o,  // sums are multiplied by 256 before
  //@ if units.bnn.enabled
  output wire                             stage_second_o, // the slice is of the second plane
  output wire                             stage_double_o, // the first plane's sums are complete
  output wire  [Ports-1:0]                stage_lower_o,  // ports of the second plane's operand
  output wire  [15:0]                     stage_slice_o,
  // second pass with skip_window
  output wire                             skip_pass_o,
  output wire                             skip_step_o,    // a step in this cycle
  output wire                             skip_begin_o,   // the first one of its block
  output wire  [15:0]                     skip_slice_o,
  output wire  [IndexW-1:0]               skip_index_o,   // the block's first position
  output wire  [SizeW-1:0]                skip_count_o,   // its positions
  input  wire                             skip_more_i,    // it needs another step after this one
  //@ endif
  output wire                             stage_half_o,
  output wire  [IndexW-1:0]               stage_index_o,
  // what this cycle is spent on (npu_isa_pkg::Cause*)
  output logic [3:0]                      cause_o,
  // an address of a valid byte outside PE memory (pulse, address)
  output wire                             error_o,
  output wire  [24:0]                     error_address_o
);
  localparam int unsigned AddrW     = 26;  // signed sums of addresses and steps
  localparam int unsigned OffsetW   = $clog2(WordBytes);

  if (Simd > WordBytes || PostWidth > WordBytes) begin : gen_bad
    $error("npu_sequencer: a vector of Simd or PostWidth bytes must fit into WordBytes");
  end
  if (Ports < 1 || Ports > 4) begin : gen_bad_ports
    $error("npu_sequencer: Ports must be 1..4");
  end

  logic is_matmul, is_window, is_pool, is_two, is_array, is_linear, is_gather;
  assign is_gather = is_matmul && cmd_i.run_bytes != '0;
  assign is_matmul = cmd_i.opcode == npu_isa_pkg::OpMatmul;
  assign is_window = cmd_i.opcode == npu_isa_pkg::OpWindow;
  assign is_pool   = cmd_i.opcode == npu_isa_pkg::OpMaxPool;
  assign is_two    = cmd_i.opcode == npu_isa_pkg::OpAdd ||
                     cmd_i.opcode == npu_isa_pkg::OpMultiply ||
                     cmd_i.opcode == npu_isa_pkg::OpMaximum ||
                     cmd_i.opcode == npu_isa_pkg::OpSquaredDifference;  // two operands
  assign is_array  = is_matmul || is_window;          // uses the array
  assign is_linear = !is_array && !is_pool;           // vectors of PostWidth bytes in rows

  // ---------------------------------------------------------------------------------------------
  // State: the position and its tile's first position, the slice, the window fetch.
  // ---------------------------------------------------------------------------------------------
  logic                    active_q;
  logic [15:0]             column_q, tile_column_q;              // ox
  logic signed [AddrW-1:0] row_q, tile_row_q;                    // act_base + oy*row_step
  logic signed [AddrW-1:0] b_row_q;                              // b_base + oy*b_row_step
  logic signed [17:0]      y_q, tile_y_q;                        // y_start + oy*y_step
  logic signed [AddrW-1:0] x_q, tile_x_q, group_x_q;             // x_start + group + ox*x_step
  logic [23:0]             positions_left_q;                     // in the group, after this tile
  logic [23:0]             tile_size_q, tile_left_q;             // of the tile, still to do
  logic [IndexW-1:0]       index_q;                              // accumulator entry
  logic                    half_q;
  logic [15:0]             group_q;
  logic [15:0]             k0_q;
  logic [7:0]              k1_q, k2_q;
  //@ if units.bnn.enabled
  logic                    plane_q;                              // the second plane of bits
  logic                    skip_pass, skip_hold;                 // second pass with skip_window
  logic                    both_planes;                          // its first pass
  logic                    slice_begin_q;                        // the next step is the first one
  logic [1:0]              settle_q;                             // cycles before it
  //@ endif
  logic signed [AddrW-1:0] k_x_q, k1_x_q, k_row_q;
  logic signed [17:0]      k_y_q;
  logic [7:0]              win_r_q, win_c_q;
  logic signed [AddrW-1:0] win_x_q, win_row_q, slide_x_q;
  logic signed [17:0]      win_y_q;
  logic [7:0]              outside_q;                            // columns left of the row
  logic signed [AddrW-1:0] outside_x_q;                          // offset of the first one inside
  logic                    fired_q;                              // the last cycle fired a sum
  // Gathered slices: bytes of their first kernel row that earlier slices took, kernel rows from
  // that one on, bytes of the operand that this position's fetches have filled.
  logic [13:0]             skip_q;
  logic [7:0]              rows_left_q;
  logic [ByteW-1:0]        place_q;

  // ---------------------------------------------------------------------------------------------
  // The vectors of this cycle.
  // ---------------------------------------------------------------------------------------------
  logic signed [AddrW-1:0] base_x, base_row, base_address;
  logic signed [17:0]      base_y;
  logic                    phase_b;
  logic [7:0]              slice_rows;  // kernel rows of a gathered slice
  logic [7:0]              fetch_rows;  // fetches of it
  logic [7:0]              rows_here;   // of them, or of a window column, still to do
  logic [CountW-1:0]       wanted;

  assign phase_b      = is_two && win_c_q[0];
  assign base_x       = x_q + k_x_q + win_x_q;
  assign base_row     = phase_b ? b_row_q : row_q + k_row_q + win_row_q;
  //@ if units.bnn.enabled
  assign base_address = base_row + base_x +
                        (plane_q ? $signed(AddrW'(cmd_i.plane_step)) : 26'sd0);
  //@ endif
  //@ unless units.bnn.enabled: assign base_address = base_row + base_x;
  assign base_y       = y_q + k_y_q + win_y_q;

  // A slice takes up the rest of its first kernel row and whole rows until it is full.
  logic [15:0] taken1, taken2, taken3;
  assign taken1     = 16'(cmd_i.run_bytes) - 16'(skip_q);
  assign taken2     = taken1 + 16'(cmd_i.run_bytes);
  assign taken3     = taken2 + 16'(cmd_i.run_bytes);
  assign slice_rows = (taken3 < 16'(Simd) && rows_left_q > 8'd3) ? 8'd4 :
                      (taken2 < 16'(Simd) && rows_left_q > 8'd2) ? 8'd3 :
                      (taken1 < 16'(Simd) && rows_left_q > 8'd1) ? 8'd2 : 8'd1;
  //@ if units.bnn.enabled
  assign fetch_rows = skip_pass ? '0 : both_planes ? slice_rows << 1 : slice_rows;
  //@ endif
  //@ unless units.bnn.enabled: assign fetch_rows = slice_rows;
  assign rows_here  = (is_gather ? fetch_rows : is_window ? cmd_i.win_rows : win_r_q + 8'd1) -
                      win_r_q;
  assign wanted     = (rows_here > 8'(Ports)) ? CountW'(Ports) : CountW'(rows_here);

  logic [Ports-1:0]               any_inside, bad_address, clip;
  //@ if units.bnn.enabled
  logic [Ports-1:0]               lower;  // of the second plane
  //@ endif
  logic [ByteW*Ports-1:0]         low, high, length, place;
  logic signed [AddrW*Ports-1:0]  address;
  logic signed [AddrW-1:0]        bad_first, bad_last;   // of the first port out of memory
  logic signed [AddrW-1:0]        port_x, port_row, port_address, port_after, port_first, port_last;
  logic signed [17:0]             port_y;
  logic [ByteW-1:0]               port_length, port_low, port_high, port_place;
  logic                           port_begins;  // with the slice's first kernel row

  always_comb begin
    any_inside  = '0;
    bad_address = '0;
    //@ if units.bnn.enabled
    lower       = '0;
    //@ endif
    clip        = '0;
    low         = '0;
    high        = '0;
    length      = '0;
    place       = '0;
    address     = '0;
    bad_first   = '0;
    bad_last    = '0;
    port_row    = base_address;
    port_y      = base_y;
    port_place  = place_q;
    port_x       = base_x;
    port_address = base_address;
    port_after   = '0;
    port_first   = '0;
    port_last    = '0;
    port_low     = '0;
    port_high    = '0;
    port_begins  = '0;
    // Windows need no byte behind their group's channels.
    port_length = is_matmul ? ByteW'(Simd)
                : is_linear ? ByteW'(PostWidth) : ByteW'(cmd_i.group_channels);
    for (int unsigned p = 0; p < Ports; p++) begin
      if (CountW'(p) < wanted) begin
        port_begins = win_r_q + 8'(p) == '0;
        //@ if units.bnn.enabled
        if (both_planes && win_r_q + 8'(p) >= slice_rows) begin
          lower[p] = 1'b1;
          if (win_r_q + 8'(p) == slice_rows) begin
            port_row    = row_q + k_row_q + base_x + $signed(AddrW'(cmd_i.plane_step));
            port_y      = y_q + k_y_q;
            port_place  = '0;
            port_begins = 1'b1;
          end
        end
        //@ endif
        port_x       = base_x;
        port_address = port_row;
        if (is_gather) begin
          port_length = (cmd_i.run_bytes < 14'(Simd)) ? ByteW'(cmd_i.run_bytes) : ByteW'(Simd);
          if (port_begins) begin
            port_x       = base_x + $signed(AddrW'(skip_q));
            port_address = port_row + $signed(AddrW'(skip_q));
            port_length  = (taken1 < 16'(Simd)) ? ByteW'(taken1) : ByteW'(Simd);
          end
        end
        port_after = $signed({2'b00, cmd_i.row_bytes}) - port_x;
        port_low   = '0;
        port_high  = port_length;
        if (port_x < 0) begin
          port_low = (port_x + $signed(AddrW'(port_length)) <= 0) ? port_length : ByteW'(-port_x);
        end
        if (port_after < $signed(AddrW'(port_length))) begin
          port_high = (port_after < 0) ? '0 : ByteW'(port_after);
        end
        if (!is_linear && (port_y < 0 || port_y >= $signed({2'b00, cmd_i.in_h}))) port_high = '0;
        clip[p]    = port_low != '0 || port_high != port_length;
        port_first = port_address + $signed(AddrW'(port_low));
        port_last  = port_address + $signed(AddrW'(port_high)) - 26'sd1;
        if (port_high > port_low) begin
          any_inside[p] = 1'b1;
          if (port_first < 0 || port_last >= $signed(AddrW'(MemBytes))) begin
            if (bad_address == '0) begin
              bad_first = port_first;
              bad_last  = port_last;
            end
            bad_address[p] = 1'b1;
          end
        end
        low[ByteW*p+:ByteW]     = port_low;
        high[ByteW*p+:ByteW]    = port_high;
        length[ByteW*p+:ByteW]  = port_length;
        place[ByteW*p+:ByteW]   = port_place;
        address[AddrW*p+:AddrW] = port_address;
        port_place = port_place + port_length;
        port_row   = port_row + $signed({2'b00, cmd_i.win_row_step});
        port_y     = port_y + $signed({10'b0, cmd_i.win_y_step});
      end
    end
  end

  // ---------------------------------------------------------------------------------------------
  // Gates and grant.
  // ---------------------------------------------------------------------------------------------
  logic fetch_first, fetch_last, slice_first, k_first, k_last, slices_last, tile_first;
  logic tile_pass_last, single_slice, slices_begin, ports_ready, gates_open;
  logic row_last, group_tiles_last, group_last, slide_column, slides, wraps;
  logic gate_slice, gate_half, gate_hazard, gate_result, open, grant, out_of_memory;
  logic last_wanted, column_last;
  //@ if units.bnn.enabled
  logic planes_done, plane_end, block_last, skip_more;
  //@ endif
  logic [CountW-1:0] count;  // vectors granted

  assign slide_column = win_c_q == cmd_i.win_cols - cmd_i.win_new_cols;
  assign column_last  = win_r_q + 8'(wanted) == (is_gather ? fetch_rows : cmd_i.win_rows);
  // The fetch that is wanted ends the position; it does if all of it is granted.
  assign last_wanted  = (is_two ? phase_b : is_linear) || (is_matmul && (!is_gather || column_last))
                        || ((is_window || is_pool) && column_last &&
                            win_c_q + 8'd1 == cmd_i.win_cols);
  assign fetch_last   = last_wanted && count == wanted;
  assign single_slice = cmd_i.k0_count == 16'd1 && cmd_i.k1_count == 8'd1 && cmd_i.k2_count == 8'd1;
  assign slices_last  = k0_q + 16'd1 == cmd_i.k0_count &&
                        (is_gather || (k1_q + 8'd1 == cmd_i.k1_count &&
                                       k2_q + 8'd1 == cmd_i.k2_count));
  //@ if units.bnn.enabled
  assign slice_first  = skip_pass ? slice_begin_q : tile_left_q == tile_size_q && fetch_first;
  assign planes_done  = !cmd_i.two_planes || plane_q;
  assign k_first      = k0_q == '0 && k1_q == '0 && k2_q == '0 && !plane_q;
  assign k_last       = !is_array || (slices_last && planes_done);
  //@ endif
  //@ unless units.bnn.enabled: assign slice_first = tile_left_q == tile_size_q && fetch_first;
  //@ unless units.bnn.enabled: assign k_first     = k0_q == '0 && k1_q == '0 && k2_q == '0;
  //@ unless units.bnn.enabled: assign k_last      = !is_array || slices_last;
  assign tile_first   = slice_first && k_first;

  logic position_begins_q;  // nothing of the position has been fetched
  assign fetch_first = position_begins_q;

  //@ if units.bnn.enabled
  assign tile_pass_last   = skip_pass ? block_last && !skip_more : tile_left_q == 24'd1;
  //@ endif
  //@ unless units.bnn.enabled: assign tile_pass_last   = tile_left_q == 24'd1;
  assign row_last         = column_q + 16'd1 == cmd_i.out_w;
  assign group_tiles_last = positions_left_q == '0;
  assign group_last       = is_linear || group_q + 16'd1 == cmd_i.groups;

  assign gate_slice  = !is_array || !slice_first || slice_ready_i;
  assign gate_half   = !is_array || !tile_first || half_free_i[half_q];
  // The sum of a one-position tile is not yet in its entry when the next slice would read it.
  assign gate_hazard = !is_array || !fired_q || tile_size_q != 24'd1 || tile_first || !last_wanted;
  assign gate_result = is_array || !last_wanted || result_ready_i;
  assign gates_open  = gate_slice && gate_half && gate_hazard && gate_result;
  //@ if units.bnn.enabled
  assign open        = active_q && gates_open && settle_q == '0;
  assign ports_ready = skip_pass || count != '0;
  //@ endif
  //@ unless units.bnn.enabled: assign open        = active_q && gates_open;
  //@ unless units.bnn.enabled: assign ports_ready = count != '0;
  assign out_of_memory = bad_address != '0;

  // Ports are granted in order; one that needs no memory is granted with those before it.
  logic [Ports-1:0] two_words;
  logic             reaches;
  always_comb begin
    count     = '0;
    reaches   = 1'b1;
    two_words = '0;
    for (int unsigned p = 0; p < Ports; p++) begin
      if (CountW'(p) >= wanted || (any_inside[p] && !read_ready_i[p])) reaches = 1'b0;
      if (reaches) count = CountW'(p + 1);
      two_words[p] = (ByteW + 1)'(address[AddrW*p+:OffsetW]) + (ByteW + 1)'(length[ByteW*p+:ByteW])
                     > (ByteW + 1)'(WordBytes);
    end
  end
  assign grant = open && (out_of_memory || ports_ready);

  assign read_valid_o = (open && !out_of_memory) ? any_inside : '0;
  assign read_two_o   = two_words;
  for (genvar p = 0; p < Ports; p++) begin : gen_read
    assign read_addr_o[24*p+:24] = address[AddrW*p+:24];
  end

  // ---------------------------------------------------------------------------------------------
  // Next state.
  // ---------------------------------------------------------------------------------------------
  logic position_end, pass_end, tile_end, group_end;
  assign position_end = grant && fetch_last;
  assign pass_end     = position_end && tile_pass_last;
  assign tile_end     = pass_end && k_last;
  assign group_end    = tile_end && group_tiles_last;
  //@ if units.bnn.enabled
  assign plane_end    = pass_end && is_array && !planes_done && k0_q + 16'd1 == cmd_i.k0_count;
  assign slices_begin = start_i || tile_end || plane_end;
  //@ endif
  //@ unless units.bnn.enabled: assign slices_begin = start_i || tile_end;

  // The position after this one in row-major order.
  logic [15:0]             step_column;
  logic signed [AddrW-1:0] step_row, step_b_row, step_x, x_step;
  logic signed [17:0]      step_y;
  assign x_step      = is_linear ? $signed(AddrW'(PostWidth)) : $signed({2'b00, cmd_i.x_step});
  assign step_column = row_last ? '0 : column_q + 16'd1;
  assign step_row    = row_last ? row_q + $signed({2'b00, cmd_i.row_step}) : row_q;
  assign step_b_row  = row_last ? b_row_q + $signed({2'b00, cmd_i.b_row_step}) : b_row_q;
  assign step_y      = row_last ? y_q + $signed({10'b0, cmd_i.y_step}) : y_q;
  assign step_x      = row_last ? group_x_q : x_q + x_step;

  // Behind the rows of a window column or of a gathered slice that this cycle's grant fetches.
  logic signed [AddrW-1:0] row_next;
  logic signed [17:0]      row_y_next;
  logic [ByteW-1:0]        place_next;
  always_comb begin
    row_next   = win_row_q;
    row_y_next = win_y_q;
    place_next = place_q;
    for (int unsigned p = 0; p < Ports; p++) begin
      if (CountW'(p) < count) begin
        //@ if units.bnn.enabled
        if (lower[p] && win_r_q + 8'(p) == slice_rows) begin
          row_next   = $signed(AddrW'(cmd_i.plane_step));
          row_y_next = '0;
          place_next = '0;
        end
        //@ endif
        row_next   = row_next + $signed({2'b00, cmd_i.win_row_step});
        row_y_next = row_y_next + $signed({10'b0, cmd_i.win_y_step});
        place_next = place_next + length[ByteW*p+:ByteW];
      end
    end
  end

  // The next gathered slice begins k1_step bytes and win_cols kernel rows (k2_y_step operand rows)
  // further on, and one row more where that is beyond the row's end.
  logic [14:0] gather_skip;
  logic        gather_carry;
  assign gather_skip  = 15'(skip_q) + 15'(cmd_i.k1_step[13:0]);
  assign gather_carry = gather_skip >= 15'(cmd_i.run_bytes);

  // A tile of the positions that are left: all of them for vector operations.
  logic [23:0] left, new_tile_size;
  assign left          = (start_i || group_end) ? cmd_i.positions : positions_left_q;
  assign new_tile_size = (is_array && left > 24'(Accumulators)) ? 24'(Accumulators) : left;

  logic signed [AddrW-1:0] next_group_x;
  assign next_group_x = start_i ? AddrW'($signed(cmd_i.x_start))
                                : group_x_q + $signed({10'b0, cmd_i.group_step});

  // A window slides when the next position comes in the same pass of the same slice. At the end of
  // a row it needs as many columns behind the row as the next position has before it; these are
  // the same for all rows if there is one k1.
  logic signed [AddrW-1:0] first_shared_x, left_of_row;
  assign left_of_row    = base_x + $signed(AddrW'(cmd_i.group_channels));
  assign first_shared_x = base_x + $signed({2'b00, cmd_i.win_col_step}) - outside_x_q;
  assign slides = is_window && !group_end && (!pass_end || single_slice);
  assign wraps  = cmd_i.k1_count == 8'd1 && outside_q != '0 &&
                  first_shared_x >= $signed({2'b00, cmd_i.row_bytes});

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i) begin
      active_q <= 1'b0;
      half_q   <= 1'b0;
      fired_q  <= 1'b0;
    end else if (start_i) begin
      active_q <= 1'b1;
      fired_q  <= 1'b0;
    end else begin
      fired_q <= position_end;
      if (error_o) active_q <= 1'b0;
      if (group_end && group_last) active_q <= 1'b0;
      if (tile_end && is_array && cmd_i.drain) half_q <= !half_q;
    end
  end

  // What changes only at the end of a pass over a tile's positions has a clock of its own.
  wire pass_clk;
  npu_clock_gate u_pass_gate (
    .clk_i,
    .enable_i(start_i || pass_end),
    .clk_o   (pass_clk)
  );

  always_ff @(posedge pass_clk) begin
    if (start_i || group_end) begin
      group_q       <= start_i ? '0 : group_q + 16'd1;
      group_x_q     <= next_group_x;
      tile_column_q <= '0;
      tile_row_q    <= AddrW'($signed(cmd_i.act_base));
      tile_y_q      <= 18'($signed(cmd_i.y_start));
      tile_x_q      <= next_group_x;
    end else if (tile_end) begin
      tile_column_q <= step_column;
      tile_row_q    <= step_row;
      tile_y_q      <= step_y;
      tile_x_q      <= step_x;
    end

    if (start_i || tile_end) begin
      tile_size_q      <= new_tile_size;
      positions_left_q <= left - new_tile_size;
    end

    // Slices.
    if (slices_begin) begin
      skip_q      <= '0;
      rows_left_q <= cmd_i.win_rows;
    end else if (pass_end && is_gather) begin
      skip_q      <= 14'(gather_carry ? gather_skip - 15'(cmd_i.run_bytes) : gather_skip);
      rows_left_q <= rows_left_q - cmd_i.win_cols - 8'(gather_carry);
    end
    if (slices_begin) begin
      k0_q    <= '0;
      k1_q    <= '0;
      k2_q    <= '0;
      k_x_q   <= '0;
      k1_x_q  <= '0;
      k_row_q <= '0;
      k_y_q   <= '0;
    end else if (pass_end) begin
      if (is_gather) begin
        k0_q    <= k0_q + 16'd1;
        k_row_q <= k_row_q + $signed({2'b00, cmd_i.k2_row_step}) +
                   (gather_carry ? $signed({2'b00, cmd_i.win_row_step}) : 26'sd0);
        k_y_q   <= k_y_q + $signed({10'b0, cmd_i.k2_y_step}) +
                   (gather_carry ? $signed({10'b0, cmd_i.win_y_step}) : 18'sd0);
      end else if (k0_q + 16'd1 != cmd_i.k0_count) begin
        k0_q  <= k0_q + 16'd1;
        k_x_q <= k_x_q + $signed(AddrW'(Simd));
      end else if (k1_q + 8'd1 != cmd_i.k1_count) begin
        k0_q   <= '0;
        k1_q   <= k1_q + 8'd1;
        k_x_q  <= k1_x_q + $signed({2'b00, cmd_i.k1_step});
        k1_x_q <= k1_x_q + $signed({2'b00, cmd_i.k1_step});
      end else begin
        k0_q    <= '0;
        k1_q    <= '0;
        k2_q    <= k2_q + 8'd1;
        k_x_q   <= '0;
        k1_x_q  <= '0;
        k_row_q <= k_row_q + $signed({2'b00, cmd_i.k2_row_step});
        k_y_q   <= k_y_q + $signed({10'b0, cmd_i.k2_y_step});
      end
    end
  end

  always_ff @(posedge clk_i) begin
    if (start_i || group_end) begin
      column_q <= '0;
      row_q    <= AddrW'($signed(cmd_i.act_base));
      b_row_q  <= AddrW'($signed(cmd_i.b_base));
      y_q      <= 18'($signed(cmd_i.y_start));
      x_q      <= next_group_x;
    end else if (tile_end) begin
      column_q <= step_column;
      row_q    <= step_row;
      y_q      <= step_y;
      x_q      <= step_x;
    //@ if units.bnn.enabled
    end else if (skip_hold) begin
      // Stays at the tile's last position, from which the next tile goes on.
    //@ endif
    end else if (pass_end) begin
      column_q <= tile_column_q;
      row_q    <= tile_row_q;
      y_q      <= tile_y_q;
      x_q      <= tile_x_q;
    end else if (position_end) begin
      column_q <= step_column;
      row_q    <= step_row;
      b_row_q  <= step_b_row;
      y_q      <= step_y;
      x_q      <= step_x;
    end

    if (start_i || tile_end) begin
      tile_left_q <= new_tile_size;
      index_q     <= '0;
    end else if (pass_end) begin
      tile_left_q <= tile_size_q;
      index_q     <= '0;
    //@ if units.bnn.enabled
    end else if (skip_pass) begin
      if (position_end && !skip_more) index_q <= index_q + IndexW'(SkipWindow);
    //@ endif
    end else if (position_end) begin
      tile_left_q <= tile_left_q - 24'd1;
      index_q     <= index_q + IndexW'(1);
    end

    // Fetches of a position: columns of the window, rows inside of them; or operand a, then b.
    if (start_i || position_end) begin
      place_q   <= '0;
      win_r_q   <= '0;
      win_row_q <= '0;
      win_y_q   <= '0;
      win_c_q   <= '0;
      win_x_q   <= '0;
      if (!start_i && slides && !row_last) begin
        win_c_q <= cmd_i.win_cols - cmd_i.win_new_cols;
        win_x_q <= (slide_column && win_r_q == '0) ? win_x_q : slide_x_q;
      end
      if (!start_i && slides && row_last && wraps) begin
        win_c_q <= outside_q;
        win_x_q <= outside_x_q;
      end
    end else if (grant) begin
      if (is_two) begin
        win_c_q <= 8'd1;
      end else if (!column_last || count != wanted) begin
        win_r_q   <= win_r_q + 8'(count);
        win_row_q <= row_next;
        win_y_q   <= row_y_next;
        place_q   <= place_next;
      end else begin
        win_r_q   <= '0;
        win_row_q <= '0;
        win_y_q   <= '0;
        win_c_q   <= win_c_q + 8'd1;
        win_x_q   <= win_x_q + $signed({2'b00, cmd_i.win_col_step});
        if (left_of_row <= 0) begin
          outside_q   <= win_c_q + 8'd1;
          outside_x_q <= win_x_q + $signed({2'b00, cmd_i.win_col_step});
        end
      end
    end
    if (start_i || group_end) outside_q <= '0;
    if (start_i || position_end) position_begins_q <= 1'b1;
    else if (grant) position_begins_q <= 1'b0;
    // Where sliding positions begin: the offset of the first new column, seen in every full window.
    if (grant && slide_column && win_r_q == '0) slide_x_q <= win_x_q;
  end

  // ---------------------------------------------------------------------------------------------
  // The stage after the grant.
  // ---------------------------------------------------------------------------------------------
  logic              stage_valid_q, stage_swap_q, stage_last_q, stage_first_q;
  logic              stage_clear_q, stage_digit_q, stage_half_q;
  logic [CountW-1:0]      stage_count_q;
  logic [Ports-1:0]       stage_clip_q;
  logic [ByteW*Ports-1:0] stage_low_q, stage_high_q, stage_length_q, stage_place_q;
  logic [IndexW-1:0] stage_index_q;

  //@ if units.bnn.enabled
  logic             stage_second_q, stage_double_q;
  logic [Ports-1:0] stage_lower_q;
  logic [15:0]      stage_slice_q;
  logic [SizeW-1:0] block_left;
  logic             skipping;       // with skip_window
  logic             block_begin_q;  // the next step begins a block

  assign skipping    = SkipWindow > 1 && cmd_i.skip_window;
  assign skip_pass   = skipping && plane_q;
  assign both_planes = skipping && !plane_q;
  assign skip_hold   = skipping && (plane_q || plane_end);
  assign skip_more   = skip_more_i;
  assign block_left  = SizeW'(tile_size_q) - SizeW'(index_q);
  assign block_last  = block_left <= SizeW'(SkipWindow);

  always_ff @(posedge clk_i) begin
    if (start_i || tile_end) plane_q <= 1'b0;
    else if (plane_end) plane_q <= 1'b1;
    if (pass_end || !skip_pass) slice_begin_q <= 1'b1;
    else if (grant) slice_begin_q <= 1'b0;
    if (!skip_pass || (grant && !skip_more)) block_begin_q <= 1'b1;
    else if (grant) block_begin_q <= 1'b0;
    // The last sums of the first plane decide what the second pass does; and a lane may come back
    // to its last sum in the next slice.
    if (!rst_ni || clear_i || start_i) settle_q <= '0;
    else if (skipping && plane_end) settle_q <= 2'd2;
    else if (skip_pass && pass_end) settle_q <= 2'd1;
    else if (settle_q != '0) settle_q <= settle_q - 2'd1;
    if (grant) begin
      stage_second_q <= plane_q;
      stage_double_q <= cmd_i.two_planes && !plane_q && k0_q + 16'd1 == cmd_i.k0_count;
      stage_lower_q  <= lower;
      stage_slice_q  <= k0_q;
    end
  end
  assign stage_second_o = stage_second_q;
  assign stage_double_o = stage_double_q;
  assign stage_slice_o  = stage_slice_q;
  assign skip_pass_o    = skip_pass;
  assign skip_step_o    = skip_pass && grant;
  assign skip_begin_o   = block_begin_q;
  assign skip_slice_o   = k0_q;
  assign skip_index_o   = index_q;
  assign skip_count_o   = block_last ? block_left : SizeW'(SkipWindow);
  //@ endif

  always_ff @(posedge clk_i) begin
    stage_valid_q <= rst_ni && !clear_i && grant && !out_of_memory;
    if (grant) begin
      stage_count_q <= count;
      stage_clip_q  <= clip;
      stage_low_q   <= low;
      stage_high_q  <= high;
      if (is_gather) begin
        stage_length_q <= length;
        stage_place_q  <= place;
      end
      stage_swap_q  <= is_array && slice_first;
      stage_last_q  <= fetch_last;
      stage_first_q <= fetch_first;
      stage_clear_q <= cmd_i.acc_init && k_first;
      stage_digit_q <= cmd_i.acc_shift && k0_q == '0 && k1_q == '0 && k2_q != '0;
      stage_half_q  <= half_q;
      stage_index_q <= index_q;
    end
  end

  for (genvar p = 0; p < Ports; p++) begin : gen_gather
    //@ if units.bnn.enabled
    // Vectors of the second plane wait for their pass.
    assign stage_gather_o[p] = CountW'(p) < stage_count_q && !(SkipWindow > 1 && stage_lower_q[p]);
    assign stage_lower_o[p]  = CountW'(p) < stage_count_q && stage_lower_q[p];
    //@ endif
    //@ unless units.bnn.enabled: assign stage_gather_o[p] = CountW'(p) < stage_count_q;
  end

  always_comb begin
    cause_o = npu_isa_pkg::CauseFill;
    if (active_q) begin
      if (grant) begin
        cause_o = (fetch_last || is_two) ? npu_isa_pkg::CauseCompute
                                         : npu_isa_pkg::CauseActivationPort;
      end else if (!gate_half || !gate_result) begin
        cause_o = npu_isa_pkg::CauseDrain;
      end else if (!gate_slice) begin
        cause_o = npu_isa_pkg::CauseWeightPort;
      end else if (open) begin
        cause_o = npu_isa_pkg::CauseActivationPort;
      end
    end
  end

  assign active_o        = active_q;
  assign slice_take_o    = grant && is_array && slice_first;
  assign slice_wait_o    = active_q && !gate_slice;
  assign tile_end_o      = tile_end && is_array && cmd_i.drain;
  assign tile_half_o     = half_q;
  assign tile_size_o     = SizeW'(tile_size_q);
  assign stage_valid_o   = stage_valid_q;
  assign stage_count_o   = stage_count_q;
  assign stage_low_o     = stage_low_q;
  assign stage_high_o    = stage_high_q;
  assign stage_clip_o    = stage_clip_q;
  assign stage_length_o  = stage_length_q;
  assign stage_place_o   = stage_place_q;
  assign stage_swap_o    = stage_swap_q;
  assign stage_last_o    = stage_last_q;
  assign stage_first_o   = stage_first_q;
  assign stage_clear_o   = stage_clear_q;
  assign stage_digit_o   = stage_digit_q;
  assign stage_half_o    = stage_half_q;
  assign stage_index_o   = stage_index_q;
  assign error_o         = active_q && open && out_of_memory;
  assign error_address_o = bad_first < 0 || bad_first >= $signed(AddrW'(MemBytes))
                         ? bad_first[24:0] : bad_last[24:0];

  logic unused_bits;
  assign unused_bits = ^{cmd_i, address, bad_first, bad_last, step_b_row};
endmodule : npu_sequencer
`default_nettype wire

`default_nettype none
// Sequencer: walks the loops of a compute command and grants one vector fetch per cycle.
//
// Loops, innermost first: fetches of one position (window columns and rows, or the two operands of
// ADD), positions of a tile, slices (k0, k1, k2), tiles, groups (docs/machine.md section 4). All of
// them advance in the cycle of a grant, so there is no bubble at any loop end. A grant needs the
// memory port (when any byte is inside the tensor), a loaded weight slice at the start of a slice,
// a free accumulator half at the start of a tile, and room for the result of a vector operation.
//
// The outputs stage_* describe the vector that PE memory delivers in the cycle after its grant.
module npu_sequencer #(
  parameter int unsigned MemBytes     = 131072,  //@ = pe.memory  -- bytes of PE memory, for bounds
  parameter int unsigned WordBytes    = 16,      //@ = pe.bank_width  -- bytes of a vector read
  parameter int unsigned PeLanes      = 16,      // lanes of all cores of the PE
  parameter int unsigned Simd         = 16,      //@ = lane.simd  -- bytes of a dense vector
  parameter int unsigned Accumulators = 16,      //@ = core.accumulators  -- positions per tile
  parameter int unsigned PostWidth    = 16,      //@ = units.postprocess_width  -- other vectors
  localparam int unsigned IndexW      = (Accumulators > 1) ? $clog2(Accumulators) : 1,
  localparam int unsigned SizeW       = $clog2(Accumulators + 1),
  localparam int unsigned ByteW       = $clog2(WordBytes) + 1
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
  output wire                             read_valid_o,
  input  wire                             read_ready_i,
  output wire  [23:0]                     read_addr_o,
  output wire                             read_two_o,
  // the vector of the cycle after the grant
  output wire                             stage_valid_o,
  output wire  [ByteW-1:0]                stage_low_o,    // first byte inside the tensor
  output wire  [ByteW-1:0]                stage_high_o,   // behind the last byte inside the tensor
  output wire                             stage_swap_o,   // first vector of a slice
  output wire                             stage_last_o,   // last vector of its position
  output wire                             stage_first_o,  // first vector of its position
  output wire                             stage_clear_o,  // accumulation starts with this position
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
  localparam int unsigned WinBytes  = (PeLanes < WordBytes) ? PeLanes : WordBytes;

  if (Simd > WordBytes || PostWidth > WordBytes) begin : gen_bad
    $error("npu_sequencer: a vector of Simd or PostWidth bytes must fit into WordBytes");
  end

  logic is_matmul, is_window, is_pool, is_add, is_array, is_linear;
  assign is_matmul = cmd_i.opcode == npu_isa_pkg::OpMatmul;
  assign is_window = cmd_i.opcode == npu_isa_pkg::OpWindow;
  assign is_pool   = cmd_i.opcode == npu_isa_pkg::OpMaxPool;
  assign is_add    = cmd_i.opcode == npu_isa_pkg::OpAdd;
  assign is_array  = is_matmul || is_window;          // uses the array
  assign is_linear = !is_array && !is_pool;           // ADD, LOOKUP: vectors of PostWidth bytes

  // ---------------------------------------------------------------------------------------------
  // State: the position and its tile's first position, the slice, the window fetch.
  // ---------------------------------------------------------------------------------------------
  logic                    active_q;
  logic [15:0]             column_q, tile_column_q;              // ox
  logic signed [AddrW-1:0] row_q, tile_row_q;                    // act_base + oy*row_step
  logic signed [AddrW-1:0] b_row_q;                              // ADD: b_base + oy*b_row_step
  logic signed [17:0]      y_q, tile_y_q;                        // y_start + oy*y_step
  logic signed [AddrW-1:0] x_q, tile_x_q, group_x_q;             // x_start + group + ox*x_step
  logic [23:0]             positions_left_q;                     // in the group, after this tile
  logic [23:0]             tile_size_q, tile_left_q;             // of the tile, still to do
  logic [IndexW-1:0]       index_q;                              // accumulator entry
  logic                    half_q;
  logic [15:0]             group_q;
  logic [15:0]             k0_q;
  logic [7:0]              k1_q, k2_q;
  logic signed [AddrW-1:0] k_x_q, k1_x_q, k_row_q;
  logic signed [17:0]      k_y_q;
  logic [7:0]              win_r_q, win_c_q;
  logic signed [AddrW-1:0] win_x_q, win_row_q, slide_x_q;
  logic signed [17:0]      win_y_q;
  logic                    fired_q;                              // the last cycle fired a sum

  // ---------------------------------------------------------------------------------------------
  // The vector of this cycle.
  // ---------------------------------------------------------------------------------------------
  logic signed [AddrW-1:0] byte_x, address, after;
  logic signed [17:0]      y;
  logic                    y_inside, phase_b, any_inside;
  logic [ByteW-1:0]        length, low, high;
  logic signed [AddrW-1:0] first_address, last_address;

  assign phase_b  = is_add && win_c_q[0];
  assign byte_x   = x_q + k_x_q + win_x_q;
  assign address  = (phase_b ? b_row_q : row_q + k_row_q + win_row_q) + byte_x;
  assign y        = y_q + k_y_q + win_y_q;
  assign y_inside = is_linear || (y >= 0 && y < $signed({2'b00, cmd_i.in_h}));
  assign after    = $signed({2'b00, cmd_i.row_bytes}) - byte_x;
  assign length   = is_matmul ? ByteW'(Simd) : is_window ? ByteW'(WinBytes) : ByteW'(PostWidth);

  always_comb begin
    low  = '0;
    high = length;
    if (byte_x < 0) low = (-byte_x > $signed(AddrW'(length))) ? length : ByteW'(-byte_x);
    if (after < $signed(AddrW'(length))) high = (after < 0) ? '0 : ByteW'(after);
    if (!y_inside) high = '0;
  end

  assign any_inside        = high > low;
  assign first_address = address + $signed(AddrW'(low));
  assign last_address  = address + $signed(AddrW'(high)) - 26'sd1;

  // ---------------------------------------------------------------------------------------------
  // Gates and grant.
  // ---------------------------------------------------------------------------------------------
  logic fetch_first, fetch_last, slice_first, k_last, tile_first, tile_pass_last, single_slice;
  logic row_last, group_tiles_last, group_last, slide_column, column_start_fresh;
  logic gate_slice, gate_half, gate_hazard, gate_result, open, grant, out_of_memory;

  assign slide_column = win_c_q == cmd_i.win_cols - cmd_i.win_new_cols;
  assign fetch_last   = is_matmul || (is_add ? phase_b : is_linear) ||
                        ((is_window || is_pool) && win_r_q + 8'd1 == cmd_i.win_rows &&
                         win_c_q + 8'd1 == cmd_i.win_cols);
  assign single_slice = cmd_i.k0_count == 16'd1 && cmd_i.k1_count == 8'd1 && cmd_i.k2_count == 8'd1;
  assign slice_first  = tile_left_q == tile_size_q && fetch_first;
  assign k_last       = !is_array ||
                        (k0_q + 16'd1 == cmd_i.k0_count && k1_q + 8'd1 == cmd_i.k1_count &&
                         k2_q + 8'd1 == cmd_i.k2_count);
  assign tile_first   = slice_first && k0_q == '0 && k1_q == '0 && k2_q == '0;

  logic position_fresh_q;  // the position began with a full window
  assign fetch_first = is_matmul || is_linear ? win_c_q == '0
                     : win_r_q == '0 && (position_fresh_q ? win_c_q == '0 : slide_column);

  assign tile_pass_last   = tile_left_q == 24'd1;
  assign row_last         = column_q + 16'd1 == cmd_i.out_w;
  assign group_tiles_last = positions_left_q == '0;
  assign group_last       = is_linear || group_q + 16'd1 == cmd_i.groups;

  assign gate_slice  = !is_array || !slice_first || slice_ready_i;
  assign gate_half   = !is_array || !tile_first || half_free_i[half_q];
  // The sum of a one-position tile is not yet in its entry when the next slice would read it.
  assign gate_hazard = !is_array || !fired_q || tile_size_q != 24'd1 || tile_first || !fetch_last;
  assign gate_result = is_array || !fetch_last || result_ready_i;
  assign open        = active_q && gate_slice && gate_half && gate_hazard && gate_result;
  assign grant       = open && (!any_inside || read_ready_i);
  assign out_of_memory = any_inside &&
                         (first_address < 0 || last_address >= $signed(AddrW'(MemBytes)));

  assign read_valid_o = open && any_inside && !out_of_memory;
  assign read_addr_o  = address[23:0];
  assign read_two_o   = (ByteW + 1)'(address[OffsetW-1:0]) + (ByteW + 1)'(length) >
                        (ByteW + 1)'(WordBytes);

  // ---------------------------------------------------------------------------------------------
  // Next state.
  // ---------------------------------------------------------------------------------------------
  logic position_end, pass_end, tile_end, group_end;
  assign position_end = grant && fetch_last;
  assign pass_end     = position_end && tile_pass_last;
  assign tile_end     = pass_end && k_last;
  assign group_end    = tile_end && group_tiles_last;

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

  // A tile of the positions that are left: all of them for vector operations.
  logic [23:0] left, new_tile_size;
  assign left          = (start_i || group_end) ? cmd_i.positions : positions_left_q;
  assign new_tile_size = (is_array && left > 24'(Accumulators)) ? 24'(Accumulators) : left;

  logic signed [AddrW-1:0] next_group_x;
  assign next_group_x = start_i ? AddrW'($signed(cmd_i.x_start))
                                : group_x_q + $signed({10'b0, cmd_i.group_step});

  // A window slides when the next position is the right neighbour in the same pass of the same
  // slice.
  assign column_start_fresh = row_last || is_pool || group_end || (pass_end && !single_slice);

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

  always_ff @(posedge clk_i) begin
    if (start_i || group_end) begin
      group_q       <= start_i ? '0 : group_q + 16'd1;
      group_x_q     <= next_group_x;
      column_q      <= '0;
      row_q         <= AddrW'($signed(cmd_i.act_base));
      b_row_q       <= AddrW'($signed(cmd_i.b_base));
      y_q           <= 18'($signed(cmd_i.y_start));
      x_q           <= next_group_x;
      tile_column_q <= '0;
      tile_row_q    <= AddrW'($signed(cmd_i.act_base));
      tile_y_q      <= 18'($signed(cmd_i.y_start));
      tile_x_q      <= next_group_x;
    end else if (tile_end) begin
      column_q      <= step_column;
      row_q         <= step_row;
      y_q           <= step_y;
      x_q           <= step_x;
      tile_column_q <= step_column;
      tile_row_q    <= step_row;
      tile_y_q      <= step_y;
      tile_x_q      <= step_x;
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
      tile_size_q      <= new_tile_size;
      tile_left_q      <= new_tile_size;
      positions_left_q <= left - new_tile_size;
      index_q          <= '0;
    end else if (pass_end) begin
      tile_left_q <= tile_size_q;
      index_q     <= '0;
    end else if (position_end) begin
      tile_left_q <= tile_left_q - 24'd1;
      index_q     <= index_q + IndexW'(1);
    end

    // Slices.
    if (start_i || tile_end) begin
      k0_q    <= '0;
      k1_q    <= '0;
      k2_q    <= '0;
      k_x_q   <= '0;
      k1_x_q  <= '0;
      k_row_q <= '0;
      k_y_q   <= '0;
    end else if (pass_end) begin
      if (k0_q + 16'd1 != cmd_i.k0_count) begin
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

    // Fetches of a position: columns of the window, rows any_inside; operand a, then b for ADD.
    if (start_i || position_end) begin
      win_r_q          <= '0;
      win_row_q        <= '0;
      win_y_q          <= '0;
      win_c_q          <= '0;
      win_x_q          <= '0;
      position_fresh_q <= 1'b1;
      if (!start_i && is_window && !column_start_fresh) begin
        win_c_q          <= cmd_i.win_cols - cmd_i.win_new_cols;
        win_x_q          <= (slide_column && win_r_q == '0) ? win_x_q : slide_x_q;
        position_fresh_q <= 1'b0;
      end
    end else if (grant) begin
      if (is_add) begin
        win_c_q <= 8'd1;
      end else if (win_r_q + 8'd1 != cmd_i.win_rows) begin
        win_r_q   <= win_r_q + 8'd1;
        win_row_q <= win_row_q + $signed({2'b00, cmd_i.win_row_step});
        win_y_q   <= win_y_q + $signed({10'b0, cmd_i.win_y_step});
      end else begin
        win_r_q   <= '0;
        win_row_q <= '0;
        win_y_q   <= '0;
        win_c_q   <= win_c_q + 8'd1;
        win_x_q   <= win_x_q + $signed({2'b00, cmd_i.win_col_step});
      end
    end
    // Where sliding positions begin: the offset of the first new column, seen in every full window.
    if (grant && slide_column && win_r_q == '0) slide_x_q <= win_x_q;
  end

  // ---------------------------------------------------------------------------------------------
  // The stage after the grant.
  // ---------------------------------------------------------------------------------------------
  logic              stage_valid_q, stage_swap_q, stage_last_q, stage_first_q;
  logic              stage_clear_q, stage_half_q;
  logic [ByteW-1:0]  stage_low_q, stage_high_q;
  logic [IndexW-1:0] stage_index_q;

  always_ff @(posedge clk_i) begin
    stage_valid_q <= rst_ni && !clear_i && grant && !out_of_memory;
    if (grant) begin
      stage_low_q   <= low;
      stage_high_q  <= high;
      stage_swap_q  <= is_array && slice_first;
      stage_last_q  <= fetch_last;
      stage_first_q <= fetch_first;
      stage_clear_q <= cmd_i.acc_init && k0_q == '0 && k1_q == '0 && k2_q == '0;
      stage_half_q  <= half_q;
      stage_index_q <= index_q;
    end
  end

  always_comb begin
    cause_o = npu_isa_pkg::CauseFill;
    if (active_q) begin
      if (grant) begin
        cause_o = (fetch_last || is_add) ? npu_isa_pkg::CauseCompute
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
  assign stage_low_o     = stage_low_q;
  assign stage_high_o    = stage_high_q;
  assign stage_swap_o    = stage_swap_q;
  assign stage_last_o    = stage_last_q;
  assign stage_first_o   = stage_first_q;
  assign stage_clear_o   = stage_clear_q;
  assign stage_half_o    = stage_half_q;
  assign stage_index_o   = stage_index_q;
  assign error_o         = active_q && open && out_of_memory;
  assign error_address_o = first_address < 0 || first_address >= $signed(AddrW'(MemBytes))
                         ? first_address[24:0] : last_address[24:0];

  logic unused_bits;
  assign unused_bits = ^{cmd_i, address, after, first_address, last_address, step_b_row};
endmodule : npu_sequencer
`default_nettype wire

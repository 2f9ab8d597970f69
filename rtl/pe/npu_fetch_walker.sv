`default_nettype none
// SPDX-License-Identifier: Apache-2.0
// Fetch walker: the vectors of one position, up to Ports of them in a cycle: the rows of a window
// column, column by column, or the kernel rows of a gathered slice; one vector of other slices; two
// operands one after the other.
//
// For each port it says where in PE memory the vector lies, which of its bytes lie inside the
// tensor, and whether one of these lies outside PE memory. A grant_i of count_i vectors moves on,
// with position_end_i to the next position; stage_* describe the vectors of the grant in the cycle
// after it.
//
// A window slides to its right neighbour, and from the end of a row to the next row's beginning
// where the columns left of the row are as many as or fewer than those right of it that the lanes
// hold: all of them are fill.
module npu_fetch_walker #(
  parameter int unsigned MemBytes  = 131072,  //@ = pe.memory  -- bytes of PE memory, for bounds
  parameter int unsigned WordBytes = 16,      //@ = pe.bank_width  -- bytes of a vector read
  parameter int unsigned Simd      = 16,      //@ = lane.simd  -- bytes of a dense vector
  parameter int unsigned PostWidth = 16,      //@ = units.postprocess_width  -- other vectors
  parameter int unsigned Ports     = 4,       //@ = units.window_ports  -- vectors per cycle
  //@ if units.bnn.enabled
  parameter int unsigned SkipWindow = 1,      //@ = units.bnn.skip_window  -- positions
  //@ endif
  localparam int unsigned AddrW    = 26,      // signed sums of addresses and steps
  localparam int unsigned ByteW    = $clog2(WordBytes) + 1,
  localparam int unsigned CountW   = $clog2(Ports + 1)
) (
  input  wire                     clk_i,
  // fields of the running command; start_i begins it
  input  wire                     is_matmul_i,
  input  wire                     is_window_i,
  input  wire                     is_two_i,          // two operands
  input  wire                     is_linear_i,       // vectors of PostWidth bytes in rows
  input  wire                     is_gather_i,       // MATMUL with run_bytes
  input  wire  [23:0]             row_bytes_i,
  input  wire  [15:0]             in_h_i,
  input  wire  [13:0]             run_bytes_i,
  input  wire  [15:0]             group_channels_i,
  input  wire  [7:0]              k1_count_i,
  input  wire  [7:0]              win_rows_i,
  input  wire  [7:0]              win_cols_i,
  input  wire  [7:0]              win_new_cols_i,
  input  wire  [23:0]             win_row_step_i,
  input  wire  [23:0]             win_col_step_i,
  input  wire  [7:0]              win_y_step_i,
  //@ if units.bnn.enabled
  input  wire  [15:0]             plane_step_i,
  input  wire                     plane_i,           // the second plane of bits
  input  wire                     both_planes_i,     // vectors of both planes are fetched
  input  wire                     no_fetch_i,        // none is
  //@ endif
  input  wire                     start_i,
  // the position: npu_position_walker
  input  wire signed [AddrW-1:0]  row_i,
  input  wire signed [AddrW-1:0]  b_row_i,
  input  wire signed [17:0]       y_i,
  input  wire signed [AddrW-1:0]  x_i,
  input  wire                     row_last_i,
  // the slice: npu_slice_walker
  input  wire signed [AddrW-1:0]  slice_x_i,
  input  wire signed [AddrW-1:0]  slice_row_i,
  input  wire signed [17:0]       slice_y_i,
  input  wire  [13:0]             slice_skip_i,
  input  wire  [7:0]              slice_rows_left_i,
  // the vectors of this cycle
  output wire                     first_o,           // nothing of the position has been fetched
  output wire                     last_o,            // all that are wanted end the position
  output wire  [CountW-1:0]       wanted_o,
  output logic [Ports-1:0]        inside_o,          // any byte lies inside the tensor
  output wire  [24*Ports-1:0]     address_o,
  output logic [Ports-1:0]        two_words_o,
  output wire                     error_o,           // a byte inside lies outside PE memory
  output wire  [24:0]             error_address_o,
  // moves on
  input  wire                     grant_i,
  input  wire  [CountW-1:0]       count_i,
  input  wire                     position_end_i,
  input  wire                     group_end_i,
  input  wire                     slides_i,          // the next position is of the same slice
  // the vectors of the last grant, as npu_sequencer shows them
  output wire  [CountW-1:0]       stage_count_o,
  output wire  [Ports-1:0]        stage_clip_o,
  output wire  [ByteW*Ports-1:0]  stage_low_o,
  output wire  [ByteW*Ports-1:0]  stage_high_o,
  output wire  [Ports-1:0]        stage_gather_o,
  //@ if units.bnn.enabled
  output wire  [Ports-1:0]        stage_lower_o,
  //@ endif
  output wire  [ByteW*Ports-1:0]  stage_length_o,
  output wire  [ByteW*Ports-1:0]  stage_place_o
);
  localparam int unsigned OffsetW = $clog2(WordBytes);

  logic [7:0]              win_r_q, win_c_q;
  logic signed [AddrW-1:0] win_x_q, win_row_q, slide_x_q;
  logic signed [17:0]      win_y_q;
  logic [7:0]              outside_q;          // columns left of the row
  logic signed [AddrW-1:0] outside_x_q;        // offset of the first one inside
  logic [ByteW-1:0]        place_q;            // bytes of the operand that fetches have filled
  logic                    position_begins_q;

  // ---- The first vector of this cycle, and how many there are ----
  logic signed [AddrW-1:0] base_x, base_row, base_address;
  logic signed [17:0]      base_y;
  logic                    phase_b;
  logic [7:0]              slice_rows;  // kernel rows of a gathered slice
  logic [7:0]              fetch_rows;  // fetches of it
  logic [7:0]              rows_here;   // of them, or of a window column, still to do
  logic                    slide_column, column_last;

  assign phase_b      = is_two_i && win_c_q[0];
  assign base_x       = x_i + slice_x_i + win_x_q;
  assign base_row     = phase_b ? b_row_i : row_i + slice_row_i + win_row_q;
  //@ if units.bnn.enabled
  assign base_address = base_row + base_x + (plane_i ? $signed(AddrW'(plane_step_i)) : 26'sd0);
  //@ endif
  //@ unless units.bnn.enabled: assign base_address = base_row + base_x;
  assign base_y       = y_i + slice_y_i + win_y_q;

  // A slice takes up the rest of its first kernel row and whole rows until it is full.
  logic [15:0] taken1, taken2, taken3;
  assign taken1     = 16'(run_bytes_i) - 16'(slice_skip_i);
  assign taken2     = taken1 + 16'(run_bytes_i);
  assign taken3     = taken2 + 16'(run_bytes_i);
  assign slice_rows = (taken3 < 16'(Simd) && slice_rows_left_i > 8'd3) ? 8'd4 :
                      (taken2 < 16'(Simd) && slice_rows_left_i > 8'd2) ? 8'd3 :
                      (taken1 < 16'(Simd) && slice_rows_left_i > 8'd1) ? 8'd2 : 8'd1;
  //@ if units.bnn.enabled
  assign fetch_rows = no_fetch_i ? '0 : both_planes_i ? slice_rows << 1 : slice_rows;
  //@ endif
  //@ unless units.bnn.enabled: assign fetch_rows = slice_rows;
  assign rows_here  = (is_gather_i ? fetch_rows : is_window_i ? win_rows_i : win_r_q + 8'd1) -
                      win_r_q;
  assign wanted_o   = (rows_here > 8'(Ports)) ? CountW'(Ports) : CountW'(rows_here);

  assign slide_column = win_c_q == win_cols_i - win_new_cols_i;
  assign column_last  = win_r_q + 8'(wanted_o) == (is_gather_i ? fetch_rows : win_rows_i);
  assign first_o      = position_begins_q;
  assign last_o       = is_two_i ? phase_b
                      : is_linear_i || (is_matmul_i ? !is_gather_i || column_last
                                        : column_last && win_c_q + 8'd1 == win_cols_i);

  // ---- The vectors of this cycle ----
  logic [Ports-1:0]               bad_address, clip;
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
    inside_o     = '0;
    bad_address  = '0;
    //@ if units.bnn.enabled
    lower        = '0;
    //@ endif
    clip         = '0;
    low          = '0;
    high         = '0;
    length       = '0;
    place        = '0;
    address      = '0;
    bad_first    = '0;
    bad_last     = '0;
    port_row     = base_address;
    port_y       = base_y;
    port_place   = place_q;
    port_x       = base_x;
    port_address = base_address;
    port_after   = '0;
    port_first   = '0;
    port_last    = '0;
    port_low     = '0;
    port_high    = '0;
    port_begins  = '0;
    // Windows need no byte behind their group's channels.
    port_length = is_matmul_i ? ByteW'(Simd)
                : is_linear_i ? ByteW'(PostWidth) : ByteW'(group_channels_i);
    for (int unsigned p = 0; p < Ports; p++) begin
      if (CountW'(p) < wanted_o) begin
        port_begins = win_r_q + 8'(p) == '0;
        //@ if units.bnn.enabled
        if (both_planes_i && win_r_q + 8'(p) >= slice_rows) begin
          lower[p] = 1'b1;
          if (win_r_q + 8'(p) == slice_rows) begin
            port_row    = row_i + slice_row_i + base_x + $signed(AddrW'(plane_step_i));
            port_y      = y_i + slice_y_i;
            port_place  = '0;
            port_begins = 1'b1;
          end
        end
        //@ endif
        port_x       = base_x;
        port_address = port_row;
        if (is_gather_i) begin
          port_length = (run_bytes_i < 14'(Simd)) ? ByteW'(run_bytes_i) : ByteW'(Simd);
          if (port_begins) begin
            port_x       = base_x + $signed(AddrW'(slice_skip_i));
            port_address = port_row + $signed(AddrW'(slice_skip_i));
            port_length  = (taken1 < 16'(Simd)) ? ByteW'(taken1) : ByteW'(Simd);
          end
        end
        port_after = $signed({2'b00, row_bytes_i}) - port_x;
        port_low   = '0;
        port_high  = port_length;
        if (port_x < 0) begin
          port_low = (port_x + $signed(AddrW'(port_length)) <= 0) ? port_length : ByteW'(-port_x);
        end
        if (port_after < $signed(AddrW'(port_length))) begin
          port_high = (port_after < 0) ? '0 : ByteW'(port_after);
        end
        if (!is_linear_i && (port_y < 0 || port_y >= $signed({2'b00, in_h_i}))) port_high = '0;
        clip[p]    = port_low != '0 || port_high != port_length;
        port_first = port_address + $signed(AddrW'(port_low));
        port_last  = port_address + $signed(AddrW'(port_high)) - 26'sd1;
        if (port_high > port_low) begin
          inside_o[p] = 1'b1;
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
        port_row   = port_row + $signed({2'b00, win_row_step_i});
        port_y     = port_y + $signed({10'b0, win_y_step_i});
      end
    end
  end

  always_comb begin
    two_words_o = '0;
    for (int unsigned p = 0; p < Ports; p++) begin
      two_words_o[p] = (ByteW + 1)'(address[AddrW*p+:OffsetW]) +
                       (ByteW + 1)'(length[ByteW*p+:ByteW]) > (ByteW + 1)'(WordBytes);
    end
  end
  for (genvar p = 0; p < Ports; p++) begin : gen_address
    assign address_o[24*p+:24] = address[AddrW*p+:24];
  end
  assign error_o         = bad_address != '0;
  assign error_address_o = bad_first < 0 || bad_first >= $signed(AddrW'(MemBytes))
                         ? bad_first[24:0] : bad_last[24:0];

  // ---- Behind the rows of a window column or of a gathered slice that a grant fetches ----
  logic signed [AddrW-1:0] row_next;
  logic signed [17:0]      row_y_next;
  logic [ByteW-1:0]        place_next;
  always_comb begin
    row_next   = win_row_q;
    row_y_next = win_y_q;
    place_next = place_q;
    for (int unsigned p = 0; p < Ports; p++) begin
      if (CountW'(p) < count_i) begin
        //@ if units.bnn.enabled
        if (lower[p] && win_r_q + 8'(p) == slice_rows) begin
          row_next   = $signed(AddrW'(plane_step_i));
          row_y_next = '0;
          place_next = '0;
        end
        //@ endif
        row_next   = row_next + $signed({2'b00, win_row_step_i});
        row_y_next = row_y_next + $signed({10'b0, win_y_step_i});
        place_next = place_next + length[ByteW*p+:ByteW];
      end
    end
  end

  // At the end of a row a window slides if there are as many columns behind the row as the next
  // position has before it; these are the same for all rows if there is one k1.
  logic signed [AddrW-1:0] first_shared_x, left_of_row;
  logic                    wraps;
  assign left_of_row    = base_x + $signed(AddrW'(group_channels_i));
  assign first_shared_x = base_x + $signed({2'b00, win_col_step_i}) - outside_x_q;
  assign wraps          = k1_count_i == 8'd1 && outside_q != '0 &&
                          first_shared_x >= $signed({2'b00, row_bytes_i});

  always_ff @(posedge clk_i) begin
    if (start_i || position_end_i) begin
      place_q   <= '0;
      win_r_q   <= '0;
      win_row_q <= '0;
      win_y_q   <= '0;
      win_c_q   <= '0;
      win_x_q   <= '0;
      if (!start_i && slides_i && !row_last_i) begin
        win_c_q <= win_cols_i - win_new_cols_i;
        win_x_q <= (slide_column && win_r_q == '0) ? win_x_q : slide_x_q;
      end
      if (!start_i && slides_i && row_last_i && wraps) begin
        win_c_q <= outside_q;
        win_x_q <= outside_x_q;
      end
    end else if (grant_i) begin
      if (is_two_i) begin
        win_c_q <= 8'd1;
      end else if (!column_last || count_i != wanted_o) begin
        win_r_q   <= win_r_q + 8'(count_i);
        win_row_q <= row_next;
        win_y_q   <= row_y_next;
        place_q   <= place_next;
      end else begin
        win_r_q   <= '0;
        win_row_q <= '0;
        win_y_q   <= '0;
        win_c_q   <= win_c_q + 8'd1;
        win_x_q   <= win_x_q + $signed({2'b00, win_col_step_i});
        if (left_of_row <= 0) begin
          outside_q   <= win_c_q + 8'd1;
          outside_x_q <= win_x_q + $signed({2'b00, win_col_step_i});
        end
      end
    end
    if (start_i || group_end_i) outside_q <= '0;
    if (start_i || position_end_i) position_begins_q <= 1'b1;
    else if (grant_i) position_begins_q <= 1'b0;
    // Where sliding positions begin: the offset of the first new column, seen in every full window.
    if (grant_i && slide_column && win_r_q == '0) slide_x_q <= win_x_q;
  end

  // ---- The vectors of the last grant ----
  logic [CountW-1:0]      stage_count_q;
  logic [Ports-1:0]       stage_clip_q;
  logic [ByteW*Ports-1:0] stage_low_q, stage_high_q, stage_length_q, stage_place_q;

  always_ff @(posedge clk_i) begin
    if (grant_i) begin
      stage_count_q <= count_i;
      stage_clip_q  <= clip;
      stage_low_q   <= low;
      stage_high_q  <= high;
      if (is_gather_i) begin
        stage_length_q <= length;
        stage_place_q  <= place;
      end
    end
  end

  assign stage_count_o  = stage_count_q;
  assign stage_clip_o   = stage_clip_q;
  assign stage_low_o    = stage_low_q;
  assign stage_high_o   = stage_high_q;
  assign stage_length_o = stage_length_q;
  assign stage_place_o  = stage_place_q;

  //@ if units.bnn.enabled
  logic [Ports-1:0] stage_lower_q;
  always_ff @(posedge clk_i) begin
    if (grant_i) stage_lower_q <= lower;
  end
  //@ endif
  for (genvar p = 0; p < Ports; p++) begin : gen_stage
    //@ if units.bnn.enabled
    // Vectors of the second plane wait for their pass.
    assign stage_gather_o[p] = CountW'(p) < stage_count_q && !(SkipWindow > 1 && stage_lower_q[p]);
    assign stage_lower_o[p]  = CountW'(p) < stage_count_q && stage_lower_q[p];
    //@ endif
    //@ unless units.bnn.enabled: assign stage_gather_o[p] = CountW'(p) < stage_count_q;
  end

  logic unused_bits;
  assign unused_bits = ^{address, bad_last[AddrW-1]};
endmodule : npu_fetch_walker
`default_nettype wire

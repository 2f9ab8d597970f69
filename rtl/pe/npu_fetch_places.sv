`default_nettype none
// SPDX-License-Identifier: Apache-2.0
// Fetch places: from the loops' sums to where the vectors of a step lie in PE memory, which of
// their bytes lie inside the tensor, and whether one of these lies outside PE memory.
//
// Three stages of registers, of which each has one addition: (1) place in the row, row, and operand
// row of the step's first vector, (2) address and operand row of each vector, what is left of the
// row, (3) banks, and the bytes inside. All move on with advance_i. tag_i goes along.
module npu_fetch_places #(
  parameter int unsigned MemBytes  = 131072,  //@ = pe.memory  -- bytes of PE memory, for bounds
  parameter int unsigned Banks     = 8,       //@ = pe.banks
  parameter int unsigned WordBytes = 16,      //@ = pe.bank_width  -- bytes of a vector read
  parameter int unsigned Simd      = 16,      //@ = lane.simd  -- bytes of a dense vector
  parameter int unsigned PostWidth = 16,      //@ = units.postprocess_width  -- other vectors
  parameter int unsigned Ports     = 4,       //@ = units.window_ports  -- vectors of a step
  parameter int unsigned TagW      = 32,      // bits of what goes along
  localparam int unsigned AddrW    = 26,      // signed sums of addresses and steps
  localparam int unsigned OffsetW  = $clog2(WordBytes),
  localparam int unsigned ByteW    = OffsetW + 1,
  localparam int unsigned BankW    = $clog2(Banks),
  localparam int unsigned Depth    = MemBytes / (Banks * WordBytes),
  localparam int unsigned RowW     = (Depth > 1) ? $clog2(Depth) : 1
) (
  input  wire                     clk_i,             // need not rise but for start_i and advance_i
  input  wire                     rst_ni,
  input  wire                     clear_i,
  // fields of the running command; start_i begins it
  input  wire                     is_matmul_i,
  input  wire                     is_linear_i,       // vectors of PostWidth bytes in rows
  input  wire                     is_gather_i,       // MATMUL with run_bytes
  input  wire  [23:0]             row_bytes_i,
  input  wire  [15:0]             in_h_i,
  input  wire  [13:0]             run_bytes_i,
  input  wire  [15:0]             group_channels_i,
  input  wire  [23:0]             win_row_step_i,
  input  wire  [23:0]             win_col_step_i,
  input  wire  [7:0]              win_y_step_i,
  //@ if units.bnn.enabled
  input  wire  [15:0]             plane_step_i,
  input  wire                     plane_i,           // the second plane of bits
  input  wire                     both_planes_i,     // vectors of both planes are fetched
  //@ endif
  input  wire                     start_i,
  input  wire                     advance_i,
  // the step, in stage 0
  input  wire                     valid_i,
  input  wire  [Ports-1:0]        ports_i,           // that have a vector
  input  wire  [TagW-1:0]         tag_i,
  input  wire signed [AddrW-1:0]  row_i,             // npu_position_walker
  input  wire signed [AddrW-1:0]  b_row_i,
  input  wire signed [17:0]       y_i,
  input  wire signed [AddrW-1:0]  x_i,
  input  wire signed [AddrW-1:0]  slice_x_i,         // npu_slice_walker
  input  wire signed [AddrW-1:0]  slice_row_i,
  input  wire signed [17:0]       slice_y_i,
  input  wire  [13:0]             slice_skip_i,
  input  wire  [ByteW-1:0]        slice_length_i,
  //@ if units.bnn.enabled
  input  wire  [2:0]              slice_rows_i,
  //@ endif
  input  wire                     second_i,          // npu_fetch_walker
  input  wire  [2:0]              row_index_i,
  input  wire signed [AddrW-1:0]  win_x_i,
  input  wire signed [AddrW-1:0]  win_row_i,
  input  wire signed [17:0]       win_y_i,
  // to npu_fetch_walker
  output wire                     left_o,            // of the step in stage 1
  input  wire signed [AddrW-1:0]  outside_x_i,
  output wire                     behind_o,          // of the step in stage 2
  output wire                     busy_o,            // steps are on their way
  // the step, in stage 3
  output wire                     valid_o,
  output wire  [Ports-1:0]        ports_o,
  output wire  [TagW-1:0]         tag_o,
  output wire                     error_o,           // a byte inside lies outside PE memory
  output wire  [24:0]             error_address_o,   // of the command's first such step
  // its vectors
  output wire  [Ports-1:0]        inside_o,          // any byte lies inside the tensor
  output wire  [Ports-1:0]        two_o,             // the vector crosses into the next word
  output wire  [BankW*Ports-1:0]  bank_o,            // of its first word, and the next one
  output wire  [BankW*Ports-1:0]  bank2_o,
  output wire  [RowW*Ports-1:0]   row_o,
  output wire  [RowW*Ports-1:0]   row2_o,
  output wire  [OffsetW*Ports-1:0] offset_o,
  output wire  [Ports-1:0]        clip_o,            // bytes that count lie outside the tensor
  output wire  [ByteW*Ports-1:0]  low_o,             // first byte inside the tensor
  output wire  [ByteW*Ports-1:0]  high_o,            // behind the last byte inside the tensor
  //@ if units.bnn.enabled
  output wire  [Ports-1:0]        lower_o,           // of the second plane's operand
  //@ endif
  output wire  [ByteW*Ports-1:0]  length_o,          // bytes that count
  output wire  [ByteW*Ports-1:0]  place_o            // where they go in a gathered operand
);
  logic              valid1_q, valid2_q, valid3_q;
  logic [Ports-1:0]  ports1_q, ports2_q, ports3_q;
  logic [TagW-1:0]   tag1_q, tag2_q, tag3_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i || start_i) begin
      valid1_q <= 1'b0;
      valid2_q <= 1'b0;
      valid3_q <= 1'b0;
    end else if (advance_i) begin
      valid1_q <= valid_i;
      valid2_q <= valid1_q;
      valid3_q <= valid2_q;
    end
    if (advance_i && valid_i) begin
      ports1_q <= ports_i;
      tag1_q   <= tag_i;
    end
    if (advance_i && valid1_q) begin
      ports2_q <= ports1_q;
      tag2_q   <= tag1_q;
    end
    if (advance_i && valid2_q) begin
      ports3_q <= ports2_q;
      tag3_q   <= tag2_q;
    end
  end

  // ---- Stage 1: the first vector ----
  // Of a gathered slice the first kernel row begins behind what earlier slices took of it; the rows
  // after it begin where the operand does.
  logic signed [AddrW-1:0] x_q, rest_x_q, row_q;
  logic signed [17:0]      y_q;
  logic [ByteW-1:0]        length_q, rest_length;
  logic signed [AddrW-1:0] win_row;
  logic signed [AddrW-1:0] three_rows_q;  // of a window, fixed with the command
  logic [9:0]              three_y_q;
  //@ if units.bnn.enabled
  logic signed [AddrW-1:0] lower_row_q;  // row_q of the second plane
  assign win_row = plane_i ? $signed(AddrW'(plane_step_i)) : win_row_i;
  //@ endif
  //@ unless units.bnn.enabled: assign win_row = win_row_i;

  always_ff @(posedge clk_i) begin
    if (start_i) begin
      three_rows_q <= $signed(AddrW'(win_row_step_i)) + $signed(AddrW'({win_row_step_i, 1'b0}));
      three_y_q    <= 10'(win_y_step_i) + 10'({win_y_step_i, 1'b0});
    end
    if (advance_i && valid_i) begin
      x_q   <= x_i + slice_x_i + (is_gather_i ? $signed(AddrW'(slice_skip_i)) : win_x_i);
      row_q <= (second_i ? b_row_i : row_i) + slice_row_i + win_row;
      y_q   <= y_i + slice_y_i + win_y_i;
      if (is_gather_i) begin
        rest_x_q <= x_i;
        length_q <= slice_length_i;
      end
      //@ if units.bnn.enabled
      if (both_planes_i) lower_row_q <= row_i + slice_row_i + $signed(AddrW'(plane_step_i));
      //@ endif
    end
  end
  assign rest_length = (run_bytes_i < 14'(Simd)) ? ByteW'(run_bytes_i) : ByteW'(Simd);

  logic signed [AddrW-1:0] left;
  assign left   = x_q + $signed(AddrW'(group_channels_i)) - 26'sd1;
  assign left_o = left[AddrW-1];

  // ---- Stage 2: what of a vector's place does not depend on its row ----
  logic [ByteW-1:0]        length1, length2_q;
  logic signed [AddrW-1:0] after_q, rest_after_q;        // bytes up to the row's end
  logic [ByteW-1:0]        low_q, rest_low_q;            // bytes before its beginning
  logic signed [AddrW-1:0] behind;
  // Windows need no byte behind their group's channels.
  assign length1 = is_gather_i ? length_q
                 : is_matmul_i ? ByteW'(Simd)
                 : is_linear_i ? ByteW'(PostWidth) : ByteW'(group_channels_i);

  function automatic logic [ByteW-1:0] bytes_before(input logic [AddrW-1:0] x,
                                                    input logic [ByteW-1:0] length);
    logic near;  // x is -(2 * WordBytes - 1) at least
    near         = x[AddrW-1:ByteW] == {(AddrW-ByteW){1'b1}} && x[ByteW-1:0] != '0;
    bytes_before = !x[AddrW-1] ? '0
                 : (near && ByteW'(-x[ByteW-1:0]) < length) ? ByteW'(-x[ByteW-1:0]) : length;
  endfunction

  always_ff @(posedge clk_i) begin
    if (advance_i && valid1_q) begin
      length2_q <= length1;
      after_q   <= $signed({2'b00, row_bytes_i}) - x_q;
      low_q     <= bytes_before(x_q, length1);
      if (is_gather_i) begin
        rest_after_q <= $signed({2'b00, row_bytes_i}) - rest_x_q;
        rest_low_q   <= bytes_before(rest_x_q, rest_length);
      end
    end
  end
  assign behind   = $signed({2'b00, win_col_step_i}) - outside_x_i - after_q;
  assign behind_o = !behind[AddrW-1];

  // ---- Stage 3: what of it does not depend on its row ----
  function automatic logic [ByteW-1:0] bytes_up_to(input logic signed [AddrW-1:0] after,
                                                   input logic [ByteW-1:0] length);
    bytes_up_to = after[AddrW-1] ? '0
                : (after[AddrW-2:ByteW] != '0 || after[ByteW-1:0] >= length) ? length
                                                                             : after[ByteW-1:0];
  endfunction

  logic [ByteW-1:0] high, rest_high;
  assign high      = bytes_up_to(after_q, length2_q);
  assign rest_high = bytes_up_to(rest_after_q, rest_length);

  // ---- Each vector ----
  localparam int unsigned MemWords = MemBytes / WordBytes;
  localparam int unsigned WordW    = AddrW - OffsetW;
  logic [Ports-1:0]       bad, bad_first;
  logic [AddrW*Ports-1:0] bad_address;
  logic [ByteW*Ports-1:0] bad_offset;
  // Stage 3.
  logic [Ports-1:0]         inside3_q, two3_q, clip3_q;
  logic [BankW*Ports-1:0]   bank3_q, bank23_q;
  logic [RowW*Ports-1:0]    row3_q, row23_q;
  logic [OffsetW*Ports-1:0] offset3_q;
  logic [ByteW*Ports-1:0]   low3_q, high3_q, length3_q, place3_q;
  //@ if units.bnn.enabled
  logic [Ports-1:0]         lower3_q;
  //@ endif

  for (genvar p = 0; p < Ports; p++) begin : gen_port
    // Rows from the step's first one, for gathered slices from the operand's first one, and whether
    // the vector is the operand's first one.
    logic [1:0] row1;
    logic       begins1;
    //@ if units.bnn.enabled
    logic [2:0] row_number;
    logic       lower1, lower1_q, lower2_q;
    assign row_number = row_index_i + 3'(p);
    assign lower1     = both_planes_i && row_number >= slice_rows_i;
    assign row1       = is_gather_i ? 2'(lower1 ? row_number - slice_rows_i : row_number) : 2'(p);
    //@ endif
    //@ unless units.bnn.enabled: assign row1       = is_gather_i ? 2'(row_index_i) + 2'(p) : 2'(p);
    assign begins1    = !is_gather_i || row1 == '0;

    // Stage 2: address and operand row.
    logic [1:0]              row1_q;
    logic                    begins1_q, begins2_q;
    logic signed [AddrW-1:0] row_base, address2_q;
    logic signed [17:0]      y2_q;
    logic [ByteW-1:0]        place2_q;
    //@ if units.bnn.enabled
    assign row_base = lower1_q ? lower_row_q : row_q;
    //@ endif
    //@ unless units.bnn.enabled: assign row_base = row_q;
    always_ff @(posedge clk_i) begin
      if (advance_i && valid_i && ports_i[p]) begin
        row1_q    <= row1;
        begins1_q <= begins1;
        //@ if units.bnn.enabled
        lower1_q  <= lower1;
        //@ endif
      end
      if (advance_i && valid1_q && ports1_q[p]) begin
        address2_q <= row_base + (begins1_q ? x_q : rest_x_q) +
                      (row1_q[0] ? (row1_q[1] ? three_rows_q : $signed(AddrW'(win_row_step_i)))
                                 : (row1_q[1] ? $signed(AddrW'({win_row_step_i, 1'b0})) : '0));
        //@ if units.bnn.enabled
        lower2_q   <= lower1_q;
        //@ endif
        y2_q       <= y_q + (row1_q[0] ? (row1_q[1] ? $signed(18'(three_y_q))
                                                    : $signed(18'(win_y_step_i)))
                                       : (row1_q[1] ? $signed(18'({win_y_step_i, 1'b0})) : '0));
        begins2_q  <= begins1_q;
        if (is_gather_i) begin
          place2_q <= row1_q[1] ? length_q + (row1_q[0] ? ByteW'({rest_length, 1'b0}) : rest_length)
                                : (row1_q[0] ? length_q : '0);
        end
      end
    end

    // Stage 3: bytes inside, and the words, of which each lies in PE memory or not.
    logic               active;
    logic [ByteW-1:0]   port_length, port_low, port_high;
    logic               any_inside;
    logic [WordW-1:0]   word, word2;
    logic [OffsetW-1:0] offset;
    logic               word_outside, word2_outside;
    logic [BankW-1:0]   bank, bank2;
    logic [RowW-1:0]    row, row2;
    assign active = valid2_q && ports2_q[p];
    assign offset = address2_q[OffsetW-1:0];
    assign word   = address2_q[AddrW-1:OffsetW];
    assign word2  = word + WordW'(1);
    always_comb begin
      port_length   = '0;
      port_low      = '0;
      port_high     = '0;
      any_inside    = 1'b0;
      word_outside  = 1'b0;
      word2_outside = 1'b0;
      bad_first[p]  = 1'b0;
      bad[p]        = 1'b0;
      if (active) begin
        port_length   = begins2_q ? length2_q : rest_length;
        port_low      = begins2_q ? low_q : rest_low_q;
        port_high     = begins2_q ? high : rest_high;
        if (!is_linear_i && 18'(y2_q) >= 18'(in_h_i)) port_high = '0;
        any_inside    = port_high > port_low;
        word_outside  = word >= WordW'(MemWords);
        word2_outside = word >= WordW'(MemWords - 1) && word != {WordW{1'b1}};
        bad_first[p]  = ((ByteW + 1)'(offset) + (ByteW + 1)'(port_low) >=
                         (ByteW + 1)'(WordBytes)) ? word2_outside : word_outside;
        bad[p]        = any_inside &&
                        (bad_first[p] || (((ByteW + 1)'(offset) + (ByteW + 1)'(port_high) >
                                           (ByteW + 1)'(WordBytes)) ? word2_outside
                                                                    : word_outside));
      end
    end
    assign bad_address[AddrW*p+:AddrW] = address2_q;
    assign bad_offset[ByteW*p+:ByteW]  = bad_first[p] ? port_low : port_high - ByteW'(1);

    npu_bank_map #(
      .MemBytes (MemBytes),
      .Banks    (Banks),
      .WordBytes(WordBytes)
    ) u_word (
      .valid_i(active),
      .word_i (22'(word)),
      .bank_o (bank),
      .row_o  (row)
    );
    npu_bank_map #(
      .MemBytes (MemBytes),
      .Banks    (Banks),
      .WordBytes(WordBytes)
    ) u_word2 (
      .valid_i(active),
      .word_i (22'(word2)),
      .bank_o (bank2),
      .row_o  (row2)
    );

    always_ff @(posedge clk_i) begin
      if (advance_i && active) begin
        inside3_q[p]                    <= any_inside;
        two3_q[p]                       <= (ByteW + 1)'(offset) + (ByteW + 1)'(port_length) >
                                           (ByteW + 1)'(WordBytes);
        clip3_q[p]                      <= port_low != '0 || port_high != port_length;
        bank3_q[BankW*p+:BankW]         <= bank;
        bank23_q[BankW*p+:BankW]        <= bank2;
        row3_q[RowW*p+:RowW]            <= row;
        row23_q[RowW*p+:RowW]           <= row2;
        offset3_q[OffsetW*p+:OffsetW]   <= offset;
        low3_q[ByteW*p+:ByteW]          <= port_low;
        high3_q[ByteW*p+:ByteW]         <= port_high;
        //@ if units.bnn.enabled
        lower3_q[p]                     <= lower2_q;
        //@ endif
        if (is_gather_i) begin
          length3_q[ByteW*p+:ByteW]     <= port_length;
          place3_q[ByteW*p+:ByteW]      <= place2_q;
        end
      end
    end

    logic unused_word;
    assign unused_word = ^word2;
  end

  // ---- Errors: of the first step that has one, its first vector ----
  logic                    error_q, error_known_q;
  logic [AddrW-1:0]        error_first, error_first_q;
  logic [ByteW-1:0]        error_offset, error_offset_q;
  always_comb begin
    error_first  = '0;
    error_offset = '0;
    if (bad != '0) begin
      for (int unsigned p = 0; p < Ports; p++) begin
        if (bad[p] && (bad & ((Ports'(1) << p) - Ports'(1))) == '0) begin
          error_first  = bad_address[AddrW*p+:AddrW];
          error_offset = bad_offset[ByteW*p+:ByteW];
        end
      end
    end
  end
  always_ff @(posedge clk_i) begin
    if (advance_i && valid2_q) error_q <= bad != '0;
    if (start_i) error_known_q <= 1'b0;
    else if (advance_i && valid2_q && bad != '0) error_known_q <= 1'b1;
    if (advance_i && valid2_q && bad != '0 && !error_known_q) begin
      error_first_q  <= error_first;
      error_offset_q <= error_offset;
    end
  end
  assign error_address_o = 25'(error_first_q) + 25'(error_offset_q);

  assign inside_o = inside3_q;
  assign two_o    = two3_q;
  assign clip_o   = clip3_q;
  assign bank_o   = bank3_q;
  assign bank2_o  = bank23_q;
  assign row_o    = row3_q;
  assign row2_o   = row23_q;
  assign offset_o = offset3_q;
  assign low_o    = low3_q;
  assign high_o   = high3_q;
  assign length_o = length3_q;
  assign place_o  = place3_q;
  //@ if units.bnn.enabled
  assign lower_o  = lower3_q;
  //@ endif
  assign busy_o  = valid1_q || valid2_q || valid3_q;
  assign valid_o = valid3_q;
  assign ports_o = ports3_q;
  assign tag_o   = tag3_q;
  assign error_o = error_q;

  logic unused_bits;
  assign unused_bits = ^{left, behind, error_first_q, row_index_i};
endmodule : npu_fetch_places
`default_nettype wire

`default_nettype none
// SPDX-License-Identifier: Apache-2.0
// Vector unit: runs a program over rows of elements in PE memory (docs/machine.md, 4.10).
//
// Rows are taken in groups of up to 16 strips of Lanes elements, longer rows in parts of as many.
// Of each pass rows are looked at (an element outside PE memory ends all: error_o), operands are
// loaded, entries run over all strips one after the other, results are stored, reductions come
// together. Nothing is read before earlier writes are in PE memory.
`include "npu_assert.svh"
module npu_vector #(
  parameter int unsigned Lanes      = 8,       //@ = units.vector_lanes  -- 4, 8, 16
  parameter int unsigned MemBytes   = 131072,  //@ = pe.memory  -- bytes of PE memory, for bounds
  parameter int unsigned ReadBytes  = 16,      //@ = pe.bank_width  -- bytes of a vector read
  parameter int unsigned WriteBytes = 16       //@ = units.postprocess_width  -- bytes of a write
) (
  input  wire                     clk_i,
  input  wire                     rst_ni,
  input  wire                     clear_i,
  // start_i begins with the fields below, which stay until busy_o falls; of streams a to e, a first
  input  wire                     start_i,
  input  wire  [15:0]             rows_i,       // at least 1
  input  wire  [23:0]             elements_i,   // of a row, at least 1
  input  wire                     saturate_i,
  input  wire  [5*25-1:0]         base_i,
  input  wire  [5*24-1:0]         step_i,
  input  wire  [5*3-1:0]          format_i,
  input  wire  [2:0]              single_i,
  output wire                     busy_o,
  // entries of the program
  output wire                     fetch_valid_o,
  input  wire                     fetch_ready_i,
  output wire  [5:0]              fetch_index_o,
  input  wire                     fetch_rvalid_i,
  input  wire  [63:0]             fetch_data_i,
  // reads of PE memory; the data comes with read_rvalid_i, in order
  output wire                     read_valid_o,
  input  wire                     read_ready_i,
  output wire  [24:0]             read_addr_o,
  input  wire                     read_rvalid_i,
  input  wire  [8*ReadBytes-1:0]  read_data_i,
  output wire                     error_o,      // the row at error_addr_o is outside PE memory
  output wire  [24:0]             error_addr_o,
  // writes; write_busy_i: some are not in PE memory yet
  output wire                     write_valid_o,
  input  wire                     write_ready_i,
  output wire  [23:0]             write_addr_o,
  output wire  [8*WriteBytes-1:0] write_data_o,
  output wire  [WriteBytes-1:0]   write_strb_o,
  input  wire                     write_busy_i
);
  localparam int unsigned LaneW    = $clog2(Lanes);
  localparam int unsigned Partials = 16 / Lanes;     // strips of partial results
  localparam int unsigned PartElements = 16 * Lanes;

  typedef enum logic [3:0] {
    StIdle,
    StGroup,  // a group of rows begins
    StSeek,   // up to the next PASS or END
    StCheck,  // rows are looked at
    StPart,   // a part begins, when earlier writes are in memory
    StLoad,
    StRun,
    StStore,
    StPartEnd,
    StFold,   // reductions come together
    StNext    // on to the next group
  } state_e;
  state_e state_q;

  // ---- Sizes ----
  logic [15:0]      rows_left_q;
  logic [4:0]       group_q, rows_q, strips_q;   // rows of a group, of this one; strips of a row
  logic             long_q;                      // a row has several parts
  logic [Lanes-1:0] tail_lanes_q;                // lanes of a row's last strip
  logic [23:0]      first_q, rest_q;             // of the part; elements from there on
  wire  [24:0]      strips;                      // of a row
  wire              part_last;
  wire  [8:0]       part_elements;
  wire  [4:0]       part_strips;
  assign strips        = (25'(elements_i) + 25'(Lanes - 1)) >> LaneW;
  assign part_last     = rest_q <= 24'(PartElements);
  assign part_elements = part_last ? rest_q[8:0] : 9'(PartElements);
  assign part_strips   = 5'((part_elements + 9'(Lanes - 1)) >> LaneW);

  // ---- The state of streams ----
  logic [5*25-1:0] base_q;                       // of the group's first row
  logic [4:0]      streams_q;                    // those of the pass
  logic [2:0]      stream_q;                     // the one at work
  logic [4:0]      row_count_q;
  logic [24:0]     walk_q;
  wire             stream_on;
  wire  [7:0]      streams;                      // by number
  logic [24:0]     stream_base;
  logic [23:0]     stream_step;
  logic [2:0]      stream_format;
  logic            stream_single;
  wire  [1:0]      stream_shift;                 // bytes of an element
  wire  [26:0]     span;
  wire  [24:0]     part_address;
  always_comb begin
    stream_base   = '0;
    stream_step   = '0;
    stream_format = '0;
    stream_single = 1'b0;
    for (int unsigned s = 0; s < 5; s++) begin
      if (stream_q == 3'(s)) begin
        stream_base   = stream_base | base_q[25*s+:25];
        stream_step   = stream_step | step_i[24*s+:24];
        stream_format = stream_format | format_i[3*s+:3];
        if (s < 3) stream_single = stream_single | single_i[s % 3];
      end
    end
  end
  assign streams      = {3'd0, streams_q};
  assign stream_on    = streams[stream_q];
  assign stream_shift = {stream_format[2], stream_format == 3'd1};
  assign span         = (stream_single ? 27'd1 : 27'(elements_i)) << stream_shift;
  assign part_address = stream_base + (stream_single ? 25'd0 : 25'(first_q) << stream_shift);

  // ---- Entries ----
  wire        entry_valid, entry_ends;
  logic       entry_take;
  wire [63:0] entry;
  wire [3:0]  operation;
  assign operation  = entry[3:0];
  assign entry_ends = operation == npu_isa_pkg::VectorPass ||
                      operation == npu_isa_pkg::VectorEnd || operation == npu_isa_pkg::VectorEndToo;
  npu_vector_entries u_entries (
    .clk_i,
    .rst_ni,
    .clear_i,
    .restart_i(state_q == StGroup),
    .again_i  (state_q == StPartEnd && !part_last),
    .want_i   (state_q == StSeek || state_q == StRun),
    .valid_o  (entry_valid),
    .entry_o  (entry),
    .take_i   (entry_take),
    .fetch_valid_o,
    .fetch_ready_i,
    .fetch_index_o,
    .fetch_rvalid_i,
    .fetch_data_i
  );

  // ---- The operation that runs ----
  logic        issuing_q, begin_q;
  logic [3:0]  operation_q, x_source_q, y_source_q, z_source_q, destination_q;
  logic [31:0] immediate_q;
  logic [2:0]  op_format_q;
  logic        op_saturate_q, negate_product_q, negate_z_q;
  logic        x_zero_q, y_zero_q, z_zero_q, x_partial_q, z_partial_q, late_q, scalar_q;
  logic        fresh_q;                          // its reduction begins with this operation
  logic [1:0]  partial_q;
  logic [3:0]  shift_q;
  logic        largest_q;
  logic [7:0]  written_q;                        // registers that hold something
  logic [2:0]  scalars_q;                        // so for scalars
  logic [2:0]  begun_q, first_largest_q, last_largest_q;  // reductions of the pass
  logic [3:0]  since_q;                          // cycles since it began, up to 12
  logic [3:0]  pause_q;                          // to the next strip

  wire       reduces, divides, next_late, next_early, last_reads_late, starts, serial;
  wire [1:0] next_partial;
  wire [3:0] next_y, next_z;
  wire       y_register, z_register, y_scalar, z_scalar;
  assign reduces      = operation == npu_isa_pkg::VectorSum ||
                        operation == npu_isa_pkg::VectorLargest;
  assign divides      = operation_q == npu_isa_pkg::VectorDivide ||
                        operation_q == npu_isa_pkg::VectorSquareRoot;
  assign serial       = divides || z_partial_q;
  assign next_partial = (entry[5:4] == 2'd3) ? 2'd2 : entry[5:4];
  assign next_y       = entry[15:12];
  assign y_register   = !next_y[3];
  assign y_scalar     = next_y >= 4'd9 && next_y <= 4'd11;
  assign z_register   = !entry[19];
  assign z_scalar     = entry[19:16] >= 4'd9 && entry[19:16] <= 4'd11;
  assign next_z       = (reduces || (y_register && z_register) || (y_scalar && z_scalar))
                        ? 4'd15 : entry[19:16];
  assign next_late    = operation == npu_isa_pkg::VectorMulAdd ||
                        operation == npu_isa_pkg::VectorSum;
  assign next_early   = y_register || y_scalar || !next_late;
  assign last_reads_late = late_q && z_source_q != 4'd8 && z_source_q < 4'd12;

  wire       strip_last, issue_last, issue, array_busy, early_busy, front_busy;
  assign starts = state_q == StRun && entry_valid && !entry_ends && since_q >= 4'd12 &&
                  (!issuing_q || issue_last) &&
                  !(serial && (array_busy || issuing_q)) &&
                  !(reduces && (array_busy || issuing_q)) &&
                  !(last_reads_late && next_early && (early_busy || issuing_q));
  always_comb begin
    entry_take = 1'b0;
    if (state_q == StSeek) entry_take = entry_valid && !(operation == npu_isa_pkg::VectorEnd ||
                                                         operation == npu_isa_pkg::VectorEndToo);
    if (state_q == StRun) entry_take = starts;
  end

  // Registers that hold nothing are 0, as are such scalars.
  function automatic logic holds_nothing(input logic [3:0] source, input logic [7:0] written,
                                         input logic [2:0] scalars);
    holds_nothing = 1'b0;
    if (!source[3]) holds_nothing = !written[source[2:0]];
    else if (source == 4'd9) holds_nothing = !scalars[0];
    else if (source == 4'd10) holds_nothing = !scalars[1];
    else if (source == 4'd11) holds_nothing = !scalars[2];
  endfunction

  // ---- Strips ----
  logic [3:0] strip_q, strip_row_q, row_first_q;  // the one to issue; its row, and that's first
  logic [4:0] strip_in_row_q;
  wire        row_end, is_storing, store_ready;
  wire [3:0]  in_row;
  assign row_end    = strip_in_row_q == part_strips - 5'd1;
  assign strip_last = row_end && 5'(strip_row_q) == rows_q - 5'd1;
  assign in_row     = strip_in_row_q[3:0];
  assign is_storing = state_q == StStore;
  assign issue      = issuing_q && (is_storing ? store_ready
                                    : divides ? !front_busy : pause_q == '0);
  assign issue_last = issue && strip_last && state_q != StFold;

  // Partial results of a row are in its first strips.
  wire [3:0] partial_strip;
  wire       early_in_row;  // no element went to this partial result before
  assign partial_strip = row_first_q + (in_row & 4'(Partials - 1));
  assign early_in_row  = first_q == '0 && in_row < 4'(Partials);

  // ---- Reductions come together: by halves of 16 partial results ----
  logic [1:0] half_q;       // 0: 8, 1: 4, 2: 2, 3: 1
  logic [1:0] pair_q;       // strip of the row
  logic       fold_waits_q;
  wire  [4:0] half, pairs, apart;
  wire        fold_strips, pair_last, pair_there, other_there, fold_last, is_folding;
  wire  [4:0] there;        // strips that a row's partial results have
  assign is_folding  = state_q == StFold;
  assign half        = 5'd8 >> half_q;
  assign fold_strips = half >= 5'(Lanes);
  assign apart       = fold_strips ? half >> LaneW : '0;
  assign pairs       = fold_strips ? half >> LaneW : 5'd1;
  assign there       = long_q ? 5'(Partials)
                              : (strips_q < 5'(Partials)) ? strips_q : 5'(Partials);
  assign pair_last   = 5'(pair_q) == pairs - 5'd1;
  assign pair_there  = 5'(pair_q) < there;
  assign other_there = 5'(pair_q) + apart < there;
  assign fold_last   = pair_last && 5'(strip_row_q) == rows_q - 5'd1;

  wire fold_begins, fold_issues;
  assign fold_begins = is_folding && stream_q < 3'd3 && begun_q[stream_q[1:0]] && !issuing_q &&
                       !fold_waits_q && !array_busy;
  assign fold_issues = is_folding && issuing_q && pair_there;

  // ---- States ----
  wire load_busy, load_start, check_fails, row_count_last, store_busy, stream_last;
  logic load_waits_q;       // the load of stream_q has begun
  assign row_count_last = row_count_q == rows_q - 5'd1;
  assign check_fails    = state_q == StCheck && stream_on &&
                          28'(walk_q) + 28'(span) > 28'(MemBytes);
  assign load_start     = state_q == StLoad && stream_q < 3'd3 && stream_on && !load_waits_q;
  assign stream_last    = stream_q == 3'd4;

  // The next group begins group_q steps further on: added bit by bit.
  logic [2:0]  bit_q;
  wire  [24:0] further;
  assign further = walk_q + (group_q[bit_q] ? {1'b0, stream_step} << bit_q : '0);

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i) begin
      state_q      <= StIdle;
      issuing_q    <= 1'b0;
      load_waits_q <= 1'b0;
      fold_waits_q <= 1'b0;
    end else begin
      unique case (state_q)
        StIdle: if (start_i) state_q <= StGroup;
        StGroup: state_q <= StSeek;
        StSeek: begin
          if (entry_valid && operation == npu_isa_pkg::VectorPass) state_q <= StCheck;
          else if (entry_valid && entry_ends) state_q <= StNext;
        end
        StCheck: begin
          if (check_fails) state_q <= StIdle;
          else if (stream_last && (!stream_on || row_count_last)) state_q <= StPart;
        end
        StPart: if (!write_busy_i) state_q <= StLoad;
        StLoad: begin
          if (stream_q == 3'd3) state_q <= StRun;
          if (load_start) load_waits_q <= 1'b1;
          else if (load_waits_q && !load_busy) load_waits_q <= 1'b0;
        end
        StRun: begin
          if (starts) issuing_q <= 1'b1;
          else if (issue_last) issuing_q <= 1'b0;
          if (entry_valid && entry_ends && !issuing_q && !array_busy) state_q <= StStore;
        end
        StStore: begin
          // Streams 3 and 4; issuing_q while strips are to be issued.
          if (stream_q == 3'd5) state_q <= StPartEnd;
          else if (stream_on && !load_waits_q) begin
            load_waits_q <= 1'b1;
            issuing_q    <= 1'b1;
          end else if (issue_last) begin
            issuing_q <= 1'b0;
          end else if (load_waits_q && !issuing_q && !store_busy) begin
            load_waits_q <= 1'b0;
          end
        end
        StPartEnd: state_q <= part_last ? StFold : StPart;
        StFold: begin
          if (stream_q == 3'd3) state_q <= StSeek;
          else if (fold_begins) issuing_q <= 1'b1;
          else if (issuing_q && fold_last) begin
            issuing_q    <= 1'b0;
            fold_waits_q <= 1'b1;
          end else if (fold_waits_q && !array_busy) begin
            fold_waits_q <= 1'b0;
          end
        end
        default: begin  // StNext
          if (rows_left_q == 16'(rows_q)) state_q <= StIdle;
          else if (stream_last && bit_q == 3'd4) state_q <= StGroup;
        end
      endcase
    end
  end

  always_ff @(posedge clk_i) begin
    begin_q <= rst_ni && (starts || fold_begins);
    since_q <= (state_q == StLoad) ? 4'd12
             : (starts || fold_begins) ? '0
             : (since_q == 4'd12) ? since_q : since_q + 4'd1;
    case (state_q)
      StIdle: begin
        rows_left_q <= rows_i;
        base_q      <= base_i;
        long_q      <= strips > 25'd16;
        strips_q    <= strips[4:0];
        // floor(16 / strips), at least 1
        group_q <= 5'd1;
        for (int unsigned s = 1; s < 9; s++) begin
          if (strips == 25'(s)) group_q <= 5'(16 / s);
        end
        for (int unsigned n = 0; n < Lanes; n++) begin
          tail_lanes_q[n] <= elements_i[LaneW-1:0] == '0 || LaneW'(n) < elements_i[LaneW-1:0];
        end
      end
      StGroup: begin
        rows_q    <= (rows_left_q < 16'(group_q)) ? rows_left_q[4:0] : group_q;
        scalars_q <= '0;
      end
      StSeek: begin
        streams_q   <= entry[8:4];
        begun_q     <= '0;
        first_q     <= '0;
        rest_q      <= elements_i;
        stream_q    <= '0;
        row_count_q <= '0;
        bit_q       <= '0;
        walk_q      <= base_q[24:0];
      end
      StCheck: begin
        // Row by row of a stream, and on to the next one.
        row_count_q <= row_count_q + 5'd1;
        walk_q      <= walk_q + {1'b0, stream_step};
        if (!stream_on || row_count_last) begin
          row_count_q <= '0;
          stream_q    <= stream_q + 3'd1;
          for (int unsigned s = 0; s < 4; s++) begin
            if (stream_q == 3'(s)) walk_q <= base_q[25*(s+1)+:25];
          end
        end
      end
      StPart: begin
        written_q      <= '0;
        stream_q       <= '0;
        strip_q        <= '0;
        strip_row_q    <= '0;
        strip_in_row_q <= '0;
        row_first_q    <= '0;
      end
      StLoad: begin
        if (stream_q < 3'd3 && (!stream_on || (load_waits_q && !load_busy))) begin
          stream_q <= stream_q + 3'd1;
        end
        if (load_start) written_q[stream_q] <= 1'b1;
      end
      StRun: begin
        if (starts) begin
          if (reduces) begin
            begun_q[next_partial]        <= 1'b1;
            last_largest_q[next_partial] <= operation == npu_isa_pkg::VectorLargest;
            if (!begun_q[next_partial]) begin
              first_largest_q[next_partial] <= operation == npu_isa_pkg::VectorLargest;
            end
          end else begin
            written_q[entry[6:4]] <= 1'b1;
          end
        end
      end
      StStore: begin
        if (stream_q < 3'd5 && (!stream_on || (load_waits_q && !issuing_q && !store_busy))) begin
          stream_q <= stream_q + 3'd1;
        end
      end
      StPartEnd: begin
        first_q  <= first_q + 24'(PartElements);
        rest_q   <= rest_q - 24'(PartElements);
        stream_q <= '0;
        half_q   <= '0;
      end
      StFold: begin
        // stream_q counts the scalars here.
        if (stream_q < 3'd3 && !begun_q[stream_q[1:0]]) stream_q <= stream_q + 3'd1;
        if (fold_waits_q && !array_busy) begin
          half_q <= half_q + 2'd1;
          if (half_q == 2'd3) stream_q <= stream_q + 3'd1;
        end
        if (stream_q == 3'd3) scalars_q <= scalars_q | begun_q;
      end
      StNext: begin
        walk_q <= further;
        bit_q  <= bit_q + 3'd1;
        if (bit_q == 3'd4) begin
          bit_q    <= '0;
          stream_q <= stream_q + 3'd1;
          for (int unsigned s = 0; s < 5; s++) begin
            if (stream_q == 3'(s)) base_q[25*s+:25] <= further;
          end
          for (int unsigned s = 0; s < 4; s++) begin
            if (stream_q == 3'(s)) walk_q <= base_q[25*(s+1)+:25];
          end
          if (stream_last) rows_left_q <= rows_left_q - 16'(rows_q);
        end
      end
      default: ;
    endcase
    if (state_q == StRun && entry_valid && entry_ends && !issuing_q && !array_busy) begin
      stream_q <= 3'd3;
    end

    // Strips, for all who walk over them.
    if (issue && !is_folding) begin
      strip_q        <= strip_last ? '0 : strip_q + 4'd1;
      strip_in_row_q <= row_end ? '0 : strip_in_row_q + 5'd1;
      if (row_end) begin
        strip_row_q <= strip_last ? '0 : strip_row_q + 4'd1;
        row_first_q <= strip_last ? '0 : strip_q + 4'd1;
      end
    end
    if (issuing_q && is_folding) begin
      pair_q <= pair_last ? '0 : pair_q + 2'd1;
      if (pair_last) begin
        strip_row_q <= fold_last ? '0 : strip_row_q + 4'd1;
        row_first_q <= fold_last ? '0 : row_first_q + strips_q[3:0];
      end
    end
    if (state_q == StPart || state_q == StPartEnd) pair_q <= '0;
    if (starts) pause_q <= '0;
    else if (issue && z_partial_q) pause_q <= largest_q ? 4'(16 / Partials - 1)
                                                        : 4'(8 / Partials - 1);
    else if (pause_q != '0) pause_q <= pause_q - 4'd1;

    if (starts) begin
      operation_q      <= operation;
      immediate_q      <= entry[63:32];
      op_format_q      <= entry[24:22];
      op_saturate_q    <= entry[25];
      negate_product_q <= entry[20] && operation == npu_isa_pkg::VectorMulAdd;
      negate_z_q       <= entry[21] && operation == npu_isa_pkg::VectorMulAdd;
      x_source_q       <= (entry[11:8] >= 4'd9) ? 4'd15 : entry[11:8];
      y_source_q       <= (operation == npu_isa_pkg::VectorLargest) ? 4'd15 : next_y;
      z_source_q       <= next_z;
      x_zero_q         <= !entry[11] && !written_q[entry[10:8]];
      y_zero_q         <= holds_nothing(next_y, written_q, scalars_q) &&
                          operation != npu_isa_pkg::VectorLargest;
      z_zero_q         <= holds_nothing(next_z, written_q, scalars_q);
      x_partial_q      <= 1'b0;
      z_partial_q      <= reduces;
      late_q           <= next_late;
      scalar_q         <= 1'b0;
      fresh_q          <= !begun_q[next_partial];
      partial_q        <= next_partial;
      shift_q          <= '0;
      largest_q        <= operation == npu_isa_pkg::VectorLargest;
      destination_q    <= reduces ? {2'b10, next_partial} : {1'b0, entry[6:4]};
    end else if (fold_begins) begin
      operation_q      <= last_largest_q[stream_q[1:0]] ? npu_isa_pkg::VectorLargest
                                                        : npu_isa_pkg::VectorMulAdd;
      negate_product_q <= 1'b0;
      negate_z_q       <= 1'b0;
      x_source_q       <= 4'd15;
      y_source_q       <= 4'd15;
      z_source_q       <= 4'd15;
      x_zero_q         <= 1'b0;
      y_zero_q         <= 1'b0;
      z_zero_q         <= 1'b0;
      x_partial_q      <= 1'b1;
      z_partial_q      <= 1'b1;
      late_q           <= !last_largest_q[stream_q[1:0]];
      scalar_q         <= half_q == 2'd3;
      fresh_q          <= 1'b0;
      partial_q        <= stream_q[1:0];
      shift_q          <= fold_strips ? '0 : half[3:0];
      largest_q        <= first_largest_q[stream_q[1:0]];
      destination_q    <= {2'b10, stream_q[1:0]};
    end else if (is_storing && !load_waits_q) begin
      x_source_q    <= {3'd0, stream_q[2]};  // registers 0 and 1
      x_zero_q      <= !written_q[{2'd0, stream_q[2]}];
      x_partial_q   <= 1'b0;
      z_partial_q   <= 1'b0;
      operation_q   <= npu_isa_pkg::VectorConvert;
      op_format_q   <= stream_format;
      op_saturate_q <= saturate_i;
    end
  end

  // ---- Loads, arithmetic, stores ----
  wire [Lanes-1:0]    load_lanes;
  wire [3:0]          load_strip;
  wire [32*Lanes-1:0] load_value, codes;
  npu_vector_load #(
    .Lanes    (Lanes),
    .ReadBytes(ReadBytes)
  ) u_load (
    .clk_i,
    .rst_ni,
    .clear_i,
    .start_i      (load_start),
    .rows_i       (rows_q),
    .elements_i   (part_elements),
    .format_i     (stream_format),
    .single_i     (stream_single),
    .addr_i       (part_address),
    .row_step_i   (stream_step),
    .busy_o       (load_busy),
    .read_valid_o,
    .read_ready_i,
    .read_addr_o,
    .read_rvalid_i,
    .read_data_i,
    .lanes_o      (load_lanes),
    .strip_o      (load_strip),
    .value_o      (load_value)
  );

  npu_vector_array #(
    .Lanes(Lanes)
  ) u_array (
    .clk_i,
    .rst_ni,
    .clear_i,
    .operation_i     (operation_q),
    .immediate_i     (immediate_q),
    .format_i        (op_format_q),
    .saturate_i      (op_saturate_q),
    .negate_product_i(negate_product_q),
    .negate_z_i      (negate_z_q),
    .x_source_i      (x_source_q),
    .y_source_i      (y_source_q),
    .z_source_i      (z_source_q),
    .x_zero_i        (x_zero_q),
    .y_zero_i        (y_zero_q),
    .z_zero_i        (z_zero_q),
    .x_partial_i     (x_partial_q),
    .z_partial_i     (z_partial_q),
    .partial_i       (partial_q),
    .largest_i       (largest_q),
    .late_i          (late_q),
    .shift_i         (shift_q),
    .destination_i   (destination_q),
    .scalar_i        (scalar_q),
    .issue_i         (is_folding ? fold_issues : issue),
    .begin_i         (begin_q),
    .x_strip_i       (is_folding ? row_first_q + 4'(pair_q) : strip_q),
    .z_strip_i       (is_folding ? row_first_q + 4'(pair_q) + apart[3:0]
                      : z_partial_q ? partial_strip : strip_q),
    .out_strip_i     (is_folding ? row_first_q + 4'(pair_q)
                      : z_partial_q ? partial_strip : strip_q),
    .row_i           (strip_row_q),
    .nothing_i       (is_folding ? !other_there : fresh_q && early_in_row),
    .tail_i          (!is_folding && row_end && part_last),
    .tail_lanes_i    (tail_lanes_q),
    .early_busy_o    (early_busy),
    .front_busy_o    (front_busy),
    .busy_o          (array_busy),
    .load_lanes_i    (load_lanes),
    .load_register_i (stream_q[1:0]),
    .load_strip_i    (load_strip),
    .load_value_i    (load_value),
    .stores_i        (is_storing),
    .advance_i       (store_ready),
    .codes_o         (codes)
  );

  // Codes come three cycles after the strip was issued; the places of their rows are counted there.
  logic [2:0]  stored_q;
  logic [4:0]  out_strip_q;
  logic [24:0] out_row_q, out_addr_q;
  wire         out_row_end, out_taken, store_taken;
  assign store_ready = !stored_q[2] || store_taken;
  assign store_busy  = stored_q != '0;
  assign out_taken   = stored_q[2] && store_taken;
  assign out_row_end = out_strip_q == part_strips - 5'd1;
  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i || !is_storing) stored_q <= '0;
    else if (store_ready) stored_q <= {stored_q[1:0], issue};
    if (is_storing && !load_waits_q) begin
      out_strip_q <= '0;
      out_row_q   <= part_address;
      out_addr_q  <= part_address;
    end else if (out_taken) begin
      out_strip_q <= out_row_end ? '0 : out_strip_q + 5'd1;
      out_addr_q  <= out_addr_q + (25'(Lanes) << stream_shift);
      if (out_row_end) begin
        out_row_q  <= out_row_q + {1'b0, stream_step};
        out_addr_q <= out_row_q + {1'b0, stream_step};
      end
    end
  end

  npu_vector_store #(
    .Lanes     (Lanes),
    .WriteBytes(WriteBytes)
  ) u_store (
    .clk_i,
    .rst_ni,
    .clear_i,
    .format_i(stream_format),
    .valid_i (stored_q[2]),
    .ready_o (store_taken),
    .addr_i  (out_addr_q),
    .codes_i (codes),
    .strb_i  ((out_row_end && part_last) ? tail_lanes_q : '1),
    .valid_o (write_valid_o),
    .ready_i (write_ready_i),
    .addr_o  (write_addr_o),
    .data_o  (write_data_o),
    .strb_o  (write_strb_o)
  );

  assign busy_o       = state_q != StIdle;
  assign error_o      = check_fails;
  assign error_addr_o = walk_q;

  logic unused_bits;
  assign unused_bits = ^{entry, half[4], apart[4], strips};

  // Strips of a group, and those of a part, are 16 at the most.
  `NPU_ASSERT(StripsFit, state_q != StRun || 9'(rows_q) * 9'(part_strips) <= 9'd16)
endmodule : npu_vector
`default_nettype wire

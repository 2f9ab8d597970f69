`default_nettype none
// SPDX-License-Identifier: Apache-2.0
// Vector unit: runs a program over rows of elements in PE memory (docs/machine.md, 4.10).
//
// Rows are taken in groups of up to 16 strips of Lanes elements, longer rows in parts of as many,
// which several rows share where that lets sums go on. Of each pass rows are looked at (an element
// outside PE memory ends all: error_o), operands are loaded, entries run over all strips one after
// the other, results are stored, reductions come together. Nothing is read before earlier writes
// are in PE memory.
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
  localparam int unsigned Partials = 16 / Lanes;  // strips that a row's partial results take

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
  logic [4:0]       most_q;                      // strips of a row's part
  logic             long_q;                      // a row has several parts
  logic [Lanes-1:0] tail_lanes_q;                // lanes of a row's last strip
  logic [23:0]      first_q, rest_q;             // of the part; elements from there on
  wire  [24:0]      strips;                      // of a row
  logic             part_last_q;                   // of the part that began a cycle ago or more
  logic [8:0]       part_elements_q;
  logic [4:0]       part_strips_q;
  wire              rest_last;
  wire  [8:0]       rest_elements;
  wire  [8:0]       part_most;                   // elements of a part but the last
  wire              shared;                      // parts of several rows
  assign strips        = (25'(elements_i) + 25'(Lanes - 1)) >> LaneW;
  assign part_most     = 9'(most_q) << LaneW;
  assign rest_last     = rest_q <= 24'(part_most);
  assign rest_elements = rest_last ? rest_q[8:0] : part_most;
  assign shared        = rows_i != 16'd1 && strips > 25'(Partials) &&
                         (strips > 25'd16 || (strips & 25'(Partials - 1)) == '0);
  always_ff @(posedge clk_i) begin
    part_last_q     <= rest_last;
    part_elements_q <= rest_elements;
    part_strips_q   <= 5'((rest_elements + 9'(Lanes - 1)) >> LaneW);
  end

  // ---- The state of streams ----
  logic [5*25-1:0] base_q;                       // of the group's first row
  logic [4:0]      streams_q;                    // those of the pass
  logic [1:0]      first_only_q;                 // of d and e: the row's first element alone
  logic [2:0]      stream_q;                     // the one at work
  logic [4:0]      row_count_q;
  logic [24:0]     walk_q;
  wire             stream_on, stores;            // the part is stored
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
        stream_single = stream_single | ((s < 3) ? single_i[s % 3] : first_only_q[(s + 1) % 2]);
      end
    end
  end
  assign streams      = {3'd0, streams_q};
  assign stream_on    = streams[stream_q];
  assign stores       = stream_on && !(stream_single && first_q != '0);
  assign stream_shift = {stream_format[2], stream_format == 3'd1};
  assign span         = (stream_single ? 27'd1 : 27'(elements_i)) << stream_shift;
  assign part_address = stream_base + (stream_single ? 25'd0 : 25'(first_q) << stream_shift);

  // ---- Entries ----
  wire        entry_valid, entry_ends;
  wire        entry_take, operation_take, codes_move, codes_come;
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
    .again_i  (state_q == StPartEnd && !parts_end),
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

  // What reads nothing, reduces nothing and stores first elements alone has nothing to do in later
  // parts.
  wire reduces, parts_end;
  assign parts_end = part_last_q || (streams_q[2:0] == '0 && !reduces &&
                                   (streams_q[4:3] & ~first_only_q) == '0);

  // Operations before the first PASS have no effect.
  assign entry_take = operation_take || (state_q == StSeek && entry_valid &&
                                         (operation == npu_isa_pkg::VectorPass || !entry_ends));

  // ---- States ----
  logic load_waits_q;  // a load or a store of stream_q has begun
  wire  load_busy, load_start, check_fails, stream_checked, row_count_last, stream_last;
  wire  run_done, fold_done, store_begin, store_issues, codes_busy;
  assign row_count_last = row_count_q == rows_q - 5'd1;
  assign check_fails    = state_q == StCheck && stream_on &&
                          28'(walk_q) + 28'(span) > 28'(MemBytes);
  assign stream_checked = !stream_on || row_count_last || fits;
  assign load_start     = state_q == StLoad && stream_q < 3'd3 && stream_on && !load_waits_q;
  assign stream_last    = stream_q == 3'd4;
  assign store_begin    = state_q == StStore && stores && !load_waits_q;

  // The next group begins group_q steps further on, and reaches as far and a row's bytes more:
  // found bit by bit while the first group is at work.
  logic            sizing_q, sized_q;
  logic [2:0]      size_stream_q, bit_q;
  logic [28:0]     size_sum_q;
  logic [5*25-1:0] further_q;
  logic [5*29-1:0] reach_q;
  logic [23:0]     size_step;
  logic [2:0]      size_format;
  logic            size_single;
  wire  [1:0]      size_shift;
  wire  [28:0]     size_sum, size_span;
  logic [24:0]     further;                      // of stream_q
  logic [28:0]     reach;
  wire             fits;                         // all rows of the group lie in PE memory
  always_comb begin
    size_step   = '0;
    size_format = '0;
    size_single = 1'b0;
    further     = '0;
    reach       = '0;
    for (int unsigned s = 0; s < 5; s++) begin
      if (size_stream_q == 3'(s)) begin
        size_step   = size_step | step_i[24*s+:24];
        size_format = size_format | format_i[3*s+:3];
        if (s < 3) size_single = size_single | single_i[s % 3];
      end
      if (stream_q == 3'(s)) begin
        further = further | further_q[25*s+:25];
        reach   = reach | reach_q[29*s+:29];
      end
    end
  end
  assign size_shift = {size_format[2], size_format == 3'd1};
  assign size_span  = (size_single ? 29'd1 : 29'(elements_i)) << size_shift;
  assign size_sum   = size_sum_q + (group_q[bit_q] ? 29'(size_step) << bit_q : '0);
  assign fits       = sized_q && row_count_q == '0 && 30'(walk_q) + 30'(reach) <= 30'(MemBytes);
  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i) begin
      sizing_q <= 1'b0;
      sized_q  <= 1'b0;
    end else if (state_q == StIdle) begin
      sizing_q <= start_i;
      sized_q  <= 1'b0;
    end else if (sizing_q && bit_q == 3'd4 && size_stream_q == 3'd4) begin
      sizing_q <= 1'b0;
      sized_q  <= 1'b1;
    end
    if (state_q == StIdle) begin
      size_stream_q <= '0;
      bit_q         <= '0;
      size_sum_q    <= '0;
    end else begin
      size_sum_q <= size_sum;
      bit_q      <= bit_q + 3'd1;
      if (bit_q == 3'd4) begin
        size_sum_q    <= '0;
        bit_q         <= '0;
        size_stream_q <= size_stream_q + 3'd1;
        for (int unsigned s = 0; s < 5; s++) begin
          if (size_stream_q == 3'(s)) begin
            further_q[25*s+:25] <= size_sum[24:0];
            reach_q[29*s+:29]   <= size_sum + size_span;
          end
        end
      end
    end
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i) begin
      state_q      <= StIdle;
      load_waits_q <= 1'b0;
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
          else if (stream_last && stream_checked) state_q <= StPart;
        end
        StPart: if (!write_busy_i) state_q <= StLoad;
        StLoad: begin
          if (stream_q == 3'd3) state_q <= StRun;
          if (load_start) load_waits_q <= 1'b1;
          else if (load_waits_q && !load_busy) load_waits_q <= 1'b0;
        end
        StRun: if (run_done) state_q <= StStore;
        StStore: begin  // streams 3 and 4
          if (stream_q == 3'd5) state_q <= StPartEnd;
          if (store_begin) load_waits_q <= 1'b1;
          else if (!store_issues && !codes_busy) load_waits_q <= 1'b0;
        end
        StPartEnd: state_q <= parts_end ? StFold : StPart;
        StFold: if (fold_done) state_q <= StSeek;
        default: begin  // StNext
          if (rows_left_q == 16'(rows_q)) state_q <= StIdle;
          else if (stream_last) state_q <= StGroup;
        end
      endcase
    end
  end

  always_ff @(posedge clk_i) begin
    case (state_q)
      StIdle: begin
        rows_left_q <= rows_i;
        base_q      <= base_i;
        long_q      <= shared || strips > 25'd16;
        strips_q    <= strips[4:0];
        most_q      <= 5'd16;
        // floor(16 / strips), at least 1
        group_q <= 5'd1;
        for (int unsigned s = 1; s < 9; s++) begin
          if (strips == 25'(s)) group_q <= 5'(16 / s);
        end
        for (int unsigned g = 2; g <= Lanes; g *= 2) begin
          if (shared && rows_i >= 16'(g)) begin
            group_q <= 5'(g);
            most_q  <= 5'(16 / g);
          end
        end
        for (int unsigned n = 0; n < Lanes; n++) begin
          tail_lanes_q[n] <= elements_i[LaneW-1:0] == '0 || LaneW'(n) < elements_i[LaneW-1:0];
        end
      end
      StGroup: begin
        rows_q <= (rows_left_q < 16'(group_q)) ? rows_left_q[4:0] : group_q;
      end
      StSeek: begin
        streams_q    <= entry[8:4];
        first_only_q <= entry[10:9];
        first_q     <= '0;
        rest_q      <= elements_i;
        stream_q    <= '0;
        row_count_q <= '0;
        walk_q      <= base_q[24:0];
      end
      StCheck: begin
        // Row by row of a stream, and on to the next one.
        row_count_q <= row_count_q + 5'd1;
        walk_q      <= walk_q + {1'b0, stream_step};
        if (stream_checked) begin
          row_count_q <= '0;
          stream_q    <= stream_q + 3'd1;
          for (int unsigned s = 0; s < 4; s++) begin
            if (stream_q == 3'(s)) walk_q <= base_q[25*(s+1)+:25];
          end
        end
      end
      StPart: stream_q <= '0;
      StLoad: begin
        if (stream_q < 3'd3 && (!stream_on || (load_waits_q && !load_busy))) begin
          stream_q <= stream_q + 3'd1;
        end
      end
      StRun: stream_q <= 3'd3;
      StStore: begin
        if (stream_q < 3'd5 && (!stores || (load_waits_q && !store_issues && !codes_busy))) begin
          stream_q <= stream_q + 3'd1;
        end
      end
      StPartEnd: begin
        first_q  <= first_q + 24'(part_most);
        rest_q   <= rest_q - 24'(part_most);
      end
      StNext: begin
        if (sized_q) begin
          stream_q <= stream_q + 3'd1;
          for (int unsigned s = 0; s < 5; s++) begin
            if (stream_q == 3'(s)) base_q[25*s+:25] <= stream_base + further;
          end
          if (stream_last) rows_left_q <= rows_left_q - 16'(rows_q);
        end
      end
      default: ;
    endcase
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
    .elements_i   (part_elements_q),
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

  npu_vector_issue #(
    .Lanes(Lanes)
  ) u_issue (
    .clk_i,
    .rst_ni,
    .clear_i,
    .group_begin_i   (state_q == StGroup),
    .pass_begin_i    (state_q == StSeek),
    .part_begin_i    (state_q == StPart),
    .load_begin_i    (load_start),
    .load_register_i (stream_q[1:0]),
    .rows_i          (rows_q),
    .strips_i        (strips_q),
    .part_strips_i   (part_strips_q),
    .long_i          (long_q),
    .part_first_i    (first_q == '0),
    .part_last_i     (part_last_q),
    .tail_lanes_i    (tail_lanes_q),
    .run_i           (state_q == StRun),
    .run_done_o      (run_done),
    .entry_valid_i   (entry_valid),
    .entry_ends_i    (entry_ends),
    .entry_i         (entry),
    .entry_take_o    (operation_take),
    .fold_i          (state_q == StFold),
    .fold_done_o     (fold_done),
    .reduces_o       (reduces),
    .store_i         (state_q == StStore),
    .store_begin_i   (store_begin),
    .store_register_i(stream_q[2]),
    .store_format_i  (stream_format),
    .store_saturate_i(saturate_i),
    .store_ready_i   (codes_move),
    .store_issue_o   (codes_come),
    .store_busy_o    (store_issues),
    .codes_o         (codes),
    .load_lanes_i    (load_lanes),
    .load_strip_i    (load_strip),
    .load_value_i    (load_value)
  );

  npu_vector_store #(
    .Lanes     (Lanes),
    .WriteBytes(WriteBytes)
  ) u_store (
    .clk_i,
    .rst_ni,
    .clear_i,
    .begin_i     (store_begin),
    .format_i    (stream_format),
    .addr_i      (part_address),
    .row_step_i  (stream_step),
    .strips_i    (part_strips_q),
    .first_only_i(stream_single),
    .tail_lanes_i(part_last_q ? tail_lanes_q : '1),
    .issue_i     (codes_come),
    .move_o      (codes_move),
    .busy_o      (codes_busy),
    .codes_i     (codes),
    .valid_o     (write_valid_o),
    .ready_i     (write_ready_i),
    .addr_o      (write_addr_o),
    .data_o      (write_data_o),
    .strb_o      (write_strb_o)
  );

  assign busy_o       = state_q != StIdle;
  assign error_o      = check_fails;
  assign error_addr_o = walk_q;

  logic unused_bits;
  assign unused_bits = ^strips;
endmodule : npu_vector
`default_nettype wire

`default_nettype none
// SPDX-License-Identifier: Apache-2.0
// Parts of rows of a VECTOR, one ahead of the one that is computed (docs/machine.md, 4.10).
//
// Rows are taken in groups of up to 16 strips of Lanes elements, longer rows in parts of as many,
// which several rows share where that lets sums go on. When pass_i says what takes part, rows of
// the group are looked at (an element outside PE memory: fails_o), and operands of a part come into
// one half of the registers that hold operands, while the part before is computed in the other one:
// it ends with take_i. Behind the program's last pass the next group follows by itself, with what
// took part in the first pass.
module npu_vector_parts #(
  parameter int unsigned Lanes     = 8,       //@ = units.vector_lanes  -- 4, 8, 16
  parameter int unsigned MemBytes  = 131072,  //@ = pe.memory  -- bytes of PE memory, for bounds
  parameter int unsigned ReadBytes = 16       //@ = pe.bank_width  -- bytes of a vector read
) (
  input  wire                     clk_i,
  input  wire                     rst_ni,
  input  wire                     clear_i,
  // the command: start_i begins with its fields, which stay; of streams a to e, a first
  input  wire                     start_i,
  input  wire  [15:0]             rows_i,       // at least 1
  input  wire  [23:0]             elements_i,   // of a row, at least 1
  input  wire  [5*25-1:0]         base_i,
  input  wire  [5*24-1:0]         step_i,
  input  wire  [5*3-1:0]          format_i,
  input  wire  [2:0]              single_i,
  // the program
  input  wire                     pass_i,       // a pass begins, of streams_i, when ready
  output wire                     pass_ready_o,
  input  wire  [4:0]              streams_i,
  input  wire  [1:0]              first_only_i, // of d and e: the row's first element alone
  input  wire                     last_pass_i,  // it is known to be the last one
  input  wire                     group_next_i, // the program has ended for the group
  input  wire                     settled_i,    // all that was stored is in PE memory
  // the part that comes next
  output wire                     part_valid_o,
  input  wire                     take_i,
  output wire                     part_first_o, // of its rows
  output wire                     part_last_o,
  output wire                     one_o,        // rows have one element in this pass
  output wire  [4:0]              part_strips_o,  // of a row's part
  output wire  [4:0]              rows_o,         // of the group
  output wire                     group_last_o,
  output wire                     half_o,
  output wire  [24:0]             d_addr_o,       // of its results
  output wire  [24:0]             e_addr_o,
  // of the command
  output wire  [4:0]              strips_o,       // of a row, where it has one part
  output wire                     long_o,         // rows have several parts
  output wire  [Lanes-1:0]        tail_lanes_o,   // of a row's last strip
  // a row is outside PE memory
  output wire                     fails_o,
  output wire  [24:0]             fail_addr_o,
  input  wire                     finish_i,       // the command has ended, or that was seen
  // reads of PE memory; the data comes with read_rvalid_i, in order
  output wire                     read_valid_o,
  input  wire                     read_ready_i,
  output wire  [24:0]             read_addr_o,
  input  wire                     read_rvalid_i,
  input  wire  [8*ReadBytes-1:0]  read_data_i,
  // numbers of operands
  output wire  [Lanes-1:0]        lanes_o,
  output wire                     load_half_o,
  output wire  [1:0]              register_o,
  output wire  [3:0]              strip_o,
  output wire  [32*Lanes-1:0]     value_o
);
  localparam int unsigned LaneW    = $clog2(Lanes);
  localparam int unsigned Partials = 16 / Lanes;  // strips that a row's partial results take

  typedef enum logic [2:0] {
    StIdle,
    StWait,   // for what the program says
    StNext,   // the next group begins further on
    StBegin,  // of a pass
    StCheck,  // rows are looked at
    StPart,
    StLoad,
    StReady   // until the part is taken; or rows are outside PE memory
  } state_e;
  state_e state_q;
  logic   failed_q;

  // ---- Sizes ----
  logic [15:0]      rows_left_q;
  logic [4:0]       group_q, rows_q, strips_q;   // rows of a group, of this one; strips of a row
  logic [4:0]       most_q;                      // strips of a row's part
  logic             long_q;                      // a row has several parts
  logic [Lanes-1:0] tail_lanes_q;                // lanes of a row's last strip
  logic [23:0]      first_q, rest_q;             // of the part; elements from there on
  wire  [24:0]      strips;                      // of a row
  logic             part_last_q;                 // of the part that began a cycle ago or more
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

  // ---- Streams ----
  logic [5*25-1:0] base_q;                       // of the group's first row
  logic [4:0]      streams_q;                    // those of the pass
  logic [1:0]      first_only_q;
  logic [2:0]      stream_q;                     // the one at work
  logic [4:0]      row_count_q;
  logic [24:0]     walk_q;
  logic            reads_q;                      // a load of stream_q has begun
  logic            ahead_q;                      // the pass began by itself
  logic            fresh_q;                      // there was no pass before
  logic [4:0]      first_streams_q;              // of the program's first pass
  logic [1:0]      first_first_only_q;
  logic            half_q;                       // of the part that is loaded
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
        stream_single = stream_single | ((s < 3) ? single_i[s % 3] : first_only_q[(s + 1) % 2]);
      end
    end
  end
  assign streams      = {3'd0, streams_q};
  assign stream_on    = streams[stream_q];
  assign stream_shift = {stream_format[2], stream_format == 3'd1};
  assign span         = (stream_single ? 27'd1 : 27'(elements_i)) << stream_shift;
  assign part_address = stream_base + (stream_single ? 25'd0 : 25'(first_q) << stream_shift);
  // Where nothing is read and only first elements are stored.
  assign one_o        = streams_q[2:0] == '0 && (streams_q[4:3] & ~first_only_q) == '0;

  // Of results.
  function automatic logic [24:0] result_address(input logic [24:0] base, input logic [2:0] format,
                                                 input logic [23:0] first, input logic first_only);
    result_address = base + (first_only ? 25'd0 : 25'(first) << {format[2], format == 3'd1});
  endfunction
  assign d_addr_o = result_address(base_q[25*3+:25], format_i[3*3+:3], first_q, first_only_q[0]);
  assign e_addr_o = result_address(base_q[25*4+:25], format_i[3*4+:3], first_q, first_only_q[1]);

  // ---- States ----
  wire load_ready, load_busy, load_start, check_fails, stream_checked, row_count_last, stream_last;
  wire goes_on, settled, next_done;
  assign row_count_last = row_count_q == rows_q - 5'd1;
  assign check_fails    = state_q == StCheck && stream_on &&
                          28'(walk_q) + 28'(span) > 28'(MemBytes);
  assign stream_checked = !stream_on || row_count_last || fits;
  assign load_start     = state_q == StLoad && stream_q < 3'd3 && stream_on && !reads_q &&
                          load_ready;
  assign stream_last    = stream_q == 3'd4;
  assign goes_on        = state_q == StReady && take_i && part_last_q && last_pass_i &&
                          !group_last_o;
  assign settled        = settled_i || ahead_q || first_q != '0;
  assign next_done      = state_q == StNext && sized_q && stream_last;

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
      state_q  <= StIdle;
      failed_q <= 1'b0;
    end else begin
      unique case (state_q)
        StIdle: begin
          failed_q <= 1'b0;
          if (start_i) state_q <= StWait;
        end
        StWait: begin
          if (pass_i) state_q <= StBegin;
          else if (group_next_i) state_q <= StNext;
        end
        StNext:  if (next_done) state_q <= StBegin;
        StBegin: state_q <= StCheck;
        StCheck: begin
          if (check_fails) begin
            failed_q <= 1'b1;
            state_q  <= StReady;
          end else if (stream_last && stream_checked) begin
            state_q <= StPart;
          end
        end
        StPart: if (settled) state_q <= StLoad;
        StLoad: if (stream_q == 3'd3 && !load_busy) state_q <= StReady;
        default: begin  // StReady
          if (goes_on) state_q <= StNext;
          else if (take_i) state_q <= part_last_q ? StWait : StPart;
        end
      endcase
      if (finish_i) state_q <= StIdle;
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
        half_q      <= 1'b0;
        fresh_q     <= 1'b1;
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
      StWait: begin
        stream_q <= '0;
        ahead_q  <= 1'b0;
        if (pass_i) begin
          streams_q    <= streams_i;
          first_only_q <= first_only_i;
          fresh_q      <= 1'b0;
          if (fresh_q) begin
            first_streams_q    <= streams_i;
            first_first_only_q <= first_only_i;
          end
        end
      end
      StNext: begin
        if (sized_q) begin
          stream_q <= stream_last ? '0 : stream_q + 3'd1;
          for (int unsigned s = 0; s < 5; s++) begin
            if (stream_q == 3'(s)) base_q[25*s+:25] <= stream_base + further;
          end
          if (stream_last) rows_left_q <= rows_left_q - 16'(rows_q);
        end
        ahead_q      <= 1'b1;
        streams_q    <= first_streams_q;
        first_only_q <= first_first_only_q;
      end
      StBegin: begin
        rows_q      <= (rows_left_q < 16'(group_q)) ? rows_left_q[4:0] : group_q;
        first_q     <= '0;
        rest_q      <= one_o ? 24'd1 : elements_i;
        row_count_q <= '0;
        walk_q      <= base_q[24:0];
      end
      StCheck: begin
        // Row by row of a stream, and on to the next one.
        if (!check_fails) begin
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
      end
      StPart: begin
        stream_q <= '0;
        reads_q  <= 1'b0;
      end
      StLoad: begin
        if (stream_q < 3'd3 && (!stream_on || (reads_q && load_ready))) stream_q <= stream_q + 3'd1;
        reads_q <= load_start || (reads_q && !load_ready);
      end
      default: begin  // StReady
        stream_q <= '0;
        if (take_i) begin
          first_q <= first_q + 24'(part_most);
          rest_q  <= rest_q - 24'(part_most);
          half_q  <= !half_q;
        end
      end
    endcase
  end

  npu_vector_load #(
    .Lanes    (Lanes),
    .ReadBytes(ReadBytes)
  ) u_load (
    .clk_i,
    .rst_ni,
    .clear_i,
    .start_i      (load_start),
    .ready_o      (load_ready),
    .rows_i       (rows_q),
    .elements_i   (part_elements_q),
    .register_i   (stream_q[1:0]),
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
    .lanes_o,
    .register_o,
    .strip_o,
    .value_o
  );

  assign pass_ready_o  = state_q == StWait;
  assign part_valid_o  = state_q == StReady && !failed_q;
  assign part_first_o  = first_q == '0;
  assign part_last_o   = part_last_q;
  assign part_strips_o = part_strips_q;
  assign rows_o        = rows_q;
  assign group_last_o  = rows_left_q == 16'(rows_q);
  assign half_o        = half_q;
  assign load_half_o   = half_q;
  assign strips_o      = strips_q;
  assign long_o        = long_q;
  assign tail_lanes_o  = tail_lanes_q;
  assign fails_o       = failed_q;
  assign fail_addr_o   = walk_q;

  logic unused_bits;
  assign unused_bits = ^strips;
endmodule : npu_vector_parts
`default_nettype wire

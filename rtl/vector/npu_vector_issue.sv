`default_nettype none
// SPDX-License-Identifier: Apache-2.0
// Operations of a VECTOR's part of rows, strip by strip: those of entries, those that bring
// reductions together, and reads of results (docs/machine.md, 4.10).
//
// run_i: entries are taken and issued until one ends the pass (run_ended_o). store_i: strips of
// register store_register_i become codes; store_begins_o: they are issued from the next cycle on.
// A part, an operation or a store begins when all strips of the one before are issued (issued_o).
// fold_i: when they are, reductions of the pass become scalars, until fold_done_o.
`include "npu_assert.svh"
module npu_vector_issue #(
  parameter int unsigned Lanes = 8  //@ = units.vector_lanes  -- 4, 8, 16
) (
  input  wire                 clk_i,
  input  wire                 rst_ni,
  input  wire                 clear_i,
  // what begins
  input  wire                 group_begin_i,    // scalars are 0
  input  wire                 pass_begin_i,     // no reduction has begun
  input  wire                 part_begin_i,     // registers are 0
  input  wire  [2:0]          loaded_i,         // but these, which are loaded
  // sizes of the group and the part
  input  wire  [4:0]          rows_i,
  input  wire                 half_i,           // where operands are
  input  wire  [4:0]          strips_i,         // of a row, where it has one part
  input  wire  [4:0]          part_strips_i,    // of a row's part
  input  wire                 long_i,           // rows have several parts
  input  wire                 part_first_i,
  input  wire                 part_last_i,
  input  wire  [Lanes-1:0]    tail_lanes_i,     // lanes of a row's last strip
  // entries
  input  wire                 run_i,
  output wire                 run_ended_o,
  output wire                 issued_o,         // all strips so far, this cycle's too
  output wire                 busy_o,           // strips are on their way
  input  wire                 entry_valid_i,
  input  wire                 entry_ends_i,     // it is PASS or END
  input  wire  [63:0]         entry_i,
  output wire                 entry_take_o,
  // reductions
  input  wire                 fold_i,
  output wire                 fold_done_o,
  output wire                 reduces_o,        // the pass has reductions
  // codes of results
  input  wire                 store_i,
  output wire                 store_begins_o,
  input  wire                 store_register_i,
  input  wire  [2:0]          store_format_i,
  input  wire                 store_saturate_i,
  output wire                 codes_valid_o,
  output wire                 codes_last_o,     // of the store
  output wire  [32*Lanes-1:0] codes_o,
  // numbers of operands
  input  wire  [Lanes-1:0]    load_lanes_i,
  input  wire                 load_half_i,
  input  wire  [1:0]          load_register_i,
  input  wire  [3:0]          load_strip_i,
  input  wire  [32*Lanes-1:0] load_value_i
);
  localparam int unsigned LaneW    = $clog2(Lanes);
  localparam int unsigned Partials = 16 / Lanes;  // strips of partial results
  // A partial result is there eight cycles after it was read. Its late read must not meet an early
  // one of y, six cycles before, of another strip.
  localparam int unsigned SumPause = (Partials > 2) ? 3 : 8 / Partials - 1;

  // ---- The operation that runs ----
  logic        issuing_q, begin_q;
  logic [3:0]  operation_q, x_source_q, y_source_q, z_source_q, destination_q;
  logic [31:0] immediate_q;
  logic [2:0]  format_q;
  logic        saturate_q, negate_product_q, negate_z_q;
  logic        x_loaded_q, y_loaded_q, z_loaded_q, operand_half_q, codes_q;
  logic        x_zero_q, y_zero_q, z_zero_q, x_partial_q, z_partial_q, late_q, scalar_q;
  logic        fresh_q;                          // its reduction begins with this operation
  logic [1:0]  partial_q;
  logic [3:0]  shift_q;
  logic        largest_q;
  logic [7:0]  written_q;                        // registers that hold something
  logic [2:0]  loaded_q;                         // what was loaded
  logic [2:0]  scalars_q;                        // so for scalars
  logic [2:0]  begun_q, first_largest_q, last_largest_q;  // reductions of the pass
  logic        reduction_q;                      // one is on its way, the last of which is
  logic        reduction_quick_q, reduction_largest_q;
  logic [4:0]  reduction_strips_q;
  logic        late_register_q, late_scalar_q;   // late reads of the operation
  logic [3:0]  since_q;                          // cycles since it began, up to 13
  logic [3:0]  pause_q;                          // to the next strip
  logic [4:1]  last_q;                           // with strips on their way to codes
  logic        quick_q;                          // no strip adds to what one before it adds to

  wire       array_busy, early_busy, front_busy, starts, issue, issue_last;
  wire [3:0] operation;
  wire       reduces, divides, next_late, next_early, next_divides, next_quick, next_z_scalar;
  wire       meets;
  wire [1:0] next_partial;
  wire [3:0] next_y, next_z;
  wire       y_register, z_register, y_scalar, z_scalar;
  assign operation    = entry_i[3:0];
  assign reduces      = operation == npu_isa_pkg::VectorSum ||
                        operation == npu_isa_pkg::VectorLargest;
  assign divides      = operation_q == npu_isa_pkg::VectorDivide ||
                        operation_q == npu_isa_pkg::VectorSquareRoot;
  assign next_partial = (entry_i[5:4] == 2'd3) ? 2'd2 : entry_i[5:4];
  assign next_y       = entry_i[15:12];
  assign y_register   = !next_y[3];
  assign y_scalar     = next_y >= 4'd9 && next_y <= 4'd11;
  assign z_register   = !entry_i[19];
  assign z_scalar     = entry_i[19:16] >= 4'd9 && entry_i[19:16] <= 4'd11;
  assign next_z       = (reduces || (y_register && z_register) || (y_scalar && z_scalar))
                        ? 4'd15 : entry_i[19:16];
  assign next_late    = operation == npu_isa_pkg::VectorMulAdd ||
                        operation == npu_isa_pkg::VectorSum;
  assign next_z_scalar = next_z >= 4'd9 && next_z <= 4'd11;
  assign next_divides = operation == npu_isa_pkg::VectorDivide ||
                        operation == npu_isa_pkg::VectorSquareRoot;
  // A late read of SUM must not meet an early one of y.
  assign next_quick   = part_strips_i <= 5'(Partials) &&
                        (operation == npu_isa_pkg::VectorLargest || !y_register);

  // Registers, and scalars, that it reads early through the port where those before read z late.
  assign next_early =
      (late_register_q && (y_register || (!next_late && (reduces || !next_z[3])))) ||
      (late_scalar_q && (y_scalar || (!next_late && next_z_scalar)));
  // A reduction that would meet what one before it has not written yet: in quick ones strips of
  // the same partial results follow one another in 14 cycles and more.
  assign meets = reduces && reduction_q &&
                 !(reduction_quick_q && next_quick && reduction_strips_q == part_strips_i &&
                   reduction_largest_q == (operation == npu_isa_pkg::VectorLargest));

  // Results are there in the 14th cycle. Divisions wait for all before, and are waited for.
  assign issued_o = !issuing_q || issue_last;
  assign starts = run_i && entry_valid_i && !entry_ends_i && since_q == 4'd13 && issued_o &&
                  !((divides || next_divides || meets) && (array_busy || issuing_q)) &&
                  !(next_early && (early_busy || issuing_q));
  assign entry_take_o = starts;
  assign run_ended_o  = run_i && entry_valid_i && entry_ends_i;
  assign busy_o       = array_busy || issuing_q;

  // Codes leave early: what follows a store need not wait for it.
  assign codes_last_o   = last_q[4];
  assign store_begins_o = store_i && since_q == 4'd13 && issued_o &&
                          !(divides && (array_busy || issuing_q));

  // Registers that hold nothing are 0, as are such scalars.
  function automatic logic holds_nothing(input logic [3:0] source, input logic [7:0] written,
                                         input logic [2:0] scalars);
    holds_nothing = 1'b0;
    if (!source[3]) holds_nothing = !written[source[2:0]];
    else if (source == 4'd9) holds_nothing = !scalars[0];
    else if (source == 4'd10) holds_nothing = !scalars[1];
    else if (source == 4'd11) holds_nothing = !scalars[2];
  endfunction

  // Of registers, whether it is still the operand that was loaded.
  function automatic logic was_loaded(input logic [3:0] source, input logic [2:0] loaded);
    was_loaded = 1'b0;
    for (int unsigned r = 0; r < 3; r++) begin
      if (source == 4'(r)) was_loaded = loaded[r];
    end
  endfunction

  // ---- Strips ----
  logic [3:0] strip_q, strip_row_q, row_first_q;  // the one to issue; its row, and that's first
  logic [4:0] strip_in_row_q;
  wire        row_end, strip_last;
  wire [3:0]  in_row;
  assign row_end    = strip_in_row_q == part_strips_i - 5'd1;
  assign strip_last = row_end && 5'(strip_row_q) == rows_i - 5'd1;
  assign in_row     = strip_in_row_q[3:0];
  assign issue      = issuing_q && !fold_i &&
                      (divides ? !front_busy : pause_q == '0);
  assign issue_last = issue && strip_last;

  // Partial results of a row are in its first strips; where it has several parts, of which the
  // last one may be short, in as many as they take.
  wire [3:0] partial_strip;
  wire       early_in_row;  // no element went to this partial result before
  assign partial_strip = (long_i ? 4'(strip_row_q * 4'(Partials)) : row_first_q) +
                         (in_row & 4'(Partials - 1));
  assign early_in_row  = part_first_i && in_row < 4'(Partials);

  // ---- Reductions come together: by halves of 16 partial results ----
  logic [1:0] folded_q;     // the scalar
  logic [1:0] half_q;       // 0: 8, 1: 4, 2: 2, 3: 1
  logic [1:0] pair_q;       // strip of the row
  logic       fold_waits_q;
  wire  [4:0] half, pairs, apart;
  wire        fold_strips, pair_last, pair_there, other_there, fold_last, fold_begins, folds;
  wire        fold_step;
  wire  [4:0] there;        // strips that a row's partial results have
  assign half        = 5'd8 >> half_q;
  assign fold_strips = half >= 5'(Lanes);
  assign apart       = fold_strips ? half >> LaneW : '0;
  assign pairs       = fold_strips ? half >> LaneW : 5'd1;
  assign there       = (long_i || strips_i > 5'(Partials)) ? 5'(Partials) : strips_i;
  assign pair_last   = 5'(pair_q) == pairs - 5'd1;
  assign pair_there  = 5'(pair_q) < there;
  assign other_there = 5'(pair_q) + apart < there;
  assign fold_last   = pair_last && 5'(strip_row_q) == rows_i - 5'd1;
  assign folds       = folded_q != 2'd3 && begun_q[folded_q];
  // Steps that take a strip of each row follow one another in 14 cycles.
  assign fold_begins = fold_i && folds && !issuing_q && !fold_waits_q &&
                       (half_q != 2'd0 || !array_busy);
  assign fold_step   = fold_waits_q && ((half_q != 2'd3 && pairs == 5'd1) ? since_q == 4'd13
                                                                         : !array_busy);
  assign fold_done_o = folded_q == 2'd3;
  assign reduces_o   = begun_q != '0;

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i) begin
      issuing_q    <= 1'b0;
      fold_waits_q <= 1'b0;
      reduction_q  <= 1'b0;
      since_q      <= 4'd13;
    end else begin
      if (starts || fold_begins || store_begins_o) issuing_q <= 1'b1;
      else if (issue_last || (fold_i && fold_last)) issuing_q <= 1'b0;
      if (starts || fold_begins) since_q <= '0;
      else if (since_q != 4'd13) since_q <= since_q + 4'd1;
      if (starts && reduces) reduction_q <= 1'b1;
      else if (!array_busy && !issuing_q) reduction_q <= 1'b0;
      if (fold_i && issuing_q && fold_last) fold_waits_q <= 1'b1;
      else if (fold_step) fold_waits_q <= 1'b0;
    end
  end

  always_ff @(posedge clk_i) begin
    last_q  <= {last_q[3:1], strip_last};
    begin_q <= rst_ni && (starts || fold_begins || store_begins_o);

    if (group_begin_i) scalars_q <= '0;
    else if (fold_i && fold_done_o) scalars_q <= scalars_q | begun_q;
    if (pass_begin_i) begun_q <= '0;
    if (part_begin_i) begin
      written_q <= {5'd0, loaded_i};
      loaded_q  <= loaded_i;
    end
    if (starts) begin
      if (reduces) begin
        begun_q[next_partial]        <= 1'b1;
        last_largest_q[next_partial] <= operation == npu_isa_pkg::VectorLargest;
        if (!begun_q[next_partial]) begin
          first_largest_q[next_partial] <= operation == npu_isa_pkg::VectorLargest;
        end
      end else begin
        written_q[entry_i[6:4]] <= 1'b1;
        for (int unsigned r = 0; r < 3; r++) begin
          if (entry_i[6:4] == 3'(r)) loaded_q[r] <= 1'b0;
        end
      end
    end

    // Strips, for all who walk over them.
    if (part_begin_i) begin
      strip_q        <= '0;
      strip_row_q    <= '0;
      strip_in_row_q <= '0;
      row_first_q    <= '0;
    end else if (issue) begin
      strip_q        <= strip_last ? '0 : strip_q + 4'd1;
      strip_in_row_q <= row_end ? '0 : strip_in_row_q + 5'd1;
      if (row_end) begin
        strip_row_q <= strip_last ? '0 : strip_row_q + 4'd1;
        row_first_q <= strip_last ? '0 : strip_q + 4'd1;
      end
    end else if (fold_i && issuing_q && pair_last) begin
      strip_row_q <= fold_last ? '0 : strip_row_q + 4'd1;
      row_first_q <= fold_last ? '0
                   : row_first_q + (long_i ? 4'(Partials % 16) : strips_i[3:0]);
    end
    if (!fold_i) begin
      folded_q <= '0;
      half_q   <= '0;
      pair_q   <= '0;
    end else begin
      if (issuing_q) pair_q <= pair_last ? '0 : pair_q + 2'd1;
      if (fold_step) begin
        half_q <= half_q + 2'd1;
        if (half_q == 2'd3) folded_q <= folded_q + 2'd1;
      end else if (folded_q != 2'd3 && !folds) begin
        folded_q <= folded_q + 2'd1;
      end
    end
    if (starts || store_begins_o) pause_q <= '0;
    else if (issue && z_partial_q && !quick_q) pause_q <= largest_q ? 4'(16 / Partials - 1)
                                                        : 4'(SumPause);
    else if (pause_q != '0) pause_q <= pause_q - 4'd1;

    if (starts) begin
      operation_q      <= operation;
      immediate_q      <= entry_i[63:32];
      format_q         <= entry_i[24:22];
      saturate_q       <= entry_i[25];
      negate_product_q <= entry_i[20] && operation == npu_isa_pkg::VectorMulAdd;
      negate_z_q       <= entry_i[21] && operation == npu_isa_pkg::VectorMulAdd;
      x_source_q       <= (entry_i[11:8] >= 4'd9) ? 4'd15 : entry_i[11:8];
      y_source_q       <= (operation == npu_isa_pkg::VectorLargest) ? 4'd15 : next_y;
      z_source_q       <= next_z;
      x_zero_q         <= !entry_i[11] && !written_q[entry_i[10:8]];
      x_loaded_q       <= was_loaded(entry_i[11:8], loaded_q);
      y_loaded_q       <= was_loaded(next_y, loaded_q);
      z_loaded_q       <= was_loaded(next_z, loaded_q);
      operand_half_q           <= half_i;
      codes_q          <= 1'b0;
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
      destination_q    <= reduces ? {2'b10, next_partial} : {1'b0, entry_i[6:4]};
      quick_q          <= next_quick;
      late_register_q  <= next_late && (reduces || !next_z[3]);
      late_scalar_q    <= next_late && next_z_scalar;
      if (reduces) begin
        reduction_quick_q   <= next_quick;
        reduction_strips_q  <= part_strips_i;
        reduction_largest_q <= operation == npu_isa_pkg::VectorLargest;
      end
    end else if (fold_begins) begin
      operation_q      <= last_largest_q[folded_q] ? npu_isa_pkg::VectorLargest
                                                   : npu_isa_pkg::VectorMulAdd;
      negate_product_q <= 1'b0;
      negate_z_q       <= 1'b0;
      x_source_q       <= 4'd15;
      y_source_q       <= 4'd15;
      z_source_q       <= 4'd15;
      x_zero_q         <= 1'b0;
      x_loaded_q       <= 1'b0;
      y_loaded_q       <= 1'b0;
      z_loaded_q       <= 1'b0;
      codes_q          <= 1'b0;
      y_zero_q         <= 1'b0;
      z_zero_q         <= 1'b0;
      x_partial_q      <= 1'b1;
      z_partial_q      <= 1'b1;
      late_q           <= !last_largest_q[folded_q];
      scalar_q         <= half_q == 2'd3;
      partial_q        <= folded_q;
      shift_q          <= fold_strips ? '0 : half[3:0];
      largest_q        <= first_largest_q[folded_q];
      destination_q    <= {2'b10, folded_q};
    end else if (store_begins_o) begin
      operation_q      <= npu_isa_pkg::VectorConvert;
      format_q         <= store_format_i;
      saturate_q       <= store_saturate_i;
      x_source_q       <= {3'd0, store_register_i};
      x_zero_q         <= !written_q[{2'd0, store_register_i}];
      x_loaded_q       <= loaded_q[{1'b0, store_register_i}];
      operand_half_q           <= half_i;
      codes_q          <= 1'b1;
      x_partial_q      <= 1'b0;
      z_partial_q      <= 1'b0;
    end
  end

  npu_vector_array #(
    .Lanes(Lanes)
  ) u_array (
    .clk_i,
    .rst_ni,
    .clear_i,
    .operation_i     (operation_q),
    .immediate_i     (immediate_q),
    .format_i        (format_q),
    .saturate_i      (saturate_q),
    .negate_product_i(negate_product_q),
    .negate_z_i      (negate_z_q),
    .x_source_i      (x_source_q),
    .y_source_i      (y_source_q),
    .z_source_i      (z_source_q),
    .x_loaded_i      (x_loaded_q),
    .y_loaded_i      (y_loaded_q),
    .z_loaded_i      (z_loaded_q),
    .half_i          (operand_half_q),
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
    .codes_only_i    (codes_q),
    .issue_i         (fold_i ? issuing_q && pair_there : issue),
    .begin_i         (begin_q),
    .x_strip_i       (fold_i ? row_first_q + 4'(pair_q) : strip_q),
    .z_strip_i       (fold_i ? row_first_q + 4'(pair_q) + apart[3:0]
                      : z_partial_q ? partial_strip : strip_q),
    .out_strip_i     (fold_i ? row_first_q + 4'(pair_q)
                      : z_partial_q ? partial_strip : strip_q),
    .row_i           (strip_row_q),
    .nothing_i       (fold_i ? !other_there : fresh_q && early_in_row),
    .tail_i          (!fold_i && row_end && part_last_i),
    .tail_lanes_i,
    .early_busy_o    (early_busy),
    .front_busy_o    (front_busy),
    .busy_o          (array_busy),
    .load_lanes_i,
    .load_half_i,
    .load_register_i,
    .load_strip_i,
    .load_value_i,
    .codes_valid_o,
    .codes_o
  );

  logic unused_bits;
  assign unused_bits = ^{entry_i, half[4], apart[4]};

  // Strips of a group, and those of a part, are 16 at the most.
  `NPU_ASSERT(StripsFit, !run_i || 9'(rows_i) * 9'(part_strips_i) <= 9'd16)
endmodule : npu_vector_issue
`default_nettype wire

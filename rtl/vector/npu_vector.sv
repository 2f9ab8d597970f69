`default_nettype none
// SPDX-License-Identifier: Apache-2.0
// Vector unit: runs a program over rows of elements in PE memory (docs/machine.md, 4.10).
//
// npu_vector_parts brings one part of rows after the other, the next one while this one is
// computed. Here entries run over all strips of a part one after the other, results go on to be
// stored meanwhile, and reductions come together when a pass has seen all of its rows.
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
  typedef enum logic [2:0] {
    StIdle,
    StSeek,   // up to the next PASS or END
    StFold,   // reductions of the pass before come together
    StReady,  // for the next part
    StRun,
    StStore,
    StDrain   // until all is stored
  } state_e;
  state_e state_q;

  // ---- The part at work ----
  logic        first_q, last_q;          // of its rows
  logic [4:0]  rows_q, part_strips_q;
  logic        group_last_q, half_q, one_q;
  logic [24:0] d_addr_q, e_addr_q;

  // ---- The program ----
  logic [4:0] streams_q;                 // of the pass
  logic [1:0] first_only_q;
  logic       asked_q;                   // npu_vector_parts does not know of the pass yet
  logic [6:0] passes_q;                  // of this group so far, up to 64
  logic [6:0] all_passes_q;              // of the group before; 0: there was none
  logic [1:0] stores_q;                  // d and e of the part are still to be stored

  wire        entry_valid, entry_ends, entry_take, operation_take;
  wire [63:0] entry;
  wire [3:0]  operation;
  wire        is_pass, pass_found, end_found, group_next, part_ends, part_over;
  assign operation  = entry[3:0];
  assign is_pass    = operation == npu_isa_pkg::VectorPass;
  assign entry_ends = is_pass || operation == npu_isa_pkg::VectorEnd;
  assign pass_found = state_q == StSeek && entry_valid && is_pass;
  assign end_found  = state_q == StSeek && entry_valid && entry_ends && !is_pass;
  // A program without passes has no effect.
  assign group_next = end_found && !group_last_q && passes_q != '0;
  // Operations before the first PASS have no effect.
  assign entry_take = operation_take || pass_found ||
                      (state_q == StSeek && entry_valid && !entry_ends);
  npu_vector_entries u_entries (
    .clk_i,
    .rst_ni,
    .clear_i,
    .restart_i(state_q == StIdle || group_next),
    .again_i  (part_ends && !last_q),
    .want_i   (state_q != StIdle && state_q != StDrain),
    .valid_o  (entry_valid),
    .entry_o  (entry),
    .take_i   (entry_take),
    .fetch_valid_o,
    .fetch_ready_i,
    .fetch_index_o,
    .fetch_rvalid_i,
    .fetch_data_i
  );

  // ---- Parts ----
  wire             pass_ready, part_valid, part_take, part_first, part_last, part_group_last;
  wire             part_one;
  wire             part_half, long_rows, load_half, fails, store_busy, array_busy;
  wire [4:0]       part_strips, part_rows, strips;
  wire [24:0]      part_d_addr, part_e_addr;
  wire [Lanes-1:0] tail_lanes, load_lanes;
  wire [1:0]       load_register;
  wire [3:0]       load_strip;
  wire [32*Lanes-1:0] load_value, codes;
  assign part_take = state_q == StReady && part_valid;
  npu_vector_parts #(
    .Lanes    (Lanes),
    .MemBytes (MemBytes),
    .ReadBytes(ReadBytes)
  ) u_parts (
    .clk_i,
    .rst_ni,
    .clear_i,
    .start_i,
    .rows_i,
    .elements_i,
    .base_i,
    .step_i,
    .format_i,
    .single_i,
    .pass_i      (asked_q),
    .pass_ready_o(pass_ready),
    .streams_i   (streams_q),
    .first_only_i(first_only_q),
    .last_pass_i (passes_q == all_passes_q),
    .group_next_i(group_next),
    .settled_i   (!store_busy && !write_busy_i),
    .finish_i    (error_o || state_q == StDrain),
    .part_valid_o(part_valid),
    .take_i      (part_take),
    .part_first_o(part_first),
    .part_last_o (part_last),
    .one_o       (part_one),
    .part_strips_o(part_strips),
    .rows_o      (part_rows),
    .group_last_o(part_group_last),
    .half_o      (part_half),
    .d_addr_o    (part_d_addr),
    .e_addr_o    (part_e_addr),
    .strips_o    (strips),
    .long_o      (long_rows),
    .tail_lanes_o(tail_lanes),
    .fails_o     (fails),
    .fail_addr_o (error_addr_o),
    .read_valid_o,
    .read_ready_i,
    .read_addr_o,
    .read_rvalid_i,
    .read_data_i,
    .lanes_o     (load_lanes),
    .load_half_o (load_half),
    .register_o  (load_register),
    .strip_o     (load_strip),
    .value_o     (load_value)
  );

  // ---- States ----
  wire        run_ended, issued, fold_done, reduces, store_begins, store_ready, store_second;
  wire  [1:0] stores;                    // of the part
  assign part_ends    = state_q == StRun && run_ended;
  assign part_over    = state_q == StStore && stores_q == '0 && issued;
  assign stores       = streams_q[4:3] & ~(first_only_q & {2{!first_q}});
  assign store_second = !stores_q[0];
  // An error shows when all that came before is done.
  assign error_o = state_q == StReady && fails && !store_busy && !array_busy && entry_valid;

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i) begin
      state_q <= StIdle;
      asked_q <= 1'b0;
    end else begin
      unique case (state_q)
        StIdle: if (start_i) state_q <= StSeek;
        StSeek: begin
          if (pass_found) begin
            state_q <= (passes_q != '0 && reduces) ? StFold : StReady;
            // The first pass of a later group is known.
            asked_q <= passes_q != '0 || all_passes_q == '0;
          end else if (end_found && !group_next) begin
            state_q <= StDrain;
          end
        end
        StFold:  if (fold_done) state_q <= StReady;
        StReady: begin
          if (error_o) state_q <= StIdle;
          else if (part_take) state_q <= StRun;
        end
        StRun:   if (run_ended) state_q <= StStore;
        StStore: if (part_over) state_q <= last_q ? StSeek : StReady;
        default: if (!store_busy && !array_busy) state_q <= StIdle;  // StDrain
      endcase
      if (asked_q && pass_ready) asked_q <= 1'b0;
    end
  end

  always_ff @(posedge clk_i) begin
    if (state_q == StIdle) begin
      passes_q     <= '0;
      all_passes_q <= '0;
    end
    if (pass_found) begin
      streams_q    <= entry[8:4];
      first_only_q <= entry[10:9];
      passes_q     <= passes_q + 7'd1;
    end
    if (group_next) begin
      passes_q     <= '0;
      all_passes_q <= passes_q;
    end
    if (part_take) begin
      first_q       <= part_first;
      last_q        <= part_last;
      one_q         <= part_one;
      rows_q        <= part_rows;
      part_strips_q <= part_strips;
      group_last_q  <= part_group_last;
      half_q        <= part_half;
      d_addr_q      <= part_d_addr;
      e_addr_q      <= part_e_addr;
    end
    if (part_ends) begin
      stores_q <= stores;
    end else if (store_begins) begin
      stores_q <= store_second ? '0 : {stores_q[1], 1'b0};
    end
  end

  // ---- Arithmetic, stores ----
  wire codes_valid, codes_last;
  npu_vector_issue #(
    .Lanes(Lanes)
  ) u_issue (
    .clk_i,
    .rst_ni,
    .clear_i,
    .group_begin_i   (part_take && part_first && passes_q == 7'd1),
    .pass_begin_i    (part_take && part_first),
    .part_begin_i    (part_take),
    .loaded_i        (streams_q[2:0]),
    .rows_i          (rows_q),
    .half_i          (half_q),
    .strips_i        (one_q ? 5'd1 : strips),
    .part_strips_i   (part_strips_q),
    .long_i          (long_rows && !one_q),
    .part_first_i    (first_q),
    .part_last_i     (last_q),
    .tail_lanes_i    (one_q ? Lanes'(1) : tail_lanes),
    .run_i           (state_q == StRun),
    .run_ended_o     (run_ended),
    .issued_o        (issued),
    .busy_o          (array_busy),
    .entry_valid_i   (entry_valid),
    .entry_ends_i    (entry_ends),
    .entry_i         (entry),
    .entry_take_o    (operation_take),
    .fold_i          (state_q == StFold),
    .fold_done_o     (fold_done),
    .reduces_o       (reduces),
    .store_i         (state_q == StStore && stores_q != '0 && store_ready),
    .store_begins_o  (store_begins),
    .store_register_i(store_second),
    .store_format_i  (store_second ? format_i[3*4+:3] : format_i[3*3+:3]),
    .store_saturate_i(saturate_i),
    .codes_valid_o   (codes_valid),
    .codes_last_o    (codes_last),
    .codes_o         (codes),
    .load_lanes_i    (load_lanes),
    .load_half_i     (load_half),
    .load_register_i (load_register),
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
    .format_i     (format_i[3*3+:6]),
    .row_step_i   (step_i[24*3+:48]),
    .tail_lanes_i (tail_lanes),
    .begin_i      (store_begins),
    .ready_o      (store_ready),
    .second_i     (store_second),
    .addr_i       (store_second ? e_addr_q : d_addr_q),
    .strips_i     (part_strips_q),
    .first_only_i (store_second ? first_only_q[1] : first_only_q[0]),
    .part_last_i  (last_q),
    .busy_o       (store_busy),
    .codes_valid_i(codes_valid),
    .last_i       (codes_last),
    .codes_i      (codes),
    .valid_o      (write_valid_o),
    .ready_i      (write_ready_i),
    .addr_o       (write_addr_o),
    .data_o       (write_data_o),
    .strb_o       (write_strb_o)
  );

  assign busy_o = state_q != StIdle;
endmodule : npu_vector
`default_nettype wire

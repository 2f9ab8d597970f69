`default_nettype none
// SPDX-License-Identifier: Apache-2.0
// The units that few commands use: look-up, softmax, argmax, and the rows of core memory that hold
// their tables. Their clock runs in these commands.
//
// LOOKUP: while load_table_i the 256 bytes of the table, from core memory row b_base on, are copied
// into the unit, one per cycle; then vectors come in and leave as writes. SOFTMAX and ARGMAX walk
// their rows in PE memory by themselves, and SOFTMAX reads words of its table as it needs them. A
// row outside core memory (table_error_o) or a row of bytes that does not lie in PE memory
// (rows_error_o) is not asked for.
module npu_vector_units #(
  parameter int unsigned MemBytes    = 131072,  //@ = pe.memory  -- bytes of PE memory, for bounds
  parameter int unsigned WordBytes   = 16,      //@ = pe.bank_width  -- bytes of a vector read
  parameter int unsigned PostWidth   = 16,      //@ = units.postprocess_width  -- bytes of a write
  parameter int unsigned LookupPorts = 4,       //@ = units.lookup_ports
  parameter int unsigned RowBytes    = 64,      // bytes of a core memory row, a power of two
  parameter int unsigned Rows        = 1024,    // of core memory, for bounds
  localparam int unsigned VecW       = 8 * WordBytes
) (
  input  wire                    clk_i,
  input  wire                    rst_ni,
  input  wire                    clear_i,
  // fields of the running command; start_i begins it
  input  wire                    start_i,
  input  wire                    running_i,
  input  wire  [7:0]             opcode_i,
  input  wire                    minimum_i,
  input  wire  [24:0]            act_base_i,
  input  wire  [24:0]            b_base_i,
  input  wire  [15:0]            out_h_i,
  input  wire  [23:0]            row_bytes_i,
  input  wire  [23:0]            row_step_i,
  input  wire  [23:0]            out_base_i,
  input  wire  [23:0]            out_row_step_i,
  output wire                    lookup_busy_o,
  output wire                    rows_busy_o,     // SOFTMAX or ARGMAX
  // LOOKUP: copy the table; all of it is copied
  input  wire                    load_table_i,
  output wire                    table_done_o,
  // table rows of core memory; data in the cycle after the grant, and until the next one
  output wire                    table_valid_o,
  input  wire                    table_ready_i,
  output wire  [23:0]            table_row_o,
  input  wire  [8*RowBytes-1:0]  table_data_i,
  output wire                    table_error_o,
  // vectors of LOOKUP
  input  wire                    lookup_valid_i,
  output wire                    lookup_ready_o,
  input  wire  [8*PostWidth-1:0] lookup_data_i,
  input  wire  [23:0]            lookup_addr_i,
  input  wire  [PostWidth-1:0]   lookup_strb_i,
  // reads of PE memory; data in the cycle after the grant
  output wire                    read_valid_o,
  input  wire                    read_ready_i,
  output wire  [24:0]            read_addr_o,
  input  wire  [VecW-1:0]        read_data_i,
  output wire                    rows_error_o,    // the row of read_addr_o
  // writes
  output wire                    write_valid_o,
  input  wire                    write_ready_i,
  output logic [23:0]            write_addr_o,
  output logic [8*PostWidth-1:0] write_data_o,
  output logic [PostWidth-1:0]   write_strb_o
);
  localparam int unsigned RowOffW = $clog2(RowBytes);

  logic is_lookup, is_softmax, is_argmax;
  assign is_lookup  = opcode_i == npu_isa_pkg::OpLookup;
  assign is_softmax = opcode_i == npu_isa_pkg::OpSoftmax;
  assign is_argmax  = opcode_i == npu_isa_pkg::OpArgMax;

  wire clk;
  npu_clock_gate u_gate (
    .clk_i,
    .enable_i(!rst_ni || clear_i || (running_i && (is_lookup || is_softmax || is_argmax))),
    .clk_o   (clk)
  );

  // ---------------------------------------------------------------------------------------------
  // Table rows.
  // ---------------------------------------------------------------------------------------------
  logic                  soft_table_valid, soft_table_rvalid_q;
  logic [7:0]            soft_table_index;
  logic [RowOffW-1:0]    table_offset_q;    // of the byte or word on the way
  logic [8*RowBytes-1:0] table_shifted;
  logic [31:0]           table_word;
  logic [8:0]            load_index_q;      // bytes of the table loaded; 256: done
  logic                  load_row_q;        // the row of load_index_q stands on the row port
  logic                  load_write;

  assign table_done_o  = load_index_q[8];
  assign load_write    = load_table_i && load_row_q;
  assign table_valid_o = is_softmax ? soft_table_valid
                                    : load_table_i && !load_row_q && !table_done_o;
  assign table_row_o   = b_base_i[23:0] +
                         (is_softmax ? 24'({soft_table_index, 2'b00}) >> RowOffW
                                     : 24'(load_index_q) >> RowOffW);
  assign table_error_o = table_valid_o && table_row_o >= 24'(Rows);
  always_comb begin
    table_shifted = '0;
    if (load_write || soft_table_rvalid_q) begin
      table_shifted = table_data_i >> {table_offset_q, 3'b000};
    end
  end
  assign table_word = table_shifted[31:0];

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i || !load_table_i) begin
      load_index_q <= '0;
      load_row_q   <= 1'b0;
    end else if (load_row_q) begin
      load_index_q <= load_index_q + 9'd1;
      if (RowOffW'(load_index_q) == RowOffW'(RowBytes - 1)) load_row_q <= 1'b0;
    end else if (table_valid_o && table_ready_i) begin
      load_row_q <= 1'b1;
    end
    soft_table_rvalid_q <= rst_ni && !clear_i && is_softmax && soft_table_valid && table_ready_i;
    if (table_valid_o && table_ready_i) begin
      table_offset_q <= is_softmax ? RowOffW'({soft_table_index, 2'b00}) : '0;
    end else if (load_write) begin
      table_offset_q <= table_offset_q + RowOffW'(1);
    end
  end

  // ---------------------------------------------------------------------------------------------
  // Look-up.
  // ---------------------------------------------------------------------------------------------
  logic                   lookup_valid;
  logic [8*PostWidth-1:0] lookup_data;
  logic [23:0]            lookup_addr;
  logic [PostWidth-1:0]   lookup_strb;

  npu_lookup #(
    .Width(PostWidth),
    .Ports(LookupPorts)
  ) u_lookup (
    .clk_i(clk),
    .rst_ni,
    .clear_i,
    .load_valid_i(load_write),
    .load_index_i(load_index_q[7:0]),
    .load_data_i (table_word[7:0]),
    .valid_i     (lookup_valid_i),
    .ready_o     (lookup_ready_o),
    .data_i      (lookup_data_i),
    .addr_i      (lookup_addr_i),
    .strb_i      (lookup_strb_i),
    .valid_o     (lookup_valid),
    .ready_i     (write_ready_i),
    .data_o      (lookup_data),
    .addr_o      (lookup_addr),
    .strb_o      (lookup_strb),
    .busy_o      (lookup_busy_o)
  );

  // ---------------------------------------------------------------------------------------------
  // Softmax and argmax: one of the two runs at a time.
  // ---------------------------------------------------------------------------------------------
  logic            soft_busy, soft_read_valid, soft_out_valid;
  logic            arg_busy, arg_read_valid, arg_out_valid;
  logic [24:0]     soft_read_addr, arg_read_addr, soft_row, arg_row, row;
  logic [7:0]      soft_out_data, arg_out_data;
  logic [23:0]     soft_out_addr, arg_out_addr;
  logic            rows_valid, rvalid1_q, rvalid2_q;
  logic [VecW-1:0] rdata_q;

  npu_softmax #(
    .ReadBytes(WordBytes)
  ) u_softmax (
    .clk_i(clk),
    .rst_ni,
    .clear_i,
    .start_i       (start_i && is_softmax),
    .rows_i        (out_h_i),
    .depth_i       (row_bytes_i),
    .in_base_i     (act_base_i),
    .in_row_step_i (row_step_i),
    .out_base_i    (out_base_i),
    .out_row_step_i(out_row_step_i),
    .busy_o        (soft_busy),
    .rd_valid_o    (soft_read_valid),
    .rd_ready_i    (read_ready_i),
    .rd_addr_o     (soft_read_addr),
    .rd_row_o      (soft_row),
    .rd_data_i     (rdata_q),
    .rd_rvalid_i   (rvalid2_q),
    .table_valid_o (soft_table_valid),
    .table_ready_i (is_softmax && table_ready_i),
    .table_index_o (soft_table_index),
    .table_data_i  (table_word),
    .table_rvalid_i(soft_table_rvalid_q),
    .out_valid_o   (soft_out_valid),
    .out_ready_i   (write_ready_i),
    .out_addr_o    (soft_out_addr),
    .out_data_o    (soft_out_data)
  );

  npu_argmax #(
    .ReadBytes(WordBytes)
  ) u_argmax (
    .clk_i(clk),
    .rst_ni,
    .clear_i,
    .start_i       (start_i && is_argmax),
    .minimum_i,
    .rows_i        (out_h_i),
    .depth_i       (row_bytes_i),
    .in_base_i     (act_base_i),
    .in_row_step_i (row_step_i),
    .out_base_i    (out_base_i),
    .out_row_step_i(out_row_step_i),
    .busy_o        (arg_busy),
    .rd_valid_o    (arg_read_valid),
    .rd_ready_i    (read_ready_i),
    .rd_addr_o     (arg_read_addr),
    .rd_row_o      (arg_row),
    .rd_data_i     (rdata_q),
    .rd_rvalid_i   (rvalid2_q),
    .out_valid_o   (arg_out_valid),
    .out_ready_i   (write_ready_i),
    .out_addr_o    (arg_out_addr),
    .out_data_o    (arg_out_data)
  );

  assign rows_busy_o  = soft_busy || arg_busy;
  assign rows_valid   = (is_softmax || is_argmax) && (soft_read_valid || arg_read_valid);
  assign row          = is_argmax ? arg_row : soft_row;
  assign read_addr_o  = is_argmax ? arg_read_addr : soft_read_addr;
  // Looked at with the row's first vector, and the same after.
  assign rows_error_o = rows_valid && {1'b0, row} + 26'(row_bytes_i) > 26'(MemBytes);
  assign read_valid_o = rows_valid && !rows_error_o;

  always_ff @(posedge clk_i) begin
    rvalid1_q <= rst_ni && !clear_i && rows_valid && read_ready_i;
    rvalid2_q <= rst_ni && !clear_i && rvalid1_q;
    if (rvalid1_q) rdata_q <= read_data_i;
  end

  // ---------------------------------------------------------------------------------------------
  // Writes. The command stands for some cycles before its first one.
  // ---------------------------------------------------------------------------------------------
  logic writes_lookup_q, writes_argmax_q;
  always_ff @(posedge clk) begin
    writes_lookup_q <= is_lookup;
    writes_argmax_q <= is_argmax;
  end
  always_comb begin
    write_addr_o = lookup_addr;
    write_data_o = lookup_data;
    write_strb_o = lookup_strb;
    if (!writes_lookup_q) begin
      write_addr_o = writes_argmax_q ? arg_out_addr : soft_out_addr;
      write_data_o = writes_argmax_q ? (8 * PostWidth)'(arg_out_data)
                                     : (8 * PostWidth)'(soft_out_data);
      write_strb_o = PostWidth'(1);
    end
  end
  assign write_valid_o = writes_lookup_q ? lookup_valid
                                         : writes_argmax_q ? arg_out_valid : soft_out_valid;

  logic unused_bits;
  assign unused_bits = ^{b_base_i[24], table_shifted};
endmodule : npu_vector_units
`default_nettype wire

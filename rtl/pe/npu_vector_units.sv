`default_nettype none
// SPDX-License-Identifier: Apache-2.0
// The units that few commands use, and the rows of core memory that hold their tables: look-up,
// softmax, argmax. Their clock runs in these commands.
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
  //@ if units.vector
  parameter int unsigned VectorLanes = 0,       //@ = units.vector_lanes  -- 0: no vector unit
  //@ endif
  parameter int unsigned RowBytes    = 64,      // bytes of a core memory row, a power of two
  parameter int unsigned Rows        = 1024,    // of core memory, for bounds
  localparam int unsigned VecW       = 8 * WordBytes
) (
  input  wire                    clk_i,
  input  wire                    rst_ni,
  input  wire                    clear_i,
  // the running command; start_i begins it
  input  wire                    start_i,
  input  wire                    running_i,
  input  wire npu_isa_pkg::compute_command_t cmd_i,
  output wire                    lookup_busy_o,
  output wire                    rows_busy_o,     // a command that walks rows
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
  // reads of PE memory; data in the cycle after read_granted_i
  output wire                    read_valid_o,
  input  wire                    read_ready_i,
  input  wire                    read_granted_i,  // data of one that was taken come then
  output wire  [23:0]            read_addr_o,
  input  wire  [VecW-1:0]        read_data_i,
  output wire                    rows_error_o,    // the row of error_addr_o
  output wire  [24:0]            error_addr_o,
  // writes
  output wire                    write_valid_o,
  input  wire                    write_ready_i,
  output logic [23:0]            write_addr_o,
  output logic [8*PostWidth-1:0] write_data_o,
  //@ if units.vector
  input  wire                    write_busy_i,    // earlier writes are not in PE memory yet
  //@ endif
  output logic [PostWidth-1:0]   write_strb_o
);
  localparam int unsigned RowOffW = $clog2(RowBytes);

  logic is_lookup, is_softmax, is_argmax;
  logic is_vector;  //@ if units.vector
  assign is_lookup  = cmd_i.opcode == npu_isa_pkg::OpLookup;
  assign is_softmax = cmd_i.opcode == npu_isa_pkg::OpSoftmax;
  assign is_argmax  = cmd_i.opcode == npu_isa_pkg::OpArgMax;
  assign is_vector  = cmd_i.opcode == npu_isa_pkg::OpVector;  //@ if units.vector

  wire clk, works;  // one of these commands runs
  //@ if units.vector
  assign works = running_i && (is_lookup || is_softmax || is_argmax || is_vector);
  //@ else
  //@:assign works = running_i && (is_lookup || is_softmax || is_argmax);
  //@ endif
  npu_clock_gate u_gate (
    .clk_i,
    .enable_i(!rst_ni || clear_i || works),
    .clk_o   (clk)
  );

  // ---------------------------------------------------------------------------------------------
  // Table rows.
  // ---------------------------------------------------------------------------------------------
  logic                  soft_table_valid, soft_table_rvalid_q;
  logic                  table_asked, table_read;  // a row is wanted; stands on the row port
  logic [23:0]           table_base;        // row in which the table, or the program, begins
  logic [9:0]            table_byte;        // of what is asked for, from there on
  //@ if units.vector
  logic                  vector_fetch, vector_rvalid_q;
  logic [5:0]            vector_index;      // entry of the program
  //@ endif
  logic [7:0]            soft_table_index;
  logic [RowOffW-1:0]    table_offset_q;    // of the byte or word on the way
  logic [8*RowBytes-1:0] table_shifted;
  logic [31:0]           table_word;
  logic [8:0]            load_index_q;      // bytes of the table loaded; 256: done
  logic                  load_row_q;        // the row of load_index_q stands on the row port
  logic                  load_write;

  assign table_done_o  = load_index_q[8];
  assign load_write    = load_table_i && load_row_q;
  always_comb begin
    table_asked = load_table_i && !load_row_q && !table_done_o;
    table_base  = cmd_i.b_base[23:0];
    table_byte  = {1'b0, load_index_q};
    if (is_softmax) begin
      table_asked = soft_table_valid;
      table_byte  = {soft_table_index, 2'b00};
    end
    //@ if units.vector
    if (is_vector) begin
      table_asked = vector_fetch;
      table_base  = cmd_i.weight_row;
      table_byte  = {1'b0, vector_index, 3'b000};
    end
    //@ endif
  end
  assign table_valid_o = table_asked;
  assign table_row_o   = table_base + (24'(table_byte) >> RowOffW);
  assign table_error_o = table_valid_o && table_row_o >= 24'(Rows);
  always_comb begin
    table_shifted = '0;
    if (load_write || table_read) begin
      table_shifted = table_data_i >> {table_offset_q, 3'b000};
    end
  end
  assign table_word = table_shifted[31:0];
  //@ if units.vector
  assign table_read = soft_table_rvalid_q || vector_rvalid_q;
  //@ else
  //@:assign table_read = soft_table_rvalid_q;
  //@ endif

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
    //@ if units.vector
    vector_rvalid_q     <= rst_ni && !clear_i && is_vector && vector_fetch && table_ready_i &&
                           !table_error_o;
    //@ endif
    if (table_valid_o && table_ready_i) begin
      table_offset_q <= RowOffW'(table_byte);
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

  //@ if units.vector
  // ---------------------------------------------------------------------------------------------
  // The vector unit.
  // ---------------------------------------------------------------------------------------------
  logic                   vector_busy, vector_read_valid, vector_error, vector_write_valid;
  logic [24:0]            vector_read_addr, vector_error_addr;
  logic [23:0]            vector_write_addr;
  logic [8*PostWidth-1:0] vector_write_data;
  logic [PostWidth-1:0]   vector_write_strb;
  logic                   rvalid2_q;
  logic [VecW-1:0]        rdata_q;

  if (VectorLanes != 0) begin : gen_vector
    wire vector_clk;
    npu_clock_gate u_vector_gate (
      .clk_i,
      .enable_i(!rst_ni || clear_i || (running_i && is_vector)),
      .clk_o   (vector_clk)
    );

    npu_vector #(
      .Lanes     (VectorLanes),
      .MemBytes  (MemBytes),
      .ReadBytes (WordBytes),
      .WriteBytes(PostWidth)
    ) u_vector (
      .clk_i(vector_clk),
      .rst_ni,
      .clear_i,
      .start_i       (start_i && is_vector),
      .rows_i        (cmd_i.out_h),
      .elements_i    (cmd_i.row_bytes),
      .saturate_i    (cmd_i.vector_saturate),
      .base_i        ({1'b0, cmd_i.e_base, 1'b0, cmd_i.out_base, cmd_i.c_base, cmd_i.b_base,
                       cmd_i.act_base}),
      .step_i        ({cmd_i.e_row_step, cmd_i.out_row_step, cmd_i.c_row_step, cmd_i.b_row_step,
                       cmd_i.row_step}),
      .format_i      ({cmd_i.e_format, cmd_i.d_format, cmd_i.c_format, cmd_i.b_format,
                       cmd_i.a_format}),
      .single_i      ({cmd_i.c_single, cmd_i.b_single, cmd_i.a_single}),
      .busy_o        (vector_busy),
      .fetch_valid_o (vector_fetch),
      .fetch_ready_i (is_vector && table_ready_i && !table_error_o),
      .fetch_index_o (vector_index),
      .fetch_rvalid_i(vector_rvalid_q),
      .fetch_data_i  (64'(table_shifted)),
      .read_valid_o  (vector_read_valid),
      .read_ready_i  (is_vector && read_ready_i),
      .read_addr_o   (vector_read_addr),
      .read_rvalid_i (is_vector && rvalid2_q),
      .read_data_i   (rdata_q),
      .error_o       (vector_error),
      .error_addr_o  (vector_error_addr),
      .write_valid_o (vector_write_valid),
      .write_ready_i (is_vector && write_ready_i),
      .write_addr_o  (vector_write_addr),
      .write_data_o  (vector_write_data),
      .write_strb_o  (vector_write_strb),
      .write_busy_i
    );
  end else begin : gen_none
    assign {vector_busy, vector_fetch, vector_read_valid, vector_error, vector_write_valid} = '0;
    assign vector_index      = '0;
    assign vector_read_addr  = '0;
    assign vector_error_addr = '0;
    assign vector_write_addr = '0;
    assign vector_write_data = '0;
    assign vector_write_strb = '0;
    logic unused_busy;
    assign unused_busy = write_busy_i;
  end
  //@ endif

  // ---------------------------------------------------------------------------------------------
  // Softmax and argmax: one of the two runs at a time.
  // ---------------------------------------------------------------------------------------------
  logic            soft_busy, soft_read_valid, soft_out_valid;
  logic            arg_busy, arg_read_valid, arg_out_valid;
  logic [24:0]     soft_read_addr, arg_read_addr, soft_row, arg_row, row;
  logic [7:0]      soft_out_data, arg_out_data;
  logic [23:0]     soft_out_addr, arg_out_addr;
  logic            rows_valid, rvalid1_q;
  //@ unless units.vector: logic            rvalid2_q;
  //@ unless units.vector: logic [VecW-1:0] rdata_q;

  npu_softmax #(
    .ReadBytes(WordBytes)
  ) u_softmax (
    .clk_i(clk),
    .rst_ni,
    .clear_i,
    .start_i       (start_i && is_softmax),
    .rows_i        (cmd_i.out_h),
    .depth_i       (cmd_i.row_bytes),
    .in_base_i     (cmd_i.act_base),
    .in_row_step_i (cmd_i.row_step),
    .out_base_i    (cmd_i.out_base),
    .out_row_step_i(cmd_i.out_row_step),
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
    .minimum_i     (cmd_i.minimum),
    .rows_i        (cmd_i.out_h),
    .depth_i       (cmd_i.row_bytes),
    .in_base_i     (cmd_i.act_base),
    .in_row_step_i (cmd_i.row_step),
    .out_base_i    (cmd_i.out_base),
    .out_row_step_i(cmd_i.out_row_step),
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

  //@ if units.vector
  assign rows_busy_o  = soft_busy || arg_busy || vector_busy;
  //@ else
  //@:assign rows_busy_o  = soft_busy || arg_busy;
  //@ endif
  assign rows_valid   = (is_softmax || is_argmax) && (soft_read_valid || arg_read_valid);
  assign row          = is_argmax ? arg_row : soft_row;
  // Looked at with the row's first vector, and the same after.
  wire        row_error;
  wire [24:0] read_addr;
  assign row_error = rows_valid && {1'b0, row} + 26'(cmd_i.row_bytes) > 26'(MemBytes);
  //@ if units.vector
  assign read_addr    = is_vector ? vector_read_addr : is_argmax ? arg_read_addr : soft_read_addr;
  assign rows_error_o = row_error || vector_error;
  assign error_addr_o = is_vector ? vector_error_addr : read_addr;
  assign read_valid_o = (rows_valid && !row_error) || vector_read_valid;
  //@ else
  //@:assign read_addr    = is_argmax ? arg_read_addr : soft_read_addr;
  //@:assign rows_error_o = row_error;
  //@:assign error_addr_o = read_addr;
  //@:assign read_valid_o = rows_valid && !row_error;
  //@ endif

  assign read_addr_o = read_addr[23:0];

  always_ff @(posedge clk_i) begin
    rvalid1_q <= rst_ni && !clear_i && read_granted_i;
    rvalid2_q <= rst_ni && !clear_i && rvalid1_q;
    if (rvalid1_q) rdata_q <= read_data_i;
  end

  // ---------------------------------------------------------------------------------------------
  // Writes. The command stands for some cycles before its first one.
  // ---------------------------------------------------------------------------------------------
  logic writes_lookup_q, writes_argmax_q;
  logic writes_vector_q;  //@ if units.vector
  always_ff @(posedge clk) begin
    writes_lookup_q <= is_lookup;
    writes_argmax_q <= is_argmax;
    writes_vector_q <= is_vector;  //@ if units.vector
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
    //@ if units.vector
    if (writes_vector_q) begin
      write_addr_o = vector_write_addr;
      write_data_o = vector_write_data;
      write_strb_o = vector_write_strb;
    end
    //@ endif
  end
  //@ if units.vector
  assign write_valid_o = writes_vector_q ? vector_write_valid
                       : writes_lookup_q ? lookup_valid
                                         : writes_argmax_q ? arg_out_valid : soft_out_valid;
  //@ else
  //@:assign write_valid_o = writes_lookup_q ? lookup_valid
  //@:                                       : writes_argmax_q ? arg_out_valid : soft_out_valid;
  //@ endif

  logic unused_bits;
  assign unused_bits = ^{cmd_i, read_addr[24], table_shifted};
endmodule : npu_vector_units
`default_nettype wire

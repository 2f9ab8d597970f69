`default_nettype none
// SPDX-License-Identifier: Apache-2.0
// Row port of core memory: who reads or writes a row in this cycle, in all cores alike.
//
// Reads come first: records (few rows), then weights, then the tables of vector units; the data
// follow in the next cycle. Rows from the bus are written in the other cycles, and before the reads
// where they are urgent or where the row to be read is the one that is held.
module npu_row_port #(
  parameter int unsigned RowBytes = 64,    // bytes of a row of a core, a power of two
  parameter int unsigned Rows     = 1024,  // rows of core memory
  parameter int unsigned BusBytes = 16,    //@ = npu.axi.bytes
  parameter int unsigned Cores    = 1,     //@ = pe.cores  -- 1..16
  localparam int unsigned RowW    = (Rows > 1) ? $clog2(Rows) : 1
) (
  input  wire                   clk_i,
  input  wire                   rst_ni,
  input  wire                   clear_i,
  // reads; row numbers beyond the memory wrap, who asks checks them
  input  wire                   record_valid_i,
  output wire                   record_ready_o,
  input  wire  [23:0]           record_row_i,
  input  wire                   weight_valid_i,
  output wire                   weight_ready_o,
  input  wire  [23:0]           weight_row_i,
  input  wire                   table_valid_i,
  output wire                   table_ready_o,
  input  wire  [23:0]           table_row_i,
  // beats from the bus
  input  wire                   bus_valid_i,
  output wire                   bus_ready_o,
  input  wire  [23:0]           bus_addr_i,
  input  wire  [8*BusBytes-1:0] bus_data_i,
  input  wire  [BusBytes-1:0]   bus_strb_i,
  input  wire  [Cores-1:0]      bus_core_mask_i,
  // core memories: never both
  output wire                   read_o,
  output wire  [RowW-1:0]       read_row_o,
  output wire  [Cores-1:0]      write_o,
  output wire  [RowW-1:0]       write_row_o,
  output wire  [8*RowBytes-1:0] write_data_o,
  output wire  [RowBytes-1:0]   write_strb_o
);
  logic             write_valid, write_urgent, write_held, write_first, read_valid;
  logic [23:0]      row;
  logic [Cores-1:0] write_core_mask;

  npu_row_writer #(
    .RowBytes(RowBytes),
    .Rows    (Rows),
    .BusBytes(BusBytes),
    .Cores   (Cores)
  ) u_row_writer (
    .clk_i,
    .rst_ni,
    .clear_i,
    .bus_valid_i,
    .bus_ready_o,
    .bus_addr_i,
    .bus_data_i,
    .bus_strb_i,
    .bus_core_mask_i,
    .row_valid_o    (write_valid),
    .row_ready_i    (!read_o),
    .row_urgent_o   (write_urgent),
    .held_o         (write_held),
    .row_o          (write_row_o),
    .row_data_o     (write_data_o),
    .row_strb_o     (write_strb_o),
    .row_core_mask_o(write_core_mask)
  );

  assign row            = record_valid_i ? record_row_i
                        : weight_valid_i ? weight_row_i : table_row_i;
  assign read_valid     = record_valid_i || weight_valid_i || table_valid_i;
  assign write_first    = write_urgent || (write_held && write_row_o == read_row_o);
  assign read_o         = read_valid && !write_first;
  assign read_row_o     = row[RowW-1:0];
  assign write_o        = (write_valid && !read_o) ? write_core_mask : '0;
  assign record_ready_o = !write_first;
  assign weight_ready_o = !write_first && !record_valid_i;
  assign table_ready_o  = !write_first && !record_valid_i && !weight_valid_i;

  logic unused_row;
  assign unused_row = ^row[23:RowW];
endmodule : npu_row_port
`default_nettype wire

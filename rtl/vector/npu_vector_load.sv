`default_nettype none
// SPDX-License-Identifier: Apache-2.0
// Elements of a VECTOR's operand, from PE memory to strips of Lanes FP32 numbers (docs/machine.md,
// 4.10).
//
// start_i, with ready_o, begins a part of all rows of a group: `elements_i` elements of each row,
// which begin at addr_i and row_step_i bytes further on, go to strips 0, 1, ...; each row begins
// with a strip of its own. Numbers of an operand may come while the next one is read. A strip comes
// in pieces of up to ReadBytes bytes: lanes_o says which lanes value_o has numbers for; of those
// behind the row's last element they mean nothing.
module npu_vector_load #(
  parameter int unsigned Lanes     = 8,   //@ = units.vector_lanes
  parameter int unsigned ReadBytes = 16   //@ = pe.bank_width  -- bytes of a read
) (
  input  wire                   clk_i,
  input  wire                   rst_ni,
  input  wire                   clear_i,
  // start_i begins with the values below, of which rows_i and elements_i stay until busy_o falls,
  // the others until ready_o rises
  input  wire                   start_i,
  output wire                   ready_o,
  input  wire  [4:0]            rows_i,
  input  wire  [8:0]            elements_i,   // of a row, 1..16*Lanes
  input  wire  [1:0]            register_i,   // where numbers go
  input  wire  [2:0]            format_i,     // npu_vector_value
  input  wire                   single_i,     // all are the row's first one
  input  wire  [24:0]           addr_i,
  input  wire  [23:0]           row_step_i,
  output wire                   busy_o,
  // reads; data come some cycles after the grant, in their order
  output wire                   read_valid_o,
  input  wire                   read_ready_i,
  output wire  [24:0]           read_addr_o,
  input  wire                   read_rvalid_i,
  input  wire  [8*ReadBytes-1:0] read_data_i,
  // numbers
  output wire  [Lanes-1:0]      lanes_o,
  output wire  [1:0]            register_o,
  output wire  [3:0]            strip_o,
  output wire  [32*Lanes-1:0]   value_o
);
  // Elements of a read, by the bytes of one.
  localparam int unsigned Most1 = (Lanes < ReadBytes) ? Lanes : ReadBytes;
  localparam int unsigned Most2 = (Lanes < ReadBytes / 2) ? Lanes : ReadBytes / 2;
  localparam int unsigned Most4 = (Lanes < ReadBytes / 4) ? Lanes : ReadBytes / 4;

  wire       wide, half;              // four bytes, two
  wire [4:0] piece;                   // elements of a read
  wire [6:0] piece_bytes;
  assign wide        = format_i[2];
  assign half        = format_i == 3'd1;
  assign piece       = wide ? 5'(Most4) : half ? 5'(Most2) : 5'(Most1);
  assign piece_bytes = single_i ? '0 : wide ? 7'(4 * Most4) : half ? 7'(2 * Most2) : 7'(Most1);

  // ---- Reads ----
  logic        active_q;
  logic [4:0]  rows_left_q;
  logic [8:0]  left_q;                // elements of the row, from this read on
  logic [24:0] row_q, addr_q;
  wire         taken, row_end;
  assign taken   = read_valid_o && read_ready_i;
  assign row_end = left_q <= 9'(piece);
  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i) active_q <= 1'b0;
    else if (start_i) active_q <= 1'b1;
    else if (taken && row_end && rows_left_q == 5'd1) active_q <= 1'b0;
    if (start_i) begin
      rows_left_q <= rows_i;
      left_q      <= elements_i;
      row_q       <= addr_i;
      addr_q      <= addr_i;
    end else if (taken) begin
      left_q <= left_q - 9'(piece);
      addr_q <= addr_q + 25'(piece_bytes);
      if (row_end) begin
        rows_left_q <= rows_left_q - 5'd1;
        left_q      <= elements_i;
        row_q       <= row_q + {1'b0, row_step_i};
        addr_q      <= row_q + {1'b0, row_step_i};
      end
    end
  end
  assign read_valid_o = active_q;
  assign ready_o      = !active_q && !pending_q;
  assign read_addr_o  = addr_q;

  // ---- Numbers, in the order of the reads ----
  logic        waits_q, pending_q;    // numbers of an operand come; those of another one will
  logic [1:0]  register_q, pending_register_q;
  logic [2:0]  come_format_q, pending_format_q;
  logic        come_single_q, pending_single_q;
  logic [4:0]  rows_to_come_q;
  logic [8:0]  to_come_q;
  logic [3:0]  strip_q;
  logic [4:0]  lane_q;                // the first one of this piece
  wire         come_wide, come_half, come_end, strip_end, all_came, begins;
  wire  [4:0]  come_piece;
  assign come_wide  = come_format_q[2];
  assign come_half  = come_format_q == 3'd1;
  assign come_piece = come_wide ? 5'(Most4) : come_half ? 5'(Most2) : 5'(Most1);
  assign come_end   = to_come_q <= 9'(come_piece);
  assign strip_end  = come_end || lane_q + come_piece == 5'(Lanes);
  assign all_came   = read_rvalid_i && come_end && rows_to_come_q == 5'd1;
  assign begins     = (start_i || pending_q) && (!waits_q || all_came);
  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i) begin
      waits_q   <= 1'b0;
      pending_q <= 1'b0;
    end else begin
      if (begins) waits_q <= 1'b1;
      else if (all_came) waits_q <= 1'b0;
      pending_q <= (start_i || pending_q) && !begins;
    end
    if (start_i) begin
      pending_register_q <= register_i;
      pending_format_q   <= format_i;
      pending_single_q   <= single_i;
    end
    if (begins) begin
      register_q     <= pending_q ? pending_register_q : register_i;
      come_format_q  <= pending_q ? pending_format_q : format_i;
      come_single_q  <= pending_q ? pending_single_q : single_i;
      rows_to_come_q <= rows_i;
      to_come_q      <= elements_i;
      strip_q        <= '0;
      lane_q         <= '0;
    end else if (read_rvalid_i) begin
      to_come_q <= come_end ? elements_i : to_come_q - 9'(come_piece);
      if (come_end) rows_to_come_q <= rows_to_come_q - 5'd1;
      lane_q    <= strip_end ? '0 : lane_q + come_piece;
      if (strip_end) strip_q <= strip_q + 4'd1;
    end
  end
  assign busy_o     = waits_q || pending_q;
  assign register_o = register_q;
  assign strip_o    = strip_q;

  for (genvar n = 0; n < Lanes; n++) begin : gen_lane
    logic [31:0] code;
    always_comb begin
      code = {24'd0, read_data_i[8*(n%Most1)+:8]};
      if (come_half) code = {16'd0, read_data_i[16*(n%Most2)+:16]};
      if (come_wide) code = read_data_i[32*(n%Most4)+:32];
      if (come_single_q) code = read_data_i[31:0];
    end
    npu_vector_value u_value (
      .format_i(come_format_q),
      .code_i  (code),
      .value_o (value_o[32*n+:32])
    );
    assign lanes_o[n] = read_rvalid_i && 5'(n) >= lane_q && 5'(n) < lane_q + come_piece;
  end
endmodule : npu_vector_load
`default_nettype wire

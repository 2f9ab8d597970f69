`default_nettype none
// SPDX-License-Identifier: Apache-2.0
// Codes of strips of Lanes elements to PE memory (docs/machine.md, 4.10).
//
// begin_i, with ready_o, begins a part of rows: its strips come in their order and wait here until
// they are written, `strips_i` for each row; last_i stands with the last one. Another part may
// begin before.
`include "npu_assert.svh"
module npu_vector_store #(
  parameter int unsigned Lanes      = 8,  //@ = units.vector_lanes
  parameter int unsigned WriteBytes = 16  //@ = units.postprocess_width  -- bytes of a write
) (
  input  wire                    clk_i,
  input  wire                    rst_ni,
  input  wire                    clear_i,
  // the command: of d and e, d first
  input  wire  [2*3-1:0]         format_i,   // 0 int8, 1 BF16, 2 and 3 FP8, 4 FP32
  input  wire  [2*24-1:0]        row_step_i,
  input  wire  [Lanes-1:0]       tail_lanes_i, // elements of a row's last strip
  // a part begins
  input  wire                    begin_i,
  output wire                    ready_o,
  input  wire                    second_i,   // it is of e
  input  wire  [24:0]            addr_i,     // of the first row
  input  wire  [4:0]             strips_i,   // of a row
  input  wire                    first_only_i, // of a row its first element alone
  input  wire                    part_last_i,  // rows end with it
  output wire                    busy_o,     // parts are not written
  // strips
  input  wire                    codes_valid_i,
  input  wire                    last_i,     // of the part
  input  wire  [32*Lanes-1:0]    codes_i,
  // writes
  output wire                    valid_o,
  input  wire                    ready_i,
  output wire  [23:0]            addr_o,
  output logic [8*WriteBytes-1:0] data_o,
  output logic [WriteBytes-1:0]  strb_o
);
  localparam int unsigned Most1 = (Lanes < WriteBytes) ? Lanes : WriteBytes;
  localparam int unsigned Most2 = (Lanes < WriteBytes / 2) ? Lanes : WriteBytes / 2;
  localparam int unsigned Most4 = (Lanes < WriteBytes / 4) ? Lanes : WriteBytes / 4;

  // ---- The part that is written, and the one behind it ----
  localparam int unsigned PartW = 33;     // second_i, first_only_i, part_last_i, strips_i, addr_i
  logic             active_q, waits_q;    // there is a part; another one waits
  logic [PartW-1:0] next_part_q;
  logic             wide_q, half_q;       // four bytes, two, of the part's elements
  logic [4:0]       piece_q;              // elements of a write
  logic [23:0]      row_step_q;
  logic             first_only_q, part_last_q;
  logic [4:0]       strips_q;
  wire  [PartW-1:0] part_outside, part;
  wire              second, ends, begins;
  wire  [2:0]       format;
  assign part_outside = {second_i, first_only_i, part_last_i, strips_i, addr_i};
  assign part         = waits_q ? next_part_q : part_outside;
  assign second       = part[32];
  assign format       = second ? format_i[5:3] : format_i[2:0];
  assign begins       = (begin_i || waits_q) && (!active_q || ends);
  assign ready_o      = !waits_q;
  assign busy_o       = active_q;
  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i) begin
      active_q <= 1'b0;
      waits_q  <= 1'b0;
    end else begin
      if (begins) active_q <= 1'b1;
      else if (ends) active_q <= 1'b0;
      waits_q <= (begin_i || waits_q) && !begins;
    end
    if (begin_i) next_part_q <= part_outside;
    if (begins) begin
      wide_q       <= format[2];
      half_q       <= format == 3'd1;
      piece_q      <= format[2] ? 5'(Most4) : (format == 3'd1) ? 5'(Most2) : 5'(Most1);
      row_step_q   <= second ? row_step_i[47:24] : row_step_i[23:0];
      first_only_q <= part[31];
      part_last_q  <= part[30];
      strips_q     <= part[29:25];
    end
  end

  wire last;                              // write of a strip

  // ---- Strips that wait: of two parts ----
  wire                arrived, part_end, taken, place, empty;
  wire [32*Lanes-1:0] strip_codes;
  npu_ram_fifo #(
    .Width (32 * Lanes + 1),
    .Depth (32),
    .Bypass(0)
  ) u_codes (
    .clk_i,
    .rst_ni,
    .clear_i,
    .valid_i(codes_valid_i),
    .ready_o(place),
    .data_i ({last_i, codes_i}),
    .valid_o(arrived),
    .ready_i(taken),
    .data_o ({part_end, strip_codes}),
    .empty_o(empty)
  );
  `NPU_ASSERT(StripsFindPlace, !codes_valid_i || place)
  `NPU_ASSERT(StripsBelongToParts, !arrived || active_q)

  // ---- The place of the oldest strip ----
  logic [4:0]       strip_q;              // of the row
  logic [24:0]      row_q, addr_q;
  wire              passed, row_end;      // passed: not written
  wire  [Lanes-1:0] strobes;
  assign passed  = arrived && first_only_q && strip_q != '0;
  assign taken   = passed || (arrived && ready_i && last);
  assign ends    = taken && part_end;
  assign row_end = strip_q == strips_q - 5'd1;
  assign strobes = first_only_q ? Lanes'(1) : (row_end && part_last_q) ? tail_lanes_i : '1;
  always_ff @(posedge clk_i) begin
    if (begins) begin
      strip_q <= '0;
      row_q   <= part[24:0];
      addr_q  <= part[24:0];
    end else if (taken) begin
      strip_q <= row_end ? '0 : strip_q + 5'd1;
      addr_q  <= addr_q + (25'(Lanes) << {wide_q, half_q});
      if (row_end) begin
        row_q  <= row_q + {1'b0, row_step_q};
        addr_q <= row_q + {1'b0, row_step_q};
      end
    end
  end

  // ---- Writes of a strip ----
  logic [4:0] lane_q;                   // the first one of this write,
  logic [6:0] offset_q;                 // and its byte
  logic [Lanes-1:0] behind;             // those of later writes
  always_comb begin
    for (int unsigned n = 0; n < Lanes; n++) behind[n] = strobes[n] && 5'(n) >= lane_q + piece_q;
  end
  assign last = behind == '0;
  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i) begin
      lane_q   <= '0;
      offset_q <= '0;
    end else if (valid_o && ready_i) begin
      lane_q   <= last ? '0 : lane_q + piece_q;
      offset_q <= last ? '0 : offset_q + (7'(piece_q) << {wide_q, half_q});
    end
  end

  assign valid_o = arrived && !passed;
  assign addr_o  = addr_q[23:0] + 24'(offset_q);

  wire [32*Lanes-1:0] codes;            // from lane_q on
  wire [Lanes-1:0]    strb;
  assign codes = strip_codes >> {lane_q, 5'd0};
  assign strb  = strobes >> lane_q;
  always_comb begin
    data_o = '0;
    strb_o = '0;
    for (int unsigned n = 0; n < Most1; n++) begin
      if (!wide_q && !half_q) begin
        data_o[8*n+:8] = codes[32*n+:8];
        strb_o[n]      = strb[n];
      end
    end
    for (int unsigned n = 0; n < Most2; n++) begin
      if (half_q) begin
        data_o[16*n+:16] = codes[32*n+:16];
        strb_o[2*n+:2]   = {2{strb[n]}};
      end
    end
    for (int unsigned n = 0; n < Most4; n++) begin
      if (wide_q) begin
        data_o[32*n+:32] = codes[32*n+:32];
        strb_o[4*n+:4]   = {4{strb[n]}};
      end
    end
  end

  logic unused_bits;
  assign unused_bits = ^{addr_q[24], codes, strb, place, empty};
endmodule : npu_vector_store
`default_nettype wire

`default_nettype none
// SPDX-License-Identifier: Apache-2.0
// Codes of strips of Lanes elements to PE memory (docs/machine.md, 4.10).
//
// begin_i begins a part of rows: strips come in their order, each four cycles after its issue_i in
// cycles in which move_o was high, `strips_i` for each row. Codes stay while move_o is low.
module npu_vector_store #(
  parameter int unsigned Lanes      = 8,  //@ = units.vector_lanes
  parameter int unsigned WriteBytes = 16  //@ = units.postprocess_width  -- bytes of a write
) (
  input  wire                    clk_i,
  input  wire                    rst_ni,
  input  wire                    clear_i,
  input  wire                    begin_i,
  input  wire  [2:0]             format_i,   // 0 int8, 1 BF16, 2 and 3 FP8, 4 FP32
  input  wire  [24:0]            addr_i,     // of the first row
  input  wire  [23:0]            row_step_i,
  input  wire  [4:0]             strips_i,   // of a row
  input  wire                    first_only_i, // of a row its first element alone
  input  wire  [Lanes-1:0]       tail_lanes_i, // elements of its last one
  // strips
  input  wire                    issue_i,
  output wire                    move_o,
  output wire                    busy_o,     // some are not written
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

  wire       wide, half, last;
  wire [4:0] piece;                     // elements of a write
  logic [2:0] format_q;                  // it comes from far away
  assign wide  = format_q[2];
  assign half  = format_q == 3'd1;
  assign piece = wide ? 5'(Most4) : half ? 5'(Most2) : 5'(Most1);

  // ---- Strips on their way, and the places of those that arrive ----
  logic [3:0]       issued_q;
  logic [4:0]       strip_q;              // of the row
  logic [24:0]      row_q, addr_q;
  wire              taken, passed, row_end, arrived;  // passed: not written
  wire  [Lanes-1:0] strobes;
  assign arrived = issued_q[3];
  assign passed  = arrived && first_only_i && strip_q != '0;
  assign taken   = passed || (arrived && ready_i && last);
  assign move_o  = !arrived || taken;
  assign busy_o  = issued_q != '0;
  assign row_end = strip_q == strips_i - 5'd1;
  assign strobes = first_only_i ? Lanes'(1) : row_end ? tail_lanes_i : '1;
  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i || begin_i) issued_q <= '0;
    else if (move_o) issued_q <= {issued_q[2:0], issue_i};
    if (begin_i) begin
      format_q <= format_i;
      strip_q <= '0;
      row_q   <= addr_i;
      addr_q  <= addr_i;
    end else if (taken) begin
      strip_q <= row_end ? '0 : strip_q + 5'd1;
      addr_q  <= addr_q + (25'(Lanes) << {wide, half});
      if (row_end) begin
        row_q  <= row_q + {1'b0, row_step_i};
        addr_q <= row_q + {1'b0, row_step_i};
      end
    end
  end

  // ---- Writes of a strip ----
  logic [4:0] lane_q;                   // the first one of this write
  logic [Lanes-1:0] behind;             // those of later writes
  always_comb begin
    for (int unsigned n = 0; n < Lanes; n++) behind[n] = strobes[n] && 5'(n) >= lane_q + piece;
  end
  assign last = behind == '0;
  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i) lane_q <= '0;
    else if (valid_o && ready_i) lane_q <= last ? '0 : lane_q + piece;
  end

  wire [6:0] offset;
  assign offset  = wide ? {lane_q, 2'b00} : half ? {1'b0, lane_q, 1'b0} : {2'b00, lane_q};
  assign valid_o = arrived && !passed;
  assign addr_o  = addr_q[23:0] + 24'(offset);

  wire [32*Lanes-1:0] codes;            // from lane_q on
  wire [Lanes-1:0]    strb;
  assign codes = codes_i >> {lane_q, 5'd0};
  assign strb  = strobes >> lane_q;
  always_comb begin
    data_o = '0;
    strb_o = '0;
    for (int unsigned n = 0; n < Most1; n++) begin
      if (!wide && !half) begin
        data_o[8*n+:8] = codes[32*n+:8];
        strb_o[n]      = strb[n];
      end
    end
    for (int unsigned n = 0; n < Most2; n++) begin
      if (half) begin
        data_o[16*n+:16] = codes[32*n+:16];
        strb_o[2*n+:2]   = {2{strb[n]}};
      end
    end
    for (int unsigned n = 0; n < Most4; n++) begin
      if (wide) begin
        data_o[32*n+:32] = codes[32*n+:32];
        strb_o[4*n+:4]   = {4{strb[n]}};
      end
    end
  end

  logic unused_bits;
  assign unused_bits = ^{addr_q[24], codes, strb};
endmodule : npu_vector_store
`default_nettype wire

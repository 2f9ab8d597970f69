`default_nettype none
// SPDX-License-Identifier: Apache-2.0
// Registers, scalars and lanes of the vector unit: one operation on one strip a cycle
// (docs/machine.md, 4.10).
//
// Registers 0 to 7 are those of programs, 8 to 10 partial results of reductions. Operands come into
// memories of their own, of two halves: registers 0 to 2 are there until an operation writes them.
// A strip that is
// issued is read (one cycle later its operands stand in front of the lanes), and its result is
// written 13 cycles later, so the next operation that needs it may be issued in the 14th one. z of
// MULADD and SUM is read six cycles after the others. begin_i stands with the first strip of an
// operation, whose fields stay until the next one begins, which is 14 cycles later at the least.
`include "npu_assert.svh"
module npu_vector_array #(
  parameter int unsigned Lanes = 8  //@ = units.vector_lanes  -- 4, 8, 16
) (
  input  wire                 clk_i,
  input  wire                 rst_ni,
  input  wire                 clear_i,
  // the operation
  input  wire  [3:0]          operation_i,
  input  wire  [31:0]         immediate_i,
  input  wire  [2:0]          format_i,
  input  wire                 saturate_i,
  input  wire                 negate_product_i,
  input  wire                 negate_z_i,
  input  wire  [3:0]          x_source_i,    // as in entries; 15 the constant
  input  wire  [3:0]          y_source_i,
  input  wire  [3:0]          z_source_i,
  input  wire                 x_loaded_i,    // the register is still the operand that was loaded
  input  wire                 y_loaded_i,
  input  wire                 z_loaded_i,
  input  wire                 half_i,        // into this half
  input  wire                 x_zero_i,      // the register holds nothing yet: 0
  input  wire                 y_zero_i,
  input  wire                 z_zero_i,
  input  wire                 x_partial_i,   // x is register 8 + partial_i
  input  wire                 z_partial_i,   // so is z
  input  wire  [1:0]          partial_i,
  input  wire                 largest_i,     // what nothing is, of z: -infinity; else 0
  input  wire                 late_i,        // z comes late
  input  wire  [3:0]          shift_i,       // z of a lane is that of so many lanes further on
  input  wire  [3:0]          destination_i, // register
  input  wire                 scalar_i,      // lane 0 is the row's scalar partial_i as well
  input  wire                 codes_only_i,  // x becomes a code; no register is written
  // a strip
  input  wire                 issue_i,
  input  wire                 begin_i,
  input  wire  [3:0]          x_strip_i,
  input  wire  [3:0]          z_strip_i,
  input  wire  [3:0]          out_strip_i,
  input  wire  [3:0]          row_i,
  input  wire                 nothing_i,     // z is what nothing is
  input  wire                 tail_i,        // elements exist in tail_lanes_i alone
  input  wire  [Lanes-1:0]    tail_lanes_i,
  output wire                 early_busy_o,  // strips that were issued in the seven cycles before
  output wire                 front_busy_o,  // in the two cycles before, or a division
  output wire                 busy_o,        // strips that are not written yet
  // numbers of operands
  input  wire  [Lanes-1:0]    load_lanes_i,
  input  wire                 load_half_i,
  input  wire  [1:0]          load_register_i,
  input  wire  [3:0]          load_strip_i,
  input  wire  [32*Lanes-1:0] load_value_i,
  // codes of strips, four cycles after the issue
  output wire                 codes_valid_o,
  output wire  [32*Lanes-1:0] codes_o
);
  localparam int unsigned Registers = 11;
  localparam int unsigned Strips    = 16;
  localparam int unsigned Loaded    = 7 * Strips;  // of operands: 0 to 2, and 4 to 6
  localparam int unsigned Steps     = 13;  // from the issue to the result
  localparam logic [31:0] One       = 32'h3f800000;
  localparam logic [31:0] MinusZero = 32'h80000000;

  wire divides, is_scalar_y, is_scalar_z;
  assign divides     = operation2_q == npu_isa_pkg::VectorDivide ||
                       operation2_q == npu_isa_pkg::VectorSquareRoot;
  assign is_scalar_y = y_source_i >= 4'd9 && y_source_i <= 4'd11;
  assign is_scalar_z = z_source_i >= 4'd9 && z_source_i <= 4'd11;

  // ---- What goes along: step n is n cycles after the issue ----
  logic [Steps:1]     valid_q;
  logic [4*Steps-1:0] strip_q, row_q;
  logic [4*6-1:0]     z_strip_q;
  logic [7:1]         nothing_q;
  logic [2:1]         tail_q;
  logic [12:1]        begin_q;
  logic [4:1]         code_q;            // strips that are issued for their codes
  wire                resume, held;      // a division: its strip stays at step 2
  assign held = divides && valid_q[2] && !resume;
  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i) begin
      valid_q <= '0;
      begin_q <= '0;
      code_q  <= '0;
    end else begin
      code_q           <= {code_q[3:1], issue_i && codes_only_i};
      valid_q[1]       <= issue_i && !codes_only_i;
      valid_q[2]       <= valid_q[1] || held;
      valid_q[3]       <= valid_q[2] && !held;
      valid_q[Steps:4] <= valid_q[Steps-1:3];
      begin_q          <= {begin_q[11:1], begin_i};
    end
    if (!held) begin
      strip_q[7:0] <= {strip_q[3:0], out_strip_i};
      row_q[7:0]   <= {row_q[3:0], row_i};
    end
    strip_q[4*Steps-1:8] <= strip_q[4*(Steps-1)-1:4];
    row_q[4*Steps-1:8]   <= row_q[4*(Steps-1)-1:4];
    z_strip_q <= {z_strip_q[4*5-1:0], z_strip_i};
    nothing_q <= {nothing_q[6:1], nothing_i};
    tail_q    <= {tail_q[1], tail_i};
  end
  assign early_busy_o = valid_q[7:1] != '0;
  assign front_busy_o = valid_q[2:1] != '0;
  assign busy_o       = valid_q != '0 || code_q != '0;
  assign codes_valid_o = code_q[4];

  // Fields as the later steps need them: those of the strip that is there, not of the one issued.
  logic [31:0] immediate1_q, immediate7_q;
  logic [3:0]  operation1_q, operation2_q, operation3_q;
  logic [3:0]  x_source_q, y_source_q, z_source_q, late_source_q;
  logic [3:0]  final_source_q;
  logic [2:0]  format1_q, format2_q, format3_q;
  logic        saturate1_q, saturate2_q, x_register_q, y_zero_q, x_zero_q, z_zero_q, z_partial_q;
  logic        largest_q, negate_z_q, negate_product_q, late_q, final_q;
  logic        late_zero_q, late_partial_q, late_largest_q, late_scalar_q;
  logic        late_loaded_q, late_half_q, final_partial_q;
  logic [1:0]  late_number_q;
  logic [3:0]  shift_q, late_shift_q;
  logic [3:0]  destination_q;
  logic        scalar_q;
  logic [1:0]  number_q;
  always_ff @(posedge clk_i) begin
    if (begin_i) begin  // step 1
      operation1_q <= operation_i;
      immediate1_q <= immediate_i;
      format1_q    <= format_i;
      saturate1_q  <= saturate_i;
      x_source_q   <= x_source_i;
      x_register_q <= x_partial_i;
      y_source_q   <= y_source_i;
      z_source_q   <= z_source_i;
      x_zero_q     <= x_zero_i;
      y_zero_q     <= y_zero_i;
      z_zero_q     <= z_zero_i;
      z_partial_q  <= z_partial_i;
      largest_q    <= largest_i;
      shift_q      <= shift_i;
    end
    if (begin_q[1]) begin  // step 2
      operation2_q <= operation1_q;
      format2_q    <= format1_q;
      saturate2_q  <= saturate1_q;
    end
    if (begin_q[2]) begin  // step 3
      operation3_q <= operation2_q;
      format3_q    <= format2_q;
    end
    if (begin_q[5]) begin  // step 6
      late_source_q  <= z_source_i;
      late_partial_q <= z_partial_i;
      late_number_q  <= partial_i;
      late_q         <= late_i;
      late_scalar_q  <= late_i && is_scalar_z;
      late_loaded_q  <= z_loaded_i;
      late_half_q    <= half_i;
    end
    if (begin_q[6]) begin  // step 7
      final_source_q <= z_source_i;
      final_q        <= late_i;
      final_partial_q <= z_partial_i;
      immediate7_q   <= immediate_i;
      late_zero_q    <= z_zero_i;
      late_largest_q <= largest_i;
      late_shift_q   <= shift_i;
      negate_z_q     <= negate_z_i;
    end
    if (begin_q[7]) negate_product_q <= negate_product_i;  // step 8
    if (begin_q[12]) begin  // step 13
      destination_q <= destination_i;
      scalar_q      <= scalar_i;
      number_q      <= partial_i;
    end
  end

  // ---- Registers and scalars ----
  wire        early_second, late_second, early_scalar, late_scalar;
  wire [7:0]  first_address, early_address, late_address, second_address, out_address;
  wire [3:0]  early_register;
  wire [6:0]  load_address;
  wire        read_second, second_loads, second_half;  // second_loads: of a loaded operand
  logic       first_loaded_q, second_loaded_q;         // the last read was of one
  assign early_second   = issue_i && !codes_only_i &&
                          (!y_source_i[3] || (!late_i && (z_partial_i || !z_source_i[3])));
  assign late_second    = valid_q[6] && late_q && (late_partial_q || !late_source_q[3]);
  assign early_register = !y_source_i[3] ? y_source_i
                        : z_partial_i ? {2'b10, partial_i} : z_source_i;
  assign first_address  = {x_partial_i ? {2'b10, partial_i} : x_source_i, x_strip_i};
  assign early_address  = {early_register, !y_source_i[3] ? x_strip_i : z_strip_i};
  assign late_address   = {late_partial_q ? {2'b10, late_number_q} : late_source_q,
                           z_strip_q[4*5+:4]};
  assign second_address = late_second ? late_address : early_address;
  assign out_address    = {destination_q, strip_q[4*(Steps-1)+:4]};
  assign load_address   = {load_half_i, load_register_i, load_strip_i};
  assign read_second    = early_second || late_second;
  assign second_loads   = late_second ? late_loaded_q && !late_partial_q
                        : !y_source_i[3] ? y_loaded_i : z_loaded_i && !z_partial_i;
  assign second_half    = late_second ? late_half_q : half_i;
  always_ff @(posedge clk_i) begin
    if (issue_i) first_loaded_q <= x_loaded_i;
    if (read_second) second_loaded_q <= second_loads;
  end
  assign early_scalar   = issue_i && !codes_only_i && (is_scalar_y || (!late_i && is_scalar_z));
  assign late_scalar    = valid_q[6] && late_scalar_q;

  wire [1:0]  scalar_source;  // the lowest bits
  wire [1:0]  scalar_number;
  wire [31:0] scalar;
  assign scalar_source = late_scalar ? late_source_q[1:0]
                       : is_scalar_y ? y_source_i[1:0] : z_source_i[1:0];
  assign scalar_number = scalar_source - 2'd1;

  wire [Lanes-1:0]    divided;
  wire [32*Lanes-1:0] first, second, result, shifted;
  npu_ram_1r1w #(
    .Width(32),
    .Depth(3 * Strips)
  ) u_scalars (
    .clk_i,
    .we_i   (valid_q[Steps] && scalar_q),
    .waddr_i({number_q, row_q[4*(Steps-1)+:4]}),
    .wdata_i(result[31:0]),
    .re_i   (late_scalar || early_scalar),
    .raddr_i({scalar_number, late_scalar ? row_q[4*5+:4] : row_i}),
    .rdata_o(scalar)
  );

  // ---- Operands ----
  // What lanes have, or lanes further on: a reduction comes together.
  function automatic logic [32*Lanes-1:0] further(input logic [32*Lanes-1:0] values,
                                                  input logic [3:0] lanes);
    further = values;
    if (lanes[0]) further = values >> 32;
    if (lanes[1]) further = values >> 64;
    if (lanes[2] && Lanes > 4) further = values >> 128;
    if (lanes[3] && Lanes > 8) further = values >> 256;
  endfunction
  assign shifted = further(second, valid_q[7] && final_q ? late_shift_q : shift_q);

  wire [31:0] nothing, late_nothing;
  assign nothing      = largest_q ? 32'hff800000 : '0;
  assign late_nothing = late_largest_q ? 32'hff800000 : '0;

  for (genvar n = 0; n < Lanes; n++) begin : gen_lane
    wire  [31:0] first_written, first_loaded, second_written, second_loaded;
    logic [31:0] x, y, z, late_z, late_z_q;
    npu_ram_1r1w #(
      .Width(32),
      .Depth(Registers * Strips)
    ) u_first (
      .clk_i,
      .we_i   (valid_q[Steps]),
      .waddr_i(out_address),
      .wdata_i(result[32*n+:32]),
      .re_i   (issue_i && !x_loaded_i && (x_partial_i || !x_source_i[3])),
      .raddr_i(first_address),
      .rdata_o(first_written)
    );
    npu_ram_1r1w #(
      .Width(32),
      .Depth(Loaded)
    ) u_first_loaded (
      .clk_i,
      .we_i   (load_lanes_i[n]),
      .waddr_i(load_address),
      .wdata_i(load_value_i[32*n+:32]),
      .re_i   (issue_i && x_loaded_i),
      .raddr_i({half_i, first_address[5:0]}),
      .rdata_o(first_loaded)
    );
    assign first[32*n+:32] = first_loaded_q ? first_loaded : first_written;
    npu_ram_1r1w #(
      .Width(32),
      .Depth(Registers * Strips)
    ) u_second (
      .clk_i,
      .we_i   (valid_q[Steps]),
      .waddr_i(out_address),
      .wdata_i(result[32*n+:32]),
      .re_i   (read_second && !second_loads),
      .raddr_i(second_address),
      .rdata_o(second_written)
    );
    npu_ram_1r1w #(
      .Width(32),
      .Depth(Loaded)
    ) u_second_loaded (
      .clk_i,
      .we_i   (load_lanes_i[n]),
      .waddr_i(load_address),
      .wdata_i(load_value_i[32*n+:32]),
      .re_i   (read_second && second_loads),
      .raddr_i({second_half, second_address[5:0]}),
      .rdata_o(second_loaded)
    );
    assign second[32*n+:32] = second_loaded_q ? second_loaded : second_written;

    always_comb begin
      x = One;
      if (x_register_q || !x_source_q[3]) x = first[32*n+:32];
      else if (x_source_q == 4'd8) x = immediate1_q;
      if (x_zero_q) x = '0;
      y = One;
      if (!y_source_q[3]) y = second[32*n+:32];
      else if (y_source_q == 4'd8) y = immediate1_q;
      else if (!(y_source_q[3:2] == 2'b11)) y = scalar;
      if (y_zero_q) y = '0;
      z = MinusZero;
      if (z_partial_q) z = nothing_q[1] ? nothing : shifted[32*n+:32];
      else if (!z_source_q[3]) z = second[32*n+:32];
      else if (z_source_q == 4'd8) z = immediate1_q;
      else if (!(z_source_q[3:2] == 2'b11)) z = scalar;
      if (z_zero_q) z = '0;
      late_z = MinusZero;
      if (final_q) begin
        if (final_partial_q) late_z = nothing_q[7] ? late_nothing : shifted[32*n+:32];
        else if (!final_source_q[3]) late_z = second[32*n+:32];
        else if (final_source_q == 4'd8) late_z = immediate7_q;
        else if (!(final_source_q[3:2] == 2'b11)) late_z = scalar;
        if (late_zero_q) late_z = '0;
        late_z[31] = late_z[31] ^ negate_z_q;
      end
    end
    always_ff @(posedge clk_i) begin
      if (valid_q[7]) late_z_q <= late_z;
    end

    npu_vector_lane u_lane (
      .clk_i,
      .rst_ni,
      .clear_i,
      .operation_i     (operation2_q),
      .format_i        (format2_q),
      .saturate_i      (saturate2_q),
      .late_operation_i(operation3_q),
      .late_format_i   (format3_q),
      .negate_product_i(negate_product_q),
      .take_i          (valid_q[1] || code_q[1]),
      .x_i             (x),
      .y_i             (y),
      .z_i             (z),
      .counts_i        (!tail_q[2] || tail_lanes_i[n]),
      .divided_o       (divided[n]),
      .late_z_i        (late_z_q),
      .result_o        (result[32*n+:32]),
      .code_o          (codes_o[32*n+:32])
    );
  end
  assign resume = divided[0];

  logic unused_bits;
  assign unused_bits = ^{divided, row_q};
endmodule : npu_vector_array
`default_nettype wire

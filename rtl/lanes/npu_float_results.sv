`default_nettype none
// SPDX-License-Identifier: Apache-2.0
// Results of floating-point sums: scale, bias, ReLU, scale of the cast, rounding (docs/machine.md,
// 4.9), Width of a chunk's PostWidth sums in a cycle.
//
// A chunk comes with valid_i; its sums, records and strobes stay until the next one, which may come
// in the cycle after one in which room_o was high. Parts of it enter one by one (enter_o), those
// without a channel are left out. Each is one write, 11 cycles after it has entered; with cast_i it
// goes through the multipliers again first, and none enters in that cycle. While a write waits for
// ready_i all of it stands still, which its clock does.
`include "npu_assert.svh"
module npu_float_results #(
  parameter int unsigned PostWidth   = 16,  //@ = units.postprocess_width  -- sums of a chunk
  localparam int unsigned Width      = PostWidth / 4,
  localparam int unsigned SumBits    = npu_isa_pkg::SumBits,
  localparam int unsigned RecordBits = npu_isa_pkg::ParameterRecordBits
) (
  input  wire                   clk_i,
  input  wire                   rst_ni,
  input  wire                   clear_i,          // drop everything
  // fields of the command
  input  wire                   scale_i,          // sums are multiplied by their record's scale
  input  wire                   bias_i,           // their record's bias is added
  input  wire                   relu_i,
  input  wire                   cast_i,           // results are multiplied by cast_scale_i
  input  wire  [31:0]           cast_scale_i,
  input  wire  [2:0]            format_i,         // npu_float_round
  input  wire                   saturate_i,
  // a chunk of sums, the address of its position, and its first channel
  input  wire                   valid_i,
  output wire                   room_o,
  input  wire  [SumBits*PostWidth-1:0] sums_i,
  input  wire  [RecordBits*PostWidth-1:0] records_i,
  input  wire  [PostWidth-1:0]  strb_i,
  input  wire  [23:0]           addr_i,
  input  wire  [15:0]           channel_i,
  // writes
  output wire                   valid_o,
  input  wire                   ready_i,
  output wire  [23:0]           addr_o,
  output logic [8*PostWidth-1:0] data_o,
  output logic [PostWidth-1:0]  strb_o,
  output wire                   busy_o            // from the cycle after valid_i on
);
  localparam int unsigned Steps   = 11;  // from entering to the write
  localparam int unsigned ToAdd   = 5;   // from entering to the addition
  localparam int unsigned ToRound = 10;  // and to the end of it
  localparam logic [31:0] One     = 32'h3f800000;
  localparam logic [31:0] NoSum   = 32'h80000000;  // -0: what is added to it stays

  if (PostWidth < 4 || (PostWidth & (PostWidth - 1)) != 0) begin : gen_bad
    $error("npu_float_results: PostWidth must be a power of two, at least 4");
  end

  wire clk;

  // ---- Parts of a chunk ----
  logic              active_q, active, enter, returns, moves;
  logic [1:0]        part_q, part;
  logic [23:0]       addr_q, addr;
  logic [3:0]        some;      // parts with a channel
  logic              part_last;

  assign active = valid_i || active_q;
  assign part   = active_q ? part_q : 2'd0;
  assign moves  = !valid_o || ready_i;
  assign enter  = active && !returns && moves;
  always_comb begin
    for (int unsigned p = 0; p < 4; p++) some[p] = strb_i[Width*p+:Width] != '0;
  end
  assign part_last = part == 2'd3 || (some >> (3'(part) + 3'd1)) == '0;
  assign addr      = valid_i ? addr_i : addr_q;
  assign room_o    = !active || (enter && part_last);

  wire part_clk;  // a chunk may come while all else stands still
  npu_clock_gate u_part_gate (
    .clk_i,
    .enable_i(!rst_ni || clear_i || active),
    .clk_o   (part_clk)
  );
  always_ff @(posedge part_clk) begin
    if (!rst_ni || clear_i) active_q <= 1'b0;
    else active_q <= active && !(enter && part_last);
    part_q <= enter ? part + 2'd1 : part;
    if (valid_i) addr_q <= addr_i;
  end

  // ---- What goes along: whether there is something, its place, in its second pass ----
  logic [Steps-1:0]   valid_q, second_q;
  logic [24*Steps-1:0] place_q;
  logic [Width*Steps-1:0] lanes_q;
  logic [Width-1:0]   lanes;
  logic [15:0]        channel;
  logic [23:0]        place;

  assign returns = valid_q[ToRound-1] && cast_i && !second_q[ToRound-1];
  assign channel = channel_i + 16'(Width) * 16'(part);
  always_comb begin
    lanes = '0;
    for (int unsigned p = 0; p < 4; p++) begin
      if (32'(part) == p) lanes = lanes | strb_i[Width*p+:Width];
    end
    case (format_i)
      3'd1:       place = addr + {7'd0, channel, 1'b0};
      3'd2, 3'd3: place = addr + {8'd0, channel};
      default:    place = addr + {6'd0, channel, 2'b00};
    endcase
  end

  always_ff @(posedge clk) begin
    if (!rst_ni || clear_i) begin
      valid_q <= '0;
    end else begin
      valid_q            <= {valid_q[Steps-2:0], enter || returns};
      valid_q[ToRound]   <= valid_q[ToRound-1] && !returns;
    end
    second_q <= {second_q[Steps-2:0], returns};
    place_q  <= {place_q[24*(Steps-1)-1:0], returns ? place_q[24*(ToRound-1)+:24] : place};
    lanes_q  <= {lanes_q[Width*(Steps-1)-1:0],
                 returns ? lanes_q[Width*(ToRound-1)+:Width] : lanes};
  end

  // ---- Arithmetic ----
  logic [32*Width-1:0] codes_q;
  for (genvar n = 0; n < Width; n++) begin : gen_lane
    logic [31:0] sum, scale, bias, value, result, product, added, code;
    logic [31:0] operand_q, scale_q;
    logic [32*ToAdd-1:0] bias_q;

    always_comb begin
      sum   = '0;
      scale = '0;
      bias  = '0;
      for (int unsigned p = 0; p < 4; p++) begin
        if (32'(part) == p) begin
          sum   = sum | sums_i[SumBits*(Width*p+n)+:SumBits];
          bias  = bias | records_i[RecordBits*(Width*p+n)+:32];
          scale = scale | records_i[RecordBits*(Width*p+n)+32+:32];
        end
      end
    end

    // Of what is no number above 0, a NaN apart, ReLU makes +0.
    assign value = (relu_i && !second_q[ToRound-1] &&
                    (added[31] || added[30:0] == '0) &&
                    !(added[30:23] == '1 && added[22:0] != '0)) ? 32'd0 : added;

    always_ff @(posedge clk) begin
      if (enter || returns) begin
        operand_q <= returns ? value : sum;
        scale_q   <= returns ? cast_scale_i : scale_i ? scale : One;
      end
      bias_q <= {bias_q[32*(ToAdd-1)-1:0], (returns || !bias_i) ? NoSum : bias};
    end

    npu_fp32_multiply u_multiply (
      .clk_i    (clk),
      .take_i   (valid_q[0]),
      .a_i      (operand_q),
      .b_i      (scale_q),
      .product_o(product)
    );
    npu_fp32_add u_add (
      .clk_i (clk),
      .take_i(valid_q[ToAdd-1]),
      .a_i   (product),
      .b_i   (bias_q[32*(ToAdd-1)+:32]),
      .sum_o (added)
    );
    npu_float_round u_round (
      .format_i,
      .saturate_i,
      .value_i   (value),
      .code_o    (code)
    );
    assign result = code;
    always_ff @(posedge clk) begin
      if (valid_q[ToRound-1]) codes_q[32*n+:32] <= result;
    end
  end

  // ---- Writes ----
  assign valid_o = valid_q[Steps-1];
  assign addr_o  = place_q[24*(Steps-1)+:24];
  always_comb begin
    data_o = '0;
    strb_o = '0;
    for (int unsigned n = 0; n < Width; n++) begin
      case (format_i)
        3'd1: begin
          data_o[16*n+:16] = codes_q[32*n+:16];
          strb_o[2*n+:2]   = {2{lanes_q[Width*(Steps-1)+n]}};
        end
        3'd2, 3'd3: begin
          data_o[8*n+:8] = codes_q[32*n+:8];
          strb_o[n]      = lanes_q[Width*(Steps-1)+n];
        end
        default: begin
          data_o[32*n+:32] = codes_q[32*n+:32];
          strb_o[4*n+:4]   = {4{lanes_q[Width*(Steps-1)+n]}};
        end
      endcase
    end
  end
  assign busy_o = active_q || valid_q != '0;

  logic unused_bits;  // of records, and what leaves the pipeline
  assign unused_bits = ^{records_i, second_q[Steps-1]};

  npu_clock_gate u_gate (
    .clk_i,
    .enable_i(!rst_ni || clear_i || ((valid_i || busy_o) && moves)),
    .clk_o   (clk)
  );

  // A chunk comes only where there is room for it.
  `NPU_ASSERT(ChunkHasRoom, !(valid_i && active_q))
endmodule : npu_float_results
`default_nettype wire

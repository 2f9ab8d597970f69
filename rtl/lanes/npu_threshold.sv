`default_nettype none
// SPDX-License-Identifier: Apache-2.0
// Threshold unit: sums become codes of one or two bits, which leave as planes of bits.
//
// v = sum + bias; one threshold: code = (v >= 0); three: code = (v >= 0) + (v >= second) +
// (v >= third). A channel with `flip` takes thresholds - code. With three thresholds the upper bits
// are the first plane and the lower bits the second one, plane_step_i bytes behind it.
//
// A record is, from the lowest bit on, a bias, the second and the third threshold (unsigned), flip.
//
// Packed: eight channels are a byte, channels that do not exist are 0; chunks narrower than a byte
// are collected. Otherwise each channel's bit is a byte. Writes cannot be refused; with two planes
// a chunk may come in every second cycle only.
module npu_threshold #(
  parameter int unsigned Width       = 16,  //@ = units.postprocess_width  -- channels per cycle
  localparam int unsigned SumBits    = npu_isa_pkg::SumBits,
  localparam int unsigned RecordBits = npu_isa_pkg::ParameterRecordBits,
  localparam int unsigned SecondLsb  = npu_isa_pkg::ThresholdSecondLsb,
  localparam int unsigned ThirdLsb   = npu_isa_pkg::ThresholdThirdLsb,
  localparam int unsigned FlipLsb    = npu_isa_pkg::ThresholdFlipLsb
) (
  input  wire                clk_i,
  input  wire                rst_ni,
  input  wire                clear_i,
  // fields of the command
  input  wire                three_i,      // thresholds
  input  wire                packed_i,
  input  wire [15:0]         plane_step_i,
  // sums of a chunk of channels
  input  wire                valid_i,
  input  wire                last_i,       // of its position
  input  wire [SumBits*Width-1:0]    acc_i,
  input  wire [RecordBits*Width-1:0] record_i,
  input  wire [Width-1:0]    strb_i,       // channels that exist
  input  wire [23:0]         addr_i,       // of the position's first channel
  input  wire [15:0]         channel_i,    // the chunk's first one
  // writes
  output logic               valid_o,
  output logic [8*Width-1:0] data_o,
  output logic [23:0]        addr_o,
  output logic [Width-1:0]   strb_o,
  output wire  [1:0]         writes_o,     // that this cycle's chunk gives
  output wire                busy_o
);
  localparam int unsigned Bytes = (Width + 7) / 8;  // of a packed chunk

  logic             byte_end, complete;
  logic             valid_q, second_q;
  logic [Width-1:0] upper, lower, upper_q, lower_q, strb_q;
  logic [23:0]      addr_q, second_addr_q;

  // A chunk that does not fill its byte waits for the next one.
  assign byte_end = Width >= 8 || channel_i[2:0] == 3'((8 - Width) % 8);
  assign complete = !packed_i || byte_end || last_i;
  assign writes_o = (!valid_i || !complete) ? 2'd0 : three_i ? 2'd2 : 2'd1;
  assign busy_o   = valid_q || second_q;

  function automatic logic [1:0] code(input logic [SumBits-1:0] sum,
                                      input logic [RecordBits-1:0] record,
                                      input logic three);
    logic signed [SumBits-1:0] value;
    value = $signed(sum) + $signed(record[SumBits-1:0]);
    code  = {1'b0, value >= 0};
    if (three) begin
      code = code + {1'b0, value >= $signed(SumBits'(record[ThirdLsb-1:SecondLsb]))} +
             {1'b0, value >= $signed(SumBits'(record[FlipLsb-1:ThirdLsb]))};
    end
    if (record[FlipLsb]) code = three ? 2'd3 - code : {1'b0, !code[0]};
  endfunction

  always_comb begin
    upper = '0;
    lower = '0;
    if (valid_i) begin
      for (int unsigned channel = 0; channel < Width; channel++) begin
        {upper[channel], lower[channel]} =
            strb_i[channel] ? code(acc_i[SumBits*channel+:SumBits],
                                   record_i[RecordBits*channel+:RecordBits], three_i) : '0;
      end
      // The only plane of one threshold is the first one.
      if (!three_i) upper = lower;
    end
  end

  always_ff @(posedge clk_i) begin
    valid_q  <= rst_ni && !clear_i && valid_i && complete;
    second_q <= rst_ni && !clear_i && valid_q && three_i;
    if (valid_i) begin
      upper_q <= upper;
      lower_q <= lower;
      strb_q  <= strb_i;
      addr_q  <= addr_i + (packed_i ? 24'(channel_i[15:3]) : 24'(channel_i));
    end
    if (valid_q) second_addr_q <= addr_q + 24'(plane_step_i);
  end

  // The bits of a byte's earlier chunks.
  logic [7:0] upper_byte, lower_byte;
  if (Width < 8) begin : gen_collect
    logic [7:0] upper_byte_q, lower_byte_q;
    logic [2:0] place;
    assign place      = channel_i[2:0];
    assign upper_byte = upper_byte_q;
    assign lower_byte = lower_byte_q;
    always_ff @(posedge clk_i) begin
      if (valid_i) begin
        upper_byte_q <= ((place == '0) ? 8'd0 : upper_byte_q) | (8'(upper) << place);
        lower_byte_q <= ((place == '0) ? 8'd0 : lower_byte_q) | (8'(lower) << place);
      end
    end
  end else begin : gen_whole
    assign upper_byte = upper_q[7:0];
    assign lower_byte = lower_q[7:0];
  end

  logic [Width-1:0] plane, byte_strb;
  always_comb begin
    plane     = second_q ? lower_q : upper_q;
    byte_strb = '0;
    data_o    = '0;
    for (int unsigned byte_of = 0; byte_of < Bytes; byte_of++) begin
      byte_strb[byte_of] = strb_q[(8*byte_of)%Width];
    end
    if (!packed_i) begin
      for (int unsigned wide = 0; wide < Width; wide++) data_o[8*wide+:8] = {7'b0, plane[wide]};
    end else if (Width < 8) begin
      data_o[7:0] = second_q ? lower_byte : upper_byte;
    end else begin
      data_o[Width-1:0] = plane;
    end
    valid_o = valid_q || second_q;
    addr_o  = second_q ? second_addr_q : addr_q;
    strb_o  = packed_i ? byte_strb : strb_q;
  end

  logic unused_bits;
  assign unused_bits = ^{upper_byte, lower_byte};
endmodule : npu_threshold
`default_nettype wire

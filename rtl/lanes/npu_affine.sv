`default_nettype none
// SPDX-License-Identifier: Apache-2.0
// Values of bits: sums of two planes become int16 values, to which others are added, and codes.
//
// A chunk of Width sums enters with valid_i; acc_i and records_i stay until the next one, which may
// come in the cycle after one with room_o. A quarter of the chunk goes into the pipeline per cycle:
//
//   0  first and second plane of the sums
//   1  their weighted sum
//   2  t, times the multiplier
//   3  u
//   4  u times the slope
//   5  w = s + v + offset
//   6  w times the scale
//   7  r
//
// It stands still while the value of stage 5 has not come (vector_*, Width / 2 values each; means
// are made of four of them), or while no write has room (more_i). Values leave as two writes of a
// chunk, codes as one or two, so that a chunk of four cycles has four writes at most.
`include "npu_assert.svh"
module npu_affine #(
  parameter int unsigned Width       = 16,  //@ = units.postprocess_width  -- channels of a chunk
  parameter int unsigned PeLanes     = 16,  // lanes of all cores of the PE
  localparam int unsigned SumBits    = npu_isa_pkg::SumBits,
  localparam int unsigned RecordBits = 8 * npu_isa_pkg::AffineRecordBytes,
  localparam int unsigned Ways       = Width / 4,
  localparam int unsigned Chunks     = (PeLanes + Width - 1) / Width,
  localparam int unsigned ChunkW     = (Chunks > 1) ? $clog2(Chunks) : 1,
  localparam int unsigned Parts      = 4 * Chunks,  // quarters of a group
  localparam int unsigned Vectors    = 8            // that can wait
) (
  input  wire                clk_i,
  input  wire                rst_ni,
  input  wire                clear_i,
  // fields of the command
  input  wire  [7:0]         p_weight_i,
  input  wire  [7:0]         q_weight_i,
  input  wire  [3:0]         sum_shift_i,
  input  wire  [3:0]         affine_shift_i,
  input  wire  [3:0]         slope_shift_i,
  input  wire  [3:0]         scale_shift_i,
  input  wire                residual_i,
  input  wire                pool_i,
  input  wire                values_i,      // are written
  input  wire  [1:0]         thresholds_i,
  input  wire  [15:0]        code_first_i,
  input  wire  [13:0]        code_second_i,
  input  wire  [13:0]        code_third_i,
  input  wire  [15:0]        plane_step_i,
  // sums of a chunk, records of all lanes
  input  wire                valid_i,
  input  wire  [ChunkW-1:0]  chunk_i,
  input  wire                last_i,        // of its position
  input  wire  [Width-1:0]   strb_i,        // channels that exist
  input  wire  [SumBits*Width-1:0]      acc_i,
  input  wire  [RecordBits*PeLanes-1:0] records_i,
  output wire                room_o,        // the next chunk may be issued
  output wire                reads_o,       // sums are read in this cycle
  // values to add, two vectors a chunk as far as it has channels; with pool_i each is one of four
  input  wire                vector_valid_i,
  input  wire  [1:0]         vector_part_i, // of four
  input  wire  [8*Width-1:0] vector_i,
  output wire                vector_taken_o,
  // addresses of the position whose results leave
  input  wire  [23:0]        value_address_i,
  input  wire  [23:0]        code_address_i,
  output wire                step_o,        // to the next position
  // writes
  input  wire                more_i,        // one more write has room
  output logic               valid_o,
  output logic [8*Width-1:0] data_o,
  output logic [23:0]        addr_o,
  output logic [Width-1:0]   strb_o,
  output wire                busy_o
);
  localparam int unsigned PartW  = $clog2(Parts);
  localparam int unsigned Lists  = 8 * Width / 16;  // values of a vector

  if (Width < 8) begin : gen_bad
    $error("npu_affine: Width must be at least 8");
  end

  logic go;

  // ---- Saturation and shifts ----
  function automatic logic [15:0] saturated(input logic signed [39:0] value);
    if (value > 40'sd32767) saturated = 16'h7fff;
    else if (value < -40'sd32768) saturated = 16'h8000;
    else saturated = value[15:0];
  endfunction

  function automatic logic [15:0] shifted(input logic signed [39:0] value,
                                          input logic [3:0] shift);
    logic signed [39:0] down;
    down    = value >>> shift;
    shifted = saturated(down);
  endfunction

  // ---- Values to add ----
  logic [8*Width-1:0] sums_q, summed, mean, vector;
  logic               mean_valid_q, arrives, vector_there, vector_pop;
  logic               unused_room;
  logic [3:0]         unused_count;

  always_comb begin
    summed = sums_q;
    mean   = vector_i;
    for (int unsigned n = 0; n < Lists; n++) begin
      if (vector_valid_i && pool_i) begin
        summed[16*n+:16] = (vector_part_i == 2'd0) ? vector_i[16*n+:16]
                           : saturated(40'($signed(sums_q[16*n+:16])) +
                                       40'($signed(vector_i[16*n+:16])));
      end
      if (mean_valid_q) begin
        mean[16*n+:16] = 16'($signed(17'($signed(sums_q[16*n+:16])) +
                                     (sums_q[16*n+15] ? 17'sd3 : 17'sd0)) >>> 2);
      end
    end
  end
  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i) mean_valid_q <= 1'b0;
    else mean_valid_q <= vector_valid_i && pool_i && vector_part_i == 2'd3;
    if (vector_valid_i && pool_i) sums_q <= summed;
  end

  assign arrives = mean_valid_q || (vector_valid_i && !pool_i);

  npu_fifo #(
    .Width(8 * Width),
    .Depth(Vectors)
  ) u_vectors (
    .clk_i,
    .rst_ni,
    .clear_i,
    .valid_i(arrives),
    .ready_o(unused_room),
    .data_i (mean),
    .valid_o(vector_there),
    .ready_i(vector_pop),
    .data_o (vector),
    .count_o(unused_count)
  );

  // ---- Quarters ----
  logic        active_q, entering, rests;
  logic [1:0]  quarter_q, quarter;
  logic [ChunkW-1:0] chunk_q, chunk;
  logic [Width-1:0]  strb_q, strb;

  assign entering = valid_i || active_q;
  assign quarter  = valid_i ? 2'd0 : quarter_q;
  assign chunk    = valid_i ? chunk_i : chunk_q;
  assign strb     = valid_i ? strb_i : strb_q;
  assign reads_o  = entering;
  assign room_o   = !entering || (quarter == 2'd3 && go);

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i) active_q <= 1'b0;
    else active_q <= entering && !(go && quarter == 2'd3);
    if (entering) quarter_q <= go ? quarter + 2'd1 : quarter;
    if (valid_i) begin
      chunk_q <= chunk_i;
      strb_q  <= strb_i;
    end
  end

  // Which channels a chunk has, until its last quarter leaves.
  logic              unused_meta_there, meta_last, meta_pop;
  logic [ChunkW-1:0] meta_chunk;
  logic [Width-1:0]  meta_strb;
  logic              unused_meta_room;
  logic [2:0]        unused_meta_count;
  npu_fifo #(
    .Width(Width + ChunkW + 1),
    .Depth(4)
  ) u_meta (
    .clk_i,
    .rst_ni,
    .clear_i,
    .valid_i(valid_i),
    .ready_o(unused_meta_room),
    .data_i ({strb_i, chunk_i, last_i}),
    .valid_o(unused_meta_there),
    .ready_i(meta_pop),
    .data_o ({meta_strb, meta_chunk, meta_last}),
    .count_o(unused_meta_count)
  );

  // ---- Stages ----
  logic [7:0]       valid_q;           // of stage n's registers
  logic [4:0]       needs_q;           // a value is added, up to stage 4
  logic [PartW-1:0] part_q [8];        // quarter of the group
  logic [PartW-1:0] part_in;

  assign part_in = PartW'({chunk, quarter});
  // By the first channel of the half that the quarter's vector belongs to.
  assign rests   = !(residual_i && (quarter[1] ? strb[2*Ways] : strb[0]));

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i) begin
      valid_q <= '0;
      needs_q <= '0;
    end else if (go) begin
      valid_q <= {valid_q[6:0], entering};
      needs_q <= {needs_q[3:0], entering && !rests};
    end
    if (go) begin
      part_q[0] <= part_in;
      for (int unsigned n = 1; n < 8; n++) part_q[n] <= part_q[n-1];
    end
  end
  assign go             = (!needs_q[4] || vector_there) && more_i;
  assign vector_pop     = go && needs_q[4] && part_q[4][0];
  assign vector_taken_o = vector_pop;

  logic [16*Ways-1:0] value;
  for (genvar w = 0; w < Ways; w++) begin : gen_way
    // Records and sums of the way's channel in each quarter.
    logic [RecordBits*Parts-1:0] records;
    for (genvar p = 0; p < Parts; p++) begin : gen_part
      if (Ways * p + w < PeLanes) begin : gen_lane
        assign records[RecordBits*p+:RecordBits] = records_i[RecordBits*(Ways*p+w)+:RecordBits];
      end else begin : gen_none
        assign records[RecordBits*p+:RecordBits] = '0;
      end
    end
    logic [SumBits-1:0]    sum;
    logic [RecordBits-1:0] record2, record3, record4, record5, record6, record7;
    always_comb begin
      sum     = '0;
      record2 = '0;
      record3 = '0;
      record4 = '0;
      record5 = '0;
      record6 = '0;
      record7 = '0;
      for (int unsigned q = 0; q < 4; q++) begin
        if (entering && quarter == 2'(q)) sum = acc_i[SumBits*(Ways*q+w)+:SumBits];
      end
      for (int unsigned p = 0; p < Parts; p++) begin
        if (part_q[1] == PartW'(p)) record2 = record2 | records[RecordBits*p+:RecordBits];
        if (part_q[2] == PartW'(p)) record3 = record3 | records[RecordBits*p+:RecordBits];
        if (part_q[3] == PartW'(p)) record4 = record4 | records[RecordBits*p+:RecordBits];
        if (part_q[4] == PartW'(p)) record5 = record5 | records[RecordBits*p+:RecordBits];
        if (part_q[5] == PartW'(p)) record6 = record6 | records[RecordBits*p+:RecordBits];
        if (part_q[6] == PartW'(p)) record7 = record7 | records[RecordBits*p+:RecordBits];
      end
    end

    logic signed [15:0] first_q, second_q, t, u_q, u4_q, w_q, v, r_q, other;
    logic signed [25:0] weighted_q;
    logic signed [31:0] product2_q, product4_q, product6_q;
    logic signed [39:0] rounding;

    assign t        = shifted(40'(weighted_q), sum_shift_i);
    assign rounding = (slope_shift_i == '0) ? 40'sd0
                      : 40'($signed(17'd1 << (slope_shift_i - 4'd1)));
    assign v        = u4_q[15] ? shifted(40'(product4_q) + rounding, slope_shift_i) : u4_q;
    assign other    = !needs_q[4] ? 16'd0
                      : part_q[4][0] ? vector[16*(Ways+w)+:16] : vector[16*w+:16];

    always_ff @(posedge clk_i) begin
      if (go) begin
        if (entering) begin
          first_q  <= $signed(sum[31:16] + {15'd0, sum[15]});
          second_q <= $signed(sum[15:0]);
        end
        if (valid_q[0]) begin
          weighted_q <= 26'(first_q) * $signed(26'(p_weight_i)) +
                        26'(second_q) * $signed(26'(q_weight_i));
        end
        if (valid_q[1]) begin
          product2_q <= 32'(t) * 32'($signed(record2[15:0]));
        end
        if (valid_q[2]) begin
          u_q <= $signed(shifted(40'(product2_q) +
                                 40'($signed(record3[npu_isa_pkg::AffineBiasLsb+:24])),
                                 affine_shift_i));
        end
        if (valid_q[3]) begin
          product4_q <= 32'(u_q) * 32'($signed(record4[npu_isa_pkg::AffineSlopeLsb+:16]));
          u4_q       <= u_q;
        end
        if (valid_q[4]) begin
          w_q <= $signed(saturated(40'(other) + 40'(v) +
                                   40'($signed(record5[npu_isa_pkg::AffineOffsetLsb+:16]))));
        end
        if (valid_q[5]) begin
          product6_q <= 32'(w_q) * 32'($signed(record6[npu_isa_pkg::AffineScaleLsb+:16]));
        end
        if (valid_q[6]) begin
          r_q <= $signed(shifted(40'(product6_q) +
                                 40'($signed(record7[npu_isa_pkg::AffineScaleBiasLsb+:24])),
                                 scale_shift_i));
        end
      end
    end
    assign value[16*w+:16] = r_q;
    logic unused_record;
    assign unused_record = ^{record2, record3, record4, record5, record6, record7};
  end

  // ---- Codes ----
  logic signed [17:0] second_code, third_code;
  logic [Ways-1:0]    upper, lower;
  assign second_code = 18'($signed(code_first_i)) + 18'(code_second_i);
  assign third_code  = second_code + 18'(code_third_i);
  always_comb begin
    upper = '0;
    lower = '0;
    if (valid_q[7]) begin
      for (int unsigned w = 0; w < Ways; w++) begin
        {upper[w], lower[w]} = {1'b0, $signed(value[16*w+:16]) >= $signed(code_first_i)} +
            {1'b0, thresholds_i[1] && 18'($signed(value[16*w+:16])) >= second_code} +
            {1'b0, thresholds_i[1] && 18'($signed(value[16*w+:16])) >= third_code};
      end
      if (!thresholds_i[1]) upper = lower;
    end
  end

  // ---- Writes ----
  logic [1:0]         leaving;           // quarter of stage 7
  logic               ends, writes_value;
  logic [16*Ways-1:0] even_q;            // values of the quarter before
  logic [3*Ways-1:0]  upper_q, lower_q;  // codes of the quarters before
  logic [Width-1:0]   first_plane_q, second_plane_q, plane_strb_q, plane_strb;
  logic [23:0]        plane_addr_q;
  logic               first_q, second_q;  // planes that wait
  logic [Width-1:0]   upper_all, lower_all;

  assign leaving      = part_q[7][1:0];
  assign ends         = valid_q[7] && leaving == 2'd3;
  assign writes_value = valid_q[7] && leaving[0] && values_i;
  assign meta_pop     = go && ends;
  assign step_o       = meta_pop && meta_last;
  // Channels that do not exist are 0.
  assign upper_all    = {upper, upper_q} & meta_strb;
  assign lower_all    = {lower, lower_q} & meta_strb;

  always_comb begin
    plane_strb = '0;
    for (int unsigned n = 0; n < Width / 8; n++) plane_strb[n] = meta_strb[8*n];
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i) begin
      first_q  <= 1'b0;
      second_q <= 1'b0;
    end else if (go) begin
      if (ends) begin
        first_q  <= thresholds_i != '0;
        second_q <= thresholds_i[1];
      end else if (!writes_value) begin
        if (first_q) first_q <= 1'b0;
        else second_q <= 1'b0;
      end
    end
    if (go && valid_q[7]) begin
      if (!leaving[0]) even_q <= value;
      if (leaving != 2'd3) begin
        upper_q <= {upper, upper_q[3*Ways-1:Ways]};
        lower_q <= {lower, lower_q[3*Ways-1:Ways]};
      end
    end
    if (go && ends) begin
      first_plane_q  <= upper_all;
      second_plane_q <= lower_all;
      plane_strb_q   <= plane_strb;
      plane_addr_q   <= code_address_i + 24'(meta_chunk) * 24'(Width / 8);
    end
  end

  always_comb begin
    valid_o = go && (writes_value || first_q || second_q);
    data_o  = {value, even_q};
    addr_o  = value_address_i + 24'(meta_chunk) * 24'(2 * Width) +
              (leaving[1] ? 24'(Width) : 24'd0);
    strb_o  = '0;
    for (int unsigned n = 0; n < Lists; n++) begin
      strb_o[2*n+:2] = {2{leaving[1] ? meta_strb[Lists+n] : meta_strb[n]}};
    end
    if (!writes_value) begin
      data_o = '0;
      data_o[Width-1:0] = first_q ? first_plane_q : second_plane_q;
      addr_o = plane_addr_q + (first_q ? 24'd0 : 24'(plane_step_i));
      strb_o = plane_strb_q;
    end
  end
  assign busy_o = entering || valid_q != '0 || first_q || second_q;

  // What comes has room, and what leaves has come.
  `NPU_ASSERT(VectorsHaveRoom, !arrives || unused_room)
  `NPU_ASSERT(ChunksHaveRoom, !valid_i || unused_meta_room)
  `NPU_ASSERT(ChunksAreKnown, !valid_q[7] || unused_meta_there)
  `NPU_ASSERT(OneChunk, !(valid_i && active_q))
endmodule : npu_affine
`default_nettype wire

`default_nettype none
// SPDX-License-Identifier: Apache-2.0
// CRC-16 of a CXL flit whose slots come lowest first, one a cycle at most (docs/cxl.md, section 1).
//
// The remainder of a slot counts x^128 for each slot below it. It is made in one cycle and moved to
// its place in the next one.
module npu_cxl_crc (
  input  wire         clk_i,
  input  wire         rst_ni,
  input  wire         valid_i,  // a slot
  input  wire [1:0]   slot_i,   // which; 0 begins a flit
  input  wire [127:0] data_i,
  output wire [15:0]  crc_o     // in the cycle after a slot: of the flit up to there
);
  logic [15:0] step, part_q, by1, by2, by3, sum, sum_q;
  logic [1:0]  slot_q;
  logic        valid_q;

  npu_crc_cxl u_step (
    .state_i(16'd0),
    .data_i,
    .state_o(step)
  );

  // x^power modulo the generator.
  function automatic logic [15:0] remainder(input int unsigned power);
    remainder = 16'd1;
    for (int unsigned i = 0; i < power; i++) begin
      remainder = {remainder[14:0], 1'b0} ^ (remainder[15] ? 16'hf053 : 16'd0);
    end
  endfunction

  // The part of a slot times x^128, x^256, x^384.
  logic [255:0] terms1, terms2, terms3;

  for (genvar j = 0; j < 16; j++) begin : gen_terms
    localparam logic [15:0] By1 = remainder(128 + j), By2 = remainder(256 + j),
                            By3 = remainder(384 + j);
    assign terms1[16*j+:16] = part_q[j] ? By1 : 16'd0;
    assign terms2[16*j+:16] = part_q[j] ? By2 : 16'd0;
    assign terms3[16*j+:16] = part_q[j] ? By3 : 16'd0;
  end

  always_comb begin
    by1 = 16'd0;
    by2 = 16'd0;
    by3 = 16'd0;
    for (int unsigned j = 0; j < 16; j++) begin
      by1 = by1 ^ terms1[16*j+:16];
      by2 = by2 ^ terms2[16*j+:16];
      by3 = by3 ^ terms3[16*j+:16];
    end
  end

  always_comb begin
    unique case (slot_q)
      2'd0: sum = part_q;
      2'd1: sum = sum_q ^ by1;
      2'd2: sum = sum_q ^ by2;
      2'd3: sum = sum_q ^ by3;
    endcase
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      valid_q <= 1'b0;
      slot_q  <= 2'd0;
      part_q  <= 16'd0;
      sum_q   <= 16'd0;
    end else begin
      valid_q <= valid_i;
      if (valid_i) begin
        slot_q <= slot_i;
        part_q <= step;
      end
      if (valid_q) sum_q <= sum;
    end
  end

  assign crc_o = sum;
endmodule : npu_cxl_crc
`default_nettype wire

`default_nettype none
// SPDX-License-Identifier: Apache-2.0
// Sums and parameter records of one chunk: the PostWidth lanes, of all cores of a PE, whose results
// leave in a cycle. Lanes beyond the last one have zeros. With common_scale the records are the
// lanes' biases alone, and the command has the rest. Combinational.
module npu_result_chunk #(
  parameter int unsigned Cores       = 1,   //@ = pe.cores
  parameter int unsigned Lanes       = 16,  //@ = core.lanes  -- per core
  parameter int unsigned PostWidth   = 16,  //@ = units.postprocess_width  -- lanes of a chunk
  localparam int unsigned SumBits    = npu_isa_pkg::SumBits,
  localparam int unsigned RecordBits = npu_isa_pkg::ParameterRecordBits,
  localparam int unsigned PeLanes    = Cores * Lanes,
  localparam int unsigned Chunks     = (PeLanes + PostWidth - 1) / PostWidth,
  localparam int unsigned ChunkW     = (Chunks > 1) ? $clog2(Chunks) : 1
) (
  input  wire  [SumBits*PeLanes-1:0]      sums_i,
  // a record for each lane; with common_scale a bias for each, from the first bit of each core on
  input  wire  [RecordBits*PeLanes-1:0]   records_i,
  // fields of the running command
  input  wire                             common_scale_i,
  input  wire  [7:0]                      out_shift_i,
  input  wire  [30:0]                     out_multiplier_i,
  input  wire  [ChunkW-1:0]               chunk_i,
  output logic [SumBits*PostWidth-1:0]    sums_o,
  output logic [RecordBits*PostWidth-1:0] records_o
);
  logic [SumBits*PostWidth*Chunks-1:0]    sums;
  logic [RecordBits*PostWidth*Chunks-1:0] records;
  npu_isa_pkg::parameter_record_t         common;

  assign sums = (SumBits * PostWidth * Chunks)'(sums_i);
  always_comb begin
    common  = '0;
    records = (RecordBits * PostWidth * Chunks)'(records_i);
    if (common_scale_i) begin
      for (int unsigned l = 0; l < PeLanes; l++) begin
        common.shift      = out_shift_i;
        common.multiplier = out_multiplier_i;
        common.bias       = records_i[RecordBits*Lanes*(l/Lanes)+SumBits*(l%Lanes)+:SumBits];
        records[RecordBits*l+:RecordBits] = common;
      end
    end
  end

  if (Chunks == 1) begin : gen_one
    assign sums_o    = sums;
    assign records_o = records;
    logic unused_chunk;
    assign unused_chunk = ^chunk_i;
  end else begin : gen_several
    always_comb begin
      sums_o    = '0;
      records_o = '0;
      for (int unsigned c = 0; c < Chunks; c++) begin
        if (32'(chunk_i) == c) begin
          sums_o    = sums_o | sums[SumBits*PostWidth*c+:SumBits*PostWidth];
          records_o = records_o | records[RecordBits*PostWidth*c+:RecordBits*PostWidth];
        end
      end
    end
  end
endmodule : npu_result_chunk
`default_nettype wire

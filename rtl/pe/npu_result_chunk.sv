`default_nettype none
// SPDX-License-Identifier: Apache-2.0
// Sums and parameter records of one chunk: the PostWidth lanes, of all cores of a PE, whose results
// leave in a cycle. Lanes beyond the last one have zeros. With common_scale the records are the
// lanes' biases alone, and the command has the rest. Combinational.
module npu_result_chunk #(
  parameter int unsigned Cores     = 1,   //@ = pe.cores
  parameter int unsigned Lanes     = 16,  //@ = core.lanes  -- per core
  parameter int unsigned PostWidth = 16,  //@ = units.postprocess_width  -- lanes of a chunk
  localparam int unsigned PeLanes  = Cores * Lanes,
  localparam int unsigned Chunks   = (PeLanes + PostWidth - 1) / PostWidth,
  localparam int unsigned ChunkW   = (Chunks > 1) ? $clog2(Chunks) : 1
) (
  input  wire  [32*PeLanes-1:0]   sums_i,
  // 72 bits for each lane; with common_scale 32 bits for each, from the first bit of each core on
  input  wire  [72*PeLanes-1:0]   records_i,
  // fields of the running command
  input  wire                     common_scale_i,
  input  wire  [7:0]              out_shift_i,
  input  wire  [30:0]             out_multiplier_i,
  input  wire  [ChunkW-1:0]       chunk_i,
  output logic [32*PostWidth-1:0] sums_o,
  output logic [72*PostWidth-1:0] records_o
);
  logic [32*PostWidth*Chunks-1:0] sums;
  logic [72*PostWidth*Chunks-1:0] records;

  assign sums = (32 * PostWidth * Chunks)'(sums_i);
  always_comb begin
    records = (72 * PostWidth * Chunks)'(records_i);
    if (common_scale_i) begin
      for (int unsigned l = 0; l < PeLanes; l++) begin
        records[72*l+:72] = {
          out_shift_i, 1'b0, out_multiplier_i, records_i[72*Lanes*(l/Lanes)+32*(l%Lanes)+:32]
        };
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
          sums_o    = sums_o | sums[32*PostWidth*c+:32*PostWidth];
          records_o = records_o | records[72*PostWidth*c+:72*PostWidth];
        end
      end
    end
  end
endmodule : npu_result_chunk
`default_nettype wire

`default_nettype none
// SPDX-License-Identifier: Apache-2.0
// A word whose chunks of 16 bytes change places (npu_dma_swizzle): chunk c of the result is chunk
// c ^ chunks_i of the word. Words of one chunk and less stay. Combinational.
module npu_dma_chunks #(
  parameter int unsigned BusBytes = 16  //@ = npu.axi.bytes  -- word bytes: 4 .. 64
) (
  input  wire  [1:0]            chunks_i,
  input  wire  [8*BusBytes-1:0] data_i,
  input  wire  [BusBytes-1:0]   strb_i,
  output logic [8*BusBytes-1:0] data_o,
  output logic [BusBytes-1:0]   strb_o
);
  localparam int unsigned Chunks = (BusBytes > 16) ? BusBytes / 16 : 1;

  if (Chunks == 1) begin : gen_one
    logic unused_chunks;
    assign unused_chunks = ^chunks_i;
    assign data_o        = data_i;
    assign strb_o        = strb_i;
  end else begin : gen_many
    localparam int unsigned ChunkW = $clog2(Chunks);
    logic unused_chunks;
    assign unused_chunks = ^chunks_i;

    always_comb begin
      data_o = '0;
      strb_o = '0;
      for (int unsigned to = 0; to < Chunks; to++) begin
        for (int unsigned from = 0; from < Chunks; from++) begin
          if (chunks_i[ChunkW-1:0] == ChunkW'(to ^ from)) begin
            data_o[128*to+:128] = data_i[128*from+:128];
            strb_o[16*to+:16]   = strb_i[16*from+:16];
          end
        end
      end
    end
  end
endmodule : npu_dma_chunks
`default_nettype wire

`default_nettype none
// SPDX-License-Identifier: Apache-2.0
// Operand stage of bits (docs/bnn.md): which bytes of a gathered operand are valid, and with
// skip_window the operands of the second plane on their way to its pass.
//
// The first pass of a tile fetches the vectors of both planes. Those of the second one are gathered
// here and kept in a memory for each place of a window: SkipSlices slices of each block of a tile.
// A step that begins a block (step_i, begin_i) reads its vectors for the next cycles.
module npu_bit_operands #(
  parameter int unsigned WordBytes    = 16,  //@ = pe.bank_width  -- bytes of a vector read
  parameter int unsigned Simd         = 16,  //@ = lane.simd  -- operand bytes of a lane
  parameter int unsigned Accumulators = 16,  //@ = core.accumulators  -- positions per tile
  parameter int unsigned Ports        = 4,   //@ = units.window_ports  -- vectors per cycle
  parameter int unsigned SkipWindow   = 1,   //@ = units.bnn.skip_window  -- positions of a block
  parameter int unsigned SkipSlices   = 32,  //@ = units.bnn.skip_slices  -- that a window holds
  localparam int unsigned IndexW      = (Accumulators > 1) ? $clog2(Accumulators) : 1,
  localparam int unsigned ByteW       = $clog2(WordBytes) + 1,
  localparam int unsigned VecW        = 8 * WordBytes,
  localparam int unsigned BytesW      = $clog2(Simd + 1),
  // a vector, valid bytes, their number
  localparam int unsigned SkipVectorW = (npu_isa_pkg::OperandBits + 1) * Simd + BytesW
) (
  input  wire                   clk_i,
  // fields of the running command
  input  wire                   binary_i,
  input  wire                   skip_outside_i,
  input  wire                   skip_window_i,
  // the vectors of this cycle, as npu_operands gets them and with fill
  input  wire                   valid_i,
  input  wire  [ByteW*Ports-1:0] low_i,
  input  wire  [ByteW*Ports-1:0] high_i,
  input  wire  [Ports-1:0]      gather_i,       // ports of the slice's operand,
  input  wire  [Ports-1:0]      lower_i,        // of that of the second plane
  input  wire  [ByteW*Ports-1:0] length_i,
  input  wire  [ByteW*Ports-1:0] place_i,
  input  wire                   first_i,
  input  wire                   last_i,
  input  wire                   second_i,       // the slice is of the second plane
  input  wire                   double_i,       // the first plane's sums are complete
  input  wire  [15:0]           slice_i,
  input  wire  [IndexW-1:0]     index_i,
  input  wire  [VecW*Ports-1:0] vectors_i,
  input  wire                   sum_read_i,
  // with fire_o of npu_operands
  output wire  [Simd-1:0]       fire_valid_o,   // bytes that count
  output wire  [10:0]           fire_bits_o,    // 8 times their number
  output wire                   fire_double_o,
  // second pass with skip_window
  input  wire                   step_i,
  input  wire                   begin_i,        // the first one of its block
  input  wire  [15:0]           skip_slice_i,
  input  wire  [IndexW-1:0]     skip_index_i,   // the block's first position
  output wire  [SkipVectorW*SkipWindow-1:0] skip_vectors_o
);
  logic [Simd-1:0]  counted, counted_q, fire_counted_q, counted_mask;
  logic [10:0]      bits, fire_bits_q;
  logic             fire_double_q;
  logic [ByteW-1:0] counted_low, counted_high;

  always_comb begin
    counted      = first_i ? '0 : counted_q;
    counted_mask = '0;
    counted_low  = '0;
    counted_high = '0;
    bits         = '0;
    if (valid_i && binary_i) begin
      for (int unsigned q = 0; q < Ports; q++) begin
        if (gather_i[q]) begin
          counted_low  = skip_outside_i ? low_i[ByteW*q+:ByteW] : '0;
          counted_high = length_i[ByteW*q+:ByteW];
          if (skip_outside_i && high_i[ByteW*q+:ByteW] < counted_high) begin
            counted_high = high_i[ByteW*q+:ByteW];
          end
          counted_mask = ({Simd{1'b1}} << counted_low) & ~({Simd{1'b1}} << counted_high);
          counted      = counted | (counted_mask << place_i[ByteW*q+:ByteW]);
        end
      end
      for (int unsigned q = 0; q < Simd; q++) bits = bits + {7'd0, counted[q], 3'd0};
    end
  end

  always_ff @(posedge clk_i) begin
    if (valid_i && binary_i) counted_q <= counted;
    if (sum_read_i) begin
      fire_counted_q <= counted;
      fire_bits_q    <= bits;
      fire_double_q  <= double_i;
    end
  end

  assign fire_valid_o  = fire_counted_q;
  assign fire_bits_o   = fire_bits_q;
  assign fire_double_o = fire_double_q;

  if (SkipWindow > 1) begin : gen_skip
    localparam int unsigned Blocks = (Accumulators + SkipWindow - 1) / SkipWindow;
    localparam int unsigned Depth  = SkipSlices * Blocks;
    localparam int unsigned DepthW = (Depth > 1) ? $clog2(Depth) : 1;
    localparam int unsigned PlaceW = $clog2(SkipWindow);
    logic [8*Simd-1:0]      lower_data, lower_data_q, lower_mask;
    logic [ByteW-1:0]       lower_begin, lower_end;
    logic [DepthW-1:0]      write_entry, read_entry;
    logic                   keep;

    always_comb begin
      lower_data  = first_i ? '0 : lower_data_q;
      lower_mask  = '0;
      lower_begin = '0;
      lower_end   = '0;
      if (keep || (valid_i && lower_i != '0)) begin
        for (int unsigned v = 0; v < Ports; v++) begin
          if (lower_i[v]) begin
            lower_begin = place_i[ByteW*v+:ByteW];
            lower_end   = lower_begin + length_i[ByteW*v+:ByteW];
            lower_mask  = ({(8*Simd){1'b1}} << {lower_begin, 3'b000}) &
                          ~({(8*Simd){1'b1}} << {lower_end, 3'b000});
            lower_data  = lower_data | (vectors_i[VecW*v+:8*Simd] & lower_mask);
          end
        end
      end
    end
    always_ff @(posedge clk_i) begin
      if (valid_i && skip_window_i) lower_data_q <= lower_data;
    end

    assign keep        = valid_i && skip_window_i && !second_i && last_i;
    assign write_entry = DepthW'(slice_i) * DepthW'(Blocks) + DepthW'(32'(index_i) >> PlaceW);
    assign read_entry  = DepthW'(skip_slice_i) * DepthW'(Blocks) +
                         DepthW'(32'(skip_index_i) >> PlaceW);
    logic unused_slices;
    assign unused_slices = ^{slice_i, skip_slice_i};

    for (genvar w = 0; w < SkipWindow; w++) begin : gen_place
      npu_ram_1r1w #(
        .Width(SkipVectorW),
        .Depth(Depth)
      ) u_place (
        .clk_i,
        .we_i   (keep && index_i[PlaceW-1:0] == PlaceW'(w)),
        .waddr_i(write_entry),
        .wdata_i({bits[BytesW+2:3], counted, lower_data}),
        .re_i   (step_i && begin_i),
        .raddr_i(read_entry),
        .rdata_o(skip_vectors_o[SkipVectorW*w+:SkipVectorW])
      );
    end
  end else begin : gen_lockstep
    assign skip_vectors_o = '0;
    logic unused_skip;
    assign unused_skip = ^{skip_window_i, lower_i, second_i, last_i, slice_i, index_i, vectors_i,
                           step_i, begin_i, skip_slice_i, skip_index_i};
  end
endmodule : npu_bit_operands
`default_nettype wire

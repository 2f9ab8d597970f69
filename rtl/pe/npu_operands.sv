`default_nettype none
// SPDX-License-Identifier: Apache-2.0
// Operand stage: the vectors that PE memory delivers, with `fill` where they lie outside the
// tensor, and what the lanes do with them.
//
// Everything about the vectors comes from the sequencer in the cycle in which PE memory delivers
// them. Operand slots load at the end of that cycle: all lanes the same operand (MATMUL), or a byte
// of each vector for each lane (WINDOW). Vectors of a gathered operand come turned: their first
// byte stands at its place in the operand. The slice's last vector has the accumulators read, and
// the sums are added in the next cycle (fire_o).
module npu_operands #(
  parameter int unsigned WordBytes    = 16,  //@ = pe.bank_width  -- bytes of a vector read
  parameter int unsigned Simd         = 16,  //@ = lane.simd  -- operand bytes of a lane
  parameter int unsigned Accumulators = 16,  //@ = core.accumulators  -- positions per tile
  parameter int unsigned Ports        = 4,   //@ = units.window_ports  -- vectors per cycle
  localparam int unsigned IndexW      = (Accumulators > 1) ? $clog2(Accumulators) : 1,
  localparam int unsigned ByteW       = $clog2(WordBytes) + 1,
  localparam int unsigned VecW        = 8 * WordBytes
) (
  input  wire                   clk_i,
  input  wire                   rst_ni,
  input  wire                   clear_i,
  // fields of the running command
  input  wire  [7:0]            opcode_i,
  input  wire  [7:0]            fill_i,
  input  wire  [13:0]           run_bytes_i,
  input  wire  [7:0]            win_rows_i,
  // the vectors of this cycle
  input  wire                   valid_i,
  input  wire  [Ports-1:0]      ports_i,       // that have one
  input  wire  [Ports-1:0]      clip_i,        // bytes that count lie outside the tensor
  input  wire  [ByteW*Ports-1:0] low_i,        // first byte inside the tensor
  input  wire  [ByteW*Ports-1:0] high_i,       // behind the last byte inside the tensor
  input  wire  [Ports-1:0]      gather_i,      // gathered slices: ports of the slice's operand,
  input  wire  [ByteW*Ports-1:0] length_i,     // bytes that count,
  input  wire  [ByteW*Ports-1:0] place_i,      // where they go in it
  input  wire                   swap_i,        // first vector of a slice
  input  wire                   first_i,       // first one of its position
  input  wire                   last_i,        // last one of its position
  input  wire                   clear_sum_i,   // accumulation starts with this position
  input  wire                   digit_i,       // sums are multiplied by 256 before
  input  wire                   half_i,        // accumulator
  input  wire  [IndexW-1:0]     index_i,
  input  wire  [VecW*Ports-1:0] data_i,
  // with fill
  output logic [VecW*Ports-1:0] vectors_o,
  // to the cores
  output wire                   load_o,
  output wire  [8*Simd-1:0]     operand_o,     // of load_o
  output wire                   shift_o,       // the first vectors of a window column's group
  output wire                   shift_one_o,   // of one row each
  output wire  [Ports-1:0]      shift_rows_o,  // vectors of a window column
  output wire                   swap_o,        // weights take over the shadow register
  output wire                   sum_read_o,    // the accumulator is read
  output wire                   fire_o,        // a cycle later: sums are added
  output wire                   fire_clear_o,
  output wire                   fire_digit_o,
  output wire                   fire_half_o,
  output wire  [IndexW-1:0]     fire_index_o
);
  logic is_matmul, is_window, is_gather;
  assign is_matmul = opcode_i == npu_isa_pkg::OpMatmul;
  assign is_window = opcode_i == npu_isa_pkg::OpWindow;
  assign is_gather = is_matmul && run_bytes_i != '0;

  logic [VecW-1:0]  low_mask, high_mask;
  logic [ByteW-1:0] first_byte, vector_low, vector_high;

  always_comb begin
    low_mask    = '0;
    high_mask   = '0;
    first_byte  = '0;
    vector_low  = '0;
    vector_high = '0;
    vectors_o   = data_i;
    for (int unsigned p = 0; p < Ports; p++) begin
      first_byte  = is_gather ? place_i[ByteW*p+:ByteW] : '0;
      vector_low  = low_i[ByteW*p+:ByteW] + first_byte;
      vector_high = high_i[ByteW*p+:ByteW] + first_byte;
      if (valid_i && ports_i[p] && clip_i[p]) begin
        low_mask  = {VecW{1'b1}} << {vector_low, 3'b000};
        high_mask = ~({VecW{1'b1}} << {vector_high, 3'b000});
        vectors_o[VecW*p+:VecW] = (data_i[VecW*p+:VecW] & low_mask & high_mask) |
                                  ({WordBytes{fill_i}} & ~(low_mask & high_mask));
      end
    end
  end

  // A gathered slice's operand: the bytes that count, one behind the other.
  logic [8*Simd-1:0] gathered, gathered_q, gather_mask;
  logic [ByteW-1:0]  gather_begin, gather_end;
  always_comb begin
    gathered     = first_i ? '0 : gathered_q;
    gather_mask  = '0;
    gather_begin = '0;
    gather_end   = '0;
    if (valid_i && is_gather) begin
      for (int unsigned p = 0; p < Ports; p++) begin
        if (gather_i[p]) begin
          gather_begin = place_i[ByteW*p+:ByteW];
          gather_end   = gather_begin + length_i[ByteW*p+:ByteW];
          gather_mask  = ({(8*Simd){1'b1}} << {gather_begin, 3'b000}) &
                         ~({(8*Simd){1'b1}} << {gather_end, 3'b000});
          gathered     = gathered | (vectors_o[VecW*p+:8*Simd] & gather_mask);
        end
      end
    end
  end

  always_ff @(posedge clk_i) begin
    if (valid_i && is_gather) gathered_q <= gathered;
  end

  assign load_o     = valid_i && is_matmul;
  assign operand_o  = is_gather ? gathered : vectors_o[8*Simd-1:0];
  assign shift_o    = valid_i && is_window && ports_i[0];
  assign shift_one_o = win_rows_i == 8'd1;
  assign shift_rows_o = (valid_i && is_window) ? ports_i : '0;
  assign swap_o     = valid_i && swap_i;
  assign sum_read_o = valid_i && (is_matmul || is_window) && last_i;

  logic              fire_q, fire_clear_q, fire_digit_q, fire_half_q;
  logic [IndexW-1:0] fire_index_q;

  always_ff @(posedge clk_i) begin
    fire_q <= rst_ni && !clear_i && sum_read_o;
    if (sum_read_o) begin
      fire_clear_q <= clear_sum_i;
      fire_digit_q <= digit_i;
      fire_half_q  <= half_i;
      fire_index_q <= index_i;
    end
  end

  assign fire_o       = fire_q;
  assign fire_clear_o = fire_clear_q;
  assign fire_digit_o = fire_digit_q;
  assign fire_half_o  = fire_half_q;
  assign fire_index_o = fire_index_q;
endmodule : npu_operands
`default_nettype wire

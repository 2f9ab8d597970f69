`default_nettype none
// SPDX-License-Identifier: Apache-2.0
// Vector buffer: results of MAXPOOL and MAXIMUM, operands of the other vector operations, on their
// way to the unit that makes the next thing of them. One position at a time: its last vector fills
// the buffer, which ready_o promises is empty by then, and ready_i takes it.
//@ if units.residual
// With residual_valid_i another vector comes into a_o for as long as none of these does.
//@ endif
module npu_vector_buffer #(
  parameter int unsigned PostWidth = 16,  //@ = units.postprocess_width  -- bytes of a vector
  parameter int unsigned WordBytes = 16,  //@ = pe.bank_width  -- bytes of a vector read
  localparam int unsigned ByteW    = $clog2(WordBytes) + 1
) (
  input  wire                    clk_i,
  input  wire                    rst_ni,
  input  wire                    clear_i,
  // fields of the running command; start_i begins it
  input  wire                    start_i,
  input  wire  [7:0]             opcode_i,
  input  wire                    minimum_i,
  input  wire  [23:0]            positions_i,
  input  wire  [15:0]            channels_i,
  input  wire  [15:0]            group_channels_i,
  //@ if units.bnn.enabled
  input  wire                    pool_bits_i,
  input  wire                    two_planes_i,
  //@ endif
  // vectors out of PE memory
  input  wire                    vector_valid_i,
  input  wire                    vector_first_i,  // of its position
  input  wire                    vector_last_i,
  input  wire  [ByteW-1:0]       vector_high_i,   // bytes that count, of vectors in rows
  input  wire  [8*PostWidth-1:0] vector_i,
  output wire                    ready_o,         // the last vector of a position may be fetched
  //@ if units.residual
  input  wire                    residual_valid_i,  // in commands of the array
  input  wire  [8*PostWidth-1:0] residual_i,
  //@ endif
  // the buffer
  output wire                    valid_o,
  input  wire                    ready_i,
  output wire  [8*PostWidth-1:0] a_o,             // result, or first operand
  output wire  [8*PostWidth-1:0] b_o,             // second operand
  output wire  [PostWidth-1:0]   strb_o
);
  logic                   is_array, is_pool, is_maximum, load;
  logic [8*PostWidth-1:0] previous_q;    // the last vector
  logic [8*PostWidth-1:0] hold_q;        // the largest one of those before it, if held_q
  logic [8*PostWidth-1:0] joined, largest, buffer_a_q, buffer_b_q;
  logic                   held_q;
  logic [PostWidth-1:0]   buffer_strb_q;
  logic                   buffer_valid_q;
  logic [15:0]            pool_channels_left_q;
  logic [23:0]            pool_positions_q;

  assign is_array   = npu_isa_pkg::is_array(opcode_i);
  assign is_pool    = opcode_i == npu_isa_pkg::OpMaxPool;
  assign is_maximum = opcode_i == npu_isa_pkg::OpMaximum;
  //@ if units.bnn.enabled
  logic                   is_bits;
  logic [8*PostWidth-1:0] pool_result;
  assign is_bits = is_pool && pool_bits_i;

  npu_pool_bits #(
    .Width(8 * PostWidth)
  ) u_pool_bits (
    .clk_i,
    .valid_i     (vector_valid_i && is_bits),
    .first_i     (vector_first_i),
    .two_planes_i,
    .vector_i,
    .before_i    (hold_q),
    .result_o    (pool_result)
  );
  //@ endif

  // The larger bytes of two vectors.
  function automatic logic [8*PostWidth-1:0] larger(input logic [8*PostWidth-1:0] a,
                                                    input logic [8*PostWidth-1:0] b,
                                                    input logic smaller);
    larger = b;
    for (int unsigned i = 0; i < PostWidth; i++) begin
      if (($signed(a[8*i+:8]) > $signed(b[8*i+:8])) != smaller) larger[8*i+:8] = a[8*i+:8];
    end
  endfunction

  // Vectors come late in their cycle: each is compared with the others in the next one, the last
  // one behind the buffer.
  always_comb begin
    joined = previous_q;
    if (vector_valid_i && is_pool && held_q) joined = larger(hold_q, previous_q, minimum_i);
  end

  always_comb begin
    largest = buffer_a_q;
    if (buffer_valid_q && (is_pool || is_maximum)) begin
      largest = larger(buffer_a_q, buffer_b_q, minimum_i);
    end
    //@ if units.bnn.enabled
    if (is_bits) largest = buffer_a_q;
    //@ endif
  end

  assign load    = vector_valid_i && !is_array && vector_last_i;
  assign ready_o = !load && (!buffer_valid_q || ready_i);

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i) buffer_valid_q <= 1'b0;
    else if (load) buffer_valid_q <= 1'b1;
    else if (ready_i) buffer_valid_q <= 1'b0;
    if (vector_valid_i && !is_array) begin
      previous_q <= vector_i;
      held_q     <= !vector_first_i;
      hold_q     <= joined;
      //@ if units.bnn.enabled
      if (is_bits) hold_q <= pool_result;
      //@ endif
    end
    if (load) begin
      buffer_a_q <= vector_first_i ? vector_i : joined;
      //@ if units.bnn.enabled
      if (is_bits) buffer_a_q <= pool_result;
      //@ endif
      buffer_b_q <= vector_i;
      for (int unsigned i = 0; i < PostWidth; i++) begin
        buffer_strb_q[i] <= is_pool ? 16'(i) < pool_channels_left_q && 16'(i) < group_channels_i
                                    : ByteW'(i) < vector_high_i;
      end
    end
    //@ if units.residual
    if (residual_valid_i) buffer_a_q <= residual_i;
    //@ endif
  end

  // MAXPOOL: groups are counted here; the last one may have fewer channels.
  always_ff @(posedge clk_i) begin
    if (start_i) begin
      pool_positions_q     <= positions_i;
      pool_channels_left_q <= channels_i;
    end else if (load && is_pool) begin
      pool_positions_q <= pool_positions_q - 24'd1;
      if (pool_positions_q == 24'd1) begin
        pool_positions_q     <= positions_i;
        pool_channels_left_q <= (pool_channels_left_q < group_channels_i)
                                ? '0 : pool_channels_left_q - group_channels_i;
      end
    end
  end

  assign valid_o = buffer_valid_q;
  assign a_o     = largest;
  assign b_o     = buffer_b_q;
  assign strb_o  = buffer_strb_q;
endmodule : npu_vector_buffer
`default_nettype wire

`default_nettype none
// SPDX-License-Identifier: Apache-2.0
// Softmax over rows of int8 values, bit for bit TFLite's (docs/machine.md 4.6).
//
// Three passes over a row: the maximum, a vector at a time; the sum of the exponential terms, which
// a 256-entry table gives for each distance from the maximum; the outputs, which the reciprocal of
// the sum scales. The reciprocal takes three Newton steps on the one multiplier, as gemmlowp's
// one_over_one_plus_x_for_x_in_0_1 does.
`include "npu_assert.svh"
module npu_softmax #(
  parameter int unsigned ReadBytes = 16  //@ = pe.bank_width  -- bytes of a vector read
) (
  input  wire                    clk_i,
  input  wire                    rst_ni,
  input  wire                    clear_i,
  // start_i begins with the values below, which stay until busy_o falls
  input  wire                    start_i,
  input  wire  [15:0]            rows_i,          // at least 1
  input  wire  [23:0]            depth_i,         // values per row, at least 1
  input  wire  [24:0]            in_base_i,
  input  wire  [23:0]            in_row_step_i,
  input  wire  [23:0]            out_base_i,
  input  wire  [23:0]            out_row_step_i,
  output wire                    busy_o,
  // vector reads; the data comes with rd_rvalid_i some cycles after the grant
  output wire                    rd_valid_o,
  input  wire                    rd_ready_i,
  output wire  [24:0]            rd_addr_o,
  output wire  [24:0]            rd_row_o,  // address of the row
  input  wire  [8*ReadBytes-1:0] rd_data_i,
  input  wire                    rd_rvalid_i,
  // table reads, answered in order
  output wire                    table_valid_o,
  input  wire                    table_ready_i,
  output wire  [7:0]             table_index_o,   // distance from the maximum
  input  wire  [31:0]            table_data_i,    // Q0.31, not negative
  input  wire                    table_rvalid_i,
  // outputs
  output wire                    out_valid_o,
  input  wire                    out_ready_i,
  output wire  [23:0]            out_addr_o,
  output wire  [7:0]             out_data_o
);
  localparam int unsigned OutDepth = 8;  // outputs between table request and PE memory
  localparam int unsigned FlightW  = $clog2(OutDepth + 1);
  localparam int unsigned CountW   = $clog2(ReadBytes + 1);
  localparam int unsigned Groups   = (ReadBytes + 3) / 4;  // of four bytes of a vector

  typedef enum logic [2:0] {
    StIdle,
    StFetch,       // ask for a vector
    StData,        // wait for it
    StWalk,        // use its bytes
    StSettle,      // wait for what is under way at the end of a pass
    StReciprocal
  } state_e;

  typedef enum logic [1:0] {
    PassMaximum,
    PassSum,
    PassOutput
  } pass_e;

  state_e state_q;
  pass_e  pass_q;

  logic [15:0]             rows_left_q;
  logic [24:0]             in_row_q, in_addr_q;
  logic [23:0]             out_row_q, out_addr_q, left_q;
  logic [8*ReadBytes-1:0]  vector_q;
  logic [CountW-1:0]       vector_left_q, vector_count;
  logic signed [7:0]       max_q, vector_max;
  logic [8*Groups-1:0]     group_max, group_max_q;
  logic                    groups_valid_q;  // group_max_q is not yet in max_q
  logic [31:0]             sum_q;
  logic [FlightW-1:0]      flight_q;  // table requests not yet summed, or outputs not yet taken
  logic signed [31:0]      reciprocal_q;
  logic [5:0]              shift_q;
  logic                    table_go, out_go, pass_end;

  assign vector_count = (left_q < 24'(ReadBytes)) ? CountW'(left_q) : CountW'(ReadBytes);
  assign pass_end     = left_q == '0;

  // The maximum of a vector, in two cycles: of each four bytes, then of these and those before.
  // Bytes behind the row's end were replaced by the least value.
  function automatic logic [7:0] larger(input logic signed [7:0] a, input logic signed [7:0] b);
    larger = (a > b) ? a : b;
  endfunction

  logic [8*ReadBytes-1:0] masked;
  always_comb begin
    masked = rd_data_i;
    if (rd_rvalid_i && state_q == StData) begin
      for (int unsigned i = 0; i < ReadBytes; i++) begin
        if (CountW'(i) >= vector_count) masked[8*i+:8] = 8'h80;
      end
    end
  end

  logic [8*4*Groups-1:0] whole;
  always_comb begin
    whole = {4*Groups{8'h80}};
    whole[8*ReadBytes-1:0] = vector_q;
    group_max = '0;
    if (state_q == StWalk && pass_q == PassMaximum) begin
      for (int unsigned g = 0; g < Groups; g++) begin
        group_max[8*g+:8] = larger(larger(whole[32*g+:8], whole[32*g+8+:8]),
                                   larger(whole[32*g+16+:8], whole[32*g+24+:8]));
      end
    end
  end

  // A tree: node n is the larger one of nodes 2n and 2n + 1; the groups are the leaves.
  localparam int unsigned Leaves = 1 << $clog2(Groups);
  logic [8*2*Leaves-1:0] nodes;
  always_comb begin
    nodes = {2*Leaves{8'h80}};
    if (groups_valid_q) begin
      nodes[8*Leaves+:8*Groups] = group_max_q;
      for (int unsigned k = 1; k < Leaves; k++) begin
        nodes[8*(Leaves-k)+:8] = larger(nodes[8*2*(Leaves-k)+:8], nodes[8*(2*(Leaves-k)+1)+:8]);
      end
    end
    vector_max = larger(nodes[15:8], max_q);
  end

  assign rd_valid_o    = state_q == StFetch;
  assign rd_addr_o     = in_addr_q;
  assign rd_row_o      = in_row_q;
  assign table_valid_o = state_q == StWalk && pass_q != PassMaximum && vector_left_q != '0 &&
                         flight_q != FlightW'(OutDepth);
  assign table_index_o = max_q - vector_q[7:0];
  assign table_go      = table_valid_o && table_ready_i;

  // ---------------------------------------------------------------------------------------------
  // Multiplier: floor((a * b + 2^30) / 2^31) with b >= 0, three cycles, for the Newton steps and
  // the outputs.
  // ---------------------------------------------------------------------------------------------
  logic signed [31:0] mul_a_q, high, high_q;
  logic [30:0]        mul_b_q;
  logic               mul_valid_q, product_valid_q, high_valid_q;
  logic               sum_valid_q;  // mul_b_q is a term of the sum

`ifdef SYNTHESIS
  logic [32:0] sum, carry, product_sum_q, product_carry_q;
  logic        low, product_low_q;

  npu_booth u_booth (
    .x_i         ({mul_a_q[31], mul_a_q}),
    .multiplier_i(mul_b_q),
    .rounds_i    (1'b1),
    .minus_i     (1'b0),
    .sum_o       (sum),
    .carry_o     (carry),
    .low_o       (low)
  );

  always_ff @(posedge clk_i) begin
    if (mul_valid_q) begin
      product_sum_q   <= sum;
      product_carry_q <= carry;
      product_low_q   <= low;
    end
  end

  assign high = 32'(({product_sum_q, 1'b1} + {product_carry_q, product_low_q}) >> 1);
`else
  logic signed [63:0] product_q;

  always_ff @(posedge clk_i) begin
    if (mul_valid_q) product_q <= 64'(mul_a_q) * $signed({33'd0, mul_b_q});
  end

  assign high = 32'((product_q + 64'sh4000_0000) >>> 31);
`endif

  always_ff @(posedge clk_i) begin
    if (product_valid_q) high_q <= high;
  end

  // ---------------------------------------------------------------------------------------------
  // Reciprocal: steps on the multiplier. x is Q2.29, the half denominator Q0.31.
  // ---------------------------------------------------------------------------------------------
  localparam logic signed [31:0] C48Over17    = 32'sd1515870810;   // Q2.29
  localparam logic signed [31:0] CMinus32Over17 = -32'sd1010580540;  // Q2.29
  localparam logic signed [31:0] COne         = 32'sd536870912;    // Q2.29

  logic [2:0]         step_q;  // 0: first guess; odd: half denominator * x; even: x * (1 - that)
  logic               step_wait_q;
  logic signed [31:0] half_q, x_q;
  logic [31:0]        normalized;
  logic [4:0]         zeros;
  logic signed [31:0] x_next;

  // Leading zeros of the sum (below 2^31; 0 counts as 31).
  always_comb begin
    zeros = 5'd31;
    if (state_q == StSettle) begin
      for (int unsigned i = 0; i < 31; i++) begin
        if (sum_q[i]) zeros = 5'(31 - i);
      end
    end
  end
  assign normalized = sum_q << zeros;
  // The error of x is small from the first guess on: gemmlowp's saturation never happens here.
  assign x_next = x_q + (high_q <<< 2);

  // Output of the multiplier in the last pass, never negative: rounding shift, then -128.
  logic [31:0] halves, rounded;
  logic [7:0]  out_byte;
  assign halves   = high_q >> shift_q;
  assign rounded  = (halves + 32'd1) >> 1;
  assign out_byte = (rounded > 32'd255) ? 8'h7f : 8'(rounded) - 8'd128;

  logic               unused_out_ready;
  logic [FlightW-1:0] unused_out_count;
  npu_fifo #(
    .Width(8),
    .Depth(OutDepth)
  ) u_outputs (
    .clk_i,
    .rst_ni,
    .clear_i,
    .valid_i(high_valid_q && state_q != StReciprocal),
    .ready_o(unused_out_ready),
    .data_i (out_byte),
    .valid_o(out_valid_o),
    .ready_i(out_ready_i),
    .data_o (out_data_o),
    .count_o(unused_out_count)
  );
  assign out_go     = out_valid_o && out_ready_i;
  assign out_addr_o = out_addr_q;

  // ---------------------------------------------------------------------------------------------
  // Control.
  // ---------------------------------------------------------------------------------------------
  logic flight_out;
  logic settled;  // nothing of the pass is under way
  assign settled    = flight_q == '0 && !groups_valid_q;
  assign flight_out = (pass_q == PassOutput) ? out_go : sum_valid_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i) begin
      state_q         <= StIdle;
      mul_valid_q     <= 1'b0;
      product_valid_q <= 1'b0;
      high_valid_q    <= 1'b0;
      sum_valid_q     <= 1'b0;
      groups_valid_q  <= 1'b0;
      flight_q        <= '0;
    end else begin
      flight_q        <= flight_q + FlightW'(table_go) - FlightW'(flight_out);
      mul_valid_q     <= 1'b0;
      product_valid_q <= mul_valid_q;
      high_valid_q    <= product_valid_q;
      sum_valid_q     <= table_rvalid_i && pass_q == PassSum;
      groups_valid_q  <= state_q == StWalk && pass_q == PassMaximum;
      if (table_rvalid_i && pass_q == PassOutput) mul_valid_q <= 1'b1;

      unique case (state_q)
        StIdle:  if (start_i) state_q <= StFetch;
        StFetch: if (rd_ready_i) state_q <= StData;
        StData:  if (rd_rvalid_i) state_q <= StWalk;
        StWalk: begin
          if (pass_q == PassMaximum) state_q <= pass_end ? StSettle : StFetch;
          else if (vector_left_q == '0) state_q <= pass_end ? StSettle : StFetch;
        end
        StSettle: begin
          if (settled) begin
            unique case (pass_q)
              PassMaximum: state_q <= StFetch;
              PassSum:     state_q <= StReciprocal;
              default:     state_q <= (rows_left_q == 16'd1) ? StIdle : StFetch;
            endcase
          end
        end
        default: begin  // StReciprocal
          if (!step_wait_q) mul_valid_q <= 1'b1;
          else if (high_valid_q && step_q == 3'd6) state_q <= StFetch;
        end
      endcase
    end
  end

  always_ff @(posedge clk_i) begin
    if (table_rvalid_i) begin
      mul_a_q <= reciprocal_q;
      mul_b_q <= table_data_i[30:0];
    end
    if (state_q == StWalk && pass_q == PassMaximum) group_max_q <= group_max;
    if (groups_valid_q) max_q <= vector_max;

    unique case (state_q)
      StIdle: begin
        if (start_i) begin
          rows_left_q <= rows_i;
          in_row_q    <= in_base_i;
          in_addr_q   <= in_base_i;
          out_row_q   <= out_base_i;
          out_addr_q  <= out_base_i;
          left_q      <= depth_i;
          max_q       <= -8'sd128;
          pass_q      <= PassMaximum;
        end
      end
      StData: begin
        if (rd_rvalid_i) begin
          vector_q      <= masked;
          vector_left_q <= vector_count;
          left_q        <= left_q - 24'(vector_count);
          in_addr_q     <= in_addr_q + 25'(vector_count);
        end
      end
      StWalk: begin
        if (table_go) begin
          vector_q      <= vector_q >> 8;
          vector_left_q <= vector_left_q - CountW'(1);
        end
      end
      StSettle: begin
        if (settled) begin
          left_q    <= depth_i;
          in_addr_q <= in_row_q;
          if (pass_q == PassMaximum) begin
            pass_q <= PassSum;
            sum_q  <= '0;
          end else if (pass_q == PassSum) begin
            step_q      <= '0;
            step_wait_q <= 1'b0;
            shift_q     <= 6'd34 - {1'b0, zeros};  // 12 - zeros + 23, and 1 less
            half_q      <= {1'b0, normalized[31:1]};  // (x + 1) / 2 for x = normalized - 2^31
          end else begin
            pass_q      <= PassMaximum;
            max_q       <= -8'sd128;
            rows_left_q <= rows_left_q - 16'd1;
            in_row_q    <= in_row_q + {1'b0, in_row_step_i};
            in_addr_q   <= in_row_q + {1'b0, in_row_step_i};
            out_row_q   <= out_row_q + out_row_step_i;
            out_addr_q  <= out_row_q + out_row_step_i;
          end
        end
      end
      StReciprocal: begin
        if (!step_wait_q) begin
          step_wait_q <= 1'b1;
          mul_a_q     <= (step_q == '0) ? CMinus32Over17 : step_q[0] ? half_q : COne - high_q;
          mul_b_q     <= (step_q == '0) ? half_q[30:0] : x_q[30:0];
        end else if (high_valid_q) begin
          step_wait_q <= 1'b0;
          step_q      <= step_q + 3'd1;
          if (step_q == '0) x_q <= C48Over17 + high_q;
          else if (!step_q[0]) x_q <= x_next;
          if (step_q == 3'd6) begin
            // x / 2 in Q0.31: twice the Q2.29 word halved, saturated.
            reciprocal_q <= (x_next > 32'sh3fff_ffff) ? 32'sh7fff_ffff : x_next <<< 1;
            pass_q       <= PassOutput;
          end
        end
      end
      default: ;
    endcase

    // Rounded by 12 bits: the last one that falls away is the carry.
    if (sum_valid_q) sum_q <= 32'(({sum_q, 1'b1} + {13'd0, mul_b_q[30:12], mul_b_q[11]}) >> 1);
    if (out_go && state_q != StIdle) out_addr_q <= out_addr_q + 24'd1;
  end

  assign busy_o = state_q != StIdle;

  logic unused_bits;
  assign unused_bits = ^{normalized[0], table_data_i[31]};

  // What is asked for stays until it is granted.
  `NPU_ASSERT_STABLE(ReadStays, rd_valid_o, rd_ready_i, {rd_addr_o, rd_row_o}, clear_i)
  `NPU_ASSERT_STABLE(TableReadStays, table_valid_o, table_ready_i, table_index_o, clear_i)

  // So does an output.
  `NPU_ASSERT_STABLE(OutputStays, out_valid_o, out_ready_i, {out_addr_o, out_data_o}, clear_i)

  // Outputs find room, as no more are under way than it takes.
  `NPU_ASSERT(RoomForOutputs, !(high_valid_q && state_q != StReciprocal) || unused_out_ready)
  `NPU_ASSERT(FlightInRange, 32'(flight_q) <= OutDepth && !(flight_out && flight_q == '0))
endmodule : npu_softmax
`default_nettype wire

`default_nettype none
// SPDX-License-Identifier: Apache-2.0
// Dot-product tile: Lanes dot products of Simd int8 pairs, each added to a 32-bit sum.
//
// Every lane has Simd operand slots and Simd weights. A load puts the same Simd bytes into the
// slots of all lanes (dense dot products); a shift moves each lane's slots down by one to Ports
// slots and puts the lane's own bytes into the last ones (one window per channel). A swap takes
// over the next weights.
//@ if units.bnn.enabled
// Binary: the bits of slots and weights are +1 and -1, those of bytes without valid_i 0. Lanes that
// are not active hold their slots, and their sums stay.
//@ endif
//
// The sums follow the registers combinationally in the cycle in which fire_i is set; with 2 stages
// sum_i, clear_i and sum_o are those of the next cycle.
//
// This leaf costs nearly all area and much of the simulation time, so it has two views with the
// same behaviour: one instance per lane for synthesis, and words of four slots for simulation.
module npu_dot_tile #(
  parameter int unsigned Lanes = 16,  // lanes of the tile, 1..16
  parameter int unsigned Simd  = 16,  //@ = lane.simd  -- products per lane and cycle, 1..64
  parameter int unsigned Ports = 4,   //@ = units.window_ports  -- most slots of a shift
  parameter int unsigned Stages = 1,  //@ = lane.stages  -- 1 or 2
  //@ if units.bnn.enabled
  parameter int unsigned Copies = 1,  // operands of bits: 1 for all lanes, or one for each
  //@ endif
  localparam int unsigned CountW = $clog2(Ports + 1)
) (
  input  wire                     clk_i,
  // operand slots
  input  wire                     load_i,    // all lanes take load_data_i
  input  wire  [8*Simd-1:0]       load_data_i,
  input  wire                     shift_i,   // lane l takes byte l of each vector
  input  wire  [CountW-1:0]       shift_count_i,  // vectors, the first one goes furthest
  input  wire  [8*Lanes*Ports-1:0] shift_data_i,
  // weights: byte lane*Simd + slot, or as int4 half byte lane*Simd + slot
  input  wire                     swap_i,
  input  wire                     packed_i,  // take packed_weights_i
  input  wire  [8*Lanes*Simd-1:0] weights_i,
  input  wire  [4*Lanes*Simd-1:0] packed_weights_i,
  //@ if units.bnn.enabled
  input  wire  [Lanes-1:0]        load_lanes_i,  // that take load_data_i, or with own_i theirs
  input  wire                     own_i,
  input  wire  [8*Simd*Copies-1:0] own_data_i,
  input  wire                     binary_i,
  input  wire  [Simd*Copies-1:0]  valid_i,       // of fire_i, as the following two
  input  wire  [11*Copies-1:0]    bits_i,        // 8 times the number of valid bytes
  input  wire  [Lanes-1:0]        active_i,      // lanes
  //@ endif
  // sums
  input  wire                     fire_i,    // products of this cycle are added
  input  wire                     clear_i,   // start from 0 instead of sum_i
  input  wire  [32*Lanes-1:0]     sum_i,
  output logic [32*Lanes-1:0]     sum_o
);
  if (Lanes < 1 || Lanes > 16 || Simd < 1 || Simd > 64 || Stages < 1 || Stages > 2) begin : gen_bad
    $error("npu_dot_tile: Lanes must be 1..16, Simd 1..64 and Stages 1..2");
  end

`ifdef SYNTHESIS
  logic [8*Lanes*Simd-1:0] slots_q, weights_q;

  // Slots moved down by `count`, the last ones from `incoming`.
  function automatic logic [8*Lanes*Simd-1:0] shifted(input logic [8*Lanes*Simd-1:0] slots,
                                                      input logic [8*Lanes*Ports-1:0] incoming,
                                                      input logic [CountW-1:0] count);
    logic [8*Simd+8*Ports-1:0] lane;  // slots, and behind them the vectors' bytes
    for (int unsigned id = 0; id < Lanes; id++) begin
      lane = '0;
      lane[8*Simd-1:0] = slots[8*Simd*id+:8*Simd];
      for (int unsigned port = 0; port < Ports; port++) begin
        lane[8*(Simd+port)+:8] = incoming[8*(Lanes*port+id)+:8];
      end
      shifted[8*Simd*id+:8*Simd] = lane[8*Simd-1:0];
      for (int unsigned moved = 1; moved <= Ports; moved++) begin
        if (count == CountW'(moved)) shifted[8*Simd*id+:8*Simd] = lane[8*moved+:8*Simd];
      end
    end
  endfunction

  function automatic logic [8*Lanes*Simd-1:0] unpacked(input logic [4*Lanes*Simd-1:0] halves);
    for (int unsigned weight = 0; weight < Lanes * Simd; weight++) begin
      unpacked[8*weight+:8] = {{4{halves[4*weight+3]}}, halves[4*weight+:4]};
    end
  endfunction

  always_ff @(posedge clk_i) begin
    if (swap_i) weights_q <= packed_i ? unpacked(packed_weights_i) : weights_i;
    if (load_i) slots_q <= {Lanes{load_data_i}};
    else if (shift_i) slots_q <= shifted(slots_q, shift_data_i, shift_count_i);
    //@ if units.bnn.enabled
    for (int unsigned own = 0; own < Lanes; own++) begin
      if (load_i && own_i) begin
        slots_q[8*Simd*own+:8*Simd] <= own_data_i[8*Simd*(own%Copies)+:8*Simd];
      end
    end
    for (int unsigned held = 0; held < Lanes; held++) begin
      if (load_i && !load_lanes_i[held]) begin
        slots_q[8*Simd*held+:8*Simd] <= slots_q[8*Simd*held+:8*Simd];
      end
    end
    //@ endif
  end

  logic [32*Lanes-1:0] from;
  assign from = clear_i ? '0 : sum_i;
  for (genvar l = 0; l < Lanes; l++) begin : gen_sum
    npu_dot_lane #(
      .Simd  (Simd),
      .Stages(Stages)
    ) u_lane (
      .clk_i,
      .fire_i,
      .slots_i  (slots_q[8*Simd*l+:8*Simd]),
      .weights_i(weights_q[8*Simd*l+:8*Simd]),
      //@ if units.bnn.enabled
      .binary_i,
      .valid_i  (active_i[l] ? valid_i[Simd*(l%Copies)+:Simd] : '0),
      .bits_i   (active_i[l] ? bits_i[11*(l%Copies)+:11] : '0),
      //@ endif
      .sum_i    (from[32*l+:32]),
      .sum_o    (sum_o[32*l+:32])
    );
  end
`else
  // Word k of lane l, which is four slots, stands behind word k of lane l - 1: Verilator makes
  // statements of constant 32-bit words of the loops below, those for neighbouring lanes are alike,
  // and the C++ compiler turns them into vector instructions. Bytes are held plus 128, since the
  // extension of a sign, as Verilator writes it, takes more. Everything stands in a branch of its
  // own, so that what does not happen in a cycle costs nothing.
  localparam int unsigned Words  = (Simd + 3) / 4;
  localparam int unsigned PlaneW = 32 * Lanes;
  localparam int unsigned LaneW  = 32 * Words;  // of a lane's slots, with those behind the last
  localparam int unsigned LastBits = 8 * (Simd - 4 * (Words - 1));  // slots in the last word
  localparam int unsigned TailBits = 32 - LastBits;
  localparam logic [31:0] LastMask = 32'((33'd1 << LastBits) - 33'd1);

  logic [PlaneW*Words-1:0] slots_q, weights_q;

  function automatic logic [PlaneW*Words-1:0] ordered(input logic [8*Lanes*Simd-1:0] rows);
    logic [LaneW-1:0] lane;
    ordered = '0;
    for (int unsigned id = 0; id < Lanes; id++) begin
      lane = LaneW'(rows[8*Simd*id+:8*Simd]);
      for (int unsigned word = 0; word < Words; word++) begin
        ordered[PlaneW*word+32*id+:32] = lane[32*word+:32] ^ 32'h80808080;
      end
    end
  endfunction

  // `ordered` of int4 weights: (w ^ 8) + 120 is the weight of the half byte w plus 128, and carries
  // nothing into the next byte. Bytes behind the last slot are weights of 0.
  function automatic logic [PlaneW*Words-1:0] unpacked(input logic [4*Lanes*Simd-1:0] rows);
    logic [16*Words-1:0] lane;
    logic [31:0] spread;
    unpacked = '0;
    for (int unsigned id = 0; id < Lanes; id++) begin
      lane = (16*Words)'(rows[4*Simd*id+:4*Simd]);
      for (int unsigned word = 0; word < Words; word++) begin
        spread = 32'(lane[16*word+:16]);
        spread = (spread | (spread << 8)) & 32'h00ff00ff;
        spread = (spread | (spread << 4)) & 32'h0f0f0f0f;
        unpacked[PlaneW*word+32*id+:32] = (spread ^ 32'h08080808) + 32'h78787878;
      end
    end
  endfunction

  // Slots moved down by `count`, the last ones from `incoming`. Word by word: done by bytes this
  // would be half of the code of a large model.
  function automatic logic [PlaneW*Words-1:0] shifted(input logic [PlaneW*Words-1:0] slots,
                                                      input logic [8*Lanes*Ports-1:0] incoming,
                                                      input logic [CountW-1:0] count);
    logic [4:0]  amount;  // bits to move by, less 8
    logic [31:0] behind;  // the vectors' bytes
    logic [31:0] from, next;
    amount  = 5'({count - CountW'(1), 3'b000});
    shifted = '0;
    for (int unsigned id = 0; id < Lanes; id++) begin
      behind = 32'h80808080;
      for (int unsigned port = 0; port < Ports; port++) begin
        behind = behind ^ (32'(incoming[8*(Lanes*port+id)+:8]) << (8 * port));
      end
      for (int unsigned word = 0; word < Words; word++) begin
        from = slots[PlaneW*word+32*id+:32];
        next = behind >> TailBits;
        if (word + 1 < Words) next = slots[PlaneW*((word+1)%Words)+32*id+:32];
        if (LastBits < 32) begin
          if (word + 2 == Words) next = (next & LastMask) | (behind << LastBits);
          if (word + 1 == Words) from = (from & LastMask) | (behind << LastBits);
        end
        shifted[PlaneW*word+32*id+:32] = ((from >> amount) >> 8) | (next << (5'd24 - amount));
      end
    end
  endfunction

  always_ff @(posedge clk_i) begin
    if (swap_i && packed_i) weights_q <= unpacked(packed_weights_i);
    if (swap_i && !packed_i) weights_q <= ordered(weights_i);
    if (load_i) begin
      slots_q <= ordered({Lanes{load_data_i}});
      //@ if units.bnn.enabled
      if (own_i) slots_q <= ordered({(Lanes / Copies) {own_data_i}});
      if (load_lanes_i != '1) begin
        for (int unsigned held = 0; held < Lanes; held++) begin
          for (int unsigned word = 0; word < Words; word++) begin
            if (!load_lanes_i[held]) begin
              slots_q[PlaneW*word+32*held+:32] <= slots_q[PlaneW*word+32*held+:32];
            end
          end
        end
      end
      //@ endif
    end else if (shift_i && shift_count_i != '0) begin
      slots_q <= shifted(slots_q, shift_data_i, shift_count_i);
    end
  end

  //@ if units.bnn.enabled
  logic [32*Words*Copies-1:0] valid_bits;
  always_comb begin
    valid_bits = '0;
    if (fire_i && binary_i) begin
      for (int unsigned copy = 0; copy < Copies; copy++) begin
        for (int unsigned slot = 0; slot < Simd; slot++) begin
          valid_bits[32*Words*copy+8*slot+:8] = {8{valid_i[Simd*copy+slot]}};
        end
      end
    end
  end
  //@ endif

  // With two stages the products are sums from 0 on, which wait for a cycle.
  logic [32*Lanes-1:0] sums;
  always_comb begin
    sums = '0;
    //@ if units.bnn.enabled
    if (fire_i && binary_i) begin
      if (Stages == 1 && !clear_i) sums = sum_i;
      for (int unsigned word = 0; word < Words; word++) begin
        for (int unsigned id = 0; id < Lanes; id++) begin
          sums[32*id+:32] = sums[32*id+:32] +
                            (32'($countones(~(slots_q[PlaneW*word+32*id+:32] ^
                                              weights_q[PlaneW*word+32*id+:32]) &
                                            valid_bits[32*(Words*(id%Copies)+word)+:32] &
                                            {32{active_i[id]}})) << 1);
        end
      end
      for (int unsigned id = 0; id < Lanes; id++) begin
        if (active_i[id]) sums[32*id+:32] = sums[32*id+:32] - 32'(bits_i[11*(id%Copies)+:11]);
      end
    end else
    //@ endif
    if (fire_i) begin
      if (Stages == 1 && !clear_i) sums = sum_i;
      for (int unsigned word = 0; word < Words; word++) begin
        for (int unsigned id = 0; id < Lanes; id++) begin
          sums[32*id+:32] = sums[32*id+:32] +
                            (32'(slots_q[PlaneW*word+32*id+:8]) - 32'd128) *
                            (32'(weights_q[PlaneW*word+32*id+:8]) - 32'd128) +
                            (32'(slots_q[PlaneW*word+32*id+8+:8]) - 32'd128) *
                            (32'(weights_q[PlaneW*word+32*id+8+:8]) - 32'd128) +
                            (32'(slots_q[PlaneW*word+32*id+16+:8]) - 32'd128) *
                            (32'(weights_q[PlaneW*word+32*id+16+:8]) - 32'd128) +
                            (32'(slots_q[PlaneW*word+32*id+24+:8]) - 32'd128) *
                            (32'(weights_q[PlaneW*word+32*id+24+:8]) - 32'd128);
        end
      end
    end
  end
  if (Stages > 1) begin : gen_products
    logic [32*Lanes-1:0] products_q;
    logic                fired_q;

    always_ff @(posedge clk_i) begin
      fired_q <= fire_i;
      if (fire_i) products_q <= sums;
    end
    always_comb begin
      sum_o = '0;
      if (fired_q) begin
        sum_o = products_q;
        if (!clear_i) begin
          for (int unsigned id = 0; id < Lanes; id++) begin
            sum_o[32*id+:32] = products_q[32*id+:32] + sum_i[32*id+:32];
          end
        end
      end
    end
  end else begin : gen_sums
    assign sum_o = sums;
  end
`endif
endmodule : npu_dot_tile
`default_nettype wire

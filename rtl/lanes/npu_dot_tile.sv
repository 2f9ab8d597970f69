`default_nettype none
// SPDX-License-Identifier: Apache-2.0
// Dot-product tile: Lanes dot products of Simd int8 pairs, each added to a 32-bit sum.
//
// Every lane has Simd operand slots and Simd weights. A load puts the same Simd bytes into the
// slots of all lanes (dense dot products); a shift moves each lane's slots down by Ports, and rows
// put the lane's own bytes into the last Ports slots (one window per channel). With shift_one_i,
// which is constant while a window is at work, slots move down by one, and row 0 goes into the last
// slot. A swap takes over the next weights.
//@ if units.bnn.enabled
// Binary: the bits of slots and weights are +1 and -1, those of bytes without valid_i 0. Lanes that
// are not active hold their slots, and their sums stay.
//@ endif
//
// The sums follow the registers combinationally in the cycle in which fire_i is set; with 2 stages
// sum_i and sum_o are those of the next cycle.
//@ if units.float
// With 6 stages they are those of npu_float_sums: sum_i is that of three cycles after fire_i, and
// sum_o follows two cycles after it.
//@ endif
//
// This leaf costs nearly all area and much of the simulation time, so it has two views with the
// same behaviour: one instance per lane for synthesis, and words of four slots for simulation.
module npu_dot_tile #(
  parameter int unsigned Lanes = 16,  // lanes of the tile, 1..16
  parameter int unsigned Simd  = 16,  //@ = lane.simd  -- products per lane and cycle, 1..64
  parameter int unsigned Ports = 4,   //@ = units.window_ports  -- slots of a shift, 1..Simd
  //@ if units.bnn.enabled
  parameter int unsigned Copies = 1,  // operands of bits: 1 for all lanes, or one for each
  //@ endif
  parameter int unsigned Stages = 1   //@ = lane.stages  -- of a sum
) (
  input  wire                     clk_i,
  // operand slots
  input  wire                     load_i,    // all lanes take load_data_i
  input  wire  [8*Simd-1:0]       load_data_i,
  input  wire                     shift_i,
  input  wire                     shift_one_i,
  input  wire  [Ports-1:0]        shift_rows_i,   // slot Simd - Ports + p of lane l takes byte l
  input  wire  [8*Lanes*Ports-1:0] shift_data_i,  // of vector p
  // weights: byte lane*Simd + slot
  input  wire                     swap_i,
  input  wire  [8*Lanes*Simd-1:0] weights_i,
  //@ if units.bnn.enabled
  input  wire  [Lanes-1:0]        load_lanes_i,  // that take load_data_i, or with own_i theirs
  input  wire                     own_i,
  input  wire  [8*Simd*Copies-1:0] own_data_i,
  input  wire                     binary_i,
  input  wire  [Simd*Copies-1:0]  valid_i,       // of fire_i, as the following two
  input  wire  [11*Copies-1:0]    bits_i,        // 8 times the number of valid bytes
  input  wire  [Lanes-1:0]        active_i,      // lanes
  //@ endif
  //@ if units.float
  input  wire  [1:0]              format_a_i,    // npu_float_sums
  input  wire  [1:0]              format_w_i,
  //@ endif
  // sums
  input  wire                     fire_i,    // products of this cycle are added
  input  wire  [32*Lanes-1:0]     sum_i,
  output logic [32*Lanes-1:0]     sum_o
);
  if (Lanes < 1 || Lanes > 16 || Simd < 1 || Simd > 64 || Stages < 1) begin : gen_bad
    $error("npu_dot_tile: Lanes must be 1..16, Simd 1..64 and Stages at least 1");
  end
  if (Ports < 1 || Ports > Simd) begin : gen_bad_ports
    $error("npu_dot_tile: Ports must be 1..Simd");
  end

  localparam int unsigned FirstRow = Simd - Ports;  // slot of the first row
  logic shift_one;
  assign shift_one = Ports > 1 && shift_one_i;

`ifdef SYNTHESIS
  logic [8*Lanes*Simd-1:0] slots_q, weights_q;

  // Registers that are written together stand in a statement of their own, so that synthesis finds
  // one clock gate for each: slots that move, those of each row, weights.
  always_ff @(posedge clk_i) begin
    if (swap_i) weights_q <= weights_i;
  end

  for (genvar l = 0; l < Lanes; l++) begin : gen_slots
    wire [8*Simd-1:0] data;
    wire              load;
    //@ if units.bnn.enabled
    assign load = load_i && load_lanes_i[l];
    assign data = own_i ? own_data_i[8*Simd*(l%Copies)+:8*Simd] : load_data_i;
    //@ endif
    //@ unless units.bnn.enabled: assign load = load_i;
    //@ unless units.bnn.enabled: assign data = load_data_i;
    // Each slot, the one after it, and behind the last one the row that comes.
    wire [8*Simd+7:0] lane;
    assign lane = {shift_data_i[8*l+:8], slots_q[8*Simd*l+:8*Simd]};
    logic unused_lane;  // nothing goes below the first slot
    assign unused_lane = ^lane[7:0];
    if (FirstRow > 0) begin : gen_low
      always_ff @(posedge clk_i) begin
        if (load || shift_i) begin
          slots_q[8*Simd*l+:8*FirstRow] <= load ? data[8*FirstRow-1:0]
                                         : shift_one ? lane[8+:8*FirstRow]
                                                       : lane[8*Ports+:8*FirstRow];
        end
      end
    end
    for (genvar p = 0; p < Ports; p++) begin : gen_row
      always_ff @(posedge clk_i) begin
        if (load || (shift_one ? shift_i : shift_rows_i[p])) begin
          slots_q[8*(Simd*l+FirstRow+p)+:8] <= load ? data[8*(FirstRow+p)+:8]
                                             : shift_one ? lane[8*(FirstRow+p+1)+:8]
                                                           : shift_data_i[8*(Lanes*p+l)+:8];
        end
      end
    end
  end

  //@ if units.float
  if (Stages > 2) begin : gen_float
    wire unused_bits = ^{binary_i, valid_i, bits_i, active_i};  //@ if units.bnn.enabled
    npu_float_sums #(
      .Lanes(Lanes),
      .Simd (Simd)
    ) u_sums (
      .clk_i, .fire_i, .format_a_i, .format_w_i,
      .slots_i  (slots_q),
      .weights_i(weights_q),
      .sum_i,
      .sum_o
    );
  end else begin : gen_integers                          //@ if lane.integers
    wire unused_formats = ^{format_a_i, format_w_i};     //@ if lane.integers
  //@ endif
  //@ if lane.integers
  for (genvar l = 0; l < Lanes; l++) begin : gen_sum
    npu_dot_lane #(
      .Simd  (Simd),
      .Stages(Stages)
    ) u_lane (
      .clk_i,
      .fire_i,
      .slots_i  (slots_q[8*Simd*l+:8*Simd]),
      .weights_i(weights_q[8*Simd*l+:8*Simd]),
      .binary_i,                                                      //@ if units.bnn.enabled
      .valid_i  (active_i[l] ? valid_i[Simd*(l%Copies)+:Simd] : '0),  //@ if units.bnn.enabled
      .bits_i   (active_i[l] ? bits_i[11*(l%Copies)+:11] : '0),       //@ if units.bnn.enabled
      .sum_i    (sum_i[32*l+:32]),
      .sum_o    (sum_o[32*l+:32])
    );
  end
  //@ endif
  //@ if units.float
  end
  //@ endif
`else
  // Word k of lane l, which is four slots, stands behind word k of lane l - 1: Verilator makes
  // statements of constant 32-bit words of the loops below, those for neighbouring lanes are alike,
  // and the C++ compiler turns them into vector instructions. Bytes are held plus 128, since the
  // extension of a sign, as Verilator writes it, takes more. Everything stands in a branch of its
  // own, so that what does not happen in a cycle costs nothing.
  localparam int unsigned Words  = (Simd + 3) / 4;
  localparam int unsigned PlaneW = 32 * Lanes;
  localparam int unsigned LaneW  = 32 * Words;  // of a lane's slots, with those behind the last
  // Slots that a shift writes: those before the rows'.
  localparam logic [LaneW-1:0] MovedBits = ~({LaneW{1'b1}} << (8 * FirstRow));

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

  // Slots moved down by Ports where `move` is set, and then the last ones from `incoming` where
  // `rows` is. Word by word: done by bytes this would be half of the code of a large model.
  function automatic logic [PlaneW*Words-1:0] shifted(input logic [PlaneW*Words-1:0] slots,
                                                      input logic                    move,
                                                      input logic [Ports-1:0]        rows,
                                                      input logic [8*Lanes*Ports-1:0] incoming);
    logic [LaneW-1:0] written;  // bits of a lane that rows write
    logic [31:0] row_bytes;     // of one lane and word
    logic [63:0] two;           // words
    written = '0;
    for (int unsigned row = 0; row < Ports; row++) begin
      if (rows[row]) written[8*(FirstRow+row)+:8] = 8'hff;
    end
    shifted = slots;
    if (move) begin
      for (int unsigned word = 0; word < Words; word++) begin
        for (int unsigned id = 0; id < Lanes; id++) begin
          two = {32'h80808080, slots[PlaneW*word+32*id+:32]};
          if (word + 1 < Words) two[63:32] = slots[PlaneW*((word+1)%Words)+32*id+:32];
          shifted[PlaneW*word+32*id+:32] =
              (32'(two >> (8 * Ports)) & MovedBits[32*word+:32]) |
              (slots[PlaneW*word+32*id+:32] & ~MovedBits[32*word+:32]);
        end
      end
    end
    for (int unsigned word = FirstRow / 4; word < Words; word++) begin
      for (int unsigned id = 0; id < Lanes; id++) begin
        row_bytes = 32'h80808080;
        for (int unsigned port = 0; port < Ports; port++) begin
          if ((FirstRow + port) / 4 == word) begin
            row_bytes = row_bytes ^
                        (32'(incoming[8*(Lanes*port+id)+:8]) << (8 * ((FirstRow + port) % 4)));
          end
        end
        shifted[PlaneW*word+32*id+:32] =
            (shifted[PlaneW*word+32*id+:32] & ~written[32*word+:32]) |
            (row_bytes & written[32*word+:32]);
      end
    end
  endfunction

  // Slots moved down by one, the last one from the first of `incoming`.
  function automatic logic [PlaneW*Words-1:0] shifted_by_one(
      input logic [PlaneW*Words-1:0] slots, input logic [8*Lanes*Ports-1:0] incoming);
    logic [7:0] next;  // lowest byte of the next word
    for (int unsigned word = 0; word < Words; word++) begin
      for (int unsigned id = 0; id < Lanes; id++) begin
        next = 8'h80;
        if (word + 1 < Words) next = slots[PlaneW*((word+1)%Words)+32*id+:8];
        shifted_by_one[PlaneW*word+32*id+:32] = {next, slots[PlaneW*word+32*id+8+:24]};
        if (word + 1 == Words) begin
          shifted_by_one[PlaneW*word+32*id+8*((Simd-1)%4)+:8] = incoming[8*id+:8] ^ 8'h80;
        end
      end
    end
  endfunction

  always_ff @(posedge clk_i) begin
    if (swap_i) weights_q <= ordered(weights_i);
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
    end else if (shift_i && shift_one) begin
      slots_q <= shifted_by_one(slots_q, shift_data_i);
    end else if (shift_rows_i != '0) begin
      slots_q <= shifted(slots_q, shift_i, shift_rows_i, shift_data_i);
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
      if (Stages == 1) sums = sum_i;
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
    if (fire_i && Stages <= 2) begin //@ if units.float
    //@ unless units.float: if (fire_i) begin
      if (Stages == 1) sums = sum_i;
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
  //@ if units.float
  if (Stages > 2) begin : gen_float
    // Registers in the order of bytes.
    logic [8*Lanes*Simd-1:0] slots, weights;
    always_comb begin
      for (int unsigned id = 0; id < Lanes; id++) begin
        for (int unsigned slot = 0; slot < Simd; slot++) begin
          slots[8*(Simd*id+slot)+:8]   = slots_q[PlaneW*(slot/4)+32*id+8*(slot%4)+:8] ^ 8'h80;
          weights[8*(Simd*id+slot)+:8] = weights_q[PlaneW*(slot/4)+32*id+8*(slot%4)+:8] ^ 8'h80;
        end
      end
    end
    npu_float_sums #(
      .Lanes(Lanes),
      .Simd (Simd)
    ) u_sums (
      .clk_i, .fire_i, .format_a_i, .format_w_i,
      .slots_i  (slots),
      .weights_i(weights),
      .sum_i,
      .sum_o
    );
    wire unused_sums = ^sums;
  end else
  //@ endif
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
        for (int unsigned id = 0; id < Lanes; id++) begin
          sum_o[32*id+:32] = products_q[32*id+:32] + sum_i[32*id+:32];
        end
      end
    end
  end else begin : gen_sums
    assign sum_o = sums;
  end
  //@ if units.float
  if (Stages <= 2) begin : gen_no_float
    wire unused_formats = ^{format_a_i, format_w_i};
  end
  //@ endif
`endif
endmodule : npu_dot_tile
`default_nettype wire

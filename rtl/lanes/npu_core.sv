`default_nettype none
// SPDX-License-Identifier: Apache-2.0
// Core: parameter memory, lanes of SIMD MACs with a weight shadow register, and accumulators in two
// halves.
//
// The core only obeys: the PE's sequencer, weight loader and drain drive every port, all cores of a
// PE alike. Timing: row_data_o follows row_read_i by one cycle; slots and weights written at the
// end of a cycle are used in the next; acc_read_i comes one cycle before fire_i for the same entry.
// npu_sum_stages says when a fire reads and writes its entry; a drain reads it from the cycle after
// the write on.
module npu_core #(
  parameter int unsigned MemBytes     = 65536,  //@ = core.memory  -- bytes, whole rows
  parameter int unsigned Banks        = 4,      //@ = core.banks  -- read side by side as one row
  parameter int unsigned BankBytes    = 16,     //@ = core.bank_width  -- bytes per bank word
  parameter int unsigned Lanes        = 16,     //@ = core.lanes  -- 1..128
  parameter int unsigned Simd         = 16,     //@ = lane.simd  -- MACs per lane and cycle, 1..64
  parameter int unsigned Stages       = 1,      //@ = lane.stages  -- of a sum, 1 or 2
  parameter int unsigned Accumulators = 16,     //@ = core.accumulators  -- entries per half
  parameter int unsigned Ports        = 4,      //@ = units.window_ports  -- rows of a shift
  localparam int unsigned SumBits     = npu_isa_pkg::SumBits,
  localparam int unsigned RecordBits  = npu_isa_pkg::ParameterRecordBits,
  //@ if units.bnn.enabled
  parameter int unsigned SkipWindow   = 1,      //@ = units.bnn.skip_window  -- positions
  localparam int unsigned SkipW       = (SkipWindow > 1) ? $clog2(SkipWindow) : 1,
  localparam int unsigned BytesW      = $clog2(Simd + 1),
  // a vector, valid bytes, their number
  localparam int unsigned SkipVectorW = (npu_isa_pkg::OperandBits + 1) * Simd + BytesW,
  localparam int unsigned SizeW       = $clog2(Accumulators + 1),
  //@ endif
  localparam int unsigned RowBytes    = Banks * BankBytes,
  localparam int unsigned Rows        = MemBytes / RowBytes,
  localparam int unsigned RowW        = (Rows > 1) ? $clog2(Rows) : 1,
  localparam int unsigned SliceRows   = (Lanes * Simd + RowBytes - 1) / RowBytes,
  localparam int unsigned SliceW      = (SliceRows > 1) ? $clog2(SliceRows) : 1,
  //@ if units.bnn.residual
  localparam int unsigned AffineBits  = 8 * npu_isa_pkg::AffineRecordBytes,
  localparam int unsigned ParamRows   = (AffineBits / 8 * Lanes + RowBytes - 1) / RowBytes,
  //@ else
  //@: localparam int unsigned ParamRows   = (RecordBits / 8 * Lanes + RowBytes - 1) / RowBytes,
  //@ endif
  localparam int unsigned ParamW      = (ParamRows > 1) ? $clog2(ParamRows) : 1,
  //@ if units.bnn.enabled
  localparam int unsigned GateRows    = (npu_isa_pkg::GateBytes * Lanes + RowBytes - 1) / RowBytes,
  localparam int unsigned GateW       = (GateRows > 1) ? $clog2(GateRows) : 1,
  //@ endif
  localparam int unsigned IndexW      = (Accumulators > 1) ? $clog2(Accumulators) : 1
) (
  input  wire                   clk_i,
  //@ if npu.memory_clear
  input  wire                   wipe_i,          // nothing else asks: write 0 to this row
  input  wire  [23:0]           wipe_row_i,      // of core memory and accumulators
  //@ endif
  // core memory: a row is read or written (never both in a cycle)
  input  wire                   row_read_i,
  input  wire  [RowW-1:0]       row_addr_i,
  output wire  [8*RowBytes-1:0] row_data_o,
  input  wire                   row_write_i,
  input  wire  [RowW-1:0]       write_row_i,
  input  wire  [8*RowBytes-1:0] write_data_i,
  input  wire  [RowBytes-1:0]   write_strb_i,
  // the row on row_data_o goes to the weight shadow register or to the parameter records
  input  wire                   packed_i,        // as int4: low halves of the bytes are those of an
                                                 // even row, high halves of the odd one behind it
  input  wire                   shadow_we_i,
  input  wire  [SliceW-1:0]     shadow_row_i,
  input  wire                   record_we_i,
  input  wire  [ParamW-1:0]     record_row_i,
  output wire  [RecordBits*Lanes-1:0] records_o, // per lane a parameter_record_t
  output wire  [AffineBits*Lanes-1:0] affine_records_o,  //@ if units.bnn.residual
  input  wire                   affine_i,  //@ if units.bnn.residual
  // operands
  input  wire                   load_i,          // dense: every lane takes all of load_data_i
  input  wire  [8*Simd-1:0]     load_data_i,
  input  wire                   shift_i,         // window: slots move down by Ports,
  input  wire                   shift_one_i,     // or by one
  input  wire  [Ports-1:0]      shift_rows_i,    // lane l takes byte l of these vectors
  input  wire  [8*Lanes*Ports-1:0] shift_data_i,
  input  wire                   swap_i,          // weights take over the shadow register
  //@ if units.float
  // formats (docs/machine.md, 4.9); they stay until sums have been written
  input  wire  [1:0]            format_a_i,
  input  wire  [1:0]            format_w_i,
  //@ endif
  //@ if units.bnn.enabled
  // bits: the row on row_data_o holds gates; sums of the fired position meet them; operands of the
  // second plane go only to lanes whose sum exceeded its gate
  input  wire                   gate_we_i,
  input  wire  [GateW-1:0]      gate_row_i,
  input  wire                   binary_i,
  input  wire                   gated_i,
  input  wire                   second_i,        // load_i is of the second plane, of acc_index_i
  input  wire  [Simd-1:0]       fire_valid_i,
  input  wire  [10:0]           fire_bits_i,     // 8 times the number of valid bytes
  input  wire                   fire_double_i,   // the first plane's sum: keep twice of it
  // second pass over a window: steps in which each lane takes its own position of a block
  input  wire                   skip_pass_i,
  input  wire                   skip_step_i,
  input  wire                   skip_begin_i,    // the block's first step
  input  wire  [IndexW-1:0]     skip_index_i,    // its first position
  input  wire  [SizeW-1:0]      skip_count_i,    // positions
  output wire                   skip_more_o,     // another step is needed after this one
  input  wire  [SkipVectorW*SkipWindow-1:0] skip_vectors_i,  // in the cycle after a step
  //@ endif
  // accumulation
  input  wire                   acc_read_i,
  input  wire                   acc_half_i,
  input  wire  [IndexW-1:0]     acc_index_i,
  input  wire                   fire_i,
  input  wire                   fire_clear_i,    // overwrite instead of add
  input  wire                   fire_digit_i,    // add to 256 times the sum
  input  wire                   fire_half_i,
  input  wire  [IndexW-1:0]     fire_index_i,
  // drain of the other half: sums in the cycle after drain_read_i, held until the next one
  input  wire                   drain_read_i,
  input  wire                   drain_half_i,
  input  wire  [IndexW-1:0]     drain_index_i,
  output wire  [SumBits*Lanes-1:0] drain_sums_o
);
  localparam int unsigned SumW       = SumBits * Lanes;
  localparam int unsigned TileLanes  = 16;
  localparam int unsigned Tiles      = (Lanes + TileLanes - 1) / TileLanes;

  if (Lanes < 1 || Lanes > 128 || Simd < 1 || Simd > 64 || Accumulators < 2 ||
      Accumulators > 256) begin : gen_bad_shape
    $error("npu_core: Lanes must be 1..128, Simd 1..64 and Accumulators 2..256");
  end
  if (npu_isa_pkg::PackedWeightBits != 4 || npu_isa_pkg::OperandBits != 8) begin : gen_bad_format
    $error("npu_core: packed weights are halves of bytes");
  end
  if ((RowBytes & (RowBytes - 1)) != 0 || MemBytes % RowBytes != 0 || MemBytes > 8388608 ||
      RowBytes < 2) begin : gen_bad_memory
    $error("npu_core: rows must be a power of two and fill the memory");
  end

  //@ if units.bnn.enabled
  localparam int unsigned Copies   = (SkipWindow > 1) ? Lanes : 1;
  localparam int unsigned AccParts = Copies;  // sums that have an address of their own
  logic                       add_double;
  //@ endif
  //@ unless units.bnn.enabled: localparam int unsigned AccParts = 1;
  // Entries that are read, and those that sums are written to.
  logic                       read_sums, read_half, add_clear, add_digit, add_half;
  logic [AccParts-1:0]        add_lane;
  logic [IndexW*AccParts-1:0] read_index, add_index;

  logic [SumW-1:0]   sum_in, sum_out, sum_write;
  logic [2*SumW-1:0] half_data;
  logic              fire_from_half_q, drain_from_half_q;

  // Core memory.
  logic [RowBytes-1:0] write_strb;
  logic [RowW-1:0]     mem_row;
  logic [8*RowBytes-1:0] write_data;

  //@ if npu.memory_clear
  wire wipe_memory       = wipe_i && 32'(wipe_row_i) < Rows;
  wire wipe_accumulators = wipe_i && 32'(wipe_row_i) < Accumulators;
  assign write_strb = wipe_memory ? '1 : row_write_i ? write_strb_i : '0;
  assign mem_row    = wipe_memory ? wipe_row_i[RowW-1:0] : row_read_i ? row_addr_i : write_row_i;
  assign write_data = wipe_memory ? '0 : write_data_i;
  //@ endif
  //@ unless npu.memory_clear: assign write_strb = row_write_i ? write_strb_i : '0;
  //@ unless npu.memory_clear: assign mem_row    = row_read_i ? row_addr_i : write_row_i;
  //@ unless npu.memory_clear: assign write_data = write_data_i;

  for (genvar b = 0; b < Banks; b++) begin : gen_bank
    npu_ram_1rw #(
      .Bytes(BankBytes),
      .Depth(Rows)
    ) u_ram (
      .clk_i,
      .en_i   (row_read_i || write_strb[b*BankBytes+:BankBytes] != '0),
      .be_i   (write_strb[b*BankBytes+:BankBytes]),
      .addr_i (mem_row),
      .wdata_i(write_data[8*b*BankBytes+:8*BankBytes]),
      .rdata_o(row_data_o[8*b*BankBytes+:8*BankBytes])
    );
  end

  // Weight shadow register and parameter records.
  logic [8*SliceRows*RowBytes-1:0] shadow_q;
  logic [8*ParamRows*RowBytes-1:0] records_q;

  logic [8*RowBytes-1:0] even_row, odd_row, even_signs, odd_signs;
  assign even_signs = row_data_o & {RowBytes{8'h08}};
  assign odd_signs  = row_data_o & {RowBytes{8'h80}};
  always_comb begin
    even_row = row_data_o;
    odd_row  = row_data_o;
    if (packed_i) begin
      even_row = (row_data_o & {RowBytes{8'h0f}}) | (even_signs << 1) | (even_signs << 2) |
                 (even_signs << 3) | (even_signs << 4);
      odd_row  = ((row_data_o >> 4) & {RowBytes{8'h0f}}) | odd_signs | (odd_signs >> 1) |
                 (odd_signs >> 2) | (odd_signs >> 3);
    end
  end
  for (genvar r = 0; r < SliceRows; r++) begin : gen_shadow
    always_ff @(posedge clk_i) begin
      if (shadow_we_i && shadow_row_i == (packed_i ? SliceW'(r / 2) : SliceW'(r))) begin
        shadow_q[8*r*RowBytes+:8*RowBytes] <= (r % 2 == 0) ? even_row : odd_row;
      end
    end
  end
  // Records stay for many positions, and much hangs on them: they have a clock of their own.
  wire record_clk;
  npu_clock_gate u_record_gate (
    .clk_i,
    .enable_i(record_we_i),
    .clk_o   (record_clk)
  );
  for (genvar r = 0; r < ParamRows; r++) begin : gen_records
    always_ff @(posedge record_clk) begin
      if (record_we_i && record_row_i == ParamW'(r)) begin
        records_q[8*r*RowBytes+:8*RowBytes] <= row_data_o;
      end
    end
  end
  assign records_o = records_q[RecordBits*Lanes-1:0];
  assign affine_records_o = records_q[AffineBits*Lanes-1:0];  //@ if units.bnn.residual

  //@ if units.bnn.enabled
  // Gates, and which lanes of each position take part in the second plane.
  logic [8*GateRows*RowBytes-1:0] gates_q;
  logic [Lanes-1:0]               passes_q [Accumulators];
  logic [Lanes-1:0]               passes, load_lanes, active_q;

  for (genvar r = 0; r < GateRows; r++) begin : gen_gates
    always_ff @(posedge clk_i) begin
      if (gate_we_i && gate_row_i == GateW'(r)) begin
        gates_q[8*r*RowBytes+:8*RowBytes] <= row_data_o;
      end
    end
  end
  always_comb begin
    passes = '1;
    if (add_double && gated_i) begin
      for (int unsigned gate = 0; gate < Lanes; gate++) begin
        passes[gate] = $signed(sum_out[SumBits*gate+:SumBits]) >
                       $signed(gates_q[SumBits*gate+:SumBits]);
      end
    end
  end
  assign load_lanes = skip_pass_q ? picked_q : (second_i && gated_i) ? passes_q[acc_index_i] : '1;
  always_ff @(posedge clk_i) begin
    // No lane has an entry of its own then.
    if (add_lane[0] && add_double) passes_q[add_index[IndexW-1:0]] <= passes;
    if (load_i) active_q <= load_lanes;
  end

  // Steps over a window: each lane's next position.
  logic                     skip_pass_q;
  logic [Lanes-1:0]         picked_q;
  logic [IndexW*Copies-1:0] pick_index_q, fire_pick_q;
  logic [8*Simd*Copies-1:0] own_data;
  logic [Simd*Copies-1:0]   own_valid_q, own_valid, valid;
  logic [11*Copies-1:0]     own_bits_q, own_bits, bits;

  if (SkipWindow > 1) begin : gen_skip
    logic [SkipWindow*Lanes-1:0] waiting, waiting_q, left;
    logic [SkipW*Lanes-1:0]      pick, pick_q;
    logic [Lanes-1:0]            picked;
    logic [SkipVectorW-1:0]      own_vector;

    always_comb begin
      waiting = waiting_q;
      left    = '0;
      pick    = '0;
      picked  = '0;
      if (skip_pass_i) begin
        for (int unsigned place = 0; place < SkipWindow; place++) begin
          if (skip_begin_i) begin
            for (int unsigned lane = 0; lane < Lanes; lane++) begin
              waiting[SkipWindow*lane+place] = SizeW'(place) < skip_count_i &&
                                               passes_q[skip_index_i+IndexW'(place)][lane];
            end
          end
        end
        left = waiting;
        for (int unsigned lane = 0; lane < Lanes; lane++) begin
          for (int unsigned place = 0; place < SkipWindow; place++) begin
            if (!picked[lane] && waiting[SkipWindow*lane+place]) begin
              picked[lane]                 = 1'b1;
              pick[SkipW*lane+:SkipW]      = SkipW'(place);
              left[SkipWindow*lane+place] = 1'b0;
            end
          end
        end
      end
    end
    assign skip_more_o = left != '0;

    always_ff @(posedge clk_i) begin
      if (skip_step_i) begin
        waiting_q <= left;
        pick_q    <= pick;
        picked_q  <= picked;
        for (int unsigned lane = 0; lane < Lanes; lane++) begin
          pick_index_q[IndexW*lane+:IndexW] <= skip_index_i + IndexW'(pick[SkipW*lane+:SkipW]);
        end
      end
      skip_pass_q <= skip_step_i;
      if (acc_read_i) fire_pick_q <= pick_index_q;
    end

    always_comb begin
      own_vector = '0;
      own_data   = '0;
      own_valid  = '0;
      own_bits   = '0;
      if (skip_pass_q) begin
        for (int unsigned lane = 0; lane < Lanes; lane++) begin
          own_vector = '0;
          for (int unsigned place = 0; place < SkipWindow; place++) begin
            own_vector = own_vector | (skip_vectors_i[SkipVectorW*place+:SkipVectorW] &
                                       {SkipVectorW{pick_q[SkipW*lane+:SkipW] == SkipW'(place)}});
          end
          own_data[8*Simd*lane+:8*Simd] = own_vector[8*Simd-1:0];
          own_valid[Simd*lane+:Simd]    = own_vector[8*Simd+:Simd];
          own_bits[11*lane+:11]         = 11'({own_vector[SkipVectorW-1-:BytesW], 3'd0});
        end
      end
    end
  end else begin : gen_lockstep
    assign skip_more_o  = 1'b0;
    assign skip_pass_q  = 1'b0;
    assign picked_q     = '0;
    assign pick_index_q = '0;
    assign fire_pick_q  = '0;
    assign own_data     = '0;
    assign own_valid    = '0;
    assign own_bits     = '0;
    wire unused_skip = ^{skip_pass_i, skip_step_i, skip_begin_i, skip_index_i, skip_count_i,
                           skip_vectors_i};
  end

  logic fire_own_q;
  always_ff @(posedge clk_i) begin
    fire_own_q <= load_i && skip_pass_q;
    if (load_i) begin
      own_valid_q <= own_valid;
      own_bits_q  <= own_bits;
    end
  end
  assign valid = fire_own_q ? own_valid_q : {Copies{fire_valid_i}};
  assign bits  = fire_own_q ? own_bits_q : {Copies{fire_bits_i}};

  // Every lane's entry, and whether it is written.
  logic [IndexW*AccParts-1:0] acc_index, fire_index;
  logic [AccParts-1:0]        fire_lane;
  for (genvar a = 0; a < AccParts; a++) begin : gen_entry
    assign acc_index[IndexW*a+:IndexW]  = skip_pass_q ? pick_index_q[IndexW*a+:IndexW]
                                                      : acc_index_i;
    assign fire_index[IndexW*a+:IndexW] = fire_own_q ? fire_pick_q[IndexW*a+:IndexW]
                                                     : fire_index_i;
    assign fire_lane[a]                 = fire_i && (!fire_own_q || active_q[a]);
  end
  //@ endif

  //@ unless units.bnn.enabled: wire [IndexW-1:0] acc_index  = acc_index_i;
  //@ unless units.bnn.enabled: wire [IndexW-1:0] fire_index = fire_index_i;
  //@ unless units.bnn.enabled: wire [0:0]        fire_lane  = fire_i;

  npu_sum_stages #(
    .Stages(Stages),
    .Parts (AccParts),
    .IndexW(IndexW)
  ) u_stages (
    .clk_i,
    .acc_read_i,
    .acc_half_i,
    .acc_index_i  (acc_index),
    .fire_i,
    .fire_lane_i  (fire_lane),
    .fire_clear_i,
    .fire_digit_i,
    .fire_half_i,
    .fire_index_i (fire_index),
    //@ if units.bnn.enabled
    .fire_double_i,
    .add_double_o (add_double),
    //@ endif
    .read_o       (read_sums),
    .read_half_o  (read_half),
    .read_index_o (read_index),
    .add_clear_o  (add_clear),
    .add_digit_o  (add_digit),
    .write_lane_o (add_lane),
    .write_half_o (add_half),
    .write_index_o(add_index)
  );

  // Lanes.
  for (genvar t = 0; t < Tiles; t++) begin : gen_tile
    localparam int unsigned First = t * TileLanes;
    localparam int unsigned Count = (Lanes - First < TileLanes) ? Lanes - First : TileLanes;
    localparam int unsigned TileCopies = (SkipWindow > 1) ? Count : 1;  //@ if units.bnn.enabled
    logic [8*Count*Ports-1:0] shift_data;
    for (genvar p = 0; p < Ports; p++) begin : gen_port
      assign shift_data[8*Count*p+:8*Count] = shift_data_i[8*(Lanes*p+First)+:8*Count];
    end
    npu_dot_tile #(
      .Lanes(Count),
      .Simd (Simd),
      .Stages(Stages),
      .Copies(TileCopies),  //@ if units.bnn.enabled
      .Ports(Ports)
    ) u_tile (
      .clk_i,
      .load_i,
      .load_data_i,
      .shift_i,
      .shift_one_i,
      .shift_rows_i,
      .shift_data_i(shift_data),
      .swap_i,
      .weights_i   (shadow_q[8*First*Simd+:8*Count*Simd]),
      //@ if units.bnn.enabled
      .load_lanes_i(load_lanes[First+:Count]),
      .own_i       (skip_pass_q),
      .own_data_i  (own_data[8*Simd*(First%Copies)+:8*Simd*TileCopies]),
      .binary_i,
      .valid_i     (valid[Simd*(First%Copies)+:Simd*TileCopies]),
      .bits_i      (bits[11*(First%Copies)+:11*TileCopies]),
      .active_i    (active_q[First+:Count]),
      //@ endif
      //@ if units.float
      .format_a_i, .format_w_i,
      //@ endif
      .fire_i,
      .sum_i       (sum_in[SumBits*First+:SumBits*Count]),
      .sum_o       (sum_out[SumBits*First+:SumBits*Count])
    );
  end

  // Accumulators: each half is its own memory, so that one drains while the other accumulates. With
  // a window of positions to skip every lane has an address of its own.
  for (genvar a = 0; a < AccParts; a++) begin : gen_accumulators
    localparam int unsigned PartW = SumW / AccParts;
    for (genvar h = 0; h < 2; h++) begin : gen_half
      wire drain = drain_read_i && drain_half_i == 1'(h);
      npu_ram_1r1w #(
        .Width(PartW),
        .Depth(Accumulators)
      ) u_half (
        .clk_i,
        //@ if npu.memory_clear
        .we_i   ((add_lane[a] && add_half == 1'(h)) || wipe_accumulators),
        .waddr_i(wipe_accumulators ? wipe_row_i[IndexW-1:0] : add_index[IndexW*a+:IndexW]),
        .wdata_i(wipe_accumulators ? '0 : sum_write[PartW*a+:PartW]),
        //@ endif
        //@ unless npu.memory_clear: .we_i   (add_lane[a] && add_half == 1'(h)),
        //@ unless npu.memory_clear: .waddr_i(add_index[IndexW*a+:IndexW]),
        //@ unless npu.memory_clear: .wdata_i(sum_write[PartW*a+:PartW]),
        .re_i   ((read_sums && read_half == 1'(h)) || drain),
        .raddr_i(drain ? drain_index_i : read_index[IndexW*a+:IndexW]),
        .rdata_o(half_data[SumW*h+PartW*a+:PartW])
      );
    end
  end

  always_ff @(posedge clk_i) begin
    if (read_sums) fire_from_half_q <= read_half;
    if (drain_read_i) drain_from_half_q <= drain_half_i;
  end

  always_comb begin
    sum_in = add_clear ? '0 : fire_from_half_q ? half_data[2*SumW-1:SumW] : half_data[SumW-1:0];
    if (add_digit) begin
      for (int unsigned n = 0; n < Lanes; n++) begin
        sum_in[SumBits*n+:SumBits] = {sum_in[SumBits*n+:SumBits-8], 8'd0};
      end
    end
  end
  always_comb begin
    sum_write = sum_out;
    //@ if units.bnn.enabled
    if (add_double) begin
      for (int unsigned n = 0; n < Lanes; n++) begin
        sum_write[SumBits*n+:SumBits] = {sum_out[SumBits*n+:SumBits-1], 1'b0};
      end
    end
    //@ endif
    //@ if units.bnn.residual
    if (add_double && affine_i) begin
      for (int unsigned n = 0; n < Lanes; n++) begin
        sum_write[SumBits*n+:SumBits] = {sum_out[SumBits*n+:SumBits/2], 16'd0};
      end
    end
    //@ endif
  end
  assign drain_sums_o = drain_from_half_q ? half_data[2*SumW-1:SumW] : half_data[SumW-1:0];

  wire unused_bits = ^{shadow_q, records_q};
  wire unused_gates = ^gates_q;  //@ if units.bnn.enabled
endmodule : npu_core
`default_nettype wire

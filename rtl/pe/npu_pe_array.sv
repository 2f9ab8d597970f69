`default_nettype none
// SPDX-License-Identifier: Apache-2.0
// PE array: a grid of processing elements on one command broadcast and one bus side.
//
// A bus write goes to every PE of its mask; each takes it when its memory is free, and the write
// completes when the last one has. PE p is in column p mod GridX, row p / GridX.
module npu_pe_array #(
  parameter int unsigned GridX        = 1,       //@ = npu.grid.x  -- PE columns
  parameter int unsigned GridY        = 1,       //@ = npu.grid.y  -- PE rows
  parameter int unsigned PeMemBytes   = 131072,  //@ = pe.memory  -- bytes of PE memory
  parameter int unsigned PeBanks      = 8,       //@ = pe.banks
  parameter int unsigned PeWordBytes  = 16,      //@ = pe.bank_width
  parameter int unsigned Cores        = 1,       //@ = pe.cores  -- 1..16
  parameter int unsigned CoreMemBytes = 65536,   //@ = core.memory  -- bytes of each core memory
  parameter int unsigned CoreBanks    = 4,       //@ = core.banks
  parameter int unsigned CoreBankBytes = 16,     //@ = core.bank_width
  parameter int unsigned Lanes        = 16,      //@ = core.lanes  -- per core
  parameter int unsigned Simd         = 16,      //@ = lane.simd
  parameter int unsigned Stages       = 1,       //@ = lane.stages
  parameter int unsigned Accumulators = 16,      //@ = core.accumulators
  parameter int unsigned PostWidth    = 16,      //@ = units.postprocess_width
  parameter int unsigned LookupPorts  = 4,       //@ = units.lookup_ports
  parameter int unsigned WindowPorts  = 4,       //@ = units.window_ports
  parameter int unsigned BusBytes     = 16,      //@ = npu.axi.bytes
  parameter int unsigned QueueDepth   = 4,       //@ = npu.command_queue
  parameter int unsigned Barriers     = 16,      //@ = npu.barriers
  localparam int unsigned Pes         = GridX * GridY,
  localparam int unsigned PeW         = (Pes > 1) ? $clog2(Pes) : 1,
  localparam int unsigned CountsW     = Barriers * npu_isa_pkg::BarrierCountBits,
  localparam int unsigned StatusW     = npu_isa_pkg::EngineStatusBits,
  localparam int unsigned ErrorW      = npu_isa_pkg::EngineErrorBits,
  localparam int unsigned TraceW      = npu_isa_pkg::EngineTraceBits
) (
  input  wire                   clk_i,
  input  wire                   rst_ni,
  input  wire                   clear_i,
  //@ if npu.memory_clear
  input  wire                   wipe_i,       // with clear_i: write 0 to this row of the memories
  input  wire  [23:0]           wipe_row_i,
  //@ endif
  input  wire                   halt_i,
  // command entries: one valid and ready per PE
  input  wire  [Pes-1:0]        push_valid_i,
  output wire  [Pes-1:0]        push_ready_o,
  input  wire  [127:0]          push_entry_i,
  input  wire                   push_last_i,
  input  wire  [CountsW-1:0]    barrier_counts_i,
  // of each PE, PE 0 in the low bits: engine_status_t, engine_error_t and engine_trace_t
  output logic [StatusW*Pes-1:0] status_o,
  output wire  [ErrorW*Pes-1:0] error_o,
  output wire  [TraceW*Pes-1:0] trace_o,
  // bus side
  input  wire                   bus_write_valid_i,
  output wire                   bus_write_ready_o,
  input  wire                   bus_write_core_i,
  input  wire  [23:0]           bus_write_addr_i,      // of PE memory: npu_bus_place
  input  wire  [8*BusBytes-1:0] bus_write_data_i,
  input  wire  [BusBytes-1:0]   bus_write_strb_i,
  input  wire  [Pes-1:0]        bus_write_pe_mask_i,
  input  wire  [15:0]           bus_write_core_mask_i,
  input  wire                   bus_read_valid_i,
  output wire                   bus_read_ready_o,
  input  wire  [23:0]           bus_read_addr_i,       // npu_bus_place
  input  wire  [PeW-1:0]        bus_read_pe_i,
  output wire                   bus_read_rvalid_o,
  output logic [8*BusBytes-1:0] bus_read_data_o
);
  if (GridX < 1 || GridY < 1 || Pes > 32) begin : gen_bad
    $error("npu_pe_array: the grid must have 1 to 32 PEs");
  end

  logic [Pes-1:0]            write_valid, write_ready, read_valid, read_ready, read_rvalid;
  logic [8*BusBytes*Pes-1:0] read_data;

  // Which targets have taken the present write already.
  logic [Pes-1:0] taken_q;
  assign write_valid       = bus_write_valid_i ? bus_write_pe_mask_i & ~taken_q : '0;
  assign bus_write_ready_o = (bus_write_pe_mask_i & ~taken_q & ~write_ready) == '0;
  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i || (bus_write_valid_i && bus_write_ready_o)) taken_q <= '0;
    else taken_q <= taken_q | (write_valid & write_ready);
  end

  assign bus_read_ready_o  = |(read_valid & read_ready);
  assign bus_read_rvalid_o = |read_rvalid;
  always_comb begin
    bus_read_data_o = '0;
    for (int unsigned p = 0; p < Pes; p++) begin
      if (read_rvalid[p]) bus_read_data_o = bus_read_data_o | read_data[8*BusBytes*p+:8*BusBytes];
    end
  end

  // Every PE is the same module; where it stands makes the barrier that it arrives at its own.
  logic [StatusW*Pes-1:0]      status;
  npu_isa_pkg::engine_status_t placed;
  always_comb begin
    for (int unsigned p = 0; p < Pes; p++) begin
      placed = status[StatusW*p+:StatusW];
      placed.barrier = placed.barrier + 6'(p);
      status_o[StatusW*p+:StatusW] = placed;
    end
  end

  for (genvar p = 0; p < Pes; p++) begin : gen_pe
    assign read_valid[p] = bus_read_valid_i && bus_read_pe_i == PeW'(p);

    npu_pe #(
      .PeMemBytes   (PeMemBytes),
      .PeBanks      (PeBanks),
      .PeWordBytes  (PeWordBytes),
      .Cores        (Cores),
      .CoreMemBytes (CoreMemBytes),
      .CoreBanks    (CoreBanks),
      .CoreBankBytes(CoreBankBytes),
      .Lanes        (Lanes),
      .Simd         (Simd),
      .Stages       (Stages),
      .Accumulators (Accumulators),
      .PostWidth    (PostWidth),
      .LookupPorts  (LookupPorts),
      .Ports        (WindowPorts),
      .BusBytes     (BusBytes),
      .QueueDepth   (QueueDepth),
      .Barriers     (Barriers)
    ) u_pe (
      .clk_i,
      .rst_ni,
      .clear_i,
      //@ if npu.memory_clear
      .wipe_i,
      .wipe_row_i,
      //@ endif
      .halt_i,
      .push_valid_i     (push_valid_i[p]),
      .push_ready_o     (push_ready_o[p]),
      .push_entry_i,
      .push_last_i,
      .barrier_counts_i,
      .status_o         (status[StatusW*p+:StatusW]),
      .error_o          (error_o[ErrorW*p+:ErrorW]),
      .trace_o          (trace_o[TraceW*p+:TraceW]),
      .bus_write_valid_i(write_valid[p]),
      .bus_write_ready_o(write_ready[p]),
      .bus_write_core_i,
      .bus_write_addr_i,
      .bus_write_data_i,
      .bus_write_strb_i,
      .bus_write_core_mask_i(bus_write_core_mask_i[Cores-1:0]),
      .bus_read_valid_i (read_valid[p]),
      .bus_read_ready_o (read_ready[p]),
      .bus_read_addr_i,
      .bus_read_rvalid_o(read_rvalid[p]),
      .bus_read_data_o  (read_data[8*BusBytes*p+:8*BusBytes])
    );
  end

  logic unused_cores;
  assign unused_cores = ^bus_write_core_mask_i;
endmodule : npu_pe_array
`default_nettype wire

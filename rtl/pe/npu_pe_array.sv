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
  parameter int unsigned Accumulators = 16,      //@ = core.accumulators
  parameter int unsigned PostWidth    = 16,      //@ = units.postprocess_width
  parameter int unsigned LookupPorts  = 4,       //@ = units.lookup_ports
  parameter int unsigned WindowPorts  = 4,       //@ = units.window_ports
  parameter int unsigned BusBytes     = 16,      //@ = npu.axi.bytes
  parameter int unsigned QueueDepth   = 4,       //@ = npu.command_queue
  parameter int unsigned Barriers     = 16,      //@ = npu.barriers
  localparam int unsigned Pes         = GridX * GridY,
  localparam int unsigned PeW         = (Pes > 1) ? $clog2(Pes) : 1,
  localparam int unsigned CountsW     = Barriers * npu_isa_pkg::BarrierCountBits
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
  // state of each PE
  output wire  [Pes-1:0]        busy_o,
  output wire  [Pes-1:0]        waiting_o,
  output wire  [Pes-1:0]        blocked_o,
  output wire  [Pes-1:0]        empty_o,
  output wire  [Pes-1:0]        begin_o,
  output wire  [Pes-1:0]        running_o,
  output wire  [16*Pes-1:0]     tag_o,
  output wire  [4*Pes-1:0]      cause_o,
  // arrivals of each PE
  output wire  [Pes-1:0]        signal_valid_o,
  output wire  [6*Pes-1:0]      signal_id_o,
  // errors of each PE
  output wire  [Pes-1:0]        error_valid_o,
  output wire  [8*Pes-1:0]      error_code_o,
  output wire  [16*Pes-1:0]     error_tag_o,
  output wire  [25*Pes-1:0]     error_address_o,
  // bus side
  input  wire                   bus_write_valid_i,
  output wire                   bus_write_ready_o,
  input  wire                   bus_write_core_i,
  input  wire  [23:0]           bus_write_addr_i,
  input  wire  [8*BusBytes-1:0] bus_write_data_i,
  input  wire  [BusBytes-1:0]   bus_write_strb_i,
  input  wire  [Pes-1:0]        bus_write_pe_mask_i,
  input  wire  [15:0]           bus_write_core_mask_i,
  input  wire                   bus_read_valid_i,
  output wire                   bus_read_ready_o,
  input  wire  [23:0]           bus_read_addr_i,
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

  for (genvar p = 0; p < Pes; p++) begin : gen_pe
    // Every PE is the same module; where it stands makes the barrier that it arrives at its own.
    logic [5:0] signal_id;

    assign read_valid[p] = bus_read_valid_i && bus_read_pe_i == PeW'(p);
    assign signal_id_o[6*p+:6] = signal_id + 6'(p);

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
      .busy_o           (busy_o[p]),
      .waiting_o        (waiting_o[p]),
      .blocked_o        (blocked_o[p]),
      .empty_o          (empty_o[p]),
      .begin_o          (begin_o[p]),
      .running_o        (running_o[p]),
      .tag_o            (tag_o[16*p+:16]),
      .cause_o          (cause_o[4*p+:4]),
      .signal_valid_o   (signal_valid_o[p]),
      .signal_id_o      (signal_id),
      .error_valid_o    (error_valid_o[p]),
      .error_code_o     (error_code_o[8*p+:8]),
      .error_tag_o      (error_tag_o[16*p+:16]),
      .error_address_o  (error_address_o[25*p+:25]),
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

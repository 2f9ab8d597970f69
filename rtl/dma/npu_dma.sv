`default_nettype none
// SPDX-License-Identifier: Apache-2.0
// The two DMA engines and what they share: the read port of the PE memories (LOAD with a local
// source, STORE).
`include "npu_assert.svh"
module npu_dma #(
  parameter int unsigned BusBytes         = 16,      //@ = npu.axi.bytes  -- beat bytes: 4 .. 64
  parameter int unsigned AddrW            = 40,      //@ = npu.axi.address_width  -- 32..64 bits
  parameter int unsigned Outstanding      = 8,       //@ = npu.axi.outstanding  -- bursts in flight
  parameter int unsigned GridX            = 4,       //@ = npu.grid.x  -- PE columns
  parameter int unsigned GridY            = 4,       //@ = npu.grid.y  -- PE rows; at most 32 PEs
  parameter int unsigned Cores            = 4,       //@ = pe.cores  -- cores per PE, 1..16
  parameter int unsigned PeMemBytes       = 131072,  //@ = pe.memory  -- bytes of a PE memory
  parameter int unsigned PeBanks          = 8,       //@ = pe.banks
  parameter int unsigned PeWordBytes      = 16,      //@ = pe.bank_width
  parameter int unsigned CoreMemBytes     = 65536,   //@ = core.memory  -- bytes of a core memory
  parameter int unsigned ParameterBuffer  = 64,      //@ = controller.parameter_buffer  -- beats
  parameter int unsigned ActivationBuffer = 64,      //@ = controller.activation_buffer  -- beats
  parameter int unsigned MaxBurst         = 32,      //@ = npu.axi.burst  -- beats of a burst
  parameter int unsigned Barriers         = 34,      //@ = npu.barriers
  localparam int unsigned NumPes = GridX * GridY,
  localparam int unsigned PeW    = (NumPes > 1) ? $clog2(NumPes) : 1,
  localparam int unsigned CountsW = Barriers * npu_isa_pkg::BarrierCountBits
) (
  input  wire                   clk_i,
  input  wire                   rst_ni,
  input  wire                   clear_i,               // as reset; only while quiet_o
  input  wire                   halt_i,                // issue no new burst, finish those under way
  //@ if npu.axi.watchdog
  // bit 0: LOAD, bit 1: STORE
  input  wire  [1:0]            bus_expired_i,         // pulses: the bus does not answer
  output wire  [1:0]            bus_waiting_o,         // bursts are outstanding
  output wire  [1:0]            bus_moved_o,           // one of its channels moves
  output wire                   store_forget_o,        // no STORE may begin: npu_epochs
  //@ endif
  output wire                   quiet_o,               // no burst and no memory read outstanding
  input  wire  [CountsW-1:0]    barrier_counts_i,      // barrier 0 in the low bits
  // command queues; LOADs come before their waits hold
  input  wire                   load_cmd_valid_i,
  input  wire                   load_cmd_released_i,   // its waits hold
  output wire                   load_cmd_ready_o,
  input  wire  [28*32-1:0]      load_cmd_i,            // npu_isa_pkg::dma_command_t
  input  wire                   store_cmd_valid_i,
  output wire                   store_cmd_ready_o,
  input  wire  [28*32-1:0]      store_cmd_i,
  // state of the engines, for npu_engine_queue
  output npu_isa_pkg::engine_status_t load_status_o,
  output npu_isa_pkg::engine_error_t  load_error_o,
  output wire  [23:0]           load_amount_o,         // that an arrival of LOAD counts
  output wire                   load_release_o,        // pulse: the waits of a LOAD taken hold
  output wire                   load_done_o,           // pulse: a LOAD is complete
  output npu_isa_pkg::engine_status_t store_status_o,
  output npu_isa_pkg::engine_error_t  store_error_o,
  output wire                   store_done_o,          // pulse: a STORE is complete
  // for the counters: a beat was read; strobed bytes of the beat written in this cycle
  output wire                   read_beat_o,
  output wire  [7:0]            write_bytes_o,
  // memory windows
  input  wire  [4*64-1:0]       window_base_i,
  input  wire  [4*32-1:0]       window_size_i,
  input  wire  [4*32-1:0]       window_flags_i,        // bit 0: read, bit 1: write
  // bus reads, to npu_axi_read_mux
  output wire                   load_ar_valid_o,
  input  wire                   load_ar_ready_i,
  output wire  [AddrW-1:0]      load_ar_addr_o,
  output wire  [7:0]            load_ar_len_o,
  input  wire                   load_r_valid_i,
  output wire                   load_r_ready_o,
  input  wire  [8*BusBytes-1:0] load_r_data_i,
  input  wire  [1:0]            load_r_resp_i,
  input  wire                   load_r_last_i,
  // bus writes
  output wire                   m_axi_awvalid_o,
  input  wire                   m_axi_awready_i,
  output wire  [1:0]            m_axi_awid_o,
  output wire  [AddrW-1:0]      m_axi_awaddr_o,
  output wire  [7:0]            m_axi_awlen_o,
  output wire  [2:0]            m_axi_awsize_o,
  output wire  [1:0]            m_axi_awburst_o,
  output wire                   m_axi_wvalid_o,
  input  wire                   m_axi_wready_i,
  output wire  [8*BusBytes-1:0] m_axi_wdata_o,
  output wire  [BusBytes-1:0]   m_axi_wstrb_o,
  output wire                   m_axi_wlast_o,
  input  wire                   m_axi_bvalid_i,
  output wire                   m_axi_bready_o,
  input  wire  [1:0]            m_axi_bid_i,
  input  wire  [1:0]            m_axi_bresp_i,
  // memory write
  output wire                   mem_wr_valid_o,
  input  wire                   mem_wr_ready_i,
  output wire                   mem_wr_core_o,         // 1: core memory
  output wire  [23:0]           mem_wr_addr_o,         // aligned; of PE memory: npu_bus_place
  output wire  [8*BusBytes-1:0] mem_wr_data_o,
  output wire  [BusBytes-1:0]   mem_wr_strb_o,
  output wire  [NumPes-1:0]     mem_wr_pe_mask_o,
  output wire  [15:0]           mem_wr_core_mask_o,
  // PE memory read; responses in order, at least one cycle after the grant, never stalled
  output wire                   mem_rd_valid_o,
  input  wire                   mem_rd_ready_i,
  output wire  [23:0]           mem_rd_addr_o,         // aligned: npu_bus_place
  output wire  [PeW-1:0]        mem_rd_pe_o,
  input  wire                   mem_rd_rvalid_i,
  input  wire  [8*BusBytes-1:0] mem_rd_rdata_i
);
  localparam int unsigned ReadsInFlight = 8;  // of both engines: the latency of a read and some

  logic           load_quiet, store_quiet;
  logic           load_rd_valid, store_rd_valid;
  logic [23:0]    load_rd_addr, store_rd_addr;
  logic [PeW-1:0] load_rd_pe, store_rd_pe;
  logic           choice;       // 0: load, 1: store
  logic           last_q;       // granted last
  logic           owner;        // of the next response
  logic           room, granted;
  logic           request_ready;  // the queue of requests has room
  logic           owner_valid;  // reads are under way
  logic [$clog2(ReadsInFlight + 1)-1:0] unused_owner_count;
  logic [1:0]     unused_request_count;

  npu_load #(
    .BusBytes        (BusBytes),
    .AddrW           (AddrW),
    .Outstanding     (Outstanding),
    .GridX           (GridX),
    .GridY           (GridY),
    .Cores           (Cores),
    .PeMemBytes      (PeMemBytes),
    .PeBanks         (PeBanks),
    .PeWordBytes     (PeWordBytes),
    .CoreMemBytes    (CoreMemBytes),
    .ParameterBuffer (ParameterBuffer),
    .ActivationBuffer(ActivationBuffer),
    .MaxBurst        (MaxBurst),
    .Barriers        (Barriers)
  ) u_load (
    .clk_i,
    .rst_ni,
    .clear_i,
    .cmd_valid_i       (load_cmd_valid_i),
    .cmd_ready_o       (load_cmd_ready_o),
    .cmd_released_i    (load_cmd_released_i),
    .cmd_i             (load_cmd_i),
    .barrier_counts_i,
    .halt_i,
    //@ if npu.axi.watchdog
    .timeout_i         (bus_expired_i[0]),
    //@ endif
    .quiet_o           (load_quiet),
    .status_o          (load_status_o),
    .error_o           (load_error_o),
    .amount_o          (load_amount_o),
    .release_o         (load_release_o),
    .done_o            (load_done_o),
    .window_base_i,
    .window_size_i,
    .window_flags_i,
    .ar_valid_o        (load_ar_valid_o),
    .ar_ready_i        (load_ar_ready_i),
    .ar_addr_o         (load_ar_addr_o),
    .ar_len_o          (load_ar_len_o),
    .r_valid_i         (load_r_valid_i),
    .r_ready_o         (load_r_ready_o),
    .r_data_i          (load_r_data_i),
    .r_resp_i          (load_r_resp_i),
    .r_last_i          (load_r_last_i),
    .mem_rd_valid_o    (load_rd_valid),
    .mem_rd_ready_i    (granted && !choice),
    .mem_rd_addr_o     (load_rd_addr),
    .mem_rd_pe_o       (load_rd_pe),
    .mem_rd_rvalid_i   (mem_rd_rvalid_i && !owner),
    .mem_rd_rdata_i,
    .mem_wr_valid_o,
    .mem_wr_ready_i,
    .mem_wr_core_o,
    .mem_wr_addr_o,
    .mem_wr_data_o,
    .mem_wr_strb_o,
    .mem_wr_pe_mask_o,
    .mem_wr_core_mask_o
  );

  npu_store #(
    .BusBytes   (BusBytes),
    .AddrW      (AddrW),
    .Outstanding(Outstanding),
    .GridX      (GridX),
    .GridY      (GridY),
    .PeMemBytes (PeMemBytes),
    .MaxBurst   (MaxBurst)
  ) u_store (
    .clk_i,
    .rst_ni,
    .clear_i,
    .cmd_valid_i    (store_cmd_valid_i),
    .cmd_ready_o    (store_cmd_ready_o),
    .cmd_i          (store_cmd_i),
    .halt_i,
    //@ if npu.axi.watchdog
    .timeout_i      (bus_expired_i[1]),
    .forget_o       (store_forget_o),
    //@ endif
    .quiet_o        (store_quiet),
    .status_o       (store_status_o),
    .error_o        (store_error_o),
    .done_o         (store_done_o),
    .window_base_i,
    .window_size_i,
    .window_flags_i,
    .mem_rd_valid_o (store_rd_valid),
    .mem_rd_ready_i (granted && choice),
    .mem_rd_addr_o  (store_rd_addr),
    .mem_rd_pe_o    (store_rd_pe),
    .mem_rd_rvalid_i(mem_rd_rvalid_i && owner),
    .mem_rd_rdata_i,
    .m_axi_awvalid_o,
    .m_axi_awready_i,
    .m_axi_awid_o,
    .m_axi_awaddr_o,
    .m_axi_awlen_o,
    .m_axi_awsize_o,
    .m_axi_awburst_o,
    .m_axi_wvalid_o,
    .m_axi_wready_i,
    .m_axi_wdata_o,
    .m_axi_wstrb_o,
    .m_axi_wlast_o,
    .m_axi_bvalid_i,
    .m_axi_bready_o,
    .m_axi_bid_i,
    .m_axi_bresp_i,
    .write_bytes_o
  );

  // The read port alternates when both ask; the owners of the reads in flight stand in order.
  npu_fifo #(
    .Width(1),
    .Depth(ReadsInFlight)
  ) u_owners (
    .clk_i,
    .rst_ni,
    .clear_i,
    .valid_i(granted),
    .ready_o(room),
    .data_i (choice),
    .valid_o(owner_valid),
    .ready_i(mem_rd_rvalid_i),
    .data_o (owner),
    .count_o(unused_owner_count)
  );

  assign choice  = store_rd_valid && (!load_rd_valid || !last_q);
  assign granted = (load_rd_valid || store_rd_valid) && room && request_ready;

  // Requests wait here for the memory, whose ready goes no further.
  logic [23:0] load_rd_place, store_rd_place;

  npu_bus_place #(
    .MemBytes (PeMemBytes),
    .Banks    (PeBanks),
    .WordBytes(PeWordBytes)
  ) u_load_place (
    .core_i (1'b0),
    .addr_i (load_rd_addr),
    .place_o(load_rd_place)
  );
  npu_bus_place #(
    .MemBytes (PeMemBytes),
    .Banks    (PeBanks),
    .WordBytes(PeWordBytes)
  ) u_store_place (
    .core_i (1'b0),
    .addr_i (store_rd_addr),
    .place_o(store_rd_place)
  );

  npu_head_fifo #(
    .Width(24 + PeW),
    .Depth(2)
  ) u_requests (
    .clk_i,
    .rst_ni,
    .clear_i,
    .valid_i((load_rd_valid || store_rd_valid) && room),
    .ready_o(request_ready),
    .data_i (choice ? {store_rd_pe, store_rd_place} : {load_rd_pe, load_rd_place}),
    .valid_o(mem_rd_valid_o),
    .ready_i(mem_rd_ready_i),
    .data_o ({mem_rd_pe_o, mem_rd_addr_o}),
    .count_o(unused_request_count)
  );

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i) last_q <= 1'b0;
    else if (granted) last_q <= choice;
  end

  //@ if npu.axi.watchdog
  assign bus_waiting_o = {!store_quiet, !load_quiet};
  assign bus_moved_o   = {(m_axi_awvalid_o && m_axi_awready_i) ||
                          (m_axi_wvalid_o && m_axi_wready_i) || m_axi_bvalid_i,
                          (load_ar_valid_o && load_ar_ready_i) || load_r_valid_i};
  //@ endif
  assign quiet_o     = load_quiet && store_quiet && !owner_valid;
  assign read_beat_o = load_r_valid_i && load_r_ready_o;

  // What PE memory answers was asked for.
  `NPU_ASSUME(ReadsAreAskedFor, !mem_rd_rvalid_i || owner_valid)

  // A read is granted only where its owner can be noted.
  `NPU_ASSERT(OwnerIsNoted, !granted || room)

  // What is written into the memories stays until it is taken.
  `NPU_ASSERT_STABLE(WriteStays, mem_wr_valid_o, mem_wr_ready_i,
                     {mem_wr_core_o, mem_wr_addr_o, mem_wr_data_o, mem_wr_strb_o,
                      mem_wr_pe_mask_o, mem_wr_core_mask_o}, clear_i)

  // What is shown to the bus stays until it is accepted.
  `NPU_ASSERT_STABLE(AwStays, m_axi_awvalid_o, m_axi_awready_i,
                     {m_axi_awaddr_o, m_axi_awlen_o, m_axi_awid_o})
  `NPU_ASSERT_STABLE(WStays, m_axi_wvalid_o, m_axi_wready_i,
                     {m_axi_wdata_o, m_axi_wstrb_o, m_axi_wlast_o})
endmodule : npu_dma
`default_nettype wire

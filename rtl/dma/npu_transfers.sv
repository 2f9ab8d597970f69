`default_nettype none
// SPDX-License-Identifier: Apache-2.0
// LOAD and STORE with their command queues, on one AXI4 port that the command fetch shares.
//
// Bit 0 of bus ids is 0 for the command fetch and STORE, 1 for LOAD.
//@ if npu.axi.watchdog
// Bit 1 is the epoch: answers for a machine that was reset since come with the other value.
//@ endif
module npu_transfers #(
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
  parameter int unsigned QueueDepth       = 4,       //@ = npu.command_queue  -- per engine
  parameter int unsigned Barriers         = 34,      //@ = npu.barriers
  localparam int unsigned NumPes     = GridX * GridY,
  localparam int unsigned PeW        = (NumPes > 1) ? $clog2(NumPes) : 1,
  localparam int unsigned CountsW    = Barriers * npu_isa_pkg::BarrierCountBits,
  localparam int unsigned DmaEntries = npu_isa_pkg::DmaCommandWords / 4
) (
  input  wire                   clk_i,
  input  wire                   rst_ni,
  input  wire                   clear_i,               // as reset; only while quiet_o
  input  wire                   halt_i,                // begin nothing, finish what is under way
  //@ if npu.axi.watchdog
  // bit 0: LOAD, bit 1: STORE
  input  wire  [1:0]            bus_expired_i,         // pulses: the bus does not answer
  output wire  [1:0]            bus_waiting_o,         // bursts are outstanding
  output wire  [1:0]            bus_moved_o,           // one of its channels moves
  output wire                   forget_o,              // no burst may begin: npu_epochs
  //@ endif
  output wire                   quiet_o,               // no transaction of LOAD and STORE
  input  wire  [CountsW-1:0]    barrier_counts_i,      // barrier 0 in the low bits
  // command entries from the dispatcher
  input  wire                   load_push_valid_i,
  output wire                   load_push_ready_o,
  input  wire                   store_push_valid_i,
  output wire                   store_push_ready_o,
  input  wire  [127:0]          push_entry_i,
  input  wire                   push_last_i,
  // for controller and trace
  output npu_isa_pkg::engine_status_t load_status_o,
  output npu_isa_pkg::engine_error_t  load_error_o,
  output npu_isa_pkg::engine_trace_t  load_trace_o,
  output wire  [23:0]           load_amount_o,         // that an arrival of LOAD counts
  output wire                   load_release_o,        // pulse: the waits of a LOAD taken hold
  output npu_isa_pkg::engine_status_t store_status_o,
  output npu_isa_pkg::engine_error_t  store_error_o,
  output npu_isa_pkg::engine_trace_t  store_trace_o,
  output wire                   read_beat_o,           // LOAD read a beat
  output wire  [7:0]            write_bytes_o,         // strobed bytes written in this cycle
  // memory windows of the job
  input  wire  [4*64-1:0]       job_base_i,
  input  wire  [4*32-1:0]       job_size_i,
  input  wire  [4*32-1:0]       job_flags_i,           // bit 0: read, bit 1: write
  // command fetch
  input  wire                   fetch_ar_valid_i,
  output wire                   fetch_ar_ready_o,
  input  wire  [AddrW-1:0]      fetch_ar_addr_i,
  input  wire  [7:0]            fetch_ar_len_i,
  output wire                   fetch_r_valid_o,
  input  wire                   fetch_r_ready_i,
  output wire  [8*BusBytes-1:0] fetch_r_data_o,
  output wire  [1:0]            fetch_r_resp_o,
  output wire                   fetch_r_last_o,
  // bus: AXI4, flat
  output wire                   m_axi_arvalid_o,
  input  wire                   m_axi_arready_i,
  output wire  [1:0]            m_axi_arid_o,
  output wire  [AddrW-1:0]      m_axi_araddr_o,
  output wire  [7:0]            m_axi_arlen_o,
  output wire  [2:0]            m_axi_arsize_o,
  output wire  [1:0]            m_axi_arburst_o,
  input  wire                   m_axi_rvalid_i,
  output wire                   m_axi_rready_o,
  input  wire  [1:0]            m_axi_rid_i,
  input  wire  [8*BusBytes-1:0] m_axi_rdata_i,
  input  wire  [1:0]            m_axi_rresp_i,
  input  wire                   m_axi_rlast_i,
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
  logic                      load_cmd_valid, load_cmd_released, load_cmd_ready, load_done;
  logic                      store_cmd_valid, store_cmd_ready, store_done;
  logic                      unused_store_cmd_released;
  logic [128*DmaEntries-1:0] load_cmd, store_cmd;
  npu_isa_pkg::engine_status_t load_engine, store_engine;  // without their queues

  //@ if npu.axi.watchdog
  logic read_forget, store_forget;
  assign forget_o = read_forget || store_forget;
  //@ endif

  npu_engine_queue #(
    .Entries      (DmaEntries),
    .Used         (npu_isa_pkg::DmaCommandUsed),
    .Depth        (QueueDepth),
    .Barriers     (Barriers),
    .WaitsInEngine(1'b1)
  ) u_load_queue (
    .clk_i,
    .rst_ni,
    .clear_i,
    .halt_i,
    .push_valid_i    (load_push_valid_i),
    .push_ready_o    (load_push_ready_o),
    .push_entry_i,
    .push_last_i,
    .barrier_counts_i,
    .cmd_valid_o     (load_cmd_valid),
    .cmd_released_o  (load_cmd_released),
    .cmd_ready_i     (load_cmd_ready),
    .cmd_o           (load_cmd),
    .engine_i        (load_engine),
    .done_i          (load_done),
    .status_o        (load_status_o),
    .trace_o         (load_trace_o)
  );

  npu_engine_queue #(
    .Entries (DmaEntries),
    .Used    (npu_isa_pkg::DmaCommandUsed),
    .Depth   (QueueDepth),
    .Barriers(Barriers)
  ) u_store_queue (
    .clk_i,
    .rst_ni,
    .clear_i,
    .halt_i,
    .push_valid_i    (store_push_valid_i),
    .push_ready_o    (store_push_ready_o),
    .push_entry_i,
    .push_last_i,
    .barrier_counts_i,
    .cmd_valid_o     (store_cmd_valid),
    .cmd_released_o  (unused_store_cmd_released),
    .cmd_ready_i     (store_cmd_ready),
    .cmd_o           (store_cmd),
    .engine_i        (store_engine),
    .done_i          (store_done),
    .status_o        (store_status_o),
    .trace_o         (store_trace_o)
  );

  logic                  load_ar_valid, load_ar_ready, load_r_valid, load_r_ready, load_r_last;
  logic [AddrW-1:0]      load_ar_addr;
  logic [7:0]            load_ar_len;
  logic [1:0]            load_r_resp;
  logic [8*BusBytes-1:0] load_r_data;

  npu_dma #(
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
  ) u_dma (
    .clk_i,
    .rst_ni,
    .clear_i,
    .halt_i,
    //@ if npu.axi.watchdog
    .bus_expired_i,
    .bus_waiting_o,
    .bus_moved_o,
    .store_forget_o       (store_forget),
    //@ endif
    .quiet_o,
    .barrier_counts_i,
    .load_cmd_valid_i     (load_cmd_valid),
    .load_cmd_released_i  (load_cmd_released),
    .load_cmd_ready_o     (load_cmd_ready),
    .load_cmd_i           (load_cmd),
    .store_cmd_valid_i    (store_cmd_valid),
    .store_cmd_ready_o    (store_cmd_ready),
    .store_cmd_i          (store_cmd),
    .load_status_o        (load_engine),
    .load_error_o,
    .load_amount_o,
    .load_release_o,
    .load_done_o          (load_done),
    .store_status_o       (store_engine),
    .store_error_o,
    .store_done_o         (store_done),
    .read_beat_o,
    .write_bytes_o,
    .window_base_i        (job_base_i),
    .window_size_i        (job_size_i),
    .window_flags_i       (job_flags_i),
    .load_ar_valid_o      (load_ar_valid),
    .load_ar_ready_i      (load_ar_ready),
    .load_ar_addr_o       (load_ar_addr),
    .load_ar_len_o        (load_ar_len),
    .load_r_valid_i       (load_r_valid),
    .load_r_ready_o       (load_r_ready),
    .load_r_data_i        (load_r_data),
    .load_r_resp_i        (load_r_resp),
    .load_r_last_i        (load_r_last),
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
    .mem_wr_valid_o,
    .mem_wr_ready_i,
    .mem_wr_core_o,
    .mem_wr_addr_o,
    .mem_wr_data_o,
    .mem_wr_strb_o,
    .mem_wr_pe_mask_o,
    .mem_wr_core_mask_o,
    .mem_rd_valid_o,
    .mem_rd_ready_i,
    .mem_rd_addr_o,
    .mem_rd_pe_o,
    .mem_rd_rvalid_i,
    .mem_rd_rdata_i
  );

  npu_axi_read_mux #(
    .BusBytes(BusBytes),
    //@ if npu.axi.watchdog
    .Bursts  (Outstanding + 2),
    //@ endif
    .AddrW   (AddrW)
  ) u_read_mux (
    .clk_i,
    .rst_ni,
    //@ if npu.axi.watchdog
    .clear_i,
    .forget_o        (read_forget),
    //@ endif
    .fetch_ar_valid_i,
    .fetch_ar_ready_o,
    .fetch_ar_addr_i,
    .fetch_ar_len_i,
    .fetch_r_valid_o,
    .fetch_r_ready_i,
    .fetch_r_data_o,
    .fetch_r_resp_o,
    .fetch_r_last_o,
    .load_ar_valid_i (load_ar_valid),
    .load_ar_ready_o (load_ar_ready),
    .load_ar_addr_i  (load_ar_addr),
    .load_ar_len_i   (load_ar_len),
    .load_r_valid_o  (load_r_valid),
    .load_r_ready_i  (load_r_ready),
    .load_r_data_o   (load_r_data),
    .load_r_resp_o   (load_r_resp),
    .load_r_last_o   (load_r_last),
    .m_axi_arvalid_o,
    .m_axi_arready_i,
    .m_axi_arid_o,
    .m_axi_araddr_o,
    .m_axi_arlen_o,
    .m_axi_arsize_o,
    .m_axi_arburst_o,
    .m_axi_rvalid_i,
    .m_axi_rready_o,
    .m_axi_rid_i,
    .m_axi_rdata_i,
    .m_axi_rresp_i,
    .m_axi_rlast_i
  );
endmodule : npu_transfers
`default_nettype wire

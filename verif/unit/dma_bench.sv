`default_nettype none
// SPDX-License-Identifier: Apache-2.0
// npu_dma behind npu_axi_read_mux, whose fetch side is driven by the test.
module dma_bench #(
  parameter int unsigned BusBytes         = 16,
  parameter int unsigned Outstanding      = 8,
  parameter int unsigned GridX            = 2,
  parameter int unsigned GridY            = 2,
  parameter int unsigned Cores            = 3,
  parameter int unsigned ParameterBuffer  = 32,
  parameter int unsigned ActivationBuffer = 64,
  parameter int unsigned PeMemBytes       = 32768,
  parameter int unsigned PeBanks          = 8,
  parameter int unsigned PeWordBytes      = 16,
  parameter int unsigned CoreMemBytes     = 8192,
  parameter int unsigned MaxBurst         = 32,
  parameter int unsigned Barriers         = 16,
  localparam int unsigned NumPes = GridX * GridY,
  localparam int unsigned PeW    = (NumPes > 1) ? $clog2(NumPes) : 1
) (
  input  wire                   clk_i,
  input  wire                   rst_ni,
  input  wire                   clear_i,
  input  wire                   halt_i,
  output wire                   quiet_o,
  input  wire  [24*Barriers-1:0] barrier_counts_i,
  input  wire                   load_cmd_valid_i,
  input  wire                   load_cmd_released_i,
  output wire                   load_cmd_ready_o,
  input  wire  [28*32-1:0]      load_cmd_i,
  input  wire                   store_cmd_valid_i,
  output wire                   store_cmd_ready_o,
  input  wire  [28*32-1:0]      store_cmd_i,
  output wire                   load_busy_o,
  output wire                   load_stalled_o,
  output wire                   load_waiting_o,
  output wire  [15:0]           load_waiting_tag_o,
  output wire                   load_release_o,
  output wire                   load_done_o,
  output wire                   load_signal_valid_o,
  output wire  [5:0]            load_signal_id_o,
  output wire  [23:0]           load_signal_amount_o,
  output wire                   load_error_valid_o,
  output wire  [7:0]            load_error_code_o,
  output wire  [15:0]           load_error_tag_o,
  output wire  [39:0]           load_error_address_o,
  output wire                   store_busy_o,
  output wire                   store_done_o,
  output wire                   store_signal_valid_o,
  output wire  [5:0]            store_signal_id_o,
  output wire                   store_error_valid_o,
  output wire  [7:0]            store_error_code_o,
  output wire  [15:0]           store_error_tag_o,
  output wire  [39:0]           store_error_address_o,
  output wire                   read_beat_o,
  output wire  [7:0]            write_bytes_o,
  input  wire  [4*64-1:0]       window_base_i,
  input  wire  [4*32-1:0]       window_size_i,
  input  wire  [4*32-1:0]       window_flags_i,
  input  wire                   fetch_ar_valid_i,
  output wire                   fetch_ar_ready_o,
  input  wire  [39:0]           fetch_ar_addr_i,
  input  wire  [7:0]            fetch_ar_len_i,
  output wire                   fetch_r_valid_o,
  input  wire                   fetch_r_ready_i,
  output wire  [8*BusBytes-1:0] fetch_r_data_o,
  output wire  [1:0]            fetch_r_resp_o,
  output wire                   fetch_r_last_o,
  output wire                   m_axi_arvalid_o,
  input  wire                   m_axi_arready_i,
  output wire  [1:0]            m_axi_arid_o,
  output wire  [39:0]           m_axi_araddr_o,
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
  output wire  [39:0]           m_axi_awaddr_o,
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
  output wire                   mem_wr_valid_o,
  input  wire                   mem_wr_ready_i,
  output wire                   mem_wr_core_o,
  output wire  [23:0]           mem_wr_addr_o,
  output wire  [8*BusBytes-1:0] mem_wr_data_o,
  output wire  [BusBytes-1:0]   mem_wr_strb_o,
  output wire  [NumPes-1:0]     mem_wr_pe_mask_o,
  output wire  [15:0]           mem_wr_core_mask_o,
  output wire                   mem_rd_valid_o,
  input  wire                   mem_rd_ready_i,
  output wire  [23:0]           mem_rd_addr_o,
  output wire  [PeW-1:0]        mem_rd_pe_o,
  input  wire                   mem_rd_rvalid_i,
  input  wire  [8*BusBytes-1:0] mem_rd_rdata_i
);
  localparam int unsigned AddrW = 40;

  wire                  load_ar_valid, load_ar_ready, load_r_valid, load_r_ready, load_r_last;
  wire [AddrW-1:0]      load_ar_addr;
  wire [7:0]            load_ar_len;
  wire [8*BusBytes-1:0] load_r_data;
  wire [1:0]            load_r_resp;
  wire                  unused_store_forget;
  wire [1:0]            unused_bus_waiting, unused_bus_moved;
  wire                  unused_read_forget;

  // What the engines tell, in parts.
  npu_isa_pkg::engine_status_t load_status, store_status;
  npu_isa_pkg::engine_error_t  load_error, store_error;

  assign load_busy_o           = load_status.busy;
  assign load_stalled_o        = load_status.stuck;
  assign load_waiting_o        = load_status.waiting;
  assign load_waiting_tag_o    = load_status.waiting_tag;
  assign load_signal_valid_o   = load_status.arrives;
  assign load_signal_id_o      = load_status.barrier;
  assign load_error_valid_o    = load_status.fails;
  assign load_error_code_o     = load_error.code;
  assign load_error_tag_o      = load_error.tag;
  assign load_error_address_o  = load_error.address[AddrW-1:0];
  assign store_busy_o          = store_status.busy;
  assign store_signal_valid_o  = store_status.arrives;
  assign store_signal_id_o     = store_status.barrier;
  assign store_error_valid_o   = store_status.fails;
  assign store_error_code_o    = store_error.code;
  assign store_error_tag_o     = store_error.tag;
  assign store_error_address_o = store_error.address[AddrW-1:0];

  logic unused_members;
  assign unused_members = ^{load_status, store_status, load_error, store_error};

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
    .bus_expired_i  (2'b00),
    .bus_waiting_o  (unused_bus_waiting),
    .bus_moved_o    (unused_bus_moved),
    .load_status_o  (load_status),
    .load_error_o   (load_error),
    .load_amount_o  (load_signal_amount_o),
    .store_status_o (store_status),
    .store_error_o  (store_error),
    .store_forget_o (unused_store_forget),
    .load_ar_valid_o(load_ar_valid),
    .load_ar_ready_i(load_ar_ready),
    .load_ar_addr_o (load_ar_addr),
    .load_ar_len_o  (load_ar_len),
    .load_r_valid_i (load_r_valid),
    .load_r_ready_o (load_r_ready),
    .load_r_data_i  (load_r_data),
    .load_r_resp_i  (load_r_resp),
    .load_r_last_i  (load_r_last),
    .*
  );

  npu_axi_read_mux #(
    .BusBytes(BusBytes),
    .Bursts  (2 * Outstanding),
    .AddrW   (AddrW)
  ) u_mux (
    .clear_i        (1'b0),  // the test's fetch side goes on
    .forget_o       (unused_read_forget),
    .load_ar_valid_i(load_ar_valid),
    .load_ar_ready_o(load_ar_ready),
    .load_ar_addr_i (load_ar_addr),
    .load_ar_len_i  (load_ar_len),
    .load_r_valid_o (load_r_valid),
    .load_r_ready_i (load_r_ready),
    .load_r_data_o  (load_r_data),
    .load_r_resp_o  (load_r_resp),
    .load_r_last_o  (load_r_last),
    .*
  );
endmodule : dma_bench
`default_nettype wire

`default_nettype none
// SPDX-License-Identifier: Apache-2.0
// The NPU: register block, controller, tensor DMA and PE array behind AXI4-Lite, AXI4 and an
// interrupt.
// One clock, one synchronous reset. Ids on the bus: npu_transfers.
module npu_top #(
  parameter int unsigned GridX              = 1,       //@ = npu.grid.x  -- PE columns
  parameter int unsigned GridY              = 1,       //@ = npu.grid.y  -- PE rows
  parameter int unsigned BusBytes           = 16,      //@ = npu.axi.bytes  -- bytes of a bus beat
  parameter int unsigned AddrW              = 40,      //@ = npu.axi.address_width  -- bits
  parameter int unsigned Outstanding        = 8,       //@ = npu.axi.outstanding  -- bursts
  parameter int unsigned MaxBurst           = 32,      //@ = npu.axi.burst  -- beats
  parameter int unsigned QueueDepth         = 4,       //@ = npu.command_queue  -- per engine
  parameter int unsigned Barriers           = 16,      //@ = npu.barriers
  parameter int unsigned PeMemBytes         = 131072,  //@ = pe.memory  -- bytes of a PE memory
  parameter int unsigned PeBanks            = 8,       //@ = pe.banks
  parameter int unsigned PeWordBytes        = 16,      //@ = pe.bank_width  -- bytes
  parameter int unsigned Cores              = 1,       //@ = pe.cores  -- per PE
  parameter int unsigned CoreMemBytes       = 65536,   //@ = core.memory  -- bytes of a core memory
  parameter int unsigned CoreBanks          = 4,       //@ = core.banks
  parameter int unsigned CoreBankBytes      = 16,      //@ = core.bank_width  -- bytes
  parameter int unsigned Lanes              = 16,      //@ = core.lanes  -- per core
  parameter int unsigned Accumulators       = 16,      //@ = core.accumulators  -- per lane and half
  parameter int unsigned Simd               = 16,      //@ = lane.simd  -- MACs per lane and cycle
  parameter int unsigned Stages             = 1,       //@ = lane.stages  -- of a sum
  parameter int unsigned InstructionEntries = 256,     //@ = controller.instruction_memory
  parameter int unsigned ParameterBuffer    = 64,      //@ = controller.parameter_buffer  -- beats
  parameter int unsigned ActivationBuffer   = 64,      //@ = controller.activation_buffer  -- beats
  parameter int unsigned PostWidth          = 16,      //@ = units.postprocess_width
  parameter int unsigned LookupPorts        = 4,       //@ = units.lookup_ports
  parameter int unsigned WindowPorts        = 4,       //@ = units.window_ports
  parameter int unsigned Features           = 3,       //@ = npu.features
  //@ if npu.memory_clear
  parameter int unsigned ClearRows          = 1024,    //@ = npu.clear_cycles
  //@ endif
  //@ if debug.trace
  localparam int unsigned Engines           = 32'(npu_isa_pkg::EnginePe),
  localparam int unsigned Units             = Engines + GridX * GridY,
  //@ endif
  parameter logic [63:0] ConfigHash         = npu_cfg_pkg::ConfigHash  // of all values above
) (
  input  wire                   clk_i,
  input  wire                   rst_ni,
  // registers: AXI4-Lite
  input  wire  [11:0]           s_axil_awaddr_i,
  input  wire                   s_axil_awvalid_i,
  output wire                   s_axil_awready_o,
  input  wire  [31:0]           s_axil_wdata_i,
  input  wire  [3:0]            s_axil_wstrb_i,
  input  wire                   s_axil_wvalid_i,
  output wire                   s_axil_wready_o,
  output wire  [1:0]            s_axil_bresp_o,
  output wire                   s_axil_bvalid_o,
  input  wire                   s_axil_bready_i,
  input  wire  [11:0]           s_axil_araddr_i,
  input  wire                   s_axil_arvalid_i,
  output wire                   s_axil_arready_o,
  output wire  [31:0]           s_axil_rdata_o,
  output wire  [1:0]            s_axil_rresp_o,
  output wire                   s_axil_rvalid_o,
  input  wire                   s_axil_rready_i,
  // memory: AXI4
  output wire  [1:0]            m_axi_arid_o,
  output wire  [AddrW-1:0]      m_axi_araddr_o,
  output wire  [7:0]            m_axi_arlen_o,
  output wire  [2:0]            m_axi_arsize_o,
  output wire  [1:0]            m_axi_arburst_o,
  output wire                   m_axi_arvalid_o,
  input  wire                   m_axi_arready_i,
  input  wire  [1:0]            m_axi_rid_i,
  input  wire  [8*BusBytes-1:0] m_axi_rdata_i,
  input  wire  [1:0]            m_axi_rresp_i,
  input  wire                   m_axi_rlast_i,
  input  wire                   m_axi_rvalid_i,
  output wire                   m_axi_rready_o,
  output wire  [1:0]            m_axi_awid_o,
  output wire  [AddrW-1:0]      m_axi_awaddr_o,
  output wire  [7:0]            m_axi_awlen_o,
  output wire  [2:0]            m_axi_awsize_o,
  output wire  [1:0]            m_axi_awburst_o,
  output wire                   m_axi_awvalid_o,
  input  wire                   m_axi_awready_i,
  output wire  [8*BusBytes-1:0] m_axi_wdata_o,
  output wire  [BusBytes-1:0]   m_axi_wstrb_o,
  output wire                   m_axi_wlast_o,
  output wire                   m_axi_wvalid_o,
  input  wire                   m_axi_wready_i,
  input  wire  [1:0]            m_axi_bid_i,
  input  wire  [1:0]            m_axi_bresp_i,
  input  wire                   m_axi_bvalid_i,
  output wire                   m_axi_bready_o,
  //@ if debug.trace
  // Trace ports only observe and may stay open. Of the cycle before: what it was spent on, and for
  // which command.
  output wire                   trace_active_o,    // it belonged to a job
  output wire  [3:0]            trace_cause_o,     // npu_isa_pkg::Cause*
  output wire  [15:0]           trace_tag_o,       // tag of the command it is charged to
  // trace of this cycle: bits as in npu_trace
  output wire  [Units-1:0]      trace_busy_o,      // has a command
  output wire  [Units-1:0]      trace_waiting_o,   // next command waits for a barrier; 0: blocked
  output wire  [Units-1:0]      trace_begin_o,     // pulse: a command is taken
  output wire  [Engines-1:0]    trace_end_o,       // pulse: a command is complete; 0: dispatched
  output wire                   trace_release_o,   // pulse: the waits of a LOAD that is taken hold
  output wire  [16*Units-1:0]   trace_unit_tag_o,  // of the command taken last; 0: at the head
  output wire  [Units-2:0]      trace_arrival_o,   // at a barrier, by LOAD, STORE, PEs
  output wire  [6*Units-7:0]    trace_arrival_id_o,
  output wire  [23:0]           trace_arrival_amount_o,  // by LOAD; all others add 1
  //@ endif
  // interrupt: level, until irq_status is cleared
  output wire                   irq_o
);
  localparam int unsigned Pes        = GridX * GridY;
  localparam int unsigned PeW        = (Pes > 1) ? $clog2(Pes) : 1;
  localparam int unsigned CountsW    = Barriers * npu_isa_pkg::BarrierCountBits;
  localparam int unsigned CausesW    = npu_isa_pkg::CauseCount * 32;
  localparam int unsigned Windows    = npu_isa_pkg::WindowCount;

  // Host port.
  logic [31:0]           status, irq_set, doorbell, error_info, window_size;
  logic                  control_we, control_reset, doorbell_we, cache_token_clear, start;
  logic [63:0]           error_address, window_base;
  logic                  window_readable;
  logic [Windows-1:0]    window_bad;
  logic [64*Windows-1:0] job_base;
  logic [32*Windows-1:0] job_size, job_flags;
  logic [31:0]           perf_cycles, perf_bytes_read, perf_bytes_written, perf_commands;
  logic [CausesW-1:0]    perf_cause;
  //@ if npu.axi.watchdog
  logic [19:0]           bus_timeout;
  logic [1:0]            bus_waiting, bus_moved, bus_expired;
  logic                  forget;
  //@ endif
  //@ if npu.memory_clear
  logic                  control_clear, wipe;
  logic [23:0]           wipe_row;
  //@ endif

  npu_host_port #(
    .GridX       (GridX),
    .GridY       (GridY),
    .BusBytes    (BusBytes),
    .AddrW       (AddrW),
    .Barriers    (Barriers),
    .PeMemBytes  (PeMemBytes),
    .Cores       (Cores),
    .CoreMemBytes(CoreMemBytes),
    .Lanes       (Lanes),
    .Accumulators(Accumulators),
    .Simd        (Simd),
    .PostWidth   (PostWidth),
    .Features    (Features)
  ) u_host_port (
    .clk_i,
    .rst_ni,
    .config_hash_i       (ConfigHash),
    .s_axil_awaddr_i,
    .s_axil_awvalid_i,
    .s_axil_awready_o,
    .s_axil_wdata_i,
    .s_axil_wstrb_i,
    .s_axil_wvalid_i,
    .s_axil_wready_o,
    .s_axil_bresp_o,
    .s_axil_bvalid_o,
    .s_axil_bready_i,
    .s_axil_araddr_i,
    .s_axil_arvalid_i,
    .s_axil_arready_o,
    .s_axil_rdata_o,
    .s_axil_rresp_o,
    .s_axil_rvalid_o,
    .s_axil_rready_i,
    .irq_o,
    .control_we_o        (control_we),
    .control_reset_o     (control_reset),
    //@ if npu.memory_clear
    .control_clear_o     (control_clear),
    //@ endif
    .doorbell_we_o       (doorbell_we),
    .doorbell_o          (doorbell),
    //@ if npu.axi.watchdog
    .bus_timeout_o       (bus_timeout),
    //@ endif
    .status_i            (status),
    .irq_set_i           (irq_set),
    .error_info_i        (error_info),
    .error_address_i     (error_address),
    .perf_cycles_i       (perf_cycles),
    .perf_bytes_read_i   (perf_bytes_read),
    .perf_bytes_written_i(perf_bytes_written),
    .perf_commands_i     (perf_commands),
    .perf_cause_i        (perf_cause),
    .cache_token_clear_i (cache_token_clear),
    .start_i             (start),
    .window_bad_o        (window_bad),
    .window_base_o       (window_base),
    .window_size_o       (window_size),
    .window_readable_o   (window_readable),
    .job_base_o          (job_base),
    .job_size_o          (job_size),
    .job_flags_o         (job_flags)
  );

  // Controller.
  logic                clear, halt, push_last, load_release, load_push_valid, load_push_ready;
  logic                store_push_valid, store_push_ready, dma_quiet, read_beat;
  logic [CountsW-1:0]  barrier_counts;
  logic [127:0]        push_entry;
  logic [Pes-1:0]      pe_push_valid, pe_push_ready;
  npu_isa_pkg::engine_status_t load_status, store_status;
  npu_isa_pkg::engine_error_t  load_error, store_error;
  npu_isa_pkg::engine_trace_t  load_trace, store_trace;
  //@ if debug.trace
  npu_isa_pkg::engine_trace_t  dispatch_trace;
  //@ endif
  logic [23:0]         load_amount;
  logic [npu_isa_pkg::EngineStatusBits*Pes-1:0] pe_status;
  logic [npu_isa_pkg::EngineErrorBits*Pes-1:0]  pe_error;
  logic [npu_isa_pkg::EngineTraceBits*Pes-1:0]  pe_trace;
  logic [7:0]          write_bytes;
  logic                fetch_ar_valid, fetch_ar_ready, fetch_r_valid, fetch_r_ready, fetch_r_last;
  logic [AddrW-1:0]    fetch_ar_addr;
  logic [7:0]          fetch_ar_len;
  logic [1:0]          fetch_r_resp;
  logic [8*BusBytes-1:0] fetch_r_data;

  npu_controller #(
    .BusBytes          (BusBytes),
    .AddrW             (AddrW),
    .GridX             (GridX),
    .GridY             (GridY),
    .Barriers          (Barriers),
    .MaxBurst          (MaxBurst),
    //@ if npu.memory_clear
    .ClearRows         (ClearRows),
    //@ endif
    .InstructionEntries(InstructionEntries)
  ) u_controller (
    .clk_i,
    .rst_ni,
    .config_hash_i       (ConfigHash),
    .control_we_i        (control_we),
    .control_reset_i     (control_reset),
    //@ if npu.memory_clear
    .control_clear_i     (control_clear),
    .wipe_o              (wipe),
    .wipe_row_o          (wipe_row),
    //@ endif
    //@ if npu.axi.watchdog
    .bus_timeout_i       (bus_timeout),
    .bus_waiting_i       (bus_waiting),
    .bus_moved_i         (bus_moved),
    .forget_i            (forget),
    .bus_expired_o       (bus_expired),
    //@ endif
    .doorbell_we_i       (doorbell_we),
    .doorbell_i          (doorbell),
    .status_o            (status),
    .irq_set_o           (irq_set),
    .error_info_o        (error_info),
    .error_address_o     (error_address),
    .perf_cycles_o       (perf_cycles),
    .perf_bytes_read_o   (perf_bytes_read),
    .perf_bytes_written_o(perf_bytes_written),
    .perf_commands_o     (perf_commands),
    .perf_cause_o        (perf_cause),
    .cache_token_clear_o (cache_token_clear),
    .window_base_i       (window_base),
    .window_size_i       (window_size),
    .window_readable_i   (window_readable),
    .window_bad_i        (window_bad),
    .start_o             (start),
    .clear_o             (clear),
    .halt_o              (halt),
    .barrier_counts_o    (barrier_counts),
    .push_entry_o        (push_entry),
    .push_last_o         (push_last),
    .load_push_valid_o   (load_push_valid),
    .load_push_ready_i   (load_push_ready),
    .store_push_valid_o  (store_push_valid),
    .store_push_ready_i  (store_push_ready),
    .pe_push_valid_o     (pe_push_valid),
    .pe_push_ready_i     (pe_push_ready),
    .load_status_i       (load_status),
    .load_error_i        (load_error),
    .load_amount_i       (load_amount),
    .store_status_i      (store_status),
    .store_error_i       (store_error),
    .pe_status_i         (pe_status),
    .pe_error_i          (pe_error),
    .dma_quiet_i         (dma_quiet),
    .dma_read_beat_i     (read_beat),
    .dma_write_bytes_i   (write_bytes),
    //@ if debug.trace
    .trace_active_o,
    .trace_cause_o,
    .trace_tag_o,
    .trace_arrival_o,
    .trace_arrival_id_o,
    .dispatch_trace_o    (dispatch_trace),
    //@ endif
    .ar_valid_o          (fetch_ar_valid),
    .ar_ready_i          (fetch_ar_ready),
    .ar_addr_o           (fetch_ar_addr),
    .ar_len_o            (fetch_ar_len),
    .r_valid_i           (fetch_r_valid),
    .r_ready_o           (fetch_r_ready),
    .r_data_i            (fetch_r_data),
    .r_resp_i            (fetch_r_resp),
    .r_last_i            (fetch_r_last)
  );

  // LOAD, STORE and the bus.
  logic                  mem_wr_valid, mem_wr_ready, mem_wr_core;
  logic                  mem_rd_valid, mem_rd_ready, mem_rd_rvalid;
  logic [23:0]           mem_wr_addr, mem_rd_addr;
  logic [8*BusBytes-1:0] mem_wr_data, mem_rd_rdata;
  logic [BusBytes-1:0]   mem_wr_strb;
  logic [Pes-1:0]        mem_wr_pe_mask;
  logic [15:0]           mem_wr_core_mask;
  logic [PeW-1:0]        mem_rd_pe;

  npu_transfers #(
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
    .QueueDepth      (QueueDepth),
    .Barriers        (Barriers)
  ) u_transfers (
    .clk_i,
    .rst_ni,
    .clear_i            (clear),
    .halt_i             (halt),
    //@ if npu.axi.watchdog
    .bus_expired_i      (bus_expired),
    .bus_waiting_o      (bus_waiting),
    .bus_moved_o        (bus_moved),
    .forget_o           (forget),
    //@ endif
    .quiet_o            (dma_quiet),
    .barrier_counts_i   (barrier_counts),
    .load_push_valid_i  (load_push_valid),
    .load_push_ready_o  (load_push_ready),
    .store_push_valid_i (store_push_valid),
    .store_push_ready_o (store_push_ready),
    .push_entry_i       (push_entry),
    .push_last_i        (push_last),
    .load_status_o      (load_status),
    .load_error_o       (load_error),
    .load_trace_o       (load_trace),
    .load_amount_o      (load_amount),
    .load_release_o     (load_release),
    .store_status_o     (store_status),
    .store_error_o      (store_error),
    .store_trace_o      (store_trace),
    .read_beat_o        (read_beat),
    .write_bytes_o      (write_bytes),
    .job_base_i         (job_base),
    .job_size_i         (job_size),
    .job_flags_i        (job_flags),
    .fetch_ar_valid_i   (fetch_ar_valid),
    .fetch_ar_ready_o   (fetch_ar_ready),
    .fetch_ar_addr_i    (fetch_ar_addr),
    .fetch_ar_len_i     (fetch_ar_len),
    .fetch_r_valid_o    (fetch_r_valid),
    .fetch_r_ready_i    (fetch_r_ready),
    .fetch_r_data_o     (fetch_r_data),
    .fetch_r_resp_o     (fetch_r_resp),
    .fetch_r_last_o     (fetch_r_last),
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
    .m_axi_rlast_i,
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
    .mem_wr_valid_o     (mem_wr_valid),
    .mem_wr_ready_i     (mem_wr_ready),
    .mem_wr_core_o      (mem_wr_core),
    .mem_wr_addr_o      (mem_wr_addr),
    .mem_wr_data_o      (mem_wr_data),
    .mem_wr_strb_o      (mem_wr_strb),
    .mem_wr_pe_mask_o   (mem_wr_pe_mask),
    .mem_wr_core_mask_o (mem_wr_core_mask),
    .mem_rd_valid_o     (mem_rd_valid),
    .mem_rd_ready_i     (mem_rd_ready),
    .mem_rd_addr_o      (mem_rd_addr),
    .mem_rd_pe_o        (mem_rd_pe),
    .mem_rd_rvalid_i    (mem_rd_rvalid),
    .mem_rd_rdata_i     (mem_rd_rdata)
  );

  // PE array.
  npu_pe_array #(
    .GridX        (GridX),
    .GridY        (GridY),
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
    .WindowPorts  (WindowPorts),
    .BusBytes     (BusBytes),
    .QueueDepth   (QueueDepth),
    .Barriers     (Barriers)
  ) u_array (
    .clk_i,
    .rst_ni,
    .clear_i              (clear),
    //@ if npu.memory_clear
    .wipe_i               (wipe),
    .wipe_row_i           (wipe_row),
    //@ endif
    .halt_i               (halt),
    .push_valid_i         (pe_push_valid),
    .push_ready_o         (pe_push_ready),
    .push_entry_i         (push_entry),
    .push_last_i          (push_last),
    .barrier_counts_i     (barrier_counts),
    .status_o             (pe_status),
    .error_o              (pe_error),
    .trace_o              (pe_trace),
    .bus_write_valid_i    (mem_wr_valid),
    .bus_write_ready_o    (mem_wr_ready),
    .bus_write_core_i     (mem_wr_core),
    .bus_write_addr_i     (mem_wr_addr),
    .bus_write_data_i     (mem_wr_data),
    .bus_write_strb_i     (mem_wr_strb),
    .bus_write_pe_mask_i  (mem_wr_pe_mask),
    .bus_write_core_mask_i(mem_wr_core_mask),
    .bus_read_valid_i     (mem_rd_valid),
    .bus_read_ready_o     (mem_rd_ready),
    .bus_read_addr_i      (mem_rd_addr),
    .bus_read_pe_i        (mem_rd_pe),
    .bus_read_rvalid_o    (mem_rd_rvalid),
    .bus_read_data_o      (mem_rd_rdata)
  );

  //@ if debug.trace
  // Trace of this cycle.
  npu_trace #(
    .GridX(GridX),
    .GridY(GridY)
  ) u_trace (
    .dispatch_i(dispatch_trace),
    .load_i    (load_trace),
    .store_i   (store_trace),
    .pe_i      (pe_trace),
    .busy_o    (trace_busy_o),
    .waiting_o (trace_waiting_o),
    .begin_o   (trace_begin_o),
    .end_o     (trace_end_o),
    .tag_o     (trace_unit_tag_o)
  );
  assign trace_release_o        = load_release;
  assign trace_arrival_amount_o = load_amount;
  //@ endif
  //@ unless debug.trace: wire unused_trace = ^{pe_trace, load_trace, store_trace, load_release};
endmodule : npu_top
`default_nettype wire

`default_nettype none
// SPDX-License-Identifier: Apache-2.0
// The NPU: register block, controller, tensor DMA and PE array behind AXI4-Lite, AXI4 and an
// interrupt.
//
// One clock, one synchronous reset. Bit 0 of bus ids is 0 for the command fetch and STORE, 1 for
// LOAD.
//@ if npu.axi.watchdog
// Bit 1 is the epoch: answers for a machine that was reset since come with the other value.
//@ endif
//
// The trace ports only observe and may stay open: they say for every cycle of a job what the cycle
// was spent on and for which command, and what each unit does.
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
  parameter logic [63:0] ConfigHash         = npu_cfg_pkg::ConfigHash,  // of all values above
  localparam int unsigned Units             = GridX * GridY + 3  // dispatcher, LOAD, STORE, PEs
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
  // interrupt: level, until irq_status is cleared
  output wire                   irq_o,
  // trace of the cycle before
  output wire                   trace_active_o,    // it belonged to a job
  output wire  [3:0]            trace_cause_o,     // npu_isa_pkg::Cause*
  output wire  [15:0]           trace_tag_o,       // tag of the command it is charged to
  // trace of this cycle: bit 0 is the dispatcher, 1 LOAD, 2 STORE, 3 + p PE p
  output wire  [Units-1:0]      trace_busy_o,      // has a command
  output wire  [Units-1:0]      trace_waiting_o,   // next command waits for a barrier; 0: blocked
  output wire  [Units-1:0]      trace_begin_o,     // pulse: a command is taken
  output wire  [2:0]            trace_end_o,       // pulse: a command is complete; 0: dispatched
  output wire                   trace_release_o,   // pulse: the waits of a LOAD that is taken hold
  output wire  [16*Units-1:0]   trace_unit_tag_o,  // of the command taken last; 0: at the head
  output wire  [Units-2:0]      trace_arrival_o,   // at a barrier, by LOAD, STORE, PEs
  output wire  [6*Units-7:0]    trace_arrival_id_o,
  output wire  [23:0]           trace_arrival_amount_o  // by LOAD; all others add 1
);
  localparam int unsigned Pes        = GridX * GridY;
  localparam int unsigned PeW        = (Pes > 1) ? $clog2(Pes) : 1;
  localparam int unsigned CountsW    = Barriers * npu_isa_pkg::BarrierCountBits;
  localparam int unsigned CausesW    = npu_isa_pkg::CauseCount * 32;
  localparam int unsigned Windows    = npu_isa_pkg::WindowCount;
  localparam int unsigned DmaEntries = npu_isa_pkg::DmaCommandWords / 4;

  // ---------------------------------------------------------------------------------------------
  // Registers.
  // ---------------------------------------------------------------------------------------------
  logic [31:0]           control, status, irq_set, irq_status, irq_enable, doorbell, error_info;
  logic                  control_we, doorbell_we, cache_token_clear;
  logic [63:0]           error_address;
  logic [32*Windows-1:0] window_base_lo, window_base_hi, window_size, window_flags;
  logic [64*Windows-1:0] window_base, job_base;
  logic [32*Windows-1:0] job_size, job_flags;
  logic [Windows-1:0]    window_bad;
  logic                  start;
  //@ if npu.axi.watchdog
  logic [31:0]           bus_timeout;
  //@ endif
  logic [31:0]           perf_cycles, perf_bytes_read, perf_bytes_written, perf_commands;
  logic [CausesW-1:0]    perf_cause;
  logic [31:0]           unused_cache_token_lo, unused_cache_token_hi;

  npu_regs u_regs (
    .clk_i,
    .rst_ni,
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
    .id_i                (npu_isa_pkg::Identity),
    .version_i           (npu_isa_pkg::CommandSetVersion),
    .config_hash_lo_i    (ConfigHash[31:0]),
    .config_hash_hi_i    (ConfigHash[63:32]),
    .shape0_i            ({8'(PostWidth), 8'(Cores), 8'(Simd), 8'(Lanes)}),
    .shape1_i            ({16'(Accumulators), 8'(GridY), 8'(GridX)}),
    .shape2_i            ({8'(Barriers), 8'(Windows), 8'(AddrW), 8'(BusBytes)}),
    .pe_memory_bytes_i   (PeMemBytes),
    .core_memory_bytes_i (CoreMemBytes),
    .features_i          (Features),
    .control_o           (control),
    .control_we_o        (control_we),
    .status_i            (status),
    .irq_status_set_i    (irq_set),
    .irq_status_o        (irq_status),
    .irq_enable_o        (irq_enable),
    .doorbell_o          (doorbell),
    .doorbell_we_o       (doorbell_we),
    .cache_token_lo_o    (unused_cache_token_lo),
    .cache_token_hi_o    (unused_cache_token_hi),
    .error_info_i        (error_info),
    .error_address_lo_i  (error_address[31:0]),
    .error_address_hi_i  (error_address[63:32]),
    //@ if npu.axi.watchdog
    .bus_timeout_o       (bus_timeout),
    //@ endif
    .window_base_lo_o    (window_base_lo),
    .window_base_hi_o    (window_base_hi),
    .window_size_o       (window_size),
    .window_flags_o      (window_flags),
    .perf_cycles_i       (perf_cycles),
    .perf_bytes_read_i   (perf_bytes_read),
    .perf_bytes_written_i(perf_bytes_written),
    .perf_commands_i     (perf_commands),
    .perf_cause_i        (perf_cause),
    .cache_token_clear_i (cache_token_clear)
  );

  for (genvar w = 0; w < Windows; w++) begin : gen_window
    assign window_base[64*w+:64] = {window_base_hi[32*w+:32], window_base_lo[32*w+:32]};
  end

  npu_windows #(
    .AddrW(AddrW)
  ) u_windows (
    .clk_i,
    .take_i (start),
    .base_i (window_base),
    .size_i (window_size),
    .flags_i(window_flags),
    .bad_o  (window_bad),
    .base_o (job_base),
    .size_o (job_size),
    .flags_o(job_flags)
  );
  assign irq_o = (irq_status & irq_enable) != '0;

  // ---------------------------------------------------------------------------------------------
  // Controller.
  // ---------------------------------------------------------------------------------------------
  logic               clear, halt, push_last, load_push_valid, load_push_ready, store_push_valid;
  logic               store_push_ready;
  logic [CountsW-1:0] barrier_counts;
  logic [127:0]       push_entry;
  logic [Pes-1:0]     pe_push_valid, pe_push_ready;
  logic               load_stalled, load_queue_waiting;
  logic [15:0]        load_waiting_tag;
  logic               load_busy, load_waiting, load_blocked, load_empty, load_signal_valid;
  logic               store_busy, store_waiting, store_blocked, store_empty, store_signal_valid;
  logic [15:0]        load_queue_tag, load_running_tag, store_queue_tag, store_running_tag;
  logic [5:0]         load_signal_id, store_signal_id;
  logic [23:0]        load_signal_amount, unused_store_amount;
  logic               load_error_valid, store_error_valid;
  logic [7:0]         load_error_code, store_error_code;
  logic [15:0]        load_error_tag, store_error_tag;
  logic [AddrW-1:0]   load_error_address, store_error_address;
  logic [Pes-1:0]     pe_busy, pe_waiting, pe_blocked, pe_empty, pe_signal_valid, pe_error_valid;
  logic [Pes-1:0]     pe_begin, pe_running;
  logic               dispatch_busy, dispatch_blocked, dispatch_begin, dispatch_last;
  logic [15:0]        dispatch_tag;
  //@ if npu.axi.watchdog
  logic               load_quiet, store_quiet, load_timeout, store_timeout;
  logic               read_forget, store_forget;
  //@ endif
  //@ if npu.memory_clear
  logic               wipe;
  logic [23:0]        wipe_row;
  //@ endif
  logic               load_done, store_done;
  logic [16*Pes-1:0]  pe_tag, pe_error_tag;
  logic [4*Pes-1:0]   pe_cause;
  logic [6*Pes-1:0]   pe_signal_id;
  logic [8*Pes-1:0]   pe_error_code;
  logic [25*Pes-1:0]  pe_error_address;
  logic               dma_quiet, read_beat;
  logic [7:0]         write_bytes;
  logic               fetch_ar_valid, fetch_ar_ready, fetch_r_valid, fetch_r_ready, fetch_r_last;
  logic [AddrW-1:0]   fetch_ar_addr;
  logic [7:0]         fetch_ar_len;
  logic [1:0]         fetch_r_resp;
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
    .control_reset_i     (control[0]),
    //@ if npu.memory_clear
    .control_clear_i     (control[1]),
    .wipe_o              (wipe),
    .wipe_row_o          (wipe_row),
    //@ endif
    //@ if npu.axi.watchdog
    .bus_timeout_i       (bus_timeout[19:0]),
    .load_quiet_i        (load_quiet),
    .store_quiet_i       (store_quiet),
    .load_moved_i        ((load_ar_valid && load_ar_ready) || load_r_valid),
    .store_moved_i       ((m_axi_awvalid_o && m_axi_awready_i) ||
                          (m_axi_wvalid_o && m_axi_wready_i) || m_axi_bvalid_i),
    .forget_i            (read_forget || store_forget),
    .load_timeout_o      (load_timeout),
    .store_timeout_o     (store_timeout),
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
    .window_base_i       (window_base[63:0]),
    .window_size_i       (window_size[31:0]),
    .window_readable_i   (window_flags[0]),
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
    .load_busy_i         (load_busy),
    .load_stalled_i      (load_stalled),
    .load_waiting_i      (load_waiting || load_queue_waiting),
    .load_waiting_tag_i  (load_waiting ? load_waiting_tag : load_queue_tag),
    .load_blocked_i      (load_blocked),
    .load_empty_i        (load_empty),
    .load_tag_i          (load_busy ? load_running_tag : load_queue_tag),
    .load_signal_valid_i (load_signal_valid),
    .load_signal_id_i    (load_signal_id),
    .load_signal_amount_i(load_signal_amount),
    .load_error_valid_i  (load_error_valid),
    .load_error_code_i   (load_error_code),
    .load_error_tag_i    (load_error_tag),
    .load_error_address_i(load_error_address),
    .store_busy_i        (store_busy),
    .store_waiting_i     (store_waiting),
    .store_blocked_i     (store_blocked),
    .store_empty_i       (store_empty),
    .store_tag_i         (store_busy ? store_running_tag : store_queue_tag),
    .store_signal_valid_i(store_signal_valid),
    .store_signal_id_i   (store_signal_id),
    .store_error_valid_i (store_error_valid),
    .store_error_code_i  (store_error_code),
    .store_error_tag_i   (store_error_tag),
    .store_error_address_i(store_error_address),
    .pe_busy_i           (pe_busy),
    .pe_waiting_i        (pe_waiting),
    .pe_blocked_i        (pe_blocked),
    .pe_empty_i          (pe_empty),
    .pe_tag_i            (pe_tag),
    .pe_cause_i          (pe_cause[3:0]),
    .pe_signal_valid_i   (pe_signal_valid),
    .pe_signal_id_i      (pe_signal_id),
    .pe_error_valid_i    (pe_error_valid),
    .pe_error_code_i     (pe_error_code),
    .pe_error_tag_i      (pe_error_tag),
    .pe_error_address_i  (pe_error_address),
    .dma_quiet_i         (dma_quiet),
    .dma_read_beat_i     (read_beat),
    .dma_write_bytes_i   (write_bytes),
    .ar_valid_o          (fetch_ar_valid),
    .ar_ready_i          (fetch_ar_ready),
    .ar_addr_o           (fetch_ar_addr),
    .ar_len_o            (fetch_ar_len),
    .r_valid_i           (fetch_r_valid),
    .r_ready_o           (fetch_r_ready),
    .r_data_i            (fetch_r_data),
    .r_resp_i            (fetch_r_resp),
    .r_last_i            (fetch_r_last),
    .trace_active_o,
    .trace_cause_o,
    .trace_tag_o,
    .dispatch_busy_o     (dispatch_busy),
    .dispatch_blocked_o  (dispatch_blocked),
    .dispatch_begin_o    (dispatch_begin),
    .dispatch_last_o     (dispatch_last),
    .dispatch_tag_o      (dispatch_tag)
  );

  // ---------------------------------------------------------------------------------------------
  // Tensor DMA with its command queues.
  // ---------------------------------------------------------------------------------------------
  logic                      load_cmd_valid, load_cmd_ready, store_cmd_valid, store_cmd_ready;
  logic [128*DmaEntries-1:0] load_cmd, store_cmd;

  npu_command_queue #(
    .Entries      (DmaEntries),
    .Depth        (QueueDepth),
    .Barriers     (Barriers),
    .WaitsInEngine(1'b1)
  ) u_load_queue (
    .clk_i,
    .rst_ni,
    .clear_i         (clear),
    .halt_i          (halt),
    .push_valid_i    (load_push_valid),
    .push_ready_o    (load_push_ready),
    .push_entry_i    (push_entry),
    .push_last_i     (push_last),
    .barrier_counts_i(barrier_counts),
    .cmd_valid_o     (load_cmd_valid),
    .cmd_ready_i     (load_cmd_ready),
    .cmd_o           (load_cmd),
    .waiting_o       (load_queue_waiting),
    .blocked_o       (load_blocked),
    .empty_o         (load_empty),
    .tag_o           (load_queue_tag),
    .running_tag_o   (load_running_tag)
  );

  npu_command_queue #(
    .Entries (DmaEntries),
    .Depth   (QueueDepth),
    .Barriers(Barriers)
  ) u_store_queue (
    .clk_i,
    .rst_ni,
    .clear_i         (clear),
    .halt_i          (halt),
    .push_valid_i    (store_push_valid),
    .push_ready_o    (store_push_ready),
    .push_entry_i    (push_entry),
    .push_last_i     (push_last),
    .barrier_counts_i(barrier_counts),
    .cmd_valid_o     (store_cmd_valid),
    .cmd_ready_i     (store_cmd_ready),
    .cmd_o           (store_cmd),
    .waiting_o       (store_waiting),
    .blocked_o       (store_blocked),
    .empty_o         (store_empty),
    .tag_o           (store_queue_tag),
    .running_tag_o   (store_running_tag)
  );

  logic                  load_ar_valid, load_ar_ready, load_r_valid, load_r_ready, load_r_last;
  logic [AddrW-1:0]      load_ar_addr;
  logic [7:0]            load_ar_len;
  logic [1:0]            load_r_resp;
  logic [8*BusBytes-1:0] load_r_data;
  logic                  mem_wr_valid, mem_wr_ready, mem_wr_core, mem_rd_valid, mem_rd_ready;
  logic                  mem_rd_rvalid;
  logic [23:0]           mem_wr_addr, mem_rd_addr;
  logic [8*BusBytes-1:0] mem_wr_data, mem_rd_rdata;
  logic [BusBytes-1:0]   mem_wr_strb;
  logic [Pes-1:0]        mem_wr_pe_mask;
  logic [15:0]           mem_wr_core_mask;
  logic [PeW-1:0]        mem_rd_pe;

  npu_dma #(
    .BusBytes        (BusBytes),
    .AddrW           (AddrW),
    .Outstanding     (Outstanding),
    .GridX           (GridX),
    .GridY           (GridY),
    .Cores           (Cores),
    .PeMemBytes      (PeMemBytes),
    .CoreMemBytes    (CoreMemBytes),
    .ParameterBuffer (ParameterBuffer),
    .ActivationBuffer(ActivationBuffer),
    .MaxBurst        (MaxBurst),
    .Barriers        (Barriers)
  ) u_dma (
    .clk_i,
    .rst_ni,
    .clear_i              (clear),
    .halt_i               (halt),
    //@ if npu.axi.watchdog
    .load_timeout_i       (load_timeout),
    .store_timeout_i      (store_timeout),
    .load_quiet_o         (load_quiet),
    .store_quiet_o        (store_quiet),
    .store_forget_o       (store_forget),
    //@ endif
    .quiet_o              (dma_quiet),
    .barrier_counts_i     (barrier_counts),
    .load_cmd_valid_i     (load_cmd_valid),
    .load_cmd_released_i  (!load_queue_waiting),
    .load_cmd_ready_o     (load_cmd_ready),
    .load_cmd_i           (load_cmd),
    .store_cmd_valid_i    (store_cmd_valid),
    .store_cmd_ready_o    (store_cmd_ready),
    .store_cmd_i          (store_cmd),
    .load_busy_o          (load_busy),
    .load_stalled_o       (load_stalled),
    .load_waiting_o       (load_waiting),
    .load_waiting_tag_o   (load_waiting_tag),
    .load_release_o       (trace_release_o),
    .load_done_o          (load_done),
    .load_signal_valid_o  (load_signal_valid),
    .load_signal_id_o     (load_signal_id),
    .load_signal_amount_o (load_signal_amount),
    .load_error_valid_o   (load_error_valid),
    .load_error_code_o    (load_error_code),
    .load_error_tag_o     (load_error_tag),
    .load_error_address_o (load_error_address),
    .store_busy_o         (store_busy),
    .store_done_o         (store_done),
    .store_signal_valid_o (store_signal_valid),
    .store_signal_id_o    (store_signal_id),
    .store_signal_amount_o(unused_store_amount),
    .store_error_valid_o  (store_error_valid),
    .store_error_code_o   (store_error_code),
    .store_error_tag_o    (store_error_tag),
    .store_error_address_o(store_error_address),
    .read_beat_o          (read_beat),
    .write_bytes_o        (write_bytes),
    .window_base_i        (job_base),
    .window_size_i        (job_size),
    .window_flags_i       (job_flags),
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
    .mem_wr_valid_o       (mem_wr_valid),
    .mem_wr_ready_i       (mem_wr_ready),
    .mem_wr_core_o        (mem_wr_core),
    .mem_wr_addr_o        (mem_wr_addr),
    .mem_wr_data_o        (mem_wr_data),
    .mem_wr_strb_o        (mem_wr_strb),
    .mem_wr_pe_mask_o     (mem_wr_pe_mask),
    .mem_wr_core_mask_o   (mem_wr_core_mask),
    .mem_rd_valid_o       (mem_rd_valid),
    .mem_rd_ready_i       (mem_rd_ready),
    .mem_rd_addr_o        (mem_rd_addr),
    .mem_rd_pe_o          (mem_rd_pe),
    .mem_rd_rvalid_i      (mem_rd_rvalid),
    .mem_rd_rdata_i       (mem_rd_rdata)
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
    .clear_i         (clear),
    .forget_o        (read_forget),
    //@ endif
    .fetch_ar_valid_i(fetch_ar_valid),
    .fetch_ar_ready_o(fetch_ar_ready),
    .fetch_ar_addr_i (fetch_ar_addr),
    .fetch_ar_len_i  (fetch_ar_len),
    .fetch_r_valid_o (fetch_r_valid),
    .fetch_r_ready_i (fetch_r_ready),
    .fetch_r_data_o  (fetch_r_data),
    .fetch_r_resp_o  (fetch_r_resp),
    .fetch_r_last_o  (fetch_r_last),
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

  // ---------------------------------------------------------------------------------------------
  // PE array.
  // ---------------------------------------------------------------------------------------------
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
    .busy_o               (pe_busy),
    .waiting_o            (pe_waiting),
    .blocked_o            (pe_blocked),
    .empty_o              (pe_empty),
    .begin_o              (pe_begin),
    .running_o            (pe_running),
    .tag_o                (pe_tag),
    .cause_o              (pe_cause),
    .signal_valid_o       (pe_signal_valid),
    .signal_id_o          (pe_signal_id),
    .error_valid_o        (pe_error_valid),
    .error_code_o         (pe_error_code),
    .error_tag_o          (pe_error_tag),
    .error_address_o      (pe_error_address),
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

  // ---------------------------------------------------------------------------------------------
  // Trace of this cycle.
  // ---------------------------------------------------------------------------------------------
  assign trace_busy_o           = {pe_running, store_busy, load_busy, dispatch_busy};
  assign trace_waiting_o        = {pe_waiting, store_waiting, load_queue_waiting, dispatch_blocked};
  assign trace_begin_o          = {pe_begin, store_cmd_valid && store_cmd_ready,
                                   load_cmd_valid && load_cmd_ready, dispatch_begin};
  assign trace_end_o            = {store_done, load_done, dispatch_last};
  assign trace_unit_tag_o       = {pe_tag, store_running_tag, load_running_tag, dispatch_tag};
  assign trace_arrival_o        = {pe_signal_valid, store_signal_valid, load_signal_valid};
  assign trace_arrival_id_o     = {pe_signal_id, store_signal_id, load_signal_id};
  assign trace_arrival_amount_o = load_signal_amount;

  logic unused_bits;
  assign unused_bits = ^{control, pe_cause};
  //@ if npu.axi.watchdog
  logic unused_timeout;
  assign unused_timeout = ^bus_timeout[31:20];
  //@ endif
endmodule : npu_top
`default_nettype wire

`default_nettype none
// SPDX-License-Identifier: Apache-2.0
// What the host sees of the NPU: registers behind AXI4-Lite, interrupt, memory windows.
//
// The windows that the host wrote are taken over with start_i; job_*_o are those of the job.
module npu_host_port #(
  parameter int unsigned GridX        = 1,       //@ = npu.grid.x  -- PE columns
  parameter int unsigned GridY        = 1,       //@ = npu.grid.y  -- PE rows
  parameter int unsigned BusBytes     = 16,      //@ = npu.axi.bytes  -- bytes of a bus beat
  parameter int unsigned AddrW        = 40,      //@ = npu.axi.address_width  -- bits
  parameter int unsigned Barriers     = 16,      //@ = npu.barriers
  parameter int unsigned PeMemBytes   = 131072,  //@ = pe.memory  -- bytes of a PE memory
  parameter int unsigned Cores        = 1,       //@ = pe.cores  -- per PE
  parameter int unsigned CoreMemBytes = 65536,   //@ = core.memory  -- bytes of a core memory
  parameter int unsigned Lanes        = 16,      //@ = core.lanes  -- per core
  parameter int unsigned Accumulators = 16,      //@ = core.accumulators  -- per lane and half
  parameter int unsigned Simd         = 16,      //@ = lane.simd  -- MACs per lane and cycle
  parameter int unsigned PostWidth    = 16,      //@ = units.postprocess_width
  parameter int unsigned Features     = 3,       //@ = npu.features
  localparam int unsigned Windows = npu_isa_pkg::WindowCount,
  localparam int unsigned CausesW = npu_isa_pkg::CauseCount * 32
) (
  input  wire                   clk_i,
  input  wire                   rst_ni,
  input  wire  [63:0]           config_hash_i,         // constant of the configuration
  // AXI4-Lite
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
  output wire                   irq_o,                 // level, until irq_status is cleared
  // to the controller: write strobes and data
  output wire                   control_we_o,
  output wire                   control_reset_o,
  //@ if npu.memory_clear
  output wire                   control_clear_o,
  //@ endif
  output wire                   doorbell_we_o,
  output wire  [31:0]           doorbell_o,
  //@ if npu.axi.watchdog
  output wire  [19:0]           bus_timeout_o,         // cycles
  //@ endif
  // from the controller
  input  wire  [31:0]           status_i,
  input  wire  [31:0]           irq_set_i,
  input  wire  [31:0]           error_info_i,
  input  wire  [63:0]           error_address_i,
  input  wire  [31:0]           perf_cycles_i,
  input  wire  [31:0]           perf_bytes_read_i,
  input  wire  [31:0]           perf_bytes_written_i,
  input  wire  [31:0]           perf_commands_i,
  input  wire  [CausesW-1:0]    perf_cause_i,
  input  wire                   cache_token_clear_i,
  // windows: window 0 as the host wrote it, for the command fetch; all as the job has them
  input  wire                   start_i,               // pulse: a job starts
  output wire  [Windows-1:0]    window_bad_o,          // it reaches beyond the addresses
  output wire  [63:0]           window_base_o,
  output wire  [31:0]           window_size_o,
  output wire                   window_readable_o,
  output wire  [64*Windows-1:0] job_base_o,
  output wire  [32*Windows-1:0] job_size_o,
  output wire  [32*Windows-1:0] job_flags_o
);
  logic [31:0]           control, irq_status, irq_enable;
  logic [32*Windows-1:0] window_base_lo, window_base_hi, window_size, window_flags;
  logic [64*Windows-1:0] window_base;
  logic [31:0]           unused_cache_token_lo, unused_cache_token_hi;
  //@ if npu.axi.watchdog
  logic [31:0]           bus_timeout;
  //@ endif

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
    .config_hash_lo_i    (config_hash_i[31:0]),
    .config_hash_hi_i    (config_hash_i[63:32]),
    .shape0_i            ({8'(PostWidth), 8'(Cores), 8'(Simd), 8'(Lanes)}),
    .shape1_i            ({16'(Accumulators), 8'(GridY), 8'(GridX)}),
    .shape2_i            ({8'(Barriers), 8'(Windows), 8'(AddrW), 8'(BusBytes)}),
    .pe_memory_bytes_i   (PeMemBytes),
    .core_memory_bytes_i (CoreMemBytes),
    .features_i          (Features),
    .control_o           (control),
    .control_we_o,
    .status_i            (status_i),
    .irq_status_set_i    (irq_set_i),
    .irq_status_o        (irq_status),
    .irq_enable_o        (irq_enable),
    .doorbell_o,
    .doorbell_we_o,
    .cache_token_lo_o    (unused_cache_token_lo),
    .cache_token_hi_o    (unused_cache_token_hi),
    .error_info_i        (error_info_i),
    .error_address_lo_i  (error_address_i[31:0]),
    .error_address_hi_i  (error_address_i[63:32]),
    //@ if npu.axi.watchdog
    .bus_timeout_o       (bus_timeout),
    //@ endif
    .window_base_lo_o    (window_base_lo),
    .window_base_hi_o    (window_base_hi),
    .window_size_o       (window_size),
    .window_flags_o      (window_flags),
    .perf_cycles_i,
    .perf_bytes_read_i,
    .perf_bytes_written_i,
    .perf_commands_i,
    .perf_cause_i,
    .cache_token_clear_i
  );

  for (genvar w = 0; w < Windows; w++) begin : gen_window
    assign window_base[64*w+:64] = {window_base_hi[32*w+:32], window_base_lo[32*w+:32]};
  end

  npu_windows #(
    .AddrW(AddrW)
  ) u_windows (
    .clk_i,
    .take_i (start_i),
    .base_i (window_base),
    .size_i (window_size),
    .flags_i(window_flags),
    .bad_o  (window_bad_o),
    .base_o (job_base_o),
    .size_o (job_size_o),
    .flags_o(job_flags_o)
  );

  assign irq_o             = (irq_status & irq_enable) != '0;
  assign control_reset_o   = control[0];
  //@ if npu.memory_clear
  assign control_clear_o   = control[1];
  //@ endif
  //@ if npu.axi.watchdog
  assign bus_timeout_o     = bus_timeout[19:0];
  //@ endif
  assign window_base_o     = window_base[63:0];
  assign window_size_o     = window_size[31:0];
  assign window_readable_o = window_flags[0];

  logic unused_bits;
  assign unused_bits = ^control;
  //@ if npu.axi.watchdog
  logic unused_timeout;
  assign unused_timeout = ^bus_timeout[31:20];
  //@ endif
endmodule : npu_host_port
`default_nettype wire

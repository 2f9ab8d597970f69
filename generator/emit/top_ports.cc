// SPDX-License-Identifier: Apache-2.0
// The table of ports; tests hold it against rtl/npu_top.sv.
#include "generator/emit/top_ports.h"

#include "generator/arch/engines.h"

namespace npugen {

std::vector<TopPort> TopPorts(const NpuConfig& config) {
  using enum PortBundle;
  const uint32_t address = config.axi_address_bits;
  const uint32_t bytes = config.axi_bytes();
  const uint32_t units = kFirstPeUnit + config.pes();
  std::vector<TopPort> ports;
  const auto in = [&](std::string_view name, std::string_view range, uint32_t width,
                      PortBundle bundle, std::string_view logical) {
    ports.push_back({name, true, range, width, bundle, logical});
  };
  const auto out = [&](std::string_view name, std::string_view range, uint32_t width,
                       PortBundle bundle, std::string_view logical) {
    ports.push_back({name, false, range, width, bundle, logical});
  };
  in("clk_i", "", 1, kClock, "CLK");
  in("rst_ni", "", 1, kReset, "RESETn");

  in("s_axil_awaddr_i", "11:0", 12, kRegisters, "AWADDR");
  in("s_axil_awvalid_i", "", 1, kRegisters, "AWVALID");
  out("s_axil_awready_o", "", 1, kRegisters, "AWREADY");
  in("s_axil_wdata_i", "31:0", 32, kRegisters, "WDATA");
  in("s_axil_wstrb_i", "3:0", 4, kRegisters, "WSTRB");
  in("s_axil_wvalid_i", "", 1, kRegisters, "WVALID");
  out("s_axil_wready_o", "", 1, kRegisters, "WREADY");
  out("s_axil_bresp_o", "1:0", 2, kRegisters, "BRESP");
  out("s_axil_bvalid_o", "", 1, kRegisters, "BVALID");
  in("s_axil_bready_i", "", 1, kRegisters, "BREADY");
  in("s_axil_araddr_i", "11:0", 12, kRegisters, "ARADDR");
  in("s_axil_arvalid_i", "", 1, kRegisters, "ARVALID");
  out("s_axil_arready_o", "", 1, kRegisters, "ARREADY");
  out("s_axil_rdata_o", "31:0", 32, kRegisters, "RDATA");
  out("s_axil_rresp_o", "1:0", 2, kRegisters, "RRESP");
  out("s_axil_rvalid_o", "", 1, kRegisters, "RVALID");
  in("s_axil_rready_i", "", 1, kRegisters, "RREADY");

  out("m_axi_arid_o", "1:0", 2, kMemory, "ARID");
  out("m_axi_araddr_o", "AddrW-1:0", address, kMemory, "ARADDR");
  out("m_axi_arlen_o", "7:0", 8, kMemory, "ARLEN");
  out("m_axi_arsize_o", "2:0", 3, kMemory, "ARSIZE");
  out("m_axi_arburst_o", "1:0", 2, kMemory, "ARBURST");
  out("m_axi_arvalid_o", "", 1, kMemory, "ARVALID");
  in("m_axi_arready_i", "", 1, kMemory, "ARREADY");
  in("m_axi_rid_i", "1:0", 2, kMemory, "RID");
  in("m_axi_rdata_i", "8*BusBytes-1:0", 8 * bytes, kMemory, "RDATA");
  in("m_axi_rresp_i", "1:0", 2, kMemory, "RRESP");
  in("m_axi_rlast_i", "", 1, kMemory, "RLAST");
  in("m_axi_rvalid_i", "", 1, kMemory, "RVALID");
  out("m_axi_rready_o", "", 1, kMemory, "RREADY");
  out("m_axi_awid_o", "1:0", 2, kMemory, "AWID");
  out("m_axi_awaddr_o", "AddrW-1:0", address, kMemory, "AWADDR");
  out("m_axi_awlen_o", "7:0", 8, kMemory, "AWLEN");
  out("m_axi_awsize_o", "2:0", 3, kMemory, "AWSIZE");
  out("m_axi_awburst_o", "1:0", 2, kMemory, "AWBURST");
  out("m_axi_awvalid_o", "", 1, kMemory, "AWVALID");
  in("m_axi_awready_i", "", 1, kMemory, "AWREADY");
  out("m_axi_wdata_o", "8*BusBytes-1:0", 8 * bytes, kMemory, "WDATA");
  out("m_axi_wstrb_o", "BusBytes-1:0", bytes, kMemory, "WSTRB");
  out("m_axi_wlast_o", "", 1, kMemory, "WLAST");
  out("m_axi_wvalid_o", "", 1, kMemory, "WVALID");
  in("m_axi_wready_i", "", 1, kMemory, "WREADY");
  in("m_axi_bid_i", "1:0", 2, kMemory, "BID");
  in("m_axi_bresp_i", "1:0", 2, kMemory, "BRESP");
  in("m_axi_bvalid_i", "", 1, kMemory, "BVALID");
  out("m_axi_bready_o", "", 1, kMemory, "BREADY");

  if (config.debug_trace != 0) {
    out("trace_active_o", "", 1, kTrace, "");
    out("trace_cause_o", "3:0", 4, kTrace, "");
    out("trace_tag_o", "15:0", 16, kTrace, "");
    out("trace_busy_o", "Units-1:0", units, kTrace, "");
    out("trace_waiting_o", "Units-1:0", units, kTrace, "");
    out("trace_begin_o", "Units-1:0", units, kTrace, "");
    out("trace_end_o", "Engines-1:0", kFirstPeUnit, kTrace, "");
    out("trace_release_o", "", 1, kTrace, "");
    out("trace_unit_tag_o", "16*Units-1:0", 16 * units, kTrace, "");
    out("trace_arrival_o", "Units-2:0", units - 1, kTrace, "");
    out("trace_arrival_id_o", "6*Units-7:0", 6 * units - 6, kTrace, "");
    out("trace_arrival_amount_o", "23:0", 24, kTrace, "");
  }

  out("irq_o", "", 1, kInterrupt, "IRQ");
  return ports;
}

}  // namespace npugen

// SPDX-License-Identifier: Apache-2.0
// Prints npu_regs: the AXI4-Lite register block of the register map.
#include "generator/emit/register_block.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "generator/arch/features.h"
#include "generator/arch/register_map.h"
#include "generator/emit/sv_writer.h"

namespace npugen {
namespace {

using Access = RegisterAccess;

/// `[127:0]` for four registers.
std::string Range(const RegisterInfo& reg) { return fmt::format("[{}:0]", reg.count * 32 - 1); }

/// The part of a flat vector that belongs to one element.
std::string Slice(const RegisterInfo& reg, uint32_t index) {
  return reg.count == 1 ? std::string() : fmt::format("[{} +: 32]", index * 32);
}

/// The registers and fields that this NPU has.
std::vector<RegisterInfo> Existing(const HardwareFeatures& features) {
  std::vector<RegisterInfo> registers;
  for (const RegisterInfo& reg : AllRegisters()) {
    if (features.Has(reg.feature)) registers.push_back(reg);
  }
  return registers;
}

/// One 32-bit register of the map at its word address.
struct Element {
  uint32_t word;
  const RegisterInfo* reg;
  uint32_t index;

  std::string Label() const { return fmt::format("10'h{:03x}", word); }
};

/// All elements, ascending by address (arrays are interleaved).
std::vector<Element> Elements(const HardwareFeatures& features) {
  std::vector<Element> elements;
  for (const RegisterInfo& reg : AllRegisters()) {
    if (!features.Has(reg.feature)) continue;
    for (uint32_t i = 0; i < reg.count; ++i) {
      elements.push_back({(reg.offset + i * reg.stride) / 4, &reg, i});
    }
  }
  std::sort(elements.begin(), elements.end(),
            [](const Element& a, const Element& b) { return a.word < b.word; });
  return elements;
}

/// The case arm of addresses that exist but have nothing to do.
void PrintIdleLabels(SvWriter& out, const HardwareFeatures& features, RegisterAccess access,
                     std::string_view why) {
  std::string labels;
  for (const Element& element : Elements(features)) {
    if (element.reg->access != access) continue;
    labels += fmt::format("{}{}", labels.empty() ? "" : ", ", element.Label());
  }
  if (labels.empty()) return;
  out.Comment(why);
  for (const std::string& line : WrapText(labels + ": ;", kLineColumns - 8)) out.Line(line);
}

/// Bits that exist: the fields, or all 32.
uint32_t FieldMask(const RegisterInfo& reg, const HardwareFeatures& features) {
  if (reg.fields.empty()) return 0xffffffff;
  uint32_t mask = 0;
  for (const RegisterField& field : reg.fields) {
    if (!features.Has(field.feature)) continue;
    mask |= (field.width == 32 ? 0xffffffff : (uint32_t{1} << field.width) - 1) << field.lsb;
  }
  return mask;
}

/// When a write hits a register: one that is not stored must be written as a whole, for nobody
/// knows what the bytes left out should be.
std::string WriteStrobe(const RegisterInfo& reg, const HardwareFeatures& features) {
  if (reg.access != Access::kWriteOnly) return "write";
  const uint32_t mask = FieldMask(reg, features);
  uint32_t bytes = 0;
  for (uint32_t i = 0; i < 4; ++i) bytes |= (mask >> 8 * i & 0xff) != 0 ? 1u << i : 0;
  if (bytes == 15) return "write && wstrb_q == '1";
  return fmt::format("write && (wstrb_q & 4'h{0:x}) == 4'h{0:x}", bytes);
}

bool IsStored(const RegisterInfo& reg) {
  return reg.access == Access::kReadWrite || reg.access == Access::kWriteOneClear;
}

bool IsCacheToken(const RegisterInfo& reg) { return reg.name.starts_with("cache_token_"); }

void PrintPorts(SvWriter& out, const HardwareFeatures& features) {
  AlignedTable bus = out.NewTable();
  const auto port = [](AlignedTable& table, std::string_view direction, std::string_view range,
                       std::string_view name, bool last = false, std::string_view remark = "") {
    table.Row({std::string(direction), "wire", std::string(range),
               fmt::format("{}{}", name, last ? "" : ",")},
              remark);
  };
  port(bus, "input", "", "clk_i");
  port(bus, "input", "", "rst_ni");
  bus.Line("// host bus, AXI4-Lite");
  port(bus, "input", "[11:0]", "s_axil_awaddr_i");
  port(bus, "input", "", "s_axil_awvalid_i");
  port(bus, "output", "", "s_axil_awready_o");
  port(bus, "input", "[31:0]", "s_axil_wdata_i");
  port(bus, "input", "[3:0]", "s_axil_wstrb_i");
  port(bus, "input", "", "s_axil_wvalid_i");
  port(bus, "output", "", "s_axil_wready_o");
  port(bus, "output", "[1:0]", "s_axil_bresp_o");
  port(bus, "output", "", "s_axil_bvalid_o");
  port(bus, "input", "", "s_axil_bready_i");
  port(bus, "input", "[11:0]", "s_axil_araddr_i");
  port(bus, "input", "", "s_axil_arvalid_i");
  port(bus, "output", "", "s_axil_arready_o");
  port(bus, "output", "[31:0]", "s_axil_rdata_o");
  port(bus, "output", "[1:0]", "s_axil_rresp_o");
  port(bus, "output", "", "s_axil_rvalid_o");
  port(bus, "input", "", "s_axil_rready_i");
  bus.Line("// registers");
  for (const RegisterInfo& reg : Existing(features)) {
    switch (reg.access) {
      case Access::kReadOnly:
        port(bus, "input", Range(reg), fmt::format("{}_i", reg.name));
        break;
      case Access::kReadWrite:
        port(bus, "output", Range(reg), fmt::format("{}_o", reg.name));
        break;
      case Access::kWriteOnly:
        port(bus, "output", Range(reg), fmt::format("{}_o", reg.name), false, "data of the write");
        port(bus, "output", "", fmt::format("{}_we_o", reg.name), false, "high for one cycle");
        break;
      case Access::kWriteOneClear:
        port(bus, "input", Range(reg), fmt::format("{}_set_i", reg.name), false,
             "1: set the bit, stronger than a write");
        port(bus, "output", Range(reg), fmt::format("{}_o", reg.name));
        break;
    }
  }
  port(bus, "input", "", "cache_token_clear_i", true, "zeroes both cache token registers");
  out.Table(bus);
}

void PrintWriteChannel(SvWriter& out) {
  out.Comment("Address and data of a write arrive in any order and are held until both are there.");
  out.Line("logic [11:0] awaddr_q;");
  out.Line("logic [31:0] wdata_q;");
  out.Line("logic [3:0]  wstrb_q;");
  out.Line("logic        aw_held_q, w_held_q, bvalid_q;");
  out.Line("logic [1:0]  bresp_q;");
  out.Line("logic        write, write_known;");
  out.Line("logic [31:0] write_mask, write_data;");
  out.Blank();
  out.Line("assign write      = aw_held_q && w_held_q && !bvalid_q;");
  out.Line(
      "assign write_mask = {{8{wstrb_q[3]}}, {8{wstrb_q[2]}}, {8{wstrb_q[1]}}, {8{wstrb_q[0]}}};");
  out.Line("assign write_data = wdata_q & write_mask;");
  out.Blank();
  out.Line("always_ff @(posedge clk) begin").In();
  out.Line("if (!rst_ni) begin").In();
  out.Line("aw_held_q <= 1'b0;").Line("w_held_q  <= 1'b0;").Line("bvalid_q  <= 1'b0;");
  out.Out().Line("end else begin").In();
  out.Line("if (s_axil_awvalid_i && s_axil_awready_o) aw_held_q <= 1'b1;");
  out.Line("if (s_axil_wvalid_i && s_axil_wready_o) w_held_q <= 1'b1;");
  out.Line("if (s_axil_bready_i) bvalid_q <= 1'b0;");
  out.Line("if (write) begin").In();
  out.Line("aw_held_q <= 1'b0;").Line("w_held_q  <= 1'b0;").Line("bvalid_q  <= 1'b1;");
  out.Out().Line("end").Out().Line("end").Out().Line("end").Blank();
  out.Line("always_ff @(posedge clk) begin").In();
  out.Line("if (s_axil_awready_o) awaddr_q <= s_axil_awaddr_i;");
  out.Line("if (s_axil_wready_o) begin").In();
  out.Line("wdata_q <= s_axil_wdata_i;").Line("wstrb_q <= s_axil_wstrb_i;");
  out.Out().Line("end");
  out.Line("if (write) bresp_q <= write_known ? RespOkay : RespSlaveError;");
  out.Out().Line("end").Blank();
}

void PrintStorage(SvWriter& out, const HardwareFeatures& features) {
  AlignedTable signals = out.NewTable();
  AlignedTable selects = out.NewTable();
  for (const RegisterInfo& reg : Existing(features)) {
    if (IsStored(reg)) signals.Row({"logic", Range(reg), fmt::format("{}_q;", reg.name)});
    if (reg.access != Access::kReadOnly) {
      selects.Row({"logic", reg.count == 1 ? "" : fmt::format("[{}:0]", reg.count - 1),
                   fmt::format("{}_we;", reg.name)});
    }
  }
  out.Comment("Registers, and which of them a write hits").Table(signals).Table(selects).Blank();

  out.Line("always_comb begin").In();
  AlignedTable defaults = out.NewTable();
  AlignedTable labels(6, "// ");
  for (const RegisterInfo& reg : Existing(features)) {
    if (reg.access != Access::kReadOnly) defaults.Row({fmt::format("{}_we", reg.name), "= '0;"});
  }
  defaults.Row({"write_known", "= 1'b1;"});
  for (const Element& element : Elements(features)) {
    if (element.reg->access == Access::kReadOnly) continue;
    labels.Row({element.Label() + ":",
                fmt::format("{}_we{} = {};", element.reg->name,
                            element.reg->count == 1 ? "" : fmt::format("[{}]", element.index),
                            WriteStrobe(*element.reg, features))});
  }
  out.Table(defaults).Line("unique case (awaddr_q[11:2])").In();
  PrintIdleLabels(out, features, Access::kReadOnly, "Read only: a write has no effect.");
  labels.Row({"default:", "write_known = 1'b0;"});
  out.Table(labels).Out().Line("endcase");
  out.Out().Line("end").Blank();

  out.Line("always_ff @(posedge clk) begin").In().Line("if (!rst_ni) begin").In();
  AlignedTable resets = out.NewTable();
  for (const RegisterInfo& reg : Existing(features)) {
    if (!IsStored(reg)) continue;
    resets.Row({fmt::format("{}_q", reg.name),
                reg.reset_value == 0 ? "<= '0;" : fmt::format("<= 32'h{:08x};", reg.reset_value)});
  }
  out.Table(resets).Out().Line("end else begin").In();
  for (const RegisterInfo& reg : Existing(features)) {
    if (!IsStored(reg)) continue;
    const uint32_t mask = FieldMask(reg, features);
    const std::string only_fields = mask == 0xffffffff ? "" : fmt::format(" & 32'h{:08x}", mask);
    const std::string slice = reg.count == 1 ? "" : "[i*32 +: 32]";
    const std::string enable = fmt::format("{}_we{}", reg.name, reg.count == 1 ? "" : "[i]");
    const std::string target = fmt::format("{}_q{}", reg.name, slice);
    if (reg.count > 1) {
      out.Line(fmt::format("for (int unsigned i = 0; i < {}; i++) begin", reg.count)).In();
    }
    if (reg.access == Access::kWriteOneClear) {
      out.Line(fmt::format("{0} <= (({0} & ~({{32{{{1}}}}} & write_data)) |", target, enable));
      out.Line(fmt::format("    {}_set_i{}){};", reg.name, slice, only_fields));
    } else {
      out.Line(fmt::format("if ({}) begin", enable)).In();
      out.Line(fmt::format("{} <=", target));
      out.Line(fmt::format("    (({} & ~write_mask) | write_data){};", target, only_fields));
      out.Out().Line("end");
    }
    if (reg.count > 1) out.Out().Line("end");
    if (IsCacheToken(reg)) {
      out.Line(fmt::format("if (cache_token_clear_i) {}_q <= '0;", reg.name));
    }
  }
  out.Out().Line("end").Out().Line("end").Blank();
}

void PrintReadChannel(SvWriter& out, const HardwareFeatures& features) {
  out.Comment("A read answers in the next cycle and is held until it is taken.");
  out.Line("logic [31:0] rdata_q, read_data;");
  out.Line("logic        rvalid_q, read_known;");
  out.Line("logic [1:0]  rresp_q;");
  out.Blank();
  out.Line("always_comb begin").In();
  out.Line("read_data  = '0;").Line("read_known = 1'b1;");
  out.Line("unique case (s_axil_araddr_i[11:2])").In();
  PrintIdleLabels(out, features, Access::kWriteOnly, "Write only: reads as 0.");
  AlignedTable labels = out.NewTable();
  for (const Element& element : Elements(features)) {
    const RegisterInfo& reg = *element.reg;
    if (reg.access == Access::kWriteOnly) continue;
    labels.Row({element.Label() + ":",
                fmt::format("read_data = {}{}{};", reg.name, IsStored(reg) ? "_q" : "_i",
                            Slice(reg, element.index))});
  }
  labels.Row({"default:", "read_known = 1'b0;"});
  out.Table(labels).Out().Line("endcase").Out().Line("end").Blank();
  out.Line("always_ff @(posedge clk) begin").In();
  out.Line("if (!rst_ni) begin").In().Line("rvalid_q <= 1'b0;");
  out.Out().Line("end else if (s_axil_arready_o) begin").In();
  out.Line("rvalid_q <= s_axil_arvalid_i;");
  out.Out().Line("end else if (s_axil_rready_i) begin").In().Line("rvalid_q <= 1'b0;");
  out.Out().Line("end").Out().Line("end").Blank();
  out.Line("always_ff @(posedge clk) begin").In();
  out.Line("if (s_axil_arready_o) begin").In();
  out.Line("rdata_q <= read_data;");
  out.Line("rresp_q <= read_known ? RespOkay : RespSlaveError;");
  out.Out().Line("end").Out().Line("end").Blank();
}

void PrintClockGate(SvWriter& out, const HardwareFeatures& features) {
  std::string sets;
  for (const RegisterInfo& reg : Existing(features)) {
    if (reg.access == Access::kWriteOneClear) sets += fmt::format("{}_set_i != '0 || ", reg.name);
  }
  out.Line("npu_clock_gate u_gate (").In();
  out.Line(".clk_i,");
  out.Line(".enable_i(!rst_ni || s_axil_awvalid_i || s_axil_wvalid_i || s_axil_arvalid_i ||");
  out.Line("          aw_held_q || w_held_q || bvalid_q || rvalid_q ||");
  out.Line(fmt::format("          {}cache_token_clear_i),", sets));
  out.Line(".clk_o   (clk)");
  out.Out().Line(");").Blank();
}

void PrintOutputs(SvWriter& out, const HardwareFeatures& features) {
  AlignedTable outputs = out.NewTable();
  const auto assign = [&](std::string name, std::string_view value) {
    outputs.Row({"assign", std::move(name), fmt::format("= {};", value)});
  };
  assign("s_axil_awready_o", "!aw_held_q");
  assign("s_axil_wready_o", "!w_held_q");
  assign("s_axil_bvalid_o", "bvalid_q");
  assign("s_axil_bresp_o", "bresp_q");
  assign("s_axil_arready_o", "!rvalid_q");
  assign("s_axil_rvalid_o", "rvalid_q");
  assign("s_axil_rresp_o", "rresp_q");
  assign("s_axil_rdata_o", "rdata_q");
  for (const RegisterInfo& reg : Existing(features)) {
    if (IsStored(reg)) assign(fmt::format("{}_o", reg.name), fmt::format("{}_q", reg.name));
    if (reg.access != Access::kWriteOnly) continue;
    assign(fmt::format("{}_o", reg.name), "write_data");
    assign(fmt::format("{}_we_o", reg.name), fmt::format("{}_we", reg.name));
  }
  out.Table(outputs).Blank();
  out.Comment("Registers are words: the low address bits select nothing.");
  out.Line("logic unused_address;");
  out.Line("assign unused_address = ^{awaddr_q[1:0], s_axil_araddr_i[1:0]};");
}

}  // namespace

std::string EmitRegisterBlock(const HardwareFeatures& features) {
  SvWriter out(
      "Register block of the host: an AXI4-Lite slave with one access of each kind under way. An "
      "address without a register answers SLVERR; bits outside of fields read as 0. A write "
      "changes "
      "the strobed bytes, and commands only if all of their bytes are strobed.",
      "");
  out.Line("module npu_regs (").In();
  PrintPorts(out, features);
  out.Out().Line(");").In();
  out.Line("wire clk;  // stands still while nothing here changes").Blank();
  out.Line("localparam logic [1:0] RespOkay       = 2'b00;");
  out.Line("localparam logic [1:0] RespSlaveError = 2'b10;").Blank();
  PrintWriteChannel(out);
  PrintStorage(out, features);
  PrintReadChannel(out, features);
  PrintClockGate(out, features);
  PrintOutputs(out, features);
  out.Out().Line("endmodule : npu_regs");
  return out.Finish();
}

}  // namespace npugen

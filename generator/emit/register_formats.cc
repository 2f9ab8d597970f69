// SPDX-License-Identifier: Apache-2.0
// Prints the register map as SystemRDL, CMSIS-SVD and IP-XACT.
#include "generator/emit/register_formats.h"

#include <fmt/format.h>

#include <vector>

#include "generator/arch/register_map.h"
#include "generator/emit/sv_writer.h"
#include "generator/emit/top_ports.h"
#include "generator/support/text.h"
#include "generator/support/version.h"

namespace npugen {
namespace {

using Access = RegisterAccess;

/// One field of a register; a register without fields has one of 32 bits.
struct Field {
  std::string_view name;
  uint32_t lsb;
  uint32_t width;
  std::string_view description;
  uint32_t reset;
};

std::vector<Field> FieldsOf(const RegisterInfo& reg, const HardwareFeatures& features) {
  if (reg.fields.empty()) return {{"value", 0, 32, reg.description, reg.reset_value}};
  std::vector<Field> fields;
  for (const RegisterField& field : reg.fields) {
    if (!features.Has(field.feature)) continue;
    const uint32_t ones = field.width == 32 ? 0xffffffff : (uint32_t{1} << field.width) - 1;
    fields.push_back({field.name, field.lsb, field.width, field.description,
                      reg.reset_value >> field.lsb & ones});
  }
  return fields;
}

/// The registers that this NPU has.
std::vector<RegisterInfo> Existing(const HardwareFeatures& features) {
  std::vector<RegisterInfo> registers;
  for (const RegisterInfo& reg : AllRegisters()) {
    if (features.Has(reg.feature)) registers.push_back(reg);
  }
  return registers;
}

/// Lines of an indented file.
class Lines {
 public:
  void Add(std::string_view text) {
    text_.append(2 * depth_, ' ').append(text);
    text_ += '\n';
  }
  void Blank() { text_ += '\n'; }
  void In() { ++depth_; }
  void Out() { --depth_; }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
  size_t depth_ = 0;
};

/// XML with one element a line where it holds text only.
class Xml : public Lines {
 public:
  explicit Xml(const Plan& plan) {
    Add("<?xml version=\"1.0\" encoding=\"UTF-8\"?>");
    Add(fmt::format("<!-- {}", kLicenseLine));
    Add(fmt::format("  {}", GeneratedBanner(Origin(plan.config.name, plan.config.hash))));
    Add("-->");
  }
  void Open(std::string_view tag, std::string_view attributes = "") {
    Add(fmt::format("<{}{}{}>", tag, attributes.empty() ? "" : " ", attributes));
    tags_.emplace_back(tag);
    In();
  }
  void Close() {
    Lines::Out();
    Add(fmt::format("</{}>", tags_.back()));
    tags_.pop_back();
  }
  void Leaf(std::string_view tag, std::string_view text) {
    const std::string line = fmt::format("<{}>{}</{}>", tag, EscapeXml(text), tag);
    if (line.size() + 2 * tags_.size() <= kLineColumns) {
      Add(line);
      return;
    }
    Add(fmt::format("<{}>", tag));
    for (const std::string& part : WrapText(EscapeXml(text), kLineColumns - 2 * tags_.size() - 2)) {
      Add("  " + part);
    }
    Add(fmt::format("</{}>", tag));
  }

 private:
  std::vector<std::string> tags_;
};

/// A string of SystemRDL; descriptions hold no quotes (a test looks).
std::string Quoted(std::string_view text) { return fmt::format("\"{}\"", text); }

void Property(Lines& out, std::string_view name, std::string_view text) {
  const std::string line = fmt::format("{} = {};", name, Quoted(text));
  const std::vector<std::string> parts = WrapText(line, 80);
  for (size_t i = 0; i < parts.size(); ++i) out.Add((i == 0 ? "" : "  ") + parts[i]);
}

std::string_view RdlAccess(Access access, uint32_t width) {
  switch (access) {
    case Access::kReadOnly:
      return "sw = r; hw = w;";
    case Access::kReadWrite:
      return "sw = rw; hw = r;";
    case Access::kWriteOnly:
      return width == 1 ? "sw = w; hw = r; singlepulse;" : "sw = w; hw = r; swmod;";
    case Access::kWriteOneClear:
      return "sw = rw; hw = w; onwrite = woclr; hwset;";
  }
  return {};
}

std::string_view SvdAccess(Access access) {
  switch (access) {
    case Access::kReadOnly:
      return "read-only";
    case Access::kWriteOnly:
      return "write-only";
    case Access::kReadWrite:
    case Access::kWriteOneClear:
      return "read-write";
  }
  return {};
}

/// vendor:library:name:version, the same in all descriptions.
void VersionedName(Xml& out, std::string_view name) {
  out.Leaf("ipxact:vendor", "npugen");
  out.Leaf("ipxact:library", "npu");
  out.Leaf("ipxact:name", name);
  out.Leaf("ipxact:version", kToolVersion);
}

/// One bus interface, from its ports.
struct Bus {
  std::string_view name;
  PortBundle bundle;
  std::string_view vendor, library, type, abstraction, version;
  std::string_view role;  ///< element: ipxact:slave, ipxact:master
  std::string_view reference;
};

void PrintBus(Xml& out, const Bus& bus, const std::vector<TopPort>& ports) {
  const auto reference = [&](std::string_view tag, std::string_view name) {
    out.Add(fmt::format("<{} vendor=\"{}\" library=\"{}\"", tag, bus.vendor, bus.library));
    out.Add(fmt::format("  name=\"{}\" version=\"{}\"/>", name, bus.version));
  };
  out.Open("ipxact:busInterface");
  out.Leaf("ipxact:name", bus.name);
  reference("ipxact:busType", bus.type);
  out.Open("ipxact:abstractionTypes");
  out.Open("ipxact:abstractionType");
  reference("ipxact:abstractionRef", bus.abstraction);
  out.Open("ipxact:portMaps");
  for (const TopPort& port : ports) {
    if (port.bundle != bus.bundle) continue;
    out.Open("ipxact:portMap");
    out.Open("ipxact:logicalPort");
    out.Leaf("ipxact:name", port.logical);
    out.Close();
    out.Open("ipxact:physicalPort");
    out.Leaf("ipxact:name", port.name);
    out.Close();
    out.Close();
  }
  out.Close();
  out.Close();
  out.Close();
  if (bus.reference.empty()) {
    out.Add(fmt::format("<{}/>", bus.role));
  } else {
    out.Open(bus.role);
    out.Add(fmt::format("<{}/>", bus.reference));
    out.Close();
  }
  out.Close();
}

void PrintIpXactRegister(Xml& out, const RegisterInfo& reg, uint32_t index,
                         const HardwareFeatures& features) {
  out.Open("ipxact:register");
  out.Leaf("ipxact:name",
           reg.count == 1 ? std::string(reg.name) : fmt::format("{}_{}", reg.name, index));
  out.Leaf("ipxact:description", reg.description);
  out.Leaf("ipxact:addressOffset", fmt::format("'h{:x}", reg.offset + index * reg.stride));
  out.Leaf("ipxact:size", "32");
  for (const Field& field : FieldsOf(reg, features)) {
    out.Open("ipxact:field");
    out.Leaf("ipxact:name", field.name);
    out.Leaf("ipxact:description", field.description);
    out.Leaf("ipxact:bitOffset", fmt::format("{}", field.lsb));
    if (reg.access == Access::kReadWrite || reg.access == Access::kWriteOneClear) {
      out.Open("ipxact:resets");
      out.Open("ipxact:reset");
      out.Leaf("ipxact:value", fmt::format("'h{:x}", field.reset));
      out.Close();
      out.Close();
    }
    out.Leaf("ipxact:bitWidth", fmt::format("{}", field.width));
    if (reg.access == Access::kReadOnly || reg.access == Access::kWriteOneClear) {
      out.Leaf("ipxact:volatile", "true");
    }
    out.Leaf("ipxact:access", SvdAccess(reg.access));
    if (reg.access == Access::kWriteOneClear) {
      out.Leaf("ipxact:modifiedWriteValue", "oneToClear");
    }
    out.Close();
  }
  out.Close();
}

void PrintPorts(Xml& out, const std::vector<TopPort>& ports) {
  out.Open("ipxact:ports");
  for (const TopPort& port : ports) {
    out.Open("ipxact:port");
    out.Leaf("ipxact:name", port.name);
    out.Open("ipxact:wire");
    out.Leaf("ipxact:direction", port.is_input ? "in" : "out");
    if (!port.range.empty()) {
      out.Open("ipxact:vectors");
      out.Open("ipxact:vector");
      out.Leaf("ipxact:left", fmt::format("{}", port.width - 1));
      out.Leaf("ipxact:right", "0");
      out.Close();
      out.Close();
    }
    out.Close();
    out.Close();
  }
  out.Close();
}

}  // namespace

std::string EmitSystemRdl(const Plan& plan) {
  const HardwareFeatures features = plan.config.features();
  Lines out;
  out.Add(fmt::format("// {}", kLicenseLine));
  out.Add(fmt::format("// Registers of {} in SystemRDL 2.0.", plan.config.name));
  out.Add(fmt::format("// {}", GeneratedBanner(Origin(plan.config.name, plan.config.hash))));
  out.Blank();
  out.Add(fmt::format("addrmap {}_registers {{", plan.config.name));
  out.In();
  out.Add(fmt::format("name = {};", Quoted("Registers of " + plan.config.name)));
  out.Add("default regwidth = 32;");
  out.Add("default accesswidth = 32;");
  out.Add("addressing = regalign;");
  for (const RegisterInfo& reg : Existing(features)) {
    out.Blank();
    out.Add("reg {");
    out.In();
    Property(out, "desc", reg.description);
    for (const Field& field : FieldsOf(reg, features)) {
      out.Add("field {");
      out.In();
      Property(out, "desc", field.description);
      out.Add(RdlAccess(reg.access, field.width));
      out.Out();
      const bool stores = reg.access == Access::kReadWrite || reg.access == Access::kWriteOneClear;
      out.Add(fmt::format("}} {}[{}:{}]{};", field.name, field.lsb + field.width - 1, field.lsb,
                          stores ? fmt::format(" = {}'h{:x}", field.width, field.reset) : ""));
    }
    out.Out();
    out.Add(reg.count == 1 ? fmt::format("}} {} @ 0x{:03x};", reg.name, reg.offset)
                           : fmt::format("}} {}[{}] @ 0x{:03x} += 0x{:x};", reg.name, reg.count,
                                         reg.offset, reg.stride));
  }
  out.Out();
  out.Add("};");
  return out.text();
}

std::string EmitSvd(const Plan& plan) {
  const HardwareFeatures features = plan.config.features();
  Xml out(plan);
  out.Open("device", "schemaVersion=\"1.3\"");
  out.Leaf("vendor", "npugen");
  out.Leaf("name", plan.config.name);
  out.Leaf("version", kToolVersion);
  out.Leaf("description", fmt::format("NPU {}", plan.config.name));
  out.Leaf("addressUnitBits", "8");
  out.Leaf("width", "32");
  out.Leaf("size", "32");
  out.Leaf("access", "read-write");
  out.Leaf("resetValue", "0x00000000");
  out.Leaf("resetMask", "0xffffffff");
  out.Open("peripherals");
  out.Open("peripheral");
  out.Leaf("name", "NPU");
  out.Leaf("description", "Neural processing unit; set its base address to where the bus has it");
  out.Leaf("baseAddress", "0x00000000");
  out.Open("addressBlock");
  out.Leaf("offset", "0x0");
  out.Leaf("size", fmt::format("0x{:x}", kRegisterSpaceBytes));
  out.Leaf("usage", "registers");
  out.Close();
  out.Open("registers");
  for (const RegisterInfo& reg : Existing(features)) {
    out.Open("register");
    if (reg.count > 1) {
      out.Leaf("dim", fmt::format("{}", reg.count));
      out.Leaf("dimIncrement", fmt::format("0x{:x}", reg.stride));
    }
    out.Leaf("name", reg.count == 1 ? std::string(reg.name) : fmt::format("{}_%s", reg.name));
    out.Leaf("description", reg.description);
    out.Leaf("addressOffset", fmt::format("0x{:03x}", reg.offset));
    out.Leaf("size", "32");
    out.Leaf("access", SvdAccess(reg.access));
    if (reg.access != Access::kReadOnly) {
      out.Leaf("resetValue", fmt::format("0x{:08x}", reg.reset_value));
    }
    if (reg.access == Access::kWriteOneClear) out.Leaf("modifiedWriteValues", "oneToClear");
    out.Open("fields");
    for (const Field& field : FieldsOf(reg, features)) {
      out.Open("field");
      out.Leaf("name", field.name);
      out.Leaf("description", field.description);
      out.Leaf("bitOffset", fmt::format("{}", field.lsb));
      out.Leaf("bitWidth", fmt::format("{}", field.width));
      out.Close();
    }
    out.Close();
    out.Close();
  }
  out.Close();
  out.Close();
  out.Close();
  out.Close();
  return out.text();
}

std::string EmitIpXact(const Plan& plan, const std::vector<std::string>& sources) {
  const std::vector<TopPort> ports = TopPorts(plan.config);
  const HardwareFeatures features = plan.config.features();
  Xml out(plan);
  out.Open("ipxact:component",
           "xmlns:ipxact=\"http://www.accellera.org/XMLSchema/IPXACT/1685-2014\"");
  VersionedName(out, plan.config.name);
  out.Open("ipxact:busInterfaces");
  PrintBus(out,
           {"registers", PortBundle::kRegisters, "amba.com", "AMBA4", "AXI4-Lite", "AXI4-Lite_rtl",
            "r0p0_0", "ipxact:slave", "ipxact:memoryMapRef memoryMapRef=\"registers\""},
           ports);
  PrintBus(out,
           {"memory", PortBundle::kMemory, "amba.com", "AMBA4", "AXI4", "AXI4_rtl", "r0p0_0",
            "ipxact:master", "ipxact:addressSpaceRef addressSpaceRef=\"memory\""},
           ports);
  PrintBus(out,
           {"clock", PortBundle::kClock, "accellera.org", "signal", "clock", "clock_rtl", "1.0",
            "ipxact:slave", ""},
           ports);
  PrintBus(out,
           {"reset", PortBundle::kReset, "accellera.org", "signal", "reset", "reset_rtl", "1.0",
            "ipxact:slave", ""},
           ports);
  PrintBus(out,
           {"interrupt", PortBundle::kInterrupt, "accellera.org", "signal", "interrupt",
            "interrupt_rtl", "1.0", "ipxact:master", ""},
           ports);
  out.Close();
  out.Open("ipxact:addressSpaces");
  out.Open("ipxact:addressSpace");
  out.Leaf("ipxact:name", "memory");
  out.Leaf("ipxact:range",
           plan.config.axi_address_bits == 64
               ? std::string("'h10000000000000000")
               : fmt::format("'h{:x}", uint64_t{1} << plan.config.axi_address_bits));
  out.Leaf("ipxact:width", fmt::format("{}", plan.config.axi_data_bits));
  out.Leaf("ipxact:addressUnitBits", "8");
  out.Close();
  out.Close();
  out.Open("ipxact:memoryMaps");
  out.Open("ipxact:memoryMap");
  out.Leaf("ipxact:name", "registers");
  out.Open("ipxact:addressBlock");
  out.Leaf("ipxact:name", "registers");
  out.Leaf("ipxact:baseAddress", "'h0");
  out.Leaf("ipxact:range", fmt::format("'h{:x}", kRegisterSpaceBytes));
  out.Leaf("ipxact:width", "32");
  out.Leaf("ipxact:usage", "register");
  for (const RegisterInfo& reg : Existing(features)) {
    for (uint32_t i = 0; i < reg.count; ++i) PrintIpXactRegister(out, reg, i, features);
  }
  out.Close();
  out.Leaf("ipxact:addressUnitBits", "8");
  out.Close();
  out.Close();
  out.Open("ipxact:model");
  out.Open("ipxact:views");
  out.Open("ipxact:view");
  out.Leaf("ipxact:name", "rtl");
  out.Leaf("ipxact:envIdentifier", "::");
  out.Leaf("ipxact:componentInstantiationRef", "rtl");
  out.Close();
  out.Close();
  out.Open("ipxact:instantiations");
  out.Open("ipxact:componentInstantiation");
  out.Leaf("ipxact:name", "rtl");
  out.Leaf("ipxact:language", "SystemVerilog");
  out.Leaf("ipxact:moduleName", kTopModule);
  out.Open("ipxact:fileSetRef");
  out.Leaf("ipxact:localName", "rtl");
  out.Close();
  out.Close();
  out.Close();
  PrintPorts(out, ports);
  out.Close();
  out.Open("ipxact:fileSets");
  out.Open("ipxact:fileSet");
  out.Leaf("ipxact:name", "rtl");
  for (const std::string& source : sources) {
    out.Open("ipxact:file");
    out.Leaf("ipxact:name", "../" + source);
    out.Leaf("ipxact:fileType", "systemVerilogSource");
    if (source.ends_with(".svh")) out.Leaf("ipxact:isIncludeFile", "true");
    out.Close();
  }
  out.Close();
  out.Close();
  out.Leaf("ipxact:description",
           fmt::format("NPU {}: {} multiply-accumulates a cycle, configuration {:016x}",
                       plan.config.name, plan.config.macs_per_cycle(), plan.config.hash));
  out.Close();
  return out.text();
}

}  // namespace npugen

// SPDX-License-Identifier: Apache-2.0
// The guide of an emission, its descriptions for other tools, and the files it carries.
#include "generator/emit/integration.h"

#include <fmt/format.h>

#include "generator/arch/register_map.h"
#include "generator/emit/memories.h"
#include "generator/emit/sv_writer.h"
#include "generator/emit/top_ports.h"
#include "generator/support/text.h"
#include "generator/support/version.h"

namespace npugen {
namespace {

std::string Banner(const Plan& plan) {
  return GeneratedBanner(Origin(plan.config.name, plan.config.hash));
}

std::string SpacedParagraph(std::string_view text) {
  std::string out;
  for (const std::string& line : WrapText(text, kLineColumns)) out += line + '\n';
  return out + '\n';
}

/// Replaces every `from`.
std::string Replaced(std::string text, std::string_view from, std::string_view to) {
  for (size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
  return text;
}

/// What a port is connected to in the template: `s_axil_awaddr_i` to `s_axil_awaddr`.
std::string Connection(const TopPort& port) {
  switch (port.bundle) {
    case PortBundle::kClock:
      return "clk";
    case PortBundle::kReset:
      return "rst_n";
    case PortBundle::kInterrupt:
      return "npu_irq";
    case PortBundle::kTrace:
      return "";
    case PortBundle::kRegisters:
    case PortBundle::kMemory:
      break;
  }
  std::string name(port.name);
  name.resize(name.size() - 2);
  return name;
}

std::string Template(const Plan& plan) {
  std::string out = "```systemverilog\n";
  const std::vector<TopPort> ports = TopPorts(plan.config);
  for (const TopPort& port : ports) {
    const std::string wire = Connection(port);
    const bool is_bus = port.bundle == PortBundle::kRegisters || port.bundle == PortBundle::kMemory;
    if (is_bus || port.bundle == PortBundle::kInterrupt) {
      out += fmt::format("wire {}{};\n",
                         port.range.empty() ? "" : fmt::format("[{}:0] ", port.width - 1), wire);
    }
  }
  out += fmt::format("\n{} u_npu (\n", kTopModule);
  for (size_t i = 0; i < ports.size(); ++i) {
    out += fmt::format("  .{:<24}({}){}\n", ports[i].name, Connection(ports[i]),
                       i + 1 == ports.size() ? "" : ",");
  }
  return out + ");\n```\n\n";
}

std::string Memories(const Plan& plan) {
  std::string out =
      "| cell | instances | words | bits a word | KiB in all | what |\n"
      "| --- | ---: | ---: | ---: | ---: | --- |\n";
  uint64_t bits = 0;
  for (const MemoryNeed& need : MemoryNeeds(plan.config)) {
    bits += need.total_bits();
    out += fmt::format("| `{}` | {} | {} | {} | {:.2f} | {} |\n", need.cell, need.instances,
                       need.words, need.bits, static_cast<double>(need.total_bits()) / 8192,
                       need.purpose);
  }
  return out + fmt::format("\n{:.2f} KiB together.\n\n", static_cast<double>(bits) / 8192);
}

}  // namespace

std::string EmitGuide(const Plan& plan) {
  const NpuConfig& config = plan.config;
  std::string out = fmt::format("<!-- {} -->\n# NPU {}\n\n", kLicenseLine, config.name);
  out += SpacedParagraph(Banner(plan));
  out += SpacedParagraph(fmt::format(
      "{} multiply-accumulates of int8 a cycle, {} of PE memory, {} of core memory; registers on "
      "AXI4-Lite, memory on AXI4 with {} bits of data and {} of address; one clock ({} asked for), "
      "one interrupt.",
      config.macs_per_cycle(), FormatBytes(uint64_t{config.pes()} * config.pe_memory_bytes),
      FormatBytes(uint64_t{config.pes()} * config.cores * config.core_memory_bytes),
      config.axi_data_bits, config.axi_address_bits, FormatHertz(config.clock_hz)));
  out +=
      "| folder | what |\n| --- | --- |\n"
      "| `rtl/` | SystemVerilog; `filelist.f` names the files in order, packages first |\n"
      "| `include/` | C headers: registers, configuration |\n"
      "| `driver/` | driver in freestanding C11; compile it with `-Idriver -Iinclude` |\n"
      "| `firmware/` | bare-metal RISC-V example: `make` with `riscv64-unknown-elf-gcc` |\n"
      "| `linux/` | example for Linux on UIO, on the same driver |\n"
      "| `ip/` | FuseSoC core, IP-XACT, SystemRDL, CMSIS-SVD, device-tree binding and example |\n"
      "| `constraints/` | timing constraints |\n"
      "| `docs/` | registers, commands, and what the machine does (`machine.md`) |\n\n";
  out += "## Instantiation\n\n" + Template(plan);
  out += "## Checklist\n\n";
  const auto item = [&out](std::string_view text) {
    bool first = true;
    for (const std::string& line : WrapText(text, kLineColumns - 2)) {
      out += (first ? "- " : "  ") + line + '\n';
      first = false;
    }
  };
  item(
      "Clock and reset: one clock, `clk_i`; `rst_ni` is active low and synchronous: low for at "
      "least two rising edges, released away from the edge. No register or memory has a value "
      "before that.");
  item(fmt::format(
      "Registers: {} bytes, 32-bit accesses, aligned. `s_axil_*` has no AxPROT: restrict access in "
      "the interconnect. One read and one write at a time are accepted.",
      kRegisterSpaceBytes));
  item(
      "Memory port: INCR bursts of whole beats that never cross 4 KiB, ids 0 to 3 (2 bits); "
      "answers of one id come in order, those of different ids in any. `m_axi_*` has no AxLOCK, "
      "AxCACHE, AxPROT, AxQOS, AxREGION: tie AxLOCK to 0, AxCACHE to 4'b0011 (normal, "
      "non-cacheable, bufferable) or to what makes the port coherent, AxPROT to 3'b010 "
      "(unprivileged, non-secure, data) or to your security domain, AxQOS by your needs: the NPU "
      "tolerates any latency, and stalls on it.");
  item(
      "Address windows: the NPU reaches four windows only, whose bases, sizes and permissions are "
      "registers (program: read, scratch: read and write, input: read, output: write). Whoever may "
      "write registers can let it read and write all of the bus: put an IOMMU or a firewall "
      "there where that is not trusted software.");
  item(
      "Coherency: without a coherent port, the CPU cleans caches before the doorbell and "
      "invalidates them after the interrupt (`memory_barrier` of the driver's platform).");
  item(
      "Interrupt: `irq_o` is level, active high, until `irq_status` is cleared (the driver's "
      "npu_interrupt()).");
  if (config.debug_trace != 0) {
    item(
        "Trace ports only observe: leave them open, record them (docs/machine.md says what they "
        "show), or leave them out (`debug.trace: false` in the spec).");
  }
  if (config.clock_gating != 0) {
    item(
        "Clock gates: `npu_clock_gate` is latch and AND; replace the module by a cell of your "
        "library (integrated clock gate, positive edge), with its scan enable tied as your test "
        "needs.");
  }
  item(
      "Memories: `npu_ram_1rw` (one port, byte enables) and `npu_ram_1r1w` (one read, one write "
      "port) are the only modules to replace by macros. Write a module of the same name and ports "
      "that instantiates the macro of that size (a `generate` over Width or Bytes and Depth, with "
      "the RTL as it is for sizes not worth one), and put it in `filelist.f` in place of the RTL. "
      "Read data come in the cycle after the access and stay; a read of a word that is written in "
      "the same cycle gives the old word.");
  out += "\n## Memories\n\n" + Memories(plan);
  out += "## Driver\n\n";
  out += SpacedParagraph(
      "`driver/npu_network.h` says how: fill in `struct npu_platform`, then npu_init(), "
      "npu_network_check(), npu_network_reset_state() where it has states, "
      "npu_network_begin(), npu_network_wait(). `npugen compile` writes "
      "network files for this configuration; others are refused by their hash.");
  out.pop_back();  // the blank line behind the last paragraph
  return out;
}

std::string EmitFuseSocCore(const Plan& plan, const std::vector<std::string>& sources) {
  std::string out = "CAPI=2:\n";
  out += fmt::format("# {}\n# {}\n", kLicenseLine, Banner(plan));
  out += fmt::format("name: \"npugen:npu:{}:{}\"\n", plan.config.name, kToolVersion);
  out += fmt::format("description: \"NPU {}: {} multiply-accumulates a cycle\"\n\n",
                     plan.config.name, plan.config.macs_per_cycle());
  out += "filesets:\n  rtl:\n    files:\n";
  for (const std::string& source : sources) {
    out += source.ends_with(".svh")
               ? fmt::format("      - ../{}: {{is_include_file: true, include_path: ../rtl}}\n",
                             source)
               : fmt::format("      - ../{}\n", source);
  }
  out +=
      "    file_type: systemVerilogSource\n"
      "  constraints:\n    files:\n      - ../constraints/npu.sdc: {file_type: SDC}\n\n";
  out += fmt::format(
      "targets:\n  default: &default\n    filesets: [rtl]\n    toplevel: {}\n"
      "  synth:\n    <<: *default\n    filesets: [rtl, constraints]\n"
      "  lint:\n    <<: *default\n    default_tool: verilator\n    tools:\n      verilator:\n"
      "        mode: lint-only\n        verilator_options: [-Wall]\n",
      kTopModule);
  return out;
}

std::string EmitDeviceTreeBinding(const Plan& plan) {
  return fmt::format(
      "# {0}\n# {1}\n%YAML 1.2\n---\n"
      "$id: http://devicetree.org/schemas/npu/npugen,npu.yaml#\n"
      "$schema: http://devicetree.org/meta-schemas/core.yaml#\n\n"
      "title: Neural processing unit made by npugen\n\n"
      "maintainers:\n  - npugen\n\n"
      "properties:\n"
      "  compatible:\n"
      "    items:\n"
      "      - const: npugen,{2}\n"
      "      - const: npugen,npu\n"
      "      - const: generic-uio\n"
      "    minItems: 2\n\n"
      "  reg:\n    maxItems: 1\n\n"
      "  interrupts:\n    maxItems: 1\n\n"
      "  clocks:\n    maxItems: 1\n\n"
      "  resets:\n    maxItems: 1\n\n"
      "  memory-region:\n    maxItems: 1\n"
      "    description: memory for programs, tensors and scratch, below 2^{3}\n\n"
      "required:\n  - compatible\n  - reg\n  - interrupts\n\n"
      "additionalProperties: false\n",
      kLicenseLine, Banner(plan), plan.config.name, plan.config.axi_address_bits);
}

std::string EmitDeviceTree(const Plan& plan) {
  std::string node = plan.config.name;
  return fmt::format(
      "// {0}\n// {1}\n// Example: change addresses, interrupt and clock to those of your SoC.\n"
      "/dts-v1/;\n\n"
      "/ {{\n"
      "\t#address-cells = <2>;\n\t#size-cells = <2>;\n\n"
      "\tinterrupt_controller: interrupt-controller {{\n"
      "\t\tinterrupt-controller;\n\t\t#address-cells = <0>;\n\t\t#interrupt-cells = <1>;\n\t}};\n\n"
      "\tnpu_clock: npu-clock {{\n"
      "\t\tcompatible = \"fixed-clock\";\n\t\t#clock-cells = <0>;\n"
      "\t\tclock-frequency = <{2}>;\n\t}};\n\n"
      "\treserved-memory {{\n"
      "\t\t#address-cells = <2>;\n\t\t#size-cells = <2>;\n\t\tranges;\n\n"
      "\t\tnpu_memory: npu@90000000 {{\n"
      "\t\t\treg = <0x0 0x90000000 0x0 0x04000000>;\n\t\t\tno-map;\n\t\t}};\n\t}};\n\n"
      "\tsoc {{\n"
      "\t\tcompatible = \"simple-bus\";\n"
      "\t\t#address-cells = <2>;\n\t\t#size-cells = <2>;\n\t\tranges;\n\n"
      "\t\tnpu@10000000 {{\n"
      "\t\t\tcompatible = \"npugen,{3}\", \"npugen,npu\", \"generic-uio\";\n"
      "\t\t\treg = <0x0 0x10000000 0x0 0x{4:x}>;\n"
      "\t\t\tinterrupt-parent = <&interrupt_controller>;\n"
      "\t\t\tinterrupts = <1>;\n"
      "\t\t\tclocks = <&npu_clock>;\n"
      "\t\t\tmemory-region = <&npu_memory>;\n\t\t}};\n\t}};\n}};\n",
      kLicenseLine, Banner(plan), plan.config.clock_hz, plan.config.name, kRegisterSpaceBytes);
}

FileSet EmitCompanions() {
  FileSet files;
  for (const RtlSource& source : CompanionLibrary()) {
    std::string text(source.text);
    for (const std::string_view folder :
         {"sw/driver/", "sw/compiler/", "sw/firmware/example/", "sw/firmware/"}) {
      text = Replaced(std::move(text), fmt::format("#include \"{}", folder), "#include \"");
    }
    files[std::string(source.name)] = std::move(text);
  }
  return files;
}

}  // namespace npugen

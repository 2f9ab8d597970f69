// SPDX-License-Identifier: Apache-2.0
// Prints npu_isa_pkg: the command set as SystemVerilog constants and packed structs.
#include "generator/emit/isa_package.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "generator/arch/command_set.h"
#include "generator/arch/register_map.h"
#include "generator/emit/sv_writer.h"

namespace npugen {
namespace {

constexpr uint32_t kWordBits = 32;

/// The fields of a layout from the most significant bit down, gaps filled.
AlignedTable StructMembers(const CommandLayout& layout, AlignedTable table) {
  uint32_t top = layout.words * kWordBits;  // first bit above what is still to be printed
  const auto range = [](uint32_t width) {
    return width == 1 ? std::string() : fmt::format("[{}:0]", width - 1);
  };
  // Gaps stay within one word so that their names say where they are.
  const auto fill_down_to = [&](uint32_t bit) {
    while (top > bit) {
      const uint32_t word = (top - 1) / kWordBits;
      const uint32_t low = std::max(bit, word * kWordBits);
      table.Row({"logic", "", range(top - low),
                 fmt::format("reserved_{}_{};", word, low - word * kWordBits)});
      top = low;
    }
  };
  for (size_t i = layout.fields.size(); i-- > 0;) {
    const CommandField& field = layout.fields[i];
    const uint32_t low = field.word * kWordBits + field.lsb;
    fill_down_to(low + field.width);
    table.Row(
        {"logic", field.is_signed ? "signed" : "", range(field.width),
         fmt::format("{};", field.name)},
        fmt::format("{}[{}]: {}", field.word,
                    field.width == 1 ? fmt::format("{}", field.lsb)
                                     : fmt::format("{}:{}", field.lsb + field.width - 1, field.lsb),
                    field.description));
    top = low;
  }
  fill_down_to(0);
  return table;
}

/// The bits of every entry that fields of a command use, as a function of opcode and entry.
void PrintUsedBits(const HardwareFeatures& features, SvWriter* out) {
  const auto bits_of = [&](const OpcodeInfo& info, uint32_t entry) {
    std::string text;
    for (uint32_t word = kWordsPerEntry; word-- > 0;) {
      text += fmt::format(
          "{}{:08x}", text.empty() ? "" : "_",
          UsedBits(info.opcode, entry * kWordsPerEntry + word, features.Has(kBinaryUnitKey)));
    }
    return text;
  };
  uint32_t entries = 0;
  for (const OpcodeInfo& info : AllOpcodes()) {
    entries = std::max<uint32_t>(entries, info.max_entries);
  }
  out->Blank().Comment(
      "Bits of an entry that fields of its command use; all others must be 0. The opcode is a "
      "known one, and the command has the entry.");
  out->Line("function automatic logic [127:0] used_bits(input logic [7:0] opcode,");
  out->Line("                                           input logic [3:0] entry);").In();
  out->Line("case (entry)").In();
  for (uint32_t entry = 0; entry < entries; ++entry) {
    // Opcodes with the same bits share a line; the default serves most.
    std::map<std::string, std::vector<std::string>> opcodes;
    for (const OpcodeInfo& info : AllOpcodes()) {
      if (entry < info.max_entries) opcodes[bits_of(info, entry)].push_back(std::string(info.name));
    }
    const auto most = std::max_element(opcodes.begin(), opcodes.end(), [](auto& a, auto& b) {
      return a.second.size() < b.second.size();
    });
    out->Line(entry + 1 < entries ? fmt::format("4'd{}:", entry) : "default:").In();
    const std::string line = "used_bits = 128'h{};";
    if (opcodes.size() > 1) out->Line("case (opcode)").In();
    for (const auto& [bits, names] : opcodes) {
      if (bits == most->first) continue;
      std::string labels;
      for (const std::string& name : names) labels += (labels.empty() ? "Op" : ", Op") + name;
      out->Line(labels + ":").In();
      out->Line(fmt::format(fmt::runtime(line), bits)).Out();
    }
    out->Line((opcodes.size() > 1 ? "default: " : "") +
              fmt::format(fmt::runtime(line), most->first));
    if (opcodes.size() > 1) out->Out().Line("endcase");
    out->Out();
  }
  out->Out().Line("endcase");
  out->Out().Line("endfunction");
}

}  // namespace

std::string EmitIsaPackage(const HardwareFeatures& features) {
  SvWriter out(
      "The command set: opcodes, command layouts, hardware errors and cycle causes. Word 0 of a "
      "command is in bits [31:0] of its struct; remarks give word[bits].",
      "");
  out.Line("/* verilator lint_off UNUSEDPARAM */").Line("package npu_isa_pkg;").In();

  out.Comment("Streams");
  AlignedTable streams = out.NewTable();
  const auto number = [&](std::string_view name, uint32_t value, std::string_view remark) {
    streams.Row({"localparam int unsigned", std::string(name), fmt::format("= {};", value)},
                remark);
  };
  number("CommandSetVersion", kCommandSetVersion, "of streams and of the register interface");
  number("StreamHeaderEntries", kStreamHeaderEntries, "entries before the first command");
  number("EntryBytes", kEntryBytes, "bytes of an entry");
  number("BarrierIdBits", kBarrierIdBits, "bits of a barrier's number");
  number("BarrierCountBits", kBarrierCountBits, "bits of a barrier's count");
  number("WindowCount", kWindowCount, "memory windows of the host");
  number("ParameterRecordBytes", kParameterRecordBytes, "bytes of a channel's parameters");
  for (const CommandLayout* layout : AllCommandLayouts()) {
    number(UpperCamel(layout->name) + "Words", layout->words, "words of the full form");
  }
  streams.Row(
      {"localparam logic [31:0]", "StreamMagic", fmt::format("= 32'h{:08x};", kStreamMagic)},
      "first word of a stream");
  streams.Row({"localparam logic [31:0]", "Identity", fmt::format("= 32'h{:08x};", kIdentity)},
              "value of the register id");
  out.Table(streams).Blank();

  out.Comment("Opcodes");
  AlignedTable opcodes = out.NewTable();
  for (const OpcodeInfo& info : AllOpcodes()) {
    opcodes.Row({"localparam logic [7:0]", fmt::format("Op{}", info.name),
                 fmt::format("= 8'h{:02x};", static_cast<uint8_t>(info.opcode))},
                info.description);
  }
  out.Table(opcodes).Blank();

  out.Comment("Entries of a command's shortest and longest form");
  AlignedTable lengths = out.NewTable();
  for (const OpcodeInfo& info : AllOpcodes()) {
    lengths.Row({"localparam int unsigned", fmt::format("MinEntries{}", info.name),
                 fmt::format("= {};", info.min_entries)});
    lengths.Row({"localparam int unsigned", fmt::format("MaxEntries{}", info.name),
                 fmt::format("= {};", info.max_entries)});
  }
  out.Table(lengths).Blank();

  out.Comment("Error codes of the register error_info");
  AlignedTable errors = out.NewTable();
  for (const HardwareError& error : AllHardwareErrors()) {
    if (!features.Has(error.feature)) continue;
    errors.Row({"localparam logic [7:0]", fmt::format("Err{}", error.name),
                fmt::format("= 8'd{};", error.code)},
               error.description);
  }
  out.Table(errors).Blank();

  out.Comment("What a cycle was spent on");
  AlignedTable causes = out.NewTable();
  causes.Row(
      {"localparam int unsigned", "CauseCount", fmt::format("= {};", AllCycleCauses().size())},
      "number of causes");
  for (const CycleCause& cause : AllCycleCauses()) {
    causes.Row({"localparam logic [3:0]", fmt::format("Cause{}", cause.name),
                fmt::format("= 4'd{};", cause.code)},
               cause.description);
  }
  out.Table(causes);

  for (const CommandLayout* layout : AllCommandLayouts()) {
    out.Blank().Comment(fmt::format("Layout of {}", layout->description));
    out.Line("typedef struct packed {").In();
    out.Table(StructMembers(*layout, out.NewTable()));
    out.Out().Line(fmt::format("}} {}_t;", layout->name));
  }
  PrintUsedBits(features, &out);
  out.Out().Line("endpackage : npu_isa_pkg").Line("/* verilator lint_on UNUSEDPARAM */");
  return out.Finish();
}

}  // namespace npugen

// SPDX-License-Identifier: Apache-2.0
// Prints npu_isa_pkg: the command set as SystemVerilog constants and packed structs.
#include "generator/emit/isa_package.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "generator/arch/command_set.h"
#include "generator/arch/engine_signals.h"
#include "generator/arch/formats.h"
#include "generator/arch/register_map.h"
#include "generator/arch/vector_operations.h"
#include "generator/emit/sv_writer.h"

namespace npugen {
namespace {

constexpr uint32_t kWordBits = 32;

/// The fields of a layout from the most significant bit down, gaps filled: those that NPUs with
/// `features` have.
AlignedTable StructMembers(const CommandLayout& layout, const HardwareFeatures& features,
                           AlignedTable table) {
  uint32_t top =
      MostWords(layout, features) * kWordBits;  // first bit above what is still to be printed
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
    if (field.UsersOn(features) == 0 && !features.Shows(field.feature)) continue;
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

/// Prints `case` labels of opcodes that share a value, and the value of all others: what is asked
/// for a known opcode only may take the most frequent one.
void PrintByOpcode(std::string_view name, const std::map<std::string, std::string>& values_of_names,
                   std::string_view otherwise, std::string_view prefix,
                   const HardwareFeatures& features, SvWriter* out) {
  std::map<std::string, std::string> labels;  // by value
  for (const OpcodeInfo& info : OpcodesOn(features)) {
    const auto value = values_of_names.find(std::string(info.name));
    if (value == values_of_names.end() || value->second == otherwise) continue;
    std::string& text = labels[value->second];
    text += fmt::format("{}Op{}", text.empty() ? "" : ", ", info.name);
  }
  if (labels.empty()) {
    out->Line(fmt::format("{}{} = {};", prefix, name, otherwise));
    return;
  }
  if (!prefix.empty()) out->Line(std::string(prefix.substr(0, prefix.size() - 1))).In();
  out->Line("case (opcode)").In();
  for (const auto& [value, text] : labels) {
    for (const std::string& line : WrapText(text + ":", kLineColumns - 8)) out->Line(line);
    out->In().Line(fmt::format("{} = {};", name, value)).Out();
  }
  out->Line(fmt::format("default: {} = {};", name, otherwise));
  out->Out().Line("endcase");
  if (!prefix.empty()) out->Out();
}

/// The value that most opcodes have.
std::string Frequent(const std::map<std::string, std::string>& values_of_names) {
  std::map<std::string, int> counts;
  for (const auto& [name, value] : values_of_names) ++counts[value];
  return std::max_element(counts.begin(), counts.end(),
                          [](auto& a, auto& b) { return a.second < b.second; })
      ->first;
}

/// The bits of every entry that fields of a command use, as a function of opcode and entry.
void PrintUsedBits(const HardwareFeatures& features, SvWriter* out) {
  uint32_t entries = 0;
  for (const OpcodeInfo& info : OpcodesOn(features)) {
    entries = std::max<uint32_t>(entries, info.most_entries);
  }
  out->Blank().Comment(
      "Bits of an entry that fields of its command use; all others must be 0. The opcode is a "
      "known one, and the command has the entry.");
  out->Line("function automatic logic [127:0] used_bits(input logic [7:0] opcode,");
  out->Line("                                           input logic [3:0] entry);").In();
  out->Line("case (entry)").In();
  for (uint32_t entry = 0; entry < entries; ++entry) {
    std::map<std::string, std::string> bits;
    for (const OpcodeInfo& info : OpcodesOn(features)) {
      if (entry >= MostEntries(info, features)) continue;
      std::string text;
      for (uint32_t word = kWordsPerEntry; word-- > 0;) {
        text += fmt::format("{}{:08x}", text.empty() ? "" : "_",
                            UsedBits(info.opcode, entry * kWordsPerEntry + word, features));
      }
      bits[std::string(info.name)] = "128'h" + text;
    }
    PrintByOpcode("used_bits", bits, Frequent(bits),
                  entry + 1 < entries ? fmt::format("4'd{}: ", entry) : "default: ", features, out);
  }
  out->Out().Line("endcase");
  out->Out().Line("endfunction");
}

/// The bits of a whole command that any opcode of the layout uses: queues keep no others.
void PrintQueuedBits(const CommandLayout& layout, const HardwareFeatures& features, SvWriter* out) {
  uint32_t entries = 0;
  for (const OpcodeInfo& info : OpcodesOn(features)) {
    if (info.layout->id == layout.id) entries = std::max<uint32_t>(entries, info.most_entries);
  }
  out->Blank().Comment("Bits of a whole command that any command of the layout uses");
  out->Line(fmt::format("localparam logic [{}:0] {}Used = {{", 128 * entries - 1,
                        UpperCamel(layout.name)));
  out->In();
  for (uint32_t entry = entries; entry-- > 0;) {
    std::string text;
    for (uint32_t word = kWordsPerEntry; word-- > 0;) {
      uint32_t bits = 0;
      for (const OpcodeInfo& info : OpcodesOn(features)) {
        if (info.layout->id != layout.id || entry >= info.most_entries) continue;
        bits |= UsedBits(info.opcode, entry * kWordsPerEntry + word, features);
      }
      text += fmt::format("{}{:08x}", text.empty() ? "" : "_", bits);
    }
    out->Line(fmt::format("128'h{}{}", text, entry == 0 ? "" : ","));
  }
  out->Out().Line("};");
}

/// What the dispatcher and the engines ask about an opcode.
void PrintOpcodeFunctions(const HardwareFeatures& features, SvWriter* out) {
  const auto print = [&](std::string_view comment, std::string_view type, std::string_view name,
                         const auto& value_of, std::string_view otherwise) {
    std::map<std::string, std::string> values;
    for (const OpcodeInfo& info : OpcodesOn(features))
      values[std::string(info.name)] = value_of(info);
    out->Blank().Comment(comment);
    out->Line(fmt::format("function automatic {} {}(input logic [7:0] opcode);", type, name)).In();
    PrintByOpcode(name, values, otherwise.empty() ? Frequent(values) : otherwise, "", features,
                  out);
    out->Out().Line("endfunction");
  };
  const auto bit = [](bool value) { return std::string(value ? "1'b1" : "1'b0"); };
  print(
      "Whether there is such a command.", "logic", "is_known",
      [&](const OpcodeInfo&) { return bit(true); }, "1'b0");
  for (const EngineInfo& engine : kEngineTable) {
    print(
        fmt::format("Whether the {} carries it out.", engine.report), "logic",
        fmt::format("is_{}", engine.commands),
        [&](const OpcodeInfo& info) { return bit(info.engine == engine.kind); }, "1'b0");
  }
  for (const OpcodeGroup& group : AllOpcodeGroups()) {
    if (group.name.empty()) continue;
    print(
        fmt::format("Whether {}.", group.description), "logic", fmt::format("is_{}", group.name),
        [&](const OpcodeInfo& info) { return bit(In(info.opcode, group.set)); }, "1'b0");
  }
  print(
      "Entries of a command's shortest form.", "logic [7:0]", "least_entries",
      [](const OpcodeInfo& info) { return fmt::format("8'd{}", info.least_entries); }, "");
  print(
      "Entries of its longest form.", "logic [7:0]", "most_entries",
      [&](const OpcodeInfo& info) { return fmt::format("8'd{}", MostEntries(info, features)); },
      "");
  print(
      "Whether its forms differ by two entries.", "logic", "has_even_steps",
      [&](const OpcodeInfo& info) { return bit(info.entry_step == 2); }, "1'b0");
}

/// A packed struct and the number of its bits.
void PrintStruct(const SignalStruct& type, SvWriter* out) {
  out->Blank().Comment(type.description);
  out->Line("typedef struct packed {").In();
  AlignedTable members = out->NewTable();
  for (const SignalField& field : type.fields) {
    members.Row({"logic", field.width == 1 ? "" : fmt::format("[{}:0]", field.width - 1),
                 fmt::format("{};", field.name)},
                field.description);
  }
  out->Table(members);
  out->Out().Line(fmt::format("}} {}_t;", type.name));
  out->Line(
      fmt::format("localparam int unsigned {}Bits = {};", UpperCamel(type.name), type.width()));
}

/// What a stream begins with and what its numbers are made of.
void PrintStreamConstants(const HardwareFeatures& features, SvWriter* out) {
  out->Comment("Streams");
  AlignedTable streams = out->NewTable();
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
  // The dispatcher reads it from a compute command's second entry.
  static_assert(compute::pe_mask.word / kWordsPerEntry == 1 && compute::pe_mask.width == 32);
  number("ComputePeMaskLsb", compute::pe_mask.word % kWordsPerEntry * 32 + compute::pe_mask.lsb,
         "lowest bit of a compute command's pe_mask in its second entry");
  for (const CommandLayout* layout : AllCommandLayouts()) {
    number(UpperCamel(layout->name) + "Words", MostWords(*layout, features),
           "words of the full form");
  }
  streams.Row(
      {"localparam logic [31:0]", "StreamMagic", fmt::format("= 32'h{:08x};", kStreamMagic)},
      "first word of a stream");
  streams.Row({"localparam logic [31:0]", "Identity", fmt::format("= 32'h{:08x};", kIdentity)},
              "value of the register id");
  out->Table(streams).Blank();
}

}  // namespace

std::string EmitIsaPackage(const HardwareFeatures& features) {
  SvWriter out(
      "The command set: opcodes, command layouts, hardware errors and cycle causes. Word 0 of a "
      "command is in bits [31:0] of its struct; remarks give word[bits].",
      "");
  out.Line("/* verilator lint_off UNUSEDPARAM */").Line("package npu_isa_pkg;").In();

  PrintStreamConstants(features, &out);

  out.Comment("Opcodes");
  AlignedTable opcodes = out.NewTable();
  for (const OpcodeInfo& info : OpcodesOn(features)) {
    opcodes.Row({"localparam logic [7:0]", fmt::format("Op{}", info.name),
                 fmt::format("= 8'h{:02x};", static_cast<uint8_t>(info.opcode))},
                info.description);
  }
  out.Table(opcodes).Blank();
  if (features.vector_unit) {
    out.Comment("Operations of a VECTOR's program");
    AlignedTable operations = out.NewTable();
    for (const VectorOperationInfo& info : kVectorOperations) {
      operations.Row({"localparam logic [3:0]", fmt::format("Vector{}", info.name),
                      fmt::format("= 4'd{};", static_cast<int>(info.operation))},
                     info.description);
    }
    out.Table(operations).Blank();
  }

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

  out.Blank().Comment(
      "Engines: numbers in the register error_info, and units of the trace ports (PE p is unit "
      "EnginePe + p)");
  AlignedTable engines = out.NewTable();
  for (const EngineInfo& engine : kEngineTable) {
    engines.Row({"localparam logic [3:0]", fmt::format("Engine{}", engine.name),
                 fmt::format("= 4'd{};", UnitOf(engine.kind))},
                engine.description);
  }
  out.Table(engines);

  for (const SignalStruct* type : kEngineStructs) PrintStruct(*type, &out);

  out.Blank().Comment("Number formats");
  AlignedTable formats = out.NewTable();
  for (const FormatConstant& constant : kFormatConstants) {
    if (!features.Has(constant.feature)) continue;
    formats.Row({"localparam int unsigned", std::string(constant.name),
                 fmt::format("= {};", constant.value)},
                constant.description);
  }
  out.Table(formats);
  PrintStruct(kParameterRecord, &out);

  for (const CommandLayout* layout : AllCommandLayouts()) {
    out.Blank().Comment(fmt::format("Layout of {}", layout->description));
    out.Line("typedef struct packed {").In();
    out.Table(StructMembers(*layout, features, out.NewTable()));
    out.Out().Line(fmt::format("}} {}_t;", layout->name));
  }
  PrintOpcodeFunctions(features, &out);
  PrintUsedBits(features, &out);
  for (const CommandLayout* layout : AllCommandLayouts()) {
    if (layout->id != LayoutId::kControl) PrintQueuedBits(*layout, features, &out);
  }
  out.Out().Line("endpackage : npu_isa_pkg").Line("/* verilator lint_on UNUSEDPARAM */");
  return out.Finish();
}

}  // namespace npugen

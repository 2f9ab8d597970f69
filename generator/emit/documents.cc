// SPDX-License-Identifier: Apache-2.0
// Prints the reference documents of an emitted NPU, in Markdown.
#include "generator/emit/documents.h"

#include <fmt/format.h>

#include "generator/arch/command_set.h"
#include "generator/arch/register_map.h"
#include "generator/emit/sv_writer.h"

namespace npugen {
namespace {

/// Wraps with a hanging indent below a list mark.
std::string Item(std::string_view text) {
  std::string out;
  for (const std::string& line : WrapText(text, kLineColumns - 2)) {
    out += (out.empty() ? "- " : "  ") + line + '\n';
  }
  return out;
}

std::string Paragraph(std::string_view text) {
  std::string out;
  for (const std::string& line : WrapText(text, kLineColumns)) out += line + '\n';
  return out;
}

std::string Bits(uint32_t lsb, uint32_t width) {
  return width == 1 ? fmt::format("{}", lsb) : fmt::format("{}:{}", lsb + width - 1, lsb);
}

std::string_view AccessText(RegisterAccess access) {
  switch (access) {
    case RegisterAccess::kReadOnly:
      return "read only";
    case RegisterAccess::kReadWrite:
      return "read and write";
    case RegisterAccess::kWriteOnly:
      return "write only, reads as 0";
    case RegisterAccess::kWriteOneClear:
      return "read; writing 1 clears";
  }
  return {};
}

std::string Title(const Plan& plan, std::string_view title) {
  return fmt::format("<!-- {} -->\n# {}\n\n", kLicenseLine, title) +
         Paragraph(GeneratedBanner(Origin(plan.config.name, plan.config.hash)));
}

}  // namespace

std::string EmitRegisterDocument(const Plan& plan) {
  std::string out = Title(plan, fmt::format("Registers of {}", plan.config.name)) + '\n';
  out += Paragraph(fmt::format(
      "The register space has {} bytes on an AXI4-Lite bus. Registers have 32 bits; byte strobes "
      "are honoured: registers that store keep the bytes left out, the others take a write only "
      "if all bytes with fields are strobed. An address without a register answers with a bus "
      "error (SLVERR). Offsets are in "
      "bytes. After a hardware reset registers that can be written are 0 unless said otherwise.",
      kRegisterSpaceBytes));
  const HardwareFeatures features = plan.config.features();
  for (const RegisterInfo& reg : AllRegisters()) {
    if (!features.Has(reg.feature)) continue;
    const std::string offset = reg.count == 1 ? fmt::format("0x{:03x}", reg.offset)
                                              : fmt::format("0x{:03x} + {} * index, index 0..{}",
                                                            reg.offset, reg.stride, reg.count - 1);
    out += fmt::format("\n## {} - {}\n\n", reg.name, offset);
    out += Paragraph(fmt::format(
        "{} ({}{})", reg.description, AccessText(reg.access),
        reg.reset_value == 0 ? ""
                             : fmt::format("; 0x{:x} after a hardware reset", reg.reset_value)));
    if (!reg.fields.empty()) out += '\n';
    for (const RegisterField& field : reg.fields) {
      if (!features.Has(field.feature)) continue;
      out += Item(fmt::format("`{}` [{}]: {}", field.name, Bits(field.lsb, field.width),
                              field.description));
    }
  }
  return out;
}

std::string CommandReference(const HardwareFeatures& features) {
  std::string out = Paragraph(
      fmt::format("Version {} of the command set. A stream is a header of {} entries and then "
                  "commands; an entry is {} bytes, four little-endian words. Fields are given as "
                  "word[bits]. Commands of the short form leave out the last words, which then "
                  "read as 0. Bits that no field of the opcode uses must be 0.",
                  kCommandSetVersion, kStreamHeaderEntries, kEntryBytes));
  out += "\n## Opcodes\n\n";
  for (const OpcodeInfo& info : OpcodesOn(features)) {
    std::string entries = fmt::format("{}", info.least_entries);
    const int most = static_cast<int>(MostEntries(info, features));
    for (int n = info.least_entries + info.entry_step; n <= most; n += info.entry_step) {
      entries += fmt::format("{}{}", n + info.entry_step > most ? " or " : ", ", n);
    }
    out += Item(fmt::format("0x{:02x} `{}`, {} entries, layout `{}`: {}",
                            static_cast<uint8_t>(info.opcode), info.name, entries,
                            info.layout->name, info.description));
  }
  for (const CommandLayout* layout : AllCommandLayouts()) {
    out += fmt::format("\n## Layout {}: {}\n\n", layout->name, layout->description);
    OpcodeSet all = 0;
    for (const OpcodeInfo& info : OpcodesOn(features)) {
      if (info.layout == layout) all |= Only(info.opcode);
    }
    const auto names = [&](OpcodeSet set) {
      std::string text;
      for (const OpcodeInfo& info : OpcodesOn(features)) {
        if (info.layout == layout && In(info.opcode, set)) {
          text += (text.empty() ? "" : ", ") + std::string(info.name);
        }
      }
      return text;
    };
    for (const CommandField& field : layout->fields) {
      // Who uses it, where not all commands of the layout do.
      std::string remarks;
      const bool shown = features.Shows(field.feature);
      const OpcodeSet using_it = shown ? field.users : field.UsersOn(features);
      if (!shown && using_it == 0) continue;
      const std::string users = names(using_it);
      if ((using_it & all) != all) remarks = users.empty() ? " (unused)" : " (" + users + ")";
      if ((field.not_zero & all) != 0) {
        const std::string refusing = names(field.not_zero);
        remarks += refusing == users ? "; not 0" : "; not 0: " + refusing;
      }
      if (!field.feature.empty() && shown) {
        const OpcodeSet featured = field.users & field.featured;
        const std::string whose = featured == field.users ? "" : names(featured);
        if (!features.Has(field.feature)) {
          remarks += fmt::format("; must be 0: this NPU has no `{}`", field.feature);
        } else if (whose.empty()) {
          remarks += fmt::format("; exists with `{}`", field.feature);
        } else {
          remarks += fmt::format("; {} has it with `{}`", whose, field.feature);
        }
      }
      out += Item(fmt::format("`{}` {}[{}]{}: {}{}", field.name, field.word,
                              Bits(field.lsb, field.width), field.is_signed ? " signed" : "",
                              field.description, remarks));
    }
  }
  out += "\n## Hardware errors\n\n";
  for (const HardwareError& error : AllHardwareErrors()) {
    if (!features.Has(error.feature)) continue;
    out += Item(fmt::format("{} `{}`: {}", error.code, error.name, error.description));
  }
  out += "\n## Causes of cycles\n\n";
  for (const CycleCause& cause : AllCycleCauses()) {
    out += Item(fmt::format("{} `{}`: {}", cause.code, cause.json_name, cause.description));
  }
  return out;
}

std::string EmitCommandDocument(const Plan& plan) {
  return Title(plan, fmt::format("Commands of {}", plan.config.name)) + '\n' +
         CommandReference(plan.config.features());
}

}  // namespace npugen

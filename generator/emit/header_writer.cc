// SPDX-License-Identifier: Apache-2.0
// Prints C headers.
#include "generator/emit/header_writer.h"

#include <fmt/format.h>

#include <utility>

#include "generator/emit/sv_writer.h"

namespace npugen {

HeaderWriter::HeaderWriter(std::string_view guard, std::string_view purpose,
                           std::string_view origin)
    : guard_(guard) {
  Comment(purpose);
  Comment(GeneratedBanner(origin));
  text_ += fmt::format("#ifndef {0}\n#define {0}\n", guard_);
}

void HeaderWriter::Group(std::string_view title, const AlignedTable& macros) {
  text_ += '\n';
  Comment(title);
  text_ += macros.Print();
}

std::string HeaderWriter::Finish() {
  text_ += fmt::format("\n#endif  // {}\n", guard_);
  return std::move(text_);
}

void HeaderWriter::Define(AlignedTable& table, std::string name, std::string value,
                          std::string_view remark) {
  table.Row({"#define", std::move(name), std::move(value)}, remark);
}

std::string HeaderWriter::Hex(uint32_t value) { return fmt::format("0x{:08x}u", value); }

void HeaderWriter::Comment(std::string_view text) {
  for (const std::string& line : WrapText(text, kLineColumns - 3)) text_ += "// " + line + '\n';
}

}  // namespace npugen

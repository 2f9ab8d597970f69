// SPDX-License-Identifier: Apache-2.0
// Rows of the command set resolved to members once.
#include "verif/estimate/command_fields.h"

#include <string_view>
#include <utility>
#include <vector>

namespace npugen::estimate {
namespace {

template <typename Fields>
using Rows = std::vector<std::pair<const CommandField*, int64_t Fields::*>>;

template <typename Fields>
void AddRow(const CommandLayout& layout, std::string_view name, int64_t Fields::*member,
            Rows<Fields>* rows) {
  for (const CommandField& field : layout.fields) {
    if (field.name == name) rows->emplace_back(&field, member);
  }
}

template <typename Fields>
void Read(const Command& command, const Rows<Fields>& rows, Fields* fields) {
  const std::vector<uint32_t>& words = command.words();
  for (const auto& [field, member] : rows) {
    if (field->word >= words.size()) continue;
    const uint64_t mask = (uint64_t{1} << field->width) - 1;
    auto value = static_cast<int64_t>((uint64_t{words[field->word]} >> field->lsb) & mask);
    if (field->is_signed && value >> (field->width - 1) != 0) value -= int64_t{1} << field->width;
    fields->*member = value;
  }
}

}  // namespace

HeaderFields ReadHeader(const Command& command) {
  static const Rows<HeaderFields> kRows = [] {
    Rows<HeaderFields> rows;
#define NPUGEN_ROW(name) AddRow(kControlLayout, #name, &HeaderFields::name, &rows);
    NPUGEN_ESTIMATE_HEADER_FIELDS(NPUGEN_ROW)
#undef NPUGEN_ROW
    return rows;
  }();
  HeaderFields fields;
  fields.opcode = command.opcode();
  fields.entries = command.entries();
  Read(command, kRows, &fields);
  return fields;
}

DmaFields ReadDma(const Command& command) {
  static const Rows<DmaFields> kRows = [] {
    Rows<DmaFields> rows;
#define NPUGEN_ROW(name) AddRow(kDmaLayout, #name, &DmaFields::name, &rows);
    NPUGEN_ESTIMATE_DMA_FIELDS(NPUGEN_ROW)
#undef NPUGEN_ROW
    return rows;
  }();
  DmaFields fields;
  Read(command, kRows, &fields);
  return fields;
}

ComputeFields ReadCompute(const Command& command) {
  static const Rows<ComputeFields> kRows = [] {
    Rows<ComputeFields> rows;
#define NPUGEN_ROW(name) AddRow(kComputeLayout, #name, &ComputeFields::name, &rows);
    NPUGEN_ESTIMATE_COMPUTE_FIELDS(NPUGEN_ROW)
#undef NPUGEN_ROW
    return rows;
  }();
  ComputeFields fields;
  Read(command, kRows, &fields);
  return fields;
}

}  // namespace npugen::estimate

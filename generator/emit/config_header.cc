// SPDX-License-Identifier: Apache-2.0
// Prints npu_config.h: the numbers of one configuration for C.
#include "generator/emit/config_header.h"

#include <fmt/format.h>

#include "generator/emit/header_writer.h"
#include "generator/emit/sv_writer.h"

namespace npugen {

std::string EmitConfigHeader(const Plan& plan) {
  const NpuConfig& config = plan.config;
  HeaderWriter out("NPU_CONFIG_H_", "Numbers of this NPU, for use in C and in the preprocessor.",
                   Origin(config.name, config.hash));
  AlignedTable table = HeaderWriter::NewTable();
  HeaderWriter::Define(table, "NPU_CONFIG_NAME", fmt::format("\"{}\"", config.name));
  HeaderWriter::Define(table, "NPU_CONFIG_HASH", fmt::format("0x{:016x}ull", config.hash),
                       "what hardware and programs are checked against");
  HeaderWriter::Define(table, "NPU_CONFIG_HASH_LO",
                       HeaderWriter::Hex(static_cast<uint32_t>(config.hash)));
  HeaderWriter::Define(table, "NPU_CONFIG_HASH_HI",
                       HeaderWriter::Hex(static_cast<uint32_t>(config.hash >> 32)));
  out.Group("Identity", table);

  table = HeaderWriter::NewTable();
  for (const ConfigValue& value : plan.values) {
    HeaderWriter::Define(table, "NPU_CONFIG_" + value.CName(),
                         fmt::format("{}{}", value.value, value.value > 0xffffffff ? "ull" : "u"),
                         value.remark);
  }
  out.Group("Values, named after their keys in the spec: core.lanes is NPU_CONFIG_CORE_LANES",
            table);
  return out.Finish();
}

}  // namespace npugen

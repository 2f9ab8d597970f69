// SPDX-License-Identifier: Apache-2.0
// What a configuration amounts to.
#include "generator/config/describe.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "generator/config/config_values.h"
#include "generator/support/text.h"
#include "generator/support/version.h"

namespace npugen {

double PeakTops(const NpuConfig& config) {
  return 2.0 * static_cast<double>(config.macs_per_cycle()) * static_cast<double>(config.clock_hz) /
         1e12;
}

std::string DescribeConfig(const NpuConfig& config) {
  AlignedTable table(2, "");
  const auto row = [&](std::string_view name, const std::string& text) {
    table.Row({std::string(name), text});
  };
  const uint64_t pes = config.pes();
  const uint64_t cores = pes * config.cores;
  const double gigabytes = config.axi_bytes() * static_cast<double>(config.clock_hz) / 1e9;
  row("configuration", fmt::format("{:016x}", config.hash));
  row("array", fmt::format("{} x {} PEs x {} cores x {} lanes x {} multipliers = {} MACs/cycle",
                           config.grid_x, config.grid_y, config.cores, config.lanes, config.simd,
                           config.macs_per_cycle()));
  row("peak", fmt::format("{:.4g} TOPS at {}", PeakTops(config), FormatHertz(config.clock_hz)));
  row("PE memory", fmt::format("{} in {} banks of {} B, {} in all",
                               FormatBytes(config.pe_memory_bytes), config.pe_banks,
                               config.pe_bank_bytes, FormatBytes(pes * config.pe_memory_bytes)));
  row("core memory",
      fmt::format("{} in {} rows of {} B, {} in all", FormatBytes(config.core_memory_bytes),
                  config.core_rows(), config.core_row_bytes(),
                  FormatBytes(cores * config.core_memory_bytes)));
  row("weight slice",
      fmt::format("{} B in {} rows, used for up to {} positions", config.lanes * config.simd,
                  config.slice_rows(), config.accumulators));
  row("parameters", fmt::format("{} B per channel group and core, {} rows",
                                config.lanes * kParameterRecordBytes, config.param_rows()));
  row("windows", fmt::format("{} rows read per cycle", config.window_ports));
  row("post-processing", fmt::format("{} results per cycle and PE, {} table look-ups",
                                     config.post_width, config.lookup_ports));
  row("bus", fmt::format("{} bit, {:.4g} GB/s per direction, {} bursts under way, {}-bit addresses",
                         config.axi_data_bits, gigabytes, config.axi_outstanding,
                         config.axi_address_bits));
  return fmt::format("{}\n{}", config.name, table.Print());
}

std::string ConfigJson(const NpuConfig& config) {
  nlohmann::ordered_json json;
  json["npugen"] = kToolVersion;
  json["name"] = config.name;
  json["config_hash"] = fmt::format("{:016x}", config.hash);
  json["peak_tops"] = PeakTops(config);
  for (const ConfigValue& value : ConfigValues(config)) {
    json["values"][std::string(value.key)] = value.value;
  }
  return json.dump(2) + '\n';
}

std::string ConfigCsv(const NpuConfig& config) {
  std::string text = "key,value,remark\n";
  text += fmt::format("npugen,{},version\n", kToolVersion);
  text += fmt::format("name,{},\n", config.name);
  text += fmt::format("config_hash,{:016x},\n", config.hash);
  text += fmt::format("peak_tops,{},int8\n", PeakTops(config));
  for (const ConfigValue& value : ConfigValues(config)) {
    text += fmt::format("{},{},\"{}\"\n", value.key, value.value, value.remark);
  }
  return text;
}

}  // namespace npugen

// SPDX-License-Identifier: Apache-2.0
// The names under which configuration values appear in every view.
#include "generator/config/config_values.h"

#include <algorithm>

#include "generator/spec/schema.h"
#include "generator/support/text.h"

namespace npugen {
namespace {

/// A feature that follows from npu.axi.outstanding; NPUs without it do not carry it.
constexpr std::string_view kManyBursts = "npu.axi.many_bursts";
bool ManyBursts(const NpuConfig& config) { return config.axi_outstanding > 16; }

/// Whether boxes have any mode beyond those of all NPUs.
constexpr std::string_view kBoxModes = "units.dma.modes";
bool BoxModes(const NpuConfig& config) {
  return std::any_of(AllKeys().begin(), AllKeys().end(), [&](const KeyInfo& key) {
    return key.Parent() == "units.dma" && key.HiddenWhenOff() && config.*key.member != 0;
  });
}

/// Whether lanes take floating-point numbers.
constexpr std::string_view kFloat = "units.float";
/// Whether there is a vector unit.
constexpr std::string_view kVector = "units.vector";

/// Whether they take integers alone; no configuration carries it.
constexpr std::string_view kIntegerLanes = "lane.integers";

/// Whether fires wait for sums that lanes are still at, beyond the last one.
constexpr std::string_view kSettling = "lane.settling";
bool Settling(const NpuConfig& config) {
  return config.bnn_enabled != 0 || config.float_formats != 0;
}

std::string Underscored(std::string_view key) {
  std::string out(key);
  std::replace(out.begin(), out.end(), '.', '_');
  return out;
}

}  // namespace

std::string ConfigValue::SvName() const { return UpperCamel(Underscored(key)); }

std::string ConfigValue::CName() const {
  // The header is about one NPU, so its own prefix says enough.
  constexpr std::string_view kNpu = "npu.";
  return UpperSnake(Underscored(key.starts_with(kNpu) ? key.substr(kNpu.size()) : key));
}

std::vector<ConfigValue> ConfigValues(const NpuConfig& config) {
  std::vector<ConfigValue> values;
  for (const KeyInfo& key : AllKeys()) {
    if (key.member == nullptr || key.kind == KeyKind::kWords ||
        (key.HiddenWhenOff() && config.*key.member == 0))
      continue;
    values.push_back({key.path, config.*key.member,
                      key.kind == KeyKind::kBytes ? std::string_view("bytes") : key.unit});
  }
  const auto derived = [&](std::string_view key, uint64_t value, std::string_view remark) {
    values.push_back({key, value, remark});
  };
  derived("npu.clock_hz", config.clock_hz, "clock target in hertz");
  derived("npu.pes", config.pes(), "PEs");
  derived("npu.barriers", config.barriers(), "barriers");
  derived("npu.macs_per_cycle", config.macs_per_cycle(), "multiply-accumulates per cycle");
  derived("npu.axi.bytes", config.axi_bytes(), "bytes of a bus beat");
  if (ManyBursts(config)) derived(kManyBursts, 1, "queues of bursts stand in memory cells");
  if (BoxModes(config)) derived(kBoxModes, 1, "boxes have modes of their own");
  if (config.float_formats != 0) derived(kFloat, 1, "BF16 and FP8 beside int8");
  if (config.vector_lanes != 0) derived(kVector, 1, "VECTOR runs programs");
  if (Settling(config)) derived(kSettling, 1, "fires wait for sums");
  derived("npu.features", config.watchdog | config.memory_clear << 1, "the register features");
  derived("npu.clear_cycles", config.clear_cycles(), "rows of the deepest memory");
  derived("pe.lanes", config.pe_lanes(), "lanes of all cores, channels of a group");
  derived("pe.bank_words",
          config.pe_memory_bytes / (uint64_t{config.pe_banks} * config.pe_bank_bytes),
          "words of a PE memory bank");
  derived("pe.window_channels", config.window_channels(), "channels of a WINDOW group");
  derived("core.row_bytes", config.core_row_bytes(), "bytes of a core memory row");
  derived("core.rows", config.core_rows(), "core memory rows");
  derived("core.slice_rows", config.slice_rows(), "rows of a weight slice");
  derived("core.param_rows", config.param_rows(), "rows of a group's parameters");
  return values;
}

std::optional<bool> FeatureEnabled(const std::vector<ConfigValue>& values, std::string_view path) {
  if (path == kIntegerLanes) return !FeatureEnabled(values, kFloat).value_or(false);
  const KeyInfo* key = FindKey(path);
  const bool derived = path == kManyBursts || path == kBoxModes || path == kFloat ||
                       path == kVector || path == kSettling;
  if (!derived && (key == nullptr || key->kind != KeyKind::kFlag)) return std::nullopt;
  for (const ConfigValue& value : values) {
    if (value.key == path) return value.value != 0;
  }
  // The configuration does not carry flags that have one legal value.
  return key != nullptr && key->default_value != 0;
}

}  // namespace npugen

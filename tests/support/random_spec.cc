// SPDX-License-Identifier: Apache-2.0
// Draws from the schema, and reads the hints of refusals.
#include "tests/support/random_spec.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <vector>

#include "generator/spec/schema.h"

namespace npugen::testing {
namespace {

/// Limits of small specs.
struct Limit {
  std::string_view path;
  uint64_t low;
  uint64_t high;
};
constexpr Limit kSmall[] = {
    {"npu.grid.x", 1, 3},
    {"npu.grid.y", 1, 3},
    {"npu.axi.data_width", 32, 256},
    {"npu.axi.burst", 4, 64},
    {"pe.memory", 8 * 1024, 128 * 1024},
    {"pe.banks", 2, 16},
    {"pe.bank_width", 4, 64},
    {"pe.cores", 1, 4},
    {"core.memory", 2 * 1024, 64 * 1024},
    {"core.banks", 1, 8},
    {"core.lanes", 1, 20},
    {"core.accumulators", 2, 40},
    {"lane.simd", 1, 20},
    {"lane.stages", 1, 2},
    {"controller.instruction_memory", 16, 300},
    {"controller.parameter_buffer", 16, 300},
    {"controller.activation_buffer", 16, 300},
    {"units.postprocess_width", 1, 16},
    {"units.lookup_ports", 1, 8},
};

constexpr std::string_view kVectorLanes = "units.vector_lanes";

/// Log-uniform in low..high, both included.
uint64_t Draw(RandomSource* random, uint64_t low, uint64_t high) {
  const double value = std::exp(
      random->Real(std::log(static_cast<double>(low)), std::log(static_cast<double>(high) + 1)));
  return std::clamp(static_cast<uint64_t>(value), low, high);
}

}  // namespace

SpecValues DrawSpec(RandomSource* random, bool small) {
  SpecValues values;
  for (const KeyInfo& key : AllKeys()) {
    if (key.member == nullptr || key.path == kVectorLanes) continue;
    if (key.presence != KeyPresence::kRequired && random->Chance(2)) continue;
    if (key.kind == KeyKind::kFlag) {
      values[std::string(key.path)] = random->Chance(2) ? "true" : "false";
      continue;
    }
    if (key.kind == KeyKind::kWords) {
      values[std::string(key.path)] = FormatValue(key, random->Chance(2) ? 1 : 0);
      continue;
    }
    uint64_t low = key.low;
    uint64_t high = key.high;
    for (const Limit& limit : kSmall) {
      if (!small || limit.path != key.path) continue;
      low = limit.low;
      high = limit.high;
    }
    uint64_t value = Draw(random, low, high);
    // Whole rows and words are rare among arbitrary sizes.
    if (key.power_of_two || (key.kind == KeyKind::kBytes && random->Chance(2))) {
      value = std::max(low, std::bit_floor(value));
    } else if (key.kind == KeyKind::kBytes && !random->Chance(8)) {
      const uint64_t unit = std::bit_floor(value) / 4;
      value = std::max(low, value / unit * unit);
    }
    values[std::string(key.path)] = fmt::format("{}", value);
  }
  // Few numbers are legal, and only beside floating point.
  const auto formats = values.find("units.data_types");
  if (formats != values.end() && formats->second.find("bf16") != std::string::npos &&
      random->Chance(2)) {
    values[std::string(kVectorLanes)] = fmt::format("{}", 4 << random->Integer(0, 2));
  }
  return values;
}

std::string SpecText(const SpecValues& values) {
  std::string text;
  std::vector<std::string> open;  // blocks
  for (const auto& [path, value] : values) {
    std::vector<std::string> parts;
    for (size_t at = 0; at <= path.size();) {
      const size_t dot = std::min(path.find('.', at), path.size());
      parts.push_back(path.substr(at, dot - at));
      at = dot + 1;
    }
    size_t same = 0;
    while (same < open.size() && same + 1 < parts.size() && open[same] == parts[same]) ++same;
    open.resize(same);
    for (; same + 1 < parts.size(); ++same) {
      text += fmt::format("{:{}}{}:\n", "", 2 * same, parts[same]);
      open.push_back(parts[same]);
    }
    text += fmt::format("{:{}}{}: {}\n", "", 2 * same, parts.back(), value);
  }
  return text;
}

bool FollowHint(const Diagnostic& error, RandomSource* random, SpecValues* values) {
  struct Change {
    std::string key;
    std::string value;
  };
  std::vector<Change> changes;
  const std::string& hint = error.hint;
  for (const KeyInfo& key : AllKeys()) {
    const std::string wanted = fmt::format("{} to ", key.path);
    const size_t at = hint.find(wanted);
    if (key.member == nullptr || at == std::string::npos) continue;
    if (at > 0 && hint[at - 1] != ' ') continue;
    const size_t begin = at + wanted.size();
    size_t end = begin;  // a number and perhaps a unit, a flag or words
    for (const std::string_view word : {"true", "false"}) {
      if (hint.compare(begin, word.size(), word) == 0) end = begin + word.size();
    }
    if (hint[begin] == '[') end = hint.find(']', begin) + 1;  // a list of words
    while (end < hint.size() && std::isdigit(static_cast<unsigned char>(hint[end])) != 0) ++end;
    for (const char* unit : {" KiB", " MiB", " B"}) {
      if (hint.compare(end, std::string(unit).size(), unit) == 0) end += std::string(unit).size();
    }
    changes.push_back({std::string(key.path), hint.substr(begin, end - begin)});
  }
  if (changes.empty()) return false;
  const Change& change =
      changes[static_cast<size_t>(random->Integer(0, static_cast<int32_t>(changes.size()) - 1))];
  (*values)[change.key] = change.value;
  return true;
}

}  // namespace npugen::testing

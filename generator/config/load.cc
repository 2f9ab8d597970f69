// SPDX-License-Identifier: Apache-2.0
// From a spec to the configuration.
#include "generator/config/load.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <tuple>
#include <vector>

#include "generator/config/rules.h"
#include "generator/spec/quantity.h"
#include "generator/spec/spec.h"
#include "generator/spec/yaml_tree.h"
#include "generator/support/file.h"
#include "generator/support/text.h"

namespace npugen {
namespace {

/// The file's name without folder and ending, made an identifier.
std::string NameFromFile(const std::string& file) {
  std::string name;
  for (const char c : std::filesystem::path(file).stem().string()) {
    const auto letter = static_cast<unsigned char>(c);
    name += std::isalnum(letter) != 0 ? static_cast<char>(std::tolower(letter)) : '_';
  }
  if (name.empty() || name[0] < 'a' || name[0] > 'z') name = "npu_" + name;
  return name.substr(0, 64);
}

/// Gives derived keys that the spec leaves out their values. Such a value is usable when the values
/// that it is made of are.
void Derive(Spec& spec) {
  const auto number = [&](std::string_view path) { return spec.At(path).number; };
  const auto derive = [&](std::string_view path, std::vector<std::string_view> from, auto make) {
    SpecValue& value = spec.At(path);
    if (value.given) return;
    value.usable = value.usable && std::all_of(from.begin(), from.end(), [&](std::string_view key) {
                     return spec.At(key).usable;
                   });
    if (value.usable) value.number = make();
  };
  derive("npu.axi.burst", {"controller.parameter_buffer", "controller.activation_buffer"}, [&] {
    return PowerOfTwoBelow(std::min({uint64_t{32}, number("controller.parameter_buffer"),
                                     number("controller.activation_buffer")}));
  });
  derive("units.postprocess_width", {"pe.cores", "core.lanes"}, [&] {
    return PowerOfTwoBelow(std::min<uint64_t>(16, number("pe.cores") * number("core.lanes")));
  });
  derive("units.lookup_ports", {"units.postprocess_width"},
         [&] { return std::min<uint64_t>(4, number("units.postprocess_width")); });
  derive("units.window_ports", {"pe.banks", "lane.simd"}, [&] {
    return std::clamp<uint64_t>(std::min(number("pe.banks") / 2, number("lane.simd")), 1, 4);
  });
  derive("lane.stages", {"units.data_types"},
         [&] { return number("units.data_types") != 0 ? uint64_t{6} : uint64_t{1}; });
  derive("pe.bank_width", {"lane.simd", "units.postprocess_width", "npu.axi.data_width"}, [&] {
    return PowerOfTwoAbove(std::max({number("lane.simd"), number("units.postprocess_width"),
                                     number("npu.axi.data_width") / 8}));
  });
  derive("core.bank_width", {"core.banks", "core.lanes", "lane.simd", "npu.axi.data_width"}, [&] {
    const uint64_t banks = number("core.banks");
    const uint64_t beat = number("npu.axi.data_width") / 8;
    const uint64_t slice = PowerOfTwoAbove(number("core.lanes") * number("lane.simd"));
    uint64_t width = 16;
    while (width > 4 && width * banks > std::max(slice, beat)) width /= 2;
    while (width * banks < beat) width *= 2;
    return width;
  });
}

NpuConfig Fill(const Spec& spec) {
  NpuConfig config;
  const std::string& name = spec.At("name").text;
  config.name = name.empty() ? NameFromFile(spec.file()) : name;
  config.clock_hz = spec.At("npu.clock").number;
  for (const KeyInfo& key : AllKeys()) {
    if (key.member != nullptr) config.*key.member = static_cast<uint32_t>(spec.At(key.path).number);
  }
  config.hash = ConfigHash(config);
  return config;
}

}  // namespace

std::string CanonicalText(const NpuConfig& config) {
  std::string text;
  for (const KeyInfo& key : AllKeys()) {
    // Features that are off leave the hash as it was before they existed.
    if (key.Parent() == "units.bnn" && config.bnn_enabled == 0) continue;
    if (key.HiddenWhenOff() && config.*key.member == 0) continue;
    // The same machine for programs.
    if (key.member == &NpuConfig::clock_gating || key.member == &NpuConfig::watchdog ||
        key.member == &NpuConfig::memory_clear || key.member == &NpuConfig::lane_stages ||
        key.member == &NpuConfig::debug_trace) {
      continue;
    }
    if (key.member != nullptr) text += fmt::format("{}={}\n", key.path, config.*key.member);
  }
  return text;
}

uint64_t ConfigHash(const NpuConfig& config) { return Fnv1a64(CanonicalText(config)); }

Result<NpuConfig> LoadSpecText(std::string_view text, const std::string& file,
                               const std::vector<SpecChange>& changes) {
  SpecReading reading = ReadSpec(text, file, changes);
  Derive(reading.spec);
  NpuConfig config = Fill(reading.spec);
  CheckRules(reading.spec, config, reading.errors);
  if (reading.errors.empty()) return config;
  std::stable_sort(reading.errors.begin(), reading.errors.end(),
                   [](const Diagnostic& a, const Diagnostic& b) {
                     return std::tie(a.location.line, a.location.column) <
                            std::tie(b.location.line, b.location.column);
                   });
  return reading.errors;
}

Result<NpuConfig> LoadSpec(const std::string& path) { return LoadSpec(path, {}); }

Result<NpuConfig> LoadSpec(const std::string& path, const std::vector<SpecChange>& changes) {
  Result<std::string> text = ReadFileText(path, kMaxSpecBytes);
  if (text) return LoadSpecText(*text, InputName(path), changes);
  Diagnostics errors = text.errors();
  errors[0].message = "the spec: " + errors[0].message;
  if (errors[0].hint.empty()) errors[0].hint = "give the path of a spec, such as specs/nano.yaml";
  return errors;
}

}  // namespace npugen

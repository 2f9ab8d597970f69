// SPDX-License-Identifier: Apache-2.0
// Decides what an emission consists of.
#include "generator/plan/plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <map>
#include <set>
#include <string>

namespace npugen {
namespace {

/// The identifiers of a file outside of line comments and of regions whose feature is off.
std::set<std::string_view> Identifiers(std::string_view text,
                                       const std::vector<ConfigValue>& values) {
  constexpr std::string_view kIf = "//@ if ";
  constexpr std::string_view kEndIf = "//@ endif";
  constexpr std::string_view kUnless = "//@ unless ";
  constexpr std::string_view kElse = "//@ else";
  constexpr std::string_view kOtherwise = "//@:";
  std::set<std::string_view> words;
  const auto is_word = [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_';
  };
  bool otherwise = false;  // in the region's else, which holds
  for (size_t i = 0; i < text.size();) {
    const size_t end = std::min(text.find('\n', i), text.size());
    if (i == 0 || text[i - 1] == '\n') {
      // A line with code and a feature of its own
      const std::string_view line = text.substr(i, end - i);
      const size_t at = line.find(kIf);
      if (at != std::string_view::npos && line.find_first_not_of(' ') < at) {
        const bool on = FeatureEnabled(values, line.substr(at + kIf.size())).value_or(true);
        if (!on) {
          i = end + 1;
          continue;
        }
      } else if (at != std::string_view::npos) {
        otherwise = !FeatureEnabled(values, line.substr(at + kIf.size())).value_or(true);
        i = otherwise ? std::min({text.find(kElse, end), text.find(kEndIf, end), text.size()})
                      : end;
        continue;
      }
    }
    if (otherwise && text.substr(i, kOtherwise.size()) == kOtherwise) {
      i += kOtherwise.size();
    } else if (text.substr(i, kUnless.size()) == kUnless) {
      const size_t colon = std::min(text.find(':', i), end);
      const std::string_view feature = text.substr(i + kUnless.size(), colon - i - kUnless.size());
      i = FeatureEnabled(values, feature).value_or(true) ? end : colon;
    } else if (text.substr(i, 2) == "//") {
      i = end;
    } else if (is_word(text[i])) {
      const size_t begin = i;
      while (i < text.size() && is_word(text[i])) ++i;
      words.insert(text.substr(begin, i - begin));
    } else {
      ++i;
    }
  }
  return words;
}

std::string_view Stem(std::string_view file) { return file.substr(0, file.rfind('.')); }

}  // namespace

Result<Plan> MakePlan(const NpuConfig& config, std::span<const RtlSource> library) {
  std::map<std::string_view, const RtlSource*> modules;
  std::map<std::string_view, const RtlSource*> reached;
  std::vector<const RtlSource*> open;
  const RtlSource* top = nullptr;
  for (const RtlSource& source : library) {
    modules[Stem(source.name)] = &source;
    // Headers are no modules: they always go along.
    if (source.name.ends_with(".svh")) reached[source.name] = &source;
    if (Stem(source.name) == kTopModule) top = &source;
  }
  // What the printed npu_dot_products and npu_popcount are made of.
  if (modules.contains("npu_full_adder")) open.push_back(modules["npu_full_adder"]);
  if (config.bnn_enabled && modules.contains("npu_carry_row")) {
    open.push_back(modules["npu_carry_row"]);
  }
  if (top == nullptr) {
    return Diagnostic{DiagnosticCode::kInternal, SourceLocation(),
                      fmt::format("this npugen was built without rtl/**/{}.sv", kTopModule),
                      "build it from a complete source tree"};
  }
  open.push_back(top);
  const std::vector<ConfigValue> values = ConfigValues(config);
  while (!open.empty()) {
    const RtlSource* source = open.back();
    open.pop_back();
    if (!reached.emplace(source->name, source).second) continue;
    for (const std::string_view word : Identifiers(source->text, values)) {
      const auto module = modules.find(word);
      if (module != modules.end()) open.push_back(module->second);
    }
  }
  Plan plan{config, values, {}};
  for (const auto& [name, source] : reached) plan.rtl.push_back(source);
  return plan;
}

}  // namespace npugen

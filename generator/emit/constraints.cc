// SPDX-License-Identifier: Apache-2.0
// Prints the constraints from their sources in constraints/.
#include "generator/emit/constraints.h"

#include <fmt/format.h>

#include <initializer_list>
#include <map>
#include <string_view>
#include <utility>

#include "generator/emit/sv_writer.h"
#include "generator/plan/constraint_library.h"

namespace npugen {
namespace {

/// Picoseconds as nanoseconds with three places.
std::string Nanoseconds(uint64_t picoseconds) {
  return fmt::format("{}.{:03}", picoseconds / 1000, picoseconds % 1000);
}

/// The text of a file of constraints/ with `@NAME@` replaced.
std::string Filled(std::string_view source, const std::map<std::string, std::string>& values) {
  std::string text(ConstraintText(source));
  for (const auto& [name, value] : values) {
    const std::string mark = fmt::format("@{}@", name);
    for (size_t at = text.find(mark); at != std::string::npos; at = text.find(mark, at)) {
      text.replace(at, mark.size(), value);
      at += value.size();
    }
  }
  return text;
}

}  // namespace

FileSet EmitConstraints(const Plan& plan, const FileSet& emission) {
  const uint64_t period = 1'000'000'000'000 / plan.config.clock_hz;
  // Packages first, as in filelist.f.
  std::string sources;
  for (const bool packages : {true, false}) {
    for (const auto& [path, text] : emission) {
      if (path.ends_with(".sv") && path.ends_with("_pkg.sv") == packages) {
        sources += fmt::format(" \\\n  $(NPU_HOME)/{}", path);
      }
    }
  }
  const std::map<std::string, std::string> values = {
      {"LICENSE", std::string(kLicenseLine)},
      {"BANNER", GeneratedBanner(Origin(plan.config.name, plan.config.hash))},
      {"TOP", std::string(kTopModule)},
      {"NAME", plan.config.name},
      {"PERIOD", Nanoseconds(period)},
      {"OUTSIDE", Nanoseconds(period * 3 / 10)},
      {"MEGAHERTZ", fmt::format("{:g}", static_cast<double>(plan.config.clock_hz) / 1e6)},
      {"INPUTS", "rst_ni s_axil_*_i m_axi_*_i"},
      {"OUTPUTS", plan.config.debug_trace != 0 ? "irq_o s_axil_*_o m_axi_*_o trace_*_o"
                                               : "irq_o s_axil_*_o m_axi_*_o"},
      {"SOURCES", sources}};
  FileSet files;
  for (const auto& [path, source] : std::initializer_list<std::pair<const char*, const char*>>{
           {"constraints/npu.sdc", "sdc/npu.sdc"},
           {"constraints/npu.xdc", "fpga/npu.xdc"},
           {"constraints/npu.pcf", "fpga/npu.pcf"},
           {"constraints/openroad/config.mk", "openroad/config.mk"}}) {
    files[path] = Filled(source, values);
  }
  return files;
}

}  // namespace npugen

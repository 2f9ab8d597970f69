// SPDX-License-Identifier: Apache-2.0
// Prints npu_cfg_pkg: the configuration as SystemVerilog constants.
#include "generator/emit/config_package.h"

#include <fmt/format.h>

#include "generator/arch/register_map.h"
#include "generator/emit/sv_writer.h"

namespace npugen {
namespace {

/// Tools differ on larger unsized literals.
constexpr uint64_t kLargestInt = 0x7fffffff;

}  // namespace

std::string EmitConfigPackage(const Plan& plan) {
  SvWriter out(
      "The configuration of this NPU. Constants are named after their keys: core.lanes is "
      "CoreLanes.",
      Origin(plan.config.name, plan.config.hash));
  out.Line("/* verilator lint_off UNUSEDPARAM */").Line("package npu_cfg_pkg;").In();
  AlignedTable wide = out.NewTable();
  AlignedTable counts = out.NewTable();
  wide.Row({"localparam logic [31:0]", "Identity", fmt::format("= 32'h{:08x};", kIdentity)},
           "content of the register id");
  wide.Row(
      {"localparam logic [63:0]", "ConfigHash", fmt::format("= 64'h{:016x};", plan.config.hash)},
      "what programs are checked against");
  for (const ConfigValue& value : plan.values) {
    if (value.value > kLargestInt) {
      wide.Row({"localparam logic [63:0]", value.SvName(), fmt::format("= 64'd{};", value.value)},
               value.remark);
    } else {
      counts.Row({"localparam int unsigned", value.SvName(), fmt::format("= {};", value.value)},
                 value.remark);
    }
  }
  out.Table(wide).Blank().Table(counts);
  out.Out().Line("endpackage : npu_cfg_pkg").Line("/* verilator lint_on UNUSEDPARAM */");
  return out.Finish();
}

}  // namespace npugen

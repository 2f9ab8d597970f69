// Prints npu_cfg_pkg: the configuration as SystemVerilog constants.
#include "generator/emit/config_package.h"

#include <fmt/format.h>

#include "generator/arch/register_map.h"
#include "generator/emit/sv_writer.h"

namespace npugen {

std::string EmitConfigPackage(const Plan& plan) {
  SvWriter out(
      "The configuration of this NPU. The remark behind a constant is its key in the spec.",
      Origin(plan.config.name, plan.config.hash));
  out.Line("/* verilator lint_off UNUSEDPARAM */").Line("package npu_cfg_pkg;").In();
  AlignedTable table = out.NewTable();
  table.Row({"localparam logic [31:0]", "Identity", fmt::format("= 32'h{:08x};", kIdentity)},
            "content of the register id");
  table.Row(
      {"localparam logic [63:0]", "ConfigHash", fmt::format("= 64'h{:016x};", plan.config.hash)},
      "what programs are checked against");
  for (const ConfigValue& value : plan.values) {
    const bool is_wide = value.value > 0x7fffffff;
    table.Row({is_wide ? "localparam logic [63:0]" : "localparam int unsigned", value.SvName(),
               fmt::format("= {}{};", is_wide ? "64'd" : "", value.value)},
              fmt::format("{}: {}", value.key, value.remark));
  }
  out.Table(table);
  out.Out().Line("endpackage : npu_cfg_pkg").Line("/* verilator lint_on UNUSEDPARAM */");
  return out.Finish();
}

}  // namespace npugen

// SPDX-License-Identifier: Apache-2.0
// Prints the timing constraints.
#include "generator/emit/constraints.h"

#include <fmt/format.h>

#include "generator/emit/sv_writer.h"

namespace npugen {
namespace {

/// Picoseconds as nanoseconds with three places.
std::string Nanoseconds(uint64_t picoseconds) {
  return fmt::format("{}.{:03}", picoseconds / 1000, picoseconds % 1000);
}

}  // namespace

std::string EmitConstraints(const Plan& plan) {
  const uint64_t period = 1'000'000'000'000 / plan.config.clock_hz;
  std::string out = fmt::format("# Timing constraints of {}, in nanoseconds.\n# {}\n\n", kTopModule,
                                GeneratedBanner(Origin(plan.config.name, plan.config.hash)));
  out += fmt::format("create_clock -name clk -period {} [get_ports clk_i]\n", Nanoseconds(period));
  out += fmt::format("set_clock_uncertainty {} [get_clocks clk]\n\n", Nanoseconds(period / 20));
  out += "# All other ports belong to the clock; the world outside has 30 % of the period.\n";
  out += fmt::format("set_input_delay {} -clock clk [get_ports {{rst_ni s_axil_*_i m_axi_*_i}}]\n",
                     Nanoseconds(period * 3 / 10));
  out += fmt::format("set_output_delay {} -clock clk [get_ports {{irq_o s_axil_*_o m_axi_*_o}}]\n",
                     Nanoseconds(period * 3 / 10));
  return out;
}

}  // namespace npugen

// SPDX-License-Identifier: Apache-2.0
// Cycles by cause, told in words.
#include "verif/session/limits.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "generator/arch/command_set.h"

namespace npugen {
namespace {

double CyclesOf(const LayerReport& layer, std::string_view cause) {
  for (const CycleCause& entry : AllCycleCauses()) {
    if (entry.json_name == cause) return static_cast<double>(layer.causes[entry.code]);
  }
  return 0;
}

uint64_t RoundUpToKib(uint64_t bytes) { return (bytes + 1023) / 1024; }

/// What the layer waits for when it waits for LOADs and STOREs.
LayerLimit Transfers(const NpuConfig& config, const RunReport& report, const LayerReport& layer) {
  LayerLimit limit;
  const LayerTraffic& traffic = layer.traffic;
  if (2 * traffic.parameter_bytes > traffic.bytes_loaded + traffic.bytes_stored) {
    limit.by = "loads of weights";
    const uint64_t cores = uint64_t{config.cores} * config.pes();
    const uint64_t room = config.core_memory_bytes * cores;
    if (report.parameter_room > room) {
      limit.help = fmt::format("{} KiB more core memory keep them",
                               RoundUpToKib((report.parameter_room - room) / cores));
    } else if (!report.warm && report.caches_parameters) {
      limit.help = "the next inference finds them in core memory";
    } else {
      limit.help = fmt::format("a bus wider than {} bytes", config.axi_bytes());
    }
    return limit;
  }
  if (traffic.bytes_loaded + traffic.bytes_stored > 0) {
    limit.by = "loads and stores of activations";
    limit.help =
        fmt::format("more PE memory keeps them or a bus wider than {} bytes", config.axi_bytes());
    return limit;
  }
  limit.by = "waits for other layers";
  limit.help = "a shorter memory latency or larger layers";
  return limit;
}

/// Why the array works with a part of its multipliers only.
std::string EmptyPart(const NpuConfig& config, const LayerReport& layer) {
  const uint32_t lanes = config.pe_lanes();
  const int64_t channels = layer.shape.empty() ? 0 : layer.shape.back();
  if (channels > 0 && channels % lanes != 0 && channels < 4 * int64_t{lanes}) {
    const int64_t groups = (channels + lanes - 1) / lanes;
    return fmt::format("{} channels on {} x {} lanes", channels, groups, lanes);
  }
  return fmt::format("what it sums up fills a part of the {} slots of a lane", config.simd);
}

}  // namespace

LayerLimit LimitOf(const NpuConfig& config, const RunReport& report, size_t number) {
  const LayerReport& layer = report.layers[number];
  const auto cycles = static_cast<double>(layer.cycles);
  if (layer.cycles == 0) return {};
  std::vector<std::pair<double, LayerLimit>> parts;
  const auto add = [&](double part, std::string by, std::string help) {
    parts.emplace_back(part, LayerLimit{std::move(by), part / cycles, std::move(help)});
  };
  const double compute = CyclesOf(layer, "compute");
  if (layer.macs > 0) {
    const double full = std::min(layer.utilization * cycles, compute);
    // Below that what keeps it from working says more.
    if (full >= 0.6 * cycles) return {"the array", full / cycles, "more MACs"};
    add(compute - full, "empty parts of the array", EmptyPart(config, layer));
  } else {
    add(compute, "vector units",
        fmt::format("more than {} results per cycle (units.postprocess_width)", config.post_width));
  }
  add(CyclesOf(layer, "weight_port"), "weights out of core memory",
      fmt::format("more than {} positions that share a slice (core.accumulators) or wider core "
                  "memory",
                  config.accumulators));
  add(CyclesOf(layer, "activation_port"), "operands out of PE memory",
      fmt::format("more than {} ports (units.window_ports) or more than {} banks",
                  config.window_ports, config.pe_banks));
  add(CyclesOf(layer, "drain"), "post-processing",
      fmt::format("more than {} results per cycle (units.postprocess_width)", config.post_width));
  add(CyclesOf(layer, "fill"), "starts of commands", "more PE memory for larger tiles");
  const double waits =
      CyclesOf(layer, "barrier") + CyclesOf(layer, "dma") + CyclesOf(layer, "idle");
  LayerLimit transfers = Transfers(config, report, layer);
  transfers.share = waits / cycles;
  parts.emplace_back(waits, std::move(transfers));
  return std::max_element(parts.begin(), parts.end(),
                          [](const auto& a, const auto& b) { return a.first < b.first; })
      ->second;
}

}  // namespace npugen

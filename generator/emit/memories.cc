// SPDX-License-Identifier: Apache-2.0
// Counts memories; a test holds the list against what Yosys finds in the RTL.
#include "generator/emit/memories.h"

#include <algorithm>
#include <bit>

#include "generator/arch/command_set.h"
#include "generator/arch/vector_operations.h"

namespace npugen {
namespace {

constexpr std::string_view kSinglePort = "npu_ram_1rw";
constexpr std::string_view kTwoPorts = "npu_ram_1r1w";
/// Bus beats staged by STORE (npu_store).
constexpr uint64_t kStoreStage = 16;

uint64_t CeilDiv(uint64_t a, uint64_t b) { return (a + b - 1) / b; }

}  // namespace

std::vector<MemoryNeed> MemoryNeeds(const NpuConfig& config) {
  const uint64_t pes = config.pes();
  const uint64_t cores = pes * config.cores;
  const uint64_t beat = config.axi_data_bits;
  const uint64_t entry = 8 * kEntryBytes;
  const uint64_t queue = config.command_queue_depth;
  std::vector<MemoryNeed> needs;
  needs.push_back({kSinglePort, "banks of PE memory", pes * config.pe_banks,
                   config.pe_memory_bytes / (uint64_t{config.pe_banks} * config.pe_bank_bytes),
                   8 * uint64_t{config.pe_bank_bytes}});
  needs.push_back({kSinglePort, "banks of core memory", cores * config.core_banks,
                   config.core_rows(), 8 * uint64_t{config.core_bank_bytes}});
  // With a window of positions to skip every lane has an address of its own.
  const uint64_t parts = config.bnn_enabled != 0 && config.bnn_skip_window > 1 ? config.lanes : 1;
  needs.push_back({kTwoPorts, "accumulators", 2 * cores * parts, config.accumulators,
                   32 * uint64_t{config.lanes} / parts});
  if (parts > 1) {
    const uint64_t blocks = CeilDiv(config.accumulators, config.bnn_skip_window);
    needs.push_back({kTwoPorts, "operands of the second plane", pes * config.bnn_skip_window,
                     config.bnn_skip_slices * blocks,
                     9 * uint64_t{config.simd} + std::bit_width(uint64_t{config.simd})});
  }
  if (config.vector_lanes != 0) {
    // Registers 0 to 7 of programs, three of reductions; two words of each are read at a time.
    needs.push_back({kTwoPorts, "registers of the vector unit", 2 * pes * config.vector_lanes,
                     11 * static_cast<uint64_t>(kVectorStrips), 32});
    needs.push_back({kTwoPorts, "scalars of the vector unit", pes,
                     3 * static_cast<uint64_t>(kVectorStrips), 32});
  }
  needs.push_back({kTwoPorts, "look-up tables", pes * config.lookup_ports, 256, 8});
  const uint64_t entries_per_word = config.axi_bytes() > 16 ? config.axi_bytes() / 16 : 1;
  needs.push_back({kTwoPorts, "instruction memory", 1,
                   CeilDiv(config.instruction_entries, entries_per_word),
                   entry * entries_per_word});
  const auto entries = [&](const CommandLayout& layout) {
    uint64_t most = 0;
    for (const OpcodeInfo& info : OpcodesOn(config.features())) {
      if (info.layout == &layout) most = std::max<uint64_t>(most, info.most_entries);
    }
    return most;
  };
  for (const CommandLayout* layout : AllCommandLayouts()) {
    if (layout->name == "dma_command") {
      needs.push_back(
          {kTwoPorts, "command queues of LOAD and STORE", 2, queue * entries(*layout), entry});
    } else if (layout->name == "compute_command") {
      needs.push_back({kTwoPorts, "command queues of PEs", pes, queue * entries(*layout), entry});
    }
  }
  needs.push_back({kTwoPorts, "parameter buffer", 1, config.parameter_entries, beat});
  needs.push_back({kTwoPorts, "activation buffer", 1, config.activation_entries, beat});
  needs.push_back({kTwoPorts, "buffer of STORE", 1, kStoreStage, beat});
  std::stable_sort(needs.begin(), needs.end(), [](const MemoryNeed& a, const MemoryNeed& b) {
    return a.total_bits() > b.total_bits();
  });
  return needs;
}

}  // namespace npugen

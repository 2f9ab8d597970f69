// SPDX-License-Identifier: Apache-2.0
// A timeline of engines and barriers.
#include "sw/compiler/schedule/estimate.h"

#include <algorithm>
#include <deque>
#include <string>

#include "sw/compiler/lower/layer.h"

namespace npugen::compiler {
namespace {

/// Cycles from a request to its first beat. The real number is the system's; plans are compared
/// with the same one.
constexpr int64_t kLatency = 50;
/// Start and end of a compute command: pipeline, records, last results.
constexpr int64_t kCommandCycles = 28;
/// Cycles of a LOAD from PE memory besides its words; nothing else is on its way meanwhile.
constexpr int64_t kLocalCycles = 8;

int64_t WeightRows(const NpuConfig& config, const Command& command) {
  const int64_t bytes = int64_t{config.lanes} * config.simd;
  return CeilDiv(command.Get(compute::packed_weights) != 0 ? CeilDiv(bytes, 2) : bytes,
                 config.core_row_bytes());
}

/// Without start and end.
int64_t WorkCycles(const NpuConfig& config, const Command& command) {
  const int64_t positions = command.Get(compute::positions);
  const int64_t groups = command.Get(compute::groups);
  const int64_t columns = command.Get(compute::win_cols);
  const int64_t fetches = CeilDiv(command.Get(compute::win_rows), config.window_ports);
  switch (command.opcode()) {
    case Opcode::kMatmul:
    case Opcode::kWindow: {
      const int64_t slices = command.Get(compute::k0_count) * command.Get(compute::k1_count) *
                             command.Get(compute::k2_count);
      int64_t each = 1;  // cycles of a position in a slice
      if (command.opcode() == Opcode::kWindow) {
        // A row begins with a full window; of the last row's padding one column may be left.
        const int64_t width = command.Get(compute::out_w);
        const int64_t next = command.Get(compute::win_new_cols);
        const int64_t shared = width > 1 && command.Get(compute::x_start) < 0 ? 1 : 0;
        each = CeilDiv(fetches * (columns - shared + (width - 1) * next), width);
      }
      const int64_t rows = WeightRows(config, command);
      const int64_t tile = config.accumulators;
      const int64_t tiles = positions / tile * std::max(tile * each, rows) +
                            (positions % tile != 0 ? std::max(positions % tile * each, rows) : 0);
      const int64_t planes = command.Get(compute::thresholds) == 3 ? 2 : 1;
      const int64_t results =
          planes * positions * CeilDiv(command.Get(compute::group_channels), config.post_width);
      return groups *
             std::max(slices * tiles * (command.Get(compute::two_planes) != 0 ? 2 : 1), results);
    }
    case Opcode::kMaxPool:
      return groups * positions * columns * fetches;
    case Opcode::kSoftmax:
    case Opcode::kArgMax:
      return command.Get(compute::out_h) * command.Get(compute::row_bytes) * 3;
    default:
      return positions * 3;
  }
}

/// What made a barrier count, and when: a growth from `before` to `after` between two times.
struct Growth {
  int64_t before, after;
  int64_t begin, end;
};

class Barrier {
 public:
  void Add(int64_t amount, int64_t begin, int64_t end) {
    const int64_t before = growths_.empty() ? 0 : growths_.back().after;
    growths_.push_back({before, before + amount, begin, end});
  }
  /// When the count is reached.
  int64_t TimeOf(int64_t count) const {
    const auto at =
        std::lower_bound(growths_.begin(), growths_.end(), count,
                         [](const Growth& growth, int64_t c) { return growth.after < c; });
    if (at == growths_.end()) return growths_.empty() ? 0 : growths_.back().end;
    return at->begin + (at->end - at->begin) * std::max<int64_t>(count - at->before, 0) /
                           (at->after - at->before);
  }

 private:
  std::vector<Growth> growths_;
};

/// A queue of an engine: its commands' entries and when they leave it.
struct Queue {
  int64_t free = 0;  ///< when the engine has done what it has
  int64_t entries = 0;
  std::deque<std::pair<int64_t, int64_t>> waiting;  ///< entries, and when they leave
};

}  // namespace

int64_t ComputeCycles(const NpuConfig& config, const Command& command) {
  return WorkCycles(config, command) + kCommandCycles;
}

int64_t EstimateCycles(const NpuConfig& config, const std::vector<Step>& steps) {
  std::vector<Barrier> barriers(config.barriers());
  std::vector<Queue> queues(kFirstPeEngine + config.pes());
  int64_t dispatched = kLatency;
  int64_t alone = 0;  // end of the last LOAD from PE memory: no other one reads before
  int64_t last = 0;
  for (const Step& step : steps) {
    const Command& command = step.command;
    Queue& queue = queues[step.engine];
    const bool compute = step.engine >= kFirstPeEngine;
    const CommandLayout& layout = compute ? kComputeLayout : kDmaLayout;
    const int64_t room = int64_t{config.command_queue_depth + 1} * layout.words / kWordsPerEntry;
    queue.entries += command.entries();
    while (queue.entries > room && !queue.waiting.empty()) {
      dispatched = std::max(dispatched, queue.waiting.front().second);
      queue.entries -= queue.waiting.front().first;
      queue.waiting.pop_front();
    }
    dispatched += command.entries();
    int64_t released = 0;
    for (const WaitFields& wait : kWaits) {
      if (command.Get(wait.enable) == 0) continue;
      released = std::max(released, barriers[command.Get(wait.id)].TimeOf(command.Get(wait.count)));
    }
    int64_t begin = std::max({queue.free, dispatched, released});
    int64_t amount = 1;
    int64_t end = begin;
    if (compute) {
      end = begin + ComputeCycles(config, command);
      if (In(command.opcode(), opcodes::kArray) && command.Get(compute::follow) != 0) {
        const int64_t slices = command.Get(compute::k0_count) * command.Get(compute::k1_count) *
                               command.Get(compute::k2_count);
        const int64_t rows =
            (command.Get(compute::groups) - 1) * command.Get(compute::weight_group_rows) +
            slices * WeightRows(config, command);
        const int64_t count =
            command.Get(header::wait1_count) + (rows - 1) * config.core_row_bytes();
        end = std::max(end, barriers[command.Get(header::wait1_id)].TimeOf(count) + kCommandCycles);
      }
    } else {
      const int64_t size = command.entries() == 1 ? 0 : command.Get(dma::size0);
      const int64_t runs = BoxRuns(command);
      const bool local =
          step.is_load() && command.entries() > 1 && command.Get(dma::local_source) != 0;
      if (local) {
        begin += kLocalCycles;
      } else if (step.is_load() && size > 0) {
        // The bus answers requests that were made while the engine still wrote.
        begin = std::max(begin, std::max(dispatched, alone) + kLatency);
        if (command.Get(header::ahead) == 0) begin = std::max(begin, released + kLatency);
      }
      if (step.is_load() && size > 0 && command.Get(header::signal_bytes) != 0)
        amount = runs * size;
      // Each run begins with a word of its own.
      end = begin + runs * CeilDiv(size, config.axi_bytes()) + (step.is_load() ? 0 : kLatency);
      if (local) alone = end;
    }
    queue.free = end;
    queue.waiting.push_back({command.entries(), begin});
    if (command.Get(header::signal_en) != 0) {
      const int64_t pe = compute ? step.engine - kFirstPeEngine : 0;
      barriers[command.Get(header::signal_id) + pe].Add(amount, amount > 1 ? begin : end, end);
    }
    last = std::max(last, end);
  }
  return last;
}

}  // namespace npugen::compiler

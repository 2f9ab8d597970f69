// SPDX-License-Identifier: Apache-2.0
// Memories, windows and barriers of the functional model, which its engines share.
#ifndef NPUGEN_VERIF_FUNCTIONAL_MODEL_STATE_H_
#define NPUGEN_VERIF_FUNCTIONAL_MODEL_STATE_H_

#include <array>
#include <deque>
#include <map>
#include <optional>
#include <vector>

#include "sw/stream/stream_decoder.h"
#include "verif/functional/functional_model.h"
#include "verif/functional/processing_element.h"

namespace npugen {

struct FunctionalModel::State {
  explicit State(const NpuConfig& npu_config) : config(npu_config) {
    for (uint32_t i = 0; i < config.pes(); ++i) pes.emplace_back(config, i);
  }

  /// A queue of commands: 0 load, 1 store, 2 and up one for each PE.
  using Queue = std::deque<const Command*>;

  bool WaitsHold(const Command& command) const {
    for (int number : {0, 1}) {
      const WaitFields& wait = kWaits[number];
      if (command.Get(wait.enable) == 0) continue;
      if (barriers[command.Get(wait.id)] < WaitCount(config, command, number)) {
        return false;
      }
    }
    return true;
  }

  /// Whether a command begins whose weights are still to come.
  bool Begins(const Command& command) const {
    for (const WaitFields& wait : kWaits) {
      if (command.Get(wait.enable) != 0 &&
          barriers[command.Get(wait.id)] < command.Get(wait.count)) {
        return false;
      }
    }
    return true;
  }

  /// `index` is the number of the PE that ran a compute command, else 0.
  void Signal(const Command& command, size_t index, int64_t bytes_written) {
    if (command.Get(header::signal_en) == 0) return;
    const bool by_bytes =
        command.opcode() == Opcode::kLoad && command.Get(header::signal_bytes) != 0;
    int64_t& count = barriers[command.Get(header::signal_id) + index];
    count = std::min(count + (by_bytes ? bytes_written : 1), (int64_t{1} << kBarrierCountBits) - 1);
  }

  /// Does a LOAD or STORE, of a single run only the bytes from `skip` on and at most `most`. What
  /// an `ahead` LOAD reads may have been staged before.
  std::optional<functional::Fault> Transfer(const Command& command, int64_t skip, int64_t most,
                                            FunctionalJobResult* result, int64_t* bytes_moved);

  /// Whether others may see the bytes of a LOAD arrive: it signals them, and they are one run.
  static bool ArrivesInPieces(const Command& command) {
    return command.opcode() == Opcode::kLoad && command.entries() == 3 && BoxRuns(command) == 1 &&
           command.Get(header::signal_bytes) != 0 && command.Get(header::signal_en) != 0;
  }

  /// Whether a LOAD may read before its waits hold.
  static bool ReadsAhead(const Command& command) {
    return command.entries() > 1 && command.Get(header::ahead) != 0 &&
           command.Get(dma::local_source) == 0;
  }

  /// The next LOAD in the queue that may be read ahead now, or null: none before it holds it back.
  const Command* NextAhead(const Queue& loads) const {
    for (const Command* command : loads) {
      if (ReadsAhead(*command)) {
        if (staged.count(command) == 0) return command;
      } else if (command->entries() > 1 && !WaitsHold(*command)) {
        return nullptr;
      }
    }
    return nullptr;
  }

  /// Numbers of the memories for the observer.
  size_t CoreNumber(size_t pe, size_t core) const { return pes.size() + pe * config.cores + core; }
  size_t WindowNumber(int64_t window) const {
    return pes.size() * (1 + config.cores) + static_cast<size_t>(window);
  }

  NpuConfig config;
  AccessObserver* observer = nullptr;
  uint64_t work = 0, most_work = UINT64_MAX;  ///< of LOAD and STORE
  std::vector<functional::ProcessingElement> pes;
  std::array<FunctionalWindow, kWindowCount> windows;
  std::array<int64_t, kMostBarriers> barriers = {};
  /// Parts of windows as they were when `ahead` LOADs were read.
  struct Staged {
    int64_t begin = 0;  ///< offset in the window
    std::vector<uint8_t> bytes;
  };
  std::map<const Command*, Staged> staged;

  /// Copies all that the LOAD may read.
  void ReadAhead(const Command& command);
};

}  // namespace npugen

#endif  // NPUGEN_VERIF_FUNCTIONAL_MODEL_STATE_H_

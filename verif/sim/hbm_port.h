// SPDX-License-Identifier: Apache-2.0
// Between a bus and HbmMemory: bursts become granules of 32 bytes, and beats know whether theirs
// have come.
#pragma once

#include <cstdint>
#include <deque>
#include <vector>

#include "verif/sim/hbm_memory.h"

namespace npugen {

/// The granules of one bus, in order of acceptance for each channel and direction.
class HbmPort {
 public:
  /// Granules that reads may have under way: 64 bursts of 256 beats of 64 bytes.
  static constexpr uint32_t kUnderWay = 1 << 16;
  /// Writes that wait for room before the bus is held.
  static constexpr uint32_t kWaitingWrites = 16;

  /// `latency`: cycles of the bus from an accepted address, or the last beat of 32 bytes written,
  /// to the controller.
  HbmPort(const HbmSheet& sheet, const HbmOptions& options, double cycle_fs, uint32_t latency);

  /// The granules of [address, address + bytes) are asked for in `cycle`. Returns the number of the
  /// first one; the others follow.
  uint32_t StartRead(uint64_t address, uint64_t bytes, uint64_t cycle);
  void Write(uint64_t address, uint64_t cycle);
  bool RoomForWrite() const { return waiting_writes_ < kWaitingWrites; }

  /// Granules `first` to `last` (at most a beat's) have arrived.
  bool Arrived(uint32_t first, uint32_t last) const {
    for (uint32_t number = first; number != last + 1; ++number) {
      if (!arrived_[number % kUnderWay]) return false;
    }
    return true;
  }

  /// Up to the beginning of `cycle`.
  void Tick(uint64_t cycle);
  /// Granules wait for the controller: Tick() must go on.
  bool waiting() const { return waiting_reads_ != 0 || waiting_writes_ != 0; }
  HbmCounts counts() const { return memory_.counts(); }

 private:
  struct Granule {
    uint64_t address;
    uint64_t from;  ///< first cycle in which the controller sees it
    uint32_t number;
  };

  void Feed(std::deque<Granule>* queue, bool write, uint32_t* waiting, uint64_t cycle);

  HbmMemory memory_;
  uint32_t latency_;
  std::vector<std::deque<Granule>> reads_, writes_;  ///< by channel
  uint32_t waiting_reads_ = 0, waiting_writes_ = 0;
  uint32_t next_number_ = 0;
  std::vector<bool> arrived_;
};

}  // namespace npugen

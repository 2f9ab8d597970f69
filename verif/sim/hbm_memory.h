// SPDX-License-Identifier: Apache-2.0
// When bytes come from HBM: channels with banks, buses and refresh, and a controller that reorders.
//
// Contents are elsewhere (AxiMemory): this is about time only. A channel has two pseudo channels,
// each with its own banks and data bus, which share a bus for row commands and one for column
// commands. The controller keeps up to 64 reads and 64 writes of 32 bytes a channel, serves the
// oldest one whose row is open, opens and closes rows for the others, collects writes until there
// are many (or no reads), and refreshes all banks of a pseudo channel at once. docs/memory.md has
// the rules and how far this agrees with Ramulator2.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "verif/sim/hbm_timing.h"

namespace npugen {

/// What one command reads or writes.
inline constexpr uint32_t kGranuleBytes = 32;

/// How an address becomes a place: letters from the least significant bit of the number of the
/// 32-byte granule up. `c` one bit of the column, `C` the rest of them, `h` channel, `p` pseudo
/// channel, `g` bank group, `b` bank, `s` stack, `r` row. A last `x` adds (exclusive or) the lowest
/// bits of the row to bank group and bank, `y` all bits of the row, folded. 128 bytes to a row
/// before the next place is the best compromise that was measured; streams that lie a power of two
/// apart meet in the same banks without `y`.
inline constexpr std::string_view kDefaultHbmMap = "cchpgCbsry";

struct HbmOptions {
  uint32_t channels = 1;  ///< a power of two, 1 to 16
  std::string map = std::string(kDefaultHbmMap);
  uint32_t queue = 64;  ///< reads, and writes, that the controller of a channel holds
};

/// Commands of a DRAM.
enum class HbmCommand : uint8_t { kActivate, kPrecharge, kRead, kWrite, kPrechargeAll, kRefresh };

/// Where 32 bytes are.
struct HbmPlace {
  uint32_t channel, pseudo_channel, stack, bank_group, bank, row;
};

/// Sees the commands, for tests.
class HbmObserver {
 public:
  virtual ~HbmObserver() = default;
  /// All banks of the pseudo channel for kPrechargeAll and kRefresh.
  virtual void See(int64_t tick, HbmCommand command, const HbmPlace& place) = 0;
};

/// What passed.
struct HbmCounts {
  uint64_t reads = 0, writes = 0;  ///< of 32 bytes
  uint64_t activates = 0, precharges = 0, refreshes = 0;
};

/// One channel and its controller.
class HbmChannel {
 public:
  HbmChannel(const HbmSheet& sheet, uint32_t queue);

  bool Full(bool write) const { return (write ? writes_ : reads_).size() >= queue_; }
  /// Not while Full(write).
  void Push(bool write, const HbmPlace& place, uint32_t token);
  /// Commands of the ticks before `tick`.
  void AdvanceTo(int64_t tick);
  /// A read whose data have arrived by the tick advanced to.
  bool PopRead(uint32_t* token);
  bool idle() const { return reads_.empty() && writes_.empty() && answers_.empty(); }
  int64_t tick() const { return now_; }

  const HbmCounts& counts() const { return counts_; }
  void Observe(HbmObserver* observer) { observer_ = observer; }

 private:
  struct Request {
    HbmPlace place;
    uint32_t bank, group;  ///< indices in the pseudo channel
    uint32_t token;
  };
  struct Bank {
    int64_t row = -1;                                          ///< -1: closed
    int64_t activate = 0, precharge = 0, read = 0, write = 0;  ///< not before
  };
  struct Group {
    int64_t activate = 0, read = 0, write = 0;
  };
  struct PseudoChannel {
    std::vector<Bank> banks;
    std::vector<Group> groups;
    std::vector<int64_t> stack_read;
    int64_t activate = 0, read = 0, write = 0;
    std::array<int64_t, 4> activates;  ///< the latest four
    uint32_t oldest = 0;               ///< of them
    int64_t refresh_due = 0;
    bool refreshing = false;
  };
  struct Answer {
    int64_t tick;
    uint32_t token;
  };

  /// The commands of one tick. Returns the next tick in which there may be one.
  int64_t Step();
  bool Refresh(int64_t* next);
  bool Column(std::vector<Request>* queue, int64_t* next);
  bool Row(std::vector<Request>* queue, int64_t* next);
  void Activate(PseudoChannel* channel, const Request& request);
  /// A request before that of `index` wants the row that is open in its bank.
  bool WantedEarlier(const std::vector<Request>& queue, size_t index) const;
  void See(HbmCommand command, const HbmPlace& place) {
    if (observer_ != nullptr) observer_->See(now_, command, place);
  }

  HbmRules rules_;
  uint32_t bank_groups_, banks_, queue_;
  std::array<PseudoChannel, 2> pseudo_channels_;
  std::vector<Request> reads_, writes_;  ///< oldest first
  std::deque<Answer> answers_;
  int64_t now_ = 0;
  int64_t row_free_ = 0, column_free_ = 0;
  bool write_mode_ = false;
  HbmCounts counts_;
  HbmObserver* observer_ = nullptr;
};

/// All channels of a memory, seen from a bus of another clock.
class HbmMemory {
 public:
  /// `cycle_fs` is the period of the bus, in femtoseconds. The options must be legal:
  /// CheckHbmOptions().
  HbmMemory(const HbmSheet& sheet, const HbmOptions& options, double cycle_fs);

  /// Asks for the 32 bytes at `address` (a multiple of 32), in the bus cycle that was advanced to.
  /// False: no room now.
  bool Push(bool write, uint64_t address, uint32_t token);
  /// Up to the beginning of bus cycle `cycle`.
  void AdvanceTo(uint64_t cycle);
  /// A read whose data have arrived.
  bool PopRead(uint32_t* token);
  bool idle() const;

  HbmCounts counts() const;
  HbmPlace Place(uint64_t address) const;
  HbmChannel& channel(uint32_t index) { return channels_[index]; }

 private:
  HbmSheet sheet_;
  HbmOptions options_;
  double ticks_per_cycle_;
  std::vector<HbmChannel> channels_;
  uint32_t next_ = 0;  ///< channel asked first for answers
};

/// Empty, or what is wrong with the options.
std::string CheckHbmOptions(const HbmOptions& options);

}  // namespace npugen

// SPDX-License-Identifier: Apache-2.0
// A cycle-level AXI4 memory for simulation, independent of any verilated class.
//
// All its outputs are registers, as those of a slave with register slices. One simulated cycle is:
//
//     dut.clk = 0; <copy memory.response() to the inputs>; dut.eval();  // outputs settle
//     memory.Tick(<outputs of dut>);                                    // what the edge will do
//     dut.clk = 1; dut.eval();                                          // with the old inputs
//
// so response() must be copied before Tick() or only after the edge. A cycle without traffic costs
// a few instructions (the fast path of Tick), a cycle with traffic some ten nanoseconds; nothing is
// allocated.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "verif/sim/axi_checker.h"
#include "verif/sim/hbm_port.h"

namespace npugen {

/// AXI response codes.
enum class AxiResponseCode : uint8_t {
  kOkay = 0,
  kExclusive = 1,
  kSlaveError = 2,
  kDecodeError = 3
};

/// Settings of an AxiMemory.
struct AxiMemoryOptions {
  uint32_t bus_bytes = 16;      ///< 4, 8, ... 64
  uint32_t read_latency = 50;   ///< cycles from the accepted address to the first beat, at least 1
  uint32_t write_latency = 50;  ///< cycles from the accepted last beat to the response, at least 1
  uint32_t max_outstanding = 64;   ///< bursts per direction, 1..64; no address is accepted beyond
  uint32_t max_burst_beats = 256;  ///< longer bursts are a protocol violation
  bool interleave = false;  ///< beats of different read ids come mixed (in order within an id)
  // Probabilities in 1/65536 per cycle that a channel pauses.
  uint32_t ar_stall = 0, r_stall = 0, aw_stall = 0, w_stall = 0, b_stall = 0;
  uint64_t seed = 1;
  /// Not null: answers come from this DRAM, `read_latency` cycles are those from an address to its
  /// controller, and answers to writes come when the controller has them.
  const HbmSheet* hbm = nullptr;
  HbmOptions hbm_options = {};
  double cycle_fs = 0;  ///< period of the bus in femtoseconds, for the DRAM
};

/// What passed since construction or Reset().
struct AxiMemoryCounts {
  uint64_t read_bursts = 0, read_beats = 0;
  uint64_t write_bursts = 0, write_beats = 0;
  uint64_t violations = 0;  ///< of the protocol, by the master
  HbmCounts hbm;            ///< zeros without HBM
};

/// The channels of AXI4.
enum class AxiChannel : uint8_t { kReadAddress, kRead, kWriteAddress, kWrite, kWriteResponse };
inline constexpr uint32_t kAxiChannels = 5;

/// The memory: `size` bytes of host memory at bus address `base`, owned by the caller.
class AxiMemory {
 public:
  AxiMemory(uint8_t* storage, uint64_t base, uint64_t size, const AxiMemoryOptions& options = {});

  /// Forgets all transfers under way, counts, violations and time; keeps contents and error ranges.
  void Reset();

  /// One clock edge. `request` holds the master's outputs of the cycle that ends, which are seen
  /// together with response() of the same cycle; afterwards response() is that of the next cycle.
  void Tick(const AxiRequestSignals& request) {
    if (!active_ && !request.ar_valid && !request.aw_valid && !request.w_valid) {
      ++cycle_;
      checker_.Skip(1);
      return;
    }
    Advance(request);
  }

  const AxiResponseSignals& response() const { return response_; }

  /// True while transfers are under way or a channel may pause at random. While false, Tick() with
  /// no valid request changes nothing but the time, so response() need not be copied again.
  bool active() const { return active_; }

  /// Beats that touch [address, address + bytes) answer with `code`; such writes have no effect.
  /// Beats outside the memory answer with kDecodeError without being told.
  void AddErrorRange(uint64_t address, uint64_t bytes, AxiResponseCode code);
  void ClearErrorRanges() { error_ranges_.clear(); }

  /// Makes the slave's side of `channel` fall silent after `transfers` more transfers on it: no
  /// ready, or no valid. Unmute() ends it.
  void Mute(AxiChannel channel, uint64_t transfers) {
    until_mute_[static_cast<uint32_t>(channel)] = transfers;
    if (transfers != 0) return;
    if (channel == AxiChannel::kReadAddress) response_.ar_ready = false;
    if (channel == AxiChannel::kWriteAddress) response_.aw_ready = false;
    if (channel == AxiChannel::kWrite) response_.w_ready = false;
  }
  void Unmute() { until_mute_.fill(UINT64_MAX); }
  /// What is under way will never be answered: the slave forgets it. Writes take the rest of their
  /// data.
  void DropAnswers();

  /// The host's view of the bytes at a bus address; null where [address, address + bytes) is not
  /// inside.
  uint8_t* Pointer(uint64_t address, uint64_t bytes) {
    return Inside(address, bytes) ? storage_ + (address - base_) : nullptr;
  }

  uint64_t cycle() const { return cycle_; }
  AxiMemoryCounts counts() const {
    AxiMemoryCounts counts = counts_;
    counts.violations = checker_.violations();
    if (hbm_) counts.hbm = hbm_->counts();
    return counts;
  }
  /// Bursts accepted whose last beat (read) or response (write) has not been taken by the master.
  uint32_t outstanding() const { return reads_.count + writes_.count + replies_.count; }

  /// The first violations of the protocol in words, at most 16; counts().violations has their
  /// number.
  const std::vector<std::string>& violations() const { return checker_.texts(); }

 private:
  static constexpr uint32_t kCapacity = 64;

  struct Burst {
    uint64_t address;  ///< of the next beat
    uint64_t due;      ///< first cycle in which an answer may be seen
    uint32_t left;     ///< beats
    uint8_t id;
    uint8_t code;          ///< worst answer so far (writes)
    uint64_t first = 0;    ///< address of the first beat
    uint32_t granule = 0;  ///< number of the first granule of HBM (reads)
    bool lost = false;     ///< a write that is never answered
  };

  /// Bursts in the order of acceptance.
  struct BurstRing {
    Burst items[kCapacity];
    uint32_t head = 0;
    uint32_t count = 0;
    Burst& at(uint32_t i) { return items[(head + i) % kCapacity]; }
    void Push(const Burst& burst) { items[(head + count++) % kCapacity] = burst; }
    void Pop() {
      head = (head + 1) % kCapacity;
      --count;
    }
    void Remove(uint32_t i) {
      for (; i > 0; --i) at(i) = at(i - 1);
      Pop();
    }
  };

  struct ErrorRange {
    uint64_t first, last;
    uint8_t code;
  };

  void Advance(const AxiRequestSignals& request);
  void AcceptWriteBeat(const AxiRequestSignals& request);
  void PresentRead();
  /// The beat that is next in `burst` may be shown in the next cycle.
  bool Ready(const Burst& burst) const;
  void PresentAnswer();
  uint8_t CodeFor(uint64_t address) const;
  bool Muted(AxiChannel channel) const { return until_mute_[static_cast<uint32_t>(channel)] == 0; }
  void Count(AxiChannel channel) {
    uint64_t& left = until_mute_[static_cast<uint32_t>(channel)];
    if (left != UINT64_MAX && left != 0) --left;
  }
  bool Inside(uint64_t address, uint64_t bytes) const {
    return address >= base_ && bytes <= size_ && address - base_ <= size_ - bytes;
  }
  bool Chance(uint32_t probability) {
    if (probability == 0) return false;
    random_ ^= random_ << 13;
    random_ ^= random_ >> 7;
    random_ ^= random_ << 17;
    return (random_ >> 20 & 0xffff) < probability;
  }

  uint8_t* storage_;
  uint64_t base_;
  uint64_t size_;
  AxiMemoryOptions options_;
  bool random_stalls_;
  std::vector<ErrorRange> error_ranges_;

  bool active_ = false;
  uint64_t cycle_ = 0;
  uint64_t random_ = 1;
  AxiResponseSignals response_;
  BurstRing reads_;    ///< read bursts with beats to come
  BurstRing writes_;   ///< write bursts with beats to come
  BurstRing replies_;  ///< write bursts waiting for their answer to be taken
  std::array<uint64_t, kAxiChannels> until_mute_;
  AxiChecker checker_;
  AxiMemoryCounts counts_;
  std::unique_ptr<HbmPort> hbm_;  ///< null: answers come after a fixed time
};

}  // namespace npugen

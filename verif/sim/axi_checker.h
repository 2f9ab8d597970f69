// SPDX-License-Identifier: Apache-2.0
// Checks that both sides of an AXI4 bus keep its rules, cycle by cycle.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

namespace npugen {

/// What the master drives. Data is a pointer to bytes in bus order (little endian), so a Verilator
/// IData, QData or VlWide port serves directly; it is read during Tick() only.
struct AxiRequestSignals {
  uint64_t ar_addr = 0;
  uint64_t aw_addr = 0;
  uint64_t w_strb = 0;              ///< one bit per byte of the bus
  const uint8_t* w_data = nullptr;  ///< bus_bytes bytes; may be null while w_valid is false
  uint8_t ar_id = 0, ar_len = 0, ar_size = 0, ar_burst = 1;
  uint8_t aw_id = 0, aw_len = 0, aw_size = 0, aw_burst = 1;
  bool ar_valid = false;
  bool aw_valid = false;
  bool w_valid = false;
  bool w_last = false;
  bool r_ready = false;
  bool b_ready = false;
};

/// What the memory drives.
struct AxiResponseSignals {
  alignas(64) uint8_t r_data[64] = {};  ///< the first bus_bytes bytes are the beat
  uint8_t r_id = 0, r_resp = 0;
  uint8_t b_id = 0, b_resp = 0;
  bool ar_ready = true;
  bool aw_ready = true;
  bool w_ready = false;  ///< only after the burst's address was accepted
  bool r_valid = false;
  bool r_last = false;
  bool b_valid = false;
};

/// Watches a bus whose master asks for whole beats, in INCR bursts of aligned addresses, and gives
/// write data in the order of its addresses and not before them.
class AxiChecker {
 public:
  /// `bus_bytes` 4..64; bursts have at most `max_burst_beats` beats.
  AxiChecker(uint32_t bus_bytes, uint32_t max_burst_beats)
      : bus_bytes_(bus_bytes), max_burst_beats_(max_burst_beats) {}

  /// Forgets all bursts, violations and time.
  void Reset() { *this = AxiChecker(bus_bytes_, max_burst_beats_); }

  /// One clock edge with the signals of both sides before it.
  void Check(const AxiRequestSignals& request, const AxiResponseSignals& response);
  /// Cycles that pass without a call of Check(): nothing is valid in them.
  void Skip(uint64_t cycles) { cycle_ += cycles; }

  /// True while something is valid and not accepted: the next cycle must not be skipped.
  bool holding() const { return ar_held_ || aw_held_ || w_held_ || r_held_ || b_held_; }

  /// The slave will answer none of the bursts under way.
  void DropAnswers();

  uint64_t violations() const { return count_; }
  /// The first violations in words, at most 16.
  const std::vector<std::string>& texts() const { return texts_; }

 private:
  static constexpr uint32_t kIds = 16;
  static constexpr uint32_t kDepth = 128;  ///< bursts that are followed, a power of two

  /// Numbers in the order in which they came.
  struct Queue {
    std::array<uint16_t, kDepth> items;
    uint32_t head = 0, count = 0;
    uint16_t& front() { return items[head % kDepth]; }
    void Push(uint32_t item) {
      items[(head + count) % kDepth] = static_cast<uint16_t>(item);
      if (count < kDepth) ++count;
    }
    void Pop() {
      ++head;
      --count;
    }
  };

  void CheckHeld(const AxiRequestSignals& request, const AxiResponseSignals& response);
  void RememberHeld(const AxiRequestSignals& request, const AxiResponseSignals& response);
  void CheckAddress(const char* channel, uint64_t address, uint32_t beats, uint8_t size,
                    uint8_t burst, uint8_t id);
  void CheckWrite(const AxiRequestSignals& request);
  void CheckRead(const AxiResponseSignals& response);
  void CheckAnswer(const AxiResponseSignals& response);
  void Violation(const char* format, ...) __attribute__((format(printf, 2, 3)));

  uint32_t bus_bytes_;
  uint32_t max_burst_beats_;
  uint64_t cycle_ = 0;
  // Valid and not accepted in the last cycle.
  bool ar_held_ = false, aw_held_ = false, w_held_ = false, r_held_ = false, b_held_ = false;
  AxiRequestSignals held_;
  AxiResponseSignals held_response_;
  uint8_t held_data_[64] = {};
  // Bursts under way.
  std::array<Queue, kIds> reads_;               ///< beats to come, by id
  Queue write_ids_, write_beats_;               ///< of writes whose data is not complete
  std::array<uint32_t, kIds> unanswered_ = {};  ///< writes with all of their data, by id
  uint64_t count_ = 0;
  std::vector<std::string> texts_;
};

}  // namespace npugen

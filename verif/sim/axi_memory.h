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

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace npugen {

/// AXI response codes.
enum class AxiResponseCode : uint8_t {
  kOkay = 0,
  kExclusive = 1,
  kSlaveError = 2,
  kDecodeError = 3
};

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
};

/// What passed since construction or Reset().
struct AxiMemoryCounts {
  uint64_t read_bursts = 0, read_beats = 0;
  uint64_t write_bursts = 0, write_beats = 0;
  uint64_t violations = 0;  ///< of the protocol, by the master
};

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

  /// The host's view of the bytes at a bus address; null where [address, address + bytes) is not
  /// inside.
  uint8_t* Pointer(uint64_t address, uint64_t bytes) {
    return Inside(address, bytes) ? storage_ + (address - base_) : nullptr;
  }

  uint64_t cycle() const { return cycle_; }
  const AxiMemoryCounts& counts() const { return counts_; }
  /// Bursts accepted whose last beat (read) or response (write) has not been taken by the master.
  uint32_t outstanding() const { return reads_.count + writes_.count + replies_.count; }

  /// The first violations of the protocol in words, at most 16; counts().violations has their
  /// number.
  const std::vector<std::string>& violations() const { return violations_; }

 private:
  static constexpr uint32_t kCapacity = 64;

  struct Burst {
    uint64_t address;  ///< of the next beat
    uint64_t due;      ///< first cycle in which an answer may be seen
    uint32_t left;     ///< beats
    uint8_t id;
    uint8_t code;  ///< worst answer so far (writes)
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
  void AcceptAddress(const char* channel, uint64_t address, uint32_t beats, uint8_t size,
                     uint8_t burst);
  void AcceptWriteBeat(const AxiRequestSignals& request);
  void PresentRead();
  void CheckStable(const AxiRequestSignals& request);
  void RememberHeld(const AxiRequestSignals& request);
  uint8_t CodeFor(uint64_t address) const;
  void Violation(const char* format, ...);
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
  bool ar_held_ = false, aw_held_ = false,
       w_held_ = false;  ///< valid and not accepted in the last cycle
  AxiRequestSignals held_;
  uint8_t held_data_[64];
  AxiMemoryCounts counts_;
  std::vector<std::string> violations_;
};

}  // namespace npugen

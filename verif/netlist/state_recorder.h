// SPDX-License-Identifier: Apache-2.0
// Records the state of a netlist in cycles that are drawn at random, however many there will be.
//
// This file becomes part of models (verif/sim/harness_sources.h) and needs nothing but the standard
// library.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace npugen {

/// Cycles are cut into stretches of equal length, of each of which one cycle is recorded. When
/// there are twice as many as wanted, two stretches become one, of which either cycle stays.
class StateRecorder {
 public:
  /// `least` as many cycles as are wanted at least; 0: none.
  void Start(uint64_t least, uint64_t seed) {
    *this = StateRecorder();
    least_ = least;
    random_ = seed;
  }

  bool active() const { return least_ != 0 || pending_; }

  /// Each cycle when all has settled; `running`: it counts (other cycles only end what a cycle that
  /// does has begun).
  void Sample(std::span<const uint8_t> values, bool running) {
    if (pending_) Append(values);
    pending_ = false;
    if (!running || least_ == 0) return;
    if (place_ == stretch_) {
      place_ = 0;
      if (count() >= 2 * least_) Halve();
    }
    if (place_ == 0) drawn_ = Random() % stretch_;
    if (place_++ == drawn_) {
      Append(values);
      pending_ = true;
    }
    ++cycles_;
  }

  const std::vector<uint8_t>& bits() const { return bits_; }
  uint64_t count() const { return state_bytes_ == 0 ? 0 : bits_.size() / (2 * state_bytes_); }
  uint64_t cycles() const { return cycles_; }
  uint32_t state_bytes() const { return state_bytes_; }

 private:
  void Append(std::span<const uint8_t> values) {
    state_bytes_ = static_cast<uint32_t>((values.size() + 7) / 8);
    const size_t begin = bits_.size();
    bits_.resize(begin + state_bytes_);
    for (size_t i = 0; i < values.size(); ++i) {
      bits_[begin + i / 8] |= static_cast<uint8_t>(values[i] << i % 8);
    }
  }

  void Halve() {
    const size_t size = size_t{2} * state_bytes_;
    const size_t pairs = bits_.size() / size / 2;
    for (size_t i = 0; i < pairs; ++i) {
      const size_t from = (2 * i + Random() % 2) * size;
      for (size_t b = 0; b < size; ++b) bits_[i * size + b] = bits_[from + b];
    }
    bits_.resize(pairs * size);
    stretch_ *= 2;
  }

  /// splitmix64
  uint64_t Random() {
    uint64_t z = random_ += 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }

  uint64_t least_ = 0, random_ = 0;
  uint64_t stretch_ = 1, place_ = 0, drawn_ = 0;  ///< cycles
  uint64_t cycles_ = 0;
  bool pending_ = false;  ///< the state of the next cycle is to come
  uint32_t state_bytes_ = 0;
  std::vector<uint8_t> bits_;
};

}  // namespace npugen

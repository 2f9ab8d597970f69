// SPDX-License-Identifier: Apache-2.0
// A bus memory for reads: latency, random stalls, errors, and checks of the requests. For the
// command fetch.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <deque>
#include <random>
#include <vector>

#include "verif/unit/bits.h"

/// Serves ar_/r_ ports of a dut. Per cycle: Drive() before eval, Observe() after eval and before
/// the edge.
template <unsigned kBusBytes>
class ReadChannel {
 public:
  // Behaviour
  int latency = 3;        ///< cycles from the request to its first beat
  int stall_percent = 0;  ///< of requests and beats
  uint64_t base = 0;      ///< bus address of bytes[0], aligned to beats
  uint64_t low = 0;       ///< reads below the beat of this address are errors of the test
  uint64_t high = ~0ull;  ///< reads beyond the beat of the last byte before this address too
  bool bad = false;       ///< the beat that holds bad_address is answered with an error
  uint64_t bad_address = 0;
  std::vector<uint8_t> bytes;

  // Record
  std::vector<uint64_t> burst_addresses;
  std::vector<unsigned> burst_beats;
  uint64_t beats = 0;
  unsigned in_flight = 0;  ///< bursts accepted and not answered
  unsigned most_in_flight = 0;

  template <typename Dut>
  void Drive(Dut& dut) {
    ++now_;
    dut.ar_ready_i = !Stall();
    if (!offered_) offered_ = !queue_.empty() && queue_.front().due <= now_ && !Stall();
    dut.r_valid_i = offered_;
    if (!offered_) return;
    const Beat& beat = queue_.front();
    uint8_t data[kBusBytes] = {};
    for (unsigned i = 0; i < kBusBytes; ++i) {
      const uint64_t at = beat.address + i - base;
      data[i] = at < bytes.size() ? bytes[at] : static_cast<uint8_t>(random_());
    }
    SetBytes(&dut.r_data_i, data, kBusBytes);
    dut.r_last_i = beat.last;
    dut.r_resp_i = bad && beat.address == bad_address / kBusBytes * kBusBytes ? 2 : 0;
  }

  template <typename Dut>
  void Observe(Dut& dut) {
    if (offered_) {
      ASSERT_TRUE(dut.r_ready_o) << "the fetch has reserved the room";
      if (queue_.front().last) --in_flight;
      queue_.pop_front();
      offered_ = false;
      ++beats;
    }
    const uint64_t address = dut.ar_addr_o;
    if (pending_) {
      ASSERT_TRUE(dut.ar_valid_o) << "a request stays until it is accepted";
      ASSERT_EQ(address, pending_address_);
      ASSERT_EQ(dut.ar_len_o, pending_length_);
    }
    pending_ = dut.ar_valid_o && !dut.ar_ready_i;
    pending_address_ = address;
    pending_length_ = dut.ar_len_o;
    if (!dut.ar_valid_o || !dut.ar_ready_i) return;
    const unsigned count = dut.ar_len_o + 1u;
    ASSERT_EQ(address % kBusBytes, 0u);
    ASSERT_LE(count, 16u);
    ASSERT_EQ(address / 4096, (address + count * kBusBytes - 1) / 4096) << "crosses 4 KiB";
    ASSERT_GE(address + kBusBytes, low + 1) << "below the window";
    ASSERT_LT(address + (count - 1) * kBusBytes, high) << "beyond the window";
    burst_addresses.push_back(address);
    burst_beats.push_back(count);
    most_in_flight = ++in_flight > most_in_flight ? in_flight : most_in_flight;
    const uint64_t first =
        queue_.empty() ? now_ + latency : std::max(now_ + latency, queue_.back().due);
    for (unsigned i = 0; i < count; ++i) {
      queue_.push_back({address + i * kBusBytes, first, i + 1 == count});
    }
  }

 private:
  struct Beat {
    uint64_t address;
    uint64_t due;
    bool last;
  };
  bool Stall() { return static_cast<int>(random_() % 100) < stall_percent; }

  std::mt19937 random_{9};
  std::deque<Beat> queue_;
  uint64_t now_ = 0;
  bool offered_ = false;
  bool pending_ = false;
  uint64_t pending_address_ = 0;
  unsigned pending_length_ = 0;
};

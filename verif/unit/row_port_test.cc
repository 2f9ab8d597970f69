// SPDX-License-Identifier: Apache-2.0
// npu_row_port against arrays of rows: who asks first is served, and every read sees all beats that
// were accepted before it.
#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <random>
#include <vector>

#include "verif/unit/bits.h"
#include "verif/unit/module_bench.h"

namespace {

constexpr uint32_t kRowBytes = PARAM_RowBytes;
constexpr uint32_t kRows = PARAM_Rows;
constexpr uint32_t kBus = PARAM_BusBytes;
constexpr uint32_t kCores = PARAM_Cores;

using Memory = std::vector<std::vector<uint8_t>>;  // of each core

class RowPort : public ModuleBench {
 protected:
  RowPort()
      : ModuleBench(PARAM_RowBytes + 100 * PARAM_BusBytes),
        accepted_(kCores, std::vector<uint8_t>(kRows * kRowBytes)),
        written_(accepted_) {
    Reset();
  }

  /// One cycle: each client asks in `ask` of 8 cycles, a beat comes in `beats` of 8.
  void Cycle(const std::array<unsigned, 3>& ask, unsigned beats) {
    // Who was refused goes on asking for the same row.
    for (int client = 0; client < 3; ++client) {
      if (asking_[client] || random_() % 8 >= ask[client]) continue;
      asking_[client] = true;
      row_[client] = static_cast<uint32_t>(random_() % 4 == 0 ? near_ : random_() % kRows);
    }
    if (!beat_ && random_() % 8 < beats) {
      beat_ = true;
      // Mostly on through a row, so that rows fill.
      address_ = random_() % 8 == 0 ? static_cast<uint32_t>(random_() % (kRows * kRowBytes / kBus))
                                    : (address_ + 1) % (kRows * kRowBytes / kBus);
      near_ = address_ * kBus / kRowBytes;
      if (random_() % 8 == 0) mask_ = static_cast<uint32_t>(1 + random_() % ((1u << kCores) - 1));
      for (uint8_t& byte : data_) byte = static_cast<uint8_t>(random_());
      strobe_ = (random_() % 4 ? ~0ull : random_()) >> (64 - kBus);
    }
    dut_.record_valid_i = asking_[0];
    dut_.record_row_i = row_[0];
    dut_.weight_valid_i = asking_[1];
    dut_.weight_row_i = row_[1];
    dut_.table_valid_i = asking_[2];
    dut_.table_row_i = row_[2];
    dut_.bus_valid_i = beat_;
    dut_.bus_addr_i = address_ * kBus;
    SetBytes(&dut_.bus_data_i, data_, kBus);
    SetBytes(&dut_.bus_strb_i, &strobe_, (kBus + 7) / 8);
    dut_.bus_core_mask_i = mask_;
    dut_.eval();

    const bool ready[3] = {dut_.record_ready_o != 0, dut_.weight_ready_o != 0,
                           dut_.table_ready_o != 0};
    int served = -1;
    for (int client = 2; client >= 0; --client) {
      if (asking_[client] && ready[client]) served = client;
    }
    ASSERT_EQ(dut_.read_o != 0, served >= 0);
    if (served >= 0) {
      // Records before weights before tables, and one at a time.
      for (int client = 0; client < served; ++client) ASSERT_FALSE(asking_[client]);
      for (int client = served + 1; client < 3; ++client)
        ASSERT_FALSE(asking_[client] && ready[client]);
      ASSERT_EQ(dut_.read_row_o, row_[served]);
      ASSERT_EQ(dut_.write_o, 0u);
      for (uint32_t core = 0; core < kCores; ++core) {
        for (uint32_t byte = 0; byte < kRowBytes; ++byte) {
          const uint32_t at = row_[served] * kRowBytes + byte;
          ASSERT_EQ(written_[core][at], accepted_[core][at]) << "row " << row_[served];
        }
      }
      asking_[served] = false;
      waited_ = 0;
    } else if (asking_[0] || asking_[1] || asking_[2]) {
      // The row wanted may be the one that beats still come for.
      ASSERT_LT(++waited_, static_cast<int>(4 * kRowBytes / kBus + 12)) << "no read is served";
    }
    for (uint32_t core = 0; core < kCores; ++core) {
      if (!(dut_.write_o >> core & 1)) continue;
      for (uint32_t byte = 0; byte < kRowBytes; ++byte) {
        if (GetBits(&dut_.write_strb_o, byte, 1) == 0) continue;
        written_[core][dut_.write_row_o * kRowBytes + byte] =
            static_cast<uint8_t>(GetBits(&dut_.write_data_o, 8 * byte, 8));
      }
    }
    if (beat_ && dut_.bus_ready_o) {
      for (uint32_t core = 0; core < kCores; ++core) {
        if (!(mask_ >> core & 1)) continue;
        for (uint32_t byte = 0; byte < kBus; ++byte) {
          if (strobe_ >> byte & 1) accepted_[core][address_ * kBus + byte] = data_[byte];
        }
      }
      beat_ = false;
      beat_waited_ = 0;
      ++beats_;
    } else if (beat_) {
      ASSERT_LE(++beat_waited_, 20) << "a beat waits for ever";
    }
    Edge();
  }

  void Run(const std::array<unsigned, 3>& ask, unsigned beats, int cycles) {
    for (int i = 0; i < cycles && !HasFatalFailure(); ++i) Cycle(ask, beats);
    // Nothing asked any more: what is held is written.
    for (int i = 0; i < 60 && !HasFatalFailure(); ++i) Cycle({0, 0, 0}, 0);
    EXPECT_EQ(written_, accepted_);
  }

  Memory accepted_, written_;
  std::array<bool, 3> asking_ = {};
  std::array<uint32_t, 3> row_ = {};
  bool beat_ = false;
  uint32_t address_ = 0, mask_ = 1, near_ = 0;
  uint64_t strobe_ = 0;
  uint8_t data_[kBus] = {};
  int waited_ = 0, beat_waited_ = 0, beats_ = 0;
};

TEST_F(RowPort, ReadsSeeWhatWasAccepted) {
  for (int round = 0; round < 40 && !HasFailure(); ++round) {
    const auto share = [&] { return static_cast<unsigned>(random_() % 9); };
    Run({share() / 4, share(), share() / 2}, share(), 300);
  }
  EXPECT_GT(beats_, 2000);
}

TEST_F(RowPort, BeatsGoOnBesideAReadInEveryCycle) {
  Run({0, 8, 0}, 8, 2000);
  // A row of beats costs at most one read and the waiting of a row that is not whole.
  EXPECT_GT(beats_, 2000 / 12);
}

}  // namespace

// SPDX-License-Identifier: Apache-2.0
// npu_load_check and npu_store_check against docs/machine.md section 3: the runs of a box, their
// bursts, and what is refused. Only the first one has a parameter for core memory.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <random>
#include <string_view>
#include <vector>

#include "sw/stream/stream_decoder.h"
#include "verif/unit/bits.h"
#include "verif/unit/command_fields.h"
#include "verif/unit/module_bench.h"

#ifdef PARAM_CoreMemBytes
#define NPUGEN_LOAD 1
#else
#define NPUGEN_LOAD 0
#endif

namespace npugen {
namespace {

constexpr int64_t kBus = PARAM_BusBytes;
constexpr int64_t kMemory = PARAM_PeMemBytes;
constexpr int64_t kMaxBurst = PARAM_MaxBurst;
constexpr uint32_t kPes = PARAM_NumPes;

class DmaCheck : public ModuleBench {
 protected:
  DmaCheck() : ModuleBench(PARAM_BusBytes + 1000 * NPUGEN_LOAD) {
    Reset();
    for (uint32_t w = 0; w < 4; ++w) {
      base_[w] = static_cast<int64_t>(random_() & 0xffffffff);
      size_[w] = Uniform(1000, 100000);
      SetBits(&dut_.window_base_i, 64 * w, 40, static_cast<uint64_t>(base_[w]));
      SetBits(&dut_.window_size_i, 32 * w, 32, static_cast<uint64_t>(size_[w]));
      SetBits(&dut_.window_flags_i, 32 * w, 2, w == 3 ? 0 : 3);  // window 3: no access
    }
  }

  void Take(const Command& command) {
    SetCommand(&dut_.cmd_i, command);
    dut_.eval();
    ASSERT_TRUE(dut_.ready_o);
    dut_.take_i = 1;
    Edge();
    dut_.take_i = 0;
  }

  /// Waits for the next run.
  void Wait() {
    for (int i = 0; !dut_.valid_o; ++i) {
      ASSERT_LT(i, 10) << "no run comes";
      Idle();
      Edge();
    }
  }

  void Idle() {
#if NPUGEN_LOAD
    dut_.requested_i = 0;
#else
    dut_.ok_i = dut_.issue_i = dut_.read_i = 0;
#endif
  }

  /// Requests the run at bus address `address` and local address `local` to its end, and compares.
  void Run(int64_t address, int64_t local, int64_t bytes) {
    const int64_t end = address + bytes;
    bool first = true;
    [[maybe_unused]] int64_t word = local;
    for (int64_t at = address; at < end;) {
      ASSERT_TRUE(dut_.valid_o);
      ASSERT_EQ(dut_.first_o != 0, first);
      ASSERT_EQ(dut_.addr_o, static_cast<uint64_t>(at));
      const int64_t aligned = at / kBus * kBus;
      const int64_t beats = std::min(
          {(end - aligned + kBus - 1) / kBus, kMaxBurst, ((aligned | 4095) + 1 - aligned) / kBus});
      ASSERT_EQ(dut_.burst_o, beats);
      Idle();
      for (int64_t i = Uniform(0, 2); i > 0; --i) Edge();
#if NPUGEN_LOAD
      ASSERT_EQ(dut_.dest_o, local);
      dut_.requested_i = 1;
#else
      // Words of PE memory are read at their own pace.
      ASSERT_EQ(dut_.source_o, word);
      dut_.ok_i = 1;
      dut_.issue_i = 1;
      dut_.read_i = dut_.words_o && random_() % 2 != 0;
      if (dut_.read_i) word = word / kBus * kBus + kBus;
      dut_.eval();
      ASSERT_EQ(dut_.burst_last_o != 0, aligned + beats * kBus >= end);
#endif
      Edge();
      Idle();
      dut_.eval();
      first = false;
      at = aligned + beats * kBus;
    }
#if !NPUGEN_LOAD
    while (word < local + bytes) {
      ASSERT_TRUE(dut_.valid_o && dut_.words_o);
      ASSERT_FALSE(dut_.beats_o);
      ASSERT_EQ(dut_.source_o, word);
      dut_.ok_i = dut_.read_i = 1;
      word = word / kBus * kBus + kBus;
      Edge();
      Idle();
      dut_.eval();
    }
#endif
  }

  static constexpr Opcode kOpcode = NPUGEN_LOAD ? Opcode::kLoad : Opcode::kStore;

  int64_t base_[4], size_[4], address_ = 0;
};

TEST_F(DmaCheck, RunsBecomeBursts) {
  for (int round = 0; round < 400 && !HasFailure(); ++round) {
    const uint32_t window = static_cast<uint32_t>(Uniform(0, 2));
    const int64_t bytes = Uniform(1, random_() % 4 ? 60 : 900), rows = Uniform(1, 4);
    const int64_t stride = Uniform(0, 40), local_stride = Uniform(0, 40);
    const int64_t offset = Uniform(0, size_[window] - bytes - (rows - 1) * stride);
    const int64_t local = Uniform(0, kMemory - bytes - (rows - 1) * local_stride);
    const uint32_t pe = static_cast<uint32_t>(Uniform(0, kPes - 1));
    Command command(kOpcode, 5, static_cast<uint32_t>(Uniform(0, 65535)));
    SetField(&command, "window", window);
    SetField(&command, "pe_mask", int64_t{1} << pe);
    SetField(&command, "global_offset", offset);
    SetField(&command, "local_address", local);
    SetField(&command, "size0", bytes);
    SetField(&command, "size1", rows);
    SetField(&command, "global_stride1", stride);
    SetField(&command, "local_stride1", local_stride);
    Take(command);
    for (int64_t row = 0; row < rows && !HasFatalFailure(); ++row) {
      Wait();
      ASSERT_EQ(dut_.error_o, 0);
      ASSERT_EQ(dut_.tag_o, command.tag());
      ASSERT_EQ(dut_.last_o != 0, row + 1 == rows);
#if !NPUGEN_LOAD
      ASSERT_EQ(dut_.pe_o, pe);
      ASSERT_EQ(dut_.end_o, bytes - 1);
#endif
      Run(base_[window] + offset + row * stride, local + row * local_stride, bytes);
    }
    Edge();
    EXPECT_FALSE(dut_.valid_o);
    EXPECT_TRUE(dut_.ready_o);
  }
}

TEST_F(DmaCheck, WhatIsRefused) {
  const auto refused = [&](std::vector<std::pair<std::string_view, int64_t>> fields) {
    Command command(kOpcode, 5, 9);
    SetField(&command, "pe_mask", 1);
    SetField(&command, "size0", 10);
    for (const auto& [field, value] : fields) SetField(&command, field, value);
    Take(command);
    Wait();
    const uint8_t error = dut_.error_o;
    address_ = static_cast<int64_t>(dut_.addr_o);
    dut_.clear_i = 1;
    Edge();
    dut_.clear_i = 0;
    return error;
  };
  const uint8_t window = ErrorCode("WindowBounds"), local = ErrorCode("LocalBounds");
  EXPECT_EQ(refused({}), 0);
  EXPECT_EQ(refused({{"size0", 0}}), ErrorCode("BadField"));
  EXPECT_EQ(refused({{"pe_mask", 0}}), ErrorCode("BadField"));
  EXPECT_EQ(refused({{"window", 3}}), window);
  EXPECT_EQ(refused({{"window", 1}, {"global_offset", size_[1] - 10}}), 0);
  EXPECT_EQ(refused({{"window", 1}, {"global_offset", size_[1] - 9}}), window);
  EXPECT_EQ(address_, base_[1] + size_[1] - 9);
  EXPECT_EQ(refused({{"local_address", kMemory - 10}}), 0);
  EXPECT_EQ(refused({{"local_address", kMemory - 9}}), local);
  EXPECT_EQ(address_, kMemory - 9);
  EXPECT_EQ(refused({{"window", 3}, {"local_address", kMemory - 9}}), window);
#if NPUGEN_LOAD
  EXPECT_EQ(refused({{"core_memory", 1}}), ErrorCode("BadField"));
  EXPECT_EQ(refused({{"core_memory", 1}, {"core_mask", 1}}), 0);
  EXPECT_EQ(refused({{"pe_mask", 3}}), 0);
#else
  if (kPes > 1) EXPECT_EQ(refused({{"pe_mask", 3}}), ErrorCode("BadField"));
#endif
}

}  // namespace
}  // namespace npugen

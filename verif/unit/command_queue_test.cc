// SPDX-License-Identifier: Apache-2.0
// npu_command_queue: whole commands in order, waits, padding, overlap, state outputs.
#include <gtest/gtest.h>

#include <array>
#include <deque>
#include <random>
#include <vector>

#include "Vdut.h"
#include "verif/unit/bits.h"

namespace {

using Entry = std::array<uint32_t, 4>;
using Entries = std::vector<Entry>;

struct Wait {
  bool enabled;
  unsigned id;
  unsigned count;
};

/// A command of `length` entries with random contents but the given waits.
Entries MakeCommand(std::mt19937& random, unsigned length, unsigned tag, Wait wait0 = {},
                    Wait wait1 = {}) {
  Entries entries(length);
  for (Entry& entry : entries) {
    for (uint32_t& word : entry) word = random();
  }
  entries[0][0] = 0x30 | length << 8 | tag << 16;
  entries[0][1] =
      (random() & 0xffff0000) | wait0.id | wait0.enabled << 6 | wait1.id << 8 | wait1.enabled << 14;
  entries[0][2] = wait0.count;
  entries[0][3] = wait1.count;
  return entries;
}

bool Released(const Entries& command, const std::array<uint32_t, PARAM_Barriers>& counts) {
  const uint32_t waits = command[0][1];
  const bool first = !(waits >> 6 & 1) || counts[waits & 63] >= command[0][2];
  const bool second = !(waits >> 14 & 1) || counts[waits >> 8 & 63] >= command[0][3];
  return first && second;
}

struct Bench {
  Vdut dut;
  std::array<uint32_t, PARAM_Barriers> counts{};

  Bench() {
    dut.rst_ni = 0;
    dut.clear_i = 0;
    dut.halt_i = 0;
    Drive(nullptr, false);
    Edge();
    dut.rst_ni = 1;
  }
  void Drive(const Entry* entry, bool ready) {
    dut.clk_i = 0;
    dut.push_valid_i = entry != nullptr;
    if (entry != nullptr) SetBytes(&dut.push_entry_i, entry->data(), 16);
    dut.cmd_ready_i = ready;
    for (int id = 0; id < PARAM_Barriers; ++id)
      SetBits(&dut.barrier_counts_i, 24 * id, 24, counts[id]);
    dut.eval();
  }
  void Edge() {
    dut.clk_i = 1;
    dut.eval();
  }
  void Push(const Entries& command, bool ready = false) {
    for (const Entry& entry : command) {
      Drive(&entry, ready);
      ASSERT_TRUE(dut.push_ready_o);
      Edge();
    }
  }
  /// Whether cmd_o is `command`, with zeros behind it.
  ::testing::AssertionResult Offers(const Entries& command) {
    for (unsigned word = 0; word < PARAM_Entries * 4; ++word) {
      const uint32_t expected = word / 4 < command.size() ? command[word / 4][word % 4] : 0;
      const uint32_t actual = GetBits(&dut.cmd_o, 32 * word, 32);
      if (actual != expected) {
        return ::testing::AssertionFailure()
               << "word " << word << " is " << actual << ", not " << expected;
      }
    }
    return ::testing::AssertionSuccess();
  }
};

TEST(CommandQueue, KeepsOrderUnderRandomTraffic) {
  Bench bench;
  std::mt19937 random(3);
  std::deque<Entries> held;  // commands whose first entry was accepted
  Entries pushing;           // command under way
  size_t pushed = 0;         // entries of it accepted
  unsigned tag = 0, last_tag = 0, taken = 0, whole = 0;
  for (int cycle = 0; cycle < 60000; ++cycle) {
    if (pushed == pushing.size()) {
      const unsigned id0 = random() % PARAM_Barriers, id1 = random() % PARAM_Barriers;
      const Wait wait0 = {random() % 2 == 0, id0,
                          bench.counts[id0] + static_cast<unsigned>(random() % 4)};
      const Wait wait1 = {random() % 2 == 0, id1,
                          bench.counts[id1] + static_cast<unsigned>(random() % 4)};
      pushing = MakeCommand(random, 1 + random() % PARAM_Entries, ++tag & 0xffff, wait0, wait1);
      pushed = 0;
    }
    for (uint32_t& count : bench.counts) count += random() % 16 == 0;
    const bool push = random() % (cycle / 2000 % 2 ? 8 : 2) == 0;
    bench.dut.halt_i = random() % 16 == 0;
    bench.dut.clear_i = random() % 2000 == 0;
    bench.Drive(push ? &pushing[pushed] : nullptr, random() % (cycle / 3000 % 2 ? 2 : 40) == 0);

    ASSERT_EQ(bench.dut.empty_o, held.empty());
    if (whole < PARAM_Depth) ASSERT_TRUE(bench.dut.push_ready_o);
    if (bench.dut.cmd_valid_o || bench.dut.waiting_o) {
      ASSERT_GT(whole, 0u);
      ASSERT_TRUE(bench.Offers(held.front()));
      ASSERT_EQ(bench.dut.tag_o, held.front()[0][0] >> 16);
      ASSERT_EQ(bench.dut.waiting_o, !Released(held.front(), bench.counts));
      ASSERT_EQ(bench.dut.cmd_valid_o, !bench.dut.waiting_o && !bench.dut.halt_i);
    }
    ASSERT_EQ(bench.dut.running_tag_o, last_tag);

    if (push && bench.dut.push_ready_o) {
      if (pushed == 0) held.push_back(pushing);
      if (++pushed == pushing.size()) ++whole;
    }
    if (bench.dut.cmd_valid_o && bench.dut.cmd_ready_i) {
      last_tag = held.front()[0][0] >> 16;
      held.pop_front();
      --whole;
      ++taken;
    }
    if (bench.dut.clear_i) {
      held.clear();
      pushing.clear();
      pushed = whole = last_tag = 0;
    }
    bench.Edge();
  }
  EXPECT_GT(taken, 800u);
}

TEST(CommandQueue, OffersACommandInTheCycleAfterItsLastEntry) {
  Bench bench;
  std::mt19937 random(4);
  for (unsigned length = 1; length <= PARAM_Entries; ++length) {
    const Entries command = MakeCommand(random, length, length);
    for (const Entry& entry : command) {
      bench.Drive(&entry, true);
      EXPECT_FALSE(bench.dut.cmd_valid_o);
      bench.Edge();
    }
    bench.Drive(nullptr, true);
    EXPECT_TRUE(bench.dut.cmd_valid_o);
    EXPECT_TRUE(bench.Offers(command));
    bench.Edge();
    bench.Drive(nullptr, true);
    EXPECT_FALSE(bench.dut.cmd_valid_o);
    EXPECT_TRUE(bench.dut.empty_o);
    bench.Edge();
  }
}

TEST(CommandQueue, OffersACommandAsSoonAsTheCountsAllow) {
  Bench bench;
  std::mt19937 random(5);
  for (unsigned id = 0; id < PARAM_Barriers; ++id) {
    for (const bool second : {false, true}) {
      const Wait wait = {true, id, bench.counts[id] + 3};
      const Entries command =
          MakeCommand(random, 2, id, second ? Wait{} : wait, second ? wait : Wait{});
      bench.Push(command);
      for (int step = 0; step < 3; ++step) {
        bench.Drive(nullptr, true);
        EXPECT_FALSE(bench.dut.cmd_valid_o);
        EXPECT_TRUE(bench.dut.waiting_o);
        EXPECT_TRUE(bench.dut.blocked_o);
        bench.Edge();
        ++bench.counts[id];
      }
      bench.Drive(nullptr, true);
      EXPECT_TRUE(bench.dut.cmd_valid_o);
      EXPECT_FALSE(bench.dut.waiting_o);
      EXPECT_FALSE(bench.dut.blocked_o);
      bench.Edge();
    }
  }
}

TEST(CommandQueue, LoadsTheNextCommandWhileOneRuns) {
  Bench bench;
  std::mt19937 random(6);
  const Entries first = MakeCommand(random, 3, 1);
  const Entries second = MakeCommand(random, PARAM_Entries, 2);
  bench.Push(first);
  bench.Drive(nullptr, true);
  ASSERT_TRUE(bench.dut.cmd_valid_o);
  bench.Edge();
  bench.Push(second);
  bench.Drive(nullptr, false);
  EXPECT_TRUE(bench.dut.cmd_valid_o);
  EXPECT_TRUE(bench.Offers(second));
  EXPECT_EQ(bench.dut.running_tag_o, 1);
  EXPECT_EQ(bench.dut.tag_o, 2);
}

TEST(CommandQueue, LoadsOneEntryPerCycleFromMemory) {
  Bench bench;
  std::mt19937 random(7);
  const Entries first = MakeCommand(random, 2, 1);
  const Entries second = MakeCommand(random, PARAM_Entries, 2);
  bench.Push(first);
  bench.Push(second);
  bench.Drive(nullptr, true);
  bench.Edge();  // first is taken
  for (int cycle = 0; cycle < PARAM_Entries; ++cycle) {
    bench.Drive(nullptr, false);
    EXPECT_FALSE(bench.dut.cmd_valid_o);
    bench.Edge();
  }
  bench.Drive(nullptr, false);
  EXPECT_TRUE(bench.dut.cmd_valid_o);
}

TEST(CommandQueue, SaysThatPartOfACommandIsBlocked) {
  Bench bench;
  std::mt19937 random(8);
  const Entries command = MakeCommand(random, 3, 1);
  bench.Drive(&command[0], false);
  EXPECT_FALSE(bench.dut.blocked_o);
  bench.Edge();
  bench.Drive(nullptr, false);
  EXPECT_TRUE(bench.dut.blocked_o);
  EXPECT_FALSE(bench.dut.waiting_o);
  EXPECT_FALSE(bench.dut.empty_o);
}

}  // namespace

// SPDX-License-Identifier: Apache-2.0
// npu_dispatch: distribution to queues, synchronization, and every check of a command.
#include <gtest/gtest.h>

#include <array>
#include <deque>
#include <random>
#include <string>
#include <vector>

#include "Vdut.h"
#include "generator/arch/command_set.h"
#include "verif/unit/bits.h"

namespace {

using npugen::Command;
using npugen::Opcode;

constexpr int kPes = PARAM_GridX * PARAM_GridY;
constexpr uint32_t kAllPes = kPes == 32 ? 0xffffffff : (1u << (kPes % 32)) - 1;
enum Error { kBadOpcode = 4, kBadLength, kBadBarrier, kBadField = 12 };

using Entry = std::array<uint32_t, 4>;

std::vector<Entry> EntriesOf(const std::vector<Command>& commands) {
  std::vector<Entry> entries;
  for (const Command& command : commands) {
    for (size_t word = 0; word < command.words().size(); word += 4) {
      entries.push_back({command.words()[word], command.words()[word + 1],
                         command.words()[word + 2], command.words()[word + 3]});
    }
  }
  return entries;
}

void SetPes(Command* command, uint32_t pe_mask) {
  EXPECT_TRUE(command->Set(*npugen::FindField(command->opcode(), "pe_mask"), pe_mask));
}

/// A legal command with random contents.
Command RandomCommand(std::mt19937& random, Opcode opcode, unsigned tag, uint32_t pe_mask) {
  const npugen::OpcodeInfo& info = *npugen::FindOpcode(static_cast<uint8_t>(opcode));
  unsigned entries = info.least_entries;
  while (entries + 2 <= info.most_entries && random() % 2) entries += 2;
  std::vector<uint32_t> words = Command(opcode, entries, tag).words();
  for (size_t word = 4; word < words.size(); ++word) words[word] = random();
  words[2] = random() & 0xffffff;
  words[3] = random() & 0xffffff;
  for (size_t word = 0; word < words.size(); ++word) {
    words[word] &= npugen::UsedBits(opcode, static_cast<uint32_t>(word), {});
  }
  Command command(words);
  if (opcode == Opcode::kEnd || opcode == Opcode::kFence) return command;
  for (const npugen::WaitFields& wait : npugen::kWaits) {
    EXPECT_TRUE(command.Set(wait.enable, random() % 2));
    EXPECT_TRUE(command.Set(wait.id, random() % PARAM_Barriers));
  }
  // PE p arrives at barrier signal_id + p.
  const bool compute = npugen::InfoOf(opcode).engine == npugen::EngineKind::kPe;
  const unsigned last_pe = compute && pe_mask != 0 ? 31 - __builtin_clz(pe_mask & kAllPes) : 0;
  EXPECT_TRUE(command.Set(npugen::header::signal_en, random() % 2));
  EXPECT_TRUE(command.Set(npugen::header::signal_id, random() % (PARAM_Barriers - last_pe)));
  if (compute) EXPECT_TRUE(command.Set(npugen::compute::pe_mask, pe_mask));
  return command;
}

Command End(unsigned tag = 99) { return Command(Opcode::kEnd, 1, tag); }

struct Bench {
  Vdut dut;
  std::mt19937 random{20};
  std::array<std::vector<Entry>, 34> queues;  // load, store, PEs
  std::array<std::vector<bool>, 34> lasts;
  std::deque<Entry> stream;
  int commands = 0;
  int done = 0;
  std::vector<unsigned> shown;  // tags of commands as the trace shows them
  bool showing = false;
  int errors = 0;
  int code = 0;
  unsigned tag = 0;

  Bench() {
    dut.rst_ni = 0;
    dut.run_i = 1;
    dut.fetch_quiet_i = 1;
    Cycle();
    dut.rst_ni = 1;
  }
  void Start(const std::vector<Entry>& entries) {
    stream.assign(entries.begin(), entries.end());
    for (auto& queue : queues) queue.clear();
    for (auto& last : lasts) last.clear();
    commands = done = errors = code = 0;
    shown.clear();
    showing = false;
    dut.clear_i = 1;
    Cycle(0);
    dut.clear_i = 0;
  }
  bool Percent(int percent) { return static_cast<int>(random() % 100) < percent; }

  void Drive(int valid = 100, int ready = 100, int idle = 100) {
    dut.clk_i = 0;
    dut.entry_valid_i = !stream.empty() && Percent(valid);
    if (dut.entry_valid_i) SetBytes(&dut.entry_i, stream.front().data(), 16);
    dut.entry_left_i = stream.size();
    dut.load_ready_i = Percent(ready);
    dut.store_ready_i = Percent(ready);
    for (int pe = 0; pe < kPes; ++pe) SetBits(&dut.pe_ready_i, pe, 1, Percent(ready));
    dut.idle_i = Percent(idle);
    dut.eval();
  }
  void Edge() {
    const auto push = [this](unsigned queue, bool valid, bool ready) {
      if (!valid) return;
      EXPECT_TRUE(ready) << "pushed into a full queue " << queue;
      queues[queue].emplace_back();
      GetBytes(&dut.push_entry_o, queues[queue].back().data(), 16);
      lasts[queue].push_back(dut.push_last_o);
    };
    push(0, dut.load_valid_o, dut.load_ready_i);
    push(1, dut.store_valid_o, dut.store_ready_i);
    for (int pe = 0; pe < kPes; ++pe) {
      push(2 + pe, GetBits(&dut.pe_valid_o, pe, 1), GetBits(&dut.pe_ready_i, pe, 1));
    }
    if (dut.entry_valid_i && dut.entry_ready_o) stream.pop_front();
    commands += dut.command_o;
    done += dut.done_o;
    if (dut.busy_o && !showing) shown.push_back(dut.tag_o);
    showing = (showing || dut.busy_o) && !dut.last_o;
    if (dut.error_valid_o && errors++ == 0) {
      code = dut.error_code_o;
      tag = dut.error_tag_o;
    }
    dut.clk_i = 1;
    dut.eval();
  }
  void Cycle(int valid = 100, int ready = 100, int idle = 100) {
    Drive(valid, ready, idle);
    Edge();
  }
};

/// Queues that a command goes to: 0 load, 1 store, 2.. PEs.
std::vector<unsigned> TargetsOf(const Command& command) {
  const std::vector<int> engines = npugen::EnginesOf(command, kPes);
  return {engines.begin(), engines.end()};
}

TEST(Dispatch, CopiesEveryCommandToItsQueues) {
  Bench bench;
  std::mt19937 random(21);
  for (int round = 0; round < 60; ++round) {
    std::vector<Command> commands;
    std::array<std::vector<Entry>, 34> expected;
    std::array<std::vector<bool>, 34> lasts;
    std::vector<unsigned> tags;
    for (int i = 0; i < 40; ++i) {
      const auto opcodes = npugen::AllOpcodes();
      const Opcode opcode = opcodes[1 + random() % (opcodes.size() - 1)].opcode;
      uint32_t mask = random() & kAllPes;
      if (mask == 0) mask = 1u << (kPes - 1);
      commands.push_back(RandomCommand(random, opcode, i, mask));
      for (const unsigned target : TargetsOf(commands.back())) {
        for (const Entry& entry : EntriesOf({commands.back()})) {
          expected[target].push_back(entry);
          lasts[target].push_back(false);
        }
        lasts[target].back() = true;
      }
    }
    commands.push_back(End());
    for (const Command& command : commands) tags.push_back(command.tag());
    bench.Start(EntriesOf(commands));
    for (int cycle = 0; cycle < 100000 && bench.done == 0; ++cycle) {
      bench.Cycle(round % 2 ? 100 : 60, round % 3 ? 95 : 100, 30);
      ASSERT_EQ(bench.errors, 0) << bench.code;
    }
    EXPECT_EQ(bench.done, 1);
    EXPECT_EQ(bench.commands, 41);
    EXPECT_EQ(bench.queues, expected);
    EXPECT_EQ(bench.lasts, lasts);
    EXPECT_EQ(bench.shown, tags);
    for (int cycle = 0; cycle < 20; ++cycle) bench.Cycle();
    EXPECT_EQ(bench.done, 1);
  }
}

TEST(Dispatch, TakesOneEntryPerCycle) {
  Bench bench;
  std::mt19937 random(22);
  std::vector<Command> commands;
  int cycles = 0;
  for (int i = 0; i < 20; ++i) {
    commands.push_back(RandomCommand(random, i % 2 ? Opcode::kLoad : Opcode::kMatmul, i, 1));
    cycles += commands.back().entries() + (i % 2 == 0);  // a compute command's first entry is held
  }
  commands.push_back(End());
  bench.Start(EntriesOf(commands));
  for (int cycle = 0; cycle < cycles; ++cycle) {
    EXPECT_EQ(bench.done, 0);
    bench.Cycle();
  }
  bench.Cycle();
  EXPECT_EQ(bench.done, 1);
}

TEST(Dispatch, PushesTheFirstEntryOfALoadAtOnce) {
  Bench bench;
  std::mt19937 random(23);
  bench.Start(EntriesOf({RandomCommand(random, Opcode::kLoad, 1, 0), End()}));
  bench.Drive();
  EXPECT_TRUE(bench.dut.load_valid_o);
}

TEST(Dispatch, HoldsFenceAndEndUntilIdle) {
  std::mt19937 random(24);
  for (const Opcode opcode : {Opcode::kFence, Opcode::kEnd}) {
    Bench bench;
    std::vector<Command> commands = {Command(opcode, 1, 1)};
    if (opcode == Opcode::kFence) {
      commands.push_back(RandomCommand(random, Opcode::kLoad, 2, 0));
      commands.push_back(End());
    }
    bench.Start(EntriesOf(commands));
    bench.dut.fetch_quiet_i = opcode == Opcode::kFence ? 0 : 1;  // only END waits for the fetch
    for (int cycle = 0; cycle < 10; ++cycle) {
      bench.Drive(100, 100, 0);
      EXPECT_TRUE(bench.dut.blocked_o);
      EXPECT_FALSE(bench.dut.entry_ready_o);
      EXPECT_FALSE(bench.dut.load_valid_o);
      EXPECT_FALSE(bench.dut.command_o);
      EXPECT_FALSE(bench.dut.done_o);
      bench.Edge();
    }
    bench.Drive(100, 100, 100);
    EXPECT_FALSE(bench.dut.blocked_o);
    EXPECT_TRUE(bench.dut.entry_ready_o);
    EXPECT_TRUE(bench.dut.command_o);
    EXPECT_EQ(bench.dut.done_o, opcode == Opcode::kEnd);
    bench.Edge();
  }
  Bench bench;
  bench.Start(EntriesOf({End()}));
  bench.dut.fetch_quiet_i = 0;
  bench.Drive();
  EXPECT_FALSE(bench.dut.done_o);
}

TEST(Dispatch, IsBlockedByOneFullQueueOfMany) {
  if (kPes < 2) GTEST_SKIP() << "one PE";
  Bench bench;
  std::mt19937 random(25);
  const Command command = RandomCommand(random, Opcode::kMatmul, 1, kAllPes);
  bench.Start(EntriesOf({command, End()}));
  bench.Cycle();  // the first entry is held
  for (int full = 0; full < kPes; ++full) {
    bench.Drive();
    SetBits(&bench.dut.pe_ready_i, full, 1, 0);
    bench.dut.eval();
    EXPECT_TRUE(bench.dut.blocked_o);
    EXPECT_EQ(bench.dut.pe_valid_o, 0u);
    bench.Edge();
  }
  bench.Drive();
  EXPECT_EQ(bench.dut.pe_valid_o, kAllPes);
  EXPECT_FALSE(bench.dut.blocked_o);
}

TEST(Dispatch, DoesNothingUnlessItRuns) {
  Bench bench;
  std::mt19937 random(26);
  bench.Start(EntriesOf({RandomCommand(random, Opcode::kLoad, 1, 0), End()}));
  bench.dut.run_i = 0;
  bench.Drive();
  EXPECT_FALSE(bench.dut.entry_ready_o);
  EXPECT_FALSE(bench.dut.load_valid_o);
}

void ExpectError(const std::vector<Entry>& entries, int code, unsigned tag, size_t pushed) {
  for (const bool slow : {false, true}) {
    Bench bench;
    bench.Start(entries);
    for (int cycle = 0; cycle < 200; ++cycle) bench.Cycle(slow ? 30 : 100, slow ? 50 : 100);
    EXPECT_EQ(bench.errors, 1);
    EXPECT_EQ(bench.code, code);
    EXPECT_EQ(bench.tag, tag);
    EXPECT_EQ(bench.done, 0);
    size_t count = 0;
    for (const auto& queue : bench.queues) count += queue.size();
    EXPECT_EQ(count, pushed) << "of the bad command nothing is pushed";
    // After a clear the next stream runs.
    bench.Start(EntriesOf({End()}));
    bench.Cycle();
    EXPECT_EQ(bench.done, 1);
  }
}

TEST(Dispatch, RefusesUnknownOpcodes) {
  for (unsigned opcode = 0; opcode < 256; ++opcode) {
    if (npugen::FindOpcode(opcode) != nullptr) continue;
    std::vector<Entry> entries = EntriesOf({End()});
    entries.insert(entries.begin(), Entry{opcode | 1 << 8 | 0x1234 << 16, 0, 0, 0});
    ExpectError(entries, kBadOpcode, 0x1234, 0);
  }
}

TEST(Dispatch, RefusesLengthsThatDoNotFit) {
  for (const npugen::OpcodeInfo& info : npugen::AllOpcodes()) {
    const bool transfer = info.opcode == Opcode::kLoad || info.opcode == Opcode::kStore;
    for (unsigned length = 0; length < 20; ++length) {
      const bool legal = length >= info.least_entries && length <= info.most_entries &&
                         !(transfer && length % 2 == 0);
      if (legal) continue;
      std::vector<Entry> entries(30, Entry{});
      entries[0][0] = static_cast<uint8_t>(info.opcode) | length << 8 | 77 << 16;
      ExpectError(entries, kBadLength, 77, 0);
    }
  }
}

TEST(Dispatch, RefusesStreamsThatDoNotEndWithEnd) {
  std::mt19937 random(27);
  for (const npugen::OpcodeInfo& info : npugen::AllOpcodes()) {
    const std::vector<Entry> whole = EntriesOf({RandomCommand(random, info.opcode, 55, 1)});
    if (info.opcode == Opcode::kEnd) {
      std::vector<Entry> entries = EntriesOf({Command(Opcode::kEnd, 1, 55), End()});
      ExpectError(entries, kBadLength, 55, 0);  // END is not the last entry
      continue;
    }
    for (size_t length = 1; length <= whole.size(); ++length) {  // cut short, or END is missing
      ExpectError({whole.begin(), whole.begin() + length}, kBadLength, 55, 0);
    }
  }
}

TEST(Dispatch, RefusesBarriersOutOfRange) {
  for (const npugen::OpcodeInfo& info : npugen::AllOpcodes()) {
    for (const std::string kind : {"wait0", "wait1", "signal"}) {
      for (unsigned id = PARAM_Barriers; id < 64; id += 63 - PARAM_Barriers) {
        Command command(info.opcode, info.least_entries, 66);
        if (info.least_entries > 1) SetPes(&command, 1);
        EXPECT_TRUE(command.Set(*npugen::FindField(info.opcode, kind + "_id"), id));
        const bool end = info.opcode == Opcode::kEnd;
        const std::vector<Command> tail =
            end ? std::vector<Command>{} : std::vector<Command>{End()};
        std::vector<Command> commands = {command};
        commands.insert(commands.end(), tail.begin(), tail.end());
        if (!end && info.opcode != Opcode::kFence) {
          Bench bench;  // not enabled: accepted
          bench.Start(EntriesOf(commands));
          for (int cycle = 0; cycle < 40; ++cycle) bench.Cycle();
          EXPECT_EQ(bench.done, 1);
          EXPECT_EQ(bench.errors, 0);
        }
        EXPECT_TRUE(commands[0].Set(*npugen::FindField(info.opcode, kind + "_en"), 1));
        ExpectError(EntriesOf(commands), kBadBarrier, 66, 0);
      }
    }
  }
}

TEST(Dispatch, RefusesBarriersOfPesOutOfRange) {
  std::mt19937 random(29);
  for (int pe = 0; pe < kPes; ++pe) {
    Command command = RandomCommand(random, Opcode::kMatmul, 67, 1u | 1u << pe);
    EXPECT_TRUE(command.Set(npugen::header::signal_en, 1) &&
                command.Set(npugen::header::signal_id, PARAM_Barriers - 1 - pe));
    Bench bench;
    bench.Start(EntriesOf({command, End()}));
    for (int cycle = 0; cycle < 40; ++cycle) bench.Cycle();
    EXPECT_EQ(bench.done, 1);
    EXPECT_EQ(bench.errors, 0);
    EXPECT_TRUE(command.Set(npugen::header::signal_id, PARAM_Barriers - pe));
    ExpectError(EntriesOf({command, End()}), kBadBarrier, 67, 0);
  }
}

TEST(Dispatch, RefusesMasksOfNoPes) {
  std::mt19937 random(28);
  for (const npugen::OpcodeInfo& info : npugen::AllOpcodes()) {
    if (static_cast<uint8_t>(info.opcode) < 0x30) continue;
    std::vector<uint32_t> masks = {0};
    if (kPes < 32) masks.insert(masks.end(), {1u << (kPes % 32), 1u | 1u << 31});
    for (const uint32_t mask : masks) {
      const Command load = RandomCommand(random, Opcode::kLoad, 1, 0);
      ExpectError(EntriesOf({load, RandomCommand(random, info.opcode, 88, mask), End()}), kBadField,
                  88, load.entries());
    }
  }
}

/// Every bit that no field of the opcode uses; entries before it are in the queues by then.
TEST(Dispatch, RefusesUnusedBits) {
  std::mt19937 random(30);
  int refused = 0;
  for (const npugen::OpcodeInfo& info : npugen::AllOpcodes()) {
    for (uint32_t word = 0; word < 4u * info.most_entries; ++word) {
      const uint32_t unused = ~npugen::UsedBits(info.opcode, word, {});
      for (uint32_t bit = 0; bit < 32; ++bit) {
        if ((unused >> bit & 1) == 0 || (kPes > 6 && random() % 8 != 0)) continue;
        Command command(info.opcode, info.most_entries, 91);
        if (info.most_entries > 1) SetPes(&command, 1);
        std::vector<uint32_t> words = command.words();
        words[word] |= uint32_t{1} << bit;
        std::vector<Command> commands = {Command(words)};
        if (info.opcode != Opcode::kEnd) commands.push_back(End());
        const bool compute = info.engine == npugen::EngineKind::kPe;
        const size_t before = compute && word < 8 ? 0 : word / 4;
        ExpectError(EntriesOf(commands), kBadField, 91, before);
        ++refused;
      }
    }
  }
  EXPECT_GT(refused, 100);
}

}  // namespace

// SPDX-License-Identifier: Apache-2.0
// npu_fetch: streams of all alignments over a slow and an erratic bus, header checks, windows, bus
// errors.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <random>
#include <vector>

#include "Vdut.h"
#include "generator/arch/command_set.h"
#include "verif/unit/read_channel.h"

namespace {

constexpr uint32_t kMagic = 0x4355504e;
constexpr uint64_t kHash = 0x1122334455667788;
enum Error {
  kBadMagic = 1,
  kBadVersion,
  kBadHash,
  kBadLength = 5,
  kWindowBounds = 8,
  kAxiRead,
  kBadField = 12
};

using Entry = std::array<uint32_t, 4>;

struct Job {
  uint64_t base = 0x40000;  // window 0
  uint32_t size = 0x20000;
  bool readable = true;
  uint32_t offset = 0x1230;
  std::vector<Entry> stream;  // with header
};

struct Outcome {
  std::vector<Entry> entries;
  int errors = 0;
  int code = 0;
  uint64_t address = 0;
  int first_request = -1;  // cycles after the start cycle
  int first_entry = -1;
};

Job MakeJob(std::mt19937& random, unsigned entries) {
  Job job;
  job.stream.resize(entries);
  for (Entry& entry : job.stream) {
    for (uint32_t& word : entry) word = random();
  }
  job.stream[0] = {kMagic, npugen::kCommandSetVersion, kHash & 0xffffffff, kHash >> 32};
  if (entries > 1) job.stream[1] = {entries, 0, 0, 0};
  return job;
}

struct Bench {
  Vdut dut;
  ReadChannel<PARAM_BusBytes> bus;
  std::mt19937 random{10};

  Bench() {
    dut.rst_ni = 0;
    dut.clear_i = dut.start_i = dut.halt_i = dut.entry_ready_i = 0;
    dut.config_hash_i = kHash;
    Cycle();
    dut.rst_ni = 1;
  }
  void Drive() {
    dut.clk_i = 0;
    bus.Drive(dut);
    dut.eval();
    bus.Observe(dut);
  }
  void Edge() {
    dut.clk_i = 1;
    dut.eval();
  }
  void Cycle() {
    Drive();
    Edge();
  }

  void Load(const Job& job) {
    bus.low = job.base;
    bus.high = job.base + job.size;
    const uint64_t start = job.base + job.offset;
    bus.base = start / 64 * 64;
    bus.bytes.assign(start % 64 + job.stream.size() * 16, 0xee);
    std::memcpy(bus.bytes.data() + start % 64, job.stream.data(), job.stream.size() * 16);
    dut.window_base_i = job.base;
    dut.window_size_i = job.size;
    dut.window_readable_i = job.readable;
    dut.offset_i = job.offset;
    bus.burst_addresses.clear();
    bus.burst_beats.clear();
    bus.beats = 0;
  }

  /// Runs a stream to its last entry or its error, and then until the bus is quiet.
  Outcome Run(const Job& job, int ready_percent = 100) {
    Load(job);
    Outcome outcome;
    const size_t wanted = job.stream.size() - 2;
    EXPECT_TRUE(dut.quiet_o);
    for (int cycle = 0; cycle < 200000; ++cycle) {
      dut.start_i = cycle == 0;
      dut.entry_ready_i = static_cast<int>(random() % 100) < ready_percent;
      Drive();
      if (dut.ar_valid_o && outcome.first_request < 0) outcome.first_request = cycle;
      if (dut.entry_valid_o) {
        if (outcome.first_entry < 0) outcome.first_entry = cycle;
        if (dut.entry_ready_i) {
          EXPECT_EQ(dut.entry_left_o, wanted - outcome.entries.size());
          outcome.entries.emplace_back();
          GetBytes(&dut.entry_o, outcome.entries.back().data(), 16);
        }
      }
      if (dut.error_valid_o) {
        if (outcome.errors++ == 0) {
          outcome.code = dut.error_code_o;
          outcome.address = dut.error_address_o;
        }
      }
      Edge();
      const bool over = outcome.errors != 0 || outcome.entries.size() >= wanted;
      if (over && cycle > 3 && dut.quiet_o) break;
    }
    EXPECT_TRUE(dut.quiet_o);
    for (int cycle = 0; cycle < 40; ++cycle) {
      dut.start_i = 0;
      dut.entry_ready_i = 1;
      Drive();
      EXPECT_FALSE(dut.entry_valid_o) << "nothing comes behind the end";
      EXPECT_FALSE(dut.ar_valid_o);
      Edge();
    }
    return outcome;
  }
  void ExpectEntries(const Job& job, const Outcome& outcome) {
    EXPECT_EQ(outcome.errors, 0) << "code " << outcome.code;
    ASSERT_EQ(outcome.entries.size(), job.stream.size() - 2);
    for (size_t i = 0; i < outcome.entries.size(); ++i) {
      ASSERT_EQ(outcome.entries[i], job.stream[i + 2]) << "entry " << i;
    }
  }
};

TEST(Fetch, DeliversStreamsOfAnyLengthAndAlignment) {
  Bench bench;
  std::mt19937 random(11);
  for (int round = 0; round < 250; ++round) {
    const unsigned entries = 3 + random() % (round % 7 == 0 ? 1500 : 60);
    Job job = MakeJob(random, entries);
    job.base = (random() % 0x10000) * 16;
    // Half of the streams end exactly with their window.
    job.offset = random() % 0x1000 * 16;
    job.size = job.offset + entries * 16 + (round % 2 ? random() % 0x2000 : random() % 16);
    bench.bus.latency = 1 + random() % 60;
    bench.bus.stall_percent = round % 3 * 30;
    const Outcome outcome = bench.Run(job, round % 4 == 3 ? 10 : 80);
    bench.ExpectEntries(job, outcome);
    const unsigned needed = (entries + PARAM_BusBytes / 16) * 16 / PARAM_BusBytes + 1;
    EXPECT_LE(bench.bus.beats, std::max(needed, (32 * 16 + 64u) / PARAM_BusBytes));
    if (::testing::Test::HasFailure()) FAIL() << "round " << round;
  }
  EXPECT_LE(bench.bus.most_in_flight, 2u);
}

TEST(Fetch, AsksThreeCyclesAfterTheStart) {
  Bench bench;
  std::mt19937 random(12);
  bench.bus.latency = 50;
  Job job = MakeJob(random, 20);
  job.offset = 0x1000;
  const Outcome outcome = bench.Run(job);
  EXPECT_EQ(outcome.first_request, 3);
  if (PARAM_Depth < 16) return;  // the first burst is too short
  // The first beat comes 50 cycles later; then its way through the memory, and two header entries.
  const int header = PARAM_BusBytes < 16 ? 3 * (16 / PARAM_BusBytes) - 1 : 2;
  EXPECT_EQ(outcome.first_entry, 3 + 50 + header + 1);
}

TEST(Fetch, ReadsASecondBurstBeforeTheHeaderIsKnown) {
  if (PARAM_Depth * 16 / PARAM_BusBytes < 32) GTEST_SKIP() << "needs room";
  if (PARAM_BusBytes == 64) GTEST_SKIP() << "one burst has all that may be read unseen";
  Bench bench;
  std::mt19937 random(13);
  bench.bus.latency = 50;
  Job job = MakeJob(random, 40);
  job.offset = 0x1000;
  bench.Load(job);
  for (int cycle = 0; cycle < 20; ++cycle) {
    bench.dut.start_i = cycle == 0;
    bench.Cycle();
  }
  ASSERT_EQ(bench.bus.burst_beats.size(), 2u);
  EXPECT_EQ(bench.bus.burst_beats[0], 16u);
  EXPECT_EQ(bench.bus.burst_addresses[1], bench.bus.burst_addresses[0] + 16 * PARAM_BusBytes);
}

TEST(Fetch, RefusesBadHeaders) {
  std::mt19937 random(14);
  struct Case {
    unsigned entry, word;
    uint32_t value;
    int code;
  };
  const Case cases[] = {{0, 0, kMagic ^ 1, kBadMagic},
                        {0, 0, kMagic ^ 0x80000000, kBadMagic},
                        {0, 1, npugen::kCommandSetVersion ^ 1, kBadVersion},
                        {0, 1, npugen::kCommandSetVersion | 0x10000, kBadVersion},
                        {0, 2, 0x55667789, kBadHash},
                        {0, 3, 0x91223344, kBadHash},
                        {1, 0, 0, kBadLength},
                        {1, 0, 2, kBadLength},
                        {1, 0, 0xffffffff, kWindowBounds},
                        {1, 0, 0x10000003, kWindowBounds},
                        {1, 1, 1, kBadField},
                        {1, 2, 0x80000000, kBadField},
                        {1, 3, 0x00010000, kBadField}};
  for (const Case& test : cases) {
    Bench bench;
    Job job = MakeJob(random, 9);
    job.stream[test.entry][test.word] = test.value;
    const Outcome outcome = bench.Run(job, 100);
    EXPECT_EQ(outcome.errors, 1);
    EXPECT_EQ(outcome.code, test.code) << test.entry << " " << test.word << " " << test.value;
    EXPECT_EQ(outcome.address, job.base + job.offset);
    EXPECT_TRUE(outcome.entries.empty());
    // The next job is not affected.
    const Job good = MakeJob(random, 9);
    bench.ExpectEntries(good, bench.Run(good));
  }
}

TEST(Fetch, StaysInsideTheWindow) {
  std::mt19937 random(15);
  struct Case {
    uint64_t base;
    uint32_t size, offset;
    bool readable;
    int code;
    unsigned bursts;  // at most
  };
  const Case cases[] = {
      {0x40000, 0x1000, 0x1000, true, kWindowBounds, 0},      // behind the window
      {0x40000, 0x1000, 0xff0, true, kWindowBounds, 0},       // half a header
      {0x40000, 0x101f, 0x1000, true, kWindowBounds, 0},      // a byte of the header is missing
      {0x40000, 0x1000, 0xfffffff0, true, kWindowBounds, 0},  // far behind
      {0x40000, 0, 0, true, kWindowBounds, 0},                // no window
      {0x40000, 0x1000, 0, false, kWindowBounds, 0},          // not readable
      {0x40000, 0x1000, 8, true, kBadField, 0},               // odd offset
      {0x40004, 0x1000, 0, true, kBadField, 0},               // odd base
      {0x40000, 0x108f, 0x1000, true, kWindowBounds, 99},     // 8 of 9 entries
  };
  for (const Case& test : cases) {
    Bench bench;
    Job job = MakeJob(random, 9);
    job.base = test.base;
    job.size = test.size;
    job.offset = test.offset;
    job.readable = test.readable;
    const Outcome outcome = bench.Run(job);
    EXPECT_EQ(outcome.errors, 1);
    EXPECT_EQ(outcome.code, test.code) << std::hex << test.size << " " << test.offset;
    const uint64_t mask = PARAM_AddrW == 64 ? ~0ull : (1ull << (PARAM_AddrW % 64)) - 1;
    EXPECT_EQ(outcome.address, (test.base + test.offset) & mask);
    EXPECT_LE(bench.bus.burst_addresses.size(), test.bursts);
    EXPECT_TRUE(outcome.entries.empty());
    const Job good = MakeJob(random, 12);
    bench.ExpectEntries(good, bench.Run(good));
  }
}

TEST(Fetch, StaysInsideTheAddressSpace) {
  std::mt19937 random(16);
  const uint64_t end = PARAM_AddrW == 64 ? 0 : 1ull << (PARAM_AddrW % 64);
  {
    Bench bench;  // the last bytes of the address space
    Job job = MakeJob(random, 16);
    job.base = end - 0x1000;
    job.size = 0x1000;
    job.offset = 0xf00;
    bench.Load(job);
    bench.bus.high = ~0ull;
    bench.dut.entry_ready_i = 1;
    unsigned entries = 0;
    for (int cycle = 0; cycle < 400; ++cycle) {
      bench.dut.start_i = cycle == 0;
      bench.Drive();
      entries += bench.dut.entry_valid_o;
      EXPECT_FALSE(bench.dut.error_valid_o);
      bench.Edge();
    }
    EXPECT_EQ(entries, 14u);
  }
  for (const bool outside : {true, false}) {  // the stream starts or goes on behind the end
    Bench bench;
    Job job = MakeJob(random, 200);
    job.base = end - (outside ? 0x1000 : 0x400);
    job.size = 0x10000;
    job.offset = outside ? 0x1000 : 0;
    bench.Load(job);
    bench.bus.low = 0;
    bench.bus.high = ~0ull;
    bench.dut.entry_ready_i = 1;
    int code = 0;
    for (int cycle = 0; cycle < 2000 && code == 0; ++cycle) {
      bench.dut.start_i = cycle == 0;
      bench.Drive();
      if (bench.dut.error_valid_o) code = bench.dut.error_code_o;
      bench.Edge();
    }
    EXPECT_EQ(code, kWindowBounds);
    for (const uint64_t address : bench.bus.burst_addresses) EXPECT_GE(address, end - 0x1000);
  }
}

TEST(Fetch, ReportsTheBurstOfABusError) {
  std::mt19937 random(17);
  for (int round = 0; round < 60; ++round) {
    Bench bench;
    bench.bus.stall_percent = round % 2 * 40;
    bench.bus.latency = 1 + random() % 20;
    const unsigned entries = 100;
    Job job = MakeJob(random, entries);
    job.offset = random() % 256 * 16;
    const unsigned bad = random() % entries;
    bench.bus.bad = true;
    bench.bus.bad_address = job.base + job.offset + 16 * bad;
    const Outcome outcome = bench.Run(job, 50);
    EXPECT_EQ(outcome.errors, 1);
    ASSERT_EQ(outcome.code, kAxiRead);
    uint64_t burst = 0;
    for (size_t i = 0; i < bench.bus.burst_addresses.size(); ++i) {
      const uint64_t from = bench.bus.burst_addresses[i];
      if (bench.bus.bad_address >= from &&
          bench.bus.bad_address < from + bench.bus.burst_beats[i] * PARAM_BusBytes) {
        burst = from;
      }
    }
    EXPECT_EQ(outcome.address, burst);
    ASSERT_LE(outcome.entries.size() + 2, bad + 1);
    for (size_t i = 0; i < outcome.entries.size(); ++i) {
      ASSERT_EQ(outcome.entries[i], job.stream[i + 2]);
    }
    bench.bus.bad = false;
    const Job good = MakeJob(random, 30);
    bench.ExpectEntries(good, bench.Run(good));
  }
}

TEST(Fetch, FallsSilentWhenHalted) {
  std::mt19937 random(18);
  for (int round = 0; round < 60; ++round) {
    Bench bench;
    bench.bus.latency = 1 + random() % 20;
    bench.bus.stall_percent = 50;
    const Job job = MakeJob(random, 300);
    bench.Load(job);
    const int halt = random() % 100;
    bench.dut.entry_ready_i = 1;
    size_t bursts = 0;
    for (int cycle = 0; cycle < halt + 600; ++cycle) {
      bench.dut.start_i = cycle == 0;
      bench.dut.halt_i = cycle > halt;
      bench.Drive();
      if (cycle == halt + 1)
        bursts = bench.bus.burst_addresses.size() + (bench.dut.ar_valid_o && !bench.dut.ar_ready_i);
      if (cycle > halt) EXPECT_FALSE(bench.dut.entry_valid_o);
      bench.Edge();
    }
    // A request that was decided in the cycle before may still show, nothing else.
    EXPECT_LE(bench.bus.burst_addresses.size(), bursts);
    EXPECT_TRUE(bench.dut.quiet_o);
    EXPECT_EQ(bench.bus.in_flight, 0u);
    bench.dut.clear_i = 1;
    bench.Cycle();
    bench.dut.clear_i = bench.dut.halt_i = 0;
    const Job good = MakeJob(random, 30);
    bench.ExpectEntries(good, bench.Run(good));
  }
}

}  // namespace

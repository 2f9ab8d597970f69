// SPDX-License-Identifier: Apache-2.0
// HBM: no command comes too early, the shares of the peak are Ramulator2's, and time may be
// advanced in any steps.
#include "verif/sim/hbm_memory.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <functional>
#include <map>
#include <random>
#include <sstream>

#include "tests/support/shared_links.h"
#include "verif/sim/axi_memory.h"

namespace npugen::testing {
namespace {

struct Access {
  bool write;
  uint64_t address;
  uint32_t bytes;
};
using Trace = std::vector<Access>;

constexpr uint64_t kMiB = 1 << 20;

/// Several streams of the same length, one access of each in turn.
Trace InTurn(const std::vector<Trace>& streams) {
  Trace trace;
  for (size_t i = 0; i < streams[0].size(); ++i) {
    for (const Trace& stream : streams) trace.push_back(stream[i]);
  }
  return trace;
}

Trace Sequence(bool write, uint64_t first, uint64_t bytes) {
  Trace trace;
  for (uint64_t at = 0; at < bytes; at += 512) trace.push_back({write, first + at, 512});
  return trace;
}

Trace Strided(uint32_t count, uint32_t bytes, const std::function<uint64_t(uint64_t)>& place) {
  Trace trace;
  for (uint64_t i = 0; i < count; ++i) trace.push_back({false, place(i), bytes});
  return trace;
}

Trace Random(uint32_t count, uint32_t bytes) {
  std::mt19937_64 random(5);
  Trace trace;
  for (uint32_t i = 0; i < count; ++i)
    trace.push_back({false, random() % (256 * kMiB / bytes) * bytes, bytes});
  return trace;
}

Trace Blocks(uint64_t block) {
  Trace trace;
  for (uint64_t at = 0; at < 2 * kMiB; at += block) {
    for (const bool write : {false, true}) {
      const Trace part = Sequence(write, (write ? 128 * kMiB : 0) + at, block);
      trace.insert(trace.end(), part.begin(), part.end());
    }
  }
  return trace;
}

Trace TileRows() {
  Trace trace;
  for (int again = 0; again < 2; ++again) {
    for (uint64_t part = 0; part < 4; ++part) {
      for (uint64_t pixel = 0; pixel < 56 * 56; ++pixel)
        trace.push_back({false, pixel * 256 + part * 64, 64});
    }
  }
  return trace;
}

/// The first quarter of the traces that Ramulator2 was run with (links/hbm/make_traces.py of the
/// shared folder).
std::map<std::string, Trace> Traces() {
  const uint64_t half = 2 * kMiB;
  const Trace first = Sequence(false, 0, half);
  std::map<std::string, Trace> traces = {
      {"seq_read", Sequence(false, 0, 4 * kMiB)},
      {"seq_write", Sequence(true, 0, 4 * kMiB)},
      {"stride_64_of_256", Strided(16384, 64, [](uint64_t i) { return i * 256; })},
      {"stride_32_of_1k", Strided(32768, 32, [](uint64_t i) { return i * 1024; })},
      {"stride_64_of_4k", Strided(32768, 64, [](uint64_t i) { return i * 4096 % (256 * kMiB); })},
      {"stride_256_of_64k",
       Strided(8192, 256,
               [](uint64_t i) { return i * 65536 % (256 * kMiB) + (i * 65536 >> 28) * 256; })},
      {"random_32", Random(65536, 32)},
      {"random_64", Random(32768, 64)},
      {"random_256", Random(8192, 256)},
      {"random_4k", Random(512, 4096)},
      {"two_streams_read", InTurn({first, Sequence(false, 128 * kMiB, half)})},
      {"copy_512", InTurn({first, Sequence(true, 128 * kMiB, half)})},
      {"copy_16k_blocks", Blocks(16384)},
      {"load2_store1",
       InTurn({first, Sequence(false, 128 * kMiB, half), Sequence(true, 64 * kMiB, half)})},
      {"tile_rows_64B", TileRows()},
  };
  for (auto& [name, trace] : traces) trace.resize(trace.size() / 4);
  return traces;
}

/// What a DMA asks for, in its order: up to 64 granules wait for room, up to 128 reads are under
/// way. Returns the share of the peak of one channel.
double ShareOfPeak(HbmMemory* memory, const HbmSheet& sheet, const Trace& trace) {
  std::vector<std::pair<bool, uint64_t>> granules;
  for (const Access& access : trace) {
    for (uint64_t at = access.address / 32; at <= (access.address + access.bytes - 1) / 32; ++at)
      granules.push_back({access.write, at * 32});
  }
  size_t next = 0, done = 0;
  uint32_t under_way = 0;
  std::deque<std::pair<bool, uint64_t>> pending;
  int64_t tick = 0;
  while (done < granules.size()) {
    while (pending.size() < 64 && next < granules.size()) pending.push_back(granules[next++]);
    int taken = 0;
    for (auto item = pending.begin(); item != pending.end() && taken < 4 && under_way < 128;) {
      if (!memory->Push(item->first, item->second, 0)) {
        ++item;
        continue;
      }
      item->first ? ++done : ++under_way;
      ++taken;
      item = pending.erase(item);
    }
    memory->AdvanceTo(static_cast<uint64_t>(++tick));
    for (uint32_t token; memory->PopRead(&token);) {
      ++done;
      --under_way;
    }
  }
  const double bytes_per_tick = 32.0 / sheet.ticks_per_clock;  // two pseudo channels
  return static_cast<double>(granules.size()) * 32 / (static_cast<double>(tick) * bytes_per_tick);
}

/// Holds every command against the sheet: distances in CK, straight from the data sheet's table.
class RuleChecker : public HbmObserver {
 public:
  explicit RuleChecker(const HbmSheet& sheet) : sheet_(sheet), ticks_(sheet.ticks_per_clock) {}

  void See(int64_t tick, HbmCommand command, const HbmPlace& place) override {
    ++commands;
    for (const Seen& old : seen_) {
      const int64_t least = Distance(old, {tick, command, place});
      if (tick - old.tick < least && ++breaches <= 5) {
        ADD_FAILURE() << sheet_.name << ": command " << static_cast<int>(command) << " at " << tick
                      << ", " << tick - old.tick << " ticks after command "
                      << static_cast<int>(old.command) << ", at least " << least;
      }
    }
    CheckRow(tick, command, place);
    if (command == HbmCommand::kActivate) CheckFour(tick, place);
    seen_.push_back({tick, command, place});
    while (tick - seen_.front().tick > 2000) seen_.pop_front();
  }

  uint64_t commands = 0;
  int breaches = 0;

 private:
  struct Seen {
    int64_t tick;
    HbmCommand command;
    HbmPlace place;
  };

  int64_t Clocks(double clocks) const { return static_cast<int64_t>(std::ceil(clocks * ticks_)); }

  int64_t Bus(const Seen& a, const Seen& b) const {
    const auto column = [](HbmCommand c) {
      return c == HbmCommand::kRead || c == HbmCommand::kWrite;
    };
    if (column(a.command) != column(b.command)) return 0;
    if (column(a.command)) return ticks_;
    return a.command == HbmCommand::kActivate ? sheet_.activate_half_clocks * ticks_ / 2 : 1;
  }

  int64_t Distance(const Seen& a, const Seen& b) const {
    int64_t least = Bus(a, b);
    if (a.place.pseudo_channel != b.place.pseudo_channel) return least;
    const bool stack = a.place.stack == b.place.stack;
    const bool group = stack && a.place.bank_group == b.place.bank_group;
    const bool all =
        a.command >= HbmCommand::kPrechargeAll || b.command >= HbmCommand::kPrechargeAll;
    const bool bank = (group && a.place.bank == b.place.bank) || all;
    const auto need = [&least](int64_t ticks) { least = std::max(least, ticks); };
    const auto is = [](HbmCommand c, HbmCommand one, HbmCommand other) {
      return c == one || c == other;
    };
    const bool b_closes = is(b.command, HbmCommand::kPrecharge, HbmCommand::kPrechargeAll);
    const bool b_opens = is(b.command, HbmCommand::kActivate, HbmCommand::kRefresh);
    switch (a.command) {
      case HbmCommand::kActivate:
        if (bank && b_opens) need(Clocks(sheet_.row_cycle));
        if (b.command == HbmCommand::kActivate)
          need(Clocks(group ? sheet_.activate_l : sheet_.activate_s));
        if (bank && b_closes) need(Clocks(sheet_.row_active));
        if (bank && b.command == HbmCommand::kRead) need(Clocks(sheet_.row_to_read));
        if (bank && b.command == HbmCommand::kWrite) need(Clocks(sheet_.row_to_write));
        break;
      case HbmCommand::kPrecharge:
      case HbmCommand::kPrechargeAll:
        if (bank && b_opens) need(Clocks(sheet_.precharge));
        break;
      case HbmCommand::kRead:
        if (bank && b_closes) need(Clocks(sheet_.read_to_precharge));
        if (b.command == HbmCommand::kRead) {
          need(Clocks(group ? sheet_.column_l : sheet_.column_s));
          if (!stack) need(Clocks(sheet_.column_stack));
        }
        if (b.command == HbmCommand::kWrite)
          need(Clocks(sheet_.read_to_write != 0 ? sheet_.read_to_write
                                                : sheet_.read_latency + 4 - sheet_.write_latency));
        break;
      case HbmCommand::kWrite: {
        const uint32_t data = sheet_.write_latency + 2;
        if (bank && b_closes) need(Clocks(data + sheet_.write_recovery));
        if (b.command == HbmCommand::kWrite)
          need(Clocks(group ? sheet_.column_l : sheet_.column_s));
        if (b.command == HbmCommand::kRead)
          need(Clocks(data + (group ? sheet_.write_to_read_l : sheet_.write_to_read_s)));
        break;
      }
      case HbmCommand::kRefresh:
        if (b_opens) need(Clocks(sheet_.refresh_ns * 1e6 / sheet_.clock_fs));
        break;
    }
    return least;
  }

  /// Rows are open when they are used, and closed when they are opened.
  void CheckRow(int64_t tick, HbmCommand command, const HbmPlace& place) {
    const auto key = std::array{place.pseudo_channel, place.stack, place.bank_group, place.bank};
    const auto open = open_.find(key);
    switch (command) {
      case HbmCommand::kActivate:
        EXPECT_EQ(open, open_.end()) << tick;
        open_[key] = place.row;
        break;
      case HbmCommand::kPrecharge:
        open_.erase(key);
        break;
      case HbmCommand::kPrechargeAll:
        std::erase_if(open_,
                      [&](const auto& bank) { return bank.first[0] == place.pseudo_channel; });
        break;
      case HbmCommand::kRead:
      case HbmCommand::kWrite:
        EXPECT_TRUE(open != open_.end() && open->second == place.row) << tick;
        break;
      case HbmCommand::kRefresh:
        for (const auto& bank : open_) EXPECT_NE(bank.first[0], place.pseudo_channel) << tick;
        // Up to one interval late, as JEDEC lets refreshes be postponed.
        EXPECT_LE(tick - refreshed_[place.pseudo_channel],
                  2 * Clocks(sheet_.refresh_interval_ns * 1e6 / sheet_.clock_fs));
        refreshed_[place.pseudo_channel] = tick;
        break;
    }
  }

  void CheckFour(int64_t tick, const HbmPlace& place) {
    std::deque<int64_t>& latest = activates_[place.pseudo_channel];
    if (latest.size() == 4) {
      EXPECT_GE(tick - latest.front(), Clocks(sheet_.four_activates));
      latest.pop_front();
    }
    latest.push_back(tick);
  }

  const HbmSheet& sheet_;
  int64_t ticks_;
  std::deque<Seen> seen_;
  std::map<std::array<uint32_t, 4>, uint32_t> open_;
  std::map<uint32_t, std::deque<int64_t>> activates_;
  std::map<uint32_t, int64_t> refreshed_;
};

HbmMemory OneChannel(const HbmSheet& sheet, const std::string& map) {
  return HbmMemory(sheet, {.channels = 1, .map = map}, HbmRules(sheet).tick_fs);
}

TEST(HbmMemory, NoCommandComesTooEarly) {
  for (const HbmSheet& sheet : HbmSheets()) {
    uint64_t commands = 0;
    for (const char* map : {"cchpgCbsry", "hpgCbsrx", "Chpgbsr"}) {
      for (const auto& [name, trace] : Traces()) {
        Trace shorter = trace;
        if (shorter.size() > 250) shorter.resize(250);
        HbmMemory memory = OneChannel(sheet, map);
        RuleChecker checker(sheet);
        memory.channel(0).Observe(&checker);
        ShareOfPeak(&memory, sheet, shorter);
        commands += checker.commands;
        ASSERT_EQ(checker.breaches, 0) << sheet.name << ' ' << map << ' ' << name;
      }
    }
    EXPECT_GT(commands, 40'000u);
  }
}

TEST(HbmMemory, EveryGranuleIsAnsweredOnceInAnySteps) {
  std::mt19937_64 random(7);
  for (const HbmSheet& sheet : HbmSheets()) {
    for (const uint32_t channels : {1u, 4u, 16u}) {
      // The same requests, advanced cycle by cycle and in one go, are answered at the same times.
      HbmMemory fine(sheet, {.channels = channels}, 5'555'555);
      HbmMemory coarse(sheet, {.channels = channels}, 5'555'555);
      std::map<uint32_t, uint64_t> at;
      uint64_t cycle = 0;
      uint32_t token = 0;
      for (int round = 0; round < 200; ++round) {
        uint32_t pushed = 0;
        for (int i = 0; i < 8; ++i) {
          const uint64_t address = random() % (1 << 24) * 32;
          const bool write = random() % 3 == 0;
          const bool taken = fine.Push(write, address, token);
          ASSERT_EQ(coarse.Push(write, address, token), taken);
          if (!write && taken) ++pushed, ++token;
        }
        const uint64_t until = cycle + 1 + random() % 2000;
        std::map<uint32_t, uint64_t> answers;
        while (cycle < until) {
          fine.AdvanceTo(++cycle);
          for (uint32_t answered; fine.PopRead(&answered);)
            EXPECT_TRUE(answers.emplace(answered, cycle).second);
        }
        coarse.AdvanceTo(cycle);
        uint32_t late = 0;
        for (uint32_t answered; coarse.PopRead(&answered);) {
          late += answers.count(answered);
        }
        EXPECT_EQ(late, answers.size());
        at.insert(answers.begin(), answers.end());
        (void)pushed;
      }
      fine.AdvanceTo(cycle + 100'000);
      for (uint32_t answered; fine.PopRead(&answered);) at.emplace(answered, 0);
      EXPECT_EQ(at.size(), token);
      EXPECT_TRUE(fine.idle());
    }
  }
}

TEST(HbmMemory, PlacesAreDistinct) {
  for (const HbmSheet& sheet : HbmSheets()) {
    for (const char* map : {"cchpgCbsry", "hpgCbsrx", "Chpgbsr", "cccpghCsbr"}) {
      HbmMemory memory(sheet, {.channels = 4, .map = map}, 1e6);
      std::map<std::array<uint32_t, 6>, uint32_t> granules;
      const uint32_t count =
          4 * 2 * sheet.stacks * sheet.bank_groups * sheet.banks * sheet.columns * 5;
      for (uint64_t i = 0; i < count; ++i) {
        const HbmPlace place = memory.Place(i * 32);
        ++granules[{place.channel, place.pseudo_channel, place.stack, place.bank_group, place.bank,
                    place.row}];
      }
      // Five rows of every bank, each with all its columns.
      EXPECT_EQ(granules.size(), count / sheet.columns);
      for (const auto& [place, number] : granules) EXPECT_EQ(number, sheet.columns);
    }
  }
}

TEST(HbmMemory, RefusesOptions) {
  EXPECT_EQ(CheckHbmOptions({}), "");
  EXPECT_NE(CheckHbmOptions({.channels = 3}), "");
  EXPECT_NE(CheckHbmOptions({.channels = 32}), "");
  EXPECT_NE(CheckHbmOptions({.queue = 0}), "");
  for (const char* map : {"", "x", "r", "cchpgCbs", "cchpgCbsrr", "cchpgbsr", "ccccccchpgCbsr",
                          "rcchpgCbs", "zhpgCbsr"})
    EXPECT_NE(CheckHbmOptions({.map = map}), "") << map;
}

/// Bursts of a bus over HBM: the bytes of the memory, in order within an id, every write answered.
TEST(HbmMemory, AnswersABusWithTheMemorysBytes) {
  constexpr uint32_t kIds = 4;
  for (const uint32_t bus : {4u, 16u, 64u}) {
    for (const bool disturbed : {false, true}) {
      std::vector<uint8_t> storage(1 << 20);
      std::mt19937_64 random(bus);
      for (uint8_t& byte : storage) byte = static_cast<uint8_t>(random());
      AxiMemoryOptions options = {.bus_bytes = bus, .read_latency = 3, .write_latency = 3};
      options.interleave = disturbed;
      options.ar_stall = options.r_stall = options.w_stall = disturbed ? 0x3000 : 0;
      options.hbm = FindHbmSheet("hbm3");
      options.hbm_options.channels = disturbed ? 4 : 1;
      options.cycle_fs = 5e6;
      const std::vector<uint8_t> before = storage;
      AxiMemory memory(storage.data(), 0x1000, storage.size(), options);
      std::array<std::deque<std::pair<uint64_t, uint32_t>>, kIds> expected;  // address, beats
      AxiRequestSignals request;
      std::vector<uint8_t> data(64, 0x5a);
      request.w_data = data.data();
      request.w_strb = ~uint64_t{0} >> (64 - bus);
      request.ar_burst = request.aw_burst = 1;
      request.ar_size = request.aw_size = static_cast<uint8_t>(std::countr_zero(bus));
      request.r_ready = request.b_ready = true;
      uint32_t asked = 0, written = 0, answered = 0, write_left = 0;
      uint64_t beats_read = 0, beats_asked = 0;
      for (int cycle = 0;
           cycle < 60'000 && (asked < 300 || answered < 100 || beats_read < beats_asked); ++cycle) {
        // Reads in the lower half, writes in the upper one.
        const auto address = [&](uint32_t beats) {
          return 0x1000 + random() % (storage.size() / 2 / (beats * bus)) * (beats * bus);
        };
        if (!request.ar_valid && asked < 300 && random() % 3 == 0) {
          request.ar_len = static_cast<uint8_t>((1u << random() % 5) - 1);
          request.ar_addr = address(request.ar_len + 1u);
          request.ar_id = static_cast<uint8_t>(random() % kIds);
          request.ar_valid = true;
        }
        if (!request.aw_valid && write_left == 0 && written < 100 && random() % 4 == 0) {
          request.aw_len = static_cast<uint8_t>((1u << random() % 5) - 1);
          request.aw_addr = address(request.aw_len + 1u) + storage.size() / 2;
          request.aw_valid = true;
        }
        const AxiResponseSignals response = memory.response();
        memory.Tick(request);
        if (request.ar_valid && response.ar_ready) {
          expected[request.ar_id].push_back({request.ar_addr, request.ar_len + 1u});
          beats_asked += request.ar_len + 1u;
          request.ar_valid = false;
          ++asked;
        }
        if (request.w_valid && response.w_ready && --write_left == 0) request.w_valid = false;
        if (request.aw_valid && response.aw_ready) {
          write_left = request.aw_len + 1u;
          request.aw_valid = false;
          request.w_valid = true;
          ++written;
        }
        request.w_last = write_left == 1;
        if (response.r_valid) {
          auto& [at, left] = expected[response.r_id].front();
          ASSERT_EQ(std::memcmp(response.r_data, before.data() + (at - 0x1000), bus), 0) << cycle;
          at += bus;
          ++beats_read;
          ASSERT_EQ(response.r_last, --left == 0);
          if (left == 0) expected[response.r_id].pop_front();
        }
        if (response.b_valid) ++answered;
      }
      EXPECT_EQ(asked, 300u);
      EXPECT_EQ(answered, 100u);
      EXPECT_EQ(beats_read, beats_asked);
      EXPECT_EQ(memory.counts().violations, 0u)
          << (memory.violations().empty() ? "" : memory.violations()[0]);
      EXPECT_GE(memory.counts().hbm.reads * 32, beats_asked * bus);
    }
  }
}

/// Against Ramulator2: mean error at most 3 % (HBM2, HBM3) or 6 % (HBM2E), the largest 10 %.
TEST(HbmMemory, SharesOfThePeakAreRamulators) {
  const std::string folder = SharedLinksFolder();
  if (folder.empty()) GTEST_SKIP() << kNoSharedLinks;
  std::ifstream file(folder + "/hbm/bandwidth.csv");
  ASSERT_TRUE(file) << "no hbm/bandwidth.csv in " << folder;
  const std::map<std::string, std::string> names = {
      {"HBM2_2400", "hbm2"}, {"HBM2E_3200", "hbm2e"}, {"HBM3_6400", "hbm3"}};
  const std::map<std::string, Trace> traces = Traces();
  std::map<std::string, std::vector<double>> errors;
  std::string line;
  std::getline(file, line);
  while (std::getline(file, line)) {
    std::stringstream fields(line);
    std::string memory_name, refresh, map, trace, share;
    for (std::string* field : {&memory_name, &refresh, &map, &trace, &share})
      std::getline(fields, *field, ',');
    if (refresh != "all_bank") continue;
    const HbmSheet* sheet = FindHbmSheet(names.at(memory_name));
    ASSERT_NE(sheet, nullptr);
    map.insert(map.begin() + static_cast<std::ptrdiff_t>(map.find('p')), 'h');
    if (map.find('s') == std::string::npos)
      map.insert(map.begin() + static_cast<std::ptrdiff_t>(map.find('r')), 's');
    HbmMemory memory = OneChannel(*sheet, map);
    const double ours = ShareOfPeak(&memory, *sheet, traces.at(trace));
    const double error = ours / std::stod(share) - 1;
    errors[memory_name].push_back(std::fabs(error));
    std::printf("%-10s %-12s %-18s %.4f  %s  %+.1f %%\n", memory_name.c_str(), map.c_str(),
                trace.c_str(), ours, share.c_str(), 100 * error);
    EXPECT_LE(std::fabs(error), 0.10) << line;
  }
  ASSERT_EQ(errors.size(), 3u);
  for (const auto& [name, values] : errors) {
    double sum = 0;
    for (const double value : values) sum += value;
    const double mean = sum / static_cast<double>(values.size());
    std::printf("%s: mean %.2f %%, largest %.2f %%\n", name.c_str(), 100 * mean,
                100 * *std::max_element(values.begin(), values.end()));
    EXPECT_LE(mean, name == "HBM2E_3200" ? 0.06 : 0.03);
  }
}

}  // namespace
}  // namespace npugen::testing

// SPDX-License-Identifier: Apache-2.0
// npu_controller with scripted engines: jobs, errors, deadlocks, resets, recovery, counters and
// trace.
#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <deque>
#include <map>
#include <random>
#include <string_view>
#include <vector>

#include "Vdut.h"
#include "generator/arch/command_set.h"
#include "verif/unit/engine_ports.h"
#include "verif/unit/read_channel.h"

namespace {

using npugen::Command;
using npugen::Opcode;

constexpr int kPes = PARAM_GridX * PARAM_GridY;
constexpr uint32_t kAllPes = kPes == 32 ? 0xffffffff : (1u << (kPes % 32)) - 1;
constexpr int kPe0 = npugen::kFirstPeEngine;
constexpr int kEngines = kPe0 + kPes;  // load, store, PEs
constexpr uint64_t kHash = 0xfedcba9876543210;
constexpr uint64_t kBase = 0x100000;
constexpr uint32_t kOffset = 0x40;
enum Status { kBusy = 1, kDone = 2, kError = 4, kResetting = 8 };
enum Error {
  kBadMagic = 1,
  kBadHash = 3,
  kBadOpcode,
  kBadLength,
  kBadBarrier,
  kDeadlock,
  kWindowBounds,
  kAxiRead,
  kBadField = 12
};
enum Cause { kCauseIdle = 0, kCauseBarrier = 4, kCauseDma = 6 };

struct EngineError {
  int code;
  unsigned tag;
  uint64_t address;
};

/// A command queue and an engine that takes a random time and does nothing else.
struct Engine {
  std::deque<std::vector<uint32_t>> queue;  // words; the last command may be incomplete
  bool busy = false;
  int left = 0;
  std::vector<uint32_t> running;
  int linger = 0;  // bus transactions that are finished in spite of a halt
  std::vector<unsigned> executed;

  bool whole() const {
    return !queue.empty() && queue.front().size() == 4 * (queue.front()[0] >> 8 & 0xff);
  }
  size_t whole_commands() const {
    return queue.size() -
           (!queue.empty() && queue.back().size() != 4 * (queue.back()[0] >> 8 & 0xff));
  }
  unsigned tag() const {
    return busy ? running[0] >> 16 : whole() ? queue.front()[0] >> 16 : 0xdead;
  }
};

struct Bench {
  Vdut dut;
  ReadChannel<PARAM_BusBytes> bus;
  std::mt19937 random{30};
  std::array<Engine, kEngines> engines;
  std::array<uint32_t, PARAM_Barriers> counts{};  // reference of the barriers
  std::map<unsigned, int> durations;              // cycles of the commands with this tag
  std::map<int, EngineError> errors_next;         // by engine, raised in the next cycle
  size_t queue_depth = 2;
  int linger = 0;
  int take_percent = 100;  // of the cycles in which an engine could take a command
  int forced_quiet = -1;   // 0, 1: dma_quiet_i regardless of the engines
  int cycle = 0;

  // seen
  int irqs_done = 0, irqs_error = 0, clears = 0, token_clears = 0;
  int doorbell_cycle = 0, irq_cycle = 0, first_take = -1;
  uint64_t trace_cycles = 0;
  std::array<uint64_t, 8> trace_causes{};
  std::array<uint64_t, 8> causes{};  // reference, of the cycles since the doorbell
  bool counting = false;
  uint64_t beats = 0, written = 0;
  bool pushed_while_halted = false;

  Bench() {
    dut.rst_ni = 0;
    dut.config_hash_i = kHash;
    dut.window_base_i = kBase;
    dut.window_size_i = 0x10000;
    dut.window_readable_i = 1;
    bus.low = kBase;
    bus.high = kBase + 0x10000;
    bus.latency = 5;
    Cycle();
    dut.rst_ni = 1;
  }

  bool Released(const std::vector<uint32_t>& words) const {
    const bool first = !(words[1] >> 6 & 1) || counts[words[1] & 63] >= words[2];
    const bool second = !(words[1] >> 14 & 1) || counts[words[1] >> 8 & 63] >= words[3];
    return first && second;
  }

  void Cycle(bool doorbell = false, bool reset = false, uint32_t offset = kOffset) {
    dut.clk_i = 0;
    for (int id = 0; id < PARAM_Barriers; ++id) {
      ASSERT_EQ(GetBits(&dut.barrier_counts_o, 24 * id, 24), counts[id]) << "barrier " << id;
    }
    dut.doorbell_we_i = doorbell;
    dut.doorbell_i = offset;
    dut.control_we_i = reset || random() % 4 == 0;
    dut.control_reset_i = reset;
    std::array<uint32_t, PARAM_Barriers> next_counts = counts;
    std::array<bool, kEngines> take{};
    bool dma_quiet = true;
    const int pe0_cause = random() % 8;
    for (int e = 0; e < kEngines; ++e) {
      Engine& engine = engines[e];
      const bool whole = engine.whole();
      const bool waiting = whole && !Released(engine.queue.front());
      const bool blocked = waiting || (engine.queue.size() == 1 && !whole);
      const bool ready = engine.whole_commands() < queue_depth;
      take[e] = whole && !waiting && !engine.busy && !dut.halt_o &&
                static_cast<int>(random() % 100) < take_percent;
      // The last busy cycle arrives at the barrier.
      bool signal = engine.busy && engine.left == 0 && (engine.running[1] >> 22 & 1);
      const unsigned first_id = engine.busy ? engine.running[1] >> 16 & 63 : 0;
      const unsigned id = signal ? first_id + std::max(e - 2, 0) : random() % PARAM_Barriers;
      const unsigned amount = e == 0 && signal && (engine.running[1] >> 23 & 1) ? 1000 : 1;
      if (signal) next_counts[id] += amount;
      const bool error = errors_next.count(e) != 0;
      const EngineError what = error ? errors_next[e] : EngineError{};
      if (e < 2 && (engine.busy && (!dut.halt_o || engine.linger > 0))) dma_quiet = false;
      const unsigned pe = e < kPe0 ? 0 : e - kPe0;
      const auto status = [&](std::string_view name, uint64_t value) {
        if (e == 0) SetMember(&dut.load_status_i, npugen::kEngineStatus, 0, name, value);
        if (e == 1) SetMember(&dut.store_status_i, npugen::kEngineStatus, 0, name, value);
        if (e >= kPe0) SetMember(&dut.pe_status_i, npugen::kEngineStatus, pe, name, value);
      };
      const auto failure = [&](std::string_view name, uint64_t value) {
        if (e == 0) SetMember(&dut.load_error_i, npugen::kEngineError, 0, name, value);
        if (e == 1) SetMember(&dut.store_error_i, npugen::kEngineError, 0, name, value);
        if (e >= kPe0) SetMember(&dut.pe_error_i, npugen::kEngineError, pe, name, value);
      };
      status("busy", engine.busy);
      status("idle", !engine.busy && engine.queue.empty());
      status("stuck", !engine.busy && (engine.queue.empty() || blocked));
      status("waiting", waiting);
      status("waiting_tag", engine.tag());
      status("tag", engine.tag());
      status("cause", e == kPe0 ? pe0_cause : random() % 8);
      status("arrives", signal);
      status("barrier", id);
      status("fails", error);
      failure("code", what.code);
      failure("tag", what.tag);
      failure("address", what.address);
      if (e == 0) {
        dut.load_push_ready_i = ready;
        dut.load_amount_i = amount;
      } else if (e == 1) {
        dut.store_push_ready_i = ready;
      } else {
        SetBits(&dut.pe_push_ready_i, pe, 1, ready);
      }
    }
    errors_next.clear();
    if (forced_quiet >= 0) dma_quiet = forced_quiet != 0;
    dut.dma_quiet_i = dma_quiet;
    dut.dma_read_beat_i = !dma_quiet && engines[0].busy && random() % 2;
    dut.dma_write_bytes_i = !dma_quiet && engines[1].busy ? random() % (PARAM_BusBytes + 1) : 0;
    bus.Drive(dut);
    dut.eval();
    bus.Observe(dut);

    // References of counters and trace.
    const bool starting = doorbell && !reset && (dut.status_o & (kBusy | kError | kResetting)) == 0;
    if (starting) {
      causes.fill(0);
      trace_causes.fill(0);
      trace_cycles = beats = written = 0;
      counting = true;
      doorbell_cycle = cycle;
    } else if (dut.trace_active_o) {  // the trace is one cycle late
      ++trace_cycles;
      ++trace_causes[dut.trace_cause_o];
    }
    if (counting) {
      const int cause = starting                                                    ? kCauseIdle
                        : engines[2].busy                                           ? pe0_cause
                        : engines[2].whole() && !Released(engines[2].queue.front()) ? kCauseBarrier
                        : !dma_quiet || engines[0].busy || engines[1].busy          ? kCauseDma
                                                                                    : kCauseIdle;
      ++causes[cause];
      if (!starting) {
        beats += dut.r_valid_i + dut.dma_read_beat_i;
        written += dut.dma_write_bytes_i;
      }
    }
    if (dut.irq_set_o) {
      irq_cycle = cycle;
      irqs_done += dut.irq_set_o & 1;
      irqs_error += dut.irq_set_o >> 1;
      counting = false;
    }
    if (reset) counting = false;
    clears += dut.clear_o;
    token_clears += dut.cache_token_clear_o;

    // Engines and queues move.
    for (int e = 0; e < kEngines; ++e) {
      Engine& engine = engines[e];
      if (engine.busy) {
        if (dut.halt_o && e < 2) {
          if (engine.linger > 0) --engine.linger;
        } else if (engine.left-- == 0) {
          engine.busy = false;
        }
      }
      if (take[e]) {
        if (first_take < 0) first_take = cycle;
        engine.busy = true;
        engine.running = engine.queue.front();
        engine.queue.pop_front();
        engine.executed.push_back(engine.running[0] >> 16);
        const auto found = durations.find(engine.running[0] >> 16);
        engine.left = found != durations.end() ? found->second : random() % 20;
        engine.linger = linger;
      }
      const bool push = e == 0   ? dut.load_push_valid_o
                        : e == 1 ? dut.store_push_valid_o
                                 : GetBits(&dut.pe_push_valid_o, e - 2, 1);
      if (push) {
        pushed_while_halted |= dut.halt_o;
        if (engine.queue.empty() ||
            engine.queue.back().size() == 4 * (engine.queue.back()[0] >> 8 & 0xff)) {
          engine.queue.emplace_back();
        }
        std::array<uint32_t, 4> entry;
        GetBytes(&dut.push_entry_o, entry.data(), 16);
        engine.queue.back().insert(engine.queue.back().end(), entry.begin(), entry.end());
        const auto& words = engine.queue.back();
        EXPECT_EQ(dut.push_last_o, words.size() == 4 * (words[0] >> 8 & 0xff));
      }
    }
    counts = next_counts;
    if (starting || dut.clear_o) counts.fill(0);
    if (dut.clear_o) {
      for (Engine& engine : engines) engine = Engine{};
    }
    dut.clk_i = 1;
    dut.eval();
    ++cycle;
  }

  void Load(const std::vector<Command>& commands) {
    std::vector<uint32_t> words = {npugen::kStreamMagic,
                                   npugen::kCommandSetVersion,
                                   static_cast<uint32_t>(kHash),
                                   kHash >> 32,
                                   0,
                                   0,
                                   0,
                                   0};
    for (const Command& command : commands) {
      words.insert(words.end(), command.words().begin(), command.words().end());
    }
    words[4] = words.size() / 4;
    bus.base = kBase;
    bus.bytes.assign(kOffset, 0);
    bus.bytes.insert(bus.bytes.end(), reinterpret_cast<const uint8_t*>(words.data()),
                     reinterpret_cast<const uint8_t*>(words.data() + words.size()));
  }
  /// Rings and waits for an interrupt. Returns false when none comes.
  bool Run(const std::vector<Command>& commands, int limit = 20000) {
    Load(commands);
    for (Engine& engine : engines) engine.executed.clear();
    irqs_done = irqs_error = 0;
    first_take = -1;
    pushed_while_halted = false;
    Cycle(true);
    for (int i = 0; i < limit && irqs_done + irqs_error == 0; ++i) Cycle();
    return irqs_done + irqs_error != 0;
  }
  void Idle(int cycles) {
    for (int i = 0; i < cycles; ++i) Cycle();
  }
  void Reset() {
    clears = token_clears = 0;
    Cycle(false, true);
    EXPECT_TRUE(dut.status_o & kResetting);
    for (int i = 0; i < 2000 && (dut.status_o & kResetting); ++i) Cycle();
    EXPECT_EQ(dut.status_o, 0u);
    EXPECT_GE(clears, 2);
    EXPECT_GE(token_clears, 1);
  }
  void ExpectDone() {
    EXPECT_EQ(irqs_done, 1);
    EXPECT_EQ(irqs_error, 0);
    EXPECT_EQ(dut.status_o, static_cast<unsigned>(kDone));
    EXPECT_EQ(dut.error_info_o, 0u);
    EXPECT_TRUE(bus.in_flight == 0);
    ExpectCounters();
  }
  void ExpectError(int code, int engine, unsigned tag, uint64_t address) {
    EXPECT_EQ(irqs_done, 0);
    EXPECT_EQ(irqs_error, 1);
    EXPECT_EQ(dut.status_o, static_cast<unsigned>(kError));
    EXPECT_EQ(dut.error_info_o & 0xff, static_cast<unsigned>(code));
    EXPECT_EQ(dut.error_info_o >> 8 & 0xf, static_cast<unsigned>(engine));
    EXPECT_EQ(dut.error_info_o >> 16, tag);
    EXPECT_EQ(dut.error_address_o, address);
    EXPECT_FALSE(pushed_while_halted);
    ExpectCounters();
    EXPECT_EQ(dut.error_info_o & 0xff, static_cast<unsigned>(code)) << "the error stays";
  }
  void ExpectCounters() {
    Idle(3);
    uint64_t sum = 0;
    for (int cause = 0; cause < 8; ++cause) {
      const uint64_t count = GetBits(&dut.perf_cause_o, 32 * cause, 32);
      EXPECT_EQ(count, causes[cause]) << "cause " << cause;
      EXPECT_EQ(trace_causes[cause], count) << "cause " << cause;
      sum += count;
    }
    EXPECT_EQ(dut.perf_cycles_o, sum);
    EXPECT_EQ(dut.perf_cycles_o, trace_cycles);
    EXPECT_EQ(dut.perf_cycles_o, static_cast<unsigned>(irq_cycle - doorbell_cycle + 1));
    EXPECT_EQ(dut.perf_bytes_read_o, beats * PARAM_BusBytes);
    EXPECT_EQ(dut.perf_bytes_written_o, written);
  }
};

Command Make(Opcode opcode, unsigned tag, uint32_t pe_mask = 1) {
  // LOADs move something.
  const unsigned entries =
      opcode == Opcode::kLoad ? 3 : npugen::FindOpcode(static_cast<uint8_t>(opcode))->least_entries;
  Command command(opcode, entries, tag);
  if (command.entries() > 1)
    EXPECT_TRUE(command.Set(*npugen::FindField(opcode, "pe_mask"), pe_mask));
  return command;
}
Command Wait(Command command, int id, int count) {
  EXPECT_TRUE(command.Set(npugen::header::wait0_id, id) &&
              command.Set(npugen::header::wait0_en, 1) &&
              command.Set(npugen::header::wait0_count, count));
  return command;
}
Command Signal(Command command, int id) {
  EXPECT_TRUE(command.Set(npugen::header::signal_id, id) &&
              command.Set(npugen::header::signal_en, 1));
  return command;
}
Command End() { return Make(Opcode::kEnd, 999); }

/// A stream in which every command waits only for what earlier ones signal.
std::vector<Command> RandomStream(std::mt19937& random, int length) {
  std::vector<Command> commands;
  std::array<int, PARAM_Barriers> reached{};
  for (int i = 0; i < length; ++i) {
    const auto opcodes = npugen::AllOpcodes();
    const Opcode opcode = opcodes[random() % (opcodes.size() - 1) + 1].opcode;
    uint32_t mask = random() % 3 == 0 ? kAllPes : random() & kAllPes;
    if (mask == 0) mask = 1;
    Command command = Make(opcode, i + 1, mask);
    if (command.entries() > 1) {
      const int id = random() % PARAM_Barriers;
      if (random() % 2) command = Wait(command, id, reached[id]);
      const int other = random() % PARAM_Barriers;
      if (random() % 2) {
        EXPECT_TRUE(command.Set(npugen::header::wait1_id, other) &&
                    command.Set(npugen::header::wait1_en, 1) &&
                    command.Set(npugen::header::wait1_count, reached[other]));
      }
      const bool compute = static_cast<uint8_t>(opcode) >= 0x30;
      const int last_pe = compute ? 31 - __builtin_clz(mask) : 0;
      const int arrive = random() % (PARAM_Barriers - last_pe);
      if (random() % 4) {
        command = Signal(command, arrive);
        const bool bytes = opcode == Opcode::kLoad && random() % 2;
        if (bytes) EXPECT_TRUE(command.Set(npugen::header::signal_bytes, 1));
        for (int pe = 0; pe <= last_pe; ++pe) {
          if (!compute || mask >> pe & 1) reached[arrive + pe] += bytes ? 1000 : 1;
        }
      }
    }
    commands.push_back(command);
  }
  commands.push_back(End());
  return commands;
}

TEST(Controller, RunsJobsOneAfterTheOther) {
  Bench bench;
  std::mt19937 random(31);
  for (int round = 0; round < 40; ++round) {
    bench.bus.latency = 1 + random() % 50;
    bench.bus.stall_percent = round % 2 * 30;
    bench.queue_depth = 1 + random() % 4;
    const std::vector<Command> commands = RandomStream(random, 1 + random() % 60);
    ASSERT_TRUE(bench.Run(commands)) << "round " << round;
    bench.ExpectDone();
    EXPECT_EQ(bench.dut.perf_commands_o, commands.size());
    std::array<std::vector<unsigned>, kEngines> expected;
    for (const Command& command : commands) {
      const unsigned opcode = static_cast<unsigned>(command.opcode());
      if (opcode == 0x10) expected[0].push_back(command.tag());
      if (opcode == 0x20) expected[1].push_back(command.tag());
      for (int pe = 0; opcode >= 0x30 && pe < kPes; ++pe) {
        if (command.pe_mask() >> pe & 1) expected[2 + pe].push_back(command.tag());
      }
    }
    for (int e = 0; e < kEngines; ++e) EXPECT_EQ(bench.engines[e].executed, expected[e]);
    for (const Engine& engine : bench.engines) EXPECT_TRUE(engine.queue.empty() && !engine.busy);
    if (::testing::Test::HasFailure()) FAIL() << "round " << round;
    bench.Idle(random() % 10);
  }
}

TEST(Controller, StartsQuickly) {
  Bench bench;
  bench.bus.latency = 50;
  bench.durations[1] = 10;
  ASSERT_TRUE(bench.Run({Make(Opcode::kLoad, 1), End()}));
  bench.ExpectDone();
  const int beats = PARAM_BusBytes < 16 ? 16 / PARAM_BusBytes : 1;
  // Start, address, request, 50 cycles, three entries on the bus, memory; then three entries into
  // the queue.
  const int take = 3 + 50 + 3 * beats + 1 + 2 * beats;
  EXPECT_EQ(bench.first_take - bench.doorbell_cycle, take);
  std::printf("doorbell to first LOAD offered (latency 50): %d cycles, to interrupt: %d\n",
              bench.first_take - bench.doorbell_cycle, bench.irq_cycle - bench.doorbell_cycle);
}

TEST(Controller, ChargesAndTracesThePeBeforeTheDma) {
  Bench bench;
  bench.durations[1] = 100;
  bench.durations[2] = 50;
  bench.durations[3] = 30;
  bench.Load({Signal(Make(Opcode::kLoad, 1), 0), Wait(Make(Opcode::kMatmul, 2), 0, 1),
              Make(Opcode::kStore, 3), End()});
  bench.Cycle(true);
  std::map<int, int> tags;
  while (bench.irqs_done == 0) {
    bench.Cycle();
    if (bench.dut.trace_active_o) ++tags[bench.dut.trace_tag_o];
  }
  bench.ExpectDone();
  EXPECT_GT(GetBits(&bench.dut.perf_cause_o, 32 * kCauseBarrier, 32), 60u);
  EXPECT_GT(tags[2], 120) << "waiting and running";
  EXPECT_LT(tags[3], 25) << "the store's cycles belong to the waiting MATMUL";
  EXPECT_EQ(tags.size(), 4u) << "0 before the first command";
}

TEST(Controller, TracesTheStoreBeforeTheLoad) {
  Bench bench;
  bench.bus.latency = 1;
  bench.durations[1] = 300;
  bench.durations[3] = 100;
  bench.Load({Make(Opcode::kLoad, 1), Make(Opcode::kStore, 3), End()});
  bench.Cycle(true);
  std::map<int, int> tags;
  while (bench.irqs_done == 0) {
    bench.Cycle();
    if (bench.dut.trace_active_o) ++tags[bench.dut.trace_tag_o];
  }
  EXPECT_EQ(tags[3], 101);
  EXPECT_GT(tags[1], 150) << "before and after";
  EXPECT_EQ(tags.size(), 3u) << "0 before the first command";
}

TEST(Controller, WaitsUntilTheBusStaysQuiet) {
  for (unsigned pattern = 0; pattern < 256; ++pattern) {
    Bench bench;
    bench.durations[7] = 1000;
    bench.Load({Make(Opcode::kStore, 7), End()});
    bench.Cycle(true);
    bench.Idle(150);
    bench.errors_next[1] = {12, 7, 0};
    bench.Cycle();
    int quiet = 0;
    for (int i = 0; i < 12; ++i) {
      bench.forced_quiet = i >= 8 || (pattern >> i & 1);
      quiet = bench.forced_quiet ? quiet + 1 : 0;
      bench.Cycle();
      ASSERT_EQ(bench.irqs_error, quiet >= 4) << pattern << " " << i;
      if (quiet >= 4) break;
    }
    bench.Cycle();
    EXPECT_EQ(bench.dut.status_o, static_cast<unsigned>(kError));
  }
}

TEST(Controller, LetsAnErrorWinOverTheEndOfTheJob) {
  int together = 0;
  for (int when = 5; when < 160; ++when) {
    Bench bench;
    bench.durations[7] = 10;
    bench.Load({Make(Opcode::kStore, 7), End()});
    bench.Cycle(true);
    bench.Idle(when);
    const bool over = bench.irqs_done != 0;
    bench.errors_next[0] = {12, 8, 0};
    bench.Cycle();
    ASSERT_EQ(bench.irqs_done, over ? 1 : 0);
    together += !over;
    bench.Idle(300);
    ASSERT_EQ(bench.irqs_error, over ? 0 : 1);
    EXPECT_EQ(bench.dut.status_o, static_cast<unsigned>(over ? kDone : kError));
  }
  EXPECT_GT(together, 0);
  EXPECT_LT(together, 155) << "the range does not cover the end";
}

TEST(Controller, ReportsTheErrorOfEveryEngine) {
  for (int engine = 0; engine < kEngines; ++engine) {
    Bench bench;
    bench.linger = 70;
    bench.durations[7] = 100000;
    bench.Load({Make(Opcode::kLoad, 7), Make(Opcode::kStore, 7), Make(Opcode::kMatmul, 7, kAllPes),
                End()});
    bench.Cycle(true);
    bench.Idle(200);
    EXPECT_EQ(bench.dut.status_o, static_cast<unsigned>(kBusy));
    const uint64_t address = engine < 2 ? 0xabcdef12 : 0x1000000 + engine;
    bench.errors_next[engine] = {11, 0x4000u + engine, address};
    const int raised = bench.cycle;
    bench.Cycle();
    bench.errors_next[engine ^ 1] = {1, 1, 1};  // later ones do not count
    bench.Cycle();
    for (int i = 0; i < 300 && bench.irqs_error == 0; ++i) {
      EXPECT_TRUE(bench.dut.halt_o);
      EXPECT_EQ(bench.dut.status_o, static_cast<unsigned>(kBusy));
      bench.Cycle();
    }
    EXPECT_GE(bench.irq_cycle - raised, 70) << "the bus masters finish first";
    EXPECT_LE(bench.irq_cycle - raised, 80);
    bench.ExpectError(11, engine < 2 ? engine + 1 : 3, 0x4000 + engine, address);
    EXPECT_TRUE(bench.dut.halt_o);
    // Nothing starts before the reset.
    bench.Cycle(true);
    bench.Idle(50);
    EXPECT_EQ(bench.dut.status_o, static_cast<unsigned>(kError));
    bench.Reset();
    EXPECT_EQ(bench.dut.error_info_o, 0u);
    EXPECT_EQ(bench.dut.error_address_o, 0u);
    bench.durations.clear();
    ASSERT_TRUE(
        bench.Run({Signal(Make(Opcode::kLoad, 1), 3), Wait(Make(Opcode::kAdd, 2), 3, 1), End()}));
    bench.ExpectDone();
  }
}

TEST(Controller, PrefersTheFirstEngineOfSeveralErrors) {
  for (int first = 0; first < kEngines - 1; ++first) {
    Bench bench;
    bench.durations[7] = 100000;
    bench.Load({Make(Opcode::kLoad, 7), End()});
    bench.Cycle(true);
    bench.Idle(100);
    for (int e = first; e < kEngines; ++e) bench.errors_next[e] = {12, 100u + e, 0};
    bench.Cycle();
    bench.Idle(20);
    bench.ExpectError(12, first < 2 ? first + 1 : 3, 100 + first, 0);
  }
}

TEST(Controller, ReportsErrorsOfTheStream) {
  Bench bench;
  const auto recover = [&] {
    bench.Reset();
    bench.bus.bad = false;
    ASSERT_TRUE(bench.Run({Make(Opcode::kLoad, 1), End()}));
    bench.ExpectDone();
  };
  // The fetch unit
  bench.Load({End()});
  bench.bus.bytes[kOffset] ^= 1;
  bench.Cycle(true);
  while (bench.irqs_error == 0) bench.Cycle();
  bench.ExpectError(kBadMagic, 0, 0, kBase + kOffset);
  recover();
  bench.irqs_done = bench.irqs_error = 0;
  bench.Cycle(true, false, 0x10000);
  while (bench.irqs_error == 0) bench.Cycle();
  bench.ExpectError(kWindowBounds, 0, 0, kBase + 0x10000);
  recover();
  bench.bus.bad = true;
  bench.bus.bad_address = kBase + kOffset + 48;
  ASSERT_TRUE(bench.Run({Make(Opcode::kLoad, 1), End()}));
  bench.ExpectError(kAxiRead, 0, 0, kBase + kOffset);
  recover();
  // The dispatcher
  Command command = Make(Opcode::kLoad, 321);
  ASSERT_TRUE(command.Set(npugen::header::wait1_en, 1) &&
              command.Set(npugen::header::wait1_id, PARAM_Barriers));
  bench.durations[1] = 300;  // an engine runs: it is halted
  ASSERT_TRUE(bench.Run({Make(Opcode::kStore, 1), command, End()}));
  bench.ExpectError(kBadBarrier, 0, 321, 0);
  recover();
  ASSERT_TRUE(bench.Run({End(), End()}));
  bench.ExpectError(kBadLength, 0, 999, 0);
  recover();
}

TEST(Controller, FindsDeadlocks) {
  std::mt19937 random(32);
  const auto expect = [](const std::vector<Command>& commands, unsigned tag, size_t depth) {
    Bench bench;
    bench.queue_depth = depth;
    ASSERT_TRUE(bench.Run(commands, 3000));
    bench.ExpectError(kDeadlock, 0, tag, 0);
    bench.Reset();
    ASSERT_TRUE(
        bench.Run({Signal(Make(Opcode::kLoad, 1), 3), Wait(Make(Opcode::kStore, 2), 3, 1), End()}));
    bench.ExpectDone();
  };
  for (const Opcode opcode : {Opcode::kLoad, Opcode::kStore, Opcode::kMatmul}) {
    // at END, at FENCE
    expect({Wait(Make(opcode, 5), 2, 1), End()}, 5, 2);
    expect({Wait(Make(opcode, 5), 2, 1), Make(Opcode::kFence, 6), End()}, 5, 2);
    // one arrival too few, after some work
    expect({Signal(Make(Opcode::kLoad, 4), 2), Wait(Make(opcode, 5), 2, 2), End()}, 5, 2);
    // the command that would signal does not fit into the queues any more
    std::vector<Command> commands(3, Wait(Make(opcode, 5), 2, 1));
    commands.push_back(Make(opcode, 6));
    commands.push_back(Signal(Make(Opcode::kLoad, 7), 2));
    commands.push_back(End());
    expect(commands, 5, 2);
  }
  // the last PE waits, the others have run
  expect({Make(Opcode::kMatmul, 4, kAllPes), Wait(Make(Opcode::kMatmul, 5, 1u << (kPes - 1)), 2, 1),
          End()},
         5, 2);
}

TEST(Controller, FindsDeadlocksWithPartOfACommandInAQueue) {
  if (kPes < 2) GTEST_SKIP() << "one PE";
  // PE 0 has the first entries of a command when the queue of PE 1 becomes full for it.
  Bench bench;
  bench.Load({Wait(Make(Opcode::kMatmul, 5, 2), 2, 1), Make(Opcode::kMatmul, 6, 3), End()});
  bench.Cycle(true);
  while (bench.engines[2].queue.empty()) bench.Cycle();
  bench.queue_depth = 1;  // the queue of PE 1 is full from now on
  for (int i = 0; i < 200 && bench.irqs_error == 0; ++i) {
    ASSERT_FALSE(bench.engines[2].whole());
    bench.Cycle();
  }
  bench.ExpectError(kDeadlock, 0, 5, 0);
}

TEST(Controller, CallsNothingADeadlockWhileTheBusIsBusy) {
  Bench bench;
  bench.forced_quiet = 0;
  EXPECT_FALSE(bench.Run({Wait(Make(Opcode::kStore, 5), 2, 1), End()}, 300));
  EXPECT_FALSE(bench.dut.halt_o);
  bench.forced_quiet = 1;
  bench.Idle(20);
  bench.ExpectError(kDeadlock, 0, 5, 0);
}

TEST(Controller, DoesNotMistakeSlowEnginesForADeadlock) {
  for (const Opcode waiting : {Opcode::kLoad, Opcode::kStore, Opcode::kMatmul}) {
    for (const Opcode late : {Opcode::kLoad, Opcode::kStore, Opcode::kAdd}) {
      if (waiting == late || (waiting == Opcode::kMatmul && late == Opcode::kAdd)) continue;
      // What releases the first command comes behind it, when all of the stream has been fetched.
      const std::vector<Command> commands = {Make(Opcode::kStore, 4), Make(Opcode::kFence, 4),
                                             Wait(Make(waiting, 5), 2, 1), Signal(Make(late, 6), 2),
                                             End()};
      Bench bench;
      bench.durations[4] = 200;
      for (const int percent : {1, 10, 100}) {
        bench.take_percent = percent;
        ASSERT_TRUE(bench.Run(commands));
        bench.ExpectDone();
      }
    }
  }
  for (const Opcode slow : {Opcode::kLoad, Opcode::kStore, Opcode::kMatmul}) {
    for (const Opcode waiting : {Opcode::kLoad, Opcode::kStore, Opcode::kMatmul}) {
      Bench bench;
      bench.durations[4] = 500;
      ASSERT_TRUE(bench.Run({Signal(Make(slow, 4), 2), Wait(Make(waiting, 5), 2, 1),
                             Make(Opcode::kFence, 6), Make(waiting, 7), End()}));
      bench.ExpectDone();
    }
  }
  Bench bench;  // the rest of the stream is late
  bench.bus.latency = 300;
  std::vector<Command> commands;
  for (int i = 0; i < 8; ++i) commands.push_back(Make(Opcode::kStore, 1));
  commands.insert(commands.begin(), Wait(Make(Opcode::kMatmul, 5), 2, 1));
  commands.push_back(Signal(Make(Opcode::kLoad, 6), 2));
  commands.push_back(End());
  ASSERT_TRUE(bench.Run(commands));
  bench.ExpectDone();
}

TEST(Controller, ResetsInEveryState) {
  for (int when = 0; when < 150; when += 1 + when / 20) {
    Bench bench;
    bench.bus.latency = 20;
    bench.bus.stall_percent = 30;
    bench.linger = 25;
    bench.durations[3] = 1000;
    bench.Load({Signal(Make(Opcode::kLoad, 1), 0), Make(Opcode::kLoad, 3), Make(Opcode::kStore, 3),
                Make(Opcode::kMatmul, 3, kAllPes), Make(Opcode::kMatmul, 3, kAllPes), End()});
    bench.Cycle(true);
    bench.Idle(when);
    const bool dma = bench.engines[0].busy || bench.engines[1].busy;
    const int before = bench.cycle;
    bench.irqs_done = bench.irqs_error = 0;
    bench.Reset();
    EXPECT_GE(bench.cycle - before, dma ? 25 : 5);
    EXPECT_EQ(bench.bus.in_flight, 0u) << "the bus is quiet";
    EXPECT_EQ(bench.irqs_done + bench.irqs_error, 0);
    bench.Idle(5);
    EXPECT_FALSE(bench.dut.halt_o);
    bench.durations.clear();
    ASSERT_TRUE(
        bench.Run({Signal(Make(Opcode::kLoad, 1), 0), Wait(Make(Opcode::kStore, 2), 0, 1), End()}));
    bench.ExpectDone();
  }
  for (int when = 0; when < 12; ++when) {  // around the cycle of the error interrupt
    Bench bench;
    bench.durations[3] = 1000;
    bench.Load({Make(Opcode::kStore, 3), End()});
    bench.Cycle(true);
    bench.Idle(150);
    bench.errors_next[1] = {12, 3, 1};
    bench.Cycle();
    bench.Idle(when);
    const int irqs = bench.irqs_error;
    EXPECT_EQ(irqs, when > 3);
    bench.Reset();
    EXPECT_EQ(bench.irqs_error, irqs) << "no interrupt once a reset was asked for";
  }
  Bench bench;  // idle, and a reset while an error is settled
  bench.Reset();
  ASSERT_TRUE(bench.Run({End()}));
  bench.ExpectDone();
  bench.linger = 50;
  bench.durations[3] = 1000;
  bench.Load({Make(Opcode::kLoad, 3), End()});
  bench.Cycle(true);
  bench.Idle(100);
  bench.errors_next[1] = {12, 1, 1};
  bench.Cycle();
  bench.Idle(20);
  bench.irqs_done = bench.irqs_error = 0;
  bench.Reset();
  EXPECT_EQ(bench.irqs_error, 0);
  EXPECT_EQ(bench.dut.error_info_o, 0u);
  ASSERT_TRUE(bench.Run({End()}));
  bench.ExpectDone();
}

TEST(Controller, IgnoresTheDoorbellUnlessItIsIdle) {
  Bench bench;
  bench.durations[3] = 300;
  bench.Load({Make(Opcode::kLoad, 3), End()});
  bench.Cycle(true);
  for (int i = 0; i < 200; ++i) bench.Cycle(i % 7 == 0, false, 0);
  while (bench.irqs_done == 0) bench.Cycle();
  bench.ExpectDone();
  EXPECT_EQ(bench.dut.perf_commands_o, 2u);
  const size_t bursts = bench.bus.burst_addresses.size();
  bench.Cycle(true, true);  // reset wins
  EXPECT_EQ(bench.dut.status_o, static_cast<unsigned>(kResetting));
  for (int i = 0; i < 30; ++i) bench.Cycle(i < 4);
  EXPECT_EQ(bench.dut.status_o, 0u);
  EXPECT_EQ(bench.bus.burst_addresses.size(), bursts);
}

}  // namespace

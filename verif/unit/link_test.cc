// SPDX-License-Identifier: Apache-2.0
// Two ends of a link with a wire between them that flips bits, loses and doubles words: nothing is
// lost, doubled or out of order (docs/machine.md, section 7). NPUGEN_PACKETS: packets of the run
// with every kind of harm (30,000).
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "verif/unit/link_bench.h"

namespace npugen::link {
namespace {

constexpr uint32_t kUp = 2, kDown = 3;
constexpr uint32_t kBufferWords = PARAM_Buffer / 2 * 17;
constexpr uint32_t kPayload = PARAM_Payload;

/// Traffic of both directions that is checked as it arrives.
struct Traffic {
  explicit Traffic(Pair& pair, uint64_t seed = 11) : pair(pair), random(seed) {}

  /// Gives `end` a packet on a channel at random.
  void Give(int end) {
    End& from = end == 0 ? *pair.a : *pair.b;
    const uint32_t size = random() % 4 == 0 ? kPayload : random() % (kPayload / 3);
    const unsigned channel = random() % 3 == 0 ? 1 : 0;
    Packet packet = channel == 1 ? RandomPacket(random, {kData}, 1, std::max<uint32_t>(size, 1))
                                 : RandomPacket(random, {kSignal, kWrite, kRead, kReduce}, 1,
                                                std::max<uint32_t>(size, 1));
    sent[end][channel].push_back(packet);
    from.to_send[channel].push_back(std::move(packet));
    ++given;
  }
  /// What arrived is the beginning of what was sent. Removes it.
  ::testing::AssertionResult Check() {
    for (int end = 0; end < 2; ++end) {
      End& to = end == 0 ? *pair.b : *pair.a;
      for (unsigned c = 0; c < 2; ++c) {
        for (const Packet& packet : to.received[c]) {
          if (sent[end][c].empty() || !(sent[end][c].front() == packet)) {
            return ::testing::AssertionFailure()
                   << "from end " << end << ", channel " << c << ", cycle " << pair.cycles
                   << ": packet " << arrived << " of type " << packet.type;
          }
          sent[end][c].pop_front();
          ++arrived;
        }
        to.received[c].clear();
      }
    }
    return ::testing::AssertionSuccess();
  }
  bool Done() const {
    return sent[0][0].empty() && sent[0][1].empty() && sent[1][0].empty() && sent[1][1].empty();
  }
  /// Sends `count` packets and waits for all of them, at most `most` cycles.
  ::testing::AssertionResult Run(uint64_t count, uint64_t most) {
    for (uint64_t cycle = 0; cycle < most; ++cycle) {
      for (int end = 0; end < 2; ++end) {
        End& from = end == 0 ? *pair.a : *pair.b;
        if (given < count && from.to_send[0].size() + from.to_send[1].size() < 8) Give(end);
      }
      pair.Cycle();
      if (const auto good = Check(); !good) return good;
      if (given >= count && Done()) return ::testing::AssertionSuccess();
      if (pair.a->state() != kUp || pair.b->state() != kUp) {
        return ::testing::AssertionFailure()
               << "down in cycle " << pair.cycles << ", causes " << pair.a->cause() << ' '
               << pair.b->cause() << ", " << arrived << " arrived";
      }
    }
    return ::testing::AssertionFailure() << "only " << arrived << " arrived";
  }

  Pair& pair;
  std::mt19937_64 random;
  std::deque<Packet> sent[2][2];  // of each end and channel, that have not arrived
  uint64_t given = 0, arrived = 0;
};

TEST(Link, ComesUpAfterAnyOrderOfResets) {
  for (const uint32_t later : {0, 1, 50, 500, 5000}) {
    SCOPED_TRACE(later);
    Pair pair(10);
    pair.b->dut().enable_i = 0;
    for (uint32_t i = 0; i < later; ++i) pair.Cycle();
    pair.b->dut().enable_i = 1;
    ASSERT_TRUE(pair.ComeUp(10000)) << "states " << pair.a->state() << ' ' << pair.b->state();
    for (int i = 0; i < 1000; ++i) pair.Cycle();
    EXPECT_EQ(pair.a->state(), kUp);
    EXPECT_EQ(pair.b->state(), kUp);
  }
}

TEST(Link, OtherConfigurationStaysDown) {
  Pair pair(5);
  pair.b->dut().hash_i ^= uint64_t{1} << 63;
  ASSERT_TRUE(
      pair.RunUntil([&] { return pair.a->state() == kDown && pair.b->state() == kDown; }, 10000));
  EXPECT_EQ(pair.a->cause(), 4u);
  EXPECT_EQ(pair.b->cause(), 4u);
}

TEST(Link, CarriesRandomTraffic) {
  for (const uint32_t delay : {0, 1, 7, 40}) {
    SCOPED_TRACE(delay);
    for (const double share : {1.0, 0.3}) {
      Pair pair(delay, delay + 20);
      for (End* end : {pair.a.get(), pair.b.get()}) {
        end->gives = share;
        end->takes[0] = end->takes[1] = share;
      }
      ASSERT_TRUE(pair.ComeUp());
      Traffic traffic(pair);
      ASSERT_TRUE(traffic.Run(1500, 1000000));
      EXPECT_EQ(pair.a->events[2] + pair.b->events[2], 0u) << "bad packets on a good wire";
      EXPECT_EQ(pair.a->events[1] + pair.b->events[1], 0u) << "sent again on a good wire";
    }
  }
}

TEST(Link, NothingIsLostDoubledOrOutOfOrder) {
  const char* given = std::getenv("NPUGEN_PACKETS");
  const uint64_t packets = given == nullptr ? 30000 : std::strtoull(given, nullptr, 10);
  Pair pair(12, 77);
  for (Wire* wire : {&pair.to_a, &pair.to_b}) {
    wire->bit_errors = 1e-5;
    wire->lost_words = 2e-3;
    wire->doubled = 2e-3;
    wire->bursts = 2e-3;
    wire->lost_packets = 2e-3;
  }
  for (End* end : {pair.a.get(), pair.b.get()}) {
    end->gives = 0.9;
    end->takes[0] = end->takes[1] = 0.9;
  }
  ASSERT_TRUE(pair.ComeUp());
  Traffic traffic(pair);
  ASSERT_TRUE(traffic.Run(packets, 2000 * packets));
  const uint64_t harmed = pair.to_a.harmed + pair.to_b.harmed;
  fmt::print("{} packets, {} injected errors, {} bad, {} sent again, {} cycles\n", traffic.arrived,
             harmed, pair.a->events[2] + pair.b->events[2], pair.a->events[1] + pair.b->events[1],
             pair.cycles);
  EXPECT_GE(harmed, packets / 100);
  EXPECT_GT(pair.a->events[3] + pair.b->events[3], 0u);
}

#if PARAM_Payload >= 256  // figures of packets as large as links have them
/// Payload words over cycles, of both directions, with packets of `bytes`, after a start.
double Share(uint32_t bytes, uint32_t delay, bool both_channels) {
  Pair pair(delay);
  EXPECT_TRUE(pair.ComeUp());
  std::mt19937_64 random(4);
  const auto run = [&](int cycles) {
    for (int i = 0; i < cycles; ++i) {
      for (End* end : {pair.a.get(), pair.b.get()}) {
        for (unsigned c = 0; c < (both_channels ? 2u : 1u); ++c) {
          if (end->to_send[c].size() < 3) {
            end->to_send[c].push_back(c == 0 ? RandomPacket(random, {kWrite, kReduce}, bytes, bytes)
                                             : RandomPacket(random, {kData}, bytes, bytes));
          }
        }
      }
      pair.Cycle();
    }
  };
  run(2000);
  const uint64_t before = std::min(pair.a->words, pair.b->words);
  run(20000);
  return static_cast<double>(std::min(pair.a->words, pair.b->words) - before) / 20000;
}

TEST(Link, PayloadBothDirectionsAtOnce) {
  for (const uint32_t delay : {4, 16}) {
    for (const bool both : {false, true}) {
      const double whole = Share(256, delay, both), small = Share(64, delay, both);
      fmt::print("payload, wire of {} cycles, {}: 256 bytes {:.4f}, 64 bytes {:.4f}\n", delay,
                 both ? "both channels" : "one channel", whole, small);
      EXPECT_GE(whole, 0.93);
      EXPECT_GE(small, 0.78);
    }
  }
}
#endif

TEST(Link, Latency) {
  for (const uint32_t bytes : {0, 16, 64, 256}) {
    if (bytes > kPayload) continue;
    Pair pair(0);
    ASSERT_TRUE(pair.ComeUp());
    for (int i = 0; i < 300; ++i) pair.Cycle();
    std::mt19937_64 random(4);
    pair.a->to_send[0].push_back(bytes == 0 ? RandomPacket(random, {kSignal}, 1, 1)
                                            : RandomPacket(random, {kWrite}, bytes, bytes));
    ASSERT_TRUE(pair.RunUntil([&] { return pair.a->taken > 0; }, 100));
    const uint64_t taken = pair.cycles;
    ASSERT_TRUE(pair.RunUntil([&] { return (pair.b->dut().valid_o & 1) != 0; }, 200));
    const uint64_t seen = pair.cycles;
    ASSERT_TRUE(pair.RunUntil([&] { return !pair.b->received[0].empty(); }, 200));
    fmt::print("latency of {} bytes: header {} cycles after it was taken, last word {}\n", bytes,
               seen - taken, pair.cycles - taken);
    EXPECT_LE(pair.cycles - taken, 50u);
  }
}

#if PARAM_Payload >= 256
TEST(Link, GoodputOfTheFormula) {
  constexpr uint32_t kDelay = 16;
  // What an error costs in packets: the packet itself, the wire twice, half a packet of waiting at
  // both ends, and the stages of both ends.
  const double w = (17 + 2 * kDelay + 17 + 12) / 17.0;
  const char* given = std::getenv("NPUGEN_CYCLES");
  const uint64_t cycles = given == nullptr ? 200000 : std::strtoull(given, nullptr, 10);
  for (const double rate : {1e-8, 1e-7, 1e-6, 1e-5}) {
    Pair pair(kDelay, 31);
    ASSERT_TRUE(pair.ComeUp());
    pair.to_a.bit_errors = pair.to_b.bit_errors = rate;
    std::mt19937_64 random(4);
    const Packet packet = RandomPacket(random, {kWrite}, 256, 256);
    for (uint64_t i = 0; i < cycles; ++i) {
      for (End* end : {pair.a.get(), pair.b.get()}) {
        if (end->to_send[0].size() < 3) end->to_send[0].push_back(packet);
        end->received[0].clear();
      }
      pair.Cycle();
    }
    const double p = 1 - std::pow(1 - rate, 17 * 130);
    const double formula = (1 - p) / (1 + p * (w - 1));
    const double goodput = static_cast<double>(pair.a->words + pair.b->words) / 2 /
                           (static_cast<double>(cycles) * 16 / 17);
    fmt::print(
        "bit error rate {:.0e}: goodput {:.4f}, formula {:.4f} (w {:.1f}), {} bad, {} sent "
        "again\n",
        rate, goodput, formula, w, pair.a->events[2] + pair.b->events[2],
        pair.a->events[1] + pair.b->events[1]);
    EXPECT_GE(goodput, 0.97 * formula);
    EXPECT_EQ(pair.a->state(), kUp);
    EXPECT_EQ(pair.b->state(), kUp);
  }
}
#endif

/// Enables both ends anew and sends packets over them.
void Recovers(Pair& pair) {
  for (End* end : {pair.a.get(), pair.b.get()}) {
    end->dut().enable_i = 0;
    end->Forget();
  }
  for (int i = 0; i < 100; ++i) pair.Cycle();  // the wire runs empty
  for (End* end : {pair.a.get(), pair.b.get()}) {
    end->received[0].clear();
    end->received[1].clear();
    end->Forget();
    end->dut().session_i = static_cast<uint8_t>(end->dut().session_i + 16);
    end->dut().enable_i = 1;
  }
  ASSERT_TRUE(pair.RunUntil([&] { return pair.a->state() != kDown; }, 10));
  ASSERT_TRUE(pair.ComeUp());
  Traffic traffic(pair, 99);
  ASSERT_TRUE(traffic.Run(200, 100000));
}

TEST(Link, CutInTheMiddle) {
  for (const bool both : {true, false}) {
    SCOPED_TRACE(both);
    Pair pair(10, 5);
    ASSERT_TRUE(pair.ComeUp());
    Traffic traffic(pair);
    ASSERT_TRUE(traffic.Run(200, 100000));
    for (int i = 0; i < 50; ++i) traffic.Give(i % 2);
    for (int i = 0; i < 60; ++i) pair.Cycle();
    pair.to_b.cut = true;
    pair.to_a.cut = both;
    const uint64_t cut = pair.cycles;
    ASSERT_TRUE(pair.RunUntil([&] { return pair.a->state() == kDown && pair.b->state() == kDown; },
                              200 * 128));
    fmt::print("down {} cycles after the cut, causes {} {}\n", pair.cycles - cut, pair.a->cause(),
               pair.b->cause());
    for (int i = 0; i < 2000; ++i) pair.Cycle();
    EXPECT_TRUE(traffic.Check()) << "what arrived is the beginning of what was sent";
    EXPECT_TRUE(pair.a->cause() == 1 || pair.a->cause() == 2);
    EXPECT_TRUE(pair.b->cause() == 1 || pair.b->cause() == 2);
    pair.to_a.cut = pair.to_b.cut = false;
    Recovers(pair);
  }
}

TEST(Link, ResetOfOneSide) {
  Pair pair(10, 6);
  ASSERT_TRUE(pair.ComeUp());
  Traffic traffic(pair);
  ASSERT_TRUE(traffic.Run(200, 100000));
  for (int i = 0; i < 50; ++i) traffic.Give(i % 2);
  for (int i = 0; i < 60; ++i) pair.Cycle();
  pair.b->dut().rst_ni = 0;
  for (int i = 0; i < 3; ++i) pair.Cycle();
  pair.b->Forget();
  pair.b->dut().session_i = 77;
  pair.b->dut().rst_ni = 1;
  ASSERT_TRUE(pair.RunUntil([&] { return pair.a->state() == kDown; }, 1000));
  EXPECT_EQ(pair.a->cause(), 3u);
  EXPECT_EQ(pair.b->state(), 1u) << "waits for the neighbour to begin anew";
  Recovers(pair);
}

TEST(Link, ReaderThatTakesNothing) {
  Pair pair(10, 8);
  ASSERT_TRUE(pair.ComeUp());
  for (const unsigned stopped : {0u, 1u}) {
    pair.b->takes[stopped] = 0;
    std::mt19937_64 random(3);
    std::vector<Packet> sent[2];
    for (int i = 0; i < 100; ++i) {
      sent[0].push_back(RandomPacket(random, {kWrite, kSignal}, 1, kPayload));
      sent[1].push_back(RandomPacket(random, {kData}, 1, kPayload));
    }
    for (unsigned c = 0; c < 2; ++c) {
      pair.a->to_send[c].assign(sent[c].begin(), sent[c].end());
      pair.b->received[c].clear();
    }
    for (int i = 0; i < 50000; ++i) pair.Cycle();
    ASSERT_EQ(pair.a->state(), kUp);
    ASSERT_EQ(pair.b->state(), kUp);
    EXPECT_TRUE(pair.b->received[1 - stopped] == sent[1 - stopped]) << "the other channel goes on";
    uint32_t held = 0, packets = 0;
    for (; packets < 100 - pair.a->to_send[stopped].size(); ++packets) {
      held += 1 + static_cast<uint32_t>(sent[stopped][packets].words.size());
    }
    EXPECT_LE(held, kBufferWords + 1);  // one waits at the reader
    EXPECT_GE(held + kPayload / 16 + 1, kBufferWords);
    pair.b->takes[stopped] = 1;
    ASSERT_TRUE(pair.RunUntil([&] { return pair.b->received[stopped].size() == 100; }, 100000));
    EXPECT_TRUE(pair.b->received[stopped] == sent[stopped]);
  }
  EXPECT_EQ(pair.a->events[1] + pair.b->events[1], 0u) << "nothing is sent again";
}

/// The longest time without a packet while `from` sends one after the other, 200 in all.
uint64_t LongestGap(Pair& pair, End& from, End& to) {
  std::mt19937_64 random(4);
  for (int i = 0; i < 200; ++i) {
    from.to_send[0].push_back(RandomPacket(random, {kWrite}, kPayload, kPayload));
  }
  const std::vector<Packet> sent(from.to_send[0].begin(), from.to_send[0].end());
  uint64_t longest = 0, last = pair.cycles;
  for (size_t arrived = 0; arrived < 200;) {
    pair.Cycle();
    if (to.received[0].size() != arrived) last = pair.cycles;
    arrived = to.received[0].size();
    longest = std::max(longest, pair.cycles - last);
    if (longest > 20000) break;
  }
  EXPECT_TRUE(to.received[0] == sent);
  return longest;
}

TEST(Link, PacketLostTwice) {
  Pair pair(10);
  for (End* end : {pair.a.get(), pair.b.get()}) end->dut().tick_cycles_i = 1024;
  ASSERT_TRUE(pair.ComeUp());
  int lost = 0;
  pair.to_b.touch = [&](Flit& flit) {
    const auto type = GetField(flit.word, 32, 4);
    if (flit.kind == 3 && type < 8 && GetField(flit.word, 36, 8) == 20 && lost < 3) {
      flit.word[3] ^= 1;
      ++lost;
    }
  };
  const uint64_t gap = LongestGap(pair, *pair.a, *pair.b);
  EXPECT_EQ(lost, 3);
  // Three times a round trip, and no tick.
  EXPECT_LE(gap, 400u);
  EXPECT_LE(pair.b->events[2], 3u);
}

TEST(Link, NakWithoutEffectIsForgotten) {
  Pair pair(10);
  ASSERT_TRUE(pair.ComeUp());
  for (int i = 0; i < 200; ++i) pair.Cycle();
  // An ACK is harmed, when nothing is open.
  bool harmed = false;
  pair.to_a.touch = [&](Flit& flit) {
    if (flit.kind == 3 && !harmed) {
      flit.word[3] ^= 1;
      harmed = true;
    }
  };
  ASSERT_TRUE(pair.RunUntil([&] { return harmed; }, 1000));
  for (int i = 0; i < 4 * 128; ++i) pair.Cycle();
  EXPECT_EQ(pair.a->events[2], 1u);
  int lost = 0;
  pair.to_a.touch = [&](Flit& flit) {
    if (flit.kind == 3 && GetField(flit.word, 32, 4) < 8 && GetField(flit.word, 36, 8) == 0 &&
        lost == 0) {
      flit.word[3] ^= 1;
      ++lost;
    }
  };
  EXPECT_LE(LongestGap(pair, *pair.b, *pair.a), 200u);
  EXPECT_EQ(lost, 1);
}

TEST(Link, LastPacketAndItsAckLost) {
  Pair pair(10);
  ASSERT_TRUE(pair.ComeUp());
  for (const bool ack : {false, true}) {
    SCOPED_TRACE(ack);
    for (int i = 0; i < 600; ++i) pair.Cycle();
    const uint64_t again = pair.a->events[1];
    // Neither NAK nor a further packet tells of it: four ticks do.
    bool armed = true;
    (ack ? pair.to_a : pair.to_b).touch = [&](Flit& flit) {
      if (flit.kind == 3 && armed) {
        flit.kind = 0;
        armed = ack;  // all ACKs for a while
      }
    };
    std::mt19937_64 random(4);
    pair.b->received[0].clear();
    pair.a->to_send[0].push_back(RandomPacket(random, {kSignal}, 1, 1));
    const uint64_t begin = pair.cycles;
    ASSERT_TRUE(pair.RunUntil([&] { return pair.a->events[1] > again; }, 2000));
    EXPECT_GE(pair.cycles - begin, 3 * 128u);
    EXPECT_LE(pair.cycles - begin, 5 * 128u + 20);
    pair.to_a.touch = pair.to_b.touch = nullptr;
    ASSERT_TRUE(pair.RunUntil([&] { return pair.b->received[0].size() == 1; }, 200));
    const uint64_t sent = pair.a->events[1];
    for (int i = 0; i < 2000; ++i) pair.Cycle();
    EXPECT_EQ(pair.a->events[1], sent) << "the ack was told again";
    EXPECT_EQ(pair.b->received[0].size(), 1u);
  }
}

TEST(Link, NoTrySucceeds) {
  Pair pair(10);
  ASSERT_TRUE(pair.ComeUp());
  for (int i = 0; i < 200; ++i) pair.Cycle();
  // All but packets gets through: the far side hears of this one, so that it is not silence.
  uint64_t tries = 0;
  pair.to_b.touch = [&](Flit& flit) {
    if (flit.kind != 3 || GetField(flit.word, 32, 4) >= 8) return;
    flit.word[3] ^= 1;
    ++tries;
  };
  std::mt19937_64 random(4);
  pair.a->to_send[0].push_back(RandomPacket(random, {kSignal}, 1, 1));
  ASSERT_TRUE(pair.RunUntil([&] { return pair.a->state() == kDown; }, 16 * 5 * 128));
  EXPECT_EQ(pair.a->cause(), 1u);
  EXPECT_EQ(tries, 16u);  // once, and fifteen times again
  EXPECT_EQ(pair.b->state(), kUp);
  ASSERT_TRUE(pair.RunUntil([&] { return pair.b->state() == kDown; }, 66 * 128));
  EXPECT_EQ(pair.b->cause(), 2u);
  pair.to_b.touch = nullptr;
  Recovers(pair);
}

TEST(Link, DuplicateIsAcknowledgedAtOnce) {
  Pair pair(10);
  for (End* end : {pair.a.get(), pair.b.get()}) end->dut().tick_cycles_i = 2048;
  ASSERT_TRUE(pair.ComeUp());
  for (int i = 0; i < 600; ++i) pair.Cycle();
  bool lost = true;
  uint64_t told = 0;
  pair.to_a.touch = [&](Flit& flit) {
    if (flit.kind != 3) return;
    if (lost) {
      flit.kind = 0;
    } else {
      ++told;
    }
  };
  std::mt19937_64 random(4);
  pair.a->to_send[0].push_back(RandomPacket(random, {kSignal}, 1, 1));
  ASSERT_TRUE(pair.RunUntil([&] { return pair.a->events[1] > 0; }, 5 * 2048));
  lost = false;
  ASSERT_TRUE(pair.RunUntil([&] { return told > 0; }, 60)) << "no tick told the ack";
}

/// An INIT from a neighbour of session 9.
Flit InitOf(bool echoes, uint8_t echo) {
  Word word = {};
  SetField(word, 32, 4, kInit);
  SetField(word, 36, 8, 9);
  SetField(word, 44, 8, echo);
  SetField(word, 52, 1, echoes ? 1 : 0);
  word[2] = 0x89abcdef;
  word[3] = 0x01234567;
  word[0] = PacketCrc({}, word);
  return {3, word};
}

TEST(Link, IsUpOnlyWithItsOwnEcho) {
  Pair pair(0, 3);  // session 3; the other end is not listened to
  const auto state_after = [&](const Flit& init) {
    pair.a->Drive(init);
    pair.a->Edge();
    for (int i = 0; i < 6; ++i) {
      pair.a->Drive({});
      pair.a->Edge();
    }
    return pair.a->state();
  };
  EXPECT_EQ(state_after(InitOf(false, 3)), 1u);
  EXPECT_EQ(state_after(InitOf(true, 4)), 1u);
  EXPECT_EQ(state_after(InitOf(true, 3)), kUp);
}

TEST(Link, LastInitIsLost) {
  Pair pair(10);
  bool last = true;
  pair.to_b.touch = [&](Flit& flit) {
    if (flit.kind != 3 || GetField(flit.word, 32, 4) != kInit) return;
    const bool up = GetField(flit.word, 53, 1) != 0;
    if (GetField(flit.word, 52, 1) == 0 || (up && !last)) return;
    flit.word[3] ^= 1;
    if (up) last = false;
  };
  ASSERT_TRUE(pair.ComeUp(5000)) << "states " << pair.a->state() << ' ' << pair.b->state();
  EXPECT_FALSE(last);
}

}  // namespace
}  // namespace npugen::link

// SPDX-License-Identifier: Apache-2.0
// npu_link beside the model that is written from the text (docs/machine.md, section 7): as
// neighbours, and as receivers of the same hostile words. NPUGEN_PACKETS: hostile packets
// (100,000).
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "verif/unit/link_bench.h"

namespace npugen::link {
namespace {

constexpr uint32_t kBufferWords = PARAM_Buffer / 2 * 17;
constexpr uint32_t kPayload = PARAM_Payload;
constexpr uint64_t kHash = 0x0123456789abcdef;

LinkOptions Options(uint8_t session) {
  return {session, kHash, 128, kBufferWords, PARAM_Replay, kPayload};
}

void Reset(End& end, uint8_t session) {
  end.Forget();
  end.received[0].clear();
  end.received[1].clear();
  end.dut().session_i = session;
  end.dut().enable_i = 1;
  end.dut().rst_ni = 0;
  for (int i = 0; i < 4; ++i) {
    end.Drive({});
    end.Edge();
  }
  end.dut().rst_ni = 1;
}

Packet AnyPacket(std::mt19937_64& random) {
  const uint32_t size = random() % 4 == 0 ? kPayload : 1 + random() % 40;
  if (random() % 3 == 0) return RandomPacket(random, {kData}, 1, size);
  return RandomPacket(random, {kSignal, kWrite, kRead, kReduce}, 1, size);
}

TEST(LinkModel, HasTheChecksOfTheText) {
  // CRC-32C of 32 bytes of zeros less the field: the known value of 16 + 16 zero bytes.
  const Word zeros[1] = {};
  EXPECT_EQ(PacketCrc(zeros, {}), 0x8A9136AAu);
}

TEST(LinkModel, IsANeighbour) {
  for (const bool harm : {false, true}) {
    SCOPED_TRACE(harm);
    End end(3);
    Reset(end, 3);
    LinkModel model(Options(9));
    Wire to_model(6, 1), to_end(9, 2);
    std::mt19937_64 random(8);
    std::deque<Packet> from_end[2], from_model[2];
    uint64_t given = 0, arrived = 0;
    Flit arrives;
    if (harm) {
      for (Wire* wire : {&to_model, &to_end}) {
        wire->bit_errors = 1e-5;
        wire->lost_words = wire->doubled = wire->bursts = wire->lost_packets = 1e-3;
      }
    }
    constexpr uint64_t kPackets = 4000;
    for (uint64_t cycle = 0; cycle < 2000000 && arrived < kPackets; ++cycle) {
      if (given < kPackets && end.to_send[0].size() + end.to_send[1].size() < 6) {
        const Packet there = AnyPacket(random), back = AnyPacket(random);
        from_end[there.type == kData ? 1 : 0].push_back(there);
        end.to_send[there.type == kData ? 1 : 0].push_back(there);
        from_model[back.type == kData ? 1 : 0].push_back(back);
        model.Send(back);
        given += 2;
      }
      const Flit leaves = end.Drive(arrives);
      end.Edge();
      arrives = to_end.Move(model.Cycle(to_model.Move(leaves)));
      for (uint32_t c = 0; c < 2; ++c) {
        if (random() % 8 == 0) {
          if (const std::optional<Packet> packet = model.Take(c)) {
            ASSERT_FALSE(from_end[c].empty());
            ASSERT_EQ(*packet, from_end[c].front()) << "cycle " << cycle;
            from_end[c].pop_front();
            ++arrived;
          }
        }
        for (const Packet& packet : end.received[c]) {
          ASSERT_FALSE(from_model[c].empty());
          ASSERT_EQ(packet, from_model[c].front()) << "cycle " << cycle;
          from_model[c].pop_front();
          ++arrived;
        }
        end.received[c].clear();
      }
      ASSERT_NE(end.state(), 3u) << "cause " << end.cause();
      ASSERT_NE(model.state(), LinkState::kDown) << static_cast<uint32_t>(model.cause());
    }
    EXPECT_EQ(arrived, kPackets);
    if (!harm) {
      EXPECT_EQ(model.bad() + model.resent() + end.events[1] + end.events[2], 0u);
    }
  }
}

/// Words that a neighbour without any rule might send: from noise to packets that are right but for
/// one field. `expected` is the number that the receiver expects; most are good where they are
/// `tame`.
std::vector<Flit> HostilePacket(std::mt19937_64& random, uint8_t expected, bool tame) {
  Packet packet = AnyPacket(random);
  Word header = {};
  SetField(header, 32, 4, packet.type);
  SetField(header, 36, 8, expected);
  SetField(header, 44, 8, random() % 4 == 0 ? random() : 0);
  SetField(header, 52, 20, random() % 2 == 0 ? random() : 0);
  SetField(header, 72, 9, packet.length);
  SetField(header, 81, 47, packet.request);
  uint32_t kind = packet.type == kData ? 2 : 1;
  bool right_crc = true, mixed = false;
  switch (tame && random() % 4 != 0 ? 13 : random() % 13) {
    case 0:
      SetField(header, 36, 8, random());
      break;  // number
    case 1:
      SetField(header, 36, 8, expected - 1 - random() % 9);
      break;
    case 2:
      SetField(header, 36, 8, expected + 1 + random() % 9);
      break;
    case 3:
      SetField(header, 32, 4, 4 + random() % 4);
      break;  // type
    case 4:   // control; rarely INIT
      SetField(header, 32, 4, random() % 64 == 0 ? 10 : random() % 8 == 0 ? 9 : 8);
      packet.words.resize(random() % 8 == 0 ? 1 : 0);
      break;
    case 5:
      SetField(header, 72, 9, random());
      break;  // length
    case 6:
      packet.words.resize(random() % 20);
      break;  // words
    case 7:
      kind = 3 - kind;
      break;  // channel
    case 8:
      mixed = true;
      break;
    case 9:
      right_crc = false;
      break;
    case 10:
      SetField(header, 32, 4, 11 + random() % 5);
      break;
    case 11:  // nothing to carry
      SetField(header, 72, 9, 0);
      packet.words.clear();
      break;
    default:
      break;  // a good one
  }
  header[0] = PacketCrc(packet.words, header);
  if (!right_crc) header[random() % 4] ^= 1u << random() % 32;
  std::vector<Flit> flits;
  for (const Word& word : packet.words) {
    flits.push_back({mixed && random() % 4 == 0 ? 3 - kind : kind, word});
    if (random() % 8 == 0) flits.push_back({});
  }
  flits.push_back({3, header});
  if (random() % 4 == 0) flits.push_back({});
  if (random() % 50 == 0) {  // noise
    for (uint32_t i = 0; i < 5; ++i) {
      Flit flit{static_cast<uint32_t>(random() % 4), {}};
      for (uint32_t& part : flit.word) part = static_cast<uint32_t>(random());
      flits.push_back(flit);
    }
  }
  return flits;
}

/// What an end sends: every packet is whole, and is the one of its number.
struct SentCheck {
  std::vector<Packet> given[256];  // by number: those that ever had it
  std::vector<Word> words;
  std::vector<uint32_t> kinds;
  uint64_t packets = 0;

  ::testing::AssertionResult Take(const Flit& flit, const std::vector<Packet>& all) {
    if (flit.kind == 0) return ::testing::AssertionSuccess();
    if (flit.kind < 3) {
      words.push_back(flit.word);
      kinds.push_back(flit.kind);
      return ::testing::AssertionSuccess();
    }
    if (PacketCrc(words, flit.word) != flit.word[0]) {
      return ::testing::AssertionFailure() << "a packet with a wrong CRC leaves";
    }
    const auto type = static_cast<uint32_t>(GetField(flit.word, 32, 4));
    if (type < 8) {
      const Packet packet{type, static_cast<uint32_t>(GetField(flit.word, 72, 9)),
                          GetField(flit.word, 81, 47), words};
      // Its number is its place among those taken, modulo 256.
      bool found = false;
      for (size_t i = GetField(flit.word, 36, 8); i < all.size(); i += 256) {
        found = found || all[i] == packet;
      }
      if (!found) return ::testing::AssertionFailure() << "a packet leaves that was not given";
      ++packets;
    } else if (!words.empty() || type > kInit) {
      return ::testing::AssertionFailure() << "no packet of the link leaves";
    }
    words.clear();
    kinds.clear();
    return ::testing::AssertionSuccess();
  }
};

TEST(LinkModel, HostileNeighbour) {
  const char* given = std::getenv("NPUGEN_PACKETS");
  const uint64_t packets = given == nullptr ? 100000 : std::strtoull(given, nullptr, 10);
  std::mt19937_64 random(21);
  uint64_t hostile = 0, delivered = 0, rounds = 0, bad = 0, left = 0;
  while (hostile < packets) {
    const bool stopped = rounds++ % 4 == 3;  // readers take nothing until the end
    SCOPED_TRACE(::testing::Message() << "round " << rounds);
    End end(3);
    Reset(end, 3);
    end.takes[0] = end.takes[1] = stopped ? 0 : 1;
    LinkModel model(Options(3));  // of the end itself: it gets the same words
    LinkModel neighbour(Options(9));
    SentCheck sent;
    std::vector<Packet> all;
    std::vector<Packet> expected[2];
    Flit arrives;
    const auto cycle = [&](const Flit& next) {
      const Flit leaves = end.Drive(arrives);
      // A packet's number follows from the order in which heads are taken.
      for (uint32_t c = 0; c < 2; ++c) {
        if ((end.dut().head_valid_i & end.dut().head_ready_o) >> c & 1) {
          all.push_back(end.to_send[c].front());
        }
      }
      end.Edge();
      model.Cycle(arrives);
      arrives = next;
      for (uint32_t c = 0; c < 2 && !stopped; ++c) {
        while (std::optional<Packet> packet = model.Take(c)) expected[c].push_back(*packet);
      }
      return leaves;
    };
    Flit leaves;
    for (int i = 0; i < 2000 && (end.state() != 2 || model.state() != LinkState::kUp); ++i) {
      leaves = cycle(neighbour.Cycle(leaves));
    }
    ASSERT_EQ(end.state(), 2u);
    for (uint32_t i = 0; i < 400 && end.state() == 2 && model.state() == LinkState::kUp; ++i) {
      for (uint32_t c = 0; c < 2; ++c) {
        if (end.to_send[c].size() < 2) {
          Packet packet = AnyPacket(random);
          while ((packet.type == kData) != (c == 1)) packet = AnyPacket(random);
          end.to_send[c].push_back(packet);
        }
      }
      for (const Flit& flit : HostilePacket(random, model.expected(), stopped)) {
        ASSERT_TRUE(sent.Take(cycle(flit), all));
      }
      ++hostile;
    }
    // What came is what the text lets through, and no more.
    for (int i = 0; i < 20; ++i) ASSERT_TRUE(sent.Take(cycle({}), all));
    end.takes[0] = end.takes[1] = 1;
    for (int i = 0; i < 600; ++i) ASSERT_TRUE(sent.Take(cycle({}), all));
    for (uint32_t c = 0; c < 2; ++c) {
      while (std::optional<Packet> packet = model.Take(c)) expected[c].push_back(*packet);
      EXPECT_TRUE(end.received[c] == expected[c])
          << "channel " << c << ": " << end.received[c].size() << " arrived, " << expected[c].size()
          << " should have";
      delivered += expected[c].size();
    }
    EXPECT_EQ(end.events[2], model.bad());
    EXPECT_EQ(end.events[3], model.dropped());
    bad += model.bad();
    left += sent.packets;
    if (HasFailure()) return;
  }
  fmt::print("{} hostile packets in {} rounds: {} bad, {} delivered, {} sent meanwhile\n", hostile,
             rounds, bad, delivered, left);
}

}  // namespace
}  // namespace npugen::link

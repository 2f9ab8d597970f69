// SPDX-License-Identifier: Apache-2.0
// npu_cxl_link against the model of a host (docs/cxl.md): random messages both ways over a wire
// that flips bits, credits withheld, hostile flits, resets. NPUGEN_MESSAGES: messages of the run
// with errors (20,000). NPUGEN_FLITS: hostile flits (20,000).
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "verif/unit/cxl_bench.h"

namespace npugen::cxl {
namespace {

CxlOptions Options() {
  CxlOptions options;
  options.replay = PARAM_Replay;
  options.room[0] = options.room[1] = PARAM_RwdRoom;
  options.timeout = 250;
  return options;
}

uint64_t FromEnvironment(const char* name, uint64_t otherwise) {
  const char* given = std::getenv(name);
  return given == nullptr ? otherwise : std::strtoull(given, nullptr, 10);
}

/// Traffic of both directions that is checked as it arrives.
struct Traffic {
  explicit Traffic(Link& link, uint64_t seed = 5) : link(link), random(seed) {}

  void Give() {
    if (link.host->waiting() < 6) {
      const Transfer transfer = DrawOne(Direction::kToDevice);
      to_device[HasData(transfer.message.kind)].push_back(transfer);
      link.host->Give(transfer);
      ++given;
    }
    if (link.device->ndrs.size() + link.device->drss.size() < 6) {
      const Transfer transfer = DrawOne(Direction::kToHost);
      const bool data = HasData(transfer.message.kind);
      to_host[data].push_back(transfer);
      (data ? link.device->drss : link.device->ndrs).push_back(transfer);
      ++given;
    }
  }
  /// Takes what arrived: it must be the oldest message of its kind that is on its way.
  ::testing::AssertionResult Check() {
    for (const Transfer& transfer : link.device->received) {
      if (const auto good = Arrived(to_device, transfer); !good) return good;
    }
    link.device->received.clear();
    if (random() % 4 == 0) return ::testing::AssertionSuccess();
    while (const auto transfer = link.host->Take()) {
      if (const auto good = Arrived(to_host, *transfer); !good) return good;
    }
    return ::testing::AssertionSuccess();
  }
  ::testing::AssertionResult Run(uint64_t count, uint64_t most) {
    for (uint64_t cycle = 0; cycle < most; ++cycle) {
      if (given < count) Give();
      link.Cycle();
      if (const auto good = Check(); !good) return good;
      if (given >= count && arrived == given) return ::testing::AssertionSuccess();
      if (link.device->state() == kDown || link.host->cause() != Cause::kNone) break;
    }
    return ::testing::AssertionFailure()
           << arrived << " of " << given << " arrived, cycle " << link.cycles
           << ", device in state " << link.device->state() << " cause "
           << int{link.device->dut().cause_o} << ", host's " << static_cast<int>(link.host->cause())
           << ", LRSM " << static_cast<int>(link.host->lrsm());
  }

  Link& link;
  std::mt19937_64 random;
  std::deque<Transfer> to_device[2], to_host[2];  // without and with data
  uint64_t given = 0, arrived = 0;
  bool data_only = false;  ///< each message has data

 private:
  Transfer DrawOne(Direction direction) {
    Transfer transfer = Draw(random, direction);
    while (data_only && !HasData(transfer.message.kind)) transfer = Draw(random, direction);
    return transfer;
  }
  ::testing::AssertionResult Arrived(std::deque<Transfer>* from, const Transfer& transfer) {
    auto& queue = from[HasData(transfer.message.kind)];
    if (queue.empty() || !(queue.front() == transfer)) {
      return ::testing::AssertionFailure()
             << "cycle " << link.cycles << ", message " << arrived << " of kind "
             << static_cast<int>(transfer.message.kind);
    }
    queue.pop_front();
    ++arrived;
    return ::testing::AssertionSuccess();
  }
};

TEST(CxlLink, CarriesRandomMessages) {
  for (const uint32_t delay : {1u, 7u, 60u, 400u}) {
    for (const double share : {1.0, 0.2}) {
      SCOPED_TRACE(fmt::format("delay {}, share {}", delay, share));
      Link link(delay, delay + 3, Options());
      link.device->gives = link.device->takes = share;
      ASSERT_TRUE(link.ComeUp());
      Traffic traffic(link);
      ASSERT_TRUE(traffic.Run(1500, 1000000));
      EXPECT_EQ(link.device->bad + link.host->bad(), 0u);
      EXPECT_EQ(link.device->resent + link.host->resent(), 0u);
      EXPECT_EQ(link.device->unknown + link.host->unknown(), 0u);
    }
  }
}

TEST(CxlLink, NothingIsLostDoubledOrOutOfOrder) {
  const uint64_t messages = FromEnvironment("NPUGEN_MESSAGES", 20000);
  for (const auto& [errors, data_only] : {std::pair(0.002, false), {0.03, false}, {0.03, true}}) {
    SCOPED_TRACE(fmt::format("{} {}", errors, data_only));
    Link link(20, 9, Options());
    ASSERT_TRUE(link.ComeUp());
    for (Harm* harm : {&link.to_device, &link.to_host}) harm->errors = harm->bursts = errors;
    link.device->gives = link.device->takes = 0.9;
    Traffic traffic(link);
    traffic.data_only = data_only;  // most flits are all data then
    ASSERT_TRUE(traffic.Run(messages / 2, 2000 * messages));
    fmt::print("{} messages, {} flits with errors, {} bad, {} requests, {} sent again, {} cycles\n",
               traffic.arrived, link.to_device.done + link.to_host.done,
               link.device->bad + link.host->bad(), link.device->requests + link.host->requests(),
               link.device->resent + link.host->resent(), link.cycles);
    EXPECT_GT(link.device->bad, 10u);
    EXPECT_GT(link.host->bad(), 10u);
    EXPECT_EQ(link.device->unknown + link.host->unknown(), 0u);
  }
}

TEST(CxlLink, EveryBitIsChecked) {
  Link link(3, 4, Options());
  ASSERT_TRUE(link.ComeUp());
  Traffic traffic(link);
  for (uint32_t bit = 0; bit < 528; ++bit) {
    bool done = false;
    const uint64_t bad = link.device->bad;
    link.to_device.touch = [&](Flit& flit) {
      if (!done) Harm::Flip(flit, bit);
      done = true;
    };
    ASSERT_TRUE(traffic.Run(traffic.given + 2, 20000)) << "bit " << bit;
    link.to_device.touch = nullptr;
    ASSERT_EQ(link.device->bad, bad + 1) << "bit " << bit;
  }
}

#if PARAM_Replay >= 32  // a figure of links that hold enough
TEST(CxlLink, ReadsBackToBack) {
  constexpr double kLimit = 8.0 / 9;  // chunks of slots
  for (const uint32_t delay : {4u, 16u}) {
    for (const double rate : {0.0, 1e-6}) {
      CxlOptions options = Options();
      options.room[0] = options.room[1] = 64;
      options.replay = 64;
      Link link(delay, 2, options);
      ASSERT_TRUE(link.ComeUp());
      link.to_device.errors = link.to_host.errors = rate * 528;
      std::mt19937_64 random(6);
      uint64_t reads = 0, arrived = 0, before = 0, flits = 0;
      std::deque<Transfer> expected;
      constexpr uint64_t kStart = 4000, kCycles = 200000;
      for (uint64_t i = 0; i < kStart + kCycles; ++i) {
        if (i == kStart) before = arrived, flits = link.flits;
        if (link.host->waiting() < 8) {
          Transfer read;
          read.message.Set("valid", 1);
          read.message.Set("opcode", 1);
          read.message.Set("tag", reads++ & 0xffff);
          link.host->Give(read);
        }
        for (const Transfer& read : link.device->received) {
          Transfer data = Draw(random, Direction::kToHost);
          while (!HasData(data.message.kind)) data = Draw(random, Direction::kToHost);
          data.message.Set("tag", read.message.Get("tag"));
          expected.push_back(data);
          link.device->drss.push_back(std::move(data));
        }
        link.device->received.clear();
        link.Cycle();
        while (const auto data = link.host->Take()) {
          ASSERT_FALSE(expected.empty());
          ASSERT_EQ(*data, expected.front());
          expected.pop_front();
          ++arrived;
        }
      }
      const double share = 4 * static_cast<double>(arrived - before) / kCycles;
      fmt::print(
          "reads back to back, wire of {} cycles, bit error rate {}: {:.4f} of the slots, {:.4f} "
          "of "
          "the limit {:.4f}; {} flits in {} cycles, {} requests\n",
          delay, rate, share, share / kLimit, kLimit, link.flits - flits, kCycles,
          link.device->requests + link.host->requests());
      EXPECT_GE(share, 0.9 * kLimit);
    }
  }
}
#endif

TEST(CxlLink, CreditsWithheld) {
  Link link(5, 3, Options());
  ASSERT_TRUE(link.ComeUp());
  // The device gives what it has credits for, and no more, until the host gives them again.
  for (int i = 0; i < 100; ++i) link.Cycle();
  std::mt19937_64 random(4);
  link.host->withholds = true;
  // Those of .cache are none of its.
  uint32_t touched = 0;
  link.to_device.touch = [&](Flit& flit) {
    if ((flit.payload[0] & 1) == 0 || ControlOf(flit.payload) != kLlcrd) return;
    Header header = GetHeader(flit.payload);
    header.rsp_crd = header.data_crd = 7;
    SetHeader(flit.payload, header);
    flit.crc = FlitCrc(flit.payload);
    ++touched;
  };
  for (uint32_t i = 0; i < 400; ++i) {
    Transfer transfer = Draw(random, Direction::kToHost);
    (HasData(transfer.message.kind) ? link.device->drss : link.device->ndrs)
        .push_back(std::move(transfer));
  }
  uint32_t arrived = 0;
  const auto take = [&] {
    while (link.host->Take()) ++arrived;
  };
  for (int i = 0; i < 3000; ++i) {
    link.Cycle();
    take();
  }
  EXPECT_EQ(arrived, 2u * PARAM_RwdRoom);
  EXPECT_TRUE(touched > 0 || PARAM_RwdRoom < 8);
  link.to_device.touch = nullptr;
  EXPECT_EQ(link.device->state(), kUp);
  link.host->withholds = false;
  for (int i = 0; i < 20000; ++i) {
    link.Cycle();
    take();
  }
  EXPECT_EQ(arrived, 400u);

  // A device whose reader takes nothing: the host stops, and nothing is lost.
  link.device->takes = 0;
  Traffic traffic(link);
  for (int i = 0; i < 4000; ++i) {
    if (i < 1000) traffic.Give();
    link.Cycle();
    ASSERT_TRUE(traffic.Check());
  }
  EXPECT_TRUE(link.device->received.empty());
  EXPECT_EQ(link.device->state(), kUp);
  link.device->takes = 1;
  ASSERT_TRUE(traffic.Run(traffic.given, 100000));
}

TEST(CxlLink, DataHoldsItsCredit) {
  // A message whose header was taken still has its place: the host sends as many as there are.
  Link link(5, 3, Options());
  ASSERT_TRUE(link.ComeUp());
  for (int i = 0; i < 200; ++i) link.Cycle();
  link.device->heads_only = true;
  std::mt19937_64 random(4);
  constexpr uint32_t kGiven = PARAM_RwdRoom + 5;
  for (uint32_t i = 0; i < kGiven; ++i) {
    Transfer transfer = Draw(random, Direction::kToDevice);
    while (!HasData(transfer.message.kind)) transfer = Draw(random, Direction::kToDevice);
    link.host->Give(std::move(transfer));
  }
  for (int i = 0; i < 3000; ++i) link.Cycle();
  EXPECT_EQ(kGiven - link.host->waiting(), uint32_t{PARAM_RwdRoom});
  link.device->heads_only = false;
  ASSERT_TRUE(link.RunUntil([&] { return link.device->received.size() == kGiven; }, 10000));
  link.device->received.clear();

  // Likewise those without data, of which the reader takes none.
  for (int i = 0; i < 500; ++i) link.Cycle();
  link.device->takes = 0;
  constexpr uint32_t kReqs = 3 * PARAM_ReqRoom;
  for (uint32_t i = 0; i < kReqs; ++i) {
    Transfer transfer = Draw(random, Direction::kToDevice);
    while (HasData(transfer.message.kind)) transfer = Draw(random, Direction::kToDevice);
    link.host->Give(std::move(transfer));
  }
  for (int i = 0; i < 3000; ++i) link.Cycle();
  EXPECT_EQ(kReqs - link.host->waiting(), uint32_t{PARAM_ReqRoom});
  link.device->takes = 1;
  ASSERT_TRUE(link.RunUntil([&] { return link.device->received.size() == kReqs; }, 10000));
}

TEST(CxlLink, AnswersThatComeLate) {
  // An answer that is late meets a newer request: the flits behind it come once more, and none
  // counts twice.
  Link link(5, 3, Options());
  ASSERT_TRUE(link.ComeUp());
  Traffic traffic(link);
  for (int i = 0; i < 50; ++i) {
    bool done = false;
    link.to_device.touch = [&](Flit& flit) {
      if (!done) Harm::Flip(flit, 77);
      done = true;
    };
    const uint64_t requests = link.device->requests;
    ASSERT_TRUE(link.RunUntil(
        [&] {
          traffic.Give();
          EXPECT_TRUE(traffic.Check());
          return link.device->requests > requests;
        },
        20000));
    link.hold = true;
    ASSERT_TRUE(link.RunUntil([&] { return link.device->requests > requests + 1; }, 20000));
    for (int c = 0; c < 200; ++c) link.Cycle();
    link.hold = false;
    ASSERT_TRUE(traffic.Run(traffic.given + 20, 200000)) << "time " << i;
  }
}

TEST(CxlLink, UnknownMessagesAreDroppedAndCounted) {
  Link link(5, 3, Options());
  ASSERT_TRUE(link.ComeUp());
  Traffic traffic(link);
  uint64_t dropped = 0;
  for (int i = 0; i < 300; ++i) {
    Transfer unknown = Draw(traffic.random, Direction::kToDevice);
    do {
      unknown.message.Set("opcode", traffic.random() % 16);
    } while (IsKnown(unknown.message));
    link.host->Give(unknown);
    ++dropped;
    ASSERT_TRUE(traffic.Run(traffic.given + 3, 20000));
  }
  ASSERT_TRUE(link.RunUntil([&] { return link.device->unknown == dropped; }, 20000))
      << link.device->unknown;
  ASSERT_TRUE(traffic.Run(traffic.given + 200, 200000));
  EXPECT_EQ(link.device->unknown, dropped);
}

TEST(CxlLink, StormOfErrorsEndsInAbort) {
  Link link(5, 3, Options());
  ASSERT_TRUE(link.ComeUp());
  link.to_device.touch = [](Flit& flit) { Harm::Flip(flit, 100); };
  Traffic traffic(link);
  ASSERT_TRUE(link.RunUntil(
      [&] {
        if (link.host->waiting() < 4) traffic.Give();
        return link.device->state() == kDown;
      },
      2000000));
  EXPECT_EQ(link.device->dut().cause_o, 1u);
  EXPECT_EQ(link.device->requests, 110u);
  EXPECT_EQ(link.device->reinits, 10u);
  const uint64_t flits = link.flits;
  for (int i = 0; i < 2000; ++i) link.Cycle();
  EXPECT_LE(link.flits, flits + 1) << "a link that is down sends nothing";
  // Up again.
  link.to_device.touch = nullptr;
  link.Reset();
  ASSERT_TRUE(link.ComeUp());
  Traffic again(link);
  ASSERT_TRUE(again.Run(200, 100000));
}

TEST(CxlLink, StormThatEnds) {
  Link link(5, 3, Options());
  ASSERT_TRUE(link.ComeUp());
  Traffic traffic(link);
  ASSERT_TRUE(traffic.Run(100, 100000));
  link.to_device.touch = [](Flit& flit) { Harm::Flip(flit, 100); };
  ASSERT_TRUE(link.RunUntil(
      [&] {
        if (traffic.given < 400) traffic.Give();
        return link.device->reinits == 3;
      },
      1000000));
  link.to_device.touch = nullptr;
  ASSERT_TRUE(traffic.Run(600, 400000));
  EXPECT_EQ(link.device->state(), kUp);
}

TEST(CxlLink, ResetsInTheMiddle) {
  Link link(9, 3, Options());
  std::mt19937_64 random(3);
  for (int i = 0; i < 40; ++i) {
    ASSERT_TRUE(link.ComeUp(50000));
    Traffic traffic(link, i);
    link.to_device.errors = i % 2 == 0 ? 0 : 0.02;
    for (uint64_t left = random() % 600; left > 0; --left) {
      traffic.Give();
      link.Cycle();
      ASSERT_TRUE(traffic.Check());
    }
    // The PHY goes down, or all is reset.
    if (i % 3 == 0) {
      link.device->dut().up_i = 0;
      for (int c = 0; c < 30; ++c) link.Cycle();
      EXPECT_EQ(link.device->state(), 0u);
      link.device->dut().up_i = 1;
    }
    link.Reset();
  }
  ASSERT_TRUE(link.ComeUp(50000));
  Traffic traffic(link);
  ASSERT_TRUE(traffic.Run(200, 200000));
}

TEST(CxlLink, SlotsThatAreMissing) {
  // A flit of which the end is missing is bad, and asked for again.
  Link link(3, 4, Options());
  ASSERT_TRUE(link.ComeUp());
  Traffic traffic(link);
  ASSERT_TRUE(traffic.Run(50, 20000));
  const uint64_t bad = link.device->bad;
  for (int i = 0; i < 12; ++i) link.Cycle();
  for (const bool first : {true, false, true}) {
    Beat beat;
    beat.valid = true;
    beat.first = first;
    link.device->Drive(beat);
    link.device->Edge();
  }
  for (int i = 0; i < 4; ++i) {
    Beat beat;
    beat.valid = true;
    link.device->Drive(beat);
    link.device->Edge();
  }
  for (int i = 0; i < 20; ++i) link.Cycle();
  EXPECT_GE(link.device->bad, bad + 1);
}

/// A flit that a host without any rule might send: from noise to flits that are right but for one
/// field. `acks`: it may tell acks and ask for flits again.
Flit Hostile(std::mt19937_64& random, bool acks) {
  Flit flit;
  for (uint8_t& byte : flit.payload) byte = static_cast<uint8_t>(random());
  Header header;
  for (uint32_t& format : header.formats) format = random() % 4 == 0 ? random() % 8 : 4;
  header.be = random() % 4 == 0;
  header.ak = acks && random() % 8 == 0;
  header.rsp_crd = random() % 16;
  header.data_crd = random() % 16;
  SetHeader(flit.payload, header);
  SetField(flit.payload, 1, 1, random());
  for (uint32_t slot = 0; slot < 4; ++slot) {
    const uint32_t at = MessagesAt(slot);
    if (random() % 2 == 0) SetField(flit.payload, at, 1, 0);
    if (random() % 2 == 0) SetField(flit.payload, at + 1, 4, 1 + random() % 2);
    if (random() % 2 == 0) SetField(flit.payload, at + 87, 1, 0);
    if (slot > 0 && random() % 2 == 0) header.formats[slot] = 0;
  }
  if (random() % 4 != 0) SetHeader(flit.payload, header);
  if (!acks) SetField(flit.payload, 2, 1, 0);
  if (random() % 32 == 0) {
    static constexpr uint32_t kCodes[] = {kLlcrd, kRetryIdle, kRetryFrame, kRetryAck, 0x41, 0x02};
    flit.payload = ControlFlit(kCodes[random() % 6], random());
    if (!acks && ControlOf(flit.payload) == kLlcrd) flit.payload = LlcrdFlit(0);
  }
  if (acks && random() % 64 == 0) {
    flit.payload = ControlFlit(random() % 8 == 0   ? kInit
                               : random() % 2 == 0 ? kRetryReq
                                                   : kLlcrd,
                               random() & 0xffff);
  }
  flit.crc = FlitCrc(flit.payload);
  return flit;
}

TEST(CxlLink, HostileFlitsMeanTheSameToTheModel) {
  const uint64_t flits = FromEnvironment("NPUGEN_FLITS", 20000);
  std::mt19937_64 random(12);
  CxlOptions options = Options();
  options.sends = Direction::kToHost;
  options.room[0] = PARAM_ReqRoom;
  Link link(1, 3, Options());
  uint64_t compared = 0, delivered = 0, unknown = 0;
  for (uint64_t sent = 0; sent < flits; ++compared) {
    link.Reset();
    link.device->unknown = 0;
    CxlModel model(options);
    std::vector<Transfer> expected;
    std::deque<Flit> next{{ControlFlit(kInit, 1), FlitCrc(ControlFlit(kInit, 1))}};
    link.send = [&]() -> std::optional<Flit> {
      // Slowly: the reader keeps up with a host that has no credits.
      if (link.cycles % 32 != 1) return std::nullopt;
      const Flit flit = next.empty() ? Hostile(random, false) : next.front();
      next.clear();
      model.Receive(flit);
      while (const auto transfer = model.Take()) expected.push_back(*transfer);
      ++sent;
      return flit;
    };
    for (uint64_t end = sent + 1 + random() % 300; sent < end;) link.Cycle();
    link.send = [] { return std::nullopt; };
    for (int i = 0; i < 300; ++i) link.Cycle();
    ASSERT_EQ(link.device->received, expected) << "run " << compared;
    ASSERT_EQ(link.device->unknown, model.unknown()) << "run " << compared;
    ASSERT_EQ(link.device->dut().cause_o, static_cast<uint32_t>(model.cause()));
    delivered += expected.size();
    unknown += model.unknown();
  }
  fmt::print("{} hostile flits in {} runs, {} messages, {} unknown\n", flits, compared, delivered,
             unknown);
  EXPECT_GT(delivered, flits / 4);
}

TEST(CxlLink, HostileFlitsWithoutEnd) {
  const uint64_t flits = FromEnvironment("NPUGEN_FLITS", 20000);
  std::mt19937_64 random(13);
  Link link(4, 3, Options());
  uint64_t sent = 0, downs[4] = {}, runs = 0;
  for (; sent < flits; ++runs) {
    link.Reset();
    const uint64_t kind = random() % 4;
    link.device->takes = kind == 0 ? 0.02 : 1;
    link.to_device.errors = kind == 1 ? 0.02 : 0;
    uint64_t in_run = 0;
    link.send = [&]() -> std::optional<Flit> {
      ++sent;
      if (in_run++ == 0) return Flit{ControlFlit(kInit, 1), FlitCrc(ControlFlit(kInit, 1))};
      return Hostile(random, kind >= 2);
    };
    for (uint64_t i = 0, most = 4 * (1 + random() % 2000); i < most; ++i) {
      if (link.device->drss.size() < 3) {
        Transfer transfer = Draw(random, Direction::kToHost);
        (HasData(transfer.message.kind) ? link.device->drss : link.device->ndrs)
            .push_back(std::move(transfer));
      }
      link.Cycle();
    }
    ++downs[link.device->dut().cause_o];
  }
  fmt::print("{} hostile flits in {} runs; up {}, down for tries {}, place {}, protocol {}\n", sent,
             runs, downs[0], downs[1], downs[2], downs[3]);
  EXPECT_GT(downs[2], 0u);
  EXPECT_GT(downs[3], 0u);
  // And it works again.
  link.send = nullptr;
  link.to_device.errors = 0;
  link.device->takes = 1;
  link.Reset();
  ASSERT_TRUE(link.ComeUp());
  Traffic traffic(link);
  ASSERT_TRUE(traffic.Run(300, 200000));
}

}  // namespace
}  // namespace npugen::cxl

// SPDX-License-Identifier: Apache-2.0
// The checker of the bus notices a breach of every one of its rules, and nothing else.
#include "verif/sim/axi_checker.h"

#include <gtest/gtest.h>

#include <functional>
#include <random>

#include "verif/sim/axi_memory.h"

namespace npugen::testing {
namespace {

constexpr uint32_t kBus = 16;

/// A bus whose two sides are set cycle by cycle, each from what is right.
class AxiCheckerTest : public ::testing::Test {
 protected:
  AxiCheckerTest() { Idle(); }

  /// Nothing is valid; both sides are ready.
  void Idle() {
    request_ = {};
    response_ = {};
    request_.ar_size = request_.aw_size = 4;
    request_.ar_addr = request_.aw_addr = 0x1100;
    request_.r_ready = request_.b_ready = true;
    request_.w_data = data_;
    request_.w_strb = 0xffff;
    response_.w_ready = true;
  }
  void Cycle() { checker_.Check(request_, response_); }
  void ReadAddress(uint8_t id, uint32_t beats, const std::function<void()>& change = {}) {
    Idle();
    request_.ar_valid = true;
    request_.ar_id = id;
    request_.ar_len = static_cast<uint8_t>(beats - 1);
    if (change) change();
    Cycle();
  }
  void WriteAddress(uint8_t id, uint32_t beats, const std::function<void()>& change = {}) {
    Idle();
    request_.aw_valid = true;
    request_.aw_id = id;
    request_.aw_len = static_cast<uint8_t>(beats - 1);
    if (change) change();
    Cycle();
  }
  void WriteBeat(bool last, const std::function<void()>& change = {}) {
    Idle();
    request_.w_valid = true;
    request_.w_last = last;
    if (change) change();
    Cycle();
  }
  void ReadBeat(uint8_t id, bool last, const std::function<void()>& change = {}) {
    Idle();
    response_.r_valid = true;
    response_.r_id = id;
    response_.r_last = last;
    if (change) change();
    Cycle();
  }
  void Answer(uint8_t id, const std::function<void()>& change = {}) {
    Idle();
    response_.b_valid = true;
    response_.b_id = id;
    if (change) change();
    Cycle();
  }
  /// The violations were exactly one, whose text contains `what`; starts anew.
  void ExpectOne(const std::string& what) {
    ASSERT_EQ(checker_.violations(), 1u) << what;
    EXPECT_NE(checker_.texts()[0].find(what), std::string::npos) << checker_.texts()[0];
    checker_.Reset();
  }

  uint8_t data_[64] = {};
  AxiRequestSignals request_;
  AxiResponseSignals response_;
  AxiChecker checker_{kBus, 64};
};

TEST_F(AxiCheckerTest, RightTrafficIsRight) {
  ReadAddress(1, 2);
  ReadAddress(0, 1);
  WriteAddress(2, 2);
  WriteAddress(0, 1, [&] {
    request_.w_valid = true;  // data of the first one, and an answer, in the same cycle
    response_.r_valid = true;
    response_.r_id = 1;
  });
  WriteBeat(true);
  WriteBeat(true);
  ReadBeat(0, true);
  ReadBeat(1, true);
  Answer(0);
  Answer(2);
  ReadAddress(0, 64, [&] { request_.ar_addr = 0x1c00; });
  EXPECT_EQ(checker_.violations(), 0u) << checker_.texts()[0];
}

TEST_F(AxiCheckerTest, Addresses) {
  ReadAddress(0, 1, [&] { request_.ar_addr = 0x1108; });
  ExpectOne("not aligned");
  WriteAddress(0, 1, [&] { request_.aw_addr = 0x1101; });
  ExpectOne("not aligned");
  for (const uint8_t size : {3, 5, 0, 7, 40}) {
    ReadAddress(0, 1, [&] { request_.ar_size = size; });
    ExpectOne("size");
    WriteAddress(0, 1, [&] { request_.aw_size = size; });
    ExpectOne("size");
  }
  for (const uint8_t burst : {0, 2, 3}) {
    ReadAddress(0, 1, [&] { request_.ar_burst = burst; });
    ExpectOne("burst type");
    WriteAddress(0, 1, [&] { request_.aw_burst = burst; });
    ExpectOne("burst type");
  }
  ReadAddress(0, 2, [&] { request_.ar_addr = 0x1ff0; });
  ExpectOne("4 KiB");
  WriteAddress(0, 64, [&] { request_.aw_addr = 0x1c10; });
  ExpectOne("4 KiB");
  ReadAddress(0, 65, [&] { request_.ar_addr = 0x1000; });
  ExpectOne("65 beats");
  WriteAddress(0, 65, [&] { request_.aw_addr = 0x1000; });
  ExpectOne("65 beats");
  ReadAddress(16, 1);
  ExpectOne("id 16");
  WriteAddress(16, 1);
  ExpectOne("id 16");
}

/// A channel that is valid and not accepted must not change in any of its signals.
TEST_F(AxiCheckerTest, NothingChangesBeforeItIsAccepted) {
  using Change = std::function<void()>;
  const auto held = [&](const std::function<void(const Change&)>& show, const Change& refuse,
                        const std::vector<Change>& changes, const std::string& name) {
    checker_.Reset();
    show(refuse);
    show(refuse);
    EXPECT_EQ(checker_.violations(), 0u) << name;
    for (const Change& change : changes) {
      checker_.Reset();
      show(refuse);
      show([&] {
        refuse();
        change();
      });
      ExpectOne(name + " changed");
    }
  };
  held([&](const Change& change) { ReadAddress(0, 2, change); },
       [&] { response_.ar_ready = false; },
       {[&] { request_.ar_valid = false; }, [&] { request_.ar_addr += 16; },
        [&] { request_.ar_len = 0; }, [&] { request_.ar_id = 1; }, [&] { request_.ar_size = 3; },
        [&] { request_.ar_burst = 0; }},
       "AR");
  held([&](const Change& change) { WriteAddress(0, 2, change); },
       [&] { response_.aw_ready = false; },
       {[&] { request_.aw_valid = false; }, [&] { request_.aw_addr += 16; },
        [&] { request_.aw_len = 0; }, [&] { request_.aw_id = 1; }, [&] { request_.aw_size = 3; },
        [&] { request_.aw_burst = 0; }},
       "AW");
  uint8_t other[64] = {};
  other[kBus - 1] = 1;
  held([&](const Change& change) { WriteBeat(true, change); }, [&] { response_.w_ready = false; },
       {[&] { request_.w_valid = false; }, [&] { request_.w_last = false; },
        [&] { request_.w_strb = 0x7fff; }, [&] { request_.w_data = other; }},
       "W");
  held([&](const Change& change) { ReadBeat(0, true, change); }, [&] { request_.r_ready = false; },
       {[&] { response_.r_valid = false; }, [&] { response_.r_last = false; },
        [&] { response_.r_id = 1; }, [&] { response_.r_resp = 2; },
        [&] { response_.r_data[kBus - 1] = 1; }},
       "R");
  held([&](const Change& change) { Answer(0, change); }, [&] { request_.b_ready = false; },
       {[&] { response_.b_valid = false; }, [&] { response_.b_id = 1; },
        [&] { response_.b_resp = 2; }},
       "B");
}

TEST_F(AxiCheckerTest, WriteData) {
  WriteBeat(true);
  ExpectOne("before its address");
  WriteAddress(0, 2);
  WriteBeat(true);
  ExpectOne("last is 1");
  WriteAddress(0, 2);
  WriteBeat(false);
  WriteBeat(false);
  ExpectOne("last is 0");
  WriteAddress(0, 1);
  WriteBeat(true, [&] { request_.w_strb = 0x1ffff; });
  ExpectOne("strobes");
  WriteAddress(0, 1);
  WriteBeat(true);
  WriteBeat(true);
  ExpectOne("before its address");
}

TEST_F(AxiCheckerTest, ReadData) {
  ReadBeat(0, true);
  ExpectOne("no read");
  ReadAddress(1, 1);
  ReadBeat(0, true);
  ExpectOne("no read");
  ReadAddress(1, 2);
  ReadBeat(1, true);
  ExpectOne("last is 1");
  ReadAddress(1, 1);
  ReadBeat(1, false);
  ExpectOne("last is 0");
  ReadAddress(1, 1);
  ReadBeat(1, true);
  ReadBeat(1, true);
  ExpectOne("no read");
  // Answered in the cycle of its address: before it can be known.
  ReadAddress(1, 1, [&] {
    response_.r_valid = response_.r_last = true;
    response_.r_id = 1;
  });
  ExpectOne("no read");
}

TEST_F(AxiCheckerTest, AnswersBelongToTheirWrites) {
  Answer(0);
  ExpectOne("no write");
  WriteAddress(0, 2);
  WriteBeat(false);
  Answer(0);
  ExpectOne("no write");
  WriteAddress(2, 1);
  WriteBeat(true);
  Answer(0);
  ExpectOne("no write");
  WriteAddress(2, 1);
  WriteAddress(0, 1);
  WriteBeat(true);
  Answer(0);  // its data is to come
  ExpectOne("no write");
  WriteAddress(2, 1);
  WriteBeat(true);
  Answer(2);
  Answer(2);
  ExpectOne("no write");
}

/// Random masters and the memory of the simulation: a right one has no violation, a wrong one has.
TEST(AxiMemory, IsASlaveByTheRules) {
  std::mt19937 random(1);
  for (int round = 0; round < 40; ++round) {
    std::vector<uint8_t> storage(1 << 16);
    AxiMemoryOptions options;
    options.bus_bytes = kBus;
    options.read_latency = options.write_latency = 1 + random() % 20;
    options.interleave = round % 2 == 0;
    options.ar_stall = options.r_stall = options.aw_stall = options.w_stall = options.b_stall =
        random() % 40000;
    options.seed = round + 1;
    AxiMemory memory(storage.data(), 0x10000, storage.size(), options);
    AxiRequestSignals request;
    request.ar_size = request.aw_size = 4;
    uint8_t data[64] = {};
    request.w_data = data;
    std::vector<uint32_t> to_write;  // beats to come of each accepted write
    uint64_t bursts = 0;
    for (int cycle = 0; cycle < 5000; ++cycle) {
      const bool stop = cycle > 3000;
      if (!request.ar_valid && !stop && random() % 8 == 0) {
        request.ar_valid = true;
        request.ar_id = static_cast<uint8_t>(random() % 4);
        request.ar_len = static_cast<uint8_t>(random() % 16);
        request.ar_addr = 0x10000 + random() % 256 * 256;
      }
      if (!request.aw_valid && !stop && random() % 8 == 0) {
        request.aw_valid = true;
        request.aw_id = static_cast<uint8_t>(random() % 4);
        request.aw_len = static_cast<uint8_t>(random() % 16);
        request.aw_addr = 0x10000 + random() % 256 * 256;
      }
      if (!request.w_valid && !to_write.empty()) {
        request.w_valid = true;
        request.w_strb = random() & 0xffff;
        request.w_last = to_write.front() == 1;
        data[random() % kBus] = static_cast<uint8_t>(random());
      }
      request.r_ready = stop || random() % 4 != 0;
      request.b_ready = stop || random() % 4 != 0;
      const AxiResponseSignals response = memory.response();
      memory.Tick(request);
      if (request.ar_valid && response.ar_ready) request.ar_valid = false, ++bursts;
      if (request.w_valid && response.w_ready) {
        request.w_valid = false;
        if (--to_write.front() == 0) to_write.erase(to_write.begin());
      }
      if (request.aw_valid && response.aw_ready) {
        request.aw_valid = false;
        to_write.push_back(request.aw_len + 1u);
        ++bursts;
      }
    }
    ASSERT_EQ(memory.counts().violations, 0u) << memory.violations()[0];
    EXPECT_EQ(memory.outstanding(), 0u);
    EXPECT_GT(bursts, 100u);
  }
}

TEST(AxiMemory, MutedChannelsFallSilent) {
  const AxiMemoryOptions options = [] {
    AxiMemoryOptions bus;
    bus.bus_bytes = kBus;
    bus.read_latency = bus.write_latency = 1;
    return bus;
  }();
  std::vector<uint8_t> storage(4096);
  for (const AxiChannel channel :
       {AxiChannel::kReadAddress, AxiChannel::kRead, AxiChannel::kWriteAddress, AxiChannel::kWrite,
        AxiChannel::kWriteResponse}) {
    for (uint64_t transfers = 0; transfers < 3; ++transfers) {
      AxiMemory memory(storage.data(), 0, storage.size(), options);
      memory.Mute(channel, transfers);
      AxiRequestSignals request;
      const uint8_t data[64] = {};
      request.w_data = data;
      request.ar_size = request.aw_size = 4;
      request.r_ready = request.b_ready = true;
      request.ar_valid = request.aw_valid = request.w_valid = request.w_last = true;
      uint64_t counts[kAxiChannels] = {};
      for (int cycle = 0; cycle < 200; ++cycle) {
        const AxiResponseSignals& response = memory.response();
        counts[0] += request.ar_valid && response.ar_ready;
        counts[1] += response.r_valid;
        counts[2] += request.aw_valid && response.aw_ready;
        counts[3] += request.w_valid && response.w_ready;
        counts[4] += response.b_valid;
        memory.Tick(request);
      }
      EXPECT_EQ(counts[static_cast<int>(channel)], transfers);
      memory.Unmute();
      for (int cycle = 0; cycle < 10; ++cycle) memory.Tick(request);
      EXPECT_EQ(memory.counts().violations, 0u) << memory.violations()[0];
    }
  }
}

}  // namespace
}  // namespace npugen::testing

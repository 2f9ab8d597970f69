// SPDX-License-Identifier: Apache-2.0
// The model of a CXL link (docs/cxl.md): its flits are those of the shared data, and a host and a
// device of it carry messages over a wire that flips bits.
#include "verif/sim/cxl_model.h"

#include <gtest/gtest.h>

#include <map>
#include <string>

#include "tests/support/shared_links.h"

namespace npugen::cxl {
namespace {

template <typename Bytes>
Bytes FromHex(const std::string& hex) {
  Bytes bytes = {};
  for (size_t i = 0; i < bytes.size(); ++i) {
    bytes[i] = static_cast<uint8_t>(std::stoul(hex.substr(2 * i, 2), nullptr, 16));
  }
  return bytes;
}

uint16_t CrcOf(const nlohmann::json& flit) {
  return static_cast<uint16_t>(std::stoul(flit["crc"].get<std::string>(), nullptr, 16));
}

TEST(CxlFlit, SharedFlitsArePackedAndUnpacked) {
  if (testing::SharedLinksFolder().empty()) GTEST_SKIP() << testing::kNoSharedLinks;
  const nlohmann::json shared = testing::SharedLinksJson("cxl/flits.json");
  ASSERT_EQ(shared["flits"].size(), 23u);
  for (const nlohmann::json& flit : shared["flits"]) {
    SCOPED_TRACE(flit["name"].get<std::string>());
    const Payload payload = FromHex<Payload>(flit["payload"]);
    EXPECT_EQ(FlitCrc(payload), CrcOf(flit));
    if (flit["direction"] == "control") continue;
    const Direction direction =
        flit["direction"] == "m2s" ? Direction::kToDevice : Direction::kToHost;
    Header header;
    const auto given = [&](const char* name) { return flit["header"].value(name, 0u); };
    header.ak = given("ak") != 0;
    header.rsp_crd = given("rsp_crd");
    header.req_crd = given("req_crd");
    header.data_crd = given("data_crd");
    Payload packed = {};
    const Header read = GetHeader(payload);
    EXPECT_EQ(read.ak, header.ak);
    EXPECT_EQ(read.rsp_crd, header.rsp_crd);
    EXPECT_EQ(read.req_crd, header.req_crd);
    EXPECT_EQ(read.data_crd, header.data_crd);
    EXPECT_FALSE(read.control || read.be || read.sz);
    for (uint32_t slot = 0; slot < 4; ++slot) {
      const nlohmann::json& content = flit["slots"][slot];
      if (content[0] == "data") {
        const Chunk chunk = FromHex<Chunk>(content[1]);
        std::copy(chunk.begin(), chunk.end(), packed.begin() + 16 * slot);
        EXPECT_EQ(read.formats[slot], 0u);
        continue;
      }
      header.formats[slot] = content[0];
      EXPECT_EQ(read.formats[slot], header.formats[slot]);
      const auto kinds = MessagesOf(direction, slot, header.formats[slot]);
      ASSERT_TRUE(kinds);
      ASSERT_EQ(kinds->size(), content[1].size());
      uint32_t at = MessagesAt(slot);
      for (size_t i = 0; i < kinds->size(); ++i) {
        Message message((*kinds)[i]);
        for (const auto& [name, value] : content[1][i].items()) message.Set(name, value);
        EXPECT_EQ(GetMessage(payload, at, message.kind), message);
        SetMessage(packed, at, message);
        at += WidthOf(message.kind);
      }
    }
    SetHeader(packed, header);
    EXPECT_EQ(packed, payload);
  }
}

TEST(CxlFlit, SharedControlFlits) {
  if (testing::SharedLinksFolder().empty()) GTEST_SKIP() << testing::kNoSharedLinks;
  std::map<std::string, Payload> flits;
  const nlohmann::json shared = testing::SharedLinksJson("cxl/flits.json");
  for (const nlohmann::json& flit : shared["flits"]) {
    flits[flit["name"]] = FromHex<Payload>(flit["payload"]);
  }
  EXPECT_EQ(LlcrdFlit(8), flits["llcrd_ack_8"]);
  EXPECT_EQ(AcksOf(flits["llcrd_ack_8"]), 8u);
  EXPECT_EQ(ControlFlit(kInit, 1), flits["init_param"]);
  EXPECT_EQ(ControlOf(flits["init_param"]), kInit);
  for (uint32_t acks = 0; acks < 256; ++acks) EXPECT_EQ(AcksOf(LlcrdFlit(acks)), acks);
}

TEST(CxlFlit, SharedErrorsAreFound) {
  if (testing::SharedLinksFolder().empty()) GTEST_SKIP() << testing::kNoSharedLinks;
  const nlohmann::json shared = testing::SharedLinksJson("cxl/flits.json");
  std::map<std::string, Flit> flits;
  for (const nlohmann::json& flit : shared["flits"]) {
    flits[flit["name"]] = {FromHex<Payload>(flit["payload"]), CrcOf(flit)};
  }
  ASSERT_EQ(shared["corrupted"].size(), 6u);
  for (const nlohmann::json& corrupted : shared["corrupted"]) {
    Flit flit = flits[corrupted["of"]];
    for (const uint32_t bit : corrupted["flip_bits"]) {
      if (bit < 512) {
        flit.payload[bit / 8] ^= static_cast<uint8_t>(1u << bit % 8);
      } else {
        flit.crc ^= static_cast<uint16_t>(1u << (bit - 512));
      }
    }
    EXPECT_NE(FlitCrc(flit.payload), flit.crc);
  }
  ASSERT_EQ(shared["credits"].size(), 8u);
  for (uint32_t n = 0; n < 8; ++n) {
    EXPECT_EQ(CreditsOf(8 + n), shared["credits"][n].get<uint32_t>());
    EXPECT_EQ(CreditsOf(n), 0u) << "those of .cache";
  }
}

TEST(CxlFlit, CreditsAreTheMostThatAreOwed) {
  for (uint32_t owed = 0; owed < 300; ++owed) {
    const uint32_t given = CreditsOf(NibbleFor(owed));
    EXPECT_LE(given, owed);
    EXPECT_TRUE(given == 64 || 2 * given > owed || owed == 0) << owed;
  }
}

/// A message of a direction, all fields drawn but `valid` and what a device must know.
Transfer Draw(std::mt19937_64& random, Direction direction) {
  const bool data = random() % 2 != 0;
  const bool to_device = direction == Direction::kToDevice;
  Transfer transfer{
      Message(to_device ? (data ? Kind::kRwd : Kind::kReq) : (data ? Kind::kDrs : Kind::kNdr)),
      data && to_device && random() % 2 != 0,
      {}};
  size_t i = 0;
  for (const Field& field : LayoutOf(transfer.message.kind)) {
    transfer.message.fields[i++] = random() & ((uint64_t{1} << field.width) - 1);
  }
  transfer.message.Set("valid", 1);
  if (to_device) transfer.message.Set("opcode", data ? 1 + random() % 2 : random() % 4);
  for (uint32_t c = 0; c < ChunksOf(transfer); ++c) {
    for (uint8_t& byte : transfer.chunks[c]) byte = static_cast<uint8_t>(random());
  }
  return transfer;
}

TEST(CxlModel, HostAndDevice) {
  for (const uint32_t delay : {0u, 3u, 40u}) {
    for (const double errors : {0.0, 0.02, 0.1}) {
      SCOPED_TRACE(delay);
      SCOPED_TRACE(errors);
      CxlOptions options[2];
      options[1].sends = Direction::kToHost;
      options[1].replay = options[0].replay = 12;
      options[0].room[0] = 5;
      options[1].room[1] = 3;
      CxlModel ends[2] = {CxlModel(options[0]), CxlModel(options[1])};
      std::deque<std::optional<Flit>> wires[2];  // from each end
      std::deque<Transfer> sent[2][2];
      std::mt19937_64 random(delay + 7);
      uint64_t given = 0, arrived = 0;
      constexpr uint64_t kMessages = 2000;
      for (uint64_t time = 0; time < 1000000 && arrived < kMessages; ++time) {
        for (uint32_t e = 0; e < 2; ++e) {
          if (given < kMessages && ends[e].waiting() < 6) {
            Transfer transfer = Draw(random, options[e].sends);
            sent[e][HasData(transfer.message.kind) ? 1 : 0].push_back(transfer);
            ends[e].Give(std::move(transfer));
            ++given;
          }
          std::optional<Flit> flit = ends[e].Send();
          if (flit && static_cast<double>(random() % 100000) < errors * 100000) {
            flit->payload[random() % 64] ^= static_cast<uint8_t>(1u << random() % 8);
          }
          wires[e].push_back(flit);
        }
        for (uint32_t e = 0; e < 2; ++e) {
          if (wires[e].size() <= delay) continue;
          if (wires[e].front()) ends[1 - e].Receive(*wires[e].front());
          wires[e].pop_front();
          if (random() % 4 == 0) continue;
          if (const auto taken = ends[1 - e].Take()) {
            auto& from = sent[e][HasData(taken->message.kind) ? 1 : 0];
            ASSERT_FALSE(from.empty());
            ASSERT_EQ(*taken, from.front()) << "time " << time;
            from.pop_front();
            ++arrived;
          }
          if (ends[e].lrsm() == Lrsm::kReinit) ends[e].Reinitialized();
          ASSERT_EQ(ends[e].cause(), Cause::kNone) << "time " << time;
        }
      }
      EXPECT_EQ(arrived, kMessages);
      EXPECT_EQ(ends[0].unknown() + ends[1].unknown(), 0u);
      EXPECT_EQ(ends[0].bad() + ends[1].bad() > 0, errors > 0);
      if (errors == 0) {
        EXPECT_EQ(ends[0].resent() + ends[1].resent(), 0u);
      }
    }
  }
}

}  // namespace
}  // namespace npugen::cxl

// SPDX-License-Identifier: Apache-2.0
// Sends of collectives carried out in drawn orders, against sums in the defined order.
#include "sw/collective/collective.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <numeric>
#include <random>
#include <string>
#include <tuple>
#include <vector>

#include "tests/support/shared_links.h"
#include "verif/pod/golden_collective.h"

namespace npugen {
namespace {

using Arrays = std::vector<std::vector<uint8_t>>;

uint32_t ElementAt(const std::vector<uint8_t>& array, uint64_t element, uint32_t size) {
  uint32_t value = 0;
  for (uint32_t i = 0; i < size; ++i) value |= uint32_t{array[element * size + i]} << 8 * i;
  return value;
}

/// Where a part lies and how it goes round, worked out from the text and not from the code.
struct PlainPart {
  uint64_t begin, end;
  bool forward;
  std::vector<uint32_t> axes;
};

uint64_t PlainPieceSize(uint64_t elements, uint64_t pieces, uint32_t bytes) {
  const uint64_t even = (elements + pieces - 1) / pieces;
  return (even * bytes + 15) / 16 * 16 / bytes;
}

std::vector<PlainPart> PlainParts(const Collective& c) {
  std::vector<uint32_t> axes;
  for (uint32_t a = 0; a < c.rings.size(); ++a) {
    if (c.rings[a] > 1) axes.push_back(a);
  }
  const uint64_t starts = c.all_axes_at_once && !axes.empty() ? axes.size() : 1;
  const uint64_t count = starts * c.ways;
  const uint64_t size = PlainPieceSize(c.elements, count, c.element_bytes);
  std::vector<PlainPart> parts;
  for (uint64_t p = 0; p < count; ++p) {
    PlainPart part{
        std::min(p * size, c.elements), std::min((p + 1) * size, c.elements), p % c.ways == 0, {}};
    for (uint64_t i = 0; i < axes.size(); ++i) {
      part.axes.push_back(axes[(i + p / c.ways) % axes.size()]);
    }
    parts.push_back(part);
  }
  return parts;
}

/// One element's sum in the defined order, and the chip that ends up with it.
struct PlainSum {
  uint32_t sum;
  uint32_t owner;
};

PlainSum PlainSumOf(const Collective& c, SumType type, const Arrays& inputs, uint64_t element) {
  const auto parts = PlainParts(c);
  const PlainPart& part = *std::find_if(parts.begin(), parts.end(), [&](const PlainPart& p) {
    return p.begin <= element && element < p.end;
  });
  // The piece on each axis.
  std::vector<uint64_t> at(c.rings.size(), 0);
  uint64_t offset = element - part.begin, size = part.end - part.begin;
  for (const uint32_t axis : part.axes) {
    const uint64_t piece = PlainPieceSize(size, c.rings[axis], c.element_bytes);
    at[axis] = offset / piece;
    offset -= at[axis] * piece;
    size = std::min(piece, size - at[axis] * piece);
  }
  const auto chip = [&c](const std::vector<uint64_t>& where) {
    uint64_t number = 0;
    for (size_t a = c.rings.size(); a-- > 0;) number = number * c.rings[a] + where[a];
    return static_cast<uint32_t>(number);
  };
  const std::function<uint32_t(size_t, std::vector<uint64_t>)> sum =
      [&](size_t axes, std::vector<uint64_t> where) -> uint32_t {
    if (axes == 0) return ElementAt(inputs[chip(where)], element, c.element_bytes);
    const uint32_t axis = part.axes[axes - 1];
    const uint64_t ring = c.rings[axis], owner = at[axis];
    uint32_t value = 0;
    for (uint64_t k = 1; k <= ring; ++k) {
      where[axis] = (part.forward ? owner + k : owner + ring - k % ring) % ring;
      const uint32_t local = sum(axes - 1, where);
      value = k == 1 ? local : AddElements(type, local, value);
    }
    return value;
  };
  return {sum(part.axes.size(), at), chip(at)};
}

constexpr SumType kTypes[] = {SumType::kS32, SumType::kF32, SumType::kBf16};

/// Numbers of a range in which the order of additions shows; now and then any bits.
Arrays DrawArrays(const Collective& c, SumType type, std::mt19937_64* random) {
  Arrays arrays(c.chips());
  for (auto& array : arrays) {
    for (uint64_t i = 0; i < c.elements; ++i) {
      const auto bits = static_cast<uint32_t>((*random)());
      uint32_t value = bits;
      if (type != SumType::kS32 && (*random)() % 16 != 0) {
        value = (bits & 0x807fffff) | static_cast<uint32_t>(120 + (*random)() % 14) << 23;
      }
      if (type == SumType::kBf16) value >>= 16;
      for (uint32_t b = 0; b < c.element_bytes; ++b) {
        array.push_back(static_cast<uint8_t>(value >> 8 * b));
      }
    }
  }
  return arrays;
}

Collective DrawCollective(SumType type, std::mt19937_64* random) {
  Collective c;
  c.element_bytes = SumBytes(type);
  const uint64_t axes = 1 + (*random)() % 3;
  for (uint64_t a = 0; a < axes; ++a) {
    c.rings.push_back(static_cast<uint32_t>(1 + (*random)() % (axes == 1 ? 9 : 4)));
  }
  c.elements = (*random)() % 2 == 0 ? (*random)() % 12 : (*random)() % 150;
  c.ways = static_cast<uint32_t>(1 + (*random)() % 2);
  c.all_axes_at_once = (*random)() % 2 == 0;
  c.root = static_cast<uint32_t>((*random)() % c.chips());
  c.pieces = static_cast<uint32_t>((*random)() % 6);
  return c;
}

TEST(Collective, SumsInTheDefinedOrder) {
  std::mt19937_64 random(21);
  for (int round = 0; round < 600; ++round) {
    const SumType type = kTypes[round % 3];
    Collective c = DrawCollective(type, &random);
    const Arrays inputs = DrawArrays(c, type, &random);
    Arrays sums = inputs, scattered = inputs;
    c.kind = CollectiveKind::kAllReduce;
    ASSERT_TRUE(CheckCollective(c).ok());
    RunCollective(c, type, {.seed = random()}, &sums);
    c.kind = CollectiveKind::kReduceScatter;
    RunCollective(c, type, {.seed = random()}, &scattered);
    std::vector<uint8_t> want;
    std::vector<uint64_t> owned(c.chips());
    for (uint64_t e = 0; e < c.elements; ++e) {
      const PlainSum plain = PlainSumOf(c, type, inputs, e);
      for (uint32_t b = 0; b < c.element_bytes; ++b) {
        want.push_back(static_cast<uint8_t>(plain.sum >> 8 * b));
      }
      EXPECT_EQ(ElementAt(scattered[plain.owner], e, c.element_bytes), plain.sum);
      ++owned[plain.owner];
    }
    for (const auto& array : sums) ASSERT_EQ(array, want) << "round " << round;
    for (uint32_t chip = 0; chip < c.chips(); ++chip) {
      uint64_t size = 0;
      for (const ElementRange& piece : OwnedBy(c, chip)) size += piece.size();
      EXPECT_EQ(size, owned[chip]);
    }
  }
}

TEST(Collective, GathersAndBroadcasts) {
  std::mt19937_64 random(22);
  for (int round = 0; round < 600; ++round) {
    const SumType type = kTypes[round % 3];
    Collective c = DrawCollective(type, &random);
    const Arrays inputs = DrawArrays(c, type, &random);
    Arrays gathered = inputs, spread = inputs;
    c.kind = CollectiveKind::kAllGather;
    RunCollective(c, type, {.seed = random()}, &gathered);
    std::vector<uint8_t> want(c.elements * c.element_bytes);
    for (uint32_t chip = 0; chip < c.chips(); ++chip) {
      for (const ElementRange& piece : OwnedBy(c, chip)) {
        std::copy(inputs[chip].begin() + piece.begin * c.element_bytes,
                  inputs[chip].begin() + piece.end * c.element_bytes,
                  want.begin() + piece.begin * c.element_bytes);
      }
    }
    for (const auto& array : gathered) ASSERT_EQ(array, want) << "round " << round;
    c.kind = CollectiveKind::kBroadcast;
    RunCollective(c, type, {.seed = random()}, &spread);
    for (const auto& array : spread) ASSERT_EQ(array, inputs[c.root]) << "round " << round;
  }
}

/// On tori a chip that is ahead would add to a neighbour's sum before that is complete.
TEST(Collective, AsksKeepTheOrder) {
  std::mt19937_64 random(23);
  Collective c;
  c.rings = {3, 3};
  c.elements = 72;
  int others = 0;
  for (int round = 0; round < 40; ++round) {
    Arrays with = DrawArrays(c, SumType::kF32, &random), without = with;
    RunCollective(c, SumType::kF32, {.seed = random()}, &with);
    RunCollective(c, SumType::kF32, {.seed = random(), .heeds_asks = false}, &without);
    others += with != without ? 1 : 0;
  }
  EXPECT_GT(others, 0);
}

/// Each link carries what the bytes say, and what arrives is what was sent.
TEST(Collective, Bytes) {
  std::mt19937_64 random(24);
  for (int round = 0; round < 200; ++round) {
    Collective c = DrawCollective(SumType::kF32, &random);
    c.kind = static_cast<CollectiveKind>(round % 4);
    using Key = std::tuple<uint32_t, uint32_t, uint32_t, uint32_t, uint64_t>;
    std::vector<Key> sent, arrived;
    const auto key = [](const Send& s) {
      return Key(s.from, s.to, s.part, s.step, s.elements.begin);
    };
    for (uint32_t chip = 0; chip < c.chips(); ++chip) {
      for (const Send& send : SendsOf(c, chip)) {
        EXPECT_EQ(send.from, chip);
        EXPECT_NE(send.to, chip);
        EXPECT_LT(send.step, StepsOf(c));
        EXPECT_GT(send.elements.size(), 0u);
        EXPECT_LE(send.round, send.step);
        EXPECT_EQ(send.elements.begin * c.element_bytes % 16, 0u);
        sent.push_back(key(send));
      }
      for (const Send& send : ArrivalsOf(c, chip)) {
        EXPECT_EQ(send.to, chip);
        arrived.push_back(key(send));
      }
    }
    std::sort(sent.begin(), sent.end());
    std::sort(arrived.begin(), arrived.end());
    EXPECT_EQ(sent, arrived);
  }
  // 2 x n (p - 1) / p of an all-reduce, as docs/pod.md says.
  Collective c;
  c.rings = {8};
  c.elements = 1024;
  uint64_t bytes = 0;
  for (const Send& send : SendsOf(c, 5)) bytes += send.elements.size() * 4;
  EXPECT_EQ(bytes, 2u * 4096 * 7 / 8);
  EXPECT_EQ(StepsOf(c), 14u);
}

TEST(Collective, CyclesAreTheBoundAndTheAsks) {
  const LinkRate link{.latency = 60};
  for (uint32_t p = 2; p <= 8; ++p) {
    for (const uint64_t bytes : {uint64_t{65536}, uint64_t{1} << 20, uint64_t{5} << 24}) {
      for (uint32_t ways = 1; ways <= 2; ++ways) {
        Collective c;
        c.rings = {p};
        c.ways = ways;
        c.elements = bytes / 4 / (16 * p) * (16 * p);  // even pieces
        const double n = static_cast<double>(c.elements) * 4 / ways;
        const double bound = 2 * (p - 1) * (n / (p * link.bytes_per_cycle) + link.latency);
        EXPECT_NEAR(CyclesBound(c, link), bound, 1e-9 * bound);
        EXPECT_NEAR(PlayCollective(c, link), bound + link.latency, 1e-9 * bound);
        EXPECT_LE(PlayCollective(c, link), 1.1 * bound);
      }
    }
  }
  // A torus all of whose links are busy all the time.
  Collective torus;
  torus.rings = {4, 4};
  torus.ways = 2;
  torus.all_axes_at_once = true;
  torus.elements = 1 << 16;
  EXPECT_NEAR(PlayCollective(torus, link), CyclesBound(torus, link) + 3 * link.latency, 1e-6);
  Collective broadcast = torus;
  broadcast.kind = CollectiveKind::kBroadcast;
  broadcast.rings = {8};
  broadcast.pieces = 16;
  EXPECT_NEAR(PlayCollective(broadcast, link), CyclesBound(broadcast, link) + link.latency, 1e-6);
}

TEST(Collective, Refusals) {
  const auto refused = [](const std::function<void(Collective*)>& change) {
    Collective c;
    c.rings = {4};
    c.elements = 16;
    change(&c);
    const Status status = CheckCollective(c);
    return !status.ok() && status.errors().front().code == DiagnosticCode::kCollective &&
           !status.errors().front().hint.empty();
  };
  EXPECT_FALSE(refused([](Collective*) {}));
  EXPECT_TRUE(refused([](Collective* c) { c->rings = {}; }));
  EXPECT_TRUE(refused([](Collective* c) { c->rings = {4, 0}; }));
  EXPECT_TRUE(refused([](Collective* c) { c->rings = {4096, 4096}; }));
  EXPECT_TRUE(refused([](Collective* c) { c->rings = {0xffffffff, 0xffffffff}; }));
  EXPECT_TRUE(refused([](Collective* c) { c->element_bytes = 0; }));
  EXPECT_TRUE(refused([](Collective* c) { c->element_bytes = 3; }));
  EXPECT_TRUE(refused([](Collective* c) { c->element_bytes = 32; }));
  EXPECT_TRUE(refused([](Collective* c) { c->elements = uint64_t{1} << 63; }));
  EXPECT_TRUE(refused([](Collective* c) { c->ways = 0; }));
  EXPECT_TRUE(refused([](Collective* c) { c->ways = 3; }));
  EXPECT_TRUE(refused([](Collective* c) { c->root = 4; }));
  EXPECT_TRUE(refused([](Collective* c) { c->pieces = 0xffffffff; }));
}

std::vector<uint8_t> FromHex(const std::string& text) {
  std::vector<uint8_t> bytes;
  for (size_t i = 0; i + 1 < text.size(); i += 2) {
    bytes.push_back(static_cast<uint8_t>(std::stoul(text.substr(i, 2), nullptr, 16)));
  }
  return bytes;
}

TEST(SharedLinks, Collectives) {
  if (testing::SharedLinksFolder().empty()) GTEST_SKIP() << testing::kNoSharedLinks;
  const nlohmann::json cases = testing::SharedLinksJson("pod/collectives.json");
  ASSERT_EQ(cases.size(), 24u);
  for (const nlohmann::json& given : cases) {
    const SumType type = *SumTypeOf(given.at("type").get<std::string>());
    const uint32_t size = SumBytes(type);
    Collective c;
    c.element_bytes = size;
    c.elements = given.at("elements");
    c.rings = {given.at("chips").get<uint32_t>()};
    Arrays inputs;
    for (const auto& input : given.at("inputs")) inputs.push_back(FromHex(input));
    for (uint64_t seed = 1; seed <= 4; ++seed) {
      c.kind = CollectiveKind::kReduceScatter;
      Arrays arrays = inputs;
      RunCollective(c, type, {.seed = seed}, &arrays);
      for (uint32_t chip = 0; chip < c.chips(); ++chip) {
        const ElementRange piece = OwnedBy(c, chip).front();
        EXPECT_EQ(nlohmann::json({piece.begin, piece.end}), given.at("cut").at(chip));
        EXPECT_EQ(std::vector<uint8_t>(arrays[chip].begin() + piece.begin * size,
                                       arrays[chip].begin() + piece.end * size),
                  FromHex(given.at("reduce_scatter").at(chip)));
        uint64_t bytes = 0;
        for (const Send& send : SendsOf(c, chip)) bytes += send.elements.size() * size;
        EXPECT_EQ(bytes, given.at("sent_reduce_scatter").at(chip));
      }
      c.kind = CollectiveKind::kAllGather;
      for (uint32_t chip = 0; chip < c.chips(); ++chip) {
        uint64_t bytes = 0;
        for (const Send& send : SendsOf(c, chip)) bytes += send.elements.size() * size;
        EXPECT_EQ(bytes, given.at("sent_all_gather").at(chip));
      }
      c.kind = CollectiveKind::kAllReduce;
      arrays = inputs;
      RunCollective(c, type, {.seed = seed}, &arrays);
      for (const auto& array : arrays) EXPECT_EQ(array, FromHex(given.at("all_reduce")));
    }
  }
}

}  // namespace
}  // namespace npugen

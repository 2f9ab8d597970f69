// SPDX-License-Identifier: Apache-2.0
// Zero-value compression: examples by hand, random data there and back, damaged streams, and the
// streams of NPUGEN_SHARED_LINKS, which are no part of the repository.
#include "sw/numerics/zero_values.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <random>
#include <string>

#include "tests/support/shared_links.h"

namespace npugen::numerics {
namespace {

using Bytes = std::vector<uint8_t>;

TEST(ZeroValues, StreamsByHand) {
  EXPECT_EQ(PackZeroValues({}, Bytes{}), Bytes{});
  EXPECT_EQ(PackZeroValues({}, Bytes{0, 7, 0, 9}), (Bytes{0x0a, 0, 0, 0, 7, 9}));
  EXPECT_EQ(PackZeroValues({1, 0x80}, Bytes{0x80, 0, 0x80}), (Bytes{0x02, 0, 0, 0, 0}));
  EXPECT_EQ(PackZeroValues({2, 0x100}, Bytes{0, 1, 1, 0}), (Bytes{0x02, 0, 0, 0, 1, 0}));
  // Minus zero is none.
  EXPECT_EQ(PackZeroValues({4, 0}, Bytes{0, 0, 0, 0x80, 0, 0, 0, 0}),
            (Bytes{0x01, 0, 0, 0, 0, 0, 0, 0x80}));
  // The mask of a second block begins behind the elements of the first one.
  Bytes data(33);
  data[31] = 5, data[32] = 6;
  EXPECT_EQ(PackZeroValues({}, data), (Bytes{0, 0, 0, 0x80, 5, 1, 0, 0, 0, 6}));
}

TEST(ZeroValues, ThereAndBack) {
  std::mt19937_64 random(1);
  for (int round = 0; round < 3000; ++round) {
    ZeroValueElements of;
    of.bytes = 1u << random() % 3;
    of.zero = static_cast<uint32_t>(random()) & (0xffffffffu >> (32 - 8 * of.bytes));
    Bytes data(random() % 130 * of.bytes);
    size_t others = 0;
    for (size_t i = 0; i < data.size(); i += of.bytes) {
      const bool zero = random() % 3 == 0;
      const uint32_t value = zero ? of.zero : of.zero ^ 1u << random() % (8 * of.bytes);
      for (size_t b = 0; b < of.bytes; ++b) data[i + b] = static_cast<uint8_t>(value >> 8 * b);
      others += !zero;
    }
    const Bytes stream = PackZeroValues(of, data);
    const size_t blocks = (data.size() / of.bytes + 31) / 32;
    EXPECT_EQ(stream.size(), 4 * blocks + others * of.bytes);
    Bytes back(data.size(), 0xee);
    EXPECT_EQ(ExpandZeroValues(of, stream, back), ZeroValueProblem::kNone);
    EXPECT_EQ(back, data);
    // Shorter by a byte, and longer.
    if (!stream.empty()) {
      EXPECT_EQ(ExpandZeroValues(of, std::span(stream).first(stream.size() - 1), back),
                ZeroValueProblem::kTooShort);
    }
    Bytes longer = stream;
    longer.push_back(0);
    EXPECT_EQ(ExpandZeroValues(of, longer, back), ZeroValueProblem::kTooLong);
    // A bit of an element that does not exist.
    const size_t last = data.size() / of.bytes % 32;
    if (last == 0) continue;
    Bytes beyond(4);
    beyond[last / 8] = static_cast<uint8_t>(1u << last % 8);
    EXPECT_EQ(ExpandZeroValues(of, beyond, std::span(back).first(last * of.bytes)),
              ZeroValueProblem::kMaskBeyond);
  }
}

Bytes FromHex(const std::string& hex) {
  Bytes bytes;
  for (size_t i = 0; i < hex.size(); i += 2) {
    bytes.push_back(static_cast<uint8_t>(std::stoul(hex.substr(i, 2), nullptr, 16)));
  }
  return bytes;
}

ZeroValueElements ElementsOf(const nlohmann::json& vector) {
  ZeroValueElements of{vector["element"], 0};
  const Bytes zero = FromHex(vector["zero"]);
  for (size_t b = 0; b < zero.size(); ++b) of.zero |= uint32_t{zero[b]} << 8 * b;
  return of;
}

TEST(ZeroValues, SharedStreams) {
  if (testing::SharedLinksFolder().empty()) GTEST_SKIP() << testing::kNoSharedLinks;
  const nlohmann::json vectors = testing::SharedLinksJson("compress/vectors.json");
  int good = 0, bad = 0;
  for (const nlohmann::json& vector : vectors["good"]) {
    if (vector["codec"] != "zvc") continue;
    SCOPED_TRACE(vector["name"].get<std::string>());
    const Bytes data = FromHex(vector["data"]), code = FromHex(vector["code"]);
    EXPECT_EQ(PackZeroValues(ElementsOf(vector), data), code);
    Bytes back(data.size());
    EXPECT_EQ(ExpandZeroValues(ElementsOf(vector), code, back), ZeroValueProblem::kNone);
    EXPECT_EQ(back, data);
    ++good;
  }
  for (const nlohmann::json& vector : vectors["bad"]) {
    if (vector["codec"] != "zvc") continue;
    SCOPED_TRACE(vector["name"].get<std::string>());
    Bytes back(vector["elements"].get<size_t>() * vector["element"].get<size_t>());
    EXPECT_NE(ExpandZeroValues(ElementsOf(vector), FromHex(vector["code"]), back),
              ZeroValueProblem::kNone);
    ++bad;
  }
  EXPECT_EQ(good, 112);
  EXPECT_EQ(bad, 3);
}

}  // namespace
}  // namespace npugen::numerics

// SPDX-License-Identifier: Apache-2.0
// The checks of links: their definition against vectors that npugen did not compute
// (NPUGEN_SHARED_LINKS), their matrices against the definition. The benches rtl.crc* simulate the
// printed text.
#include "generator/emit/crc.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <random>

#include "tests/generator/support.h"
#include "tests/support/shared_links.h"

namespace npugen {
namespace {

using Bytes = std::vector<uint8_t>;

const CrcSpec& Link() { return LinkCrcs()[0]; }
const CrcSpec& Cxl() { return LinkCrcs()[1]; }
const CrcSpec& Ucie() { return LinkCrcs()[2]; }

Bytes FromHex(const std::string& hex) {
  Bytes bytes;
  for (size_t i = 0; i < hex.size(); i += 2) {
    bytes.push_back(static_cast<uint8_t>(std::stoul(hex.substr(i, 2), nullptr, 16)));
  }
  return bytes;
}

/// A step as the printed module does it.
uint32_t Step(const CrcSpec& spec, uint32_t state, const uint8_t* data) {
  std::vector<bool> mixed(spec.bits);
  for (uint32_t i = 0; i < spec.bits; ++i) mixed[i] = (data[i / 8] >> (i % 8) & 1) != 0;
  for (uint32_t j = 0; j < spec.width; ++j) {
    const uint32_t place = CrcPlace(spec, j);
    mixed[place] = mixed[place] != ((state >> j & 1) != 0);
  }
  const std::vector<std::vector<bool>> rows = CrcMatrix(spec);
  uint32_t result = 0;
  for (uint32_t i = 0; i < spec.width; ++i) {
    bool sum = false;
    for (uint32_t k = 0; k < spec.bits; ++k) sum = sum != (rows[i][k] && mixed[k]);
    result |= sum ? 1u << i : 0;
  }
  return result;
}

/// Steps over `data`, in the order of the check.
uint32_t Steps(const CrcSpec& spec, uint32_t state, const Bytes& data) {
  const size_t bytes = spec.bits / 8;
  for (size_t i = 0; i < data.size(); i += bytes) {
    state = Step(spec, state, &data[spec.low_first ? i : data.size() - bytes - i]);
  }
  return state;
}

TEST(Crc, KnownCheckValue) {
  const std::string digits = "123456789";
  EXPECT_EQ(~CrcSerial(Link(), ~0u, Bytes(digits.begin(), digits.end())), 0xE3069283u);
}

TEST(Crc, SharedVectors) {
  if (testing::SharedLinksFolder().empty()) GTEST_SKIP() << testing::kNoSharedLinks;
  const nlohmann::json vectors = testing::SharedLinksJson("crc/vectors.json");
  const auto crc = [](const nlohmann::json& vector, const char* name = "crc") {
    return static_cast<uint32_t>(std::stoul(vector[name].get<std::string>(), nullptr, 16));
  };
  int count = 0;
  for (const nlohmann::json& vector : vectors["link"]) {
    const Bytes data = FromHex(vector["data"]);
    EXPECT_EQ(~CrcSerial(Link(), ~0u, data), crc(vector));
    ++count;
  }
  for (const nlohmann::json& vector : vectors["cxl68"]) {
    const Bytes data = FromHex(vector["payload"]);
    EXPECT_EQ(CrcSerial(Cxl(), 0, data), crc(vector));
    EXPECT_EQ(Steps(Cxl(), 0, data), crc(vector));
    ++count;
  }
  for (const nlohmann::json& vector : vectors["ucie"]) {
    Bytes last = FromHex(vector["message"]), first = last;
    last.resize(128);
    first.insert(first.begin(), 128 - first.size(), 0);
    EXPECT_EQ(Steps(Ucie(), 0, last), crc(vector));
    EXPECT_EQ(Steps(Ucie(), 0, first), crc(vector, "crc_zeros_first"));
    ++count;
  }
  EXPECT_EQ(count, 52);
}

TEST(Crc, StepsAreTheDefinition) {
  std::mt19937_64 random(5);
  std::vector<CrcSpec> specs(LinkCrcs().begin(), LinkCrcs().end());
  // Other sizes and orders.
  for (const bool low_first : {false, true}) {
    for (const bool reflected : {false, true}) {
      specs.push_back({"npu_crc_a", "A", 5, 0x5, 8, low_first, reflected});
      specs.push_back({"npu_crc_b", "B", 8, 0x7, 8, low_first, reflected});
      specs.push_back({"npu_crc_c", "C", 32, 0x04C11DB7, 64, low_first, reflected});
    }
  }
  for (const CrcSpec& spec : specs) {
    SCOPED_TRACE(::testing::Message() << spec.module << ' ' << spec.low_first << spec.reflected);
    for (int pass = 0; pass < 20; ++pass) {
      Bytes data(3 * spec.bits / 8);
      for (uint8_t& byte : data) byte = static_cast<uint8_t>(random());
      const uint64_t mask = (uint64_t{1} << spec.width) - 1;
      const uint32_t state = static_cast<uint32_t>(random() & mask);
      ASSERT_EQ(Steps(spec, state, data), CrcSerial(spec, state, data));
    }
  }
}

TEST(Crc, IsTidyAndDeterministic) {
  for (const CrcSpec& spec : LinkCrcs()) {
    const std::string text = EmitCrc(spec, "");
    npugen::testing::ExpectTidy(std::string(spec.module) + ".sv", text);
    EXPECT_EQ(text, EmitCrc(spec, ""));
  }
}

}  // namespace
}  // namespace npugen

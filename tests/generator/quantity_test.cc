// SPDX-License-Identifier: Apache-2.0
// Numbers with units.
#include "generator/spec/quantity.h"

#include <gtest/gtest.h>

namespace npugen {
namespace {

using State = Quantity::State;

void ExpectValue(std::string_view text, KeyKind kind, uint64_t value) {
  const Quantity quantity = ParseQuantity(text, kind);
  EXPECT_EQ(quantity.state, State::kValue) << text;
  EXPECT_EQ(quantity.value, value) << text;
}

void ExpectState(std::string_view text, KeyKind kind, State state) {
  EXPECT_EQ(ParseQuantity(text, kind).state, state) << text;
}

TEST(Quantity, Values) {
  ExpectValue("16", KeyKind::kCount, 16);
  ExpectValue("0", KeyKind::kCount, 0);
  ExpectValue("128 KiB", KeyKind::kBytes, 131072);
  ExpectValue("128KiB", KeyKind::kBytes, 131072);
  ExpectValue("0.5 KiB", KeyKind::kBytes, 512);
  ExpectValue("1.50 MiB", KeyKind::kBytes, 1572864);
  ExpectValue("2.0 B", KeyKind::kBytes, 2);
  ExpectValue("300", KeyKind::kBytes, 300);
  ExpectValue("1.066 GHz", KeyKind::kHertz, 1'066'000'000);
  ExpectValue("32.768 kHz", KeyKind::kHertz, 32'768);
  ExpectValue("200 MHz", KeyKind::kHertz, 200'000'000);
  ExpectValue("7 Hz", KeyKind::kHertz, 7);
}

TEST(Quantity, NoNumbers) {
  for (const std::string_view text : {"", "four", "0x10", "016", "1.", ".5", "1.0", "1e3", "+1",
                                      "- 1", "1 2", "16,", "1_000", "\xc2\xbd"}) {
    ExpectState(text, KeyKind::kCount, State::kNotANumber);
  }
  for (const std::string_view text : {"KiB", "1 .5", "1.KiB", "1 %"}) {
    ExpectState(text, KeyKind::kBytes, State::kNotANumber);
  }
}

TEST(Quantity, Units) {
  ExpectState("16 lanes", KeyKind::kCount, State::kUnknownUnit);
  ExpectState("1 GiB", KeyKind::kBytes, State::kUnknownUnit);
  ExpectState("1 KiB KiB", KeyKind::kBytes, State::kUnknownUnit);
  EXPECT_EQ(ParseQuantity("64 KB", KeyKind::kBytes).hint, "did you mean `KiB`, in steps of 1024?");
  EXPECT_EQ(ParseQuantity("64 k", KeyKind::kBytes).hint, "did you mean `KiB`, in steps of 1024?");
  EXPECT_EQ(ParseQuantity("64 kib", KeyKind::kBytes).hint, "did you mean `KiB`?");
  EXPECT_EQ(ParseQuantity("1 mhz", KeyKind::kHertz).hint, "did you mean `MHz`?");
  EXPECT_EQ(ParseQuantity("1 g", KeyKind::kHertz).hint, "did you mean `GHz`?");
  EXPECT_EQ(ParseQuantity("1 rpm", KeyKind::kHertz).hint, "legal units: Hz, kHz, MHz, GHz");
}

TEST(Quantity, Limits) {
  ExpectState("0.3 KiB", KeyKind::kBytes, State::kFraction);
  ExpectState("0.1", KeyKind::kBytes, State::kFraction);
  ExpectState("1.0000000000000000001 KiB", KeyKind::kBytes, State::kFraction);
  ExpectState("-1", KeyKind::kCount, State::kNegative);
  ExpectState("-1 KiB", KeyKind::kBytes, State::kNegative);
  ExpectState("99999999999999999999", KeyKind::kCount, State::kHuge);
  ExpectState("999999999999999999 MiB", KeyKind::kBytes, State::kHuge);
}

TEST(Quantity, Identifiers) {
  EXPECT_TRUE(IsIdentifier("edge_2"));
  EXPECT_FALSE(IsIdentifier(""));
  EXPECT_FALSE(IsIdentifier("2edge"));
  EXPECT_FALSE(IsIdentifier("Edge"));
  EXPECT_FALSE(IsIdentifier("a-b"));
  EXPECT_FALSE(IsIdentifier(std::string(65, 'a')));
}

}  // namespace
}  // namespace npugen

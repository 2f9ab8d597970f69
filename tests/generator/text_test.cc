// SPDX-License-Identifier: Apache-2.0
// Text tools of the printers.
#include "generator/support/text.h"

#include <gtest/gtest.h>

namespace npugen {
namespace {

TEST(Text, WrapsAtBlanks) {
  EXPECT_EQ(WrapText("a bb ccc", 4), (std::vector<std::string>{"a bb", "ccc"}));
  EXPECT_EQ(WrapText("unbreakable x", 4), (std::vector<std::string>{"unbreakable", "x"}));
  EXPECT_TRUE(WrapText("", 4).empty());
}

TEST(Text, TableAlignsColumnsAndWrapsRemarks) {
  AlignedTable table(2, "// ");
  table.Row({"a", "", "long;"}, "short");
  table.Line("// title");
  table.Row({"bcd", "", "x;"});
  EXPECT_EQ(table.Print(), "  a   long;  // short\n  // title\n  bcd x;\n");

  AlignedTable wide(0, "// ");
  wide.Row({"x"}, std::string(60, 'a') + " " + std::string(60, 'b'));
  EXPECT_EQ(wide.Print(),
            "x  // " + std::string(60, 'a') + "\n   // " + std::string(60, 'b') + "\n");
}

TEST(Text, Names) {
  EXPECT_EQ(UpperCamel("core_memory_bytes"), "CoreMemoryBytes");
  EXPECT_EQ(UpperSnake("BadMagic"), "BAD_MAGIC");
  EXPECT_EQ(UpperSnake("error_info"), "ERROR_INFO");
}

TEST(Text, HashIsFnv1a) {
  // Published test vectors.
  EXPECT_EQ(Fnv1a64(""), 0xcbf29ce484222325u);
  EXPECT_EQ(Fnv1a64("a"), 0xaf63dc4c8601ec8cu);
  EXPECT_EQ(Fnv1a64("foobar"), 0x85944171f73967e8u);
}

TEST(Text, EditDistanceCountsSwapsOnce) {
  EXPECT_EQ(EditDistance("banks", "banks"), 0u);
  EXPECT_EQ(EditDistance("bnaks", "banks"), 1u);
  EXPECT_EQ(EditDistance("bank", "banks"), 1u);
  EXPECT_EQ(EditDistance("", "abc"), 3u);
  EXPECT_EQ(EditDistance("kitten", "sitting"), 3u);
}

TEST(Text, NearestWord) {
  EXPECT_EQ(NearestWord("lnaes", {"lanes", "banks"}), "lanes");
  EXPECT_EQ(NearestWord("colour", {"lanes", "banks"}), "");
  EXPECT_EQ(NearestWord("zz", {"x", "y"}), "");
}

TEST(Text, Units) {
  EXPECT_EQ(FormatBytes(131072), "128 KiB");
  EXPECT_EQ(FormatBytes(8 << 20), "8 MiB");
  EXPECT_EQ(FormatBytes(100), "100 B");
  EXPECT_EQ(FormatHertz(1'066'000'000), "1066 MHz");
  EXPECT_EQ(FormatHertz(2'000'000'000), "2 GHz");
  EXPECT_EQ(FormatHertz(1), "1 Hz");
}

}  // namespace
}  // namespace npugen

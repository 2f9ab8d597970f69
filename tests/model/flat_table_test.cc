// SPDX-License-Identifier: Apache-2.0
// The FlatBuffer accessors on files written byte by byte.
#include "sw/model/flat_table.h"

#include <gtest/gtest.h>

#include <vector>

namespace npugen {
namespace {

// A root table at byte 16 with its field list at byte 4 and three fields: a number (at +4), a
// vector (at +8) and nothing. The vector, at byte 28, has three elements of two bytes.
std::vector<uint8_t> SmallFile() {
  return {16, 0, 0,  0,                     // root
          10, 0, 12, 0, 4, 0, 8, 0, 0, 0,   // field list: 10 bytes, table of 12 bytes, offsets
          0,  0,                            // unused
          12, 0, 0,  0,                     // 16: field list 12 bytes back
          42, 0, 0,  0,                     // 20: field 0
          4,  0, 0,  0,                     // 24: field 1, a reference
          3,  0, 0,  0, 1, 0, 2, 0, 3, 0};  // 28: the vector
}

TEST(FlatTableTest, ReadsFields) {
  const std::vector<uint8_t> bytes = SmallFile();
  FlatFile file(bytes);
  const FlatTable root = file.Root();
  EXPECT_TRUE(root.present());
  EXPECT_EQ(root.Scalar<int32_t>(0, 7, "number"), 42);
  EXPECT_EQ(root.Scalar<int32_t>(2, 7, "number"), 7);   // stored as absent
  EXPECT_EQ(root.Scalar<int32_t>(50, 7, "number"), 7);  // beyond the list
  const FlatVector vector = root.Vector(1, 2, "vector");
  ASSERT_EQ(vector.count(), 3u);
  EXPECT_EQ(vector.At<int16_t>(2), 3);
  EXPECT_EQ(vector.At<int16_t>(3), 0);
  EXPECT_FALSE(root.Table(2, "table").present());
  EXPECT_TRUE(file.ok());
}

// The file with byte `at` changed must make `read` fail with a message.
template <typename Read>
void ExpectFailure(size_t at, uint8_t value, const char* part, Read read) {
  std::vector<uint8_t> bytes = SmallFile();
  bytes[at] = value;
  FlatFile file(bytes);
  read(file.Root());
  EXPECT_FALSE(file.ok());
  EXPECT_NE(file.failure().find(part), std::string::npos) << file.failure();
}

TEST(FlatTableTest, RefusesWhatLiesOutside) {
  const auto nothing = [](const FlatTable&) {};
  const auto number = [](const FlatTable& root) {
    EXPECT_EQ(root.Scalar<int32_t>(0, 7, "number"), 7);
  };
  const auto vector = [](const FlatTable& root) {
    EXPECT_EQ(root.Vector(1, 2, "vector").count(), 0u);
  };
  ExpectFailure(0, 200, "beyond the end", nothing);        // root
  ExpectFailure(16, 17, "field list outside", nothing);    // one byte before the file
  ExpectFailure(17, 0x80, "field list outside", nothing);  // far before it
  ExpectFailure(19, 0x80, "field list outside", nothing);  // far behind it
  ExpectFailure(4, 2, "impossible size", nothing);         // shorter than its own header
  ExpectFailure(4, 9, "impossible size", nothing);         // odd
  ExpectFailure(4, 200, "impossible size", nothing);
  ExpectFailure(6, 2, "impossible size", nothing);
  ExpectFailure(6, 200, "impossible size", nothing);
  ExpectFailure(8, 9, "outside of its table", number);          // its last byte is beyond the table
  ExpectFailure(8, 2, "outside of its table", number);          // on the table's own header
  ExpectFailure(24, 200, "beyond the end", vector);             // reference
  ExpectFailure(28, 4, "more than the file holds", vector);     // one element too many
  ExpectFailure(31, 0xff, "more than the file holds", vector);  // 4 billion
}

TEST(FlatTableTest, LimitsCopies) {
  const std::vector<uint8_t> bytes = SmallFile();
  FlatFile file(bytes);
  EXPECT_TRUE(file.Charge(1 << 20, "copy"));
  EXPECT_TRUE(file.Charge(16 * bytes.size(), "copy"));
  EXPECT_FALSE(file.Charge(1, "copy"));
  EXPECT_FALSE(file.ok());
}

}  // namespace
}  // namespace npugen

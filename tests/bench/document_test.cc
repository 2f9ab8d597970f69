// SPDX-License-Identifier: Apache-2.0
// What a bench cannot measure stays in its document.
#include "tests/bench/document.h"

#include <gtest/gtest.h>

namespace npugen::testing {
namespace {

TEST(DocumentTest, KeepsRowsThatAreNotMeasured) {
  const std::string before =
      "# Performance\n"
      "## Networks\n| name | cycles |\n| resnet8 | 54,793 |\n| vww | 43,205 |\n"
      "## Others\n| resnet8 | 1 |\n";
  Document document(before);
  document.Line("# Performance");
  document.Line("## Networks");
  document.Line("| name | cycles |");
  EXPECT_TRUE(document.Keep("| resnet8 |"));
  document.Line("| vww | 43,000 |");
  EXPECT_FALSE(document.Keep("| kws |")) << "it never stood there";
  document.Line("## Others");
  EXPECT_FALSE(document.Keep("| vww |")) << "that is a row of another section";
  EXPECT_TRUE(document.Keep("| resnet8 |"));
  EXPECT_EQ(document.text(),
            "# Performance\n"
            "## Networks\n| name | cycles |\n| resnet8 | 54,793 |\n| vww | 43,000 |\n"
            "## Others\n| resnet8 | 1 |\n");
}

TEST(DocumentTest, NothingIsKeptWithoutADocument) {
  Document document;
  document.Line("## Networks");
  EXPECT_FALSE(document.Keep("| resnet8 |"));
  EXPECT_EQ(document.text(), "## Networks\n");
}

}  // namespace
}  // namespace npugen::testing

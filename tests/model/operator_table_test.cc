// SPDX-License-Identifier: Apache-2.0
// The table of operators against the schema, the documents and the families' files.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <regex>
#include <set>
#include <string>
#include <vector>

#include "sw/model/onnx/nodes.h"
#include "sw/model/operators/rules.h"
#include "sw/model/tflite_schema.h"
#include "tests/support/files.h"
#include "verif/random/random_model.h"

namespace npugen {
namespace {

std::string Document(const std::string& path) {
  const std::vector<uint8_t> bytes = testing::ReadBytes(testing::SourcePath(path));
  return {bytes.begin(), bytes.end()};
}

/// All parts of `text` that match.
std::vector<std::string> Matches(const std::string& text, const std::string& pattern) {
  const std::regex regex(pattern);
  return {std::sregex_token_iterator(text.begin(), text.end(), regex), {}};
}

/// The row's names in the TFLite schema.
std::vector<std::string> Builtins(const OperatorRow& row) {
  std::vector<std::string> names = Matches(row.others, "[A-Z0-9_]+");
  names.insert(names.begin(), row.name);
  return names;
}

bool IsOfTflite(const OperatorRow& row) {
  return std::string(row.family) != "bits" && std::string(row.family) != "custom";
}
/// Of the host only: no random ones.
bool IsOfHost(const OperatorRow& row) {
  return row.only_host || std::string(row.family) == "recurrent";
}

std::vector<OperatorRow> Rows() {
  std::vector<OperatorRow> rows;
  for (size_t i = 0; i < kOperatorKinds; ++i) {
    rows.push_back(RowOf(static_cast<OperatorType>(i)));
    EXPECT_EQ(rows.back().type, static_cast<OperatorType>(i));
  }
  return rows;
}

TEST(OperatorTableTest, NamesAreThoseOfTheSchemaEachOnce) {
  std::set<std::string> schema, seen;
  for (int32_t code = 0; code < 200; ++code) schema.insert(tflite::BuiltinOperatorName(code));
  for (const OperatorRow& row : Rows()) {
    for (const std::string& name : Builtins(row)) {
      EXPECT_EQ(schema.contains(name), IsOfTflite(row)) << name;
      EXPECT_TRUE(seen.insert(name).second) << name << " is in two rows";
      ASSERT_NE(FindBuiltin(name), nullptr) << name;
      EXPECT_EQ(FindBuiltin(name)->type, row.type) << name;
    }
  }
  for (const char* name : {"", "SPLIT_", "SQUEEZE, EXPAND_DIMS", "CUSTOM", "operator 200"}) {
    EXPECT_EQ(FindBuiltin(name), nullptr) << name;
  }
}

/// Random ones are drawn of all rows but those of the bits, host and recurrent families, which come
/// last.
TEST(OperatorTableTest, RowsOfTfliteComeFirst) {
  const std::vector<OperatorRow> rows = Rows();
  for (size_t i = 0; i < rows.size(); ++i) {
    EXPECT_EQ(IsOfTflite(rows[i]) && !IsOfHost(rows[i]),
              i < static_cast<size_t>(testing::kDrawnOperators))
        << rows[i].name;
  }
}

/// Where the table says a row's rules are is where they are.
TEST(OperatorTableTest, FamiliesHoldTheirRows) {
  std::map<std::string, std::string> files;
  const auto holds = [&](const std::string& family, const std::string& rules) {
    std::string& text = files[family];
    if (text.empty()) text = Document(fmt::format("sw/model/operators/{}.cc", family));
    return text.find(fmt::format("const OperatorRules {} =", rules)) != std::string::npos;
  };
#define NPUGEN_OPERATOR(kind, name, others, family, limits) \
  EXPECT_TRUE(holds(#family, "k" #kind "Rules")) << name;
#include "sw/model/operators.def"
#undef NPUGEN_OPERATOR
}

TEST(OperatorTableTest, DocumentNamesAllOnnxNodes) {
  const std::string text = Document("docs/onnx.md");
  for (const symbolic::NodeRow& row : symbolic::NodeRows()) {
    EXPECT_NE(text.find(fmt::format("`{}`", row.type)), std::string::npos) << row.type;
    EXPECT_EQ(symbolic::FindNode(row.type), &row) << row.type;
  }
}

}  // namespace
}  // namespace npugen

// SPDX-License-Identifier: Apache-2.0
// What the commands print against what the documents say: figures of networks, keys of the reports.
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "generator/support/process.h"
#include "tests/support/files.h"

namespace npugen::testing {
namespace {

namespace fs = std::filesystem;

using Row = std::vector<std::string>;

std::vector<std::string> LinesOf(const std::string& document) {
  const std::vector<uint8_t> bytes = ReadBytes(SourcePath(document));
  std::istringstream text(std::string(bytes.begin(), bytes.end()));
  std::vector<std::string> lines;
  for (std::string line; std::getline(text, line);) lines.push_back(line);
  return lines;
}

/// The cells of a row of a Markdown table, without spaces around them.
Row Cells(const std::string& line) {
  Row cells;
  std::istringstream text(line.substr(1));
  for (std::string cell; std::getline(text, cell, '|');) {
    const size_t begin = cell.find_first_not_of(' '), end = cell.find_last_not_of(' ');
    cells.push_back(begin == std::string::npos ? "" : cell.substr(begin, end - begin + 1));
  }
  return cells;
}

/// The rows of all tables below a heading, up to the next heading, without heads.
std::vector<Row> Table(const std::string& document, const std::string& heading) {
  std::vector<Row> rows;
  bool inside = false;
  for (const std::string& line : LinesOf(document)) {
    if (line.starts_with('#')) inside = line == heading;
    if (!inside || !line.starts_with('|')) continue;
    if (line.starts_with("| ---")) {
      rows.pop_back();
    } else {
      rows.push_back(Cells(line));
    }
  }
  EXPECT_FALSE(rows.empty()) << document << ", " << heading;
  return rows;
}

/// A number as documents show it: 1,580,300.
std::string Thousands(uint64_t number) {
  if (number < 1000) return fmt::format("{}", number);
  return fmt::format("{},{:03}", Thousands(number / 1000), number % 1000);
}

std::string Percent(double share) { return fmt::format("{:.1f} %", 100 * share); }

/// Runs npugen with --json and gives what it wrote.
nlohmann::json Report(const std::vector<std::string>& arguments) {
  const fs::path file = fs::path(::testing::TempDir()) / "npugen_figures.json";
  std::vector<std::string> command = {NPUGEN_PROGRAM};
  command.insert(command.end(), arguments.begin(), arguments.end());
  command.insert(command.end(), {"--json", file.string()});
  const Result<int> status = RunProcess(command, ".", file.string() + ".log");
  EXPECT_TRUE(status.ok() && *status == 0) << fmt::format("{}", fmt::join(command, " "));
  std::ifstream stream(file);
  return nlohmann::json::parse(stream);
}

struct Network {
  const char* label;
  const char* folder;  ///< in the shared models
};
constexpr Network kNetworks[] = {
    {"resnet8", "resnet8_cifar10"},
    {"DS-CNN keyword spotting", "kws_dscnn"},
    {"MobileNetV1 0.25 visual wake words", "vww_mobilenet"},
    {"autoencoder anomaly detection", "ad_autoencoder"},
    {"streaming wake word", "streaming_ww"},
    {"MobileNetV2 1.0 224", "mobilenet_v2_224"},
    {"MobileNetV2 0.35 160", "mobilenet_v2_160_035"},
    {"micro speech", "micro_speech"},
};

/// docs/performance.md by label: MACs, cold, use, goal, known best, cached, use, bytes read.
std::map<std::string, Row> Documented() {
  std::map<std::string, Row> rows;
  for (const Row& row : Table("docs/performance.md", "## Networks on `edge`")) rows[row[0]] = row;
  return rows;
}

void ExpectAsDocumented(const nlohmann::json& report, const Row& row) {
  EXPECT_EQ(Thousands(report["macs"]), row[1]) << row[0];
  EXPECT_EQ(Thousands(report["first"]["cycles"]), row[2]) << row[0];
  EXPECT_EQ(Percent(report["first"]["utilization"]), row[3]) << row[0];
  EXPECT_EQ(report["cycles_first"], report["first"]["cycles"]) << row[0];
  if (!report["cached"].is_null()) {
    EXPECT_EQ(Thousands(report["cached"]["cycles"]), row[6]) << row[0];
    EXPECT_EQ(Percent(report["cached"]["utilization"]), row[7]) << row[0];
  }
  EXPECT_EQ(Thousands(report["first"]["bytes_read"]), row[8]) << row[0];
}

TEST(Figures, RunPrintsWhatIsDocumented) {
  const std::map<std::string, Row> documented = Documented();
  const std::string spec = SourcePath("specs/edge.yaml");
  ExpectAsDocumented(Report({"run", spec, SourcePath("models/digits/digits_cnn_int8.tflite")}),
                     documented.at("digits CNN (models/digits)"));
  bool complete = true;
  for (const Network& network : kNetworks) {
    const std::string model = NetworkFile(network.folder);
    ASSERT_TRUE(documented.contains(network.label)) << network.label;
    complete &= !model.empty();
    if (model.empty()) continue;
    ExpectAsDocumented(Report({"run", spec, model}), documented.at(network.label));
  }
  if (!complete) GTEST_SKIP() << kNoReference << " (the others were compared)";
}

// README repeats rows of docs/performance.md, shares of less than one digit after the point.
TEST(Figures, ReadmeRepeatsTheDocuments) {
  const std::map<std::string, Row> documented = Documented();
  int compared = 0;
  for (const Row& row : Table("README.md", "## What it measures today")) {
    const auto found = documented.find(row[0]);
    if (found == documented.end()) continue;
    ++compared;
    EXPECT_EQ(row[1], found->second[1]) << row[0];
    EXPECT_EQ(row[2], found->second[2]) << row[0];
    EXPECT_NEAR(std::stod(row[3]), std::stod(found->second[3]), 0.5) << row[0];
    EXPECT_EQ(row[4], found->second[5]) << row[0];
  }
  EXPECT_GE(compared, 6);
}

/// The demonstration on a few images: its cold and cached figures are those of the documents.
TEST(Figures, DemoPrintsWhatIsDocumented) {
  const nlohmann::json demo = Report({"demo", "--no-area", "--images", "3"});
  std::map<std::string, Row> readme;
  for (const Row& row : Table("README.md", "## What it measures today")) readme[row[0]] = row;
  for (const nlohmann::json& network : demo["networks"]) {
    const std::string name = network["name"];
    const auto found = std::find_if(readme.begin(), readme.end(), [&name](const auto& row) {
      return row.first.starts_with(name);
    });
    ASSERT_NE(found, readme.end()) << name;
    EXPECT_EQ(Thousands(network["cycles_first"]), found->second[2]) << name;
    const double mean = network["cycles_per_image"];
    EXPECT_EQ(Thousands(static_cast<uint64_t>(mean + 0.5)), found->second[3]) << name;
  }
  for (const char* name : {"bnn", "fracbnn"}) {
    const nlohmann::json report =
        Report({"run", SourcePath("specs/edge_bnn.yaml"),
                SourcePath(fmt::format("models/digits/{}/digits_{}.json", name, name))});
    bool found = false;
    for (const Row& row : Table("docs/performance.md", "## Bits")) {
      if (row[0] != fmt::format("digits, {}, cached", name)) continue;
      found = true;
      EXPECT_EQ(Thousands(report["cached"]["cycles"]), row[1]) << name;
      EXPECT_EQ(Percent(report["cached"]["utilization"]), row[2]) << name;
    }
    EXPECT_TRUE(found) << name;
  }
}

/// The keys that the tables below a heading list, in the order of the text; a paragraph that is no
/// table begins the next set.
std::vector<std::set<std::string>> DocumentedKeys(const std::string& heading) {
  std::vector<std::set<std::string>> tables;
  bool inside = false;
  const std::regex key("`([a-z_]+)`");
  for (const std::string& line : LinesOf("docs/run-json.md")) {
    if (line.starts_with('#')) inside = line == heading;
    if (!inside || !line.starts_with('|')) continue;
    if (line.starts_with("| ---")) {
      tables.emplace_back();
      continue;
    }
    if (line.starts_with("| key")) continue;
    const std::string cell = Cells(line)[0];
    for (std::sregex_iterator at(cell.begin(), cell.end(), key), end; at != end; ++at) {
      tables.back().insert((*at)[1]);
    }
  }
  return tables;
}

std::set<std::string> KeysOf(const nlohmann::json& object) {
  std::set<std::string> keys;
  for (const auto& [key, value] : object.items()) keys.insert(key);
  return keys;
}

TEST(Figures, KeysOfReportsAreDocumented) {
  const std::string model = SourcePath("models/digits/digits_cnn_int8.tflite");
  const std::string spec = SourcePath("specs/edge.yaml");
  const std::vector<std::set<std::string>> run =
      DocumentedKeys("## `npugen run --json FILE`, `npugen estimate --json FILE`");
  ASSERT_EQ(run.size(), 3u);
  const nlohmann::json report = Report({"run", spec, model});
  EXPECT_EQ(KeysOf(report), run[0]);
  EXPECT_EQ(KeysOf(report["layers"][0]), run[1]);
  EXPECT_EQ(KeysOf(report["causes"]), run[2]);
  std::set<std::string> estimated = run[0];
  for (const char* key :
       {"tensors_checked", "elements_checked", "mismatches", "first_mismatch", "sim_hz"}) {
    estimated.erase(key);
  }
  EXPECT_EQ(KeysOf(Report({"estimate", spec, model})), estimated);

  const std::vector<std::set<std::string>> turns =
      DocumentedKeys("## `npugen run --json FILE` of jobs in turn");
  ASSERT_EQ(turns.size(), 2u);
  const nlohmann::json jobs = Report({"run", spec, model, model, "--jobs-order", "1,2,1"});
  EXPECT_EQ(KeysOf(jobs), turns[0]);
  EXPECT_EQ(KeysOf(jobs["jobs"][0]), turns[1]);
  EXPECT_EQ(jobs["jobs"].size(), 3u);
  EXPECT_EQ(jobs["mismatches"], 0);

  const std::vector<std::set<std::string>> demo = DocumentedKeys("## `npugen demo --json FILE`");
  ASSERT_EQ(demo.size(), 2u);
  const nlohmann::json digits = Report({"demo", "--no-area", "--images", "1"});
  EXPECT_EQ(KeysOf(digits), demo[0]);
  EXPECT_EQ(KeysOf(digits["networks"][0]), demo[1]);
}

}  // namespace
}  // namespace npugen::testing

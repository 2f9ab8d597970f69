// SPDX-License-Identifier: Apache-2.0
// Specs that are wrong: every error by code, line and column, and hostile input.
//
// Each file in tests/bad_specs ends with the errors it must give, in order:
//     # expect S110 4:3
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>
#include <sstream>

#include "generator/config/load.h"
#include "generator/config/spec_reference.h"
#include "generator/spec/schema.h"
#include "generator/spec/yaml_tree.h"
#include "tests/generator/support.h"

namespace npugen {
namespace {

namespace fs = std::filesystem;
using testing::kSourceDir;
using testing::ReadFile;

std::vector<fs::path> BadSpecs() {
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(kSourceDir / "tests/bad_specs")) {
    files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

/// `S110 4:3` lines.
std::string Expected(const std::string& text) {
  std::istringstream lines(text);
  std::string line;
  std::string out;
  constexpr std::string_view kMark = "# expect ";
  while (std::getline(lines, line)) {
    if (line.starts_with(kMark)) out += line.substr(kMark.size()) + '\n';
  }
  return out;
}

std::string Summary(const Result<NpuConfig>& result) {
  if (result) return "legal\n";
  std::string out;
  for (const Diagnostic& error : result.errors()) {
    out +=
        fmt::format("{} {}:{}\n", CodeText(error.code), error.location.line, error.location.column);
  }
  return out;
}

class BadSpec : public ::testing::TestWithParam<fs::path> {};

TEST_P(BadSpec, GivesItsErrors) {
  const Result<NpuConfig> result = LoadSpec(GetParam().string());
  const std::string expected = Expected(ReadFile(GetParam()));
  EXPECT_FALSE(expected.empty());
  EXPECT_EQ(Summary(result), expected);
  if (result) return;
  for (const Diagnostic& error : result.errors()) {
    EXPECT_EQ(error.location.file, GetParam().string());
    EXPECT_FALSE(error.message.empty());
    EXPECT_FALSE(error.hint.empty()) << error.message;
    EXPECT_EQ(ExitStatus(error.code), 3);
  }
}

INSTANTIATE_TEST_SUITE_P(All, BadSpec, ::testing::ValuesIn(BadSpecs()),
                         [](const auto& info) { return info.param.stem().string(); });

TEST(BadSpecs, CoverEveryCode) {
  std::string all;
  for (const fs::path& file : BadSpecs()) all += ReadFile(file);
  for (const DiagnosticCode code : AllDiagnosticCodes()) {
    // What is no text is tested below; pods (S14x) and trainings (S15x) have tests of their own.
    const std::string_view text = CodeText(code);
    if (!text.starts_with('S') || text.starts_with("S14") || text.starts_with("S15")) continue;
    if (code == DiagnosticCode::kSpecNotText) continue;
    EXPECT_NE(all.find(fmt::format("# expect {} ", CodeText(code))), std::string::npos)
        << CodeText(code);
  }
}

TEST(Diagnostics, CodesAreUnique) {
  std::set<std::string_view> codes;
  for (const DiagnosticCode code : AllDiagnosticCodes()) {
    EXPECT_TRUE(codes.insert(CodeText(code)).second) << CodeText(code);
  }
}

DiagnosticCode CodeOf(const std::string& text) {
  const Result<NpuConfig> result = LoadSpecText(text, "x.yaml");
  if (result) {
    ADD_FAILURE() << "accepted";
    return DiagnosticCode::kInternal;
  }
  return result.errors().front().code;
}

TEST(HostileSpec, Files) {
  const testing::TemporaryFolder folder;
  const auto code_of_file = [](const fs::path& path) {
    const Result<NpuConfig> result = LoadSpec(path.string());
    return result ? DiagnosticCode::kInternal : result.errors().front().code;
  };
  EXPECT_EQ(code_of_file(folder.path() / "none.yaml"), DiagnosticCode::kFileRead);
  EXPECT_EQ(code_of_file(folder.path()), DiagnosticCode::kFileRead);
  EXPECT_EQ(code_of_file("/dev/zero"), DiagnosticCode::kFileRead);
  EXPECT_EQ(code_of_file("/dev/null"), DiagnosticCode::kFileRead);
  EXPECT_EQ(code_of_file(""), DiagnosticCode::kFileRead);
  testing::WriteFile(folder.path() / "big.yaml", std::string(10 << 20, '['));
  EXPECT_EQ(code_of_file(folder.path() / "big.yaml"), DiagnosticCode::kSpecTooLarge);
}

TEST(HostileSpec, Text) {
  EXPECT_EQ(CodeOf(""), DiagnosticCode::kSpecEmpty);
  EXPECT_EQ(CodeOf("\n\n"), DiagnosticCode::kSpecEmpty);
  EXPECT_EQ(CodeOf(std::string("a: \0", 4)), DiagnosticCode::kSpecNotText);
  EXPECT_EQ(CodeOf("name: \xff\xfe"), DiagnosticCode::kSpecNotText);
  EXPECT_EQ(CodeOf("name: \xc3"), DiagnosticCode::kSpecNotText);
  EXPECT_EQ(CodeOf("name: \x1b[31m"), DiagnosticCode::kSpecNotText);
  EXPECT_EQ(CodeOf(std::string(10'000, '[')), DiagnosticCode::kSpecTooLarge);
  EXPECT_EQ(CodeOf(std::string(10'000, '{')), DiagnosticCode::kSpecTooLarge);

  std::string nested;
  for (int i = 0; i < 200; ++i) nested += std::string(i, ' ') + "a:\n";
  EXPECT_EQ(CodeOf(nested), DiagnosticCode::kSpecTooLarge);
  std::string markers;
  for (int i = 0; i < 10'000; ++i) markers += "? ";
  EXPECT_EQ(CodeOf(markers), DiagnosticCode::kSpecTooLarge);

  const Result<NpuConfig> binary = LoadSpecText("ab\nc\x01", "x.yaml");
  ASSERT_FALSE(binary);
  EXPECT_EQ(binary.errors().front().location.line, 2);
  EXPECT_EQ(binary.errors().front().location.column, 2);
}

TEST(HostileSpec, LineEndingsAndByteOrderMarkAreFine) {
  std::string text = ReadFile(kSourceDir / "specs/nano.yaml");
  std::string windows = "\xef\xbb\xbf";
  for (const char c : text) windows += c == '\n' ? std::string("\r\n") : std::string(1, c);
  EXPECT_TRUE(LoadSpecText(windows, "nano.yaml").ok());
}

// No input may crash or hang the reader, and errors stay within the text.
TEST(HostileSpec, MutationsNeverCrash) {
  const std::string original = ReadFile(kSourceDir / "specs/nano.yaml");
  const std::string_view pieces[] = {
      "[",    "]",  "{", "}",     ":",    "- ", "? ", "&a ", "*a",
      "!!x ", "|",  ">", "'",     "\"",   "#",  "%",  "@",   "`",
      "\n",   "  ", ",", "---\n", "<<: ", "\r", "~",  "-1",  "9999999999999"};
  std::mt19937 random(1);
  for (int round = 0; round < 3000; ++round) {
    std::string text = original;
    for (int change = 0; change < 3; ++change) {
      const size_t at = random() % text.size();
      switch (random() % 3) {
        case 0:
          text.insert(at, pieces[random() % std::size(pieces)]);
          break;
        case 1:
          text.erase(at, random() % 20);
          break;
        default:
          text[at] = static_cast<char>(random() % 256);
      }
    }
    const Result<NpuConfig> result = LoadSpecText(text, "x.yaml");
    if (result) continue;
    const long lines = std::count(text.begin(), text.end(), '\n') + 1;
    for (const Diagnostic& error : result.errors()) {
      EXPECT_GE(error.location.line, 0) << text;
      EXPECT_LE(error.location.line, lines + 1) << text;
    }
  }
}

TEST(Schema, ReferenceIsUpToDate) {
  testing::ExpectGolden(kSourceDir / "docs/spec.md", SpecReference());
  testing::ExpectTidy("docs/spec.md", SpecReference());
}

TEST(Schema, DefaultsAreLegal) {
  for (const KeyInfo& key : AllKeys()) {
    EXPECT_FALSE(key.summary.empty()) << key.path;
    if (key.kind == KeyKind::kBlock || key.presence != KeyPresence::kDefault) continue;
    EXPECT_GE(key.default_value, key.low) << key.path;
    EXPECT_LE(key.default_value, key.high) << key.path;
  }
}

}  // namespace
}  // namespace npugen

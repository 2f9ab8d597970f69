// SPDX-License-Identifier: Apache-2.0
// Descriptions of technologies: the one that the program has, and those that are wrong.
#include "generator/synth/technology.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "generator/plan/constraint_library.h"

namespace npugen {
namespace {

namespace fs = std::filesystem;

/// `S110 4:3` of each error.
std::string Codes(const Diagnostics& errors) {
  std::string text;
  for (const Diagnostic& error : errors) {
    text += fmt::format("{}{} {}:{}", text.empty() ? "" : ", ", CodeText(error.code),
                        error.location.line, error.location.column);
  }
  return text;
}

/// Errors of a description in which the first `from` is replaced by `to`.
std::string ErrorsWith(const std::string& from, const std::string& to) {
  std::string text(ConstraintText("tech/osu018.yaml"));
  const size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  text.replace(at, from.size(), to);
  const Result<Technology> technology = ReadTechnology(text, "tech.yaml");
  return technology ? "" : Codes(technology.errors());
}

class TechnologyFiles : public ::testing::Test {
 protected:
  TechnologyFiles() {
    std::string name = ::testing::TempDir() + "npugen_XXXXXX";
    folder_ = mkdtemp(name.data());
  }
  ~TechnologyFiles() override { fs::remove_all(folder_); }
  std::string Write(const std::string& name, const std::string& text) const {
    std::ofstream(folder_ / name) << text;
    return (folder_ / name).string();
  }
  fs::path folder_;
};

TEST(Technology, TheProgramHasOsu018) {
  const Result<TechnologyLibrary> technology = LoadTechnology(kDefaultTechnology);
  ASSERT_TRUE(technology.ok()) << FormatDiagnostic(technology.errors().front(), false);
  EXPECT_EQ(technology->technology.gate_area, 24);
  EXPECT_EQ(technology->technology.full_adder->cell.name, "FAX1");
  EXPECT_EQ(technology->technology.latch->area, 96);
  EXPECT_EQ(technology->GateEquivalents(240), 10);
  EXPECT_NE(TechnologyNames(), std::vector<std::string>());
}

TEST(Technology, ErrorsHaveTheirPlace) {
  EXPECT_EQ(ErrorsWith("voltage: 1.8 V", "voltage: 1.8 GV"), "S114 7:10");
  EXPECT_EQ(ErrorsWith("voltage: 1.8 V", "voltage: 1.8"), "S114 7:10");
  EXPECT_EQ(ErrorsWith("voltage: 1.8 V", "voltage: high"), "S113 7:10");
  EXPECT_EQ(ErrorsWith("voltage: 1.8 V", "voltage: -1 V"), "S113 7:10");
  EXPECT_EQ(ErrorsWith("voltage: 1.8 V", "voltge: 1.8 V"), "S112 3:1, S110 7:1");
  EXPECT_EQ(ErrorsWith("area_unit: um2 ", "area_unit: acre "), "S114 8:12");
  EXPECT_EQ(ErrorsWith("max_loads: 12 ", "max_loads: 1 "), "S115 34:14");
  EXPECT_EQ(ErrorsWith("max_loads: 12 ", "max_loads: few "), "S113 34:14");
  EXPECT_EQ(ErrorsWith("    sum: YS\n", ""), "S112 17:5") << "a pin of the full adder";
  EXPECT_EQ(ErrorsWith("timing:", "timings:"), "S110 30:1");
  EXPECT_EQ(ErrorsWith("name: osu018", "name: osu018\nname: osu018"), "S111 4:1");
  EXPECT_EQ(ErrorsWith("name: osu018", "name: [osu018"), "S103 4:6");
}

TEST_F(TechnologyFiles, CellsAreHeldAgainstTheLibrary) {
  const std::string text(ConstraintText("tech/osu018.yaml"));
  const auto errors = [&](const std::string& from, const std::string& to) {
    std::string changed = text;
    changed.replace(changed.find(from), from.size(), to);
    const Result<TechnologyLibrary> technology = LoadTechnology(Write("my.yaml", changed));
    if (technology) return std::string();
    return Codes(technology.errors()) + ": " + technology.errors().front().message;
  };
  EXPECT_NE(errors("buffer: BUFX4", "buffer: BUFX9").find("T004 14:11"), std::string::npos);
  EXPECT_NE(errors("buffer: BUFX4", "buffer: INVX1").find("is no buffer"), std::string::npos);
  EXPECT_NE(errors("nand2: NAND2X1", "nand2: NOR2X1").find("no two-input NAND"), std::string::npos);
  EXPECT_NE(errors("sum: YS", "sum: YX").find("has no output `YX`"), std::string::npos);
  EXPECT_NE(errors("data: D", "data: E").find("has no input `E`"), std::string::npos);
  EXPECT_EQ(errors("name: osu018", "name: mine"), "");
}

TEST_F(TechnologyFiles, LibrariesThatAreDamaged) {
  std::ifstream file("/usr/share/qflow/tech/osu018/osu018_stdcells.lib");
  std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  ASSERT_GT(text.size(), 100'000u);
  const auto errors = [&](const std::string& liberty) {
    const Result<TechnologyLibrary> technology =
        LoadTechnology(kDefaultTechnology, Write("my.lib", liberty));
    return technology ? std::string() : FormatDiagnostic(technology.errors().front(), false);
  };
  EXPECT_EQ(errors(text), "");
  EXPECT_NE(errors(text.substr(0, text.size() / 2)).find("has no end"), std::string::npos);
  EXPECT_NE(errors("nothing of the kind").find("my.lib:1"), std::string::npos);
  EXPECT_NE(errors("library (empty) { }").find("has no cell `NAND2X1`"), std::string::npos);
  std::string without_area = text;
  const size_t cell = without_area.find("cell (NAND2X1)");
  without_area.replace(without_area.find("area : 24", cell), 9, "area : 00");
  EXPECT_NE(errors(without_area).find("has no area"), std::string::npos);
  const Result<TechnologyLibrary> missing = LoadTechnology(kDefaultTechnology, "/no/such.lib");
  ASSERT_FALSE(missing.ok());
  EXPECT_EQ(missing.errors().front().code, DiagnosticCode::kFileRead);
  EXPECT_NE(missing.errors().front().hint.find("qflow-tech-osu018"), std::string::npos);
  const Result<TechnologyLibrary> unknown = LoadTechnology("osu012");
  ASSERT_FALSE(unknown.ok());
  EXPECT_NE(unknown.errors().front().hint.find("osu018"), std::string::npos);
}

}  // namespace
}  // namespace npugen

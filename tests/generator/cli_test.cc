// SPDX-License-Identifier: Apache-2.0
// The program as users call it: exit statuses, streams, help.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <regex>
#include <set>
#include <sstream>

#include "generator/arch/error_reference.h"
#include "generator/support/diagnostic.h"
#include "tests/generator/support.h"

namespace npugen {
namespace {

using testing::kSourceDir;
using testing::ProgramResult;

ProgramResult Npugen(const std::string& arguments) {
  return testing::RunShell(fmt::format("{} {}", NPUGEN_PROGRAM, arguments));
}

std::string SpecPath(std::string_view path) { return (kSourceDir / path).string(); }

TEST(Cli, Check) {
  const ProgramResult good = Npugen("check " + SpecPath("specs/edge.yaml"));
  EXPECT_EQ(good.status, 0);
  EXPECT_NE(good.out.find("256 MACs/cycle"), std::string::npos);
  EXPECT_EQ(good.err, "");

  const ProgramResult bad = Npugen("check " + SpecPath("tests/bad_specs/several_errors.yaml"));
  EXPECT_EQ(bad.status, 3);
  EXPECT_EQ(bad.out, "");
  EXPECT_NE(bad.err.find("6 errors"), std::string::npos) << bad.err;
  EXPECT_EQ(bad.err.find('\033'), std::string::npos) << "colour without a terminal";

  EXPECT_EQ(Npugen("check /nowhere.yaml").status, 2);
}

TEST(Cli, CheckJson) {
  const ProgramResult good = Npugen("check --json " + SpecPath("specs/nano.yaml"));
  EXPECT_EQ(nlohmann::json::parse(good.out)["values"]["lane.simd"], 4);
  const ProgramResult bad = Npugen("check --json " + SpecPath("tests/bad_specs/unknown_key.yaml"));
  EXPECT_EQ(bad.status, 3);
  const nlohmann::json errors = nlohmann::json::parse(bad.out)["errors"];
  ASSERT_EQ(errors.size(), 2u);
  EXPECT_EQ(errors[1]["code"], "S110");
  EXPECT_EQ(errors[1]["line"], 6);
  EXPECT_EQ(errors[1]["column"], 3);
}

TEST(Cli, CheckCsv) {
  const ProgramResult good = Npugen("check --csv " + SpecPath("specs/nano.yaml"));
  EXPECT_EQ(good.status, 0) << good.err;
  EXPECT_TRUE(good.out.starts_with("key,value,remark\nnpugen,")) << good.out;
  EXPECT_NE(good.out.find("\nlane.simd,4,\""), std::string::npos) << good.out;
  // Each line has two commas before its remark, and nothing in a remark ends the quotes.
  std::istringstream lines(good.out);
  for (std::string line; std::getline(lines, line);) {
    EXPECT_EQ(std::count(line.begin(), line.end(), '"') % 2, 0) << line;
    EXPECT_LE(std::count(line.begin(), line.end(), '"'), 2) << line;
  }
  EXPECT_EQ(Npugen("check --csv --json " + SpecPath("specs/nano.yaml")).status, 2);
  const ProgramResult bad = Npugen("check --csv " + SpecPath("tests/bad_specs/unknown_key.yaml"));
  EXPECT_EQ(bad.status, 3);
  EXPECT_EQ(bad.out, "");
}

TEST(Cli, UsageAndHelp) {
  EXPECT_EQ(Npugen("").status, 2);
  EXPECT_EQ(Npugen("frobnicate").status, 2);
  EXPECT_EQ(Npugen("check").status, 2);
  EXPECT_EQ(Npugen("emit " + SpecPath("specs/nano.yaml")).status, 2);
  const ProgramResult help = Npugen("--help");
  EXPECT_EQ(help.status, 0);
  EXPECT_NE(help.out.find("Exit status"), std::string::npos);
  for (const std::string_view command : {"check", "emit", "estimate", "spec-reference"}) {
    const ProgramResult command_help = Npugen(fmt::format("{} --help", command));
    EXPECT_EQ(command_help.status, 0);
    EXPECT_NE(command_help.out.find("Example: npugen"), std::string::npos) << command;
  }
  const ProgramResult version = Npugen("--version");
  EXPECT_EQ(version.status, 0);
  EXPECT_TRUE(version.out.starts_with("npugen ")) << version.out;
}

// Errors of the command line are like those of specs: a code, what is wrong, what would be legal.
TEST(Cli, UsageErrors) {
  const struct {
    const char* arguments;
    const char* code;
    const char* message;
    const char* hint;
  } cases[] = {
      {"", "U005", "no command is given", "`npugen --help`"},
      {"bogus", "U005", "`bogus` is no command", "commands: check, emit"},
      {"esitmate", "U005", "`esitmate` is no command", "did you mean `estimate`?"},
      {"--verson", "U006", "`--verson` is no option of `npugen`", "did you mean `--version`?"},
      {"run a b --lat 5", "U006", "`--lat` is no option", "did you mean `--latency`?"},
      {"run a b --repaet=5", "U006", "`--repaet` is no option", "did you mean `--repeat`?"},
      {"run", "U007", "`npugen run` needs SPEC, MODEL", "`npugen run --help`"},
      {"emit a", "U007", "needs --output", "`npugen emit --help`"},
      {"run a b --latency", "U007", "`--latency` needs a value", "`npugen run --help`"},
      {"run a b --latency 0", "U008", "`0` is no number from 1 to 100000", "--help"},
      {"run a b --latency x", "U008", "`x` is no number from 1 to 100000", "--help"},
      {"run a b --stalls 2", "U008", "`2` is no number from 0 to 0.95", "--help"},
      {"run a b --power-up maybe", "U008", "`maybe` is neither zero, random nor", "--help"},
      {"run a b --memory hbm4", "U008", "`hbm4` is none of fixed, hbm2", "--help"},
      {"run a b --memory hbm3 --memory-channels 1x", "U008", "must be 1, 2, 4, 8 or 16", "--help"},
      {"run a b --memory hbm3 --memory-channels 3", "U008", "must be 1, 2, 4, 8 or 16", "--help"},
      {"run a b --memory-channels 2", "U001", "requires --memory", "`npugen run --help`"},
      {"check a b", "U009", "takes no further argument `b`", "`npugen check --help`"},
      {"build a --netlist --waves", "U001", "excludes", "`npugen build --help`"},
  };
  for (const auto& wrong : cases) {
    const ProgramResult result = Npugen(wrong.arguments);
    EXPECT_EQ(result.status, 2) << wrong.arguments;
    EXPECT_EQ(result.out, "") << wrong.arguments;
    EXPECT_TRUE(result.err.starts_with(fmt::format("error {}: ", wrong.code)))
        << wrong.arguments << ": " << result.err;
    EXPECT_NE(result.err.find(wrong.message), std::string::npos) << result.err;
    EXPECT_NE(result.err.find(std::string("    hint: ")), std::string::npos) << result.err;
    EXPECT_NE(result.err.find(wrong.hint), std::string::npos) << result.err;
  }
}

TEST(Cli, RtlLibraryWritesNothingUnasked) {
  const testing::TemporaryFolder folder;
  const auto run = [&](const std::string& arguments) {
    return testing::RunShell(
        fmt::format("cd {} && {} {}", folder.path().string(), NPUGEN_RTL_LIBRARY, arguments));
  };
  EXPECT_EQ(run("--help").status, 0);
  EXPECT_EQ(run("--bogus").status, 2);
  EXPECT_EQ(run("").status, 2);
  EXPECT_EQ(run("out 0").status, 2);
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

TEST(Cli, Estimate) {
  const std::string model = " " + SpecPath("models/digits/digits_cnn_int8.tflite");
  const ProgramResult good = Npugen("estimate " + SpecPath("specs/edge.yaml") + model);
  EXPECT_EQ(good.status, 0) << good.err;
  EXPECT_NE(good.out.find("SOFTMAX"), std::string::npos);
  EXPECT_NE(good.out.find("estimated in"), std::string::npos);
  EXPECT_EQ(good.out.find('\033'), std::string::npos);
  const ProgramResult warm = Npugen("estimate --warm " + SpecPath("specs/edge.yaml") + model);
  EXPECT_NE(warm.out.find("with cached parameters, "), std::string::npos) << warm.out;
  EXPECT_EQ(Npugen("estimate " + SpecPath("specs/edge.yaml")).status, 2);
  EXPECT_EQ(Npugen("estimate /nowhere.yaml" + model).status, 2);
  EXPECT_EQ(Npugen("estimate " + SpecPath("tests/bad_specs/unknown_key.yaml") + model).status, 3);
  EXPECT_EQ(Npugen("estimate --models /tmp " + SpecPath("specs/edge.yaml") + model).status, 2);
  EXPECT_EQ(Npugen("estimate --validate --models /nowhere " + SpecPath("specs/edge.yaml")).status,
            2);
}

TEST(Cli, Sweep) {
  const std::string sweep = fmt::format("sweep {} {} --no-area ", SpecPath("specs/edge.yaml"),
                                        SpecPath("models/digits/digits_cnn_int8.tflite"));
  const ProgramResult good = Npugen(
      sweep + "--vary core.lanes,lane.simd=32:8 --vary 'core.memory=128 KiB,64 KiB' --json -");
  ASSERT_EQ(good.status, 0) << good.err;
  const nlohmann::json points = nlohmann::json::parse(good.out)["points"];
  ASSERT_EQ(points.size(), 4u);
  EXPECT_EQ(points[1]["name"], "lanes 32, simd 8");
  EXPECT_EQ(points[1]["changes"]["lane.simd"], "8");
  EXPECT_EQ(points[1]["macs_per_cycle"], 256);
  EXPECT_NE(points[1]["relative_cycles"], 1.0);
  EXPECT_EQ(points[2]["name"], "memory 128 KiB");
  EXPECT_EQ(points[3]["cycles"], points[0]["cycles"]) << "the spec's own value";

  const ProgramResult legal = Npugen(sweep + "--vary core.lanes=3000");
  EXPECT_EQ(legal.status, 3);
  EXPECT_NE(legal.err.find("lanes 3000: "), std::string::npos) << legal.err;
  EXPECT_EQ(Npugen(sweep + "--vary core.lane=3").status, 3) << "an unknown key";
  EXPECT_EQ(Npugen(sweep + "--vary lanes.of.no.block=3").status, 3);
  EXPECT_EQ(Npugen(sweep + "--vary npu=3").status, 3) << "a block";
  EXPECT_EQ(Npugen(sweep + "--vary core.lanes").status, 2);
  EXPECT_EQ(Npugen(sweep + "--vary core.lanes,lane.simd=8").status, 2);
}

TEST(Cli, SpecReference) {
  EXPECT_EQ(Npugen("spec-reference").out, testing::ReadFile(kSourceDir / "docs/spec.md"));
}

TEST(Cli, ErrorReference) {
  EXPECT_EQ(Npugen("error-reference").out, testing::ReadFile(kSourceDir / "docs/errors.md"));
  testing::ExpectGolden(kSourceDir / "docs/errors.md", ErrorReference());
}

TEST(Cli, CommandReference) {
  testing::ExpectGolden(kSourceDir / "docs/commands.md", Npugen("command-reference").out);
}

TEST(Cli, OperatorReference) {
  testing::ExpectGolden(kSourceDir / "docs/operators.md", Npugen("operator-reference").out);
}

// Every help lists every status that an error of the table can end the program with.
TEST(Cli, ExitStatusesInEveryHelp) {
  std::set<int> statuses = {0};
  for (const DiagnosticCode code : AllDiagnosticCodes()) statuses.insert(ExitStatus(code));
  std::set<std::string> commands;
  const std::string help = Npugen("--help").out;
  const std::string list = help.substr(help.find("Subcommands:"));
  const std::regex name("\n  ([a-z][a-z-]+) ");
  for (std::sregex_iterator at(list.begin(), list.end(), name), end; at != end; ++at) {
    commands.insert((*at)[1]);
  }
  EXPECT_GE(commands.size(), 11u) << list;
  commands.insert("");
  for (const std::string& command : commands) {
    const std::string text = Npugen(command + " --help").out;
    const size_t begin = text.find("Exit status:");
    ASSERT_NE(begin, std::string::npos) << command;
    std::set<int> listed;
    const std::string tail = text.substr(begin);
    const std::regex status("[ \n]([0-9]+) [a-z]");
    for (std::sregex_iterator at(tail.begin(), tail.end(), status), end; at != end; ++at) {
      listed.insert(std::stoi((*at)[1]));
    }
    EXPECT_EQ(listed, statuses) << command << '\n' << tail;
  }
}

TEST(Cli, NothingIsWrittenOnError) {
  const testing::TemporaryFolder folder;
  const std::string out = folder.path() / "out";
  EXPECT_EQ(Npugen("emit " + SpecPath("tests/bad_specs/unknown_key.yaml") + " -o " + out).status,
            3);
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

}  // namespace
}  // namespace npugen

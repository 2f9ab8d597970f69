// SPDX-License-Identifier: Apache-2.0
// npugen pod as users call it: text, reports, sweeps as jobs, and what docs/pod.md prints.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>

#include "tests/generator/support.h"

namespace npugen {
namespace {

using nlohmann::json;
using testing::kSourceDir;
using testing::ProgramResult;

const std::string kPalmFile = (kSourceDir / "models/pod/palm.yaml").string();

ProgramResult PodCommand(const std::string& arguments, const std::string& before = "") {
  return testing::RunShell(
      fmt::format("cd {} && {} {} pod {}", kSourceDir.string(), before, NPUGEN_PROGRAM, arguments));
}
ProgramResult PalmCommand(const std::string& arguments, const std::string& before = "") {
  return PodCommand("--estimate " + kPalmFile + " " + arguments, before);
}

/// Each command of the document that ends with `:` prints the block behind it.
TEST(PodCli, DocumentIsWhatCommandsPrint) {
  const std::filesystem::path path = kSourceDir / "docs/pod.md";
  std::istringstream document(testing::ReadFile(path));
  std::string text, command;
  int blocks = 0;
  for (std::string line; std::getline(document, line);) {
    text += line + '\n';
    const size_t begin = line.find("`npugen pod ");
    const size_t end = begin == std::string::npos ? begin : line.find('`', begin + 1);
    if (end != std::string::npos && line.ends_with(':') && end + 2 == line.size()) {
      command = line.substr(begin + 12, end - begin - 12);
    } else if (line == "```" && !command.empty()) {
      const ProgramResult result = PodCommand(command);
      EXPECT_EQ(result.status, 0) << command << '\n' << result.err;
      text += result.out + "```\n";
      command.clear();
      ++blocks;
      while (std::getline(document, line) && line != "```") {
      }
    } else if (!line.empty()) {
      command.clear();
    }
  }
  EXPECT_EQ(blocks, 3);
  testing::ExpectGolden(path, text);
}

TEST(PodCli, Reports) {
  const testing::TemporaryFolder folder;
  const std::string base = (folder.path() / "palm").string();
  const ProgramResult result = PalmCommand(
      fmt::format("--json {0}.json --csv {0}.csv --report {0}.html --pictures {0}", base));
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_NE(result.out.find("6144 chips"), std::string::npos) << result.out;
  const json report = json::parse(testing::ReadFile(base + ".json"));
  EXPECT_EQ(report.at("parameters").at("total"), 540356456448u);
  double sum = 0;
  for (const json& cause : report.at("causes")) sum += cause.at("seconds").get<double>();
  EXPECT_NEAR(sum, report.at("seconds").get<double>(), 1e-9);
  EXPECT_TRUE(report.at("memory").at("fits").get<bool>());
  EXPECT_TRUE(testing::ReadFile(base + ".csv").starts_with("cause,seconds,share\ncompute,"));
  const std::string page = testing::ReadFile(base + ".html");
  EXPECT_NE(page.find("Timeline of a step"), std::string::npos);
  EXPECT_NE(page.find("What a step is spent on"), std::string::npos);
  for (const char* name : {"causes.svg", "causes.csv", "timeline.svg", "timeline.csv"}) {
    EXPECT_TRUE(std::filesystem::exists(std::filesystem::path(base) / name)) << name;
  }
  // JSON on standard output alone: the text goes to stderr.
  const ProgramResult stream = PalmCommand("--json -");
  EXPECT_EQ(json::parse(stream.out).at("pod"), "palm_540b");
  EXPECT_NE(stream.err.find("6144 chips"), std::string::npos);
  // The report command draws it as well.
  const ProgramResult again =
      testing::RunShell(fmt::format("{} report {}.json -o {}.2.html", NPUGEN_PROGRAM, base, base));
  EXPECT_EQ(again.status, 0) << again.err;
}

TEST(PodCli, ChipOfASpec) {
  const ProgramResult result = PalmCommand("--chip specs/edge_float.yaml --json -");
  ASSERT_EQ(result.status, 0) << result.err;
  const json report = json::parse(result.out);
  // 256 multipliers at the clock of the spec, two for a product, two operations for each.
  const ProgramResult check = testing::RunShell(fmt::format(
      "{} check --json {}", NPUGEN_PROGRAM, (kSourceDir / "specs/edge_float.yaml").string()));
  const double clock = json::parse(check.out).at("values").at("npu.clock_hz");
  const double flops = report.at("per_step").at("model_flops_per_chip");
  EXPECT_NEAR(report.at("bounds").at("matmul_s").get<double>(), flops / (256 * clock), 1e-3);
  // A value of its own still counts.
  const ProgramResult own =
      PalmCommand("--chip specs/edge_float.yaml --set \"chip.compute=275 TFLOP/s\" --json -");
  EXPECT_EQ(json::parse(own.out).at("bounds").at("matmul_s"), 8.048363802221846);
  const ProgramResult integers = PalmCommand("--chip specs/edge.yaml");
  EXPECT_EQ(integers.status, 3);
  EXPECT_NE(integers.err.find("S141"), std::string::npos) << integers.err;
}

TEST(PodCli, Errors) {
  const testing::TemporaryFolder folder;
  const std::string bad = (folder.path() / "bad.yaml").string();
  std::string text = testing::ReadFile(kPalmFile);
  const std::string good = "data: [16, 16]";
  text.replace(text.find(good), good.size(), "data: [16, 15]");
  testing::WriteFile(bad, text);
  const ProgramResult refused = PodCommand("--estimate " + bad);
  EXPECT_EQ(refused.status, 3);
  EXPECT_EQ(refused.out, "");
  EXPECT_NE(refused.err.find(bad + ":"), std::string::npos) << refused.err;
  EXPECT_NE(refused.err.find("S140"), std::string::npos) << refused.err;
  EXPECT_NE(refused.err.find("nearest multiples of 240"), std::string::npos) << refused.err;
  const struct {
    const char* arguments;
    int status;
    const char* message;
  } cases[] = {
      {"--set batch.sequences", 2, "has no value"},
      {"--set batch.sequenzes=1", 3, "did you mean `sequences`?"},
      {"--sweep batch.sequences", 2, "has no values"},
      {"--sweep batch.sequences=", 2, "has no values"},
      {"--sweep batch.sequences,mesh.pods=512", 2, "1 values for 2 keys"},
      {"--sweep batch.sequences=512,none", 3, "S113"},
      {"--results x", 2, "requires --sweep"},
      {"--sweep mesh.pods=1,2 --jobs 2", 2, "requires --results"},
      {"--sweep mesh.pods=1,2 --results /proc/none", 2, "U003"},
  };
  for (const auto& wrong : cases) {
    const ProgramResult result = PalmCommand(wrong.arguments);
    EXPECT_EQ(result.status, wrong.status) << wrong.arguments << '\n' << result.err;
    EXPECT_NE(result.err.find(wrong.message), std::string::npos) << result.err;
  }
  EXPECT_EQ(PodCommand("").status, 2);
  EXPECT_EQ(PodCommand("--estimate /nowhere.yaml").status, 2);
}

constexpr const char* kSweep =
    "--sweep batch.sequences=512,1024,2048 --sweep mesh.data=16x16,16x15,8x8 "
    "--sweep mesh.pods=1,2 ";

/// Names and times of the results in a folder.
std::map<std::string, std::filesystem::file_time_type> Results(const std::filesystem::path& path) {
  std::map<std::string, std::filesystem::file_time_type> results;
  for (const auto& entry : std::filesystem::directory_iterator(path)) {
    if (entry.path().extension() == ".json") {
      results[entry.path().filename()] = entry.last_write_time();
    }
  }
  return results;
}

/// What is there is not done again, what is missing or damaged is; the report is always the same.
TEST(PodCli, SweepsResume) {
  const testing::TemporaryFolder folder;
  const std::string results = (folder.path() / "results").string();
  const ProgramResult plain = PalmCommand(std::string(kSweep) + "--json -");
  ASSERT_EQ(plain.status, 0) << plain.err;
  EXPECT_EQ(json::parse(plain.out).at("pod_points").size(), 18u);
  EXPECT_NE(plain.err.find("refused"), std::string::npos);
  const std::string jobs = fmt::format("{} --results {} --local", kSweep, results);
  // As an interrupted job leaves it.
  EXPECT_EQ(PalmCommand(jobs + " --part 1/3").status, 0);
  const auto some = Results(results);
  EXPECT_EQ(some.size(), 6u);
  const ProgramResult all = PalmCommand(jobs + " --jobs 3 --json -");
  ASSERT_EQ(all.status, 0) << all.err;
  EXPECT_EQ(all.out, plain.out);
  const auto every = Results(results);
  EXPECT_EQ(every.size(), 18u);
  for (const auto& [name, time] : some) EXPECT_EQ(every.at(name), time) << name;
  // One is gone, one was cut.
  std::filesystem::remove(std::filesystem::path(results) / every.begin()->first);
  testing::WriteFile(std::filesystem::path(results) / every.rbegin()->first, "{\"name\": ");
  const ProgramResult mended = PalmCommand(jobs + " --jobs 2 --json -");
  EXPECT_EQ(mended.out, plain.out) << mended.err;
  // Another description has other results.
  EXPECT_EQ(PalmCommand(jobs + " --set links.latency=2us --part 0/1").status, 0);
  EXPECT_EQ(Results(results).size(), 36u);
  for (const char* part : {"2/2", "x/2", "1", "-1/2", "0/0", "0/99999999999999999999"}) {
    EXPECT_EQ(PalmCommand(jobs + " --part " + part).status, 2) << part;
  }
}

/// A job array, with an sbatch that runs its tasks one after the other.
TEST(PodCli, SweepsAsJobArray) {
  const testing::TemporaryFolder folder;
  const auto sbatch = [&folder](const std::string& body) {
    const std::filesystem::path path = folder.path() / "bin/sbatch";
    testing::WriteFile(path, "#!/bin/sh\n" + body);
    chmod(path.c_str(), 0755);
  };
  const std::string path = fmt::format("PATH={}:$PATH", (folder.path() / "bin").string());
  const std::string results = (folder.path() / "it's here").string();
  const std::string arguments = fmt::format("{} --results \"{}\" --jobs 4", kSweep, results);
  // One that says nothing and does nothing.
  sbatch("exit 0\n");
  const ProgramResult lazy = PalmCommand(arguments, path);
  EXPECT_EQ(lazy.status, 6);
  EXPECT_NE(lazy.err.find("left no result"), std::string::npos) << lazy.err;
  sbatch("exit 3\n");
  const ProgramResult failed = PalmCommand(arguments, path);
  EXPECT_EQ(failed.status, 6);
  EXPECT_NE(failed.err.find("status 3"), std::string::npos) << failed.err;
  sbatch(
      "last=0\n"
      "for word; do case $word in --array=0-*) last=${word#--array=0-};; esac; done\n"
      "for SLURM_ARRAY_TASK_ID in $(seq 0 $last); do export SLURM_ARRAY_TASK_ID; sh \"$word\" || "
      "exit 1; done\n");
  const ProgramResult done = PalmCommand(arguments + " --json -", path);
  ASSERT_EQ(done.status, 0) << done.err;
  EXPECT_EQ(done.out, PalmCommand(std::string(kSweep) + "--json -").out);
}

}  // namespace
}  // namespace npugen

// SPDX-License-Identifier: Apache-2.0
// External tools: their exit status, their output, and the environment that they get.
#include "generator/support/process.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>

#include "tests/generator/support.h"
#include "tests/support/processes.h"

namespace npugen {
namespace {

/// The output of `program` with the environment of tools.
std::string Output(const std::string& program) {
  const testing::TemporaryFolder folder;
  const std::string log = (folder.path() / "log").string();
  const Result<int> status = RunProcess({program}, folder.path().string(), log);
  EXPECT_TRUE(status.ok());
  if (!status.ok()) return "";
  EXPECT_EQ(*status, 0);
  return testing::ReadFile(log);
}

// setup.sh installs libjemalloc2. What the user preloads stays.
TEST(RunProcess, ToolsGetAFastAllocatorUnlessTheUserPreloads) {
  unsetenv("LD_PRELOAD");
  unsetenv("MALLOC_CONF");
  const std::string fast = Output("env");
  EXPECT_NE(fast.find("\nLD_PRELOAD=/usr/lib/"), std::string::npos) << fast;
  EXPECT_NE(fast.find("\nMALLOC_CONF=thp:always"), std::string::npos) << fast;
  setenv("MALLOC_CONF", "narenas:2", 1);
  EXPECT_NE(Output("env").find("MALLOC_CONF=narenas:2\n"), std::string::npos);
  unsetenv("MALLOC_CONF");
  setenv("LD_PRELOAD", "", 1);
  const std::string own = Output("env");
  unsetenv("LD_PRELOAD");
  EXPECT_EQ(own.find("jemalloc"), std::string::npos) << own;
  EXPECT_EQ(own.find("MALLOC_CONF"), std::string::npos) << own;
}

// The tools' output is read, so a loader that complains about the allocator would spoil it.
TEST(RunProcess, ToolsSayNothingButTheirOwn) { EXPECT_EQ(Output("true"), ""); }

TEST(RunProcess, ToolsEndWithTheProgram) {
  const testing::TemporaryFolder folder;
  const pid_t child = fork();
  if (child == 0) {
    setsid();
    const Result<int> status =
        RunProcess({"sleep", "60"}, folder.path().string(), (folder.path() / "log").string());
    _exit(status.ok() ? 0 : 1);
  }
  for (int i = 0; i < 100 && testing::LiveProcesses(child).size() < 2; ++i) usleep(50'000);
  ASSERT_EQ(testing::LiveProcesses(child).size(), 2u);
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  for (int i = 0; i < 100 && !testing::LiveProcesses(child).empty(); ++i) usleep(50'000);
  EXPECT_TRUE(testing::LiveProcesses(child).empty()) << "the tool goes on";
}

TEST(RunProcess, WhatIsNotInstalledIsSaid) {
  const testing::TemporaryFolder folder;
  const Result<int> status =
      RunProcess({"npugen-no-such-tool"}, "", (folder.path() / "log").string());
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.errors()[0].code, DiagnosticCode::kToolMissing);
  const Result<int> fails = RunProcess({"false"}, "", (folder.path() / "log").string());
  ASSERT_TRUE(fails.ok());
  EXPECT_EQ(*fails, 1);
}

}  // namespace
}  // namespace npugen

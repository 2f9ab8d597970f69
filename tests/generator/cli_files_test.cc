// SPDX-License-Identifier: Apache-2.0
// Files of the program as users name them: standard streams, devices, pipes, full disks, caches.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/generator/support.h"

namespace npugen {
namespace {

namespace fs = std::filesystem;
using testing::ProgramResult;
using testing::ReadFile;
using testing::RunShell;

class CliFiles : public ::testing::Test {
 protected:
  /// Runs a command line in an own folder, with NPUGEN, SPEC, and MODEL in the environment.
  ProgramResult Shell(const std::string& line) {
    return RunShell(
        fmt::format("cd {} && NPUGEN={} SPEC={}/specs/nano.yaml "
                    "MODEL={}/models/digits/digits_cnn_int8.tflite timeout 50 bash -c "
                    "'{}'",
                    folder_.path().string(), NPUGEN_PROGRAM, testing::kSourceDir.string(),
                    testing::kSourceDir.string(), line));
  }
  size_t Entries() const {
    return static_cast<size_t>(
        std::distance(fs::directory_iterator(folder_.path()), fs::directory_iterator()));
  }
  testing::TemporaryFolder folder_;
};

TEST_F(CliFiles, FullDisksAreErrorsAndLeaveTheOldFile) {
  testing::WriteFile(folder_.path() / "old", "old");
  const ProgramResult limited = Shell("ulimit -f 1; $NPUGEN compile $SPEC $MODEL -o old");
  EXPECT_EQ(limited.status, 2) << limited.err;
  EXPECT_NE(limited.err.find("U003"), std::string::npos) << limited.err;
  EXPECT_NE(limited.err.find("File too large"), std::string::npos) << limited.err;
  EXPECT_EQ(ReadFile(folder_.path() / "old"), "old");
  EXPECT_EQ(Entries(), 1u) << "something else is left";
  for (const char* line : {"compile $SPEC $MODEL -o /dev/full", "check $SPEC > /dev/full",
                           "estimate $SPEC $MODEL --json /dev/full", "spec-reference > /dev/full",
                           "compile $SPEC $MODEL -o - > /dev/full"}) {
    const ProgramResult full = Shell(fmt::format("$NPUGEN {}", line));
    EXPECT_EQ(full.status, 2) << line;
    EXPECT_NE(full.err.find("No space left on device"), std::string::npos) << line << full.err;
  }
  EXPECT_TRUE(fs::is_character_file("/dev/full"));
}

TEST_F(CliFiles, AFullDiskLeavesTheOldEmission) {
  ASSERT_EQ(Shell("$NPUGEN emit $SPEC -o out && cp -r out before").status, 0);
  const ProgramResult full = Shell("ulimit -f 1; $NPUGEN emit $SPEC -o out");
  EXPECT_EQ(full.status, 2) << full.err;
  EXPECT_NE(full.err.find("File too large"), std::string::npos) << full.err;
  EXPECT_EQ(Shell("diff -r before out").status, 0);
  EXPECT_EQ(Entries(), 2u) << "something else is left";
}

TEST_F(CliFiles, ADashIsAStandardStream) {
  ASSERT_EQ(Shell("$NPUGEN compile $SPEC $MODEL -o file").status, 0);
  const ProgramResult out = Shell("$NPUGEN compile $SPEC $MODEL -o - > piped");
  EXPECT_EQ(out.status, 0) << out.err;
  EXPECT_NE(out.err.find("14 layers"), std::string::npos) << "text goes elsewhere";
  EXPECT_EQ(Shell("cmp file piped").status, 0);
  const ProgramResult in = Shell("cat $MODEL | $NPUGEN compile $SPEC - -o from_pipe");
  EXPECT_EQ(in.status, 0) << in.err;
  EXPECT_EQ(Shell("cmp file from_pipe").status, 0);
  EXPECT_EQ(Shell("$NPUGEN compile - $MODEL -o from_spec < $SPEC; cmp file from_spec").status, 0);
  EXPECT_EQ(Shell("$NPUGEN estimate $SPEC - --json - < $MODEL | grep -q \"\\\"cycles\\\"\"").status,
            0);
  const ProgramResult twice = Shell("cat $SPEC | $NPUGEN compile - - -o again");
  EXPECT_EQ(twice.status, 2);
  EXPECT_NE(twice.err.find("read already"), std::string::npos) << twice.err;
  EXPECT_FALSE(fs::exists(folder_.path() / "-"));
  const ProgramResult network =
      Shell("$NPUGEN compile $SPEC - -o again < ${MODEL%/*}/bnn/digits_bnn.json");
  EXPECT_EQ(network.status, 4) << "its weights are in another file";
}

TEST_F(CliFiles, EndlessInputsAreRefused) {
  for (const char* line :
       {"run $SPEC $MODEL --input /dev/zero", "check /dev/zero", "run $SPEC /dev/zero",
        "compile $SPEC $MODEL /dev/zero -o out", "synth $SPEC --liberty /dev/zero",
        "calibrate ${MODEL%/*}/fracbnn/digits_fracbnn.json --input /dev/zero -o out"}) {
    const ProgramResult endless = Shell(fmt::format("$NPUGEN {}", line));
    EXPECT_EQ(endless.status, 2) << line;
    EXPECT_NE(endless.err.find("device"), std::string::npos) << line << endless.err;
  }
  const ProgramResult pipe = Shell("yes | $NPUGEN run $SPEC $MODEL --input -");
  EXPECT_EQ(pipe.status, 4);
  EXPECT_NE(pipe.err.find("more than 268435456 bytes"), std::string::npos) << pipe.err;
  EXPECT_EQ(Shell("yes | $NPUGEN check -").status, 3);
  ASSERT_EQ(mkfifo((folder_.path() / "fifo").c_str(), 0600), 0);
  const ProgramResult fifo = Shell("$NPUGEN check fifo");
  EXPECT_EQ(fifo.status, 2);
  EXPECT_NE(fifo.err.find("nothing came through the pipe"), std::string::npos) << fifo.err;
}

// Models of the cache are code, so what others could have put there is not even looked at.
TEST_F(CliFiles, CachesThatOthersCanWriteAreRefused) {
  const std::string temporary = fmt::format("npugen-{}", getuid());
  const std::string run =
      "env -u HOME -u XDG_CACHE_HOME -u NPUGEN_CACHE TMPDIR=. $NPUGEN build $SPEC";
  for (const std::string& setup : {fmt::format("mkdir {0} && chmod 777 {0}", temporary),
                                   fmt::format("mkdir other && ln -s other {}", temporary)}) {
    ASSERT_EQ(Shell(setup).status, 0);
    const ProgramResult build = Shell(run);
    EXPECT_EQ(build.status, 2) << build.err;
    EXPECT_NE(build.err.find("U004"), std::string::npos) << build.err;
    fs::remove_all(folder_.path() / temporary);
  }
  fs::create_directory(folder_.path() / "areas");
  chmod((folder_.path() / "areas").c_str(), 0777);
  const ProgramResult demo = Shell("$NPUGEN demo --spec $SPEC --cache areas");
  EXPECT_EQ(demo.status, 2) << demo.err;
  EXPECT_NE(demo.err.find("U004"), std::string::npos) << demo.err;
}

}  // namespace
}  // namespace npugen

// SPDX-License-Identifier: Apache-2.0
// npugen: from one YAML spec to a working neural processing unit.
#include <fmt/format.h>

#include <cerrno>
#include <cstdio>
#include <exception>
#include <system_error>

#include "cli/commands.h"
#include "generator/arch/command_set.h"
#include "generator/arch/error_reference.h"
#include "generator/support/file.h"
#include "generator/support/temporary.h"
#include "generator/support/version.h"

namespace {

constexpr int kUsageStatus = 2;
constexpr int kInternalStatus = 70;

int Run(int argc, char** argv) {
  npugen::CommandLine line(
      "npugen", "npugen turns a template spec (YAML) into a working neural processing unit.",
      fmt::format("npugen {} (command set {})", npugen::kToolVersion, npugen::kCommandSetVersion),
      "Examples:\n"
      "  npugen check specs/edge.yaml         what NPU is this, and is the spec legal?\n"
      "  npugen emit specs/edge.yaml -o out   its RTL, headers, constraints, documents\n"
      "  npugen run specs/edge.yaml model.tflite   a network on it, cycle by cycle, bit-exact\n"
      "`npugen COMMAND --help` explains a command; docs/spec.md explains the spec,\n"
      "docs/errors.md lists the errors, docs/commands.md the commands of the hardware.",
      npugen::ExitStatusHelp());
  npugen::AddCheckCommand(line);
  npugen::AddEmitCommand(line);
  npugen::AddBuildCommand(line);
  npugen::AddOpsCommand(line);
  npugen::AddCompileCommand(line);
  npugen::AddCalibrateCommand(line);
  npugen::AddRunCommand(line);
  npugen::AddGenerateCommand(line);
  npugen::AddEstimateCommand(line);
  npugen::AddDemoCommand(line);
  npugen::AddSynthCommand(line);
  npugen::AddPowerCommand(line);
  npugen::AddSweepCommand(line);
  npugen::AddTrainCommand(line);
  npugen::AddPodCommand(line);
  npugen::AddReportCommand(line);
  npugen::AddReferenceCommands(line);
  return line.Run(argc, argv);
}

}  // namespace

/// Error U003 when what was printed did not arrive, else `status`.
int CheckStandardOutput(int status) {
  if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) return status;
  return npugen::Report({npugen::SystemError(npugen::DiagnosticCode::kFileWrite, "standard output",
                                             "written", errno != 0 ? errno : EIO)});
}

int main(int argc, char** argv) {
  npugen::CleanUpOnSignals();
  try {
    return CheckStandardOutput(Run(argc, argv));
  } catch (const std::system_error& error) {
    // This is how {fmt} says that it cannot print.
    if (std::ferror(stdout) == 0) throw;
    errno = error.code().value();
    return CheckStandardOutput(kUsageStatus);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "error X001: %s\n    hint: this is a fault of npugen, please report it\n",
                 error.what());
    return kInternalStatus;
  }
}

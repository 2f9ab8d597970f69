// SPDX-License-Identifier: Apache-2.0
// npugen: from one YAML spec to a working neural processing unit.
#include <fmt/format.h>

#include <cerrno>
#include <cstdio>
#include <exception>
#include <system_error>

#include "generator/arch/command_set.h"
#include "generator/arch/error_reference.h"
#include "generator/cli/command.h"
#include "generator/support/file.h"
#include "generator/support/temporary.h"
#include "generator/support/version.h"

namespace {

constexpr int kUsageStatus = 2;
constexpr int kInternalStatus = 70;

int Run(int argc, char** argv) {
  CLI::App app{"npugen turns a template spec (YAML) into a working neural processing unit.",
               "npugen"};
  app.require_subcommand(1);
  app.set_version_flag("--version", fmt::format("npugen {} (command set {})", npugen::kToolVersion,
                                                npugen::kCommandSetVersion));
  app.footer(
      "Examples:\n"
      "  npugen check specs/edge.yaml         what NPU is this, and is the spec legal?\n"
      "  npugen emit specs/edge.yaml -o out   its RTL, headers, constraints, documents\n"
      "  npugen run specs/edge.yaml model.tflite   a network on it, cycle by cycle, bit-exact\n"
      "`npugen COMMAND --help` explains a command; docs/spec.md explains the spec,\n"
      "docs/errors.md lists the errors.\n\n" +
      npugen::ExitStatusHelp());

  npugen::AddCheckCommand(app);
  npugen::AddEmitCommand(app);
  npugen::AddBuildCommand(app);
  npugen::AddCompileCommand(app);
  npugen::AddCalibrateCommand(app);
  npugen::AddRunCommand(app);
  npugen::AddEstimateCommand(app);
  npugen::AddDemoCommand(app);
  npugen::AddSynthCommand(app);
  npugen::AddSpecReferenceCommand(app);
  npugen::AddErrorReferenceCommand(app);
  for (CLI::App* command : app.get_subcommands(nullptr)) {
    command->footer(command->get_footer() + "\n\n" + npugen::ExitStatusHelp());
  }

  try {
    app.parse(argc, argv);
  } catch (const CLI::RuntimeError& status) {
    return status.get_exit_code();
  } catch (const CLI::ParseError& error) {
    // Help and version come this way too, with status 0.
    return app.exit(error) == 0 ? 0 : kUsageStatus;
  }
  return 0;
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

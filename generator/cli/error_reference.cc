// SPDX-License-Identifier: Apache-2.0
// npugen error-reference: print the list of all errors and exit statuses (docs/errors.md).
#include "generator/arch/error_reference.h"

#include <cstdio>

#include "generator/cli/command.h"

namespace npugen {

void AddErrorReferenceCommand(CLI::App& app) {
  CLI::App* command = app.add_subcommand(
      "error-reference", "Print the list of all errors and exit statuses, in Markdown");
  command->footer("Example: npugen error-reference > docs/errors.md");
  OnRun(*command, [] {
    std::fputs(ErrorReference().c_str(), stdout);
    return 0;
  });
}

}  // namespace npugen

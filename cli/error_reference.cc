// SPDX-License-Identifier: Apache-2.0
// npugen error-reference: print the list of all errors and exit statuses (docs/errors.md).
#include "generator/arch/error_reference.h"

#include <cstdio>

#include "cli/command_line.h"
#include "cli/commands.h"

namespace npugen {

void AddErrorReferenceCommand(CommandLine& line) {
  Subcommand command =
      line.Add("error-reference", "Print the list of all errors and exit statuses, in Markdown");
  command.Footer("Example: npugen error-reference > docs/errors.md");
  command.OnRun([] {
    std::fputs(ErrorReference().c_str(), stdout);
    return 0;
  });
}

}  // namespace npugen

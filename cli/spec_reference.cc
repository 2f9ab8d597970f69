// SPDX-License-Identifier: Apache-2.0
// npugen spec-reference: print the reference of all spec keys (docs/spec.md).
#include <cstdio>

#include "cli/command_line.h"
#include "cli/commands.h"
#include "generator/spec/schema.h"

namespace npugen {

void AddSpecReferenceCommand(CommandLine& line) {
  Subcommand command =
      line.Add("spec-reference", "Print the reference of all spec keys, in Markdown");
  command.Footer("Example: npugen spec-reference > docs/spec.md");
  command.OnRun([] {
    std::fputs(SpecReference().c_str(), stdout);
    return 0;
  });
}

}  // namespace npugen

// SPDX-License-Identifier: Apache-2.0
// npugen spec-reference: print the reference of all spec keys (docs/spec.md).
#include <cstdio>

#include "generator/cli/command.h"
#include "generator/spec/schema.h"

namespace npugen {

void AddSpecReferenceCommand(CLI::App& app) {
  CLI::App* command =
      app.add_subcommand("spec-reference", "Print the reference of all spec keys, in Markdown");
  command->footer("Example: npugen spec-reference > docs/spec.md");
  OnRun(*command, [] {
    std::fputs(SpecReference().c_str(), stdout);
    return 0;
  });
}

}  // namespace npugen

// SPDX-License-Identifier: Apache-2.0
// npugen spec-reference, error-reference, command-reference, operator-reference: print what tables
// hold, as documents.
#include <cstdio>
#include <string>

#include "cli/command_line.h"
#include "cli/commands.h"
#include "cli/operator_reference.h"
#include "generator/arch/error_reference.h"
#include "generator/config/spec_reference.h"
#include "generator/emit/documents.h"

namespace npugen {
namespace {

struct Reference {
  const char* command;
  const char* what;
  const char* file;
  std::string (*print)();
};

std::string AllCommands() {
  return "# Commands\n\n<!-- Printed by `npugen command-reference` from "
         "generator/arch/command_set.def; `make golden` updates it. -->\n\n" +
         CommandReference(HardwareFeatures());
}

constexpr Reference kReferences[] = {
    {"spec-reference", "the reference of all spec keys", "docs/spec.md", SpecReference},
    {"error-reference", "the list of all errors and exit statuses", "docs/errors.md",
     ErrorReference},
    {"command-reference", "the reference of all commands of the hardware", "docs/commands.md",
     AllCommands},
    {"operator-reference", "the reference of all operators of models", "docs/operators.md",
     OperatorReference},
};

}  // namespace

void AddReferenceCommands(CommandLine& line) {
  for (const Reference& reference : kReferences) {
    Subcommand command =
        line.Add(reference.command, std::string("Print ") + reference.what + ", in Markdown");
    command.Footer(std::string("Example: npugen ") + reference.command + " > " + reference.file);
    command.OnRun([&reference] {
      std::fputs(reference.print().c_str(), stdout);
      return 0;
    });
  }
}

}  // namespace npugen

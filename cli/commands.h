// SPDX-License-Identifier: Apache-2.0
// The subcommands of npugen, one file each, and how they report errors.
#pragma once

#include <cstdio>
#include <string>
#include <vector>

#include "cli/command_line.h"
#include "generator/support/diagnostic.h"

namespace npugen {

/// Prints errors to stderr, coloured on a terminal, and gives the exit status of the first one.
int Report(const Diagnostics& errors);
/// The same errors as a JSON object, for editors and scripts.
std::string DiagnosticsJson(const Diagnostics& errors);
/// Options or arguments that do not go together.
Diagnostic UsageError(std::string message, std::string hint);

/// Where a command's text for the reader goes: stdout, or stderr when one of `outputs` is standard
/// output.
std::FILE* TextStream(const std::vector<std::string>& outputs);

void AddCheckCommand(CommandLine& line);
void AddEmitCommand(CommandLine& line);
void AddReferenceCommands(CommandLine& line);
void AddSynthCommand(CommandLine& line);
void AddPowerCommand(CommandLine& line);
void AddSweepCommand(CommandLine& line);
void AddTrainCommand(CommandLine& line);
void AddPodCommand(CommandLine& line);
void AddBuildCommand(CommandLine& line);
void AddOpsCommand(CommandLine& line);
void AddCalibrateCommand(CommandLine& line);
void AddCompileCommand(CommandLine& line);
void AddRunCommand(CommandLine& line);
void AddEstimateCommand(CommandLine& line);
void AddDemoCommand(CommandLine& line);
void AddReportCommand(CommandLine& line);
void AddGenerateCommand(CommandLine& line);

}  // namespace npugen

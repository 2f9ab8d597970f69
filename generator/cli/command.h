// SPDX-License-Identifier: Apache-2.0
// How subcommands join the program, and how they report errors.
//
// A command is a function that adds itself to the application; its action returns the exit status:
//
//     void AddRunCommand(CLI::App& app) {
//       auto options = std::make_shared<RunOptions>();
//       CLI::App* command = app.add_subcommand("run", "Run a program on the hardware model");
//       command->add_option("SPEC", options->spec, "spec file")->required();
//       OnRun(*command, [options] { return Run(*options); });
//     }
//
// Declare it below and list it in main.cc.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdio>
#include <functional>
#include <string>
#include <vector>

#include "generator/support/diagnostic.h"

namespace npugen {

/// Makes `action` what the subcommand does. Its result becomes the exit status of the program.
void OnRun(CLI::App& command, std::function<int()> action);

/// Prints errors to stderr, coloured on a terminal, and gives the exit status of the first one.
int Report(const Diagnostics& errors);
/// The same errors as a JSON object, for editors and scripts.
std::string DiagnosticsJson(const Diagnostics& errors);

/// Where a command's text for the reader goes: stdout, or stderr when one of `outputs` is standard
/// output.
std::FILE* TextStream(const std::vector<std::string>& outputs);

void AddCheckCommand(CLI::App& app);
void AddEmitCommand(CLI::App& app);
void AddSpecReferenceCommand(CLI::App& app);
void AddErrorReferenceCommand(CLI::App& app);
void AddSynthCommand(CLI::App& app);
void AddBuildCommand(CLI::App& app);
void AddCalibrateCommand(CLI::App& app);
void AddCompileCommand(CLI::App& app);
void AddRunCommand(CLI::App& app);
void AddEstimateCommand(CLI::App& app);
void AddDemoCommand(CLI::App& app);

}  // namespace npugen

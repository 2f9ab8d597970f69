// SPDX-License-Identifier: Apache-2.0
// What a command says of its options and arguments. The one implementation stands on CLI11, which
// no other file includes: it costs more to compile than everything else of the command line.
//
//     void AddRunCommand(CommandLine& line) {
//       auto options = std::make_shared<RunOptions>();
//       Subcommand command = line.Add("run", "Run a program on the hardware model");
//       command.Argument("SPEC", &options->spec, "spec file (YAML)").Required();
//       command.OnRun([options] { return Run(*options); });
//     }
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace npugen {

/// One option, flag or argument of a command. Values that are not legal end the program with an
/// error of the group U and exit status 2 before the command runs.
class CommandOption {
 public:
  explicit CommandOption(CLI::Option* option) : option_(option) {}
  CommandOption Required();
  /// Shows the variable's value in the help.
  CommandOption ShowDefault();
  /// Shows `text` in the help as what holds without the option.
  CommandOption ShowDefault(const std::string& text);
  /// What stands in the help for the value.
  CommandOption ValueName(const std::string& name);
  /// Values from `low` to `high`, both included.
  CommandOption Range(uint64_t low, uint64_t high);
  CommandOption RealRange(double low, double high);
  /// Legal only beside, or never beside, another option of the command.
  CommandOption Needs(CommandOption other);
  CommandOption Excludes(CommandOption other);

 private:
  CLI::Option* option_;
};

/// One subcommand. What `value` points to must live until the command has run.
class Subcommand {
 public:
  explicit Subcommand(CLI::App* app) : app_(app) {}
  /// An argument by position; a list takes all that follow.
  CommandOption Argument(const std::string& name, std::string* value, const std::string& help);
  CommandOption Argument(const std::string& name, std::vector<std::string>* values,
                         const std::string& help);
  /// `names` are like "--output" or "-o,--output".
  CommandOption Value(const std::string& names, std::string* value, const std::string& help);
  CommandOption Value(const std::string& names, int* value, const std::string& help);
  CommandOption Value(const std::string& names, uint32_t* value, const std::string& help);
  CommandOption Value(const std::string& names, uint64_t* value, const std::string& help);
  CommandOption Value(const std::string& names, double* value, const std::string& help);
  /// A value that `parse` reads; it returns what is wrong with it, or an empty text.
  CommandOption Value(const std::string& names,
                      std::function<std::string(const std::string&)> parse,
                      const std::string& help);
  /// An option that may be given several times, with one value each.
  CommandOption Values(const std::string& names, std::vector<std::string>* values,
                       const std::string& help);
  CommandOption Flag(const std::string& names, bool* value, const std::string& help);
  /// What the help ends with.
  void Footer(const std::string& text);
  /// What the command does; the result is the exit status of the program.
  void OnRun(std::function<int()> action);

 private:
  CLI::App* app_;
};

/// The whole command line: its subcommands, its help, its errors.
class CommandLine {
 public:
  /// `version` is what --version prints; `footer` ends the help of the program, `statuses` every
  /// help.
  CommandLine(const std::string& name, const std::string& description, const std::string& version,
              const std::string& footer, const std::string& statuses);
  ~CommandLine();
  CommandLine(const CommandLine&) = delete;
  CommandLine& operator=(const CommandLine&) = delete;

  Subcommand Add(const std::string& name, const std::string& description);
  /// Reads the arguments and runs the command that they name. Returns the exit status: that of the
  /// command, 0 after help, 2 after an error in the command line, which is reported.
  int Run(int argc, char** argv);

 private:
  std::unique_ptr<CLI::App> app_;
  std::string statuses_;
};

}  // namespace npugen

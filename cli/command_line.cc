// SPDX-License-Identifier: Apache-2.0
// Commands and options by CLI11; its errors become diagnostics with a code and a suggestion.
#include "cli/command_line.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <utility>

#include "cli/commands.h"
#include "generator/support/text.h"

namespace npugen {
namespace {

/// Names of options as users write them, of `command` and of the program.
std::vector<std::string> OptionNames(const CLI::App& command) {
  std::vector<std::string> names;
  for (const CLI::Option* option : command.get_options()) {
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
    for (const std::string& name : option->get_snames()) names.push_back("-" + name);
  }
  return names;
}

/// What is said to a word that is none of `legal`.
std::string Suggestion(const std::string& word, const std::vector<std::string>& legal,
                       std::string_view what) {
  const std::vector<std::string_view> views(legal.begin(), legal.end());
  std::string_view near = NearestWord(word, views);
  const auto begins = [&word](std::string_view name) { return name.starts_with(word); };
  // The beginning of just one name means that one.
  if (word.size() > 2 && std::count_if(views.begin(), views.end(), begins) == 1) {
    near = *std::find_if(views.begin(), views.end(), begins);
  }
  if (!near.empty()) return fmt::format("did you mean `{}`?", near);
  return fmt::format("{}: {}", what, fmt::join(legal, ", "));
}

Diagnostic UnknownCommand(const CLI::App& app, const std::string& word) {
  std::vector<std::string> names;
  for (const CLI::App* command : app.get_subcommands(nullptr)) names.push_back(command->get_name());
  return {DiagnosticCode::kUsageCommand, SourceLocation(),
          fmt::format("`{}` is no command of {}", word, app.get_name()),
          Suggestion(word, names, "commands")};
}

/// The first word that nothing takes.
Diagnostic Extra(const CLI::App& command, const std::string& word, const std::string& call) {
  if (word.starts_with('-') && word.size() > 1) {
    const std::string name = word.substr(0, word.find('='));
    return {DiagnosticCode::kUsageOption, SourceLocation(),
            fmt::format("`{}` is no option of `{}`", name, call),
            Suggestion(name, OptionNames(command), "options")};
  }
  return {DiagnosticCode::kUsageExtra, SourceLocation(),
          fmt::format("`{}` takes no further argument `{}`", call, word),
          fmt::format("`{} --help` lists its arguments", call)};
}

/// What CLI11 found wrong, in words and with a code of ours.
Diagnostic Explain(const CLI::App& app, const CLI::ParseError& error) {
  const std::vector<CLI::App*> chosen = app.get_subcommands();
  const CLI::App& command = chosen.empty() ? app : *chosen.front();
  const std::string call =
      chosen.empty() ? app.get_name() : fmt::format("{} {}", app.get_name(), command.get_name());
  const std::string help = fmt::format("`{} --help` explains them", call);
  // A command of that name comes before everything that is missing.
  std::vector<std::string> extras = app.remaining(true);
  if (chosen.empty()) {
    for (const std::string& word : extras) {
      if (!word.starts_with('-')) return UnknownCommand(app, word);
    }
    if (extras.empty()) {
      return {DiagnosticCode::kUsageCommand, SourceLocation(), "no command is given",
              fmt::format("`{} --help` lists the commands", app.get_name())};
    }
  }
  if (!extras.empty()) return Extra(command, extras.front(), call);
  if (dynamic_cast<const CLI::RequiredError*>(&error) != nullptr) {
    std::vector<std::string> missing;
    for (const CLI::Option* option : command.get_options()) {
      if (option->get_required() && option->count() == 0) missing.push_back(option->get_name());
    }
    if (!missing.empty()) {
      return {DiagnosticCode::kUsageMissing, SourceLocation(),
              fmt::format("`{}` needs {}", call, fmt::join(missing, ", ")), help};
    }
  }
  const std::string what = error.what();
  if (dynamic_cast<const CLI::ArgumentMismatch*>(&error) != nullptr) {
    return {DiagnosticCode::kUsageMissing, SourceLocation(),
            fmt::format("`{}` needs a value", what.substr(0, what.find(':'))), help};
  }
  if (dynamic_cast<const CLI::ValidationError*>(&error) != nullptr ||
      dynamic_cast<const CLI::ConversionError*>(&error) != nullptr) {
    return {DiagnosticCode::kUsageValue, SourceLocation(), what, help};
  }
  return {DiagnosticCode::kUsage, SourceLocation(), what, help};
}

/// Refuses texts that are no number from `low` to `high`.
template <typename Number>
CLI::Validator RangeCheck(Number low, Number high) {
  const std::string range = fmt::format("{} to {}", low, high);
  return CLI::Validator(
      [low, high, range](const std::string& text) {
        Number value = 0;
        if (CLI::detail::lexical_cast(text, value) && low <= value && value <= high) {
          return std::string();
        }
        return fmt::format("`{}` is no number from {}", text, range);
      },
      range);
}

}  // namespace

CommandOption CommandOption::Required() {
  option_->required();
  return *this;
}

CommandOption CommandOption::ShowDefault() {
  option_->capture_default_str();
  return *this;
}

CommandOption CommandOption::ShowDefault(const std::string& text) {
  option_->default_str(text);
  return *this;
}

CommandOption CommandOption::ValueName(const std::string& name) {
  option_->type_name(name);
  return *this;
}

CommandOption CommandOption::Range(uint64_t low, uint64_t high) {
  option_->check(RangeCheck(low, high));
  return *this;
}

CommandOption CommandOption::RealRange(double low, double high) {
  option_->check(RangeCheck(low, high));
  return *this;
}

CommandOption CommandOption::Needs(CommandOption other) {
  option_->needs(other.option_);
  return *this;
}

CommandOption CommandOption::Excludes(CommandOption other) {
  option_->excludes(other.option_);
  return *this;
}

CommandOption Subcommand::Argument(const std::string& name, std::string* value,
                                   const std::string& help) {
  return CommandOption(app_->add_option(name, *value, help));
}

CommandOption Subcommand::Argument(const std::string& name, std::vector<std::string>* values,
                                   const std::string& help) {
  return CommandOption(app_->add_option(name, *values, help));
}

CommandOption Subcommand::Value(const std::string& names, std::string* value,
                                const std::string& help) {
  return CommandOption(app_->add_option(names, *value, help));
}

CommandOption Subcommand::Value(const std::string& names, int* value, const std::string& help) {
  return CommandOption(app_->add_option(names, *value, help));
}

CommandOption Subcommand::Value(const std::string& names, uint32_t* value,
                                const std::string& help) {
  return CommandOption(app_->add_option(names, *value, help));
}

CommandOption Subcommand::Value(const std::string& names, uint64_t* value,
                                const std::string& help) {
  return CommandOption(app_->add_option(names, *value, help));
}

CommandOption Subcommand::Value(const std::string& names, double* value, const std::string& help) {
  return CommandOption(app_->add_option(names, *value, help));
}

CommandOption Subcommand::Value(const std::string& names,
                                std::function<std::string(const std::string&)> parse,
                                const std::string& help) {
  return CommandOption(app_->add_option_function<std::string>(
      names,
      [names, parse = std::move(parse)](const std::string& text) {
        if (const std::string wrong = parse(text); !wrong.empty()) {
          throw CLI::ValidationError(names, wrong);
        }
      },
      help));
}

CommandOption Subcommand::Values(const std::string& names, std::vector<std::string>* values,
                                 const std::string& help) {
  return CommandOption(app_->add_option(names, *values, help)->allow_extra_args(false));
}

CommandOption Subcommand::Flag(const std::string& names, bool* value, const std::string& help) {
  return CommandOption(app_->add_flag(names, *value, help));
}

void Subcommand::Footer(const std::string& text) { app_->footer(text); }

void Subcommand::OnRun(std::function<int()> action) {
  app_->callback([action = std::move(action)] {
    // CLI11's own way out of a callback; Run() turns it into the exit status.
    if (const int status = action(); status != 0) throw CLI::RuntimeError(status);
  });
}

CommandLine::CommandLine(const std::string& name, const std::string& description,
                         const std::string& version, const std::string& footer,
                         const std::string& statuses)
    : app_(std::make_unique<CLI::App>(description, name)), statuses_(statuses) {
  app_->require_subcommand(1);
  app_->set_version_flag("--version", version);
  app_->footer(footer + "\n\n" + statuses);
}

CommandLine::~CommandLine() = default;

Subcommand CommandLine::Add(const std::string& name, const std::string& description) {
  return Subcommand(app_->add_subcommand(name, description));
}

int CommandLine::Run(int argc, char** argv) {
  for (CLI::App* command : app_->get_subcommands(nullptr)) {
    command->footer(command->get_footer() + "\n\n" + statuses_);
  }
  try {
    app_->parse(argc, argv);
  } catch (const CLI::RuntimeError& status) {
    return status.get_exit_code();
  } catch (const CLI::ParseError& error) {
    // Help and version come this way too, with status 0.
    if (error.get_exit_code() == 0) return app_->exit(error);
    return Report({Explain(*app_, error)});
  }
  return 0;
}

}  // namespace npugen

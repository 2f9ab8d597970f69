// SPDX-License-Identifier: Apache-2.0
// npugen report: pictures of reports that other commands wrote.
#include <fmt/format.h>

#include <cstdio>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/command_line.h"
#include "cli/commands.h"
#include "cli/report_flags.h"
#include "generator/support/file.h"
#include "verif/report/page.h"

namespace npugen {
namespace {

/// Of a report; timelines are the largest.
constexpr uint64_t kMostReportBytes = uint64_t{1} << 30;

struct ReportCommandOptions {
  std::vector<std::string> files;
  std::string title;
  ReportFlags output;
};

int MakePage(const ReportCommandOptions& options) {
  if (!options.output.any_pictures()) {
    return Report({UsageError("nothing is to be written", "-o FILE, --pictures FOLDER, or both")});
  }
  std::vector<NamedReport> reports;
  for (const std::string& file : options.files) {
    Result<std::string> text = ReadFileText(file, kMostReportBytes);
    if (!text) return Report(text.errors());
    if (text->size() > kMostReportBytes || nlohmann::json::accept(*text) == false) {
      return Report({{DiagnosticCode::kModelInput,
                      {file, 0, 0},
                      "it is no JSON",
                      "files that npugen wrote with --json, --trace or --timing-json"}});
    }
    reports.push_back(
        {std::filesystem::path(InputName(file)).filename().string(), std::move(*text)});
  }
  const std::string title =
      !options.title.empty() ? options.title
      : reports.size() == 1
          ? reports.front().name
          : fmt::format("{} and {} more", reports.front().name, reports.size() - 1);
  const Status written = WriteReports(options.output, title, reports);
  return written ? 0 : Report(written.errors());
}

}  // namespace

void AddReportCommand(CommandLine& line) {
  auto options = std::make_shared<ReportCommandOptions>();
  Subcommand command = line.Add(
      "report", "Draw the reports of other commands: one HTML page, and each picture alone");
  command
      .Argument("FILES", &options->files,
                "what run, estimate, demo and synth wrote with --json, --trace or --timing-json; "
                "several make one page")
      .Required();
  command.Value("-o,--report", &options->output.report,
                "the page: one HTML file that needs nothing else (docs/report.md)");
  command.Value("--pictures", &options->output.pictures,
                "write each picture alone (SVG) and its data (CSV) into this folder");
  command.Value("--title", &options->title, "of the page (default: the file's name)");
  command.Footer(
      "The commands draw their own reports, too: --report FILE.\n"
      "Example: npugen run specs/edge.yaml model.tflite --json run.json --trace trace.json\n"
      "         npugen report run.json trace.json -o run.html");
  command.OnRun([options] { return MakePage(*options); });
}

}  // namespace npugen

// SPDX-License-Identifier: Apache-2.0
// What all commands that measure write: JSON, a table, a page of pictures.
#pragma once

#include <string>
#include <vector>

#include "cli/command_line.h"
#include "generator/support/diagnostic.h"
#include "generator/support/file.h"

namespace npugen {

/// Where a command's report goes; empty: nowhere.
struct ReportFlags {
  std::string json;
  std::string csv;
  std::string report;    ///< page of pictures
  std::string pictures;  ///< folder for the pictures alone, and their data

  bool any_pictures() const { return !report.empty() || !pictures.empty(); }
  bool any() const { return any_pictures() || !json.empty() || !csv.empty(); }
  /// Paths for TextStream().
  std::vector<std::string> paths() const { return {json, csv, report}; }
};
void AddReportFlags(Subcommand& command, ReportFlags* flags, const std::string& json_help);
/// --report and --pictures alone.
void AddPictureFlags(Subcommand& command, ReportFlags* flags);

/// One report of a command.
struct NamedReport {
  std::string name;  ///< what the page calls it
  std::string json;
};

/// Writes what `flags` ask for, and `others`: all of it or nothing. The first report is the
/// command's own: its JSON and its table; the pictures are of all. Errors: of WriteFiles(), and
/// kFileWrite for the folder of pictures.
Status WriteReports(const ReportFlags& flags, const std::string& title,
                    const std::vector<NamedReport>& reports, std::vector<OutputFile> others = {});

}  // namespace npugen

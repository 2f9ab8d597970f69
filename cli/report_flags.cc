// SPDX-License-Identifier: Apache-2.0
// Reports of commands as files.
#include "cli/report_flags.h"

#include <filesystem>
#include <nlohmann/json.hpp>

#include "verif/report/page.h"

namespace npugen {

void AddPictureFlags(Subcommand& command, ReportFlags* flags) {
  command.Value("--report", &flags->report,
                "write a page of pictures: one HTML file that needs nothing else (docs/report.md)");
  command.Value("--pictures", &flags->pictures,
                "write each picture alone (SVG) and its data (CSV) into this folder");
}

void AddReportFlags(Subcommand& command, ReportFlags* flags, const std::string& json_help) {
  command.Value("--json", &flags->json, json_help);
  command.Value("--csv", &flags->csv,
                "write the report's main table as comma-separated values to this file");
  AddPictureFlags(command, flags);
}

Status WriteReports(const ReportFlags& flags, const std::string& title,
                    const std::vector<NamedReport>& reports, std::vector<OutputFile> files) {
  std::string csv;
  if (!flags.csv.empty()) csv = CsvOf(nlohmann::json::parse(reports.front().json));
  ReportFiles pages;
  std::vector<std::string> paths;
  if (flags.any_pictures()) {
    std::vector<ReportDocument> documents;
    for (const NamedReport& report : reports) {
      documents.push_back({report.name, nlohmann::json::parse(report.json, nullptr, false)});
    }
    Result<ReportFiles> made = MakeReport(title, documents);
    if (!made) return made.errors();
    pages = std::move(*made);
  }
  if (!flags.json.empty()) files.push_back({flags.json, reports.front().json});
  if (!flags.csv.empty()) files.push_back({flags.csv, csv});
  if (!flags.report.empty()) files.push_back({flags.report, pages.page});
  if (!flags.pictures.empty()) {
    std::error_code error;
    std::filesystem::create_directories(flags.pictures, error);
    if (error) {
      return SystemError(DiagnosticCode::kFileWrite, flags.pictures, "made", error.value());
    }
    for (const ReportFiles::File& file : pages.pictures) {
      paths.push_back((std::filesystem::path(flags.pictures) / file.name).string());
    }
    for (size_t i = 0; i < paths.size(); ++i) files.push_back({paths[i], pages.pictures[i].text});
  }
  return WriteFiles(files);
}

}  // namespace npugen

// SPDX-License-Identifier: Apache-2.0
// A page of pictures: one HTML file that needs nothing else, well-formed as XML, for light and dark
// screens of any width.
#pragma once

#include <span>
#include <string>

#include "generator/support/diagnostic.h"
#include "verif/report/picture.h"

namespace npugen {

/// Files of a report: the page, and each picture alone with its data.
struct ReportFiles {
  struct File {
    std::string name, text;
  };
  std::string page;
  std::vector<File> pictures;  ///< ID.svg and ID.csv; IDs of further documents have a number
};

/// The page of some documents, under `title`. Equal arguments give equal bytes. Error: kModelInput
/// with the document's name when it is no report, lacks members or has others than npugen writes.
Result<ReportFiles> MakeReport(const std::string& title, std::span<const ReportDocument> documents);

}  // namespace npugen

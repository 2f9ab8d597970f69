// SPDX-License-Identifier: Apache-2.0
// What the JSON reports of npugen look like: pictures as functions of their data, pages of them.
//
// A document is what a command writes with --json (or --trace, --timing-json): the pictures know it
// by its members (docs/run-json.md, docs/ppa.md, docs/trace.md).
#pragma once

#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "verif/report/drawing.h"

namespace npugen {

/// One report of a command.
struct ReportDocument {
  std::string name;  ///< what the page calls it, such as the file it came from
  nlohmann::json json;
};

/// A picture and the figures in it.
struct Picture {
  std::string id;  ///< for file names: letters, digits and underscores
  std::string title;
  std::string caption;
  Drawing drawing;
  std::string csv;  ///< the data that are drawn, a line of names first
};

/// Kinds of documents.
enum class DocumentKind : uint8_t {
  kRun,         ///< of run and estimate
  kJobs,        ///< of run with jobs in turn
  kTrace,       ///< timeline of a run
  kArea,        ///< of synth
  kTiming,      ///< of synth --timing
  kPower,       ///< of power
  kSweep,       ///< of sweep
  kFpga,        ///< of synth for an FPGA
  kDemo,        ///< of demo
  kFirmware,    ///< of demo --firmware
  kValidation,  ///< of estimate --validate
  kPod,         ///< of pod --estimate
  kPodSweep,    ///< of pod --estimate with --sweep
  kUnknown,
};
DocumentKind DocumentKindOf(const nlohmann::json& document);

/// Short facts, such as {"cycles", "54,793"}.
using KeyFigures = std::vector<std::pair<std::string, std::string>>;
KeyFigures FiguresOf(const nlohmann::json& document);

/// The pictures of a document; none where it has nothing to draw. A document that lacks members of
/// its kind, or has them of another type, throws nlohmann::json::exception.
std::vector<Picture> PicturesOf(const nlohmann::json& document);

/// The main table of a document as comma-separated values: a row for each layer, job, network,
/// cell or path. Members within members become columns `outer.inner`, lists of numbers `1x2x3`.
std::string CsvOf(const nlohmann::json& document);

}  // namespace npugen

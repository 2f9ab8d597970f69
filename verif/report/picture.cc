// SPDX-License-Identifier: Apache-2.0
// Which document is what, its figures, pictures and table.
#include "verif/report/picture.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <optional>

#include "verif/report/bars.h"
#include "verif/report/pictures.h"

namespace npugen {
namespace {

using nlohmann::json;

void Take(std::optional<Picture> picture, std::vector<Picture>* pictures) {
  if (picture) pictures->push_back(std::move(*picture));
}

std::string Percent(double share) { return fmt::format("{:.1f} %", 100 * share); }

std::string Count(const json& number) { return Thousands(number.get<uint64_t>()); }

KeyFigures RunFigures(const json& run) {
  KeyFigures figures = {
      {run.at("warm").get<bool>() ? "cycles, cached" : "cycles", Count(run.at("cycles"))}};
  if (run.contains("clock_hz") && run.at("clock_hz").get<double>() > 0) {
    const double clock = run.at("clock_hz");
    figures.push_back({fmt::format("at {:g} MHz", clock / 1e6),
                       fmt::format("{:.3g} ms", 1e3 * run.at("cycles").get<double>() / clock)});
  }
  figures.push_back({"array in use", Percent(run.at("utilization"))});
  figures.push_back({"MACs", ShortNumber(run.at("macs"))});
  figures.push_back({"bytes read", Count(run.at("bytes_read"))});
  figures.push_back({"bytes written", Count(run.at("bytes_written"))});
  if (run.at("estimated").get<bool>()) {
    figures.push_back({"cycles are", "estimated"});
  } else {
    const auto wrong = run.at("mismatches").get<uint64_t>();
    figures.push_back({"elements compared", Count(run.at("elements_checked"))});
    figures.push_back({"of these differ", wrong == 0 ? "none" : Thousands(wrong)});
  }
  return figures;
}

Picture JobsPicture(const json& report) {
  BarChart chart;
  chart.id = "jobs";
  chart.title = "Jobs in turn";
  chart.caption = "Cycles of each job; a warm one finds its parameters in core memory.";
  chart.label = "job";
  chart.unit = "cycles";
  chart.series = {{"cold", "amber"}, {"warm", "blue"}};
  size_t number = 0;
  for (const json& job : report.at("jobs")) {
    const double cycles = job.at("cycles");
    const bool warm = job.at("warm");
    chart.rows.push_back({fmt::format("{} {}", ++number,
                                      report.at("programs")
                                          .at(job.at("program").get<size_t>())
                                          .at("name")
                                          .get<std::string>()),
                          "",
                          {warm ? 0 : cycles, warm ? cycles : 0},
                          Count(job.at("cycles"))});
  }
  return DrawBars(chart);
}

std::vector<Picture> DemoPictures(const json& demo) {
  BarChart chart;
  chart.id = "networks";
  chart.title = "Cycles of an image";
  chart.caption =
      "With cached parameters, mean of all images but the first; and what the first "
      "one took more. At the right: share of right answers.";
  chart.label = "network";
  chart.unit = "cycles";
  chart.series = {{"cached", "blue"}, {"more when cold", "amber"}};
  for (const json& network : demo.at("networks")) {
    const double first = network.at("cycles_first"), later = network.at("cycles_per_image");
    chart.rows.push_back({network.at("name"),
                          "",
                          {later, std::max(first - later, 0.0)},
                          Percent(network.at("accuracy")) + " right"});
  }
  return {DrawBars(chart)};
}

Picture FpgaPicture(const json& fpga) {
  BarChart chart;
  chart.id = "fpga";
  chart.title = "Cells of the FPGA";
  chart.caption = "By type, as Yosys maps the modules one by one.";
  chart.label = "cell";
  chart.unit = "cells";
  chart.series = {{"cells", "blue"}};
  for (const auto& [name, count] : fpga.at("cells").items()) {
    chart.rows.push_back({name, "", {count.get<double>()}, Count(count)});
  }
  std::stable_sort(chart.rows.begin(), chart.rows.end(),
                   [](const BarRow& a, const BarRow& b) { return a.values[0] > b.values[0]; });
  return DrawBars(chart);
}

Picture FirmwarePicture(const json& firmware) {
  BarChart chart;
  chart.id = "boots";
  chart.title = "Inputs classified by the firmware";
  chart.caption = "Cycles of each input, as the firmware reads them from the NPU's counter.";
  chart.label = "input";
  chart.unit = "cycles";
  chart.series = {{"cycles", "blue"}};
  for (const json& boot : firmware.at("boots")) {
    size_t number = 0;
    for (const json& input : boot.at("inputs")) {
      chart.rows.push_back({fmt::format("{} {}", boot.at("model").get<std::string>(), number++),
                            "",
                            {input.at("cycles").get<double>()},
                            fmt::format("class {}", input.at("class").get<uint64_t>())});
    }
  }
  return DrawBars(chart);
}

/// The rows of a document's main table.
const json& MainTable(const json& document, const json& whole) {
  for (const char* name :
       {"layers", "jobs", "modules", "paths", "networks", "pod_points", "causes"}) {
    if (document.contains(name) && document.at(name).is_array()) return document.at(name);
  }
  return whole;
}

/// Members of a row as columns.
void Flatten(const json& value, const std::string& name,
             std::vector<std::pair<std::string, std::string>>* columns) {
  if (value.is_object()) {
    for (const auto& [member, inner] : value.items()) {
      Flatten(inner, name.empty() ? member : name + '.' + member, columns);
    }
    return;
  }
  if (value.is_array()) {
    std::string text;
    for (const json& item : value) {
      if (item.is_structured()) return;  // a table within the table
      text +=
          (text.empty() ? "" : "x") + (item.is_string() ? item.get<std::string>() : item.dump());
    }
    columns->emplace_back(name, text);
    return;
  }
  columns->emplace_back(name, value.is_string() ? value.get<std::string>()
                              : value.is_null() ? std::string()
                                                : value.dump());
}

}  // namespace

DocumentKind DocumentKindOf(const json& document) {
  const auto has = [&document](const char* member) { return document.contains(member); };
  if (!document.is_object()) return DocumentKind::kUnknown;
  if (has("traceEvents")) return DocumentKind::kTrace;
  if (has("pod_points")) return DocumentKind::kPodSweep;
  if (has("pod") && has("causes")) return DocumentKind::kPod;
  if (has("layers") && has("cycles")) return DocumentKind::kRun;
  if (has("points")) return DocumentKind::kSweep;
  if (has("power_mw")) return DocumentKind::kPower;
  if (has("jobs") && has("programs")) return DocumentKind::kJobs;
  if (has("jobs")) return DocumentKind::kValidation;
  if (has("modules") && has("memories")) return DocumentKind::kArea;
  if (has("histogram") && has("paths")) return DocumentKind::kTiming;
  if (has("luts") && has("cells")) return DocumentKind::kFpga;
  if (has("networks")) return DocumentKind::kDemo;
  if (has("boots")) return DocumentKind::kFirmware;
  return DocumentKind::kUnknown;
}

KeyFigures FiguresOf(const json& document) {
  switch (DocumentKindOf(document)) {
    case DocumentKind::kRun:
      return RunFigures(document);
    case DocumentKind::kJobs: {
      uint64_t cycles = 0;
      for (const json& job : document.at("jobs")) cycles += job.at("cycles").get<uint64_t>();
      return {{"jobs", Thousands(document.at("jobs").size())},
              {"cycles of all", Thousands(cycles)},
              {"elements that differ", Count(document.at("mismatches"))}};
    }
    case DocumentKind::kArea:
      return {{"logic", ShortNumber(document.at("total_ge")) + " GE"},
              {"accumulators", ShortNumber(document.value("accumulators_ge", 0.0)) + " GE"},
              {"memories", ShortNumber(document.value("memories_ge", 0.0)) + " GE"},
              {"tile, for a MAC", ShortNumber(document.at("tile_ge_per_mac")) + " GE"}};
    case DocumentKind::kTiming:
      return {
          {"clock of the spec", fmt::format("{:.4g} ns", document.at("clock_ns").get<double>())},
          {"register to register",
           fmt::format("{:.4g} ns", document.at("registers_ns").get<double>())},
          {"with margins and ports",
           fmt::format("{:.4g} ns", document.at("constrained_ns").get<double>())},
          {"endpoints too late", Count(document.at("violated"))}};
    case DocumentKind::kSweep:
      return {{"variants", Thousands(document.at("points").size())}};
    case DocumentKind::kPower: {
      const double picojoules = document.at("energy").at("pj");
      KeyFigures figures = {
          {"energy of an inference", fmt::format("{:.4g} uJ", picojoules * 1e-6)},
          {"while it runs", fmt::format("{:.4g} mW", document.at("power_mw").get<double>())},
          {"cycles", Count(document.at("cycles"))}};
      const double macs = document.at("macs");
      if (macs > 0) {
        figures.push_back({"for a MAC", fmt::format("{:.4g} pJ", picojoules / macs)});
      }
      return figures;
    }
    case DocumentKind::kFpga:
      return {{"LUTs", Count(document.at("luts"))},
              {"flip-flops", Count(document.at("flip_flops"))},
              {"DSPs", Count(document.at("dsps"))},
              {"block RAMs", Count(document.at("block_rams"))}};
    case DocumentKind::kDemo: {
      KeyFigures figures;
      for (const json& network : document.at("networks")) {
        figures.push_back(
            {network.at("name").get<std::string>() + ", bit-exact",
             fmt::format("{} of {}", Count(network.at("bit_exact")), Count(network.at("images")))});
      }
      if (document.contains("area_ge") && document.at("area_ge").is_number()) {
        figures.push_back({"logic", ShortNumber(document.at("area_ge")) + " GE"});
      }
      return figures;
    }
    case DocumentKind::kFirmware: {
      KeyFigures figures = {{"code", Count(document.at("code_bytes")) + " bytes"}};
      if (document.at("driver_code_bytes").is_number()) {
        figures.push_back({"of the driver", Count(document.at("driver_code_bytes")) + " bytes"});
      }
      return figures;
    }
    case DocumentKind::kPod:
      return {
          {"chips", Count(document.at("chips"))},
          {"step", fmt::format("{:.4g} s", document.at("seconds").get<double>())},
          {"tokens per second", ShortNumber(document.at("tokens_per_second"))},
          {"MFU", fmt::format("{:.1f} %", 100 * document.at("model_utilization").get<double>())},
          {"limit", document.at("limit").get<std::string>()}};
    case DocumentKind::kPodSweep:
      return {{"variants", Thousands(document.at("pod_points").size())}};
    case DocumentKind::kTrace:
    case DocumentKind::kValidation:
    case DocumentKind::kUnknown:
      break;
  }
  return {};
}

std::vector<Picture> PicturesOf(const json& document) {
  std::vector<Picture> pictures;
  switch (DocumentKindOf(document)) {
    case DocumentKind::kRun:
      pictures.push_back(CyclesPicture(document));
      Take(RooflinePicture(document), &pictures);
      Take(MemoryPicture(document, "pe"), &pictures);
      Take(MemoryPicture(document, "core"), &pictures);
      break;
    case DocumentKind::kJobs:
      pictures.push_back(JobsPicture(document));
      break;
    case DocumentKind::kTrace:
      Take(TimelinePicture(document), &pictures);
      break;
    case DocumentKind::kArea:
      pictures.push_back(AreaPicture(document));
      pictures.push_back(CellKindsPicture(document));
      break;
    case DocumentKind::kTiming:
      Take(SlackPicture(document), &pictures);
      break;
    case DocumentKind::kSweep:
      Take(SweepPicture(document), &pictures);
      break;
    case DocumentKind::kPower:
      pictures.push_back(EnergyPicture(document, "parts"));
      pictures.push_back(EnergyPicture(document, "modules"));
      break;
    case DocumentKind::kFpga:
      pictures.push_back(FpgaPicture(document));
      break;
    case DocumentKind::kDemo:
      pictures = DemoPictures(document);
      break;
    case DocumentKind::kFirmware:
      pictures.push_back(FirmwarePicture(document));
      break;
    case DocumentKind::kValidation:
      Take(ValidationPicture(document), &pictures);
      break;
    case DocumentKind::kPod:
      pictures.push_back(PodCausesPicture(document));
      Take(PodTimelinePicture(document), &pictures);
      break;
    case DocumentKind::kPodSweep:
      pictures.push_back(PodCausesPicture(document));
      break;
    case DocumentKind::kUnknown:
      break;
  }
  return pictures;
}

std::string CsvOf(const json& document) {
  json rows = json::array();
  if (DocumentKindOf(document) == DocumentKind::kFirmware) {
    for (const json& boot : document.at("boots")) {
      for (json input : boot.at("inputs")) {
        input["model"] = boot.at("model");
        rows.push_back(std::move(input));
      }
    }
  } else {
    const json whole = json::array({document});
    rows = MainTable(document, whole);
  }
  std::vector<std::string> names;
  std::vector<std::vector<std::pair<std::string, std::string>>> table;
  for (const json& row : rows) {
    table.emplace_back();
    Flatten(row, "", &table.back());
    for (const auto& [name, value] : table.back()) {
      if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
    }
  }
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ",") + CsvCell(name);
  text += '\n';
  for (const auto& row : table) {
    std::string line;
    for (size_t i = 0; i < names.size(); ++i) {
      const auto cell = std::find_if(row.begin(), row.end(),
                                     [&](const auto& column) { return column.first == names[i]; });
      if (i > 0) line += ',';
      if (cell != row.end()) line += CsvCell(cell->second);
    }
    text += line + '\n';
  }
  return text;
}

}  // namespace npugen

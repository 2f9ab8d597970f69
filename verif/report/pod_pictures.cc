// SPDX-License-Identifier: Apache-2.0
// A step of a pod: what it is spent on, and who does what when.
#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "verif/report/bars.h"
#include "verif/report/pictures.h"

namespace npugen {
namespace {

using nlohmann::json;

/// Causes in the order in which bars are stacked, with their styles.
constexpr std::pair<const char*, const char*> kPodCauseStyles[] = {
    {"compute", "compute"}, {"recompute", "sky"},
    {"memory", "navy"},     {"model_axis", "activation_port"},
    {"data_axis", "dma"},   {"network", "barrier"}};

constexpr double kPodWidth = 760, kPodLeft = 96, kPodRight = 752, kPodPitch = 26, kPodBox = 18;
/// Neighbours that would be thinner than this are drawn together.
constexpr double kPodLeastPixels = 0.6;

}  // namespace

Picture PodCausesPicture(const json& report) {
  BarChart chart;
  chart.id = "causes";
  chart.title = "What a step is spent on";
  chart.caption =
      "Seconds by cause; at the right: seconds of the step, and the share of the peak "
      "that the network's own products reach (MFU).";
  chart.label = "variant";
  chart.unit = "s";
  for (const auto& [name, style] : kPodCauseStyles) chart.series.push_back({name, style});
  const auto add = [&chart](std::string name, const json& causes, const json& point) {
    BarRow row{std::move(name), "", {}, "", ""};
    for (const auto& [cause, style] : kPodCauseStyles) {
      row.values.push_back(causes.at(cause).get<double>());
    }
    row.note = fmt::format("{:.4g} s", point.at("seconds").get<double>());
    row.share = fmt::format("{:.0f} %", 100 * point.at("model_utilization").get<double>());
    chart.rows.push_back(std::move(row));
  };
  if (report.contains("pod_points")) {
    for (const json& point : report.at("pod_points")) {
      if (!point.contains("refused")) add(point.at("name"), point.at("causes"), point);
    }
  } else {
    json causes;
    for (const json& cause : report.at("causes")) {
      causes[cause.at("cause").get<std::string>()] = cause.at("seconds");
    }
    add(report.at("pod"), causes, report);
  }
  return DrawBars(chart);
}

std::optional<Picture> PodTimelinePicture(const json& report) {
  const double seconds = report.at("seconds");
  if (!report.contains("spans") || seconds <= 0) return std::nullopt;
  constexpr std::pair<const char*, const char*> kLanes[] = {{"products", "compute"},
                                                            {"memory", "navy"},
                                                            {"model_axis", "activation_port"},
                                                            {"data_axis", "dma"},
                                                            {"network", "barrier"}};
  constexpr double kTop = 4;
  const double bottom = kTop + kPodPitch * static_cast<double>(std::size(kLanes));
  Drawing drawing(kPodWidth, bottom + 36);
  const Axis x(0, seconds, kPodLeft, kPodRight);
  for (const double tick : x.Ticks(8)) {
    drawing.Line({x.At(tick), kTop}, {x.At(tick), bottom}, "grid");
    drawing.Text({x.At(tick), bottom + 14}, fmt::format("{:.4g}", tick), "small", Anchor::kMiddle);
  }
  drawing.Text({kPodRight, bottom + 30}, "seconds", "small", Anchor::kEnd);
  std::string csv = "lane,work,begin_s,end_s\n";
  double y = kTop;
  for (const auto& [lane, style] : kLanes) {
    drawing.Text({kPodLeft - 8, y + 13}, lane, "label", Anchor::kEnd);
    // Spans that touch on the screen are one box, which says how many they are.
    double begin = 0, end = -1, busy = 0;
    size_t count = 0;
    std::string first;
    const auto flush = [&, style = style] {
      if (count == 0) return;
      const double width = std::max(x.At(end) - x.At(begin), kPodLeastPixels);
      drawing.Box({x.At(begin), y, width, kPodBox}, style,
                  count == 1 ? fmt::format("{}\n{:.5g} to {:.5g} s", first, begin, end)
                             : fmt::format("{} and {} more\n{:.5g} to {:.5g} s, busy {:.5g} s",
                                           first, count - 1, begin, end, busy),
                  std::clamp(busy / std::max(end - begin, 1e-30), 0.25, 1.0));
      count = 0;
    };
    for (const json& span : report.at("spans")) {
      if (span.at("lane") != lane) continue;
      const double from = span.at("begin"), to = span.at("end");
      csv += fmt::format("{},{},{},{}\n", lane, CsvCell(span.at("work")), CsvNumber(from),
                         CsvNumber(to));
      const bool joins =
          count > 0 && x.At(from) - x.At(end) < kPodLeastPixels && x.At(to) - x.At(begin) < 6;
      if (!joins) {
        flush();
        begin = from;
        busy = 0;
        first = span.at("work");
      }
      end = std::max(joins ? end : to, to);
      busy += to - from;
      ++count;
    }
    flush();
    y += kPodPitch;
  }
  return Picture{"timeline", "Timeline of a step",
                 "What one chip does, which stands for all. Spans too short to be seen are drawn "
                 "together, the fainter the less of the time they fill.",
                 std::move(drawing), std::move(csv)};
}

}  // namespace npugen

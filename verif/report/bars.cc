// SPDX-License-Identifier: Apache-2.0
// Draws bars and legends.
#include "verif/report/bars.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numeric>

namespace npugen {
namespace {

constexpr double kBarsWidth = 760;
constexpr double kLabelWidth = 236, kNoteWidth = 84, kShareWidth = 44, kGap = 10;
/// Widths of small letters to those of labels.
constexpr double kSmall = 0.88;
constexpr double kRow = 21, kBar = 14;
constexpr double kLegendRow = 20, kLegendMark = 11;

double LegendItem(const BarSeries& item) { return kLegendMark + 6 + TextWidth(item.name) + 18; }

double Sum(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0);
}

std::string Amount(double value) {
  return value == std::floor(value) ? Thousands(static_cast<uint64_t>(value))
                                    : fmt::format("{:.4g}", value);
}

}  // namespace

std::string CsvCell(const std::string& text) {
  if (text.find_first_of(",\"\n\r") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char letter : text) {
    if (letter == '"') quoted += '"';
    quoted += letter;
  }
  return quoted + '"';
}

std::string CsvNumber(double number) {
  if (number == std::floor(number) && std::abs(number) < 9e15) {
    return fmt::format("{}", static_cast<int64_t>(number));
  }
  return fmt::format("{}", number);
}

double LegendHeight(double width, const std::vector<BarSeries>& series) {
  double x = 0, height = series.empty() ? 0 : kLegendRow;
  for (const BarSeries& item : series) {
    if (x > 0 && x + LegendItem(item) > width) {
      x = 0;
      height += kLegendRow;
    }
    x += LegendItem(item);
  }
  return height;
}

double DrawLegend(Drawing* drawing, const Point& at, const std::vector<BarSeries>& series) {
  double x = at.x, y = at.y;
  for (const BarSeries& item : series) {
    if (x > at.x && x + LegendItem(item) > drawing->width()) {
      x = at.x;
      y += kLegendRow;
    }
    drawing->Box({x, y + 4, kLegendMark, kLegendMark}, item.style);
    drawing->Text({x + kLegendMark + 6, y + 14}, item.name, "soft");
    x += LegendItem(item);
  }
  return LegendHeight(drawing->width() - at.x, series);
}

Picture DrawBars(const BarChart& chart) {
  std::vector<bool> used(chart.series.size(), false);
  double most = 0;
  bool notes = false, shares = false;
  double labels = 0;
  for (const BarRow& row : chart.rows) {
    most = std::max(most, Sum(row.values));
    notes = notes || !row.note.empty();
    shares = shares || !row.share.empty();
    labels = std::max(labels, TextWidth(row.label) + (row.detail.empty() ? 0 : 10) +
                                  TextWidth(row.detail) * kSmall);
    for (size_t s = 0; s < row.values.size(); ++s) used[s] = used[s] || row.values[s] > 0;
  }
  std::vector<BarSeries> legend;
  for (size_t s = 0; s < chart.series.size(); ++s) {
    if (used[s] && chart.series.size() > 1) legend.push_back(chart.series[s]);
  }
  labels = std::min(std::max(labels, 60.0), kLabelWidth);
  const double note_right = kBarsWidth - (shares ? kShareWidth : 0);
  const double left = labels + kGap, right = notes ? note_right - kNoteWidth : kBarsWidth - 14;
  const double top = LegendHeight(kBarsWidth, legend) + (legend.empty() ? 0 : 8);
  const double bottom = top + kRow * static_cast<double>(chart.rows.size());
  Drawing drawing(kBarsWidth, bottom + 34);
  DrawLegend(&drawing, {0, 0}, legend);

  const Axis axis(0, most > 0 ? most : 1, left, right);
  for (const double tick : axis.Ticks(6)) {
    drawing.Line({axis.At(tick), top}, {axis.At(tick), bottom + 4}, "grid");
    drawing.Text({axis.At(tick), bottom + 17}, ShortNumber(tick), "small", Anchor::kMiddle);
  }
  drawing.Text({right, bottom + 31}, chart.unit, "small", Anchor::kEnd);

  Picture picture{chart.id, chart.title, chart.caption, Drawing(0, 0), ""};
  picture.csv = CsvCell(chart.label) + ",detail";
  for (const BarSeries& series : chart.series) picture.csv += ',' + CsvCell(series.name);
  picture.csv += ",note,share\n";
  double y = top;
  for (const BarRow& row : chart.rows) {
    const std::string label = FitText(row.label, labels);
    drawing.Text({0, y + 15}, label);
    if (!row.detail.empty()) {
      const std::string detail = FitText(row.detail, (labels - TextWidth(label) - 10) / kSmall);
      drawing.Text({labels, y + 15}, detail, "small", Anchor::kEnd);
    }
    double x = left;
    for (size_t s = 0; s < row.values.size(); ++s) {
      if (row.values[s] <= 0) continue;
      const double width = axis.At(row.values[s]) - left;
      std::string hover = row.label + (row.detail.empty() ? "" : "  " + row.detail) + '\n';
      if (chart.series.size() > 1) hover += chart.series[s].name + ": ";
      hover += fmt::format("{} {}", Amount(row.values[s]), chart.unit);
      if (chart.series.size() > 1) {
        hover += fmt::format(" of {} ({:.1f} %)", Amount(Sum(row.values)),
                             100 * row.values[s] / Sum(row.values));
      }
      drawing.Box({x, y + (kRow - kBar) / 2, std::max(width, 0.4), kBar}, chart.series[s].style,
                  hover);
      x += width;
    }
    if (notes) drawing.Text({note_right, y + 15}, row.note, "small", Anchor::kEnd);
    if (shares) drawing.Text({kBarsWidth, y + 15}, row.share, "small", Anchor::kEnd);
    y += kRow;
    picture.csv += CsvCell(row.label) + ',' + CsvCell(row.detail);
    for (const double value : row.values) picture.csv += ',' + CsvNumber(value);
    picture.csv += ',' + CsvCell(row.note) + ',' + CsvCell(row.share) + '\n';
  }
  drawing.Line({left, top}, {left, bottom + 4}, "frame");
  picture.drawing = std::move(drawing);
  return picture;
}

}  // namespace npugen

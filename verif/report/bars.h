// SPDX-License-Identifier: Apache-2.0
// Rows of stacked bars: the form of most pictures.
#pragma once

#include <string>
#include <vector>

#include "verif/report/picture.h"

namespace npugen {

/// One colour of the bars.
struct BarSeries {
  std::string name;
  std::string style;
};

struct BarRow {
  std::string label;
  std::string detail;          ///< behind the label, less prominent
  std::vector<double> values;  ///< of the series
  std::string note;            ///< at the end of the row
  std::string share = "";      ///< behind the note, in a column of its own
};

struct BarChart {
  std::string id, title, caption;
  std::string label;  ///< what the rows are, for the CSV
  std::string unit;   ///< of the values
  std::vector<BarSeries> series;
  std::vector<BarRow> rows;
};

/// The chart, with a legend of the series that have any value, an axis, and the rows one below the
/// other.
Picture DrawBars(const BarChart& chart);

/// Small squares with names, from `at` to the right and, where the drawing ends, on further lines.
/// Returns the height that it takes.
double DrawLegend(Drawing* drawing, const Point& at, const std::vector<BarSeries>& series);
/// Height of that legend.
double LegendHeight(double width, const std::vector<BarSeries>& series);

/// A cell of a CSV file: quoted where it must be.
std::string CsvCell(const std::string& text);
/// A number without digits that say nothing.
std::string CsvNumber(double number);

}  // namespace npugen

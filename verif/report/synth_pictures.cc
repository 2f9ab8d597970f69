// SPDX-License-Identifier: Apache-2.0
// Areas as a treemap, kinds of cells, slacks; and estimates against measurements.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "verif/report/bars.h"
#include "verif/report/pictures.h"

namespace npugen {
namespace {

using nlohmann::json;

struct Part {
  std::string name, detail, style;
  double size = 0;
  std::vector<Part> parts;
};

/// Rectangles for `parts`, largest first, as near to squares as rows of them allow.
std::vector<Rectangle> Squarify(const std::vector<Part>& parts, Rectangle area) {
  double total = 0;
  for (const Part& part : parts) total += part.size;
  std::vector<Rectangle> places;
  if (total <= 0) return std::vector<Rectangle>(parts.size());
  const double scale = area.width * area.height / total;
  for (size_t begin = 0; begin < parts.size();) {
    const double side = std::max(std::min(area.width, area.height), 1e-9);
    // The row grows as long as its worst shape gets better.
    double sum = 0, worst = 1e300;
    size_t end = begin;
    for (; end < parts.size(); ++end) {
      const double longer = sum + parts[end].size * scale;
      const double largest = parts[begin].size * scale;
      const double smallest = std::max(parts[end].size * scale, 1e-9);
      const double shape = std::max(side * side * largest / (longer * longer),
                                    longer * longer / (side * side * smallest));
      if (end > begin && shape > worst) break;
      worst = shape;
      sum = longer;
    }
    const bool upright = area.width >= area.height;
    const double depth = sum / side;
    double at = 0;
    for (; begin < end; ++begin) {
      const double length = parts[begin].size * scale / std::max(depth, 1e-9);
      places.push_back(upright ? Rectangle{area.x, area.y + at, depth, length}
                               : Rectangle{area.x + at, area.y, length, depth});
      at += length;
    }
    (upright ? area.x : area.y) += depth;
    (upright ? area.width : area.height) -= depth;
  }
  return places;
}

void SortParts(std::vector<Part>* parts) {
  std::stable_sort(parts->begin(), parts->end(),
                   [](const Part& a, const Part& b) { return a.size > b.size; });
}

double Sum(const std::vector<Part>& parts) {
  double sum = 0;
  for (const Part& part : parts) sum += part.size;
  return sum;
}

}  // namespace

Picture AreaPicture(const json& area) {
  std::vector<Part> groups = {{"logic", "", "logic", 0, {}},
                              {"accumulators", "", "teal", 0, {}},
                              {"memories", "", "plum", 0, {}}};
  std::string csv = "group,name,instances,ge\n";
  const auto add = [&](size_t group, std::string name, uint64_t instances, double size,
                       std::string detail) {
    csv +=
        fmt::format("{},{},{},{}\n", groups[group].name, CsvCell(name), instances, CsvNumber(size));
    groups[group].parts.push_back(
        {std::move(name), std::move(detail), groups[group].style, size, {}});
  };
  for (const json& module : area.at("modules")) {
    const auto instances = module.at("instances").get<uint64_t>();
    add(0, module.at("name"), instances, module.at("ge"),
        fmt::format("{} instances, {} cells each", Thousands(instances),
                    Thousands(module.at("cells").get<uint64_t>())));
  }
  bool priced = true;
  for (const json& memory : area.at("memories")) {
    const auto instances = memory.at("instances").get<uint64_t>();
    const double size = memory.value("ge", 0.0);
    priced = priced && size > 0;
    add(memory.value("accumulators", false) ? 1 : 2,
        memory.at("module").get<std::string>() + '.' + memory.at("name").get<std::string>(),
        instances, size,
        fmt::format("{} instances of {} words of {} bits", Thousands(instances),
                    Thousands(memory.at("words").get<uint64_t>()),
                    memory.at("bits_per_word").get<uint64_t>()));
  }
  std::vector<BarSeries> legend;
  double all = 0;
  for (Part& group : groups) {
    SortParts(&group.parts);
    group.size = Sum(group.parts);
    all += group.size;
    if (group.size > 0) {
      legend.push_back({fmt::format("{} {} GE", group.name, ShortNumber(group.size)), group.style});
    }
  }
  SortParts(&groups);

  constexpr double kWidth = 760, kHeight = 400;
  const double top = LegendHeight(kWidth, legend) + 8;
  Drawing drawing(kWidth, top + kHeight);
  DrawLegend(&drawing, {0, 0}, legend);
  const std::vector<Rectangle> outer = Squarify(groups, {0, top, kWidth, kHeight});
  for (size_t g = 0; g < groups.size(); ++g) {
    const std::vector<Rectangle> inner = Squarify(groups[g].parts, outer[g]);
    for (size_t p = 0; p < inner.size(); ++p) {
      const Part& part = groups[g].parts[p];
      const Rectangle& box = inner[p];
      if (part.size <= 0) continue;
      drawing.Box(box, part.style + " edge",
                  fmt::format("{}\n{} GE, {:.2f} % of all\n{}", part.name,
                              Thousands(static_cast<uint64_t>(std::llround(part.size))),
                              100 * part.size / all, part.detail),
                  p % 2 == 0 ? 1 : 0.86);
      if (box.width < 40 || box.height < 18) continue;
      // All modules begin like that; pointing at one shows the whole name.
      constexpr std::string_view kPrefix = "npu_";
      std::string_view name = part.name;
      if (name.starts_with(kPrefix)) name.remove_prefix(kPrefix.size());
      const bool narrow = TextWidth(name) > box.width - 10;
      drawing.Text({box.x + 5, box.y + 14}, FitText(name, (box.width - 8) / (narrow ? 0.88 : 1)),
                   narrow ? "onfillsmall" : "onfill");
      const std::string size = ShortNumber(part.size) + " GE";
      if (box.height > 32 && TextWidth(size) * 0.88 < box.width - 8) {
        drawing.Text({box.x + 5, box.y + 28}, size, "onfillsmall");
      }
    }
  }
  return {
      "area", "Area by module",
      fmt::format("{} gate equivalents in all ({}). A module's area is without the modules "
                  "inside it.{}",
                  Thousands(static_cast<uint64_t>(std::llround(all))),
                  area.at("technology").get<std::string>(),
                  priced ? "" : " The technology does not price every memory: those have none."),
      std::move(drawing), std::move(csv)};
}

Picture CellKindsPicture(const json& area) {
  constexpr size_t kMostRows = 20;
  static constexpr const char* kStyles[] = {"blue", "brick", "teal", "amber",
                                            "plum", "sand",  "stone"};
  BarChart chart;
  chart.id = "cells";
  chart.title = "Kinds of cells";
  chart.caption = "Gate equivalents of the largest modules by kind of cell, memories left out.";
  chart.label = "module";
  chart.unit = "GE";
  for (const auto& [kind, ge] : area.at("ge_by_kind").items()) {
    std::string name = kind;
    std::replace(name.begin(), name.end(), '_', ' ');
    chart.series.push_back({name, kStyles[chart.series.size() % std::size(kStyles)]});
  }
  const double nand = area.at("nand2_area");
  for (const json& module : area.at("modules")) {
    if (chart.rows.size() == kMostRows) break;
    BarRow row;
    const double instances = module.at("instances");
    row.label = module.at("name");
    row.detail = instances > 1 ? "x" + Thousands(module.at("instances").get<uint64_t>()) : "";
    for (const auto& [kind, ge] : area.at("ge_by_kind").items()) {
      const double own = module.at("area_by_kind").value(kind, 0.0);
      row.values.push_back(nand > 0 ? own * instances / nand : 0);
    }
    row.note = ShortNumber(module.at("ge")) + " GE";
    chart.rows.push_back(std::move(row));
  }
  return DrawBars(chart);
}

Picture EnergyPicture(const json& power, const std::string& table) {
  constexpr size_t kMostRows = 20;
  const bool modules = table == "modules";
  BarChart chart;
  chart.id = "energy_" + table;
  chart.title = modules ? "Energy by module" : "Energy by part";
  chart.caption =
      "Nanojoules of an inference. Glitches are edges of logic that all is settled without.";
  chart.label = modules ? "module" : "part";
  chart.unit = "nJ";
  chart.series = {{"clock", "blue"},
                  {"registers", "teal"},
                  {"logic", "amber"},
                  {"glitches", "brick"},
                  {"memories", "plum"}};
  const double all = power.at("energy").at("pj");
  for (const json& part : power.at(table)) {
    if (chart.rows.size() == kMostRows) break;
    const double energy = part.at("pj");
    const double logic = part.at("logic_pj"), settled = part.at("logic_without_glitches_pj");
    BarRow row;
    row.label = part.at("name");
    if (modules && part.at("instances") > 1) {
      row.detail = "x" + Thousands(part.at("instances").get<uint64_t>());
    }
    for (const double value :
         {part.at("clock_pj").get<double>(), part.at("registers_pj").get<double>(),
          std::min(logic, settled), std::max(logic - settled, 0.0),
          part.at("memories_pj").get<double>()}) {
      row.values.push_back(value * 1e-3);
    }
    row.note = ShortNumber(energy * 1e-3) + " nJ";
    row.share = all > 0 ? fmt::format("{:.1f} %", 100 * energy / all) : "";
    chart.rows.push_back(std::move(row));
  }
  return DrawBars(chart);
}

std::optional<Picture> SweepPicture(const json& sweep) {
  struct Variant {
    std::string name;
    double area, time, cycles;
  };
  std::vector<Variant> variants;
  bool timed = true;
  double low = 1e300, high = 0, fast = 1e300, slow = 0;
  for (const json& point : sweep.at("points")) {
    if (!point.contains("logic_ge")) return std::nullopt;
    timed = timed && point.at("timed").get<bool>();
    const Variant variant = {
        point.at("name"),
        point.at("logic_ge").get<double>() + point.at("accumulators_ge").get<double>(),
        point.at("relative_time"), point.at("relative_cycles")};
    low = std::min(low, variant.area);
    high = std::max(high, variant.area);
    fast = std::min(fast, variant.time);
    slow = std::max(slow, variant.time);
    variants.push_back(variant);
  }
  if (variants.empty()) return std::nullopt;
  constexpr double kWidth = 760, kLeft = 58, kRight = 740, kTop = 14, kBottom = 400;
  const Axis x(low * 0.95, high * 1.12, kLeft, kRight);
  const Axis y(fast * 0.9, slow * 1.05, kBottom, kTop);
  Drawing drawing(kWidth, kBottom + 40);
  for (const double tick : x.Ticks(7)) {
    drawing.Line({x.At(tick), kTop}, {x.At(tick), kBottom}, "grid");
    drawing.Text({x.At(tick), kBottom + 16}, ShortNumber(tick), "small", Anchor::kMiddle);
  }
  for (const double tick : y.Ticks(7)) {
    drawing.Line({kLeft, y.At(tick)}, {kRight, y.At(tick)}, "grid");
    drawing.Text({kLeft - 8, y.At(tick) + 4}, fmt::format("{:g}", tick), "small", Anchor::kEnd);
  }
  drawing.Text({kRight, kBottom + 34}, "gate equivalents of logic and accumulators", "small",
               Anchor::kEnd);
  drawing.Text({kLeft, kBottom + 34},
               timed ? "up: time of the networks (geometric mean, the spec's is 1)"
                     : "up: cycles of the networks (geometric mean, the spec's are 1)",
               "small");
  // Time times area as good as the spec's: better variants lie below.
  std::vector<Point> equal;
  for (int i = 0; i <= 60; ++i) {
    const double area = low * 0.95 + (high * 1.12 - low * 0.95) * i / 60;
    const double time = variants[0].area * variants[0].time / area;
    if (time > fast * 0.9 && time < slow * 1.05) equal.push_back({x.At(area), y.At(time)});
  }
  drawing.Curve(equal, "frame");
  Picture picture{
      "variants", "Time over area",
      "A dot is a variant; the large one is the spec itself. Along the curve time times "
      "area is the spec's: below it a variant gives more for its area.",
      Drawing(0, 0), "variant,area_ge,relative_time,relative_cycles\n"};
  std::vector<Rectangle> taken;
  for (const Variant& variant : variants) {
    taken.push_back({x.At(variant.area) - 6, y.At(variant.time) - 6, 12, 12});
  }
  for (size_t i = 0; i < variants.size(); ++i) {
    const Variant& variant = variants[i];
    const Point at = {x.At(variant.area), y.At(variant.time)};
    drawing.Dot(at, i == 0 ? 7 : 4, i == 0 ? "brick" : "blue",
                fmt::format("{}\n{} GE\ntime {:.3f}, cycles {:.3f}", variant.name,
                            ShortNumber(variant.area), variant.time, variant.cycles));
    picture.csv += fmt::format("{},{},{},{}\n", CsvCell(variant.name), CsvNumber(variant.area),
                               CsvNumber(variant.time), CsvNumber(variant.cycles));
    const double width = TextWidth(variant.name) * 0.9;
    for (const Point& place : {Point{at.x + 9, at.y - 7}, Point{at.x - 9 - width, at.y - 7},
                               Point{at.x - width / 2, at.y + 8},
                               Point{at.x - width / 2, at.y - 22}, Point{at.x + 9, at.y + 6},
                               Point{at.x + 9, at.y - 20}, Point{at.x - 9 - width, at.y + 6}}) {
      const Rectangle label = {place.x, place.y, width, 14};
      const bool free =
          label.x > kLeft && label.x + width < kRight && label.y > kTop &&
          label.y + label.height < kBottom &&
          std::none_of(taken.begin(), taken.end(), [&label](const Rectangle& other) {
            return label.x < other.x + other.width && other.x < label.x + label.width &&
                   label.y < other.y + other.height && other.y < label.y + label.height;
          });
      if (!free) continue;
      drawing.Text({label.x, label.y + 11}, variant.name, "small");
      taken.push_back(label);
      break;
    }
  }
  picture.drawing = std::move(drawing);
  return picture;
}

std::optional<Picture> SlackPicture(const json& timing) {
  const json& histogram = timing.at("histogram");
  const std::vector<uint64_t> counts = histogram.at("endpoints");
  const double begin = histogram.at("begin_ns"), step = histogram.at("step_ns");
  const uint64_t most = counts.empty() ? 0 : *std::max_element(counts.begin(), counts.end());
  if (most == 0) return std::nullopt;
  constexpr double kWidth = 760, kLeft = 58, kRight = 742, kTop = 10, kBottom = 230;
  Drawing drawing(kWidth, kBottom + 38);
  const double end = begin + step * static_cast<double>(counts.size());
  const Axis x(std::min(begin, 0.0), std::max(end, 0.0), kLeft, kRight);
  const Axis y(0, static_cast<double>(most), kBottom, kTop);
  for (const double tick : y.Ticks(5)) {
    drawing.Line({kLeft, y.At(tick)}, {kRight, y.At(tick)}, "grid");
    drawing.Text({kLeft - 8, y.At(tick) + 4}, ShortNumber(tick), "small", Anchor::kEnd);
  }
  for (const double tick : x.Ticks(8)) {
    drawing.Text({x.At(tick), kBottom + 16}, fmt::format("{:g}", tick), "small", Anchor::kMiddle);
  }
  drawing.Text({kRight, kBottom + 32}, "slack in nanoseconds", "small", Anchor::kEnd);
  drawing.Text({kLeft, kBottom + 32}, "up: endpoints", "small");
  std::string csv = "from_ns,to_ns,endpoints\n";
  for (size_t i = 0; i < counts.size(); ++i) {
    const double from = begin + step * static_cast<double>(i);
    csv += fmt::format("{:.4g},{:.4g},{}\n", from, from + step, counts[i]);
    if (counts[i] == 0) continue;
    const double top = std::min(y.At(static_cast<double>(counts[i])), kBottom - 1);
    drawing.Box(
        {x.At(from) + 0.5, top, std::max(x.At(from + step) - x.At(from) - 1, 0.6), kBottom - top},
        from + step / 2 < 0 ? "brick" : "blue",
        fmt::format("slack {:.3g} to {:.3g} ns\n{} endpoints", from, from + step,
                    Thousands(counts[i])));
  }
  drawing.Line({kLeft, kBottom}, {kRight, kBottom}, "frame");
  drawing.Line({x.At(0), kTop}, {x.At(0), kBottom + 4}, "mark");
  const auto violated = timing.at("violated").get<uint64_t>();
  const std::string endpoints = Thousands(timing.at("endpoints").get<uint64_t>());
  std::string caption =
      fmt::format("At the spec's clock of {:.4g} ns ", timing.at("clock_ns").get<double>());
  if (violated == 0) {
    caption += fmt::format("all {} endpoints are in time.", endpoints);
  } else {
    caption += fmt::format("{} of {} endpoints come too late (red), the worst by {:.3g} ns.",
                           Thousands(violated), endpoints,
                           std::max(0.0, -timing.at("worst_slack_ns").get<double>()));
  }
  caption += fmt::format(" Between registers {:.4g} ns are enough.",
                         timing.at("registers_ns").get<double>());
  return Picture{"slack", "Endpoints by slack", std::move(caption), std::move(drawing),
                 std::move(csv)};
}

std::optional<Picture> ValidationPicture(const json& validation) {
  struct Row {
    std::string name;
    double measured, estimated;
    bool random;
  };
  std::vector<Row> rows;
  double low = 1e300, high = 0;
  for (const json& job : validation.at("jobs")) {
    const double measured = job.at("measured"), estimated = job.at("estimated");
    if (measured <= 0 || estimated <= 0) continue;
    rows.push_back({fmt::format("{} on {}{}", job.at("model").get<std::string>(),
                                job.at("spec").get<std::string>(),
                                job.at("warm").get<bool>() ? ", cached" : ""),
                    measured, estimated, job.at("random").get<bool>()});
    low = std::min({low, measured});
    high = std::max({high, measured});
  }
  if (rows.empty()) return std::nullopt;
  double worst = 0.02;
  for (const Row& row : rows) worst = std::max(worst, std::abs(row.estimated / row.measured - 1));
  worst = std::ceil(100 * worst) / 100;
  constexpr double kWidth = 760, kLeft = 58, kRight = 740, kHeight = 260;
  const std::vector<BarSeries> legend = {{"network", "blue"}, {"random layer", "amber"}};
  const double top = LegendHeight(kWidth, legend) + 8, bottom = top + kHeight;
  Drawing drawing(kWidth, bottom + 38);
  DrawLegend(&drawing, {0, 0}, legend);
  const Axis x(low / 1.3, high * 1.3, kLeft, kRight, Axis::Kind::kLogarithmic);
  const Axis y(-worst, worst, bottom, top);
  for (const double tick : x.Ticks(8)) {
    drawing.Line({x.At(tick), top}, {x.At(tick), bottom}, "grid");
    drawing.Text({x.At(tick), bottom + 16}, ShortNumber(tick), "small", Anchor::kMiddle);
  }
  for (const double tick : y.Ticks(6)) {
    drawing.Line({kLeft, y.At(tick)}, {kRight, y.At(tick)}, tick == 0 ? "frame" : "grid");
    drawing.Text({kLeft - 8, y.At(tick) + 4}, fmt::format("{:+.3g} %", 100 * tick), "small",
                 Anchor::kEnd);
  }
  drawing.Text({kRight, bottom + 32}, "measured cycles", "small", Anchor::kEnd);
  drawing.Text({kLeft, bottom + 32}, "up: estimate too high", "small");
  std::string csv = "job,random,measured,estimated\n";
  for (const Row& row : rows) {
    const double error = row.estimated / row.measured - 1;
    drawing.Dot({x.At(row.measured), y.At(error)}, row.random ? 3 : 4.5,
                row.random ? "amber" : "dot",
                fmt::format("{}\nmeasured {}, estimated {} ({:+.2f} %)", row.name,
                            Thousands(static_cast<uint64_t>(row.measured)),
                            Thousands(static_cast<uint64_t>(row.estimated)), 100 * error));
    csv += fmt::format("{},{},{},{}\n", CsvCell(row.name), row.random, CsvNumber(row.measured),
                       CsvNumber(row.estimated));
  }
  return Picture{"validation", "Estimates against measurements",
                 "How far the estimate of each job is from the cycles of the verilated hardware.",
                 std::move(drawing), std::move(csv)};
}

}  // namespace npugen

// SPDX-License-Identifier: Apache-2.0
// Cycles, roofline and memories of a run.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <map>

#include "verif/report/bars.h"
#include "verif/report/pictures.h"

namespace npugen {
namespace {

using nlohmann::json;

/// Causes in the order in which bars are stacked, with their styles.
constexpr std::pair<const char*, const char*> kCauses[] = {{"compute", "compute"},
                                                           {"weight_port", "weight_port"},
                                                           {"activation_port", "activation_port"},
                                                           {"barrier", "barrier"},
                                                           {"dma", "dma"},
                                                           {"drain", "drain"},
                                                           {"fill", "fill"},
                                                           {"idle", "idle"}};

std::string Shape(const json& layer) {
  std::string text;
  for (const json& size : layer.at("shape")) {
    text += fmt::format("{}{}", text.empty() ? "" : "x", size.get<int64_t>());
  }
  return text;
}

std::string LayerName(const json& layer) {
  return fmt::format("{} {}", layer.at("index").get<uint64_t>(), layer.at("op").get<std::string>());
}

std::vector<double> CauseValues(const json& causes) {
  std::vector<double> values;
  for (const auto& [name, style] : kCauses) values.push_back(causes.value(name, 0.0));
  return values;
}

}  // namespace

Picture CyclesPicture(const json& run) {
  BarChart chart;
  chart.id = "cycles";
  chart.title = "Cycles of each layer by cause";
  chart.caption =
      "Every cycle is charged to one layer and one cause. At the right: cycles, and the share of "
      "multipliers that worked.";
  chart.label = "layer";
  chart.unit = "cycles";
  for (const auto& [name, style] : kCauses) chart.series.push_back({name, style});
  for (const json& layer : run.at("layers")) {
    const auto cycles = layer.at("cycles").get<uint64_t>();
    const bool counts = layer.at("macs").get<uint64_t>() != 0;
    chart.rows.push_back(
        {LayerName(layer), Shape(layer), CauseValues(layer.at("causes")), Thousands(cycles),
         counts ? fmt::format("{:.0f} %", 100 * layer.at("utilization").get<double>()) : "–"});
  }
  const json& other = run.at("other");
  if (other.at("cycles").get<uint64_t>() != 0) {
    chart.rows.push_back({"no layer", "", CauseValues(other.at("causes")),
                          Thousands(other.at("cycles").get<uint64_t>()), "–"});
  }
  return DrawBars(chart);
}

namespace {

/// A layer in the roofline.
struct RooflineRow {
  std::string name, shape;
  double intensity, rate, cycles, bytes;  ///< intensity: MACs for each byte moved; 0: none moved
};

/// The layers that compute, and what the axes must span.
struct RooflineRows {
  std::vector<RooflineRow> rows;
  double least_rate, least, most;  ///< of rates, of intensities
};

RooflineRows ReadRooflineRows(const json& run, double peak, double bus) {
  RooflineRows result = {{}, peak, peak / bus, peak / bus};
  for (const json& layer : run.at("layers")) {
    const double cycles = layer.at("cycles"), use = layer.at("utilization");
    if (layer.at("macs").get<uint64_t>() == 0 || cycles == 0 || use == 0) continue;
    const double bytes = layer.value("bytes_loaded", 0.0) + layer.value("bytes_stored", 0.0);
    const double rate = use * peak;
    RooflineRow row = {LayerName(layer), Shape(layer), bytes > 0 ? rate * cycles / bytes : 0, rate,
                       cycles,           bytes};
    result.least_rate = std::min(result.least_rate, rate);
    if (bytes > 0) {
      result.least = std::min(result.least, row.intensity);
      result.most = std::max(result.most, row.intensity);
    }
    result.rows.push_back(std::move(row));
  }
  // The largest are named first.
  std::stable_sort(result.rows.begin(), result.rows.end(),
                   [](const RooflineRow& a, const RooflineRow& b) { return a.cycles > b.cycles; });
  return result;
}

/// Where the roofline is drawn.
struct RooflineFrame {
  static constexpr double kWidth = 760, kLeft = 58, kRight = 740, kTop = 14, kBottom = 330;
  double peak, bus;  ///< MACs and bytes in a cycle
  double low_x, low_y;
  Axis x, y;

  RooflineFrame(const RooflineRows& rows, double peak_rate, double bus_rate)
      : peak(peak_rate),
        bus(bus_rate),
        low_x(std::pow(10, std::floor(std::log10(rows.least / 1.5)))),
        low_y(std::pow(10, std::floor(std::log10(rows.least_rate / 1.2)))),
        x(low_x, std::pow(10, std::ceil(std::log10(rows.most * 1.5))), kLeft, kRight,
          Axis::Kind::kLogarithmic),
        y(low_y, peak * 1.6, kBottom, kTop, Axis::Kind::kLogarithmic) {}

  void DrawGrid(Drawing* drawing) const {
    for (const double tick : x.Ticks(8)) {
      drawing->Line({x.At(tick), kTop}, {x.At(tick), kBottom}, "grid");
      drawing->Text({x.At(tick), kBottom + 16},
                    tick < 1 ? fmt::format("{:g}", tick) : ShortNumber(tick), "small",
                    Anchor::kMiddle);
    }
    for (const double tick : y.Ticks(6)) {
      drawing->Line({kLeft, y.At(tick)}, {kRight, y.At(tick)}, "grid");
      drawing->Text({kLeft - 8, y.At(tick) + 4},
                    tick < 1 ? fmt::format("{:g}", tick) : ShortNumber(tick), "small",
                    Anchor::kEnd);
    }
    drawing->Text({kRight, kBottom + 34}, "MACs for each byte that LOAD and STORE move", "small",
                  Anchor::kEnd);
    drawing->Text({kLeft, kBottom + 34}, "up: MACs in a cycle", "small");
  }

  /// What the bus can bring, and what the array can do.
  void DrawRoofs(Drawing* drawing) const {
    std::vector<Point> roof;
    if (low_x * bus < low_y) {
      roof.push_back({x.At(low_y / bus), kBottom});
    } else {
      roof.push_back({kLeft, y.At(low_x * bus)});
    }
    roof.push_back({x.At(peak / bus), y.At(peak)});
    roof.push_back({kRight, y.At(peak)});
    drawing->Curve(roof, "roof");
    drawing->Text({kRight - 4, y.At(peak) - 7},
                  fmt::format("array: {} MACs in a cycle", ShortNumber(peak)), "soft",
                  Anchor::kEnd);
    // Above the slope, where no point can be.
    drawing->Text({std::max(kLeft + 6, x.At(peak / bus) - 12), y.At(peak) - 7},
                  fmt::format("bus: {} bytes in a cycle", ShortNumber(bus)), "soft",
                  x.At(peak / bus) - 12 - kLeft > 150 ? Anchor::kEnd : Anchor::kStart);
  }

  /// Names of the largest rows, where there is room: not on dots (the first of `taken`), other
  /// names and the slope.
  void DrawNames(const std::vector<RooflineRow>& rows, std::vector<Rectangle> taken,
                 Drawing* drawing) const {
    for (double at = std::max(low_x, low_y / bus); at < peak / bus; at *= 1.06) {
      taken.push_back({x.At(at) - 3, y.At(at * bus) - 3, 6, 6});
    }
    size_t named = 0;
    for (size_t i = 0; i < rows.size() && named < 10; ++i) {
      if (DrawName(rows[i].name, taken[i], &taken, drawing)) ++named;
    }
  }

  bool DrawName(const std::string& name, const Rectangle& dot, std::vector<Rectangle>* taken,
                Drawing* drawing) const {
    const double width = TextWidth(name) * 0.9, middle = dot.y + dot.height / 2;
    const Point places[] = {{dot.x + dot.width + 3, middle - 7},
                            {dot.x - 3 - width, middle - 7},
                            {dot.x + dot.width / 2 - width / 2, dot.y + dot.height + 1},
                            {dot.x + dot.width / 2 - width / 2, dot.y + dot.height + 17},
                            {dot.x + dot.width / 2 - width / 2, dot.y + dot.height + 33}};
    for (const Point& place : places) {
      const Rectangle label = {place.x, place.y, width, 14};
      const bool inside = label.x > kLeft && label.x + width < kRight && label.y > y.At(peak) + 2 &&
                          label.y + label.height < kBottom;
      const bool free =
          inside && std::none_of(taken->begin(), taken->end(), [&label](const Rectangle& other) {
            return label.x < other.x + other.width && other.x < label.x + label.width &&
                   label.y < other.y + other.height && other.y < label.y + label.height;
          });
      if (!free) continue;
      if (label.y > dot.y + dot.height + 2) {
        drawing->Line({dot.x + dot.width / 2, dot.y + dot.height},
                      {dot.x + dot.width / 2, label.y + 2}, "frame");
      }
      drawing->Text({label.x, label.y + 11}, name, "small");
      taken->push_back(label);
      return true;
    }
    return false;
  }
};

}  // namespace

std::optional<Picture> RooflinePicture(const json& run) {
  if (!run.contains("macs_per_cycle") || !run.contains("bus_bytes")) return std::nullopt;
  const double peak = run.at("macs_per_cycle"), bus = run.at("bus_bytes");
  const RooflineRows layers = ReadRooflineRows(run, peak, bus);
  if (layers.rows.empty()) return std::nullopt;
  const RooflineFrame frame(layers, peak, bus);
  Drawing drawing(RooflineFrame::kWidth, RooflineFrame::kBottom + 40);
  frame.DrawGrid(&drawing);
  frame.DrawRoofs(&drawing);

  Picture picture{"roofline", "Roofline",
                  "A dot is a layer, its size the share of all cycles. Under the slope the bus "
                  "bounds it, under the flat roof the array; a layer whose parameters are loaded "
                  "while others compute may stand above the slope. Layers at the right edge move "
                  "nothing over the bus.",
                  Drawing(0, 0), "layer,shape,macs_per_byte,macs_per_cycle,cycles,bytes\n"};
  const double all = std::max(run.at("cycles").get<double>(), 1.0);
  std::vector<Rectangle> taken;
  for (const RooflineRow& row : layers.rows) {
    const double radius = 3 + 22 * std::sqrt(row.cycles / all) * 0.6;
    const Point at = {row.bytes > 0 ? frame.x.At(row.intensity) : RooflineFrame::kRight - 6,
                      frame.y.At(row.rate)};
    drawing.Dot(
        at, radius, "dot",
        fmt::format("{}  {}\n{:.4g} MACs in a cycle, {}\n{} cycles ({:.1f} %), {} bytes moved",
                    row.name, row.shape, row.rate,
                    row.bytes > 0 ? fmt::format("{:.4g} for each byte", row.intensity)
                                  : std::string("nothing moved"),
                    Thousands(static_cast<uint64_t>(row.cycles)), 100 * row.cycles / all,
                    Thousands(static_cast<uint64_t>(row.bytes))));
    taken.push_back({at.x - radius, at.y - radius, 2 * radius, 2 * radius});
    picture.csv += fmt::format("{},{},{},{},{},{}\n", CsvCell(row.name), row.shape,
                               row.bytes > 0 ? CsvNumber(row.intensity) : "", CsvNumber(row.rate),
                               CsvNumber(row.cycles), CsvNumber(row.bytes));
  }
  frame.DrawNames(layers.rows, std::move(taken), &drawing);
  picture.drawing = std::move(drawing);
  return picture;
}

std::optional<Picture> MemoryPicture(const json& run, const std::string& memory) {
  if (!run.contains("memory")) return std::nullopt;
  const json& map = run.at("memory");
  const double bytes = map.at(memory + "_bytes");
  const json& layers = run.at("layers");
  std::vector<double> begins;  // of layers, in cycles, and the end of the last
  double now = 0;
  for (const json& layer : layers) {
    begins.push_back(now);
    now += std::max(layer.at("cycles").get<double>(), 1.0);
  }
  begins.push_back(now);

  constexpr double kWidth = 760, kLeft = 64, kRight = 742, kHeight = 240;
  static const std::vector<BarSeries> kContents = {{"input", "input"},
                                                   {"tile from memory", "tile"},
                                                   {"activations", "activation"},
                                                   {"parameters", "parameters"},
                                                   {"cached parameters", "cached"}};
  static const std::map<std::string, size_t> kContentOf = {
      {"input", 0}, {"tile", 1}, {"activation", 2}, {"parameters", 3}, {"cached", 4}};
  std::vector<bool> used(kContents.size(), false);
  size_t count = 0;
  for (const json& block : map.at("blocks")) {
    if (block.at("memory") != memory) continue;
    used.at(kContentOf.at(block.at("content"))) = true;
    ++count;
  }
  if (count == 0 || bytes <= 0 || layers.empty()) return std::nullopt;
  std::vector<BarSeries> legend;
  for (size_t i = 0; i < kContents.size(); ++i) {
    if (used[i]) legend.push_back(kContents[i]);
  }
  const double top = LegendHeight(kWidth, legend) + 8, bottom = top + kHeight;
  Drawing drawing(kWidth, bottom + 36);
  DrawLegend(&drawing, {0, 0}, legend);
  const Axis x(0, now, kLeft, kRight), y(0, bytes, bottom, top);
  drawing.Box({kLeft, top, kRight - kLeft, kHeight}, "lane");
  for (int i = 0; i <= 4; ++i) {
    const double at = bytes * i / 4;
    drawing.Line({kLeft, y.At(at)}, {kRight, y.At(at)}, "grid");
    drawing.Text({kLeft - 8, y.At(at) + 4}, fmt::format("{:g} KiB", at / 1024), "small",
                 Anchor::kEnd);
  }
  for (const double tick : x.Ticks(7)) {
    drawing.Line({x.At(tick), bottom}, {x.At(tick), bottom + 4}, "frame");
    drawing.Text({x.At(tick), bottom + 17}, ShortNumber(tick), "small", Anchor::kMiddle);
  }
  drawing.Text({kRight, bottom + 31}, "cycles", "small", Anchor::kEnd);
  std::string csv = "content,layer,begin,end,first_cycle,last_cycle\n";
  for (const json& block : map.at("blocks")) {
    if (block.at("memory") != memory) continue;
    const size_t last_layer = begins.size() - 2;
    const size_t owner = std::min(block.at("layer").get<size_t>(), last_layer);
    const size_t first = std::min(block.at("first").get<size_t>(), last_layer);
    const size_t last = std::clamp(block.at("last").get<size_t>(), first, last_layer);
    const double low = std::min(block.at("begin").get<double>(), bytes);
    const double high = std::min(block.at("end").get<double>(), bytes);
    const size_t content = kContentOf.at(block.at("content"));
    const double from = x.At(begins[first]), to = x.At(begins[last + 1]);
    const std::string name =
        content == 4 ? "of an earlier job" : "of " + LayerName(layers.at(owner));
    drawing.Box({from, y.At(high), std::max(to - from, 0.8), std::max(y.At(low) - y.At(high), 0.8)},
                kContents[content].style + " edge",
                fmt::format("{} {}\nbytes {} to {} ({:.1f} KiB)\nlayers {} to {}, cycles {} to {}",
                            kContents[content].name, name, Thousands(static_cast<uint64_t>(low)),
                            Thousands(static_cast<uint64_t>(high)), (high - low) / 1024,
                            layers.at(first).at("index").get<uint64_t>(),
                            layers.at(last).at("index").get<uint64_t>(),
                            Thousands(static_cast<uint64_t>(begins[first])),
                            Thousands(static_cast<uint64_t>(begins[last + 1]))),
                0.9);
    csv += fmt::format("{},{},{},{},{},{}\n", block.at("content").get<std::string>(),
                       content == 4 ? std::string() : CsvCell(LayerName(layers.at(owner))),
                       CsvNumber(low), CsvNumber(high), CsvNumber(begins[first]),
                       CsvNumber(begins[last + 1]));
  }
  drawing.Line({kLeft, top}, {kLeft, bottom}, "frame");
  drawing.Line({kLeft, bottom}, {kRight, bottom}, "frame");
  const bool pe = memory == "pe";
  return Picture{pe ? "pe_memory" : "core_memory",
                 pe ? "PE memory over time" : "Core memory over time",
                 pe ? "Addresses that hold data while the layers run, as the command stream uses "
                      "them; all PEs on top of each other, strided data as their hull."
                    : "Where parameters stand from their load to their last use; all cores on top "
                      "of each other.",
                 std::move(drawing), std::move(csv)};
}

}  // namespace npugen

// SPDX-License-Identifier: Apache-2.0
// The timeline of a run: a lane for each unit.
#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <map>

#include "verif/report/bars.h"
#include "verif/report/pictures.h"

namespace npugen {
namespace {

using nlohmann::json;

constexpr double kTraceWidth = 760, kTraceLeft = 92, kTraceRight = 742;
constexpr double kLane = 18, kLanePitch = 25;
/// Slices that are nearer than that are drawn as one.
constexpr double kLeastPixels = 1.5;
constexpr uint32_t kMostPes = 4;

struct Slice {
  double begin, end;
  std::string name;
};

/// Slices of a lane that are drawn in one colour, those too narrow to be seen as blocks whose
/// opacity is the share of time that they fill.
struct Block {
  double begin = 0, end = 0, busy = 0;
  size_t slices = 0;
  std::string name;
};

std::vector<Block> Merge(const std::vector<Slice>& slices, double least) {
  std::vector<Block> blocks;
  for (const Slice& slice : slices) {
    const double length = slice.end - slice.begin;
    if (!blocks.empty()) {
      Block& last = blocks.back();
      const bool near = slice.begin - last.end < least / 2;
      const bool narrow = length < least || last.end - last.begin < least;
      if (near && narrow && slice.end - last.begin < 2 * least) {
        last.end = std::max(last.end, slice.end);
        last.busy += length;
        ++last.slices;
        continue;
      }
    }
    blocks.push_back({slice.begin, slice.end, length, 1, slice.name});
  }
  return blocks;
}

/// Names of lanes as they stand beside them.
std::string ShortName(const std::string& track) {
  static const std::map<std::string, std::string> kNames = {{"cycles, as seen from PE 0", "layers"},
                                                            {"AXI reads of commands", "fetch"},
                                                            {"AXI reads of LOAD", "bus reads"},
                                                            {"AXI writes", "bus writes"}};
  const auto found = kNames.find(track);
  return found == kNames.end() ? track : found->second;
}

struct TimelineLane {
  uint64_t track;
  std::string category, name;
};

/// Slices by track and category.
using SlicesByLane = std::map<std::pair<uint64_t, std::string>, std::vector<Slice>>;

/// Draws lanes one below the other and writes their rows.
class LanePainter {
 public:
  LanePainter(const Axis& x, double least, Drawing* drawing)
      : x_(x), least_(least), drawing_(drawing) {}

  void Draw(const TimelineLane& lane, SlicesByLane* slices, double y) {
    drawing_->Text({kTraceLeft - 8, y + 13}, lane.name, "soft", Anchor::kEnd);
    drawing_->Box({kTraceLeft, y, kTraceRight - kTraceLeft, kLane}, "lane");
    if (lane.category == "cause") {
      std::map<std::string, std::vector<Slice>> by_cause;
      for (const Slice& slice : (*slices)[{lane.track, "cause"}])
        by_cause[slice.name].push_back(slice);
      for (const auto& [cause, list] : by_cause) DrawSlices(lane, cause, list, cause, y, kLane);
      return;
    }
    const std::string& category = lane.category;
    DrawSlices(lane, category, (*slices)[{lane.track, category}],
               category == "layer" ? "blue" : category, y, kLane);
    // Below the commands: what the next one waits for.
    DrawSlices(lane, "wait", (*slices)[{lane.track, "wait"}], "wait", y + kLane - 5, 5);
  }
  std::string TakeCsv() { return std::move(csv_); }

 private:
  void DrawSlices(const TimelineLane& lane, const std::string& kind, const std::vector<Slice>& list,
                  const std::string& style, double y, double height) {
    size_t number = 0;
    for (const Block& block : Merge(list, least_)) {
      const double share = block.busy / std::max(block.end - block.begin, 1e-9);
      const std::string what = block.slices == 1
                                   ? block.name
                                   : fmt::format("{} and {} more", block.name, block.slices - 1);
      // Neighbouring layers differ.
      const std::string shade = kind == "layer" && ++number % 2 == 0 ? "navy" : style;
      const double width = std::max(x_.At(block.end) - x_.At(block.begin), 0.5);
      drawing_->Box({x_.At(block.begin), y, width, height}, shade,
                    fmt::format("{}: {}\ncycles {} to {}, {} of them busy", lane.name, what,
                                Thousands(static_cast<uint64_t>(block.begin)),
                                Thousands(static_cast<uint64_t>(block.end)),
                                Thousands(static_cast<uint64_t>(block.busy))),
                    std::clamp(0.25 + 0.75 * share, 0.25, 1.0));
      if (kind == "layer" && width > 34) {
        drawing_->Text({x_.At(block.begin) + 4, y + 13}, FitText(block.name, width - 8),
                       "onfillsmall");
      }
      csv_ += fmt::format("{},{},{},{},{},{},{}\n", CsvCell(lane.name), kind, CsvCell(block.name),
                          CsvNumber(block.begin), CsvNumber(block.end), CsvNumber(block.busy),
                          block.slices);
    }
  }

  const Axis& x_;
  double least_;  ///< cycles that are drawn by themselves
  Drawing* drawing_;
  std::string csv_ = "unit,kind,name,begin,end,busy_cycles,slices\n";
};

}  // namespace

std::optional<Picture> TimelinePicture(const json& trace) {
  std::map<uint64_t, std::string> tracks;
  SlicesByLane slices;
  for (const json& event : trace.at("traceEvents")) {
    const std::string phase = event.at("ph");
    if (phase == "M" && event.at("name") == "thread_name") {
      tracks[event.at("tid")] = event.at("args").at("name");
    } else if (phase == "X") {
      const double begin = event.at("ts");
      slices[{event.at("tid"), event.at("cat")}].push_back(
          {begin, begin + event.at("dur").get<double>(), event.at("name")});
    }
  }
  const double cycles = trace.at("otherData").at("cycles_in_file");
  if (slices.empty() || cycles <= 0) return std::nullopt;

  std::vector<TimelineLane> lanes;
  uint32_t pes = 0;
  for (const auto& [track, name] : tracks) {
    if (name.starts_with("PE ") && ++pes > kMostPes) continue;
    if (name.starts_with("cycles")) {
      lanes.push_back({track, "layer", "layers"});
      lanes.push_back({track, "cause", "causes"});
    } else {
      lanes.push_back({track, name.starts_with("AXI") ? "burst" : "command", ShortName(name)});
    }
  }
  const std::vector<BarSeries> legend = {{"layer", "blue"},
                                         {"command", "command"},
                                         {"wait", "wait"},
                                         {"bus burst", "burst"},
                                         {"compute", "compute"},
                                         {"weight port", "weight_port"},
                                         {"activation port", "activation_port"},
                                         {"transfer", "dma"},
                                         {"drain", "drain"},
                                         {"start and end", "fill"}};
  const double top = LegendHeight(kTraceWidth, legend) + 8;
  const double bottom = top + kLanePitch * static_cast<double>(lanes.size());
  Drawing drawing(kTraceWidth, bottom + 36);
  DrawLegend(&drawing, {0, 0}, legend);
  const Axis x(0, cycles, kTraceLeft, kTraceRight);
  const double least = kLeastPixels * cycles / (kTraceRight - kTraceLeft);
  for (const double tick : x.Ticks(8)) {
    drawing.Line({x.At(tick), top}, {x.At(tick), bottom}, "grid");
    drawing.Text({x.At(tick), bottom + 14}, ShortNumber(tick), "small", Anchor::kMiddle);
  }
  drawing.Text({kTraceRight, bottom + 30}, "cycles from the doorbell", "small", Anchor::kEnd);
  LanePainter painter(x, least, &drawing);
  double y = top;
  for (const TimelineLane& lane : lanes) {
    painter.Draw(lane, &slices, y);
    y += kLanePitch;
  }
  std::string caption =
      "What the units did in the measured run. Slices too short to be seen are drawn together, the "
      "fainter the less of the time they fill; a red line under commands: the next one waits.";
  if (pes > kMostPes) caption += fmt::format(" The first {} of {} PEs.", kMostPes, pes);
  if (trace.at("otherData").value("cut", false)) {
    caption += fmt::format(" The recording was cut after {} of {} cycles (--trace-events).",
                           Thousands(static_cast<uint64_t>(cycles)),
                           Thousands(trace.at("otherData").at("cycles").get<uint64_t>()));
  }
  return Picture{"timeline", "Timeline of the engines", std::move(caption), std::move(drawing),
                 painter.TakeCsv()};
}

}  // namespace npugen

// SPDX-License-Identifier: Apache-2.0
// Shapes as SVG elements, the stylesheet, axes.
#include "verif/report/drawing.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <iterator>

#include "generator/support/text.h"

namespace npugen {
namespace {

/// A coordinate: a tenth of a pixel is enough.
std::string Number(double value) {
  std::string text = fmt::format("{:.1f}", value);
  if (text.ends_with(".0")) text.resize(text.size() - 2);
  return text == "-0" ? "0" : text;
}

constexpr std::string_view kStylesheet = R"css(
svg {
  color-scheme: light dark;
  --paper: #ffffff; --ink: #1d2433; --soft: #5c667a; --grid: #e3e7ed; --frame: #b9c1cd;
  --blue: #2f6db5; --sky: #86b3e2; --amber: #d9902f; --sand: #ecc466; --brick: #c2533d;
  --plum: #8f5193; --teal: #3f9485; --stone: #98a3b0; --mist: #d3d9e1; --navy: #234f80;
}
@media (prefers-color-scheme: dark) {
  svg {
    --paper: #14181f; --ink: #e6e9ef; --soft: #9aa5b6; --grid: #29303b; --frame: #4a5464;
    --blue: #4f8fd8; --sky: #3f6a9b; --amber: #d6923f; --sand: #c9a556; --brick: #d2694f;
    --plum: #a86bac; --teal: #4fa393; --stone: #7b8693; --mist: #3d4653; --navy: #33639a;
  }
}
svg text {
  font: 12px system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", "Liberation Sans",
    sans-serif;
  fill: var(--ink);
}
svg .soft { fill: var(--soft); }
svg .small { font-size: 10.5px; fill: var(--soft); }
svg .onfill { fill: #ffffff; }
svg .onfillsmall { fill: #ffffff; font-size: 10.5px; }
svg .paper { fill: var(--paper); }
svg .lane { fill: var(--grid); opacity: .45; }
svg .grid { stroke: var(--grid); stroke-width: 1; }
svg .frame { stroke: var(--frame); stroke-width: 1; }
svg .roof { stroke: var(--ink); stroke-width: 1.6; fill: none; }
svg .mark { stroke: var(--brick); stroke-width: 1.2; stroke-dasharray: 4 3; }
svg .edge { stroke: var(--paper); stroke-width: 1; }
svg .dot { fill: var(--blue); fill-opacity: .7; stroke: var(--paper); }
svg .compute, svg .activation, svg .logic, svg .blue { fill: var(--blue); }
svg .command, svg .sky { fill: var(--sky); }
svg .navy { fill: var(--navy); }
svg .weight_port, svg .tile, svg .amber { fill: var(--amber); }
svg .activation_port, svg .sand { fill: var(--sand); }
svg .barrier, svg .wait, svg .brick { fill: var(--brick); }
svg .dma, svg .parameters, svg .plum { fill: var(--plum); }
svg .drain, svg .input, svg .burst, svg .teal { fill: var(--teal); }
svg .fill, svg .cached, svg .stone { fill: var(--stone); }
svg .idle, svg .mist { fill: var(--mist); }
svg .tip:hover { filter: brightness(1.15); }
)css";

std::string_view AnchorName(Anchor anchor) {
  return anchor == Anchor::kStart ? "start" : anchor == Anchor::kMiddle ? "middle" : "end";
}

}  // namespace

std::string_view Stylesheet() { return kStylesheet; }

double TextWidth(std::string_view text) {
  // Widths of a wide face (DejaVu Sans) at 12 pixels: others need less.
  constexpr std::string_view kNarrow = "iljtfrI.,:;!|()[]' ", kWide = "mwMW%";
  double width = 0;
  for (const char letter : text) {
    if ((static_cast<unsigned char>(letter) & 0xc0) == 0x80) continue;  // of a letter before
    const bool capital = letter >= 'A' && letter <= 'Z';
    width += kNarrow.find(letter) != kNarrow.npos ? 4.6
             : kWide.find(letter) != kWide.npos   ? 11.6
             : capital                            ? 8.7
                                                  : 7.6;
  }
  return width;
}

std::string FitText(std::string_view text, double width) {
  if (TextWidth(text) <= width) return std::string(text);
  std::string cut(text);
  while (!cut.empty() && TextWidth(cut) + 9 > width) {
    do {
      cut.pop_back();
    } while (!cut.empty() && (static_cast<unsigned char>(cut.back()) & 0x80) != 0);
  }
  return cut.size() < 2 ? std::string() : cut + "…";
}

void Drawing::Close(std::string_view element, std::string_view hover) {
  if (hover.empty()) {
    shapes_ += "/>\n";
  } else {
    fmt::format_to(std::back_inserter(shapes_), "><title>{}</title></{}>\n", EscapeXml(hover),
                   element);
  }
}

void Drawing::Box(const Rectangle& box, std::string_view style, std::string_view hover,
                  double opacity) {
  fmt::format_to(std::back_inserter(shapes_),
                 R"(<rect x="{}" y="{}" width="{}" height="{}" class="{}{}")", Number(box.x),
                 Number(box.y), Number(box.width), Number(box.height), style,
                 hover.empty() ? "" : " tip");
  if (opacity < 1) {
    fmt::format_to(std::back_inserter(shapes_), R"( fill-opacity="{:.2f}")", opacity);
  }
  Close("rect", hover);
}

void Drawing::Dot(const Point& centre, double radius, std::string_view style,
                  std::string_view hover) {
  fmt::format_to(std::back_inserter(shapes_), R"(<circle cx="{}" cy="{}" r="{}" class="{}{}")",
                 Number(centre.x), Number(centre.y), Number(radius), style,
                 hover.empty() ? "" : " tip");
  Close("circle", hover);
}

void Drawing::Line(const Point& from, const Point& to, std::string_view style) {
  fmt::format_to(std::back_inserter(shapes_),
                 R"(<line x1="{}" y1="{}" x2="{}" y2="{}" class="{}"/>)"
                 "\n",
                 Number(from.x), Number(from.y), Number(to.x), Number(to.y), style);
}

void Drawing::Curve(const std::vector<Point>& points, std::string_view style) {
  std::string path;
  for (const Point& point : points) {
    path += fmt::format("{}{},{}", path.empty() ? "" : " ", Number(point.x), Number(point.y));
  }
  fmt::format_to(std::back_inserter(shapes_),
                 R"(<polyline points="{}" class="{}"/>)"
                 "\n",
                 path, style);
}

void Drawing::Text(const Point& at, std::string_view text, std::string_view style, Anchor anchor) {
  fmt::format_to(std::back_inserter(shapes_), R"(<text x="{}" y="{}" class="{}")", Number(at.x),
                 Number(at.y), style);
  if (anchor != Anchor::kStart) {
    fmt::format_to(std::back_inserter(shapes_), R"( text-anchor="{}")", AnchorName(anchor));
  }
  fmt::format_to(std::back_inserter(shapes_), ">{}</text>\n", EscapeXml(text));
}

std::string Drawing::Body(std::string_view label, std::string_view inside) const {
  return fmt::format(
      R"(<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {0} {1}" width="{0}" height="{1}" )"
      R"(role="img" aria-label="{2}">)"
      "\n{3}{4}</svg>\n",
      Number(width_), Number(height_), EscapeXml(label), inside, shapes_);
}

std::string Drawing::Inline(std::string_view label) const { return Body(label, ""); }

std::string Drawing::Standalone(std::string_view label) const {
  return "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n" +
         Body(label, fmt::format("<style>{}</style>\n<rect width=\"{}\" height=\"{}\" "
                                 "class=\"paper\"/>\n",
                                 EscapeXml(kStylesheet), Number(width_), Number(height_)));
}

Axis::Axis(double low, double high, double from, double to, Kind kind)
    : low_(low), high_(high > low ? high : low + 1), from_(from), to_(to), kind_(kind) {}

double Axis::Position(double value) const {
  return kind_ == Kind::kLinear ? value : std::log10(std::max(value, 1e-12));
}

double Axis::At(double value) const {
  const double low = Position(low_), high = Position(high_);
  return from_ + (to_ - from_) * (Position(value) - low) / (high - low);
}

std::vector<double> Axis::Ticks(int count) const {
  std::vector<double> ticks;
  if (kind_ == Kind::kLogarithmic) {
    const double decades = Position(high_) - Position(low_);
    const int step = std::max(1, static_cast<int>(std::ceil(decades / count)));
    for (int power = static_cast<int>(std::ceil(Position(low_) - 1e-9));
         power <= Position(high_) + 1e-9; power += step) {
      ticks.push_back(std::pow(10, power));
    }
    return ticks;
  }
  const double raw = (high_ - low_) / std::max(count, 1);
  const double magnitude = std::pow(10, std::floor(std::log10(raw)));
  double step = 10 * magnitude;
  for (const double factor : {1.0, 2.0, 5.0}) {
    if (factor * magnitude < raw) continue;
    step = factor * magnitude;
    break;
  }
  for (double at = std::ceil(low_ / step - 1e-9) * step; at <= high_ + 1e-9 * step; at += step) {
    ticks.push_back(std::abs(at) < 1e-9 * step ? 0 : at);
  }
  return ticks;
}

std::string Thousands(uint64_t number) {
  const std::string digits = fmt::format("{}", number);
  std::string text;
  for (size_t i = 0; i < digits.size(); ++i) {
    if (i > 0 && (digits.size() - i) % 3 == 0) text += ',';
    text += digits[i];
  }
  return text;
}

std::string ShortNumber(double number) {
  constexpr std::array<const char*, 5> kUnits = {"", " k", " M", " G", " T"};
  size_t unit = 0;
  double value = number;
  while (std::abs(value) >= 999.5 && unit + 1 < kUnits.size()) {
    value /= 1000;
    ++unit;
  }
  const double size = std::abs(value);
  std::string text = fmt::format("{:.{}f}", value, size >= 99.95 ? 0 : size >= 9.995 ? 1 : 2);
  if (text.find('.') != std::string::npos) {
    text.erase(text.find_last_not_of('0') + 1);
    if (text.ends_with('.')) text.pop_back();
  }
  return text + kUnits[unit];
}

}  // namespace npugen

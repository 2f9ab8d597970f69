// SPDX-License-Identifier: Apache-2.0
// Pictures in SVG: shapes that take their colours from one stylesheet, light or dark as the reader
// has it, and say their figures when they are pointed at.
//
//     Drawing drawing(720, 40);
//     drawing.Box({120, 10, 300, 16}, "compute", "12 CONV_2D\ncompute: 1,234 cycles");
//     drawing.Text({112, 22}, "12 CONV_2D", "label", Anchor::kEnd);
//     drawing.Inline("Cycles of each layer");
//
// Styles are classes of Stylesheet(). Units are pixels of a screen that shows the picture unscaled.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace npugen {

struct Point {
  double x = 0, y = 0;
};

struct Rectangle {
  double x = 0, y = 0, width = 0, height = 0;
};

enum class Anchor : uint8_t { kStart, kMiddle, kEnd };

/// One picture. Equal calls give equal text.
class Drawing {
 public:
  Drawing(double width, double height) : width_(width), height_(height) {}
  double width() const { return width_; }
  double height() const { return height_; }

  /// A filled rectangle; `hover` (may be empty) is shown where it is pointed at. `opacity` 0 to 1.
  void Box(const Rectangle& box, std::string_view style, std::string_view hover = {},
           double opacity = 1);
  void Dot(const Point& centre, double radius, std::string_view style, std::string_view hover = {});
  void Line(const Point& from, const Point& to, std::string_view style);
  /// Straight lines from point to point.
  void Curve(const std::vector<Point>& points, std::string_view style);
  /// `at` is on the base line.
  void Text(const Point& at, std::string_view text, std::string_view style = "label",
            Anchor anchor = Anchor::kStart);

  /// As an element of a page that has the stylesheet; `label` says what it shows to those who do
  /// not see it.
  std::string Inline(std::string_view label) const;
  /// As a file.
  std::string Standalone(std::string_view label) const;

 private:
  std::string Body(std::string_view label, std::string_view inside) const;
  void Close(std::string_view element, std::string_view hover);
  double width_, height_;
  std::string shapes_;
};

/// Colours and letters of all pictures, as CSS.
std::string_view Stylesheet();

/// Pixels that a text of the style `label` takes, at most.
double TextWidth(std::string_view text);
/// The text, cut with an ellipsis where it is wider than that.
std::string FitText(std::string_view text, double width);

/// An axis: where a value is drawn.
class Axis {
 public:
  enum class Kind : uint8_t { kLinear, kLogarithmic };
  /// Values from `low` to `high` are drawn from `from` to `to`. Logarithmic: 0 < low.
  Axis(double low, double high, double from, double to, Kind kind = Kind::kLinear);
  double At(double value) const;
  /// Round values between both ends, about `count` of them.
  std::vector<double> Ticks(int count) const;

 private:
  double Position(double value) const;
  double low_, high_, from_, to_;
  Kind kind_;
};

/// `1577249` -> `1,577,249`.
std::string Thousands(uint64_t number);
/// `1577249` -> `1.58 M`; up to three digits that count.
std::string ShortNumber(double number);

}  // namespace npugen

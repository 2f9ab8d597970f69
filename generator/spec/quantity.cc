// SPDX-License-Identifier: Apache-2.0
// Numbers with units, names and powers of two as specs write them.
#include "generator/spec/quantity.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <span>
#include <vector>

#include "generator/support/text.h"

namespace npugen {
namespace {

struct UnitName {
  std::string_view name;
  uint64_t factor;
};

constexpr UnitName kByteUnits[] = {{"B", 1}, {"KiB", 1024}, {"MiB", 1024 * 1024}};
constexpr UnitName kHertzUnits[] = {
    {"Hz", 1}, {"kHz", 1'000}, {"MHz", 1'000'000}, {"GHz", 1'000'000'000}};

std::span<const UnitName> UnitsOf(KeyKind kind) {
  if (kind == KeyKind::kBytes) return kByteUnits;
  if (kind == KeyKind::kHertz) return kHertzUnits;
  return {};
}

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

std::string Lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return out;
}

/// What the writer of an unknown unit probably meant.
std::string UnitHint(std::string_view unit, KeyKind kind) {
  std::vector<std::string_view> names;
  for (const UnitName& known : UnitsOf(kind)) names.push_back(known.name);
  const std::string lower = Lower(unit);
  for (const std::string_view name : names) {
    const bool same_letters = lower == Lower(name);
    const bool without_i =
        kind == KeyKind::kBytes && name.size() == 3 && !lower.empty() &&
        (lower == Lower(name.substr(0, 1)) || lower == Lower(fmt::format("{}b", name[0])));
    const bool prefix_only =
        kind == KeyKind::kHertz && name.size() == 3 && lower == Lower(name.substr(0, 1));
    if (same_letters || prefix_only) return fmt::format("did you mean `{}`?", name);
    if (without_i) {
      return fmt::format("did you mean `{}`, in steps of 1024?", name);
    }
  }
  return fmt::format("legal units: {}", fmt::join(names, ", "));
}

}  // namespace

Quantity ParseQuantity(std::string_view text, KeyKind kind) {
  Quantity out;
  const bool is_negative = text.starts_with('-');
  if (is_negative) text.remove_prefix(1);
  size_t at = 0;
  const auto digits = [&] {
    const size_t start = at;
    while (at < text.size() && IsDigit(text[at])) ++at;
    return text.substr(start, at - start);
  };
  const std::string_view whole = digits();
  std::string_view fraction;
  const bool has_point = at < text.size() && text[at] == '.';
  if (has_point) {
    ++at;
    fraction = digits();
  }
  const bool leading_zero = whole.size() > 1 && whole[0] == '0';
  if (whole.empty() || leading_zero || (has_point && fraction.empty())) return out;
  const bool has_blank = at < text.size() && text[at] == ' ';
  while (at < text.size() && text[at] == ' ') ++at;
  out.unit = text.substr(at);

  uint64_t factor = 1;
  if (!out.unit.empty()) {
    // What follows a count is no unit but part of something that is no number.
    const bool is_word = std::isalpha(static_cast<unsigned char>(out.unit[0])) != 0;
    if (!is_word || (kind == KeyKind::kCount && !has_blank)) return out;
    const std::span<const UnitName> units = UnitsOf(kind);
    const auto found = std::find_if(units.begin(), units.end(),
                                    [&](const UnitName& unit) { return unit.name == out.unit; });
    if (found == units.end()) {
      out.state = Quantity::State::kUnknownUnit;
      out.hint = kind == KeyKind::kCount ? "this key is a plain number without a unit"
                                         : UnitHint(out.unit, kind);
      return out;
    }
    factor = found->factor;
  }
  if (kind == KeyKind::kCount && has_point) return out;
  if (is_negative) {
    out.state = Quantity::State::kNegative;
    return out;
  }

  // Decimal digits times factor, exactly: value = factor * (whole + fraction / 10^n).
  while (!fraction.empty() && fraction.back() == '0') fraction.remove_suffix(1);
  if (whole.size() + fraction.size() > 18) {
    out.state = whole.size() > 18 ? Quantity::State::kHuge : Quantity::State::kFraction;
    return out;
  }
  uint64_t number = 0;
  for (const char c : whole) number = number * 10 + static_cast<uint64_t>(c - '0');
  uint64_t scale = 1;
  for (const char c : fraction) {
    number = number * 10 + static_cast<uint64_t>(c - '0');
    scale *= 10;
  }
  uint64_t scaled = 0;
  if (__builtin_mul_overflow(number, factor, &scaled)) {
    out.state = Quantity::State::kHuge;
    return out;
  }
  out.state = scaled % scale == 0 ? Quantity::State::kValue : Quantity::State::kFraction;
  out.value = scaled / scale;
  return out;
}

bool IsIdentifier(std::string_view text) {
  const auto is_lower = [](char c) { return c >= 'a' && c <= 'z'; };
  if (text.empty() || text.size() > 64 || !is_lower(text[0])) return false;
  return std::all_of(text.begin(), text.end(),
                     [&](char c) { return is_lower(c) || IsDigit(c) || c == '_'; });
}

}  // namespace npugen

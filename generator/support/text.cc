// SPDX-License-Identifier: Apache-2.0
// Small text tools that all printers share.
#include "generator/support/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

namespace npugen {

std::vector<std::string> WrapText(std::string_view text, size_t columns) {
  std::vector<std::string> lines;
  std::string line;
  size_t at = 0;
  while (at < text.size()) {
    const size_t end = std::min(text.find(' ', at), text.size());
    const std::string_view word = text.substr(at, end - at);
    at = end + 1;
    if (word.empty()) continue;
    if (!line.empty() && line.size() + 1 + word.size() > columns) {
      lines.push_back(std::move(line));
      line.clear();
    }
    if (!line.empty()) line += ' ';
    line += word;
  }
  if (!line.empty()) lines.push_back(std::move(line));
  return lines;
}

void AlignedTable::Row(std::vector<std::string> cells, std::string_view remark) {
  entries_.push_back({std::move(cells), std::string(remark)});
}

void AlignedTable::Line(std::string text) { entries_.push_back({{std::move(text)}, "", true}); }

std::string AlignedTable::Print() const {
  std::vector<size_t> widths;
  for (const Entry& entry : entries_) {
    if (entry.is_line) continue;
    widths.resize(std::max(widths.size(), entry.cells.size()));
    for (size_t i = 0; i < entry.cells.size(); ++i) {
      widths[i] = std::max(widths[i], entry.cells[i].size());
    }
  }
  size_t remark_column = indent_ + 1;
  for (const size_t width : widths) remark_column += width > 0 ? width + 1 : 0;

  std::string text;
  for (const Entry& entry : entries_) {
    std::string line(indent_, ' ');
    if (entry.is_line) {
      text += line + entry.cells[0] + '\n';
      continue;
    }
    for (size_t i = 0; i < entry.cells.size(); ++i) {
      if (widths[i] > 0) line += fmt::format("{:<{}} ", entry.cells[i], widths[i]);
    }
    const size_t used = remark_column + remark_mark_.size();
    for (const std::string& part :
         WrapText(entry.remark, used < kLineColumns ? kLineColumns - used : 1)) {
      line.resize(remark_column, ' ');
      text += line + remark_mark_ + part + '\n';
      line.clear();
    }
    if (line.empty()) continue;
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + '\n';
  }
  return text;
}

std::string UpperCamel(std::string_view lower_snake) {
  std::string out;
  bool start = true;
  for (const char c : lower_snake) {
    if (c == '_') {
      start = true;
      continue;
    }
    out += start ? static_cast<char>(std::toupper(static_cast<unsigned char>(c))) : c;
    start = false;
  }
  return out;
}

std::string UpperSnake(std::string_view name) {
  std::string out;
  for (size_t i = 0; i < name.size(); ++i) {
    const auto c = static_cast<unsigned char>(name[i]);
    const bool after_lower = i > 0 && std::islower(static_cast<unsigned char>(name[i - 1]));
    if (std::isupper(c) && after_lower) out += '_';
    out += static_cast<char>(std::toupper(c));
  }
  return out;
}

uint64_t Fnv1a64(std::string_view bytes) {
  uint64_t hash = 0xcbf29ce484222325;
  for (const char c : bytes) {
    hash ^= static_cast<uint8_t>(c);
    hash *= 0x100000001b3;
  }
  return hash;
}

size_t EditDistance(std::string_view a, std::string_view b) {
  // Three rows of the usual table are enough, since a swap looks back by two.
  std::vector<size_t> before(b.size() + 1), above(b.size() + 1), row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) above[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t replaced = above[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({above[j] + 1, row[j - 1] + 1, replaced});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        row[j] = std::min(row[j], before[j - 2] + 1);
      }
    }
    before.swap(above);
    above.swap(row);
  }
  return above[b.size()];
}

std::string_view NearestWord(std::string_view word,
                             const std::vector<std::string_view>& candidates) {
  // A third of the letters may be wrong; a long hostile word is not worth the table.
  if (word.size() > 64) return {};
  std::string_view best;
  size_t best_distance = std::max<size_t>(2, word.size() / 3) + 1;
  for (const std::string_view candidate : candidates) {
    const size_t distance = EditDistance(word, candidate);
    if (distance < best_distance && distance < candidate.size()) {
      best = candidate;
      best_distance = distance;
    }
  }
  return best;
}

std::string FormatBytes(uint64_t bytes) {
  constexpr uint64_t kKi = 1024;
  if (bytes != 0 && bytes % (kKi * kKi) == 0) return fmt::format("{} MiB", bytes / (kKi * kKi));
  if (bytes != 0 && bytes % kKi == 0) return fmt::format("{} KiB", bytes / kKi);
  return fmt::format("{} B", bytes);
}

std::string FormatHertz(uint64_t hertz) {
  if (hertz != 0 && hertz % 1'000'000'000 == 0) return fmt::format("{} GHz", hertz / 1'000'000'000);
  if (hertz != 0 && hertz % 1'000'000 == 0) return fmt::format("{} MHz", hertz / 1'000'000);
  if (hertz != 0 && hertz % 1'000 == 0) return fmt::format("{} kHz", hertz / 1'000);
  return fmt::format("{} Hz", hertz);
}

std::string EscapeXml(std::string_view text) {
  std::string out;
  for (const char letter : text) {
    switch (letter) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        // XML has no other control characters.
        if (static_cast<unsigned char>(letter) >= 0x20 || letter == '\n' || letter == '\t') {
          out += letter;
        }
    }
  }
  return out;
}

}  // namespace npugen

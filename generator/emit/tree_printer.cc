// SPDX-License-Identifier: Apache-2.0
// Names of bits and vectors, joined, and lines that are not too long.
#include "generator/emit/tree_printer.h"

#include <fmt/format.h>

#include <algorithm>

namespace npugen {
namespace {

constexpr size_t kColumns = kLineColumns - 8;

}  // namespace

std::vector<TreeBit> TakeBits(std::vector<TreeBit>& bits, size_t count) {
  count = std::min(count, bits.size());
  std::vector<TreeBit> taken(bits.begin(), bits.begin() + static_cast<ptrdiff_t>(count));
  bits.erase(bits.begin(), bits.begin() + static_cast<ptrdiff_t>(count));
  return taken;
}

void TreePrinter::Declare(const std::string& name, uint32_t width, bool indexed) {
  Know(name, width);
  sv_.Line(width == 1 && !indexed ? fmt::format("wire {};", name)
                                  : fmt::format("wire [{}:0] {};", width - 1, name));
}

std::string TreePrinter::Bits(const std::vector<TreeBit>& bits) const {
  std::vector<std::string> parts;
  for (size_t high = bits.size(); high > 0;) {
    size_t low = high - 1;
    while (low > 0 && bits[low - 1].vector == bits[high - 1].vector &&
           (bits[low].vector.empty() || bits[low - 1].index + 1 == bits[low].index)) {
      --low;
    }
    parts.push_back(Range(bits[low], static_cast<uint32_t>(high - low)));
    high = low;
  }
  if (parts.size() == 1) return parts[0];
  return fmt::format("{{{}}}", fmt::join(parts, ", "));
}

void TreePrinter::Instance(const std::string& head, const std::vector<std::string>& connections) {
  sv_.Line(head + " (").In();
  std::string line;
  for (size_t i = 0; i < connections.size(); ++i) {
    const std::string text = connections[i] + (i + 1 < connections.size() ? "," : "");
    if (!line.empty() && line.size() + 1 + text.size() > kColumns) {
      Wrapped(line);
      line.clear();
    }
    line += (line.empty() ? "" : " ") + text;
  }
  Wrapped(line);
  sv_.Out().Line(");");
}

void TreePrinter::Assign(const std::string& target, const std::string& value) {
  Wrapped(fmt::format("assign {} = {};", target, value));
}

std::string TreePrinter::Range(const TreeBit& low, uint32_t size) const {
  if (low.vector.empty()) return fmt::format("{}'b0", size);
  const uint32_t width = widths_.at(low.vector);
  if (width == size) return low.vector;
  if (size == 1) return fmt::format("{}[{}]", low.vector, low.index);
  return fmt::format("{}[{}:{}]", low.vector, low.index + size - 1, low.index);
}

void TreePrinter::Wrapped(const std::string& text) {
  bool first = true;
  for (const std::string& line : WrapText(text, kColumns)) {
    sv_.Line((first ? "" : "  ") + line);
    first = false;
  }
}

}  // namespace npugen

// SPDX-License-Identifier: Apache-2.0
// What printed compressor trees have in common: bits of vectors in columns, and lines that name
// them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "generator/emit/sv_writer.h"

namespace npugen {

/// One bit of a vector of the printed module.
struct TreeBit {
  std::string vector;
  uint32_t index = 0;
};

/// `columns[k]` holds the bits of weight 2^k, those that wait longest first.
using TreeColumns = std::vector<std::vector<TreeBit>>;

/// Takes the first `count` bits (or all there are) out of `bits`.
std::vector<TreeBit> TakeBits(std::vector<TreeBit>& bits, size_t count);

/// Prints trees: knows how wide the vectors are, and breaks long connections.
class TreePrinter {
 public:
  explicit TreePrinter(SvWriter& sv) : sv_(sv) {}

  /// Makes a vector known that is declared elsewhere. One of one bit is written without index.
  void Know(const std::string& name, uint32_t width) { widths_[name] = width; }
  void Declare(const std::string& name, uint32_t width, bool indexed = false);

  /// Bits, the lowest first, as an expression with neighbours joined.
  std::string Bits(const std::vector<TreeBit>& bits) const;

  /// An instance, on as few lines as its connections need.
  void Instance(const std::string& head, const std::vector<std::string>& connections);
  void Assign(const std::string& target, const std::string& value);

 private:
  std::string Range(const TreeBit& low, uint32_t size) const;
  void Wrapped(const std::string& text);

  SvWriter& sv_;
  std::map<std::string, uint32_t> widths_;
};

}  // namespace npugen

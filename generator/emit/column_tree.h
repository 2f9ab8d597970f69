// SPDX-License-Identifier: Apache-2.0
// Trees of full adders that add up bits in columns to two rows, planned by when bits arrive.
//
// Full adders replace three bits of a column by two of the same sum; they take the bits that are
// there first, as the library's full adder is slow and cheap.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "generator/emit/sv_writer.h"
#include "generator/emit/tree_printer.h"

namespace npugen {

enum class AdderKind {
  kFull,     ///< a + b + c
  kWithOne,  ///< a + b + 1
  kHalf,     ///< a + b
};

/// Adders of one column, side by side, as many as `sum` is wide. None takes what another one of the
/// same group gives.
struct ColumnAdders {
  AdderKind kind = AdderKind::kFull;
  uint32_t column = 0;
  std::vector<TreeBit> a, b, c;  ///< c is empty but with kFull
  std::string sum, carry;        ///< vectors; carry has the next column's weight
  double arrival = 0;            ///< of their sums, in units of two gates
  uint32_t level = 0;            ///< of FinishByLevels(), from 1 on
};

/// A sum of nonnegative bits and constant ones, whose columns 0 .. width - 1 have been added down
/// to two rows; what is carried out of them stands in `top`.
struct ColumnTree {
  uint32_t width = 0;
  TreeColumns inputs;                  ///< bits of weight 2^column
  std::vector<bool> ones;              ///< columns that hold a one besides
  std::vector<ColumnAdders> adders;    ///< each after those whose results it takes
  std::vector<TreeBit> first, second;  ///< the rows, by column; an empty vector name is a zero
  std::vector<TreeBit> top;            ///< bits of weight 2^width
  double latest = 0;                   ///< when the last bit is there
};

/// Collects the bits of a tree and plans it.
class ColumnTreePlan {
 public:
  explicit ColumnTreePlan(uint32_t width);
  /// A bit of weight 2^column, column <= width, that is there at `arrival`, in units of two gates.
  void Add(uint32_t column, TreeBit bit, double arrival);
  /// Constant ones in the columns where `number` has them.
  void AddConstant(uint64_t number);
  ColumnTree Finish();
  /// The same for bits that arrive together: no adder takes what another one of its level gives, so
  /// that carries do not ripple, which takes some half adders (Dadda). A one that no adder takes
  /// stays in a row as the bit `one`.
  ColumnTree FinishByLevels();

 private:
  struct TimedBit {
    double arrival = 0;
    TreeBit bit;
  };
  /// The bits of one column under construction, the earliest first; of those that arrive together,
  /// the one that was put in first.
  class Column {
   public:
    void Put(TimedBit bit);
    size_t size() const { return bits_.size(); }
    /// How many bits arrive with the earliest one.
    size_t Together() const;
    /// The earliest `count` bits; `arrival` becomes the last one's if that is later.
    std::vector<TreeBit> Take(size_t count, double& arrival);

   private:
    std::vector<TimedBit> bits_;
  };

  ColumnTree tree_;
  std::vector<Column> open_;
};

/// Prints the adders of a tree in order, a comment above each column. The vectors of its inputs are
/// known to `printer`.
void PrintAdders(SvWriter& sv, TreePrinter& printer, const std::vector<ColumnAdders>& adders);

}  // namespace npugen

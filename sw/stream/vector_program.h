// SPDX-License-Identifier: Apache-2.0
// Programs of the vector unit (docs/machine.md, 4.10), put together entry by entry.
#pragma once

#include <cstdint>
#include <vector>

#include "generator/arch/vector_operations.h"

namespace npugen {

/// Where an operand of an entry comes from.
struct VectorSource {
  uint8_t number;
  uint32_t immediate = 0;  ///< the bits of an FP32 number

  static constexpr VectorSource Register(uint8_t number) { return {number}; }
  static constexpr VectorSource Immediate(uint32_t bits) { return {8, bits}; }
  static constexpr VectorSource Scalar(uint8_t number) {
    return {static_cast<uint8_t>(9 + number)};
  }
  /// 1 as x and y, -0 as z.
  static constexpr VectorSource Constant() { return {15}; }
};

/// A program: passes of operations. Its registers 0 to 2 begin as elements of a, b, c, and 0 and 1
/// end as those of d, e.
class VectorProgram {
 public:
  /// What takes part in a pass.
  enum Stream : uint32_t {
    kA = 1,
    kB = 2,
    kC = 4,
    kD = 8,
    kE = 16,
    kFirstOfD = 32,  ///< with kD: its row's first element alone is stored
    kFirstOfE = 64,  ///< the same of e
  };
  using Source = VectorSource;

  VectorProgram& Pass(uint32_t streams);
  /// x * y + z, with signs of product and z.
  VectorProgram& MulAdd(uint32_t destination, Source x, Source y, Source z,
                        bool negate_product = false, bool negate_z = false);
  /// x * y.
  VectorProgram& Multiply(uint32_t destination, Source x, Source y);
  /// x + z.
  VectorProgram& Add(uint32_t destination, Source x, Source z);
  /// Operations of x, of x and y (DIV), of x and z (comparisons), of all (SELECT).
  VectorProgram& Do(VectorOperation operation, uint32_t destination, Source x,
                    Source y = Source::Constant(), Source z = Source::Constant());
  /// The number nearest to x in a format (kFormatBf16 ...), as FP32.
  VectorProgram& Convert(uint32_t destination, Source x, int64_t format, bool saturates = false);
  /// Scalar `scalar` becomes the sum of x * y, the largest x of the row.
  VectorProgram& Sum(uint32_t scalar, Source x, Source y = Source::Constant());
  VectorProgram& Largest(uint32_t scalar, Source x);
  /// Register `destination` becomes numerics::Exponential() of register `x`. `rest` and `power` are
  /// two further registers; x stays. Without `above_zero` x must be at most 0, or a NaN.
  VectorProgram& Exponential(uint32_t destination, uint32_t x, uint32_t rest, uint32_t power,
                             bool above_zero = true);

  /// Entries so far, END not among them.
  int64_t entries() const { return static_cast<int64_t>(entries_.size()); }
  /// The program as core memory holds it, with its END. At most kVectorEntries count.
  std::vector<uint8_t> Bytes() const;

 private:
  VectorProgram& Append(VectorOperation operation, uint32_t destination, Source x, Source y,
                        Source z, uint64_t flags);

  std::vector<uint64_t> entries_;
};

}  // namespace npugen

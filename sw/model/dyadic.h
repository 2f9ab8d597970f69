// SPDX-License-Identifier: Apache-2.0
// Exact arithmetic on numbers m * 2^e with integers m of any length: what sums and products of
// floating-point constants are.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace npugen {

class Dyadic {
 public:
  Dyadic() = default;  ///< 0
  /// Exactly `value`, which is finite.
  static Dyadic FromDouble(double value);
  static Dyadic FromInteger(int64_t value);

  Dyadic operator+(const Dyadic& other) const;
  Dyadic operator-(const Dyadic& other) const { return *this + other.Negated(); }
  Dyadic operator*(const Dyadic& other) const;
  Dyadic Negated() const;
  /// -1, 0 or 1.
  int Sign() const;
  /// Bits of m, about; what operations cost.
  size_t Bits() const { return magnitude_.size() * 32; }

 private:
  void Normalize();
  bool negative_ = false;
  std::vector<uint32_t> magnitude_;  // lowest word first, the highest one is not 0
  int64_t exponent_ = 0;             // a multiple of 32
};

/// The sign of a + b * sqrt(c), c > 0, without rounding.
int SignOfRootSum(const Dyadic& a, const Dyadic& b, const Dyadic& c);

}  // namespace npugen

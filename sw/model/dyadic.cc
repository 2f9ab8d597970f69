// SPDX-License-Identifier: Apache-2.0
// Schoolbook arithmetic in words of 32 bits: numbers here have a few dozen of them at most.
#include "sw/model/dyadic.h"

#include <algorithm>
#include <cmath>

namespace npugen {
namespace {

using Words = std::vector<uint32_t>;

int Compare(const Words& a, const Words& b) {
  if (a.size() != b.size()) return a.size() < b.size() ? -1 : 1;
  for (size_t i = a.size(); i-- > 0;) {
    if (a[i] != b[i]) return a[i] < b[i] ? -1 : 1;
  }
  return 0;
}

void Trim(Words& words) {
  while (!words.empty() && words.back() == 0) words.pop_back();
}

Words Sum(const Words& a, const Words& b) {
  Words sum(std::max(a.size(), b.size()) + 1, 0);
  uint64_t carry = 0;
  for (size_t i = 0; i < sum.size(); ++i) {
    carry += uint64_t{i < a.size() ? a[i] : 0} + (i < b.size() ? b[i] : 0);
    sum[i] = static_cast<uint32_t>(carry);
    carry >>= 32;
  }
  Trim(sum);
  return sum;
}

// a - b, a >= b.
Words Difference(const Words& a, const Words& b) {
  Words difference(a.size(), 0);
  int64_t borrow = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    const int64_t value = int64_t{a[i]} - (i < b.size() ? b[i] : 0) + borrow;
    difference[i] = static_cast<uint32_t>(value);
    borrow = value < 0 ? -1 : 0;
  }
  Trim(difference);
  return difference;
}

}  // namespace

Dyadic Dyadic::FromInteger(int64_t value) {
  Dyadic result;
  result.negative_ = value < 0;
  uint64_t rest = value < 0 ? ~static_cast<uint64_t>(value) + 1 : static_cast<uint64_t>(value);
  for (; rest != 0; rest >>= 32) result.magnitude_.push_back(static_cast<uint32_t>(rest));
  result.Normalize();
  return result;
}

Dyadic Dyadic::FromDouble(double value) {
  int exponent = 0;
  const double fraction = std::frexp(value, &exponent);
  auto mantissa = static_cast<int64_t>(std::ldexp(fraction, 53));
  if (mantissa == 0) return {};
  exponent -= 53;
  // The exponent becomes a multiple of a word's bits, so that sums need no shifts within words.
  const int64_t shift = ((exponent % 32) + 32) % 32;
  Dyadic result = FromInteger(mantissa) * FromInteger(int64_t{1} << shift);
  result.exponent_ += exponent - shift;
  return result;
}

void Dyadic::Normalize() {
  Trim(magnitude_);
  size_t zeros = 0;
  while (zeros < magnitude_.size() && magnitude_[zeros] == 0) ++zeros;
  magnitude_.erase(magnitude_.begin(), magnitude_.begin() + static_cast<int64_t>(zeros));
  exponent_ += 32 * static_cast<int64_t>(zeros);
  if (magnitude_.empty()) {
    negative_ = false;
    exponent_ = 0;
  }
}

Dyadic Dyadic::operator+(const Dyadic& other) const {
  if (magnitude_.empty()) return other;
  if (other.magnitude_.empty()) return *this;
  const int64_t exponent = std::min(exponent_, other.exponent_);
  const auto aligned = [&](const Dyadic& number) {
    Words words(static_cast<size_t>((number.exponent_ - exponent) / 32), 0);
    words.insert(words.end(), number.magnitude_.begin(), number.magnitude_.end());
    return words;
  };
  const Words a = aligned(*this), b = aligned(other);
  Dyadic result;
  result.exponent_ = exponent;
  if (negative_ == other.negative_) {
    result.negative_ = negative_;
    result.magnitude_ = Sum(a, b);
  } else if (Compare(a, b) >= 0) {
    result.negative_ = negative_;
    result.magnitude_ = Difference(a, b);
  } else {
    result.negative_ = other.negative_;
    result.magnitude_ = Difference(b, a);
  }
  result.Normalize();
  return result;
}

Dyadic Dyadic::operator*(const Dyadic& other) const {
  Dyadic result;
  result.negative_ = negative_ != other.negative_;
  result.exponent_ = exponent_ + other.exponent_;
  result.magnitude_.assign(magnitude_.size() + other.magnitude_.size(), 0);
  for (size_t i = 0; i < magnitude_.size(); ++i) {
    uint64_t carry = 0;
    for (size_t j = 0; j < other.magnitude_.size(); ++j) {
      carry += uint64_t{magnitude_[i]} * other.magnitude_[j] + result.magnitude_[i + j];
      result.magnitude_[i + j] = static_cast<uint32_t>(carry);
      carry >>= 32;
    }
    result.magnitude_[i + other.magnitude_.size()] = static_cast<uint32_t>(carry);
  }
  result.Normalize();
  return result;
}

Dyadic Dyadic::Negated() const {
  Dyadic result = *this;
  result.negative_ = !negative_ && !magnitude_.empty();
  return result;
}

int Dyadic::Sign() const { return magnitude_.empty() ? 0 : negative_ ? -1 : 1; }

int SignOfRootSum(const Dyadic& a, const Dyadic& b, const Dyadic& c) {
  const int first = a.Sign(), second = b.Sign();
  if (first == 0 || second == 0 || first == second) return first != 0 ? first : second;
  // Of different signs: the larger square decides.
  return first * (a * a - b * b * c).Sign();
}

}  // namespace npugen

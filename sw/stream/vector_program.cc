// SPDX-License-Identifier: Apache-2.0
// Entries of vector programs.
#include "sw/stream/vector_program.h"

namespace npugen {
namespace {

constexpr uint64_t kNegateProduct = uint64_t{1} << 20, kNegateZ = uint64_t{1} << 21;
constexpr uint32_t kFormatBit = 22;
constexpr uint64_t kSaturates = uint64_t{1} << 25;

uint64_t ImmediateOf(VectorSource source) {
  return source.number == VectorSource::Immediate(0).number ? uint64_t{source.immediate} << 32 : 0;
}

}  // namespace

VectorProgram& VectorProgram::Append(VectorOperation operation, uint32_t destination, Source x,
                                     Source y, Source z, uint64_t flags) {
  entries_.push_back(static_cast<uint64_t>(operation) | uint64_t{destination} << 4 |
                     uint64_t{x.number} << 8 | uint64_t{y.number} << 12 | uint64_t{z.number} << 16 |
                     flags | ImmediateOf(x) | ImmediateOf(y) | ImmediateOf(z));
  return *this;
}

VectorProgram& VectorProgram::Pass(uint32_t streams) {
  entries_.push_back(static_cast<uint64_t>(VectorOperation::kPass) | uint64_t{streams} << 4);
  return *this;
}

VectorProgram& VectorProgram::MulAdd(uint32_t destination, Source x, Source y, Source z,
                                     bool negate_product, bool negate_z) {
  return Append(VectorOperation::kMulAdd, destination, x, y, z,
                (negate_product ? kNegateProduct : 0) | (negate_z ? kNegateZ : 0));
}

VectorProgram& VectorProgram::Multiply(uint32_t destination, Source x, Source y) {
  return MulAdd(destination, x, y, Source::Constant());
}

VectorProgram& VectorProgram::Add(uint32_t destination, Source x, Source z) {
  return MulAdd(destination, x, Source::Constant(), z);
}

VectorProgram& VectorProgram::Do(VectorOperation operation, uint32_t destination, Source x,
                                 Source y, Source z) {
  return Append(operation, destination, x, y, z, 0);
}

VectorProgram& VectorProgram::Convert(uint32_t destination, Source x, int64_t format,
                                      bool saturates) {
  return Append(VectorOperation::kConvert, destination, x, Source::Constant(), Source::Constant(),
                static_cast<uint64_t>(format) << kFormatBit | (saturates ? kSaturates : 0));
}

VectorProgram& VectorProgram::Sum(uint32_t scalar, Source x, Source y) {
  return Append(VectorOperation::kSum, scalar, x, y, Source::Constant(), 0);
}

VectorProgram& VectorProgram::Largest(uint32_t scalar, Source x) {
  return Append(VectorOperation::kLargest, scalar, x, Source::Constant(), Source::Constant(), 0);
}

VectorProgram& VectorProgram::Exponential(uint32_t destination, uint32_t x, uint32_t rest,
                                          uint32_t power, bool above_zero) {
  // The operations of numerics::Exponential(), with its constants.
  const auto at = [](uint32_t number) { return Source::Register(static_cast<uint8_t>(number)); };
  const auto number = [](uint32_t bits) { return Source::Immediate(bits); };
  Multiply(power, at(x), number(0x3fb8aa3b));
  Do(VectorOperation::kRint, power, at(power));
  MulAdd(rest, at(power), number(0x3f318000), at(x), /*negate_product=*/true);
  MulAdd(rest, at(power), number(0xb95e8083), at(rest), /*negate_product=*/true);
  MulAdd(destination, at(rest), number(0x3c088889), Source::Constant());
  Add(destination, at(destination), number(0x3d2aaaab));
  for (const uint32_t term : {0x3e2aaaabu, 0x3f000000u, 0x3f800000u, 0x3f800000u}) {
    MulAdd(destination, at(destination), at(rest), number(term));
  }
  Do(VectorOperation::kExp2, power, at(power));
  Multiply(destination, at(destination), at(power));
  // 0 below -80, infinity above 88; a NaN stays one.
  Do(VectorOperation::kLess, power, at(x), Source::Constant(), number(0xc2a00000));
  Do(VectorOperation::kSelect, destination, at(destination), number(0), at(power));
  if (!above_zero) return *this;
  Do(VectorOperation::kLess, power, number(0x42b00000), Source::Constant(), at(x));
  return Do(VectorOperation::kSelect, destination, at(destination), number(0x7f800000), at(power));
}

std::vector<uint8_t> VectorProgram::Bytes() const {
  std::vector<uint64_t> entries = entries_;
  entries.push_back(static_cast<uint64_t>(VectorOperation::kEnd));
  std::vector<uint8_t> bytes;
  for (const uint64_t entry : entries) {
    for (int64_t b = 0; b < kVectorEntryBytes; ++b) {
      bytes.push_back(static_cast<uint8_t>(entry >> 8 * b));
    }
  }
  return bytes;
}

}  // namespace npugen

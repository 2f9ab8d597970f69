// SPDX-License-Identifier: Apache-2.0
// Operations of the vector unit's programs (docs/machine.md, 4.10).
#pragma once

#include <cstdint>
#include <string_view>

namespace npugen {

enum class VectorOperation : uint8_t {
  kMulAdd,
  kMax,
  kMin,
  kLess,
  kEqual,
  kSelect,
  kRint,
  kExp2,
  kDivide,
  kSquareRoot,
  kConvert,
  kSum,
  kLargest,
  kEnd,
  kKeep,
  kPass,
};

/// An operation's name, as npu_isa_pkg::Vector<name>.
struct VectorOperationInfo {
  VectorOperation operation;
  std::string_view name;
  std::string_view description;
};
inline constexpr VectorOperationInfo kVectorOperations[] = {
    {VectorOperation::kMulAdd, "MulAdd", "x * y + z, rounded twice"},
    {VectorOperation::kMax, "Max", "the larger one of x and z"},
    {VectorOperation::kMin, "Min", "the smaller one"},
    {VectorOperation::kLess, "Less", "1 if x < z"},
    {VectorOperation::kEqual, "Equal", "1 if x = z"},
    {VectorOperation::kSelect, "Select", "y where z is not 0, else x"},
    {VectorOperation::kRint, "Rint", "the nearest whole number"},
    {VectorOperation::kExp2, "Exp2", "two to the power of it"},
    {VectorOperation::kDivide, "Divide", "x / y"},
    {VectorOperation::kSquareRoot, "SquareRoot", "of x"},
    {VectorOperation::kConvert, "Convert", "the nearest number of a format"},
    {VectorOperation::kSum, "Sum", "x * y added to the row's sum"},
    {VectorOperation::kLargest, "Largest", "the larger one of x and the row's largest"},
    {VectorOperation::kEnd, "End", "the program ends"},
    {VectorOperation::kKeep, "Keep", "x where z is not 0, else y"},
    {VectorOperation::kPass, "Pass", "a pass over the row begins"},
};

/// Entries of a program that count, and their bytes.
inline constexpr int64_t kVectorEntries = 64;
inline constexpr int64_t kVectorEntryBytes = 8;
/// Rows of a group have up to so many times units.vector_lanes elements together; longer ones go in
/// parts of that.
inline constexpr int64_t kVectorStrips = 16;

}  // namespace npugen

// SPDX-License-Identifier: Apache-2.0
// Number formats, from the one table formats.def, and the records that go with sums.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "generator/arch/features.h"
#include "generator/arch/signal_struct.h"

namespace npugen {

/// What the scale of a format's elements belongs to.
enum class ScaleRule : uint8_t {
  kNone,     ///< elements are what they stand for
  kTensor,   ///< one scale for a tensor; weights may have one for each channel
  kChannel,  ///< one for each channel
  kProduct,  ///< the product of the scales of what was multiplied
};

/// A row of formats.def.
enum class FormatId : uint8_t {
#define NPUGEN_FORMAT(name, ...) k##name,
#include "generator/arch/formats.def"
};

/// How a number is written.
struct NumberFormat {
  std::string_view name;
  uint32_t bits;      ///< of one element
  uint32_t exponent;  ///< bits; 0: whole numbers
  uint32_t mantissa;  ///< bits; 0: whole numbers
  bool is_signed;
  ScaleRule scale;
  std::string_view description;

  /// Bytes of so many elements, packed.
  constexpr uint64_t Bytes(uint64_t elements) const { return (elements * bits + 7) / 8; }
};

namespace format_rows {
inline constexpr bool kSigned = true, kUnsigned = false;
inline constexpr NumberFormat kTable[] = {
#define NPUGEN_FORMAT(name, bits, exponent, mantissa, sign, scale, description) \
  {#name, bits, exponent, mantissa, sign, ScaleRule::scale, description},
#include "generator/arch/formats.def"
};
}  // namespace format_rows
/// All of them, by FormatId.
inline constexpr std::span<const NumberFormat> kFormatTable = format_rows::kTable;

constexpr const NumberFormat& Format(FormatId id) { return kFormatTable[static_cast<uint8_t>(id)]; }

/// What operands of lanes and plain weights are.
inline constexpr const NumberFormat& kOperandFormat = Format(FormatId::kInt8);
/// What weights are with packed_weights.
inline constexpr const NumberFormat& kPackedWeightFormat = Format(FormatId::kInt4);
/// What accumulators hold; also biases and gates.
inline constexpr const NumberFormat& kSumFormat = Format(FormatId::kInt32);
/// Bits of an operand less its zero point.
inline constexpr uint32_t kOffsetBits = kOperandFormat.bits + 1;
/// Bits of a multiplier of post-processing, which is not negative.
inline constexpr uint32_t kMultiplierBits = kSumFormat.bits - 1;

/// A channel's parameters in core memory, the highest bits first. With common_scale there is only
/// the bias.
inline constexpr SignalField kParameterRecordFields[] = {
    {"shift", 8, "the low six bits: 0..31 left, -31..-1 right, -32 none"},
    {"padding", 1, ""},
    {"multiplier", kMultiplierBits, ""},
    {"bias", kSumFormat.bits, ""},
};
/// The same of a command with thresholds.
inline constexpr SignalField kThresholdRecordFields[] = {
    {"flip", 1, "the code is subtracted from the number of thresholds"},
    {"third", 20, "threshold"},
    {"second", 19, "threshold"},
    {"bias", kSumFormat.bits, "less the first threshold"},
};
/// The same of a command with affine.
inline constexpr SignalField kAffineRecordFields[] = {
    {"scale_bias", 24, ""}, {"bias", 24, ""},  {"offset", 16, ""},
    {"scale", 16, ""},      {"slope", 16, ""}, {"multiplier", 16, ""},
};
inline constexpr SignalStruct kAffineRecord = {"affine_record", "The same with affine.",
                                               kAffineRecordFields};
inline constexpr SignalStruct kParameterRecord = {
    "parameter_record", "A channel's parameters in core memory.", kParameterRecordFields};
inline constexpr SignalStruct kThresholdRecord = {"threshold_record", "The same with thresholds.",
                                                  kThresholdRecordFields};
static_assert(kParameterRecord.width() == kThresholdRecord.width());
static_assert(kParameterRecord.width() % 8 == 0 && kParameterRecord.lsb("multiplier") % 8 == 0 &&
              kParameterRecord.lsb("shift") % 8 == 0);

/// Bytes of one channel's parameter record in core memory, and of what there is with common_scale.
inline constexpr uint32_t kParameterRecordBytes = kParameterRecord.width() / 8;
inline constexpr uint32_t kBiasRecordBytes = kSumFormat.bits / 8;
inline constexpr uint32_t kAffineRecordBytes = kAffineRecord.width() / 8;
static_assert(kAffineRecord.width() % 8 == 0);
/// Bytes of a lane's gate.
inline constexpr uint32_t kGateBytes = kSumFormat.bits / 8;

/// A constant of formats, as the RTL has it.
struct FormatConstant {
  std::string_view name;  ///< in npu_isa_pkg
  uint32_t value;
  std::string_view description;
  std::string_view feature = {};  ///< spec key of the feature that it belongs to; empty: all NPUs
};
inline constexpr FormatConstant kFormatConstants[] = {
    {"OperandBits", kOperandFormat.bits, "bits of an operand, a weight and a result"},
    {"PackedWeightBits", kPackedWeightFormat.bits, "bits of a weight with packed_weights"},
    {"OffsetBits", kOffsetBits, "bits of an operand less its zero point"},
    {"SumBits", kSumFormat.bits, "bits of a sum"},
    {"MultiplierBits", kMultiplierBits, "bits of a multiplier"},
    {"RecordMultiplierLsb", kParameterRecord.lsb("multiplier"), "its lowest bit in a record"},
    {"RecordShiftLsb", kParameterRecord.lsb("shift"), "lowest bit of the shift in a record"},
    {"ParameterRecordBytes", kParameterRecordBytes, "bytes of a channel's parameters"},
    {"BiasRecordBytes", kBiasRecordBytes, "bytes of them with common_scale"},
    {"GateBytes", kGateBytes, "bytes of a lane's gate", kBinaryUnitKey},
    {"ThresholdSecondLsb", kThresholdRecord.lsb("second"),
     "lowest bit of the second threshold in a record", kBinaryUnitKey},
    {"ThresholdThirdLsb", kThresholdRecord.lsb("third"), "of the third one", kBinaryUnitKey},
    {"ThresholdFlipLsb", kThresholdRecord.lsb("flip"), "of the flag flip", kBinaryUnitKey},
    {"AffineRecordBytes", kAffineRecordBytes, "bytes of a channel's parameters with affine",
     kBitResidualKey},
    {"AffineSlopeLsb", kAffineRecord.lsb("slope"), "lowest bit of the slope there",
     kBitResidualKey},
    {"AffineScaleLsb", kAffineRecord.lsb("scale"), "of the scale", kBitResidualKey},
    {"AffineOffsetLsb", kAffineRecord.lsb("offset"), "of the offset", kBitResidualKey},
    {"AffineBiasLsb", kAffineRecord.lsb("bias"), "of the bias", kBitResidualKey},
    {"AffineScaleBiasLsb", kAffineRecord.lsb("scale_bias"), "of the scale's bias", kBitResidualKey},
};

}  // namespace npugen

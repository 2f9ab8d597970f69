// SPDX-License-Identifier: Apache-2.0
// Features of the hardware that have registers, fields or error codes of their own.
#pragma once

#include <string_view>

namespace npugen {

/// Spec keys of these features.
inline constexpr std::string_view kWatchdogKey = "npu.axi.watchdog";
inline constexpr std::string_view kMemoryClearKey = "npu.memory_clear";
inline constexpr std::string_view kBinaryUnitKey = "units.bnn.enabled";
inline constexpr std::string_view kResidualKey = "units.residual";
inline constexpr std::string_view kFloatKey = "units.data_types";
inline constexpr std::string_view kVectorKey = "units.vector_lanes";
inline constexpr std::string_view kBitResidualKey = "units.bnn.residual";
/// Of fields that both of these features have in the same command.
inline constexpr std::string_view kSecondFactorKey = "units.residual, units.data_types";
inline constexpr std::string_view kStridesKey = "units.dma.strides";
inline constexpr std::string_view kStoreBoundsKey = "units.dma.store_bounds";
inline constexpr std::string_view kWideFillKey = "units.dma.wide_fill";
inline constexpr std::string_view kIm2colKey = "units.dma.im2col";
inline constexpr std::string_view kSwizzleKey = "units.dma.swizzle";
inline constexpr std::string_view kTransposeKey = "units.dma.transpose";

/// Which of them an NPU has.
struct HardwareFeatures {
  bool watchdog = true;
  bool memory_clear = true;
  bool binary_unit = true;
  bool residual = true;
  bool float_formats = true;
  bool bit_residual = true;
  bool vector_unit = true;
  bool strides = true;
  bool store_bounds = true;
  bool wide_fill = true;
  bool im2col = true;
  bool swizzle = true;
  bool transpose = true;

  /// Whether what belongs to the feature of spec key `key` exists; an empty key: to all NPUs.
  bool Has(std::string_view key) const {
    return key.empty() || (key == kWatchdogKey && watchdog) ||
           (key == kMemoryClearKey && memory_clear) || (key == kBinaryUnitKey && binary_unit) ||
           (key == kResidualKey && residual) || (key == kFloatKey && float_formats) ||
           (key == kBitResidualKey && bit_residual) || (key == kVectorKey && vector_unit) ||
           (key == kSecondFactorKey && (residual || float_formats)) ||
           (key == kStridesKey && strides) || (key == kStoreBoundsKey && store_bounds) ||
           (key == kWideFillKey && wide_fill) || (key == kIm2colKey && im2col) ||
           (key == kSwizzleKey && swizzle) || (key == kTransposeKey && transpose);
  }

  /// Whether what belongs to the feature is shown in views of an NPU: additions, floating
  /// point and those of the DMA leave no trace where they are off.
  bool Shows(std::string_view key) const {
    return Has(key) ||
           !(key == kResidualKey || key == kBitResidualKey || key == kFloatKey ||
             key == kVectorKey || key == kSecondFactorKey || key.starts_with("units.dma."));
  }
};

}  // namespace npugen

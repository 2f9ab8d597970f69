// SPDX-License-Identifier: Apache-2.0
// A product of two matrices of floating-point numbers as a command stream, for tests and benches of
// lanes that have them: tiled over all three matrices, loads behind the products.
#pragma once

#include <cstdint>
#include <random>
#include <vector>

#include "generator/arch/command_set.h"
#include "generator/config/npu_config.h"
#include "generator/support/diagnostic.h"
#include "sw/numerics/drain.h"

namespace npugen {

/// out[m][n] = drain of the sum over k of a[m][k] * w[n][k].
struct FloatProduct {
  int64_t rows = 1, channels = 1, depth = 1;  ///< of m, n, k
  int64_t format_a = kFormatBf16, format_w = kFormatBf16, out_format = kFormatFp32;
};

/// Its commands, on windows that hold weights (scratch), a (input) and out (output), each row
/// behind the one before, elements little endian.
struct FloatProductJob {
  std::vector<Command> commands;
  std::vector<uint8_t> weights;  ///< as the window holds them: by block, core and slice
};

/// The job of PE 0 of an NPU that has the formats. `w`: [channels][depth] codes. An error where
/// memories are too small for one tile at the product's depth.
Result<FloatProductJob> MakeFloatProduct(const NpuConfig& config, const FloatProduct& product,
                                         const std::vector<uint16_t>& w);

/// `count` codes of numbers from 1/4 to 4 in magnitude, an eighth of them zeros.
std::vector<uint16_t> RandomCodes(int64_t format, int64_t count, std::mt19937_64* random);

/// Codes of out, by numerics. `a`: [rows][depth].
std::vector<uint32_t> FloatProductReference(const NpuConfig& config, const FloatProduct& product,
                                            const std::vector<uint16_t>& a,
                                            const std::vector<uint16_t>& w);

}  // namespace npugen

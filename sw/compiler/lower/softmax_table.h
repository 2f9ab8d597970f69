// The exponentials that SOFTMAX looks up.
#pragma once

#include <cstdint>
#include <vector>

#include "sw/model/quantization.h"

namespace npugen::compiler {

/// 256 little-endian uint32: exp term in Q0.31 for a value d = 0..255 below the row's maximum, as
/// TFLite's fixed-point softmax computes it; 0 where it skips the value.
std::vector<uint8_t> SoftmaxTable(const SoftmaxParameters& parameters);

}  // namespace npugen::compiler

// Cuts a range of operators out of a .tflite file, to test parts of networks that are not supported
// whole.
#pragma once

#include <cstdint>
#include <vector>

namespace npugen::testing {

/// The file with only `count` operators from number `first` on, and with other inputs and outputs.
/// All tensors keep their numbers. The file must be well formed.
std::vector<uint8_t> CutTflite(std::vector<uint8_t> bytes, int32_t first, int32_t count,
                               const std::vector<int32_t>& inputs,
                               const std::vector<int32_t>& outputs);

}  // namespace npugen::testing

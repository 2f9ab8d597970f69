// SPDX-License-Identifier: Apache-2.0
// Files with the bytes of an input tensor: raw, NumPy's, images, sound.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "generator/support/diagnostic.h"
#include "sw/model/model.h"

namespace npugen {

/// The bytes of `tensor` from the file at `path`, told by its first bytes:
/// - .npy: an array in C order of the tensor's type and size, or of several times its size;
/// - PPM and PGM (P6, P5) of one byte a value, for tensors [..., H, W, 3] or [..., H, W, 1]: uint8
///   takes bytes as they are, int8 bytes less 128 where its zero point is -128, float32 values of 0
///   to `image_range`;
/// - WAV of 16 bits and one channel, for tensors of so many elements: int16 takes samples as they
///   are, float32 values of -1 to 1;
/// - anything else: the raw bytes of the tensor, of the type and layout that the model declares,
/// once
///   or several times.
/// Several fillings of a tensor, one behind the other, are for as many runs.
/// Errors: kFileRead, kModelInput (what is expected instead).
Result<std::vector<uint8_t>> ReadTensorFile(const std::string& path, const Tensor& tensor,
                                            double image_range);

}  // namespace npugen

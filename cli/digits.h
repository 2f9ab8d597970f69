// SPDX-License-Identifier: Apache-2.0
// The networks of the demonstration, their images, and what they should answer.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "generator/config/npu_config.h"
#include "generator/support/diagnostic.h"
#include "sw/model/model.h"

namespace npugen {

/// One of the demonstration's networks and its reference results.
struct Digits {
  std::string name;
  Model model;
  std::vector<uint8_t> input;    ///< of all images
  std::vector<uint8_t> outputs;  ///< that the network should give, of all images
  std::vector<uint8_t> labels;
  size_t image_bytes = 0;
  size_t output_bytes = 0;

  /// The input of an image, and the outputs that it should give.
  std::vector<uint8_t> Image(size_t image) const;
  std::vector<uint8_t> Expected(size_t image) const;
};

/// Reads the networks that `config` can run from a folder like models/digits. Errors: of the
/// models and files, kModelInput when they do not fit together.
Result<std::vector<Digits>> LoadDigits(const NpuConfig& config, const std::string& folder);

/// The class: position of the largest of the outputs, which are int8 or int32, the first of equals.
size_t ClassOf(TensorType type, const std::vector<uint8_t>& bytes);

}  // namespace npugen

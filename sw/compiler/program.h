// SPDX-License-Identifier: Apache-2.0
// A compiled model: everything a driver needs to run it, and tables that tell people about it.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "generator/arch/command_set.h"
#include "generator/support/diagnostic.h"

namespace npugen {

/// Where a tensor of the model stands in a window.
struct ProgramTensor {
  int32_t tensor = 0;  ///< number in the model
  std::string name;
  Window window = Window::kInput;
  uint32_t offset = 0;
  uint32_t bytes = 0;
  float scale = 0.0f;
  int32_t zero_point = 0;
  std::vector<int32_t> shape;
  friend bool operator==(const ProgramTensor&, const ProgramTensor&) = default;
};

/// One operator of the model.
struct ProgramLayer {
  uint32_t tag = 0;             ///< tag of its commands
  uint32_t operator_index = 0;  ///< position in the model file
  std::string name;             ///< operator type, such as CONV_2D
  int32_t output_tensor = 0;
  std::vector<int32_t> output_shape;
  uint64_t macs = 0;    ///< multiply-accumulates of the operator's definition
  bool binary = false;  ///< they are of bits: the array does 8 times as many per cycle
  friend bool operator==(const ProgramLayer&, const ProgramLayer&) = default;
};

/// A program for one NPU configuration.
struct Program {
  uint64_t config_hash = 0;
  uint64_t cache_token = 0;    ///< 0: nothing stays in core memory, and warm_offset == cold_offset
  std::vector<uint8_t> image;  ///< contents of window 0
  uint32_t cold_offset = 0;    ///< stream in the image that loads all parameters
  uint32_t warm_offset = 0;    ///< stream that finds them in core memory
  uint32_t scratch_bytes = 0;
  uint32_t input_bytes = 0;
  uint32_t output_bytes = 0;
  std::vector<ProgramTensor> inputs;
  std::vector<ProgramTensor> outputs;
  std::vector<ProgramTensor> kept;  ///< outputs of operators in the scratch window (keep_tensors)
  std::vector<ProgramLayer> layers;
  friend bool operator==(const Program&, const Program&) = default;
};

/// The file, byte for byte as program_format.h describes it. Equal programs give equal bytes.
std::vector<uint8_t> WriteProgram(const Program& program);
/// Reads a file; anything that is not exactly a valid file is refused.
Result<Program> ReadProgram(std::span<const uint8_t> bytes);

}  // namespace npugen

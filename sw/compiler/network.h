// SPDX-License-Identifier: Apache-2.0
// A compiled network: programs for the NPU, and what the host computes before, between and after
// them.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "generator/support/diagnostic.h"
#include "sw/compiler/network_format.h"
#include "sw/compiler/program.h"
#include "sw/model/model.h"

namespace npugen {

/// A tensor at a place in the arena, or a constant of the host's. One that stands in several places
/// has several rows.
struct NetworkTensor {
  int32_t tensor = 0;  ///< number in the model
  std::string name;
  TensorType type = TensorType::kInt8;
  float scale = 0.0f;  ///< 0: not quantized
  int32_t zero_point = 0;
  std::vector<int32_t> shape;
  uint32_t offset = 0;  ///< in the arena; of a constant in Network::constants
  uint32_t bytes = 0;
  bool is_constant = false;
  friend bool operator==(const NetworkTensor&, const NetworkTensor&) = default;
};

/// One step: a program, or an operator of the host.
struct NetworkStep {
  bool on_host = false;
  uint32_t program = 0;                ///< position in Network::programs
  npu_host_kind kind = NPU_HOST_COPY;  ///< of the host's, as all that follows
  uint32_t operator_index = 0;         ///< position in the model file; of a copy that of its reader
  std::string name;                    ///< operator type, such as QUANTIZE; COPY for a copy
  /// Positions in Network::tensors; NPU_NETWORK_NO_OPERAND: an input that is left out.
  std::vector<uint32_t> inputs, outputs;
  std::vector<uint32_t> options;  ///< as npu_host_operators.h has them
  friend bool operator==(const NetworkStep&, const NetworkStep&) = default;
};

/// A program and its windows in the arena.
struct NetworkProgram {
  Program program;
  uint32_t input_offset = 0;
  uint32_t output_offset = 0;
  friend bool operator==(const NetworkProgram&, const NetworkProgram&) = default;
};

/// A tensor that keeps its bytes from one run to the next.
struct NetworkState {
  uint32_t tensor = 0;   ///< its row, in the arena
  uint32_t initial = 0;  ///< row of the constant that it holds before the first run
  friend bool operator==(const NetworkState&, const NetworkState&) = default;
};

/// A network for one NPU configuration. One that the NPU computes alone is one step.
struct Network {
  uint64_t config_hash = 0;
  uint32_t arena_bytes = 0;
  uint32_t work_bytes = 0;  ///< of the arena, where operators of the host work
  uint32_t work_offset = 0;
  uint32_t input_count = 0;   ///< first rows of `tensors`, in the order of the model's inputs
  uint32_t output_count = 0;  ///< rows after them
  std::vector<NetworkTensor> tensors;
  std::vector<NetworkStep> steps;
  std::vector<NetworkProgram> programs;
  std::vector<NetworkState> states;
  std::vector<uint8_t> constants;  ///< bytes of constant tensors

  uint32_t scratch_bytes() const;
  /// Of its programs: they are compiled together. 0: nothing stays in core memory.
  uint64_t cache_token() const;
  /// Multiply-accumulates of all programs.
  uint64_t macs() const;
  std::span<const NetworkTensor> inputs() const { return std::span(tensors).first(input_count); }
  std::span<const NetworkTensor> outputs() const {
    return std::span(tensors).subspan(input_count, output_count);
  }
  friend bool operator==(const Network&, const Network&) = default;
};

/// Multiply-accumulates of a step of the host.
uint64_t HostMacs(const NetworkStep& step);

/// The file, as network_format.h describes it. Equal networks give equal bytes.
std::vector<uint8_t> WriteNetwork(const Network& network);
/// Reads a file; anything that is not exactly a valid file is refused (kProgramFile).
Result<Network> ReadNetwork(std::span<const uint8_t> bytes);

}  // namespace npugen

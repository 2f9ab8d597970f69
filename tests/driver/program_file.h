// SPDX-License-Identifier: Apache-2.0
// Program files for tests of readers: consistent, though their commands would do nothing.
#pragma once

#include <cstdint>
#include <cstring>
#include <vector>

#include "npu_registers.h"
#include "sw/compiler/program.h"
#include "tests/driver/fake_device.h"

namespace npugen::testing {

/// A file with a tensor in each window, two layers and a stream, or two where it has a cache token.
inline std::vector<uint8_t> MakeProgramFile(uint64_t token) {
  Program program;
  program.config_hash = FakeDevice::kHash;
  program.cache_token = token;
  const uint32_t stream[] = {NPU_STREAM_MAGIC,
                             NPU_COMMAND_SET_VERSION,
                             static_cast<uint32_t>(FakeDevice::kHash),
                             static_cast<uint32_t>(FakeDevice::kHash >> 32),
                             3,
                             0,
                             0,
                             0,
                             0x0101,
                             0,
                             0,
                             0};
  program.image.resize(2 * sizeof stream + 16);
  std::memcpy(program.image.data(), stream, sizeof stream);
  program.cold_offset = 0;
  if (token != 0) {
    program.warm_offset = 64;
    std::memcpy(program.image.data() + 64, stream, sizeof stream);
  }
  program.scratch_bytes = 128;
  program.input_bytes = 64;
  program.output_bytes = 10;
  program.inputs.push_back({0, "in", Window::kInput, 0, 64, 1.0f, 0, {1, 64}});
  program.outputs.push_back({2, "out", Window::kOutput, 0, 10, 1.0f, 0, {1, 10}});
  program.kept.push_back({1, "kept", Window::kScratch, 64, 64, 1.0f, 0, {1, 64}});
  program.layers.push_back({7, 0, "CONV_2D", 1, {1, 64}, 640});
  program.layers.push_back({8, 1, "CONV_2D", 2, {1, 10}, 640});
  return WriteProgram(program);
}

}  // namespace npugen::testing

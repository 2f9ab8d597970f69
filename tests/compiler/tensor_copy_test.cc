// SPDX-License-Identifier: Apache-2.0
// Tensor copies of public semantics (Hopper's TMA) on the functional model. NPUGEN_SHARED_LINKS
// names the folder with the cases, which are no part of the repository.
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "generator/config/load.h"
#include "sw/stream/stream_decoder.h"
#include "tests/support/shared_links.h"
#include "verif/functional/functional_model.h"

namespace npugen::testing {
namespace {

constexpr std::string_view kSpec =
    "npu: {grid: {x: 1, y: 1}}\n"
    "pe: {memory: 64 KiB, banks: 8, cores: 1}\n"
    "core: {memory: 16 KiB, banks: 4, lanes: 16}\n"
    "lane: {simd: 16}\n"
    "units: {dma: {strides: true, store_bounds: true, wide_fill: true, im2col: true, swizzle: "
    "true, transpose: true}}\n";

NpuConfig Config() {
  Result<NpuConfig> config = LoadSpecText(kSpec, "tensor_copy.yaml", {});
  EXPECT_TRUE(config) << config.errors()[0].message;
  return *config;
}

std::vector<uint8_t> BytesOf(const std::string& hex) {
  std::vector<uint8_t> bytes;
  for (size_t i = 0; i < hex.size(); i += 2) {
    bytes.push_back(static_cast<uint8_t>(std::stoul(hex.substr(i, 2), nullptr, 16)));
  }
  return bytes;
}

void Put(Command* command, const CommandField& field, int64_t value) {
  EXPECT_TRUE(command->Set(field, value)) << field.name << " " << value;
}

/// The walk over pixels of a copy in im2col mode.
void SetPixels(const nlohmann::json& copy, Command* command) {
  const int64_t bytes = copy["element"], channels = copy["channels"];
  const std::vector<int64_t> dim = copy["dim"], coord = copy["coord"], step = copy["step"],
                             stride = copy["stride"], lower = copy["lower"], upper = copy["upper"],
                             offset = copy["offset"];
  Put(command, dma::im2col, 1);
  Put(command, dma::size0, channels * bytes);
  Put(command, dma::start0, coord[0] * bytes);
  Put(command, dma::extent0, dim[0] * bytes);
  Put(command, dma::size1, copy["pixels"]);
  Put(command, dma::local_stride1, channels * bytes);
  const int images = static_cast<int>(dim.size()) - 1;
  int64_t begin = copy["base"].get<int64_t>() + coord[0] * bytes + coord[images] * stride[images];
  int64_t back = 0;
  for (int d = 1; d < kBoxDimensions - 1; ++d) {
    const bool used = d < images;
    const int64_t start = used ? coord[d] + offset[d - 1] : 0;
    const int64_t low = used ? lower[d - 1] + offset[d - 1] : 0;
    const int64_t high = used ? dim[d] + upper[d - 1] + offset[d - 1] : 1;
    if (used) {
      begin += start * stride[d];
      back += (low - start) * stride[d];
      Put(command, *kBoxStep[d], step[d]);
      Put(command, *kGlobalStride[d], step[d] * stride[d]);
    }
    Put(command, *kBoxStart[d], start);
    Put(command, *kBoxExtent[d], used ? dim[d] : 1);
    Put(command, *kPixelLow[d], low);
    Put(command, *kPixelHigh[d], static_cast<uint16_t>(high));
    Put(command, *kPixelBack[d], back);
  }
  Put(command, dma::start4, coord[images]);
  Put(command, dma::extent4, dim[images]);
  Put(command, dma::global_stride4, stride[images]);
  Put(command, dma::global_offset, static_cast<uint32_t>(begin));
}

/// The command of a copy. A step in dimension 0 makes it one of single elements.
Command CommandOf(const nlohmann::json& copy) {
  const bool store = copy["kind"] == "store";
  Command command(store ? Opcode::kStore : Opcode::kLoad, 7, 5);
  const int64_t bytes = copy["element"];
  Put(&command, dma::pe_mask, 1);
  Put(&command, dma::window, store ? 3 : 2);
  Put(&command, dma::bounds, 1);
  if (!store) {
    const std::vector<uint8_t> fill = BytesOf(copy["fill"]);
    Put(&command, dma::fill, fill[0]);
    int64_t high = 0;
    for (size_t i = 1; i < fill.size(); ++i) high |= int64_t{fill[i]} << (8 * (i - 1));
    Put(&command, dma::fill_high, high);
    Put(&command, dma::element, bytes == 1 ? 0 : bytes / 2);
  }
  const int64_t pattern = copy["swizzle"];
  Put(&command, dma::swizzle, pattern == 0 ? 0 : pattern == 32 ? 1 : pattern == 64 ? 2 : 3);
  if (copy["mode"] == "im2col") {
    SetPixels(copy, &command);
    return command;
  }
  const std::vector<int64_t> dim = copy["dim"], box = copy["box"], coord = copy["coord"],
                             step = copy["step"], stride = copy["stride"];
  int64_t offset = copy["base"];
  for (size_t d = 0; d < dim.size(); ++d) offset += coord[d] * stride[d];
  Put(&command, dma::global_offset, static_cast<uint32_t>(offset));
  const bool single = step[0] != 1;
  Put(&command, dma::size0, single ? bytes : box[0] * bytes);
  Put(&command, dma::start0, single ? 0 : coord[0] * bytes);
  Put(&command, dma::extent0, single ? bytes : dim[0] * bytes);
  int64_t local = command.Get(dma::size0);
  size_t in = single ? 0 : 1;
  for (int out = 1; out < kBoxDimensions; ++out, ++in) {
    const bool used = in < dim.size();
    Put(&command, *kBoxExtent[out], used ? dim[in] : 1);
    if (!used) continue;
    const int64_t size = (box[in] + step[in] - 1) / step[in];
    Put(&command, *kBoxSize[out], size);
    Put(&command, *kBoxStep[out], step[in]);
    Put(&command, *kBoxStart[out], coord[in]);
    Put(&command, *kGlobalStride[out], step[in] * stride[in]);
    Put(&command, *kLocalStride[out], local);
    local *= size;
  }
  EXPECT_GE(in, dim.size()) << "too many dimensions";
  return command;
}

std::vector<uint8_t> StreamOf(const NpuConfig& config, const std::vector<Command>& commands) {
  std::vector<uint32_t> words = {kStreamMagic,
                                 kCommandSetVersion,
                                 static_cast<uint32_t>(config.hash),
                                 static_cast<uint32_t>(config.hash >> 32),
                                 0,
                                 0,
                                 0,
                                 0};
  for (const Command& command : commands) {
    words.insert(words.end(), command.words().begin(), command.words().end());
  }
  words[4] = static_cast<uint32_t>(words.size() / kWordsPerEntry);
  std::vector<uint8_t> bytes;
  for (const uint32_t word : words) {
    for (int i = 0; i < 4; ++i) bytes.push_back(static_cast<uint8_t>(word >> 8 * i));
  }
  return bytes;
}

/// Runs one command. Window 2 can be read, window 3 written.
FunctionalJobResult RunCommand(FunctionalModel* npu, const NpuConfig& config,
                               const Command& command, std::vector<uint8_t>* memory) {
  std::vector<uint8_t> program = StreamOf(config, {command, Command(Opcode::kEnd, 1, 0)});
  const std::array<FunctionalWindow, kWindowCount> windows = {
      FunctionalWindow{program, 0, true, false}, FunctionalWindow{{}, 0, true, true},
      FunctionalWindow{*memory, 0x4000, true, false},
      FunctionalWindow{*memory, 0x4000, false, true}};
  return npu->Run(windows, 0);
}

TEST(TensorCopy, AsTmaDoes) {
  if (SharedLinksFolder().empty()) GTEST_SKIP() << kNoSharedLinks;
  const NpuConfig config = Config();
  int copied = 0;
  for (const nlohmann::json& copy : SharedLinksJson("tma/cases.json")) {
    if (copy["kind"] == "reduce") continue;
    SCOPED_TRACE(copy["name"].get<std::string>());
    const bool store = copy["kind"] == "store";
    FunctionalModel npu(config);
    npu.Poison(3);
    std::vector<uint8_t> memory = BytesOf(copy["memory"]);
    const std::vector<uint8_t> local = BytesOf(copy["local"]);
    if (store) std::copy(local.begin(), local.end(), npu.pe_memory(0).begin());
    const FunctionalJobResult result = RunCommand(&npu, config, CommandOf(copy), &memory);
    EXPECT_TRUE(result.ok()) << result.detail;
    if (store) {
      EXPECT_EQ(memory, BytesOf(copy["after"]));
    } else {
      EXPECT_TRUE(std::equal(local.begin(), local.end(), npu.pe_memory(0).begin()));
    }
    ++copied;
  }
  EXPECT_EQ(copied, 36);
}

Command Simple(Opcode opcode) {
  Command command(opcode, 7, 5);
  Put(&command, dma::pe_mask, 1);
  Put(&command, dma::window, opcode == Opcode::kStore ? 3 : 2);
  Put(&command, dma::size0, 4);
  return command;
}

/// Two pixels.
Command Pixels() {
  Command command = Simple(Opcode::kLoad);
  Put(&command, dma::im2col, 1);
  Put(&command, dma::bounds, 1);
  Put(&command, dma::size1, 2);
  Put(&command, dma::extent0, 4);
  for (int d = 1; d < kBoxDimensions; ++d) Put(&command, *kBoxExtent[d], 1);
  for (int d = 1; d < kBoxDimensions - 1; ++d) Put(&command, *kPixelHigh[d], 1);
  return command;
}

TEST(TensorCopy, WhatPixelsAreRefused) {
  const NpuConfig config = Config();
  FunctionalModel npu(config);
  std::vector<uint8_t> memory(64);
  const auto error = [&](const CommandField& field, int64_t value) {
    Command command = Pixels();
    Put(&command, field, value);
    FunctionalModel model(config);
    return RunCommand(&model, config, command, &memory).error_code;
  };
  EXPECT_EQ(error(dma::size1, 3), 0);
  EXPECT_EQ(error(dma::size1, 0), ErrorCode("BadField"));
  EXPECT_EQ(error(dma::bounds, 0), ErrorCode("BadField"));
  for (int d = 1; d < kBoxDimensions - 1; ++d) {
    EXPECT_EQ(error(*kPixelLow[d], -1), 0);
    EXPECT_EQ(error(*kPixelLow[d], 1), ErrorCode("BadField"));
    EXPECT_EQ(error(*kPixelHigh[d], 2), 0);
    EXPECT_EQ(error(*kPixelHigh[d], 0), ErrorCode("BadField"));
    EXPECT_EQ(error(*kPixelHigh[d], 0xffff), ErrorCode("BadField"));
    EXPECT_EQ(error(*kBoxStart[d], -1), ErrorCode("BadField"));
    EXPECT_EQ(error(*kBoxStart[d], 1), ErrorCode("BadField"));
  }
}

/// A transposition of 3 runs of 5 elements, of 2^`element` bytes.
Command Columns(int64_t element) {
  Command command = Simple(Opcode::kLoad);
  Put(&command, dma::transpose, 1);
  Put(&command, dma::element, element);
  Put(&command, dma::size0, 5 << element);
  Put(&command, dma::size1, 3);
  Put(&command, dma::global_stride1, 21);
  Put(&command, dma::local_stride1, 100);
  return command;
}

TEST(TensorCopy, Transposes) {
  const NpuConfig config = Config();
  std::vector<uint8_t> memory(4096);
  for (size_t i = 0; i < memory.size(); ++i) memory[i] = static_cast<uint8_t>(i * 7 + i / 256);
  // Boxes within a tile, and of several ones, with elements that are padding.
  for (const int64_t element : {0, 1, 2}) {
    for (const auto& [columns, rows] : {std::pair{5, 3}, {16, 16}, {17, 35}, {40, 1}, {3, 40}}) {
      SCOPED_TRACE(::testing::Message() << element << ": " << columns << " x " << rows);
      const int64_t bytes = int64_t{1} << element;
      Command command = Columns(element);
      Put(&command, dma::size0, columns * bytes);
      Put(&command, dma::size1, rows);
      Put(&command, dma::bounds, 1);
      Put(&command, dma::start0, -2 * bytes);
      Put(&command, dma::extent0, (columns - 3) * bytes);
      Put(&command, dma::extent1, rows - rows / 4);
      for (int d = 2; d < kBoxDimensions; ++d) Put(&command, *kBoxExtent[d], 1);
      Put(&command, dma::fill, 0x51);
      Put(&command, dma::fill_high, 0x747372);
      Put(&command, dma::local_stride1, 200);
      Put(&command, dma::local_address, 9);
      FunctionalModel npu(config);
      npu.Poison(3);
      std::vector<uint8_t> expected(npu.pe_memory(0).begin(), npu.pe_memory(0).end());
      for (int64_t row = 0; row < rows; ++row) {
        for (int64_t byte = 0; byte < columns * bytes; ++byte) {
          const int64_t x = byte - 2 * bytes;
          const bool inside = x >= 0 && x < (columns - 3) * bytes && row < rows - rows / 4;
          expected[9 + byte / bytes * 200 + row * bytes + byte % bytes] =
              inside ? memory[row * 21 + byte]
                     : static_cast<uint8_t>(0x74737251u >> (8 * (byte % bytes)));
        }
      }
      const FunctionalJobResult result = RunCommand(&npu, config, command, &memory);
      EXPECT_TRUE(result.ok()) << result.detail;
      EXPECT_TRUE(std::equal(expected.begin(), expected.end(), npu.pe_memory(0).begin()));
    }
  }
}

TEST(TensorCopy, WhatColumnsAreRefused) {
  const NpuConfig config = Config();
  std::vector<uint8_t> memory(4096);
  const auto error = [&](int64_t element, const CommandField& field, int64_t value) {
    Command command = Columns(element);
    Put(&command, field, value);
    FunctionalModel model(config);
    return RunCommand(&model, config, command, &memory).error_code;
  };
  const uint32_t bad = ErrorCode("BadField"), local = ErrorCode("LocalBounds");
  EXPECT_EQ(error(0, dma::size0, 7), 0);
  EXPECT_EQ(error(1, dma::size0, 6), 0);
  EXPECT_EQ(error(1, dma::size0, 7), bad);
  EXPECT_EQ(error(2, dma::size0, 8), 0);
  EXPECT_EQ(error(2, dma::size0, 6), bad);
  EXPECT_EQ(error(0, dma::element, 3), bad);
  EXPECT_EQ(error(0, dma::size4, 1), 0);
  EXPECT_EQ(error(0, dma::size4, 2), bad);
  EXPECT_EQ(error(0, dma::im2col, 1), bad);
  // Columns outside of PE memory, too far apart, and just not.
  EXPECT_EQ(error(0, dma::local_stride1, (1 << 23) - 1), local);
  EXPECT_EQ(error(0, dma::local_stride1, -(1 << 23)), local);
  EXPECT_EQ(error(0, dma::local_stride1, 1 << 23), bad);
  EXPECT_EQ(error(0, dma::local_stride1, -(1 << 23) - 1), bad);
  EXPECT_EQ(error(0, dma::local_address, 65536 - 3 - 400), 0);
  EXPECT_EQ(error(0, dma::local_address, 65536 - 2 - 400), local);
  NpuConfig plain = config;
  plain.dma_transpose = 0;
  FunctionalModel model(plain);
  EXPECT_EQ(RunCommand(&model, plain, Columns(0), &memory).error_code, bad);
}

TEST(TensorCopy, WhatIsRefused) {
  const NpuConfig config = Config();
  FunctionalModel npu(config);
  std::vector<uint8_t> memory(64);
  const auto error = [&](const NpuConfig& whose, const Command& command) {
    FunctionalModel model(whose);
    return RunCommand(&model, whose, command, &memory).error_code;
  };
  for (const Opcode opcode : {Opcode::kLoad, Opcode::kStore}) {
    EXPECT_EQ(error(config, Simple(opcode)), 0);
    for (int d = 1; d < kBoxDimensions; ++d) {
      Command command = Simple(opcode);
      Put(&command, *kBoxStep[d], 8);
      EXPECT_EQ(error(config, command), 0);
      Put(&command, *kBoxStep[d], 9);
      EXPECT_EQ(error(config, command), ErrorCode("BadField"));
    }
  }
  Command swizzle = Simple(Opcode::kLoad);
  Put(&swizzle, dma::swizzle, 3);
  EXPECT_EQ(error(config, swizzle), 0);
  Put(&swizzle, dma::core_memory, 1);
  Put(&swizzle, dma::core_mask, 1);
  EXPECT_EQ(error(config, swizzle), ErrorCode("BadField"));
  Command fill = Simple(Opcode::kLoad);
  Put(&fill, dma::element, 3);
  EXPECT_EQ(error(config, fill), ErrorCode("BadField"));
  // An NPU without the features has neither the fields nor the long form of STORE.
  NpuConfig plain = config;
  plain.dma_strides = plain.dma_store_bounds = plain.dma_wide_fill = 0;
  plain.dma_im2col = plain.dma_swizzle = 0;
  Command step = Simple(Opcode::kLoad);
  Put(&step, dma::step1, 1);
  EXPECT_EQ(error(plain, Simple(Opcode::kLoad)), 0);
  EXPECT_EQ(error(plain, step), ErrorCode("BadField"));
  EXPECT_EQ(error(plain, fill), ErrorCode("BadField"));
  EXPECT_EQ(error(plain, Pixels()), ErrorCode("BadField"));
  Command store = Simple(Opcode::kStore);
  Put(&store, dma::swizzle, 1);
  EXPECT_EQ(error(config, store), 0);
  EXPECT_EQ(error(plain, Simple(Opcode::kStore)), ErrorCode("BadLength"));
}

}  // namespace
}  // namespace npugen::testing

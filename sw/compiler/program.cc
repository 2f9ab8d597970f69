// SPDX-License-Identifier: Apache-2.0
// The program file, written and read byte by byte so that host byte order does not matter.
#include "sw/compiler/program.h"

#include <fmt/format.h>

#include <bit>
#include <cstddef>
#include <limits>

#include "sw/compiler/program_format.h"
#include "sw/driver/npu_program.h"

namespace npugen {
namespace {

static_assert(sizeof(npu_program_header) == 96);
static_assert(sizeof(npu_program_tensor) == 64);
static_assert(sizeof(npu_program_layer) == 64);

class Writer {
 public:
  void U32(uint32_t value) {
    for (int i = 0; i < 4; ++i) bytes_.push_back(static_cast<uint8_t>(value >> 8 * i));
  }
  void U64(uint64_t value) {
    U32(static_cast<uint32_t>(value));
    U32(static_cast<uint32_t>(value >> 32));
  }
  void Shape(const std::vector<int32_t>& shape) {
    U32(static_cast<uint32_t>(shape.size()));
    for (size_t i = 0; i < NPU_PROGRAM_MAX_RANK; ++i) {
      U32(i < shape.size() ? static_cast<uint32_t>(shape[i]) : 0);
    }
  }
  std::vector<uint8_t>& bytes() { return bytes_; }

 private:
  std::vector<uint8_t> bytes_;
};

uint32_t WordAt(std::span<const uint8_t> bytes, size_t offset) {
  uint32_t value = 0;
  for (int i = 0; i < 4; ++i) value |= uint32_t{bytes[offset + i]} << 8 * i;
  return value;
}

/// Reads one word after the other.
class Reader {
 public:
  Reader(std::span<const uint8_t> bytes, size_t offset) : bytes_(bytes), at_(offset) {}
  uint32_t U32() {
    at_ += 4;
    return WordAt(bytes_, at_ - 4);
  }
  uint64_t U64() {
    const uint64_t low = U32();
    return low | uint64_t{U32()} << 32;
  }
  std::vector<int32_t> Shape() {
    std::vector<int32_t> shape(U32());
    for (size_t i = 0; i < NPU_PROGRAM_MAX_RANK; ++i) {
      const int32_t size = static_cast<int32_t>(U32());
      if (i < shape.size()) shape[i] = size;
    }
    return shape;
  }

 private:
  std::span<const uint8_t> bytes_;
  size_t at_;
};

Diagnostic Damaged(const std::string& what) {
  return Diagnostic{DiagnosticCode::kProgramFile, {}, what, "compile the model again"};
}

}  // namespace

std::vector<uint8_t> WriteProgram(const Program& program) {
  std::string names;
  const auto name_offset = [&names](const std::string& name) {
    const uint32_t offset = static_cast<uint32_t>(names.size());
    names += name;
    names.push_back('\0');
    return offset;
  };
  Writer tensors, layers;
  for (const auto* list : {&program.inputs, &program.outputs, &program.kept}) {
    for (const ProgramTensor& tensor : *list) {
      tensors.U32(static_cast<uint32_t>(tensor.tensor));
      tensors.U32(static_cast<uint32_t>(tensor.window));
      tensors.U32(tensor.offset);
      tensors.U32(tensor.bytes);
      tensors.U32(name_offset(tensor.name));
      tensors.U32(std::bit_cast<uint32_t>(tensor.scale));
      tensors.U32(static_cast<uint32_t>(tensor.zero_point));
      tensors.Shape(tensor.shape);
    }
  }
  for (const ProgramLayer& layer : program.layers) {
    layers.U32(layer.tag);
    layers.U32(layer.operator_index);
    layers.U32(name_offset(layer.name));
    layers.U32(static_cast<uint32_t>(layer.output_tensor));
    layers.U64(layer.macs);
    layers.Shape(layer.output_shape);
    layers.U32(layer.binary ? 1 : 0);
  }
  const uint32_t tensors_offset = sizeof(npu_program_header);
  const uint32_t layers_offset = tensors_offset + static_cast<uint32_t>(tensors.bytes().size());
  const uint32_t names_offset = layers_offset + static_cast<uint32_t>(layers.bytes().size());
  const uint32_t image_offset =
      (names_offset + static_cast<uint32_t>(names.size()) + NPU_PROGRAM_ALIGNMENT - 1) /
      NPU_PROGRAM_ALIGNMENT * NPU_PROGRAM_ALIGNMENT;
  const uint32_t image_bytes = static_cast<uint32_t>(program.image.size());
  Writer file;
  file.U32(NPU_PROGRAM_MAGIC);
  file.U32(NPU_PROGRAM_VERSION);
  file.U64(program.config_hash);
  file.U64(program.cache_token);
  for (uint32_t value :
       {image_offset + image_bytes, image_offset, image_bytes, program.cold_offset,
        program.warm_offset, program.scratch_bytes, program.input_bytes, program.output_bytes,
        static_cast<uint32_t>(program.inputs.size()), static_cast<uint32_t>(program.outputs.size()),
        static_cast<uint32_t>(program.kept.size()), tensors_offset,
        static_cast<uint32_t>(program.layers.size()), layers_offset, names_offset,
        static_cast<uint32_t>(names.size()), kCommandSetVersion, 0u}) {
    file.U32(value);
  }
  std::vector<uint8_t> bytes = std::move(file.bytes());
  bytes.insert(bytes.end(), tensors.bytes().begin(), tensors.bytes().end());
  bytes.insert(bytes.end(), layers.bytes().begin(), layers.bytes().end());
  bytes.insert(bytes.end(), names.begin(), names.end());
  bytes.resize(image_offset, 0);
  bytes.insert(bytes.end(), program.image.begin(), program.image.end());
  return bytes;
}

Result<Program> ReadProgram(std::span<const uint8_t> bytes) {
  const npu_program_fault fault =
      bytes.size() > std::numeric_limits<uint32_t>::max()
          ? NPU_PROGRAM_OTHER_LENGTH
          : npu_program_inspect(bytes.data(), static_cast<uint32_t>(bytes.size()));
  if (fault == NPU_PROGRAM_OTHER_VERSION) {
    return Damaged(fmt::format("the program file has version {}; this npugen reads version {}",
                               WordAt(bytes, offsetof(npu_program_header, version)),
                               NPU_PROGRAM_VERSION));
  }
  if (fault == NPU_PROGRAM_OTHER_COMMAND_SET) {
    return Damaged(fmt::format("the program uses version {} of the command set, not {}",
                               WordAt(bytes, offsetof(npu_program_header, command_set)),
                               kCommandSetVersion));
  }
  if (fault != NPU_PROGRAM_VALID) return Damaged(npu_program_fault_text(fault));
  // All offsets lie inside and all names end: what follows only copies.
  Reader header(bytes, offsetof(npu_program_header, config_hash));
  Program program;
  program.config_hash = header.U64();
  program.cache_token = header.U64();
  header.U32();  // file_bytes
  const uint32_t image_offset = header.U32();
  const uint32_t image_bytes = header.U32();
  program.cold_offset = header.U32();
  program.warm_offset = header.U32();
  program.scratch_bytes = header.U32();
  program.input_bytes = header.U32();
  program.output_bytes = header.U32();
  const uint32_t input_count = header.U32();
  const uint32_t output_count = header.U32();
  const uint32_t kept_count = header.U32();
  const uint32_t tensors_offset = header.U32();
  const uint32_t layer_count = header.U32();
  const uint32_t layers_offset = header.U32();
  const uint32_t names_offset = header.U32();
  const auto name_at = [&](uint32_t offset) {
    return std::string(reinterpret_cast<const char*>(bytes.data()) + names_offset + offset);
  };
  Reader tensors(bytes, tensors_offset);
  for (uint32_t i = 0; i < input_count + output_count + kept_count; ++i) {
    ProgramTensor tensor;
    tensor.tensor = static_cast<int32_t>(tensors.U32());
    tensor.window = static_cast<Window>(tensors.U32());
    tensor.offset = tensors.U32();
    tensor.bytes = tensors.U32();
    tensor.name = name_at(tensors.U32());
    tensor.scale = std::bit_cast<float>(tensors.U32());
    tensor.zero_point = static_cast<int32_t>(tensors.U32());
    tensor.shape = tensors.Shape();
    (i < input_count                  ? program.inputs
     : i < input_count + output_count ? program.outputs
                                      : program.kept)
        .push_back(std::move(tensor));
  }
  Reader layers(bytes, layers_offset);
  for (uint32_t i = 0; i < layer_count; ++i) {
    ProgramLayer layer;
    layer.tag = layers.U32();
    layer.operator_index = layers.U32();
    layer.name = name_at(layers.U32());
    layer.output_tensor = static_cast<int32_t>(layers.U32());
    layer.macs = layers.U64();
    layer.output_shape = layers.Shape();
    layer.binary = layers.U32() == 1;
    program.layers.push_back(std::move(layer));
  }
  program.image.assign(bytes.begin() + image_offset, bytes.begin() + image_offset + image_bytes);
  return program;
}

}  // namespace npugen

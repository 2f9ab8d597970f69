// The program file, written and read byte by byte so that host byte order does not matter.
#include "sw/compiler/program.h"

#include <fmt/format.h>

#include <bit>
#include <cstddef>
#include <limits>

#include "sw/compiler/program_format.h"

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

/// Reads within a span; leaves it for good at the first access outside.
class Reader {
 public:
  Reader(std::span<const uint8_t> bytes, size_t offset) : bytes_(bytes), at_(offset) {}
  uint32_t U32() {
    if (at_ + 4 > bytes_.size()) {
      ok_ = false;
      return 0;
    }
    uint32_t value = 0;
    for (int i = 0; i < 4; ++i) value |= uint32_t{bytes_[at_ + i]} << 8 * i;
    at_ += 4;
    return value;
  }
  uint64_t U64() {
    const uint64_t low = U32();
    return low | uint64_t{U32()} << 32;
  }
  std::vector<int32_t> Shape() {
    const uint32_t rank = U32();
    std::vector<int32_t> shape;
    for (uint32_t i = 0; i < NPU_PROGRAM_MAX_RANK; ++i) {
      const uint32_t size = U32();
      if (i < rank) {
        shape.push_back(static_cast<int32_t>(size));
      } else if (size != 0) {
        ok_ = false;
      }
    }
    if (rank > NPU_PROGRAM_MAX_RANK) ok_ = false;
    return shape;
  }
  bool ok() const { return ok_; }

 private:
  std::span<const uint8_t> bytes_;
  size_t at_;
  bool ok_ = true;
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
  Reader header(bytes, 0);
  if (header.U32() != NPU_PROGRAM_MAGIC) return Damaged("the file is not an npugen program");
  const uint32_t version = header.U32();
  if (header.ok() && version != NPU_PROGRAM_VERSION) {
    return Damaged(fmt::format("the program file has version {}; this npugen reads version {}",
                               version, NPU_PROGRAM_VERSION));
  }
  Program program;
  program.config_hash = header.U64();
  program.cache_token = header.U64();
  const uint32_t file_bytes = header.U32();
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
  const uint32_t names_bytes = header.U32();
  const uint32_t command_set = header.U32();
  const uint32_t reserved = header.U32();
  if (!header.ok() || file_bytes != bytes.size()) return Damaged("the program file is truncated");
  if (command_set != kCommandSetVersion) {
    return Damaged(fmt::format("the program uses version {} of the command set, not {}",
                               command_set, kCommandSetVersion));
  }
  const auto inside = [&](uint64_t offset, uint64_t size) { return offset + size <= bytes.size(); };
  const uint64_t tensor_count = uint64_t{input_count} + output_count + kept_count;
  if (reserved != 0 || image_offset % NPU_PROGRAM_ALIGNMENT != 0 ||
      !inside(image_offset, image_bytes) || !inside(names_offset, names_bytes) ||
      !inside(tensors_offset, tensor_count * sizeof(npu_program_tensor)) ||
      !inside(layers_offset, uint64_t{layer_count} * sizeof(npu_program_layer))) {
    return Damaged("a table of the program file lies outside of it");
  }
  constexpr uint32_t kHeaderBytes = kStreamHeaderEntries * kEntryBytes;
  for (uint32_t stream : {program.cold_offset, program.warm_offset}) {
    if (stream % kEntryBytes != 0 || uint64_t{stream} + kHeaderBytes > image_bytes) {
      return Damaged("a command stream lies outside of the program's image");
    }
  }
  const std::span<const uint8_t> names = bytes.subspan(names_offset, names_bytes);
  bool ok = true;
  const auto name_at = [&](uint32_t offset) {
    std::string name;
    while (offset < names.size() && names[offset] != 0)
      name.push_back(static_cast<char>(names[offset++]));
    if (offset >= names.size()) ok = false;
    return name;
  };
  const auto dimensions_ok = [](const std::vector<int32_t>& shape) {
    for (int32_t size : shape) {
      if (size < 0) return false;
    }
    return true;
  };
  for (uint64_t i = 0; i < tensor_count && ok; ++i) {
    Reader row(bytes, tensors_offset + i * sizeof(npu_program_tensor));
    ProgramTensor tensor;
    tensor.tensor = static_cast<int32_t>(row.U32());
    const uint32_t window = row.U32();
    tensor.offset = row.U32();
    tensor.bytes = row.U32();
    tensor.name = name_at(row.U32());
    tensor.scale = std::bit_cast<float>(row.U32());
    tensor.zero_point = static_cast<int32_t>(row.U32());
    tensor.shape = row.Shape();
    const bool is_input = i < input_count;
    const bool is_output = !is_input && i < uint64_t{input_count} + output_count;
    tensor.window = is_input ? Window::kInput : is_output ? Window::kOutput : Window::kScratch;
    const uint32_t size = is_input    ? program.input_bytes
                          : is_output ? program.output_bytes
                                      : program.scratch_bytes;
    ok = ok && row.ok() && tensor.tensor >= 0 && window == static_cast<uint32_t>(tensor.window) &&
         uint64_t{tensor.offset} + tensor.bytes <= size && dimensions_ok(tensor.shape);
    (is_input    ? program.inputs
     : is_output ? program.outputs
                 : program.kept)
        .push_back(std::move(tensor));
  }
  for (uint64_t i = 0; i < layer_count && ok; ++i) {
    Reader row(bytes, layers_offset + i * sizeof(npu_program_layer));
    ProgramLayer layer;
    layer.tag = row.U32();
    layer.operator_index = row.U32();
    layer.name = name_at(row.U32());
    layer.output_tensor = static_cast<int32_t>(row.U32());
    layer.macs = row.U64();
    layer.output_shape = row.Shape();
    const uint32_t binary = row.U32();
    layer.binary = binary == 1;
    ok = ok && binary <= 1 && row.ok() && dimensions_ok(layer.output_shape);
    program.layers.push_back(std::move(layer));
  }
  if (!ok) return Damaged("a table of the program file is inconsistent");
  program.image.assign(bytes.begin() + image_offset, bytes.begin() + image_offset + image_bytes);
  return program;
}

}  // namespace npugen

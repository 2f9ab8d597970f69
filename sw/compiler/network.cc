// SPDX-License-Identifier: Apache-2.0
// The network file, written and read; sums over programs.
#include "sw/compiler/network.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>

#include "sw/driver/npu_host_kernels.h"
#include "sw/driver/npu_network.h"

namespace npugen {
namespace {

static_assert(std::endian::native == std::endian::little, "rows are written as they stand");
static_assert(sizeof(npu_network_header) == 104);
static_assert(sizeof(npu_network_tensor) == 64);
static_assert(sizeof(npu_network_step) == 40);
static_assert(sizeof(npu_network_program) == 16);
static_assert(sizeof(npu_network_state) == 8);

constexpr std::pair<TensorType, npu_element_type> kTypes[] = {
    {TensorType::kInt8, NPU_ELEMENT_INT8},   {TensorType::kUint8, NPU_ELEMENT_UINT8},
    {TensorType::kInt16, NPU_ELEMENT_INT16}, {TensorType::kInt32, NPU_ELEMENT_INT32},
    {TensorType::kInt64, NPU_ELEMENT_INT64}, {TensorType::kFloat32, NPU_ELEMENT_FLOAT32},
    {TensorType::kBits, NPU_ELEMENT_BITS},
};

uint32_t ElementCode(TensorType type) {
  for (const auto& [ours, code] : kTypes) {
    if (ours == type) return code;
  }
  return 0;
}

template <typename Row>
void AppendRow(std::string* bytes, const Row& row) {
  bytes->append(reinterpret_cast<const char*>(&row), sizeof row);
}

/// Row `i` of a table of a checked file.
template <typename Row>
Row RowAt(std::span<const uint8_t> bytes, uint32_t table, uint32_t i) {
  Row row;
  std::memcpy(&row, bytes.data() + table + i * sizeof(Row), sizeof row);
  return row;
}

Diagnostic Damaged(npu_network_fault fault) {
  return {
      DiagnosticCode::kProgramFile, {}, npu_network_fault_text(fault), "compile the model again"};
}

}  // namespace

uint32_t Network::scratch_bytes() const {
  uint32_t most = 0;
  for (const NetworkProgram& p : programs) most = std::max(most, p.program.scratch_bytes);
  return most;
}

uint64_t Network::cache_token() const {
  // Without a shared token a program would not find its parameters after the others have run.
  if (programs.empty()) return 0;
  const uint64_t token = programs[0].program.cache_token;
  for (const NetworkProgram& p : programs) {
    if (p.program.cache_token != token) return 0;
  }
  return token;
}

uint64_t Network::macs() const {
  uint64_t sum = 0;
  for (const NetworkProgram& p : programs) {
    for (const ProgramLayer& layer : p.program.layers) sum += layer.macs;
  }
  return sum;
}

uint64_t HostMacs(const NetworkStep& step) {
  const auto options = [&step](auto* options) {
    if (step.options.size() * sizeof(uint32_t) != sizeof *options) return false;
    std::memcpy(options, step.options.data(), sizeof *options);
    return true;
  };
  const auto product = [](std::initializer_list<int32_t> sizes) {
    uint64_t macs = 1;
    for (const int32_t size : sizes) macs *= static_cast<uint64_t>(size);
    return macs;
  };
  if (npu_convolution_options o; step.kind == NPU_HOST_CONVOLUTION && options(&o)) {
    const bool transposed = o.form == NPU_CONVOLUTION_TRANSPOSED;
    return product({o.batches, transposed ? o.in_h : o.out_h, transposed ? o.in_w : o.out_w,
                    o.out_c, o.filter_h, o.filter_w, o.filter_c});
  }
  if (npu_matmul_options o; step.kind == NPU_HOST_MATMUL && options(&o)) {
    uint64_t macs = product({o.rows, o.columns, o.depth});
    for (const int32_t size : o.size) macs *= static_cast<uint64_t>(size);
    return macs;
  }
  if (npu_svdf_options o; step.kind == NPU_HOST_SVDF && options(&o)) {
    return product({o.batches, o.filters}) * static_cast<uint64_t>(o.inputs + o.memory);
  }
  if (npu_lstm_options o; step.kind == NPU_HOST_LSTM && options(&o)) {
    return 4 * product({o.batches, o.steps, o.units}) * static_cast<uint64_t>(o.inputs + o.units);
  }
  return 0;
}

namespace {

/// Tables of a network's file that grow while rows are written.
struct NetworkTables {
  std::string names;  ///< each ends with a zero byte; the first one is empty
  std::vector<uint32_t> words;

  NetworkTables() { NameOffset(""); }
  uint32_t NameOffset(const std::string& name) {
    const uint32_t offset = static_cast<uint32_t>(names.size());
    names += name;
    names.push_back('\0');
    return offset;
  }
  /// Returns where the words begin, in words.
  uint32_t Append(std::span<const uint32_t> added) {
    const uint32_t offset = static_cast<uint32_t>(words.size());
    words.insert(words.end(), added.begin(), added.end());
    return offset;
  }
};

npu_network_tensor TensorRow(const NetworkTensor& tensor, NetworkTables* tables) {
  npu_network_tensor row = {};
  row.tensor = static_cast<uint32_t>(tensor.tensor);
  row.name = tables->NameOffset(tensor.name);
  row.type = static_cast<uint16_t>(ElementCode(tensor.type));
  row.place = tensor.is_constant ? NPU_TENSOR_CONSTANT : NPU_TENSOR_ARENA;
  row.scale = std::bit_cast<uint32_t>(tensor.scale);
  row.zero_point = tensor.zero_point;
  row.offset = tensor.offset;
  row.bytes = tensor.bytes;
  row.rank = static_cast<uint32_t>(tensor.shape.size());
  for (size_t i = 0; i < tensor.shape.size(); ++i) {
    row.shape[i] = static_cast<uint32_t>(tensor.shape[i]);
  }
  return row;
}

npu_network_step StepRow(const NetworkStep& step, NetworkTables* tables) {
  npu_network_step row = {};
  row.place = step.on_host ? NPU_STEP_HOST : NPU_STEP_PROGRAM;
  row.kind = step.on_host ? static_cast<uint32_t>(step.kind) : step.program;
  row.operator_index = step.operator_index;
  row.name = tables->NameOffset(step.name);
  row.input_count = static_cast<uint32_t>(step.inputs.size());
  row.output_count = static_cast<uint32_t>(step.outputs.size());
  if (step.on_host) {
    row.operands = tables->Append(step.inputs);
    tables->Append(step.outputs);
    row.option_count = static_cast<uint32_t>(step.options.size());
    row.options = tables->Append(step.options);
  }
  return row;
}

}  // namespace

std::vector<uint8_t> WriteNetwork(const Network& network) {
  NetworkTables rows;
  std::string tables;
  npu_network_header header = {};
  header.magic = NPU_NETWORK_MAGIC;
  header.version = NPU_NETWORK_VERSION;
  header.config_hash = network.config_hash;
  header.arena_bytes = network.arena_bytes;
  header.scratch_bytes = network.scratch_bytes();
  header.work_bytes = network.work_bytes;
  header.work_offset = network.work_offset;
  header.input_count = network.input_count;
  header.output_count = network.output_count;
  header.tensor_count = static_cast<uint32_t>(network.tensors.size());
  header.tensors_offset = sizeof header;
  for (const NetworkTensor& tensor : network.tensors) AppendRow(&tables, TensorRow(tensor, &rows));
  header.step_count = static_cast<uint32_t>(network.steps.size());
  header.steps_offset = header.tensors_offset + static_cast<uint32_t>(tables.size());
  for (const NetworkStep& step : network.steps) AppendRow(&tables, StepRow(step, &rows));
  header.program_count = static_cast<uint32_t>(network.programs.size());
  header.programs_offset = header.tensors_offset + static_cast<uint32_t>(tables.size());
  // Behind the rows of programs, which follow when it is known where programs stand.
  std::string tail;
  const uint32_t tail_offset =
      header.programs_offset + header.program_count * uint32_t{sizeof(npu_network_program)};
  const auto begin_part = [&](uint32_t alignment) {
    tail.resize((tail_offset + tail.size() + alignment - 1) / alignment * alignment - tail_offset);
    return tail_offset + static_cast<uint32_t>(tail.size());
  };
  header.state_count = static_cast<uint32_t>(network.states.size());
  header.states_offset = begin_part(8);
  for (const NetworkState& state : network.states) {
    AppendRow(&tail, npu_network_state{state.tensor, state.initial});
  }
  header.word_count = static_cast<uint32_t>(rows.words.size());
  header.words_offset = begin_part(8);
  for (const uint32_t word : rows.words) AppendRow(&tail, word);
  header.names_offset = begin_part(1);
  header.names_bytes = static_cast<uint32_t>(rows.names.size());
  tail += rows.names;
  header.constants_offset = begin_part(NPU_NETWORK_CONSTANT_ALIGNMENT);
  header.constants_bytes = static_cast<uint32_t>(network.constants.size());
  tail.append(network.constants.begin(), network.constants.end());

  std::vector<uint8_t> programs;  // from `first` on
  const auto page = [](size_t size) {
    return (size + NPU_NETWORK_PAGE - 1) / NPU_NETWORK_PAGE * NPU_NETWORK_PAGE;
  };
  const size_t first = page(tail_offset + tail.size());
  for (const NetworkProgram& p : network.programs) {
    const std::vector<uint8_t> bytes = WriteProgram(p.program);
    programs.resize(page(programs.size()), 0);
    npu_network_program row = {};
    row.offset = static_cast<uint32_t>(first + programs.size());
    row.bytes = static_cast<uint32_t>(bytes.size());
    row.input_offset = p.input_offset;
    row.output_offset = p.output_offset;
    AppendRow(&tables, row);
    programs.insert(programs.end(), bytes.begin(), bytes.end());
  }
  header.file_bytes =
      static_cast<uint32_t>(programs.empty() ? tail_offset + tail.size() : first + programs.size());

  std::string front;
  AppendRow(&front, header);
  front += tables + tail;
  std::vector<uint8_t> file(front.begin(), front.end());
  if (programs.empty()) return file;
  file.resize(first, 0);
  file.insert(file.end(), programs.begin(), programs.end());
  return file;
}

Result<Network> ReadNetwork(std::span<const uint8_t> bytes) {
  if (bytes.size() > std::numeric_limits<uint32_t>::max()) return Damaged(NPU_NETWORK_OTHER_LENGTH);
  // The check asks for aligned bytes.
  std::vector<uint64_t> aligned(bytes.size() / 8 + 1, 0);
  if (!bytes.empty()) std::memcpy(aligned.data(), bytes.data(), bytes.size());
  const npu_network_fault fault =
      npu_network_inspect(aligned.data(), static_cast<uint32_t>(bytes.size()));
  if (fault != NPU_NETWORK_VALID) return Damaged(fault);
  const auto header = RowAt<npu_network_header>(bytes, 0, 0);
  const auto name_at = [&](uint32_t offset) {
    return std::string(reinterpret_cast<const char*>(bytes.data()) + header.names_offset + offset);
  };
  Network network;
  network.config_hash = header.config_hash;
  network.arena_bytes = header.arena_bytes;
  network.work_bytes = header.work_bytes;
  network.work_offset = header.work_offset;
  network.input_count = header.input_count;
  network.output_count = header.output_count;
  for (uint32_t i = 0; i < header.tensor_count; ++i) {
    const auto row = RowAt<npu_network_tensor>(bytes, header.tensors_offset, i);
    NetworkTensor tensor;
    tensor.tensor = static_cast<int32_t>(row.tensor);
    tensor.name = name_at(row.name);
    for (const auto& [type, code] : kTypes) {
      if (code == row.type) tensor.type = type;
    }
    tensor.scale = std::bit_cast<float>(row.scale);
    tensor.zero_point = row.zero_point;
    tensor.shape.assign(row.shape, row.shape + row.rank);
    tensor.offset = row.offset;
    tensor.bytes = row.bytes;
    tensor.is_constant = row.place == NPU_TENSOR_CONSTANT;
    network.tensors.push_back(std::move(tensor));
  }
  for (uint32_t i = 0; i < header.step_count; ++i) {
    const auto row = RowAt<npu_network_step>(bytes, header.steps_offset, i);
    NetworkStep step;
    step.on_host = row.place == NPU_STEP_HOST;
    (step.on_host ? step.operator_index : step.program) =
        step.on_host ? row.operator_index : row.kind;
    if (step.on_host) step.kind = static_cast<npu_host_kind>(row.kind);
    step.name = name_at(row.name);
    const auto words = [&](uint32_t from, uint32_t count) {
      std::vector<uint32_t> values(count);
      for (uint32_t j = 0; j < count; ++j) {
        values[j] = RowAt<uint32_t>(bytes, header.words_offset, from + j);
      }
      return values;
    };
    step.inputs = words(row.operands, row.input_count);
    step.outputs = words(row.operands + row.input_count, row.output_count);
    step.options = words(row.options, row.option_count);
    network.steps.push_back(std::move(step));
  }
  for (uint32_t i = 0; i < header.program_count; ++i) {
    const auto row = RowAt<npu_network_program>(bytes, header.programs_offset, i);
    Result<Program> program = ReadProgram(bytes.subspan(row.offset, row.bytes));
    if (!program) return program.errors();
    network.programs.push_back({std::move(*program), row.input_offset, row.output_offset});
  }
  for (uint32_t i = 0; i < header.state_count; ++i) {
    const auto row = RowAt<npu_network_state>(bytes, header.states_offset, i);
    network.states.push_back({row.tensor, row.initial});
  }
  const auto constants = bytes.subspan(header.constants_offset, header.constants_bytes);
  network.constants.assign(constants.begin(), constants.end());
  return network;
}

}  // namespace npugen

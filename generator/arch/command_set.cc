// SPDX-License-Identifier: Apache-2.0
// The rows of the command set, and access to fields.
#include "generator/arch/command_set.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "generator/arch/features.h"
#include "generator/support/check.h"

namespace npugen {
namespace {

// Every layout begins with the header's fields.
#define NPUGEN_HEADER_FIELD(name, ...) header::name,
constexpr CommandField kControlFields[] = {
#include "generator/arch/command_set.def"
};
#define NPUGEN_HEADER_FIELD(name, ...) header::name,
#define NPUGEN_DMA_FIELD(name, ...) dma::name,
constexpr CommandField kDmaFields[] = {
#include "generator/arch/command_set.def"
};
#define NPUGEN_HEADER_FIELD(name, ...) header::name,
#define NPUGEN_COMPUTE_FIELD(name, ...) compute::name,
constexpr CommandField kComputeFields[] = {
#include "generator/arch/command_set.def"
};

// The layouts by the names that the table has.
constexpr const CommandLayout* kControl = &kControlLayout;
constexpr const CommandLayout* kDma = &kDmaLayout;
constexpr const CommandLayout* kCompute = &kComputeLayout;

constexpr OpcodeInfo kOpcodes[] = {
#define NPUGEN_FEATURE_OPCODE(name, code, layout, engine, check, least, most, step, feature,      \
                              description)                                                        \
  {Opcode::k##name, #name,      layout, EngineKind::engine, FieldCheck::check, least, most, step, \
   feature,         description},
#define NPUGEN_OPCODE(name, code, layout, engine, check, least, most, step, description)          \
  NPUGEN_FEATURE_OPCODE(name, code, layout, engine, check, least, most, step, std::string_view(), \
                        description)
#include "generator/arch/command_set.def"
};

constexpr OpcodeGroup kOpcodeGroups[] = {
#define NPUGEN_OPCODE_SET(name, set, function, description) {function, opcodes::name, description},
#include "generator/arch/command_set.def"
};

constexpr HardwareError kHardwareErrors[] = {
    {0, "None", "no error"},
    {1, "BadMagic", "the stream does not begin with the magic word"},
    {2, "BadVersion", "the stream is of another command set version"},
    {3, "BadHash", "the stream was compiled for another configuration"},
    {4, "BadOpcode", "unknown opcode"},
    {5, "BadLength", "a command's length does not fit its opcode or the stream"},
    {6, "BadBarrier", "a barrier number is out of range"},
    {7, "Deadlock", "every engine waits for a barrier that nothing can reach any more"},
    {8, "WindowBounds", "an access outside the memory windows, or against their permissions"},
    {9, "AxiRead", "the bus answered a read with an error"},
    {10, "AxiWrite", "the bus answered a write with an error"},
    {11, "LocalBounds", "an access outside PE or core memory"},
    {12, "BadField", "a command field has an illegal value"},
    {13, "WindowRange", "a memory window reaches beyond the addresses of the bus"},
    {14, "BusTimeout", "the bus did not answer in time", kWatchdogKey},
};

constexpr CycleCause kCycleCauses[] = {
    {0, "Idle", "idle", "no command in the compute engine and no transfer under way"},
    {1, "Compute", "compute",
     "the array works on a new activation vector, or a vector unit on its operands"},
    {2, "WeightPort", "weight_port", "waiting for a weight slice from core memory"},
    {3, "ActivationPort", "activation_port",
     "fetching window vectors, or waiting for a bank conflict"},
    {4, "Barrier", "barrier", "the next compute command waits for a barrier"},
    {5, "Drain", "drain", "waiting for post-processing or the output write"},
    {6, "Dma", "dma", "no compute command; a transfer is under way"},
    {7, "Fill", "fill", "start and end of a command: pipeline, parameter and register loading"},
};

constexpr uint32_t kMostWords = 44;

int64_t Extract(const std::vector<uint32_t>& words, const CommandField& field) {
  if (field.word >= words.size()) return 0;
  const uint64_t raw =
      (uint64_t{words[field.word]} >> field.lsb) & ((uint64_t{1} << field.width) - 1);
  if (field.is_signed && (raw >> (field.width - 1)) != 0) {
    return static_cast<int64_t>(raw) - (int64_t{1} << field.width);
  }
  return static_cast<int64_t>(raw);
}

/// Whether commands of an opcode, which may be none, have the field.
bool HasField(uint8_t opcode, const CommandField& field) {
  const OpcodeInfo* info = FindOpcode(opcode);
  return info != nullptr &&
         (field.layout == LayoutId::kControl || field.layout == info->layout->id);
}

}  // namespace

const CommandLayout kControlLayout = {LayoutId::kControl, "control_command", 4, "END and FENCE",
                                      kControlFields};
const CommandLayout kDmaLayout = {LayoutId::kDma, "dma_command", 28, "LOAD and STORE", kDmaFields};
const CommandLayout kComputeLayout = {LayoutId::kCompute, "compute_command", kMostWords,
                                      "commands of the PEs", kComputeFields};

std::span<const CommandLayout* const> AllCommandLayouts() {
  static constexpr const CommandLayout* kAll[] = {&kControlLayout, &kDmaLayout, &kComputeLayout};
  return kAll;
}

std::span<const OpcodeInfo> AllOpcodes() { return kOpcodes; }
std::span<const OpcodeGroup> AllOpcodeGroups() { return kOpcodeGroups; }

const OpcodeInfo* FindOpcode(uint8_t opcode) {
  static constexpr std::array<int8_t, 256> kRowOf = [] {
    std::array<int8_t, 256> rows = {};
    for (int8_t& row : rows) row = -1;
    for (size_t row = 0; row < std::size(kOpcodes); ++row) {
      rows[static_cast<uint8_t>(kOpcodes[row].opcode)] = static_cast<int8_t>(row);
    }
    return rows;
  }();
  return kRowOf[opcode] < 0 ? nullptr : &kOpcodes[kRowOf[opcode]];
}

const OpcodeInfo* FindOpcode(uint8_t opcode, const HardwareFeatures& features) {
  const OpcodeInfo* info = FindOpcode(opcode);
  return info != nullptr && features.Has(info->feature) ? info : nullptr;
}

std::vector<OpcodeInfo> OpcodesOn(const HardwareFeatures& features) {
  std::vector<OpcodeInfo> infos;
  std::copy_if(std::begin(kOpcodes), std::end(kOpcodes), std::back_inserter(infos),
               [&](const OpcodeInfo& info) { return features.Has(info.feature); });
  return infos;
}

const OpcodeInfo& InfoOf(Opcode opcode) {
  const OpcodeInfo* info = FindOpcode(static_cast<uint8_t>(opcode));
  Check(info != nullptr, "no such opcode");
  return *info;
}

uint32_t UsedBits(Opcode opcode, uint32_t word, const HardwareFeatures& features) {
  const OpcodeInfo* info = FindOpcode(static_cast<uint8_t>(opcode));
  if (info == nullptr || word >= kMostWords) return 0;
  // [feature][opcode's row][word]; the first feature is that of fields that all NPUs have.
  struct Table {
    std::vector<std::string_view> features = {{}};
    std::vector<std::array<std::array<uint32_t, kMostWords>, std::size(kOpcodes)>> bits{1};
    void Add(size_t row, const CommandField& field, std::string_view feature) {
      const size_t number = std::find(features.begin(), features.end(), feature) - features.begin();
      if (number == features.size()) {
        features.push_back(feature);
        bits.emplace_back();
      }
      const uint64_t ones = ((uint64_t{1} << field.width) - 1) << field.lsb;
      bits[number][row][field.word] |= static_cast<uint32_t>(ones);
    }
  };
  static const Table kTable = [] {
    Table table;
    for (size_t row = 0; row < std::size(kOpcodes); ++row) {
      for (const CommandField& field : kOpcodes[row].layout->fields) {
        if (!In(kOpcodes[row].opcode, field.users)) continue;
        const bool featured = In(kOpcodes[row].opcode, field.featured);
        table.Add(row, field, featured ? field.feature : std::string_view());
      }
    }
    return table;
  }();
  uint32_t bits = 0;
  for (size_t feature = 0; feature < kTable.features.size(); ++feature) {
    if (!features.Has(kTable.features[feature])) continue;
    bits |= kTable.bits[feature][static_cast<size_t>(info - kOpcodes)][word];
  }
  return bits;
}

uint32_t MostEntries(const OpcodeInfo& info, const HardwareFeatures& features) {
  return info.opcode == Opcode::kStore && !features.store_bounds
             ? uint32_t{info.most_entries} - info.entry_step
             : info.most_entries;
}

uint32_t MostWords(const CommandLayout& layout, const HardwareFeatures& features) {
  if (layout.id != LayoutId::kCompute) return layout.words;
  uint32_t words = 0;
  for (const OpcodeInfo& info : kOpcodes) {
    if (info.layout != &layout || !features.Has(info.feature)) continue;
    words = std::max(words, info.most_entries * kWordsPerEntry);
  }
  return words;
}

std::span<const HardwareError> AllHardwareErrors() { return kHardwareErrors; }
std::span<const CycleCause> AllCycleCauses() { return kCycleCauses; }

Command::Command(Opcode opcode, uint32_t entries, uint32_t tag)
    : words_(entries * kWordsPerEntry, 0) {
  Check(entries > 0, "a command has no entries");
  words_[0] = static_cast<uint32_t>(opcode) | entries << 8 | (tag & 0xffff) << 16;
}

Command::Command(std::vector<uint32_t> words) : words_(std::move(words)) {
  Check(!words_.empty(), "a command has no header");
}

bool Command::Set(const CommandField& field, int64_t value) {
  if (!HasField(words_[0] & 0xff, field) || field.word >= words_.size()) return false;
  const int64_t low = field.is_signed ? -(int64_t{1} << (field.width - 1)) : 0;
  const int64_t high =
      field.is_signed ? (int64_t{1} << (field.width - 1)) - 1 : (int64_t{1} << field.width) - 1;
  if (value < low || value > high) return false;
  const uint32_t mask =
      field.width == 32 ? 0xffffffffu : ((uint32_t{1} << field.width) - 1) << field.lsb;
  uint32_t& word = words_[field.word];
  word = (word & ~mask) | ((static_cast<uint32_t>(value) << field.lsb) & mask);
  return true;
}

int64_t Command::Get(const CommandField& field) const {
  if (!HasField(words_[0] & 0xff, field)) {
    InternalError(fmt::format("command {} has no field `{}`", words_[0] & 0xff, field.name));
  }
  return Extract(words_, field);
}

uint32_t Command::pe_mask() const {
  const OpcodeInfo* info = FindOpcode(words_[0] & 0xff);
  if (info == nullptr || info->layout->id == LayoutId::kControl) return 0;
  return static_cast<uint32_t>(
      Get(info->layout->id == LayoutId::kDma ? dma::pe_mask : compute::pe_mask));
}

const CommandField* FindField(Opcode opcode, std::string_view name) {
  for (const CommandField& field : InfoOf(opcode).layout->fields) {
    if (field.name == name) return &field;
  }
  return nullptr;
}

int64_t BoxRuns(const Command& command) {
  constexpr int64_t kMost = int64_t{1} << 40;  // of dimensions up to 2^16
  int64_t runs = 1;
  for (int d = 1; d < kBoxDimensions; ++d) {
    runs = std::min(runs * std::max<int64_t>(command.Get(*kBoxSize[d]), 1), kMost);
  }
  return runs;
}

int64_t BoxBytes(const Command& command) {
  constexpr int64_t kMost = int64_t{1} << 62;
  const int64_t run = command.Get(dma::size0), runs = BoxRuns(command);
  return run > kMost / runs ? kMost : run * runs;
}

std::vector<int> EnginesOf(const Command& command, uint32_t pes) {
  const EngineKind engine = InfoOf(command.opcode()).engine;
  if (engine == EngineKind::kController) return {};
  if (engine != EngineKind::kPe) return {QueueOf(engine)};
  std::vector<int> engines;
  for (uint32_t pe = 0; pe < pes; ++pe) {
    if (command.pe_mask() >> pe & 1) engines.push_back(kFirstPeEngine + static_cast<int>(pe));
  }
  return engines;
}

HeaderFields::HeaderFields(const Command& command) {
#define NPUGEN_HEADER_FIELD(name, ...) name = Extract(command.words(), header::name);
#include "generator/arch/command_set.def"
}

DmaFields::DmaFields(const Command& command) {
#define NPUGEN_DMA_FIELD(name, ...) name = Extract(command.words(), dma::name);
#include "generator/arch/command_set.def"
}

ComputeFields::ComputeFields(const Command& command) {
#define NPUGEN_COMPUTE_FIELD(name, ...) name = Extract(command.words(), compute::name);
#include "generator/arch/command_set.def"
}

}  // namespace npugen

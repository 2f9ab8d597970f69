// SPDX-License-Identifier: Apache-2.0
// The command set: opcodes, fields and errors as values, from the one table command_set.def.
//
// A command is a sequence of 16-byte entries (four little-endian 32-bit words each). Word 0 of
// every command is the header; words 1..3 say which barriers it waits for and which one it arrives
// at. docs/machine.md explains what the engines do with the fields.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "generator/arch/engines.h"
#include "generator/arch/features.h"
#include "generator/arch/formats.h"

namespace npugen {

/// Version of the command stream and of the register interface; the hardware refuses others.
inline constexpr uint32_t kCommandSetVersion = 4;
/// First word of a command stream: the bytes "NPUC".
inline constexpr uint32_t kStreamMagic = 0x4355504E;
/// Entries (of 16 bytes) in the header that precedes the first command of a stream.
inline constexpr uint32_t kStreamHeaderEntries = 2;
inline constexpr uint32_t kEntryBytes = 16;
inline constexpr uint32_t kWordsPerEntry = 4;
/// Barriers are monotonic counters of kBarrierCountBits bits, cleared by the doorbell. Commands can
/// name this many; NpuConfig::barriers() exist.
inline constexpr uint32_t kBarrierIdBits = 6;
inline constexpr uint32_t kMostBarriers = 1u << kBarrierIdBits;
inline constexpr uint32_t kBarrierCountBits = 24;
/// Number of address windows of the host interface.
inline constexpr uint32_t kWindowCount = 4;

/// First byte of each command (rows of command_set.def).
enum class Opcode : uint8_t {
#define NPUGEN_OPCODE(name, code, ...) k##name = (code),
#include "generator/arch/command_set.def"
};

/// The window numbers have fixed meanings.
enum class Window : uint8_t { kProgram = 0, kScratch = 1, kInput = 2, kOutput = 3 };

/// A set of opcodes, one bit each.
using OpcodeSet = uint64_t;
constexpr OpcodeSet Only(Opcode opcode) {
  return OpcodeSet{1} << (static_cast<unsigned>(opcode) & 0x3f);
}
constexpr bool In(Opcode opcode, OpcodeSet set) { return (Only(opcode) & set) != 0; }

/// Sets of one opcode, and those of the table.
namespace opcodes {
#define NPUGEN_OPCODE(name, ...) inline constexpr OpcodeSet k##name = Only(Opcode::k##name);
#include "generator/arch/command_set.def"
#define NPUGEN_OPCODE_SET(name, set, ...) inline constexpr OpcodeSet name = set;
#include "generator/arch/command_set.def"
}  // namespace opcodes

/// Families of commands that share their fields; those of kControl are in all commands.
enum class LayoutId : uint8_t { kControl, kDma, kCompute };

/// A field of a command: `width` bits from bit `lsb` of 32-bit word `word`.
struct CommandField {
  LayoutId layout;
  std::string_view name;
  uint8_t word;
  uint8_t lsb;
  uint8_t width;
  bool is_signed;
  OpcodeSet users;           ///< opcodes with the field; in commands of all others it must be 0
  OpcodeSet not_zero;        ///< opcodes that refuse 0
  std::string_view feature;  ///< spec key without which it must be 0; empty: none
  std::string_view description;
  OpcodeSet featured = ~OpcodeSet{0};  ///< users of which `feature` is asked

  /// Opcodes with the field on an NPU with `features`.
  OpcodeSet UsersOn(const HardwareFeatures& features) const {
    return features.Has(feature) ? users : users & ~featured;
  }
};

/// The fields by name: header::wait0_id, dma::size0, compute::out_base.
namespace fields {
using namespace opcodes;  // NOLINT: the rows' sets
inline constexpr bool kSigned = true, kUnsigned = false;
inline constexpr std::string_view kAlways = {};
namespace header {
#define NPUGEN_HEADER_FIELD(name, word, lsb, width, sign, users, not_zero, description) \
  inline constexpr CommandField name = {                                                \
      LayoutId::kControl, #name, word, lsb, width, sign, users, not_zero, {}, description};
#include "generator/arch/command_set.def"
}  // namespace header
namespace dma {
#define NPUGEN_DMA_FIELD(name, word, lsb, width, sign, users, not_zero, description) \
  inline constexpr CommandField name = {LayoutId::kDma, #name, word,     lsb, width, \
                                        sign,           users, not_zero, {},  description};
#define NPUGEN_DMA_FEATURE_FIELD(name, word, lsb, width, sign, users, not_zero, featured, feature, \
                                 description)                                                      \
  inline constexpr CommandField name = {LayoutId::kDma, #name,       word,    lsb,                 \
                                        width,          sign,        users,   not_zero,            \
                                        feature,        description, featured};
#include "generator/arch/command_set.def"
}  // namespace dma
namespace compute {
#define NPUGEN_COMPUTE_FIELD(name, word, lsb, width, sign, users, not_zero, feature, description) \
  inline constexpr CommandField name = {                                                          \
      LayoutId::kCompute, #name, word, lsb, width, sign, users, not_zero, feature, description};
#define NPUGEN_SHARED_FIELD(name, word, lsb, width, sign, users, not_zero, more_users, feature, \
                            description)                                                        \
  inline constexpr CommandField name = {                                                        \
      LayoutId::kCompute,     #name,    word,    lsb,         width,     sign,                  \
      (users) | (more_users), not_zero, feature, description, more_users};
#include "generator/arch/command_set.def"
}  // namespace compute
}  // namespace fields
namespace header = fields::header;
namespace dma = fields::dma;
namespace compute = fields::compute;

/// The two waits of a command.
struct WaitFields {
  const CommandField& id;
  const CommandField& enable;
  const CommandField& count;
};
inline constexpr WaitFields kWaits[2] = {{header::wait0_id, header::wait0_en, header::wait0_count},
                                         {header::wait1_id, header::wait1_en, header::wait1_count}};

/// The dimensions of a box; strides are those of dimension 1 and up.
inline constexpr int kBoxDimensions = 5;
inline constexpr const CommandField* kBoxSize[] = {&dma::size0, &dma::size1, &dma::size2,
                                                   &dma::size3, &dma::size4};
inline constexpr const CommandField* kBoxStart[] = {&dma::start0, &dma::start1, &dma::start2,
                                                    &dma::start3, &dma::start4};
inline constexpr const CommandField* kBoxExtent[] = {&dma::extent0, &dma::extent1, &dma::extent2,
                                                     &dma::extent3, &dma::extent4};
/// Of dimension 1 and up.
inline constexpr const CommandField* kBoxStep[] = {nullptr, &dma::step1, &dma::step2, &dma::step3,
                                                   &dma::step4};
inline constexpr int64_t kMostStep = 8;
/// Of im2col, of dimensions 1 to 3: coordinates at which they begin anew and which they do not
/// reach (16 bits, signed); below, bytes from the first pixel to the one at which they begin anew.
inline constexpr const CommandField* kPixelLow[] = {nullptr, &dma::low1, &dma::low2, &dma::low3};
inline constexpr const CommandField* kPixelHigh[] = {nullptr, &dma::size2, &dma::size3,
                                                     &dma::size4};
inline constexpr const CommandField* kGlobalStride[] = {nullptr, &dma::global_stride1,
                                                        &dma::global_stride2, &dma::global_stride3,
                                                        &dma::global_stride4};
inline constexpr const CommandField* kLocalStride[] = {
    nullptr, &dma::local_stride1, &dma::local_stride2, &dma::local_stride3, &dma::local_stride4};
inline constexpr const CommandField* kPixelBack[] = {nullptr, &dma::local_stride2,
                                                     &dma::local_stride3, &dma::local_stride4};

/// Formats of VECTOR's operands and results, a to e.
inline constexpr const CommandField* kVectorFormats[] = {&compute::a_format, &compute::b_format,
                                                         &compute::c_format, &compute::d_format,
                                                         &compute::e_format};

/// Commands that share one layout.
struct CommandLayout {
  LayoutId id;
  std::string_view name;  ///< for SystemVerilog: npu_isa_pkg::<name>_t
  uint8_t words;          ///< words of the full form
  std::string_view description;
  std::span<const CommandField> fields;  ///< ascending by (word, lsb), header fields included
};

extern const CommandLayout kControlLayout;
extern const CommandLayout kDmaLayout;
extern const CommandLayout kComputeLayout;

/// All layouts, for emitters.
std::span<const CommandLayout* const> AllCommandLayouts();

/// What CheckEngine() of sw/stream/field_check.h looks at, beside the fields that must not be 0.
enum class FieldCheck : uint8_t { kNone, kTransfer, kArray, kPool, kVector };

/// One opcode's row. Commands have least_entries, least_entries + entry_step, ... most_entries.
struct OpcodeInfo {
  Opcode opcode;
  std::string_view name;  ///< UpperCamel, e.g. "Matmul"
  const CommandLayout* layout;
  EngineKind engine;
  FieldCheck check;
  uint8_t least_entries;
  uint8_t most_entries;
  uint8_t entry_step;
  std::string_view feature;  ///< spec key that it exists with; empty: always
  std::string_view description;

  bool HasLength(uint32_t entries) const {
    return entries >= least_entries && entries <= most_entries &&
           (entries - least_entries) % entry_step == 0;
  }
};
std::span<const OpcodeInfo> AllOpcodes();
/// Those that NPUs with `features` have.
std::vector<OpcodeInfo> OpcodesOn(const HardwareFeatures& features);
/// The row of an opcode, or null: there is none, or not with `features`.
const OpcodeInfo* FindOpcode(uint8_t opcode);
const OpcodeInfo* FindOpcode(uint8_t opcode, const HardwareFeatures& features);
/// The row of a command's opcode, which has one.
const OpcodeInfo& InfoOf(Opcode opcode);

/// A set of opcodes.
struct OpcodeGroup {
  std::string_view name;  ///< npu_isa_pkg::is_<name>(); empty: hardware does not ask
  OpcodeSet set;
  std::string_view description;
};
std::span<const OpcodeGroup> AllOpcodeGroups();

/// Bits of a command's word that belong to fields which the opcode uses on an NPU with `features`;
/// all others must be 0.
uint32_t UsedBits(Opcode opcode, uint32_t word, const HardwareFeatures& features);

/// Entries of an opcode's longest form on an NPU with `features`: a STORE has bounds with one.
uint32_t MostEntries(const OpcodeInfo& info, const HardwareFeatures& features);
/// Words of a layout's longest command on an NPU with `features`.
uint32_t MostWords(const CommandLayout& layout, const HardwareFeatures& features);

/// A command as words; missing words of a short form read as zero.
class Command {
 public:
  /// A zeroed command of `entries` entries whose header already carries opcode, length and tag.
  Command(Opcode opcode, uint32_t entries, uint32_t tag);
  /// Takes `words`, of which there is one at least, as they are (decoder side).
  explicit Command(std::vector<uint32_t> words);

  /// Writes a field. Returns false when the opcode's layout lacks it, the command ends before it or
  /// the value does not fit; the compiler treats that as an internal limit and reports it.
  [[nodiscard]] bool Set(const CommandField& field, int64_t value);
  /// Reads a field, sign-extended when it is signed; 0 behind the command's end. A field that the
  /// opcode's layout lacks is an internal error, which ends the program.
  int64_t Get(const CommandField& field) const;

  Opcode opcode() const { return static_cast<Opcode>(words_[0] & 0xff); }
  uint32_t entries() const { return static_cast<uint32_t>(words_.size()) / kWordsPerEntry; }
  uint32_t tag() const { return words_[0] >> 16; }
  /// PEs that run a compute command, or whose memory a LOAD or STORE reaches; else 0.
  uint32_t pe_mask() const;
  const std::vector<uint32_t>& words() const { return words_; }

 private:
  std::vector<uint32_t> words_;
};

/// All fields of a command at once, by the names of the table: each int64_t, 0 behind its end.
struct HeaderFields {
#define NPUGEN_HEADER_FIELD(name, ...) int64_t name = 0;
#include "generator/arch/command_set.def"
  HeaderFields() = default;
  explicit HeaderFields(const Command& command);
};
struct DmaFields {
#define NPUGEN_DMA_FIELD(name, ...) int64_t name = 0;
#include "generator/arch/command_set.def"
  DmaFields() = default;
  explicit DmaFields(const Command& command);
};
struct ComputeFields {
#define NPUGEN_COMPUTE_FIELD(name, ...) int64_t name = 0;
#include "generator/arch/command_set.def"
  ComputeFields() = default;
  explicit ComputeFields(const Command& command);
};

/// Values of format_a, format_w and out_format (docs/machine.md, 4.9); 0 is int8.
inline constexpr int64_t kFormatBf16 = 1, kFormatE4m3 = 2, kFormatE5m2 = 3, kFormatFp32 = 4;

/// Bytes of an element of a format, int8 and FP32 among them.
constexpr int64_t ElementBytes(int64_t format) {
  return format == kFormatFp32 ? 4 : format == kFormatBf16 ? 2 : 1;
}

/// The row of an opcode's field with this name, for tables that hold names; null: it has none.
const CommandField* FindField(Opcode opcode, std::string_view name);

/// Runs of a LOAD's or STORE's box, and bytes that it moves (0: a LOAD of one entry). Both
/// saturate.
int64_t BoxRuns(const Command& command);
int64_t BoxBytes(const Command& command);

/// Queues (QueueOf) that a command goes to on an NPU with `pes` PEs; none for those of the
/// dispatcher.
std::vector<int> EnginesOf(const Command& command, uint32_t pes);

/// Errors the hardware reports in ERROR_CODE.
struct HardwareError {
  uint8_t code;
  std::string_view name;  ///< UpperCamel
  std::string_view description;
  std::string_view feature = {};  ///< spec key that it exists with; empty: always
};
std::span<const HardwareError> AllHardwareErrors();

/// What a cycle between doorbell and interrupt was spent on (trace port and PERF_CAUSE counters).
struct CycleCause {
  uint8_t code;
  std::string_view name;       ///< UpperCamel for the package
  std::string_view json_name;  ///< key in reports
  std::string_view description;
};
std::span<const CycleCause> AllCycleCauses();

}  // namespace npugen

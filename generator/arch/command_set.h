// SPDX-License-Identifier: Apache-2.0
// The command set: one table of fields from which SystemVerilog structs, documentation, the
// compiler's encoder and the functional model's decoder are all derived.
//
// A command is a sequence of 16-byte entries (four little-endian 32-bit words each). Word 0 of
// every command is the header; words 1..3 say which barriers it waits for and which one it arrives
// at. docs/machine.md explains what the engines do with the fields.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace npugen {

/// Version of the command stream and of the register interface; the hardware refuses others.
inline constexpr uint32_t kCommandSetVersion = 3;
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
/// Bytes of one channel's parameter record in core memory: bias (int32), multiplier (uint31 in 4
/// bytes), shift (int8; positive = left). With common_scale only the bias.
inline constexpr uint32_t kParameterRecordBytes = 9;
inline constexpr uint32_t kBiasRecordBytes = 4;

/// First byte of each command.
enum class Opcode : uint8_t {
  kEnd = 0x01,       ///< all earlier commands complete, then interrupt
  kFence = 0x02,     ///< later commands are dispatched only when all engines are idle
  kLoad = 0x10,      ///< memory window or PE memory -> PE memory or core memory
  kStore = 0x20,     ///< PE memory -> memory window
  kMatmul = 0x30,    ///< dense dot products: convolution, fully connected
  kWindow = 0x31,    ///< one window per channel: depthwise convolution, average pooling, mean
  kMaxPool = 0x32,   ///< largest element of a window per channel
  kAdd = 0x33,       ///< rescaled sum of two tensors
  kLookup = 0x34,    ///< 256-entry table look-up of each byte
  kSoftmax = 0x35,   ///< softmax over rows
  kMultiply = 0x36,  ///< rescaled product of two tensors
  kMaximum = 0x37,   ///< byte-wise maximum or minimum of two tensors
  kSquaredDifference = 0x38,  ///< rescaled square of a rescaled difference
  kArgMax = 0x39,             ///< position of the largest or smallest byte of a row
};

/// The window numbers have fixed meanings.
enum class Window : uint8_t { kProgram = 0, kScratch = 1, kInput = 2, kOutput = 3 };

/// A set of opcodes, one bit each.
using OpcodeSet = uint64_t;
constexpr OpcodeSet Only(Opcode opcode) {
  return OpcodeSet{1} << (static_cast<unsigned>(opcode) & 0x3f);
}

/// A field of a command: `width` bits from bit `lsb` of 32-bit word `word`.
struct CommandField {
  std::string_view name;
  uint8_t word;
  uint8_t lsb;
  uint8_t width;
  bool is_signed;
  std::string_view description;
  OpcodeSet users;           ///< opcodes with the field; in commands of all others it must be 0
  bool binary_unit = false;  ///< must be 0 as well where there is no binary unit
};

/// A family of commands that share one layout.
struct CommandLayout {
  std::string_view name;  ///< for SystemVerilog: npu_isa_pkg::<name>_t
  uint8_t words;          ///< words of the full form
  std::string_view description;
  std::span<const CommandField> fields;  ///< ascending by (word, lsb), header fields included
};

extern const CommandLayout kControlLayout;  ///< kEnd, kFence: 1 entry
extern const CommandLayout kDmaLayout;      ///< kLoad, kStore: 3, 5 or 7 entries; kLoad also 1
extern const CommandLayout kComputeLayout;  ///< kMatmul ... kSoftmax: 8, 9 or 10 entries

/// All layouts, for emitters.
std::span<const CommandLayout* const> AllCommandLayouts();

/// One opcode's row: layout and the numbers of entries that the dispatcher accepts for it.
struct OpcodeInfo {
  Opcode opcode;
  std::string_view name;  ///< UpperCamel, e.g. "Matmul"
  const CommandLayout* layout;
  uint8_t min_entries;
  uint8_t max_entries;
  std::string_view description;
};
std::span<const OpcodeInfo> AllOpcodes();
const OpcodeInfo* FindOpcode(uint8_t opcode);

/// Bits of a command's word that belong to fields which the opcode uses; all others must be 0.
/// `binary_unit`: the NPU has one.
uint32_t UsedBits(Opcode opcode, uint32_t word, bool binary_unit);

/// A command as words; missing words of a short form read as zero.
class Command {
 public:
  /// A zeroed command of `entries` entries whose header already carries opcode, length and tag.
  Command(Opcode opcode, uint32_t entries, uint32_t tag);
  /// Takes `words`, of which there is one at least, as they are (decoder side).
  explicit Command(std::vector<uint32_t> words);

  /// Writes a field by name. Returns false when the name is unknown to the opcode's layout or the
  /// value does not fit the field; the compiler treats that as an internal limit and reports it.
  [[nodiscard]] bool Set(std::string_view field, int64_t value);
  /// Reads a field by name, sign-extended when the field is signed; 0 behind the command's end. A
  /// name that the opcode's layout lacks is an internal error, which ends the program.
  int64_t Get(std::string_view field) const;

  Opcode opcode() const { return static_cast<Opcode>(words_[0] & 0xff); }
  uint32_t entries() const { return static_cast<uint32_t>(words_.size()) / kWordsPerEntry; }
  uint32_t tag() const { return words_[0] >> 16; }
  const std::vector<uint32_t>& words() const { return words_; }

 private:
  std::vector<uint32_t> words_;
};

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

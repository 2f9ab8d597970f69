// SPDX-License-Identifier: Apache-2.0
// Flits of CXL.mem, 68 bytes, packed and unpacked (docs/cxl.md, sections 1 and 3).
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace npugen::cxl {

/// A slot's 16 bytes.
using Chunk = std::array<uint8_t, 16>;
/// The 64 bytes that a flit's CRC is for, slot 0 first.
using Payload = std::array<uint8_t, 64>;

struct Flit {
  Payload payload = {};
  uint16_t crc = 0;
  bool operator==(const Flit&) const = default;
};

/// The CRC of a payload.
uint16_t FlitCrc(const Payload& payload);

/// `width` (1..57) bits of a payload from bit `low` on.
uint64_t GetField(const Payload& payload, uint32_t low, uint32_t width);
void SetField(Payload& payload, uint32_t low, uint32_t width, uint64_t value);

enum class Kind : uint8_t { kReq, kRwd, kNdr, kDrs };
enum class Direction : uint8_t { kToDevice, kToHost };

struct Field {
  std::string_view name;
  uint32_t width;
};

/// The fields of a message from its bit 0 on; the first is `valid`, the second `opcode`.
std::span<const Field> LayoutOf(Kind kind);
/// The bits of a message.
uint32_t WidthOf(Kind kind);

/// A message; fields that are not set are 0.
struct Message {
  explicit Message(Kind of = Kind::kReq) : kind(of) {}
  /// Of a field that the kind has.
  uint64_t Get(std::string_view name) const;
  void Set(std::string_view name, uint64_t value);
  bool valid() const { return fields[0] != 0; }
  bool operator==(const Message&) const = default;

  Kind kind;
  std::array<uint64_t, 11> fields = {};  ///< in the layout's order
};

/// The header of a flit that is not all data.
struct Header {
  bool control = false, ak = false, be = false, sz = false;
  std::array<uint32_t, 4> formats = {};
  uint32_t rsp_crd = 0, req_crd = 0, data_crd = 0;  ///< nibbles as they are sent
};

Header GetHeader(const Payload& payload);
void SetHeader(Payload& payload, const Header& header);

/// The messages of a slot of some format, in their order; nothing for data. An unknown format has
/// no value.
std::optional<std::span<const Kind>> MessagesOf(Direction direction, uint32_t slot,
                                                uint32_t format);
/// Where the first of them begins.
inline uint32_t MessagesAt(uint32_t slot) { return slot == 0 ? 32 : 128 * slot; }

Message GetMessage(const Payload& payload, uint32_t at, Kind kind);
void SetMessage(Payload& payload, uint32_t at, const Message& message);

/// Credits that a nibble gives to .mem, and the nibble that gives most of `owed`.
uint32_t CreditsOf(uint32_t nibble);
uint32_t NibbleFor(uint32_t owed);

// Control flits.
inline constexpr uint32_t kLlcrd = 0x10, kRetryIdle = 0x01, kRetryReq = 0x11, kRetryAck = 0x21,
                          kRetryFrame = 0x31, kInit = 0x8c;  ///< LLCTRL, and the sub-type times 16

uint32_t ControlOf(const Payload& payload);
Payload ControlFlit(uint32_t control, uint64_t words);
/// Acks that an LLCRD tells, 0..255, and the flit that tells them.
uint32_t AcksOf(const Payload& payload);
Payload LlcrdFlit(uint32_t acks);

}  // namespace npugen::cxl

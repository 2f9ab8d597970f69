// SPDX-License-Identifier: Apache-2.0
// Flits of CXL.mem, 68 bytes. The layouts that no public source confirms (docs/cxl.md, section 8)
// stand in this file alone.
#include "verif/sim/cxl_flit.h"

#include <algorithm>
#include <stdexcept>

namespace npugen::cxl {
namespace {

constexpr uint32_t kGenerator = 0x1F053;

constexpr Field kReq[] = {{"valid", 1},      {"opcode", 4}, {"snp_type", 3},   {"meta_field", 2},
                          {"meta_value", 2}, {"tag", 16},   {"addr_51_5", 47}, {"ld_id", 4},
                          {"rsvd", 6},       {"tc", 2}};
constexpr Field kRwd[] = {{"valid", 1},      {"opcode", 4}, {"snp_type", 3},   {"meta_field", 2},
                          {"meta_value", 2}, {"tag", 16},   {"addr_51_6", 46}, {"poison", 1},
                          {"ld_id", 4},      {"rsvd", 6},   {"tc", 2}};
constexpr Field kNdr[] = {{"valid", 1}, {"opcode", 3}, {"meta_field", 2}, {"meta_value", 2},
                          {"tag", 16},  {"ld_id", 4},  {"dev_load", 2}};
constexpr Field kDrs[] = {{"valid", 1},      {"opcode", 3},   {"meta_field", 2},
                          {"meta_value", 2}, {"tag", 16},     {"poison", 1},
                          {"ld_id", 4},      {"dev_load", 2}, {"rsvd", 9}};

constexpr Kind kOneReq[] = {Kind::kReq}, kOneRwd[] = {Kind::kRwd};
constexpr Kind kDrsNdr[] = {Kind::kDrs, Kind::kNdr}, kTwoNdr[] = {Kind::kNdr, Kind::kNdr};
constexpr Kind kTwoDrs[] = {Kind::kDrs, Kind::kDrs};
constexpr Kind kDrsTwoNdr[] = {Kind::kDrs, Kind::kNdr, Kind::kNdr};
constexpr Kind kThreeDrs[] = {Kind::kDrs, Kind::kDrs, Kind::kDrs};

size_t PlaceOf(Kind kind, std::string_view name) {
  const std::span<const Field> layout = LayoutOf(kind);
  for (size_t i = 0; i < layout.size(); ++i) {
    if (layout[i].name == name) return i;
  }
  throw std::invalid_argument("a message without this field");
}

}  // namespace

uint16_t FlitCrc(const Payload& payload) {
  uint32_t remainder = 0;
  for (uint32_t i = 512; i > 0; --i) {
    remainder = remainder << 1 ^ static_cast<uint32_t>(GetField(payload, i - 1, 1)) << 16;
    if ((remainder & 0x10000) != 0) remainder ^= kGenerator;
  }
  return static_cast<uint16_t>(remainder);
}

uint64_t GetField(const Payload& payload, uint32_t low, uint32_t width) {
  uint64_t value = 0;
  for (uint32_t i = 0; i < width; ++i) {
    value |= uint64_t{payload[(low + i) / 8] >> (low + i) % 8 & 1u} << i;
  }
  return value;
}

void SetField(Payload& payload, uint32_t low, uint32_t width, uint64_t value) {
  for (uint32_t i = 0; i < width; ++i) {
    uint8_t& part = payload[(low + i) / 8];
    const uint32_t bit = 1u << (low + i) % 8;
    part = static_cast<uint8_t>((value >> i & 1) != 0 ? part | bit : part & ~bit);
  }
}

std::span<const Field> LayoutOf(Kind kind) {
  switch (kind) {
    case Kind::kReq:
      return kReq;
    case Kind::kRwd:
      return kRwd;
    case Kind::kNdr:
      return kNdr;
    case Kind::kDrs:
      break;
  }
  return kDrs;
}

uint32_t WidthOf(Kind kind) {
  uint32_t width = 0;
  for (const Field& field : LayoutOf(kind)) width += field.width;
  return width;
}

uint64_t Message::Get(std::string_view name) const { return fields[PlaceOf(kind, name)]; }
void Message::Set(std::string_view name, uint64_t value) { fields[PlaceOf(kind, name)] = value; }

Header GetHeader(const Payload& payload) {
  const auto bits = [&](uint32_t low, uint32_t width) {
    return static_cast<uint32_t>(GetField(payload, low, width));
  };
  Header header;
  header.control = bits(0, 1) != 0;
  header.ak = bits(2, 1) != 0;
  header.be = bits(3, 1) != 0;
  header.sz = bits(4, 1) != 0;
  for (uint32_t s = 0; s < 4; ++s) header.formats[s] = bits(5 + 3 * s, 3);
  header.rsp_crd = bits(20, 4);
  header.req_crd = bits(24, 4);
  header.data_crd = bits(28, 4);
  return header;
}

void SetHeader(Payload& payload, const Header& header) {
  SetField(payload, 0, 1, header.control ? 1 : 0);
  SetField(payload, 2, 1, header.ak ? 1 : 0);
  SetField(payload, 3, 1, header.be ? 1 : 0);
  SetField(payload, 4, 1, header.sz ? 1 : 0);
  for (uint32_t s = 0; s < 4; ++s) SetField(payload, 5 + 3 * s, 3, header.formats[s]);
  SetField(payload, 20, 4, header.rsp_crd);
  SetField(payload, 24, 4, header.req_crd);
  SetField(payload, 28, 4, header.data_crd);
}

std::optional<std::span<const Kind>> MessagesOf(Direction direction, uint32_t slot,
                                                uint32_t format) {
  using Kinds = std::span<const Kind>;
  if (slot > 0 && format == 0) return Kinds{};
  if (direction == Direction::kToDevice) {
    if (format == (slot == 0 ? 4u : 5u)) return Kinds(kOneRwd);
    if (format == (slot == 0 ? 5u : 4u)) return Kinds(kOneReq);
    return std::nullopt;
  }
  switch (format) {
    case 3:
      if (slot == 0) return Kinds(kDrsNdr);
      break;
    case 4:
      return slot == 0 ? Kinds(kTwoNdr) : Kinds(kDrsTwoNdr);
    case 5:
      return slot == 0 ? Kinds(kTwoDrs) : Kinds(kTwoNdr);
    case 6:
      if (slot != 0) return Kinds(kThreeDrs);
      break;
    default:
      break;
  }
  return std::nullopt;
}

Message GetMessage(const Payload& payload, uint32_t at, Kind kind) {
  Message message(kind);
  size_t i = 0;
  for (const Field& field : LayoutOf(kind)) {
    message.fields[i++] = GetField(payload, at, field.width);
    at += field.width;
  }
  return message;
}

void SetMessage(Payload& payload, uint32_t at, const Message& message) {
  size_t i = 0;
  for (const Field& field : LayoutOf(message.kind)) {
    SetField(payload, at, field.width, message.fields[i++]);
    at += field.width;
  }
}

uint32_t CreditsOf(uint32_t nibble) {
  return nibble <= 8 ? 0 : nibble > 15 ? 0 : 1u << (nibble - 9);
}

uint32_t NibbleFor(uint32_t owed) {
  uint32_t nibble = 8;
  while (nibble < 15 && CreditsOf(nibble + 1) <= owed) ++nibble;
  return nibble;
}

uint32_t ControlOf(const Payload& payload) {
  return static_cast<uint32_t>(GetField(payload, 32, 8));
}

Payload ControlFlit(uint32_t control, uint64_t words) {
  Payload payload = {};
  SetField(payload, 0, 1, 1);
  SetField(payload, 32, 8, control);
  SetField(payload, 64, 32, words);
  return payload;
}

uint32_t AcksOf(const Payload& payload) {
  return static_cast<uint32_t>(GetField(payload, 64, 3) | GetField(payload, 2, 1) << 3 |
                               GetField(payload, 68, 4) << 4);
}

Payload LlcrdFlit(uint32_t acks) {
  Payload payload = ControlFlit(kLlcrd, (acks & 7) | (acks & 0xf0));
  SetField(payload, 2, 1, acks >> 3 & 1);
  return payload;
}

}  // namespace npugen::cxl

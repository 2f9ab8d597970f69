// SPDX-License-Identifier: Apache-2.0
// The dispatcher's view of a stream: header words and command lengths.
#include "sw/stream/stream_decoder.h"

#include <fmt/format.h>

#include <bit>
#include <optional>

#include "generator/support/check.h"
#include "sw/stream/field_check.h"

namespace npugen {
namespace {

uint32_t Word(std::span<const uint8_t> bytes, uint64_t offset) {
  return uint32_t{bytes[offset]} | uint32_t{bytes[offset + 1]} << 8 |
         uint32_t{bytes[offset + 2]} << 16 | uint32_t{bytes[offset + 3]} << 24;
}

/// Why the dispatcher refuses a command of known opcode and right length; no code: it does not.
struct Refusal {
  const char* code = nullptr;
  std::string detail;
  uint32_t entries = 0;  ///< of the command that are in its queues by then
};

/// The checks follow the command's entries: barriers and bits of the first one, PEs and bits of the
/// second one and the barriers of these PEs, then all the rest.
Refusal RefusalOf(const NpuConfig& config, const Command& command) {
  constexpr uint32_t kWordsWithPes = 2 * kWordsPerEntry;
  const HeaderFields f(command);
  if ((f.wait0_en != 0 && f.wait0_id >= config.barriers()) ||
      (f.wait1_en != 0 && f.wait1_id >= config.barriers()) ||
      (f.signal_en != 0 && f.signal_id >= config.barriers())) {
    return {"BadBarrier", "barrier number out of range"};
  }
  const OpcodeInfo& info = InfoOf(command.opcode());
  const HardwareFeatures features = config.features();
  if (info.layout->id == LayoutId::kCompute) {
    for (uint32_t word = 0; word < kWordsWithPes; ++word) {
      if (command.words()[word] & ~UsedBits(info.opcode, word, features)) {
        return {"BadField", *CheckDispatch(config, command)};
      }
    }
    const uint64_t mask = command.pe_mask();
    if (mask == 0 || mask >> config.pes() != 0) {
      return {"BadField", "pe_mask names no PE, or one that does not exist"};
    }
    const int last_pe = std::bit_width(mask) - 1;
    if (f.signal_en != 0 && f.signal_id + last_pe >= config.barriers()) {
      return {"BadBarrier", "a PE's barrier is out of range"};
    }
  }
  if (std::optional<std::string> problem = CheckDispatch(config, command)) {
    uint32_t word = 0;
    while ((command.words()[word] & ~UsedBits(info.opcode, word, features)) == 0) {
      ++word;
    }
    return {"BadField", *std::move(problem), word / kWordsPerEntry};
  }
  return {};
}

}  // namespace

uint8_t ErrorCode(std::string_view name) {
  for (const HardwareError& error : AllHardwareErrors()) {
    if (error.name == name) return error.code;
  }
  InternalError(fmt::format("no hardware error is called {}", name));
}

int64_t WaitCount(const NpuConfig& config, const Command& command, int number) {
  const int64_t count = command.Get(kWaits[number].count);
  if (number == 0 || !In(command.opcode(), opcodes::kArray) || command.Get(compute::follow) == 0)
    return count;
  const int64_t row_bytes = config.core_row_bytes();
  const int64_t weights = int64_t{config.lanes} * config.simd;
  const int64_t bytes = command.Get(compute::packed_weights) != 0 ? (weights + 1) / 2 : weights;
  const int64_t slices = command.Get(compute::k0_count) * command.Get(compute::k1_count) *
                         command.Get(compute::k2_count);
  const int64_t rows =
      (command.Get(compute::groups) - 1) * command.Get(compute::weight_group_rows) +
      slices * ((bytes + row_bytes - 1) / row_bytes) +
      (command.Get(compute::gated) != 0 ? int64_t{config.gate_rows()} : 0);
  return count + (rows - 1) * row_bytes;
}

DecodedStream DecodeStream(const NpuConfig& config, std::span<const uint8_t> program,
                           uint32_t offset) {
  DecodedStream stream;
  const auto fail = [&](std::string_view code, uint64_t at, uint16_t tag, std::string detail) {
    stream.error_code = ErrorCode(code);
    stream.error_offset = static_cast<uint32_t>(at);
    stream.error_tag = tag;
    stream.detail = std::move(detail);
    return stream;
  };
  constexpr uint64_t kHeaderBytes = uint64_t{kStreamHeaderEntries} * kEntryBytes;
  if (offset % kEntryBytes != 0) return fail("BadField", offset, 0, "the doorbell is not aligned");
  if (offset + kHeaderBytes > program.size()) {
    return fail("WindowBounds", offset, 0, "the header lies outside the program window");
  }
  if (Word(program, offset) != kStreamMagic) return fail("BadMagic", offset, 0, "no magic word");
  if (Word(program, offset + 4) != kCommandSetVersion) {
    return fail("BadVersion", offset, 0, "another command set version");
  }
  const uint64_t hash = Word(program, offset + 8) | uint64_t{Word(program, offset + 12)} << 32;
  if (hash != config.hash) return fail("BadHash", offset, 0, "another configuration");
  const uint64_t entries = Word(program, offset + 16);
  if (entries <= kStreamHeaderEntries) return fail("BadLength", offset, 0, "an empty stream");
  const uint64_t end = offset + entries * kEntryBytes;
  if (end > program.size()) {
    return fail("WindowBounds", offset, 0, "the stream lies outside the program window");
  }
  for (uint64_t word = 5; word < 8; ++word) {
    if (Word(program, offset + 4 * word) != 0) {
      return fail("BadField", offset, 0, fmt::format("word {} of the header is not 0", word));
    }
  }
  for (uint64_t at = offset + kHeaderBytes;;) {
    const uint32_t header = Word(program, at);
    const uint16_t tag = static_cast<uint16_t>(header >> 16);
    const OpcodeInfo* info = FindOpcode(header & 0xff, config.features());
    if (info == nullptr) {
      return fail("BadOpcode", at, tag, fmt::format("opcode 0x{:02x}", header & 0xff));
    }
    const uint32_t length = (header >> 8) & 0xff;
    const uint64_t bytes = uint64_t{length} * kEntryBytes;
    const bool is_end = info->opcode == Opcode::kEnd;
    if (!info->HasLength(length) || length > MostEntries(*info, config.features()) ||
        (is_end ? at + bytes != end : at + bytes >= end)) {
      return fail("BadLength", at, tag, fmt::format("{} with {} entries", info->name, length));
    }
    std::vector<uint32_t> words(length * kWordsPerEntry);
    for (size_t i = 0; i < words.size(); ++i) words[i] = Word(program, at + i * 4);
    Command command(std::move(words));
    if (const Refusal refusal = RefusalOf(config, command); refusal.code != nullptr) {
      stream.refused = command;
      stream.refused_entries = refusal.entries;
      return fail(refusal.code, at, tag, refusal.detail);
    }
    stream.commands.push_back(std::move(command));
    at += bytes;
    stream.bytes = static_cast<uint32_t>(at - offset);
    if (is_end) return stream;
  }
}

}  // namespace npugen

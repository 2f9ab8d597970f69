// SPDX-License-Identifier: Apache-2.0
// Making streams: mutated and random ones.
#include "tests/system/hostile_streams.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "sw/stream/stream_decoder.h"

namespace npugen::testing {
namespace {

/// Values at which something may go wrong.
int64_t OddValue(const CommandField& field, StreamRandom& random) {
  const int64_t high =
      field.is_signed ? (int64_t{1} << (field.width - 1)) - 1 : (int64_t{1} << field.width) - 1;
  const int64_t low = field.is_signed ? -(int64_t{1} << (field.width - 1)) : 0;
  static constexpr int64_t kSizes[] = {32767, 32768, 8191, 8192, 4096,  4095, 64,
                                       63,    1024,  2048, 2047, 65535, 512,  128};
  int64_t value = 0;
  switch (random.Below(9)) {
    case 0:
      value = 0;
      break;
    case 1:
      value = 1;
      break;
    case 2:
      value = high;
      break;
    case 3:
      value = low;
      break;
    case 4:
      value = high - static_cast<int64_t>(random.Below(20));
      break;
    case 5:
      value = static_cast<int64_t>(random.Below(17));
      break;
    case 6:
      value = int64_t{1} << random.Below(field.width);
      break;
    case 7:
      value = low + static_cast<int64_t>(random.Below(static_cast<uint64_t>(high - low) + 1));
      break;
    default:
      value = kSizes[random.Below(std::size(kSizes))];
      if (field.is_signed && random.Chance(2)) value = -value;
  }
  return std::clamp(value, low, high);
}

void SetWord(std::vector<uint32_t>* words, const CommandField& field, int64_t value) {
  const uint32_t mask =
      field.width == 32 ? ~uint32_t{0} : ((uint32_t{1} << field.width) - 1) << field.lsb;
  uint32_t& word = (*words)[field.word];
  word = (word & ~mask) | ((static_cast<uint32_t>(value) << field.lsb) & mask);
}

bool Uses(const CommandField& field, Opcode opcode, const NpuConfig& config) {
  return In(opcode, field.UsersOn(config.features()));
}

/// Words of commands as they stand in a stream; they need not be legal any more.
using Words = std::vector<std::vector<uint32_t>>;

std::vector<uint8_t> BytesOf(const NpuConfig& config, const Words& commands) {
  std::vector<uint32_t> words = {kStreamMagic,
                                 kCommandSetVersion,
                                 static_cast<uint32_t>(config.hash),
                                 static_cast<uint32_t>(config.hash >> 32),
                                 0,
                                 0,
                                 0,
                                 0};
  for (const auto& command : commands) words.insert(words.end(), command.begin(), command.end());
  words[4] = static_cast<uint32_t>(words.size()) / kWordsPerEntry;
  std::vector<uint8_t> bytes(words.size() * 4);
  std::memcpy(bytes.data(), words.data(), bytes.size());
  return bytes;
}

/// Makes a MATMUL one of floating-point numbers.
void SetFormats(StreamRandom& random, std::vector<uint32_t>* fields) {
  const auto set = [&](const CommandField& field, int64_t value) {
    if (field.word < fields->size()) SetWord(fields, field, value);
  };
  const auto format = static_cast<int64_t>(1 + random.Below(3));
  set(compute::format_a, format);
  set(compute::format_w,
      format == kFormatBf16 ? format : 2 + static_cast<int64_t>(random.Below(2)));
  set(compute::out_format, 1 + static_cast<int64_t>(random.Below(4)));
  for (const CommandField* field :
       {&compute::packed_weights, &compute::acc_shift, &compute::average, &compute::out_type,
        &compute::out_byte, &compute::residual, &compute::fill}) {
    set(*field, 0);
  }
}

/// A walk over pixels that may begin where it does.
void SetPixels(StreamRandom& random, std::vector<uint32_t>* words) {
  const auto below = [&](uint64_t n) { return static_cast<int64_t>(random.Below(n)); };
  SetWord(words, dma::bounds, 1);
  SetWord(words, dma::size1, 1 + below(20));
  for (int d = 1; d < kBoxDimensions - 1; ++d) {
    const int64_t low = below(5) - 3, high = low + 1 + below(4);
    SetWord(words, *kPixelLow[d], low);
    SetWord(words, *kPixelHigh[d], high);
    SetWord(words, *kBoxStart[d], low + below(static_cast<uint64_t>(high - low)));
  }
}

/// Makes a LOAD one that transposes a few tiles.
void SetTiles(StreamRandom& random, std::vector<uint32_t>* words) {
  const auto below = [&](uint64_t n) { return static_cast<int64_t>(random.Below(n)); };
  const int64_t element = below(3);
  SetWord(words, dma::element, element);
  SetWord(words, dma::size0, (1 + below(80)) << element);
  SetWord(words, dma::size1, below(40));
  SetWord(words, dma::size4, 0);
  SetWord(words, dma::im2col, 0);
  SetWord(words, dma::local_stride1, below(120) - 20);
}

}  // namespace

std::vector<uint8_t> StreamBytes(const NpuConfig& config, const std::vector<Command>& commands) {
  Words words;
  for (const Command& command : commands) words.push_back(command.words());
  return BytesOf(config, words);
}

std::vector<uint8_t> MutateStream(const NpuConfig& config, std::vector<Command> commands,
                                  StreamRandom& random) {
  Words words;
  for (const Command& command : commands) words.push_back(command.words());
  const uint64_t count = 1 + random.Below(random.Chance(2) ? 2 : 6);
  for (uint64_t i = 0; i < count; ++i) {
    const size_t at = random.Below(words.size());
    std::vector<uint32_t>& command = words[at];
    const uint64_t how = random.Below(16);
    if (how < 10) {  // a field gets an odd value, mostly one that the command uses
      const OpcodeInfo* info = FindOpcode(command[0] & 0xff);
      if (info == nullptr) continue;
      const bool any = random.Chance(12);
      std::vector<const CommandField*> fields;
      for (const CommandField& field : info->layout->fields) {
        const bool shape = field.name == "opcode" || field.name == "length";
        if (field.word >= command.size() || (shape && !any)) continue;
        if (any || Uses(field, info->opcode, config)) fields.push_back(&field);
      }
      const CommandField& field = *fields[random.Below(fields.size())];
      SetWord(&command, field, OddValue(field, random));
    } else if (how < 12) {
      command[random.Below(command.size())] ^= uint32_t{1} << random.Below(32);
    } else if (how == 12) {
      const size_t other = random.Below(words.size() - 1);  // not END
      if (at + 1 < words.size()) std::swap(words[at], words[other]);
    } else if (how == 13) {
      if (at + 1 < words.size()) words.erase(words.begin() + static_cast<ptrdiff_t>(at));
    } else if (how == 14) {
      const std::vector<uint32_t> copy = command;
      if (at + 1 < words.size()) words.insert(words.begin() + static_cast<ptrdiff_t>(at), copy);
    } else {
      for (size_t word = 4; word < command.size(); ++word) {
        if (random.Chance(16)) command[word] = static_cast<uint32_t>(random.Word());
      }
    }
  }
  std::vector<uint8_t> bytes = BytesOf(config, words);
  if (random.Chance(40)) {  // the header
    bytes[random.Below(32)] ^= static_cast<uint8_t>(1 << random.Below(8));
  }
  return bytes;
}

std::vector<uint8_t> RandomStream(const NpuConfig& config, StreamRandom& random) {
  Words words;
  const uint64_t count = 1 + random.Below(6);
  for (uint64_t i = 0; i < count; ++i) {
    const std::vector<OpcodeInfo> opcodes = OpcodesOn(config.features());
    const OpcodeInfo& info = opcodes[1 + random.Below(opcodes.size() - 1)];
    uint32_t entries = info.most_entries;
    if (info.layout == &kDmaLayout) entries = random.Chance(2) ? 3 : 7;
    entries =
        std::clamp<uint32_t>(entries, info.least_entries, MostEntries(info, config.features()));
    Command command(info.opcode, entries, static_cast<uint32_t>(random.Below(0x10000)));
    std::vector<uint32_t> fields = command.words();
    for (const CommandField& field : info.layout->fields) {
      const std::string_view name = field.name;
      if (field.word >= fields.size() || name == "opcode" || name == "length" || name == "tag" ||
          !Uses(field, info.opcode, config)) {
        continue;
      }
      int64_t value = static_cast<int64_t>(random.Below(4));
      const auto is = [&](std::initializer_list<std::string_view> names) {
        return std::find(names.begin(), names.end(), name) != names.end();
      };
      if (name.starts_with("wait") || name.starts_with("signal")) {
        value = name.ends_with("_en") ? random.Chance(8) : static_cast<int64_t>(random.Below(3));
      } else if (is({"acc_init", "drain"})) {
        value = !random.Chance(8);
      } else if (is({"follow", "thresholds", "out_type", "out_byte", "two_planes", "binary",
                     "gated", "skip_window", "pool_bits", "residual", "run_bytes", "ahead",
                     "bounds", "local_source", "im2col", "swizzle", "transpose", "format_a",
                     "format_w"})) {
        if (!random.Chance(4)) value = 0;
      } else if (name.starts_with("step")) {
        value = static_cast<int64_t>(random.Below(random.Chance(12) ? 16 : 9));
      } else if (is({"pe_mask", "core_mask"})) {
        value = 1 + static_cast<int64_t>(random.Below(
                        (1u << (name == "pe_mask" ? config.pes() : config.cores)) - 1));
      } else if (is({"act_base", "b_base", "c_base", "e_base", "out_base", "local_address",
                     "global_offset"})) {
        value = static_cast<int64_t>(random.Below(random.Chance(4) ? config.pe_memory_bytes : 256));
        if (name == "global_offset" && !random.Chance(8)) value &= 0xff;
        // At the ends of memory, from before its beginning to behind its end.
        const int64_t near = static_cast<int64_t>(random.Below(24)) - 16;
        if (name == "out_base" && random.Chance(4)) value = config.pe_memory_bytes + near;
        if (field.is_signed && random.Chance(8)) value = near;
        if (field.is_signed && random.Chance(8)) value = config.pe_memory_bytes + near;
      } else if (is({"row_bytes", "in_h", "extent0", "extent1"})) {
        value = 1 + static_cast<int64_t>(random.Below(40));
      } else if (is({"group_channels", "channels", "out_w", "positions", "size0", "groups",
                     "k0_count", "k1_count", "k2_count", "out_h", "win_rows", "win_cols",
                     "win_new_cols"})) {
        value = 1 + static_cast<int64_t>(random.Below(random.Chance(3) ? 12 : 3));
        if (is({"groups", "k0_count", "k1_count", "k2_count"}) && !random.Chance(3)) value = 1;
      } else if (is({"fill", "act_min", "act_max", "out_zero_point", "a_zero_point", "b_zero_point",
                     "b_multiplier", "out_multiplier", "out_shift", "b_shift"})) {
        value = static_cast<int64_t>(random.Word() & 0x7f);
        if (field.width > 8) value = static_cast<int64_t>(random.Word() & 0x7fffffff);
      } else if (random.Chance(3)) {
        value = static_cast<int64_t>(random.Below(40));
      }
      // Steps that wrap at the width of addresses.
      const int64_t wrap = static_cast<int64_t>(random.Below(24)) + 1;
      if (field.width == 24 && name.ends_with("_step") && random.Chance(12)) {
        value = (int64_t{1} << 24) - wrap;
      }
      if (random.Chance(64)) value = OddValue(field, random);
      SetWord(&fields, field, value);
    }
    const Command drawn(fields);
    if (info.opcode == Opcode::kLoad && entries == info.most_entries && !random.Chance(4) &&
        drawn.Get(dma::im2col) != 0) {
      SetPixels(random, &fields);
    }
    if (info.opcode == Opcode::kMatmul && config.float_formats != 0 && random.Chance(2)) {
      SetFormats(random, &fields);
    }
    if (info.opcode == Opcode::kLoad && entries == info.most_entries &&
        drawn.Get(dma::transpose) != 0 && !random.Chance(4)) {
      SetTiles(random, &fields);
    }
    words.push_back(std::move(fields));
  }
  words.push_back(Command(Opcode::kEnd, 1, 0).words());
  return BytesOf(config, words);
}

}  // namespace npugen::testing

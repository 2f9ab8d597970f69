// SPDX-License-Identifier: Apache-2.0
// Prints cyclic redundancy checks as sums modulo 2: one step for many bits at once.
#include "generator/emit/crc.h"

#include <fmt/format.h>

#include "generator/emit/sv_writer.h"

namespace npugen {
namespace {

constexpr CrcSpec kLinkCrcs[] = {
    {"npu_crc", "CRC-32C of a link's packets: one step, 16 bytes.", 32, 0x1EDC6F41, 128, true,
     true},
    {"npu_crc_cxl", "CRC-16 of CXL's flits of 68 bytes: one step, 16 bytes, the highest first.", 16,
     0xF053, 128, false, false},
    {"npu_crc_ucie", "CRC-16 of UCIe's flits: one step, 64 bytes.", 16, 0x8005, 512, true, false},
};

/// Bit i of the remainder as the coefficient of a power of x, or the other way about.
uint32_t Reflect(const CrcSpec& spec, uint32_t value) {
  if (!spec.reflected) return value;
  uint32_t result = 0;
  for (uint32_t i = 0; i < spec.width; ++i) {
    result |= (value >> i & 1) << (spec.width - 1 - i);
  }
  return result;
}

/// One bit more; `state` has the coefficient of x^i in bit i.
uint32_t Shift(const CrcSpec& spec, uint32_t state, bool bit) {
  const uint64_t mask = (uint64_t{1} << spec.width) - 1;
  const bool feeds = ((state >> (spec.width - 1) & 1) != 0) != bit;
  return static_cast<uint32_t>((uint64_t{state} << 1 ^ (feeds ? spec.polynomial : 0)) & mask);
}

/// The mask of one bit of the remainder, as a sized hexadecimal number.
std::string Mask(const std::vector<bool>& row) {
  std::string digits;
  for (size_t low = (row.size() - 1) / 4 * 4 + 4; low > 0;) {
    low -= 4;
    uint32_t digit = 0;
    for (size_t i = low; i < low + 4 && i < row.size(); ++i) digit |= row[i] ? 1u << (i - low) : 0;
    digits += fmt::format("{:x}", digit);
  }
  return fmt::format("{}'h{}", row.size(), digits);
}

}  // namespace

std::span<const CrcSpec> LinkCrcs() { return kLinkCrcs; }

uint32_t CrcSerial(const CrcSpec& spec, uint32_t state, std::span<const uint8_t> data) {
  state = Reflect(spec, state);
  const size_t bits = 8 * data.size();
  for (size_t i = 0; i < bits; ++i) {
    const size_t bit = spec.low_first ? i : bits - 1 - i;
    state = Shift(spec, state, (data[bit / 8] >> (bit % 8) & 1) != 0);
  }
  return Reflect(spec, state);
}

uint32_t CrcPlace(const CrcSpec& spec, uint32_t j) {
  const uint32_t nth = spec.reflected ? j : spec.width - 1 - j;  // bit of the data that meets it
  return spec.low_first ? nth : spec.bits - 1 - nth;
}

std::vector<std::vector<bool>> CrcMatrix(const CrcSpec& spec) {
  std::vector<std::vector<bool>> rows(spec.width, std::vector<bool>(spec.bits));
  // The last bit of a step leaves the polynomial, the one before it x times that, and so on.
  uint32_t remainder = Shift(spec, 0, true);
  for (uint32_t last = 0; last < spec.bits; ++last) {
    const uint32_t bit = spec.low_first ? spec.bits - 1 - last : last;
    const uint32_t value = Reflect(spec, remainder);
    for (uint32_t i = 0; i < spec.width; ++i) rows[i][bit] = (value >> i & 1) != 0;
    remainder = Shift(spec, remainder, false);
  }
  return rows;
}

std::string EmitCrc(const CrcSpec& spec, std::string_view origin) {
  SvWriter sv(spec.purpose, origin);
  sv.Line("//");
  sv.Comment(fmt::format(
      "Polynomial 0x{:x} of degree {}. Bit {} of the data comes first; bit 0 of the remainder is "
      "the coefficient of x^{}. The remainder before the step is added to the bits that come "
      "first, "
      "and each bit behind it is a sum of bits.",
      spec.polynomial, spec.width, spec.low_first ? 0 : spec.bits - 1,
      spec.reflected ? spec.width - 1 : 0));
  sv.Line(fmt::format("module {} (", spec.module)).In();
  AlignedTable ports = sv.NewTable();
  const auto port = [&](std::string_view kind, uint32_t bits, std::string_view name,
                        std::string_view remark) {
    ports.Row({std::string(kind), fmt::format("[{}:0]", bits - 1), std::string(name)},
              std::string(remark));
  };
  port("input  wire", spec.width, "state_i,", "remainder before the step");
  port("input  wire", spec.bits, "data_i,", "of the step");
  port("output wire", spec.width, "state_o", "remainder behind it");
  sv.Table(ports);
  sv.Out().Line(");").In();
  sv.Line(fmt::format("logic [{}:0] mixed;", spec.bits - 1));
  sv.Blank();
  sv.Line("always_comb begin").In();
  sv.Line("mixed = data_i;");
  for (uint32_t j = 0; j < spec.width; ++j) {
    const uint32_t place = CrcPlace(spec, j);
    sv.Line(fmt::format("mixed[{}] = data_i[{}] ^ state_i[{}];", place, place, j));
  }
  sv.Out().Line("end");
  sv.Blank();
  const std::vector<std::vector<bool>> rows = CrcMatrix(spec);
  for (uint32_t i = 0; i < spec.width; ++i) {
    const std::string mask = Mask(rows[i]);
    const std::string head = fmt::format("assign state_o[{}] = ^(mixed & ", i);
    if (head.size() + mask.size() + 6 <= kLineColumns) {
      sv.Line(fmt::format("{}{});", head, mask));
      continue;
    }
    sv.Line(fmt::format("{}{{", head));
    // In pieces of 256 bits.
    for (size_t high = rows[i].size(); high > 0;) {
      const size_t low = high > 256 ? high - 256 : 0;
      const std::vector<bool> piece(rows[i].begin() + static_cast<ptrdiff_t>(low),
                                    rows[i].begin() + static_cast<ptrdiff_t>(high));
      sv.Line(fmt::format("  {}{}", Mask(piece), low == 0 ? "});" : ","));
      high = low;
    }
  }
  sv.Out().Line(fmt::format("endmodule : {}", spec.module));
  return sv.Finish();
}

}  // namespace npugen

// SPDX-License-Identifier: Apache-2.0
// Programs of VECTOR, element by element, from the text of docs/machine.md.
#include "verif/functional/vector_unit.h"

#include <algorithm>
#include <vector>

#include "generator/arch/command_set.h"
#include "sw/numerics/float_format.h"

namespace npugen::functional {

using numerics::Fp32;

namespace {

constexpr int64_t kAddressMask = (int64_t{1} << 25) - 1;
constexpr int kRegisters = 8;
constexpr int kScalars = 3;
constexpr int kPartials = 16;
constexpr Fp32 kMinusZero = numerics::kFp32Sign;
constexpr Fp32 kMinusInfinity = numerics::kFp32Sign | numerics::kFp32Infinity;

const numerics::FloatFormat& FormatOf(int64_t format) {
  return format == kFormatBf16   ? numerics::kBf16
         : format == kFormatE4m3 ? numerics::kE4m3
                                 : numerics::kE5m2;
}

/// A program's entry.
struct Entry {
  explicit Entry(uint64_t bits)
      : operation(static_cast<VectorOperation>(bits & 0xf)),
        destination(bits >> 4 & 7),
        streams(bits >> 4 & 0x1f),
        first_only{(bits >> 9 & 1) != 0, (bits >> 10 & 1) != 0},
        x(bits >> 8 & 0xf),
        y(bits >> 12 & 0xf),
        z(bits >> 16 & 0xf),
        negate_product((bits >> 20 & 1) != 0),
        negate_z((bits >> 21 & 1) != 0),
        format(bits >> 22 & 7),
        saturates((bits >> 25 & 1) != 0),
        immediate(static_cast<Fp32>(bits >> 32)) {}

  VectorOperation operation;
  int64_t destination;
  int64_t streams;     ///< of PASS
  bool first_only[2];  ///< of PASS, of d and e
  int64_t x, y, z;
  bool negate_product, negate_z;
  int64_t format;
  bool saturates;
  Fp32 immediate;

  bool reduces() const {
    return operation == VectorOperation::kSum || operation == VectorOperation::kLargest;
  }
  bool ends() const { return operation == VectorOperation::kEnd; }
};

Fp32 Quiet(Fp32 x) { return numerics::IsNaN(x) ? numerics::kFp32NaN : x; }

/// A row's state.
struct Row {
  std::array<int64_t, 5> address;
  std::array<Fp32, kScalars> scalars = {};
  std::array<std::array<Fp32, kPartials>, kScalars> partials;
};

class Program {
 public:
  Program(const VectorCommand& command, int64_t lanes, VectorMemory& memory)
      : command_(command), part_(kVectorStrips * lanes), memory_(memory) {
    const int64_t strips = (command.elements + lanes - 1) / lanes;
    const int64_t partials = kPartials / lanes;
    const bool shared =
        command.rows > 1 && strips > partials && (strips > kVectorStrips || strips % partials == 0);
    if (!shared) {
      group_ = std::max<int64_t>(kVectorStrips / strips, 1);
      return;
    }
    while (group_ < lanes && 2 * group_ <= command.rows) group_ *= 2;
    part_ /= group_;
  }

  bool Run() {
    for (int64_t first = 0; first < command_.rows; first += group_) {
      rows_.assign(static_cast<size_t>(std::min(group_, command_.rows - first)), Row());
      for (size_t i = 0; i < rows_.size(); ++i) {
        for (size_t s = 0; s < command_.streams.size(); ++s) {
          const VectorStream& stream = command_.streams[s];
          rows_[i].address[s] =
              (stream.base + (first + static_cast<int64_t>(i)) * stream.step) & kAddressMask;
        }
      }
      if (!RunGroup()) return false;
    }
    return true;
  }

 private:
  bool Fetch(int64_t k, Entry* entry) {
    uint64_t bits = static_cast<uint64_t>(VectorOperation::kEnd);
    if (k < kVectorEntries && !memory_.Entry(k, &bits)) return false;
    *entry = Entry(bits);
    return true;
  }

  bool RunGroup() {
    int64_t next = 0;
    while (true) {
      Entry entry(0);
      if (!memory_.Spend(1) || !Fetch(next, &entry)) return false;
      if (entry.ends()) return true;
      ++next;
      if (entry.operation == VectorOperation::kPass && !RunPass(entry, &next)) return false;
    }
  }

  /// Entries from *next on, which becomes that of the next PASS or END.
  bool RunPass(const Entry& pass, int64_t* next) {
    const int64_t streams = pass.streams;
    for (size_t s = 0; s < command_.streams.size(); ++s) {
      if ((streams >> s & 1) == 0) continue;
      const VectorStream& stream = command_.streams[s];
      const bool single = s < 3 ? stream.single : pass.first_only[s - 3];
      const int64_t elements = single ? 1 : command_.elements;
      for (const Row& row : rows_) {
        if (!memory_.Row(row.address[s], elements * ElementBytes(stream.format))) return false;
      }
    }
    begun_.fill(false);
    // Where nothing is read and only first elements are stored, rows have one element.
    const auto stores_row = [&](size_t s) {
      return (streams >> (3 + s) & 1) != 0 && !pass.first_only[s];
    };
    const bool one = (streams & 7) == 0 && !stores_row(0) && !stores_row(1);
    const int64_t elements = one ? 1 : command_.elements;
    const int64_t first_entry = *next;
    for (int64_t first = 0; first < elements; first += part_) {
      const int64_t count = std::min(part_, elements - first);
      *next = first_entry;
      if (!RunPart(pass, first, count, next)) return false;
    }
    for (int s = 0; s < kScalars; ++s) {
      if (!begun_[s]) continue;
      for (Row& row : rows_) row.scalars[s] = Together(row.partials[s], last_[s]);
    }
    return true;
  }

  bool RunPart(const Entry& pass, int64_t first, int64_t count, int64_t* next) {
    const int64_t streams = pass.streams;
    registers_.assign(rows_.size() * static_cast<size_t>(count), {});
    if (!memory_.Spend(registers_.size())) return false;
    for (size_t s = 0; s < 3; ++s) {
      if ((streams >> s & 1) != 0 && !Load(s, first, count)) return false;
    }
    while (true) {
      Entry entry(0);
      if (!Fetch(*next, &entry)) return false;
      if (entry.ends() || entry.operation == VectorOperation::kPass) break;
      ++*next;
      if (!memory_.Spend(registers_.size())) return false;
      if (entry.reduces()) BeginReduction(entry);
      for (size_t r = 0; r < rows_.size(); ++r) {
        for (int64_t i = 0; i < count; ++i) {
          Compute(entry, rows_[r], registers_[r * static_cast<size_t>(count) + i], first + i);
        }
      }
    }
    for (size_t s = 3; s < 5; ++s) {
      if ((streams >> s & 1) == 0) continue;
      const bool first_only = pass.first_only[s - 3];
      if (first_only && first > 0) continue;
      if (!Store(s, first, count, first_only ? 1 : count)) return false;
    }
    return true;
  }

  bool Load(size_t s, int64_t first, int64_t count) {
    const VectorStream& stream = command_.streams[s];
    const int64_t bytes = ElementBytes(stream.format);
    for (size_t r = 0; r < rows_.size(); ++r) {
      for (int64_t i = 0; i < count; ++i) {
        const int64_t address = rows_[r].address[s] + (stream.single ? 0 : (first + i) * bytes);
        uint32_t code = 0;
        for (int64_t b = 0; b < bytes; ++b) {
          uint8_t byte = 0;
          if (!memory_.Read(address + b, &byte)) return false;
          code |= uint32_t{byte} << 8 * b;
        }
        registers_[r * static_cast<size_t>(count) + i][s] = VectorValue(stream.format, code);
      }
    }
    return true;
  }

  /// The first `stored` of a part's `count` elements.
  bool Store(size_t s, int64_t first, int64_t count, int64_t stored) {
    const VectorStream& stream = command_.streams[s];
    const int64_t bytes = ElementBytes(stream.format);
    for (size_t r = 0; r < rows_.size(); ++r) {
      for (int64_t i = 0; i < stored; ++i) {
        const Fp32 value = registers_[r * static_cast<size_t>(count) + i][s - 3];
        const uint32_t code = VectorCode(stream.format, value, command_.saturate);
        for (int64_t b = 0; b < bytes; ++b) {
          if (!memory_.Write(rows_[r].address[s] + (first + i) * bytes + b,
                             static_cast<uint8_t>(code >> 8 * b))) {
            return false;
          }
        }
      }
    }
    return true;
  }

  void BeginReduction(const Entry& entry) {
    const size_t s = ScalarOf(entry);
    if (!begun_[s]) {
      const bool sum = entry.operation == VectorOperation::kSum;
      for (Row& row : rows_) row.partials[s].fill(sum ? 0 : kMinusInfinity);
    }
    begun_[s] = true;
    last_[s] = entry.operation;
  }

  static size_t ScalarOf(const Entry& entry) {
    return static_cast<size_t>(std::min<int64_t>(entry.destination & 3, kScalars - 1));
  }

  static Fp32 Together(std::array<Fp32, kPartials> partials, VectorOperation operation) {
    for (size_t half = kPartials / 2; half > 0; half /= 2) {
      for (size_t i = 0; i < half; ++i) {
        partials[i] = operation == VectorOperation::kSum
                          ? numerics::Add(partials[i], partials[i + half])
                          : Quiet(numerics::Maximum(partials[i], partials[i + half]));
      }
    }
    return partials[0];
  }

  void Compute(const Entry& entry, Row& row, std::array<Fp32, kRegisters>& registers,
               int64_t element) {
    const auto operand = [&](int64_t source, Fp32 constant) {
      if (source < kRegisters) return registers[static_cast<size_t>(source)];
      if (source == 8) return entry.immediate;
      return source < 9 + kScalars ? row.scalars[static_cast<size_t>(source - 9)] : constant;
    };
    const auto is_register = [](int64_t source) { return source < kRegisters; };
    const auto is_scalar = [](int64_t source) { return source >= 9 && source < 9 + kScalars; };
    const bool both = (is_register(entry.y) && is_register(entry.z)) ||
                      (is_scalar(entry.y) && is_scalar(entry.z));
    const Fp32 x = operand(is_scalar(entry.x) ? 15 : entry.x, numerics::kFp32One);
    const Fp32 y = operand(entry.y, numerics::kFp32One);
    const Fp32 z = operand(both ? 15 : entry.z, kMinusZero);
    if (entry.reduces()) {
      Fp32& partial = row.partials[ScalarOf(entry)][static_cast<size_t>(element % kPartials)];
      partial = entry.operation == VectorOperation::kSum
                    ? numerics::Add(partial, numerics::Multiply(x, y))
                    : Quiet(numerics::Maximum(x, partial));
      return;
    }
    registers[static_cast<size_t>(entry.destination)] = Quiet(Result(entry, x, y, z));
  }

  static Fp32 Result(const Entry& entry, Fp32 x, Fp32 y, Fp32 z) {
    switch (entry.operation) {
      case VectorOperation::kMulAdd: {
        const Fp32 product = numerics::Multiply(x, y);
        return numerics::Add(entry.negate_product ? numerics::Negated(product) : product,
                             entry.negate_z ? numerics::Negated(z) : z);
      }
      case VectorOperation::kMax:
        return numerics::Maximum(x, z);
      case VectorOperation::kMin:
        return numerics::Minimum(x, z);
      case VectorOperation::kLess:
        return numerics::IsLess(x, z) ? numerics::kFp32One : 0;
      case VectorOperation::kEqual:
        return numerics::IsEqual(x, z) ? numerics::kFp32One : 0;
      case VectorOperation::kSelect:
        return numerics::IsZero(z) ? x : y;
      case VectorOperation::kKeep:
        return numerics::IsZero(z) ? y : x;
      case VectorOperation::kRint:
        return numerics::RoundToWhole(x);
      case VectorOperation::kExp2:
        return numerics::PowerOfTwo(x);
      case VectorOperation::kDivide:
        return numerics::Divide(x, y);
      case VectorOperation::kSquareRoot:
        return numerics::SquareRoot(x);
      default: {
        const int64_t format = std::min(entry.format, kFormatFp32);
        return VectorValue(format, VectorCode(format, x, entry.saturates));
      }
    }
  }

  const VectorCommand& command_;
  int64_t part_;       ///< elements of a row
  int64_t group_ = 1;  ///< rows
  VectorMemory& memory_;
  std::vector<Row> rows_;
  std::vector<std::array<Fp32, kRegisters>> registers_;  ///< [row][element of the part]
  std::array<bool, kScalars> begun_ = {};
  std::array<VectorOperation, kScalars> last_ = {};
};

}  // namespace

Fp32 VectorValue(int64_t format, uint32_t code) {
  if (format == 0) return numerics::FromInteger(static_cast<int8_t>(code));
  return format == kFormatFp32 ? Quiet(code) : numerics::FromFormat(FormatOf(format), code);
}

uint32_t VectorCode(int64_t format, Fp32 value, bool saturate) {
  if (format == 0) return static_cast<uint8_t>(numerics::ToInteger(value, -128, 127));
  if (format == kFormatFp32) return Quiet(value);
  return numerics::ToFormat(
      FormatOf(format), value,
      saturate ? numerics::Overflow::kSaturates : numerics::Overflow::kInfinity);
}

bool RunVectorProgram(const VectorCommand& command, int64_t lanes, VectorMemory& memory) {
  return Program(command, lanes, memory).Run();
}

}  // namespace npugen::functional

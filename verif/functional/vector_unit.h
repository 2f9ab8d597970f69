// SPDX-License-Identifier: Apache-2.0
// The vector unit of the functional model (docs/machine.md, 4.10).
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "generator/arch/vector_operations.h"
#include "sw/numerics/fp32.h"

namespace npugen::functional {

/// An operand or a result: row y begins at (base + y * step) modulo 2^25.
struct VectorStream {
  int64_t base = 0;
  int64_t step = 0;
  int64_t format = 0;   ///< of 4.9, or 4: fp32
  bool single = false;  ///< one element for all of a row
};

struct VectorCommand {
  int64_t rows = 0;
  int64_t elements = 0;                 ///< of a row
  std::array<VectorStream, 5> streams;  ///< a, b, c, d, e
  bool saturate = false;
};

/// What a program reads and writes; each function returns false to stop it.
class VectorMemory {
 public:
  virtual ~VectorMemory() = default;
  /// Entry k of the program.
  virtual bool Entry(int64_t k, uint64_t* entry) = 0;
  /// Whether `bytes` bytes from `address` on, those of a row, are in PE memory.
  virtual bool Row(int64_t address, int64_t bytes) = 0;
  virtual bool Read(int64_t address, uint8_t* byte) = 0;
  virtual bool Write(int64_t address, uint8_t byte) = 0;
  /// Work was done on so many elements.
  virtual bool Spend(uint64_t elements) = 0;
};

/// Runs the program; false where `memory` stopped it.
bool RunVectorProgram(const VectorCommand& command, int64_t lanes, VectorMemory& memory);

/// An element's value as FP32, and back (formats of VECTOR).
numerics::Fp32 VectorValue(int64_t format, uint32_t code);
uint32_t VectorCode(int64_t format, numerics::Fp32 value, bool saturate);

}  // namespace npugen::functional

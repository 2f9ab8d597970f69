// SPDX-License-Identifier: Apache-2.0
// The parts of a 32-bit RISC-V ELF file that booting and measuring firmware need.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "generator/support/diagnostic.h"

namespace npugen {

/// A program for a 32-bit RISC-V CPU. Tables of the file were checked: accesses stay inside of it.
class ElfFile {
 public:
  /// Part of the program that is loaded.
  struct Segment {
    uint32_t address = 0;
    std::span<const uint8_t> bytes;
    bool executable = false;
  };
  /// A function of the program.
  struct Function {
    std::string_view name;
    std::string_view source;  ///< name of the source file of a static function, else empty
    uint32_t bytes = 0;
  };

  /// Takes the bytes of a file. Error: kModelInput with `path` when they are no program for a
  /// 32-bit RISC-V CPU, or its tables lead out of the file.
  static Result<ElfFile> Parse(std::vector<uint8_t> bytes, const std::string& path);
  /// Reads the file at `path`. Errors: kFileRead, those of Parse().
  static Result<ElfFile> Read(const std::string& path);

  /// e_flags: 0 for code without compressed instructions and floating point.
  uint32_t flags() const { return Word(36); }
  uint32_t entry() const { return Word(24); }
  std::vector<Segment> Segments() const;
  /// Bytes of the executable segments.
  uint32_t CodeBytes() const;
  /// The content of a section; empty if there is none.
  std::string Section(std::string_view name) const;
  /// Functions of the symbol table; none in a stripped file.
  std::vector<Function> Functions() const;

 private:
  struct Table {
    uint32_t offset = 0, entry_bytes = 0, entries = 0;
    uint32_t At(uint32_t i) const { return offset + i * entry_bytes; }
  };
  explicit ElfFile(std::vector<uint8_t> bytes) : bytes_(std::move(bytes)) {}
  bool Valid() const;
  bool Inside(uint32_t offset, uint64_t bytes) const { return offset + bytes <= bytes_.size(); }
  bool Inside(const Table& table) const {
    return Inside(table.offset, uint64_t{table.entries} * table.entry_bytes);
  }
  Table ProgramHeaders() const { return {Word(28), Half(42), Half(44)}; }
  Table SectionHeaders() const { return {Word(32), Half(46), Half(48)}; }
  uint32_t Word(uint32_t offset) const;
  uint32_t Half(uint32_t offset) const { return Word(offset) & 0xffff; }
  std::string_view Text(uint32_t offset) const;
  std::vector<uint8_t> bytes_;
};

}  // namespace npugen

// SPDX-License-Identifier: Apache-2.0
// Reads ELF tables.
#include "verif/board/elf_file.h"

#include <cstring>

#include "generator/support/file.h"

namespace npugen {
namespace {

constexpr uint64_t kMostBytes = 64 << 20;
constexpr uint32_t kHeaderBytes = 52;
constexpr uint32_t kProgramHeaderBytes = 32, kSectionHeaderBytes = 40, kSymbolBytes = 16;
constexpr uint32_t kRiscv = 243;
constexpr uint32_t kLoad = 1;                       // type of a segment
constexpr uint32_t kSymbolTable = 2, kNoBits = 8;   // types of a section
constexpr uint32_t kFunction = 2, kSourceFile = 4;  // types of a symbol
constexpr uint32_t kLocal = 0;                      // binding of a symbol

}  // namespace

Result<ElfFile> ElfFile::Parse(std::vector<uint8_t> bytes, const std::string& path) {
  ElfFile file(std::move(bytes));
  if (file.Valid()) return file;
  return Diagnostic{DiagnosticCode::kModelInput,
                    {path, 0, 0},
                    "it is no program (ELF) for a 32-bit RISC-V CPU, or it is damaged",
                    "docs/integration.md says how the firmware example is built"};
}

Result<ElfFile> ElfFile::Read(const std::string& path) {
  Result<std::vector<uint8_t>> bytes = ReadFileBytes(path, kMostBytes);
  if (!bytes) return bytes.errors();
  return Parse(std::move(*bytes), path);
}

bool ElfFile::Valid() const {
  constexpr char kIdentity[] = "\177ELF\1\1";  // 32 bits, little endian
  if (bytes_.size() < kHeaderBytes || bytes_.size() > kMostBytes ||
      std::memcmp(bytes_.data(), kIdentity, sizeof kIdentity - 1) != 0 || Half(18) != kRiscv) {
    return false;
  }
  const Table programs = ProgramHeaders(), sections = SectionHeaders();
  if ((programs.entries != 0 && programs.entry_bytes < kProgramHeaderBytes) ||
      (sections.entries != 0 && sections.entry_bytes < kSectionHeaderBytes) || !Inside(programs) ||
      !Inside(sections) || (sections.entries != 0 && Half(50) >= sections.entries)) {
    return false;
  }
  for (uint32_t i = 0; i < programs.entries; ++i) {
    const uint32_t row = programs.At(i);
    if (Word(row) == kLoad && !Inside(Word(row + 4), Word(row + 16))) return false;
  }
  for (uint32_t i = 0; i < sections.entries; ++i) {
    const uint32_t row = sections.At(i);
    if (Word(row + 4) != kNoBits && !Inside(Word(row + 16), Word(row + 20))) return false;
  }
  return true;
}

uint32_t ElfFile::Word(uint32_t offset) const {
  uint32_t value = 0;
  if (Inside(offset, sizeof value)) std::memcpy(&value, bytes_.data() + offset, sizeof value);
  return value;
}

std::string_view ElfFile::Text(uint32_t offset) const {
  if (offset >= bytes_.size()) return {};
  const char* begin = reinterpret_cast<const char*>(bytes_.data()) + offset;
  return {begin, strnlen(begin, bytes_.size() - offset)};
}

std::vector<ElfFile::Segment> ElfFile::Segments() const {
  std::vector<Segment> segments;
  const Table table = ProgramHeaders();
  for (uint32_t i = 0; i < table.entries; ++i) {
    const uint32_t row = table.At(i);
    if (Word(row) != kLoad) continue;
    segments.push_back({Word(row + 8), std::span(bytes_).subspan(Word(row + 4), Word(row + 16)),
                        (Word(row + 24) & 1) != 0});
  }
  return segments;
}

uint32_t ElfFile::CodeBytes() const {
  uint32_t bytes = 0;
  for (const Segment& segment : Segments()) {
    if (segment.executable) bytes += static_cast<uint32_t>(segment.bytes.size());
  }
  return bytes;
}

std::string ElfFile::Section(std::string_view name) const {
  const Table table = SectionHeaders();
  if (table.entries == 0) return {};
  const uint32_t names = Word(table.At(Half(50)) + 16);
  for (uint32_t i = 0; i < table.entries; ++i) {
    const uint32_t row = table.At(i);
    if (Text(names + Word(row)) != name || Word(row + 4) == kNoBits) continue;
    return {reinterpret_cast<const char*>(bytes_.data()) + Word(row + 16), Word(row + 20)};
  }
  return {};
}

std::vector<ElfFile::Function> ElfFile::Functions() const {
  std::vector<Function> functions;
  const Table sections = SectionHeaders();
  for (uint32_t i = 0; i < sections.entries; ++i) {
    const uint32_t row = sections.At(i);
    if (Word(row + 4) != kSymbolTable || Word(row + 24) >= sections.entries) continue;
    const uint32_t names = Word(sections.At(Word(row + 24)) + 16);
    std::string_view source;
    for (uint32_t at = 0; at + kSymbolBytes <= Word(row + 20); at += kSymbolBytes) {
      const uint32_t symbol = Word(row + 16) + at;
      const uint32_t info = Word(symbol + 12) & 0xff;
      const std::string_view name = Text(names + Word(symbol));
      // Static symbols follow the name of their source file.
      if ((info & 15) == kSourceFile) source = name;
      if ((info & 15) != kFunction) continue;
      functions.push_back(
          {name, info >> 4 == kLocal ? source : std::string_view(), Word(symbol + 8)});
    }
  }
  return functions;
}

}  // namespace npugen

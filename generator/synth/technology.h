// SPDX-License-Identifier: Apache-2.0
// A technology as data (constraints/tech): its cell library, the cells that the flow itself places,
// its memories.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "generator/support/diagnostic.h"
#include "generator/synth/liberty.h"

namespace npugen {

/// The technology that holds where none is named.
inline constexpr const char* kDefaultTechnology = "osu018";

/// A cell library as it was read.
struct LibraryFile {
  std::string path;  ///< absolute
  std::string text;
  CellLibrary cells;
};

/// Reads the library at `path`. Error: kFileRead. `hint` says what to do when it is missing.
Result<LibraryFile> LoadLibrary(const std::string& path, const std::string& hint = "");

/// A cell that the description names, and where it does so.
struct TechnologyCell {
  std::string name;
  SourceLocation location;
};

struct FullAdderCell {
  TechnologyCell cell;
  std::string a, b, c, sum, carry;  ///< pins
};

/// Transparent while `enable` is 1.
struct LatchCell {
  TechnologyCell cell;
  std::string data, enable, output;  ///< pins
  double area = 0;                   ///< of the latch and an inverter of its enable
};

/// Coefficients of the analytical model of memories (memory_model.h); areas in square micrometres,
/// times in nanoseconds, energies in picojoules.
struct MemoryCoefficients {
  double bit_area = 0, row_area = 0, column_area = 0, fixed_area = 0;
  double access_time = 0, setup_time = 0, row_time = 0, column_time = 0;
  double access_energy = 0, bit_energy = 0, cell_energy = 0;
};

struct Technology {
  std::string file;     ///< of the description
  std::string name;     ///< an identifier
  std::string title;    ///< for reports
  std::string liberty;  ///< path
  std::string package;  ///< Debian package that has the library; may be empty
  double voltage = 0;
  double area_unit = 1;  ///< square micrometres of one unit of areas in the library
  TechnologyCell nand2;
  std::optional<TechnologyCell> inverter, buffer, clock_and;
  std::optional<FullAdderCell> full_adder;
  std::optional<LatchCell> latch;
  std::string driving_cell;     ///< of inputs; empty: inputs are driven ideally
  double input_transition = 0;  ///< nanoseconds
  double output_load = 0;       ///< picofarads
  uint32_t max_loads = 0;       ///< of a net; more get a tree of buffers. 0: never
  std::optional<MemoryCoefficients> memory;

  /// Area of one gate equivalent in units of the library.
  double gate_area = 0;  ///< set by LoadTechnology()
};

/// A description and the library that it names.
struct TechnologyLibrary {
  Technology technology;
  LibraryFile library;

  /// Gate equivalents of an area in the library's units.
  double GateEquivalents(double area) const { return area / technology.gate_area; }
};

/// Reads a description. Errors with the place: those of YAML and keys (group S).
Result<Technology> ReadTechnology(const std::string& text, const std::string& file);

/// The names of the technologies that the program has.
std::vector<std::string> TechnologyNames();

/// Reads the technology `name`: one of TechnologyNames(), or a file that describes one. `liberty`,
/// unless empty, takes the place of the path of its library. Errors: kUsageValue for a name that is
/// neither, those of ReadTechnology() and LoadLibrary(), kTechnologyCell when the library lacks a
/// cell or pin that the description names.
Result<TechnologyLibrary> LoadTechnology(const std::string& name, const std::string& liberty = "");

}  // namespace npugen

// SPDX-License-Identifier: Apache-2.0
// A mapped design as one netlist of cells, for timing: trees of buffers, Verilog, names of
// registers.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "generator/support/diagnostic.h"
#include "generator/synth/design.h"
#include "generator/synth/technology.h"

namespace npugen {

using FlatNet = uint32_t;
inline constexpr FlatNet kFlatZero = 0;  ///< always 0
inline constexpr FlatNet kFlatOne = 1;   ///< always 1

/// A cell of the library, a latch of a clock gate, or a memory.
struct FlatType {
  enum class Kind : uint8_t { kLogic, kFlipFlop, kLatch, kMemory };
  std::string name;
  Kind kind = Kind::kLogic;
  std::vector<std::string> pins;  ///< bits of vectors are pins `name_0`, `name_1`
  std::vector<bool> outputs;      ///< by pin
  double area = 0;                ///< in the library's units; 0 for memories
  std::string box;                ///< of a memory: the name that Yosys gives
};

struct FlatCell {
  uint32_t type = 0;
  uint32_t first_pin = 0;  ///< in FlatNetlist::pins, one for each of the type's
  uint32_t place = 0;      ///< the instance that it is in
};

/// An instance of a module.
struct FlatPlace {
  uint32_t parent = 0;
  std::string name;  ///< in the parent
  std::string rtl;   ///< RTL module
};

struct FlatPort {
  std::string name;
  bool input = false;
  std::vector<FlatNet> nets;
};

struct FlatNetlist {
  std::vector<FlatType> types;
  std::vector<FlatCell> cells;
  std::vector<FlatNet> pins;
  std::vector<FlatPlace> places;  ///< the first is the top
  std::vector<FlatPort> ports;    ///< of the top
  FlatNet nets = 2;
  /// By flip-flop and memory (index of the cell): the name in its module, such as `state_q[2]`.
  std::vector<std::pair<uint32_t, std::string>> names;

  /// `u_dma.u_load.state_q[2]`: of a flip-flop or memory; of other cells the path of the instance.
  std::string Path(uint32_t cell) const;
  std::string InstancePath(uint32_t place) const;  ///< empty for the top
  double Area() const;
};

/// Puts the modules together. Error: kToolFailed when widths of ports do not fit.
Result<FlatNetlist> Flatten(const Design& design, const TechnologyLibrary& technology);

/// What AddBuffers() did.
struct BufferTrees {
  uint64_t nets = 0;           ///< that had too many loads
  uint64_t buffers = 0;        ///< added
  uint64_t largest_loads = 0;  ///< of a net before
};

/// Puts trees of the technology's buffer between nets with more than its `max_loads` loads and
/// these. Clocks (nets that reach a clock pin) are left to the clock tree of a back end.
BufferTrees AddBuffers(const TechnologyLibrary& technology, FlatNetlist* netlist);

/// The netlist as structural Verilog of the module npu_top; cell i is instance `ci`, net n `nn`;
/// comments name instances of modules and registers.
/// Latches become the technology's cell behind an inverter.
std::string FlatVerilog(const FlatNetlist& netlist, const TechnologyLibrary& technology);

/// The netlist as Yosys' `write_json` prints one without hierarchy, with `memories` (black boxes of
/// MappedDesign) beside it: what simulation of netlists reads.
std::string FlatJson(const FlatNetlist& netlist, const MappedDesign& mapped);

}  // namespace npugen

// SPDX-License-Identifier: Apache-2.0
// A mapped netlist as one flat graph: gates, registers and memories between nets.
//
// Yosys maps each unique module once and writes the hierarchy (generator/synth/mapping.h); reading
// it makes an instance of everything. What a cell does is read from the cell library.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "generator/support/diagnostic.h"
#include "generator/synth/liberty.h"

namespace npugen {

using NetId = uint32_t;
inline constexpr NetId kNetZero = 0;  ///< always 0
inline constexpr NetId kNetOne = 1;   ///< always 1

/// One output of a cell as a function of nets.
struct NetlistGate {
  NetId output = kNetZero;
  uint32_t input_count = 0;
  std::array<NetId, kMaxTableInputs> inputs = {};
  /// Bit i: the output when inputs[k] has the value of bit k of i; valid for all 64 values of i.
  uint64_t table = 0;
  /// A latch: `output` is also one of the inputs, and holds its value where the table says so.
  bool holds = false;
};

struct NetlistFlipFlop {
  NetId clock, data, output;
  bool falling;  ///< takes `data` when `clock` falls
};

/// A memory of one of the two cells that stay black boxes (rtl/cells). With byte enables it has one
/// port: `enable` is an access, which reads when no byte enable is set. Without, `enable` is that
/// of the write port, and a read of the word that is written gives the old content.
struct NetlistMemory {
  uint32_t depth = 0;  ///< words
  NetId clock = kNetZero;
  NetId enable = kNetZero;
  std::vector<NetId> byte_enables;  ///< empty: npu_ram_1r1w
  std::vector<NetId> address;       ///< of the write port; lowest bit first, like all vectors
  std::vector<NetId> write_data;
  NetId read_enable = kNetZero;  ///< npu_ram_1r1w only, as read_address
  std::vector<NetId> read_address;
  std::vector<NetId> read_data;
};

struct NetlistPort {
  std::string name;
  bool input = false;
  std::vector<NetId> nets;
};

struct Netlist {
  NetId nets = 2;  ///< 0..nets - 1 are in use
  std::vector<NetlistGate> gates;
  std::vector<NetlistFlipFlop> flip_flops;
  std::vector<NetlistMemory> memories;
  std::vector<NetlistPort> ports;  ///< of the top module
  /// Nets that nothing drives and something reads, and constants that may be anything (x).
  std::vector<NetId> unknown;
  /// By number of a bit of the top module in the text: its net.
  std::map<uint32_t, NetId> top_bits;
};

/// Reads what Yosys' `write_json` printed, with npu_top as top. Errors: kToolFailed (`path`: of the
/// text) when the text is not understood, a cell is neither in `cells` nor a memory, its logic is
/// not known, or a net has two drivers.
Result<Netlist> ReadNetlist(const std::string& json, const CellLibrary& cells,
                            const std::string& path);

/// What is left of an instance that was cut out of a module: its ports.
struct CutInstance {
  std::string name;                               ///< in the module, such as `gen_bank[1].u_ram`
  std::string rtl;                                ///< RTL module
  std::map<std::string, std::string> parameters;  ///< as of ModuleNetlist
  size_t port_count = 0;
  /// Connected ones; `input`: an output of the instance, which is an input of what is left.
  std::vector<NetlistPort> ports;
};

/// One unique module (with its parameters) of a mapped design by itself. The modules and memories
/// inside it are cut out; clock gates are not.
struct ModuleNetlist {
  std::string name;                               ///< as Yosys calls it
  std::string rtl;                                ///< RTL module
  std::map<std::string, std::string> parameters;  ///< bits, highest first
  std::vector<NetlistPort> ports;                 ///< of the module
  std::vector<CutInstance> instances;
  Netlist netlist;  ///< its ports: those of the module, then those of the instances in turn
};

/// Reads all unique modules of what Yosys' `write_json` printed.  Errors as of ReadNetlist().
Result<std::vector<ModuleNetlist>> ReadModuleNetlists(const std::string& json,
                                                      const CellLibrary& cells,
                                                      const std::string& path);

/// The same text without names of nets and sources, which readers do not need: a quarter of it.
Result<std::string> CompactNetlist(const std::string& json, const std::string& path);

}  // namespace npugen

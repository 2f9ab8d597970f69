// SPDX-License-Identifier: Apache-2.0
// What a program's command stream moves and keeps, layer by layer, read off its commands: no
// simulation is needed.
#pragma once

#include <cstdint>
#include <vector>

#include "generator/arch/command_set.h"
#include "generator/config/npu_config.h"
#include "sw/compiler/program.h"

namespace npugen {

/// The commands of the stream at byte `offset` of the program's image, as far as it can be cut into
/// commands.
std::vector<Command> StreamCommands(const Program& program, uint32_t offset);

/// Bytes on the bus of the boxes that a layer's LOADs and STOREs move. What a LOAD gives to several
/// PEs counts once, and its padding counts as if it were read.
struct LayerTraffic {
  uint64_t bytes_loaded = 0;
  uint64_t bytes_stored = 0;
  uint64_t parameter_bytes = 0;  ///< of bytes_loaded: to core memory
  uint64_t parameter_room = 0;   ///< of core memories that would keep them, in all cores
};

/// What fills a block of memory.
enum class BlockContent : uint8_t {
  kInput,       ///< loaded from the input window
  kTile,        ///< loaded from the scratch window, for a part of a layer at a time
  kActivation,  ///< computed
  kParameters,  ///< weights, records and tables
  kCached,      ///< parameters of an earlier job
};
std::string_view BlockContentName(BlockContent content);

/// Addresses that hold data of one layer for a time. Strided data are given by their hull, and
/// memories of several PEs or cores are laid on top of each other.
struct MemoryBlock {
  bool core_memory = false;  ///< else PE memory
  BlockContent content = BlockContent::kActivation;
  uint32_t layer = 0;  ///< position in Program::layers of the layer that writes or loads it
  uint64_t begin = 0, end = 0;   ///< byte addresses
  uint32_t first = 0, last = 0;  ///< layers during which it holds data, by position
};

struct StreamSummary {
  std::vector<LayerTraffic> layers;  ///< by Program::layers
  std::vector<MemoryBlock> blocks;
};

/// Sums up the stream of `program` that loads all parameters, or, with `warm`, the one that finds
/// them.
StreamSummary SummarizeStream(const NpuConfig& config, const Program& program, bool warm);

}  // namespace npugen

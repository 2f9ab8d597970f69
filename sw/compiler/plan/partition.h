// SPDX-License-Identifier: Apache-2.0
// Stage 2a: how the PEs share a layer's work.
#pragma once

#include <cstdint>
#include <vector>

#include "generator/config/npu_config.h"
#include "sw/compiler/lower/layer.h"

namespace npugen::compiler {

/// Bytes [begin, end) of a storage, or rows, or groups; empty where begin == end.
struct Range {
  int64_t begin = 0, end = 0;
  bool empty() const { return begin >= end; }
  int64_t size() const { return empty() ? 0 : end - begin; }
  friend bool operator==(const Range&, const Range&) = default;
};

/// The smallest range that holds both.
Range Hull(const Range& a, const Range& b);
Range Intersection(const Range& a, const Range& b);

/// What one PE does of a layer.
struct Share {
  Range rows;    ///< output rows of all images one below the other; empty: the PE rests
  Range groups;  ///< output channel groups
  friend bool operator==(const Share&, const Share&) = default;
};

/// Whether a channel of the output depends on the same channel of the input only.
bool KeepsChannels(const Layer& layer);

enum class Split : uint8_t {
  kRows,    ///< PEs share the output rows, and all use the same parameters
  kGroups,  ///< PEs share the output channels, and all need the whole input
  kCopy,    ///< the DMA works, not the PEs
};

struct Partition {
  Split split = Split::kRows;
  std::vector<Share> shares;  ///< of each PE
  friend bool operator==(const Partition&, const Partition&) = default;
};

/// Divides every layer so that computing and telling the other PEs what they need of the result
/// take the fewest cycles together. Parameters that several PEs need cost `copies` times the cycles
/// of loading each of their copies, if core memory cannot hold everything.
std::vector<Partition> PartitionLayers(const LoweredModel& lowered, const NpuConfig& config,
                                       double copies);

/// A stretch of output rows within one image.
struct Piece {
  int64_t image = 0;
  Range rows;
};
/// `rows` (of all images) cut at image borders and into pieces of at most `most` rows.
std::vector<Piece> PiecesOf(const Geometry& geometry, const Range& rows, int64_t most);

/// Bytes of each input that a piece reads: from FirstInputRow on.
Range InputBytes(const Geometry& geometry, const Piece& piece);
/// Bytes of the output where a piece lies, all channels.
Range OutputBytes(const Geometry& geometry, const Piece& piece);

/// Hull of the bytes that a PE reads of input number `input`, and that it writes of the output
/// (with Split::kGroups between bytes of other PEs). Copies read all on PE 0.
Range ShareInputBytes(const Layer& layer, const Partition& partition, int64_t pe, size_t input);
Range ShareOutputBytes(const Layer& layer, const Partition& partition, int64_t pe);
/// Input channels that a PE reads: its own ones where channels do not meet, else all.
Range ShareInputChannels(const Layer& layer, const Partition& partition, int64_t pe, size_t input);

}  // namespace npugen::compiler

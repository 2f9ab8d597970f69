// SPDX-License-Identifier: Apache-2.0
// Stage 2: which tensors stay in PE memory, which live in memory and pass through it tile by tile.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "generator/config/npu_config.h"
#include "generator/support/diagnostic.h"
#include "sw/compiler/lower/layer.h"
#include "sw/compiler/plan/partition.h"
#include "sw/model/model.h"

namespace npugen::compiler {

/// Where a storage stands.
struct Placement {
  bool resident = true;  ///< in PE memory for as long as it lives
  bool fused = false;    ///< lives only in tiles, within a group
  /// PE memory address, the same in all PEs, of the first byte that a PE stores. When resident.
  int64_t address = 0;
  std::vector<Range> needed;  ///< bytes that each PE's commands read
  /// Of every position of `channels` bytes, those that each PE's commands read. channels 0: all
  /// (readers count channels in different ways), -1: nobody reads it.
  std::vector<Range> needed_channels;
  int64_t channels = -1;
  std::vector<Range> stored;  ///< bytes that each PE has room for: what it needs and what it writes
  int64_t scratch_offset = -1;          ///< window 1, or -1
  int64_t input_offset = -1;            ///< window 2, or -1
  std::vector<int64_t> output_offsets;  ///< window 3
  int64_t constant_offset = -1;         ///< window 0, or -1
  int64_t state_offset = -1;            ///< window 3: of an input that is a state, or -1
  bool kept = false;                    ///< stored to scratch_offset for checking

  /// PE memory address that byte `byte` has in PE `pe`.
  int64_t AddressOf(int64_t pe, int64_t byte) const { return address + byte - stored[pe].begin; }
};

/// Layers [first, last] whose tiles are computed one after the other before the next tile begins:
/// each but the first reads rows of the one before that have just been computed, or that are copied
/// from the tile before, and these rows never go to memory. Most groups are single layers.
struct LayerGroup {
  int32_t first = 0, last = 0;
};

/// A buffer in PE memory for a storage that is not resident.
struct TileBuffer {
  int32_t storage = 0;
  int64_t bytes = 0;      ///< of one buffer
  int64_t address = 0;    ///< of the first buffer; the second follows at `bytes`
  bool residual = false;  ///< for its rows that results are added to
};

/// Buffers for the tiles of a group, the same in all PEs: for what its layers read from memory, for
/// what is stored there, and for rows between its layers. A copy to memory, or from memory in short
/// runs, has one buffer for bytes on their way, in PE 0.
struct TilePlan {
  int64_t rows = 0;     ///< output rows of a tile in one PE; copies: units of kCopyUnit bytes
  int64_t buffers = 1;  ///< 2: loads, compute and stores of neighbouring tiles overlap
  std::vector<TileBuffer> operands;  ///< empty: all are resident, and there is one tile

  /// The buffer of a storage, or null where it is resident.
  const TileBuffer* Find(int32_t storage, bool residual = false) const;
};

inline constexpr int64_t kCopyUnit = 64;

/// Runs of fewer bytes take a burst from or to memory of their own, which costs more than their way
/// through a buffer in PE memory.
inline int64_t ShortRun(const NpuConfig& config) { return 3 * int64_t{config.axi_bytes()}; }

struct ActivationPlan {
  std::vector<Placement> placements;  ///< of each storage
  std::vector<LayerGroup> groups;     ///< all layers in order
  std::vector<TilePlan> tiles;        ///< of each group
  int64_t scratch_bytes = 0;
  int64_t input_bytes = 0;
  int64_t output_bytes = 0;
  bool parameters_weighed = false;  ///< they count: tiles of a group load some anew
};

/// Plans PE memory and the scratch, input and output windows. A state is read from the output
/// window, where its next value is written; SeparateState() is for those that this does not suit.
/// `keep_tensors` gives every operator's output a place of its own in the scratch window. With
/// `weigh_parameters` tiles are as large, and what fits in PE memory may leave it, as parameters
/// that tiles load anew make it seem best; whether that pays is a guess.
Result<ActivationPlan> PlanActivations(const Model& model, const LoweredModel& lowered,
                                       const std::vector<Partition>& partitions,
                                       const NpuConfig& config, bool keep_tensors,
                                       bool weigh_parameters);

/// Gives the value with which a state enters a run a place of its own in the output window.
void SeparateState(const LoweredModel& lowered, int32_t storage, ActivationPlan* plan);

}  // namespace npugen::compiler

// SPDX-License-Identifier: Apache-2.0
// Stage 2b: how parameters are cut into chunks, their image in memory, and their places in core
// memory.
#pragma once

#include <cstdint>
#include <vector>

#include "generator/config/npu_config.h"
#include "generator/support/diagnostic.h"
#include "sw/compiler/encode/step.h"
#include "sw/compiler/lower/layer.h"
#include "sw/compiler/plan/activation_plan.h"
#include "sw/model/model.h"

namespace npugen::compiler {

/// Parameters that one compute command uses: slices and records of some groups of one layer. Where
/// PEs share the groups (`per_pe`), groups count within each PE's share, and a PE with fewer groups
/// than others has nothing in the last rows.
struct Chunk {
  int32_t layer = 0;
  int64_t group_begin = 0, group_end = 0;
  bool per_pe = false;
  KernelPart part;
  bool first_part = true, last_part = true;
  /// First rows of weights and records (or of the table) within the chunk. Records come first, so
  /// that a command may begin with the first weights; those computed by the NPU come last.
  int64_t first_weight = 0, first_record = 0;
  int64_t record_rows = 0;  ///< of each block of records
  int64_t rows = 0;         ///< in all
  int32_t unit = -1;
  int64_t unit_row = 0;  ///< of its first row within the unit
};

/// Chunks that are loaded together: one contiguous block of `rows` rows for each core that computes
/// channels of theirs, and with `per_pe` for each such core of each PE.
struct LoadUnit {
  int64_t rows = 0;
  int64_t image_offset = 0;  ///< in the image, or in `storage`
  int64_t image_bytes = 0;   ///< of all blocks
  bool per_pe = false;       ///< false: all PEs get the same
  /// Cores that need it, the first ones of each PE; one number where all PEs get the same.
  std::vector<int64_t> cores;
  int32_t storage = -1;  ///< storage that holds it, computed by the NPU; -1: the image
  /// Of `storage`: rows of a block of slices, blocks in front of the records and rows that are
  /// stored for a core; and the blocks that core memory gets (Parameters).
  int64_t block_rows = 0, blocks = 0, stored_rows = 0;
  std::vector<int32_t> stored_blocks;
  int64_t cached_row = -1;  ///< stays in core memory from this row on; -1: it is streamed
};

struct ParameterPlan {
  std::vector<Chunk> chunks;
  std::vector<std::vector<int32_t>>
      layer_chunks;                ///< of each layer, groups outermost, parts inside
  std::vector<bool> split_kernel;  ///< of each layer: chunks are parts of a kernel
  bool there_and_back = false;     ///< parts of every other sum are used in reverse
  std::vector<LoadUnit> units;     ///< in the order of first use
  int64_t stream_rows = 0;         ///< core memory rows [0, stream_rows) are for streaming
  int64_t cached_bytes = 0;        ///< of the image that a warm run does not load
  std::vector<uint8_t> image;      ///< all units but those with a storage
};

/// What the plan of one model's parameters is made from.
struct ParameterInput {
  const Model* model;
  const LoweredModel* lowered;
  const std::vector<Partition>* partitions;
  const std::vector<LayerGroup>* groups;  ///< whose layers take turns
};

/// What is tried where not all parameters fit in core memory.
struct ParameterPolicy {
  int cached_eighths = 4;  ///< of core memory at most; the rest streams
  int chunk_parts = 3;     ///< chunks have at most the rows for streaming divided by this
};

/// Plans the parameters of models that share core memory. Decides which layers' parameters stay
/// there over inferences (as many as fit, those first whose loading would cost most time) and how
/// the others are streamed. Cached rows of different models are different; they stand above those
/// for streaming.
Result<std::vector<ParameterPlan>> PlanParameters(const std::vector<ParameterInput>& inputs,
                                                  const NpuConfig& config,
                                                  const ParameterPolicy& policy);

/// Appends a plan's cached units to the image of another model's program, and returns the LOADs
/// that load them there.
std::vector<Step> LoadCached(const ParameterPlan& plan, const NpuConfig& config,
                             std::vector<uint8_t>* image);

/// Walks `steps` (without parameter loads), gives every streamed unit a place in core memory, fills
/// in the rows of the compute commands and inserts LOADs before the first use. `placements` say
/// where storages are. `warm` omits the LOADs of cached units.
std::vector<Step> PlaceParameters(const ParameterPlan& plan, const NpuConfig& config,
                                  const std::vector<Placement>& placements,
                                  const std::vector<Step>& steps, bool warm);

}  // namespace npugen::compiler

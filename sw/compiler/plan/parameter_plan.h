// Stage 2b: how parameters are cut into chunks, their image in memory, and their places in core
// memory.
#pragma once

#include <cstdint>
#include <vector>

#include "generator/config/npu_config.h"
#include "generator/support/diagnostic.h"
#include "sw/compiler/lower/layer.h"
#include "sw/compiler/schedule/step.h"
#include "sw/model/model.h"

namespace npugen::compiler {

/// Ranges of the kernel loops, as a whole or cut (K-split).
struct KernelPart {
  int64_t k0_begin = 0, k0_count = 1;
  int64_t k1_begin = 0, k1_count = 1;
  int64_t k2_begin = 0, k2_count = 1;
};

/// Parameters that one compute command uses: slices and records of some groups of one layer.
struct Chunk {
  int32_t layer = 0;
  int64_t group_begin = 0, group_end = 0;
  KernelPart part;
  bool first_part = true, last_part = true;
  int64_t weight_rows = 0;  ///< core memory rows before the records
  int64_t rows = 0;         ///< in all
  int32_t unit = -1;
  int64_t unit_row = 0;  ///< of its first row within the unit
};

/// Chunks that are loaded together; contiguous in the image, one block of `rows` rows for each
/// core.
struct LoadUnit {
  int64_t rows = 0;
  int64_t image_offset = 0;
  bool all_cores = false;  ///< false: only core 0 needs it
};

struct ParameterPlan {
  std::vector<Chunk> chunks;
  std::vector<std::vector<int32_t>>
      layer_chunks;                ///< of each layer, groups outermost, parts inside
  std::vector<bool> split_kernel;  ///< of each layer: chunks are parts of a kernel
  std::vector<LoadUnit> units;     ///< in the order of first use
  bool cached = false;             ///< everything fits in core memory at once
  std::vector<uint8_t> image;      ///< all units
};

Result<ParameterPlan> PlanParameters(const Model& model, const LoweredModel& lowered,
                                     const NpuConfig& config);

/// Walks `steps` (without parameter loads), gives every unit a place in core memory, fills in the
/// rows of the compute commands and inserts LOADs before the first use. `warm` omits the LOADs of a
/// cached plan.
std::vector<Step> PlaceParameters(const ParameterPlan& plan, const NpuConfig& config,
                                  const std::vector<Step>& steps, int64_t image_base, bool warm);

}  // namespace npugen::compiler

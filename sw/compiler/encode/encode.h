// Stage 5a: layers and transfers become commands, field by field, with every range checked.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "generator/config/npu_config.h"
#include "sw/compiler/lower/layer.h"
#include "sw/compiler/plan/parameter_plan.h"
#include "sw/compiler/schedule/step.h"

namespace npugen::compiler {

/// A rectangle of output positions of one layer and image, for some groups and a part of the
/// kernel.
struct ComputeRequest {
  const Layer* layer;
  int64_t row_begin, row_end;        ///< output rows
  int64_t column_begin, column_end;  ///< output columns
  int64_t group_begin, group_end;
  KernelPart part;
  bool first_part = true, last_part = true;
  std::array<int64_t, 2> in_address{};  ///< PE memory address of input row FirstInputRow(row_begin)
  int64_t out_address = 0;              ///< PE memory address of output row row_begin, column 0
};

/// Fields that did not fit, such as "x_step = 16777216"; empty: all is well.
using FieldErrors = std::vector<std::string>;

/// Encodes a compute command (parameter rows are 0 until SetParameterRows).
Step EncodeCompute(const NpuConfig& config, const ComputeRequest& request, FieldErrors* errors);
/// Rows of the first weight slice (or table) and of the first block of records.
void SetParameterRows(Step* step, int64_t weight_row, int64_t param_row);

/// LOAD of `bytes` parameters from the program window into one core of PE 0.
Step EncodeParameterLoad(int64_t program_offset, int64_t core_address, int64_t bytes, int64_t core,
                         uint32_t tag);
/// LOAD of a contiguous run from a window to PE memory.
Step EncodeLoadRun(Window window, int64_t offset, int64_t address, int64_t bytes, uint32_t tag,
                   FieldErrors* errors);
/// STORE of a contiguous run.
Step EncodeStoreRun(Window window, int64_t offset, int64_t address, int64_t bytes, uint32_t tag,
                    FieldErrors* errors);
/// LOAD of rows [row_begin, row_end) of a copy layer. `source_offset` is the first byte of the
/// whole source in `window`, or in PE memory when `local_source`; `address` is where row
/// `row_begin` goes.
Step EncodeCopy(const Layer& layer, int64_t row_begin, int64_t row_end, bool local_source,
                Window window, int64_t source_offset, int64_t address, FieldErrors* errors);

}  // namespace npugen::compiler

// SPDX-License-Identifier: Apache-2.0
// Windows of storages, transfers of boxes.
#include "sw/compiler/tile/transfer.h"

#include <algorithm>

namespace npugen::compiler {
namespace {

/// Counts of the command set that bound the rows of one command.
constexpr int64_t kLargestCount = 0xffff;

}  // namespace

std::pair<Window, int64_t> SourceOf(const Placement& place) {
  if (place.input_offset >= 0) return {Window::kInput, place.input_offset};
  if (place.state_offset >= 0) return {Window::kOutput, place.state_offset};
  if (place.constant_offset >= 0) return {Window::kProgram, place.constant_offset};
  return {Window::kScratch, place.scratch_offset};
}

std::vector<std::pair<Window, int64_t>> TargetsOf(const Placement& place) {
  std::vector<std::pair<Window, int64_t>> targets;
  if (place.scratch_offset >= 0) targets.push_back({Window::kScratch, place.scratch_offset});
  for (int64_t output : place.output_offsets) targets.push_back({Window::kOutput, output});
  return targets;
}

void AppendTransfers(const NpuConfig& config, const Transfer& pattern, const Box& box,
                     std::vector<Step>* steps, FieldErrors* errors) {
  const bool load = pattern.engine == kLoadEngine;
  ForEachTransfer(box, [&](const Box& part) {
    Transfer transfer = pattern;
    transfer.run = part.run;
    transfer.global_offset += load ? part.source : part.target;
    transfer.local_address += load ? part.target : part.source;
    for (const Box::Loop& loop : part.loops) {
      transfer.dimensions.push_back({loop.count, load ? loop.source_stride : loop.target_stride,
                                     load ? loop.target_stride : loop.source_stride});
    }
    steps->push_back(EncodeTransfer(config, transfer, errors));
  });
}

int64_t MostCommandRows(const NpuConfig& config, const Layer& layer) {
  const Geometry& g = layer.geometry;
  int64_t rows = kLargestCount;
  if (In(layer.opcode, opcodes::kWalks)) {
    rows = std::min(rows, kLargestCount * config.accumulators / g.out_w);
    rows = std::min(rows, ((int64_t{1} << 24) - 1) / g.out_w);
    rows = std::min(rows, (kLargestCount - (g.kernel_h - 1) * g.dilation_h - 1) / g.stride_h + 1);
    if (g.stride_h > 255) rows = 1;
  } else if (layer.opcode == Opcode::kSoftmax) {
    rows = std::min(rows, ((int64_t{1} << 24) - 1) / g.in_row_bytes());
  }
  return std::max<int64_t>(rows, 1);
}

}  // namespace npugen::compiler

// SPDX-License-Identifier: Apache-2.0
// Plays a stream on intervals of addresses.
#include "verif/session/stream_summary.h"

#include <algorithm>
#include <bit>
#include <map>
#include <set>
#include <tuple>

#include "generator/support/check.h"

namespace npugen {
namespace {

/// Addresses [begin, end).
struct Hull {
  int64_t begin = 0, end = 0;
  bool empty() const { return begin >= end; }
};

uint32_t Word(const std::vector<uint8_t>& bytes, uint64_t at) {
  return uint32_t{bytes[at]} | uint32_t{bytes[at + 1]} << 8 | uint32_t{bytes[at + 2]} << 16 |
         uint32_t{bytes[at + 3]} << 24;
}

/// A box from `start` on, with the steps of four dimensions.
Hull BoxHull(const Command& command, int64_t start, std::span<const CommandField* const> strides) {
  const DmaFields f(command);
  const int64_t sizes[] = {f.size0, f.size1, f.size2, f.size3, f.size4};
  Hull hull = {start, start + f.size0};
  for (size_t d = 1; d < std::size(sizes); ++d) {
    const int64_t span = (std::max<int64_t>(sizes[d], 1) - 1) * command.Get(*strides[d]);
    (span < 0 ? hull.begin : hull.end) += span;
  }
  return hull;
}

/// Rows of `bytes` bytes.
Hull RowHull(int64_t base, int64_t rows, int64_t step, int64_t bytes) {
  return {base, base + (std::max<int64_t>(rows, 1) - 1) * step + bytes};
}

/// Rows of output positions of a compute command.
int64_t OutputRows(const Command& command) {
  if (In(command.opcode(), opcodes::kRows)) return command.Get(compute::out_h);
  const int64_t width = std::max<int64_t>(command.Get(compute::out_w), 1);
  return (command.Get(compute::positions) + width - 1) / width;
}

Hull ResultHull(const Command& command) {
  const ComputeFields f(command);
  if (!In(command.opcode(), opcodes::kWalks)) {
    const int64_t row = command.opcode() == Opcode::kArgMax ? sizeof(int32_t)
                        : command.opcode() == Opcode::kVector
                            ? f.row_bytes * ElementBytes(f.d_format)
                            : f.row_bytes;
    return RowHull(f.out_base, OutputRows(command), f.out_row_step, row);
  }
  const int64_t channels = std::min(f.group_channels, f.channels);
  int64_t bytes = f.bit_output != 0 ? (channels + 7) / 8 : channels;
  bytes += (std::max<int64_t>(f.groups, 1) - 1) * f.out_group_step;
  bytes += (std::max<int64_t>(std::min(f.out_w, f.positions), 1) - 1) * f.out_x_step;
  return RowHull(f.out_base, OutputRows(command), f.out_row_step, bytes);
}

/// The first operand.
Hull OperandHull(const Command& command) {
  const ComputeFields f(command);
  const int64_t rows = OutputRows(command);
  if (!In(command.opcode(), opcodes::kWalks)) {
    const int64_t bytes = command.opcode() == Opcode::kVector ? ElementBytes(f.a_format) : 1;
    return RowHull(f.act_base, rows, f.row_step, f.row_bytes * bytes);
  }
  const int64_t pitch = f.y_step > 0 ? f.row_step / f.y_step : f.row_step;
  const int64_t first = std::max<int64_t>(f.y_start, 0);
  const int64_t last =
      std::min(f.in_h - 1, f.y_start + (rows - 1) * f.y_step +
                               (std::max<int64_t>(f.win_rows, 1) - 1) * f.win_y_step);
  // The address is that of row y_start.
  return RowHull(f.act_base + (first - f.y_start) * pitch, last - first + 1, pitch, f.row_bytes);
}

/// Which blocks hold data, in one kind of memory.
class Memory {
 public:
  Memory(bool core_memory, std::vector<MemoryBlock>* done)
      : core_memory_(core_memory), done_(done) {}

  void Write(const Hull& hull, uint32_t layer, uint32_t now, BlockContent content) {
    if (hull.empty()) return;
    MemoryBlock block = {core_memory_,       content, layer, Unsigned(hull.begin),
                         Unsigned(hull.end), now,     now};
    std::vector<MemoryBlock> rest;
    for (MemoryBlock& old : live_) {
      const bool apart = old.end < block.begin || old.begin > block.end;
      if (!apart && old.layer == layer && old.content == content && old.first == now) {
        // Another piece of the same.
        block.begin = std::min(block.begin, old.begin);
        block.end = std::max(block.end, old.end);
        block.last = std::max(block.last, old.last);
      } else if (old.end <= block.begin || old.begin >= block.end) {
        rest.push_back(old);
      } else {
        done_->push_back(old);
      }
    }
    live_ = std::move(rest);
    live_.push_back(block);
  }

  void Read(const Hull& hull, uint32_t now) {
    if (hull.empty()) return;
    bool found = false;
    for (MemoryBlock& block : live_) {
      if (block.end <= Unsigned(hull.begin) || block.begin >= Unsigned(hull.end)) continue;
      block.last = std::max(block.last, now);
      found = true;
    }
    if (found || !core_memory_) return;
    Write(hull, now, 0, BlockContent::kCached);
    live_.back().last = now;
  }

  void End() { done_->insert(done_->end(), live_.begin(), live_.end()); }

 private:
  static uint64_t Unsigned(int64_t value) {
    return static_cast<uint64_t>(std::max<int64_t>(value, 0));
  }
  bool core_memory_;
  std::vector<MemoryBlock>* done_;
  std::vector<MemoryBlock> live_;
};

}  // namespace

std::string_view BlockContentName(BlockContent content) {
  switch (content) {
    case BlockContent::kInput:
      return "input";
    case BlockContent::kTile:
      return "tile";
    case BlockContent::kActivation:
      return "activation";
    case BlockContent::kParameters:
      return "parameters";
    case BlockContent::kCached:
      return "cached";
  }
  InternalError("a content of no kind");
}

std::vector<Command> StreamCommands(const Program& program, uint32_t offset) {
  std::vector<Command> commands;
  const uint64_t size = program.image.size();
  const uint64_t header = uint64_t{kStreamHeaderEntries} * kEntryBytes;
  if (offset + header > size) return commands;
  const uint64_t end =
      std::min(size, offset + uint64_t{Word(program.image, offset + kEntryBytes)} * kEntryBytes);
  for (uint64_t at = offset + header; at + kEntryBytes <= end;) {
    const uint32_t first = Word(program.image, at);
    const uint32_t words = (first >> 8 & 0xff) * kWordsPerEntry;
    if (FindOpcode(first & 0xff) == nullptr || words == 0 || at + words * 4 > end) break;
    std::vector<uint32_t> command(words);
    for (uint32_t i = 0; i < words; ++i) command[i] = Word(program.image, at + 4 * i);
    commands.emplace_back(std::move(command));
    at += words * 4;
  }
  return commands;
}

StreamSummary SummarizeStream(const NpuConfig& config, const Program& program, bool warm) {
  StreamSummary summary;
  summary.layers.resize(program.layers.size());
  std::map<uint32_t, uint32_t> layer_of_tag;
  for (uint32_t i = 0; i < program.layers.size(); ++i) layer_of_tag[program.layers[i].tag] = i;
  Memory pe(false, &summary.blocks), core(true, &summary.blocks);
  const int64_t row_bytes = config.core_row_bytes();
  std::set<std::tuple<int64_t, int64_t, uint32_t, int64_t>> loaded;  // to core memories
  uint32_t now = 0;                                                  // layer that computes
  for (const Command& command :
       StreamCommands(program, warm ? program.warm_offset : program.cold_offset)) {
    const auto found = layer_of_tag.find(command.tag());
    if (found == layer_of_tag.end() || command.entries() == 1) continue;
    const uint32_t layer = found->second;
    switch (InfoOf(command.opcode()).engine) {
      case EngineKind::kController:
        break;
      case EngineKind::kLoad: {
        const DmaFields f(command);
        if (f.local_source != 0) {
          pe.Read(BoxHull(command, f.global_offset, kGlobalStride), layer);
        } else {
          const auto bytes = static_cast<uint64_t>(BoxBytes(command));
          summary.layers[layer].bytes_loaded += bytes;
          if (f.core_memory != 0) {
            const auto members = [](uint64_t mask, uint32_t count) {
              return static_cast<uint64_t>(std::popcount(mask & ((uint64_t{1} << count) - 1)));
            };
            const uint64_t copies = members(command.pe_mask(), config.pes()) *
                                    members(static_cast<uint64_t>(f.core_mask), config.cores);
            summary.layers[layer].parameter_bytes += bytes;
            // What tiles load again needs its room once.
            const auto box = std::tuple(f.window, f.global_offset, command.pe_mask(), f.core_mask);
            if (loaded.insert(box).second) summary.layers[layer].parameter_room += bytes * copies;
          }
        }
        const Hull hull = BoxHull(command, f.local_address, kLocalStride);
        const bool input = f.window == static_cast<int64_t>(Window::kInput);
        if (f.core_memory != 0) {
          core.Write(hull, layer, now, BlockContent::kParameters);
        } else {
          pe.Write(hull, layer, std::min(now, layer),
                   f.local_source != 0 ? BlockContent::kActivation
                   : input             ? BlockContent::kInput
                                       : BlockContent::kTile);
        }
        break;
      }
      case EngineKind::kStore:
        summary.layers[layer].bytes_stored += static_cast<uint64_t>(BoxBytes(command));
        pe.Read(BoxHull(command, command.Get(dma::local_address), kLocalStride), layer);
        break;
      case EngineKind::kPe: {
        const ComputeFields f(command);
        now = std::max(now, layer);
        pe.Read(OperandHull(command), layer);
        if (In(command.opcode(), opcodes::kTwoOperands)) {
          pe.Read(RowHull(f.b_base, OutputRows(command), f.b_row_step, f.row_bytes), layer);
        }
        if (In(command.opcode(), opcodes::kArray)) {
          const int64_t groups = std::max<int64_t>(f.groups, 1);
          core.Read(
              {f.param_row * row_bytes, (f.param_row + groups * f.param_group_rows) * row_bytes},
              layer);
          core.Read(
              {f.weight_row * row_bytes, (f.weight_row + groups * f.weight_group_rows) * row_bytes},
              layer);
        }
        pe.Write(ResultHull(command), layer, layer, BlockContent::kActivation);
        break;
      }
    }
  }
  pe.End();
  core.End();
  std::sort(summary.blocks.begin(), summary.blocks.end(),
            [](const MemoryBlock& a, const MemoryBlock& b) {
              return std::tuple(a.core_memory, a.first, a.begin, a.layer) <
                     std::tuple(b.core_memory, b.first, b.begin, b.layer);
            });
  return summary;
}

}  // namespace npugen

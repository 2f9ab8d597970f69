// SPDX-License-Identifier: Apache-2.0
// Blocks: each is loaded, computed and stored by itself, in two buffers that take turns.
#include "sw/compiler/tile/blocks.h"

#include <algorithm>
#include <tuple>

#include "sw/compiler/plan/block_plan.h"
#include "sw/compiler/tile/box.h"
#include "sw/compiler/tile/transfer.h"

namespace npugen::compiler {
namespace {

/// Some output rows, columns and groups that one PE computes.
struct Block {
  int64_t pe;
  Piece piece;
  Range columns, groups;
};

/// The loops of a box of rows, planes, columns and bytes of each column: on one side dense, on the
/// other part of a tensor.
Box TensorBox(int64_t image_row, const Range& rows, int64_t planes, int64_t plane_bytes,
              int64_t pixel_bytes, const Range& columns, const Range& bytes, bool to_tensor) {
  const int64_t row_bytes = columns.size() * bytes.size();
  CopyBox box;
  const int64_t tensor =
      ((image_row + rows.begin) * planes) * plane_bytes + columns.begin * pixel_bytes + bytes.begin;
  const auto add = [&](int64_t count, int64_t tensor_stride, int64_t dense_stride) {
    box.dimensions.push_back({count, to_tensor ? dense_stride : tensor_stride,
                              to_tensor ? tensor_stride : dense_stride});
  };
  (to_tensor ? box.out_offset : box.in_offset) = tensor;
  add(bytes.size(), 1, 1);
  add(columns.size(), pixel_bytes, bytes.size());
  add(rows.size() * planes, plane_bytes, row_bytes);
  return NormalizedBox(box, /*fill=*/false);
}

class BlockEmitter {
 public:
  BlockEmitter(const NpuConfig& config, const LoweredModel& lowered, int32_t number,
               const Partition& partition, const std::vector<Placement>& placements,
               const TilePlan& tile, const ParameterPlan& parameters, std::vector<Step>* steps,
               FieldErrors* errors)
      : config_(config),
        layer_(lowered.layers[number]),
        size_(*layer_.blocks),
        partition_(partition),
        placements_(placements),
        tile_(tile),
        parameters_(parameters),
        chunks_(parameters.layer_chunks[number]),
        split_kernel_(parameters.split_kernel[number]),
        steps_(steps),
        errors_(errors),
        part_(layer_) {
    part_.parameters.weights.clear();
    part_.blocks.reset();
  }

  void Run() {
    if (chunks_.empty()) chunks_ = {-1};
    while (parts_ < chunks_.size() && chunks_[0] >= 0 &&
           ChunkOf(parts_).group_begin == ChunkOf(0).group_begin) {
      ++parts_;
    }
    std::vector<std::vector<Block>> blocks;
    size_t most = 0;
    for (int64_t pe = 0; pe < static_cast<int64_t>(config_.pes()); ++pe) {
      blocks.push_back(BlocksOf(pe));
      most = std::max(most, blocks.back().size());
    }
    for (size_t i = 0; i < most; ++i) {
      std::vector<Block> turn;
      for (const std::vector<Block>& of_pe : blocks) {
        if (i < of_pe.size()) turn.push_back(of_pe[i]);
      }
      if (size_.part_slices > 0) {
        EmitParts(turn);
      } else {
        EmitTurn(turn);
      }
    }
  }

 private:
  const Geometry& g() const { return layer_.geometry; }
  const Chunk& ChunkOf(size_t position) const { return parameters_.chunks[chunks_[position]]; }
  bool HasGroups() const { return In(layer_.opcode, opcodes::kWalks); }

  std::vector<Block> BlocksOf(int64_t pe) const {
    std::vector<Block> blocks;
    const Share& share = partition_.shares[pe];
    const Range groups = HasGroups() ? share.groups : Range{0, 1};
    const int64_t strip = HasGroups() ? size_.groups : 1;
    for (const Piece& piece : PiecesOf(g(), share.rows, size_.rows)) {
      for (int64_t column = 0; column < g().out_w; column += size_.columns) {
        for (int64_t group = groups.begin; group < groups.end; group += strip) {
          blocks.push_back({pe,
                            piece,
                            {column, std::min(column + size_.columns, g().out_w)},
                            {group, std::min(group + strip, groups.end)}});
        }
      }
    }
    return blocks;
  }

  int64_t Address(int32_t storage, int64_t buffer) const {
    const TileBuffer& operand = *tile_.Find(storage);
    return operand.address + buffer * operand.bytes;
  }

  /// Loads a box of every input to a buffer of some PEs.
  void Load(int64_t image, const InputBox& box, PeMask pes, int64_t buffer) {
    if (box.rows.empty()) return;
    const bool whole_rows = size_.part_slices > 0 && layer_.opcode == Opcode::kMatmul;
    for (size_t i = 0; i < layer_.inputs.size(); ++i) {
      const int32_t storage = layer_.inputs[i];
      if (i > 0 && storage == layer_.inputs[0]) continue;
      Transfer transfer;
      transfer.tag = static_cast<uint32_t>(layer_.tag);
      std::tie(transfer.window, transfer.global_offset) = SourceOf(placements_[storage]);
      transfer.global_offset += g().in_offset;
      transfer.local_address = Address(storage, buffer);
      transfer.pes = pes;
      AppendTransfers(config_, transfer,
                      TensorBox(image * g().in_h, box.rows, g().in_planes, g().in_plane_bytes(),
                                whole_rows ? g().in_plane_bytes() : g().in_c, box.columns,
                                box.bytes, /*to_tensor=*/false),
                      steps_, errors_);
    }
  }

  void Store(const Block& block, int64_t buffer) {
    Range bytes{0, g().out_c};
    if (HasGroups()) {
      bytes = Intersection(bytes, {block.groups.begin * layer_.group_bytes(),
                                   block.groups.end * layer_.group_bytes()});
    }
    const Box box = TensorBox(block.piece.image * g().out_h, block.piece.rows, g().out_planes,
                              g().out_plane_bytes(), g().out_c, block.columns, bytes,
                              /*to_tensor=*/true);
    for (const auto& [window, offset] : TargetsOf(placements_[layer_.output])) {
      Transfer transfer;
      transfer.engine = kStoreEngine;
      transfer.tag = static_cast<uint32_t>(layer_.tag);
      transfer.window = window;
      transfer.global_offset = offset + g().out_offset;
      transfer.pes = PeBit(block.pe);
      transfer.local_address = Address(layer_.output, buffer);
      AppendTransfers(config_, transfer, box, steps_, errors_);
    }
  }

  /// Sets geometry and groups of part_; groups count from the block's first one.
  void SetPart(const Block& block, const Geometry& geometry) {
    part_.geometry = geometry;
    if (!HasGroups()) return;
    part_.groups = block.groups.size();
    if (layer_.channels != 0) {
      part_.channels = std::min(block.groups.end * layer_.group_channels, layer_.channels) -
                       block.groups.begin * layer_.group_channels;
    }
  }

  void Emit(ComputeRequest request, int32_t chunk, int64_t record, int64_t weight_rows) {
    Step step = EncodeCompute(config_, request, errors_);
    step.chunk = chunk;
    step.param_block = record;
    step.weight_rows = weight_rows;
    steps_->push_back(std::move(step));
  }

  /// First group of a chunk in the layer.
  int64_t FirstGroup(const Chunk& chunk, int64_t pe) const {
    return (chunk.per_pe ? partition_.shares[pe].groups.begin : 0) + chunk.group_begin;
  }

  /// Blocks of several PEs side by side. Their inputs may be there already.
  void EmitTurn(const std::vector<Block>& turn) {
    std::vector<InputBox> boxes;
    for (const Block& block : turn) {
      boxes.push_back(BlockInput(layer_, block.piece.rows, block.columns, block.groups));
    }
    const auto key = [&](size_t i) { return std::pair(turn[i].piece.image, boxes[i]); };
    std::vector<std::pair<int64_t, InputBox>> now;
    for (size_t i = 0; i < turn.size(); ++i) now.push_back(key(i));
    if (now != loaded_) {
      in_buffer_ = (in_buffer_ + 1) % tile_.buffers;
      PeMask done = 0;
      for (size_t i = 0; i < turn.size(); ++i) {
        if ((done & PeBit(turn[i].pe)) != 0) continue;
        PeMask pes = 0;
        for (size_t other = i; other < turn.size(); ++other) {
          if (now[other] == now[i]) pes |= PeBit(turn[other].pe);
        }
        done |= pes;
        Load(turn[i].piece.image, boxes[i], pes, in_buffer_);
      }
      loaded_ = std::move(now);
    }
    out_buffer_ = (out_buffer_ + 1) % tile_.buffers;
    for (size_t i = 0; i < turn.size(); ++i) {
      const Block& block = turn[i];
      SetPart(block, BlockGeometry(layer_, boxes[i], block.columns, block.groups));
      Compute(block);
    }
    for (const Block& block : turn) Store(block, out_buffer_);
  }

  /// Rows and columns [columns of the block] as a request.
  ComputeRequest RequestOf(const Block& block, const Range& rows, const Range& columns) const {
    const Geometry& part = part_.geometry;
    ComputeRequest request{
        &part_,       rows.begin,
        rows.end,     columns.begin,
        columns.end,  0,
        part_.groups, {0, layer_.k0_count, 0, layer_.k1_count, 0, layer_.k2_count}};
    request.pe = block.pe;
    const int64_t skipped =
        part.FirstInputRow(rows.begin) - part.FirstInputRow(block.piece.rows.begin);
    for (size_t i = 0; i < layer_.inputs.size(); ++i) {
      request.in_address[i] = Address(layer_.inputs[i], in_buffer_) + skipped * part.in_row_bytes();
    }
    request.out_address = Address(layer_.output, out_buffer_) +
                          (rows.begin - block.piece.rows.begin) * part.out_row_bytes();
    return request;
  }

  /// Calls `function(rows, columns, region)` for what of a block lies in each region, in pieces of
  /// at most so many rows and columns; columns count from the block's first one.
  template <typename Function>
  void ForEachRegion(const Block& block, int64_t most_rows, int64_t most_columns,
                     const Function& function) const {
    std::vector<Region> regions = layer_.regions;
    if (regions.empty()) regions = {Region{0, g().out_h, 0, g().out_w, 0}};
    for (const Region& region : regions) {
      const Range rows = Intersection(block.piece.rows, {region.row_begin, region.row_end});
      const Range columns = Intersection(block.columns, {region.column_begin, region.column_end});
      if (rows.empty() || columns.empty()) continue;
      const int64_t step = std::min(columns.size(), most_columns);
      const int64_t rows_step = most_columns < g().out_w
                                    ? std::min(most_rows, std::max<int64_t>(1, most_columns / step))
                                    : most_rows;
      for (int64_t row = rows.begin; row < rows.end; row += rows_step) {
        for (int64_t column = columns.begin; column < columns.end; column += step) {
          function(Range{row, std::min(row + rows_step, rows.end)},
                   Range{column - block.columns.begin,
                         std::min(column + step, columns.end) - block.columns.begin},
                   region);
        }
      }
    }
  }

  void Compute(const Block& block) {
    const int64_t most = MostCommandRows(config_, part_);
    if (split_kernel_) {
      ComputeSplit(block, most);
      return;
    }
    for (const int32_t number : chunks_) {
      Range groups{0, part_.groups};
      int64_t first = 0;  // group of the chunk
      const bool own = number >= 0 && !layer_.parameters.shared && layer_.parameters.table.empty();
      if (own) {
        const Chunk& chunk = parameters_.chunks[number];
        const int64_t begin = FirstGroup(chunk, block.pe);
        const Range all =
            Intersection(block.groups, {begin, begin + chunk.group_end - chunk.group_begin});
        if (all.empty()) continue;
        groups = {all.begin - block.groups.begin, all.end - block.groups.begin};
        first = all.begin - begin;
      }
      const int64_t weight_rows = first * GroupRows(config_, layer_, layer_.slices());
      ForEachRegion(block, most, g().out_w, [&](Range rows, Range columns, const Region& region) {
        ComputeRequest request = RequestOf(block, rows, columns);
        request.group_begin = groups.begin;
        request.group_end = groups.end;
        const int64_t record = own ? first : region.block;
        Emit(request, number, record, weight_rows);
        if (layer_.pool_bits && g().out_planes == 2) {
          request.second_plane = true;
          Emit(request, number, record, weight_rows);
        }
      });
    }
  }

  /// Sums of up to T positions stay in the accumulators while the parts of the kernel pass by.
  void ComputeSplit(const Block& block, int64_t most) {
    for (int64_t group = 0; group < part_.groups; ++group) {
      ForEachRegion(block, most, config_.accumulators,
                    [&](Range rows, Range columns, const Region& region) {
                      for (size_t turn = 0; turn < parts_; ++turn) {
                        const size_t p = backwards_ ? parts_ - 1 - turn : turn;
                        ComputeRequest request = RequestOf(block, rows, columns);
                        request.group_begin = group;
                        request.group_end = group + 1;
                        const int32_t number = chunks_[ChunkGroup(block, group) * parts_ + p];
                        const Chunk& chunk = parameters_.chunks[number];
                        request.part = chunk.part;
                        request.first_part = turn == 0;
                        request.last_part = turn + 1 == parts_;
                        Emit(request, number, layer_.parameters.shared ? region.block : 0, 0);
                      }
                      backwards_ = parameters_.there_and_back && !backwards_;
                    });
    }
  }

  /// Position among the groups of chunks, of parts of the kernel, of a group of a block.
  size_t ChunkGroup(const Block& block, int64_t group) const {
    if (layer_.parameters.shared) return 0;
    const int64_t first = ChunkOf(0).per_pe ? partition_.shares[block.pe].groups.begin : 0;
    return static_cast<size_t>(block.groups.begin + group - first);
  }

  /// One position of one group each; what a part of the kernel reads is loaded for it.
  void EmitParts(const std::vector<Block>& turn) {
    out_buffer_ = (out_buffer_ + 1) % tile_.buffers;
    for (size_t p = 0; p < parts_; ++p) {
      in_buffer_ = (in_buffer_ + 1) % tile_.buffers;
      for (const Block& block : turn) {
        const int32_t number = chunks_[ChunkGroup(block, 0) * parts_ + p];
        const Chunk& chunk = parameters_.chunks[number];
        const int64_t row = block.piece.rows.begin, column = block.columns.begin;
        const int64_t group = block.groups.begin;
        const InputBox box = PartInput(layer_, row, column, group, chunk.part, config_.simd);
        Load(block.piece.image, box, PeBit(block.pe), in_buffer_);
        SetPart(block, PartGeometry(layer_, box, row, column, group, chunk.part, config_.simd));
        Block rebased = block;
        rebased.piece.rows = {0, 1};
        ComputeRequest request = RequestOf(rebased, {0, 1}, {0, 1});
        request.part = {0, chunk.part.k0_count, 0, chunk.part.k1_count, 0, chunk.part.k2_count};
        request.first_part = chunk.first_part;
        request.last_part = chunk.last_part;
        int64_t record = 0;
        for (const Region& region : layer_.regions) {
          if (layer_.parameters.shared && row >= region.row_begin && row < region.row_end &&
              column >= region.column_begin && column < region.column_end) {
            record = region.block;
          }
        }
        Emit(request, number, record, 0);
      }
    }
    for (const Block& block : turn) Store(block, out_buffer_);
  }

  const NpuConfig& config_;
  const Layer& layer_;
  const BlockSize& size_;
  const Partition& partition_;
  const std::vector<Placement>& placements_;
  const TilePlan& tile_;
  const ParameterPlan& parameters_;
  std::vector<int32_t> chunks_;
  bool split_kernel_;
  std::vector<Step>* steps_;
  FieldErrors* errors_;
  Layer part_;              ///< the layer as it is for the block at hand, without weights
  size_t parts_ = 0;        ///< chunks of each group
  bool backwards_ = false;  ///< the order of parts of the next sums
  int64_t in_buffer_ = 0, out_buffer_ = 0;
  std::vector<std::pair<int64_t, InputBox>> loaded_;  ///< image and box of the last loads
};

}  // namespace

void EmitBlocks(const NpuConfig& config, const LoweredModel& lowered, int32_t number,
                const Partition& partition, const std::vector<Placement>& placements,
                const TilePlan& tile, const ParameterPlan& parameters, std::vector<Step>* steps,
                FieldErrors* errors) {
  BlockEmitter(config, lowered, number, partition, placements, tile, parameters, steps, errors)
      .Run();
}

}  // namespace npugen::compiler

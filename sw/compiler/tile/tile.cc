// SPDX-License-Identifier: Apache-2.0
// Row tiles, channel chunks and kernel parts, and what PEs tell each other.
#include "sw/compiler/tile/tile.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "sw/compiler/encode/encode.h"
#include "sw/compiler/plan/block_plan.h"
#include "sw/compiler/plan/layer_cost.h"
#include "sw/compiler/tile/blocks.h"
#include "sw/compiler/tile/box.h"
#include "sw/compiler/tile/transfer.h"

namespace npugen::compiler {
namespace {

/// DMA commands that one copy may take.
constexpr int64_t kMostTransfers = 100'000;

/// A piece of a layer that one PE computes at once, and where its operands are.
struct Work {
  int64_t pe;
  Piece piece;
  std::array<int64_t, 2> in_address{};  ///< of input row FirstInputRow(piece.rows.begin)
  int64_t out_address = 0;              ///< of output row piece.rows.begin
};

class Tiler {
 public:
  Tiler(const Model& model, const LoweredModel& lowered, const NpuConfig& config,
        const std::vector<Partition>& partitions, const ActivationPlan& activations,
        const ParameterPlan& parameters)
      : model_(model),
        lowered_(lowered),
        config_(config),
        partitions_(partitions),
        activations_(activations),
        parameters_(parameters),
        loaded_(lowered.storages.size(), false) {}

  Result<std::vector<Step>> Run();

 private:
  const Placement& PlaceOf(int32_t storage) const { return activations_.placements[storage]; }
  int64_t pes() const { return config_.pes(); }
  /// Emits `box` (source: global side of a LOAD, local side of a STORE) as transfers like
  /// `pattern`.
  void EmitBox(const Transfer& pattern, const Box& box);
  bool MustLoad(int32_t storage) const;
  void LoadResident(int32_t storage, uint32_t tag);
  void LoadParts(int32_t storage, uint32_t tag, const std::vector<Range>& parts);
  int64_t RowsPerBand(int32_t number) const;
  void StoreWork(int32_t layer, const Work& work);
  void Exchange(int32_t layer);
  int64_t alignment() const { return BufferAlignment(config_); }
  Transfer LoadOf(const Layer& layer, const CopyBox& copy) const;
  void StoreCopied(const Layer& layer, int64_t address, const Box& box);
  bool CopiesInSteps(const Layer& layer, const TilePlan& tile) const;
  void FetchInSteps(const Box& box, const Transfer& load, Transfer move, const Range& buffer,
                    int64_t* used);
  void EmitCopyInSteps(const Layer& layer, const TilePlan& tile, PeMask target_pes);
  void EmitCopy(const Layer& layer, const TilePlan& tile);
  void EmitWhole(int32_t number);
  void EmitTiles(const LayerGroup& group, const TilePlan& tile);
  void LoadTile(int32_t number, size_t input, const std::vector<Work>& works);
  void EmitWorks(int32_t number, const std::vector<Work>& works);
  void EmitRepeats(ComputeRequest request, const Range& groups, int32_t chunk, int64_t block);
  void EmitChunk(int32_t number, int32_t chunk, const Work& work);
  void EmitSplitKernel(int32_t number, const std::vector<Work>& works);
  Range GroupsOf(int32_t number, int64_t pe) const;
  void Emit(ComputeRequest request, int32_t chunk, int64_t block);

  const Model& model_;
  const LoweredModel& lowered_;
  const NpuConfig& config_;
  const std::vector<Partition>& partitions_;
  const ActivationPlan& activations_;
  const ParameterPlan& parameters_;
  std::vector<bool> loaded_;
  std::vector<Step> steps_;
  FieldErrors field_errors_;
};

void Tiler::EmitBox(const Transfer& pattern, const Box& box) {
  AppendTransfers(config_, pattern, box, &steps_, &field_errors_);
}

/// Inputs and constants that stay in PE memory and are not there yet.
bool Tiler::MustLoad(int32_t storage) const {
  const Placement& place = PlaceOf(storage);
  return place.resident && !loaded_[storage] &&
         (place.input_offset >= 0 || place.state_offset >= 0 || place.constant_offset >= 0);
}

/// Each PE gets what it needs.
void Tiler::LoadResident(int32_t storage, uint32_t tag) {
  if (!MustLoad(storage)) return;
  loaded_[storage] = true;
  LoadParts(storage, tag, PlaceOf(storage).needed);
}

/// Loads one range of bytes for each PE; those that need the same get it together.
void Tiler::LoadParts(int32_t storage, uint32_t tag, const std::vector<Range>& parts) {
  const Placement& place = PlaceOf(storage);
  const auto [window, offset] = SourceOf(PlaceOf(storage));
  PeMask done = 0;
  for (int64_t pe = 0; pe < pes(); ++pe) {
    const Range& bytes = parts[pe];
    if (bytes.empty() || (done & PeBit(pe)) != 0) continue;
    Transfer transfer;
    transfer.tag = tag;
    transfer.window = window;
    transfer.global_offset = offset + bytes.begin;
    transfer.local_address = place.AddressOf(pe, bytes.begin);
    transfer.pes = 0;
    for (int64_t other = pe; other < pes(); ++other) {
      if (parts[other] == bytes && place.stored[other].begin == place.stored[pe].begin) {
        transfer.pes |= PeBit(other);
      }
    }
    done |= transfer.pes;
    EmitBox(transfer, {0, 0, bytes.size(), {}});
  }
}

/// Output rows of the bands in which a layer computes while the rest of its operands is still being
/// loaded, or results are stored: the shorter a band, the earlier its rows are there, and the more
/// commands there are.
int64_t Tiler::RowsPerBand(int32_t number) const {
  const Layer& layer = lowered_.layers[number];
  int64_t bytes = 0;
  for (int32_t input : layer.inputs) {
    if (!MustLoad(input)) continue;
    for (const Range& range : PlaceOf(input).needed) bytes += range.size();
  }
  if (!PlaceOf(layer.output).output_offsets.empty()) {
    bytes = std::max(bytes, lowered_.storages[layer.output].bytes);
  }
  int64_t most = 1;
  for (const Share& share : partitions_[number].shares) most = std::max(most, share.rows.size());
  if (parameters_.layer_chunks[number].size() > 1) return most;
  const double cycles = static_cast<double>(bytes) / config_.axi_bytes();
  const int64_t bands =
      std::clamp<int64_t>(static_cast<int64_t>(std::sqrt(cycles / kCommandCycles)), 1, most);
  return CeilDiv(most, bands);
}

/// The bytes of a layer's output that one PE's piece writes, as source (in PE memory, from 0 on)
/// and target (in the storage).
Box OutputBox(const Layer& layer, const Piece& piece, const Range& groups) {
  const Geometry& g = layer.geometry;
  const Range bytes = OutputBytes(g, piece);
  const int64_t first = groups.begin * layer.group_bytes();
  const int64_t channels = std::min(groups.end * layer.group_bytes(), g.out_c) - first;
  if (channels >= g.out_c || groups.size() == layer.groups)
    return {0, bytes.begin, bytes.size(), {}};
  Box box{first, bytes.begin + first, channels, {}};
  const int64_t positions = bytes.size() / g.out_c;
  if (positions > 1) box.loops.push_back({positions, g.out_c, g.out_c});
  return box;
}

void Tiler::StoreWork(int32_t number, const Work& work) {
  const Layer& layer = lowered_.layers[number];
  const Box box = OutputBox(layer, work.piece, GroupsOf(number, work.pe));
  for (const auto& [window, offset] : TargetsOf(PlaceOf(layer.output))) {
    Transfer transfer;
    transfer.engine = kStoreEngine;
    transfer.tag = static_cast<uint32_t>(layer.tag);
    transfer.window = window;
    transfer.global_offset = offset;
    transfer.pes = PeBit(work.pe);
    transfer.local_address = work.out_address;
    EmitBox(transfer, box);
  }
}

/// The bytes of `channels` (of `depth`) in a range of bytes, from its beginning on. The rows of who
/// reads them may be others than those of who wrote them: the first and the last position need not
/// be whole.
std::vector<Box> ChannelBoxes(const Range& bytes, const Range& channels, int64_t depth) {
  if (channels.size() >= depth) return {{0, 0, bytes.size(), {}}};
  std::vector<Box> boxes;
  for (int64_t position = bytes.begin / depth; position * depth < bytes.end;) {
    const int64_t begin = position * depth;
    const Range run = Intersection(bytes, {begin + channels.begin, begin + channels.end});
    int64_t count = 1;
    if (begin >= bytes.begin) count = std::max<int64_t>(1, (bytes.end - begin) / depth);
    position += count;
    if (run.empty()) continue;
    Box box{run.begin - bytes.begin, run.begin - bytes.begin, run.size(), {}};
    if (count > 1) box.loops.push_back({count, depth, depth});
    boxes.push_back(std::move(box));
  }
  return boxes;
}

/// Each PE gets those bytes that it needs and others computed.
void Tiler::Exchange(int32_t number) {
  const Layer& layer = lowered_.layers[number];
  const Placement& place = PlaceOf(layer.output);
  const Partition& partition = partitions_[number];
  if (!place.resident || pes() == 1) return;
  const Geometry& g = layer.geometry;
  // What `pe` needs of what `owner` computed: bytes from the first to the last one, and channels.
  const auto part_of = [&](int64_t owner, int64_t pe) {
    const Range produced = ShareOutputBytes(layer, partition, owner);
    std::pair<Range, Range> part{Intersection(produced, place.needed[pe]), {0, g.out_c}};
    if (partition.split == Split::kGroups) {
      const Range groups = GroupsOf(number, owner);
      part.second = {groups.begin * layer.group_bytes(),
                     std::min(groups.end * layer.group_bytes(), g.out_c)};
    }
    if (place.channels == g.out_c) {
      part.second = Intersection(part.second, place.needed_channels[pe]);
    }
    return part;
  };
  for (int64_t owner = 0; owner < pes(); ++owner) {
    // Destinations of the same bytes at the same address are written at once.
    PeMask done = PeBit(owner);
    for (int64_t pe = 0; pe < pes(); ++pe) {
      const auto part = part_of(owner, pe);
      const auto& [bytes, channels] = part;
      if ((done & PeBit(pe)) != 0 || bytes.empty() || channels.empty()) continue;
      Transfer transfer;
      transfer.tag = static_cast<uint32_t>(layer.tag);
      transfer.local_source = true;
      transfer.source_pe = owner;
      transfer.pes = 0;
      for (int64_t other = pe; other < pes(); ++other) {
        if ((done & PeBit(other)) == 0 && part_of(owner, other) == part &&
            place.stored[other].begin == place.stored[pe].begin) {
          transfer.pes |= PeBit(other);
        }
      }
      done |= transfer.pes;
      transfer.global_offset = place.AddressOf(owner, bytes.begin);
      transfer.local_address = place.AddressOf(pe, bytes.begin);
      for (const Box& box : ChannelBoxes(bytes, channels, g.out_c)) EmitBox(transfer, box);
    }
  }
}

Range Tiler::GroupsOf(int32_t number, int64_t pe) const {
  const Partition& partition = partitions_[number];
  if (partition.split == Split::kGroups) return partition.shares[pe].groups;
  return {0, lowered_.layers[number].groups};
}

void Tiler::Emit(ComputeRequest request, int32_t chunk, int64_t block) {
  Step step = EncodeCompute(config_, request, &field_errors_);
  step.chunk = chunk;
  step.param_block = block;
  steps_.push_back(std::move(step));
}

/// Addresses of a request for rows [row_begin, row_end) of a piece.
void SetRows(const Layer& layer, const Work& work, int64_t row_begin, int64_t row_end,
             ComputeRequest* request) {
  request->pe = work.pe;
  request->row_begin = row_begin;
  request->row_end = row_end;
  for (size_t i = 0; i < 2; ++i) {
    const Geometry g = layer.InputGeometry(i);
    const int64_t skipped = g.FirstInputRow(row_begin) - g.FirstInputRow(work.piece.rows.begin);
    request->in_address[i] = work.in_address[i] + skipped * g.in_row_bytes();
  }
  request->out_address =
      work.out_address + (row_begin - work.piece.rows.begin) * layer.geometry.out_row_bytes();
}

/// Groups as far as the residual has channels, then those that take them anew.
void Tiler::EmitRepeats(ComputeRequest request, const Range& groups, int32_t chunk, int64_t block) {
  const Layer& layer = *request.layer;
  const int64_t period =
      std::max<int64_t>(1, layer.affine->residual_channels / layer.group_channels);
  for (int64_t group = groups.begin; group < groups.end;) {
    request.group_begin = group;
    request.group_end = std::min(groups.end, (group / period + 1) * period);
    Emit(request, chunk, block + group - groups.begin);
    steps_.back().weight_rows = (group - groups.begin) * GroupRows(config_, layer, layer.slices());
    group = request.group_end;
  }
}

void Tiler::EmitChunk(int32_t number, int32_t chunk_number, const Work& work) {
  const Layer& layer = lowered_.layers[number];
  const Geometry& g = layer.geometry;
  const int64_t most = MostCommandRows(config_, layer);
  Range groups = GroupsOf(number, work.pe);
  if (chunk_number >= 0 && !layer.parameters.shared && layer.parameters.table.empty()) {
    const Chunk& chunk = parameters_.chunks[chunk_number];
    const int64_t first = chunk.per_pe ? groups.begin : 0;
    groups = Intersection(groups, {first + chunk.group_begin, first + chunk.group_end});
  }
  if (groups.empty()) return;
  ComputeRequest request;
  request.layer = &layer;
  request.group_begin = groups.begin;
  request.group_end = groups.end;
  request.part = {0, layer.k0_count, 0, layer.k1_count, 0, layer.k2_count};
  std::vector<Region> regions = layer.regions;
  if (regions.empty()) regions = {Region{0, g.out_h, 0, g.out_w, 0}};
  for (const Region& region : regions) {
    const int64_t first = std::max(work.piece.rows.begin, region.row_begin);
    const int64_t end = std::min(work.piece.rows.end, region.row_end);
    request.column_begin = region.column_begin;
    request.column_end = region.column_end;
    for (int64_t row = first; row < end; row += most) {
      SetRows(layer, work, row, std::min(row + most, end), &request);
      if (layer.affine && layer.residual) {
        EmitRepeats(request, groups, chunk_number, region.block);
        continue;
      }
      Emit(request, chunk_number, region.block);
      if (layer.pool_bits && g.out_planes == 2) {
        request.second_plane = true;
        Emit(request, chunk_number, region.block);
        request.second_plane = false;
      }
    }
  }
}

/// Sums of up to T positions stay in the accumulators of each PE while the parts of the kernel pass
/// by.
void Tiler::EmitSplitKernel(int32_t number, const std::vector<Work>& works) {
  const Layer& layer = lowered_.layers[number];
  const std::vector<int32_t>& chunks = parameters_.layer_chunks[number];
  const bool shared = layer.parameters.shared;
  const bool per_pe = parameters_.chunks[chunks[0]].per_pe;
  size_t parts = 0;
  while (parts < chunks.size() && parameters_.chunks[chunks[parts]].group_begin ==
                                      parameters_.chunks[chunks[0]].group_begin) {
    ++parts;
  }
  int64_t most_groups = 0;
  for (const Work& work : works) {
    most_groups = std::max(most_groups, GroupsOf(number, work.pe).size());
  }
  struct Block {
    ComputeRequest request;
    int64_t records;
  };
  for (int64_t index = 0; index < most_groups; ++index) {
    // The positions of each work in blocks that fit into the accumulators.
    std::vector<std::vector<Block>> blocks(works.size());
    size_t most_blocks = 0;
    for (size_t w = 0; w < works.size(); ++w) {
      const Work& work = works[w];
      const Range groups = GroupsOf(number, work.pe);
      if (index >= groups.size()) continue;
      ComputeRequest request;
      request.layer = &layer;
      request.group_begin = groups.begin + index;
      request.group_end = groups.begin + index + 1;
      for (const Region& region : layer.regions) {
        const int64_t first = std::max(work.piece.rows.begin, region.row_begin);
        const int64_t end = std::min(work.piece.rows.end, region.row_end);
        const int64_t columns =
            std::min<int64_t>(region.column_end - region.column_begin, config_.accumulators);
        const int64_t rows = std::min(std::max<int64_t>(1, config_.accumulators / columns),
                                      MostCommandRows(config_, layer));
        for (int64_t row = first; row < end; row += rows) {
          SetRows(layer, work, row, std::min(row + rows, end), &request);
          for (int64_t column = region.column_begin; column < region.column_end;
               column += columns) {
            request.column_begin = column;
            request.column_end = std::min(column + columns, region.column_end);
            blocks[w].push_back({request, region.block});
          }
        }
      }
      most_blocks = std::max(most_blocks, blocks[w].size());
    }
    for (size_t block = 0; block < most_blocks; ++block) {
      for (size_t turn = 0; turn < parts; ++turn) {
        // What was used last may still be in core memory.
        const bool back = parameters_.there_and_back && block % 2 != 0;
        const size_t part = back ? parts - 1 - turn : turn;
        for (size_t w = 0; w < works.size(); ++w) {
          if (block >= blocks[w].size()) continue;
          // Without parameters of its own, a PE of a shared layer uses the chunks of its groups.
          const int64_t group = shared   ? 0
                                : per_pe ? index
                                         : GroupsOf(number, works[w].pe).begin + index;
          const int32_t chunk = chunks[static_cast<size_t>(group) * parts + part];
          ComputeRequest request = blocks[w][block].request;
          request.part = parameters_.chunks[chunk].part;
          request.first_part = turn == 0;
          request.last_part = turn + 1 == parts;
          Emit(request, chunk, blocks[w][block].records);
        }
      }
    }
  }
}

/// Compute commands of pieces that are in PE memory at the same time; PEs take turns in the stream
/// and run side by side.
void Tiler::EmitWorks(int32_t number, const std::vector<Work>& works) {
  if (parameters_.split_kernel[number]) {
    // A PE finishes the sums of one piece before it begins another.
    std::vector<Work> turn;
    for (size_t w = 0; w < works.size(); ++w) {
      turn.push_back(works[w]);
      if (w + 1 < works.size() && works[w + 1].pe > works[w].pe) continue;
      EmitSplitKernel(number, turn);
      turn.clear();
    }
    return;
  }
  std::vector<int32_t> chunks = parameters_.layer_chunks[number];
  if (chunks.empty()) chunks = {-1};
  for (int32_t chunk : chunks) {
    for (const Work& work : works) EmitChunk(number, chunk, work);
  }
}

Transfer Tiler::LoadOf(const Layer& layer, const CopyBox& copy) const {
  Transfer load;
  load.tag = static_cast<uint32_t>(layer.tag);
  load.fill_only = copy.input < 0;
  load.fill = layer.fill;
  if (load.fill_only) return load;
  const Placement& source = PlaceOf(layer.inputs[copy.input]);
  if (source.resident) {
    load.local_source = true;
    load.global_offset = source.AddressOf(0, 0);
  } else {
    std::tie(load.window, load.global_offset) = SourceOf(source);
  }
  return load;
}

/// Stores bytes of PE 0 as a layer's output; the offset of `box` in the storage is its target.
void Tiler::StoreCopied(const Layer& layer, int64_t address, const Box& box) {
  Transfer store;
  store.engine = kStoreEngine;
  store.tag = static_cast<uint32_t>(layer.tag);
  store.local_address = address;
  for (const auto& [window, offset] : TargetsOf(PlaceOf(layer.output))) {
    store.window = window;
    store.global_offset = offset;
    EmitBox(store, box);
  }
}

/// Whether a copy takes fewer cycles in steps, roughly: short runs from or to memory take a burst
/// each.
bool Tiler::CopiesInSteps(const Layer& layer, const TilePlan& tile) const {
  constexpr double kBurstCycles = 8, kLocalCycles = 1.2;
  if (tile.operands.empty()) return false;
  if (tile.operands[0].bytes < 2 * std::max(ShortRun(config_), alignment())) return false;
  const bool to_memory = !PlaceOf(layer.output).resident;
  const double beat = config_.axi_bytes();
  double direct = 0, steps = 0;
  for (const CopyBox& copy : layer.boxes) {
    const Box box = NormalizedBox(copy, copy.input < 0);
    const double bytes = static_cast<double>(box.bytes());
    const double runs = bytes / static_cast<double>(box.run);
    const double beats = std::ceil(static_cast<double>(box.run) / beat);
    const bool from_memory = copy.input >= 0 && !PlaceOf(layer.inputs[copy.input]).resident;
    const double burst = from_memory || to_memory ? kBurstCycles : kLocalCycles;
    direct += runs * std::max(burst, beats);
    steps += runs * std::max(kLocalCycles, beats) + (from_memory ? bytes / beat : 0) +
             (to_memory ? bytes / beat : 0);
  }
  return steps < 0.8 * direct;
}

/// Brings a part of a box from memory to PE memory by way of a buffer of `room` bytes at `buffer`,
/// of which `used` are in use. `move`: to the target.
void Tiler::FetchInSteps(const Box& box, const Transfer& load, Transfer move, const Range& buffer,
                         int64_t* used) {
  const StagedBox staged = Staged(box);
  if (staged.bytes > buffer.size() && !box.loops.empty()) {
    const auto longest = std::max_element(
        box.loops.begin(), box.loops.end(), [](const Box::Loop& a, const Box::Loop& b) {
          return a.count * std::abs(a.source_stride) < b.count * std::abs(b.source_stride);
        });
    ForEachHalf(box, static_cast<int>(longest - box.loops.begin()),
                [&](const Box& half) { FetchInSteps(half, load, move, buffer, used); });
    return;
  }
  if (box.run >= ShortRun(config_) || staged.bytes > buffer.size()) {
    Transfer direct = load;
    direct.pes = move.pes;
    direct.local_address = move.local_address;
    EmitBox(direct, box);
    return;
  }
  if (*used + staged.bytes > buffer.size()) *used = 0;
  Transfer fetch = load;
  fetch.local_address = buffer.begin + *used;
  EmitBox(fetch, staged.fetch);
  move.global_offset = fetch.local_address;
  EmitBox(move, staged.spread);
  *used += CeilDiv(staged.bytes, config_.axi_bytes()) * config_.axi_bytes();
}

/// A copy chunk by chunk of its output: from memory in long runs to a buffer, from there to where
/// the bytes belong in the output, or in a buffer, and from there in long runs to memory.
void Tiler::EmitCopyInSteps(const Layer& layer, const TilePlan& tile, PeMask target_pes) {
  const Placement& target = PlaceOf(layer.output);
  const int64_t total = lowered_.storages[layer.output].bytes;
  const TileBuffer& operand = tile.operands[0];
  const bool fetches = std::any_of(layer.boxes.begin(), layer.boxes.end(), [&](const auto& box) {
    return box.input >= 0 && !PlaceOf(layer.inputs[box.input]).resident;
  });
  std::vector<Box> boxes;
  for (const CopyBox& copy : layer.boxes) boxes.push_back(NormalizedBox(copy, copy.input < 0));
  int64_t chunk = total;
  int64_t room = 0;  // for chunks
  if (!target.resident) {
    room = (fetches ? operand.bytes / 2 : operand.bytes) / alignment() * alignment();
    // Chunks end where loops do, and are so many that stores run beside loads.
    constexpr int64_t kChunks = 4, kLeast = 4096;
    int64_t unit = 1;
    for (const Box& box : boxes) {
      for (const Box::Loop& loop : box.loops) {
        const int64_t stride = std::abs(loop.target_stride);
        if (stride <= room) unit = std::max(unit, stride);
      }
    }
    chunk = std::max(std::min(room, std::max(CeilDiv(total, kChunks), kLeast)) / unit, int64_t{1}) *
            unit;
  }
  int64_t number = 0;
  for (int64_t begin = 0; begin < total; begin += chunk, ++number) {
    const int64_t end = std::min(begin + chunk, total);
    const int64_t base = operand.address + number % tile.buffers * operand.bytes;
    const Range buffer{base + room, base + operand.bytes};
    int64_t used = 0;
    for (size_t b = 0; b < boxes.size(); ++b) {
      ForEachPartWithin(boxes[b], begin, end, [&](const Box& part) {
        Transfer load = LoadOf(layer, layer.boxes[b]);
        Transfer move = load;
        move.pes = target.resident ? target_pes : 1;
        move.local_address = target.resident ? target.address : base - begin;
        if (load.fill_only || load.local_source) {
          EmitBox(move, part);
          return;
        }
        move.local_source = true;
        FetchInSteps(part, load, move, buffer, &used);
      });
    }
    if (!target.resident) StoreCopied(layer, base, {0, begin, end - begin, {}});
  }
  if (target.resident) StoreCopied(layer, target.address, {0, 0, total, {}});
}

/// A box goes from where its source is to where its target is, through a buffer in PE 0 where both
/// are in memory.
void Tiler::EmitCopy(const Layer& layer, const TilePlan& tile) {
  const Placement& target = PlaceOf(layer.output);
  PeMask target_pes = 0;
  for (int64_t pe = 0; pe < pes(); ++pe) {
    if (!target.stored[pe].empty()) target_pes |= PeBit(pe);
  }
  int64_t transfers = 0;
  for (const CopyBox& copy : layer.boxes) {
    transfers += CountTransfers(NormalizedBox(copy, copy.input < 0));
  }
  if (transfers > kMostTransfers) {
    field_errors_.push_back(fmt::format("more than {} DMA commands", kMostTransfers));
    return;
  }
  if (CopiesInSteps(layer, tile)) {
    EmitCopyInSteps(layer, tile, target_pes);
    return;
  }
  int64_t buffer = 0;
  for (const CopyBox& copy : layer.boxes) {
    const Box box = NormalizedBox(copy, copy.input < 0);
    Transfer load = LoadOf(layer, copy);
    if (target.resident) {
      load.pes = target_pes;
      load.local_address = target.address;
      EmitBox(load, box);
      continue;
    }
    if (load.local_source) {
      StoreCopied(layer, load.global_offset, box);
      continue;
    }
    const TileBuffer& bytes = *tile.Find(layer.output);
    ForEachPart(box, bytes.bytes, [&](const Box& part) {
      load.local_address = bytes.address + buffer % tile.buffers * bytes.bytes;
      ++buffer;
      const Box packed = PackedTarget(part);
      EmitBox(load, packed);
      Box out = part;
      out.source = 0;
      for (size_t l = 0; l < out.loops.size(); ++l) {
        out.loops[l].source_stride = packed.loops[l].target_stride;
      }
      StoreCopied(layer, load.local_address, out);
    });
  }
  if (target.resident) {
    StoreCopied(layer, target.address, {0, 0, lowered_.storages[layer.output].bytes, {}});
  }
}

void Tiler::EmitWhole(int32_t number) {
  const Layer& layer = lowered_.layers[number];
  const Geometry& g = layer.geometry;
  const Partition& partition = partitions_[number];
  // Piece by piece in turn: all images use a chunk before the next one is loaded.
  std::vector<Work> works;
  std::vector<std::vector<Piece>> pieces;
  size_t most = 0;
  const int64_t band = RowsPerBand(number);
  const bool one_chunk = parameters_.layer_chunks[number].size() <= 1;
  for (const Share& share : partition.shares) {
    pieces.push_back(PiecesOf(g, share.rows, std::min(band, g.out_h)));
    most = std::max(most, pieces.back().size());
  }
  for (size_t i = 0; i < most; ++i) {
    for (size_t in = 0; in < layer.inputs.size(); ++in) {
      const int32_t input = layer.inputs[in];
      if (!MustLoad(input)) continue;
      // An input that is read in two ways is loaded as a whole.
      const bool twice = layer.residual && layer.inputs[0] == layer.inputs[1];
      const Geometry read = layer.InputGeometry(in);
      const Placement& place = PlaceOf(input);
      std::vector<Range> parts(static_cast<size_t>(pes()));
      for (int64_t pe = 0; pe < pes(); ++pe) {
        // What the pieces so far read, and with the last piece of all whatever is left.
        const auto end_of = [&](size_t count) {
          if (count == 0) return place.needed[pe].begin;
          if (twice || count >= most || count > pieces[pe].size()) return place.needed[pe].end;
          const int64_t end = InputBytes(read, pieces[pe][count - 1]).end;
          return std::clamp(end, place.needed[pe].begin, place.needed[pe].end);
        };
        if (!place.needed[pe].empty()) parts[pe] = {end_of(i), end_of(i + 1)};
      }
      LoadParts(input, static_cast<uint32_t>(layer.tag), parts);
      if (twice || i + 1 == most) loaded_[input] = true;
    }
    for (int64_t pe = 0; pe < pes(); ++pe) {
      if (i >= pieces[pe].size()) continue;
      Work work{pe, pieces[pe][i], {}, 0};
      for (size_t input = 0; input < layer.inputs.size(); ++input) {
        work.in_address[input] =
            PlaceOf(layer.inputs[input])
                .AddressOf(pe, InputBytes(layer.InputGeometry(input), work.piece).begin);
      }
      work.out_address = PlaceOf(layer.output).AddressOf(pe, OutputBytes(g, work.piece).begin);
      works.push_back(work);
    }
    // A band is computed before the next one is loaded, and stored before the next one is computed.
    if (one_chunk || i + 1 == most) {
      EmitWorks(number, works);
      for (const Work& work : works) StoreWork(number, work);
      works.clear();
    }
  }
}

/// Rows of an input in memory that a layer's tile reads; PEs that read the same get it together.
void Tiler::LoadTile(int32_t number, size_t input, const std::vector<Work>& works) {
  const Layer& layer = lowered_.layers[number];
  const Geometry g = layer.InputGeometry(input);
  const auto [window, offset] = SourceOf(PlaceOf(layer.inputs[input]));
  PeMask done = 0;
  for (const Work& work : works) {
    const Range bytes = InputBytes(g, work.piece);
    if ((done & PeBit(work.pe)) != 0 || bytes.empty()) continue;
    Transfer transfer;
    transfer.tag = static_cast<uint32_t>(layer.tag);
    transfer.window = window;
    transfer.global_offset = offset + bytes.begin;
    transfer.local_address = work.in_address[input];
    transfer.pes = 0;
    for (const Work& other : works) {
      if (InputBytes(g, other.piece) == bytes) transfer.pes |= PeBit(other.pe);
    }
    done |= transfer.pes;
    EmitBox(transfer, {0, 0, bytes.size(), {}});
  }
}

/// Tile by tile, and within a tile layer by layer. The rows of the last layer decide what the
/// others compute: what it reads, but for the rows that the tile before computed too. Those are
/// copied to this tile's buffer, or with one buffer computed again.
void Tiler::EmitTiles(const LayerGroup& group, const TilePlan& tile) {
  std::vector<std::vector<Piece>> pieces;
  size_t most = 0;
  for (const Share& share : partitions_[group.last].shares) {
    pieces.push_back(PiecesOf(lowered_.layers[group.last].geometry, share.rows, tile.rows));
    most = std::max(most, pieces.back().size());
  }
  const size_t layers = static_cast<size_t>(group.last - group.first + 1);
  // Rows of each layer in the buffer of the tile before, for each PE.
  std::vector<std::vector<Piece>> before(layers, std::vector<Piece>(static_cast<size_t>(pes())));
  for (size_t t = 0; t < most; ++t) {
    const int64_t buffer = static_cast<int64_t>(t) % tile.buffers;
    const auto address_of = [&](int32_t storage, int64_t pe, int64_t byte, bool residual = false) {
      const TileBuffer* operand = tile.Find(storage, residual);
      if (operand == nullptr) return PlaceOf(storage).AddressOf(pe, byte);
      return operand->address + buffer * operand->bytes;
    };
    std::vector<std::vector<Work>> works(layers);
    std::vector<std::vector<Transfer>> copies(layers);
    for (int64_t pe = 0; pe < pes(); ++pe) {
      if (t >= pieces[pe].size()) continue;
      Piece needed = pieces[pe][t];  // of the layer's output
      for (size_t index = layers; index-- > 0;) {
        const Layer& layer = lowered_.layers[group.first + static_cast<int32_t>(index)];
        const Geometry& g = layer.geometry;
        Piece& had = before[index][pe];
        Piece piece = needed;
        // Nothing is needed where the next layer only copies rows that it has already.
        const bool same_image =
            had.image == needed.image && !had.rows.empty() && !needed.rows.empty();
        if (same_image && tile.buffers > 1 && had.rows.end > needed.rows.begin &&
            index + 1 < layers) {
          piece.rows.begin = std::min(had.rows.end, needed.rows.end);
          const TileBuffer& operand = *tile.Find(layer.output);
          Transfer copy;
          copy.tag = static_cast<uint32_t>(layer.tag);
          copy.local_source = true;
          copy.source_pe = pe;
          copy.pes = PeBit(pe);
          copy.global_offset = operand.address + (1 - buffer) * operand.bytes +
                               (needed.rows.begin - had.rows.begin) * g.out_row_bytes();
          copy.local_address = operand.address + buffer * operand.bytes;
          copy.run = (piece.rows.begin - needed.rows.begin) * g.out_row_bytes();
          copies[index].push_back(copy);
        }
        had = needed;
        Work work{pe, piece, {}, 0};
        for (size_t i = 0; i < layer.inputs.size(); ++i) {
          work.in_address[i] =
              address_of(layer.inputs[i], pe, InputBytes(layer.InputGeometry(i), piece).begin,
                         layer.IsResidual(i));
        }
        work.out_address = address_of(layer.output, pe, OutputBytes(g, needed).begin) +
                           (piece.rows.begin - needed.rows.begin) * g.out_row_bytes();
        if (!piece.rows.empty()) works[index].push_back(work);
        needed = {piece.image, {}};
        if (!piece.rows.empty()) {
          needed.rows = {g.FirstInputRow(piece.rows.begin), g.EndInputRow(piece.rows.end)};
        }
      }
    }
    std::set<std::pair<int32_t, bool>> loaded;
    for (size_t index = 0; index < layers; ++index) {
      const int32_t number = group.first + static_cast<int32_t>(index);
      const Layer& layer = lowered_.layers[number];
      for (size_t input = 0; input < layer.inputs.size(); ++input) {
        const Placement& place = PlaceOf(layer.inputs[input]);
        if (place.resident || place.fused ||
            !loaded.insert({layer.inputs[input], layer.IsResidual(input)}).second) {
          continue;
        }
        LoadTile(number, input, works[index]);
      }
    }
    for (size_t index = 0; index < layers; ++index) {
      const int32_t number = group.first + static_cast<int32_t>(index);
      for (const Transfer& copy : copies[index]) EmitBox(copy, {0, 0, copy.run, {}});
      EmitWorks(number, works[index]);
      for (const Work& work : works[index]) StoreWork(number, work);
    }
  }
}

Result<std::vector<Step>> Tiler::Run() {
  Diagnostics errors;
  for (size_t g = 0; g < activations_.groups.size(); ++g) {
    const LayerGroup& group = activations_.groups[g];
    const TilePlan& tile = activations_.tiles[g];
    const Layer& layer = lowered_.layers[group.last];
    field_errors_.clear();
    const bool whole = !layer.copies() && tile.operands.empty();
    for (int32_t l = group.first; l <= group.last && !whole; ++l) {
      for (int32_t input : lowered_.layers[l].inputs) {
        LoadResident(input, static_cast<uint32_t>(lowered_.layers[l].tag));
      }
    }
    if (layer.copies()) {
      EmitCopy(layer, tile);
    } else if (layer.blocks) {
      EmitBlocks(config_, lowered_, group.last, partitions_[group.last], activations_.placements,
                 tile, parameters_, &steps_, &field_errors_);
    } else if (whole) {
      EmitWhole(group.last);
    } else {
      EmitTiles(group, tile);
    }
    for (int32_t l = group.first; l <= group.last; ++l) {
      if (!layer.copies()) Exchange(l);
    }
    if (!field_errors_.empty()) {
      const std::set<std::string> unique(field_errors_.begin(), field_errors_.end());
      std::vector<std::string> shown(unique.begin(), unique.end());
      if (shown.size() > 4) shown.resize(4);
      errors.push_back(OperatorError(
          model_, layer.op, DiagnosticCode::kCompileLimit,
          fmt::format("its sizes do not fit the fields of a command: {}", fmt::join(shown, ", "))));
    }
  }
  if (!errors.empty()) return errors;
  return std::move(steps_);
}

}  // namespace

Result<std::vector<Step>> Tile(const Model& model, const LoweredModel& lowered,
                               const NpuConfig& config, const std::vector<Partition>& partitions,
                               const ActivationPlan& activations, const ParameterPlan& parameters) {
  return Tiler(model, lowered, config, partitions, activations, parameters).Run();
}

}  // namespace npugen::compiler

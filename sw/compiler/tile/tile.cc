// Row tiles, channel chunks and kernel parts.
#include "sw/compiler/tile/tile.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>

#include "sw/compiler/encode/encode.h"

namespace npugen::compiler {
namespace {

/// Counts of the command set that bound the rows of one command.
constexpr int64_t kLargestCount = 0xffff;

class Tiler {
 public:
  Tiler(const Model& model, const LoweredModel& lowered, const NpuConfig& config,
        const ActivationPlan& activations, const ParameterPlan& parameters)
      : model_(model),
        lowered_(lowered),
        config_(config),
        activations_(activations),
        parameters_(parameters),
        loaded_(lowered.storages.size(), false) {}

  Result<std::vector<Step>> Run();

 private:
  const Placement& PlaceOf(int32_t storage) const { return activations_.placements[storage]; }
  /// Window and offset from which a storage that is not computed in PE memory is read.
  std::pair<Window, int64_t> SourceOf(int32_t storage) const;
  void LoadResident(int32_t storage, uint32_t tag);
  void StoreRange(int32_t storage, int64_t offset, int64_t address, int64_t bytes, uint32_t tag);
  void EmitCopy(const Layer& layer, const TilePlan& tile);
  void EmitWhole(int32_t number);
  void EmitTiles(int32_t number);
  /// Compute commands for rows of one image. Addresses as in ComputeRequest.
  void EmitRows(int32_t number, int64_t row_begin, int64_t row_end,
                const std::array<int64_t, 2>& in_address, int64_t out_address);
  void EmitChunk(int32_t number, int32_t chunk, int64_t row_begin, int64_t row_end,
                 const std::array<int64_t, 2>& in_address, int64_t out_address);
  void EmitSplitKernel(int32_t number, int64_t row_begin, int64_t row_end,
                       const std::array<int64_t, 2>& in_address, int64_t out_address);
  int64_t MostRows(const Layer& layer) const;
  void Emit(ComputeRequest request, int32_t chunk, int64_t block);

  const Model& model_;
  const LoweredModel& lowered_;
  const NpuConfig& config_;
  const ActivationPlan& activations_;
  const ParameterPlan& parameters_;
  std::vector<bool> loaded_;
  std::vector<Step> steps_;
  FieldErrors field_errors_;
};

std::pair<Window, int64_t> Tiler::SourceOf(int32_t storage) const {
  const Placement& place = PlaceOf(storage);
  if (place.input_offset >= 0) return {Window::kInput, place.input_offset};
  if (place.constant_offset >= 0) return {Window::kProgram, place.constant_offset};
  return {Window::kScratch, place.scratch_offset};
}

void Tiler::LoadResident(int32_t storage, uint32_t tag) {
  const Placement& place = PlaceOf(storage);
  if (!place.resident || loaded_[storage]) return;
  if (place.input_offset < 0 && place.constant_offset < 0) return;
  loaded_[storage] = true;
  const auto [window, offset] = SourceOf(storage);
  steps_.push_back(EncodeLoadRun(window, offset, place.address, lowered_.storages[storage].bytes,
                                 tag, &field_errors_));
}

void Tiler::StoreRange(int32_t storage, int64_t offset, int64_t address, int64_t bytes,
                       uint32_t tag) {
  const Placement& place = PlaceOf(storage);
  if (place.scratch_offset >= 0) {
    steps_.push_back(EncodeStoreRun(Window::kScratch, place.scratch_offset + offset, address, bytes,
                                    tag, &field_errors_));
  }
  for (int64_t output : place.output_offsets) {
    steps_.push_back(
        EncodeStoreRun(Window::kOutput, output + offset, address, bytes, tag, &field_errors_));
  }
}

/// Rows that one command may span so that its counts fit.
int64_t Tiler::MostRows(const Layer& layer) const {
  const Geometry& g = layer.geometry;
  int64_t rows = kLargestCount;
  if (layer.kind == LayerKind::kMatmul || layer.kind == LayerKind::kWindow ||
      layer.kind == LayerKind::kMaxPool) {
    rows = std::min(rows, kLargestCount * config_.accumulators / g.out_w);
    rows = std::min(rows, ((int64_t{1} << 24) - 1) / g.out_w);
    rows = std::min(rows, (kLargestCount - (g.kernel_h - 1) * g.dilation_h - 1) / g.stride_h + 1);
    if (g.stride_h > 255) rows = 1;
  } else if (layer.kind == LayerKind::kSoftmax) {
    rows = std::min(rows, ((int64_t{1} << 24) - 1) / g.in_row_bytes());
  }
  return std::max<int64_t>(rows, 1);
}

void Tiler::Emit(ComputeRequest request, int32_t chunk, int64_t block) {
  Step step = EncodeCompute(config_, request, &field_errors_);
  step.chunk = chunk;
  step.param_block = block;
  steps_.push_back(std::move(step));
}

void Tiler::EmitChunk(int32_t number, int32_t chunk_number, int64_t row_begin, int64_t row_end,
                      const std::array<int64_t, 2>& in_address, int64_t out_address) {
  const Layer& layer = lowered_.layers[number];
  const Geometry& g = layer.geometry;
  const int64_t most = MostRows(layer);
  ComputeRequest request;
  request.layer = &layer;
  request.group_begin = 0;
  request.group_end = layer.groups;
  request.part = {0, layer.k0_count, 0, layer.k1_count, 0, layer.k2_count};
  if (chunk_number >= 0 && !layer.parameters.shared && layer.parameters.table.empty()) {
    request.group_begin = parameters_.chunks[chunk_number].group_begin;
    request.group_end = parameters_.chunks[chunk_number].group_end;
  }
  std::vector<Region> regions = layer.regions;
  if (regions.empty()) regions = {Region{0, g.out_h, 0, g.out_w, 0}};
  for (const Region& region : regions) {
    const int64_t first = std::max(row_begin, region.row_begin);
    const int64_t end = std::min(row_end, region.row_end);
    for (int64_t row = first; row < end; row += most) {
      request.row_begin = row;
      request.row_end = std::min(row + most, end);
      request.column_begin = region.column_begin;
      request.column_end = region.column_end;
      const int64_t skipped = g.FirstInputRow(row) - g.FirstInputRow(row_begin);
      for (size_t i = 0; i < 2; ++i) {
        request.in_address[i] = in_address[i] + skipped * g.in_row_bytes();
      }
      request.out_address = out_address + (row - row_begin) * g.out_row_bytes();
      Emit(request, chunk_number, region.block);
    }
  }
}

/// Sums of up to T positions stay in the accumulators while the parts of the kernel pass by.
void Tiler::EmitSplitKernel(int32_t number, int64_t row_begin, int64_t row_end,
                            const std::array<int64_t, 2>& in_address, int64_t out_address) {
  const Layer& layer = lowered_.layers[number];
  const Geometry& g = layer.geometry;
  const std::vector<int32_t>& chunks = parameters_.layer_chunks[number];
  const int64_t stored_groups = layer.parameters.groups;
  const size_t parts = chunks.size() / static_cast<size_t>(stored_groups);
  ComputeRequest request;
  request.layer = &layer;
  for (int64_t group = 0; group < layer.groups; ++group) {
    const size_t first_chunk = layer.parameters.shared ? 0 : static_cast<size_t>(group) * parts;
    request.group_begin = group;
    request.group_end = group + 1;
    for (const Region& region : layer.regions) {
      const int64_t first = std::max(row_begin, region.row_begin);
      const int64_t end = std::min(row_end, region.row_end);
      const int64_t columns =
          std::min<int64_t>(region.column_end - region.column_begin, config_.accumulators);
      const int64_t rows =
          std::min(std::max<int64_t>(1, config_.accumulators / columns), MostRows(layer));
      for (int64_t row = first; row < end; row += rows) {
        for (int64_t column = region.column_begin; column < region.column_end; column += columns) {
          request.row_begin = row;
          request.row_end = std::min(row + rows, end);
          request.column_begin = column;
          request.column_end = std::min(column + columns, region.column_end);
          const int64_t skipped = g.FirstInputRow(row) - g.FirstInputRow(row_begin);
          request.in_address = {in_address[0] + skipped * g.in_row_bytes(), 0};
          request.out_address = out_address + (row - row_begin) * g.out_row_bytes();
          for (size_t part = 0; part < parts; ++part) {
            const Chunk& chunk = parameters_.chunks[chunks[first_chunk + part]];
            request.part = chunk.part;
            request.first_part = chunk.first_part;
            request.last_part = chunk.last_part;
            Emit(request, chunks[first_chunk + part], region.block);
          }
        }
      }
    }
  }
}

void Tiler::EmitRows(int32_t number, int64_t row_begin, int64_t row_end,
                     const std::array<int64_t, 2>& in_address, int64_t out_address) {
  if (parameters_.split_kernel[number]) {
    EmitSplitKernel(number, row_begin, row_end, in_address, out_address);
    return;
  }
  std::vector<int32_t> chunks = parameters_.layer_chunks[number];
  if (chunks.empty()) chunks = {-1};
  for (int32_t chunk : chunks) {
    EmitChunk(number, chunk, row_begin, row_end, in_address, out_address);
  }
}

void Tiler::EmitCopy(const Layer& layer, const TilePlan& tile) {
  const Geometry& g = layer.geometry;
  const uint32_t tag = static_cast<uint32_t>(layer.tag);
  const Placement& source = PlaceOf(layer.inputs[0]);
  const Placement& target = PlaceOf(layer.output);
  LoadResident(layer.inputs[0], tag);
  Window window = Window::kProgram;
  int64_t source_offset = source.address;
  if (!source.resident) std::tie(window, source_offset) = SourceOf(layer.inputs[0]);
  const int64_t rows = target.resident ? g.out_h : tile.rows;
  for (int64_t row = 0, count = 0; row < g.out_h; row += rows, ++count) {
    const int64_t end = std::min(row + rows, g.out_h);
    const int64_t address = target.resident
                                ? target.address + row * g.out_row_bytes()
                                : tile.address[2] + (count % tile.buffers) * tile.buffer_bytes[2];
    steps_.push_back(EncodeCopy(layer, row, end, source.resident, window, source_offset, address,
                                &field_errors_));
    StoreRange(layer.output, row * g.out_row_bytes(), address, (end - row) * g.out_row_bytes(),
               tag);
  }
}

void Tiler::EmitWhole(int32_t number) {
  const Layer& layer = lowered_.layers[number];
  const Geometry& g = layer.geometry;
  const auto image_addresses = [&](int64_t image) {
    std::array<int64_t, 2> address{};
    for (size_t i = 0; i < layer.inputs.size(); ++i) {
      address[i] = PlaceOf(layer.inputs[i]).address + image * g.in_h * g.in_row_bytes() +
                   g.FirstInputRow(0) * g.in_row_bytes();
    }
    return address;
  };
  const int64_t out = PlaceOf(layer.output).address;
  const int64_t out_image = g.out_h * g.out_row_bytes();
  if (parameters_.split_kernel[number] || parameters_.layer_chunks[number].empty()) {
    for (int64_t image = 0; image < g.images; ++image) {
      EmitRows(number, 0, g.out_h, image_addresses(image), out + image * out_image);
    }
  } else {
    // All images use a chunk before the next one is loaded.
    for (int32_t chunk : parameters_.layer_chunks[number]) {
      for (int64_t image = 0; image < g.images; ++image) {
        EmitChunk(number, chunk, 0, g.out_h, image_addresses(image), out + image * out_image);
      }
    }
  }
  StoreRange(layer.output, 0, out, g.images * out_image, static_cast<uint32_t>(layer.tag));
}

void Tiler::EmitTiles(int32_t number) {
  const Layer& layer = lowered_.layers[number];
  const TilePlan& tile = activations_.tiles[number];
  const Geometry& g = layer.geometry;
  const uint32_t tag = static_cast<uint32_t>(layer.tag);
  const bool out_resident = PlaceOf(layer.output).resident;
  int64_t count = 0;
  for (int64_t image = 0; image < g.images; ++image) {
    for (int64_t row = 0; row < g.out_h; row += tile.rows, ++count) {
      const int64_t end = std::min(row + tile.rows, g.out_h);
      const int64_t buffer = count % tile.buffers;
      const int64_t in_row = g.FirstInputRow(row);
      const int64_t in_offset = (image * g.in_h + in_row) * g.in_row_bytes();
      const int64_t in_bytes = (g.EndInputRow(end) - in_row) * g.in_row_bytes();
      std::array<int64_t, 2> in_address{};
      for (size_t i = 0; i < layer.inputs.size(); ++i) {
        const int32_t storage = layer.inputs[i];
        if (PlaceOf(storage).resident) {
          in_address[i] = PlaceOf(storage).address + in_offset;
          continue;
        }
        in_address[i] = tile.address[i] + buffer * tile.buffer_bytes[i];
        const auto [window, offset] = SourceOf(storage);
        steps_.push_back(EncodeLoadRun(window, offset + in_offset, in_address[i], in_bytes, tag,
                                       &field_errors_));
      }
      const int64_t out_offset = (image * g.out_h + row) * g.out_row_bytes();
      const int64_t out_address = out_resident ? PlaceOf(layer.output).address + out_offset
                                               : tile.address[2] + buffer * tile.buffer_bytes[2];
      EmitRows(number, row, end, in_address, out_address);
      StoreRange(layer.output, out_offset, out_address, (end - row) * g.out_row_bytes(), tag);
    }
  }
}

Result<std::vector<Step>> Tiler::Run() {
  Diagnostics errors;
  for (size_t l = 0; l < lowered_.layers.size(); ++l) {
    const int32_t number = static_cast<int32_t>(l);
    const Layer& layer = lowered_.layers[l];
    field_errors_.clear();
    bool tiled = !PlaceOf(layer.output).resident;
    for (int32_t input : layer.inputs) {
      LoadResident(input, static_cast<uint32_t>(layer.tag));
      tiled = tiled || !PlaceOf(input).resident;
    }
    if (layer.kind == LayerKind::kCopy) {
      EmitCopy(layer, activations_.tiles[l]);
    } else if (tiled) {
      EmitTiles(number);
    } else {
      EmitWhole(number);
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
                               const NpuConfig& config, const ActivationPlan& activations,
                               const ParameterPlan& parameters) {
  return Tiler(model, lowered, config, activations, parameters).Run();
}

}  // namespace npugen::compiler

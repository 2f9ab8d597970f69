// SPDX-License-Identifier: Apache-2.0
// LOAD and STORE of the functional model.
#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "sw/stream/field_check.h"
#include "verif/functional/model_state.h"

namespace npugen {

using functional::Fault;

namespace {

/// The byte address in PE memory at which a swizzled copy (`mode` of the command) has the byte that
/// it would have at `address`: bits 4.. are xored with bits 7.., of 32, 64, 128 bytes one, two,
/// three.
int64_t Swizzled(int64_t mode, int64_t address) {
  const int64_t bits = (int64_t{1} << mode) - 1;
  return address ^ ((address >> 7 & bits) << 4);
}

/// Where im2col is: coordinates of a pixel, and what each of them adds to its offset.
class PixelWalk {
 public:
  explicit PixelWalk(const Command& command) {
    int64_t before = 0;
    for (int d = 1; d < kBoxDimensions; ++d) {
      Axis& axis = axes_[d - 1];
      axis.coordinate = command.Get(*kBoxStart[d]);
      axis.step = std::max<int64_t>(command.Get(*kBoxStep[d]), 1);
      axis.stride = command.Get(*kGlobalStride[d]);
      if (d + 1 == kBoxDimensions) break;  // images go on
      axis.low = command.Get(*kPixelLow[d]);
      axis.high = static_cast<int16_t>(command.Get(*kPixelHigh[d]));
      const int64_t back = command.Get(*kPixelBack[d]);
      axis.low_offset = back - before;
      before = back;
    }
  }

  /// Of dimension `d`, 1 to 4.
  int64_t coordinate(int d) const { return axes_[d - 1].coordinate; }

  /// Of the pixel, from the first one.
  int64_t offset() const {
    int64_t sum = 0;
    for (const Axis& axis : axes_) sum += axis.offset;
    return sum;
  }

  void Next() {
    for (Axis& axis : axes_) {
      axis.coordinate += axis.step;
      axis.offset += axis.stride;
      if (axis.coordinate < axis.high) return;
      axis.coordinate = axis.low;
      axis.offset = axis.low_offset;
    }
  }

 private:
  struct Axis {
    int64_t coordinate = 0, step = 1, low = 0, high = std::numeric_limits<int64_t>::max();
    int64_t stride = 0, offset = 0, low_offset = 0;
  };
  Axis axes_[kBoxDimensions - 1];
};

}  // namespace

/// A LOAD or STORE that is under way.
class FunctionalModel::BoxTransfer {
 public:
  /// Loop bounds and strides of a DMA command; dimension 0 is the run.
  struct Box {
    int64_t size[5];
    int64_t global_stride[5];
    int64_t local_stride[5];
    int64_t start[5];
    int64_t extent[5];
    int64_t step[5];  ///< of coordinates
    explicit Box(const Command& command) {
      for (int d = 0; d < kBoxDimensions; ++d) {
        size[d] = command.Get(*kBoxSize[d]);
        start[d] = command.Get(*kBoxStart[d]);
        extent[d] = command.Get(*kBoxExtent[d]);
        global_stride[d] = d == 0 ? 1 : command.Get(*kGlobalStride[d]);
        local_stride[d] = d == 0 ? 1 : command.Get(*kLocalStride[d]);
        if (d > 0 && size[d] == 0) size[d] = 1;
        step[d] = d == 0 ? 1 : std::max<int64_t>(command.Get(*kBoxStep[d]), 1);
      }
    }
  };

  BoxTransfer(State* state, const Command& command, FunctionalJobResult* result)
      : state_(*state), command_(command), result_(*result), box_(command) {
    load_ = command.opcode() == Opcode::kLoad;
    local_source_ = load_ && command.Get(dma::local_source) != 0;
    to_core_ = load_ && command.Get(dma::core_memory) != 0;
    bounds_ = command.Get(dma::bounds) != 0;
    window_ = command.Get(dma::window);
    swizzle_ = command.Get(dma::swizzle);
    if (load_ && command.Get(dma::im2col) != 0) pixels_.emplace(command);
    tiles_ = load_ && command.Get(dma::transpose) != 0;
    const auto staged = state->staged.find(&command);
    if (staged != state->staged.end()) staged_ = &staged->second;
    FindLocalMemories();
  }

  /// Moves the box: of each run the bytes from `skip` on, at most `most`. One that is transposed
  /// moves as a whole.
  std::optional<Fault> Run(int64_t skip, int64_t most, int64_t* bytes_moved) {
    if (tiles_) return RunTiles(bytes_moved);
    run_.resize(static_cast<size_t>(box_.size[0]));
    const int64_t piece_end = std::min(skip + most, box_.size[0]);
    int64_t index[5] = {};
    for (;;) {
      const Place place = PlaceOf(index);
      state_.work += static_cast<uint64_t>(box_.size[0]);
      if (state_.work > state_.most_work) return std::nullopt;
      if (std::optional<Fault> fault = CheckRun(place)) return fault;
      if (load_) {
        LoadRun(place, skip, piece_end);
      } else {
        StoreRun(place);
      }
      *bytes_moved += piece_end - skip;
      if (pixels_) {
        if (++index[1] == box_.size[1]) return std::nullopt;
        pixels_->Next();
        continue;
      }
      int d = 1;
      while (d < 5 && ++index[d] == box_.size[d]) index[d++] = 0;
      if (d == 5) return std::nullopt;
    }
  }

 private:
  /// Where a run is: offset in the window (or source PE memory), local address, and which of its
  /// bytes exist on the global side.
  struct Place {
    int64_t global, local, first, last;
  };

  /// As hardware has it, which adds in the width of the bus.
  uint64_t BusAddress(uint64_t address) const {
    const uint32_t width = state_.config.axi_address_bits;
    return width >= 64 ? address : address & ((uint64_t{1} << width) - 1);
  }

  void FindLocalMemories() {
    const uint64_t pe_mask = static_cast<uint64_t>(command_.pe_mask());
    const uint64_t core_mask = static_cast<uint64_t>(command_.Get(dma::core_mask));
    for (uint32_t pe = 0; pe < state_.config.pes(); ++pe) {
      if ((pe_mask >> pe & 1) == 0) continue;
      if (!to_core_) {
        locals_.push_back({&state_.pes[pe].memory, pe});
        continue;
      }
      for (uint32_t core = 0; core < state_.config.cores; ++core) {
        if ((core_mask >> core & 1) == 0) continue;
        locals_.push_back({&state_.pes[pe].core_memory[core], state_.CoreNumber(pe, core)});
      }
    }
  }

  /// Moves a box tile by tile: strips of runs, and of a strip as many runs at a time.
  std::optional<Fault> RunTiles(int64_t* bytes_moved) {
    const int64_t bus_bytes = state_.config.axi_bytes();
    const int64_t side = bus_bytes >> command_.Get(dma::element);
    for (int64_t strip = 0; strip < box_.size[0]; strip += bus_bytes) {
      int64_t index[5] = {};
      for (; index[3] < box_.size[3]; ++index[3]) {
        for (index[2] = 0; index[2] < box_.size[2]; ++index[2]) {
          for (int64_t row = 0; row < box_.size[1]; row += side) {
            index[1] = row;
            if (std::optional<Fault> fault = MoveTile(strip, index)) return fault;
            if (state_.work > state_.most_work) return std::nullopt;
            *bytes_moved +=
                std::min(bus_bytes, box_.size[0] - strip) * std::min(side, box_.size[1] - row);
          }
        }
      }
    }
    return std::nullopt;
  }

  /// Moves the tile that begins with byte `strip` of run `first`: looks at all of it, then writes
  /// column by column.
  std::optional<Fault> MoveTile(int64_t strip, const int64_t (&first)[5]) {
    const int64_t bus_bytes = state_.config.axi_bytes();
    const int64_t element = int64_t{1} << command_.Get(dma::element);
    const int64_t rows = std::min(bus_bytes / element, box_.size[1] - first[1]);
    const int64_t bytes = std::min(bus_bytes, box_.size[0] - strip), columns = bytes / element;
    const int64_t stride = box_.local_stride[1];
    const int64_t place = static_cast<uint32_t>(
        command_.Get(dma::local_address) + strip / element * stride + first[1] * element +
        first[2] * box_.local_stride[2] + first[3] * box_.local_stride[3]);
    const int64_t last_place = static_cast<uint32_t>(place + (columns - 1) * stride);
    std::vector<uint8_t> tile;  // row by row
    for (int64_t row = 0; row < rows; ++row) {
      int64_t index[5] = {0, first[1] + row, first[2], first[3], 0};
      Place piece = PlaceOf(index);
      piece.first = std::clamp(piece.first - strip, int64_t{0}, bytes);
      piece.last = std::clamp(piece.last - strip, piece.first, bytes);
      piece.global += strip;
      if (piece.first < piece.last) {  // counts modulo 2^32 where the piece begins
        piece.global = static_cast<uint32_t>(piece.global + piece.first) - piece.first;
      }
      state_.work += static_cast<uint64_t>(bytes);
      if (std::optional<Fault> fault = CheckSource(piece)) return fault;
      for (const int64_t column : {place, last_place}) {
        if (std::optional<Fault> fault = CheckLocal(column, rows * element)) return fault;
      }
      ReadRun(piece, bytes, 0, bytes, /*count=*/true);
      tile.insert(tile.end(), run_.begin(), run_.begin() + bytes);
    }
    run_.resize(static_cast<size_t>(std::max(bytes, rows * element)));
    for (int64_t column = 0; column < columns; ++column) {
      for (int64_t i = 0; i < rows * element; ++i) {
        run_[i] = tile[i / element * bytes + column * element + i % element];
      }
      WriteRun(place + column * stride, 0, rows * element);
    }
    return std::nullopt;
  }

  Place PlaceOf(const int64_t (&index)[5]) const {
    Place place = {command_.Get(dma::global_offset), command_.Get(dma::local_address), 0,
                   box_.size[0]};
    bool outside = false;
    if (pixels_) place.global += pixels_->offset();
    for (int d = 1; d < 5; ++d) {
      if (!pixels_) place.global += index[d] * box_.global_stride[d];
      place.local += index[d] * box_.local_stride[d];  // of pixels, index 1 alone
      const int64_t coordinate =
          pixels_ ? pixels_->coordinate(d) : box_.start[d] + index[d] * box_.step[d];
      if (bounds_ && (coordinate < 0 || coordinate >= box_.extent[d])) outside = true;
    }
    if (bounds_) {
      place.first = std::clamp<int64_t>(-box_.start[0], 0, box_.size[0]);
      place.last = std::clamp<int64_t>(box_.extent[0] - box_.start[0], place.first, box_.size[0]);
      if (outside) place.first = place.last = 0;
    }
    // Both sides count modulo 2^32.
    place.local = static_cast<uint32_t>(place.local);
    if (place.first < place.last) {
      place.global = static_cast<uint32_t>(place.global + place.first) - place.first;
    }
    return place;
  }

  /// The byte that fills byte `i` of a run: one of an element's.
  uint8_t FillOf(int64_t i) const {
    const int64_t bytes = int64_t{1} << command_.Get(dma::element);
    const auto pattern =
        static_cast<uint32_t>(command_.Get(dma::fill) | command_.Get(dma::fill_high) << 8);
    return static_cast<uint8_t>(pattern >> (8 * (i % bytes)));
  }

  /// The global side of a run.
  std::optional<Fault> CheckSource(const Place& place) const {
    const FunctionalWindow& window = state_.windows[window_];
    if (place.first < place.last) {
      const int64_t begin = place.global + place.first;
      const int64_t end = place.global + place.last;
      const int64_t size = local_source_ ? int64_t{state_.config.pe_memory_bytes}
                                         : static_cast<int64_t>(window.memory.size());
      const bool permitted = local_source_ || (load_ ? window.readable : window.writable);
      if (!permitted || begin < 0 || end > size) {
        if (local_source_) {
          return Fault{ErrorCode("LocalBounds"), static_cast<uint64_t>(begin),
                       "local source outside PE memory"};
        }
        return Fault{
            ErrorCode("WindowBounds"), BusAddress(window.base + static_cast<uint64_t>(begin)),
            fmt::format("bytes {}..{} of window {}, which has {}", begin, end, window_, size)};
      }
    }
    return std::nullopt;
  }

  /// `size` bytes of the local side at `begin`.
  std::optional<Fault> CheckLocal(int64_t begin, int64_t size) const {
    const int64_t local_bytes =
        to_core_ ? state_.config.core_memory_bytes : state_.config.pe_memory_bytes;
    if (size == 0 || begin + size <= local_bytes) return std::nullopt;
    return Fault{ErrorCode("LocalBounds"), static_cast<uint64_t>(begin),
                 fmt::format("local run at {}", begin)};
  }

  /// The global side is looked at first. A STORE reads what it writes only.
  std::optional<Fault> CheckRun(const Place& place) const {
    if (std::optional<Fault> fault = CheckSource(place)) return fault;
    return load_ ? CheckLocal(place.local, box_.size[0])
                 : CheckLocal(static_cast<uint32_t>(place.local + place.first),
                              place.last - place.first);
  }

  void LoadRun(const Place& place, int64_t skip, int64_t end) {
    ReadRun(place, box_.size[0], skip, end, /*count=*/skip == 0);
    WriteRun(place.local, skip, end);
  }

  /// A run of `bytes` bytes, filled and read; of these the observer sees `skip` to `end`.
  void ReadRun(const Place& place, int64_t bytes, int64_t skip, int64_t end, bool count) {
    const int64_t global = place.global, first = place.first, last = place.last;
    run_.resize(static_cast<size_t>(bytes));
    for (int64_t i = 0; i < bytes; ++i) run_[i] = FillOf(i);
    const int64_t source_pe = command_.Get(dma::source_pe);
    const std::span<const uint8_t> source = local_source_ ? state_.pes[source_pe].memory
                                            : staged_ != nullptr
                                                ? std::span<const uint8_t>(staged_->bytes)
                                                : state_.windows[window_].memory;
    if (first < last) {
      const int64_t source_begin = staged_ != nullptr && !local_source_ ? staged_->begin : 0;
      const auto from = source.begin() + (global + first - source_begin);
      std::copy(from, from + (last - first), run_.begin() + first);
    }
    Observe(local_source_ ? static_cast<size_t>(source_pe) : state_.WindowNumber(window_), global,
            std::max(first, skip), std::min(last, end), /*write=*/false);
    if (!local_source_ && count) result_.bytes_read += static_cast<uint64_t>(last - first);
  }

  /// Bytes `skip` to `end` of the run into all memories.
  void WriteRun(int64_t local, int64_t skip, int64_t end) {
    for (const Local& target : locals_) {
      for (int64_t i = skip; i < end; ++i)
        (*target.memory)[Swizzled(swizzle_, local + i)] = run_[i];
      Observe(target.number, local, skip, end, /*write=*/true, swizzle_);
    }
  }

  void StoreRun(const Place& place) {
    const auto& [global, local, first, last] = place;
    if (first == last) return;
    // A run that begins before its memory wraps around with its first byte that exists.
    const int64_t from = static_cast<uint32_t>(local + first), bytes = last - first;
    const std::vector<uint8_t>& source = *locals_.front().memory;
    for (int64_t i = 0; i < bytes; ++i) run_[i] = source[Swizzled(swizzle_, from + i)];
    std::copy_n(run_.begin(), bytes, state_.windows[window_].memory.begin() + (global + first));
    Observe(locals_.front().number, from, 0, bytes, /*write=*/false, swizzle_);
    Observe(state_.WindowNumber(window_), global + first, 0, bytes, /*write=*/true);
    result_.bytes_written += static_cast<uint64_t>(bytes);
  }

  /// Tells the observer of bytes `from` to `to` of the run, which begins at `begin`.
  void Observe(size_t memory, int64_t begin, int64_t from, int64_t to, bool write,
               int64_t swizzle = 0) {
    if (state_.observer == nullptr) return;
    for (int64_t i = from; i < to; ++i) {
      const int64_t address = Swizzled(swizzle, begin + i);
      if (write) {
        state_.observer->Write(memory, address, run_[i]);
      } else {
        state_.observer->Read(memory, address, /*weights=*/false);
      }
    }
  }

  /// PE or core memory, and its number for the observer.
  struct Local {
    std::vector<uint8_t>* memory;
    size_t number;
  };

  State& state_;
  const Command& command_;
  FunctionalJobResult& result_;
  Box box_;
  bool load_, local_source_, to_core_, bounds_, tiles_;
  int64_t window_, swizzle_;
  std::optional<PixelWalk> pixels_;
  const State::Staged* staged_ = nullptr;
  std::vector<Local> locals_;
  std::vector<uint8_t> run_;
};

void FunctionalModel::State::ReadAhead(const Command& command) {
  const BoxTransfer::Box box(command);
  const std::span<const uint8_t> memory = windows[command.Get(dma::window)].memory;
  // A box with bounds may begin before the window: offsets count modulo 2^32.
  int64_t begin = static_cast<int32_t>(command.Get(dma::global_offset));
  int64_t end = begin + box.size[0];
  for (int d = 1; d < 5; ++d) {
    const int64_t reach = (box.size[d] - 1) * box.global_stride[d];
    (reach < 0 ? begin : end) += reach;
  }
  // It may wrap around, or go where pixels are.
  if (end - begin > std::numeric_limits<int32_t>::max() || command.Get(dma::im2col) != 0) {
    begin = 0;
    end = static_cast<int64_t>(memory.size());
  }
  begin = std::clamp<int64_t>(begin, 0, static_cast<int64_t>(memory.size()));
  end = std::clamp<int64_t>(end, begin, static_cast<int64_t>(memory.size()));
  staged[&command] = {begin, {memory.begin() + begin, memory.begin() + end}};
}
std::optional<Fault> FunctionalModel::State::Transfer(const Command& command, int64_t skip,
                                                      int64_t most, FunctionalJobResult* result,
                                                      int64_t* bytes_moved) {
  if (command.opcode() == Opcode::kLoad && command.entries() == 1) {
    return std::nullopt;  // only waits and signals
  }
  if (std::optional<std::string> problem = CheckEngine(config, command)) {
    return Fault{ErrorCode("BadField"), 0, *std::move(problem)};
  }
  return BoxTransfer(this, command, result).Run(skip, most, bytes_moved);
}

}  // namespace npugen

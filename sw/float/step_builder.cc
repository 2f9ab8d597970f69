// SPDX-License-Identifier: Apache-2.0
// Memory by first fit, weights in a ring of core memory, commands field by field.
#include "sw/float/step_builder.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <deque>
#include <numeric>
#include <optional>
#include <utility>

#include "sw/compiler/plan/first_fit.h"
#include "sw/compiler/schedule/schedule.h"
#include "sw/stream/field_check.h"

namespace npugen::floats {

using compiler::Access;
using compiler::Space;
using compiler::Step;
using compiler::Transfer;

namespace {

/// Of weights that come before what a STORE of the same stream has to bring first: about what the
/// bus does meanwhile.
constexpr int64_t kAdvancedBeats = 512;

int64_t Quotient(int64_t a, int64_t b) { return (a + b - 1) / b; }

Diagnostic NoMemory(const std::string& what, const std::string& hint) {
  return {DiagnosticCode::kFloatMemory, SourceLocation(), what, hint};
}

}  // namespace

/// Turns operations into steps, when it is known where tensors are.
class StepEmitter {
 public:
  StepEmitter(const StepBuilder& builder, std::vector<int64_t> addresses)
      : builder_(builder),
        config_(builder.config_),
        addresses_(std::move(addresses)),
        next_row_(builder.program_rows_) {}

  void SetTag(uint32_t tag) { tag_ = tag; }
  /// `writes`: of core memory.
  void Move(Transfer transfer, std::vector<Access> writes = {}) {
    transfer.tag = tag_;
    Step step = compiler::EncodeTransfer(config_, transfer, &errors_);
    step.cycles = CyclesOf(transfer);
    step.writes.insert(step.writes.end(), writes.begin(), writes.end());
    steps_.push_back(std::move(step));
  }
  void Rearrange(const Rearrangement& box) {
    Transfer transfer;
    transfer.local_source = true;
    transfer.global_offset = Address(box.from);
    transfer.local_address = Address(box.to);
    transfer.run = box.run;
    transfer.dimensions = box.dimensions;
    transfer.bounds = box.bounds;
    transfer.element = box.element;
    Move(std::move(transfer));
  }
  void Multiply(const Product& product);
  void Work(const VectorWork& work);

  int64_t Address(Place place) const {
    return addresses_[static_cast<size_t>(place.tensor)] + place.offset;
  }
  std::vector<Step> Take() { return std::exchange(steps_, {}); }
  const std::optional<Diagnostic>& problem() const { return problem_; }
  const compiler::FieldErrors& errors() const { return errors_; }

 private:
  /// Groups of channels whose weights are in core memory together, and a part of their depth.
  struct Block {
    int64_t first_group, groups;
    int64_t first_slice, slices;
    int64_t first_set = 0, sets = 1;
    int64_t weight_row = 0, bias_row = 0;
  };
  /// Positions of an image.
  struct Tile {
    int64_t y, x, height, width;
  };

  int64_t row_bytes() const { return config_.core_row_bytes(); }
  int64_t simd() const { return config_.simd; }
  int64_t record_rows() const { return Quotient(4 * int64_t{config_.lanes}, row_bytes()); }
  int64_t slice_bytes() const { return config_.slice_rows() * row_bytes(); }
  int64_t ring_rows() const { return int64_t{config_.core_rows()} - builder_.program_rows_; }
  /// Rows of core memory of their own, behind those given before.
  int64_t TakeRows(int64_t rows) {
    if (next_row_ + rows > config_.core_rows()) next_row_ = builder_.program_rows_;
    return std::exchange(next_row_, next_row_ + rows);
  }
  /// About what a LOAD takes: a run, a word or a square of the transposer at a time.
  uint64_t CyclesOf(const Transfer& transfer) const;
  void Set(Command* command, const CommandField& field, int64_t value) {
    if (!command->Set(field, value)) errors_.push_back(fmt::format("{} = {}", field.name, value));
  }

  /// A compute command, which must be one that hardware takes.
  void Append(Step step) {
    if (const std::optional<std::string> problem = CheckCommandFields(config_, step.command)) {
      errors_.push_back(*problem);
    }
    steps_.push_back(std::move(step));
  }
  static bool Biased(const Product& product) {
    return product.bias.tensor != kNoTensor || (product.streamed && product.streamed->bias >= 0);
  }
  Block LoadBlock(const Product& product, Block block);
  /// Of one core, `groups` of the block from its group `first` on.
  void LoadStreamed(const Product& product, const Block& block, int64_t core, int64_t first,
                    int64_t groups);
  void LoadRecords(const Product& product, const Block& block);
  /// One MATMUL; the sums go on from the command before, or to the next one, where it is not the
  /// first or the last of its depth.
  void EmitProduct(const Product& product, const Block& block, int64_t set, int64_t image,
                   const Tile& tile, bool first, bool last);

  const StepBuilder& builder_;
  const NpuConfig& config_;
  std::vector<int64_t> addresses_;
  std::vector<Step> steps_;
  compiler::FieldErrors errors_;
  std::optional<Diagnostic> problem_;
  uint32_t tag_ = 0;
  int64_t next_row_;
};

uint64_t StepEmitter::CyclesOf(const Transfer& transfer) const {
  const int64_t bus = config_.axi_data_bits / 8;
  const int64_t started = transfer.local_source ? 20 : 80;
  int64_t runs = 1;
  for (const Transfer::Dimension& dimension : transfer.dimensions) runs *= dimension.count;
  int64_t cycles = runs * Quotient(transfer.run, bus);
  if (transfer.element != 0 && !transfer.dimensions.empty()) {
    const int64_t side = bus / transfer.element, rows = transfer.dimensions[0].count;
    cycles = runs / rows * Quotient(rows, side) * Quotient(transfer.run, bus) * side;
  }
  return static_cast<uint64_t>(started + cycles);
}

StepEmitter::Block StepEmitter::LoadBlock(const Product& product, Block block) {
  const int64_t group_rows = block.slices * config_.slice_rows();
  // Records and weights side by side: what is taken separately could meet where the ring begins
  // anew.
  const int64_t records = Biased(product) ? block.groups * record_rows() : 0;
  const int64_t first_row = TakeRows(records + block.sets * block.groups * group_rows);
  block.bias_row = first_row;
  block.weight_row = first_row + records;
  if (Biased(product)) LoadRecords(product, block);
  const int64_t lanes = config_.lanes, group = config_.pe_lanes();
  for (int64_t core = 0; core < config_.cores; ++core) {
    // Groups that have channels in all lanes of the core, then the rest.
    const auto channels_of = [&](int64_t g) {
      const int64_t first = (block.first_group + g) * group + core * lanes;
      return std::clamp<int64_t>(product.channels - first, 0, lanes);
    };
    if (product.streamed) {
      int64_t groups = 0;
      while (groups < block.groups && channels_of(groups) > 0) ++groups;
      const int64_t settled =
          std::clamp<int64_t>(product.streamed->settled_groups - block.first_group, 0, groups);
      if (settled > 0) LoadStreamed(product, block, core, 0, settled);
      if (settled < groups) LoadStreamed(product, block, core, settled, groups - settled);
      continue;
    }
    int64_t whole = 0;
    while (whole < block.groups && channels_of(whole) == lanes) ++whole;
    const std::array<std::array<int64_t, 3>, 2> parts = {
        {{0, whole, lanes}, {whole, 1, whole < block.groups ? channels_of(whole) : 0}}};
    for (const auto& [first, groups, channels] : parts) {
      if (groups == 0 || channels == 0) continue;
      Transfer transfer;
      transfer.local_source = true;
      transfer.core_memory = true;
      transfer.core_mask = 1u << core;
      transfer.global_offset = Address(product.weights) + block.first_slice * simd() +
                               ((block.first_group + first) * group + core * lanes) * product.pitch;
      transfer.local_address =
          block.weight_row * row_bytes() + first * block.slices * slice_bytes();
      transfer.run = simd();
      transfer.dimensions = {{channels, product.pitch, simd()},
                             {block.slices, simd(), slice_bytes()},
                             {groups, group * product.pitch, block.slices * slice_bytes()}};
      Move(std::move(transfer),
           {{Space::kCoreRows, block.weight_row, block.weight_row + block.groups * group_rows}});
    }
  }
  return block;
}

void StepEmitter::LoadStreamed(const Product& product, const Block& block, int64_t core,
                               int64_t first, int64_t groups) {
  const WindowWeights& from = *product.streamed;
  const int64_t slices = block.slices, set_rows = block.groups * slices * config_.slice_rows();
  Transfer transfer;
  transfer.window = from.window;
  transfer.core_memory = true;
  transfer.core_mask = 1u << core;
  transfer.global_offset = from.offset + block.first_set * product.weights_set_step +
                           core * from.core_step + (block.first_group + first) * from.group_step +
                           block.first_slice * from.slice_bytes;
  transfer.local_address = block.weight_row * row_bytes() + first * slices * slice_bytes();
  // The fewer runs the better; a single one can be followed.
  transfer.run = from.slice_bytes;
  const auto repeat = [&](int64_t count, int64_t global_stride, int64_t local_stride) {
    if (count == 1) return;
    if (transfer.dimensions.empty() && global_stride == transfer.run &&
        local_stride == transfer.run && count * transfer.run <= compiler::kLargestTransferRun) {
      transfer.run *= count;
    } else {
      transfer.dimensions.push_back({count, global_stride, local_stride});
    }
  };
  repeat(slices, from.slice_bytes, slice_bytes());
  repeat(groups, from.group_step, slices * slice_bytes());
  repeat(block.sets, product.weights_set_step, set_rows * row_bytes());
  // Not every row of the block need be written: lanes without channels are left as they are.
  int64_t end = transfer.local_address + transfer.run;
  for (const Transfer::Dimension& dimension : transfer.dimensions) {
    end += (dimension.count - 1) * dimension.local_stride;
  }
  const int64_t begin = transfer.local_address;
  Move(std::move(transfer), {{Space::kCoreRows, begin / row_bytes(), Quotient(end, row_bytes())}});
}

void StepEmitter::LoadRecords(const Product& product, const Block& block) {
  const int64_t lanes = config_.lanes;
  for (int64_t core = 0; core < config_.cores; ++core) {
    Transfer transfer;
    transfer.core_memory = true;
    transfer.core_mask = 1u << core;
    transfer.global_offset = 4 * (block.first_group * config_.pe_lanes() + core * lanes);
    if (product.streamed) {
      transfer.window = product.streamed->window;
      transfer.global_offset += product.streamed->bias;
    } else {
      transfer.local_source = true;
      transfer.global_offset += Address(product.bias);
    }
    transfer.local_address = block.bias_row * row_bytes();
    transfer.run = 4 * lanes;
    transfer.dimensions = {
        {block.groups, 4 * int64_t{config_.pe_lanes()}, record_rows() * row_bytes()}};
    Move(std::move(transfer),
         {{Space::kCoreRows, block.bias_row, block.bias_row + block.groups * record_rows()}});
  }
}

void StepEmitter::Multiply(const Product& product) {
  const int64_t slices = Quotient(product.depth, simd());
  const int64_t groups = Quotient(product.channels, config_.pe_lanes());
  assert(product.streamed || slices * simd() <= product.pitch);
  const bool biased = Biased(product);
  assert(product.sets == 1 || (product.streamed && !biased));
  const auto rows_of = [&](int64_t count, int64_t depth) {
    return count * (depth * config_.slice_rows() + (biased ? record_rows() : 0));
  };
  // Half of what there is, so that weights come while others are used; all of it before they are
  // cut along their depth.
  const int64_t half = ring_rows() / 2;
  // What streams comes in smaller pieces, so that more of it is under way.
  const int64_t piece = product.streamed ? half / 2 : half;
  int64_t most_groups = std::min(groups, piece / rows_of(1, slices));
  if (most_groups == 0 && rows_of(1, slices) <= half) most_groups = 1;
  int64_t most_slices = slices;
  if (most_groups == 0) {
    most_groups = 1;
    if (rows_of(1, slices) > ring_rows()) {
      most_slices = (half - (biased ? record_rows() : 0)) / config_.slice_rows();
    }
  }
  if (most_slices <= 0 || (most_slices < slices && product.run_bytes != 0)) {
    problem_ = NoMemory(
        fmt::format("a filter of {} bytes takes {} rows of core memory, which has {} for it",
                    product.depth, rows_of(1, slices), ring_rows()),
        "core.memory of the spec");
    return;
  }
  const int64_t parts = Quotient(slices, most_slices);
  std::vector<Tile> tiles;
  if (parts == 1) {
    tiles.push_back({0, 0, product.height, product.width});
  } else {
    const int64_t width = std::min<int64_t>(product.width, config_.accumulators);
    const int64_t height = std::max<int64_t>(config_.accumulators / width, 1);
    for (int64_t y = 0; y < product.height; y += height) {
      for (int64_t x = 0; x < product.width; x += width) {
        tiles.push_back(
            {y, x, std::min(height, product.height - y), std::min(width, product.width - x)});
      }
    }
  }
  bool moved = false;  // the operand is in place
  const auto move_operand = [&] {
    if (moved) return;
    for (const Rearrangement& box : product.operand_moves) Rearrange(box);
    moved = true;
  };
  // Sets of weights come together where whole ones have room.
  const int64_t most_sets =
      parts == 1 && most_groups == groups
          ? std::clamp<int64_t>(half / rows_of(groups, slices), 1, product.sets)
          : 1;
  for (int64_t first_set = 0; first_set < product.sets; first_set += most_sets) {
    const int64_t sets = std::min(most_sets, product.sets - first_set);
    for (int64_t g = 0; g < groups; g += most_groups) {
      Block block = {g, std::min(most_groups, groups - g), 0, most_slices, first_set, sets};
      if (parts == 1) block = LoadBlock(product, block);
      if (parts == 1) move_operand();
      for (int64_t set = first_set; set < first_set + sets; ++set) {
        for (int64_t image = 0; image < product.images; ++image) {
          for (const Tile& tile : tiles) {
            for (int64_t part = 0; part < parts; ++part) {
              if (parts > 1) {
                block.first_slice = part * most_slices;
                block.slices = std::min(most_slices, slices - block.first_slice);
                block = LoadBlock(product, block);
                move_operand();
              }
              EmitProduct(product, block, set, image, tile, part == 0, part + 1 == parts);
            }
          }
        }
      }
    }
  }
}

void StepEmitter::EmitProduct(const Product& product, const Block& block, int64_t set,
                              int64_t image, const Tile& tile, bool first, bool last) {
  const int64_t group = config_.pe_lanes();
  const int64_t out_bytes = ElementBytes(product.out_format);
  const int64_t channels =
      std::min(product.channels - block.first_group * group, block.groups * group);
  const int64_t group_rows = block.slices * config_.slice_rows();
  const int64_t weight_row = block.weight_row + (set - block.first_set) * block.groups * group_rows;
  const bool biased = Biased(product);
  Command command(Opcode::kMatmul, 10, tag_);
  const auto put = [&](const CommandField& field, int64_t value) { Set(&command, field, value); };
  put(compute::pe_mask, 1);
  put(compute::acc_init, first);
  put(compute::drain, last);
  const int64_t y_start = product.y_start + tile.y * product.y_step;
  const int64_t image_at =
      Address(product.operand) + set * product.operand_set_step + image * product.image_step;
  put(compute::act_base, image_at + y_start * product.row_pitch);
  put(compute::out_w, tile.width);
  put(compute::positions, tile.height * tile.width);
  put(compute::row_step, product.y_step * product.row_pitch);
  put(compute::y_start, y_start);
  put(compute::y_step, product.y_step);
  put(compute::x_start, product.x_start + tile.x * product.x_step + block.first_slice * simd());
  put(compute::x_step, product.x_step);
  put(compute::row_bytes, product.row_bytes);
  put(compute::in_h, product.in_h);
  put(compute::k0_count, block.slices);
  put(compute::k1_count, 1);
  put(compute::k2_count, 1);
  if (product.run_bytes != 0) {
    // Kernel rows that a slice passes as a whole.
    const int64_t rows = simd() / product.run_bytes;
    put(compute::run_bytes, product.run_bytes);
    put(compute::k1_step, simd() % product.run_bytes);
    put(compute::k2_y_step, rows);
    put(compute::k2_row_step, rows * product.row_pitch);
    put(compute::win_rows, product.kernel_rows);
    put(compute::win_cols, rows);
    put(compute::win_y_step, 1);
    put(compute::win_row_step, product.row_pitch);
  }
  put(compute::groups, block.groups);
  put(compute::common_scale, 1);
  put(compute::weight_row, weight_row);
  put(compute::weight_group_rows, group_rows);
  put(compute::param_row, biased ? block.bias_row : 0);
  put(compute::param_group_rows, biased ? record_rows() : 0);
  const int64_t out = Address(product.out) + set * product.out_set_step +
                      image * product.out_image_step + tile.y * product.out_row_step +
                      tile.x * product.out_x_step + block.first_group * group * out_bytes;
  put(compute::out_base, out);
  put(compute::out_x_step, product.out_x_step);
  put(compute::out_row_step, product.out_row_step);
  put(compute::out_group_step, group * out_bytes);
  put(compute::channels, channels);
  put(compute::group_channels, group);
  put(compute::format_a, product.format);
  put(compute::format_w, product.format);
  put(compute::out_format, product.out_format);
  put(compute::float_bias, biased);
  put(compute::relu, product.relu);
  Step step{kFirstPeEngine, std::move(command), {}, {}, -1, 0};
  const int64_t positions = tile.height * tile.width;
  step.cycles = static_cast<uint64_t>(60 + block.groups * block.slices *
                                               std::max<int64_t>(positions, config_.slice_rows()));
  step.reads = {{Space::kPeMemory, image_at,
                 image_at + (product.in_h - 1) * product.row_pitch + product.row_bytes},
                {Space::kCoreRows, weight_row, weight_row + block.groups * group_rows}};
  if (biased) {
    step.reads.push_back(
        {Space::kCoreRows, block.bias_row, block.bias_row + block.groups * record_rows()});
  }
  if (last) {
    step.writes = {{Space::kPeMemory, out,
                    out + (tile.height - 1) * product.out_row_step +
                        (tile.width - 1) * product.out_x_step + channels * out_bytes}};
  }
  Append(std::move(step));
}

void StepEmitter::Work(const VectorWork& work) {
  const StepBuilder::LoadedProgram& program = builder_.programs_[work.program];
  for (int64_t first = 0; first < work.rows; first += work.most_rows) {
    const int64_t rows = std::min(work.most_rows, work.rows - first);
    Command command(Opcode::kVector, 11, tag_);
    const auto set = [&](const CommandField& field, int64_t value) { Set(&command, field, value); };
    set(compute::pe_mask, 1);
    set(compute::out_h, rows);
    set(compute::row_bytes, work.elements);
    set(compute::weight_row, program.row);
    Step step{kFirstPeEngine, std::move(command), {}, {}, -1, 0};
    step.reads.push_back({Space::kCoreRows, program.row, program.row + program.rows});
    const int64_t lanes = config_.vector_lanes, strips = rows * Quotient(work.elements, lanes);
    step.cycles = static_cast<uint64_t>(
        60 + strips * (static_cast<int64_t>(program.bytes.size()) / kVectorEntryBytes));
    const auto stream = [&](const VectorStream& from, const CommandField& base,
                            const CommandField& row_step, const CommandField& format,
                            const CommandField* single, int64_t elements,
                            std::vector<Access>* accesses) {
      if (from.at.tensor == kNoTensor) return;
      const int64_t at = Address(from.at) + first * from.row_step;
      Set(&step.command, base, at);
      Set(&step.command, row_step, from.row_step);
      Set(&step.command, format, from.format);
      if (single != nullptr) Set(&step.command, *single, from.single);
      accesses->push_back({Space::kPeMemory, at,
                           at + (rows - 1) * from.row_step +
                               (from.single ? 1 : elements) * ElementBytes(from.format)});
    };
    stream(work.a, compute::act_base, compute::row_step, compute::a_format, &compute::a_single,
           work.elements, &step.reads);
    stream(work.b, compute::b_base, compute::b_row_step, compute::b_format, &compute::b_single,
           work.elements, &step.reads);
    stream(work.c, compute::c_base, compute::c_row_step, compute::c_format, &compute::c_single,
           work.elements, &step.reads);
    stream(work.d, compute::out_base, compute::out_row_step, compute::d_format, nullptr,
           work.d_elements != 0 ? work.d_elements : work.elements, &step.writes);
    stream(work.e, compute::e_base, compute::e_row_step, compute::e_format, nullptr,
           work.e_elements != 0 ? work.e_elements : work.elements, &step.writes);
    Append(std::move(step));
  }
}

/// Puts moves that were made ahead between the steps of other operations, by what the PE and the
/// DMA are at work on by then: a queue of LOADs that is full holds up all commands behind it.
class AheadQueue {
 public:
  /// Steps of an operation that touches these tensors.
  void Take(bool ahead, const std::vector<TensorId>& tensors, std::vector<Step> steps) {
    if (ahead) {
      for (Step& step : steps) step.stays = true;
      waiting_.push_back({tensors, std::move(steps)});
      return;
    }
    // What it needs, and what was to be moved before that.
    size_t needed = waiting_.size();
    const auto meets = [&](const Waiting& waiting) {
      return std::any_of(tensors.begin(), tensors.end(), [&](TensorId tensor) {
        return tensor != kNoTensor && tensor == waiting.tensors.back();
      });
    };
    while (needed > 0 && !meets(waiting_[needed - 1])) --needed;
    for (; needed > 0; --needed) Place();
    for (Step& step : steps) {
      uint64_t& at = step.is_load() ? dma_ : pe_;
      if (step.engine != kStoreEngine) at = std::max(dma_, pe_) + step.cycles;
      steps_.push_back(std::move(step));
      while (!waiting_.empty() && dma_ + CyclesOf(waiting_.front()) <= pe_) Place();
    }
  }
  std::vector<Step> Finish() {
    while (!waiting_.empty()) Place();
    return std::move(steps_);
  }

 private:
  struct Waiting {
    std::vector<TensorId> tensors;  ///< the last one is written
    std::vector<Step> steps;
  };
  static uint64_t CyclesOf(const Waiting& waiting) {
    uint64_t cycles = 0;
    for (const Step& step : waiting.steps) cycles += step.cycles;
    return cycles;
  }
  void Place() {
    dma_ += CyclesOf(waiting_.front());
    for (Step& step : waiting_.front().steps) steps_.push_back(std::move(step));
    waiting_.pop_front();
  }

  std::deque<Waiting> waiting_;
  std::vector<Step> steps_;
  uint64_t dma_ = 0, pe_ = 0;  ///< cycles until which they are at work
};

TensorId StepBuilder::Tensor(const std::string& name, int64_t bytes) {
  tensors_.push_back({name, bytes});
  return static_cast<TensorId>(tensors_.size()) - 1;
}

size_t StepBuilder::AddProgram(const VectorProgram& program) {
  std::vector<uint8_t> bytes = program.Bytes();
  bytes.resize(
      static_cast<size_t>(Quotient(static_cast<int64_t>(bytes.size()), RowBytes()) * RowBytes()));
  const int64_t rows = static_cast<int64_t>(bytes.size()) / RowBytes();
  programs_.push_back({std::move(bytes), program_rows_, rows});
  program_rows_ += rows;
  return programs_.size() - 1;
}

std::vector<uint8_t> StepBuilder::ProgramBytes() const {
  std::vector<uint8_t> bytes;
  for (const LoadedProgram& program : programs_) {
    bytes.insert(bytes.end(), program.bytes.begin(), program.bytes.end());
  }
  return bytes;
}

void StepBuilder::Add(const std::vector<TensorId>& tensors,
                      std::function<void(StepEmitter&)> emit) {
  const auto now = static_cast<int64_t>(operations_.size());
  for (const TensorId tensor : tensors) {
    if (tensor == kNoTensor) continue;
    TensorInfo& info = tensors_[static_cast<size_t>(tensor)];
    if (info.first < 0) info.first = now;
    info.last = now;
  }
  operations_.push_back({tag_, ahead_, tensors, std::move(emit)});
}

void StepBuilder::LoadPrograms(Window window, int64_t offset) {
  Add({}, [this, window, offset](StepEmitter& emitter) {
    if (program_rows_ == 0) return;
    Transfer transfer;
    transfer.window = window;
    transfer.global_offset = offset;
    transfer.core_memory = true;
    transfer.run = program_rows_ * RowBytes();
    emitter.Move(std::move(transfer), {{Space::kCoreRows, 0, program_rows_}});
  });
}

void StepBuilder::Load(Window window, int64_t offset, Place to, int64_t bytes) {
  Add({to.tensor}, [=](StepEmitter& emitter) {
    Transfer transfer;
    transfer.window = window;
    transfer.global_offset = offset;
    transfer.local_address = emitter.Address(to);
    transfer.run = bytes;
    emitter.Move(std::move(transfer));
  });
}

void StepBuilder::Store(Place from, Window window, int64_t offset, int64_t bytes) {
  Store(from, window, offset, bytes, {});
}

void StepBuilder::Store(Place from, Window window, int64_t offset, int64_t bytes,
                        const std::vector<Transfer::Dimension>& dimensions) {
  Add({from.tensor}, [=](StepEmitter& emitter) {
    Transfer transfer;
    transfer.engine = kStoreEngine;
    transfer.window = window;
    transfer.global_offset = offset;
    transfer.local_address = emitter.Address(from);
    transfer.run = bytes;
    transfer.dimensions = dimensions;
    emitter.Move(std::move(transfer));
  });
}

void StepBuilder::Clear(Place at, int64_t bytes) {
  Add({at.tensor}, [=](StepEmitter& emitter) {
    Transfer transfer;
    transfer.fill_only = true;
    transfer.local_address = emitter.Address(at);
    transfer.run = bytes;
    emitter.Move(std::move(transfer));
  });
}

void StepBuilder::Rearrange(const Rearrangement& box) {
  Add({box.from.tensor, box.to.tensor}, [=](StepEmitter& emitter) { emitter.Rearrange(box); });
}

void StepBuilder::Multiply(const Product& product) {
  std::vector<TensorId> tensors = {product.operand.tensor, product.weights.tensor,
                                   product.bias.tensor, product.out.tensor};
  for (const Rearrangement& box : product.operand_moves) tensors.push_back(box.from.tensor);
  Add(tensors, [=](StepEmitter& emitter) { emitter.Multiply(product); });
}

void StepBuilder::Work(const VectorWork& work) {
  Add({work.a.at.tensor, work.b.at.tensor, work.c.at.tensor, work.d.at.tensor, work.e.at.tensor},
      [=](StepEmitter& emitter) { emitter.Work(work); });
}

Result<BuiltStream> StepBuilder::Build() const {
  compiler::FirstFit memory(config_.pe_memory_bytes, config_.pe_bank_bytes);
  // What a move reads must stay until its result is needed: that is when it may be made.
  std::vector<TensorInfo> tensors = tensors_;
  for (size_t now = 0; now < operations_.size(); ++now) {
    if (!operations_[now].ahead) continue;
    const TensorId result = operations_[now].tensors.back();
    size_t need = now + 1;
    while (need < operations_.size() &&
           std::ranges::count(operations_[need].tensors, result) == 0) {
      ++need;
    }
    for (const TensorId tensor : operations_[now].tensors) {
      if (tensor == kNoTensor) continue;
      int64_t& last = tensors[static_cast<size_t>(tensor)].last;
      last = std::max(
          last, std::min(static_cast<int64_t>(need), static_cast<int64_t>(operations_.size()) - 1));
    }
  }
  std::vector<size_t> order(tensors_.size());
  std::iota(order.begin(), order.end(), size_t{0});
  // What lives long first: it would cut the room of others into pieces.
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    return tensors[a].last - tensors[a].first > tensors[b].last - tensors[b].first;
  });
  std::vector<int64_t> addresses(tensors_.size());
  for (const size_t t : order) {
    const TensorInfo& tensor = tensors[t];
    if (tensor.first < 0) continue;
    const std::optional<int64_t> at = memory.Place({tensor.bytes, tensor.first, tensor.last});
    if (!at) {
      return NoMemory(
          fmt::format("`{}` of {} bytes has no room in PE memory beside what is used with it",
                      tensor.name, tensor.bytes),
          "more pe.memory in the spec, or less at the same time (a smaller batch, shorter texts)");
    }
    addresses[t] = *at;
  }
  StepEmitter emitter(*this, std::move(addresses));
  AheadQueue queue;
  for (const Operation& operation : operations_) {
    emitter.SetTag(operation.tag);
    operation.emit(emitter);
    queue.Take(operation.ahead, operation.tensors, emitter.Take());
    if (emitter.problem()) return *emitter.problem();
    if (!emitter.errors().empty()) {
      return NoMemory("a value does not fit into a command: " + emitter.errors()[0],
                      "a smaller batch, network or text");
    }
  }
  std::vector<Step> steps = compiler::AdvanceConstants(
      queue.Finish(), kAdvancedBeats * static_cast<int64_t>(config_.axi_bytes()));
  steps = compiler::HoistLoads(config_, std::move(steps), 0);
  steps = compiler::AddBarriers(config_, std::move(steps));
  return BuiltStream{compiler::WriteStream(config_, steps), memory.used()};
}

}  // namespace npugen::floats

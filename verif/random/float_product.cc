// SPDX-License-Identifier: Apache-2.0
// Blocks of weights in two halves of core memory, blocks of rows in two buffers of PE memory, and
// barriers that let loads, products and stores follow each other.
#include "verif/random/float_product.h"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <string_view>
#include <utility>

#include "sw/numerics/dot_product.h"

namespace npugen {
namespace {

constexpr const numerics::FloatFormat* kFormats[] = {nullptr, &numerics::kBf16, &numerics::kE4m3,
                                                     &numerics::kE5m2, nullptr};
constexpr int64_t kMostRows = 32767;  // of a block: in_h and size1 have 16 bits
constexpr int64_t kLoads = 0, kStores = 1, kProducts = 2;  // barriers

int64_t Quotient(int64_t a, int64_t b) { return (a + b - 1) / b; }

/// How the product is cut.
struct Cut {
  int64_t row_bytes;   ///< of a
  int64_t slices;      ///< of a row
  int64_t group_rows;  ///< core memory rows of a group of channels
  int64_t groups;      ///< of a block of weights
  int64_t half_rows;   ///< core memory rows of a block
  int64_t rows;        ///< of a block of a
  int64_t buffers;     ///< of those: 1 or 2
  int64_t out_pitch;   ///< bytes of a row of a block of out
  int64_t row_blocks, channel_blocks;
};

Result<Cut> CutOf(const NpuConfig& config, const FloatProduct& product) {
  Cut cut = {};
  const int64_t lanes = config.pe_lanes(), tile = config.accumulators;
  cut.row_bytes = product.depth * ElementBytes(product.format_a);
  cut.slices = Quotient(cut.row_bytes, config.simd);
  cut.group_rows = cut.slices * config.slice_rows();
  const int64_t half = config.core_rows() / 2;
  const int64_t memory = config.pe_memory_bytes;
  cut.groups = std::min(half / cut.group_rows, Quotient(product.channels, lanes));
  // As many rows as fit, in whole tiles; with two buffers, if there is more than one block.
  const auto fits = [&](int64_t rows, int64_t buffers) {
    return rows <= kMostRows && buffers * rows * cut.row_bytes + 2 * rows * cut.out_pitch <= memory;
  };
  for (; cut.groups > 0; --cut.groups) {
    cut.out_pitch = cut.groups * lanes * ElementBytes(product.out_format);
    cut.rows = Quotient(product.rows, tile) * tile;
    cut.buffers = 1;
    if (fits(cut.rows, 1)) break;
    cut.buffers = 2;
    while (cut.rows > tile && !fits(cut.rows, 2)) cut.rows -= tile;
    if (fits(cut.rows, 2)) break;
  }
  if (cut.groups == 0 || cut.slices > 0xffff) {
    return Diagnostic{DiagnosticCode::kInternal, SourceLocation(),
                      fmt::format("a product of depth {} does not fit", product.depth),
                      "give more core or PE memory"};
  }
  cut.half_rows = cut.groups * cut.group_rows;
  cut.row_blocks = Quotient(product.rows, cut.rows);
  cut.channel_blocks = Quotient(product.channels, cut.groups * lanes);
  return cut;
}

/// Sizes are bounded by CutOf(), so that values fit.
void Set(Command* command, std::string_view name, int64_t value) {
  const CommandField* field = FindField(command->opcode(), name);
  [[maybe_unused]] const bool fits = field != nullptr && command->Set(*field, value);
  assert(fits);
}

Command Make(Opcode opcode, uint32_t entries,
             const std::vector<std::pair<std::string_view, int64_t>>& fields) {
  Command command(opcode, entries, 0);
  for (const auto& [name, value] : fields) Set(&command, name, value);
  return command;
}

/// Waits of a command: until barrier `id` has counted `count`.
void Wait(Command* command, int number, int64_t id, int64_t count) {
  if (count <= 0) return;
  Set(command, number == 0 ? "wait0_en" : "wait1_en", 1);
  Set(command, number == 0 ? "wait0_id" : "wait1_id", id);
  Set(command, number == 0 ? "wait0_count" : "wait1_count", count);
}

void Signal(Command* command, int64_t id) {
  Set(command, "signal_en", 1);
  Set(command, "signal_id", id);
}

class Writer {
 public:
  Writer(const NpuConfig& config, const FloatProduct& product, const Cut& cut)
      : config_(config), product_(product), cut_(cut) {}

  FloatProductJob Run(const std::vector<uint16_t>& w) {
    const int64_t count = cut_.row_blocks * cut_.channel_blocks;
    LoadRows(0);
    LoadWeights(0);
    for (int64_t c = 0; c < count; ++c) {
      // The next block's weights, and before its first ones the rows.
      if (c + 1 < count) {
        if ((c + 1) % cut_.channel_blocks == 0) LoadRows((c + 1) / cut_.channel_blocks);
        LoadWeights(c + 1);
      }
      Multiply(c);
      Store(c);
    }
    job_.commands.emplace_back(Opcode::kEnd, 1, 0);
    MakeWeights(w);
    return std::move(job_);
  }

 private:
  int64_t RowsOf(int64_t block) const {
    return std::min(cut_.rows, product_.rows - block * cut_.rows);
  }
  int64_t ChannelsOf(int64_t block) const {
    const int64_t most = cut_.groups * config_.pe_lanes();
    return std::min(most, product_.channels - block * most);
  }
  int64_t GroupsOf(int64_t block) const { return Quotient(ChannelsOf(block), config_.pe_lanes()); }
  int64_t BufferOf(int64_t block) const {
    return block % cut_.buffers * cut_.rows * cut_.row_bytes;
  }
  int64_t OutOf(int64_t number) const {
    return cut_.buffers * cut_.rows * cut_.row_bytes + number % 2 * cut_.rows * cut_.out_pitch;
  }
  /// Bytes that a core's part of a block of weights has in the window.
  int64_t CoreBytes(int64_t block) const {
    return GroupsOf(block) * cut_.group_rows * config_.core_row_bytes();
  }
  int64_t WeightOffset(int64_t block) const {
    return block * config_.cores * cut_.half_rows * config_.core_row_bytes();
  }

  void LoadRows(int64_t block) {
    Command command = Make(Opcode::kLoad, 3,
                           {{"window", 2},
                            {"global_offset", block * cut_.rows * cut_.row_bytes},
                            {"local_address", BufferOf(block)},
                            {"pe_mask", 1},
                            {"size0", RowsOf(block) * cut_.row_bytes}});
    // Its buffer is free when the block before the last one is done.
    Wait(&command, 0, kProducts, (block - cut_.buffers + 1) * cut_.channel_blocks);
    Signal(&command, kLoads);
    job_.commands.push_back(std::move(command));
    ++loads_;
  }

  void LoadWeights(int64_t number) {
    const int64_t block = number % cut_.channel_blocks;
    for (int64_t core = 0; core < config_.cores; ++core) {
      Command command = Make(Opcode::kLoad, 3,
                             {{"window", 1},
                              {"global_offset", WeightOffset(block) + core * CoreBytes(block)},
                              {"core_memory", 1},
                              {"core_mask", int64_t{1} << core},
                              {"local_address", number % 2 * HalfRows() * config_.core_row_bytes()},
                              {"pe_mask", 1},
                              {"size0", CoreBytes(block)}});
      Wait(&command, 0, kProducts, number - 1);
      Signal(&command, kLoads);
      job_.commands.push_back(std::move(command));
      ++loads_;
    }
    loads_before_.push_back(loads_);
  }

  void Multiply(int64_t number) {
    const int64_t block = number % cut_.channel_blocks, rows = number / cut_.channel_blocks;
    Command command =
        Make(Opcode::kMatmul, 10,
             {{"pe_mask", 1},
              {"acc_init", 1},
              {"drain", 1},
              {"act_base", BufferOf(rows)},
              {"out_w", 1},
              {"positions", RowsOf(rows)},
              {"row_step", cut_.row_bytes},
              {"y_step", 1},
              {"row_bytes", cut_.row_bytes},
              {"in_h", RowsOf(rows)},
              {"k0_count", cut_.slices},
              {"k1_count", 1},
              {"k2_count", 1},
              {"groups", GroupsOf(block)},
              {"common_scale", 1},
              {"weight_row", number % 2 * HalfRows()},
              {"weight_group_rows", cut_.group_rows},
              {"out_base", OutOf(number)},
              {"out_row_step", cut_.out_pitch},
              {"out_group_step", config_.pe_lanes() * ElementBytes(product_.out_format)},
              {"channels", ChannelsOf(block)},
              {"group_channels", config_.pe_lanes()},
              {"format_a", product_.format_a},
              {"format_w", product_.format_w},
              {"out_format", product_.out_format}});
    Wait(&command, 0, kLoads, loads_before_[static_cast<size_t>(number)]);
    Wait(&command, 1, kStores, number - 1);
    Signal(&command, kProducts);
    job_.commands.push_back(std::move(command));
  }

  void Store(int64_t number) {
    const int64_t block = number % cut_.channel_blocks, rows = number / cut_.channel_blocks;
    const int64_t each = ElementBytes(product_.out_format);
    const int64_t pitch = product_.channels * each;
    Command command = Make(Opcode::kStore, 5,
                           {{"window", 3},
                            {"global_offset", rows * cut_.rows * pitch +
                                                  block * cut_.groups * config_.pe_lanes() * each},
                            {"local_address", OutOf(number)},
                            {"pe_mask", 1},
                            {"size0", ChannelsOf(block) * each},
                            {"size1", RowsOf(rows)},
                            {"global_stride1", pitch},
                            {"local_stride1", cut_.out_pitch}});
    Wait(&command, 0, kProducts, number + 1);
    Signal(&command, kStores);
    job_.commands.push_back(std::move(command));
  }

  int64_t HalfRows() const { return config_.core_rows() / 2; }

  void MakeWeights(const std::vector<uint16_t>& w) {
    const int64_t row = config_.core_row_bytes(), each = ElementBytes(product_.format_w);
    job_.weights.assign(static_cast<size_t>(WeightOffset(cut_.channel_blocks)), 0);
    for (int64_t n = 0; n < product_.channels; ++n) {
      const int64_t lanes = config_.pe_lanes(), block = n / (cut_.groups * lanes);
      const int64_t group = n / lanes % cut_.groups, core = n % lanes / config_.lanes;
      const int64_t lane = n % config_.lanes;
      for (int64_t k = 0; k < product_.depth; ++k) {
        const int64_t byte = k * each, slice = byte / config_.simd;
        const int64_t at = WeightOffset(block) + core * CoreBytes(block) +
                           (group * cut_.group_rows + slice * config_.slice_rows()) * row +
                           lane * config_.simd + byte % config_.simd;
        const uint16_t code = w[static_cast<size_t>(n * product_.depth + k)];
        job_.weights[static_cast<size_t>(at)] = static_cast<uint8_t>(code);
        if (each == 2) job_.weights[static_cast<size_t>(at + 1)] = static_cast<uint8_t>(code >> 8);
      }
    }
  }

  const NpuConfig& config_;
  const FloatProduct& product_;
  const Cut& cut_;
  FloatProductJob job_;
  int64_t loads_ = 0;
  std::vector<int64_t> loads_before_;  ///< by product: LOADs up to those of its weights
};

}  // namespace

Result<FloatProductJob> MakeFloatProduct(const NpuConfig& config, const FloatProduct& product,
                                         const std::vector<uint16_t>& w) {
  const Result<Cut> cut = CutOf(config, product);
  if (!cut) return cut.errors();
  return Writer(config, product, *cut).Run(w);
}

std::vector<uint16_t> RandomCodes(int64_t format, int64_t count, std::mt19937_64* random) {
  const numerics::FloatFormat& f = *kFormats[format];
  std::vector<uint16_t> codes;
  for (int64_t i = 0; i < count; ++i) {
    const auto bits = static_cast<uint32_t>((*random)());
    const uint32_t field = static_cast<uint32_t>(f.bias) - 2 + (bits >> 16 & 3);
    const uint32_t code =
        (bits & (f.sign() | ((1u << f.fraction_bits) - 1))) | field << f.fraction_bits;
    codes.push_back((bits >> 18 & 7) == 0 ? uint16_t{0} : static_cast<uint16_t>(code));
  }
  return codes;
}

std::vector<uint32_t> FloatProductReference(const NpuConfig& config, const FloatProduct& product,
                                            const std::vector<uint16_t>& a,
                                            const std::vector<uint16_t>& w) {
  numerics::Drain drain;
  drain.format = kFormats[product.out_format];
  const auto count = static_cast<uint32_t>(config.simd / ElementBytes(product.format_a));
  const auto depth = static_cast<size_t>(product.depth);
  std::vector<uint32_t> out;
  for (int64_t m = 0; m < product.rows; ++m) {
    for (int64_t n = 0; n < product.channels; ++n) {
      const numerics::Fp32 sum = numerics::DotProduct(
          *kFormats[product.format_a], {&a[static_cast<size_t>(m) * depth], depth},
          *kFormats[product.format_w], {&w[static_cast<size_t>(n) * depth], depth}, count);
      numerics::Fp32 largest = 0;
      out.push_back(numerics::DrainSum(drain, sum, largest).code);
    }
  }
  return out;
}

}  // namespace npugen

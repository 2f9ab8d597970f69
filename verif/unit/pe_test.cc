// SPDX-License-Identifier: Apache-2.0
// npu_pe against the functional model: random compute commands, every byte of PE memory compared.
//
// Memories are loaded and read through the bus ports and commands enter through the queue, as in
// the NPU; random bus traffic runs beside the commands in a part of PE memory that they do not use.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <functional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "Vdut.h"
#include "generator/arch/command_set.h"
#include "generator/config/npu_config.h"
#include "sw/stream/stream_decoder.h"
#include "verif/functional/functional_model.h"
#include "verif/unit/command_fields.h"
#include "verif/unit/engine_ports.h"

namespace npugen {
namespace {

constexpr uint32_t kPeBytes = PARAM_PeMemBytes;
constexpr uint32_t kCoreBytes = PARAM_CoreMemBytes;
constexpr uint32_t kBus = PARAM_BusBytes;

/// Lanes with floating-point formats have no bits.
constexpr bool kFloat = PARAM_Stages > 2;

/// Commands of each kind: fewer where each full adder of many lanes is simulated (the view for
/// synthesis); the cells have benches and proofs of their own.
#ifdef PARAM_Synthesis
constexpr int kShare = PARAM_Lanes * PARAM_Simd >= 64 ? 8 : 2;
#else
constexpr int kShare = 1;
#endif

NpuConfig MakeConfig() {
  NpuConfig config;
  config.axi_data_bits = 8 * kBus;
  config.pe_memory_bytes = kPeBytes;
  config.pe_banks = PARAM_PeBanks;
  config.pe_bank_bytes = PARAM_PeWordBytes;
  config.cores = PARAM_Cores;
  config.core_memory_bytes = kCoreBytes;
  config.core_banks = PARAM_CoreBanks;
  config.core_bank_bytes = PARAM_CoreBankBytes;
  config.lanes = PARAM_Lanes;
  config.simd = PARAM_Simd;
  config.accumulators = PARAM_Accumulators;
  config.post_width = PARAM_PostWidth;
  config.lookup_ports = PARAM_LookupPorts;
  config.window_ports = PARAM_Ports;
  config.lane_stages = PARAM_Stages;
  config.float_formats = kFloat ? 1 : 0;
#if PARAM_Stages > 2
  config.vector_lanes = PARAM_VectorLanes;
#endif
  config.bnn_enabled = kFloat ? 0 : 1;
  config.residual = 1;
  config.bnn_residual = !kFloat && PARAM_PostWidth >= 8 ? 1 : 0;
  config.bnn_skip_window = PARAM_SkipWindow;
  config.bnn_skip_slices = PARAM_SkipSlices;
  return config;
}

/// The verilated PE with its bus side.
class Pe {
 public:
  Pe() {
    dut_.rst_ni = 0;
    for (int i = 0; i < 3; ++i) Tick();
    dut_.rst_ni = 1;
  }

  void Tick() {
    dut_.clk_i = 0;
    dut_.eval();
    signals_ += Status("arrives");
    if (Status("fails") && error_code_ == 0) {
      error_code_ = Error("code");
      error_address_ = Error("address");
    }
    dut_.clk_i = 1;
    dut_.eval();
    ++cycles_;
  }

  void Write(bool core, uint32_t core_mask, uint32_t address, const uint8_t* data) {
    dut_.bus_write_valid_i = 1;
    dut_.bus_write_core_i = core;
    dut_.bus_write_core_mask_i = core_mask;
    dut_.bus_write_addr_i = core ? address : MakeConfig().pe_place_of(address);
    SetBus(data);
    dut_.bus_write_strb_i = ~0ull >> (64 - kBus);
    while (true) {
      dut_.clk_i = 0;
      dut_.eval();
      const bool ready = dut_.bus_write_ready_o;
      Tick();
      if (ready) break;
    }
    dut_.bus_write_valid_i = 0;
  }

  void Read(uint32_t address, uint8_t* data) {
    dut_.bus_read_valid_i = 1;
    dut_.bus_read_addr_i = MakeConfig().pe_place_of(address);
    while (true) {
      dut_.clk_i = 0;
      dut_.eval();
      const bool ready = dut_.bus_read_ready_o;
      Tick();
      if (ready) break;
    }
    dut_.bus_read_valid_i = 0;
    dut_.eval();
    EXPECT_TRUE(dut_.bus_read_rvalid_o);
    GetBus(data);
  }

  void Push(const Command& command) {
    for (uint32_t entry = 0; entry < command.entries(); ++entry) {
      for (uint32_t w = 0; w < 4; ++w) dut_.push_entry_i[w] = command.words()[4 * entry + w];
      dut_.push_valid_i = 1;
      dut_.push_last_i = entry + 1 == command.entries();
      while (true) {
        dut_.clk_i = 0;
        dut_.eval();
        const bool ready = dut_.push_ready_o;
        Tick();
        if (ready) break;
      }
    }
    dut_.push_valid_i = 0;
  }

  /// Sets the count of barrier `id`.
  void SetCount(uint32_t id, uint32_t count) {
    for (uint32_t bit = 0; bit < kBarrierCountBits; ++bit) {
      const uint32_t at = id * kBarrierCountBits + bit;
      const uint32_t mask = 1u << at % 32;
      dut_.barrier_counts_i[at / 32] =
          (dut_.barrier_counts_i[at / 32] & ~mask) | ((count >> bit & 1) != 0 ? mask : 0);
    }
  }
  bool idle() {
    dut_.clk_i = 0;
    dut_.eval();
    return Status("idle");
  }

  /// Runs until all commands are done or an error occurs. `traffic` reads and rewrites words of the
  /// last quarter of PE memory meanwhile. Returns false after `limit` cycles.
  bool Finish(std::mt19937_64* traffic, std::vector<uint8_t>& image, uint64_t limit) {
    for (uint64_t i = 0; i < limit; ++i) {
      if (traffic != nullptr && (*traffic)() % 2 == 0) {
        const uint32_t words = kPeBytes / 4 / kBus;
        const uint32_t address =
            kPeBytes / 4 * 3 + static_cast<uint32_t>((*traffic)() % words) * kBus;
        if ((*traffic)() % 2 == 0) {
          std::vector<uint8_t> data(kBus);
          for (uint8_t& byte : data) byte = static_cast<uint8_t>((*traffic)());
          Write(false, 1, address, data.data());
          std::copy(data.begin(), data.end(), image.begin() + address);
        } else {
          std::vector<uint8_t> data(kBus);
          Read(address, data.data());
          EXPECT_EQ(0, std::memcmp(data.data(), image.data() + address, kBus));
        }
      } else {
        Tick();
      }
      dut_.clk_i = 0;
      dut_.eval();
      if (error_code_ != 0) return true;
      if (Status("idle")) return true;
    }
    return false;
  }

  void Clear() {
    dut_.clear_i = 1;
    Tick();
    dut_.clear_i = 0;
    error_code_ = 0;
  }

  uint64_t cycles() const { return cycles_; }
  uint64_t signals() const { return signals_; }
  uint8_t error_code() const { return error_code_; }
  uint32_t error_address() const { return error_address_; }

 private:
  uint32_t Status(std::string_view name) const {
    return GetMember(dut_.status_o, kEngineStatus, name);
  }
  uint32_t Error(std::string_view name) const {
    return GetMember(dut_.error_o, kEngineError, name);
  }

  void SetBus(const uint8_t* data) { std::memcpy(&dut_.bus_write_data_i, data, kBus); }
  void GetBus(uint8_t* data) { std::memcpy(data, &dut_.bus_read_data_o, kBus); }

  Vdut dut_;
  uint64_t cycles_ = 0;
  uint64_t signals_ = 0;
  uint8_t error_code_ = 0;
  uint32_t error_address_ = 0;
};

/// Makes random commands and the core memory contents they need.
class CommandMaker {
 public:
  CommandMaker(const NpuConfig& config, uint64_t seed) : config_(config), random_(seed) {}

  uint32_t Uniform(uint32_t low, uint32_t high) {
    return low + static_cast<uint32_t>(random_() % (uint64_t{high} - low + 1));
  }

  std::vector<uint8_t> Bytes(size_t count) {
    std::vector<uint8_t> bytes(count);
    for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random_());
    return bytes;
  }

  uint32_t Multiplier() { return Uniform(1u << 30, 0x7fffffff); }
  int Shift(bool average) {
    return average ? -static_cast<int>(Uniform(0, 12)) : 2 - static_cast<int>(Uniform(0, 14));
  }

  /// Fills parameter records: sensible multipliers and shifts.
  void Records(std::vector<std::vector<uint8_t>>& cores, uint32_t row, uint32_t groups,
               bool average, bool common) {
    const uint32_t block_rows = common ? config_.bias_rows() : config_.param_rows();
    const uint32_t record_bytes = common ? kBiasRecordBytes : kParameterRecordBytes;
    for (auto& core : cores) {
      for (uint32_t g = 0; g < groups; ++g) {
        for (uint32_t lane = 0; lane < config_.lanes; ++lane) {
          uint8_t* record =
              core.data() + (row + g * block_rows) * config_.core_row_bytes() + lane * record_bytes;
          const int32_t bias = average ? static_cast<int32_t>(Uniform(0, 20))
                                       : static_cast<int32_t>(random_()) >> Uniform(8, 20);
          std::memcpy(record, &bias, 4);
          if (common) continue;
          const uint32_t multiplier = Multiplier();
          const int8_t shift = static_cast<int8_t>(Shift(average));
          std::memcpy(record + 4, &multiplier, 4);
          record[8] = static_cast<uint8_t>(shift);
        }
      }
    }
  }

  /// Sets a field if the opcode uses it.
  void SetIfUsed(Command& command, const char* field, int64_t value) {
    const CommandField* row = FindField(command.opcode(), field);
    if (row != nullptr && In(command.opcode(), row->users)) SetField(&command, field, value);
  }

  void Common(Command& command, uint32_t out_w, uint32_t out_h) {
    SetField(&command, "pe_mask", 1);
    SetIfUsed(command, "fill", Uniform(0, 255));
    const int low = static_cast<int>(Uniform(0, 255)) - 128;
    SetIfUsed(command, "act_min", random_() % 2 ? -128 : low);
    SetIfUsed(command, "act_max",
              random_() % 2 ? 127 : low + static_cast<int>(Uniform(0, 127 - low)));
    SetIfUsed(command, "out_zero_point", static_cast<int>(Uniform(0, 255)) - 128);
    SetIfUsed(command, "out_w", out_w);
    SetIfUsed(command, "out_h", out_h);
    SetIfUsed(command, "positions", out_w * out_h);
    SetField(&command, "signal_en", 1);
  }

  /// MATMUL as a convolution with dense rows, or WINDOW as a depthwise convolution, or MAXPOOL.
  Command Convolution(Opcode opcode, std::vector<std::vector<uint8_t>>& cores) {
    while (true) {
      const bool matmul = opcode == Opcode::kMatmul, pool = opcode == Opcode::kMaxPool;
      const uint32_t in_w = Uniform(1, 9), in_h = Uniform(1, random_() % 3 ? 7 : 14);
      const uint32_t group_limit = matmul ? config_.pe_lanes()
                                   : pool ? config_.post_width
                                          : config_.window_channels();
      const uint32_t group_channels = random_() % 3 ? group_limit : Uniform(1, group_limit);
      const uint32_t groups = Uniform(1, 3);
      const uint32_t out_channels = (groups - 1) * group_channels + Uniform(1, group_channels);
      const uint32_t in_channels = !matmul            ? out_channels
                                   : short_rows_ != 0 ? 1
                                   : random_() % 3    ? Uniform(1, 3 * config_.simd)
                                                      : Uniform(1, 3);
      const uint32_t dilation = Uniform(1, 2), stride_x = Uniform(1, 3), stride_y = Uniform(1, 2);
      uint32_t out_w = Uniform(1, 8), out_h = Uniform(1, 6);
      // Kernels of many short rows are those whose slices are gathered.
      const uint32_t most_rows = random_() % 4 == 0 ? 12 : matmul ? 3 : 6;
      uint32_t rows = Uniform(1, most_rows), cols = Uniform(1, 4), chunks_x = 1, chunks_y = 1;
      if (matmul && short_rows_ != 0) {
        rows = Uniform(4, 20);
        cols = short_rows_;
      }
      if (!matmul && !pool) {
        if (cols * config_.window_column_slots(rows) > config_.simd) continue;
        chunks_x = Uniform(1, 2);
        chunks_y = Uniform(1, 2);
      }
      int x0 = -static_cast<int>(Uniform(0, 2));
      if (padded_) {
        // The last window of a row ends up to three columns behind the row.
        x0 = -static_cast<int>(Uniform(1, 3));
        const int last = static_cast<int>(in_w + Uniform(0, 2)) - x0 -
                         static_cast<int>((cols * chunks_x - 1) * dilation);
        out_w = static_cast<uint32_t>(std::max(last, 0)) / stride_x + 1;
        chunks_x = random_() % 4 == 0 ? chunks_x : 1;
      }
      const uint32_t bytes_in = in_w * in_h * in_channels, bytes_out = out_w * out_h * out_channels;
      if (bytes_in + 64 > kPeBytes / 4 || bytes_out + 64 > kPeBytes / 4) continue;
      const bool dense_rows = matmul && random_() % 3 != 0;
      const uint32_t run = cols * in_channels;
      bool gather = dense_rows && (short_rows_ != 0 || random_() % 2 == 0);
      const uint32_t gather_slices = (rows * run + config_.simd - 1) / config_.simd;
      for (uint32_t slice = 0; slice < gather_slices; ++slice) {
        const uint32_t last = std::min((slice + 1) * config_.simd, rows * run) - 1;
        if (last / run - slice * config_.simd / run >= 4) gather = false;
      }
      const uint32_t k0 =
          gather ? gather_slices
          : matmul
              ? ((dense_rows ? cols * in_channels : in_channels) + config_.simd - 1) / config_.simd
              : 1;
      const uint32_t k1 = matmul ? (dense_rows ? 1 : cols) : chunks_x;
      const uint32_t k2 = gather ? 1 : matmul ? rows : chunks_y;
      const uint32_t slices = pool ? 0 : k0 * k1 * k2;
      const uint32_t weight_rows = groups * slices * config_.slice_rows();
      const uint32_t packed_bytes = (config_.lanes * config_.simd + 1) / 2;
      const uint32_t packed_rows =
          (packed_bytes + config_.core_row_bytes() - 1) / config_.core_row_bytes();
      const bool common = !pool && random_() % 3 == 0;
      const uint32_t block_rows = common ? config_.bias_rows() : config_.param_rows();
      const uint32_t param_rows = groups * block_rows;
      if (!pool && weight_rows + param_rows > config_.core_rows()) continue;
      const uint32_t slack = pool ? 0 : config_.core_rows() - weight_rows - param_rows;
      const uint32_t weight_row = pool ? 0 : Uniform(0, slack);
      const uint32_t param_row = weight_row + weight_rows;
      const bool average = opcode == Opcode::kWindow && random_() % 3 == 0;
      const bool packed = !pool && random_() % 3 == 0;
      const int out_type = pool ? 0 : static_cast<int>(Uniform(0, 2));

      Command command(opcode, FindOpcode(static_cast<uint8_t>(opcode))->most_entries,
                      Uniform(0, 65535));
      Common(command, out_w, out_h);
      const uint32_t pitch = in_w * in_channels;
      const int y0 = -static_cast<int>(Uniform(0, 2));
      const int64_t base = Uniform(0, kPeBytes / 4 - bytes_in);
      SetIfUsed(command, "acc_init", 1);
      SetIfUsed(command, "drain", 1);
      SetIfUsed(command, "average", average);
      SetIfUsed(command, "acc_shift", !pool && random_() % 3 == 0);
      SetIfUsed(command, "packed_weights", packed);
      SetIfUsed(command, "minimum", pool && random_() % 2 == 0);
      SetIfUsed(command, "out_type", out_type);
      SetIfUsed(command, "out_byte", out_type == 0 ? 0 : Uniform(0, out_type == 1 ? 1 : 3));
      SetIfUsed(command, "act_base", base + y0 * static_cast<int64_t>(pitch));
      SetIfUsed(command, "x_step", stride_x * in_channels);
      SetIfUsed(command, "row_step", stride_y * pitch);
      SetIfUsed(command, "y_start", y0);
      SetIfUsed(command, "y_step", stride_y);
      SetIfUsed(command, "x_start", x0 * static_cast<int>(in_channels));
      SetIfUsed(command, "row_bytes", pitch);
      SetIfUsed(command, "in_h", in_h);
      SetIfUsed(command, "k0_count", k0);
      SetIfUsed(command, "k1_count", k1);
      SetIfUsed(command, "k2_count", k2);
      const uint32_t window_y = gather   ? config_.simd / run * dilation
                                : matmul ? dilation
                                         : rows * dilation;
      SetIfUsed(command, "k2_y_step", window_y);
      SetIfUsed(command, "k2_row_step", window_y * pitch);
      SetIfUsed(command, "k1_step",
                gather ? config_.simd % run : (matmul ? dilation : cols * dilation) * in_channels);
      if (gather) {
        SetIfUsed(command, "run_bytes", run);
        SetIfUsed(command, "win_rows", rows);
        SetIfUsed(command, "win_cols", config_.simd / run);
        SetIfUsed(command, "win_y_step", dilation);
        SetIfUsed(command, "win_row_step", dilation * pitch);
      }
      SetIfUsed(command, "groups", groups);
      SetIfUsed(command, "group_step", matmul ? 0 : group_channels);
      SetIfUsed(command, "weight_row", weight_row);
      SetIfUsed(command, "weight_group_rows",
                slices * (packed ? packed_rows : config_.slice_rows()));
      SetIfUsed(command, "param_row", param_row);
      SetIfUsed(command, "param_group_rows", block_rows);
      SetIfUsed(command, "out_base", kPeBytes / 2 + Uniform(0, kPeBytes / 4 - bytes_out));
      SetIfUsed(command, "out_x_step", out_channels);
      SetIfUsed(command, "out_row_step", out_w * out_channels);
      SetIfUsed(command, "out_group_step", group_channels);
      SetIfUsed(command, "channels", out_channels);
      SetIfUsed(command, "group_channels", group_channels);
      if (!matmul) {
        SetIfUsed(command, "win_rows", rows);
        SetIfUsed(command, "win_cols", cols);
        const bool slides = !pool && stride_x % dilation == 0;
        SetIfUsed(command, "win_new_cols", slides ? std::min(cols, stride_x / dilation) : cols);
        SetIfUsed(command, "win_y_step", dilation);
        SetIfUsed(command, "win_row_step", dilation * pitch);
        SetIfUsed(command, "win_col_step", dilation * in_channels);
      }
      if (common) {
        SetIfUsed(command, "common_scale", 1);
        SetIfUsed(command, "out_multiplier", Multiplier());
        SetIfUsed(command, "out_shift", Shift(average));
      }
      if (!pool) Records(cores, param_row, groups, average, common);
      if (!matmul && !pool) {
        const uint32_t row_bytes = config_.core_row_bytes();
        std::vector<bool> reached(config_.simd);
        for (uint32_t column = 0; column < cols; ++column) {
          for (uint32_t row = 0; row < rows; ++row) {
            reached[config_.window_slot(rows, cols, row, column)] = true;
          }
        }
        for (auto& core : cores) {
          for (uint32_t s = 0; s < groups * slices; ++s) {
            uint8_t* slice =
                core.data() +
                (weight_row + s * (packed ? packed_rows : config_.slice_rows())) * row_bytes;
            for (uint32_t i = 0; i < config_.lanes * config_.simd; ++i) {
              if (reached[i % config_.simd]) continue;
              if (packed) {
                slice[i / row_bytes / 2 * row_bytes + i % row_bytes] &=
                    i / row_bytes % 2 != 0 ? 0x0f : 0xf0;
              } else {
                slice[i] = 0;
              }
            }
          }
        }
      }
      return command;
    }
  }

  /// MATMUL whose results are added to what stands in the second quarter of PE memory.
  Command Addition(std::vector<std::vector<uint8_t>>& cores) {
    while (true) {
      Command command = Convolution(Opcode::kMatmul, cores);
      if (command.Get(npugen::compute::common_scale) != 0 ||
          command.Get(npugen::compute::out_type) != 0) {
        continue;
      }
      const auto positions = static_cast<uint32_t>(command.Get(npugen::compute::positions));
      const auto channels = static_cast<uint32_t>(command.Get(npugen::compute::channels));
      const auto row = static_cast<uint32_t>(command.Get(npugen::compute::out_row_step));
      const uint32_t rows = positions * channels / row, pad = Uniform(0, 9);
      if (rows * (row + pad) > kPeBytes / 4) continue;
      SetField(&command, "residual", 1);
      SetField(&command, "residual_second", random_() % 2);
      SetField(&command, "b_base", kPeBytes / 4 + Uniform(0, kPeBytes / 4 - rows * (row + pad)));
      SetField(&command, "b_row_step", row + pad);
      SetField(&command, "a_zero_point", static_cast<int>(Uniform(0, 255)) - 128);
      SetField(&command, "b_zero_point", static_cast<int>(Uniform(0, 255)) - 128);
      SetField(&command, "b_multiplier", Uniform(1u << 30, 0x7fffffff));
      SetField(&command, "b_shift", -static_cast<int>(Uniform(0, 10)));
      SetField(&command, "out_multiplier", Uniform(1u << 30, 0x7fffffff));
      SetField(&command, "out_shift", -static_cast<int>(Uniform(15, 22)));
      SetField(&command, "a_subtract", random_() % 4 == 0);
      SetField(&command, "b_subtract", random_() % 4 == 0);
      return command;
    }
  }

  /// Bytes of codes that are neither all NaN nor far from each other: those of one kind.
  void TameCodes(std::vector<uint8_t>* bytes) {
    const uint32_t kind = Uniform(0, 3);
    for (uint8_t& byte : *bytes) {
      const bool zero = kind == 3 && Uniform(0, 2) == 0;
      if (kind > 0) byte = static_cast<uint8_t>((byte & 0x87) | (Uniform(6, 8) << 3));
      if (kind == 2) byte ^= 0x38;
      if (zero) byte = 0;
    }
  }

  /// An FP32 number, mostly one that results need not fear.
  uint32_t Number() {
    const uint32_t kind = Uniform(0, 9);
    const auto bits = static_cast<uint32_t>(random_());
    return kind == 0 ? bits : kind == 1 ? 0 : (bits & 0x807fffff) | Uniform(110, 140) << 23;
  }

  /// MATMUL of floating-point numbers. `image`: PE memory, which gets codes.
  Command Floats(std::vector<std::vector<uint8_t>>& cores) {
    while (true) {
      Command command = Convolution(Opcode::kMatmul, cores);
      const auto get = [&](const CommandField& field) {
        return static_cast<uint32_t>(command.Get(field));
      };
      if (get(npugen::compute::packed_weights) != 0) continue;
      const uint32_t out_format = Uniform(1, 4);
      const uint32_t bytes = out_format == 1 ? 2 : out_format == 4 ? 4 : 1;
      const uint32_t rows = (get(npugen::compute::positions) + get(npugen::compute::out_w) - 1) /
                            get(npugen::compute::out_w);
      const uint32_t bytes_out = rows * get(npugen::compute::out_row_step) * bytes;
      if (bytes_out > kPeBytes / 4) continue;
      const uint32_t format_a = Uniform(1, 3);
      SetField(&command, "format_a", format_a);
      SetField(&command, "format_w", format_a == 1 ? 1 : Uniform(2, 3));
      SetField(&command, "out_format", out_format);
      for (const char* flag : {"relu", "saturate", "float_scale", "float_bias", "float_cast"}) {
        SetField(&command, flag, Uniform(0, 1));
      }
      SetField(&command, "b_multiplier", Number() & 0x7fffffff);
      for (const char* zero : {"acc_shift", "out_type", "out_byte", "fill"}) {
        SetField(&command, zero, 0);
      }
      for (const char* step : {"out_x_step", "out_row_step", "out_group_step"}) {
        SetField(&command, step, command.Get(*FindField(Opcode::kMatmul, step)) * bytes);
      }
      SetField(&command, "out_base", kPeBytes / 2 + Uniform(0, kPeBytes / 4 - bytes_out));
      const bool common = get(npugen::compute::common_scale) != 0;
      if (common) SetField(&command, "out_multiplier", Number() & 0x7fffffff);
      for (std::vector<uint8_t>& core : cores) {
        TameCodes(&core);
        for (uint32_t g = 0; g < get(npugen::compute::groups); ++g) {
          for (uint32_t lane = 0; lane < config_.lanes; ++lane) {
            uint8_t* record =
                core.data() +
                (get(npugen::compute::param_row) + g * get(npugen::compute::param_group_rows)) *
                    config_.core_row_bytes() +
                lane * (common ? kBiasRecordBytes : kParameterRecordBytes);
            const uint32_t numbers[] = {Number(), Number()};
            std::memcpy(record, numbers, common ? 4 : 8);
          }
        }
      }
      return command;
    }
  }

  /// Records of threshold units whose sums are within +-`range`.
  void ThresholdRecords(std::vector<std::vector<uint8_t>>& cores, uint32_t row, uint32_t groups,
                        int32_t range) {
    for (auto& core : cores) {
      for (uint32_t g = 0; g < groups; ++g) {
        for (uint32_t lane = 0; lane < config_.lanes; ++lane) {
          uint8_t* record = core.data() +
                            (row + g * config_.param_rows()) * config_.core_row_bytes() +
                            lane * kParameterRecordBytes;
          const int32_t bias = static_cast<int32_t>(Uniform(0, 2 * range)) - range;
          const uint64_t second = Uniform(0, 3) == 0 ? (1u << 19) - 1 : Uniform(0, range);
          const uint64_t third = Uniform(0, 3) == 0 ? (1u << 20) - 1 : Uniform(0, 2 * range);
          const uint64_t rest = second | third << 19 | uint64_t{Uniform(0, 1)} << 39;
          std::memcpy(record, &bias, 4);
          std::memcpy(record + 4, &rest, 5);
        }
      }
    }
  }

  /// MATMUL of bits, or of bytes, whose results pass thresholds. `few`: two planes, a few
  /// positions of several slices, so that a lane comes back to its sum at once; most of them gated,
  /// so that the others meet what a gated command has left; half of the results are sums, which
  /// show every bit.
  Command Bits(bool binary, bool few, std::vector<std::vector<uint8_t>>& cores) {
    while (true) {
      const uint32_t in_w = Uniform(1, 7), in_h = Uniform(1, 7);
      const uint32_t lanes = config_.pe_lanes();
      const uint32_t group_channels = Uniform(0, 2) != 0 ? lanes : Uniform(1, lanes);
      const uint32_t groups = Uniform(1, 3);
      const uint32_t channels = (groups - 1) * group_channels + Uniform(1, group_channels);
      const uint32_t pixel = Uniform(0, 2) != 0 ? Uniform(1, 3) : Uniform(1, 2 * config_.simd);
      const uint32_t rows = Uniform(1, 4), cols = Uniform(1, 4), dilation = Uniform(1, 2);
      const uint32_t stride_x = Uniform(1, 2), stride_y = Uniform(1, 2);
      const bool single = few && Uniform(0, 1) != 0;
      const uint32_t out_w = single ? 1 : Uniform(1, few ? 2 : 6);
      const uint32_t out_h = single ? 1 : Uniform(1, few ? 2 : 5);
      const uint32_t run = cols * pixel, simd = config_.simd;
      const uint32_t slices = (rows * run + simd - 1) / simd;
      bool legal = true;
      for (uint32_t slice = 0; slice < slices; ++slice) {
        const uint32_t last = std::min((slice + 1) * simd, rows * run) - 1;
        if (last / run - slice * simd / run >= 4) legal = false;
      }
      const bool two = few || (binary && Uniform(0, 1) != 0);
      const bool gated = two && Uniform(0, 2) != 0;
      if (few && (slices < 2 || slices > config_.bnn_skip_slices)) {
        if (config_.bnn_skip_slices > 1) continue;
      }
      const bool three = Uniform(0, 1) != 0, rescaled = binary && Uniform(0, few ? 1 : 4) == 0;
      const bool packed = Uniform(0, 2) != 0;
      const uint32_t pitch = in_w * pixel;
      const uint32_t plane_bytes = two ? pitch : 0, row_pitch = two ? 2 * pitch : pitch;
      const uint32_t bytes_in = in_h * row_pitch;
      const uint32_t group_bytes = packed && !rescaled ? (group_channels + 7) / 8 : group_channels;
      const uint32_t out_pixel = groups * group_bytes;
      const uint32_t out_row = out_w * out_pixel;
      const uint32_t bytes_out = out_h * out_row * (three ? 2 : 1);
      const uint32_t group_rows = slices * config_.slice_rows() + (gated ? config_.gate_rows() : 0);
      const uint32_t weight_rows = groups * group_rows;
      const uint32_t param_rows = groups * config_.param_rows();
      if (!legal || bytes_in + 64 > kPeBytes / 4 || bytes_out + 64 > kPeBytes / 4 ||
          weight_rows + param_rows > config_.core_rows()) {
        continue;
      }
      Command command(Opcode::kMatmul, 10, 3);
      Common(command, out_w, out_h);
      const int y0 = -static_cast<int>(Uniform(0, 2)), x0 = -static_cast<int>(Uniform(0, 2));
      const int64_t base = Uniform(0, kPeBytes / 4 - bytes_in);
      const uint32_t weight_row = Uniform(0, config_.core_rows() - weight_rows - param_rows);
      SetField(&command, "acc_init", 1);
      SetField(&command, "drain", 1);
      SetField(&command, "act_base", base + y0 * static_cast<int64_t>(row_pitch));
      SetField(&command, "x_step", stride_x * pixel);
      SetField(&command, "row_step", stride_y * row_pitch);
      SetField(&command, "y_start", y0);
      SetField(&command, "y_step", stride_y);
      SetField(&command, "x_start", x0 * static_cast<int>(pixel));
      SetField(&command, "row_bytes", pitch);
      SetField(&command, "in_h", in_h);
      SetField(&command, "k0_count", slices);
      SetField(&command, "k1_count", 1);
      SetField(&command, "k2_count", 1);
      SetField(&command, "run_bytes", run);
      SetField(&command, "win_rows", rows);
      SetField(&command, "win_cols", simd / run);
      SetField(&command, "win_y_step", dilation);
      SetField(&command, "win_row_step", dilation * row_pitch);
      SetField(&command, "k1_step", simd % run);
      SetField(&command, "k2_y_step", simd / run * dilation);
      SetField(&command, "k2_row_step", simd / run * dilation * row_pitch);
      SetField(&command, "groups", groups);
      SetField(&command, "weight_row", weight_row);
      SetField(&command, "weight_group_rows", group_rows);
      SetField(&command, "param_row", weight_row + weight_rows);
      SetField(&command, "param_group_rows", config_.param_rows());
      SetField(&command, "out_base", kPeBytes / 2 + Uniform(0, kPeBytes / 4 - bytes_out));
      SetField(&command, "out_x_step", out_pixel);
      SetField(&command, "out_row_step", out_row * (three ? 2 : 1));
      SetField(&command, "out_group_step", group_bytes);
      SetField(&command, "out_plane_step", out_row);
      SetField(&command, "channels", channels);
      SetField(&command, "group_channels", group_channels);
      SetField(&command, "binary", binary);
      SetField(&command, "skip_outside", binary && Uniform(0, 1) != 0);
      SetField(&command, "two_planes", two);
      SetField(&command, "gated", gated);
      SetField(&command, "skip_window",
               gated && config_.bnn_skip_window > 1 && slices <= config_.bnn_skip_slices &&
                   Uniform(0, 3) != 0);
      SetField(&command, "plane_step", plane_bytes);
      const int32_t bits = static_cast<int32_t>(8 * rows * run);
      if (rescaled) {
        Records(cores, weight_row + weight_rows, groups, false, false);
      } else {
        SetField(&command, "thresholds", three ? 3 : 1);
        SetField(&command, "bit_output", packed);
        ThresholdRecords(cores, weight_row + weight_rows, groups,
                         binary ? (two ? 3 : 1) * bits / 4 + 1 : 1000 * bits);
      }
      if (!gated) return command;
      // Gates at their extremes, and near the middle, where most sums are.
      for (auto& core : cores) {
        for (uint32_t g = 0; g < groups; ++g) {
          for (uint32_t lane = 0; lane < config_.lanes; ++lane) {
            const uint32_t kind = Uniform(0, 5);
            const int32_t gate = kind == 0   ? -bits - 1
                                 : kind == 1 ? bits
                                 : kind == 2 ? INT32_MIN
                                 : kind == 3 ? INT32_MAX
                                             : static_cast<int32_t>(Uniform(0, 16)) - 8;
            std::memcpy(
                core.data() + (weight_row + g * group_rows) * config_.core_row_bytes() + 4 * lane,
                &gate, 4);
          }
        }
      }
      return command;
    }
  }

  /// Records of values, of all magnitudes.
  void AffineRecords(std::vector<std::vector<uint8_t>>& cores, uint32_t row, uint32_t groups) {
    for (auto& core : cores) {
      for (uint32_t g = 0; g < groups; ++g) {
        uint8_t* record =
            core.data() + (row + g * config_.affine_rows()) * config_.core_row_bytes();
        for (uint32_t lane = 0; lane < config_.lanes; ++lane, record += kAffineRecordBytes) {
          uint32_t byte = 0;
          for (const int bits : {16, 16, 16, 16, 24, 24}) {
            const auto number = static_cast<int32_t>(random_()) >> (32 - bits) >> Uniform(0, 12);
            for (int i = 0; i < bits / 8; ++i) {
              record[byte++] = static_cast<uint8_t>(number >> 8 * i);
            }
          }
        }
      }
    }
  }

  /// MATMUL of bits whose results are values, codes or both.
  Command Values(std::vector<std::vector<uint8_t>>& cores) {
    namespace compute = npugen::compute;
    while (true) {
      Command command = Bits(true, false, cores);
      const auto get = [&](const npugen::CommandField& field) {
        return static_cast<uint32_t>(command.Get(field));
      };
      if (get(compute::thresholds) == 0 || get(compute::bit_output) == 0) continue;
      const uint32_t groups = get(compute::groups), out_w = get(compute::out_w);
      const uint32_t out_h = get(compute::positions) / out_w;
      const uint32_t value_row = 16 * out_w * get(compute::out_x_step), pad = Uniform(0, 5);
      const uint32_t row = value_row + pad, eighth = kPeBytes / 8;
      const uint32_t pixel = 16 * groups * get(compute::out_group_step);
      const bool pool = Uniform(0, 2) == 0;
      const uint32_t x_step = (pool ? 2 : 1) * pixel + 2 * Uniform(0, 3);
      const uint32_t row_step = (pool ? 2 : 1) * out_w * x_step + Uniform(0, 9);
      if (out_h * row > eighth || out_h * row_step > 2 * eighth ||
          get(compute::param_row) + groups * config_.affine_rows() > config_.core_rows()) {
        continue;
      }
      AffineRecords(cores, get(compute::param_row), groups);
      SetField(&command, "param_group_rows", config_.affine_rows());
      SetField(&command, "affine", 1);
      SetField(&command, "value_output", Uniform(0, 4) != 0);
      SetField(&command, "affine_residual", Uniform(0, 3) != 0);
      SetField(&command, "affine_pool", pool);
      SetField(&command, "p_weight", Uniform(0, 255));
      SetField(&command, "q_weight", Uniform(0, 255));
      for (const char* shift : {"sum_shift", "affine_shift", "slope_shift", "scale_shift"}) {
        SetField(&command, shift, Uniform(0, 15));
      }
      if (Uniform(0, 4) == 0) SetField(&command, "thresholds", 0);
      SetField(&command, "code_first", static_cast<int>(Uniform(0, 40000)) - 30000);
      SetField(&command, "code_second", Uniform(0, 16383));
      SetField(&command, "code_third", Uniform(0, 16383));
      SetField(&command, "out_row_step", row);
      SetField(&command, "out_plane_step", value_row / 16);
      SetField(&command, "out_base", 4 * eighth + Uniform(0, eighth - out_h * row));
      SetField(&command, "value_base", 5 * eighth + Uniform(0, eighth - out_h * row));
      SetField(&command, "b_base", 2 * eighth + Uniform(0, 2 * eighth - out_h * row_step));
      SetField(&command, "b_x_step", x_step);
      SetField(&command, "b_row_step", row_step);
      return command;
    }
  }

  /// MAXPOOL of bits, of one plane or for the second of two.
  Command PoolBits(std::vector<std::vector<uint8_t>>& cores) {
    while (true) {
      Command command = Convolution(Opcode::kMaxPool, cores);
      const bool two = command.Get(npugen::compute::win_rows) % 2 == 0 && Uniform(0, 3) != 0;
      if (!two && Uniform(0, 2) != 0) continue;
      SetIfUsed(command, "minimum", 0);
      SetIfUsed(command, "act_min", -128);
      SetIfUsed(command, "act_max", 127);
      SetIfUsed(command, "pool_bits", 1);
      SetIfUsed(command, "two_planes", two);
      return command;
    }
  }

  Command Linear(Opcode opcode) {
    const uint32_t row_bytes = Uniform(1, std::min(5 * config_.post_width, kPeBytes / 64));
    const uint32_t vectors = (row_bytes + config_.post_width - 1) / config_.post_width;
    const uint32_t out_h = Uniform(1, 4);
    Command command(opcode, 10, 7);
    Common(command, vectors, out_h);
    SetIfUsed(command, "act_base", Uniform(0, kPeBytes / 16));
    SetIfUsed(command, "row_step", row_bytes + Uniform(0, 9));
    SetIfUsed(command, "row_bytes", row_bytes);
    SetIfUsed(command, "out_base", kPeBytes / 2 + Uniform(0, kPeBytes / 16));
    SetIfUsed(command, "out_row_step", row_bytes + Uniform(0, 9));
    if (opcode == Opcode::kLookup) {
      const uint32_t table_rows = (256 + config_.core_row_bytes() - 1) / config_.core_row_bytes();
      SetIfUsed(command, "b_base", Uniform(0, config_.core_rows() - table_rows));
    } else {
      SetIfUsed(command, "b_base", kPeBytes / 4 + Uniform(0, kPeBytes / 16));
      SetIfUsed(command, "b_row_step", row_bytes + Uniform(0, 9));
      SetIfUsed(command, "a_zero_point", static_cast<int>(Uniform(0, 255)) - 128);
      SetIfUsed(command, "b_zero_point", static_cast<int>(Uniform(0, 255)) - 128);
      SetIfUsed(command, "b_multiplier", Uniform(1u << 30, 0x7fffffff));
      SetIfUsed(command, "b_shift", -static_cast<int>(Uniform(0, 10)));
      SetIfUsed(command, "out_multiplier", Uniform(1u << 30, 0x7fffffff));
      SetIfUsed(command, "out_shift",
                -static_cast<int>(opcode == Opcode::kMultiply ? Uniform(0, 12) : Uniform(15, 22)));
      SetIfUsed(command, "minimum", random_() % 2);
      SetIfUsed(command, "a_subtract", random_() % 4 == 0);
      SetIfUsed(command, "b_subtract", random_() % 4 == 0);
    }
    return command;
  }

  Command ArgMax() {
    const uint32_t depth = Uniform(1, 40), rows = Uniform(1, 3);
    Command command(Opcode::kArgMax, 10, 9);
    Common(command, 1, rows);
    SetField(&command, "act_base", Uniform(0, kPeBytes / 16));
    SetField(&command, "row_step", depth + Uniform(0, 5));
    SetField(&command, "row_bytes", depth);
    SetField(&command, "out_base", kPeBytes / 2 + Uniform(0, kPeBytes / 16));
    SetField(&command, "out_row_step", 4 + Uniform(0, 5));
    SetField(&command, "minimum", random_() % 2);
    return command;
  }

  /// A VECTOR with a random program, whose streams have a part of memory each.
  Command Vector(std::vector<std::vector<uint8_t>>& cores) {
    const uint32_t part = kPeBytes / 8;
    Command command(Opcode::kVector, 11, 9);
    const uint32_t lanes = config_.vector_lanes;
    const uint32_t depth = Uniform(1, random_() % 3 == 0 ? std::min(part / 4, 20 * lanes) : lanes);
    const uint32_t rows = Uniform(1, std::min<uint32_t>(part / (4 * depth), 6));
    Common(command, 1, rows);
    SetField(&command, "row_bytes", depth);
    const std::array<std::array<const char*, 3>, 5> streams = {
        {{"act_base", "row_step", "a_format"},
         {"b_base", "b_row_step", "b_format"},
         {"c_base", "c_row_step", "c_format"},
         {"out_base", "out_row_step", "d_format"},
         {"e_base", "e_row_step", "e_format"}}};
    for (uint32_t s = 0; s < streams.size(); ++s) {
      SetField(&command, streams[s][0], s * part + Uniform(0, part - 4 * depth * rows));
      SetField(&command, streams[s][1], 4 * depth);
      SetField(&command, streams[s][2], Uniform(0, 4));
    }
    for (const char* single : {"a_single", "b_single", "c_single"}) {
      SetField(&command, single, random_() % 5 == 0);
    }
    SetField(&command, "vector_saturate", random_() % 2);
    const uint32_t row_bytes = config_.core_row_bytes();
    const uint32_t entries = Uniform(3, 20),
                   program_rows = (8 * entries + row_bytes - 1) / row_bytes;
    const uint32_t first = Uniform(0, config_.core_rows() - program_rows);
    SetField(&command, "weight_row", first);
    for (uint32_t k = 0; k < entries; ++k) {
      uint64_t entry = random_();
      if ((entry & 0xf) > 12) entry &= ~uint64_t{0xf};
      if (k == 0 || random_() % 6 == 0) entry = 0xf | (random_() & 0x1f0) | 0x90;
      if (k + 1 == entries) entry = 0xd;
      for (uint32_t b = 0; b < 8; ++b) {
        cores[0][first * row_bytes + 8 * k + b] = static_cast<uint8_t>(entry >> 8 * b);
      }
    }
    return command;
  }

  Command Softmax(std::vector<std::vector<uint8_t>>& cores) {
    const uint32_t depth = Uniform(1, 40), rows = Uniform(1, 3);
    Command command(Opcode::kSoftmax, 10, 9);
    Common(command, 1, rows);
    SetField(&command, "act_base", Uniform(0, kPeBytes / 16));
    SetField(&command, "row_step", depth);
    SetField(&command, "row_bytes", depth);
    SetField(&command, "out_base", kPeBytes / 2 + Uniform(0, kPeBytes / 16));
    SetField(&command, "out_row_step", depth);
    const uint32_t table_rows = (1024 + config_.core_row_bytes() - 1) / config_.core_row_bytes();
    const uint32_t row = Uniform(0, config_.core_rows() - table_rows);
    SetField(&command, "b_base", row);
    double value = 2147483647.0;
    const double ratio = 1.0 - Uniform(1, 900) / 1000.0;
    for (uint32_t d = 0; d < 256; ++d) {
      const uint32_t entry = static_cast<uint32_t>(value);
      std::memcpy(cores[0].data() + row * config_.core_row_bytes() + 4 * d, &entry, 4);
      value *= ratio;
    }
    return command;
  }

  /// Kernels of one input channel with rows of so many bytes; 0: any.
  void ShortRows(uint32_t bytes) { short_rows_ = bytes; }
  /// Windows of padded rows: beginnings of rows find columns of the row before.
  void Padded() { padded_ = true; }

 private:
  const NpuConfig& config_;
  uint32_t short_rows_ = 0;
  bool padded_ = false;
  std::mt19937_64 random_;
};

/// A stream of one command and END.
std::vector<uint8_t> Stream(const NpuConfig& config, const Command& command) {
  std::vector<uint32_t> words = {kStreamMagic,
                                 kCommandSetVersion,
                                 static_cast<uint32_t>(config.hash),
                                 static_cast<uint32_t>(config.hash >> 32),
                                 kStreamHeaderEntries + command.entries() + 1,
                                 0,
                                 0,
                                 0};
  words.insert(words.end(), command.words().begin(), command.words().end());
  const Command end(Opcode::kEnd, 1, 0);
  words.insert(words.end(), end.words().begin(), end.words().end());
  std::vector<uint8_t> bytes(words.size() * 4);
  std::memcpy(bytes.data(), words.data(), bytes.size());
  return bytes;
}

class PeTest : public ::testing::Test {
 protected:
  PeTest() : config_(MakeConfig()), model_(config_) {}

  /// Makes the command follow its weights: takes all rows but the first out of the core memories.
  /// Returns the bytes of the rows to come.
  int64_t Follow(CommandMaker& maker, Command* command, std::vector<std::vector<uint8_t>>* cores) {
    SetField(command, "follow", 1);
    SetField(command, "wait1_en", 1);
    const uint32_t id = maker.Uniform(0, 15);
    SetField(command, "wait1_id", id);
    SetField(command, "wait1_count", maker.Uniform(1, 1000));
    const int64_t bytes =
        WaitCount(config_, *command, 1) - command->Get(npugen::header::wait1_count);
    pe_.SetCount(id, 0);
    const int64_t first =
        (command->Get(npugen::compute::weight_row) + 1) * config_.core_row_bytes();
    for (std::vector<uint8_t>& core : *cores) {
      const std::vector<uint8_t> garbage = maker.Bytes(static_cast<size_t>(bytes));
      std::copy(garbage.begin(), garbage.end(), core.begin() + first);
    }
    return bytes;
  }

  /// Loads what Follow() took away, beat by beat with pauses, and counts it.
  void Arrive(CommandMaker& maker, const Command& command, int64_t bytes,
              const std::vector<std::vector<uint8_t>>& cores) {
    const uint32_t id = static_cast<uint32_t>(command.Get(npugen::header::wait1_id));
    const uint32_t count = static_cast<uint32_t>(command.Get(npugen::header::wait1_count));
    const int64_t first = (command.Get(npugen::compute::weight_row) + 1) * config_.core_row_bytes();
    const uint32_t pause = maker.Uniform(0, 8);
    for (uint32_t i = maker.Uniform(0, 40); i > 0; --i) pe_.Tick();
    pe_.SetCount(id, count);
    for (int64_t done = 0; done < bytes; done += kBus) {
      for (uint32_t c = 0; c < config_.cores; ++c) {
        const int64_t address = first + done;
        pe_.Write(true, 1u << c, static_cast<uint32_t>(address), cores[c].data() + address);
      }
      if (done + kBus < bytes) EXPECT_FALSE(pe_.idle()) << "it ran without its weights";
      pe_.SetCount(id, count + static_cast<uint32_t>(done) + kBus);
      for (uint32_t i = maker.Uniform(0, pause); i > 0; --i) pe_.Tick();
    }
  }

  using Make =
      std::function<Command(CommandMaker& maker, std::vector<std::vector<uint8_t>>& cores)>;

  static Make MakeOf(Opcode opcode) {
    return [opcode](CommandMaker& maker, std::vector<std::vector<uint8_t>>& cores) {
      return opcode == Opcode::kMatmul || opcode == Opcode::kWindow || opcode == Opcode::kMaxPool
                 ? maker.Convolution(opcode, cores)
             : opcode == Opcode::kSoftmax ? maker.Softmax(cores)
             : opcode == Opcode::kArgMax  ? maker.ArgMax()
             : opcode == Opcode::kVector  ? maker.Vector(cores)
                                          : maker.Linear(opcode);
    };
  }

  void RunOne(CommandMaker& maker, const Make& make, std::mt19937_64* traffic, bool follow) {
    std::vector<uint8_t> pe_image = maker.Bytes(kPeBytes);
    std::vector<std::vector<uint8_t>> cores;
    for (uint32_t c = 0; c < config_.cores; ++c) cores.push_back(maker.Bytes(kCoreBytes));
    Command command = make(maker, cores);
    if (::testing::Test::HasFatalFailure()) return;
    if (command.opcode() == Opcode::kMatmul && command.Get(npugen::compute::format_a) != 0) {
      maker.TameCodes(&pe_image);
    }
    std::vector<uint8_t> stream = Stream(config_, command);
    const std::vector<std::vector<uint8_t>> whole_cores = cores;
    const int64_t to_come = follow ? Follow(maker, &command, &cores) : 0;
    for (uint32_t a = 0; a < kPeBytes; a += kBus) pe_.Write(false, 1, a, pe_image.data() + a);
    for (uint32_t c = 0; c < config_.cores; ++c) {
      for (uint32_t a = 0; a < kCoreBytes; a += kBus)
        pe_.Write(true, 1u << c, a, cores[c].data() + a);
    }
    std::copy(pe_image.begin(), pe_image.end(), model_.pe_memory(0).begin());
    for (uint32_t c = 0; c < config_.cores; ++c) {
      std::copy(whole_cores[c].begin(), whole_cores[c].end(), model_.core_memory(0, c).begin());
    }
    std::array<FunctionalWindow, kWindowCount> windows;
    windows[0].memory = stream;
    const FunctionalJobResult expected = model_.Run(windows, 0);
    ASSERT_EQ(expected.error_code, 0) << expected.detail;

    const uint64_t signals = pe_.signals();
    pe_.Push(command);
    if (follow) Arrive(maker, command, to_come, whole_cores);
    ASSERT_TRUE(pe_.Finish(traffic, pe_image, 2'000'000)) << "the command does not end";
    ASSERT_EQ(pe_.error_code(), 0) << "address " << pe_.error_address();
    ASSERT_EQ(pe_.signals(), signals + 1);
    std::vector<uint8_t> result(kPeBytes);
    for (uint32_t a = 0; a < kPeBytes; a += kBus) pe_.Read(a, result.data() + a);
    for (uint32_t a = 0; a < kPeBytes; ++a) {
      const uint8_t want = a < kPeBytes / 4 * 3 ? model_.pe_memory(0)[a] : pe_image[a];
      ASSERT_EQ(int{static_cast<int8_t>(result[a])}, int{static_cast<int8_t>(want)})
          << "address " << a << ", out_base " << command.Get(npugen::compute::out_base);
    }
  }

  void RunMany(Opcode opcode, int count, bool traffic, bool follow = false) {
    RunMany(MakeOf(opcode), static_cast<uint64_t>(opcode), count, traffic, follow);
  }

  void RunMany(const Make& make, uint64_t series, int count, bool traffic, bool follow) {
    for (int seed = 1; seed <= (count + kShare - 1) / kShare; ++seed) {
      CommandMaker maker(config_, static_cast<uint64_t>(seed) * 1000 + series);
      std::mt19937_64 bus(static_cast<uint64_t>(seed));
      RunOne(maker, make, traffic ? &bus : nullptr, follow);
      if (HasFatalFailure()) FAIL() << "seed " << seed << ", series " << series;
    }
  }

  void RunBits(bool binary, int count, bool traffic, bool follow, bool few = false) {
    RunMany(
        [=](CommandMaker& maker, std::vector<std::vector<uint8_t>>& cores) {
          return maker.Bits(binary, few, cores);
        },
        binary ? 900 : 901, count, traffic, follow);
  }

  void RunValues(int count, bool traffic, bool follow) {
    RunMany([](CommandMaker& maker,
               std::vector<std::vector<uint8_t>>& cores) { return maker.Values(cores); },
            903, count, traffic, follow);
  }

  void RunAdditions(int count, bool traffic, bool follow) {
    RunMany([](CommandMaker& maker,
               std::vector<std::vector<uint8_t>>& cores) { return maker.Addition(cores); },
            902, count, traffic, follow);
  }

  void RunFloats(int count, bool traffic, bool follow) {
    RunMany([](CommandMaker& maker,
               std::vector<std::vector<uint8_t>>& cores) { return maker.Floats(cores); },
            903, count, traffic, follow);
  }

  NpuConfig config_;
  FunctionalModel model_;
  Pe pe_;
};

#if PARAM_Stages > 2
TEST_F(PeTest, Floats) { RunFloats(120, false, false); }
TEST_F(PeTest, FloatsBesideBusTraffic) { RunFloats(60, true, false); }
TEST_F(PeTest, FloatsFollowWeights) { RunFloats(60, false, true); }
TEST_F(PeTest, Vector) { RunMany(Opcode::kVector, 60, false); }
TEST_F(PeTest, VectorBesideBusTraffic) { RunMany(Opcode::kVector, 60, true); }
#endif

TEST_F(PeTest, Matmul) { RunMany(Opcode::kMatmul, 60, false); }
TEST_F(PeTest, MatmulOfShortRows) {
  for (uint32_t bytes = 1; bytes <= 9; ++bytes) {
    for (uint64_t seed = 1; seed <= 12 && !HasFatalFailure(); ++seed) {
      CommandMaker maker(config_, 77 * seed + bytes);
      maker.ShortRows(bytes);
      RunOne(maker, MakeOf(Opcode::kMatmul), nullptr, false);
    }
    if (HasFatalFailure()) FAIL() << "rows of " << bytes << " bytes";
  }
}
TEST_F(PeTest, MatmulBesideBusTraffic) { RunMany(Opcode::kMatmul, 30, true); }
TEST_F(PeTest, MatmulFollowsWeights) { RunMany(Opcode::kMatmul, 60, false, true); }
TEST_F(PeTest, WindowFollowsWeights) { RunMany(Opcode::kWindow, 40, false, true); }
TEST_F(PeTest, Window) { RunMany(Opcode::kWindow, 60, false); }
TEST_F(PeTest, WindowOfPaddedRows) {
  for (uint64_t seed = 1; seed <= 100 / kShare && !HasFatalFailure(); ++seed) {
    CommandMaker maker(config_, 41 * seed);
    maker.Padded();
    RunOne(maker, MakeOf(Opcode::kWindow), nullptr, false);
  }
}
TEST_F(PeTest, WindowBesideBusTraffic) { RunMany(Opcode::kWindow, 30, true); }
TEST_F(PeTest, MaxPool) { RunMany(Opcode::kMaxPool, 40, true); }
TEST_F(PeTest, Add) { RunMany(Opcode::kAdd, 40, false); }
TEST_F(PeTest, AddBesideBusTraffic) { RunMany(Opcode::kAdd, 40, true); }
TEST_F(PeTest, Addition) { RunAdditions(60, false, false); }
TEST_F(PeTest, AdditionBesideBusTraffic) { RunAdditions(60, true, false); }
TEST_F(PeTest, AdditionFollowsWeights) { RunAdditions(40, false, true); }
// One byte before the end of PE memory, and the end: the address is that of the vector.
TEST_F(PeTest, AdditionOutsideMemory) {
  CommandMaker maker(config_, 5);
  for (const int64_t beyond : {-1, 0, 1}) {
    std::vector<std::vector<uint8_t>> cores;
    for (uint32_t c = 0; c < config_.cores; ++c) cores.push_back(maker.Bytes(kCoreBytes));
    Command command = maker.Addition(cores);
    SetField(&command, "out_w", 1);
    SetField(&command, "positions", 1);
    SetField(&command, "groups", 1);
    SetField(&command, "channels", 1);
    SetField(&command, "group_channels", 1);
    SetField(&command, "b_base", kPeBytes + beyond);
    pe_.Push(command);
    std::vector<uint8_t> image(kPeBytes);
    ASSERT_TRUE(pe_.Finish(nullptr, image, 100'000));
    EXPECT_EQ(pe_.error_code(), beyond < 0 ? 0 : ErrorCode("LocalBounds"));
    if (beyond >= 0) EXPECT_EQ(pe_.error_address(), kPeBytes + beyond);
    pe_.Clear();
  }
}
TEST_F(PeTest, Multiply) { RunMany(Opcode::kMultiply, 40, true); }
TEST_F(PeTest, Maximum) { RunMany(Opcode::kMaximum, 40, true); }
TEST_F(PeTest, SquaredDifference) { RunMany(Opcode::kSquaredDifference, 40, true); }
TEST_F(PeTest, ArgMax) { RunMany(Opcode::kArgMax, 40, true); }
TEST_F(PeTest, Lookup) { RunMany(Opcode::kLookup, 20, true); }
#if PARAM_Stages <= 2  // lanes with floating-point formats have no bits
#if PARAM_PostWidth >= 8
TEST_F(PeTest, Values) { RunValues(150, false, false); }
TEST_F(PeTest, ValuesBesideBusTraffic) { RunValues(80, true, false); }
TEST_F(PeTest, ValuesFollowWeights) { RunValues(60, false, true); }
#endif
TEST_F(PeTest, Bits) { RunBits(true, 150, false, false); }
/// Fields of the binary unit that contradict each other: both give BadField, and after a clear the
/// PE works.
TEST_F(PeTest, BitsRefused) {
  const std::vector<std::vector<std::pair<const char*, int64_t>>> changes = {
      {{"run_bytes", 0}},
      {{"packed_weights", 1}},
      {{"acc_shift", 1}},
      {{"two_planes", 1}, {"drain", 0}},
      {{"two_planes", 0}, {"gated", 1}},
      {{"thresholds", 2}},
      {{"two_planes", 0}, {"gated", 0}, {"skip_window", 1}},
  };
  for (size_t i = 0; i < changes.size(); ++i) {
    CommandMaker maker(config_, 31 + i);
    std::vector<std::vector<uint8_t>> cores;
    for (uint32_t c = 0; c < config_.cores; ++c) cores.push_back(maker.Bytes(kCoreBytes));
    Command command = maker.Bits(true, false, cores);
    for (const auto& [field, value] : changes[i]) SetField(&command, field, value);
    std::vector<uint8_t> stream = Stream(config_, command);
    std::array<FunctionalWindow, kWindowCount> windows;
    windows[0].memory = stream;
    const uint8_t expected = model_.Run(windows, 0).error_code;
    EXPECT_EQ(expected, ErrorCode("BadField")) << "change " << i;
    std::vector<uint8_t> image;
    pe_.Push(command);
    ASSERT_TRUE(pe_.Finish(nullptr, image, 100'000)) << "change " << i;
    EXPECT_EQ(pe_.error_code(), expected) << "change " << i;
    pe_.Clear();
  }
  RunBits(true, 3, false, false);
}

/// A clear in the middle of a command leaves nothing behind.
TEST_F(PeTest, BitsCleared) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    CommandMaker maker(config_, 500 + seed);
    std::vector<std::vector<uint8_t>> cores;
    for (uint32_t c = 0; c < config_.cores; ++c) cores.push_back(maker.Bytes(kCoreBytes));
    pe_.Push(maker.Bits(true, false, cores));
    for (uint32_t cycle = maker.Uniform(5, 120); cycle > 0; --cycle) pe_.Tick();
    pe_.Clear();
    RunOne(
        maker,
        [](CommandMaker& next, std::vector<std::vector<uint8_t>>& memory) {
          return next.Bits(true, false, memory);
        },
        nullptr, false);
    if (HasFatalFailure()) FAIL() << "seed " << seed;
  }
}

TEST_F(PeTest, BitsOfFewPositions) { RunBits(true, 500, false, false, true); }
TEST_F(PeTest, BitsBesideBusTraffic) { RunBits(true, 50, true, false); }
TEST_F(PeTest, BitsFollowWeights) { RunBits(true, 50, false, true); }
TEST_F(PeTest, ThresholdsOfBytes) { RunBits(false, 60, true, false); }
TEST_F(PeTest, PoolBits) {
  RunMany([](CommandMaker& maker,
             std::vector<std::vector<uint8_t>>& cores) { return maker.PoolBits(cores); },
          902, 60, true, false);
}
#endif
TEST_F(PeTest, Softmax) { RunMany(Opcode::kSoftmax, 20, true); }

}  // namespace
}  // namespace npugen

// SPDX-License-Identifier: Apache-2.0
// The DMA engines against a byte-by-byte reference: random boxes with strides, alignments, bounds
// and multicast, under random latencies and back pressure, with errors injected; and their
// throughput.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "Vdut.h"
#include "generator/config/npu_config.h"
#include "verif/sim/axi_memory.h"
#include "verif/unit/bits.h"

namespace npugen {
namespace {

#ifndef PARAM_GridX
#define PARAM_GridX 2
#define PARAM_GridY 2
#endif
#ifndef PARAM_Cores
#define PARAM_Cores 3
#endif
#ifndef PARAM_MaxBurst
#define PARAM_MaxBurst 32
#define PARAM_ParameterBuffer 32
#define PARAM_ActivationBuffer 64
#endif

#ifndef PARAM_Outstanding
#define PARAM_Outstanding 8
#endif

constexpr uint32_t kBus = PARAM_BusBytes;
constexpr uint32_t kOutstanding = PARAM_Outstanding;
constexpr uint32_t kPes = PARAM_GridX * PARAM_GridY;
constexpr uint32_t kCores = PARAM_Cores;
constexpr uint32_t kPeBytes = 32768;
constexpr uint32_t kCoreBytes = 8192;

/// The address in PE memory that has this place (npu_bus_place).
uint32_t AddressOf(uint32_t place) {
  NpuConfig config;
  config.pe_banks = PARAM_PeBanks;
  config.pe_bank_bytes = PARAM_PeWordBytes;
  const uint32_t line = PARAM_PeBanks * PARAM_PeWordBytes;
  for (uint32_t bank = 0; bank < PARAM_PeBanks; ++bank) {
    const uint32_t address =
        place / line * line + bank * PARAM_PeWordBytes + place % PARAM_PeWordBytes;
    if (config.pe_place_of(address) == place) return address;
  }
  return ~0u;
}
constexpr uint64_t kBase = 0x12'3456'0000;  // of the bus memory
constexpr uint32_t kBusBytes = 65536;

enum HardwareErrorCode : uint8_t {
  kNone = 0,
  kWindowBounds = 8,
  kAxiRead = 9,
  kAxiWrite = 10,
  kLocalBounds = 11,
  kBadField = 12,
};

struct Window {
  uint64_t base;
  uint32_t size;
  uint32_t flags;
};

// Two windows for reads and writes, one read-only, one write-only; odd addresses on purpose.
constexpr Window kWindows[4] = {{kBase + 0x105, 30000, 3},
                                {kBase + 0x8000, 20000, 3},
                                {kBase + 0xd003, 8000, 1},
                                {kBase + 0xf000, 4000, 2}};

using Counts = std::array<uint32_t, 16>;  // of the barriers

struct Wait {
  bool enabled = false;
  uint32_t id = 0, count = 0;
  bool Holds(const Counts& counts) const { return !enabled || counts[id] >= count; }
};

// The fields of a LOAD or STORE, as in machine.md.
struct Box {
  bool store = false;
  uint32_t tag = 0, signal_id = 0;
  bool signal_en = true, signal_bytes = false;
  bool nothing = false;  // a LOAD of one entry
  bool ahead = false;
  Wait waits[2];
  uint32_t window = 0;
  bool local_source = false, core_memory = false, bounds = false;
  uint8_t fill = 0;
  uint32_t core_mask = 1, pe_mask = 1, source_pe = 0;
  uint32_t global_offset = 0, local_address = 0;
  uint32_t size[5] = {1, 1, 1, 1, 1};
  int32_t global_stride[5] = {}, local_stride[5] = {};  // 1..4 used
  int32_t start[5] = {};
  uint32_t extent[5] = {};
  uint32_t step[5] = {};                                      // 1..4 used
  uint32_t element = 0, fill_high = 0;                        // of the fill
  uint32_t swizzle = 0;                                       // pattern of 16 << swizzle bytes
  bool pixels = false;                                        // im2col: size[1] of them
  int32_t low[4] = {}, high[4] = {1, 1, 1, 1}, back[4] = {};  // 1..3 used
  bool transpose = false;                                     // of elements

  // Runs in a dimension.
  uint32_t Count(int d) const { return pixels && d > 1 ? 1 : std::max(size[d], 1u); }

  // Where PE memory has a byte of the local side.
  uint32_t Place(uint32_t address) const {
    return address ^ ((address >> 7 & ((1u << swizzle) - 1)) << 4);
  }

  uint8_t Fill(uint32_t byte) const {
    const uint32_t pattern = fill | fill_high << 8;
    return static_cast<uint8_t>(pattern >> (8 * (byte % (1u << element))));
  }

  bool Released(const Counts& counts) const {
    return waits[0].Holds(counts) && waits[1].Holds(counts);
  }

  std::array<uint32_t, 28> Words() const {
    std::array<uint32_t, 28> w{};
    w[0] = (store ? 0x20u : 0x10u) | 7u << 8 | tag << 16;
    w[1] = signal_id << 16 | uint32_t{signal_en} << 22 | uint32_t{signal_bytes} << 23 |
           uint32_t{ahead} << 24 | waits[0].id | uint32_t{waits[0].enabled} << 6 |
           waits[1].id << 8 | uint32_t{waits[1].enabled} << 14;
    w[2] = waits[0].count;
    w[3] = waits[1].count;
    if (nothing) {
      w[0] = 0x10u | 1u << 8 | tag << 16;
      return w;
    }
    w[4] = window | uint32_t{local_source} << 2 | uint32_t{core_memory} << 3 |
           uint32_t{bounds} << 4 | uint32_t{pixels} << 5 | swizzle << 6 | uint32_t{fill} << 8 |
           core_mask << 16;
    w[5] = global_offset;
    w[6] = local_address;
    w[7] = pe_mask;
    w[8] = size[0];
    w[9] = size[1] | size[2] << 16;
    w[10] = size[3] | size[4] << 16;
    w[11] = source_pe;
    for (int d = 1; d < 5; ++d) {
      w[11 + d] = static_cast<uint32_t>(global_stride[d]);
      w[15 + d] = static_cast<uint32_t>(local_stride[d]);
    }
    w[20] = static_cast<uint32_t>(start[0]);
    w[21] = extent[0];
    w[22] = (start[1] & 0xffff) | static_cast<uint32_t>(start[2]) << 16;
    w[23] = (start[3] & 0xffff) | static_cast<uint32_t>(start[4]) << 16;
    w[24] = extent[1] | extent[2] << 16;
    w[25] = extent[3] | extent[4] << 16;
    w[26] = step[1] | step[2] << 4 | step[3] << 8 | step[4] << 12;
    w[27] = fill_high | element << 24 | uint32_t{transpose} << 26;
    if (pixels) {
      w[8] |= static_cast<uint32_t>(low[3]) << 24;
      w[9] = size[1] | static_cast<uint32_t>(high[1]) << 16;
      w[10] = (high[2] & 0xffff) | static_cast<uint32_t>(high[3]) << 16;
      w[11] |= static_cast<uint32_t>(low[2]) << 16;
      for (int d = 1; d < 4; ++d) w[16 + d] = static_cast<uint32_t>(back[d]);
      w[26] |= static_cast<uint32_t>(low[1]) << 16;
    }
    return w;
  }
};

struct Error {
  uint8_t code = kNone;
  uint32_t tag = 0;
  uint64_t address = 0;
  bool operator==(const Error&) const = default;
};

void PrintTo(const Error& error, std::ostream* out) {
  *out << "code " << int{error.code} << " tag " << error.tag << " address 0x" << std::hex
       << error.address << std::dec;
}

// All memories.
struct Memories {
  std::vector<uint8_t> bus = std::vector<uint8_t>(kBusBytes);
  std::vector<std::vector<uint8_t>> pe{kPes, std::vector<uint8_t>(kPeBytes)};
  std::vector<std::vector<uint8_t>> core{kPes * kCores, std::vector<uint8_t>(kCoreBytes)};
  bool operator==(const Memories&) const = default;

  void Randomize(std::mt19937_64& random) {
    for (uint8_t& byte : bus) byte = random();
    for (auto& memory : pe)
      for (uint8_t& byte : memory) byte = random();
    for (auto& memory : core)
      for (uint8_t& byte : memory) byte = random();
  }

  std::string Difference(const Memories& other) const {
    auto find = [](const char* name, size_t index, const auto& a, const auto& b) -> std::string {
      for (size_t i = 0; i < a.size(); ++i) {
        if (a[i] != b[i]) {
          return std::string(name) + " " + std::to_string(index) + " byte " + std::to_string(i) +
                 ": " + std::to_string(a[i]) + " instead of " + std::to_string(b[i]);
        }
      }
      return "";
    };
    std::string text = find("bus", 0, bus, other.bus);
    for (size_t i = 0; i < pe.size() && text.empty(); ++i) text = find("PE", i, pe[i], other.pe[i]);
    for (size_t i = 0; i < core.size() && text.empty(); ++i) {
      text = find("core", i, core[i], other.core[i]);
    }
    return text;
  }
};

// The pixel at hand of a box: coordinates, and what each contributes to its offset.
struct Pixel {
  const Box& box;
  int64_t x[5] = {};
  int64_t offset[5] = {};

  explicit Pixel(const Box& whose) : box(whose) {
    for (int d = 1; d < 5; ++d) x[d] = box.start[d];
  }
  uint32_t Offset() const {
    return static_cast<uint32_t>(offset[1] + offset[2] + offset[3] + offset[4]);
  }
  void Next() {
    for (int d = 1; d < 5; ++d) {
      x[d] += std::max(box.step[d], 1u);
      offset[d] += box.global_stride[d];
      if (d == 4 || x[d] < box.high[d]) return;
      x[d] = box.low[d];
      offset[d] = int64_t{box.back[d]} - (d > 1 ? box.back[d - 1] : 0);
    }
  }
};

// Tile by tile, as `Apply`.
Error ApplyTiles(const Box& box, Memories& memories, uint64_t* bytes, bool* overlaps) {
  std::vector<uint8_t> use(kPeBytes);  // 1: read, 2: written
  const uint32_t element = 1u << box.element, side = kBus / element;
  if (box.size[0] % element != 0 || box.Count(4) != 1 || box.pixels ||
      box.local_stride[1] < -(1 << 23) || box.local_stride[1] >= 1 << 23) {
    return {kBadField, box.tag, 0};
  }
  const Window& window = kWindows[box.window];
  const uint64_t source_size = box.local_source ? kPeBytes : window.size;
  const uint64_t base = box.local_source ? 0 : window.base;
  const uint32_t local_size = box.core_memory ? kCoreBytes : kPeBytes;
  std::array<uint32_t, 5> i{};
  for (uint32_t from = 0; from < box.size[0]; from += kBus)
    for (i[3] = 0; i[3] < box.Count(3); ++i[3])
      for (i[2] = 0; i[2] < box.Count(2); ++i[2])
        for (uint32_t row = 0; row < box.Count(1); row += side) {
          const uint32_t rows = std::min(side, box.Count(1) - row);
          const uint32_t columns = std::min(kBus, box.size[0] - from) / element;
          const auto stride = static_cast<uint32_t>(box.local_stride[1]);
          const uint32_t local = box.local_address + from / element * stride + row * element +
                                 i[2] * static_cast<uint32_t>(box.local_stride[2]) +
                                 i[3] * static_cast<uint32_t>(box.local_stride[3]);
          std::vector<std::vector<uint8_t>> tile;
          for (i[1] = row; i[1] < row + rows; ++i[1]) {
            uint32_t global = box.global_offset;
            bool outside = false;
            for (int d = 1; d < 5; ++d) {
              global += i[d] * static_cast<uint32_t>(box.global_stride[d]);
              const int64_t x = int64_t{box.start[d]} + i[d] * std::max(box.step[d], 1u);
              outside = outside || (box.bounds && (x < 0 || x >= box.extent[d]));
            }
            std::vector<bool> read(columns * element);
            uint32_t first = 0, last = 0;
            for (uint32_t byte = 0; byte < read.size(); ++byte) {
              const int64_t x = int64_t{box.start[0]} + from + byte;
              read[byte] = !box.bounds || (!outside && x >= 0 && x < box.extent[0]);
              if (!read[byte]) continue;
              if (last == 0) first = byte;
              last = byte + 1;
            }
            const uint32_t at = global + from + first;
            if (last != 0 && ((!box.local_source && (window.flags & 1) == 0) ||
                              uint64_t{at} + last - first > source_size)) {
              return {box.local_source ? kLocalBounds : kWindowBounds, box.tag, base + at};
            }
            for (const uint32_t column : {0u, columns - 1}) {
              const uint32_t place = local + column * stride;
              if (uint64_t{place} + rows * element > local_size)
                return {kLocalBounds, box.tag, place};
            }
            std::vector<uint8_t> values(read.size());
            for (uint32_t byte = 0; byte < read.size(); ++byte) {
              const uint32_t source = global + from + byte;
              values[byte] = !read[byte]        ? box.Fill(byte)
                             : box.local_source ? memories.pe[box.source_pe][source]
                                                : memories.bus[window.base - kBase + source];
              if (box.local_source && read[byte]) use[source] |= 1;
            }
            tile.push_back(values);
          }
          *bytes += rows * columns * element;
          for (uint32_t byte = 0; byte < columns * element; ++byte) {
            for (uint32_t r = 0; r < rows; ++r) {
              const uint32_t address =
                  local + byte / element * stride + r * element + byte % element;
              const uint32_t place = box.core_memory ? address : box.Place(address);
              if (!box.core_memory && (box.pe_mask >> box.source_pe & 1)) use[place] |= 2;
              for (uint32_t pe = 0; pe < kPes; ++pe) {
                if ((box.pe_mask >> pe & 1) == 0) continue;
                if (!box.core_memory) memories.pe[pe][place] = tile[r][byte];
                for (uint32_t core = 0; box.core_memory && core < kCores; ++core) {
                  if (box.core_mask >> core & 1)
                    memories.core[pe * kCores + core][place] = tile[r][byte];
                }
              }
            }
          }
        }
  if (overlaps) *overlaps = std::count(use.begin(), use.end(), 3) != 0;
  return {};
}

// Does a box on the memories; stops before the first run that is not allowed. `bytes` counts the
// box. `overlaps` is set when a byte of the source PE is both read and written.
Error Apply(const Box& box, Memories& memories, uint64_t* bytes, bool* overlaps = nullptr) {
  std::vector<uint8_t> use(overlaps ? kPeBytes : 0);  // 1: read, 2: written
  if (box.nothing) return {};
  const uint32_t pes = box.pe_mask & ((uint64_t{1} << kPes) - 1);
  const uint32_t cores = box.core_mask & ((1u << kCores) - 1);
  const bool bad_step = *std::max_element(box.step, box.step + 5) > 8;
  if (bad_step || (!box.store && box.element == 3) || box.size[0] == 0 || pes == 0 ||
      (!box.store && box.core_memory && cores == 0) || (box.store && (pes & (pes - 1)) != 0) ||
      (!box.store && box.local_source && box.source_pe >= kPes)) {
    return {kBadField, box.tag, 0};
  }
  if (!box.store && box.core_memory && box.swizzle != 0) return {kBadField, box.tag, 0};
  if (!box.store && box.transpose) return ApplyTiles(box, memories, bytes, overlaps);
  if (box.pixels) {
    bool bad = !box.bounds || box.size[1] == 0;
    for (int d = 1; d < 4; ++d) bad |= box.start[d] < box.low[d] || box.start[d] >= box.high[d];
    if (bad) return {kBadField, box.tag, 0};
  }
  uint32_t count[5];
  for (int d = 1; d < 5; ++d) count[d] = box.Count(d);
  Pixel pixel(box);
  const Window& window = kWindows[box.window];
  const bool bounds = box.bounds;
  const bool local_source = box.local_source && !box.store;
  const uint64_t source_size = local_source ? kPeBytes : window.size;
  const uint64_t base = local_source ? 0 : window.base;
  const uint32_t local_size = box.core_memory && !box.store ? kCoreBytes : kPeBytes;
  uint32_t i[5];
  for (i[4] = 0; i[4] < count[4]; ++i[4])
    for (i[3] = 0; i[3] < count[3]; ++i[3])
      for (i[2] = 0; i[2] < count[2]; ++i[2])
        for (i[1] = 0; i[1] < count[1]; ++i[1]) {
          uint32_t global = box.global_offset, local = box.local_address;
          bool outside = false;
          for (int d = 1; d < 5; ++d) {
            if (!box.pixels) global += i[d] * static_cast<uint32_t>(box.global_stride[d]);
            local += i[d] * static_cast<uint32_t>(box.local_stride[d]);
            const int64_t x =
                box.pixels ? pixel.x[d] : int64_t{box.start[d]} + i[d] * std::max(box.step[d], 1u);
            if (bounds && (x < 0 || x >= box.extent[d])) outside = true;
          }
          if (box.pixels) {
            global += pixel.Offset();
            pixel.Next();
          }
          auto in_bounds = [&](uint32_t byte) {
            const int64_t x = int64_t{box.start[0]} + byte;
            return !bounds || (!outside && x >= 0 && x < box.extent[0]);
          };
          uint32_t first = box.size[0], last = 0;  // bytes that are read
          for (uint32_t byte = 0; byte < box.size[0]; ++byte) {
            if (!in_bounds(byte)) continue;
            first = std::min(first, byte);
            last = byte;
          }
          if (first <= last && first < box.size[0]) {
            const uint32_t from = global + first;
            const bool allowed = local_source || (window.flags & (box.store ? 2 : 1)) != 0;
            if (!allowed || uint64_t{from} + (last - first + 1) > source_size) {
              return {local_source ? kLocalBounds : kWindowBounds, box.tag, base + from};
            }
          }
          if (box.store) {  // bytes that do not exist are neither read nor written
            if (first > last || first == box.size[0]) continue;
            const uint32_t local_first = local + first;
            if (uint64_t{local_first} + (last - first + 1) > local_size) {
              return {kLocalBounds, box.tag, local_first};
            }
            *bytes += last - first + 1;
          } else {
            if (uint64_t{local} + box.size[0] > local_size) return {kLocalBounds, box.tag, local};
            *bytes += box.size[0];
          }
          for (uint32_t byte = 0; byte < box.size[0]; ++byte) {
            const uint64_t bus = window.base - kBase + static_cast<uint32_t>(global + byte);
            if (box.store) {
              if (!in_bounds(byte)) continue;
              uint32_t pe = 0;
              while ((pes >> pe & 1) == 0) ++pe;
              memories.bus[bus] = memories.pe[pe][box.Place(local + byte)];
              continue;
            }
            const uint8_t value = !in_bounds(byte) ? box.Fill(byte)
                                  : local_source   ? memories.pe[box.source_pe][global + byte]
                                                   : memories.bus[bus];
            if (overlaps && local_source && in_bounds(byte)) use[global + byte] |= 1;
            const uint32_t place = box.Place(local + byte);
            if (overlaps && !box.core_memory && (pes >> box.source_pe & 1)) use[place] |= 2;
            if (overlaps && use[place] == 3) *overlaps = true;
            if (overlaps && local_source && in_bounds(byte) && use[global + byte] == 3)
              *overlaps = true;
            for (uint32_t pe = 0; pe < kPes; ++pe) {
              if ((pes >> pe & 1) == 0) continue;
              if (!box.core_memory) memories.pe[pe][place] = value;
              for (uint32_t core = 0; box.core_memory && core < kCores; ++core) {
                if (cores >> core & 1) memories.core[pe * kCores + core][local + byte] = value;
              }
            }
          }
        }
  return {};
}

struct Signal {
  uint64_t cycle;
  uint32_t id, amount;
};

// The engines in the middle of simulated memories, one cycle at a time.
class Bench {
 public:
  struct Options {
    AxiMemoryOptions axi;
    uint32_t write_stall = 0;  // per cent of the cycles in which a memory write waits
    uint32_t read_stall = 0;
    uint32_t read_delay = 0;  // at most, beyond one cycle
    bool fetch = false;       // random traffic of the command fetch
    uint64_t seed = 1;
  };

  explicit Bench(const Options& options)
      : options_(options),
        random_(options.seed),
        axi_(memories.bus.data(), kBase, kBusBytes, WithBus(options.axi)) {
    memories.Randomize(random_);
    dut_.rst_ni = 0;
    dut_.clear_i = 0;
    dut_.halt_i = 0;
    for (int w = 0; w < 4; ++w) {
      dut_.window_base_i[2 * w] = static_cast<uint32_t>(kWindows[w].base);
      dut_.window_base_i[2 * w + 1] = kWindows[w].base >> 32;
      dut_.window_size_i[w] = kWindows[w].size;
      dut_.window_flags_i[w] = kWindows[w].flags;
    }
    Cycle();
    Cycle();
    dut_.rst_ni = 1;
    axi_.Reset();
  }

  void Push(const Box& box) { (box.store ? stores_ : loads_).push_back(box); }

  // Runs until both engines are idle, or stand after an error and the bus is quiet.
  void Drain(uint64_t limit = 2'000'000) {
    const uint64_t end = cycle + limit;
    do {
      Cycle();
      ASSERT_LT(cycle, end) << "the engines do not finish";
    } while ((error ? !dut_.quiet_o : !loads_.empty() || !stores_.empty() || busy_) ||
             fetch_beats_ != 0);
    ASSERT_EQ(axi_.counts().violations, 0u) << axi_.violations()[0];
    ASSERT_EQ(problem, "");
    ASSERT_EQ(read_beats_shown_, read_beats_);
    if (error) return;
    ASSERT_EQ(open_loads_, 0);
    ASSERT_EQ(open_waits_, 0);
    ASSERT_EQ(open_stores_, 0);
  }

  void Clear() {
    dut_.clear_i = 1;
    Cycle();
    dut_.clear_i = 0;
    dut_.halt_i = 0;
    error.reset();
    loads_.clear();
    stores_.clear();
    held_write_ = false;
    running_.clear();
    open_loads_ = open_waits_ = open_stores_ = 0;
  }

  void Halt() { dut_.halt_i = 1; }
  bool quiet() const { return dut_.quiet_o; }
  AxiMemory& axi() { return axi_; }

  void Cycle() {
    dut_.clk_i = 0;
    DriveCommand(loads_, dut_.load_cmd_valid_i, dut_.load_cmd_i);
    DriveCommand(stores_, dut_.store_cmd_valid_i, dut_.store_cmd_i);
    if (counts_percent != 0 && random_() % 100 < counts_percent)
      ++counts[random_() % counts.size()];
    for (size_t b = 0; b < counts.size(); ++b)
      SetBits(&dut_.barrier_counts_i, 24 * b, 24, counts[b]);
    dut_.load_cmd_released_i = loads_.empty() || loads_.front().Released(counts);
    dut_.mem_wr_ready_i = random_() % 100 >= options_.write_stall;
    dut_.mem_rd_ready_i = random_() % 100 >= options_.read_stall;
    dut_.mem_rd_rvalid_i = !reads_.empty() && reads_.front().due <= cycle;
    if (dut_.mem_rd_rvalid_i) std::memcpy(&dut_.mem_rd_rdata_i, reads_.front().data, kBus);
    DriveFetch();
    const AxiResponseSignals& response = axi_.response();
    dut_.m_axi_arready_i = response.ar_ready;
    dut_.m_axi_rvalid_i = response.r_valid;
    dut_.m_axi_rid_i = response.r_id;
    dut_.m_axi_rresp_i = response.r_resp;
    dut_.m_axi_rlast_i = response.r_last;
    std::memcpy(&dut_.m_axi_rdata_i, response.r_data, kBus);
    dut_.m_axi_awready_i = response.aw_ready;
    dut_.m_axi_wready_i = response.w_ready;
    dut_.m_axi_bvalid_i = response.b_valid;
    dut_.m_axi_bid_i = response.b_id;
    dut_.m_axi_bresp_i = response.b_resp;
    dut_.eval();

    if (dut_.rst_ni) Observe();
    AxiRequestSignals request;
    request.ar_valid = dut_.m_axi_arvalid_o;
    request.ar_addr = dut_.m_axi_araddr_o;
    request.ar_id = dut_.m_axi_arid_o;
    request.ar_len = dut_.m_axi_arlen_o;
    request.ar_size = dut_.m_axi_arsize_o;
    request.ar_burst = dut_.m_axi_arburst_o;
    request.r_ready = dut_.m_axi_rready_o;
    request.aw_valid = dut_.m_axi_awvalid_o;
    request.aw_addr = dut_.m_axi_awaddr_o;
    request.aw_id = dut_.m_axi_awid_o;
    request.aw_len = dut_.m_axi_awlen_o;
    request.aw_size = dut_.m_axi_awsize_o;
    request.aw_burst = dut_.m_axi_awburst_o;
    request.w_valid = dut_.m_axi_wvalid_o;
    request.w_last = dut_.m_axi_wlast_o;
    request.w_strb = dut_.m_axi_wstrb_o;
    request.w_data = reinterpret_cast<const uint8_t*>(&dut_.m_axi_wdata_o);
    request.b_ready = dut_.m_axi_bready_o;
    if (dut_.rst_ni) axi_.Tick(request);
    dut_.clk_i = 1;
    dut_.eval();
    ++cycle;
  }

  Memories memories;
  uint64_t cycle = 0;
  Counts counts{};
  uint32_t counts_percent = 0;  // of the cycles in which a random barrier is arrived at
  bool stalled() const { return dut_.load_stalled_o; }
  bool waiting() const { return dut_.load_waiting_o; }
  uint32_t waiting_tag() const { return dut_.load_waiting_tag_o; }
  uint64_t load_beats() const { return read_beats_; }
  uint64_t load_taken = 0, first_read = 0, last_read = 0;  // cycles
  uint64_t store_taken = 0, first_write = 0, last_answer = 0;
  uint64_t written = 0;  // bytes, as write_bytes_o says
  std::vector<Signal> load_signals, store_signals;
  std::optional<Error> error;
  bool error_of_store = false;
  std::string problem;

 private:
  struct Read {
    uint64_t due;
    uint8_t data[64];
  };

  static AxiMemoryOptions WithBus(AxiMemoryOptions options) {
    options.bus_bytes = kBus;
    return options;
  }

  template <typename Valid, typename Words>
  void DriveCommand(const std::deque<Box>& queue, Valid& valid, Words& words) {
    valid = !queue.empty() && dut_.rst_ni;
    if (queue.empty()) return;
    const std::array<uint32_t, 28> command = queue.front().Words();
    for (int i = 0; i < 28; ++i) words[i] = command[i];
  }

  void DriveFetch() {
    if (fetch_beats_ == 0 && options_.fetch && !error && random_() % 64 == 0) {
      fetch_beats_ = 1 + random_() % 16;
      fetch_address_ = random_() % (kBusBytes - 16 * kBus) / (16 * kBus) * (16 * kBus);
      fetch_asked_ = false;
      dut_.fetch_ar_addr_i = kBase + fetch_address_;
      dut_.fetch_ar_len_i = fetch_beats_ - 1;
    }
    dut_.fetch_ar_valid_i = fetch_beats_ != 0 && !fetch_asked_;
    dut_.fetch_r_ready_i = random_() % 4 != 0;
  }

  // What the coming edge does.
  void Observe() {
    busy_ = dut_.load_busy_o || dut_.store_busy_o;
    if (dut_.load_cmd_valid_i && dut_.load_cmd_ready_o) {
      busy_ = true;
      ++open_loads_;
      ++open_waits_;
      TakeLoad();
      load_taken = cycle;
    }
    if (dut_.store_cmd_valid_i && dut_.store_cmd_ready_o) {
      busy_ = true;
      ++open_stores_;
      stores_.pop_front();
      store_taken = cycle;
    }
    open_loads_ -= dut_.load_done_o;
    open_waits_ -= dut_.load_release_o;
    open_stores_ -= dut_.store_done_o;
    if (open_waits_ < 0 || open_loads_ < open_waits_) problem = "a LOAD ends before its waits hold";
    if (dut_.m_axi_arvalid_o && first_read == 0) first_read = cycle;
    if (dut_.m_axi_awvalid_o && first_write == 0) first_write = cycle;
    if (dut_.m_axi_bvalid_i) last_answer = cycle;
    read_beats_shown_ += dut_.read_beat_o;
    if (dut_.m_axi_rvalid_i && dut_.m_axi_rready_o && dut_.m_axi_rid_i % 2 == 1) {
      ++read_beats_;
      last_read = cycle;
    }
    written += dut_.write_bytes_o;
    if (dut_.load_signal_valid_o) {
      load_signals.push_back({cycle, dut_.load_signal_id_o, dut_.load_signal_amount_o});
      if (!dut_.load_busy_o) problem = "signal while the load engine is idle";
    }
    if (dut_.store_signal_valid_o) {
      store_signals.push_back({cycle, dut_.store_signal_id_o, 1});
      if (!dut_.store_busy_o) problem = "signal while the store engine is idle";
    }
    if (dut_.load_error_valid_o || dut_.store_error_valid_o) {
      if (error) problem = "a second error";
      error_of_store = dut_.store_error_valid_o;
      error = error_of_store ? Error{static_cast<uint8_t>(dut_.store_error_code_o),
                                     dut_.store_error_tag_o, dut_.store_error_address_o}
                             : Error{static_cast<uint8_t>(dut_.load_error_code_o),
                                     dut_.load_error_tag_o, dut_.load_error_address_o};
    }
    if (dut_.m_axi_arvalid_o && dut_.m_axi_arid_o % 2 == 1) {
      CheckBurst(dut_.m_axi_araddr_o, dut_.m_axi_arlen_o, 1);
    }
    if (dut_.m_axi_awvalid_o) CheckBurst(dut_.m_axi_awaddr_o, dut_.m_axi_awlen_o, 2);
    ObserveWrite();
    ObserveRead();
    ObserveStall();
    if (dut_.fetch_ar_valid_i && dut_.fetch_ar_ready_o) fetch_asked_ = true;
    if (dut_.fetch_r_valid_o && dut_.fetch_r_ready_i) {
      --fetch_beats_;
      if (dut_.fetch_r_last_o != (fetch_beats_ == 0)) problem = "wrong last beat of a fetch";
      if (std::memcmp(&dut_.fetch_r_data_o, memories.bus.data() + fetch_address_, kBus) != 0 &&
          stores_.empty() && !dut_.store_busy_o) {
        problem = "wrong data of a fetch";
      }
      fetch_address_ += kBus;
    }
  }

  // Every beat of a burst has bytes of one window that allows it. Bytes beside it in the beats at
  // its ends are read and dropped, and not written.
  void CheckBurst(uint64_t address, uint32_t length, uint32_t flag) {
    const uint64_t end = address + uint64_t{kBus} * (length + 1);
    const bool inside =
        std::any_of(std::begin(kWindows), std::end(kWindows), [&](const Window& window) {
          return (window.flags & flag) != 0 && address + kBus > window.base &&
                 end - kBus < window.base + window.size;
        });
    if (!inside) problem = "a burst outside of the windows";
  }

  void ObserveWrite() {
    if (held_write_ && !(dut_.mem_wr_valid_o && dut_.mem_wr_addr_o == held_address_)) {
      problem = "memory write changed before it was accepted";
    }
    held_write_ = dut_.mem_wr_valid_o && !dut_.mem_wr_ready_i;
    held_address_ = dut_.mem_wr_addr_o;
    if (!dut_.mem_wr_valid_o || !dut_.mem_wr_ready_i) return;
    const auto* data = reinterpret_cast<const uint8_t*>(&dut_.mem_wr_data_o);
    const uint32_t size = dut_.mem_wr_core_o ? kCoreBytes : kPeBytes;
    CountWritten(__builtin_popcountll(dut_.mem_wr_strb_o));
    const uint32_t address =
        dut_.mem_wr_core_o ? dut_.mem_wr_addr_o : AddressOf(dut_.mem_wr_addr_o);
    if (address % kBus != 0 || address + kBus > size || dut_.mem_wr_strb_o == 0) {
      problem = "bad memory write";
      return;
    }
    for (uint32_t pe = 0; pe < kPes; ++pe) {
      if ((dut_.mem_wr_pe_mask_o >> pe & 1) == 0) continue;
      for (uint32_t core = 0; core < (dut_.mem_wr_core_o ? kCores : 1); ++core) {
        if (dut_.mem_wr_core_o && (dut_.mem_wr_core_mask_o >> core & 1) == 0) continue;
        auto& memory = dut_.mem_wr_core_o ? memories.core[pe * kCores + core] : memories.pe[pe];
        for (uint32_t i = 0; i < kBus; ++i) {
          if (dut_.mem_wr_strb_o >> i & 1) memory[address + i] = data[i];
        }
      }
    }
  }

  // Without `ahead` nothing is read before the waits of the command and of those before it hold.
  void TakeLoad() {
    const Box& box = loads_.front();
    const bool early = box.nothing || (box.ahead && !box.local_source);
    bool released = box.Released(counts);
    for (const auto& [before, bytes] : running_) released = released && before.Released(counts);
    if (!early && !released) problem = "a LOAD begins before it may";
    uint64_t bytes = box.nothing ? 0 : box.size[0];
    for (int d = 1; d < 5; ++d) bytes *= box.Count(d);
    running_.emplace_back(box, bytes);
    loads_.pop_front();
  }

  // Words are written in the order of the commands, each when the waits of its command hold.
  void CountWritten(uint64_t bytes) {
    while (!running_.empty() && running_.front().second == 0) {
      if (!running_.front().first.Released(counts)) problem = "a LOAD is passed over";
      running_.pop_front();
    }
    if (running_.empty() || running_.front().second < bytes) {
      problem = "a write that belongs to no LOAD";
    } else if (!running_.front().first.Released(counts)) {
      problem = "a write before its waits hold";
    } else {
      running_.front().second -= bytes;
    }
  }

  // The engine says that it stalls exactly when only an arrival or a command makes it move.
  void ObserveStall() {
    const bool taken = dut_.load_cmd_valid_i && dut_.load_cmd_ready_o;
    const bool moves = (dut_.m_axi_arvalid_o && dut_.m_axi_arid_o) || dut_.mem_wr_valid_o ||
                       dut_.load_signal_valid_o || dut_.load_error_valid_o;
    const bool same = counts == counts_before_;
    if (moves && same && stalled_ >= 2) problem = "the LOAD engine moves although it is stalled";
    stalled_ = dut_.load_stalled_o && same ? stalled_ + 1 : 0;
    still_ = moves || taken || !same || error ? 0 : still_ + 1;
    if (still_ > 2000 && dut_.load_busy_o && !dut_.load_stalled_o && !dut_.halt_i) {
      problem = "the LOAD engine does not notice that it is stalled";
    }
    if (taken) stalled_ = 0;
    counts_before_ = counts;
  }

  void ObserveRead() {
    if (dut_.mem_rd_rvalid_i) reads_.pop_front();
    if (!dut_.mem_rd_valid_o || !dut_.mem_rd_ready_i) return;
    const uint32_t address = AddressOf(dut_.mem_rd_addr_o);
    if (address % kBus != 0 || address + kBus > kPeBytes || dut_.mem_rd_pe_o >= kPes) {
      problem = "bad memory read";
      return;
    }
    Read read;
    read.due = cycle + 1 + (options_.read_delay ? random_() % (options_.read_delay + 1) : 0);
    std::memcpy(read.data, memories.pe[dut_.mem_rd_pe_o].data() + address, kBus);
    reads_.push_back(read);
  }

  Options options_;
  std::mt19937_64 random_;
  Vdut dut_;
  AxiMemory axi_;
  std::deque<Box> loads_, stores_;
  std::deque<std::pair<Box, uint64_t>> running_;  // LOADs taken, and bytes that they have to write
  Counts counts_before_{};
  int stalled_ = 0, still_ = 0;  // cycles: said to be stalled; without anything to be seen
  std::deque<Read> reads_;
  int open_loads_ = 0, open_waits_ = 0, open_stores_ = 0;  // commands, as the trace counts them
  bool busy_ = false;
  bool held_write_ = false;
  uint32_t held_address_ = 0;
  uint64_t read_beats_ = 0, read_beats_shown_ = 0;
  uint32_t fetch_beats_ = 0, fetch_address_ = 0;
  bool fetch_asked_ = false;
};

// A box that may leave windows and memories.
// Makes a box one of pixels. What steps over rows and images contribute is that of a tensor, or
// anything.
void MakePixels(std::mt19937_64& random, Box* box) {
  auto below = [&](uint32_t n) { return static_cast<int32_t>(random() % n); };
  box->pixels = box->bounds = true;
  box->size[1] = 1 + below(40);
  const uint32_t rank = 1 + below(3);
  int32_t stride = static_cast<int32_t>(box->size[0]) + below(5);
  int32_t back = 0;
  for (uint32_t d = 1; d < 5; ++d) {
    const bool used = d <= rank || d == 4;
    box->step[d] = !used || below(2) == 0 ? below(2) : below(9);
    box->extent[d] = used ? 1 + below(7) : 1;
    box->low[d % 4] = used ? below(5) - 3 : 0;
    const int32_t rows = used ? 1 + below(6) : 1;
    if (d < 4) box->high[d] = box->low[d] + rows;
    box->start[d] = used ? box->low[d % 4] + below(d < 4 ? rows : 3) : 0;
    box->global_stride[d] = static_cast<int32_t>(std::max(box->step[d], 1u)) * stride;
    if (d < 4) {
      back += (box->low[d] - box->start[d]) * stride;
      box->back[d] = below(8) != 0 ? back : below(400) - 200;
    }
    if (used) stride = stride * static_cast<int32_t>(box->extent[d]) + below(9);
  }
  box->low[0] = 0;
}

// Makes a box one that is transposed.
void MakeTiles(std::mt19937_64& random, Box* box) {
  auto below = [&](uint32_t n) { return static_cast<uint32_t>(random() % n); };
  const uint32_t element = 1u << box->element;
  box->transpose = true;
  box->size[0] = element * (1 + below(below(2) ? 2 * kBus : 6));
  box->size[1] = below(below(2) ? 3 * kBus : 8);
  const bool large = box->size[0] * std::max(box->size[1], 1u) > 1500;
  for (int d = 2; d < 4; ++d) box->size[d] = below(large ? 2 : 4);
  box->size[4] = below(2);
  const int32_t column = static_cast<int32_t>(element * std::max(box->size[1], 1u));
  box->local_stride[1] = below(3) == 0   ? column
                         : below(3) == 0 ? (column + kBus) / kBus * kBus
                                         : static_cast<int32_t>(below(300)) - 100;
  if (below(3) == 0) box->global_stride[1] = (box->size[0] / kBus + 1) * kBus;
}

// What all boxes of a test have.
enum class Mode { kAny, kPixels, kSwizzle, kTiles };

Box RandomBox(std::mt19937_64& random, bool store, Mode mode = Mode::kAny) {
  Box box;
  auto below = [&](uint32_t n) { return static_cast<uint32_t>(random() % n); };
  box.store = store;
  box.tag = below(65536);
  box.signal_id = below(16);
  box.signal_en = below(8) != 0;
  box.signal_bytes = !store && below(3) == 0;
  box.window = below(8) == 0 ? (store ? 3 : 2) : below(2);
  box.fill = random();
  box.core_mask = random() & 0xffff;
  box.pe_mask = store ? 1u << below(kPes) : static_cast<uint32_t>(random());
  box.core_memory = !store && mode != Mode::kSwizzle && below(3) == 0;
  box.local_source = !store && below(4) == 0;
  box.source_pe = below(kPes);
  box.nothing = !store && below(10) == 0;
  box.bounds = below(2) == 0;
  box.element = store ? 0 : below(3);
  box.fill_high = store ? 0 : static_cast<uint32_t>(random()) & 0xffffff;
  const uint32_t rank = below(5);
  box.size[0] = 1 + (below(3) == 0   ? below(5 * kBus)
                     : below(4) == 0 ? below(1500)
                                     : below(kBus + 4));
  uint32_t volume = box.size[0];
  for (uint32_t d = 1; d < 5; ++d) {
    box.size[d] = d <= rank && volume < 3000 ? below(6) : below(2);
    volume *= std::max(box.size[d], 1u);
    const bool dense = below(3) == 0;
    box.global_stride[d] = dense ? box.size[0] : static_cast<int32_t>(below(600)) - 200;
    box.local_stride[d] = below(3) == 0 ? box.size[0] : static_cast<int32_t>(below(600)) - 200;
    if (below(8) == 0) box.global_stride[d] = 0;
  }
  if (!store && mode != Mode::kPixels && (mode == Mode::kTiles || below(4) == 0))
    MakeTiles(random, &box);
  for (uint32_t d = 0; d < 5; ++d) {
    if (d != 0 && below(3) == 0) box.step[d] = below(9);
    const int32_t size = static_cast<int32_t>(
        d == 0 ? box.size[0] : (std::max(box.size[d], 1u) - 1) * std::max(box.step[d], 1u) + 1);
    box.start[d] = below(2) ? 0 : static_cast<int32_t>(below(2 * size + 1)) - size;
    box.extent[d] =
        std::max<int32_t>(0, box.start[d] + size + static_cast<int32_t>(below(size + 2)) -
                                 static_cast<int32_t>(below(2) ? 0 : size));
  }
  const bool swizzled = mode == Mode::kSwizzle || (!box.core_memory && below(3) == 0);
  box.swizzle = swizzled ? 1 + below(3) : 0;
  if (!store && !box.transpose && (mode == Mode::kPixels || below(3) == 0)) {
    MakePixels(random, &box);
  }
  const uint32_t source = box.local_source ? kPeBytes : kWindows[box.window].size;
  box.global_offset = below(source);
  if (box.bounds && below(4) == 0) box.global_offset -= below(2000);
  box.local_address = below(box.core_memory ? kCoreBytes : kPeBytes);
  return box;
}

// A box that is allowed on the given memories and then done on them.
Box ValidBox(std::mt19937_64& random, bool store, Memories& memories, uint64_t* bytes,
             Mode mode = Mode::kAny) {
  for (;;) {
    const Box box = RandomBox(random, store, mode);
    Memories after = memories;
    uint64_t moved = 0;
    bool overlaps = false;
    if (Apply(box, after, &moved, &overlaps).code != kNone || (box.local_source && overlaps))
      continue;
    memories = after;
    *bytes = moved;
    return box;
  }
}

Bench::Options RandomOptions(uint64_t seed) {
  std::mt19937_64 random(seed);
  auto chance = [&]() { return random() % 3 == 0 ? 0u : static_cast<uint32_t>(random() % 40000); };
  Bench::Options options;
  options.seed = seed;
  options.axi.seed = seed;
  options.axi.read_latency = 1 + random() % 60;
  options.axi.write_latency = 1 + random() % 60;
  options.axi.interleave = random() % 2;
  options.axi.max_outstanding = random() % 2 ? 64 : 1 + random() % 4;
  options.axi.ar_stall = chance();
  options.axi.r_stall = chance();
  options.axi.aw_stall = chance();
  options.axi.w_stall = chance();
  options.axi.b_stall = chance();
  options.write_stall = random() % 2 ? 0 : random() % 80;
  options.read_stall = random() % 2 ? 0 : random() % 80;
  options.read_delay = random() % 4;
  options.fetch = random() % 2;
  return options;
}

// NPUGEN_BOXES is the number of boxes of a mode, LOADs and STOREs together.
void MoveRandomBoxesInOrder(Mode mode, uint64_t seeds) {
  const char* boxes_wanted = std::getenv("NPUGEN_BOXES");
  if (boxes_wanted != nullptr) seeds = 1 + std::stoull(boxes_wanted) / 120;
  for (uint64_t seed = 1; seed <= seeds; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Bench bench(RandomOptions(seed));
    std::mt19937_64 random(1000 + seed);
    for (int round = 0; round < 10; ++round) {
      // Several commands of one kind overlap in an engine; loads and stores alternate by round.
      const bool store = round % 2 != 0 && mode != Mode::kPixels && mode != Mode::kTiles;
      Memories expected = bench.memories;
      std::vector<std::pair<Box, uint64_t>> boxes;
      bench.load_signals.clear();
      bench.store_signals.clear();
      bench.written = 0;
      uint64_t total = 0;
      for (int i = 0; i < 12; ++i) {
        uint64_t bytes = 0;
        boxes.emplace_back(ValidBox(random, store, expected, &bytes, mode), 0);
        boxes.back().second = bytes;
        total += bytes;
        bench.Push(boxes.back().first);
      }
      ASSERT_NO_FATAL_FAILURE(bench.Drain());
      ASSERT_FALSE(bench.error) << ::testing::PrintToString(*bench.error);
      ASSERT_TRUE(bench.memories == expected)
          << "round " << round << ": " << bench.memories.Difference(expected);
      const std::vector<Signal>& signals = store ? bench.store_signals : bench.load_signals;
      size_t next = 0;
      for (const auto& [box, bytes] : boxes) {
        if (!box.signal_en) continue;
        uint64_t amount = 0;
        do {
          ASSERT_LT(next, signals.size());
          ASSERT_EQ(signals[next].id, box.signal_id);
          amount += signals[next++].amount;
        } while (box.signal_bytes && amount < bytes);
        ASSERT_EQ(amount, box.signal_bytes ? bytes : 1);
      }
      ASSERT_EQ(next, signals.size());
      ASSERT_EQ(bench.written, store ? total : 0);
    }
  }
}

TEST(Dma, MovesRandomBoxesInOrder) { MoveRandomBoxesInOrder(Mode::kAny, 12); }
TEST(Dma, MovesRandomBoxesOfPixels) { MoveRandomBoxesInOrder(Mode::kPixels, 4); }
TEST(Dma, MovesRandomBoxesSwizzled) { MoveRandomBoxesInOrder(Mode::kSwizzle, 4); }
TEST(Dma, MovesRandomBoxesTransposed) { MoveRandomBoxesInOrder(Mode::kTiles, 6); }

TEST(Dma, WritesWhenTheWaitsHold) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Bench bench(RandomOptions(200 + seed));
    std::mt19937_64 random(2000 + seed);
    bench.counts_percent = seed % 2 ? 3 : 30;
    for (int round = 0; round < 5; ++round) {
      Memories expected = bench.memories;
      std::vector<uint32_t> ids;
      bench.load_signals.clear();
      Counts reached = bench.counts;
      for (int i = 0; i < 14; ++i) {
        uint64_t bytes = 0;
        Box box = ValidBox(random, false, expected, &bytes);
        box.signal_bytes = false;
        box.ahead = random() % 3 != 0;
        for (Wait& wait : box.waits) {
          wait.enabled = random() % 3 == 0;
          wait.id = random() % 16;
          wait.count = reached[wait.id] += random() % 2;
        }
        if (box.signal_en) ids.push_back(box.signal_id);
        bench.Push(box);
      }
      ASSERT_NO_FATAL_FAILURE(bench.Drain());
      ASSERT_FALSE(bench.error) << ::testing::PrintToString(*bench.error);
      ASSERT_TRUE(bench.memories == expected)
          << "round " << round << ": " << bench.memories.Difference(expected);
      ASSERT_EQ(bench.load_signals.size(), ids.size());
      for (size_t i = 0; i < ids.size(); ++i) ASSERT_EQ(bench.load_signals[i].id, ids[i]);
    }
  }
}

TEST(Dma, RunsLoadsAndStoresTogether) {
  // Loads fill the upper halves of the memories while stores (of PE 0's lower half) go to window 1.
  for (uint64_t seed = 1; seed <= 10; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Bench bench(RandomOptions(100 + seed));
    std::mt19937_64 random(seed);
    Memories expected = bench.memories;
    for (int i = 0; i < 30; ++i) {
      Box load;
      load.window = 0;
      load.local_source = random() % 2;
      load.size[0] = 1 + random() % 300;
      load.size[1] = random() % 5;
      load.global_stride[1] = random() % 400;
      load.local_stride[1] = load.size[0];
      load.global_offset = random() % 8000;
      load.local_address = 16384 + random() % 8000;
      Box store;
      store.store = true;
      store.window = 1;
      store.size[0] = 1 + random() % 300;
      store.size[1] = random() % 5;
      store.local_stride[1] = random() % 400;
      store.global_stride[1] = store.size[0];
      store.global_offset = random() % 8000;
      store.local_address = random() % 8000;
      uint64_t bytes = 0;
      ASSERT_EQ(Apply(load, expected, &bytes), Error{});
      ASSERT_EQ(Apply(store, expected, &bytes), Error{});
      bench.Push(load);
      bench.Push(store);
    }
    ASSERT_NO_FATAL_FAILURE(bench.Drain());
    ASSERT_FALSE(bench.error);
    ASSERT_TRUE(bench.memories == expected) << bench.memories.Difference(expected);
    ASSERT_EQ(bench.load_signals.size(), 30u);
    ASSERT_EQ(bench.store_signals.size(), 30u);
  }
}

TEST(Dma, RefusesAccessesThatAreNotAllowed) {
  std::mt19937_64 random(5);
  for (uint64_t seed = 1; seed <= 120; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    const bool store = seed % 2;
    Bench bench(RandomOptions(seed));
    Memories expected = bench.memories;
    uint64_t bytes = 0;
    bench.Push(ValidBox(random, store, expected, &bytes));
    const uint8_t wanted[] = {kWindowBounds, kLocalBounds, kBadField};
    Error error;
    while (error.code != wanted[seed / 2 % 3]) {
      Box box = RandomBox(random, store);
      if (box.local_source) continue;  // may overlap
      box.window = random() % 4;
      switch (random() % 10) {
        case 0:
          box.size[0] = 0;
          break;
        case 4:
          box.step[1 + random() % 4] = 9 + random() % 7;
          break;
        case 5:
          box.element = 3 * !store;
          break;
        case 6:
          if (!store && box.core_memory) box.swizzle = 1 + random() % 3;
          break;
        case 8:
          if (box.transpose) {
            if (random() % 4 == 0) {
              box.size[4] = 2;
            } else if (random() % 3 == 0) {
              box.local_stride[1] = random() % 2 ? 1 << 23 : -(1 << 23) - 1;
            } else if (random() % 2 == 0) {
              MakePixels(random, &box);
            } else {
              box.size[0] += 1 + random() % 3;
            }
          }
          break;
        case 7:
          if (box.pixels) {
            const uint32_t d = 1 + random() % 3;
            if (random() % 4 == 0) {
              box.size[1] = 0;
            } else if (random() % 4 == 0) {
              box.bounds = false;
            } else {
              box.start[d] = random() % 2 ? box.low[d] - 1 : box.high[d];
            }
          }
          break;
        case 1:
          box.pe_mask = 0;
          break;
        case 2:
          box.core_mask = 0;
          break;
        case 3:
          box.pe_mask = 0xffffffff;
          break;
        default:
          break;
      }
      Memories after = expected;
      error = Apply(box, after, &bytes);
      if (error.code != wanted[seed / 2 % 3]) continue;
      expected = after;
      bench.Push(box);
    }
    Memories never = expected;
    bench.Push(ValidBox(random, store, never, &bytes));
    ASSERT_NO_FATAL_FAILURE(bench.Drain());
    ASSERT_TRUE(bench.error);
    EXPECT_EQ(*bench.error, error);
    EXPECT_EQ(bench.error_of_store, store);
    // Everything before the failing run is done, nothing after it.
    EXPECT_TRUE(bench.memories == expected) << bench.memories.Difference(expected);
  }
}

Box Straight(bool store, uint32_t offset, uint32_t local, uint32_t bytes) {
  Box box;
  box.store = store;
  box.tag = 77;
  box.window = 1;
  box.global_offset = offset;
  box.local_address = local;
  box.size[0] = bytes;
  return box;
}

TEST(Dma, ReportsBusErrorsAndGoesOnAfterClear) {
  for (const bool store : {false, true}) {
    for (uint64_t seed = 1; seed <= 20; ++seed) {
      SCOPED_TRACE("seed " + std::to_string(seed));
      Bench bench(RandomOptions(seed));
      const uint64_t bad = kWindows[1].base + 1000 + 37 * (seed % 64);
      bench.axi().AddErrorRange(
          bad, 1, seed % 2 ? AxiResponseCode::kSlaveError : AxiResponseCode::kDecodeError);
      bench.Push(Straight(store, 0, 0, 900));
      bench.Push(Straight(store, 960, 1000, 3000));
      bench.Push(Straight(store, 8000, 4000, 3000));
      ASSERT_NO_FATAL_FAILURE(bench.Drain());
      ASSERT_TRUE(bench.error);
      EXPECT_EQ(bench.error->code, store ? kAxiWrite : kAxiRead);
      EXPECT_EQ(bench.error->tag, 77u);
      EXPECT_LE(bench.error->address, bad);
      EXPECT_GT(bench.error->address + 32 * kBus, bad);
      // The first command is complete, but the last words of a LOAD may still be on their way.
      if (store) {
        EXPECT_EQ(bench.store_signals.size(), 1u);
      } else {
        EXPECT_LE(bench.load_signals.size(), 1u);
      }
      ASSERT_TRUE(bench.quiet());
      bench.Clear();
      bench.axi().ClearErrorRanges();
      Memories expected = bench.memories;
      const Box again = Straight(store, 960, 1000, 3000);
      uint64_t bytes = 0;
      Apply(again, expected, &bytes);
      bench.Push(again);
      ASSERT_NO_FATAL_FAILURE(bench.Drain());
      ASSERT_FALSE(bench.error);
      ASSERT_TRUE(bench.memories == expected) << bench.memories.Difference(expected);
    }
  }
}

TEST(Dma, FinishesWhatIsUnderWayWhenHalted) {
  for (uint64_t seed = 1; seed <= 100; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Bench bench(RandomOptions(seed));
    std::mt19937_64 random(seed);
    for (int i = 0; i < 4; ++i) {
      bench.Push(Straight(false, random() % 5000, 16384 + random() % 100, 4000));
      bench.Push(Straight(true, 10000 + random() % 1000, random() % 100, 4000));
    }
    for (uint64_t i = random() % 400; i > 0; --i) bench.Cycle();
    bench.Halt();
    do bench.Cycle();
    while (!bench.quiet());
    const uint64_t bursts = bench.axi().counts().read_bursts + bench.axi().counts().write_bursts;
    for (uint64_t i = random() % 50; i > 0; --i) {
      bench.Cycle();
      ASSERT_TRUE(bench.quiet());
    }
    if (!RandomOptions(seed).fetch) {
      ASSERT_EQ(bench.axi().counts().read_bursts + bench.axi().counts().write_bursts, bursts);
      ASSERT_EQ(bench.axi().outstanding(), 0u);
    }
    bench.Clear();  // reads of PE memory still under way would now disturb what follows
    Memories expected = bench.memories;
    uint64_t bytes = 0;
    for (const bool store : {false, true}) {
      const Box box = Straight(store, store ? 9001 : 3, 16384 * !store + 7, 3000);
      Apply(box, expected, &bytes);
      bench.Push(box);
    }
    ASSERT_NO_FATAL_FAILURE(bench.Drain());
    ASSERT_TRUE(bench.memories == expected) << bench.memories.Difference(expected);
  }
}

TEST(Dma, StagesAheadOfBarriers) {
  for (const bool ahead : {false, true}) {
    for (const bool core : {false, true}) {
      for (uint64_t seed = 1; seed <= 8; ++seed) {
        SCOPED_TRACE("seed " + std::to_string(seed));
        Bench::Options options = RandomOptions(300 + seed);
        options.fetch = true;  // must not be held up
        Bench bench(options);
        const Memories before = bench.memories;
        Memories expected = before;
        uint64_t bytes = 0;
        for (const bool second : {false, true}) {
          Box box = Straight(false, second ? 9000 : 0, 0, second ? 500 : 100 * kBus);
          box.core_memory = core != second;
          box.tag = second ? 8 : 7;
          box.ahead = ahead;
          box.waits[0] = {true, 5, second ? 2u : 1u};
          ASSERT_EQ(Apply(box, expected, &bytes), Error{});
          bench.Push(box);
        }
        for (int i = 0; i < 3000; ++i) bench.Cycle();
        EXPECT_EQ(bench.problem, "");
        EXPECT_TRUE(bench.memories == before);
        EXPECT_TRUE(bench.stalled());
        EXPECT_EQ(bench.waiting(), ahead);
        EXPECT_TRUE(bench.quiet()) << "the bus waits for a barrier";
        const uint64_t staged = bench.load_beats();
        const uint64_t room = core ? PARAM_ParameterBuffer : PARAM_ActivationBuffer;
        EXPECT_LE(staged, ahead ? room : 0);
        EXPECT_GE(staged, ahead ? room - PARAM_MaxBurst + 1 : 0);
        if (ahead) EXPECT_EQ(bench.waiting_tag(), 7u);
        EXPECT_TRUE(bench.load_signals.empty());
        bench.counts[5] = 1;
        for (int i = 0; i < 30000 && bench.load_signals.empty(); ++i) bench.Cycle();
        EXPECT_EQ(bench.load_signals.size(), 1u);
        for (int i = 0; i < 3000; ++i) bench.Cycle();
        EXPECT_TRUE(bench.stalled());
        if (ahead) EXPECT_EQ(bench.waiting_tag(), 8u);
        EXPECT_EQ(bench.load_signals.size(), 1u);
        EXPECT_FALSE(bench.memories == expected);
        bench.counts[5] = 2;
        ASSERT_NO_FATAL_FAILURE(bench.Drain());
        EXPECT_EQ(bench.load_signals.size(), 2u);
        EXPECT_TRUE(bench.memories == expected) << bench.memories.Difference(expected);
      }
    }
  }
}

// An error of a command that waits shows when its waits hold and all before it is written.
TEST(Dma, ReportsErrorsInOrderWhenAhead) {
  Bench bench(RandomOptions(400));
  Memories expected = bench.memories;
  uint64_t bytes = 0;
  Box good = Straight(false, 0, 0, 300);
  good.ahead = true;
  good.waits[0] = {true, 1, 1};
  ASSERT_EQ(Apply(good, expected, &bytes), Error{});
  Box bad = Straight(false, 100, kPeBytes - 10, 300);
  bad.ahead = true;
  bad.waits[1] = {true, 2, 1};
  bench.Push(good);
  bench.Push(bad);
  for (int i = 0; i < 3000; ++i) bench.Cycle();
  EXPECT_FALSE(bench.error);
  EXPECT_TRUE(bench.stalled());
  bench.counts[1] = 1;
  for (int i = 0; i < 3000; ++i) bench.Cycle();
  EXPECT_FALSE(bench.error);
  EXPECT_TRUE(bench.stalled());
  EXPECT_TRUE(bench.memories == expected) << bench.memories.Difference(expected);
  bench.counts[2] = 1;
  ASSERT_NO_FATAL_FAILURE(bench.Drain());
  ASSERT_TRUE(bench.error);
  EXPECT_EQ(bench.error->code, kLocalBounds);
}

// Cycles from the cycle in which the first command is taken to the last signal.
uint64_t Measure(Bench& bench, const std::vector<Box>& boxes, const char* what) {
  const uint64_t begin = bench.cycle;
  uint64_t bytes = 0;
  Memories expected = bench.memories;
  for (const Box& box : boxes) {
    EXPECT_EQ(Apply(box, expected, &bytes), Error{});
    bench.Push(box);
  }
  bench.Drain();
  EXPECT_TRUE(bench.memories == expected) << bench.memories.Difference(expected);
  const bool store = boxes[0].store;
  const uint64_t end = (store ? bench.store_signals : bench.load_signals).back().cycle;
  std::printf("  %-44s %7llu bytes in %5llu cycles, %.3f beats per cycle\n", what,
              static_cast<unsigned long long>(bytes), static_cast<unsigned long long>(end - begin),
              static_cast<double>(bytes) / kBus / (end - begin));
  return end - begin;
}

Bench::Options Fast(uint32_t latency) {
  Bench::Options options;
  options.axi.read_latency = options.axi.write_latency = latency;
  return options;
}

// Tensor copies of public semantics (Hopper's TMA), from a file beside the repository.

/// The walk over pixels of a copy in im2col mode.
void SetPixels(const nlohmann::json& copy, Box* box) {
  const int32_t bytes = copy["element"], channels = copy["channels"];
  const std::vector<int32_t> dim = copy["dim"], coord = copy["coord"], step = copy["step"],
                             stride = copy["stride"], lower = copy["lower"], upper = copy["upper"],
                             offset = copy["offset"];
  const size_t images = dim.size() - 1;
  box->pixels = true;
  box->size[0] = static_cast<uint32_t>(channels * bytes);
  box->size[1] = copy["pixels"];
  box->start[0] = coord[0] * bytes;
  box->extent[0] = dim[0] * bytes;
  box->local_stride[1] = channels * bytes;
  box->global_offset += static_cast<uint32_t>(coord[0] * bytes + coord[images] * stride[images]);
  int32_t back = 0;
  for (size_t d = 1; d < 4; ++d) {
    box->extent[d] = 1;
    if (d < images) {
      box->step[d] = step[d];
      box->extent[d] = dim[d];
      box->start[d] = coord[d] + offset[d - 1];
      box->low[d] = lower[d - 1] + offset[d - 1];
      box->high[d] = dim[d] + upper[d - 1] + offset[d - 1];
      box->global_stride[d] = step[d] * stride[d];
      box->global_offset += static_cast<uint32_t>(box->start[d] * stride[d]);
      back += (box->low[d] - box->start[d]) * stride[d];
    }
    box->back[d] = back;
  }
  box->start[4] = coord[images];
  box->extent[4] = dim[images];
  box->global_stride[4] = stride[images];
}

/// The box of a copy. A step in dimension 0 makes it one of single elements.
Box BoxOf(const nlohmann::json& copy) {
  Box box;
  box.store = copy["kind"] == "store";
  box.window = 0;
  box.bounds = true;
  const int32_t bytes = copy["element"];
  const uint32_t line = copy["swizzle"];
  while (line >> (4 + box.swizzle) > 1) ++box.swizzle;
  const std::vector<int32_t> dim = copy["dim"], size = copy.value("box", std::vector<int32_t>()),
                             coord = copy["coord"], step = copy["step"], stride = copy["stride"];
  const std::string fill = copy["fill"];
  uint32_t pattern = 0;
  for (size_t i = 0; i < fill.size(); i += 2) {
    pattern |= static_cast<uint32_t>(std::stoul(fill.substr(i, 2), nullptr, 16)) << (4 * i);
  }
  box.fill = static_cast<uint8_t>(pattern);
  box.fill_high = pattern >> 8;
  box.element = bytes == 1 ? 0 : bytes / 2;
  box.global_offset = copy["base"];
  if (copy["mode"] == "im2col") {
    SetPixels(copy, &box);
    return box;
  }
  for (size_t d = 0; d < dim.size(); ++d) {
    box.global_offset += static_cast<uint32_t>(coord[d] * stride[d]);
  }
  int32_t local = bytes;
  size_t out = 1, in = 0;  // dimensions
  if (step[0] == 1) {
    box.size[0] = size[0] * bytes;
    box.start[0] = coord[0] * bytes;
    box.extent[0] = dim[0] * bytes;
    local = size[0] * bytes;
    in = 1;
  } else {
    box.size[0] = box.extent[0] = bytes;
  }
  for (size_t d = 1; d < 5; ++d) box.extent[d] = 1;
  for (; in < dim.size(); ++in, ++out) {
    box.size[out] = (size[in] + step[in] - 1) / step[in];
    box.step[out] = step[in];
    box.start[out] = coord[in];
    box.extent[out] = dim[in];
    box.global_stride[out] = step[in] * stride[in];
    box.local_stride[out] = local;
    local *= static_cast<int32_t>(box.size[out]);
  }
  return box;
}

std::vector<uint8_t> BytesOf(const std::string& hex) {
  std::vector<uint8_t> bytes;
  for (size_t i = 0; i < hex.size(); i += 2) {
    bytes.push_back(static_cast<uint8_t>(std::stoul(hex.substr(i, 2), nullptr, 16)));
  }
  return bytes;
}

TEST(Dma, CopiesTensorsAsTmaDoes) {
  const char* folder = std::getenv("NPUGEN_SHARED_LINKS");
  if (folder == nullptr) {
    GTEST_SKIP() << "the copies that TMA made are reference data that is not part of the project: "
                    "NPUGEN_SHARED_LINKS names the folder that has them";
  }
  std::ifstream file(std::string(folder) + "/tma/cases.json");
  const nlohmann::json cases = nlohmann::json::parse(file);
  int copied = 0;
  for (const nlohmann::json& copy : cases) {
    if (copy["kind"] == "reduce") continue;
    SCOPED_TRACE(copy["name"].get<std::string>());
    Bench bench(RandomOptions(600 + copied));
    const Box box = BoxOf(copy);
    const std::vector<uint8_t> memory = BytesOf(copy["memory"]), local = BytesOf(copy["local"]);
    uint8_t* window = bench.memories.bus.data() + (kWindows[0].base - kBase);
    ASSERT_LE(memory.size(), kWindows[0].size);
    std::copy(memory.begin(), memory.end(), window);
    if (box.store) std::copy(local.begin(), local.end(), bench.memories.pe[0].begin());
    Memories expected = bench.memories;
    const std::vector<uint8_t> result = BytesOf(copy[box.store ? "after" : "local"]);
    std::copy(result.begin(), result.end(),
              box.store ? expected.bus.begin() + static_cast<ptrdiff_t>(kWindows[0].base - kBase)
                        : expected.pe[0].begin());
    bench.Push(box);
    ASSERT_NO_FATAL_FAILURE(bench.Drain());
    ASSERT_FALSE(bench.error) << ::testing::PrintToString(*bench.error);
    ASSERT_TRUE(bench.memories == expected) << bench.memories.Difference(expected);
    if (!box.store) ASSERT_EQ(result.size(), copy["bytes"].get<size_t>());
    ++copied;
  }
  EXPECT_EQ(copied, 36);
}

// Faults that DMA engines have had.

// Read and write sides that split a copy at different places must not wait for each other.
TEST(Dma, SplitsBothSidesApart) {
  for (uint64_t seed = 1; seed <= 6; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Bench bench(RandomOptions(500 + seed));
    std::mt19937_64 random(seed);
    for (const bool store : {false, true}) {
      Memories expected = bench.memories;
      for (uint32_t i = 0; i < 16; ++i) {
        // Both sides around a page of the bus and around the end of a burst.
        const uint32_t page = 4096 - kWindows[1].base % 4096;
        const uint32_t bytes = 1 + static_cast<uint32_t>(random() % 3) * PARAM_MaxBurst * kBus +
                               static_cast<uint32_t>(random() % (2 * kBus));
        const Box box = Straight(store, page - static_cast<uint32_t>(random() % (2 * kBus)),
                                 static_cast<uint32_t>(random() % 8000), bytes);
        uint64_t moved = 0;
        ASSERT_EQ(Apply(box, expected, &moved), Error{});
        bench.Push(box);
      }
      ASSERT_NO_FATAL_FAILURE(bench.Drain());
      ASSERT_TRUE(bench.memories == expected) << bench.memories.Difference(expected);
    }
  }
}

// A run of no bytes is refused and touches nothing.
TEST(Dma, RefusesEmptyRuns) {
  for (const bool store : {false, true}) {
    Bench bench(RandomOptions(510));
    const Memories before = bench.memories;
    Box box = Straight(store, 100, 200, 0);
    box.size[1] = 7;
    bench.Push(box);
    ASSERT_NO_FATAL_FAILURE(bench.Drain());
    ASSERT_TRUE(bench.error);
    EXPECT_EQ(*bench.error, (Error{kBadField, 77, 0}));
    EXPECT_TRUE(bench.memories == before);
    EXPECT_EQ(bench.first_write, 0u);
    EXPECT_EQ(bench.load_beats(), 0u);
  }
}

// More is read than the staging buffer has room for, while memory hardly takes a word.
TEST(Dma, KeepsBeatsThatHaveNoRoom) {
  for (const bool core : {false, true}) {
    Bench::Options options;
    options.axi.read_latency = 3;
    options.write_stall = 97;
    options.fetch = true;
    Bench bench(options);
    Memories expected = bench.memories;
    Box box = Straight(false, 5, 3, kBus);
    box.core_memory = core;
    box.size[1] = 4 * std::min<uint32_t>(kOutstanding, 64);
    box.global_stride[1] = box.local_stride[1] = kBus + 1;
    Box run = Straight(false, 1, 2, (PARAM_ParameterBuffer + PARAM_ActivationBuffer) * kBus);
    run.size[0] = std::min<uint32_t>(run.size[0], 8000);
    run.core_memory = core;
    uint64_t bytes = 0;
    ASSERT_EQ(Apply(box, expected, &bytes), Error{});
    ASSERT_EQ(Apply(run, expected, &bytes), Error{});
    bench.Push(box);
    bench.Push(run);
    ASSERT_NO_FATAL_FAILURE(bench.Drain());
    ASSERT_FALSE(bench.error);
    ASSERT_TRUE(bench.memories == expected) << bench.memories.Difference(expected);
  }
}

// A burst fails with as many others under way as there can be.
TEST(Dma, EndsBurstsBehindAnError) {
  for (const bool store : {false, true}) {
    for (uint32_t failing = 0; failing < 2 * kOutstanding; failing += 1 + kOutstanding / 8) {
      SCOPED_TRACE("burst " + std::to_string(failing));
      Bench::Options options;
      options.axi.read_latency = options.axi.write_latency = 80;
      Bench bench(options);
      Box box = Straight(store, 0, 0, kBus);
      box.size[1] = 150;
      box.global_stride[1] = box.local_stride[1] = 128;
      bench.axi().AddErrorRange(kWindows[1].base + 128 * failing, 1, AxiResponseCode::kSlaveError);
      bench.Push(box);
      uint32_t most = 0;
      for (int i = 0; i < 100000 && !bench.error; ++i) {
        bench.Cycle();
        most = std::max<uint32_t>(most, bench.axi().outstanding());
      }
      ASSERT_NO_FATAL_FAILURE(bench.Drain());
      ASSERT_TRUE(bench.error);
      EXPECT_EQ(bench.error->code, store ? kAxiWrite : kAxiRead);
      EXPECT_EQ(bench.error->address, (kWindows[1].base + 128 * failing) / kBus * kBus);
      EXPECT_GE(most, std::min(kOutstanding, 64u) - 2);
      EXPECT_EQ(bench.axi().outstanding(), 0u);
      bench.Clear();
      bench.axi().ClearErrorRanges();
      Memories expected = bench.memories;
      uint64_t bytes = 0;
      ASSERT_EQ(Apply(box, expected, &bytes), Error{});
      bench.Push(box);
      ASSERT_NO_FATAL_FAILURE(bench.Drain());
      ASSERT_FALSE(bench.error);
      ASSERT_TRUE(bench.memories == expected) << bench.memories.Difference(expected);
    }
  }
}

// Beats of short runs come as fast as the number of bursts under way lets them.
TEST(Dma, ReachesTheRateOfShortRuns) {
  for (const bool store : {false, true}) {
    for (const uint32_t latency : {50u, 100u, 200u}) {
      for (const uint32_t run : {4u, 16u, 32u, 64u, 128u, 512u}) {
        for (const uint32_t low : {0u, 1u}) {
          Bench bench(Fast(latency));
          Box box = Straight(store, low, 0, run);
          // The first byte stands at the beginning of a beat, or behind it.
          box.global_offset += kBus - kWindows[1].base % kBus;
          const uint32_t step = (run + kBus - 1) / kBus * kBus + kBus;
          const double beats = (run + low + kBus - 1) / kBus;
          box.size[1] = std::min(16000 / step, 128u);  // repeated over the same bytes
          box.size[2] = 1 + static_cast<uint32_t>(50 * kOutstanding / (box.size[1] * beats));
          box.global_stride[1] = box.local_stride[1] = static_cast<int32_t>(step);
          Memories expected = bench.memories;
          uint64_t bytes = 0;
          ASSERT_EQ(Apply(box, expected, &bytes), Error{});
          const uint64_t begin = bench.cycle;
          bench.Push(box);
          ASSERT_NO_FATAL_FAILURE(bench.Drain());
          ASSERT_TRUE(bench.memories == expected) << bench.memories.Difference(expected);
          const uint64_t cycles = bench.cycle - begin - latency;
          const double rate = box.size[1] * box.size[2] * beats / cycles;
          // A long run is several bursts.
          const double burst = beats / std::ceil(beats / PARAM_MaxBurst);
          const double law = std::min(1.0, kOutstanding * burst / (latency + 8));
          std::printf("  %s latency %3u, runs of %3u bytes%s: %.3f beats per cycle, law %.3f\n",
                      store ? "store" : "load", latency, run, low ? ", unaligned" : "", rate, law);
          // Of a run that is several bursts the last one is short, and with few under way the
          // cycles between a burst's end and the next address count.
          const bool even = kOutstanding >= 16 && beats <= PARAM_MaxBurst;
          EXPECT_GE(rate, (even ? 0.95 : 0.85) * law);
        }
      }
    }
  }
}

// Boxes of 4 KiB and more, one behind the other, are transposed as fast as their pieces, a beat
// each, can be read.
TEST(Dma, ReachesTheBusRateTransposed) {
  for (const uint32_t latency : {1u, 50u, 100u}) {
    for (const uint32_t element : {0u, 1u, 2u}) {
      for (const uint32_t rows : {64u, 128u}) {
        Bench bench(Fast(latency));
        Box box = Straight(false, 0, 0, rows);
        box.global_offset += kBus - kWindows[1].base % kBus;
        box.transpose = true;
        box.element = element;
        box.size[1] = rows >> element;
        box.size[2] = 1u << element;
        box.global_stride[1] = static_cast<int32_t>(rows);
        box.global_stride[2] = static_cast<int32_t>(rows * box.size[1]);
        box.local_stride[1] = static_cast<int32_t>(rows);
        box.local_stride[2] = static_cast<int32_t>(rows * (rows >> element));
        const uint32_t boxes = 65536 / (rows * rows);
        Memories expected = bench.memories;
        uint64_t bytes = 0;
        for (uint32_t i = 0; i < boxes; ++i) {
          ASSERT_EQ(Apply(box, expected, &bytes), Error{});
          bench.Push(box);
        }
        const uint64_t begin = bench.cycle;
        ASSERT_NO_FATAL_FAILURE(bench.Drain());
        ASSERT_TRUE(bench.memories == expected) << bench.memories.Difference(expected);
        const double rate = static_cast<double>(bytes) / kBus / (bench.cycle - begin - latency);
        const double law = std::min(1.0, kOutstanding * 1.0 / (latency + 8));
        std::printf(
            "  latency %3u, elements of %u, %3u x %3u bytes: %.3f beats per cycle, law %.3f\n",
            latency, 1u << element, rows >> element, rows, rate, law);
        EXPECT_GE(rate, 0.95 * law);
      }
    }
  }
}

TEST(Dma, ReachesTheBusRate) {
  constexpr bool kEnoughOutstanding = kOutstanding >= 8;  // times 32 beats
  const uint32_t beats = 16384 / kBus;
  const uint64_t limit = beats * 115 / 100 + 150;
  {
    Bench bench(Fast(100));
    const uint64_t cycles =
        Measure(bench, {Straight(false, 0, 0, 16384)}, "load, aligned, latency 100");
    std::printf("  load: command taken -> first AR %llu cycles, last R -> signal %llu cycles\n",
                static_cast<unsigned long long>(bench.first_read - bench.load_taken),
                static_cast<unsigned long long>(bench.load_signals.back().cycle - bench.last_read));
    if (kEnoughOutstanding) {
      EXPECT_LT(cycles, limit);
    }
  }
  {
    Bench bench(Fast(100));
    const uint64_t cycles =
        Measure(bench, {Straight(false, 3, 5, 16384)}, "load, unaligned, latency 100");
    if (kEnoughOutstanding) {
      EXPECT_LT(cycles, limit);
    }
  }
  {
    Bench bench(Fast(100));
    const uint64_t cycles =
        Measure(bench, {Straight(true, 3, 5, 16384)}, "store, unaligned, latency 100");
    std::printf(
        "  store: command taken -> first AW %llu cycles, last B -> signal %llu cycles\n",
        static_cast<unsigned long long>(bench.first_write - bench.store_taken),
        static_cast<unsigned long long>(bench.store_signals.back().cycle - bench.last_answer));
    if (kEnoughOutstanding) {
      EXPECT_LT(cycles, limit);
    }
  }
  {
    Bench bench(Fast(100));
    Box box = Straight(false, 3, 16384, 15000);
    box.local_source = true;
    EXPECT_LT(Measure(bench, {box}, "local copy, unaligned"), 15000 / kBus * 115 / 100 + 50);
  }
  {
    // 512 runs of one beat from PE memory: bound by the engine alone.
    Bench bench(Fast(100));
    Box box = Straight(false, 0, 16384, kBus);
    box.local_source = true;
    box.size[1] = 128;
    box.global_stride[1] = 64;
    box.local_stride[1] = kBus;
    EXPECT_LT(Measure(bench, {box}, "local copy, 128 runs of one beat, aligned"), 128u * 2 + 50);
  }
  {
    Bench bench(Fast(50));
    Box box = Straight(false, 1, 0, kBus);
    box.size[1] = 128;
    box.global_stride[1] = 100;
    box.local_stride[1] = kBus;
    Measure(bench, {box}, "load, 128 runs of one beat, unaligned");
  }
  {
    // Small commands overlap: far less than a latency each.
    Bench bench(Fast(50));
    std::vector<Box> boxes;
    for (uint32_t i = 0; i < 32; ++i) boxes.push_back(Straight(false, 256 * i, 128 * i, 2 * kBus));
    const uint64_t cycles = Measure(bench, boxes, "load, 32 commands of two beats, latency 50");
    if (kEnoughOutstanding) {
      EXPECT_LT(cycles, 32u * 20 + 100);
    }
  }
  {
    Bench bench(Fast(50));
    std::vector<Box> boxes;
    for (uint32_t i = 0; i < 32; ++i) boxes.push_back(Straight(true, 256 * i, 128 * i, 2 * kBus));
    const uint64_t cycles = Measure(bench, boxes, "store, 32 commands of two beats, latency 50");
    if (kEnoughOutstanding) {
      EXPECT_LT(cycles, 32u * 20 + 100);
    }
  }
}

}  // namespace
}  // namespace npugen

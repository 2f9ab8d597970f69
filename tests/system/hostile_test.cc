// SPDX-License-Identifier: Apache-2.0
// Hostile streams on RTL and on the functional model: how a job ends, and what all memories hold.
// NPUGEN_STREAMS is the number of streams on each NPU (`make test-streams`: 4,000);
// NPUGEN_STREAM_SEED runs the one with this number alone.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <map>

#include "generator/config/load.h"
#include "npu_registers.h"
#include "sw/compiler/compiler.h"
#include "sw/model/channel_order.h"
#include "sw/model/packed_reader.h"
#include "sw/model/tflite_reader.h"
#include "sw/stream/stream_decoder.h"
#include "tests/support/access_log.h"
#include "tests/support/packed_network.h"
#include "tests/system/hostile_streams.h"
#include "tests/system/simulation.h"
#include "verif/functional/functional_model.h"
#include "verif/golden/golden_model.h"
#include "verif/random/random_model.h"

namespace npugen::testing {
namespace {

constexpr uint64_t kMemoryBytes = uint64_t{2} << 20;
constexpr uint64_t kWindowPitch = uint64_t{128} << 10;  ///< from window to window of a hostile job
constexpr uint64_t kOwnWindows = uint64_t{1} << 20;     ///< offset of those of the test itself
constexpr uint64_t kMostCycles = 3'000'000;             ///< of a job that the model ends
constexpr uint64_t kCyclesOfEndless = 2'000;            ///< of a job that it does not
constexpr uint64_t kMostWork = 60'000;  ///< bytes that it touches before it gives up
constexpr uint64_t kEvents = 50'000;    ///< of a job, bus bursts among them
constexpr int kStreamsOfAnNpu = 200;    ///< then comes one just after power-up

/// Small NPUs.
struct Shape {
  const char* name;
  const char* text;
};
const Shape kShapes[] = {
    {"plain",
     "npu: {grid: {x: 1, y: 1}, axi: {data_width: 64, outstanding: 4}, command_queue: 2}\n"
     "pe: {memory: 8 KiB, banks: 4, bank_width: 8, cores: 1}\n"
     "core: {memory: 4 KiB, banks: 2, bank_width: 8, lanes: 4, accumulators: 16}\n"
     "lane: {simd: 4}\n"
     "controller: {instruction_memory: 64, parameter_buffer: 16, activation_buffer: 16}\n"
     "units: {postprocess_width: 4, lookup_ports: 1, window_ports: 1}\n"},
    {"bits",
     "npu: {grid: {x: 1, y: 1}, axi: {data_width: 64, outstanding: 4}, command_queue: 2}\n"
     "pe: {memory: 8 KiB, banks: 4, bank_width: 8, cores: 1}\n"
     "core: {memory: 4 KiB, banks: 2, bank_width: 8, lanes: 4, accumulators: 16}\n"
     "lane: {simd: 4}\n"
     "controller: {instruction_memory: 64, parameter_buffer: 16, activation_buffer: 16}\n"
     "units: {bnn: {enabled: true, skip_window: 4}, postprocess_width: 4, lookup_ports: 1, "
     "window_ports: 2}\n"},
    {"two",
     "npu: {grid: {x: 2, y: 1}, axi: {data_width: 32, address_width: 32, outstanding: 4}, "
     "command_queue: 2}\n"
     "pe: {memory: 8 KiB, banks: 4, bank_width: 8, cores: 2}\n"
     "core: {memory: 4 KiB, banks: 2, bank_width: 8, lanes: 3, accumulators: 5}\n"
     "lane: {simd: 5}\n"
     "controller: {instruction_memory: 64, parameter_buffer: 16, activation_buffer: 16}\n"
     "units: {postprocess_width: 2, lookup_ports: 1, residual: true}\n"},
    {"boxes",
     "npu: {grid: {x: 1, y: 1}, axi: {data_width: 256, outstanding: 32}, command_queue: 2}\n"
     "pe: {memory: 8 KiB, banks: 4, bank_width: 32, cores: 1}\n"
     "core: {memory: 4 KiB, banks: 2, bank_width: 16, lanes: 4, accumulators: 16}\n"
     "lane: {simd: 4}\n"
     "controller: {instruction_memory: 64, parameter_buffer: 16, activation_buffer: 16}\n"
     "units: {dma: {strides: true, store_bounds: true, wide_fill: true, im2col: true, "
     "swizzle: true, transpose: true}, postprocess_width: 4, "
     "lookup_ports: 1, window_ports: 1}\n"},
    {"floats",
     "npu: {grid: {x: 1, y: 1}, axi: {data_width: 64, outstanding: 4}, command_queue: 2}\n"
     "pe: {memory: 8 KiB, banks: 4, bank_width: 8, cores: 2}\n"
     "core: {memory: 4 KiB, banks: 2, bank_width: 16, lanes: 5, accumulators: 3}\n"
     "lane: {simd: 6}\n"
     "controller: {instruction_memory: 64, parameter_buffer: 16, activation_buffer: 16}\n"
     "units: {data_types: [int8, bf16, fp8_e4m3, fp8_e5m2], residual: true, vector_lanes: 4, "
     "postprocess_width: 8, lookup_ports: 1, window_ports: 2}\n"},
};

Command Make(Opcode opcode, uint32_t entries,
             const std::vector<std::pair<const char*, int64_t>>& fields) {
  Command command(opcode, entries, 1);
  for (const auto& [name, value] : fields) {
    const CommandField* field = FindField(opcode, name);
    EXPECT_TRUE(field != nullptr && command.Set(*field, value)) << name;
  }
  return command;
}

/// Reads the weights of all cores of a PE: a MATMUL of vectors with a single 1, a group for each
/// row, without bias or scale.
class WeightReader {
 public:
  WeightReader(const NpuConfig& config, bool last) : config_(config), last_(last) {}

  int64_t out_base() const { return int64_t{config_.simd} * config_.simd; }
  int64_t out_bytes() const { return int64_t{config_.simd} * groups() * channels(); }

  /// The vectors, and a record of no bias.
  void WriteSource(uint8_t* source) const {
    std::fill_n(source, out_base() + config_.core_row_bytes(), uint8_t{0});
    for (uint32_t i = 0; i < config_.simd; ++i) source[i * config_.simd + i] = 1;
  }
  /// Commands for a PE; `offset` is that of the source in window 2.
  void Append(uint32_t pe, int64_t offset, std::vector<Command>* commands) const {
    EXPECT_LE(slice_bytes(), config_.core_row_bytes());
    EXPECT_LE(out_base() + out_bytes(), int64_t{config_.pe_memory_bytes});
    const int64_t record = last_ ? groups() : 0;
    commands->push_back(Make(
        Opcode::kLoad, 3,
        {{"window", 2}, {"global_offset", offset}, {"pe_mask", 1 << pe}, {"size0", out_base()}}));
    commands->push_back(Make(Opcode::kLoad, 3,
                             {{"window", 2},
                              {"global_offset", offset + out_base()},
                              {"pe_mask", 1 << pe},
                              {"core_memory", 1},
                              {"core_mask", (1 << config_.cores) - 1},
                              {"local_address", record * config_.core_row_bytes()},
                              {"size0", config_.core_row_bytes()}}));
    commands->emplace_back(Opcode::kFence, 1, 0);
    commands->push_back(Make(Opcode::kMatmul, 10,
                             {{"pe_mask", 1 << pe},
                              {"acc_init", 1},
                              {"drain", 1},
                              {"act_min", -128},
                              {"act_max", 127},
                              {"out_w", config_.simd},
                              {"positions", config_.simd},
                              {"x_step", config_.simd},
                              {"row_bytes", out_base()},
                              {"in_h", 1},
                              {"k0_count", 1},
                              {"k1_count", 1},
                              {"k2_count", 1},
                              {"groups", groups()},
                              {"group_channels", channels()},
                              {"channels", groups() * channels()},
                              {"common_scale", 1},
                              {"out_multiplier", int64_t{1} << 30},
                              {"out_shift", 1},
                              {"weight_row", last_ ? 0 : 1},
                              {"weight_group_rows", 1},
                              {"param_row", record},
                              {"out_base", out_base()},
                              {"out_x_step", groups() * channels()},
                              {"out_group_step", channels()}}));
  }
  /// Weights out of what was stored into the memories of the PE's cores; core 0 is read otherwise.
  void Take(const uint8_t* stored, std::span<std::vector<uint8_t>> cores) const {
    for (int64_t group = 0; group < groups(); ++group) {
      const int64_t row = (last_ ? group : group + 1) * config_.core_row_bytes();
      for (uint32_t channel = config_.lanes; channel < channels(); ++channel) {
        uint8_t* weights =
            &cores[channel / config_.lanes]
                  [static_cast<size_t>(row + channel % config_.lanes * config_.simd)];
        for (uint32_t i = 0; i < config_.simd; ++i) {
          weights[i] = stored[(i * groups() + group) * channels() + channel];
        }
      }
    }
  }

 private:
  int64_t groups() const { return config_.core_rows() - 1; }
  int64_t channels() const { return int64_t{config_.cores} * config_.lanes; }
  int64_t slice_bytes() const { return int64_t{config_.lanes} * config_.simd; }

  const NpuConfig& config_;
  const bool last_;  ///< the record takes the place of the last row, not of the first
};

struct Network {
  std::string name;
  Program program;
  std::vector<Command> commands;
  std::vector<std::vector<uint8_t>> inputs;
  std::vector<std::vector<uint8_t>> outputs;
};

/// How a job ended.
struct Ending {
  bool ended = false;
  uint32_t code = 0, engine = 0, tag = 0;
  uint64_t address = 0;
  std::string Text() const {
    if (!ended) return "goes on";
    if (code == 0) return "done";
    return fmt::format("{} of engine {}, tag {}, address 0x{:x}", AllHardwareErrors()[code].name,
                       engine, tag, address);
  }
};

class HostileTest : public ::testing::TestWithParam<Shape> {
 protected:
  void SetUp() override {
    config_ = TextConfig(fmt::format("hostile_{}", GetParam().name), GetParam().text);
    library_ = ModelLibrary(config_, true);
    for (int type = 0; type <= static_cast<int>(OperatorType::kSoftmax); ++type) {
      for (uint64_t seed = 1; seed <= 4; ++seed) {
        const RandomModel random = MakeRandomOperator(static_cast<OperatorType>(type), seed);
        Add(random.name, ReadTflite(random.tflite, random.name));
      }
    }
    for (uint64_t seed = 1; seed <= 20; ++seed) {
      const RandomModel random = MakeRandomMixedNetwork(seed);
      Add(random.name, ReadTflite(random.tflite, random.name));
    }
    for (uint64_t seed = 1; config_.bnn_enabled != 0 && seed <= 60; ++seed) {
      const PackedNetwork packed = MakePackedNetwork(seed);
      Result<Model> model = ReadPacked(packed.json.dump(), packed.weights, "net.json");
      ASSERT_TRUE(model.ok()) << ErrorText(model);
      *model = OrderChannels(std::move(*model));
      Add(fmt::format("bits_{}", seed), model);
    }
    ASSERT_GE(networks_.size(), 30u) << "most networks fit";
    for (uint32_t i = 0; i < config_.pes(); ++i) sizes_.push_back(config_.pe_memory_bytes);
    for (uint32_t i = 0; i < config_.pes() * config_.cores; ++i) {
      sizes_.push_back(config_.core_memory_bytes);
    }
  }

  void Add(const std::string& name, const Result<Model>& model) {
    ASSERT_TRUE(model.ok()) << ErrorText(model);
    const Result<Program> program = Compile(*model, config_);
    if (!program || program->image.size() > kWindowPitch / 2 ||
        program->scratch_bytes > kWindowPitch / 2 || program->input_bytes > kWindowPitch / 2 ||
        program->output_bytes > kWindowPitch / 2) {
      return;
    }
    Network network;
    network.name = name;
    network.program = *program;
    network.commands = DecodeStream(config_, program->image, program->cold_offset).commands;
    if (network.commands.size() > 60) return;
    network.inputs = MakeRandomInputs(*model, 1);
    const Result<TensorBytes> golden = RunGolden(*model, network.inputs);
    ASSERT_TRUE(golden.ok()) << ErrorText(golden);
    for (const ProgramTensor& tensor : program->outputs) {
      network.outputs.push_back((*golden)[static_cast<size_t>(tensor.tensor)]);
    }
    networks_.push_back(std::move(network));
  }

  // ---- The NPU ----

  void PowerUp(uint64_t seed) {
    SimulationOptions options;
    options.memory_bytes = kMemoryBytes;
    StreamRandom random(seed + 77);
    options.latency = 1 + static_cast<uint32_t>(random.Below(40));
    options.stalls = random.Chance(2) ? 0.1 : 0;
    options.stall_seed = random.Word();
    options.interleave = random.Chance(2);
    options.power_up_seed = random.Word() | 1;
    cycles_ += npu_ ? npu_->Cycles() : 0;
    Result<std::unique_ptr<SimulatedNpu>> npu = SimulatedNpu::Open(library_, options);
    ASSERT_TRUE(npu.ok()) << ErrorText(npu);
    npu_ = std::move(*npu);
  }

  uint8_t* Memory(uint64_t address) {
    return npu_->Memory().data() + (address - npu_->MemoryBase());
  }

  Ending Run(const Windows& windows, uint32_t doorbell, uint64_t cycles) {
    WriteWindows(windows, npu_.get());
    npu_->WriteRegister(NPU_REG_IRQ_STATUS_OFFSET, 3);
    npu_->WriteRegister(NPU_REG_IRQ_ENABLE_OFFSET, 3);
    npu_->WriteRegister(NPU_REG_DOORBELL_OFFSET, doorbell);
    npu_->RunUntilInterrupt(cycles);
    const uint32_t status = npu_->ReadRegister(NPU_REG_STATUS_OFFSET);
    const uint32_t info = npu_->ReadRegister(NPU_REG_ERROR_INFO_OFFSET);
    npu_->WriteRegister(NPU_REG_IRQ_STATUS_OFFSET, 3);
    Ending ending;
    ending.ended = (status & (NPU_STATUS_DONE_MASK | NPU_STATUS_ERROR_MASK)) != 0;
    if ((status & NPU_STATUS_ERROR_MASK) != 0) {
      ending.code = info & 0xff;
      ending.engine = info >> 8 & 0xf;
      ending.tag = info >> 16;
      ending.address = npu_->ReadRegister(NPU_REG_ERROR_ADDRESS_LO_OFFSET) |
                       uint64_t{npu_->ReadRegister(NPU_REG_ERROR_ADDRESS_HI_OFFSET)} << 32;
      EXPECT_NE(ending.code, 0u);
    }
    return ending;
  }

  void Reset() {
    npu_->WriteRegister(NPU_REG_CONTROL_OFFSET, 1);
    constexpr uint32_t kBusy =
        NPU_STATUS_RESETTING_MASK | NPU_STATUS_BUSY_MASK | NPU_STATUS_ERROR_MASK;
    for (int i = 0; i < 20'000; ++i) {
      if ((npu_->ReadRegister(NPU_REG_STATUS_OFFSET) & kBusy) == 0) return;
    }
    ADD_FAILURE() << "the reset does not end";
  }

  Command Load(int64_t pe, int64_t offset, int64_t bytes) const {
    return Make(Opcode::kLoad, 3,
                {{"window", 2}, {"global_offset", offset}, {"pe_mask", 1 << pe}, {"size0", bytes}});
  }

  /// Windows of the test's own jobs: a stream, nothing, what to load, what is stored.
  Windows OwnWindows() const {
    const uint64_t base = npu_->MemoryBase() + kOwnWindows;
    return {JobWindow{base, 0x10000, 1}, JobWindow{base + 0x10000, 0, 0},
            JobWindow{base + 0x20000, 0x20000, 1}, JobWindow{base + 0x40000, 0x20000, 2}};
  }
  void RunOwn(std::vector<Command> commands) {
    commands.emplace_back(Opcode::kEnd, 1, 0);
    const std::vector<uint8_t> stream = StreamBytes(config_, commands);
    const Windows windows = OwnWindows();
    std::copy(stream.begin(), stream.end(), Memory(windows[0].base));
    const Ending ending = Run(windows, 0, kMostCycles);
    EXPECT_EQ(ending.Text(), "done") << "the next job";
  }

  /// Fills all memories of the NPU.
  void Fill(const std::vector<std::vector<uint8_t>>& memories) {
    std::vector<Command> commands;
    int64_t offset = 0;
    uint8_t* source = Memory(OwnWindows()[2].base);
    for (size_t i = 0; i < memories.size(); ++i) {
      const int64_t bytes = static_cast<int64_t>(memories[i].size());
      std::copy(memories[i].begin(), memories[i].end(), source + offset);
      const size_t core = i - config_.pes();
      const bool is_core = i >= config_.pes();
      commands.push_back(
          Load(static_cast<int64_t>(is_core ? core / config_.cores : i), offset, bytes));
      if (is_core) {
        EXPECT_TRUE(commands.back().Set(dma::core_memory, 1) &&
                    commands.back().Set(dma::core_mask, 1 << core % config_.cores));
      }
      offset += bytes;
    }
    RunOwn(std::move(commands));
  }

  /// PE memories, core 0 of each PE, and of its other cores all weights but those of the first or
  /// last row (where `last`), which what reads them takes. `unread` gives what is not read.
  std::vector<std::vector<uint8_t>> ReadMemories(const std::vector<std::vector<uint8_t>>& unread,
                                                 bool last) {
    std::vector<Command> commands;
    int64_t offset = 0;
    const auto store = [&](uint32_t pe, int64_t address, int64_t bytes) {
      commands.push_back(Make(Opcode::kStore, 3,
                              {{"window", 3},
                               {"global_offset", offset},
                               {"pe_mask", 1 << pe},
                               {"local_address", address},
                               {"size0", bytes}}));
      offset += bytes;
    };
    for (uint32_t pe = 0; pe < config_.pes(); ++pe) store(pe, 0, config_.pe_memory_bytes);
    commands.emplace_back(Opcode::kFence, 1, 0);
    // Core memory by look-ups of all 256 bytes of tables.
    uint8_t* identity = Memory(OwnWindows()[2].base);
    for (int i = 0; i < 256; ++i) identity[i] = static_cast<uint8_t>(i);
    const uint32_t tables = config_.core_memory_bytes / 256;
    for (uint32_t pe = 0; pe < config_.pes(); ++pe) {
      commands.push_back(Load(pe, 0, 256));
      commands.emplace_back(Opcode::kFence, 1, 0);
      for (uint32_t table = 0; table < tables; ++table) {
        const uint32_t vectors = 256 / config_.post_width;
        commands.push_back(Make(Opcode::kLookup, 10,
                                {{"pe_mask", 1 << pe},
                                 {"row_bytes", 256},
                                 {"out_w", vectors},
                                 {"positions", vectors},
                                 {"b_base", 256 / config_.core_row_bytes() * table},
                                 {"out_base", 256 + 256 * table}}));
      }
      commands.emplace_back(Opcode::kFence, 1, 0);
      store(pe, 256, config_.core_memory_bytes);
    }
    const WeightReader reader(config_, last);
    if (config_.cores > 1) {
      reader.WriteSource(identity + 256);
      for (uint32_t pe = 0; pe < config_.pes(); ++pe) {
        reader.Append(pe, 256, &commands);
        commands.emplace_back(Opcode::kFence, 1, 0);
        store(pe, reader.out_base(), reader.out_bytes());
        commands.emplace_back(Opcode::kFence, 1, 0);
      }
    }
    RunOwn(std::move(commands));
    std::vector<std::vector<uint8_t>> memories = unread;
    const uint8_t* stored = Memory(OwnWindows()[3].base);
    for (uint32_t pe = 0; pe < config_.pes(); ++pe, stored += config_.pe_memory_bytes) {
      memories[pe].assign(stored, stored + config_.pe_memory_bytes);
    }
    for (uint32_t pe = 0; pe < config_.pes(); ++pe, stored += config_.core_memory_bytes) {
      memories[config_.pes() + pe * config_.cores].assign(stored,
                                                          stored + config_.core_memory_bytes);
    }
    for (uint32_t pe = 0; config_.cores > 1 && pe < config_.pes(); ++pe) {
      reader.Take(stored, std::span(memories).subspan(config_.pes() + pe * config_.cores));
      stored += reader.out_bytes();
    }
    return memories;
  }

  /// A network right after.
  void RunGood(const Network& network) {
    Windows windows;
    const uint32_t sizes[] = {static_cast<uint32_t>(network.program.image.size()),
                              network.program.scratch_bytes, network.program.input_bytes,
                              network.program.output_bytes};
    for (uint32_t i = 0; i < kWindowCount; ++i) {
      windows[i] = {npu_->MemoryBase() + i * kWindowPitch, sizes[i], i % 2 == 0 ? 1u : 3u};
    }
    PlaceNetwork(network, windows);
    std::copy(network.program.image.begin(), network.program.image.end(), Memory(windows[0].base));
    EXPECT_EQ(Run(windows, network.program.cold_offset, kMostCycles).Text(), "done")
        << network.name;
    for (size_t i = 0; i < network.outputs.size(); ++i) {
      const ProgramTensor& tensor = network.program.outputs[i];
      EXPECT_EQ(std::memcmp(Memory(windows[3].base) + tensor.offset, network.outputs[i].data(),
                            tensor.bytes),
                0)
          << network.name << " after hostile jobs";
    }
  }
  void PlaceNetwork(const Network& network, const Windows& windows) {
    for (size_t i = 0; i < network.inputs.size(); ++i) {
      std::copy(network.inputs[i].begin(), network.inputs[i].end(),
                Memory(windows[2].base) + network.program.inputs[i].offset);
    }
  }

  /// All bursts of the last job touch windows that permit it.
  void CheckBursts(const Windows& windows, const Timeline& timeline) {
    const uint64_t bus = config_.axi_bytes();
    for (const TimelineEvent& event : timeline.events) {
      if (event.kind != TimelineEvent::Kind::kRead && event.kind != TimelineEvent::Kind::kWrite) {
        continue;
      }
      const bool write = event.kind == TimelineEvent::Kind::kWrite;
      bool inside = false;
      for (const JobWindow& window : windows) {
        const uint64_t begin = window.base / bus * bus;
        const uint64_t end = (window.base + window.size + bus - 1) / bus * bus;
        inside |= (window.flags & (write ? 2 : 1)) != 0 && window.size != 0 &&
                  event.address >= begin && event.address + event.amount <= end;
      }
      EXPECT_TRUE(inside) << (write ? "write" : "read") << " of " << event.amount << " bytes at 0x"
                          << std::hex << event.address;
    }
  }

  /// One hostile job: `commands`, or a stream that the seed makes if there are none.
  void RunCase(uint64_t seed, bool verbose, const std::vector<Command>& commands = {});

  NpuConfig config_;
  std::string library_;
  std::vector<Network> networks_;
  std::vector<size_t> sizes_;  ///< of PE memories and core memories
  std::unique_ptr<SimulatedNpu> npu_;
  std::map<std::string, int> counts_;
  uint64_t cycles_ = 0;
};

void HostileTest::RunCase(uint64_t seed, bool verbose, const std::vector<Command>& commands) {
  StreamRandom random(seed);
  const Network& network = networks_[random.Below(networks_.size())];
  const bool mutated = !random.Chance(4);
  const std::vector<uint8_t> stream = !commands.empty() ? StreamBytes(config_, commands)
                                      : mutated ? MutateStream(config_, network.commands, random)
                                                : RandomStream(config_, random);
  std::vector<uint8_t> image = network.program.image;
  image.resize((image.size() + kEntryBytes - 1) / kEntryBytes * kEntryBytes);
  const uint32_t doorbell = static_cast<uint32_t>(image.size());
  image.insert(image.end(), stream.begin(), stream.end());

  Windows windows;
  constexpr uint32_t kLeastBytes = 512;  // for the addresses of random commands
  const uint32_t sizes[] = {static_cast<uint32_t>(image.size()),
                            std::max(network.program.scratch_bytes, kLeastBytes),
                            std::max(network.program.input_bytes, kLeastBytes),
                            std::max(network.program.output_bytes, kLeastBytes)};
  for (uint32_t i = 0; i < kWindowCount; ++i) {
    windows[i] = {npu_->MemoryBase() + i * kWindowPitch + 0x1000, sizes[i], i % 2 == 0 ? 1u : 3u};
    if (!commands.empty()) continue;
    if (i > 0 && random.Chance(4)) windows[i].base += random.Below(64);
    if (random.Chance(60)) windows[i].size = static_cast<uint32_t>(random.Below(sizes[i] + 1));
    if (random.Chance(100)) windows[i].flags = static_cast<uint32_t>(random.Below(4));
  }
  std::vector<std::vector<uint8_t>> memories;
  for (size_t size : sizes_) {
    memories.emplace_back(size);
    for (uint8_t& byte : memories.back()) byte = static_cast<uint8_t>(random.Word());
  }
  Fill(memories);
  std::copy(image.begin(), image.end(), Memory(windows[0].base));
  PlaceNetwork(network, windows);
  const std::vector<uint8_t> before(npu_->Memory().begin(), npu_->Memory().end());
  const auto offset_of = [&](uint32_t window) { return windows[window].base - npu_->MemoryBase(); };

  // The model, with every fault that it finds.
  AccessLog log(config_, /*keep_values=*/true);
  std::vector<uint8_t> after = before;
  FunctionalModel model(config_);
  const auto run_model = [&](FunctionalJobOptions options) {
    after = before;
    std::array<FunctionalWindow, kWindowCount> views;
    for (uint32_t i = 0; i < kWindowCount; ++i) {
      views[i] = {std::span(after).subspan(offset_of(i), windows[i].size), windows[i].base,
                  (windows[i].flags & 1) != 0, (windows[i].flags & 2) != 0};
    }
    for (uint32_t pe = 0; pe < config_.pes(); ++pe) {
      std::copy(memories[pe].begin(), memories[pe].end(), model.pe_memory(pe).begin());
      for (uint32_t core = 0; core < config_.cores; ++core) {
        const std::vector<uint8_t>& bytes = memories[config_.pes() + pe * config_.cores + core];
        std::copy(bytes.begin(), bytes.end(), model.core_memory(pe, core).begin());
      }
    }
    options.seed = seed;
    options.every_fault = true;
    options.most_work = kMostWork;
    return model.Run(views, doorbell, options);
  };
  // The engines take commands out of their queues early, as many as they find time for: first with
  // the most, which is also the most that may have been written.
  FunctionalJobOptions options;
  options.observer = &log;
  options.taken_loads = 7;
  options.taken_others = 2;
  const FunctionalJobResult expected = run_model(options);
  const std::vector<uint8_t> expected_memory = after;
  std::vector<std::vector<uint8_t>> expected_local;
  for (uint32_t pe = 0; pe < config_.pes(); ++pe) {
    const std::span<uint8_t> bytes = model.pe_memory(pe);
    expected_local.emplace_back(bytes.begin(), bytes.end());
  }
  for (uint32_t pe = 0; pe < config_.pes(); ++pe) {
    for (uint32_t core = 0; core < config_.cores; ++core) {
      const std::span<uint8_t> bytes = model.core_memory(pe, core);
      expected_local.emplace_back(bytes.begin(), bytes.end());
    }
  }
  // Of the stream as the log knows it: the addresses of its commands are those of the model's run,
  // so they are found again by their order.
  const std::string undefined = expected.unfinished ? "" : log.WhyUndefined(expected.stream);

  // The hardware.
  npu_->RecordTimeline(kEvents);
  const Ending ending =
      Run(windows, doorbell, expected.unfinished ? kCyclesOfEndless : kMostCycles);
  const Timeline timeline = npu_->TakeTimeline();
  npu_->RecordTimeline(0);
  CheckBursts(windows, timeline);
  const std::vector<uint8_t> actual(npu_->Memory().begin(), npu_->Memory().end());

  // A compute command reports a vector, a row or a window with a byte outside.
  constexpr uint64_t kReach = 4096;
  constexpr uint64_t kModulus = uint64_t{1} << 25;
  const auto address_fits = [&](const FunctionalFault& fault) {
    if (fault.address == ending.address) return true;
    return std::any_of(fault.outside.begin(), fault.outside.end(), [&](uint64_t byte) {
      return ((byte - ending.address) & (kModulus - 1)) < kReach;
    });
  };
  const auto matches = [&](const FunctionalJobResult& result) {
    if (result.faults.empty()) return ending.ended && ending.code == 0;
    return std::any_of(result.faults.begin(), result.faults.end(), [&](const auto& fault) {
      return fault.code == ending.code && fault.tag == ending.tag && address_fits(fault) &&
             static_cast<uint32_t>(fault.engine) == ending.engine;
    });
  };
  // A SOFTMAX that takes bytes which are not defined may take any row of its table.
  const auto takes_any_row = [&](const Command& command) {
    if (command.opcode() != Opcode::kSoftmax || command.tag() != ending.tag) return false;
    const int64_t rows = 256 * 4 / std::min<int64_t>(config_.core_row_bytes(), 256 * 4);
    const int64_t row = static_cast<int64_t>(ending.address) - command.Get(compute::b_base);
    return row >= 0 && row < rows;
  };
  const bool by_undefined =
      !undefined.empty() && ending.code == ErrorCode("LocalBounds") &&
      std::any_of(expected.stream.begin(), expected.stream.end(), takes_any_row);
  bool same = expected.unfinished || by_undefined || matches(expected);
  std::string queues;
  if (!same) {
    same = matches(run_model({}));
    queues = ", queues";
  }
  std::string faults;
  for (const FunctionalFault& fault : expected.faults) {
    faults += fmt::format("{} of engine {}, tag {}, address 0x{:x}; ",
                          AllHardwareErrors()[fault.code].name, static_cast<int>(fault.engine),
                          fault.tag, fault.address);
  }
  EXPECT_TRUE(same) << "hardware: " << ending.Text() << "; model: " << faults << expected.detail;

  // Memory: nothing outside the windows changes; inside all is as the model says.
  std::vector<uint8_t> masked = actual;
  for (uint32_t i = 0; i < kWindowCount; ++i) {
    std::copy_n(before.begin() + static_cast<ptrdiff_t>(offset_of(i)), windows[i].size,
                masked.begin() + static_cast<ptrdiff_t>(offset_of(i)));
  }
  EXPECT_TRUE(masked == before) << "bytes outside the windows changed";
  if (!ending.ended || ending.code != 0) Reset();
  const std::vector<std::vector<uint8_t>> local = ReadMemories(expected_local, seed % 2 != 0);
  std::string outcome = !ending.ended       ? "goes on"
                        : ending.code != 0  ? std::string(AllHardwareErrors()[ending.code].name)
                        : undefined.empty() ? "done"
                                            : fmt::format("done, not defined: {}",
                                                          undefined.substr(0, undefined.find(':')));
  ++counts_[outcome + queues];
  if (!expected.unfinished && undefined.empty()) {
    log.Sort();
    const bool exact = ending.ended && ending.code == 0;
    const size_t first_window = sizes_.size();
    const auto compare = [&](const std::string& name, size_t number, const uint8_t* had,
                             const uint8_t* right, const uint8_t* has, size_t size) {
      if (exact ? std::memcmp(right, has, size) == 0 : std::memcmp(had, has, size) == 0) return;
      for (size_t i = 0; i < size; ++i) {
        const bool fits =
            exact ? has[i] == right[i] : has[i] == had[i] || log.Wrote(number, i, has[i]);
        if (fits) continue;
        ADD_FAILURE() << name << ": byte " << i << " is " << int{has[i]} << " instead of "
                      << int{right[i]} << ", was " << int{had[i]};
        return;
      }
    };
    for (size_t i = 0; i < local.size(); ++i) {
      if (local[i].empty()) continue;
      compare(i < config_.pes() ? fmt::format("PE memory {}", i)
                                : fmt::format("core memory {}", i - config_.pes()),
              i, memories[i].data(), expected_local[i].data(), local[i].data(), local[i].size());
    }
    for (uint32_t i = 0; i < kWindowCount; ++i) {
      compare(fmt::format("window {}", i), first_window + i, &before[offset_of(i)],
              &expected_memory[offset_of(i)], &actual[offset_of(i)], windows[i].size);
    }
  }
  EXPECT_EQ(npu_->Bus().violations, 0u) << npu_->Violations()[0];
  if (seed % 8 == 0) RunGood(networks_[random.Below(networks_.size())]);
  if (verbose) {
    fmt::print("stream {} ({}{}): {} | {}{}\n", seed, mutated ? "" : "random, with ", network.name,
               ending.Text(), faults, undefined);
    if (verbose) {
      const DecodedStream decoded = DecodeStream(config_, image, doorbell);
      for (const Command& command : decoded.commands) {
        const OpcodeInfo& info = *FindOpcode(static_cast<uint8_t>(command.opcode()));
        fmt::print("  {}", info.name);
        for (const CommandField& field : info.layout->fields) {
          const int64_t value = command.Get(field);
          if (value != 0 && field.name != "opcode") fmt::print(" {}={}", field.name, value);
        }
        fmt::print("\n");
      }
    }
  }
}

/// What the compiler makes is defined in every byte.
TEST_P(HostileTest, CompiledStreamsAreDefined) {
  for (const Network& network : networks_) {
    std::vector<uint8_t> image = network.program.image;
    std::vector<uint8_t> scratch(network.program.scratch_bytes), input(network.program.input_bytes),
        output(network.program.output_bytes);
    AccessLog log(config_);
    FunctionalJobOptions options;
    options.observer = &log;
    FunctionalModel model(config_);
    const FunctionalJobResult result =
        model.Run({FunctionalWindow{image, 0x1000}, FunctionalWindow{scratch, 0x2000},
                   FunctionalWindow{input, 0x3000}, FunctionalWindow{output, 0x4000}},
                  network.program.cold_offset, options);
    EXPECT_TRUE(result.ok()) << result.detail;
    EXPECT_EQ(log.WhyUndefined(result.stream), "") << network.name;
  }
}

/// What random streams seldom meet: each field for itself around the ends of memory and of numbers.
TEST_P(HostileTest, EndsOfMemoryAndOfNumbers) {
  const int64_t memory = config_.pe_memory_bytes;
  const int64_t width = config_.post_width;
  const int64_t modulus = 1 << 24;
  using Fields = std::vector<std::pair<const char*, int64_t>>;
  const Fields vector = {{"pe_mask", 1},    {"out_w", 3},      {"positions", 3},
                         {"row_bytes", 1},  {"act_base", 64},  {"b_base", 128},
                         {"out_base", 256}, {"act_min", -128}, {"act_max", 127}};
  const Fields rows = {{"pe_mask", 1},   {"out_h", 2},      {"row_bytes", 5},   {"row_step", 8},
                       {"act_base", 64}, {"out_base", 256}, {"out_row_step", 8}};
  // MATMUL and MAXPOOL.
  const Fields walk = {
      {"pe_mask", 1},    {"out_w", 2},      {"positions", 3},      {"x_step", 4},
      {"row_step", 8},   {"row_bytes", 16}, {"in_h", 2},           {"y_step", 1},
      {"groups", 1},     {"channels", 2},   {"group_channels", 2}, {"act_base", 64},
      {"out_base", 256}, {"out_x_step", 8}, {"out_row_step", 32},  {"out_group_step", 96},
      {"act_min", -128}, {"act_max", 127}};
  const auto with = [](Fields fields, const Fields& more) {
    fields.insert(fields.end(), more.begin(), more.end());
    return fields;
  };
  const Fields matmul = with(walk, {{"acc_init", 1},
                                    {"drain", 1},
                                    {"k0_count", 1},
                                    {"k1_count", 1},
                                    {"k2_count", 1},
                                    {"param_row", 8}});
  std::vector<std::pair<Opcode, Fields>> bases = {
      {Opcode::kMaximum, vector},
      {Opcode::kArgMax, rows},
      {Opcode::kMatmul, matmul},
      {Opcode::kMaxPool, with(walk, {{"win_rows", 1}, {"win_cols", 1}})}};
  if (config_.bnn_enabled != 0) {
    bases.push_back({Opcode::kMatmul, with(matmul, {{"thresholds", 1}, {"bit_output", 1}})});
  }
  if (config_.residual != 0) {
    const Fields addition = {
        {"residual", 1}, {"b_base", 128},           {"b_row_step", 32},         {"out_shift", -20},
        {"b_shift", -2}, {"b_multiplier", 1 << 30}, {"out_multiplier", 1 << 30}};
    bases.push_back({Opcode::kMatmul, with(matmul, addition)});
  }
  if (config_.vector_lanes != 0) {
    bases.push_back({Opcode::kVector, with(rows, {{"weight_row", 4},
                                                  {"b_base", 300},
                                                  {"c_base", 400},
                                                  {"e_base", 500},
                                                  {"a_format", 1},
                                                  {"b_format", 4},
                                                  {"d_format", 2}})});
  }
  if (config_.float_formats != 0) {
    bases.push_back({Opcode::kMatmul, with(matmul, {{"format_a", 1},
                                                    {"format_w", 1},
                                                    {"out_format", 4},
                                                    {"float_scale", 1},
                                                    {"float_bias", 1}})});
    bases.push_back({Opcode::kMatmul, with(matmul, {{"format_a", 2},
                                                    {"format_w", 3},
                                                    {"out_format", 3},
                                                    {"float_cast", 1},
                                                    {"b_multiplier", 0x40000000}})});
  }
  const std::vector<Fields> changes = {
      {{"b_base", -1}},
      {{"b_base", memory - 1}},
      {{"b_base", memory - 2}},
      {{"b_base", memory - 8}},
      {{"b_base", memory}},
      {{"b_row_step", modulus - 64}},
      {{"b_base", 256}, {"residual_second", 1}},
      {{"act_base", -1}},
      {{"act_base", -4}, {"x_start", 4}},
      {{"act_base", memory - 1}},
      {{"act_base", memory - 4}},
      {{"act_base", memory - 5}},
      {{"act_base", memory - 13}},
      {{"act_base", memory - 16}},
      {{"out_base", memory - 1}},
      {{"out_base", memory - 2}},
      {{"out_base", memory - 3}},
      {{"out_base", memory - 4}},
      {{"out_base", memory - width}},
      {{"out_base", memory - 20}},
      {{"out_base", memory}},
      {{"out_base", modulus - 1}},
      {{"out_base", modulus - 8}},
      {{"out_row_step", modulus - 64}},
      {{"out_base", 1024}, {"out_x_step", modulus - 8}},
      {{"groups", 2}},  // the second one has no channels
      {{"groups", 3}},
      {{"groups", 2}, {"out_group_step", memory - 300}},
      {{"groups", 2}, {"out_group_step", memory}},
      {{"row_step", modulus - 8}},
      {{"x_step", modulus - 4}},
      {{"x_start", -modulus / 2}},
      {{"x_start", modulus / 2 - 1}},
      {{"act_base", memory - 4}, {"out_h", 1}},
      // Sums of more than 26 bits that end inside memory; all before them are padding.
      {{"act_base", 2048},
       {"row_step", modulus - 16},
       {"y_start", -4},
       {"in_h", 1},
       {"out_w", 1},
       {"positions", 5}},
      {{"x_start", 20}, {"x_step", modulus - 4}, {"out_w", 5}, {"positions", 5}},
      {{"y_start", -32768}, {"y_step", 255}, {"positions", 9}},
      {{"y_start", 32767},
       {"y_step", 255},
       {"out_w", 1},
       {"positions", 900},
       {"out_row_step", 4},
       {"row_step", 0}},
      {{"param_row", modulus - 1}, {"groups", 2}, {"param_group_rows", 9}, {"channels", 4}},
      {{"weight_row", 16}, {"groups", 2}, {"weight_group_rows", modulus - 8}, {"channels", 4}},
      {{"out_shift", -32}, {"common_scale", 1}, {"out_multiplier", 1 << 30}},
      {{"out_shift", 40}, {"common_scale", 1}, {"out_multiplier", 1 << 30}},
      {{"out_shift", -100}, {"common_scale", 1}, {"out_multiplier", 1 << 30}},
      {{"out_shift", 3}, {"common_scale", 1}, {"average", 1}, {"out_multiplier", 1 << 24}},
      {{"run_bytes", 3}, {"win_rows", 0}},
      {{"run_bytes", 3}, {"win_rows", 2}, {"k1_step", 3}},
      {{"run_bytes", 3}, {"win_rows", 2}, {"k1_step", 2}, {"win_row_step", 8}, {"k0_count", 3}},
      {{"acc_init", 0}, {"positions", 60}},
      {{"follow", 1}},
  };
  PowerUp(1);
  constexpr uint64_t kFirst = 1'000'001;
  uint64_t seed = kFirst;
  for (const auto& [opcode, fields] : bases) {
    for (const Fields& change : changes) {
      Command command = Make(opcode, InfoOf(opcode).most_entries, fields);
      bool uses = true;
      for (const auto& [name, value] : change) {
        const CommandField* field = FindField(opcode, name);
        ASSERT_NE(field, nullptr) << name;
        uses = uses && In(opcode, field->UsersOn(config_.features())) && command.Set(*field, value);
      }
      if (!uses) continue;
      SCOPED_TRACE(fmt::format("{} with {} = {}", FindOpcode(static_cast<uint8_t>(opcode))->name,
                               change[0].first, change[0].second));
      RunCase(seed++, false, {command, Command(Opcode::kEnd, 1, 0)});
    }
  }
  std::string text;
  for (const auto& [what, number] : counts_) text += fmt::format(" {}: {},", what, number);
  fmt::print("{} directed streams;{}\n", seed - kFirst, text);
}

TEST_P(HostileTest, StreamsEndAsTheModelSays) {
  const char* count_text = std::getenv("NPUGEN_STREAMS");
  const char* seed_text = std::getenv("NPUGEN_STREAM_SEED");
  const uint64_t count = count_text != nullptr ? std::strtoull(count_text, nullptr, 10) : 400;
  ASSERT_GT(count, 0u) << "NPUGEN_STREAMS";
  const uint64_t first = seed_text != nullptr ? std::strtoull(seed_text, nullptr, 10) : 0;
  const uint64_t end = seed_text != nullptr ? first + 1 : count;
  const char* failures_text = std::getenv("NPUGEN_STREAM_FAILURES");
  int failures = failures_text != nullptr ? std::atoi(failures_text) : 1;
  for (uint64_t seed = first; seed < end; ++seed) {
    if (seed == first || seed % kStreamsOfAnNpu == 0) PowerUp(seed);
    SCOPED_TRACE(fmt::format("stream {}", seed));
    const int before =
        ::testing::UnitTest::GetInstance()->current_test_info()->result()->total_part_count();
    RunCase(seed, seed_text != nullptr);
    const int after =
        ::testing::UnitTest::GetInstance()->current_test_info()->result()->total_part_count();
    if (after != before) {
      Reset();
      if (--failures == 0) break;
    }
  }
  std::string text = fmt::format("{} networks, {:.1f} million cycles;", networks_.size(),
                                 static_cast<double>(cycles_ + npu_->Cycles()) / 1e6);
  for (const auto& [what, number] : counts_) text += fmt::format(" {}: {},", what, number);
  fmt::print("{}\n", text);
}

INSTANTIATE_TEST_SUITE_P(Shapes, HostileTest, ::testing::ValuesIn(kShapes),
                         [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace npugen::testing

// SPDX-License-Identifier: Apache-2.0
// What a job, a host or a bus does wrong must not reach the next job: strobes, windows, the
// watchdog of the bus, what a clear leaves.
#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>

#include "generator/arch/command_set.h"
#include "generator/config/load.h"
#include "npu_registers.h"
#include "sw/compiler/compiler.h"
#include "sw/model/tflite_reader.h"
#include "tests/support/files.h"
#include "tests/system/simulation.h"

namespace npugen::testing {
namespace {

constexpr uint64_t kMemoryBytes = uint64_t{16} << 20;
constexpr uint32_t kTimeout = 200;  ///< cycles of the watchdog in these tests

/// More points in a long run: NPUGEN_ISOLATION_POINTS on each channel.
uint64_t Points() {
  const char* text = std::getenv("NPUGEN_ISOLATION_POINTS");
  return text == nullptr ? 6 : std::strtoull(text, nullptr, 10);
}

class IsolationTest : public ::testing::Test {
 protected:
  void SetUp() override { Prepare(SpecConfig("nano"), false); }

  void Prepare(const NpuConfig& config, bool interleave) {
    config_ = config;
    SimulationOptions options;
    options.memory_bytes = kMemoryBytes;
    options.latency = 11;
    options.stalls = 0.1;
    options.interleave = interleave;
    npu_ = MakeNpu(config_, options);
    Result<std::unique_ptr<NpuHost>> host = NpuHost::Open(*npu_, config_);
    ASSERT_TRUE(host.ok()) << ErrorText(host);
    host_ = std::move(*host);
    const Result<Model> model = LoadTflite(SourcePath("models/digits/digits_cnn_int8.tflite"));
    ASSERT_TRUE(model.ok()) << ErrorText(model);
    const Result<Program> program = Compile(*model, config_);
    ASSERT_TRUE(program.ok()) << ErrorText(program);
    Result<PlacedProgram> placed = host_->Place(*program);
    ASSERT_TRUE(placed.ok()) << ErrorText(placed);
    placed_ = std::move(*placed);
    input_ = ReadBytes(SourcePath("models/digits/input.bin"));
    input_.resize(64);
    golden_ = ReadBytes(SourcePath("models/digits/golden_prob.bin"));
    golden_.resize(10);
  }

  npu_device& device() { return host_->device(); }
  uint8_t* Memory(uint64_t address) {
    return npu_->Memory().data() + (address - npu_->MemoryBase());
  }
  uint32_t Status() { return npu_->ReadRegister(NPU_REG_STATUS_OFFSET); }

  /// Rings for the digits network, or for a job that copies the input window to the output window.
  /// False where the driver refuses.
  bool Submit() {
    if (copies_) {
      const Windows windows = FreeWindows();
      for (uint32_t i = 0; i < windows[2].size; ++i) {
        Memory(windows[2].base)[i] = static_cast<uint8_t>(i * 7 + i / 256 + jobs_);
      }
      ++jobs_;
      std::memset(Memory(windows[3].base), 0, windows[3].size);
      std::vector<Command> commands;
      for (uint32_t at = 0; at < kCopied; at += 2048) {
        // Source and destination are aligned differently.
        commands.push_back(Load(at + 3, 2048, at));
        EXPECT_TRUE(commands.back().Set(header::signal_id, 2) &&
                    commands.back().Set(header::signal_en, 1));
        commands.push_back(Store(at, 2048, at + 5));
        EXPECT_TRUE(commands.back().Set(header::wait0_id, 2) &&
                    commands.back().Set(header::wait0_en, 1) &&
                    commands.back().Set(header::wait0_count, at / 2048 + 1));
      }
      commands.push_back(End());
      PlaceStream(windows[0].base, commands);
      WriteWindows(windows, npu_.get());
      npu_->WriteRegister(NPU_REG_IRQ_STATUS_OFFSET, 3);
      npu_->WriteRegister(NPU_REG_IRQ_ENABLE_OFFSET, 3);
      npu_->WriteRegister(NPU_REG_DOORBELL_OFFSET, 0);
      return true;
    }
    std::copy(input_.begin(), input_.end(), Memory(placed_.buffers.input.address));
    std::memset(Memory(placed_.buffers.output.address), 0, golden_.size());
    return npu_submit(&device(), &placed_.checked, &placed_.buffers, NPU_WAIT_INTERRUPT) == NPU_OK;
  }
  /// How the job ended that Submit() began.
  npu_result Outcome() {
    if (!copies_) return npu_wait(&device(), 0);
    const uint32_t status = Status();
    return status == NPU_STATUS_DONE_MASK    ? NPU_OK
           : status == NPU_STATUS_ERROR_MASK ? NPU_HARDWARE_ERROR
                                             : NPU_TIMEOUT;
  }
  void ExpectRight() {
    ASSERT_EQ(Outcome(), NPU_OK);
    if (copies_) {
      const Windows windows = FreeWindows();
      EXPECT_EQ(std::memcmp(Memory(windows[2].base) + 3, Memory(windows[3].base) + 5, kCopied), 0);
      ExpectNoViolations();
      return;
    }
    EXPECT_EQ(host_->ReadTensor(placed_, placed_.program.outputs[0]), golden_);
    ExpectNoViolations();
  }
  void ExpectNoViolations() { ASSERT_EQ(npu_->Bus().violations, 0u) << npu_->Violations()[0]; }
  /// The NPU is alive and computes what it should.
  void ExpectNextJobRight() {
    ASSERT_TRUE(Submit());
    npu_->RunUntilInterrupt(1'000'000);
    ExpectRight();
  }
  npu_model_counters Counters() {
    npu_model_counters counters = {};
    npu_->interface().read_counters(npu_->model(), &counters);
    return counters;
  }
  npu_error_report Error() {
    npu_error_report report = {};
    npu_error(&device(), &report);
    return report;
  }

  /// Windows in free memory: program, scratch, input, output, 16 KiB each.
  Windows FreeWindows() const {
    const uint64_t base = npu_->MemoryBase() + (8 << 20);
    return {JobWindow{base, 0x4000, 1}, JobWindow{base + 0x4000, 0x4000, 3},
            JobWindow{base + 0x8000, 0x4000, 1}, JobWindow{base + 0xc000, 0x4000, 3}};
  }
  void PlaceStream(uint64_t address, const std::vector<Command>& commands) {
    const std::vector<uint32_t> words = StreamWords(config_, commands);
    std::memcpy(Memory(address), words.data(), words.size() * 4);
  }
  /// Rings the doorbell with all registers as they are; code 0 when the job ended well. The NPU is
  /// reset after an error.
  npu_error_report Ring() {
    npu_->WriteRegister(NPU_REG_IRQ_STATUS_OFFSET, 3);
    npu_->WriteRegister(NPU_REG_IRQ_ENABLE_OFFSET, 3);
    npu_->WriteRegister(NPU_REG_DOORBELL_OFFSET, 0);
    npu_->RunUntilInterrupt(100'000);
    EXPECT_TRUE(npu_->Interrupt());
    const npu_error_report report = Error();
    npu_->WriteRegister(NPU_REG_IRQ_STATUS_OFFSET, 3);
    if (report.code != 0) {
      EXPECT_EQ(npu_reset(&device(), 100'000), NPU_OK);
    }
    return report;
  }
  npu_error_report RunStream(const std::vector<Command>& commands, const Windows& windows) {
    PlaceStream(windows[0].base, commands);
    WriteWindows(windows, npu_.get());
    return Ring();
  }

  static Command Make(Opcode opcode, uint32_t entries,
                      const std::vector<std::pair<const char*, int64_t>>& fields) {
    Command command(opcode, entries, 5);
    for (const auto& [name, value] : fields) {
      const CommandField* field = FindField(opcode, name);
      EXPECT_TRUE(field != nullptr && command.Set(*field, value)) << name;
    }
    return command;
  }
  static Command End() { return Command(Opcode::kEnd, 1, 0); }
  static Command Fence() { return Command(Opcode::kFence, 1, 0); }
  static Command Load(uint32_t offset, uint32_t bytes, uint32_t address, bool core = false) {
    return Make(Opcode::kLoad, 3,
                {{"window", 2},
                 {"global_offset", offset},
                 {"pe_mask", 1},
                 {"size0", bytes},
                 {"local_address", address},
                 {"core_memory", core},
                 {"core_mask", core}});
  }
  static Command Store(uint32_t address, uint32_t bytes, uint32_t offset) {
    return Make(Opcode::kStore, 3,
                {{"window", 3},
                 {"global_offset", offset},
                 {"pe_mask", 1},
                 {"size0", bytes},
                 {"local_address", address}});
  }

  NpuConfig config_;
  std::unique_ptr<SimulatedNpu> npu_;
  std::unique_ptr<NpuHost> host_;
  PlacedProgram placed_;
  std::vector<uint8_t> input_, golden_;
  static constexpr uint32_t kCopied = 0x3000;
  bool copies_ = false;
  uint32_t jobs_ = 0;
};

TEST_F(IsolationTest, CommandsNeedTheirStrobes) {
  const Windows windows = FreeWindows();
  PlaceStream(windows[0].base, {End()});
  WriteWindows(windows, npu_.get());
  for (uint32_t strobe = 0; strobe < 15; ++strobe) {
    npu_->WriteRegister(NPU_REG_DOORBELL_OFFSET, 0, strobe);
    npu_->Run(200);
    ASSERT_EQ(Status(), 0u) << "strobes " << strobe;
  }
  EXPECT_EQ(Ring().code, 0u);
  EXPECT_EQ(Status(), NPU_STATUS_DONE_MASK);
  npu_->WriteRegister(NPU_REG_CONTROL_OFFSET, NPU_CONTROL_RESET_MASK, 14);
  npu_->Run(100);
  EXPECT_EQ(Status(), NPU_STATUS_DONE_MASK) << "not reset";
  npu_->WriteRegister(NPU_REG_CONTROL_OFFSET, NPU_CONTROL_RESET_MASK, 1);
  npu_->Run(100);
  EXPECT_EQ(Status(), 0u);
}

TEST_F(IsolationTest, WindowsBeyondTheAddressesAreRefused) {
  const uint64_t end = uint64_t{1} << config_.axi_address_bits;
  const auto bursts = [this] { return Counters().read_bursts + Counters().write_bursts; };
  for (uint32_t window = 0; window < 4; ++window) {
    const Windows good = FreeWindows();
    struct {
      uint64_t base;
      uint32_t size;
      bool refused;
    } const cases[] = {
        {good[window].base | end, good[window].size, true},  // aliases
        {good[window].base | uint64_t{1} << 63, good[window].size, true},
        {end, 1, true},
        {end - 1, 2, true},
        {end - 0x4000, 0x4001, true},  // wraps
        {end - 0x4000, 0xffffffff, true},
        {~uint64_t{0}, 0xffffffff, true},
        {end - 0x4000, 0x4000, false},  // the last byte is the bus's last one
        {~uint64_t{0}, 0, false},       // no access at all
    };
    for (const auto& now : cases) {
      SCOPED_TRACE(::testing::Message() << "window " << window << std::hex << " base " << now.base
                                        << " size " << now.size);
      Windows windows = good;
      PlaceStream(windows[0].base, {Load(0, 64, 0), Store(0, 64, 0), End()});
      windows[window].base = now.base;
      windows[window].size = now.size;
      WriteWindows(windows, npu_.get());
      const uint64_t before = bursts();
      const npu_error_report report = Ring();
      EXPECT_EQ(report.code == NPU_ERROR_WINDOW_RANGE, now.refused) << report.code;
      if (now.refused) {
        EXPECT_EQ(report.engine, 0u);
        EXPECT_EQ(report.address, window);
        EXPECT_EQ(bursts(), before) << "nothing is asked of the bus";
      }
      ExpectNextJobRight();
    }
  }
}

TEST_F(IsolationTest, WindowsAreTakenOverAtTheDoorbell) {
  ASSERT_TRUE(Submit());
  const uint64_t cycles = npu_->RunUntilInterrupt(1'000'000);
  ExpectRight();
  const Windows elsewhere = FreeWindows();
  Windows nowhere = elsewhere;
  for (JobWindow& window : nowhere) window.size = 0;
  for (uint64_t point = 0; point < 2 * Points(); ++point) {
    SCOPED_TRACE(point);
    ASSERT_TRUE(Submit());
    npu_->Run(point * cycles / (2 * Points()));
    WriteWindows(point % 2 == 0 ? elsewhere : nowhere, npu_.get());
    npu_->RunUntilInterrupt(1'000'000);
    ExpectRight();
  }
  // What was written during a job holds for the next one.
  const Windows first = FreeWindows();
  Windows second = first;
  second[3].base += 0x1000;
  std::memset(Memory(first[2].base), 7, 64);
  std::memset(Memory(first[3].base), 0, 0x2000);
  PlaceStream(first[0].base, {Load(0, 64, 0), Fence(), Store(0, 64, 0), End()});
  WriteWindows(first, npu_.get());
  npu_->WriteRegister(NPU_REG_DOORBELL_OFFSET, 0);
  WriteWindows(second, npu_.get());
  npu_->Run(2000);
  ASSERT_EQ(Status(), NPU_STATUS_DONE_MASK);
  EXPECT_EQ(Memory(first[3].base)[63], 7);
  EXPECT_EQ(Memory(second[3].base)[63], 0);
  EXPECT_EQ(Ring().code, 0u);
  EXPECT_EQ(Memory(second[3].base)[63], 7);
}

// ---------------------------------------------------------------------------------------------
// Watchdog.
// ---------------------------------------------------------------------------------------------
enum Channel : uint32_t { kAr, kR, kAw, kW, kB };
constexpr const char* kChannelNames[] = {"AR", "R", "AW", "W", "B"};

class WatchdogTest : public IsolationTest {
 protected:
  void SetUp() override { PrepareBus(false, false); }

  /// The four buses and jobs that sweeps go through.
  void PrepareBus(int variant) { PrepareBus(variant % 2 == 1, variant / 2 == 1); }

  void PrepareBus(bool interleave, bool copies) {
    Prepare(SpecConfig("nano"), interleave);
    copies_ = copies;
    ASSERT_EQ(npu_set_bus_timeout(&device(), kTimeout), NPU_OK);
    ExpectNextJobRight();
    npu_forget_parameters(&device());
    const npu_model_counters before = Counters();
    ASSERT_TRUE(Submit());
    cycles_ = npu_->RunUntilInterrupt(1'000'000);
    ExpectRight();
    const npu_model_counters after = Counters();
    transfers_ = {after.read_bursts - before.read_bursts, after.read_beats - before.read_beats,
                  after.write_bursts - before.write_bursts, after.write_beats - before.write_beats,
                  after.write_bursts - before.write_bursts};
  }

  /// Runs into a bus whose `channel` falls silent after `transfers`; the error's report.
  npu_error_report RunInto(Channel channel, uint64_t transfers) {
    npu_forget_parameters(&device());
    npu_->MuteBus(channel, transfers);
    EXPECT_TRUE(Submit());
    const uint64_t ran = npu_->RunUntilInterrupt(1'000'000);
    EXPECT_LE(ran, cycles_ + 2 * kTimeout + 2000) << "bounded";
    EXPECT_GE(ran, kTimeout);
    EXPECT_EQ(Outcome(), NPU_HARDWARE_ERROR);
    const npu_error_report report = Error();
    EXPECT_EQ(report.code, NPU_ERROR_BUS_TIMEOUT) << npu_error_text(report.code);
    const bool write = channel == kAw || channel == kW || channel == kB;
    EXPECT_EQ(write, report.engine == NPU_ENGINE_STORE) << report.engine;
    EXPECT_LE(report.engine, NPU_ENGINE_STORE);
    ExpectInside(report.address, write);
    ExpectNoViolations();
    return report;
  }
  void ExpectInside(uint64_t address, bool write) {
    EXPECT_EQ(address % config_.axi_bytes(), 0u);
    if (copies_) {
      const Windows windows = FreeWindows();
      EXPECT_GE(address, windows[write ? 3 : 0].base);
      EXPECT_LT(address, windows[3].base + (write ? 0x4000 : 0));
      return;
    }
    const npu_buffers& all = placed_.buffers;
    bool inside = false;
    for (const npu_buffer& buffer : {all.scratch, all.output, all.input, all.program}) {
      if (write && &buffer == &all.input) break;
      inside |=
          address + config_.axi_bytes() > buffer.address && address < buffer.address + buffer.bytes;
    }
    EXPECT_TRUE(inside) << std::hex << address;
  }
  void ResetInBoundedTime() {
    const uint64_t before = npu_->Cycles();
    ASSERT_EQ(npu_reset(&device(), 2 * kTimeout + 100), NPU_OK);
    EXPECT_LE(npu_->Cycles() - before, 2 * kTimeout + 150);
  }
  /// The points of a channel at which it falls silent.
  std::vector<uint64_t> PointsOf(Channel channel) const {
    std::vector<uint64_t> points;
    const uint64_t count = std::min(transfers_[channel], Points());
    for (uint64_t i = 0; i < count; ++i) points.push_back(i * transfers_[channel] / count);
    points.push_back(transfers_[channel] - 1);
    return points;
  }

  uint64_t cycles_ = 0;
  std::array<uint64_t, 5> transfers_ = {};
};

TEST_F(WatchdogTest, EveryKindOfAccessTimesOut) {
  // The first burst is the command fetch's; the first one of LOAD follows, then STORE's.
  EXPECT_EQ(RunInto(kAr, 0).engine, 0u);
  npu_->UnmuteBus();
  ResetInBoundedTime();
  bool engines[3] = {};
  for (int variant = 0; variant < 4; ++variant) {
    PrepareBus(variant);
    for (const Channel channel : {kAr, kR, kAw, kW, kB}) {
      for (const uint64_t transfers : PointsOf(channel)) {
        SCOPED_TRACE(::testing::Message() << kChannelNames[channel] << " after " << transfers
                                          << ", variant " << variant);
        engines[RunInto(channel, transfers).engine] = true;
        npu_->UnmuteBus();
        ResetInBoundedTime();
        ExpectNextJobRight();
      }
    }
  }
  EXPECT_TRUE(engines[0] && engines[1] && engines[2]);
}

/// The reset ends while the bus is still dead; what is late comes during the next job.
TEST_F(WatchdogTest, LateAnswersDoNotReachTheNextJob) {
  for (int variant = 0; variant < 4; ++variant) {
    PrepareBus(variant);
    for (const Channel channel : {kAr, kR, kAw, kW, kB}) {
      for (const uint64_t transfers : PointsOf(channel)) {
        SCOPED_TRACE(::testing::Message() << kChannelNames[channel] << " after " << transfers
                                          << ", variant " << variant);
        RunInto(channel, transfers);
        ResetInBoundedTime();
        ASSERT_TRUE(Submit());
        npu_->Run(30 + transfers % 100);
        if ((Status() & NPU_STATUS_BUSY_MASK) == 0) {
          // An address stands on the bus: the job is refused, and the next one, until it is gone.
          EXPECT_TRUE(channel == kAr || channel == kAw);
          EXPECT_EQ(Outcome(), NPU_HARDWARE_ERROR);
          EXPECT_EQ(Error().code, NPU_ERROR_BUS_TIMEOUT);
          EXPECT_EQ(Error().address, 0u);
          ResetInBoundedTime();
          npu_->UnmuteBus();
          npu_->Run(200);
        } else {
          npu_->UnmuteBus();
          npu_->RunUntilInterrupt(1'000'000);
          ExpectRight();
        }
        ExpectNextJobRight();
      }
    }
  }
}

/// Answers that never come do not disturb jobs after the reset; a second time is too much.
TEST_F(WatchdogTest, LostAnswers) {
  for (int variant = 0; variant < 4; ++variant) {
    PrepareBus(variant);
    for (const Channel channel : {kR, kB}) {
      for (const uint64_t transfers : PointsOf(channel)) {
        SCOPED_TRACE(::testing::Message() << kChannelNames[channel] << " after " << transfers
                                          << ", variant " << variant);
        RunInto(channel, transfers);
        ResetInBoundedTime();
        npu_->DropAnswers();
        npu_->UnmuteBus();
        for (int i = 0; i < 3; ++i) ExpectNextJobRight();
        RunInto(channel, transfers);
        ResetInBoundedTime();
        npu_->DropAnswers();
        npu_->UnmuteBus();
        ASSERT_TRUE(Submit());
        npu_->Run(100);
        EXPECT_EQ(Outcome(), NPU_HARDWARE_ERROR);
        EXPECT_EQ(Error().code, NPU_ERROR_BUS_TIMEOUT);
        npu_->HardwareReset();
        ASSERT_EQ(npu_set_bus_timeout(&device(), kTimeout), NPU_OK);
        ASSERT_EQ(npu_reset(&device(), 1000), NPU_OK);
        ExpectNextJobRight();
      }
    }
  }
}

/// A reset in a job whose bus has fallen silent a moment ago.
TEST_F(WatchdogTest, ResetsEndWithoutAnError) {
  for (int variant = 0; variant < 4; ++variant) {
    PrepareBus(variant);
    for (const Channel channel : {kAr, kR, kAw, kW, kB}) {
      for (const uint64_t transfers : PointsOf(channel)) {
        SCOPED_TRACE(::testing::Message() << kChannelNames[channel] << " after " << transfers
                                          << ", variant " << variant);
        npu_forget_parameters(&device());
        npu_->MuteBus(channel, transfers);
        ASSERT_TRUE(Submit());
        npu_->Run(transfers * cycles_ / transfers_[channel] + 50);
        ResetInBoundedTime();
        npu_->UnmuteBus();
        npu_->Run(20);  // an address that stands must go first
        ExpectNextJobRight();
      }
    }
  }
}

TEST_F(WatchdogTest, ZeroWaitsForEver) {
  ASSERT_EQ(npu_set_bus_timeout(&device(), 0), NPU_OK);
  npu_->MuteBus(kR, 20);
  ASSERT_TRUE(Submit());
  npu_->RunUntilInterrupt(20 * kTimeout);
  EXPECT_TRUE((Status() & NPU_STATUS_BUSY_MASK) != 0);
  npu_->UnmuteBus();
  npu_->RunUntilInterrupt(1'000'000);
  ExpectRight();
}

TEST_F(WatchdogTest, SlowIsNotDead) {
  // Transfers a little less than a timeout apart. (Of R only one requester at a time has them.)
  for (const Channel channel : {kAw, kW, kB}) {
    SCOPED_TRACE(kChannelNames[channel]);
    ASSERT_TRUE(Submit());
    const uint64_t start = npu_->Cycles();
    while (!npu_->Interrupt() && npu_->Cycles() - start < 1'000'000) {
      npu_->MuteBus(channel, 1);
      npu_->RunUntilInterrupt(kTimeout - 30);
    }
    npu_->UnmuteBus();
    ExpectRight();
  }
}

TEST_F(WatchdogTest, TheFirstErrorIsReported) {
  npu_->AddErrorRange(placed_.buffers.input.address, 64);
  npu_->MuteBus(kB, 0);  // nothing to do with it
  npu_forget_parameters(&device());
  ASSERT_TRUE(Submit());
  npu_->MuteBus(kR, transfers_[kR] / 2);
  npu_->RunUntilInterrupt(1'000'000);
  ASSERT_EQ(Outcome(), NPU_HARDWARE_ERROR);
  EXPECT_NE(Error().code, NPU_ERROR_NONE);
  npu_->ClearErrors();
  npu_->UnmuteBus();
  ResetInBoundedTime();
  ExpectNextJobRight();
}

// ---------------------------------------------------------------------------------------------
// Clear.
// ---------------------------------------------------------------------------------------------
class ClearTest : public IsolationTest {
 protected:
  void SetUp() override {
    NpuConfig config = SpecConfig("nano");
    config.memory_clear = 1;
    Prepare(config, false);
  }

  /// What PE memory, core memory and accumulators hold, read by streams. The order matters: each
  /// step overwrites what was read before.
  struct Content {
    std::vector<uint8_t> pe, core, sums;
    static bool Zero(const std::vector<uint8_t>& bytes) {
      return std::all_of(bytes.begin(), bytes.end(), [](uint8_t byte) { return byte == 0; });
    }
  };
  Content Read() {
    Windows windows = FreeWindows();
    windows[3].base = npu_->MemoryBase() + (9 << 20);
    windows[3].size = 1 << 16;
    Content content;
    std::memset(Memory(windows[3].base), 0xaa, 1 << 16);
    EXPECT_EQ(RunStream({Store(0, config_.pe_memory_bytes, 0), End()}, windows).code, 0u);
    content.pe.assign(Memory(windows[3].base), Memory(windows[3].base) + config_.pe_memory_bytes);

    // Core memory by look-ups of all 256 bytes of a table that stands wherever we want.
    for (int i = 0; i < 256; ++i) Memory(windows[2].base)[i] = static_cast<uint8_t>(i);
    const uint32_t row_bytes = config_.core_row_bytes();
    for (uint32_t row = 0; row < config_.core_rows(); row += 256 / row_bytes) {
      const uint32_t out_w = 256 / config_.post_width;
      const Command lookup = Make(Opcode::kLookup, 10,
                                  {{"pe_mask", 1},
                                   {"act_base", 0},
                                   {"row_bytes", 256},
                                   {"out_w", out_w},
                                   {"positions", out_w},
                                   {"b_base", row},
                                   {"out_base", 1024}});
      const npu_error_report report = RunStream(
          {Load(0, 256, 0), Fence(), lookup, Fence(), Store(1024, 256, 0), End()}, windows);
      EXPECT_EQ(report.code, 0u) << npu_error_text(report.code);
      content.core.insert(content.core.end(), Memory(windows[3].base),
                          Memory(windows[3].base) + 256);
    }

    // Accumulators: a sum of nothing is added to them, and each byte of the result is drained.
    for (uint32_t byte = 0; byte < 4; ++byte) {
      std::memset(Memory(windows[2].base), 0, 0x400);
      for (uint32_t lane = 0; lane < config_.lanes; ++lane) {
        uint8_t* record = Memory(windows[2].base) + 9 * lane;
        const uint32_t multiplier = 1u << 30;
        std::memcpy(record + 4, &multiplier, 4);
        record[8] = 1;
      }
      const uint32_t records = config_.param_rows() * row_bytes;
      const uint32_t places = config_.accumulators;
      const Command matmul = Make(Opcode::kMatmul, 10,
                                  {{"pe_mask", 1},
                                   {"acc_init", 0},
                                   {"drain", 1},
                                   {"out_w", places},
                                   {"positions", places},
                                   {"groups", 1},
                                   {"channels", config_.lanes},
                                   {"group_channels", config_.lanes},
                                   {"k0_count", 1},
                                   {"k1_count", 1},
                                   {"k2_count", 1},
                                   {"in_h", 1},
                                   {"row_bytes", 0},
                                   {"weight_row", 0},
                                   {"param_row", 16},
                                   {"out_base", 1024},
                                   {"out_x_step", config_.lanes},
                                   {"out_type", 2},
                                   {"out_byte", byte}});
      const npu_error_report report =
          RunStream({Load(512, 256, 0, true), Load(0, records, 16 * row_bytes, true), Fence(),
                     matmul, Fence(), Store(1024, places * config_.lanes, 0), End()},
                    windows);
      EXPECT_EQ(report.code, 0u) << npu_error_text(report.code);
      content.sums.insert(content.sums.end(), Memory(windows[3].base),
                          Memory(windows[3].base) + places * config_.lanes);
    }
    return content;
  }
};

TEST_F(ClearTest, NothingIsLeftAfterAClear) {
  EXPECT_EQ(device().capabilities.memory_clear, 1u);
  ExpectNextJobRight();
  ASSERT_EQ(npu_reset(&device(), 10'000), NPU_OK);
  const Content left = Read();
  EXPECT_FALSE(Content::Zero(left.pe)) << "a reset keeps it";
  EXPECT_FALSE(Content::Zero(left.core));
  ExpectNextJobRight();
  ASSERT_EQ(npu_clear(&device(), 10'000), NPU_OK);
  const Content cleared = Read();
  EXPECT_TRUE(Content::Zero(cleared.pe));
  EXPECT_TRUE(Content::Zero(cleared.core));
  EXPECT_TRUE(Content::Zero(cleared.sums));
  ExpectNextJobRight();
}

TEST_F(ClearTest, SumsAreLeftByAResetAndNotByAClear) {
  // The stream that reads them leaves its own sums; so it is read right after a job.
  ExpectNextJobRight();
  ASSERT_EQ(npu_reset(&device(), 10'000), NPU_OK);
  EXPECT_FALSE(Content::Zero(Read().sums));
}

TEST_F(ClearTest, TakesARowACycle) {
  const auto cycles = [this](uint32_t command) {
    npu_->WriteRegister(NPU_REG_CONTROL_OFFSET, command);
    uint64_t ran = 0;
    while ((Status() & NPU_STATUS_RESETTING_MASK) != 0 && ran < 10'000) ++ran;
    return npu_->Cycles();
  };
  uint64_t before = npu_->Cycles();
  const uint64_t reset = cycles(NPU_CONTROL_RESET_MASK) - before;
  before = npu_->Cycles();
  const uint64_t clear = cycles(NPU_CONTROL_CLEAR_MASK) - before;
  EXPECT_EQ(config_.clear_cycles(), 1024u);
  EXPECT_NEAR(static_cast<double>(clear - reset), config_.clear_cycles(), 4);
  std::printf("  reset %llu cycles, clear %llu cycles, register accesses included\n",
              static_cast<unsigned long long>(reset), static_cast<unsigned long long>(clear));
}

TEST_F(ClearTest, ClearsInTheMiddleOfAJobAndOfAReset) {
  for (const uint64_t cycles : {1, 30, 200, 1000, 5000}) {
    ASSERT_TRUE(Submit());
    npu_->Run(cycles);
    ASSERT_EQ(npu_clear(&device(), 10'000), NPU_OK);
    const Content content = Read();
    EXPECT_TRUE(Content::Zero(content.pe) && Content::Zero(content.core)) << cycles;
    ExpectNextJobRight();
    // A clear that is asked for while a reset is under way.
    npu_->WriteRegister(NPU_REG_CONTROL_OFFSET, NPU_CONTROL_RESET_MASK);
    ASSERT_EQ(npu_clear(&device(), 10'000), NPU_OK);
    EXPECT_TRUE(Content::Zero(Read().pe)) << cycles;
    ExpectNextJobRight();
  }
}

TEST_F(IsolationTest, WithoutTheOptionNothingIsCleared) {
  ASSERT_EQ(device().capabilities.memory_clear, 0u);
  EXPECT_EQ(npu_clear(&device(), 1000), NPU_NOT_SUPPORTED);
  npu_->WriteRegister(NPU_REG_CONTROL_OFFSET, NPU_CONTROL_CLEAR_MASK);
  EXPECT_EQ(Status(), 0u);
  ExpectNextJobRight();
}

/// A machine without watchdog has its registers as before and runs as fast.
TEST_F(IsolationTest, WithoutWatchdog) {
  ExpectNextJobRight();
  npu_counters with = {}, without = {};
  npu_read_counters(&device(), &with);
  NpuConfig config = SpecConfig("nano");
  config.watchdog = 0;
  Prepare(config, false);
  EXPECT_EQ(device().capabilities.watchdog, 0u);
  EXPECT_EQ(npu_set_bus_timeout(&device(), 10), NPU_NOT_SUPPORTED);
  ExpectNextJobRight();
  npu_read_counters(&device(), &without);
  EXPECT_EQ(with.cycles, without.cycles);
  for (const uint64_t cycles : {1, 100, 3000}) {
    ASSERT_TRUE(Submit());
    npu_->Run(cycles);
    ASSERT_EQ(npu_reset(&device(), 10'000), NPU_OK);
    ExpectNextJobRight();
  }
}

}  // namespace
}  // namespace npugen::testing

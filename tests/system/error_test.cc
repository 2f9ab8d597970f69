// SPDX-License-Identifier: Apache-2.0
// Faults on verilated hardware: each is reported with code, engine and address, and the next job is
// right.
#include <gtest/gtest.h>

#include <cstring>

#include "generator/arch/command_set.h"
#include "generator/config/load.h"
#include "npu_registers.h"
#include "sw/compiler/compiler.h"
#include "sw/model/read_model.h"
#include "sw/model/tflite_reader.h"
#include "tests/support/files.h"
#include "tests/system/simulation.h"

namespace npugen::testing {
namespace {

constexpr uint64_t kMemoryBytes = uint64_t{16} << 20;

class ErrorTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::vector<uint8_t> input = ReadBytes(SourcePath("models/digits/input.bin"));
    input.resize(64);
    std::vector<uint8_t> golden = ReadBytes(SourcePath("models/digits/golden_prob.bin"));
    golden.resize(10);
    Prepare(SpecConfig("nano"), LoadTflite(SourcePath("models/digits/digits_cnn_int8.tflite")),
            input, golden);
  }

  /// Places a model with its input and the output that it must give.
  void Prepare(const NpuConfig& config, const Result<Model>& model, std::vector<uint8_t> input,
               std::vector<uint8_t> golden) {
    config_ = config;
    SimulationOptions options;
    options.memory_bytes = kMemoryBytes;
    options.latency = 11;
    options.stalls = 0.1;
    npu_ = MakeNpu(config_, options);
    Result<std::unique_ptr<NpuHost>> host = NpuHost::Open(*npu_, config_);
    ASSERT_TRUE(host.ok()) << ErrorText(host);
    host_ = std::move(*host);
    ASSERT_TRUE(model.ok()) << ErrorText(model);
    const Result<Program> program = Compile(*model, config_);
    ASSERT_TRUE(program.ok()) << ErrorText(program);
    Result<PlacedProgram> placed = host_->Place(*program);
    ASSERT_TRUE(placed.ok()) << ErrorText(placed);
    placed_ = std::move(*placed);
    input_ = std::move(input);
    golden_ = std::move(golden);
  }

  /// A job by the driver with its error report; the NPU is reset after a failure.
  npu_error_report RunDriverJob(npu_wait_mode mode = NPU_WAIT_INTERRUPT) {
    npu_error_report report = {};
    std::copy(input_.begin(), input_.end(), Memory(placed_.buffers.input.address));
    EXPECT_EQ(npu_submit(&device(), &placed_.checked, &placed_.buffers, mode), NPU_OK);
    if (mode == NPU_WAIT_INTERRUPT) {
      npu_->RunUntilInterrupt(1'000'000);
      EXPECT_TRUE(npu_->Interrupt()) << "an error raises the interrupt";
    }
    const npu_result result = npu_wait(&device(), 1'000'000);
    if (result != NPU_OK) {
      EXPECT_EQ(result, NPU_HARDWARE_ERROR);
      npu_error(&device(), &report);
      EXPECT_EQ(npu_submit(&device(), &placed_.checked, &placed_.buffers, mode), NPU_NEEDS_RESET);
      EXPECT_EQ(npu_reset(&device(), 100'000), NPU_OK);
    }
    return report;
  }

  /// The same for a stream of our own, with windows of our own choice.
  npu_error_report RunStream(const std::vector<Command>& commands, const Windows& windows) {
    return RunWords(StreamWords(config_, commands), windows);
  }

  npu_error_report RunWords(const std::vector<uint32_t>& words, const Windows& windows) {
    std::memcpy(Memory(windows[0].base), words.data(), words.size() * 4);
    WriteWindows(windows, npu_.get());
    npu_->WriteRegister(NPU_REG_IRQ_ENABLE_OFFSET, 3);
    npu_->WriteRegister(NPU_REG_DOORBELL_OFFSET, 0);
    npu_->RunUntilInterrupt(100'000);
    EXPECT_TRUE(npu_->Interrupt());
    npu_error_report report = {};
    if (npu_->ReadRegister(NPU_REG_STATUS_OFFSET) & NPU_STATUS_ERROR_MASK) {
      npu_error(&device(), &report);
    }
    EXPECT_EQ(npu_reset(&device(), 100'000), NPU_OK);
    return report;
  }

  /// Windows in free memory: program, scratch, input, output, 4 KiB each.
  Windows FreeWindows() const {
    const uint64_t base = npu_->MemoryBase() + (8 << 20);
    return {JobWindow{base, 4096, 1}, JobWindow{base + 0x1000, 4096, 3},
            JobWindow{base + 0x2000, 4096, 1}, JobWindow{base + 0x3000, 4096, 3}};
  }

  static Command End() { return Command(Opcode::kEnd, 1, 0); }
  static Command Dma(Opcode opcode, Window window, uint32_t offset, uint32_t bytes,
                     uint32_t tag = 5) {
    Command command(opcode, 3, tag);
    EXPECT_TRUE(command.Set(dma::window, static_cast<int64_t>(window)));
    EXPECT_TRUE(command.Set(dma::global_offset, offset));
    EXPECT_TRUE(command.Set(dma::pe_mask, 1));
    EXPECT_TRUE(command.Set(dma::size0, bytes));
    return command;
  }

  void ExpectError(const npu_error_report& report, uint32_t code, uint32_t engine) {
    EXPECT_EQ(report.code, code) << npu_error_text(report.code);
    EXPECT_EQ(report.engine, engine);
    ExpectNextJobRight();
  }

  /// The NPU is alive and computes what it should.
  void ExpectNextJobRight() {
    const Result<JobReport> report = host_->Run(placed_, {input_}, {});
    ASSERT_TRUE(report.ok()) << ErrorText(report);
    EXPECT_EQ(host_->ReadTensor(placed_, placed_.program.outputs[0]), golden_);
    EXPECT_EQ(npu_->Bus().violations, 0u);
  }

  uint8_t* Memory(uint64_t address) {
    return npu_->Memory().data() + (address - npu_->MemoryBase());
  }
  npu_device& device() { return host_->device(); }

  NpuConfig config_;
  std::unique_ptr<SimulatedNpu> npu_;
  std::unique_ptr<NpuHost> host_;
  PlacedProgram placed_;
  std::vector<uint8_t> input_, golden_;
};

TEST_F(ErrorTest, GoodJobFirst) { ExpectNextJobRight(); }

TEST_F(ErrorTest, BusErrorOnInput) {
  npu_->AddErrorRange(placed_.buffers.input.address, 64);
  const npu_error_report report = RunDriverJob();
  EXPECT_GE(report.address + config_.axi_bytes(), placed_.buffers.input.address);
  EXPECT_LT(report.address, placed_.buffers.input.address + 64);
  npu_->ClearErrors();
  ExpectError(report, NPU_ERROR_AXI_READ, 1);
}

TEST_F(ErrorTest, BusErrorOnParameters) {
  const uint64_t image = placed_.buffers.program.address + placed_.checked.header->image_offset;
  npu_->AddErrorRange(image + placed_.checked.header->image_bytes / 2, 4);
  const npu_error_report report = RunDriverJob(NPU_WAIT_POLL);
  npu_->ClearErrors();
  EXPECT_EQ(report.code, NPU_ERROR_AXI_READ);
  ExpectNextJobRight();
}

class BitErrorTest : public ErrorTest {
 protected:
  void SetUp() override {
    NpuConfig config = SpecConfig("nano");
    config.bnn_enabled = 1;
    config.hash = ConfigHash(config);
    std::vector<uint8_t> golden = ReadBytes(SourcePath("models/digits/fracbnn/golden_sums.bin"));
    golden.resize(40);
    Prepare(config, ReadModel(SourcePath("models/digits/fracbnn/digits_fracbnn.json")),
            DigitLevels(1), golden);
  }
};

/// Gates, thresholds and weights of bits that do not arrive, wherever the running command is.
TEST_F(BitErrorTest, BusErrorsAllOverTheParameters) {
  ExpectNextJobRight();
  const uint64_t image = placed_.buffers.program.address + placed_.checked.header->image_offset;
  const uint64_t bytes = placed_.checked.header->image_bytes;
  int errors = 0;
  for (uint64_t at = 0; at < bytes; at += bytes / 40) {
    SCOPED_TRACE(at);
    npu_->AddErrorRange(image + at, 4);
    const npu_error_report report = RunDriverJob();
    npu_->ClearErrors();
    if (report.code == 0) continue;  // nothing reads it in this job
    ++errors;
    ExpectError(report, NPU_ERROR_AXI_READ, report.engine);
  }
  EXPECT_GE(errors, 30);
}

TEST_F(ErrorTest, BusErrorOnCommands) {
  const uint64_t image = placed_.buffers.program.address + placed_.checked.header->image_offset;
  npu_->AddErrorRange(image + placed_.checked.header->cold_offset, 16);
  const npu_error_report report = RunDriverJob();
  npu_->ClearErrors();
  ExpectError(report, NPU_ERROR_AXI_READ, 0);
}

TEST_F(ErrorTest, BusErrorOnOutput) {
  npu_->AddErrorRange(placed_.buffers.output.address, 64);
  const npu_error_report report = RunDriverJob();
  npu_->ClearErrors();
  ExpectError(report, NPU_ERROR_AXI_WRITE, 2);
}

TEST_F(ErrorTest, MemoryThatDoesNotExist) {
  Windows windows = FreeWindows();
  windows[2].base = npu_->MemoryBase() + kMemoryBytes;
  const npu_error_report report =
      RunStream({Dma(Opcode::kLoad, Window::kInput, 0, 64), End()}, windows);
  EXPECT_EQ(report.tag, 5u);
  EXPECT_EQ(report.address / 64, windows[2].base / 64);
  ExpectError(report, NPU_ERROR_AXI_READ, 1);
}

TEST_F(ErrorTest, WindowTooSmall) {
  Windows windows = FreeWindows();
  windows[2].size = 63;
  const npu_error_report load =
      RunStream({Dma(Opcode::kLoad, Window::kInput, 0, 64), End()}, windows);
  EXPECT_EQ(load.tag, 5u);
  ExpectError(load, NPU_ERROR_WINDOW_BOUNDS, 1);
  windows = FreeWindows();
  windows[3].size = 100;
  const npu_error_report store =
      RunStream({Dma(Opcode::kStore, Window::kOutput, 90, 11), End()}, windows);
  ExpectError(store, NPU_ERROR_WINDOW_BOUNDS, 2);
}

TEST_F(ErrorTest, WindowPermissions) {
  Windows windows = FreeWindows();
  windows[2].flags = 2;
  ExpectError(RunStream({Dma(Opcode::kLoad, Window::kInput, 0, 8), End()}, windows),
              NPU_ERROR_WINDOW_BOUNDS, 1);
  windows = FreeWindows();
  ExpectError(RunStream({Dma(Opcode::kStore, Window::kInput, 0, 8), End()}, windows),
              NPU_ERROR_WINDOW_BOUNDS, 2);
  windows[0].flags = 0;
  ExpectError(RunStream({End()}, windows), NPU_ERROR_WINDOW_BOUNDS, 0);
}

TEST_F(ErrorTest, LastByteOfAWindowIsAllowed) {
  Windows windows = FreeWindows();
  windows[2].size = 64;
  windows[3].size = 64;
  for (int i = 0; i < 64; ++i) Memory(windows[2].base)[i] = static_cast<uint8_t>(3 * i + 1);
  Command load = Dma(Opcode::kLoad, Window::kInput, 1, 63);
  ASSERT_TRUE(load.Set(header::signal_id, 2) && load.Set(header::signal_en, 1));
  Command store = Dma(Opcode::kStore, Window::kOutput, 1, 63);
  ASSERT_TRUE(store.Set(header::wait0_id, 2) && store.Set(header::wait0_en, 1) &&
              store.Set(header::wait0_count, 1));
  const npu_error_report report = RunStream({load, store, End()}, windows);
  EXPECT_EQ(report.code, NPU_ERROR_NONE);
  EXPECT_EQ(std::memcmp(Memory(windows[2].base) + 1, Memory(windows[3].base) + 1, 63), 0);
  EXPECT_EQ(Memory(windows[3].base)[0], 0);
  EXPECT_EQ(Memory(windows[3].base)[64], 0);
}

TEST_F(ErrorTest, DamagedStreams) {
  const auto run = [this](uint32_t word, uint32_t flip) {
    std::vector<uint32_t> words = {NPU_STREAM_MAGIC,
                                   NPU_COMMAND_SET_VERSION,
                                   static_cast<uint32_t>(config_.hash),
                                   static_cast<uint32_t>(config_.hash >> 32),
                                   3,
                                   0,
                                   0,
                                   0,
                                   0x0101,
                                   0,
                                   0,
                                   0};
    words[word] ^= flip;
    return RunWords(words, FreeWindows());
  };
  ExpectError(run(0, 0), NPU_ERROR_NONE, 0);
  ExpectError(run(0, 1), NPU_ERROR_BAD_MAGIC, 0);
  ExpectError(run(1, 2), NPU_ERROR_BAD_VERSION, 0);
  ExpectError(run(2, 1), NPU_ERROR_BAD_HASH, 0);
  ExpectError(run(3, 0x80000000), NPU_ERROR_BAD_HASH, 0);
  ExpectError(run(8, 0x7e), NPU_ERROR_BAD_OPCODE, 0);
  ExpectError(run(8, 0x0300), NPU_ERROR_BAD_LENGTH, 0);
  // Entries of the stream: 3 becomes 0xffffff03, far beyond the window.
  const npu_error_report report = run(4, 0xffffff00);
  EXPECT_NE(report.code, NPU_ERROR_NONE);
  ExpectNextJobRight();
}

TEST_F(ErrorTest, DeadlockIsFound) {
  Command load = Dma(Opcode::kLoad, Window::kInput, 0, 16, 9);
  ASSERT_TRUE(load.Set(header::wait0_id, 3) && load.Set(header::wait0_en, 1) &&
              load.Set(header::wait0_count, 1));
  const npu_error_report report = RunStream({load, End()}, FreeWindows());
  EXPECT_EQ(report.code, NPU_ERROR_DEADLOCK);
  ExpectNextJobRight();
}

TEST_F(ErrorTest, WeightsThatNeverArriveAreADeadlock) {
  // The command begins with its first weight row and follows a LOAD that brings no second one.
  Command load = Dma(Opcode::kLoad, Window::kInput, 0, config_.core_row_bytes(), 9);
  ASSERT_TRUE(load.Set(dma::core_memory, 1) && load.Set(dma::core_mask, 1) &&
              load.Set(header::signal_id, 0) && load.Set(header::signal_en, 1) &&
              load.Set(header::signal_bytes, 1));
  Command matmul(Opcode::kMatmul, 8, 12);
  for (const char* field :
       {"pe_mask", "acc_init", "drain", "out_w", "positions", "groups", "channels",
        "group_channels", "k1_count", "k2_count", "in_h", "follow", "wait1_en"}) {
    ASSERT_TRUE(matmul.Set(*FindField(Opcode::kMatmul, field), 1)) << field;
  }
  ASSERT_TRUE(matmul.Set(compute::k0_count, 8) &&
              matmul.Set(compute::row_bytes, 8 * config_.simd) &&
              matmul.Set(header::wait1_count, config_.core_row_bytes()));
  const npu_error_report report = RunStream({load, matmul, End()}, FreeWindows());
  EXPECT_EQ(report.code, NPU_ERROR_DEADLOCK);
  EXPECT_EQ(report.tag, 12u);
  ExpectNextJobRight();
}

TEST_F(ErrorTest, LoadsTakenAheadOfTheirWaits) {
  // More of them than the engine takes; the first one waits for what the last command does.
  std::vector<Command> commands;
  for (int i = 0; i < 9; ++i) {
    commands.push_back(
        Dma(Opcode::kLoad, Window::kInput, 64 * i, 64, static_cast<uint16_t>(20 + i)));
    ASSERT_TRUE(commands.back().Set(dma::local_address, 64 * i) &&
                commands.back().Set(header::ahead, 1) && commands.back().Set(header::wait0_id, 3) &&
                commands.back().Set(header::wait0_en, 1) &&
                commands.back().Set(header::wait0_count, 1));
  }
  commands.push_back(Command(Opcode::kLoad, 1, 40));
  ASSERT_TRUE(commands.back().Set(header::signal_id, 5) &&
              commands.back().Set(header::signal_en, 1));
  Command store = Dma(Opcode::kStore, Window::kOutput, 0, 9 * 64, 41);
  ASSERT_TRUE(store.Set(header::wait0_id, 5) && store.Set(header::wait0_en, 1) &&
              store.Set(header::wait0_count, 1));
  const std::vector<Command> tail = {store, End()};
  for (const bool deadlock : {true, false}) {
    std::vector<Command> stream = commands;
    if (!deadlock) {
      stream.insert(stream.begin(), Dma(Opcode::kStore, Window::kScratch, 0, 16, 1));
      ASSERT_TRUE(stream[0].Set(header::signal_id, 3) && stream[0].Set(header::signal_en, 1));
    }
    stream.insert(stream.end(), tail.begin(), tail.end());
    const Windows windows = FreeWindows();
    for (int i = 0; i < 9 * 64; ++i) Memory(windows[2].base)[i] = static_cast<uint8_t>(5 * i + 1);
    const npu_error_report report = RunStream(stream, windows);
    EXPECT_EQ(report.code, deadlock ? NPU_ERROR_DEADLOCK : NPU_ERROR_NONE);
    if (deadlock) {
      EXPECT_EQ(report.tag, 20u);
    } else {
      EXPECT_EQ(std::memcmp(Memory(windows[2].base), Memory(windows[3].base), 9 * 64), 0);
    }
    ExpectNextJobRight();
  }
}

TEST_F(ErrorTest, BadBarrierAndBadField) {
  Command load = Dma(Opcode::kLoad, Window::kInput, 0, 16);
  ASSERT_TRUE(load.Set(header::wait0_id, 16) && load.Set(header::wait0_en, 1));
  EXPECT_EQ(RunStream({load, End()}, FreeWindows()).code, NPU_ERROR_BAD_BARRIER);
  ExpectNextJobRight();
  const Command empty = Dma(Opcode::kLoad, Window::kInput, 0, 0);
  ExpectError(RunStream({empty, End()}, FreeWindows()), NPU_ERROR_BAD_FIELD, 1);
}

TEST_F(ErrorTest, LocalBounds) {
  Command load = Dma(Opcode::kLoad, Window::kInput, 0, 16);
  ASSERT_TRUE(load.Set(dma::local_address, config_.pe_memory_bytes - 15));
  const npu_error_report report = RunStream({load, End()}, FreeWindows());
  ExpectError(report, NPU_ERROR_LOCAL_BOUNDS, 1);
}

TEST_F(ErrorTest, ResetInTheMiddleOfAJob) {
  for (const uint64_t cycles : {1, 30, 200, 1000, 5000, 20000}) {
    ASSERT_EQ(npu_submit(&device(), &placed_.checked, &placed_.buffers, NPU_WAIT_INTERRUPT),
              NPU_OK);
    npu_->Run(cycles);
    ASSERT_EQ(npu_reset(&device(), 100'000), NPU_OK) << "after " << cycles << " cycles";
    EXPECT_FALSE(npu_->Interrupt());
    ExpectNextJobRight();
  }
}

TEST_F(ErrorTest, WrongConfigurationIsRefusedByTheDriver) {
  NpuConfig other = config_;
  other.hash ^= 1;
  const Result<std::unique_ptr<NpuHost>> host = NpuHost::Open(*npu_, other);
  ASSERT_FALSE(host.ok());
  EXPECT_EQ(host.errors().front().code, DiagnosticCode::kDriver);
  Program program = placed_.program;
  program.config_hash ^= 1;
  const Result<PlacedProgram> placed = host_->Place(program);
  ASSERT_FALSE(placed.ok());
  EXPECT_EQ(placed.errors().front().code, DiagnosticCode::kDriver);
}

TEST_F(ErrorTest, RuntimeReportsAndRecovers) {
  npu_->AddErrorRange(placed_.buffers.input.address, 64);
  const Result<JobReport> failed = host_->Run(placed_, {input_}, {});
  ASSERT_FALSE(failed.ok());
  EXPECT_EQ(failed.errors().front().code, DiagnosticCode::kHardwareError);
  EXPECT_EQ(ExitStatus(failed.errors().front().code), 7);
  npu_->ClearErrors();
  NpuHost::JobOptions hurried;
  hurried.timeout_cycles = 100;
  const Result<JobReport> late = host_->Run(placed_, {input_}, hurried);
  ASSERT_FALSE(late.ok());
  EXPECT_EQ(late.errors().front().code, DiagnosticCode::kHardwareTimeout);
  ExpectNextJobRight();
}

}  // namespace
}  // namespace npugen::testing

// SPDX-License-Identifier: Apache-2.0
// The bare-metal firmware on the board of verif/board: an emulated RV32IM CPU, with the verilated
// NPU as its device.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "sw/compiler/compile_network.h"
#include "sw/firmware/board.h"
#include "sw/model/tflite_reader.h"
#include "tests/support/files.h"
#include "tests/support/stateful_network.h"
#include "tests/system/simulation.h"
#include "verif/board/firmware_board.h"
#include "verif/golden/golden_model.h"
#include "verif/random/random_model.h"
#include "verif/random/tflite_writer.h"

namespace npugen::testing {
namespace {

constexpr uint64_t kMemoryBytes = 4 << 20;
constexpr uint32_t kBuffers = BOARD_MEMORY_BASE + (1 << 20);
constexpr uint64_t kMostCycles = 2'000'000;

/// Another firmware may take the place of the one that was built: mutants do.
std::string FirmwarePath() {
  const char* path = std::getenv("NPUGEN_FIRMWARE");
  return path != nullptr ? path : NPUGEN_FIRMWARE_ELF;
}

/// The firmware of the path above.
ElfFile Firmware() {
  Result<ElfFile> elf = ElfFile::Read(FirmwarePath());
  if (elf) return std::move(*elf);
  std::fprintf(stderr, "%s is no firmware\n", FirmwarePath().c_str());
  std::exit(1);
}

class FirmwareTest : public ::testing::Test {
 protected:
  void SetUp() override {
    config_ = SpecConfig("nano");
    const Result<Model> model = LoadTflite(SourcePath("models/digits/digits_cnn_int8.tflite"));
    ASSERT_TRUE(model.ok());
    Result<Network> network = CompileNetwork(*model, config_);
    ASSERT_TRUE(network.ok()) << ErrorText(network);
    network_ = std::move(*network);
    images_ = ReadBytes(SourcePath("models/digits/input.bin"));
    golden_ = ReadBytes(SourcePath("models/digits/golden_prob.bin"));
    Open({});
  }

  /// A board at power-up, without steps.
  void Open(const BoardOptions& options) {
    ExpectNoProblems();
    board_.reset();
    SimulationOptions simulation;
    simulation.memory_base = BOARD_MEMORY_BASE;
    simulation.memory_bytes = kMemoryBytes;
    npu_ = MakeNpu(config_, simulation);
    Result<std::unique_ptr<FirmwareBoard>> board = FirmwareBoard::Open(*npu_, Firmware(), options);
    ASSERT_TRUE(board.ok()) << ErrorText(board);
    board_ = std::move(*board);
    steps_ = 0;
    next_ = kBuffers;
    box() = {};
    box().magic = BOARD_MAILBOX_MAGIC;
    box().result = box().done = box().interrupts = 0xa5a5a5a5;  // the firmware writes them
    const std::vector<uint8_t> file = WriteNetwork(network_);
    box().network = Region(file.size());
    box().scratch = Region(network_.scratch_bytes());
    std::copy(file.begin(), file.end(), board_->At(box().network.address));
  }

  void TearDown() override { ExpectNoProblems(); }

  /// The board saw nothing that must not be.
  void ExpectNoProblems() const {
    if (board_ == nullptr) return;
    for (const std::string& problem : board_->problems()) ADD_FAILURE() << problem;
  }
  board_mailbox& box() { return *reinterpret_cast<board_mailbox*>(board_->At(BOARD_MAILBOX)); }
  board_region Region(size_t bytes) {
    const board_region region = {next_, static_cast<uint32_t>(bytes)};
    next_ += static_cast<uint32_t>((bytes + 63) / 64 * 64);
    return region;
  }
  /// Where the image of a job is.
  uint32_t Input(const board_step& step) {
    return step.arena.address + network_.inputs()[0].offset;
  }
  /// Another step; jobs have an arena with an image and an output of their own.
  board_step& Add(board_action action, uint64_t timeout = kMostCycles) {
    board_step& step = box().steps[steps_];
    step.action = action;
    step.timeout = static_cast<uint32_t>(timeout);
    step.arena = Region(network_.arena_bytes);
    const auto bytes = static_cast<ptrdiff_t>(network_.inputs()[0].bytes);
    const auto image = images_.begin() + static_cast<ptrdiff_t>(steps_) * bytes;
    std::copy(image, image + bytes, board_->At(Input(step)));
    ++steps_;
    return step;
  }
  /// Whether the job of step `job` left the result of its image.
  bool Right(uint32_t job) {
    const NetworkTensor& output = network_.outputs()[0];
    const auto bytes = static_cast<ptrdiff_t>(output.bytes);
    const auto golden = golden_.begin() + static_cast<ptrdiff_t>(job) * bytes;
    return std::equal(golden, golden + bytes,
                      board_->At(box().steps[job].arena.address + output.offset));
  }
  /// Runs the firmware; the steps must end with these results.
  void Run(const std::vector<npu_result>& results) {
    ASSERT_EQ(board_->Run(), 0);
    EXPECT_EQ(box().result, static_cast<uint32_t>(NPU_OK));
    EXPECT_EQ(box().trap, 0u);
    ASSERT_EQ(box().done, results.size());
    for (size_t i = 0; i < results.size(); ++i) {
      EXPECT_EQ(box().steps[i].result, static_cast<uint32_t>(results[i])) << "step " << i;
    }
    EXPECT_EQ(npu_->failed_accesses(), 0u);
    EXPECT_EQ(npu_->Bus().violations, 0u);
  }

  NpuConfig config_;
  Network network_;
  std::vector<uint8_t> images_, golden_;
  std::unique_ptr<SimulatedNpu> npu_;
  std::unique_ptr<FirmwareBoard> board_;
  uint32_t steps_ = 0, next_ = 0;
};

TEST_F(FirmwareTest, RunsAJobByPollingAndByInterrupt) {
  Add(BOARD_RUN_POLLED);
  Add(BOARD_FORGET);
  Add(BOARD_RUN_INTERRUPT);
  Run({NPU_OK, NPU_OK, NPU_OK});
  EXPECT_TRUE(Right(0) && Right(2));
  EXPECT_EQ(box().interrupts, 1u);
  EXPECT_EQ(board_->traps(), 1u);
  EXPECT_EQ(board_->sleeps(), 1u);
  EXPECT_GT(board_->register_accesses(), 1000u) << "the polled job";
  EXPECT_GT(box().steps[0].cycles, 10'000u);
  EXPECT_EQ(box().steps[0].cycles, box().steps[2].cycles) << "waiting does not disturb the job";
}

/// A job after one that ended well finds its parameters; not so after a reset.
TEST_F(FirmwareTest, WarmJobs) {
  Add(BOARD_RUN_POLLED);
  Add(BOARD_RUN_POLLED);
  Add(BOARD_RUN_INTERRUPT);
  Add(BOARD_RESET, 2000);
  Add(BOARD_RUN_INTERRUPT);
  Add(BOARD_FORGET);
  Add(BOARD_RUN_POLLED);
  Add(BOARD_RUN_POLLED);
  Run(std::vector<npu_result>(8, NPU_OK));
  const board_step* steps = box().steps;
  for (const uint32_t cold : {0u, 4u, 6u}) {
    EXPECT_TRUE(Right(cold)) << cold;
    EXPECT_EQ(steps[cold].warm, 0u) << cold;
    EXPECT_EQ(steps[cold].bytes_read, steps[0].bytes_read) << cold;
  }
  for (const uint32_t warm : {1u, 2u, 7u}) {
    EXPECT_TRUE(Right(warm)) << warm;
    EXPECT_EQ(steps[warm].warm, 1u) << warm;
    EXPECT_LT(steps[warm].bytes_read, steps[0].bytes_read) << warm;
  }
  EXPECT_EQ(box().interrupts, 2u);
}

/// Also where the low half of the timer wraps while the driver waits, just before, and just after.
TEST_F(FirmwareTest, TimeoutsWhereTheTimerWraps) {
  constexpr uint64_t kTimeout = 4000, kWrap = uint64_t{1} << 32;
  for (const uint64_t start : {uint64_t{0}, kWrap - 20'000, kWrap - 2000, kWrap - 400, kWrap,
                               2 * kWrap - 2000, 6 * kWrap - 20'000}) {
    SCOPED_TRACE(start);
    Open({.time_at_start = start});
    Add(BOARD_RUN_POLLED, kTimeout);
    Run({NPU_TIMEOUT});
    EXPECT_GE(board_->CyclesSinceDoorbell(), kTimeout);
    EXPECT_LT(board_->CyclesSinceDoorbell(), kTimeout + 300);

    // Neither too early: a job within its time.
    Open({.time_at_start = start});
    Add(BOARD_RUN_POLLED, kTimeout);
    Add(BOARD_WAIT, 60'000);
    Add(BOARD_RUN_POLLED, 60'000);
    Run({NPU_TIMEOUT, NPU_OK, NPU_OK});
    EXPECT_TRUE(Right(0) && Right(2));
    EXPECT_EQ(box().steps[2].warm, 1u) << "the job ended well, though late";
  }
}

/// A CPU that wakes without an interrupt: the driver looks at the time.
TEST_F(FirmwareTest, TimeoutsWithInterrupts) {
  constexpr uint64_t kTimeout = 4000;
  Open({.time_at_start = 0xfffff800, .wake_after = 500});
  Add(BOARD_RUN_INTERRUPT, kTimeout);
  Run({NPU_TIMEOUT});
  EXPECT_GE(board_->CyclesSinceDoorbell(), kTimeout);
  EXPECT_LT(board_->CyclesSinceDoorbell(), kTimeout + 800);
  EXPECT_EQ(box().interrupts, 0u);

  Open({.wake_after = 500});
  Add(BOARD_RUN_INTERRUPT, kTimeout);
  Add(BOARD_WAIT);
  Run({NPU_TIMEOUT, NPU_OK});
  EXPECT_TRUE(Right(0));
  EXPECT_EQ(box().interrupts, 1u);
}

/// A bus that answers no more.
TEST_F(FirmwareTest, TimeoutOfAJobThatNeverEnds) {
  constexpr uint64_t kTimeout = 60'000;  // before the watchdog
  npu_->MuteBus(/*channel=*/1, /*transfers=*/100);
  Add(BOARD_RUN_POLLED, kTimeout);
  Run({NPU_TIMEOUT});
  EXPECT_GE(board_->CyclesSinceDoorbell(), kTimeout);
  EXPECT_LT(board_->CyclesSinceDoorbell(), kTimeout + 300);
}

/// The reset ends the job, long before it would have ended by itself; the next job is right.
TEST_F(FirmwareTest, JobAfterAResetOfARunningOne) {
  for (const board_action run : {BOARD_RUN_POLLED, BOARD_RUN_INTERRUPT}) {
    Open({.time_at_start = 0xffffe000, .wake_after = 700});
    Add(BOARD_RUN_POLLED, 50'000);
    Add(BOARD_RUN_POLLED, 4000);
    Add(BOARD_RESET, 2000);
    Add(run, 50'000);
    Add(run, 50'000);
    Run({NPU_OK, NPU_TIMEOUT, NPU_OK, NPU_OK, NPU_OK});
    EXPECT_TRUE(Right(3) && Right(4));
    EXPECT_EQ(box().steps[3].warm, 0u);
    EXPECT_EQ(box().steps[3].cycles, box().steps[0].cycles);
    EXPECT_EQ(box().steps[4].warm, 1u);
  }
}

TEST_F(FirmwareTest, JobAfterABusErrorAndAReset) {
  const board_step& bad = Add(BOARD_RUN_POLLED);
  npu_->AddErrorRange(Input(bad), 64);
  Add(BOARD_RUN_POLLED);
  Add(BOARD_RESET, 2000);
  Add(BOARD_RUN_INTERRUPT);
  Run({NPU_HARDWARE_ERROR, NPU_NEEDS_RESET, NPU_OK, NPU_OK});
  EXPECT_EQ(bad.error, 9u);
  EXPECT_FALSE(Right(1));
  EXPECT_TRUE(Right(3));
  EXPECT_EQ(box().steps[3].warm, 0u);
}

TEST_F(FirmwareTest, ReportsAProgramForOtherHardware) {
  // A whole network of another NPU: the file, its program and both of its streams name its hash.
  const uint32_t network = box().network.address;
  reinterpret_cast<npu_network_header*>(board_->At(network))->config_hash ^= 1;
  const uint32_t file = network + NPU_NETWORK_PAGE;
  npu_program_header& header = *reinterpret_cast<npu_program_header*>(board_->At(file));
  header.config_hash ^= 1;
  constexpr uint32_t kHash = 8;  // in a stream's header
  for (const uint32_t stream : std::set{header.cold_offset, header.warm_offset}) {
    *board_->At(file + header.image_offset + stream + kHash) ^= 1;
  }
  Add(BOARD_RUN_POLLED);
  EXPECT_EQ(board_->Run(), 1);
  EXPECT_EQ(box().done, 0u);
  EXPECT_EQ(box().result, static_cast<uint32_t>(NPU_WRONG_PROGRAM));
}

/// Float ends are the CPU's, which has no floating point.
TEST_F(FirmwareTest, ConvertsFloatEnds) {
  RandomSource random(1);
  TfliteWriter writer;
  const int32_t in = writer.Floats({1, 24});
  writer.model().inputs.push_back(in);
  const int32_t quantized = writer.Activation({1, 24}, 0.0731f, -3);
  const int32_t scores = writer.Activation({1, 7}, 0.61f, 5);
  const int32_t out = writer.Floats({1, 7});
  std::vector<int8_t> weights(24 * 7);
  for (int8_t& weight : weights) weight = static_cast<int8_t>(random.Integer(-127, 127));
  writer.Append(OperatorType::kQuantize, {in}, {quantized});
  writer.FullyConnected(quantized, writer.Weights({7, 24}, weights, {0.013f}), -1, scores);
  writer.Append(OperatorType::kDequantize, {scores}, {out});
  writer.Output(out);
  const Result<Model> model = ReadTflite(writer.Write(), "float ends");
  ASSERT_TRUE(model.ok()) << ErrorText(model);
  Result<Network> network = CompileNetwork(*model, config_);
  ASSERT_TRUE(network.ok()) << ErrorText(network);
  network_ = std::move(*network);
  images_.clear();
  golden_.clear();
  for (int run = 0; run < 2; ++run) {
    std::vector<uint8_t> image(24 * 4);
    for (size_t i = 0; i < 24; ++i) {
      // Halves between two values, values, and anything.
      float value = static_cast<float>(random.Integer(-300, 300)) * 0.5f * 0.0731f;
      if (random.Chance(3)) value = static_cast<float>(random.Real(-12, 12));
      std::memcpy(&image[4 * i], &value, 4);
    }
    const Result<TensorBytes> golden = RunGolden(*model, {image});
    ASSERT_TRUE(golden.ok());
    images_.insert(images_.end(), image.begin(), image.end());
    golden_.insert(golden_.end(), (*golden)[out].begin(), (*golden)[out].end());
  }
  Open({});
  Add(BOARD_RUN_POLLED);
  Add(BOARD_RUN_INTERRUPT);
  Run({NPU_OK, NPU_OK});
  EXPECT_TRUE(Right(0));
  EXPECT_TRUE(Right(1));
}

/// Streaming and recurrent layers keep their states from run to run, and are reset; activations of
/// 16 bits are the CPU's.
TEST_F(FirmwareTest, KeepsStatesAndComputesInSixteenBits) {
  constexpr int kRuns = 3;
  const std::vector<uint8_t> files[] = {MakeStreamingNetwork(3), MakeSvdfNetwork(3),
                                        MakeLstmNetwork(1), MakeLstmNetwork(2), MakeWideNetwork(2)};
  for (const std::vector<uint8_t>& file : files) {
    const Result<Model> model = ReadTflite(file, "network");
    ASSERT_TRUE(model.ok()) << ErrorText(model);
    SCOPED_TRACE(model->operators[0].name);
    Result<Network> network = CompileNetwork(*model, config_, {.host_operators = true});
    ASSERT_TRUE(network.ok()) << ErrorText(network);
    network_ = std::move(*network);
    const std::vector<std::vector<uint8_t>> inputs = MakeRandomInputs(*model, 5);
    images_ = inputs[0];
    images_.resize(inputs[0].size() * 2 * kRuns + 64);  // of steps that reset nothing is read
    Open({});
    const GoldenModel golden(*model);
    std::vector<std::vector<uint8_t>> states;
    std::vector<std::vector<uint8_t>> expected;
    for (int run = 0; run < kRuns; ++run) {
      const Result<TensorBytes> tensors = golden.Run(inputs, &states);
      ASSERT_TRUE(tensors.ok());
      expected.push_back((*tensors)[model->outputs[0]]);
    }
    const board_region arena = Add(BOARD_RESET_STATE).arena;
    std::vector<npu_result> results = {NPU_OK};
    const auto add = [&](board_action action) {
      Add(action).arena = arena;
      results.push_back(NPU_OK);
    };
    for (int run = 0; run < kRuns; ++run)
      add(run % 2 == 0 ? BOARD_RUN_INTERRUPT : BOARD_RUN_POLLED);
    Run(results);
    const NetworkTensor& output = network_.outputs()[0];
    const auto is = [&](int run) {
      return std::equal(expected[run].begin(), expected[run].end(),
                        board_->At(arena.address + output.offset));
    };
    EXPECT_TRUE(is(kRuns - 1));
    Open({});
    const board_region again = Add(BOARD_RESET_STATE).arena;
    ASSERT_EQ(again.address, arena.address);
    results = {NPU_OK};
    for (const board_action action :
         {BOARD_RUN_POLLED, BOARD_RUN_POLLED, BOARD_RESET_STATE, BOARD_RUN_POLLED}) {
      add(action);
    }
    Run(results);
    EXPECT_TRUE(is(0)) << "after a reset";
  }
}

TEST_F(FirmwareTest, NeedsItsMailbox) {
  box().magic ^= 1;
  Add(BOARD_RUN_POLLED);
  EXPECT_EQ(board_->Run(), 1);
  EXPECT_EQ(board_->register_accesses(), 0u);
}

TEST_F(FirmwareTest, EndsWithAnUnexpectedTrap) {
  constexpr uint32_t kLoadFault = 5;
  Open({.cause = kLoadFault});
  Add(BOARD_RUN_INTERRUPT);
  EXPECT_EQ(board_->Run(), 1);
  EXPECT_EQ(box().trap, kLoadFault);
}

/// Files that were cut off or changed are refused, or read without leaving them.
TEST(FirmwareFileTest, DamagedFiles) {
  const std::vector<uint8_t> good = ReadBytes(FirmwarePath());
  for (size_t bytes = 0; bytes < good.size(); bytes += bytes < 200 ? 1 : 997) {
    const auto end = good.begin() + static_cast<ptrdiff_t>(bytes);
    EXPECT_FALSE(ElfFile::Parse({good.begin(), end}, "cut.elf").ok()) << bytes;
  }
  RandomSource random(5);
  const auto headers = static_cast<int64_t>(good.size() - 1);
  for (int round = 0; round < 2000; ++round) {
    std::vector<uint8_t> bad = good;
    // The header, and the table of sections at the end.
    const int64_t at = random.Chance(2) ? random.Integer(0, 200) : headers - random.Integer(0, 600);
    bad[static_cast<size_t>(at)] = static_cast<uint8_t>(random.Integer(0, 255));
    const Result<ElfFile> elf = ElfFile::Parse(std::move(bad), "bad.elf");
    if (!elf) continue;
    uint64_t bytes = elf->CodeBytes() + elf->Section(".text").size();
    for (const ElfFile::Function& function : elf->Functions()) bytes += function.name.size();
    EXPECT_GT(bytes, 0u);
  }
}

/// The firmware must run on any RV32IM core: no compressed, atomic or floating-point instructions.
TEST(FirmwareFileTest, UsesOnlyRv32im) {
  const ElfFile elf = Firmware();
  EXPECT_EQ(elf.flags(), 0u) << "no compressed code, soft-float ABI";
  const std::string attributes = elf.Section(".riscv.attributes");
  const size_t arch = attributes.find("rv32");
  ASSERT_NE(arch, std::string::npos);
  const std::string text = attributes.c_str() + arch;
  EXPECT_EQ(text, "rv32i2p1_m2p0_zicsr2p0_zmmul1p0") << "zmmul is part of m";
  const std::string code = elf.Section(".text");
  ASSERT_EQ(code.size() % 4, 0u);
  for (size_t i = 0; i < code.size(); i += 4) {
    uint32_t word = 0;
    std::memcpy(&word, code.data() + i, 4);
    switch (word & 0x7f) {
      case 0x37:  // lui
      case 0x17:  // auipc
      case 0x6f:  // jal
      case 0x67:  // jalr
      case 0x63:  // branches
      case 0x03:  // loads
      case 0x23:  // stores
      case 0x13:  // immediate
      case 0x33:  // register, M included
      case 0x0f:  // fence
      case 0x73:  // system, control registers
        break;
      default:
        ADD_FAILURE() << "instruction 0x" << std::hex << word << " at 0x" << i;
    }
  }
}

}  // namespace
}  // namespace npugen::testing

// SPDX-License-Identifier: Apache-2.0
// The C driver against a scripted register file: every result code, every way a job can end.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <functional>
#include <string>

#include "generator/arch/command_set.h"
#include "generator/arch/register_map.h"
#include "sw/compiler/program.h"
#include "sw/driver/npu_driver.h"
#include "tests/driver/fake_device.h"
#include "tests/driver/program_file.h"

namespace npugen::testing {
namespace {

constexpr uint64_t kToken = 0xabcdef0123456789;

std::vector<uint8_t> MakeFile(uint64_t token = kToken) { return MakeProgramFile(token); }

class DriverTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(npu_init(&device_, &fake_.platform, FakeDevice::kHash), NPU_OK);
    LoadFile(MakeFile());
    ASSERT_EQ(Check(), NPU_OK);
    buffers_.program = {0x80000000, static_cast<uint32_t>(file_.size())};
    buffers_.scratch = {0x80100000, 4096};
    buffers_.input = {0x80200000, 64};
    buffers_.output = {0x12'80300000, 64};
  }

  /// Keeps the file at an address with the alignment that the driver asks for.
  void LoadFile(const std::vector<uint8_t>& file) {
    storage_.assign(file.size() / 8 + 2, 0);
    file_ = {reinterpret_cast<uint8_t*>(storage_.data()), file.size()};
    std::copy(file.begin(), file.end(), file_.begin());
  }
  npu_program_header& header() { return *reinterpret_cast<npu_program_header*>(file_.data()); }
  npu_result Check() {
    return npu_program_check(&device_, file_.data(), static_cast<uint32_t>(file_.size()),
                             &program_);
  }
  npu_result Submit(npu_wait_mode mode = NPU_WAIT_POLL) {
    return npu_submit(&device_, &program_, &buffers_, mode);
  }
  /// The last value written to a register.
  uint32_t Written(uint32_t offset) {
    for (auto write = fake_.writes.rbegin(); write != fake_.writes.rend(); ++write) {
      if (write->first == offset) return write->second;
    }
    ADD_FAILURE() << "no write to 0x" << std::hex << offset;
    return 0;
  }
  uint64_t Token() {
    return uint64_t{fake_[NPU_REG_CACHE_TOKEN_HI_OFFSET]} << 32 |
           fake_[NPU_REG_CACHE_TOKEN_LO_OFFSET];
  }

  FakeDevice fake_;
  npu_device device_ = {};
  npu_program program_ = {};
  npu_buffers buffers_ = {};
  std::vector<uint64_t> storage_;
  std::span<uint8_t> file_;
};

TEST_F(DriverTest, InitReadsTheShape) {
  const npu_capabilities& shape = device_.capabilities;
  EXPECT_EQ(shape.lanes, 12u);
  EXPECT_EQ(shape.simd, 4u);
  EXPECT_EQ(shape.cores, 2u);
  EXPECT_EQ(shape.post_width, 16u);
  EXPECT_EQ(shape.grid_x, 2u);
  EXPECT_EQ(shape.grid_y, 3u);
  EXPECT_EQ(shape.accumulators, 256u);
  EXPECT_EQ(shape.axi_bytes, 8u);
  EXPECT_EQ(shape.address_bits, 40u);
  EXPECT_EQ(shape.pe_memory_bytes, 65536u);
  EXPECT_EQ(shape.core_memory_bytes, 4096u);
  EXPECT_EQ(device_.config_hash, FakeDevice::kHash);
}

TEST_F(DriverTest, InitRefusesOtherHardware) {
  npu_device device;
  EXPECT_EQ(npu_init(&device, &fake_.platform, FakeDevice::kHash ^ 1), NPU_WRONG_HARDWARE);
  EXPECT_EQ(npu_init(&device, &fake_.platform, FakeDevice::kHash ^ uint64_t{1} << 63),
            NPU_WRONG_HARDWARE);
  fake_[NPU_REG_VERSION_OFFSET] = NPU_COMMAND_SET_VERSION + 1;
  EXPECT_EQ(npu_init(&device, &fake_.platform, FakeDevice::kHash), NPU_BAD_VERSION);
  fake_[NPU_REG_ID_OFFSET] = 0xffffffff;
  EXPECT_EQ(npu_init(&device, &fake_.platform, FakeDevice::kHash), NPU_NO_DEVICE);
}

TEST_F(DriverTest, InitRefusesMissingFunctions) {
  npu_device device;
  EXPECT_EQ(npu_init(nullptr, &fake_.platform, 0), NPU_BAD_ARGUMENT);
  EXPECT_EQ(npu_init(&device, nullptr, 0), NPU_BAD_ARGUMENT);
  npu_platform platform = fake_.platform;
  platform.read32 = nullptr;
  EXPECT_EQ(npu_init(&device, &platform, 0), NPU_BAD_ARGUMENT);
  platform = fake_.platform;
  platform.write32 = nullptr;
  EXPECT_EQ(npu_init(&device, &platform, 0), NPU_BAD_ARGUMENT);
  platform = fake_.platform;
  platform.time = nullptr;
  EXPECT_EQ(npu_init(&device, &platform, 0), NPU_BAD_ARGUMENT);
}

TEST_F(DriverTest, SubmitSetsWindowsAndRingsOnce) {
  ASSERT_EQ(Submit(), NPU_OK);
  const uint32_t stride = NPU_REG_WINDOW_BASE_LO_STRIDE;
  EXPECT_EQ(Written(NPU_REG_WINDOW_BASE_LO_OFFSET), 0x80000000 + header().image_offset);
  EXPECT_EQ(Written(NPU_REG_WINDOW_SIZE_OFFSET), header().image_bytes);
  EXPECT_EQ(Written(NPU_REG_WINDOW_FLAGS_OFFSET), NPU_WINDOW_FLAGS_READ_MASK);
  EXPECT_EQ(Written(NPU_REG_WINDOW_SIZE_OFFSET + stride), 128u);
  EXPECT_EQ(Written(NPU_REG_WINDOW_FLAGS_OFFSET + stride),
            NPU_WINDOW_FLAGS_READ_MASK | NPU_WINDOW_FLAGS_WRITE_MASK);
  EXPECT_EQ(Written(NPU_REG_WINDOW_FLAGS_OFFSET + 2 * stride), NPU_WINDOW_FLAGS_READ_MASK);
  EXPECT_EQ(Written(NPU_REG_WINDOW_BASE_LO_OFFSET + 3 * stride), 0x80300000);
  EXPECT_EQ(Written(NPU_REG_WINDOW_BASE_HI_OFFSET + 3 * stride), 0x12u);
  EXPECT_EQ(Written(NPU_REG_WINDOW_SIZE_OFFSET + 3 * stride), 10u);
  EXPECT_EQ(fake_.writes.back(), (std::pair{NPU_REG_DOORBELL_OFFSET, header().cold_offset}));
  EXPECT_EQ(fake_.doorbells, 1u);
  EXPECT_EQ(fake_.barriers, 1u) << "stores must be visible before the doorbell";
}

TEST_F(DriverTest, PollingRaisesNoInterrupt) {
  ASSERT_EQ(Submit(NPU_WAIT_POLL), NPU_OK);
  EXPECT_EQ(fake_[NPU_REG_IRQ_ENABLE_OFFSET], 0u);
  EXPECT_EQ(npu_wait(&device_, 1000), NPU_OK);
  EXPECT_EQ(fake_.sleeps, 0u);
  EXPECT_EQ(fake_[NPU_REG_IRQ_STATUS_OFFSET], 0u);
  EXPECT_EQ(fake_.barriers, 2u) << "results must be visible after the wait";
}

TEST_F(DriverTest, InterruptEndsTheSleep) {
  fake_.job_ticks = 900;
  ASSERT_EQ(Submit(NPU_WAIT_INTERRUPT), NPU_OK);
  EXPECT_EQ(npu_wait(&device_, 10000), NPU_OK);
  EXPECT_EQ(fake_.sleeps, 1u);
  EXPECT_FALSE(fake_.irq());
  EXPECT_EQ(fake_[NPU_REG_IRQ_STATUS_OFFSET], 0u);
}

TEST_F(DriverTest, SleepMayEndEarly) {
  fake_.job_ticks = 300;
  fake_.sleeps_return_early = true;
  ASSERT_EQ(Submit(NPU_WAIT_INTERRUPT), NPU_OK);
  EXPECT_EQ(npu_wait(&device_, 10000), NPU_OK);
  EXPECT_GT(fake_.sleeps, 10u);
}

TEST_F(DriverTest, WithoutSleepInterruptModePolls) {
  fake_.platform.wait_for_interrupt = nullptr;
  fake_.platform.memory_barrier = nullptr;
  ASSERT_EQ(Submit(NPU_WAIT_INTERRUPT), NPU_OK);
  EXPECT_EQ(npu_wait(&device_, 1000), NPU_OK);
}

TEST_F(DriverTest, HandlerTakesTheLineBack) {
  fake_.job_ticks = 1;
  ASSERT_EQ(Submit(NPU_WAIT_INTERRUPT), NPU_OK);
  fake_.platform.time(&fake_);
  fake_.platform.read32(&fake_, NPU_REG_STATUS_OFFSET);
  fake_.platform.read32(&fake_, NPU_REG_STATUS_OFFSET);
  ASSERT_TRUE(fake_.irq());
  npu_interrupt(&device_);
  EXPECT_FALSE(fake_.irq());
  EXPECT_EQ(device_.interrupts, 1u);
  EXPECT_EQ(npu_wait(&device_, 0), NPU_OK) << "the status outlives the interrupt";
}

TEST_F(DriverTest, TimeoutLeavesTheJobRunning) {
  fake_.job_ticks = 500;
  ASSERT_EQ(Submit(), NPU_OK);
  EXPECT_EQ(npu_wait(&device_, 0), NPU_TIMEOUT);
  EXPECT_EQ(npu_wait(&device_, 100), NPU_TIMEOUT);
  EXPECT_EQ(Submit(), NPU_BUSY);
  EXPECT_EQ(npu_wait(&device_, 1000), NPU_OK);
}

TEST_F(DriverTest, WaitNeedsAJob) {
  EXPECT_EQ(npu_wait(&device_, 10), NPU_BAD_ARGUMENT);
  ASSERT_EQ(Submit(), NPU_OK);
  EXPECT_EQ(npu_wait(&device_, 1000), NPU_OK);
  EXPECT_EQ(npu_wait(&device_, 10), NPU_BAD_ARGUMENT);
  EXPECT_EQ(npu_wait(nullptr, 10), NPU_BAD_ARGUMENT);
}

TEST_F(DriverTest, ErrorIsReportedAndNeedsReset) {
  fake_.job_error = NPU_ERROR_AXI_READ;
  fake_.error_info = 1u << NPU_ERROR_INFO_ENGINE_SHIFT | 42u << NPU_ERROR_INFO_TAG_SHIFT;
  fake_.error_address = 0x12'3456789a;
  ASSERT_EQ(Submit(), NPU_OK);
  EXPECT_EQ(npu_wait(&device_, 1000), NPU_HARDWARE_ERROR);
  npu_error_report report;
  npu_error(&device_, &report);
  EXPECT_EQ(report.code, NPU_ERROR_AXI_READ);
  EXPECT_EQ(report.engine, 1u);
  EXPECT_EQ(report.tag, 42u);
  EXPECT_EQ(report.address, 0x12'3456789au);
  EXPECT_EQ(Token(), 0u) << "nobody may rely on what a failed job loaded";

  EXPECT_EQ(Submit(), NPU_NEEDS_RESET);
  EXPECT_EQ(npu_reset(&device_, 100), NPU_OK);
  npu_error(&device_, &report);
  EXPECT_EQ(report.code, NPU_ERROR_NONE);
  fake_.job_error = 0;
  ASSERT_EQ(Submit(), NPU_OK);
  EXPECT_EQ(npu_wait(&device_, 1000), NPU_OK);
}

TEST_F(DriverTest, ResetStopsARunningJobAndCanTimeOut) {
  fake_.job_ticks = 1'000'000;
  ASSERT_EQ(Submit(NPU_WAIT_INTERRUPT), NPU_OK);
  fake_.reset_ticks = 200;
  EXPECT_EQ(npu_reset(&device_, 20), NPU_TIMEOUT);
  EXPECT_EQ(Submit(), NPU_BUSY) << "a reset under way";
  EXPECT_EQ(npu_reset(&device_, 1000), NPU_OK);
  EXPECT_EQ(npu_wait(&device_, 10), NPU_BAD_ARGUMENT) << "the job is gone";
  EXPECT_EQ(npu_reset(nullptr, 1), NPU_BAD_ARGUMENT);
}

TEST_F(DriverTest, SecondRunIsWarm) {
  ASSERT_EQ(Submit(), NPU_OK);
  EXPECT_EQ(Token(), 0u) << "while the job loads";
  ASSERT_EQ(npu_wait(&device_, 1000), NPU_OK);
  EXPECT_EQ(Token(), kToken);
  ASSERT_EQ(Submit(), NPU_OK);
  EXPECT_EQ(fake_.writes.back(), (std::pair{NPU_REG_DOORBELL_OFFSET, header().warm_offset}));
  ASSERT_EQ(npu_wait(&device_, 1000), NPU_OK);
  npu_forget_parameters(&device_);
  EXPECT_EQ(Token(), 0u);
  ASSERT_EQ(Submit(), NPU_OK);
  EXPECT_EQ(fake_.writes.back(), (std::pair{NPU_REG_DOORBELL_OFFSET, header().cold_offset}));
  ASSERT_EQ(npu_wait(&device_, 1000), NPU_OK);
  ASSERT_EQ(npu_reset(&device_, 1000), NPU_OK);
  EXPECT_EQ(Token(), 0u);
}

TEST_F(DriverTest, ProgramWithoutCacheIsNeverWarm) {
  ASSERT_EQ(Submit(), NPU_OK);
  ASSERT_EQ(npu_wait(&device_, 1000), NPU_OK);
  LoadFile(MakeFile(0));
  ASSERT_EQ(Check(), NPU_OK);
  for (int i = 0; i < 2; ++i) {
    ASSERT_EQ(Submit(), NPU_OK);
    EXPECT_EQ(device_.warm, 0u);
    EXPECT_EQ(Token(), 0u);
    ASSERT_EQ(npu_wait(&device_, 1000), NPU_OK);
  }
}

TEST_F(DriverTest, BuffersAreChecked) {
  const auto refused = [this](npu_buffer npu_buffers::*buffer, npu_buffer value,
                              npu_result with = NPU_BUFFER_TOO_SMALL) {
    npu_buffers changed = buffers_;
    changed.*buffer = value;
    return npu_submit(&device_, &program_, &changed, NPU_WAIT_POLL) == with;
  };
  EXPECT_TRUE(refused(&npu_buffers::program, {0x80000000, header().file_bytes - 1}));
  EXPECT_TRUE(refused(&npu_buffers::scratch, {0x80000000, 127}));
  EXPECT_TRUE(refused(&npu_buffers::input, {0x80000000, 63}));
  EXPECT_TRUE(refused(&npu_buffers::output, {0x80000000, 9}));
  EXPECT_TRUE(refused(&npu_buffers::input, {0x80000020, 64})) << "alignment";
  for (const auto buffer :
       {&npu_buffers::program, &npu_buffers::scratch, &npu_buffers::input, &npu_buffers::output}) {
    EXPECT_TRUE(refused(buffer, {0x100'00000000, 0x10000}, NPU_BAD_ADDRESS)) << "41 address bits";
  }
  EXPECT_TRUE(refused(&npu_buffers::scratch, {0xff'ffffffc0, 0x10000}, NPU_BAD_ADDRESS))
      << "over the end of the addresses";
  EXPECT_TRUE(refused(&npu_buffers::scratch, {0xffffffffffffffc0, 0x10000}, NPU_BAD_ADDRESS))
      << "wraps";
  EXPECT_EQ(fake_.doorbells, 0u);
  buffers_.input = {0xff'ffffffc0, 64};
  EXPECT_EQ(Submit(), NPU_OK) << "the last addresses of the bus";
}

TEST_F(DriverTest, WatchdogAndClearNeedTheHardware) {
  EXPECT_EQ(npu_set_bus_timeout(&device_, 100), NPU_NOT_SUPPORTED);
  EXPECT_EQ(npu_clear(&device_, 100), NPU_NOT_SUPPORTED);
  fake_.writes.clear();
  fake_[NPU_REG_FEATURES_OFFSET] = NPU_FEATURES_WATCHDOG_MASK | NPU_FEATURES_MEMORY_CLEAR_MASK;
  ASSERT_EQ(npu_init(&device_, &fake_.platform, FakeDevice::kHash), NPU_OK);
  EXPECT_EQ(npu_set_bus_timeout(&device_, 100), NPU_OK);
  EXPECT_EQ(fake_[NPU_REG_BUS_TIMEOUT_OFFSET], 100u);
  EXPECT_EQ(npu_set_bus_timeout(&device_, NPU_BUS_TIMEOUT_MAX), NPU_OK);
  EXPECT_EQ(npu_set_bus_timeout(&device_, NPU_BUS_TIMEOUT_MAX + 1), NPU_BAD_ARGUMENT);
  EXPECT_EQ(npu_set_bus_timeout(nullptr, 1), NPU_BAD_ARGUMENT);
  EXPECT_EQ(fake_[NPU_REG_BUS_TIMEOUT_OFFSET], NPU_BUS_TIMEOUT_MAX);
  ASSERT_EQ(Submit(), NPU_OK);
  ASSERT_EQ(npu_wait(&device_, 1000), NPU_OK);
  EXPECT_NE(Token(), 0u);
  fake_.writes.clear();
  EXPECT_EQ(npu_clear(&device_, 1000), NPU_OK);
  EXPECT_EQ(Token(), 0u) << "core memory holds nothing any more";
  const std::pair<uint32_t, uint32_t> clear = {NPU_REG_CONTROL_OFFSET, NPU_CONTROL_CLEAR_MASK};
  EXPECT_EQ(std::count(fake_.writes.begin(), fake_.writes.end(), clear), 1);
  fake_.reset_ticks = 100;
  EXPECT_EQ(npu_clear(&device_, 10), NPU_TIMEOUT);
  EXPECT_EQ(npu_clear(nullptr, 10), NPU_BAD_ARGUMENT);
}

TEST_F(DriverTest, TimeoutsAreThoseOfTheRegister) {
  for (const RegisterInfo& reg : AllRegisters()) {
    if (reg.name != "bus_timeout") continue;
    EXPECT_EQ(reg.reset_value, NPU_BUS_TIMEOUT_DEFAULT);
    EXPECT_EQ((1u << reg.fields[0].width) - 1, NPU_BUS_TIMEOUT_MAX);
  }
}

TEST_F(DriverTest, SubmitRefusesNull) {
  EXPECT_EQ(npu_submit(nullptr, &program_, &buffers_, NPU_WAIT_POLL), NPU_BAD_ARGUMENT);
  EXPECT_EQ(npu_submit(&device_, nullptr, &buffers_, NPU_WAIT_POLL), NPU_BAD_ARGUMENT);
  EXPECT_EQ(npu_submit(&device_, &program_, nullptr, NPU_WAIT_POLL), NPU_BAD_ARGUMENT);
  const npu_program unchecked = {};
  EXPECT_EQ(npu_submit(&device_, &unchecked, &buffers_, NPU_WAIT_POLL), NPU_BAD_ARGUMENT);
}

TEST_F(DriverTest, ProgramOfOtherConfigurationIsRefused) {
  for (const uint64_t bit : {0, 31, 32, 63}) {
    device_.config_hash = FakeDevice::kHash ^ uint64_t { 1 } << bit;
    EXPECT_EQ(Check(), NPU_WRONG_PROGRAM);
  }
}

TEST_F(DriverTest, DamagedProgramsAreRefused) {
  const auto refused = [this](const std::function<void()>& damage) {
    LoadFile(MakeFile());
    damage();
    return Check() == NPU_BAD_PROGRAM;
  };
  const auto tensor = [this](int i) {
    return reinterpret_cast<npu_program_tensor*>(file_.data() + header().tensors_offset) + i;
  };
  const auto stream = [this] {
    return reinterpret_cast<uint32_t*>(file_.data() + header().image_offset + header().cold_offset);
  };
  EXPECT_TRUE(refused([&] { header().magic ^= 1; }));
  EXPECT_TRUE(refused([&] { header().version += 1; }));
  EXPECT_TRUE(refused([&] { header().command_set += 1; }));
  EXPECT_TRUE(refused([&] { header().file_bytes += 1; }));
  EXPECT_TRUE(refused([&] { header().image_offset += 4; }));
  EXPECT_TRUE(refused([&] { header().image_offset = 0xffffffc0; }));
  EXPECT_TRUE(refused([&] { header().image_bytes = 0xffffffff; }));
  EXPECT_TRUE(refused([&] { header().cold_offset = header().image_bytes; }));
  EXPECT_TRUE(refused([&] { header().warm_offset += 4; }));
  EXPECT_TRUE(refused([&] { header().input_count = 0xffffffff; }));
  EXPECT_TRUE(refused([&] { header().kept_count = 0x10000000; }));
  EXPECT_TRUE(refused([&] { header().tensors_offset = header().file_bytes; }));
  EXPECT_TRUE(refused([&] { header().tensors_offset += 4; }));
  EXPECT_TRUE(refused([&] { header().layer_count = 0x10000000; }));
  EXPECT_TRUE(refused([&] { header().layers_offset += 1; }));
  EXPECT_TRUE(refused([&] { header().names_bytes = header().file_bytes; }));
  EXPECT_TRUE(refused([&] { file_[header().names_offset + header().names_bytes - 1] = 'x'; }));
  EXPECT_TRUE(refused([&] { tensor(0)->window = NPU_PROGRAM_WINDOW_OUTPUT; }));
  EXPECT_TRUE(refused([&] { tensor(0)->bytes += 1; }));
  EXPECT_TRUE(refused([&] { tensor(1)->offset = 0xffffffff; }));
  EXPECT_TRUE(refused([&] { tensor(2)->rank = 9; }));
  EXPECT_TRUE(refused([&] { tensor(2)->name = header().names_bytes; }));
  EXPECT_TRUE(refused([&] { stream()[0] ^= 1; }));
  EXPECT_TRUE(refused([&] { stream()[1] += 1; }));
  EXPECT_TRUE(refused([&] { stream()[2] ^= 1; }));
  EXPECT_TRUE(refused([&] { stream()[3] ^= 0x80000000; }));
  EXPECT_TRUE(refused([&] { stream()[5] = 1; }));
  EXPECT_TRUE(refused([&] { stream()[6] = 1; }));
  EXPECT_TRUE(refused([&] { stream()[7] = 1; }));
  EXPECT_TRUE(refused([&] { stream()[4] = 2; }));
  EXPECT_TRUE(refused([&] { stream()[4] = 0x10000001; }));
  LoadFile(MakeFile());
  for (uint32_t bytes = 0; bytes < file_.size(); ++bytes) {
    ASSERT_EQ(npu_program_check(&device_, file_.data(), bytes, &program_), NPU_BAD_PROGRAM);
  }
  EXPECT_EQ(npu_program_check(&device_, file_.data() + 4, 100, &program_), NPU_BAD_ARGUMENT);
  EXPECT_EQ(npu_program_check(&device_, nullptr, 100, &program_), NPU_BAD_ARGUMENT);
  EXPECT_EQ(npu_program_check(nullptr, file_.data(), 100, &program_), NPU_BAD_ARGUMENT);
  EXPECT_EQ(npu_program_check(&device_, file_.data(), 100, nullptr), NPU_BAD_ARGUMENT);
}

TEST_F(DriverTest, CountersComeFromTheirRegisters) {
  fake_[NPU_REG_PERF_CYCLES_OFFSET] = 100;
  fake_[NPU_REG_PERF_BYTES_READ_OFFSET] = 200;
  fake_[NPU_REG_PERF_BYTES_WRITTEN_OFFSET] = 300;
  fake_[NPU_REG_PERF_COMMANDS_OFFSET] = 400;
  for (uint32_t i = 0; i < NPU_CAUSE_COUNT; ++i) {
    fake_[NPU_REG_PERF_CAUSE_OFFSET + 4 * i] = i;
  }
  npu_counters counters;
  npu_read_counters(&device_, &counters);
  EXPECT_EQ(counters.cycles, 100u);
  EXPECT_EQ(counters.bytes_read, 200u);
  EXPECT_EQ(counters.bytes_written, 300u);
  EXPECT_EQ(counters.commands, 400u);
  for (uint32_t i = 0; i < NPU_CAUSE_COUNT; ++i) EXPECT_EQ(counters.cause[i], i);
}

TEST_F(DriverTest, TextsAreThoseOfTheArchitecture) {
  for (const HardwareError& error : AllHardwareErrors()) {
    EXPECT_EQ(npu_error_text(error.code), error.description);
  }
  EXPECT_STREQ(npu_error_text(255), "an unknown error");
  for (int result = NPU_OK; result <= NPU_NOT_SUPPORTED; ++result) {
    EXPECT_STRNE(npu_result_text(static_cast<npu_result>(result)), "an unknown result");
  }
  EXPECT_EQ(AllCycleCauses().size(), NPU_CAUSE_COUNT);
  EXPECT_EQ(NPU_DRIVER_INTERFACE_VERSION, kCommandSetVersion);
}

/// Interrupt bits as an earlier user may have left them.
constexpr uint32_t kBothInterrupts = NPU_IRQ_STATUS_DONE_MASK | NPU_IRQ_STATUS_ERROR_MASK;

TEST_F(DriverTest, InitStartsAfresh) {
  npu_device device;
  std::memset(&device, 0xff, sizeof device);
  fake_[NPU_REG_IRQ_ENABLE_OFFSET] = kBothInterrupts;
  ASSERT_EQ(npu_init(&device, &fake_.platform, FakeDevice::kHash), NPU_OK);
  EXPECT_EQ(fake_[NPU_REG_IRQ_ENABLE_OFFSET], 0u);
  EXPECT_EQ(device.pending_token, 0u);
  EXPECT_EQ(device.use_interrupt, 0u);
  EXPECT_EQ(device.warm, 0u);
  EXPECT_EQ(device.interrupts, 0u);
  EXPECT_EQ(npu_wait(&device, 0), NPU_BAD_ARGUMENT) << "no job";
}

TEST_F(DriverTest, CheckFillsTheProgram) {
  EXPECT_EQ(program_.file, file_.data());
  EXPECT_EQ(program_.header, &header());
}

TEST_F(DriverTest, SubmitForgetsInterruptsOfBefore) {
  fake_[NPU_REG_IRQ_STATUS_OFFSET] = kBothInterrupts;
  device_.interrupts = 5;
  ASSERT_EQ(Submit(NPU_WAIT_INTERRUPT), NPU_OK);
  EXPECT_EQ(fake_[NPU_REG_IRQ_STATUS_OFFSET], 0u);
  EXPECT_EQ(fake_[NPU_REG_IRQ_ENABLE_OFFSET], kBothInterrupts);
  EXPECT_EQ(device_.interrupts, 0u);
  // The line must not rise for the old interrupt, and memory must be visible at the doorbell.
  const auto at = [this](uint32_t offset) {
    for (size_t i = fake_.writes.size(); i-- > 0;) {
      if (fake_.writes[i].first == offset) return i;
    }
    return size_t{0};
  };
  EXPECT_LT(at(NPU_REG_IRQ_STATUS_OFFSET), at(NPU_REG_IRQ_ENABLE_OFFSET));
  EXPECT_LT(at(NPU_REG_IRQ_ENABLE_OFFSET), at(NPU_REG_DOORBELL_OFFSET));
  EXPECT_LT(at(FakeDevice::kBarrier), at(NPU_REG_DOORBELL_OFFSET));
  EXPECT_EQ(at(NPU_REG_DOORBELL_OFFSET), fake_.writes.size() - 1);
}

TEST_F(DriverTest, OutputsMayBeReadAndOldWindowsAreReplaced) {
  for (uint32_t i = 0; i < 4; ++i) {
    for (const uint32_t offset : {NPU_REG_WINDOW_BASE_LO_OFFSET, NPU_REG_WINDOW_BASE_HI_OFFSET,
                                  NPU_REG_WINDOW_SIZE_OFFSET, NPU_REG_WINDOW_FLAGS_OFFSET}) {
      fake_[offset + i * NPU_REG_WINDOW_BASE_LO_STRIDE] = 0xdeadbeef;
    }
  }
  ASSERT_EQ(Submit(), NPU_OK);
  const uint32_t read = NPU_WINDOW_FLAGS_READ_MASK;
  const uint32_t write = NPU_WINDOW_FLAGS_WRITE_MASK;
  const uint64_t bases[] = {buffers_.program.address + header().image_offset,
                            buffers_.scratch.address, buffers_.input.address,
                            buffers_.output.address};
  const uint32_t sizes[] = {header().image_bytes, 128, 64, 10};
  const uint32_t flags[] = {read, read | write, read, read | write};
  for (uint32_t i = 0; i < 4; ++i) {
    const uint32_t shift = i * NPU_REG_WINDOW_BASE_LO_STRIDE;
    EXPECT_EQ(fake_[NPU_REG_WINDOW_BASE_LO_OFFSET + shift], static_cast<uint32_t>(bases[i]));
    EXPECT_EQ(fake_[NPU_REG_WINDOW_BASE_HI_OFFSET + shift], bases[i] >> 32);
    EXPECT_EQ(fake_[NPU_REG_WINDOW_SIZE_OFFSET + shift], sizes[i]);
    EXPECT_EQ(fake_[NPU_REG_WINDOW_FLAGS_OFFSET + shift], flags[i]);
  }
}

TEST_F(DriverTest, WaitEndsTheInterruptOfEitherKind) {
  for (const uint32_t error : {uint32_t{0}, uint32_t{NPU_ERROR_AXI_READ}}) {
    fake_.job_error = error;
    ASSERT_EQ(Submit(NPU_WAIT_INTERRUPT), NPU_OK);
    fake_[NPU_REG_IRQ_STATUS_OFFSET] = kBothInterrupts;
    EXPECT_EQ(npu_wait(&device_, 1000), error == 0 ? NPU_OK : NPU_HARDWARE_ERROR);
    EXPECT_EQ(fake_[NPU_REG_IRQ_STATUS_OFFSET], 0u);
    EXPECT_EQ(fake_[NPU_REG_IRQ_ENABLE_OFFSET], 0u);
  }
}

TEST_F(DriverTest, HandlerClearsAndDisablesBoth) {
  fake_[NPU_REG_IRQ_ENABLE_OFFSET] = kBothInterrupts;
  fake_[NPU_REG_IRQ_STATUS_OFFSET] = kBothInterrupts;
  npu_interrupt(&device_);
  EXPECT_EQ(fake_[NPU_REG_IRQ_ENABLE_OFFSET], 0u);
  EXPECT_EQ(fake_[NPU_REG_IRQ_STATUS_OFFSET], 0u);
  npu_interrupt(nullptr);
}

TEST_F(DriverTest, TimeoutOfZeroLooksOnce) {
  fake_.job_ticks = 1'000'000;
  ASSERT_EQ(Submit(), NPU_OK);
  fake_.status_reads = 0;
  EXPECT_EQ(npu_wait(&device_, 0), NPU_TIMEOUT);
  EXPECT_EQ(fake_.status_reads, 1u);
  fake_.status_reads = 0;
  fake_.reset_ticks = 1000;
  EXPECT_EQ(npu_reset(&device_, 0), NPU_TIMEOUT);
  EXPECT_EQ(fake_.status_reads, 1u);
}

TEST_F(DriverTest, TimeIsCountedFromTheCall) {
  // The low half of the time runs over in between.
  fake_.time = 0x1'fffffff0;
  fake_.job_ticks = 60;
  ASSERT_EQ(Submit(), NPU_OK);
  EXPECT_EQ(npu_wait(&device_, 10), NPU_TIMEOUT);
  EXPECT_EQ(npu_wait(&device_, 100), NPU_OK);
  fake_.reset_ticks = 60;
  EXPECT_EQ(npu_reset(&device_, 10), NPU_TIMEOUT);
  EXPECT_EQ(npu_reset(&device_, 100), NPU_OK);
}

TEST_F(DriverTest, AJobThatNeverStartedIsNotDone) {
  fake_.deaf = true;
  ASSERT_EQ(Submit(), NPU_OK);
  EXPECT_EQ(npu_wait(&device_, 100), NPU_TIMEOUT);
}

TEST_F(DriverTest, DoneIsNotEnoughWhileBusy) {
  fake_.busy_after_done = 40;
  ASSERT_EQ(Submit(), NPU_OK);
  EXPECT_EQ(npu_wait(&device_, 30), NPU_TIMEOUT);
  EXPECT_EQ(npu_wait(&device_, 100), NPU_OK);
}

TEST_F(DriverTest, AResetOfAnIdleNpuKeepsItBusy) {
  fake_.reset_ticks = 50;
  EXPECT_EQ(npu_reset(&device_, 5), NPU_TIMEOUT);
  EXPECT_EQ(Submit(), NPU_BUSY);
}

TEST_F(DriverTest, ResetWaitsForAllBitsAndCleansUp) {
  for (const uint32_t bit :
       {NPU_STATUS_RESETTING_MASK, NPU_STATUS_BUSY_MASK, NPU_STATUS_ERROR_MASK}) {
    fake_.reset_tail = std::vector<uint32_t>(20, bit);
    fake_.reset_keeps_token = true;
    fake_[NPU_REG_CACHE_TOKEN_LO_OFFSET] = fake_[NPU_REG_CACHE_TOKEN_HI_OFFSET] = 77;
    fake_[NPU_REG_IRQ_ENABLE_OFFSET] = kBothInterrupts;
    fake_[NPU_REG_IRQ_STATUS_OFFSET] = kBothInterrupts;
    EXPECT_EQ(npu_reset(&device_, 30), NPU_TIMEOUT) << bit;
    EXPECT_EQ(fake_[NPU_REG_IRQ_ENABLE_OFFSET], 0u) << "already while it waits";
    EXPECT_EQ(Token(), uint64_t{77} << 32 | 77) << "not yet";
    const uint32_t barriers = fake_.barriers;
    EXPECT_EQ(npu_reset(&device_, 1000), NPU_OK) << bit;
    EXPECT_EQ(fake_[NPU_REG_STATUS_OFFSET], 0u);
    EXPECT_EQ(fake_[NPU_REG_IRQ_ENABLE_OFFSET], 0u);
    EXPECT_EQ(fake_[NPU_REG_IRQ_STATUS_OFFSET], 0u);
    EXPECT_EQ(Token(), 0u);
    EXPECT_EQ(fake_.barriers, barriers + 1);
  }
}

TEST_F(DriverTest, ForgettingWhileAJobRunsLasts) {
  ASSERT_EQ(Submit(), NPU_OK);
  npu_forget_parameters(&device_);
  ASSERT_EQ(npu_wait(&device_, 1000), NPU_OK);
  EXPECT_EQ(Token(), 0u);
}

TEST_F(DriverTest, BuffersAtTheLimits) {
  header().input_bytes = 1;
  EXPECT_EQ(Submit(), NPU_OK) << "a buffer of one byte";
  ASSERT_EQ(npu_wait(&device_, 1000), NPU_OK);
  header().input_bytes = 64;
  device_.capabilities.address_bits = 64;
  buffers_.input = {0xffffffffffffffc0, 64};
  EXPECT_EQ(Submit(), NPU_OK) << "the last addresses of 64 bits";
}

TEST_F(DriverTest, CountersStayInTheirStructure) {
  struct {
    npu_counters counters;
    uint32_t behind = 0x5a5a5a5a;
  } memory = {};
  fake_[NPU_REG_PERF_CAUSE_OFFSET + NPU_CAUSE_COUNT * NPU_REG_PERF_CAUSE_STRIDE] = 1;
  npu_read_counters(&device_, &memory.counters);
  EXPECT_EQ(memory.behind, 0x5a5a5a5a);
}

}  // namespace
}  // namespace npugen::testing

// SPDX-License-Identifier: Apache-2.0
// A register file that plays an NPU from a script: how long a job takes and how it ends.
#pragma once

#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "npu_registers.h"
#include "sw/driver/npu_driver.h"

namespace npugen::testing {

/// The behaviour of docs/machine.md as far as registers show it. Time advances by one tick with
/// every register access and every sleep.
class FakeDevice {
 public:
  static constexpr uint64_t kHash = 0x1122334455667788;
  /// Stands for a memory barrier among the writes.
  static constexpr uint32_t kBarrier = 0xffffffff;

  FakeDevice() {
    registers_[NPU_REG_ID_OFFSET] = NPU_IDENTITY;
    registers_[NPU_REG_VERSION_OFFSET] = NPU_COMMAND_SET_VERSION;
    registers_[NPU_REG_CONFIG_HASH_LO_OFFSET] = static_cast<uint32_t>(kHash);
    registers_[NPU_REG_CONFIG_HASH_HI_OFFSET] = static_cast<uint32_t>(kHash >> 32);
    registers_[NPU_REG_SHAPE0_OFFSET] = 16u << 24 | 2u << 16 | 4u << 8 | 12u;
    registers_[NPU_REG_SHAPE1_OFFSET] = 256u << 16 | 3u << 8 | 2u;
    registers_[NPU_REG_SHAPE2_OFFSET] = 16u << 24 | 4u << 16 | 40u << 8 | 8u;
    registers_[NPU_REG_PE_MEMORY_BYTES_OFFSET] = 65536;
    registers_[NPU_REG_CORE_MEMORY_BYTES_OFFSET] = 4096;
    platform.context = this;
    platform.read32 = [](void* context, uint32_t offset) {
      return static_cast<FakeDevice*>(context)->Read(offset);
    };
    platform.write32 = [](void* context, uint32_t offset, uint32_t value) {
      static_cast<FakeDevice*>(context)->Write(offset, value);
    };
    platform.time = [](void* context) { return static_cast<FakeDevice*>(context)->time; };
    platform.wait_for_interrupt = [](void* context) { static_cast<FakeDevice*>(context)->Sleep(); };
    platform.memory_barrier = [](void* context) {
      FakeDevice& device = *static_cast<FakeDevice*>(context);
      ++device.barriers;
      device.writes.emplace_back(kBarrier, 0);
    };
  }

  uint32_t& operator[](uint32_t offset) { return registers_[offset]; }
  bool irq() const {
    const auto value = [this](uint32_t offset) {
      const auto found = registers_.find(offset);
      return found == registers_.end() ? 0u : found->second;
    };
    return (value(NPU_REG_IRQ_STATUS_OFFSET) & value(NPU_REG_IRQ_ENABLE_OFFSET)) != 0;
  }

  npu_platform platform = {};
  uint64_t time = 0;
  uint32_t barriers = 0;  ///< calls of memory_barrier, which also stand among the writes
  uint64_t status_reads = 0;
  uint32_t sleeps = 0;
  uint64_t doorbells = 0;

  // The script.
  uint64_t job_ticks = 20;  ///< a job takes so long
  uint32_t job_error = 0;   ///< error code with which it ends
  uint32_t error_info = 0;  ///< engine and tag bits to report with it
  uint64_t error_address = 0;
  uint64_t reset_ticks = 5;  ///< a reset takes so long
  /// Then the status register has each of these values for a few ticks.
  std::vector<uint32_t> reset_tail;
  bool reset_keeps_token = false;
  bool sleeps_return_early = false;
  bool deaf = false;             ///< the doorbell does nothing
  uint64_t busy_after_done = 0;  ///< for so many ticks both bits are set
  /// All writes in order.
  std::vector<std::pair<uint32_t, uint32_t>> writes;

 private:
  void Advance() {
    ++time;
    if (job_end_ != 0 && time >= job_end_) EndJob();
    if (busy_end_ != 0 && time >= busy_end_) {
      busy_end_ = 0;
      registers_[NPU_REG_STATUS_OFFSET] &= ~NPU_STATUS_BUSY_MASK;
    }
    if (reset_end_ != 0 && time >= reset_end_ && !reset_tail.empty()) {
      registers_[NPU_REG_STATUS_OFFSET] = reset_tail.front();
      reset_tail.erase(reset_tail.begin());
      reset_end_ = time + 3;
    } else if (reset_end_ != 0 && time >= reset_end_) {
      reset_end_ = 0;
      registers_[NPU_REG_STATUS_OFFSET] = 0;
      registers_[NPU_REG_ERROR_INFO_OFFSET] = 0;
      if (reset_keeps_token) return;
      registers_[NPU_REG_CACHE_TOKEN_LO_OFFSET] = 0;
      registers_[NPU_REG_CACHE_TOKEN_HI_OFFSET] = 0;
    }
  }

  void EndJob() {
    job_end_ = 0;
    if (job_error == 0) {
      registers_[NPU_REG_STATUS_OFFSET] =
          NPU_STATUS_DONE_MASK | (busy_after_done != 0 ? NPU_STATUS_BUSY_MASK : 0);
      if (busy_after_done != 0) busy_end_ = time + busy_after_done;
      registers_[NPU_REG_IRQ_STATUS_OFFSET] |= NPU_IRQ_STATUS_DONE_MASK;
    } else {
      registers_[NPU_REG_STATUS_OFFSET] = NPU_STATUS_ERROR_MASK;
      registers_[NPU_REG_IRQ_STATUS_OFFSET] |= NPU_IRQ_STATUS_ERROR_MASK;
      registers_[NPU_REG_ERROR_INFO_OFFSET] = error_info | job_error;
      registers_[NPU_REG_ERROR_ADDRESS_LO_OFFSET] = static_cast<uint32_t>(error_address);
      registers_[NPU_REG_ERROR_ADDRESS_HI_OFFSET] = static_cast<uint32_t>(error_address >> 32);
    }
  }

  uint32_t Read(uint32_t offset) {
    Advance();
    status_reads += offset == NPU_REG_STATUS_OFFSET ? 1 : 0;
    return registers_[offset];
  }

  void Write(uint32_t offset, uint32_t value) {
    Advance();
    writes.emplace_back(offset, value);
    switch (offset) {
      case NPU_REG_DOORBELL_OFFSET:
        if (deaf) return;
        if (registers_[NPU_REG_STATUS_OFFSET] & (NPU_STATUS_BUSY_MASK | NPU_STATUS_ERROR_MASK)) {
          return;
        }
        ++doorbells;
        registers_[NPU_REG_STATUS_OFFSET] = NPU_STATUS_BUSY_MASK;
        job_end_ = time + job_ticks;
        return;
      case NPU_REG_CONTROL_OFFSET:
        if (value & (NPU_CONTROL_RESET_MASK | NPU_CONTROL_CLEAR_MASK)) {
          job_end_ = 0;
          registers_[NPU_REG_STATUS_OFFSET] |= NPU_STATUS_RESETTING_MASK;
          reset_end_ = time + reset_ticks;
        }
        return;
      case NPU_REG_IRQ_STATUS_OFFSET:
        registers_[offset] &= ~value;
        return;
      default:
        registers_[offset] = value;
    }
  }

  void Sleep() {
    ++sleeps;
    if (sleeps_return_early) {
      Advance();
      return;
    }
    for (int i = 0; i < 1000 && !irq(); ++i) Advance();
  }

  std::map<uint32_t, uint32_t> registers_;
  uint64_t job_end_ = 0;
  uint64_t reset_end_ = 0;
  uint64_t busy_end_ = 0;
};

}  // namespace npugen::testing

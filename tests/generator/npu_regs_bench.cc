// SPDX-License-Identifier: Apache-2.0
// Drives the verilated register block over its bus; built and run by printed_sv_test.cc.
#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include "Vnpu_regs.h"
#include "npu_registers.h"
#include "verilated.h"

namespace {

Vnpu_regs* dut = nullptr;
int strobes_of_doorbell = 0;
int strobes_of_control = 0;
uint32_t doorbell_data = 0;

void Expect(bool condition, const char* what, int line) {
  if (condition) return;
  std::printf("line %d: %s\n", line, what);
  std::exit(1);
}
#define EXPECT(condition) Expect(condition, #condition, __LINE__)

void Tick() {
  dut->clk_i = 0;
  dut->eval();
  if (dut->doorbell_we_o != 0) {
    ++strobes_of_doorbell;
    doorbell_data = dut->doorbell_o;
  }
  strobes_of_control += dut->control_we_o;
  dut->clk_i = 1;
  dut->eval();
}

/// How long address, data and readiness for the answer are held back, in cycles.
struct Delays {
  int address = 0;
  int data = 0;
  int answer = 0;
};

/// Gives the response code.
int Write(uint32_t address, uint32_t data, uint32_t strobe = 15, Delays delays = {}) {
  bool address_done = false;
  bool data_done = false;
  for (int cycle = 0; cycle < 100; ++cycle) {
    dut->s_axil_awvalid_i = !address_done && cycle >= delays.address;
    dut->s_axil_awaddr_i = address;
    dut->s_axil_wvalid_i = !data_done && cycle >= delays.data;
    dut->s_axil_wdata_i = data;
    dut->s_axil_wstrb_i = strobe;
    const bool ends = dut->s_axil_bvalid_o && delays.answer-- <= 0;
    dut->s_axil_bready_i = ends;
    dut->eval();
    EXPECT(!dut->s_axil_bvalid_o || (address_done && data_done));
    address_done |= dut->s_axil_awvalid_i && dut->s_axil_awready_o;
    data_done |= dut->s_axil_wvalid_i && dut->s_axil_wready_o;
    const int response = dut->s_axil_bresp_o;
    Tick();
    if (!ends) continue;
    dut->s_axil_bready_i = 0;
    dut->eval();
    EXPECT(!dut->s_axil_bvalid_o);
    return response;
  }
  EXPECT(!"a write ends");
  return -1;
}

uint32_t Read(uint32_t address, int expected_response = 0, int delay = 0) {
  bool asked = false;
  for (int cycle = 0; cycle < 100; ++cycle) {
    dut->s_axil_arvalid_i = !asked;
    dut->s_axil_araddr_i = address;
    const bool ends = dut->s_axil_rvalid_o && delay-- <= 0;
    dut->s_axil_rready_i = ends;
    dut->eval();
    asked |= dut->s_axil_arvalid_i && dut->s_axil_arready_o;
    const uint32_t data = dut->s_axil_rdata_o;
    const int response = dut->s_axil_rresp_o;
    Tick();
    if (!ends) continue;
    dut->s_axil_rready_i = 0;
    dut->eval();
    EXPECT(!dut->s_axil_rvalid_o);
    EXPECT(response == expected_response);
    return data;
  }
  EXPECT(!"a read ends");
  return 0;
}

constexpr int kSlaveError = 2;

void TestAccess() {
  dut->id_i = NPU_IDENTITY;
  EXPECT(Read(NPU_REG_ID_OFFSET) == NPU_IDENTITY);
  EXPECT(Write(NPU_REG_ID_OFFSET, 1) == 0);  // ignored
  EXPECT(Read(NPU_REG_ID_OFFSET) == NPU_IDENTITY);
  EXPECT(Write(0xff8, 1) == kSlaveError);
  EXPECT(Write(0x010 + 0x018, 1) == kSlaveError);
  Read(0xff8, kSlaveError);

  // Either half of a write may come first, and answers may have to wait.
  const Delays orders[] = {{0, 0, 0}, {3, 0, 0}, {0, 3, 0}, {0, 0, 3}, {2, 1, 2}};
  uint32_t value = 0x12345678;
  for (const Delays& order : orders) {
    value = value * 1664525 + 1013904223;
    EXPECT(Write(NPU_REG_CACHE_TOKEN_LO_OFFSET, value, 15, order) == 0);
    EXPECT(Read(NPU_REG_CACHE_TOKEN_LO_OFFSET, 0, order.answer) == value);
  }
}

void TestStrobes() {
  EXPECT(Write(NPU_REG_CACHE_TOKEN_HI_OFFSET, 0xffffffff) == 0);
  for (uint32_t strobe = 0; strobe < 16; ++strobe) {
    EXPECT(Write(NPU_REG_CACHE_TOKEN_HI_OFFSET, 0xffffffff) == 0);
    EXPECT(Write(NPU_REG_CACHE_TOKEN_HI_OFFSET, 0x44332211, strobe) == 0);
    uint32_t expected = 0;
    for (uint32_t byte = 0; byte < 4; ++byte) {
      const uint32_t part = (strobe >> byte & 1) != 0 ? 0x11 * (byte + 1) : 0xff;
      expected |= part << (8 * byte);
    }
    EXPECT(Read(NPU_REG_CACHE_TOKEN_HI_OFFSET) == expected);
  }
  EXPECT(dut->cache_token_hi_o == Read(NPU_REG_CACHE_TOKEN_HI_OFFSET));
  dut->cache_token_clear_i = 1;
  Tick();
  dut->cache_token_clear_i = 0;
  EXPECT(Read(NPU_REG_CACHE_TOKEN_HI_OFFSET) == 0);
  EXPECT(Read(NPU_REG_CACHE_TOKEN_LO_OFFSET) == 0);
}

/// Registers that store keep the bytes left out; commands need all of their bytes.
void TestStrobesOfAll() {
  const uint32_t stored[] = {NPU_REG_IRQ_ENABLE_OFFSET,     NPU_REG_CACHE_TOKEN_LO_OFFSET,
                             NPU_REG_BUS_TIMEOUT_OFFSET,    NPU_REG_WINDOW_BASE_LO_OFFSET,
                             NPU_REG_WINDOW_BASE_HI_OFFSET, NPU_REG_WINDOW_SIZE_OFFSET,
                             NPU_REG_WINDOW_FLAGS_OFFSET};
  for (const uint32_t offset : stored) {
    EXPECT(Write(offset, 0xffffffff) == 0);
    const uint32_t ones = Read(offset);
    EXPECT(ones != 0);
    for (uint32_t strobe = 0; strobe < 16; ++strobe) {
      uint32_t kept = 0;
      for (uint32_t byte = 0; byte < 4; ++byte) {
        if ((strobe >> byte & 1) == 0) kept |= 0xffu << (8 * byte);
      }
      EXPECT(Write(offset, 0xffffffff) == 0);
      EXPECT(Write(offset, 0, strobe) == 0);
      EXPECT(Read(offset) == (ones & kept));
    }
    EXPECT(Write(offset, 0) == 0);
  }
  for (uint32_t strobe = 0; strobe < 16; ++strobe) {
    strobes_of_doorbell = strobes_of_control = 0;
    EXPECT(Write(NPU_REG_DOORBELL_OFFSET, 0x40, strobe) == 0);
    EXPECT(strobes_of_doorbell == (strobe == 15));
    EXPECT(Write(NPU_REG_CONTROL_OFFSET, NPU_CONTROL_RESET_MASK, strobe) == 0);
    EXPECT(strobes_of_control == static_cast<int>(strobe & 1));
  }
  dut->irq_status_set_i = NPU_IRQ_STATUS_DONE_MASK | NPU_IRQ_STATUS_ERROR_MASK;
  Tick();
  dut->irq_status_set_i = 0;
  for (uint32_t strobe = 0; strobe < 16; ++strobe) {
    EXPECT(Write(NPU_REG_IRQ_STATUS_OFFSET, 3, strobe & ~1u) == 0);
    EXPECT(Read(NPU_REG_IRQ_STATUS_OFFSET) == 3);
  }
  EXPECT(Write(NPU_REG_IRQ_STATUS_OFFSET, 3, 1) == 0);
  EXPECT(Read(NPU_REG_IRQ_STATUS_OFFSET) == 0);
}

void TestArrays() {
  for (uint32_t i = 0; i < NPU_REG_WINDOW_BASE_LO_COUNT; ++i) {
    const uint32_t at = i * NPU_REG_WINDOW_BASE_LO_STRIDE;
    EXPECT(Write(NPU_REG_WINDOW_BASE_LO_OFFSET + at, 0x1000 + i) == 0);
    EXPECT(Write(NPU_REG_WINDOW_SIZE_OFFSET + at, 0x2000 + i) == 0);
    EXPECT(Write(NPU_REG_WINDOW_FLAGS_OFFSET + at, 0xffffffff) == 0);
  }
  for (uint32_t i = 0; i < NPU_REG_WINDOW_BASE_LO_COUNT; ++i) {
    const uint32_t at = i * NPU_REG_WINDOW_BASE_LO_STRIDE;
    EXPECT(Read(NPU_REG_WINDOW_BASE_LO_OFFSET + at) == 0x1000 + i);
    EXPECT(Read(NPU_REG_WINDOW_SIZE_OFFSET + at) == 0x2000 + i);
    EXPECT(dut->window_size_o[i] == 0x2000 + i);
    // Only bits of fields exist.
    EXPECT(Read(NPU_REG_WINDOW_FLAGS_OFFSET + at) ==
           (NPU_WINDOW_FLAGS_READ_MASK | NPU_WINDOW_FLAGS_WRITE_MASK));
  }
  for (uint32_t i = 0; i < NPU_REG_PERF_CAUSE_COUNT; ++i) {
    dut->perf_cause_i[i] = 0x3000 + i;
    EXPECT(Read(NPU_REG_PERF_CAUSE_OFFSET + i * NPU_REG_PERF_CAUSE_STRIDE) == 0x3000 + i);
  }
}

void TestStrobeAndClear() {
  strobes_of_doorbell = 0;
  EXPECT(Write(NPU_REG_DOORBELL_OFFSET, 0x40, 15, {0, 2, 3}) == 0);
  EXPECT(strobes_of_doorbell == 1);
  EXPECT(doorbell_data == 0x40);
  EXPECT(Read(NPU_REG_DOORBELL_OFFSET) == 0);

  dut->irq_status_set_i = NPU_IRQ_STATUS_DONE_MASK | NPU_IRQ_STATUS_ERROR_MASK;
  Tick();
  dut->irq_status_set_i = 0;
  EXPECT(Read(NPU_REG_IRQ_STATUS_OFFSET) == 3);
  EXPECT(Write(NPU_REG_IRQ_STATUS_OFFSET, NPU_IRQ_STATUS_DONE_MASK) == 0);
  EXPECT(Read(NPU_REG_IRQ_STATUS_OFFSET) == NPU_IRQ_STATUS_ERROR_MASK);
  EXPECT(dut->irq_status_o == NPU_IRQ_STATUS_ERROR_MASK);
  // A new event in the cycle of the clearing write is not lost.
  dut->irq_status_set_i = NPU_IRQ_STATUS_ERROR_MASK;
  EXPECT(Write(NPU_REG_IRQ_STATUS_OFFSET, NPU_IRQ_STATUS_ERROR_MASK) == 0);
  dut->irq_status_set_i = 0;
  EXPECT(Read(NPU_REG_IRQ_STATUS_OFFSET) == NPU_IRQ_STATUS_ERROR_MASK);
}

}  // namespace

int main(int argc, char** argv) {
  VerilatedContext context;
  context.commandArgs(argc, argv);
  dut = new Vnpu_regs(&context);
  dut->rst_ni = 0;
  Tick();
  Tick();
  dut->rst_ni = 1;
  Tick();
  TestAccess();
  EXPECT(Read(NPU_REG_BUS_TIMEOUT_OFFSET) == 0x10000);
  TestStrobes();
  TestStrobesOfAll();
  TestArrays();
  TestStrobeAndClear();
  delete dut;
  return 0;
}

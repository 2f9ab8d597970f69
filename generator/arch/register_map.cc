// SPDX-License-Identifier: Apache-2.0
// The rows of the register map.
#include "generator/arch/register_map.h"

#include <array>

#include "generator/arch/engines.h"
#include "generator/arch/features.h"

namespace npugen {
namespace {

using Access = RegisterAccess;

constexpr RegisterField kShape0[] = {{"lanes", 0, 8, "lanes per core"},
                                     {"simd", 8, 8, "SIMD ways per lane"},
                                     {"cores", 16, 8, "cores per PE"},
                                     {"post_width", 24, 8, "results post-processed per cycle"}};
constexpr RegisterField kShape1[] = {
    {"grid_x", 0, 8, "PE columns"},
    {"grid_y", 8, 8, "PE rows"},
    {"accumulators", 16, 16, "accumulator entries per lane and half"}};
constexpr RegisterField kShape2[] = {{"axi_bytes", 0, 8, "bytes per bus beat"},
                                     {"address_bits", 8, 8, "bus address bits"},
                                     {"windows", 16, 8, "memory windows"},
                                     {"barriers", 24, 8, "barriers"}};
constexpr RegisterField kFeatures[] = {
    {"watchdog", 0, 1, "1: the register bus_timeout exists", kWatchdogKey},
    {"memory_clear", 1, 1, "1: control.clear exists", kMemoryClearKey}};
constexpr RegisterField kControlRegister[] = {
    {"reset", 0, 1, "1: clear error, queues, barriers and cache tokens once the bus is quiet"},
    {"clear", 1, 1, "1: reset, and write 0 to PE memories, core memories and accumulators",
     kMemoryClearKey}};
constexpr RegisterField kBusTimeout[] = {
    {"cycles", 0, 20, "silence of the bus that is an error, N to 2 N cycles; 0: waits for ever"}};
constexpr RegisterField kStatus[] = {
    {"busy", 0, 1, "a job runs"},
    {"done", 1, 1, "the last job ended without error"},
    {"error", 2, 1, "stopped by an error; reset before the next job"},
    {"resetting", 3, 1, "a reset is under way"}};
constexpr RegisterField kIrq[] = {{"done", 0, 1, "a job ended"}, {"error", 1, 1, "a job failed"}};

/// "0 controller, 1 load engine, ...", closed by 0.
constexpr auto kEngineNumbers = [] {
  static_assert(kEngineCount <= 10, "numbers of one digit");
  std::array<char, 256> text = {};
  size_t end = 0;
  for (const EngineInfo& engine : kEngineTable) {
    if (end != 0) {
      text[end++] = ',';
      text[end++] = ' ';
    }
    text[end++] = static_cast<char>('0' + UnitOf(engine.kind));
    text[end++] = ' ';
    for (const char c : engine.report) text[end++] = c;
  }
  return text;
}();
constexpr RegisterField kErrorInfo[] = {{"code", 0, 8, "error code, see the table of errors"},
                                        {"engine", 8, 4, kEngineNumbers.data()},
                                        {"tag", 16, 16, "tag of the command, where known"}};
constexpr RegisterField kWindowFlags[] = {{"read", 0, 1, "the NPU may read"},
                                          {"write", 1, 1, "the NPU may write"}};

constexpr RegisterInfo kRegisters[] = {
    {"id", 0x000, Access::kReadOnly, 1, 0, "identity: the bytes NPUG", {}},
    {"version", 0x004, Access::kReadOnly, 1, 0, "command set and register interface version", {}},
    {"config_hash_lo", 0x008, Access::kReadOnly, 1, 0, "configuration hash, bits 31:0", {}},
    {"config_hash_hi", 0x00c, Access::kReadOnly, 1, 0, "configuration hash, bits 63:32", {}},
    {"shape0", 0x010, Access::kReadOnly, 1, 0, "shape of the core", kShape0},
    {"shape1", 0x014, Access::kReadOnly, 1, 0, "shape of the array", kShape1},
    {"shape2", 0x018, Access::kReadOnly, 1, 0, "shape of the host interface", kShape2},
    {"pe_memory_bytes", 0x01c, Access::kReadOnly, 1, 0, "bytes of one PE memory", {}},
    {"core_memory_bytes", 0x020, Access::kReadOnly, 1, 0, "bytes of one core memory", {}},
    {"features", 0x024, Access::kReadOnly, 1, 0, "what this NPU has and others may not have",
     kFeatures},
    {"control", 0x040, Access::kWriteOnly, 1, 0, "commands to the controller", kControlRegister},
    {"status", 0x044, Access::kReadOnly, 1, 0, "state of the controller", kStatus},
    {"irq_status", 0x048, Access::kWriteOneClear, 1, 0, "pending interrupts", kIrq},
    {"irq_enable", 0x04c, Access::kReadWrite, 1, 0, "interrupts that drive irq_o", kIrq},
    {"doorbell",
     0x050,
     Access::kWriteOnly,
     1,
     0,
     "start: byte offset of a command stream in window 0 (16-byte aligned); ignored while busy or "
     "in error, and unless all four bytes are written",
     {}},
    {"cache_token_lo",
     0x054,
     Access::kReadWrite,
     1,
     0,
     "software's name for the parameters that core memory holds; 0 after reset",
     {}},
    {"cache_token_hi", 0x058, Access::kReadWrite, 1, 0, "the same, bits 63:32", {}},
    {"error_info", 0x060, Access::kReadOnly, 1, 0, "first error since reset", kErrorInfo},
    {"error_address_lo", 0x064, Access::kReadOnly, 1, 0, "its address, bits 31:0", {}},
    {"error_address_hi", 0x068, Access::kReadOnly, 1, 0, "its address, bits 63:32", {}},
    {"bus_timeout", 0x070, Access::kReadWrite, 1, 0, "watchdog of the bus", kBusTimeout,
     kWatchdogKey, 0x10000},
    {"window_base_lo",
     0x080,
     Access::kReadWrite,
     4,
     16,
     "bus address of the window, bits 31:0",
     {}},
    {"window_base_hi",
     0x084,
     Access::kReadWrite,
     4,
     16,
     "bus address of the window, bits 63:32",
     {}},
    {"window_size", 0x088, Access::kReadWrite, 4, 16, "bytes of the window; 0: no access", {}},
    {"window_flags", 0x08c, Access::kReadWrite, 4, 16, "what the NPU may do there", kWindowFlags},
    {"perf_cycles",
     0x100,
     Access::kReadOnly,
     1,
     0,
     "cycles from doorbell to interrupt of the last job",
     {}},
    {"perf_bytes_read",
     0x104,
     Access::kReadOnly,
     1,
     0,
     "bytes of bus read beats in the last job",
     {}},
    {"perf_bytes_written",
     0x108,
     Access::kReadOnly,
     1,
     0,
     "bytes written to the bus in the last job",
     {}},
    {"perf_commands", 0x10c, Access::kReadOnly, 1, 0, "commands dispatched in the last job", {}},
    {"perf_cause",
     0x120,
     Access::kReadOnly,
     8,
     4,
     "cycles of the last job by cause; they add up to perf_cycles",
     {}},
};

}  // namespace

std::span<const RegisterInfo> AllRegisters() { return kRegisters; }

}  // namespace npugen

// SPDX-License-Identifier: Apache-2.0
// Prints npu_registers.h: the register map for C.
#include "generator/emit/register_header.h"

#include <fmt/format.h>

#include "generator/arch/command_set.h"
#include "generator/arch/register_map.h"
#include "generator/emit/header_writer.h"

namespace npugen {
namespace {

void PrintRegister(AlignedTable& table, const RegisterInfo& reg) {
  const std::string name = UpperSnake(reg.name);
  const auto define = [&](std::string macro, std::string value, std::string_view remark = "") {
    HeaderWriter::Define(table, std::move(macro), std::move(value), remark);
  };
  define(fmt::format("NPU_REG_{}_OFFSET", name), fmt::format("0x{:03x}u", reg.offset),
         reg.description);
  if (reg.count > 1) {
    define(fmt::format("NPU_REG_{}_COUNT", name), fmt::format("{}u", reg.count));
    define(fmt::format("NPU_REG_{}_STRIDE", name), fmt::format("{}u", reg.stride), "bytes");
  }
  for (const RegisterField& field : reg.fields) {
    const std::string field_name = fmt::format("NPU_{}_{}", name, UpperSnake(field.name));
    const uint32_t ones = field.width == 32 ? 0xffffffff : (uint32_t{1} << field.width) - 1;
    define(field_name + "_MASK", HeaderWriter::Hex(ones << field.lsb), field.description);
    define(field_name + "_SHIFT", fmt::format("{}u", field.lsb));
  }
}

}  // namespace

std::string EmitRegisterHeader() {
  HeaderWriter out("NPU_REGISTERS_H_",
                   "Registers of the NPU: byte offsets, fields as masks and shifts, error codes.",
                   "");
  AlignedTable versions = HeaderWriter::NewTable();
  HeaderWriter::Define(versions, "NPU_IDENTITY", HeaderWriter::Hex(kIdentity),
                       "content of the register id");
  HeaderWriter::Define(versions, "NPU_COMMAND_SET_VERSION", fmt::format("{}u", kCommandSetVersion),
                       "content of the register version");
  HeaderWriter::Define(versions, "NPU_REGISTER_SPACE_BYTES",
                       fmt::format("{}u", kRegisterSpaceBytes));
  HeaderWriter::Define(versions, "NPU_WINDOW_COUNT", fmt::format("{}u", kWindowCount));
  HeaderWriter::Define(versions, "NPU_STREAM_MAGIC", HeaderWriter::Hex(kStreamMagic),
                       "first word of a command stream");
  out.Group("Identity and versions", versions);

  AlignedTable registers = HeaderWriter::NewTable();
  for (const RegisterInfo& reg : AllRegisters()) PrintRegister(registers, reg);
  out.Group("Registers", registers);

  AlignedTable errors = HeaderWriter::NewTable();
  for (const HardwareError& error : AllHardwareErrors()) {
    HeaderWriter::Define(errors, fmt::format("NPU_ERROR_{}", UpperSnake(error.name)),
                         fmt::format("{}u", error.code), error.description);
  }
  out.Group("Error codes of the register error_info", errors);

  AlignedTable engines = HeaderWriter::NewTable();
  for (const EngineInfo& engine : kEngineTable) {
    HeaderWriter::Define(engines, fmt::format("NPU_ENGINE_{}", UpperSnake(engine.name)),
                         fmt::format("{}u", UnitOf(engine.kind)), engine.description);
  }
  HeaderWriter::Define(engines, "NPU_ENGINE_COUNT", fmt::format("{}u", kEngineCount));
  out.Group("Engines of the register error_info", engines);

  AlignedTable causes = HeaderWriter::NewTable();
  for (const CycleCause& cause : AllCycleCauses()) {
    HeaderWriter::Define(causes, fmt::format("NPU_CAUSE_{}", UpperSnake(cause.name)),
                         fmt::format("{}u", cause.code), cause.description);
  }
  out.Group("What a cycle is charged to: index into the registers perf_cause", causes);
  return out.Finish();
}

}  // namespace npugen

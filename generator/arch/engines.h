// SPDX-License-Identifier: Apache-2.0
// Engines and their numbers, from the one table engines.def.
//
// Part of simulated models, too (verif/sim/harness_sources.h): needs nothing but the standard
// library.
#pragma once

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <string_view>

namespace npugen {

/// What carries a command out; the values are those of the register error_info.
enum class EngineKind : uint8_t {
#define NPUGEN_ENGINE(name, ...) k##name,
#include "generator/arch/engines.def"
};

/// One engine's row.
struct EngineInfo {
  EngineKind kind;
  std::string_view name;      ///< npu_isa_pkg::Engine<name>
  std::string_view commands;  ///< npu_isa_pkg::is_<commands>()
  std::string_view report;    ///< in error reports
  std::string_view track;     ///< in traces
  std::string_view description;
};

/// All of them, by number.
inline constexpr EngineInfo kEngineTable[] = {
#define NPUGEN_ENGINE(name, commands, report, track, description) \
  {EngineKind::k##name, #name, #commands, report, track, description},
#include "generator/arch/engines.def"
};
inline constexpr size_t kEngineCount = std::size(kEngineTable);
static_assert(kEngineTable[kEngineCount - 1].kind == EngineKind::kPe, "PEs are the last row");

/// PEs that an NPU can have.
inline constexpr uint32_t kMostPes = 32;

/// Number among the units that traces tell apart: PE p is unit kFirstPeUnit + p.
constexpr uint32_t UnitOf(EngineKind engine) { return static_cast<uint32_t>(engine); }
inline constexpr uint32_t kFirstPeUnit = UnitOf(EngineKind::kPe);

/// Number of an engine's command queue, which the controller has none of: the queue of PE p is
/// kFirstPeEngine + p.
constexpr int QueueOf(EngineKind engine) { return static_cast<int>(UnitOf(engine)) - 1; }
inline constexpr int kLoadEngine = QueueOf(EngineKind::kLoad);
inline constexpr int kStoreEngine = QueueOf(EngineKind::kStore);
inline constexpr int kFirstPeEngine = QueueOf(EngineKind::kPe);

}  // namespace npugen

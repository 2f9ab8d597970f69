// SPDX-License-Identifier: Apache-2.0
// What an engine tells the controller and the trace: packed structs of npu_isa_pkg, from one table.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace npugen {

/// A member of a packed struct.
struct SignalField {
  std::string_view name;  ///< lower_snake
  uint8_t width;          ///< bits
  std::string_view description;
};

/// A packed struct `name`_t of npu_isa_pkg; its first member has the highest bits.
struct SignalStruct {
  std::string_view name;  ///< lower_snake
  std::string_view description;
  std::span<const SignalField> fields;

  constexpr uint32_t width() const {
    uint32_t bits = 0;
    for (const SignalField& field : fields) bits += field.width;
    return bits;
  }
  /// Lowest bit of a member, which must be there.
  constexpr uint32_t lsb(std::string_view field_name) const {
    uint32_t bit = width();
    for (const SignalField& field : fields) {
      bit -= field.width;
      if (field.name == field_name) return bit;
    }
    throw "no such member";
  }
  /// Bits of a member, which must be there.
  constexpr uint32_t width_of(std::string_view field_name) const {
    for (const SignalField& field : fields) {
      if (field.name == field_name) return field.width;
    }
    throw "no such member";
  }
};

inline constexpr SignalField kEngineStatusFields[] = {
    {"busy", 1, "a command is carried out and goes on by itself"},
    {"idle", 1, "nothing to do: no command is carried out or stands in the queue"},
    {"stuck", 1, "only an arrival at a barrier or a new command moves it"},
    {"waiting", 1, "a command waits for a barrier"},
    {"waiting_tag", 16, "of the first one that does"},
    {"tag", 16, "of the command that is carried out, else of the next one"},
    {"cause", 4, "what a busy cycle is spent on; PEs only"},
    {"arrives", 1, "pulse: at a barrier"},
    {"barrier", 6, "number of that barrier"},
    {"fails", 1, "pulse, with engine_error_t; then it waits for the reset"},
};
inline constexpr SignalField kEngineErrorFields[] = {
    {"code", 8, "Err*"},
    {"tag", 16, "of the command"},
    {"address", 64, "on the bus, or in the PE: npu_sequencer"},
};
inline constexpr SignalField kEngineTraceFields[] = {
    {"running", 1, "it has a command, which may wait"},
    {"waiting", 1, "its next command waits for a barrier"},
    {"begins", 1, "pulse: a command is taken"},
    {"ends", 1, "pulse: a command is complete; not of PEs"},
    {"tag", 16, "of the command taken last"},
};

inline constexpr SignalStruct kEngineStatus = {
    "engine_status", "What an engine does, for the controller.", kEngineStatusFields};
inline constexpr SignalStruct kEngineError = {"engine_error", "An engine's error.",
                                              kEngineErrorFields};
inline constexpr SignalStruct kEngineTrace = {
    "engine_trace", "What an engine does, for the trace ports.", kEngineTraceFields};
inline constexpr const SignalStruct* kEngineStructs[] = {&kEngineStatus, &kEngineError,
                                                         &kEngineTrace};

}  // namespace npugen

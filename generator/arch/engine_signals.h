// SPDX-License-Identifier: Apache-2.0
// What an engine tells the controller and the trace: packed structs of npu_isa_pkg, from one table.
#pragma once

#include "generator/arch/signal_struct.h"

namespace npugen {

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

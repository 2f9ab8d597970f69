// SPDX-License-Identifier: Apache-2.0
// Improves the C++ code that Verilator wrote.
#pragma once

#include <map>
#include <string>

namespace npugen {

/// Verilator clears every wide local variable at the start of its function, which costs time in
/// every cycle, although each is written before it is read, or holds an unknown value by the
/// language. Removes that from the text of a file and returns how often.
size_t DropLocalResets(std::string* file);

/// `files` are the texts of a model's C++ files by name. Verilator gives every instance of a module
/// functions of its own; where they differ only in white space, in the names of local variables and
/// in the signals of the module around and the temporaries that they use, one is kept, takes these
/// as parameters and is called by the others. `class_name` is the prefix of the model's classes.
/// Returns how many were replaced.
size_t ShareFunctions(const std::string& class_name, std::map<std::string, std::string>* files);

/// Makes <class_name>___024root___eval_nba(), which runs what clocks have triggered, a function
/// that lets one rising edge of the model's only clock input happen, without the rest of the
/// evaluation: it runs the logic of the input, and of those of its gated clocks (npu_clock_gate)
/// that are enabled. Evaluation would look at every clock twice a cycle to find that out. The input
/// itself stays low for good, so that the latches of the gates are open, and is replaced by this
/// constant. False if the code has other clocks or is not understood; then `files` may not be used.
bool DirectEdges(const std::string& class_name, std::map<std::string, std::string>* files);

/// The signals of a flat model, from the header of its <class_name>___024root: a line
/// `NPU_SIGNAL(member)` for each. Registers of assertions (npu_assert.svh) are left out.
std::string SignalList(const std::string& root_header);

}  // namespace npugen

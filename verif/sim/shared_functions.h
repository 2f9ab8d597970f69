// Improves the C++ code that Verilator wrote.
#pragma once

#include <map>
#include <optional>
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

/// The text of a C++ file with the function
///
///     void npu_clock_edge(<class_name>___024root* vlSelf);
///
/// which does what evaluating the model does at a rising edge of its only clock input, while that
/// input stays low: it calls the logic of the clock itself and of those of its gated clocks
/// (npu_clock_gate) that are enabled, whose latches are open. Evaluation finds that out by looking
/// at every clock twice a cycle. Nothing if the code has clocks of another kind.
std::optional<std::string> EdgeFunction(const std::string& class_name,
                                        const std::map<std::string, std::string>& files);

}  // namespace npugen

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

/// Adds nothing to a model's C++ files but what one rising edge of its only clock input costs:
/// returns the text of another one, with the function
///
///     void npu_clock_edge(<class_name>___024root* vlSelf);
///
/// which does what evaluation does at that edge: it runs the logic of the clock input, and of those
/// of its gated clocks (npu_clock_gate) that are enabled. Evaluation would find that out by looking
/// at every clock twice a cycle. The input itself stays low for good, so that the gates' latches are
/// always open, and is replaced by this constant in `files`. Nothing if the code has other clocks.
std::optional<std::string> EdgeFunction(const std::string& class_name,
                                        std::map<std::string, std::string>* files);

}  // namespace npugen

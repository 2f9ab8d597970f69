// Makes one function of those that Verilator wrote once for each instance of a module.
#pragma once

#include <map>
#include <string>

namespace npugen {

/// `files` are the texts of a model's C++ files by name. Verilator gives every instance of a module
/// functions of its own; where they differ only in the names of local variables and in the signals
/// of the module around that they use, one is kept, takes these signals as parameters and is called
/// by the others. `class_name` is the prefix of the model's classes. Returns how many were
/// replaced.
size_t ShareFunctions(const std::string& class_name, std::map<std::string, std::string>* files);

}  // namespace npugen

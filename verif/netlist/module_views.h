// SPDX-License-Identifier: Apache-2.0
// RTL of modules one by one: each with the modules inside it cut out, all of them side by side
// below one top, for Verilator.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "generator/emit/files.h"
#include "generator/support/diagnostic.h"
#include "verif/netlist/netlist.h"

namespace npugen {

/// The top that MakeModuleViews() prints, and its instance of module number k of the list.
inline constexpr const char* kViewsTop = "module_views";
std::string ViewInstance(size_t number);
/// The variable of the top that is a port of module number k: to be written if it is an input.
std::string ViewPort(size_t number, const std::string& port);
/// Variables in what stands for an instance that is cut out: a port (an output of the instance is
/// to be written), and a parameter, in kParameterBits bits.
std::string CutPort(const std::string& port);
std::string CutParameter(const std::string& parameter);
inline constexpr size_t kParameterBits = 128;

/// Sources in the order in which they are to be read: packages, the modules of `emission`, each
/// module of `modules` with the modules inside it cut out, what stands in
/// their place, and the top. Error: kToolFailed when a module's header is not understood.
struct SourceFile {
  std::string name, text;
};
Result<std::vector<SourceFile>> MakeModuleViews(const FileSet& emission,
                                                const std::vector<ModuleNetlist>& modules);

}  // namespace npugen

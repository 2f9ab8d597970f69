// SPDX-License-Identifier: Apache-2.0
// The netlist of an emission as sources of a simulation model.
#pragma once

#include <functional>
#include <string>

#include "generator/emit/files.h"
#include "generator/support/cache.h"
#include "generator/support/diagnostic.h"
#include "generator/synth/mapping.h"

namespace npugen {

/// Maps `emission` to cells of `technology` (`timed`: MappedNetlist()) and writes Vnpu_top.h,
/// Vnpu_top.cc and the table that they include into `folder`, which exists: a class with the
/// members of the verilated one. Compiled in the folder above. Yosys works in `folder`/mapping,
/// where its logs stay, unless `cache` has the mapping; the folder is below its Work(). `progress`
/// is told what is under way. Errors: those of MapDesign(), ReadNetlist() and CompileNetlist(),
/// kFileWrite.
Status WriteNetlistModel(const FileSet& emission, const TechnologyLibrary& technology, bool timed,
                         const Cache& cache, const std::string& folder,
                         const std::function<void(const std::string&)>& progress);

}  // namespace npugen

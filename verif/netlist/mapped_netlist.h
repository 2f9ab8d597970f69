// SPDX-License-Identifier: Apache-2.0
// What Yosys maps an emission to, once: kept in the cache.
#pragma once

#include <functional>
#include <string>

#include "generator/emit/files.h"
#include "generator/support/cache.h"
#include "generator/support/diagnostic.h"
#include "generator/synth/mapping.h"

namespace npugen {

/// The netlist of `emission` in cells of `technology`, as ReadNetlist() and ReadModuleNetlists()
/// take it; with `timed` the flat one that --timing times: mapped for speed, buffered and sized. If
/// `cache` lacks it, Yosys works in `folder`/mapping, where its logs stay; the folder is one of the
/// cache's Work(). `progress` is told what is under way. Errors: those of MapDesign() and Cache,
/// kFileRead.
Result<std::string> MappedNetlist(const FileSet& emission, const TechnologyLibrary& technology,
                                  bool timed, const Cache& cache, const std::string& folder,
                                  const std::function<void(const std::string&)>& progress);

}  // namespace npugen

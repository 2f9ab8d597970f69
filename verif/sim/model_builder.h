// SPDX-License-Identifier: Apache-2.0
// Makes a shared object of an emission, verilated or mapped to cells, once: results live in a cache
// keyed by everything that goes into them.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "generator/config/npu_config.h"
#include "generator/emit/files.h"
#include "generator/support/diagnostic.h"

namespace npugen {

/// How to build a simulation model.
struct ModelBuildOptions {
  std::string cache_folder;  ///< empty: DefaultCacheFolder() of support/cache.h
  bool waves = false;        ///< a variant that can write waveforms; slower to build and run
  /// The netlist that Yosys maps the emission to, instead of the RTL: takes a minute and more to
  /// build, runs at a hundredth of the rate, and has no waves. `quick` and `shared_modules` do not
  /// matter.
  bool netlist = false;
  bool timed = false;  ///< with `netlist`: the one that `npugen synth --timing` times
  /// With the assertions of the RTL, and a check of the gated clocks in every cycle: what is wrong
  /// is printed and ends the process. A tenth of the rate and less, for tests; not with `waves` or
  /// `netlist`.
  bool assertions = false;
  bool quick = false;  ///< less optimization: built sooner, runs slower
  int jobs = 0;        ///< compilers at a time; 0: one for each CPU
  /// Modules that become classes of their own, compiled once for all instances: pays off for those
  /// that occur several times and are large.
  std::vector<std::string> shared_modules;
  /// Told what is under way, such as "compiling 3 of 7"; may be null. Called from one thread at a
  /// time.
  std::function<void(const std::string&)> progress;
};

/// A model in the cache.
struct BuiltModel {
  std::string library;  ///< path of npu_model.so, see npu_model_abi.h
  std::string key;      ///< 32 hexadecimal digits: what the cache knows it by
  bool built = false;   ///< false: it was there already
  double seconds = 0;   ///< that the build took
  /// Not empty: the version of Verilator, whose code is not understood, so that its own eval()
  /// runs the model, at a fraction of the rate.
  std::string plain_version = "";
};

/// Gives the model of `files` (an emission), building it if the cache lacks it. Two processes that
/// want the same model do not build it twice; a build that fails or is killed leaves no entry, only
/// a log. Errors: kToolMissing, kToolFailed (with the path of the log), those of Cache.
Result<BuiltModel> BuildModel(const FileSet& files, const ModelBuildOptions& options);

/// Emits `config` and gives its model; chooses the shared modules. Errors also those of MakePlan()
/// and Emit().
Result<BuiltModel> BuildConfigModel(const NpuConfig& config, ModelBuildOptions options);

}  // namespace npugen

// SPDX-License-Identifier: Apache-2.0
// The performance model against the hardware: the same programs estimated and run on the verilated
// NPU, cycles of totals and layers compared.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "generator/config/npu_config.h"
#include "generator/support/diagnostic.h"
#include "sw/compiler/program.h"
#include "sw/runtime/npu_host.h"

namespace npugen {

/// Cycles of one thing, measured and estimated.
struct CyclePair {
  uint64_t measured = 0;
  uint64_t estimated = 0;
  /// (estimated - measured) / measured
  double error() const;
};

/// One layer of a job.
struct ValidatedLayer {
  uint32_t index = 0;
  std::string op;
  CyclePair cycles;
};

/// One job of a program on an NPU.
struct ValidatedJob {
  std::string spec;
  std::string model;
  bool warm = false;
  bool random = false;  ///< a random layer, not a network
  CyclePair cycles;
  std::vector<ValidatedLayer> layers;
  CauseCycles measured_causes = {};
  CauseCycles estimated_causes = {};
};

/// Where a comparison runs.
struct ValidateOptions {
  std::string cache_folder;  ///< of built models; empty: the default
  int jobs = 0;              ///< compilers at a time; 0: one for each CPU
  bool quick = false;        ///< models that are built sooner and run slower
  uint32_t latency = 50;     ///< of the memory
  uint32_t random_layers = 50;
  std::function<void(const std::string&)> progress;  ///< told what is under way; may be null
};

/// Runs a program cold, and warm if it caches parameters, and appends both comparisons to `jobs`.
/// Errors: those of the build, the run and the estimate.
Status ValidateProgram(const NpuConfig& config, const std::string& library, const Program& program,
                       const std::string& name, bool random, const ValidateOptions& options,
                       std::vector<ValidatedJob>* jobs);

/// Model files below which everything is compared, and specs.
struct ValidationPlan {
  std::vector<std::string> models;  ///< .tflite files
  std::vector<NpuConfig> configs;
};

/// Builds every NPU and compares all models, and random layers, on it. Models and layers that the
/// compiler refuses for an NPU are left out.
Result<std::vector<ValidatedJob>> Validate(const ValidationPlan& plan,
                                           const ValidateOptions& options);

/// Errors over a set of cycle pairs.
struct ErrorSummary {
  size_t count = 0;
  double mean = 0;   ///< of the absolute relative errors
  double worst = 0;  ///< the largest of them, with sign
  std::string worst_name;
};
/// Layers above this count in the goal for single layers.
inline constexpr uint64_t kLayerCycles = 1000;
/// What the model has to reach: mean errors of networks and of random layers, error of every layer
/// that counts.
inline constexpr double kMeanGoal = 0.02;
inline constexpr double kLayerGoal = 0.10;
ErrorSummary SummarizeTotals(const std::vector<ValidatedJob>& jobs, bool random);
ErrorSummary SummarizeLayers(const std::vector<ValidatedJob>& jobs);

/// The tables that `npugen estimate --validate` prints.
std::string FormatValidation(const std::vector<ValidatedJob>& jobs);
std::string ValidationJson(const std::vector<ValidatedJob>& jobs);

}  // namespace npugen

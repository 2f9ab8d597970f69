// SPDX-License-Identifier: Apache-2.0
// Compiles a model, runs it on the functional model and compares every tensor with the golden
// model.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "generator/config/npu_config.h"
#include "sw/compiler/compiler.h"
#include "sw/compiler/network.h"
#include "sw/model/model.h"
#include "verif/random/random_model.h"

namespace npugen::testing {

/// A configuration with the given array; the other values are small and legal, and the hash is set.
struct CoreShape {
  uint32_t lanes, simd;
  uint32_t cores = 1;
  uint32_t accumulators = 16;
};
NpuConfig ConfigOfShape(const CoreShape& shape);
/// The same with `pes` PEs in a row.
NpuConfig GridOfShape(const CoreShape& shape, uint32_t pes);
/// specs/edge.yaml or specs/nano.yaml.
NpuConfig PresetConfig(const std::string& name);
/// Recomputes the hash after changes.
NpuConfig WithHash(NpuConfig config);

struct CheckOptions {
  uint64_t seed = 1;         ///< of poison and interleaving
  bool keep_tensors = true;  ///< compare every operator's output, else only the model's outputs
  int warm_runs = 1;
};

/// Runs cold and then warm on each set of inputs; compares with the golden model. Returns a text
/// that says what is wrong, or an empty one. `inputs` holds for each run the bytes of each input.
std::string CheckAgainstGolden(const Model& model, const NpuConfig& config,
                               const std::vector<std::vector<std::vector<uint8_t>>>& inputs,
                               const CheckOptions& options = {});

/// Compiles models together and runs them in turn on one NPU (random inputs): a job is warm when
/// the one before it had the same cache token. Returns a text that says what is wrong, or an empty
/// one.
std::string CheckTurns(const std::vector<const Model*>& models, const NpuConfig& config,
                       const std::vector<size_t>& turns, uint64_t seed = 1);

/// The outputs of one cold run, for models that the golden model does not take; empty with `error`
/// set.
std::vector<std::vector<uint8_t>> RunOutputs(const Model& model, const NpuConfig& config,
                                             const std::vector<std::vector<uint8_t>>& inputs,
                                             std::string* error);

/// Runs a network, its programs on the functional model and the host's operators by the C runtime,
/// from cold. The bytes of every tensor that was computed, by number; empty with `error` set.
/// `arena` has that of the run before, with its states, and gets this one's; empty, or null: this
/// is the first run.
std::vector<std::vector<uint8_t>> RunNetwork(const Network& network, const NpuConfig& config,
                                             const std::vector<std::vector<uint8_t>>& inputs,
                                             std::string* error,
                                             std::vector<uint64_t>* arena = nullptr);

/// Compiles a network with all tensors kept and compares a run with the golden model. Returns a
/// text that says what is wrong, or an empty one.
std::string CheckNetwork(const Model& model, const NpuConfig& config,
                         const std::vector<std::vector<uint8_t>>& inputs);
/// The same with several runs, between which states are kept.
std::string CheckNetworkRuns(const Model& model, const NpuConfig& config,
                             const std::vector<std::vector<std::vector<uint8_t>>>& runs);

/// As many weights, of all values but -128.
std::vector<int8_t> RandomWeights(RandomSource* random, int64_t count);

/// All errors as text.
std::string ErrorText(const Diagnostics& errors);

}  // namespace npugen::testing

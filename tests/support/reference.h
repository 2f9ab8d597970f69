// SPDX-License-Identifier: Apache-2.0
// The reference results of ReferenceFolder(): whole networks, and operators one at a time.
#pragma once

#include <cstdint>
#include <map>
#include <ostream>
#include <span>
#include <string>
#include <vector>

#include "sw/model/model.h"

namespace npugen::testing {

/// One run of a model.
struct ReferenceRun {
  std::string name;                           ///< case, or vector
  std::vector<std::vector<uint8_t>> inputs;   ///< of each model input
  std::vector<std::vector<uint8_t>> outputs;  ///< of each model output
  /// Beginning of the SHA-256 of tensors, by their numbers in the file (at least 16 digits).
  std::map<int32_t, std::string> digests;
};

/// A model with all its runs.
struct ReferenceModel {
  std::string name;
  std::string path;                    ///< of the .tflite file
  std::vector<std::string> operators;  ///< names as in the schema
  std::vector<ReferenceRun> runs;
};

/// A family of `ops` that has to be accepted and computed exactly.
struct ReferenceFamily {
  const char* name;
  int cases;
  bool on_host = false;  ///< its operators only run on the host
  friend std::ostream& operator<<(std::ostream& out, const ReferenceFamily& family) {
    return out << family.name;
  }
};
std::span<const ReferenceFamily> RequiredFamilies();
/// Names of all families of the index of `folder` (a ReferenceFolder()).
std::vector<std::string> AllFamilies(const std::string& folder);
/// The cases of a family. Ends the test program with a message if the index is damaged.
std::vector<ReferenceModel> ReadFamily(const std::string& folder, const std::string& family);

/// Folders of the whole networks, smallest first.
std::span<const char* const> ReferenceNetworks();
ReferenceModel ReadNetwork(const std::string& folder, const std::string& network);

/// The number of mismatches between `tensors` (bytes by tensor number; empty ones are skipped) and
/// the digests of a run; `first` names the first. `compared` counts.
int CompareDigests(const ReferenceRun& run, const std::vector<std::vector<uint8_t>>& tensors,
                   int* compared, std::string* first);

}  // namespace npugen::testing

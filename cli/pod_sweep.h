// SPDX-License-Identifier: Apache-2.0
// Sweeps of the pod model: variants of a description, here or as jobs, whose results stay.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "generator/support/diagnostic.h"
#include "verif/pod/pod_description.h"

namespace npugen {

/// What is to be swept, and how.
struct PodSweep {
  std::string file;                ///< path of the description
  std::string text;                ///< what is in it
  std::vector<PodChange> changes;  ///< of all points
  std::vector<std::string> vary;   ///< as --sweep has them
  std::string results;             ///< folder for results; empty: none
  int jobs = 1;                    ///< processes, or tasks of the job array, at most
  bool slurm = true;               ///< a job array where sbatch is installed
  std::string part;                ///< "I/N": of the points without a result only those of part I
};

/// A variant.
struct PodPoint {
  std::string name;  ///< such as "data 16x16, sequences 1024"
  std::vector<PodChange> changes;
};

/// All combinations of the values of `vary`, each of which is KEY=VALUE,VALUE... or
/// KEY,KEY=VALUE:VALUE,.... Error: kUsage.
Result<std::vector<PodPoint>> PodPointsOf(const std::vector<std::string>& vary);

/// The report of all points, {"pod", "pod_points": [...]}. What does not divide is a point that was
/// refused. With a folder for results only points without one are estimated, and with `part` the
/// report is of none. Errors: of the description, kFileWrite, kToolFailed when jobs left points
/// out.
Result<nlohmann::ordered_json> RunPodSweep(const PodSweep& sweep);

/// The report as a table.
std::string PodSweepText(const nlohmann::ordered_json& report);

}  // namespace npugen

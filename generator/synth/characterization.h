// SPDX-License-Identifier: Apache-2.0
// What a cell library in liberty format says of time and energy: tables of delay, transition and
// energy of every cell. What cells do is in liberty.h.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "generator/support/diagnostic.h"

namespace npugen {

/// A table over the load of an output (picofarads) and the transition time of an input
/// (nanoseconds). An axis with at most one point does not matter.
struct LibertyTable {
  std::vector<double> loads, transitions;
  std::vector<double> values;  ///< by load, then by transition; empty: there is no table

  /// Linear between the points, and on beyond the last ones. 0 without a table.
  double At(double load, double transition) const;
};

/// From an edge of the input `from` to one of an output; nanoseconds.
struct TimingArc {
  std::string from;
  LibertyTable rise, fall;                        ///< delay until the output rises or falls
  LibertyTable rise_transition, fall_transition;  ///< of the output
};

/// Picojoules inside a cell by an edge of a pin, without what charges the net behind it.
struct EnergyArc {
  std::string from;  ///< of an output: the input that caused it; empty: an edge of the pin itself
  LibertyTable rise, fall;
};

struct CharacterizedPin {
  double capacitance = 0;  ///< picofarads
  std::vector<TimingArc> delays;
  std::vector<EnergyArc> energies;
};

struct CharacterizedCell {
  double leakage = 0;  ///< nanowatts
  std::map<std::string, CharacterizedPin> pins;
};

using Characterization = std::map<std::string, CharacterizedCell>;

/// Cells by name. `path` is for messages. Errors: kFileRead with the line where the text is no
/// liberty file; when it has units other than powers of ten of seconds, farads and watts, or a
/// table whose size is not that of its axes.
Result<Characterization> ReadCharacterization(const std::string& text, const std::string& path);

}  // namespace npugen

// SPDX-License-Identifier: Apache-2.0
// Signals of a wave file, time by time.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace npugen::testing {

/// The signals of an FST file that were asked for.
struct WaveSignals {
  std::vector<std::string> names;  ///< with all scopes, dots between them
  std::vector<std::string>
      values;  ///< of '0' and '1', the highest bit first; empty before the first
};

/// Reads `path` from its beginning and calls `visit` after the changes of each time at which a
/// signal changed whose name `wanted` accepts. Names end without the range of bits. Returns whether
/// the file could be read.
bool ReadWaves(const std::string& path, const std::function<bool(std::string_view name)>& wanted,
               const std::function<void(uint64_t time, const WaveSignals& signals)>& visit);

}  // namespace npugen::testing

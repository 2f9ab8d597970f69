// SPDX-License-Identifier: Apache-2.0
// The files of constraints/, embedded at build time so that the program needs no source tree.
#pragma once

#include <span>
#include <string_view>

namespace npugen {

/// One file of constraints/.
struct ConstraintSource {
  std::string_view name;  ///< path below constraints/, such as `tech/osu018.yaml`
  std::string_view text;
};

/// All files of constraints/ and its folders.
std::span<const ConstraintSource> ConstraintLibrary();

/// The text of the file `name` of constraints/; empty when there is none.
std::string_view ConstraintText(std::string_view name);

}  // namespace npugen

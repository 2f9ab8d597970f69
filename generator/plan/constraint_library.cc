// SPDX-License-Identifier: Apache-2.0
// Finds a file among those of constraints/.
#include "generator/plan/constraint_library.h"

namespace npugen {

std::string_view ConstraintText(std::string_view name) {
  for (const ConstraintSource& source : ConstraintLibrary()) {
    if (source.name == name) return source.text;
  }
  return {};
}

}  // namespace npugen

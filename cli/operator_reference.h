// SPDX-License-Identifier: Apache-2.0
// docs/operators.md.
#pragma once

#include <string>

namespace npugen {

/// The document: the table of operators with what the reference design needs for one of each, and
/// what holds for several operators. Empty if the reference design is not found.
std::string OperatorReference();

}  // namespace npugen

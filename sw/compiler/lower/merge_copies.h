// SPDX-License-Identifier: Apache-2.0
// Copies of copies become one.
#pragma once

#include "sw/compiler/lower/layer.h"

namespace npugen::compiler {

/// Lets copies that read what another copy wrote read that one's sources, where this moves bytes in
/// no more runs than both did: transposes, slices and concatenations one behind the other. Copies
/// that then leave everything where it is vanish. The layers that nobody reads any more stay.
void MergeCopies(LoweredModel* lowered);

}  // namespace npugen::compiler

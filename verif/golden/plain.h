// SPDX-License-Identifier: Apache-2.0
// Operators on int32 and float32 that are not quantized.
#pragma once

#include "verif/golden/kernels.h"

namespace npugen::golden {

/// Whether the operator computes on them (ComputesPlain).
bool IsPlain(const Node& node);
/// `make` is what the operator has for int8.
Kernel MakePlain(const Node& node, Kernel (*make)(const Node& node));

}  // namespace npugen::golden

// SPDX-License-Identifier: Apache-2.0
// Kernels of host operators that are a second form of a row of the operator table.
#pragma once

#include "verif/golden/kernels.h"

namespace npugen::golden {

/// QUANTIZE from float32.
Kernel MakeQuantizeFloat(const Node& node);

}  // namespace npugen::golden

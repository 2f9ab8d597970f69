// SPDX-License-Identifier: Apache-2.0
// Channels of gated layers in the order of their activity.
#pragma once

#include "sw/model/model.h"

namespace npugen {

/// The same network with the output channels of gated BINARY_CONV_2D layers whose `activity` is
/// known sorted by it, most active first, as far as only layers of bits read them: their filters
/// follow, and the network's outputs are what they were. Lanes that work side by side then pass
/// their gates about equally often, so a window of positions to skip (units.bnn.skip_window) saves
/// more.
Model OrderChannels(Model model);

}  // namespace npugen

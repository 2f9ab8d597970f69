// SPDX-License-Identifier: Apache-2.0
// Stage 0: channels that carry nothing are taken out of a model.
#pragma once

#include <cstdint>
#include <optional>

#include "sw/model/model.h"

namespace npugen::compiler {

/// The model without channels of activations that are the same constant wherever they are read, or
/// that no weight reads: what constants add is in the biases of the convolutions behind them.
/// Its inputs and outputs have the same bytes as before. Empty: there is nothing to take out.
///
/// Channels follow from convolutions (without groups) through depthwise convolutions (of multiplier
/// 1) and pools into convolutions; a constant that the border of an image would change is none.
/// Of each tensor so many stay that their number is a multiple of `unit`, where it can be.
std::optional<Model> WithoutDeadChannels(const Model& model, int64_t unit);

}  // namespace npugen::compiler

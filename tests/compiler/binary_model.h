// SPDX-License-Identifier: Apache-2.0
// Random networks of bits.
#pragma once

#include "sw/model/model.h"
#include "verif/random/random_model.h"

namespace npugen::testing {

/// A few binary layers behind a thermometer or an int8 convolution, then sums, rescaled bytes or
/// bits. All shapes, paddings, gates and flips are drawn.
Model RandomBinaryModel(RandomSource* random);
/// Of layers of values with residuals.
Model RandomValuesModel(RandomSource* random);

/// Puts biases, thresholds, gates, multipliers and shifts at the ends of what the format allows
/// into some channels of every convolution. Sums stay within 32 bits.
void MakeExtreme(Model* model, RandomSource* random);

}  // namespace npugen::testing

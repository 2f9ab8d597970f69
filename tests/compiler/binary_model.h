// Random networks of bits.
#pragma once

#include "sw/model/model.h"
#include "verif/random/random_model.h"

namespace npugen::testing {

/// A few binary layers behind a thermometer or an int8 convolution, then sums, rescaled bytes or
/// bits. All shapes, paddings, gates and flips are drawn.
Model RandomBinaryModel(RandomSource* random);

}  // namespace npugen::testing

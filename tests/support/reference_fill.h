// SPDX-License-Identifier: Apache-2.0
// What the reference results (ReferenceFolder()) owe to the memory of the run that made them.
#pragma once

#include "sw/model/model.h"

namespace npugen::testing {

/// TFLM's SPACE_TO_BATCH_ND never sets what it pads with (its Prepare leaves output_offset as the
/// memory was). The zero point is meant, TensorFlow Lite uses it, and the reader sets it. The
/// memory of the reference run was filled with 0xA5, and so are the paddings in its results: with
/// that byte every byte can be compared.
void PadAsTheReferenceDid(Model& model);

}  // namespace npugen::testing

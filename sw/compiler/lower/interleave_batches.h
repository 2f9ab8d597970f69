// SPDX-License-Identifier: Apache-2.0
// Attention head by head: products of batches, and what is computed row by row between them.
#pragma once

#include "sw/compiler/lower/layer.h"

namespace npugen::compiler {

/// Where a layer of rows (SOFTMAX) reads what the products of several batches wrote, and products
/// of as many batches alone read what it writes: cuts it into the rows of each batch, with storages
/// of their own, and puts the layers of a batch one behind the other. Operands are moved for the
/// next batch while one is computed.
void InterleaveBatches(LoweredModel* lowered);

}  // namespace npugen::compiler

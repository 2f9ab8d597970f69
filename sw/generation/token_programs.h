// SPDX-License-Identifier: Apache-2.0
// What the vector unit computes of a transformer, beside the products (docs/transformers.md).
#pragma once

#include "sw/stream/vector_program.h"
#include "sw/transformer/transformer.h"

namespace npugen::generation {

/// d = LayerNorm of a with gains b, and with biases c where `biased`.
VectorProgram LayerNormProgram(const TransformerConfig& config, bool biased);
/// RMSNorm in three: e = the sum of squares of a, or of d = a + b where there is a residual;
VectorProgram SquaresProgram(bool residual);
/// d = 1 / root of the mean, of one sum a;
VectorProgram InverseRootProgram(const TransformerConfig& config);
/// d = a * b * c.
VectorProgram ScaleProgram();
/// d = a + b.
VectorProgram ResidualProgram();
/// d = a * c, e = b * c.
VectorProgram TwoProductsProgram();
/// d = a + b * c, or a - b * c.
VectorProgram AddProductProgram(bool subtract);
/// d = exponentials of the scores a less the largest, e = their sum.
VectorProgram SoftmaxProgram(Fp32 scale);
/// d = a / b, by way of 1 / b.
VectorProgram QuotientProgram();
/// d = the gate's function of a, times b where there is a gate.
VectorProgram GateProgram(GateFunction function, bool gated);

}  // namespace npugen::generation

// SPDX-License-Identifier: Apache-2.0
// Norms and gates of transformers in the order of operations that decides their bits
// (docs/transformers.md, section 1).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "sw/numerics/fp32.h"

namespace npugen::numerics {

/// (x / root of the mean square) * gain; gain is as long as x.
std::vector<Fp32> RmsNorm(std::span<const Fp32> x, std::span<const Fp32> gain, Fp32 epsilon);
/// The same of x less its mean, plus a bias where there is one.
std::vector<Fp32> LayerNorm(std::span<const Fp32> x, std::span<const Fp32> gain,
                            std::span<const Fp32> bias, Fp32 epsilon);

/// x / (1 + e^-x).
Fp32 Silu(Fp32 x);
/// GELU by its approximation with a hyperbolic tangent, and by the error function.
Fp32 GeluTanh(Fp32 x);
Fp32 Gelu(Fp32 x);

}  // namespace npugen::numerics

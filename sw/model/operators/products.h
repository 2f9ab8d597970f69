// SPDX-License-Identifier: Apache-2.0
// Products of data and weights: convolutions and matrices. Their options.
#pragma once

#include <cstdint>

#include "sw/model/operators/option_types.h"

namespace npugen {

/// CONV_2D and DEPTHWISE_CONV_2D. Inputs: data [N,H,W,C], filter ([O,KH,KW,I] or [1,KH,KW,O]), bias
/// [O] (may be absent: -1).
struct ConvOptions {
  Padding padding = Padding::kSame;
  int32_t stride_h = 1, stride_w = 1;
  int32_t dilation_h = 1, dilation_w = 1;
  int32_t depth_multiplier = 1;  ///< depthwise only
  Activation activation = Activation::kNone;
};

struct FullyConnectedOptions {
  Activation activation = Activation::kNone;
  bool keep_num_dims = false;
};

/// TRANSPOSE_CONV. Inputs: data [N,H,W,C], filter [O,KH,KW,I], bias [O] or -1. The output shape is
/// that of the output tensor.
struct TransposeConvOptions {
  Padding padding = Padding::kSame;
  int32_t stride_h = 1, stride_w = 1;
  Activation activation = Activation::kNone;
};

struct BatchMatMulOptions {
  bool adjoint_x = false, adjoint_y = false;
};

/// All options of this family, for OperatorOptions.
using ProductsOptions =
    OptionList<ConvOptions, FullyConnectedOptions, TransposeConvOptions, BatchMatMulOptions>;

}  // namespace npugen

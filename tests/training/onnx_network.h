// SPDX-License-Identifier: Apache-2.0
// Networks of tests as ONNX files, with weights in the file's order.
#pragma once

#include <cstdint>
#include <vector>

#include "sw/training/network.h"

namespace npugen::training {

/// The file of a network, whose parameters must have elements in the order of Parameter::initial;
/// images come as [N,C,H,W] unless they are single pixels.
std::vector<uint8_t> MakeOnnx(const Network& network);

}  // namespace npugen::training

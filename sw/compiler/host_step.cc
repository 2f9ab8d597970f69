// SPDX-License-Identifier: Apache-2.0
// Options of each kind of operator of the host.
#include "sw/compiler/host_step.h"

namespace npugen {

HostStep MakeHostStep(const Model& model, const Operator& op) {
  (void)model;
  HostStep step;
  switch (op.type) {
    case OperatorType::kDequantize:
      step.kind = NPU_HOST_DEQUANTIZE;
      break;
    default:
      step.kind = NPU_HOST_QUANTIZE;
      break;
  }
  return step;
}

}  // namespace npugen

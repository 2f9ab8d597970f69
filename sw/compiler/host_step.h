// SPDX-License-Identifier: Apache-2.0
// What the C runtime needs to know to compute an operator on the host.
#pragma once

#include <cstdint>
#include <vector>

#include "sw/compiler/network_format.h"
#include "sw/model/model.h"

namespace npugen {

/// Beside the operator's inputs and outputs, in their order.
struct HostStep {
  npu_host_kind kind = NPU_HOST_COPY;
  std::vector<uint32_t> options;  ///< as sw/driver/npu_host_kernels.h has them
  std::vector<Tensor> constants;  ///< further inputs, such as tables
  uint32_t work_bytes = 0;        ///< memory that it works in
};

/// `op` is a checked operator that runs on the host.
HostStep MakeHostStep(const Model& model, const Operator& op);

}  // namespace npugen

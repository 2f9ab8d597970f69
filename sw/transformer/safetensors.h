// SPDX-License-Identifier: Apache-2.0
// The container of weights of Hugging Face: a header of JSON, then bytes.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "generator/support/diagnostic.h"
#include "sw/transformer/tensor_table.h"

namespace npugen {

/// Adds the tensors of a file to the table; `names`, if given, gets what they are called. The bytes
/// must outlive the table. Errors: M140, M141, M143, M144, M108.
Status ReadSafetensors(std::span<const uint8_t> bytes, const std::string& file, TensorTable& table,
                       std::vector<std::string>* names = nullptr);

}  // namespace npugen

// SPDX-License-Identifier: Apache-2.0
// A step of the host with memory of its own, for tests of kernels.
#pragma once

#include <gtest/gtest.h>

#include <cstring>
#include <utility>
#include <vector>

#include "sw/compiler/host_step.h"
#include "sw/driver/npu_host_operators.h"
#include "verif/golden/golden_model.h"

namespace npugen::testing {

inline constexpr std::pair<TensorType, npu_element_type> kElementTypes[] = {
    {TensorType::kInt8, NPU_ELEMENT_INT8},       {TensorType::kUint8, NPU_ELEMENT_UINT8},
    {TensorType::kFloat32, NPU_ELEMENT_FLOAT32}, {TensorType::kInt16, NPU_ELEMENT_INT16},
    {TensorType::kInt32, NPU_ELEMENT_INT32},     {TensorType::kInt64, NPU_ELEMENT_INT64}};

/// A step of the host with memory of its own.
class Step {
 public:
  Step(const Model& model, const Operator& op, const TensorBytes& tensors)
      : step_(MakeHostStep(model, op)) {
    for (const int32_t input : op.inputs) {
      if (input < 0) {
        AddNone();
        continue;
      }
      const Tensor& tensor = model.tensors[input];
      Add(tensor, tensor.is_constant ? tensor.data : tensors[input]);
    }
    for (const Tensor& constant : step_.constants) Add(constant, constant.data);
    inputs_ = rows_.size();
    for (const int32_t output : op.outputs) {
      Add(model.tensors[output], std::vector<uint8_t>(model.tensors[output].bytes(), 0x5a));
    }
    work_.resize(step_.work_bytes / 8 + 2, 0x1234567812345678);
  }

  HostStep& step() { return step_; }
  npu_network_tensor& row(size_t i) { return rows_[i]; }
  size_t inputs() const { return inputs_; }
  size_t operands() const { return rows_.size(); }
  bool is_there(size_t i) const { return there_[i]; }
  void SetThere(size_t i, bool there) { there_[i] = there; }

  bool Fits(uint32_t less_work = 0) const {
    std::vector<const npu_network_tensor*> rows;
    for (size_t i = 0; i < rows_.size(); ++i) rows.push_back(there_[i] ? &rows_[i] : nullptr);
    return npu_host_operator_fits(
               step_.kind, rows.data(), static_cast<uint32_t>(inputs_), rows.data() + inputs_,
               static_cast<uint32_t>(rows.size() - inputs_), step_.options.data(),
               static_cast<uint32_t>(step_.options.size()), step_.work_bytes - less_work) != 0;
  }
  /// With `in_place` outputs from the second one on stand where the inputs before the constants do.
  void Run(bool in_place = false) {
    std::vector<npu_host_operand> operands;
    for (size_t i = 0; i < rows_.size(); ++i) {
      operands.push_back({there_[i] ? &rows_[i] : nullptr, there_[i] ? bytes_[i].data() : nullptr});
    }
    const size_t states = rows_.size() - inputs_ - 1;
    for (size_t s = 0; in_place && s < states; ++s) {
      const size_t input = inputs_ - step_.constants.size() - states + s;
      operands[inputs_ + 1 + s].bytes = operands[input].bytes;
    }
    npu_host_operator_run(step_.kind, operands.data(), operands.data() + inputs_,
                          step_.options.data(), work_.data());
    for (size_t s = 0; in_place && s < states; ++s) {
      bytes_[inputs_ + 1 + s] = bytes_[inputs_ - step_.constants.size() - states + s];
    }
  }
  /// The bytes of an output, and that none behind them were written.
  std::vector<uint8_t> Output(size_t i) const {
    const std::vector<uint64_t>& words = bytes_[inputs_ + i];
    EXPECT_EQ(words.back(), kGuard);
    EXPECT_EQ(work_.back(), 0x1234567812345678u) << "beyond the memory to work in";
    const auto* begin = reinterpret_cast<const uint8_t*>(words.data());
    return {begin, begin + rows_[inputs_ + i].bytes};
  }

 private:
  static constexpr uint64_t kGuard = 0x0123456789abcdef;

  void AddNone() {
    rows_.push_back({});
    bytes_.emplace_back();
    there_.push_back(false);
  }
  void Add(const Tensor& tensor, const std::vector<uint8_t>& bytes) {
    npu_network_tensor row = {};
    for (const auto& [ours, code] : kElementTypes) {
      if (ours == tensor.type) row.type = code;
    }
    row.bytes = static_cast<uint32_t>(bytes.size());
    row.rank = static_cast<uint32_t>(tensor.shape.size());
    for (size_t d = 0; d < tensor.shape.size(); ++d) {
      row.shape[d] = static_cast<uint32_t>(tensor.shape[d]);
    }
    rows_.push_back(row);
    std::vector<uint64_t> words((bytes.size() + 7) / 8 + 1, kGuard);
    std::memcpy(words.data(), bytes.data(), bytes.size());
    bytes_.push_back(std::move(words));
    there_.push_back(true);
  }

  HostStep step_;
  std::vector<npu_network_tensor> rows_;
  std::vector<std::vector<uint64_t>> bytes_;
  std::vector<bool> there_;
  std::vector<uint64_t> work_;
  size_t inputs_ = 0;
};

}  // namespace npugen::testing

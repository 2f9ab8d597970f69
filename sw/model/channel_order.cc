// SPDX-License-Identifier: Apache-2.0
// Permutations of output channels, and of the filters behind them.
#include "sw/model/channel_order.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "sw/model/bits.h"

namespace npugen {
namespace {

/// Position i of the result is position order[i] of `values`.
template <typename T>
void Permute(const std::vector<size_t>& order, std::vector<T>* values) {
  if (values->size() != order.size()) return;
  std::vector<T> permuted;
  for (size_t from : order) permuted.push_back((*values)[from]);
  *values = std::move(permuted);
}

/// Filters whose output channels stand in another order.
void PermuteOutputs(const std::vector<size_t>& order, Tensor* filter) {
  const size_t bytes = filter->data.size() / order.size();
  std::vector<uint8_t> data;
  data.reserve(filter->data.size());
  for (size_t from : order) {
    const auto begin = filter->data.begin() + static_cast<std::ptrdiff_t>(from * bytes);
    data.insert(data.end(), begin, begin + static_cast<std::ptrdiff_t>(bytes));
  }
  filter->data = std::move(data);
}

/// Filters of bits whose input channels do.
void PermuteInputs(const std::vector<size_t>& order, Tensor* filter) {
  std::vector<uint8_t> data(filter->data.size(), 0);
  for (int64_t o = 0; o < filter->shape[0]; ++o) {
    for (int64_t y = 0; y < filter->shape[1]; ++y) {
      for (int64_t x = 0; x < filter->shape[2]; ++x) {
        for (size_t c = 0; c < order.size(); ++c) {
          const BitPlace to = PlaceOfBit(*filter, o, y, 0, x, static_cast<int64_t>(c));
          const BitPlace from = PlaceOfBit(*filter, o, y, 0, x, static_cast<int64_t>(order[c]));
          const int bit = filter->data[from.byte] >> from.shift & 1;
          data[to.byte] = static_cast<uint8_t>(data[to.byte] | bit << to.shift);
        }
      }
    }
  }
  filter->data = std::move(data);
}

/// The filters that read `tensor`, also through pools. False: something else reads it.
bool FindReaders(const Model& model, int32_t tensor, std::vector<int32_t>* filters) {
  if (std::find(model.outputs.begin(), model.outputs.end(), tensor) != model.outputs.end()) {
    return false;
  }
  for (const Operator& op : model.operators) {
    if (std::find(op.inputs.begin(), op.inputs.end(), tensor) == op.inputs.end()) continue;
    if (op.type == OperatorType::kBinaryConv2d && op.inputs[0] == tensor) {
      filters->push_back(op.inputs[1]);
    } else if (op.type != OperatorType::kMaxPool2d || !FindReaders(model, op.outputs[0], filters)) {
      return false;
    }
  }
  return true;
}

/// How many operators read a filter.
int64_t Uses(const Model& model, int32_t filter) {
  return std::count_if(
      model.operators.begin(), model.operators.end(),
      [filter](const Operator& op) { return op.inputs.size() > 1 && op.inputs[1] == filter; });
}

}  // namespace

Model OrderChannels(Model model) {
  for (Operator& op : model.operators) {
    if (op.type != OperatorType::kBinaryConv2d) continue;
    auto& options = std::get<BinaryConvOptions>(op.options);
    const Tensor& output = model.tensors[op.outputs[0]];
    const auto channels = static_cast<size_t>(output.shape[3]);
    std::vector<int32_t> filters;
    if (output.type != TensorType::kBits || options.gates.empty() || options.affine ||
        options.activity.size() != channels || !FindReaders(model, op.outputs[0], &filters)) {
      continue;
    }
    bool shared = Uses(model, op.inputs[1]) != 1;
    for (int32_t filter : filters) shared = shared || Uses(model, filter) != 1;
    if (shared) continue;
    std::vector<size_t> order(channels);
    std::iota(order.begin(), order.end(), size_t{0});
    std::stable_sort(order.begin(), order.end(), [&options](size_t a, size_t b) {
      return options.activity[a] > options.activity[b];
    });
    PermuteOutputs(order, &model.tensors[op.inputs[1]]);
    for (std::vector<int32_t>& list : options.thresholds) Permute(order, &list);
    Permute(order, &options.flip);
    Permute(order, &options.gates);
    Permute(order, &options.activity);
    for (int32_t filter : filters) PermuteInputs(order, &model.tensors[filter]);
  }
  return model;
}

}  // namespace npugen

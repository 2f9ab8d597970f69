// SPDX-License-Identifier: Apache-2.0
// Which channels are constant (forwards), which ones nobody needs (backwards), and the model
// without them.
#include "sw/compiler/lower/dead_channels.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdlib>
#include <limits>
#include <utility>
#include <vector>

#include "sw/compiler/lower/fixed_point.h"
#include "sw/compiler/lower/layer.h"
#include "sw/model/quantization.h"

namespace npugen::compiler {
namespace {

/// What all elements of a channel are; empty: they differ.
using Constants = std::vector<std::optional<int32_t>>;

/// A convolution, with or without depth: weights by output channel, tap and input channel.
class Weighted {
 public:
  Weighted(const Model& model, const Operator& node)
      : node_(node),
        filter_(model.tensors[node.inputs[1]]),
        wide_(filter_.type == TensorType::kInt16),
        depthwise_(node.type == OperatorType::kDepthwiseConv2d) {}

  int64_t outputs() const { return filter_.shape[depthwise_ ? 3 : 0]; }
  int64_t inputs() const { return filter_.shape[3]; }
  int64_t taps() const { return int64_t{filter_.shape[1]} * filter_.shape[2]; }
  int64_t element_bytes() const { return wide_ ? 2 : 1; }
  /// Element of the filter; `in` is not used where each output has an input of its own.
  int64_t Index(int64_t out, int64_t tap, int64_t in) const {
    return depthwise_ ? tap * outputs() + out : (out * taps() + tap) * inputs() + in;
  }
  int32_t At(int64_t out, int64_t tap, int64_t in) const {
    const int64_t index = Index(out, tap, in);
    if (!wide_) return static_cast<int8_t>(filter_.data[static_cast<size_t>(index)]);
    const auto byte = static_cast<size_t>(2 * index);
    return static_cast<int16_t>(filter_.data[byte] | filter_.data[byte + 1] << 8);
  }
  /// Of all taps. Several outputs of a depthwise convolution do not share an input here.
  int64_t Sum(int64_t out, int64_t in) const {
    int64_t sum = 0;
    for (int64_t tap = 0; tap < taps(); ++tap) sum += At(out, tap, in);
    return sum;
  }
  bool IsZero(int64_t out, int64_t in) const {
    for (int64_t tap = 0; tap < taps(); ++tap) {
      if (At(out, tap, in) != 0) return false;
    }
    return true;
  }
  /// Whether windows may reach beyond the image.
  bool HasBorders() const {
    return std::get<ConvOptions>(node_.options).padding == Padding::kSame && taps() > 1;
  }

 private:
  const Operator& node_;
  const Tensor& filter_;
  bool wide_, depthwise_;
};

int32_t BiasAt(const Model& model, const Operator& node, int64_t channel) {
  if (node.inputs.size() < 3 || node.inputs[2] < 0) return 0;
  const uint8_t* b = model.tensors[node.inputs[2]].data.data() + 4 * channel;
  return static_cast<int32_t>(uint32_t{b[0]} | uint32_t{b[1]} << 8 | uint32_t{b[2]} << 16 |
                              uint32_t{b[3]} << 24);
}

/// What becomes of channels in an operator.
enum class Kind : uint8_t {
  kOther,      ///< it needs all of them, as they are
  kMixes,      ///< CONV_2D: each output from all inputs
  kDepthwise,  ///< output c from input c, by weights
  kPool,       ///< output c from input c
};

class DeadChannels {
 public:
  DeadChannels(const Model& model, int64_t unit)
      : model_(model),
        unit_(unit),
        constants_(model.tensors.size()),
        root_(model.tensors.size(), -1),
        producers_(model.tensors.size(), -1),
        readers_(model.tensors.size()) {}

  std::optional<Model> Run() {
    Connect();
    for (const Operator& node : model_.operators) FindConstants(node);
    if (!FindDead()) return std::nullopt;
    return Reduced();
  }

 private:
  Kind KindOf(const Operator& node) const;
  void Connect();
  void FindConstants(const Operator& node);
  bool FindDead();
  bool MayDrop(size_t op, int32_t tensor, int64_t channel) const;
  bool Folds(const Weighted& weights, int32_t tensor, int64_t channel) const;
  int64_t Folded(const Operator& node, int64_t out) const;
  Model Reduced() const;
  void ReduceWeights(size_t op, Model* reduced) const;

  bool IsActivation(int32_t tensor) const {
    const Tensor& t = model_.tensors[tensor];
    return !t.is_constant && t.type == TensorType::kInt8 && t.shape.size() == 4;
  }
  /// Dead channels of a tensor; empty: none.
  const std::vector<bool>& DeadOf(int32_t tensor) const {
    static const std::vector<bool> kNone;
    const int32_t root = root_[tensor];
    return root < 0 ? kNone : dead_[root];
  }
  bool IsDead(int32_t tensor, int64_t channel) const {
    const std::vector<bool>& dead = DeadOf(tensor);
    return !dead.empty() && dead[static_cast<size_t>(channel)];
  }

  const Model& model_;
  const int64_t unit_;                        ///< channels that are left are multiples of it
  std::vector<Constants> constants_;          ///< by tensor and channel
  std::vector<int32_t> root_;                 ///< operator whose channels a tensor has, or -1
  std::vector<int32_t> producers_;            ///< by tensor: operator
  std::vector<std::vector<size_t>> readers_;  ///< by tensor: operators
  std::vector<std::vector<bool>> dead_;       ///< by root operator and channel
};

Kind DeadChannels::KindOf(const Operator& node) const {
  if (node.inputs.empty() || !IsActivation(node.inputs[0]) || node.outputs.size() != 1 ||
      !IsActivation(node.outputs[0]) || !node.multipliers.empty()) {
    return Kind::kOther;
  }
  const int32_t in_c = model_.tensors[node.inputs[0]].shape[3];
  const int32_t out_c = model_.tensors[node.outputs[0]].shape[3];
  if (node.type == OperatorType::kMaxPool2d || node.type == OperatorType::kAveragePool2d) {
    return Kind::kPool;
  }
  const bool depthwise = node.type == OperatorType::kDepthwiseConv2d;
  if (!depthwise && node.type != OperatorType::kConv2d) return Kind::kOther;
  const Tensor& filter = model_.tensors[node.inputs[1]];
  if (filter.shape.size() != 4 || filter.data.size() != filter.bytes()) return Kind::kOther;
  if (std::any_of(filter.zero_points.begin(), filter.zero_points.end(),
                  [](int32_t zero_point) { return zero_point != 0; })) {
    return Kind::kOther;
  }
  if (node.inputs.size() > 2 && node.inputs[2] >= 0) {
    const Tensor& bias = model_.tensors[node.inputs[2]];
    if (bias.type != TensorType::kInt32 || bias.data.size() != size_t{4} * out_c) {
      return Kind::kOther;
    }
  }
  if (depthwise) return in_c == out_c ? Kind::kDepthwise : Kind::kOther;
  return filter.shape[3] == in_c ? Kind::kMixes : Kind::kOther;
}

/// Producers, readers, and which tensors have the same channels.
void DeadChannels::Connect() {
  for (size_t op = 0; op < model_.operators.size(); ++op) {
    const Operator& node = model_.operators[op];
    for (int32_t input : node.inputs) {
      if (input >= 0) readers_[input].push_back(op);
    }
    for (int32_t output : node.outputs) {
      if (output >= 0) producers_[output] = static_cast<int32_t>(op);
    }
    const Kind kind = KindOf(node);
    if (kind == Kind::kMixes) root_[node.outputs[0]] = static_cast<int32_t>(op);
    if (kind == Kind::kDepthwise || kind == Kind::kPool) {
      root_[node.outputs[0]] = root_[node.inputs[0]];
    }
  }
}

/// Whether `channel` of the tensor adds the same to every sum of a convolution.
bool DeadChannels::Folds(const Weighted& weights, int32_t tensor, int64_t channel) const {
  const Constants& known = constants_[tensor];
  if (known.empty() || !known[static_cast<size_t>(channel)]) return false;
  return !weights.HasBorders() ||
         *known[static_cast<size_t>(channel)] == model_.tensors[tensor].zero_point();
}

void DeadChannels::FindConstants(const Operator& node) {
  const Kind kind = KindOf(node);
  if (kind == Kind::kOther) return;
  const Tensor& input = model_.tensors[node.inputs[0]];
  const Tensor& output = model_.tensors[node.outputs[0]];
  const int64_t channels = output.shape[3];
  Constants& constants = constants_[node.outputs[0]];
  constants.assign(static_cast<size_t>(channels), std::nullopt);
  if (kind == Kind::kPool) {
    // Scales are the same; the average of equal numbers is exact.
    const std::optional<ActivationRange> range = ComputeActivationRange(
        std::get<PoolOptions>(node.options).activation, output.scale(), output.zero_point());
    if (!range || constants_[node.inputs[0]].empty()) return;
    for (size_t c = 0; c < constants.size(); ++c) {
      if (const std::optional<int32_t> value = constants_[node.inputs[0]][c]) {
        constants[c] = std::clamp(*value, range->min, range->max);
      }
    }
    return;
  }
  const Weighted weights(model_, node);
  const std::optional<ActivationRange> range = ComputeActivationRange(
      std::get<ConvOptions>(node.options).activation, output.scale(), output.zero_point());
  const std::vector<QuantizedMultiplier> multipliers = OutputMultipliers(model_, node);
  if (!range || static_cast<int64_t>(multipliers.size()) != channels) return;
  const bool depthwise = kind == Kind::kDepthwise;
  for (int64_t out = 0; out < channels; ++out) {
    int64_t sum = BiasAt(model_, node, out);
    bool varies = false;
    for (int64_t in = depthwise ? out : 0; in < (depthwise ? out + 1 : input.shape[3]); ++in) {
      if (weights.IsZero(out, in)) continue;
      if (!Folds(weights, node.inputs[0], in)) {
        varies = true;
        break;
      }
      const int32_t value = *constants_[node.inputs[0]][static_cast<size_t>(in)];
      sum += weights.Sum(out, in) * (value - input.zero_point());
    }
    // Where numbers wrap on the way, they are left to the array.
    const QuantizedMultiplier& factor = multipliers[static_cast<size_t>(out)];
    constexpr int64_t kLargest = std::numeric_limits<int32_t>::max();
    if (varies || factor.shift > 30 || std::abs(sum) > kLargest >> std::max(factor.shift, 0)) {
      continue;
    }
    const int64_t scaled = int64_t{Scaled(static_cast<int32_t>(sum), factor)} + output.zero_point();
    constants[static_cast<size_t>(out)] =
        static_cast<int32_t>(std::clamp<int64_t>(scaled, range->min, range->max));
  }
}

/// Whether operator `op`, which reads the tensor, can do without one of its channels.
bool DeadChannels::MayDrop(size_t op, int32_t tensor, int64_t channel) const {
  const Operator& node = model_.operators[op];
  const Kind kind = KindOf(node);
  // Its outputs have the same channels, and are asked themselves.
  if (kind == Kind::kDepthwise || kind == Kind::kPool) return node.inputs[0] == tensor;
  if (kind != Kind::kMixes || node.inputs[0] != tensor) return false;
  const Weighted weights(model_, node);
  if (Folds(weights, tensor, channel)) return true;
  for (int64_t out = 0; out < weights.outputs(); ++out) {
    if (!IsDead(node.outputs[0], out) && !weights.IsZero(out, channel)) return false;
  }
  return true;
}

/// From the last convolution to the first one, since what is dead behind needs nothing before.
bool DeadChannels::FindDead() {
  dead_.resize(model_.operators.size());
  std::vector<bool> fixed(model_.tensors.size(), false);  // inputs, outputs, states
  for (int32_t tensor : model_.inputs) fixed[tensor] = true;
  for (int32_t tensor : model_.outputs) fixed[tensor] = true;
  for (const Model::State& state : model_.states) fixed[state.read] = fixed[state.written] = true;
  std::vector<std::vector<int32_t>> members(model_.operators.size());  // tensors by their root
  for (size_t t = 0; t < root_.size(); ++t) {
    if (root_[t] >= 0) members[root_[t]].push_back(static_cast<int32_t>(t));
  }
  bool any = false;
  for (size_t op = model_.operators.size(); op-- > 0;) {
    if (members[op].empty()) continue;
    const int64_t channels = model_.tensors[model_.operators[op].outputs[0]].shape[3];
    std::vector<bool> dead(static_cast<size_t>(channels), false);
    int64_t left = channels;
    for (int64_t c = 0; c < channels && left > 1; ++c) {
      const bool may = std::all_of(members[op].begin(), members[op].end(), [&](int32_t tensor) {
        return !fixed[tensor] &&
               std::all_of(readers_[tensor].begin(), readers_[tensor].end(),
                           [&](size_t reader) { return MayDrop(reader, tensor, c); });
      });
      if (!may) continue;
      dead[static_cast<size_t>(c)] = true;
      --left;
    }
    // Vectors that end between words would cost more than a few channels.
    const int64_t wanted = std::min(channels, CeilDiv(left, unit_) * unit_);
    for (int64_t c = 0; c < channels && left < wanted; ++c) {
      if (!dead[static_cast<size_t>(c)]) continue;
      dead[static_cast<size_t>(c)] = false;
      ++left;
    }
    if (left == channels) continue;
    dead_[op] = std::move(dead);
    any = true;
  }
  return any;
}

/// What the dead channels of its input add to output `out` of a convolution.
int64_t DeadChannels::Folded(const Operator& node, int64_t out) const {
  const Weighted weights(model_, node);
  const int32_t input = node.inputs[0];
  int64_t sum = 0;
  for (int64_t in = 0; in < weights.inputs(); ++in) {
    if (!IsDead(input, in) || weights.IsZero(out, in)) continue;
    const int32_t value = *constants_[input][static_cast<size_t>(in)];
    sum += weights.Sum(out, in) * (value - model_.tensors[input].zero_point());
  }
  return sum;
}

/// The elements at the positions of `values` that are not dead.
template <typename T>
std::vector<T> Living(const std::vector<T>& values, const std::vector<bool>& dead) {
  if (dead.empty() || values.size() != dead.size()) return values;
  std::vector<T> living;
  for (size_t i = 0; i < values.size(); ++i) {
    if (!dead[i]) living.push_back(values[i]);
  }
  return living;
}

void DeadChannels::ReduceWeights(size_t op, Model* reduced) const {
  const Operator& node = model_.operators[op];
  const Weighted weights(model_, node);
  const bool depthwise = KindOf(node) == Kind::kDepthwise;
  const std::vector<bool>& dead_out = DeadOf(node.outputs[0]);
  if (dead_out.empty() && DeadOf(node.inputs[0]).empty()) return;
  // Filters and biases may belong to several operators.
  Tensor filter = model_.tensors[node.inputs[1]];
  Tensor bias;
  bias.name = filter.name + "/bias";
  bias.type = TensorType::kInt32;
  bias.is_constant = true;
  if (node.inputs.size() > 2 && node.inputs[2] >= 0) bias = model_.tensors[node.inputs[2]];
  bias.data.clear();
  int32_t outputs = 0, inputs = 0;
  for (int64_t out = 0; out < weights.outputs(); ++out) {
    if (IsDead(node.outputs[0], out)) continue;
    ++outputs;
    const int64_t sum = BiasAt(model_, node, out) + (depthwise ? 0 : Folded(node, out));
    for (int byte = 0; byte < 4; ++byte) {
      bias.data.push_back(static_cast<uint8_t>(static_cast<uint64_t>(sum) >> (8 * byte)));
    }
  }
  for (int64_t in = 0; in < weights.inputs(); ++in) inputs += IsDead(node.inputs[0], in) ? 0 : 1;
  bias.shape = {outputs};
  bias.scales = Living(bias.scales, dead_out);
  bias.zero_points = Living(bias.zero_points, dead_out);
  filter.scales = Living(filter.scales, dead_out);
  filter.zero_points = Living(filter.zero_points, dead_out);
  filter.data.clear();
  const std::vector<uint8_t>& data = model_.tensors[node.inputs[1]].data;
  const auto append = [&](int64_t out, int64_t tap, int64_t in) {
    if (IsDead(node.outputs[0], out) || (!depthwise && IsDead(node.inputs[0], in))) return;
    const auto at = data.begin() + weights.Index(out, tap, in) * weights.element_bytes();
    filter.data.insert(filter.data.end(), at, at + weights.element_bytes());
  };
  if (depthwise) {
    filter.shape[3] = outputs;
    for (int64_t tap = 0; tap < weights.taps(); ++tap) {
      for (int64_t out = 0; out < weights.outputs(); ++out) append(out, tap, 0);
    }
  } else {
    filter.shape[0] = outputs;
    filter.shape[3] = inputs;
    for (int64_t out = 0; out < weights.outputs(); ++out) {
      for (int64_t tap = 0; tap < weights.taps(); ++tap) {
        for (int64_t in = 0; in < weights.inputs(); ++in) append(out, tap, in);
      }
    }
  }
  Operator& changed = reduced->operators[op];
  changed.inputs.resize(3);
  changed.inputs[1] = static_cast<int32_t>(reduced->tensors.size());
  reduced->tensors.push_back(std::move(filter));
  changed.inputs[2] = static_cast<int32_t>(reduced->tensors.size());
  reduced->tensors.push_back(std::move(bias));
}

Model DeadChannels::Reduced() const {
  Model reduced = model_;
  for (size_t t = 0; t < model_.tensors.size(); ++t) {
    for (const bool dead : DeadOf(static_cast<int32_t>(t))) {
      reduced.tensors[t].shape[3] -= dead ? 1 : 0;
    }
  }
  for (size_t op = 0; op < model_.operators.size(); ++op) {
    const Kind kind = KindOf(model_.operators[op]);
    if (kind == Kind::kMixes || kind == Kind::kDepthwise) ReduceWeights(op, &reduced);
  }
  return reduced;
}

}  // namespace

std::optional<Model> WithoutDeadChannels(const Model& model, int64_t unit) {
  return DeadChannels(model, unit).Run();
}

}  // namespace npugen::compiler

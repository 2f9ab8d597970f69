// SPDX-License-Identifier: Apache-2.0
// Layers: products, what normalizes their sums, pools, and flattening before matrices.
#include <fmt/core.h>

#include <algorithm>
#include <cmath>

#include "sw/model/describe.h"
#include "sw/model/onnx/nodes.h"

namespace npugen::symbolic {
namespace {

// Weights as integers times a scale per channel out: bits for an operand of bits, int8 otherwise.
// `at(o, y, x, i)` is the index of a weight in `weights`; `shape` is [O,KH,KW,I].
template <typename Index>
Outcome MakeLayer(Evaluator& evaluator, const Value& operand, const Constant& weights,
                  const std::vector<int32_t>& shape, const Index& at, Value* result) {
  const int64_t rows = shape[0];
  const int64_t taps = int64_t{shape[1]} * shape[2] * shape[3];
  // `weights` has rows * taps values, as the caller has seen.
  std::vector<double> ordered;
  ordered.reserve(weights.values.size());
  for (int32_t o = 0; o < shape[0]; ++o) {
    for (int32_t y = 0; y < shape[1]; ++y) {
      for (int32_t x = 0; x < shape[2]; ++x) {
        for (int32_t i = 0; i < shape[3]; ++i) {
          const double weight = weights.values[static_cast<size_t>(at(o, y, x, i))];
          const bool inverted = !operand.inverted.empty() && operand.inverted[i];
          ordered.push_back(inverted ? -weight : weight);
        }
      }
    }
  }
  const bool bits = operand.kind == Kind::kBits;
  const std::string name = fmt::format("weights {}", evaluator.model.operators.size());
  std::vector<double> scales;
  std::vector<uint8_t> bytes;
  for (int64_t o = 0; o < rows; ++o) {
    const double* row = ordered.data() + o * taps;
    const double size = std::abs(row[0]);
    const bool bipolar =
        size > 0 && std::all_of(row, row + taps, [&](double w) { return std::abs(w) == size; });
    if (bits && !bipolar) {
      return Pattern(
          fmt::format("weights of channel {} are not +a and -a, but the operand is bits", o),
          "weights of +1 and -1, times one positive scale per channel");
    }
    if (bits) {
      scales.push_back(size);
      continue;
    }
    const auto fits = [&](double unit) {
      return std::all_of(row, row + taps, [&](double w) {
        const double integer = std::nearbyint(w / unit);
        return integer >= -128 && integer <= 127 && integer * unit == w;
      });
    };
    const double unit = weights.quantum > 0 && fits(weights.quantum) ? weights.quantum
                        : bipolar                                    ? size
                                                                     : 1.0;
    if (!fits(unit)) {
      return Pattern(fmt::format("weights of channel {} are no int8 numbers", o),
                     "integers of -128..127, also by Quant or DequantizeLinear");
    }
    scales.push_back(unit);
    for (int64_t i = 0; i < taps; ++i) {
      bytes.push_back(static_cast<uint8_t>(static_cast<int8_t>(std::nearbyint(row[i] / unit))));
    }
  }
  Layer& layer = result->layer;
  layer.input = operand.tensor;
  layer.filter =
      bits ? BitFilter(name, shape, [&](int64_t i) { return ordered[static_cast<size_t>(i)] > 0; })
           : ByteFilter(name, shape, std::move(bytes));
  layer.options.skip_outside = bits;
  result->kind = Kind::kSums;
  result->inverted.clear();
  result->forms.clear();
  for (double scale : scales) {
    Form form;
    form.p = Dyadic::FromDouble(scale) * Dyadic::FromDouble(operand.scale);
    form.v = form.e = Dyadic::FromInteger(1);
    result->forms.push_back(std::move(form));
  }
  return std::nullopt;
}

Outcome CheckOperand(const Value& value) {
  if (value.integers) {
    return Pattern("its operand is integers that have a zero point", "DequantizeLinear before it");
  }
  if (value.kind == Kind::kBits || value.kind == Kind::kBytes) return std::nullopt;
  return Pattern(fmt::format("its operand is {}", KindName(value.kind)),
                 "bits (after BipolarQuant or Sign), or the network's input after Quant, "
                 "QuantizeLinear and DequantizeLinear, or of type int8");
}

// `window` has two entries of 1..65535.
Outcome Spatial(const std::vector<int64_t>& list, const char* what) {
  if (list.size() == 2 && list[0] >= 1 && list[1] >= 1 && list[0] <= kLargestDimension &&
      list[1] <= kLargestDimension) {
    return std::nullopt;
  }
  return Pattern(fmt::format("its {} are {}", what, ShapeText(list)), "two, of 1 or more");
}

// Padding before and after in both directions: [top, left, bottom, right].
Outcome ReadPads(const Node& node, const Value& value, const std::vector<int64_t>& kernel,
                 const std::vector<int64_t>& strides, std::vector<int64_t>* pads) {
  *pads = node.List("pads", {0, 0, 0, 0});
  const auto* automatic = node.Find("auto_pad");
  const std::string mode = automatic == nullptr ? "NOTSET" : automatic->text;
  if (mode == "SAME_UPPER" || mode == "SAME_LOWER") {
    const int64_t sizes[2] = {value.height, value.width};
    pads->assign(4, 0);
    for (size_t i = 0; i < 2; ++i) {
      const int64_t out = (sizes[i] + strides[i] - 1) / strides[i];
      const int64_t total = std::max<int64_t>(0, (out - 1) * strides[i] + kernel[i] - sizes[i]);
      (*pads)[i] = mode == "SAME_UPPER" ? total / 2 : total - total / 2;
      (*pads)[i + 2] = total - (*pads)[i];
    }
  } else if (mode == "VALID") {
    pads->assign(4, 0);
  } else if (mode != "NOTSET" && !mode.empty()) {
    return Pattern(fmt::format("its \"auto_pad\" is \"{}\"", PrintableName(mode)),
                   "NOTSET, VALID, SAME_UPPER or SAME_LOWER");
  }
  if (pads->size() != 4) return Pattern("its \"pads\" do not have four entries", "four");
  for (size_t i = 0; i < 4; ++i) {
    if ((*pads)[i] < 0 || (*pads)[i] >= kernel[i % 2]) {
      return Pattern(fmt::format("its \"pads\" are {}", ShapeText(*pads)),
                     "0 or more, less than the kernel");
    }
  }
  return std::nullopt;
}

// Sets the image of `result` for a window over `value`.
Outcome SetPositions(const Value& value, const std::vector<int64_t>& kernel,
                     const std::vector<int64_t>& strides, const std::vector<int64_t>& pads,
                     int32_t channels, Value* result) {
  const int64_t height = Positions(value.height, kernel[0], strides[0], pads[0], pads[2]);
  const int64_t width = Positions(value.width, kernel[1], strides[1], pads[1], pads[3]);
  if (height < 1 || width < 1) return Pattern("its window does not fit in the image", "");
  if (height * width > kMostElements / channels) {
    return Refusal{Code::kModelTooLarge, "its output has too many elements", ""};
  }
  result->channels = channels;
  result->height = static_cast<int32_t>(height);
  result->width = static_cast<int32_t>(width);
  result->flat = false;
  return std::nullopt;
}

Outcome AddBias(Evaluator& evaluator, const Node& node, size_t input, double factor,
                Value* result) {
  const Constant* bias = nullptr;
  if (auto refusal = evaluator.FindConstant(node, input, &bias)) return refusal;
  const auto count = static_cast<size_t>(result->channels);
  if (bias->values.size() != count && bias->values.size() != 1) {
    return Pattern(fmt::format("its bias has {} values", bias->values.size()),
                   fmt::format("{}", count));
  }
  for (size_t c = 0; c < count; ++c) {
    const double value = bias->values[bias->values.size() == 1 ? 0 : c];
    Form& form = result->forms[c];
    form.r = form.r + Dyadic::FromDouble(value) * Dyadic::FromDouble(factor);
  }
  return std::nullopt;
}

}  // namespace

// `result`, of the pooled size, is that of the bits in its tensor.
Outcome AddPool(Evaluator& evaluator, const PoolOptions& options, Value* result) {
  const int32_t bits = result->tensor;
  result->tensor = evaluator.Add(BitTensor(fmt::format("pool {}", evaluator.model.operators.size()),
                                           result->height, result->width, result->channels, 1));
  evaluator.AddOperator(OperatorType::kMaxPool2d, {bits}, result->tensor, options);
  return evaluator.Charge(16);
}

Outcome ReadConv(Evaluator& evaluator, const Node& node, const Value& value, Value* result) {
  if (auto refusal = CheckOperand(value)) return refusal;
  const Constant* weights = nullptr;
  if (auto refusal = evaluator.FindConstant(node, 1, &weights)) return refusal;
  const std::vector<int64_t>& dims = weights->dims;
  if (value.flat || dims.size() != 4) return Pattern("it is not two-dimensional", "images");
  for (int64_t dimension : dims) {
    if (dimension < 1 || dimension > kLargestDimension) return Bad("its weights are empty", "");
  }
  if (node.Integer("group", 1) != 1) return Pattern("it has groups", "one group");
  for (int64_t dilation : node.List("dilations", {})) {
    if (dilation != 1) return Pattern("it has dilations", "1");
  }
  if (dims[1] != value.channels) {
    return Pattern(
        fmt::format("its weights {} do not fit {} channels", ShapeText(dims), value.channels),
        "[O,I,KH,KW]");
  }
  const std::vector<int64_t> kernel = {dims[2], dims[3]};
  if (node.List("kernel_shape", kernel) != kernel) {
    return Pattern("its \"kernel_shape\" is not that of its weights", "");
  }
  const std::vector<int64_t> strides = node.List("strides", {1, 1});
  if (auto refusal = Spatial(strides, "strides")) return refusal;
  std::vector<int64_t> pads;
  if (auto refusal = ReadPads(node, value, kernel, strides, &pads)) return refusal;
  const std::vector<int32_t> shape = {static_cast<int32_t>(dims[0]), static_cast<int32_t>(dims[2]),
                                      static_cast<int32_t>(dims[3]), static_cast<int32_t>(dims[1])};
  const auto at = [&](int64_t o, int64_t y, int64_t x, int64_t i) {
    return ((o * dims[1] + i) * dims[2] + y) * dims[3] + x;
  };
  if (auto refusal = MakeLayer(evaluator, value, *weights, shape, at, result)) return refusal;
  if (auto refusal = SetPositions(value, kernel, strides, pads, shape[0], result)) return refusal;
  BinaryConvOptions& options = result->layer.options;
  options.stride_h = static_cast<int32_t>(strides[0]);
  options.stride_w = static_cast<int32_t>(strides[1]);
  options.pad_top = static_cast<int32_t>(pads[0]);
  options.pad_left = static_cast<int32_t>(pads[1]);
  return node.Has(2) ? AddBias(evaluator, node, 2, 1.0, result) : std::nullopt;
}

Outcome ReadMatrix(Evaluator& evaluator, const Node& node, const Value& value, Value* result) {
  if (auto refusal = CheckOperand(value)) return refusal;
  const bool gemm = node.type == "Gemm";
  const Constant* weights = nullptr;
  if (auto refusal = evaluator.FindConstant(node, 1, &weights)) return refusal;
  const std::vector<int64_t>& dims = weights->dims;
  if (!value.flat || dims.size() != 2) {
    return Pattern("its operands are not two matrices", "Flatten or Reshape before it");
  }
  if (gemm && node.Integer("transA", 0) != 0) {
    return Pattern("it transposes the activation", "transA 0");
  }
  const bool transposed = gemm && node.Integer("transB", 0) != 0;
  const int64_t rows = transposed ? dims[0] : dims[1];
  const int64_t columns = transposed ? dims[1] : dims[0];
  if (columns != value.elements() || rows < 1 || rows > kLargestDimension) {
    return Pattern(
        fmt::format("its weights {} do not fit {} elements", ShapeText(dims), value.elements()),
        "");
  }
  const std::vector<int32_t> shape = {static_cast<int32_t>(rows), value.height, value.width,
                                      value.channels};
  // Flattened elements run channel, y, x; ours y, x, channel.
  const int64_t height = value.height, width = value.width;
  const auto at = [&](int64_t o, int64_t y, int64_t x, int64_t i) {
    const int64_t element = (i * height + y) * width + x;
    return transposed ? o * columns + element : element * rows + o;
  };
  if (auto refusal = MakeLayer(evaluator, value, *weights, shape, at, result)) return refusal;
  result->channels = shape[0];
  result->height = result->width = 1;
  result->flat = true;
  if (!gemm) return std::nullopt;
  const double alpha = node.Real("alpha", 1.0f);
  const double beta = node.Real("beta", 1.0f);
  if (!std::isfinite(alpha) || !std::isfinite(beta)) return Bad("alpha or beta is no number", "");
  for (Form& form : result->forms) form.p = form.p * Dyadic::FromDouble(alpha);
  return node.Has(2) ? AddBias(evaluator, node, 2, beta, result) : std::nullopt;
}

Outcome ReadNormalization(Evaluator& evaluator, const Node& node, const Value& value,
                          Value* result) {
  if (value.kind != Kind::kSums) {
    return Pattern(fmt::format("its operand is {}", KindName(value.kind)), "the sums of a layer");
  }
  if (node.Integer("training_mode", 0) != 0) {
    return Pattern("it is in training mode", "training_mode 0");
  }
  if (value.flat && (value.height != 1 || value.width != 1)) {
    return Pattern("its operand is a flattened image", "BatchNormalization before Flatten");
  }
  const Constant* parts[4];  // gamma, beta, mean, variance
  for (int i = 0; i < 4; ++i) {
    if (auto refusal = evaluator.FindConstant(node, i + 1, &parts[i])) return refusal;
    if (parts[i]->values.size() != static_cast<size_t>(value.channels)) {
      return Pattern(fmt::format("input {} has {} values", i + 1, parts[i]->values.size()),
                     fmt::format("{}, one per channel", value.channels));
    }
  }
  const double epsilon = node.Real("epsilon", 1e-5f);
  if (!std::isfinite(epsilon)) return Bad("its epsilon is no number", "");
  *result = value;
  const Dyadic one = Dyadic::FromInteger(1);
  for (size_t c = 0; c < result->forms.size(); ++c) {
    Form& form = result->forms[c];
    if ((form.v - one).Sign() != 0) {
      return Pattern("two batch normalizations follow each other", "one for each layer");
    }
    const Dyadic gamma = Dyadic::FromDouble(parts[0]->values[c]);
    const Dyadic beta = Dyadic::FromDouble(parts[1]->values[c]);
    const Dyadic mean = Dyadic::FromDouble(parts[2]->values[c]);
    // gamma ((p S + q + r) / e - mean) / sqrt(v) + beta
    form.q = gamma * (form.q + form.r - mean * form.e);
    form.p = gamma * form.p;
    form.r = beta * form.e;
    form.v = Dyadic::FromDouble(parts[3]->values[c]) + Dyadic::FromDouble(epsilon);
    if (form.v.Sign() <= 0) {
      return Bad(fmt::format("variance and epsilon of channel {} are not positive", c),
                 "a positive variance");
    }
    if (auto refusal = CheckForm(evaluator, form)) return refusal;
  }
  return std::nullopt;
}

Outcome ReadPool(Evaluator& evaluator, const Node& node, const Value& value, Value* result) {
  const bool sums = value.kind == Kind::kSums;
  if ((value.kind != Kind::kBits && !sums) || value.flat) {
    return Pattern(fmt::format("its operand is {}", KindName(value.kind)),
                   "an image of bits or of the sums of a layer");
  }
  if (value.pool || !value.inverted.empty()) {
    return Pattern("a MaxPool of the same layer's sums comes before it", "one of them");
  }
  const std::vector<int64_t> kernel = node.List("kernel_shape", {});
  const std::vector<int64_t> strides = node.List("strides", {1, 1});
  if (auto refusal = Spatial(kernel, "\"kernel_shape\"")) return refusal;
  if (auto refusal = Spatial(strides, "strides")) return refusal;
  for (int64_t dilation : node.List("dilations", {})) {
    if (dilation != 1) return Pattern("it has dilations", "1");
  }
  std::vector<int64_t> pads;
  if (auto refusal = ReadPads(node, value, kernel, strides, &pads)) return refusal;
  if (node.Integer("ceil_mode", 0) != 0 || pads != std::vector<int64_t>(4, 0)) {
    return Pattern("it has padding or \"ceil_mode\"", "no padding");
  }
  if (node.outputs.size() > 1 && !node.outputs[1].empty()) {
    return Pattern("its indices are used", "one output");
  }
  *result = value;
  if (auto refusal = SetPositions(value, kernel, strides, pads, value.channels, result)) {
    return refusal;
  }
  const PoolOptions options{.padding = Padding::kValid,
                            .stride_h = static_cast<int32_t>(strides[0]),
                            .stride_w = static_cast<int32_t>(strides[1]),
                            .filter_h = static_cast<int32_t>(kernel[0]),
                            .filter_w = static_cast<int32_t>(kernel[1])};
  if (!sums) return AddPool(evaluator, options, result);
  SumPool pool{options, value.height, value.width, {}};
  for (const Form& form : value.forms) pool.falls.push_back(form.p.Sign() < 0);
  result->pool = std::move(pool);
  return std::nullopt;
}

Outcome ReadFlatten(Evaluator& evaluator, const Node& node, const Value& value, Value* result) {
  *result = value;
  result->flat = true;
  if (node.type == "Flatten") {
    const int64_t axis = node.Integer("axis", 1);
    if (axis == 1 || (value.flat && axis == -1)) return std::nullopt;
    return Pattern(fmt::format("its axis is {}", axis), "1");
  }
  const Constant* shape = nullptr;
  if (auto refusal = evaluator.FindConstant(node, 1, &shape)) return refusal;
  const std::vector<double>& dims = shape->values;
  const auto all = static_cast<double>(value.elements());
  // [1, all elements]; -1 may stand for either, 0 for the batch.
  if (dims.size() == 2 && (dims[0] == 1 || dims[0] == 0 || dims[0] == -1) &&
      (dims[1] == all || (dims[1] == -1 && dims[0] != -1))) {
    return std::nullopt;
  }
  return Pattern(fmt::format("it reshapes an activation to {}", ShapeText(dims)),
                 "[1, -1]: flattening");
}

}  // namespace npugen::symbolic

// SPDX-License-Identifier: Apache-2.0
// One-input functions as look-up tables of 256 bytes, and softmax with its table of exponentials.
#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <functional>

#include "sw/compiler/lower/dense.h"
#include "sw/compiler/lower/elementwise.h"
#include "sw/compiler/lower/fixed_point.h"
#include "sw/compiler/lower/lower_operators.h"
#include "sw/model/quantization.h"

namespace npugen::compiler {
namespace {

/// A function of the quantized value (not yet clipped to the output type).
using Function = std::function<int64_t(int32_t)>;

/// The table of `function` for operands of type `from`, results of type `to`; the index is the
/// operand's byte.
std::vector<uint8_t> Tabulate(TensorType from, TensorType to, const Function& function) {
  std::vector<uint8_t> table(256);
  for (int32_t byte = 0; byte < 256; ++byte) {
    const int32_t q = from == TensorType::kInt8 && byte > 127 ? byte - 256 : byte;
    const int64_t low = to == TensorType::kInt8 ? -128 : 0;
    table[byte] = static_cast<uint8_t>(std::clamp<int64_t>(function(q), low, low + 255));
  }
  return table;
}

int16_t Short(int64_t value) {
  return static_cast<int16_t>(std::clamp<int64_t>(value, INT16_MIN, INT16_MAX));
}

/// a * b / 2^15, halves away from zero, saturated.
int16_t ShortMultiply(int16_t a, int16_t b) {
  const int32_t product = int32_t{a} * b;
  return Short((product + (product >= 0 ? 1 << 14 : 1 - (1 << 14))) / (1 << 15));
}

/// x * relu6(x + 3) / 6 in 16 bits; the factor is in Q0.15.
int64_t HardSwish(int32_t x, const HardSwishParameters& p) {
  const int16_t wide = static_cast<int16_t>(x * 128);
  int16_t factor = wide;
  if (p.reluish_exponent > 0) factor = Short(int64_t{factor} << (p.reluish_exponent - 1));
  factor = ShortMultiply(factor, p.reluish_multiplier);
  if (p.reluish_exponent > 0) factor = Short(int64_t{factor} * 2);
  if (p.reluish_exponent < 0) {
    factor = static_cast<int16_t>(DivideByPowerOfTwo(factor, -p.reluish_exponent));
  }
  factor = static_cast<int16_t>((factor + (1 << 15)) >> 1);
  const int16_t value = ShortMultiply(wide, p.output_multiplier);
  return DivideByPowerOfTwo(Short(int32_t{factor} * value / (1 << 15)), -p.output_exponent);
}

/// Operand and result of a function.
struct Scales {
  int32_t zero, out_zero;
  float scale, out_scale;
};

Scales ScalesOf(const LoweringContext& context, int32_t op) {
  const Operator& node = context.model.operators[op];
  const Tensor& input = context.tensor(node.inputs[0]);
  const Tensor& output = context.tensor(node.outputs[0]);
  return {input.zero_point(), output.zero_point(), input.scale(), output.scale()};
}

/// Appends the look-up of `function`, which is empty where the scales cannot be represented.
LowerResult LowerFunction(LoweringContext& context, int32_t op, const Function& function) {
  const Operator& node = context.model.operators[op];
  const Tensor& input = context.tensor(node.inputs[0]);
  const Tensor& output = context.tensor(node.outputs[0]);
  if (!function) return Refusal{DiagnosticCode::kCompileLimit, "its scales are out of range", ""};
  AppendLookup(context, context.StorageOf(node.inputs[0]), context.StorageOf(node.outputs[0]),
               output.shape, Tabulate(input.type, output.type, function));
  return std::nullopt;
}

/// a + b - zero_point, saturated, of two storages.
Layer ExactSum(int32_t a, int32_t b, int32_t zero_point, const std::vector<int32_t>& shape,
               int32_t output) {
  // Factors of one half, then of 2^-18.
  Layer add;
  add.opcode = Opcode::kAdd;
  SetRows(shape, &add.geometry);
  add.inputs = {a, b};
  add.output = output;
  add.a_zero_point = add.b_zero_point = add.out_zero_point = zero_point;
  add.b_multiplier = add.out_multiplier = 1 << 30;
  add.out_shift = -18;
  return add;
}

/// LOGISTIC and TANH, which saturate beyond a radius: `inside` gives the result for x in Q4.27.
LowerResult LowerSigmoid(LoweringContext& context, int32_t op, int64_t (*inside)(int32_t)) {
  const std::optional<SigmoidParameters> p = ComputeSigmoidParameters(ScalesOf(context, op).scale);
  if (!p) return LowerFunction(context, op, {});
  return LowerFunction(context, op, [=, zero = ScalesOf(context, op).zero](int32_t q) -> int64_t {
    const int32_t x = q - zero;
    if (x <= -p->radius) return -128;
    if (x >= p->radius) return 127;
    return inside(Scaled(x, p->input));
  });
}

/// Beyond every result; what TFLite converts to an int32 that cannot hold it saturates here.
constexpr float kFar = 1e9f;

/// TFLite's tables (LUTPopulate, and PopulateLookupTable of uint8 functions). The function's second
/// operand is the least value that the output can have.
LowerResult LowerFloatTable(LoweringContext& context, int32_t op, float (*function)(float, float)) {
  const Scales s = ScalesOf(context, op);
  const float inverse = 1 / s.out_scale;
  const float least = static_cast<float>(-128 - s.out_zero) * s.out_scale;
  return LowerFunction(context, op, [=](int32_t q) -> int64_t {
    const float y = function(s.scale * static_cast<float>(q - s.zero), least);
    const float rounded = std::round(y * inverse) + static_cast<float>(s.out_zero);
    return static_cast<int64_t>(std::clamp(rounded, -kFar, kFar));
  });
}

}  // namespace

void AppendLookup(LoweringContext& context, int32_t input, int32_t output,
                  const std::vector<int32_t>& shape, std::vector<uint8_t> table) {
  Layer layer;
  layer.opcode = Opcode::kLookup;
  layer.inputs = {input};
  layer.output = output;
  SetRows(shape, &layer.geometry);
  layer.parameters.table = std::move(table);
  context.lowered.layers.push_back(std::move(layer));
}

LowerResult LowerLogistic(LoweringContext& context, int32_t op) {
  if (context.model.operators[op].from_uint8) {
    return LowerFloatTable(context, op,
                           [](float x, float) { return 1.0f / (1.0f + std::exp(-x)); });
  }
  return LowerSigmoid(context, op, [](int32_t x) -> int64_t {
    return DivideByPowerOfTwo(LogisticOf(x), 23) - 128;
  });
}

LowerResult LowerTanh(LoweringContext& context, int32_t op) {
  if (context.model.operators[op].from_uint8) {
    return LowerFloatTable(context, op, [](float x, float) { return std::tanh(x); });
  }
  return LowerSigmoid(context, op,
                      [](int32_t x) -> int64_t { return DivideByPowerOfTwo(TanhOf(x), 24); });
}

LowerResult LowerHardSwish(LoweringContext& context, int32_t op) {
  const Scales s = ScalesOf(context, op);
  const std::optional<HardSwishParameters> p = ComputeHardSwishParameters(s.scale, s.out_scale);
  if (!p) return LowerFunction(context, op, {});
  return LowerFunction(context, op,
                       [=](int32_t q) { return HardSwish(q - s.zero, *p) + s.out_zero; });
}

LowerResult LowerElu(LoweringContext& context, int32_t op) {
  const Scales s = ScalesOf(context, op);
  const float inverse = 1 / s.out_scale;
  return LowerFunction(context, op, [=](int32_t q) -> int64_t {
    const float x = s.scale * static_cast<float>(q - s.zero);
    const float y = x < 0.0f ? std::exp(x) - 1.0f : x;
    return static_cast<int32_t>(std::round(y * inverse) + static_cast<float>(s.out_zero));
  });
}

LowerResult LowerLeakyRelu(LoweringContext& context, int32_t op) {
  const Scales s = ScalesOf(context, op);
  const auto& options = std::get<LeakyReluOptions>(context.model.operators[op].options);
  const std::optional<LeakyReluMultipliers> p =
      ComputeLeakyReluMultipliers(options.alpha, s.scale, s.out_scale);
  if (!p) return LowerFunction(context, op, {});
  return LowerFunction(context, op, [=](int32_t q) -> int64_t {
    const int32_t x = q - s.zero;
    const int64_t y = Scaled(x, x < 0 ? p->alpha : p->identity);
    return (x < 0 && p->negative ? -y : y) + s.out_zero;
  });
}

LowerResult LowerRelu(LoweringContext& context, int32_t op) {
  const Scales s = ScalesOf(context, op);
  const std::optional<QuantizedMultiplier> p = UnaryMultiplier(s.scale, s.out_scale);
  if (!p) return LowerFunction(context, op, {});
  return LowerFunction(context, op, [=](int32_t q) {
    return std::max<int64_t>(int64_t{Scaled(q - s.zero, *p)} + s.out_zero, s.out_zero);
  });
}

LowerResult LowerRelu6(LoweringContext& context, int32_t op) {
  const Scales s = ScalesOf(context, op);
  if (context.model.operators[op].from_uint8) {
    const std::optional<QuantizedMultiplier> p = UnaryMultiplier(s.scale, s.out_scale);
    if (!p) return LowerFunction(context, op, {});
    const float most = std::min(std::round(6.0f / s.out_scale), 256.0f);
    return LowerFunction(context, op, [=](int32_t q) {
      const int64_t value = std::max(0, Scaled(q - s.zero, *p));
      return std::min(value, static_cast<int64_t>(most)) + s.out_zero;
    });
  }
  const int32_t limit = Relu6Limit(s.scale, s.zero);
  return LowerFunction(
      context, op, [=](int32_t q) -> int64_t { return q > limit ? limit : std::max(q, s.zero); });
}

LowerResult LowerAbs(LoweringContext& context, int32_t op) {
  const Scales s = ScalesOf(context, op);
  const std::optional<QuantizedMultiplier> p = UnaryMultiplier(s.scale, s.out_scale);
  if (!p) return LowerFunction(context, op, {});
  return LowerFunction(context, op, [=](int32_t q) -> int64_t {
    const int32_t x = std::abs(q - s.zero);
    return (s.scale == s.out_scale ? x : Scaled(x, *p)) + s.out_zero;
  });
}

LowerResult LowerNeg(LoweringContext& context, int32_t op) {
  const Scales s = ScalesOf(context, op);
  const std::optional<QuantizedMultiplier> p = UnaryMultiplier(s.scale, s.out_scale);
  if (!p) return LowerFunction(context, op, {});
  return LowerFunction(context, op, [=](int32_t q) -> int64_t {
    return (s.scale == s.out_scale ? s.zero - q : Scaled(s.zero - q, *p)) + s.out_zero;
  });
}

LowerResult LowerExp(LoweringContext& context, int32_t op) {
  return LowerFloatTable(context, op, [](float x, float) { return std::exp(x); });
}

LowerResult LowerLog(LoweringContext& context, int32_t op) {
  return LowerFloatTable(context, op,
                         [](float x, float least) { return x <= 0.0f ? least : std::log(x); });
}

LowerResult LowerSqrt(LoweringContext& context, int32_t op) {
  const Scales s = ScalesOf(context, op);
  return LowerFunction(context, op, [=](int32_t q) {
    const float root = std::sqrt(s.scale * static_cast<float>(q - s.zero));
    return static_cast<int64_t>(std::min(root / s.out_scale, kFar)) + s.out_zero;
  });
}

LowerResult LowerRsqrt(LoweringContext& context, int32_t op) {
  const Scales s = ScalesOf(context, op);
  const std::optional<QuantizedMultiplier> p = RsqrtMultiplier(s.scale, s.out_scale);
  if (!p) return LowerFunction(context, op, {});
  return LowerFunction(context, op, [=](int32_t q) -> int64_t {
    if (q == s.zero) return 127;
    const QuantizedMultiplier root = InverseRootOf(q - s.zero);
    const int32_t fixed = Scaled(1, {root.multiplier, root.shift + 20});
    return int64_t{Scaled(fixed, {p->multiplier, p->shift - 20})} + s.out_zero;
  });
}

LowerResult LowerRequantizedBytes(LoweringContext& context, int32_t op) {
  const Scales s = ScalesOf(context, op);
  const TensorType type = context.tensor(context.model.operators[op].inputs[0]).type;
  const std::optional<QuantizedMultiplier> p =
      RescaleMultiplier(s.scale, s.out_scale, ValueBits(type));
  if (!p) return LowerFunction(context, op, {});
  return LowerFunction(context, op,
                       [=](int32_t q) { return int64_t{Scaled(q - s.zero, *p)} + s.out_zero; });
}

LowerResult LowerPrelu(LoweringContext& context, int32_t op) {
  const Operator& node = context.model.operators[op];
  const Tensor& input = context.tensor(node.inputs[0]);
  const Tensor& alpha = context.tensor(node.inputs[1]);
  const Tensor& output = context.tensor(node.outputs[0]);
  const std::optional<PreluMultipliers> p =
      ComputePreluMultipliers(input.scale(), alpha.scale(), output.scale());
  if (!p) return Refusal{DiagnosticCode::kCompileLimit, "its scales are out of range", ""};
  const int32_t zero = input.zero_point();
  const int32_t out_zero = output.zero_point();
  const int32_t x = context.StorageOf(node.inputs[0]);
  const int32_t positive = context.NewStorage(output.elements());
  const int32_t negative = context.NewStorage(output.elements());
  const int32_t product = context.NewStorage(output.elements());
  // Both parts are the output's zero point where the other one counts.
  AppendLookup(context, x, positive, output.shape,
               Tabulate(TensorType::kInt8, TensorType::kInt8, [&](int32_t q) -> int64_t {
                 return q < zero ? out_zero : int64_t{Scaled(q - zero, p->identity)} + out_zero;
               }));
  AppendLookup(context, x, negative, output.shape,
               Tabulate(TensorType::kInt8, TensorType::kInt8,
                        [&](int32_t q) -> int64_t { return std::min(q, zero); }));
  Layer multiply = TwoOperandLayer(Opcode::kMultiply, output);
  multiply.inputs = {negative, BroadcastTo(context, node.inputs[1], output.shape)};
  multiply.output = product;
  multiply.a_zero_point = zero;
  multiply.b_zero_point = alpha.zero_point();
  multiply.out_multiplier = p->alpha.multiplier;
  multiply.out_shift = p->alpha.shift;
  context.lowered.layers.push_back(std::move(multiply));
  context.lowered.layers.push_back(
      ExactSum(positive, product, out_zero, output.shape, context.StorageOf(node.outputs[0])));
  return std::nullopt;
}

namespace {

/// e^-d for the distance d to a row's largest value, in Q0.31; 0 where TFLite leaves it out.
std::array<uint32_t, 256> Exponentials(const SoftmaxParameters& parameters) {
  std::array<uint32_t, 256> terms{};
  for (int32_t distance = 0; distance < 256; ++distance) {
    if (-distance < parameters.diff_min) continue;
    const uint32_t shifted = static_cast<uint32_t>(-distance) << parameters.left_shift;
    terms[static_cast<size_t>(distance)] = static_cast<uint32_t>(
        ExpOfNegative(HighMultiply(static_cast<int32_t>(shifted), parameters.multiplier), 5));
  }
  return terms;
}

/// Rough cycles of SOFTMAX beside those of its elements: three passes that wait for each other.
constexpr int64_t kSoftmaxRow = 50;
/// Rough cycles of the commands that take its place, beside those of what they compute.
constexpr int64_t kPairCommands = 700;

/// Rows of two values: both results follow from the difference of the values.
class PairSoftmax {
 public:
  PairSoftmax(LoweringContext& context, const Operator& node)
      : context_(context),
        input_(context.StorageOf(node.inputs[0])),
        output_(context.StorageOf(node.outputs[0])),
        rows_(context.tensor(node.inputs[0]).elements() / 2),
        side_by_side_(LargestDivisor(
            rows_,
            std::max<int64_t>(1, std::min(context.config.simd, context.config.pe_lanes()) / 2))) {}

  /// Whether that takes fewer cycles than SOFTMAX.
  bool Pays() const {
    const NpuConfig& config = context_.config;
    const int64_t vector = config.post_width;
    const int64_t vector_cycles =
        2 * std::max<int64_t>(1, vector / std::max<int64_t>(config.lookup_ports, 1)) + 2;
    const int64_t cycles = 2 * (rows_ / side_by_side_) + CeilDiv(2 * rows_, vector) * vector_cycles;
    return cycles / config.pes() + kPairCommands < rows_ * kSoftmaxRow / config.pes();
  }

  /// Values x, y become max(x - y, 0) - 128 and max(y - x, 0) - 128, and the same the other way
  /// round. By the first the larger value gets its result, by the second the smaller one; where
  /// they are 0 a value gets what equal ones get, which the sum of both takes away once.
  LowerResult Lower(const std::array<uint32_t, 256>& terms) {
    const int32_t above = context_.NewStorage(2 * rows_);
    const int32_t below = context_.NewStorage(2 * rows_);
    if (LowerResult refusal = AppendDifferences(1, above)) return refusal;
    if (LowerResult refusal = AppendDifferences(-1, below)) return refusal;
    std::vector<uint8_t> larger(256), smaller(256);
    for (size_t distance = 0; distance < 256; ++distance) {
      // The byte of distance - 128.
      const size_t index = distance ^ 128;
      larger[index] = Probability(terms, distance, 0);
      smaller[index] = Probability(terms, distance, distance);
    }
    const int32_t equal = static_cast<int8_t>(larger[128]);
    const std::vector<int32_t> shape{static_cast<int32_t>(2 * rows_)};
    const int32_t of_larger = context_.NewStorage(2 * rows_);
    const int32_t of_smaller = context_.NewStorage(2 * rows_);
    AppendLookup(context_, above, of_larger, shape, std::move(larger));
    AppendLookup(context_, below, of_smaller, shape, std::move(smaller));
    context_.lowered.layers.push_back(ExactSum(of_larger, of_smaller, equal, shape, output_));
    return std::nullopt;
  }

 private:
  LowerResult AppendDifferences(int16_t sign, int32_t target) {
    Layer layer;
    layer.inputs = {input_};
    layer.output = target;
    Geometry& g = layer.geometry;
    g.in_h = g.out_h = rows_ / side_by_side_;
    g.in_c = g.out_c = 2 * side_by_side_;
    layer.out_zero_point = -128;
    return AppendDense(
        context_, std::move(layer),
        [sign](int64_t o, int64_t, int64_t, int64_t c) -> int16_t {
          if (o / 2 != c / 2) return 0;
          return static_cast<int16_t>(o == c ? sign : -sign);
        },
        [](int64_t) {
          return ParameterRecord{0, 1 << 30, 1};
        });
  }

  /// The result of a value `own` below the larger one of two that are `distance` apart.
  static uint8_t Probability(const std::array<uint32_t, 256>& terms, size_t distance, size_t own) {
    constexpr int kSumBits = 12, kOutputBits = 8;
    uint32_t sum = 0;
    for (const size_t d : {size_t{0}, distance}) {
      sum += static_cast<uint32_t>(DivideByPowerOfTwo(terms[d], kSumBits));
    }
    const int headroom = std::countl_zero(sum);
    const int32_t reciprocal =
        OneOverOnePlus(static_cast<int32_t>((sum << headroom) - (uint32_t{1} << 31)));
    const int32_t product = HighMultiply(reciprocal, static_cast<int32_t>(terms[own]));
    const int32_t value = DivideByPowerOfTwo(product, kSumBits - headroom + 31 - kOutputBits) - 128;
    return static_cast<uint8_t>(std::clamp(value, -128, 127));
  }

  LoweringContext& context_;
  int32_t input_, output_;
  int64_t rows_, side_by_side_;
};

}  // namespace

LowerResult LowerSoftmax(LoweringContext& context, int32_t op) {
  const Operator& node = context.model.operators[op];
  const Tensor& input = context.tensor(node.inputs[0]);
  const std::optional<SoftmaxParameters> parameters =
      ComputeSoftmaxParameters(std::get<SoftmaxOptions>(node.options).beta, input.scale());
  if (!parameters) return Refusal{DiagnosticCode::kCompileLimit, "beta or scale is too small", ""};
  const std::array<uint32_t, 256> terms = Exponentials(*parameters);
  if (!input.shape.empty() && input.shape.back() == 2) {
    PairSoftmax pairs(context, node);
    if (pairs.Pays()) return pairs.Lower(terms);
  }
  Layer layer;
  layer.opcode = Opcode::kSoftmax;
  layer.inputs = {context.StorageOf(node.inputs[0])};
  layer.output = context.StorageOf(node.outputs[0]);
  Geometry& g = layer.geometry;
  g.in_w = g.out_w = input.shape.empty() ? 1 : input.shape.back();
  g.in_h = g.out_h = input.elements() / g.in_w;
  for (const uint32_t term : terms) {
    for (int byte = 0; byte < 4; ++byte) {
      layer.parameters.table.push_back(static_cast<uint8_t>(term >> 8 * byte));
    }
  }
  context.lowered.layers.push_back(std::move(layer));
  return std::nullopt;
}

}  // namespace npugen::compiler

// SPDX-License-Identifier: Apache-2.0
// TFLite's reference kernels of int32 and float32, element by element.
#include "verif/golden/plain.h"

#include <cmath>
#include <cstring>
#include <limits>
#include <type_traits>

#include "sw/model/operators/rules.h"

namespace npugen::golden {
namespace {

template <typename T>
T Load(const Bytes& bytes, int64_t i) {
  T value;
  std::memcpy(&value, bytes.data() + i * static_cast<int64_t>(sizeof(T)), sizeof(T));
  return value;
}

template <typename T>
void Store(Bytes* bytes, int64_t i, T value) {
  std::memcpy(bytes->data() + i * static_cast<int64_t>(sizeof(T)), &value, sizeof(T));
}

/// CalculateActivationRange of kernel_util.h: without an activation the type's lowest and largest
/// number, which are not infinite.
template <typename T>
std::pair<T, T> Limits(Activation activation) {
  switch (activation) {
    case Activation::kRelu:
      return {T{0}, std::numeric_limits<T>::max()};
    case Activation::kRelu6:
      return {T{0}, T{6}};
    case Activation::kReluN1To1:
      return {T{-1}, T{1}};
    default:
      return {std::numeric_limits<T>::lowest(), std::numeric_limits<T>::max()};
  }
}

/// Modulo 2^32.
int32_t Wrapped(int64_t value) { return static_cast<int32_t>(static_cast<uint32_t>(value)); }

/// reference/div.h, floor_div.h and floor_mod.h; by 0, where TFLite stops, 0.
int32_t Divided(OperatorType type, int64_t a, int64_t b) {
  if (b == 0) return 0;
  const int64_t floor =
      static_cast<int64_t>(std::floor(static_cast<double>(a) / static_cast<double>(b)));
  if (type == OperatorType::kDiv) return Wrapped(a / b);
  return Wrapped(type == OperatorType::kFloorDiv ? floor : a - floor * b);
}

int32_t PlainResult(OperatorType type, int32_t a, int32_t b) {
  const int64_t x = a, y = b;
  switch (type) {
    case OperatorType::kAdd:
      return Wrapped(x + y);
    case OperatorType::kSub:
      return Wrapped(x - y);
    case OperatorType::kMul:
      return Wrapped(x * y);
    case OperatorType::kSquaredDifference:
      return Wrapped(int64_t{Wrapped(x - y)} * Wrapped(x - y));
    case OperatorType::kMaximum:
      return std::max(a, b);
    case OperatorType::kMinimum:
      return std::min(a, b);
    default:
      return Divided(type, x, y);
  }
}

float PlainResult(OperatorType type, float a, float b) {
  switch (type) {
    case OperatorType::kAdd:
      return a + b;
    case OperatorType::kSub:
      return a - b;
    case OperatorType::kMul:
      return a * b;
    case OperatorType::kSquaredDifference: {
      const float difference = a - b;
      return difference * difference;
    }
    case OperatorType::kMaximum:
      return a > b ? a : b;
    case OperatorType::kMinimum:
      return a < b ? a : b;
    default:
      return a / b;
  }
}

template <typename T>
Kernel PlainPair(const Node& node) {
  return [node](const Run& run) {
    const auto* options = std::get_if<AddOptions>(&node.op.options);
    const auto [least, most] = Limits<T>(options != nullptr ? options->activation  //
                                                            : Activation::kNone);
    const bool limited = options != nullptr;
    ForEachPair(node.output().shape, node.input(0).shape, node.input(1).shape,
                [&](int64_t i, int64_t a, int64_t b) {
                  T value = PlainResult(node.op.type, Load<T>(*run.inputs[0], a),
                                        Load<T>(*run.inputs[1], b));
                  // ActivationFunctionWithMinMax: NaN stays.
                  if (limited) value = std::min(std::max(value, least), most);
                  Store(run.outputs[0], i, value);
                });
  };
}

float Unary(OperatorType type, float x) {
  if (type == OperatorType::kAbs) return std::abs(x);
  return type == OperatorType::kNeg ? -x : std::sqrt(x);
}

int32_t Unary(OperatorType type, int32_t x) {
  return type == OperatorType::kNeg || x < 0 ? Wrapped(-int64_t{x}) : x;
}

template <typename T>
Kernel PlainSingle(const Node& node) {
  return [node](const Run& run) {
    for (int64_t i = 0; i < node.output().elements(); ++i) {
      Store(run.outputs[0], i, Unary(node.op.type, Load<T>(*run.inputs[0], i)));
    }
  };
}

/// static_cast, as reference/cast has it; where that is undefined, what docs/operators.md says.
template <typename To, typename From>
To Cast(From value) {
  if constexpr (std::is_floating_point_v<From> && std::is_integral_v<To>) {
    if (std::isnan(value)) return 0;
    const double wide = std::trunc(static_cast<double>(value));
    if (wide >= std::ldexp(1.0, std::numeric_limits<To>::digits))
      return std::numeric_limits<To>::max();
    if (wide <= static_cast<double>(std::numeric_limits<To>::min()))
      return std::numeric_limits<To>::min();
    return static_cast<To>(wide);
  } else {
    return static_cast<To>(value);
  }
}

/// Calls function(T{}) with the type of the elements.
template <typename Function>
void WithType(TensorType type, Function function) {
  switch (type) {
    case TensorType::kInt8:
      return function(int8_t{});
    case TensorType::kUint8:
      return function(uint8_t{});
    case TensorType::kInt16:
      return function(int16_t{});
    case TensorType::kInt32:
      return function(int32_t{});
    case TensorType::kInt64:
      return function(int64_t{});
    default:
      return function(float{});
  }
}

}  // namespace

bool IsPlain(const Node& node) { return ComputesPlain(node.model, node.op); }

Kernel MakePlain(const Node& node, Kernel (*make)(const Node& node)) {
  const bool is_float = node.output().type == TensorType::kFloat32;
  switch (node.op.type) {
    case OperatorType::kConcatenation:
    case OperatorType::kPack:
      return make(node);
    case OperatorType::kAbs:
    case OperatorType::kNeg:
    case OperatorType::kSqrt:
      return is_float ? PlainSingle<float>(node) : PlainSingle<int32_t>(node);
    default:
      return is_float ? PlainPair<float>(node) : PlainPair<int32_t>(node);
  }
}

Kernel MakeDiv(const Node& node) { return MakePlain(node, nullptr); }
Kernel MakeFloorDiv(const Node& node) { return MakePlain(node, nullptr); }
Kernel MakeFloorMod(const Node& node) { return MakePlain(node, nullptr); }

Kernel MakeCast(const Node& node) {
  return [node](const Run& run) {
    WithType(node.input().type, [&]<typename From>(From) {
      WithType(node.output().type, [&]<typename To>(To) {
        for (int64_t i = 0; i < node.output().elements(); ++i) {
          Store(run.outputs[0], i, Cast<To>(Load<From>(*run.inputs[0], i)));
        }
      });
    });
  };
}

/// reference_ops::GatherNd; where it refuses an index, zeros.
Kernel MakeGatherNd(const Node& node) {
  return [node](const Run& run) {
    const std::vector<int32_t>& shape = node.input().shape;
    const int64_t depth = node.input(1).shape.back();
    const int64_t rows = node.input(1).elements() / depth;
    const int64_t bytes = static_cast<int64_t>(run.outputs[0]->size()) / rows;
    std::fill(run.outputs[0]->begin(), run.outputs[0]->end(), uint8_t{0});
    for (int64_t row = 0; row < rows; ++row) {
      int64_t slice = 0;
      bool inside = true;
      for (int64_t d = 0; d < depth; ++d) {
        const int32_t index = Load<int32_t>(*run.inputs[1], row * depth + d);
        inside = inside && index >= 0 && index < shape[d];
        slice = slice * shape[d] + index;
      }
      if (!inside) continue;
      std::copy_n(run.inputs[0]->begin() + slice * bytes, bytes,
                  run.outputs[0]->begin() + row * bytes);
    }
  };
}

}  // namespace npugen::golden

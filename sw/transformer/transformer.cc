// SPDX-License-Identifier: Apache-2.0
// Shapes, limits and tables that follow from a transformer's config.
#include "sw/transformer/transformer.h"

#include <fmt/core.h>

#include <bit>
#include <cmath>

namespace npugen {
namespace {

using Code = DiagnosticCode;

struct ConfigNumber {
  const char* name;
  uint32_t value;
  uint32_t most;
};

}  // namespace

const char* LinearLayerName(LinearLayer layer) {
  constexpr const char* kNames[kLinearLayers] = {"q", "k", "v", "o", "gate", "up", "down"};
  return kNames[static_cast<size_t>(layer)];
}

MatrixShape ShapeOf(const TransformerConfig& config, LinearLayer layer) {
  switch (layer) {
    case LinearLayer::kQuery:
      return {config.queries(), config.width};
    case LinearLayer::kKey:
    case LinearLayer::kValue:
      return {config.keys(), config.width};
    case LinearLayer::kOutput:
      return {config.width, config.queries()};
    case LinearLayer::kGate:
      return config.gated ? MatrixShape{config.hidden, config.width} : MatrixShape{0, 0};
    case LinearLayer::kUp:
      return {config.hidden, config.width};
    case LinearLayer::kDown:
      return {config.width, config.hidden};
  }
  return {0, 0};
}

Status CheckTransformerConfig(const TransformerConfig& config, const std::string& file) {
  Diagnostics errors;
  const auto fail = [&](Code code, std::string message, std::string hint) {
    errors.push_back({code, SourceLocation{file}, std::move(message), std::move(hint)});
  };
  for (const ConfigNumber& number :
       {ConfigNumber{"width", config.width, kMostChannels},
        ConfigNumber{"layers", config.layers, kMostLayers},
        ConfigNumber{"heads", config.heads, kMostChannels},
        ConfigNumber{"key and value heads", config.key_value_heads, kMostChannels},
        ConfigNumber{"channels of a head", config.head_size, 4096},
        ConfigNumber{"hidden channels", config.hidden, kMostChannels},
        ConfigNumber{"context", config.context, kMostPositions},
        ConfigNumber{"vocabulary", config.vocabulary, kMostTokens}}) {
    if (number.value == 0) {
      fail(Code::kTransformerConfig, fmt::format("{}: 0", number.name), "at least 1");
    } else if (number.value > number.most) {
      fail(Code::kModelTooLarge, fmt::format("{}: {}", number.name, number.value),
           fmt::format("at most {}", number.most));
    }
  }
  if (!errors.empty()) return errors;
  if (uint64_t{config.heads} * config.head_size > kMostChannels) {
    fail(Code::kModelTooLarge,
         fmt::format("{} heads of {} channels", config.heads, config.head_size),
         fmt::format("at most {} channels in all", kMostChannels));
  }
  if (config.heads % config.key_value_heads != 0) {
    fail(Code::kTransformerConfig,
         fmt::format("{} heads of queries and {} of keys and values", config.heads,
                     config.key_value_heads),
         "each head of keys and values serves the same number of heads of queries");
  }
  if (config.pairing != RotaryPairing::kNone && config.head_size % 2 != 0) {
    fail(Code::kTransformerConfig, fmt::format("a head has {} channels", config.head_size),
         "an even number: rotary positions turn pairs");
  }
  const auto positive = [&](const char* name, double value) {
    if (std::isfinite(value) && value > 0) return;
    fail(Code::kTransformerConfig, fmt::format("{}: {}", name, value), "a number above 0");
  };
  positive("epsilon of the norms", RealValue(config.epsilon));
  if (config.pairing != RotaryPairing::kNone) positive("base of the rotation", config.rotary_base);
  if (!errors.empty()) return errors;
  return Unit{};
}

RotaryRow RotaryRowAt(const Transformer& model, uint32_t position) {
  const uint32_t pairs = model.config.head_size / 2;
  const size_t first = size_t{position} * pairs;
  if (!model.cosines.empty()) {
    const auto row = [&](const std::vector<Fp32>& table) {
      return std::vector<Fp32>(table.begin() + static_cast<std::ptrdiff_t>(first),
                               table.begin() + static_cast<std::ptrdiff_t>(first + pairs));
    };
    return {row(model.cosines), row(model.sines)};
  }
  RotaryRow row;
  for (uint32_t i = 0; i < pairs; ++i) {
    const double exponent = -2.0 * i / model.config.head_size;
    const Fp32 frequency = NearestFp32(std::pow(model.config.rotary_base, exponent));
    const double angle = RealValue(
        numerics::Multiply(numerics::FromInteger(static_cast<int32_t>(position)), frequency));
    row.cosines.push_back(NearestFp32(std::cos(angle)));
    row.sines.push_back(NearestFp32(std::sin(angle)));
  }
  return row;
}

Fp32 ScoreScale(const TransformerConfig& config) {
  if (config.score_scale) return *config.score_scale;
  const Fp32 size = numerics::FromInteger(static_cast<int32_t>(config.head_size));
  return numerics::Divide(numerics::kFp32One, numerics::SquareRoot(size));
}

Fp32 NearestFp32(double x) { return std::bit_cast<Fp32>(static_cast<float>(x)); }
double RealValue(Fp32 x) { return std::bit_cast<float>(x); }

}  // namespace npugen

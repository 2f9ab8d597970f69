// SPDX-License-Identifier: Apache-2.0
// Textbook formulas, without caches and without an order of operations.
#include "tests/transformer/plain_model.h"

#include <algorithm>
#include <cmath>

#include "sw/numerics/float_format.h"

namespace npugen::testing {
namespace {

using Vector = std::vector<double>;

double Bf16Value(uint16_t code) { return RealValue(numerics::FromFormat(numerics::kBf16, code)); }

Vector Times(const Matrix& matrix, const Vector& x) {
  Vector y(matrix.rows);
  for (size_t row = 0; row < y.size(); ++row) {
    for (size_t k = 0; k < x.size(); ++k) {
      y[row] += Bf16Value(matrix.codes[row * matrix.columns + k]) * x[k];
    }
    if (!matrix.bias.empty()) y[row] += RealValue(matrix.bias[row]);
  }
  return y;
}

Vector PlainNorm(const TransformerConfig& config, const Norm& norm, Vector x) {
  double mean = 0, square = 0;
  if (config.norm == NormKind::kLayer) {
    for (const double value : x) mean += value / static_cast<double>(x.size());
  }
  for (const double value : x) square += (value - mean) * (value - mean);
  const double root = std::sqrt(square / static_cast<double>(x.size()) + RealValue(config.epsilon));
  for (size_t i = 0; i < x.size(); ++i) {
    x[i] = (x[i] - mean) / root * RealValue(norm.gain[i]);
    if (!norm.bias.empty()) x[i] += RealValue(norm.bias[i]);
  }
  return x;
}

double PlainGate(GateFunction function, double x) {
  switch (function) {
    case GateFunction::kSilu:
      return x / (1 + std::exp(-x));
    case GateFunction::kGeluTanh:
      return 0.5 * x * (1 + std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
    case GateFunction::kGelu:
      return 0.5 * x * (1 + std::erf(x / std::sqrt(2)));
    case GateFunction::kRelu:
      return std::max(x, 0.0);
  }
  return x;
}

void PlainRotate(const TransformerConfig& config, Vector& x, size_t position) {
  if (config.pairing == RotaryPairing::kNone) return;
  const size_t size = config.head_size;
  for (size_t head = 0; head < x.size() / size; ++head) {
    for (size_t i = 0; i < size / 2; ++i) {
      const double angle =
          static_cast<double>(position) *
          std::pow(config.rotary_base, -2.0 * static_cast<double>(i) / static_cast<double>(size));
      const bool halves = config.pairing == RotaryPairing::kHalves;
      double& a = x[head * size + (halves ? i : 2 * i)];
      double& b = x[head * size + (halves ? i + size / 2 : 2 * i + 1)];
      const double turned = a * std::cos(angle) - b * std::sin(angle);
      b = b * std::cos(angle) + a * std::sin(angle);
      a = turned;
    }
  }
}

void AddVector(Vector& x, const Vector& y) {
  for (size_t i = 0; i < x.size(); ++i) x[i] += y[i];
}

}  // namespace

std::vector<std::vector<double>> PlainLogits(const Transformer& model,
                                             std::span<const uint32_t> tokens) {
  const TransformerConfig& config = model.config;
  const size_t size = config.head_size;
  std::vector<Vector> x;
  for (const uint32_t token : tokens) {
    Vector& row = x.emplace_back();
    for (size_t i = 0; i < config.width; ++i) {
      row.push_back(Bf16Value(model.embedding.codes[size_t{token} * config.width + i]));
    }
  }
  for (const TransformerBlock& block : model.blocks) {
    std::vector<Vector> queries, keys, values;
    for (size_t t = 0; t < x.size(); ++t) {
      const Vector h = PlainNorm(config, block.attention_norm, x[t]);
      queries.push_back(Times(block[LinearLayer::kQuery], h));
      keys.push_back(Times(block[LinearLayer::kKey], h));
      values.push_back(Times(block[LinearLayer::kValue], h));
      PlainRotate(config, queries[t], t);
      PlainRotate(config, keys[t], t);
    }
    for (size_t t = 0; t < x.size(); ++t) {
      Vector attention(config.queries());
      const size_t seen = config.causal ? t + 1 : x.size();
      for (size_t head = 0; head < config.heads; ++head) {
        const size_t source = head / (config.heads / config.key_value_heads);
        Vector weight(seen);
        double sum = 0;
        for (size_t s = 0; s < seen; ++s) {
          double score = 0;
          for (size_t i = 0; i < size; ++i) {
            score += queries[t][head * size + i] * keys[s][source * size + i];
          }
          weight[s] = std::exp(score / std::sqrt(static_cast<double>(size)));
          sum += weight[s];
        }
        for (size_t s = 0; s < seen; ++s) {
          for (size_t i = 0; i < size; ++i) {
            attention[head * size + i] += weight[s] / sum * values[s][source * size + i];
          }
        }
      }
      AddVector(x[t], Times(block[LinearLayer::kOutput], attention));
    }
    for (Vector& row : x) {
      const Vector h = PlainNorm(config, block.feed_forward_norm, row);
      Vector inner = Times(block[LinearLayer::kUp], h);
      const Vector gate = config.gated ? Times(block[LinearLayer::kGate], h) : inner;
      for (size_t i = 0; i < inner.size(); ++i) {
        inner[i] = PlainGate(config.function, gate[i]) * (config.gated ? inner[i] : 1);
      }
      AddVector(row, Times(block[LinearLayer::kDown], inner));
    }
  }
  std::vector<Vector> logits;
  for (const Vector& row : x) {
    logits.push_back(
        Times(model.head ? *model.head : model.embedding, PlainNorm(config, model.norm, row)));
  }
  return logits;
}

}  // namespace npugen::testing

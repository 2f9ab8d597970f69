// SPDX-License-Identifier: Apache-2.0
// A transformer as it is computed, whatever file it comes from (docs/transformers.md).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "generator/support/diagnostic.h"
#include "sw/numerics/fp32.h"

namespace npugen {

using numerics::Fp32;

class Tokenizer;

enum class NormKind : uint8_t { kRms, kLayer };
/// Which channels of a head are turned together.
enum class RotaryPairing : uint8_t { kHalves, kNeighbours, kNone };
enum class GateFunction : uint8_t { kSilu, kGeluTanh, kGelu, kRelu };

/// What readers take at most, so that no product of sizes leaves 64 bits and no loop lasts.
inline constexpr uint32_t kMostLayers = 1024;
inline constexpr uint32_t kMostChannels = 65536;
inline constexpr uint32_t kMostTokens = 1u << 22;
inline constexpr uint32_t kMostPositions = 1u << 24;

struct TransformerConfig {
  uint32_t width = 0;  ///< channels of the residual
  uint32_t layers = 0;
  uint32_t heads = 0;
  uint32_t key_value_heads = 0;  ///< divides heads
  uint32_t head_size = 0;        ///< channels of a head; even with rotary positions
  uint32_t hidden = 0;           ///< channels between the feed-forward matrices
  uint32_t context = 0;          ///< tokens of a sequence
  uint32_t vocabulary = 0;
  NormKind norm = NormKind::kRms;
  Fp32 epsilon = 0;  ///< above 0
  RotaryPairing pairing = RotaryPairing::kHalves;
  double rotary_base = 10000;
  GateFunction function = GateFunction::kSilu;
  bool gated = true;
  bool causal = true;
  std::optional<Fp32> score_scale = {};  ///< absent: 1 / sqrt(head_size)

  uint32_t queries() const { return heads * head_size; }
  uint32_t keys() const { return key_value_heads * head_size; }
};

/// A matrix [rows, columns] of bf16 codes, whose rows are dotted with activations.
struct Matrix {
  uint32_t rows = 0;
  uint32_t columns = 0;
  std::vector<uint16_t> codes;
  std::vector<Fp32> bias;  ///< of the rows; empty: none
};

struct Norm {
  std::vector<Fp32> gain;
  std::vector<Fp32> bias;  ///< of LayerNorm; empty: none
};

/// The linear layers of a block, in the order in which they are computed.
enum class LinearLayer : uint8_t { kQuery, kKey, kValue, kOutput, kGate, kUp, kDown };
inline constexpr size_t kLinearLayers = 7;
/// What users call them: "q", "k", "v", "o", "gate", "up", "down".
const char* LinearLayerName(LinearLayer layer);

struct TransformerBlock {
  Norm attention_norm;
  Norm feed_forward_norm;
  Matrix linear[kLinearLayers];  ///< kGate is empty without a gate

  const Matrix& operator[](LinearLayer layer) const { return linear[static_cast<size_t>(layer)]; }
  Matrix& operator[](LinearLayer layer) { return linear[static_cast<size_t>(layer)]; }
};

struct Transformer {
  std::string name;  ///< of its file
  TransformerConfig config;
  Matrix embedding;            ///< [vocabulary, width]
  std::optional<Matrix> head;  ///< absent: the embedding
  std::vector<TransformerBlock> blocks;
  Norm norm;
  /// Tables of the rotation, [context, head_size / 2]; empty: they are made.
  std::vector<Fp32> cosines;
  std::vector<Fp32> sines;
  std::shared_ptr<const Tokenizer> tokenizer;  ///< null: prompts are numbers
  std::vector<uint32_t> ends = {};             ///< tokens that end a text
};

/// The shape [rows, columns] that a linear layer has by `config`; {0, 0} of a gate that is not
/// there.
struct MatrixShape {
  uint32_t rows;
  uint32_t columns;
};
MatrixShape ShapeOf(const TransformerConfig& config, LinearLayer layer);

/// Refuses values that are out of range or contradict each other (M142, M108), each with its name.
Status CheckTransformerConfig(const TransformerConfig& config, const std::string& file);

/// Row `position` of the tables of the rotation: head_size / 2 cosines and as many sines.
struct RotaryRow {
  std::vector<Fp32> cosines;
  std::vector<Fp32> sines;
};
RotaryRow RotaryRowAt(const Transformer& model, uint32_t position);

/// 1 / sqrt(head_size), or what the model has in its place.
Fp32 ScoreScale(const TransformerConfig& config);

/// The FP32 number nearest to a real one, and back.
Fp32 NearestFp32(double x);
double RealValue(Fp32 x);

}  // namespace npugen

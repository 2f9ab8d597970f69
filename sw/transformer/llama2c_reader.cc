// SPDX-License-Identifier: Apache-2.0
// Checkpoints of llama2.c: seven numbers, then FP32 tensors in a fixed order.
#include <fmt/core.h>

#include <cstdlib>
#include <utility>

#include "sw/transformer/read_transformer.h"
#include "sw/transformer/tensor_table.h"

namespace npugen {
namespace {

using Code = DiagnosticCode;

constexpr size_t kLlama2cHeader = 28;
constexpr size_t kLlama2cWord = 4;
constexpr uint32_t kLaterFormats = 0x616b3432;  // "ak42" begins versions 1 and 2
constexpr uint32_t kLlama2cTextMark = 1;        // begins and ends texts

constexpr TensorNames kLlama2cNames = {
    "embedding",
    "head",
    "norm",
    "block {}: attention norm",
    "block {}: feed-forward norm",
    {"block {}: wq", "block {}: wk", "block {}: wv", "block {}: wo", "block {}: w1", "block {}: w3",
     "block {}: w2"},
    "",
    "",
    ": bias"};

/// Cuts the bytes behind the header into tensors.
class Llama2cTensors {
 public:
  Llama2cTensors(std::span<const uint8_t> bytes, std::string file)
      : table(file), bytes_(bytes), file_(std::move(file)) {}

  /// The next tensor; false where the file ends before it does.
  bool Next(const std::string& name, std::vector<uint64_t> shape) {
    // No product leaves 64 bits: CheckTransformerConfig() has been asked.
    const uint64_t bytes = StoredBytes(StoredType::kF32, shape).value_or(UINT64_MAX);
    if (bytes > bytes_.size() - at_) {
      table.Fail(Code::kTransformerHeader, file_,
                 fmt::format("{} ends behind the file: {} bytes from byte {} on", name, bytes, at_),
                 fmt::format("the file has {} bytes", bytes_.size()));
      return false;
    }
    table.Add({file_, name, StoredType::kF32, std::move(shape), bytes_.subspan(at_, bytes)});
    at_ += bytes;
    return true;
  }
  /// The same in all blocks.
  bool NextOfBlocks(std::string_view name, uint32_t blocks, const std::vector<uint64_t>& shape) {
    for (uint32_t i = 0; i < blocks; ++i) {
      if (!Next(NumberedName(name, i), shape)) return false;
    }
    return true;
  }
  size_t left() const { return bytes_.size() - at_; }
  size_t at() const { return at_; }
  void Skip(size_t bytes) { at_ += bytes; }

  TensorTable table;

 private:
  std::span<const uint8_t> bytes_;
  std::string file_;
  size_t at_ = kLlama2cHeader;
};

/// All tensors in the order of the file; false where it ends before them.
bool CutLlama2c(Llama2cTensors& tensors, const TransformerConfig& config, bool tied) {
  const auto matrices = [&](LinearLayer layer) {
    const MatrixShape shape = ShapeOf(config, layer);
    return tensors.NextOfBlocks(kLlama2cNames.linear[static_cast<size_t>(layer)], config.layers,
                                {shape.rows, shape.columns});
  };
  const std::vector<uint64_t> vocabulary = {config.vocabulary, config.width};
  const uint64_t tables = uint64_t{config.context} * config.head_size * kLlama2cWord;
  if (!tensors.Next("embedding", vocabulary) ||
      !tensors.NextOfBlocks(kLlama2cNames.attention_norm, config.layers, {config.width}) ||
      !matrices(LinearLayer::kQuery) || !matrices(LinearLayer::kKey) ||
      !matrices(LinearLayer::kValue) || !matrices(LinearLayer::kOutput) ||
      !tensors.NextOfBlocks(kLlama2cNames.feed_forward_norm, config.layers, {config.width}) ||
      !matrices(LinearLayer::kGate) || !matrices(LinearLayer::kDown) ||
      !matrices(LinearLayer::kUp) || !tensors.Next("norm", {config.width})) {
    return false;
  }
  if (tables > tensors.left()) {
    return tensors.Next("tables of the rotation", {config.context, config.head_size});
  }
  tensors.Skip(tables);
  return tied || tensors.Next("head", vocabulary);
}

}  // namespace

Result<Transformer> ReadLlama2c(std::span<const uint8_t> bytes, const std::string& file) {
  const auto fail = [&](Code code, std::string message, std::string hint) {
    return Diagnostic(code, SourceLocation{file}, std::move(message), std::move(hint));
  };
  if (bytes.size() < kLlama2cHeader) {
    return fail(Code::kTransformerHeader, fmt::format("it has {} bytes", bytes.size()),
                "28 bytes of sizes, then tensors");
  }
  int32_t header[kLlama2cHeader / kLlama2cWord] = {};
  for (size_t i = 0; i < kLlama2cHeader; ++i) {
    header[i / kLlama2cWord] = static_cast<int32_t>(static_cast<uint32_t>(header[i / 4]) |
                                                    uint32_t{bytes[i]} << 8 * (i % kLlama2cWord));
  }
  if (static_cast<uint32_t>(header[0]) == kLaterFormats) {
    return fail(Code::kTransformerHeader, fmt::format("version {} of the format", header[1]),
                "version 0, which run.c reads (export.py --version 0)");
  }
  constexpr const char* kHeaderNames[] = {"dim",        "hidden_dim", "n_layers", "n_heads",
                                          "n_kv_heads", "vocab_size", "seq_len"};
  for (size_t i = 0; i < std::size(kHeaderNames); ++i) {
    const bool vocabulary = i == 5;
    if (vocabulary ? header[i] == INT32_MIN || header[i] == 0 : header[i] <= 0) {
      return fail(Code::kTransformerConfig, fmt::format("{} is {}", kHeaderNames[i], header[i]),
                  vocabulary ? "not 0; below it when the head is not the embedding" : "above 0");
    }
  }
  Transformer model;
  model.name = file;
  TransformerConfig& config = model.config;
  const bool tied = header[5] > 0;
  config.width = static_cast<uint32_t>(header[0]);
  config.hidden = static_cast<uint32_t>(header[1]);
  config.layers = static_cast<uint32_t>(header[2]);
  config.heads = static_cast<uint32_t>(header[3]);
  config.key_value_heads = static_cast<uint32_t>(header[4]);
  config.vocabulary = static_cast<uint32_t>(std::abs(header[5]));
  config.context = static_cast<uint32_t>(header[6]);
  config.epsilon = NearestFp32(1e-5);
  config.pairing = RotaryPairing::kNeighbours;
  if (config.width % config.heads != 0) {
    return fail(Code::kTransformerConfig,
                fmt::format("dim is {}, n_heads is {}", config.width, config.heads),
                "whole channels for each head");
  }
  config.head_size = config.width / config.heads;
  if (const Status legal = CheckTransformerConfig(config, file); !legal) return legal.errors();
  Llama2cTensors tensors(bytes, file);
  if (!CutLlama2c(tensors, config, tied)) return tensors.table.errors;
  if (tensors.left() != 0) {
    return fail(Code::kTransformerHeader,
                fmt::format("{} bytes are left behind the last tensor", tensors.left()),
                fmt::format("by its header the file has {} bytes", tensors.at()));
  }
  model.ends = {kLlama2cTextMark, kLlama2cTextMark + 1};
  return AssembleTransformer(std::move(model), tensors.table, kLlama2cNames, tied);
}

}  // namespace npugen

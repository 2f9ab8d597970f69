// SPDX-License-Identifier: Apache-2.0
// Character models: a config, an alphabet and a list of FP32 tensors as JSON.
#include <fmt/core.h>

#include <utility>

#include "sw/transformer/read_transformer.h"
#include "sw/transformer/stored_ranges.h"
#include "sw/transformer/tensor_table.h"

namespace npugen {
namespace {

using Code = DiagnosticCode;

constexpr TensorNames kCharacterNames = {
    "emb",
    "head",
    "norm",
    "blocks.{}.n1",
    "blocks.{}.n2",
    {"blocks.{}.wq", "blocks.{}.wk", "blocks.{}.wv", "blocks.{}.wo", "blocks.{}.side",
     "blocks.{}.up", "blocks.{}.down"},
    "",
    ".gain",
    ".bias"};

/// The tensors that the JSON lists.
void ListTensors(const Json& list, std::span<const uint8_t> weights, JsonFields& fields,
                 TensorTable& table) {
  StoredRanges ranges;
  for (size_t i = 0; i < Size(list) && fields.errors.empty(); ++i) {
    const Json& entry = Element(list, i);
    fields.where = fmt::format("tensor {}", i);
    if (!IsObject(entry)) {
      fields.Fail(Code::kTransformerConfig, KindOf(entry), "an object");
      return;
    }
    fields.CheckKeys(entry, {"name", "shape", "offset"});
    const Json* name = fields.Find(entry, "name", "text");
    const Json* shape = fields.Find(entry, "shape", "a list of extents");
    const Json* offset = fields.Find(entry, "offset", "where its bytes begin");
    if (name == nullptr || shape == nullptr || offset == nullptr) return;
    if (!IsText(*name) || !IsList(*shape)) {
      fields.Fail(Code::kTransformerConfig,
                  fmt::format("\"name\" is {}, \"shape\" {}", KindOf(*name), KindOf(*shape)),
                  "a text and a list");
      return;
    }
    StoredTensor tensor;
    tensor.file = fields.file;
    tensor.name = Text(*name);
    for (size_t k = 0; k < Size(*shape); ++k) {
      const auto extent =
          fields.ToInteger(Element(*shape, k), "an extent of \"shape\"", 1, int64_t{kMostTokens});
      if (!extent) return;
      tensor.shape.push_back(static_cast<uint64_t>(*extent));
    }
    const auto first = fields.ToInteger(*offset, "\"offset\"", 0, INT64_MAX);
    if (!first) return;
    const auto bytes = StoredBytes(StoredType::kF32, tensor.shape);
    if (!bytes || *bytes > weights.size() ||
        static_cast<uint64_t>(*first) > weights.size() - *bytes) {
      fields.Fail(Code::kTransformerPlace,
                  fmt::format("`{}` from byte {} on ends behind its file", tensor.name, *first),
                  fmt::format("the .bin has {} bytes", weights.size()));
      return;
    }
    tensor.bytes = weights.subspan(static_cast<size_t>(*first), *bytes);
    ranges.Add(static_cast<uint64_t>(*first), *bytes, tensor.name);
    table.Add(std::move(tensor));
  }
  fields.where.clear();
  if (const auto overlap = ranges.Overlap()) {
    fields.Fail(Code::kTransformerPlace, *overlap, "bytes of its own for each tensor");
  }
}

}  // namespace

Result<Transformer> ReadCharacterModel(std::string_view json, std::span<const uint8_t> weights,
                                       const std::string& file) {
  const auto tree = ParseJson(json, file, kTransformerJson);
  if (!tree) return tree.errors();
  const Json& root = **tree;
  JsonFields fields(file, kTransformerJson);
  if (!IsObject(root)) {
    fields.Fail(Code::kTransformerConfig, KindOf(root), "an object");
    return fields.errors;
  }
  fields.CheckKeys(root, {"d_model", "layers", "heads", "head_size", "hidden", "context", "vocab",
                          "chars", "eps", "measured", "tensors"});
  Transformer model;
  model.name = file;
  TransformerConfig& config = model.config;
  const auto number = [&](const char* key, uint32_t most) {
    return static_cast<uint32_t>(
        fields.Integer(root, key, 1, static_cast<int32_t>(most)).value_or(1));
  };
  config.width = number("d_model", kMostChannels);
  config.layers = number("layers", kMostLayers);
  config.heads = config.key_value_heads = number("heads", kMostChannels);
  config.head_size = number("head_size", kMostChannels);
  config.hidden = number("hidden", kMostChannels);
  config.context = number("context", kMostPositions);
  config.vocabulary = number("vocab", kMostTokens);
  const Json* epsilon = fields.Find(root, "eps", "a number above 0");
  const Json* characters = fields.Find(root, "chars", "the characters of the tokens");
  const Json* tensors = fields.Find(root, "tensors", "a list of tensors");
  if (!fields.errors.empty()) return fields.errors;
  if (!RealNumber(*epsilon) || !IsText(*characters) || !IsList(*tensors)) {
    fields.Fail(Code::kTransformerConfig,
                fmt::format("\"eps\" is {}, \"chars\" {}, \"tensors\" {}", KindOf(*epsilon),
                            KindOf(*characters), KindOf(*tensors)),
                "a number, a text and a list");
    return fields.errors;
  }
  config.epsilon = NearestFp32(*RealNumber(*epsilon));
  if (const Status legal = CheckTransformerConfig(config, file); !legal) return legal.errors();
  const auto tokenizer = MakeCharacterTokenizer(Text(*characters), file);
  if (!tokenizer) return tokenizer.errors();
  model.tokenizer = *tokenizer;
  if (const size_t end = Text(*characters).find('\n'); end != std::string::npos) {
    model.ends = {static_cast<uint32_t>(end)};
  }
  TensorTable table(file);
  ListTensors(*tensors, weights, fields, table);
  if (!fields.errors.empty()) return fields.errors;
  if (!table.errors.empty()) return table.errors;
  const uint64_t rotation[] = {config.context, config.head_size / 2};
  model.cosines = table.TakeNumbers("rope_cos", rotation);
  model.sines = table.TakeNumbers("rope_sin", rotation);
  return AssembleTransformer(std::move(model), table, kCharacterNames, false);
}

}  // namespace npugen

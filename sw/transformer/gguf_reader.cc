// SPDX-License-Identifier: Apache-2.0
// Llama and Qwen2 in GGUF: config from keys, tokenizer from lists.
#include <fmt/core.h>

#include <cmath>
#include <utility>

#include "sw/model/describe.h"
#include "sw/transformer/gguf.h"
#include "sw/transformer/merge_tokenizer.h"
#include "sw/transformer/read_transformer.h"

namespace npugen {
namespace {

using Code = DiagnosticCode;
using Kind = GgufValue::Kind;

constexpr TensorNames kGgufNames = {
    "token_embd",
    "output",
    "output_norm",
    "blk.{}.attn_norm",
    "blk.{}.ffn_norm",
    {"blk.{}.attn_q", "blk.{}.attn_k", "blk.{}.attn_v", "blk.{}.attn_output", "blk.{}.ffn_gate",
     "blk.{}.ffn_up", "blk.{}.ffn_down"}};

/// Kinds of tokens that no text becomes: unknown, control, unused.
constexpr double kNoTextKinds[] = {2, 3, 5};

/// Values of keys, with the errors of those that are missing or of another kind.
class GgufKeys {
 public:
  GgufKeys(const Gguf& gguf, std::string file) : gguf_(gguf), file_(std::move(file)) {}

  const GgufValue* Find(const std::string& key) const {
    const auto found = gguf_.values.find(key);
    return found == gguf_.values.end() ? nullptr : &found->second;
  }
  void Fail(Code code, std::string message, std::string hint) {
    errors.push_back({code, SourceLocation{file_}, std::move(message), std::move(hint)});
  }
  const GgufValue* Need(const std::string& key, Kind kind, const char* legal) {
    const GgufValue* value = Find(key);
    if (value == nullptr) {
      Fail(Code::kTransformerKey, fmt::format("the key `{}` is missing", key), legal);
    } else if (value->kind != kind) {
      Fail(Code::kTransformerConfig, fmt::format("`{}` is of another kind", key), legal);
      value = nullptr;
    }
    return value;
  }
  uint32_t Whole(const std::string& key) {
    const GgufValue* value = Need(key, Kind::kWhole, "a whole number from 1 on");
    if (value == nullptr) return 0;
    if (value->whole < 1 || value->whole > INT32_MAX) {
      Fail(Code::kTransformerConfig, fmt::format("`{}` is {}", key, value->whole),
           "a whole number from 1 on");
      return 0;
    }
    return static_cast<uint32_t>(value->whole);
  }
  uint32_t WholeOr(const std::string& key, uint32_t otherwise) {
    return Find(key) == nullptr ? otherwise : Whole(key);
  }
  double RealOr(const std::string& key, double otherwise) {
    if (Find(key) == nullptr) return otherwise;
    const GgufValue* value = Need(key, Kind::kReal, "a real number");
    return value == nullptr ? otherwise : value->real;
  }
  bool TruthOr(const std::string& key, bool otherwise) {
    if (Find(key) == nullptr) return otherwise;
    const GgufValue* value = Need(key, Kind::kTruth, "true or false");
    return value == nullptr ? otherwise : value->truth;
  }

  Diagnostics errors;

 private:
  const Gguf& gguf_;
  std::string file_;
};

/// The config of an architecture.
void ReadGgufConfig(GgufKeys& keys, const std::string& arch, TransformerConfig& config) {
  const auto key = [&arch](const char* rest) { return arch + "." + rest; };
  config.width = keys.Whole(key("embedding_length"));
  config.layers = keys.Whole(key("block_count"));
  config.hidden = keys.Whole(key("feed_forward_length"));
  config.heads = keys.Whole(key("attention.head_count"));
  config.context = keys.Whole(key("context_length"));
  const GgufValue* epsilon =
      keys.Need(key("attention.layer_norm_rms_epsilon"), Kind::kReal, "a number above 0");
  if (epsilon == nullptr || !keys.errors.empty()) return;
  config.epsilon = NearestFp32(epsilon->real);
  config.key_value_heads = keys.WholeOr(key("attention.head_count_kv"), config.heads);
  config.rotary_base = keys.RealOr(key("rope.freq_base"), 10000);
  const bool divides = config.width % config.heads == 0;
  config.head_size =
      keys.WholeOr(key("attention.key_length"), divides ? config.width / config.heads : 0);
  if (keys.WholeOr(key("attention.value_length"), config.head_size) != config.head_size ||
      keys.WholeOr(key("rope.dimension_count"), config.head_size) != config.head_size) {
    keys.Fail(Code::kTransformerConfig, "queries, values and rotation of different sizes",
              fmt::format("{} channels each", config.head_size));
  }
  const GgufValue* scaling = keys.Find(key("rope.scaling.type"));
  if (scaling != nullptr && (scaling->kind != Kind::kText || scaling->text != "none")) {
    keys.Fail(Code::kTransformerConfig, "positions are scaled", "a rotation without scaling");
  }
  const GgufValue* tokens = keys.Find("tokenizer.ggml.tokens");
  config.vocabulary = tokens != nullptr && keys.Find(key("vocab_size")) == nullptr
                          ? static_cast<uint32_t>(tokens->texts.size())
                          : keys.Whole(key("vocab_size"));
}

/// The token that begins texts, if the model wants one.
std::optional<uint32_t> BeginOf(GgufKeys& keys, bool otherwise) {
  const GgufValue* begin = keys.Find("tokenizer.ggml.bos_token_id");
  if (begin == nullptr || !keys.TruthOr("tokenizer.ggml.add_bos_token", otherwise)) return {};
  if (begin->kind != Kind::kWhole || begin->whole < 0 || begin->whole > kMostTokens) {
    keys.Fail(Code::kTokenizer, "`tokenizer.ggml.bos_token_id` is no token", "a token's number");
    return {};
  }
  return static_cast<uint32_t>(begin->whole);
}

Result<std::shared_ptr<const Tokenizer>> ReadGgufTokenizer(GgufKeys& keys,
                                                           const std::string& file) {
  const auto fail = [&file](std::string message, std::string hint) {
    return Diagnostic(Code::kTokenizer, SourceLocation{file}, std::move(message), std::move(hint));
  };
  const GgufValue* kind = keys.Need("tokenizer.ggml.model", Kind::kText, "llama or gpt2");
  const GgufValue* tokens = keys.Need("tokenizer.ggml.tokens", Kind::kList, "a list of texts");
  if (kind == nullptr || tokens == nullptr) return keys.errors;
  const GgufValue* kinds = keys.Find("tokenizer.ggml.token_type");
  const auto is_text = [&](size_t token) {
    return kinds == nullptr || token >= kinds->numbers.size() ||
           std::find(std::begin(kNoTextKinds), std::end(kNoTextKinds), kinds->numbers[token]) ==
               std::end(kNoTextKinds);
  };
  if (kind->text == "llama") {
    const GgufValue* scores =
        keys.Need("tokenizer.ggml.scores", Kind::kList, "a list of numbers, one for each token");
    const std::optional<uint32_t> begin = BeginOf(keys, true);
    if (!keys.errors.empty()) return keys.errors;
    if (scores->numbers.size() != tokens->texts.size()) {
      return fail(
          fmt::format("{} tokens and {} scores", tokens->texts.size(), scores->numbers.size()),
          "a score for each token");
    }
    std::vector<ScoredToken> list;
    for (size_t i = 0; i < tokens->texts.size(); ++i) {
      list.push_back({Replaced(std::string(tokens->texts[i]), kBlankMark, " "),
                      static_cast<float>(scores->numbers[i]), is_text(i)});
    }
    return MakeScoreTokenizer(std::move(list), begin, file);
  }
  if (kind->text != "gpt2") {
    return fail(fmt::format("a tokenizer `{}`", PrintableName(std::string(kind->text))),
                "llama (scores) or gpt2 (merges)");
  }
  const GgufValue* merges =
      keys.Need("tokenizer.ggml.merges", Kind::kList, "a list of pairs of tokens");
  MergeVocabulary vocabulary;
  vocabulary.begin = BeginOf(keys, false);
  if (!keys.errors.empty()) return keys.errors;
  vocabulary.bytes = true;
  for (size_t i = 0; i < tokens->texts.size(); ++i) {
    vocabulary.tokens.push_back({std::string(tokens->texts[i]), is_text(i)});
  }
  for (const std::string_view merge : merges->texts) {
    const size_t blank = merge.find(' ');
    if (blank == std::string_view::npos) {
      return fail(fmt::format("merge \"{}\"", PrintableName(std::string(merge))),
                  "two tokens with a blank between them");
    }
    vocabulary.merges.emplace_back(merge.substr(0, blank), merge.substr(blank + 1));
  }
  const GgufValue* cut = keys.Find("tokenizer.ggml.pre");
  const std::string_view name =
      cut != nullptr && cut->kind == Kind::kText ? cut->text : std::string_view("default");
  const auto pattern = CutPatternOf(name);
  if (!pattern) {
    return fail(fmt::format("texts are cut as `{}`", PrintableName(std::string(name))),
                "default, gpt-2, llama-bpe, qwen2 or smollm");
  }
  vocabulary.cuts = *pattern;
  return MakeMergeTokenizer(std::move(vocabulary), file);
}

}  // namespace

Result<Transformer> ReadGguf(std::span<const uint8_t> bytes, const std::string& file) {
  Result<Gguf> gguf = ParseGguf(bytes, file);
  if (!gguf) return gguf.errors();
  GgufKeys keys(*gguf, file);
  const GgufValue* name = keys.Need("general.architecture", Kind::kText, "llama or qwen2");
  if (name == nullptr) return keys.errors;
  const std::string arch(name->text);
  if (arch != "llama" && arch != "qwen2") {
    keys.Fail(Code::kTransformerConfig, fmt::format("architecture `{}`", PrintableName(arch)),
              "llama or qwen2");
    return keys.errors;
  }
  Transformer model;
  model.name = file;
  ReadGgufConfig(keys, arch, model.config);
  if (!keys.errors.empty()) return keys.errors;
  // Its writers order the rows of llama's queries and keys so that pairs are neighbours.
  model.config.pairing = arch == "llama" ? RotaryPairing::kNeighbours : RotaryPairing::kHalves;
  if (const Status legal = CheckTransformerConfig(model.config, file); !legal) {
    return legal.errors();
  }
  if (keys.Find("tokenizer.ggml.model") != nullptr) {
    const auto tokenizer = ReadGgufTokenizer(keys, file);
    if (!tokenizer) return tokenizer.errors();
    model.tokenizer = *tokenizer;
  }
  if (const GgufValue* end = keys.Find("tokenizer.ggml.eos_token_id"); end != nullptr) {
    if (end->kind != Kind::kWhole || end->whole < 0 || end->whole >= model.config.vocabulary) {
      keys.Fail(Code::kTokenizer, "`tokenizer.ggml.eos_token_id` is no token", "a token's number");
      return keys.errors;
    }
    model.ends = {static_cast<uint32_t>(end->whole)};
  }
  const bool tied = !gguf->tensors.Has("output.weight");
  return AssembleTransformer(std::move(model), gguf->tensors, kGgufNames, tied);
}

}  // namespace npugen

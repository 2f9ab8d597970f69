// SPDX-License-Identifier: Apache-2.0
// Which reader a model is for.
#include "sw/transformer/read_transformer.h"

#include <fmt/core.h>

#include <algorithm>
#include <filesystem>
#include <utility>

#include "generator/support/file.h"
#include "sw/model/file_bytes.h"

namespace npugen {
namespace {

using Code = DiagnosticCode;

constexpr std::string_view kGgufBegin = "GGUF";
/// Vocabularies of matrices are padded by less than this.
constexpr uint32_t kMostPadding = 1024;

std::string_view TextOfBytes(const std::vector<uint8_t>& bytes) { return BytesView(bytes); }

Result<Transformer> ReadModelAt(const std::string& path) {
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored)) return ReadHuggingFace(path);
  const Result<std::vector<uint8_t>> bytes = ReadModelFile(path);
  if (!bytes) return bytes.errors();
  if (TextOfBytes(*bytes).starts_with(kGgufBegin) || path.ends_with(".gguf")) {
    return ReadGguf(*bytes, path);
  }
  if (path.ends_with(".json")) {
    const std::string weights_path = path.substr(0, path.size() - 4) + "bin";
    const Result<std::vector<uint8_t>> weights = ReadModelFile(weights_path);
    if (!weights) return weights.errors();
    return ReadCharacterModel(TextOfBytes(*bytes), *weights, path);
  }
  if (path.ends_with(".bin")) return ReadLlama2c(*bytes, path);
  return Diagnostic(
      Code::kModelFormat, SourceLocation{path}, "no format of transformers that npugen reads",
      "a folder of Hugging Face, .gguf, llama2.c's .bin, or a character model's .json");
}

Result<std::shared_ptr<const Tokenizer>> ReadTokenizerAt(const std::string& path) {
  const Result<std::vector<uint8_t>> bytes = ReadModelFile(path);
  if (!bytes) return bytes.errors();
  return path.ends_with(".json") ? ReadMergeTokenizer(TextOfBytes(*bytes), path)
                                 : ReadScoreTokenizer(*bytes, path);
}

}  // namespace

Status CheckTokenizer(const Transformer& model, const std::string& file) {
  if (model.tokenizer == nullptr) return Unit{};
  const uint32_t vocabulary = model.config.vocabulary, tokens = model.tokenizer->size();
  const auto begin = model.tokenizer->begin();
  if (begin && *begin >= vocabulary) {
    return Diagnostic(Code::kTokenizer, SourceLocation{file},
                      fmt::format("texts begin with token {}", *begin),
                      fmt::format("the model has {} tokens", vocabulary));
  }
  // Of one and the same model the vocabulary may be padded.
  if (tokens > vocabulary || vocabulary - tokens >= kMostPadding || vocabulary / 2 > tokens) {
    return Diagnostic(Code::kTokenizer, SourceLocation{file},
                      fmt::format("the tokenizer has {} tokens, the model {}", tokens, vocabulary),
                      "the tokenizer that belongs to the model");
  }
  return Unit{};
}

Result<Transformer> ReadTransformer(const std::string& path, const std::string& tokenizer) {
  Result<Transformer> model = ReadModelAt(path);
  if (!model) return model;
  if (!tokenizer.empty()) {
    auto own = ReadTokenizerAt(tokenizer);
    if (!own) return own.errors();
    model->tokenizer = std::move(*own);
  }
  if (const Status fits = CheckTokenizer(*model, tokenizer.empty() ? path : tokenizer); !fits) {
    return fits.errors();
  }
  return model;
}

}  // namespace npugen

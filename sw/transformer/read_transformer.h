// SPDX-License-Identifier: Apache-2.0
// The way from files to a transformer (docs/transformers.md, section 4). Nothing in a file is
// trusted: what is allocated is bounded by a small multiple of the bytes that there are.
//
// Errors of all readers are M140 to M146 and M108, with file, tensor or key, and what would be
// legal.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "generator/support/diagnostic.h"
#include "sw/model/json_fields.h"
#include "sw/transformer/tokenizer.h"
#include "sw/transformer/transformer.h"

namespace npugen {

/// JSON of configs, of headers of safetensors and of tokenizers.
inline constexpr JsonDialect kTransformerJson = {DiagnosticCode::kTransformerHeader,
                                                 DiagnosticCode::kTransformerKey,
                                                 DiagnosticCode::kTransformerConfig,
                                                 DiagnosticCode::kTransformerConfig,
                                                 size_t{64} << 20,
                                                 16,
                                                 "docs/transformers.md names what is read"};

/// A checkpoint of llama2.c in the format of run.c, the contents of `file`.
Result<Transformer> ReadLlama2c(std::span<const uint8_t> bytes, const std::string& file);
/// A character model: its JSON, and the bytes of the .bin beside it.
Result<Transformer> ReadCharacterModel(std::string_view json, std::span<const uint8_t> weights,
                                       const std::string& file);
/// A GGUF file with its tokenizer, if it has one.
Result<Transformer> ReadGguf(std::span<const uint8_t> bytes, const std::string& file);
/// A folder of Hugging Face with its tokenizer.json, if it has one.
Result<Transformer> ReadHuggingFace(const std::string& folder);
/// A tokenizer.json of Hugging Face.
Result<std::shared_ptr<const Tokenizer>> ReadMergeTokenizer(std::string_view json,
                                                            const std::string& file);

/// The model at `path`, told by what it is; `tokenizer` is the path of a tokenizer of its own, or
/// empty. Errors also kFileRead.
Result<Transformer> ReadTransformer(const std::string& path, const std::string& tokenizer);

/// Refuses a tokenizer of another model, and tokens that begin or end texts and are none (M146).
Status CheckTokenizer(const Transformer& model, const std::string& file);

}  // namespace npugen

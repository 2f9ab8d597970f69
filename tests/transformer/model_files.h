// SPDX-License-Identifier: Apache-2.0
// Small random transformers, and the files that hold them, in every format.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "sw/transformer/tensor_table.h"
#include "sw/transformer/transformer.h"

namespace npugen::testing {

/// Two blocks, 4 heads of 8 channels that share 2 heads of keys and values.
TransformerConfig SmallConfig();
/// Random weights that f16 and bf16 hold alike. `tied`: no head of its own.
Transformer RandomTransformer(const TransformerConfig& config, uint64_t seed, bool tied = false);

using FileBytes = std::vector<uint8_t>;

/// A checkpoint of llama2.c.
FileBytes Llama2cFile(const Transformer& model);
/// Tensors as safetensors: those whose number modulo `parts` is `part`; `names` gets their names.
FileBytes SafetensorsFile(const Transformer& model, StoredType type, uint32_t parts = 1,
                          uint32_t part = 0, std::vector<std::string>* names = nullptr);
/// A header and data of safetensors.
FileBytes SafetensorsOf(const std::string& header, const FileBytes& data);
/// config.json of a model of Hugging Face.
std::string HuggingFaceConfig(const Transformer& model, bool tied = false);
/// GGUF of architecture llama, with `tokens` scored tokens where that is not 0. Matrices are of
/// `type`: F32, F16, BF16.
FileBytes GgufFile(const Transformer& model, StoredType type, uint32_t tokens = 0);
/// A character model: the JSON and the bytes of the .bin.
struct CharacterFiles {
  std::string json;
  FileBytes weights;
};
CharacterFiles CharacterModelFiles(const Transformer& model);
/// A tokenizer.bin of llama2.c with the bytes, some letters and some words.
FileBytes ScoreTokenizerFile();
/// tokenizer.json in the manner of GPT-2, and of Llama.
std::string ByteTokenizerJson();
std::string LlamaTokenizerJson();

/// Whether two models are the same, but for names and tokenizers.
bool SameWeights(const Transformer& a, const Transformer& b);

}  // namespace npugen::testing

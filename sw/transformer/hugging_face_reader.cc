// SPDX-License-Identifier: Apache-2.0
// Folders of Hugging Face: Llama and its relatives.
#include <fmt/core.h>

#include <algorithm>
#include <filesystem>
#include <set>
#include <utility>

#include "generator/support/file.h"
#include "sw/model/describe.h"
#include "sw/model/file_bytes.h"
#include "sw/transformer/read_transformer.h"
#include "sw/transformer/safetensors.h"
#include "sw/transformer/tensor_table.h"

namespace npugen {
namespace {

using Code = DiagnosticCode;

constexpr TensorNames kHuggingFaceNames = {
    "model.embed_tokens",
    "lm_head",
    "model.norm",
    "model.layers.{}.input_layernorm",
    "model.layers.{}.post_attention_layernorm",
    {"model.layers.{}.self_attn.q_proj", "model.layers.{}.self_attn.k_proj",
     "model.layers.{}.self_attn.v_proj", "model.layers.{}.self_attn.o_proj",
     "model.layers.{}.mlp.gate_proj", "model.layers.{}.mlp.up_proj",
     "model.layers.{}.mlp.down_proj"}};
/// Beside some old models' weights; it follows from the config.
constexpr std::string_view kOldFrequencies = "model.layers.{}.self_attn.rotary_emb.inv_freq";
constexpr uint64_t kLargestJsonFile = uint64_t{64} << 20;

bool Given(const Json& object, const char* key) {
  return Has(object, key) && !IsNull(At(object, key));
}

/// A real number of a key, or what holds without it.
double RealOr(JsonFields& fields, const Json& object, const char* key, double otherwise) {
  if (!Given(object, key)) return otherwise;
  const auto value = RealNumber(At(object, key));
  if (!value) {
    fields.Fail(Code::kTransformerConfig, fmt::format("\"{}\" is {}", key, KindOf(At(object, key))),
                "a number");
  }
  return value.value_or(otherwise);
}

/// What this program does not compute.
void RefuseFeatures(JsonFields& fields, const Json& root, const TransformerConfig& config) {
  const auto refuse = [&](const std::string& what, const char* legal) {
    fields.Fail(Code::kTransformerConfig, what, legal);
  };
  for (const char* key : {"rope_scaling", "rope_parameters"}) {
    if (!Given(root, key)) continue;
    const Json& scaling = At(root, key);
    const char* kind = IsObject(scaling) && Has(scaling, "type") ? "type" : "rope_type";
    if (!IsObject(scaling) || (Has(scaling, kind) && !Is(At(scaling, kind), "default"))) {
      refuse(fmt::format("\"{}\" scales positions", key), "null, or of type default");
    }
  }
  if (Given(root, "quantization_config")) {
    refuse("\"quantization_config\": the weights are quantized", "F32, F16 or BF16");
  }
  if (RealOr(fields, root, "partial_rotary_factor", 1) != 1) {
    refuse("\"partial_rotary_factor\" is not 1", "1: all channels of a head are turned");
  }
  const bool off = Has(root, "use_sliding_window") && !IsTrue(At(root, "use_sliding_window"));
  if (Given(root, "sliding_window") && !off) {
    const auto window =
        fields.ToInteger(At(root, "sliding_window"), "\"sliding_window\"", 1, INT32_MAX);
    if (window && *window < config.context) {
      refuse(fmt::format("\"sliding_window\" is {}, the context {}", *window, config.context),
             "null, or no shorter than the context");
    }
  }
}

void ReadFunction(JsonFields& fields, const Json& root, TransformerConfig& config) {
  constexpr std::pair<const char*, GateFunction> kFunctions[] = {
      {"silu", GateFunction::kSilu}, {"swish", GateFunction::kSilu},
      {"gelu", GateFunction::kGelu}, {"gelu_new", GateFunction::kGeluTanh},
      {"relu", GateFunction::kRelu}, {"gelu_pytorch_tanh", GateFunction::kGeluTanh}};
  const Json* name = fields.Find(root, "hidden_act", "silu");
  if (name == nullptr) return;
  const auto* function = std::find_if(std::begin(kFunctions), std::end(kFunctions),
                                      [name](const auto& row) { return Is(*name, row.first); });
  if (function == std::end(kFunctions)) {
    fields.Fail(Code::kTransformerConfig,
                fmt::format("\"hidden_act\" is {}", PrintableName(Dump(*name))),
                "silu, gelu, gelu_new, gelu_pytorch_tanh or relu");
    return;
  }
  config.function = function->second;
}

/// Tokens that end texts: a number, a list of them, or none.
void ReadEnds(JsonFields& fields, const Json& root, Transformer& model) {
  if (!Given(root, "eos_token_id")) return;
  const Json& given = At(root, "eos_token_id");
  const size_t count = IsList(given) ? Size(given) : 1;
  for (size_t i = 0; i < count; ++i) {
    const auto token =
        fields.ToInteger(IsList(given) ? Element(given, i) : given, "\"eos_token_id\"", 0,
                         int64_t{model.config.vocabulary} - 1);
    if (!token) return;
    model.ends.push_back(static_cast<uint32_t>(*token));
  }
}

/// The config; `tied` says whether the head is the embedding.
void ReadHuggingFaceConfig(JsonFields& fields, const Json& root, Transformer& model, bool& tied) {
  TransformerConfig& config = model.config;
  const Json* type = fields.Find(root, "model_type", "llama, mistral or qwen2");
  if (type != nullptr && !Is(*type, "llama") && !Is(*type, "mistral") && !Is(*type, "qwen2")) {
    fields.Fail(Code::kTransformerConfig,
                fmt::format("\"model_type\" is {}", PrintableName(Dump(*type))),
                "llama, mistral or qwen2");
    return;
  }
  const auto number = [&](const char* key) {
    return static_cast<uint32_t>(fields.Integer(root, key, 1, INT32_MAX).value_or(1));
  };
  config.width = number("hidden_size");
  config.hidden = number("intermediate_size");
  config.layers = number("num_hidden_layers");
  config.heads = number("num_attention_heads");
  config.vocabulary = number("vocab_size");
  config.context = number("max_position_embeddings");
  config.key_value_heads =
      Given(root, "num_key_value_heads") ? number("num_key_value_heads") : config.heads;
  if (Given(root, "head_dim")) {
    config.head_size = number("head_dim");
  } else if (config.width % config.heads != 0) {
    fields.Fail(Code::kTransformerConfig,
                fmt::format("{} channels and {} heads", config.width, config.heads),
                "whole channels for each head, or \"head_dim\"");
  } else {
    config.head_size = config.width / config.heads;
  }
  config.epsilon = NearestFp32(RealOr(fields, root, "rms_norm_eps", 1e-6));
  config.rotary_base = RealOr(fields, root, "rope_theta", 10000);
  if (Given(root, "rope_parameters") && IsObject(At(root, "rope_parameters"))) {
    config.rotary_base =
        RealOr(fields, At(root, "rope_parameters"), "rope_theta", config.rotary_base);
  }
  tied = Has(root, "tie_word_embeddings") && IsTrue(At(root, "tie_word_embeddings"));
  ReadFunction(fields, root, config);
  RefuseFeatures(fields, root, config);
  ReadEnds(fields, root, model);
}

/// A file of the folder as a tree.
Result<std::shared_ptr<const Json>> ReadJsonFile(const std::string& path) {
  const Result<std::string> text = ReadFileText(path, kLargestJsonFile);
  if (!text) return text.errors();
  auto tree = ParseJson(*text, path, kTransformerJson);
  if (tree && !IsObject(**tree)) {
    return Diagnostic(Code::kTransformerConfig, SourceLocation{path}, KindOf(**tree), "an object");
  }
  return tree;
}

/// Which file has which tensor, by an index.
Result<std::map<std::string, std::set<std::string>>> ReadIndex(const std::string& path) {
  const auto tree = ReadJsonFile(path);
  if (!tree) return tree.errors();
  JsonFields fields(path, kTransformerJson);
  const Json* map = fields.Find(**tree, "weight_map", "an object of tensors and files");
  if (map == nullptr) return fields.errors;
  if (!IsObject(*map)) {
    fields.Fail(Code::kTransformerConfig, fmt::format("\"weight_map\" is {}", KindOf(*map)),
                "an object of tensors and files");
    return fields.errors;
  }
  std::map<std::string, std::set<std::string>> files;
  for (const auto& [tensor, file] : Items(*map)) {
    // Names of files in the folder alone: an index names no other places.
    if (!IsText(*file) || !Text(*file).ends_with(".safetensors") ||
        Text(*file).find_first_of(std::string("/\\\0", 3)) != std::string::npos) {
      fields.Fail(
          Code::kTransformerConfig,
          fmt::format("tensor `{}` is in {}", PrintableName(tensor), PrintableName(Dump(*file))),
          "a file NAME.safetensors of the same folder");
      return fields.errors;
    }
    files[Text(*file)].insert(tensor);
  }
  return files;
}

}  // namespace

Result<Transformer> ReadHuggingFace(const std::string& folder) {
  const std::string config_path = folder + "/config.json";
  const auto tree = ReadJsonFile(config_path);
  if (!tree) return tree.errors();
  Transformer model;
  model.name = folder;
  bool tied = false;
  JsonFields fields(config_path, kTransformerJson);
  ReadHuggingFaceConfig(fields, **tree, model, tied);
  if (!fields.errors.empty()) return fields.errors;
  if (const Status legal = CheckTransformerConfig(model.config, config_path); !legal) {
    return legal.errors();
  }
  const std::string tokenizer_path = folder + "/tokenizer.json";
  if (std::filesystem::exists(tokenizer_path)) {
    const Result<std::string> text = ReadFileText(tokenizer_path, kLargestJsonFile);
    if (!text) return text.errors();
    const auto tokenizer = ReadMergeTokenizer(*text, tokenizer_path);
    if (!tokenizer) return tokenizer.errors();
    model.tokenizer = *tokenizer;
  }
  std::map<std::string, std::set<std::string>> files;
  const std::string index_path = folder + "/model.safetensors.index.json";
  if (std::filesystem::exists(folder + "/model.safetensors") ||
      !std::filesystem::exists(index_path)) {
    files["model.safetensors"];
  } else {
    auto index = ReadIndex(index_path);
    if (!index) return index.errors();
    files = std::move(*index);
  }
  TensorTable table(config_path);
  std::vector<std::vector<uint8_t>> contents;
  for (const auto& [file, tensors] : files) {
    const std::string path = folder + "/" + file;
    Result<std::vector<uint8_t>> bytes = ReadModelFile(path);
    if (!bytes) return bytes.errors();
    contents.push_back(std::move(*bytes));
    std::vector<std::string> names;
    if (const Status read = ReadSafetensors(contents.back(), path, table, &names); !read) {
      return read.errors();
    }
    if (!tensors.empty() && std::set<std::string>(names.begin(), names.end()) != tensors) {
      return Diagnostic(Code::kTransformerTensor, SourceLocation{path},
                        "it has other tensors than the index says",
                        "the index that belongs to the files");
    }
  }
  for (uint32_t i = 0; i < model.config.layers; ++i) table.Ignore(NumberedName(kOldFrequencies, i));
  return AssembleTransformer(std::move(model), table, kHuggingFaceNames, tied);
}

}  // namespace npugen

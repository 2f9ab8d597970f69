// SPDX-License-Identifier: Apache-2.0
// Writers of files, each from its format's description.
#include "tests/transformer/model_files.h"

#include <fmt/format.h>

#include <bit>
#include <functional>
#include <nlohmann/json.hpp>

#include "sw/numerics/float_format.h"
#include "verif/random/random_model.h"

namespace npugen::testing {
namespace {

using nlohmann::ordered_json;
using numerics::FromFormat;
using numerics::kBf16;
using numerics::kF16;

void AppendWord(FileBytes& bytes, uint64_t value, size_t count) {
  for (size_t i = 0; i < count; ++i) bytes.push_back(static_cast<uint8_t>(value >> 8 * i));
}
void AppendText(FileBytes& bytes, const std::string& text) {
  AppendWord(bytes, text.size(), 8);
  bytes.insert(bytes.end(), text.begin(), text.end());
}

FileBytes Stored(const std::vector<Fp32>& values, StoredType type) {
  FileBytes bytes;
  for (const Fp32 value : values) {
    if (type == StoredType::kF32) {
      AppendWord(bytes, value, 4);
    } else {
      AppendWord(bytes,
                 numerics::ToFormat(type == StoredType::kF16 ? kF16 : kBf16, value,
                                    numerics::Overflow::kInfinity),
                 2);
    }
  }
  return bytes;
}

std::vector<Fp32> ValuesOf(const Matrix& matrix) {
  std::vector<Fp32> values;
  for (const uint16_t code : matrix.codes) values.push_back(FromFormat(kBf16, code));
  return values;
}

struct NamedTensor {
  std::string name;
  std::vector<uint64_t> shape;
  std::vector<Fp32> values;
};

/// All tensors by their names in a format, whose blocks are written as {}.
std::vector<NamedTensor> TensorsOf(const Transformer& model, const std::vector<std::string>& names,
                                   const std::string& weight, const std::string& gain) {
  std::vector<NamedTensor> tensors;
  const auto matrix = [&](const std::string& name, const Matrix& matrix_of) {
    if (matrix_of.rows == 0) return;
    tensors.push_back({name + weight, {matrix_of.rows, matrix_of.columns}, ValuesOf(matrix_of)});
    if (!matrix_of.bias.empty()) {
      tensors.push_back({name + ".bias", {matrix_of.bias.size()}, matrix_of.bias});
    }
  };
  const auto norm = [&](const std::string& name, const Norm& norm_of) {
    tensors.push_back({name + gain, {norm_of.gain.size()}, norm_of.gain});
  };
  matrix(names[0], model.embedding);
  if (model.head) matrix(names[1], *model.head);
  norm(names[2], model.norm);
  for (uint32_t i = 0; i < model.blocks.size(); ++i) {
    norm(NumberedName(names[3], i), model.blocks[i].attention_norm);
    norm(NumberedName(names[4], i), model.blocks[i].feed_forward_norm);
    for (size_t k = 0; k < kLinearLayers; ++k) {
      matrix(NumberedName(names[5 + k], i), model.blocks[i].linear[k]);
    }
  }
  return tensors;
}

std::vector<NamedTensor> HuggingFaceTensors(const Transformer& model) {
  const std::string block = "model.layers.{}.";
  return TensorsOf(
      model,
      {"model.embed_tokens", "lm_head", "model.norm", block + "input_layernorm",
       block + "post_attention_layernorm", block + "self_attn.q_proj", block + "self_attn.k_proj",
       block + "self_attn.v_proj", block + "self_attn.o_proj", block + "mlp.gate_proj",
       block + "mlp.up_proj", block + "mlp.down_proj"},
      ".weight", ".weight");
}

const char* SafetensorsName(StoredType type) {
  return type == StoredType::kF32 ? "F32" : type == StoredType::kF16 ? "F16" : "BF16";
}

}  // namespace

TransformerConfig SmallConfig() {
  TransformerConfig config;
  config.width = 32;
  config.layers = 2;
  config.heads = 4;
  config.key_value_heads = 2;
  config.head_size = 8;
  config.hidden = 44;
  config.context = 24;
  config.vocabulary = 40;
  config.epsilon = NearestFp32(1e-5);
  return config;
}

Transformer RandomTransformer(const TransformerConfig& config, uint64_t seed, bool tied) {
  RandomSource random(seed);
  const auto number = [&random](double scale) {
    return numerics::ToFormat(kBf16, NearestFp32(random.Integer(-100, 100) / 64.0 * scale),
                              numerics::Overflow::kInfinity);
  };
  const auto matrix = [&](MatrixShape shape, double scale) {
    Matrix made;
    made.rows = shape.rows;
    made.columns = shape.columns;
    for (uint64_t i = 0; i < uint64_t{shape.rows} * shape.columns; ++i) {
      made.codes.push_back(static_cast<uint16_t>(number(scale)));
    }
    return made;
  };
  const auto norm = [&] {
    Norm made;
    for (uint32_t i = 0; i < config.width; ++i) {
      made.gain.push_back(FromFormat(kBf16, number(0.5)));
      if (config.norm == NormKind::kLayer) made.bias.push_back(FromFormat(kBf16, number(0.25)));
    }
    return made;
  };
  Transformer model;
  model.name = "random";
  model.config = config;
  model.embedding = matrix({config.vocabulary, config.width}, 1);
  if (!tied) model.head = matrix({config.vocabulary, config.width}, 0.25);
  model.norm = norm();
  for (uint32_t i = 0; i < config.layers; ++i) {
    TransformerBlock& block = model.blocks.emplace_back();
    block.attention_norm = norm();
    block.feed_forward_norm = norm();
    for (size_t k = 0; k < kLinearLayers; ++k) {
      block.linear[k] = matrix(ShapeOf(config, static_cast<LinearLayer>(k)), 0.25);
    }
  }
  return model;
}

FileBytes Llama2cFile(const Transformer& model) {
  const TransformerConfig& config = model.config;
  FileBytes bytes;
  const auto vocabulary = static_cast<int32_t>(config.vocabulary);
  for (const int32_t value :
       {static_cast<int32_t>(config.width), static_cast<int32_t>(config.hidden),
        static_cast<int32_t>(config.layers), static_cast<int32_t>(config.heads),
        static_cast<int32_t>(config.key_value_heads), model.head ? -vocabulary : vocabulary,
        static_cast<int32_t>(config.context)}) {
    AppendWord(bytes, static_cast<uint32_t>(value), 4);
  }
  const auto append = [&](const std::vector<Fp32>& values) {
    const FileBytes stored = Stored(values, StoredType::kF32);
    bytes.insert(bytes.end(), stored.begin(), stored.end());
  };
  const auto layer = [&](LinearLayer which) {
    for (const TransformerBlock& block : model.blocks) append(ValuesOf(block[which]));
  };
  append(ValuesOf(model.embedding));
  for (const TransformerBlock& block : model.blocks) append(block.attention_norm.gain);
  layer(LinearLayer::kQuery);
  layer(LinearLayer::kKey);
  layer(LinearLayer::kValue);
  layer(LinearLayer::kOutput);
  for (const TransformerBlock& block : model.blocks) append(block.feed_forward_norm.gain);
  layer(LinearLayer::kGate);
  layer(LinearLayer::kDown);
  layer(LinearLayer::kUp);
  append(model.norm.gain);
  append(std::vector<Fp32>(size_t{config.context} * config.head_size, 0));
  if (model.head) append(ValuesOf(*model.head));
  return bytes;
}

FileBytes SafetensorsOf(const std::string& header, const FileBytes& data) {
  FileBytes bytes;
  AppendText(bytes, header);
  bytes.insert(bytes.end(), data.begin(), data.end());
  return bytes;
}

FileBytes SafetensorsFile(const Transformer& model, StoredType type, uint32_t parts, uint32_t part,
                          std::vector<std::string>* names) {
  ordered_json header;
  header["__metadata__"] = {{"format", "pt"}};
  FileBytes data;
  const std::vector<NamedTensor> tensors = HuggingFaceTensors(model);
  for (size_t i = 0; i < tensors.size(); ++i) {
    if (i % parts != part) continue;
    const FileBytes stored = Stored(tensors[i].values, type);
    header[tensors[i].name] = {{"dtype", SafetensorsName(type)},
                               {"shape", tensors[i].shape},
                               {"data_offsets", {data.size(), data.size() + stored.size()}}};
    data.insert(data.end(), stored.begin(), stored.end());
    if (names != nullptr) names->push_back(tensors[i].name);
  }
  return SafetensorsOf(header.dump(), data);
}

std::string HuggingFaceConfig(const Transformer& model, bool tied) {
  const TransformerConfig& config = model.config;
  ordered_json json;
  json["architectures"] = {"LlamaForCausalLM"};
  json["model_type"] = "llama";
  json["hidden_size"] = config.width;
  json["intermediate_size"] = config.hidden;
  json["num_hidden_layers"] = config.layers;
  json["num_attention_heads"] = config.heads;
  json["num_key_value_heads"] = config.key_value_heads;
  json["vocab_size"] = config.vocabulary;
  json["max_position_embeddings"] = config.context;
  json["rms_norm_eps"] = RealValue(config.epsilon);
  json["rope_theta"] = config.rotary_base;
  json["rope_scaling"] = nullptr;
  json["hidden_act"] = "silu";
  json["tie_word_embeddings"] = tied;
  json["eos_token_id"] = {2, 3};
  return json.dump(1);
}

FileBytes GgufFile(const Transformer& model, StoredType type, uint32_t tokens) {
  const TransformerConfig& config = model.config;
  FileBytes keys;
  uint64_t count = 0;
  const auto key = [&](const std::string& name, uint32_t kind) {
    AppendText(keys, name);
    AppendWord(keys, kind, 4);
    ++count;
  };
  const auto whole = [&](const std::string& name, uint32_t value) {
    key(name, 4);
    AppendWord(keys, value, 4);
  };
  const auto real = [&](const std::string& name, double value) {
    key(name, 6);
    AppendWord(keys, NearestFp32(value), 4);
  };
  const auto text = [&](const std::string& name, const std::string& value) {
    key(name, 8);
    AppendText(keys, value);
  };
  const auto list = [&](const std::string& name, uint32_t kind) {
    key(name, 9);
    AppendWord(keys, kind, 4);
    AppendWord(keys, tokens, 8);
  };
  text("general.architecture", "llama");
  whole("llama.embedding_length", config.width);
  whole("llama.block_count", config.layers);
  whole("llama.feed_forward_length", config.hidden);
  whole("llama.attention.head_count", config.heads);
  whole("llama.attention.head_count_kv", config.key_value_heads);
  whole("llama.context_length", config.context);
  whole("llama.vocab_size", config.vocabulary);
  whole("llama.rope.dimension_count", config.head_size);
  real("llama.attention.layer_norm_rms_epsilon", RealValue(config.epsilon));
  real("llama.rope.freq_base", config.rotary_base);
  if (tokens > 0) {
    text("tokenizer.ggml.model", "llama");
    list("tokenizer.ggml.tokens", 8);
    const std::string first[] = {"<unk>", "<s>", "</s>", "\xe2\x96\x81"};
    for (uint32_t i = 0; i < tokens; ++i) {
      AppendText(keys, i < 4 ? first[i] : std::string(1, static_cast<char>('a' + i - 4)));
    }
    list("tokenizer.ggml.scores", 6);
    for (uint32_t i = 0; i < tokens; ++i) AppendWord(keys, NearestFp32(-1.0 * i), 4);
    list("tokenizer.ggml.token_type", 5);
    for (uint32_t i = 0; i < tokens; ++i) AppendWord(keys, i == 0 ? 2 : i < 3 ? 3 : 1, 4);
    whole("tokenizer.ggml.bos_token_id", 1);
    whole("tokenizer.ggml.eos_token_id", 2);
  }
  const std::vector<NamedTensor> tensors =
      TensorsOf(model,
                {"token_embd", "output", "output_norm", "blk.{}.attn_norm", "blk.{}.ffn_norm",
                 "blk.{}.attn_q", "blk.{}.attn_k", "blk.{}.attn_v", "blk.{}.attn_output",
                 "blk.{}.ffn_gate", "blk.{}.ffn_up", "blk.{}.ffn_down"},
                ".weight", ".weight");
  FileBytes infos, data;
  for (const NamedTensor& tensor : tensors) {
    const StoredType stored = tensor.shape.size() == 1 ? StoredType::kF32 : type;
    AppendText(infos, tensor.name);
    AppendWord(infos, tensor.shape.size(), 4);
    for (size_t i = tensor.shape.size(); i-- > 0;) AppendWord(infos, tensor.shape[i], 8);
    AppendWord(infos, stored == StoredType::kF32 ? 0 : stored == StoredType::kF16 ? 1 : 30, 4);
    AppendWord(infos, data.size(), 8);
    const FileBytes bytes = Stored(tensor.values, stored);
    data.insert(data.end(), bytes.begin(), bytes.end());
    data.resize((data.size() + 31) / 32 * 32);
  }
  FileBytes file = {'G', 'G', 'U', 'F'};
  AppendWord(file, 3, 4);
  AppendWord(file, tensors.size(), 8);
  AppendWord(file, count, 8);
  file.insert(file.end(), keys.begin(), keys.end());
  file.insert(file.end(), infos.begin(), infos.end());
  file.resize((file.size() + 31) / 32 * 32);
  file.insert(file.end(), data.begin(), data.end());
  return file;
}

CharacterFiles CharacterModelFiles(const Transformer& model) {
  const TransformerConfig& config = model.config;
  const std::string block = "blocks.{}.";
  std::vector<NamedTensor> tensors =
      TensorsOf(model,
                {"emb", "head", "norm", block + "n1", block + "n2", block + "wq", block + "wk",
                 block + "wv", block + "wo", block + "side", block + "up", block + "down"},
                "", ".gain");
  std::vector<Fp32> cosines, sines;
  for (uint32_t position = 0; position < config.context; ++position) {
    const RotaryRow row = RotaryRowAt(model, position);
    cosines.insert(cosines.end(), row.cosines.begin(), row.cosines.end());
    sines.insert(sines.end(), row.sines.begin(), row.sines.end());
  }
  tensors.push_back({"rope_cos", {config.context, config.head_size / 2}, cosines});
  tensors.push_back({"rope_sin", {config.context, config.head_size / 2}, sines});
  CharacterFiles files;
  ordered_json json;
  json["d_model"] = config.width;
  json["layers"] = config.layers;
  json["heads"] = config.heads;
  json["head_size"] = config.head_size;
  json["hidden"] = config.hidden;
  json["context"] = config.context;
  json["vocab"] = config.vocabulary;
  json["chars"] = "abcdefghijklmnopqrstuvwxyz\n";
  json["eps"] = 1e-5;
  for (const NamedTensor& tensor : tensors) {
    json["tensors"].push_back(
        {{"name", tensor.name}, {"shape", tensor.shape}, {"offset", files.weights.size()}});
    const FileBytes bytes = Stored(tensor.values, StoredType::kF32);
    files.weights.insert(files.weights.end(), bytes.begin(), bytes.end());
  }
  files.json = json.dump(1);
  return files;
}

FileBytes ScoreTokenizerFile() {
  FileBytes bytes;
  AppendWord(bytes, 8, 4);
  uint32_t number = 0;
  const auto add = [&](const std::string& text) {
    AppendWord(bytes, NearestFp32(-1.0 * (number++ % 37)), 4);
    AppendWord(bytes, text.size(), 4);
    bytes.insert(bytes.end(), text.begin(), text.end());
  };
  for (const char* text : {"<unk>", "\n<s>\n", "\n</s>\n"}) add(text);
  for (int byte = 0; byte < 256; ++byte) add(fmt::format("<0x{:02X}>", byte));
  for (const char* text :
       {" ", "a", "b", "c", "ab", "bc", "abc", " a", "aa", "aab", "ca", "\xc3\xa9",
        "\xc3\xa9"
        "a",
        " ab", "cab", "bcab"}) {
    add(text);
  }
  return bytes;
}

namespace {

std::string TokenizerJsonOf(ordered_json json, const std::vector<std::string>& tokens,
                            const std::vector<std::string>& merges) {
  json["model"]["type"] = "BPE";
  for (const std::string& token : tokens) {
    const size_t number = json["model"].contains("vocab") ? json["model"]["vocab"].size() : 0;
    json["model"]["vocab"][token] = number;
  }
  json["model"]["merges"] = merges;
  return json.dump(1);
}

}  // namespace

std::string ByteTokenizerJson() {
  ordered_json json;
  json["added_tokens"] = {{{"id", 15}, {"content", "<|end|>"}, {"special", true}}};
  json["normalizer"] = {{"type", "NFC"}};
  json["pre_tokenizer"] = {{"type", "ByteLevel"}, {"add_prefix_space", false}};
  // U+0120 is the blank; C3 A9 is a letter of two bytes.
  return TokenizerJsonOf(
      json,
      {"a", "b", "c", "\xc4\xa0", "1", "!", "ab",
       "\xc4\xa0"
       "ab",
       "abc", "11", "\xc3\x83", "\xc2\xa9", "\xc3\x83\xc2\xa9", "bc", "\xc4\x8a"},
      {"a b", "\xc4\xa0 ab", "ab c", "1 1", "\xc3\x83 \xc2\xa9", "b c"});
}

std::string LlamaTokenizerJson() {
  ordered_json json;
  json["added_tokens"] = {{{"id", 0}, {"content", "<unk>"}, {"special", true}},
                          {{"id", 1}, {"content", "<s>"}, {"special", true}}};
  json["normalizer"] = {
      {"type", "Sequence"},
      {"normalizers",
       {{{"type", "Prepend"}, {"prepend", "\xe2\x96\x81"}},
        {{"type", "Replace"}, {"pattern", {{"String", " "}}}, {"content", "\xe2\x96\x81"}}}}};
  json["post_processor"] = {{"type", "TemplateProcessing"},
                            {"single",
                             {{{"SpecialToken", {{"id", "<s>"}, {"type_id", 0}}}},
                              {{"Sequence", {{"id", "A"}, {"type_id", 0}}}}}}};
  json["model"]["byte_fallback"] = true;
  return TokenizerJsonOf(json,
                         {"<unk>", "<s>", "<0xC3>", "<0xA9>", "\xe2\x96\x81", "a", "b",
                          "\xe2\x96\x81"
                          "a",
                          "ab",
                          "\xe2\x96\x81"
                          "ab"},
                         {"\xe2\x96\x81 a", "a b",
                          "\xe2\x96\x81"
                          "a b"});
}

bool SameWeights(const Transformer& a, const Transformer& b) {
  const auto matrices = [](const Matrix& x, const Matrix& y) {
    return x.rows == y.rows && x.columns == y.columns && x.codes == y.codes && x.bias == y.bias;
  };
  const auto norms = [](const Norm& x, const Norm& y) {
    return x.gain == y.gain && x.bias == y.bias;
  };
  bool same = matrices(a.embedding, b.embedding) && a.head.has_value() == b.head.has_value() &&
              (!a.head || matrices(*a.head, *b.head)) && norms(a.norm, b.norm) &&
              a.blocks.size() == b.blocks.size();
  for (size_t i = 0; same && i < a.blocks.size(); ++i) {
    same = norms(a.blocks[i].attention_norm, b.blocks[i].attention_norm) &&
           norms(a.blocks[i].feed_forward_norm, b.blocks[i].feed_forward_norm);
    for (size_t k = 0; same && k < kLinearLayers; ++k) {
      same = matrices(a.blocks[i].linear[k], b.blocks[i].linear[k]);
    }
  }
  return same;
}

}  // namespace npugen::testing

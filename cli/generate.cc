// SPDX-License-Identifier: Apache-2.0
// npugen generate: texts that a transformer continues, token by token as they come.
#include "verif/transformer/generate.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cli/command_line.h"
#include "cli/commands.h"
#include "generator/support/file.h"
#include "sw/transformer/linear_format.h"
#include "sw/transformer/read_transformer.h"

namespace npugen {
namespace {

using golden::Generation;
using golden::GenerationRequest;
using golden::GoldenTransformer;

constexpr uint64_t kMostPromptBytes = uint64_t{64} << 20;

struct GenerateOptions {
  std::string model;
  std::string tokenizer;
  std::vector<std::string> prompts;
  std::vector<std::string> prompt_files;
  uint32_t tokens = 0;
  LinearFormat format = LinearFormat::kBf16;
  std::vector<std::string> layer_formats;
  double temperature = 0;
  uint32_t top_k = 0;
  double top_p = 1;
  uint64_t seed = 0;
  bool golden = false;
  std::string json;
};

/// Numbers of tokens, with blanks, commas or line breaks between them.
Result<std::vector<uint32_t>> ReadTokenNumbers(const std::string& path) {
  const Result<std::string> text = ReadFileText(path, kMostPromptBytes);
  if (!text) return text.errors();
  const auto fail = [&](size_t at, const std::string& what) {
    const size_t line = static_cast<size_t>(
        std::count(text->begin(), text->begin() + static_cast<std::ptrdiff_t>(at), '\n'));
    const size_t start = at == 0 ? std::string::npos : text->rfind('\n', at - 1);
    return Diagnostic(
        DiagnosticCode::kPrompt,
        SourceLocation{InputName(path), static_cast<int>(line) + 1,
                       static_cast<int>(start == std::string::npos ? at + 1 : at - start)},
        what, "whole numbers of tokens, with blanks or commas between them");
  };
  std::vector<uint32_t> tokens;
  for (size_t at = 0; at < text->size();) {
    if (std::string_view(" \t\r\n,").find((*text)[at]) != std::string_view::npos) {
      ++at;
      continue;
    }
    const size_t begin = at;
    uint64_t value = 0;
    for (; at < text->size() && (*text)[at] >= '0' && (*text)[at] <= '9'; ++at) {
      value = value * 10 + static_cast<uint64_t>((*text)[at] - '0');
      if (value > UINT32_MAX) return fail(begin, "a number beyond 32 bits");
    }
    if (at == begin) return fail(at, "what is no number of a token");
    tokens.push_back(static_cast<uint32_t>(value));
  }
  return tokens;
}

/// Formats of all linear layers: one for all, then "LAYER=FORMAT" and "BLOCK.LAYER=FORMAT".
Result<LinearFormats> ChooseFormats(const GenerateOptions& options,
                                    const TransformerConfig& config) {
  LinearFormats formats = UniformFormats(config, options.format);
  for (const std::string& choice : options.layer_formats) {
    const auto wrong = [&](const std::string& what) {
      return Diagnostic(DiagnosticCode::kUsageValue, SourceLocation(),
                        fmt::format("--layer-format {}: {}", choice, what),
                        "LAYER=FORMAT or BLOCK.LAYER=FORMAT; layers are q, k, v, o, gate, up, "
                        "down, formats bf16, fp8, mxfp8, int8");
    };
    const size_t equals = choice.find('=');
    if (equals == std::string::npos) return wrong("no `=`");
    const auto format = LinearFormatOf(std::string_view(choice).substr(equals + 1));
    if (!format) return wrong("no such format");
    const size_t dot = choice.rfind('.', equals);
    const std::string name = dot == std::string::npos ? choice.substr(0, equals)
                                                      : choice.substr(dot + 1, equals - dot - 1);
    size_t layer = 0;
    while (layer < kLinearLayers && name != LinearLayerName(static_cast<LinearLayer>(layer))) {
      ++layer;
    }
    if (layer == kLinearLayers) return wrong("no such layer");
    bool found = dot == std::string::npos;
    for (size_t block = 0; block < formats.size(); ++block) {
      if (dot != std::string::npos && choice.substr(0, dot) != std::to_string(block)) continue;
      formats[block][layer] = *format;
      found = true;
    }
    if (!found) return wrong(fmt::format("blocks are 0 to {}", formats.size() - 1));
  }
  return formats;
}

/// The prompts as tokens.
Result<std::vector<GenerationRequest>> MakeRequests(const GenerateOptions& options,
                                                    const Transformer& model) {
  const auto fail = [&](std::string message, std::string hint) {
    return Diagnostic(DiagnosticCode::kPrompt, SourceLocation{options.model}, std::move(message),
                      std::move(hint));
  };
  GenerationRequest request;
  request.tokens = options.tokens;
  request.sampling = {NearestFp32(options.temperature), options.top_k, NearestFp32(options.top_p)};
  std::vector<GenerationRequest> requests;
  for (const std::string& prompt : options.prompts) {
    if (model.tokenizer == nullptr) {
      return fail("the model has no tokenizer", "--tokenizer FILE, or --prompt-ids FILE");
    }
    Result<std::vector<uint32_t>> tokens = model.tokenizer->Encode(prompt);
    if (!tokens) return tokens.errors();
    request.prompt = std::move(*tokens);
    if (const auto begin = model.tokenizer->begin()) {
      request.prompt.insert(request.prompt.begin(), *begin);
    }
    if (request.prompt.empty()) return fail("the prompt is empty", "at least one character");
    requests.push_back(request);
  }
  for (const std::string& file : options.prompt_files) {
    Result<std::vector<uint32_t>> tokens = ReadTokenNumbers(file);
    if (!tokens) return tokens.errors();
    request.prompt = std::move(*tokens);
    requests.push_back(request);
  }
  for (size_t i = 0; i < requests.size(); ++i) requests[i].seed = options.seed + i;
  return requests;
}

/// A text: of tokens as text where the model has a tokenizer and the prompt was text, else their
/// numbers.
std::string TokensText(const Transformer& model, bool is_text, std::span<const uint32_t> tokens,
                       bool after_text) {
  std::string text;
  for (size_t i = 0; i < tokens.size(); ++i) {
    text += is_text ? model.tokenizer->Decode(tokens[i], !after_text && i == 0)
                    : fmt::format("{}{}", i == 0 ? "" : " ", tokens[i]);
  }
  return text;
}

std::string GenerateJson(const GenerateOptions& options, const Transformer& model,
                         const std::vector<GenerationRequest>& requests,
                         const std::vector<Generation>& results) {
  nlohmann::ordered_json json;
  json["model"] = options.model;
  json["format"] = LinearFormatName(options.format);
  json["layer_formats"] = options.layer_formats;
  json["computed_by"] = "golden model";
  json["texts"] = nlohmann::ordered_json::array();
  for (size_t i = 0; i < results.size(); ++i) {
    nlohmann::ordered_json text;
    const bool is_text = i < options.prompts.size();
    if (is_text) text["prompt"] = options.prompts[i];
    text["prompt_ids"] = requests[i].prompt;
    text["ids"] = results[i].tokens;
    if (model.tokenizer != nullptr) {
      text["text"] =
          TokensText(model, true, results[i].tokens, is_text && !options.prompts[i].empty());
    }
    text["seed"] = requests[i].seed;
    text["end"] = GenerationEndName(results[i].end);
    json["texts"].push_back(std::move(text));
  }
  // Tokens need not be whole characters.
  return json.dump(1, ' ', false, nlohmann::json::error_handler_t::replace) + '\n';
}

int RunGenerate(const GenerateOptions& options) {
  if (options.prompts.empty() && options.prompt_files.empty()) {
    return Report({{DiagnosticCode::kUsageMissing, SourceLocation(),
                    "`npugen generate` needs a prompt", "--prompt TEXT or --prompt-ids FILE"}});
  }
  const Result<Transformer> model = ReadTransformer(options.model, options.tokenizer);
  if (!model) return Report(model.errors());
  const Result<LinearFormats> formats = ChooseFormats(options, model->config);
  if (!formats) return Report(formats.errors());
  const Result<std::vector<GenerationRequest>> requests = MakeRequests(options, *model);
  if (!requests) return Report(requests.errors());
  const GoldenTransformer golden(*model, *formats);
  std::FILE* out = TextStream({options.json});
  const bool alone = requests->size() == 1;
  const bool is_text = options.prompt_files.empty();
  bool after_text = is_text && !options.prompts[0].empty();
  bool began = false;
  const Result<std::vector<Generation>> results =
      golden::Generate(golden, *requests, [&](size_t, uint32_t token) {
        // Of several texts each is printed whole.
        if (!alone) return;
        const std::string text = TokensText(*model, is_text, {&token, 1}, after_text);
        fmt::print(out, "{}{}", began && !is_text ? " " : "", text);
        began = true;
        after_text = true;
        std::fflush(out);
      });
  if (alone && began) fmt::print(out, "\n");
  if (!results) return Report(results.errors());
  for (size_t i = 0; !alone && i < results->size(); ++i) {
    const bool text = i < options.prompts.size();
    fmt::print(out, "{}: {}\n", i,
               TokensText(*model, text, (*results)[i].tokens, text && !options.prompts[i].empty()));
  }
  if (!options.json.empty()) {
    const Status written =
        WriteFile(options.json, GenerateJson(options, *model, *requests, *results));
    if (!written) return Report(written.errors());
  }
  return 0;
}

}  // namespace

void AddGenerateCommand(CommandLine& line) {
  auto options = std::make_shared<GenerateOptions>();
  Subcommand command = line.Add("generate", "Continue a text with a transformer, token by token");
  command
      .Argument("MODEL", &options->model,
                "folder of Hugging Face, .gguf, .bin of llama2.c, or character model (.json)")
      .Required();
  command.Value("--tokenizer", &options->tokenizer,
                "tokenizer.json, or tokenizer.bin of llama2.c, where MODEL has none");
  const CommandOption text = command.Values("--prompt", &options->prompts,
                                            "text to continue; several are continued together");
  command
      .Values("--prompt-ids", &options->prompt_files,
              "file with numbers of tokens to continue (\"-\": standard input)")
      .Excludes(text);
  command.Value("--tokens", &options->tokens, "tokens to add, at most")
      .Required()
      .Range(1, kMostPositions);
  command
      .Value(
          "--format",
          [options](const std::string& name) -> std::string {
            const auto format = LinearFormatOf(name);
            if (!format) return fmt::format("`{}` is none of bf16, fp8, mxfp8, int8", name);
            options->format = *format;
            return {};
          },
          "format of the linear layers: bf16, fp8 (delayed scaling), mxfp8, or int8 weights")
      .ShowDefault("bf16");
  command.Values("--layer-format", &options->layer_formats,
                 "another format for some layers: down=bf16, or 0.down=bf16 for block 0");
  command.Value("--temperature", &options->temperature, "0 takes the most likely token")
      .ShowDefault()
      .RealRange(0, 1e6);
  command.Value("--top-k", &options->top_k, "sample from so many tokens (0: all)").ShowDefault();
  command.Value("--top-p", &options->top_p, "sample from the likeliest with this share")
      .ShowDefault()
      .RealRange(0, 1);
  command.Value("--seed", &options->seed, "of the random numbers; text i takes SEED + i")
      .ShowDefault();
  command.Flag("--golden", &options->golden,
               "compute on the golden model, which MODEL alone does in any case");
  command.Value("--json", &options->json, "write prompts, tokens and texts to this file");
  command.Footer(
      "docs/transformers.md says what is computed, bit for bit.\n"
      "Example: npugen generate models/llama --prompt \"Once upon a time\" --tokens 50 "
      "--format fp8");
  command.OnRun([options] { return RunGenerate(*options); });
}

}  // namespace npugen

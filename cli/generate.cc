// SPDX-License-Identifier: Apache-2.0
// npugen generate: texts that a transformer continues, token by token as they come.
#include "cli/generate.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "cli/command_line.h"
#include "cli/commands.h"
#include "cli/layers_json.h"
#include "cli/simulate.h"
#include "generator/config/load.h"
#include "generator/support/file.h"
#include "generator/support/text.h"
#include "sw/transformer/linear_format.h"
#include "sw/transformer/read_transformer.h"
#include "verif/session/generation_session.h"
#include "verif/transformer/generate.h"

namespace npugen {
namespace {

using golden::Generation;
using golden::GenerationRequest;
using golden::GoldenTransformer;

constexpr uint64_t kMostPromptBytes = uint64_t{64} << 20;

struct GenerateOptions {
  std::vector<std::string> files;  ///< of a spec, or none, and of the model
  std::string spec, model;
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
  bool golden = false, check = false;
  std::string json;
  BuildFlags build;
  SimulationFlags simulation;
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

/// The share of the products of BF16 that the array could have done.
double MacUse(const NpuConfig& config, const GenerationTotals& totals) {
  const auto most = static_cast<double>(config.macs_per_cycle() / 2 * totals.cycles);
  return most > 0 ? static_cast<double>(totals.macs) / most : 0;
}

/// What tokens have taken on the NPU.
nlohmann::ordered_json NpuJson(const NpuConfig& config, const GenerationSession& session,
                               bool check) {
  const GenerationTotals& totals = session.totals();
  const uint64_t tokens = std::max<uint64_t>(totals.tokens, 1);
  nlohmann::ordered_json json = {{"spec", config.name},
                                 {"tokens", totals.tokens},
                                 {"cycles", totals.cycles},
                                 {"cycles_per_token", totals.cycles / tokens},
                                 {"cycles_of_first", totals.first_cycles},
                                 {"cycles_of_last", totals.last_cycles},
                                 {"macs_per_token", totals.macs / tokens},
                                 {"mac_use", MacUse(config, totals)},
                                 {"bytes_read_per_token", totals.bytes_read / tokens},
                                 {"bytes_written_per_token", totals.bytes_written / tokens},
                                 {"pe_memory_bytes", session.programs().back().memory_bytes}};
  if (check) json["different"] = totals.different;
  json["layers"] = LayersJson(session.programs().front().program, totals.layers);
  return json;
}

std::string NpuText(const NpuConfig& config, const GenerationSession& session, bool check) {
  const GenerationTotals& totals = session.totals();
  const uint64_t tokens = std::max<uint64_t>(totals.tokens, 1);
  std::string text = fmt::format(
      "{} tokens on {}: {} cycles a token (first {}, last {}), {:.1f} % of the array's BF16 MACs, "
      "{} read and {} written a token\n",
      totals.tokens, config.name, totals.cycles / tokens, totals.first_cycles, totals.last_cycles,
      100 * MacUse(config, totals), FormatBytes(totals.bytes_read / tokens),
      FormatBytes(totals.bytes_written / tokens));
  if (totals.seconds > 0) {
    text += fmt::format("simulated {:.1f} s, {:.0f} kHz\n", totals.seconds,
                        static_cast<double>(totals.cycles) / totals.seconds / 1e3);
  }
  if (check) {
    text +=
        totals.different == 0
            ? "checked: every tensor and all logits equal the golden model\n"
            : fmt::format("MISMATCH: {} tensors differ from the golden model\n", totals.different);
  }
  return text;
}

/// What is right for a sum such as "12+34="; empty where it is none.
std::string SumOf(const std::string& line) {
  int a = 0, b = 0;
  return std::sscanf(line.c_str(), "%4d+%4d=", &a, &b) == 2 ? std::to_string(a + b) : "";
}

/// A session on an NPU of its own.
struct OpenedSession {
  std::unique_ptr<SimulatedNpu> npu;
  std::unique_ptr<GenerationSession> session;
};
Result<OpenedSession> OpenSession(const NpuConfig& config, const Transformer& model,
                                  const GenerationSession::Options& options,
                                  const BuildFlags& build, const SimulationFlags& simulation,
                                  ProgressLine* progress) {
  progress->Show("compiling");
  OpenedSession opened;
  Result<std::unique_ptr<GenerationSession>> session =
      GenerationSession::Make(config, model, options);
  if (!session) return session.errors();
  opened.session = std::move(*session);
  const Result<BuiltModel> built = BuildForConfig(config, build, ModelKind::kRtl, progress);
  if (!built) return built.errors();
  Result<std::unique_ptr<SimulatedNpu>> npu =
      OpenSimulation(config, *built, simulation, opened.session->MemoryBytes());
  if (!npu) return npu.errors();
  opened.npu = std::move(*npu);
  if (Status placed = opened.session->Open(*opened.npu); !placed) return placed.errors();
  progress->Clear();
  return opened;
}

/// Continues texts, and prints them.
class Generator {
 public:
  explicit Generator(const GenerateOptions& options) : options_(options) {}

  int Run() {
    const Status status = RunAll();
    progress_.Clear();
    if (!status) return Report(status.errors());
    const uint64_t different = session_ == nullptr ? 0 : session_->totals().different;
    if (different == 0) return 0;
    return Report(
        {{DiagnosticCode::kMismatch, SourceLocation(),
          fmt::format("{}: {} tensors differ from the golden model", options_.model, different),
          "this is a fault of npugen, please report it"}});
  }

 private:
  Status RunAll() {
    if (options_.prompts.empty() && options_.prompt_files.empty()) {
      return Diagnostic(DiagnosticCode::kUsageMissing, SourceLocation(),
                        "`npugen generate` needs a prompt", "--prompt TEXT or --prompt-ids FILE");
    }
    if (!options_.spec.empty()) {
      Result<NpuConfig> config = LoadSpec(options_.spec);
      if (!config) return config.errors();
      config_ = std::move(*config);
    }
    Result<Transformer> model = ReadTransformer(options_.model, options_.tokenizer);
    if (!model) return model.errors();
    model_ = std::move(*model);
    Result<LinearFormats> formats = ChooseFormats(options_, model_.config);
    if (!formats) return formats.errors();
    Result<std::vector<GenerationRequest>> requests = MakeRequests(options_, model_);
    if (!requests) return requests.errors();
    requests_ = std::move(*requests);
    for (const GenerationRequest& request : requests_) {
      if (Status legal = golden::CheckTokens(model_, 0, request.prompt); !legal) return legal;
    }
    Result<std::vector<Generation>> results =
        options_.spec.empty() || options_.golden ? OnGoldenModel(*formats) : OnNpu(*formats);
    if (!results) return results.errors();
    Print(*results);
    if (options_.json.empty()) return Unit{};
    return WriteFile(options_.json, Json(*results));
  }

  Result<std::vector<Generation>> OnGoldenModel(const LinearFormats& formats) {
    const GoldenTransformer golden(model_, formats);
    return golden::Generate(golden, requests_, Printer());
  }

  Result<std::vector<Generation>> OnNpu(const LinearFormats& formats) {
    for (const auto& block : formats) {
      for (const LinearFormat format : block) {
        if (format == LinearFormat::kBf16) continue;
        return Diagnostic(DiagnosticCode::kGenerationMachine, SourceLocation{config_.name},
                          fmt::format("linear layers of {} are not computed on an NPU yet",
                                      LinearFormatName(format)),
                          "--format bf16, or --golden");
      }
    }
    GenerationSession::Options options;
    options.check = options_.check;
    options.texts = static_cast<uint32_t>(requests_.size());
    for (const GenerationRequest& request : requests_) {
      // The last token that is added is not fed.
      const uint64_t positions = request.prompt.size() + request.tokens - 1;
      options.positions =
          std::max(options.positions,
                   static_cast<uint32_t>(std::min<uint64_t>(positions, model_.config.context)));
    }
    Result<OpenedSession> opened =
        OpenSession(config_, model_, options, options_.build, options_.simulation, &progress_);
    if (!opened) return opened.errors();
    npu_ = std::move(opened->npu);
    session_ = std::move(opened->session);
    return golden::Generate(
        model_, requests_,
        [this](size_t text, std::span<const uint32_t> tokens) {
          return session_->Feed(text, tokens);
        },
        Printer());
  }

  bool alone() const { return requests_.size() == 1; }
  bool is_text() const { return options_.prompt_files.empty(); }
  std::FILE* out() const { return TextStream({options_.json}); }

  /// Prints the tokens of a text as they come; of several each is printed whole.
  golden::GeneratedToken Printer() {
    after_text_ = is_text() && !options_.prompts[0].empty();
    return [this](size_t, uint32_t token) {
      if (!alone()) return;
      fmt::print(out(), "{}{}", began_ && !is_text() ? " " : "",
                 TokensText(model_, is_text(), {&token, 1}, after_text_));
      began_ = true;
      after_text_ = true;
      std::fflush(out());
    };
  }

  void Print(const std::vector<Generation>& results) const {
    if (alone() && began_) fmt::print(out(), "\n");
    for (size_t i = 0; !alone() && i < results.size(); ++i) {
      const bool text = i < options_.prompts.size();
      fmt::print(out(), "{}: {}\n", i,
                 TokensText(model_, text, results[i].tokens, text && !options_.prompts[i].empty()));
    }
    // The text stands alone on standard output.
    if (session_ != nullptr) {
      std::fflush(out());
      fmt::print(stderr, "{}", NpuText(config_, *session_, options_.check));
    }
  }

  std::string Json(const std::vector<Generation>& results) const {
    nlohmann::ordered_json json;
    json["model"] = options_.model;
    json["format"] = LinearFormatName(options_.format);
    json["layer_formats"] = options_.layer_formats;
    json["computed_by"] = session_ == nullptr ? "golden model" : "NPU";
    json["texts"] = nlohmann::ordered_json::array();
    for (size_t i = 0; i < results.size(); ++i) {
      nlohmann::ordered_json text;
      const bool is_text = i < options_.prompts.size();
      if (is_text) text["prompt"] = options_.prompts[i];
      text["prompt_ids"] = requests_[i].prompt;
      text["ids"] = results[i].tokens;
      if (model_.tokenizer != nullptr) {
        text["text"] =
            TokensText(model_, true, results[i].tokens, is_text && !options_.prompts[i].empty());
      }
      text["seed"] = requests_[i].seed;
      text["end"] = GenerationEndName(results[i].end);
      json["texts"].push_back(std::move(text));
    }
    if (session_ != nullptr) json["npu"] = NpuJson(config_, *session_, options_.check);
    // Tokens need not be whole characters.
    return json.dump(1, ' ', false, nlohmann::json::error_handler_t::replace) + '\n';
  }

  const GenerateOptions& options_;
  ProgressLine progress_{ProgressLine::OffTerminal::kLines};
  NpuConfig config_;
  Transformer model_;
  std::vector<GenerationRequest> requests_;
  std::unique_ptr<GenerationSession> session_;
  std::unique_ptr<SimulatedNpu> npu_;
  bool began_ = false, after_text_ = false;
};

}  // namespace

int AnswerSums(const std::string& spec, const std::string& folder, uint32_t count,
               const BuildFlags& build, const SimulationFlags& simulation) {
  constexpr uint64_t kMostAnswerBytes = uint64_t{1} << 20;
  const Result<NpuConfig> config = LoadSpec(spec);
  if (!config) return Report(config.errors());
  const Result<Transformer> model = ReadTransformer(folder + "/sum_lm/sum_lm.json", "");
  if (!model) return Report(model.errors());
  const std::string file = folder + "/sum_lm/held_out_answers.txt";
  const Result<std::string> text = ReadFileText(file, kMostAnswerBytes);
  if (!text) return Report(text.errors());
  ProgressLine progress(ProgressLine::OffTerminal::kLines);
  GenerationSession::Options options;
  options.check = true;
  options.positions = model->config.context;
  const Result<OpenedSession> opened =
      OpenSession(*config, *model, options, build, simulation, &progress);
  if (!opened) return Report(opened.errors());
  GenerationSession& session = *opened->session;
  std::istringstream lines(*text);
  uint32_t sums = 0, right = 0;
  for (std::string line; sums < count && std::getline(lines, line);) {
    const size_t equals = line.find('=');
    if (equals == std::string::npos) continue;
    GenerationRequest request;
    Result<std::vector<uint32_t>> prompt = model->tokenizer->Encode(line.substr(0, equals + 1));
    if (!prompt) return Report(prompt.errors());
    request.prompt = std::move(*prompt);
    request.tokens = model->config.context;
    session.Restart(0);
    const auto answers = golden::Generate(
        *model, {&request, 1},
        [&](size_t, std::span<const uint32_t> tokens) { return session.Feed(0, tokens); });
    if (!answers) return Report(answers.errors());
    const std::string answer = TokensText(*model, true, (*answers)[0].tokens, true);
    const bool is_right = answer == SumOf(line);
    ++sums;
    right += is_right;
    fmt::print("  {}{}{}\n", line.substr(0, equals + 1), answer, is_right ? "" : "  (wrong)");
    std::fflush(stdout);
  }
  fmt::print("{} of {} sums right\n{}", right, sums, NpuText(*config, session, options.check));
  if (session.totals().different == 0) return 0;
  return Report(
      {{DiagnosticCode::kMismatch, SourceLocation(),
        fmt::format("sum_lm: {} tensors differ from the golden model", session.totals().different),
        "`npugen generate --check` on the same prompt"}});
}

void AddGenerateCommand(CommandLine& line) {
  auto options = std::make_shared<GenerateOptions>();
  Subcommand command = line.Add("generate", "Continue a text with a transformer, token by token");
  command
      .Argument(
          "FILES", &options->files,
          "SPEC of an NPU that computes (without one, the golden model does), and MODEL: folder "
          "of Hugging Face, .gguf, .bin of llama2.c, or character model (.json)")
      .ValueName("[SPEC] MODEL")
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
  command.Flag("--check", &options->check,
               "compare every tensor of every token with the golden model (stores take time)");
  command.Value("--json", &options->json,
                "write prompts, tokens, texts, and cycles by layer to this file");
  AddSimulationFlags(command, &options->simulation);
  AddBuildFlags(command, &options->build);
  command.Footer(
      "docs/transformers.md says what is computed, bit for bit.\n"
      "Examples: npugen generate specs/edge_float.yaml sum_lm.json --prompt 12+34= --tokens 5 "
      "--check\n"
      "          npugen generate models/llama --prompt \"Once upon a time\" --tokens 50 "
      "--format fp8");
  command.OnRun([options] {
    if (options->files.size() > 2) {
      return Report({UsageError("more than a spec and a model", "[SPEC] MODEL")});
    }
    options->model = options->files.back();
    if (options->files.size() == 2) options->spec = options->files.front();
    return Generator(*options).Run();
  });
}

}  // namespace npugen

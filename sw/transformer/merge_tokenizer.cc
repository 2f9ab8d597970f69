// SPDX-License-Identifier: Apache-2.0
// Byte pair encoding: changes, cuts, symbols, merges.
#include "sw/transformer/merge_tokenizer.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <unordered_map>

#include "sw/model/describe.h"
#include "sw/transformer/text_cut.h"

namespace npugen {
namespace {

using Code = DiagnosticCode;

/// UTF-8 of a character below 0x800.
std::string ShortUtf8(uint32_t character) {
  if (character < 0x80) return std::string(1, static_cast<char>(character));
  return {static_cast<char>(0xc0 | character >> 6), static_cast<char>(0x80 | (character & 0x3f))};
}

/// GPT-2's alphabet: printable Latin characters are themselves, other bytes follow from 256 on.
std::array<std::string, 256> MakeByteAlphabet() {
  std::array<std::string, 256> alphabet;
  uint32_t next = 256;
  for (uint32_t byte = 0; byte < 256; ++byte) {
    const bool printable =
        (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
    alphabet[byte] = ShortUtf8(printable ? byte : next++);
  }
  return alphabet;
}
const std::array<std::string, 256>& ByteAlphabet() {
  static const std::array<std::string, 256> alphabet = MakeByteAlphabet();
  return alphabet;
}

class MergeTokenizer : public Tokenizer {
 public:
  MergeTokenizer(MergeVocabulary vocabulary, std::vector<TextCut> cuts)
      : vocabulary_(std::move(vocabulary)), cuts_(std::move(cuts)) {
    for (uint32_t i = 0; i < vocabulary_.tokens.size(); ++i) {
      const MergeVocabulary::Token& token = vocabulary_.tokens[i];
      if (!token.is_added && !token.text.empty()) numbers_.emplace(token.text, i);
    }
    for (uint32_t byte = 0; byte < 256; ++byte) bytes_of_.emplace(ByteAlphabet()[byte], byte);
  }

  /// Says which merge is of what are no tokens.
  std::optional<size_t> ListMerges() {
    for (size_t i = 0; i < vocabulary_.merges.size(); ++i) {
      const auto& [left, right] = vocabulary_.merges[i];
      const auto a = numbers_.find(left), b = numbers_.find(right), c = numbers_.find(left + right);
      if (a == numbers_.end() || b == numbers_.end() || c == numbers_.end()) return i;
      joins_.emplace(uint64_t{a->second} << 32 | b->second,
                     TokenJoin{static_cast<double>(i), c->second});
    }
    vocabulary_.merges = {};
    return std::nullopt;
  }

  uint32_t size() const override { return static_cast<uint32_t>(vocabulary_.tokens.size()); }
  std::optional<uint32_t> begin() const override { return vocabulary_.begin; }

  Result<std::vector<uint32_t>> Encode(std::string_view text) const override {
    std::string changed(text);
    std::vector<uint32_t> tokens;
    if (text.empty()) return tokens;
    for (const TextChange& change : vocabulary_.changes) {
      if (change.kind == TextChange::Kind::kReplace) {
        changed = Replaced(std::move(changed), change.from, change.to);
      } else if (change.kind == TextChange::Kind::kPrepend) {
        if (change.from.empty() || !changed.starts_with(change.from)) changed = change.to + changed;
      } else {
        auto normal = NormalFormC(changed);
        if (!normal) return PromptProblem("the prompt is no UTF-8", "text in UTF-8");
        changed = std::move(*normal);
      }
    }
    std::vector<std::string_view> pieces = {changed};
    for (const TextCut& cut : cuts_) {
      std::vector<std::string_view> smaller;
      for (const std::string_view piece : pieces) {
        const auto parts = cut.Apply(piece);
        if (!parts) {
          return PromptProblem("the prompt cannot be cut into words: it is too long for that",
                               "a shorter prompt");
        }
        smaller.insert(smaller.end(), parts->begin(), parts->end());
      }
      pieces = std::move(smaller);
    }
    for (const std::string_view piece : pieces) {
      const auto added = EncodePiece(piece);
      if (!added) return added.errors();
      tokens.insert(tokens.end(), added->begin(), added->end());
    }
    return tokens;
  }

  std::string Decode(uint32_t token, bool first) const override {
    if (token >= vocabulary_.tokens.size() || !vocabulary_.tokens[token].is_text) return {};
    const MergeVocabulary::Token& entry = vocabulary_.tokens[token];
    if (entry.is_added) return entry.text;
    if (vocabulary_.bytes) {
      std::string result;
      for (size_t at = 0; at < entry.text.size();) {
        const std::string character =
            entry.text.substr(at, CharacterBytes(std::string_view(entry.text).substr(at)));
        const auto byte = bytes_of_.find(character);
        result +=
            byte == bytes_of_.end() ? character : std::string(1, static_cast<char>(byte->second));
        at += character.size();
      }
      return result;
    }
    if (const auto byte = vocabulary_.byte_tokens ? ByteOfToken(entry.text) : std::nullopt) {
      return std::string(1, static_cast<char>(*byte));
    }
    const std::string text = Replaced(entry.text, kBlankMark, " ");
    return first && vocabulary_.strips_first && text.starts_with(' ') ? text.substr(1) : text;
  }

 private:
  static Diagnostic PromptProblem(std::string message, std::string hint) {
    return {Code::kPrompt, SourceLocation(), std::move(message), std::move(hint)};
  }

  Result<std::vector<uint32_t>> EncodePiece(std::string_view piece) const {
    std::string word(piece);
    if (vocabulary_.bytes) {
      word.clear();
      for (const char byte : piece) word += ByteAlphabet()[static_cast<unsigned char>(byte)];
    }
    if (vocabulary_.whole_words) {
      if (const auto whole = numbers_.find(word); whole != numbers_.end()) {
        return std::vector<uint32_t>{whole->second};
      }
    }
    std::vector<uint32_t> tokens;
    for (size_t at = 0; at < word.size();) {
      const std::string character =
          word.substr(at, CharacterBytes(std::string_view(word).substr(at)));
      at += character.size();
      if (const auto found = numbers_.find(character); found != numbers_.end()) {
        tokens.push_back(found->second);
        continue;
      }
      for (const char byte : character) {
        const auto found =
            vocabulary_.byte_tokens
                ? numbers_.find(fmt::format("<0x{:02X}>", static_cast<unsigned char>(byte)))
                : numbers_.end();
        if (found == numbers_.end()) {
          return PromptProblem(fmt::format("no token has the character \"{}\" of the prompt",
                                           PrintableName(character)),
                               "characters of the model's tokenizer");
        }
        tokens.push_back(found->second);
      }
    }
    return JoinTokens(std::move(tokens), [this](uint32_t left, uint32_t right) {
      const auto found = joins_.find(uint64_t{left} << 32 | right);
      return found == joins_.end() ? std::nullopt : std::optional(found->second);
    });
  }

  MergeVocabulary vocabulary_;
  std::vector<TextCut> cuts_;
  std::unordered_map<std::string, uint32_t> numbers_;
  std::unordered_map<std::string, uint32_t> bytes_of_;
  std::unordered_map<uint64_t, TokenJoin> joins_;
};

}  // namespace

Result<std::shared_ptr<const Tokenizer>> MakeMergeTokenizer(MergeVocabulary vocabulary,
                                                            const std::string& file) {
  const auto fail = [&file](std::string message, std::string hint) {
    return Diagnostic(Code::kTokenizer, SourceLocation{file}, std::move(message), std::move(hint));
  };
  std::vector<TextCut> cuts;
  for (const std::string& pattern : vocabulary.cuts) {
    std::string problem;
    auto cut = TextCut::Make(pattern, problem);
    if (!cut) {
      return fail(fmt::format("the expression \"{}\" cannot be read: {}",
                              PrintableName(pattern.substr(0, 60)), problem),
                  "a regular expression");
    }
    cuts.push_back(std::move(*cut));
  }
  if (vocabulary.begin && *vocabulary.begin >= vocabulary.tokens.size()) {
    return fail(fmt::format("texts begin with token {}", *vocabulary.begin),
                fmt::format("there are {} tokens", vocabulary.tokens.size()));
  }
  auto tokenizer = std::make_shared<MergeTokenizer>(std::move(vocabulary), std::move(cuts));
  if (const auto wrong = tokenizer->ListMerges()) {
    return fail(fmt::format("merge {} is of texts that are no tokens", *wrong),
                "two tokens whose union is a token");
  }
  return std::shared_ptr<const Tokenizer>(std::move(tokenizer));
}

std::optional<std::vector<std::string>> CutPatternOf(std::string_view name) {
  constexpr std::string_view kLlama3Cut =
      R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
  constexpr std::string_view kQwen2Cut =
      R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
  if (name == "default" || name == "gpt-2") return {{std::string(kGpt2Cut)}};
  if (name == "llama-bpe") return {{std::string(kLlama3Cut)}};
  if (name == "qwen2") return {{std::string(kQwen2Cut)}};
  if (name == "smollm") return {{R"(\p{N})", std::string(kGpt2Cut)}};
  return std::nullopt;
}

}  // namespace npugen
